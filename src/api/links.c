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

static void copy_until(struct buf *out, struct str *rest, const char *stop)
{
    size_t n = 0;
    while (n < rest->len && !strchr(stop, rest->s[n]))
        n++;
    buf_add(out, rest->s, n);
    *rest = (struct str){rest->s + n, rest->len - n};
}

/* Does a tag that is written up to an attribute's value come to href="… or src="…? */
static bool is_link(struct str tag)
{
    tag = str_trim(tag);
    if (!str_ends(tag, STR("=")))
        return false;
    tag = str_trim((struct str){tag.s, tag.len - 1});
    return str_ends(tag, STR("href")) || str_ends(tag, STR("src"));
}

/* An attribute's value, with rest at its quotation mark. True: it was replaced. */
static bool rewrite_attribute(struct walk *w, struct buf *out, struct str *rest)
{
    struct str target;
    const char quote[] = {*rest->s, '\0'}, *start = rest->s + 1, *end = memchr(start, *quote, rest->len - 1);
    struct str value = {start, end ? (size_t)(end - start) : rest->len - 1};
    bool found = is_link(buf_str(out)) && find(w, value, &target);
    buf_adds(out, quote);
    buf_addstr(out, found ? absolute(w, target) : value);
    *rest = (struct str){value.s + value.len, rest->len - 1 - value.len};
    if (end) {
        buf_adds(out, quote);
        *rest = (struct str){rest->s + 1, rest->len - 1};
    }
    return found;
}

/* href="…" and src="…" in the tags of a narrative, which is known to be well-formed. */
static void rewrite_narrative(struct walk *w, json *node)
{
    struct str rest = str_of(node->valuestring);
    struct buf out;
    bool changed = false;
    buf_init(&out, w->l->a, rest.len + 256);
    while (copy_until(&out, &rest, "<"), rest.len) {
        if (str_starts(rest, STR("<!--"))) {
            const char *end = memmem(rest.s, rest.len, "-->", 3);
            size_t n = end ? (size_t)(end - rest.s) : rest.len;
            buf_add(&out, rest.s, n);
            rest = (struct str){rest.s + n, rest.len - n};
            continue;
        }
        while (copy_until(&out, &rest, "\"'>"), rest.len && *rest.s != '>')
            changed |= rewrite_attribute(w, &out, &rest);
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
