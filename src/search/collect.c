/*
 * Matches that are all found before the first is shown, and what every row that is found has to fulfil.
 */
#include "plan.h"

const char *search__row_columns(const struct search__plan *p)
{
    return p->w.q->contained ? "r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, r0.k, r0.tenant, "
                               "NULL::text AS fragment"
                             : "r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, r0.k, r0.tenant";
}

void search__limit(struct search__plan *p)
{
    /* a literal: the planner has to know that it is small */
    sql_addf(p->w.sql, " LIMIT %d", p->w.q->count + 1);
}

void search__base_condition(struct search__plan *p, enum search__by_type by)
{
    const struct search_query *query = p->w.q;
    struct sql *q = p->w.sql;
    sql_addf(q, " WHERE r0.tenant = $%d AND NOT r0.deleted", p->w.tenant);
    const char *hide = by == TYPE_FILTERED ? " + 0" : "";
    if (by != TYPE_ELSEWHERE && query->n_types == 1)
        sql_addf(q, " AND r0.rtype%s = $%d", hide, sql_int2(q, (int16_t)query->types[0]->id));
    else if (by != TYPE_ELSEWHERE && query->n_types > 1)
        sql_addf(q, " AND r0.rtype%s = ANY ($%d)", hide, search__types_param(&p->w));
    if (p->w.cursor.given)
        sql_addf(q, " AND pg_visible_in_snapshot(r0.xid, $%d::pg_snapshot)",
                 sql_text(q, p->w.cursor.snapshot));
}

void search__criteria(struct search__plan *p, const struct search_criterion *but)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        if (c == but)
            continue;
        sql_adds(p->w.sql, " AND ");
        search__where(&p->w, c, 0, search__leads(p, c) ? USE_INDEX : USE_FILTER);
    }
}

void search__found_rows(struct search__plan *p)
{
    sql_adds(p->w.sql, " FROM res r0");
    search__base_condition(p, p->lead == LEAD_KEYS ? TYPE_FILTERED : TYPE_INDEXED);
    search__criteria(p, NULL);
}

/* Rows that were indexed before side tables had the date are looked up. */
static void collect_dated(struct search__plan *p)
{
    sql_addf(p->w.sql,
             "m AS MATERIALIZED (SELECT c.v AS k, coalesce(max(c.dt), (SELECT r0.dt FROM res r0 WHERE "
             "r0.tenant = $%d "
             "AND r0.k = c.v)) AS s0 FROM c WHERE (SELECT n FROM cn) <= $%d GROUP BY c.v)",
             p->w.tenant, p->limit);
}

void search__collect(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    if (p->dated) {
        collect_dated(p);
        return;
    }
    sql_adds(q, "m AS MATERIALIZED (SELECT r0.k");
    search__sort_keys(&p->w);
    if (!p->driver) {
        search__found_rows(p);
        sql_adds(q, ")");
        return;
    }
    const char *column = search__driver_column(p->driver);
    if (column) /* OFFSET 0: look up each, do not make it a join of all */
        sql_adds(q, " FROM (SELECT DISTINCT v FROM c) c CROSS JOIN LATERAL (SELECT r0.* FROM res r0");
    else
        sql_adds(q, " FROM res r0");
    search__base_condition(p, column ? TYPE_INDEXED : TYPE_FILTERED);
    if (column)
        sql_addf(q, " AND r0.%s = c.v OFFSET 0) r0 WHERE ", column);
    else
        sql_adds(q, " AND r0.keys && ARRAY(SELECT v FROM c) AND ");
    sql_addf(q, "(SELECT n FROM cn) <= $%d", p->limit);
    search__criteria(p, search__drives_loosely(&p->w, p->driver) ? NULL : p->driver);
    sql_adds(q, ")");
}

void search__page_of_collected(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    sql_addf(q, "SELECT %s", search__row_columns(p));
    for (size_t i = 0; i < p->w.q->n_sorts; i++)
        sql_addf(q, ", x.s%zu", i);
    sql_adds(q, " FROM (SELECT x.* FROM m x WHERE true");
    search__after_cursor(&p->w, "x");
    search__order_by(&p->w, "x");
    search__limit(p);
    sql_addf(q, ") x JOIN res r0 ON r0.tenant = $%d AND r0.k = x.k", p->w.tenant);
}
