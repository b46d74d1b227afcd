/* history of an instance, a type and the system (http.html#history). */
#include <stdio.h>
#include <unistd.h>

#include "support/flow.h"

static const char *basic(const char *id, int i)
{
    return arena_printf(flow_arena(), "{\"resourceType\":\"Basic\",\"id\":\"%s\",\"code\":{\"text\":\"%d\"}}",
                        id, i);
}

static const struct flow_answer *put(const char *id, int i)
{
    const struct flow_answer *a = flow_put(arena_printf(flow_arena(), "Basic/%s", id), basic(id, i));
    ck_assert_int_lt(a->status, 300);
    return a;
}

/* "PUT 201 1, DELETE 204 2": method, status and version of the entries. */
static const char *summary(const struct flow_answer *a)
{
    struct buf b;
    buf_init(&b, flow_arena(), 256);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "type"), "history");
    json_each (e, json_get(a->json, "entry")) {
        const char *method = flow_text(e, "request.method");
        ck_assert_int_eq(json_get(e, "resource") == NULL, strcmp(method, "DELETE") == 0);
        ck_assert_ptr_nonnull(flow_text(e, "fullUrl"));
        ck_assert_ptr_nonnull(flow_text(e, "response.lastModified"));
        buf_addf(&b, "%s%s %.3s %s", b.len ? ", " : "", method, flow_text(e, "response.status"),
                 flow_text(e, "response.etag"));
    }
    buf_addc(&b, '\0');
    return b.s;
}

static const char *next_page(const struct flow_answer *a)
{
    json_each (l, json_get(a->json, "link"))
        if (strcmp(flow_text(l, "relation"), "next") == 0)
            return flow_text(l, "url") + strlen(FLOW_BASE "/");
    return NULL;
}

START_TEST(test_an_instance)
{
    put("h1", 1);
    put("h1", 2);
    flow_delete("Basic/h1");
    put("h1", 3);
    flow("PATCH", "Basic/h1", "Content-Type: application/json-patch+json\n",
         "[{\"op\":\"replace\",\"path\":\"/code/text\",\"value\":\"4\"}]");
    const struct flow_answer *a = flow_get("Basic/h1/_history");
    ck_assert_str_eq(
        summary(a),
        "PATCH 200 W/\"5\", PUT 201 W/\"4\", DELETE 204 W/\"3\", PUT 200 W/\"2\", PUT 201 W/\"1\"");
    ck_assert_str_eq(flow_node(a->json, "total")->valuestring, "5");
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.code.text"), "4");
    ck_assert_str_eq(flow_text(a->json, "entry[0].request.url"), "Basic/h1");
    const char *id = flow_text(flow_post("Basic", basic("x", 1))->json, "id");
    a = flow_get(arena_printf(flow_arena(), "Basic/%s/_history", id));
    ck_assert_str_eq(summary(a), "POST 201 W/\"1\"");
    ck_assert_str_eq(flow_text(a->json, "entry[0].request.url"), "Basic");
    /* pages */
    struct buf b;
    buf_init(&b, flow_arena(), 64);
    int pages = 0;
    for (const char *url = "Basic/h1/_history?_count=2"; url; url = next_page(a), pages++) {
        a = flow_get(url);
        buf_addf(&b, "%s%s", b.len ? " | " : "", summary(a));
        ck_assert_str_eq(flow_node(a->json, "total")->valuestring, "5");
    }
    ck_assert_int_eq(pages, 3);
    ck_assert_str_eq(
        b.s, "PATCH 200 W/\"5\", PUT 201 W/\"4\" | DELETE 204 W/\"3\", PUT 200 W/\"2\" | PUT 201 W/\"1\"");
    ck_status(flow_get("Basic/nobody/_history"), 404);
    ck_status(flow_get("Basic/h1/_history?_since=yesterday"), 400);
    ck_status(flow_get("Basic/h1/_history?_count=x"), 400);
    ck_status(flow_get("Basic/h1/_history?_cursor=x"), 400);
    ck_assert_str_eq(summary(flow_get("Basic/h1/_history?_count=0")), "");
}
END_TEST

START_TEST(test_times)
{
    const char *when[4];
    for (int i = 0; i < 4; i++) {
        when[i] = flow_text(put("h2", i)->json, "meta.lastUpdated");
        usleep(3000);
    }
    ck_assert_str_eq(summary(flow_get(arena_printf(flow_arena(), "Basic/h2/_history?_since=%s", when[2]))),
                     "PUT 200 W/\"4\", PUT 200 W/\"3\"");
    ck_assert_str_eq(summary(flow_get(arena_printf(flow_arena(), "Basic/h2/_history?_at=%s", when[1]))),
                     "PUT 200 W/\"2\"");
    ck_assert_str_eq(summary(flow_get("Basic/h2/_history?_since=2199-01-01")), "");
    ck_assert_str_eq(summary(flow_get("Basic/h2/_history?_at=2000-01-01")), "");
    /* every version that was current in that time */
    ck_assert_uint_eq(
        json_count(flow_node(
            flow_get(arena_printf(flow_arena(), "Basic/h2/_history?_at=%.4s", when[0]))->json, "entry")),
        4);
    ck_assert_str_eq(summary(flow_get(arena_printf(flow_arena(), "Basic/_history?_since=%s", when[3]))),
                     "PUT 200 W/\"4\"");
}
END_TEST

/* Pages of a type and of the system while others write: every version of before is there once. */
START_TEST(test_pages_are_stable)
{
    for (int i = 0; i < 12; i++)
        put(arena_printf(flow_arena(), "h3-%d", i % 5), i);
    flow_delete("Basic/h3-0");
    static const char *const urls[] = {"Basic/_history?_count=4", "_history?_count=4"};
    for (int u = 0; u < 2; u++) {
        int seen[5][64] = {0}, entries = 0, extra = 0;
        const struct flow_answer *a;
        const char *before = NULL;
        for (const char *url = urls[u]; url; url = next_page(a)) {
            a = flow_get(url);
            ck_status(a, 200);
            json_each (e, json_get(a->json, "entry")) {
                int i = -1;
                const char *full = flow_text(e, "fullUrl"), *last = flow_text(e, "response.lastModified");
                if (before)
                    ck_assert_int_le(strcmp(last, before), 0);
                before = last;
                if (sscanf(full, FLOW_BASE "/Basic/h3-%d", &i) == 1)
                    seen[i][atoi(flow_text(e, "response.etag") + 3)]++;
                entries++;
            }
            put(arena_printf(flow_arena(), "h3-%d", extra % 5), extra);
            flow_post("Basic", basic("x", extra++));
        }
        ck_assert_int_gt(entries, 13);
        for (int i = 0; i < 5; i++)
            for (int v = 1; v <= (i < 2 ? 3 : 2); v++)
                ck_assert_msg(seen[i][v] == 1, "%s: h3-%d version %d: %d times", urls[u], i, v, seen[i][v]);
    }
}
END_TEST

/* Versions of one resource by transactions that overlap: newest first, none missing. */
START_TEST(test_versions_are_in_order)
{
    struct flow_call *calls[60];
    for (int i = 0; i < 60; i++)
        calls[i] =
            i % 3
                ? flow_send("PUT", arena_printf(flow_arena(), "Basic/h4-%d", i % 2), NULL,
                            basic(i % 2 ? "h4-1" : "h4-0", i))
                : flow_send("POST", "", NULL,
                            arena_printf(flow_arena(),
                                         "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{"
                                         "\"resource\":%s,\"request\":{\"method\":\"PUT\",\"url\":"
                                         "\"Basic/h4-0\"}},{\"resource\":%s,\"request\":{\"method\":\"PUT\","
                                         "\"url\":\"Basic/h4-1\"}}]}",
                                         basic("h4-0", i), basic("h4-1", i)));
    for (int i = 0; i < 60; i++)
        ck_assert_int_lt(flow_wait(calls[i])->status, 300);
    int last[2] = {1000, 1000}, n[2] = {0};
    const struct flow_answer *a;
    for (const char *url = "Basic/_history?_count=7"; url; url = next_page(a)) {
        a = flow_get(url);
        json_each (e, json_get(a->json, "entry")) {
            int i;
            if (sscanf(flow_text(e, "fullUrl"), FLOW_BASE "/Basic/h4-%d", &i) != 1)
                continue;
            int v = atoi(flow_text(e, "response.etag") + 3);
            ck_assert_int_lt(v, last[i]);
            last[i] = v;
            n[i]++;
        }
    }
    ck_assert_int_eq(n[0], 40);
    ck_assert_int_eq(n[1], 40);
}
END_TEST

START_TEST(test_only_what_a_list_refers_to)
{
    put("l1", 1);
    put("l1", 2);
    put("l2", 1);
    put("l2", 2);
    put("l3", 1);
    flow_put(
        "List/hist",
        "{\"resourceType\":\"List\",\"id\":\"hist\",\"status\":\"current\",\"mode\":\"changes\",\"entry\":["
        "{\"item\":{\"reference\":\"Basic/l1/_history/1\"}},{\"item\":{\"reference\":\"" FLOW_BASE
        "/Basic/l2\"}},{\"deleted\":true,\"item\":{\"reference\":\"Basic/"
        "l3\"}},{\"item\":{\"display\":\"x\"}}]}");
    ck_assert_str_eq(summary(flow_get("Basic/_history?_list=hist")), "PUT 200 W/\"2\", PUT 201 W/\"1\"");
    ck_assert_str_eq(summary(flow_get("_history?_list=List/hist")), "PUT 200 W/\"2\", PUT 201 W/\"1\"");
    const struct flow_answer *a = flow_get("_history?_list=hist&_count=1");
    ck_assert_str_eq(summary(a), "PUT 200 W/\"2\"");
    ck_assert_str_eq(summary(flow_get(next_page(a))), "PUT 201 W/\"1\"");
    ck_assert_str_eq(summary(flow_get("_history?_list=hist&_sort=_lastUpdated")),
                     "PUT 201 W/\"1\", PUT 200 W/\"2\"");
    ck_assert_str_eq(summary(flow_get("Basic/l1/_history?_list=hist")), "PUT 201 W/\"1\"");
    ck_assert_str_eq(summary(flow_get("Patient/_history?_list=hist")), "");
    ck_status(flow_get("_history?_list=none"), 400);
    a = flow_get("_history?_list=hist&nonsense=1");
    ck_assert_str_eq(flow_text(a->json, "link[0].url"), FLOW_BASE "/_history?_list=hist");
    ck_status(flow("GET", "_history?nonsense=1", "Prefer: handling=strict\n", NULL), 400);
    ck_status(flow("GET", "Basic/_history?_list=hist", flow_token("system/Basic.rs"), NULL), 403);
}
END_TEST

Suite *suite_flow_history(void)
{
    Suite *s = suite_create("flow/history");
    TCase *tc = tcase_create("history");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_an_instance);
    tcase_add_test(tc, test_times);
    tcase_add_test(tc, test_pages_are_stable);
    tcase_add_test(tc, test_versions_are_in_order);
    tcase_add_test(tc, test_only_what_a_list_refers_to);
    suite_add_tcase(s, tc);
    return s;
}
