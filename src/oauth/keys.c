#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "internal.h"

enum { KEPT_S = 2 * 3600 }; /* a key that signs no more verifies as long: longer than its tokens are valid */

bool oauth__base_init(struct oauth__base *b, const struct config *c, int32_t tenant, struct err *err)
{
    struct arena a;
    struct str text;
    arena_init(&a, 0);
    b->tenant = tenant;
    bool ok = *c->oauth_key_file
                  ? config_read_file(&a, c->oauth_key_file, 1024, &text, err)
                  : err_set(err, ERR_INVALID,
                            "oauth.key_file is not set: name a file with 64 random hex digits (openssl rand "
                            "-hex 32), or the issuer of the tokens by auth.jwks_url or auth.jwks_file");
    if (ok) {
        text = str_trim(text);
        ok = text.len == 2 * sizeof b->secret;
        for (size_t i = 0; ok && i < sizeof b->secret; i++)
            ok = sscanf(text.s + 2 * i, "%2hhx", &b->secret[i]) == 1 &&
                 strspn(text.s + 2 * i, "0123456789abcdefABCDEF") >= 2;
        crypto_wipe((char *)(uintptr_t)text.s, text.len);
        if (!ok)
            err_set(err, ERR_INVALID, "%s: 64 hex digits were expected (openssl rand -hex 32)",
                    c->oauth_key_file);
    }
    arena_release(&a);
    return ok;
}

/* ---- the ring ------------------------------------------------------------------------------------------------ */

void oauth__ring_unref(struct oauth__ring *r)
{
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    jwks_free(r->keys);
    arena_release(&r->a);
    free(r);
}

static const char *purpose(struct arena *a, const char *kid)
{
    return arena_printf(a, "oauth key %s", kid);
}

/* kid, jwk, wrapped, does it sign; by age. */
static bool make_ring(const struct oauth__base *b, const struct db_rows *rows, struct str version,
                      struct oauth__ring *ring, struct err *err)
{
    struct arena *a = &ring->a;
    struct buf jwks;
    int signer = -1;
    buf_init(&jwks, a, 1024);
    buf_adds(&jwks, "{\"keys\":[");
    for (int i = 0; i < db_count(rows); i++) {
        buf_addf(&jwks, "%s%.*s", i ? "," : "", STR_FMT(db_text(rows, i, 1)));
        if (db_bool(rows, i, 3))
            signer = i;
    }
    buf_adds(&jwks, "]}\n");
    ring->jwks = buf_str(&jwks);
    ring->version = (struct str){arena_strndup(a, version.s, version.len), version.len};
    struct err why;
    if (signer < 0)
        return err_set(err, ERR_BUSY, "There is no key yet that signs tokens.");
    if (!crypto_unwrap(a, b->secret, str_of(purpose(a, db_text(rows, signer, 0).s)), db_text(rows, signer, 2),
                       &ring->pem, &why))
        return err_detail(err, ERR_INVALID,
                          "oauth.key_file is not the key that this database's signing keys are kept under: "
                          "restore that one",
                          "%s", why.msg);
    return jwks_parse(ring->jwks, &ring->keys, err);
}

bool oauth__ring_read(const struct oauth__base *b, struct db_conn *conn, struct oauth__ring **ring,
                      struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    struct buf version;
    arena_init(&a, 0);
    sql_init(&q, &a, "oauth-keys");
    sql_addf(&q,
             "SELECT kid, jwk, wrapped, signs_from <= now() FROM oauth_key WHERE tenant = $%d ORDER BY "
             "signs_from, kid",
             sql_int4(&q, b->tenant));
    bool ok = db_exec(conn, &a, &q, &rows, err);
    buf_init(&version, &a, 256);
    for (int i = 0; ok && i < db_count(rows); i++)
        buf_addf(&version, "%.*s%d ", STR_FMT(db_text(rows, i, 0)), db_bool(rows, i, 3));
    if (ok && !(*ring && str_eq((*ring)->version, buf_str(&version)))) {
        struct oauth__ring *fresh = calloc(1, sizeof *fresh);
        if (!fresh)
            abort();
        atomic_init(&fresh->refs, 1);
        arena_init(&fresh->a, 0);
        ok = make_ring(b, rows, buf_str(&version), fresh, err);
        oauth__ring_unref(ok ? *ring : fresh);
        if (ok)
            *ring = fresh;
    }
    arena_release(&a);
    return ok;
}

/* ---- rotation ------------------------------------------------------------------------------------------------ */

static bool add_key(const struct oauth__base *b, struct db_conn *conn, struct arena *a, int lead_s,
                    const char **kid, struct err *err)
{
    struct sql q;
    struct str pem, jwk;
    if (!jwt_key_generate(a, "ES256", &pem, err) || !jwt_key_public(a, pem, &jwk, kid, err))
        return false;
    struct str wrapped = crypto_wrap(a, b->secret, str_of(purpose(a, *kid)), pem);
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "INSERT INTO oauth_key (tenant, kid, jwk, wrapped, signs_from) VALUES ($%d, $%d, $%d, $%d, "
             "now() + $%d * interval '1 second')",
             sql_int4(&q, b->tenant), sql_text(&q, str_of(*kid)), sql_text(&q, jwk),
             sql_bytea(&q, wrapped.s, wrapped.len), sql_int4(&q, lead_s));
    if (!db_exec(conn, a, &q, NULL, err))
        return false;
    log_event(LOG_INFO, "oauth.key-added", LOG_S("kid", *kid), LOG_I("signs_in_s", lead_s));
    return true;
}

static bool drop_replaced(const struct oauth__base *b, struct db_conn *conn, struct arena *a, struct err *err)
{
    struct sql q;
    sql_init(&q, a, NULL);
    sql_addf(
        &q,
        "DELETE FROM oauth_key k WHERE k.tenant = $%d AND EXISTS (SELECT FROM oauth_key n WHERE n.tenant "
        "= k.tenant AND n.signs_from > k.signs_from AND n.signs_from < now() - $%d * interval '1 "
        "second')",
        sql_int4(&q, b->tenant), sql_int4(&q, KEPT_S));
    return db_exec(conn, a, &q, NULL, err);
}

/* How many there are, and whether the newest is older than that. */
static bool look(const struct oauth__base *b, struct db_conn *conn, struct arena *a, int64_t ttl_us, int *n,
                 bool *old, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "SELECT count(*)::int4, coalesce(max(created) < now() - $%d * interval '1 microsecond', false) "
             "FROM oauth_key WHERE tenant = $%d",
             sql_int8(&q, ttl_us), sql_int4(&q, b->tenant));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    *n = db_int4(rows, 0, 0);
    *old = db_bool(rows, 0, 1);
    return true;
}

static bool tend_locked(const struct oauth__base *b, struct db_conn *conn, struct arena *a, int64_t ttl_us,
                        const char **kid, struct err *err)
{
    struct sql lock;
    int n;
    bool old;
    sql_init(&lock, a, NULL);
    sql_addf(&lock, "SELECT pg_advisory_xact_lock(hashtext('kagari oauth keys'), $%d)",
             sql_int4(&lock, b->tenant));
    return db_exec(conn, a, &lock, NULL, err) && look(b, conn, a, ttl_us, &n, &old, err) &&
           ((n && !old && ttl_us) || add_key(b, conn, a, n ? OAUTH__KEY_LEAD_S : 0, kid, err)) &&
           drop_replaced(b, conn, a, err);
}

bool oauth__key_tend(const struct oauth__base *b, struct db_conn *conn, struct arena *a, int64_t ttl_us,
                     const char **kid, struct err *err)
{
    int n;
    bool old;
    *kid = NULL;
    if (!look(b, conn, a, ttl_us, &n, &old, err))
        return false;
    if (n && !old && ttl_us)
        return true;
    if (db_begin(conn, err) && tend_locked(b, conn, a, ttl_us, kid, err) && db_commit(conn, err))
        return true;
    db_rollback(conn);
    return false;
}
