/* Entries of the audit log as AuditEvents: valid, found, never changed, and beside those that clients store. */
#include "support/flow.h"

static struct err err;

static void begin(void)
{
    flow_begin();
    ck_ok(db_run(flow_conn(),
                 "DELETE FROM res; DELETE FROM res_history; TRUNCATE audit_block, audit_seal, audit_anchor",
                 &err));
    for (int i = 1; i <= 2; i++) {
        flow_put(
            arena_printf(flow_arena(), "Patient/p%d", i),
            arena_printf(flow_arena(), "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"active\":true}", i));
        flow_put(
            arena_printf(flow_arena(), "Observation/o%d", i),
            arena_printf(
                flow_arena(),
                "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"status\":\"final\",\"code\":{\"text\":"
                "\"x\"},\"subject\":{\"reference\":\"Patient/p%d\"}}",
                i, i));
    }
    flow("GET", "Observation?status=final", flow_token("user/Observation.rs"), NULL);
    flow("GET", "Observation/o1", flow_token("user/Observation.rs"), NULL);
    ck_ok(audit_turn(flow_audit(), &err));
}

static const struct flow_answer *get(const char *path, int entries)
{
    const struct flow_answer *answer = flow_get(path);
    ck_status(answer, 200);
    ck_assert_msg((int)json_count(json_get(answer->json, "entry")) == entries,
                  "%s: %d entries instead of %d: %.*s", path,
                  (int)json_count(json_get(answer->json, "entry")), entries, STR_FMT(answer->body));
    return answer;
}

START_TEST(render)
{
    get("AuditEvent?patient=Patient/p1&_sort=date", 4);
    const struct flow_answer *page = get("AuditEvent?patient=Patient/p1&action=E", 1);
    const json *of = flow_node(page->json, "entry[0].resource");
    ck_assert_str_eq(flow_text(of, "subtype[0].code"), "search-type");
    ck_assert_str_eq(flow_text(of, "action"), "E");
    ck_assert_str_eq(flow_text(of, "outcome"), "0");
    ck_assert_str_eq(flow_text(of, "meta.profile[0]"),
                     "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery");
    ck_assert_str_eq(flow_text(of, "agent[2].who.identifier.value"), "dev");
    ck_assert_str_eq(flow_text(of, "entity[1].what.reference"), "Patient/p1");
    ck_assert_str_eq(flow_text(of, "entity[2].query"), "T2JzZXJ2YXRpb24/c3RhdHVz"); /* Observation?status */
    ck_assert_ptr_null(strstr(page->body.s, "Patient/p2")); /* who sees the page learns of no other patient */
    page = get("AuditEvent?patient=Patient/p1&action=R", 1);
    of = flow_node(page->json, "entry[0].resource");
    ck_assert_str_eq(flow_text(of, "action"), "R");
    ck_assert_str_eq(flow_text(of, "entity[2].what.reference"), "Observation/o1/_history/1");
    const struct flow_answer *one =
        flow_get(arena_printf(flow_arena(), "AuditEvent/%s", flow_text(of, "id")));
    ck_status(one, 200);
    ck_assert(json_equal(one->json, of));
    ck_assert_str_eq(flow_header(one, "ETag"), "W/\"1\"");
    ck_status(flow_get(arena_printf(flow_arena(), "AuditEvent/%s/_history/1", flow_text(of, "id"))), 200);
    ck_status(flow_get(arena_printf(flow_arena(), "AuditEvent/%s/_history/2", flow_text(of, "id"))), 404);
    ck_status(flow_get("AuditEvent/audit-1-1"), 404);
    ck_status(flow_get("AuditEvent/audit-x"), 404);
}
END_TEST

/* Every kind that there is, as the server itself would have it. */
START_TEST(valid)
{
    ck_ok(db_run(flow_conn(),
                 "INSERT INTO audit_block (pos, k, lo, hi, tenant, at, agent, pat, shape, shown, ver, rtype, "
                 "op, status, "
                 "purpose, rid, request) SELECT (n << 48) + 4, op * 1000 + s, t, t, 1, ARRAY[t], "
                 "ARRAY[(SELECT max(key) FROM "
                 "audit_word WHERE kind = 1)], '{0}', '{0}', '{0}', '{0}', ARRAY[CASE WHEN op % 2 = 0 THEN 1 "
                 "ELSE 0 END]::int2[], "
                 "ARRAY[op]::int2[], ARRAY[s], ARRAY[op % 6]::int2[], ARRAY[CASE WHEN op % 2 = 0 THEN 'x1' "
                 "ELSE '' END], "
                 "'{r}' FROM feed_epoch, generate_series(2, 48) op, unnest('{200,404,503}'::int2[]) s, "
                 "LATERAL (SELECT "
                 "(extract(epoch FROM now()) * 1000000)::int8 AS t) x",
                 &err));
    const struct flow_answer *page = flow_get("AuditEvent?_count=1000");
    ck_status(page, 200);
    int n = 0;
    json_each (entry, json_get(page->json, "entry")) {
        const struct flow_answer *o =
            flow_post("AuditEvent/$validate", json_text(flow_arena(), json_get(entry, "resource")).s);
        ck_status(o, 200);
        ck_assert_msg(!strstr(o->body.s, "\"severity\":\"error\""), "%.*s: %.*s",
                      STR_FMT(json_text(flow_arena(), entry)), STR_FMT(o->body));
        n++;
    }
    ck_assert_int_gt(n, 140);
}
END_TEST

START_TEST(search)
{
    get("AuditEvent?patient=p2", 3);
    get("AuditEvent?patient=Patient/p2&action=U", 2);
    get("AuditEvent?patient=p2&action=E", 1);
    get("AuditEvent?patient=p3", 0);
    get("AuditEvent?entity=Observation/o1", 2);
    get("AuditEvent?entity=Observation/o1&action=R", 1);
    get("AuditEvent?agent=dev&action=E&patient=p1", 1);
    get("AuditEvent?agent=nobody", 0);
    get("AuditEvent?date=ge2020-01-01&date=lt2020-01-02", 0);
    get("AuditEvent?date=ge2020-01-01&patient=p1", 4);
    get("AuditEvent?date=lt2020-01-01", 0);
    ck_status(flow_get("AuditEvent?date=yesterday"), 400);
    ck_status(flow_get("AuditEvent?action=X"), 400);
    ck_status(flow_get("AuditEvent?entity=x"), 400);
}
END_TEST

/* Each once, however small the pages are; an entry of two patients is two of them. */
START_TEST(pages)
{
    char seen[4000] = "";
    int n = 0;
    const char *path =
        _i ? "AuditEvent?_count=1&_sort=date&date=ge2020-01-01" : "AuditEvent?_count=2&date=ge2020-01-01";
    while (path && !strstr(path, "_cursor=stored")) {
        const struct flow_answer *page = flow_get(path);
        ck_status(page, 200);
        json_each (entry, json_get(page->json, "entry")) {
            const char *id = json_get_string(json_get(entry, "resource"), "id");
            const char *mark = arena_printf(flow_arena(), "|%s|", id);
            ck_assert_msg(!strstr(seen, mark), "%s came twice", id);
            strcat(seen, mark);
            n++;
        }
        path = NULL;
        json_each (link, json_get(page->json, "link"))
            if (strcmp(json_get_string(link, "relation"), "next") == 0)
                path = json_get_string(link, "url") + strlen(FLOW_BASE) + 1;
        ck_assert_int_lt(n, 50);
    }
    ck_assert_int_ge(n, 4 + 2 + 1);
}
END_TEST

/* Nobody changes an entry, and no resource takes its place. */
START_TEST(unchanged)
{
    const struct flow_answer *page = get("AuditEvent?entity=Observation/o1&action=R", 1);
    const char *id = flow_text(page->json, "entry[0].resource.id"),
               *path = arena_printf(flow_arena(), "AuditEvent/%s", id);
    ck_status(flow_put(path, json_text(flow_arena(), flow_node(page->json, "entry[0].resource")).s), 405);
    ck_status(flow_delete(path), 405);
    ck_status(flow("PATCH", path, "Content-Type: application/json-patch+json\n", "[]"), 405);
    ck_status(flow_put("AuditEvent/audit-7-7", "{\"resourceType\":\"AuditEvent\",\"id\":\"audit-7-7\"}"),
              405);
    ck_status(flow_get(path), 200);
}
END_TEST

/* What clients store is stored as anything else, and found behind the entries. */
START_TEST(stored)
{
    const struct flow_answer *made = flow_post(
        "AuditEvent",
        "{\"resourceType\":\"AuditEvent\",\"type\":{\"code\":\"rest\",\"system\":\"http://"
        "terminology.hl7.org/"
        "CodeSystem/audit-event-type\"},\"action\":\"R\",\"recorded\":\"2026-01-02T03:04:05Z\",\"agent\":[{"
        "\"requestor\":true}],\"source\":{\"observer\":{\"display\":\"x\"}},\"entity\":[{\"what\":{"
        "\"reference\":\"Patient/p1\"}}]}");
    ck_status(made, 201);
    const char *id = flow_text(made->json, "id");
    ck_status(flow_get(arena_printf(flow_arena(), "AuditEvent/%s", id)), 200);
    const struct flow_answer *page = get("AuditEvent?patient=p2", 3), *behind;
    const char *next = flow_text(page->json, "link[1].url");
    ck_assert_ptr_nonnull(strstr(next, "_cursor=stored"));
    behind = get("AuditEvent?patient=p1&_cursor=stored", 1);
    ck_assert_str_eq(flow_text(behind->json, "entry[0].resource.id"), id);
    get("AuditEvent?type=rest", 1); /* a parameter that the log does not know: stored ones alone */
    ck_status(flow_delete(arena_printf(flow_arena(), "AuditEvent/%s", id)), 204);
}
END_TEST

START_TEST(rights)
{
    const char *others = flow_token("system/Observation.rs");
    const struct flow_answer *page = get("AuditEvent?entity=Observation/o1&action=R", 1);
    const char *path =
        arena_printf(flow_arena(), "AuditEvent/%s", flow_text(page->json, "entry[0].resource.id"));
    ck_status(flow("GET", path, others, NULL), 403);
    ck_status(flow("GET", "AuditEvent?patient=p1", others, NULL), 403);
    ck_status(flow("GET", "AuditEvent?patient=p1", flow_token("system/AuditEvent.r"), NULL), 403);
    ck_status(flow("GET", path, flow_token("system/AuditEvent.r"), NULL), 200);
    ck_status(flow("GET", "AuditEvent?patient=p1", flow_token("user/AuditEvent.rs"), NULL), 200);
}
END_TEST

Suite *suite_flow_audit_events(void)
{
    Suite *s = suite_create("flow/audit-events");
    TCase *tc = tcase_create("audit-events");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, begin, flow_end);
    tcase_add_test(tc, render);
    tcase_add_test(tc, valid);
    tcase_add_test(tc, search);
    tcase_add_loop_test(tc, pages, 0, 2);
    tcase_add_test(tc, unchanged);
    tcase_add_test(tc, stored);
    tcase_add_test(tc, rights);
    suite_add_tcase(s, tc);
    return s;
}
