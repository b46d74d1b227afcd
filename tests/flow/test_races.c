/* Many clients at once: nothing is made twice, nothing is lost, no deadlock or serialisation failure is answered. */
#include "support/flow.h"

enum { CLIENTS = 64 };

/* Sends all, then waits for all; counts the answers of a status, fails on any that is neither of the two. */
static int gather(struct flow_call **calls, int n, int counted, int other, const struct flow_answer **answers)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        const struct flow_answer *a = flow_wait(calls[i]);
        if (a->status != counted)
            ck_status(a, other);
        count += a->status == counted;
        if (answers)
            answers[i] = a;
    }
    return count;
}

static int64_t count(const char *text)
{
    return test_count(flow_conn(), flow_arena(), text);
}

START_TEST(test_one_conditional_create_of_many_makes_a_resource)
{
    struct flow_call *calls[CLIENTS];
    const struct flow_answer *answers[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        calls[i] =
            flow_send("POST", "Patient", "If-None-Exist: identifier=http://x.test/mrn|race\n",
                      "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"http://x.test/mrn\","
                      "\"value\":\"race\"}]}");
    ck_assert_int_eq(gather(calls, CLIENTS, 201, 200, answers), 1);
    for (int i = 1; i < CLIENTS; i++)
        ck_assert_str_eq(flow_header(answers[i], "Location"), flow_header(answers[0], "Location"));
    ck_assert_int_eq(
        json_count(flow_node(flow_get("Patient?identifier=http://x.test/mrn|race")->json, "entry")), 1);
}
END_TEST

START_TEST(test_one_conditional_update_of_many_makes_a_resource)
{
    struct flow_call *calls[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        calls[i] = flow_send(
            "PUT", "Patient?identifier=http://x.test/mrn|put", NULL,
            arena_printf(flow_arena(),
                         "{\"resourceType\":\"Patient\",\"multipleBirthInteger\":%d,\"identifier\":["
                         "{\"system\":\"http://x.test/mrn\",\"value\":\"put\"}]}",
                         i + 1));
    ck_assert_int_eq(gather(calls, CLIENTS, 201, 200, NULL), 1);
    const struct flow_answer *a = flow_get("Patient?identifier=http://x.test/mrn|put");
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry")), 1);
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.meta.versionId"),
                     arena_printf(flow_arena(), "%d", CLIENTS));
}
END_TEST

/* Index rows of every side table: names, dates, quantities, second codes. */
static const char *observation(const char *id, int i)
{
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"Observation\",\"id\":\"%s\",\"status\":\"final\",\"code\":{\"coding\":["
        "{\"system\":\"http://x.test/c\",\"code\":\"a%d\",\"display\":\"A %d\"},{\"system\":"
        "\"http://x.test/c\",\"code\":\"b%d\"}],\"text\":\"T %d\"},\"effectiveDateTime\":\"2020-01-01T"
        "00:00:%02dZ\",\"valueDateTime\":\"2021-01-01T00:00:%02dZ\",\"component\":[{\"code\":{\"text\":\"x\"}"
        ","
        "\"valueQuantity\":{\"value\":%d,\"unit\":\"mg\"}}]}",
        id, i, i, i, i, i % 60, i % 60, i * 2);
}

static const char *content_of(const struct flow_answer *a)
{
    return strstr(a->body.s, "\"status\"");
}

START_TEST(test_every_update_of_many_is_a_version)
{
    struct flow_call *calls[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        calls[i] = flow_send("PUT", "Observation/hot", NULL, observation("hot", i));
    ck_assert_int_eq(gather(calls, CLIENTS, 201, 200, NULL), 1);
    const struct flow_answer *last = flow_get("Observation/hot");
    ck_assert_str_eq(flow_text(last->json, "meta.versionId"), arena_printf(flow_arena(), "%d", CLIENTS));
    ck_assert_int_eq(count("SELECT count(DISTINCT content) FROM res_history WHERE rid = 'hot'"), CLIENTS);
    int i = atoi(flow_text(last->json, "code.coding[0].code") + 1);
    const struct flow_answer *calm = flow_put("Observation/calm", observation("calm", i));
    ck_assert_str_eq(content_of(calm), content_of(last));
    struct str hot_rows = test_index_rows(flow_conn(), flow_arena(), "hot"),
               calm_rows = test_index_rows(flow_conn(), flow_arena(), "calm");
    ck_assert_str_eq(hot_rows.s, calm_rows.s);
    ck_assert_ptr_nonnull(strstr(calm_rows.s, "idx_date: ("));
    ck_assert_ptr_nonnull(strstr(calm_rows.s, "idx_num: ("));
    ck_assert_ptr_nonnull(strstr(calm_rows.s, "idx_ovf: ("));
}
END_TEST

START_TEST(test_updates_and_deletes_leave_no_rows_behind)
{
    for (int round = 0; round < 5; round++) {
        struct flow_call *calls[CLIENTS];
        for (int i = 0; i < CLIENTS; i++)
            calls[i] = i % 3 ? flow_send("PUT", "Observation/mixed", NULL, observation("mixed", i))
                             : flow_send("DELETE", "Observation/mixed", NULL, NULL);
        for (int i = 0; i < CLIENTS; i++) {
            const struct flow_answer *a = flow_wait(calls[i]);
            ck_assert_msg(a->status < 300, "%d: %.*s", a->status, STR_FMT(a->body));
        }
        const struct flow_answer *last = flow_get("Observation/mixed");
        struct str rows = test_index_rows(flow_conn(), flow_arena(), "mixed");
        if (last->status == 410) {
            ck_assert_str_eq(rows.s, test_index_rows(flow_conn(), flow_arena(), "never-was").s);
        } else {
            int i = atoi(flow_text(last->json, "code.coding[0].code") + 1);
            flow_put("Observation/calm2", observation("calm2", i));
            struct str calm = test_index_rows(flow_conn(), flow_arena(), "calm2");
            ck_assert_str_eq(rows.s, calm.s);
        }
    }
    ck_assert_int_eq(count("SELECT count(*) FROM res_history h WHERE rid = 'mixed' AND ver > 1 AND NOT "
                           "EXISTS (SELECT 1 FROM "
                           "res_history p WHERE p.k = h.k AND p.ver = h.ver - 1)"),
                     0);
    ck_assert_int_eq(
        count("SELECT count(*) FROM res_history h JOIN res_history p ON p.k = h.k AND p.ver = h.ver - 1 "
              "WHERE h.rid = 'mixed' AND (h.lu < p.lu OR h.xid < p.xid)"),
        0);
}
END_TEST

START_TEST(test_new_words_in_any_order)
{
    for (int round = 0; round < 10; round++) {
        struct flow_call *calls[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
            struct buf b;
            buf_init(&b, flow_arena(), 1024);
            for (int j = 0; j < 8; j++)
                buf_addf(&b, "%s{\"system\":\"http://x.test/w%d\",\"code\":\"w%d\"}", j ? "," : "", round,
                         i % 2 ? j : 7 - j);
            calls[i] =
                i % 4 < 2
                    ? flow_send("POST", "Basic", NULL,
                                arena_printf(flow_arena(),
                                             "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[%s]}}", b.s))
                    : flow_send("PUT", arena_printf(flow_arena(), "Basic/w%d-%d", round, i), NULL,
                                arena_printf(flow_arena(),
                                             "{\"resourceType\":\"Basic\",\"id\":\"w%d-%d\",\"code\":{"
                                             "\"coding\":[%s]}}",
                                             round, i, b.s));
        }
        ck_assert_int_eq(gather(calls, CLIENTS, 201, 201, NULL), CLIENTS);
    }
}
END_TEST

/* PUTs of Basic/NAMEi for i in from…to-1, or the other way round. */
static const char *bundle(const char *name, int n, bool backwards, int words)
{
    struct buf b;
    buf_init(&b, flow_arena(), 4096);
    buf_adds(&b, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[");
    for (int i = 0; i < n; i++) {
        int j = backwards ? n - 1 - i : i;
        buf_addf(
            &b,
            "%s{\"resource\":{\"resourceType\":\"Basic\",\"id\":\"%s%d\",\"code\":{\"coding\":[{\"system\":"
            "\"http://x.test/%s\",\"code\":\"%d\"}]}},\"request\":{\"method\":\"PUT\",\"url\":\"Basic/"
            "%s%d\"}}",
            i ? "," : "", name, j, name, (j + words) % n, name, j);
    }
    buf_adds(&b, "]}");
    return b.s;
}

START_TEST(test_bundles_on_the_same_rows_in_opposite_order)
{
    for (int round = 0; round < 3; round++) {
        struct flow_call *calls[CLIENTS];
        int64_t started = count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
        for (int i = 0; i < CLIENTS; i++)
            calls[i] = flow_send("POST", "", NULL, bundle(round ? "row" : "fresh", 10, i % 2, i));
        ck_assert_int_eq(gather(calls, CLIENTS, 200, 200, NULL), CLIENTS);
        ck_assert_int_eq(count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
                         started);
    }
    ck_assert_int_eq(count("SELECT count(*) FROM res WHERE rid LIKE 'fresh%' AND ver = 64"), 10);
    ck_assert_int_eq(count("SELECT count(*) FROM res WHERE rid LIKE 'row%' AND ver = 128"), 10);
}
END_TEST

START_TEST(test_bundles_single_writes_and_conditional_ones_together)
{
    struct flow_call *calls[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        if (i % 4 == 0)
            calls[i] = flow_send("POST", "", NULL, bundle("all", 6, i % 8 == 0, i));
        else if (i % 4 == 1)
            calls[i] =
                flow_send("PUT", "Basic/all3", NULL,
                          "{\"resourceType\":\"Basic\",\"id\":\"all3\",\"code\":{\"coding\":[{\"system\":"
                          "\"http://x.test/all\",\"code\":\"3\"}]}}");
        else if (i % 4 == 2)
            calls[i] = flow_send("PUT", "Basic?code=http://x.test/all|z", NULL,
                                 "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[{\"system\":"
                                 "\"http://x.test/all\",\"code\":\"z\"}]}}");
        else
            calls[i] =
                flow_send("PATCH", "Basic/all2", NULL,
                          "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"operation\",\"part\":["
                          "{\"name\":\"type\",\"valueCode\":\"replace\"},{\"name\":\"path\",\"valueString\":"
                          "\"Basic.code.coding[0].code\"},{\"name\":\"value\",\"valueCode\":\"p\"}]}]}");
    }
    for (int i = 0; i < CLIENTS; i++) {
        const struct flow_answer *a = flow_wait(calls[i]);
        if (i % 4 != 3 || a->status != 404) /* the patch may come before there is something */
            ck_assert_msg(a->status < 300, "%d: %d: %.*s", i, a->status, STR_FMT(a->body));
    }
    ck_assert_int_eq(count("SELECT count(*) FROM res WHERE rid LIKE 'all%'"), 6);
    ck_assert_int_eq(json_count(flow_node(flow_get("Basic?code=http://x.test/all|z")->json, "entry")), 1);
}
END_TEST

Suite *suite_flow_races(void)
{
    Suite *s = suite_create("flow/races");
    TCase *tc = tcase_create("races");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_one_conditional_create_of_many_makes_a_resource);
    tcase_add_test(tc, test_one_conditional_update_of_many_makes_a_resource);
    tcase_add_test(tc, test_every_update_of_many_is_a_version);
    tcase_add_test(tc, test_updates_and_deletes_leave_no_rows_behind);
    tcase_add_test(tc, test_new_words_in_any_order);
    tcase_add_test(tc, test_bundles_on_the_same_rows_in_opposite_order);
    tcase_add_test(tc, test_bundles_single_writes_and_conditional_ones_together);
    suite_add_tcase(s, tc);
    return s;
}
