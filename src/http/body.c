#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "internal.h"

enum { FIRST = 4096, PIECE = 64 * 1024 };

/* Room for more bytes and a final NUL. */
static bool reserve(struct http__body *b, size_t more)
{
    size_t want = b->len + more + 1;
    if (want <= b->cap)
        return true;
    size_t cap = b->cap * 2 > want ? b->cap * 2 : want;
    char *data = realloc(b->data, cap);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

static void drop(struct http__body *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

bool http__body_begin(struct http__body *b, enum http__coding coding, size_t hint, size_t max)
{
    b->max = max;
    if (hint > max) {
        b->too_large = true;
        return true;
    }
    if (coding == HTTP__UNKNOWN_CODING) {
        b->error = "This Content-Encoding is not supported: send gzip, deflate, or no encoding";
        return true;
    }
    if (coding != HTTP__IDENTITY) {
        b->inflater = calloc(1, sizeof(*b->inflater));
        /* zlib's format is what RFC 9110 calls deflate; gzip is told by adding 16. */
        if (!b->inflater ||
            inflateInit2(b->inflater, coding == HTTP__GZIP ? 16 + MAX_WBITS : MAX_WBITS) != Z_OK) {
            free(b->inflater);
            b->inflater = NULL;
            return false;
        }
        hint *= 4;
    }
    /* A length that is only announced gets no memory beyond this. */
    return reserve(b, hint == 0 ? FIRST : hint < PIECE ? hint : PIECE);
}

static bool add_plain(struct http__body *b, const char *data, size_t len)
{
    if (len > b->max - b->passed - b->len) {
        b->too_large = true;
        drop(b);
        return true;
    }
    if (!reserve(b, len))
        return false;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return true;
}

static bool add_compressed(struct http__body *b, const char *data, size_t len)
{
    z_stream *z = b->inflater;
    z->next_in = (unsigned char *)(uintptr_t)data;
    z->avail_in = (unsigned)len;
    while (z->avail_in || z->avail_out == 0) {
        if (b->complete) { /* a further member (RFC 1952, 2.2) */
            if (!z->avail_in)
                break;
            if (inflateReset(z) != Z_OK)
                return false;
            b->complete = false;
        }
        if (b->len + 1 >= b->cap && !reserve(b, b->cap))
            return false;
        /* One byte beyond the limit may be inflated, to know that it is exceeded. */
        size_t room = b->cap - b->len - 1, left = b->max - b->passed - b->len + 1;
        z->next_out = (unsigned char *)b->data + b->len;
        z->avail_out = (unsigned)(room < left ? room : left);
        int status = inflate(z, Z_NO_FLUSH);
        b->len = (size_t)((char *)z->next_out - b->data);
        if (b->len > b->max - b->passed) {
            b->too_large = true;
            drop(b);
            return true;
        }
        if (status == Z_STREAM_END)
            b->complete = true;
        else if (status == Z_BUF_ERROR)
            break; /* wants more input */
        else if (status != Z_OK) {
            b->error = "The compressed body is damaged";
            drop(b);
            return true;
        }
    }
    return true;
}

bool http__body_add(struct http__body *b, const char *data, size_t len)
{
    b->received += len;
    if (b->too_large || b->error)
        return b->received / 2 <= b->max;
    return b->inflater ? add_compressed(b, data, len) : add_plain(b, data, len);
}

struct str http__body_pass(struct http__body *b)
{
    struct str all = {b->data, b->len};
    b->passed += b->len;
    b->len = 0;
    return all;
}

void http__body_end(struct http__body *b)
{
    if (b->inflater && !b->complete && !b->too_large && !b->error && b->received) {
        b->error = "The compressed body ends too early";
        drop(b);
    }
    if (b->data)
        b->data[b->len] = '\0';
}

void http__body_release(struct http__body *b)
{
    if (b->inflater) {
        inflateEnd(b->inflater);
        free(b->inflater);
    }
    free(b->data);
    *b = (struct http__body){0};
}
