/*
 * Chains and _has in SQL. A reference key is the target's h under the parameter's constant, so that one row's key is
 * computed from the other's h; where the reference is the patient lane, pat is that h itself.
 *
 *              the other row's value         this row's column
 *   chain      h                             pat
 *              h # constant                  keys
 *   _has       pat                           h
 *              a key # constant              h
 *
 * As a selection, the other rows are found first, by whatever index serves their criteria. As a probe, this row is
 * given and the other is looked up.
 */
#include "internal.h"

bool search__is_join(const struct search_criterion *c)
{
    return c->kind == CRIT_CHAIN || c->kind == CRIT_HAS;
}

const char *search__driver_column(const struct search_criterion *c)
{
    if (!search__is_join(c))
        return "k";
    if (c->kind == CRIT_HAS)
        return "h";
    return c->lane == LANE_PAT ? "pat" : NULL;
}

static int constant(struct search__sql *w, const struct search_criterion *c)
{
    return sql_int8(w->sql, search__ref(w->q->tenant, c->param));
}

static void select_target(struct search__sql *w, const struct search_criterion *c,
                          const struct search_criterion *target)
{
    struct sql *q = w->sql;
    int t = ++w->aliases;
    const char *rows = search__rows(w);
    bool lane = c->lane == LANE_PAT;
    if (c->kind == CRIT_CHAIN && lane)
        sql_addf(q, "SELECT r%d.h AS v FROM %s r%d WHERE ", t, rows, t);
    else if (c->kind == CRIT_CHAIN)
        sql_addf(q, "SELECT r%d.h # $%d AS v FROM %s r%d WHERE ", t, constant(w, c), rows, t);
    else if (lane)
        sql_addf(q, "SELECT r%d.pat AS v FROM res r%d WHERE r%d.pat IS NOT NULL AND ", t, t, t);
    else
        sql_addf(q, "SELECT x.key # $%d AS v FROM res r%d CROSS JOIN unnest(r%d.keys) x(key) WHERE ",
                 constant(w, c), t, t);
    sql_addf(q, "r%d.tenant = $%d AND NOT r%d.deleted AND ", t, w->tenant, t);
    search__where(w, target, t, USE_INDEX);
}

/* A chain leads into contained resources as well (search.html#contained); rows that _has finds are none. */
void search__join_select(struct search__sql *w, const struct search_criterion *c)
{
    const char *between = "";
    bool contained = w->contained;
    for (const struct search_criterion *target = c->child; target; target = target->next)
        for (int i = 0; i < (c->kind == CRIT_CHAIN ? 2 : 1); i++) {
            sql_adds(w->sql, between);
            w->contained = i;
            select_target(w, c, target);
            between = " UNION ALL ";
        }
    w->contained = contained;
}

/* The one code that rows have to have which refer to a patient, as the lane has it; NULL: they may have any. */
static const struct search_criterion *code_of(const struct search_criterion *c)
{
    const struct search_criterion *target = c->child;
    if (c->kind != CRIT_HAS || c->lane != LANE_PAT || target->next)
        return NULL;
    const struct search_criterion *one =
        target->child->kind == CRIT_AND ? target->child->child : target->child;
    for (; one; one = target->child->kind == CRIT_AND ? one->next : NULL)
        if (one->kind == CRIT_KEYS && one->lane == LANE_CODE && one->n_keys == 1)
            return one;
    return NULL;
}

/* code, type: of the rows looked up, 0: any. */
static void look_up(struct search__sql *w, const struct search_criterion *c, int r, int code, int type)
{
    struct sql *q = w->sql;
    int t = ++w->aliases;
    bool lane = c->lane == LANE_PAT, each_key = c->kind == CRIT_CHAIN && !lane;
    sql_adds(q, "EXISTS (SELECT 1 FROM ");
    if (each_key) /* OFFSET 0 here and below: look up by h, do not make it a join */
        sql_addf(q, "unnest(r%d.keys) x(key) CROSS JOIN LATERAL (SELECT 1 FROM ", r);
    sql_addf(q, "res r%d WHERE r%d.tenant = $%d AND NOT r%d.deleted AND ", t, t, w->tenant, t);
    if (each_key)
        sql_addf(q, "r%d.h = x.key # $%d", t, constant(w, c));
    else if (c->kind == CRIT_CHAIN)
        sql_addf(q, "r%d.h = r%d.pat", t, r);
    else if (lane)
        sql_addf(q, "r%d.pat = r%d.h", t, r);
    else
        sql_addf(q, "r%d.keys @> ARRAY[r%d.h # $%d]", t, r, constant(w, c));
    if (code)
        sql_addf(q, " AND r%d.rtype = $%d AND r%d.code = $%d", t, type, t, code);
    const char *before = " AND ((";
    for (const struct search_criterion *target = c->child; target; target = target->next) {
        sql_adds(q, before);
        search__where(w, target, t, USE_FILTER);
        before = ") OR (";
    }
    sql_adds(q, each_key ? ")) OFFSET 0) y OFFSET 0)" : ")) OFFSET 0)");
}

/* Only a container and its others refer to what is contained, so that is found by the container. */
static void look_up_contained(struct search__sql *w, const struct search_criterion *c, int r, bool others)
{
    struct sql *q = w->sql;
    int t = ++w->aliases;
    sql_addf(q, "EXISTS (SELECT 1 FROM res_contained r%d WHERE r%d.tenant = $%d AND r%d.ck = r%d.%s AND ", t,
             t, w->tenant, t, r, others ? "ck" : "k");
    if (c->lane == LANE_PAT)
        sql_addf(q, "r%d.h = r%d.pat", t, r);
    else
        sql_addf(q, "r%d.h # $%d = ANY (r%d.keys)", t, constant(w, c), r);
    const char *before = " AND ((";
    for (const struct search_criterion *target = c->child; target; target = target->next) {
        sql_adds(q, before);
        search__where(w, target, t, USE_FILTER);
        before = ") OR (";
    }
    sql_adds(q, ")) OFFSET 0)");
}

/* Into contained resources as well, where there are any: that is asked once. */
static void look_up_chained(struct search__sql *w, const struct search_criterion *c, int r)
{
    struct sql *q = w->sql;
    bool contained = w->contained;
    sql_adds(q, "(");
    w->contained = false;
    look_up(w, c, r, 0, 0);
    sql_addf(q, " OR (EXISTS (SELECT 1 FROM contained o WHERE o.tenant = $%d) AND ", w->tenant);
    w->contained = true;
    look_up_contained(w, c, r, contained);
    w->contained = contained;
    sql_adds(q, "))");
}

/* A patient's rows of a code are found by their index; only where the code is the second of some, among all of them. */
static void probe(struct search__sql *w, const struct search_criterion *c, int r)
{
    struct sql *q = w->sql;
    const struct search_criterion *one = code_of(c);
    bool contained = w->contained;
    if (c->kind == CRIT_CHAIN) {
        look_up_chained(w, c, r);
        return;
    }
    w->contained = false;
    if (!one) {
        look_up(w, c, r, 0, 0);
        w->contained = contained;
        return;
    }
    int code = search__code_param(w, one), type = sql_int2(q, (int16_t)c->child->type->id);
    sql_adds(q, "(");
    look_up(w, c, r, code, type);
    sql_addf(q,
             " OR (EXISTS (SELECT 1 FROM idx_ovf o WHERE o.tenant = $%d AND o.rtype = $%d AND o.lane = %d "
             "AND o.val = "
             "$%d) AND ",
             w->tenant, type, LANE_CODE, code);
    look_up(w, c, r, 0, 0);
    sql_adds(q, "))");
    w->contained = contained;
}

void search__join(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use)
{
    const char *column = search__driver_column(c);
    if (use == USE_FILTER) {
        probe(w, c, r);
        return;
    }
    if (column)
        sql_addf(w->sql, "r%d.%s IN (", r, column);
    else
        sql_addf(w->sql, "r%d.keys && ARRAY(", r);
    search__join_select(w, c);
    sql_adds(w->sql, ")");
}
