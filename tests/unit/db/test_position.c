#include "../../../src/db/internal.h"

#include "base/clock.h"
#include "support/test.h"

static struct err err;
static struct db__position p;
static struct db_conn *conn;

static void setup(void)
{
    static struct config c;
    p = (struct db__position){0};
    arena_init(&p.a, 0);
    config_defaults(&c, &p.a);
    c.db_conninfo = test_conninfo();
    ck_ok(db_open(&c, &conn, &err));
}

static void teardown(void)
{
    arena_release(&p.a);
    db_close(conn);
}

static void ask(int64_t max_lag_us)
{
    const struct db_rows *rows;
    const struct sql *q = db__position_ask(&p);
    ck_assert(p.asked);
    ck_ok(db_exec(conn, &p.a, q, &rows, &err));
    db__position_read(&p, rows, max_lag_us);
    ck_assert(!p.asked);
}

/* A transaction's own id, committed. */
static int64_t write_something(void)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    sql_adds(&q, "SELECT pg_current_xact_id()");
    ck_ok(db_exec(conn, &a, &q, &rows, &err));
    int64_t xid = db_int8(rows, 0, 0);
    arena_release(&a);
    return xid;
}

START_TEST(test_what_has_ended_is_reached)
{
    int64_t now = clock_mono_us(), xid = write_something();
    ck_assert(!db__position_reached(&p, 0, now));
    ask(1000000);
    now = clock_mono_us();
    ck_assert(db__position_reached(&p, 0, now));
    ck_assert(!db__position_reached(&p, INT64_MAX, now));
    ck_assert(!db__position_reached(&p, 0, now + 2000000));
    for (int i = 0; i < 100 && !db__position_reached(&p, xid, now); i++) /* other tests write as well */
        ask(1000000);
    ck_assert(db__position_reached(&p, xid, now));
    ck_assert(!db__position_reached(&p, p.seen, now));
}
END_TEST

START_TEST(test_what_has_not_ended_is_not)
{
    ck_ok(db_begin(conn, &err));
    int64_t xid = write_something();
    ask(1000000);
    ck_assert(!db__position_reached(&p, xid, clock_mono_us()));
    db_rollback(conn);
}
END_TEST

START_TEST(test_no_answer)
{
    ask(1000000);
    ck_assert(db__position_reached(&p, 0, clock_mono_us()));
    db__position_read(&p, NULL, 1000000);
    ck_assert(!db__position_reached(&p, 0, clock_mono_us()));
}
END_TEST

Suite *suite_db_position(void)
{
    Suite *s = suite_create("db_position");
    TCase *tc = tcase_create("position");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_what_has_ended_is_reached);
    tcase_add_test(tc, test_what_has_not_ended_is_not);
    tcase_add_test(tc, test_no_answer);
    suite_add_tcase(s, tc);
    return s;
}
