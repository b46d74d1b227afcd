/*
 * Is a question to be answered (Questionnaire.item.enableWhen, enableBehavior, and the expression that may stand for
 * them)? A condition looks at the answers of another question: at those inside the nearest item around that both
 * questions are in, so that in a repeating group each round looks at its own.
 *
 * What cannot be told (an expression that needs more than the response, values that have no order) is MAYBE_UNKNOWN, and
 * breaks no rule.
 */
#include "questionnaire.h"

/* ---- one condition ---------------------------------------------------------------------------------------- */

static enum maybe truth(bool b)
{
    return b ? MAYBE_YES : MAYBE_NO;
}

static enum maybe ordered(struct validate__walk *w, const struct question_condition *c,
                          const struct answer_value *given)
{
    int order;
    if (validate__answer_compare(w, given, &c->answer, &order) != COMPARED)
        return MAYBE_UNKNOWN;
    switch (c->operator) {
    case QUESTION_GREATER:
        return truth(order > 0);
    case QUESTION_LESS:
        return truth(order < 0);
    case QUESTION_GREATER_OR_EQUAL:
        return truth(order >= 0);
    case QUESTION_LESS_OR_EQUAL:
        return truth(order <= 0);
    default:
        return MAYBE_UNKNOWN;
    }
}

static enum maybe holds_for(struct validate__walk *w, const struct question_condition *c,
                            const struct answer_value *given)
{
    if (c->operator!= QUESTION_EQUAL && c->operator!= QUESTION_NOT_EQUAL)
        return ordered(w, c, given);
    enum maybe equal = validate__answer_equal(w, &c->answer, given);
    if (c->operator== QUESTION_EQUAL || equal == MAYBE_UNKNOWN)
        return equal;
    return truth(equal == MAYBE_NO);
}

/* What the answers of a question say to a condition, together. */
struct verdict {
    size_t answers, yes, no;
};

static void weigh(struct validate__walk *w, const struct question_condition *c, const json *item,
                  struct verdict *v)
{
    const json *list = json_get(item, "answer");
    json_each (answer, json_is_array(list) ? list : NULL) {
        struct answer_value given = validate__answer_value(answer, "value");
        if (!given.node)
            continue;
        v->answers++;
        if (c->operator== QUESTION_EXISTS || !c->answer.node)
            continue;
        enum maybe m = holds_for(w, c, &given);
        v->yes += m == MAYBE_YES;
        v->no += m == MAYBE_NO;
    }
}

/* "At least one answer has a value that …"; of !=, "no answer has a value that is equal": that says nothing certain
 * where there is no answer, or where some are equal and some are not (questionnaire-enable-operator). */
static enum maybe decide(const struct question_condition *c, const struct verdict *v)
{
    if (c->operator== QUESTION_EXISTS)
        return json_is_bool(c->answer.node) ? truth(json_is_true(c->answer.node) == (v->answers > 0))
                                            : MAYBE_UNKNOWN;
    if (c->operator== QUESTION_NOT_EQUAL) {
        if (v->answers > 0 && v->yes == v->answers)
            return MAYBE_YES;
        return v->answers > 0 && v->no == v->answers ? MAYBE_NO : MAYBE_UNKNOWN;
    }
    if (v->yes)
        return MAYBE_YES;
    return v->no == v->answers ? MAYBE_NO : MAYBE_UNKNOWN;
}

static bool is_in(const struct questionnaire *q, uint32_t inner, uint32_t outer)
{
    return inner >= outer && inner < q->questions[outer].end;
}

/* The first item of the question at or behind `item`, as a place in of_question[]. */
static uint32_t first_from(const struct response *r, uint32_t question, uint32_t item)
{
    uint32_t lo = r->first[question], hi = r->first[question + 1];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->of_question[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static enum maybe holds(struct validate__walk *w, struct response *r, const struct question_condition *c,
                        uint32_t up)
{
    if (c->question == QUESTION_NONE || c->operator== QUESTION_N_OPERATORS)
        return MAYBE_UNKNOWN;
    const struct response_item *items = r->items;
    while (up && (items[up].question == QUESTION_NONE || !is_in(r->q, c->question, items[up].question)))
        up = items[up].parent;
    struct verdict v = {0};
    for (uint32_t i = first_from(r, c->question, up);
         i < r->first[c->question + 1] && r->of_question[i] < items[up].end; i++) {
        if (r->steps == 0)
            return MAYBE_UNKNOWN;
        r->steps--;
        weigh(w, c, items[r->of_question[i]].node, &v);
    }
    return decide(c, &v);
}

/* ---- expressions ------------------------------------------------------------------------------------------ */

static const struct question_rule *expression_of(const struct question *q)
{
    for (size_t i = 0; i < q->n_rules; i++)
        if (q->rules[i].kind == QUESTION_ENABLE_EXPRESSION)
            return &q->rules[i];
    return NULL;
}

/* On the response; it looks at nothing outside. */
static enum maybe evaluate(struct validate__walk *w, struct response *r, uint32_t question,
                           const struct question_rule *rule)
{
    struct err unknown;
    if (!rule->text.s || r->steps == 0)
        return MAYBE_UNKNOWN;
    r->steps--;
    const struct fp_expr **x = &r->expressions[question];
    if (!*x && !fp_compile(w->a, w->v->defs, rule->text, NULL, false, x, &unknown)) {
        *x = NULL;
        return MAYBE_UNKNOWN;
    }
    struct fp_item root = fp_root(w->v->defs, r->root, NULL);
    const struct fp_terminology codes = {terminology_member, terminology_subsumes, validate__codes(w)};
    struct fp_env env = {
        .a = w->scratch, .defs = w->v->defs, .resource = r->root, .now_us = w->now_us, .terminology = &codes};
    bool enabled;
    return fp_eval_bool(*x, &env, &root, &enabled, &unknown) ? truth(enabled) : MAYBE_UNKNOWN;
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

enum maybe validate__question_enabled(struct validate__walk *w, struct response *r, uint32_t question,
                                      uint32_t up)
{
    const struct question *q = &r->q->questions[question];
    const struct question_rule *expression = expression_of(q);
    if (expression)
        return evaluate(w, r, question, expression);
    enum maybe decisive = q->any ? MAYBE_YES : MAYBE_NO, all = q->any ? MAYBE_NO : MAYBE_YES;
    if (q->n_conditions == 0)
        return MAYBE_YES;
    for (size_t i = 0; i < q->n_conditions; i++) {
        enum maybe m = holds(w, r, &q->conditions[i], up);
        if (m == decisive)
            return m;
        if (m == MAYBE_UNKNOWN)
            all = m;
    }
    return all;
}
