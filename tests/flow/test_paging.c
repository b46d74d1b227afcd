/* The pages of a search: their links, and that nothing is repeated or dropped while many others write. */
#include "support/flow.h"

enum { PATIENTS = 90, BURST = 8 };

static const char *link_of(const json *bundle, const char *relation)
{
    json_each (l, flow_node(bundle, "link"))
        if (strcmp(flow_text(l, "relation"), relation) == 0) {
            const char *url = flow_text(l, "url");
            ck_assert_int_eq(strncmp(url, FLOW_BASE, strlen(FLOW_BASE)), 0);
            return arena_printf(flow_arena(), "/fhir%s", url + strlen(FLOW_BASE));
        }
    return NULL;
}

static const char *patient(const char *id, int turn)
{
    return arena_printf(flow_arena(),
                        "{\"resourceType\":\"Patient\",\"id\":\"%s\",\"gender\":\"%s\",\"birthDate\":"
                        "\"19%02d-01-01\",\"name\":[{\"family\":\"F%d\"}]}",
                        id, turn % 3 ? "female" : "other", turn % 100, turn % 17);
}

static const char *name_of(const char *prefix, int i)
{
    return arena_printf(flow_arena(), "%s%d", prefix, i);
}

static void populate(const char *prefix)
{
    struct flow_call *calls[PATIENTS];
    for (int i = 0; i < PATIENTS; i++) {
        const char *id = name_of(prefix, i);
        calls[i] = flow_send("PUT", arena_printf(flow_arena(), "Patient/%s", id), NULL, patient(id, i));
    }
    for (int i = 0; i < PATIENTS; i++)
        ck_assert_int_lt(flow_wait(calls[i])->status, 300);
}

/* Every third patient changes or goes, new ones come. */
struct writers {
    const char *prefix;
    int turn;
    struct flow_call *calls[BURST];
};

static void start_writing(struct writers *w)
{
    for (int i = 0; i < BURST; i++) {
        int turn = w->turn++;
        const char *id = name_of(w->prefix, turn * 3 % PATIENTS);
        const char *path = arena_printf(flow_arena(), "Patient/%s", id);
        w->calls[i] = turn % 4 == 0   ? flow_send("DELETE", path, NULL, NULL)
                      : turn % 4 == 1 ? flow_send("POST", "Patient", NULL, patient("new", turn))
                                      : flow_send("PUT", path, NULL, patient(id, turn));
    }
}

static void end_writing(struct writers *w)
{
    for (int i = 0; i < BURST; i++) {
        const struct flow_answer *a = flow_wait(w->calls[i]);
        ck_assert_msg(a->status < 300, "%d: %.*s", a->status, STR_FMT(a->body));
    }
}

static void note(const json *bundle, const char *prefix, int *seen)
{
    json_each (e, flow_node(bundle, "entry")) {
        const char *id = flow_text(e, "resource.id");
        if (strncmp(id, prefix, strlen(prefix)) == 0)
            seen[atoi(id + strlen(prefix))]++;
    }
}

static void check(const int *seen, const char *url)
{
    for (int i = 0; i < PATIENTS; i++)
        ck_assert_msg(i % 3 ? seen[i] == 1 : seen[i] <= 1, "%s: patient %d is found %d times", url, i,
                      seen[i]);
}

static const char *const sorts[] = {"_sort=-birthdate", "_sort=family", "_sort=-_lastUpdated", "_sort=-name",
                                    "gender=female,other&_sort=gender,birthdate"};

START_TEST(test_nothing_repeated_or_dropped_while_others_write)
{
    struct writers w = {.prefix = name_of("w", _i)};
    const char *url = arena_printf(flow_arena(), "Patient?%s&_count=8", sorts[_i]);
    populate(w.prefix);
    int there[PATIENTS] = {0}, back[PATIENTS] = {0}, pages = 0;
    const struct flow_answer *page = flow_get(url);
    for (const char *next;; page = flow_get(next), end_writing(&w)) {
        ck_status(page, 200);
        note(page->json, w.prefix, there);
        if (!(next = link_of(page->json, "next")))
            break;
        ck_assert_ptr_nonnull(link_of(page->json, "first"));
        start_writing(&w);
        pages++;
    }
    check(there, url);
    ck_assert_int_gt(pages, PATIENTS / 3 * 2 / 8 - 1);
    note(page->json, w.prefix, back);
    for (const char *previous; (previous = link_of(page->json, "previous")); end_writing(&w)) {
        start_writing(&w);
        page = flow_get(previous);
        ck_status(page, 200);
        note(page->json, w.prefix, back);
    }
    check(back, url);
}
END_TEST

START_TEST(test_links)
{
    populate("l");
    const struct flow_answer *first = flow_get("Patient?_sort=_id&_count=30&nosuch=1&_format=json");
    ck_assert_ptr_null(link_of(first->json, "previous"));
    ck_assert_str_eq(link_of(first->json, "first"), "/fhir/Patient?_sort=_id&_count=30&_format=json");
    const struct flow_answer *second = flow_get(link_of(first->json, "next"));
    ck_assert_str_eq(link_of(second->json, "first"), link_of(first->json, "first"));
    ck_assert_str_eq(link_of(second->json, "self"), link_of(first->json, "next"));
    const struct flow_answer *again = flow_get(link_of(second->json, "previous"));
    ck_assert_str_eq(flow_text(again->json, "entry[0].resource.id"),
                     flow_text(first->json, "entry[0].resource.id"));
    ck_assert_ptr_null(link_of(again->json, "previous"));
    ck_assert_str_eq(link_of(again->json, "next"), link_of(first->json, "next"));
    ck_assert_ptr_null(link_of(flow_get("Patient?_summary=count")->json, "first"));
    /* with what a page includes, too */
    const struct flow_answer *included =
        flow_get(link_of(flow_get("Patient?_sort=-_id&_count=7&_include=Patient:link")->json, "next"));
    ck_status(included, 200);
    ck_assert_uint_eq(json_count(flow_node(flow_get(link_of(included->json, "previous"))->json, "entry")), 7);
}
END_TEST

START_TEST(test_a_cursor_that_was_changed_is_refused)
{
    populate("f");
    char *next =
        arena_strdup(flow_arena(), link_of(flow_get("Patient?gender=female&_count=5")->json, "next"));
    ck_status(flow_get(next), 200);
    const char *other =
        arena_printf(flow_arena(), "/fhir/Patient?gender=other&_count=5%s", strstr(next, "&_cursor="));
    char *changed = strstr(next, "_cursor=") + 20;
    *changed = *changed == 'A' ? 'B' : 'A';
    const char *const bad[] = {next, other, "Patient?_cursor=x", "Observation?_cursor=AAAA"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct flow_answer *a = flow_get(bad[i]);
        ck_status(a, 400);
        ck_assert_ptr_nonnull(strstr(flow_text(a->json, "issue[0].diagnostics"), "_cursor"));
    }
}
END_TEST

Suite *suite_flow_paging(void)
{
    Suite *s = suite_create("flow/paging");
    TCase *tc = tcase_create("paging");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_links);
    tcase_add_test(tc, test_a_cursor_that_was_changed_is_refused);
    tcase_add_loop_test(tc, test_nothing_repeated_or_dropped_while_others_write, 0,
                        (int)(sizeof sorts / sizeof sorts[0]));
    suite_add_tcase(s, tc);
    return s;
}
