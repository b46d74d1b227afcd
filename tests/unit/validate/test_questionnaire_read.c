/* The compact form of a questionnaire. What it is used for is in tests/cases/validate/questionnaire*.cases. */
#include "../src/validate/questionnaire.h"
#include "support/test.h"

static const struct questionnaire *read(struct arena *a, const char *text)
{
    const void *q;
    struct err err;
    struct arena scratch;
    arena_init(&scratch, 0);
    /* The tree goes before the form is used. */
    ck_ok(validate__questionnaire_read(a, &scratch, test_json(&scratch, text), &q, &err));
    arena_release(&scratch);
    return q;
}

START_TEST(test_items_in_document_order)
{
    struct arena a;
    arena_init(&a, 0);
    const struct questionnaire *q =
        read(&a, "{\"resourceType\":\"Questionnaire\",\"item\":["
                 "{\"linkId\":\"g\",\"type\":\"group\",\"item\":[{\"linkId\":\"b\",\"type\":\"open-choice\"},"
                 "{\"linkId\":\"a\",\"type\":\"string\",\"maxLength\":7}]},"
                 "{\"linkId\":\"c\",\"type\":\"integer\",\"required\":true,\"repeats\":true,"
                 "\"enableWhen\":[{\"question\":\"a\",\"operator\":\">=\",\"answerString\":\"x\"},"
                 "{\"question\":\"z\",\"operator\":\"?\"}]}]}");
    ck_assert_uint_eq(q->n, 4);
    ck_assert_uint_eq(q->questions[0].end, 3);
    ck_assert_uint_eq(q->questions[2].parent, 0);
    ck_assert_uint_eq(q->questions[3].parent, QUESTION_NONE);
    ck_assert_int_eq(q->questions[1].type, QUESTION_OPEN_CHOICE);
    ck_assert_int_eq(q->questions[2].max_length, 7);
    ck_assert_int_eq(q->questions[3].max_length, -1);
    ck_assert(q->questions[3].required && q->questions[3].repeats && !q->questions[3].any);
    ck_assert_uint_eq(q->questions[3].n_conditions, 2);
    ck_assert_uint_eq(q->questions[3].conditions[0].question, 2);
    ck_assert_int_eq(q->questions[3].conditions[0].operator, QUESTION_GREATER_OR_EQUAL);
    ck_assert_str_eq(q->questions[3].conditions[0].answer.node->valuestring, "x");
    ck_assert_uint_eq(q->questions[3].conditions[1].question, QUESTION_NONE);
    ck_assert_int_eq(q->questions[3].conditions[1].operator, QUESTION_N_OPERATORS);
    ck_assert_uint_eq(validate__question_find(q, "b"), 1);
    ck_assert_uint_eq(validate__question_find(q, ""), QUESTION_NONE);
    arena_release(&a);
}
END_TEST

START_TEST(test_of_the_same_link_id_the_first)
{
    struct arena a;
    arena_init(&a, 0);
    const struct questionnaire *q =
        read(&a, "{\"item\":[{\"linkId\":\"x\",\"type\":\"string\"},{\"linkId\":\"x\",\"type\":\"date\"}]}");
    ck_assert_uint_eq(validate__question_find(q, "x"), 0);
    arena_release(&a);
}
END_TEST

START_TEST(test_what_makes_no_sense_is_left_out)
{
    struct arena a;
    arena_init(&a, 0);
    const struct questionnaire *q =
        read(&a, "{\"item\":[7,{\"type\":\"question\",\"maxLength\":-1,\"answerOption\":[{}],\"extension\":["
                 "{\"url\":\"http://hl7.org/fhir/StructureDefinition/regex\",\"valueString\":\"(\"},"
                 "{\"url\":\"http://hl7.org/fhir/StructureDefinition/minLength\"},{}]}],\"contained\":[{}]}");
    ck_assert_uint_eq(q->n, 1);
    ck_assert_int_eq(q->questions[0].type, QUESTION_UNKNOWN);
    ck_assert_str_eq(q->questions[0].link_id, "");
    ck_assert_int_eq(q->questions[0].max_length, -1);
    ck_assert_uint_eq(q->questions[0].n_rules, 2);
    ck_assert_ptr_null(q->questions[0].rules[0].regex);
    ck_assert_int_eq(q->questions[0].rules[1].number, -1);
    ck_assert_uint_eq(q->n_sets, 0);
    arena_release(&a);
}
END_TEST

START_TEST(test_nesting_is_bounded)
{
    struct arena a;
    arena_init(&a, 0);
    json *root = json_object(&a), *up = root;
    for (int i = 0; i < 5000; i++) {
        json *list = json_array(&a), *item = json_object(&a);
        json_push(list, item);
        json_add(&a, up, "item", list);
        up = item;
    }
    const void *q;
    struct err err;
    ck_assert(!validate__questionnaire_read(&a, &a, root, &q, &err));
    ck_assert_int_eq(err.kind, ERR_UNSUPPORTED);
    arena_release(&a);
}
END_TEST

Suite *suite_validate_questionnaire_read(void)
{
    Suite *s = suite_create("validate_questionnaire_read");
    TCase *t = tcase_create("read");
    tcase_add_test(t, test_items_in_document_order);
    tcase_add_test(t, test_of_the_same_link_id_the_first);
    tcase_add_test(t, test_what_makes_no_sense_is_left_out);
    tcase_add_test(t, test_nesting_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
