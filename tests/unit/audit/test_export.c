/* The log as AuditEvents: all of them, once, in order, over several pages; and no more than was asked for. */
#include "audit/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "support/audit.h"

static struct err err;

struct seen {
    struct arena *a;
    int n, stop; /* stop: fails at this one; 0: never */
};

static bool see(void *arg, struct str event)
{
    struct seen *s = arg;
    json *e;
    ck_ok(json_parse(s->a, event, 100, &e, &err));
    ck_assert_str_eq(json_get_string(e, "resourceType"), "AuditEvent");
    ck_assert_ptr_null(memchr(event.s, '\n', event.len));
    errno = ENOSPC;
    return ++s->n != s->stop;
}

static bool export(int64_t lo, int64_t hi, struct seen *s, int64_t *n)
{
    struct test_audit *t = test_audit();
    struct audit_export o = {
        .tenant = 1, .lo_us = lo, .hi_us = hi, .base = STR("https://x.test/fhir"), .write = see, .arg = s};
    s->a = &t->a;
    ck_ok(fhir_defs_load(&t->a, &o.defs, &err));
    return audit_export(t->c, &o, n, &err);
}

START_TEST(everything)
{
    struct seen s = {0};
    int64_t n;
    test_audit_reads(0, 700);
    test_audit_reads(700, 500);
    ck_ok(export(INT64_MIN, INT64_MAX, &s, &n));
    ck_assert_int_eq(n, 1200);
    ck_assert_int_eq(s.n, 1200);
}
END_TEST

START_TEST(some)
{
    struct seen s = {0};
    int64_t n, first;
    test_audit_reads(0, 600);
    first = test_audit_count("SELECT min(at) FROM audit");
    ck_ok(export(first + 100, first + 150, &s, &n));
    ck_assert_int_eq(n, 51);
    ck_ok(export(first + 600, INT64_MAX, &s, &n));
    ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(full_disk)
{
    struct seen s = {.stop = 7};
    int64_t n;
    test_audit_reads(0, 20);
    ck_assert(!export(INT64_MIN, INT64_MAX, &s, &n));
    ck_assert_ptr_nonnull(strstr(err.msg, "No space left"));
    ck_assert_int_eq(s.n, 7);
}
END_TEST

Suite *suite_audit_export(void)
{
    Suite *s = suite_create("audit/export");
    TCase *c = tcase_create("export");
    tcase_add_unchecked_fixture(c, test_audit_suite_begin, test_audit_suite_end);
    tcase_add_checked_fixture(c, test_audit_begin, test_audit_end);
    tcase_add_test(c, everything);
    tcase_add_test(c, some);
    tcase_add_test(c, full_disk);
    suite_add_tcase(s, c);
    return s;
}
