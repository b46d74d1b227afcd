#include "links.h"

#include "base/hash.h"

static const struct hash_key fixed = {5, 6};

void links_init(struct links *l, struct arena *a, const struct fhir_defs *defs, struct str base)
{
    *l = (struct links){.a = a, .defs = defs, .base = base};
}

static size_t slot(const struct links *l, struct str url)
{
    size_t i = hash_bytes(&fixed, url.s, url.len) & (l->size - 1);
    while (l->slots[i].url.s && !str_eq(l->slots[i].url, url))
        i = (i + 1) & (l->size - 1);
    return i;
}

bool links_add(struct links *l, struct str url, struct str target)
{
    if ((l->n + 1) * 2 > l->size) {
        struct links bigger = *l;
        bigger.size = l->size ? l->size * 2 : 64;
        bigger.slots = arena_zalloc(l->a, bigger.size * sizeof *bigger.slots);
        for (size_t i = 0; i < l->size; i++)
            if (l->slots[i].url.s)
                bigger.slots[slot(&bigger, l->slots[i].url)] = l->slots[i];
        *l = bigger;
    }
    size_t i = slot(l, url);
    if (l->slots[i].url.s)
        return false;
    l->slots[i].url = url;
    l->slots[i].target = target;
    l->n++;
    return true;
}

bool links_get(const struct links *l, struct str url, struct str *target)
{
    if (l->n == 0)
        return false;
    size_t i = slot(l, url);
    *target = l->slots[i].target;
    return l->slots[i].url.s != NULL;
}

struct walk {
    struct links *l;
    struct str root; /* of the entry's own fullUrl, when that is a RESTful URL: "http://host/fhir" */
    struct err *err;
};

/* bundle.html#references: a relative reference is read against the root of the entry's own fullUrl. */
static bool find(const struct walk *w, struct str reference, struct str *target)
{
    if (links_get(w->l, reference, target))
        return true;
    struct fhir_reference ref;
    fhir_reference_parse(w->l->defs, reference, &ref);
    if (ref.form != FHIR_REF_RELATIVE || !w->root.s)
        return false;
    char *url = arena_printf(w->l->a, "%.*s/%s/%.*s", STR_FMT(w->root), ref.type->name, STR_FMT(ref.id));
    return links_get(w->l, str_of(url), target);
}

static void set(const struct walk *w, json *node, struct str value)
{
    node->valuestring = arena_strndup(w->l->a, value.s, value.len);
}

static bool rewrite_reference(struct walk *w, json *node)
{
    struct str text = str_of(node->valuestring), target;
    if (find(w, text, &target)) {
        set(w, node, target);
        return true;
    }
    if (str_starts(text, STR("urn:")))
        return err_set(w->err, ERR_INVALID,
                       "A reference by urn: has no entry with that fullUrl in the transaction");
    if (!memchr(text.s, '?', text.len))
        return true;
    struct fhir_reference ref;
    fhir_reference_parse(w->l->defs, text, &ref);
    if (ref.form != FHIR_REF_QUERY)
        return true;
    if (!w->l->resolve(w->l->arg, text, &target, w->err))
        return false;
    set(w, node, target);
    return true;
}

static struct str absolute(const struct walk *w, struct str target)
{
    return str_of(arena_printf(w->l->a, "%.*s/%.*s", STR_FMT(w->l->base), STR_FMT(target)));
}

/* href="…" and src="…" of a narrative, which is known to be well-formed. */
static void rewrite_narrative(struct walk *w, json *node)
{
    struct str rest = str_of(node->valuestring);
    struct buf out;
    bool changed = false;
    buf_init(&out, w->l->a, rest.len + 256);
    while (rest.len) {
        struct str target;
        size_t n = 0;
        while (n < rest.len && rest.s[n] != '"' && rest.s[n] != '\'')
            n++;
        struct str before = {rest.s, n};
        buf_addstr(&out, before);
        if (n == rest.len)
            break;
        const char *end = memchr(rest.s + n + 1, rest.s[n], rest.len - n - 1);
        if (!end) {
            buf_add(&out, rest.s + n, rest.len - n);
            break;
        }
        struct str value = {rest.s + n + 1, (size_t)(end - rest.s) - n - 1};
        bool link = str_ends(str_trim(before), STR("href=")) || str_ends(str_trim(before), STR("src="));
        bool found = link && find(w, value, &target);
        changed |= found;
        buf_addc(&out, rest.s[n]);
        buf_addstr(&out, found ? absolute(w, target) : value);
        buf_addc(&out, rest.s[n]);
        rest = (struct str){end + 1, rest.len - (size_t)(end + 1 - rest.s)};
    }
    if (changed)
        set(w, node, buf_str(&out));
}

static bool walk_object(struct walk *w, json *object, const struct fhir_type *type);

static bool walk_value(struct walk *w, json *node, const struct fhir_type *type, bool reference)
{
    struct str target;
    if (json_is_array(node)) {
        json_each (item, node)
            if (!walk_value(w, item, type, reference))
                return false;
        return true;
    }
    if (json_is_object(node)) {
        if (type->kind == FHIR_RESOURCE) { /* contained, or in a Bundle or Parameters: its own type */
            const char *name = json_get_string(node, "resourceType");
            type = name ? fhir_resource(w->l->defs, str_of(name)) : NULL;
        }
        return !type || walk_object(w, node, type);
    }
    if (!json_is_string(node))
        return true;
    if (reference)
        return rewrite_reference(w, node);
    if ((type->primitive == FHIR_P_uri || type->primitive == FHIR_P_url) &&
        links_get(w->l, str_of(node->valuestring), &target))
        set(w, node, absolute(w, target));
    else if (type->primitive == FHIR_P_xhtml)
        rewrite_narrative(w, node);
    return true;
}

static bool walk_object(struct walk *w, json *object, const struct fhir_type *type)
{
    bool is_reference = strcmp(type->name, "Reference") == 0;
    json_each (m, object) {
        const struct fhir_type *actual;
        if (m->string[0] == '_')
            actual = fhir_type(w->l->defs, "Element"); /* id and extensions of a primitive */
        else if (!fhir_child(type, m->string, &actual))
            continue;
        if (!walk_value(w, m, actual, is_reference && strcmp(m->string, "reference") == 0))
            return false;
    }
    return true;
}

bool links_rewrite(struct links *l, json *resource, struct str full_url, struct err *err)
{
    struct walk w = {.l = l, .err = err};
    struct fhir_reference own;
    fhir_reference_parse(l->defs, full_url, &own);
    if (own.form == FHIR_REF_ABSOLUTE)
        w.root = own.base;
    return walk_value(&w, resource, fhir_type(l->defs, "Resource"), false);
}
