#include "conformance/conformance.h"
#include "support/test.h"

static struct arena a;
static const struct conformance_view *definitions;
static struct err err;

static void begin(void)
{
    const struct fhir_defs *d;
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&a, &d, &err));
    ck_ok(conformance_definitions(&a, d, &definitions, &err));
}

static void end(void)
{
    arena_release(&a);
}

static const struct conformance_view *with(const struct conformance_view *base, const char *list)
{
    const json *resources[16];
    size_t n = 0;
    const struct conformance_view *v;
    json_each (resource, test_quoted(&a, list))
        resources[n++] = resource;
    ck_ok(conformance_view_with(&a, base, resources, n, &v, &err));
    return v;
}

static const char *version_of(const struct conformance_view *v, enum conformance_kind kind,
                              const char *canonical)
{
    const struct conformance_entry *e = conformance_find(v, kind, str_of(canonical));
    return e ? conformance_version(e) : "none";
}

START_TEST(the_definitions_are_there)
{
    const struct conformance_entry *e = conformance_find(definitions, CONFORMANCE_VALUE_SET,
                                                         STR("http://hl7.org/fhir/ValueSet/days-of-week"));
    ck_assert_ptr_nonnull(e);
    ck_assert_str_eq(conformance_version(e), "4.0.1");
    ck_assert_str_eq(
        version_of(definitions, CONFORMANCE_VALUE_SET, "http://hl7.org/fhir/ValueSet/days-of-week|4.0"),
        "4.0.1");
    ck_assert_str_eq(
        version_of(definitions, CONFORMANCE_VALUE_SET, "http://hl7.org/fhir/ValueSet/days-of-week|4.0.2"),
        "none");
    ck_assert_ptr_null(conformance_find(definitions, CONFORMANCE_CODE_SYSTEM,
                                        STR("http://hl7.org/fhir/ValueSet/days-of-week")));
    ck_assert(conformance_is_definitions(definitions));
    ck_assert_uint_gt(conformance_count(definitions, CONFORMANCE_CODE_SYSTEM), 1000);
    ck_assert_uint_eq(conformance_count(definitions, CONFORMANCE_MEASURE), 0);
}
END_TEST

START_TEST(the_best_of_several)
{
    const struct conformance_view *v = with(
        definitions, "[{'resourceType':'StructureDefinition','url':'u','version':'1.9','status':'active'},"
                     "{'resourceType':'StructureDefinition','url':'u','version':'1.10','status':'active'},"
                     "{'resourceType':'StructureDefinition','url':'u','version':'1.10.1','status':'draft'},"
                     "{'resourceType':'StructureDefinition','url':'u','version':'2.0','status':'retired'},"
                     "{'resourceType':'Patient','url':'u'}]");
    ck_assert(!conformance_is_definitions(v));
    ck_assert_uint_eq(conformance_count(v, CONFORMANCE_STRUCTURE),
                      conformance_count(definitions, CONFORMANCE_STRUCTURE) + 4);
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "u"), "1.10");
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "u|2.0"), "2.0");
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "u|2"), "2.0");
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "u|1"), "1.10");
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "u|1.1"), "none");
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "u|3"), "none");
    ck_assert_str_eq(version_of(v, CONFORMANCE_STRUCTURE, "U"), "none");
}
END_TEST

START_TEST(what_is_given_goes_before)
{
    const struct conformance_view *v =
        with(definitions, "[{'resourceType':'CodeSystem','id':'own','url':'http://hl7.org/fhir/days-of-week',"
                          "'version':'0.1','status':'retired','content':'fragment'}]");
    ck_assert_str_eq(version_of(v, CONFORMANCE_CODE_SYSTEM, "http://hl7.org/fhir/days-of-week"), "0.1");
    ck_assert_str_eq(version_of(v, CONFORMANCE_CODE_SYSTEM, "http://hl7.org/fhir/days-of-week|4.0.1"),
                     "4.0.1");
    v = with(v, "[{'resourceType':'CodeSystem','url':'http://hl7.org/fhir/days-of-week','version':'0.0.1'}]");
    ck_assert_str_eq(version_of(v, CONFORMANCE_CODE_SYSTEM, "http://hl7.org/fhir/days-of-week"), "0.0.1");
    const struct conformance_entry *e = conformance_find_id(v, CONFORMANCE_CODE_SYSTEM, STR("own"));
    ck_assert_ptr_nonnull(e);
    ck_assert_str_eq(conformance_version(e), "0.1");
    ck_assert_ptr_null(conformance_find_id(v, CONFORMANCE_VALUE_SET, STR("own")));
}
END_TEST

START_TEST(a_code_system_implies_a_value_set)
{
    const struct conformance_view *v =
        with(definitions,
             "[{'resourceType':'CodeSystem','url':'c','version':'7','valueSet':'v','content':'complete'},"
             "{'resourceType':'CodeSystem','url':'d','valueSet':'w','content':'fragment'},"
             "{'resourceType':'ValueSet','url':'x','version':'1','status':'retired'},"
             "{'resourceType':'CodeSystem','url':'e','version':'2','valueSet':'x','content':'complete'}]");
    ck_assert_str_eq(version_of(v, CONFORMANCE_VALUE_SET, "v|7"), "7");
    ck_assert_str_eq(version_of(v, CONFORMANCE_VALUE_SET, "w"), "none");
    ck_assert_str_eq(version_of(v, CONFORMANCE_VALUE_SET, "x"), "1");
    ck_assert_str_eq(version_of(v, CONFORMANCE_VALUE_SET, "x|2"), "2");
}
END_TEST

START_TEST(in_order)
{
    const struct conformance_view *v =
        with(definitions,
             "[{'resourceType':'Measure','url':'b'},{'resourceType':'Measure','url':'a','version':'1'},"
             "{'resourceType':'Measure','url':'a','version':'2'},{'resourceType':'Measure'}]");
    static const char *const urls[] = {"", "a", "a", "b"};
    ck_assert_uint_eq(conformance_count(v, CONFORMANCE_MEASURE), 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(conformance_url(conformance_at(v, CONFORMANCE_MEASURE, i)), urls[i]);
    ck_assert_str_eq(conformance_version(conformance_at(v, CONFORMANCE_MEASURE, 1)), "2");
}
END_TEST

Suite *suite_conformance_view(void)
{
    Suite *s = suite_create("conformance_view");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, the_definitions_are_there);
    tcase_add_test(t, the_best_of_several);
    tcase_add_test(t, what_is_given_goes_before);
    tcase_add_test(t, a_code_system_implies_a_value_set);
    tcase_add_test(t, in_order);
    suite_add_tcase(s, t);
    return s;
}
