/*
 * From a tree of names to one of functions, types and elements, with what is known of each expression's items. In
 * strict mode that knowledge turns names that no type has into errors.
 */
#include "functions.h"
#include "internal.h"

struct compiler {
    struct arena *a;
    const struct fhir_defs *d;
    struct err *err;
    bool strict;
};

/* What an expression sees of types: $this. */
struct view {
    const struct fp__types *self;
};

static bool compile(struct compiler *k, struct fp__node *x, struct view v);

/* ---- sets of types --------------------------------------------------------------------------------------- */

static const struct fp__types unknown = {.known = false};

static void add_type(struct compiler *k, struct fp__types *t, struct fp__typename type)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].fhir == type.fhir && t->v[i].system == type.system)
            return;
    *ARENA_PUSH(k->a, t->v, t->n, t->cap) = type;
}

static struct fp__types of_fhir(struct compiler *k, const struct fhir_type *type)
{
    struct fp__types t = {.known = type != NULL};
    if (type)
        add_type(k, &t, (struct fp__typename){type, -1});
    return t;
}

static struct fp__types of_system(struct compiler *k, enum fp_kind kind)
{
    struct fp__types t = {.known = true};
    add_type(k, &t, (struct fp__typename){NULL, (int)kind});
    return t;
}

static struct fp__types both(struct compiler *k, const struct fp__types *x, const struct fp__types *y)
{
    struct fp__types t = {.known = x->known && y->known, .unordered = x->unordered || y->unordered};
    for (size_t i = 0; t.known && i < x->n; i++)
        add_type(k, &t, x->v[i]);
    for (size_t i = 0; t.known && i < y->n; i++)
        add_type(k, &t, y->v[i]);
    return t;
}

/* ---- paths ------------------------------------------------------------------------------------------------ */

/* An abstract type stands for types that have more elements. */
static bool open_ended(const struct fp__types *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].fhir && t->v[i].fhir->abstract)
            return true;
    return !t->known;
}

static bool no_such_element(struct compiler *k, const struct fp__node *x, const struct fp__types *on,
                            struct str name)
{
    const char *type = on->n == 0      ? "nothing"
                       : on->v[0].fhir ? on->v[0].fhir->name
                                       : fp__kind_name(on->v[0].system);
    return fp__error_at(x, k->err, ERR_INVALID, "%s%s has no element '%.*s'", type,
                        on->n > 1 ? " and its like" : "", STR_FMT(name));
}

/* One name after items of the types *t, which become those of the children. */
static bool compile_step(struct compiler *k, const struct fp__node *x, struct fp__step *st,
                         struct fp__types *t)
{
    struct fp__types next = {.known = t->known, .unordered = t->unordered};
    struct fp__access *known = NULL;
    size_t n = 0, cap = 0;
    bool open = open_ended(t), value = str_is(st->name, "value");
    for (size_t i = 0; i < t->n; i++) {
        const struct fhir_type *on = t->v[i].fhir;
        const struct fhir_element *e = on ? fhir_element_by_name(on, st->name.s) : NULL;
        if (e)
            *ARENA_PUSH(k->a, known, n, cap) = (struct fp__access){on, e};
        else if (on && on->kind == FHIR_PRIMITIVE && value)
            next.known = false;
        for (int m = 0; e && m < e->n_types; m++)
            add_type(k, &next, (struct fp__typename){e->types[m].type, -1});
    }
    st->known = known;
    st->n_known = (int)n;
    if (open && n == 0)
        next = (struct fp__types){.known = false, .unordered = t->unordered};
    else if (k->strict && n == 0 && next.known && t->n)
        return no_such_element(k, x, t, st->name);
    *t = next;
    return true;
}

static bool upper_case(struct str s)
{
    return s.len && s.s[0] >= 'A' && s.s[0] <= 'Z';
}

static bool compile_path(struct compiler *k, struct fp__node *x, struct view v)
{
    struct fp__types t = x->left ? x->left->types : *v.self;
    size_t from = 0;
    const struct fhir_type *guard =
        !x->left && upper_case(x->path.steps[0].name) ? fhir_type(k->d, x->path.steps[0].name.s) : NULL;
    if (guard) {
        bool fits = open_ended(&t);
        for (size_t i = 0; i < t.n; i++)
            fits = fits || (t.v[i].fhir && (fhir_is_a(t.v[i].fhir, guard) || fhir_is_a(guard, t.v[i].fhir)));
        if (!fits && k->strict)
            return fp__error_at(x, k->err, ERR_INVALID, "the context is no %s", guard->name);
        x->path.guard = guard;
        if (!fits || open_ended(&t) || t.n != 1)
            t = of_fhir(k, guard);
        from = 1;
    }
    for (size_t i = from; i < x->path.n; i++)
        if (!compile_step(k, x, &x->path.steps[i], &t))
            return false;
    x->types = t;
    return true;
}

/* ---- types that are named --------------------------------------------------------------------------------- */

/* "Patient", "FHIR.Patient", "System.String". A name without its model is looked for in FHIR, then System. */
static bool compile_type(struct compiler *k, const struct fp__node *x, bool must_exist,
                         struct fp__typename *out)
{
    *out = (struct fp__typename){NULL, -1};
    if (x->op != FP__PATH || x->left || x->path.n > 2)
        return fp__error_at(x, k->err, ERR_INVALID,
                            "expected the name of a type, such as Patient or System.String");
    const struct fp__step *name = &x->path.steps[x->path.n - 1];
    const char *model = x->path.n == 2 ? x->path.steps[0].name.s : NULL;
    if (!model || strcmp(model, "FHIR") == 0)
        out->fhir = fhir_type(k->d, name->name.s);
    for (int i = FP_BOOLEAN; i <= FP_QUANTITY && (!model || strcmp(model, "System") == 0); i++)
        if (str_is(name->name, fp__kind_name((enum fp_kind)i)))
            out->system = i;
    bool qualified = model && (strcmp(model, "System") == 0 || strcmp(model, "FHIR") == 0);
    if (out->fhir || out->system >= 0 || (qualified && !must_exist))
        return true;
    return fp__error_at(x, k->err, ERR_INVALID, "there is no type '%s%s%s'", model ? model : "",
                        model ? "." : "", name->name.s);
}

static struct fp__types of_name(struct compiler *k, struct fp__typename name)
{
    struct fp__types t = of_fhir(k, name.fhir);
    if (!name.fhir && name.system >= 0)
        t = of_system(k, (enum fp_kind)name.system);
    return t;
}

/* ---- calls ------------------------------------------------------------------------------------------------ */

static bool compile_regex(struct compiler *k, struct fp__node *x)
{
    const struct fp__node *pattern = x->call.args[0];
    const struct fp__node *flags =
        x->call.n > (size_t)x->call.function->min ? x->call.args[x->call.function->min] : NULL;
    if (pattern->op != FP__LITERAL || pattern->literal.kind != FP_STRING ||
        (flags && (flags->op != FP__LITERAL || flags->literal.kind != FP_STRING)))
        return true;
    if (regex_compile(k->a, pattern->literal.string, flags ? flags->literal.string : STR(""),
                      str_is(x->call.name, "matchesFull"), true, &x->call.regex, k->err))
        return true;
    k->err->line = pattern->line;
    k->err->column = pattern->column;
    return false;
}

/* Whether items of these types can be what the function takes. */
static bool can_be(const struct fp__types *t, enum fp__input input)
{
    if (!t->known || t->n == 0)
        return true;
    for (size_t i = 0; i < t->n; i++) {
        const struct fhir_type *f = t->v[i].fhir;
        int s = t->v[i].system;
        bool string = f ? f->kind == FHIR_PRIMITIVE && f->json == FHIR_JSON_STRING : s == FP_STRING;
        bool number =
            f ? f->kind == FHIR_COMPLEX || (f->kind == FHIR_PRIMITIVE && f->json == FHIR_JSON_NUMBER)
              : s == FP_INTEGER || s == FP_DECIMAL || s == FP_QUANTITY;
        if (input == FP__STRING_IN ? string : input == FP__NUMBER_IN ? number : true)
            return true;
    }
    return false;
}

static struct fp__types result_of(struct compiler *k, const struct fp__node *x, const struct fp__types *in)
{
    const struct fp__function *f = x->call.function;
    struct fp__types t = unknown;
    switch (f->result) {
    case FP__R_ANY:
        return t;
    case FP__R_UNORDERED:
        t.unordered = true;
        return t;
    case FP__R_INPUT:
        t = *in;
        t.unordered = in->unordered && !str_is(x->call.name, "sort");
        return t;
    case FP__R_ARG:
        return x->call.args[0]->types;
    case FP__R_BOTH:
        return both(k, in, &x->call.args[0]->types);
    case FP__R_TYPE:
        t = of_name(k, x->call.type);
        t.unordered = in->unordered;
        return t;
    case FP__R_EXTENSION:
        return of_fhir(k, fhir_type(k->d, "Extension"));
    default:
        return of_system(k, (enum fp_kind)(f->result - FP__R_BOOLEAN + FP_BOOLEAN));
    }
}

static const struct fp__function resolves_to = {
    .name = "is", .min = 1, .max = 1, .input = FP__ANY, .result = FP__R_BOOLEAN, .test = fp__fn_resolves_to};

/* resolve() is T: told by the reference's own text, so that nothing need be fetched. */
static void shorten_resolve(struct fp__node *x, struct fp__typename type)
{
    const struct fp__node *resolve = x->left;
    if (!resolve || resolve->op != FP__CALL || resolve->call.function->list != fp__fn_resolve)
        return;
    x->op = FP__CALL;
    memset(&x->call, 0, sizeof x->call);
    x->call.function = &resolves_to;
    x->call.type = type;
    x->left = resolve->left;
}

static bool compile_call(struct compiler *k, struct fp__node *x, struct view v)
{
    const struct fp__function *f = x->call.function = fp__function(x->call.name, x->call.n);
    const struct fp__types *in = x->left ? &x->left->types : v.self;
    if (!f)
        return fp__error_at(x, k->err, ERR_INVALID, "there is no function '%.*s'", STR_FMT(x->call.name));
    if (x->call.n < (size_t)f->min || x->call.n > (size_t)f->max)
        return fp__error_at(x, k->err, ERR_INVALID, "%s() takes %s%d argument%s, and there are %zu", f->name,
                            f->max > f->min ? "up to " : "", f->max, f->max == 1 ? "" : "s", x->call.n);
    if (f->flags & FP__TYPE) {
        bool must_exist = f->list != NULL;
        if (!compile_type(k, x->call.args[0], must_exist, &x->call.type))
            return false;
    } else {
        struct view inner = f->flags & (FP__EACH | FP__ON_INPUT) ? (struct view){in} : v;
        for (size_t i = 0; i < x->call.n; i++)
            if (!compile(k, x->call.args[i], inner))
                return false;
    }
    if ((f->flags & FP__REGEX) && !compile_regex(k, x))
        return false;
    if (k->strict && (f->flags & FP__IN_ORDER) && in->unordered)
        return fp__error_at(x, k->err, ERR_INVALID, "%s() asks for an order that the items do not have",
                            f->name);
    if (k->strict && !can_be(in, f->input))
        return fp__error_at(x, k->err, ERR_INVALID, "%s() is not for %s", f->name,
                            in->v[0].fhir ? in->v[0].fhir->name
                                          : fp__kind_name((enum fp_kind)in->v[0].system));
    x->types = result_of(k, x, in);
    if (f->test == fp__fn_is)
        shorten_resolve(x, x->call.type);
    return true;
}

/* ---- all nodes -------------------------------------------------------------------------------------------- */

static bool compile_operator(struct compiler *k, struct fp__node *x)
{
    switch (x->op) {
    case FP__IS:
        if (!compile_type(k, x->right, false, &x->type))
            return false;
        x->types = of_system(k, FP_BOOLEAN);
        shorten_resolve(x, x->type);
        return true;
    case FP__AS:
        if (!compile_type(k, x->right, true, &x->type))
            return false;
        x->types = of_name(k, x->type);
        return true;
    case FP__UNION:
        x->types = both(k, &x->left->types, &x->right->types);
        return true;
    case FP__AT:
        if (k->strict && x->left->types.unordered)
            return fp__error_at(x, k->err, ERR_INVALID, "[] asks for an order that the items do not have");
        x->types = x->left->types;
        return true;
    case FP__CONCATENATE:
        x->types = of_system(k, FP_STRING);
        return true;
    case FP__PLUS:
    case FP__NEGATE:
    case FP__DESCENDING:
    case FP__MULTIPLY:
    case FP__DIVIDE:
    case FP__DIV:
    case FP__MOD:
    case FP__ADD:
    case FP__SUBTRACT:
        x->types = unknown;
        return true;
    default:
        x->types = of_system(k, FP_BOOLEAN);
        return true;
    }
}

static bool compile(struct compiler *k, struct fp__node *x, struct view v)
{
    if (x->left && !compile(k, x->left, v))
        return false;
    switch (x->op) {
    case FP__LITERAL:
        if (x->literal.kind == FP_INTEGER && !fp__integer_in_range(x->literal.integer))
            return fp__error_at(x, k->err, ERR_SYNTAX, "an Integer is at most 2147483647");
        x->types = of_system(k, x->literal.kind);
        return true;
    case FP__EMPTY:
    case FP__TOTAL:
    case FP__VARIABLE:
        return true;
    case FP__INDEX:
        x->types = of_system(k, FP_INTEGER);
        return true;
    case FP__THIS:
        x->types = *v.self;
        return true;
    case FP__PATH:
        return compile_path(k, x, v);
    case FP__CALL:
        return compile_call(k, x, v);
    case FP__IS:
    case FP__AS:
        return compile_operator(k, x);
    default:
        return (!x->right || compile(k, x->right, v)) && compile_operator(k, x);
    }
}

bool fp_compile(struct arena *a, const struct fhir_defs *d, struct str text, const struct fhir_type *context,
                bool strict, const struct fp_expr **out, struct err *err)
{
    struct compiler k = {a, d, err, strict};
    struct fp__node *root;
    struct fp__types self = of_fhir(&k, context);
    if (!fp__parse(a, text, &root, err) || !compile(&k, root, (struct view){&self}))
        return false;
    struct fp_expr *x = ARENA_NEW(a, struct fp_expr);
    x->root = root;
    *out = x;
    return true;
}
