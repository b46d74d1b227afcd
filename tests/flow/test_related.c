/* RelatedPersons who log in: the record of the patient to whom they are related, as long as they are. docs/security.md */
#include <stdlib.h>

#include "support/flow.h"

#define PATH(...) arena_printf(flow_arena(), __VA_ARGS__)

static const char *mum(const char *patient, const char *members)
{
    return PATH(
        "{\"resourceType\":\"RelatedPerson\",\"id\":\"mum\",\"patient\":{\"reference\":\"Patient/%s\"}%s}",
        patient, members);
}

static const char *observation(const char *id, const char *patient, const char *meta)
{
    return PATH(
        "{\"resourceType\":\"Observation\",\"id\":\"%s\",%s\"status\":\"final\",\"code\":{\"text\":\"x\"},"
        "\"subject\":{\"reference\":\"Patient/%s\"}}",
        id, meta, patient);
}

#define LABEL(member, system, code)                                                                          \
    "\"meta\":{\"" member "\":[{\"system\":\"" system "\",\"code\":\"" code "\"}]},"
#define REASON   "http://terminology.hl7.org/CodeSystem/v3-ActReason"
#define NATIONAL "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication"

static void put(const char *path, const char *body)
{
    ck_assert_int_lt(flow_put(path, body)->status, 300);
}

static void store_things(void)
{
    put("Patient/ben", "{\"resourceType\":\"Patient\",\"id\":\"ben\"}");
    put("Patient/cy", "{\"resourceType\":\"Patient\",\"id\":\"cy\"}");
    put("Practitioner/doc", "{\"resourceType\":\"Practitioner\",\"id\":\"doc\"}");
    put("RelatedPerson/mum", mum("ben", ""));
    put("Observation/bens", observation("bens", "ben", ""));
    put("Observation/cys", observation("cys", "cy", ""));
    put("Observation/untold", observation("untold", "ben", LABEL("tag", NATIONAL, "UNINFORMED")));
    put("Observation/treat", observation("treat", "ben", LABEL("security", REASON, "TREAT")));
    put("Observation/family", observation("family", "ben", LABEL("security", REASON, "FAMRQT")));
}

static const char *as(const char *user, const char *scope)
{
    return flow_token_with(scope, PATH("{\"fhirUser\":\"%s\"}", user));
}

static int total(const char *token, const char *query)
{
    const struct flow_answer *a = flow("GET", query, token, NULL);
    ck_status(a, 200);
    return atoi(flow_node(a->json, "total")->valuestring);
}

START_TEST(test_sees_the_record)
{
    const char *t = as("RelatedPerson/mum", "user/*.cruds");
    store_things();
    ck_status(flow("GET", "Patient/ben", t, NULL), 200);
    ck_status(flow("GET", "Observation/bens", t, NULL), 200);
    ck_status(flow("GET", "Observation/bens/_history/1", t, NULL), 200);
    ck_status(flow("GET", "Observation/family", t, NULL), 200);
    ck_status(flow("GET", "Practitioner/doc", t, NULL), 200);
    ck_status(flow("GET", "Patient/cy", t, NULL), 404);
    ck_status(flow("GET", "Observation/cys", t, NULL), 404);
    ck_status(flow("GET", "Observation/untold", t, NULL), 404);
    ck_status(flow("GET", "Observation/treat", t, NULL), 404);
    ck_assert_int_eq(total(t, "Observation?_total=accurate"), 2);
    ck_assert_int_eq(total(t, "Patient?_total=accurate"), 1);
    const struct flow_answer *a = flow(
        "POST", "", t,
        "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\",\"url\":"
        "\"Observation/bens\"}},{\"request\":{\"method\":\"GET\",\"url\":\"Observation/cys\"}}]}");
    ck_assert_int_eq(atoi(flow_text(a->json, "entry[0].response.status")), 200);
    ck_assert_int_eq(atoi(flow_text(a->json, "entry[1].response.status")), 404);
    ck_status(flow("GET", "AuditEvent?patient=cy", t, NULL), 403);
    ck_status(flow("GET", "AuditEvent?patient=ben", t, NULL), 200);
    ck_status(flow("GET", "AuditEvent?patient=cy", as("RelatedPerson/mum", "user/AuditEvent.rs"), NULL), 403);
}
END_TEST

START_TEST(test_writes_there_alone)
{
    const char *t = as("RelatedPerson/mum", "user/*.cruds");
    store_things();
    ck_status(flow("POST", "Observation", t, observation("x", "ben", "")), 201);
    ck_status(flow("POST", "Observation", t, observation("x", "cy", "")), 403);
    ck_status(flow("PUT", "Observation/own-id", t, observation("own-id", "ben", "")), 403);
    ck_status(flow("PUT", "Observation/bens", t, observation("bens", "ben", "")), 200);
    ck_status(flow("PUT", "Observation/bens", t, observation("bens", "cy", "")), 403);
    ck_status(flow("PUT", "RelatedPerson/mum", t, mum("cy", "")), 403); /* nor to whom she is related */
    ck_status(flow("DELETE", "Observation/cys", t, NULL), 403);
    ck_status(flow("PUT", "Practitioner/doc", t, "{\"resourceType\":\"Practitioner\",\"id\":\"doc\"}"), 403);
    ck_status(flow("GET", "Observation/bens", as("RelatedPerson/mum", "user/Condition.rs"), NULL), 403);
}
END_TEST

/* From the answer to the write on. */
START_TEST(test_ends)
{
    static const struct {
        const char *patient, *members;
        int ben, cy;
    } cases[] = {
        {"ben", ",\"active\":true", 200, 404},
        {"ben", ",\"active\":false", 404, 404},
        {"ben", ",\"period\":{\"end\":\"2020-01-01\"}", 404, 404},
        {"ben", ",\"period\":{\"start\":\"2020-01-01\",\"end\":\"2999\"}", 200, 404},
        {"ben", ",\"period\":{\"start\":\"2999-01-01\"}", 404, 404},
        {"cy", "", 404, 200},
        {"ben", "", 200, 404},
    };
    const char *t = as("RelatedPerson/mum", "user/*.rs");
    store_things();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("RelatedPerson/mum", mum(cases[i].patient, cases[i].members));
        ck_assert_msg(flow("GET", "Observation/bens", t, NULL)->status == cases[i].ben, "%zu", i);
        ck_assert_msg(flow("GET", "Observation/cys", t, NULL)->status == cases[i].cy, "%zu", i);
    }
    ck_status(flow_delete("RelatedPerson/mum"), 204);
    ck_status(flow("GET", "Observation/bens", t, NULL), 404);
    ck_status(flow("GET", "Observation/bens", as("RelatedPerson/nobody", "user/*.rs"), NULL), 404);
    ck_status(flow("GET", "Observation/bens", as("Person/mum", "user/*.rs"), NULL), 403);
}
END_TEST

/* What the patient says of them holds. */
START_TEST(test_consent)
{
    const char *t = as("RelatedPerson/mum", "user/*.rs");
    store_things();
    put("Consent/c",
        "{\"resourceType\":\"Consent\",\"id\":\"c\",\"status\":\"active\",\"scope\":{\"coding\":[{\"code\":"
        "\"patient-privacy\"}]},\"category\":[{\"text\":\"x\"}],\"patient\":{\"reference\":\"Patient/ben\"},"
        "\"provision\":{\"type\":\"deny\",\"actor\":[{\"role\":{\"coding\":[{\"code\":\"PRCP\"}]},"
        "\"reference\":{"
        "\"reference\":\"RelatedPerson/mum\"}}]}}");
    ck_status(flow("GET", "Observation/bens", t, NULL), 404);
    ck_status(flow_delete("Consent/c"), 204);
    ck_status(flow("GET", "Observation/bens", t, NULL), 200);
}
END_TEST

/* A patient by a scope user/… is no less the patient. */
START_TEST(test_patient_by_user_scope)
{
    store_things();
    ck_status(flow("GET", "Observation/bens", as("Patient/ben", "user/*.rs"), NULL), 200);
    ck_status(flow("GET", "Observation/untold", as("Patient/ben", "user/*.rs"), NULL), 404);
}
END_TEST

static void begin(void)
{
    flow_suite_begin();
    flow_base("validate.level=structure");
}

Suite *suite_flow_related(void)
{
    Suite *s = suite_create("flow/related");
    TCase *tc = tcase_create("related");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_sees_the_record);
    tcase_add_test(tc, test_writes_there_alone);
    tcase_add_test(tc, test_ends);
    tcase_add_test(tc, test_consent);
    tcase_add_test(tc, test_patient_by_user_scope);
    suite_add_tcase(s, tc);
    return s;
}
