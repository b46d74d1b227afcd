/*
 * The walk over a resource, or a part of one, by a compiled profile: a pass of its own over the same tree, which looks only
 * at what the profile speaks of.
 */
#include <string.h>

#include "message.h"
#include "profile.h"

/* A resource that was held against a profile. While that is going on the answer is yes: two profiles that demand each
 * other of two resources that refer to each other are kept. */
struct validate__checked {
    const struct profile_node *against;
    const json *node;
    bool kept, told; /* its findings are in the list */
};

/* ---- findings ----------------------------------------------------------------------------------------------- */

void profile__find(struct profile__pass *x, const struct validate__place *at, enum issue_severity severity,
                   const char *code, const char *key, const char *fmt, ...)
{
    struct validate__walk *w = x->w;
    const char *text = "";
    if (!w->probes && !validate__full(w)) {
        va_list args;
        va_start(args, fmt);
        text = message_text(w->a, w->out->language, fmt, args);
        va_end(args);
    }
    validate__find(w, at, severity, code, key, "%s (profile %s)", text, x->p->url);
}

/* fmt: of a struct profile_fault. */
static const char *said(struct validate__walk *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const char *text = message_text(w->a, w->out->language, fmt, args);
#pragma GCC diagnostic pop
    va_end(args);
    return text;
}

/* Once for each profile. */
static void unusable(struct validate__walk *w, struct validate__place *at, enum issue_severity severity,
                     const struct profile *p, const struct profile_fault *fault)
{
    for (size_t i = 0; i < w->n_unresolved; i++)
        if (w->unresolved[i] == p->canonical)
            return;
    if (w->probes)
        return;
    *ARENA_PUSH(w->a, w->unresolved, w->n_unresolved, w->cap_unresolved) = p->canonical;
    validate__find(w, at, severity, "not-supported", NULL, "The profile %s cannot be used as it is: %s",
                   p->url, said(w, fault->text, fault->one, fault->two));
}

/* ---- elements in JSON ------------------------------------------------------------------------------------- */

static bool of_choice(const struct fhir_element *e, size_t len, const struct fhir_type *t, const char *name,
                      const struct fhir_type **type)
{
    return strncmp(name, e->name, len) == 0 && fhir_child(t, name, type) == e;
}

bool profile__values(const struct validate__place *at, const char *name, const struct fhir_element *e,
                     struct profile__values *out)
{
    *out = (struct profile__values){.element = e, .type = e->types[0].type};
    size_t len = strlen(name);
    const json *node = at->type->kind == FHIR_PRIMITIVE ? at->extra : at->node;
    json_each (m, json_is_object(node) ? node : NULL) {
        bool sibling = m->string[0] == '_';
        const char *called = m->string + sibling;
        if (e->choice ? !of_choice(e, len, at->type, called, &out->type) : strcmp(called, name) != 0)
            continue;
        if (sibling)
            out->extra = m;
        else
            out->value = m;
    }
    if (json_is_null(out->value))
        out->value = NULL;
    return out->value || out->extra;
}

/* Sets what stands in the array, or alone. A resource gets its own type. */
static void stand(struct validate__walk *w, const struct profile__values *v, struct validate__place *at,
                  const json *value, const json *extra)
{
    at->node = json_is_null(value) ? NULL : value;
    at->extra = json_is_null(extra) ? NULL : extra;
    at->item = NULL;
    at->type = v->type;
    if (v->type->kind != FHIR_RESOURCE)
        return;
    const char *name = json_get_string(value, "resourceType");
    const struct fhir_type *own = name ? fhir_resource(w->v->defs, str_of(name)) : NULL;
    at->type = own ? own : v->type;
}

bool profile__first(struct validate__walk *w, struct profile__values *v, struct validate__place *up,
                    struct validate__place *at)
{
    bool many = json_is_array(v->value) || json_is_array(v->extra);
    *at = (struct validate__place){
        .up = up, .name = v->element->name, .index = many ? -1 : -2, .element = v->element};
    v->next_value = json_is_array(v->value) ? v->value->child : v->value;
    v->next_extra = json_is_array(v->extra) ? v->extra->child : v->extra;
    return profile__next(w, v, at);
}

bool profile__next(struct validate__walk *w, struct profile__values *v, struct validate__place *at)
{
    const json *value = v->next_value, *extra = v->next_extra;
    if (!value && !extra)
        return false;
    at->index++;
    stand(w, v, at, value, extra);
    v->next_value = value && json_is_array(v->value) ? value->next : NULL;
    v->next_extra = extra && json_is_array(v->extra) ? extra->next : NULL;
    return true;
}

/* ---- one element ------------------------------------------------------------------------------------------ */

static void constraints(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    struct validate__walk *w = x->w;
    if (w->options->level < VALIDATE_FULL)
        return;
    for (size_t i = 0; i < n->n_constraints; i++) {
        const struct profile_constraint *c = &n->constraints[i];
        if (!validate__holds(w, at, c->expr, c->said->key, c->failed))
            profile__find(x, at, c->said->warning ? ISSUE_WARNING : ISSUE_ERROR, "invariant", c->said->key,
                          "%s: %s", c->said->key, c->said->human ? c->said->human : c->said->expression);
    }
}

/* A resource inside another: its own references and invariants see it, those of the element the one around it. */
static void inside(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    struct validate__walk *w = x->w;
    struct validate__scope *outer = w->scope;
    bool contained = strcmp(at->element->name, "contained") == 0;
    struct validate__scope scope = {.node = at->node,
                                    .type = at->type,
                                    .outer = outer,
                                    .container = !contained         ? NULL
                                                 : outer->container ? outer->container
                                                                    : outer,
                                    .conditional = outer->conditional};
    if (!contained && outer->bundle)
        scope.entry = validate__bundle_entry_of(outer->bundle, at);
    w->scope = &scope;
    if (at->type == w->v->bundle)
        validate__bundle_begin(w, at->node);
    if (!contained)
        validate__contained_index(w, &scope);
    profile__value(x, n, at);
    w->scope = outer;
    constraints(x, n, at);
}

static void too_few(struct profile__pass *x, const struct profile_node *n, struct validate__place *up,
                    size_t count)
{
    profile__find(x, up, ISSUE_ERROR, "required", NULL, "%s: at least %u required, but %zu found", n->id,
                  (unsigned)n->min, count);
}

static void element(struct profile__pass *x, const struct profile_node *n, const struct fhir_element *e,
                    struct validate__place *up)
{
    struct validate__walk *w = x->w;
    struct profile__values values;
    struct validate__place at;
    struct profile__sliced sliced;
    size_t count = 0;
    bool slices = n->n_slices > 0;
    if (slices)
        profile__sliced_begin(&sliced, n);
    if (profile__values(up, n->element->name, e, &values)) {
        bool more = profile__first(w, &values, up, &at);
        for (; more && !validate__full(w); more = profile__next(w, &values, &at)) {
            count++;
            if (!n->value_idle && at.type->kind == FHIR_RESOURCE)
                inside(x, n, &at);
            else if (!n->value_idle)
                profile__value(x, n, &at);
            if (slices)
                profile__sliced_item(x, n, &at, &sliced);
        }
    }
    if (count < n->min)
        too_few(x, n, up, count);
    if (count > n->max)
        profile__find(x, up, ISSUE_ERROR, "structure", NULL, "%s: at most %u allowed, but %zu found", n->id,
                      (unsigned)n->max, count);
    if (slices)
        profile__sliced_end(x, n, up, &sliced);
}

static void children(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    for (size_t i = 0; i < n->n_active && !validate__full(x->w); i++) {
        const struct profile_node *c = n->active[i];
        const struct fhir_element *e =
            at->type == n->of ? c->element : fhir_element_by_name(at->type, c->element->name);
        if (e)
            element(x, c, e, at);
    }
}

/* ---- one value --------------------------------------------------------------------------------------------- */

/* A value that is required may be left out when one of these extensions says why. */
static void alternatives(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    json_each (e, json_get(at->extra, "extension")) {
        const char *url = json_get_string(e, "url");
        for (size_t i = 0; url && i < n->n_alternatives; i++)
            if (strcmp(url, n->alternatives[i]) == 0)
                return;
    }
    profile__find(x, at, ISSUE_ERROR, "required", NULL,
                  "%s has no value: give one, or the extension %s instead", n->id, n->alternatives[0]);
}

void profile__value(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    struct validate__walk *w = x->w;
    if (w->depth == VALIDATE__MAX_DEPTH)
        return;
    w->depth++;
    if (n->n_types == 0 || profile__typed(x, n, at)) {
        if (n->fixed)
            profile__fixed(x, n->fixed, false, at);
        if (n->pattern)
            profile__fixed(x, n->pattern, true, at);
        profile__range(x, n, at);
        if (n->narrative)
            profile__narrative(x, n->narrative, at);
        if (n->valueset && at->node)
            validate__binding_check(w, at, n->strength, n->valueset, NULL);
        if (n->n_alternatives && !at->node && at->type->kind == FHIR_PRIMITIVE)
            alternatives(x, n, at);
        children(x, n, at);
        if (n->n_constraints && !(n->element && at->type->kind == FHIR_RESOURCE))
            constraints(x, n, at);
    }
    w->depth--;
}

/* ---- profiles ----------------------------------------------------------------------------------------------- */

static struct validate__checked *slot(struct validate__checked *table, size_t size,
                                      const struct profile_node *n, const json *node)
{
    size_t i = ((uintptr_t)n / 16 * 31 + (uintptr_t)node / 16) & (size - 1);
    while (table[i].against && (table[i].against != n || table[i].node != node))
        i = (i + 1) & (size - 1);
    return &table[i];
}

/* What is remembered of the resource and the profile; .against NULL: nothing yet. A hash table, half full at most. */
static struct validate__checked *checked(struct validate__walk *w, const struct profile_node *n,
                                         const json *node)
{
    if (w->n_checked * 2 >= w->cap_checked) {
        size_t cap = w->cap_checked ? w->cap_checked * 2 : 16;
        struct validate__checked *table = ARENA_ARRAY(w->a, struct validate__checked, cap);
        for (size_t i = 0; i < w->cap_checked; i++)
            if (w->checked[i].against)
                *slot(table, cap, w->checked[i].against, w->checked[i].node) = w->checked[i];
        w->checked = table;
        w->cap_checked = cap;
    }
    return slot(w->checked, w->cap_checked, n, node);
}

static bool right_type(const struct profile *p, const struct fhir_type *t)
{
    return fhir_is_a(t, p->type) || (t->kind != FHIR_RESOURCE && fhir_is_a(p->type, t));
}

/* What the type itself demands, every profile on it demands too. */
static void lacking(struct profile__pass *x, const struct profile_node *root, struct validate__place *at)
{
    for (int i = 0; i < at->type->n_elements; i++) {
        const struct fhir_element *e = &at->type->elements[i];
        struct profile__values values;
        bool told = e->min == 0;
        for (size_t k = 0; k < root->n_children && !told; k++)
            told = root->children[k]->min > 0 && strcmp(root->children[k]->element->name, e->name) == 0;
        if (!told && !profile__values(at, e->name, e, &values))
            profile__find(x, at, ISSUE_ERROR, "required", NULL, "%s: at least %u required, but %zu found",
                          e->path, (unsigned)e->min, (size_t)0);
    }
}

bool profile_check(struct validate__walk *w, const struct profile *p, const struct profile_node *n,
                   struct validate__place *at)
{
    static const struct profile_fault no_element = {"it does not have the element that is asked for", NULL,
                                                    NULL};
    if (p->wrong.text || !n) {
        unusable(w, at, ISSUE_WARNING, p, p->wrong.text ? &p->wrong : &no_element);
        return true;
    }
    if (p->doubt.text)
        unusable(w, at, ISSUE_WARNING, p, &p->doubt);
    struct profile__pass x = {w, p};
    if (n == p->root && !right_type(p, at->type)) {
        profile__find(&x, at, ISSUE_ERROR, "structure", NULL,
                      "%s is not of the type %s, which the profile is for", at->type->name, p->type->name);
        return false;
    }
    bool resource = at->type->kind == FHIR_RESOURCE;
    struct validate__checked *known = resource ? checked(w, n, at->node) : NULL;
    if (known && known->against && (w->probes || known->told)) {
        w->failed |= !known->kept;
        return known->kept;
    }
    if (known) {
        w->n_checked += !known->against;
        *known = (struct validate__checked){n, at->node, true, w->probes == 0};
    }
    bool failed = w->failed;
    w->failed = false;
    w->passes++;
    if (w->lacks && n == p->root && resource)
        lacking(&x, n, at);
    profile__value(&x, n, at);
    w->passes--;
    bool kept = !w->failed;
    w->failed |= failed;
    if (resource)
        checked(w, n, at->node)->kept = kept;
    return kept;
}

bool profile_probe(struct validate__walk *w, const struct profile *p, const struct profile_node *n,
                   struct validate__place *at)
{
    bool failed = w->failed;
    w->failed = false;
    w->probes++;
    bool kept = profile_check(w, p, n, at) && !w->failed;
    w->probes--;
    w->failed = failed;
    return kept;
}

/* ---- the profiles of a resource -------------------------------------------------------------------------------- */

/* Is the profile one that another claimed one stands upon? Then that one says all of it. Of many claims only the first
 * are asked. */
static bool implied(const struct validate__walk *w, const json *claims, const struct profile *p)
{
    int left = 32;
    json_each (c, claims) {
        if (left-- == 0)
            return false;
        const struct profile *other = json_is_string(c) ? profile_find(w, c->valuestring) : NULL;
        while (other && !other->wrong.text && (other = other->base))
            if (other == p)
                return true;
    }
    return false;
}

/* asked: by the caller, not by the resource. */
static void one(struct validate__walk *w, struct validate__place *at, const json *claims,
                const char *canonical, bool asked)
{
    const struct fhir_type *type = profile__core_type(w->v->defs, canonical);
    const struct profile *p = type ? NULL : profile_find(w, canonical);
    if (type) {
        if (!fhir_is_a(at->type, type))
            validate__error(w, at, "structure", "%s is not of the type %s, which the profile is for",
                            at->type->name, type->name);
    } else if (!p && asked) {
        validate__error(w, at, "not-found", "The profile %.300s, which was asked for, is not known here",
                        canonical);
    } else if (!p) {
        validate__unresolved(w, at, canonical, "profile");
    } else if (p->wrong.text && asked) {
        unusable(w, at, ISSUE_ERROR, p, &p->wrong);
    } else if (!implied(w, claims, p)) {
        profile_check(w, p, profile_node_of(p, NULL), at);
    }
}

/* "Vital signs" (observation-vitalsigns.html): an Observation with one of these LOINC codes keeps to that profile of R4. */
static const struct {
    const char *code, *profile;
} vital_signs[] = {
    {"85353-1", "http://hl7.org/fhir/StructureDefinition/vitalspanel"},
    {"9279-1", "http://hl7.org/fhir/StructureDefinition/resprate"},
    {"8867-4", "http://hl7.org/fhir/StructureDefinition/heartrate"},
    {"2708-6", "http://hl7.org/fhir/StructureDefinition/oxygensat"},
    {"8310-5", "http://hl7.org/fhir/StructureDefinition/bodytemp"},
    {"8302-2", "http://hl7.org/fhir/StructureDefinition/bodyheight"},
    {"9843-4", "http://hl7.org/fhir/StructureDefinition/headcircum"},
    {"29463-7", "http://hl7.org/fhir/StructureDefinition/bodyweight"},
    {"39156-5", "http://hl7.org/fhir/StructureDefinition/bmi"},
    {"85354-9", "http://hl7.org/fhir/StructureDefinition/bp"},
};

/* On writes nothing is refused for it: profiles of other countries have other rules for these codes. */
static void by_code(struct validate__walk *w, struct validate__place *at, const json *claims)
{
    const json *codings = json_get(json_get(at->node, "code"), "coding");
    json_each (c, json_is_array(codings) ? codings : NULL) {
        const char *system = json_get_string(c, "system"), *code = json_get_string(c, "code");
        for (size_t i = 0; code && system && strcmp(system, "http://loinc.org") == 0 &&
                           i < sizeof vital_signs / sizeof *vital_signs;
             i++)
            if (strcmp(code, vital_signs[i].code) == 0)
                one(w, at, claims, vital_signs[i].profile, false);
    }
}

/* conformsTo() in an invariant; -1: not known here. */
int validate__conforms(struct validate__walk *w, const struct fp_item *item, const char *canonical)
{
    const struct fhir_type *type = profile__core_type(w->v->defs, canonical);
    if (item->kind != FP_NODE || !item->type)
        return -1;
    if (type)
        return fhir_is_a(item->type, type);
    const struct profile *p = profile_find(w, canonical);
    struct validate__place at = {.name = item->type->name,
                                 .index = -1,
                                 .type = item->type,
                                 .element = item->element,
                                 .node = item->node,
                                 .extra = item->extra};
    return !p || p->wrong.text ? -1 : profile_probe(w, p, p->root, &at);
}

void validate__profiles(struct validate__walk *w, struct validate__place *at)
{
    const json *claims = json_get(json_get(at->node, "meta"), "profile");
    if (!json_is_array(claims))
        claims = NULL;
    json_each (c, claims)
        if (json_is_string(c))
            one(w, at, claims, c->valuestring, false);
    if (at->type == w->v->observation && !w->options->lenient)
        by_code(w, at, claims);
    for (size_t i = 0; !at->up && i < w->options->n_profiles; i++)
        one(w, at, claims, w->options->profiles[i], true);
}
