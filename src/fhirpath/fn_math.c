/* Mathematical functions. */
#include "functions.h"

static bool push_decimal(struct fp__call *c, const struct decimal *d, struct fp_list *out)
{
    struct fp_item v = fp__decimal(*d);
    return !fp__in_range(d) || fp__push(c->r, out, &v);
}

/* The number of the input; a Quantity is none here. */
static bool number(struct fp__call *c, struct decimal *out)
{
    if (c->value.kind == FP_QUANTITY)
        return fp__error(c->r, c->x, ERR_INVALID, "%s() takes a number without a unit",
                         c->x->call.function->name);
    *out = c->value.kind == FP_INTEGER ? decimal_int(c->value.integer) : c->value.decimal;
    return true;
}

static bool arg_number(struct fp__call *c, struct fp_item *v, bool *present, struct decimal *out)
{
    if (!fp__arg_value(c, 0, v, present))
        return false;
    if (!*present)
        return true;
    if (v->kind != FP_INTEGER && v->kind != FP_DECIMAL)
        return fp__error(c->r, c->x->call.args[0], ERR_INVALID, "the argument of %s() is a number",
                         c->x->call.function->name);
    *out = v->kind == FP_INTEGER ? decimal_int(v->integer) : v->decimal;
    return true;
}

bool fp__fn_abs(struct fp__call *c, struct fp_list *out)
{
    struct fp_item v = c->value;
    if (v.kind == FP_INTEGER)
        v.integer = v.integer < 0 ? -v.integer : v.integer;
    else if (v.kind == FP_DECIMAL)
        v.decimal.negative = false;
    else
        v.quantity.value.negative = false;
    return (v.kind == FP_INTEGER && !fp__integer_in_range(v.integer)) || fp__push(c->r, out, &v);
}

/* To a whole number: an Integer, or a Quantity of the same unit. */
static bool whole(struct fp__call *c, enum decimal_rounding how, struct fp_list *out)
{
    struct fp_item v = c->value;
    int64_t i;
    if (v.kind == FP_INTEGER)
        return fp__push(c->r, out, &v);
    if (v.kind == FP_QUANTITY) {
        v.quantity.value = decimal_round(c->r->a, &v.quantity.value, 0, how);
        return fp__push(c->r, out, &v);
    }
    struct decimal d = decimal_round(c->r->a, &v.decimal, 0, how);
    if (!decimal_to_int64(&d, &i) || !fp__integer_in_range(i))
        return true;
    v = fp__integer(i);
    return fp__push(c->r, out, &v);
}

bool fp__fn_ceiling(struct fp__call *c, struct fp_list *out)
{
    return whole(c, DECIMAL_CEILING, out);
}
bool fp__fn_floor(struct fp__call *c, struct fp_list *out)
{
    return whole(c, DECIMAL_FLOOR, out);
}
bool fp__fn_truncate(struct fp__call *c, struct fp_list *out)
{
    return whole(c, DECIMAL_TRUNCATE, out);
}

bool fp__fn_round(struct fp__call *c, struct fp_list *out)
{
    int64_t digits = 0;
    bool present;
    struct fp_item v = c->value;
    if (!fp__arg_integer(c, 0, &digits, &present))
        return false;
    if (digits < 0 || digits > 100)
        return fp__error(c->r, c->x, ERR_INVALID, "round() takes a number of decimal places, 0 to 100");
    if (v.kind == FP_INTEGER)
        v = fp__decimal(decimal_int(v.integer));
    struct decimal *d = v.kind == FP_QUANTITY ? &v.quantity.value : &v.decimal;
    if (d->scale > digits)
        *d = decimal_round(c->r->a, d, (int32_t)digits, DECIMAL_HALF_UP);
    return fp__push(c->r, out, &v);
}

static bool real(struct fp__call *c, bool (*f)(struct arena *, const struct decimal *, struct decimal *),
                 struct fp_list *out)
{
    struct decimal x, y;
    if (!number(c, &x))
        return false;
    return !f(c->r->a, &x, &y) || push_decimal(c, &y, out);
}

bool fp__fn_exp(struct fp__call *c, struct fp_list *out)
{
    return real(c, fp__exp, out);
}
bool fp__fn_ln(struct fp__call *c, struct fp_list *out)
{
    return real(c, fp__ln, out);
}
bool fp__fn_sqrt(struct fp__call *c, struct fp_list *out)
{
    return real(c, fp__sqrt, out);
}

bool fp__fn_log(struct fp__call *c, struct fp_list *out)
{
    struct decimal x, base, y, zero = decimal_int(0);
    struct fp_item v;
    bool present;
    if (!number(c, &x) || !arg_number(c, &v, &present, &base))
        return false;
    if (!present)
        return true;
    if (decimal_compare(c->r->a, &x, &zero) <= 0 || decimal_compare(c->r->a, &base, &zero) <= 0)
        return fp__error(c->r, c->x, ERR_INVALID, "log() takes numbers greater than 0");
    return !fp__log(c->r->a, &x, &base, &y) || push_decimal(c, &y, out);
}

/* Of Integers with an exponent that is not negative an Integer, else a Decimal. */
bool fp__fn_power(struct fp__call *c, struct fp_list *out)
{
    struct decimal x, exponent, y;
    struct fp_item v;
    bool present;
    int64_t i;
    if (!number(c, &x) || !arg_number(c, &v, &present, &exponent))
        return false;
    if (!present || !fp__power(c->r->a, &x, &exponent, &y))
        return true;
    if (c->value.kind != FP_INTEGER || v.kind != FP_INTEGER || v.integer < 0)
        return push_decimal(c, &y, out);
    v = fp__integer(0);
    if (!decimal_to_int64(&y, &i) || !fp__integer_in_range(i))
        return true;
    v.integer = i;
    return fp__push(c->r, out, &v);
}
