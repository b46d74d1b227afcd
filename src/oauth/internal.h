/* src/oauth/internal.h: what the files of the module share. */
#ifndef KAGARI_OAUTH_INTERNAL_H
#define KAGARI_OAUTH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/cert.h"
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

/* ---- redirect.c ---- */

/* May it be registered: https, a loopback address, or an app's own scheme; no fragment, no user information? */
bool oauth__redirect_valid(const char *uri);
bool oauth__redirect_matches(const char *registered, const char *asked);
/* For form-action of a content security policy. */
const char *oauth__redirect_origin(struct arena *a, const char *uri);
/* With these parameters (those whose value is NULL left out) added. */
const char *oauth__redirect_with(struct arena *a, const char *uri, const struct oauth__field *fields,
                                 size_t n);

/* ---- password.c ---- */

bool oauth__password_hash(struct arena *a, struct str password, const char **out, struct err *err) NODISCARD;
/* stored NULL: of nobody, which takes as long. */
bool oauth__password_fits(struct arena *a, struct str password, const char *stored, bool *fits,
                          struct err *err) NODISCARD;
bool oauth__base32_decode(struct arena *a, struct str text,
                          struct str *out) NODISCARD; /* RFC 4648, 6; no padding */
const char *oauth__base32_encode(struct arena *a, const uint8_t *data, size_t len);
void oauth__totp(struct str secret, int64_t step, char out[7]); /* RFC 6238 */
/* The time step whose code this is, now or next to it; 0: none. */
int64_t oauth__totp_step(struct str secret, const char *code, int64_t now_us);

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

enum oauth__method { OAUTH__PUBLIC, OAUTH__JWT, OAUTH__TLS, OAUTH__SELF_SIGNED };
enum { OAUTH__URIS = 32 };

struct oauth__client {
    const char *id, *grant_id, *name, *scope;
    enum oauth__method method;
    bool code, refresh, credentials; /* grant types */
    bool bound;                      /* its tokens are worth nothing without its certificate */
    enum cert_alt_kind name_kind;    /* of OAUTH__TLS: its certificate has this name, */
    const char *name_value;
    const char *subject; /* or, else, this subject */
    const json *metadata;
    const json *jwks;     /* NULL: by jwks_uri */
    const char *jwks_uri; /* or NULL */
    const json *redirect_uris;
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

/* Ends the grants whose column ("user_id", "client", "id") has this value, with all their tokens. */
bool oauth__grants_end(int32_t tenant, struct db_conn *conn, struct arena *a, const char *column,
                       const char *value, struct err *err) NODISCARD;

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
    atomic_int hashing; /* passwords: each takes a core and 32 MiB */
    atomic_int asking;  /* providers of identities: each takes a worker for seconds, maybe */
    struct oauth__provider *providers;
    size_t n_providers;

    pthread_mutex_t lock; /* of what follows */
    struct oauth__ring *ring;
    struct oauth__fetched *fetched; /* fetch.c */

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
    const struct oauth_look *look;
    struct oauth__form form; /* of the body, or of the query of a GET */
    const char
        *bound; /* tokens are good for the holder of this certificate: SHA-256, base64url; NULL: anybody */
    int64_t now_us;
    struct oauth_answer *out;
    struct oauth_event events[2]; /* for the answer, which is made last */
    size_t n_events;
};

void oauth__event(struct oauth__call *c, enum oauth_event_kind kind, int status, const char *subject,
                  const char *client, const char *how);

/* Answers; all return true. */
bool oauth__json(struct oauth__call *c, int status, const json *body);
bool oauth__refuse(struct oauth__call *c, int status, const char *error, const char *description);
void oauth__header(struct oauth__call *c, const char *name, struct str value);
/* "https://host/fhir/oauth/token" */
const char *oauth__url(const struct oauth__call *c, const char *below);
struct oauth__ring *oauth__hold_ring(struct oauth__call *c);

/* client_auth.c: who asks? *client NULL: the answer is made. */
bool oauth__authenticate(struct oauth__call *c, struct oauth__client **client, struct err *err) NODISCARD;

struct oauth__user;
/* certificate.c: what the caller has shown by TLS. */

/* Why it is not the client's; NULL: it is. */
const char *oauth__certificate_wrong(struct oauth__call *c, const struct oauth__client *client);
/* SHA-256, base64url; NULL: there is none. */
const char *oauth__certificate_hash(struct oauth__call *c);
/* May somebody log in by a certificate, and is one there? */
bool oauth__certificate_offered(struct oauth__call *c);
/* Who is it? *out NULL: nobody, or it is not accepted. */
bool oauth__certificate_user(struct oauth__call *c, struct oauth__user **out, struct err *err) NODISCARD;

/* client_keys.c: the keys of a client, as a text and to verify with; the arena owns them. */
enum { OAUTH__JWKS_DEPTH = 16 };
bool oauth__client_jwks(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        struct str *text, struct err *err) NODISCARD;
bool oauth__client_keys(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        const struct jwks **out, struct err *err) NODISCARD;

/* ---- fetch.c: what others publish at a URL ---- */

#define OAUTH__PATIENCE_US INT64_C(5000000)
enum { OAUTH__FETCH_MAX = JWKS_MAX };
struct oauth__source {
    const char *url;
    const char *ca_file; /* NULL: the system's authorities */
    /* Only what is sound takes the place of what was there before. */
    bool (*sound)(struct arena *a, struct str text, const void *arg, struct err *err);
    const void *arg;
    const char *missing; /* said when there is none */
};
/* From memory when it is some minutes old at most; anew: half a minute. */
bool oauth__fetch(struct oauth__call *c, const struct oauth__source *s, bool anew, struct str *text,
                  struct err *err) NODISCARD;
bool oauth__sound_keys(struct arena *a, struct str text, const void *arg, struct err *err) NODISCARD;
bool oauth__parse_keys(struct arena *a, struct str text, const struct jwks **out, struct err *err) NODISCARD;
void oauth__fetched_free(struct oauth__fetched *f);

/* ---- provider.c: providers of identities ---- */

struct oauth__provider {
    const char *name, *title, *title_ja, *issuer, *client_id, *secret_file, *scope;
    const char *fhir_user_claim; /* it says who somebody is here; NULL: people are linked */
    const char *ca_file;
    enum oauth__provider_auth { OAUTH__BY_KEY, OAUTH__BY_SECRET, OAUTH__BY_NOTHING } auth;
};
struct oauth__provider_metadata {
    const char *authorize, *token, *jwks;
    bool says_iss; /* RFC 9207 */
};
bool oauth__providers_read(struct oauth *o, const char *file, struct err *err) NODISCARD;
const struct oauth__provider *oauth__provider(const struct oauth *o, struct str name); /* NULL: none */
bool oauth__provider_metadata(struct oauth__call *c, const struct oauth__provider *p,
                              struct oauth__provider_metadata *out, struct err *err) NODISCARD;
bool oauth__provider_verify(struct oauth__call *c, const struct oauth__provider *p,
                            const struct oauth__provider_metadata *m, struct str token, json **claims,
                            struct err *err) NODISCARD;

/* ---- user.c ---- */

struct oauth__user {
    const char *id, *name, *display, *fhir_user, *password; /* fhir_user: or NULL */
    struct str totp;                                        /* secret; s NULL: none */
};
/* Counts an attempt to log in, by name or by id. *out NULL: there is nobody of this name, or it is locked. */
bool oauth__user_attempt(struct oauth__call *c, const char *name, const char *id, struct oauth__user **out,
                         struct err *err) NODISCARD;
/* Is there somebody of this name, who is locked? *id: who; NULL: no. */
bool oauth__user_locked(struct oauth__call *c, const char *name, const char **id, struct err *err) NODISCARD;
bool oauth__user_find(struct oauth__call *c, const char *id, struct oauth__user **out,
                      struct err *err) NODISCARD;
bool oauth__user_succeeded(struct oauth__call *c, const char *id, struct err *err) NODISCARD;
/* *fresh: no code of this time step or a later one has been used. */
bool oauth__user_use_step(struct oauth__call *c, const char *id, int64_t step, bool *fresh,
                          struct err *err) NODISCARD;
const char *oauth__totp_purpose(struct arena *a, const char *id);
/* u->id is chosen here. ERR_CONFLICT: the name is taken. */
bool oauth__user_add(const struct oauth__base *b, struct db_conn *conn, struct arena *a,
                     const struct oauth__user *u, struct err *err) NODISCARD;
bool oauth__user_remove(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name,
                        struct err *err) NODISCARD;

/* The one that a provider names so, who is made when there is none yet. *out NULL: that name is taken. */
bool oauth__user_provide(struct oauth__call *c, const char *provider, const char *subject,
                         const char *display, const char *fhir_user, struct oauth__user **out,
                         struct err *err) NODISCARD;
/* "Practitioner/7"? */
bool oauth__is_person(const char *reference);
/* What stands for somebody elsewhere; CERTIFICATE is a provider as others are. *out NULL: it stands for nobody. */
#define OAUTH__CERTIFICATE "certificate"
bool oauth__identity_find(struct oauth__call *c, const char *provider, const char *subject,
                          struct oauth__user **out, struct err *err) NODISCARD;
/* Of the user of this name; ERR_NOT_FOUND, ERR_CONFLICT. */
bool oauth__identity_add(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name,
                         const char *provider, const char *subject, struct err *err) NODISCARD;
/* Those of the user; *n: how many there were. */
bool oauth__identities_remove(int32_t tenant, struct db_conn *conn, struct arena *a, const char *name, int *n,
                              struct err *err) NODISCARD;
/* The subjects that a certificate has: by its issuer and number, and by its own name. */
const char *oauth__identity_of_number(struct arena *a, const struct cert_names *names);
const char *oauth__identity_of_name(struct arena *a, const char *subject);

/* ---- grant.c ---- */

struct oauth__grant {
    const char *id, *client, *subject, *scope;
    const char *patient, *encounter, *fhir_user, *nonce; /* or NULL */
    const json *granted;                                 /* all of that as it is stored */
};
enum oauth__kind { OAUTH__CODE = 1, OAUTH__REFRESH = 2 };
struct oauth__secret {
    enum oauth__kind kind;
    const char *grant;
    const char *redirect_uri, *challenge; /* of a code */
    const char *bound;                    /* of a public client's refresh token: as oauth__call.bound */
    int64_t ttl_us;                       /* of a refresh token */
    int64_t grant_until_us;               /* when it was found */
};
enum oauth__used { OAUTH__FRESH, OAUTH__USED, OAUTH__EXPIRED, OAUTH__UNKNOWN };

const char *oauth__secret_new(struct arena *a); /* 256 bits */
int oauth__sql_digest(struct sql *q, const char *secret);
bool oauth__secret_add(struct oauth__call *c, const struct oauth__secret *s, const char **text,
                       struct err *err) NODISCARD;
/* Uses it up, in the caller's transaction, which holds it. *s and *g are set unless it is unknown. */
bool oauth__secret_use(struct oauth__call *c, enum oauth__kind kind, const char *text,
                       struct oauth__secret *s, struct oauth__grant *g, enum oauth__used *how,
                       struct err *err) NODISCARD;
/* A refresh token, which stays as it is; g->id NULL: there is none. */
bool oauth__secret_find(struct oauth__call *c, const char *text, struct oauth__grant *g, int64_t *until_s,
                        bool *active, struct err *err) NODISCARD;
bool oauth__grant_add(struct oauth__call *c, const struct oauth__grant *g, int64_t ttl_us,
                      struct err *err) NODISCARD;

/* ---- flow.c: a login under way ---- */

enum oauth__stage {
    OAUTH__LOGIN = 1,
    OAUTH__TOTP = 2,
    OAUTH__PATIENT = 3,
    OAUTH__CONSENT = 4,
    OAUTH__ELSEWHERE = 5, /* at a provider of identities */
};
struct oauth__flow {
    const char *secret; /* its name */
    const char *user_id;
    enum oauth__stage stage;
    json *request;
    struct oauth__client *client;
};
/* A new one, of this browser; sets its cookie. */
bool oauth__flow_new(struct oauth__call *c, struct oauth__flow *f, struct err *err) NODISCARD;
/* The one of this name (NULL: none), if it is this browser's. */
bool oauth__flow_find(struct oauth__call *c, const char *secret, struct oauth__flow *f, bool *found,
                      struct err *err) NODISCARD;
/* *ours: nobody else has moved it on from its stage before. */
bool oauth__flow_move(struct oauth__call *c, struct oauth__flow *f, enum oauth__stage to, bool *ours,
                      struct err *err) NODISCARD;
bool oauth__flow_save(struct oauth__call *c, const struct oauth__flow *f, struct err *err) NODISCARD;
/* *ours: nobody else has ended it before. */
bool oauth__flow_end(struct oauth__call *c, const struct oauth__flow *f, bool *ours,
                     struct err *err) NODISCARD;
/* *dead: a wrong answer too many. */
bool oauth__flow_wrong(struct oauth__call *c, const struct oauth__flow *f, bool *dead,
                       struct err *err) NODISCARD;

/* ---- picker.c: which patient? ---- */

bool oauth__is_id(const char *id);
/* *out NULL: there is none that the token's owner may see. */
bool oauth__look(struct oauth__call *c, struct str token, const char *type, const char *id, json **out,
                 struct err *err) NODISCARD;
/* *seen: there is this patient, and u may read it. */
bool oauth__patient_seen(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                         const char *id, bool *seen, struct err *err) NODISCARD;
struct oauth__found {
    const char *asked;
    struct oauth__found_patient {
        const char *id, *name, *born;
    } * list;
    size_t n;
    bool more; /* than are shown */
};
bool oauth__patients_find(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                          const char *name, struct oauth__found *out, struct err *err) NODISCARD;

/* ---- page.c ---- */

enum oauth__note {
    OAUTH__NO_NOTE,
    OAUTH__WRONG_LOGIN,
    OAUTH__WRONG_CODE,
    OAUTH__WRONG_PATIENT,
    OAUTH__WRONG_CERTIFICATE,
    OAUTH__WRONG_PROVIDER,
    OAUTH__PROVIDER_AWAY,
};
/* The form of the flow's stage. */
bool oauth__page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *user,
                 enum oauth__note note);
/* The form of OAUTH__PATIENT with what was found. */
bool oauth__found_page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *user,
                       const struct oauth__found *found);
/* Sends the browser on to a provider. */
bool oauth__away_page(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__provider *p,
                      const char *url);
/* Something that the browser is not sent back with. */
enum oauth__problem {
    OAUTH__BAD_CLIENT,
    OAUTH__BAD_REDIRECT,
    OAUTH__NO_FLOW,
    OAUTH__BUSY,
    OAUTH__LOGGED_OUT,
};
bool oauth__problem_page(struct oauth__call *c, int status, enum oauth__problem what);
const char *oauth__language(struct oauth__call *c); /* "en" or "ja" */

/* ---- issue.c ---- */

/* An access token; the same grant's id_token. */
bool oauth__access_token(struct oauth__call *c, const struct oauth__grant *g, struct str *token,
                         struct err *err) NODISCARD;
bool oauth__id_token(struct oauth__call *c, const struct oauth__grant *g, struct str *token,
                     struct err *err) NODISCARD;

/* ---- login.c, federation.c ---- */

bool oauth__federation_begin(struct oauth__call *c, struct oauth__flow *f, const struct oauth__provider *p,
                             struct err *err) NODISCARD;
/* It is certain who it is; it is not. The next page. */
bool oauth__logged_in(struct oauth__call *c, struct oauth__flow *f, const struct oauth__user *u,
                      const char *how, struct err *err) NODISCARD;
bool oauth__login_again(struct oauth__call *c, const struct oauth__flow *f, const struct oauth__user *u,
                        enum oauth__note note, struct err *err) NODISCARD;

/* ---- introspect.c ---- */

/* The claims of an access token of this server that has not expired; NULL: it is none. */
const json *oauth__read_access(struct oauth__call *c, const char *token);
bool oauth__is_revoked(struct oauth__call *c, const char *jti, bool *revoked, struct err *err) NODISCARD;

/* The endpoints, a file each. */
bool oauth__logout(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__register(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__resource(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__callback(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__launch(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__token(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__authorize(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__login(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__introspect(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__revoke_token(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__metadata(struct oauth__call *c, struct err *err) NODISCARD;
bool oauth__jwks(struct oauth__call *c, struct err *err) NODISCARD;
/* Sends the browser back, with state and iss besides. */
bool oauth__send_back(struct oauth__call *c, const json *request, const char *name, const char *value,
                      const char *description);

#endif
