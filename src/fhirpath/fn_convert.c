/* Conversions: iif(), toX() and convertsToX(). */
#include "functions.h"
#include "lex.h"

/* The arguments see the whole input, which is at most one item; it may be empty. */
bool fp__fn_iif(struct fp__call *c, struct fp_list *out)
{
    enum fp__tri t;
    if (c->x->left && c->in->n > 1)
        return fp__error(c->r, c->x, ERR_INVALID,
                         "iif() takes a single item, and here are several: use select()");
    struct fp__scope s = *c->s;
    if (c->x->left)
        s.self = c->in->n ? c->in->items : NULL;
    if (!fp__test(c->r, fp__arg(c, 0), &s, &t))
        return false;
    const struct fp__node *branch = fp__arg(c, t == FP__TRUE ? 1 : 2);
    s.vars = c->s->vars;
    return !branch || fp__eval(c->r, branch, &s, c->want, out);
}

/* ---- one conversion each: false when the value has none ------------------------------------------------- */

static bool to_boolean(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    static const char *const words[2][6] = {{"false", "f", "no", "n", "0", "0.0"},
                                            {"true", "t", "yes", "y", "1", "1.0"}};
    struct decimal zero = decimal_int(0), one = decimal_int(1);
    *out = fp__boolean(v->kind == FP_BOOLEAN && v->boolean);
    switch (v->kind) {
    case FP_BOOLEAN:
        return true;
    case FP_INTEGER:
        out->boolean = v->integer == 1;
        return v->integer == 0 || v->integer == 1;
    case FP_DECIMAL:
        out->boolean = decimal_compare(a, &v->decimal, &one) == 0;
        return out->boolean || decimal_compare(a, &v->decimal, &zero) == 0;
    case FP_STRING:
        for (int b = 0; b < 2; b++)
            for (int i = 0; i < 6; i++)
                if (str_ieq(v->string, str_of(words[b][i]))) {
                    out->boolean = b;
                    return true;
                }
        return false;
    default:
        return false;
    }
}

/* (\+|-)?\d+ and, with fraction, (\.\d+)? */
static bool is_number(struct str s, bool fraction)
{
    size_t i = s.len && (s.s[0] == '+' || s.s[0] == '-'), start = i;
    while (i < s.len && s.s[i] >= '0' && s.s[i] <= '9')
        i++;
    if (i == start)
        return false;
    if (fraction && i + 1 < s.len && s.s[i] == '.')
        for (i++, start = i; i < s.len && s.s[i] >= '0' && s.s[i] <= '9';)
            i++;
    return i == s.len && i > start;
}

static struct str without_plus(struct str s)
{
    return s.len && s.s[0] == '+' ? (struct str){s.s + 1, s.len - 1} : s;
}

static bool to_integer(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    (void)a;
    *out = fp__integer(v->kind == FP_BOOLEAN ? v->boolean : v->integer);
    if (v->kind == FP_STRING)
        return is_number(v->string, false) && str_int64(without_plus(v->string), &out->integer) &&
               fp__integer_in_range(out->integer);
    return v->kind == FP_BOOLEAN || v->kind == FP_INTEGER;
}

static bool to_decimal(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    switch (v->kind) {
    case FP_BOOLEAN:
        *out = fp__decimal((struct decimal){.scale = 1, .small = v->boolean ? 10 : 0});
        return true;
    case FP_INTEGER:
        *out = fp__decimal(decimal_int(v->integer));
        return true;
    case FP_DECIMAL:
        *out = *v;
        return true;
    case FP_STRING:
        *out = (struct fp_item){.kind = FP_DECIMAL};
        return is_number(v->string, true) && decimal_parse(a, without_plus(v->string), &out->decimal) &&
               fp__in_range(&out->decimal);
    default:
        return false;
    }
}

static bool to_string(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    *out = fp__string(fp__to_string(a, v));
    return out->string.s != NULL;
}

static bool to_date(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    (void)a;
    bool with_time;
    size_t used;
    *out = *v;
    out->kind = FP_DATE;
    if (v->kind == FP_STRING)
        return fp__read_datetime(v->string, &out->date.value, &with_time, &used) && used == v->string.len &&
               !with_time;
    if (v->kind == FP_DATETIME && v->date.value.precision > FHIR_DAY)
        out->date.value.precision = FHIR_DAY;
    out->date.value.has_zone = false;
    return v->kind == FP_DATE || v->kind == FP_DATETIME;
}

static bool to_datetime(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    (void)a;
    bool with_time;
    size_t used;
    *out = *v;
    out->kind = FP_DATETIME;
    if (v->kind == FP_STRING)
        return fp__read_datetime(v->string, &out->date.value, &with_time, &used) && used == v->string.len;
    return v->kind == FP_DATE || v->kind == FP_DATETIME;
}

static bool to_time(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    (void)a;
    size_t used, skip = v->kind == FP_STRING && v->string.len && v->string.s[0] == 'T';
    *out = *v;
    out->kind = FP_TIME;
    if (v->kind != FP_STRING)
        return v->kind == FP_TIME;
    struct str s = {v->string.s + skip, v->string.len - skip};
    return fp__read_time(s, &out->date.value, &used) && used == s.len;
}

/* number, blanks, then nothing, 'unit' or a calendar word. */
static bool quantity_of_text(struct arena *a, struct str s, struct fp_item *out)
{
    size_t n = 0;
    while (n < s.len && strchr("+-.0123456789", s.s[n]) && s.s[n])
        n++;
    struct str number = {s.s, n}, unit = str_trim((struct str){s.s + n, s.len - n});
    if (!is_number(number, true) || !decimal_parse(a, without_plus(number), &out->quantity.value))
        return false;
    if (unit.len == 0)
        return true;
    bool quoted = unit.len > 2 && unit.s[0] == '\'' && unit.s[unit.len - 1] == '\'';
    out->quantity.calendar = !quoted;
    out->quantity.unit = quoted ? (struct str){unit.s + 1, unit.len - 2} : unit;
    return quoted ? !memchr(out->quantity.unit.s, '\'', out->quantity.unit.len)
                  : fp__calendar_unit(unit) != NULL;
}

static bool to_quantity(struct arena *a, const struct fp_item *v, struct fp_item *out)
{
    *out = (struct fp_item){.kind = FP_QUANTITY, .quantity = {decimal_int(0), STR("1"), false}};
    struct fp_item d;
    if (v->kind == FP_QUANTITY)
        *out = *v;
    else if (v->kind == FP_STRING)
        return quantity_of_text(a, v->string, out);
    else if (to_decimal(a, v, &d))
        out->quantity.value = d.decimal;
    else
        return false;
    return true;
}

/* ---- the functions --------------------------------------------------------------------------------------- */

typedef bool conversion(struct arena *a, const struct fp_item *v, struct fp_item *out);

static bool convert(struct fp__call *c, conversion *f, struct fp_list *out)
{
    struct fp_item v;
    return !f(c->r->a, &c->value, &v) || fp__push(c->r, out, &v);
}

static bool converts(struct fp__call *c, conversion *f, enum fp__tri *out)
{
    struct fp_item v;
    *out = fp__tri_of(f(c->r->a, &c->value, &v));
    return true;
}

#define CONVERSION(name)                                                                                     \
    bool fp__fn_to_##name(struct fp__call *c, struct fp_list *out)                                           \
    {                                                                                                        \
        return convert(c, to_##name, out);                                                                   \
    }                                                                                                        \
    bool fp__fn_is_##name(struct fp__call *c, enum fp__tri *out)                                             \
    {                                                                                                        \
        return converts(c, to_##name, out);                                                                  \
    }
CONVERSION(boolean)
CONVERSION(integer)
CONVERSION(decimal)
CONVERSION(string)
CONVERSION(date)
CONVERSION(datetime)
CONVERSION(time)

/* With a unit: converted to it; a number without unit takes it as its own. *ok false: there is no such conversion. */
static bool quantity_in(struct fp__call *c, struct fp_item *out, bool *ok)
{
    struct str unit;
    bool present;
    *ok = to_quantity(c->r->a, &c->value, out);
    if (!*ok || c->x->call.n == 0)
        return true;
    if (!fp__arg_string(c, 0, &unit, &present))
        return false;
    *ok = present;
    if (!present)
        return true;
    struct fp__unit from = fp__unit_of(out), to = {unit, fp__calendar_unit(unit) != NULL};
    if (!from.calendar && str_is(from.code, "1") && !str_is(unit, "1"))
        *ok = true;
    else
        *ok = fp__units_convert(c->r, &out->quantity.value, from, to, &out->quantity.value);
    out->quantity.unit = unit;
    out->quantity.calendar = to.calendar;
    return true;
}

bool fp__fn_to_quantity(struct fp__call *c, struct fp_list *out)
{
    struct fp_item v;
    bool ok;
    return quantity_in(c, &v, &ok) && (!ok || fp__push(c->r, out, &v));
}

bool fp__fn_is_quantity(struct fp__call *c, enum fp__tri *out)
{
    struct fp_item v;
    bool ok;
    if (!quantity_in(c, &v, &ok))
        return false;
    *out = fp__tri_of(ok);
    return true;
}
