/*
 * base64. OpenSSL's decoder is not strict (it takes white space and stray bits) and belongs to crypto; this
 * is needed everywhere.
 */
#include "base/base64.h"

#include <pthread.h>

#define BAD 0xff

static const char alphabets[2][65] = {
    [BASE64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* A byte's six bits, or BAD; made from the alphabets. */
static uint8_t values[2][256];
static pthread_once_t values_made = PTHREAD_ONCE_INIT;

static void make_values(void)
{
    memset(values, BAD, sizeof(values));
    for (int form = BASE64_STD; form <= BASE64_URL; form++)
        for (int i = 0; i < 64; i++)
            values[form][(uint8_t)alphabets[form][i]] = (uint8_t)i;
}

struct str base64_encode(struct arena *a, enum base64_form form, const void *data, size_t len)
{
    const char *const alphabet = alphabets[form];
    const uint8_t *in = data;
    char *const text = arena_alloc(a, len / 3 * 4 + 5);
    char *out = text;

    for (; len >= 3; len -= 3, in += 3, out += 4) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = alphabet[v >> 6 & 63];
        out[3] = alphabet[v & 63];
    }
    if (len > 0) {
        uint32_t v = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        if (len == 2)
            *out++ = alphabet[v >> 6 & 63];
        for (size_t i = len; form == BASE64_STD && i < 3; i++)
            *out++ = '=';
    }
    *out = '\0';
    return (struct str){text, (size_t)(out - text)};
}

static struct str without_space(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(" \t\r\n", text.s[i], 4))
            out[n++] = text.s[i];
    return (struct str){out, n};
}

bool base64_decode(struct arena *a, enum base64_form form, struct str text, struct str *out)
{
    pthread_once(&values_made, make_values);
    if (form == BASE64_FHIR) {
        text = without_space(a, text);
        form = BASE64_STD;
    }
    if (form == BASE64_STD) {
        if (text.len % 4)
            return false;
        for (int i = 0; i < 2 && text.len > 0 && text.s[text.len - 1] == '='; i++)
            text.len--;
    }
    size_t tail = text.len % 4;
    if (tail == 1)
        return false;

    const uint8_t *const value = values[form];
    const uint8_t *in = (const uint8_t *)text.s;
    uint8_t *const bytes = arena_alloc(a, text.len / 4 * 3 + 3);
    uint8_t *to = bytes;
    uint8_t seen = 0; /* every value so far; BAD leaves its high bits */

    for (size_t n = text.len / 4; n > 0; n--, in += 4, to += 3) {
        uint8_t v0 = value[in[0]], v1 = value[in[1]], v2 = value[in[2]], v3 = value[in[3]];
        seen |= v0 | v1 | v2 | v3;
        to[0] = (uint8_t)(v0 << 2 | v1 >> 4);
        to[1] = (uint8_t)(v1 << 4 | v2 >> 2);
        to[2] = (uint8_t)(v2 << 6 | v3);
    }
    if (tail) {
        uint8_t v0 = value[in[0]], v1 = value[in[1]], v2 = tail == 3 ? value[in[2]] : 0;
        uint8_t unused = tail == 3 ? v2 & 3 : v1 & 15;
        seen |= v0 | v1 | v2 | (unused ? BAD : 0);
        *to++ = (uint8_t)(v0 << 2 | v1 >> 4);
        if (tail == 3)
            *to++ = (uint8_t)(v1 << 4 | v2 >> 2);
    }
    *to = '\0';
    *out = (struct str){(char *)bytes, (size_t)(to - bytes)};
    return seen < 64;
}
