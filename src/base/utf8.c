#include "base/utf8.h"

#include <utf8proc.h>

size_t utf8_valid_prefix(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0;
    while (i < len) {
        if (s[i] < 0x80) {
            i++;
            continue;
        }
        size_t n = s[i] >= 0xf0 ? 4 : s[i] >= 0xe0 ? 3 : 2;
        if (s[i] < 0xc2 || s[i] > 0xf4 || len - i < n)
            return i;
        for (size_t j = 1; j < n; j++)
            if ((s[i + j] & 0xc0) != 0x80)
                return i;
        /* overlong, surrogate, beyond U+10FFFF: decided by the second byte */
        if ((s[i] == 0xe0 && s[i + 1] < 0xa0) || (s[i] == 0xed && s[i + 1] > 0x9f) ||
            (s[i] == 0xf0 && s[i + 1] < 0x90) || (s[i] == 0xf4 && s[i + 1] > 0x8f))
            return i;
        i += n;
    }
    return len;
}

size_t utf8_length(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.s[i] & 0xc0) != 0x80;
    return n;
}

int32_t utf8_next(struct str s, size_t *i)
{
    const unsigned char *p = (const unsigned char *)s.s + *i;
    if (p[0] < 0x80) {
        *i += 1;
        return p[0];
    }
    if (p[0] < 0xe0) {
        *i += 2;
        return (p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    }
    if (p[0] < 0xf0) {
        *i += 3;
        return (p[0] & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    }
    *i += 4;
    return (p[0] & 0x07) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

void utf8_put(struct buf *b, int32_t c)
{
    utf8proc_uint8_t out[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, out);
    buf_add(b, (const char *)out, (size_t)n);
}

static struct str map(struct arena *a, struct str s, int32_t (*fn)(int32_t))
{
    struct buf b;
    buf_init(&b, a, s.len + 1);
    for (size_t i = 0; i < s.len;)
        utf8_put(&b, fn(utf8_next(s, &i)));
    return buf_str(&b);
}

struct str utf8_upper(struct arena *a, struct str s)
{
    return map(a, s, utf8proc_toupper);
}

struct str utf8_lower(struct arena *a, struct str s)
{
    return map(a, s, utf8proc_tolower);
}
