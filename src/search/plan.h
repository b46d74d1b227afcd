/*
 * The statement of a page while it is written (plan.c tells how it is found).
 *
 *   choose.c    which of the three ways, and by what criterion
 *   collect.c   the rows that are found first and then sorted; what all rows that are found have to fulfil
 *   scan.c      branches that deliver rows in the order of the page
 *   total.c     how many there are
 *   plan.c      the statement
 */
#ifndef KAGARI_SEARCH_PLAN_H
#define KAGARI_SEARCH_PLAN_H

#include "internal.h"

enum search__way { WAY_COLLECT, WAY_SCAN, WAY_TRY, WAY_GLANCE };

/*
 * What finds the rows that are collected; all other criteria are written as filters. So the planner, which plans each
 * shape once and without its values, has no choice to make.
 */
enum search__lead {
    LEAD_NONE,
    LEAD_ONE,  /* one criterion, of a side table or a range of a lane */
    LEAD_KEYS, /* the GIN index */
    LEAD_ROW,  /* _id, or the patient lane */
};

struct search__plan {
    struct search__sql w;
    enum search__way way;
    const struct search_criterion
        *driver; /* of WAY_TRY; of WAY_COLLECT where no more than few rows can match */
    const struct search_criterion *code; /* of a scan: the code lane or the shared one delivers the rows */
    const struct search_criterion *pat;  /* of a scan: within the patient lane */
    const struct search_criterion *date; /* of a scan: a date criterion in two parts */
    const struct search_criterion
        *value;             /* of a scan by code: a number that the index of codes has as well */
    enum search__lead lead; /* of WAY_COLLECT: by what the rows are found … */
    const struct search_criterion *leader; /* … LEAD_ONE: by this */
    bool numbers; /* of a scan: idx_num delivers what the driver asks for, a number with a unit */
    bool dated;   /* the driver is all that is asked, and knows the order of the page */
    bool counts;  /* this page has a total */
    bool probes;  /* of WAY_TRY: an index alone tells whether the driver has few values, so c is not kept */
    int64_t few;
    int limit;  /* of WAY_TRY, parameter: few */
    int glance; /* of WAY_GLANCE: how many rows are looked at */
};

/* ---- choose.c ---------------------------------------------------------------------------------------- */

/* Statistics are a sample: what they say to be as many as n may be an eighth less. */
static inline int64_t search__beyond(int64_t n)
{
    return n < INT64_MAX / 2 ? n + n / 8 : n;
}
void search__find_lead(struct search__plan *p);
void search__choose(struct search__plan *p);
int64_t search__few_counted_among(const struct search__plan *p, int64_t rows);
int64_t search__few_of(const struct search__plan *p); /* how many values of the driver are few */
/* Is it the criterion by which rows are collected? */
bool search__leads(const struct search__plan *p, const struct search_criterion *c);
/* An index range may end where the criterion does. */
bool search__narrows(const struct search_criterion *c);

/* ---- collect.c --------------------------------------------------------------------------------------- */

/* How the type of the rows is asked for. */
enum search__by_type {
    TYPE_INDEXED,
    TYPE_FILTERED, /* by an expression that no index has: another index finds the rows, and it shall do so alone */
    TYPE_ELSEWHERE,
};

/* k_of: the table whose k it is. */
void search__row_columns(struct search__plan *p, const char *k_of);
/* As many as the page has, and one. */
void search__limit(struct search__plan *p);
/* WHERE: rows of this search's tenant and types, and on later pages only the versions that the first page's snapshot
 * saw. */
void search__base_condition(struct search__plan *p, enum search__by_type by);
/* AND: those but one, which stands elsewhere. */
void search__criteria(struct search__plan *p, const struct search_criterion *but);
void search__found_rows(struct search__plan *p); /* FROM, WHERE */
/* A condition: what collects runs, or what scans. */
void search__switch(struct search__plan *p, enum search__way to);
/* CTE m: the matches' k and sort keys. */
void search__collect(struct search__plan *p);
void search__page_of_collected(struct search__plan *p);

/* ---- scan.c ------------------------------------------------------------------------------------------ */

/* A row that matches several of the values asked for is in several branches. */
bool search__may_repeat(const struct search__plan *p);
/* What a branch selects: rows with their sort keys, as many as the page has; k, and whether it is a match; or k of all
 * that may match, by indexes alone. */
enum search__select { SELECT_PAGE, SELECT_COUNTED, SELECT_CANDIDATES };
void search__branches(struct search__plan *p, enum search__select what);

/* ---- total.c ----------------------------------------------------------------------------------------- */

/* Is a page that was scanned counted beyond itself? */
bool search__counts_scanned(const struct search__plan *p);
void search__total(struct search__plan *p);

#endif
