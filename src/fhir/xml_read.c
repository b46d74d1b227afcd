/*
 * XML to tree, in one pass: libxml2 calls for each start tag, text and end tag; each open element has a frame, which
 * knows by the definitions what its children are to become.
 *
 * The arena's jump must not pass through libxml2, which would leak what it holds: each call runs under a guard of its
 * own, and the jump is made again when libxml2 has returned.
 */
#include "fhir/xml.h"

#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "internal.h"

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

struct frame {
    struct frame *up, *down;            /* down: kept for the next element at this depth */
    const char *name;                   /* of the member that it becomes */
    const struct fhir_element *element; /* NULL: a resource */
    const struct fhir_type *type;
    int index;    /* among those of its element; -1: does not repeat */
    int level;    /* objects from the root to here */
    size_t at;    /* in the text, within its start tag */
    json *object; /* what attributes and children become members of; NULL: none yet */
    json *value;  /* of a primitive */
    /* of its children */
    int last;              /* index of the latest one's element; -1: none yet */
    json *values, *extras; /* the arrays of that element, when it repeats */
    int count;
};

/* What libxml2 calls with, but for the names of end tags. */
struct tag {
    const char *name, *prefix, *uri;
    int n_namespaces, n_attributes;
    const xmlChar **namespaces; /* two pointers each: prefix and URI */
    const xmlChar **attributes; /* five pointers each: name, prefix, URI, begin and end of the value */
    struct str text;
};

struct parse {
    struct arena *a;
    const struct fhir_defs *d;
    const struct fhir_type *extension;
    xmlParserCtxtPtr libxml;
    struct str text;
    struct err *err;
    int max_depth;
    struct fhir__xml_scope scope;
    struct frame *top, *first;
    json *root;
    bool stopped; /* by an error, or because the arena is exhausted */
    bool exhausted;
    /* The narrative's div is taken as it stands, or written anew when its namespace comes from further up. */
    int div_depth;
    bool verbatim, tag_open;
    struct buf div;
};

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

/* "Patient.name[1].given[0]", cut at size. */
static void path_of(const struct frame *f, char *out, size_t size)
{
    if (!f->up) {
        snprintf(out, size, "%s", f->type->name);
        return;
    }
    path_of(f->up, out, size);
    size_t len = strlen(out);
    if (f->element && f->index >= 0)
        snprintf(out + len, size - len, ".%s[%d]", f->element->name, f->index);
    else if (f->element)
        snprintf(out + len, size - len, ".%s", f->element->name);
}

static bool fail(struct parse *p, size_t at, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static bool fail(struct parse *p, size_t at, enum err_kind kind, const char *fmt, ...)
{
    char msg[400], path[sizeof p->err->expression] = "";
    int line, column;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (p->top)
        path_of(p->top, path, sizeof path);
    str_position(p->text, at, &line, &column);
    err_at(p->err, kind, path, "XML: %s (line %d, column %d)", msg, line, column);
    p->err->line = line;
    p->err->column = column;
    p->stopped = true;
    return false;
}

static size_t here(const struct parse *p)
{
    long n = xmlByteConsumed(p->libxml);
    return n > 0 && (size_t)n <= p->text.len ? (size_t)n : p->text.len;
}

/* Where the tag begins that `at` is within or behind: there is no '<' in a tag. */
static size_t tag_start(const struct parse *p, size_t at)
{
    const char *s = memrchr(p->text.s, '<', at);
    return s ? (size_t)(s - p->text.s) : 0;
}

static size_t this_tag(const struct parse *p)
{
    return tag_start(p, here(p));
}

/* Names are the client's: they are shown when they are plain. */
static const char *shown(const char *name)
{
    size_t plain = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.");
    return name[plain] || plain > 64 ? "…" : name;
}

static void syntax_error(void *arg, xmlErrorPtr e)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {XML_ERR_ATTRIBUTE_REDEFINED, "the tag has an attribute twice"},
        {XML_ERR_DOCUMENT_EMPTY, "the text is empty or does not begin with an element"},
        {XML_ERR_DOCUMENT_END, "there is more text after the outermost element, or its end is missing"},
        {XML_ERR_GT_REQUIRED, "the tag has no end"},
        {XML_ERR_INVALID_CHAR, "a character that XML does not allow"},
        {XML_ERR_INVALID_CHARREF, "a character that XML does not allow"},
        {XML_ERR_LT_IN_ATTRIBUTE, "'<' in an attribute: write &lt;"},
        {XML_ERR_NAME_REQUIRED, "a name was expected (a lone '<' or '&' is written as &lt; or &amp;)"},
        {XML_ERR_TAG_NAME_MISMATCH, "the end tag is not that of the element that is open"},
        {XML_ERR_UNDECLARED_ENTITY,
         "only the entities &lt; &gt; &amp; &quot; &apos; are known: write the character"},
        {XML_NS_ERR_UNDEFINED_NAMESPACE, "the prefix is not declared"},
    };
    struct parse *p = arg;
    const char *text = "this is not well-formed";
    if (p->stopped || e->level < XML_ERR_ERROR)
        return;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (e->code == texts[i].code)
            text = texts[i].text;
    fail(p, here(p), ERR_SYNTAX, "%s", text);
}

/* ---- making the tree -------------------------------------------------------------------------------------------- */

static bool holds_resource(const struct frame *f)
{
    return f->element && f->type->kind == FHIR_RESOURCE;
}

static bool is_primitive(const struct frame *f)
{
    return f->type->kind == FHIR_PRIMITIVE;
}

/* A node that begins where the element's tag does. */
static json *placed(const struct parse *p, const struct frame *f, json *node)
{
    json_set_offset(node, tag_start(p, f->at));
    return node;
}

static bool open(struct parse *p, const char *name, const struct fhir_element *e,
                 const struct fhir_type *type, int index)
{
    struct frame *up = p->top, *f = up ? up->down : p->first, *down = f ? f->down : NULL;
    if (!f) {
        f = ARENA_NEW(p->a, struct frame);
        *(up ? &up->down : &p->first) = f;
    }
    *f = (struct frame){.up = up,
                        .down = down,
                        .name = name,
                        .element = e,
                        .type = type,
                        .index = index,
                        .at = here(p),
                        .last = -1};
    f->level = up ? up->level + is_primitive(up) : 0;
    p->top = f;
    if (is_primitive(f) || holds_resource(f))
        return true;
    if (++f->level > p->max_depth)
        return fail(p, this_tag(p), ERR_TOO_LARGE, "nested too deeply: this server takes %d levels",
                    p->max_depth);
    f->object = placed(p, f, json_object(p->a));
    return true;
}

static json *object_of(struct parse *p, struct frame *f)
{
    if (!f->object)
        f->object = placed(p, f, json_object(p->a));
    return f->object;
}

/* Adds to an array that begins at the first place that has something; the places before are null. */
static void repeat(struct parse *p, struct frame *up, json **array, const char *name, json *value)
{
    if (!value && !*array)
        return;
    if (!*array) {
        *array = json_add(p->a, object_of(p, up), name, json_array(p->a));
        json_set_offset(*array, json_offset(value));
        for (int i = 0; i < up->count; i++)
            json_push(*array, json_null(p->a));
    }
    json_push(*array, value ? value : json_null(p->a));
}

static void attach(struct parse *p, const struct frame *f)
{
    struct frame *up = f->up;
    json *value = is_primitive(f) ? f->value : f->object, *extra = is_primitive(f) ? f->object : NULL;
    const char *extras = extra ? arena_printf(p->a, "_%s", f->name) : f->name;
    if (f->index >= 0) {
        repeat(p, up, &up->values, f->name, value);
        repeat(p, up, &up->extras, extras, extra);
        up->count++;
        return;
    }
    if (value)
        json_add(p->a, object_of(p, up), f->name, value);
    if (extra)
        json_add(p->a, object_of(p, up), extras, extra);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static bool primitive_value(struct parse *p, struct frame *f, struct str text)
{
    struct err ignored;
    switch (f->type->json) {
    case FHIR_JSON_STRING:
        f->value = placed(p, f, json_string_n(p->a, text));
        return true;
    case FHIR_JSON_BOOL:
        if (!str_is(text, "true") && !str_is(text, "false"))
            return fail(p, this_tag(p), ERR_INVALID, "the value is to be true or false");
        f->value = placed(p, f, json_bool(p->a, str_is(text, "true")));
        return true;
    case FHIR_JSON_NUMBER:
        if (!json_parse(p->a, text, 1, &f->value, &ignored) || !json_is_number(f->value))
            return fail(p, this_tag(p), ERR_INVALID,
                        "the value is to be a number, such as 12, -0.50 or 1e3, without leading zeros");
        placed(p, f, f->value);
        return true;
    }
    return false;
}

static bool attribute(struct parse *p, struct frame *f, const char *name, const char *uri, struct str value)
{
    if (is(uri, XSI) && (is(name, "schemaLocation") || is(name, "noNamespaceSchemaLocation")))
        return true;
    bool element = !uri && f->element && !holds_resource(f);
    if (element && value.len == 0)
        return fail(p, this_tag(p), ERR_INVALID,
                    "the attribute '%s' is empty: leave it out when there is nothing to say", shown(name));
    if (element && is_primitive(f) && is(name, "value"))
        return primitive_value(p, f, value);
    if (!(element && is(name, "id")) && !(element && f->type == p->extension && is(name, "url")))
        return fail(p, this_tag(p), ERR_INVALID, "'%s' has no attribute '%s' here: remove it", shown(f->name),
                    shown(name));
    json_add(p->a, object_of(p, f), name, json_string_n(p->a, value));
    return true;
}

static struct str value_of(const xmlChar **attribute)
{
    return (struct str){(const char *)attribute[3], (size_t)(attribute[4] - attribute[3])};
}

static bool attributes(struct parse *p, const struct tag *t)
{
    const xmlChar **x = t->attributes;
    for (int i = 0; i < t->n_attributes; i++, x += 5)
        if (!attribute(p, p->top, (const char *)x[0], (const char *)x[2], value_of(x)))
            return false;
    return true;
}

/* ---- the narrative ---------------------------------------------------------------------------------------------- */

static void end_div_tag(struct parse *p, const char *end)
{
    if (p->tag_open)
        buf_adds(&p->div, end);
    p->tag_open = false;
}

static bool div_tag(struct parse *p, const struct tag *t)
{
    const xmlChar **x = t->attributes;
    p->div_depth++;
    if (p->verbatim)
        return true;
    if (!is(t->uri, FHIR__XHTML))
        return fail(p, this_tag(p), ERR_INVALID, "the narrative has an element outside of the namespace %s",
                    FHIR__XHTML);
    end_div_tag(p, ">");
    buf_addf(&p->div, "<%s", t->name);
    if (p->div_depth == 1)
        buf_adds(&p->div, " xmlns=\"" FHIR__XHTML "\"");
    for (int i = 0; i < t->n_attributes; i++, x += 5) {
        if (x[1] && !is((const char *)x[1], "xml"))
            return fail(p, this_tag(p), ERR_INVALID, "the narrative has an attribute of another namespace");
        buf_addf(&p->div, " %s%s=\"", x[1] ? "xml:" : "", (const char *)x[0]);
        fhir__xml_escape(&p->div, value_of(x));
        buf_addc(&p->div, '"');
    }
    p->tag_open = true;
    return true;
}

static bool start_div(struct parse *p, const struct tag *t)
{
    p->verbatim = false;
    for (int i = 0; i < t->n_namespaces; i++)
        p->verbatim |= !t->prefix && !t->namespaces[2 * i]; /* declares itself what it is */
    p->top->at = this_tag(p);
    buf_init(&p->div, p->a, p->verbatim ? 0 : 1024);
    return div_tag(p, t);
}

/* True at the end of the div. */
static bool end_div(struct parse *p, const struct tag *t)
{
    if (p->tag_open)
        end_div_tag(p, "/>");
    else if (!p->verbatim)
        buf_addf(&p->div, "</%s>", t->name);
    if (--p->div_depth > 0)
        return false;
    const struct str as_is = {p->text.s + p->top->at, here(p) - p->top->at};
    p->top->value = json_string_n(p->a, p->verbatim ? as_is : buf_str(&p->div));
    json_set_offset(p->top->value, p->top->at);
    return true;
}

/* ---- elements --------------------------------------------------------------------------------------------------- */

static bool start_resource(struct parse *p, const struct tag *t)
{
    const struct fhir_type *type = fhir_resource(p->d, str_of(t->name));
    if (!is(t->uri, FHIR__NAMESPACE))
        return fail(p, this_tag(p), ERR_INVALID, "a FHIR resource was expected, in the namespace %s",
                    FHIR__NAMESPACE);
    if (!type)
        return fail(p, this_tag(p), ERR_INVALID, "'%s' is no resource type of FHIR R4", shown(t->name));
    if (p->top && p->top->object)
        return fail(p, this_tag(p), ERR_INVALID, "'%s' holds one resource: repeat it for the next one",
                    p->top->name);
    if (!open(p, t->name, NULL, type, -1))
        return false;
    json_add_string(p->a, p->top->object, "resourceType", type->name);
    return attributes(p, t);
}

/* Element.id and Extension.url are attributes. */
static bool is_attribute(const struct parse *p, const struct frame *f, const struct fhir_element *e)
{
    return f->type->kind != FHIR_RESOURCE &&
           (e->index == 0 || (f->type == p->extension && is(e->name, "url")));
}

/* Is it this element's turn? Then *index is its place among its kind. */
static bool in_order(struct parse *p, struct frame *up, const struct fhir_element *e, const char *name,
                     int *index)
{
    if (e->index < up->last)
        return fail(p, this_tag(p), ERR_INVALID,
                    "'%s' comes too late: the definition's order is kept in XML, and it stands before '%s'",
                    name, up->type->elements[up->last].name);
    if (e->index == up->last && e->max <= 1)
        return fail(p, this_tag(p), ERR_INVALID, "'%s' occurs at most once", e->name);
    if (e->index > up->last) {
        up->last = e->index;
        up->values = up->extras = NULL;
        up->count = 0;
    }
    *index = e->max > 1 ? up->count : -1;
    return true;
}

static bool start_child(struct parse *p, const struct tag *t)
{
    struct frame *up = p->top;
    const struct fhir_type *type;
    const struct fhir_element *e = fhir_child(up->type, t->name, &type);
    const char *uri = e && type->primitive == FHIR_P_xhtml ? FHIR__XHTML : FHIR__NAMESPACE;
    int index = -1;
    if (!is(t->uri, uri))
        return fail(p, this_tag(p), ERR_INVALID, "'%s' is to be in the namespace %s", shown(t->name), uri);
    if (!e)
        return fail(p, this_tag(p), ERR_INVALID,
                    "%s has no element '%s': remove it, or send it as an extension", up->type->name,
                    shown(t->name));
    if (is_attribute(p, up, e))
        return fail(p, this_tag(p), ERR_INVALID, "'%s' is an attribute here", t->name);
    if (!in_order(p, up, e, t->name, &index) || !open(p, t->name, e, type, index))
        return false;
    return type->primitive == FHIR_P_xhtml ? start_div(p, t) : attributes(p, t);
}

static bool start(struct parse *p, const struct tag *t)
{
    if (!fhir__xml_enter(&p->scope, t->n_namespaces))
        return fail(p, this_tag(p), ERR_TOO_LARGE, "nested too deeply, or too many namespaces");
    if (p->div_depth)
        return div_tag(p, t);
    return (!p->top || holds_resource(p->top) ? start_resource : start_child)(p, t);
}

/* An element has content of its own; an id alone says nothing. */
static bool has_content(const struct frame *f)
{
    if (is_primitive(f))
        return f->value || json_get(f->object, "extension");
    return !f->element || (f->object && f->object->child);
}

static bool end(struct parse *p, const struct tag *t)
{
    struct frame *f = p->top;
    fhir__xml_leave(&p->scope);
    if (p->div_depth && !end_div(p, t))
        return true;
    if (!has_content(f))
        return fail(p, tag_start(p, f->at), ERR_INVALID,
                    "'%s' is empty: leave it out when there is nothing to say", f->name);
    if (f->element)
        attach(p, f);
    else if (f->up)
        f->up->object = f->object;
    else
        p->root = f->object;
    p->top = f->up;
    return true;
}

static bool text(struct parse *p, const struct tag *t)
{
    if (p->div_depth && !p->verbatim) {
        end_div_tag(p, ">");
        fhir__xml_escape(&p->div, t->text);
    }
    return p->div_depth || str_trim(t->text).len == 0 ||
           fail(p, here(p), ERR_INVALID,
                "there is text between the elements: values are attributes (value=\"…\")");
}

/* ---- libxml2 ---------------------------------------------------------------------------------------------------- */

static void step(struct parse *p, bool (*fn)(struct parse *, const struct tag *), const struct tag *t)
{
    jmp_buf guard, *const outer = p->a->guard;
    if (p->stopped)
        return;
    p->a->guard = &guard;
    if (setjmp(guard) == 0)
        fn(p, t);
    else
        p->stopped = p->exhausted = true;
    p->a->guard = outer;
    if (p->stopped)
        xmlStopParser(p->libxml);
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
                     const xmlChar **values)
{
    (void)n_defaulted;
    step(arg, start,
         &(struct tag){.name = (const char *)name,
                       .prefix = (const char *)prefix,
                       .uri = (const char *)uri,
                       .n_namespaces = n_namespaces,
                       .n_attributes = n_attributes,
                       .namespaces = namespaces,
                       .attributes = values});
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)prefix, (void)uri;
    step(arg, end, &(struct tag){.name = (const char *)name});
}

static void on_text(void *arg, const xmlChar *s, int len)
{
    step(arg, text, &(struct tag){.text = {(const char *)s, (size_t)len}});
}

static bool doctype(struct parse *p, const struct tag *t)
{
    (void)t;
    return fail(p, this_tag(p), ERR_SYNTAX, "a document type (<!DOCTYPE …>) is not accepted: remove it");
}

static void on_doctype(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    step(arg, doctype, NULL);
}

/* Of the XML declaration; s NULL when it names none. */
static struct str declared_encoding(struct str s)
{
    struct str none = {NULL, 0}, value, declaration = str_cut(s, '>', &value);
    if (!str_starts(s, STR("<?xml")))
        return none;
    const char *at = memmem(declaration.s, declaration.len, "encoding", 8);
    if (!at)
        return none;
    str_cut((struct str){at, (size_t)(declaration.s + declaration.len - at)}, '=', &value);
    value = str_trim(value);
    if (value.len < 2)
        return none;
    return str_cut((struct str){value.s + 1, value.len - 1}, value.s[0], &declaration);
}

static bool check_encoding(struct parse *p)
{
    size_t valid = utf8_valid_prefix(p->text.s, p->text.len);
    const char *nul = memchr(p->text.s, '\0', valid);
    struct str name = declared_encoding(p->text);
    if (name.s && !str_ieq(name, STR("UTF-8")) && !str_ieq(name, STR("US-ASCII")))
        return fail(p, 0, ERR_SYNTAX, "the declaration names another encoding than UTF-8, FHIR's only one");
    if (nul || valid < p->text.len)
        return fail(p, nul ? (size_t)(nul - p->text.s) : valid, ERR_SYNTAX,
                    "this is no UTF-8, FHIR's only encoding");
    return true;
}

static bool run(struct parse *p)
{
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .internalSubset = on_doctype,
                         .startElementNs = on_start,
                         .endElementNs = on_end,
                         .characters = on_text,
                         .ignorableWhitespace = on_text,
                         .cdataBlock = on_text,
                         .serror = syntax_error};
    fhir__libxml_init();
    if (!check_encoding(p))
        return false;
    if (p->text.len > INT32_MAX || !fhir__xml_attributes_few(p->text))
        return fail(p, 0, ERR_TOO_LARGE, "the text is too long, or a tag has too many attributes");
    p->libxml = xmlCreatePushParserCtxt(&sax, p, NULL, 0, NULL);
    if (!p->libxml)
        return err_set(p->err, ERR_INTERNAL, "out of memory");
    /* NOENT: &amp; in attributes comes as '&'. HUGE: attachments are longer than 10 MB; depth is limited here. */
    xmlCtxtUseOptions(p->libxml, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_HUGE | XML_PARSE_IGNORE_ENC);
    xmlParseChunk(p->libxml, p->text.s, (int)p->text.len, 1);
    if (!p->stopped && !p->root)
        fail(p, here(p), ERR_SYNTAX, "the text is empty, or ends within an element");
    xmlFreeParserCtxt(p->libxml);
    if (p->exhausted)
        arena_exhausted(p->a);
    return !p->stopped;
}

static struct str without_mark(struct str s)
{
    return str_starts(s, STR("\xef\xbb\xbf")) ? (struct str){s.s + 3, s.len - 3} : s;
}

bool fhir_xml_parse(struct arena *a, const struct fhir_defs *d, struct str text, int max_depth, json **out,
                    struct err *err)
{
    struct parse p = {.a = a,
                      .d = d,
                      .extension = fhir_type(d, "Extension"),
                      .text = without_mark(text),
                      .err = err,
                      .max_depth = max_depth};
    if (!run(&p))
        return false;
    *out = p.root;
    return true;
}

/* ---- which resource it is --------------------------------------------------------------------------------------- */

struct probe {
    const char *name;
    xmlParserCtxtPtr libxml;
    bool seen, found;
};

static void probe_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                        int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
                        const xmlChar **values)
{
    (void)prefix, (void)n_namespaces, (void)namespaces, (void)n_attributes, (void)n_defaulted, (void)values;
    struct probe *p = arg;
    p->found = !p->seen && is((const char *)name, p->name) && is((const char *)uri, FHIR__NAMESPACE);
    p->seen = true;
    xmlStopParser(p->libxml);
}

static void probe_doctype(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    xmlStopParser(((struct probe *)arg)->libxml);
}

static void probe_error(void *arg, xmlErrorPtr e)
{
    (void)arg, (void)e;
}

bool fhir_xml_root_is(struct str text, const char *name)
{
    struct probe p = {.name = name};
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .internalSubset = probe_doctype,
                         .startElementNs = probe_start,
                         .serror = probe_error};
    text = without_mark(text);
    fhir__libxml_init();
    if (text.len > INT32_MAX || !fhir__xml_attributes_few(text) ||
        !(p.libxml = xmlCreatePushParserCtxt(&sax, &p, NULL, 0, NULL)))
        return false;
    xmlCtxtUseOptions(p.libxml, XML_PARSE_NONET);
    xmlParseChunk(p.libxml, text.s, (int)text.len, 1);
    xmlFreeParserCtxt(p.libxml);
    return p.found;
}
