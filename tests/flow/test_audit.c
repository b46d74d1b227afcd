/* What requests leave in the audit log: each exactly its entry, of whose data it was, and no value of anybody's. */
#include "../../src/api/internal.h"
#include "audit/verify.h"
#include "support/flow.h"

static struct err err;

static void begin(void)
{
    flow_suite_begin();
    flow_base("audit.when_full=refuse");
}

static void forget(void)
{
    ck_ok(audit_turn(flow_audit(), &err));
    ck_ok(db_run(flow_conn(), "TRUNCATE audit_block, audit_seal, audit_anchor", &err));
}

/* Rows as texts, "op type/id/ver status patients shown", in their order. */
static const char *entries(void)
{
    struct buf b;
    buf_init(&b, flow_arena(), 256);
    ck_ok(audit_turn(flow_audit(), &err));
    const struct db_rows *rows = test_ask(flow_conn(), flow_arena(),
                                          "SELECT op::int8, rtype, coalesce(rid, '-'), ver, status::int8, "
                                          "coalesce((SELECT string_agg(r.rid, ',' ORDER BY "
                                          "r.rid) FROM res r WHERE r.tenant = 1 AND (r.h = a.pat OR r.h = "
                                          "ANY (a.pats))), '-'), shown FROM audit a ORDER BY at");
    for (int i = 0; i < db_count(rows); i++) {
        int16_t rtype = db_int2(rows, i, 1);
        buf_addf(&b, "%lld %s/%s/%d %lld %s %d\n", (long long)db_int8(rows, i, 0),
                 rtype ? fhir_resource_by_id(flow_defs(), rtype)->name : "", db_text(rows, i, 2).s,
                 db_int4(rows, i, 3), (long long)db_int8(rows, i, 4), db_text(rows, i, 5).s,
                 db_int4(rows, i, 6));
    }
    return b.s;
}

static void put_all(void)
{
    static const char *const ids[] = {"p1", "p2"};
    ck_ok(db_run(flow_conn(), "DELETE FROM res; DELETE FROM res_history", &err));
    for (int i = 0; i < 2; i++) {
        flow_put(arena_printf(flow_arena(), "Patient/%s", ids[i]),
                 arena_printf(flow_arena(), "{\"resourceType\":\"Patient\",\"id\":\"%s\",\"active\":true}",
                              ids[i]));
        flow_put(
            arena_printf(flow_arena(), "Observation/o-%s", ids[i]),
            arena_printf(
                flow_arena(),
                "{\"resourceType\":\"Observation\",\"id\":\"o-%s\",\"status\":\"final\",\"code\":{\"text\":"
                "\"x\"},\"subject\":{\"reference\":\"Patient/%s\"}}",
                ids[i], ids[i]));
    }
    forget();
}

/* ---- every route ---------------------------------------------------------------------------------------------------- */

static const char *path_of(const char *pattern)
{
    struct buf b;
    buf_init(&b, flow_arena(), 64);
    if (pattern[0] == '/')
        return pattern;
    for (struct str rest = str_of(pattern); rest.s;) {
        struct str one = str_cut(rest, '/', &rest);
        if (b.len)
            buf_addc(&b, '/');
        buf_addstr(&b, str_is(one, "T")   ? STR("Patient")
                       : str_is(one, "I") ? STR("p1")
                       : str_is(one, "V") ? STR("1")
                       : str_is(one, "C") ? STR("Observation")
                                          : one);
    }
    return b.s;
}

static const char *const methods[] = {[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
                                      [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};

static void leaves_one(const char *method, const char *path, const struct api_interaction *i)
{
    enum audit_op op = api__audit_op(i);
    ck_assert_msg(op != AUDIT_UNSAID, "%s %s: src/api/audit.c does not say what it leaves", method, path);
    forget();
    const struct flow_answer *answer = flow(method, path, NULL, NULL);
    ck_ok(audit_turn(flow_audit(), &err));
    int64_t n = test_count(flow_conn(), flow_arena(),
                           arena_printf(flow_arena(),
                                        "SELECT count(*) FROM audit WHERE op = %d AND status = %d", op,
                                        answer->status)),
            all = test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM audit");
    ck_assert_msg(n == (op != AUDIT_OPEN) && all == n, "%s %s (%d): %lld entries: %s", method, path,
                  answer->status, (long long)all, entries());
}

START_TEST(every_route)
{
    size_t n;
    const struct api_route *routes = api__routes(&n);
    put_all();
    for (size_t i = 0; i < n; i++)
        leaves_one(methods[routes[i].method], path_of(routes[i].pattern), routes[i].interaction);
}
END_TEST

START_TEST(every_operation)
{
    size_t n;
    const struct api_operation *all = api__operations(&n);
    put_all();
    for (size_t i = 0; i < n; i++) {
        const char *type = all[i].type ? all[i].type : "Patient";
        const struct {
            unsigned level;
            const char *path;
        } places[] = {{LEVEL_SYSTEM, ""},
                      {LEVEL_TYPE, arena_printf(flow_arena(), "%s/", type)},
                      {LEVEL_INSTANCE, arena_printf(flow_arena(), "%s/p1/", type)},
                      {LEVEL_VERSION, arena_printf(flow_arena(), "%s/p1/_history/1/", type)}};
        for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
            if (all[i].levels & places[p].level)
                leaves_one("POST", arena_printf(flow_arena(), "%s$%s", places[p].path, all[i].name),
                           all[i].on.interaction);
    }
}
END_TEST

/* ---- what it says --------------------------------------------------------------------------------------------------- */

START_TEST(says)
{
    static const struct {
        const char *method, *path, *body, *entries;
    } cases[] = {
        {"GET", "Patient/p1", NULL, "2 Patient/p1/1 200 p1 1\n"},
        {"GET", "Observation/o-p1", NULL, "2 Observation/o-p1/1 200 p1 1\n"},
        {"HEAD", "Observation/o-p1", NULL, "2 Observation/o-p1/1 200 p1 1\n"},
        {"GET", "Observation/o-p1/_history/1", NULL, "3 Observation/o-p1/1 200 p1 1\n"},
        {"GET", "Observation/none", NULL, "2 Observation/none/0 404 - 0\n"},
        {"GET", "Observation/o-p1/_history/7", NULL, "3 Observation/o-p1/0 404 p1 0\n"},
        {"GET", "Observation?status=final", NULL, "8 Observation/-/0 200 p1,p2 2\n"},
        {"GET", "Observation?subject=Patient/p2", NULL, "8 Observation/-/0 200 p2 1\n"},
        {"GET", "Observation?_id=o-p2&_include=Observation:subject", NULL, "8 Observation/-/0 200 p2 2\n"},
        {"GET", "Patient?_id=p1&_revinclude=Observation:subject", NULL, "8 Patient/-/0 200 p1 2\n"},
        {"GET", "Patient?active=true&_summary=count", NULL, "8 Patient/-/0 200 - 0\n"},
        {"GET", "Patient/p1/Observation", NULL, "8 Patient/p1/0 200 p1 1\n"},
        {"GET", "Patient/p2/$everything", NULL, "13 Patient/p2/0 200 p2 2\n"},
        {"GET", "Patient/p1/_history", NULL, "10 Patient/p1/0 200 p1 1\n"},
        {"GET", "Observation/_history", NULL, "11 Observation/-/0 200 p1,p2 2\n"},
        {"GET", "nonsense/x/y/z", NULL, "15 /-/0 404 - 0\n"},
        {"POST", "",
         "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\","
         "\"url\":"
         "\"Patient/p1\"}},{\"request\":{\"method\":\"GET\",\"url\":\"Observation?status=final\"}}]}",
         "2 Patient/p1/1 200 p1 1\n8 Observation/-/0 200 p1,p2 2\n14 /-/0 200 - 0\n"},
        {"PUT", "Patient/p1", "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"active\":false}",
         "5 Patient/p1/2 200 p1 0\n"},
        {"DELETE", "Observation/o-p2", NULL, "7 Observation/o-p2/2 204 p2 0\n"},
        {"GET", "Observation/o-p2", NULL, "2 Observation/o-p2/2 410 p2 0\n"},
        {"PUT", "Patient/p1", "{\"resourceType\":\"Patient\"}", "5 Patient/p1/0 400 p1 0\n"},
    };
    put_all();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forget();
        flow(cases[i].method, cases[i].path, NULL, cases[i].body);
        ck_assert_msg(strcmp(entries(), cases[i].entries) == 0, "%s %s: %s", cases[i].method, cases[i].path,
                      entries());
    }
}
END_TEST

/* Writes are in the log when they are committed: nothing was shipped yet. */
START_TEST(with_their_writes)
{
    static const char made[] = "SELECT count(*) FROM audit WHERE op = %d AND rid IS NOT NULL AND status = %d";
    static const struct {
        const char *method, *path, *body;
        int op, status, n;
    } cases[] = {
        {"POST", "Basic", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}", AUDIT_CREATE, 201, 1},
        {"PUT", "Basic/b1", "{\"resourceType\":\"Basic\",\"id\":\"b1\",\"code\":{\"text\":\"x\"}}",
         AUDIT_UPDATE, 201, 1},
        {"PUT", "Patient/p1", "{\"resourceType\":\"Patient\",\"id\":\"p1\"}", AUDIT_UPDATE, 200, 1},
        {"PATCH", "Patient/p1", "[{\"op\":\"add\",\"path\":\"/active\",\"value\":true}]", AUDIT_PATCH, 200,
         1},
        {"DELETE", "Basic/b1", NULL, AUDIT_DELETE, 204, 1},
        {"DELETE", "Observation?subject=Patient/p1", NULL, AUDIT_DELETE, 204, 1},
        {"DELETE", "Basic/b1", NULL, AUDIT_DELETE, 204, 0}, /* there is nothing to be deleted */
        {"POST", "",
         "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
         "{\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}},\"request\":{\"method\":"
         "\"POST\",\"url\":\"Basic\"}},"
         "{\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"text\":\"y\"}},\"request\":{\"method\":"
         "\"POST\",\"url\":\"Basic\"}},"
         "{\"request\":{\"method\":\"DELETE\",\"url\":\"Observation/o-p2\"}}]}",
         AUDIT_CREATE, 201, 2},
        {"POST", "Basic", "{\"resourceType\":\"Basic\"}", AUDIT_CREATE, 422, 0},
    };
    put_all();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forget();
        flow(cases[i].method, cases[i].path,
             cases[i].op == AUDIT_PATCH ? "Content-Type: application/json-patch+json\n" : NULL,
             cases[i].body);
        ck_assert_msg(test_count(flow_conn(), flow_arena(),
                                 arena_printf(flow_arena(), made, cases[i].op, cases[i].status)) ==
                          cases[i].n,
                      "%s %s: %s", cases[i].method, cases[i].path, entries());
    }
}
END_TEST

START_TEST(who)
{
    put_all();
    flow("GET", "Patient/p1", "Authorization: Bearer nonsense\n", NULL);
    flow("GET", "Patient/p1", flow_token("user/Observation.rs"), NULL);
    flow("GET", "Observation/o-p1", flow_token("user/Observation.rs"), NULL);
    ck_assert_str_eq(entries(),
                     "2 Patient/p1/0 401 p1 0\n2 Patient/p1/0 403 p1 0\n2 Observation/o-p1/1 200 p1 1\n");
    ck_assert_int_eq(
        test_count(
            flow_conn(), flow_arena(),
            "SELECT count(*) FROM audit a JOIN audit_word w ON w.key = a.agent WHERE status <> 401 AND "
            "text LIKE '[\"dev\",%\"urn:kagari:dev\",\"user\",%'"),
        2);
}
END_TEST

/* Names of parameters, none of their values, and nothing else that a client may have put there. */
START_TEST(shape)
{
    put_all();
    flow_get("Patient?name=Yamada&birthdate=ge1950-01-01&identifier=http://x.test%7C123&%E5%B1%B1=1");
    flow_get("Observation?_has:Patient:x=1&code:text=Secret");
    flow_get("Patient/p1/$everything?_since=2020-01-01");
    ck_ok(audit_turn(flow_audit(), &err));
    const struct db_rows *rows = test_ask(
        flow_conn(), flow_arena(), "SELECT text FROM audit JOIN audit_word w ON w.key = shape ORDER BY at");
    ck_assert_int_eq(db_count(rows), 3);
    ck_str_eq(db_text(rows, 0, 0), "Patient?name&birthdate&identifier&-");
    ck_str_eq(db_text(rows, 1, 0), "Observation?_has:Patient:x&code:text");
    ck_str_eq(db_text(rows, 2, 0), "Patient/$everything?_lastUpdated");
}
END_TEST

/* No room, and audit.when_full = refuse: nothing is shown that nobody could tell of. */
START_TEST(refuse)
{
    int n = 0;
    put_all();
    while (flow_get("Patient/p1")->status == 200)
        ck_assert_int_lt(n++, 5000);
    const struct flow_answer *answer = flow_get("Patient/p1");
    ck_status(answer, 503);
    ck_assert_ptr_nonnull(flow_header(answer, "Retry-After"));
    ck_status(flow_put("Patient/p1", "{\"resourceType\":\"Patient\",\"id\":\"p1\"}"), 503);
    ck_status(flow_get("/health/ready"), 503);
    ck_status(flow_get("metadata"), 200);
    ck_ok(audit_turn(flow_audit(), &err));
    ck_status(flow_get("/health/ready"), 200);
    ck_status(flow_get("Patient/p1"), 200);
    ck_ok(audit_turn(flow_audit(), &err));
    ck_assert_int_ge(
        test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM audit WHERE op = 2 AND status = 200"),
        n + 1);
}
END_TEST

Suite *suite_flow_audit(void)
{
    Suite *s = suite_create("flow/audit");
    TCase *tc = tcase_create("audit");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, every_route);
    tcase_add_test(tc, every_operation);
    tcase_add_test(tc, says);
    tcase_add_test(tc, with_their_writes);
    tcase_add_test(tc, who);
    tcase_add_test(tc, shape);
    tcase_add_test(tc, refuse);
    suite_add_tcase(s, tc);
    return s;
}
