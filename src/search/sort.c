/* _sort. Every sort key is made never null (order.c), rows without a value come last. */
#include "internal.h"

static const struct {
    const char *code;
    enum search__order by;
} columns[] = {
    {"_id", ORDER_ID},
    {"_lastUpdated", ORDER_UPDATED},
    {"_score", ORDER_SCORE},
    {"near", ORDER_DISTANCE},
};

static const int orders[] = {
    [FHIR_SEARCH_NUMBER] = ORDER_NUMBER,
    [FHIR_SEARCH_DATE] = ORDER_DATE,
    [FHIR_SEARCH_STRING] = ORDER_STRING,
    [FHIR_SEARCH_TOKEN] = ORDER_CODE,
    [FHIR_SEARCH_REFERENCE] = ORDER_REFERENCE,
    [FHIR_SEARCH_COMPOSITE] = -1,
    [FHIR_SEARCH_QUANTITY] = ORDER_NUMBER,
    [FHIR_SEARCH_URI] = ORDER_URI,
    [FHIR_SEARCH_SPECIAL] = -1,
};

static bool find(struct search__parse *p, struct str code, struct search_sort *out)
{
    const struct search_query *q = p->q;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (str_is(code, columns[i].code)) {
            out->by = columns[i].by;
            out->desc ^= out->by == ORDER_SCORE; /* the best first */
            return true;
        }
    const struct search__slot *slot = q->n_types == 1 ? search__named(p, q->types[0], code) : NULL;
    if (!slot || !slot->param->expr || orders[slot->param->def->type] < 0)
        return false;
    out->slot = slot;
    out->sealed =
        slot->param->def->type != FHIR_SEARCH_REFERENCE && search__is_sealed(p->tenant, slot->param);
    out->by = slot->lane == LANE_DATE ? ORDER_LANE_DATE : (enum search__order)orders[slot->param->def->type];
    return true;
}

bool search__parse_sort(struct search__parse *p, struct str value)
{
    struct search_query *q = p->q;
    size_t cap = 0;
    q->sorts = NULL;
    q->n_sorts = 0;
    for (struct str rest = value; rest.s;) {
        struct str code = str_trim(str_cut(rest, ',', &rest));
        struct search_sort sort = {.desc = code.len && code.s[0] == '-'};
        if (sort.desc)
            code = (struct str){code.s + 1, code.len - 1};
        if (!find(p, code, &sort))
            return err_set(p->err, ERR_INVALID, "search parameter _sort: cannot sort by %.*s here",
                           STR_FMT(code));
        if (sort.sealed && !search__open_order(p, &sort))
            return err_set(
                p->err, ERR_TOO_COSTLY,
                "search parameter _sort: %.*s is sealed (identity.seal), and its values have no order",
                STR_FMT(code));
        *ARENA_PUSH(p->a, q->sorts, q->n_sorts, cap) = sort;
    }
    return true;
}

/* The criterion that rows of the search itself answer: not one of other resources, and none that must not hold. */
static const struct search_criterion *find_criterion(const struct search_criterion *c, enum search__kind kind)
{
    bool words = kind == CRIT_TEXT && c->kind == CRIT_OPENED && c->n_beginnings;
    const struct search_criterion *found = c->kind == kind || words ? c : NULL;
    bool here = c->kind == CRIT_AND || c->kind == CRIT_OR || c->kind == CRIT_TARGET;
    for (const struct search_criterion *child = here ? c->child : NULL; child && !found; child = child->next)
        found = find_criterion(child, kind);
    return found;
}

bool search__find_measures(struct search__parse *p)
{
    struct search_query *q = p->q;
    q->text = find_criterion(q->criteria, CRIT_TEXT);
    q->near = find_criterion(q->criteria, CRIT_NEAR);
    for (size_t i = 0; i < q->n_sorts && !q->empty; i++) {
        if (q->sorts[i].by == ORDER_SCORE && !q->text)
            return err_set(p->err, ERR_INVALID,
                           "search parameter _sort: _score needs _text or _content in the search");
        if (q->sorts[i].by == ORDER_DISTANCE && !q->near)
            return err_set(p->err, ERR_INVALID, "search parameter _sort: near needs near in the search");
    }
    return true;
}

/* Newest first, by the main date; over several types one type after the other. */
void search__default_sort(struct search__parse *p)
{
    struct search_query *q = p->q;
    if (q->n_sorts)
        return;
    q->sorts = ARENA_ARRAY(p->a, struct search_sort, 2);
    if (q->n_types != 1)
        q->sorts[q->n_sorts++] = (struct search_sort){.by = ORDER_TYPE};
    q->sorts[q->n_sorts++] = (struct search_sort){.by = ORDER_LANE_DATE, .desc = true};
}
