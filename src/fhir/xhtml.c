#include "fhir/xhtml.h"

#include <libxml/parser.h>
#include <stdlib.h>
#include <strings.h>

#include "internal.h"

/* Chapters 7 to 11 (but 9.4) and 15 of HTML 4.0, a and img. Sorted. */
static const char *const elements[] = {
    "a",      "abbr",   "acronym", "address", "b",        "bdo",   "big",   "blockquote", "br",    "caption",
    "center", "cite",   "code",    "col",     "colgroup", "dd",    "dfn",   "div",        "dl",    "dt",
    "em",     "font",   "h1",      "h2",      "h3",       "h4",    "h5",    "h6",         "hr",    "i",
    "img",    "kbd",    "li",      "ol",      "p",        "pre",   "q",     "s",          "samp",  "small",
    "span",   "strike", "strong",  "sub",     "sup",      "table", "tbody", "td",         "tfoot", "th",
    "thead",  "tr",     "tt",      "u",       "ul",       "var",
};

/* The attributes that txt-1 lists, and those of font. Sorted. */
static const char *const attributes[] = {
    "abbr",        "accesskey",   "align",      "alt",      "axis",    "bgcolor", "border",  "cellhalign",
    "cellpadding", "cellspacing", "cellvalign", "char",     "charoff", "charset", "cite",    "class",
    "clear",       "color",       "colspan",    "compact",  "coords",  "dir",     "face",    "frame",
    "headers",     "height",      "href",       "hreflang", "hspace",  "id",      "lang",    "longdesc",
    "name",        "noshade",     "nowrap",     "rel",      "rev",     "rowspan", "rules",   "scope",
    "shape",       "size",        "span",       "src",      "start",   "style",   "summary", "tabindex",
    "title",       "type",        "valign",     "value",    "vspace",  "width",
};

static const char *const links[] = {"cite", "href", "longdesc", "src"};

/* What a link may begin with when it names a scheme. Sorted. */
static const char *const schemes[] = {"ftp", "http", "https", "mailto", "tel", "urn"};

static int compare_name(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

#define IN(table, name)                                                                                      \
    (bsearch((name), table, sizeof table / sizeof *table, sizeof *table, compare_name) != NULL)

struct check {
    struct fhir_xhtml_finding *out;
    int n, max;
    struct fhir_xhtml *all; /* NULL: the first of each kind */
    char *pool;             /* for values: nothing that libxml2 calls may jump out of it */
    size_t room;
    xmlParserCtxtPtr parser;
    unsigned reported;
    struct fhir__xml_scope scope;
    bool content;
};

static void report(struct check *c, enum fhir_xhtml_problem problem, const char *name)
{
    if (c->n == c->max || (!c->all && (c->reported & (1u << problem))))
        return;
    c->reported |= 1u << problem;
    struct fhir_xhtml_finding *f = &c->out[c->n++];
    f->problem = problem;
    f->name[0] = '\0';
    size_t plain =
        name ? strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:_.") : 0;
    if (name && !name[plain]) {
        size_t len = plain < sizeof f->name ? plain : sizeof f->name - 1;
        memcpy(f->name, name, len);
        f->name[len] = '\0';
    }
}

static bool begins(struct str text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && strncasecmp(text.s, word, len) == 0;
}

/* "data:image/…"; examples of the specification have a blank after the colon. */
static bool image_data(struct str url)
{
    if (!begins(url, "data:"))
        return false;
    size_t i = 5;
    while (i < url.len && url.s[i] == ' ')
        i++;
    return begins((struct str){url.s + i, url.len - i}, "image/");
}

/* Relative links and fragments have no scheme. Blanks and control characters before or inside a scheme, which
 * some browsers skip, make it one that is not in the table. */
static bool link_safe(const char *attribute, struct str link)
{
    size_t end = 0;
    while (end < link.len && !strchr(":/?#", link.s[end]))
        end++;
    if (end == link.len || link.s[end] != ':')
        return true;
    if (strcmp(attribute, "src") == 0 && image_data(link))
        return true;
    char scheme[16];
    if (end >= sizeof scheme)
        return false;
    for (size_t i = 0; i < end; i++)
        scheme[i] = (char)(link.s[i] >= 'A' && link.s[i] <= 'Z' ? link.s[i] + 32 : link.s[i]);
    scheme[end] = '\0';
    return IN(schemes, scheme);
}

/* From where `word` begins in the text, case ignored; NULL when it is not in it. */
static const char *find(struct str text, const char *word)
{
    for (; text.len > 0; text.s++, text.len--)
        if ((text.s[0] | 32) == (word[0] | 32) && begins(text, word))
            return text.s;
    return NULL;
}

/* Style is "internally contained": nothing is fetched by it and nothing runs. Images within it do no harm. */
static bool style_safe(struct str style)
{
    static const char *const active[] = {"javascript:",  "expression(", "@import",
                                         "-moz-binding", "behavior:",   "\\"};
    for (size_t i = 0; i < sizeof active / sizeof *active; i++)
        if (find(style, active[i]))
            return false;
    const char *url, *end = style.s + style.len;
    while ((url = find(style, "url("))) {
        url += strlen("url(");
        while (url < end && strchr(" \t\r\n'\"", *url))
            url++;
        style = (struct str){url, (size_t)(end - url)};
        if (!image_data(style))
            return false;
    }
    return true;
}

static bool attribute_allowed(const char *name, const char *prefix)
{
    if (prefix)
        return strcmp(prefix, "xml") == 0 && (strcmp(name, "lang") == 0 || strcmp(name, "space") == 0);
    return IN(attributes, name);
}

static void add_mark(struct check *c, enum fhir_xhtml_mark mark, struct str value)
{
    if (value.len >= c->room)
        return;
    c->room -= value.len + 1;
    memcpy(c->pool, value.s, value.len);
    c->pool[value.len] = '\0';
    c->all->marks[c->all->n_marks].mark = mark;
    c->all->marks[c->all->n_marks++].value = c->pool;
    c->pool += value.len + 1;
}

static void add_marks(struct check *c, const char *element, const char *name, struct str value)
{
    bool link = strcmp(element, "a") == 0;
    if (link && strcmp(name, "href") == 0)
        add_mark(c, FHIR_XHTML_HREF, value);
    else if (strcmp(element, "img") == 0 && strcmp(name, "src") == 0)
        add_mark(c, FHIR_XHTML_SRC, value);
    else if (strcmp(name, "id") == 0 || (link && strcmp(name, "name") == 0))
        add_mark(c, FHIR_XHTML_ID, value);
}

/* What stands directly within the outermost element: a section in a language perhaps; written by whom? */
static void section(struct check *c, const char *element, int n_attributes, const xmlChar **attrs)
{
    static const char *const sources[] = {"boilerplate", "generated", "original"};
    struct str language = {NULL, 0};
    bool sourced = false;
    for (int i = 0; i < n_attributes; i++, attrs += 5) {
        struct str value = {(const char *)attrs[3], (size_t)(attrs[4] - attrs[3])};
        if (strcmp((const char *)attrs[0], "lang") == 0)
            language = value;
        while (strcmp((const char *)attrs[0], "class") == 0 && value.s) {
            struct str one = str_cut(value, ' ', &value);
            for (size_t k = 0; k < sizeof sources / sizeof *sources; k++)
                sourced |= str_is(one, sources[k]);
        }
    }
    c->all->unsourced += !sourced;
    if (language.s && strcmp(element, "div") == 0)
        add_mark(c, FHIR_XHTML_SECTION, language);
}

static void attribute(struct check *c, const char *element, const char *name, const char *prefix,
                      struct str value)
{
    bool link = IN(links, name);
    if (!attribute_allowed(name, prefix))
        report(c, FHIR_XHTML_ATTRIBUTE, name);
    else if (link ? !link_safe(name, value) : strcmp(name, "style") == 0 && !style_safe(value))
        report(c, FHIR_XHTML_LINK, name);
    c->content |= strcmp(element, "img") == 0 && strcmp(name, "src") == 0;
    if (c->all)
        add_marks(c, element, name, value);
}

static void start_element(void *arg, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
                          int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
                          const xmlChar **attrs)
{
    (void)prefix, (void)namespaces, (void)n_defaulted;
    struct check *c = arg;
    if (!fhir__xml_enter(&c->scope, n_namespaces)) {
        xmlStopParser(c->parser);
        return;
    }
    const char *name = (const char *)local;
    bool xhtml = uri && strcmp((const char *)uri, FHIR__XHTML) == 0;
    if (c->scope.depth == 1 && (!xhtml || strcmp(name, "div") != 0))
        report(c, FHIR_XHTML_ROOT, name);
    else if (!xhtml || !IN(elements, name))
        report(c, FHIR_XHTML_ELEMENT, name);
    if (c->all && c->scope.depth == 2)
        section(c, name, n_attributes, attrs);
    /* Five pointers each: name, prefix, namespace, begin and end of the value. */
    for (int i = 0; i < n_attributes; i++, attrs += 5)
        attribute(c, name, (const char *)attrs[0], (const char *)attrs[1],
                  (struct str){(const char *)attrs[3], (size_t)(attrs[4] - attrs[3])});
}

static void end_element(void *arg, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    (void)local, (void)prefix, (void)uri;
    struct check *c = arg;
    fhir__xml_leave(&c->scope);
}

static void text(void *arg, const xmlChar *s, int len)
{
    struct check *c = arg;
    bool outermost = c->all && c->scope.depth == 1;
    int i = 0;
    if (c->content && !outermost)
        return;
    while (i < len && strchr(" \t\r\n", s[i]))
        i++;
    c->content |= i < len;
    if (outermost)
        c->all->unsourced += i < len;
}

/* Processing instructions are no formatting. */
static void instruction(void *arg, const xmlChar *target, const xmlChar *data)
{
    (void)data;
    report(arg, FHIR_XHTML_ELEMENT, (const char *)target);
}

static void silent(void *arg, xmlErrorPtr error)
{
    (void)arg, (void)error;
}

/* s: trimmed. Returns how many problems there are. */
static int check(struct check *c, struct str s)
{
    fhir__libxml_init();
    /* Beginning with an element, it has no XML declaration and can have no document type. */
    if (s.len < 2 || s.len > INT32_MAX || s.s[0] != '<' || s.s[1] == '!' || s.s[1] == '?' ||
        !fhir__xml_attributes_few(s)) {
        report(c, s.len ? FHIR_XHTML_MALFORMED : FHIR_XHTML_EMPTY, NULL);
        return c->n;
    }
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .startElementNs = start_element,
                         .endElementNs = end_element,
                         .characters = text,
                         .cdataBlock = text,
                         .processingInstruction = instruction,
                         .serror = silent};
    xmlParserCtxtPtr parser = c->parser = xmlCreatePushParserCtxt(&sax, c, NULL, 0, NULL);
    if (!parser) {
        report(c, FHIR_XHTML_MALFORMED, NULL);
        return c->n;
    }
    xmlCtxtUseOptions(parser, XML_PARSE_NONET);
    bool well = xmlParseChunk(parser, s.s, (int)s.len, 1) == 0 && parser->wellFormed && parser->nsWellFormed;
    xmlFreeParserCtxt(parser);
    if (!well) {
        c->n = 0, c->reported = 0;
        report(c, FHIR_XHTML_MALFORMED, NULL);
    } else if (!c->content) {
        report(c, FHIR_XHTML_EMPTY, NULL);
    }
    return c->n;
}

int fhir_xhtml_check(struct str div, struct fhir_xhtml_finding out[FHIR_XHTML__N])
{
    return check(&(struct check){.out = out, .max = FHIR_XHTML__N}, str_trim(div));
}

void fhir_xhtml_read(struct arena *a, struct str div, struct fhir_xhtml *out)
{
    struct str s = str_trim(div);
    size_t n = 0;
    *out = (struct fhir_xhtml){0};
    for (const char *p = s.s, *end = s.s + s.len; (p = memchr(p, '=', (size_t)(end - p))); p++)
        n++;
    out->marks = arena_alloc(a, sizeof *out->marks * (n + 1)); /* an attribute makes one at most */
    size_t room = n ? 2 * s.len : 1;                           /* '<' comes as "&#60;" */
    struct check c = {.out = out->found,
                      .max = FHIR_XHTML_FOUND_MAX,
                      .all = out,
                      .pool = arena_alloc(a, room),
                      .room = room};
    out->n_found = check(&c, s);
}
