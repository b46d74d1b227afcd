/*
 * The order of a page in SQL: sort keys, ORDER BY, and the condition "after the cursor".
 *
 * No sort key is ever null: rows without a value get one that comes last in the direction. So a keyset is a plain
 * comparison. Where the order is an index's, the tie-break by k runs as it does in the index.
 */
#include "internal.h"

bool search__walks_strings(const struct search_query *q)
{
    return q->n_types == 1 && q->n_sorts == 1 && q->sorts[0].by == ORDER_STRING &&
           q->sorts[0].slot->n_parts == 0;
}

bool search__is_indexed_order(const struct search_query *q)
{
    const struct search_sort *s = q->sorts;
    if (q->n_types == 1)
        return q->n_sorts == 1 && (s[0].by == ORDER_LANE_DATE || s[0].by == ORDER_UPDATED ||
                                   s[0].by == ORDER_ID || search__walks_strings(q));
    return q->n_sorts == 2 && s[0].by == ORDER_TYPE && s[1].by == ORDER_LANE_DATE;
}

static bool k_descends(const struct search_query *q)
{
    const struct search_sort *last = &q->sorts[q->n_sorts - 1];
    return (last->by == ORDER_LANE_DATE && !last->desc) ||
           ((last->by == ORDER_UPDATED || last->by == ORDER_STRING) && last->desc);
}

/* ---- sort keys --------------------------------------------------------------------------------------- */

/* A column of res, or a subquery on another table with what stands for no value. */
static const struct {
    const char *column, *none_asc, *none_desc;
} keys[] = {
    [ORDER_TYPE] = {"rtype", NULL, NULL},
    [ORDER_ID] = {"rid", NULL, NULL},
    [ORDER_UPDATED] = {"lu", NULL, NULL},
    [ORDER_LANE_DATE] = {"dt", NULL, NULL},
    [ORDER_STRING] = {NULL, "U&'\\+10FFFF'", "''"},
    [ORDER_DATE] = {NULL, "9223372036854775807", "'-9223372036854775808'::int8"},
    [ORDER_NUMBER] = {NULL, "'Infinity'::numeric", "'-Infinity'::numeric"},
    [ORDER_CODE] = {NULL, "U&'\\+10FFFF'", "''"},
    [ORDER_URI] = {NULL, "U&'\\+10FFFF'", "''"},
    [ORDER_REFERENCE] = {NULL, "U&'\\+10FFFF'", "''"},
    [ORDER_SCORE] = {NULL, "0", "0"},
    [ORDER_DISTANCE] = {NULL, "'Infinity'::numeric", "'-Infinity'::numeric"},
    [ORDER_OPENED] = {NULL, "9223372036854775807", "'-9223372036854775808'::int8"},
};

static int param_ids(struct search__sql *w, const struct search__slot *slot)
{
    int n = slot->n_parts ? slot->n_parts : 1;
    int32_t *ids = ARENA_ARRAY(w->sql->a, int32_t, n);
    for (int i = 0; i < n; i++)
        ids[i] = slot->n_parts ? slot->parts[i]->param->id : slot->param->id;
    return sql_int4_array(w->sql, ids, (size_t)n);
}

static void subquery(struct search__sql *w, const struct search_sort *s)
{
    struct sql *q = w->sql;
    const char *first =
        s->desc ? "max" : "min"; /* of several values the one that comes first in the direction */
    bool by_param = s->slot && s->by != ORDER_REFERENCE && s->by != ORDER_OPENED;
    int param = by_param ? param_ids(w, s->slot) : 0;
    switch (s->by) {
    case ORDER_SCORE: /* of what cannot match, none is needed */
        w->q->text ? search__text_score(w, w->q->text, "r0.k") : sql_adds(q, "NULL::numeric");
        break;
    case ORDER_DISTANCE:
        w->q->near ? search__near_distance(w, w->q->near, "r0.k") : sql_adds(q, "NULL::numeric");
        break;
    case ORDER_OPENED: /* once for all rows */
        sql_addf(q, "SELECT ((SELECT $%d::jsonb) ->> r0.k::text)::int8", sql_text(q, s->ranks));
        break;
    case ORDER_STRING:
        sql_addf(
            q, "SELECT %s(s.val) FROM idx_str s WHERE s.tenant = $%d AND s.k = r0.k AND s.param = ANY ($%d)",
            first, w->tenant, param);
        break;
    case ORDER_DATE:
        sql_addf(
            q, "SELECT %s(s.lo) FROM idx_date s WHERE s.tenant = $%d AND s.k = r0.k AND s.param = ANY ($%d)",
            first, w->tenant, param);
        break;
    case ORDER_NUMBER:
        sql_addf(q, "SELECT %s FROM idx_num s WHERE s.tenant = $%d AND s.k = r0.k AND s.param = ANY ($%d)",
                 s->desc ? "max(coalesce(s.shi, s.hi))" : "min(coalesce(s.slo, s.lo))", w->tenant, param);
        break;
    case ORDER_REFERENCE: {
        const struct search_param *p = s->slot->param;
        int t = ++w->aliases;
        sql_addf(q,
                 "SELECT %s(r%d.rid) FROM unnest(r0.keys) x(key) JOIN res r%d ON r%d.tenant = $%d AND r%d.h "
                 "= x.key # "
                 "$%d",
                 first, t, t, t, w->tenant, t, sql_int8(q, search__ref(w->q->tenant, p)));
        search__where_seen(w, p->targets, p->n_targets, t);
        break;
    }
    default: /* + 0 hides columns from an index: idx_dict_val would read all values of the parameter for each row */
        sql_addf(q,
                 "SELECT %s(d.val) FROM idx_dict d WHERE d.tenant = $%d AND d.key = ANY (r0.keys)"
                 " AND d.rtype + 0 = r0.rtype AND d.param + 0 = ANY ($%d) AND d.kind + 0 = $%d",
                 first, w->tenant, param, sql_int2(q, s->by == ORDER_URI ? DICT_URI : DICT_CODE));
        break;
    }
}

const char *search__no_value(const struct search_sort *s)
{
    return s->desc ? keys[s->by].none_desc : keys[s->by].none_asc;
}

void search__sort_keys(struct search__sql *w)
{
    for (size_t i = 0; i < w->q->n_sorts; i++) {
        const struct search_sort *s = &w->q->sorts[i];
        if (keys[s->by].column) {
            sql_addf(w->sql, ", r0.%s AS s%zu", keys[s->by].column, i);
            continue;
        }
        sql_adds(w->sql, ", coalesce((");
        subquery(w, s);
        sql_addf(w->sql, "), %s) AS s%zu", search__no_value(s), i);
    }
}

/* ---- columns ----------------------------------------------------------------------------------------- */

/* The i-th sort key, or k after the last, as the table `from` has it: by its own name in res (r0), idx_ovf (o) and
 * idx_str (s), as s0, s1, … in what was selected from them. */
static const char *column(const struct search__sql *w, const char *from, size_t i)
{
    if (i == w->q->n_sorts)
        return arena_printf(w->sql->a, "%s.k", from);
    if (from[0] == 's')
        return "s.val";
    if (from[0] == 'r' || from[0] == 'o')
        return arena_printf(w->sql->a, "%s.%s", from, keys[w->q->sorts[i].by].column);
    return arena_printf(w->sql->a, "%s.s%zu", from, i);
}

void search__order_by(struct search__sql *w, const char *from)
{
    const struct search_query *q = w->q;
    bool back = w->cursor.back && from[0] != 'p';
    sql_adds(w->sql, " ORDER BY ");
    for (size_t i = 0; i < q->n_sorts; i++)
        sql_addf(w->sql, "%s%s, ", column(w, from, i), q->sorts[i].desc != back ? " DESC" : "");
    sql_addf(w->sql, "%s%s", column(w, from, q->n_sorts), k_descends(q) != back ? " DESC" : "");
}

static int cursor_param(struct search__sql *w, enum search__order by, struct str v)
{
    struct sql *q = w->sql;
    int64_t n = 0;
    switch (by) {
    case ORDER_TYPE:
    case ORDER_LANE_DATE:
    case ORDER_DATE:
    case ORDER_OPENED:
    case ORDER_UPDATED: /* search__cursor_parse() has seen that they are numbers */
        return !str_int64(v, &n)     ? sql_null(q, SQL_INT8)
               : by == ORDER_UPDATED ? sql_timestamptz(q, n)
                                     : sql_int8(q, n);
    case ORDER_SCORE:
    case ORDER_DISTANCE:
    case ORDER_NUMBER:
        return sql_numeric(q, v);
    default:
        return sql_text(q, v);
    }
}

void search__after_cursor(struct search__sql *w, const char *from)
{
    const struct search_query *query = w->q;
    struct sql *q = w->sql;
    if (!w->cursor.given)
        return;
    for (size_t i = 0; i <= query->n_sorts; i++) {
        bool last = i == query->n_sorts;
        bool desc = (last ? k_descends(query) : query->sorts[i].desc) != w->cursor.back;
        int v = cursor_param(w, last ? ORDER_LANE_DATE : query->sorts[i].by, w->cursor.values[i]);
        const char *name = column(w, from, i), *op = desc ? "<" : ">";
        if (i == 0) /* implied by the rest; a bound that an index can use */
            sql_addf(q, " AND %s %s= $%d", name, op, v);
        if (last)
            sql_addf(q, " AND %s %s $%d", name, op, v);
        else
            sql_addf(q, " AND (%s %s $%d OR (%s = $%d", name, op, v, name, v);
    }
    for (size_t i = 0; i < query->n_sorts; i++)
        sql_adds(q, "))");
}

/* What stands for the i-th value as a JSON string, as arguments of concat(). Those of people are JSON's business; all others
 * are digits, or an id. */
static const char *cursor_value(struct arena *a, enum search__order by, size_t i)
{
    switch (by) {
    case ORDER_UPDATED:
        return arena_printf(a, "'\"', (extract(epoch FROM p.s%zu) * 1000000)::int8, '\"'", i);
    case ORDER_STRING:
    case ORDER_CODE:
    case ORDER_URI:
        return arena_printf(a, "to_json(p.s%zu)", i);
    default:
        return arena_printf(a, "'\"', p.s%zu, '\"'", i);
    }
}

/* The cursor's values as a JSON array of strings; times as µs. In one function, that is fast: each row of a page has one. */
void search__cursor_column(struct search__sql *w)
{
    struct sql *q = w->sql;
    sql_adds(q, "concat('[', ");
    for (size_t i = 0; i < w->q->n_sorts; i++)
        sql_addf(q, "%s, ',', ", cursor_value(q->a, w->q->sorts[i].by, i));
    sql_adds(q, "'\"', p.k, '\"]')");
}
