/*
 * base/sql.h: a statement being written: its text, and its parameters in PostgreSQL's binary format. Knows
 * nothing of libpq, so that search can write SQL and db can run it.
 *
 * Each sql_<type>() adds a parameter and returns its number, to be written as $n:
 *     sql_addf(&q, " AND k > $%d", sql_int8(&q, after));
 */
#ifndef KAGARI_BASE_SQL_H
#define KAGARI_BASE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum sql_type {
    SQL_BOOL,
    SQL_INT2,
    SQL_INT4,
    SQL_INT8,
    SQL_TEXT,
    SQL_BYTEA,
    SQL_NUMERIC,
    SQL_TIMESTAMPTZ,
    SQL_INT2_ARRAY,
    SQL_INT4_ARRAY,
    SQL_INT8_ARRAY,
    SQL_TEXT_ARRAY,
    SQL_NUMERIC_ARRAY,
    SQL_BYTEA_ARRAY,
};

struct sql_param {
    enum sql_type type;
    bool binary;      /* SQL_NUMERIC travels as text */
    const char *data; /* NULL: SQL NULL. Text data is NUL-terminated */
    int len;
};

/* A name for statements of many shapes, each of which comes again and again: made from the text. */
#define SQL_BY_TEXT ((const char *)-1)

struct sql {
    struct arena *a;
    const char *name; /* prepared under this name, once a connection; NULL: planned each time */
    bool
        shares; /* equal numbers, times and arrays of numbers are one parameter; then the text depends on them, and so does the name */
    struct buf text;
    struct sql_param *params;
    size_t n, cap;
};

void sql_init(struct sql *q, struct arena *a, const char *name);
void sql_adds(struct sql *q, const char *text);
void sql_addf(struct sql *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int sql_null(struct sql *q, enum sql_type type);
int sql_bool(struct sql *q, bool v);
int sql_int2(struct sql *q, int16_t v);
int sql_int4(struct sql *q, int32_t v);
int sql_int8(struct sql *q, int64_t v);
int sql_text(struct sql *q, struct str v);
int sql_bytea(struct sql *q, const void *data, size_t len);
int sql_numeric(struct sql *q, struct str literal);  /* also "Infinity", "-Infinity" */
int sql_timestamptz(struct sql *q, int64_t wall_us); /* µs since 1970 */
int sql_int2_array(struct sql *q, const int16_t *v, size_t n);
int sql_int4_array(struct sql *q, const int32_t *v, size_t n);
int sql_int8_array(struct sql *q, const int64_t *v, size_t n);
/* Element i is NULL where v[i].s is NULL. */
int sql_text_array(struct sql *q, const struct str *v, size_t n);
int sql_numeric_array(struct sql *q, const struct str *v, size_t n);
int sql_bytea_array(struct sql *q, const struct str *v, size_t n);

#endif
