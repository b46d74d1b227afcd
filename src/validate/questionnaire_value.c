/* Answers beside answers: is one the same as the other, is it less? Of what no order is known nothing is said. */
#include "fhir/datetime.h"
#include "fhir/ucum.h"
#include "questionnaire.h"

#define DAY_US INT64_C(86400000000)

static bool same_text(const char *x, const char *y)
{
    return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool number(struct arena *a, const json *node, struct decimal *out)
{
    return json_is_number(node) && decimal_parse(a, str_of(node->valuestring), out);
}

/* ---- quantities ----------------------------------------------------------------------------------------- */

struct quantity {
    struct decimal value;
    const char *unit, *system, *code;
};

static bool read_quantity(struct arena *a, const json *node, struct quantity *out)
{
    *out = (struct quantity){.unit = json_get_string(node, "unit"),
                             .system = json_get_string(node, "system"),
                             .code = json_get_string(node, "code")};
    return number(a, json_get(node, "value"), &out->value);
}

static bool is_bare(const struct quantity *q)
{
    return !q->unit && !q->system && !q->code;
}

static enum comparison compare_units(struct validate__walk *w, const struct quantity *x,
                                     const struct quantity *y, int *order)
{
    const struct ucum *ucum = fhir_ucum(w->v->defs);
    struct ucum_unit ux, uy;
    if (strcmp(x->system, UCUM_SYSTEM) != 0 || strcmp(y->system, UCUM_SYSTEM) != 0 ||
        !ucum_parse(ucum, w->a, str_of(x->code), &ux) || !ucum_parse(ucum, w->a, str_of(y->code), &uy) ||
        !ucum_commensurable(&ux, &uy) || ux.scale == UCUM_MIXED || uy.scale == UCUM_MIXED)
        return NOT_COMPARABLE;
    struct decimal cx = ucum_canonical(w->a, &x->value, &ux), cy = ucum_canonical(w->a, &y->value, &uy);
    *order = decimal_compare(w->a, &cx, &cy);
    return COMPARED;
}

static enum comparison compare_quantities(struct validate__walk *w, const json *a, const json *b, int *order)
{
    struct quantity x, y;
    if (!read_quantity(w->a, a, &x) || !read_quantity(w->a, b, &y))
        return NOT_COMPARABLE;
    bool units = x.system && x.code && y.system && y.code;
    if (units && (strcmp(x.system, y.system) != 0 || strcmp(x.code, y.code) != 0))
        return compare_units(w, &x, &y, order);
    if (!units && !(is_bare(&x) && is_bare(&y)))
        return NO_UNITS;
    *order = decimal_compare(w->a, &x.value, &y.value);
    return COMPARED;
}

/* ---- times ---------------------------------------------------------------------------------------------- */

/* A value without zone is somewhere on earth. */
static void range(const struct fhir_datetime *d, bool zoned, int64_t *lo, int64_t *hi)
{
    fhir_datetime_range(d, 0, lo, hi);
    if (zoned && !d->has_zone) {
        *lo -= DAY_US * 14 / 24;
        *hi += DAY_US * 14 / 24;
    }
}

static enum comparison compare_times(const struct fhir_datetime *x, const struct fhir_datetime *y, int *order)
{
    bool zoned = x->has_zone || y->has_zone;
    int64_t lo_x, hi_x, lo_y, hi_y;
    range(x, zoned, &lo_x, &hi_x);
    range(y, zoned, &lo_y, &hi_y);
    if (hi_x < lo_y)
        *order = -1;
    else if (lo_x > hi_y)
        *order = 1;
    else if (lo_x == lo_y && hi_x == hi_y && x->has_zone == y->has_zone)
        *order = 0;
    else
        return NOT_COMPARABLE;
    return COMPARED;
}

static bool is_time(enum answer_type t)
{
    return t == ANSWER_DATE || t == ANSWER_DATETIME;
}

static bool is_number(enum answer_type t)
{
    return t == ANSWER_DECIMAL || t == ANSWER_INTEGER;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

enum comparison validate__answer_compare(struct validate__walk *w, const struct answer_value *x,
                                         const struct answer_value *y, int *order)
{
    struct fhir_datetime dx, dy;
    struct decimal nx, ny;
    if (is_number(x->type) && is_number(y->type)) {
        if (!number(w->a, x->node, &nx) || !number(w->a, y->node, &ny))
            return NOT_COMPARABLE;
        *order = decimal_compare(w->a, &nx, &ny);
        return COMPARED;
    }
    if (x->type == ANSWER_QUANTITY && y->type == ANSWER_QUANTITY)
        return compare_quantities(w, x->node, y->node, order);
    if (!json_is_string(x->node) || !json_is_string(y->node))
        return NOT_COMPARABLE;
    struct str sx = str_of(x->node->valuestring), sy = str_of(y->node->valuestring);
    bool read = is_time(x->type) && is_time(y->type)
                    ? fhir_datetime_parse(sx, &dx) && fhir_datetime_parse(sy, &dy)
                    : x->type == ANSWER_TIME && y->type == ANSWER_TIME && fhir_time_parse(sx, &dx) &&
                          fhir_time_parse(sy, &dy);
    return read ? compare_times(&dx, &dy, order) : NOT_COMPARABLE;
}

/* Where the one that is asked for has no system, the code decides; without a code, the words. */
static bool same_coding(const json *x, const json *y)
{
    const char *system = json_get_string(x, "system"), *code = json_get_string(x, "code");
    if (!code)
        return !json_get_string(y, "code") &&
               same_text(json_get_string(x, "display"), json_get_string(y, "display"));
    return same_text(code, json_get_string(y, "code")) &&
           (!system || same_text(system, json_get_string(y, "system")));
}

enum maybe validate__answer_equal(struct validate__walk *w, const struct answer_value *x,
                                  const struct answer_value *y)
{
    int order;
    if (x->type == ANSWER_CODING && y->type == ANSWER_CODING)
        return same_coding(x->node, y->node) ? MAYBE_YES : MAYBE_NO;
    if (x->type == ANSWER_REFERENCE && y->type == ANSWER_REFERENCE)
        return same_text(json_get_string(x->node, "reference"), json_get_string(y->node, "reference"))
                   ? MAYBE_YES
                   : MAYBE_NO;
    if (json_equal(x->node, y->node) && x->type == y->type)
        return MAYBE_YES;
    switch (validate__answer_compare(w, x, y, &order)) {
    case COMPARED:
        return order == 0 ? MAYBE_YES : MAYBE_NO;
    case NOT_COMPARABLE:
    case NO_UNITS:
        break;
    }
    bool comparable = x->type == y->type && (x->type == ANSWER_STRING || x->type == ANSWER_URI ||
                                             x->type == ANSWER_BOOLEAN || x->type == ANSWER_ATTACHMENT);
    return comparable ? MAYBE_NO : MAYBE_UNKNOWN;
}
