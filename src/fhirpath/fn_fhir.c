/* Functions on types and on the tree, and those that FHIR adds to the language (fhirpath.html#functions). */
#include "fhir/reference.h"
#include "fhir/xhtml.h"
#include "functions.h"

/* ---- types ------------------------------------------------------------------------------------------- */

bool fp__fn_is(struct fp__call *c, enum fp__tri *out)
{
    if (c->in->n > 1)
        return fp__error(c->r, c->x, ERR_INVALID, "is() takes a single item, and here are several");
    if (c->in->n)
        *out = fp__tri_of(fp__is_type(&c->x->call.type, c->in->items));
    return true;
}

static bool of_type(struct fp__call *c, struct fp_list *out)
{
    for (size_t i = 0; i < c->in->n; i++)
        if (fp__as_type(&c->x->call.type, &c->in->items[i]) && !fp__push(c->r, out, &c->in->items[i]))
            return false;
    return true;
}

bool fp__fn_of_type(struct fp__call *c, struct fp_list *out)
{
    return of_type(c, out);
}

bool fp__fn_as(struct fp__call *c, struct fp_list *out)
{
    if (c->in->n > 1 && c->r->env->single_as)
        return fp__error(c->r, c->x, ERR_INVALID,
                         "as() takes a single item, and here are several: use ofType()");
    return of_type(c, out);
}

/* A TypeInfo as JSON, so that .name and .namespace find their way as everywhere. */
bool fp__fn_type(struct fp__call *c, struct fp_list *out)
{
    struct arena *a = c->r->a;
    for (size_t i = 0; i < c->in->n; i++) {
        const struct fp_item *item = &c->in->items[i];
        const struct fhir_type *t = item->type, *base;
        if (item->kind == FP_NODE && !t)
            continue;
        json *info = json_object(a);
        if (t && t->kind == FHIR_BACKBONE)
            t = t->base;
        base = t ? t->base : NULL;
        json_add_string(a, info, "namespace", t ? "FHIR" : "System");
        json_add_string(a, info, "name", t ? t->name : fp__kind_name(item->kind));
        if (!t || base)
            json_add_string(a, info, "baseType", t ? arena_printf(a, "FHIR.%s", base->name) : "System.Any");
        struct fp_item v = {.kind = FP_NODE, .node = info, .index = -1};
        if (!fp__push(c->r, out, &v))
            return false;
    }
    return true;
}

/* ---- utilities ----------------------------------------------------------------------------------------- */

bool fp__fn_trace(struct fp__call *c, struct fp_list *out)
{
    struct str name;
    bool present;
    if (!fp__arg_string(c, 0, &name, &present))
        return false;
    if (c->r->env->trace && present) {
        struct fp_list projected = {NULL, 0, 0};
        for (size_t i = 0; i < c->in->n && fp__arg(c, 1); i++) {
            struct fp__scope s = {&c->in->items[i], (int64_t)i, c->s->total, c->s->vars};
            if (!fp__eval(c->r, fp__arg(c, 1), &s, FP__ALL, &projected))
                return false;
        }
        c->r->env->trace(c->r->env->arg, arena_strndup(c->r->a, name.s, name.len),
                         fp__arg(c, 1) ? &projected : c->in);
    }
    return fp__push_all(c->r, out, c->in);
}

bool fp__fn_define_variable(struct fp__call *c, struct fp_list *out)
{
    static const char *const taken[] = {"context", "resource", "rootResource", "ucum", "sct", "loinc"};
    struct fp__variable *v = ARENA_NEW(c->r->a, struct fp__variable);
    bool present, clash = false;
    if (!fp__arg_string(c, 0, &v->name, &present))
        return false;
    if (!present)
        return fp__error(c->r, c->x, ERR_INVALID, "defineVariable() takes a name");
    for (const struct fp__variable *o = c->s->vars; o; o = o->next)
        clash = clash || str_eq(o->name, v->name);
    for (int i = 0; i < c->r->env->n_variables; i++)
        clash = clash || str_is(v->name, c->r->env->variables[i].name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        clash = clash || str_is(v->name, taken[i]);
    if (clash)
        return fp__error(c->r, c->x, ERR_INVALID, "there is a variable %%%.*s already", STR_FMT(v->name));
    if (fp__arg(c, 1) ? !fp__arg_list(c, 1, &v->value) : !fp__push_all(c->r, &v->value, c->in))
        return false;
    v->next = c->s->vars;
    c->s->vars = v;
    return fp__push_all(c->r, out, c->in);
}

bool fp__fn_pathname(struct fp__call *c, struct fp_list *out)
{
    for (size_t i = 0; i < c->in->n; i++)
        if (c->in->items[i].kind == FP_NODE && c->in->items[i].type &&
            !fp__push_string(c->r, out, fp_path(c->r->a, &c->in->items[i])))
            return false;
    return true;
}

/* ---- elements ------------------------------------------------------------------------------------------ */

bool fp__fn_extension(struct fp__call *c, struct fp_list *out)
{
    struct fp__step step = {.name = STR("extension")};
    struct fp__node extensions = {.op = FP__PATH, .path = {.steps = &step, .n = 1}};
    struct str url;
    bool present;
    if (!fp__arg_string(c, 0, &url, &present))
        return false;
    if (!present)
        return true;
    for (size_t i = 0; i < c->in->n; i++) {
        FP__LIST(all, 4);
        struct fp__scope s = {.self = &c->in->items[i]};
        if (!fp__path(c->r, &extensions, &s, FP__ALL, &all))
            return false;
        for (size_t k = 0; k < all.n; k++) {
            const char *is = json_get_string(all.items[k].node, "url");
            if (is && str_is(url, is) && !fp__push(c->r, out, &all.items[k]))
                return false;
        }
    }
    return true;
}

bool fp__fn_has_extension(struct fp__call *c, enum fp__tri *out)
{
    FP__LIST(found, 4);
    if (!fp__fn_extension(c, &found))
        return false;
    *out = fp__tri_of(found.n > 0);
    return true;
}

/* The input, unless an element carries a modifier extension whose url is none of the arguments. */
bool fp__fn_check_modifiers(struct fp__call *c, struct fp_list *out)
{
    FP__LIST(allowed, 4);
    for (size_t i = 0; i < c->x->call.n; i++)
        if (!fp__arg_list(c, i, &allowed))
            return false;
    for (size_t i = 0; i < c->in->n; i++)
        json_each (extension, c->in->items[i].kind == FP_NODE
                                  ? json_get(c->in->items[i].node, "modifierExtension")
                                  : NULL) {
            const char *url = json_get_string(extension, "url");
            struct fp_item v = fp__string(str_of(url ? url : ""));
            if (!fp__contains(c->r, &allowed, &v))
                return fp__error(c->r, c->x, ERR_INVALID,
                                 "checkModifiers() found a modifier that is not allowed");
        }
    return fp__push_all(c->r, out, c->in);
}

static bool primitive_value(struct fp__call *c, struct fp_item *v)
{
    if (c->in->n != 1)
        return false;
    const struct fp_item *item = c->in->items;
    return (item->kind != FP_NODE || (item->type && item->type->kind == FHIR_PRIMITIVE)) &&
           fp__value(c->r->a, item, v);
}

bool fp__fn_has_value(struct fp__call *c, enum fp__tri *out)
{
    struct fp_item v;
    *out = fp__tri_of(primitive_value(c, &v) || (c->in->n == 1 && c->in->items->node && c->in->items->type &&
                                                 c->in->items->type->kind == FHIR_PRIMITIVE));
    return true;
}

bool fp__fn_get_value(struct fp__call *c, struct fp_list *out)
{
    struct fp_item v;
    return !primitive_value(c, &v) || fp__push(c->r, out, &v);
}

bool fp__fn_html_checks(struct fp__call *c, enum fp__tri *out)
{
    struct fhir_xhtml_finding findings[FHIR_XHTML__N];
    struct fp_item v;
    bool text = fp__value(c->r->a, c->in->items, &v) && v.kind == FP_STRING;
    *out = fp__tri_of(text && fhir_xhtml_check(v.string, findings) == 0);
    return true;
}

/* ---- references ------------------------------------------------------------------------------------------ */

/* The text of a Reference, or of a uri, canonical or String. */
static const char *reference_text(struct fp__call *c, const struct fp_item *item)
{
    struct fp_item v;
    if (item->kind == FP_NODE && item->type && item->type->kind == FHIR_COMPLEX)
        return json_get_string(item->node, "reference");
    if (!fp__value(c->r->a, item, &v) || v.kind != FP_STRING)
        return NULL;
    return arena_strndup(c->r->a, v.string.s, v.string.len);
}

/* The resource that contained resources are looked up in: the outermost around the item that is no Bundle entry's
 * container. */
static const json *container(struct fp__call *c, const struct fp_item *item)
{
    for (; item; item = item->parent) {
        bool resource = item->kind == FP_NODE && item->type && item->type->kind == FHIR_RESOURCE;
        if (resource && !(item->element && strcmp(item->element->name, "contained") == 0))
            return item->node;
    }
    return c->r->env->root_resource ? c->r->env->root_resource : c->r->env->resource;
}

static const json *contained(const json *in, const char *id)
{
    json_each (r, json_get(in, "contained")) {
        const char *has = json_get_string(r, "id");
        if (has && strcmp(has, id) == 0)
            return r;
    }
    return NULL;
}

static const json *bundle_of(struct fp__call *c, const struct fp_item *item)
{
    const json *outer = c->r->env->root_resource ? c->r->env->root_resource : c->r->env->resource;
    for (; item; item = item->parent)
        if (item->kind == FP_NODE && !item->parent)
            outer = item->node;
    const char *type = json_get_string(outer, "resourceType");
    return type && strcmp(type, "Bundle") == 0 ? outer : NULL;
}

/* An entry by its fullUrl, or by the end of it when the reference is relative. */
static const json *in_bundle(const json *bundle, struct str reference)
{
    json_each (entry, json_get(bundle, "entry")) {
        struct str full = str_of(json_get_string(entry, "fullUrl"));
        if (!full.s || !str_ends(full, reference))
            continue;
        if (full.len == reference.len || full.s[full.len - reference.len - 1] == '/')
            return json_get(entry, "resource");
    }
    return NULL;
}

static const json *resolve(struct fp__call *c, const struct fp_item *item)
{
    const struct fp_env *env = c->r->env;
    const char *text = reference_text(c, item);
    const json *found = NULL;
    if (!text || !*text)
        return NULL;
    if (text[0] == '#')
        found = text[1] ? contained(container(c, item), text + 1) : container(c, item);
    else if (bundle_of(c, item))
        found = in_bundle(bundle_of(c, item), str_of(text));
    return found || !env->resolve ? found : env->resolve(env->arg, c->r->a, text);
}

bool fp__fn_resolve(struct fp__call *c, struct fp_list *out)
{
    for (size_t i = 0; i < c->in->n; i++) {
        const json *node = resolve(c, &c->in->items[i]);
        struct fp_item v = {.kind = FP_NODE, .index = -1};
        if (!node)
            continue;
        v = fp_root(c->r->env->defs, node, NULL);
        if (!fp__push(c->r, out, &v))
            return false;
    }
    return true;
}

bool fp__fn_resolves_to(struct fp__call *c, enum fp__tri *out)
{
    if (c->in->n > 1)
        return fp__error(c->r, c->x, ERR_INVALID, "is takes a single item, and here are several");
    if (c->in->n == 0)
        return true;
    const struct fp_item *item = c->in->items;
    struct fp_item target = {.kind = FP_NODE, .index = -1};
    struct fhir_reference ref;
    const char *text = reference_text(c, item);
    if (text) {
        fhir_reference_parse(c->r->env->defs, str_of(text), &ref);
        target.type = ref.type;
    }
    if (!target.type && (target.node = resolve(c, item)))
        target = fp_root(c->r->env->defs, target.node, NULL);
    const char *named = target.type || item->kind != FP_NODE ? NULL : json_get_string(item->node, "type");
    if (named)
        target.type = fhir_type(c->r->env->defs, named);
    if (target.type)
        *out = fp__tri_of(fp__is_type(&c->x->call.type, &target));
    return true;
}

/* ---- terminology ----------------------------------------------------------------------------------------- */

static enum fp__tri known(int answer)
{
    return answer < 0 ? FP__NONE : fp__tri_of(answer);
}

/* Of several codings, any will do; one of which nothing is known may be the one. */
static enum fp__tri either(enum fp__tri x, enum fp__tri y)
{
    return x == FP__TRUE || y == FP__TRUE ? FP__TRUE : x == FP__NONE ? x : y;
}

/* The codings of a CodeableConcept, else the one that the item is. */
static size_t codings(struct arena *a, const struct fp_item *item, const json ***out)
{
    const json *list = item->kind == FP_NODE ? json_get(item->node, "coding") : NULL;
    size_t n = 0;
    *out = ARENA_ARRAY(a, const json *, json_count(list) + 1);
    json_each (coding, list)
        (*out)[n++] = coding;
    if (!list && item->kind == FP_NODE && json_get(item->node, "code"))
        (*out)[n++] = item->node;
    return n;
}

bool fp__fn_member_of(struct fp__call *c, enum fp__tri *out)
{
    const struct fp_terminology *t = c->r->env->terminology;
    const json **list;
    struct fp_item value;
    struct str url;
    bool present;
    if (!fp__arg_string(c, 0, &url, &present))
        return false;
    if (!present || !t)
        return true;
    const char *set = arena_strndup(c->r->a, url.s, url.len);
    if (fp__value(c->r->a, c->in->items, &value) && value.kind == FP_STRING) {
        *out = known(t->member(t->arg, set, NULL, arena_strndup(c->r->a, value.string.s, value.string.len)));
        return true;
    }
    size_t n = codings(c->r->a, c->in->items, &list);
    *out = known(n || t->member(t->arg, set, NULL, "") < 0 ? -1 : 0);
    for (size_t i = 0; i < n; i++) {
        const char *code = json_get_string(list[i], "code"), *system = json_get_string(list[i], "system");
        enum fp__tri is = known(code ? t->member(t->arg, set, system ? system : "", code) : 0);
        *out = i ? either(*out, is) : is;
    }
    return true;
}

/* Does x subsume y, or are they the same? */
static enum fp__tri coding_subsumes(const struct fp_terminology *t, const json *x, const json *y)
{
    const char *system = json_get_string(x, "system"), *other = json_get_string(y, "system"),
               *above = json_get_string(x, "code"), *below = json_get_string(y, "code");
    if (!system || !other || !above || !below || strcmp(system, other) != 0)
        return FP__NONE;
    if (strcmp(above, below) == 0)
        return FP__TRUE;
    return t ? known(t->subsumes(t->arg, system, above, below)) : FP__NONE;
}

static bool subsumption(struct fp__call *c, bool by, enum fp__tri *out)
{
    const json **mine, **others;
    FP__LIST(arg, 2);
    if (!fp__arg_list(c, 0, &arg))
        return false;
    if (arg.n == 0)
        return true;
    size_t n = codings(c->r->a, c->in->items, &mine), m = codings(c->r->a, arg.items, &others);
    if (arg.n > 1 || n == 0 || m == 0)
        return fp__error(c->r, c->x, ERR_INVALID, "%s() takes a Coding or CodeableConcept on both sides",
                         c->x->call.function->name);
    for (size_t i = 0; i < n * m; i++) {
        const json *x = mine[i / m], *y = others[i % m];
        enum fp__tri is = coding_subsumes(c->r->env->terminology, by ? y : x, by ? x : y);
        *out = i ? either(*out, is) : is;
    }
    return true;
}

bool fp__fn_subsumes(struct fp__call *c, enum fp__tri *out)
{
    return subsumption(c, false, out);
}
bool fp__fn_subsumed_by(struct fp__call *c, enum fp__tri *out)
{
    return subsumption(c, true, out);
}

/* ---- profiles ---------------------------------------------------------------------------------------------- */

/* Without a callback that knows the profile: the base definitions, of which a resource conforms to its own. */
bool fp__fn_conforms_to(struct fp__call *c, enum fp__tri *out)
{
    static const struct str base = STR("http://hl7.org/fhir/StructureDefinition/");
    const struct fp_env *env = c->r->env;
    struct str url;
    bool present;
    if (!fp__arg_string(c, 0, &url, &present))
        return false;
    if (!present)
        return true;
    const char *text = arena_strndup(c->r->a, url.s, url.len);
    int known = env->conforms_to ? env->conforms_to(env->arg, c->in->items, text) : -1;
    if (known >= 0) {
        *out = fp__tri_of(known);
        return true;
    }
    const struct fhir_type *t = str_starts(url, base) ? fhir_type(env->defs, text + base.len) : NULL;
    if (!t)
        return fp__error(c->r, c->x, ERR_INVALID, "conformsTo() does not know this profile");
    *out = fp__tri_of(c->in->items->type && fhir_is_a(c->in->items->type, t));
    return true;
}
