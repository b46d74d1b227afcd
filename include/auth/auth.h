/*
 * auth/auth.h: bearer token → principal → what it may do.
 *
 * A token is a JWT (RFC 7519) signed by a key of the configured JWK Set. Scopes are SMART App Launch v2
 * ("system/Patient.cruds", "patient/Observation.rs?category=laboratory") and the words of v1 (".read", ".write",
 * ".*"). What cannot be enforced grants nothing: a scope is never widened.
 *
 * Which token is accepted: docs/security.md.
 */
#ifndef KAGARI_AUTH_AUTH_H
#define KAGARI_AUTH_AUTH_H

#include "base/config.h"
#include "base/err.h"
#include "fhir/defs.h"
#include "search/access.h"

enum auth_right {
    AUTH_CREATE = 1,
    AUTH_READ = 2,
    AUTH_UPDATE = 4,
    AUTH_DELETE = 8,
    AUTH_SEARCH = 16,
    AUTH_EXPLAIN = 32,
    AUTH_EMERGENCY = 64
};
/* AUTH_EXPLAIN: to see how a search is run; granted by a scope of its own. */
#define AUTH_SCOPE_EXPLAIN "system/explain"
/* AUTH_EMERGENCY: to open a record in an emergency (docs/consent.md); the same. */
#define AUTH_SCOPE_EMERGENCY "emergency"
/* Sealed identities (docs/identity.md): to see whom records are about, or not. */
#define AUTH_SCOPE_IDENTITIES "identities"
#define AUTH_SCOPE_PSEUDONYMS "pseudonyms"
#define AUTH_ALL              (AUTH_CREATE | AUTH_READ | AUTH_UPDATE | AUTH_DELETE | AUTH_SEARCH)

/* Whom a scope speaks for: the caller itself, a person, or the patient that was chosen. */
enum auth_level { AUTH_SYSTEM, AUTH_USER, AUTH_PATIENT, AUTH_LEVELS };

/* v3-Confidentiality: unrestricted, low, moderate, normal, restricted, very restricted. */
#define AUTH_CONFIDENTIALITIES "U L M N R V"
enum { AUTH_SEES_ALL = 5 };

/* One scope that was understood. */
struct auth_grant {
    enum auth_level level;
    unsigned rights;
    const struct fhir_type *type; /* NULL: all */
    struct str query;             /* "category=laboratory": only what this search finds; s NULL: all */
};

/* Who calls, and what each of the token's scopes grants. Lives as long as the arena given to auth_check(). */
struct auth_principal {
    struct str subject, client, issuer; /* sub, client_id or azp, iss; len 0 when absent */
    struct str patient; /* id of the Patient whose compartment patient/… means; len 0: none */
    struct str user;    /* fhirUser, "Practitioner/7"; len 0: none */
    struct str
        related; /* id of the Patient to whom fhirUser, a RelatedPerson, is related; auth_check() leaves len 0 */
    struct str encounter; /* id of the Encounter of the launch; len 0: none */
    struct str purposes;  /* of use: codes of v3-ActReason between blanks; s NULL: not said */
    struct str
        sensitive; /* codes of v3-ActCode between blanks whose resources users and patients do not see */
    uint8_t sight
        [AUTH_LEVELS];  /* the highest confidentiality that is seen: an index into AUTH_CONFIDENTIALITIES */
    bool pseudonyms;    /* sees nobody's identity: what is sealed is left out, nor is anything found by it */
    int64_t expires_us; /* exp, µs since 1970 */
    const struct auth_grant *grants;
    size_t n_grants;
    /* The same, added up. rights: what may be done with some resources; whole: with all of them. On every type, and on
     * single types besides, by fhir_type.id. */
    unsigned rights, whole;
    const uint8_t *type_rights, *type_whole;
    size_t n_types;
    /* Patients whose records were opened to the caller, search_hash_id() of each: of them nothing is withheld from user/…
     * by labels and Consents. auth_check() leaves none. */
    const int64_t *opened;
    size_t n_opened;
    /* Of this server's own authorisation server: by what it can be revoked. Others: zero. */
    struct auth_ids {
        uint8_t token[16], grant[16];
    } ids;
    uint64_t
        serial; /* of what is remembered of the token: no other has it, and it never changes. 0: nothing is */
    bool bound; /* the token is good only over TLS with the client certificate */
    uint8_t bound_to[32]; /* of this SHA-256 (RFC 8705, 3: cnf.x5t#S256) */
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
 * authorization: the header's value, s NULL when absent; certs: what the client has shown (crypto/cert.h). Any thread; never blocks: an unknown kid starts a
 * refresh in the background and is refused meanwhile. A token seen before costs a hash and a look-up.
 *     ERR_LOGIN      401: no token, or one that is not valid
 *     ERR_FORBIDDEN  403: a valid token none of whose scopes this server grants
 *     ERR_BUSY       503: the issuer's keys have not been fetched yet
 */
bool auth_check(struct auth *au, struct arena *a, struct str authorization, struct str certs,
                struct auth_principal *out, struct err *err) NODISCARD;

/*
 * ---- this server's own authorisation server (module oauth) ----
 *
 * Its tokens are verified with keys that it hands over, beside those of another issuer if one is configured. A token's
 * jti is "GRANT.TOKEN"; revoked are single tokens and whole grants.
 */
/* oauth.server: on, or auto and no other issuer is configured. */
bool auth_own_server(const struct config *c);
/* Keys that nobody has, for an institution that there is not: whatever is shown to it is refused as it is elsewhere. */
bool auth_no_keys(struct auth *au, struct err *err) NODISCARD;
/* From now on these; what was verified with others is verified again. Any thread. */
bool auth_own_keys(struct auth *au, struct str issuer, struct str jwks, struct err *err) NODISCARD;
/* The name in the list of what is revoked, of a jti or of its part before the dot. */
void auth_revocation_id(struct str name, uint8_t out[16]);
/* From now on these n, sorted by memcmp(), instead of the last. Any thread. */
void auth_own_revoked(struct auth *au, const uint8_t (*ids)[16], size_t n);

/*
 * ---- institutions (tenant/tenant.h) ----
 *
 * Which one a token says it is for, by auth.institution_claim: good for finding out who has to verify it, and for nothing
 * else. s NULL: it does not say.
 */
struct str auth_institution(const struct config *c, struct arena *a, struct str authorization);
#define AUTH_FIRST_INSTITUTION "main"

/* A copy with all that it points to, in a. */
struct auth_principal *auth_principal_copy(struct arena *a, const struct auth_principal *p);
/* What it may do, as a text: two principals may do the same when theirs are equal. */
struct str auth_principal_rights(struct arena *a, const struct auth_principal *p);

/*
 * Which resources p may do that with, right being one that auth_allows() has; NULL: all there are. What the answer points
 * to is in a and in p. base: this server's URL. consents: by level, what patients have agreed to (NULL: it is not asked); or
 * NULL.
 */
const struct search_access *auth_access(const struct auth_principal *p, enum auth_right right,
                                        struct arena *a, const struct fhir_defs *d,
                                        const struct search_registry *registry,
                                        const struct search_tenant *tenant, struct str base,
                                        const struct search_consent *const *consents);
/* What for, as the token says or as is implied for a scope of the level; as auth_principal.purposes, len 0: not known. */
struct str auth_purposes(const struct auth_principal *p, enum auth_level level);
/* Does a scope of the level speak of one patient's record? Then *id is that Patient's; len 0: of nobody's. */
bool auth_is_bound(const struct auth_principal *p, enum auth_level level, struct str *id);
/* Do Consents speak of whoever comes with a scope of this level? Not of patients who read their own records. */
bool auth_is_other(const struct auth_principal *p, enum auth_level level);

/* With some resources of the type at least: which ones is another question. type NULL: of all types (system-level
 * interactions). */
static inline bool auth_allows(const struct auth_principal *p, enum auth_right right,
                               const struct fhir_type *type)
{
    return (p->rights & right) || (type && type->id < p->n_types && (p->type_rights[type->id] & right));
}

/* With every resource of the type, whatever it says: nothing has to be asked of the resource itself. */
static inline bool auth_unrestricted(const struct auth_principal *p, enum auth_right right,
                                     const struct fhir_type *type)
{
    return (p->whole & right) || (type && type->id < p->n_types && (p->type_whole[type->id] & right));
}

#endif
