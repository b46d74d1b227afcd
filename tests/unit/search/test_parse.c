/* What a query's parameters are read into: the self link, what is left out, includes, locks. */
#include "../../../src/search/internal.h"
#include "support/search.h"

static struct test_search t;
static struct err err;

static void setup(void)
{
    test_search_init(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static struct search_query *parse(const char *url)
{
    struct search_query *q;
    ck_ok(test_search_parse(&t, url, &q, &err));
    return q;
}

static bool parse_with(const struct search_options *o, const char *name, const char *value,
                       struct search_query **q)
{
    struct search_arg arg = {str_of(name), str_of(value)};
    return search_parse(t.registry, &t.tenant, &t.a, &arg, 1, o, q, &err);
}

START_TEST(test_self_shows_what_was_applied)
{
    struct search_query *q =
        parse("Patient?name=a%26b&nosuch=1&_count=5000&_sort=-birthdate&_format=json&_cursor=");
    ck_str_eq(q->self, "name=a%26b&_count=1000&_sort=-birthdate");
    ck_assert_int_eq(q->count, 1000);
    ck_assert_uint_eq(q->n_unknown, 1);
    ck_str_eq(q->unknown[0], "nosuch");
    ck_str_eq(parse("?_type=Patient,Encounter")->self, "_type=Patient%2CEncounter");
}
END_TEST

START_TEST(test_unknown_is_an_error_when_strict)
{
    struct search_query *q;
    struct search_options o = {.type = fhir_type(t.defs, "Patient"), .strict = true, .limits = t.limits};
    ck_assert(!parse_with(&o, "nosuch", "1", &q));
    ck_assert_int_eq(err.kind, ERR_INVALID);
    ck_assert(strstr(err.msg, "nosuch"));
    o.strict = false;
    ck_assert(parse_with(&o, "nosuch", "1", &q));
    o.conditional = true;
    ck_assert(!parse_with(&o, "nosuch", "1", &q));
    ck_assert(!parse_with(&o, "_count", "1", &q)); /* criteria only */
    ck_assert(parse_with(&o, "identifier", "a", &q));
}
END_TEST

START_TEST(test_messages_keep_values_to_themselves)
{
    struct search_query *q;
    ck_assert(!test_search_parse(&t, "Patient?birthdate=secret", &q, &err));
    ck_assert(strstr(err.msg, "birthdate") && !strstr(err.msg, "secret"));
}
END_TEST

START_TEST(test_nothing_can_match)
{
    ck_assert(parse("Patient?_id=not%20an%20id")->empty);
    ck_assert(parse("Patient?gender=http://e.example|male")->empty);
    ck_assert(!parse("Patient?gender=male")->empty);
}
END_TEST

START_TEST(test_includes)
{
    struct search_query *q = parse(
        "Observation?_include=Observation:subject:Patient&_revinclude:iterate=Provenance:target&_include=*");
    ck_assert_uint_eq(q->n_includes, 3);
    ck_assert_str_eq(q->includes[0].source->name, "Observation");
    ck_assert_str_eq(q->includes[0].param->code, "subject");
    ck_assert_str_eq(q->includes[0].target->name, "Patient");
    ck_assert(!q->includes[0].reverse && !q->includes[0].iterate);
    ck_assert(q->includes[1].reverse && q->includes[1].iterate && !q->includes[1].target);
    ck_assert(!q->includes[2].source && !q->includes[2].param);
}
END_TEST

START_TEST(test_include_targets)
{
    struct search_query *q = parse("Observation?_include=Observation:subject&_include=Observation:*&"
                                   "_include=Observation:subject:Group&_include=Encounter:subject");
    const json *o =
        test_json(&t.a, "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"},"
                        "\"performer\":[{\"reference\":\"https://kagari.test/fhir/Practitioner/2\"},"
                        "{\"reference\":\"https://other.example/fhir/Practitioner/3\"}]}");
    static const size_t found[] = {1, 3, 0, 0}; /* patient and subject both refer to the patient */
    for (size_t i = 0; i < q->n_includes; i++) {
        struct search_index_ref *refs;
        size_t n;
        ck_ok(search_include_targets(q, &q->includes[i], &t.a, o, fhir_type(t.defs, "Observation"), &refs, &n,
                                     &err));
        ck_assert_uint_eq(n, found[i]);
    }
}
END_TEST

START_TEST(test_locks_do_not_depend_on_the_system)
{
    int64_t *a, *b;
    size_t n_a, n_b;
    search_lock_keys(parse("Patient?identifier=http://e.example|X&family=y"), &t.a, &a, &n_a);
    search_lock_keys(parse("Patient?family=y&identifier=X"), &t.a, &b, &n_b);
    ck_assert_uint_eq(n_a, 2);
    ck_assert_uint_eq(n_b, 2);
    ck_assert(a[0] == b[0] && a[1] == b[1] && a[0] < a[1]);
}
END_TEST

START_TEST(test_same_shape_same_text)
{
    struct sql one, two, other;
    search_plan(parse("Observation?code=http://a|d&date=ge2020"), &t.stats, &one);
    search_plan(parse("Observation?code=http://b|c&date=ge2021-05"), &t.stats, &two);
    search_plan(parse("Observation?code=http://b|c,http://b|d&date=ge2021-05"), &t.stats, &other);
    ck_assert_str_eq(one.text.s, two.text.s);
    ck_assert_str_ne(one.text.s, other.text.s);
    ck_assert(!strstr(one.text.s, "2020"));
}
END_TEST

Suite *suite_search_parse(void)
{
    Suite *s = suite_create("search_parse");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_self_shows_what_was_applied);
    tcase_add_test(c, test_unknown_is_an_error_when_strict);
    tcase_add_test(c, test_messages_keep_values_to_themselves);
    tcase_add_test(c, test_nothing_can_match);
    tcase_add_test(c, test_includes);
    tcase_add_test(c, test_include_targets);
    tcase_add_test(c, test_locks_do_not_depend_on_the_system);
    tcase_add_test(c, test_same_shape_same_text);
    suite_add_tcase(s, c);
    return s;
}
