#include <pthread.h>

#include "../../../src/conformance/internal.h"
#include "support/test.h"

static struct arena a;
static int readings;

static bool read_name(struct arena *into, struct arena *scratch, const json *resource, const void **out,
                      struct err *err)
{
    const char *name = json_get_string(resource, "name");
    (void)scratch;
    __atomic_fetch_add(&readings, 1, __ATOMIC_SEQ_CST);
    if (!name)
        return err_set(err, ERR_INVALID, "It has no name");
    *out = arena_strdup(into, name);
    return true;
}

static struct conformance_entry *entry(const char *resource, struct conformance__budget *budget)
{
    struct conformance_entry *made[CONFORMANCE__BRINGS];
    ck_assert_uint_eq(conformance__entries(&a, &a, CONFORMANCE_QUESTIONNAIRE, test_quoted(&a, resource),
                                           (struct str){NULL, 0}, budget, made),
                      1);
    return made[0];
}

static void begin(void)
{
    arena_init(&a, 0);
    readings = 0;
}
static void end(void)
{
    arena_release(&a);
}

static void *ask(void *e)
{
    const void *name = NULL;
    struct err err;
    ck_ok(conformance_read(e, read_name, &name, &err));
    return (void *)(uintptr_t)name;
}

START_TEST(is_read_once)
{
    struct conformance_entry *e = entry("{'name':'n'}", NULL);
    pthread_t threads[8];
    void *names[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, ask, e);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], &names[i]);
    for (int i = 0; i < 8; i++)
        ck_assert_ptr_eq(names[i], names[0]);
    ck_assert_str_eq(names[0], "n");
    ck_assert_int_eq(readings, 1);
}
END_TEST

START_TEST(is_wrong_once)
{
    struct conformance_entry *e = entry("{'url':'n'}", NULL);
    const void *name = NULL;
    struct err err;
    for (int i = 0; i < 2; i++) {
        ck_assert(!conformance_read(e, read_name, &name, &err));
        ck_assert_int_eq(err.kind, ERR_UNSUPPORTED);
        ck_assert_str_eq(err.msg, "It has no name");
    }
    ck_assert_int_eq(readings, 1);
}
END_TEST

START_TEST(memory_is_counted)
{
    struct conformance__budget budget = {.limit = 100000};
    char long_name[80001] = {0};
    memset(long_name, 'x', 80000);
    const char *text = arena_printf(&a, "{'name':'%s'}", long_name);
    struct conformance_entry *first = entry(text, &budget), *second = entry(text, &budget);
    const void *name = NULL;
    struct err err;
    ck_ok(conformance_read(first, read_name, &name, &err));
    ck_assert_uint_gt(atomic_load(&budget.used), 80000);
    ck_assert(!conformance_read(second, read_name, &name, &err));
    ck_assert_str_eq(err.msg, CONFORMANCE__TOO_LARGE);
    ck_assert_uint_lt(atomic_load(&budget.used), 90000);
    arena_release(&a);
    arena_init(&a, 0);
    ck_assert_uint_eq(atomic_load(&budget.used), 0);
}
END_TEST

Suite *suite_conformance_entry(void)
{
    Suite *s = suite_create("conformance_entry");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, is_read_once);
    tcase_add_test(t, is_wrong_once);
    tcase_add_test(t, memory_is_counted);
    suite_add_tcase(s, t);
    return s;
}
