/*
 * What a search costs, as far as the statistics tell: how many rows pass a criterion, which of them is the least
 * selective, and what would narrow the search. For messages; names of parameters alone, never a value.
 */
#include "internal.h"

static int64_t find(const struct search_stats_entry *list, size_t n, int64_t key)
{
    for (size_t lo = 0, hi = n; lo < hi;) {
        size_t mid = (lo + hi) / 2;
        if (list[mid].key == key)
            return list[mid].rows;
        if (list[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

int64_t search__rows_of_keys(const struct search_stats *s, const struct search_criterion *c)
{
    int64_t rows = 0;
    for (size_t i = 0; s && i < c->n_keys; i++)
        rows += find(s->common, s->n, c->keys[i].key);
    return rows;
}

int64_t search__rows_of_type(const struct search_stats *s, const struct fhir_type *type)
{
    return s ? find(s->types, s->n_types, type->id) : 0;
}

int64_t search__rows_of_types(const struct search_stats *s, const struct search_query *q)
{
    int64_t rows = 0;
    if (s && q->n_types == 0)
        return s->rows;
    for (int i = 0; i < q->n_types; i++)
        rows += search__rows_of_type(s, q->types[i]);
    return rows;
}

/* Of what the statistics know nothing, by kind. */
static double guess(const struct search_criterion *c)
{
    switch (c->kind) {
    case CRIT_NONE:
    case CRIT_ID:
        return 0;
    case CRIT_STRING:
        return c->match == MATCH_CONTAINS ? 0.4 : 0.2;
    case CRIT_CHAIN:
    case CRIT_HAS:
        return 0.5;
    default:
        return 0.3;
    }
}

/* What part of the rows passes: 0 … 1. */
static double share(const struct search_stats *s, int64_t rows, const struct search_criterion *c)
{
    double part = c->kind == CRIT_AND ? 1 : 0;
    switch (c->kind) {
    case CRIT_KEYS:
        part = rows ? (double)search__rows_of_keys(s, c) / (double)rows : guess(c);
        return part < 1 ? part : 1;
    case CRIT_NOT:
        return 1 - share(s, rows, c->child);
    case CRIT_AND:
        for (const struct search_criterion *child = c->child; child; child = child->next)
            part *= share(s, rows, child);
        return part;
    case CRIT_OR:
        for (const struct search_criterion *child = c->child; child; child = child->next)
            part += share(s, rows, child);
        return part < 1 ? part : 1;
    default:
        return guess(c);
    }
}

/* The argument that most rows pass; a reference has to be followed for each of them. NULL: there are none. */
static const struct search_asked *costliest(const struct search_query *q, const struct search_stats *s)
{
    const struct search_asked *worst = NULL;
    double most = -1;
    for (size_t i = 0; i < q->n_asked; i++) {
        const struct search_criterion *c = q->asked[i].criterion;
        double cost = share(s, search__rows_of_types(s, q), c) * (search__is_join(c) ? 4 : 1);
        if (cost > most) {
            most = cost;
            worst = &q->asked[i];
        }
    }
    return worst;
}

static bool is_asked(const struct search_query *q, const char *code)
{
    size_t n = strlen(code);
    for (size_t i = 0; i < q->n_asked; i++) {
        struct str name = q->asked[i].name;
        if (name.len >= n && memcmp(name.s, code, n) == 0 && (name.len == n || strchr(":.", name.s[n])))
            return true;
    }
    return false;
}

/* Parameters that narrow most searches of a type and stand in an index with its order. */
static void add_advice(const struct search_query *q, struct buf *b)
{
    static const enum search__lane lanes[] = {LANE_PAT, LANE_CODE, LANE_DATE};
    const struct search__type *t = search__type(q->registry, q->types[0]);
    const char *codes[4];
    int n = 0;
    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++)
        if (t->lanes[lanes[i]] && !is_asked(q, t->lanes[lanes[i]]->def->code))
            codes[n++] = t->lanes[lanes[i]]->def->code;
    if (search__slot(q->registry, q->types[0], STR("identifier")) && !is_asked(q, "identifier"))
        codes[n++] = "identifier";
    buf_adds(b, "; add a parameter that few resources pass");
    for (int i = 0; i < n; i++)
        buf_addf(b, "%s%s", i == 0 ? ", such as " : i < n - 1 ? ", " : " or ", codes[i]);
}

static bool is_own(const struct search_criterion *c)
{
    bool own = !search__is_join(c) && c->kind != CRIT_TREE;
    for (const struct search_criterion *child = c->child; child && own; child = child->next)
        own = is_own(child);
    return own;
}

bool search_asks_own(const struct search_query *q)
{
    bool own = is_own(q->criteria);
    for (size_t i = 0; i < q->n_sorts; i++)
        own = own && q->sorts[i].by != ORDER_REFERENCE;
    return own;
}

struct str search_costs(const struct search_query *q, const struct search_stats *stats)
{
    const struct search_asked *worst = costliest(q, stats);
    struct buf b;
    buf_init(&b, q->a, 256);
    if (worst)
        buf_addf(&b, "what costs most is '%.*s'", STR_FMT(worst->name));
    else if (q->n_types == 1)
        buf_addf(&b, "it asks for every %s", q->types[0]->name);
    else
        buf_adds(&b, "it asks for resources of many types");
    if (!search__is_indexed_order(q))
        buf_adds(&b, ", and '_sort' needs all matches before it can show the first");
    if (q->n_types == 1)
        add_advice(q, &b);
    else
        buf_adds(&b, "; name fewer types in _type");
    if (q->total == TOTAL_ACCURATE)
        buf_adds(&b, ", or leave out _total=accurate");
    return buf_str(&b);
}
