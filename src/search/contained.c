/*
 * _contained and _containedType (search.html#contained): rows of contained resources, beside those of resources or in
 * their place. A contained resource is asked as a row of res_contained, by the same conditions; it has the
 * lastUpdated of its container. What matches is found first, by one criterion and its index, then put in order: there is
 * no ordered scan of contained resources.
 */
#include "internal.h"

static bool refuse(struct search__parse *p, const char *why)
{
    return err_set(p->err, ERR_INVALID, "search parameter _contained: %s", why);
}

/* Does it ask for what contained resources do not have? */
static bool is_beyond(const struct search_criterion *c)
{
    bool beyond = c->kind == CRIT_TEXT || c->kind == CRIT_NEAR;
    for (const struct search_criterion *child = c->child; child && !beyond && !search__is_join(c);
         child = child->next)
        beyond = is_beyond(child);
    return beyond;
}

bool search__check_contained(struct search__parse *p)
{
    const struct search_query *q = p->q;
    if (q->contained == CONTAINED_FALSE)
        return true;
    if (q->n_types != 1)
        return refuse(p, "a search for contained resources is of one type");
    if (p->options->compartment)
        return refuse(p, "contained resources are in no compartment");
    if (q->n_includes)
        return refuse(p, "_include and _revinclude are not possible in a search for contained resources");
    if (is_beyond(q->criteria))
        return refuse(p, "contained resources cannot be searched by _text, _content and near");
    for (size_t i = 0; i < q->n_asked; i++)
        if (str_is(q->asked[i].name, "_list"))
            return refuse(p, "no List refers to a contained resource");
    return true;
}

/* A container that is of the type and matches by itself stands among the resources already. */
static void unless_it_matches(struct search__sql *w)
{
    struct sql *q = w->sql;
    int r = ++w->aliases;
    w->contained = false;
    sql_addf(
        q,
        " AND NOT EXISTS (SELECT 1 FROM res r%d WHERE r%d.tenant = $%d AND r%d.k = r0.ck AND r%d.rtype = $%d "
        "AND ",
        r, r, w->tenant, r, r, sql_int2(q, (int16_t)w->q->types[0]->id));
    search__where(w, w->q->criteria, r, USE_FILTER);
    sql_adds(q, " OFFSET 0)");
}

void search__contained_matches(struct search__sql *w)
{
    const struct search_query *query = w->q;
    struct sql *q = w->sql;
    bool containers = query->contained_type == CONTAINED_CONTAINER, keys = false;
    for (const struct search_criterion *c = query->criteria->child; c; c = c->next)
        keys = keys || (c->kind == CRIT_KEYS && c->lane != LANE_PAT);
    sql_adds(q, "n AS MATERIALIZED (");
    if (containers) /* where the first of those that it contains would stand */
        sql_adds(q, "SELECT DISTINCT ON (x.k) x.* FROM (");
    /* + 0: found by what is asked, then put in order */
    sql_addf(q, "SELECT r0.%s AS k, r0.ck, r0.rid AS fragment", containers ? "ck + 0" : "k");
    w->contained = true;
    search__sort_keys(w);
    sql_addf(q, " FROM res_contained r0 WHERE r0.tenant = $%d AND r0.rtype%s = $%d AND ", w->tenant,
             keys ? " + 0" : "", sql_int2(q, (int16_t)query->types[0]->id));
    search__where(w, query->criteria, 0, USE_INDEX);
    if (w->cursor.given)
        sql_addf(q, " AND pg_visible_in_snapshot(r0.xid, $%d::pg_snapshot)", sql_text(q, w->cursor.snapshot));
    if (containers && query->contained == CONTAINED_BOTH)
        unless_it_matches(w);
    w->contained = false;
    if (containers) {
        sql_adds(q, ") x ORDER BY x.k");
        for (size_t i = 0; i < query->n_sorts; i++)
            sql_addf(q, ", x.s%zu%s", i, query->sorts[i].desc ? " DESC" : "");
    }
    sql_adds(q, ")");
}

void search__contained_page(struct search__sql *w, int limit)
{
    struct sql *q = w->sql;
    sql_adds(q, "SELECT r0.rtype, r0.rid, r0.ver, r0.lu, r0.content, r0.sealed, x.k, r0.tenant, ");
    sql_adds(q, w->q->contained_type == CONTAINED_CONTAINER ? "NULL::text AS fragment" : "x.fragment");
    for (size_t i = 0; i < w->q->n_sorts; i++)
        sql_addf(q, ", x.s%zu", i);
    sql_adds(q, " FROM (SELECT x.* FROM n x WHERE true");
    search__after_cursor(w, "x");
    search__order_by(w, "x");
    sql_addf(q, " LIMIT %d) x JOIN res r0 ON r0.tenant = $%d AND r0.k = x.ck", limit, w->tenant);
}
