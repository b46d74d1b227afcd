#include "base/regex.h"
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

static bool matches(const char *pattern, const char *flags, bool whole, const char *subject)
{
    const struct regex *re;
    bool found;
    ck_ok(regex_compile(&a, str_of(pattern), str_of(flags), whole, false, &re, &err));
    ck_ok(regex_match(&a, re, str_of(subject), &found, &err));
    return found;
}

START_TEST(finds_or_takes_all)
{
    ck_assert(matches("b+", "", false, "abbc"));
    ck_assert(!matches("b+", "", true, "abbc"));
    ck_assert(matches("a|abb", "", true, "abb"));
    ck_assert(!matches("B", "", false, "abbc"));
    ck_assert(matches("B", "i", false, "abbc"));
    ck_assert(matches("^b$", "m", false, "a\nb\nc"));
    ck_assert(matches("a.b", "", true, "a\nb"));
    ck_assert(!matches("\\d", "", false, "１"));
}
END_TEST

START_TEST(replaces)
{
    const struct regex *re;
    struct str out;
    ck_ok(regex_compile(&a, STR("(\\w)-(?<n>\\d)"), STR(""), false, true, &re, &err));
    ck_ok(regex_replace(&a, re, STR("a-1, b-2"), STR("${n}$1"), &out, &err));
    ck_assert(str_is(out, "1a, 2b"));
    ck_ok(regex_compile(&a, STR(""), STR(""), false, false, &re, &err));
    ck_ok(regex_replace(&a, re, STR("as it is"), STR("x"), &out, &err));
    ck_assert(str_is(out, "as it is"));
}
END_TEST

START_TEST(says_what_is_wrong)
{
    const struct regex *re;
    ck_assert(!regex_compile(&a, STR("a(b"), STR(""), false, false, &re, &err));
    ck_assert_int_eq(err.kind, ERR_INVALID);
    ck_assert_msg(strstr(err.msg, "at character 4"), "%s", err.msg);
    ck_assert(!regex_compile(&a, STR("a"), STR("x"), false, false, &re, &err));
    ck_assert_int_eq(err.kind, ERR_INVALID);
}
END_TEST

START_TEST(work_is_bounded)
{
    const struct regex *re;
    bool found;
    ck_ok(regex_compile(&a, STR("(a|aa)+$"), STR(""), false, false, &re, &err));
    ck_assert(!regex_match(&a, re, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"), &found, &err));
    ck_assert_int_eq(err.kind, ERR_TOO_COSTLY);
}
END_TEST

Suite *suite_base_regex(void)
{
    Suite *s = suite_create("base/regex");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, finds_or_takes_all);
    tcase_add_test(t, replaces);
    tcase_add_test(t, says_what_is_wrong);
    tcase_add_test(t, work_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
