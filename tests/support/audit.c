#include "support/audit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/jwt.h"

static struct err err;
static struct arena made;
static const char *conninfo;
static struct test_audit t;
static struct audit_verified verified;
static int64_t now_us;

void test_audit_suite_begin(void)
{
    arena_init(&made, 0);
    conninfo = test_database_new(&made);
}

void test_audit_suite_end(void)
{
    test_database_drop();
    arena_release(&made);
}

void test_audit_open(void)
{
    ck_ok(audit_new(&t.config, 2, &t.log, &err));
    ck_ok(audit_begin(t.log, &t.config, 1, 42, &err));
}

void test_audit_close(void)
{
    audit_free(t.log);
    t.log = NULL;
}

void test_audit_begin(void)
{
    arena_init(&t.a, 0);
    now_us = clock_wall_us() / 1000000 * 1000000;
    config_defaults(&t.config, &t.a);
    t.config.db_conninfo = conninfo;
    t.config.audit_room = 64 * 1024;
    snprintf(t.dir, sizeof t.dir, "/tmp/kagari-audit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.dir));
    t.config.audit_directory = t.dir;
    ck_ok(db_open(&t.config, &t.c, &err));
    test_audit_run("TRUNCATE audit_block, audit_word, audit_spool, audit_seal, audit_anchor");
    test_audit_open();
}

void test_audit_end(void)
{
    char command[64];
    if (t.log)
        test_audit_close();
    db_close(t.c);
    arena_release(&t.a);
    snprintf(command, sizeof command, "rm -rf %s", t.dir);
    ck_assert_int_eq(system(command), 0);
}

struct test_audit *test_audit(void)
{
    return &t;
}

void test_audit_run(const char *sql)
{
    ck_ok(db_run(t.c, sql, &err));
}

int64_t test_audit_count(const char *sql)
{
    return test_count(t.c, &t.a, sql);
}

void test_audit_put(int ring, const struct audit_event *e)
{
    const struct audit_who who = {.subject = STR("alice"),
                                  .client = STR("app"),
                                  .issuer = STR("https://issuer.test"),
                                  .level = STR("user"),
                                  .address = STR("192.0.2.7")};
    ck_assert(audit_put(t.log, ring, &who, e));
}

int64_t test_audit_now(void)
{
    return now_us;
}

void test_audit_turn(void)
{
    ck_ok(audit_turn(t.log, &err));
}

void test_audit_reads(int from, int n)
{
    static const struct fhir_type type = {.name = "Observation", .id = 7};
    for (int i = from; i < from + n; i++) {
        int64_t pat = 1000 + i % 3;
        test_audit_put(i % 2, &(struct audit_event){.op = AUDIT_READ,
                                                    .status = 200,
                                                    .at_us = now_us - 172800 * INT64_C(1000000) + i,
                                                    .type = &type,
                                                    .id = str_of(arena_printf(&t.a, "o%d", i)),
                                                    .ver = 1,
                                                    .shown = 1,
                                                    .pats = &pat,
                                                    .n_pats = 1,
                                                    .request = STR("r")});
    }
    test_audit_turn();
}

static void note(void *arg, const char *text)
{
    buf_addf(arg, "%s\n", text);
}

const char *test_audit_faults(void)
{
    struct buf found;
    struct str jwks;
    struct err why;
    buf_init(&found, &t.a, 256);
    struct audit_verify o = {.tenant = 1, .dir = t.dir, .fault = note, .arg = &found};
    if (config_read_file(&t.a, arena_printf(&t.a, "%s/anchor.jwks", t.dir), JWKS_MAX, &jwks, &why))
        o.jwks = jwks;
    ck_ok(audit_verify(t.c, &o, &verified, &err));
    return found.s;
}

struct audit_verified test_audit_verified(void)
{
    return verified;
}
