/*
 * Another blind key (docs/identity.md): at every point of its way the same resources are found by what is sealed, those that
 * were written before and those that are written meanwhile; and at its end nothing of the older one is left.
 */
#include <unistd.h>

#include "store/reseal.h"
#include "support/flow.h"

static void begin_suite(void)
{
    flow_suite_begin();
    flow_seal();
}

static const char *body(const char *id, const char *type)
{
    struct arena *a = flow_arena();
    if (strcmp(type, "Observation") == 0)
        return arena_printf(a,
                            "{\"resourceType\":\"Observation\",\"id\":\"%s\",\"status\":\"final\",\"code\":{"
                            "\"text\":\"x\"},\"subject\":{\"identifier\":{\"system\":\"urn:i\",\"value\":"
                            "\"Q7\"}},\"identifier\":[{\"value\":\"N1\"}]}",
                            id);
    return arena_printf(
        a,
        "{\"resourceType\":\"Patient\",\"id\":\"%s\",\"identifier\":[{\"system\":\"urn:i\",\"value\":\"Q7\"}]"
        ","
        "\"name\":[{\"family\":\"Takamatsu\",\"given\":[\"Rin\"]}],\"birthDate\":\"1980-05-12\",\"telecom\":["
        "{"
        "\"system\":\"phone\",\"value\":\"03-1234\"}],\"text\":{\"status\":\"generated\",\"div\":\"<div "
        "xmlns=\\\"http://www.w3.org/1999/xhtml\\\">kneepain in spring</div>\"}}",
        id);
}

static void put(const char *type, const char *id)
{
    ck_assert_int_lt(flow_put(arena_printf(flow_arena(), "%s/%s", type, id), body(id, type))->status, 300);
}

static void check(int n, const char *when)
{
    static const char *const asked[] = {
        "Patient?family=takama",
        "Patient?family:exact=Takamatsu",
        "Patient?family:contains=mats",
        "Patient?family:contains=m",
        "Patient?identifier=Q7",
        "Patient?identifier=urn:i|Q7",
        "Patient?identifier:not=urn:i|Q8",
        "Patient?phone=031234",
        "Patient?birthdate=1980-05-12",
        "Patient?birthdate=ge1980-05",
        "Patient?birthdate=lt1980-05-13",
        "Patient?birthdate=ne1980-05-11",
        "Patient?_text=kneepain",
        "Patient?_text=\"kneepain in spring\"",
        "Patient?_text=knee*",
        "Patient?_text=spring -winter",
        "Patient?_content=takamatsu",
        "Patient?_filter=family co \"mats\"",
        "Patient?_filter=family gt \"A\"",
        "Observation?subject:identifier=urn:i|Q7",
        "Observation?identifier=N1",
    };
    static const char *const not_asked[] = {"Patient?family=takami", "Patient?identifier:not=Q7",
                                            "Patient?birthdate=ne1980-05-12", "Patient?_text=winter"};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        const struct flow_answer *a = flow_get(arena_printf(flow_arena(), "%s&_total=accurate", asked[i]));
        ck_status(a, 200);
        ck_assert_msg(strstr(a->body.s, arena_printf(flow_arena(), "\"total\":%d", n)), "%s: %s: %.300s",
                      when, asked[i], a->body.s);
    }
    for (size_t i = 0; i < sizeof not_asked / sizeof not_asked[0]; i++)
        ck_assert_msg(strstr(flow_get(not_asked[i])->body.s, "\"total\":0"), "%s: %s", when, not_asked[i]);
    const struct flow_answer *a = flow("PUT", "Patient?identifier=urn:i|Q7", NULL, body("x", "Patient"));
    ck_assert_int_eq(a->status, 412); /* there are several */
}

static struct str one(const char *sql)
{
    struct sql q;
    struct err err;
    const struct db_rows *rows;
    sql_init(&q, flow_arena(), NULL);
    sql_adds(&q, sql);
    ck_ok(db_exec(flow_conn(), flow_arena(), &q, &rows, &err));
    return db_text(rows, 0, 0);
}

static void age(const char *interval)
{
    one(arena_printf(
        flow_arena(),
        "WITH u AS (UPDATE blind_key SET made = now() - interval '%s' WHERE done IS NULL RETURNING "
        "1) SELECT count(*)::text FROM u",
        interval));
    usleep(700 * 1000); /* servers look four times a second */
}

static void reindex(void)
{
    const struct flow_answer *a =
        flow("POST", "$reindex", "Prefer: respond-async\n", "{\"resourceType\":\"Parameters\"}");
    ck_status(a, 202);
    const char *where = strstr(flow_header(a, "Content-Location"), "/fhir");
    for (int i = 0; flow_get(where)->status == 202; i++) {
        ck_assert_int_lt(i, 300);
        usleep(100 * 1000);
    }
    ck_status(flow_get(where), 200);
    usleep(700 * 1000);
}

static void make(struct store *s, struct store_blind *b)
{
    struct err err;
    ck_ok(store_blind_begin(s, flow_arena(), flow_conn(), b, &err));
}

START_TEST(test_all_the_way)
{
    static const char chains[] = "SELECT string_agg(val, ' ' ORDER BY val, k) FROM idx_str",
                      done[] = "SELECT count(*)::text FROM blind_key WHERE done IS NOT NULL";
    struct store *s;
    struct store_blind b;
    struct err err;
    ck_ok(store_new(flow_config(), flow_defs(), flow_conn(), &s, &err));
    flow_jobs_start();
    put("Patient", "a");
    put("Observation", "a");
    put("Patient", "b");
    put("Observation", "b");
    check(2, "before");
    make(s, &b);
    ck_assert(b.made);
    ck_assert_int_eq(b.number, 1);
    usleep(700 * 1000);
    check(2, "made");
    struct str old = one(chains);
    put("Patient", "c"); /* by the old one still */
    put("Observation", "c");
    check(3, "made");
    age("15 seconds");
    put("Patient", "d");
    put("Observation", "d");
    put("Patient", "a");
    check(4, "written by both");
    reindex(); /* too early: somebody may still be writing by the old one */
    ck_assert(str_is(one(done), "0"));
    check(4, "indexed early");
    age("1 minute");
    make(s, &b);
    ck_assert(!b.made);
    ck_assert_int_eq(b.seconds, 0);
    reindex();
    ck_assert(str_is(one(done), "1"));
    check(4, "done");
    struct str fresh = one(chains), was, rest = old;
    while (rest.s) {
        was = str_cut(rest, ' ', &rest);
        ck_assert_ptr_null(memmem(fresh.s, fresh.len, was.s, was.len));
    }
    put("Patient", "e");
    put("Observation", "e");
    check(5, "after");
    /* And the next, begun by a server that starts meanwhile. */
    store_free(s);
    ck_ok(store_new(flow_config(), flow_defs(), flow_conn(), &s, &err));
    make(s, &b);
    ck_assert_int_eq(b.number, 2);
    age("1 minute");
    check(5, "second");
    reindex();
    check(5, "second done");
    ck_assert(str_is(one(done), "2"));
    store_free(s);
}
END_TEST

Suite *suite_flow_blind(void)
{
    Suite *s = suite_create("flow/blind");
    TCase *tc = tcase_create("blind");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin_suite, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_all_the_way);
    suite_add_tcase(s, tc);
    return s;
}
