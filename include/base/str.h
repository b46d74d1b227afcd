/*
 * base/str.h: string slices and the growing buffer.
 *
 * struct str is a borrowed slice: not NUL-terminated, never freed by its holder. struct buf grows in an
 * arena and is always NUL-terminated after its last byte, so buf.s may be used as a C string.
 */
#ifndef KAGARI_BASE_STR_H
#define KAGARI_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

struct str {
    const char *s;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FMT(x)   (int)(x).len, (x).s /* for "%.*s" */

static inline struct str str_of(const char *s)
{
    return (struct str){s, s ? strlen(s) : 0};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}
static inline bool str_is(struct str a, const char *b)
{
    return str_eq(a, str_of(b));
}
bool str_ieq(struct str a, struct str b); /* ASCII case ignored */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* ASCII white space at both ends */
/* Cuts at the first sep: returns the part before it, leaves the rest in *rest. Without sep, all and an empty
 * rest whose s is NULL. */
struct str str_cut(struct str s, char sep, struct str *rest);
/* The line and column, from 1, of the byte at `offset` (or the end); columns are characters of UTF-8. */
void str_position(struct str text, size_t offset, int *line, int *column);
bool str_int64(struct str s, int64_t *out);    /* whole slice, decimal, with sign */
size_t str_put_int64(char out[20], int64_t v); /* returns how many, without a NUL */
/* %XX and, when plus is set, '+' as blank. False on a broken escape. */
bool str_percent_decode(struct arena *a, struct str s, bool plus, struct str *out);

struct buf {
    struct arena *a;
    char *s;
    size_t len, cap;
};

void buf_init(struct buf *b, struct arena *a, size_t cap);
void buf_reserve(struct buf *b, size_t more);
static inline void buf_addc(struct buf *b, char c)
{
    if (b->len + 1 >= b->cap)
        buf_reserve(b, 1);
    b->s[b->len++] = c;
    b->s[b->len] = '\0';
}
void buf_add(struct buf *b, const char *s, size_t len);
static inline void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}
static inline void buf_addstr(struct buf *b, struct str s)
{
    buf_add(b, s.s, s.len);
}
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Everything but RFC 3986 unreserved characters as %XX. */
void buf_add_percent(struct buf *b, struct str s);
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->s, b->len};
}

#endif
