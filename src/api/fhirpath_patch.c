#include "fhirpath_patch.h"

#include <string.h>

#include "base/clock.h"
#include "fhirpath/fhirpath.h"

enum { STEPS = 5000000, STEPS_LEAST = 10000 };

struct patch {
    struct arena *a;
    const struct fhir_defs *defs;
    json *resource;
    size_t max_steps; /* of one path: all operations share one budget */
    struct err *err;
};

/* One operation's parts. */
struct operation {
    const char *type, *path, *name;
    const json *value;                  /* the part itself: value[x], resource or part */
    int64_t index, source, destination; /* -1: not given */
};

static const json *part(const json *operation, const char *name)
{
    json_each (p, json_get(operation, "part")) {
        const char *n = json_get_string(p, "name");
        if (n && strcmp(n, name) == 0)
            return p;
    }
    return NULL;
}

static const json *value_of(const json *p)
{
    json_each (m, p)
        if (strncmp(m->string, "value", 5) == 0)
            return m;
    return NULL;
}

static const char *text_part(const json *operation, const char *name)
{
    const json *v = value_of(part(operation, name));
    return json_is_string(v) ? v->valuestring : NULL;
}

static int64_t int_part(const json *operation, const char *name)
{
    const json *v = value_of(part(operation, name));
    int64_t n;
    return json_is_number(v) && str_int64(str_of(v->valuestring), &n) && n >= 0 ? n : -1;
}

/* What the path names, in the resource as the operations before have left it. */
static bool select(struct patch *p, const char *path, struct fp_list *out)
{
    const struct fp_expr *x;
    struct fp_env env = {.a = p->a,
                         .defs = p->defs,
                         .resource = p->resource,
                         .now_us = clock_wall_us(),
                         .max_steps = p->max_steps};
    struct fp_item *root = ARENA_NEW(p->a, struct fp_item);
    *root = fp_root(p->defs, p->resource, NULL);
    *out = (struct fp_list){0};
    if (!fp_compile(p->a, p->defs, str_of(path), root->type, false, &x, p->err) ||
        !fp_eval(x, &env, root, out, p->err))
        return false;
    for (size_t i = 0; i < out->n; i++)
        if (out->items[i].kind != FP_NODE || (!out->items[i].parent && out->items[i].node != p->resource))
            return err_set(p->err, ERR_INVALID, "path names a computed value, not an element");
    return true;
}

static bool select_one(struct patch *p, const char *path, struct fp_item *out)
{
    struct fp_list list;
    if (!select(p, path, &list))
        return false;
    if (list.n != 1)
        return err_set(p->err, ERR_INVALID, "path names %zu elements; one was expected", list.n);
    *out = list.items[0];
    return true;
}

/* The JSON object that the children of an element are members of: for a primitive, that of its id and extensions. */
static json *object_of(const struct fp_item *item)
{
    return (json *)(json_is_object(item->node) ? item->node : item->extra);
}

/* Where an element stands: as its own member, or in it when that is an array. A primitive has a sibling for its id and
 * extensions, and either may be absent; both are of the same length when they are arrays. */
struct place {
    json *parent;
    const char *name;
    json *member, *sibling;
};

static bool holds(const json *m, const struct fp_item *item)
{
    if (m == item->node || m == item->extra)
        return true;
    if (json_is_array(m))
        json_each (e, m)
            if (e == item->node || e == item->extra)
                return true;
    return false;
}

static void pad(struct patch *p, json *array, size_t n)
{
    for (size_t i = json_is_array(array) ? json_count(array) : n; i < n; i++)
        json_push(array, json_null(p->a));
}

static bool place_of(struct patch *p, const struct fp_item *item, struct place *out)
{
    out->parent = object_of(item->parent);
    json_each (m, out->parent) {
        if (!holds(m, item))
            continue;
        out->name = m->string + (m->string[0] == '_');
        out->member = json_get(out->parent, out->name);
        out->sibling = json_get(out->parent, arena_printf(p->a, "_%s", out->name));
        pad(p, out->member, json_count(out->sibling));
        pad(p, out->sibling, json_count(out->member));
        return true;
    }
    return err_set(p->err, ERR_INVALID, "path names an element that is not in the resource");
}

static bool all_null(const json *array)
{
    json_each (m, array)
        if (!json_is_null(m))
            return false;
    return true;
}

static void detach(json *parent, json *member)
{
    if (member)
        json_detach(parent, member);
}

static void detach_at(json *array, int64_t index)
{
    if (json_is_array(array))
        detach(array, json_at(array, (size_t)index));
}

/* Arrays with nothing in them go. */
static void tidy(const struct place *at)
{
    bool bare = !json_is_array(at->sibling) || all_null(at->sibling);
    if (bare && json_is_array(at->sibling))
        json_detach(at->parent, at->sibling);
    if (bare && json_is_array(at->member) && all_null(at->member))
        json_detach(at->parent, at->member);
}

/* A primitive has lost the last of its id and extensions. */
static bool remove_sibling(struct patch *p, const struct fp_item *item)
{
    struct place at;
    if (!place_of(p, item, &at))
        return false;
    if (item->index < 0) {
        json_detach(at.parent, at.sibling);
        return true;
    }
    json_insert_after(at.sibling, (json *)item->extra, json_null(p->a));
    json_detach(at.sibling, (json *)item->extra);
    tidy(&at);
    return true;
}

static bool remove_item(struct patch *p, const struct fp_item *item)
{
    struct place at;
    if (!place_of(p, item, &at))
        return false;
    if (item->index < 0) {
        detach(at.parent, at.member);
        detach(at.parent, at.sibling);
    } else {
        detach_at(at.member, item->index);
        detach_at(at.sibling, item->index);
        tidy(&at);
    }
    return at.parent->child || at.parent != item->parent->extra || remove_sibling(p, item->parent);
}

/* ---- values ------------------------------------------------------------------------------------------------ */

static bool build(struct patch *p, const json *source, const struct fhir_type *type, json **out);

/* The JSON name of a child and the type it has there: value[x] goes by the type of what is put in. */
static bool child_name(struct patch *p, const struct fhir_type *type, const char *name, const json *value,
                       const char **json_name, const struct fhir_element **element,
                       const struct fhir_type **actual)
{
    *element = type ? fhir_child(type, name, actual) : NULL;
    *json_name = name;
    if (!*element && type && (*element = fhir_element_by_name(type, name)) && (*element)->choice && value) {
        *json_name = arena_printf(p->a, "%s%s", name, value->string + strlen("value"));
        *element = fhir_child(type, *json_name, actual);
    }
    return *element || err_set(p->err, ERR_INVALID, "%s has no element '%s' for such a value",
                               type ? type->name : "The element", name);
}

/* Puts one value under a parent; repeating elements are appended to. */
static bool attach(struct patch *p, json *parent, const struct fhir_type *type, const char *name,
                   const json *source, bool replace)
{
    const char *json_name;
    const struct fhir_element *e;
    const struct fhir_type *actual;
    json *value;
    if (!child_name(p, type, name, value_of(source), &json_name, &e, &actual) ||
        !build(p, source, actual, &value))
        return false;
    json *there = json_get(parent, json_name);
    if (e->max > 1) {
        if (!there)
            there = json_add(p->a, parent, json_name, json_array(p->a));
        json_push(there, value);
        return true;
    }
    if (there && !replace)
        return err_set(p->err, ERR_INVALID, "%s has a value already; use replace", e->path);
    json_put(p->a, parent, json_name, value);
    return true;
}

/* From the part that carries it: value[x], a resource, or parts that are its children (fhirpatch.html). */
static bool build(struct patch *p, const json *source, const struct fhir_type *type, json **out)
{
    const json *value = value_of(source), *resource = json_get(source, "resource");
    if (value || resource) {
        *out = json_copy(p->a, value ? value : resource);
        (*out)->string = NULL;
        return true;
    }
    *out = json_object(p->a);
    if (!json_get(source, "part"))
        return err_set(p->err, ERR_INVALID, "value is missing");
    json_each (child, json_get(source, "part")) {
        const char *name = json_get_string(child, "name");
        if (!name)
            return err_set(p->err, ERR_INVALID, "a part of value has no name");
        if (!attach(p, *out, type, name, child, false))
            return false;
    }
    return true;
}

/* ---- operations -------------------------------------------------------------------------------------------- */

/* A primitive gets its first extension. */
static bool make_sibling(struct patch *p, const struct fp_item *item, json **object)
{
    struct place at;
    if (!item->parent || !place_of(p, item, &at))
        return err_set(p->err, ERR_INVALID, "path names an element without children");
    const char *name = arena_printf(p->a, "_%s", at.name);
    *object = json_object(p->a);
    if (item->index < 0) {
        json_put(p->a, at.parent, name, *object);
        return true;
    }
    if (!at.sibling) {
        at.sibling = json_add(p->a, at.parent, name, json_array(p->a));
        pad(p, at.sibling, json_count(at.member));
    }
    json *old = json_at(at.sibling, (size_t)item->index);
    if (!old)
        return err_set(p->err, ERR_INVALID, "path names an element that is not in the resource");
    json_insert_after(at.sibling, old, *object);
    json_detach(at.sibling, old);
    return true;
}

static bool add(struct patch *p, const struct operation *o)
{
    struct fp_item item;
    if (!o->name)
        return err_set(p->err, ERR_INVALID, "add needs the name of the element that is added");
    if (!select_one(p, o->path, &item))
        return false;
    json *object = object_of(&item);
    if (!object && !make_sibling(p, &item, &object))
        return false;
    return attach(p, object, item.type, o->name, o->value, false);
}

static bool delete (struct patch *p, const struct operation *o)
{
    struct fp_list list;
    if (!select(p, o->path, &list))
        return false;
    if (list.n > 1)
        return err_set(p->err, ERR_INVALID, "path names %zu elements; delete takes one", list.n);
    if (list.n == 1 && !list.items[0].parent)
        return err_set(p->err, ERR_INVALID, "the resource itself cannot be deleted by a patch");
    return list.n == 0 || remove_item(p, &list.items[0]);
}

static bool replace(struct patch *p, const struct operation *o)
{
    struct fp_item item;
    struct place at;
    json *value;
    if (!select_one(p, o->path, &item))
        return false;
    if (!item.parent)
        return err_set(p->err, ERR_INVALID, "the resource itself cannot be replaced by a patch");
    if (!place_of(p, &item, &at))
        return false;
    if (item.index < 0 && item.element && item.element->choice) { /* another type has another name */
        detach(at.parent, at.member);
        detach(at.parent, at.sibling);
        return attach(p, at.parent, item.parent->type, item.element->name, o->value, true);
    }
    if (!build(p, o->value, item.type, &value))
        return false;
    if (item.index < 0) {
        json_put(p->a, at.parent, at.name, value);
        return true;
    }
    json *old = json_is_array(at.member) ? json_at(at.member, (size_t)item.index) : NULL;
    if (!old)
        return err_set(p->err, ERR_INVALID, "path names an element without a value");
    json_insert_after(at.member, old, value);
    json_detach(at.member, old);
    return true;
}

/* The array that a path's items stand in, for operations on lists. */
static bool select_list(struct patch *p, const char *path, struct place *out, const struct fhir_type **type)
{
    struct fp_list list;
    if (!select(p, path, &list))
        return false;
    bool one = list.n > 0;
    for (size_t i = 0; one && i < list.n; i++) {
        struct place at = {0};
        one = list.items[i].parent && list.items[i].index >= 0 && place_of(p, &list.items[i], &at) &&
              json_is_array(at.member) && (i == 0 || at.member == out->member);
        *out = at;
    }
    if (!one)
        return err_set(p->err, ERR_INVALID, "path does not name the elements of one list");
    *type = list.items[0].type;
    return true;
}

static void insert_at(json *array, int64_t index, json *value)
{
    json_insert_after(array, index ? json_at(array, (size_t)index - 1) : NULL, value);
}

static bool insert(struct patch *p, const struct operation *o)
{
    struct place at;
    json *value;
    const struct fhir_type *type;
    if (!select_list(p, o->path, &at, &type))
        return false;
    if (o->index < 0 || (size_t)o->index > json_count(at.member))
        return err_set(p->err, ERR_INVALID, "index: a place from 0 to %zu was expected",
                       json_count(at.member));
    if (!build(p, o->value, type, &value))
        return false;
    insert_at(at.member, o->index, value);
    if (json_is_array(at.sibling))
        insert_at(at.sibling, o->index, json_null(p->a));
    return true;
}

static void move_in(json *array, int64_t from, int64_t to)
{
    json *value = json_at(array, (size_t)from);
    json_detach(array, value);
    insert_at(array, to, value);
}

static bool move(struct patch *p, const struct operation *o)
{
    struct place at;
    const struct fhir_type *type;
    if (!select_list(p, o->path, &at, &type))
        return false;
    int64_t n = (int64_t)json_count(at.member);
    if (o->source < 0 || o->source >= n || o->destination < 0 || o->destination >= n)
        return err_set(p->err, ERR_INVALID, "source and destination: places from 0 to %lld were expected",
                       (long long)n - 1);
    move_in(at.member, o->source, o->destination);
    if (json_is_array(at.sibling))
        move_in(at.sibling, o->source, o->destination);
    return true;
}

static const struct {
    const char *type;
    bool (*apply)(struct patch *p, const struct operation *o);
    bool needs_value;
} operations[] = {{"add", add, true},
                  {"insert", insert, true},
                  {"delete", delete, false},
                  {"replace", replace, true},
                  {"move", move, false}};

static bool apply(struct patch *p, const json *node)
{
    const struct operation o = {.type = text_part(node, "type"),
                                .path = text_part(node, "path"),
                                .name = text_part(node, "name"),
                                .value = part(node, "value"),
                                .index = int_part(node, "index"),
                                .source = int_part(node, "source"),
                                .destination = int_part(node, "destination")};
    for (size_t i = 0; o.type && i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(o.type, operations[i].type) != 0)
            continue;
        if (!o.path)
            return err_set(p->err, ERR_INVALID, "path is missing");
        if (operations[i].needs_value && !o.value)
            return err_set(p->err, ERR_INVALID, "value is missing");
        return operations[i].apply(p, &o);
    }
    return err_set(p->err, ERR_INVALID, "type is one of add, insert, delete, replace, move");
}

bool fhirpath_patch(struct arena *a, const struct fhir_defs *d, json *resource, const json *parameters,
                    struct err *err)
{
    struct err cause;
    struct patch p = {.a = a, .defs = d, .resource = resource, .err = &cause};
    size_t share = STEPS / (json_count(json_get(parameters, "parameter")) + 1);
    p.max_steps = share > STEPS_LEAST ? share : STEPS_LEAST;
    int n = 0;
    json_each (node, json_get(parameters, "parameter")) {
        const char *name = json_get_string(node, "name");
        if (!name || strcmp(name, "operation") != 0)
            return err_set(err, ERR_INVALID,
                           "Patch parameter %d: every parameter of a FHIRPath Patch is named operation", n);
        if (!apply(&p, node))
            return err_set(err, ERR_INVALID, "Patch operation %d: %s", n, cause.msg);
        n++;
    }
    return true;
}
