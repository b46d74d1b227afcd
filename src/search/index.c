/* Resource → index rows: evaluates the type's parameters and hands each value to the file of its kind. */
#include <stdlib.h>

#include "internal.h"

static search__index_fn *const kinds[] = {
    [FHIR_SEARCH_NUMBER] = search__index_number,
    [FHIR_SEARCH_DATE] = search__index_date,
    [FHIR_SEARCH_STRING] = search__index_string,
    [FHIR_SEARCH_TOKEN] = search__index_token,
    [FHIR_SEARCH_REFERENCE] = search__index_reference,
    [FHIR_SEARCH_QUANTITY] = search__index_quantity,
    [FHIR_SEARCH_URI] = search__index_uri,
    [FHIR_SEARCH_COMPOSITE] = NULL,
    [FHIR_SEARCH_SPECIAL] = search__index_near,
};

void search__add_key(struct search__index *x, int64_t key)
{
    *ARENA_PUSH(x->a, x->out->keys, x->out->n_keys, x->out->cap_keys) = key;
}

void search__add_dict(struct search__index *x, int kind, int64_t key, struct str val)
{
    if (x->sealed)
        return;
    *ARENA_PUSH(x->a, x->out->dicts, x->out->n_dicts, x->out->cap_dicts) =
        (struct search_index_dict){x->slot->param->id, (int16_t)kind, key, val};
}

bool search__extension_value(const struct search__index *x, const struct fp_item *item, struct fp_item *out)
{
    if (item->kind != FP_NODE || !item->type || strcmp(item->type->name, "Extension") != 0)
        return false;
    json_each (child, item->node) {
        const struct fhir_type *actual;
        const struct fhir_element *e = child->string ? fhir_child(item->type, child->string, &actual) : NULL;
        if (e && strcmp(e->name, "value") == 0) {
            *out = fp_root(x->registry->defs, child, actual);
            return true;
        }
    }
    return false;
}

const json *search__contained(const struct search__index *x, const char *id)
{
    if (!*id)
        return x->container;
    json_each (contained, json_get(x->container, "contained")) {
        const char *own = json_get_string(contained, "id");
        if (own && strcmp(own, id) == 0)
            return contained;
    }
    return NULL;
}

/* resolve() in a search expression asks for the type of a reference only; its text tells. */
const json *search__resolve(void *arg, struct arena *a, const char *reference)
{
    (void)a;
    const struct search__index *x = arg;
    if (reference[0] == '#')
        return search__contained(x, reference + 1);
    const struct fhir_type *type = search__reference_type(x->registry->defs, str_of(reference));
    return type ? x->registry->stubs[type->id] : NULL;
}

void search__index_value(struct search__index *x, const struct fp_item *item)
{
    search__index_fn *fn = kinds[x->slot->param->def->type];
    if (fn)
        fn(x, item);
}

/* An element that has nothing but extensions has no value: :missing finds it. */
static bool has_value(const struct fp_item *item)
{
    if (item->kind != FP_NODE || !json_is_object(item->node))
        return item->kind != FP_NODE || item->node;
    json_each (member, item->node)
        if (strcmp(member->string, "extension") != 0 && strcmp(member->string, "id") != 0)
            return true;
    return false;
}

static bool evaluate(struct search__index *x, struct fp_env *env, const struct fp_item *root, struct err *err)
{
    const struct search_param *p = x->slot->param;
    struct fp_list values = {0};
    if (!fp_eval(p->expr, env, root, &values, err)) {
        struct err why = *err;
        if (p->custom) /* what a client has defined must not keep others from writing */
            return true;
        return err_detail(err, ERR_INTERNAL, "a search parameter could not be evaluated", "%s of %s: %s",
                          p->def->code, p->type->name, why.msg);
    }
    bool found = false;
    size_t rows = x->out->n_keys + x->out->n_nums;
    for (size_t i = 0; i < values.n; i++) {
        found = found || has_value(&values.items[i]);
        if (p->def->type != FHIR_SEARCH_COMPOSITE)
            search__index_value(x, &values.items[i]);
        else if (!search__index_composite(x, env, &values.items[i], err))
            return false;
    }
    /* A composite has a value where all components have one. */
    if (p->def->type != FHIR_SEARCH_COMPOSITE ? found : x->out->n_keys + x->out->n_nums > rows)
        search__add_key(x, search__key(x->tenant, p, KEY_PRESENT, STR(""), STR("")));
    return true;
}

void search__add_compartment(struct search__index *x, const struct fhir_type *compartment, int64_t h)
{
    search__add_key(x, h ^ search__compartment(x->tenant, compartment, x->type));
    *ARENA_PUSH(x->a, x->out->acc, x->out->n_acc, x->out->cap_acc) = h;
    if (strcmp(compartment->name, "Patient") == 0)
        *ARENA_PUSH(x->a, x->out->patients, x->out->n_patients, x->out->cap_patients) = h;
}

/* binary.html, securityContext: a Binary that belongs to a patient is in the patient's compartment. */
static void add_context(struct search__index *x)
{
    const char *text = json_get_string(json_get(x->resource, "securityContext"), "reference");
    struct search__target target;
    if (!text || strcmp(x->type->name, "Binary") != 0)
        return;
    search__target(x->a, x->registry->defs, x->base, str_of(text), &target);
    if (target.kind == TARGET_LOCAL && strcmp(target.type->name, "Patient") == 0)
        search__add_compartment(x, target.type, search_hash_id(x->tenant, target.type, target.id));
}

/* Hashes of meta.profile, meta.tag and meta.security, as their parameters have them. */
static void add_labels(struct search__index *x)
{
    static const struct {
        const char *member, *code;
    } labels[] = {{"profile", "_profile"}, {"tag", "_tag"}, {"security", "_security"}};
    struct search_index *out = x->out;
    const json *meta = json_get(x->resource, "meta");
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        const struct search__slot *slot = search__slot(x->registry, x->type, str_of(labels[i].code));
        json_each (label, slot ? json_get(meta, labels[i].member) : NULL)
            *ARENA_PUSH(x->a, out->labels, out->n_labels, out->cap_labels) =
                json_is_string(label)
                    ? search__key(x->tenant, slot->param, KEY_URL, str_of(label->valuestring), STR(""))
                    : search__coding_key(x, slot->param, label);
    }
}

/* Sorts, and keeps one of equals; returns how many. */
static size_t sort_unique(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (!n)
        return 0;
    char *v = items;
    qsort(v, n, size, compare);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (compare(v + i * size, v + (kept - 1) * size) != 0)
            memmove(v + kept++ * size, v + i * size, size);
    return kept;
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return ORDER(*x, *y);
}

static int by_str(struct str x, struct str y)
{
    size_t n = x.len < y.len ? x.len : y.len;
    int order = n ? memcmp(x.s, y.s, n) : 0;
    return order ? order : ORDER(x.len, y.len);
}

static int by_string(const void *a, const void *b)
{
    const struct search_index_str *x = a, *y = b;
    int order = ORDER(x->param, y->param);
    order = order ? order : by_str(x->val, y->val);
    return order ? order : by_str(x->raw, y->raw);
}

static int by_key(const void *a, const void *b)
{
    const struct search_index_dict *x = a, *y = b;
    return ORDER(x->key, y->key);
}

static int by_code(const void *a, const void *b)
{
    const struct search_index_ovf *x = a, *y = b;
    return ORDER(x->val, y->val);
}

/* Sets come out as sets, though a resource may have a value twice. */
static void drop_repeats(struct search_index *o)
{
    o->n_keys = sort_unique(o->keys, o->n_keys, sizeof *o->keys, by_value);
    o->n_labels = sort_unique(o->labels, o->n_labels, sizeof *o->labels, by_value);
    o->n_strs = sort_unique(o->strs, o->n_strs, sizeof *o->strs, by_string);
    o->n_dicts = sort_unique(o->dicts, o->n_dicts, sizeof *o->dicts, by_key);
    o->n_ovfs = sort_unique(o->ovfs, o->n_ovfs, sizeof *o->ovfs, by_code);
}

static uint64_t hash_row(const struct hash_key *key, const char *table, int32_t param, struct str x,
                         struct str y)
{
    return hash_strs(key, str_of(table), (struct str){(const char *)&param, sizeof param}, x, y);
}

#define BYTES(v) ((struct str){(const char *)&(v), sizeof(v)})

static uint64_t hash_side_rows(const struct search_index *out, const struct hash_key *key);

/* All of it, since all of it is in side tables. */
static uint64_t hash_contained(const struct search_contained *c, const struct hash_key *key)
{
    const struct search_index *x = &c->index;
    const int64_t lanes[] = {x->h,  x->pat,   x->code,   x->cat,
                             x->dt, x->dt_hi, x->q_unit, (int64_t)hash_side_rows(x, key)};
    struct str keys = {(const char *)x->keys, x->n_keys * sizeof *x->keys};
    return hash_strs(key, STR("contained"), BYTES(lanes), keys, x->q.s ? x->q : STR(""));
}

/* The sum of the rows' hashes: their order does not matter. */
static uint64_t hash_side_rows(const struct search_index *out, const struct hash_key *key)
{
    uint64_t sum = 0;
    if (out->n_strs + out->n_nums) /* these rows carry the date too */
        sum += hash_strs(key, STR("dt"), BYTES(out->dt));
    for (size_t i = 0; i < out->n_strs; i++)
        sum += hash_row(key, "str", out->strs[i].param, out->strs[i].val,
                        out->strs[i].raw.s ? out->strs[i].raw : STR(""));
    for (size_t i = 0; i < out->n_dates; i++)
        sum += hash_row(key, "date", out->dates[i].param, BYTES(out->dates[i].lo), BYTES(out->dates[i].hi));
    for (size_t i = 0; i < out->n_nums; i++) {
        const struct search_index_num *n = &out->nums[i];
        const int64_t units[] = {n->sc, n->c, n->u, n->tok};
        sum += hash_strs(key, STR("num"), BYTES(n->param), n->lo, n->hi, BYTES(units));
    }
    for (size_t i = 0; i < out->n_ovfs; i++) /* these rows carry the date too */
        sum += hash_row(key, "ovf", out->ovfs[i].lane, BYTES(out->ovfs[i].val), BYTES(out->dt));
    for (size_t i = 0; i < out->n_contained; i++)
        sum += hash_contained(&out->contained[i], key);
    if (out->words.s)
        sum += hash_strs(key, STR("text"), out->words);
    return sum;
}

static struct search__elements elements_of(const json *resource, const struct fhir_type *type)
{
    struct search__elements set = {0};
    json_each (child, resource) {
        const struct fhir_type *actual;
        const struct fhir_element *e = fhir_child(type, child->string + (child->string[0] == '_'), &actual);
        if (e)
            search__elements_add(&set, e);
    }
    return set;
}

static bool is_indexed(const struct search__slot *slot)
{
    return slot->param->expr && !slot->n_parts && !slot->param->whole;
}

static bool any(const struct search__elements *a, const struct search__elements *b)
{
    return (a->bits[0] & b->bits[0]) | (a->bits[1] & b->bits[1]);
}

/* What the parameters of the type say. */
static bool index_values(struct search__index *x, struct err *err)
{
    const struct search_registry *r = x->registry;
    struct fp_item root = fp_root(r->defs, x->resource, x->type);
    struct fp_env env = {.a = x->a,
                         .defs = r->defs,
                         .resource = x->resource,
                         .root_resource = x->container,
                         .resolve = search__resolve,
                         .terminology = &r->codes,
                         .arg = x};
    const struct search__type *st = search__type(r, x->type);
    struct search__elements present = elements_of(x->resource, x->type);
    for (int i = 0; i < st->n; i++) {
        x->slot = &st->slots[i];
        if (!is_indexed(x->slot) || !any(&x->slot->roots, &present))
            continue;
        x->sealed = search__is_sealed(x->tenant, x->slot->param);
        if (!evaluate(x, &env, &root, err))
            return false;
    }
    return true;
}

static bool index_contained(const struct search__index *container, const json *resource, struct err *err)
{
    struct search_index *out = container->out;
    const char *id = json_get_string(resource, "id"), *name = json_get_string(resource, "resourceType");
    const struct fhir_type *type = name ? fhir_resource(container->registry->defs, str_of(name)) : NULL;
    if (!id || !type)
        return true;
    struct search_contained *c =
        ARENA_PUSH(container->a, out->contained, out->n_contained, out->cap_contained);
    *c = (struct search_contained){type, str_of(id), {.dt = SEARCH_NO_DATE, .dt_hi = SEARCH_NO_DATE}};
    c->index.h = search__hash_contained(container, id);
    struct search__index x = *container;
    x.type = type;
    x.resource = resource;
    x.out = &c->index;
    if (!index_values(&x, err))
        return false;
    c->index.n_ovfs = 0; /* the second codes are among the keys */
    drop_repeats(&c->index);
    return true;
}

static bool is_patients(const struct search_index *x, int64_t h)
{
    for (size_t i = 0; i < x->n_patients; i++)
        if (x->patients[i] == h)
            return true;
    return false;
}

bool search_index(const struct search_registry *r, const struct search_tenant *t, struct arena *a,
                  const json *resource, const struct fhir_type *type, struct str base,
                  struct search_index *out, struct err *err)
{
    const char *id = json_get_string(resource, "id");
    *out = (struct search_index){.dt = SEARCH_NO_DATE, .dt_hi = SEARCH_NO_DATE};
    out->h = search_hash_id(t, type, str_of(id ? id : ""));
    struct search__index x = {.registry = r,
                              .tenant = t,
                              .a = a,
                              .base = base,
                              .type = type,
                              .resource = resource,
                              .container = resource,
                              .container_type = type,
                              .out = out};
    if (!index_values(&x, err))
        return false;
    json_each (contained, json_get(resource, "contained"))
        if (!index_contained(&x, contained, err))
            return false;
    for (int i = 0; i < r->n_compartments; i++)
        if (type == r->compartments[i])
            search__add_compartment(&x, type, out->h);
    add_context(&x);
    add_labels(&x);
    search__index_text(&x);
    search__index_list(&x);
    for (size_t i = 0; i < out->n_labels; i++)
        *ARENA_PUSH(a, out->acc, out->n_acc, out->cap_acc) = out->labels[i];
    if (out->pat && !is_patients(out, out->pat))
        *ARENA_PUSH(a, out->acc, out->n_acc, out->cap_acc) = search__about(out->pat);
    search__refs(&x);
    drop_repeats(out);
    out->ix = (int64_t)hash_side_rows(out, &t->key);
    return true;
}
