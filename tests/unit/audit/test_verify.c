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

/* The nth block: each seal has two, of five entries. */
#define NTH                                                                                                  \
    "(SELECT x FROM (SELECT b.ctid AS x, row_number() OVER (ORDER BY pos, k) AS i FROM audit_block b) y "    \
    "WHERE i = "
#define CHANGE(what, n) "UPDATE audit_block SET " what " WHERE ctid = " NTH #n ")"

static const struct {
    const char *what, *sql, *found;
} attacks[] = {
    {"a block is removed", "DELETE FROM audit_block WHERE ctid = " NTH "1)", "seal 1: entries were removed"},
    {"the last of a seal", "DELETE FROM audit_block WHERE ctid = " NTH "4)", "seal 2: entries were removed"},
    {"the last of all", "DELETE FROM audit_block WHERE ctid = " NTH "6)", "seal 3: entries were removed"},
    {"all of them", "DELETE FROM audit_block", "seal 1: entries were removed"},
    {"an entry is removed",
     CHANGE("at = at[2:], agent = agent[2:], pat = pat[2:], shape = shape[2:], shown = shown[2:], ver = "
            "ver[2:], "
            "rtype = rtype[2:], op = op[2:], status = status[2:], purpose = purpose[2:], rid = rid[2:], "
            "request = "
            "request[2:]",
            3),
     "seal 2: entries from audit-"},
    {"another agent", CHANGE("agent[2] = 5", 3), "seal 2: entries from audit-"},
    {"another patient", CHANGE("pat[5] = 5", 3), "were altered"},
    {"no patient", CHANGE("pat[1] = NULL", 3), "were altered"},
    {"another time", CHANGE("at[1] = at[1] + 1", 1), "seal 1: entries from audit-"},
    {"another resource", CHANGE("rid[3] = 'o99'", 6), "seal 3: entries from audit-"},
    {"another type", CHANGE("rtype[3] = 8", 6), "were altered"},
    {"another outcome", CHANGE("status[3] = 403", 6), "were altered"},
    {"another deed", CHANGE("op[3] = 2 + 6", 6), "were altered"},
    {"another version", CHANGE("ver[3] = 2", 6), "were altered"},
    {"another count", CHANGE("shown[3] = 2", 6), "were altered"},
    {"another question", CHANGE("shape[3] = 2", 6), "were altered"},
    {"another request", CHANGE("request[3] = 'q'", 6), "were altered"},
    {"another purpose", CHANGE("purpose[3] = 2", 6), "were altered"},
    {"several patients", CHANGE("several = '{3,3}', pats = '{1,2}'", 6), "were altered"},
    {"not to be found by a patient", CHANGE("keys = '\\x00'", 6), "were altered"},
    {"not to be found by the time", CHANGE("hi = lo, lo = 0", 6), "were altered"},
    {"another place", CHANGE("k = k + 99", 1), "seal 1: "},
    {"two change places",
     "UPDATE audit_block SET rid = x.rid FROM audit_block x WHERE x.ctid = " NTH
     "2) AND audit_block.ctid = " NTH "1)",
     "seal 1: "},
    {"one is put in",
     "INSERT INTO audit_block SELECT pos, k + 1000, lo, hi, tenant, keys, at, agent, pat, shape, shown, ver, "
     "rtype, "
     "op, status, purpose, rid, request, several, pats FROM audit_block WHERE ctid = " NTH "1)",
     "entries were added"},
    {"a seal is removed", "DELETE FROM audit_seal WHERE n = 2", "seal 2 is missing"},
    {"the first seal is removed", "DELETE FROM audit_seal WHERE n = 1", "seal 1 is missing"},
    {"a seal is renumbered", "UPDATE audit_seal SET n = 9 WHERE n = 2", "seal 2 is missing"},
    {"a link is altered", "UPDATE audit_seal SET link = sha256('x') WHERE n = 2", "seal 2 was altered"},
    {"marks are altered", "UPDATE audit_seal SET marks = substr(sha256('x'), 1, 8) WHERE n = 2",
     "seal 2: entries from"},
    {"the tail is cut off",
     "DELETE FROM audit_block WHERE ctid IN (" NTH "6), " NTH "5)); DELETE FROM audit_seal WHERE n = 3",
     "the end of the log is missing: seal 3"},
    {"the tail is cut off, with its anchors",
     "DELETE FROM audit_block WHERE pos > (SELECT pos FROM audit_seal WHERE n = 2); DELETE FROM audit_seal "
     "WHERE n "
     "= 3; DELETE "
     "FROM audit_anchor WHERE n = 3",
     "the end of the log is missing: seal 3"},
    {"everything goes", "TRUNCATE audit_block, audit_seal, audit_anchor, audit_word",
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
    test_audit_run(CHANGE("agent[2] = 5", 3) "; DELETE FROM audit_seal; DELETE FROM audit_anchor; "
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
    ck_ok(db_run(
        other,
        "INSERT INTO audit_block (pos, k, lo, hi, tenant, at, agent, pat, shape, shown, ver, rtype, op, "
        "status, purpose, rid, request) SELECT (n << 48) + pg_current_xact_id()::text::int8, 1, t, t, 1, "
        "ARRAY[t], '{0}', '{0}', '{0}', '{0}', '{0}', '{0}', '{4}', '{201}', '{0}', '{}', '{}' FROM "
        "feed_epoch, LATERAL (SELECT (extract(epoch FROM now()) * 1000000)::int8 AS t) n",
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
    test_audit_run(CHANGE("agent[2] = 5", 3));
    years_later();
    ck_assert_int_eq(test_audit_count("SELECT count(*) FROM audit"), 30);
    ck_assert_ptr_nonnull(strstr(test_audit_faults(), "seal 2: entries from audit-"));
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
