/*
 * How many matches there are. Counting must not cost more than the page: what was collected is counted anyhow; what was
 * scanned is counted as long as few rows have to be looked at, and only when the page did not show them all.
 */
#include "plan.h"

#define ROWS_IN_MEMORY 200000 /* as many as a database may have, and most of them be in memory */
#define ROWS_LEAST     8      /* part of what may be looked at, rows may be at the least */

/* Would counting have to look at more rows than it may? By the statistics, where they tell. */
static bool known_beyond(const struct search__plan *p)
{
    int64_t rows = 0, max = p->w.q->options.limits.total_limit;
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        if (search__narrows(c) || c == p->pat)
            return false;
        if (c->kind == CRIT_KEYS && (!p->code || c == p->code) && search__rows_of_keys(p->w.stats, c) > rows)
            rows = search__rows_of_keys(p->w.stats, c);
    }
    return rows > search__beyond(max);
}

bool search__counts_scanned(const struct search__plan *p)
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
static int64_t sampled_from(const struct search__plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next)
        if (search__narrows(c) || c == p->pat)
            return 0;
    return p->code ? search__rows_of_keys(p->w.stats, p->code) : search__rows_of_types(p->w.stats, p->w.q);
}

/* Is there anything asked that the index does not tell which delivers the rows? */
static bool needs_rows(const struct search__plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next)
        if (!(c == p->code && c->lane_exact) && !(c->kind == CRIT_DATE && c->lane == LANE_DATE) &&
            c != p->pat)
            return true;
    return false;
}

/* How much may be looked at: entries of an index, or rows, which are fewer the less the memory can be expected to have. */
static int64_t most_looked_at(const struct search__plan *p)
{
    int64_t most = p->w.q->options.limits.total_limit, least = most / ROWS_LEAST;
    int64_t rows = p->w.stats && !p->pat && needs_rows(p) ? p->w.stats->rows : 0;
    for (; rows > ROWS_IN_MEMORY && most / 2 >= least; rows /= 2)
        most /= 2;
    return most;
}

/* Are those that may match more than are counted? Their index alone is asked before their rows are. */
static bool sifts(const struct search__plan *p)
{
    return p->w.q->total == TOTAL_DEFAULT && p->w.q->n_types == 1 && !p->pat && !p->numbers && needs_rows(p);
}

/* Null when there is more to look at than the limit, or what those that were looked at let expect. */
static void count_scanned(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    bool all = p->w.q->total == TOTAL_ACCURATE;
    long long max = p->w.q->total == TOTAL_ESTIMATE ? p->w.q->options.limits.total_limit : most_looked_at(p);
    int64_t from = p->w.q->total == TOTAL_ESTIMATE ? sampled_from(p) : 0;
    const char *matches =
        search__may_repeat(p) ? "count(DISTINCT y.k) FILTER (WHERE y.ok)" : "count(*) FILTER (WHERE y.ok)";
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
    search__branches(p, SELECT_COUNTED);
    if (!all)
        sql_addf(q, ") x LIMIT %lld", max + 1);
    sql_adds(q, ") y)");
}

static void count_sifted(struct search__plan *p, long long most)
{
    struct sql *q = p->w.sql;
    sql_adds(q, "CASE WHEN (SELECT count(*) FROM (SELECT x.* FROM (");
    search__branches(p, SELECT_CANDIDATES);
    sql_addf(q, ") x LIMIT %lld) y) <= %lld THEN ", most + 1, most);
    count_scanned(p);
    sql_adds(q, " END");
}

/* Of what was scanned, n rows: that is all, or there is more to count. */
static void total_of_scan(struct search__plan *p)
{
    if (!search__counts_scanned(p)) {
        sql_adds(p->w.sql, "NULL::int8");
        return;
    }
    const char *n = p->w.q->contained ? "(SELECT count(*) FROM p)" : "count(*) OVER ()";
    sql_addf(p->w.sql, "CASE WHEN %s <= %d THEN %s ELSE ", n, p->w.q->count, n);
    if (sifts(p))
        count_sifted(p, most_looked_at(p));
    else
        count_scanned(p);
    sql_adds(p->w.sql, " END");
}

static void total_of_resources(struct search__plan *p)
{
    struct sql *q = p->w.sql;
    if (p->way == WAY_COLLECT) {
        sql_adds(q, "(SELECT count(*) FROM m)");
    } else if (p->way == WAY_TRY || p->way == WAY_GLANCE) {
        sql_adds(q, "CASE WHEN ");
        search__switch(p, WAY_COLLECT);
        sql_adds(q, " THEN (SELECT count(*) FROM m) ELSE ");
        total_of_scan(p);
        sql_adds(q, " END");
    } else {
        total_of_scan(p);
    }
}

void search__total(struct search__plan *p)
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
