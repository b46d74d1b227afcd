#include <stdlib.h>

#include "internal.h"
#include "search/access.h"

static void by_primary_key(const struct store *s, const struct fhir_type *type, struct str id, struct sql *q,
                           const char *alias)
{
    sql_addf(q, "%stenant = $%d AND ", alias, sql_int4(q, s->tenant.id));
    sql_addf(q, "%srtype = $%d AND ", alias, sql_int2(q, (int16_t)type->id));
    sql_addf(q, "%srid = $%d", alias, sql_text(q, id));
}

void store_read_plan(const struct store *s, const struct fhir_type *type, struct str id, struct sql *q)
{
    sql_init(q, q->a, "read");
    sql_adds(q, "SELECT ver, lu, deleted, content, sealed, pat FROM res WHERE ");
    by_primary_key(s, type, id, q, "");
}

void store_check_plan(const struct store *s, const struct fhir_type *type, struct str id,
                      const struct store_version *known, struct sql *q)
{
    sql_init(q, q->a, "check");
    int ver = sql_int4(q, known->ver), lu = sql_timestamptz(q, known->lu_us);
    sql_addf(q,
             "SELECT ver, lu, deleted, CASE WHEN ver <> $%d OR lu <> $%d THEN content END, CASE WHEN ver <> "
             "$%d OR lu "
             "<> $%d THEN sealed END, pat FROM res WHERE ",
             ver, lu, ver, lu);
    by_primary_key(s, type, id, q, "");
}

void store_vread_plan(const struct store *s, const struct fhir_type *type, struct str id, int32_t ver,
                      struct sql *q)
{
    sql_init(q, q->a, "vread");
    sql_addf(q,
             "SELECT h.ver, h.lu, h.op = %d, h.content, h.sealed, r.pat FROM res r JOIN res_history h ON "
             "h.tenant = "
             "r.tenant "
             "AND h.k = r.k WHERE ",
             STORE_DELETE);
    by_primary_key(s, type, id, q, "r.");
    sql_addf(q, " AND h.ver = $%d", sql_int4(q, ver));
}

void store_read_repeat_plan(const struct store *s, const struct fhir_type *type, struct str id,
                            struct str text, struct sql *q)
{
    sql_init(q, q->a, SQL_BY_TEXT);
    buf_addstr(&q->text, text);
    sql_int4(q, s->tenant.id);
    sql_int2(q, (int16_t)type->id);
    sql_text(q, id);
}

static void begin_seen(const struct store *s, const struct fhir_type *type, struct str id, struct sql *q)
{
    sql_init(q, q->a, SQL_BY_TEXT);
    sql_adds(q, "SELECT r0.ver, r0.lu, r0.deleted, r0.content, r0.sealed, r0.pat FROM res r0 WHERE ");
    by_primary_key(s, type, id, q, "r0.");
}

void store_read_live_plan(const struct store *s, const struct fhir_type *type, struct str id,
                          const struct search_access *access, struct sql *q)
{
    if (!access) {
        store_read_plan(s, type, id, q);
        return;
    }
    begin_seen(s, type, id, q);
    sql_adds(q, " AND NOT r0.deleted");
    search_access_where(access, &type, 1, false, q);
}

void store_read_seen_plan(const struct store *s, const struct fhir_type *type, struct str id,
                          const struct search_access *access, struct sql *q)
{
    if (!access) {
        store_read_plan(s, type, id, q);
        return;
    }
    begin_seen(s, type, id, q);
    search_access_where(access, &type, 1, true, q);
}

void store_vread_seen_plan(const struct store *s, const struct fhir_type *type, struct str id, int32_t ver,
                           const struct search_access *access, struct sql *q)
{
    store_vread_plan(s, type, id, ver, q);
    if (!access)
        return;
    q->name = SQL_BY_TEXT;
    search_access_versions(access, &type, 1, true, q);
}

bool store_read_reply(const struct db_rows *rows, struct store_version *out)
{
    if (db_count(rows) == 0)
        return false;
    *out = (struct store_version){db_int4(rows, 0, 0), db_timestamptz(rows, 0, 1), db_bool(rows, 0, 2),
                                  store_text_at(rows, 0, 3), db_null(rows, 0, 5) ? 0 : db_int8(rows, 0, 5)};
    return true;
}

/* (rtype, rid) pairs as a table, with the place of each. */
static void add_pairs(struct sql *q, const int16_t *rtypes, const struct str *ids, size_t n)
{
    sql_addf(q, "unnest($%d::int2[], ", sql_int2_array(q, rtypes, n));
    sql_addf(q, "$%d::text[]) WITH ORDINALITY AS u(rtype, rid, place)", sql_text_array(q, ids, n));
}

void store_read_many_plan(const struct store *s, const int16_t *rtypes, const struct str *ids, size_t n,
                          const struct search_access *access, struct sql *q)
{
    sql_init(q, q->a, access ? SQL_BY_TEXT : "read-many");
    sql_adds(q, "SELECT r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, r0.k, r0.tenant FROM ");
    add_pairs(q, rtypes, ids, n);
    sql_addf(q,
             " JOIN res r0 ON r0.tenant = $%d AND r0.rtype = u.rtype AND r0.rid = u.rid WHERE NOT r0.deleted",
             sql_int4(q, s->tenant.id));
    if (access)
        search_access_where(access, NULL, 0, false, q);
    sql_adds(q, " ORDER BY u.place");
}

/* One resource for each label, which may be the same one. */
void store_labels_plan(const struct store *s, const struct fhir_type *type, int max,
                       const struct search_access *access, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q,
             "SELECT DISTINCT (r.content::jsonb -> 'meta')::text FROM (SELECT l, min(k) AS k FROM (SELECT k, "
             "unnest(labels) AS l FROM res r0 WHERE tenant = $%d AND NOT deleted AND labels <> '{}'",
             sql_int4(q, s->tenant.id));
    if (type)
        sql_addf(q, " AND rtype = $%d", sql_int2(q, (int16_t)type->id));
    if (access)
        search_access_where(access, &type, type ? 1 : 0, false, q);
    sql_addf(q, ") u GROUP BY l LIMIT $%d) d JOIN res r ON r.tenant = $%d AND r.k = d.k", sql_int8(q, max),
             sql_int4(q, s->tenant.id));
}

/* ---- history
 * --------------------------------------------------------------------------------------------------- */

static void history_filter(const struct store_history *h, struct sql *q)
{
    if (h->since_us != INT64_MIN)
        sql_addf(q, " AND h.lu >= $%d", sql_timestamptz(q, h->since_us));
    if (h->at_lo_us != INT64_MIN) {
        /* current at some point of the range: began before its end, and its successor not before its start */
        sql_addf(q, " AND h.lu <= $%d", sql_timestamptz(q, h->at_hi_us));
        sql_addf(q,
                 " AND NOT EXISTS (SELECT 1 FROM res_history x WHERE x.tenant = h.tenant AND x.k = h.k "
                 "AND x.ver = h.ver + 1 AND x.lu <= $%d)",
                 sql_timestamptz(q, h->at_lo_us));
    }
}

static void only_listed(const struct store *s, const struct store_history *h, struct sql *q)
{
    int16_t *rtypes = ARENA_ARRAY(q->a, int16_t, h->n_listed);
    struct str *ids = ARENA_ARRAY(q->a, struct str, h->n_listed);
    int32_t *vers = ARENA_ARRAY(q->a, int32_t, h->n_listed);
    for (size_t i = 0; i < h->n_listed; i++) {
        rtypes[i] = (int16_t)h->listed[i].type->id;
        ids[i] = h->listed[i].id;
        vers[i] = h->listed[i].ver;
    }
    sql_addf(q,
             " AND (h.k, h.ver) IN (SELECT r.k, coalesce(nullif(u.ver, 0), r.ver) FROM unnest($%d::int2[], ",
             sql_int2_array(q, rtypes, h->n_listed));
    sql_addf(q, "$%d::text[], ", sql_text_array(q, ids, h->n_listed));
    sql_addf(
        q,
        "$%d::int4[]) AS u(rtype, rid, ver) JOIN res r ON r.tenant = $%d AND r.rtype = u.rtype AND r.rid "
        "= u.rid)",
        sql_int4_array(q, vers, h->n_listed), sql_int4(q, s->tenant.id));
}

static void history_scope(const struct store *s, const struct store_history *h, struct sql *q)
{
    sql_addf(q, " FROM res_history h WHERE h.tenant = $%d", sql_int4(q, s->tenant.id));
    if (h->id.s) {
        sql_adds(q, " AND h.k = (SELECT k FROM res WHERE ");
        by_primary_key(s, h->type, h->id, q, "");
        sql_adds(q, ")");
    } else if (h->type) {
        sql_addf(q, " AND h.rtype = $%d", sql_int2(q, (int16_t)h->type->id));
    }
    history_filter(h, q);
    if (h->listed)
        only_listed(s, h, q);
    if (h->access)
        search_access_versions(h->access, &h->type, h->type ? 1 : 0, h->id.s, q);
}

/* The versions beyond the cursor, in the direction of op. */
static void beyond_cursor(const struct store_history *h, const char *op, struct sql *q)
{
    if (!h->after_xid.s)
        return;
    sql_addf(q, " AND (h.xid, h.k, h.ver) %s ($%d::text::xid8, ", op, sql_text(q, h->after_xid));
    sql_addf(q, "$%d, ", sql_int8(q, h->after_k));
    sql_addf(q, "$%d)", sql_int4(q, h->after_ver));
}

static const char history_columns[] =
    "h.rtype, h.rid, h.ver, h.lu, h.op, h.content, h.sealed, h.xid::text, h.k, ";

void store_feed_plan(const struct store *s, const struct store_history *h, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(
        q,
        "WITH e AS MATERIALIZED (SELECT kagari_epoch() AS epoch, pg_snapshot_xmin(pg_current_snapshot()) AS "
        "horizon) SELECT %sNULL::int8, e.epoch, e.horizon::text FROM e LEFT JOIN LATERAL (SELECT h.*",
        history_columns);
    history_scope(s, h, q);
    sql_adds(q, " AND h.xid < e.horizon");
    if (h->epoch.s)
        sql_addf(q, " AND e.epoch = $%d", sql_text(q, h->epoch));
    beyond_cursor(h, ">", q);
    sql_addf(q, " ORDER BY h.xid, h.k, h.ver LIMIT $%d) h ON true ORDER BY h.xid, h.k, h.ver",
             sql_int8(q, h->count + 1));
}

void store_history_plan(const struct store *s, const struct store_history *h, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "SELECT %s", history_columns);
    if (h->total) {
        sql_adds(q, "(SELECT count(*)");
        history_scope(s, h, q);
        sql_adds(q, ")");
    } else {
        sql_adds(q, "NULL::int8");
    }
    history_scope(s, h, q);
    if (h->id.s) {
        if (h->after_ver)
            sql_addf(q, " AND h.ver < $%d", sql_int4(q, h->after_ver));
        sql_adds(q, " ORDER BY h.ver DESC");
    } else {
        beyond_cursor(h, "<", q);
        sql_adds(q, " ORDER BY h.xid DESC, h.k DESC, h.ver DESC");
    }
    sql_addf(q, " LIMIT $%d", sql_int8(q, h->count + 1));
}

/* ---- locks
 * ------------------------------------------------------------------------------------------------------ */

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* PostgreSQL has room for some 6,000 locks of all sessions together, so the keys share LOCKS of them. */
void store_lock_plan(const int64_t *keys, size_t n, struct sql *q)
{
    enum { LOCKS = 2048 };
    static const int64_t ours = INT64_C(0x6b61676100000000);
    int64_t *locks = ARENA_ARRAY(q->a, int64_t, n);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        locks[i] = ours | (keys[i] & (LOCKS - 1));
    if (n)
        qsort(locks, n, sizeof *locks, by_value);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || locks[i] != locks[kept - 1])
            locks[kept++] = locks[i];
    sql_init(q, q->a, "lock");
    sql_addf(q, "SELECT pg_advisory_xact_lock(u) FROM unnest($%d::int8[]) u", sql_int8_array(q, locks, kept));
}

void store_lock_rows_plan(const struct store *s, const int16_t *rtypes, const struct str *ids, size_t n,
                          struct sql *q)
{
    sql_init(q, q->a, "lock-rows");
    sql_adds(q, "SELECT 1 FROM res r JOIN ");
    add_pairs(q, rtypes, ids, n);
    sql_addf(q,
             " ON r.rtype = u.rtype AND r.rid = u.rid WHERE r.tenant = $%d ORDER BY r.rtype, r.rid FOR "
             "UPDATE OF r",
             sql_int4(q, s->tenant.id));
}

void store_missing_plan(const struct store *s, const struct search_index_ref *refs, size_t n, bool share,
                        const struct search_access *access, struct sql *q)
{
    int16_t *rtypes = ARENA_ARRAY(q->a, int16_t, n);
    struct str *ids = ARENA_ARRAY(q->a, struct str, n);
    for (size_t i = 0; i < n; i++) {
        rtypes[i] = (int16_t)refs[i].type->id;
        ids[i] = refs[i].id;
    }
    sql_init(q, q->a, access ? SQL_BY_TEXT : share ? "missing-share" : "missing");
    sql_adds(q, "WITH u AS (SELECT * FROM unnest(");
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, rtypes, n));
    sql_addf(q, "$%d::text[]) WITH ORDINALITY AS u(rtype, rid, n)), ", sql_text_array(q, ids, n));
    sql_addf(
        q,
        "there AS MATERIALIZED (SELECT r0.rtype, r0.rid FROM res r0 WHERE r0.tenant = $%d AND NOT r0.deleted "
        "AND (r0.rtype, r0.rid) IN (SELECT rtype, rid FROM u)",
        sql_int4(q, s->tenant.id));
    if (access)
        search_access_where(access, NULL, 0, false, q);
    sql_addf(q,
             "%s) SELECT (u.n - 1)::int4 FROM u WHERE (u.rtype, u.rid) NOT IN (SELECT rtype, rid FROM there) "
             "ORDER BY u.n",
             share ? " ORDER BY r0.rtype, r0.rid FOR SHARE" : "");
}
