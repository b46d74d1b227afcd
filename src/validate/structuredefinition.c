/*
 * A StructureDefinition by itself, if it is a profile of a type of FHIR (structuredefinition.html, elementdefinition.html,
 * profiling.html): a differential that a snapshot can be made of. Its paths are elements of the type, discriminators lead
 * somewhere, what it allows its base allows too, constraints can be read.
 */
#include "internal.h"
#include "structure.h"

#define MAX_BASES 32
#define MAX_STEPS 1000000 /* comparisons with the elements of bases */

struct checking {
    struct validate__walk *w;
    struct validate__place *sd;
    const struct fhir_type *type;
    const struct structure *base; /* that is a profile; NULL: none, or not known */
    bool broken;                  /* no snapshot can be made, as was said of an element */
    bool redefined;               /* and that a slice is sliced otherwise, once */
    size_t steps;
};

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

/* ---- paths ------------------------------------------------------------------------------------------------ */

/* Where a path leads. type NULL: to one of several types, or to what any resource may be: nothing is known there. */
struct target {
    const struct fhir_element *element; /* NULL: the root, or not known */
    const struct fhir_type *type;
};

static void enter(struct target *t, const struct fhir_element *e, const struct fhir_type *type)
{
    t->element = e;
    t->type = type && !(type->abstract && type->kind == FHIR_RESOURCE) ? type : NULL;
}

/* "value[x]", "valueQuantity" */
static bool step(const struct validate__walk *w, struct target *t, struct str name)
{
    const struct fhir_type *type = NULL;
    if (!t->type) {
        t->element = NULL;
        return true;
    }
    bool choice = str_ends(name, STR("[x]"));
    const char *s = arena_strndup(w->a, name.s, choice ? name.len - 3 : name.len);
    const struct fhir_element *e = choice ? fhir_element_by_name(t->type, s) : fhir_child(t->type, s, &type);
    if (!e || (choice && !e->choice))
        return false;
    enter(t, e, choice && e->n_types == 1 ? e->types[0].type : type);
    return true;
}

static bool resolve(const struct checking *c, const char *path, struct target *out)
{
    struct str rest, name = str_cut(str_of(path), '.', &rest);
    *out = (struct target){.type = c->type};
    if (!str_is(name, c->type->name))
        return false;
    while (rest.s) {
        name = str_cut(rest, '.', &rest);
        if (name.len == 0 || !step(c->w, out, name))
            return false;
    }
    return true;
}

/* ---- slicing ---------------------------------------------------------------------------------------------- */

/* The next step of a discriminator's path; dots inside of parentheses do not divide. */
static struct str next_step(struct str *rest)
{
    size_t i = 0;
    for (int depth = 0; i < rest->len && (depth > 0 || rest->s[i] != '.'); i++)
        depth += (rest->s[i] == '(') - (rest->s[i] == ')');
    struct str s = {rest->s, i};
    *rest = i < rest->len ? (struct str){rest->s + i + 1, rest->len - i - 1} : (struct str){NULL, 0};
    return s;
}

/* The functions that paths of discriminators may have (profiling.html#discriminator). */
static bool discriminates(const struct checking *c, const char *path, struct target t)
{
    static const struct {
        const char *begin;
        bool named; /* it leads to the type in its parentheses */
        const char *type;
    } functions[] = {{"$this", false, NULL},
                     {"resolve()", false, "Resource"},
                     {"ofType(", true, NULL},
                     {"as(", true, NULL},
                     {"extension(", false, "Extension"}};
    for (struct str rest = str_of(path); rest.s;) {
        struct str s = next_step(&rest), name = s;
        size_t f = 0, n = sizeof functions / sizeof *functions;
        while (f < n && !str_starts(s, str_of(functions[f].begin)))
            f++;
        if (f < n && functions[f].named) {
            size_t skip = strlen(functions[f].begin);
            name = (struct str){s.s + skip, s.len > skip ? s.len - skip - 1 : 0};
            enter(&t, NULL, fhir_type(c->w->v->defs, arena_strndup(c->w->a, name.s, name.len)));
        } else if (f < n) {
            if (functions[f].type)
                enter(&t, NULL, fhir_type(c->w->v->defs, functions[f].type));
        } else if (t.type) {
            const char *child = arena_strndup(c->w->a, name.s, name.len);
            const struct fhir_type *type = NULL;
            const struct fhir_element *e = fhir_child(t.type, child, &type);
            if (!e) {
                e = fhir_element_by_name(t.type, child);
                type = e && e->n_types == 1 ? e->types[0].type : NULL;
            }
            if (!e)
                return false;
            enter(&t, e, type);
        }
    }
    return true;
}

/* The only type that the element has here. */
static struct target narrowed(const struct checking *c, const json *element, struct target t)
{
    const json *types = array(element, "type");
    const char *code = types && !types->child->next ? json_get_string(types->child, "code") : NULL;
    const struct fhir_type *type = code ? fhir_type(c->w->v->defs, code) : NULL;
    if (type && (!t.type || fhir_is_a(type, t.type)))
        t.type = type;
    return t;
}

static void check_slicing(struct checking *c, struct validate__place *at, struct target t)
{
    static const char *const types[] = {"value", "exists", "pattern", "type", "profile"};
    struct validate__place slicing = {
        .up = at, .name = "slicing", .index = -1, .node = json_get(at->node, "slicing")};
    if (!slicing.node)
        return;
    if (!strchr(json_get_string(at->node, "path"), '.')) {
        validate__refuse(c->w, at, "invalid", "The root of a profile is not sliced");
        c->broken = true;
    }
    struct validate__place place = {.up = &slicing, .name = "discriminator"};
    json_each (node, array(slicing.node, "discriminator")) {
        const char *path = json_get_string(node, "path"), *type = json_get_string(node, "type");
        bool known = false;
        place.node = node;
        for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
            known |= strcmp(types[i], type) == 0;
        c->broken |= type && !known;
        if (path && !discriminates(c, path, narrowed(c, at->node, t)))
            validate__refuse(c->w, &place, "invalid", "The discriminator leads to no element of %s",
                             t.type ? t.type->name : "what is sliced");
        place.index++;
    }
}

static bool same_discriminators(const json *x, const json *y)
{
    const json *a = array(x, "discriminator"), *b = array(y, "discriminator");
    return a == b || (a && b && json_equal(a, b));
}

/* A slice may be sliced again, but not by another way of telling slices apart. */
static void check_redefinition(struct checking *c, const json *element, const json **sliced)
{
    const char *path = json_get_string(element, "path");
    const json *slicing = json_get(element, "slicing");
    if (slicing && !json_get(element, "sliceName")) {
        *sliced = element;
        return;
    }
    const char *of = json_get_string(*sliced, "path");
    if (!slicing || !of || strcmp(of, path) != 0 || c->redefined ||
        same_discriminators(json_get(*sliced, "slicing"), slicing))
        return;
    c->redefined = true;
    validate__refuse(c->w, c->sd, "business-rule",
                     "The slice %s is sliced by other discriminators than the element %s it is of",
                     validate__quote(c->w->a, json_get_string(element, "sliceName"), "of this name"), of);
}

/* ---- what the base allows --------------------------------------------------------------------------------- */

static int64_t number(const json *node)
{
    int64_t n;
    return json_is_number(node) && str_int64(str_of(node->valuestring), &n) ? n : -1;
}

/* Of a slice the base says how many there are of all. */
static void check_cardinality(struct checking *c, const struct validate__place *at,
                              const struct fhir_element *e)
{
    const char *id = json_get_string(at->node, "id"), *max = json_get_string(at->node, "max");
    bool slice = json_get(at->node, "sliceName") || (id && strchr(id, ':'));
    int64_t min = number(json_get(at->node, "min")), most;
    if (min >= 0 && min < e->min && !slice)
        validate__refuse(c->w, at, "business-rule", "min is %lld, but the base demands %u", (long long)min,
                         e->min);
    if (!max)
        return;
    if (strcmp(max, "*") == 0)
        most = FHIR_MANY;
    else if (!str_int64(str_of(max), &most))
        return;
    if (most > e->max)
        validate__refuse(c->w, at, "business-rule", "max is %s, but the base allows %u", max, e->max);
    if (min > most)
        validate__refuse(c->w, at, "business-rule", "min is greater than max");
}

static void check_types(struct checking *c, struct validate__place *up, const struct fhir_element *e)
{
    struct validate__place at = {.up = up, .name = "type"};
    json_each (node, array(up->node, "type")) {
        const char *code = json_get_string(node, "code");
        const struct fhir_type *type = code ? fhir_type(c->w->v->defs, code) : NULL;
        bool allowed = !type || type->kind == FHIR_BACKBONE;
        at.node = node;
        for (int i = 0; type && i < e->n_types; i++)
            allowed |= fhir_is_a(type, e->types[i].type) || e->types[i].type->kind == FHIR_BACKBONE;
        if (!allowed)
            validate__refuse(c->w, &at, "business-rule", "%s is not of the type %s", e->path, type->name);
        at.index++;
    }
}

static void check_binding(struct checking *c, struct validate__place *up, const struct fhir_element *e)
{
    const char *strength = json_get_string(json_get(up->node, "binding"), "strength");
    if (strength && e->strength == FHIR_BIND_REQUIRED && strcmp(strength, "required") != 0)
        validate__refuse(c->w, up, "business-rule",
                         "The binding of %s is required: a profile cannot make it weaker", e->path);
}

static const json *fixed_of(const json *element)
{
    json_each (m, element)
        if (strncmp(m->string, "fixed", 5) == 0)
            return m;
    return NULL;
}

static const struct structure *read_base(struct checking *c, const char *canonical)
{
    const struct conformance_entry *e =
        canonical ? conformance_find(validate__codes(c->w), CONFORMANCE_STRUCTURE, str_of(canonical)) : NULL;
    const void *read;
    struct err unusable;
    return e && conformance_read(e, structure_read, &read, &unusable) ? read : NULL;
}

/* What a base has fixed stays as it is. */
static void check_fixed(struct checking *c, const struct validate__place *at)
{
    const char *id = json_get_string(at->node, "id"), *url = json_get_string(c->sd->node, "url");
    const json *fixed = fixed_of(at->node);
    const struct structure *s = c->base;
    for (int n = 0; id && fixed && s && s->constraint && n < MAX_BASES; n++) {
        for (size_t i = 0; i < s->n_differential && c->steps > 0; i++, c->steps--) {
            const struct structure_element *e = &s->differential[i];
            if (!e->fixed || !e->id || strcmp(e->id, id) != 0)
                continue;
            if (!json_equal(e->fixed, fixed))
                validate__refuse(c->w, at, "value", "The base %.200s has fixed %s to another value", s->url,
                                 e->path);
            return;
        }
        if (!s->base || (url && strcmp(s->base, url) == 0))
            return;
        s = read_base(c, s->base);
    }
}

/* ---- constraints ------------------------------------------------------------------------------------------ */

static void check_constraints(struct checking *c, struct validate__place *up)
{
    struct validate__place at = {.up = up, .name = "constraint"};
    json_each (node, array(up->node, "constraint")) {
        const char *expression = json_get_string(node, "expression");
        const struct fp_expr *x;
        struct err err;
        at.node = node;
        if (expression && !fp_compile(c->w->a, c->w->v->defs, str_of(expression), NULL, false, &x, &err))
            validate__refuse(c->w, &at, "invalid", "The expression is no FHIRPath: %s", err.msg);
        at.index++;
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static void check_element(struct checking *c, struct validate__place *at)
{
    const char *path = json_get_string(at->node, "path");
    struct target t;
    check_constraints(c, at);
    if (!path)
        return;
    if (!resolve(c, path, &t)) {
        struct validate__place place = {
            .up = at, .name = "path", .index = -1, .node = json_get(at->node, "path")};
        validate__refuse(c->w, &place, "invalid", "%s is not an element of %s",
                         validate__quote(c->w->a, path, "The path"), c->type->name);
        return;
    }
    check_slicing(c, at, t);
    check_fixed(c, at);
    if (t.element) {
        check_cardinality(c, at, t.element);
        check_types(c, at, t.element);
        check_binding(c, at, t.element);
    }
}

/* type, kind and baseDefinition of one that is based on a type itself. */
static void check_base(struct checking *c)
{
    static const char *const kinds[] = {[FHIR_PRIMITIVE] = "primitive-type",
                                        [FHIR_COMPLEX] = "complex-type",
                                        [FHIR_BACKBONE] = "complex-type",
                                        [FHIR_RESOURCE] = "resource"};
    const char *kind = json_get_string(c->sd->node, "kind"),
               *base = json_get_string(c->sd->node, "baseDefinition");
    struct str name = str_of(base);
    if (kind && strcmp(kind, kinds[c->type->kind]) != 0)
        validate__find(c->w, c->sd, ISSUE_WARNING, "business-rule", NULL, "The kind of %s is %s",
                       c->type->name, kinds[c->type->kind]);
    if (!base)
        return;
    static const struct str core = STR("http://hl7.org/fhir/StructureDefinition/");
    if (str_starts(name, core))
        name = (struct str){name.s + core.len, name.len - core.len};
    const struct fhir_type *t = fhir_type(c->w->v->defs, name.s);
    const char *type = t ? t->name : c->base ? c->base->type : NULL;
    if (type && strcmp(type, c->type->name) != 0)
        validate__refuse(c->w, c->sd, "business-rule", "The type is %s, but that of the base %s",
                         c->type->name, type);
}

void validate__structure_definition(struct validate__walk *w, struct validate__place *sd)
{
    const char *derivation = json_get_string(sd->node, "derivation"),
               *type = json_get_string(sd->node, "type"), *kind = json_get_string(sd->node, "kind");
    struct checking c = {
        .w = w, .sd = sd, .type = type ? fhir_type(w->v->defs, type) : NULL, .steps = MAX_STEPS};
    if (!c.type || !derivation || strcmp(derivation, "constraint") != 0 ||
        (kind && strcmp(kind, "logical") == 0))
        return;
    struct validate__place differential = {
        .up = sd, .name = "differential", .index = -1, .node = json_get(sd->node, "differential")};
    struct validate__place at = {.up = &differential, .name = "element"};
    const json *sliced = NULL;
    c.base = read_base(&c, json_get_string(sd->node, "baseDefinition"));
    check_base(&c);
    json_each (node, array(differential.node, "element")) {
        at.node = node;
        check_element(&c, &at);
        if (json_get_string(node, "path"))
            check_redefinition(&c, node, &sliced);
        at.index++;
    }
    if (c.broken)
        validate__refuse(w, sd, "invalid", "No snapshot can be made of the differential");
}
