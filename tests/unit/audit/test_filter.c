/* What a block's filter says of keys that are in it, and of others. */
#include "../../../src/audit/internal.h"
#include "audit/render.h"
#include "support/audit.h"

static struct err err;

/* Blocks that may have the key. */
static int64_t blocks(int64_t key)
{
    struct test_audit *t = test_audit();
    struct sql q = {.a = &t->a};
    const struct db_rows *rows;
    sql_init(&q, q.a, NULL);
    sql_adds(&q, "SELECT count(*) FROM audit_block a WHERE true");
    audit__filter_where(&key, 1, &q);
    ck_ok(db_exec(t->c, &t->a, &q, &rows, &err));
    return db_int8(rows, 0, 0);
}

START_TEST(few)
{
    test_audit_reads(0, 2); /* a block of each ring */
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_block WHERE keys IS NULL"), 2);
    ck_assert_int_eq(blocks(1000), 2);
    ck_assert_int_eq(blocks(5), 2);
}
END_TEST

START_TEST(many)
{
    int wrong = 0;
    test_audit_reads(0, 400);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_block WHERE length(keys) >= 256"), 2);
    for (int64_t pat = 1000; pat < 1003; pat++)
        ck_assert_int_eq(blocks(pat), 2);
    for (int i = 0; i < 400; i++) {
        char id[16];
        snprintf(id, sizeof id, "o%d", i);
        ck_assert_int_ge(blocks(audit__filter_resource(7, str_of(id))), 1);
        wrong += blocks(audit__filter_resource(8, str_of(id))) > 0;
    }
    ck_assert_int_lt(wrong, 60);
    ck_assert_int_eq(blocks(audit__filter_op(AUDIT_READ)), 2);
}
END_TEST

/* The question for one of many: its entries and no others. */
START_TEST(finds)
{
    struct test_audit *t = test_audit();
    static const struct fhir_type type = {.name = "Observation", .id = 7};
    test_audit_reads(0, 400);
    struct audit_query one = {.tenant = 1, .type = &type, .id = STR("o123"), .limit = 10},
                       reads = {.tenant = 1, .action = 'R', .limit = 1000},
                       deletes = {.tenant = 1, .action = 'D', .limit = 10},
                       patient = {.tenant = 1, .patient = 1001, .limit = 1000},
                       nobody = {.tenant = 1, .patient = 5, .limit = 1000};
    const struct {
        struct audit_query *query;
        int n;
    } cases[] = {{&one, 1}, {&patient, 133}, {&nobody, 0}, {&reads, 400}, {&deletes, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sql q = {.a = &t->a};
        const struct db_rows *rows;
        cases[i].query->lo_us = INT64_MIN;
        cases[i].query->hi_us = INT64_MAX;
        audit_query_plan(cases[i].query, &q);
        ck_ok(db_exec(t->c, &t->a, &q, &rows, &err));
        ck_assert_int_eq(db_count(rows), cases[i].n);
    }
}
END_TEST

Suite *suite_audit_filter(void)
{
    Suite *s = suite_create("audit/filter");
    TCase *c = tcase_create("filter");
    tcase_add_unchecked_fixture(c, test_audit_suite_begin, test_audit_suite_end);
    tcase_add_checked_fixture(c, test_audit_begin, test_audit_end);
    tcase_add_test(c, few);
    tcase_add_test(c, many);
    tcase_add_test(c, finds);
    suite_add_tcase(s, c);
    return s;
}
