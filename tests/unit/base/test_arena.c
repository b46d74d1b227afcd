#include "support/test.h"

#include <stdint.h>

static int freed[3], n_freed;

static void note(void *object)
{
    freed[n_freed++] = *(int *)object;
}

START_TEST(test_cleanups_run_last_first_and_once)
{
    struct arena a;
    int one = 1, two = 2;
    arena_init(&a, 0);
    n_freed = 0;
    arena_cleanup(&a, note, &one);
    arena_cleanup(&a, note, &two);
    arena_clear(&a);
    ck_assert_int_eq(n_freed, 2);
    ck_assert_int_eq(freed[0], 2);
    arena_release(&a);
    ck_assert_int_eq(n_freed, 2);
}
END_TEST

START_TEST(test_alignment_and_contents)
{
    struct arena a;
    arena_init(&a, 0);
    for (size_t n = 1; n < 5000; n += 37) {
        char *p = arena_zalloc(&a, n);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        ck_assert_int_eq(p[n - 1], 0);
        memset(p, 1, n);
    }
    char *big = arena_alloc(&a, 5 * 1024 * 1024);
    big[5 * 1024 * 1024 - 1] = 1;
    arena_release(&a);
}
END_TEST

START_TEST(test_grow_in_place_and_by_copy)
{
    struct arena a;
    arena_init(&a, 0);
    char *p = arena_strdup(&a, "hello");
    ck_assert_ptr_eq(arena_grow(&a, p, 6, 100), p);
    arena_alloc(&a, 1);
    char *q = arena_grow(&a, p, 100, 200);
    ck_assert_ptr_ne(q, p);
    ck_assert_str_eq(q, "hello");
    int *list = NULL;
    size_t n = 0, cap = 0;
    for (int i = 0; i < 1000; i++)
        *ARENA_PUSH(&a, list, n, cap) = i;
    ck_assert_int_eq(list[999], 999);
    arena_release(&a);
}
END_TEST

START_TEST(test_limit_jumps_to_the_guard)
{
    struct arena a;
    jmp_buf guard;
    arena_init(&a, 10000);
    volatile int allocated = 0;
    if (setjmp(guard) == 0) {
        a.guard = &guard;
        for (;;) {
            arena_alloc(&a, 1000);
            allocated = allocated + 1;
        }
    }
    ck_assert_int_eq(allocated, 9);
    arena_release(&a);
}
END_TEST

Suite *suite_base_arena(void)
{
    Suite *s = suite_create("base_arena");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_cleanups_run_last_first_and_once);
    tcase_add_test(t, test_alignment_and_contents);
    tcase_add_test(t, test_grow_in_place_and_by_copy);
    tcase_add_test(t, test_limit_jumps_to_the_guard);
    suite_add_tcase(s, t);
    return s;
}
