/*
 * Records → the snapshot. Three passes: make every type, those of backbones too, so that names can be
 * resolved; give each type its elements, its base's first; then what refers to types. Names that are not
 * known are errors, as packages come from outside.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

struct source {
    const struct fhir__type *record;
    const struct fhir__element *element; /* of a backbone: the one it is the content of; else NULL */
    const struct fhir__element **own;
    size_t n, cap;
    const struct fhir_search_param **params;
    size_t n_params, cap_params;
    enum { RAW, BUILDING, BUILT } state;
};

struct builder {
    struct arena *a;
    const struct fhir__records *r;
    struct fhir_defs *d;
    struct source *sources; /* by type index */
    struct fhir__map invariants;
    int depth; /* of bases being filled */
    struct err *err;
};

static const struct fhir_type *type_named(const struct builder *b, struct str name)
{
    return fhir__map_get(&b->d->type_names, name);
}

static const char *join(struct arena *a, const char *x, const char *between, const char *y)
{
    size_t nx = strlen(x), nb = strlen(between), ny = strlen(y);
    char *s = arena_alloc(a, nx + nb + ny + 1);
    memcpy(s, x, nx);
    memcpy(s + nx, between, nb);
    memcpy(s + nx + nb, y, ny + 1);
    return s;
}

/* The snapshot counts in 16 bits. */
static bool fits(struct builder *b, size_t n, const char *where)
{
    return n < UINT16_MAX || err_set(b->err, ERR_TOO_LARGE, "%s has too many parts", where);
}

/* ---- making the types ---------------------------------------------------------------------------------- */

static bool is_backbone(const struct fhir__element *e)
{
    return strcmp(e->types, "BackboneElement") == 0 || strcmp(e->types, "Element") == 0;
}

static enum fhir_primitive primitive_of(const char *name)
{
    static const char *const names[] = {
        "",
#define X(name) #name,
        FHIR_PRIMITIVES(X)
#undef X
            NULL,
    };
    int i = fhir__word(names, name);
    return i < 0 ? FHIR_NOT_PRIMITIVE : (enum fhir_primitive)i;
}

static enum fhir_json json_of(enum fhir_primitive p)
{
    switch (p) {
    case FHIR_P_boolean:
        return FHIR_JSON_BOOL;
    case FHIR_P_decimal:
    case FHIR_P_integer:
    case FHIR_P_positiveInt:
    case FHIR_P_unsignedInt:
        return FHIR_JSON_NUMBER;
    default:
        return FHIR_JSON_STRING;
    }
}

static void make_type(struct builder *b, const struct fhir__type *record, const struct fhir__element *e)
{
    int i = b->d->n_types++;
    struct fhir_type *t = &b->d->types[i];
    t->index = (uint16_t)i;
    if (e) {
        t->name = join(b->a, record->name, ".", e->path);
        t->kind = FHIR_BACKBONE;
    } else {
        t->name = record->name;
        t->url = record->url;
        t->kind = record->kind;
        t->abstract = record->abstract;
        t->id = record->number;
        t->primitive = record->kind == FHIR_PRIMITIVE ? primitive_of(record->name) : FHIR_NOT_PRIMITIVE;
        t->json = json_of(t->primitive);
    }
    b->sources[i] = (struct source){.record = record, .element = e};
    fhir__map_add(&b->d->type_names, t->name, t);
}

/* Hands each element to the type that it is a child in. */
static bool place_element(struct builder *b, const struct fhir__type *record, const struct fhir__element *e)
{
    char name[512];
    const char *dot = strrchr(e->path, '.');
    int len = dot ? snprintf(name, sizeof name, "%s.%.*s", record->name, (int)(dot - e->path), e->path)
                  : snprintf(name, sizeof name, "%s", record->name);
    const struct fhir_type *owner =
        (size_t)len < sizeof name ? type_named(b, (struct str){name, (size_t)len}) : NULL;
    if (!owner)
        return err_set(b->err, ERR_INVALID, "%s.%s has no parent", record->name, e->path);
    struct source *s = &b->sources[owner->index];
    *ARENA_PUSH(b->a, s->own, s->n, s->cap) = e;
    return true;
}

static bool make_types(struct builder *b)
{
    const struct fhir__records *r = b->r;
    size_t n = r->n_types;
    for (size_t i = 0; i < r->n_types; i++)
        for (size_t k = 0; k < r->types[i].n; k++)
            n += is_backbone(&r->types[i].elements[k]);
    if (n >= UINT16_MAX)
        return err_set(b->err, ERR_TOO_LARGE, "the definitions have too many types");
    b->d->types = ARENA_ARRAY(b->a, struct fhir_type, n);
    b->sources = ARENA_ARRAY(b->a, struct source, n);
    fhir__map_init(&b->d->type_names, b->a, n);
    for (size_t i = 0; i < r->n_types; i++) {
        const struct fhir__type *t = &r->types[i];
        make_type(b, t, NULL);
        if (t->kind == FHIR_PRIMITIVE && !primitive_of(t->name))
            return err_set(b->err, ERR_INVALID, "%s is no primitive type of R4", t->name);
        for (size_t k = 0; k < t->n; k++)
            if (is_backbone(&t->elements[k]))
                make_type(b, t, &t->elements[k]);
        for (size_t k = 0; k < t->n; k++)
            if (!place_element(b, t, &t->elements[k]))
                return false;
    }
    return true;
}

/* ---- filling them -------------------------------------------------------------------------------------- */

/* The same invariant stands on many elements, but is one and has one index. */
static const struct fhir_invariant *intern(struct builder *b, const struct fhir__invariant *from)
{
    const char *name = join(b->a, from->key, "\t", from->expression);
    const struct fhir_invariant *known = fhir__map_get(&b->invariants, str_of(name));
    if (known)
        return known;
    struct fhir_invariant *v = ARENA_NEW(b->a, struct fhir_invariant);
    *v = (struct fhir_invariant){from->key,     from->expression,    from->human,
                                 from->warning, from->best_practice, b->d->n_invariants++};
    fhir__map_add(&b->invariants, name, v);
    return v;
}

/* Those of the base and one's own; NULL when they are too many. */
static const struct fhir_invariant *const *all_invariants(struct builder *b, const struct fhir_type *base,
                                                          const struct fhir__invariants *own,
                                                          const char *where, uint16_t *n)
{
    uint16_t inherited = base ? base->n_invariants : 0;
    if (!fits(b, inherited + own->n, where))
        return NULL;
    *n = (uint16_t)(inherited + own->n);
    const struct fhir_invariant **list = arena_alloc(b->a, sizeof *list * *n);
    if (inherited)
        memcpy(list, base->invariants, sizeof *list * inherited);
    for (size_t i = 0; i < own->n; i++)
        list[inherited + i] = intern(b, &own->items[i]);
    return list;
}

static size_t count_char(struct str s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.s[i] == c;
    return n;
}

/* Types named in a list; NULL when one is not known. */
static const struct fhir_type *const *type_list(struct builder *b, struct str names, char sep, uint16_t *n)
{
    size_t most = count_char(names, sep) + 1;
    const struct fhir_type **list = arena_alloc(b->a, sizeof *list * most);
    if (!fits(b, most, "a list of types"))
        return NULL;
    *n = 0;
    while (names.len) {
        struct str one = str_cut(names, sep, &names);
        if (!(list[*n] = type_named(b, one))) {
            err_set(b->err, ERR_INVALID, "%.*s is not a known type", STR_FMT(one));
            return NULL;
        }
        *n += 1;
    }
    return list;
}

/* One of "Reference(Patient,Group)", "string", "#Questionnaire.item". */
static bool resolve_type(struct builder *b, struct str text, const struct fhir_type *self,
                         struct fhir_element_type *out)
{
    struct str targets, name = str_cut(text, '(', &targets);
    if (name.len && *name.s == '#')
        name = (struct str){name.s + 1, name.len - 1};
    out->type = self ? self : type_named(b, name);
    if (!out->type)
        return err_set(b->err, ERR_INVALID, "%.*s is not a known type", STR_FMT(name));
    if (!targets.len)
        return true;
    if (targets.s[--targets.len] != ')')
        return err_set(b->err, ERR_INVALID, "the targets of %.*s are not closed", STR_FMT(name));
    out->targets = type_list(b, targets, ',', &out->n_targets);
    return out->targets != NULL;
}

static const char *capitalised(struct arena *a, const char *name, const char *type)
{
    char *s = (char *)join(a, name, "", type);
    char *first = s + strlen(name);
    if (*first >= 'a' && *first <= 'z')
        *first = (char)(*first - 'a' + 'A');
    return s;
}

static void name_in_json(struct builder *b, struct fhir_element *e)
{
    const char **names = arena_alloc(b->a, sizeof *names * (e->choice ? e->n_types : 1));
    names[0] = e->name;
    for (int i = 0; e->choice && i < e->n_types; i++)
        names[i] = capitalised(b->a, e->name, e->types[i].type->name);
    e->json_names = names;
}

static bool fill_element(struct builder *b, const struct fhir_type *owner, const struct fhir__element *from,
                         struct fhir_element *e)
{
    static const struct fhir__invariants none;
    const char *dot = strrchr(from->path, '.'), *last = dot ? dot + 1 : from->path;
    struct str name = str_of(last), types = str_of(from->types);
    bool backbone = is_backbone(from);
    *e = (struct fhir_element){
        .path = join(b->a, owner->name, ".", last),
        .min = from->min,
        .max = from->max,
        .choice = str_ends(name, STR("[x]")),
        .modifier = from->modifier,
        .summary = from->summary,
        .strength = from->strength,
        .valueset = from->valueset,
    };
    e->name = e->choice ? arena_strndup(b->a, last, name.len - 3) : last;
    size_t most = count_char(types, ' ') + 1;
    struct fhir_element_type *list = ARENA_ARRAY(b->a, struct fhir_element_type, most);
    if (!fits(b, most, e->path))
        return false;
    const struct fhir_type *self = backbone ? type_named(b, str_of(e->path)) : NULL;
    while (types.len)
        if (!resolve_type(b, str_cut(types, ' ', &types), self, &list[e->n_types++]))
            return false;
    e->types = list;
    if (e->n_types == 0)
        return err_set(b->err, ERR_INVALID, "%s has no type", e->path);
    e->invariants = all_invariants(b, NULL, backbone ? &none : &from->invariants, e->path, &e->n_invariants);
    name_in_json(b, e);
    return e->invariants != NULL;
}

static void add_name(struct fhir_type_index *x, const char *name, uint16_t element, uint16_t type)
{
    uint32_t hash = fhir__hash(name, strlen(name)), i = hash & x->mask;
    while (x->slots[i].element != FHIR__FREE)
        i = (i + 1) & x->mask;
    x->slots[i] = (struct fhir_type_slot){hash, element, type};
}

static void index_names(struct builder *b, const struct fhir_type *t, struct fhir_type_index *x)
{
    size_t names = 1, size = 4;
    for (int i = 0; i < t->n_elements; i++)
        names += t->elements[i].choice ? t->elements[i].n_types + 1u : 1;
    while (size < names * 2)
        size *= 2;
    x->mask = (uint32_t)size - 1;
    x->slots = arena_alloc(b->a, sizeof *x->slots * size);
    for (size_t i = 0; i < size; i++)
        x->slots[i].element = FHIR__FREE;
    for (int i = 0; i < t->n_elements; i++) {
        const struct fhir_element *e = &t->elements[i];
        for (int k = 0; k < (e->choice ? e->n_types : 1); k++)
            add_name(x, e->json_names[k], (uint16_t)i, (uint16_t)k);
        if (e->choice)
            add_name(x, e->name, (uint16_t)i, FHIR__BY_NAME);
    }
}

static bool fill_type(struct builder *b, struct fhir_type *t);

static bool find_base(struct builder *b, struct fhir_type *t, const struct source *s)
{
    const char *name = s->element ? s->element->types : s->record->base;
    if (!name)
        return true;
    t->base = type_named(b, str_of(name));
    if (!t->base || b->depth == FHIR__DEPTH_MAX)
        return err_set(b->err, ERR_INVALID, "%s, the base of %s, is not known or goes too deep", name,
                       t->name);
    b->depth++;
    bool filled = fill_type(b, &b->d->types[t->base->index]);
    b->depth--;
    return filled;
}

static bool fill_type(struct builder *b, struct fhir_type *t)
{
    struct source *s = &b->sources[t->index];
    if (s->state != RAW)
        return s->state == BUILT || err_set(b->err, ERR_INVALID, "%s is its own base", t->name);
    s->state = BUILDING;
    if (!find_base(b, t, s))
        return false;
    size_t n = t->base ? t->base->n_elements : 0;
    if (!fits(b, n + s->n, t->name))
        return false;
    struct fhir_element *elements = ARENA_ARRAY(b->a, struct fhir_element, n + s->n);
    for (size_t i = 0; i < n; i++) {
        elements[i] = t->base->elements[i];
        elements[i].path = join(b->a, t->name, ".", strrchr(elements[i].path, '.') + 1);
    }
    for (size_t i = 0; i < s->n; i++) {
        struct fhir_element e;
        if (!fill_element(b, t, s->own[i], &e))
            return false;
        size_t at = 0; /* narrows one of the base, or is new */
        while (at < n && strcmp(elements[at].name, e.name) != 0)
            at++;
        n += at == n;
        elements[at] = e;
    }
    for (size_t i = 0; i < n; i++) {
        elements[i].owner = t;
        elements[i].index = (uint16_t)i;
    }
    t->elements = elements;
    t->n_elements = (uint16_t)n;
    t->invariants = all_invariants(b, t->base, s->element ? &s->element->invariants : &s->record->invariants,
                                   t->name, &t->n_invariants);
    if (!t->invariants)
        return false;
    struct fhir_type_index *x = ARENA_NEW(b->a, struct fhir_type_index);
    index_names(b, t, x);
    t->names = x;
    s->state = BUILT;
    return true;
}

/* ---- resources ----------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct fhir_type *const *)a)->name, (*(const struct fhir_type *const *)b)->name);
}

static bool list_resources(struct builder *b)
{
    struct fhir_defs *d = b->d;
    for (int i = 0; i < d->n_types; i++) {
        const struct fhir_type *t = &d->types[i];
        d->n_resources += t->kind == FHIR_RESOURCE && !t->abstract;
        d->n_numbers = t->id >= d->n_numbers ? t->id + 1 : d->n_numbers;
    }
    d->resources = ARENA_ARRAY(b->a, const struct fhir_type *, d->n_resources);
    d->by_number = ARENA_ARRAY(b->a, const struct fhir_type *, d->n_numbers);
    int n = 0;
    for (int i = 0; i < d->n_types; i++) {
        const struct fhir_type *t = &d->types[i];
        if (t->kind != FHIR_RESOURCE || t->abstract)
            continue;
        if (t->id == 0 || d->by_number[t->id])
            return err_set(b->err, ERR_INVALID, "%s has no number of its own", t->name);
        d->resources[n++] = d->by_number[t->id] = t;
    }
    if (n)
        qsort(d->resources, (size_t)n, sizeof *d->resources, by_name);
    return true;
}

/* ---- search parameters --------------------------------------------------------------------------------- */

static int by_code(const void *a, const void *b)
{
    const struct fhir_search_param *x = *(const struct fhir_search_param *const *)a;
    const struct fhir_search_param *y = *(const struct fhir_search_param *const *)b;
    return strcmp(x->code, y->code);
}

/* A type's own parameters and those of its bases. */
static void collect_params(struct builder *b, const struct fhir_type *t, struct fhir_type_index *x)
{
    size_t n = 0;
    for (const struct fhir_type *up = t; up; up = up->base)
        n += b->sources[up->index].n_params;
    x->params = ARENA_ARRAY(b->a, const struct fhir_search_param *, n);
    for (const struct fhir_type *up = t; up; up = up->base) {
        const struct source *s = &b->sources[up->index];
        if (s->n_params)
            memcpy(x->params + x->n_params, s->params, sizeof *s->params * s->n_params);
        x->n_params += (int)s->n_params;
    }
    if (n)
        qsort(x->params, n, sizeof *x->params, by_code);
}

static bool resolve_components(struct builder *b, const struct fhir__param *from, struct fhir_search_param *p)
{
    struct fhir_search_component *list = ARENA_ARRAY(b->a, struct fhir_search_component, from->n);
    if (!fits(b, from->n, from->url))
        return false;
    for (size_t i = 0; i < from->n; i++) {
        list[i] = from->components[i];
        list[i].param = fhir_search_param_by_url(p->base, list[i].definition);
        if (!list[i].param)
            return err_set(b->err, ERR_INVALID, "%s on %s has an unknown component", p->url, p->base->name);
    }
    p->components = list;
    p->n_components = (uint16_t)from->n;
    return true;
}

static bool make_params(struct builder *b)
{
    const struct fhir__records *r = b->r;
    struct fhir_search_param *params = ARENA_ARRAY(b->a, struct fhir_search_param, r->n_params);
    for (size_t i = 0; i < r->n_params; i++) {
        const struct fhir__param *from = &r->params[i];
        struct fhir_search_param *p = &params[i];
        *p = (struct fhir_search_param){
            .code = from->code,
            .url = from->url,
            .type = from->type,
            .base = type_named(b, str_of(from->base)),
            .expression = from->expression,
            .index = (unsigned)i,
        };
        if (!p->base || p->base->kind != FHIR_RESOURCE)
            return err_set(b->err, ERR_INVALID, "%s stands on %s, which is no resource type", p->url,
                           from->base);
        if (!(p->targets = type_list(b, str_of(from->targets), ' ', &p->n_targets)))
            return false;
        struct source *s = &b->sources[p->base->index];
        *ARENA_PUSH(b->a, s->params, s->n_params, s->cap_params) = p;
    }
    b->d->n_params = (unsigned)r->n_params;
    for (int i = 0; i < b->d->n_types; i++)
        if (b->d->types[i].kind == FHIR_RESOURCE)
            collect_params(b, &b->d->types[i], (struct fhir_type_index *)b->d->types[i].names);
    for (size_t i = 0; i < r->n_params; i++)
        if (!resolve_components(b, &r->params[i], &params[i]))
            return false;
    return true;
}

/* ---- compartments -------------------------------------------------------------------------------------- */

static bool make_compartments(struct builder *b)
{
    const struct fhir__records *r = b->r;
    b->d->compartments = ARENA_ARRAY(b->a, struct fhir_compartment, r->n_compartments);
    for (size_t i = 0; i < r->n_compartments; i++) {
        const struct fhir__compartment *from = &r->compartments[i];
        struct fhir_compartment_member *members =
            ARENA_ARRAY(b->a, struct fhir_compartment_member, b->d->n_numbers);
        for (size_t k = 0; k < from->n; k++) {
            struct str codes = str_of(from->members[k].params);
            const struct fhir_type *t = fhir_resource(b->d, str_of(from->members[k].type));
            if (!t)
                return err_set(b->err, ERR_INVALID, "the %s compartment names an unknown type", from->type);
            const char **list = arena_alloc(b->a, sizeof *list * (count_char(codes, ' ') + 1));
            int n = 0;
            while (codes.len) {
                struct str code = str_cut(codes, ' ', &codes);
                list[n++] = arena_strndup(b->a, code.s, code.len);
            }
            members[t->id] = (struct fhir_compartment_member){list, n};
        }
        struct fhir_compartment *c = &b->d->compartments[b->d->n_compartments++];
        *c = (struct fhir_compartment){fhir_resource(b->d, str_of(from->type)), members};
        if (!c->type)
            return err_set(b->err, ERR_INVALID, "there is a compartment of %s, which is no resource type",
                           from->type);
    }
    return true;
}

/* ---- units --------------------------------------------------------------------------------------------- */

static bool make_units(struct builder *b)
{
    const struct fhir__records *r = b->r;
    b->d->ucum = ucum__new(b->a, r->n_prefixes, r->n_units);
    for (size_t i = 0; i < r->n_prefixes; i++)
        if (!ucum__add_prefix(b->d->ucum, b->a, &r->prefixes[i]))
            return err_set(b->err, ERR_INVALID, "the prefix %s has no factor", r->prefixes[i].code);
    for (size_t i = 0; i < r->n_units; i++)
        if (!ucum__add_unit(b->d->ucum, b->a, &r->units[i]))
            return err_set(b->err, ERR_INVALID, "the unit %s is not defined by those before it",
                           r->units[i].code);
    return true;
}

bool fhir__build(struct arena *a, const struct fhir__records *r, const struct fhir_defs **out,
                 struct err *err)
{
    struct builder b = {.a = a, .r = r, .d = ARENA_NEW(a, struct fhir_defs), .err = err};
    fhir__map_init(&b.invariants, a, 1024);
    if (!make_types(&b))
        return false;
    for (int i = 0; i < b.d->n_types; i++)
        if (!fill_type(&b, &b.d->types[i]))
            return false;
    if (!list_resources(&b) || !make_params(&b) || !make_compartments(&b) || !make_units(&b))
        return false;
    *out = b.d;
    return true;
}
