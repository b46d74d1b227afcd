#include "fhirpath_patch.h"

#include <string.h>

#include "base/clock.h"
#include "fhirpath/fhirpath.h"

struct patch {
    struct arena *a;
    const struct fhir_defs *defs;
    json *resource;
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
    struct fp_env env = {.a = p->a, .defs = p->defs, .resource = p->resource, .now_us = clock_wall_us()};
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

/* The member of the parent's JSON that holds an item: the item's own node, or the array it stands in. */
static json *holder(const struct fp_item *item)
{
    json_each (m, item->parent->node) {
        if (m == item->node)
            return m;
        if (item->index >= 0 && json_is_array(m))
            json_each (e, m)
                if (e == item->node)
                    return m;
    }
    return NULL;
}

static json *sibling(json *parent, const char *name, struct arena *a)
{
    return json_get(parent, arena_printf(a, "_%s", name));
}

/* Arrays of primitives have a parallel array of their extensions. */
static json *parallel(struct patch *p, const struct fp_item *item, const json *array)
{
    return sibling((json *)item->parent->node, array->string, p->a);
}

static bool all_null(const json *array)
{
    json_each (m, array)
        if (!json_is_null(m))
            return false;
    return true;
}

static void remove_item(struct patch *p, const struct fp_item *item)
{
    json *parent = (json *)item->parent->node, *member = holder(item);
    json *extra = parallel(p, item, member);
    if (member == item->node) {
        json_detach(parent, member);
        if (extra)
            json_detach(parent, extra);
        return;
    }
    json_detach(member, (json *)item->node);
    if (extra && json_at(extra, (size_t)item->index))
        json_detach(extra, json_at(extra, (size_t)item->index));
    if (extra && all_null(extra))
        json_detach(parent, extra);
    if (!member->child)
        json_detach(parent, member);
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

static bool add(struct patch *p, const struct operation *o)
{
    struct fp_item item;
    if (!o->name)
        return err_set(p->err, ERR_INVALID, "add needs the name of the element that is added");
    if (!select_one(p, o->path, &item))
        return false;
    if (!json_is_object(item.node))
        return err_set(p->err, ERR_INVALID, "path names an element without children");
    return attach(p, (json *)item.node, item.type, o->name, o->value, false);
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
    if (list.n == 1)
        remove_item(p, &list.items[0]);
    return true;
}

static bool replace(struct patch *p, const struct operation *o)
{
    struct fp_item item;
    json *value;
    if (!select_one(p, o->path, &item))
        return false;
    if (!item.parent)
        return err_set(p->err, ERR_INVALID, "the resource itself cannot be replaced by a patch");
    json *parent = (json *)item.parent->node, *member = holder(&item);
    if (member != item.node) {
        if (!build(p, o->value, item.type, &value))
            return false;
        json_insert_after(member, (json *)item.node, value);
        json_detach(member, (json *)item.node);
        return true;
    }
    if (item.element && item.element->choice) { /* another type has another name */
        json_detach(parent, member);
        return attach(p, parent, item.parent->type, item.element->name, o->value, true);
    }
    if (!build(p, o->value, item.type, &value))
        return false;
    json_put(p->a, parent, member->string, value);
    return true;
}

/* The array that a path's items stand in, for operations on lists. */
static bool select_list(struct patch *p, const char *path, json **array, const struct fhir_type **type,
                        json **extra)
{
    struct fp_list list;
    if (!select(p, path, &list))
        return false;
    *array = list.n && list.items[0].parent && list.items[0].index >= 0 ? holder(&list.items[0]) : NULL;
    for (size_t i = 1; *array && i < list.n; i++)
        if (!list.items[i].parent || holder(&list.items[i]) != *array)
            *array = NULL;
    if (!*array)
        return err_set(p->err, ERR_INVALID, "path does not name the elements of one list");
    *type = list.items[0].type;
    *extra = parallel(p, &list.items[0], *array);
    return true;
}

static void insert_at(json *array, int64_t index, json *value)
{
    json_insert_after(array, index ? json_at(array, (size_t)index - 1) : NULL, value);
}

static bool insert(struct patch *p, const struct operation *o)
{
    json *array, *extra, *value;
    const struct fhir_type *type;
    if (!select_list(p, o->path, &array, &type, &extra))
        return false;
    if (o->index < 0 || (size_t)o->index > json_count(array))
        return err_set(p->err, ERR_INVALID, "index: a place from 0 to %zu was expected", json_count(array));
    if (!build(p, o->value, type, &value))
        return false;
    insert_at(array, o->index, value);
    if (extra)
        insert_at(extra, o->index, json_null(p->a));
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
    json *array, *extra;
    const struct fhir_type *type;
    if (!select_list(p, o->path, &array, &type, &extra))
        return false;
    int64_t n = (int64_t)json_count(array);
    if (o->source < 0 || o->source >= n || o->destination < 0 || o->destination >= n)
        return err_set(p->err, ERR_INVALID, "source and destination: places from 0 to %lld were expected",
                       (long long)n - 1);
    move_in(array, o->source, o->destination);
    if (extra)
        move_in(extra, o->source, o->destination);
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
