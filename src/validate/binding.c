/* Required bindings (terminologies.html#required). What cannot be decided here is accepted. */
#include "internal.h"

/* A value set that is not in the definitions binds nothing. */
bool validate__bindings_new(struct arena *a, struct validator *v, struct err *err)
{
    (void)err;
    int n = fhir_type_count(v->defs);
    const struct terminology_valueset *const **all = arena_alloc(a, sizeof *all * (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *t = fhir_type_at(v->defs, i);
        const struct terminology_valueset **sets =
            ARENA_ARRAY(a, const struct terminology_valueset *, t->n_elements);
        for (int k = 0; k < t->n_elements; k++) {
            const struct fhir_element *e = &t->elements[k];
            struct err unknown;
            if (e->strength == FHIR_BIND_REQUIRED &&
                !terminology_valueset(v->terminology, str_of(e->valueset), &sets[k], &unknown))
                sets[k] = NULL;
        }
        all[i] = sets;
    }
    v->bindings = all;
    return true;
}

struct binding {
    const struct conformance_view *view;
    const struct terminology_valueset *set;
};

static bool accepts(const struct binding *b, const char *system, const char *code)
{
    return terminology_has(b->view, b->set, system, code) != TERMINOLOGY_NO;
}

static bool coding_accepted(const struct binding *b, const json *coding)
{
    const char *system = json_get_string(coding, "system"), *code = json_get_string(coding, "code");
    return code && accepts(b, system ? system : "", code);
}

static bool accepted(const struct validate__walk *w, const struct binding *b,
                     const struct validate__place *at, const char **code)
{
    const struct fhir_type *t = at->type;
    if (t->kind == FHIR_PRIMITIVE) {
        *code = at->node->valuestring;
        return !json_is_string(at->node) || accepts(b, NULL, *code);
    }
    if (t == w->v->codeable_concept) {
        json_each (coding, json_get(at->node, "coding")) {
            *code = json_get_string(coding, "code");
            if (coding_accepted(b, coding))
                return true;
        }
        return false;
    }
    if (t == w->v->coding || fhir_is_a(t, w->v->quantity)) {
        *code = json_get_string(at->node, "code");
        return coding_accepted(b, at->node);
    }
    return true;
}

void validate__binding(struct validate__walk *w, struct validate__place *at)
{
    const struct fhir_element *e = at->element;
    const struct binding b = {w->v->terminology, w->v->bindings[e->owner->index][e->index]};
    const char *code = NULL;
    if (!b.set || accepted(w, &b, at, &code))
        return;
    validate__error(w, at, "code-invalid", "%s: %s is not of the required value set %s", e->path,
                    validate__quote(w->a, code, code ? "the code" : "a value without a code"), e->valueset);
}
