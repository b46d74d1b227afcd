#include "fhir/datetime.h"

#include "base/clock.h"

#define SECOND_US 1000000LL
#define DAY_US    (86400 * SECOND_US)

struct scanner {
    const char *at, *end;
};

static bool skip(struct scanner *x, char c)
{
    if (x->at == x->end || *x->at != c)
        return false;
    x->at++;
    return true;
}

/* Exactly `digits` digits, between lo and hi. */
static bool number(struct scanner *x, int digits, int lo, int hi, int *out)
{
    int n = 0;
    if (x->end - x->at < digits)
        return false;
    for (int i = 0; i < digits; i++, x->at++) {
        if (*x->at < '0' || *x->at > '9')
            return false;
        n = n * 10 + (*x->at - '0');
    }
    *out = n;
    return n >= lo && n <= hi;
}

static bool fraction(struct scanner *x, struct fhir_datetime *out)
{
    int32_t unit = SECOND_US / 10;
    const char *first = x->at;
    for (; x->at < x->end && *x->at >= '0' && *x->at <= '9'; x->at++, unit /= 10)
        out->micros += (*x->at - '0') * unit;
    out->fraction_digits = (int8_t)(x->at - first < INT8_MAX ? x->at - first : INT8_MAX);
    out->precision = FHIR_FRACTION;
    return x->at > first;
}

static bool time_of_day(struct scanner *x, struct fhir_datetime *out)
{
    int hour, minute, second;
    if (!number(x, 2, 0, 23, &hour) || !skip(x, ':') || !number(x, 2, 0, 59, &minute))
        return false;
    out->hour = (int8_t)hour;
    out->minute = (int8_t)minute;
    out->precision = FHIR_MINUTE;
    if (!skip(x, ':'))
        return true;
    if (!number(x, 2, 0, 60, &second))
        return false;
    out->second = (int8_t)second;
    out->precision = FHIR_SECOND;
    return !skip(x, '.') || fraction(x, out);
}

static bool zone(struct scanner *x, struct fhir_datetime *out)
{
    int hours, minutes;
    bool west = false;
    if (x->at == x->end)
        return true;
    out->has_zone = true;
    if (skip(x, 'Z'))
        return true;
    if (!skip(x, '+') && !(west = skip(x, '-')))
        return false;
    if (!number(x, 2, 0, 14, &hours) || !skip(x, ':') || !number(x, 2, 0, hours == 14 ? 0 : 59, &minutes))
        return false;
    out->zone = (int16_t)((hours * 60 + minutes) * (west ? -1 : 1));
    return true;
}

static int days_in_month(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool date(struct scanner *x, struct fhir_datetime *out)
{
    int year, month, day;
    if (!number(x, 4, 1, 9999, &year))
        return false;
    out->year = (int16_t)year;
    out->precision = FHIR_YEAR;
    if (!skip(x, '-'))
        return true;
    if (!number(x, 2, 1, 12, &month))
        return false;
    out->month = (int8_t)month;
    out->precision = FHIR_MONTH;
    if (!skip(x, '-'))
        return true;
    if (!number(x, 2, 1, days_in_month(year, month), &day))
        return false;
    out->day = (int8_t)day;
    out->precision = FHIR_DAY;
    return true;
}

bool fhir_datetime_parse(struct str s, struct fhir_datetime *out)
{
    if (!s.len)
        return false;
    struct scanner x = {s.s, s.s + s.len};
    *out = (struct fhir_datetime){.month = 1, .day = 1};
    if (!date(&x, out))
        return false;
    if (out->precision == FHIR_DAY && skip(&x, 'T') && (!time_of_day(&x, out) || !zone(&x, out)))
        return false;
    return x.at == x.end;
}

bool fhir_time_parse(struct str s, struct fhir_datetime *out)
{
    if (!s.len)
        return false;
    struct scanner x = {s.s, s.s + s.len};
    *out = (struct fhir_datetime){.year = 1970, .month = 1, .day = 1};
    return time_of_day(&x, out) && x.at == x.end;
}

/* What the value covers less 1 µs, below a month. */
static int64_t width(const struct fhir_datetime *d)
{
    int64_t us = SECOND_US;
    switch (d->precision) {
    case FHIR_YEAR:
    case FHIR_MONTH:
    case FHIR_DAY:
        return DAY_US - 1;
    case FHIR_HOUR:
        return 3600 * SECOND_US - 1;
    case FHIR_MINUTE:
        return 60 * SECOND_US - 1;
    case FHIR_SECOND:
        return SECOND_US - 1;
    case FHIR_FRACTION:
        for (int i = 0; i < d->fraction_digits && us > 1; i++)
            us /= 10;
        return us - 1;
    }
    return 0;
}

static int64_t midnight(int year, int month, int day, int zone_minutes)
{
    return clock_days(year, month, day) * DAY_US - zone_minutes * 60 * SECOND_US;
}

void fhir_datetime_range(const struct fhir_datetime *d, int default_zone, int64_t *lo, int64_t *hi)
{
    int east = d->has_zone ? d->zone : default_zone;
    int64_t start = midnight(d->year, d->month, d->day, east);
    if (d->precision == FHIR_YEAR) {
        *hi = midnight(d->year, 12, 31, east) + width(d);
    } else if (d->precision == FHIR_MONTH) {
        *hi = midnight(d->year, d->month, days_in_month(d->year, d->month), east) + width(d);
    } else {
        start += (d->hour * 3600 + d->minute * 60 + d->second) * SECOND_US + d->micros;
        *hi = start + width(d);
    }
    *lo = start;
}
