/*
 * Query → the statement of one page.
 *
 * PostgreSQL, left to itself, answers "keys @> x ORDER BY dt LIMIT n" by walking the ordered index and testing every
 * row, which for a rare key means all of them. So the shape of the statement decides, in one of four ways:
 *
 *   collect  The matches are few: all are found first (CTE m), then sorted, counted and cut. For _id, the patient
 *            lane, keys that the statistics do not know as common, and orders that no index has.
 *   scan     An index delivers rows in the page's order, other criteria filter, LIMIT ends it early: the code lane,
 *            alone or with the patient lane, and whatever has many matches. It is a union of ordered branches,
 *            because second codes are in idx_ovf, and rows whose dates reach far have an index of their own.
 *   try      It cannot be known beforehand: strings, numbers and dates of the side tables, chains, _has. CTE cn counts
 *            the first values of that criterion (c); if that was all of them, collect, else scan. Both are in the
 *            statement, and a condition on the count switches one off before it starts.
 *   glance   A scan for keys whose rows may all lie at one end of the order: it looks at some times the rows that
 *            should have a page of matches (CTE s); where they have none, it was wrong, and all with the keys are
 *            collected.
 *
 * Counting must not cost more than the page. What was collected is counted anyhow; what was scanned is counted as
 * long as few rows have to be looked at, and only when the page did not show them all.
 */
#include "plan.h"

static void page_of_resources(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    if (p->way == WAY_COLLECT) {
        search__page_of_collected(p);
        return;
    }
    sql_adds(q, search__may_repeat(p) ? "SELECT DISTINCT ON (x.s0, x.k) x.* FROM (" : "SELECT x.* FROM (");
    if (p->way != WAY_SCAN) {
        sql_adds(q, "(");
        search__page_of_collected(p);
        sql_adds(q, ") UNION ALL ");
    }
    if (p->way == WAY_GLANCE) {
        sql_adds(q, "(SELECT s.* FROM s WHERE ");
        search__switch(p, WAY_SCAN);
        sql_adds(q, ")");
    } else {
        search__branches(p, SELECT_PAGE);
    }
    sql_adds(q, ") x");
    search__order_by(&p->w, "x");
    search__limit(p);
}

/* named: resources are in CTE p. */
static void page(struct search__plan *p, bool named)
{
    struct sql *q = p->w.sql;
    if (p->w.q->contained == CONTAINED_FALSE) {
        page_of_resources(p);
        return;
    }
    sql_adds(q, "SELECT x.* FROM (");
    if (p->w.q->contained == CONTAINED_BOTH) {
        sql_adds(q, "(");
        named ? sql_adds(q, "SELECT p.* FROM p") : page_of_resources(p);
        sql_adds(q, ") UNION ALL ");
    }
    sql_adds(q, "(");
    search__contained_page(&p->w, p->w.q->count + 1);
    sql_adds(q, ")) x");
    search__order_by(&p->w, "x");
    search__limit(p);
}

/* ---- statements -------------------------------------------------------------------------------------- */

static void start(struct search__plan *p, const struct search_query *q, const struct search_stats *stats,
                  struct sql *out)
{
    *p = (struct search__plan){.w = {.sql = out, .q = q, .stats = stats}};
    sql_init(out, q->a, NULL);
    out->shares = true;
    p->w.tenant = sql_int4(out, q->tenant->id);
    p->w.cursor = *q->position;
    search__find_lead(p);
    p->counts = !p->w.cursor.given && q->total != TOTAL_NONE;
    p->few = search__few_counted_among(p, stats ? stats->rows : 0);
}

/* What the rows of the page have been measured by. */
static void measures(struct search__plan *p)
{
    const struct search_query *query = p->w.q;
    struct sql *q = p->w.sql;
    if (!query->text && !query->near)
        return;
    sql_adds(q, ", (");
    query->text ? search__text_score(&p->w, query->text, "p.k") : sql_adds(q, "NULL");
    sql_adds(q, ")::text AS score, (");
    query->near ? search__near_distance(&p->w, query->near, "p.k") : sql_adds(q, "NULL");
    sql_adds(q, ")::text AS distance");
}

static void count_only(struct search__plan *p)
{
    sql_adds(p->w.sql,
             "SELECT NULL::int2 AS rtype, NULL::text AS rid, NULL::int4 AS ver, NULL::timestamptz AS lu,"
             " NULL::text AS content, NULL::bytea AS sealed, NULL::int8 AS k, NULL::int4 AS tenant, "
             "NULL::text AS cursor,"
             " pg_current_snapshot()::text AS snapshot, ");
    if (p->w.q->contained) {
        sql_adds(p->w.sql, "(WITH ");
        search__contained_matches(&p->w);
        sql_adds(p->w.sql, " SELECT count(*) FROM n)");
    }
    if (p->w.q->contained != CONTAINED_TRUE) {
        sql_adds(p->w.sql, p->w.q->contained ? " + (SELECT count(*)" : "(SELECT count(*)");
        search__found_rows(p);
        sql_adds(p->w.sql, ")");
    }
    sql_adds(p->w.sql, " AS total");
    if (p->w.q->contained)
        sql_adds(p->w.sql, ", NULL::text AS fragment");
}

static void driver_select(struct search__plan *p)
{
    const struct search_query *query = p->w.q;
    search__driver_select(&p->w, p->driver, query->n_types == 1 ? query->types[0] : NULL);
}

/* CTE c: all of the driver's values. */
static void all_of_driver(struct search__plan *p)
{
    sql_adds(p->w.sql, "WITH c AS NOT MATERIALIZED (");
    p->w.dated = p->dated;
    driver_select(p);
    p->w.dated = false;
    sql_adds(p->w.sql, ")");
}

/* CTEs c: the driver's values, and cn: whether they are few. */
static void try(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    p->limit = sql_int8(q, search__few_of(p));
    sql_addf(q, "WITH c AS %sMATERIALIZED (SELECT %s FROM (", p->probes ? "NOT " : "",
             p->dated ? "v, dt" : "v");
    p->w.dated = p->dated;
    driver_select(p);
    p->w.dated = false;
    sql_addf(q, ") d LIMIT $%d + 1), cn AS MATERIALIZED (SELECT count(*) AS n FROM ", p->limit);
    if (!p->probes) {
        sql_adds(q, "c)");
        return;
    }
    sql_adds(q, "(SELECT 1 FROM (");
    driver_select(p);
    sql_addf(q, ") d OFFSET $%d LIMIT 1) d)", p->limit);
}

void search_plan(const struct search_query *query, const struct search_stats *stats, struct sql *out)
{
    struct search__plan p;
    start(&p, query, stats, out);
    out->name = SQL_BY_TEXT;
    search__choose(&p);
    if (query->summary == SUMMARY_COUNT) {
        if (p.way == WAY_COLLECT)
            p.driver = NULL;
        count_only(&p);
        return;
    }
    const char *with = "WITH ";
    if (p.driver) {
        p.way == WAY_TRY ? try(&p) : all_of_driver(&p);
        with = ", ";
    } else if (p.way == WAY_GLANCE) {
        sql_adds(out, "WITH s AS MATERIALIZED (");
        search__branches(&p, SELECT_PAGE);
        sql_adds(out, "), cn AS MATERIALIZED (SELECT count(*) AS n FROM s)");
        with = ", ";
    }
    if (p.way != WAY_SCAN && query->contained != CONTAINED_TRUE) {
        sql_adds(out, with);
        search__collect(&p);
        with = ", ";
    }
    if (query->contained) {
        sql_adds(out, with);
        search__contained_matches(&p.w);
        with = ", ";
    }
    bool named = query->contained && search__counts_scanned(&p);
    if (named) {
        sql_addf(out, "%sp AS MATERIALIZED (", with);
        page_of_resources(&p);
        sql_adds(out, ")");
        with = ", ";
    }
    sql_adds(out, *with == ',' ? " " : "");
    sql_adds(out, "SELECT p.rtype, p.rid, p.ver, p.lu, p.content, p.sealed, p.k, p.tenant, ");
    search__cursor_column(&p.w);
    if (p.w.cursor.given)
        sql_addf(out, " AS cursor, $%d AS snapshot, ", sql_text(out, p.w.cursor.snapshot));
    else
        sql_adds(out, " AS cursor, (SELECT pg_current_snapshot()::text) AS snapshot, ");
    search__total(&p);
    sql_adds(out, " AS total");
    measures(&p);
    if (query->contained)
        sql_adds(out, ", p.fragment");
    sql_adds(out, " FROM (");
    page(&p, named);
    sql_adds(out, ") p");
    search__order_by(&p.w, "p");
}

int64_t search_total_of_none(const struct search_query *q)
{
    return q->position->given ? q->position->total : q->total == TOTAL_NONE ? -1 : 0;
}

void search_plan_match(const struct search_query *query, const struct search_stats *stats, int most,
                       struct sql *out)
{
    struct search__plan p;
    start(&p, query, stats, out);
    sql_adds(out, "SELECT r0.rtype, r0.rid, r0.k, r0.ver");
    search__found_rows(&p);
    sql_addf(out, " LIMIT $%d", sql_int8(out, most));
}

bool search_is_key(const struct search_query *q, const struct search_stats *stats, int64_t *key)
{
    const struct search_criterion *c = q->criteria->child;
    if (q->n_types != 1 || q->empty || q->needs_terminology || q->contained != CONTAINED_FALSE || !c ||
        c->next || c->kind != CRIT_KEYS || c->lane == LANE_PAT || c->n_keys != 1 ||
        search__rows_of_keys(stats, c))
        return false;
    *key = c->keys[0].key;
    return true;
}

void search_plan_match_keys(const struct search_tenant *t, struct arena *a, const int64_t *keys, size_t n,
                            int limit, struct sql *out)
{
    sql_init(out, a, NULL);
    int tenant = sql_int4(out, t->id), wanted = sql_int8_array(out, keys, n);
    sql_addf(out,
             "SELECT f.rtype, f.rid, x.key FROM (SELECT r0.rtype, r0.rid, r0.keys FROM res r0 WHERE "
             "r0.tenant = $%d "
             "AND NOT r0.deleted AND r0.keys && $%d LIMIT $%d) f CROSS JOIN LATERAL unnest(f.keys) x(key) "
             "WHERE x.key = ANY ($%d)",
             tenant, wanted, sql_int8(out, limit), wanted);
}
