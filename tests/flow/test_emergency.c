/* $break-glass: who may, what is seen then, for how long, and what it leaves. docs/consent.md */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/flow.h"

#define PATH(...) arena_printf(flow_arena(), __VA_ARGS__)

/* Of both everything is withheld by a Consent; Ben's have labels besides. */
static const char *const there[][2] = {
    {"Patient/ben", "{\"resourceType\":\"Patient\",\"id\":\"ben\"}"},
    {"Patient/cy", "{\"resourceType\":\"Patient\",\"id\":\"cy\"}"},
    {"Observation/lab",
     "{\"resourceType\":\"Observation\",\"id\":\"lab\",\"meta\":{\"security\":[{\"system\":"
     "\"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\",\"code\":\"V\"},{\"system\":"
     "\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"HIV\"}]},\"status\":\"final\",\"code\":"
     "{\"text\":\"x\"},\"subject\":{\"reference\":\"Patient/ben\"}}"},
    {"Condition/flu", "{\"resourceType\":\"Condition\",\"id\":\"flu\",\"meta\":{\"security\":[{\"system\":"
                      "\"http://terminology.hl7.org/CodeSystem/"
                      "v3-ActReason\",\"code\":\"HRESCH\"}]},\"code\":{\"text\":\"x\"},"
                      "\"subject\":{\"reference\":\"Patient/ben\"}}"},
    {"Task/todo",
     "{\"resourceType\":\"Task\",\"id\":\"todo\",\"status\":\"requested\",\"intent\":\"order\",\"for\":{"
     "\"reference\":\"Patient/ben\"}}"},
    {"Observation/cys",
     "{\"resourceType\":\"Observation\",\"id\":\"cys\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
     "\"subject\":{\"reference\":\"Patient/cy\"}}"},
    {"Appointment/both",
     "{\"resourceType\":\"Appointment\",\"id\":\"both\",\"status\":\"booked\",\"participant\":[{\"status\":"
     "\"accepted\",\"actor\":{\"reference\":\"Patient/ben\"}},{\"status\":\"accepted\",\"actor\":{"
     "\"reference\":\"Patient/cy\"}}]}"},
    {"Observation/draft",
     "{\"resourceType\":\"Observation\",\"id\":\"draft\",\"meta\":{\"tag\":[{\"system\":"
     "\"http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication\",\"code\":\"UNDELIVERED\"}]},"
     "\"status\":\"final\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"Patient/ben\"}}"},
};

enum { BEN, CY, LAB, FLU, TASK, CYS, BOTH, DRAFT, THINGS };
#define NOTHING "00000000"
#define OPENED  "10111000"

#define DOC "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"%s\"}"

static void store_things(void)
{
    for (int i = 0; i < THINGS; i++)
        ck_assert_int_lt(flow_put(there[i][0], there[i][1])->status, 300);
    for (int i = 0; i < 2; i++) {
        const char *id = i ? "cy" : "ben";
        ck_assert_int_lt(
            flow_put(PATH("Consent/%s", id),
                     PATH("{\"resourceType\":\"Consent\",\"id\":\"%s\",\"status\":\"active\",\"scope\":{"
                          "\"coding\":[{\"code\":\"patient-privacy\"}]},\"category\":[{\"text\":\"x\"}],"
                          "\"patient\":{\"reference\":\"Patient/%s\"},\"provision\":{\"type\":\"deny\"}}",
                          id, id))
                ->status,
            300);
    }
}

static const char *body_of(const char *purpose, const char *reason)
{
    return PATH("{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"purpose\",\"valueCode\":\"%s\"},"
                "{\"name\":\"reason\",\"valueString\":\"%s\"}]}",
                purpose, reason);
}

/* Each test has people of its own: what one of them has opened stays open. */
static const char *as(const char *who, const char *scope)
{
    return flow_token_with(scope, PATH(DOC, who));
}

static const struct flow_answer *break_glass(const char *id, const char *token)
{
    return flow("POST", PATH("Patient/%s/$break-glass", id), token,
                body_of("ETREAT", "unconscious after an accident"));
}

static int total(const char *token, const char *query)
{
    const struct flow_answer *a = flow("GET", query, token, NULL);
    ck_status(a, 200);
    return atoi(flow_node(a->json, "total")->valuestring);
}

static void check_seen(const char *token, const char *seen)
{
    int observations = 0;
    for (int i = 0; i < THINGS; i++) {
        const char *path = there[i][0];
        int wanted = seen[i] == '1' ? 200 : 404;
        const struct flow_answer *a = flow("GET", path, token, NULL);
        ck_assert_msg(a->status == wanted, "%s: %d %.*s", path, a->status, STR_FMT(a->body));
        a = flow("GET", PATH("%s/_history/1", path), token, NULL);
        ck_assert_msg(a->status == wanted, "version of %s: %d", path, a->status);
        a = flow("GET", PATH("%s/_history", path), token, NULL);
        ck_assert_msg(a->status == wanted, "history of %s: %d", path, a->status);
        observations += strncmp(path, "Observation", 11) == 0 && seen[i] == '1';
    }
    ck_assert_int_eq(total(token, "Observation?_total=accurate"), observations);
    ck_assert_int_eq(total(token, "Observation?patient=ben&_summary=count"),
                     observations - (seen[CYS] == '1'));
    ck_assert_int_eq(total(token, "Task?_summary=count"), seen[TASK] == '1');
    const struct flow_answer *all = flow("GET", "?_type=Observation,Condition,Task&_count=100", token, NULL);
    for (int i = LAB; i < CYS; i++)
        ck_assert_int_eq(strstr(all->body.s, PATH("/fhir/%s\"", there[i][0])) != NULL, seen[i] == '1');
}

START_TEST(test_opens)
{
    const char *doc = as("opens", "user/*.cruds emergency");
    store_things();
    check_seen(doc, NOTHING);
    const struct flow_answer *a = break_glass("ben", doc);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].name"), "until");
    check_seen(doc, OPENED);
    /* in a Bundle, put off, and by what it names */
    a = flow(
        "POST", "", doc,
        "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\","
        "\"url\":\"Observation/lab\"}},{\"request\":{\"method\":\"GET\",\"url\":\"Observation/cys\"}}]}");
    ck_assert_str_eq(flow_text(a->json, "entry[0].response.status"), "200 OK");
    ck_assert_int_eq(atoi(flow_text(a->json, "entry[1].response.status")), 404);
    a = flow("GET", "Observation?_id=lab&_include=Observation:subject", doc, NULL);
    ck_assert_ptr_nonnull(strstr(a->body.s, "/fhir/Patient/ben\""));
    a = flow("GET", "Patient/ben/$everything", doc, NULL);
    ck_assert_ptr_nonnull(strstr(a->body.s, "/fhir/Observation/lab\""));
    ck_assert_ptr_null(strstr(a->body.s, "cys"));
    /* what may be done with anybody's, and no more */
    ck_status(flow("PUT", "Condition/flu", doc, there[FLU][1]), 200);
    ck_status(flow("PUT", "Observation/cys", doc, there[CYS][1]), 403);
    const char *reader = as("opens", "user/Condition.rs emergency");
    ck_status(flow("GET", "Condition/flu", reader, NULL), 200);
    ck_status(flow("GET", "Observation/lab", reader, NULL), 403);
    ck_status(flow("PUT", "Condition/flu", reader, there[FLU][1]), 403);
}
END_TEST

/* It is that person's, who comes by that program with that scope. */
START_TEST(test_for_nobody_else)
{
    static const char *const others[][2] = {
        {"user/*.cruds emergency", "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"somebody\"}"},
        {"user/*.cruds emergency", "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"own\",\"client_id\":\"x\"}"},
        {"user/*.cruds", "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"own\"}"},
        {"patient/*.cruds emergency",
         "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"own\",\"patient\":\"ben\"}"},
        {"user/*.cruds emergency", "{\"fhirUser\":\"Patient/cy\",\"sub\":\"own\"}"},
        {"user/*.cruds emergency", "{\"fhirUser\":\"Practitioner/fired\",\"sub\":\"own\"}"},
    };
    store_things();
    ck_status(break_glass("ben", as("own", "user/*.cruds emergency")), 200);
    ck_status(flow("GET", "Observation/lab", as("own", "user/*.cruds emergency"), NULL), 200);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct flow_answer *a =
            flow("GET", "Observation/lab", flow_token_with(others[i][0], others[i][1]), NULL);
        ck_assert_msg(a->status == 404, "%zu: %d", i, a->status);
    }
}
END_TEST

START_TEST(test_who_may)
{
    static const struct {
        const char *scope, *claims;
    } refused[] = {
        {"user/*.cruds", "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"may\"}"},
        {"emergency system/*.cruds", "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"may\"}"},
        {"emergency patient/*.cruds", "{\"fhirUser\":\"Practitioner/doc\",\"patient\":\"cy\"}"},
        {"emergency patient/*.cruds", "{\"patient\":\"ben\"}"},
        {"emergency user/*.cruds", "{\"fhirUser\":\"Patient/ben\"}"},
        {"emergency user/*.cruds", "{\"fhirUser\":\"Practitioner/other\",\"sub\":\"may\"}"},
        {"emergency user/*.c", "{\"fhirUser\":\"Practitioner/doc\",\"sub\":\"may\"}"},
        {"emergency user/*.cruds", "{\"sub\":\"may\"}"},
    };
    const char *doc = as("may", "user/*.cruds emergency");
    store_things();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *t = flow_token_with(refused[i].scope, refused[i].claims);
        const struct flow_answer *a = break_glass("ben", t), *absent = break_glass("nobody", t);
        ck_assert_msg(a->status == 403, "%zu: %d %.*s", i, a->status, STR_FMT(a->body));
        ck_assert(str_eq(a->body, absent->body)); /* nor is told that he is there */
    }
    ck_status(flow("POST", "Patient/ben/$break-glass", doc, body_of("TREAT", "unconscious")), 400);
    ck_status(flow("POST", "Patient/ben/$break-glass", doc, body_of("ETREAT", "   x   ")), 400);
    ck_status(flow("POST", "Patient/ben/$break-glass", doc, NULL), 400);
    ck_status(flow("GET", "Patient/ben/$break-glass?purpose=ETREAT&reason=unconscious", doc, NULL), 405);
    ck_status(flow("POST", "Observation/lab/$break-glass", doc, body_of("ETREAT", "unconscious")), 404);
    ck_status(break_glass("nobody", doc), 404);
    check_seen(doc, NOTHING);
    flow_set("emergency.users=");
    ck_status(break_glass("ben", doc), 403);
    flow_set("emergency.users=*");
    ck_status(break_glass("ben", as("may", "user/*.rs emergency")), 200);
}
END_TEST

START_TEST(test_ends)
{
    const char *doc = as("ends", "user/*.cruds emergency");
    store_things();
    flow_set("emergency.duration=1s");
    ck_status(break_glass("ben", doc), 200);
    ck_status(flow("GET", "Observation/lab", doc, NULL), 200);
    sleep(1);
    check_seen(doc, NOTHING);
}
END_TEST

/* Who it was, why, and what was done with it, refusals included. */
START_TEST(test_audit)
{
    struct err err;
    const char *doc = as("audited", "user/*.cruds emergency");
    store_things();
    ck_status(break_glass("ben", as("audited", "user/*.cruds")), 403);
    ck_status(break_glass("ben", doc), 200);
    ck_ok(audit_turn(flow_audit(), &err)); /* with what was there before the answer */
    const struct flow_answer *a = flow_get("AuditEvent?patient=ben&agent=audited&action=E&_sort=date");
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.outcomeDesc"), "HTTP 403");
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.outcomeDesc"), "HTTP 200");
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.subtype[0].code"), "110127");
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.purposeOfEvent[0].coding[0].code"), "BTG");
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.purposeOfEvent[0].text"),
                     "unconscious after an accident");
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.purposeOfEvent[1].coding[0].code"), "ETREAT");
    ck_status(flow("GET", "Observation/lab", doc, NULL), 200);
    ck_ok(audit_turn(flow_audit(), &err));
    a = flow_get("AuditEvent?patient=ben&agent=audited&entity=Observation/lab");
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.purposeOfEvent[0].coding[0].code"), "ETREAT");
}
END_TEST

START_TEST(test_patient_is_told)
{
    const char *doc = as("told", "user/*.cruds emergency"),
               *ben = flow_token_with("patient/*.rs", "{\"patient\":\"ben\"}"),
               *cy = flow_token_with("patient/*.rs", "{\"patient\":\"cy\"}");
    store_things();
    const struct flow_answer *a = break_glass("ben", doc);
    ck_status(a, 200);
    const char *where = flow_text(a->json, "parameter[1].valueReference.reference");
    ck_status(flow("GET", where, cy, NULL), 404);
    a = flow("GET", where, ben, NULL);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "subject.reference"), "Patient/ben");
    ck_assert_str_eq(flow_text(a->json, "sender.reference"), "Practitioner/doc");
    ck_assert_str_eq(flow_text(a->json, "reasonCode[0].coding[0].code"), "ETREAT");
    ck_assert_str_eq(flow_text(a->json, "reasonCode[0].text"), "unconscious after an accident");
    int n = total(ben, "Communication?category=notification&_total=accurate");
    ck_assert_int_ge(n, 1);
    ck_status(flow("POST", "Communication/$validate", NULL, a->body.s), 200);
    ck_status(break_glass("nobody", doc), 404);
    ck_assert_int_eq(total(ben, "Communication?category=notification&_total=accurate"), n);
}
END_TEST

/* consent.default = deny */
START_TEST(test_closed)
{
    const char *doc = as("closed", "user/*.cruds emergency");
    store_things();
    ck_status(flow_delete("Consent/ben"), 204);
    check_seen(doc, NOTHING);
    ck_status(break_glass("ben", doc), 200);
    check_seen(doc, OPENED);
}
END_TEST

/* consent.enforce = off: labels alone withhold */
START_TEST(test_labels_alone)
{
    const char *doc = as("labels", "user/*.cruds emergency");
    store_things();
    check_seen(doc, "11001110");
    ck_status(break_glass("ben", doc), 200);
    check_seen(doc, "11111110");
}
END_TEST

static void begin(void)
{
    flow_suite_begin();
    flow_base("validate.level=structure");
    flow_base("auth.sensitivities=HIV");
    flow_base("emergency.users=Practitioner/doc Practitioner/nurse");
}

static void begin_closed(void)
{
    begin();
    flow_base("consent.default=deny");
}

static void begin_off(void)
{
    begin();
    flow_base("consent.enforce=off");
}

Suite *suite_flow_emergency(void)
{
    static void (*const begins[])(void) = {begin, begin_closed, begin_off};
    Suite *s = suite_create("flow/emergency");
    TCase *cases[3];
    for (int i = 0; i < 3; i++) {
        cases[i] = tcase_create((const char *[]){"open", "closed", "off"}[i]);
        tcase_set_timeout(cases[i], 120);
        tcase_add_unchecked_fixture(cases[i], begins[i], flow_suite_end);
        tcase_add_checked_fixture(cases[i], flow_begin, flow_end);
        suite_add_tcase(s, cases[i]);
    }
    tcase_add_test(cases[0], test_opens);
    tcase_add_test(cases[0], test_for_nobody_else);
    tcase_add_test(cases[0], test_who_may);
    tcase_add_test(cases[0], test_ends);
    tcase_add_test(cases[0], test_audit);
    tcase_add_test(cases[0], test_patient_is_told);
    tcase_add_test(cases[1], test_closed);
    tcase_add_test(cases[2], test_labels_alone);
    return s;
}
