/*
 * The cache of versions seen from outside: after every way in which a resource can be written, this server's next read
 * shows it. A second store over the same database is another server.
 */
#include "base/metrics.h"
#include "store/cache.h"
#include "support/flow.h"

#include <stdio.h>
#include <unistd.h>

enum { MAX_AGE_US = 200 * 1000 };

static void begin(void)
{
    flow_suite_begin();
    flow_base("cache.reads=bounded");
    flow_base("cache.max_age=200ms");
}

static void begin_strict(void)
{
    flow_suite_begin();
    flow_base("cache.reads=strict");
}

static long metric(const char *name)
{
    struct buf b;
    buf_init(&b, flow_arena(), 16384);
    metrics_print(&b);
    return strtol(strstr(b.s, name) + strlen(name), NULL, 10);
}

static long hits(void)
{
    return metric("\nkagari_cache_hits_total ");
}

static bool from_cache(const char *path, const char *headers, int status)
{
    const long before = hits();
    const struct flow_answer *a = flow("GET", path, headers, NULL);
    ck_status(a, status);
    return hits() > before;
}

/* Read until it is kept: on the first look at the database nothing is yet. */
static void warm(const char *path)
{
    for (int i = 0; i < 500 && !from_cache(path, NULL, 200); i++)
        usleep(2000);
    ck_assert_msg(from_cache(path, NULL, 200), "%s is not kept", path);
}

static const char *resource(const char *id, const char *text)
{
    return arena_printf(
        flow_arena(),
        "{\"resourceType\":\"Basic\",\"id\":\"%s\",\"identifier\":[{\"system\":\"http://x.test\","
        "\"value\":\"%s\"}],\"code\":{\"text\":\"%s\"}}",
        id, id, text);
}

static const char *put(const char *id, const char *text)
{
    const struct flow_answer *a = flow_put(arena_printf(flow_arena(), "Basic/%s", id), resource(id, text));
    ck_assert_int_lt(a->status, 300);
    return flow_header(a, "Kagari-Position");
}

/* ---- the ways to write it ---------------------------------------------------------------------------------------- */

static const char *bundle(const char *type, const char *entry)
{
    return arena_printf(flow_arena(), "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":[{%s}]}", type,
                        entry);
}

#define UPDATED                                                                                              \
    "{\"resourceType\":\"Basic\",\"id\":\"w\",\"identifier\":[{\"system\":\"http://"                         \
    "x.test\",\"value\":\"w\"}],\"code\":{\"text\":\"new\"}}"
#define JSON_PATCH "[{\"op\":\"replace\",\"path\":\"/code/text\",\"value\":\"new\"}]"
#define TAG                                                                                                  \
    "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"meta\",\"valueMeta\":{\"tag\":[{"           \
    "\"system\":"                                                                                            \
    "\"http://x.test\",\"code\":\"new\"}]}}]}"
#define FHIRPATH_PATCH                                                                                       \
    "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"operation\",\"part\":[{\"name\":\"type\","  \
    "\"valueCode\":"                                                                                         \
    "\"replace\"},{\"name\":\"path\",\"valueString\":\"Basic.code.text\"},{\"name\":\"value\","              \
    "\"valueString\":\"new\"}]}]}"

static const struct way {
    const char *name, *method, *path, *headers, *body;
    const char *type;  /* of the Bundle that body is the entry of; NULL: body is sent */
    const char *shows; /* in the next read; NULL: it is gone */
} ways[] = {
    {"update", "PUT", "Basic/w", NULL, UPDATED, NULL, "\"new\""},
    {"conditional update", "PUT", "Basic?identifier=http://x.test|w", NULL, UPDATED, NULL, "\"new\""},
    {"patch", "PATCH", "Basic/w", "Content-Type: application/json-patch+json\n", JSON_PATCH, NULL, "\"new\""},
    {"FHIRPath patch", "PATCH", "Basic/w", NULL, FHIRPATH_PATCH, NULL, "\"new\""},
    {"conditional patch", "PATCH", "Basic?identifier=http://x.test|w",
     "Content-Type: application/json-patch+json\n", JSON_PATCH, NULL, "\"new\""},
    {"delete", "DELETE", "Basic/w", NULL, NULL, NULL, NULL},
    {"conditional delete", "DELETE", "Basic?identifier=http://x.test|w", NULL, NULL, NULL, NULL},
    {"$meta-add", "POST", "Basic/w/$meta-add", NULL, TAG, NULL, "\"new\""},
    {"batch", "POST", "", NULL,
     "\"resource\":" UPDATED ",\"request\":{\"method\":\"PUT\",\"url\":\"Basic/w\"}", "batch", "\"new\""},
    {"transaction", "POST", "", NULL,
     "\"resource\":" UPDATED ",\"request\":{\"method\":\"PUT\",\"url\":\"Basic/w\"}", "transaction",
     "\"new\""},
    {"conditional in a transaction", "POST", "", NULL,
     "\"resource\":" UPDATED ",\"request\":{\"method\":\"PUT\",\"url\":\"Basic?identifier=http://x.test|w\"}",
     "transaction", "\"new\""},
    {"delete in a transaction", "POST", "", NULL, "\"request\":{\"method\":\"DELETE\",\"url\":\"Basic/w\"}",
     "transaction", NULL},
    {"conditional delete in a transaction", "POST", "", NULL,
     "\"request\":{\"method\":\"DELETE\",\"url\":\"Basic?identifier=http://x.test|w\"}", "transaction", NULL},
};

START_TEST(test_every_write_is_seen)
{
    const struct way *w = &ways[_i];
    put("w", w->name);
    warm("Basic/w");
    const struct flow_answer *a =
        flow(w->method, w->path, w->headers, w->type ? bundle(w->type, w->body) : w->body);
    ck_assert_msg(a->status < 300, "%s: %d %.*s", w->name, a->status, STR_FMT(a->body));
    a = flow_get("Basic/w");
    ck_status(a, w->shows ? 200 : 410);
    if (w->shows)
        ck_assert_msg(strstr(a->body.s, w->shows), "%s: %.*s", w->name, STR_FMT(a->body));
}
END_TEST

/* ---- reads -------------------------------------------------------------------------------------------------------- */

START_TEST(test_what_is_answered_with_it)
{
    put("a", "x");
    warm("Basic/a");
    const struct flow_answer *kept = flow_get("Basic/a");
    ck_assert_int_eq(kept->cost.trips, 0);
    ck_assert_str_eq(flow_header(kept, "ETag"), "W/\"1\"");
    ck_assert_ptr_nonnull(flow_header(kept, "Last-Modified"));
    ck_assert_int_eq(kept->cost.json, 0);
    ck_assert(from_cache("Basic/a/_history/1", NULL, 200));
    ck_assert(from_cache("Basic/a", "If-None-Match: W/\"1\"\n", 304));
    ck_assert(from_cache("Basic/a?_format=xml", NULL, 200));
    ck_assert(from_cache("Basic/a?_elements=code", NULL, 200));
    ck_assert(!from_cache("Basic/a/_history/2", NULL, 404));
    ck_assert(!from_cache("Basic/a/_history", NULL, 200));
    ck_assert(!from_cache("Basic/b", NULL, 404));
    const long before = hits();
    const struct flow_answer *batch =
        flow_post("", bundle("batch", "\"request\":{\"method\":\"GET\",\"url\":\"Basic/a\"}"));
    ck_assert_str_eq(flow_text(batch->json, "entry[0].resource.code.text"), "x");
    ck_assert_msg(hits() == before, "in a Bundle it belongs to its transaction");
}
END_TEST

START_TEST(test_who_may_not)
{
    put("a", "x");
    warm("Basic/a");
    ck_status(flow("GET", "Basic/a", flow_token("system/Patient.rs"), NULL), 403);
    ck_status(flow("GET", "Basic/a", "Authorization: none\n", NULL), 401);
}
END_TEST

START_TEST(test_what_is_never_kept)
{
    ck_status(flow_put("Basic/l",
                       "{\"resourceType\":\"Basic\",\"id\":\"l\",\"meta\":{\"security\":[{\"system\":"
                       "\"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\",\"code\":\"R\"}]},"
                       "\"code\":{\"text\":\"t\"}}"),
              201);
    ck_status(
        flow_put("Binary/b", "{\"resourceType\":\"Binary\",\"id\":\"b\",\"contentType\":\"text/plain\"}"),
        201);
    put("a", "x");
    warm("Basic/a");
    for (int i = 0; i < 3; i++) {
        ck_assert(!from_cache("Basic/l", NULL, 200));
        ck_assert(!from_cache("Binary/b", "Accept: application/fhir+json\n", 200));
    }
}
END_TEST

/* What another server does. */
static void put_elsewhere(const char *id)
{
    struct arena *a = flow_arena();
    struct sql q = {.a = a};
    struct err err;
    struct store *other;
    ck_ok(store_new(flow_config(), flow_defs(), flow_conn(), &other, &err));
    store_delete_plan(other, fhir_type(flow_defs(), "Basic"), str_of(id), STORE_ANY_VERSION,
                      &(struct audit_write){0}, &q);
    ck_ok(db_exec(flow_conn(), a, &q, NULL, &err));
    store_free(other);
}

START_TEST(test_another_server)
{
    const char *position = put("a", "x");
    ck_assert_msg(position, "a client may say what it has written");
    warm("Basic/a");
    ck_assert(!from_cache("Basic/a", "Kagari-Position: 9000000000000000000\n", 200));
    const char *own = arena_printf(flow_arena(), "Kagari-Position: %s\n", position);
    for (int i = 0; i < 500 && !from_cache("Basic/a", own, 200); i++)
        usleep(2000); /* until the server has looked once more */
    ck_assert(from_cache("Basic/a", own, 200));
    put_elsewhere("a");
    usleep(MAX_AGE_US);
    ck_status(flow_get("Basic/a"), 410);
}
END_TEST

START_TEST(test_strict)
{
    put("a", "x");
    ck_assert(!from_cache("Basic/a", NULL, 200));
    ck_assert(from_cache("Basic/a", NULL, 200));
    const struct flow_answer *kept = flow_get("Basic/a");
    ck_assert_int_eq(kept->cost.trips, 1);
    ck_assert_str_eq(flow_text(kept->json, "code.text"), "x");
    ck_assert(from_cache("Basic/a", "If-None-Match: W/\"1\"\n", 304));
    ck_assert_ptr_null(put("a", "y"));
    ck_assert_str_eq(flow_text(flow_get("Basic/a")->json, "code.text"), "y");
    ck_assert(from_cache("Basic/a", NULL, 200));
    put_elsewhere("a");
    ck_status(flow_get("Basic/a"), 410);
}
END_TEST

Suite *suite_flow_cache(void)
{
    Suite *s = suite_create("flow/cache");
    TCase *tc = tcase_create("bounded");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_loop_test(tc, test_every_write_is_seen, 0, sizeof ways / sizeof ways[0]);
    tcase_add_test(tc, test_what_is_answered_with_it);
    tcase_add_test(tc, test_who_may_not);
    tcase_add_test(tc, test_what_is_never_kept);
    tcase_add_test(tc, test_another_server);
    suite_add_tcase(s, tc);
    tc = tcase_create("strict");
    tcase_add_unchecked_fixture(tc, begin_strict, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_strict);
    suite_add_tcase(s, tc);
    return s;
}
