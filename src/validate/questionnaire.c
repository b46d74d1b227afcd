/*
 * A Questionnaire by itself, beyond its invariants (questionnaire.html#item): conditions that can be met, values that fit
 * their questions, expressions that can be read.
 */
#include "questionnaire.h"

struct checking {
    struct validate__walk *w;
    const struct questionnaire *q;
    uint32_t next; /* the question that comes next in the walk over the items */
};

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

static bool fits(const struct question *q, const struct answer_value *v)
{
    return v->type == ANSWER_N_TYPES || validate__question_kinds[q->type].answers & 1u << v->type;
}

/* ---- enableWhen ------------------------------------------------------------------------------------------- */

/* "The condition refers to a question that is answered before": not to the item itself, nor to what it shows or hides. */
static bool check_target(struct checking *c, const struct validate__place *at, uint32_t item,
                         const struct question_condition *condition)
{
    const char *wrong = NULL;
    uint32_t target = condition->question;
    if (target == QUESTION_NONE)
        wrong = "enableWhen refers to a linkId that this questionnaire does not have";
    else if (target == item)
        wrong = "enableWhen refers to its own item: an item cannot decide whether it is enabled itself";
    else if (target > item && target < c->q->questions[item].end)
        wrong =
            "enableWhen refers to a question inside the item, which is only asked when the item is enabled";
    if (wrong)
        validate__error(c->w, at, "business-rule", "%s", wrong);
    else if (target > item)
        validate__find(c->w, at, ISSUE_WARNING, "business-rule", NULL,
                       "enableWhen refers to a question that comes later in the questionnaire");
    return !wrong;
}

/* The types of which one is less than another (questionnaire-enable-operator). */
static bool is_ordered(enum answer_type t)
{
    return t == ANSWER_DECIMAL || t == ANSWER_INTEGER || t == ANSWER_DATE || t == ANSWER_DATETIME ||
           t == ANSWER_TIME || t == ANSWER_QUANTITY || t == ANSWER_STRING;
}

static void check_answer(struct checking *c, const struct validate__place *at,
                         const struct question_condition *condition)
{
    const struct question *target = &c->q->questions[condition->question];
    struct validate__place answer = {
        .up = (struct validate__place *)at, .name = "answer", .index = -1, .node = condition->answer.node};
    if (condition->operator== QUESTION_EXISTS || !condition->answer.node)
        return;
    if (!fits(target, &condition->answer))
        validate__error(
            c->w, &answer, "business-rule",
            "The condition expects an answer of type %s, which the question %s of type %s never has",
            validate__answer_type_name(condition->answer.type),
            validate__quote(c->w->a, target->link_id, "it refers to"),
            validate__question_kinds[target->type].code);
    else if (condition->operator>= QUESTION_GREATER && !is_ordered(condition->answer.type))
        validate__find(c->w, &answer, ISSUE_WARNING, "business-rule", NULL,
                       "Answers of type %s are not greater or less than others",
                       validate__answer_type_name(condition->answer.type));
}

static void check_conditions(struct checking *c, struct validate__place *at, uint32_t item)
{
    const struct question *q = &c->q->questions[item];
    struct validate__place place = {.up = at, .name = "enableWhen"};
    json_each (node, array(at->node, "enableWhen")) {
        const struct question_condition *condition = &q->conditions[place.index];
        place.node = node;
        /* that a question is missing, the structure says */
        if (json_get_string(node, "question") && check_target(c, &place, item, condition))
            check_answer(c, &place, condition);
        place.index++;
    }
}

/* ---- values ----------------------------------------------------------------------------------------------- */

static void check_values(struct checking *c, struct validate__place *at, uint32_t item, const char *name)
{
    const struct question *q = &c->q->questions[item];
    struct validate__place place = {.up = at, .name = name};
    size_t selected = 0;
    json_each (node, array(at->node, name)) {
        struct answer_value v = validate__answer_value(node, "value");
        place.node = node;
        if (v.node && !fits(q, &v) && validate__question_kinds[q->type].answers)
            validate__error(c->w, &place, "business-rule",
                            "The value is of type %s, which answers to a question of type %s never have",
                            validate__answer_type_name(v.type), validate__question_kinds[q->type].code);
        if (json_is_true(json_get(node, "initialSelected")) && selected++ == 1 && !q->repeats)
            validate__error(c->w, &place, "business-rule",
                            "Several options are initially selected, but the question does not repeat");
        place.index++;
    }
}

/* ---- extensions ------------------------------------------------------------------------------------------- */

/* One limit beyond the other: no answer could be right. */
static void check_limits(struct checking *c, struct validate__place *at, const struct question *q,
                         enum question_rule_kind least, enum question_rule_kind greatest)
{
    const struct question_rule *lo = NULL, *hi = NULL;
    int order;
    for (size_t i = 0; i < q->n_rules; i++) {
        if (q->rules[i].kind == least)
            lo = &q->rules[i];
        else if (q->rules[i].kind == greatest)
            hi = &q->rules[i];
    }
    if (lo && hi && lo->value.type != ANSWER_N_TYPES && hi->value.type != ANSWER_N_TYPES &&
        validate__answer_compare(c->w, &lo->value, &hi->value, &order) == COMPARED && order > 0)
        validate__find(
            c->w, at, ISSUE_WARNING, "business-rule", NULL,
            "The least value or number allowed is greater than the greatest: no answer can be right");
}

static void check_rules(struct checking *c, struct validate__place *at, uint32_t item)
{
    const struct question *q = &c->q->questions[item];
    check_limits(c, at, q, QUESTION_MIN_VALUE, QUESTION_MAX_VALUE);
    check_limits(c, at, q, QUESTION_MIN_QUANTITY, QUESTION_MAX_QUANTITY);
    check_limits(c, at, q, QUESTION_MIN_OCCURS, QUESTION_MAX_OCCURS);
    for (size_t i = 0; i < q->n_rules; i++) {
        const struct question_rule *r = &q->rules[i];
        const struct fp_expr *expression;
        struct err err;
        if (r->kind == QUESTION_REGEX && r->text.s && !r->regex)
            validate__find(
                c->w, at, ISSUE_WARNING, "business-rule", NULL,
                "The regular expression of the item cannot be used: answers will not be held against it");
        else if (r->kind == QUESTION_ENABLE_EXPRESSION && r->text.s &&
                 !fp_compile(c->w->a, c->w->v->defs, r->text, NULL, false, &expression, &err))
            validate__error(c->w, at, "business-rule", "The expression that enables the item: %s", err.msg);
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static void check_items(struct checking *c, struct validate__place *up)
{
    struct validate__place at = {.up = up, .name = "item"};
    json_each (node, array(up->node, "item")) {
        if (json_is_object(node)) {
            uint32_t item = c->next++;
            at.node = node;
            check_conditions(c, &at, item);
            check_values(c, &at, item, "initial");
            check_values(c, &at, item, "answerOption");
            check_rules(c, &at, item);
            check_items(c, &at);
        }
        at.index++;
    }
}

void validate__questionnaire(struct validate__walk *w, struct validate__place *at)
{
    struct checking c = {.w = w, .q = validate__questionnaire_of(w->a, at->node, at->node)};
    if (c.q) /* else its items are nested too deep, which the walk has said */
        check_items(&c, at);
}
