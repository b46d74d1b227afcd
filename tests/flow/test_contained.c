/* _contained over the whole server: how a contained resource comes back, and that its index rows follow its container. */
#include <unistd.h>

#include "support/flow.h"

#define MEDICATION(id, code)                                                                                 \
    "{\"resourceType\":\"Medication\",\"id\":\"" id                                                          \
    "\",\"status\":\"active\",\"code\":{\"coding\":[{\"system\":\"http://x\",\"code\":\"" code "\"}]}}"
/* Each contained resource has to be referred to: by uses, or by also. */
#define REQUEST(id, contained, uses, also)                                                                   \
    "{\"resourceType\":\"MedicationRequest\"" id ",\"status\":\"active\",\"intent\":\"order\",\"subject\":{" \
    "\"reference\":\"Patient/p\"},\"contained\":[" contained                                                 \
    "],\"medicationReference\":{\"reference\":\"#" uses                                                      \
    "\"},\"supportingInformation\":[{\"reference\":\"#" also "\"}]}"

static const json *found(const char *url, int total)
{
    const struct flow_answer *a = flow_get(url);
    ck_status(a, 200);
    ck_assert_msg(json_is_number(flow_node(a->json, "total")), "%s", url);
    ck_assert_msg(atoi(flow_node(a->json, "total")->valuestring) == total, "%s: %.*s", url, (int)a->body.len,
                  a->body.s);
    return a->json;
}

static int64_t rows_of(const char *table)
{
    return test_count(flow_conn(), flow_arena(),
                      arena_printf(flow_arena(), "SELECT count(*) FROM %s", table));
}

START_TEST(test_entries)
{
    const struct flow_answer *made =
        flow_post("MedicationRequest", REQUEST("", MEDICATION("m1", "post"), "m1", "m1"));
    ck_status(made, 201);
    const char *id = flow_text(made->json, "id");
    const json *page = found("Medication?_contained=true&code=post&_containedType=contained", 1);
    ck_assert_str_eq(flow_text(page, "entry[0].fullUrl"),
                     arena_printf(flow_arena(), FLOW_BASE "/MedicationRequest/%s#m1", id));
    ck_assert_str_eq(flow_text(page, "entry[0].resource.resourceType"), "Medication");
    ck_assert_str_eq(flow_text(page, "entry[0].resource.id"), "m1");
    ck_assert_str_eq(flow_text(page, "entry[0].resource.code.coding[0].code"), "post");
    ck_assert_str_eq(flow_text(page, "entry[0].search.mode"), "match");
    page = found("Medication?_contained=true&code=post", 1);
    ck_assert_str_eq(flow_text(page, "entry[0].fullUrl"),
                     arena_printf(flow_arena(), FLOW_BASE "/MedicationRequest/%s", id));
    ck_assert_str_eq(flow_text(page, "entry[0].resource.contained[0].id"), "m1");
    found("Medication?code=post", 0);
    found("MedicationRequest?medication.code=post", 1);
    found("Medication?_contained=both&code=post&_summary=count", 1);
    found("Medication?_contained=true&code=none&_summary=count", 0);
    page = found("Medication?_contained=true&code=post&_containedType=contained&_elements=status", 1);
    ck_assert_str_eq(flow_text(page, "entry[0].resource.status"), "active");
    ck_assert(!flow_node(page, "entry[0].resource.code"));
    ck_assert_ptr_nonnull(strstr(flow_text(page, "link[0].url"), "_containedType=contained"));
}
END_TEST

/* A container may be of any type, so all types have to be allowed. */
START_TEST(test_rights)
{
    const char *url = "Medication?_contained=true";
    ck_status(flow("GET", url, flow_token("system/Medication.rs"), NULL), 403);
    ck_status(flow("GET", url, flow_token("system/Medication.rs system/MedicationRequest.rs"), NULL), 403);
    ck_status(flow("GET", url, flow_token("system/*.rs"), NULL), 200);
    ck_status(flow("GET", "Medication?_contained=false", flow_token("system/Medication.rs"), NULL), 200);
}
END_TEST

START_TEST(test_rows_follow_the_container)
{
    int64_t strs = rows_of("idx_str"), dates = rows_of("idx_date"), contained = rows_of("contained");
    const char *organization = "{\"resourceType\":\"Organization\",\"id\":\"org\",\"name\":\"Held\"}";
    const char *two = arena_printf(
        flow_arena(), REQUEST(",\"id\":\"f1\"", MEDICATION("m1", "f-one") ",%s", "m1", "org"), organization);
    ck_status(flow_put("MedicationRequest/f1", two), 201);
    found("Medication?_contained=true&code=f-one", 1);
    found("Organization?_contained=true&name=held", 1);
    ck_assert_int_eq(rows_of("contained"), contained + 2);
    ck_assert_int_gt(rows_of("idx_str"), strs);
    int64_t k = test_count(flow_conn(), flow_arena(), "SELECT sum(k)::int8 FROM contained");
    ck_status(flow_put("MedicationRequest/f1", two), 200); /* what is the same is left alone */
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT sum(k)::int8 FROM contained"), k);
    ck_status(
        flow_put("MedicationRequest/f1", REQUEST(",\"id\":\"f1\"", MEDICATION("m1", "f-two"), "m1", "m1")),
        200);
    found("Medication?_contained=true&code=f-one", 0);
    found("Medication?_contained=true&code=f-two", 1);
    found("Organization?_contained=true&name=held", 0);
    found("MedicationRequest?medication.code=f-two", 1);
    ck_assert_int_eq(rows_of("contained"), contained + 1);
    ck_assert_int_eq(rows_of("idx_str"), strs);
    ck_status(
        flow("PATCH", "MedicationRequest/f1", "Content-Type: application/json-patch+json\n",
             "[{\"op\":\"replace\",\"path\":\"/contained/0/code/coding/0/code\",\"value\":\"f-three\"}]"),
        200);
    found("Medication?_contained=true&code=f-two", 0);
    found("Medication?_contained=true&code=f-three", 1);
    ck_assert_int_lt(flow_delete("MedicationRequest/f1")->status, 300);
    found("Medication?_contained=true&code=f-three", 0);
    ck_assert_int_eq(rows_of("contained"), contained);
    ck_assert_int_eq(rows_of("idx_date"), dates);
    ck_status(flow_put("MedicationRequest/f1", two), 201);
    found("Medication?_contained=true&code=f-one", 1);
    ck_assert_int_lt(flow_delete("MedicationRequest/f1")->status, 300);
}
END_TEST

static const char *link_of(const json *bundle, const char *relation)
{
    json_each (l, flow_node(bundle, "link"))
        if (strcmp(flow_text(l, "relation"), relation) == 0)
            return flow_text(l, "url") + strlen(FLOW_BASE) + 1;
    return NULL;
}

/* Pages show what the first one's snapshot saw, also of what is contained. */
START_TEST(test_pages)
{
    for (int i = 0; i < 7; i++) {
        const char *body = arena_printf(
            flow_arena(),
            REQUEST(",\"id\":\"g%d\"", MEDICATION("a", "page") "," MEDICATION("b", "page"), "a", "b"), i);
        ck_assert_int_lt(flow_put(arena_printf(flow_arena(), "MedicationRequest/g%d", i), body)->status, 300);
    }
    static const char *const urls[] = {
        "Medication?_contained=true&code=page&_count=3",
        "Medication?_contained=both&code=page&_containedType=contained&_count=4&_sort=-_id"};
    static const int expected[] = {7, 14};
    for (int u = 0; u < 2; u++) {
        int n = 0, pages = 0;
        const char *seen = "", *last = NULL;
        for (const char *url = urls[u]; url; pages++) {
            const json *page = found(url, expected[u]);
            json_each (e, flow_node(page, "entry")) {
                const char *full = arena_printf(flow_arena(), " %s ", flow_text(e, "fullUrl"));
                ck_assert_msg(!strstr(seen, full), "%s twice", full);
                seen = arena_printf(flow_arena(), "%s%s", seen, full);
                n++;
            }
            last = link_of(page, "previous");
            url = link_of(page, "next");
            if (pages == 0 && u == 0)
                flow_put("MedicationRequest/late",
                         REQUEST(",\"id\":\"late\"", MEDICATION("a", "page"), "a", "a"));
        }
        ck_assert_int_eq(n, expected[u]);
        for (; last; pages--)
            last = link_of(found(last, expected[u]), "previous");
        ck_assert_int_eq(pages, 1);
        ck_assert_int_lt(flow_delete("MedicationRequest/late")->status, 500);
    }
}
END_TEST

/* A database that was filled before contained resources were indexed. */
START_TEST(test_reindex)
{
    ck_assert_int_lt(
        flow_put("MedicationRequest/h1", REQUEST(",\"id\":\"h1\"", MEDICATION("m1", "old"), "m1", "m1"))
            ->status,
        300);
    struct str before = test_index_rows(flow_conn(), flow_arena(), "h1");
    test_ask(flow_conn(), flow_arena(),
             "WITH d AS (DELETE FROM contained) UPDATE res SET ix = 5 WHERE rid = 'h1' RETURNING 1");
    found("Medication?_contained=true&code=old", 0);
    flow_jobs_start();
    for (int damaged = 0; damaged < 2; damaged++) {
        const struct flow_answer *a = flow_post("$reindex?type=MedicationRequest", "");
        ck_status(a, 202);
        const char *job = flow_header(a, "Content-Location") + strlen(FLOW_BASE) + 1;
        for (a = flow_get(job); a->status == 202; a = flow_get(job))
            usleep(20 * 1000);
        ck_status(a, 200);
        found("Medication?_contained=true&code=old", 1);
        ck_assert_str_eq(test_index_rows(flow_conn(), flow_arena(), "h1").s, before.s);
        test_ask(flow_conn(), flow_arena(), "DELETE FROM contained WHERE rid = 'm1' RETURNING 1");
    }
}
END_TEST

Suite *suite_flow_contained(void)
{
    Suite *s = suite_create("flow/contained");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_unchecked_fixture(c, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(c, flow_begin, flow_end);
    tcase_add_test(c, test_entries);
    tcase_add_test(c, test_rights);
    tcase_add_test(c, test_rows_follow_the_container);
    tcase_add_test(c, test_pages);
    tcase_add_test(c, test_reindex);
    suite_add_tcase(s, c);
    return s;
}
