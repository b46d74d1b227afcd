/* Separators, escapes and prefixes of parameter values. */
#include "../../../src/search/internal.h"
#include "support/test.h"

static struct arena a;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

START_TEST(test_cuts_at_separators_without_a_backslash)
{
    struct str rest;
    ck_str_eq(search__cut(STR("a\\,b,c"), ',', &rest), "a\\,b");
    ck_str_eq(rest, "c");
    ck_str_eq(search__cut(rest, ',', &rest), "c");
    ck_assert(rest.s == NULL);
    ck_str_eq(search__cut(STR("a\\\\,b"), ',', &rest), "a\\\\"); /* the backslash itself is escaped */
    ck_str_eq(rest, "b");
    ck_str_eq(search__cut(STR("a\\"), ',', &rest), "a\\");
    ck_str_eq(search__cut(STR(""), ',', &rest), "");
    ck_assert(rest.s == NULL);
}
END_TEST

START_TEST(test_unescapes)
{
    ck_str_eq(search__unescape(&a, STR("a\\,b\\|c\\$d\\\\e")), "a,b|c$d\\e");
    ck_str_eq(search__unescape(&a, STR("a\\nb")), "a\\nb"); /* no escape */
    ck_str_eq(search__unescape(&a, STR("a\\")), "a\\");
}
END_TEST

START_TEST(test_takes_prefixes)
{
    struct str v = STR("gt5");
    ck_assert_int_eq(search__prefix(&v), OP_GT);
    ck_str_eq(v, "5");
    v = STR("5");
    ck_assert_int_eq(search__prefix(&v), OP_EQ);
    v = STR("xx5");
    ck_assert_int_eq(search__prefix(&v), OP_EQ);
    ck_str_eq(v, "xx5");
    v = STR("a");
    ck_assert_int_eq(search__prefix(&v), OP_EQ);
}
END_TEST

Suite *suite_search_value(void)
{
    Suite *s = suite_create("search_value");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_cuts_at_separators_without_a_backslash);
    tcase_add_test(c, test_unescapes);
    tcase_add_test(c, test_takes_prefixes);
    suite_add_tcase(s, c);
    return s;
}
