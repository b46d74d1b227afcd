#include "store/deferred.h"

#include "internal.h"

enum { LOCKS = 0x6b616764 }; /* first half of the advisory locks: "kagd" */

void store_defer_lock_plan(const struct store *s, struct str who, struct sql *q)
{
    sql_init(q, q->a, "defer-lock");
    sql_addf(q, "SELECT pg_advisory_xact_lock(%d, $%d)", LOCKS,
             sql_int4(q, (int32_t)hash_strs(&s->tenant.key, STR("deferred"), who)));
}

void store_defer_plan(const struct store *s, struct str id, const struct store_deferred_owner *of,
                      int64_t max, int64_t keep_us, struct sql *q)
{
    sql_init(q, q->a, "defer");
    int tenant = sql_int4(q, s->tenant.id), who = sql_text(q, of->who);
    sql_addf(q,
             "WITH gone AS (DELETE FROM deferred WHERE tenant = $%d AND expires < now()) "
             "INSERT INTO deferred (tenant, id, owner, rights, alive, expires) SELECT $%d, $%d, $%d, $%d, ",
             tenant, tenant, sql_text(q, id), who, sql_text(q, of->rights));
    sql_addf(q,
             "now(), now() + $%d * interval '1 microsecond' WHERE (SELECT count(*) FROM deferred WHERE "
             "tenant = $%d AND owner = $%d AND expires >= now()) < $%d RETURNING 1",
             sql_int8(q, keep_us), tenant, who, sql_int8(q, max));
}

void store_deferred_done_plan(const struct store *s, struct str id, struct str content, bool manifest,
                              int64_t keep_us, struct sql *q)
{
    sql_init(q, q->a, "deferred-done");
    sql_addf(q, "UPDATE deferred SET content = $%d, manifest = $%d, expires = now() + $",
             sql_text(q, content), sql_bool(q, manifest));
    sql_addf(q, "%d * interval '1 microsecond' WHERE tenant = $%d AND id = $%d RETURNING 1",
             sql_int8(q, keep_us), sql_int4(q, s->tenant.id), sql_text(q, id));
}

void store_deferred_file_plan(const struct store *s, struct str id, int n, struct str content, struct sql *q)
{
    sql_init(q, q->a, "deferred-file");
    sql_addf(q, "INSERT INTO deferred_file (tenant, id, n, content) VALUES ($%d, $%d, $%d, $%d)",
             sql_int4(q, s->tenant.id), sql_text(q, id), sql_int4(q, n), sql_text(q, content));
}

void store_deferred_lost_plan(const struct store *s, struct str id, struct sql *q)
{
    sql_init(q, q->a, "deferred-lost");
    sql_addf(q, "UPDATE deferred SET alive = '-infinity' WHERE tenant = $%d AND id = $%d",
             sql_int4(q, s->tenant.id), sql_text(q, id));
}

void store_deferred_wanted_plan(const struct store *s, struct str id, struct sql *q)
{
    sql_init(q, q->a, "deferred-wanted");
    sql_addf(q, "SELECT 1 FROM deferred WHERE tenant = $%d AND id = $%d AND expires >= now()",
             sql_int4(q, s->tenant.id), sql_text(q, id));
}

/* The row that this owner may know of. */
static void add_his(const struct store *s, struct str id, const struct store_deferred_owner *of,
                    struct sql *q)
{
    sql_addf(q, "tenant = $%d AND id = $%d AND owner = $%d AND rights = $%d", sql_int4(q, s->tenant.id),
             sql_text(q, id), sql_text(q, of->who), sql_text(q, of->rights));
}

void store_deferred_drop_plan(const struct store *s, struct str id, const struct store_deferred_owner *of,
                              struct sql *q)
{
    sql_init(q, q->a, "deferred-drop");
    sql_adds(q, "DELETE FROM deferred WHERE expires >= now() AND ");
    add_his(s, id, of, q);
    sql_adds(q, " RETURNING 1");
}

void store_deferred_alive_plan(const struct store *s, const struct str *ids, size_t n, struct sql *q)
{
    sql_init(q, q->a, "deferred-alive");
    int tenant = sql_int4(q, s->tenant.id);
    sql_addf(q,
             "WITH gone AS (DELETE FROM deferred WHERE tenant = $%d AND expires < now()) UPDATE deferred SET "
             "alive = now() WHERE tenant = $%d AND id = ANY ($%d::text[]) AND expires >= now()",
             tenant, tenant, sql_text_array(q, ids, n));
}

void store_deferred_plan(const struct store *s, struct str id, const struct store_deferred_owner *of,
                         struct sql *q)
{
    sql_init(q, q->a, "deferred");
    sql_addf(q,
             "SELECT alive > now() - %d * interval '1 second', expires, content, manifest FROM deferred "
             "WHERE expires "
             ">= now() AND ",
             STORE_DEFERRED_ALIVE_S);
    add_his(s, id, of, q);
}

void store_deferred_read_file_plan(const struct store *s, struct str id, int n,
                                   const struct store_deferred_owner *of, struct sql *q)
{
    sql_init(q, q->a, "deferred-read-file");
    sql_addf(
        q,
        "SELECT f.content FROM deferred_file f WHERE f.tenant = $%d AND f.n = $%d AND f.id = (SELECT id FROM "
        "deferred WHERE content IS NOT NULL AND expires >= now() AND ",
        sql_int4(q, s->tenant.id), sql_int4(q, n));
    add_his(s, id, of, q);
    sql_adds(q, ")");
}

bool store_deferred_reply(const struct db_rows *rows, struct store_deferred *out)
{
    if (db_count(rows) == 0)
        return false;
    *out = (struct store_deferred){db_bool(rows, 0, 0), db_timestamptz(rows, 0, 1), db_text(rows, 0, 2),
                                   db_bool(rows, 0, 3)};
    return true;
}
