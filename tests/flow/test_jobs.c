/* SearchParameters that come and go while the server runs, $reindex, and what several servers and writers do to them. */
#include <unistd.h>

#include "base/clock.h"
#include "support/flow.h"

enum { PATIENCE_US = 40 * 1000 * 1000, CLIENTS = 16 };

static const char *nickname(const char *code, const char *status, const char *use)
{
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"SearchParameter\",\"id\":\"%s\",\"url\":\"http://x.test/%s\",\"name\":\"N\","
        "\"status\":\"%s\",\"description\":\"d\",\"code\":\"%s\",\"base\":[\"Patient\"],\"type\":"
        "\"string\",\"expression\":\"Patient.name.where(use='%s').given\"}",
        code, code, status, code, use);
}

static const char *patient(const char *id, const char *name)
{
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"Patient\",\"id\":\"%s\",\"name\":[{\"use\":\"nickname\",\"given\":[\"%s\"]},"
        "{\"use\":\"old\",\"given\":[\"Old%s\"]}]}",
        id, name, name);
}

static const char *rival(const char *id, const char *status)
{
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"SearchParameter\",\"id\":\"%s\",\"url\":\"http://x.test/%s\",\"name\":\"N\","
        "\"status\":\"%s\",\"description\":\"d\",\"code\":\"rival\",\"base\":[\"Patient\"],\"type\":"
        "\"string\",\"expression\":\"Patient.name.given\"}",
        id, id, status);
}

/* How the CapabilityStatement calls the state of a parameter of Patient: "" when it is not there. */
static const char *state_of(const char *code)
{
    json_each (resource, flow_node(flow_get("metadata")->json, "rest[0].resource"))
        if (strcmp(flow_text(resource, "type"), "Patient") == 0)
            json_each (p, json_get(resource, "searchParam"))
                if (strcmp(flow_text(p, "name"), code) == 0)
                    return flow_text(p, "extension[0].valueCode");
    return "";
}

static void wait_for(const char *code, const char *state)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    while (strcmp(state_of(code), state) != 0) {
        ck_assert_msg(clock_mono_us() < until, "%s is '%s', not '%s'", code, state_of(code), state);
        usleep(50 * 1000);
    }
}

static size_t matches(const struct flow_answer *a)
{
    size_t n = 0;
    ck_status(a, 200);
    json_each (entry, flow_node(a->json, "entry"))
        n += strcmp(flow_text(entry, "search.mode"), "match") == 0;
    return n;
}

static const struct flow_answer *strictly(const char *path)
{
    return flow("GET", path, "Prefer: handling=strict\n", NULL);
}

START_TEST(test_a_search_parameter_comes_changes_and_goes)
{
    flow_put("Patient/sp1", patient("sp1", "Taro"));
    flow_jobs_start();
    ck_status(strictly("Patient?nick=taro"), 400);
    ck_status(flow_put("SearchParameter/nick", nickname("nick", "active", "nickname")), 201);
    wait_for("nick", "ready");
    ck_assert_uint_eq(matches(strictly("Patient?nick=taro")), 1);
    ck_assert_uint_eq(matches(strictly("Patient?nick=oldtaro")), 0);
    flow_put("Patient/sp2", patient("sp2", "Taro"));
    ck_assert_uint_eq(matches(strictly("Patient?nick=taro")), 2);
    /* another expression: the index is made anew */
    ck_status(flow_put("SearchParameter/nick", nickname("nick", "active", "old")), 200);
    wait_for("nick", "building");
    wait_for("nick", "ready");
    ck_assert_uint_eq(matches(strictly("Patient?nick=oldtaro")), 2);
    ck_assert_uint_eq(matches(strictly("Patient?nick=taro")), 0);
    int64_t rows = test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM idx_str");
    ck_status(flow_put("SearchParameter/nick", nickname("nick", "retired", "old")), 200);
    wait_for("nick", "");
    ck_status(strictly("Patient?nick=oldtaro"), 400);
    int64_t until = clock_mono_us() + PATIENCE_US;
    while (test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM job WHERE state < 3") > 0)
        ck_assert(clock_mono_us() < until && usleep(20000) == 0);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM idx_str"), rows - 2);
}
END_TEST

/* Held up by a server that does not follow, it stays as it is; and says so. */
START_TEST(test_what_is_being_built_says_so)
{
    flow_put("Patient/b1", patient("b1", "Hanako"));
    flow_jobs_start();
    test_ask(flow_conn(), flow_arena(),
             "INSERT INTO server (tenant, node, generation, seen) VALUES (1, 5000, 0, now() + '1 hour') "
             "RETURNING 1");
    ck_status(flow_put("SearchParameter/slow", nickname("slow", "active", "nickname")), 201);
    wait_for("slow", "building");
    const struct flow_answer *a = flow_get("Patient?slow=hanako");
    ck_status(a, 200);
    size_t n = json_count(flow_node(a->json, "entry"));
    json *outcome = json_at(flow_node(a->json, "entry"), n - 1);
    ck_assert_str_eq(flow_text(outcome, "search.mode"), "outcome");
    ck_assert_ptr_nonnull(strstr(flow_text(outcome, "resource.issue[0].diagnostics"), "still being built"));
    a = strictly("Patient?slow=hanako");
    ck_status(a, 400);
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "issue[0].diagnostics"), "still being built"));
    test_ask(flow_conn(), flow_arena(), "DELETE FROM server WHERE node = 5000 RETURNING 1");
    wait_for("slow", "ready");
    ck_assert_uint_eq(matches(strictly("Patient?slow=hanako")), 1);
    ck_status(flow_delete("SearchParameter/slow"), 204);
    wait_for("slow", "");
}
END_TEST

START_TEST(test_what_is_refused)
{
    const struct flow_answer *a = flow_post(
        "SearchParameter",
        "{\"resourceType\":\"SearchParameter\",\"url\":\"http://x.test/"
        "bad\",\"name\":\"N\",\"status\":\"active\","
        "\"description\":\"d\",\"code\":\"bad\",\"base\":[\"Patient\"],\"type\":\"string\",\"expression\":"
        "\"Patient.name.where(\"}");
    ck_status(a, 422);
    ck_assert_str_eq(flow_text(a->json, "issue[0].expression[0]"), "SearchParameter.expression");
    ck_status(flow_put("SearchParameter/name", nickname("name", "active", "old")), 422);
}
END_TEST

static const char *await_job(const struct flow_answer *accepted)
{
    ck_status(accepted, 202);
    const char *url = flow_header(accepted, "Content-Location") + sizeof FLOW_BASE;
    int64_t until = clock_mono_us() + PATIENCE_US;
    for (;;) {
        const struct flow_answer *a = flow_get(url);
        if (a->status == 200)
            return arena_strndup(flow_arena(), a->body.s, a->body.len);
        ck_status(a, 202);
        ck_assert_ptr_nonnull(flow_header(a, "X-Progress"));
        ck_assert(clock_mono_us() < until && usleep(50000) == 0);
    }
}

START_TEST(test_reindex_repairs_what_is_broken)
{
    flow_put("Patient/r1", patient("r1", "Jiro"));
    flow_put("Observation/r1",
             "{\"resourceType\":\"Observation\",\"id\":\"r1\",\"status\":\"final\",\"code\":{\"coding\":"
             "[{\"code\":\"a\"},{\"code\":\"b\"}]},\"subject\":{\"reference\":\"Patient/r1\"},"
             "\"effectiveDateTime\":\"2020-01-01\",\"valueQuantity\":{\"value\":1.5,\"unit\":\"g\"}}");
    struct str before = test_index_rows(flow_conn(), flow_arena(), "r1");
    int64_t sum =
        test_count(flow_conn(), flow_arena(),
                   "SELECT sum(hashtextextended((keys, pat, code, cat, dt, q, ix)::text, 0) % 1000000)::int8 "
                   "FROM res WHERE rid = 'r1'");
    test_ask(flow_conn(), flow_arena(),
             "WITH d AS (DELETE FROM idx_str), e AS (DELETE FROM idx_ovf) UPDATE res SET keys = '{}', pat = "
             "NULL, code "
             "= 7, ix = 1, q = 3 WHERE NOT deleted RETURNING 1");
    flow_jobs_start();
    ck_status(flow("POST", "$reindex", flow_token("system/Patient.cruds"), ""), 403);
    ck_status(flow_post("$reindex?type=Nothing", ""), 400);
    ck_status(flow_post("Patient/$reindex?type=Observation", ""), 400);
    ck_status(flow("POST", "Patient/$reindex", flow_token("system/Patient.cruds"), ""), 403);
    const char *end = await_job(flow("POST", "$reindex", "Content-Type: application/fhir+json\n", ""));
    ck_assert_ptr_nonnull(strstr(end, "\"done\""));
    struct str after = test_index_rows(flow_conn(), flow_arena(), "r1");
    ck_assert_str_eq(after.s, before.s);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(),
                                "SELECT sum(hashtextextended((keys, pat, code, cat, dt, q, ix)::text, 0) % "
                                "1000000)::int8 FROM res WHERE rid = 'r1'"),
                     sum);
    ck_assert_uint_eq(matches(flow_get("Observation?patient=r1&code=b")), 1);
    ck_status(flow_get("_job/none"), 404);
}
END_TEST

/* Rows that are lost although their hash is there. */
START_TEST(test_reindex_counts_side_rows)
{
    for (int i = 0; i < 3; i++)
        flow_put(arena_printf(flow_arena(), "Patient/l%d", i),
                 patient(arena_printf(flow_arena(), "l%d", i), "Goro"));
    struct str before = test_index_rows(flow_conn(), flow_arena(), "l1");
    test_ask(flow_conn(), flow_arena(),
             "DELETE FROM idx_str WHERE k IN (SELECT k FROM res WHERE rid LIKE 'l_') RETURNING 1");
    flow_jobs_start();
    const char *end = await_job(flow_post("$reindex?type=Patient", ""));
    ck_assert_ptr_nonnull(strstr(end, "{\"name\":\"changed\",\"valueDecimal\":3}"));
    ck_assert_str_eq(test_index_rows(flow_conn(), flow_arena(), "l1").s, before.s);
    end = await_job(flow_post("Patient/$reindex", ""));
    ck_assert_ptr_nonnull(strstr(end, "{\"name\":\"changed\",\"valueDecimal\":0}"));
}
END_TEST

/* The lease of a server that died has run out: the job goes on where it was. */
START_TEST(test_a_job_is_taken_over)
{
    for (int i = 0; i < 5; i++)
        flow_put(arena_printf(flow_arena(), "Patient/t%d", i),
                 patient(arena_printf(flow_arena(), "t%d", i), "Saburo"));
    test_ask(flow_conn(), flow_arena(), "UPDATE res SET keys = '{}' WHERE rid LIKE 't_' RETURNING 1");
    const struct flow_answer *accepted = flow_post("$reindex?type=Patient", "");
    test_ask(flow_conn(), flow_arena(),
             "UPDATE job SET state = 2, node = 4000, lease = now() - interval '1 s', total = 100, done = 50, "
             "at_rid = "
             "'t2', at_rtype = (SELECT rtype FROM res WHERE rid = 't2') WHERE state = 1 RETURNING 1");
    flow_jobs_start();
    flow_jobs_start();
    await_job(accepted);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(),
                                "SELECT count(*) FROM res WHERE rid IN ('t0', 't1', 't2') AND keys = '{}'"),
                     3);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(),
                                "SELECT count(*) FROM res WHERE rid IN ('t3', 't4') AND keys <> '{}'"),
                     2);
}
END_TEST

/* What a writer holds is passed over, and visited again when it is free; nobody waits. */
START_TEST(test_a_held_row_is_not_waited_for)
{
    struct err err;
    flow_put("Patient/h1", patient("h1", "Shiro"));
    test_ask(flow_conn(), flow_arena(), "UPDATE res SET keys = '{}' WHERE rid = 'h1' RETURNING 1");
    flow_jobs_start();
    ck_ok(db_begin(flow_conn(), &err));
    test_ask(flow_conn(), flow_arena(), "SELECT 1 FROM res WHERE rid = 'h1' FOR UPDATE");
    const struct flow_answer *accepted = flow_post("$reindex?type=Patient", "");
    const char *url = flow_header(accepted, "Content-Location") + sizeof FLOW_BASE;
    usleep(1500 * 1000);
    ck_status(flow_get(url), 202);
    ck_assert_int_eq(
        test_count(flow_conn(), flow_arena(),
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                   "current_database()"),
        0);
    ck_ok(db_commit(flow_conn(), &err));
    await_job(accepted);
    ck_assert_int_eq(
        test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM res WHERE rid = 'h1' AND keys <> '{}'"),
        1);
}
END_TEST

/* Of several with one code, written at the same moment and in all ways, one is stored as active. */
START_TEST(test_one_of_a_code)
{
    for (int round = 0; round < 4; round++) {
        struct flow_call *calls[CLIENTS];
        int made = 0;
        ck_assert_int_lt(flow_put("SearchParameter/rp", rival("rp", "draft"))->status, 300);
        for (int i = 0; i < CLIENTS; i++) {
            const char *id = arena_printf(flow_arena(), "r%d", i), *body = rival(id, "active");
            calls[i] =
                i % 4 == 0
                    ? flow_send("PUT", arena_printf(flow_arena(), "SearchParameter/%s", id), NULL, body)
                : i % 4 == 1
                    ? flow_send("PATCH", "SearchParameter/rp", "Content-Type: application/json-patch+json\n",
                                "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"active\"}]")
                : i % 4 == 2
                    ? flow_send(
                          "POST", "", NULL,
                          arena_printf(flow_arena(),
                                       "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{"
                                       "\"resource\":%s,\"request\":{\"method\":\"PUT\",\"url\":"
                                       "\"SearchParameter/%s\"}}]}",
                                       body, id))
                    : flow_send("PUT", arena_printf(flow_arena(), "SearchParameter?_id=%s", id), NULL, body);
        }
        for (int i = 0; i < CLIENTS; i++) {
            int status = flow_wait(calls[i])->status;
            ck_assert_msg(status < 300 || status == 422, "%d", status);
            made += status < 300 && i % 4 != 1;
        }
        made += flow_get("SearchParameter?code=rival&status=active&_id=rp")->json &&
                matches(flow_get("SearchParameter?code=rival&status=active&_id=rp")) > 0;
        ck_assert_int_eq(made, 1);
        ck_assert_uint_eq(matches(flow_get("SearchParameter?code=rival&status=active")), 1);
        for (int i = 0; i < CLIENTS; i++)
            flow_delete(arena_printf(flow_arena(), "SearchParameter/r%d", i));
    }
    const char *both =
        arena_printf(flow_arena(),
                     "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"resource\":%s,"
                     "\"request\":{\"method\":\"PUT\",\"url\":\"SearchParameter/r1\"}},{\"resource\":%s,"
                     "\"request\":{\"method\":\"PUT\",\"url\":\"SearchParameter/r2\"}}]}",
                     rival("r1", "active"), rival("r2", "active"));
    flow_put("SearchParameter/rp", rival("rp", "draft"));
    ck_status(flow_post("", both), 422);
    ck_status(flow_get("SearchParameter/r1"), 404);
}
END_TEST

/* Writers, two servers' jobs, and parameters that come and go: in the end the index is what a fresh one would be. */
START_TEST(test_writers_and_jobs_together)
{
    flow_jobs_start();
    flow_jobs_start();
    for (int round = 0; round < 30; round++) {
        struct flow_call *calls[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
            const char *id = arena_printf(flow_arena(), "c%d", (i + round) % 6);
            const char *path = arena_printf(flow_arena(), "Patient/%s", id);
            calls[i] = i % 7 == 6
                           ? flow_send("DELETE", path, NULL, NULL)
                           : flow_send("PUT", path, NULL,
                                       patient(id, arena_printf(flow_arena(), "N%d", round * 100 + i)));
        }
        if (round % 6 == 0)
            flow_put("SearchParameter/mix", nickname("mix", round % 12 ? "retired" : "active", "nickname"));
        else if (round % 2)
            ck_status(flow_post("$reindex", ""), 202);
        for (int i = 0; i < CLIENTS; i++)
            ck_assert_int_lt(flow_wait(calls[i])->status, 300);
    }
    wait_for("mix", "ready");
    await_job(flow_post("$reindex", ""));
    for (int i = 0; i < 6; i++) {
        const char *id = arena_printf(flow_arena(), "c%d", i);
        const struct flow_answer *a = flow_get(arena_printf(flow_arena(), "Patient/%s", id));
        struct str rows = test_index_rows(flow_conn(), flow_arena(), id);
        if (a->status == 410) {
            ck_assert_str_eq(rows.s,
                             "idx_str: \nidx_date: \nidx_num: \nidx_ovf: \nidx_text: \ncontained: \n");
            continue;
        }
        const char *name = flow_text(a->json, "name[0].given[0]");
        flow_put("Patient/calm", patient("calm", name));
        struct str calm = test_index_rows(flow_conn(), flow_arena(), "calm");
        ck_assert_str_eq(rows.s, calm.s);
        ck_assert_uint_eq(
            matches(strictly(arena_printf(flow_arena(), "Patient?mix:exact=%s&_id=%s", name, id))), 1);
    }
}
END_TEST

Suite *suite_flow_jobs(void)
{
    Suite *s = suite_create("flow/jobs");
    TCase *tc = tcase_create("jobs");
    tcase_set_timeout(tc, 180);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_a_search_parameter_comes_changes_and_goes);
    tcase_add_test(tc, test_what_is_being_built_says_so);
    tcase_add_test(tc, test_what_is_refused);
    tcase_add_test(tc, test_one_of_a_code);
    tcase_add_test(tc, test_reindex_repairs_what_is_broken);
    tcase_add_test(tc, test_reindex_counts_side_rows);
    tcase_add_test(tc, test_a_job_is_taken_over);
    tcase_add_test(tc, test_a_held_row_is_not_waited_for);
    tcase_add_test(tc, test_writers_and_jobs_together);
    suite_add_tcase(s, tc);
    return s;
}
