/*
 * One answer against its question: its type, the options or the value set it is to be of, the length, range, format,
 * unit, size that the question asks for (questionnaire.html#item, extensions minLength … unitValueSet).
 */
#include "base/utf8.h"
#include "fhir/reference.h"
#include "questionnaire.h"

struct asking {
    struct validate__walk *w;
    const struct validate__place *answer, *place; /* of the answer, and of its value */
    const struct questionnaire *all;
    const struct question *question;
    const struct answer_value *value;
    size_t n_answers;
};

#define wrong(x, code, ...) validate__rule((x)->w, (x)->place, ISSUE_ERROR, (code), __VA_ARGS__)

/* A limit of the questionnaire, for the reader of a finding. */
static const char *shown(struct arena *a, const struct answer_value *limit)
{
    if (limit->type != ANSWER_QUANTITY)
        return limit->node->valuestring ? limit->node->valuestring : "its limit";
    const json *value = json_get(limit->node, "value");
    const char *unit = json_get_string(limit->node, "code");
    if (!unit)
        unit = json_get_string(limit->node, "unit");
    return arena_printf(a, "%s%s%s", json_is_number(value) ? value->valuestring : "?", unit ? " " : "",
                        unit ? unit : "");
}

/* ---- value sets ------------------------------------------------------------------------------------------ */

static const struct terminology_valueset *find_set(const struct asking *x, const char *canonical)
{
    if (canonical[0] == '#') {
        for (size_t i = 0; i < x->all->n_sets; i++)
            if (strcmp(x->all->sets[i].id, canonical + 1) == 0)
                return x->all->sets[i].set;
        return NULL;
    }
    const struct terminology_valueset *set;
    struct err unknown;
    return terminology_valueset(validate__codes(x->w), str_of(canonical), &set, &unknown) ? set : NULL;
}

static enum terminology_answer is_member(const struct asking *x, const char *canonical, const char *system,
                                         const char *code)
{
    const struct terminology_valueset *set = find_set(x, canonical);
    enum terminology_answer answer =
        set ? terminology_has(validate__codes(x->w), set, system, code) : TERMINOLOGY_UNKNOWN;
    if (answer == TERMINOLOGY_UNKNOWN)
        validate__unresolved(x->w, x->place, canonical, "value set");
    return answer;
}

/* ---- options --------------------------------------------------------------------------------------------- */

static bool is_option(const struct asking *x, const struct question_option *option)
{
    if (option->value.type != x->value->type ||
        validate__answer_equal(x->w, &option->value, x->value) != MAYBE_YES)
        return false;
    return x->value->type != ANSWER_CODING || json_get_string(option->value.node, "system") ||
           !json_get_string(x->value->node, "system");
}

/* The display or the code of an option, as free text. */
static bool is_said_by_option(const struct asking *x)
{
    struct str text = str_of(x->value->node->valuestring);
    for (size_t i = 0; i < x->question->n_options; i++) {
        const json *coding = x->question->options[i].value.node;
        const char *display = json_get_string(coding, "display"), *code = json_get_string(coding, "code");
        if ((display && str_ieq(text, str_of(display))) || (code && str_ieq(text, str_of(code))))
            return true;
    }
    return false;
}

static bool is_free_text(const struct asking *x)
{
    const json *coding = x->value->type == ANSWER_CODING ? x->value->node : NULL;
    return x->question->type == QUESTION_OPEN_CHOICE &&
           (x->value->type == ANSWER_STRING ||
            (json_get_string(coding, "display") && !json_get_string(coding, "code") &&
             !json_get_string(coding, "system")));
}

static void check_options(const struct asking *x)
{
    const struct question *q = x->question;
    if (is_free_text(x)) {
        if (x->value->type == ANSWER_STRING && json_is_string(x->value->node) && is_said_by_option(x))
            validate__rule(x->w, x->place, ISSUE_WARNING, "invariant",
                           "The text is that of one of the options: answer with the option's Coding");
        return;
    }
    for (size_t i = 0; i < q->n_options; i++)
        if (is_option(x, &q->options[i])) {
            if (q->options[i].exclusive && x->n_answers > 1)
                wrong(x, "invariant", "This option excludes all others: give no further answer beside it");
            return;
        }
    wrong(x, "invariant",
          x->value->type == ANSWER_CODING
              ? "The answer is not one of the options of the question: system and code are compared"
              : "The answer is not one of the options of the question");
}

/* A code without system is in the set when a code of some system is; which of them was meant nobody knows. */
static enum terminology_answer coding_in_set(const struct asking *x)
{
    const char *set = x->question->set, *code = json_get_string(x->value->node, "code"),
               *system = json_get_string(x->value->node, "system");
    enum terminology_answer answer = code ? is_member(x, set, system, code) : TERMINOLOGY_NO;
    if (!system && answer == TERMINOLOGY_YES)
        validate__rule(x->w, x->place, ISSUE_WARNING, "code-invalid",
                       "The answer's code has no system: add the one that it has in the value set %s", set);
    return answer;
}

/* An answer in words where codes are asked for is compared as a code (item.answerValueSet of a string). */
static void check_set(const struct asking *x)
{
    const struct question *q = x->question;
    enum terminology_answer answer = TERMINOLOGY_YES;
    if (x->value->type == ANSWER_CODING && !is_free_text(x))
        answer = coding_in_set(x);
    else if (x->value->type == ANSWER_STRING && (q->type == QUESTION_STRING || q->type == QUESTION_TEXT) &&
             json_is_string(x->value->node))
        answer = is_member(x, q->set, NULL, x->value->node->valuestring);
    if (answer == TERMINOLOGY_NO)
        wrong(x, "code-invalid", "The answer is not in the value set %s that the question asks for", q->set);
}

/* ---- lengths, ranges, formats --------------------------------------------------------------------------- */

/* Characters; -1: length says nothing about it. */
static int64_t length_of(const struct answer_value *v)
{
    bool counts = v->type == ANSWER_STRING || v->type == ANSWER_URI || v->type == ANSWER_DECIMAL ||
                  v->type == ANSWER_INTEGER;
    return counts && v->node->valuestring ? (int64_t)utf8_length(str_of(v->node->valuestring)) : -1;
}

static void max_length(const struct asking *x)
{
    const struct question *q = x->question;
    if (q->max_length >= 0 && validate__question_kinds[q->type].length && length_of(x->value) > q->max_length)
        wrong(x, "invariant", "The answer is longer than the %lld characters allowed",
              (long long)q->max_length);
}

static void min_length(const struct asking *x, const struct question_rule *r)
{
    int64_t n = length_of(x->value);
    if (n >= 0 && n < r->number)
        wrong(x, "invariant", "The answer is shorter than the %lld characters required",
              (long long)r->number);
}

/* What cannot be compared with its limit is no right answer if it is a quantity, and unknown if it is a date of another
 * precision. */
static void limit(const struct asking *x, const struct question_rule *r)
{
    bool min = r->kind == QUESTION_MIN_VALUE || r->kind == QUESTION_MIN_QUANTITY;
    int order;
    if (r->value.type == ANSWER_N_TYPES)
        return;
    const char *shown_limit = shown(x->w->a, &r->value);
    switch (validate__answer_compare(x->w, x->value, &r->value, &order)) {
    case COMPARED:
        if (min && order < 0)
            wrong(x, "invariant", "The answer is less than the allowed minimum of %s", shown_limit);
        else if (!min && order > 0)
            wrong(x, "invariant", "The answer is greater than the allowed maximum of %s", shown_limit);
        break;
    case NO_UNITS:
        wrong(x, "invariant",
              "The quantity cannot be compared with the limit of %s, as not both have a unit with system and "
              "code",
              shown_limit);
        break;
    case NOT_COMPARABLE:
        if (x->value->type == ANSWER_QUANTITY && json_get(x->value->node, "value"))
            wrong(x, "invariant",
                  "The quantity cannot be compared with the limit of %s: give it in a unit of the same kind",
                  shown_limit);
        break;
    }
}

static void max_decimals(const struct asking *x, const struct question_rule *r)
{
    const json *n = x->value->type == ANSWER_QUANTITY ? json_get(x->value->node, "value") : x->value->node;
    struct decimal d;
    if (json_is_number(n) && r->number >= 0 && decimal_parse(x->w->a, str_of(n->valuestring), &d) &&
        d.scale > r->number)
        wrong(x, "invariant", "The value has more than the %lld decimal places allowed",
              (long long)r->number);
}

static void matches(const struct asking *x, const struct question_rule *r)
{
    struct err unknown;
    bool match;
    const char *s = x->value->node->valuestring;
    if (r->regex && s && regex_match(x->w->a, r->regex, str_of(s), &match, &unknown) && !match)
        wrong(x, "invariant", "The answer has not the form that the question asks for: %s", r->text.s);
}

/* Bytes of base64, which may be broken into lines. */
static int64_t size_of(const char *base64)
{
    int64_t n = 0;
    for (const char *s = base64; *s; s++)
        n += *s != '=' && *s != '\n' && *s != '\r' && *s != ' ' && *s != '\t';
    return n * 3 / 4;
}

static void max_size(const struct asking *x, const struct question_rule *r)
{
    const char *data = json_get_string(x->value->node, "data");
    const json *said = json_get(x->value->node, "size");
    int64_t size = -1;
    if (data)
        size = size_of(data);
    else if (json_is_number(said))
        size = (int64_t)said->valuedouble;
    if (r->number >= 0 && size > r->number)
        validate__rule(x->w, x->answer, ISSUE_ERROR, "required",
                       "The attachment has %lld bytes; %lld are allowed", (long long)size,
                       (long long)r->number);
}

static void unit_set(const struct asking *x, const struct question_rule *r)
{
    const char *system = json_get_string(x->value->node, "system"),
               *code = json_get_string(x->value->node, "code");
    if (x->value->type == ANSWER_QUANTITY && r->text.s &&
        (!code || is_member(x, r->text.s, system ? system : "", code) == TERMINOLOGY_NO))
        wrong(x, "invariant", "The quantity's unit is not in the value set %s that the question asks for",
              r->text.s);
}

/* ---- what one of several rules has to allow --------------------------------------------------------------- */

static bool is_unit(const struct asking *x, const struct question_rule *r)
{
    const json *option = r->value.node, *quantity = x->value->node;
    const char *code = json_get_string(option, "code"), *system = json_get_string(option, "system");
    const char *name = code ? "code" : "unit", *asked = code ? code : json_get_string(option, "display");
    const char *given = json_get_string(quantity, name), *of = json_get_string(quantity, "system");
    return !asked || (given && strcmp(asked, given) == 0 && (!system || (of && strcmp(system, of) == 0)));
}

/* "image/" and "image" mean all kinds of images, as "text/plain" means "text/plain;charset=…". */
static bool is_mime_type(const struct asking *x, const struct question_rule *r)
{
    const char *type = json_get_string(x->value->node, "contentType");
    return !r->text.s || (type && str_starts(str_of(type), r->text));
}

static bool is_resource(const struct asking *x, const struct question_rule *r)
{
    const char *literal = json_get_string(x->value->node, "reference");
    struct fhir_reference to;
    if (!literal || !r->text.s)
        return true;
    fhir_reference_parse(x->w->v->defs, str_of(literal), &to);
    return !to.type || str_is(r->text, to.type->name);
}

static const struct {
    enum question_rule_kind kind;
    enum answer_type type;
    bool (*allows)(const struct asking *x, const struct question_rule *r);
    const char *text;
    bool whole; /* the answer is at fault rather than its value */
} choices[] = {
    {QUESTION_UNIT, ANSWER_QUANTITY, is_unit, "The quantity's unit is none of those that the question allows",
     false},
    {QUESTION_MIME_TYPE, ANSWER_ATTACHMENT, is_mime_type,
     "The attachment's contentType is none of those that the question allows", true},
    {QUESTION_RESOURCE, ANSWER_REFERENCE, is_resource,
     "The reference is to a resource of a type that the question does not allow", false},
};

static void check_choices(const struct asking *x)
{
    for (size_t c = 0; c < sizeof choices / sizeof *choices; c++) {
        bool asked = false, allowed = false;
        for (size_t i = 0; i < x->question->n_rules && choices[c].type == x->value->type; i++) {
            const struct question_rule *r = &x->question->rules[i];
            if (r->kind != choices[c].kind)
                continue;
            asked = true;
            allowed = allowed || choices[c].allows(x, r);
        }
        if (asked && !allowed)
            validate__rule(x->w, choices[c].whole ? x->answer : x->place, ISSUE_ERROR,
                           choices[c].whole ? "required" : "invariant", "%s", choices[c].text);
    }
}

static void check_rules(const struct asking *x)
{
    static void (*const checks[])(const struct asking *x, const struct question_rule *r) = {
        [QUESTION_MIN_LENGTH] = min_length, [QUESTION_MIN_VALUE] = limit,
        [QUESTION_MAX_VALUE] = limit,       [QUESTION_MIN_QUANTITY] = limit,
        [QUESTION_MAX_QUANTITY] = limit,    [QUESTION_MAX_DECIMALS] = max_decimals,
        [QUESTION_REGEX] = matches,         [QUESTION_MAX_SIZE] = max_size,
        [QUESTION_UNIT_SET] = unit_set,     [QUESTION_ENABLE_EXPRESSION] = NULL,
    };
    for (size_t i = 0; i < x->question->n_rules; i++) {
        const struct question_rule *r = &x->question->rules[i];
        if (checks[r->kind])
            checks[r->kind](x, r);
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static const char *allowed_types(struct arena *a, unsigned bits)
{
    struct buf b;
    buf_init(&b, a, 64);
    for (unsigned t = 0; t < ANSWER_N_TYPES; t++)
        if (bits & 1u << t)
            buf_addf(&b, "%s%s", b.len ? ", " : "", validate__answer_type_name(t));
    return buf_str(&b).s;
}

void validate__answer(struct validate__walk *w, struct validate__place *at, const struct questionnaire *q,
                      const struct question *question, size_t n_answers)
{
    struct answer_value value = validate__answer_value(at->node, "value");
    unsigned types = validate__question_kinds[question->type].answers;
    if (!value.node || value.type == ANSWER_N_TYPES)
        return; /* nested items only, or what the structure does not allow */
    struct validate__place place = {.up = at, .name = "value", .index = -1, .node = value.node};
    struct asking x = {w, at, &place, q, question, &value, n_answers};
    if (!(types & 1u << value.type)) {
        wrong(&x, "invariant", "The answer is of type %s; the question asks for %s",
              validate__answer_type_name(value.type), allowed_types(w->a, types));
        return;
    }
    max_length(&x);
    check_rules(&x);
    check_choices(&x);
    if (question->n_options)
        check_options(&x);
    else if (question->set)
        check_set(&x);
}
