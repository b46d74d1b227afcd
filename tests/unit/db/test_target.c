#include "../../../src/db/internal.h"

#include "support/test.h"

static struct arena a;
static struct config c;

static void setup(void)
{
    arena_init(&a, 0);
    config_defaults(&c, &a);
}

static void teardown(void)
{
    arena_release(&a);
}

/* What libpq goes by: the last one. */
static const char *value(const struct db__target *t, const char *keyword)
{
    const char *found = NULL;
    for (int i = 0; t->keywords[i]; i++)
        if (strcmp(t->keywords[i], keyword) == 0)
            found = t->values[i];
    return found;
}

START_TEST(test_hosts_take_turns)
{
    struct db__target t;
    c.db_conninfo = "host=a,b,c port=1,2,3 dbname=x";
    ck_assert_int_eq(db__hosts(c.db_conninfo), 3);
    db__target(&c, &a, false, "", 0, &t);
    ck_assert_str_eq(value(&t, "host"), "a,b,c");
    db__target(&c, &a, false, "", 2, &t);
    ck_assert_str_eq(value(&t, "host"), "c,a,b");
    ck_assert_str_eq(value(&t, "port"), "3,1,2");
    db__target(&c, &a, false, "", 4, &t);
    ck_assert_str_eq(value(&t, "host"), "b,c,a");
    ck_assert_ptr_null(value(&t, "hostaddr"));
    /* one port for all of them stays where it is */
    c.db_conninfo = "postgresql://u@a,b/x?hostaddr=127.0.0.1,127.0.0.2";
    db__target(&c, &a, false, "", 1, &t);
    ck_assert_str_eq(value(&t, "hostaddr"), "127.0.0.2,127.0.0.1");
    ck_assert_str_eq(value(&t, "host"), "b,a");
}
END_TEST

START_TEST(test_one_host_or_none)
{
    static const char *const strings[] = {"", "mydb", "dbname=x", "host=a port=5", "host=a,b port='x"};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        struct db__target t;
        c.db_conninfo = strings[i];
        ck_assert_int_eq(db__hosts(c.db_conninfo), 1);
        db__target(&c, &a, false, "", 1, &t);
        ck_assert_ptr_null(value(&t, "host"));
        ck_assert_str_eq(value(&t, "dbname"), strings[i]);
    }
}
END_TEST

START_TEST(test_who_will_do)
{
    struct db__target t;
    c.db_conninfo = "host=a,b";
    c.db_replicas = "host=b,c";
    db__target(&c, &a, false, "", 0, &t);
    ck_assert_str_eq(value(&t, "target_session_attrs"), "primary");
    db__target(&c, &a, true, "", 0, &t);
    ck_assert_str_eq(value(&t, "target_session_attrs"), "prefer-standby");
    ck_assert_str_eq(value(&t, "host"), "b,c");
}
END_TEST

Suite *suite_db_target(void)
{
    Suite *s = suite_create("db_target");
    TCase *tc = tcase_create("target");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_hosts_take_turns);
    tcase_add_test(tc, test_one_host_or_none);
    tcase_add_test(tc, test_who_will_do);
    suite_add_tcase(s, tc);
    return s;
}
