/* _summary and _elements. */
#include "search/query.h"
#include "support/search.h"

static struct test_search t;

static void setup(void)
{
    test_search_init(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"1\"},\"text\":{\"status\":"
    "\"generated\"},"
    "\"active\":true,\"name\":[{\"family\":\"a\"}],\"_birthDate\":{\"id\":\"x\"},\"birthDate\":\"2000\","
    "\"maritalStatus\":{\"text\":\"m\"},\"contact\":[{\"gender\":\"male\"}],\"multipleBirthInteger\":2}";

#define TAG                                                                                                  \
    "\"tag\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"                                          \
    "v3-ObservationValue\",\"code\":\"SUBSETTED\"}]"

static void check(enum search_summary summary, const char *elements, const char *expected)
{
    struct str names[8];
    size_t n = 0;
    for (struct str rest = str_of(elements); rest.s && *elements;)
        names[n++] = str_cut(rest, ',', &rest);
    json *out = search_subset(t.defs, &t.a, test_json(&t.a, patient), summary, names, n);
    ck_str_eq(json_text(&t.a, out), expected);
}

START_TEST(test_parts)
{
    check(SUMMARY_TRUE, "",
          "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"1\"," TAG "},\"active\":true,"
          "\"name\":[{\"family\":\"a\"}],\"_birthDate\":{\"id\":\"x\"},\"birthDate\":\"2000\"}");
    check(SUMMARY_TEXT, "",
          "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"1\"," TAG "},"
          "\"text\":{\"status\":\"generated\"}}");
    check(SUMMARY_FALSE, "birthDate,multipleBirth",
          "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"1\"," TAG "},\"active\":true,"
          "\"_birthDate\":{\"id\":\"x\"},\"birthDate\":\"2000\",\"multipleBirthInteger\":2}");
}
END_TEST

START_TEST(test_data_is_all_but_the_text)
{
    json *out = search_subset(t.defs, &t.a, test_json(&t.a, patient), SUMMARY_DATA, NULL, 0);
    ck_assert(!json_get(out, "text") && json_get(out, "contact"));
    ck_assert_uint_eq(json_count(out), json_count(test_json(&t.a, patient)) - 1);
}
END_TEST

START_TEST(test_mandatory_elements_stay_and_the_tag_comes_to_others)
{
    json *in = test_json(
        &t.a, "{\"resourceType\":\"Observation\",\"id\":\"o\",\"meta\":{\"tag\":[{\"code\":\"x\"}]},"
              "\"status\":\"final\",\"code\":{\"text\":\"c\"},\"valueString\":\"v\"}");
    struct str name = STR("value");
    json *out = search_subset(t.defs, &t.a, in, SUMMARY_FALSE, &name, 1);
    ck_assert(json_get(out, "status") && json_get(out, "code") && json_get(out, "valueString"));
    ck_assert_uint_eq(json_count(json_get(json_get(out, "meta"), "tag")), 2);
    ck_assert_uint_eq(json_count(json_get(json_get(in, "meta"), "tag")),
                      1); /* the resource itself is as it was */
}
END_TEST

Suite *suite_search_subset(void)
{
    Suite *s = suite_create("search_subset");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_parts);
    tcase_add_test(c, test_data_is_all_but_the_text);
    tcase_add_test(c, test_mandatory_elements_stay_and_the_tag_comes_to_others);
    suite_add_tcase(s, c);
    return s;
}
