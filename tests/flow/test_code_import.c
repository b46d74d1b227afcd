/* Code systems that are imported beside a running server. */
#include "../../src/code_store.h"
#include "support/flow.h"

static struct err err;

static struct str image_of(const struct terminology_head *head, int n, const char *display)
{
    struct terminology_build *b = terminology_build_new(head);
    struct str image;
    for (int i = 0; i < n; i++) {
        char code[16], parent[16];
        snprintf(code, sizeof code, "c%d", i);
        snprintf(parent, sizeof parent, "c%d", i / 2);
        uint32_t at = terminology_build_concept(b, str_of(code), NULL);
        terminology_build_display(b, at, str_of(display));
        if (i > 0)
            terminology_build_parent(b, at, str_of(parent));
    }
    ck_ok(terminology_build_image(b, flow_arena(), &image, &err));
    terminology_build_free(b);
    return image;
}

static bool put(struct code_store *s, const char *version, int n, const char *display)
{
    const struct terminology_head head = {.url = "http://x/big", .version = version, .name = "Big"};
    bool changed;
    ck_ok(code_store_put(s, flow_arena(), &head, image_of(&head, n, display), &changed, &err));
    return changed;
}

static struct code_store *open_store(void)
{
    struct code_store *s;
    ck_ok(code_store_open(flow_arena(), flow_config(), flow_conn(), &s, &err));
    return s;
}

static const char *lookup(const char *canonical, const char *code)
{
    const struct flow_answer *a = flow_get(
        arena_printf(flow_arena(), "CodeSystem/$lookup?system=http://x/big&code=%s%s", code, canonical));
    return a->status == 200 ? flow_text(a->json, "parameter[2].valueString") : NULL;
}

START_TEST(test_import)
{
    struct code_store *s = open_store();
    struct code_stored *list;
    size_t n;
    ck_assert_ptr_null(lookup("", "c1"));
    ck_assert(put(s, "1", 100000, "one"));
    ck_assert_str_eq(lookup("", "c99999"), "one");
    ck_assert(!put(s, "1", 100000, "one")); /* there already */
    ck_assert(put(s, "2", 10, "two"));
    ck_assert_str_eq(lookup("", "c9"), "two"); /* the higher version */
    ck_assert_ptr_null(lookup("", "c99999"));
    ck_assert_str_eq(lookup("&version=1", "c99999"), "one");
    ck_assert(put(s, "1", 20, "other")); /* as a whole */
    ck_assert_ptr_null(lookup("&version=1", "c99999"));
    ck_assert_str_eq(lookup("&version=1", "c19"), "other");
    ck_ok(code_store_list(s, flow_arena(), &list, &n, &err));
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(list[0].version, "1");
    ck_assert_int_eq(list[0].concepts, 20);
    ck_assert_int_gt(list[0].bytes, 100);

    const struct flow_answer *a = flow_get(arena_printf(flow_arena(), "CodeSystem/%s", list[0].id));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "content"), "not-present");
    ck_assert_int_eq((int)flow_node(a->json, "count")->valuedouble, 20);
    a = flow_get("CodeSystem/$subsumes?system=http://x/big&codeA=c1&codeB=c9");
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueCode"), "subsumes");

    ck_ok(code_store_remove(s, flow_arena(), "http://x/big", "2", &err));
    ck_assert_str_eq(lookup("", "c9"), "other");
    ck_assert(!code_store_remove(s, flow_arena(), "http://x/big", "2", &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_ok(code_store_remove(s, flow_arena(), "http://x/big", "1", &err));
    ck_assert_ptr_null(lookup("", "c1"));
    ck_ok(code_store_list(s, flow_arena(), &list, &n, &err));
    ck_assert_uint_eq(n, 0);
}
END_TEST

/* A CodeSystem that names an image which is not there. */
START_TEST(test_without_image)
{
    const struct flow_answer *a =
        flow_put("CodeSystem/lost", "{\"resourceType\":\"CodeSystem\",\"id\":\"lost\",\"extension\":[{"
                                    "\"url\":\"urn:kagari:code-system-image\","
                                    "\"valueString\":\"nowhere\"}],\"url\":\"http://x/"
                                    "lost\",\"status\":\"active\",\"content\":\"not-present\"}");
    ck_status(a, 201);
    a = flow_get("CodeSystem/$lookup?system=http://x/lost&code=a");
    ck_status(a, 404);
}
END_TEST

Suite *suite_flow_code_import(void)
{
    Suite *s = suite_create("flow/code_import");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, flow_begin, flow_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_import);
    tcase_add_test(t, test_without_image);
    suite_add_tcase(s, t);
    return s;
}
