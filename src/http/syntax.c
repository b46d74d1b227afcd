#include <string.h>

#include "internal.h"

/* What a byte may be part of. */
enum { TOKEN = 1, ID = 2, AUTHORITY = 4 };

static const uint8_t kind[256] = {
    ['0' ... '9'] = TOKEN | ID | AUTHORITY,
    ['A' ... 'Z'] = TOKEN | ID | AUTHORITY,
    ['a' ... 'z'] = TOKEN | ID | AUTHORITY,
    ['-'] = TOKEN | ID | AUTHORITY,
    ['.'] = TOKEN | ID | AUTHORITY,
    ['_'] = TOKEN | ID | AUTHORITY,
    ['~'] = TOKEN | ID | AUTHORITY,
    ['+'] = TOKEN | ID,
    [':'] = ID | AUTHORITY,
    ['/'] = ID,
    ['='] = ID,
    ['['] = AUTHORITY,
    [']'] = AUTHORITY,
    ['%'] = TOKEN | AUTHORITY,
    ['!'] = TOKEN,
    ['#'] = TOKEN,
    ['$'] = TOKEN,
    ['&'] = TOKEN,
    ['\''] = TOKEN,
    ['*'] = TOKEN,
    ['^'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
};

static bool all(struct str s, int of)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(kind[(unsigned char)s.s[i]] & of))
            return false;
    return s.len > 0;
}

bool http__is_token(struct str s)
{
    return all(s, TOKEN);
}

bool http__is_request_id(struct str s)
{
    return s.len < sizeof(((struct http_request *)0)->id) && all(s, ID);
}

bool http__is_authority(struct str s)
{
    return s.len <= 261 && all(s, AUTHORITY); /* 253 of a name, ':' and a port, brackets */
}

void http__target(struct str target, struct str *path, struct str *query)
{
    if (target.len && target.s[0] != '/') {
        static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
        for (size_t i = 0; i < 2; i++) {
            size_t n = schemes[i].len;
            if (target.len < n || !str_ieq((struct str){target.s, n}, schemes[i]))
                continue;
            target.s += n, target.len -= n;
            while (target.len && target.s[0] != '/' && target.s[0] != '?')
                target.s++, target.len--;
            break;
        }
    }
    *path = str_cut(target, '?', query);
    if (path->len == 0)
        *path = STR("/");
    if (!query->s)
        *query = STR("");
}

enum http_method http__method(const char *name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (int i = 0; i < HTTP_OTHER; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}

enum http__coding http__content_coding(struct str value)
{
    value = str_trim(value);
    if (value.len == 0 || str_ieq(value, STR("identity")))
        return HTTP__IDENTITY;
    if (str_ieq(value, STR("gzip")) || str_ieq(value, STR("x-gzip")))
        return HTTP__GZIP;
    if (str_ieq(value, STR("deflate")))
        return HTTP__DEFLATE;
    return HTTP__UNKNOWN_CODING;
}

/* The weight among the parameters of a list element, in thousandths; 1000 without one, 0 when it is broken.
 */
static int weight(struct str parameters)
{
    while (parameters.s) {
        struct str value, name = str_trim(str_cut(str_cut(parameters, ';', &parameters), '=', &value));
        if (!str_ieq(name, STR("q")))
            continue;
        value = str_trim(value);
        if (value.len == 0 || value.len > 5 || (value.s[0] != '0' && value.s[0] != '1'))
            return 0;
        int q = (value.s[0] - '0') * 1000;
        for (size_t i = 1, unit = 100; i < value.len; i++) {
            if (i == 1 ? value.s[1] != '.' : value.s[i] < '0' || value.s[i] > '9')
                return 0;
            if (i > 1) {
                q += (value.s[i] - '0') * (int)unit;
                unit /= 10;
            }
        }
        return q > 1000 ? 0 : q;
    }
    return 1000;
}

bool http__accepts_gzip(struct str accept_encoding)
{
    int gzip = -1, any = -1, identity = 0;
    while (accept_encoding.s) {
        struct str parameters,
            name = str_cut(str_cut(accept_encoding, ',', &accept_encoding), ';', &parameters);
        name = str_trim(name);
        if (str_ieq(name, STR("gzip")) || str_ieq(name, STR("x-gzip")))
            gzip = weight(parameters);
        else if (str_is(name, "*"))
            any = weight(parameters);
        else if (str_ieq(name, STR("identity")))
            identity = weight(parameters);
    }
    int q = gzip >= 0 ? gzip : any;
    return q > 0 && q >= identity;
}

bool http__compresses(struct str content_type)
{
    static const struct str parts[] = {{"json", 4}, {"xml", 3}, {"text/", 5}, {"javascript", 10}};
    struct str rest, type = str_cut(content_type, ';', &rest);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (type.len && memmem(type.s, type.len, parts[i].s, parts[i].len))
            return true;
    return false;
}
