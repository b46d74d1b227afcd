/*
 * Units of quantities: which of them are the same, which can be converted into which. Calendar durations have their
 * own table; of UCUM's units those of definite durations are here, all others are equal only to themselves.
 */
#include "internal.h"

const char *fp__calendar_unit(struct str word)
{
    static const char *const words[] = {"year", "month",  "week",   "day",
                                        "hour", "minute", "second", "millisecond"};
    if (word.len > 1 && word.s[word.len - 1] == 's')
        word.len--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(word, words[i]))
            return words[i];
    return NULL;
}

/* In months of the calendar, or in milliseconds. */
static const struct duration {
    const char *unit;
    bool calendar, months;
    int64_t size;
} durations[] = {
    {"year", true, true, 12},       {"month", true, true, 1},        {"week", true, false, 604800000},
    {"day", true, false, 86400000}, {"hour", true, false, 3600000},  {"minute", true, false, 60000},
    {"second", true, false, 1000},  {"millisecond", true, false, 1}, {"a", false, true, 12},
    {"mo", false, true, 1},         {"wk", false, false, 604800000}, {"d", false, false, 86400000},
    {"h", false, false, 3600000},   {"min", false, false, 60000},    {"s", false, false, 1000},
    {"ms", false, false, 1},
};

static const struct duration *duration(struct fp__unit u)
{
    struct str code = u.calendar && fp__calendar_unit(u.code) ? str_of(fp__calendar_unit(u.code)) : u.code;
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        if (durations[i].calendar == u.calendar && str_is(code, durations[i].unit))
            return &durations[i];
    return NULL;
}

enum fp__unit_relation fp__units_relate(struct arena *a, struct fp__unit x, struct fp__unit y)
{
    (void)a;
    const struct duration *dx = duration(x), *dy = duration(y);
    if (dx == dy && (dx || str_eq(x.code, y.code)))
        return FP__UNITS_SAME;
    if (!dx || !dy)
        return FP__UNITS_DIFFERENT;
    if ((dx->months || dy->months) && dx->calendar != dy->calendar)
        return FP__UNITS_EQUIVALENT;
    return dx->months == dy->months && dx->size == dy->size ? FP__UNITS_SAME : FP__UNITS_CONVERT;
}

bool fp__units_convert(struct arena *a, const struct decimal *value, struct fp__unit from, struct fp__unit to,
                       struct decimal *out)
{
    const struct duration *df = duration(from), *dt = duration(to);
    *out = *value;
    if (df == dt)
        return df || str_eq(from.code, to.code);
    if (!df || !dt)
        return false;
    struct decimal up = decimal_int(df->size), down = decimal_int(dt->size), v = decimal_mul(a, value, &up);
    *out = decimal_div(a, &v, &down, 28);
    return df->months == dt->months;
}

bool fp__units_combine(struct arena *a, struct fp__unit x, struct fp__unit y, bool divide, struct str *unit,
                       struct decimal *factor)
{
    (void)a;
    *unit = STR("1");
    *factor = decimal_int(1);
    return divide && !x.calendar && !y.calendar && str_eq(x.code, y.code);
}
