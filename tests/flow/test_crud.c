/* create, read, vread, update, delete (http.html): each status and each header. */
#include "support/flow.h"

#define PATIENT(id, family)                                                                                  \
    "{\"resourceType\":\"Patient\",\"id\":\"" id "\",\"name\":[{\"family\":\"" family "\"}]}"

START_TEST(test_create_answers_where_and_which_version)
{
    const struct flow_answer *a =
        flow_post("Patient", "{\"resourceType\":\"Patient\",\"id\":\"ignored\",\"multipleBirthInteger\":3}");
    ck_status(a, 201);
    const char *id = flow_text(a->json, "id");
    ck_assert_str_ne(id, "ignored");
    ck_assert_uint_eq(strlen(id), 36);
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"1\"");
    ck_assert_str_eq(flow_header(a, "Location"),
                     arena_printf(flow_arena(), FLOW_BASE "/Patient/%s/_history/1", id));
    ck_assert_ptr_nonnull(strstr(flow_header(a, "Last-Modified"), " GMT"));
    ck_assert_str_eq(flow_header(a, "Content-Type"), "application/fhir+json; charset=utf-8");
    ck_assert_str_eq(flow_header(a, "Cache-Control"), "no-store");
    ck_assert_str_eq(flow_text(a->json, "meta.versionId"), "1");
    const struct flow_answer *read = flow_get(arena_printf(flow_arena(), "Patient/%s", id));
    ck_status(read, 200);
    ck_assert(str_eq(read->body, a->body));
    ck_assert_str_eq(flow_header(read, "ETag"), "W/\"1\"");
    ck_assert_str_eq(flow_header(read, "Last-Modified"), flow_header(a, "Last-Modified"));
    ck_assert_ptr_null(flow_header(read, "Location"));
}
END_TEST

START_TEST(test_a_resource_is_kept_without_loss)
{
    static const char observation[] =
        "{\"resourceType\":\"Observation\",\"id\":\"lossless\",\"_id\":{\"extension\":[{\"url\":\"http://"
        "x.test/i\","
        "\"valueString\":\"i\"}]},\"meta\":{\"versionId\":\"77\",\"lastUpdated\":\"1999-01-01T00:00:00Z\","
        "\"source\":\"urn:x\",\"_source\":{\"id\":\"s\"}},\"status\":\"final\",\"_status\":{\"id\":\"q\"},"
        "\"code\":{\"text\":\"\\u5c71\\ud83d\\ude00\\/\\t\"},\"valueQuantity\":{\"value\":1.10},"
        "\"referenceRange\":[{\"low\":{\"value\":1e2},\"high\":{\"value\":12345678901234567890.12},\"text\":"
        "\"r\"}]}";
    ck_status(flow_put("Observation/lossless", observation), 201);
    const struct flow_answer *read = flow_get("Observation/lossless");
    json *sent = test_json(flow_arena(), observation);
    ck_assert_str_eq(flow_text(read->json, "meta.versionId"), "1");
    ck_assert_str_ne(flow_text(read->json, "meta.lastUpdated"), "1999-01-01T00:00:00Z");
    json_detach(flow_node(sent, "meta"), flow_node(sent, "meta.versionId"));
    json_detach(flow_node(sent, "meta"), flow_node(sent, "meta.lastUpdated"));
    json_detach(flow_node(read->json, "meta"), flow_node(read->json, "meta.versionId"));
    json_detach(flow_node(read->json, "meta"), flow_node(read->json, "meta.lastUpdated"));
    ck_assert_msg(json_equal(read->json, sent), "%.*s", STR_FMT(read->body));
    ck_assert_ptr_nonnull(strstr(read->body.s, "\"value\":12345678901234567890.12"));
}
END_TEST

START_TEST(test_update_and_versions)
{
    ck_status(flow_put("Patient/u", PATIENT("u", "A")), 201);
    const struct flow_answer *second = flow_put("Patient/u", PATIENT("u", "B"));
    ck_status(second, 200);
    ck_assert_str_eq(flow_header(second, "ETag"), "W/\"2\"");
    ck_assert_str_eq(flow_text(second->json, "meta.versionId"), "2");
    ck_assert_ptr_null(flow_header(second, "Location"));
    const struct flow_answer *first = flow_get("Patient/u/_history/1");
    ck_status(first, 200);
    ck_assert_str_eq(flow_header(first, "ETag"), "W/\"1\"");
    ck_assert_str_eq(flow_text(first->json, "name[0].family"), "A");
    ck_assert_str_eq(flow_text(flow_get("Patient/u/_history/2")->json, "name[0].family"), "B");
    ck_status(flow_get("Patient/u/_history/3"), 404);
    ck_status(flow_get("Patient/u/_history/0"), 404);
    ck_status(flow_get("Patient/u/_history/x"), 404);
    ck_status(flow_get("Patient/nobody/_history/1"), 404);
}
END_TEST

START_TEST(test_delete_and_undelete)
{
    ck_status(flow_delete("Patient/d"), 204); /* nothing there is no error */
    ck_status(flow_put("Patient/d", PATIENT("d", "A")), 201);
    const struct flow_answer *gone = flow_delete("Patient/d");
    ck_status(gone, 204);
    ck_assert_str_eq(flow_header(gone, "ETag"), "W/\"2\"");
    ck_assert_uint_eq(gone->body.len, 0);
    const struct flow_answer *read = flow_get("Patient/d");
    ck_status(read, 410);
    ck_assert_str_eq(flow_header(read, "ETag"), "W/\"2\"");
    ck_assert_str_eq(flow_text(read->json, "issue[0].code"), "deleted");
    ck_status(flow_get("Patient/d/_history/2"), 410);
    ck_status(flow_get("Patient/d/_history/1"), 200);
    ck_status(flow_delete("Patient/d"), 204);
    ck_assert_str_eq(flow_header(flow_get("Patient/d"), "ETag"), "W/\"2\""); /* deleted once */
    const struct flow_answer *back = flow_put("Patient/d", PATIENT("d", "B"));
    ck_status(back, 201);
    ck_assert_str_eq(flow_header(back, "Location"), FLOW_BASE "/Patient/d/_history/3");
    ck_assert_str_eq(flow_text(flow_get("Patient/d")->json, "name[0].family"), "B");
}
END_TEST

START_TEST(test_if_match)
{
    ck_status(flow_put("Patient/m", PATIENT("m", "A")), 201);
    ck_status(flow("PUT", "Patient/m", "If-Match: W/\"2\"\n", PATIENT("m", "B")), 412);
    ck_status(flow("PUT", "Patient/m", "If-Match: nonsense\n", PATIENT("m", "B")), 412);
    ck_status(flow("PUT", "Patient/m", "If-Match: W/\"1\"\n", PATIENT("m", "B")), 200);
    ck_status(flow("PUT", "Patient/m", "If-Match: \"2\"\n", PATIENT("m", "C")), 200);
    ck_status(flow("PUT", "Patient/m", "If-Match: *\n", PATIENT("m", "D")), 200);
    ck_status(flow("DELETE", "Patient/m", "If-Match: W/\"1\"\n", NULL), 412);
    ck_status(flow("DELETE", "Patient/m", "If-Match: W/\"4\"\n", NULL), 204);
    ck_status(flow("PUT", "Patient/m", "If-Match: W/\"4\"\n", PATIENT("m", "E")), 412);
    /* there is nothing that could match */
    ck_status(flow("PUT", "Patient/m-none", "If-Match: W/\"1\"\n", PATIENT("m-none", "A")), 412);
    ck_status(flow("PUT", "Patient/m-none", "If-Match: *\n", PATIENT("m-none", "A")), 412);
    ck_status(flow("PUT", "Patient/m", "If-Match: *\n", PATIENT("m", "A")), 412);
    ck_status(flow("DELETE", "Patient/m-none", "If-Match: W/\"1\"\n", NULL), 412);
    ck_status(flow_get("Patient/m-none"), 404);
    ck_status(flow_get("Patient/m"), 410);
}
END_TEST

START_TEST(test_if_none_match_on_update)
{
    ck_status(flow("PUT", "Patient/fresh", "If-None-Match: *\n", PATIENT("fresh", "A")), 201);
    ck_status(flow("PUT", "Patient/fresh", "If-None-Match: *\n", PATIENT("fresh", "B")), 412);
    ck_assert_str_eq(flow_text(flow_get("Patient/fresh")->json, "name[0].family"), "A");
    ck_status(flow_delete("Patient/fresh"), 204);
    ck_status(flow("PUT", "Patient/fresh", "If-None-Match: *\n", PATIENT("fresh", "C")), 201);
}
END_TEST

START_TEST(test_conditional_read)
{
    const struct flow_answer *a = flow_put("Patient/c", PATIENT("c", "A"));
    const char *when = arena_printf(flow_arena(), "If-Modified-Since: %s\n", flow_header(a, "Last-Modified"));
    const struct flow_answer *same = flow("GET", "Patient/c", "If-None-Match: W/\"1\"\n", NULL);
    ck_status(same, 304);
    ck_assert_uint_eq(same->body.len, 0);
    ck_assert_str_eq(flow_header(same, "ETag"), "W/\"1\"");
    ck_status(flow("GET", "Patient/c", "If-None-Match: W/\"2\"\n", NULL), 200);
    ck_status(flow("GET", "Patient/c", "If-None-Match: W/\"7\", W/\"1\"\n", NULL), 304);
    ck_status(flow("GET", "Patient/c", "If-None-Match: *\n", NULL), 304);
    ck_status(flow("GET", "Patient/c", when, NULL), 304);
    ck_status(flow("GET", "Patient/c", "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT\n", NULL), 200);
    ck_status(flow("GET", "Patient/c", "If-Modified-Since: yesterday\n", NULL), 200);
    /* If-None-Match alone decides (RFC 9110, 13.1.3) */
    ck_status(flow("GET", "Patient/c", arena_printf(flow_arena(), "%sIf-None-Match: W/\"2\"\n", when), NULL),
              200);
    ck_status(flow("GET", "Patient/c/_history/1", "If-None-Match: W/\"1\"\n", NULL), 304);
}
END_TEST

START_TEST(test_prefer)
{
    const struct flow_answer *a = flow("PUT", "Patient/p", "Prefer: return=minimal\n", PATIENT("p", "A"));
    ck_status(a, 201);
    ck_assert_uint_eq(a->body.len, 0);
    ck_assert_ptr_null(flow_header(a, "Content-Type"));
    ck_assert_str_eq(flow_header(a, "Location"), FLOW_BASE "/Patient/p/_history/1");
    a = flow("PUT", "Patient/p", "Prefer: handling=strict, return=OperationOutcome\n", PATIENT("p", "B"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "OperationOutcome");
    a = flow("PUT", "Patient/p", "Prefer: return=representation\n", PATIENT("p", "C"));
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "Patient");
    a = flow("DELETE", "Patient/p", "Prefer: return=OperationOutcome\n", NULL);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "OperationOutcome");
}
END_TEST

START_TEST(test_labels_that_are_not_resent_stay)
{
    static const char with[] = "{\"resourceType\":\"Patient\",\"id\":\"l\",\"meta\":{\"profile\":[\"http://"
                               "x.test/p\"],\"security\":["
                               "{\"system\":\"http://x.test/"
                               "s\",\"code\":\"R\"}],\"tag\":[{\"system\":\"http://x.test/t\",\"code\":\"1\","
                               "\"display\":\"one\"},{\"display\":\"only words\"}]}}";
    ck_status(flow_put("Patient/l", with), 201);
    const struct flow_answer *a = flow_put("Patient/l", PATIENT("l", "A"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"2\"");
    ck_assert_str_eq(flow_text(a->json, "meta.profile[0]"), "http://x.test/p");
    ck_assert_str_eq(flow_text(a->json, "meta.security[0].code"), "R");
    ck_assert_str_eq(flow_text(a->json, "meta.tag[0].display"), "one");
    ck_assert_str_eq(flow_text(a->json, "meta.tag[1].display"), "only words");
    ck_assert_str_eq(flow_text(a->json, "name[0].family"), "A");
    /* one more tag, the same one with another display: not doubled */
    a = flow_put(
        "Patient/l",
        "{\"resourceType\":\"Patient\",\"id\":\"l\",\"meta\":{\"tag\":[{\"system\":\"http://x.test/t\","
        "\"code\":\"1\",\"display\":\"uno\"},{\"system\":\"http://x.test/t\",\"code\":\"2\"}]}}");
    ck_status(a, 200);
    ck_assert_uint_eq(json_count(flow_node(a->json, "meta.tag")), 3);
    ck_assert_str_eq(flow_text(a->json, "meta.tag[0].display"), "uno");
    ck_assert_uint_eq(json_count(flow_node(flow_get("Patient?_tag=http://x.test/t|1&_id=l")->json, "entry")),
                      1);
    /* what was deleted has no labels any more */
    ck_status(flow_delete("Patient/l"), 204);
    a = flow_put("Patient/l", PATIENT("l", "B"));
    ck_assert_ptr_null(flow_node(a->json, "meta.tag"));
}
END_TEST

START_TEST(test_what_is_refused)
{
    static const struct {
        const char *method, *path, *headers, *body;
        int status;
        const char *code;
    } cases[] = {
        {"GET", "Patient/nobody", NULL, NULL, 404, "not-found"},
        {"GET", "Patient/no%20body", NULL, NULL, 400, "invalid"},
        {"GET", "Nothing/1", NULL, NULL, 404, "not-found"},
        {"GET", "Patient/1/2/3/4", NULL, NULL, 404, "not-found"},
        {"PUT", "_history", NULL, "{}", 405, "not-supported"},
        {"DELETE", "metadata", NULL, NULL, 405, "not-supported"},
        {"POST", "Patient", NULL, "{", 400, "structure"},
        {"POST", "Patient", NULL, "", 400, "structure"},
        {"POST", "Patient", NULL, "[]", 400, NULL},
        {"POST", "Patient", NULL, "{\"resourceType\":\"Observation\"}", 400, NULL},
        {"POST", "Patient", NULL, "{\"resourceType\":\"Patient\",\"nonsense\":1}", 400, "structure"},
        {"POST", "Patient", NULL, "{\"resourceType\":\"Patient\",\"gender\":\"female\",\"gender\":\"male\"}",
         400, NULL},
        {"PUT", "Patient/1", NULL, "{\"resourceType\":\"Patient\"}", 400, "invalid"},
        {"PUT", "Patient/1", NULL, PATIENT("2", "A"), 400, "invalid"},
        {"PUT", "Patient/a_b", NULL, PATIENT("a_b", "A"), 400, NULL},
        {"GET", "Patient/1", "Accept: application/fhir+json; fhirVersion=5.0\n", NULL, 406, "not-supported"},
        {"GET", "Patient/1?_format=turtle", NULL, NULL, 406, "not-supported"},
        {"POST", "Patient", "Content-Type: text/plain\n", "x", 415, "not-supported"},
        {"POST", "Patient", "Content-Type: application/fhir+json; fhirVersion=3.0\n", "{}", 415,
         "not-supported"},
        {"GET", "Patient/1", "Authorization: Bearer x.y.z\n", NULL, 401, "login"},
        {"GET", "Patient/1", "Authorization:\n", NULL, 401, "login"},
        {"POST", "", NULL, PATIENT("1", "A"), 400, NULL},
        {"GET", "/other", NULL, NULL, 404, "not-found"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flow_answer *a = flow(cases[i].method, cases[i].path, cases[i].headers, cases[i].body);
        ck_assert_msg(a->status == cases[i].status, "%s %s: %d: %.*s", cases[i].method, cases[i].path,
                      a->status, STR_FMT(a->body));
        ck_assert_str_eq(flow_text(a->json, "resourceType"), "OperationOutcome");
        ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "error");
        if (cases[i].code)
            ck_assert_msg(strcmp(flow_text(a->json, "issue[0].code"), cases[i].code) == 0, "%s %s: %.*s",
                          cases[i].method, cases[i].path, STR_FMT(a->body));
    }
    ck_assert_str_eq(flow_header(flow("PUT", "_history", NULL, "{}"), "Allow"), "GET, HEAD");
    ck_assert_ptr_nonnull(
        flow_header(flow("GET", "Patient/1", "Authorization:\n", NULL), "WWW-Authenticate"));
    ck_status(flow("GET", "metadata", "Authorization:\n", NULL), 200);
}
END_TEST

START_TEST(test_every_interaction_asks_for_its_right)
{
    static const struct {
        const char *method, *path, *body, *letter;
    } cases[] = {
        {"GET", "Patient/r", NULL, "r"},
        {"GET", "Patient/r/_history", NULL, "r"},
        {"GET", "Patient/r/_history/1", NULL, "r"},
        {"POST", "Patient", PATIENT("r", "A"), "c"},
        {"PUT", "Patient/r", PATIENT("r", "A"), "u"},
        {"DELETE", "Patient/r", NULL, "d"},
        {"GET", "Patient", NULL, "s"},
        {"POST", "Patient/_search", NULL, "s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char others[8], *end = others;
        for (const char *l = "cruds"; *l; l++)
            if (*l != *cases[i].letter)
                *end++ = *l;
        *end = '\0';
        const char *wrong = arena_printf(flow_arena(), "system/Patient.%s system/Observation.cruds", others);
        const char *right = arena_printf(flow_arena(), "user/Patient.%s", cases[i].letter);
        ck_status(flow(cases[i].method, cases[i].path, flow_token(wrong), cases[i].body), 403);
        const struct flow_answer *a = flow(cases[i].method, cases[i].path, flow_token(right), cases[i].body);
        ck_assert_msg(a->status != 403 && a->status != 401, "%s %s", cases[i].method, cases[i].path);
    }
    ck_status(
        flow("POST", "Patient",
             arena_printf(flow_arena(), "%sIf-None-Exist: identifier=x|1\n", flow_token("system/Patient.c")),
             PATIENT("r", "A")),
        403); /* asks what is there */
    ck_status(flow("GET", "Patient/r/_history", flow_token("system/Patient.s"), NULL), 403);
    ck_status(flow("GET", "_history", flow_token("system/Patient.rs"), NULL), 403);
}
END_TEST

START_TEST(test_client_ids)
{
    flow_set("store.client_ids=none");
    ck_status(flow_put("Patient/i", PATIENT("i", "A")), 405);
    flow_set("store.client_ids=any");
    ck_status(flow_put("Patient/i", PATIENT("i", "A")), 201);
    flow_set("store.client_ids=none");
    ck_status(flow_put("Patient/i", PATIENT("i", "B")), 200);
}
END_TEST

START_TEST(test_parts_of_a_resource)
{
    ck_status(flow_put("Patient/s", PATIENT("s", "A")), 201);
    const struct flow_answer *a = flow_get("Patient/s?_elements=gender");
    ck_assert_ptr_null(flow_node(a->json, "name"));
    ck_assert_str_eq(flow_text(a->json, "meta.tag[0].code"), "SUBSETTED");
    a = flow_get("Patient/s?_pretty=true");
    ck_assert_ptr_nonnull(strstr(a->body.s, "\n  \"id\": \"s\""));
    ck_assert_str_eq(
        flow_header(flow("GET", "Patient/s", "Accept: application/json\n", NULL), "Content-Type"),
        "application/json; charset=utf-8");
}
END_TEST

Suite *suite_flow_crud(void)
{
    Suite *s = suite_create("flow/crud");
    TCase *tc = tcase_create("crud");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_create_answers_where_and_which_version);
    tcase_add_test(tc, test_a_resource_is_kept_without_loss);
    tcase_add_test(tc, test_update_and_versions);
    tcase_add_test(tc, test_delete_and_undelete);
    tcase_add_test(tc, test_if_match);
    tcase_add_test(tc, test_if_none_match_on_update);
    tcase_add_test(tc, test_conditional_read);
    tcase_add_test(tc, test_prefer);
    tcase_add_test(tc, test_labels_that_are_not_resent_stay);
    tcase_add_test(tc, test_what_is_refused);
    tcase_add_test(tc, test_every_interaction_asks_for_its_right);
    tcase_add_test(tc, test_client_ids);
    tcase_add_test(tc, test_parts_of_a_resource);
    suite_add_tcase(s, tc);
    return s;
}
