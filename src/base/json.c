/*
 * Reads and prints cJSON trees without loss. Own code because cJSON's parser rounds numbers to doubles, ends
 * strings at \u0000, keeps duplicate keys and reports no position, and its printer prints doubles; see
 * base/json.h.
 *
 * The text is copied once; strings are unescaped in place in that copy, so a node costs its struct and
 * nothing more.
 */
#include "base/json.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/utf8.h"

/* ---- reading ---------------------------------------------------------------------------------------- */

struct parser {
    struct arena *a;
    char *start, *p, *end; /* *end is NUL */
    int depth, max_depth;
    bool in_object; /* what is parsed now is a property's value */
    const char *error, *error_at;
    enum err_kind error_kind;
};

static bool fail(struct parser *ps, const char *at, const char *what)
{
    if (!ps->error) {
        ps->error = what;
        ps->error_at = at;
        ps->error_kind = ERR_SYNTAX;
    }
    return false;
}

static void skip_blanks(struct parser *ps)
{
    while (*ps->p == ' ' || *ps->p == '\n' || *ps->p == '\r' || *ps->p == '\t')
        ps->p++;
}

static json *new_node(struct arena *a, int type)
{
    json *n = ARENA_NEW(a, json);
    n->type = type;
    return n;
}

static void append(json *parent, json *node)
{
    json *first = parent->child;
    if (!first) {
        parent->child = node;
        node->prev = node;
    } else {
        json *last = first->prev; /* cJSON keeps the tail there */
        last->next = node;
        node->prev = last;
        first->prev = node;
    }
    node->next = NULL;
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static char *put_utf8(char *out, int c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* At the four digits of \uXXXX. The text is NUL-terminated, which no digit is, so reading ahead is safe. */
static bool parse_unicode_escape(struct parser *ps, char **out)
{
    char *at = ps->p - 2;
    int c = hex4(ps->p);
    if (c < 0)
        return fail(ps, at, "\\u needs four hexadecimal digits");
    if (c == 0)
        return fail(ps, at, "the character U+0000 is not allowed in FHIR strings");
    ps->p += 4;
    if (c >= 0xdc00 && c <= 0xdfff)
        return fail(ps, at, "a low surrogate stands alone");
    if (c >= 0xd800 && c <= 0xdbff) {
        int low = ps->p[0] == '\\' && ps->p[1] == 'u' ? hex4(ps->p + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(ps, at, "a high surrogate without its low one");
        ps->p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, c);
    return true;
}

/* At the opening quote. *out is NUL-terminated, in place. */
static bool parse_string(struct parser *ps, char **out)
{
    static const char escapes[128] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    char *s = ++ps->p, *o = s;
    unsigned char any = 0;
    for (;;) {
        char *run = ps->p;
        unsigned char c;
        while ((c = (unsigned char)*ps->p) >= 0x20 && c != '"' && c != '\\') {
            any |= c;
            ps->p++;
        }
        size_t n = (size_t)(ps->p - run);
        if (any & 0x80) {
            size_t valid = utf8_valid_prefix(run, n);
            if (valid < n)
                return fail(ps, run + valid, "invalid UTF-8");
            any = 0;
        }
        if (o != run)
            memmove(o, run, n);
        o += n;
        if (c == '"')
            break;
        if (c < 0x20)
            return fail(ps, ps->p,
                        ps->p == ps->end
                            ? "the string has no end"
                            : "control characters in strings must be escaped (\\n, \\t, \\u00XX)");
        ps->p += 2;
        unsigned char e = (unsigned char)ps->p[-1];
        if (e == 'u') {
            if (!parse_unicode_escape(ps, &o))
                return false;
        } else if (e < 128 && escapes[e]) {
            *o++ = escapes[e];
        } else {
            return fail(ps, ps->p - 2,
                        "unknown escape; JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
        }
    }
    ps->p++;
    *o = '\0';
    *out = s;
    return true;
}

static bool digits(struct parser *ps)
{
    char *from = ps->p;
    while (*ps->p >= '0' && *ps->p <= '9')
        ps->p++;
    return ps->p > from;
}

static bool parse_number(struct parser *ps, json **out)
{
    char *s = ps->p;
    if (*ps->p == '-')
        ps->p++;
    if (*ps->p == '0')
        ps->p++;
    else if (!digits(ps))
        return fail(ps, s, "unexpected character; a JSON value was expected");
    if (*ps->p == '.') {
        ps->p++;
        if (!digits(ps))
            return fail(ps, s, "a number needs a digit after the point");
    }
    if (*ps->p == 'e' || *ps->p == 'E') {
        ps->p++;
        if (*ps->p == '+' || *ps->p == '-')
            ps->p++;
        if (!digits(ps))
            return fail(ps, s, "a number needs a digit in its exponent");
    }
    if (*ps->p >= '0' && *ps->p <= '9')
        return fail(ps, s, "numbers have no leading zeros");
    json *n = new_node(ps->a, cJSON_Number);
    n->valuestring = arena_strndup(ps->a, s, (size_t)(ps->p - s));
    n->valuedouble = strtod(n->valuestring, NULL);
    *out = n;
    return true;
}

/* The keys of one large object; small ones are compared pairwise. */
struct key_set {
    const char **slots;
    size_t n, size; /* size: power of two */
};

enum { PAIRWISE_KEYS = 16 };

static bool key_set_add(struct arena *a, struct key_set *set, const char *key)
{
    static const struct hash_key fixed = {0x6b61676172690001, 0x6a736f6e6b657973};
    if ((set->n + 1) * 2 > set->size) {
        struct key_set bigger = {.size = set->size ? set->size * 2 : 64};
        bigger.slots = ARENA_ARRAY(a, const char *, bigger.size);
        for (size_t i = 0; i < set->size; i++)
            if (set->slots[i])
                key_set_add(a, &bigger, set->slots[i]);
        *set = bigger;
    }
    size_t i = hash_bytes(&fixed, key, strlen(key)) & (set->size - 1);
    for (; set->slots[i]; i = (i + 1) & (set->size - 1))
        if (strcmp(set->slots[i], key) == 0)
            return false;
    set->slots[i] = key;
    set->n++;
    return true;
}

static bool key_is_new(struct arena *a, const json *object, struct key_set *set, size_t count,
                       const char *key)
{
    if (count < PAIRWISE_KEYS) {
        json_each (m, object)
            if (strcmp(m->string, key) == 0)
                return false;
        return true;
    }
    if (count == PAIRWISE_KEYS)
        json_each (m, object)
            key_set_add(a, set, m->string);
    return key_set_add(a, set, key);
}

static bool parse_value(struct parser *ps, json **out);

static bool parse_object(struct parser *ps, json **out)
{
    json *o = *out = new_node(ps->a, cJSON_Object);
    struct key_set keys = {0};
    ps->p++;
    skip_blanks(ps);
    if (*ps->p == '}') {
        ps->p++;
        return true;
    }
    for (size_t count = 0;; count++) {
        skip_blanks(ps);
        char *key, *at = ps->p;
        if (*ps->p != '"')
            return fail(ps, at, "a property name in double quotes was expected");
        if (!parse_string(ps, &key))
            return false;
        if (!key_is_new(ps->a, o, &keys, count, key))
            return fail(ps, at, "this property stands twice in its object");
        skip_blanks(ps);
        if (*ps->p != ':')
            return fail(ps, ps->p, "':' was expected after the property name");
        ps->p++;
        json *v;
        if (!parse_value(ps, &v))
            return false;
        v->string = key;
        append(o, v);
        skip_blanks(ps);
        if (*ps->p == '}') {
            ps->p++;
            return true;
        }
        if (*ps->p != ',')
            return fail(ps, ps->p,
                        ps->p == ps->end ? "the text ends within an object" : "',' or '}' was expected");
        ps->p++;
    }
}

static bool parse_array(struct parser *ps, json **out)
{
    json *array = *out = new_node(ps->a, cJSON_Array);
    ps->p++;
    skip_blanks(ps);
    if (*ps->p == ']') {
        ps->p++;
        return true;
    }
    for (;;) {
        json *v;
        if (!parse_value(ps, &v))
            return false;
        append(array, v);
        skip_blanks(ps);
        if (*ps->p == ']') {
            ps->p++;
            return true;
        }
        if (*ps->p != ',')
            return fail(ps, ps->p,
                        ps->p == ps->end ? "the text ends within an array" : "',' or ']' was expected");
        ps->p++;
    }
}

static bool literal(struct parser *ps, const char *word, size_t len, int type, json **out)
{
    if ((size_t)(ps->end - ps->p) < len || memcmp(ps->p, word, len) != 0)
        return fail(ps, ps->p, "unexpected character; a JSON value was expected");
    ps->p += len;
    *out = new_node(ps->a, type);
    return true;
}

static bool nested(struct parser *ps, bool (*parse)(struct parser *, json **), json **out)
{
    /* an array that is the value of a property is no level of its own: FHIR's repeating elements are such */
    int level = parse == parse_object || !ps->in_object;
    bool outer = ps->in_object;
    if ((ps->depth += level) > ps->max_depth) {
        fail(ps, ps->p, "nested too deeply");
        ps->error_kind = ERR_TOO_LARGE;
        return false;
    }
    ps->in_object = parse == parse_object;
    bool ok = parse(ps, out);
    ps->in_object = outer;
    ps->depth -= level;
    return ok;
}

static bool parse_one(struct parser *ps, json **out)
{
    switch (*ps->p) {
    case '{':
        return nested(ps, parse_object, out);
    case '[':
        return nested(ps, parse_array, out);
    case '"': {
        char *s;
        if (!parse_string(ps, &s))
            return false;
        *out = new_node(ps->a, cJSON_String);
        (*out)->valuestring = s;
        return true;
    }
    case 't':
        return literal(ps, "true", 4, cJSON_True, out);
    case 'f':
        return literal(ps, "false", 5, cJSON_False, out);
    case 'n':
        return literal(ps, "null", 4, cJSON_NULL, out);
    case '\0':
        if (ps->p == ps->end)
            return fail(ps, ps->p, "the text ends where a JSON value was expected");
        /* fall through */
    default:
        return parse_number(ps, out);
    }
}

static bool parse_value(struct parser *ps, json **out)
{
    skip_blanks(ps);
    size_t offset = (size_t)(ps->p - ps->start);
    if (!parse_one(ps, out))
        return false;
    json_set_offset(*out, offset);
    return true;
}

static bool report(const struct parser *ps, struct str text, struct err *err)
{
    size_t offset = (size_t)(ps->error_at - ps->start);
    int line, column;
    str_position(text, offset, &line,
                 &column); /* the copy has been unescaped in place, the original has not */
    if (ps->error_kind == ERR_TOO_LARGE)
        err_set(err, ERR_TOO_LARGE, "JSON: %s: this server takes %d levels (line %d, column %d)", ps->error,
                ps->max_depth, line, column);
    else
        err_set(err, ERR_SYNTAX, "JSON: %s (line %d, column %d, byte %zu)", ps->error, line, column, offset);
    err->line = line;
    err->column = column;
    return false;
}

bool json_parse(struct arena *a, struct str text, int max_depth, json **out, struct err *err)
{
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        text.s += 3;
        text.len -= 3;
    }
    char *copy = arena_strndup(a, text.s, text.len);
    struct parser ps = {.a = a, .start = copy, .p = copy, .end = copy + text.len, .max_depth = max_depth};
    bool ok = parse_value(&ps, out);
    if (ok) {
        skip_blanks(&ps);
        if (ps.p != ps.end)
            ok = fail(&ps, ps.p, "there is more text after the end of the JSON value");
    }
    return ok || report(&ps, text, err);
}

/* ---- printing --------------------------------------------------------------------------------------- */

static void print_string(struct buf *b, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[32] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    buf_addc(b, '"');
    for (;;) {
        const char *run = s;
        while ((unsigned char)*s >= 0x20 && *s != '"' && *s != '\\')
            s++;
        buf_add(b, run, (size_t)(s - run));
        unsigned char c = (unsigned char)*s++;
        if (c == '\0')
            break;
        if (c >= 0x20) {
            char e[2] = {'\\', (char)c};
            buf_add(b, e, 2);
        } else if (shorts[c]) {
            char e[2] = {'\\', shorts[c]};
            buf_add(b, e, 2);
        } else {
            char e[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            buf_add(b, e, 6);
        }
    }
    buf_addc(b, '"');
}

static void new_line(struct buf *b, int indent)
{
    buf_addc(b, '\n');
    for (int i = 0; i < indent; i++)
        buf_add(b, "  ", 2);
}

static void print_node(struct buf *b, const json *n, int indent)
{
    switch (n->type & 0xff) {
    case cJSON_Object:
    case cJSON_Array: {
        bool object = json_is_object(n);
        buf_addc(b, object ? '{' : '[');
        json_each (m, n) {
            if (m != n->child)
                buf_addc(b, ',');
            if (indent >= 0)
                new_line(b, indent + 1);
            if (object) {
                print_string(b, m->string);
                buf_addc(b, ':');
                if (indent >= 0)
                    buf_addc(b, ' ');
            }
            print_node(b, m, indent >= 0 ? indent + 1 : -1);
        }
        if (indent >= 0 && n->child)
            new_line(b, indent);
        buf_addc(b, object ? '}' : ']');
        break;
    }
    case cJSON_String:
        print_string(b, n->valuestring);
        break;
    case cJSON_Number:
        buf_adds(b, n->valuestring);
        break;
    case cJSON_True:
        buf_add(b, "true", 4);
        break;
    case cJSON_False:
        buf_add(b, "false", 5);
        break;
    default:
        buf_add(b, "null", 4);
    }
}

void json_print(struct buf *b, const json *node, bool pretty)
{
    print_node(b, node, pretty ? 0 : -1);
}

struct str json_text(struct arena *a, const json *node)
{
    struct buf b;
    buf_init(&b, a, 1024);
    json_print(&b, node, false);
    return buf_str(&b);
}

/* ---- looking up ------------------------------------------------------------------------------------- */

json *json_get(const json *object, const char *name)
{
    if (!json_is_object(object))
        return NULL;
    json_each (m, object)
        if (strcmp(m->string, name) == 0)
            return m;
    return NULL;
}

const char *json_get_string(const json *object, const char *name)
{
    const json *m = json_get(object, name);
    return json_is_string(m) ? m->valuestring : NULL;
}

json *json_at(const json *array, size_t index)
{
    json_each (m, array)
        if (index-- == 0)
            return m;
    return NULL;
}

size_t json_count(const json *parent)
{
    size_t n = 0;
    json_each (m, parent)
        n++;
    return n;
}

/* ---- making and changing ---------------------------------------------------------------------------- */

json *json_object(struct arena *a)
{
    return new_node(a, cJSON_Object);
}

json *json_array(struct arena *a)
{
    return new_node(a, cJSON_Array);
}

json *json_string_n(struct arena *a, struct str s)
{
    json *n = new_node(a, cJSON_String);
    n->valuestring = arena_strndup(a, s.s, s.len);
    return n;
}

json *json_string(struct arena *a, const char *s)
{
    return json_string_n(a, str_of(s));
}

json *json_number(struct arena *a, const char *text)
{
    json *n = new_node(a, cJSON_Number);
    n->valuestring = arena_strdup(a, text);
    n->valuedouble = strtod(text, NULL);
    return n;
}

json *json_int(struct arena *a, long long v)
{
    return json_number(a, arena_printf(a, "%lld", v));
}

json *json_bool(struct arena *a, bool v)
{
    return new_node(a, v ? cJSON_True : cJSON_False);
}

json *json_null(struct arena *a)
{
    return new_node(a, cJSON_NULL);
}

json *json_copy(struct arena *a, const json *node)
{
    json *n = new_node(a, node->type);
    n->valuedouble = node->valuedouble;
    n->valueint = node->valueint;
    if (node->valuestring)
        n->valuestring = arena_strdup(a, node->valuestring);
    json_each (m, node) {
        json *child = json_copy(a, m);
        if (m->string)
            child->string = arena_strdup(a, m->string);
        append(n, child);
    }
    return n;
}

json *json_add(struct arena *a, json *object, const char *name, json *value)
{
    value->string = arena_strdup(a, name);
    append(object, value);
    return value;
}

json *json_put(struct arena *a, json *object, const char *name, json *value)
{
    json *old = json_get(object, name);
    if (!old)
        return json_add(a, object, name, value);
    value->string = old->string;
    json_insert_after(object, old, value);
    json_detach(object, old);
    return value;
}

json *json_push(json *array, json *value)
{
    append(array, value);
    return value;
}

void json_insert_after(json *parent, json *before, json *value)
{
    json *after = before ? before->next : parent->child;
    if (!after) {
        append(parent, value);
        return;
    }
    value->next = after;
    value->prev = after->prev; /* for the first member that is the tail, which then is the new first's */
    after->prev = value;
    if (before)
        before->next = value;
    else
        parent->child = value;
}

void json_detach(json *parent, json *value)
{
    if (value->next)
        value->next->prev = value->prev;
    else if (parent->child != value)
        parent->child->prev = value->prev;
    if (parent->child == value)
        parent->child = value->next;
    else
        value->prev->next = value->next;
    value->next = value->prev = NULL;
}

bool json_equal(const json *a, const json *b)
{
    if (!a || !b)
        return a == b;
    if ((a->type & 0xff) != (b->type & 0xff))
        return false;
    switch (a->type & 0xff) {
    case cJSON_String:
    case cJSON_Number:
        return strcmp(a->valuestring, b->valuestring) == 0;
    case cJSON_Array: {
        const json *y = b->child;
        for (const json *x = a->child; x; x = x->next, y = y->next)
            if (!y || !json_equal(x, y))
                return false;
        return !y;
    }
    case cJSON_Object:
        if (json_count(a) != json_count(b))
            return false;
        json_each (m, a)
            if (!json_equal(m, json_get(b, m->string)))
                return false;
        return true;
    default:
        return true;
    }
}
