/* Code systems and value sets that are stored as resources: searches follow them at once. */
#include "support/flow.h"

#define CODE_SYSTEM                                                                                          \
    "{\"resourceType\":\"CodeSystem\",\"id\":\"animals\",\"url\":\"http://x/animals\",\"version\":\"1\","    \
    "\"status\":\"active\",\"content\":\"complete\",\"caseSensitive\":true,\"concept\":[{\"code\":"          \
    "\"mammal\",\"display\":\"Mammal\",\"concept\":[{\"code\":\"dog\",\"display\":\"Dog\"},{\"code\":"       \
    "\"whale\",\"display\":\"Whale\"}]},{\"code\":\"fish\",\"display\":\"Fish\"}]}"
#define VALUE_SET(id, include)                                                                               \
    "{\"resourceType\":\"ValueSet\",\"id\":\"" id "\",\"url\":\"http://x/" id                                \
    "\",\"status\":\"active\",\"compose\":{\"include\":[" include "]}}"
#define LIST(codes) "{\"system\":\"http://x/animals\",\"concept\":[" codes "]}"
#define CODE(code)  "{\"code\":\"" code "\"}"
#define OBSERVATION(id, code)                                                                                \
    "{\"resourceType\":\"Observation\",\"id\":\"" id "\",\"status\":\"final\",\"code\":{\"coding\":[{"       \
    "\"system\":\"http://x/animals\",\"code\":\"" code "\"}]}}"

static void put(const char *path, const char *body)
{
    const struct flow_answer *a = flow_put(path, body);
    ck_assert_msg(a->status == 200 || a->status == 201, "%s: %.*s", path, STR_FMT(a->body));
}

static void put_all(void)
{
    put("CodeSystem/animals", CODE_SYSTEM);
    put("Observation/d", OBSERVATION("d", "dog"));
    put("Observation/w", OBSERVATION("w", "whale"));
    put("Observation/f", OBSERVATION("f", "fish"));
}

static void ck_found(const char *path, int n)
{
    const struct flow_answer *a = flow_get(path);
    ck_status(a, 200);
    ck_assert_msg((int)json_count(json_get(a->json, "entry")) == n, "%s: %.*s", path, STR_FMT(a->body));
}

static void ck_refused(const char *path, int status, const char *code, const char *text)
{
    const struct flow_answer *a = flow_get(path);
    ck_status(a, status);
    ck_assert_str_eq(flow_text(a->json, "issue[0].code"), code);
    const char *diagnostics = flow_text(a->json, "issue[0].diagnostics");
    ck_assert_msg(strstr(diagnostics, text), "%s", diagnostics);
}

START_TEST(test_searches_follow_writes)
{
    put_all();
    ck_refused("Observation?code:in=http://x/pets", 400, "invalid", "http://x/pets is not known here");
    put("ValueSet/pets", VALUE_SET("pets", LIST(CODE("dog"))));
    ck_found("Observation?code:in=http://x/pets", 1);
    ck_found("Observation?code:in=ValueSet/pets", 1);
    ck_found("Observation?code:in=" FLOW_BASE "/ValueSet/pets", 1);
    ck_found("Observation?code:not-in=http://x/pets", 2);
    put("ValueSet/pets", VALUE_SET("pets", LIST(CODE("dog") "," CODE("fish"))));
    ck_found("Observation?code:in=http://x/pets", 2);
    ck_status(flow_delete("ValueSet/pets"), 204);
    ck_refused("Observation?code:in=http://x/pets", 400, "invalid", "http://x/pets is not known here");
    put("ValueSet/pets", VALUE_SET("pets", LIST(CODE("fish"))));
    ck_found("Observation?code:in=http://x/pets", 1);

    ck_found("Observation?code:below=http://x/animals|mammal", 2);
    ck_found("Observation?code:above=http://x/animals|dog", 1);
    ck_status(flow_delete("CodeSystem/animals"), 204);
    ck_refused("Observation?code:below=http://x/animals|mammal", 400, "invalid",
               "search parameter code:below");
}
END_TEST

START_TEST(test_a_change_of_what_is_imported_counts)
{
    put_all();
    put("ValueSet/inner", VALUE_SET("inner", LIST(CODE("dog"))));
    put("ValueSet/outer", VALUE_SET("outer", "{\"valueSet\":[\"http://x/inner\"]}"));
    ck_found("Observation?code:in=http://x/outer", 1);
    put("ValueSet/inner", VALUE_SET("inner", LIST(CODE("dog") "," CODE("whale"))));
    ck_found("Observation?code:in=http://x/outer", 2);
    put("ValueSet/inner", VALUE_SET("inner", "{\"valueSet\":[\"http://x/outer\"]}"));
    ck_refused("Observation?code:in=http://x/outer", 400, "invalid", "imports itself");
}
END_TEST

/* A commit that comes late, of a transaction that began before others that have been seen. */
START_TEST(test_no_commit_is_missed)
{
    struct err err;
    struct db_conn *other;
    put_all();
    put("ValueSet/late", VALUE_SET("late", LIST(CODE("dog"))));
    ck_found("Observation?code:in=http://x/late", 1);
    ck_ok(db_open(flow_config(), &other, &err));
    ck_ok(db_begin(other, &err));
    ck_ok(db_run(
        other,
        "UPDATE res SET ver = 2, xid = pg_current_xact_id(), content = replace(content, 'dog', 'fish') "
        "WHERE rid = 'late'; INSERT INTO res_history (k, xid, lu, tenant, ver, rtype, op, rid) SELECT k, "
        "xid, lu, tenant, ver, rtype, 2, rid FROM res WHERE rid = 'late'",
        &err));
    put("ValueSet/other", VALUE_SET("other", LIST(CODE("whale"))));
    ck_found("Observation?code:in=http://x/other", 1);
    ck_found("Observation?code:in=http://x/late&code=dog", 1);
    ck_ok(db_commit(other, &err));
    ck_found("Observation?code:in=http://x/late&code=dog", 0);
    ck_found("Observation?code:in=http://x/late&code=fish", 1);
    db_close(other);
}
END_TEST

START_TEST(test_too_many_codes)
{
    put_all();
    flow_set("search.max_codes=2");
    put("ValueSet/all", VALUE_SET("all", "{\"system\":\"http://x/animals\"}"));
    ck_refused("Observation?code:in=http://x/all", 403, "too-costly", "search parameter code:in");
    ck_refused("Observation?code:below=http://x/animals|mammal", 403, "too-costly", "search.max_codes");
    flow_set("search.max_codes=4");
    ck_found("Observation?code:in=http://x/all", 3);
}
END_TEST

START_TEST(test_beside_other_parameters)
{
    put_all();
    put("ValueSet/pets", VALUE_SET("pets", LIST(CODE("dog") "," CODE("whale"))));
    ck_found("Observation?code:in=http://x/pets&status=final&_count=1&_total=accurate", 1);
    const struct flow_answer *a = flow_get("Observation?code:in=http://x/pets&_count=1");
    const char *next = NULL;
    json_each (link, json_get(a->json, "link"))
        next = strcmp(flow_text(link, "relation"), "next") == 0 ? flow_text(link, "url") : next;
    ck_found(next + strlen(FLOW_BASE "/"), 1);
    ck_found("Observation?_filter=code%20in%20http://x/pets", 2);
    a = flow_post(
        "", "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\","
            "\"url\":\"Observation?code:in=http://x/pets\"}}]}");
    ck_status(a, 200);
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry[0].resource.entry")), 2);
    a = flow("POST", "Observation", "If-None-Exist: code:in=http://x/pets\n", OBSERVATION("n", "dog"));
    ck_status(a, 412);
    a = flow("POST", "Observation", "If-None-Exist: code:below=http://x/animals|fish\n",
             OBSERVATION("n", "dog"));
    ck_status(a, 200);
    ck_status(flow_delete("Observation?code:in=http://x/pets"), 204);
    ck_found("Observation?code:in=http://x/pets", 0);
}
END_TEST

Suite *suite_flow_terminology(void)
{
    Suite *s = suite_create("flow_terminology");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, flow_begin, flow_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_searches_follow_writes);
    tcase_add_test(t, test_a_change_of_what_is_imported_counts);
    tcase_add_test(t, test_no_commit_is_missed);
    tcase_add_test(t, test_too_many_codes);
    tcase_add_test(t, test_beside_other_parameters);
    suite_add_tcase(s, t);
    return s;
}
