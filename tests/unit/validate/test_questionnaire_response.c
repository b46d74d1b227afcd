/* Responses to questionnaires that are known by their canonical, and large ones. The rules are in
 * tests/cases/validate/questionnaire_response.cases. */
#include "base/clock.h"
#include "support/test.h"
#include "validate/validate.h"

static struct arena arena;
static const struct fhir_defs *defs;
static const struct conformance_view *definitions;
static const struct validator *validator;

static void load(void)
{
    struct err err;
    arena_init(&arena, 0);
    ck_ok(fhir_defs_load(&arena, &defs, &err));
    ck_ok(conformance_definitions(&arena, defs, &definitions, &err));
    ck_ok(validator_new(&arena, defs, definitions, &validator, &err));
}

static void unload(void)
{
    arena_release(&arena);
}

static void check(struct issues *out, const json *questionnaire, const json *response)
{
    const struct conformance_view *view;
    struct err err;
    ck_ok(conformance_view_with(out->a, definitions, &questionnaire, 1, &view, &err));
    validate_resource(validator, out->a, response,
                      &(struct validate_options){.level = VALIDATE_FULL, .view = view}, out);
}

START_TEST(test_by_canonical)
{
    static const struct {
        const char *canonical, *code; /* of the only finding; NULL: there is none */
    } cases[] = {
        {"http://example.org/Questionnaire/smoking", "required"},
        {"http://example.org/Questionnaire/smoking|2.1", "required"},
        {"http://example.org/Questionnaire/smoking|2", "required"},
        {"http://example.org/Questionnaire/smoking|3.0", "not-found"},
        {"http://example.org/Questionnaire/drinking", "not-found"},
    };
    struct arena a;
    arena_init(&a, 0);
    const json *q =
        test_json(&a, "{\"resourceType\":\"Questionnaire\",\"status\":\"active\",\"version\":\"2.1\","
                      "\"url\":\"http://example.org/Questionnaire/smoking\",\"item\":["
                      "{\"linkId\":\"daily\",\"type\":\"integer\",\"required\":true}]}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct issues out;
        issues_init(&out, &a);
        check(
            &out, q,
            test_json(&a, arena_printf(&a,
                                       "{\"resourceType\":\"QuestionnaireResponse\",\"status\":\"completed\","
                                       "\"questionnaire\":\"%s\"}",
                                       cases[i].canonical)));
        ck_assert_uint_eq(out.n, 1);
        ck_assert_str_eq(out.list[0].code, cases[i].code);
        ck_assert_int_eq(out.list[0].rule, strcmp(cases[i].code, "required") == 0);
    }
    arena_release(&a);
}
END_TEST

/* A questionnaire of `questions` in a repeating group, each enabled by the first, and a response of `rounds`. */
static void large(struct arena *a, int questions, int rounds, json **q, json **r)
{
    struct buf b;
    buf_init(&b, a, 1 << 20);
    buf_adds(&b, "{\"resourceType\":\"Questionnaire\",\"status\":\"active\",\"url\":\"http://example.org/Q\","
                 "\"item\":[{\"linkId\":\"g\",\"type\":\"group\",\"repeats\":true,\"item\":["
                 "{\"linkId\":\"0\",\"type\":\"boolean\"}");
    for (int i = 1; i < questions; i++)
        buf_addf(
            &b,
            ",{\"linkId\":\"%d\",\"type\":\"string\",\"required\":true,\"enableWhen\":[{\"question\":\"0\","
            "\"operator\":\"=\",\"answerBoolean\":true}]}",
            i);
    buf_adds(&b, "]}]}");
    *q = test_json(a, b.s);
    b.len = 0;
    buf_adds(&b, "{\"resourceType\":\"QuestionnaireResponse\",\"status\":\"completed\","
                 "\"questionnaire\":\"http://example.org/Q\",\"item\":[");
    for (int i = 0; i < rounds; i++) {
        buf_addf(&b, "%s{\"linkId\":\"g\",\"item\":[{\"linkId\":\"0\",\"answer\":[{\"valueBoolean\":true}]}",
                 i ? "," : "");
        for (int k = 1; k < questions; k++)
            buf_addf(&b, ",{\"linkId\":\"%d\",\"answer\":[{\"valueString\":\"x\"}]}", k);
        buf_adds(&b, "]}");
    }
    buf_adds(&b, "]}");
    *r = test_json(a, b.s);
}

static int64_t microseconds(int questions, int rounds)
{
    struct arena a;
    arena_init(&a, 0);
    json *q, *r;
    large(&a, questions, rounds, &q, &r);
    struct issues out;
    issues_init(&out, &a);
    int64_t begin = clock_mono_us();
    check(&out, q, r);
    int64_t took = clock_mono_us() - begin;
    ck_assert_uint_eq(out.n, 0);
    arena_release(&a);
    return took;
}

/* Ten times the rounds, or the questions, take about ten times the time; squared it were a hundred times. */
START_TEST(test_time_is_linear)
{
    int64_t small = microseconds(20, 20);
    ck_assert_int_lt(microseconds(20, 200), 40 * small + 100000);
    ck_assert_int_lt(microseconds(200, 20), 40 * small + 100000);
}
END_TEST

/* A thousand rounds that each lack what a thousand questions could ask for. */
START_TEST(test_hostile_sizes_are_bounded)
{
    struct arena a;
    arena_init(&a, 0);
    struct buf b;
    buf_init(&b, &a, 1 << 20);
    json *q, *r;
    large(&a, 5000, 1, &q, &r);
    buf_adds(&b, "{\"resourceType\":\"QuestionnaireResponse\",\"status\":\"completed\","
                 "\"questionnaire\":\"http://example.org/Q\",\"item\":[{\"linkId\":\"g\"}");
    for (int i = 1; i < 5000; i++)
        buf_adds(&b, ",{\"linkId\":\"g\"}");
    buf_adds(&b, "]}");
    r = test_json(&a, b.s);
    struct issues out;
    issues_init(&out, &a);
    check(&out, q, r);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_str_eq(out.list[0].code, "too-costly");
    arena_release(&a);
}
END_TEST

Suite *suite_validate_questionnaire_response(void)
{
    Suite *s = suite_create("validate_questionnaire_response");
    TCase *t = tcase_create("response");
    tcase_add_unchecked_fixture(t, load, unload);
    tcase_add_test(t, test_by_canonical);
    tcase_add_test(t, test_time_is_linear);
    tcase_add_test(t, test_hostile_sizes_are_bounded);
    suite_add_tcase(s, t);
    return s;
}
