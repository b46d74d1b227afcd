#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static void map_v4(const struct in_addr *v4, struct http__address *out)
{
    *out = (struct http__address){{[10] = 0xff, [11] = 0xff}};
    memcpy(out->bytes + 12, v4, 4);
}

static bool is_v4(const struct http__address *a)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

/* An address alone, without port or brackets. */
static bool parse_bare(struct str s, struct http__address *out)
{
    char text[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof(text) || memchr(s.s, '\0', s.len))
        return false;
    memcpy(text, s.s, s.len);
    text[s.len] = '\0';
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        map_v4(&v4, out);
        return true;
    }
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}

bool http__address_parse(struct str s, struct http__address *out)
{
    if (s.len && s.s[0] == '[') {
        struct str rest, inside = str_cut((struct str){s.s + 1, s.len - 1}, ']', &rest);
        return rest.s && (rest.len == 0 || rest.s[0] == ':') && parse_bare(inside, out);
    }
    struct str rest, host = str_cut(s, ':', &rest);
    if (rest.s && !memchr(rest.s, ':', rest.len)) /* one colon: a port */
        return parse_bare(host, out) && is_v4(out);
    return parse_bare(s, out);
}

bool http__network_parse(struct str s, struct http__network *out)
{
    if (str_is(s, "unix")) {
        *out = (struct http__network){.bits = -1};
        return true;
    }
    struct str bits, host = str_cut(s, '/', &bits);
    if (!parse_bare(host, &out->address))
        return false;
    int64_t n = 128, base = memchr(host.s, ':', host.len) ? 0 : 96;
    if (bits.s) {
        if (!str_int64(bits, &n) || n < 0 || n > 128 - base)
            return false;
        n += base;
    }
    out->bits = (int)n;
    for (int i = out->bits; i < 128; i++)
        if (out->address.bytes[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

bool http__network_has(const struct http__network *n, const struct http__address *a)
{
    if (n->bits < 0)
        return false;
    int whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->address.bytes, a->bytes, (size_t)whole) != 0)
        return false;
    return rest == 0 || (n->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

bool http__is_loopback(const struct http__address *a)
{
    static const struct http__address v6 = {{[15] = 1}};
    return is_v4(a) ? a->bytes[12] == 127 : memcmp(a, &v6, sizeof(v6)) == 0;
}

bool http__address_of(const struct sockaddr *sa, struct http__address *out)
{
    if (sa->sa_family == AF_INET) {
        map_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, out);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
        return true;
    }
    return false;
}

void http__address_print(const struct http__address *a, char out[46])
{
    if (is_v4(a))
        inet_ntop(AF_INET, a->bytes + 12, out, 46);
    else
        inet_ntop(AF_INET6, a->bytes, out, 46);
}
