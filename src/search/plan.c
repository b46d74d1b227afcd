/*
 * Query → the statement of one page.
 *
 * PostgreSQL, left to itself, answers "keys @> x ORDER BY dt LIMIT n" by walking the ordered index and testing every
 * row, which for a rare key means all of them. So the shape of the statement decides, in one of three ways:
 *
 *   collect  The matches are few: all are found first (CTE m), then sorted, counted and cut. For _id, the patient
 *            lane, keys that the statistics do not know as common, and orders that no index has.
 *   scan     An index delivers rows in the page's order, other criteria filter, LIMIT ends it early: the code lane,
 *            alone or with the patient lane, and whatever has many matches. It is a union of ordered branches,
 *            because second codes are in idx_ovf, and rows whose dates reach far have an index of their own.
 *   try      It cannot be known beforehand: strings, numbers and dates of the side tables, chains, _has. CTE c reads
 *            the first values of that criterion; if that was all of them, collect, else scan. Both are in the
 *            statement, and a condition on c's count switches one off before it starts.
 *
 * Counting must not cost more than the page. What was collected is counted anyhow; what was scanned is counted as
 * long as few rows have to be looked at, and only when the page did not show them all.
 */
#include <math.h>

#include "internal.h"

/*
 * Few is the number m of matches at which collecting them all (m rows) costs as much as scanning for a page of them
 * (page · rows / m), within bounds.
 */
#define FEW_LEAST          64
#define FEW_MOST           10000
#define FEW_DATED          2    /* times as many, when they are collected without their rows */
#define FEW_NUMBERS        1000 /* at most, when numbers are scanned in the page's order without their rows */
#define FEW_PATIENTS       200  /* as many rows, at most, when it is not known how many rows a patient has */
#define FEW_PATIENTS_LEAST 32

enum way { WAY_COLLECT, WAY_SCAN, WAY_TRY };

/*
 * What finds the rows that are collected; all other criteria are written as filters. So the planner, which plans each
 * shape once and without its values, has no choice to make.
 */
enum lead {
    LEAD_NONE,
    LEAD_ONE,  /* one criterion, of a side table or a range of a lane */
    LEAD_KEYS, /* the GIN index */
    LEAD_ROW,  /* _id, or the patient lane */
};

struct plan {
    struct search__sql w;
    enum way way;
    const struct search_criterion *driver; /* of WAY_TRY */
    const struct search_criterion *code;   /* of a scan: the code lane or the shared one delivers the rows */
    const struct search_criterion *pat;    /* of a scan: within the patient lane */
    const struct search_criterion *date;   /* of a scan: a date criterion in two parts */
    enum lead lead;                        /* of WAY_COLLECT: by what the rows are found … */
    const struct search_criterion *leader; /* … LEAD_ONE: by this */
    bool numbers; /* of a scan: idx_num delivers what the driver asks for, a number with a unit */
    bool dated;   /* the driver is all that is asked, and knows the order of the page */
    bool counts;  /* this page has a total */
    int64_t few;
    int limit; /* parameter: few */
};

/* ---- choice ------------------------------------------------------------------------------------------ */

static bool is_row(const struct search_criterion *c)
{
    return c->kind == CRIT_ID || (c->kind == CRIT_KEYS && c->lane == LANE_PAT);
}

/* Of the types that are searched, or all there are, when those are not known; 0: nothing is. */
static int64_t rows_asked(const struct plan *p)
{
    int64_t rows = search__rows_of_types(p->w.stats, p->w.q);
    return rows || !p->w.stats ? rows : p->w.stats->rows;
}

/* How many rows the keys leave, if they are independent of each other; -1: there are none, or too few are known. */
static int64_t rows_of_all(const struct plan *p)
{
    double rows = (double)rows_asked(p), left = rows;
    bool keys = false;
    for (const struct search_criterion *c = p->w.q->criteria->child; c && rows > 0; c = c->next)
        if (c->kind == CRIT_KEYS) {
            left *= (double)search__rows_of_keys(p->w.stats, c) / rows;
            keys = true;
        }
    return keys ? (int64_t)left : -1;
}

static bool is_few(const struct plan *p, const struct search_criterion *c)
{
    /* What is counted up to the limit might as well be collected. */
    int64_t few = p->counts ? 2 * p->few : p->few;
    return is_row(c) || c->kind == CRIT_NONE || (c->kind == CRIT_DICT && p->w.q->n_types != 1) ||
           c->kind == CRIT_TREE || (c->kind == CRIT_KEYS && search__rows_of_keys(p->w.stats, c) <= few);
}

/* Can it be asked first, and how many rows it leaves be seen from that? */
static bool drives(const struct search_query *q, const struct search_criterion *c)
{
    enum search__order by = q->sorts[0].by;
    if (c->kind == CRIT_UPDATED)
        return by != ORDER_UPDATED;
    if (c->kind == CRIT_TEXT || c->kind == CRIT_HAS)
        return true;
    return q->n_types == 1 &&
           (search__drives(c) || c->kind == CRIT_DICT || (c->kind == CRIT_DATE && by != ORDER_LANE_DATE));
}

static enum lead lead_of(const struct search_criterion *c)
{
    if (is_row(c))
        return LEAD_ROW;
    if (c->kind == CRIT_KEYS || c->kind == CRIT_DICT || c->kind == CRIT_TREE)
        return LEAD_KEYS;
    return search__drives(c) || c->kind == CRIT_UPDATED || c->kind == CRIT_DATE ? LEAD_ONE : LEAD_NONE;
}

static void find_lead(struct plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        enum lead lead = lead_of(c);
        if (lead > p->lead)
            p->lead = lead;
        if (lead == LEAD_ONE && !p->leader)
            p->leader = c;
    }
}

static bool leads(const struct plan *p, const struct search_criterion *c)
{
    return p->way == WAY_COLLECT && p->lead && lead_of(c) == p->lead &&
           (p->lead != LEAD_ONE || c == p->leader);
}

static int64_t few_among(const struct plan *p, int64_t rows)
{
    int64_t few = (int64_t)sqrt((double)rows * (p->w.q->count + 1));
    return few < FEW_LEAST ? FEW_LEAST : few > FEW_MOST ? FEW_MOST : few;
}

/* No fewer than are looked at anyhow, when they are counted. */
static int64_t few_counted_among(const struct plan *p, int64_t rows)
{
    int64_t few = rows ? few_among(p, rows) : FEW_MOST, most = p->w.q->options.limits.total_limit;
    most = most < FEW_MOST ? most : FEW_MOST;
    return p->counts && few < most ? most : few;
}

/* An index range may end where the criterion does. */
static bool narrows(const struct search_criterion *c)
{
    return (c->kind == CRIT_DATE && c->lane == LANE_DATE) || c->kind == CRIT_UPDATED;
}

/* What idx_ovf finds in the order of the page: alone, or of so many rows that they had better not be collected. */
static bool is_walked(const struct plan *p, const struct search_criterion *c)
{
    if (c->kind != CRIT_KEYS || c->lane != LANE_SHARED || (p->w.stats && p->w.stats->old_form))
        return false;
    bool alone = true;
    for (const struct search_criterion *o = p->w.q->criteria->child; o; o = o->next)
        alone = alone && (o == c || narrows(o));
    return alone || !is_few(p, c);
}

static void choose(struct plan *p)
{
    const struct search_query *q = p->w.q;
    const struct search_criterion *code = NULL, *pat = NULL, *driver = NULL, *date = NULL, *shared = NULL;
    bool by_date = q->n_types == 1 && q->sorts[0].by == ORDER_LANE_DATE;
    int64_t all = rows_of_all(p);
    bool few = false;
    for (const struct search_criterion *c = q->criteria->child; c; c = c->next) {
        if (c->kind == CRIT_KEYS && c->lane == LANE_CODE && !code)
            code = c;
        else if (c->kind == CRIT_KEYS && c->lane == LANE_PAT && c->n_keys == 1 && !pat)
            pat = c;
        else if (by_date && !shared && is_walked(p, c))
            shared = c;
        else
            few = few || is_few(p, c);
        if (!date && search__has_far_part(c))
            date = c;
        if (!driver && drives(q, c))
            driver = c;
    }
    if (shared && !code && !pat && (all > p->few || !q->criteria->child->next))
        code = shared;
    else if (shared)
        few = few || is_few(p, shared);
    /* an index has the patient's rows in order when they have one code, not when several or any */
    bool by_code = code && by_date && search__is_indexed_order(q) && !few && (!pat || code->n_keys == 1);
    few = few || pat || (code && code != shared && is_few(p, code)) || (all >= 0 && all <= p->few);
    if (q->contained == CONTAINED_TRUE || (!by_code && (few || !search__is_indexed_order(q)))) {
        p->way = WAY_COLLECT;
        return;
    }
    p->way = WAY_SCAN;
    p->date = by_date ? date : NULL;
    if (by_code) {
        p->code = code;
        p->pat = pat;
    }
    /* few of a common code's rows may have the value */
    if (driver && (!by_code || (!pat && driver->kind != CRIT_HAS && driver->kind != CRIT_UPDATED))) {
        p->way = WAY_TRY;
        p->driver = driver;
        if (by_code && driver->kind != CRIT_CHAIN)
            p->few = few_among(p, search__rows_of_keys(p->w.stats, code));
        else if (!search__is_join(driver))
            p->few = few_counted_among(p, rows_asked(p));
        p->dated = by_date && !q->criteria->child->next && !p->w.cursor.given && search__is_dated(driver);
        p->numbers =
            by_date && !by_code && search__walks_numbers(driver) && !(p->w.stats && p->w.stats->old_form);
        if (p->numbers && p->few > FEW_NUMBERS)
            p->few = FEW_NUMBERS;
        else if (p->dated)
            p->few *= FEW_DATED;
    }
}

/* ---- parts of the statement -------------------------------------------------------------------------- */

static const char *row_columns(const struct plan *p)
{
    return p->w.q->contained ? "r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, r0.k, r0.tenant, "
                               "NULL::text AS fragment"
                             : "r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, r0.k, r0.tenant";
}

static void limit(struct plan *p)
{
    /* a literal: the planner has to know that it is small */
    sql_addf(p->w.sql, " LIMIT %d", p->w.q->count + 1);
}

/* How the type of the rows is asked for. */
enum by_type {
    TYPE_INDEXED,
    TYPE_FILTERED, /* by an expression that no index has: another index finds the rows, and it shall do so alone */
    TYPE_ELSEWHERE,
};

/* Rows of this search's tenant and types, and on later pages only the versions that the first page's snapshot saw.
 */
static void base_condition(struct plan *p, enum by_type by)
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

/* Those but one, which stands elsewhere. */
static void criteria(struct plan *p, const struct search_criterion *but)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        if (c == but)
            continue;
        sql_adds(p->w.sql, " AND ");
        search__where(&p->w, c, 0, leads(p, c) ? USE_INDEX : USE_FILTER);
    }
}

static void found_rows(struct plan *p)
{
    sql_adds(p->w.sql, " FROM res r0");
    base_condition(p, p->lead == LEAD_KEYS ? TYPE_FILTERED : TYPE_INDEXED);
    criteria(p, NULL);
}

/* Rows that were indexed before side tables had the date are looked up. */
static void collect_dated(struct plan *p)
{
    sql_addf(p->w.sql,
             "m AS MATERIALIZED (SELECT c.v AS k, coalesce(max(c.dt), (SELECT r0.dt FROM res r0 WHERE "
             "r0.tenant = $%d "
             "AND r0.k = c.v)) AS s0 FROM c WHERE (SELECT n FROM cn) <= $%d GROUP BY c.v)",
             p->w.tenant, p->limit);
}

/* CTE m: the matches' k and sort keys. */
static void collect(struct plan *p)
{
    struct sql *q = p->w.sql;
    if (p->dated) {
        collect_dated(p);
        return;
    }
    sql_adds(q, "m AS MATERIALIZED (SELECT r0.k");
    search__sort_keys(&p->w);
    if (!p->driver) {
        found_rows(p);
        sql_adds(q, ")");
        return;
    }
    const char *column = search__driver_column(p->driver);
    if (column) /* OFFSET 0: look up each, do not make it a join of all */
        sql_adds(q, " FROM (SELECT DISTINCT v FROM c) c CROSS JOIN LATERAL (SELECT r0.* FROM res r0");
    else
        sql_adds(q, " FROM res r0");
    base_condition(p, column ? TYPE_INDEXED : TYPE_FILTERED);
    if (column)
        sql_addf(q, " AND r0.%s = c.v OFFSET 0) r0 WHERE ", column);
    else
        sql_adds(q, " AND r0.keys && ARRAY(SELECT v FROM c) AND ");
    sql_addf(q, "(SELECT n FROM cn) <= $%d", p->limit);
    criteria(p, search__drives_loosely(&p->w, p->driver) ? NULL : p->driver);
    sql_adds(q, ")");
}

static void page_of_collected(struct plan *p)
{
    struct sql *q = p->w.sql;
    sql_addf(q, "SELECT %s", row_columns(p));
    for (size_t i = 0; i < p->w.q->n_sorts; i++)
        sql_addf(q, ", x.s%zu", i);
    sql_adds(q, " FROM (SELECT x.* FROM m x WHERE true");
    search__after_cursor(&p->w, "x");
    search__order_by(&p->w, "x");
    limit(p);
    sql_addf(q, ") x JOIN res r0 ON r0.tenant = $%d AND r0.k = x.k", p->w.tenant);
}

/*
 * Where a branch takes its rows from. Of the code lane there are two, the first code of a resource and others; within
 * a patient's rows the others are filtered out, and only if there are any at all. FAR: rows whose dates begin early and
 * reach far, few, whatever their codes. What is shared is in idx_ovf alone; NUMBER is idx_num.
 */
enum source { FROM_RES, FROM_CODE, FROM_OVERFLOW, FROM_PATIENT, FROM_FAR, FROM_NUMBER };

/* Are there several values, each of which is scanned by itself? */
static bool has_each(const struct plan *p)
{
    return p->code && p->code->n_keys > 1;
}

/* A row that matches several of the values asked for is in several branches. */
static bool may_repeat(const struct plan *p)
{
    return has_each(p) || (p->numbers && search__number_part(p->driver, 1));
}

static void code_condition(struct plan *p, enum source from)
{
    struct sql *q = p->w.sql;
    const char *column = from == FROM_OVERFLOW ? "o.val" : "r0.code";
    int type = sql_int2(q, (int16_t)p->w.q->types[0]->id);
    if (has_each(p)) {
        sql_addf(q, " AND %s = u.code", column);
    } else {
        int code = search__code_param(&p->w, p->code);
        sql_addf(q, " AND %s %s $%d", column, from == FROM_PATIENT ? "<>" : "=", code);
        if (from == FROM_PATIENT)
            sql_addf(
                q,
                " AND EXISTS (SELECT 1 FROM idx_ovf o WHERE o.tenant = $%d AND o.rtype = $%d AND o.lane = %d"
                " AND o.val = $%d)",
                p->w.tenant, type, LANE_CODE, code);
    }
    if (from == FROM_OVERFLOW)
        sql_addf(q, " AND o.tenant = $%d AND o.rtype = $%d AND o.lane = %d", p->w.tenant, type,
                 p->code->lane);
}

/* What dates say of where o begins. */
static void begins(struct plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next)
        if (c->kind == CRIT_DATE && c->lane == LANE_DATE && (c == p->date || !search__has_far_part(c))) {
            sql_adds(p->w.sql, " AND ");
            search__date_begin(&p->w, c, "o.dt");
        }
}

/* What has not been asked for yet, of the criteria that narrow or of the others. */
static void filters(struct plan *p, enum source from, bool narrowing)
{
    bool by_lane = (from == FROM_CODE || from == FROM_OVERFLOW) && p->code->lane_exact;
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        if (c == p->date || c == p->pat || (by_lane && c == p->code) || narrows(c) != narrowing ||
            (from == FROM_NUMBER && c == p->driver))
            continue;
        sql_adds(p->w.sql, " AND ");
        search__where(&p->w, c, 0, USE_FILTER);
    }
}

/* A scan that is tried runs when collecting does not. */
static void switch_of_try(struct plan *p)
{
    if (p->driver)
        sql_addf(p->w.sql, " AND (SELECT n FROM cn) > $%d", p->limit);
}

/* As o; each resource once, though it may have several such numbers. OFFSET 0: they lead. */
static void from_numbers(struct plan *p, const struct search_criterion *part)
{
    struct sql *q = p->w.sql;
    sql_adds(q, " FROM (SELECT DISTINCT ON (o.dt, o.k) o.dt, o.k FROM (");
    search__walk_number(&p->w, part);
    sql_adds(q, ") o");
    search__order_by(&p->w, "o");
    sql_addf(
        q,
        ") o CROSS JOIN LATERAL (SELECT r0.* FROM res r0 WHERE r0.tenant = $%d AND r0.k = o.k OFFSET 0) r0",
        p->w.tenant);
    base_condition(p, TYPE_INDEXED);
    if (part != p->driver || part->kind == CRIT_AND) {
        sql_adds(q, " AND ");
        search__where(&p->w, part, 0, USE_FILTER);
    }
}

/* part: of FROM_NUMBER. */
static void from_table(struct plan *p, enum source from, const struct search_criterion *part)
{
    struct sql *q = p->w.sql;
    if (from == FROM_NUMBER) {
        from_numbers(p, part);
    } else if (from == FROM_FAR) { /* OFFSET 0 makes the planner take their index (res_long) */
        sql_adds(q, " FROM (SELECT r0.* FROM res r0");
        base_condition(p, TYPE_INDEXED);
        sql_adds(q, " AND ");
        search__date_part(&p->w, p->date, 0, true);
        search__order_by(&p->w, "r0");
        sql_adds(q, " OFFSET 0) r0 WHERE true");
    } else {
        /* OFFSET 0: the overflow table leads */
        sql_adds(q, from == FROM_OVERFLOW
                        ? " FROM idx_ovf o CROSS JOIN LATERAL (SELECT r0.* FROM res r0 WHERE "
                          "r0.tenant = o.tenant AND r0.k = o.k OFFSET 0) r0"
                        : " FROM res r0");
        base_condition(p, TYPE_INDEXED);
    }
    if (p->pat) {
        sql_adds(q, " AND ");
        search__where(&p->w, p->pat, 0, USE_INDEX);
    }
    if (p->code && from != FROM_FAR)
        code_condition(p, from);
    if (from == FROM_OVERFLOW || from == FROM_NUMBER)
        begins(p);
    if (p->date && from != FROM_FAR) {
        sql_adds(q, " AND ");
        search__date_part(&p->w, p->date, 0, false);
    }
    filters(p, from, true);
    switch_of_try(p);
}

/* Is this all that is asked, and answered by its lane? */
static bool is_all(const struct plan *p, const struct search_criterion *c)
{
    return c->lane_exact && c == p->w.q->criteria->child && !c->next;
}

/* counting: k, and whether it is a match. */
static void branch(struct plan *p, enum source from, const struct search_criterion *part, bool counting)
{
    struct search__sql *w = &p->w;
    struct sql *q = w->sql;
    const char *table = from == FROM_OVERFLOW || from == FROM_NUMBER ? "o" : "r0";
    bool each = from != FROM_FAR && has_each(p); /* an ordered scan of each code */
    if (each)
        sql_addf(q, "SELECT y.* FROM unnest($%d) u(code) CROSS JOIN LATERAL (",
                 search__code_param(w, p->code));
    if (counting && from == FROM_OVERFLOW && is_all(p, p->code)) {
        sql_adds(q, "SELECT o.k, true AS ok FROM idx_ovf o WHERE true");
        code_condition(p, from);
        switch_of_try(p);
    } else if (counting) {
        sql_adds(q, "SELECT r0.k, (true");
        filters(p, from, false);
        sql_adds(q, ") AS ok");
        from_table(p, from, part);
    } else {
        sql_addf(q, "SELECT %s", row_columns(p));
        search__sort_keys(w);
        from_table(p, from, part);
        filters(p, from, false);
        search__after_cursor(w, table);
        search__order_by(w, table);
        limit(p);
    }
    if (each)
        sql_adds(q, ") y");
}

/*
 * In the order of a string parameter. A row stands where its first value in the direction is; those without any come
 * last, and are looked for only where the others do not fill the page.
 */
static void string_branches(struct plan *p)
{
    struct search__sql *w = &p->w;
    struct sql *q = w->sql;
    const struct search_sort *s = &w->q->sorts[0];
    int type = sql_int2(q, (int16_t)w->q->types[0]->id), param = sql_int4(q, s->slot->param->id);
    sql_addf(q,
             "(WITH s AS MATERIALIZED (SELECT %s, s.val AS s0 FROM idx_str s JOIN res r0 ON r0.tenant = "
             "s.tenant AND "
             "r0.k = s.k",
             row_columns(p));
    base_condition(p, TYPE_FILTERED);
    criteria(p, NULL);
    sql_addf(q,
             " AND s.tenant = $%d AND s.rtype = $%d AND s.param = $%d AND NOT EXISTS (SELECT 1 FROM idx_str "
             "o WHERE "
             "o.tenant = $%d AND o.k = s.k AND o.param = $%d AND (o.val %s s.val OR o.val = s.val AND o.ctid "
             "< s.ctid) "
             "OFFSET 0)",
             w->tenant, type, param, w->tenant, param, s->desc ? ">" : "<");
    switch_of_try(p);
    search__after_cursor(w, "s");
    search__order_by(w, "s");
    limit(p);
    sql_addf(q, ") SELECT s.* FROM s UNION ALL (SELECT x.* FROM (SELECT %s, %s AS s0 FROM res r0",
             row_columns(p), search__no_value(s));
    base_condition(p, TYPE_INDEXED);
    criteria(p, NULL);
    switch_of_try(p);
    if (!w->cursor.back)
        sql_addf(q, " AND (SELECT count(*) FROM s) <= %d", w->q->count);
    sql_addf(q,
             " AND NOT EXISTS (SELECT 1 FROM idx_str o WHERE o.tenant = $%d AND o.k = r0.k AND o.param = $%d "
             "OFFSET 0)) "
             "x WHERE true",
             w->tenant, param);
    search__after_cursor(w, "x");
    search__order_by(w, "x");
    limit(p);
    sql_adds(q, "))");
}

static void branches(struct plan *p, bool counting)
{
    struct sql *q = p->w.sql;
    if (!counting && search__walks_strings(p->w.q)) {
        string_branches(p);
        return;
    }
    const struct search_criterion *part = p->numbers ? search__number_part(p->driver, 0) : NULL;
    sql_adds(q, "(");
    branch(p,
           part                           ? FROM_NUMBER
           : !p->code                     ? FROM_RES
           : p->code->lane == LANE_SHARED ? FROM_OVERFLOW
                                          : FROM_CODE,
           part, counting);
    for (int i = 1; part && (part = search__number_part(p->driver, i)); i++) {
        sql_adds(q, ") UNION ALL (");
        branch(p, FROM_NUMBER, part, counting);
    }
    if (p->code && p->code->lane == LANE_CODE) {
        sql_adds(q, ") UNION ALL (");
        branch(p, p->pat ? FROM_PATIENT : FROM_OVERFLOW, NULL, counting);
    }
    if (p->date) {
        sql_adds(q, ") UNION ALL (");
        branch(p, FROM_FAR, NULL, counting);
    }
    sql_adds(q, ")");
}

/* Several types: an ordered scan of each. */
static void scan_types(struct plan *p)
{
    struct sql *q = p->w.sql;
    sql_addf(q, "SELECT x.* FROM unnest($%d) t(id) CROSS JOIN LATERAL (SELECT %s", search__types_param(&p->w),
             row_columns(p));
    search__sort_keys(&p->w);
    sql_adds(q, " FROM res r0");
    base_condition(p, TYPE_ELSEWHERE);
    sql_adds(q, " AND r0.rtype = t.id");
    criteria(p, NULL);
    switch_of_try(p);
    search__after_cursor(&p->w, "r0");
    search__order_by(&p->w, "r0");
    limit(p);
    sql_adds(q, ") x");
}

static void page_of_resources(struct plan *p)
{
    struct sql *q = p->w.sql;
    if (p->way == WAY_COLLECT) {
        page_of_collected(p);
        return;
    }
    sql_adds(q, may_repeat(p) ? "SELECT DISTINCT ON (x.s0, x.k) x.* FROM (" : "SELECT x.* FROM (");
    if (p->way == WAY_TRY) {
        sql_adds(q, "(");
        page_of_collected(p);
        sql_adds(q, ") UNION ALL ");
    }
    if (p->w.q->n_types == 1) {
        branches(p, false);
    } else {
        sql_adds(q, "(");
        scan_types(p);
        sql_adds(q, ")");
    }
    sql_adds(q, ") x");
    search__order_by(&p->w, "x");
    limit(p);
}

/* named: resources are in CTE p. */
static void page(struct plan *p, bool named)
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
    limit(p);
}

/* ---- total ------------------------------------------------------------------------------------------- */

/* Would counting have to look at more rows than it may? By the statistics, where they tell. */
static bool known_beyond(const struct plan *p)
{
    int64_t rows = 0, max = p->w.q->options.limits.total_limit;
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        if (narrows(c) || c == p->pat)
            return false;
        if (c->kind == CRIT_KEYS && (!p->code || c == p->code) && search__rows_of_keys(p->w.stats, c) > rows)
            rows = search__rows_of_keys(p->w.stats, c);
    }
    return rows / 2 > max;
}

/* Is a page that was scanned counted beyond itself? */
static bool counts_scanned(const struct plan *p)
{
    if (!p->counts || p->way == WAY_COLLECT)
        return false;
    if (p->w.q->total == TOTAL_ACCURATE || p->w.q->total == TOTAL_ESTIMATE)
        return true;
    /* c overflowed: it was all that was asked, or a reference of every row would have to be followed */
    bool vain = p->way == WAY_TRY && (!p->w.q->criteria->child->next || search__is_join(p->driver));
    return !vain && !known_beyond(p);
}

/* Of how many rows those that are looked at for an estimate are a sample; 0: that is not known. */
static int64_t sampled_from(const struct plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next)
        if (narrows(c) || c == p->pat)
            return 0;
    return p->code ? search__rows_of_keys(p->w.stats, p->code) : search__rows_of_types(p->w.stats, p->w.q);
}

/* Null when there is more to look at than the limit, or what those that were looked at let expect. */
static void count_scanned(struct plan *p)
{
    struct sql *q = p->w.sql;
    bool all = p->w.q->total == TOTAL_ACCURATE;
    long long max = p->w.q->options.limits.total_limit;
    int64_t from = p->w.q->total == TOTAL_ESTIMATE ? sampled_from(p) : 0;
    const char *matches =
        may_repeat(p) ? "count(DISTINCT y.k) FILTER (WHERE y.ok)" : "count(*) FILTER (WHERE y.ok)";
    sql_adds(q, "(SELECT ");
    if (all)
        sql_addf(q, "%s FROM (", matches);
    else
        sql_addf(q, "CASE WHEN count(*) <= %lld THEN %s", max, matches);
    if (!all && from)
        sql_addf(q, " ELSE greatest(%s, (%s * $%d::float8 / count(*))::int8)", matches, matches,
                 sql_int8(q, from));
    if (!all)
        sql_adds(q, " END FROM (SELECT x.* FROM (");
    if (p->w.q->n_types == 1)
        branches(p, true);
    else
        branch(p, FROM_RES, NULL, true);
    if (!all)
        sql_addf(q, ") x LIMIT %lld", max + 1);
    sql_adds(q, ") y)");
}

/* Of what was scanned, n rows: that is all, or there is more to count. */
static void total_of_scan(struct plan *p)
{
    if (!counts_scanned(p)) {
        sql_adds(p->w.sql, "NULL::int8");
        return;
    }
    const char *n = p->w.q->contained ? "(SELECT count(*) FROM p)" : "count(*) OVER ()";
    sql_addf(p->w.sql, "CASE WHEN %s <= %d THEN %s ELSE ", n, p->w.q->count, n);
    count_scanned(p);
    sql_adds(p->w.sql, " END");
}

static void total_of_resources(struct plan *p)
{
    struct sql *q = p->w.sql;
    if (p->way == WAY_COLLECT) {
        sql_adds(q, "(SELECT count(*) FROM m)");
    } else if (p->way == WAY_TRY) {
        sql_addf(q, "CASE WHEN (SELECT n FROM cn) <= $%d THEN (SELECT count(*) FROM m) ELSE ", p->limit);
        total_of_scan(p);
        sql_adds(q, " END");
    } else {
        total_of_scan(p);
    }
}

static void total(struct plan *p)
{
    struct sql *q = p->w.sql;
    const struct search__cursor *cursor = &p->w.cursor;
    enum search_contained_which contained = p->w.q->contained;
    if (cursor->given && cursor->total >= 0) {
        sql_addf(q, "$%d", sql_int8(q, cursor->total));
        return;
    }
    if (!p->counts) {
        sql_adds(q, "NULL::int8");
        return;
    }
    if (contained)
        sql_adds(q, "(SELECT count(*) FROM n)");
    if (contained == CONTAINED_BOTH)
        sql_adds(q, " + ");
    if (contained != CONTAINED_TRUE)
        total_of_resources(p);
}

/* ---- statements -------------------------------------------------------------------------------------- */

static void start(struct plan *p, const struct search_query *q, const struct search_stats *stats,
                  struct sql *out)
{
    *p = (struct plan){.w = {.sql = out, .q = q, .stats = stats}};
    sql_init(out, q->a, NULL);
    p->w.tenant = sql_int4(out, q->tenant->id);
    p->w.cursor = *q->position;
    find_lead(p);
    p->counts = !p->w.cursor.given && q->total != TOTAL_NONE;
    p->few = few_counted_among(p, stats ? stats->rows : 0);
}

/* What the rows of the page have been measured by. */
static void measures(struct plan *p)
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

static void count_only(struct plan *p)
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
        found_rows(p);
        sql_adds(p->w.sql, ")");
    }
    sql_adds(p->w.sql, " AS total");
    if (p->w.q->contained)
        sql_adds(p->w.sql, ", NULL::text AS fragment");
}

/* Of a chain's targets: a patient has many rows; other references would have to be sought among all keys of a row, which
 * is worth avoiding. */
static int64_t few_of(const struct plan *p)
{
    if (p->driver->kind != CRIT_CHAIN)
        return p->few;
    if (p->driver->lane != LANE_PAT)
        return FEW_MOST;
    int64_t patients = search__rows_of_type(p->w.stats, p->driver->child->type),
            rows = p->w.stats ? p->w.stats->rows : 0;
    int64_t few = patients ? (int64_t)((double)p->few * (double)patients / (double)rows) : FEW_PATIENTS;
    return few < FEW_PATIENTS_LEAST ? FEW_PATIENTS_LEAST : few < FEW_PATIENTS ? few : FEW_PATIENTS;
}

void search_plan(const struct search_query *query, const struct search_stats *stats, struct sql *out)
{
    struct plan p;
    start(&p, query, stats, out);
    out->name = SQL_BY_TEXT;
    choose(&p);
    if (query->summary == SUMMARY_COUNT) {
        count_only(&p);
        return;
    }
    const char *with = "WITH ";
    if (p.way == WAY_TRY) {
        p.limit = sql_int8(out, few_of(&p));
        sql_addf(out, "WITH c AS MATERIALIZED (SELECT %s FROM (", p.dated ? "v, dt" : "v");
        p.w.dated = p.dated;
        search__driver_select(&p.w, p.driver, query->n_types == 1 ? query->types[0] : NULL);
        p.w.dated = false;
        sql_addf(out, ") d LIMIT $%d + 1), cn AS MATERIALIZED (SELECT count(*) AS n FROM c)", p.limit);
        with = ", ";
    }
    if (p.way != WAY_SCAN && query->contained != CONTAINED_TRUE) {
        sql_adds(out, with);
        collect(&p);
        with = ", ";
    }
    if (query->contained) {
        sql_adds(out, with);
        search__contained_matches(&p.w);
        with = ", ";
    }
    bool named = query->contained && counts_scanned(&p);
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
    total(&p);
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
    struct plan p;
    start(&p, query, stats, out);
    sql_adds(out, "SELECT r0.rtype, r0.rid, r0.k, r0.ver");
    found_rows(&p);
    sql_addf(out, " LIMIT $%d", sql_int8(out, most));
}
