/* Who removes, changes or moves something is found, wherever it is; who does not is not accused. */
#include "audit/verify.h"

#include <stdio.h>
#include <unistd.h>

#include "../../../src/audit/internal.h"
#include "support/audit.h"

static struct err err;

/* Three seals of ten entries, the last one anchored in the database, too. */
static void begin(void)
{
    test_audit_begin();
    test_audit()->config.audit_anchor_interval = 0;
    for (int i = 0; i < 3; i++)
        test_audit_reads(10 * i, 10);
    ck_assert_str_eq(test_audit_faults(), "");
    ck_assert_int_eq(test_audit_verified().entries, 30);
    ck_assert_int_eq(test_audit_verified().seals, 3);
    ck_assert_int_gt(test_audit_verified().anchors, 3);
    ck_assert_int_eq(test_audit_verified().unsealed, 0);
}

/* "E5" stands for the fifth entry. */
#define NTH                                                                                                  \
    "(SELECT x FROM (SELECT a.ctid AS x, row_number() OVER (ORDER BY pos, k) AS i FROM audit a) y WHERE i "  \
    "= "

static const struct {
    const char *what, *sql, *found;
} attacks[] = {
    {"an entry is removed", "DELETE FROM audit WHERE ctid = " NTH "5)", "seal 1: an entry was removed"},
    {"the last of a seal", "DELETE FROM audit WHERE ctid = " NTH "20)", "seal 2: an entry was removed"},
    {"the last of all", "DELETE FROM audit WHERE ctid = " NTH "30)", "seal 3: an entry was removed"},
    {"all of them", "DELETE FROM audit", "seal 1: an entry was removed"},
    {"another agent", "UPDATE audit SET agent = 5 WHERE ctid = " NTH "15)", "seal 2: entry audit-"},
    {"another patient", "UPDATE audit SET pat = 5 WHERE ctid = " NTH "15)", "was altered"},
    {"no patient", "UPDATE audit SET pat = NULL WHERE ctid = " NTH "15)", "was altered"},
    {"another time", "UPDATE audit SET at = at + 1 WHERE ctid = " NTH "1)", "seal 1: entry audit-"},
    {"another resource", "UPDATE audit SET rid = 'o99' WHERE ctid = " NTH "30)", "seal 3: entry audit-"},
    {"another type", "UPDATE audit SET rtype = 8 WHERE ctid = " NTH "30)", "was altered"},
    {"another outcome", "UPDATE audit SET status = 403 WHERE ctid = " NTH "30)", "was altered"},
    {"another deed", "UPDATE audit SET op = 2 + 6 WHERE ctid = " NTH "30)", "was altered"},
    {"another version", "UPDATE audit SET ver = 2 WHERE ctid = " NTH "30)", "was altered"},
    {"another count", "UPDATE audit SET shown = 2 WHERE ctid = " NTH "30)", "was altered"},
    {"another question", "UPDATE audit SET shape = 2 WHERE ctid = " NTH "30)", "was altered"},
    {"another request", "UPDATE audit SET request = 'q' WHERE ctid = " NTH "30)", "was altered"},
    {"another purpose", "UPDATE audit SET purpose = 2 WHERE ctid = " NTH "30)", "was altered"},
    {"several patients", "UPDATE audit SET pats = '{1,2}' WHERE ctid = " NTH "30)", "was altered"},
    {"two change places",
     "UPDATE audit SET k = CASE k WHEN (SELECT min(k) FROM audit WHERE pos = (SELECT min(pos) FROM audit)) "
     "THEN 99 ELSE k "
     "END WHERE pos = (SELECT min(pos) FROM audit)",
     "seal 1: "},
    {"one is put in",
     "INSERT INTO audit SELECT pos, k + 1000, at, agent, pat, shape, shown, tenant, ver, rtype, op, status, "
     "purpose, rid, "
     "request, pats FROM audit WHERE ctid = " NTH "5)",
     "an entry was added"},
    {"a seal is removed", "DELETE FROM audit_seal WHERE n = 2", "seal 2 is missing"},
    {"the first seal is removed", "DELETE FROM audit_seal WHERE n = 1", "seal 1 is missing"},
    {"a seal is renumbered", "UPDATE audit_seal SET n = 9 WHERE n = 2", "seal 2 is missing"},
    {"a link is altered", "UPDATE audit_seal SET link = sha256('x') WHERE n = 2", "seal 2 was altered"},
    {"marks are altered", "UPDATE audit_seal SET marks = sha256('x') WHERE n = 2", "seal 2: entry"},
    {"the tail is cut off",
     "DELETE FROM audit WHERE ctid IN (" NTH "30), " NTH "29)); DELETE FROM audit_seal WHERE n = 3",
     "the end of the log is missing: seal 3"},
    {"the tail is cut off, with its anchors",
     "DELETE FROM audit WHERE pos > (SELECT pos FROM audit_seal WHERE n = 2); DELETE FROM audit_seal WHERE n "
     "= 3; DELETE "
     "FROM audit_anchor WHERE n = 3",
     "the end of the log is missing: seal 3"},
    {"everything goes", "TRUNCATE audit, audit_seal, audit_anchor, audit_word",
     "the end of the log is missing"},
    {"an anchor is forged", "UPDATE audit_anchor SET token = left(token, -8) || 'AAAAAAAA' WHERE n = 2",
     "the anchor of seal 2 in the database is forged"},
    {"an anchor is another's",
     "UPDATE audit_anchor x SET token = y.token FROM audit_anchor y WHERE x.n = 2 AND y.n = 1",
     "the anchor of seal 2 in the database is forged"},
    {"what an agent is, is altered", "UPDATE audit_word SET text = replace(text, 'alice', 'mallory')",
     "stands for was altered"},
    {"what an agent is, is removed", "DELETE FROM audit_word", "stands for was removed"},
};

START_TEST(finds)
{
    test_audit_run(attacks[_i].sql);
    const char *found = test_audit_faults();
    ck_assert_msg(strstr(found, attacks[_i].found), "%s: found: %s", attacks[_i].what, found);
    ck_assert_int_gt(test_audit_verified().faults, 0);
}
END_TEST

/* Who can compute the chain anew and writes all of it still has no key. */
START_TEST(whole_chain_anew)
{
    struct test_audit *t = test_audit();
    test_audit_run("UPDATE audit SET agent = 5 WHERE ctid = " NTH
                   "15); DELETE FROM audit_seal; DELETE FROM audit_anchor; "
                   "UPDATE audit_word SET key = 5, text = 'x'");
    test_audit_close();
    char command[128];
    snprintf(command, sizeof command, "cd %s && mkdir keep && mv anchors head anchor.* keep", t->dir);
    ck_assert_int_eq(system(command), 0);
    test_audit_open(); /* seals it all, and signs by a key of its own */
    test_audit_turn();
    snprintf(command, sizeof command, "cd %s && cp keep/anchor.* keep/anchors .", t->dir);
    ck_assert_int_eq(system(command), 0);
    const char *found = test_audit_faults();
    ck_assert_ptr_nonnull(strstr(found, "not the one that was anchored (file)"));
    ck_assert_ptr_nonnull(strstr(found, "in the database is forged"));
    ck_assert_ptr_nonnull(strstr(found, "head, line 1: no anchor that this key has signed"));
}
END_TEST

/* Several servers, entries while the log is read, a server that ends and comes again. */
START_TEST(accuses_nobody)
{
    test_audit_close();
    for (int i = 3; i < 6; i++) {
        test_audit_open();
        test_audit_reads(10 * i, 10);
        test_audit_close();
        ck_assert_str_eq(test_audit_faults(), "");
    }
    ck_assert_int_eq(test_audit_verified().entries, 60);
}
END_TEST

/* Entries whose transaction is under way, and those after them, are sealed later, in the order of the transactions. */
START_TEST(waits_for_transactions)
{
    struct test_audit *t = test_audit();
    struct db_conn *other;
    ck_ok(db_open(&t->config, &other, &err));
    ck_ok(db_begin(other, &err));
    ck_ok(db_run(other,
                 "INSERT INTO audit (pos, k, at, tenant, op, status) SELECT (n << 48) + "
                 "pg_current_xact_id()::text::int8, 1, "
                 "(extract(epoch FROM now()) * 1000000)::int8, 1, 4, 201 FROM feed_epoch",
                 &err));
    test_audit_reads(30, 10);
    ck_assert_str_eq(test_audit_faults(), "");
    ck_assert_int_eq(test_audit_verified().entries, 30);
    ck_assert_int_eq(test_audit_verified().unsealed, 10);
    ck_ok(db_commit(other, &err));
    test_audit_turn();
    ck_assert_str_eq(test_audit_faults(), "");
    ck_assert_int_eq(test_audit_verified().entries, 41);
    ck_assert_int_eq(test_audit_verified().unsealed, 0);
    db_close(other);
}
END_TEST

/* After a restore into another cluster the transaction ids begin anew. */
START_TEST(new_epoch)
{
    test_audit_run("SELECT kagari_new_epoch()");
    test_audit_reads(30, 10);
    ck_assert_int_eq(test_audit_count("SELECT count(DISTINCT pos >> 48) FROM audit"), 2);
    ck_assert_str_eq(test_audit_faults(), "");
    ck_assert_int_eq(test_audit_verified().entries, 40);
}
END_TEST

/* What is over goes, when it is anchored; the rest is verified from a signed record on. */
static void years_later(void)
{
    struct test_audit *t = test_audit();
    t->config.audit_keep_days = 1;
    test_audit_close();
    test_audit_open();
    test_audit_turn(); /* looks for what is over when it begins */
}

START_TEST(retention)
{
    ck_assert_int_gt(test_audit()->config.audit_keep_days, 365 * 5);
    test_audit_put(0, &(struct audit_event){.op = AUDIT_READ, .status = 200, .at_us = test_audit_now()});
    test_audit_turn();
    years_later();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 1);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_seal"), 1);
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit_anchor WHERE kind = 2"), 1);
    ck_assert_str_eq(test_audit_faults(), "");
    test_audit_run("UPDATE audit_anchor SET token = left(token, -8) || 'AAAAAAAA' WHERE kind = 2");
    ck_assert_ptr_nonnull(strstr(test_audit_faults(), "removed when its time was over is forged"));
    test_audit_run("DELETE FROM audit_anchor WHERE kind = 2");
    ck_assert_ptr_nonnull(strstr(test_audit_faults(), "seals 1 to 3 are missing"));
}
END_TEST

/* All of it: the chain goes on where it was. */
START_TEST(retention_of_all)
{
    years_later();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 0);
    ck_assert_str_eq(test_audit_faults(), "");
    test_audit_close();
    test_audit_open();
    test_audit_put(0, &(struct audit_event){.op = AUDIT_READ, .status = 200, .at_us = test_audit_now()});
    test_audit_turn();
    ck_assert_int_eq(test_audit_count("SELECT n FROM audit_seal"), 4);
    ck_assert_str_eq(test_audit_faults(), "");
}
END_TEST

/* Not what somebody has altered: it would cover that up. */
START_TEST(retention_keeps_evidence)
{
    test_audit_run("UPDATE audit SET agent = 5 WHERE ctid = " NTH "15)");
    years_later();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 30);
    ck_assert_ptr_nonnull(strstr(test_audit_faults(), "seal 2: entry audit-"));
}
END_TEST

Suite *suite_audit_verify(void)
{
    Suite *s = suite_create("audit/verify");
    TCase *tc = tcase_create("verify");
    tcase_add_unchecked_fixture(tc, test_audit_suite_begin, test_audit_suite_end);
    tcase_add_checked_fixture(tc, begin, test_audit_end);
    tcase_add_loop_test(tc, finds, 0, sizeof attacks / sizeof attacks[0]);
    tcase_add_test(tc, whole_chain_anew);
    tcase_add_test(tc, accuses_nobody);
    tcase_add_test(tc, waits_for_transactions);
    tcase_add_test(tc, new_epoch);
    tcase_add_test(tc, retention);
    tcase_add_test(tc, retention_of_all);
    tcase_add_test(tc, retention_keeps_evidence);
    suite_add_tcase(s, tc);
    return s;
}
