/* The settings validate.*: what refuses a write, by type. */
#include "support/flow.h"

#define PATIENT "{\"resourceType\":\"Patient\""

/* A contact without name, phone, address or organization: pat-1. */
#define UNSAID PATIENT ",\"contact\":[{\"gender\":\"other\"}]}"

START_TEST(test_levels)
{
    ck_status(flow_post("Patient", UNSAID), 400);
    flow_set("validate.levels=Observation=full Patient=structure");
    ck_status(flow_post("Patient", UNSAID), 201);
    ck_status(flow_post("Patient", PATIENT ",\"active\":1}"), 400);
    ck_status(flow_post("Organization", "{\"resourceType\":\"Organization\",\"active\":true}"),
              400); /* org-1 */
    const struct flow_answer *a = flow_post("Patient/$validate", UNSAID);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "error");
    a = flow_post("Patient/$validate?mode=create", UNSAID);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "information");
}
END_TEST

START_TEST(test_warnings_instead)
{
    flow_set("validate.warn=Patient");
    const struct flow_answer *a = flow("POST", "Patient", "Prefer: return=OperationOutcome\n", UNSAID);
    ck_status(a, 201);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "warning");
    ck_assert_str_eq(flow_text(a->json, "issue[0].details.coding[0].code"), "pat-1");
    ck_status(flow_post("Patient", PATIENT ",\"active\":1}"), 400);
    ck_status(flow_post("Organization", "{\"resourceType\":\"Organization\",\"active\":true}"), 400);
    flow_set("validate.warn=*");
    ck_status(flow_post("Organization", "{\"resourceType\":\"Organization\",\"active\":true}"), 201);
}
END_TEST

START_TEST(test_best_practice)
{
    const char *body = PATIENT ",\"gender\":\"other\"}"; /* dom-6: no narrative */
    flow_set("validate.best_practice=warning");
    const struct flow_answer *a = flow("POST", "Patient", "Prefer: return=OperationOutcome\n", body);
    ck_status(a, 201);
    ck_assert_str_eq(flow_text(a->json, "issue[0].details.coding[0].code"), "dom-6");
    flow_set("validate.best_practice=error");
    ck_status(flow_post("Patient", body), 400);
}
END_TEST

START_TEST(test_unknown_extensions)
{
    const char *body = PATIENT ",\"extension\":[{\"url\":\"http://x.test/unknown\",\"valueString\":\"x\"}]}";
    const char *prefer = "Prefer: return=OperationOutcome\n";
    ck_assert_str_eq(flow_text(flow("POST", "Patient", prefer, body)->json, "issue[0].severity"), "warning");
    flow_set("validate.unknown_extensions=off");
    ck_assert_str_ne(flow_text(flow("POST", "Patient", prefer, body)->json, "issue[0].severity"), "warning");
    flow_set("validate.unknown_extensions=error");
    ck_status(flow_post("Patient", body), 422);
}
END_TEST

/* A profile of R4 itself; what it adds is a rule, 422. */
START_TEST(test_required_profiles)
{
    const char *body = "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
                       "\"valueString\":\"x\"}";
    ck_status(flow_post("Observation", body), 201);
    flow_set("validate.profiles=Patient=http://x.test/p "
             "Observation=http://hl7.org/fhir/StructureDefinition/bodyweight");
    ck_status(flow_post("Observation", body), 422);
    flow_set("validate.levels=Observation=base");
    ck_status(flow_post("Observation", body), 201);
}
END_TEST

/* Links that lead nowhere are no reason to refuse a record; $validate calls them errors. */
START_TEST(test_what_fhir_does_not_refuse)
{
    const char *body =
        PATIENT ",\"text\":{\"status\":\"generated\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/"
                "xhtml\\\"><a href=\\\"#nowhere\\\">x</a></div>\"}}";
    ck_status(flow_post("Patient", body), 201);
    const struct flow_answer *a = flow_post("Patient/$validate", body);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "error");
    a = flow_post("Patient/$validate?mode=create", body);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "warning");
}
END_TEST

Suite *suite_flow_validation(void)
{
    Suite *s = suite_create("flow/validation");
    TCase *tc = tcase_create("validation");
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_levels);
    tcase_add_test(tc, test_warnings_instead);
    tcase_add_test(tc, test_best_practice);
    tcase_add_test(tc, test_unknown_extensions);
    tcase_add_test(tc, test_required_profiles);
    tcase_add_test(tc, test_what_fhir_does_not_refuse);
    suite_add_tcase(s, tc);
    return s;
}
