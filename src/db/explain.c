/*
 * How PostgreSQL runs a statement. EXPLAIN of the text with its values would show a plan made for these values, with the
 * values in it; so the statement is prepared, as it is when it is run, and executed under EXPLAIN. EXECUTE takes literals
 * and no parameters: PostgreSQL writes them itself.
 */
#include "base/str.h"
#include "internal.h"

#define NAME "kagari_explained"

static const char *const types[] = {
    [SQL_BOOL] = "bool",
    [SQL_INT2] = "int2",
    [SQL_INT4] = "int4",
    [SQL_INT8] = "int8",
    [SQL_TEXT] = "text",
    [SQL_BYTEA] = "bytea",
    [SQL_NUMERIC] = "numeric",
    [SQL_TIMESTAMPTZ] = "timestamptz",
    [SQL_INT2_ARRAY] = "int2[]",
    [SQL_INT4_ARRAY] = "int4[]",
    [SQL_INT8_ARRAY] = "int8[]",
    [SQL_TEXT_ARRAY] = "text[]",
    [SQL_NUMERIC_ARRAY] = "numeric[]",
    [SQL_BYTEA_ARRAY] = "bytea[]",
};

static const char *prepare_text(struct arena *a, const struct sql *q)
{
    struct buf b;
    buf_init(&b, a, q->text.len + 256);
    buf_adds(&b, "PREPARE " NAME);
    for (size_t i = 0; i < q->n; i++)
        buf_addf(&b, "%s%s", i ? ", " : "(", types[q->params[i].type]);
    buf_addf(&b, "%s AS %.*s", q->n ? ")" : "", (int)q->text.len, q->text.s);
    return buf_str(&b).s;
}

/* "(1, 'x', …)": as SQL would have them. */
static bool literals(struct db_conn *c, struct arena *a, const struct sql *q, struct str *out,
                     struct err *err)
{
    const struct db_rows *rows;
    struct sql ask = *q;
    *out = STR("");
    if (q->n == 0)
        return true;
    ask.name = NULL;
    buf_init(&ask.text, a, 256);
    sql_adds(&ask, "SELECT '(' || concat_ws(', '");
    for (size_t i = 0; i < q->n; i++)
        sql_addf(&ask, ", quote_nullable($%zu::%s)", i + 1, types[q->params[i].type]);
    sql_adds(&ask, ") || ')'");
    if (!db_exec(c, a, &ask, &rows, err))
        return false;
    *out = db_text(rows, 0, 0);
    return true;
}

static bool explain(struct db_conn *c, struct arena *a, struct str values, bool run, struct str *out,
                    struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q, "EXPLAIN (ANALYZE %s, FORMAT JSON) EXECUTE " NAME " %.*s", run ? "true" : "false",
             STR_FMT(values));
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    *out = db_text(rows, 0, 0);
    return true;
}

bool db_explain(struct db_conn *c, struct arena *a, const struct sql *q, bool run, struct str *out,
                struct err *err)
{
    struct str values;
    struct err ignored;
    if (!db_run(c, prepare_text(a, q), err))
        return false;
    bool ok = literals(c, a, q, &values, err) && explain(c, a, values, run, out, err);
    return db_run(c, "DEALLOCATE " NAME, ok ? err : &ignored) && ok;
}
