/*
 * SearchParameters stored on this server as resources. Each stands on its types as if it were defined there, also one
 * whose base is Resource or DomainResource; it feeds no lane and is part of no union.
 */
#include <stdlib.h>

#include "internal.h"

static bool is_base(const struct fhir_type *type, const char *name)
{
    for (; type; type = type->base)
        if (strcmp(type->name, name) == 0)
            return true;
    return false;
}

static bool stands_on(const json *resource, const struct fhir_type *type)
{
    json_each (base, json_get(resource, "base"))
        if (json_is_string(base) && is_base(type, base->valuestring))
            return true;
    return false;
}

/* The expression's part for a type may name the type, or the abstract one that is the base. */
static const char *expression_for(struct arena *a, const json *resource, const struct fhir_type *type)
{
    const char *whole = json_get_string(resource, "expression"), *part = NULL;
    for (const struct fhir_type *t = type; whole && t && !part; t = t->base)
        part = fhir_search_expression(a, whole, t->name);
    return part;
}

static const struct fhir_search_param *standard_one(const json *resource, const struct fhir_type *type)
{
    const char *url = json_get_string(resource, "url");
    return url ? fhir_search_param_by_url(type, url) : NULL;
}

static void add_targets(struct arena *a, const struct fhir_defs *d, const json *resource,
                        struct fhir_search_param *def)
{
    const struct fhir_type **targets =
        ARENA_ARRAY(a, const struct fhir_type *, json_count(json_get(resource, "target")));
    json_each (target, json_get(resource, "target")) {
        const struct fhir_type *type =
            json_is_string(target) ? fhir_resource(d, str_of(target->valuestring)) : NULL;
        if (type)
            targets[def->n_targets++] = type;
    }
    def->targets = targets;
}

static void add_components(struct arena *a, const json *resource, struct fhir_search_param *def)
{
    const json *list = json_get(resource, "component");
    struct fhir_search_component *c = ARENA_ARRAY(a, struct fhir_search_component, json_count(list));
    def->components = c;
    json_each (component, list) {
        const char *definition = json_get_string(component, "definition"),
                   *expression = json_get_string(component, "expression");
        *c++ = (struct fhir_search_component){
            .definition = arena_strdup(a, definition ? definition : ""),
            .expression = arena_strdup(a, expression ? expression : ""),
            .param = definition ? fhir_search_param_by_url(def->base, definition) : NULL,
        };
        def->n_components++;
    }
}

/* The parameter as it stands on a type; the resource need not outlive it. */
static bool compile_for(struct arena *a, const struct search_registry *r, const json *resource,
                        const struct fhir_type *type, struct search_param **out, struct err *err)
{
    struct fhir_search_param *def = ARENA_NEW(a, struct fhir_search_param);
    const char *kind = json_get_string(resource, "type");
    def->code = arena_strdup(a, json_get_string(resource, "code"));
    def->url = arena_strdup(a, json_get_string(resource, "url"));
    def->base = type;
    def->expression = expression_for(a, resource, type);
    if (!fhir_search_type_named(kind, &def->type) || def->type == FHIR_SEARCH_SPECIAL)
        return err_at(
            err, ERR_RULE, "SearchParameter.type",
            "This server indexes number, date, string, token, reference, composite, quantity and uri");
    if (!def->expression)
        return err_at(err, ERR_RULE, "SearchParameter.expression",
                      "There is no FHIRPath expression that begins at %s, one of the bases", type->name);
    add_targets(a, r->defs, resource, def);
    add_components(a, resource, def);
    if (search__compile(a, r->defs, def, out, err))
        return true;
    struct err why = *err;
    return err_at(err, ERR_RULE, "SearchParameter.expression", "%s", why.msg);
}

static bool is_code(const char *s)
{
    if (!s || *s == '_')
        return false;
    for (; *s; s++)
        if (!((*s | 32) >= 'a' && (*s | 32) <= 'z') && !(*s >= '0' && *s <= '9') && *s != '-' && *s != '_')
            return false;
    return true;
}

/* The number of a parameter in the side tables is a hash of its code: another code may have the same. */
static bool is_free(const struct search_registry *r, const struct fhir_type *type, const char *code,
                    struct str id, struct err *err)
{
    const struct search__type *t = &r->types[type->id];
    int32_t number = search__param_id(code);
    for (int i = 0; i < t->n; i++) {
        const struct search_param *p = t->slots[i].param;
        if (p->id != number || (p->custom && id.s && str_eq(p->custom->id, id)))
            continue;
        return strcmp(p->def->code, code) != 0
                   ? err_at(err, ERR_RULE, "SearchParameter.code",
                            "This code cannot be told apart from '%s' of %s: choose another", p->def->code,
                            type->name)
                   : err_at(err, ERR_RULE, "SearchParameter.code",
                            "%s has a search parameter of this code already (%s): choose another", type->name,
                            p->def->url);
    }
    return true;
}

static bool check_base(const struct search_registry *r, const json *base, struct err *err)
{
    const char *name = json_is_string(base) ? base->valuestring : "";
    const struct fhir_type *type = fhir_type(r->defs, name);
    return (type && type->kind == FHIR_RESOURCE) ||
           err_at(err, ERR_RULE, "SearchParameter.base", "'%.64s' is no resource type of FHIR R4", name);
}

bool search_custom_is_used(const struct search_registry *r, const json *resource)
{
    const char *status = json_get_string(resource, "status");
    if (!status || strcmp(status, "active") != 0)
        return false;
    for (int i = 0; i < fhir_resource_count(r->defs); i++)
        if (stands_on(resource, fhir_resource_at(r->defs, i)) &&
            standard_one(resource, fhir_resource_at(r->defs, i)))
            return false;
    return true;
}

/* What is indexed of an expression that ends in these types, by the parameter's type. '*': any primitive. */
static const char *const indexed[][8] = {
    [FHIR_SEARCH_NUMBER] = {"integer", "decimal", "positiveInt", "unsignedInt", "Range"},
    [FHIR_SEARCH_DATE] = {"date", "dateTime", "instant", "Period", "Timing"},
    [FHIR_SEARCH_STRING] = {"*", "HumanName", "Address", "CodeableConcept", "ContactPoint", "Annotation"},
    [FHIR_SEARCH_TOKEN] = {"*", "CodeableConcept", "Coding", "Identifier", "ContactPoint"},
    [FHIR_SEARCH_REFERENCE] = {"Reference", "canonical", "uri", "Resource"},
    [FHIR_SEARCH_QUANTITY] = {"Quantity", "Money", "Range", "SampledData"},
    [FHIR_SEARCH_URI] = {"uri"},
};

/* An extension stands for its value, whatever that is. */
static bool is_indexed(const struct fhir_type *type, const char *const *names)
{
    if (is_base(type, "Extension"))
        return true;
    for (; *names; names++)
        if (**names == '*' ? type->kind == FHIR_PRIMITIVE : is_base(type, *names))
            return true;
    return false;
}

/* One that can never have a value would find nothing, for ever. */
static bool check_leaves(struct arena *a, const struct search_param *p, struct err *err)
{
    const struct search__leaves *l = &p->leaves;
    const char *const *names = indexed[p->def->type];
    bool fits = !l->known || l->n == 0 || p->def->type == FHIR_SEARCH_COMPOSITE;
    for (size_t i = 0; !fits && i < l->n; i++)
        fits = is_indexed(l->items[i].type, names);
    if (fits)
        return true;
    struct buf b;
    buf_init(&b, a, 64);
    for (; *names; names++)
        buf_addf(&b, "%s%s", b.len ? ", " : "", **names == '*' ? "primitives" : *names);
    return err_at(err, ERR_RULE, "SearchParameter.type",
                  "The expression ends in %s, of which a parameter of type %s has no value; it has of: %.*s",
                  l->items[0].type->name, fhir_search_type_name(p->def->type), STR_FMT(buf_str(&b)));
}

/* As strict as expressions can be checked: a misspelt element would find nothing, for ever. */
static bool check_on(struct arena *a, const struct search_registry *r, const json *resource,
                     const struct fhir_type *type, struct err *err)
{
    struct search_param *p;
    const struct fp_expr *strict;
    struct err why;
    if (!compile_for(a, r, resource, type, &p, err) || !check_leaves(a, p, err))
        return false;
    return fp_compile(a, r->defs, str_of(p->def->expression), type, true, &strict, &why) ||
           err_at(err, ERR_RULE, "SearchParameter.expression", "%s", why.msg);
}

bool search_custom_check(const struct search_registry *r, struct arena *a, const json *resource,
                         struct str id, struct err *err)
{
    const char *code = json_get_string(resource, "code");
    if (!search_custom_is_used(r, resource))
        return true;
    json_each (base, json_get(resource, "base"))
        if (!check_base(r, base, err))
            return false;
    if (!is_code(code))
        return err_at(err, ERR_RULE, "SearchParameter.code",
                      "The code is part of URLs: letters, digits, '-' and '_', and no '_' at the beginning");
    bool somewhere = false;
    for (int i = 0; i < fhir_resource_count(r->defs); i++) {
        const struct fhir_type *type = fhir_resource_at(r->defs, i);
        if (!stands_on(resource, type))
            continue;
        somewhere = true;
        if (!is_free(r, type, code, id, err) || !check_on(a, r, resource, type, err))
            return false;
    }
    return somewhere || err_at(err, ERR_RULE, "SearchParameter.base", "It stands on no resource type");
}

void search_custom_types(const struct search_registry *r, struct arena *a, const json *resource,
                         int16_t **types, size_t *n)
{
    int count = fhir_resource_count(r->defs);
    *types = ARENA_ARRAY(a, int16_t, count);
    *n = 0;
    for (int i = 0; i < count; i++) {
        const struct fhir_type *type = fhir_resource_at(r->defs, i);
        if (stands_on(resource, type))
            (*types)[(*n)++] = (int16_t)type->id;
    }
}

static int by_code(const void *a, const void *b)
{
    const struct search__slot *x = a, *y = b;
    return strcmp(x->param->def->code, y->param->def->code);
}

/* Copies of the type's slots, which may move; parts of unions stay those of the base registry. */
static void add_to_type(struct arena *a, struct search_registry *r, const struct fhir_type *type,
                        const struct search_custom *custom)
{
    struct search__type *t = &r->types[type->id];
    struct search_param *p;
    struct err err;
    if (!is_free(r, type, json_get_string(custom->resource, "code"), (struct str){NULL, 0}, &err) ||
        !compile_for(a, r, custom->resource, type, &p, &err))
        return;
    struct search__slot *slots = ARENA_ARRAY(a, struct search__slot, t->n + 1);
    memcpy(slots, t->slots, sizeof *slots * (size_t)t->n);
    p->custom = custom;
    slots[t->n].param = p;
    search__find_roots(type, &slots[t->n]);
    qsort(slots, (size_t)t->n + 1, sizeof *slots, by_code);
    t->slots = slots;
    t->n++;
}

void search_registry_extend(struct arena *a, const struct search_registry *base,
                            const struct search_custom *list, size_t n, const struct search_registry **out)
{
    struct search_registry *r = ARENA_NEW(a, struct search_registry);
    int count = fhir_resource_count(base->defs), ids = 0;
    *r = *base;
    for (int i = 0; i < count; i++)
        if (fhir_resource_at(base->defs, i)->id >= ids)
            ids = fhir_resource_at(base->defs, i)->id + 1;
    r->types = ARENA_ARRAY(a, struct search__type, ids);
    memcpy(r->types, base->types, sizeof *r->types * (size_t)ids);
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < count; j++)
            if (stands_on(list[i].resource, fhir_resource_at(base->defs, j)))
                add_to_type(a, r, fhir_resource_at(base->defs, j), &list[i]);
    *out = r;
}

int search_offers(const struct search_registry *r, const struct fhir_type *type)
{
    return r->types[type->id].n;
}

struct search_offer search_offer(const struct search_registry *r, const struct fhir_type *type, int i)
{
    const struct search_param *p = r->types[type->id].slots[i].param;
    return (struct search_offer){p->def, search__is_searchable(p), p->custom, search__text_of(p)};
}
