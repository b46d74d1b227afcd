#include "support/test.h"
#include "validate/validate.h"

START_TEST(test_add)
{
    struct arena a;
    arena_init(&a, 0);
    struct issues list;
    issues_init(&list, &a);
    issues_add(&list, ISSUE_WARNING, "invariant", "Patient", "%s %d", "text", 1)->key = "x-1";
    for (int i = 0; i < 20; i++)
        issues_add(&list, i % 2 ? ISSUE_ERROR : ISSUE_FATAL, "structure", "Patient", "more");
    issues_add(&list, ISSUE_INFORMATION, "informational", NULL, "last");
    ck_assert_uint_eq(list.n, 22);
    ck_assert_uint_eq(list.errors, 20);
    ck_assert_str_eq(list.list[0].text, "text 1");
    ck_assert_str_eq(list.list[0].key, "x-1");
    ck_assert_str_eq(list.list[21].text, "last");
    arena_release(&a);
}
END_TEST

Suite *suite_validate_issues(void)
{
    Suite *s = suite_create("validate_issues");
    TCase *t = tcase_create("issues");
    tcase_add_test(t, test_add);
    suite_add_tcase(s, t);
    return s;
}
