/* _text, _content and near over the whole server: scores and distances in the answer, and what is said of words that
 * are not there yet. */
#include <unistd.h>

#include "support/flow.h"

#define DIV(text)                                                                                            \
    "\"text\":{\"status\":\"generated\",\"div\":\"<div xmlns='http://www.w3.org/1999/xhtml'>" text "</"      \
    "div>\"}"

static void put(const char *path, const char *body)
{
    ck_assert_int_lt(flow_put(path, body)->status, 300);
}

static const struct flow_answer *get(const char *path)
{
    const struct flow_answer *a = flow_get(path);
    ck_status(a, 200);
    return a;
}

static double number(const json *node, const char *path)
{
    const json *v = flow_node(node, path);
    ck_assert(json_is_number(v));
    return strtod(v->valuestring, NULL);
}

START_TEST(test_score)
{
    put("Basic/m1", "{\"resourceType\":\"Basic\",\"id\":\"m1\"," DIV(
                        "liver, liver &amp; kidney") ",\"code\":{\"text\":\"x\"}}");
    put("Basic/m2",
        "{\"resourceType\":\"Basic\",\"id\":\"m2\"," DIV("liver") ",\"code\":{\"text\":\"kidney\"}}");
    const struct flow_answer *a = get("Basic?_text=liver&_sort=_score");
    ck_assert_int_eq((int)number(a->json, "total"), 2);
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.id"), "m1");
    double first = number(a->json, "entry[0].search.score"),
           second = number(a->json, "entry[1].search.score");
    ck_assert(first > second && second > 0 && first <= 1);
    ck_assert_str_eq(flow_text(a->json, "entry[0].search.mode"), "match");
    /* the next page goes on where it was, by the score */
    a = get("Basic?_text=liver&_sort=_score&_count=1");
    const char *next = NULL;
    json_each (l, flow_node(a->json, "link"))
        if (strcmp(flow_text(l, "relation"), "next") == 0)
            next = flow_text(l, "url") + strlen(FLOW_BASE) + 1;
    ck_assert_str_eq(flow_text(get(next)->json, "entry[0].resource.id"), "m2");
    /* what is written anew is found by its new words alone */
    put("Basic/m2",
        "{\"resourceType\":\"Basic\",\"id\":\"m2\"," DIV("spleen") ",\"code\":{\"text\":\"kidney\"}}");
    ck_assert_int_eq((int)number(get("Basic?_text=liver")->json, "total"), 1);
    ck_assert_int_eq((int)number(get("Basic?_text=spleen")->json, "total"), 1);
    ck_assert_int_eq((int)number(get("Basic?_content=kidney")->json, "total"), 2);
    ck_assert_int_lt(flow_delete("Basic/m2")->status, 300);
    ck_assert_int_eq((int)number(get("Basic?_text=spleen")->json, "total"), 0);
}
END_TEST

START_TEST(test_distance)
{
    put("Location/m1", "{\"resourceType\":\"Location\",\"id\":\"m1\",\"position\":{\"latitude\":35.6896,"
                       "\"longitude\":139.7006}}");
    const struct flow_answer *a = get("Location?near=35.6812%7C139.7671%7C10%7Ckm&_sort=near");
    ck_assert_str_eq(flow_text(a->json, "entry[0].search.extension[0].url"),
                     "http://hl7.org/fhir/StructureDefinition/location-distance");
    double km = number(a->json, "entry[0].search.extension[0].valueDistance.value");
    ck_assert(km > 6.07 && km < 6.1);
    ck_assert_str_eq(flow_text(a->json, "entry[0].search.extension[0].valueDistance.code"), "km");
}
END_TEST

static const json *parameter(const json *statement, const char *type, const char *name)
{
    json_each (r, flow_node(statement, "rest[0].resource"))
        json_each (p, strcmp(flow_text(r, "type"), type) == 0 ? flow_node(r, "searchParam") : NULL)
            if (strcmp(flow_text(p, "name"), name) == 0)
                return p;
    return NULL;
}

static void flow_reindex(void)
{
    const struct flow_answer *a = flow_post("$reindex", "");
    ck_status(a, 202);
    const char *job = flow_header(a, "Content-Location") + strlen(FLOW_BASE) + 1;
    for (a = flow_get(job); a->status == 202; a = flow_get(job))
        usleep(50 * 1000);
    ck_status(a, 200);
}

/* A database that was filled before words were kept. */
START_TEST(test_not_there_yet)
{
    struct err err;
    put("Basic/m3", "{\"resourceType\":\"Basic\",\"id\":\"m3\",\"code\":{\"text\":\"x\"}}");
    ck_assert(parameter(get("metadata")->json, "Basic", "_content") != NULL);
    ck_assert(!strstr(flow_text(get("metadata")->json, "rest[0].documentation"), "$reindex"));
    ck_ok(db_run(flow_conn(), "UPDATE index_state SET text = 1, form = 0", &err));
    flow_end();
    flow_begin();
    const json *statement = get("metadata")->json;
    ck_assert(strstr(flow_text(statement, "rest[0].documentation"), "$reindex") != NULL);
    ck_assert(!flow_node(parameter(statement, "Basic", "_text"), "documentation"));
    ck_assert(strstr(flow_text(parameter(statement, "Basic", "_content"), "documentation"), "$reindex") !=
              NULL);
    const struct flow_answer *a = get("Basic?_content=liver");
    ck_assert(memmem(a->body.s, a->body.len, "'_content' was left out", 23) != NULL);
    ck_status(flow("GET", "Basic?_content=liver", "Prefer: handling=strict\n", NULL), 400);
    ck_status(
        flow("PUT", "Basic?_content=liver", NULL, "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}"),
        400);
    /* until everything has been indexed anew */
    ck_ok(db_run(flow_conn(), "DELETE FROM idx_text", &err));
    ck_ok(db_run(flow_conn(), "UPDATE res SET ix = 0 WHERE NOT deleted", &err));
    flow_jobs_start();
    flow_reindex();
    flow_end();
    flow_begin();
    ck_assert_int_eq((int)number(get("Basic?_content=kidney")->json, "total"), 1);
    statement = get("metadata")->json;
    ck_assert(!flow_node(parameter(statement, "Basic", "_content"), "documentation"));
    ck_assert(!strstr(flow_text(statement, "rest[0].documentation"), "$reindex"));
}
END_TEST

Suite *suite_flow_measures(void)
{
    Suite *s = suite_create("flow/measures");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_unchecked_fixture(c, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(c, flow_begin, flow_end);
    tcase_add_test(c, test_score);
    tcase_add_test(c, test_distance);
    tcase_add_test(c, test_not_there_yet);
    suite_add_tcase(s, c);
    return s;
}
