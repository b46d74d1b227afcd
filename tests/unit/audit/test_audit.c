/* From audit_put() to the rows: exactly once, whatever happens in between. */
#include "audit/audit.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/audit/internal.h"
#include "support/audit.h"

static struct err err;
static const struct fhir_type patient = {.name = "Patient", .id = 42};

START_TEST(row)
{
    struct test_audit *t = test_audit();
    int64_t pat = 77;
    test_audit_put(0, &(struct audit_event){.op = AUDIT_VREAD,
                                            .status = 200,
                                            .at_us = test_audit_now() + 123,
                                            .type = &patient,
                                            .id = STR("p1"),
                                            .ver = 3,
                                            .shown = 1,
                                            .pats = &pat,
                                            .n_pats = 1,
                                            .purpose = AUDIT_TREAT,
                                            .shape = STR("Patient?_elements"),
                                            .request = STR("0b7d6a52-8a3e-4f6c-9d1c-2f1e0a9b8c7d")});
    test_audit_turn();
    const struct db_rows *rows =
        test_ask(t->c, &t->a,
                 "SELECT concat_ws('|', at % 1000000, a.text, pat, s.text, shown, tenant_, "
                 "ver, rtype, op, status, purpose, rid, "
                 "encode(request, 'hex')) FROM (SELECT *, tenant AS tenant_ FROM "
                 "audit) x JOIN audit_word a ON a.key = agent JOIN "
                 "audit_word s ON s.key = shape");
    ck_assert_int_eq(db_count(rows), 1);
    ck_str_eq(db_text(rows, 0, 0),
              "123|[\"alice\",\"app\",\"https://"
              "issuer.test\",\"user\",\"192.0.2.7\"]|77|Patient?_elements|1|1|3|42|3|200|1|"
              "p1|0b7d6a528a3e4f6c9d1c2f1e0a9b8c7d");
}
END_TEST

/* More patients than an entry takes, and an id that is none. */
START_TEST(many_patients)
{
    int64_t pats[600];
    for (int i = 0; i < 600; i++)
        pats[i] = i + 1;
    test_audit_put(1, &(struct audit_event){.op = AUDIT_SEARCH_TYPE,
                                            .at_us = test_audit_now(),
                                            .status = 200,
                                            .type = &patient,
                                            .id = STR("no id!"),
                                            .pats = pats,
                                            .n_pats = 600});
    test_audit_turn();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit WHERE pat IS NULL AND rid IS NULL"), 3);
    ck_assert_int_eq(test_audit_count("SELECT count(DISTINCT p) FROM audit, unnest(pats) p"), 600);
}
END_TEST

START_TEST(find_patient)
{
    test_audit_run("INSERT INTO res (k, h, xid, lu, dt, dt_hi, pat, ix, tenant, ver, rtype, rid) VALUES "
                   "(1, 11, '3', now(), 0, 0, 555, 0, 1, 1, 7, 'o1'), (2, 22, '3', now(), 0, 0, NULL, 0, 1, "
                   "1, 42, 'p1')");
    static const struct fhir_type observation = {.name = "Observation", .id = 7};
    const struct {
        const struct fhir_type *type;
        struct str id;
    } of[] = {{&observation, STR("o1")}, {&patient, STR("p1")}, {&patient, STR("none")}};
    for (int i = 0; i < 3; i++)
        test_audit_put(0, &(struct audit_event){.op = AUDIT_READ,
                                                .at_us = test_audit_now(),
                                                .type = of[i].type,
                                                .id = of[i].id,
                                                .find = AUDIT_FIND_BY_ID});
    const int64_t ks[][3] = {{2, 1, 3}, {1, 1, 0}};
    const size_t n[] = {3, 2};
    for (int i = 0; i < 2; i++)
        test_audit_put(0, &(struct audit_event){.op = AUDIT_SEARCH_TYPE,
                                                .at_us = test_audit_now(),
                                                .find = AUDIT_FIND_BY_K,
                                                .pats = ks[i],
                                                .n_pats = n[i]});
    test_audit_turn();
    test_audit_run("DELETE FROM res");
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit WHERE pats = '{22,555}' AND pat IS NULL"),
                     1);
    ck_assert_int_eq(
        test_audit_count("SELECT count(*) FROM audit WHERE op = 8 AND pat = 555 AND pats IS NULL"), 1);
    ck_assert_int_eq(
        test_audit_count("SELECT count(*) FROM audit WHERE (rid, pat) IN (('o1', 555), ('p1', 22))"), 2);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit WHERE pat IS NULL AND op = 2"), 1);
}
END_TEST

/* The answer to a commit is lost: what was shipped is not shipped again. */
START_TEST(once)
{
    test_audit_reads(0, 7);
    test_audit_run("UPDATE audit_spool SET shipped = shipped + 3");
    test_audit_reads(7, 8); /* four a ring, of which three are said to be there */
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 7 + 2);
    ck_assert_str_eq(test_audit_faults(), "");
    test_audit_run("DELETE FROM audit_spool"); /* a restore has forgotten */
    test_audit_reads(15, 4);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 7 + 2 + 4);
}
END_TEST

/* A server is killed with entries on their way: the next one brings them, each once. */
START_TEST(killed)
{
    test_audit_close();
    pid_t pid = fork();
    if (pid == 0) {
        test_audit()->log = NULL;
        test_audit_open();
        for (int i = 0; i < 500; i++)
            test_audit_put(
                i % 2, &(struct audit_event){.op = AUDIT_READ, .status = 200, .at_us = test_audit_now() + i});
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 0);
    test_audit_open();
    test_audit_turn();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 500);
    ck_assert_int_eq(test_audit_count("SELECT count(DISTINCT at) FROM audit"), 500);
    ck_assert_str_eq(test_audit_faults(), "");
}
END_TEST

/* PostgreSQL is away until there is no room: what is lost is counted, and the log says how much. */
START_TEST(full)
{
    struct test_audit *t = test_audit();
    const struct audit_who nobody = {.subject = STR("x")};
    const struct audit_event e = {.op = AUDIT_READ, .status = 200, .at_us = test_audit_now()};
    struct audit_state s;
    int put = 0;
    t->config.audit_when_full = _i;
    bool ok;
    do {
        put++;
        ok = audit_put(t->log, 0, &nobody, &e);
        audit_state(t->log, &s);
    } while (ok && s.lost == 0);
    ck_assert_int_eq(s.lost, 1);
    ck_assert_int_eq(s.refusing, _i);
    ck_assert(audit_put(t->log, 0, &nobody, &e) == !_i);
    ck_assert(audit_put(t->log, 1, &nobody, &e)); /* another loop has room */
    test_audit_turn();
    audit_state(t->log, &s);
    ck_assert(!s.refusing);
    ck_assert(audit_put(t->log, 0, &nobody, &e));
    test_audit_turn();
    ck_assert_int_eq(test_audit_count("SELECT sum(shown) FROM audit WHERE op = 48"), 2);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit WHERE op = 2"), put - 1 + 2);
    ck_assert_str_eq(test_audit_faults(), "");
}
END_TEST

/* Without a folder there are no anchors, and all works but for that. */
START_TEST(memory)
{
    struct test_audit *t = test_audit();
    test_audit_close();
    t->config.audit_directory = "";
    test_audit_open();
    struct audit_state s;
    audit_state(t->log, &s);
    ck_assert(!s.durable);
    test_audit_reads(0, 5);
    ck_assert_str_eq(test_audit_faults(), "");
    ck_assert_int_eq(test_audit_verified().entries, 5);
    ck_assert_int_eq(test_audit_verified().anchors, 0);
}
END_TEST

/* With its thread: what is put is sealed within a second. */
START_TEST(within_a_second)
{
    struct test_audit *t = test_audit();
    test_audit_close();
    ck_ok(audit_new(&t->config, 2, &t->log, &err));
    ck_ok(audit_start(t->log, &t->config, 1, 42, &err));
    usleep(100 * 1000);
    for (int i = 0; i < 50; i++)
        test_audit_put(i % 2,
                       &(struct audit_event){.op = AUDIT_READ, .status = 200, .at_us = test_audit_now() + i});
    usleep(900 * 1000);
    ck_assert_int_eq(test_audit_count("SELECT sum(entries) FROM audit_seal"), 50);
}
END_TEST

START_TEST(agents)
{
    struct test_audit *t = test_audit();
    const struct audit_who alice = {.subject = STR("alice")}, bob = {.subject = STR("bob")}, none = {0};
    int64_t a = audit_agent(t->log, 0, &alice);
    ck_assert_int_ne(a, 0);
    ck_assert_int_eq(a, audit_agent(t->log, 1, &alice));
    ck_assert_int_ne(a, audit_agent(t->log, 0, &bob));
    ck_assert_int_eq(audit_agent(t->log, 0, &none), 0);
    test_audit_turn();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_word"), 2);
}
END_TEST

Suite *suite_audit_audit(void)
{
    Suite *s = suite_create("audit/audit");
    TCase *tc = tcase_create("audit");
    tcase_add_unchecked_fixture(tc, test_audit_suite_begin, test_audit_suite_end);
    tcase_add_checked_fixture(tc, test_audit_begin, test_audit_end);
    tcase_add_test(tc, row);
    tcase_add_test(tc, many_patients);
    tcase_add_test(tc, find_patient);
    tcase_add_test(tc, once);
    tcase_add_test(tc, killed);
    tcase_add_loop_test(tc, full, 0, 2);
    tcase_add_test(tc, memory);
    tcase_add_test(tc, within_a_second);
    tcase_add_test(tc, agents);
    suite_add_tcase(s, tc);
    return s;
}
