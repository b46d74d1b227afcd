#include "fhir/decimal.h"

#include "support/test.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 0);
}
static void teardown(void)
{
    arena_release(&arena);
}

static struct decimal dec(const char *s)
{
    struct decimal d;
    ck_assert_msg(decimal_parse(&arena, str_of(s), &d), "%s", s);
    return d;
}

#define ck_dec(value, text)                                                                                  \
    do {                                                                                                     \
        struct decimal ck_d = (value);                                                                       \
        ck_str_eq(decimal_text(&arena, &ck_d), (text));                                                      \
    } while (0)

START_TEST(reads_and_prints)
{
    static const char *const pairs[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.00", "0.00"},
        {"1.10", "1.10"},
        {"-1.10", "-1.10"},
        {"0.010", "0.010"},
        {"007.5", "7.5"},
        {"+3", "3"},
        {"1e2", "100"},
        {"1.50e1", "15.0"},
        {"1E-3", "0.001"},
        {"-12e-1", "-1.2"},
        {"0e5", "0"},
        {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "18446744073709551616"},
        {"12345678901234567890.12", "12345678901234567890.12"},
        {"-0.000000000000000000000000000001", "-0.000000000000000000000000000001"},
        {"99999999999999999999e1", "999999999999999999990"},
        {"00000000000000000000000000000001", "1"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        ck_dec(dec(pairs[i][0]), pairs[i][1]);
    struct decimal d = dec("1.10");
    ck_assert_int_eq(d.scale, 2);
    ck_assert_uint_eq(d.small, 110);
    ck_assert_ptr_null(d.big);
    ck_assert_ptr_nonnull(dec("18446744073709551616").big);
    ck_assert_ptr_null(dec("18446744073709551615").big);
    ck_assert_int_eq(dec("1e10000").scale, -10000);
}
END_TEST

START_TEST(refuses)
{
    static const char *const wrong[] = {"",     "-",     ".",        ".5",      "1.",
                                        "1.e1", "1e",    "1e+",      "1e10001", "1-1",
                                        "a",    "1a",    "1 ",       " 1",      "1e-10001",
                                        "--1",  "NaN",   "Infinity", "1,0",     "1_",
                                        "1.2.", "1.2.3", "0x10",     "1e1.5",   "1e999999999999999999999"};
    struct decimal d;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!decimal_parse(&arena, str_of(wrong[i]), &d), "%s", wrong[i]);
}
END_TEST

START_TEST(to_others)
{
    int64_t n;
    struct decimal d;
    static const struct {
        const char *text;
        int64_t value;
    } whole[] = {{"0", 0},
                 {"5.00", 5},
                 {"-7", -7},
                 {"1.2e1", 12},
                 {"0.000", 0},
                 {"0e9999", 0},
                 {"1e18", 1000000000000000000},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        d = dec(whole[i].text);
        ck_assert_msg(decimal_to_int64(&d, &n), "%s", whole[i].text);
        ck_assert_int_eq(n, whole[i].value);
    }
    static const char *const none[] = {
        "0.5",  "1e19",    "9223372036854775808",           "-9223372036854775809",
        "1e-1", "1e10000", "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        d = dec(none[i]);
        ck_assert_msg(!decimal_to_int64(&d, &n), "%s", none[i]);
    }
    d = dec("-12.5");
    ck_assert(decimal_to_double(&d) == -12.5);
    d = dec("123456789012345678901234567890e-10");
    ck_assert(decimal_to_double(&d) == 12345678901234567890.1234567890);
    ck_dec(decimal_int(INT64_MIN), "-9223372036854775808");
    ck_dec(decimal_int(0), "0");
}
END_TEST

START_TEST(compares)
{
    static const struct {
        const char *x, *y;
        int order;
    } all[] = {
        {"1", "1.0", 0},
        {"1", "2", -1},
        {"-1", "1", -1},
        {"-1", "-2", 1},
        {"0", "-0.0", 0},
        {"1e2", "100.000", 0},
        {"0.1", "0.10000000000000000000000000001", -1},
        {"12345678901234567890123", "12345678901234567890122", 1},
        {"-12345678901234567890123", "-12345678901234567890122", -1},
        {"1e10000", "1e-10000", 1},
        {"1e30", "1000000000000000000000000000000.0", 0},
        {"18446744073709551615", "1844674407370955161.5e1", 0},
        {"0", "1e-5000", -1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i].x), y = dec(all[i].y);
        ck_assert_msg(decimal_compare(&arena, &x, &y) == all[i].order, "%s %s", all[i].x, all[i].y);
        ck_assert_msg(decimal_compare(&arena, &y, &x) == -all[i].order, "%s %s", all[i].y, all[i].x);
    }
}
END_TEST

START_TEST(adds_and_subtracts)
{
    static const char *const all[][4] = {
        /* x, y, x + y, x - y */
        {"1.10", "2.2", "3.30", "-1.10"},
        {"1", "1", "2", "0"},
        {"-1.5", "1.5", "0.0", "-3.0"},
        {"0.1", "0.2", "0.3", "-0.1"},
        {"18446744073709551615", "1", "18446744073709551616", "18446744073709551614"},
        {"18446744073709551616", "1", "18446744073709551617", "18446744073709551615"},
        {"1e20", "1e-20", "100000000000000000000.00000000000000000001",
         "99999999999999999999.99999999999999999999"},
        {"1", "123456789012345678901234567890", "123456789012345678901234567891",
         "-123456789012345678901234567889"},
        {"-5", "3", "-2", "-8"},
        {"0", "1e40", "10000000000000000000000000000000000000000",
         "-10000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i][0]), y = dec(all[i][1]);
        ck_dec(decimal_add(&arena, &x, &y), all[i][2]);
        ck_dec(decimal_sub(&arena, &x, &y), all[i][3]);
    }
    ck_dec(decimal_neg(dec("0.0")), "0.0");
    ck_dec(decimal_neg(dec("-3")), "3");
}
END_TEST

START_TEST(multiplies)
{
    static const char *const all[][3] = {
        {"1.2", "1.80", "2.160"},
        {"-3", "4", "-12"},
        {"-3", "0", "0"},
        {"4294967296", "4294967296", "18446744073709551616"},
        {"12345678901234567890", "98765432109876543210", "1219326311370217952237463801111263526900"},
        {"12345678901234567890123", "0.0", "0.0"},
        {"1e10", "1e-10", "1"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i][0]), y = dec(all[i][1]);
        ck_dec(decimal_mul(&arena, &x, &y), all[i][2]);
        ck_dec(decimal_mul(&arena, &y, &x), all[i][2]);
    }
    struct decimal x = dec("1e10000");
    for (int i = 0; i < 40; i++) /* the scale stays a number */
        x = decimal_mul(&arena, &x, &x);
    ck_assert_int_eq(x.scale, INT32_MIN);
}
END_TEST

START_TEST(divides)
{
    static const char *const all[][3] = {
        {"1", "3", "0.3333333333333333333333333333"},
        {"2", "3", "0.6666666666666666666666666667"},
        {"-2", "3", "-0.6666666666666666666666666667"},
        {"1", "8", "0.125"},
        {"10", "2", "5"},
        {"1000", "10.0", "100"},
        {"0", "7", "0"},
        {"1", "1e30", "0.000000000000000000000000000001"},
        {"123456789012345678901234567890", "1", "123456789012345678901234567900"},
        {"99999999999999999999999999995", "10", "10000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i][0]), y = dec(all[i][1]);
        ck_dec(decimal_div(&arena, &x, &y, 28), all[i][2]);
    }
    static const char *const whole[][4] = {
        /* x, y, quotient, remainder */
        {"7", "2", "3", "1"},   {"-7", "2", "-3", "-1"},
        {"7", "-2", "-3", "1"}, {"5.5", "0.7", "7", "0.6"},
        {"2", "3", "0", "2"},   {"12345678901234567890123.5", "10", "1234567890123456789012", "3.5"},
        {"6", "3", "2", "0"},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct decimal x = dec(whole[i][0]), y = dec(whole[i][1]);
        ck_dec(decimal_quotient(&arena, &x, &y), whole[i][2]);
        ck_dec(decimal_remainder(&arena, &x, &y), whole[i][3]);
    }
}
END_TEST

START_TEST(rounds)
{
    static const struct {
        const char *x;
        int32_t scale;
        const char *half_up, *floor, *ceiling, *truncate;
    } all[] = {
        {"2.5", 0, "3", "2", "3", "2"},
        {"-2.5", 0, "-3", "-3", "-2", "-2"},
        {"2.4", 0, "2", "2", "3", "2"},
        {"2.0", 0, "2", "2", "2", "2"},
        {"-0.4", 0, "0", "-1", "0", "0"},
        {"0.05", 1, "0.1", "0.0", "0.1", "0.0"},
        {"0.004", 1, "0.0", "0.0", "0.1", "0.0"},
        {"9.99", 1, "10.0", "9.9", "10.0", "9.9"},
        {"1.5", 3, "1.5", "1.5", "1.5", "1.5"},
        {"155", -1, "160", "150", "160", "150"},
        {"4", -1, "0", "0", "10", "0"},
        {"99999999999999999999.5", 0, "100000000000000000000", "99999999999999999999",
         "100000000000000000000", "99999999999999999999"},
        {"3.14159", 3, "3.142", "3.141", "3.142", "3.141"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i].x);
        ck_dec(decimal_round(&arena, &x, all[i].scale, DECIMAL_HALF_UP), all[i].half_up);
        ck_dec(decimal_round(&arena, &x, all[i].scale, DECIMAL_FLOOR), all[i].floor);
        ck_dec(decimal_round(&arena, &x, all[i].scale, DECIMAL_CEILING), all[i].ceiling);
        ck_dec(decimal_round(&arena, &x, all[i].scale, DECIMAL_TRUNCATE), all[i].truncate);
    }
}
END_TEST

START_TEST(normal_form)
{
    static const char *const all[][2] = {{"1.500", "1.5"},
                                         {"100", "100"},
                                         {"0.00", "0"},
                                         {"-2.0", "-2"},
                                         {"123456789012345678901.000", "123456789012345678901"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i][0]);
        ck_dec(decimal_normal(&arena, &x), all[i][1]);
    }
    /* Equal values have the same parts. */
    struct decimal x = dec("100"), y = dec("1e2");
    x = decimal_normal(&arena, &x);
    ck_assert(x.small == 1 && x.scale == -2 && x.scale == y.scale);
}
END_TEST

START_TEST(implicit_range)
{
    static const char *const all[][3] = {
        {"100", "99.5", "100.5"},
        {"100.00", "99.995", "100.005"},
        {"1e2", "95", "105"},
        {"1e-2", "0.005", "0.015"},
        {"0", "-0.5", "0.5"},
        {"-1.5", "-1.55", "-1.45"},
        {"12345678901234567890.12", "12345678901234567890.115", "12345678901234567890.125"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal x = dec(all[i][0]), lo, hi;
        decimal_implicit_range(&arena, &x, &lo, &hi);
        ck_dec(lo, all[i][1]);
        ck_dec(hi, all[i][2]);
    }
}
END_TEST

Suite *suite_fhir_decimal(void)
{
    Suite *s = suite_create("fhir_decimal");
    TCase *t = tcase_create("decimal");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reads_and_prints);
    tcase_add_test(t, refuses);
    tcase_add_test(t, to_others);
    tcase_add_test(t, compares);
    tcase_add_test(t, adds_and_subtracts);
    tcase_add_test(t, multiplies);
    tcase_add_test(t, divides);
    tcase_add_test(t, rounds);
    tcase_add_test(t, normal_form);
    tcase_add_test(t, implicit_range);
    suite_add_tcase(s, t);
    return s;
}
