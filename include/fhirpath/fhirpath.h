/*
 * fhirpath/fhirpath.h: FHIRPath (N1 normative, as FHIR R4 uses it): compile once, evaluate many times.
 *
 * A compiled expression is immutable and may be evaluated by many threads at once. Evaluation allocates from
 * the caller's arena only and is bounded in steps, depth and output. What it needs of the outside comes
 * through callbacks.
 */
#ifndef KAGARI_FHIRPATH_FHIRPATH_H
#define KAGARI_FHIRPATH_FHIRPATH_H

#include "fhir/datetime.h"
#include "fhir/decimal.h"
#include "fhir/defs.h"

enum fp_kind {
    FP_NODE,
    FP_BOOLEAN,
    FP_INTEGER,
    FP_DECIMAL,
    FP_STRING,
    FP_DATE,
    FP_DATETIME,
    FP_TIME,
    FP_QUANTITY
};

/* One item of a collection: an element of a resource, or a computed System value. */
struct fp_item {
    enum fp_kind kind;
    /* FP_NODE: the element in its JSON tree. */
    const struct fhir_type *type;       /* FHIR type, "Patient.contact" for backbones; NULL when unknown */
    const struct fhir_element *element; /* how its parent declares it; NULL for a root */
    const json *node;                   /* the value; NULL for a primitive that has only extensions */
    const json *extra;                  /* the "_name" sibling of a primitive, or NULL */
    const struct fp_item *parent;       /* for error locations and %resource; NULL for a root */
    int index;                          /* in its array; -1: not in an array */
    /* System values; a primitive node is read into one when it is computed with. */
    union {
        bool boolean;
        int64_t integer;
        struct decimal decimal;
        struct str string;
        struct {
            struct fhir_datetime value;
        } date; /* FP_DATE, FP_DATETIME, FP_TIME */
        struct {
            struct decimal value;
            struct str unit;
            bool calendar;
        } quantity; /* unit: UCUM code, or a calendar word */
    };
};

struct fp_list {
    struct fp_item *items;
    size_t n, cap;
};

struct fp_expr;

/* Compiles against a context type (may be NULL). strict: unknown element names and wrong operand types are
 * errors. err gets line and column. */
bool fp_compile(struct arena *a, const struct fhir_defs *d, struct str text, const struct fhir_type *context,
                bool strict, const struct fp_expr **out, struct err *err) NODISCARD;

struct fp_variable {
    const char *name;
    struct fp_list value;
};

/* What memberOf(), subsumes() and subsumedBy() ask: 1 yes, 0 no, -1 unknown. */
struct fp_terminology {
    int (*member)(const void *arg, const char *valueset, const char *system,
                  const char *code); /* system NULL: any */
    int (*subsumes)(const void *arg, const char *system, const char *code, const char *other);
    const void *arg;
};

struct fp_env {
    struct arena *a;
    const struct fhir_defs *defs;
    const json *resource;      /* %resource: the resource, or contained resource, that holds the context */
    const json *root_resource; /* %rootResource; NULL: resource */
    const struct fp_variable *variables;
    int n_variables;
    int64_t now_us; /* now(), today(), timeOfDay(); 0: the clock is read once, when one of them is met */
    int zone;       /* theirs: minutes east of UTC */
    /* as() of several items: an error, as the language has it; false: it filters, as R4's own search parameters
     * expect ("(Observation.component.value as Quantity)"). */
    bool single_as;
    size_t max_steps, max_items; /* 0: defaults */
    /* resolve(): the resource of a reference, or NULL when it cannot be had. */
    const json *(*resolve)(void *arg, struct arena *a, const char *reference);
    const struct fp_terminology *terminology; /* NULL: none is known */
    /* conformsTo(): -1 unknown. */
    int (*conforms_to)(void *arg, const struct fp_item *item, const char *profile);
    void (*trace)(void *arg, const char *name, const struct fp_list *value);
    void *arg;
};

/* The root item of a resource or datatype. type NULL: from resourceType. */
struct fp_item fp_root(const struct fhir_defs *d, const json *node, const struct fhir_type *type);

bool fp_eval(const struct fp_expr *x, struct fp_env *env, const struct fp_item *context, struct fp_list *out,
             struct err *err) NODISCARD;
/* The result as a condition: empty is false; one item that is not a boolean is true. */
bool fp_eval_bool(const struct fp_expr *x, struct fp_env *env, const struct fp_item *context, bool *out,
                  struct err *err) NODISCARD;

/* "Patient.contact[1].name", from the parents. */
struct str fp_path(struct arena *a, const struct fp_item *item);
/* A primitive node's text, or NULL: a shorthand for indexers. */
const char *fp_text(const struct fp_item *item);

#endif
