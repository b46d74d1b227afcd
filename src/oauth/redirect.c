/* Where a browser is sent back to: exactly what is registered (RFC 9700, 2.1), but for the port of a loopback address,
 * which a native app does not know beforehand (RFC 8252, 7.3). */
#include "internal.h"

static bool is_clean(struct str uri)
{
    for (size_t i = 0; i < uri.len; i++)
        if (uri.s[i] <= ' ' || uri.s[i] > '~' || strchr("\"'<>\\^`{|}#", uri.s[i]))
            return false;
    return uri.len > 0 && uri.len <= 1000;
}

/* "http://127.0.0.1" or "http://[::1]", and behind it a port, a path, or nothing; 0: it is none. */
static size_t loopback(struct str uri)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t n = strlen(hosts[i]);
        if (str_starts(uri, str_of(hosts[i])) && (uri.len == n || uri.s[n] == ':' || uri.s[n] == '/'))
            return n;
    }
    return 0;
}

/* Behind the port, if there is one. */
static struct str behind_port(struct str uri, size_t host)
{
    size_t i = host;
    if (i < uri.len && uri.s[i] == ':')
        for (i++; i < uri.len && uri.s[i] >= '0' && uri.s[i] <= '9';)
            i++;
    return (struct str){uri.s + i, uri.len - i};
}

bool oauth__redirect_valid(const char *text)
{
    struct str rest, uri = str_of(text), scheme = str_cut(uri, ':', &rest);
    if (!is_clean(uri) || !rest.s)
        return false;
    if (str_is(scheme, "https")) {
        size_t end = 2;
        if (!str_starts(rest, STR("//")))
            return false;
        while (end < rest.len && !strchr("/?", rest.s[end]))
            end++;
        return end > 2 && !memchr(rest.s + 2, '@', end - 2);
    }
    if (str_is(scheme, "http")) {
        struct str path = behind_port(uri, loopback(uri));
        return loopback(uri) && (path.len == 0 || path.s[0] == '/' || path.s[0] == '?');
    }
    /* an app's own scheme is a name that it owns, turned around (RFC 8252, 7.1) */
    return memchr(scheme.s, '.', scheme.len) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.+-") == scheme.len;
}

bool oauth__redirect_matches(const char *registered, const char *asked)
{
    struct str want = str_of(registered), got = str_of(asked);
    if (str_eq(want, got))
        return true;
    size_t host = loopback(want);
    return host && loopback(got) == host && memcmp(want.s, got.s, host) == 0 &&
           oauth__redirect_valid(asked) && str_eq(behind_port(want, host), behind_port(got, host));
}

const char *oauth__redirect_origin(struct arena *a, const char *uri)
{
    struct str rest, text = str_of(uri), scheme = str_cut(text, ':', &rest);
    size_t end = 2;
    if (!str_is(scheme, "https") && !str_is(scheme, "http"))
        return arena_printf(a, "%.*s:", STR_FMT(scheme));
    while (end < rest.len && !strchr("/?;,", rest.s[end]))
        end++;
    return arena_printf(a, "%.*s:%.*s", STR_FMT(scheme), (int)end, rest.s);
}

const char *oauth__redirect_with(struct arena *a, const char *uri, const struct oauth__field *fields,
                                 size_t n)
{
    struct buf b;
    char joint = strchr(uri, '?') ? '&' : '?';
    buf_init(&b, a, 256);
    buf_adds(&b, uri);
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].value.s)
            continue;
        buf_addc(&b, joint);
        buf_addstr(&b, fields[i].name);
        buf_addc(&b, '=');
        buf_add_percent(&b, fields[i].value);
        joint = '&';
    }
    return b.s;
}
