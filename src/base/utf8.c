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

/* What a folded code point becomes: 0 drops it, ' ' separates words, anything else stands. */
static int32_t fold_point(int32_t c)
{
    if (c == 0x30fc) /* long-vowel mark */
        return 0;
    if (c >= 0x3041 && c <= 0x3096) /* hiragana to katakana */
        return c + 0x60;
    if (c == 0x309d || c == 0x309e) /* iteration marks */
        return c + 0x60;
    if ((c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0100 && c <= 0xe01ef)) /* variation selectors */
        return 0;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
        return 0;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return ' ';
    default:
        return c;
    }
}

/* One ASCII byte folded the same way, without the tables: most text is ASCII. */
static char fold_ascii(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '$' || c == '+' || c == '<' || c == '=' ||
        c == '>' || c == '^' || c == '`' || c == '|' || c == '~')
        return c;
    return ' ';
}

struct folded {
    struct buf out;
    size_t points, max;
    bool blank; /* a separator waits for the next word */
};

static bool fold_add(struct folded *f, int32_t c)
{
    if (c == ' ') {
        f->blank = f->points > 0;
        return true;
    }
    if (f->points + f->blank >= f->max)
        return false;
    if (f->blank) {
        buf_addc(&f->out, ' ');
        f->points++;
        f->blank = false;
    }
    utf8_put(&f->out, c);
    f->points++;
    return true;
}

struct str utf8_fold(struct arena *a, struct str s, size_t max)
{
    struct folded f = {.max = max};
    buf_init(&f.out, a, s.len + 1);
    for (size_t i = 0; i < s.len;) {
        if ((unsigned char)s.s[i] < 0x80) {
            if (!fold_add(&f, fold_ascii(s.s[i++])))
                break;
            continue;
        }
        int32_t parts[32];
        int32_t c = utf8_next(s, &i);
        utf8proc_ssize_t n = utf8proc_decompose_char(
            c, parts, 32, UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, NULL);
        bool full = false;
        for (utf8proc_ssize_t j = 0; j < n && j < 32 && !full; j++) {
            int32_t p = fold_point(parts[j]);
            full = p != 0 && !fold_add(&f, p);
        }
        if (full)
            break;
    }
    return buf_str(&f.out);
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
