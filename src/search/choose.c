/*
 * Which way a search goes (plan.c), and by what criterion.
 */
#include <math.h>

#include "plan.h"

/*
 * Few is the number m of matches at which collecting them all (m rows) costs as much as scanning for a page of them
 * (page · rows / m), within bounds.
 */
#define FEW_LEAST          64
#define FEW_MOST           10000
#define FEW_VALUES         3 /* part as many, when an index has the numbers to scan */
#define GLANCE             4 /* times the rows that are expected to have a page of matches */
#define GLANCE_LEAST       256
#define GLANCE_MOST        65536
#define FEW_DATED          2    /* times as many, when they are collected without their rows */
#define FEW_NUMBERS        1000 /* at most, when numbers are scanned in the page's order without their rows */
#define FEW_PATIENTS       200  /* as many rows, at most, when it is not known how many rows a patient has */
#define FEW_PATIENTS_LEAST 32

static bool is_row(const struct search_criterion *c)
{
    return c->kind == CRIT_ID || (c->kind == CRIT_KEYS && c->lane == LANE_PAT);
}

/* Of the types that are searched, or all there are, when those are not known; 0: nothing is. */
static int64_t rows_asked(const struct search__plan *p)
{
    int64_t rows = search__rows_of_types(p->w.stats, p->w.q);
    return rows || !p->w.stats ? rows : p->w.stats->rows;
}

/* How many rows the keys leave, if they are independent of each other; -1: there are none, or too few are known. */
static int64_t rows_of_all(const struct search__plan *p)
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

static bool is_few(const struct search__plan *p, const struct search_criterion *c)
{
    int64_t few = p->counts ? search__beyond(p->few) : p->few;
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

static enum search__lead lead_of(const struct search_criterion *c)
{
    if (is_row(c))
        return LEAD_ROW;
    if (c->kind == CRIT_KEYS || c->kind == CRIT_DICT || c->kind == CRIT_TREE)
        return LEAD_KEYS;
    return search__drives(c) || c->kind == CRIT_UPDATED || c->kind == CRIT_DATE ? LEAD_ONE : LEAD_NONE;
}

void search__find_lead(struct search__plan *p)
{
    for (const struct search_criterion *c = p->w.q->criteria->child; c; c = c->next) {
        enum search__lead lead = lead_of(c);
        if (lead > p->lead)
            p->lead = lead;
        if (lead == LEAD_ONE && !p->leader)
            p->leader = c;
    }
}

bool search__leads(const struct search__plan *p, const struct search_criterion *c)
{
    return (p->way == WAY_COLLECT || p->way == WAY_GLANCE) && !p->driver && p->lead &&
           lead_of(c) == p->lead && (p->lead != LEAD_ONE || c == p->leader);
}

static int64_t few_among(const struct search__plan *p, int64_t rows)
{
    int64_t few = (int64_t)sqrt((double)rows * (p->w.q->count + 1));
    return few < FEW_LEAST ? FEW_LEAST : few > FEW_MOST ? FEW_MOST : few;
}

/* No fewer than are looked at anyhow, when they are counted. */
int64_t search__few_counted_among(const struct search__plan *p, int64_t rows)
{
    int64_t few = rows ? few_among(p, rows) : FEW_MOST, most = p->w.q->options.limits.total_limit;
    most = most < FEW_MOST ? most : FEW_MOST;
    return p->counts && few < most ? most : few;
}

bool search__narrows(const struct search_criterion *c)
{
    return (c->kind == CRIT_DATE && c->lane == LANE_DATE) || c->kind == CRIT_UPDATED;
}

/* What idx_ovf finds in the order of the page: alone, or of so many rows that they had better not be collected. */
static bool is_walked(const struct search__plan *p, const struct search_criterion *c)
{
    if (c->kind != CRIT_KEYS || c->lane != LANE_SHARED || (p->w.stats && p->w.stats->old_form))
        return false;
    bool alone = true;
    for (const struct search_criterion *o = p->w.q->criteria->child; o; o = o->next)
        alone = alone && (o == c || search__narrows(o));
    return alone || !is_few(p, c);
}

/* Can it be counted by an index alone, in the order in which the index has it? */
static bool is_probed(const struct search__sql *w, const struct search_criterion *c)
{
    if (c->kind == CRIT_STRING)
        return c->match == MATCH_PREFIX;
    if (c->kind != CRIT_OR)
        return c->kind == CRIT_NUMBER || c->kind == CRIT_DATE;
    for (const struct search_criterion *child = c->child; child; child = child->next)
        if (!search__is_looked_up(w, child) || (child->kind == CRIT_STRING && child->match != MATCH_PREFIX))
            return false;
    return true;
}

/* A number in a standard unit, or without one as it is written: the index of codes has it (res.q_standard, res.q). */
static bool is_beside_code(const struct search_criterion *c)
{
    return c->kind == CRIT_NUMBER && c->lane == LANE_QUANTITY && (c->standard || !c->unit);
}

/*
 * What a key's rows share may be their time: all old, say, where the newest are asked for. So if the first rows have
 * no page of matches, those with the key are collected. all: matches that are expected; -1: that is not known.
 */
static void glance(struct search__plan *p, int64_t all)
{
    const struct search_query *q = p->w.q;
    if (p->lead != LEAD_KEYS || q->n_types != 1 || q->contained || p->date || search__walks_strings(q) ||
        all < 0)
        return;
    double rows = (double)rows_asked(p),
           most = GLANCE * (q->count + 1.0) * (all < rows ? rows / (double)(all ? all : 1) : 1);
    int n = GLANCE_LEAST;
    while (n < most && n <= GLANCE_MOST)
        n *= 2;
    if (n > GLANCE_MOST)
        return;
    p->way = WAY_GLANCE;
    p->glance = n;
}

/* However many match, no more than there are. */
static bool are_all_few(const struct search__plan *p)
{
    int64_t all = rows_asked(p);
    return all && all <= p->few && !search__is_join(p->driver);
}

void search__choose(struct search__plan *p)
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
        for (const struct search_criterion *c = q->criteria->child; c && !pat && code->lane == LANE_CODE;
             c = c->next)
            if (is_beside_code(c))
                p->value = c;
    }
    /* few of a common code's rows may have the value */
    if (driver && (!by_code || (!pat && driver->kind != CRIT_HAS && driver->kind != CRIT_UPDATED))) {
        p->way = WAY_TRY;
        p->driver = driver;
        if (by_code && driver->kind != CRIT_CHAIN)
            p->few = few_among(p, search__rows_of_keys(p->w.stats, code)) / (p->value ? FEW_VALUES : 1);
        else if (!search__is_join(driver))
            p->few = search__few_counted_among(p, rows_asked(p));
        p->dated = by_date && !q->criteria->child->next && !p->w.cursor.given && search__is_dated(driver);
        p->numbers =
            by_date && !by_code && search__walks_numbers(driver) && !(p->w.stats && p->w.stats->old_form);
        if (p->numbers && p->few > FEW_NUMBERS)
            p->few = FEW_NUMBERS;
        else if (p->dated)
            p->few *= FEW_DATED;
        p->probes = is_probed(&p->w, driver);
        if (are_all_few(p))
            p->way = WAY_COLLECT;
    }
    if (p->way == WAY_SCAN && !by_code)
        glance(p, all);
}

/* Of a chain's targets: a patient has many rows; other references would have to be sought among all keys of a row, which
 * is worth avoiding. */
int64_t search__few_of(const struct search__plan *p)
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
