#include "base/json_patch.h"
#include "support/test.h"

static struct arena a;
static struct err err;

static void setup(void)
{
    arena_init(&a, 0);
}
static void teardown(void)
{
    arena_release(&a);
}

static const struct {
    const char *document, *patch, *result; /* result NULL: refused */
} cases[] = {
    {"{\"a\":1}", "[]", "{\"a\":1}"},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[2]}]", "{\"a\":1,\"b\":[2]}"},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}"},
    {"{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/0\",\"value\":0}]", "{\"a\":[0,1]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":0}]", NULL},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":0}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":0}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":0}]", NULL},
    {"{\"a/b\":1,\"m~n\":2}",
     "[{\"op\":\"remove\",\"path\":\"/a~1b\"},{\"op\":\"remove\",\"path\":\"/m~0n\"}]", "{}"},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a~2\"}]", NULL},
    {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/0\"}]", "{\"a\":[2]}"},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{\"x\":1.10}}]", "{\"a\":{\"x\":1.10}}"},
    {"{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":9}]", "{\"a\":[1,9]}"},
    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "[]"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c\"}]", "{\"a\":{},\"c\":1}"},
    {"{\"a\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/2\"}]", "{\"a\":[2,3,1]}"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL},
    {"{\"a\":{\"b\":1}}",
     "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"remove\",\"path\":\"/a/b\"}]",
     "{\"a\":{},\"c\":{\"b\":1}}"},
    {"{\"a\":1.0}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1.0}"},
    {"{\"a\":10000000000000000000001}",
     "[{\"op\":\"test\",\"path\":\"/a\",\"value\":10000000000000000000002}]", NULL},
    {"{\"a\":\"1\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", NULL},
    {"{\"a\":{\"x\":1,\"y\":[1]}}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\":[1],\"x\":1}}]",
     "{\"a\":{\"x\":1,\"y\":[1]}}"},
    {"{\"a\":null}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}"},
    {"{}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]", NULL},
    {"{}", "[{\"op\":\"spoil\",\"path\":\"/a\"}]", NULL},
    {"{}", "[{\"path\":\"/a\"}]", NULL},
    {"{}", "[{\"op\":\"add\",\"value\":1}]", NULL},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL},
    {"{}", "[{\"op\":\"copy\",\"path\":\"/a\"}]", NULL},
    {"{}", "[1]", NULL},
    {"{}", "{}", NULL},
};

START_TEST(test_case)
{
    json *document = test_json(&a, cases[_i].document), *patch = test_json(&a, cases[_i].patch);
    bool ok = json_patch(&a, &document, patch, &err);
    ck_assert_msg(ok == (cases[_i].result != NULL), "%s on %s", cases[_i].patch, cases[_i].document);
    if (ok)
        ck_str_eq(json_text(&a, document), cases[_i].result);
}
END_TEST

START_TEST(test_the_failing_operation_is_named)
{
    json *document = test_json(&a, "{}");
    ck_assert(!json_patch(
        &a, &document,
        test_json(
            &a,
            "[{\"op\":\"add\",\"path\":\"/a\",\"value\":1},{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]"),
        &err));
    ck_assert_int_eq(err.kind, ERR_RULE);
    ck_assert_msg(strstr(err.msg, "operation 1"), "%s", err.msg);
}
END_TEST

Suite *suite_base_json_patch(void)
{
    Suite *s = suite_create("base_json_patch");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_case, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(t, test_the_failing_operation_is_named);
    suite_add_tcase(s, t);
    return s;
}
