/* + - * / div mod on numbers, quantities, strings and dates. What cannot be represented is empty, what makes no sense
 * an error. */
#include "internal.h"

enum { DIVISION_DIGITS = 28, MAX_DIGITS = 1000 };

bool fp__in_range(const struct decimal *d)
{
    return (!d->big || strlen(d->big) <= MAX_DIGITS) && d->scale <= MAX_DIGITS && d->scale >= -MAX_DIGITS;
}

static bool push_decimal(struct fp__run *r, struct decimal d, struct fp_list *out)
{
    struct fp_item v = fp__decimal(d);
    return !fp__in_range(&d) || fp__push(r, out, &v);
}

static bool integers(struct fp__run *r, enum fp__op op, int64_t a, int64_t b, struct fp_list *out)
{
    int64_t v;
    if ((op == FP__DIV || op == FP__MOD) && b == 0)
        return true;
    switch (op) {
    case FP__ADD:
        v = a + b;
        break;
    case FP__SUBTRACT:
        v = a - b;
        break;
    case FP__MULTIPLY:
        if (__builtin_mul_overflow(a, b, &v))
            return true;
        break;
    case FP__DIV:
        v = b == -1 ? -a : a / b;
        break;
    default:
        v = b == -1 ? 0 : a % b;
        break;
    }
    struct fp_item item = fp__integer(v);
    return !fp__integer_in_range(v) || fp__push(r, out, &item);
}

static bool decimals(struct fp__run *r, enum fp__op op, const struct decimal *a, const struct decimal *b,
                     struct fp_list *out)
{
    struct decimal zero = decimal_int(0);
    if ((op == FP__DIVIDE || op == FP__DIV || op == FP__MOD) && decimal_compare(r->a, b, &zero) == 0)
        return true;
    switch (op) {
    case FP__ADD:
        return push_decimal(r, decimal_add(r->a, a, b), out);
    case FP__SUBTRACT:
        return push_decimal(r, decimal_sub(r->a, a, b), out);
    case FP__MULTIPLY:
        return push_decimal(r, decimal_mul(r->a, a, b), out);
    case FP__DIVIDE:
        return push_decimal(r, decimal_div(r->a, a, b, DIVISION_DIGITS), out);
    case FP__DIV:
        return push_decimal(r, decimal_quotient(r->a, a, b), out);
    default:
        return push_decimal(r, decimal_remainder(r->a, a, b), out);
    }
}

static bool is_number(const struct fp_item *v)
{
    return v->kind == FP_INTEGER || v->kind == FP_DECIMAL;
}
static struct decimal to_decimal(const struct fp_item *v)
{
    return v->kind == FP_INTEGER ? decimal_int(v->integer) : v->decimal;
}
static bool dimensionless(const struct fp_item *q)
{
    return !q->quantity.calendar && str_is(q->quantity.unit, "1");
}

/* Sums of years and months with other calendar units would hide an approximation: the author is to convert. */
static bool approximate(const struct fp_item *x, const struct fp_item *y)
{
    const char *a = x->quantity.calendar ? fp__calendar_unit(x->quantity.unit) : NULL;
    const char *b = y->quantity.calendar ? fp__calendar_unit(y->quantity.unit) : NULL;
    if (!a || !b || strcmp(a, b) == 0)
        return false;
    return strcmp(a, "year") == 0 || strcmp(a, "month") == 0 || strcmp(b, "year") == 0 ||
           strcmp(b, "month") == 0;
}

static bool sum(struct fp__run *r, enum fp__op op, const struct fp_item *x, const struct fp_item *y,
                struct fp_list *out)
{
    struct decimal v = y->quantity.value;
    struct fp__unit unit = fp__unit_of(x);
    if (dimensionless(x)) {
        unit = fp__unit_of(y);
    } else if (!dimensionless(y)) {
        enum fp__unit_relation rel = fp__units_relate(r, unit, fp__unit_of(y));
        if ((rel != FP__UNITS_SAME && rel != FP__UNITS_CONVERT) || approximate(x, y) ||
            !fp__units_convert(r, &y->quantity.value, fp__unit_of(y), unit, &v))
            return true;
    }
    v = op == FP__ADD ? decimal_add(r->a, &x->quantity.value, &v) : decimal_sub(r->a, &x->quantity.value, &v);
    struct fp_item q = {.kind = FP_QUANTITY, .quantity = {v, unit.code, unit.calendar}};
    return !fp__in_range(&v) || fp__push(r, out, &q);
}

static bool product(struct fp__run *r, enum fp__op op, const struct fp_item *x, const struct fp_item *y,
                    struct fp_list *out)
{
    struct fp_item q = {.kind = FP_QUANTITY};
    struct decimal zero = decimal_int(0), *v = &q.quantity.value;
    bool divide = op == FP__DIVIDE;
    if (divide && decimal_compare(r->a, &y->quantity.value, &zero) == 0)
        return true;
    if (dimensionless(y)) {
        q.quantity.unit = x->quantity.unit;
        q.quantity.calendar = x->quantity.calendar;
    } else if (!divide && dimensionless(x)) {
        q.quantity.unit = y->quantity.unit;
        q.quantity.calendar = y->quantity.calendar;
    } else if (!fp__units_combine(r, fp__unit_of(x), fp__unit_of(y), divide, &q.quantity.unit)) {
        return true;
    }
    *v = divide ? decimal_div(r->a, &x->quantity.value, &y->quantity.value, DIVISION_DIGITS)
                : decimal_mul(r->a, &x->quantity.value, &y->quantity.value);
    return !fp__in_range(v) || fp__push(r, out, &q);
}

static struct fp_item to_quantity(const struct fp_item *v)
{
    return v->kind == FP_QUANTITY
               ? *v
               : (struct fp_item){.kind = FP_QUANTITY, .quantity = {to_decimal(v), STR("1"), false}};
}

static bool quantities(struct fp__run *r, const struct fp__node *x, const struct fp_item *a,
                       const struct fp_item *b, struct fp_list *out)
{
    struct fp_item p = to_quantity(a), q = to_quantity(b);
    if (x->op == FP__ADD || x->op == FP__SUBTRACT)
        return sum(r, x->op, &p, &q, out);
    if (x->op == FP__MULTIPLY || x->op == FP__DIVIDE)
        return product(r, x->op, &p, &q, out);
    return fp__error(r, x, ERR_INVALID, "div and mod take numbers without units");
}

static bool date_sum(struct fp__run *r, const struct fp__node *x, const struct fp_item *date,
                     const struct fp_item *q, struct fp_list *out)
{
    struct fp_item v = *date;
    switch (fp__add_duration(r->a, v.kind, &v.date.value, q, x->op == FP__SUBTRACT)) {
    case FP__ADDED:
        return fp__push(r, out, &v);
    case FP__OUT_OF_RANGE:
        return fp__error(r, x, ERR_INVALID, "the date is beyond the years 1 to 9999");
    case FP__NOT_A_DURATION:
        break;
    }
    return fp__error(r, x, ERR_INVALID, "what is added to a %s is a calendar duration such as 2 days",
                     fp__kind_name(v.kind));
}

bool fp__arithmetic(struct fp__run *r, const struct fp__node *x, const struct fp_item *left,
                    const struct fp_item *right, struct fp_list *out)
{
    struct fp_item a, b;
    bool ha = fp__value(r->a, left, &a), hb = fp__value(r->a, right, &b);
    if (!ha || !hb) {
        const struct fp_item *bad = ha ? right : left;
        if (bad->node && bad->type && bad->type->kind != FHIR_PRIMITIVE)
            return fp__error(r, x, ERR_INVALID, "a %s cannot be computed with", bad->type->name);
        return true;
    }
    if (a.kind == FP_STRING && b.kind == FP_STRING && x->op == FP__ADD)
        return fp__push_string(r, out,
                               str_of(arena_printf(r->a, "%.*s%.*s", STR_FMT(a.string), STR_FMT(b.string))));
    if (a.kind == FP_INTEGER && b.kind == FP_INTEGER && x->op != FP__DIVIDE)
        return integers(r, x->op, a.integer, b.integer, out);
    if (is_number(&a) && is_number(&b)) {
        struct decimal da = to_decimal(&a), db = to_decimal(&b);
        return decimals(r, x->op, &da, &db, out);
    }
    if ((a.kind == FP_QUANTITY || is_number(&a)) && (b.kind == FP_QUANTITY || is_number(&b)))
        return quantities(r, x, &a, &b, out);
    bool date = a.kind == FP_DATE || a.kind == FP_DATETIME || a.kind == FP_TIME;
    if (date && (b.kind == FP_QUANTITY || is_number(&b)) && (x->op == FP__ADD || x->op == FP__SUBTRACT)) {
        struct fp_item q = to_quantity(&b);
        return date_sum(r, x, &a, &q, out);
    }
    return fp__error(r, x, ERR_INVALID, "a %s and a %s cannot be computed with each other",
                     fp__kind_name(a.kind), fp__kind_name(b.kind));
}

bool fp__negate(struct fp__run *r, const struct fp__node *x, const struct fp_item *item, struct fp_list *out)
{
    struct fp_item v = {.kind = FP_NODE};
    if (!fp__value(r->a, item, &v) && item->type && item->type->kind == FHIR_PRIMITIVE)
        return true;
    if (v.kind != FP_INTEGER && v.kind != FP_DECIMAL && v.kind != FP_QUANTITY)
        return fp__error(r, x, ERR_INVALID, "only numbers and quantities have a sign");
    if (x->op == FP__NEGATE) {
        if (v.kind == FP_INTEGER)
            v.integer = -v.integer;
        else if (v.kind == FP_DECIMAL)
            v.decimal = decimal_neg(v.decimal);
        else
            v.quantity.value = decimal_neg(v.quantity.value);
    }
    return (v.kind == FP_INTEGER && !fp__integer_in_range(v.integer)) || fp__push(r, out, &v);
}
