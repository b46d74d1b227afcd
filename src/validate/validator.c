#include "base/clock.h"
#include "profile.h"

static bool find_required(struct arena *a, const struct fhir_defs *d, struct validator *v, struct err *err)
{
    int n = fhir_type_count(d);
    uint64_t(*required)[VALIDATE__SEEN_WORDS] = arena_zalloc(a, sizeof *required * (size_t)n);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *t = fhir_type_at(d, i);
        if (t->n_elements > VALIDATE__SEEN_WORDS * 64)
            return err_set(err, ERR_INTERNAL, "the type %s has more than %d elements", t->name,
                           VALIDATE__SEEN_WORDS * 64);
        for (int k = 0; k < t->n_elements; k++)
            if (t->elements[k].min > 0)
                required[i][k >> 6] |= UINT64_C(1) << (k & 63);
    }
    v->required = required;
    return true;
}

static const uint8_t *find_coded(struct arena *a, const struct validator *v)
{
    int n = fhir_type_count(v->defs);
    uint8_t *codes = ARENA_ARRAY(a, uint8_t, n);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *t = fhir_type_at(v->defs, i);
        codes[i] = t == v->coding || fhir_is_a(t, v->quantity) ? VALIDATE__CODING : VALIDATE__UNCODED;
    }
    return codes;
}

bool validator_new(struct arena *a, const struct fhir_defs *d, const struct conformance_view *t,
                   const struct validator **out, struct err *err)
{
    struct validator *v = ARENA_NEW(a, struct validator);
    *v = (struct validator){
        .defs = d,
        .extension = fhir_type(d, "Extension"),
        .reference = fhir_type(d, "Reference"),
        .coding = fhir_type(d, "Coding"),
        .codeable_concept = fhir_type(d, "CodeableConcept"),
        .quantity = fhir_type(d, "Quantity"),
        .bundle = fhir_type(d, "Bundle"),
        .entry = fhir_type(d, "Bundle.entry"),
        .uuid = fhir_type(d, "uuid"),
        .oid = fhir_type(d, "oid"),
        .observation = fhir_type(d, "Observation"),
        .identifier = fhir_type(d, "Identifier"),
        .code_system = fhir_type(d, "CodeSystem"),
        .value_set = fhir_type(d, "ValueSet"),
        .concept_map = fhir_type(d, "ConceptMap"),
        .terminology = t,
    };
    v->codes = find_coded(a, v);
    validate__bindings_new(a, v);
    if (!find_required(a, d, v, err) || !validate__invariants_new(a, d, &v->invariants, err))
        return false;
    *out = v;
    return true;
}

static void release(void *arena)
{
    arena_release(arena);
}

void validate_resource(const struct validator *v, struct arena *a, const json *resource,
                       const struct validate_options *o, struct issues *out)
{
    struct validate__walk w = {
        .v = v, .a = a, .out = out, .options = o, .first = out->n, .now_us = clock_wall_us()};
    w.view = o->view ? o->view : v->terminology;
    w.asks = (struct fp_terminology){terminology_member, terminology_subsumes, w.view};
    w.profiles = profile__cache(w.view);
    if (o->level >= VALIDATE_BASE) {
        w.scratch = ARENA_NEW(a, struct arena);
        arena_init(w.scratch, a->limit);
        w.scratch->guard = a->guard;
        arena_cleanup(a, release, w.scratch); /* when it runs out */
    }
    struct validate__place root = {.name = "Resource", .index = -1, .node = resource};
    validate__resource(&w, &root, o->expected, NULL);
    if (w.scratch)
        arena_release(w.scratch);
}
