#include "base/sql.h"

#include <endian.h>

void sql_init(struct sql *q, struct arena *a, const char *name)
{
    *q = (struct sql){.a = a, .name = name};
    buf_init(&q->text, a, 512);
}

void sql_adds(struct sql *q, const char *text)
{
    buf_adds(&q->text, text);
}

void sql_addf(struct sql *q, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&q->text, fmt, ap);
    va_end(ap);
}

static int add(struct sql *q, enum sql_type type, const void *data, size_t len, bool binary)
{
    *ARENA_PUSH(q->a, q->params, q->n, q->cap) =
        (struct sql_param){.type = type, .binary = binary, .data = data, .len = (int)len};
    return (int)q->n;
}

static int add_copy(struct sql *q, enum sql_type type, const void *data, size_t len)
{
    for (size_t i = 0; q->shares && i < q->n; i++)
        if (q->params[i].type == type && q->params[i].data && memcmp(q->params[i].data, data, len) == 0)
            return (int)i + 1;
    return add(q, type, arena_strndup(q->a, data, len), len, true);
}

int sql_null(struct sql *q, enum sql_type type)
{
    return add(q, type, NULL, 0, true);
}

int sql_bool(struct sql *q, bool v)
{
    char byte = v;
    return add_copy(q, SQL_BOOL, &byte, 1);
}

int sql_int2(struct sql *q, int16_t v)
{
    uint16_t be = htobe16((uint16_t)v);
    return add_copy(q, SQL_INT2, &be, sizeof be);
}

int sql_int4(struct sql *q, int32_t v)
{
    uint32_t be = htobe32((uint32_t)v);
    return add_copy(q, SQL_INT4, &be, sizeof be);
}

int sql_int8(struct sql *q, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);
    return add_copy(q, SQL_INT8, &be, sizeof be);
}

int sql_text(struct sql *q, struct str v)
{
    return add(q, SQL_TEXT, v.s, v.len, true);
}

int sql_bytea(struct sql *q, const void *data, size_t len)
{
    return add(q, SQL_BYTEA, data, len, true);
}

int sql_numeric(struct sql *q, struct str v)
{
    return add(q, SQL_NUMERIC, arena_strndup(q->a, v.s, v.len), v.len, false);
}

/* PostgreSQL counts timestamps from 2000-01-01. */
static const int64_t postgres_epoch_us = INT64_C(946684800) * 1000000;

int sql_timestamptz(struct sql *q, int64_t wall_us)
{
    uint64_t be = htobe64((uint64_t)(wall_us - postgres_epoch_us));
    return add_copy(q, SQL_TIMESTAMPTZ, &be, sizeof be);
}

/*
 * Arrays in binary format: number of dimensions, has-nulls flag, element OID, then for the one dimension its
 * length and lower bound, then each element with its byte count (array_send in PostgreSQL's arrayfuncs.c).
 */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25 };

static char *put32(char *p, int32_t v)
{
    uint32_t be = htobe32((uint32_t)v);
    memcpy(p, &be, 4);
    return p + 4;
}

static char *array_head(char *p, size_t n, bool nulls, int32_t oid)
{
    p = put32(p, n > 0);
    p = put32(p, nulls);
    p = put32(p, oid);
    if (n > 0) {
        p = put32(p, (int32_t)n);
        p = put32(p, 1);
    }
    return p;
}

static int int_array(struct sql *q, enum sql_type type, int32_t oid, size_t size, const void *v, size_t n)
{
    char *data = arena_alloc(q->a, 20 + n * (4 + size)), *p = array_head(data, n, false, oid);
    for (size_t i = 0; i < n; i++) {
        p = put32(p, (int32_t)size);
        for (size_t byte = 0; byte < size; byte++) /* little endian to network order */
            *p++ = ((const char *)v)[i * size + size - 1 - byte];
    }
    const size_t len = (size_t)(p - data);
    for (size_t i = 0; q->shares && i < q->n; i++) {
        const struct sql_param *there = &q->params[i];
        if (there->type == type && there->data && (size_t)there->len == len &&
            memcmp(there->data, data, len) == 0)
            return (int)i + 1;
    }
    return add(q, type, data, len, true);
}

int sql_int2_array(struct sql *q, const int16_t *v, size_t n)
{
    return int_array(q, SQL_INT2_ARRAY, OID_INT2, 2, v, n);
}

int sql_int4_array(struct sql *q, const int32_t *v, size_t n)
{
    return int_array(q, SQL_INT4_ARRAY, OID_INT4, 4, v, n);
}

int sql_int8_array(struct sql *q, const int64_t *v, size_t n)
{
    return int_array(q, SQL_INT8_ARRAY, OID_INT8, 8, v, n);
}

static int bytes_array(struct sql *q, enum sql_type type, int32_t oid, const struct str *v, size_t n)
{
    size_t size = 20;
    bool nulls = false;
    for (size_t i = 0; i < n; i++) {
        size += 4 + v[i].len;
        nulls |= v[i].s == NULL;
    }
    char *data = arena_alloc(q->a, size), *p = array_head(data, n, nulls, oid);
    for (size_t i = 0; i < n; i++) {
        p = put32(p, v[i].s ? (int32_t)v[i].len : -1);
        if (v[i].len)
            memcpy(p, v[i].s, v[i].len);
        p += v[i].len;
    }
    return add(q, type, data, (size_t)(p - data), true);
}

int sql_text_array(struct sql *q, const struct str *v, size_t n)
{
    return bytes_array(q, SQL_TEXT_ARRAY, OID_TEXT, v, n);
}

int sql_bytea_array(struct sql *q, const struct str *v, size_t n)
{
    return bytes_array(q, SQL_BYTEA_ARRAY, OID_BYTEA, v, n);
}

/* Numerics travel as text, so their array does too: {1.10,NULL}. */
int sql_numeric_array(struct sql *q, const struct str *v, size_t n)
{
    struct buf b;
    buf_init(&b, q->a, 16 * n + 3);
    buf_addc(&b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addc(&b, ',');
        buf_addstr(&b, v[i].s ? v[i] : STR("NULL"));
    }
    buf_addc(&b, '}');
    return add(q, SQL_NUMERIC_ARRAY, b.s, b.len, false);
}
