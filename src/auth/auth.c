#include "auth/auth.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "internal.h"

struct auth__state *auth__current(struct auth *au)
{
    pthread_mutex_lock(&au->current_lock);
    struct auth__state *st = au->current;
    atomic_fetch_add_explicit(&st->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&au->current_lock);
    return st;
}

void auth__swap(struct auth *au, struct auth__state *st)
{
    pthread_mutex_lock(&au->current_lock);
    struct auth__state *old = au->current;
    st->generation = old ? old->generation + 1 : 1;
    au->current = st;
    /* What the cache holds under an older generation is not found any more. */
    atomic_store_explicit(&au->generation, st->generation, memory_order_release);
    pthread_mutex_unlock(&au->current_lock);
    auth__state_unref(old);
}

/* The caller holds au->writer, or is alone. Keys fetched from the same URL before are kept. */
static bool apply(struct auth *au, const struct config *c, struct err *err)
{
    struct auth__settings s;
    struct arena a;
    struct str text = {0};
    struct auth__state *st;
    const struct auth__own *own = au->current && auth_own_server(c) ? &au->current->own : NULL;
    arena_init(&a, 0);
    bool ok = auth__settings_read(c, &s, err);
    if (ok && *s.jwks_file)
        ok = config_read_file(&a, s.jwks_file, JWKS_MAX, &text, err);
    else if (ok && au->current && strcmp(au->current->settings.jwks_url, s.jwks_url) == 0)
        text = au->current->jwks_text;
    ok = ok && auth__state_new(&s, text, own, &st, err);
    if (ok)
        auth__swap(au, st);
    arena_release(&a);
    return ok;
}

bool auth_own_keys(struct auth *au, struct str issuer, struct str jwks, struct err *err)
{
    const struct auth__own own = {issuer, jwks, NULL};
    struct auth__state *st;
    pthread_mutex_lock(&au->writer);
    bool ok = auth__state_new(&au->current->settings, au->current->jwks_text, &own, &st, err);
    if (ok)
        auth__swap(au, st);
    pthread_mutex_unlock(&au->writer);
    return ok;
}

bool auth_no_keys(struct auth *au, struct err *err)
{
    struct arena a;
    struct str pem, jwks;
    arena_init(&a, 0);
    bool ok = jwt_key_generate(&a, "ES256", &pem, err) && jwt_key_jwks(&a, pem, &jwks, err) &&
              auth_own_keys(au, STR("urn:nobody"), jwks, err);
    arena_release(&a);
    return ok;
}

bool auth_new(const struct config *c, const struct fhir_defs *d, struct auth **out, struct err *err)
{
    struct auth *au = calloc(1, sizeof *au);
    if (!au)
        return err_detail(err, ERR_INTERNAL, "Out of memory.", "auth_new");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&au->refresh_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&au->current_lock, NULL);
    pthread_mutex_init(&au->writer, NULL);
    pthread_mutex_init(&au->refresh_lock, NULL);
    auth__revoked_init(&au->revoked);
    au->defs = d;
    au->cache = auth__cache_new();
    if (!au->cache)
        err_detail(err, ERR_INTERNAL, "Out of memory.", "auth__cache_new");
    if (!au->cache || !apply(au, c, err) || !auth__refresh_start(au, err)) {
        auth_free(au);
        return false;
    }
    *out = au;
    return true;
}

bool auth_reload(struct auth *au, const struct config *c, struct err *err)
{
    pthread_mutex_lock(&au->writer);
    bool ok = apply(au, c, err);
    bool lost_keys = !au->current->keys;
    pthread_mutex_unlock(&au->writer);
    auth__refresh_reload(au, lost_keys);
    return ok;
}

void auth_free(struct auth *au)
{
    if (!au)
        return;
    auth__refresh_stop(au);
    auth__state_unref(au->current);
    auth__cache_free(au->cache);
    auth__revoked_release(&au->revoked);
    pthread_mutex_destroy(&au->current_lock);
    pthread_mutex_destroy(&au->writer);
    pthread_mutex_destroy(&au->refresh_lock);
    pthread_cond_destroy(&au->refresh_wake);
    free(au);
}

/* RFC 6750, 2.1. */
static bool bearer_token(struct str authorization, struct str *token, struct err *err)
{
    if (!authorization.s)
        return err_set(err, ERR_LOGIN, "This call needs a bearer token: Authorization: Bearer TOKEN.");
    struct str scheme = str_cut(str_trim(authorization), ' ', token);
    if (!str_ieq(scheme, STR("Bearer")) || !token->s)
        return err_set(err, ERR_LOGIN, "The Authorization header must be: Bearer TOKEN.");
    *token = str_trim(*token);
    if (token->len > JWT_MAX)
        return err_set(err, ERR_LOGIN, "The token is larger than %d bytes.", JWT_MAX);
    return true;
}

struct str auth_institution(const struct config *c, struct arena *a, struct str authorization)
{
    struct err ignored;
    struct str token;
    json *claims;
    if (!authorization.s || !bearer_token(authorization, &token, &ignored) ||
        !jwt_peek(a, token, &claims, &ignored))
        return (struct str){NULL, 0};
    const char *said = json_get_string(claims, c->auth_institution_claim);
    return said ? str_of(said) : (struct str){NULL, 0};
}

/* What a check refers to until the arena goes; registered before anything is held. */
struct hold {
    struct auth__entry *entry;
    struct auth__state *state;
};

static void release_hold(void *object)
{
    struct hold *hold = object;
    auth__entry_unref(hold->entry);
    auth__state_unref(hold->state);
}

static bool revoked(struct err *err)
{
    return err_set(err, ERR_LOGIN, "The token has been revoked.");
}

/* By a key of our own server, else by one of the other issuer. *own: of which. */
static bool find_claims(struct auth *au, const struct auth__state *st, struct arena *a, struct str token,
                        json **claims, bool *own, struct err *err)
{
    bool unknown_kid = true;
    *own = st->own.keys && jwt_verify(st->own.keys, a, token, claims, &unknown_kid, err);
    if (*own)
        return true;
    if (!unknown_kid || (st->own.keys && !*st->settings.jwks_file && !*st->settings.jwks_url))
        return false;
    if (!st->keys)
        return err_set(err, ERR_BUSY, "The keys of the tokens' issuer have not been fetched yet; try again.");
    if (jwt_verify(st->keys, a, token, claims, &unknown_kid, err))
        return true;
    if (unknown_kid && *st->settings.jwks_url)
        auth__refresh_want(au);
    return false;
}

static bool verify(struct auth *au, const struct auth__state *st, struct arena *a, struct str token,
                   int64_t now_us, struct auth_principal *out, struct err *err)
{
    json *claims;
    bool own;
    return find_claims(au, st, a, token, &claims, &own, err) &&
           auth__principal(st, own, au->defs, a, claims, now_us, out, err);
}

/* RFC 8705, 3: what was issued to the holder of a certificate is worth nothing to others. */
static bool check_bound(const struct auth_principal *p, struct str certs, struct err *err)
{
    uint8_t thumbprint[32];
    return !p->bound ||
           (cert_thumbprint(certs, thumbprint) && crypto_equal(thumbprint, p->bound_to, sizeof thumbprint)) ||
           err_set(
               err, ERR_LOGIN,
               "The token is bound to a certificate (cnf): it is good only over TLS with that certificate.");
}

static bool identify(struct auth *au, struct arena *a, struct str authorization, struct auth_principal *out,
                     struct err *err)
{
    struct str token;
    if (!bearer_token(authorization, &token, err))
        return false;
    struct hold *hold = ARENA_NEW(a, struct hold);
    arena_cleanup(a, release_hold, hold);

    uint8_t hash[32];
    crypto_sha256(token.s, token.len, hash);
    int64_t now_us = clock_wall_us();
    uint64_t list, generation = atomic_load_explicit(&au->generation, memory_order_acquire);
    hold->entry = auth__cache_get(au->cache, hash, generation, now_us);
    if (hold->entry) {
        *out = hold->entry->principal;
        if (atomic_load_explicit(&hold->entry->cleared, memory_order_relaxed) ==
            atomic_load_explicit(&au->revoked.number, memory_order_acquire))
            return true;
        if (auth__revoked_has(&au->revoked, &out->ids, &list))
            return revoked(err);
        atomic_store_explicit(&hold->entry->cleared, list, memory_order_relaxed);
        return true;
    }
    const struct auth__state *st = hold->state = auth__current(au);
    if (!verify(au, st, a, token, now_us, out, err))
        return false;
    if (auth__revoked_has(&au->revoked, &out->ids, &list))
        return revoked(err);
    auth__cache_put(au->cache, hash, st->generation, out->expires_us + st->settings.skew_us, list, out);
    return true;
}

bool auth_check(struct auth *au, struct arena *a, struct str authorization, struct str certs,
                struct auth_principal *out, struct err *err)
{
    return identify(au, a, authorization, out, err) && check_bound(out, certs, err);
}
