/*
 * Units of quantities: which are the same, which can be converted into which. There are UCUM's (fhir/ucum.h) and the
 * calendar's; weeks and less are the same in both, but a calendar year or month is no fixed time: only ~ and explicit
 * conversion compare it with UCUM's (Time-valued Quantities, Unit Conversions).
 */
#include "fhir/ucum.h"
#include "internal.h"

static const struct calendar {
    const char *word, *ucum;
    int64_t months, ms; /* of a year and a month both: 12 months or 365 days, 1 month or 30 days */
} calendar[] = {
    {"year", "a", 12, INT64_C(365) * 86400000},
    {"month", "mo", 1, INT64_C(30) * 86400000},
    {"week", "wk", 0, 7 * 86400000},
    {"day", "d", 0, 86400000},
    {"hour", "h", 0, 3600000},
    {"minute", "min", 0, 60000},
    {"second", "s", 0, 1000},
    {"millisecond", "ms", 0, 1},
};
enum { N_CALENDAR = sizeof calendar / sizeof *calendar, DIGITS = 28 };

static const struct calendar *word_of(struct str word)
{
    for (int singular = 0; singular < 2; singular++) {
        for (size_t i = 0; i < N_CALENDAR; i++)
            if (str_is(word, calendar[i].word))
                return &calendar[i];
        if (word.len < 2 || word.s[word.len - 1] != 's')
            break;
        word.len--;
    }
    return NULL;
}

const char *fp__calendar_unit(struct str word)
{
    const struct calendar *c = word_of(word);
    return c ? c->word : NULL;
}

/* The calendar unit that a UCUM code has for a counterpart. */
static const struct calendar *counterpart(struct str code)
{
    for (size_t i = 0; i < N_CALENDAR; i++)
        if (str_is(code, calendar[i].ucum))
            return &calendar[i];
    return NULL;
}

static const struct calendar *calendar_of(struct fp__unit u)
{
    return u.calendar ? word_of(u.code) : NULL;
}

/* As a UCUM code; calendar units by their counterparts. */
static struct str ucum_of(struct fp__unit u)
{
    return calendar_of(u) ? str_of(calendar_of(u)->ucum) : u.code;
}

static bool ratio(struct arena *a, const struct decimal *value, int64_t from, int64_t to, struct decimal *out)
{
    struct decimal f = decimal_int(from), t = decimal_int(to), v = decimal_mul(a, value, &f);
    *out = decimal_div(a, &v, &t, DIGITS);
    return true;
}

static bool convert_calendar(struct arena *a, const struct decimal *value, const struct calendar *from,
                             const struct calendar *to, struct decimal *out)
{
    if (from->months && to->months)
        return ratio(a, value, from->months, to->months, out);
    return ratio(a, value, from->ms, to->ms, out);
}

/* The units that an evaluation has met: one comparison asks for the same two several times. */
struct fp__known_unit {
    struct str code;
    bool is_unit;
    struct ucum_unit unit;
    const struct fp__known_unit *next;
};
enum { KNOWN_UNITS_MAX = 8 };

/* NULL: no unit. */
static const struct ucum_unit *ucum_unit_of(struct fp__run *r, struct str code)
{
    int n = 0;
    for (const struct fp__known_unit *k = r->units; k; k = k->next, n++)
        if (str_eq(k->code, code))
            return k->is_unit ? &k->unit : NULL;
    struct fp__known_unit *new = ARENA_NEW(r->a, struct fp__known_unit);
    new->code = code;
    new->is_unit = ucum_parse(fhir_ucum(r->env->defs), r->a, code, &new->unit);
    new->next = n < KNOWN_UNITS_MAX ? r->units : NULL;
    r->units = new;
    return new->is_unit ? &new->unit : NULL;
}

/* Two codes that are not the same, of one dimension. */
static bool commensurable(struct fp__run *r, struct str x, struct str y, const struct ucum_unit **ux,
                          const struct ucum_unit **uy)
{
    *ux = ucum_unit_of(r, x);
    *uy = *ux ? ucum_unit_of(r, y) : NULL;
    return *uy && ucum_commensurable(*ux, *uy);
}

static bool convert_ucum(struct fp__run *r, const struct decimal *value, struct str from, struct str to,
                         struct decimal *out)
{
    const struct ucum_unit *x, *y;
    *out = *value;
    if (str_eq(from, to))
        return true;
    if (!commensurable(r, from, to, &x, &y))
        return false;
    *out = ucum_convert(r->a, value, x, y, DIGITS);
    return true;
}

enum fp__unit_relation fp__units_relate(struct fp__run *r, struct fp__unit x, struct fp__unit y)
{
    const struct ucum_unit *ux, *uy;
    const struct calendar *cx = calendar_of(x), *cy = calendar_of(y);
    if ((x.calendar == y.calendar && str_eq(x.code, y.code)) || (cx && cx == cy))
        return FP__UNITS_SAME;
    if (cx && cy)
        return FP__UNITS_CONVERT;
    bool fixed = !(cx && cx->months) && !(cy && cy->months);
    if (fixed && str_eq(ucum_of(x), ucum_of(y)))
        return FP__UNITS_SAME;
    if (!commensurable(r, ucum_of(x), ucum_of(y), &ux, &uy))
        return FP__UNITS_DIFFERENT;
    if (ux->scale == UCUM_POINTS || uy->scale == UCUM_POINTS)
        return FP__UNITS_COMPARE;
    return fixed ? FP__UNITS_CONVERT : FP__UNITS_EQUIVALENT;
}

/* Within the system of the source as far as that goes, then on to the unit that corresponds. */
bool fp__units_convert(struct fp__run *r, const struct decimal *value, struct fp__unit from,
                       struct fp__unit to, struct decimal *out)
{
    const struct calendar *cf = calendar_of(from), *ct = to.calendar ? calendar_of(to) : counterpart(to.code);
    if (cf && ct)
        return convert_calendar(r->a, value, cf, ct, out);
    return convert_ucum(r, value, ucum_of(from), ucum_of(to), out);
}

/* Is it a UCUM unit that others can be made of? */
static bool multiplies(struct fp__run *r, struct fp__unit x)
{
    const struct ucum_unit *u = x.calendar ? NULL : ucum_unit_of(r, x.code);
    return u && u->scale == UCUM_RATIO;
}

bool fp__units_combine(struct fp__run *r, struct fp__unit x, struct fp__unit y, bool divide, struct str *unit)
{
    if (!multiplies(r, x) || !multiplies(r, y))
        return false;
    *unit = ucum_combine(r->a, x.code, y.code, divide);
    return true;
}
