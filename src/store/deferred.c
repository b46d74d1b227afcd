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

/* What is kept of an answer, or of one of its files: itself, or sealed. */
struct kept {
    int content, sealed; /* parameters */
};

static struct str context_of(struct arena *a, struct str id, int n)
{
    return str_of(arena_printf(a, "deferred answer %.*s %d", STR_FMT(id), n));
}

static struct kept keep(const struct store *s, struct str id, int n, struct str content, struct sql *q)
{
    struct str sealed;
    if (!s->policy)
        return (struct kept){sql_text(q, content), sql_null(q, SQL_BYTEA)};
    identity_seal_text(atomic_load(&s->keys), q->a, context_of(q->a, id, n), content, &sealed);
    return (struct kept){sql_text(q, STR("")), sql_bytea(q, sealed.s, sealed.len)};
}

static bool open_kept(const struct store *s, struct arena *a, struct str id, int n, struct store_text text,
                      struct str *out, struct err *err)
{
    *out = text.kept;
    if (!text.kept.s || !text.sealed.s)
        return true;
    const struct identity_keys *keys = atomic_load(&s->keys);
    if (!keys)
        return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                          "an answer is sealed, and there is no data key");
    return identity_open_text(keys, a, context_of(a, id, n), text.sealed, out, err);
}

enum { THE_ANSWER = -1 }; /* files count from 0 */

void store_deferred_done_plan(const struct store *s, struct str id, struct str content, bool manifest,
                              int64_t keep_us, struct sql *q)
{
    sql_init(q, q->a, "deferred-done");
    struct kept k = keep(s, id, THE_ANSWER, content, q);
    sql_addf(q, "UPDATE deferred SET content = $%d, sealed = $%d, manifest = $%d, expires = now() + $",
             k.content, k.sealed, sql_bool(q, manifest));
    sql_addf(q, "%d * interval '1 microsecond' WHERE tenant = $%d AND id = $%d RETURNING 1",
             sql_int8(q, keep_us), sql_int4(q, s->tenant.id), sql_text(q, id));
}

void store_deferred_file_plan(const struct store *s, struct str id, int n, struct str content, struct sql *q)
{
    sql_init(q, q->a, "deferred-file");
    struct kept k = keep(s, id, n, content, q);
    sql_addf(q, "INSERT INTO deferred_file (tenant, id, n, content, sealed) VALUES ($%d, $%d, $%d, $%d, $%d)",
             sql_int4(q, s->tenant.id), sql_text(q, id), sql_int4(q, n), k.content, k.sealed);
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
    sql_addf(
        q,
        "SELECT alive > now() - %d * interval '1 second', expires, manifest, content, sealed FROM deferred "
        "WHERE expires "
        ">= now() AND ",
        STORE_DEFERRED_ALIVE_S);
    add_his(s, id, of, q);
}

void store_deferred_read_file_plan(const struct store *s, struct str id, int n,
                                   const struct store_deferred_owner *of, struct sql *q)
{
    sql_init(q, q->a, "deferred-read-file");
    sql_addf(q,
             "SELECT f.content, f.sealed FROM deferred_file f WHERE f.tenant = $%d AND f.n = $%d AND f.id = "
             "(SELECT id FROM "
             "deferred WHERE content IS NOT NULL AND expires >= now() AND ",
             sql_int4(q, s->tenant.id), sql_int4(q, n));
    add_his(s, id, of, q);
    sql_adds(q, ")");
}

bool store_deferred_reply(const struct store *s, struct arena *a, struct str id, const struct db_rows *rows,
                          struct store_deferred *out, struct err *err)
{
    *out = (struct store_deferred){.there = db_count(rows) > 0};
    if (!out->there)
        return true;
    out->alive = db_bool(rows, 0, 0);
    out->expires_us = db_timestamptz(rows, 0, 1);
    out->manifest = db_bool(rows, 0, 2);
    return open_kept(s, a, id, THE_ANSWER, store_text_at(rows, 0, 3), &out->content, err);
}

bool store_deferred_file_reply(const struct store *s, struct arena *a, struct str id, int n,
                               const struct db_rows *rows, struct str *out, struct err *err)
{
    *out = (struct str){NULL, 0};
    return db_count(rows) == 0 || open_kept(s, a, id, n, store_text_at(rows, 0, 0), out, err);
}
