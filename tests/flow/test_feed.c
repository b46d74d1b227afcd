/* The change feed: the history in the order of commits, by a cursor that misses none of them. */
#include "support/flow.h"

enum { WRITERS = 16, WRITES = 60, RIDS = 12 };

static const char *link_url(const struct flow_answer *page, const char *relation)
{
    json_each (link, flow_node(page->json, "link"))
        if (strcmp(flow_text(link, "relation"), relation) == 0)
            return flow_text(link, "url") + sizeof FLOW_BASE;
    return NULL;
}

/* Where the reader goes on after a page. */
static const char *after(const struct flow_answer *page)
{
    const char *next = link_url(page, "next"), *monitor = link_url(page, "monitor");
    ck_assert((next != NULL) != (monitor != NULL));
    return next ? next : monitor;
}

static const char *skip_all(const char *url)
{
    for (;;) {
        const struct flow_answer *page = flow_get(url);
        ck_status(page, 200);
        url = after(page);
        if (link_url(page, "monitor"))
            return url;
    }
}

START_TEST(test_a_reader_sees_what_came_since)
{
    const char *url = skip_all("_history?_sort=_lastUpdated");
    ck_assert_uint_eq(json_count(flow_node(flow_get(url)->json, "entry")), 0);
    ck_status(
        flow_put("Basic/feed1", "{\"resourceType\":\"Basic\",\"id\":\"feed1\",\"code\":{\"text\":\"1\"}}"),
        201);
    ck_status(
        flow_put("Basic/feed1", "{\"resourceType\":\"Basic\",\"id\":\"feed1\",\"code\":{\"text\":\"2\"}}"),
        200);
    ck_status(flow_delete("Basic/feed1"), 204);
    const struct flow_answer *page = flow_get(arena_printf(flow_arena(), "%s&_count=2", url));
    ck_status(page, 200);
    ck_assert_uint_eq(json_count(flow_node(page->json, "entry")), 2);
    ck_assert_str_eq(flow_text(page->json, "entry[0].resource.meta.versionId"), "1");
    ck_assert_str_eq(flow_text(page->json, "entry[1].resource.meta.versionId"), "2");
    page = flow_get(after(page));
    ck_assert_uint_eq(json_count(flow_node(page->json, "entry")), 1);
    ck_assert_str_eq(flow_text(page->json, "entry[0].request.method"), "DELETE");
    ck_assert_str_eq(flow_text(page->json, "entry[0].request.url"), "Basic/feed1");
    ck_assert_uint_eq(json_count(flow_node(flow_get(after(page))->json, "entry")), 0);
}
END_TEST

START_TEST(test_a_feed_of_one_type)
{
    const char *url = skip_all("Basic/_history?_sort=_lastUpdated");
    ck_status(flow_post("Patient", "{\"resourceType\":\"Patient\"}"), 201);
    ck_status(flow_post("Basic", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}"), 201);
    const struct flow_answer *page = flow_get(url);
    ck_assert_uint_eq(json_count(flow_node(page->json, "entry")), 1);
    ck_assert_str_eq(flow_text(page->json, "entry[0].resource.resourceType"), "Basic");
}
END_TEST

/* A transaction that is under way holds the feed up; what is committed behind it is not passed over. */
START_TEST(test_a_slow_transaction_is_not_missed)
{
    struct err err;
    const char *url = skip_all("_history?_sort=_lastUpdated");
    ck_ok(db_begin(flow_conn(), &err));
    test_ask(
        flow_conn(), flow_arena(),
        "INSERT INTO res_history SELECT 7000000000000000000, pg_current_xact_id(), now(), 1, 1, rtype, 1, "
        "'slow', "
        "'{}', '{\"resourceType\":\"Basic\",\"id\":\"slow\"}' FROM res_history WHERE rid = 'feed0' LIMIT 1");
    ck_status(flow_post("Basic", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"behind\"}}"), 201);
    const struct flow_answer *page = flow_get(url);
    ck_assert_uint_eq(json_count(flow_node(page->json, "entry")), 0);
    url = after(page);
    ck_ok(db_commit(flow_conn(), &err));
    page = flow_get(url);
    ck_assert_uint_eq(json_count(flow_node(page->json, "entry")), 2);
    ck_assert_str_eq(flow_text(page->json, "entry[0].resource.id"), "slow");
    test_ask(flow_conn(), flow_arena(), "DELETE FROM res_history WHERE rid = 'slow' RETURNING 1");
}
END_TEST

/* Writers send without the fixture's helpers, whose arena is the test's own. */
static void send_round(struct flow_call **calls, int round)
{
    for (int i = 0; i < WRITERS; i++) {
        char path[64], body[256];
        int rid = (i * 7 + round) % RIDS;
        snprintf(path, sizeof path, "Basic/w%d", rid);
        snprintf(body, sizeof body,
                 "{\"resourceType\":\"Basic\",\"id\":\"w%d\",\"code\":{\"text\":\"%d-%d\"}}", rid, i, round);
        if (i % 5 == 4)
            calls[i] = flow_send("DELETE", path, NULL, NULL);
        else if (i % 5 == 3)
            calls[i] = flow_send("POST", "Basic", NULL, body);
        else
            calls[i] = flow_send("PUT", path, NULL, body);
    }
}

/* Sixteen writers, of which each has a write under way all the time, and a poller: it sees every version there is once,
 * the versions of a resource in their order. */
START_TEST(test_sixteen_writers_and_a_poller)
{
    struct flow_call *calls[WRITERS];
    const char *url =
        arena_printf(flow_arena(), "%s&_count=50", skip_all("Basic/_history?_sort=_lastUpdated"));
    int64_t before = test_count(flow_conn(), flow_arena(),
                                "SELECT count(*) FROM res_history h JOIN res r USING (tenant, k) "
                                "WHERE r.rtype = (SELECT rtype FROM res WHERE rid = 'feed0')");
    struct buf seen;
    buf_init(&seen, flow_arena(), 65536);
    int64_t n_seen = 0;
    int round = 0;
    bool done = false;
    send_round(calls, round);
    while (!done) {
        const struct flow_answer *page = flow_get(url);
        ck_status(page, 200);
        json_each (entry, flow_node(page->json, "entry")) {
            buf_addf(&seen, "%s(%lld,'%s',%d)", n_seen ? "," : "", (long long)n_seen,
                     flow_text(entry, "fullUrl"), atoi(flow_text(entry, "response.etag") + 3));
            n_seen++;
        }
        done = round > WRITES && link_url(page, "monitor");
        url = after(page);
        if (round == WRITES)
            for (int i = 0; i < WRITERS; i++)
                ck_assert_int_lt(flow_wait(calls[i])->status, 300);
        if (round < WRITES) {
            struct flow_call *next[WRITERS];
            send_round(next, round + 1);
            for (int i = 0; i < WRITERS; i++) {
                ck_assert_int_lt(flow_wait(calls[i])->status, 300);
                calls[i] = next[i];
            }
        }
        round += round <= WRITES;
    }
    int64_t there =
        test_count(flow_conn(), flow_arena(),
                   "SELECT count(*) FROM res_history h JOIN res r USING (tenant, k) WHERE r.rtype = "
                   "(SELECT rtype FROM res WHERE rid = 'feed0')");
    ck_assert_int_eq(n_seen, there - before);
    ck_assert_int_gt(n_seen, WRITES * WRITERS / 2);
    /* each once, and each resource's versions upwards */
    ck_assert_int_eq(
        test_count(flow_conn(), flow_arena(),
                   arena_printf(flow_arena(),
                                "WITH s(n, url, ver) AS (VALUES %.*s) SELECT count(*) - count(DISTINCT "
                                "(url, ver)) FROM s",
                                STR_FMT(buf_str(&seen)))),
        0);
    ck_assert_int_eq(
        test_count(flow_conn(), flow_arena(),
                   arena_printf(flow_arena(),
                                "WITH s(n, url, ver) AS (VALUES %.*s) SELECT count(*) FROM s a JOIN s b "
                                "ON a.url = b.url AND a.ver < b.ver AND a.n > b.n",
                                STR_FMT(buf_str(&seen)))),
        0);
}
END_TEST

START_TEST(test_a_restore_raises_the_epoch)
{
    const char *url = skip_all("_history?_sort=_lastUpdated");
    test_ask(flow_conn(), flow_arena(), "SELECT kagari_new_epoch()");
    const struct flow_answer *a = flow_get(url);
    ck_status(a, 410);
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "issue[0].diagnostics"), "start"));
    ck_status(flow_get(skip_all("_history?_sort=_lastUpdated")), 200);
}
END_TEST

/* A dump restored into a cluster that has not come as far: its versions come as those of one early transaction. */
START_TEST(test_a_dump_of_an_older_cluster)
{
    struct err err;
    struct store *store;
    struct config c = *flow_config();
    const struct fhir_defs *defs;
    ck_ok(fhir_defs_load(flow_arena(), &defs, &err));
    ck_status(
        flow_put("Basic/dump", "{\"resourceType\":\"Basic\",\"id\":\"dump\",\"code\":{\"text\":\"1\"}}"),
        201);
    ck_status(
        flow_put("Basic/dump", "{\"resourceType\":\"Basic\",\"id\":\"dump\",\"code\":{\"text\":\"2\"}}"),
        200);
    test_ask(flow_conn(), flow_arena(),
             "WITH h AS (UPDATE res_history SET xid = (xid::text::int8 + 5000000000)::text::xid8) UPDATE res "
             "SET xid = "
             "(xid::text::int8 + 5000000000)::text::xid8 RETURNING 1");
    ck_assert(!store_new(&c, defs, flow_conn(), &store, &err));
    ck_assert_int_eq(err.kind, ERR_RULE);
    test_ask(flow_conn(), flow_arena(), "SELECT kagari_new_epoch()");
    ck_ok(store_new(&c, defs, flow_conn(), &store, &err));
    store_free(store);
    ck_status(
        flow_put("Basic/dump", "{\"resourceType\":\"Basic\",\"id\":\"dump\",\"code\":{\"text\":\"3\"}}"),
        200);
    int versions = 0;
    for (const char *url = "Basic/_history?_sort=_lastUpdated&_count=3"; url;) {
        const struct flow_answer *page = flow_get(url);
        ck_status(page, 200);
        json_each (entry, flow_node(page->json, "entry"))
            if (strcmp(flow_text(entry, "fullUrl"), FLOW_BASE "/Basic/dump") == 0)
                ck_assert_int_eq(atoi(flow_text(entry, "response.etag") + 3), ++versions);
        url = link_url(page, "next");
    }
    ck_assert_int_eq(versions, 3);
    versions = 0;
    for (const char *url = "Basic/_history?_count=3"; url; versions++)
        url = link_url(flow_get(url), "next");
    ck_assert_int_gt(versions, 1);
}
END_TEST

START_TEST(test_what_a_feed_does_not_take)
{
    ck_status(flow_get("_history?_sort=name"), 400);
    ck_status(flow_get("Basic/feed0/_history?_sort=_lastUpdated"), 400);
    ck_status(flow_get("_history?_sort=_lastUpdated&_at=2020"), 400);
    ck_status(flow_get("_history?_sort=_lastUpdated&_cursor=1.2"), 400);
    ck_status(flow_get("_history?_sort=_lastUpdated&_cursor=x.1.2.3"), 410);
    ck_status(flow_get("_history?_sort=-_lastUpdated"), 200);
}
END_TEST

static void begin(void)
{
    flow_begin();
    flow_put("Basic/feed0", "{\"resourceType\":\"Basic\",\"id\":\"feed0\",\"code\":{\"text\":\"0\"}}");
}

Suite *suite_flow_feed(void)
{
    Suite *s = suite_create("flow/feed");
    TCase *tc = tcase_create("feed");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, begin, flow_end);
    tcase_add_test(tc, test_a_reader_sees_what_came_since);
    tcase_add_test(tc, test_a_feed_of_one_type);
    tcase_add_test(tc, test_a_slow_transaction_is_not_missed);
    tcase_add_test(tc, test_sixteen_writers_and_a_poller);
    tcase_add_test(tc, test_a_restore_raises_the_epoch);
    tcase_add_test(tc, test_a_dump_of_an_older_cluster);
    tcase_add_test(tc, test_what_a_feed_does_not_take);
    suite_add_tcase(s, tc);
    return s;
}
