/* Consents (consent/consent.h) where the interactions meet them: whom they bind, and what a new one says. */
#include "base/clock.h"
#include "internal.h"

enum { ENFORCE_ALL = 2 }; /* of the choices of consent.enforce */

/* Has a scope of this level to ask? */
static bool is_bound(const struct api *api, const struct auth_principal *p, enum auth_level level)
{
    return auth_is_other(p, level) &&
           (level != AUTH_SYSTEM || atomic_load(&api->config)->consent_enforce == ENFORCE_ALL);
}

const struct search_consent *const *api__consents(const struct api_request *r, enum auth_right right)
{
    struct consent_current *c = r->api->deps.consent;
    const struct auth_principal *p = r->principal;
    if (!consent_withholds(c))
        return NULL;
    const struct search_consent **list = ARENA_ARRAY(r->a, const struct search_consent *, AUTH_LEVELS);
    const int64_t now_us = clock_wall_us();
    for (enum auth_level level = 0; level < AUTH_LEVELS; level++) {
        const bool elsewhere = p->user.len && memmem(p->user.s, p->user.len, "://", 3);
        const struct consent_caller caller = {.user = elsewhere ? STR("") : p->user,
                                              .purposes = auth_purposes(p, level),
                                              .writes = right & (AUTH_CREATE | AUTH_UPDATE | AUTH_DELETE),
                                              .now_us = now_us};
        bool granted = false;
        for (size_t i = 0; i < p->n_grants && !granted; i++)
            granted = p->grants[i].level == level;
        if (granted && is_bound(r->api, p, level))
            list[level] = consent_for(c, r->a, &caller);
    }
    return list;
}

bool api__has_emergencies(const struct api_request *r, const struct auth_principal *p)
{
    const struct config_list *users = &r->config->emergency_users;
    bool listed = false;
    for (int i = 0; i < users->n; i++)
        listed |= strcmp(users->items[i], "*") == 0 || str_is(p->user, users->items[i]);
    return p->rights & AUTH_EMERGENCY && listed && p->subject.len &&
           (str_starts(p->user, STR("Practitioner/")) || str_starts(p->user, STR("PractitionerRole/")));
}

void api__open_records(const struct api_request *r, struct auth_principal *p)
{
    struct consent_current *c = r->api->deps.consent;
    if (consent_has_opened(c) && api__has_emergencies(r, p))
        p->n_opened =
            consent_opened(c, r->a, consent_who(r->a, p->issuer, p->subject, p->client), &p->opened);
}

const struct auth_principal *api__bound(const struct api *api, struct arena *a,
                                        const struct auth_principal *p)
{
    if (!consent_withholds(api->deps.consent) || !is_bound(api, p, AUTH_SYSTEM))
        return p;
    struct auth_principal *bound = ARENA_NEW(a, struct auth_principal);
    *bound = *p;
    bound->whole = 0;
    bound->type_whole = arena_zalloc(a, p->n_types + 1);
    return bound;
}

bool api__withholds_any(const struct api_request *r, enum auth_right right, enum auth_level level, int64_t h)
{
    const struct search_consent *const *list = api__consents(r, right);
    const struct search_consent *c = list ? list[level] : NULL;
    bool any = c && c->closed;
    for (size_t i = 0; c && i < c->n_withheld && !any; i++)
        for (size_t j = 0; j < c->withheld[i].n && !any; j++)
            any = c->withheld[i].patients[j] == h;
    return any;
}

bool api__writes_consent(struct api_request *r)
{
    bool writes = consent_is_asked(r->api->deps.consent) && r->type && r->method != HTTP_GET &&
                  r->method != HTTP_HEAD && (!r->operation || r->operation->affects_state) &&
                  consent_concerns(r->type);
    r->conformance->consents |= writes;
    return writes;
}

static const char *const doubts[CONSENT_DOUBTS] = {
    [CONSENT_NO_PATIENT] = "The Consent names no Patient of this server: it binds nobody here",
    [CONSENT_NO_RULE] = "The Consent has neither policyRule OPTIN or OPTOUT nor a provision: it is kept as a "
                        "document and binds nobody",
    [CONSENT_NO_BASE] =
        "Neither policyRule (OPTIN, OPTOUT) nor provision.type says what the Consent is about: "
        "it is enforced as a refusal",
    [CONSENT_UNTYPED_ROOT] =
        "The first provision has criteria but no type: what it describes is enforced as a "
        "refusal",
    [CONSENT_UNTYPED] = "A nested provision without a type is enforced as a refusal",
    [CONSENT_PERIOD] =
        "The period is not understood: the provision is enforced where it denies, at any time, "
        "and never permits",
    [CONSENT_ACTOR] =
        "The actor is no resource of this server: the provision is enforced where it denies, for "
        "everybody, and permits nobody",
    [CONSENT_ROLE] =
        "The actor's role is one of the data, not of who asks for them: the provision is enforced "
        "where it denies, for everybody, and permits nobody",
    [CONSENT_ACTION] = "The action is not understood: the provision is enforced where it denies, and never "
                       "permits",
    [CONSENT_LABEL] = "The security label has no code: the provision is enforced where it denies, and never "
                      "permits",
    [CONSENT_PURPOSE] =
        "The purpose is not of v3-ActReason: the provision is enforced where it denies, for every "
        "purpose, and permits none",
    [CONSENT_CLASS] =
        "The class is no FHIR resource type: the provision is enforced where it denies, for all "
        "types, and permits none",
    [CONSENT_CODE] = "The code has no coding: the provision is enforced where it denies, for all codes, and "
                     "permits none",
    [CONSENT_DATA] = "The data are not named as instances of this server: the provision is enforced where it "
                     "denies, for all data, and permits only what is named",
    [CONSENT_MODIFIED] =
        "The modifierExtension is not understood: the provision is enforced where it denies, and "
        "never permits",
};

void api__doubt_consent(struct api_request *r)
{
    struct consent_finding *list;
    size_t n;
    if (!consent_is_asked(r->api->deps.consent) || !r->type || strcmp(r->type->name, "Consent") != 0)
        return;
    consent_check(r->api->deps.defs, store_tenant(r->api->deps.store), r->a, r->base, r->body, &list, &n);
    for (size_t i = 0; i < n; i++)
        issues_add(&r->warnings, ISSUE_WARNING, "not-supported", list[i].expression, "%s",
                   doubts[list[i].doubt]);
}
