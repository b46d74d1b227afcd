/*
 * Sealing as a database has it: its data keys, and by which policy all that it holds was sealed and indexed. A server whose
 * settings do not fit says so and changes nothing.
 */
#include "store/reseal.h"

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

/*
 * A new key seals when every server has it: all ask once a second (jobs), and what is sealed with a key that a server does
 * not have it cannot read. The first one has nobody to wait for.
 */
#define RIPE "(made < now() - interval '10 seconds' OR number = 1)"

struct stored_keys {
    const struct db_rows *rows; /* number, wrapped, ripe */
    int newest, seals;          /* 0: there is none */
};

static bool select_keys(const struct store *s, struct arena *a, struct db_conn *conn, struct stored_keys *out,
                        struct err *err)
{
    struct sql q;
    sql_init(&q, a, "identity-keys");
    sql_addf(&q, "SELECT number, wrapped, " RIPE " FROM identity_key WHERE tenant = $%d ORDER BY number",
             sql_int4(&q, s->tenant.id));
    *out = (struct stored_keys){0};
    if (!ask(conn, &q, &out->rows, err))
        return false;
    for (int i = 0; i < db_count(out->rows); i++) {
        out->newest = db_int4(out->rows, i, 0);
        out->seals = db_bool(out->rows, i, 2) ? out->newest : out->seals;
    }
    return true;
}

static bool insert_key(const struct store *s, const struct identity_kek *kek, struct arena *a,
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

bool store__not_the_key(const struct store *s, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "%s (identity.key) is not the key that the identities in this database are sealed with: "
                   "restore that one; without it they cannot be read",
                   s->kek_path);
}

static bool unwrap(const struct store *s, const struct identity_kek *kek, const struct stored_keys *stored,
                   struct identity_keys **out, struct err *err)
{
    struct identity_keys *keys = identity_keys_new(s->tenant.id);
    if (!keys)
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < db_count(stored->rows); i++)
        if (!identity_keys_add(keys, kek, db_int4(stored->rows, i, 0), db_text(stored->rows, i, 1))) {
            identity_keys_free(keys);
            return store__not_the_key(s, err);
        }
    identity_keys_seal_with(keys, stored->seals);
    *out = keys;
    return true;
}

static bool read_keys(struct store *s, struct arena *a, struct db_conn *conn, struct err *err)
{
    struct identity_kek kek;
    struct stored_keys stored;
    struct identity_keys *keys = NULL;
    if (!select_keys(s, a, conn, &stored, err))
        return false;
    if (!stored.newest && !s->policy)
        return true;
    if (!*s->kek_path)
        return err_set(
            err, ERR_INVALID,
            "identity.key is not set: name the file with the 64 hex digits of the key that identities are "
            "sealed with (a new one for an empty database: openssl rand -hex 32)");
    if (!identity_kek_read(s->kek_path, &kek, err))
        return false;
    bool ok =
        stored.newest || (insert_key(s, &kek, a, conn, 1, err) && select_keys(s, a, conn, &stored, err));
    ok = ok && unwrap(s, &kek, &stored, &keys, err);
    crypto_wipe(&kek, sizeof kek);
    atomic_store(&s->keys, keys);
    return ok;
}

bool store__sealing_begin(struct store *s, const struct config *c, struct db_conn *conn, struct err *err)
{
    struct arena a;
    if (c->identity_seal && !read_policy(s, c, err))
        return false;
    s->kek_path = arena_strndup(&s->a, c->identity_key, strlen(c->identity_key));
    s->tenant.sealed = s->policy;
    s->tenant.blind = s->tenant.key;
    arena_init(&a, 0);
    bool ok = check_policy(s, &a, conn, err) && read_keys(s, &a, conn, err) &&
              store__blind_refresh(s, &a, conn, err);
    arena_release(&a);
    return ok;
}

void store__sealing_end(struct store *s)
{
    identity_keys_free(atomic_load(&s->keys));
    for (struct store__retired *r = s->retired; r; r = r->before)
        identity_keys_free(r->keys);
}

/* ---- keys that come later ------------------------------------------------------------------------------------ */

bool store_keys_refresh(struct store *s, struct arena *a, struct db_conn *conn, struct err *err)
{
    struct identity_kek kek;
    struct stored_keys stored;
    struct identity_keys *old = atomic_load(&s->keys), *keys;
    if (!old)
        return true;
    if (!store__blind_refresh(s, a, conn, err) || !select_keys(s, a, conn, &stored, err))
        return false;
    if (identity_keys_has(old, stored.newest) && identity_keys_newest(old) == stored.seals)
        return true;
    if (!identity_kek_read(s->kek_path, &kek, err))
        return false;
    bool ok = unwrap(s, &kek, &stored, &keys, err);
    crypto_wipe(&kek, sizeof kek);
    if (!ok)
        return false;
    struct store__retired *retired = ARENA_NEW(&s->a, struct store__retired);
    *retired = (struct store__retired){old, s->retired};
    s->retired = retired;
    atomic_store(&s->keys, keys);
    return true;
}

bool store__newest_key(struct store *s, struct arena *a, struct db_conn *conn, int *number, bool *ripe,
                       struct err *err)
{
    struct stored_keys stored;
    if (!select_keys(s, a, conn, &stored, err))
        return false;
    *number = stored.newest;
    *ripe = stored.seals == stored.newest;
    return true;
}

bool store__make_key(struct store *s, struct arena *a, struct db_conn *conn, int number, struct err *err)
{
    struct identity_kek kek;
    if (!identity_kek_read(s->kek_path, &kek, err))
        return false;
    bool ok = insert_key(s, &kek, a, conn, number, err);
    crypto_wipe(&kek, sizeof kek);
    return ok;
}

/* ---- the key-encryption key ---------------------------------------------------------------------------------- */

typedef bool wrap_fn(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                     uint8_t out[IDENTITY_WRAPPED], bool *already);

static const struct {
    const char *table;
    wrap_fn *wrap;
} wrapped_keys[] = {{"identity_key", identity_key_wrap_anew}, {"blind_key", identity_blind_wrap_anew}};
enum { WRAPPED_KEYS = sizeof wrapped_keys / sizeof *wrapped_keys };

struct rewrapped {
    int32_t *numbers;
    struct str *old, *fresh;
    size_t n, total;
};

static bool rewrap(const struct store *s, int kind, const struct identity_kek *kek, struct arena *a,
                   struct db_conn *conn, struct rewrapped *out, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q, "SELECT number, wrapped FROM %s WHERE tenant = $%d", wrapped_keys[kind].table,
             sql_int4(&q, s->tenant.id));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    out->total = (size_t)db_count(rows);
    out->numbers = ARENA_ARRAY(a, int32_t, out->total);
    out->old = ARENA_ARRAY(a, struct str, out->total);
    out->fresh = ARENA_ARRAY(a, struct str, out->total);
    for (int i = 0; i < db_count(rows); i++) {
        uint8_t *wrapped = arena_alloc(a, IDENTITY_WRAPPED);
        bool already;
        size_t n = out->n;
        out->numbers[n] = db_int4(rows, i, 0);
        out->old[n] = db_text(rows, i, 1);
        out->fresh[n] = (struct str){(const char *)wrapped, IDENTITY_WRAPPED};
        if (!wrapped_keys[kind].wrap(kek, s->tenant.id, out->numbers[n], out->old[n], wrapped, &already))
            return store__not_the_key(s, err);
        out->n += !already;
    }
    return true;
}

/* Those that nobody else changed meanwhile. */
static bool replace(const struct store *s, int kind, struct arena *a, struct db_conn *conn,
                    const struct rewrapped *r, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    int tenant = sql_int4(&q, s->tenant.id);
    sql_addf(&q, "WITH changed AS (UPDATE %s i SET wrapped = u.fresh FROM unnest($%d::int4[], ",
             wrapped_keys[kind].table, sql_int4_array(&q, r->numbers, r->n));
    sql_addf(&q, "$%d::bytea[], ", sql_bytea_array(&q, r->old, r->n));
    sql_addf(&q,
             "$%d::bytea[]) u(number, old, fresh) WHERE i.tenant = $%d AND i.number = u.number AND i.wrapped "
             "= u.old RETURNING 1) SELECT count(*) FROM changed",
             sql_bytea_array(&q, r->fresh, r->n), tenant);
    return db_exec(conn, a, &q, &rows, err) &&
           (db_int8(rows, 0, 0) == (int64_t)r->n ||
            err_set(err, ERR_CONFLICT, "Keys were changed by somebody else meanwhile: run it again"));
}

bool store_rewrap(struct store *s, struct arena *a, struct db_conn *conn, int *changed, int *total,
                  struct err *err)
{
    struct identity_kek kek;
    struct rewrapped r[WRAPPED_KEYS] = {0};
    if (!s->policy)
        return err_set(err, ERR_RULE, "identity.seal is off: there are no keys to wrap");
    if (!identity_kek_read(s->kek_path, &kek, err))
        return false;
    bool ok = true;
    *changed = *total = 0;
    for (int i = 0; ok && i < WRAPPED_KEYS; i++)
        ok = rewrap(s, i, &kek, a, conn, &r[i], err);
    crypto_wipe(&kek, sizeof kek);
    for (int i = 0; ok && i < WRAPPED_KEYS; i++) {
        *changed += (int)r[i].n;
        *total += (int)r[i].total;
        ok = !r[i].n || replace(s, i, a, conn, &r[i], err);
    }
    return ok;
}
