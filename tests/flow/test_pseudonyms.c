/*
 * Who may not know whom records are about (docs/identity.md) is not told, by any route: not by what is shown, and not by
 * what is found. Made from the route table. Every name, number, address and date of the person here is a canary.
 */
#include "../../src/api/internal.h"
#include "support/flow.h"

#define CANARY "zorkmid"
#define BORN   "1971-11-23"

static const char *const stored[][2] = {
    {"Patient/p",
     "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"text\":{\"status\":\"generated\",\"div\":"
     "\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">" CANARY "</div>\"},\"identifier\":[{\"system\":"
     "\"urn:i\",\"value\":\"" CANARY "1\"}],\"name\":[{\"family\":\"" CANARY "\",\"given\":[\"" CANARY
     "\"]}],\"telecom\":[{\"system\":\"phone\",\"value\":\"" CANARY "\"}],\"gender\":\"male\",\"birthDate\":"
     "\"" BORN "\",\"address\":[{\"line\":[\"" CANARY "\"],\"state\":\"Tokyo\"}],\"contact\":[{\"name\":"
     "{\"family\":\"" CANARY "\"}}],\"generalPractitioner\":[{\"reference\":\"Practitioner/d\"}]}"},
    {"Practitioner/d",
     "{\"resourceType\":\"Practitioner\",\"id\":\"d\",\"name\":[{\"family\":\"" CANARY "\"}]}"},
    {"Observation/o",
     "{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\",\"code\":{\"coding\":[{"
     "\"system\":\"urn:c\",\"code\":\"w\"}]},\"subject\":{\"reference\":\"Patient/p\",\"identifier\":"
     "{\"value\":\"" CANARY "\"},\"display\":\"" CANARY "\"},\"performer\":[{\"reference\":"
     "\"Practitioner/d\",\"display\":\"" CANARY "\"}],\"valueQuantity\":{\"value\":70,\"unit\":\"kg\"},"
     "\"note\":[{\"text\":\"" CANARY "\"}]}"},
    {"QuestionnaireResponse/q",
     "{\"resourceType\":\"QuestionnaireResponse\",\"id\":\"q\",\"status\":\"completed\","
     "\"subject\":{\"reference\":\"Patient/p\"},\"item\":[{\"linkId\":\"1\",\"answer\":[{"
     "\"valueString\":\"" CANARY "\"}]}]}"},
    {"Binary/b",
     "{\"resourceType\":\"Binary\",\"id\":\"b\",\"contentType\":\"text/plain\",\"data\":\"em9ya21pZA==\"}"},
    {"Bundle/u", "{\"resourceType\":\"Bundle\",\"id\":\"u\",\"type\":\"collection\",\"entry\":[{\"fullUrl\":"
                 "\"urn:uuid:0d9ae4b2-2f4a-4c2f-9a0e-1f2f3a4b5c6d\",\"resource\":{"
                 "\"resourceType\":\"Patient\",\"name\":[{\"family\":\"" CANARY "\"}]}}]}"},
    {"Condition/c",
     "{\"resourceType\":\"Condition\",\"id\":\"c\",\"subject\":{\"reference\":\"#x\"},\"contained\":[{"
     "\"resourceType\":\"Patient\",\"id\":\"x\",\"name\":[{\"family\":\"" CANARY "\"}],\"birthDate\":"
     "\"" BORN "\"}]}"},
};
enum { STORED = sizeof stored / sizeof stored[0] };

static void begin_suite(void)
{
    flow_suite_begin();
    flow_seal();
}

static const char *token;
static int answered;

static void check(const char *what, const struct flow_answer *a)
{
    ck_assert_msg(a->status < 500, "%s: %d %.1000s", what, a->status, a->body.s);
    ck_assert_msg(!memmem(a->body.s, a->body.len, CANARY, strlen(CANARY)) &&
                      !memmem(a->body.s, a->body.len, "em9ya21pZA", 10) &&
                      !memmem(a->body.s, a->body.len, BORN, strlen(BORN)),
                  "%s shows:\n%.2000s", what, a->body.s);
    answered += a->status == 200;
}

static const struct flow_answer *ask(const char *method, const char *path, const char *headers,
                                     const char *body)
{
    struct arena *a = flow_arena();
    const struct flow_answer *answer =
        flow(method, path, arena_printf(a, "%s%s", token, headers ? headers : ""), body);
    check(arena_printf(a, "%s %s", method, path), answer);
    return answer;
}

static void store_all(void)
{
    for (int i = 0; i < STORED; i++) {
        ck_assert_int_lt(flow_put(stored[i][0], stored[i][1])->status, 300);
        ck_status(flow_put(stored[i][0], stored[i][1]), 200);
    }
}

/* With T, I, V and C of the pattern filled in. */
static const char *path_of(const char *pattern, const char *stored_path)
{
    struct buf b;
    struct str id, type = str_cut(str_of(stored_path), '/', &id);
    buf_init(&b, flow_arena(), 64);
    for (struct str rest = str_of(pattern); rest.s;) {
        struct str segment = str_cut(rest, '/', &rest);
        buf_adds(&b, b.len ? "/" : "");
        char c = segment.len == 1 ? segment.s[0] : '\0';
        buf_addstr(&b, c == 'T' ? type : c == 'I' ? id : c == 'V' ? STR("1") : c == 'C' ? STR("*") : segment);
    }
    return b.s;
}

START_TEST(test_every_route)
{
    size_t n;
    store_all();
    token = flow_token("system/*.cruds pseudonyms");
    const struct api_route *routes = api__routes(&n);
    answered = 0;
    for (size_t i = 0; i < n; i++)
        for (int j = 0; routes[i].method == HTTP_GET && j < STORED; j++) {
            const char *path = path_of(routes[i].pattern, stored[j][0]);
            ask("GET", path, NULL, NULL);
            ask("GET", path, "Accept: application/fhir+xml\n", NULL);
            ask("GET", path, "Accept: text/plain\n", NULL);
        }
    ck_assert_int_gt(answered, 3 * STORED);
}
END_TEST

START_TEST(test_marked)
{
    static const char *const paths[][2] = {
        {"Patient/p", "meta"},
        {"Patient/p/_history/1", "meta"},
        {"Patient/p/_history", "entry[0].resource.meta"},
        {"Patient?_id=p", "entry[0].resource.meta"},
        {"Observation?_id=o&_include=Observation:subject", "entry[1].resource.meta"},
        {"Practitioner?_id=d&_revinclude=Patient:general-practitioner", "entry[1].resource.meta"},
        {"Patient/p/$everything", "entry[0].resource.meta"},
        {"Observation/o", "meta"},
    };
    store_all();
    token = flow_token("system/*.rs pseudonyms");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct flow_answer *a = ask("GET", paths[i][0], NULL, NULL);
        ck_status(a, 200);
        ck_assert_str_eq(flow_text(a->json, arena_printf(flow_arena(), "%s.security[0].code", paths[i][1])),
                         "REDACTED");
        ck_assert_str_eq(flow_text(a->json, arena_printf(flow_arena(), "%s.security[1].code", paths[i][1])),
                         "PSEUDED");
    }
    const struct flow_answer *a = ask("GET", "Patient/p", NULL, NULL);
    ck_assert_str_eq(flow_text(a->json, "birthDate"), "1971");
    ck_assert_str_eq(flow_text(a->json, "address[0].state"), "Tokyo");
    a = ask(
        "POST", "", NULL,
        "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\",\"url\":"
        "\"Patient/p\"}},{\"request\":{\"method\":\"GET\",\"url\":\"Patient?_id=p\"}}]}");
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.meta.security[0].code"), "REDACTED");
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.entry[0].resource.meta.security[0].code"),
                     "REDACTED");
}
END_TEST

START_TEST(test_nobody_is_found)
{
    static const char *const refused[] = {
        "Patient?name=" CANARY,
        "Patient?name:missing=false",
        "Patient?family:exact=" CANARY,
        "Patient?identifier=" CANARY "1",
        "Patient?phone=" CANARY,
        "Patient?birthdate=" BORN,
        "Patient?birthdate=gt1971",
        "Patient?address=" CANARY,
        "Patient?_text=" CANARY,
        "Patient?_content=" CANARY,
        "Patient?_filter=name co \"" CANARY "\"",
        "Patient?_sort=family",
        "Patient?_sort=birthdate",
        "Observation?subject:Patient.name=" CANARY,
        "Observation?subject:identifier=" CANARY,
        "Observation?_filter=subject.name eq \"" CANARY "\"",
        "Practitioner?_has:Patient:general-practitioner:name=" CANARY,
        "Condition?_contained=true&subject:Patient.name=" CANARY,
        "Patient?_explain=true",
    };
    static const char *const allowed[] = {
        "Patient?gender=male",
        "Patient?_id=p",
        "Observation?subject=Patient/p",
        "Observation?code=w",
        "Observation?value-quantity=gt60",
        "Patient?_has:Observation:subject:code=w",
        "Observation?subject:Patient.gender=male",
        "Patient?_lastUpdated=gt2000-01-01",
        "Patient?_summary=count",
    };
    store_all();
    token = flow_token("system/*.rs system/explain pseudonyms");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const struct flow_answer *a = flow("GET", refused[i], token, NULL);
        ck_assert_msg(a->status == 403, "%s: %d %.500s", refused[i], a->status, a->body.s);
    }
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        const struct flow_answer *a = ask("GET", allowed[i], NULL, NULL);
        ck_status(a, 200);
        ck_assert_msg(strstr(a->body.s, "\"total\":1"), "%s: %.500s", allowed[i], a->body.s);
    }
}
END_TEST

START_TEST(test_who)
{
    store_all();
    token = flow_token_with("system/*.cruds", "{\"purpose_of_use\":\"HRESCH\"}");
    ck_status(ask("GET", "Patient/p", NULL, NULL), 200);
    ck_status(flow("PUT", "Patient/p", token, stored[0][1]), 403);
    ck_status(flow("DELETE", "Patient/p", token, NULL), 403);
    ck_status(flow("POST", "Patient", token, stored[0][1]), 403);
    ck_status(flow("GET", "AuditEvent", token, NULL), 403);
    const struct flow_answer *a =
        flow("GET", "Patient/p", flow_token_with("system/*.rs identities", "{\"purpose_of_use\":\"HRESCH\"}"),
             NULL);
    ck_assert_str_eq(flow_text(a->json, "name[0].family"), CANARY);
    a = flow("GET", "Patient/p", flow_token_with("system/*.rs", "{\"purpose_of_use\":\"TREAT\"}"), NULL);
    ck_assert_str_eq(flow_text(a->json, "name[0].family"), CANARY);
}
END_TEST

Suite *suite_flow_pseudonyms(void)
{
    Suite *s = suite_create("flow/pseudonyms");
    TCase *tc = tcase_create("pseudonyms");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin_suite, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_every_route);
    tcase_add_test(tc, test_marked);
    tcase_add_test(tc, test_nobody_is_found);
    tcase_add_test(tc, test_who);
    suite_add_tcase(s, tc);
    return s;
}
