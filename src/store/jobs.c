#include "store/jobs.h"

#include "internal.h"

/* A server that is not there any more has no session; one that lost its session for a moment is still waited for. */
#define LEASE    "interval '60 seconds'"
#define SILENCE  "interval '10 seconds'" /* of a holder without session */
#define GONE     "interval '20 seconds'"
#define PRESENCE "1801545577" /* first half of the advisory lock: "kagi" */
#define IS_PRESENT(node)                                                                                     \
    "EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = " PRESENCE                 \
    " AND l.objid = " node "::text::oid AND l.database = (SELECT oid FROM pg_database WHERE datname = "      \
    "current_database()))"
#define KEPT "interval '30 days'" /* jobs that have ended */
enum { BATCH_BYTES = 8 << 20 };

int64_t store_node(const struct store *s)
{
    return s->node;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

static const char job_columns[] = "id, state, generation, rtypes::int8[], base, at_rtype, at_rid, done, "
                                  "changed, coalesce(total, -1), created, started, "
                                  "ended, message";

void store_reindex_request_plan(const struct store *s, struct str id, const int16_t *types, size_t n,
                                struct str base, struct sql *q)
{
    sql_init(q, q->a, NULL);
    int tenant = sql_int4(q, s->tenant.id), rtypes = sql_int2_array(q, types, n);
    sql_addf(q,
             "WITH there AS (SELECT id FROM job WHERE tenant = $%d AND state IN (1, 2) AND rtypes = "
             "$%d::int2[] AND "
             "at_rtype = 0 AND at_rid = '' LIMIT 1), made AS (INSERT INTO job (tenant, id, generation, "
             "rtypes, base) SELECT "
             "$%d, $%d, ",
             tenant, rtypes, tenant, sql_text(q, id));
    sql_addf(q,
             "coalesce((SELECT generation FROM search_generation WHERE tenant = $%d), 0), $%d::int2[], $%d "
             "WHERE NOT EXISTS (SELECT FROM there) RETURNING id) SELECT id FROM there UNION ALL SELECT id "
             "FROM made",
             tenant, rtypes, sql_text(q, base));
}

void store_job_plan(const struct store *s, struct str id, struct sql *q)
{
    sql_init(q, q->a, "job");
    sql_addf(q, "SELECT %s FROM job WHERE tenant = $%d AND id = $", job_columns, sql_int4(q, s->tenant.id));
    sql_addf(q, "%d", sql_text(q, id));
}

bool store_job_reply(const struct db_rows *rows, struct arena *a, struct store_job *out)
{
    if (db_count(rows) == 0)
        return false;
    int64_t *types;
    *out = (struct store_job){
        .id = db_text(rows, 0, 0),
        .state = (enum store_job_state)db_int2(rows, 0, 1),
        .generation = db_int8(rows, 0, 2),
        .base = db_text(rows, 0, 4),
        .at_type = db_int2(rows, 0, 5),
        .at_id = db_text(rows, 0, 6),
        .done = db_int8(rows, 0, 7),
        .changed = db_int8(rows, 0, 8),
        .total = db_int8(rows, 0, 9),
        .created_us = db_timestamptz(rows, 0, 10),
        .started_us = db_null(rows, 0, 11) ? 0 : db_timestamptz(rows, 0, 11),
        .ended_us = db_null(rows, 0, 12) ? 0 : db_timestamptz(rows, 0, 12),
        .message = db_text(rows, 0, 13),
    };
    out->n_types = db_int8_array(rows, 0, 3, a, &types);
    out->types = ARENA_ARRAY(a, int16_t, out->n_types);
    for (size_t i = 0; i < out->n_types; i++)
        out->types[i] = (int16_t)types[i];
    return true;
}

void store_cancel_plan(const struct store *s, struct str id, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "UPDATE job j SET state = %d, ended = now() WHERE tenant = $%d AND id = $", JOB_CANCELLED,
             sql_int4(q, s->tenant.id));
    sql_addf(
        q,
        "%d AND state IN (1, 2) AND NOT EXISTS (SELECT FROM search_parameter p WHERE p.tenant = j.tenant AND "
        "p.job = j.id) RETURNING 1",
        sql_text(q, id));
}

void store_claim_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, "claim");
    int tenant = sql_int4(q, s->tenant.id), node = sql_int8(q, s->node);
    sql_addf(q,
             "UPDATE job SET state = %d, node = $%d, lease = now() + " LEASE
             ", started = coalesce(started, now()) WHERE tenant = $%d AND id = (SELECT id FROM job j WHERE ",
             JOB_RUNNING, node, tenant);
    sql_addf(q,
             "tenant = $%d AND state IN (1, 2) AND (lease IS NULL OR lease < now() OR node = $%d OR lease < "
             "now() + " LEASE " - " SILENCE " AND NOT ",
             tenant, node);
    sql_adds(q, IS_PRESENT("j.node"));
    sql_addf(q, ") ORDER BY created LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING %s", job_columns);
}

void store_progress_plan(const struct store *s, const struct store_job *job, struct sql *q)
{
    sql_init(q, q->a, "progress");
    sql_addf(q, "UPDATE job SET lease = now() + " LEASE ", at_rtype = $%d, ", sql_int2(q, job->at_type));
    sql_addf(q, "at_rid = $%d, ", sql_text(q, job->at_id));
    sql_addf(q, "done = $%d, ", sql_int8(q, job->done));
    sql_addf(q, "changed = $%d, ", sql_int8(q, job->changed));
    sql_addf(q, "total = nullif($%d::int8, -1) WHERE tenant = $", sql_int8(q, job->total));
    sql_addf(q, "%d AND id = $", sql_int4(q, s->tenant.id));
    sql_addf(q, "%d AND state = %d AND node = $", sql_text(q, job->id), JOB_RUNNING);
    sql_addf(q, "%d RETURNING 1", sql_int8(q, s->node));
}

void store_finish_plan(const struct store *s, const struct store_job *job, struct sql *q)
{
    sql_init(q, q->a, NULL);
    int tenant = sql_int4(q, s->tenant.id), id = sql_text(q, job->id);
    sql_addf(q, "WITH j AS (UPDATE job SET state = $%d, ended = now(), ", sql_int2(q, (int16_t)job->state));
    sql_addf(q, "message = $%d ", job->message.s ? sql_text(q, job->message) : sql_null(q, SQL_TEXT));
    sql_addf(
        q,
        "WHERE tenant = $%d AND id = $%d AND state = %d AND node = $%d RETURNING state, rtypes, started), ",
        tenant, id, JOB_RUNNING, sql_int8(q, s->node));
    /* everything has been indexed anew: it has the words that are kept */
    sql_addf(q,
             "i AS (UPDATE index_state SET text = kept, form = kept_form FROM j WHERE j.state = %d AND "
             "tenant = $%d AND "
             "j.rtypes = '{}' AND j.started >= since), ",
             JOB_DONE, tenant);
    sql_addf(q,
             "b AS (UPDATE blind_key SET done = now() FROM j WHERE j.state = %d AND tenant = $%d AND "
             "j.rtypes = '{}' AND j.started >= made + interval '" STORE__BLIND_RIPE "' AND done IS NULL), ",
             JOB_DONE, tenant);
    sql_addf(
        q,
        "old AS (DELETE FROM job WHERE tenant = $%d AND ended < now() - " KEPT
        " AND NOT EXISTS (SELECT FROM search_parameter p WHERE p.tenant = job.tenant AND p.job = job.id)), "
        "p AS (UPDATE search_parameter SET ready = true, job = NULL FROM j WHERE j.state = %d AND "
        "tenant = $%d "
        "AND job = $%d RETURNING 1) "
        "UPDATE search_generation SET generation = generation + 1 WHERE tenant = $%d AND EXISTS (SELECT "
        "FROM p)",
        tenant, JOB_DONE, tenant, id, tenant);
}

void store_count_plan(const struct store *s, const struct store_job *job, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "SELECT count(*) FROM res WHERE tenant = $%d AND NOT deleted", sql_int4(q, s->tenant.id));
    if (job->n_types)
        sql_addf(q, " AND rtype = ANY ($%d::int2[])", sql_int2_array(q, job->types, job->n_types));
}

/* How many rows of them a resource has, with what it contains. */
#define SIDE(table) "(SELECT count(*) FROM " table " x WHERE x.tenant = y.tenant AND x.k = ANY (o.ks))"
static const char side_rows[] =
    SIDE("idx_str") " + " SIDE("idx_date") " + " SIDE("idx_num") " + " SIDE("idx_text") " + " SIDE("idx_ovf");

void store_stored_plan(const struct store *s, const struct fhir_type *type, struct str after, int n,
                       struct sql *q)
{
    sql_init(q, q->a, "stored");
    sql_addf(q,
             "SELECT rid, ver, ix, pat, code, cat, dt, dt_hi, q::text, q_standard::text, q_unit, "
             "cardinality(o.ks) - 1 + %s, labels, keys, content, sealed FROM (SELECT *, "
             "sum(octet_length(content)) OVER (ORDER BY rid) - octet_length(content) AS before FROM (SELECT "
             "* FROM res WHERE tenant = $%d AND ",
             side_rows, sql_int4(q, s->tenant.id));
    sql_addf(q, "rtype = $%d AND ", sql_int2(q, (int16_t)type->id));
    sql_addf(q, "rid > $%d AND NOT deleted ORDER BY rid ", sql_text(q, after));
    sql_addf(q,
             "LIMIT $%d) x) y "
             "CROSS JOIN LATERAL (SELECT y.k || ARRAY(SELECT c.k FROM contained c WHERE c.tenant = y.tenant "
             "AND c.ck = y.k) AS ks) o "
             "WHERE before < %d ORDER BY rid",
             sql_int8(q, n), BATCH_BYTES);
}

/* ---- servers --------------------------------------------------------------------------------------------------- */

void store_alive_plan(const struct store *s, int64_t generation, struct sql *q)
{
    sql_init(q, q->a, "alive");
    sql_addf(q, "INSERT INTO server (tenant, node, generation) VALUES ($%d, ", sql_int4(q, s->tenant.id));
    sql_addf(q, "$%d, ", sql_int8(q, s->node));
    sql_addf(q,
             "$%d) ON CONFLICT (tenant, node) DO UPDATE SET generation = excluded.generation, seen = now()",
             sql_int8(q, generation));
}

void store_gone_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "DELETE FROM server WHERE tenant = $%d ", sql_int4(q, s->tenant.id));
    sql_addf(q, "AND node = $%d", sql_int8(q, s->node));
}

void store_presence_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "SELECT pg_try_advisory_lock(" PRESENCE ", $%d)", sql_int4(q, (int32_t)s->node));
}

void store_behind_plan(const struct store *s, int64_t generation, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "SELECT count(*) FROM server s WHERE tenant = $%d ", sql_int4(q, s->tenant.id));
    sql_addf(q, "AND generation < $%d AND (seen > now() - " GONE " OR " IS_PRESENT("s.node") ")",
             sql_int8(q, generation));
}

/* ---- search parameters ----------------------------------------------------------------------------------------- */

void store_generation_plan(const struct store *s, int16_t rtype, struct sql *q)
{
    sql_init(q, q->a, "generation");
    sql_addf(
        q,
        "SELECT g.generation, EXISTS (SELECT FROM res_history h WHERE h.tenant = g.tenant AND h.rtype = $%d "
        "AND h.xid >= g.seen AND h.xid < pg_snapshot_xmin(pg_current_snapshot())) FROM search_generation g "
        "WHERE ",
        sql_int2(q, rtype));
    sql_addf(q, "g.tenant = $%d", sql_int4(q, s->tenant.id));
}

void store_first_generation_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q,
             "INSERT INTO search_generation AS g VALUES ($%d, 1, '0') ON CONFLICT (tenant) DO UPDATE SET "
             "seen = '0' WHERE g.seen > pg_snapshot_xmin(pg_current_snapshot())",
             sql_int4(q, s->tenant.id));
}

void store_hold_generation_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "SELECT FROM search_generation WHERE tenant = $%d FOR UPDATE", sql_int4(q, s->tenant.id));
}

void store_lock_generation_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q,
             "UPDATE search_generation SET seen = pg_snapshot_xmin(pg_current_snapshot()) WHERE tenant = $%d "
             "RETURNING generation",
             sql_int4(q, s->tenant.id));
}

void store_parameters_plan(const struct store *s, int16_t rtype, struct sql *q)
{
    sql_init(q, q->a, NULL);
    int tenant = sql_int4(q, s->tenant.id);
    sql_addf(q,
             "SELECT coalesce(r.k, p.k), r.ver, r.content, p.ver, h.content, coalesce(r.rid, h.rid), "
             "EXISTS (SELECT FROM job j WHERE j.tenant = p.tenant AND j.id = p.job AND j.state = %d) FROM "
             "(SELECT * "
             "FROM res WHERE tenant = $%d AND rtype = $%d AND NOT deleted) r FULL JOIN (SELECT * FROM "
             "search_parameter WHERE tenant = $%d) p USING (k) LEFT JOIN res_history h ON h.tenant = $%d AND "
             "h.k = "
             "p.k AND h.ver = p.ver ORDER BY 1",
             JOB_FAILED, tenant, sql_int2(q, rtype), tenant, tenant);
}

void store_use_plan(const struct store *s, int64_t k, int32_t ver, struct str job, struct sql *q)
{
    sql_init(q, q->a, NULL);
    int tenant = sql_int4(q, s->tenant.id), key = sql_int8(q, k);
    if (ver == 0) {
        sql_addf(q, "DELETE FROM search_parameter WHERE tenant = $%d AND k = $%d", tenant, key);
        return;
    }
    sql_addf(q,
             "INSERT INTO search_parameter AS p (tenant, k, ver, ready, job) VALUES ($%d, $%d, $%d, false, ",
             tenant, key, sql_int4(q, ver));
    sql_addf(q, "$%d) ON CONFLICT (tenant, k) DO UPDATE SET ver = excluded.ver",
             job.s ? sql_text(q, job) : sql_null(q, SQL_TEXT));
    if (job.s)
        sql_adds(q, ", ready = false, job = excluded.job");
}

void store_next_generation_plan(const struct store *s, struct str id, const int16_t *types, size_t n,
                                struct str base, struct sql *q)
{
    sql_init(q, q->a, NULL);
    int tenant = sql_int4(q, s->tenant.id);
    sql_addf(
        q,
        "WITH g AS (UPDATE search_generation SET generation = generation + 1 WHERE tenant = $%d RETURNING "
        "generation) INSERT INTO job (tenant, id, generation, rtypes, base) SELECT $%d, $%d, generation, ",
        tenant, tenant, sql_text(q, id));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, types, n));
    /* without http.base_url: the URL that a client used last */
    sql_addf(q,
             "coalesce(nullif($%d, ''), (SELECT base FROM job WHERE tenant = $%d AND base <> '' ORDER BY "
             "created DESC "
             "LIMIT 1), '') FROM g",
             sql_text(q, base), tenant);
}

void store_registry_plan(const struct store *s, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q,
             "SELECT g.generation, h.rid, p.ready, p.job, h.content FROM search_generation g LEFT JOIN "
             "(search_parameter p JOIN res_history h USING (tenant, k, ver)) ON p.tenant = g.tenant WHERE "
             "g.tenant = "
             "$%d ORDER BY p.k",
             sql_int4(q, s->tenant.id));
}
