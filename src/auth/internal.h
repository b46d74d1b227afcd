/* src/auth/internal.h: what the files of auth share. */
#ifndef KAGARI_AUTH_INTERNAL_H
#define KAGARI_AUTH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "auth/auth.h"
#include "crypto/jwt.h"

/* ---- scope.c ---- */

struct auth__scope {
    enum auth_level level;
    struct str type; /* "*": all */
    unsigned rights;
    struct str query; /* behind '?'; s NULL: none */
};
/* One scope. False for what is no scope on resources (openid, launch) and for what is malformed. */
bool auth__scope_parse(struct str text, struct auth__scope *out) NODISCARD;

/* ---- state.c: settings and keys at one moment ---- */

struct auth__settings {
    const char *issuer; /* "": any */
    struct config_list audiences;
    int64_t skew_us, min_refresh_us;
    const char *jwks_file, *jwks_url; /* one of them is "", or both: there is our own server only */
    const char *base;                 /* this server's URL; "": as the requests say */
    int confidentiality;              /* without a claim */
    const char *institution;          /* whose server this is; NULL: the first's */
    const char *institution_claim; /* in which another issuer's tokens say whose they are; "" or NULL: none */
    bool by_claim;                 /* they have to */
    struct config_list sensitivities;
    bool sealed, granted; /* identities are; and seen by those alone who have the scope */
};

/* Immutable and counted. */
struct auth__state {
    struct arena a;
    atomic_uint refs;
    uint64_t generation; /* set when it becomes the current one */
    struct auth__settings settings;
    struct str jwks_text;
    struct jwks *keys; /* NULL: not fetched yet */
    struct auth__own {
        struct str issuer, jwks_text;
        struct jwks *keys; /* NULL: there is none, or it has not told them yet */
    } own;
};
/* Points into the configuration. */
bool auth__settings_read(const struct config *c, struct auth__settings *out, struct err *err) NODISCARD;
/* Copies its arguments. jwks_text.s NULL: no keys yet; own NULL: none. One reference, the caller's. */
bool auth__state_new(const struct auth__settings *s, struct str jwks_text, const struct auth__own *own,
                     struct auth__state **out, struct err *err) NODISCARD;
void auth__state_unref(struct auth__state *st); /* NULL: nothing */

/* ---- claims.c ---- */

/* Judges the claims of a token whose signature fits: by a key of our own authorisation server, or of the other issuer. */
bool auth__principal(const struct auth__state *st, bool own, const struct fhir_defs *d, struct arena *a,
                     const json *claims, int64_t now_us, struct auth_principal *out,
                     struct err *err) NODISCARD;

/* ---- principal.c ---- */

/* The bytes that all which p points to takes; with memory, which is 8-byte aligned, they are put there and *out is p
 * with them. */
size_t auth__principal_pack(const struct auth_principal *p, char *memory, struct auth_principal *out);

/* ---- cache.c: tokens that were verified before ---- */

/* A principal with all it points to in one block; counted. */
struct auth__entry {
    atomic_uint refs;
    atomic_uint_fast64_t cleared; /* number of the list of revocations that it was last held against */
    struct auth_principal principal;
};
void auth__entry_unref(struct auth__entry *e); /* NULL: nothing */

/* Bounded; thread safe. Keyed by the token's SHA-256: the token itself is not kept anywhere. */
struct auth__cache;
struct auth__cache *auth__cache_new(void); /* NULL: no memory */
void auth__cache_free(struct auth__cache *c);
/* A reference for the caller; NULL when it is not there, was put under another generation or is too old. */
struct auth__entry *auth__cache_get(struct auth__cache *c, const uint8_t hash[32], uint64_t generation,
                                    int64_t now_us);
/* Copies *p. until_us: when it stops being valid; cleared: as in the entry. */
void auth__cache_put(struct auth__cache *c, const uint8_t hash[32], uint64_t generation, int64_t until_us,
                     uint64_t cleared, const struct auth_principal *p);

/* ---- revoked.c: what our own authorisation server has revoked ---- */

struct auth__revoked {
    pthread_mutex_t lock;        /* of the list */
    atomic_uint_fast64_t number; /* grows with each list */
    uint8_t (*ids)[16];          /* sorted */
    size_t n;
};
void auth__revoked_init(struct auth__revoked *r);
void auth__revoked_release(struct auth__revoked *r);
/* Is one of them in the list? *number: of the list that was asked. */
bool auth__revoked_has(struct auth__revoked *r, const struct auth_ids *ids, uint64_t *number);

/* ---- auth.c, refresh.c ---- */

struct auth {
    const struct fhir_defs *defs;
    struct auth__cache *cache;
    struct auth__revoked revoked;

    pthread_mutex_t current_lock; /* for the moment of taking a reference */
    struct auth__state *current;
    atomic_uint_fast64_t generation; /* of current */
    pthread_mutex_t writer;          /* held while a new state is made from the current one */

    /* the thread that fetches keys */
    pthread_mutex_t refresh_lock;
    pthread_cond_t refresh_wake;
    pthread_t refresher;
    bool refreshing; /* the thread was started */
    bool stop;
    bool wanted;      /* a token named an unknown key */
    int64_t tried_us; /* monotonic clock; 0: never */
    int failures;     /* in a row */
};

struct auth__state *auth__current(struct auth *au); /* a reference for the caller */
/* Makes st, whose reference it takes, the current one. The caller holds au->writer. */
void auth__swap(struct auth *au, struct auth__state *st);

/* Starts the thread, which looks after the current state's URL, if it has one; at once when there are no
 * keys. */
bool auth__refresh_start(struct auth *au, struct err *err) NODISCARD;
void auth__refresh_reload(struct auth *au, bool at_once); /* the current state is a new one */
void auth__refresh_want(struct auth *au);
void auth__refresh_stop(struct auth *au);

#endif
