/*
 * The chain: link = SHA-256(link before || canonical form of the block). The canonical form is every column as PostgreSQL
 * sends it (binary: numbers and the parts of arrays most significant byte first), each with its length in eight bytes,
 * and -1 for NULL: one form for one row.
 */
#include <endian.h>
#include <stdio.h>

#include "crypto/digest.h"
#include "internal.h"

static void put_int(struct buf *b, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);
    buf_add(b, (const char *)&be, sizeof be);
}

void audit__canonical(struct buf *b, const struct db_rows *rows, int row)
{
    for (int column = 0; column < BLOCK_COLUMNS; column++) {
        struct str s = db_text(rows, row, column);
        put_int(b, s.s ? (int64_t)s.len : -1);
        if (s.s)
            buf_add(b, s.s, s.len);
    }
}

void audit__chain(struct buf *scratch, const struct db_rows *rows, int row, uint8_t link[AUDIT__LINK])
{
    scratch->len = 0;
    buf_add(scratch, (const char *)link, AUDIT__LINK);
    audit__canonical(scratch, rows, row);
    crypto_sha256(scratch->s, scratch->len, link);
}

void audit__chain_start(int32_t tenant, uint8_t link[AUDIT__LINK])
{
    char text[48];
    int n = snprintf(text, sizeof text, "kagari audit %d", (int)tenant);
    crypto_sha256(text, (size_t)n, link);
}

struct str audit__hex(struct arena *a, const uint8_t *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char *out = arena_alloc(a, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
    out[2 * n] = '\0';
    return (struct str){out, 2 * n};
}
