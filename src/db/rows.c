#include <endian.h>
#include <stdio.h>

#include "internal.h"

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_BYTEA_ARRAY = 1001,
    OID_INT2_ARRAY = 1005,
    OID_INT4_ARRAY = 1007,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_NUMERIC_ARRAY = 1231,
};

static const Oid type_oids[] = {
    [SQL_BOOL] = OID_BOOL,
    [SQL_INT2] = OID_INT2,
    [SQL_INT4] = OID_INT4,
    [SQL_INT8] = OID_INT8,
    [SQL_TEXT] = OID_TEXT,
    [SQL_BYTEA] = OID_BYTEA,
    [SQL_NUMERIC] = OID_NUMERIC,
    [SQL_TIMESTAMPTZ] = OID_TIMESTAMPTZ,
    [SQL_INT2_ARRAY] = OID_INT2_ARRAY,
    [SQL_INT4_ARRAY] = OID_INT4_ARRAY,
    [SQL_INT8_ARRAY] = OID_INT8_ARRAY,
    [SQL_TEXT_ARRAY] = OID_TEXT_ARRAY,
    [SQL_NUMERIC_ARRAY] = OID_NUMERIC_ARRAY,
    [SQL_BYTEA_ARRAY] = OID_BYTEA_ARRAY,
};

void db__params(const struct sql *q, struct arena *a, struct db__params *out)
{
    out->n = (int)q->n;
    out->types = ARENA_ARRAY(a, Oid, q->n);
    out->values = ARENA_ARRAY(a, const char *, q->n);
    out->lengths = ARENA_ARRAY(a, int, q->n);
    out->formats = ARENA_ARRAY(a, int, q->n);
    for (size_t i = 0; i < q->n; i++) {
        out->types[i] = type_oids[q->params[i].type];
        out->values[i] = q->params[i].data;
        out->lengths[i] = q->params[i].len;
        out->formats[i] = q->params[i].binary;
    }
}

/* struct db_rows is a PGresult under another name: nothing else is kept. */
static const PGresult *result(const struct db_rows *r)
{
    return (const PGresult *)r;
}

static void clear(void *place)
{
    PQclear(*(PGresult **)place);
}

PGresult **db__place(struct arena *a)
{
    PGresult **place = ARENA_NEW(a, PGresult *);
    arena_cleanup(a, clear, place);
    return place;
}

const struct db_rows *db__rows(PGresult **place, PGresult *r)
{
    *place = r;
    return (const struct db_rows *)r;
}

int db_count(const struct db_rows *r)
{
    return PQntuples(result(r));
}

bool db_null(const struct db_rows *r, int row, int column)
{
    return PQgetisnull(result(r), row, column);
}

static const char *value(const struct db_rows *r, int row, int column)
{
    return PQgetvalue(result(r), row, column);
}

bool db_bool(const struct db_rows *r, int row, int column)
{
    return value(r, row, column)[0] != 0;
}

static uint32_t be32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static uint64_t be64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

int16_t db_int2(const struct db_rows *r, int row, int column)
{
    uint16_t v;
    memcpy(&v, value(r, row, column), sizeof v);
    return (int16_t)be16toh(v);
}

int32_t db_int4(const struct db_rows *r, int row, int column)
{
    return (int32_t)be32(value(r, row, column));
}

int64_t db_int8(const struct db_rows *r, int row, int column)
{
    return (int64_t)be64(value(r, row, column));
}

int64_t db_timestamptz(const struct db_rows *r, int row, int column)
{
    return db_int8(r, row, column) + INT64_C(946684800) * 1000000; /* PostgreSQL counts from 2000-01-01 */
}

struct str db_text(const struct db_rows *r, int row, int column)
{
    if (db_null(r, row, column))
        return (struct str){NULL, 0};
    return (struct str){value(r, row, column), (size_t)PQgetlength(result(r), row, column)};
}

/* One-dimensional array in binary: see base/sql.c. Returns the first element's length word. */
static const char *array_elements(const struct db_rows *r, int row, int column, size_t *n)
{
    *n = 0;
    if (db_null(r, row, column))
        return NULL;
    const char *p = value(r, row, column);
    if (be32(p) == 0)
        return NULL;
    *n = be32(p + 12);
    return p + 20;
}

size_t db_int8_array(const struct db_rows *r, int row, int column, struct arena *a, int64_t **out)
{
    size_t n;
    const char *p = array_elements(r, row, column, &n);
    *out = ARENA_ARRAY(a, int64_t, n);
    for (size_t i = 0; i < n; i++, p += 12)
        (*out)[i] = (int64_t)be64(p + 4);
    return n;
}

bool db__ok(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK;
}

/* SQLSTATEs by prefix (PostgreSQL manual, appendix A); the first that fits. */
static const struct {
    const char *prefix;
    enum err_kind kind;
    const char *msg;
} states[] = {
    {"57014", ERR_TIMEOUT, "The database took too long; try again, or ask for less at a time"},
    {"23505", ERR_CONFLICT, "Another request wrote the same resource at the same time; try again"},
    {"40", ERR_CONFLICT, "Another request wrote the same resources at the same time; try again"},
    {"55P03", ERR_CONFLICT, "Another request holds the same resources; try again"},
    {"08", ERR_BUSY, "The database cannot be reached; try again later"},
    {"53", ERR_BUSY, "The database has no room for this now; try again later"},
    {"57", ERR_BUSY, "The database is restarting; try again later"},
    {"25006", ERR_BUSY, "The database takes no writes now; try again later"},
};

bool db__error(const PGresult *r, struct err *err)
{
    if (!r)
        return err_detail(err, ERR_BUSY, "The database cannot be reached; try again later",
                          "connection lost");
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    const char *where = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);
    if (!state) /* libpq made the result itself: the connection broke under the statement */
        return err_detail(err, ERR_BUSY, "The database cannot be reached; try again later",
                          "connection lost");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strncmp(state, states[i].prefix, strlen(states[i].prefix)) == 0)
            return err_detail(err, states[i].kind, states[i].msg, "SQLSTATE %s %s", state,
                              constraint ? constraint : "");
    return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                      "SQLSTATE %s %s in %s", state, constraint ? constraint : "", where ? where : "?");
}
