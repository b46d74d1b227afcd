#include <string.h>

#include "base/base64.h"
#include "internal.h"

struct hops {
    struct http__client *items; /* the outermost first, as on the wire */
    size_t n, cap;
};

/* Cuts the next element off a list: up to sep outside of a quoted string. */
static struct str cut_unquoted(struct str s, char sep, struct str *rest)
{
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.s[i] == '"')
            quoted = !quoted;
        else if (quoted && s.s[i] == '\\')
            i++;
        else if (!quoted && s.s[i] == sep) {
            *rest = (struct str){s.s + i + 1, s.len - i - 1};
            return (struct str){s.s, i};
        }
    }
    *rest = (struct str){NULL, 0};
    return s;
}

static struct str unquote(struct arena *a, struct str s)
{
    if (s.len < 2 || s.s[0] != '"' || s.s[s.len - 1] != '"')
        return s;
    char *out = arena_alloc(a, s.len);
    size_t n = 0;
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (s.s[i] == '\\' && i + 2 < s.len)
            i++;
        out[n++] = s.s[i];
    }
    return (struct str){out, n};
}

static void add_forwarded(struct arena *a, struct hops *hops, struct str value)
{
    while (value.s) {
        struct str element = cut_unquoted(value, ',', &value);
        if (str_trim(element).len == 0)
            continue;
        struct http__client hop = {0};
        while (element.s) {
            struct str v, name = str_trim(str_cut(cut_unquoted(element, ';', &element), '=', &v));
            v = unquote(a, str_trim(v));
            if (str_ieq(name, STR("for")))
                hop.peer = v;
            else if (str_ieq(name, STR("proto")))
                hop.proto = v;
            else if (str_ieq(name, STR("host")))
                hop.host = v;
        }
        *ARENA_PUSH(a, hops->items, hops->n, hops->cap) = hop;
    }
}

struct list {
    struct str *items;
    size_t n, cap;
};

static void add_list(struct arena *a, struct list *list, struct str value)
{
    while (value.s) {
        struct str element = str_trim(str_cut(value, ',', &value));
        if (element.len)
            *ARENA_PUSH(a, list->items, list->n, list->cap) = element;
    }
}

/* A proxy that writes only one value for the whole chain means the client's. */
static struct str aligned(const struct list *list, size_t from_end)
{
    if (list->n == 0)
        return STR("");
    return list->items[from_end < list->n ? list->n - 1 - from_end : 0];
}

static struct str with_port(struct arena *a, struct str host, struct str port, struct str proto)
{
    int64_t n;
    if (!host.len || !port.len || !str_int64(port, &n) || n < 1 || n > 65535)
        return host;
    struct str rest, name = host;
    if (host.s[0] != '[')
        name = str_cut(host, ':', &rest);
    else
        str_cut(host, ']', &rest);
    if (rest.len || n == (str_is(proto, "https") ? 443 : 80))
        return host;
    return str_of(arena_printf(a, "%.*s:%lld", STR_FMT(name), (long long)n));
}

static bool trusted(const struct http__trust *trust, struct str peer)
{
    struct http__address address;
    if (!http__address_parse(peer, &address))
        return false;
    for (int i = 0; i < trust->n; i++)
        if (http__network_has(&trust->networks[i], &address))
            return true;
    return false;
}

/* How many of the n addresses, counted from the end, are proxies of ours; at least one is the client's. */
static size_t proxies(const struct http__trust *trust, size_t n, struct str (*peer)(const void *, size_t),
                      const void *list)
{
    size_t i = 0;
    while (i + 1 < n && trusted(trust, peer(list, n - 1 - i)))
        i++;
    return i;
}

static struct str hop_peer(const void *list, size_t i)
{
    return ((const struct hops *)list)->items[i].peer;
}

static struct str list_item(const void *list, size_t i)
{
    return ((const struct list *)list)->items[i];
}

void http__forwarded(struct arena *a, const struct http_header *headers, size_t n,
                     const struct http__trust *trust, struct http__client *out)
{
    struct hops hops = {0};
    struct list addresses = {0}, protos = {0}, hosts = {0}, ports = {0};
    for (size_t i = 0; i < n; i++) {
        struct str name = headers[i].name, value = headers[i].value;
        if (str_ieq(name, STR("forwarded")))
            add_forwarded(a, &hops, value);
        else if (str_ieq(name, STR("x-forwarded-for")))
            add_list(a, &addresses, value);
        else if (str_ieq(name, STR("x-forwarded-proto")))
            add_list(a, &protos, value);
        else if (str_ieq(name, STR("x-forwarded-host")))
            add_list(a, &hosts, value);
        else if (str_ieq(name, STR("x-forwarded-port")))
            add_list(a, &ports, value);
    }
    if (hops.n) {
        *out = hops.items[hops.n - 1 - proxies(trust, hops.n, hop_peer, &hops)];
    } else {
        size_t i = proxies(trust, addresses.n, list_item, &addresses);
        *out = (struct http__client){aligned(&addresses, i), aligned(&protos, i), aligned(&hosts, i)};
        out->host = with_port(a, out->host, aligned(&ports, i), out->proto);
    }
    struct http__address address;
    if (http__address_parse(out->peer, &address)) { /* without port and brackets */
        char *text = arena_alloc(a, 46);
        http__address_print(&address, text);
        out->peer = str_of(text);
    } else if (http__is_token(out->peer)) { /* as an obfuscated identifier is (RFC 7239, 6.3) */
        out->peer.s = arena_strndup(a, out->peer.s, out->peer.len);
    } else {
        out->peer = STR("");
    }
    if (str_ieq(out->proto, STR("https")))
        out->proto = STR("https");
    else if (str_ieq(out->proto, STR("http")))
        out->proto = STR("http");
    else
        out->proto = STR("");
    if (!http__is_authority(out->host))
        out->host = STR("");
}

struct str http__forwarded_certs(struct arena *a, const struct http_header *headers, size_t n)
{
    static const char *const names[] = {"Client-Cert", "Client-Cert-Chain"};
    struct buf b;
    int own = 0;
    buf_init(&b, a, 2048);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < n; i++) {
            if (!str_ieq(headers[i].name, str_of(names[k])))
                continue;
            own += k == 0;
            for (struct str rest = headers[i].value; rest.s;) {
                struct str der, one = str_trim(str_cut(rest, ',', &rest));
                /* a byte sequence (RFC 8941, 3.3.5) */
                if (one.len < 3 || one.s[0] != ':' || one.s[one.len - 1] != ':' ||
                    !base64_decode(a, BASE64_STD, (struct str){one.s + 1, one.len - 2}, &der))
                    return STR("");
                buf_addstr(&b, der);
            }
        }
    return own == 1 ? buf_str(&b) : STR("");
}
