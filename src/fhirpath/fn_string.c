/* Functions on strings. Positions and lengths count characters (code points), as the specification has it. */
#include "base/base64.h"
#include "base/utf8.h"
#include "functions.h"

/* ---- searching --------------------------------------------------------------------------------------- */

static const char *find(struct str s, struct str what)
{
    return memmem(s.s, s.len, what.s, what.len);
}

static const char *find_last(struct str s, struct str what)
{
    for (size_t i = s.len - what.len + 1; what.len <= s.len && i-- > 0;)
        if (memcmp(s.s + i, what.s, what.len) == 0)
            return s.s + i;
    return NULL;
}

static bool position(struct fp__call *c, const char *(*search)(struct str, struct str), struct fp_list *out)
{
    struct str what, s = c->value.string;
    bool present;
    if (!fp__arg_string(c, 0, &what, &present))
        return false;
    if (!present)
        return true;
    const char *at = what.len ? search(s, what) : search == find ? s.s : s.s + s.len;
    struct fp_item n = fp__integer(at ? (int64_t)utf8_length((struct str){s.s, (size_t)(at - s.s)}) : -1);
    return fp__push(c->r, out, &n);
}

bool fp__fn_index_of(struct fp__call *c, struct fp_list *out)
{
    return position(c, find, out);
}
bool fp__fn_last_index_of(struct fp__call *c, struct fp_list *out)
{
    return position(c, find_last, out);
}

static bool compare(struct fp__call *c, bool (*is)(struct str, struct str), enum fp__tri *out)
{
    struct str what;
    bool present;
    if (!fp__arg_string(c, 0, &what, &present))
        return false;
    if (present)
        *out = fp__tri_of(is(c->value.string, what));
    return true;
}

static bool has(struct str s, struct str what)
{
    return what.len == 0 || find(s, what);
}

bool fp__fn_starts_with(struct fp__call *c, enum fp__tri *out)
{
    return compare(c, str_starts, out);
}
bool fp__fn_ends_with(struct fp__call *c, enum fp__tri *out)
{
    return compare(c, str_ends, out);
}
bool fp__fn_contains(struct fp__call *c, enum fp__tri *out)
{
    return compare(c, has, out);
}

/* ---- parts --------------------------------------------------------------------------------------------- */

/* The byte where character n begins; s.len when there are fewer. */
static size_t offset(struct str s, int64_t n)
{
    size_t i = 0;
    while (n-- > 0 && i < s.len)
        utf8_next(s, &i);
    return i;
}

bool fp__fn_substring(struct fp__call *c, struct fp_list *out)
{
    struct str s = c->value.string;
    int64_t start, length;
    bool has_start, has_length;
    if (!fp__arg_integer(c, 0, &start, &has_start) || !fp__arg_integer(c, 1, &length, &has_length))
        return false;
    if (!has_start || start < 0)
        return true;
    size_t from = offset(s, start);
    if (from >= s.len)
        return true;
    s = (struct str){s.s + from, s.len - from};
    if (has_length)
        s.len = offset(s, length);
    return fp__push_string(c->r, out, s);
}

bool fp__fn_length(struct fp__call *c, struct fp_list *out)
{
    struct fp_item n = fp__integer((int64_t)utf8_length(c->value.string));
    return fp__push(c->r, out, &n);
}

bool fp__fn_to_chars(struct fp__call *c, struct fp_list *out)
{
    struct str s = c->value.string;
    for (size_t i = 0, from = 0; i < s.len; from = i) {
        utf8_next(s, &i);
        if (!fp__push_string(c->r, out, (struct str){s.s + from, i - from}))
            return false;
    }
    return true;
}

bool fp__fn_trim(struct fp__call *c, struct fp_list *out)
{
    return fp__push_string(c->r, out, str_trim(c->value.string));
}

bool fp__fn_split(struct fp__call *c, struct fp_list *out)
{
    struct str separator, s = c->value.string;
    bool present;
    if (!fp__arg_string(c, 0, &separator, &present))
        return false;
    if (!present)
        return true;
    if (separator.len == 0)
        return fp__fn_to_chars(c, out);
    for (const char *at; (at = find(s, separator));) {
        size_t len = (size_t)(at - s.s);
        if (!fp__push_string(c->r, out, (struct str){s.s, len}))
            return false;
        s = (struct str){at + separator.len, s.len - len - separator.len};
    }
    return fp__push_string(c->r, out, s);
}

bool fp__fn_join(struct fp__call *c, struct fp_list *out)
{
    struct str separator = STR("");
    struct buf b;
    bool present;
    if (!fp__arg_string(c, 0, &separator, &present))
        return false;
    if (c->in->n == 0)
        return true;
    buf_init(&b, c->r->a, 64);
    for (size_t i = 0, n = 0; i < c->in->n; i++) {
        struct fp_item v;
        if (!fp__value(c->r->a, &c->in->items[i], &v))
            continue;
        if (v.kind != FP_STRING)
            return fp__error(c->r, c->x, ERR_INVALID, "join() is for Strings, and there is a %s",
                             fp__kind_name(v.kind));
        if (n++)
            buf_addstr(&b, separator);
        buf_addstr(&b, v.string);
    }
    return fp__push_string(c->r, out, buf_str(&b));
}

/* ---- changing -------------------------------------------------------------------------------------------- */

bool fp__fn_upper(struct fp__call *c, struct fp_list *out)
{
    return fp__push_string(c->r, out, utf8_upper(c->r->a, c->value.string));
}

bool fp__fn_lower(struct fp__call *c, struct fp_list *out)
{
    return fp__push_string(c->r, out, utf8_lower(c->r->a, c->value.string));
}

bool fp__fn_replace(struct fp__call *c, struct fp_list *out)
{
    struct str what, with, s = c->value.string;
    bool has_what, has_with;
    struct buf b;
    if (!fp__arg_string(c, 0, &what, &has_what) || !fp__arg_string(c, 1, &with, &has_with))
        return false;
    if (!has_what || !has_with)
        return true;
    /* The result may be longer by a factor: paid for before it is made. */
    if (!fp__spend(c->r, (what.len ? s.len / what.len : s.len) * with.len / 16))
        return false;
    buf_init(&b, c->r->a, s.len + 16);
    if (what.len == 0) {
        for (size_t i = 0, from = 0; i < s.len; from = i) {
            utf8_next(s, &i);
            buf_addstr(&b, with);
            buf_add(&b, s.s + from, i - from);
        }
        buf_addstr(&b, with);
        return fp__push_string(c->r, out, buf_str(&b));
    }
    for (const char *at; (at = find(s, what));) {
        size_t len = (size_t)(at - s.s);
        buf_add(&b, s.s, len);
        buf_addstr(&b, with);
        s = (struct str){at + what.len, s.len - len - what.len};
    }
    buf_addstr(&b, s);
    return fp__push_string(c->r, out, buf_str(&b));
}

/* ---- regular expressions --------------------------------------------------------------------------------- */

/* The compiled pattern: from the expression when it is a literal there. NULL: the pattern is empty. */
static bool pattern(struct fp__call *c, size_t flags_at, bool whole, const struct regex **out)
{
    struct str text, flags = STR("");
    bool present, has_flags;
    *out = c->x->call.regex;
    if (*out)
        return true;
    if (!fp__arg_string(c, 0, &text, &present) || !fp__arg_string(c, flags_at, &flags, &has_flags))
        return false;
    return !present || regex_compile(c->r->a, text, flags, whole, false, out, c->r->err);
}

static bool match(struct fp__call *c, bool whole, enum fp__tri *out)
{
    const struct regex *re;
    bool matches;
    if (!pattern(c, 1, whole, &re))
        return false;
    if (!re)
        return true;
    if (!regex_match(c->r->a, re, c->value.string, &matches, c->r->err))
        return false;
    *out = fp__tri_of(matches);
    return true;
}

bool fp__fn_matches(struct fp__call *c, enum fp__tri *out)
{
    return match(c, false, out);
}
bool fp__fn_matches_full(struct fp__call *c, enum fp__tri *out)
{
    return match(c, true, out);
}

bool fp__fn_replace_matches(struct fp__call *c, struct fp_list *out)
{
    const struct regex *re;
    struct str with, result;
    bool present;
    if (!pattern(c, 2, false, &re) || !fp__arg_string(c, 1, &with, &present))
        return false;
    if (!re || !present)
        return true;
    return regex_replace(c->r->a, re, c->value.string, with, &result, c->r->err) &&
           fp__push_string(c->r, out, result);
}

/* ---- encodings ------------------------------------------------------------------------------------------- */

static const char hex_digits[] = "0123456789abcdef";

static void to_hex(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        buf_addc(b, hex_digits[(unsigned char)s.s[i] >> 4]);
        buf_addc(b, hex_digits[s.s[i] & 15]);
    }
}

/* base64url is padded here, other than in JOSE (RFC 4648, 5). */
static void to_base64(struct buf *b, struct str s, enum base64_form form)
{
    buf_addstr(b, base64_encode(b->a, form, s.s, s.len));
    while (b->len % 4)
        buf_addc(b, '=');
}

static void to_ascii(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len;) {
        int32_t c = utf8_next(s, &i);
        buf_addc(b, c > 127 ? '?' : (char)c);
    }
}

static bool from_hex(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i += 2) {
        const char *hi = strchr(hex_digits, s.s[i] | 32),
                   *lo = i + 1 < s.len ? strchr(hex_digits, s.s[i + 1] | 32) : NULL;
        if (!hi || !lo || !*hi || !*lo)
            return false;
        buf_addc(b, (char)((hi - hex_digits) << 4 | (lo - hex_digits)));
    }
    return true;
}

static bool from_base64(struct buf *b, struct str s, enum base64_form form)
{
    struct str out;
    while (form == BASE64_URL && s.len && s.s[s.len - 1] == '=')
        s.len--;
    if (!base64_decode(b->a, form, s, &out))
        return false;
    buf_addstr(b, out);
    return true;
}

bool fp__fn_encode(struct fp__call *c, struct fp_list *out)
{
    struct str format;
    bool present;
    struct buf b;
    if (!fp__arg_string(c, 0, &format, &present))
        return false;
    if (!present)
        return true;
    buf_init(&b, c->r->a, c->value.string.len * 2 + 4);
    if (str_is(format, "hex"))
        to_hex(&b, c->value.string);
    else if (str_is(format, "base64"))
        to_base64(&b, c->value.string, BASE64_STD);
    else if (str_is(format, "urlbase64"))
        to_base64(&b, c->value.string, BASE64_URL);
    else if (str_is(format, "ascii"))
        to_ascii(&b, c->value.string);
    else
        return fp__error(c->r, c->x, ERR_INVALID, "encode() knows hex, base64, urlbase64 and ascii");
    return fp__push_string(c->r, out, buf_str(&b));
}

bool fp__fn_decode(struct fp__call *c, struct fp_list *out)
{
    struct str format;
    bool present, ok;
    struct buf b;
    if (!fp__arg_string(c, 0, &format, &present))
        return false;
    if (!present)
        return true;
    buf_init(&b, c->r->a, c->value.string.len + 1);
    if (str_is(format, "hex"))
        ok = from_hex(&b, c->value.string);
    else if (str_is(format, "base64"))
        ok = from_base64(&b, c->value.string, BASE64_STD);
    else if (str_is(format, "urlbase64"))
        ok = from_base64(&b, c->value.string, BASE64_URL);
    else
        return fp__error(c->r, c->x, ERR_INVALID, "decode() knows hex, base64 and urlbase64");
    ok = ok && !memchr(b.s, '\0', b.len) && utf8_valid_prefix(b.s, b.len) == b.len;
    return !ok || fp__push_string(c->r, out, buf_str(&b));
}

/* ---- escapes --------------------------------------------------------------------------------------------- */

static const struct {
    char c;
    const char *html, *json; /* NULL: as it is */
} escapes[] = {
    {'&', "&amp;", NULL},  {'<', "&lt;", NULL},  {'>', "&gt;", NULL}, {'"', "&quot;", "\\\""},
    {'\'', "&#39;", NULL}, {'\\', NULL, "\\\\"}, {'\n', NULL, "\\n"}, {'\r', NULL, "\\r"},
    {'\t', NULL, "\\t"},   {'\f', NULL, "\\f"},  {'\b', NULL, "\\b"},
};
enum { N_ESCAPES = sizeof escapes / sizeof *escapes };

bool fp__fn_escape(struct fp__call *c, struct fp_list *out)
{
    struct str target, s = c->value.string;
    bool present;
    struct buf b;
    if (!fp__arg_string(c, 0, &target, &present))
        return false;
    if (!present)
        return true;
    bool html = str_is(target, "html");
    if (!html && !str_is(target, "json"))
        return fp__error(c->r, c->x, ERR_INVALID, "escape() knows html and json");
    buf_init(&b, c->r->a, s.len * 2 + 1);
    for (size_t i = 0; i < s.len; i++) {
        const char *as = NULL;
        for (size_t k = 0; k < N_ESCAPES && !as; k++)
            if (escapes[k].c == s.s[i])
                as = html ? escapes[k].html : escapes[k].json;
        if (as)
            buf_adds(&b, as);
        else if (!html && (unsigned char)s.s[i] < 32)
            buf_addf(&b, "\\u%04x", (unsigned char)s.s[i]);
        else
            buf_addc(&b, s.s[i]);
    }
    return fp__push_string(c->r, out, buf_str(&b));
}

/* &#65; or &#x41; at the start of s: its character and length, or 0. */
static size_t character_reference(struct str s, int32_t *out)
{
    size_t i = 2;
    bool hex = s.len > 3 && (s.s[2] | 32) == 'x';
    *out = 0;
    if (s.len < 4 || s.s[1] != '#')
        return 0;
    for (i += hex; i < s.len && s.s[i] != ';'; i++) {
        const char *d = s.s[i] ? strchr(hex_digits, s.s[i] | 32) : NULL;
        if (!d || (!hex && d - hex_digits > 9) || *out > 0x10FFFF)
            return 0;
        *out = *out * (hex ? 16 : 10) + (int32_t)(d - hex_digits);
    }
    bool valid = *out > 0 && *out <= 0x10FFFF && (*out < 0xD800 || *out > 0xDFFF);
    return i < s.len && valid ? i + 1 : 0;
}

/* The number in \u0041 at s + at; -1 when there is none. */
static int32_t json_unit(struct str s, size_t at)
{
    int32_t v = 0;
    if (s.len < at + 6 || s.s[at] != '\\' || s.s[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        const char *d = s.s[i] ? strchr(hex_digits, s.s[i] | 32) : NULL;
        if (!d)
            return -1;
        v = v << 4 | (int32_t)(d - hex_digits);
    }
    return v;
}

/* \u0041 at the start of s, or a surrogate pair: the character and its length, or 0. */
static size_t json_unicode(struct str s, int32_t *out)
{
    int32_t hi = json_unit(s, 0), lo = json_unit(s, 6);
    *out = hi;
    if (hi < 0xD800 || hi > 0xDFFF)
        return hi > 0 ? 6 : 0;
    *out = 0x10000 + ((hi - 0xD800) << 10) + (lo - 0xDC00);
    return hi < 0xDC00 && lo >= 0xDC00 && lo <= 0xDFFF ? 12 : 0;
}

bool fp__fn_unescape(struct fp__call *c, struct fp_list *out)
{
    struct str target, s = c->value.string;
    bool present;
    struct buf b;
    if (!fp__arg_string(c, 0, &target, &present))
        return false;
    if (!present)
        return true;
    bool html = str_is(target, "html");
    if (!html && !str_is(target, "json"))
        return fp__error(c->r, c->x, ERR_INVALID, "unescape() knows html and json");
    buf_init(&b, c->r->a, s.len + 1);
    for (size_t i = 0; i < s.len;) {
        struct str rest = {s.s + i, s.len - i};
        size_t used = 0;
        int32_t ch = 0;
        for (size_t k = 0; k < N_ESCAPES && !used && s.s[i] == (html ? '&' : '\\'); k++) {
            const char *as = html ? escapes[k].html : escapes[k].json;
            if (as && str_starts(rest, str_of(as))) {
                used = strlen(as);
                ch = escapes[k].c;
            }
        }
        if (!used && s.s[i] == (html ? '&' : '\\'))
            used = html ? character_reference(rest, &ch) : json_unicode(rest, &ch);
        if (!used && !html && rest.len > 1 && rest.s[0] == '\\' && rest.s[1] == '/') {
            used = 2;
            ch = '/';
        }
        if (used)
            utf8_put(&b, ch);
        else
            buf_addc(&b, s.s[i]);
        i += used ? used : 1;
    }
    return fp__push_string(c->r, out, buf_str(&b));
}
