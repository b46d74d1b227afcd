/* Prefer: respond-async (async.html): answered at once, done later, told to its owner only. */
#include <time.h>

#include "support/flow.h"

#define ASYNC "Prefer: respond-async\n"

static void run_sql(const char *text)
{
    struct err err;
    ck_assert_msg(db_run(flow_conn(), text, &err), "%s: %s", err.msg, err.detail);
}

/* The path of the status below the base. */
static const char *deferred(const char *method, const char *path, const char *headers, const char *body)
{
    const struct flow_answer *a =
        flow(method, path, arena_printf(flow_arena(), ASYNC "%s", headers ? headers : ""), body);
    ck_status(a, 202);
    ck_assert_uint_eq(a->body.len, 0);
    ck_assert_ptr_nonnull(flow_header(a, "Retry-After"));
    const char *url = flow_header(a, "Content-Location");
    ck_assert_ptr_nonnull(url);
    ck_assert(str_starts(str_of(url), STR(FLOW_BASE "/_async/")));
    return url + strlen(FLOW_BASE "/");
}

static const struct flow_answer *status(const char *path)
{
    for (int i = 0; i < 1000; i++) {
        const struct flow_answer *a = flow_get(path);
        if (a->status != 202)
            return a;
        ck_assert_ptr_nonnull(flow_header(a, "X-Progress"));
        ck_assert_ptr_nonnull(flow_header(a, "Retry-After"));
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    ck_abort_msg("no answer");
}

static const json *answered(const char *method, const char *path, const char *headers, const char *body)
{
    const struct flow_answer *a = status(deferred(method, path, headers, body));
    ck_status(a, 200);
    ck_assert_ptr_nonnull(flow_header(a, "Expires"));
    ck_assert_str_eq(flow_text(a->json, "type"), "batch-response");
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry")), 1);
    return flow_node(a->json, "entry[0]");
}

static void make(const char *id)
{
    ck_status(
        flow_put(arena_printf(flow_arena(), "Basic/%s", id),
                 arena_printf(flow_arena(),
                              "{\"resourceType\":\"Basic\",\"id\":\"%s\",\"code\":{\"text\":\"x\"}}", id)),
        201);
}

START_TEST(test_what_reads_can_be_answered_later)
{
    make("a");
    const json *e = answered("GET", "Basic?_id=a", NULL, NULL);
    ck_assert_str_eq(flow_text(e, "response.status"), "200 OK");
    ck_assert_str_eq(flow_text(e, "resource.type"), "searchset");
    ck_assert_str_eq(flow_text(e, "resource.entry[0].resource.id"), "a");
    ck_assert_str_eq(flow_text(e, "resource.link[0].url"), FLOW_BASE "/Basic?_id=a");
    e = answered("GET", "Basic/a", "Accept: application/fhir+xml\n", NULL);
    ck_assert_str_eq(flow_text(e, "response.etag"), "W/\"1\"");
    ck_assert_str_eq(flow_text(e, "fullUrl"), FLOW_BASE "/Basic/a");
    ck_assert_str_eq(flow_text(e, "resource.id"), "a");
    e = answered("GET", "Basic/a?_elements=id", NULL, NULL);
    ck_assert_str_eq(flow_text(e, "resource.meta.tag[0].code"), "SUBSETTED");
    ck_assert_str_eq(flow_text(answered("GET", "Basic/a/_history", NULL, NULL), "resource.type"), "history");
    ck_assert_str_eq(flow_text(answered("POST", "Basic/_search",
                                        "Content-Type: application/x-www-form-urlencoded\n", "_id=a"),
                               "resource.entry[0].resource.id"),
                     "a");
    ck_assert_str_eq(flow_text(answered("GET", "Basic/a/$meta", NULL, NULL), "resource.resourceType"),
                     "Parameters");
    ck_assert_str_eq(flow_text(answered("POST", "$validate", NULL, "{\"resourceType\":\"Basic\"}"),
                               "response.outcome.issue[0].code"),
                     "required");
}
END_TEST

START_TEST(test_failures)
{
    /* what is wrong with the request is said at once */
    ck_status(flow("GET", "Basic?nonsense=1", ASYNC "Prefer: handling=strict\n", NULL), 400);
    ck_status(
        flow("GET", "Basic", arena_printf(flow_arena(), ASYNC "%s", flow_token("system/Patient.rs")), NULL),
        403);
    const json *e = answered("GET", "Basic/nobody", NULL, NULL);
    ck_assert_str_eq(flow_text(e, "response.status"), "404 Not Found");
    ck_assert_str_eq(flow_text(e, "response.outcome.issue[0].code"), "not-found");
}
END_TEST

static const struct flow_answer *file_of(const json *manifest, const char *at)
{
    return flow_get(flow_text(flow_node(manifest, at), "url") + strlen(FLOW_BASE "/"));
}

static int lines(const struct flow_answer *a)
{
    int n = 0;
    ck_status(a, 200);
    ck_assert_str_eq(flow_header(a, "Content-Type"), "application/fhir+ndjson");
    for (size_t i = 0; i < a->body.len; i++)
        n += a->body.s[i] == '\n';
    ck_assert_int_eq(a->body.s[a->body.len - 1], '\n');
    return n;
}

START_TEST(test_pages_become_files)
{
    for (int i = 0; i < 5; i++)
        make(arena_printf(flow_arena(), "nd%d", i));
    const struct flow_answer *a = status(deferred(
        "GET", "Basic?_id=nd0,nd1,nd2,nd3,nd4&_count=2&_outputFormat=application/fhir%2Bndjson", NULL, NULL));
    ck_status(a, 200);
    ck_assert_str_eq(flow_header(a, "Content-Type"), "application/json");
    ck_assert_ptr_nonnull(flow_header(a, "Expires"));
    ck_assert_str_eq(flow_text(a->json, "request"), FLOW_BASE
                     "/Basic?_id=nd0,nd1,nd2,nd3,nd4&_count=2&_outputFormat=application/fhir%2Bndjson");
    ck_assert(json_is_true(json_get(a->json, "requiresAccessToken")));
    ck_assert_ptr_nonnull(flow_text(a->json, "transactionTime"));
    ck_assert_uint_eq(json_count(json_get(a->json, "output")), 3);
    ck_assert_uint_eq(json_count(json_get(a->json, "error")), 0);
    ck_assert_str_eq(flow_text(a->json, "output[0].type"), "Basic");
    ck_assert_int_eq(lines(file_of(a->json, "output[0]")), 2);
    ck_assert_int_eq(lines(file_of(a->json, "output[2]")), 1);
    /* nobody else's, and gone with the rest */
    const char *url = flow_text(a->json, "output[0].url") + strlen(FLOW_BASE "/");
    ck_status(flow("GET", url, flow_token("system/*.rs"), NULL), 404);
    ck_status(flow("GET", url, "Authorization:\n", NULL), 401);
    char *path = arena_strdup(flow_arena(), url);
    *strrchr(path, '/') = '\0';
    ck_status(flow_get(arena_printf(flow_arena(), "%s/3", path)), 404);
    ck_status(flow_get(arena_printf(flow_arena(), "%s/x", path)), 404);
    ck_status(flow_delete(path), 202);
    ck_status(flow_get(url), 404);
    /* by POST, with a finding; a history */
    a = status(deferred("POST", "Basic/_search?_outputFormat=ndjson",
                        "Content-Type: application/x-www-form-urlencoded\n", "_id=nd0&nonsense=1"));
    ck_assert_int_eq(lines(file_of(a->json, "output[0]")), 1);
    ck_assert_int_eq(lines(file_of(a->json, "error[0]")), 1);
    a = status(deferred("GET", "Basic/nd0/_history?_outputFormat=ndjson", NULL, NULL));
    ck_assert_int_eq(lines(file_of(a->json, "output[0]")), 1);
    a = status(deferred("GET", "Basic?_id=nobody&_outputFormat=ndjson", NULL, NULL));
    ck_assert_uint_eq(json_count(json_get(a->json, "output")), 0);
    /* what cannot be */
    ck_status(flow("GET", "Basic?_outputFormat=text/csv", ASYNC, NULL), 400);
    ck_status(flow("GET", "Basic/nd0?_outputFormat=ndjson", ASYNC, NULL), 400);
    flow_set("async.max_result=1");
    a = status(deferred("GET", "Basic?_id=nd0&_outputFormat=ndjson", NULL, NULL));
    ck_assert_str_eq(flow_text(a->json, "entry[0].response.outcome.issue[0].code"), "too-long");
}
END_TEST

START_TEST(test_what_writes_is_done_at_once)
{
    ck_status(flow("POST", "Basic", ASYNC, "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}"), 201);
    ck_status(flow("GET", "metadata", ASYNC, NULL), 200);
}
END_TEST

START_TEST(test_the_answer_is_the_owners)
{
    const char *path = deferred("GET", "Basic", NULL, NULL);
    ck_status(flow("GET", path, flow_token("system/*.rs"), NULL), 404);
    ck_status(flow("DELETE", path, flow_token("system/*.rs"), NULL), 404);
    ck_status(flow("GET", path, "Authorization:\n", NULL), 401);
    ck_status(status(path), 200);
    ck_status(flow_delete(path), 202);
    ck_status(flow_get(path), 404);
    ck_status(flow_delete(path), 404);
    ck_status(flow_get("_async/nothing"), 404);
}
END_TEST

START_TEST(test_under_way_cancelled_and_lost)
{
    run_sql("BEGIN; LOCK TABLE res IN ACCESS EXCLUSIVE MODE");
    const char *first = deferred("GET", "Basic", NULL, NULL), *second = deferred("GET", "Basic", NULL, NULL);
    const struct flow_answer *a = flow_get(first);
    ck_status(a, 202);
    ck_assert_str_eq(flow_header(a, "X-Progress"), "under way");
    ck_status(flow_delete(second), 202);
    ck_status(flow_get(second), 404);
    const char *third = deferred("GET", "Basic", NULL, NULL);
    run_sql("ROLLBACK");
    ck_status(status(first), 200);
    ck_status(flow_get(second), 404);
    ck_status(status(third), 200);
    run_sql("UPDATE deferred SET content = NULL, alive = now() - interval '1 hour'");
    ck_status(flow_get(first), 500);
    run_sql("UPDATE deferred SET expires = now() - interval '1 second'");
    ck_status(flow_get(first), 404);
}
END_TEST

static int64_t waiting(void)
{
    return test_count(flow_conn(), flow_arena(),
                      "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'res'::regclass");
}

START_TEST(test_a_cancelled_statement_ends)
{
    run_sql("BEGIN; LOCK TABLE res IN ACCESS EXCLUSIVE MODE");
    const char *path = deferred("GET", "Basic", NULL, NULL);
    while (waiting() == 0) /* until the test's time is over */
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    ck_status(flow_delete(path), 202);
    while (waiting() > 0)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    run_sql("ROLLBACK");
}
END_TEST

START_TEST(test_limits)
{
    make("big");
    flow_set("async.max_result=1");
    const json *e = answered("GET", "Basic/big", NULL, NULL);
    ck_assert_ptr_null(flow_node(e, "resource"));
    ck_assert_str_eq(flow_text(e, "response.outcome.issue[0].code"), "too-long");
    flow_set("async.per_client=2");
    const char *path = deferred("GET", "Basic/big", NULL, NULL);
    const struct flow_answer *a = flow("GET", "Basic/big", ASYNC, NULL);
    ck_status(a, 429);
    ck_assert_str_eq(flow_text(a->json, "issue[0].code"), "throttled");
    ck_assert_ptr_nonnull(flow_header(a, "Retry-After"));
    /* other scopes of the same client count as well */
    ck_status(
        flow("GET", "Basic/big", arena_printf(flow_arena(), ASYNC "%s", flow_token("system/*.rs")), NULL),
        429);
    ck_status(flow_delete(path), 202);
    ck_status(flow("GET", "Basic/big", ASYNC, NULL), 202);
}
END_TEST

static void begin(void)
{
    flow_begin();
    run_sql("DELETE FROM deferred");
}

Suite *suite_flow_deferred(void)
{
    Suite *s = suite_create("flow/deferred");
    TCase *tc = tcase_create("deferred");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, begin, flow_end);
    tcase_add_test(tc, test_what_reads_can_be_answered_later);
    tcase_add_test(tc, test_failures);
    tcase_add_test(tc, test_pages_become_files);
    tcase_add_test(tc, test_what_writes_is_done_at_once);
    tcase_add_test(tc, test_the_answer_is_the_owners);
    tcase_add_test(tc, test_under_way_cancelled_and_lost);
    tcase_add_test(tc, test_a_cancelled_statement_ends);
    tcase_add_test(tc, test_limits);
    suite_add_tcase(s, tc);
    return s;
}
