/* Calling functions: input and arguments as the table (functions.h) asks for them. */
#include "internal.h"

bool fp__arg_list(struct fp__call *c, size_t i, struct fp_list *out)
{
    const struct fp__variable *vars = c->s->vars;
    bool ok = fp__eval(c->r, c->x->call.args[i], c->s, FP__ALL, out);
    c->s->vars = vars;
    return ok;
}

bool fp__arg_value(struct fp__call *c, size_t i, struct fp_item *out, bool *present)
{
    FP__LIST(l, 2);
    *present = false;
    if (i >= c->x->call.n)
        return true;
    if (!fp__arg_list(c, i, &l))
        return false;
    if (l.n > 1)
        return fp__error(c->r, c->x->call.args[i], ERR_INVALID, "%s() takes single items as arguments",
                         c->x->call.function->name);
    if (l.n && !(*present = fp__value(c->r->a, l.items, out)) && l.items->type &&
        l.items->type->kind != FHIR_PRIMITIVE)
        return fp__error(c->r, c->x->call.args[i], ERR_INVALID, "%s() does not take a %s as an argument",
                         c->x->call.function->name, l.items->type->name);
    return true;
}

static bool arg_of_kind(struct fp__call *c, size_t i, enum fp_kind kind, struct fp_item *v, bool *present)
{
    if (!fp__arg_value(c, i, v, present))
        return false;
    if (*present && v->kind != kind)
        return fp__error(c->r, c->x->call.args[i], ERR_INVALID, "argument %zu of %s() is a %s", i + 1,
                         c->x->call.function->name, fp__kind_name(kind));
    return true;
}

bool fp__arg_string(struct fp__call *c, size_t i, struct str *out, bool *present)
{
    struct fp_item v;
    if (!arg_of_kind(c, i, FP_STRING, &v, present))
        return false;
    if (*present)
        *out = v.string;
    return true;
}

bool fp__arg_integer(struct fp__call *c, size_t i, int64_t *out, bool *present)
{
    struct fp_item v;
    if (!arg_of_kind(c, i, FP_INTEGER, &v, present))
        return false;
    if (*present)
        *out = v.integer;
    return true;
}

/* Checks the input against the table. *empty: the result is empty without a call. */
static bool check_input(struct fp__call *c, const struct fp__function *f, bool *empty)
{
    *empty = false;
    if (f->input == FP__ANY)
        return true;
    if (c->in->n > 1)
        return fp__error(c->r, c->x, ERR_INVALID,
                         "%s() takes a single item, and here are several: use select()", f->name);
    *empty = c->in->n == 0;
    if (*empty || f->input == FP__ONE)
        return true;
    const struct fp_item *item = c->in->items;
    if (!fp__value(c->r->a, item, &c->value)) {
        c->value = *item;
        /* A primitive that has only extensions has no value to work with. */
        *empty = item->type && item->type->kind == FHIR_PRIMITIVE;
    }
    enum fp_kind k = c->value.kind;
    if (*empty || f->input == FP__VALUE || (f->input == FP__STRING_IN && k == FP_STRING) ||
        (f->input == FP__NUMBER_IN && (k == FP_INTEGER || k == FP_DECIMAL || k == FP_QUANTITY)))
        return true;
    return fp__error(c->r, c->x, ERR_INVALID, "%s() is for %s, and the input is a %s", f->name,
                     f->input == FP__STRING_IN ? "Strings" : "numbers",
                     k == FP_NODE && item->type ? item->type->name : fp__kind_name(k));
}

/* The input of the call: what stands before the dot, or $this. */
static bool begin(struct fp__call *c)
{
    const struct fp__function *f = c->x->call.function;
    size_t want = f->want ? f->want : FP__ALL;
    if (c->x->left)
        return fp__eval(c->r, c->x->left, c->s, want, c->in);
    return !c->s->self || fp__push(c->r, c->in, c->s->self);
}

bool fp__call_list(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
                   struct fp_list *out)
{
    FP__LIST(in, 4);
    struct fp__call c = {.r = r, .x = x, .s = s, .in = &in, .want = want};
    bool empty;
    if (!begin(&c) || !check_input(&c, x->call.function, &empty))
        return false;
    return empty || x->call.function->list(&c, out);
}

bool fp__call_test(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    FP__LIST(in, 4);
    struct fp__call c = {.r = r, .x = x, .s = s, .in = &in, .want = 1};
    bool empty;
    *out = FP__NONE;
    if (!begin(&c) || !check_input(&c, x->call.function, &empty))
        return false;
    return empty || x->call.function->test(&c, out);
}
