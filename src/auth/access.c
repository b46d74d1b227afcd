/*
 * A principal's grants → the predicate of search/access.h: one group a level.
 *
 *              belongs to                          labels
 *   system/    whatever                            as the claims say, if they say anything
 *   user/      whatever; fhirUser a Patient: its   confidentiality, sensitivities, purpose of use; UNDELIVERED
 *              own compartment
 *     (opened)   about patients whose records were   UNDELIVERED alone
 *              opened in an emergency
 *   patient/   the compartment of claim patient,   the same, and UNINFORMED
 *              and types that are about nobody
 *
 * UNINFORMED (a diagnosis that the patient has not been told) and UNDELIVERED (not given to anybody yet) are tags of
 * Japan's national record-sharing service.
 */
#include "internal.h"

#define CONFIDENTIALITY "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
#define SENSITIVITY     "http://terminology.hl7.org/CodeSystem/v3-ActCode"
#define REASON          "http://terminology.hl7.org/CodeSystem/v3-ActReason"
#define NATIONAL        "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"

static const struct {
    const char *code;
    unsigned levels; /* bit by level: from whom it withholds */
} national[] = {
    {"UNINFORMED", 1u << AUTH_PATIENT},
    {"UNDELIVERED", 1u << AUTH_USER | 1u << AUTH_PATIENT},
};

/* Purposes of use that a resource may be reserved for by a label. */
static const struct search_label purposes[] = {
    {REASON, "TREAT"},     {REASON, "ETREAT"},  {REASON, "CAREMGT"},  {REASON, "HPAYMT"},
    {REASON, "HOPERAT"},   {REASON, "HRESCH"},  {REASON, "HMARKT"},   {REASON, "PATRQT"},
    {REASON, "FAMRQT"},    {REASON, "PWATRNY"}, {REASON, "PUBHLTH"},  {REASON, "DISASTER"},
    {REASON, "THREAT"},    {REASON, "HLEGAL"},  {REASON, "HACCRED"},  {REASON, "HQUALIMP"},
    {REASON, "HSYSADMIN"}, {REASON, "SUPNWK"},  {REASON, "COVERAGE"}, {REASON, "HDIRECT"},
};

enum { PURPOSES = sizeof purposes / sizeof purposes[0] };

/* Of whom the token does not say what for. */
static const char *const implied[AUTH_LEVELS] = {
    [AUTH_SYSTEM] = "", [AUTH_USER] = " TREAT ", [AUTH_PATIENT] = " PATRQT "};

static struct str own_record(const struct auth_principal *p)
{
    return str_starts(p->user, STR("Patient/")) ? (struct str){p->user.s + 8, p->user.len - 8} : STR("");
}

static bool is_related(const struct auth_principal *p)
{
    return str_starts(p->user, STR("RelatedPerson/"));
}

bool auth_is_bound(const struct auth_principal *p, enum auth_level level, struct str *id)
{
    *id = level == AUTH_PATIENT ? p->patient
          : level != AUTH_USER  ? STR("")
          : is_related(p)       ? p->related
                                : own_record(p);
    return level == AUTH_PATIENT || (level == AUTH_USER && (id->len || is_related(p)));
}

struct str auth_purposes(const struct auth_principal *p, enum auth_level level)
{
    bool family = level == AUTH_USER && is_related(p);
    return p->purposes.s ? p->purposes : family ? STR(" FAMRQT ") : str_of(implied[level]);
}

bool auth_is_other(const struct auth_principal *p, enum auth_level level)
{
    if (level == AUTH_USER)
        return !own_record(p).len;
    bool own = own_record(p).len && str_eq(own_record(p), p->patient);
    return level == AUTH_SYSTEM || (p->user.len && !own);
}

struct labels {
    struct arena *a;
    struct search_label *list;
    size_t n, cap;
};

static void add(struct labels *l, const char *system, const char *code)
{
    *ARENA_PUSH(l->a, l->list, l->n, l->cap) = (struct search_label){system, code};
}

static void withhold(const struct auth_principal *p, enum auth_level level, struct arena *a,
                     struct search_group *g)
{
    struct labels l = {.a = a};
    int i = 0;
    for (struct str rest = STR(AUTH_CONFIDENTIALITIES); rest.s; i++) {
        struct str code = str_cut(rest, ' ', &rest);
        if (i > p->sight[level])
            add(&l, CONFIDENTIALITY, arena_strndup(a, code.s, code.len));
    }
    for (struct str rest = p->sensitive; level != AUTH_SYSTEM && rest.s && rest.len;) {
        struct str code = str_cut(rest, ' ', &rest);
        if (code.len)
            add(&l, SENSITIVITY, arena_strndup(a, code.s, code.len));
    }
    struct str patient;
    unsigned as = auth_is_bound(p, level, &patient) ? 1u << AUTH_PATIENT : 1u << level;
    for (size_t j = 0; j < sizeof national / sizeof national[0]; j++)
        if (national[j].levels & as)
            add(&l, NATIONAL, national[j].code);
    g->withheld = l.list;
    g->n_withheld = l.n;
}

/* What nobody is given yet. */
static void withhold_drafts(struct arena *a, struct search_group *g)
{
    struct labels l = {.a = a};
    for (size_t j = 0; j < sizeof national / sizeof national[0]; j++)
        if (national[j].levels & 1u << AUTH_USER)
            add(&l, NATIONAL, national[j].code);
    g->withheld = l.list;
    g->n_withheld = l.n;
}

static void reserve(const struct auth_principal *p, enum auth_level level, struct arena *a,
                    struct search_group *g)
{
    struct labels own = {.a = a};
    struct str said = auth_purposes(p, level);
    if (!said.len)
        return;
    for (int i = 0; i < PURPOSES; i++) {
        struct str spaced = str_of(arena_printf(a, " %s ", purposes[i].code));
        if (memmem(said.s, said.len, spaced.s, spaced.len))
            add(&own, REASON, purposes[i].code);
    }
    g->purposes = purposes;
    g->n_purposes = PURPOSES;
    g->own = own.list;
    g->n_own = own.n;
}

/* "category=laboratory&status=final"; n 0: malformed. */
static const struct search_arg *arguments(struct arena *a, struct str query, size_t *n)
{
    struct search_arg *list = NULL;
    size_t cap = 0;
    *n = 0;
    for (struct str rest = query; rest.s;) {
        struct str value, name = str_cut(str_cut(rest, '&', &rest), '=', &value);
        struct search_arg *arg = ARENA_PUSH(a, list, *n, cap);
        if (!value.s || !str_percent_decode(a, name, true, &arg->name) ||
            !str_percent_decode(a, value, true, &arg->value)) {
            *n = 0;
            return NULL;
        }
    }
    return list;
}

static void add_grants(const struct auth_principal *p, enum auth_level level, unsigned right, struct arena *a,
                       struct search_group *g)
{
    struct search_grant *list = ARENA_ARRAY(a, struct search_grant, p->n_grants);
    for (size_t i = 0; i < p->n_grants; i++) {
        const struct auth_grant *from = &p->grants[i];
        struct search_grant *to = &list[g->n_grants];
        if (from->level != level || !(from->rights & right))
            continue;
        *to = (struct search_grant){.type = from->type, .restricted = from->query.s != NULL};
        if (to->restricted)
            to->args = arguments(a, from->query, &to->n_args);
        g->n_grants++;
    }
    g->grants = list;
}

/* user/… once more: of these patients, whatever labels and their own Consents say. */
static void add_opened(const struct auth_principal *p, unsigned right, const struct search_consent *consent,
                       struct search_access *x, struct search_group *g)
{
    if (!p->n_opened)
        return;
    add_grants(p, AUTH_USER, right, x->a, g);
    g->about = p->opened;
    g->n_about = p->n_opened;
    withhold_drafts(x->a, g);
    g->consent = search_consent_without(x->a, consent, p->opened, p->n_opened);
    x->n_groups += g->n_grants > 0;
}

const struct search_access *auth_access(const struct auth_principal *p, enum auth_right right,
                                        struct arena *a, const struct fhir_defs *d,
                                        const struct search_registry *registry,
                                        const struct search_tenant *tenant, struct str base,
                                        const struct search_consent *const *consents)
{
    if (auth_unrestricted(p, right, NULL))
        return NULL;
    struct search_access *x = ARENA_NEW(a, struct search_access);
    struct search_group *groups = ARENA_ARRAY(a, struct search_group, AUTH_LEVELS + 1);
    *x = (struct search_access){a, registry, tenant, base, auth_principal_rights(a, p), groups, 0};
    for (enum auth_level level = 0; level < AUTH_LEVELS; level++) {
        struct search_group *g = &groups[x->n_groups];
        struct str patient;
        bool bound = auth_is_bound(p, level, &patient);
        *g = (struct search_group){0};
        if (bound && !patient.len)
            continue;
        add_grants(p, level, right, a, g);
        if (!g->n_grants)
            continue;
        if (bound) {
            g->compartment = fhir_resource(d, STR("Patient"));
            g->id = patient;
            g->shared = right & (AUTH_READ | AUTH_SEARCH);
        }
        withhold(p, level, a, g);
        reserve(p, level, a, g);
        g->consent = consents ? consents[level] : NULL;
        x->n_groups++;
    }
    add_opened(p, right, consents ? consents[AUTH_USER] : NULL, x, &groups[x->n_groups]);
    return x;
}
