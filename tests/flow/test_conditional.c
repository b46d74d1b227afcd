/* Conditional create, update, patch and delete (http.html#ccreate, #cond-update, #cdelete). */
#include "support/flow.h"

/* A patient with an identifier, and a family name by which this test's resources are told apart. */
static const char *patient(const char *id, const char *mrn, const char *family)
{
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"Patient\"%s,\"identifier\":[{\"system\":\"http://x.test/cond\",\"value\":"
        "\"%s\"}],\"name\":[{\"family\":\"%s\"}]}",
        id ? arena_printf(flow_arena(), ",\"id\":\"%s\"", id) : "", mrn, family);
}

static const char *criteria(const char *mrn)
{
    return arena_printf(flow_arena(), "identifier=http://x.test/cond|%s", mrn);
}

static const struct flow_answer *create(const char *mrn, const char *family)
{
    return flow("POST", "Patient", arena_printf(flow_arena(), "If-None-Exist: %s\n", criteria(mrn)),
                patient(NULL, mrn, family));
}

static const struct flow_answer *update(const char *mrn, const char *headers, const char *body)
{
    return flow("PUT", arena_printf(flow_arena(), "Patient?%s", criteria(mrn)), headers, body);
}

static size_t matches(const char *mrn)
{
    const struct flow_answer *a = flow_get(arena_printf(flow_arena(), "Patient?%s", criteria(mrn)));
    ck_status(a, 200);
    return json_count(flow_node(a->json, "entry"));
}

START_TEST(test_create)
{
    const struct flow_answer *first = create("c1", "First");
    ck_status(first, 201);
    const struct flow_answer *again = create("c1", "Second");
    ck_status(again, 200);
    ck_assert_str_eq(flow_header(again, "Location"), flow_header(first, "Location"));
    ck_assert_str_eq(flow_header(again, "ETag"), "W/\"1\"");
    ck_assert_str_eq(flow_text(again->json, "name[0].family"), "First");
    ck_status(flow_post("Patient", patient(NULL, "c1", "Third")), 201);
    ck_status(create("c1", "Fourth"), 412);
    ck_assert_uint_eq(matches("c1"), 2);
    /* as a URL too; with what has to be escaped in one */
    ck_status(flow("POST", "Patient",
                   "If-None-Exist: Patient?identifier=http%3A%2F%2Fx.test%2Fcond%7Cc2%3Fz\n",
                   patient(NULL, "c2?z", "A")),
              201);
    ck_status(flow("POST", "Patient", "If-None-Exist: identifier=http://x.test/cond|c2?z\n",
                   patient(NULL, "c2?z", "A")),
              200);
    /* what was deleted does not match */
    const char *id = flow_text(create("c3", "A")->json, "id");
    ck_status(flow_delete(arena_printf(flow_arena(), "Patient/%s", id)), 204);
    ck_status(create("c3", "B"), 201);
}
END_TEST

START_TEST(test_criteria_that_say_nothing_are_refused)
{
    static const char *const none[] = {"",
                                       "_count=1",
                                       "_format=json",
                                       "_pretty=true",
                                       "_summary=true",
                                       "_elements=id",
                                       "_sort=_id",
                                       "_total=none",
                                       "identifier=",
                                       "nonsense=1",
                                       "_include=Patient:organization",
                                       "identifier=http://x.test/cond|none&nonsense=1"};
    ck_status(flow_post("Patient", patient(NULL, "safe", "Safe")), 201);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        const struct flow_answer *answers[] = {
            flow("DELETE", arena_printf(flow_arena(), "Patient?%s", none[i]), NULL, NULL),
            flow("PUT", arena_printf(flow_arena(), "Patient?%s", none[i]), NULL, patient(NULL, "x", "X")),
            flow("PATCH", arena_printf(flow_arena(), "Patient?%s", none[i]),
                 "Content-Type: application/json-patch+json\n", "[]"),
            i ? flow("POST", "Patient", arena_printf(flow_arena(), "If-None-Exist: %s\n", none[i]),
                     patient(NULL, "x", "X"))
              : NULL};
        for (size_t j = 0; j < 4; j++)
            if (answers[j])
                ck_assert_msg(answers[j]->status == 400 || answers[j]->status == 412, "'%s', %zu: %d %.*s",
                              none[i], j, answers[j]->status, STR_FMT(answers[j]->body));
    }
    ck_assert_uint_eq(matches("safe"), 1);
    ck_assert_uint_eq(matches("x"), 0);
}
END_TEST

START_TEST(test_update)
{
    const struct flow_answer *made = update("u1", NULL, patient(NULL, "u1", "A"));
    ck_status(made, 201);
    const char *id = flow_text(made->json, "id");
    ck_assert_ptr_nonnull(strstr(flow_header(made, "Location"), id));
    const struct flow_answer *second = update("u1", NULL, patient(NULL, "u1", "B"));
    ck_status(second, 200);
    ck_assert_str_eq(flow_text(second->json, "id"), id);
    ck_assert_str_eq(flow_header(second, "ETag"), "W/\"2\"");
    ck_status(update("u1", NULL, patient(id, "u1", "C")), 200);
    ck_status(update("u1", NULL, patient("another", "u1", "D")), 400);
    ck_status(update("u1", "If-Match: W/\"2\"\n", patient(NULL, "u1", "D")), 412);
    ck_status(update("u1", "If-Match: W/\"3\"\n", patient(NULL, "u1", "D")), 200);
    ck_status(update("u1", "If-None-Match: *\n", patient(NULL, "u1", "E")), 412);
    ck_status(update("u2", "If-Match: W/\"1\"\n", patient(NULL, "u2", "A")), 412);
    /* an id of the client's, when nothing matches */
    ck_status(update("u3", NULL, patient("cond-u3", "u3", "A")), 201);
    ck_status(flow_get("Patient/cond-u3"), 200);
    ck_status(update("u4", NULL, patient("cond-u3", "u4", "A")), 409);
    flow_set("store.client_ids=none");
    ck_status(update("u5", NULL, patient("cond-u5", "u5", "A")), 405);
    flow_set("store.client_ids=any");
    ck_status(flow_post("Patient", patient(NULL, "u1", "twin")), 201);
    ck_status(update("u1", NULL, patient(NULL, "u1", "E")), 412);
}
END_TEST

START_TEST(test_update_keeps_labels)
{
    ck_status(update("t1", NULL,
                     "{\"resourceType\":\"Patient\",\"meta\":{\"tag\":[{\"system\":\"http://x.test/"
                     "t\",\"code\":\"k\"}]},"
                     "\"identifier\":[{\"system\":\"http://x.test/cond\",\"value\":\"t1\"}]}"),
              201);
    const struct flow_answer *a = update("t1", NULL, patient(NULL, "t1", "A"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "meta.tag[0].code"), "k");
}
END_TEST

START_TEST(test_patch)
{
    static const char json_patch[] = "Content-Type: application/json-patch+json\n";
    static const char change[] = "[{\"op\":\"replace\",\"path\":\"/name/0/family\",\"value\":\"Patched\"}]";
    const char *url = arena_printf(flow_arena(), "Patient?%s", criteria("p1"));
    ck_status(flow("PATCH", url, json_patch, change), 404);
    const char *id = flow_text(create("p1", "A")->json, "id");
    const struct flow_answer *a = flow("PATCH", url, json_patch, change);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "id"), id);
    ck_assert_str_eq(flow_text(a->json, "name[0].family"), "Patched");
    ck_status(flow("PATCH", url, arena_printf(flow_arena(), "%sIf-Match: W/\"1\"\n", json_patch), change),
              412);
    ck_status(flow_post("Patient", patient(NULL, "p1", "twin")), 201);
    ck_status(flow("PATCH", url, json_patch, change), 412);
}
END_TEST

START_TEST(test_delete)
{
    const char *url = arena_printf(flow_arena(), "Patient?%s", criteria("d1"));
    ck_status(flow_delete(url), 204);
    const char *id = flow_text(create("d1", "A")->json, "id");
    ck_status(flow_delete(url), 204);
    ck_status(flow_get(arena_printf(flow_arena(), "Patient/%s", id)), 410);
    for (int i = 0; i < 3; i++)
        ck_status(flow_post("Patient", patient(NULL, "d1", "A")), 201);
    flow_set("store.conditional_delete=single");
    ck_status(flow_delete(url), 412);
    ck_assert_uint_eq(matches("d1"), 3);
    flow_set("store.conditional_delete=multiple");
    ck_status(flow_delete(url), 204);
    ck_assert_uint_eq(matches("d1"), 0);
}
END_TEST

Suite *suite_flow_conditional(void)
{
    Suite *s = suite_create("flow/conditional");
    TCase *tc = tcase_create("conditional");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_create);
    tcase_add_test(tc, test_criteria_that_say_nothing_are_refused);
    tcase_add_test(tc, test_update);
    tcase_add_test(tc, test_update_keeps_labels);
    tcase_add_test(tc, test_patch);
    tcase_add_test(tc, test_delete);
    suite_add_tcase(s, tc);
    return s;
}
