/*
 * src/fhirpath/internal.h: what the files of the engine share.
 *
 *     lex.c  text → tokens           parse.c  tokens → tree
 *     compile.c  names bound to functions, types and elements; strict checks; regular expressions compiled
 *     eval.c  the tree over items    path.c   items → child items    value.c  items → System values
 *     functions.h  the list of functions; table.c finds one, functions.c calls it, fn_*.c implement them
 *     compare.c = ~ <   arithmetic.c + - * /   dates.c calendar   units.c units   math.c exp, ln, roots
 *     command.c  kagari fhirpath
 *
 * An expression is a tree of fp__node that never changes after fp_compile(). Evaluation keeps everything that
 * does change in fp__run (one evaluation) and fp__scope (what one argument sees). A pointer to an item of a
 * list is good only until the list grows: what outlives that is copied to the arena.
 */
#ifndef KAGARI_FHIRPATH_INTERNAL_H
#define KAGARI_FHIRPATH_INTERNAL_H

#include "base/regex.h"
#include "fhirpath/fhirpath.h"

/* ---- the compiled form -------------------------------------------------------------------------------- */

/* The kinds of nodes: name, how it is written, precedence as an infix operator (0: none). */
/* clang-format off */
#define FP__OPS(X) \
    X(LITERAL, "", 0)           X(EMPTY, "{}", 0)          X(THIS, "$this", 0)         X(INDEX, "$index", 0) \
    X(TOTAL, "$total", 0)       X(VARIABLE, "%", 0)        X(PATH, ".", 0)             X(CALL, "()", 0) \
    X(AT, "[]", 0)              X(PLUS, "+", 0)            X(NEGATE, "-", 0)           X(DESCENDING, "desc", 0) \
    X(MULTIPLY, "*", 10)        X(DIVIDE, "/", 10)         X(DIV, "div", 10)           X(MOD, "mod", 10) \
    X(ADD, "+", 9)              X(SUBTRACT, "-", 9)        X(CONCATENATE, "&", 9) \
    X(IS, "is", 8)              X(AS, "as", 8)             X(UNION, "|", 7) \
    X(LESS, "<", 6)             X(LESS_EQUAL, "<=", 6)     X(GREATER, ">", 6)          X(GREATER_EQUAL, ">=", 6) \
    X(EQUAL, "=", 5)            X(NOT_EQUAL, "!=", 5)      X(EQUIVALENT, "~", 5)       X(NOT_EQUIVALENT, "!~", 5) \
    X(IN, "in", 4)              X(CONTAINS, "contains", 4) X(AND, "and", 3) \
    X(OR, "or", 2)              X(XOR, "xor", 2)           X(IMPLIES, "implies", 1)
/* clang-format on */

enum fp__op {
#define X(name, text, precedence) FP__##name,
    FP__OPS(X)
#undef X
        FP__N_OPS
};

/* A type as an expression names it. fhir and system are both set for an unqualified name that either model
 * has (Quantity). */
struct fp__typename {
    const struct fhir_type *fhir; /* NULL: none */
    int system;                   /* enum fp_kind; -1: none */
};

/* What a compiler knows of an expression's items: one of these types. known false: anything. */
struct fp__types {
    bool known;
    bool unordered; /* the order of the items means nothing */
    size_t n, cap;
    struct fp__typename *v; /* each either fhir or system */
};

struct fp__access {
    const struct fhir_type *owner;
    const struct fhir_element *element;
};

/* One name of a path, with its elements on the types that may stand before it. */
struct fp__step {
    struct str name;
    const struct fp__access *known;
    int n_known;
};

struct fp__node {
    enum fp__op op;
    int line, column, depth;
    struct fp__node *left, *right; /* PATH, CALL: what stands before the dot; NULL: $this */
    struct fp__types types;        /* of the result */
    union {
        struct fp_item literal;
        struct str name; /* VARIABLE */
        struct {
            const struct fhir_type *guard; /* the path began with the name of this type */
            struct fp__step *steps;
            size_t n, cap;
        } path;
        struct {
            struct str name;
            const struct fp__function *function;
            struct fp__node **args;
            size_t n, cap;
            const struct regex *regex; /* compiled when the pattern is a literal */
            struct fp__typename type;  /* of ofType(), is(), as() */
        } call;
        struct fp__typename type; /* IS, AS */
    };
};

struct fp_expr {
    const struct fp__node *root;
};

enum { FP__MAX_DEPTH = 400, FP__MAX_STEPS_IN_PATH = 32 };

bool fp__parse(struct arena *a, struct str text, struct fp__node **out, struct err *err) NODISCARD;

/* Sets err with the place of x; always false. */
bool fp__error_at(const struct fp__node *x, struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- evaluation --------------------------------------------------------------------------------------- */

struct fp__variable {
    struct str name;
    struct fp_list value;
    const struct fp__variable *next;
};

/* What an expression sees. defineVariable() adds to vars for the rest of the chain it stands in. */
struct fp__scope {
    const struct fp_item *self; /* $this; NULL: there is none */
    int64_t index;
    const struct fp_list *total;
    const struct fp__variable *vars;
};

struct fp__run {
    struct arena *a;
    struct fp_env *env;
    const struct fp_item *context;
    struct err *err;
    size_t steps, items; /* left */
    const struct fp__known_unit *units;
};

enum fp__tri { FP__FALSE, FP__TRUE, FP__NONE };
static inline enum fp__tri fp__tri_of(bool b)
{
    return b ? FP__TRUE : FP__FALSE;
}
static inline enum fp__tri fp__tri_not(enum fp__tri t)
{
    return t == FP__NONE ? t : fp__tri_of(t == FP__FALSE);
}

#define FP__ALL SIZE_MAX
/* A list that first fills an array on the stack; what it holds is copied when it must outlive the function. */
#define FP__LIST(name, room)                                                                                 \
    struct fp_item name##_items[room];                                                                       \
    struct fp_list name = {name##_items, 0, room}

/* Appends the items of x to *out, at least the first `want` of them. */
bool fp__eval(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
              struct fp_list *out) NODISCARD;
/* The same as a condition: singleton evaluation of collections. */
bool fp__test(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, enum fp__tri *out) NODISCARD;
/* A list as a condition. */
bool fp__truth(struct fp__run *r, const struct fp__node *x, const struct fp_list *l,
               enum fp__tri *out) NODISCARD;
bool fp__error(struct fp__run *r, const struct fp__node *x, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool fp__push(struct fp__run *r, struct fp_list *out, const struct fp_item *item) NODISCARD;
bool fp__push_all(struct fp__run *r, struct fp_list *out, const struct fp_list *from) NODISCARD;
/* Text that the expression made; it costs steps by its length. */
bool fp__push_string(struct fp__run *r, struct fp_list *out, struct str s) NODISCARD;
/* Spends n steps of the evaluation's budget. */
bool fp__spend(struct fp__run *r, size_t n) NODISCARD;

static inline struct fp_item fp__boolean(bool b)
{
    return (struct fp_item){.kind = FP_BOOLEAN, .boolean = b};
}
static inline struct fp_item fp__integer(int64_t i)
{
    return (struct fp_item){.kind = FP_INTEGER, .integer = i};
}
static inline struct fp_item fp__string(struct str s)
{
    return (struct fp_item){.kind = FP_STRING, .string = s};
}
static inline struct fp_item fp__decimal(struct decimal d)
{
    return (struct fp_item){.kind = FP_DECIMAL, .decimal = d};
}

/* path.c */
bool fp__path(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
              struct fp_list *out) NODISCARD;
bool fp__children(struct fp__run *r, const struct fp_item *item, struct fp_list *out) NODISCARD;
const struct fhir_element *fp__element(const struct fp__step *st, const struct fhir_type *type);

/* value.c: a System value from an item: itself, or what a primitive or a Quantity holds. False: none. */
bool fp__value(struct arena *a, const struct fp_item *item, struct fp_item *out);
const char *fp__kind_name(enum fp_kind kind); /* "Boolean" */
bool fp__is_type(const struct fp__typename *t, const struct fp_item *item);
/* As as() and ofType() see it: of primitives only the very type. */
bool fp__as_type(const struct fp__typename *t, const struct fp_item *item);
struct str fp__to_string(struct arena *a, const struct fp_item *value); /* toString() */

/* compare.c */
enum fp__order { FP__LESS_THAN = -1, FP__SAME, FP__GREATER_THAN, FP__UNKNOWN, FP__INCOMPARABLE };
enum fp__tri fp__equal(struct fp__run *r, const struct fp_item *x, const struct fp_item *y);
enum fp__tri fp__equal_lists(struct fp__run *r, const struct fp_list *x, const struct fp_list *y);
bool fp__equivalent(struct fp__run *r, const struct fp_item *x, const struct fp_item *y);
bool fp__equivalent_lists(struct fp__run *r, const struct fp_list *x, const struct fp_list *y);
enum fp__order fp__compare(struct fp__run *r, const struct fp_item *x, const struct fp_item *y);
bool fp__contains(struct fp__run *r, const struct fp_list *l, const struct fp_item *item);

/* A list without duplicates being made; hashes when it grows large. */
struct fp__set {
    struct fp_list *list;
    uint32_t *slots; /* index + 1 into list; NULL while small */
    size_t n_slots;
};
/* Appends unless an equal one is there. *added may be NULL. */
bool fp__set_add(struct fp__run *r, struct fp__set *set, const struct fp_item *item, bool *added) NODISCARD;

/* arithmetic.c */
bool fp__arithmetic(struct fp__run *r, const struct fp__node *x, const struct fp_item *a,
                    const struct fp_item *b, struct fp_list *out) NODISCARD;
bool fp__negate(struct fp__run *r, const struct fp__node *x, const struct fp_item *a,
                struct fp_list *out) NODISCARD;

/* dates.c */
enum fp__order fp__compare_dates(const struct fhir_datetime *x, const struct fhir_datetime *y);
enum fp__added { FP__ADDED, FP__OUT_OF_RANGE, FP__NOT_A_DURATION };
enum fp__added fp__add_duration(struct arena *a, enum fp_kind kind, struct fhir_datetime *d,
                                const struct fp_item *quantity, bool negative);
struct str fp__date_text(struct arena *a, enum fp_kind kind, const struct fhir_datetime *d);
struct fhir_datetime fp__now(struct fp_env *env);
bool fp__boundary(struct arena *a, const struct fp_item *value, const int64_t *precision, bool high,
                  struct fp_item *out);
int fp__date_digits(enum fp_kind kind, const struct fhir_datetime *d);

/* units.c: how FHIRPath sees units. env->defs has those of UCUM. */
enum fp__unit_relation {
    FP__UNITS_SAME,       /* the same unit, or one that is equal to it (day and 'd') */
    FP__UNITS_CONVERT,    /* of one dimension: values can be converted */
    FP__UNITS_COMPARE,    /* points on scales (Cel, [degF]): values can be converted, but not added */
    FP__UNITS_DIFFERENT,  /* of different dimensions, or one of them is no unit */
    FP__UNITS_EQUIVALENT, /* year and 'a', month and 'mo' and what is built of them: only ~ may compare */
};
struct fp__unit {
    struct str code;
    bool calendar;
};
static inline struct fp__unit fp__unit_of(const struct fp_item *q)
{
    return (struct fp__unit){q->quantity.unit, q->quantity.calendar};
}
enum fp__unit_relation fp__units_relate(struct fp__run *r, struct fp__unit x, struct fp__unit y);
/* value in `from` as a value in `to`. False when fp__units_relate() gives DIFFERENT. */
bool fp__units_convert(struct fp__run *r, const struct decimal *value, struct fp__unit from,
                       struct fp__unit to, struct decimal *out);
/* The unit of a product or quotient; false when there is none. */
bool fp__units_combine(struct fp__run *r, struct fp__unit x, struct fp__unit y, bool divide,
                       struct str *unit);
/* "days" → "day"; NULL when it is no calendar duration. */
const char *fp__calendar_unit(struct str word);

/* math.c: to 28 significant digits. False when there is no such real number, or it is beyond all bounds. */
bool fp__sqrt(struct arena *a, const struct decimal *x, struct decimal *out);
bool fp__exp(struct arena *a, const struct decimal *x, struct decimal *out);
bool fp__ln(struct arena *a, const struct decimal *x, struct decimal *out);
bool fp__log(struct arena *a, const struct decimal *x, const struct decimal *base, struct decimal *out);
bool fp__power(struct arena *a, const struct decimal *x, const struct decimal *y, struct decimal *out);
/* Beyond this the language's Decimal ends here, and results are empty. */
bool fp__in_range(const struct decimal *d);
static inline bool fp__integer_in_range(int64_t i)
{
    return i >= INT32_MIN && i <= INT32_MAX;
}

/* ---- functions ---------------------------------------------------------------------------------------- */

enum fp__input {
    FP__ANY,       /* any collection */
    FP__ONE,       /* at most one item; of an empty collection the result is empty */
    FP__VALUE,     /* one item, read into call.value; complex ones too, with value.kind FP_NODE */
    FP__STRING_IN, /* one String in call.value; another type is an error */
    FP__NUMBER_IN, /* one Integer, Decimal or Quantity in call.value; another type is an error */
};

/* What the compiler knows of a result. */
enum fp__result {
    FP__R_ANY,
    FP__R_INPUT,
    FP__R_ARG,
    FP__R_BOTH,
    FP__R_TYPE,
    FP__R_EXTENSION,
    FP__R_UNORDERED,
    FP__R_BOOLEAN,
    FP__R_INTEGER,
    FP__R_DECIMAL,
    FP__R_STRING,
    FP__R_DATE,
    FP__R_DATETIME,
    FP__R_TIME,
    FP__R_QUANTITY,
};

enum fp__flags {
    FP__PLAIN = 0,
    FP__EACH = 1,      /* arguments are evaluated once for each item, which is their $this */
    FP__TYPE = 2,      /* the argument names a type */
    FP__IN_ORDER = 4,  /* asks for the order of the input */
    FP__REGEX = 8,     /* the first argument is a regular expression */
    FP__ON_INPUT = 16, /* the arguments' $this is the whole, single input */
};

struct fp__call {
    struct fp__run *r;
    const struct fp__node *x;
    struct fp__scope *s;
    struct fp_list *in;
    struct fp_item value;
    size_t want;
};

struct fp__function {
    const char *name;
    int8_t min, max; /* arguments */
    enum fp__input input;
    enum fp__result result;
    unsigned flags;
    size_t want; /* so many items of the input suffice; 0: all */
    /* One of the two. list appends to *out; test is for results that are one Boolean or empty. */
    bool (*list)(struct fp__call *c, struct fp_list *out);
    bool (*test)(struct fp__call *c, enum fp__tri *out);
};

/* By name and, where there are several, number of arguments. */
const struct fp__function *fp__function(struct str name, size_t n_args);
bool fp__call_list(struct fp__run *r, const struct fp__node *x, struct fp__scope *s, size_t want,
                   struct fp_list *out) NODISCARD;
bool fp__call_test(struct fp__run *r, const struct fp__node *x, struct fp__scope *s,
                   enum fp__tri *out) NODISCARD;

/* Argument i, evaluated in the caller's scope. */
bool fp__arg_list(struct fp__call *c, size_t i, struct fp_list *out) NODISCARD;
/* At most one System value; *present false when empty or the argument is left out. */
bool fp__arg_value(struct fp__call *c, size_t i, struct fp_item *out, bool *present) NODISCARD;
bool fp__arg_string(struct fp__call *c, size_t i, struct str *out, bool *present) NODISCARD;
bool fp__arg_integer(struct fp__call *c, size_t i, int64_t *out, bool *present) NODISCARD;
static inline struct fp__node *fp__arg(const struct fp__call *c, size_t i)
{
    return i < c->x->call.n ? c->x->call.args[i] : NULL;
}

#endif
