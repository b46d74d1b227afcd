/*
 * What the index rows of all that is stored have (table index_state). A server that keeps fewer words than the one
 * before it lowers it, one that keeps more does not raise it: that only indexing everything anew does (jobs.c). All
 * servers of a database have the same setting.
 */
#include "internal.h"

static bool run(struct store *s, struct db_conn *conn, void (*plan)(struct store *, struct sql *),
                struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    plan(s, &q);
    bool ok = db_exec(conn, &a, &q, &rows, err);
    if (ok && db_count(rows))
        atomic_store(&s->text, db_int2(rows, 0, 0));
    arena_release(&a);
    return ok;
}

/* In an empty database everything has what this server keeps. */
static void plan_begin(struct store *s, struct sql *q)
{
    int tenant = sql_int4(q, s->tenant.id), text = sql_int2(q, (int16_t)s->tenant.text);
    sql_addf(q,
             "WITH empty AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM res WHERE tenant = $%d) AS yes) "
             "INSERT INTO index_state AS i (tenant, kept, text) SELECT $%d, $%d, CASE WHEN yes THEN $%d ELSE "
             "0 END "
             "FROM empty ",
             tenant, tenant, text, text);
    sql_addf(
        q,
        "ON CONFLICT (tenant) DO UPDATE SET kept = $%d, since = CASE WHEN i.kept = $%d THEN i.since ELSE "
        "now() END, text = CASE WHEN (SELECT yes FROM empty) THEN $%d ELSE least(i.text, $%d) END "
        "RETURNING text",
        text, text, text, text);
}

static void plan_read(struct store *s, struct sql *q)
{
    sql_addf(q, "SELECT text FROM index_state WHERE tenant = $%d", sql_int4(q, s->tenant.id));
}

bool store__index_state_begin(struct store *s, struct db_conn *conn, struct err *err)
{
    return run(s, conn, plan_begin, err);
}

bool store__index_state_read(struct store *s, struct db_conn *conn, struct err *err)
{
    return run(s, conn, plan_read, err);
}

enum search_text store_text(const struct store *s)
{
    return (enum search_text)atomic_load(&s->text);
}
