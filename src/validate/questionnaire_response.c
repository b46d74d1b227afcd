/*
 * A QuestionnaireResponse against its Questionnaire (questionnaireresponse.html#invariants and #notes): the same linkIds
 * in the same nesting and order, what is required is answered, what does not repeat does not, what is not enabled has no
 * answer, each answer is right for its question.
 *
 * "Completed" and "amended" responses are to be whole; of others it is a warning that something is missing.
 */
#include "fhir/datetime.h"
#include "questionnaire.h"

#define MAX_STEPS 4000000 /* far beyond any form that people fill in */

struct checking {
    struct validate__walk *w;
    struct response r;
    bool whole;     /* nothing may be missing any more */
    bool exhausted; /* the steps are spent, and it was said */
    bool *known;    /* by item: it is in the questionnaire */
    /* The place that is counted (its number), and by question how often it is at the place where it was counted last. */
    uint32_t place, *counts, *counted_at;
};

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

/* ---- the items of the response ---------------------------------------------------------------------------- */

struct items {
    struct arena *a;
    const struct questionnaire *q;
    struct response_item *list;
    uint32_t n, cap;
};

static void add_items(struct items *s, const json *parent, uint32_t up, int depth);

static bool add_answers(struct items *s, const json *item, uint32_t at, int depth)
{
    bool any = false;
    json_each (answer, array(item, "answer")) {
        any = true;
        add_items(s, answer, at, depth + 1);
    }
    return any;
}

static void add_items(struct items *s, const json *parent, uint32_t up, int depth)
{
    if (depth >= VALIDATE__MAX_DEPTH)
        return;
    json_each (item, array(parent, "item")) {
        const char *link_id = json_get_string(item, "linkId");
        uint32_t at = s->n;
        *ARENA_PUSH(s->a, s->list, s->n, s->cap) = (struct response_item){
            .node = item,
            .question = link_id ? validate__question_find(s->q, link_id) : QUESTION_NONE,
            .parent = up};
        bool answered = add_answers(s, item, at, depth);
        add_items(s, item, at, depth + 1);
        s->list[at].end = s->n;
        s->list[at].answered |= answered;
        s->list[up].answered |= s->list[at].answered;
    }
}

static void index_items(struct response *r, struct arena *a)
{
    uint32_t *first = ARENA_ARRAY(a, uint32_t, r->q->n + 1), *list = ARENA_ARRAY(a, uint32_t, r->n),
             *next = ARENA_ARRAY(a, uint32_t, r->q->n);
    for (uint32_t i = 1; i < r->n; i++)
        if (r->items[i].question != QUESTION_NONE)
            first[r->items[i].question + 1]++;
    for (uint32_t q = 0; q < r->q->n; q++) {
        first[q + 1] += first[q];
        next[q] = first[q];
    }
    for (uint32_t i = 1; i < r->n; i++)
        if (r->items[i].question != QUESTION_NONE)
            list[next[r->items[i].question]++] = i;
    r->first = first;
    r->of_question = list;
}

static void read_response(struct response *r, struct arena *a, const struct questionnaire *q,
                          const json *root)
{
    struct items s = {.a = a, .q = q};
    *ARENA_PUSH(a, s.list, s.n, s.cap) = (struct response_item){.node = root, .question = QUESTION_NONE};
    add_items(&s, root, 0, 0);
    s.list[0].end = s.n;
    *r = (struct response){.q = q,
                           .root = root,
                           .items = s.list,
                           .n = s.n,
                           .expressions = ARENA_ARRAY(a, const struct fp_expr *, q->n),
                           .steps = MAX_STEPS};
    index_items(r, a);
}

/* ---- walking ---------------------------------------------------------------------------------------------- */

/* What holds for all that is nested in an item. */
struct state {
    bool enabled; /* surely: what is required may be asked for */
    bool told;    /* that it has answers although it is not enabled */
};

static void check_items(struct checking *c, struct validate__place *at, uint32_t item, uint32_t parent,
                        uint32_t *cursor, struct state state);

static const char *name(const struct checking *c, const struct question *q)
{
    return validate__quote(c->w->a, q->link_id, "of the questionnaire");
}

static const struct question *question_of(const struct checking *c, uint32_t item)
{
    return &c->r.q->questions[c->r.items[item].question];
}

#define unless_in_progress(c) ((c)->whole ? ISSUE_ERROR : ISSUE_WARNING)

static void missing(const struct checking *c, const struct validate__place *at, const struct question *q)
{
    validate__rule(c->w, at, unless_in_progress(c), "required", "The required item %s has no answer",
                   name(c, q));
}

/* Extensions questionnaire-minOccurs and -maxOccurs: rounds of a group, answers to a question. */
static void check_occurs(const struct checking *c, const struct validate__place *at, const struct question *q,
                         size_t n)
{
    for (size_t i = 0; i < q->n_rules; i++) {
        const struct question_rule *r = &q->rules[i];
        if (r->kind == QUESTION_MIN_OCCURS && (int64_t)n < r->number)
            validate__rule(c->w, at, unless_in_progress(c), "invalid",
                           "The item %s occurs fewer than the required %lld times", name(c, q),
                           (long long)r->number);
        else if (r->kind == QUESTION_MAX_OCCURS && r->number >= 0 && (int64_t)n > r->number)
            validate__rule(c->w, at, ISSUE_ERROR, "invalid",
                           "The item %s occurs more than the allowed %lld times", name(c, q),
                           (long long)r->number);
    }
}

/* Text that is there is that of the question; "_text" may hold translations. No record is refused for it, as forms are shown
 * in other words than those of the questionnaire's default language. */
static void check_text(const struct checking *c, const struct validate__place *at, const struct question *q)
{
    const char *text = json_get_string(at->node, "text");
    if (text && q->text && strcmp(text, q->text) != 0 && !json_get(at->node, "_text"))
        validate__rule(c->w, at, validate__policy(c->w), "invalid",
                       "The text of the item %s is not that of the questionnaire", name(c, q));
}

/* The items in the answers of a group or display, which are not looked at. */
static void refuse_answers(const struct checking *c, struct validate__place *at, const struct question *q,
                           uint32_t *cursor)
{
    json_each (answer, array(at->node, "answer")) {
        validate__rule(c->w, at, ISSUE_ERROR, "structure",
                       q->type == QUESTION_GROUP
                           ? "The item %s is a group: it has no answers; nest the items in it directly"
                           : "The item %s is a display: it has no answers",
                       name(c, q));
        const json *list = array(answer, "item");
        for (size_t n = list ? json_count(list) : 0; n > 0 && *cursor < c->r.n; n--)
            *cursor = c->r.items[*cursor].end;
    }
}

static void check_answers(struct checking *c, struct validate__place *at, uint32_t item, uint32_t *cursor,
                          struct state state)
{
    const struct question *q = question_of(c, item);
    const json *list = array(at->node, "answer");
    size_t n = list ? json_count(list) : 0;
    if (q->required && state.enabled && n == 0)
        missing(c, at, q);
    if (n > 1 && !q->repeats)
        validate__rule(c->w, at, ISSUE_ERROR, "invalid",
                       "The item %s has several answers, but does not repeat", name(c, q));
    if (n > 0)
        check_occurs(c, at, q, n);
    struct validate__place answer = {.up = at, .name = "answer"};
    json_each (node, list) {
        answer.node = node;
        validate__answer(c->w, &answer, c->r.q, q, n);
        check_items(c, &answer, item, c->r.items[item].question, cursor, state);
        answer.index++;
    }
}

/* Items beneath a group stand in it, those beneath a question in its answers, and none beneath a display. */
static void check_item(struct checking *c, struct validate__place *at, uint32_t item, struct state state)
{
    const struct question *q = question_of(c, item);
    const json *items = array(at->node, "item");
    uint32_t cursor = item + 1;
    check_text(c, at, q);
    if (q->type == QUESTION_GROUP) {
        refuse_answers(c, at, q, &cursor);
        if (q->required && state.enabled && !items)
            validate__rule(c->w, at, unless_in_progress(c), "invariant", "The required group %s has no items",
                           name(c, q));
        check_items(c, at, item, c->r.items[item].question, &cursor, state);
        return;
    }
    if (q->type == QUESTION_DISPLAY)
        refuse_answers(c, at, q, &cursor);
    else
        check_answers(c, at, item, &cursor, state);
    if (items)
        validate__rule(c->w, at, ISSUE_ERROR, "structure",
                       q->type == QUESTION_DISPLAY
                           ? "The item %s is a display: nothing is nested in it"
                           : "The item %s is a question: items are nested in its answers, not beside them",
                       name(c, q));
}

/* Is the item where the questionnaire has it? False: it is not in the questionnaire at all. */
static bool check_place(struct checking *c, const struct validate__place *at, uint32_t item, uint32_t parent,
                        uint32_t *last)
{
    struct validate__walk *w = c->w;
    uint32_t question = c->r.items[item].question;
    const char *link_id = json_get_string(at->node, "linkId");
    if (question == QUESTION_NONE) {
        if (link_id) /* the structure says that it is required */
            validate__rule(w, at, ISSUE_ERROR, "not-found", "The linkId %s is not in the questionnaire",
                           validate__quote(w->a, link_id, "of this item"));
        return false;
    }
    const struct question *q = &c->r.q->questions[question];
    if (q->parent != parent) {
        validate__rule(w, at, ISSUE_ERROR, "structure",
                       "The item %s is at another place in the questionnaire: nest it as it is there",
                       name(c, q));
        return true;
    }
    if (*last != QUESTION_NONE && question < *last)
        validate__rule(w, at, ISSUE_ERROR, "structure",
                       "The item %s stands behind one that it precedes in the questionnaire: keep the order",
                       name(c, q));
    *last = question;
    c->counts[question] = c->counted_at[question] == c->place ? c->counts[question] + 1 : 1;
    c->counted_at[question] = c->place;
    return true;
}

static bool spend(struct checking *c, const struct validate__place *at)
{
    if (c->r.steps > 0) {
        c->r.steps--;
        return true;
    }
    if (!c->exhausted)
        validate__rule(c->w, at, ISSUE_WARNING, "too-costly",
                       "The response is too large to be checked whole against its questionnaire");
    c->exhausted = true;
    return false;
}

/* The questions that belong directly beneath a place: how often each is there. */
static void check_counts(struct checking *c, struct validate__place *at, uint32_t item, uint32_t parent,
                         struct state state)
{
    const struct questionnaire *q = c->r.q;
    uint32_t i = parent == QUESTION_NONE ? 0 : parent + 1;
    uint32_t end = parent == QUESTION_NONE ? q->n : q->questions[parent].end;
    for (; i < end && spend(c, at) && !validate__full(c->w); i = q->questions[i].end) {
        const struct question *child = &q->questions[i];
        uint32_t n = c->counted_at[i] == c->place ? c->counts[i] : 0;
        if (n > 1 && !child->repeats)
            validate__rule(c->w, at, ISSUE_ERROR, "invalid",
                           "The item %s is there several times, but does not repeat", name(c, child));
        if (n > 0 && child->type == QUESTION_GROUP)
            check_occurs(c, at, child, n);
        if (n == 0 && child->required && state.enabled &&
            validate__question_enabled(c->w, &c->r, i, item) == MAYBE_YES)
            missing(c, at, child);
    }
}

static struct state state_of(struct checking *c, const struct validate__place *at, uint32_t item, uint32_t up,
                             struct state state)
{
    const struct response_item *it = &c->r.items[item];
    enum maybe enabled = validate__question_enabled(c->w, &c->r, it->question, up);
    state.enabled = state.enabled && enabled == MAYBE_YES;
    if (enabled == MAYBE_NO && it->answered && !state.told) {
        validate__rule(c->w, at, ISSUE_ERROR, "invalid",
                       "The item %s has an answer, although it is not enabled",
                       name(c, question_of(c, item)));
        state.told = true;
    }
    return state;
}

/* What stands in `at`, which is the response, an item or an answer of one; *cursor is the first of them in the list of
 * all items, and comes to be what is behind the last. */
static void check_items(struct checking *c, struct validate__place *at, uint32_t item, uint32_t parent,
                        uint32_t *cursor, struct state state)
{
    const json *list = array(at->node, "item");
    struct validate__place child = {.up = at, .name = "item"};
    uint32_t last = QUESTION_NONE, first = *cursor;
    c->place++;
    json_each (node, list) {
        if (*cursor >= c->r.items[item].end || validate__full(c->w))
            break;
        child.node = node;
        c->known[*cursor] = check_place(c, &child, *cursor, parent, &last);
        *cursor = c->r.items[*cursor].end;
        child.index++;
    }
    check_counts(c, at, item, parent, state);
    child.index = 0;
    json_each (node, list) {
        if (first >= *cursor)
            break;
        child.node = node;
        if (c->known[first])
            check_item(c, &child, first, state_of(c, &child, first, item, state));
        first = c->r.items[first].end;
        child.index++;
    }
}

/* ---- the response ----------------------------------------------------------------------------------------- */

static const struct questionnaire *contained(struct validate__walk *w, const char *id)
{
    const struct validate__contained *found = validate__contained_find(w->scope, id);
    const struct validate__scope *s = w->scope->container ? w->scope->container : w->scope;
    const char *type = found ? json_get_string(found->node, "resourceType") : NULL;
    return type && strcmp(type, "Questionnaire") == 0 ? validate__questionnaire_of(w->a, found->node, s->node)
                                                      : NULL;
}

static const struct questionnaire *find(struct validate__walk *w, struct validate__place *at,
                                        const char *canonical)
{
    if (canonical[0] == '#')
        return contained(w, canonical + 1);
    const struct conformance_entry *e =
        conformance_find(validate__codes(w), CONFORMANCE_QUESTIONNAIRE, str_of(canonical));
    const void *q;
    struct err unusable;
    if (e && conformance_read(e, validate__questionnaire_read, &q, &unusable))
        return q;
    struct validate__place place = {.up = at, .name = "questionnaire", .index = -1, .node = at->node};
    validate__unresolved(w, &place, canonical, "questionnaire");
    return NULL;
}

/* authored outside the time in which the questionnaire is for use (Questionnaire.effectivePeriod). */
static void check_authored(struct checking *c, struct validate__place *at)
{
    const struct questionnaire *q = c->r.q;
    const json *node = json_get(at->node, "authored");
    struct validate__place place = {.up = at, .name = "authored", .index = -1, .node = node};
    struct answer_value authored = {ANSWER_DATETIME, node};
    const struct {
        const char *limit;
        int forbidden;
        const char *text;
    } ends[] = {
        {q->effective_start, -1, "The response was authored before the questionnaire came into use"},
        {q->effective_end, 1, "The response was authored after the questionnaire went out of use"},
    };
    for (size_t i = 0; node && i < sizeof ends / sizeof *ends; i++) {
        int order;
        if (!ends[i].limit)
            continue;
        struct answer_value limit = {ANSWER_DATETIME, json_string(c->w->a, ends[i].limit)};
        if (validate__answer_compare(c->w, &authored, &limit, &order) == COMPARED &&
            order == ends[i].forbidden)
            validate__rule(c->w, &place, ISSUE_WARNING, "business-rule", "%s", ends[i].text);
    }
}

void validate__questionnaire_response(struct validate__walk *w, struct validate__place *at)
{
    const char *canonical = json_get_string(at->node, "questionnaire"),
               *status = json_get_string(at->node, "status");
    const struct questionnaire *q = canonical ? find(w, at, canonical) : NULL;
    if (!q)
        return;
    struct checking c = {.w = w,
                         .whole =
                             status && (strcmp(status, "completed") == 0 || strcmp(status, "amended") == 0),
                         .counts = ARENA_ARRAY(w->a, uint32_t, q->n),
                         .counted_at = ARENA_ARRAY(w->a, uint32_t, q->n)};
    read_response(&c.r, w->a, q, at->node);
    c.known = ARENA_ARRAY(w->a, bool, c.r.n);
    check_authored(&c, at);
    uint32_t cursor = 1;
    check_items(&c, at, 0, QUESTION_NONE, &cursor, (struct state){.enabled = true});
}
