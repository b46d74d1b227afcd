#include "../src/oauth/internal.h"
#include "support/test.h"

static const struct {
    const char *allowed, *wanted;
    bool covers;
} pairs[] = {
    {"openid", "openid", true},
    {"openid", "openi", false},
    {"system/Patient.rs", "system/Patient.rs", true},
    {"system/Patient.rs", "system/Patient.r", true},
    {"system/Patient.rs", "system/Patient.read", true},
    {"system/Patient.read", "system/Patient.rs", true},
    {"system/Patient.r", "system/Patient.read", false},
    {"system/Patient.rs", "system/Patient.crs", false},
    {"system/Patient.rs", "system/Patient.sr", false},
    {"system/Patient.rs", "system/Patient.", false},
    {"system/Patient.rs", "system/Patient", false},
    {"system/*.rs", "system/Patient.rs", true},
    {"system/Patient.rs", "system/*.rs", false},
    {"system/*.cruds", "system/*.*", true},
    {"system/*.write", "system/*.cud", true},
    {"system/*.rs", "user/Patient.rs", false},
    {"user/*.rs", "patient/Patient.rs", false},
    {"system/*.rs", "system/Patient.rs?name=x", true},
    {"system/Patient.rs?name=x", "system/Patient.rs", false},
    {"system/Patient.rs?name=x", "system/Patient.r?name=x", true},
    {"system/Patient.rs?name=x", "system/Patient.r?name=y", false},
    {"everything/*.rs", "everything/Patient.rs", false},
};

START_TEST(covers)
{
    ck_assert_msg(oauth__scope_covers(str_of(pairs[_i].allowed), str_of(pairs[_i].wanted)) ==
                      pairs[_i].covers,
                  "%s, %s", pairs[_i].allowed, pairs[_i].wanted);
}
END_TEST

START_TEST(lists)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_str_eq(oauth__scope_narrow(&a, "openid  user/Patient.r openid x", "user/*.rs openid"),
                     "openid user/Patient.r");
    ck_assert_str_eq(oauth__scope_narrow(&a, "", "user/*.rs"), "");
    ck_assert_str_eq(oauth__scope_narrow(&a, "x", ""), "");
    ck_assert(oauth__scope_has("a bc", "bc"));
    ck_assert(!oauth__scope_has("a bc", "b"));
    ck_assert(!oauth__scope_has("", ""));
    arena_release(&a);
}
END_TEST

Suite *suite_oauth_scope(void)
{
    Suite *s = suite_create("oauth/scope");
    TCase *t = tcase_create("scope");
    tcase_add_loop_test(t, covers, 0, sizeof pairs / sizeof *pairs);
    tcase_add_test(t, lists);
    suite_add_tcase(s, t);
    return s;
}
