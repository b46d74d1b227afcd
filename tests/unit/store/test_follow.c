/* What another server writes, and when nothing may be answered any more. */
#include <stdio.h>
#include <unistd.h>

#include "../src/store/internal.h"
#include "support/store.h"

#define T (test_store())

enum { MAX_AGE_US = 200 * 1000, PATIENCE = 500, STEP_US = 10 * 1000 };

static struct err err;
static struct store *reader; /* T->s is the other server's */
static const struct fhir_type *basic;

static void begin(void)
{
    test_store_begin();
    basic = fhir_type(T->defs, "Basic");
    T->config.cache_reads = STORE_CACHE_BOUNDED;
    T->config.cache_max_age = MAX_AGE_US;
    ck_ok(store_new(&T->config, T->defs, T->c, &reader, &err));
    ck_ok(store_cache_start(reader, &T->config, &err));
}

static void end(void)
{
    store_free(reader);
    test_store_end();
}

static void put(const char *id)
{
    test_put(arena_printf(&T->a, "{\"resourceType\":\"Basic\",\"id\":\"%s\",\"code\":{\"text\":\"t\"}}", id));
}

static bool has(const char *id)
{
    struct store_version v;
    store_ticket t;
    return store_cache_find(reader, &T->a, basic, str_of(id), 0, &v, &t);
}

/* As a read does; 0: it could not be kept. */
static bool read_into(const char *id)
{
    struct store_version v;
    store_ticket t;
    store_cache_find(reader, &T->a, basic, str_of(id), 0, &v, &t);
    ck_assert(test_read("Basic", id, &v));
    store_cache_keep(reader, basic, str_of(id), t, &v);
    return has(id);
}

static bool becomes(bool (*condition)(const char *), const char *id, bool value)
{
    for (int i = 0; i < PATIENCE; i++, usleep(STEP_US))
        if (condition(id) == value)
            return true;
    return false;
}

START_TEST(test_a_change)
{
    put("a");
    put("b");
    ck_assert(becomes(read_into, "a", true));
    ck_assert(becomes(read_into, "b", true));
    put("a");
    ck_assert(becomes(has, "a", false));
    usleep(2 * MAX_AGE_US);
    ck_assert_msg(has("b"), "what nobody has changed stays");
    ck_assert(becomes(read_into, "a", true));
    test_delete("Basic", "a", STORE_ANY_VERSION);
    ck_assert(becomes(has, "a", false));
}
END_TEST

/* The change feed waits for it. */
START_TEST(test_a_long_transaction_delays_nothing)
{
    struct db_conn *other;
    struct sql q = {.a = &T->a};
    put("a");
    ck_assert(becomes(read_into, "a", true));
    ck_ok(db_open(&T->config, &other, &err));
    ck_ok(db_begin(other, &err));
    sql_init(&q, &T->a, NULL);
    sql_adds(&q, "SELECT pg_current_xact_id()");
    ck_ok(db_exec(other, &T->a, &q, NULL, &err));
    for (int i = 0; i < 3; i++) {
        put("a");
        ck_assert(becomes(has, "a", false));
        ck_assert(becomes(read_into, "a", true));
    }
    db_rollback(other);
    db_close(other);
}
END_TEST

static void run(const char *text)
{
    ck_ok(db_run(T->c, text, &err));
}

START_TEST(test_without_the_database)
{
    put("a");
    ck_assert(becomes(read_into, "a", true));
    run("BEGIN; LOCK TABLE res_history IN ACCESS EXCLUSIVE MODE");
    ck_assert_msg(becomes(has, "a", false), "what cannot be looked at may be old");
    run("COMMIT");
    ck_assert_msg(becomes(has, "a", true), "nobody has changed it");
}
END_TEST

START_TEST(test_another_epoch)
{
    put("a");
    ck_assert(becomes(read_into, "a", true));
    run("SELECT kagari_new_epoch()");
    ck_assert(becomes(has, "a", false));
    usleep(2 * MAX_AGE_US);
    ck_assert_msg(!read_into("a"), "a connection to the old primary may answer still");
}
END_TEST

START_TEST(test_the_setting)
{
    T->config.cache_max_age = 1000;
    struct store *s;
    ck_ok(store_new(&T->config, T->defs, T->c, &s, &err));
    ck_assert(!store_cache_start(s, &T->config, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "cache.max_age"));
    store_free(s);
}
END_TEST

Suite *suite_store_follow(void)
{
    Suite *s = suite_create("store/follow");
    TCase *tc = tcase_create("follow");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, test_store_suite_begin, test_store_suite_end);
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, test_a_change);
    tcase_add_test(tc, test_a_long_transaction_delays_nothing);
    tcase_add_test(tc, test_without_the_database);
    tcase_add_test(tc, test_another_epoch);
    tcase_add_test(tc, test_the_setting);
    suite_add_tcase(s, tc);
    return s;
}
