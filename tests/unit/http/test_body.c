#include "../../../src/http/internal.h"
#include "support/test.h"

static struct http__body b;

static void setup(void)
{
    b = (struct http__body){0};
}

static void teardown(void)
{
    http__body_release(&b);
}

static void add(const char *text)
{
    ck_assert(http__body_add(&b, text, strlen(text)));
}

START_TEST(pieces_make_a_body)
{
    ck_assert(http__body_begin(&b, HTTP__IDENTITY, 0, 100000));
    for (int i = 0; i < 10000; i++)
        add("0123456789");
    http__body_end(&b);
    ck_assert(!b.too_large);
    ck_assert_ptr_null(b.error);
    ck_assert_uint_eq(b.len, 100000);
    ck_assert_uint_eq(b.received, 100000);
    ck_assert_uint_eq(strlen(b.data), 100000);
    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(b.data[i], '0' + i % 10);
}
END_TEST

START_TEST(an_announced_length_gets_no_memory_in_advance)
{
    ck_assert(http__body_begin(&b, HTTP__IDENTITY, 50000000, 60000000));
    ck_assert_uint_le(b.cap, 65536 + 1);
}
END_TEST

START_TEST(beyond_the_limit_nothing_is_kept)
{
    ck_assert(http__body_begin(&b, HTTP__IDENTITY, 0, 10));
    add("0123456789");
    ck_assert(!b.too_large);
    add("x");
    ck_assert(b.too_large);
    ck_assert_ptr_null(b.data);
    add("0123456789");
    ck_assert(!http__body_add(&b, "x", 1)); /* twice the limit was received */
    http__body_end(&b);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(refused_by_the_headers)
{
    ck_assert(http__body_begin(&b, HTTP__IDENTITY, 11, 10));
    ck_assert(b.too_large);
    setup();
    ck_assert(http__body_begin(&b, HTTP__UNKNOWN_CODING, 5, 10));
    ck_assert_ptr_nonnull(b.error);
}
END_TEST

Suite *suite_http_body(void)
{
    Suite *s = suite_create("http_body");
    TCase *t = tcase_create("body");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, pieces_make_a_body);
    tcase_add_test(t, an_announced_length_gets_no_memory_in_advance);
    tcase_add_test(t, beyond_the_limit_nothing_is_kept);
    tcase_add_test(t, refused_by_the_headers);
    suite_add_tcase(s, t);
    return s;
}
