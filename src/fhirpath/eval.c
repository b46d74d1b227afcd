/* The evaluator: a tree of nodes over items. Conditions are evaluated without making lists where they can be. */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

enum { DEFAULT_STEPS = 5000000, DEFAULT_ITEMS = 1000000 };

bool fp__error(struct fp__run *r, const struct fp__node *x, enum err_kind kind, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fp__error_at(x, r->err, kind, "%s", text);
}

bool fp__spend(struct fp__run *r, size_t n)
{
    if (r->steps < n)
        return err_set(r->err, ERR_TOO_COSTLY,
                       "FHIRPath: the expression takes too many steps on this resource");
    r->steps -= n;
    return true;
}

bool fp__push(struct fp__run *r, struct fp_list *out, const struct fp_item *item)
{
    if (r->items == 0)
        return err_set(r->err, ERR_TOO_COSTLY,
                       "FHIRPath: the expression makes too many items of this resource");
    r->items--;
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 2;
        out->items = arena_grow(r->a, out->items, sizeof *out->items * out->cap, sizeof *out->items * cap);
        out->cap = cap;
    }
    out->items[out->n++] = *item;
    return true;
}

bool fp__push_string(struct fp__run *r, struct fp_list *out, struct str s)
{
    struct fp_item item = fp__string(s);
    return fp__spend(r, 1 + s.len / 16) && fp__push(r, out, &item);
}

bool fp__push_all(struct fp__run *r, struct fp_list *out, const struct fp_list *from)
{
    for (size_t i = 0; i < from->n; i++)
        if (!fp__push(r, out, &from->items[i]))
            return false;
    return true;
}

/* ---- operands ---------------------------------------------------------------------------------------- */

/* The items of an operand, in *room unless they are there already. Variables defined in it end with it. */
static bool operand(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
                    struct fp_list *room, const struct fp_list **out)
{
    *out = room;
    if (x->op == FP__LITERAL) {
        *room = (struct fp_list){(struct fp_item *)&x->literal, 1, 1};
        return true;
    }
    const struct fp__variable *vars = s->vars;
    bool ok = fp__eval(r, x, s, want, room);
    s->vars = vars;
    return ok;
}

/* At most one item. */
static bool single(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *room,
                   const struct fp_item **out)
{
    const struct fp_list *l;
    if (!operand(r, x, s, 2, room, &l))
        return false;
    if (l->n > 1)
        return fp__error(r, x, ERR_INVALID, "the operator takes single items, and here are several");
    *out = l->n ? l->items : NULL;
    return true;
}

bool fp__truth(struct fp__run *r, const struct fp__node *x, const struct fp_list *l, enum fp__tri *out)
{
    struct fp_item v;
    if (l->n > 1)
        return fp__error(r, x, ERR_INVALID, "a condition is one item, and here are several");
    if (l->n == 0)
        *out = FP__NONE;
    else if (fp__value(r->a, l->items, &v) && v.kind == FP_BOOLEAN)
        *out = fp__tri_of(v.boolean);
    else
        *out = FP__TRUE; /* there is something */
    return true;
}

/* ---- operators whose result is a Boolean --------------------------------------------------------------- */

static bool logic(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    const struct fp__variable *vars = s->vars;
    enum fp__tri a, b;
    if (!fp__test(r, x->left, s, &a))
        return false;
    s->vars = vars;
    if ((x->op == FP__AND && a == FP__FALSE) || (x->op == FP__OR && a == FP__TRUE)) {
        *out = a;
        return true;
    }
    if (x->op == FP__IMPLIES && a == FP__FALSE) {
        *out = FP__TRUE;
        return true;
    }
    if (!fp__test(r, x->right, s, &b))
        return false;
    s->vars = vars;
    switch (x->op) {
    case FP__AND:
        *out = b == FP__FALSE ? b : a == FP__TRUE ? b : FP__NONE;
        return true;
    case FP__OR:
        *out = b == FP__TRUE ? b : a == FP__FALSE ? b : FP__NONE;
        return true;
    case FP__XOR:
        *out = a == FP__NONE || b == FP__NONE ? FP__NONE : fp__tri_of(a != b);
        return true;
    default: /* implies */
        *out = b == FP__TRUE || a == FP__TRUE ? b : FP__NONE;
        return true;
    }
}

static bool equality(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    FP__LIST(left, 2);
    FP__LIST(right, 2);
    const struct fp_list *a, *b;
    if (!operand(r, x->left, s, FP__ALL, &left, &a) || !operand(r, x->right, s, FP__ALL, &right, &b))
        return false;
    if (x->op == FP__EQUAL || x->op == FP__NOT_EQUAL)
        *out = fp__equal_lists(r, a, b);
    else
        *out = fp__tri_of(fp__equivalent_lists(r, a, b));
    if (x->op == FP__NOT_EQUAL || x->op == FP__NOT_EQUIVALENT)
        *out = fp__tri_not(*out);
    return true;
}

static bool inequality(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    FP__LIST(left, 2);
    FP__LIST(right, 2);
    const struct fp_item *a, *b;
    *out = FP__NONE;
    if (!single(r, x->left, s, &left, &a) || !single(r, x->right, s, &right, &b))
        return false;
    if (!a || !b)
        return true;
    enum fp__order o = fp__compare(r, a, b);
    if (o == FP__INCOMPARABLE)
        return fp__error(r, x, ERR_INVALID, "these types cannot be compared");
    if (o != FP__UNKNOWN)
        *out = fp__tri_of(x->op == FP__LESS         ? o < 0
                          : x->op == FP__LESS_EQUAL ? o <= 0
                          : x->op == FP__GREATER    ? o > 0
                                                    : o >= 0);
    return true;
}

static bool membership(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    const struct fp__node *one = x->op == FP__IN ? x->left : x->right,
                          *many = x->op == FP__IN ? x->right : x->left;
    FP__LIST(left, 2);
    FP__LIST(right, 4);
    const struct fp_item *item;
    const struct fp_list *list;
    *out = FP__NONE;
    if (!single(r, one, s, &left, &item) || !operand(r, many, s, FP__ALL, &right, &list))
        return false;
    if (item)
        *out = fp__tri_of(fp__contains(r, list, item));
    return true;
}

static bool is(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    FP__LIST(room, 2);
    const struct fp_item *item;
    if (!single(r, x->left, s, &room, &item))
        return false;
    *out = item ? fp__tri_of(fp__is_type(&x->type, item)) : FP__NONE;
    return true;
}

bool fp__test(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out)
{
    switch (x->op) {
    case FP__AND:
    case FP__OR:
    case FP__XOR:
    case FP__IMPLIES:
        return fp__spend(r, 1) && logic(r, x, s, out);
    case FP__EQUAL:
    case FP__NOT_EQUAL:
    case FP__EQUIVALENT:
    case FP__NOT_EQUIVALENT:
        return fp__spend(r, 1) && equality(r, x, s, out);
    case FP__LESS:
    case FP__LESS_EQUAL:
    case FP__GREATER:
    case FP__GREATER_EQUAL:
        return fp__spend(r, 1) && inequality(r, x, s, out);
    case FP__IN:
    case FP__CONTAINS:
        return fp__spend(r, 1) && membership(r, x, s, out);
    case FP__IS:
        return fp__spend(r, 1) && is(r, x, s, out);
    case FP__CALL:
        if (x->call.function->test)
            return fp__spend(r, 1) && fp__call_test(r, x, s, out);
        break;
    default:
        break;
    }
    FP__LIST(l, 2);
    return fp__eval(r, x, s, 2, &l) && fp__truth(r, x, &l, out);
}

/* ---- the others ---------------------------------------------------------------------------------------- */

static bool concatenate(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *out)
{
    FP__LIST(left, 2);
    FP__LIST(right, 2);
    const struct fp_item *a, *b;
    if (!single(r, x->left, s, &left, &a) || !single(r, x->right, s, &right, &b))
        return false;
    struct fp_item v[2] = {fp__string(STR("")), fp__string(STR(""))};
    for (int i = 0; i < 2; i++) {
        const struct fp_item *from = i ? b : a;
        if (from && fp__value(r->a, from, &v[i]) && v[i].kind != FP_STRING)
            return fp__error(r, x, ERR_INVALID, "& joins Strings");
    }
    struct buf text;
    buf_init(&text, r->a, v[0].string.len + v[1].string.len + 1);
    buf_addstr(&text, v[0].string);
    buf_addstr(&text, v[1].string);
    return fp__push_string(r, out, buf_str(&text));
}

static bool arithmetic(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *out)
{
    FP__LIST(left, 2);
    FP__LIST(right, 2);
    const struct fp_item *a, *b;
    if (!single(r, x->left, s, &left, &a) || !single(r, x->right, s, &right, &b))
        return false;
    return !a || !b || fp__arithmetic(r, x, a, b, out);
}

static bool sign(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *out)
{
    FP__LIST(room, 2);
    const struct fp_item *a;
    return single(r, x->left, s, &room, &a) && (!a || fp__negate(r, x, a, out));
}

static bool at(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *out)
{
    FP__LIST(in, 4);
    FP__LIST(room, 2);
    const struct fp_item *index;
    struct fp_item v;
    const struct fp__variable *vars = s->vars;
    if (!single(r, x->right, s, &room, &index))
        return false;
    s->vars = vars;
    if (!index)
        return true;
    if (!fp__value(r->a, index, &v) || v.kind != FP_INTEGER)
        return fp__error(r, x->right, ERR_INVALID, "an index is an Integer");
    if (v.integer < 0)
        return true;
    if (!fp__eval(r, x->left, s, (size_t)v.integer + 1, &in))
        return false;
    return (size_t)v.integer >= in.n || fp__push(r, out, &in.items[v.integer]);
}

static bool as(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *out)
{
    FP__LIST(in, 4);
    if (!fp__eval(r, x->left, s, FP__ALL, &in))
        return false;
    if (in.n > 1 && r->env->single_as)
        return fp__error(r, x, ERR_INVALID, "as takes a single item, and here are several: use ofType()");
    for (size_t i = 0; i < in.n; i++)
        if (fp__as_type(&x->type, &in.items[i]) && !fp__push(r, out, &in.items[i]))
            return false;
    return true;
}

static bool unite(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
                  struct fp_list *out)
{
    struct fp_list result = {NULL, 0, 0};
    struct fp__set set = {.list = &result};
    for (int i = 0; i < 2; i++) {
        FP__LIST(room, 4);
        const struct fp_list *l;
        if (!operand(r, i ? x->right : x->left, s, want == 1 ? 1 : FP__ALL, &room, &l))
            return false;
        for (size_t k = 0; k < l->n; k++)
            if (!fp__set_add(r, &set, &l->items[k], NULL))
                return false;
        if (result.n >= want)
            break;
    }
    if (out->n == 0 && out->cap <= result.cap) {
        *out = result;
        return true;
    }
    return fp__push_all(r, out, &result);
}

/* The variables that are always there; the prefixes vs- and ext- stand for URLs of the specification. */
static bool known_variable(struct arena *a, struct str name, struct fp_item *out)
{
    static const struct {
        const char *name, *value;
    } fixed[] = {
        {"ucum", "http://unitsofmeasure.org"},
        {"sct", "http://snomed.info/sct"},
        {"loinc", "http://loinc.org"},
    };
    static const struct {
        struct str prefix;
        const char *url;
    } prefixes[] = {
        {STR("vs-"), "http://hl7.org/fhir/ValueSet/"},
        {STR("cs-"), "http://hl7.org/fhir/CodeSystem/"},
        {STR("ext-"), "http://hl7.org/fhir/StructureDefinition/"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (str_is(name, fixed[i].name)) {
            *out = fp__string(str_of(fixed[i].value));
            return true;
        }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts(name, prefixes[i].prefix)) {
            size_t skip = prefixes[i].prefix.len;
            *out = fp__string(
                str_of(arena_printf(a, "%s%.*s", prefixes[i].url, (int)(name.len - skip), name.s + skip)));
            return true;
        }
    return false;
}

static bool variable(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, struct fp_list *out)
{
    struct fp_env *env = r->env;
    struct fp_item item;
    for (const struct fp__variable *v = s->vars; v; v = v->next)
        if (str_eq(v->name, x->name))
            return fp__push_all(r, out, &v->value);
    for (int i = 0; i < env->n_variables; i++)
        if (str_is(x->name, env->variables[i].name))
            return fp__push_all(r, out, &env->variables[i].value);
    if (str_is(x->name, "context"))
        return !r->context || fp__push(r, out, r->context);
    bool root = str_is(x->name, "rootResource");
    if (root || str_is(x->name, "resource")) {
        const json *node = root && env->root_resource ? env->root_resource : env->resource;
        if (!node)
            return true;
        if (r->context && r->context->node == node)
            return fp__push(r, out, r->context);
        item = fp_root(env->defs, node, NULL);
        return fp__push(r, out, &item);
    }
    if (!known_variable(r->a, x->name, &item))
        return fp__error(r, x, ERR_INVALID, "there is no variable %%%.*s", STR_FMT(x->name));
    return fp__push(r, out, &item);
}

bool fp__eval(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
              struct fp_list *out)
{
    struct fp_item item;
    if (!fp__spend(r, 1))
        return false;
    switch (x->op) {
    case FP__LITERAL:
        return fp__push(r, out, &x->literal);
    case FP__EMPTY:
        return true;
    case FP__THIS:
        return !s->self || fp__push(r, out, s->self);
    case FP__INDEX:
        item = fp__integer(s->index);
        return fp__push(r, out, &item);
    case FP__TOTAL:
        return !s->total || fp__push_all(r, out, s->total);
    case FP__VARIABLE:
        return variable(r, x, s, out);
    case FP__PATH:
        return fp__path(r, x, s, want, out);
    case FP__CALL:
        if (!x->call.function->test)
            return fp__call_list(r, x, s, want, out);
        break;
    case FP__AT:
        return at(r, x, s, out);
    case FP__PLUS:
    case FP__NEGATE:
        return sign(r, x, s, out);
    case FP__MULTIPLY:
    case FP__DIVIDE:
    case FP__DIV:
    case FP__MOD:
    case FP__ADD:
    case FP__SUBTRACT:
        return arithmetic(r, x, s, out);
    case FP__CONCATENATE:
        return concatenate(r, x, s, out);
    case FP__AS:
        return as(r, x, s, out);
    case FP__UNION:
        return unite(r, x, s, want, out);
    default:
        break;
    }
    enum fp__tri t;
    if (!fp__test(r, x, s, &t))
        return false;
    item = fp__boolean(t == FP__TRUE);
    return t == FP__NONE || fp__push(r, out, &item);
}

/* ---- the way in ---------------------------------------------------------------------------------------- */

static struct fp__run run_of(struct fp_env *env, const struct fp_item *context, struct err *err)
{
    return (struct fp__run){
        .a = env->a,
        .env = env,
        .context = context,
        .err = err,
        .steps = env->max_steps ? env->max_steps : DEFAULT_STEPS,
        .items = env->max_items ? env->max_items : DEFAULT_ITEMS,
    };
}

bool fp_eval(const struct fp_expr *x, struct fp_env *env, const struct fp_item *context, struct fp_list *out,
             struct err *err)
{
    struct fp__run r = run_of(env, context, err);
    struct fp__scope s = {.self = context};
    *out = (struct fp_list){NULL, 0, 0};
    return fp__eval(&r, x->root, &s, FP__ALL, out);
}

bool fp_eval_bool(const struct fp_expr *x, struct fp_env *env, const struct fp_item *context, bool *out,
                  struct err *err)
{
    struct fp__run r = run_of(env, context, err);
    struct fp__scope s = {.self = context};
    enum fp__tri t;
    if (!fp__test(&r, x->root, &s, &t))
        return false;
    *out = t == FP__TRUE;
    return true;
}
