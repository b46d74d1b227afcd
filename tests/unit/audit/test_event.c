#include "../../../src/audit/internal.h"
#include "support/test.h"

static struct arena a;
static struct err err;

static void begin(void)
{
    arena_init(&a, 0);
}

static void end(void)
{
    arena_release(&a);
}

START_TEST(entry)
{
    uint8_t record[AUDIT__RECORD];
    int64_t pats[AUDIT__PATS];
    struct audit__word w;
    struct audit__entry got, e = {.at_us = INT64_C(1700000000000001),
                                  .agent = -5,
                                  .shape = 7,
                                  .shown = 3,
                                  .ver = 9,
                                  .rtype = 101,
                                  .op = AUDIT_SEARCH_TYPE,
                                  .status = 200,
                                  .purpose = AUDIT_ETREAT,
                                  .find = AUDIT_FIND_BY_K,
                                  .id = STR("a-b.c"),
                                  .request = STR("r1"),
                                  .pats = pats,
                                  .n_pats = AUDIT__PATS};
    for (int i = 0; i < AUDIT__PATS; i++)
        pats[i] = i - INT64_C(0x1122334455667788);
    size_t len = audit__entry_write(&e, record);
    ck_assert_uint_le(len, sizeof record);
    struct str whole = {(const char *)record, len};
    ck_assert_int_eq(audit__record_read(&a, whole, &got, &w), AUDIT__EVENT);
    ck_assert_int_eq(got.at_us, e.at_us);
    ck_assert_int_eq(got.agent, e.agent);
    ck_assert_int_eq(got.shape, e.shape);
    ck_assert_int_eq(got.shown, 3);
    ck_assert_int_eq(got.ver, 9);
    ck_assert_int_eq(got.rtype, 101);
    ck_assert_int_eq(got.op, AUDIT_SEARCH_TYPE);
    ck_assert_int_eq(got.status, 200);
    ck_assert_int_eq(got.purpose, AUDIT_ETREAT);
    ck_assert_int_eq(got.find, AUDIT_FIND_BY_K);
    ck_str_eq(got.id, "a-b.c");
    ck_str_eq(got.request, "r1");
    ck_assert_uint_eq(got.n_pats, AUDIT__PATS);
    ck_assert_mem_eq(got.pats, pats, sizeof pats);
    for (size_t cut = 0; cut < len; cut++) /* whatever is left of one is none */
        ck_assert_int_eq(audit__record_read(&a, (struct str){whole.s, cut}, &got, &w), 0);
}
END_TEST

START_TEST(word)
{
    uint8_t record[AUDIT__RECORD];
    struct audit__entry e;
    struct audit__word got, w = {AUDIT__SHAPE, -77, STR("Patient?name")};
    size_t len = audit__word_write(&w, record);
    struct str whole = {(const char *)record, len};
    ck_assert_int_eq(audit__record_read(&a, whole, &e, &got), AUDIT__WORD);
    ck_assert_int_eq(got.kind, AUDIT__SHAPE);
    ck_assert_int_eq(got.key, -77);
    ck_str_eq(got.text, "Patient?name");
    for (size_t cut = 0; cut < len; cut++)
        ck_assert_int_eq(audit__record_read(&a, (struct str){whole.s, cut}, &e, &got), 0);
    ck_assert_int_ne(audit__word_key(1, STR("x")), audit__word_key(2, STR("x")));
    ck_assert_int_ne(audit__word_key(1, STR("x")), audit__word_key(1, STR("y")));
}
END_TEST

/* Whatever a token says, it is an array of five strings. */
START_TEST(agent)
{
    char text[AUDIT__TEXT], longest[2000];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 255, "\xe6\x82\xa3", 3); /* across the limit */
    const struct audit_who who[] = {
        {STR("alice"), STR("app"), STR("https://i.test"), STR("user"), STR("192.0.2.1")},
        {STR("a\"b\\c\nd"), {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}},
        {{longest, sizeof longest}, {longest, 2000}, {longest, 2000}, {longest, 2000}, {longest, 2000}},
    };
    static const char *const first[] = {"alice", "abcd", NULL};
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        json *got;
        size_t len = audit__agent_text(&who[i], text);
        ck_assert_uint_lt(len, sizeof text);
        ck_ok(json_parse(&a, (struct str){text, len}, 3, &got, &err));
        ck_assert_uint_eq(json_count(got), 5);
        if (first[i])
            ck_assert_str_eq(json_at(got, 0)->valuestring, first[i]);
        else
            ck_assert_uint_eq(strlen(json_at(got, 0)->valuestring), 255);
    }
}
END_TEST

START_TEST(request)
{
    static const struct {
        const char *text;
        size_t kept;
    } cases[] = {{"0b7d6a52-8a3e-4f6c-9d1c-2f1e0a9b8c7d", 16},
                 {"0B7d6a52-8a3e-4f6c-9d1c-2f1e0a9b8c7d", 36}, /* would not come back as it was */
                 {"0b7d6a52-8a3e-4f6c-9d1c-2f1e0a9b8c7-", 36},
                 {"0b7d6a52x8a3e-4f6c-9d1c-2f1e0a9b8c7d", 36},
                 {"sixteen-letters!", 17},
                 {"short", 5},
                 {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t room[17];
        struct str kept = audit__request_bytes(str_of(cases[i].text), room);
        ck_assert_uint_eq(kept.len, cases[i].kept);
        ck_str_eq(audit__request_text(&a, kept), cases[i].text);
    }
}
END_TEST

Suite *suite_audit_event(void)
{
    Suite *s = suite_create("audit/event");
    TCase *tc = tcase_create("event");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, entry);
    tcase_add_test(tc, word);
    tcase_add_test(tc, agent);
    tcase_add_test(tc, request);
    suite_add_tcase(s, tc);
    return s;
}
