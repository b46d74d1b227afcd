/*
 * Search parameters by resource type, compiled once a definitions snapshot. A parameter that stands on Resource or
 * DomainResource is compiled once and shared by all types; its hashes do not name the type, so that one key finds
 * it in all of them.
 */
#include <stdlib.h>

#include "internal.h"

/* Answered by the server itself: no values of the resource are indexed for them. */
static const struct {
    const char *code;
    enum search__special special;
} specials[] = {
    {"_id", SPECIAL_ID},     {"_lastUpdated", SPECIAL_UPDATED}, {"_filter", SPECIAL_FILTER},
    {"_text", SPECIAL_TEXT}, {"_content", SPECIAL_CONTENT},
};

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

void search__token_reading(struct search_param *p)
{
    static const char *const codes[] = {"CodeableConcept", "Coding", "code", "boolean", "Extension", NULL};
    bool identifier = false, contact = false, code = !p->leaves.known, complex = !p->leaves.known;
    for (size_t i = 0; i < p->leaves.n; i++) {
        const struct fhir_type *t = p->leaves.items[i].type;
        code = code || is_one_of(t->name, codes);
        contact = contact || strcmp(t->name, "ContactPoint") == 0;
        identifier = true;
        complex = complex || t->primitive == FHIR_NOT_PRIMITIVE;
    }
    p->fold = code ? FOLD_CASE : contact ? FOLD_CONTACT : identifier ? FOLD_NONE : FOLD_CASE;
    p->plain = !complex;
}

bool search__compile(struct arena *a, const struct fhir_defs *d, const struct fhir_search_param *def,
                     struct search_param **out, struct err *err)
{
    struct search_param *p = ARENA_NEW(a, struct search_param);
    p->def = def;
    p->type = def->base;
    p->ident = search__ident(def->base->name, def->code);
    p->id = search__param_id(def->code);
    p->n_targets = def->n_targets;
    p->targets = def->targets;
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++)
        if (strcmp(def->code, specials[i].code) == 0)
            p->special = specials[i].special;
    *out = p;
    if (!def->expression || p->special)
        return true;
    search__leaves(a, d, def->base, def->expression, &p->leaves);
    if (p->leaves.target) {
        p->n_targets = 1;
        p->targets = &p->leaves.target;
    }
    if (def->type == FHIR_SEARCH_TOKEN)
        search__token_reading(p);
    if (!fp_compile(a, d, str_of(def->expression), def->base, false, &p->expr, err)) {
        struct err why = *err;
        return err_set(err, why.kind, "search parameter %s of %s: %s", def->code, def->base->name, why.msg);
    }
    return def->type != FHIR_SEARCH_COMPOSITE || search__compile_composite(a, d, p, err);
}

static unsigned compartments_of(const struct search_registry *r, const struct fhir_compartment *list,
                                const struct fhir_type *type, const char *code)
{
    unsigned bits = 0;
    for (int i = 0; i < r->n_compartments; i++) {
        const char *const *codes;
        int n = fhir_compartment_params(&list[i], type, &codes);
        for (int j = 0; j < n; j++)
            if (strcmp(codes[j], code) == 0)
                bits |= 1u << i;
    }
    return bits;
}

void search__find_roots(const struct fhir_type *type, struct search__slot *slot)
{
    const struct search__leaves *l = &slot->param->leaves;
    if (!l->rooted || !l->n_roots)
        slot->roots = (struct search__elements){{UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < l->n_roots; i++)
        search__elements_add(&slot->roots, fhir_element_by_name(type, l->roots[i]));
}

static enum search__lane lane_of(const struct fhir_type *type, const struct search_param *p)
{
    enum search__lane lane = search__lane(type->name, p->def->code);
    return lane == LANE_NONE && search__is_shared(p) ? LANE_SHARED : lane;
}

static bool add_type(struct search_registry *r, struct arena *a, const struct fhir_type *type,
                     struct search_param **compiled, const struct fhir_compartment *compartments,
                     struct err *err)
{
    const struct fhir_search_param *const *list;
    struct search__type *t = &r->types[type->id];
    t->type = type;
    t->n = fhir_search_params(type, &list);
    t->slots = ARENA_ARRAY(a, struct search__slot, t->n);
    for (int i = 0; i < t->n; i++) {
        struct search_param **p = &compiled[list[i]->index];
        if (!*p && !search__compile(a, r->defs, list[i], p, err))
            return false;
        t->slots[i] = (struct search__slot){
            .param = *p,
            .lane = lane_of(type, *p),
            .compartments = compartments_of(r, compartments, type, list[i]->code),
        };
        t->lanes[t->slots[i].lane] = *p;
        search__find_roots(type, &t->slots[i]);
        for (int j = 0; j < i; j++)
            if (t->slots[j].param->id == (*p)->id)
                return err_set(err, ERR_INTERNAL, "search parameters %s and %s of %s have one number",
                               list[j]->code, list[i]->code, type->name);
    }
    search__find_unions(a, t);
    json *stub = json_object(a);
    json_add_string(a, stub, "resourceType", type->name);
    r->stubs[type->id] = stub;
    return true;
}

bool search_registry_new(struct arena *a, const struct fhir_defs *d,
                         const struct conformance_view *terminology, const struct search_registry **out,
                         struct err *err)
{
    struct search_registry *r = ARENA_NEW(a, struct search_registry);
    r->defs = d;
    r->terminology = terminology;
    r->codes = (struct fp_terminology){terminology_member, terminology_subsumes, terminology};
    int n = fhir_resource_count(d), ids = 0;
    for (int i = 0; i < n; i++)
        if (fhir_resource_at(d, i)->id >= ids)
            ids = fhir_resource_at(d, i)->id + 1;
    r->types = ARENA_ARRAY(a, struct search__type, ids);
    r->stubs = ARENA_ARRAY(a, const json *, ids);
    const struct fhir_compartment *compartments;
    r->n_compartments = fhir_compartments(d, &compartments);
    if (r->n_compartments > SEARCH__COMPARTMENTS)
        return err_set(err, ERR_INTERNAL, "more than %d compartments", SEARCH__COMPARTMENTS);
    for (int i = 0; i < r->n_compartments; i++)
        r->compartments[i] = compartments[i].type;
    r->listed = search__listed(a);
    struct search_param **compiled = ARENA_ARRAY(a, struct search_param *, fhir_search_param_count(d));
    for (int i = 0; i < n; i++)
        if (!add_type(r, a, fhir_resource_at(d, i), compiled, compartments, err))
            return false;
    *out = r;
    return true;
}

const struct search__type *search__type(const struct search_registry *r, const struct fhir_type *type)
{
    return &r->types[type->id];
}

const struct search__slot *search__slot(const struct search_registry *r, const struct fhir_type *type,
                                        struct str code)
{
    const struct search__type *t = &r->types[type->id];
    for (int lo = 0, hi = t->n; lo < hi;) {
        int mid = (lo + hi) / 2;
        struct str name = str_of(t->slots[mid].param->def->code);
        size_t n = name.len < code.len ? name.len : code.len;
        int order = memcmp(code.s, name.s, n);
        if (order == 0)
            order = (code.len > name.len) - (code.len < name.len);
        if (order == 0)
            return &t->slots[mid];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}
