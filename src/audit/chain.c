/*
 * The chain: link = SHA-256(link before || canonical form of the entry). The canonical form has every column, integers as
 * eight bytes, most significant first, everything else with its length, NULL told from empty: one form for one row.
 */
#include <endian.h>

#include "crypto/digest.h"
#include "internal.h"

static void put_int(struct buf *b, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);
    buf_add(b, (const char *)&be, sizeof be);
}

static void put_bytes(struct buf *b, const struct db_rows *rows, int row, int column)
{
    struct str s = db_text(rows, row, column);
    put_int(b, s.s ? (int64_t)s.len : -1);
    if (s.s)
        buf_add(b, s.s, s.len);
}

void audit__canonical(struct buf *b, const struct db_rows *rows, int row)
{
    static const enum audit__column int8s[] = {COLUMN_POS, COLUMN_K, COLUMN_AT, COLUMN_AGENT, COLUMN_SHAPE},
                                    int4s[] = {COLUMN_SHOWN, COLUMN_TENANT, COLUMN_VER},
                                    int2s[] = {COLUMN_RTYPE, COLUMN_OP, COLUMN_STATUS, COLUMN_PURPOSE};
    int64_t *pats;
    for (size_t i = 0; i < sizeof int8s / sizeof int8s[0]; i++)
        put_int(b, db_int8(rows, row, int8s[i]));
    for (size_t i = 0; i < sizeof int4s / sizeof int4s[0]; i++)
        put_int(b, db_int4(rows, row, int4s[i]));
    for (size_t i = 0; i < sizeof int2s / sizeof int2s[0]; i++)
        put_int(b, db_int2(rows, row, int2s[i]));
    buf_addc(b, db_null(rows, row, COLUMN_PAT) ? 'n' : 'v');
    if (!db_null(rows, row, COLUMN_PAT))
        put_int(b, db_int8(rows, row, COLUMN_PAT));
    put_bytes(b, rows, row, COLUMN_RID);
    put_bytes(b, rows, row, COLUMN_REQUEST);
    size_t n = db_int8_array(rows, row, COLUMN_PATS, b->a, &pats);
    put_int(b, db_null(rows, row, COLUMN_PATS) ? -1 : (int64_t)n);
    for (size_t i = 0; i < n; i++)
        put_int(b, pats[i]);
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
