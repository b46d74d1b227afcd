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

/* Offsets in any order, one unknown; the text begins with a byte order mark. */
START_TEST(test_locate)
{
    static const size_t offsets[] = {8, 0, JSON_NOWHERE, 3, 3, 99};
    static const int expected[][2] = {{3, 2}, {1, 1}, {0, 0}, {2, 2}, {2, 2}, {3, 4}};
    struct arena a;
    arena_init(&a, 0);
    struct issues list;
    issues_init(&list, &a);
    for (size_t i = 0; i < 6; i++)
        issues_add(&list, ISSUE_ERROR, "value", NULL, "x")->offset = offsets[i];
    issues_locate(&list, (struct str){NULL, 0});
    ck_assert_int_eq(list.list[0].line, 0);
    issues_locate(&list, STR("\xef\xbb\xbf{\n \xe3\x81\x82\n\r\xc3\xa9]"));
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(list.list[i].line, expected[i][0]);
        ck_assert_int_eq(list.list[i].column, expected[i][1]);
    }
    arena_release(&a);
}
END_TEST

/* Lists of one text, one after the other; the third goes back. */
START_TEST(test_locate_on)
{
    static const size_t offsets[] = {1, 5, 2, 6};
    static const int expected[][2] = {{1, 2}, {2, 3}, {1, 3}, {3, 1}};
    struct arena a;
    struct issues_place place = {0};
    arena_init(&a, 0);
    for (size_t i = 0; i < 4; i++) {
        struct issues list;
        issues_init(&list, &a);
        issues_locate_on(&list, STR("ab\ncd\ne"), &place); /* an empty one changes nothing */
        issues_add(&list, ISSUE_ERROR, "value", NULL, "x")->offset = offsets[i];
        issues_locate_on(&list, STR("ab\ncd\ne"), &place);
        ck_assert_int_eq(list.list[0].line, expected[i][0]);
        ck_assert_int_eq(list.list[0].column, expected[i][1]);
    }
    arena_release(&a);
}
END_TEST

START_TEST(test_outcome)
{
    struct arena a;
    arena_init(&a, 0);
    struct issues list;
    issues_init(&list, &a);
    ck_str_eq(
        json_text(&a, json_get(issues_outcome(&a, &list), "issue")),
        "[{\"severity\":\"information\",\"code\":\"informational\",\"details\":{\"text\":\"No findings\"},"
        "\"diagnostics\":\"No findings\"}]");
    struct issue *i = issues_add(&list, ISSUE_WARNING, "invariant", "Patient", "x");
    i->key = "pat-1";
    i->line = 3;
    i->column = 4;
    ck_str_eq(
        json_text(&a, json_get(issues_outcome(&a, &list), "issue")),
        "[{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line\","
        "\"valueInteger\":3},"
        "{\"url\":\"http://hl7.org/fhir/StructureDefinition/"
        "operationoutcome-issue-col\",\"valueInteger\":4}],"
        "\"severity\":\"warning\",\"code\":\"invariant\","
        "\"details\":{\"coding\":[{\"code\":\"pat-1\"}],\"text\":\"x\"},\"diagnostics\":\"x\","
        "\"location\":[\"Line 3, Col 4\"],\"expression\":[\"Patient\"]}]");
    arena_release(&a);
}
END_TEST

Suite *suite_validate_issues(void)
{
    Suite *s = suite_create("validate_issues");
    TCase *t = tcase_create("issues");
    tcase_add_test(t, test_add);
    tcase_add_test(t, test_locate);
    tcase_add_test(t, test_locate_on);
    tcase_add_test(t, test_outcome);
    suite_add_tcase(s, t);
    return s;
}
