/* Limits: memory at every stage, entries, failures inside workers. */
#include <unistd.h>

#include "support/flow.h"

static int64_t count(const char *text)
{
    return test_count(flow_conn(), flow_arena(), text);
}

static const char transaction[] =
    "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"fullUrl\":"
    "\"urn:uuid:00000001-0000-4000-8000-000000000000\",\"resource\":{\"resourceType\":\"Patient\",\"text\":{"
    "\"status\":"
    "\"generated\",\"div\":\"<div "
    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\">limit</div>\"},\"name\":[{\"family\":\"L\"}],"
    "\"identifier\":[{\"system\":\"http://x.test/"
    "limit\",\"value\":\"1\"}]},\"request\":{\"method\":\"POST\",\"url\":"
    "\"Patient\"}},{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"limit\",\"status\":\"final\","
    "\"code\":{"
    "\"coding\":[{\"system\":\"http://x.test/"
    "limit\",\"code\":\"1\"}]},\"valueQuantity\":{\"value\":1.5,\"unit\":\"mg\","
    "\"system\":\"http://"
    "unitsofmeasure.org\",\"code\":\"mg\"},\"effectiveDateTime\":\"2020-01-01\",\"subject\":{"
    "\"reference\":\"urn:uuid:00000001-0000-4000-8000-000000000000\"}},\"request\":{\"method\":\"PUT\","
    "\"url\":"
    "\"Observation/limit\"}},{\"request\":{\"method\":\"DELETE\",\"url\":\"Basic?code=http://x.test/"
    "limit|none\"}},"
    "{\"request\":{\"method\":\"GET\",\"url\":\"Observation?code=http://x.test/limit|1&_include=*\"}}]}";

/* Every interaction, and what it leaves behind when it succeeds. */
static const struct {
    const char *method, *path, *headers, *body;
    int status;
    const char *trace; /* SQL: rows that there may be only after success */
} requests[] = {
    {"GET", "Patient/there", NULL, NULL, 200, NULL},
    {"GET", "Patient/there/_history", NULL, NULL, 200, NULL},
    {"GET", "Patient?name=limit&_sort=birthdate&_include=*", NULL, NULL, 200, NULL},
    {"GET", "Patient?_elements=name&_pretty=true", NULL, NULL, 200, NULL},
    {"GET", "metadata", NULL, NULL, 200, NULL},
    {"POST", "Patient", NULL,
     "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"limit-post\"}],\"birthDate\":\"2000-01-01\"}",
     201, "SELECT count(*) FROM res WHERE content LIKE '%limit-post%'"},
    {"POST", "Patient", "If-None-Exist: identifier=http://x.test/limit|cond\n",
     "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"http://x.test/"
     "limit\",\"value\":\"cond\"}]}",
     201, "SELECT count(*) FROM res WHERE content LIKE '%\"cond\"%'"},
    {"PUT", "Patient/limit-put", NULL,
     "{\"resourceType\":\"Patient\",\"id\":\"limit-put\",\"name\":[{\"family\":\"limit-put\"}]}", 201,
     "SELECT count(*) FROM res WHERE rid = 'limit-put'"},
    {"PUT", "Patient/there", NULL,
     "{\"resourceType\":\"Patient\",\"id\":\"there\",\"name\":[{\"family\":\"merged\"}]}", 200,
     "SELECT count(*) FROM res WHERE content LIKE '%merged%'"},
    {"PATCH", "Patient/there", "Content-Type: application/json-patch+json\n",
     "[{\"op\":\"add\",\"path\":\"/gender\",\"value\":\"other\"}]", 200,
     "SELECT count(*) FROM res WHERE rid = 'there' AND content LIKE '%other%'"},
    {"POST", "", NULL, transaction, 200,
     "SELECT count(*) FROM res WHERE rid = 'limit' OR content LIKE '%>limit<%'"},
    {"DELETE", "Patient/there", NULL, NULL, 204, "SELECT count(*) FROM res WHERE rid = 'there' AND deleted"},
    {"POST", "Patient", NULL, "{\"resourceType\":\"Patient\",\"gender\":\"unheard\"}", 400, NULL},
};

/* Rising limits: with each the request is answered, 413 or as it should be, and in the end it succeeds. */
START_TEST(test_memory_runs_out_anywhere)
{
    ck_status(flow_put("Patient/there",
                       "{\"resourceType\":\"Patient\",\"id\":\"there\",\"meta\":{\"tag\":[{\"code\":"
                       "\"t\"}]},\"name\":[{\"family\":\"limit\"}]}"),
              201);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        int refused = 0;
        for (int64_t limit = 1024;; limit += limit / 24 + 256) {
            flow_set(arena_printf(flow_arena(), "request.memory=%lld", (long long)limit));
            const struct flow_answer *a =
                flow(requests[i].method, requests[i].path, requests[i].headers, requests[i].body);
            ck_assert_msg(limit < 64 << 20, "%s %s never succeeds", requests[i].method, requests[i].path);
            if (a->status == requests[i].status)
                break;
            ck_status(a, 413);
            refused++;
            ck_assert_str_eq(flow_text(a->json, "issue[0].code"), "too-long");
            if (requests[i].trace)
                ck_assert_msg(count(requests[i].trace) == 0, "%s %s at %lld", requests[i].method,
                              requests[i].path, (long long)limit);
        }
        ck_assert_int_gt(refused, 0);
        if (requests[i].trace)
            ck_assert_int_gt(count(requests[i].trace), 0);
    }
    ck_assert_int_eq(
        count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE "
              "'idle in transaction%'"),
        0);
}
END_TEST

START_TEST(test_more_requests_than_workers)
{
    flow_set("worker.queue=1024");
    struct flow_call *calls[200];
    for (int i = 0; i < 200; i++)
        calls[i] =
            flow_send("POST", "", NULL,
                      "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":"
                      "\"GET\",\"url\":\"Patient/nobody\"}}]}");
    for (int i = 0; i < 200; i++)
        ck_status(flow_wait(calls[i]), 200);
}
END_TEST

/* Connections that the database closes under us: 503, and the next request is served. */
START_TEST(test_lost_connections)
{
    static const char kill_all[] =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
        "current_database() AND pid <> pg_backend_pid()";
    ck_status(flow_post("", transaction), 200);
    for (int round = 0; round < 5; round++) {
        ck_assert_int_gt(count(kill_all), 0);
        for (int i = 0; i < 20; i++) {
            const struct flow_answer *answers[] = {
                flow_get("Observation/limit"), flow_get("Observation?code=http://x.test/limit|1"),
                flow_put("Basic/lost",
                         "{\"resourceType\":\"Basic\",\"id\":\"lost\",\"code\":{\"text\":\"x\"}}"),
                flow_post("Basic", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"lost\"}}"),
                flow_post("", transaction)};
            for (int j = 0; j < 5; j++) {
                ck_assert_msg(answers[j]->status < 300 || answers[j]->status == 503, "%d: %d: %.*s", j,
                              answers[j]->status, STR_FMT(answers[j]->body));
                if (answers[j]->status == 503)
                    ck_assert_ptr_nonnull(flow_header(answers[j], "Retry-After"));
            }
            if (answers[0]->status == 200 && answers[1]->status == 200 && answers[2]->status < 300 &&
                answers[3]->status == 201 && answers[4]->status == 200)
                break;
            ck_assert_int_lt(i, 19);
            usleep(50 * 1000);
        }
    }
    /* a transaction is never half there */
    ck_assert_int_eq(count("SELECT count(*) FROM res WHERE content LIKE '%>limit<%'"),
                     count("SELECT ver::int8 FROM res WHERE rid = 'limit'"));
}
END_TEST

Suite *suite_flow_limits(void)
{
    Suite *s = suite_create("flow/limits");
    TCase *tc = tcase_create("limits");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_memory_runs_out_anywhere);
    tcase_add_test(tc, test_more_requests_than_workers);
    tcase_add_test(tc, test_lost_connections);
    suite_add_tcase(s, tc);
    return s;
}
