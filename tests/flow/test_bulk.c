/* NDJSON as a body: what is written of it, what is said of the rest, and that it is taken piece by piece. */
#include "support/flow.h"

#include <stdio.h>

#define NDJSON "Content-Type: application/fhir+ndjson\n"

static struct buf body;

static void begin(void)
{
    flow_begin();
    buf_init(&body, flow_arena(), 4096);
}

static void line(const char *text)
{
    buf_adds(&body, text);
    buf_addc(&body, '\n');
}

static void patient(const char *id, const char *family)
{
    line(arena_printf(flow_arena(), "{\"resourceType\":\"Patient\"%s,\"name\":[{\"family\":\"%s\"}]}",
                      id ? arena_printf(flow_arena(), ",\"id\":\"%s\"", id) : "", family));
}

static const struct flow_answer *post(const char *headers)
{
    return flow("POST", "", arena_printf(flow_arena(), NDJSON "%s", headers), body.s);
}

static int count(const struct flow_answer *answer, const char *name)
{
    json_each (e, flow_node(answer->json, "extension[0].extension"))
        if (strcmp(flow_text(e, "url"), name) == 0)
            return (int)json_get(e, "valueDecimal")->valuedouble;
    ck_abort_msg("no count %s", name);
}

static void ck_counts(const struct flow_answer *answer, int created, int updated, int refused)
{
    ck_status(answer, 200);
    ck_assert_int_eq(count(answer, "lines"), created + updated + refused);
    ck_assert_int_eq(count(answer, "created"), created);
    ck_assert_int_eq(count(answer, "updated"), updated);
    ck_assert_int_eq(count(answer, "refused"), refused);
}

static int64_t total(const char *search)
{
    const struct flow_answer *found = flow_get(search);
    ck_status(found, 200);
    return (int64_t)json_get(found->json, "total")->valuedouble;
}

START_TEST(test_lines_of_any_types_are_written)
{
    patient(NULL, "Bulk-one");
    patient("bulk-p", "Bulk-two");
    line("");
    line("{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"b\"},\"subject\":{"
         "\"reference\":"
         "\"Patient/bulk-p\"}}\r");
    buf_adds(&body,
             "{\"resourceType\":\"Basic\",\"id\":\"bulk-b\",\"code\":{\"text\":\"x\"}}"); /* no newline */
    ck_counts(post(""), 4, 0, 0);
    ck_assert_int_eq(total("Patient?family=Bulk"), 2);
    ck_assert_int_eq(total("Observation?subject=Patient/bulk-p"), 1);
    ck_status(flow_get("Basic/bulk-b"), 200);
    const struct flow_answer *history = flow_get("Patient/bulk-p/_history");
    ck_assert_str_eq(flow_text(history->json, "entry[0].request.method"), "PUT");
}
END_TEST

START_TEST(test_the_same_again_makes_versions_of_those_with_an_id)
{
    for (int i = 0; i < 700; i++)
        patient(arena_printf(flow_arena(), "again-%d", i), "Again");
    ck_counts(post(""), 700, 0, 0);
    ck_counts(post(""), 0, 700, 0);
    ck_assert_int_eq(total("Patient?family=Again&_summary=count"), 700);
    ck_assert_str_eq(flow_text(flow_get("Patient/again-699")->json, "meta.versionId"), "2");
    /* the index follows */
    buf_init(&body, flow_arena(), 0);
    for (int i = 0; i < 700; i++)
        patient(arena_printf(flow_arena(), "again-%d", i), i % 2 ? "Again" : "Changed");
    ck_counts(post(""), 0, 700, 0);
    ck_assert_int_eq(total("Patient?family=Again&_summary=count"), 350);
    ck_assert_int_eq(total("Patient?family=Changed&_summary=count"), 350);
}
END_TEST

START_TEST(test_one_id_twice_is_written_in_order)
{
    patient("twice", "First");
    patient("twice", "Second");
    ck_counts(post(""), 1, 1, 0);
    ck_assert_str_eq(flow_text(flow_get("Patient/twice")->json, "name[0].family"), "Second");
}
END_TEST

START_TEST(test_bad_lines_are_named)
{
    patient(NULL, "Good");
    line("{\"resourceType\":\"Patient\",\"gender\":\"nobody\"}");
    line("this is no JSON");
    line("{\"resourceType\":\"Unheard\"}");
    line("{\"resourceType\":\"Patient\",\"id\":\"not an id\"}");
    line("[]");
    patient(NULL, "Good");
    const struct flow_answer *answer = post("");
    ck_counts(answer, 2, 0, 5);
    int last = 1;
    bool seen[8] = {false};
    json_each (issue, json_get(answer->json, "issue")) {
        if (strcmp(flow_text(issue, "severity"), "information") == 0)
            continue;
        int at = (int)flow_node(issue, "extension[0].valueInteger")->valuedouble;
        ck_assert_int_ge(at, last);
        last = at;
        seen[at] = true;
        if (at == 2)
            ck_assert_str_eq(flow_text(issue, "expression[0]"), "Patient.gender");
    }
    for (int i = 1; i < 8; i++)
        ck_assert_int_eq(seen[i], i >= 2 && i <= 6);
}
END_TEST

START_TEST(test_rights_are_those_of_each_line)
{
    patient(NULL, "Allowed");
    line("{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}");
    patient("forbidden", "Update");
    const struct flow_answer *answer = post(flow_token("system/Patient.c"));
    ck_counts(answer, 1, 0, 2);
    ck_assert_str_eq(flow_text(answer->json, "issue[1].code"), "forbidden");
    ck_status(flow("POST", "", NDJSON "Authorization: Bearer nonsense\n", body.s), 401);
}
END_TEST

START_TEST(test_limits)
{
    flow_set("bulk.findings=3");
    flow_set("bulk.rows=2");
    flow_set("bulk.batches=1");
    flow_set("http.max_body=2000");
    for (int i = 0; i < 9; i++)
        line("{\"resourceType\":\"Patient\",\"gender\":\"nobody\"}");
    char *longer = arena_alloc(flow_arena(), 5001);
    memset(longer, 'a', 5000);
    longer[5000] = '\0';
    patient(NULL, longer);
    patient(NULL, "Short");
    const struct flow_answer *answer = post("");
    ck_counts(answer, 1, 0, 10);
    ck_assert_uint_eq(json_count(json_get(answer->json, "issue")), 5);
    buf_init(&body, flow_arena(), 0);
    patient(NULL, longer);
    ck_counts(post(""), 0, 0, 1);
    ck_counts(flow("POST", "", NDJSON, "\n\n"), 0, 0, 0);
    ck_counts(flow("POST", "", NDJSON, ""), 0, 0, 0);
}
END_TEST

/* What the validator, the labels and the settings ask of single writes is asked of lines. */
START_TEST(test_lines_are_ordinary_writes)
{
    ck_status(
        flow_put(
            "Patient/labelled",
            "{\"resourceType\":\"Patient\",\"id\":\"labelled\",\"meta\":{\"tag\":[{\"code\":\"kept\"}]}}"),
        201);
    patient("labelled", "Labelled");
    line(
        "{\"resourceType\":\"SearchParameter\",\"url\":\"http://x.test/"
        "sp\",\"name\":\"X\",\"status\":\"active\","
        "\"description\":\"d\",\"code\":\"bulk-x\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
        "\"Patient.(\"}");
    const struct flow_answer *answer = post("");
    ck_counts(answer, 0, 1, 1);
    ck_assert_str_eq(flow_text(flow_get("Patient/labelled")->json, "meta.tag[0].code"), "kept");
    flow_set("store.client_ids=none");
    buf_init(&body, flow_arena(), 0);
    patient("labelled", "Labelled");
    patient("brand-new", "Labelled");
    ck_counts(post(""), 0, 1, 1);
    flow_set("store.references=enforce");
    buf_init(&body, flow_arena(), 0);
    line("{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"b\"},\"subject\":{"
         "\"reference\":"
         "\"Patient/nobody\"}}");
    ck_counts(post(""), 0, 0, 1);
}
END_TEST

START_TEST(test_a_lost_body_leaves_whole_batches)
{
    flow_set("bulk.rows=50");
    for (int i = 0; i < 125; i++)
        patient(NULL, "Lost");
    ck_assert_int_eq(post("X-Flow-Lost: yes\n")->status, 0);
    for (int i = 0; i < 100 && total("Patient?family=Lost&_summary=count") != 100; i++)
        ; /* what was handed on is still being written */
    ck_assert_int_eq(total("Patient?family=Lost&_summary=count"), 100);
}
END_TEST

/* More bodies than places: each gets its turn. */
START_TEST(test_bodies_share_the_places)
{
    enum { BODIES = 6 };
    struct flow_call *calls[BODIES];
    flow_set("bulk.batches=2");
    flow_set("bulk.rows=20");
    for (int i = 0; i < 100; i++)
        patient(NULL, "Shared");
    for (int i = 0; i < BODIES; i++)
        calls[i] = flow_send("POST", "", i % 2 ? NDJSON "X-Flow-Lost: yes\n" : NDJSON, body.s);
    for (int i = 0; i < BODIES; i++) {
        const struct flow_answer *answer = flow_wait(calls[i]);
        if (i % 2 == 0)
            ck_counts(answer, 100, 0, 0);
    }
}
END_TEST

Suite *suite_flow_bulk(void)
{
    Suite *s = suite_create("flow/bulk");
    TCase *tc = tcase_create("bulk");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, begin, flow_end);
    tcase_add_test(tc, test_lines_of_any_types_are_written);
    tcase_add_test(tc, test_the_same_again_makes_versions_of_those_with_an_id);
    tcase_add_test(tc, test_one_id_twice_is_written_in_order);
    tcase_add_test(tc, test_bad_lines_are_named);
    tcase_add_test(tc, test_rights_are_those_of_each_line);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_lines_are_ordinary_writes);
    tcase_add_test(tc, test_a_lost_body_leaves_whole_batches);
    tcase_add_test(tc, test_bodies_share_the_places);
    suite_add_tcase(s, tc);
    return s;
}
