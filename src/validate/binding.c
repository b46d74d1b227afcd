/*
 * Bindings: is the value of the value set (terminologies.html#strength)? Outside a required one is an error, outside an
 * extensible one a warning, as nobody but the author can tell whether a code of the set would have done; the others are
 * advice. The extension maxValueSet makes a required one beside the other. What cannot be decided here passes.
 */
#include "internal.h"

/* Value sets with a maxValueSet in the definitions of R4 (elementdefinition-maxValueSet). */
static const struct {
    const char *set, *max;
} limits[] = {{"http://hl7.org/fhir/ValueSet/languages", "http://hl7.org/fhir/ValueSet/all-languages"}};

/* The definitions' own bindings, found when they are first asked for. */
struct validate__bound {
    _Atomic(const struct terminology_valueset *) set;
    atomic_bool sought;
    const char *max;
};

void validate__bindings_new(struct arena *a, struct validator *v)
{
    int n = fhir_type_count(v->defs);
    struct validate__bound **all = arena_alloc(a, sizeof *all * (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *t = fhir_type_at(v->defs, i);
        all[i] = ARENA_ARRAY(a, struct validate__bound, t->n_elements);
        for (int k = 0; k < t->n_elements; k++)
            for (size_t l = 0; l < sizeof limits / sizeof *limits && t->elements[k].valueset; l++)
                if (strcmp(t->elements[k].valueset, limits[l].set) == 0)
                    all[i][k].max = limits[l].max;
    }
    v->bindings = all;
}

static const struct terminology_valueset *find(const struct validate__walk *w, const struct fhir_element *e)
{
    struct validate__bound *b = &w->v->bindings[e->owner->index][e->index];
    const struct terminology_valueset *set = atomic_load_explicit(&b->set, memory_order_acquire);
    struct err unknown;
    if (set || atomic_load_explicit(&b->sought, memory_order_acquire))
        return set;
    if (terminology_valueset(w->v->terminology, str_of(e->valueset), &set, &unknown))
        atomic_store_explicit(&b->set, set, memory_order_release);
    else
        set = NULL;
    atomic_store_explicit(&b->sought, true, memory_order_release);
    return set;
}

/* ---- is it in the set? ------------------------------------------------------------------------------------ */

struct question {
    const struct conformance_view *view;
    const struct terminology_valueset *set;
    const char *code; /* of the value, the last one that was asked for; NULL: it has none */
    bool coded;       /* the value has a code, or a coding */
};

static bool accepts(struct question *q, const char *system, const char *code)
{
    q->code = code;
    q->coded = true;
    return terminology_has(q->view, q->set, system, code) != TERMINOLOGY_NO;
}

static bool coding_accepted(struct question *q, const json *coding)
{
    const char *system = json_get_string(coding, "system"), *code = json_get_string(coding, "code");
    return code && accepts(q, system ? system : "", code);
}

static bool accepted(const struct validate__walk *w, struct question *q, const struct validate__place *at)
{
    const struct fhir_type *t = at->type;
    if (t->kind == FHIR_PRIMITIVE)
        return !json_is_string(at->node) || accepts(q, NULL, at->node->valuestring);
    if (t == w->v->codeable_concept) {
        json_each (coding, json_get(at->node, "coding"))
            if (coding_accepted(q, coding))
                return true;
        return false;
    }
    if (t == w->v->coding || fhir_is_a(t, w->v->quantity))
        return coding_accepted(q, at->node);
    return true;
}

/* ---- what is said ----------------------------------------------------------------------------------------- */

static void refuse(struct validate__walk *w, struct validate__place *at, const struct question *q,
                   enum fhir_strength strength, const char *canonical)
{
    static const struct {
        enum issue_severity severity;
        const char *text;
    } says[] = {
        [FHIR_BIND_EXTENSIBLE] = {ISSUE_WARNING, "is not of the extensible value set, which is to be used "
                                                 "where it has a code for what is meant:"},
        [FHIR_BIND_REQUIRED] = {ISSUE_ERROR, "is not of the required value set"},
    };
    const char *what = validate__quote(w->a, q->code, q->coded ? "the code" : "a value without a code"),
               *path = at->element ? at->element->path : at->name;
    if (at->type->kind == FHIR_PRIMITIVE && strength == FHIR_BIND_REQUIRED && !w->options->lenient)
        validate__error(w, at, "not-found", "%s: the code system of %s cannot be told by the value set %s",
                        path, what, canonical);
    validate__find(w, at, says[strength].severity, "code-invalid", NULL, "%s: %s %s %s", path, what,
                   says[strength].text, canonical);
}

static void check(struct validate__walk *w, struct validate__place *at, struct question *q,
                  enum fhir_strength strength, const char *canonical)
{
    if (q->set && !accepted(w, q, at) && (strength == FHIR_BIND_REQUIRED || q->coded))
        refuse(w, at, q, strength, canonical);
}

void validate__binding_check(struct validate__walk *w, struct validate__place *at,
                             enum fhir_strength strength, const char *valueset, const char *max)
{
    const struct {
        enum fhir_strength strength;
        const char *canonical;
    } asked[] = {{strength, valueset}, {FHIR_BIND_REQUIRED, max}};
    for (int i = 0; i < 2; i++) {
        struct question q = {.view = validate__codes(w)};
        struct err err;
        if (!asked[i].canonical || asked[i].strength < FHIR_BIND_EXTENSIBLE)
            continue;
        if (terminology_valueset(q.view, str_of(asked[i].canonical), &q.set, &err))
            check(w, at, &q, asked[i].strength, asked[i].canonical);
        else
            validate__unresolved(w, at, asked[i].canonical, "value set");
    }
}

void validate__binding(struct validate__walk *w, struct validate__place *at)
{
    const struct fhir_element *e = at->element;
    struct question q = {.view = w->v->terminology};
    if (e->strength >= FHIR_BIND_EXTENSIBLE) {
        q.set = find(w, e);
        check(w, at, &q, e->strength, e->valueset);
    }
    const char *max = w->v->bindings[e->owner->index][e->index].max;
    struct err unknown;
    if (max && terminology_valueset(q.view, str_of(max), &q.set, &unknown))
        check(w, at, &q, FHIR_BIND_REQUIRED, max);
}
