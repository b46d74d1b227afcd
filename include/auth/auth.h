/*
 * auth/auth.h: bearer token → principal → what it may do.
 *
 * A token is a JWT (RFC 7519) signed by a key of the configured JWK Set. Scopes are SMART App Launch v2
 * ("system/Patient.cruds", "user/Observation.rs") and the words of v1 (".read", ".write", ".*"). Scopes that
 * this server cannot enforce yet (patient level, "?query" restrictions) grant nothing: a scope is never
 * widened.
 *
 * Which token is accepted: docs/security.md.
 */
#ifndef KAGARI_AUTH_AUTH_H
#define KAGARI_AUTH_AUTH_H

#include "base/config.h"
#include "base/err.h"
#include "fhir/defs.h"

enum auth_right {
    AUTH_CREATE = 1,
    AUTH_READ = 2,
    AUTH_UPDATE = 4,
    AUTH_DELETE = 8,
    AUTH_SEARCH = 16,
    AUTH_EXPLAIN = 32
};
/* AUTH_EXPLAIN: to see how a search is run; granted by a scope of its own. */
#define AUTH_SCOPE_EXPLAIN "system/explain"
#define AUTH_ALL           (AUTH_CREATE | AUTH_READ | AUTH_UPDATE | AUTH_DELETE | AUTH_SEARCH)

/* Who calls. Lives as long as the arena given to auth_check(). */
struct auth_principal {
    struct str subject, client, issuer; /* sub, client_id or azp, iss; len 0 when absent */
    int64_t expires_us;                 /* exp, µs since 1970 */
    unsigned rights;                    /* on every type, and on the system as a whole */
    const uint8_t *type_rights;         /* on single types besides, by fhir_type.id */
    size_t n_type_rights;
};

/* Keys and settings; shared by threads, refreshed in the background. */
struct auth;
/* d must outlive it. Refuses settings by which a token made for somebody else could pass. With auth.jwks_url
 * the keys are fetched by a thread; until they are there, auth_check() says ERR_BUSY. */
bool auth_new(const struct config *c, const struct fhir_defs *d, struct auth **out,
              struct err *err) NODISCARD;
/* New settings and keys, atomically: a check sees the old ones or the new ones. On error the old
 * ones stay. */
bool auth_reload(struct auth *au, const struct config *c, struct err *err) NODISCARD;
void auth_free(struct auth *au);

/*
 * authorization: the header's value, s NULL when absent. Any thread; never blocks: an unknown kid starts a
 * refresh in the background and is refused meanwhile. A token seen before costs a hash and a look-up.
 *     ERR_LOGIN      401: no token, or one that is not valid
 *     ERR_FORBIDDEN  403: a valid token none of whose scopes this server grants
 *     ERR_BUSY       503: the issuer's keys have not been fetched yet
 */
bool auth_check(struct auth *au, struct arena *a, struct str authorization, struct auth_principal *out,
                struct err *err) NODISCARD;

/* type NULL: all types (system-level interactions). */
static inline bool auth_allows(const struct auth_principal *p, enum auth_right right,
                               const struct fhir_type *type)
{
    return (p->rights & right) || (type && type->id < p->n_type_rights && (p->type_rights[type->id] & right));
}

#endif
