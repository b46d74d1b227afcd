/* A recursive-descent parser with operator precedence (the grammar of N1, plus asc and desc after sort keys). */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"
#include "lex.h"

struct parser {
    struct arena *a;
    struct fp__lexer lx;
    struct fp__token t; /* the next one */
    struct err *err;
    int nesting;
};

static const struct {
    const char *text;
    int precedence;
} ops[] = {
#define X(name, text, precedence) {text, precedence},
    FP__OPS(X)
#undef X
};

bool fp__error_at(const struct fp__node *x, struct err *err, enum err_kind kind, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(err, kind, "FHIRPath: %s", text);
    err->line = x->line;
    err->column = x->column;
    return false;
}

static bool fail(struct parser *ps, const char *what)
{
    struct fp__node here = {.line = ps->t.line, .column = ps->t.column};
    return fp__error_at(&here, ps->err, ERR_SYNTAX, "%s", what);
}

static bool advance(struct parser *ps)
{
    return fp__lex_next(&ps->lx, &ps->t, ps->err);
}
static bool is_symbol(const struct parser *ps, const char *s)
{
    return ps->t.kind == FP__SYMBOL && str_is(ps->t.text, s);
}
static bool is_word(const struct parser *ps, const char *s)
{
    return ps->t.kind == FP__NAME && !ps->t.delimited && str_is(ps->t.text, s);
}

static bool expect(struct parser *ps, const char *symbol, const char *what)
{
    return is_symbol(ps, symbol) ? advance(ps) : fail(ps, what);
}

static struct fp__node *node(struct parser *ps, enum fp__op op)
{
    struct fp__node *x = ARENA_NEW(ps->a, struct fp__node);
    x->op = op;
    x->line = ps->t.line;
    x->column = ps->t.column;
    x->depth = 1;
    return x;
}

/* Puts child under x. The depth of the tree bounds the recursion of everything that walks it. */
static bool adopt(struct parser *ps, struct fp__node *x, struct fp__node **place, struct fp__node *child)
{
    *place = child;
    if (child && child->depth >= x->depth)
        x->depth = child->depth + 1;
    return x->depth <= FP__MAX_DEPTH || fail(ps, "the expression is nested too deeply");
}

/* A word that the grammar keeps to itself. */
static bool reserved(const struct parser *ps)
{
    static const char *const words[] = {"true", "false", "and", "or", "xor", "implies", "div", "mod"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(ps, words[i]))
            return true;
    return false;
}

/* Element names are looked up as C strings. */
static struct str terminated(struct parser *ps, struct str s)
{
    return (struct str){arena_strndup(ps->a, s.s, s.len), s.len};
}

static bool expression(struct parser *ps, int precedence, struct fp__node **out);

static bool arguments(struct parser *ps, struct fp__node *x)
{
    if (!advance(ps))
        return false;
    bool sorting = str_is(x->call.name, "sort");
    while (!is_symbol(ps, ")")) {
        if (x->call.n && !expect(ps, ",", "expected , or ) after an argument"))
            return false;
        struct fp__node *arg;
        if (!expression(ps, 1, &arg))
            return false;
        if (sorting && (is_word(ps, "asc") || is_word(ps, "desc"))) {
            if (is_word(ps, "desc")) {
                struct fp__node *d = node(ps, FP__DESCENDING);
                if (!adopt(ps, d, &d->left, arg))
                    return false;
                arg = d;
            }
            if (!advance(ps))
                return false;
        }
        struct fp__node **place = ARENA_PUSH(ps->a, x->call.args, x->call.n, x->call.cap);
        if (!adopt(ps, x, place, arg))
            return false;
    }
    return advance(ps);
}

/* name, or name(…), after `before` and a dot, or by itself. */
static bool invocation(struct parser *ps, struct fp__node *before, struct fp__node **out)
{
    if (ps->t.kind == FP__DOLLAR) {
        static const enum fp__op dollars[] = {FP__THIS, FP__INDEX, FP__TOTAL};
        for (size_t i = 0; i < sizeof dollars / sizeof *dollars; i++)
            if (str_is(ps->t.text, ops[dollars[i]].text + 1)) {
                *out = node(ps, dollars[i]);
                return advance(ps);
            }
        return fail(ps, "after $ stands this, index or total");
    }
    if (ps->t.kind == FP__NAME && reserved(ps))
        return fail(ps, "a word of the language; as the name of an element it is written in backticks");
    if (ps->t.kind != FP__NAME)
        return fail(ps, "expected the name of an element or function");
    struct fp__node *x = node(ps, FP__PATH);
    struct str name = ps->t.text;
    if (!advance(ps))
        return false;
    if (is_symbol(ps, "(")) {
        x->op = FP__CALL;
        x->call.name = name;
        if (!adopt(ps, x, &x->left, before) || !arguments(ps, x))
            return false;
    } else {
        if (before && before->op == FP__PATH && before->path.n < FP__MAX_STEPS_IN_PATH)
            x = before;
        else if (!adopt(ps, x, &x->left, before))
            return false;
        *ARENA_PUSH(ps->a, x->path.steps, x->path.n, x->path.cap) =
            (struct fp__step){.name = terminated(ps, name)};
    }
    *out = x;
    return true;
}

static bool number(struct parser *ps, struct fp__node **out)
{
    struct fp__node *x = node(ps, FP__LITERAL);
    struct str text = ps->t.text;
    struct decimal d;
    if (!decimal_parse(ps->a, text, &d) || !fp__in_range(&d))
        return fail(ps, "the number has too many digits");
    if (memchr(text.s, '.', text.len)) {
        x->literal = fp__decimal(d);
    } else {
        int64_t i;
        if (!decimal_to_int64(&d, &i) ||
            i > (int64_t)INT32_MAX + 1) /* one more: its negation is an Integer */
            return fail(ps, "an Integer is at most 2147483647; write it with .0 to make it a Decimal");
        x->literal = fp__integer(i);
    }
    if (!advance(ps))
        return false;
    bool calendar = ps->t.kind == FP__NAME && !ps->t.delimited && fp__calendar_unit(ps->t.text);
    if (ps->t.kind == FP__STRING || calendar) {
        x->literal = (struct fp_item){.kind = FP_QUANTITY, .quantity = {d, ps->t.text, calendar}};
        if (!advance(ps))
            return false;
    }
    *out = x;
    return true;
}

static bool literal(struct parser *ps, const struct fp_item *value, struct fp__node **out)
{
    *out = node(ps, FP__LITERAL);
    (*out)->literal = *value;
    return advance(ps);
}

static bool term(struct parser *ps, struct fp__node **out)
{
    const struct fp__token *t = &ps->t;
    if (is_symbol(ps, "(")) {
        if (++ps->nesting > FP__MAX_DEPTH / 2)
            return fail(ps, "the expression is nested too deeply");
        if (!advance(ps) || !expression(ps, 1, out) || !expect(ps, ")", "expected )"))
            return false;
        ps->nesting--;
        return true;
    }
    if (is_symbol(ps, "{")) {
        *out = node(ps, FP__EMPTY);
        return advance(ps) && expect(ps, "}", "expected } : {} is the empty collection");
    }
    if (is_symbol(ps, "%")) {
        struct fp__node *x = node(ps, FP__VARIABLE);
        if (!advance(ps))
            return false;
        if (t->kind != FP__NAME && t->kind != FP__STRING)
            return fail(ps, "after % stands the name of a variable");
        x->name = t->text;
        *out = x;
        return advance(ps);
    }
    if (t->kind == FP__NUMBER)
        return number(ps, out);
    if (t->kind == FP__STRING) {
        struct fp_item s = fp__string(t->text);
        return literal(ps, &s, out);
    }
    if (t->kind == FP__DATE) {
        struct fp_item d = {.kind = t->date_kind, .date = {t->date}};
        return literal(ps, &d, out);
    }
    if (is_word(ps, "true") || is_word(ps, "false")) {
        struct fp_item b = fp__boolean(is_word(ps, "true"));
        return literal(ps, &b, out);
    }
    return invocation(ps, NULL, out);
}

static bool postfix(struct parser *ps, struct fp__node **out)
{
    struct fp__node *x;
    if (!term(ps, &x))
        return false;
    for (;;) {
        if (is_symbol(ps, ".")) {
            if (!advance(ps) || !invocation(ps, x, &x))
                return false;
        } else if (is_symbol(ps, "[")) {
            struct fp__node *at = node(ps, FP__AT), *index;
            if (++ps->nesting > FP__MAX_DEPTH / 2)
                return fail(ps, "the expression is nested too deeply");
            if (!advance(ps) || !expression(ps, 1, &index) || !adopt(ps, at, &at->left, x) ||
                !adopt(ps, at, &at->right, index) || !expect(ps, "]", "expected ]"))
                return false;
            ps->nesting--;
            x = at;
        } else {
            *out = x;
            return true;
        }
    }
}

static bool unary(struct parser *ps, struct fp__node **out)
{
    if (!is_symbol(ps, "+") && !is_symbol(ps, "-"))
        return postfix(ps, out);
    struct fp__node *x = node(ps, is_symbol(ps, "-") ? FP__NEGATE : FP__PLUS), *operand;
    if (++ps->nesting > FP__MAX_DEPTH / 2)
        return fail(ps, "the expression is nested too deeply");
    if (!advance(ps) || !unary(ps, &operand) || !adopt(ps, x, &x->left, operand))
        return false;
    ps->nesting--;
    *out = x;
    if (operand->op == FP__LITERAL && operand->literal.kind == FP_INTEGER) {
        operand->literal.integer *= x->op == FP__NEGATE ? -1 : 1;
        *out = operand;
    }
    return true;
}

/* The infix operator that comes next. */
static enum fp__op infix(const struct parser *ps)
{
    if (ps->t.kind != FP__SYMBOL && (ps->t.kind != FP__NAME || ps->t.delimited))
        return FP__N_OPS;
    enum fp__op op = 0;
    while (op < FP__N_OPS && !(ops[op].precedence && str_is(ps->t.text, ops[op].text)))
        op++;
    return op;
}

/* Names joined by dots, as a path. */
static bool type_specifier(struct parser *ps, struct fp__node **out)
{
    struct fp__node *x = node(ps, FP__PATH);
    for (;;) {
        if (ps->t.kind != FP__NAME || reserved(ps))
            return fail(ps, "expected the name of a type");
        *ARENA_PUSH(ps->a, x->path.steps, x->path.n, x->path.cap) =
            (struct fp__step){.name = terminated(ps, ps->t.text)};
        if (!advance(ps))
            return false;
        if (!is_symbol(ps, "."))
            break;
        if (!advance(ps))
            return false;
    }
    *out = x;
    return true;
}

static bool expression(struct parser *ps, int precedence, struct fp__node **out)
{
    struct fp__node *left;
    if (++ps->nesting > FP__MAX_DEPTH / 2)
        return fail(ps, "the expression is nested too deeply");
    if (!unary(ps, &left))
        return false;
    for (enum fp__op op; (op = infix(ps)) < FP__N_OPS && ops[op].precedence >= precedence;) {
        struct fp__node *x = node(ps, op), *right;
        if (!advance(ps))
            return false;
        if (op == FP__IS || op == FP__AS ? !type_specifier(ps, &right)
                                         : !expression(ps, ops[op].precedence + 1, &right))
            return false;
        if (!adopt(ps, x, &x->left, left) || !adopt(ps, x, &x->right, right))
            return false;
        left = x;
    }
    ps->nesting--;
    *out = left;
    return true;
}

bool fp__parse(struct arena *a, struct str text, struct fp__node **out, struct err *err)
{
    struct parser ps = {.a = a, .err = err};
    fp__lex_init(&ps.lx, a, text);
    if (!advance(&ps) || !expression(&ps, 1, out))
        return false;
    return ps.t.kind == FP__END || fail(&ps, "expected an operator or the end of the expression");
}
