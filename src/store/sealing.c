/*
 * Sealing as a database has it: its data keys, and by which policy all that it holds was sealed and indexed. A server whose
 * settings do not fit says so and changes nothing.
 */
#include "internal.h"

int store__sealed(struct sql *q, const struct store_content *c)
{
    return c->sealed.s ? sql_bytea(q, c->sealed.s, c->sealed.len) : sql_null(q, SQL_BYTEA);
}

static bool ask(struct db_conn *conn, struct sql *q, const struct db_rows **rows, struct err *err)
{
    return db_exec(conn, q->a, q, rows, err);
}

static bool read_policy(struct store *s, const struct config *c, struct err *err)
{
    struct str text = {0};
    if (*c->identity_policy && !config_read_file(&s->a, c->identity_policy, 1 << 20, &text, err))
        return false;
    return identity_policy_new(&s->a, s->defs, text, &s->policy, err);
}

/* The policy of all that is stored: the first server to come says which one; 0: nothing is sealed. */
static bool check_policy(struct store *s, struct arena *a, struct db_conn *conn, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    int64_t print = s->policy ? (int64_t)identity_policy_print(s->policy) : 0;
    sql_init(&q, a, NULL);
    int tenant = sql_int4(&q, s->tenant.id), own = sql_int8(&q, print);
    sql_addf(
        &q,
        "WITH empty AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM res WHERE tenant = $%d) AS yes) "
        "INSERT INTO identity_state AS i (tenant, policy) SELECT $%d, CASE WHEN yes THEN $%d ELSE 0 END "
        "FROM empty ON CONFLICT (tenant) DO UPDATE SET policy = CASE WHEN (SELECT yes FROM empty) THEN $%d "
        "ELSE i.policy END RETURNING policy",
        tenant, tenant, own, own);
    if (!ask(conn, &q, &rows, err))
        return false;
    int64_t stored = db_int8(rows, 0, 0);
    if (stored == print)
        return true;
    if (!stored)
        return err_set(
            err, ERR_RULE,
            "identity.seal is on, and this database holds resources that are not sealed: export them, "
            "and import them into an empty one");
    if (!print)
        return err_set(
            err, ERR_RULE,
            "identity.seal is off, and this database holds sealed identities: set it to on, with the "
            "identity.key that they were sealed with");
    return err_set(
        err, ERR_RULE,
        "identity.policy says other than the one by which this database was sealed: restore that one");
}

static void select_keys(const struct store *s, struct arena *a, struct sql *q)
{
    sql_init(q, a, NULL);
    sql_addf(q, "SELECT number, wrapped FROM identity_key WHERE tenant = $%d ORDER BY number",
             sql_int4(q, s->tenant.id));
}

static bool make_key(const struct store *s, const struct identity_kek *kek, struct arena *a,
                     struct db_conn *conn, int number, struct err *err)
{
    struct sql q;
    uint8_t wrapped[IDENTITY_WRAPPED];
    identity_key_make(kek, s->tenant.id, number, wrapped);
    sql_init(&q, a, NULL);
    int tenant = sql_int4(&q, s->tenant.id), of = sql_int4(&q, number);
    sql_addf(
        &q,
        "INSERT INTO identity_key (tenant, number, wrapped) VALUES ($%d, $%d, $%d) ON CONFLICT DO NOTHING",
        tenant, of, sql_bytea(&q, wrapped, sizeof wrapped));
    return ask(conn, &q, NULL, err);
}

static bool read_keys(struct store *s, const struct config *c, struct arena *a, struct db_conn *conn,
                      struct err *err)
{
    struct identity_kek kek;
    struct sql q;
    const struct db_rows *rows;
    select_keys(s, a, &q);
    if (!ask(conn, &q, &rows, err))
        return false;
    if (!*c->identity_key && !db_count(rows) && !s->policy)
        return true;
    if (!*c->identity_key)
        return err_set(
            err, ERR_INVALID,
            "identity.key is not set: name the file with the 64 hex digits of the key that identities are "
            "sealed with (a new one for an empty database: openssl rand -hex 32)");
    if (!identity_kek_read(c->identity_key, &kek, err))
        return false;
    bool ok = true;
    if (!db_count(rows) && s->policy) {
        ok = make_key(s, &kek, a, conn, 1, err);
        select_keys(s, a, &q);
        ok = ok && ask(conn, &q, &rows, err);
    }
    s->keys = ok && db_count(rows) ? identity_keys_new(s->tenant.id) : NULL;
    if (ok && db_count(rows) && !s->keys)
        ok = err_set(err, ERR_INTERNAL, "out of memory");
    for (int i = 0; ok && i < db_count(rows); i++)
        ok = identity_keys_add(s->keys, &kek, db_int4(rows, i, 0), db_text(rows, i, 1)) ||
             err_set(err, ERR_INVALID,
                     "%s (identity.key) is not the key that the identities in this database are sealed with: "
                     "restore "
                     "that one; without it they cannot be read",
                     c->identity_key);
    crypto_wipe(&kek, sizeof kek);
    return ok;
}

bool store__sealing_begin(struct store *s, const struct config *c, struct db_conn *conn, struct err *err)
{
    struct arena a;
    if (c->identity_seal && !read_policy(s, c, err))
        return false;
    arena_init(&a, 0);
    bool ok = check_policy(s, &a, conn, err) && read_keys(s, c, &a, conn, err);
    arena_release(&a);
    s->tenant.sealed = s->policy;
    return ok;
}
