/* The cursor: there and back, whose it is, and what it may say. */
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

static struct search_query *parse(const char *url)
{
    struct search_query *q;
    ck_ok(test_search_parse(&t, url, &q, &err));
    return q;
}

/* The cursor that a search's page ends with. */
static const char *cursor(const char *url)
{
    struct str text = search_cursor(parse(url), STR("[\"-5\", \"12\"]"), STR("5:9:6,7"), 42, SEARCH_AFTER);
    return arena_strndup(&t.a, text.s, text.len);
}

static bool accepts(const char *url, const char *cursor)
{
    struct search_query *q;
    bool ok = test_search_parse(
        &t, arena_printf(&t.a, "%s%c_cursor=%s", url, strchr(url, '?') ? '&' : '?', cursor), &q, &err);
    if (!ok)
        ck_assert_int_eq(err.kind, ERR_INVALID);
    return ok;
}

START_TEST(test_there_and_back)
{
    static const char url[] = "Patient?_sort=family,birthdate";
    for (int i = 0; i < 2; i++) {
        struct search_query *q = parse(url);
        struct str text =
            search_cursor(q, STR("[\"山\", \"-5\", \"12\"]"), STR("5:9:6,7"), 42, (enum search_direction)i);
        q = parse(arena_printf(&t.a, "%s&_cursor=%.*s", url, STR_FMT(text)));
        const struct search__cursor *c = q->position;
        ck_assert(c->given && c->back == (i == SEARCH_BEFORE));
        ck_assert_int_eq(search_direction(q), i);
        ck_assert_int_eq(c->total, 42);
        ck_str_eq(c->snapshot, "5:9:6,7");
        ck_str_eq(c->values[0], "山");
        ck_str_eq(c->values[2], "12");
    }
    ck_assert(!parse("Patient")->position->given);
}
END_TEST

START_TEST(test_belongs_to_its_search)
{
    static const char url[] = "Observation?code=a&_count=5";
    const char *own = cursor(url);
    ck_assert(accepts(url, own));
    ck_assert(
        accepts("Observation?nosuch=1&code=a&_count=5", own)); /* what is not understood does not count */
    static const char *const others[] = {"Observation?code=b&_count=5",
                                         "Observation?code=a",
                                         "Observation",
                                         "Condition?code=a&_count=5",
                                         "?_type=Observation&code=a&_count=5",
                                         "Patient/1/Observation?code=a&_count=5",
                                         "Observation?code=a&_count=5&_sort=-date"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_msg(!accepts(others[i], own), "%s", others[i]);
    ck_assert(!accepts("Patient/2/Observation", cursor("Patient/1/Observation")));
    t.tenant.key.k0++;
    ck_assert(!accepts(url, own));
}
END_TEST

START_TEST(test_refuses_what_was_changed)
{
    const char *own = cursor("Observation");
    ck_assert(accepts("Observation", own));
    size_t n = strlen(own);
    for (size_t i = 0; i + 1 < n; i++) { /* the last character may have bits that mean nothing */
        char *bad = arena_strndup(&t.a, own, n);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        ck_assert_msg(!accepts("Observation", bad), "%zu", i);
        ck_assert_msg(!accepts("Observation", arena_strndup(&t.a, own, i)) || i == 0, "%zu", i);
    }
    ck_assert(!accepts("Observation", "*"));
    ck_assert(!accepts("Observation", arena_printf(&t.a, "%s%s", own, own)));
    struct str unsigned_text = base64_encode(&t.a, BASE64_URL, ">42 5:9: [\"1\",\"2\"]", 19);
    ck_assert(!accepts("Observation", unsigned_text.s));
}
END_TEST

START_TEST(test_what_it_may_say)
{
    static const char *const bad[] = {
        "",
        ">",
        ">1",
        "1 5:9: [\"1\",\"2\"]",
        ">1 5:9:",
        ">x 5:9: [\"1\",\"2\"]",
        ">1 9:5: [\"1\",\"2\"]",    /* a snapshot that ends before it begins */
        ">1 5:9:7,6 [\"1\",\"2\"]", /* not ascending */
        ">1 5:9:9 [\"1\",\"2\"]",   /* out of range */
        ">1 5:9:6, [\"1\",\"2\"]",
        ">1 0:9: [\"1\",\"2\"]",
        ">1 5:9: [\"1\"]", /* too few values */
        ">1 5:9: [\"1\",\"2\",\"3\"]",
        ">1 5:9: [1,2]",
        ">1 5:9: [\"abc\",\"2\"]", /* no number where a date was */
        ">1 5:9: [\"1\",\"99999999999999999999\"]",
        ">1 5:9: {}",
        ">1 99999999999999999999:5: [\"1\",\"2\"]",
    };
    struct search__cursor c;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!search__cursor_parse(parse("Observation"), str_of(bad[i]), &c), "%s", bad[i]);
    ck_assert(search__cursor_parse(parse("Observation"), STR("<1 5:9: [\"1\",\"2\"]"), &c) && c.back);
}
END_TEST

Suite *suite_search_cursor(void)
{
    Suite *s = suite_create("search_cursor");
    TCase *c = tcase_create("cursor");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_there_and_back);
    tcase_add_test(c, test_belongs_to_its_search);
    tcase_add_test(c, test_refuses_what_was_changed);
    tcase_add_test(c, test_what_it_may_say);
    suite_add_tcase(s, c);
    return s;
}
