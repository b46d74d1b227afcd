/*
 * Formatted text. vsnprintf was a third of all instructions of a search and a fifth of a read's, so the conversions that
 * nearly all our texts are made of are done here; a format with any other is left to it.
 */
#include <stdio.h>

#include "base/str.h"

size_t str_put_int64(char out[20], int64_t v)
{
    char digits[20];
    size_t n = 0, at = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        digits[n++] = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        out[at++] = '-';
    while (n)
        out[at++] = digits[--n];
    return at;
}

static void add_int(struct buf *b, int64_t v)
{
    buf_reserve(b, 20);
    b->len += str_put_int64(b->s + b->len, v);
    b->s[b->len] = '\0';
}

static void add_text(struct buf *b, const char *s, size_t max)
{
    if (!s && max > 0)
        s = "(null)";
    buf_add(b, s, max ? strnlen(s, max) : 0);
}

/* False: there is a conversion that is not done here. */
static bool add_simple(struct buf *b, const char *fmt, va_list ap)
{
    for (;;) {
        size_t plain = (size_t)(strchrnul(fmt, '%') - fmt);
        buf_add(b, fmt, plain);
        fmt += plain;
        if (!*fmt)
            return true;
        fmt++;
        if (*fmt == 's') {
            add_text(b, va_arg(ap, const char *), SIZE_MAX);
            fmt += 1;
        } else if (*fmt == 'd') {
            add_int(b, va_arg(ap, int));
            fmt += 1;
        } else if (strncmp(fmt, ".*s", 3) == 0) {
            int max = va_arg(ap, int);
            add_text(b, va_arg(ap, const char *), (size_t)max);
            fmt += 3;
        } else if (strncmp(fmt, "lld", 3) == 0) {
            add_int(b, va_arg(ap, long long));
            fmt += 3;
        } else if (strncmp(fmt, "zu", 2) == 0) {
            add_int(b, (int64_t)va_arg(ap, size_t));
            fmt += 2;
        } else if (*fmt == '%') {
            buf_addc(b, '%');
            fmt += 1;
        } else {
            return false;
        }
    }
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again, measured;
    size_t start = b->len;
    va_copy(again, ap);
    if (!add_simple(b, fmt, ap)) {
        b->len = start;
        va_copy(measured, again);
        int n = vsnprintf(NULL, 0, fmt, measured);
        va_end(measured);
        buf_reserve(b, (size_t)n);
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}
