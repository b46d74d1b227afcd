/* The connections of an event loop, against a real PostgreSQL. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/db.h"
#include "support/test.h"

static struct arena a;
static struct err err;
static struct config c;
static struct loop *loop;
static struct db_async *db;
static int answers, failures, expected;
static int64_t sum;

static void give_up(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static struct loop_timer timeout = {.fn = give_up};

static void wait_ready(void *arg)
{
    struct loop_timer *t = arg;
    if (db_async_ready(db))
        loop_stop(loop);
    else
        loop_timer_set(loop, t, clock_mono_us() + 2000);
}

static void until_ready(void)
{
    struct loop_timer poll = {.fn = wait_ready};
    poll.arg = &poll;
    loop_timer_set(loop, &timeout, clock_mono_us() + 10000000);
    loop_timer_set(loop, &poll, clock_mono_us());
    loop_run(loop);
    loop_timer_set(loop, &poll, 0);
    ck_assert(db_async_ready(db));
}

static void setup(void)
{
    arena_init(&a, 0);
    config_defaults(&c, &a);
    c.db_conninfo = test_conninfo();
    loop = loop_new();
    db = db_async_new(&c, loop);
    until_ready();
    answers = failures = expected = 0;
    sum = 0;
}

static void teardown(void)
{
    db_async_free(db);
    loop_free(loop);
    arena_release(&a);
}

static void done(void *arg, const struct db_rows *rows, const struct err *failure)
{
    (void)arg;
    answers++;
    if (failure)
        failures++;
    else
        sum += db_int8(rows, 0, 0);
    if (answers == expected)
        loop_stop(loop);
}

static void ask(enum db_lane lane, const char *name, const char *text, int64_t v)
{
    struct sql *q = ARENA_NEW(&a, struct sql);
    sql_init(q, &a, name);
    sql_adds(q, text);
    sql_int8(q, v);
    expected++;
    db_submit(db, lane, &a, q, done, NULL);
}

static void run(void)
{
    loop_timer_set(loop, &timeout, clock_mono_us() + 10000000);
    if (answers < expected)
        loop_run(loop);
    ck_assert_int_eq(answers, expected);
}

START_TEST(test_each_lane_answers)
{
    for (int i = 0; i < 300; i++) {
        ask(DB_READ, "one", "SELECT $1::int8", 1);
        ask(DB_READ, "two", "SELECT $1::int8 + 1", 1);
        ask(DB_SEARCH, NULL, "SELECT $1::int8 + 2", 1);
        ask(DB_WRITE, "four", "SELECT $1::int8 + 3", 1);
    }
    run();
    ck_assert_int_eq(failures, 0);
    ck_assert_int_eq(sum, 300 * (1 + 2 + 3 + 4));
}
END_TEST

START_TEST(test_a_failing_neighbour_in_the_pipeline)
{
    for (int i = 0; i < 20; i++)
        ask(DB_READ, i % 5 == 2 ? "bad" : "good",
            i % 5 == 2 ? "SELECT 1/($1::int8 - $1)" : "SELECT $1::int8 * 1", 1);
    run();
    ck_assert_int_eq(failures, 4);
    ck_assert_int_eq(sum, 16);
}
END_TEST

START_TEST(test_a_statement_that_cannot_be_prepared)
{
    ask(DB_READ, "nonsense", "SELECT nonsense, $1::int8", 1);
    ask(DB_READ, "sense", "SELECT $1::int8", 1);
    ask(DB_WRITE, "nonsense", "SELECT nonsense, $1::int8", 1);
    ask(DB_WRITE, "sense", "SELECT $1::int8", 1);
    run();
    ck_assert_int_eq(failures, 2);
    ck_assert_int_eq(sum, 2);
}
END_TEST

/* More shapes than a connection keeps: the oldest are prepared again when they come back. */
START_TEST(test_statements_named_by_their_text)
{
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 400; i++)
            ask(_i ? DB_READ : DB_SEARCH, SQL_BY_TEXT, arena_printf(&a, "SELECT $1::int8 + %d", i), 1);
    run();
    ck_assert_int_eq(failures, 0);
    ck_assert_int_eq(sum, 2 * (400 + 400 * 399 / 2));
}
END_TEST

/* A neighbour's failure keeps what makes room for others from being carried out, too. */
START_TEST(test_failing_neighbours_while_making_room)
{
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 100; i++)
            ask(DB_READ, i % 7 == 3 ? "bad" : SQL_BY_TEXT,
                i % 7 == 3 ? "SELECT 1/($1::int8 - $1)" : arena_printf(&a, "SELECT $1::int8 + %d * 0", i), 1);
        run();
    }
    ck_assert_int_eq(failures, 6 * 14);
    ck_assert_int_eq(sum, 6 * 86);
}
END_TEST

/* The connection is lost while the PREPARE before the statement waits for a lock. */
START_TEST(test_killed_while_preparing)
{
    struct db_conn *locking, *killing;
    ck_ok(db_open(&c, &locking, &err));
    ck_ok(db_open(&c, &killing, &err));
    ck_ok(db_run(killing, "CREATE TABLE IF NOT EXISTS test_preparing (v int8)", &err));
    ck_ok(db_run(locking, "BEGIN; LOCK TABLE test_preparing", &err));
    ask(DB_WRITE, "waits", "SELECT $1::int8 FROM test_preparing", 1);
    ck_ok(db_run(killing,
                 "DO $$BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = "
                 "'test_preparing'::regclass) LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;"
                 "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = "
                 "'test_preparing'::regclass",
                 &err));
    run();
    ck_assert_int_eq(failures, 1);
    db_close(locking);
    ck_ok(db_run(killing, "DROP TABLE test_preparing", &err));
    db_close(killing);
}
END_TEST

START_TEST(test_killed_backends_come_back)
{
    struct db_conn *other;
    ck_ok(db_open(&c, &other, &err));
    ck_ok(db_run(other,
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kagari' "
                 "AND pid <> pg_backend_pid()",
                 &err));
    db_close(other);
    for (int i = 0; i < 50; i++) /* some fail, none hangs */
        ask(i % 2 ? DB_READ : DB_WRITE, NULL, "SELECT $1::int8", 1);
    run();
    until_ready();
    answers = failures = expected = 0;
    for (int i = 0; i < 50; i++)
        ask(i % 2 ? DB_READ : DB_WRITE, "again", "SELECT $1::int8", 1);
    run();
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(test_without_a_database)
{
    db_async_free(db);
    loop_free(loop);
    c.db_conninfo = "host=/nonexistent";
    loop = loop_new();
    db = db_async_new(&c, loop);
    ask(DB_READ, NULL, "SELECT $1::int8", 1); /* fails at once */
    ck_assert_int_eq(failures, 1);
    ck_assert(!db_async_ready(db));
}
END_TEST

Suite *suite_db_async(void)
{
    Suite *s = suite_create("db_async");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_each_lane_answers);
    tcase_add_test(t, test_a_failing_neighbour_in_the_pipeline);
    tcase_add_test(t, test_a_statement_that_cannot_be_prepared);
    tcase_add_loop_test(t, test_statements_named_by_their_text, 0, 2);
    tcase_add_test(t, test_failing_neighbours_while_making_room);
    tcase_add_test(t, test_killed_while_preparing);
    tcase_add_test(t, test_killed_backends_come_back);
    tcase_add_test(t, test_without_a_database);
    suite_add_tcase(s, t);
    return s;
}
