/* Tree to XML: members are put in the places that the definitions give them, then written in that order. */
#include "fhir/xml.h"

#include <stdio.h>

#include "fhir/xhtml.h"
#include "internal.h"

/* What an object has for one element. */
struct slot {
    const char *name; /* NULL: nothing */
    const struct fhir_type *type;
    const json *value, *extra; /* extra: the "_name" sibling */
};

struct place {
    const struct place *up;
    const char *name;
    int index; /* -1: does not repeat */
};

struct writer {
    const struct fhir_defs *d;
    const struct fhir_type *extension;
    struct buf *b;
    bool pretty;
    int depth;
    struct slot *slots; /* of the objects from the root to the one being written */
    size_t n, cap;
    struct err *err;
};

static void path_of(const struct place *at, char *out, size_t size)
{
    size_t len = 0;
    if (at->up) {
        path_of(at->up, out, size);
        len = strlen(out);
    }
    snprintf(out + len, size - len, "%s%s", len ? "." : "", at->name);
    len = strlen(out);
    if (at->index >= 0)
        snprintf(out + len, size - len, "[%d]", at->index);
}

static bool fail(struct writer *w, const struct place *at, const char *what)
{
    char path[sizeof w->err->expression];
    path_of(at, path, sizeof path);
    return err_at(w->err, ERR_ACCEPT, path, "This cannot be represented in XML: %s; ask for JSON", what);
}

bool fhir__xml_escape(struct buf *b, struct str s)
{
    static const char *const escapes[128] = {
        ['\t'] = "&#9;", ['\n'] = "&#10;", ['\r'] = "&#13;", ['"'] = "&quot;",
        ['&'] = "&amp;", ['<'] = "&lt;",   ['>'] = "&gt;"};
    const char *run = s.s, *end = s.s + s.len, *at = run;
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 128 && escapes[c]) {
            buf_add(b, run, (size_t)(at - run));
            buf_adds(b, escapes[c]);
            run = at + 1;
        } else if (c < 0x20 || (c == 0xef && end - at >= 3 &&
                                (memcmp(at, "\xef\xbf\xbe", 3) == 0 || memcmp(at, "\xef\xbf\xbf", 3) == 0))) {
            return false;
        }
    }
    buf_add(b, run, (size_t)(end - run));
    return true;
}

/* ---- tags ------------------------------------------------------------------------------------------------------- */

static void new_line(struct writer *w)
{
    if (!w->pretty)
        return;
    buf_addc(w->b, '\n');
    for (int i = 0; i < w->depth; i++)
        buf_add(w->b, "  ", 2);
}

static void start_tag(struct writer *w, const char *name)
{
    new_line(w);
    buf_addc(w->b, '<');
    buf_adds(w->b, name);
}

static void end_tag(struct writer *w, const char *name)
{
    new_line(w);
    buf_adds(w->b, "</");
    buf_adds(w->b, name);
    buf_addc(w->b, '>');
}

static bool attribute(struct writer *w, const struct place *at, const char *name, const json *value)
{
    const char *text = json_is_bool(value) ? (json_is_true(value) ? "true" : "false") : value->valuestring;
    if (!text || json_is_object(value) || json_is_array(value))
        return fail(w, at, "a primitive value was expected");
    buf_addc(w->b, ' ');
    buf_adds(w->b, name);
    buf_adds(w->b, "=\"");
    if (!fhir__xml_escape(w->b, str_of(text)))
        return fail(w, at, "the text has a character that XML 1.0 does not know");
    buf_addc(w->b, '"');
    return true;
}

/* ---- elements --------------------------------------------------------------------------------------------------- */

static bool members(struct writer *w, const struct place *at, const struct fhir_type *t, const json *object);

static bool resource(struct writer *w, const struct place *up, const json *object)
{
    const char *name = json_get_string(object, "resourceType");
    const struct fhir_type *t = name ? fhir_resource(w->d, str_of(name)) : NULL;
    const struct place root = {.name = t ? t->name : "", .index = -1}, *at = up ? up : &root;
    if (!t)
        return fail(w, at, "a resource of FHIR R4 was expected");
    start_tag(w, t->name);
    if (!up)
        buf_adds(w->b, " xmlns=\"" FHIR__NAMESPACE "\"");
    buf_addc(w->b, '>');
    if (!members(w, at, t, object))
        return false;
    end_tag(w, t->name);
    return true;
}

static bool narrative(struct writer *w, const struct place *at, const json *value)
{
    struct fhir_xhtml_finding found[FHIR_XHTML__N];
    struct str div = json_is_string(value) ? str_of(value->valuestring) : STR("");
    for (int i = fhir_xhtml_check(div, found); i-- > 0;)
        if (found[i].problem == FHIR_XHTML_MALFORMED || found[i].problem == FHIR_XHTML_ROOT || !div.len)
            return fail(w, at, "the narrative is not well-formed XHTML");
    new_line(w);
    buf_addstr(w->b, div);
    return true;
}

/* Attributes, then members; both may be absent. */
static bool element(struct writer *w, const struct place *at, const struct slot *s, const json *value,
                    const json *object)
{
    const json *id = json_get(object, "id"), *url = s->type == w->extension ? json_get(object, "url") : NULL;
    start_tag(w, s->name);
    if ((id && !attribute(w, at, "id", id)) || (url && !attribute(w, at, "url", url)) ||
        (value && !attribute(w, at, "value", value)))
        return false;
    size_t n = json_count(object);
    if (n == (size_t)(id != NULL) + (url != NULL)) {
        buf_adds(w->b, "/>");
        return true;
    }
    buf_addc(w->b, '>');
    if (!members(w, at, s->type, object))
        return false;
    end_tag(w, s->name);
    return true;
}

static bool one(struct writer *w, const struct place *at, const struct slot *s, const json *value,
                const json *extra)
{
    if (s->type->primitive == FHIR_P_xhtml)
        return narrative(w, at, value);
    if (s->type->kind == FHIR_PRIMITIVE)
        return (extra && !json_is_null(extra) && !json_is_object(extra))
                   ? fail(w, at, "ids and extensions of a primitive are an object")
                   : element(w, at, s, json_is_null(value) ? NULL : value,
                             json_is_object(extra) ? extra : NULL);
    if (!json_is_object(value) || extra)
        return fail(w, at, "an object was expected");
    if (s->type->kind != FHIR_RESOURCE)
        return element(w, at, s, NULL, value);
    start_tag(w, s->name);
    buf_addc(w->b, '>');
    w->depth++;
    if (!resource(w, at, value))
        return false;
    w->depth--;
    end_tag(w, s->name);
    return true;
}

static bool all(struct writer *w, const struct place *at, const struct slot *s)
{
    struct place item = {at->up, at->name, 0};
    const json *v = s->value ? s->value->child : NULL, *x = s->extra ? s->extra->child : NULL;
    if ((s->value && !json_is_array(s->value)) || (s->extra && !json_is_array(s->extra)))
        return fail(w, at, "an array was expected");
    for (; v || x; item.index++) {
        if (!one(w, &item, s, v, x))
            return false;
        v = v ? v->next : NULL;
        x = x ? x->next : NULL;
    }
    return true;
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static bool place_member(struct writer *w, const struct place *at, const struct fhir_type *t, size_t base,
                         const json *m)
{
    const struct fhir_type *type;
    bool extra = m->string[0] == '_';
    const struct fhir_element *e = fhir_child(t, m->string + extra, &type);
    if (!e)
        return fail(w, at, "it has a member that is not defined");
    struct slot *s = &w->slots[base + e->index];
    if (s->name && s->type != type)
        return fail(w, at, "a choice has values of two types");
    s->name = m->string + extra;
    s->type = type;
    *(extra ? &s->extra : &s->value) = m;
    return true;
}

/* Written as attributes. */
static bool is_attribute(const struct writer *w, const struct fhir_type *t, const struct fhir_element *e)
{
    return t->kind != FHIR_RESOURCE && (e->index == 0 || (t == w->extension && strcmp(e->name, "url") == 0));
}

static bool members(struct writer *w, const struct place *at, const struct fhir_type *t, const json *object)
{
    size_t base = w->n;
    for (int i = 0; i < t->n_elements; i++)
        *ARENA_PUSH(w->b->a, w->slots, w->n, w->cap) = (struct slot){0};
    w->depth++;
    json_each (m, object) {
        if (t->kind == FHIR_RESOURCE && strcmp(m->string, "resourceType") == 0)
            continue;
        if (!place_member(w, at, t, base, m))
            return false;
    }
    for (int i = 0; i < t->n_elements; i++) {
        const struct slot s = w->slots[base + (size_t)i]; /* the array may move below */
        const struct fhir_element *e = &t->elements[i];
        const struct place child = {at, e->name, -1};
        if (s.name && !is_attribute(w, t, e) &&
            !(e->max > 1 ? all(w, &child, &s) : one(w, &child, &s, s.value, s.extra)))
            return false;
    }
    w->depth--;
    w->n = base;
    return true;
}

bool fhir_xml_print(const struct fhir_defs *d, struct buf *b, const json *root, bool pretty, struct err *err)
{
    struct writer w = {.d = d, .extension = fhir_type(d, "Extension"), .b = b, .pretty = pretty, .err = err};
    buf_adds(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    if (!resource(&w, NULL, root))
        return false;
    if (pretty)
        buf_addc(b, '\n');
    return true;
}
