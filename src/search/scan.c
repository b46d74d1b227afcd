/*
 * Branches that deliver rows in the order of the page, so that LIMIT ends them early; plan.c says which there are.
 */
#include "plan.h"

/*
 * Where a branch takes its rows from. Of the code lane there are two, the first code of a resource and others; within
 * a patient's rows the others are filtered out, and only if there are any at all. FAR: rows whose dates begin early and
 * reach far, few, whatever their codes. What is shared is in idx_ovf alone; NUMBER is idx_num. VALUE is the code lane
 * with the quantity beside it: only rows that have the number are read. FIRST: no more rows than a glance is for.
 */
enum source {
    FROM_RES,
    FROM_FIRST,
    FROM_CODE,
    FROM_VALUE,
    FROM_OVERFLOW,
    FROM_PATIENT,
    FROM_FAR,
    FROM_NUMBER
};

/* Are there several values, each of which is scanned by itself? */
static bool has_each(const struct search__plan *p)
{
    return p->code && p->code->n_keys > 1;
}

bool search__may_repeat(const struct search__plan *p)
{
    return has_each(p) || (p->numbers && search__number_part(p->driver, 1));
}

static void code_condition(struct search__plan *p, enum source from)
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
static void begins(struct search__plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next)
        if (c->kind == CRIT_DATE && c->lane == LANE_DATE && (c == p->date || !search__has_far_part(c))) {
            sql_adds(p->w.sql, " AND ");
            search__date_begin(&p->w, c, "o.dt");
        }
}

/* What has not been asked for yet, of the criteria that narrow or of the others. */
static void filters(struct search__plan *p, enum source from, bool narrowing)
{
    bool lane = from == FROM_CODE || from == FROM_VALUE || from == FROM_OVERFLOW;
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        if (c == p->date || c == p->pat || (lane && c == p->code && c->lane_exact) ||
            search__narrows(c) != narrowing || (from == FROM_NUMBER && c == p->driver) ||
            (from == FROM_VALUE && c == p->value))
            continue;
        sql_adds(p->w.sql, " AND ");
        search__where(&p->w, c, 0, USE_FILTER);
    }
}

/* A scan that is tried runs when collecting does not. */
static void switch_of_try(struct search__plan *p)
{
    if (p->driver) {
        sql_adds(p->w.sql, " AND ");
        search__switch(p, WAY_SCAN);
    }
}

/* As o; each resource once, though it may have several such numbers. OFFSET 0: they lead. */
static void from_numbers(struct search__plan *p, const struct search_criterion *part)
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
    search__base_condition(p, TYPE_INDEXED);
    if (part != p->driver || part->kind == CRIT_AND) {
        sql_adds(q, " AND ");
        search__where(&p->w, part, 0, USE_FILTER);
    }
}

/* As o; the index alone is read. OFFSET 0: it leads. */
static void from_values(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    sql_addf(
        q,
        " FROM (SELECT r0.k, r0.dt FROM res r0 WHERE r0.tenant = $%d AND NOT r0.deleted AND r0.rtype = $%d",
        p->w.tenant, sql_int2(q, (int16_t)p->w.q->types[0]->id));
    code_condition(p, FROM_CODE);
    if (p->date) {
        sql_adds(q, " AND ");
        search__date_part(&p->w, p->date, 0, false);
    }
    sql_adds(q, " AND ");
    search__where(&p->w, p->value, 0, USE_FILTER);
    search__after_cursor(&p->w, "r0");
    search__order_by(&p->w, "r0");
    sql_addf(q,
             " OFFSET 0) o CROSS JOIN LATERAL (SELECT r0.* FROM res r0 WHERE r0.tenant = $%d AND r0.k = o.k "
             "OFFSET 0) r0",
             p->w.tenant);
    search__base_condition(p, TYPE_INDEXED);
}

/* The first rows in the order of the page, and no more. */
static void from_first(struct search__plan *p)
{
    sql_adds(p->w.sql, " FROM (SELECT r0.* FROM res r0");
    search__base_condition(p, TYPE_INDEXED);
    filters(p, FROM_RES, true);
    search__after_cursor(&p->w, "r0");
    search__order_by(&p->w, "r0");
    sql_addf(p->w.sql, " LIMIT %d) r0 WHERE true", p->glance);
}

/* part: of FROM_NUMBER. */
static void from_table(struct search__plan *p, enum source from, const struct search_criterion *part)
{
    struct sql *q = p->w.sql;
    if (from == FROM_FIRST) {
        from_first(p);
        return;
    }
    if (from == FROM_VALUE) {
        from_values(p);
        filters(p, from, true);
        switch_of_try(p);
        return;
    }
    if (from == FROM_NUMBER) {
        from_numbers(p, part);
    } else if (from == FROM_FAR) { /* OFFSET 0 makes the planner take their index (res_long) */
        sql_adds(q, " FROM (SELECT r0.* FROM res r0");
        search__base_condition(p, TYPE_INDEXED);
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
        search__base_condition(p, TYPE_INDEXED);
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
static bool is_all(const struct search__plan *p, const struct search_criterion *c)
{
    return c->lane_exact && c == p->w.q->criteria->child && !c->next;
}

static void branch(struct search__plan *p, enum source from, const struct search_criterion *part,
                   enum search__select what)
{
    struct search__sql *w = &p->w;
    struct sql *q = w->sql;
    const char *table = from == FROM_OVERFLOW || from == FROM_NUMBER || from == FROM_VALUE ? "o" : "r0";
    bool each = from != FROM_FAR && has_each(p); /* an ordered scan of each code */
    if (each)
        sql_addf(q, "SELECT y.* FROM unnest($%d) u(code) CROSS JOIN LATERAL (",
                 search__code_param(w, p->code));
    if (what == SELECT_CANDIDATES && from == FROM_OVERFLOW) {
        sql_adds(q, "SELECT o.k FROM idx_ovf o WHERE true");
        code_condition(p, from);
        begins(p);
        switch_of_try(p);
    } else if (what == SELECT_CANDIDATES) {
        sql_adds(q, "SELECT r0.k");
        from_table(p, from, part);
    } else if (what == SELECT_COUNTED && from == FROM_OVERFLOW && is_all(p, p->code)) {
        sql_adds(q, "SELECT o.k, true AS ok FROM idx_ovf o WHERE true");
        code_condition(p, from);
        switch_of_try(p);
    } else if (what == SELECT_COUNTED) {
        sql_adds(q, "SELECT r0.k, (true");
        filters(p, from, false);
        sql_adds(q, ") AS ok");
        from_table(p, from, part);
    } else {
        sql_adds(q, "SELECT ");
        search__row_columns(p, "r0");
        search__sort_keys(w);
        from_table(p, from, part);
        filters(p, from, false);
        search__after_cursor(w, table);
        search__order_by(w, table);
        search__limit(p);
    }
    if (each)
        sql_adds(q, ") y");
}

/*
 * In the order of a string parameter. A row stands where its first value in the direction is; those without any come
 * last, and are looked for only where the others do not fill the page.
 */
static void string_branches(struct search__plan *p)
{
    struct search__sql *w = &p->w;
    struct sql *q = w->sql;
    const struct search_sort *s = &w->q->sorts[0];
    int type = sql_int2(q, (int16_t)w->q->types[0]->id), param = sql_int4(q, s->slot->param->id);
    sql_adds(q, "(WITH s AS MATERIALIZED (SELECT ");
    search__row_columns(p, "r0");
    sql_adds(q, ", s.val AS s0 FROM idx_str s JOIN res r0 ON r0.tenant = s.tenant AND r0.k = s.k");
    search__base_condition(p, TYPE_FILTERED);
    search__criteria(p, NULL);
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
    search__limit(p);
    sql_adds(q, ") SELECT s.* FROM s UNION ALL (SELECT x.* FROM (SELECT ");
    search__row_columns(p, "r0");
    sql_addf(q, ", %s AS s0 FROM res r0", search__no_value(s));
    search__base_condition(p, TYPE_INDEXED);
    search__criteria(p, NULL);
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
    search__limit(p);
    sql_adds(q, "))");
}

/* Several types: an ordered scan of each. */
static void scan_types(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    sql_addf(q, "SELECT x.* FROM unnest($%d) t(id) CROSS JOIN LATERAL (SELECT ", search__types_param(&p->w));
    search__row_columns(p, "r0");
    search__sort_keys(&p->w);
    sql_adds(q, " FROM res r0");
    search__base_condition(p, TYPE_ELSEWHERE);
    sql_adds(q, " AND r0.rtype = t.id");
    search__criteria(p, NULL);
    switch_of_try(p);
    search__after_cursor(&p->w, "r0");
    search__order_by(&p->w, "r0");
    search__limit(p);
    sql_adds(q, ") x");
}

void search__branches(struct search__plan *p, enum search__select what)
{
    struct sql *q = p->w.sql;
    if (p->w.q->n_types != 1) {
        sql_adds(q, "(");
        what == SELECT_PAGE ? scan_types(p) : branch(p, FROM_RES, NULL, what);
        sql_adds(q, ")");
        return;
    }
    if (what == SELECT_PAGE && search__walks_strings(p->w.q)) {
        string_branches(p);
        return;
    }
    const struct search_criterion *part = p->numbers ? search__number_part(p->driver, 0) : NULL;
    bool shown = what == SELECT_PAGE;
    enum source first = part                           ? FROM_NUMBER
                        : !p->code                     ? shown && p->glance ? FROM_FIRST : FROM_RES
                        : p->code->lane == LANE_SHARED ? FROM_OVERFLOW
                        : shown && p->value            ? FROM_VALUE
                                                       : FROM_CODE;
    sql_adds(q, "(");
    branch(p, first, part, what);
    for (int i = 1; part && (part = search__number_part(p->driver, i)); i++) {
        sql_adds(q, ") UNION ALL (");
        branch(p, FROM_NUMBER, part, what);
    }
    if (p->code && p->code->lane == LANE_CODE) {
        sql_adds(q, ") UNION ALL (");
        branch(p, p->pat ? FROM_PATIENT : FROM_OVERFLOW, NULL, what);
    }
    if (p->date && what != SELECT_CANDIDATES) {
        sql_adds(q, ") UNION ALL (");
        branch(p, FROM_FAR, NULL, what);
    }
    sql_adds(q, ")");
}
