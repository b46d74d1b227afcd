/* The cursor: there and back, and what a forger may not get past the parser. */
#include "../../../src/search/internal.h"
#include "base/base64.h"
#include "support/search.h"

static struct test_search t;
static struct err err;

static void setup(void)
{
    test_search_init(&t);
}

static void teardown(void)
{
    test_search_close(&t);
}

static bool reads(const char *url, struct str cursor, struct search__cursor *out)
{
    struct search_query *q;
    ck_ok(test_search_parse(&t, url, &q, &err));
    q->cursor = cursor;
    return search__cursor_read(q, out, &err);
}

START_TEST(test_there_and_back)
{
    struct search__cursor c;
    struct str text = search_cursor(&t.a, STR("[\"山\", \"-5\", \"12\"]"), STR("5:9:6,7"), 42);
    ck_assert(reads("Patient?_sort=family,birthdate", text, &c));
    ck_assert(c.given);
    ck_assert_int_eq(c.total, 42);
    ck_str_eq(c.snapshot, "5:9:6,7");
    ck_str_eq(c.values[0], "山");
    ck_str_eq(c.values[2], "12");
    ck_assert(reads("Patient", (struct str){0}, &c));
    ck_assert(!c.given);
}
END_TEST

START_TEST(test_refuses_what_it_did_not_write)
{
    static const char *const bad[] = {
        "",
        "1",
        "1 5:9:",
        "x 5:9: [\"1\",\"2\"]",
        "1 9:5: [\"1\",\"2\"]",    /* a snapshot that ends before it begins */
        "1 5:9:7,6 [\"1\",\"2\"]", /* not ascending */
        "1 5:9:9 [\"1\",\"2\"]",   /* out of range */
        "1 5:9:6, [\"1\",\"2\"]",
        "1 0:9: [\"1\",\"2\"]",
        "1 5:9: [\"1\"]", /* too few values */
        "1 5:9: [\"1\",\"2\",\"3\"]",
        "1 5:9: [1,2]",
        "1 5:9: [\"abc\",\"2\"]", /* no number where a date was */
        "1 5:9: [\"1\",\"99999999999999999999\"]",
        "1 5:9: {}",
        "1 99999999999999999999:5: [\"1\",\"2\"]",
    };
    struct search__cursor c;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct str text = base64_encode(&t.a, BASE64_URL, bad[i], strlen(bad[i]));
        if (!bad[i][0])
            text = STR("*");
        ck_assert_msg(!reads("Observation", text, &c), "%s", bad[i]);
        ck_assert_int_eq(err.kind, ERR_INVALID);
    }
}
END_TEST

Suite *suite_search_sort(void)
{
    Suite *s = suite_create("search_sort");
    TCase *c = tcase_create("cursor");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_there_and_back);
    tcase_add_test(c, test_refuses_what_it_did_not_write);
    suite_add_tcase(s, c);
    return s;
}
