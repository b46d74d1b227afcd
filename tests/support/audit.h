/* tests/support/audit.h: an audit log over a database of the suite's own, turned by hand. */
#ifndef KAGARI_TEST_AUDIT_H
#define KAGARI_TEST_AUDIT_H

#include "audit/audit.h"
#include "audit/verify.h"
#include "support/database.h"

struct test_audit {
    struct arena a;
    struct config config;
    struct db_conn *c;
    struct audit *log;
    char dir[32];
};

/* Unchecked and checked fixtures; the one of a process. Each test begins with an empty log. */
void test_audit_suite_begin(void);
void test_audit_suite_end(void);
void test_audit_begin(void);
void test_audit_end(void);
struct test_audit *test_audit(void);

void test_audit_open(void);  /* another server begins */
void test_audit_close(void); /* the server ends */
/* n reads, each of another resource; then ships and seals. */
void test_audit_reads(int from, int n);
void test_audit_put(int ring, const struct audit_event *e);
void test_audit_turn(void);
int64_t test_audit_now(void); /* the second of the test's beginning */
void test_audit_run(const char *sql);
int64_t test_audit_count(const char *sql);
/* What audit_verify() finds, a line each; "" for nothing. */
const char *test_audit_faults(void);
struct audit_verified test_audit_verified(void);

#endif
