/*
 * Orders of sealed values, and comparisons of them (search/opened.h): what hashes do not answer, the server does, for as many
 * resources as search.max_opened says. That it answers as an unsealed one does is proved by the case files of the search.
 */
#include "support/flow.h"

static void begin_suite(void)
{
    flow_suite_begin();
    flow_seal();
}

static const char *const people[][4] = {
    /* id, family, birth date, note */
    {"a", "Mizuno", "1980-05-12", "kneepain"},
    {"b", "Abe", "1980-05-11", "kneecap"},
    {"c", "Zaitsu", "1979-01-01", "ankle"},
    {"d", "Abe", "1980-05-11", "knee"},
    {"e", NULL, NULL, "elbow"},
    {"f", "Kondo", "2001-12-31", "kneeling"},
};
enum { PEOPLE = sizeof people / sizeof people[0] };

static void put_person(const char *const p[4])
{
    struct arena *a = flow_arena();
    const char *name = p[1] ? arena_printf(a, ",\"name\":[{\"family\":\"%s\"}]", p[1]) : "";
    const char *born = p[2] ? arena_printf(a, ",\"birthDate\":\"%s\"", p[2]) : "";
    ck_assert_int_lt(
        flow_put(arena_printf(a, "Patient/%s", p[0]),
                 arena_printf(a,
                              "{\"resourceType\":\"Patient\",\"id\":\"%s\"%s%s,\"text\":{\"status\":"
                              "\"generated\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">%s"
                              "</div>\"},\"gender\":\"other\",\"managingOrganization\":{\"reference\":"
                              "\"Organization/x\"}}",
                              p[0], name, born, p[3]))
            ->status,
        300);
}

static void begin(void)
{
    flow_begin();
    for (int i = 0; i < PEOPLE; i++)
        put_person(people[i]);
}

static const char *ids(const json *bundle)
{
    struct buf b;
    buf_init(&b, flow_arena(), 64);
    json_each (e, flow_node(bundle, "entry"))
        buf_addf(&b, "%s%s", b.len ? " " : "", flow_text(e, "resource.id"));
    return b.s;
}

static const char *link_of(const json *bundle, const char *relation)
{
    json_each (l, flow_node(bundle, "link"))
        if (strcmp(flow_text(l, "relation"), relation) == 0)
            return arena_printf(flow_arena(), "/fhir%s", flow_text(l, "url") + strlen(FLOW_BASE));
    return NULL;
}

START_TEST(test_found)
{
    static const char *const cases[][2] = {
        {"Patient?_sort=family,_id", "b d f a c e"},
        {"Patient?_sort=-family,_id", "c a f b d e"},
        {"Patient?_sort=birthdate,-_id", "c d b a f e"},
        {"Patient?_sort=-birthdate,family,_id", "f a b d c e"},
        {"Patient?gender=other&birthdate=ge1980&_sort=family,_id", "b d f a"},
        {"Patient?_filter=family gt \"Abe\"&_sort=_id", "a c f"},
        {"Patient?_filter=family le \"Kondo\"&_sort=_id", "b d f"},
        {"Patient?_filter=not (family gt \"Abe\")&_sort=_id", "b d e"},
        {"Patient?_filter=family gt \"Abe\" or _id eq b&_sort=_id", "a b c f"},
        {"Patient?family:contains=o&_sort=_id", "a f"},
        {"Patient?family:contains=o,tsu&_sort=_id", "a c f"},
        {"Patient?_text=knee*&_sort=_id", "a b d f"},
        {"Patient?_text=knee* -knee&_sort=_id", "a b f"},
        {"Patient?_content=ank* OR elb*&_sort=_id", "c e"},
        {"Patient?_text=shoulder*", ""},
        {"Patient?_filter=family gt \"Zz\"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flow_answer *a = flow_get(cases[i][0]);
        ck_status(a, 200);
        ck_assert_msg(strcmp(ids(a->json), cases[i][1]) == 0, "%s: %s instead of %s", cases[i][0],
                      ids(a->json), cases[i][1]);
        size_t n = (strlen(cases[i][1]) + 1) / 2;
        ck_assert_ptr_nonnull(strstr(a->body.s, arena_printf(flow_arena(), "\"total\":%zu", n)));
    }
}
END_TEST

/* Forth and back, while a row on which a page ended goes, and others come. */
START_TEST(test_pages)
{
    static const char *const early[4] = {"g", "Aa", "1900-01-01", "new"};
    const struct flow_answer *one = flow_get("Patient?_sort=family,_id&_count=2");
    ck_assert_str_eq(ids(one->json), "b d");
    ck_assert_ptr_null(link_of(one->json, "previous"));
    ck_status(flow_delete("Patient/d"), 204);
    put_person(early);
    const struct flow_answer *two = flow_get(link_of(one->json, "next"));
    ck_status(two, 200);
    ck_assert_str_eq(ids(two->json), "f a");
    const struct flow_answer *three = flow_get(link_of(two->json, "next"));
    ck_assert_str_eq(ids(three->json), "c e");
    ck_assert_ptr_null(link_of(three->json, "next"));
    ck_assert_str_eq(ids(flow_get(link_of(three->json, "previous"))->json), "f a");
    const struct flow_answer *down = flow_get("Patient?_sort=-family,_id&_count=5");
    ck_assert_str_eq(ids(down->json), "c a f b g");
    ck_assert_str_eq(ids(flow_get(link_of(down->json, "next"))->json), "e");
    ck_status(flow_delete("Patient/g"), 204);
}
END_TEST

START_TEST(test_refused)
{
    static const char *const refused[] = {
        "Patient?_sort=family",
        "Patient?_filter=family gt \"Abe\"",
        "Patient?_text=knee*",
    };
    static const char *const elsewhere[] = {
        "Observation?_filter=subject.family gt \"Abe\"",
        "Observation?subject:Patient.family:contains=o",
        "Patient?_contained=true&family:contains=o",
        "Patient?_sort=family&_explain=true",
    };
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        const struct flow_answer *a = flow_get(elsewhere[i]);
        ck_status(a, 403);
        ck_assert_str_eq(flow_text(a->json, "issue[0].code"), "too-costly");
    }
    flow_set("search.max_opened=5");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const struct flow_answer *a = flow_get(refused[i]);
        ck_status(a, 403);
        ck_assert_str_eq(flow_text(a->json, "issue[0].code"), "too-costly");
    }
    ck_status(flow_get("Patient?_id=a,b,c&_sort=family"), 200);
    flow_set("search.max_opened=0");
    ck_status(flow_get("Patient?_id=a&_sort=family"), 403);
    ck_status(flow_get("Patient?_id=a&_sort=gender"), 200);
}
END_TEST

/* In a Bundle, and for somebody who sees no more than one. */
START_TEST(test_elsewhere)
{
    const struct flow_answer *a =
        flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":"
                      "\"GET\",\"url\":\"Patient?_sort=family,_id&_count=3\"}}]}");
    ck_assert_str_eq(ids(flow_node(a->json, "entry[0].resource")), "b d f");
    a = flow_post("",
                  "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{\"method\":"
                  "\"GET\",\"url\":\"Patient?_sort=family,_id&_count=3\"}}]}");
    ck_assert_str_eq(ids(flow_node(a->json, "entry[0].resource")), "b d f");
    a = flow("GET", "Patient?_sort=family", flow_token_with("patient/*.rs", "{\"patient\":\"c\"}"), NULL);
    ck_status(a, 200);
    ck_assert_str_eq(ids(a->json), "c");
    ck_status(flow("GET", "Patient?_sort=family", flow_token("system/*.rs pseudonyms"), NULL), 403);
}
END_TEST

Suite *suite_flow_opened(void)
{
    Suite *s = suite_create("flow/opened");
    TCase *tc = tcase_create("opened");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin_suite, flow_suite_end);
    tcase_add_checked_fixture(tc, begin, flow_end);
    tcase_add_test(tc, test_found);
    tcase_add_test(tc, test_pages);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_elsewhere);
    suite_add_tcase(s, tc);
    return s;
}
