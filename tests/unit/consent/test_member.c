#include "../../../src/consent/internal.h"
#include "support/search.h"

static struct test_search t;
static struct consent__members m;

static void begin(void)
{
    static const char *const texts[][2] = {
        {"PractitionerRole",
         "{\"id\":\"r\",\"practitioner\":{\"reference\":\"Practitioner/doc\"},\"organization\":{"
         "\"reference\":\"Organization/a\"}}"},
        {"PractitionerRole",
         "{\"id\":\"old\",\"active\":false,\"practitioner\":{\"reference\":\"Practitioner/ex\"},"
         "\"organization\":{\"reference\":\"Organization/a\"}}"},
        {"CareTeam",
         "{\"id\":\"team\",\"participant\":[{\"member\":{\"reference\":\"Organization/a\"}},{\"member\":{"
         "\"reference\":\"Practitioner/past\"},\"period\":{\"end\":\"2001\"}}]}"},
        {"Group",
         "{\"id\":\"g\",\"member\":[{\"entity\":{\"reference\":\"Practitioner/nurse\"}},{\"inactive\":true,"
         "\"entity\":{\"reference\":\"Practitioner/past\"}}]}"},
    };
    test_search_init(&t);
    m = (struct consent__members){0};
    struct consent__reader r = {.defs = t.defs, .tenant = &t.tenant, .a = &t.a, .base = STR("")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err err;
        json *resource;
        ck_ok(json_parse(&t.a, str_of(texts[i][1]), INT16_MAX, &resource, &err));
        consent__read_members(&r, fhir_resource(t.defs, str_of(texts[i][0])),
                              str_of(json_get_string(resource, "id")), resource, INT64_C(1700000000000000),
                              &m);
    }
    consent__sort_members(&m);
}

static void end(void)
{
    test_search_close(&t);
}

static const struct {
    const char *user, *actor;
    int is;
} cases[] = {
    {"Practitioner/doc", "Practitioner/doc", YES},
    {"Practitioner/doc", "Practitioner/nurse", NO},
    {"Practitioner/doc", "Organization/a", YES},
    {"Practitioner/doc", "Organization/b", NO},
    {"Practitioner/ex", "Organization/a", MAYBE}, /* nobody says where */
    {"Practitioner/doc", "PractitionerRole/r", YES},
    {"Practitioner/nurse", "PractitionerRole/r", NO},
    {"Practitioner/nurse", "PractitionerRole/none", MAYBE},
    {"PractitionerRole/r", "Practitioner/doc", YES},
    {"PractitionerRole/r", "Practitioner/nurse", NO},
    {"PractitionerRole/none", "Practitioner/nurse", MAYBE},
    {"PractitionerRole/r", "Organization/a", YES},
    {"Practitioner/doc", "CareTeam/team", YES}, /* by the organization */
    {"Practitioner/past", "CareTeam/team", NO},
    {"Practitioner/nurse", "Group/g", YES},
    {"Practitioner/past", "Group/g", NO},
    {"Practitioner/nurse", "Group/none", MAYBE},
    {"Organization/a", "Organization/a", YES},
    {"Organization/b", "Organization/a", NO},
    {"", "Practitioner/doc", MAYBE},
};

START_TEST(who_is_meant)
{
    const struct consent_caller caller = {.user = str_of(cases[_i].user)};
    struct str rest;
    const struct consent__actor actor = {true, str_of(cases[_i].actor),
                                         fhir_resource(t.defs, str_cut(str_of(cases[_i].actor), '/', &rest))};
    ck_assert_int_eq((int)consent__is_actor(&m, &caller, &actor), cases[_i].is);
}
END_TEST

Suite *suite_consent_member(void)
{
    Suite *s = suite_create("consent_member");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_loop_test(c, who_is_meant, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, c);
    return s;
}
