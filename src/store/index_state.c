/*
 * What the index rows of all that is stored have (table index_state). A server that keeps fewer words than the one
 * before it lowers it, one that keeps more does not raise it: that only indexing everything anew does (jobs.c). All
 * servers of a database have the same setting.
 */
#include "base/log.h"
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
    if (ok && db_count(rows))
        atomic_store(&s->old_form, db_int2(rows, 0, 1) < SEARCH_INDEX_FORM);
    arena_release(&a);
    return ok;
}

/* In an empty database everything has what this server keeps. */
static void plan_begin(struct store *s, struct sql *q)
{
    int tenant = sql_int4(q, s->tenant.id), text = sql_int2(q, (int16_t)s->tenant.text);
    sql_addf(q,
             "WITH empty AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM res WHERE tenant = $%d) AS yes) "
             "INSERT INTO index_state AS i (tenant, kept, kept_form, text, form) SELECT $%d, $%d, %d, "
             "CASE WHEN yes THEN $%d ELSE 0 END, CASE WHEN yes THEN %d ELSE 0 END FROM empty ",
             tenant, tenant, text, SEARCH_INDEX_FORM, text, SEARCH_INDEX_FORM);
    sql_addf(
        q,
        "ON CONFLICT (tenant) DO UPDATE SET kept = $%d, kept_form = %d, "
        "since = CASE WHEN i.kept = $%d AND i.kept_form = %d THEN i.since ELSE now() END, "
        "text = CASE WHEN (SELECT yes FROM empty) THEN $%d ELSE least(i.text, $%d) END, "
        "form = CASE WHEN (SELECT yes FROM empty) THEN %d ELSE least(i.form, %d) END RETURNING text, form",
        text, SEARCH_INDEX_FORM, text, SEARCH_INDEX_FORM, text, text, SEARCH_INDEX_FORM, SEARCH_INDEX_FORM);
}

static void plan_read(struct store *s, struct sql *q)
{
    sql_addf(q, "SELECT text, form FROM index_state WHERE tenant = $%d", sql_int4(q, s->tenant.id));
}

bool store__index_state_begin(struct store *s, struct db_conn *conn, struct err *err)
{
    if (!run(s, conn, plan_begin, err))
        return false;
    if (store_index_is_old(s))
        log_event(LOG_WARN, "old-index",
                  LOG_S("advice", "POST $reindex: searches may miss resources until then"));
    return true;
}

bool store__index_state_read(struct store *s, struct db_conn *conn, struct err *err)
{
    return run(s, conn, plan_read, err);
}

enum search_text store_text(const struct store *s)
{
    return (enum search_text)atomic_load(&s->text);
}

bool store_index_is_old(const struct store *s)
{
    return atomic_load(&s->old_form);
}
