/*
 * Blind keys: sealed values are hashed by them in the search index. At first that is store.hash_key; those that came later are
 * in the table blind_key, wrapped by the key-encryption key. One takes the place of another like this:
 *
 *     made            all servers ask for what either has hashed
 *     10 s later      all write by the new one
 *     30 s after it was made, everything can be indexed anew; when a $reindex of all types that began then is done
 *     done            only the new one is asked for
 */
#include "internal.h"
#include "store/jobs.h"
#include "store/reseal.h"

/* The newest one, and beside it in rows the one before it. */
struct found {
    const struct db_rows *rows;
    int number; /* 0: store.hash_key */
    bool writes, done;
};

static bool select_newest(const struct store *s, struct arena *a, struct db_conn *conn, struct found *out,
                          struct err *err)
{
    struct sql q;
    sql_init(&q, a, "blind-keys");
    sql_addf(&q,
             "SELECT number, wrapped, made < now() - interval '10 seconds', done IS NOT NULL FROM blind_key "
             "WHERE tenant = $%d ORDER BY number DESC LIMIT 2",
             sql_int4(&q, s->tenant.id));
    *out = (struct found){.done = true};
    if (!db_exec(conn, a, &q, &out->rows, err))
        return false;
    if (db_count(out->rows)) {
        out->number = db_int4(out->rows, 0, 0);
        out->writes = db_bool(out->rows, 0, 2);
        out->done = db_bool(out->rows, 0, 3);
    }
    return true;
}

static bool open_key(const struct store *s, const struct identity_kek *kek, const struct db_rows *rows,
                     int row, struct hash_key *out, struct err *err)
{
    *out = s->tenant.key;
    return row >= db_count(rows) ||
           identity_blind_open(kek, s->tenant.id, db_int4(rows, row, 0), db_text(rows, row, 1), out) ||
           store__not_the_key(s, err);
}

static const struct search_tenant *tenant_with(struct store *s, const struct hash_key *key,
                                               const struct hash_key *other)
{
    struct search_tenant *t = ARENA_NEW(&s->a, struct search_tenant), *o = NULL;
    *t = s->tenant;
    t->blind = *key;
    if (other) {
        o = ARENA_NEW(&s->a, struct search_tenant);
        *o = *t;
        o->blind = *other;
        t->other = o;
    }
    return t;
}

bool store__blind_refresh(struct store *s, struct arena *a, struct db_conn *conn, struct err *err)
{
    struct found f;
    struct identity_kek kek = {0};
    struct hash_key newest, before;
    if (!s->policy) {
        if (!atomic_load(&s->current))
            atomic_store(&s->current, tenant_with(s, &s->tenant.key, NULL));
        return true;
    }
    if (!select_newest(s, a, conn, &f, err))
        return false;
    if (atomic_load(&s->current) && f.number == s->blind && f.writes == s->blind_writes &&
        f.done == s->blind_done)
        return true;
    if (f.number && !identity_kek_read(s->kek_path, &kek, err))
        return false;
    bool ok = open_key(s, &kek, f.rows, 0, &newest, err) && open_key(s, &kek, f.rows, 1, &before, err);
    crypto_wipe(&kek, sizeof kek);
    if (!ok)
        return false;
    const struct hash_key *writes = f.done || f.writes ? &newest : &before;
    atomic_store(&s->current, tenant_with(s, writes, f.done ? NULL : writes == &newest ? &before : &newest));
    s->blind = f.number;
    s->blind_writes = f.writes;
    s->blind_done = f.done;
    return true;
}

bool store_blind_begin(struct store *s, struct arena *a, struct db_conn *conn, struct store_blind *out,
                       struct err *err)
{
    struct found f;
    struct sql q;
    struct identity_kek kek;
    const struct db_rows *rows;
    *out = (struct store_blind){0};
    if (!s->policy)
        return err_set(err, ERR_RULE, "identity.seal is off: there are no blind keys to change");
    if (!select_newest(s, a, conn, &f, err))
        return false;
    if (f.done) {
        uint8_t wrapped[IDENTITY_WRAPPED];
        if (!identity_kek_read(s->kek_path, &kek, err))
            return false;
        identity_blind_make(&kek, s->tenant.id, ++f.number, wrapped);
        crypto_wipe(&kek, sizeof kek);
        sql_init(&q, a, NULL);
        int tenant = sql_int4(&q, s->tenant.id), number = sql_int4(&q, f.number);
        sql_addf(&q,
                 "INSERT INTO blind_key (tenant, number, wrapped) VALUES ($%d, $%d, $%d) ON CONFLICT DO "
                 "NOTHING",
                 tenant, number, sql_bytea(&q, wrapped, sizeof wrapped));
        if (!db_exec(conn, a, &q, NULL, err))
            return false;
        out->made = true;
    }
    out->number = f.number;
    sql_init(&q, a, NULL);
    sql_addf(
        &q,
        "SELECT greatest(0, ceil(extract(epoch FROM made + interval '" STORE__BLIND_RIPE
        "' - now())))::int4, (SELECT j.done FROM job j WHERE j.tenant = b.tenant AND j.rtypes = '{}' AND "
        "j.started >= b.made + interval '" STORE__BLIND_RIPE
        "' AND j.state = %d ORDER BY j.started DESC LIMIT 1), (SELECT count(*) FROM res WHERE tenant = "
        "b.tenant AND NOT deleted) FROM blind_key b WHERE tenant = $%d AND number = $%d",
        JOB_RUNNING, sql_int4(&q, s->tenant.id), sql_int4(&q, out->number));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    out->seconds = db_int4(rows, 0, 0);
    out->indexed = db_null(rows, 0, 1) ? -1 : db_int8(rows, 0, 1);
    out->total = db_int8(rows, 0, 2);
    return true;
}
