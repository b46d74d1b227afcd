#include "store/reseal.h"

#include "internal.h"

/* A writer that wants one of the rows waits as long as a step's update takes. */
enum { ROWS = 200 };

static const char *const tables[] = {"res", "res_history"};
enum { TABLES = sizeof tables / sizeof *tables };

/* "sealed is with another key": bytes 1 and 2 are the key's number (identity/seal.c). */
static void with_another(struct sql *q, int number)
{
    uint8_t *bytes = arena_alloc(q->a, 2);
    bytes[0] = (uint8_t)(number >> 8);
    bytes[1] = (uint8_t)number;
    sql_addf(q, "sealed IS NOT NULL AND substr(sealed, 2, 2) <> $%d", sql_bytea(q, bytes, 2));
}

static bool count(struct store *s, struct arena *a, struct db_conn *conn, int number, int64_t *n,
                  struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    for (int t = 0; t < TABLES; t++) {
        sql_addf(&q, "%s(SELECT count(*) FROM %s WHERE tenant = $%d AND ", t ? " + " : "SELECT ", tables[t],
                 sql_int4(&q, s->tenant.id));
        with_another(&q, number);
        sql_adds(&q, ")");
    }
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    *n = db_int8(rows, 0, 0);
    return true;
}

bool store_reseal_begin(struct store *s, struct arena *a, struct db_conn *conn, struct store_reseal *out,
                        struct err *err)
{
    *out = (struct store_reseal){.after_k = INT64_MIN};
    if (!s->policy)
        return err_set(err, ERR_RULE, "identity.seal is off: there are no data keys to change");
    if (!db_run(conn, "SET statement_timeout = 0", err) ||
        !store__newest_key(s, a, conn, &out->number, &out->ripe, err) ||
        !count(s, a, conn, out->number, &out->total, err))
        return false;
    if (out->total > 0 || !out->ripe)
        return true;
    out->made = true;
    out->ripe = false;
    return store__make_key(s, a, conn, ++out->number, err) &&
           count(s, a, conn, out->number, &out->total, err);
}

enum { K, VER, RTYPE, RID, CONTENT, SEALED };

static void select_rows(const struct store *s, const struct store_reseal *r, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_addf(q, "SELECT k, ver, rtype, rid, content, sealed FROM %s WHERE tenant = $%d AND (k, ver) > ",
             tables[r->table], sql_int4(q, s->tenant.id));
    sql_addf(q, "($%d, ", sql_int8(q, r->after_k));
    sql_addf(q, "$%d) AND ", sql_int4(q, r->after_ver));
    with_another(q, r->number);
    sql_addf(q, " ORDER BY k, ver LIMIT %d", ROWS);
}

/* Who holds a row is writing it, with whichever key: it is looked at again. */
static bool update_rows(struct store *s, struct arena *a, struct db_conn *conn, const struct store_reseal *r,
                        const struct db_rows *rows, const struct str *fresh, int64_t *changed,
                        struct err *err)
{
    struct sql q;
    const struct db_rows *answer;
    size_t n = (size_t)db_count(rows);
    int64_t *k = ARENA_ARRAY(a, int64_t, n);
    int32_t *ver = ARENA_ARRAY(a, int32_t, n);
    struct str *old = ARENA_ARRAY(a, struct str, n);
    for (size_t i = 0; i < n; i++) {
        k[i] = db_int8(rows, (int)i, K);
        ver[i] = db_int4(rows, (int)i, VER);
        old[i] = db_text(rows, (int)i, SEALED);
    }
    const char *table = tables[r->table];
    sql_init(&q, a, NULL);
    int tenant = sql_int4(&q, s->tenant.id);
    sql_addf(&q, "WITH held AS MATERIALIZED (SELECT x.k, x.ver, u.fresh FROM %s x JOIN unnest($%d::int8[], ",
             table, sql_int8_array(&q, k, n));
    sql_addf(&q, "$%d::int4[], ", sql_int4_array(&q, ver, n));
    sql_addf(&q, "$%d::bytea[], ", sql_bytea_array(&q, old, n));
    sql_addf(&q, "$%d::bytea[]) u(k, ver, old, fresh) ON x.k = u.k AND x.ver = u.ver AND x.sealed = u.old ",
             sql_bytea_array(&q, fresh, n));
    sql_addf(&q,
             "WHERE x.tenant = $%d FOR UPDATE OF x SKIP LOCKED), changed AS (UPDATE %s x SET sealed = "
             "held.fresh FROM held WHERE x.tenant = $%d AND x.k = held.k AND x.ver = held.ver RETURNING 1) "
             "SELECT count(*) FROM changed",
             tenant, table, tenant);
    if (!db_exec(conn, a, &q, &answer, err))
        return false;
    *changed = db_int8(answer, 0, 0);
    return true;
}

/* The first table again, when somebody held rows: until a pass finds none. */
static bool next_table(struct store_reseal *r)
{
    r->after_k = INT64_MIN;
    r->after_ver = 0;
    if (++r->table < TABLES)
        return true;
    bool again = r->left > 0;
    r->table = 0;
    r->left = 0;
    return again;
}

bool store_reseal_step(struct store *s, struct arena *a, struct db_conn *conn, struct store_reseal *r,
                       bool *ended, struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    int newest;
    *ended = false;
    if (!r->ripe)
        return store__newest_key(s, a, conn, &newest, &r->ripe, err) && store_keys_refresh(s, a, conn, err);
    select_rows(s, r, &q);
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    int n = db_count(rows);
    if (n == 0) {
        *ended = !next_table(r);
        return true;
    }
    struct str *fresh = ARENA_ARRAY(a, struct str, (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *type = fhir_resource_by_id(s->defs, db_int2(rows, i, RTYPE));
        const struct identity_about about = {s->tenant.id, type->name, db_text(rows, i, RID)};
        if (!identity_seal_anew(atomic_load(&s->keys), a, &about, db_text(rows, i, CONTENT),
                                db_text(rows, i, SEALED), &fresh[i], err))
            return false;
    }
    int64_t changed;
    if (!update_rows(s, a, conn, r, rows, fresh, &changed, err))
        return false;
    r->done += changed;
    r->left += n - changed;
    r->after_k = db_int8(rows, n - 1, K);
    r->after_ver = db_int4(rows, n - 1, VER);
    return true;
}
