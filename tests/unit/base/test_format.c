#include <limits.h>
#include <stdio.h>

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

START_TEST(test_numbers)
{
    static const int64_t values[] = {0, 7, -7, 10, 99, 100, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char out[20], expected[32];
        size_t n = str_put_int64(out, values[i]);
        snprintf(expected, sizeof expected, "%lld", (long long)values[i]);
        ck_str_eq(((struct str){out, n}), expected);
    }
}
END_TEST

/* What is done here and what is left to vsnprintf come out the same. */
#define SAME(...)                                                                                            \
    do {                                                                                                     \
        char expected[512];                                                                                  \
        struct buf b;                                                                                        \
        snprintf(expected, sizeof expected, "<" __VA_ARGS__);                                                \
        buf_init(&b, &a, 0);                                                                                 \
        buf_addc(&b, '<');                                                                                   \
        buf_addf(&b, __VA_ARGS__);                                                                           \
        ck_assert_str_eq(b.s, expected);                                                                     \
        ck_assert_uint_eq(b.len, strlen(expected));                                                          \
        ck_assert_str_eq(arena_printf(&a, "<" __VA_ARGS__), expected);                                       \
    } while (0)

START_TEST(test_as_printf)
{
    SAME("nothing");
    SAME("%s", "");
    SAME("%s and %.*s, %d%% of %zu; %lld", "one", 3, "twofold", INT_MIN, (size_t)12, LLONG_MAX);
    SAME("%.*s|%.*s", 9, "short", -1, "all");
    SAME("%s %04d %d", "before", 7, 8);
    SAME("%d %c %x %016llx %.3f", -1, 'c', 255u, 1ULL, 0.5);
    SAME("%s%s%s%s", "0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789",
         "0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789");
}
END_TEST

START_TEST(test_no_text)
{
    struct str rest;
    (void)str_cut(STR("whole"), ' ', &rest);
    ck_assert_ptr_null(rest.s);
    ck_assert_str_eq(arena_printf(&a, "[%.*s]", STR_FMT(rest)), "[]");
}
END_TEST

Suite *suite_base_format(void)
{
    Suite *s = suite_create("base_format");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_numbers);
    tcase_add_test(t, test_as_printf);
    tcase_add_test(t, test_no_text);
    suite_add_tcase(s, t);
    return s;
}
