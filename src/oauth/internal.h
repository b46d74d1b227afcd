/* src/oauth/internal.h: what the files of the module share. */
#ifndef KAGARI_OAUTH_INTERNAL_H
#define KAGARI_OAUTH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/jwt.h"
#include "crypto/secret.h"
#include "oauth/oauth.h"

enum { OAUTH__DIGEST = 32 };
#define OAUTH__SECOND INT64_C(1000000)

/* ---- form.c: application/x-www-form-urlencoded ---- */

struct oauth__form {
    struct oauth__field {
        struct str name, value; /* NUL-terminated */
    } * fields;
    size_t n, cap;
};
/* Broken escapes, U+0000, a name twice (RFC 6749, 3.1) and more than 64 fields are refused with ERR_SYNTAX. */
bool oauth__form_parse(struct arena *a, struct str text, struct oauth__form *out, struct err *err) NODISCARD;
/* NULL: absent, or empty, which is the same (RFC 6749, 3.1). */
const char *oauth__field(const struct oauth__form *f, const char *name);

/* ---- scope.c ---- */

/* Is all that `wanted` asks for in what `allowed` grants? Both are single scopes. */
bool oauth__scope_covers(struct str allowed, struct str wanted);
/* Those of `wanted` that `allowed` covers, in their order, each once; both are lists separated by blanks. */
const char *oauth__scope_narrow(struct arena *a, const char *wanted, const char *allowed);
bool oauth__scope_has(const char *list, const char *scope);

/* ---- keys.c: the signing keys, in the database ---- */

/* What commands and the server need alike. */
struct oauth__base {
    int32_t tenant;
    uint8_t secret[CRYPTO_KEY]; /* of oauth.key_file */
};
bool oauth__base_init(struct oauth__base *b, const struct config *c, int32_t tenant,
                      struct err *err) NODISCARD;

/* Immutable and counted. */
struct oauth__ring {
    struct arena a;
    atomic_uint refs;
    struct str pem;     /* signs */
    struct str jwks;    /* verify */
    struct jwks *keys;  /* the same, parsed */
    struct str version; /* of the rows it was made from */
};
void oauth__ring_unref(struct oauth__ring *r); /* NULL: nothing */
/* *ring: NULL, or the one at hand, which is exchanged when the rows have changed. */
bool oauth__ring_read(const struct oauth__base *b, struct db_conn *conn, struct oauth__ring **ring,
                      struct err *err) NODISCARD;
enum { OAUTH__KEY_LEAD_S = 300 }; /* published so long before it signs, so that nobody meets an unknown key */
/* Makes the first key, and the next one when the newest has grown older than ttl_us (0: in any case); takes away those
 * that have long been replaced. *kid: the new one; s NULL: none was due. */
bool oauth__key_tend(const struct oauth__base *b, struct db_conn *conn, struct arena *a, int64_t ttl_us,
                     const char **kid, struct err *err) NODISCARD;

/* ---- client.c ---- */

enum oauth__method { OAUTH__PUBLIC, OAUTH__JWT };

struct oauth__client {
    const char *id, *grant_id, *name, *scope;
    enum oauth__method method;
    bool code, refresh, credentials; /* grant types */
    const json *metadata;
    const json *jwks;     /* NULL: by jwks_uri */
    const char *jwks_uri; /* or NULL */
};
/* Is this metadata (RFC 7591, 2) of a client that can be served? id NULL: not chosen yet. */
bool oauth__client_read(struct arena *a, const char *id, const json *metadata, struct oauth__client *out,
                        struct err *err) NODISCARD;
/* *out NULL: there is none of this id. */
bool oauth__client_find(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                        struct oauth__client **out, struct err *err) NODISCARD;
/* False with ERR_CONFLICT: there is one of this id. */
bool oauth__client_add(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                       const json *metadata, struct err *err) NODISCARD;
/* Takes its tokens with it; ERR_NOT_FOUND. */
bool oauth__client_remove(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                          struct err *err) NODISCARD;

/* ---- revoke.c ---- */

/* No access token whose jti begins with name and a dot, or is name, is accepted from the next second on. */
bool oauth__revoke(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name,
                   struct err *err) NODISCARD;

/* ---- limit.c: how often an address may ask ---- */

struct oauth__limit;
struct oauth__limit *oauth__limit_new(void);
void oauth__limit_free(struct oauth__limit *l);
/* False: not now. rate: a minute; bursts of a tenth of it, and at least ten, are fine. */
bool oauth__limit_take(struct oauth__limit *l, struct str who, int64_t rate, int64_t now_us);

/* ---- oauth.c, keeper.c ---- */

struct oauth {
    struct oauth__base base;
    struct auth *auth;
    _Atomic(const struct config *) config;
    struct config own; /* for the thread, which outlives reloads */
    struct arena a;
    struct str issuer;
    struct oauth__limit *limit;

    pthread_mutex_t lock; /* of what follows */
    struct oauth__ring *ring;
    struct oauth__fetched *fetched; /* client_keys.c */

    pthread_mutex_t keeper_lock; /* one at a time reads keys and revocations */
    struct str revoked;          /* the digests last handed to auth */
    pthread_mutex_t stop_lock;
    pthread_cond_t stop_wake;
    pthread_t keeper;
    bool keeping, stop;
};

/* Reads keys and revocations and hands them on; at once after a revocation here, elsewhere within a second or so. */
bool oauth__follow(struct oauth *o, struct db_conn *conn, struct err *err) NODISCARD;
bool oauth__keeper_start(struct oauth *o, struct err *err) NODISCARD;
void oauth__keeper_stop(struct oauth *o);

/* ---- one request ---- */

struct oauth__call {
    struct oauth *o;
    const struct config *config;
    const struct http_request *r;
    struct arena *a;
    struct db_conn *conn;
    struct oauth__form form; /* of the body, or of the query of a GET */
    int64_t now_us;
    struct oauth_answer *out;
};

/* Answers; all return true. */
bool oauth__json(struct oauth__call *c, int status, const json *body);
bool oauth__refuse(struct oauth__call *c, int status, const char *error, const char *description);
void oauth__header(struct oauth__call *c, const char *name, struct str value);
/* "https://host/fhir/oauth/token" */
const char *oauth__url(const struct oauth__call *c, const char *below);
struct oauth__ring *oauth__hold_ring(struct oauth__call *c);

/* client_auth.c: who asks? *client NULL: the answer is made. */
bool oauth__authenticate(struct oauth__call *c, struct oauth__client **client, struct err *err) NODISCARD;

/* client_keys.c: the keys of a client, kept for minutes when they come from a URL. Owned by the arena. */
bool oauth__client_keys(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        const struct jwks **out, struct err *err) NODISCARD;
void oauth__fetched_free(struct oauth__fetched *f);

/* issue.c */
struct oauth__grant {
    const char *id, *client, *subject, *scope;
};
bool oauth__access_token(struct oauth__call *c, const struct oauth__grant *g, struct str *token,
                         struct err *err) NODISCARD;

/* token.c, metadata.c: the endpoints */
bool oauth__token(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__metadata(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__jwks(struct oauth__call *c, struct err *err) NODISCARD;

#endif
