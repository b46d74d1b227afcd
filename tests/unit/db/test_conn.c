/* The synchronous connection, the schema and the worker pool, against a real PostgreSQL. */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "db/db.h"
#include "support/test.h"

static struct arena a;
static struct err err;
static struct config c;
static struct db_conn *conn;

/* Every test has a schema of its own. */
static void setup(void)
{
    arena_init(&a, 0);
    config_defaults(&c, &a);
    c.db_conninfo = test_conninfo();
    char *schema = arena_printf(&a, "db_conn_%d", (int)getpid());
    ck_ok(db_open(&c, &conn, &err));
    ck_ok(db_run(conn, arena_printf(&a, "CREATE SCHEMA %s; SET search_path = %s, public", schema, schema),
                 &err));
}

static void teardown(void)
{
    ck_ok(db_run(conn, arena_printf(&a, "DROP SCHEMA db_conn_%d CASCADE", (int)getpid()), &err));
    db_close(conn);
    arena_release(&a);
}

static const struct db_rows *ask(const char *text)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, &a, NULL);
    sql_adds(&q, text);
    ck_ok(db_exec(conn, &a, &q, &rows, &err));
    return rows;
}

START_TEST(test_statements_named_by_their_text)
{
    for (int i = 0; i < 200; i++) {
        struct sql q;
        const struct db_rows *rows;
        sql_init(&q, &a, SQL_BY_TEXT);
        sql_addf(&q, "SELECT $%d::int4 + %d", sql_int4(&q, 1), i % 150);
        ck_ok(db_exec(conn, &a, &q, &rows, &err));
        ck_assert_int_eq(db_int4(rows, 0, 0), 1 + i % 150);
    }
    ck_assert_int_le(db_int8(ask("SELECT count(*) FROM pg_prepared_statements"), 0, 0), 64);
}
END_TEST

START_TEST(test_every_type_goes_there_and_back)
{
    struct sql q;
    const struct db_rows *r;
    sql_init(&q, &a, "types");
    const int16_t i2[] = {1, -2};
    const int32_t i4[] = {3, -4};
    const int64_t i8[] = {INT64_MAX, INT64_MIN};
    const struct str texts[] = {STR("a"), {NULL, 0}, STR("")}, nums[] = {STR("1.10"), {NULL, 0}};
    sql_addf(&q, "SELECT $%d::bool, $%d::int2, $%d::int4, $%d::int8, $%d::text, ", sql_bool(&q, true),
             sql_int2(&q, -7), sql_int4(&q, 70000), sql_int8(&q, INT64_MIN), sql_text(&q, STR("山")));
    sql_addf(&q, "$%d::timestamptz, $%d::int8[], ", sql_timestamptz(&q, 1), sql_int8_array(&q, i8, 2));
    sql_addf(&q, "($%d::int2[])[2], ($%d::int4[])[2], ", sql_int2_array(&q, i2, 2),
             sql_int4_array(&q, i4, 2));
    sql_addf(&q, "array_to_string($%d::text[], '|', 'NULL'), $%d::numeric::text, ",
             sql_text_array(&q, texts, 3), sql_numeric(&q, STR("2.50")));
    sql_addf(&q, "array_to_string($%d::numeric[], '|', 'NULL'), $%d::text, ", sql_numeric_array(&q, nums, 2),
             sql_null(&q, SQL_TEXT));
    sql_addf(&q, "cardinality($%d::int8[])", sql_int8_array(&q, NULL, 0));
    for (int i = 0; i < 2; i++) { /* the second time it is prepared already */
        ck_ok(db_exec(conn, &a, &q, &r, &err));
        ck_assert(db_bool(r, 0, 0));
        ck_assert_int_eq(db_int2(r, 0, 1), -7);
        ck_assert_int_eq(db_int4(r, 0, 2), 70000);
        ck_assert_int_eq(db_int8(r, 0, 3), INT64_MIN);
        ck_str_eq(db_text(r, 0, 4), "山");
        ck_assert_int_eq(db_timestamptz(r, 0, 5), 1);
        int64_t *back;
        ck_assert_uint_eq(db_int8_array(r, 0, 6, &a, &back), 2);
        ck_assert(back[0] == INT64_MAX && back[1] == INT64_MIN);
        ck_assert_int_eq(db_int2(r, 0, 7), -2);
        ck_assert_int_eq(db_int4(r, 0, 8), -4);
        ck_str_eq(db_text(r, 0, 9), "a|NULL|");
        ck_str_eq(db_text(r, 0, 10), "2.50");
        ck_str_eq(db_text(r, 0, 11), "1.10|NULL");
        ck_assert(db_null(r, 0, 12) && !db_text(r, 0, 12).s);
        ck_assert_int_eq(db_int4(r, 0, 13), 0);
    }
}
END_TEST

START_TEST(test_errors_name_no_values)
{
    struct sql q;
    ck_ok(db_run(conn, "CREATE TABLE t (v text PRIMARY KEY)", &err));
    ck_ok(db_run(conn, "INSERT INTO t VALUES ('secret')", &err));
    sql_init(&q, &a, NULL);
    sql_addf(&q, "INSERT INTO t VALUES ($%d)", sql_text(&q, STR("secret")));
    ck_assert(!db_exec(conn, &a, &q, NULL, &err));
    ck_assert_int_eq(err.kind, ERR_CONFLICT);
    ck_assert(strstr(err.detail, "23505") && strstr(err.detail, "t_pkey"));
    ck_assert(!strstr(err.detail, "secret") && !strstr(err.msg, "secret"));
}
END_TEST

START_TEST(test_statement_timeout)
{
    ck_ok(db_run(conn, "SET statement_timeout = 20", &err));
    ck_assert(!db_run(conn, "SELECT pg_sleep(5)", &err));
    ck_assert_int_eq(err.kind, ERR_TIMEOUT);
}
END_TEST

static bool is_search_mode(void)
{
    const struct db_rows *r =
        ask("SELECT current_setting('statement_timeout'), current_setting('plan_cache_mode')");
    bool search = str_is(db_text(r, 0, 0), "1234ms");
    ck_assert(search == str_is(db_text(r, 0, 1), "force_generic_plan"));
    return search;
}

START_TEST(test_search_mode)
{
    db_close(conn);
    c.search_timeout = 1234 * 1000;
    ck_ok(db_open(&c, &conn, &err));
    ck_assert_int_eq(db_search_timeout(conn), 1234 * 1000);
    ck_assert(!is_search_mode());
    db_search_mode(conn, true);
    ck_assert(is_search_mode());
    ck_ok(db_begin(conn, &err));
    db_search_mode(conn, false);
    ck_assert(!is_search_mode());
    db_rollback(conn); /* takes the setting back */
    ck_assert(!is_search_mode());
    db_search_mode(conn, true);
    ck_ok(db_begin(conn, &err));
    ck_ok(db_commit(conn, &err));
    ck_assert(is_search_mode());
}
END_TEST

START_TEST(test_transactions)
{
    ck_ok(db_run(conn, "CREATE TABLE t (v int)", &err));
    ck_ok(db_begin(conn, &err));
    ck_ok(db_run(conn, "INSERT INTO t VALUES (1)", &err));
    db_rollback(conn);
    ck_ok(db_begin(conn, &err));
    ck_ok(db_run(conn, "INSERT INTO t VALUES (2)", &err));
    ck_ok(db_commit(conn, &err));
    ck_assert_int_eq(db_int4(ask("SELECT sum(v)::int FROM t"), 0, 0), 2);
    ck_ok(db_begin(conn, &err));
    ck_assert(!db_run(conn, "SELECT 1/0", &err));
    ck_assert(!db_commit(conn, &err)); /* PostgreSQL answers such a COMMIT with ROLLBACK */
}
END_TEST

START_TEST(test_a_killed_connection_is_opened_again)
{
    struct db_conn *other;
    int pid = db_int4(ask("SELECT pg_backend_pid()"), 0, 0);
    ck_ok(db_open(&c, &other, &err));
    ck_ok(db_run(other, arena_printf(&a, "SELECT pg_terminate_backend(%d)", pid), &err));
    db_close(other);
    while (db_run(conn, "SELECT 1", &err)) /* until the signal has arrived */
        usleep(1000);
    ck_assert_int_eq(err.kind, ERR_BUSY);
    ck_ok(db_begin(conn, &err));
    ck_ok(db_commit(conn, &err));
}
END_TEST

START_TEST(test_nobody_there)
{
    struct db_conn *none;
    c.db_conninfo = "host=/nonexistent";
    ck_assert(!db_open(&c, &none, &err));
    ck_assert_int_eq(err.kind, ERR_BUSY);
}
END_TEST

START_TEST(test_migrations)
{
    ck_assert(!db_check_schema(conn, &err));
    ck_assert_msg(strstr(err.msg, "kagari migrate"), "%s", err.msg);
    ck_ok(db_migrate(conn, NULL, &err));
    ck_ok(db_migrate(conn, NULL, &err));
    ck_ok(db_check_schema(conn, &err));

    ck_ok(db_run(conn, "DROP INDEX res_lu", &err));
    ck_assert(!db_check_schema(conn, &err));
    ck_assert_msg(strstr(err.msg, "indexes"), "%s", err.msg);
    ck_ok(db_run(conn, "CREATE INDEX res_lu ON res (tenant, rtype, lu, k) WHERE NOT deleted", &err));
    ck_ok(db_check_schema(conn, &err));

    ck_ok(db_run(conn, "INSERT INTO kagari_migration VALUES (9999, 'later', 'x')", &err));
    ck_assert(!db_check_schema(conn, &err) && !db_migrate(conn, NULL, &err));
    ck_assert_msg(strstr(err.msg, "newer"), "%s", err.msg);
    ck_ok(db_run(conn, "DELETE FROM kagari_migration WHERE version = 9999", &err));
    ck_ok(db_run(conn, "UPDATE kagari_migration SET checksum = 'other'", &err));
    ck_assert(!db_check_schema(conn, &err));
    ck_ok(db_run(conn, "DELETE FROM kagari_migration", &err));
    ck_assert(!db_check_schema(conn, &err));
}
END_TEST

static atomic_int done, without;

static void job(void *arg, struct db_conn *worker, const struct err *failure)
{
    struct err e;
    (void)arg;
    if (!worker)
        without += failure != NULL;
    else if (db_run(worker, "SELECT pg_sleep(0.01)", &e))
        done++;
}

START_TEST(test_pool)
{
    struct db_pool *p;
    done = without = 0;
    c.db_workers = 2;
    c.worker_queue = 8;
    ck_ok(db_pool_new(&c, &p, &err));
    int accepted = 0;
    for (int i = 0; i < 100; i++)
        accepted += db_pool_submit(p, job, NULL, &err);
    ck_assert_int_lt(accepted, 100);
    ck_assert_int_eq(err.kind, ERR_BUSY);
    db_pool_free(p);
    ck_assert_int_eq(done, accepted);

    done = without = 0;
    c.worker_queue_wait = -1;
    ck_ok(db_pool_new(&c, &p, &err));
    ck_ok(db_pool_submit(p, job, NULL, &err));
    db_pool_free(p);
    ck_assert_int_eq(without, 1);
}
END_TEST

Suite *suite_db_conn(void)
{
    Suite *s = suite_create("db_conn");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, test_statements_named_by_their_text);
    tcase_add_test(t, test_every_type_goes_there_and_back);
    tcase_add_test(t, test_errors_name_no_values);
    tcase_add_test(t, test_statement_timeout);
    tcase_add_test(t, test_search_mode);
    tcase_add_test(t, test_transactions);
    tcase_add_test(t, test_nobody_there);
    tcase_add_test(t, test_migrations);
    tcase_add_test(t, test_pool);
    suite_add_tcase(s, t);
    t = tcase_create("lost");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, test_a_killed_connection_is_opened_again);
    suite_add_tcase(s, t);
    return s;
}
