/*
 * auth/auth.h: bearer token → principal → what it may do.
 *
 * A token is a JWT (RFC 7519) signed by a key of the configured JWK Set. Scopes are SMART App Launch v2
 * ("system/Patient.cruds", "user/*.rs") and the words of v1 (".read", ".write", ".*"). Patient-level scopes are
 * recognised and refused until the access predicate below covers every read.
 */
#ifndef KAGARI_AUTH_AUTH_H
#define KAGARI_AUTH_AUTH_H

#include "base/config.h"
#include "base/err.h"
#include "fhir/defs.h"

enum auth_right { AUTH_CREATE = 1, AUTH_READ = 2, AUTH_UPDATE = 4, AUTH_DELETE = 8, AUTH_SEARCH = 16 };

struct auth_grant {
    char level;                   /* 's'ystem, 'u'ser, 'p'atient */
    const struct fhir_type *type; /* NULL: * */
    unsigned rights;
};

struct auth_principal {
    struct str subject, client, issuer; /* sub, client_id or azp, iss */
    struct str patient;                 /* launch context, for later */
    const struct auth_grant *grants; size_t n_grants;
    int64_t expires_us;
};

/* Keys and settings; shared by threads, refreshed in the background. */
struct auth;
bool auth_new(const struct config *c, const struct fhir_defs *d, struct auth **out, struct err *err) NODISCARD;
bool auth_reload(struct auth *au, const struct config *c, struct err *err) NODISCARD;
void auth_free(struct auth *au);

/* authorization: the header's value, s NULL when absent. base: this server's URL, the default audience. Never
 * blocks: an unknown kid starts a refresh in the background and is refused meanwhile. */
bool auth_check(struct auth *au, struct arena *a, struct str authorization, struct str base,
                struct auth_principal *out, struct err *err) NODISCARD;

/* type NULL: all types (system-level interactions). */
bool auth_allows(const struct auth_principal *p, enum auth_right right, const struct fhir_type *type);

#endif
