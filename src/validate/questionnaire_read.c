/* Reads a Questionnaire into its compact form. What makes no sense in it is left out: its own validation says so. */
#include "questionnaire.h"

#include <stdlib.h>

#define HL7 "http://hl7.org/fhir/StructureDefinition/"
#define SDC "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

#define BIT(t)  (1u << ANSWER_##t)
#define OPTIONS (BIT(CODING) | BIT(DATE) | BIT(TIME) | BIT(INTEGER) | BIT(STRING) | BIT(REFERENCE))

/* item-type, and what answers to it may be: questionnaireresponse.html#item, codesystem-item-type.html. */
const struct question_kind validate__question_kinds[QUESTION_N_TYPES + 1] = {
    [QUESTION_GROUP] = {"group", 0, false},
    [QUESTION_DISPLAY] = {"display", 0, false},
    [QUESTION_BOOLEAN] = {"boolean", BIT(BOOLEAN), true},
    [QUESTION_DECIMAL] = {"decimal", BIT(DECIMAL), true},
    [QUESTION_INTEGER] = {"integer", BIT(INTEGER), true},
    [QUESTION_DATE] = {"date", BIT(DATE), false},
    [QUESTION_DATETIME] = {"dateTime", BIT(DATETIME), false},
    [QUESTION_TIME] = {"time", BIT(TIME), false},
    [QUESTION_STRING] = {"string", BIT(STRING), true},
    [QUESTION_TEXT] = {"text", BIT(STRING), true},
    [QUESTION_URL] = {"url", BIT(URI), true},
    [QUESTION_CHOICE] = {"choice", OPTIONS, false},
    [QUESTION_OPEN_CHOICE] = {"open-choice", OPTIONS, true},
    [QUESTION_ATTACHMENT] = {"attachment", BIT(ATTACHMENT), false},
    [QUESTION_REFERENCE] = {"reference", BIT(REFERENCE), false},
    [QUESTION_QUANTITY] = {"quantity", BIT(QUANTITY), false},
    [QUESTION_UNKNOWN] = {"question", (1u << ANSWER_N_TYPES) - 1, false},
};

static const char *const types[ANSWER_N_TYPES] = {
    [ANSWER_BOOLEAN] = "Boolean", [ANSWER_DECIMAL] = "Decimal",   [ANSWER_INTEGER] = "Integer",
    [ANSWER_DATE] = "Date",       [ANSWER_DATETIME] = "DateTime", [ANSWER_TIME] = "Time",
    [ANSWER_STRING] = "String",   [ANSWER_URI] = "Uri",           [ANSWER_ATTACHMENT] = "Attachment",
    [ANSWER_CODING] = "Coding",   [ANSWER_QUANTITY] = "Quantity", [ANSWER_REFERENCE] = "Reference",
};

static const struct {
    const char *url;
    enum question_rule_kind kind;
} rules[] = {
    {HL7 "minLength", QUESTION_MIN_LENGTH},
    {HL7 "minValue", QUESTION_MIN_VALUE},
    {HL7 "maxValue", QUESTION_MAX_VALUE},
    {SDC "minQuantity", QUESTION_MIN_QUANTITY},
    {SDC "maxQuantity", QUESTION_MAX_QUANTITY},
    {HL7 "maxDecimalPlaces", QUESTION_MAX_DECIMALS},
    {HL7 "regex", QUESTION_REGEX},
    {HL7 "mimeType", QUESTION_MIME_TYPE},
    {HL7 "maxSize", QUESTION_MAX_SIZE},
    {HL7 "questionnaire-minOccurs", QUESTION_MIN_OCCURS},
    {HL7 "questionnaire-maxOccurs", QUESTION_MAX_OCCURS},
    {HL7 "questionnaire-unitOption", QUESTION_UNIT},
    {HL7 "questionnaire-unitValueSet", QUESTION_UNIT_SET},
    {HL7 "questionnaire-referenceResource", QUESTION_RESOURCE},
    {SDC "enableWhenExpression", QUESTION_ENABLE_EXPRESSION},
    /* what the Finnish national record service used before there was one for all */
    {"http://phr.kanta.fi/StructureDefinition/fiphr-ext-questionnaire-enablewhen",
     QUESTION_ENABLE_EXPRESSION},
};

static const char *const operators[QUESTION_N_OPERATORS] = {
    [QUESTION_EXISTS] = "exists",    [QUESTION_EQUAL] = "=", [QUESTION_NOT_EQUAL] = "!=",
    [QUESTION_GREATER] = ">",        [QUESTION_LESS] = "<",  [QUESTION_GREATER_OR_EQUAL] = ">=",
    [QUESTION_LESS_OR_EQUAL] = "<=",
};

/* At a time while reading. */
struct reading {
    struct arena *a;
    struct question *questions;
    uint32_t n, cap;
};

/* ---- values ------------------------------------------------------------------------------------------- */

struct answer_value validate__answer_value(const json *parent, const char *prefix)
{
    size_t len = strlen(prefix);
    json_each (m, parent) {
        if (strncmp(m->string, prefix, len) != 0 || !(m->string[len] >= 'A' && m->string[len] <= 'Z'))
            continue;
        struct answer_value v = {.node = m};
        while (v.type < ANSWER_N_TYPES && strcmp(types[v.type], m->string + len) != 0)
            v.type++;
        return v;
    }
    return (struct answer_value){.type = ANSWER_N_TYPES};
}

const char *validate__answer_type_name(enum answer_type t)
{
    static const char *const names[ANSWER_N_TYPES + 1] = {
        "boolean", "decimal",    "integer", "date",     "dateTime",  "time",         "string",
        "uri",     "Attachment", "Coding",  "Quantity", "Reference", "another type",
    };
    return names[t];
}

static struct answer_value kept(struct arena *a, struct answer_value v)
{
    if (v.node)
        v.node = json_copy(a, v.node);
    return v;
}

static int64_t whole(struct arena *a, const json *number)
{
    struct decimal d;
    int64_t n;
    return json_is_number(number) && decimal_parse(a, str_of(number->valuestring), &d) &&
                   decimal_to_int64(&d, &n) && n >= 0
               ? n
               : -1;
}

static const char *text(struct arena *a, const json *object, const char *name)
{
    const char *s = json_get_string(object, name);
    return s ? arena_strdup(a, s) : NULL;
}

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

/* ---- one item ------------------------------------------------------------------------------------------- */

/* A regular expression that comes with a resource is matched as often as there are answers: not worth more. */
static void read_regex(struct arena *a, struct question_rule *r)
{
    struct err unusable;
    if (!regex_compile(a, r->text, STR(""), true, false, &r->regex, &unusable))
        r->regex = NULL;
}

/* value[x] of an extension may be of types that no answer has: code, canonical, url, Expression. */
static void read_rule(struct arena *a, struct question_rule *r, const json *extension)
{
    r->value = kept(a, validate__answer_value(extension, "value"));
    const json *v = r->value.node;
    const char *s = json_is_string(v) ? v->valuestring : NULL;
    if (json_is_object(v) && r->kind == QUESTION_ENABLE_EXPRESSION) {
        const char *language = json_get_string(v, "language");
        s = language && strcmp(language, "text/fhirpath") == 0 ? json_get_string(v, "expression") : NULL;
    }
    r->text = str_of(s);
    r->number = whole(a, v);
    if (r->kind == QUESTION_REGEX && s)
        read_regex(a, r);
}

static void read_rules(struct arena *a, struct question *q, const json *item)
{
    struct question_rule *list = NULL;
    size_t cap = 0;
    json_each (extension, array(item, "extension")) {
        const char *url = json_get_string(extension, "url");
        for (size_t i = 0; url && i < sizeof rules / sizeof *rules; i++)
            if (strcmp(url, rules[i].url) == 0) {
                struct question_rule *r = ARENA_PUSH(a, list, q->n_rules, cap);
                *r = (struct question_rule){.kind = rules[i].kind};
                read_rule(a, r, extension);
            }
    }
    q->rules = list;
}

static bool is_exclusive(const json *option)
{
    json_each (extension, array(option, "extension")) {
        const char *url = json_get_string(extension, "url");
        if (url && strcmp(url, HL7 "questionnaire-optionExclusive") == 0)
            return json_is_true(json_get(extension, "valueBoolean"));
    }
    return false;
}

static void read_options(struct arena *a, struct question *q, const json *item)
{
    const json *list = array(item, "answerOption");
    struct question_option *options = ARENA_ARRAY(a, struct question_option, list ? json_count(list) : 0);
    json_each (option, list)
        options[q->n_options++] = (struct question_option){
            .value = kept(a, validate__answer_value(option, "value")), .exclusive = is_exclusive(option)};
    q->options = options;
}

static enum question_type read_type(const json *item)
{
    const char *code = json_get_string(item, "type");
    enum question_type t = 0;
    while (t < QUESTION_N_TYPES && (!code || strcmp(validate__question_kinds[t].code, code) != 0))
        t++;
    return t;
}

static bool read_items(struct reading *r, const json *parent, uint32_t up, int depth)
{
    if (depth == VALIDATE__MAX_DEPTH)
        return false;
    json_each (item, array(parent, "item")) {
        if (!json_is_object(item))
            continue;
        uint32_t at = r->n;
        struct question q = {
            .link_id = text(r->a, item, "linkId"),
            .text = text(r->a, item, "text"),
            .type = read_type(item),
            .parent = up,
            .required = json_is_true(json_get(item, "required")),
            .repeats = json_is_true(json_get(item, "repeats")),
            .max_length = whole(r->a, json_get(item, "maxLength")),
            .set = text(r->a, item, "answerValueSet"),
        };
        const char *behavior = json_get_string(item, "enableBehavior");
        q.any = behavior && strcmp(behavior, "any") == 0;
        if (!q.link_id)
            q.link_id = "";
        read_rules(r->a, &q, item);
        read_options(r->a, &q, item);
        *ARENA_PUSH(r->a, r->questions, r->n, r->cap) = q;
        if (!read_items(r, item, at, depth + 1))
            return false;
        r->questions[at].end = r->n;
    }
    return true;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

static int by_link_id(const void *x, const void *y, void *questions)
{
    const struct question *q = questions;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    int order = strcmp(q[a].link_id, q[b].link_id);
    return order ? order : (a > b) - (a < b);
}

uint32_t validate__question_find(const struct questionnaire *q, const char *link_id)
{
    uint32_t lo = 0, hi = q->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (strcmp(q->questions[q->by_link_id[mid]].link_id, link_id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < q->n && strcmp(q->questions[q->by_link_id[lo]].link_id, link_id) == 0 ? q->by_link_id[lo]
                                                                                      : QUESTION_NONE;
}

static enum question_operator read_operator(const json *condition)
{
    const char *code = json_get_string(condition, "operator");
    enum question_operator o = 0;
    while (o < QUESTION_N_OPERATORS && (!code || strcmp(operators[o], code) != 0))
        o++;
    return o;
}

/* In the order of the items, when all linkIds are known. */
static void read_conditions(struct arena *a, const struct questionnaire *all, struct question *questions,
                            const json *parent, uint32_t *at)
{
    json_each (item, array(parent, "item")) {
        if (!json_is_object(item))
            continue;
        struct question *q = &questions[(*at)++];
        const json *list = array(item, "enableWhen");
        struct question_condition *conditions =
            ARENA_ARRAY(a, struct question_condition, list ? json_count(list) : 0);
        json_each (condition, list) {
            const char *question = json_get_string(condition, "question");
            conditions[q->n_conditions++] = (struct question_condition){
                .question = question ? validate__question_find(all, question) : QUESTION_NONE,
                .operator= read_operator(condition),
                .answer = kept(a, validate__answer_value(condition, "answer"))};
        }
        q->conditions = conditions;
        read_conditions(a, all, questions, item, at);
    }
}

static void read_sets(struct arena *a, struct questionnaire *q, const json *container)
{
    const json *list = array(container, "contained");
    struct question_set *sets = ARENA_ARRAY(a, struct question_set, list ? json_count(list) : 0);
    json_each (resource, list) {
        const char *type = json_get_string(resource, "resourceType"), *id = json_get_string(resource, "id");
        struct err unusable;
        if (type && id && strcmp(type, "ValueSet") == 0 &&
            terminology_valueset_read(a, resource, &sets[q->n_sets].set, &unusable))
            sets[q->n_sets++].id = arena_strdup(a, id);
    }
    q->sets = sets;
}

const struct questionnaire *validate__questionnaire_of(struct arena *a, const json *resource,
                                                       const json *container)
{
    struct reading r = {.a = a};
    struct questionnaire *q = ARENA_NEW(a, struct questionnaire);
    const json *period = json_get(resource, "effectivePeriod");
    q->effective_start = text(a, period, "start");
    q->effective_end = text(a, period, "end");
    if (!read_items(&r, resource, QUESTION_NONE, 0))
        return NULL;
    q->questions = r.questions;
    q->n = r.n;
    uint32_t *order = ARENA_ARRAY(a, uint32_t, r.n), at = 0;
    for (uint32_t i = 0; i < r.n; i++)
        order[i] = i;
    if (r.n)
        qsort_r(order, r.n, sizeof *order, by_link_id, r.questions);
    q->by_link_id = order;
    read_conditions(a, q, r.questions, resource, &at);
    read_sets(a, q, container);
    return q;
}

bool validate__questionnaire_read(struct arena *a, struct arena *scratch, const json *resource,
                                  const void **out, struct err *err)
{
    (void)scratch;
    const struct questionnaire *q = validate__questionnaire_of(a, resource, resource);
    if (!q)
        return err_set(err, ERR_UNSUPPORTED, "the questionnaire's items are nested too deep");
    *out = q;
    return true;
}
