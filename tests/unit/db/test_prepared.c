#include <stdio.h>

#include "../../../src/db/internal.h"
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

static struct sql by_text(const char *text)
{
    struct sql q;
    sql_init(&q, &a, SQL_BY_TEXT);
    sql_adds(&q, text);
    return q;
}

START_TEST(test_names)
{
    char one[DB__NAME], two[DB__NAME];
    struct sql named = {.name = "read"}, unnamed = {0}, p = by_text("SELECT 1"), q = by_text("SELECT 2");
    ck_assert_str_eq(db__name(&named, one), "read");
    ck_assert_ptr_null(db__name(&unnamed, one));
    ck_assert_str_eq(db__name(&p, one), db__name(&p, two));
    ck_assert_str_ne(db__name(&p, one), db__name(&q, two));
    q = by_text("SELECT 1");
    sql_int8(&q, 1);
    ck_assert_str_ne(db__name(&p, one), db__name(&q, two));
    p = by_text("SELECT 1");
    sql_int4(&p, 1);
    ck_assert_str_ne(db__name(&p, one), db__name(&q, two));
}
END_TEST

START_TEST(test_the_oldest_by_text_make_room)
{
    struct db__prepared p = {0};
    char name[DB__NAME], forgotten[DB__NAME], first[DB__NAME];
    db__prepared_add(&p, "read");
    for (int i = 0; i < DB__BY_TEXT; i++) {
        struct sql q = by_text(arena_printf(&a, "SELECT %d", i));
        db__name(&q, name);
        if (i == 0)
            memcpy(first, name, sizeof first);
        ck_assert(!db__prepared_make_room(&p, name, forgotten));
        db__prepared_add(&p, name);
        ck_assert(db__prepared_has(&p, name));
    }
    ck_assert(!db__prepared_make_room(&p, "vread", forgotten)); /* there is room for every static name */
    struct sql q = by_text("SELECT 'more'");
    ck_assert(db__prepared_make_room(&p, db__name(&q, name), forgotten));
    ck_assert_str_eq(forgotten, first);
    ck_assert(!db__prepared_has(&p, first));
    ck_assert(db__prepared_has(&p, "read"));
    ck_assert(!db__prepared_make_room(&p, name, forgotten));
}
END_TEST

START_TEST(test_remove)
{
    struct db__prepared p = {0};
    db__prepared_add(&p, "one");
    db__prepared_add(&p, "two");
    db__prepared_remove(&p, "one");
    db__prepared_remove(&p, "three");
    ck_assert(!db__prepared_has(&p, "one"));
    ck_assert(db__prepared_has(&p, "two"));
}
END_TEST

Suite *suite_db_prepared(void)
{
    Suite *s = suite_create("db_prepared");
    TCase *t = tcase_create("prepared");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_names);
    tcase_add_test(t, test_the_oldest_by_text_make_room);
    tcase_add_test(t, test_remove);
    suite_add_tcase(s, t);
    return s;
}
