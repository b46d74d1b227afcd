/* What is stored of a resource's text, and which labels stay. */
#include "../src/store/internal.h"
#include "base/clock.h"
#include "support/test.h"

static struct arena a;
static struct store store; /* nothing is sealed */

static void setup(void)
{
    struct err err;
    arena_init(&a, 0);
    ck_ok(fhir_defs_load(&a, &store.defs, &err));
}

static void teardown(void)
{
    arena_release(&a);
}

static const char *text_of(const char *resource, const char *id)
{
    struct store_content c;
    json *node = test_json(&a, resource);
    store_content(&store, &a, node, fhir_resource(store.defs, str_of(json_get_string(node, "resourceType"))),
                  str_of(id), &c);
    return store_content_text(&a, &c, 12, INT64_C(1700000000123000)).s;
}

START_TEST(test_ids_and_meta_are_ours)
{
    static const struct {
        const char *resource, *text;
    } cases[] = {
        {"{\"resourceType\":\"Basic\"}",
         "{\"resourceType\":\"Basic\",\"id\":\"7\",\"meta\":{\"versionId\":\"12\",\"lastUpdated\":"
         "\"2023-11-14T22:13:20.123Z\"}}"},
        {"{\"status\":\"x\",\"resourceType\":\"Basic\",\"meta\":{},\"id\":\"old\"}",
         "{\"resourceType\":\"Basic\",\"id\":\"7\",\"meta\":{\"versionId\":\"12\",\"lastUpdated\":"
         "\"2023-11-14T22:13:20.123Z\"},\"status\":\"x\"}"},
        {"{\"resourceType\":\"Basic\",\"_id\":{\"id\":\"i\"},\"meta\":{\"versionId\":\"1\",\"_versionId\":{"
         "\"id\":\"v\"},"
         "\"lastUpdated\":\"2000-01-01T00:00:00Z\",\"tag\":[{\"code\":\"\\\"山\"}]},\"value\":1.10}",
         "{\"resourceType\":\"Basic\",\"id\":\"7\",\"_id\":{\"id\":\"i\"},\"meta\":{\"versionId\":\"12\","
         "\"lastUpdated\":"
         "\"2023-11-14T22:13:20.123Z\",\"_versionId\":{\"id\":\"v\"},\"tag\":[{\"code\":\"\\\"山\"}]},"
         "\"value\":1.10}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(text_of(cases[i].resource, "7"), cases[i].text);
        test_json(&a, cases[i].text);
    }
}
END_TEST

START_TEST(test_labels_are_merged)
{
    json *fresh = test_json(
        &a, "{\"resourceType\":\"Basic\",\"meta\":{\"tag\":[{\"system\":\"s\",\"code\":\"1\",\"display\":"
            "\"new\"}],\"profile\":[\"p\"]}}");
    store_merge_meta(&a, fresh,
                     test_json(&a, "{\"meta\":{\"profile\":[\"p\",\"q\"],\"security\":[{\"code\":\"R\"}],"
                                   "\"source\":\"old\",\"tag\":[{"
                                   "\"system\":\"s\",\"code\":\"1\",\"display\":\"old\"},{\"system\":\"s\","
                                   "\"code\":\"2\"},{\"code\":"
                                   "\"1\"},{\"system\":\"s\"}]}}"));
    ck_assert(json_equal(
        fresh,
        test_json(
            &a,
            "{\"resourceType\":\"Basic\",\"meta\":{\"tag\":[{\"system\":\"s\",\"code\":\"1\",\"display\":"
            "\"new\"},{\"system\":\"s\",\"code\":\"2\"},{\"code\":\"1\"},{\"system\":\"s\"}],\"profile\":["
            "\"p\",\"q\"],\"security\":[{\"code\":\"R\"}]}}")));
    json *bare = test_json(&a, "{\"resourceType\":\"Basic\"}");
    store_merge_meta(&a, bare, test_json(&a, "{\"resourceType\":\"Basic\",\"meta\":{\"versionId\":\"1\"}}"));
    ck_assert(json_equal(bare, test_json(&a, "{\"resourceType\":\"Basic\"}")));
}
END_TEST

Suite *suite_store_content(void)
{
    Suite *s = suite_create("store/content");
    TCase *tc = tcase_create("content");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_ids_and_meta_are_ours);
    tcase_add_test(tc, test_labels_are_merged);
    suite_add_tcase(s, tc);
    return s;
}
