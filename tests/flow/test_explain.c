/* _explain: who may, and what it tells. */
#include "support/flow.h"

#define SEARCH                                                                                               \
    "Patient?family:contains=Secretname&gender=female&birthdate=ge1950&_sort=-birthdate&_explain=true"

static const json *find(const json *list, const char *name)
{
    json_each (p, list)
        if (strcmp(flow_text(p, "name"), name) == 0)
            return p;
    return NULL;
}

START_TEST(test_needs_its_scope)
{
    const struct flow_answer *a = flow("GET", SEARCH, flow_token("system/*.cruds"), NULL);
    ck_status(a, 403);
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "issue[0].diagnostics"), "system/explain"));
    ck_status(flow("GET", SEARCH, flow_token("system/explain system/Observation.rs"), NULL), 403);
    ck_status(flow("GET", SEARCH, flow_token("system/explain"), NULL), 403);
    ck_status(flow("GET", SEARCH, flow_token("system/Patient.rs system/explain"), NULL), 200);
    ck_status(flow_get("Patient?_explain=maybe"), 400);
    ck_assert_str_eq(flow_text(flow_get("Patient?_explain=false")->json, "resourceType"), "Bundle");
}
END_TEST

START_TEST(test_tells_the_plan_without_values)
{
    ck_assert_int_lt(flow_put("Patient/explained",
                              "{\"resourceType\":\"Patient\",\"id\":\"explained\",\"gender\":"
                              "\"female\",\"birthDate\":\"1977-07-07\",\"name\":[{\"family\":"
                              "\"Secretname\"}]}")
                         ->status,
                     300);
    const struct flow_answer *a = flow_get(SEARCH);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "Parameters");
    ck_assert_ptr_null(strcasestr(a->body.s, "secret"));
    ck_assert_ptr_null(strstr(a->body.s, "1977"));
    ck_assert_ptr_null(strstr(a->body.s, "-6311")); /* 1950 in µs */
    const json *list = flow_node(a->json, "parameter");
    ck_assert_ptr_nonnull(strstr(flow_text(find(list, "statement"), "valueString"), "$1"));
    ck_assert(json_is_true(flow_node(find(list, "completed"), "valueBoolean")));
    ck_assert_ptr_nonnull(find(list, "planning-time"));
    ck_assert_ptr_nonnull(find(list, "execution-time"));
    int steps = 0, indexes = 0, found = 0;
    json_each (p, list) {
        const json *part = json_get(p, "part");
        if (!part)
            continue;
        steps++;
        indexes += find(part, "index") != NULL;
        ck_assert(find(part, "level") && find(part, "operation") && find(part, "estimated-rows"));
        ck_assert(find(part, "rows") && find(part, "time"));
        const json *table = find(part, "table");
        found += table && strcmp(flow_text(table, "valueString"), "idx_str") == 0;
    }
    ck_assert_int_gt(steps, 3);
    ck_assert_int_gt(indexes, 0);
    ck_assert_int_gt(found, 0);
}
END_TEST

START_TEST(test_of_every_kind_of_search)
{
    static const char *const searches[] = {
        "Patient?_explain=true",
        "Patient?_id=a,b&_explain=true",
        "?_type=Patient,Observation&_explain=true",
        "Patient/x/Observation?_explain=true",
        "Observation?value-quantity=gt5&code=x&_explain=true",
        "Observation?date=lt2020,gt2021&_lastUpdated=gt2020&_explain=true&_summary=count",
        "Patient?name=O'Neil\\,x&_include=Patient:organization&_explain=true"};
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        ck_status(flow_get(searches[i]), 200);
        ck_status(flow_get(searches[i]), 200); /* nothing is left behind */
    }
}
END_TEST

START_TEST(test_of_one_that_takes_too_long)
{
    struct err err;
    ck_ok(db_run(flow_conn(),
                 "ALTER TABLE idx_str RENAME TO idx_str_table; CREATE VIEW idx_str AS SELECT s.* FROM "
                 "(SELECT pg_sleep(30)) z CROSS JOIN idx_str_table s",
                 &err));
    const struct flow_answer *a = flow_get(SEARCH);
    ck_ok(db_run(flow_conn(), "DROP VIEW idx_str; ALTER TABLE idx_str_table RENAME TO idx_str", &err));
    ck_status(a, 200);
    const json *list = flow_node(a->json, "parameter");
    ck_assert(!json_is_true(flow_node(find(list, "completed"), "valueBoolean")));
    ck_assert_ptr_nonnull(
        find(find(list, "step") ? flow_node(find(list, "step"), "part") : NULL, "operation"));
}
END_TEST

static void begin(void)
{
    flow_suite_begin();
    flow_base("search.timeout=2s");
}

Suite *suite_flow_explain(void)
{
    Suite *s = suite_create("flow/explain");
    TCase *tc = tcase_create("explain");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_needs_its_scope);
    tcase_add_test(tc, test_tells_the_plan_without_values);
    tcase_add_test(tc, test_of_every_kind_of_search);
    tcase_add_test(tc, test_of_one_that_takes_too_long);
    suite_add_tcase(s, tc);
    return s;
}
