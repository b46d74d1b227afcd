#include "fhir/datetime.h"

#include "support/test.h"

#define S 1000000LL

START_TEST(reads_dates)
{
    struct fhir_datetime d;
    ck_assert(fhir_datetime_parse(STR("2021"), &d));
    ck_assert(d.year == 2021 && d.month == 1 && d.day == 1 && d.precision == FHIR_YEAR && !d.has_zone);
    ck_assert(fhir_datetime_parse(STR("2021-02"), &d));
    ck_assert(d.month == 2 && d.precision == FHIR_MONTH);
    ck_assert(fhir_datetime_parse(STR("2024-02-29"), &d));
    ck_assert(d.day == 29 && d.precision == FHIR_DAY);
    ck_assert(fhir_datetime_parse(STR("2021-01-10T08:05:59.120+09:30"), &d));
    ck_assert(d.hour == 8 && d.minute == 5 && d.second == 59 && d.micros == 120000 && d.fraction_digits == 3);
    ck_assert(d.precision == FHIR_FRACTION && d.has_zone && d.zone == 570);
    ck_assert(fhir_datetime_parse(STR("2021-01-10T08:05-14:00"), &d));
    ck_assert(d.precision == FHIR_MINUTE && d.zone == -840);
    ck_assert(fhir_datetime_parse(STR("2021-01-10T08:05:00"), &d));
    ck_assert(d.precision == FHIR_SECOND && !d.has_zone);
    ck_assert(fhir_datetime_parse(STR("2016-12-31T23:59:60Z"), &d));
    ck_assert(d.second == 60 && d.has_zone && d.zone == 0);
    ck_assert(fhir_datetime_parse(STR("2021-01-10T08:05:59.123456789Z"), &d));
    ck_assert(d.micros == 123456 && d.fraction_digits == 9);
    ck_assert(fhir_datetime_parse(STR("0001-01-01"), &d) && fhir_datetime_parse(STR("9999-12-31"), &d));
}
END_TEST

START_TEST(refuses)
{
    static const char *const wrong[] = {
        "",
        "20",
        "0000",
        "202",
        "20211",
        "2021-",
        "2021-1",
        "2021-13",
        "2021-00",
        "2021-02-29",
        "1900-02-29",
        "2021-04-31",
        "2021-01-00",
        "2021-01-32",
        "2021-01-1",
        "2021-01-01T",
        "2021-01-01T08",
        "2021-01-01T24:00",
        "2021T08:00",
        "2021-01T08:00",
        "2021-01-01T08:60",
        "2021-01-01T08:00:61",
        "2021-01-01T08:00:00.",
        "2021-01-01T08:00:00z",
        "2021-01-01T08:00+9",
        "2021-01-01T08:00+15:00",
        "2021-01-01T08:00+14:01",
        "2021-01-01T08:00+0900",
        "2021-01-01 08:00",
        "2021-01-01Z",
        " 2021",
        "2021 ",
        "-2021",
        "2021/01/01",
        "2021-01-01T08:00:00ZZ",
        "２０２１",
    };
    struct fhir_datetime d;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!fhir_datetime_parse(str_of(wrong[i]), &d), "%s", wrong[i]);
    ck_assert(!fhir_datetime_parse((struct str){NULL, 0}, &d));
}
END_TEST

START_TEST(reads_times)
{
    struct fhir_datetime d;
    static const char *const wrong[] = {"", "8:00", "24:00:00", "08:00:00Z", "08", "08:00:00.", "08:60"};
    ck_assert(fhir_time_parse(STR("23:59:59.5"), &d));
    ck_assert(d.hour == 23 && d.micros == 500000 && d.precision == FHIR_FRACTION);
    ck_assert(fhir_time_parse(STR("08:00"), &d) && d.precision == FHIR_MINUTE);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!fhir_time_parse(str_of(wrong[i]), &d), "%s", wrong[i]);
}
END_TEST

START_TEST(ranges)
{
    static const struct {
        const char *text;
        int zone;
        int64_t lo, width;
    } all[] = {
        {"1970", 0, 0, 365 * 86400 * S},
        {"1972", 0, 730 * 86400 * S, 366 * 86400 * S},
        {"1970-02", 0, 31 * 86400 * S, 28 * 86400 * S},
        {"1970-12", 540, 334 * 86400 * S - 9 * 3600 * S, 31 * 86400 * S},
        {"1970-01-02", 540, 86400 * S - 9 * 3600 * S, 86400 * S},
        {"1970-01-01T00:01Z", 540, 60 * S, 60 * S},
        {"1970-01-01T09:00+09:00", 0, 0, 60 * S},
        {"1970-01-01T09:00:05", 540, 5 * S, S},
        {"1970-01-01T00:00:00.5Z", 0, S / 2, S / 10},
        {"1970-01-01T00:00:00.123456Z", 0, 123456, 1},
        {"1970-01-01T00:00:00.123456789Z", 0, 123456, 1},
        {"1969-12-31T23:59:60Z", 0, 0, S},
        {"1969-12-31T23:59:59Z", 0, -S, S},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fhir_datetime d;
        int64_t lo, hi;
        ck_assert(fhir_datetime_parse(str_of(all[i].text), &d));
        fhir_datetime_range(&d, all[i].zone, &lo, &hi);
        ck_assert_msg(lo == all[i].lo, "%s: %lld", all[i].text, (long long)lo);
        ck_assert_msg(hi == all[i].lo + all[i].width - 1, "%s: %lld", all[i].text, (long long)hi);
    }
}
END_TEST

Suite *suite_fhir_datetime(void)
{
    Suite *s = suite_create("fhir_datetime");
    TCase *t = tcase_create("datetime");
    tcase_add_test(t, reads_dates);
    tcase_add_test(t, refuses);
    tcase_add_test(t, reads_times);
    tcase_add_test(t, ranges);
    suite_add_tcase(s, t);
    return s;
}
