/*
 * From items to their children: the JSON of a record as FHIRPath's tree. value finds valueQuantity, "name" and
 * "_name" are one element, arrays are unrolled, resources in resources take their type from resourceType.
 *
 * A path of several names is walked depth first without lists in between: an item on the way is copied to the
 * arena only when one of its descendants is put out, which needs it as its parent.
 */
#include "internal.h"

struct frame {
    const struct fp_item *item;
    const struct fp_item *kept; /* item in the arena, once needed */
    struct frame *up;
};

/* What becomes of the children that are found. */
struct walk {
    struct fp__run *r;
    struct fp_list *out;
    size_t want;
};

static bool follow(struct walk *w, const struct fp__step *st, size_t n, struct frame *from);

static const struct fp_item *keep(struct arena *a, struct frame *f)
{
    if (!f->kept) {
        struct fp_item *copy = arena_alloc(a, sizeof *copy);
        *copy = *f->item;
        if (f->up)
            copy->parent = keep(a, f->up);
        f->kept = copy;
    }
    return f->kept;
}

/* A child: put out when no names are left, else followed. */
static bool found(struct walk *w, const struct fp__step *st, size_t n, struct frame *from,
                  struct fp_item *child)
{
    if (w->out->n >= w->want)
        return true;
    if (n == 0) {
        child->parent = keep(w->r->a, from);
        return fp__push(w->r, w->out, child);
    }
    struct frame f = {child, NULL, from};
    return follow(w, st, n, &f);
}

static const struct fhir_type *resource_type(const struct fhir_defs *d, const json *node)
{
    const char *name = json_get_string(node, "resourceType");
    return name ? fhir_resource(d, str_of(name)) : NULL;
}

static bool one(struct walk *w, const struct fp__step *st, size_t n, struct frame *from,
                struct fp_item *child)
{
    if (child->type && child->type->kind == FHIR_RESOURCE)
        child->type = resource_type(w->r->env->defs, child->node);
    return found(w, st, n, from, child);
}

/* A member of an object, with its _sibling: one child, or one for each entry of an array. */
static bool member(struct walk *w, const struct fp__step *st, size_t n, struct frame *from,
                   const struct fhir_element *e, const struct fhir_type *t, const json *value,
                   const json *extra)
{
    struct fp_item child = {.kind = FP_NODE, .type = t, .element = e, .index = -1};
    if (!json_is_array(value) && !json_is_array(extra)) {
        child.node = json_is_null(value) ? NULL : value;
        child.extra = json_is_object(extra) ? extra : NULL;
        return !(child.node || child.extra) || one(w, st, n, from, &child);
    }
    const json *v = json_is_array(value) ? value->child : NULL,
               *x = json_is_array(extra) ? extra->child : NULL;
    for (child.index = 0; v || x; child.index++) {
        child.node = json_is_null(v) ? NULL : v;
        child.extra = json_is_object(x) ? x : NULL;
        if ((child.node || child.extra) && !one(w, st, n, from, &child))
            return false;
        v = v ? v->next : NULL;
        x = x ? x->next : NULL;
        child.type = t;
        if (w->out->n >= w->want)
            break;
    }
    return true;
}

const struct fhir_element *fp__element(const struct fp__step *st, const struct fhir_type *type)
{
    for (int i = 0; i < st->n_known; i++)
        if (st->known[i].owner == type)
            return st->known[i].element;
    return fhir_element_by_name(type, st->name.s);
}

/* key is name, or name with a type after it: valueQuantity. */
static bool names(const struct fhir_element *e, struct str name, const struct fhir_type *owner,
                  const char *key, const struct fhir_type **type)
{
    if (key[0] != name.s[0] || strncmp(key, name.s, name.len) != 0)
        return false;
    if (!e->choice)
        return key[name.len] == '\0';
    const struct fhir_type *actual;
    if (!key[name.len] || fhir_child(owner, key, &actual) != e)
        return false;
    *type = actual;
    return true;
}

/* The child of a primitive: id and extension stand in its _sibling; its value is itself. */
static bool of_primitive(struct walk *w, const struct fp__step *st, size_t n, struct frame *from)
{
    const struct fp_item *p = from->item;
    if (str_is(st->name, "value")) {
        struct fp_item v;
        return n > 1 || !fp__value(w->r->a, p, &v) || w->out->n >= w->want || fp__push(w->r, w->out, &v);
    }
    const struct fhir_element *e = p->extra ? fp__element(st, p->type) : NULL;
    const json *node = e ? json_get(p->extra, st->name.s) : NULL;
    return !node || !e->n_types || member(w, st + 1, n - 1, from, e, e->types[0].type, node, NULL);
}

/* JSON that no definition describes: what type() returns, resources of unknown types. */
static bool untyped(struct walk *w, const struct fp__step *st, size_t n, struct frame *from,
                    const json *value)
{
    if (json_is_array(value)) {
        json_each (v, value)
            if (!untyped(w, st, n, from, v))
                return false;
        return true;
    }
    struct fp_item child = {.kind = FP_NODE, .node = value, .index = -1};
    struct decimal d;
    if (json_is_string(value))
        child = fp__string(str_of(value->valuestring));
    else if (json_is_bool(value))
        child = fp__boolean(json_is_true(value));
    else if (json_is_number(value) && decimal_parse(w->r->a, str_of(value->valuestring), &d))
        child = fp__decimal(d);
    else if (!json_is_object(value))
        return true;
    return found(w, st, n, from, &child);
}

static bool follow(struct walk *w, const struct fp__step *st, size_t n, struct frame *from)
{
    const struct fp_item *p = from->item;
    if (p->kind != FP_NODE)
        return true;
    if (!fp__spend(w->r, 1))
        return false;
    if (!p->type) {
        const json *value = json_get(p->node, st->name.s);
        return !value || untyped(w, st + 1, n - 1, from, value);
    }
    if (p->type->kind == FHIR_PRIMITIVE)
        return of_primitive(w, st, n, from);
    const struct fhir_element *e = fp__element(st, p->type);
    if (!e)
        return true;
    const struct fhir_type *t = e->n_types ? e->types[0].type : NULL;
    bool siblings = e->choice || !t || t->kind == FHIR_PRIMITIVE;
    const json *value = NULL, *extra = NULL;
    json_each (m, p->node) {
        const char *key = m->string;
        if (key[0] == '_' && siblings && names(e, st->name, p->type, key + 1, &t))
            extra = m;
        else if (names(e, st->name, p->type, key, &t))
            value = m;
        else
            continue;
        if (!siblings || (value && extra))
            break;
    }
    return !(value || extra) || member(w, st + 1, n - 1, from, e, t, value, extra);
}

bool fp__path(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
              struct fp_list *out)
{
    struct walk w = {r, out, want == FP__ALL ? FP__ALL : out->n + want};
    const struct fp__step *st = x->path.steps;
    size_t n = x->path.n;
    if (!x->left) {
        if (!s->self)
            return true;
        if (x->path.guard && s->self->type && fhir_is_a(s->self->type, x->path.guard)) {
            if (--n == 0)
                return fp__push(r, out, s->self);
            st++;
        }
        struct frame f = {s->self, s->self == r->context ? s->self : NULL, NULL};
        return follow(&w, st, n, &f);
    }
    FP__LIST(in, 4);
    if (!fp__eval(r, x->left, s, FP__ALL, &in))
        return false;
    for (size_t i = 0; i < in.n && out->n < w.want; i++) {
        struct frame f = {&in.items[i], NULL, NULL};
        if (!follow(&w, st, n, &f))
            return false;
    }
    return true;
}

/* The member "_name" of an object. */
static const json *sibling_of(const json *object, const char *name)
{
    if (json_is_object(object))
        json_each (m, object)
            if (m->string[0] == '_' && strcmp(m->string + 1, name) == 0)
                return m;
    return NULL;
}

bool fp__children(struct fp__run *r, const struct fp_item *item, struct fp_list *out)
{
    struct walk w = {r, out, FP__ALL};
    struct frame from = {item, NULL, NULL};
    if (item->kind != FP_NODE || !item->type)
        return true;
    bool primitive = item->type->kind == FHIR_PRIMITIVE;
    json_each (m, primitive ? item->extra : item->node) {
        const char *key = m->string;
        bool sibling = key[0] == '_';
        const struct fhir_type *t;
        const struct fhir_element *e = fhir_child(item->type, sibling ? key + 1 : key, &t);
        if (!e || (sibling && json_get(item->node, key + 1)))
            continue;
        const json *extra = !sibling && t && t->kind == FHIR_PRIMITIVE ? sibling_of(item->node, key) : NULL;
        if (!member(&w, NULL, 0, &from, e, t, sibling ? NULL : m, sibling ? m : extra))
            return false;
    }
    return true;
}

struct fp_item fp_root(const struct fhir_defs *d, const json *node, const struct fhir_type *type)
{
    return (struct fp_item){
        .kind = FP_NODE, .type = type ? type : resource_type(d, node), .node = node, .index = -1};
}

/* ---- where an item stands -------------------------------------------------------------------------------- */

static void location(struct buf *b, const struct fp_item *item)
{
    if (!item->element) {
        buf_adds(b, item->type ? item->type->name : "Element");
        return;
    }
    if (item->parent)
        location(b, item->parent);
    buf_addc(b, '.');
    buf_adds(b, item->element->name);
    if (item->index >= 0)
        buf_addf(b, "[%d]", item->index);
}

struct str fp_path(struct arena *a, const struct fp_item *item)
{
    struct buf b;
    buf_init(&b, a, 64);
    if (item->kind == FP_NODE)
        location(&b, item);
    else
        buf_adds(&b, fp__kind_name(item->kind));
    return buf_str(&b);
}
