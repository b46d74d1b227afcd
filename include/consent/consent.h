/*
 * consent/consent.h: what patients have agreed to: Consent resources (consent.html) → conditions of the access predicate.
 *
 * In force is a Consent that is active and of scope patient-privacy. For a caller its provisions become conditions on
 * resources (search/access.h, struct search_consent): who, why and when are decided here and now; which resources is
 * left to the statement.
 *
 * What is not understood withholds, and never lets pass: each part of a provision holds, does not hold, or may hold; what
 * denies counts the last as the first, what permits as the second. docs/consent.md has the rules.
 *
 * The set in force is in memory. It is read anew when a Consent, or a resource that says who belongs where
 * (consent_concerns()), has been written: by the writer's server before the write is answered, by others within a second
 * or two.
 */
#ifndef KAGARI_CONSENT_CONSENT_H
#define KAGARI_CONSENT_CONSENT_H

#include "search/access.h"
#include "store/store.h"

struct consent_caller {
    struct str user;     /* fhirUser, "Practitioner/7"; len 0: not known */
    struct str purposes; /* of use: codes of v3-ActReason, each between blanks */
    bool writes;         /* it is to be changed, not only seen */
    int64_t now_us;
};

struct consent_current;
/* d and s have to outlive it. */
bool consent_current_new(const struct config *config, const struct fhir_defs *d, const struct store *s,
                         struct consent_current **out, struct err *err) NODISCARD;
void consent_current_free(struct consent_current *c); /* NULL: nothing. Nobody holds anything any more */

/* Reads what was committed since the last time. Any thread. c NULL: nothing to do. */
bool consent_refresh(struct consent_current *c, struct db_conn *conn, struct err *err) NODISCARD;
/* Are Consents asked at all? consent.enforce; c NULL: no. */
bool consent_is_asked(const struct consent_current *c);
/* Do others see differently when one of these was written? */
bool consent_concerns(const struct fhir_type *type);

/* NULL: everything is seen, and of c NULL. What the answer points to lasts until a is cleared or released. Any thread. */
const struct search_consent *consent_for(struct consent_current *c, struct arena *a,
                                         const struct consent_caller *caller);
/* May there be anything that is not seen? c NULL: no. */
bool consent_withholds(const struct consent_current *c);

/*
 * ---- emergencies ----
 *
 * A record that somebody has opened: a row of the table emergency, and a Communication that tells the patient. All that
 * are open are in memory as Consents are, and follow them in everything.
 */
struct consent_opening {
    struct str who;           /* consent_who() */
    struct str patient;       /* Patient.id */
    struct str communication; /* its id */
};
/* Somebody, by a program. */
struct str consent_who(struct arena *a, struct str issuer, struct str subject, struct str client);
/* Its row: until when. */
void consent_open_plan(const struct store *s, const struct consent_opening *o, int64_t duration_us,
                       struct sql *q);
/* Those that are open to who now: how many, and search_hash_id() of each. c NULL: none. Any thread. */
size_t consent_opened(struct consent_current *c, struct arena *a, struct str who, const int64_t **patients);
/* Is any record open to anybody? It costs a load. */
bool consent_has_opened(const struct consent_current *c);

/* What of a Consent is not understood. */
enum consent_doubt {
    CONSENT_NO_PATIENT, /* one of this server */
    CONSENT_NO_RULE,    /* neither a base policy nor a provision: it is a document */
    CONSENT_NO_BASE,
    CONSENT_UNTYPED_ROOT,
    CONSENT_UNTYPED,
    CONSENT_PERIOD,
    CONSENT_ACTOR,
    CONSENT_ROLE,
    CONSENT_ACTION,
    CONSENT_LABEL,
    CONSENT_PURPOSE,
    CONSENT_CLASS,
    CONSENT_CODE,
    CONSENT_DATA,
    CONSENT_MODIFIED,
    CONSENT_DOUBTS
};
struct consent_finding {
    enum consent_doubt doubt;
    const char *expression;
};
/* Of one that would be in force; n 0: all is understood. */
void consent_check(const struct fhir_defs *d, const struct search_tenant *t, struct arena *a, struct str base,
                   const json *resource, struct consent_finding **list, size_t *n);

#endif
