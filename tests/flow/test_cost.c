/* A search that runs out of its time: which answer it has, and that the server goes on. */
#include "base/clock.h"
#include "support/flow.h"

static void begin(void)
{
    flow_suite_begin();
    flow_base("search.timeout=300ms");
}

static void run(const char *text)
{
    struct err err;
    ck_ok(db_run(flow_conn(), text, &err));
}

/* Whatever asks idx_str takes half a minute. */
static void slow_down(void)
{
    run("ALTER TABLE idx_str RENAME TO idx_str_table; CREATE VIEW idx_str AS SELECT s.* FROM "
        "(SELECT pg_sleep(30)) z CROSS JOIN idx_str_table s");
}

static void speed_up(void)
{
    run("DROP VIEW idx_str; ALTER TABLE idx_str_table RENAME TO idx_str");
}

static void populate(void)
{
    for (int i = 0; i < 3; i++)
        ck_assert_int_lt(
            flow_put(
                arena_printf(flow_arena(), "Patient/c%d", i),
                arena_printf(flow_arena(),
                             "{\"resourceType\":\"Patient\",\"id\":\"c%d\",\"gender\":\"female\",\"name\":[{"
                             "\"family\":\"Costa\"}]}",
                             i))
                ->status,
            300);
}

static const char *refusal(const struct flow_answer *a)
{
    ck_status(a, 503);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "OperationOutcome");
    ck_assert_str_eq(flow_text(a->json, "issue[0].code"), "too-costly");
    ck_assert_ptr_null(flow_header(a, "Retry-After"));
    return flow_text(a->json, "issue[0].diagnostics");
}

#define ck_says(text, part) ck_assert_msg(strstr((text), (part)) != NULL, "%s", (text))

START_TEST(test_the_answer_names_what_costs)
{
    populate();
    slow_down();
    int64_t start = clock_mono_us();
    const char *text = refusal(flow_get("Patient?gender=female&name:contains=secret&_id:not=x"));
    ck_assert_int_lt(clock_mono_us() - start, 15 * INT64_C(1000000));
    ck_says(text, "add a parameter that few resources pass, such as");
    ck_says(text, "identifier");
    ck_assert_ptr_null(strstr(text, "secret"));
    ck_says(refusal(flow_get("Patient?name:contains=secret")), "'name:contains'");
    ck_says(refusal(flow_get("Observation?subject:Patient.name=secret&code=x")), "'subject:Patient.name'");
    ck_says(refusal(flow_get("Patient?_sort=name,birthdate")), "'_sort'");
    /* on a worker, as part of a batch */
    ck_says(refusal(flow_get("Patient?name=secret&_revinclude=Observation:subject")), "'name'");
    const struct flow_answer *batch = flow_post(
        "", "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\","
            "\"url\":\"Patient?name=secret\"}},{\"request\":{\"method\":\"GET\",\"url\":\"Patient/c1\"}}]}");
    ck_status(batch, 200);
    ck_assert_int_eq(atoi(flow_text(batch->json, "entry[0].response.status")), 503);
    ck_says(flow_text(batch->json, "entry[0].response.outcome.issue[0].diagnostics"), "'name'");
    ck_assert_int_eq(atoi(flow_text(batch->json, "entry[1].response.status")), 200);
    speed_up();
    ck_status(flow_get("Patient?name=Costa"), 200);
}
END_TEST

START_TEST(test_others_go_on)
{
    enum { SLOW = 12 };
    struct flow_call *calls[SLOW];
    populate();
    slow_down();
    for (int i = 0; i < SLOW; i++)
        calls[i] = flow_send("GET", "Patient?name=secret", NULL, NULL);
    ck_status(flow_get("Patient/c1"), 200);
    for (int i = 0; i < SLOW; i++)
        refusal(flow_wait(calls[i]));
    speed_up();
    ck_assert_uint_eq(json_count(flow_node(flow_get("Patient?name=Costa")->json, "entry")), 3);
    ck_status(flow_get("Patient?name=Costa&_include=Patient:organization"), 200);
}
END_TEST

Suite *suite_flow_cost(void)
{
    Suite *s = suite_create("flow/cost");
    TCase *tc = tcase_create("cost");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_the_answer_names_what_costs);
    tcase_add_test(tc, test_others_go_on);
    suite_add_tcase(s, tc);
    return s;
}
