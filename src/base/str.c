#include "base/str.h"

#include <stdio.h>
#include <strings.h>

bool str_ieq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.s, b.s, a.len) == 0);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && memcmp(s.s, prefix.s, prefix.len) == 0;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && memcmp(s.s + s.len - suffix.len, suffix.s, suffix.len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len && is_blank(s.s[0]))
        s.s++, s.len--;
    while (s.len && is_blank(s.s[s.len - 1]))
        s.len--;
    return s;
}

struct str str_cut(struct str s, char sep, struct str *rest)
{
    const char *p = s.len ? memchr(s.s, sep, s.len) : NULL;
    if (!p) {
        *rest = (struct str){NULL, 0};
        return s;
    }
    size_t n = (size_t)(p - s.s);
    *rest = (struct str){p + 1, s.len - n - 1};
    return (struct str){s.s, n};
}

void str_position(struct str text, size_t offset, int *line, int *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.s[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            *column += ((unsigned char)text.s[i] & 0xc0) != 0x80;
        }
    }
}

bool str_int64(struct str s, int64_t *out)
{
    size_t i = 0;
    bool negative = false;
    if (s.len && (s.s[0] == '-' || s.s[0] == '+')) {
        negative = s.s[0] == '-';
        i = 1;
    }
    if (i == s.len)
        return false;
    int64_t v = 0;
    for (; i < s.len; i++) {
        if (s.s[i] < '0' || s.s[i] > '9')
            return false;
        /* accumulated negatively, since -2^63 has no positive counterpart */
        if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)(s.s[i] - '0'), &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool str_percent_decode(struct arena *a, struct str s, bool plus, struct str *out)
{
    char *p = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.s[i];
        if (c == '%') {
            if (s.len - i < 3)
                return false;
            int hi = hex_digit(s.s[i + 1]), lo = hex_digit(s.s[i + 2]);
            if (hi < 0 || lo < 0)
                return false;
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        p[n++] = c;
    }
    p[n] = '\0';
    *out = (struct str){p, n};
    return true;
}

void buf_init(struct buf *b, struct arena *a, size_t cap)
{
    if (cap < 64)
        cap = 64;
    *b = (struct buf){.a = a, .s = arena_alloc(a, cap), .cap = cap};
    b->s[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more)
{
    if (b->len + more + 1 <= b->cap)
        return;
    size_t cap = b->cap * 2;
    if (cap < b->len + more + 1)
        cap = b->len + more + 1;
    b->s = arena_grow(b->a, b->s, b->len + 1, cap);
    b->cap = cap;
}

void buf_add(struct buf *b, const char *s, size_t len)
{
    buf_reserve(b, len);
    if (len)
        memcpy(b->s + b->len, s, len);
    b->len += len;
    b->s[b->len] = '\0';
}

void buf_add_percent(struct buf *b, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            strchr("-._~", c ? c : '%')) {
            buf_addc(b, (char)c);
        } else {
            char esc[3] = {'%', hex[c >> 4], hex[c & 15]};
            buf_add(b, esc, 3);
        }
    }
}
