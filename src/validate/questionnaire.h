/*
 * validate/questionnaire.h: a Questionnaire in the compact form by which responses are checked (questionnaire.html,
 * questionnaireresponse.html#invariants).
 *
 * Its items are one array in document order, so that what is nested in an item is the run of items behind it: "is in",
 * "comes before" and "the group both are in" are comparisons of numbers. Immutable; it lives in the arena it was read
 * into, and so does all that it points to: the tree may go.
 */
#ifndef KAGARI_VALIDATE_QUESTIONNAIRE_H
#define KAGARI_VALIDATE_QUESTIONNAIRE_H

#include "base/regex.h"
#include "internal.h"

#define QUESTION_NONE UINT32_MAX

/* What an answer of a question may be: bits of answer_types[] (questionnaire_answer.c). */
enum answer_type {
    ANSWER_BOOLEAN,
    ANSWER_DECIMAL,
    ANSWER_INTEGER,
    ANSWER_DATE,
    ANSWER_DATETIME,
    ANSWER_TIME,
    ANSWER_STRING,
    ANSWER_URI,
    ANSWER_ATTACHMENT,
    ANSWER_CODING,
    ANSWER_QUANTITY,
    ANSWER_REFERENCE,
    ANSWER_N_TYPES,
};

/* Questionnaire.item.type */
enum question_type {
    QUESTION_GROUP,
    QUESTION_DISPLAY,
    QUESTION_BOOLEAN,
    QUESTION_DECIMAL,
    QUESTION_INTEGER,
    QUESTION_DATE,
    QUESTION_DATETIME,
    QUESTION_TIME,
    QUESTION_STRING,
    QUESTION_TEXT,
    QUESTION_URL,
    QUESTION_CHOICE,
    QUESTION_OPEN_CHOICE,
    QUESTION_ATTACHMENT,
    QUESTION_REFERENCE,
    QUESTION_QUANTITY,
    QUESTION_N_TYPES,
    QUESTION_UNKNOWN = QUESTION_N_TYPES, /* "question", which is abstract, or nothing */
};

struct question_kind {
    const char *code;
    uint16_t answers; /* bits by enum answer_type */
    bool length;      /* maxLength counts (que-10) */
};
extern const struct question_kind validate__question_kinds[];

/* A value[x], answer[x] or initial[x]. */
struct answer_value {
    enum answer_type type; /* ANSWER_N_TYPES: there is none, or of a type that no answer has */
    const json *node;
};

/* The extensions that say what answers are right. */
enum question_rule_kind {
    QUESTION_MIN_LENGTH,
    QUESTION_MIN_VALUE,
    QUESTION_MAX_VALUE,
    QUESTION_MIN_QUANTITY,
    QUESTION_MAX_QUANTITY,
    QUESTION_MAX_DECIMALS,
    QUESTION_REGEX,
    QUESTION_MIME_TYPE,
    QUESTION_MAX_SIZE,
    QUESTION_MIN_OCCURS,
    QUESTION_MAX_OCCURS,
    QUESTION_UNIT,
    QUESTION_UNIT_SET,
    QUESTION_RESOURCE,
    QUESTION_ENABLE_EXPRESSION,
};

struct question_rule {
    enum question_rule_kind kind;
    struct answer_value value;
    struct str text;           /* of a code, a canonical, an expression */
    int64_t number;            /* of an integer or whole decimal; -1: none */
    const struct regex *regex; /* QUESTION_REGEX; NULL: it makes no sense, and is passed over */
};

enum question_operator {
    QUESTION_EXISTS,
    QUESTION_EQUAL,
    QUESTION_NOT_EQUAL,
    QUESTION_GREATER,
    QUESTION_LESS,
    QUESTION_GREATER_OR_EQUAL,
    QUESTION_LESS_OR_EQUAL,
    QUESTION_N_OPERATORS,
};

struct question_condition {
    uint32_t question; /* QUESTION_NONE: there is no such one */
    enum question_operator operator;
    struct answer_value answer;
};

struct question_option {
    struct answer_value value;
    bool exclusive; /* no other answer beside it */
};

struct question {
    const char *link_id; /* "" when it has none */
    const char *text;    /* NULL: it has none */
    enum question_type type;
    uint32_t parent;             /* QUESTION_NONE: it is not in another */
    uint32_t end;                /* what is nested in it is at + 1 … end - 1 */
    bool required, repeats, any; /* any: one condition is enough (enableBehavior) */
    int64_t max_length;          /* -1: none */
    const struct question_option *options;
    size_t n_options;
    const char *set; /* answerValueSet, or NULL */
    const struct question_rule *rules;
    size_t n_rules;
    const struct question_condition *conditions; /* enableWhen */
    size_t n_conditions;
};

struct question_set {
    const char *id;
    const struct terminology_valueset *set;
};

struct questionnaire {
    const struct question *questions;
    uint32_t n;
    const uint32_t *by_link_id;      /* numbers of questions, by linkId and then by place */
    const struct question_set *sets; /* contained value sets */
    size_t n_sets;
    const char *effective_start, *effective_end; /* or NULL */
};

/* ---- questionnaire_read.c */
/* A conformance_reader. */
bool validate__questionnaire_read(struct arena *a, struct arena *scratch, const json *resource,
                                  const void **out, struct err *err) NODISCARD;
/* The same for a contained one: its "#…" name resources of the container. */
const struct questionnaire *validate__questionnaire_of(struct arena *a, const json *resource,
                                                       const json *container);
/* QUESTION_NONE: there is no such one. Of several, the first. */
uint32_t validate__question_find(const struct questionnaire *q, const char *link_id);
/* "valueCoding" with the prefix "value"; the first member of that form. */
struct answer_value validate__answer_value(const json *parent, const char *prefix);
/* "Coding" */
const char *validate__answer_type_name(enum answer_type t);

/* ---- questionnaire_value.c */
/* Three answers: what cannot be told breaks no rule. */
enum maybe { MAYBE_NO, MAYBE_YES, MAYBE_UNKNOWN };
/* The same answer? Codings by system and code, quantities by what they measure. */
enum maybe validate__answer_equal(struct validate__walk *w, const struct answer_value *x,
                                  const struct answer_value *y);
/* -1, 0, 1 in *order. */
enum comparison { COMPARED, NOT_COMPARABLE, NO_UNITS };
enum comparison validate__answer_compare(struct validate__walk *w, const struct answer_value *x,
                                         const struct answer_value *y, int *order);

/* ---- questionnaire_enable.c */
/* An item of a response. They are one array in document order, as the questions are. */
struct response_item {
    const json *node;
    uint32_t question; /* QUESTION_NONE: the root, or one that the questionnaire does not have */
    uint32_t parent;   /* the item it is in; that of the root is the root */
    uint32_t end;      /* what is nested in it is at + 1 … end - 1 */
    bool answered;     /* it, or something in it, has an answer */
};

struct response {
    const struct questionnaire *q;
    const json *root;
    const struct response_item *items; /* the first is the root: the response itself */
    uint32_t n;
    const uint32_t *of_question; /* the items of question i are of_question[first[i] … first[i + 1] - 1] */
    const uint32_t *first;
    const struct fp_expr **expressions; /* by question; compiled when first asked for */
    size_t steps;                       /* left, see validate__question_enabled() */
};

/* Is the question enabled where it stands in the item `up` (Questionnaire.item.enableWhen)? */
enum maybe validate__question_enabled(struct validate__walk *w, struct response *r, uint32_t question,
                                      uint32_t up);

/* ---- questionnaire_answer.c */
/* at: the answer, QuestionnaireResponse.item.answer. */
void validate__answer(struct validate__walk *w, struct validate__place *at, const struct questionnaire *q,
                      const struct question *question, size_t n_answers);

#endif
