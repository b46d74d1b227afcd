/*
 * Matches that are all found before the first is shown, and what every row that is found has to fulfil.
 */
#include "plan.h"

void search__row_columns(struct search__plan *p, const char *k_of)
{
    sql_addf(p->w.sql, "r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, %s.k, r0.tenant%s", k_of,
             p->w.q->contained ? ", NULL::text AS fragment" : "");
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

void search__switch(struct search__plan *p, enum search__way to)
{
    struct sql *q = p->w.sql;
    const char *op = to == WAY_COLLECT ? "<=" : ">";
    if (p->way == WAY_GLANCE)
        sql_addf(q, "(SELECT n FROM cn) %s %d", op, p->w.q->count);
    else if (p->probes)
        sql_addf(q, "(SELECT n FROM cn) %s 0", op);
    else
        sql_addf(q, "(SELECT n FROM cn) %s $%d", op, p->limit);
}

/* What collects may turn out not to be the way. */
static void and_switch(struct search__plan *p)
{
    if (p->way == WAY_COLLECT)
        return;
    sql_adds(p->w.sql, " AND ");
    search__switch(p, WAY_COLLECT);
}

/* Rows that were indexed before side tables had the date are looked up. */
static void collect_dated(struct search__plan *p)
{
    sql_addf(p->w.sql,
             "m AS MATERIALIZED (SELECT c.v AS k, coalesce(max(c.dt), (SELECT r0.dt FROM res r0 WHERE "
             "r0.tenant = $%d AND r0.k = c.v)) AS s0 FROM c WHERE true",
             p->w.tenant);
    and_switch(p);
    sql_adds(p->w.sql, " GROUP BY c.v)");
}

/* Are rows found without reading any? All of a patient's rows, in the order of the lanes. */
static bool by_index_alone(const struct search__plan *p)
{
    const struct search_query *q = p->w.q;
    const struct search_criterion *c = q->criteria->child;
    return p->dated || (p->lead == LEAD_ROW && c->kind == CRIT_KEYS && !c->next && !p->driver &&
                        q->n_types == 1 && q->sorts[0].by == ORDER_LANE_DATE && !p->w.cursor.given);
}

void search__collect(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    if (p->dated) {
        collect_dated(p);
        return;
    }
    /* a row that has been read once is found again by its place: that is the same within a statement */
    const char *column = p->driver ? search__driver_column(p->driver) : NULL;
    sql_adds(q, "m AS MATERIALIZED (SELECT r0.k");
    if (!by_index_alone(p))
        sql_adds(q, column ? ", r0.place" : ", r0.ctid AS place");
    search__sort_keys(&p->w);
    if (!p->driver) {
        search__found_rows(p);
        and_switch(p);
        sql_adds(q, ")");
        return;
    }
    if (column) /* OFFSET 0: look up each, do not make it a join of all */
        sql_adds(q,
                 " FROM (SELECT DISTINCT v FROM c) c CROSS JOIN LATERAL (SELECT r0.*, r0.ctid AS place FROM "
                 "res r0");
    else
        sql_adds(q, " FROM res r0");
    search__base_condition(p, column ? TYPE_INDEXED : TYPE_FILTERED);
    if (column)
        sql_addf(q, " AND r0.%s = c.v OFFSET 0) r0 WHERE true", column);
    else
        sql_adds(q, " AND r0.keys && ARRAY(SELECT v FROM c)");
    and_switch(p);
    search__criteria(p, search__drives_loosely(&p->w, p->driver) ? NULL : p->driver);
    sql_adds(q, ")");
}

void search__page_of_collected(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    sql_adds(q, "SELECT ");
    search__row_columns(p, "x"); /* so that the planner sees that they are in order */
    for (size_t i = 0; i < p->w.q->n_sorts; i++)
        sql_addf(q, ", x.s%zu", i);
    sql_adds(q, " FROM (SELECT x.* FROM m x WHERE true");
    search__after_cursor(&p->w, "x");
    search__order_by(&p->w, "x");
    search__limit(p);
    sql_addf(q, ") x JOIN res r0 ON r0.tenant = $%d AND %s", p->w.tenant,
             by_index_alone(p) ? "r0.k = x.k" : "r0.ctid = x.place");
}
