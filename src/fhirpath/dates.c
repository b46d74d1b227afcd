/*
 * Dates and times by their precision: comparison, calendar arithmetic, boundaries (Date/Time Equality,
 * Date/Time Arithmetic, lowBoundary() and highBoundary() of the specification).
 */
#include <stdio.h>

#include "base/clock.h"
#include "internal.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* µs since 1970 of the time as written, the zone left out. */
static int64_t local_us(const struct fhir_datetime *d)
{
    return clock_days(d->year, d->month, d->day) * DAY + d->hour * HOUR + d->minute * MINUTE +
           d->second * SECOND + d->micros;
}

static void set_local_us(struct fhir_datetime *d, int64_t us)
{
    int64_t days = us / DAY - (us % DAY < 0), year;
    int month, day;
    us -= days * DAY;
    clock_civil(days, &year, &month, &day);
    d->year = (int16_t)year;
    d->month = (int8_t)month;
    d->day = (int8_t)day;
    d->hour = (int8_t)(us / HOUR);
    d->minute = (int8_t)(us % HOUR / MINUTE);
    d->second = (int8_t)(us % MINUTE / SECOND);
    d->micros = (int32_t)(us % SECOND);
}

static int month_length(int year, int month)
{
    return month == 12 ? 31 : (int)(clock_days(year, month + 1, 1) - clock_days(year, month, 1));
}

/* ---- comparison ---------------------------------------------------------------------------------------- */

static struct fhir_datetime in_utc(const struct fhir_datetime *d)
{
    struct fhir_datetime u = *d;
    set_local_us(&u, local_us(d) - d->zone * MINUTE);
    return u;
}

/* One has a zone, the other may be anywhere between +14:00 and -12:00. */
static enum fp__order compare_zoned(const struct fhir_datetime *zoned, const struct fhir_datetime *local)
{
    int64_t lo, hi, from, to;
    fhir_datetime_range(zoned, 0, &lo, &hi);
    fhir_datetime_range(local, 0, &from, &to);
    return hi < from - 14 * HOUR ? FP__LESS_THAN : lo > to + 12 * HOUR ? FP__GREATER_THAN : FP__UNKNOWN;
}

enum fp__order fp__compare_dates(const struct fhir_datetime *x, const struct fhir_datetime *y)
{
    if (x->has_zone != y->has_zone) {
        if (x->has_zone)
            return compare_zoned(x, y);
        enum fp__order o = compare_zoned(y, x);
        return o == FP__LESS_THAN ? FP__GREATER_THAN : o == FP__GREATER_THAN ? FP__LESS_THAN : o;
    }
    struct fhir_datetime u, v;
    if (x->has_zone && x->zone != y->zone) {
        u = in_utc(x);
        v = in_utc(y);
        x = &u;
        y = &v;
    }
    const int64_t fx[] = {x->year, x->month, x->day, x->hour, x->minute, x->second * SECOND + x->micros};
    const int64_t fy[] = {y->year, y->month, y->day, y->hour, y->minute, y->second * SECOND + y->micros};
    int px = x->precision < FHIR_SECOND ? x->precision : FHIR_SECOND;
    int py = y->precision < FHIR_SECOND ? y->precision : FHIR_SECOND;
    for (int i = 0; i < px && i < py; i++)
        if (fx[i] != fy[i])
            return fx[i] < fy[i] ? FP__LESS_THAN : FP__GREATER_THAN;
    return px == py ? FP__SAME : FP__UNKNOWN;
}

/* ---- arithmetic ---------------------------------------------------------------------------------------- */

static const struct duration {
    const char *calendar, *ucum; /* a and mo are no calendar durations, so they cannot be added */
    int64_t us;                  /* 0: years and months, which have no fixed length */
} durations[] = {
    {"year", NULL, 0},   {"month", NULL, 0},        {"week", "wk", 7 * DAY}, {"day", "d", DAY},
    {"hour", "h", HOUR}, {"minute", "min", MINUTE}, {"second", "s", SECOND}, {"millisecond", "ms", 1000},
};
enum { D_YEAR, D_MONTH, D_WEEK, D_DAY, D_HOUR, D_MINUTE, D_SECOND, D_MILLISECOND, D_N };

static int duration_of(const struct fp_item *q)
{
    const char *word = q->quantity.calendar ? fp__calendar_unit(q->quantity.unit) : NULL;
    for (int i = 0; i < D_N; i++)
        if (word ? strcmp(word, durations[i].calendar) == 0
                 : !q->quantity.calendar && durations[i].ucum && str_is(q->quantity.unit, durations[i].ucum))
            return i;
    return D_N;
}

/* The whole number of units, or of µs. Fractions count only for calendar seconds and milliseconds: HL7's R4 tests
 * ignore those of 's', where the later text of the specification adds them. */
static bool amount(struct arena *a, const struct fp_item *q, int unit, bool negative, int64_t *units,
                   int64_t *us)
{
    struct decimal v = q->quantity.value;
    int64_t length = durations[unit].us;
    if (negative)
        v = decimal_neg(v);
    struct decimal whole = decimal_round(a, &v, 0, DECIMAL_TRUNCATE);
    if (!decimal_to_int64(&whole, units) || *units > 400000000000000 || *units < -400000000000000)
        return false;
    *us = 0;
    if (length && __builtin_mul_overflow(*units, length, us))
        return false;
    if (q->quantity.calendar && unit >= D_SECOND) {
        struct decimal one = decimal_int(length), exact = decimal_mul(a, &v, &one);
        exact = decimal_round(a, &exact, 0, DECIMAL_TRUNCATE);
        return decimal_to_int64(&exact, us);
    }
    return true;
}

static void add_months(struct fhir_datetime *d, int64_t months, int64_t *year)
{
    int64_t m = *year * 12 + d->month - 1 + months;
    *year = m / 12 - (m % 12 < 0);
    d->month = (int8_t)(m - *year * 12 + 1);
}

/* Adds µs as the precision of d sees them. */
static void add_us(struct fhir_datetime *d, int64_t us)
{
    if (d->precision <= FHIR_DAY)
        us -= us % DAY;
    else if (d->precision == FHIR_HOUR)
        us -= us % HOUR;
    else if (d->precision == FHIR_MINUTE)
        us -= us % MINUTE;
    set_local_us(d, local_us(d) + us);
    if (d->precision >= FHIR_SECOND && d->micros) {
        int digits = d->micros % 1000 ? 6 : 3;
        d->precision = FHIR_FRACTION;
        if (d->fraction_digits < digits)
            d->fraction_digits = (int8_t)digits;
    }
}

enum fp__added fp__add_duration(struct arena *a, enum fp_kind kind, struct fhir_datetime *d,
                                const struct fp_item *quantity, bool negative)
{
    int unit = duration_of(quantity);
    int64_t n, us, year = d->year;
    if (unit == D_N || (kind == FP_TIME && unit < D_HOUR))
        return FP__NOT_A_DURATION;
    if (!amount(a, quantity, unit, negative, &n, &us) || us > 5000000 * DAY || us < -5000000 * DAY)
        return FP__OUT_OF_RANGE;
    if (kind == FP_TIME) {
        add_us(d, us);
        d->year = 1970;
        d->month = d->day = 1;
        return FP__ADDED;
    }
    int64_t days = us / DAY;
    if (unit == D_YEAR)
        year += n;
    else if (d->precision == FHIR_YEAR)
        year += unit == D_MONTH ? n / 12 : days / 365;
    else if (unit == D_MONTH || d->precision == FHIR_MONTH)
        add_months(d, unit == D_MONTH ? n : days / 30, &year);
    else if (local_us(d) + us < clock_days(1, 1, 1) * DAY ||
             local_us(d) + us >= clock_days(10000, 1, 1) * DAY)
        return FP__OUT_OF_RANGE;
    else
        add_us(d, us), year = d->year;
    if (year < 1 || year > 9999)
        return FP__OUT_OF_RANGE;
    d->year = (int16_t)year;
    if (d->day > month_length(d->year, d->month))
        d->day = (int8_t)month_length(d->year, d->month);
    return FP__ADDED;
}

/* ---- text and now ------------------------------------------------------------------------------------ */

struct str fp__date_text(struct arena *a, enum fp_kind kind, const struct fhir_datetime *d)
{
    struct buf b;
    buf_init(&b, a, 40);
    if (kind != FP_TIME) {
        buf_addf(&b, "%04d", d->year);
        if (d->precision >= FHIR_MONTH)
            buf_addf(&b, "-%02d", d->month);
        if (d->precision >= FHIR_DAY)
            buf_addf(&b, "-%02d", d->day);
        if (d->precision >= FHIR_HOUR)
            buf_addc(&b, 'T');
    }
    if (d->precision >= FHIR_HOUR)
        buf_addf(&b, "%02d", d->hour);
    if (d->precision >= FHIR_MINUTE)
        buf_addf(&b, ":%02d", d->minute);
    if (d->precision >= FHIR_SECOND)
        buf_addf(&b, ":%02d", d->second);
    if (d->precision == FHIR_FRACTION) {
        char digits[16];
        snprintf(digits, sizeof digits, "%06d", (int)d->micros);
        buf_addf(&b, ".%.*s", d->fraction_digits, digits);
    }
    if (d->has_zone && d->precision >= FHIR_HOUR) {
        int minutes = d->zone < 0 ? -d->zone : d->zone;
        if (minutes)
            buf_addf(&b, "%c%02d:%02d", d->zone < 0 ? '-' : '+', minutes / 60, minutes % 60);
        else
            buf_addc(&b, 'Z');
    }
    return buf_str(&b);
}

struct fhir_datetime fp__now(struct fp_env *env)
{
    struct fhir_datetime d = {
        .precision = FHIR_FRACTION, .fraction_digits = 3, .has_zone = true, .zone = env->zone};
    if (!env->now_us)
        env->now_us = clock_wall_us();
    set_local_us(&d, env->now_us - env->now_us % 1000 + env->zone * MINUTE);
    return d;
}

/* ---- boundaries ---------------------------------------------------------------------------------------- */

static const struct {
    int8_t digits, time_digits; /* as lowBoundary() counts precision; 0: a Time has none */
} scales[] = {
    [FHIR_YEAR] = {4, 0},    [FHIR_MONTH] = {6, 0},   [FHIR_DAY] = {8, 0},       [FHIR_HOUR] = {10, 2},
    [FHIR_MINUTE] = {12, 4}, [FHIR_SECOND] = {14, 6}, [FHIR_FRACTION] = {17, 9},
};

int fp__date_digits(enum fp_kind kind, const struct fhir_datetime *d)
{
    if (d->precision == FHIR_FRACTION)
        return (kind == FP_TIME ? 6 : 14) + d->fraction_digits;
    return kind == FP_TIME ? scales[d->precision].time_digits : scales[d->precision].digits;
}

static bool date_boundary(enum fp_kind kind, const int64_t *precision, bool high, struct fhir_datetime *d)
{
    enum fhir_precision had = d->precision, p = kind == FP_DATE ? FHIR_DAY : FHIR_FRACTION, last = p;
    if (precision) {
        for (p = FHIR_YEAR; p <= last; p++)
            if ((kind == FP_TIME ? scales[p].time_digits : scales[p].digits) == *precision)
                break;
        if (p > last)
            return false;
    }
    d->precision = p;
    if (had < FHIR_MONTH)
        d->month = high ? 12 : 1;
    if (had < FHIR_DAY)
        d->day = (int8_t)(high ? month_length(d->year, d->month) : 1);
    if (had < FHIR_HOUR)
        d->hour = high ? 23 : 0;
    /* FHIR knows no hours without minutes: HL7's R4 tests read 08 as 08:00. */
    if (had < FHIR_MINUTE)
        d->minute = high && had < FHIR_HOUR ? 59 : 0;
    if (had < FHIR_SECOND)
        d->second = high ? 59 : 0;
    if (had < FHIR_FRACTION)
        d->micros = high ? 999000 : 0;
    d->fraction_digits = 3;
    if (kind == FP_DATETIME && p >= FHIR_HOUR && !d->has_zone) {
        d->has_zone = true;
        d->zone = high ? -12 * 60 : 14 * 60;
    }
    return true;
}

/* A number stands for all that round to it: half a unit of its last digit to either side. Rounded to the precision
 * asked for, towards zero on the inner side and to the nearest on the outer, as the specification's examples are. */
static bool decimal_boundary(struct arena *a, const struct decimal *v, const int64_t *precision, bool high,
                             struct decimal *out)
{
    enum { DEFAULT_DIGITS = 8, MOST_DIGITS = 31 };
    int64_t digits = precision ? *precision : DEFAULT_DIGITS;
    if (digits < 0 || digits > MOST_DIGITS)
        return false;
    struct decimal half = {.scale = v->scale + 1, .small = 5}, zero = {.scale = (int32_t)digits};
    struct decimal edge = high ? decimal_add(a, v, &half) : decimal_sub(a, v, &half);
    bool outer = edge.negative != high;
    edge = decimal_round(a, &edge, (int32_t)digits, outer ? DECIMAL_HALF_UP : DECIMAL_TRUNCATE);
    *out = decimal_add(a, &edge, &zero); /* zeros up to the precision */
    return true;
}

bool fp__boundary(struct arena *a, const struct fp_item *value, const int64_t *precision, bool high,
                  struct fp_item *out)
{
    struct decimal d;
    *out = *value;
    switch (value->kind) {
    case FP_INTEGER:
    case FP_DECIMAL:
        d = value->kind == FP_INTEGER ? decimal_int(value->integer) : value->decimal;
        *out = (struct fp_item){.kind = FP_DECIMAL};
        return decimal_boundary(a, &d, precision, high, &out->decimal);
    case FP_QUANTITY:
        return decimal_boundary(a, &value->quantity.value, precision, high, &out->quantity.value);
    default:
        return date_boundary(value->kind, precision, high, &out->date.value);
    }
}
