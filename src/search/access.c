/*
 * The access predicate: groups of grants → criteria, as a query's are, and from there to SQL by where.c; the same
 * criteria judged in memory; and the looser form that old versions have in acc.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- types that are about nobody ---------------------------------------------------------------------- */

static const char *const shared[] = {
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "Endpoint",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "MessageDefinition",
    "NamingSystem",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "SearchParameter",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "ValueSet",
};

static int by_name(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

bool search_is_shared(const struct fhir_type *type)
{
    return bsearch(type->name, shared, sizeof shared / sizeof shared[0], sizeof shared[0], by_name);
}

/* ---- criteria ----------------------------------------------------------------------------------------- */

/* What keys answer, in a row and in memory. */
static bool is_own(const struct search_criterion *c)
{
    bool own = c->kind == CRIT_NONE || c->kind == CRIT_AND || c->kind == CRIT_OR || c->kind == CRIT_NOT ||
               c->kind == CRIT_KEYS || c->kind == CRIT_ID;
    for (const struct search_criterion *child = c->child; own && child; child = child->next)
        own = is_own(child);
    return own;
}

/* NULL: not one that can be asked. */
static struct search_criterion *restriction(const struct search_access *x, const struct search_grant *g)
{
    const struct search_options o = {.type = g->type,
                                     .strict = true,
                                     .conditional = true,
                                     .base = x->base,
                                     .limits = {.count = 1, .max_count = 1}};
    struct search_query *q;
    struct err err;
    bool ok = g->n_args && search_parse(x->registry, x->tenant, x->a, g->args, g->n_args, &o, &q, &err) &&
              !q->needs_terminology && q->n_asked == g->n_args && is_own(q->criteria);
    return ok ? q->criteria : NULL;
}

static struct search_criterion *of_types(const struct search_access *x, const struct fhir_type *const *types,
                                         size_t n)
{
    struct search_criterion *c = search__criterion(x->a, CRIT_TYPES, NULL);
    c->type_ids = ARENA_ARRAY(x->a, int16_t, n);
    for (size_t i = 0; i < n; i++)
        c->type_ids[c->n_type_ids++] = (int16_t)types[i]->id;
    return c;
}

static bool names(const struct search_grant *g, const struct fhir_type *const *types, size_t n)
{
    bool named = !g->type;
    for (size_t i = 0; i < n && !named; i++)
        named = types[i] == g->type;
    return named;
}

/* One of the grants; CRIT_NONE: none of them is of these types; NULL: all is granted. */
static struct search_criterion *any_grant(const struct search_access *x, const struct search_group *group,
                                          const struct fhir_type *const *types, size_t n)
{
    struct search_criterion *either = search__criterion(x->a, CRIT_OR, NULL);
    bool whole = false;
    for (size_t i = 0; i < group->n_grants; i++) {
        const struct search_grant *g = &group->grants[i];
        bool named = names(g, types, n);
        struct search_criterion *c = named && g->restricted ? restriction(x, g) : NULL;
        if (!named || (g->restricted && !c))
            continue;
        if (g->type && n != 1) {
            struct search_criterion *all = search__criterion(x->a, CRIT_AND, NULL);
            search__add_child(all, of_types(x, &g->type, 1));
            if (c)
                search__add_child(all, c->child);
            c = all;
        } else if (c && c->child && !c->child->next) {
            c = c->child;
        }
        whole |= !c;
        if (c)
            search__add_alternative(x->a, either, c);
    }
    return whole ? NULL : search__settle(either);
}

static unsigned compartment_bit(const struct search_access *x, const struct fhir_type *compartment)
{
    for (int i = 0; i < x->registry->n_compartments; i++)
        if (x->registry->compartments[i] == compartment)
            return 1u << i;
    return 0;
}

/* Can resources of the type belong to it at all? */
static bool may_belong(const struct search_access *x, const struct search_group *g,
                       const struct fhir_type *type)
{
    const struct search__type *t = search__type(x->registry, type);
    unsigned bit = compartment_bit(x, g->compartment);
    bool may = type == g->compartment || strcmp(type->name, "Binary") == 0; /* by its securityContext */
    for (int i = 0; i < t->n && !may; i++)
        may = t->slots[i].compartments & bit;
    return may;
}

/* NULL: all of these types. A key has the hash of the compartment's resource beside it, which is what acc has. */
static struct search_criterion *members(const struct search_access *x, const struct search_group *g,
                                        const struct fhir_type *const *types, size_t n)
{
    if (!g->compartment)
        return NULL;
    struct search_criterion *keys = search__criterion(x->a, CRIT_KEYS, NULL);
    const struct fhir_type **rest = ARENA_ARRAY(x->a, const struct fhir_type *, n);
    size_t n_rest = 0;
    int64_t h = search_hash_id(x->tenant, g->compartment, g->id);
    for (size_t i = 0; i < n; i++)
        if (g->shared && search_is_shared(types[i]))
            rest[n_rest++] = types[i];
        else if (may_belong(x, g, types[i]))
            search__criterion_key(x->a, keys, h ^ search__compartment(x->tenant, g->compartment, types[i]),
                                  h);
    if (n_rest == n)
        return NULL;
    struct search_criterion *either = search__criterion(x->a, CRIT_OR, NULL);
    if (keys->n_keys)
        search__add_child(either, keys);
    if (n_rest)
        search__add_child(either, of_types(x, rest, n_rest));
    return search__settle(either);
}

/* A label without a system is taken for the one that is meant: what is withheld must not pass for want of a word. */
static int64_t *label_keys(const struct search_access *x, const struct search_label *list, size_t n,
                           size_t *n_keys)
{
    static const char *const codes[] = {"_security", "_tag"};
    const struct fhir_type *any = fhir_resource_at(x->registry->defs, 0);
    int64_t *keys = NULL;
    size_t cap = 0;
    *n_keys = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct search__slot *slot = search__slot(x->registry, any, str_of(codes[i]));
        for (size_t j = 0; slot && j < n; j++) {
            struct str code = search__fold_code(x->a, slot->param->fold, str_of(list[j].code));
            *ARENA_PUSH(x->a, keys, *n_keys, cap) =
                search__key(x->tenant, slot->param, KEY_SYSTEM_CODE, str_of(list[j].system), code);
            *ARENA_PUSH(x->a, keys, *n_keys, cap) =
                search__key(x->tenant, slot->param, KEY_NO_SYSTEM, code, STR(""));
        }
    }
    return keys;
}

/* Tokens ask for few different lists of labels, again and again: their hashes are kept, and never change or go. */
struct kept_labels {
    struct kept_labels *next;
    struct hash_key key; /* the tenant's */
    size_t n, n_keys;
    int64_t *keys;
    char text[]; /* "system|code" of each, with its NUL */
};
enum { KEPT_MAX = 256 };
static _Atomic(struct kept_labels *) kept_labels;
static atomic_int n_kept_labels;

/* s goes on at t behind its NUL; NULL: something else is there. */
static const char *same_text(const char *t, const char *s)
{
    while (*s && *s == *t)
        s++, t++;
    return *s == *t ? t + 1 : NULL;
}

static bool is_of(const struct kept_labels *k, const struct search_access *x, const struct search_label *list,
                  size_t n)
{
    const char *t = k->text;
    if (k->n != n || k->key.k0 != x->tenant->key.k0 || k->key.k1 != x->tenant->key.k1)
        return false;
    for (size_t i = 0; i < n && t; i++) {
        t = same_text(t, list[i].code); /* what differs, first */
        t = t ? same_text(t, list[i].system) : NULL;
    }
    return t;
}

static char *put_text(char *t, const char *s)
{
    size_t size = strlen(s) + 1;
    memcpy(t, s, size);
    return t + size;
}

static void keep_labels(const struct search_access *x, const struct search_label *list, size_t n,
                        const int64_t *keys, size_t n_keys)
{
    size_t text = 0;
    for (size_t i = 0; i < n; i++)
        text += strlen(list[i].code) + strlen(list[i].system) + 2;
    struct kept_labels *k = malloc(sizeof *k + text);
    int64_t *own = malloc(n_keys * sizeof *own + 1);
    if (!k || !own || atomic_fetch_add(&n_kept_labels, 1) >= KEPT_MAX) {
        free(k);
        free(own);
        return;
    }
    *k = (struct kept_labels){.key = x->tenant->key, .n = n, .n_keys = n_keys, .keys = own};
    memcpy(own, keys, n_keys * sizeof *own);
    char *t = k->text;
    for (size_t i = 0; i < n; i++) {
        t = put_text(t, list[i].code);
        t = put_text(t, list[i].system);
    }
    k->next = atomic_load(&kept_labels);
    while (!atomic_compare_exchange_weak(&kept_labels, &k->next, k))
        continue;
}

static struct search_criterion *labelled(const struct search_access *x, const struct search_label *list,
                                         size_t n)
{
    struct search_criterion *c = search__criterion(x->a, CRIT_LABELS, NULL);
    const struct kept_labels *k = atomic_load(&kept_labels);
    while (k && !is_of(k, x, list, n))
        k = k->next;
    if (k) {
        c->labels = k->keys;
        c->n_labels = k->n_keys;
    } else {
        c->labels = label_keys(x, list, n, &c->n_labels);
        keep_labels(x, list, n, c->labels, c->n_labels);
    }
    return c;
}

static struct search_criterion *negated(const struct search_access *x, struct search_criterion *c)
{
    struct search_criterion *not = search__criterion(x->a, CRIT_NOT, NULL);
    not ->child = c;
    return not ;
}

static struct search_criterion *labelled_any(const struct search_access *x, const struct search_group *g)
{
    size_t n = g->n_withheld + g->n_purposes;
    struct search_label *all = ARENA_ARRAY(x->a, struct search_label, n);
    if (g->n_withheld)
        memcpy(all, g->withheld, g->n_withheld * sizeof *all);
    if (g->n_purposes)
        memcpy(all + g->n_withheld, g->purposes, g->n_purposes * sizeof *all);
    return labelled(x, all, n);
}

/* Most resources have no such label: that is asked first, at once. Of those that have one, it is one of the caller's own
 * purposes, and none that is withheld. */
static void add_labels(const struct search_access *x, const struct search_group *g,
                       struct search_criterion *all)
{
    if (!g->n_withheld && !g->n_purposes)
        return;
    struct search_criterion *either = search__criterion(x->a, CRIT_OR, NULL);
    search__add_child(either, search__criterion(x->a, CRIT_BARE, NULL));
    search__add_child(either, negated(x, labelled_any(x, g)));
    if (g->n_purposes && g->n_own) {
        struct search_criterion *both = search__criterion(x->a, CRIT_AND, NULL);
        if (g->n_withheld)
            search__add_child(both, negated(x, labelled(x, g->withheld, g->n_withheld)));
        search__add_child(both, labelled(x, g->own, g->n_own));
        search__add_child(either, both);
    }
    search__add_child(all, either);
}

/* ---- consent ------------------------------------------------------------------------------------------- */

/* The acc of a version does not tell of codes and dates: they are read so that more is withheld, or, when the version is
 * opened and judged anyway, less. */
struct rule_reading {
    bool exact, opened;
    bool untold; /* out: there was such a condition */
};

static struct search_criterion *always(const struct search_access *x)
{
    return search__criterion(x->a, CRIT_AND, NULL);
}

static struct search_criterion *never(const struct search_access *x)
{
    return search__criterion(x->a, CRIT_NONE, NULL);
}

static bool is_always(const struct search_criterion *c)
{
    return c->kind == CRIT_AND && !c->child;
}

static struct search_criterion *joined(const struct search_access *x, bool all, struct search_criterion *c,
                                       struct search_criterion *d)
{
    if (is_always(c) || d->kind == CRIT_NONE)
        return all ? d : c;
    if (is_always(d) || c->kind == CRIT_NONE)
        return all ? c : d;
    struct search_criterion *both = search__criterion(x->a, all ? CRIT_AND : CRIT_OR, NULL);
    search__add_child(both, c);
    search__add_child(both, d);
    return both;
}

static struct search_criterion *opposite(const struct search_access *x, struct search_criterion *c)
{
    return is_always(c) ? never(x) : c->kind == CRIT_NONE ? always(x) : negated(x, c);
}

/* A code wherever a parameter of type token looks. */
static struct search_criterion *coded(const struct search_access *x, const struct search_condition *what,
                                      const struct fhir_type *const *types, size_t n)
{
    struct search_criterion *c = search__criterion(x->a, CRIT_KEYS, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct search__type *t = search__type(x->registry, types[i]);
        for (int j = 0; j < t->n; j++) {
            const struct search_param *p = t->slots[j].param;
            if (p->def->type != FHIR_SEARCH_TOKEN || t->slots[j].n_parts || !p->expr)
                continue;
            struct str code = search__fold_code(x->a, p->fold, str_of(what->code));
            search__criterion_key(x->a, c,
                                  what->system
                                      ? search__key(x->tenant, p, KEY_SYSTEM_CODE, str_of(what->system), code)
                                      : search__key(x->tenant, p, KEY_CODE, code, STR("")),
                                  0);
        }
    }
    return c->n_keys ? c : never(x);
}

static struct search_criterion *dated(const struct search_access *x, enum search__op op, int64_t from,
                                      int64_t to)
{
    struct search_criterion *c = search__criterion(x->a, CRIT_DATE, NULL);
    c->lane = LANE_DATE;
    c->op = op;
    c->lo = from;
    c->hi = to;
    return c;
}

/* more: in doubt it holds. */
static struct search_criterion *condition(const struct search_access *x, const struct search_condition *what,
                                          const struct fhir_type *const *types, size_t n, bool more,
                                          struct rule_reading *how)
{
    struct search_criterion *c;
    bool untold =
        what->kind == CONDITION_CODE || what->kind == CONDITION_WITHIN || what->kind == CONDITION_OUTSIDE;
    if (untold && !how->exact) {
        how->untold = true;
        return more ? always(x) : never(x);
    }
    switch (what->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
        if (!what->a)
            return what->kind == CONDITION_ALL ? always(x) : never(x);
        return joined(x, what->kind == CONDITION_ALL, condition(x, what->a, types, n, more, how),
                      condition(x, what->b, types, n, more, how));
    case CONDITION_NOT:
        return opposite(x, condition(x, what->a, types, n, !more, how));
    case CONDITION_TYPE:
        if (n == 1)
            return types[0] == what->type ? always(x) : never(x);
        return of_types(x, &what->type, 1);
    case CONDITION_ID:
        c = search__criterion(x->a, CRIT_ID, NULL);
        c->ids = ARENA_NEW(x->a, struct str);
        c->ids[c->n_ids++] = what->id;
        return joined(x, true, n == 1 && types[0] == what->type ? always(x) : of_types(x, &what->type, 1), c);
    case CONDITION_LABEL:
        return labelled(x, what->labels, what->n_labels);
    case CONDITION_CODE:
        return coded(x, what, types, n);
    case CONDITION_WITHIN:
        return dated(x, OP_EQ, what->from, what->to);
    case CONDITION_OUTSIDE:
        return joined(x, false, dated(x, OP_EB, what->from, what->from), dated(x, OP_SA, what->to, what->to));
    }
    return never(x);
}

static bool has_patient_lane(const struct search_access *x, const struct fhir_type *type)
{
    const struct search__type *t = search__type(x->registry, type);
    for (int i = 0; i < t->n; i++)
        if (t->slots[i].lane == LANE_PAT)
            return true;
    return false;
}

/* NULL: no resource of these types is. */
static struct search_criterion *about(const struct search_access *x, const struct search_rule *rule,
                                      const struct fhir_type *const *types, size_t n)
{
    const struct fhir_type *patient = fhir_resource(x->registry->defs, STR("Patient"));
    const struct search_group of = {.compartment = patient};
    struct search_criterion *c = search__criterion(x->a, CRIT_ABOUT, NULL);
    size_t highest = 0;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        highest = (size_t)types[i]->id > highest ? (size_t)types[i]->id : highest;
    int64_t *constants = ARENA_ARRAY(x->a, int64_t, highest);
    for (size_t i = 0; i < n; i++) {
        bool member = may_belong(x, &of, types[i]), lane = has_patient_lane(x, types[i]);
        any |= member || lane;
        c->by_lane |= lane && (n > 1 || !member);
        if (member)
            constants[types[i]->id - 1] = search__compartment(x->tenant, patient, types[i]);
    }
    c->type = n == 1 ? types[0] : NULL;
    c->compartments = n == 1 ? &constants[types[0]->id - 1] : constants;
    c->n_compartments = n == 1 ? 1 : highest;
    c->patients = rule->patients;
    c->n_patients = rule->n;
    return any ? c : NULL;
}

static bool may_be_about(const struct search_access *x, const struct fhir_type *type)
{
    return about(x, &(struct search_rule){0}, &type, 1);
}

static bool has_any(const int64_t *list, size_t n, int64_t key)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == key)
            return true;
    return false;
}

static struct search_criterion *of_nobody(const struct search_access *x, const struct fhir_type *const *types,
                                          size_t n)
{
    const struct fhir_type **rest = ARENA_ARRAY(x->a, const struct fhir_type *, n);
    size_t n_rest = 0;
    for (size_t i = 0; i < n; i++)
        if (!may_be_about(x, types[i]))
            rest[n_rest++] = types[i];
    return n_rest == n ? always(x) : n_rest ? of_types(x, rest, n_rest) : never(x);
}

/* False: nothing is left. */
static bool add_consent(const struct search_access *x, const struct search_consent *consent,
                        const struct fhir_type *const *types, size_t n, struct rule_reading *how,
                        struct search_criterion *all)
{
    for (size_t i = 0; i < consent->n_withheld; i++) {
        const struct search_rule *rule = &consent->withheld[i];
        struct search_criterion *theirs = about(x, rule, types, n);
        struct search_criterion *not =
            theirs
                ? opposite(x, joined(x, true, theirs, condition(x, rule->what, types, n, !how->opened, how)))
                : always(x);
        if (!is_always(not ))
            search__add_child(all, not );
    }
    if (!consent->closed)
        return true;
    struct search_criterion *seen = of_nobody(x, types, n);
    for (size_t i = 0; i < consent->n_let && !is_always(seen); i++) {
        const struct search_rule *rule = &consent->let[i];
        struct search_criterion *theirs = about(x, rule, types, n);
        if (theirs)
            seen = joined(x, false, seen,
                          joined(x, true, theirs, condition(x, rule->what, types, n, how->opened, how)));
    }
    if (!is_always(seen))
        search__add_child(all, seen);
    return seen->kind != CRIT_NONE;
}

const struct search_consent *search_consent_without(struct arena *a, const struct search_consent *consent,
                                                    const int64_t *patients, size_t n)
{
    static const struct search_condition always = {.kind = CONDITION_ALL};
    if (!consent)
        return NULL;
    struct search_consent *out = ARENA_NEW(a, struct search_consent);
    struct search_rule *withheld = ARENA_ARRAY(a, struct search_rule, consent->n_withheld),
                       *let = ARENA_ARRAY(a, struct search_rule, consent->n_let + 1);
    for (size_t i = 0; i < consent->n_withheld; i++) {
        const struct search_rule *rule = &consent->withheld[i];
        int64_t *rest = ARENA_ARRAY(a, int64_t, rule->n);
        size_t kept = 0;
        for (size_t j = 0; j < rule->n; j++)
            if (!has_any(patients, n, rule->patients[j]))
                rest[kept++] = rule->patients[j];
        if (kept)
            withheld[out->n_withheld++] = (struct search_rule){rest, kept, rule->what};
    }
    for (size_t i = 0; i < consent->n_let; i++)
        let[i] = consent->let[i];
    let[consent->n_let] = (struct search_rule){patients, n, &always};
    out->closed = consent->closed;
    out->withheld = withheld;
    out->let = let;
    out->n_let = consent->n_let + 1;
    return out;
}

/* All that must hold, without children when nothing has to; NULL: nothing is covered. */
static struct search_criterion *conjunction(const struct search_access *x, const struct search_group *g,
                                            const struct fhir_type *const *types, size_t n,
                                            struct rule_reading *how)
{
    struct search_criterion *all = search__criterion(x->a, CRIT_AND, NULL),
                            *grant = any_grant(x, g, types, n), *member = members(x, g, types, n);
    if ((grant && grant->kind == CRIT_NONE) || (member && member->kind == CRIT_NONE))
        return NULL;
    if (member)
        search__add_child(all, member);
    if (g->n_about) {
        struct search_criterion *theirs =
            about(x, &(struct search_rule){g->about, g->n_about, NULL}, types, n);
        if (!theirs)
            return NULL;
        search__add_child(all, theirs);
    }
    add_labels(x, g, all);
    if (g->consent && !add_consent(x, g->consent, types, n, how, all))
        return NULL;
    if (grant)
        search__add_child(all, grant);
    return all;
}

static const struct fhir_type *const *every_type(const struct search_access *x, size_t *n)
{
    *n = (size_t)fhir_resource_count(x->registry->defs);
    const struct fhir_type **every = ARENA_ARRAY(x->a, const struct fhir_type *, *n);
    for (size_t i = 0; i < *n; i++)
        every[i] = fhir_resource_at(x->registry->defs, (int)i);
    return every;
}

static struct rule_reading row = {.exact = true};

struct search_criterion *search__access(const struct search_access *x, const struct fhir_type *const *types,
                                        size_t n)
{
    struct search_criterion *either = search__criterion(x->a, CRIT_OR, NULL);
    types = n ? types : every_type(x, &n);
    for (size_t i = 0; i < x->n_groups; i++) {
        struct search_criterion *c = conjunction(x, &x->groups[i], types, n, &row);
        if (c && !c->child)
            return NULL;
        if (c)
            search__add_child(either, c);
    }
    return search__settle(either);
}

/* Is what belongs to the compartment what the patient lane has? */
static bool is_implied(const struct search_access *x, const struct fhir_type *type,
                       const struct search_criterion *member, const struct search_criterion *asked)
{
    const struct fhir_type *patient = fhir_resource(x->registry->defs, STR("Patient"));
    const struct search__type *t = search__type(x->registry, type);
    bool lane = false;
    for (int i = 0; i < t->n; i++)
        lane |= t->slots[i].lane == LANE_PAT && (t->slots[i].compartments & compartment_bit(x, patient));
    for (const struct search_criterion *c = asked; c && lane; c = c->next)
        if (c->kind == CRIT_KEYS && c->lane == LANE_PAT && c->n_keys == 1 && member->kind == CRIT_KEYS &&
            member->n_keys == 1 &&
            member->keys[0].key == (c->keys[0].lane ^ search__compartment(x->tenant, patient, type)))
            return true;
    return false;
}

void search__add_access(struct search__parse *p)
{
    const struct search_access *x = p->options->access;
    struct search_query *q = p->q;
    if (!x || p->options->conditional)
        return;
    struct search_criterion *c = search__access(x, q->types, (size_t)q->n_types);
    if (!c)
        return;
    q->empty |= c->kind == CRIT_NONE;
    struct search_criterion *list = c->kind == CRIT_AND ? c->child : c;
    if (q->n_types == 1 && is_implied(x, q->types[0], list, q->criteria->child))
        list = list->next;
    if (list)
        search__add_child(q->criteria, list);
}

struct search_criterion *search__covered(struct search__parse *p, const struct fhir_type *type,
                                         struct search_criterion *c)
{
    const struct search_access *x = p->options->access;
    struct search_criterion *own = x ? search__access(x, &type, 1) : NULL;
    if (!own || own->kind == CRIT_NONE)
        return own ? own : c;
    struct search_criterion *both = search__criterion(p->a, CRIT_AND, NULL),
                            *wrapped = search__criterion(p->a, CRIT_ACCESS, NULL);
    wrapped->child = own;
    search__add_child(both, c->kind == CRIT_AND && c->child ? c->child : c);
    search__add_child(both, wrapped);
    return both;
}

/* ---- in memory ---------------------------------------------------------------------------------------- */

static bool holds(const struct search_criterion *c, const struct fhir_type *type, struct str id,
                  const struct search_index *index)
{
    bool any = false;
    switch (c->kind) {
    case CRIT_AND:
    case CRIT_OR:
        any = c->kind == CRIT_AND;
        for (const struct search_criterion *child = c->child; child && any == (c->kind == CRIT_AND);
             child = child->next)
            any = holds(child, type, id, index);
        return any;
    case CRIT_NOT:
        return !holds(c->child, type, id, index);
    case CRIT_KEYS:
        for (size_t i = 0; i < c->n_keys && !any; i++)
            any = has_any(index->keys, index->n_keys, c->keys[i].key);
        return any;
    case CRIT_LABELS:
        for (size_t i = 0; i < c->n_labels && !any; i++)
            any = has_any(index->labels, index->n_labels, c->labels[i]);
        return any;
    case CRIT_BARE:
        return index->n_labels == 0;
    case CRIT_TYPES:
        for (size_t i = 0; i < c->n_type_ids && !any; i++)
            any = c->type_ids[i] == type->id;
        return any;
    case CRIT_ID:
        for (size_t i = 0; i < c->n_ids && !any; i++)
            any = str_eq(c->ids[i], id);
        return any;
    case CRIT_ABOUT:
        for (size_t i = 0; i < c->n_patients && !any; i++)
            any = c->patients[i] == index->pat || has_any(index->patients, index->n_patients, c->patients[i]);
        return any;
    case CRIT_DATE: /* of condition() */
        return index->dt != SEARCH_NO_DATE && (c->op == OP_EQ   ? index->dt >= c->lo && index->dt_hi <= c->hi
                                               : c->op == OP_EB ? index->dt_hi < c->lo
                                                                : index->dt > c->hi);
    default: /* is_own() lets no other pass */
        return false;
    }
}

enum search_cover search_access_covers(const struct search_access *x, const struct fhir_type *type,
                                       struct str id, const struct search_index *index)
{
    enum search_cover best = SEARCH_HIDDEN;
    for (size_t i = 0; i < x->n_groups && best != SEARCH_COVERED; i++) {
        const struct search_criterion *c = conjunction(x, &x->groups[i], &type, 1, &row);
        if (c && holds(c, type, id, index))
            best = x->groups[i].compartment ? SEARCH_COVERED_AS_MEMBER : SEARCH_COVERED;
    }
    return best;
}

bool search_access_keeps_to(const struct search_access *x, const struct search_index *index,
                            const struct search_index *was)
{
    static const struct search_index none;
    was = was ? was : &none;
    for (size_t i = 0; i < x->n_groups; i++) {
        const struct search_group *g = &x->groups[i];
        if (!g->compartment)
            continue;
        int64_t own = search_hash_id(x->tenant, g->compartment, g->id);
        bool kept = has_any(index->patients, index->n_patients, own);
        for (size_t j = 0; j < index->n_patients && kept; j++)
            kept = index->patients[j] == own || has_any(was->patients, was->n_patients, index->patients[j]);
        for (size_t j = 0; j < was->n_patients && kept; j++)
            kept = has_any(index->patients, index->n_patients, was->patients[j]);
        if (kept)
            return true;
    }
    return false;
}

/* ---- SQL ---------------------------------------------------------------------------------------------- */

/* As acc has them: compartments by the hash of their resource, labels as they are. */
static struct search_criterion *of_version(const struct search_access *x,
                                           const struct fhir_type *const *types, size_t n, bool opened)
{
    struct search_criterion *either = search__criterion(x->a, CRIT_OR, NULL);
    struct rule_reading how = {.opened = opened};
    types = n ? types : every_type(x, &n);
    for (size_t i = 0; i < x->n_groups; i++) {
        struct search_group g = x->groups[i];
        struct search_grant *loose = ARENA_ARRAY(x->a, struct search_grant, g.n_grants);
        size_t kept = 0;
        for (size_t j = 0; j < g.n_grants; j++) {
            if (g.grants[j].restricted && names(&g.grants[j], types, n) && !opened)
                continue;
            loose[kept] = g.grants[j];
            loose[kept++].restricted = false;
        }
        g.grants = loose;
        g.n_grants = kept;
        struct search_criterion *c = conjunction(x, &g, types, n, &how);
        if (c && !c->child)
            return NULL;
        if (c)
            search__add_child(either, c);
    }
    return search__settle(either);
}

static int marked_patients(const struct search_criterion *c, struct sql *q)
{
    int64_t *list = ARENA_ARRAY(q->a, int64_t, 2 * c->n_patients);
    for (size_t i = 0; i < c->n_patients; i++) {
        list[2 * i] = c->patients[i];
        list[2 * i + 1] = search__about(c->patients[i]);
    }
    return sql_int8_array(q, list, 2 * c->n_patients);
}

/* The same shapes on h.acc and h.rtype. */
static void version_where(const struct search_criterion *c, struct sql *q)
{
    const char *between = "";
    switch (c->kind) {
    case CRIT_AND:
    case CRIT_OR:
        sql_adds(q, "(");
        for (const struct search_criterion *child = c->child; child; child = child->next) {
            sql_adds(q, between);
            version_where(child, q);
            between = c->kind == CRIT_AND ? " AND " : " OR ";
        }
        sql_adds(q, ")");
        break;
    case CRIT_NOT:
        sql_adds(q, "NOT ");
        version_where(c->child, q);
        break;
    case CRIT_KEYS: /* of members() */
        sql_addf(q, "$%d = ANY (h.acc)", sql_int8(q, c->keys[0].lane));
        break;
    case CRIT_LABELS:
        sql_addf(q, "h.acc && $%d", sql_int8_array(q, c->labels, c->n_labels));
        break;
    case CRIT_TYPES:
        sql_addf(q, "h.rtype = ANY ($%d)", sql_int2_array(q, c->type_ids, c->n_type_ids));
        break;
    case CRIT_ABOUT:
        sql_addf(q, "h.acc && $%d", marked_patients(c, q));
        break;
    case CRIT_ID: /* of condition() */
        sql_addf(q, "h.rid = $%d", sql_text(q, c->ids[0]));
        break;
    default:
        sql_adds(q, "false");
        break;
    }
}

void search_access_versions(const struct search_access *x, const struct fhir_type *const *types, size_t n,
                            bool opened, struct sql *q)
{
    const struct search_criterion *c = of_version(x, types, n, opened);
    if (!c)
        return;
    sql_adds(q, " AND ");
    version_where(c, q);
}

bool search_access_must_open(const struct search_access *x, const struct fhir_type *type)
{
    struct rule_reading how = {.opened = true};
    for (size_t i = 0; i < x->n_groups; i++)
        if (x->groups[i].consent)
            conjunction(x, &x->groups[i], &type, 1, &how);
    return how.untold || search_access_is_open(x, type);
}

void search_access_where(const struct search_access *x, const struct fhir_type *const *types, size_t n,
                         bool tombstones, struct sql *q)
{
    const struct search_criterion *c = search__access(x, types, n);
    struct search__sql w = {.sql = q};
    if (!c)
        return;
    if (!tombstones) {
        sql_adds(q, " AND ");
        search__where(&w, c, 0, USE_FILTER);
        return;
    }
    const struct search_criterion *last = of_version(x, types, n, false);
    sql_adds(q,
             " AND CASE WHEN r0.deleted THEN EXISTS (SELECT 1 FROM res_history h WHERE h.tenant = r0.tenant "
             "AND h.k = r0.k AND h.ver = r0.ver AND ");
    last ? version_where(last, q) : sql_adds(q, "true");
    sql_adds(q, ") ELSE ");
    search__where(&w, c, 0, USE_FILTER);
    sql_adds(q, " END");
}

bool search_access_is_open(const struct search_access *x, const struct fhir_type *type)
{
    for (size_t i = 0; i < x->n_groups; i++)
        for (size_t j = 0; j < x->groups[i].n_grants; j++) {
            const struct search_grant *g = &x->groups[i].grants[j];
            if (g->restricted && (!type || !g->type || g->type == type))
                return true;
        }
    return false;
}
