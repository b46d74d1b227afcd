/* Consents, from the resource to what somebody sees: docs/consent.md. */
#include <stdio.h>
#include <stdlib.h>

#include "consent/consent.h"
#include "support/flow.h"

#define PATH(...) arena_printf(flow_arena(), __VA_ARGS__)

/* Ben's, and what says who works where. The last of each is of an hour of which nobody speaks. */
static const char *const there[][2] = {
    {"Patient/ben", "{\"resourceType\":\"Patient\",\"id\":\"ben\"}"},
    {"Patient/cy", "{\"resourceType\":\"Patient\",\"id\":\"cy\"}"},
    {"Observation/lab",
     "{\"resourceType\":\"Observation\",\"id\":\"lab\",\"status\":\"final\",\"code\":{\"coding\":[{"
     "\"system\":"
     "\"http://loinc.org\",\"code\":\"1-8\"}]},\"subject\":{\"reference\":\"Patient/ben\"},"
     "\"effectiveDateTime\":\"2020-01-01\"}"},
    {"Observation/hiv",
     "{\"resourceType\":\"Observation\",\"id\":\"hiv\",\"meta\":{\"security\":[{\"system\":"
     "\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"HIV\"},{\"system\":"
     "\"http://terminology.hl7.org/CodeSystem/"
     "v3-Confidentiality\",\"code\":\"R\"}]},\"status\":\"final\",\"code\":{"
     "\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"2-6\"}]},\"subject\":{\"reference\":\"Patient/"
     "ben\"},"
     "\"effectiveDateTime\":\"2024-06-01\"}"},
    {"Condition/flu", "{\"resourceType\":\"Condition\",\"id\":\"flu\",\"code\":{\"coding\":[{\"system\":"
                      "\"urn:c\",\"code\":\"flu\"}]},"
                      "\"subject\":{\"reference\":\"Patient/ben\"}}"},
    {"Task/todo",
     "{\"resourceType\":\"Task\",\"id\":\"todo\",\"status\":\"requested\",\"intent\":\"order\",\"for\":{"
     "\"reference\":\"Patient/ben\"}}"},
    {"Observation/cys",
     "{\"resourceType\":\"Observation\",\"id\":\"cys\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
     "\"subject\":{\"reference\":\"Patient/cy\"}}"},
    {"PractitionerRole/doc-a", "{\"resourceType\":\"PractitionerRole\",\"id\":\"doc-a\",\"practitioner\":{"
                               "\"reference\":\"Practitioner/doc\"},"
                               "\"organization\":{\"reference\":\"Organization/a\"}}"},
    {"PractitionerRole/nurse-b",
     "{\"resourceType\":\"PractitionerRole\",\"id\":\"nurse-b\",\"practitioner\":{\"reference\":"
     "\"Practitioner/nurse\"},\"organization\":{\"reference\":\"Organization/b\"}}"},
    {"CareTeam/team",
     "{\"resourceType\":\"CareTeam\",\"id\":\"team\",\"participant\":[{\"member\":{\"reference\":"
     "\"Practitioner/doc\"}}]}"},
};

enum { BEN, CY, LAB, HIV, FLU, TASK, CYS, THINGS };

static void store_things(void)
{
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        ck_assert_int_lt(flow_put(there[i][0], there[i][1])->status, 300);
}

static const char *consent_of(const char *id, const char *at, const char *rule, const char *provision)
{
    return PATH(
        "{\"resourceType\":\"Consent\",\"id\":\"%s\",\"status\":\"active\",\"scope\":{\"coding\":[{"
        "\"system\":"
        "\"http://terminology.hl7.org/CodeSystem/"
        "consentscope\",\"code\":\"patient-privacy\"}]},\"category\":["
        "{\"text\":\"x\"}],\"patient\":{\"reference\":\"Patient/ben\"},\"dateTime\":\"%s\"%s%s%s%s%s}",
        id, at,
        *rule ? ",\"policyRule\":{\"coding\":[{\"system\":"
                "\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\""
              : "",
        rule, *rule ? "\"}]}" : "", *provision ? ",\"provision\":" : "", provision);
}

static void say(const char *rule, const char *provision)
{
    ck_assert_int_lt(flow_put("Consent/c", consent_of("c", "2024-01-01", rule, provision))->status, 300);
}

static const char *as(const char *user, const char *more)
{
    return flow_token_with("user/*.cruds",
                           PATH("{\"fhirUser\":\"%s\",\"confidentiality\":\"V\"%s}", user, more));
}

#define ACTOR(ref)                                                                                           \
    "\"actor\":[{\"role\":{\"coding\":[{\"code\":\"PRCP\"}]},\"reference\":{\"reference\":\"" ref "\"}}]"
#define NESTED(...) "{\"provision\":[" __VA_ARGS__ "]}"
#define ALL         "1111111"
#define OTHERS      "0100001" /* all but Ben's */

/* What is seen of things[], a digit each. */
static const struct {
    const char *rule, *provision, *user, *more, *seen;
} cases[] = {
    /* base policies */
    {"OPTIN", "", "Practitioner/doc", "", ALL},
    {"OPTOUT", "", "Practitioner/doc", "", OTHERS},
    {"", "", "Practitioner/doc", "", ALL}, /* a document */
    {"", "{\"period\":{\"start\":\"2000-01-01\"}}", "Practitioner/doc", "", OTHERS},
    {"NOPP", "{\"period\":{\"start\":\"2000-01-01\"}}", "Practitioner/doc", "", OTHERS},
    {"", "{\"type\":\"deny\"}", "Practitioner/doc", "", OTHERS},
    {"", "{\"type\":\"permit\"}", "Practitioner/doc", "", ALL},
    /* actors */
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}"), "Practitioner/nurse", "",
     OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}"), "Practitioner/doc", "", ALL},
    {"", "{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}", "Practitioner/nurse", "", OTHERS},
    {"", "{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}", "Practitioner/doc", "", ALL},
    {"OPTIN", "{" ACTOR("Practitioner/nurse") "}", "Practitioner/nurse", "", OTHERS}, /* without a type */
    {"OPTIN", "{" ACTOR("Practitioner/nurse") "}", "Practitioner/doc", "", ALL},
    {"OPTOUT", "{" ACTOR("Practitioner/nurse") "}", "Practitioner/nurse", "", OTHERS},
    {"OPTOUT", NESTED("{\"type\":\"permit\"," ACTOR("Practitioner/doc") "}"), "Practitioner/doc", "", ALL},
    {"OPTOUT", NESTED("{\"type\":\"permit\"," ACTOR("Practitioner/doc") "}"), "Practitioner/nurse", "",
     OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Organization/b") "}"), "Practitioner/nurse", "", OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Organization/b") "}"), "Practitioner/doc", "", ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Organization/b") "}"), "Practitioner/new", "", OTHERS},
    {"OPTOUT", NESTED("{\"type\":\"permit\"," ACTOR("Organization/a") "}"), "Practitioner/doc", "", ALL},
    {"OPTOUT", NESTED("{\"type\":\"permit\"," ACTOR("Organization/a") "}"), "Practitioner/new", "", OTHERS},
    {"OPTOUT", NESTED("{\"type\":\"permit\"," ACTOR("CareTeam/team") "}"), "Practitioner/doc", "", ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("CareTeam/team") "}"), "Practitioner/nurse", "", ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("CareTeam/none") "}"), "Practitioner/nurse", "", OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}"), "PractitionerRole/nurse-b", "",
     OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}"), "PractitionerRole/doc-a", "",
     ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("http://elsewhere/Organization/1") "}"), "Practitioner/doc",
     "", OTHERS},
    {"OPTOUT", NESTED("{\"type\":\"permit\"," ACTOR("http://elsewhere/Organization/1") "}"),
     "Practitioner/doc", "", OTHERS},
    {"OPTIN",
     NESTED(
         "{\"type\":\"deny\",\"actor\":[{\"role\":{\"coding\":[{\"system\":"
         "\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"AUT\"}]},\"reference\":"
         "{\"reference\":\"Practitioner/nurse\"}}]}"),
     "Practitioner/doc", "", OTHERS},
    /* time */
    {"OPTOUT", "{\"period\":{\"end\":\"2020-01-01\"}}", "Practitioner/doc", "", ALL},
    {"OPTOUT", "{\"period\":{\"start\":\"2020-01-01\"}}", "Practitioner/doc", "", OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"period\":{\"start\":\"2999-01-01\"}}"), "Practitioner/doc", "",
     ALL},
    /* action, purpose */
    {"OPTIN", NESTED("{\"type\":\"deny\",\"action\":[{\"coding\":[{\"code\":\"correct\"}]}]}"),
     "Practitioner/doc", "", ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"action\":[{\"coding\":[{\"code\":\"access\"}]}]}"),
     "Practitioner/doc", "", OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"action\":[{\"coding\":[{\"code\":\"what\"}]}]}"),
     "Practitioner/doc", "", OTHERS},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"purpose\":[{\"code\":\"HRESCH\"}]}"), "Practitioner/doc", "", ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"purpose\":[{\"code\":\"HRESCH\"}]}"), "Practitioner/doc",
     ",\"purpose_of_use\":\"HRESCH\"", OTHERS},
    {"OPTOUT", NESTED("{\"type\":\"permit\",\"purpose\":[{\"code\":\"TREAT\"}]}"), "Practitioner/doc", "",
     ALL},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"purpose\":[{\"system\":\"urn:x\",\"code\":\"TREAT\"}]}"),
     "Practitioner/doc", "", OTHERS},
    /* which data */
    {"OPTIN", NESTED("{\"type\":\"deny\",\"class\":[{\"code\":\"Condition\"}]}"), "Practitioner/doc", "",
     "1111011"},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"class\":[{\"code\":\"Condition\"},{\"code\":\"Task\"}]}"),
     "Practitioner/doc", "", "1111001"},
    {"OPTOUT", NESTED("{\"type\":\"permit\",\"class\":[{\"code\":\"Condition\"}]}"), "Practitioner/doc", "",
     "0100101"},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"class\":[{\"system\":\"urn:x\",\"code\":\"y\"}]}"),
     "Practitioner/doc", "", OTHERS},
    {"OPTIN",
     NESTED(
         "{\"type\":\"deny\",\"code\":[{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"2-6\"}]}]}"),
     "Practitioner/doc", "", "1110111"},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"code\":[{\"coding\":[{\"code\":\"flu\"}]}]}"), "Practitioner/doc",
     "", "1111011"},
    {"OPTOUT",
     NESTED("{\"type\":\"permit\",\"code\":[{\"coding\":[{\"system\":\"http://"
            "loinc.org\",\"code\":\"1-8\"}]}]}"),
     "Practitioner/doc", "", "0110001"},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"code\":[{\"text\":\"hiv\"}]}"), "Practitioner/doc", "", OTHERS},
    {"OPTIN",
     NESTED("{\"type\":\"deny\",\"securityLabel\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"
            "v3-ActCode\","
            "\"code\":\"HIV\"}]}"),
     "Practitioner/doc", "", "1110111"},
    {"OPTIN",
     NESTED("{\"type\":\"deny\",\"securityLabel\":[{\"system\":"
            "\"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\",\"code\":\"R\"}]}"),
     "Practitioner/doc", "", "1110111"},
    {"OPTOUT",
     NESTED("{\"type\":\"permit\",\"securityLabel\":[{\"system\":"
            "\"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\",\"code\":\"N\"}]}"),
     "Practitioner/doc", "", "1110111"},
    {"OPTIN", NESTED("{\"type\":\"deny\",\"dataPeriod\":{\"start\":\"2024-01-01\"}}"), "Practitioner/doc", "",
     "0110001"}, /* nor what has no date */
    {"OPTOUT", NESTED("{\"type\":\"permit\",\"dataPeriod\":{\"end\":\"2021-01-01\"}}"), "Practitioner/doc",
     "", "0110001"},
    {"OPTIN",
     NESTED("{\"type\":\"deny\",\"data\":[{\"meaning\":\"instance\",\"reference\":{\"reference\":\"Condition/"
            "flu\"}}]}"),
     "Practitioner/doc", "", "1111011"},
    {"OPTIN",
     NESTED("{\"type\":\"deny\",\"data\":[{\"meaning\":\"related\",\"reference\":{\"reference\":\"Condition/"
            "flu\"}}]}"),
     "Practitioner/doc", "", OTHERS},
    /* exceptions of exceptions; what denies wins */
    {"OPTIN",
     NESTED("{\"type\":\"deny\"," ACTOR(
         "Organization/b") ",\"provision\":[{\"type\":\"permit\",\"class\":[{\"code\":"
                           "\"Condition\"}]}]}"),
     "Practitioner/nurse", "", "0100101"},
    {"OPTOUT",
     NESTED("{\"type\":\"permit\"," ACTOR(
         "Practitioner/doc") "},{\"type\":\"deny\",\"class\":[{\"code\":\"Task\"}]}"),
     "Practitioner/doc", "", "1111101"},
    {"OPTIN", NESTED("{" ACTOR("Practitioner/doc") "}"), "Practitioner/doc", "", OTHERS}, /* without a type */
    /* whom it does not bind */
    {"OPTOUT", "", "Patient/ben", "", "1011100"},
};

static int count_of(const char *token, const char *query)
{
    const struct flow_answer *a = flow("GET", query, token, NULL);
    ck_status(a, 200);
    return atoi(flow_node(a->json, "total")->valuestring);
}

/* Read, searched for, of old, by itself and among others. */
static void check_seen(size_t n, const char *token, const char *seen)
{
    int observations = 0;
    for (int i = 0; i < THINGS; i++) {
        const char *path = there[i][0];
        int wanted = seen[i] == '1' ? 200 : 404;
        const struct flow_answer *a = flow("GET", path, token, NULL);
        ck_assert_msg(a->status == wanted, "case %zu: %s: %d %.*s", n, path, a->status, STR_FMT(a->body));
        a = flow("GET", PATH("%s/_history/1", path), token, NULL);
        ck_assert_msg(a->status == wanted, "case %zu: version of %s: %d", n, path, a->status);
        a = flow("GET", PATH("%s/_history", path), token, NULL);
        ck_assert_msg(a->status == wanted, "case %zu: history of %s: %d", n, path, a->status);
        observations += i != BEN && i != CY && i != FLU && i != TASK && seen[i] == '1';
    }
    ck_assert_msg(count_of(token, "Observation?_total=accurate") == observations, "case %zu: total", n);
    ck_assert_int_eq(count_of(token, "Condition?_total=accurate"), seen[FLU] == '1');
    ck_assert_int_eq(count_of(token, "Task?_summary=count"), seen[TASK] == '1');
    const struct flow_answer *all =
        flow("GET", "?_type=Observation,Condition,Task,Patient&_count=100", token, NULL);
    ck_status(all, 200);
    for (int i = 0; i < THINGS; i++)
        ck_assert_msg(!strstr(all->body.s, PATH("/fhir/%s\"", there[i][0])) == (seen[i] == '0'),
                      "case %zu: %s among all: %.*s", n, there[i][0], STR_FMT(all->body));
    const struct flow_answer *history = flow("GET", "Condition/_history", token, NULL);
    ck_status(history, 200);
    ck_assert_msg(seen[FLU] == '1' || !strstr(history->body.s, "Condition/flu"), "case %zu: history", n);
}

START_TEST(test_provisions)
{
    store_things();
    say(cases[_i].rule, cases[_i].provision);
    check_seen((size_t)_i, as(cases[_i].user, cases[_i].more), cases[_i].seen);
}
END_TEST

/* The newest that says something counts; of the same time what denies. */
START_TEST(test_several)
{
    static const char deny[] = "{\"type\":\"deny\",\"class\":[{\"code\":\"Condition\"}]}",
                      permit[] = "{\"type\":\"permit\"," ACTOR("Practitioner/doc") "}";
    const char *doc = as("Practitioner/doc", "");
    store_things();
    say("", deny);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 404);
    ck_status(flow_put("Consent/d", consent_of("d", "2024-01-01", "", permit)), 201);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 404);
    ck_status(flow_put("Consent/d", consent_of("d", "2024-01-02", "", permit)), 200);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 200);
    ck_status(flow("GET", "Condition/flu", as("Practitioner/nurse", ""), NULL), 404);
    ck_status(flow_put("Consent/c", consent_of("c", "2024-01-03", "", deny)), 200);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 404);
    ck_status(flow_delete("Consent/c"), 204);
    ck_status(flow("GET", "Condition/flu", as("Practitioner/nurse", ""), NULL), 200);
    ck_status(flow_delete("Consent/d"), 204);
}
END_TEST

/* It holds from the answer on, by whatever way it came; who works where as well. */
START_TEST(test_at_once)
{
    const char *doc = as("Practitioner/doc", ""), *nurse = as("Practitioner/nurse", "");
    store_things();
    ck_status(flow("GET", "Condition/flu", doc, NULL), 200);
    ck_status(
        flow_post("",
                  PATH("{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"resource\":%s,"
                       "\"request\":{\"method\":\"PUT\",\"url\":\"Consent/c\"}}]}",
                       consent_of("c", "2024-01-01", "OPTOUT",
                                  NESTED("{\"type\":\"permit\"," ACTOR("Organization/b") "}")))),
        200);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 404);
    ck_status(flow("GET", "Condition/flu", nurse, NULL), 200);
    ck_status(flow_delete("PractitionerRole/nurse-b"), 204);
    ck_status(flow("GET", "Condition/flu", nurse, NULL), 404);
    ck_status(flow("PATCH", "Consent/c", "Content-Type: application/json-patch+json\n",
                   "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"inactive\"}]"),
              200);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 200);
    ck_status(flow_delete("Consent/c"), 204);
}
END_TEST

/* What may not be seen is not written, and nothing is put there. */
START_TEST(test_writes)
{
    const char *doc = as("Practitioner/doc", "");
    store_things();
    say("OPTIN", NESTED("{\"type\":\"deny\",\"action\":[{\"coding\":[{\"code\":\"correct\"}]}]}"));
    ck_status(flow("GET", "Condition/flu", doc, NULL), 200);
    ck_status(flow("PUT", "Condition/flu", doc, there[FLU][1]), 403);
    ck_status(flow("DELETE", "Condition/flu", doc, NULL), 403);
    ck_status(flow("POST", "Condition", doc, there[FLU][1]), 403);
    ck_status(flow("PUT", "Observation/cys", doc, there[CYS][1]), 200);
    ck_status(flow("PUT", "Condition/flu", as("Patient/ben", ""), there[FLU][1]), 200);
    ck_status(flow_delete("Consent/c"), 204);
}
END_TEST

/* Who saw them is not told to whom they are withheld from. */
START_TEST(test_audit)
{
    static const char claims[] = "{\"fhirUser\":\"Practitioner/%s\",\"patient\":\"ben\"}";
    const char *nurse = flow_token_with("patient/*.rs", PATH(claims, "nurse")),
               *doc = flow_token_with("patient/*.rs", PATH(claims, "doc"));
    store_things();
    say("OPTIN", NESTED("{\"type\":\"deny\"," ACTOR("Practitioner/nurse") "}"));
    ck_status(flow("GET", "Condition/flu", nurse, NULL), 404);
    ck_status(flow("GET", "Condition/flu", doc, NULL), 200);
    ck_status(flow("GET", "AuditEvent?patient=ben", nurse, NULL), 403);
    ck_status(flow("GET", "AuditEvent?patient=ben", doc, NULL), 200);
    ck_status(flow_delete("Consent/c"), 204);
}
END_TEST

/* More patients than are compared one by one. */
START_TEST(test_many)
{
    enum { MANY = 100 };
    const char *doc = as("Practitioner/doc", "");
    for (int delete = 0; delete < 2; delete ++) {
        struct buf b;
        buf_init(&b, flow_arena(), 65536);
        for (int i = 0; i < MANY; i++) {
            const char *id = i ? PATH("m%d", i) : "ben", *at = PATH("Consent/m%d", i);
            buf_addf(&b, "%s{", i ? "," : "");
            if (!delete)
                buf_addf(&b,
                         "\"resource\":{\"resourceType\":\"Consent\",\"id\":\"m%d\",\"status\":\"active\","
                         "\"scope\":{"
                         "\"coding\":[{\"code\":\"patient-privacy\"}]},\"category\":[{\"text\":\"x\"}],"
                         "\"patient\":{"
                         "\"reference\":\"Patient/%s\"},\"provision\":{\"type\":\"deny\"}},",
                         i, id);
            buf_addf(&b, "\"request\":{\"method\":\"%s\",\"url\":\"%s\"}}", delete ? "DELETE" : "PUT", at);
        }
        store_things();
        ck_status(flow_post("", PATH("{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[%s]}", b.s)),
                  200);
        check_seen(3000, doc, delete ? ALL : OTHERS);
    }
}
END_TEST

START_TEST(test_what_is_not_understood_is_said)
{
    const struct flow_answer *a =
        flow("PUT", "Consent/c", "Prefer: return=OperationOutcome\n",
             consent_of("c", "2024-01-01", "OPTIN",
                        NESTED("{\"type\":\"deny\",\"class\":[{\"system\":\"urn:x\",\"code\":\"y\"}]}")));
    ck_assert_int_lt(a->status, 300);
    ck_assert_msg(strstr(a->body.s, "Consent.provision.provision.class"), "%.*s", STR_FMT(a->body));
    ck_status(flow_delete("Consent/c"), 204);
}
END_TEST

/* consent.default = deny: what is about a patient is seen where a Consent says so. */
START_TEST(test_closed)
{
    const char *doc = as("Practitioner/doc", "");
    store_things();
    check_seen(1000, doc, "0000000");
    ck_status(flow("GET", "CareTeam/team", doc, NULL), 404); /* may be a patient's */
    ck_status(flow("GET", "PractitionerRole/doc-a", doc, NULL), 200);
    say("OPTIN", NESTED("{\"type\":\"permit\",\"class\":[{\"code\":\"Observation\"}]}"));
    check_seen(1001, doc, "0011000");
    say("", "{\"type\":\"permit\"," ACTOR("Practitioner/doc") "}");
    check_seen(1002, doc, "1011110");
    check_seen(1003, as("Practitioner/nurse", ""), "0000000");
    check_seen(1004, as("Patient/ben", ""), "1011100");
    ck_status(flow_get("Condition/flu"), 200); /* a system */
    ck_status(flow_delete("Consent/c"), 204);
}
END_TEST

/* consent.enforce = all */
START_TEST(test_systems)
{
    const char *any = flow_token("system/*.cruds");
    store_things();
    check_seen(2000, any, ALL);
    say("OPTOUT", "");
    check_seen(2001, any, OTHERS);
    ck_status(flow("DELETE", "Consent/c", any, NULL), 403);
    ck_status(flow("DELETE", "Consent/c", as("Patient/ben", ""), NULL), 204);
}
END_TEST

static void begin(void)
{
    flow_suite_begin();
    flow_base("validate.level=structure");
}

static void begin_closed(void)
{
    begin();
    flow_base("consent.default=deny");
}

static void begin_all(void)
{
    begin();
    flow_base("consent.enforce=all");
}

Suite *suite_flow_consent(void)
{
    static void (*const begins[])(void) = {begin, begin_closed, begin_all};
    Suite *s = suite_create("flow/consent");
    TCase *cases_of[3];
    for (int i = 0; i < 3; i++) {
        cases_of[i] = tcase_create((const char *[]){"open", "closed", "all"}[i]);
        tcase_set_timeout(cases_of[i], 120);
        tcase_add_unchecked_fixture(cases_of[i], begins[i], flow_suite_end);
        tcase_add_checked_fixture(cases_of[i], flow_begin, flow_end);
        suite_add_tcase(s, cases_of[i]);
    }
    tcase_add_loop_test(cases_of[0], test_provisions, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(cases_of[0], test_several);
    tcase_add_test(cases_of[0], test_at_once);
    tcase_add_test(cases_of[0], test_writes);
    tcase_add_test(cases_of[0], test_audit);
    tcase_add_test(cases_of[0], test_many);
    tcase_add_test(cases_of[0], test_what_is_not_understood_is_said);
    tcase_add_test(cases_of[1], test_closed);
    tcase_add_test(cases_of[2], test_systems);
    return s;
}
