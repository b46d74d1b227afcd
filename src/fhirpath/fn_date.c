/* Functions of dates, times and precision. */
#include "base/clock.h"
#include "functions.h"

static bool is_date(const struct fp_item *v)
{
    return v->kind == FP_DATE || v->kind == FP_DATETIME || v->kind == FP_TIME;
}

/* ---- now --------------------------------------------------------------------------------------------- */

static bool now_as(struct fp__call *c, enum fp_kind kind, struct fp_list *out)
{
    struct fp_item v = {.kind = kind, .date = {fp__now(c->r->env)}};
    if (kind == FP_DATE)
        v.date.value.precision = FHIR_DAY;
    if (kind != FP_DATETIME)
        v.date.value.has_zone = false;
    if (kind == FP_TIME) {
        v.date.value.year = 1970;
        v.date.value.month = v.date.value.day = 1;
    }
    return fp__push(c->r, out, &v);
}

bool fp__fn_now(struct fp__call *c, struct fp_list *out)
{
    return now_as(c, FP_DATETIME, out);
}
bool fp__fn_today(struct fp__call *c, struct fp_list *out)
{
    return now_as(c, FP_DATE, out);
}
bool fp__fn_time_of_day(struct fp__call *c, struct fp_list *out)
{
    return now_as(c, FP_TIME, out);
}

/* ---- components ---------------------------------------------------------------------------------------- */

static bool component(struct fp__call *c, enum fhir_precision p, int64_t value, struct fp_list *out)
{
    const struct fp_item *v = &c->value;
    bool there = is_date(v) && v->date.value.precision >= p && !(p <= FHIR_DAY && v->kind == FP_TIME);
    struct fp_item i = fp__integer(value);
    return !there || fp__push(c->r, out, &i);
}

bool fp__fn_year_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_YEAR, c->value.date.value.year, out);
}
bool fp__fn_month_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_MONTH, c->value.date.value.month, out);
}
bool fp__fn_day_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_DAY, c->value.date.value.day, out);
}
bool fp__fn_hour_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_HOUR, c->value.date.value.hour, out);
}
bool fp__fn_minute_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_MINUTE, c->value.date.value.minute, out);
}
bool fp__fn_second_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_SECOND, c->value.date.value.second, out);
}
bool fp__fn_millisecond_of(struct fp__call *c, struct fp_list *out)
{
    return component(c, FHIR_FRACTION, c->value.date.value.micros / 1000, out);
}

bool fp__fn_zone_of(struct fp__call *c, struct fp_list *out)
{
    if (c->value.kind != FP_DATETIME || !c->value.date.value.has_zone)
        return true;
    struct decimal minutes = decimal_int(c->value.date.value.zone), sixty = decimal_int(60),
                   tenth = {.scale = 1};
    struct decimal hours = decimal_div(c->r->a, &minutes, &sixty, 10);
    struct fp_item v = fp__decimal(decimal_add(c->r->a, &hours, &tenth));
    return fp__push(c->r, out, &v);
}

bool fp__fn_date_of(struct fp__call *c, struct fp_list *out)
{
    struct fp_item v = c->value;
    if (v.kind != FP_DATE && v.kind != FP_DATETIME)
        return true;
    v.kind = FP_DATE;
    v.date.value.has_zone = false;
    if (v.date.value.precision > FHIR_DAY)
        v.date.value.precision = FHIR_DAY;
    return fp__push(c->r, out, &v);
}

bool fp__fn_time_of(struct fp__call *c, struct fp_list *out)
{
    struct fp_item v = c->value;
    if (v.kind != FP_DATETIME || v.date.value.precision < FHIR_HOUR)
        return true;
    v.kind = FP_TIME;
    v.date.value.year = 1970;
    v.date.value.month = v.date.value.day = 1;
    v.date.value.has_zone = false;
    return fp__push(c->r, out, &v);
}

/* ---- precision and boundaries ---------------------------------------------------------------------------- */

static bool boundary(struct fp__call *c, bool high, struct fp_list *out)
{
    int64_t precision;
    bool present;
    struct fp_item v;
    enum fp_kind k = c->value.kind;
    if (!is_date(&c->value) && k != FP_INTEGER && k != FP_DECIMAL && k != FP_QUANTITY)
        return fp__error(c->r, c->x, ERR_INVALID, "%s() takes a number, a Quantity, a date or a time",
                         c->x->call.function->name);
    if (!fp__arg_integer(c, 0, &precision, &present))
        return false;
    if (c->x->call.n && !present)
        return true;
    return !fp__boundary(c->r->a, &c->value, present ? &precision : NULL, high, &v) ||
           fp__push(c->r, out, &v);
}

bool fp__fn_low_boundary(struct fp__call *c, struct fp_list *out)
{
    return boundary(c, false, out);
}
bool fp__fn_high_boundary(struct fp__call *c, struct fp_list *out)
{
    return boundary(c, true, out);
}

bool fp__fn_precision(struct fp__call *c, struct fp_list *out)
{
    const struct fp_item *v = &c->value;
    struct fp_item n = fp__integer(0);
    if (v->kind == FP_DECIMAL || v->kind == FP_QUANTITY)
        n.integer = (v->kind == FP_DECIMAL ? v->decimal : v->quantity.value).scale;
    else if (is_date(v))
        n.integer = fp__date_digits(v->kind, &v->date.value);
    else if (v->kind != FP_INTEGER)
        return fp__error(c->r, c->x, ERR_INVALID, "precision() takes a number, a date or a time");
    return fp__push(c->r, out, &n);
}

bool fp__fn_comparable(struct fp__call *c, enum fp__tri *out)
{
    struct fp_item other, v[2];
    bool present;
    if (!fp__arg_value(c, 0, &other, &present))
        return false;
    const struct fp_item *from[2] = {&c->value, &other};
    for (int i = 0; i < 2 && present; i++) {
        bool number = from[i]->kind == FP_INTEGER || from[i]->kind == FP_DECIMAL;
        v[i] = *from[i];
        if (number)
            v[i] = (struct fp_item){.kind = FP_QUANTITY, .quantity = {decimal_int(0), STR("1"), false}};
        present = v[i].kind == FP_QUANTITY;
    }
    if (present) {
        enum fp__unit_relation rel = fp__units_relate(c->r, fp__unit_of(&v[0]), fp__unit_of(&v[1]));
        *out = fp__tri_of(rel != FP__UNITS_DIFFERENT && rel != FP__UNITS_EQUIVALENT);
    }
    return true;
}

/* ---- duration() and difference() --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum fhir_precision needs;
    int64_t us; /* 0: counted in months */
} periods[] = {
    {"year", FHIR_YEAR, 0},
    {"month", FHIR_MONTH, 0},
    {"week", FHIR_DAY, INT64_C(604800000000)},
    {"day", FHIR_DAY, INT64_C(86400000000)},
    {"hour", FHIR_HOUR, INT64_C(3600000000)},
    {"minute", FHIR_MINUTE, INT64_C(60000000)},
    {"second", FHIR_SECOND, INT64_C(1000000)},
    {"millisecond", FHIR_SECOND, 1000},
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* µs as written; for hours and less in UTC. */
static int64_t instant(const struct fhir_datetime *d, bool utc)
{
    int64_t minutes = d->hour * 60 + d->minute - (utc && d->has_zone ? d->zone : 0);
    return clock_days(d->year, d->month, d->day) * periods[3].us + minutes * periods[5].us +
           d->second * periods[6].us + d->micros;
}

/* Whole periods from x to y. */
static int64_t whole_periods(const struct fhir_datetime *x, const struct fhir_datetime *y, size_t p)
{
    int64_t from = instant(x, p > 3), to = instant(y, p > 3);
    if (periods[p].us)
        return (to - from) / periods[p].us;
    int64_t months = (y->year - x->year) * 12 + y->month - x->month, day = periods[3].us;
    /* The part of the month that is over, as (day, time of day). */
    int64_t a = x->day * day + from - floor_div(from, day) * day,
            b = y->day * day + to - floor_div(to, day) * day;
    if (months > 0 && b < a)
        months--;
    else if (months < 0 && b > a)
        months++;
    return p == 0 ? months / 12 : months;
}

/* Boundaries between periods that lie between x and y. Weeks begin on Sunday. */
static int64_t boundaries(const struct fhir_datetime *x, const struct fhir_datetime *y, size_t p)
{
    int64_t shift = p == 2 ? 4 * periods[3].us : 0; /* 1970-01-01 was a Thursday */
    if (p == 0)
        return y->year - x->year;
    if (p == 1)
        return (y->year - x->year) * 12 + y->month - x->month;
    return floor_div(instant(y, p > 3) + shift, periods[p].us) -
           floor_div(instant(x, p > 3) + shift, periods[p].us);
}

static bool interval(struct fp__call *c,
                     int64_t (*count)(const struct fhir_datetime *, const struct fhir_datetime *, size_t),
                     struct fp_list *out)
{
    struct fp_item other;
    struct str unit;
    bool has_other, has_unit;
    size_t p = 0;
    if (!fp__arg_value(c, 0, &other, &has_other) || !fp__arg_string(c, 1, &unit, &has_unit))
        return false;
    if (!has_other || !has_unit)
        return true;
    const char *word = fp__calendar_unit(unit);
    while (p < sizeof periods / sizeof *periods && !(word && strcmp(word, periods[p].name) == 0))
        p++;
    const struct fp_item *v = &c->value;
    bool times = v->kind == FP_TIME;
    if (!is_date(v) || !is_date(&other) || times != (other.kind == FP_TIME) ||
        p == sizeof periods / sizeof *periods || (times && periods[p].needs < FHIR_HOUR))
        return fp__error(c->r, c->x, ERR_INVALID,
                         "%s() takes two dates or two times and a calendar unit they have",
                         c->x->call.function->name);
    if (v->date.value.precision < periods[p].needs || other.date.value.precision < periods[p].needs)
        return true;
    struct fp_item n = fp__integer(count(&v->date.value, &other.date.value, p));
    return !fp__integer_in_range(n.integer) || fp__push(c->r, out, &n);
}

bool fp__fn_duration(struct fp__call *c, struct fp_list *out)
{
    return interval(c, whole_periods, out);
}
bool fp__fn_difference(struct fp__call *c, struct fp_list *out)
{
    return interval(c, boundaries, out);
}
