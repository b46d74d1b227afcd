/* Entries that a statement brings along with what it writes. */
#include "audit/render.h"
#include "audit/write.h"

#include "../../../src/audit/internal.h"
#include "support/audit.h"

static struct err err;

/* The n rows i of "written" as one statement's. */
static void write_rows(int n, const struct audit_key *keys)
{
    struct test_audit *t = test_audit();
    struct sql q = {.a = &t->a};
    sql_init(&q, q.a, NULL);
    int tenant = sql_int4(&q, 1);
    sql_addf(&q,
             "WITH written AS (SELECT i, (CASE WHEN i %% 2 = 1 THEN %d ELSE 0 END)::int2 AS op FROM "
             "generate_series(1, $%d) i)",
             AUDIT_CREATE, sql_int4(&q, n));
    audit_write_add(
        &q, tenant, 4711, keys, (size_t)n,
        "SELECT 5::int8, i::int8, 1, 7::int2, op, 201::int2, 0::int2, 'o' || i, ''::bytea FROM written");
    sql_adds(&q, " SELECT 1");
    ck_ok(db_exec(t->c, &t->a, &q, NULL, &err));
}

START_TEST(entries)
{
    const struct audit_key none[3] = {0};
    write_rows(3, none);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_block WHERE keys IS NULL AND k = 4711"), 0);
    ck_assert_int_eq(
        test_audit_count("SELECT count(*) FROM audit WHERE agent = 5 AND pat IN (1, 3) AND ver = 1 AND "
                         "rtype = 7 AND op = 4 AND status = 201 AND rid = 'o' || pat"),
        2);
    test_audit_turn();
    ck_assert_str_eq(test_audit_faults(), "");
    ck_assert_int_eq(test_audit_verified().entries, 2);
}
END_TEST

START_TEST(none)
{
    write_rows(0, NULL);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_block"), 0);
}
END_TEST

START_TEST(found)
{
    struct test_audit *t = test_audit();
    struct audit_key keys[40];
    for (int i = 0; i < 40; i++)
        keys[i] = (struct audit_key){.agent = 5,
                                     .pat = i + 1,
                                     .op = AUDIT_CREATE,
                                     .rtype = 7,
                                     .id = str_of(arena_printf(&t->a, "o%d", i + 1))};
    write_rows(40, keys);
    for (int64_t pat = 1; pat <= 41; pat += 40) {
        struct audit_query query = {
            .tenant = 1, .patient = pat, .lo_us = INT64_MIN, .hi_us = INT64_MAX, .limit = 9};
        struct sql q = {.a = &t->a};
        const struct db_rows *rows;
        audit_query_plan(&query, &q);
        ck_ok(db_exec(t->c, &t->a, &q, &rows, &err));
        ck_assert_int_eq(db_count(rows), pat == 1);
    }
}
END_TEST

START_TEST(request)
{
    struct test_audit *t = test_audit();
    struct str bytes = audit_request(&t->a, "0b7d6a52-8a3e-4f6c-9d1c-2f1e0a9b8c7d");
    ck_assert_uint_eq(bytes.len, 16);
    ck_str_eq(audit__request_text(&t->a, bytes), "0b7d6a52-8a3e-4f6c-9d1c-2f1e0a9b8c7d");
    ck_str_eq(audit_request(&t->a, "mine"), "mine");
}
END_TEST

Suite *suite_audit_write(void)
{
    Suite *s = suite_create("audit/write");
    TCase *c = tcase_create("write");
    tcase_add_unchecked_fixture(c, test_audit_suite_begin, test_audit_suite_end);
    tcase_add_checked_fixture(c, test_audit_begin, test_audit_end);
    tcase_add_test(c, entries);
    tcase_add_test(c, none);
    tcase_add_test(c, found);
    tcase_add_test(c, request);
    suite_add_tcase(s, c);
    return s;
}
