/*
 * validate/profile.h: a profile compiled: the tree of what it adds to what its type demands anyway.
 *
 * A node stands for an element, or for one slice of it; a slice's node has only what the slice adds to the element. So an
 * item of a sliced list is checked against the element's node and against its slice's. The tree begins as a copy of the
 * base profile's (profile_compile.c), then the differential is laid over it; profile_test.c decides by what the items of a
 * sliced element are told apart. Compiled at first use, kept beside the conformance view (profile.c), immutable then.
 */
#ifndef KAGARI_VALIDATE_PROFILE_H
#define KAGARI_VALIDATE_PROFILE_H

#include <stdatomic.h>

#include "conformance/conformance.h"
#include "internal.h"
#include "structure.h"

#define PROFILE__MAX_NODES  20000 /* of one profile, those of its bases included */
#define PROFILE__MAX_BASES  32    /* profiles upon each other */
#define PROFILE__MAX_STEPS  16    /* of a discriminator's path */
#define PROFILE__MAX_SLICES 512   /* of one element, re-slices included */

struct profile_node;
struct profile__cache;

/* A text of message.h, with what stands for its two %s. */
struct profile_fault {
    const char *text; /* NULL: no fault */
    const char *one, *two;
};

struct profile {
    const char *url;       /* as texts name it: with its version */
    const char *canonical; /* without */
    const struct structure *structure;
    const struct fhir_type *type;
    const struct profile *base; /* NULL: the type itself */
    int bases;                  /* profiles it stands upon */
    struct profile_fault wrong; /* why it cannot be used */
    struct profile_fault doubt; /* what of it makes no sense and was left out */
    bool modifier;              /* an extension that changes the meaning of what it stands in */
    struct profile_node *root;
    size_t n_context_invariants;
    /* Of an extension, by the structure's contexts and contextInvariants; NULL: none, or it cannot be compiled. */
    const struct fp_expr *const *contexts, *const *context_invariants;
};

/* A profile named by another. */
struct profile_ref {
    const char *url;              /* canonical */
    const char *element;          /* id of an element in it, or NULL: its root */
    const struct fhir_type *type; /* it is the definition of a type of FHIR; NULL: a profile */
};

struct profile_type {
    const struct fhir_type *type;
    size_t n_profiles, n_targets;
    const struct profile_ref *profiles, *targets;
    unsigned aggregation;
    bool same_targets; /* the targets are those of the base type: the walk has checked them */
};

struct profile_constraint {
    const struct structure_constraint *said;
    const struct fp_expr *expr;
    atomic_bool *failed; /* that it cannot be evaluated was logged */
};

/* What tells an item of a slice from others: the value at the end of a path. */
enum profile_step_kind { PROFILE_CHILD, PROFILE_EXTENSION, PROFILE_RESOLVE, PROFILE_OF_TYPE };
struct profile_step {
    enum profile_step_kind kind;
    const char *name; /* of the child; of the extension its url; of the type */
};
enum profile_test_kind {
    PROFILE_EQUALS,  /* node->fixed */
    PROFILE_MATCHES, /* node->pattern */
    PROFILE_IS_URL,  /* a string */
    PROFILE_MEMBER,  /* of node->valueset */
    PROFILE_EXISTS,
    PROFILE_ABSENT,
    PROFILE_IS_TYPE,   /* one of node->types */
    PROFILE_IS_TARGET, /* the target of a reference is of one of node's target types */
    PROFILE_CONFORMS,  /* to one of n_refs profiles */
    PROFILE_LIKE,      /* to what node and its children say */
};
struct profile_test {
    enum profile_test_kind kind;
    uint8_t n_steps;
    const struct profile_step *steps;
    const struct profile_node *node;
    const char *url;
    const struct profile_ref *refs;
    size_t n_refs;
};

struct profile_node {
    const char *id;                     /* "Patient.name:official.family" */
    const struct fhir_element *element; /* NULL: the root */
    struct profile_node *up; /* the parent element's node; of a slice its element's, or outer slice's */
    const char *slice;       /* its name; NULL: no slice */
    /* What is added. A node of which nothing is added only leads to others. */
    uint32_t min, max; /* 0, FHIR_MANY: nothing */
    size_t n_types, n_constraints, n_alternatives, n_children, n_slices, n_tests;
    size_t cap_types, cap_constraints, cap_children, cap_slices;
    struct profile_type *types;
    struct profile_constraint *constraints;
    const char *const *alternatives;
    const json *fixed, *pattern, *min_value, *max_value;
    int64_t max_length, min_length; /* -1: nothing */
    enum fhir_strength strength;
    const char *valueset;
    bool shortcut; /* its types are those of "valueQuantity", "valueString" … in the differential */
    const struct structure_slicing *slicing;
    const struct structure_narrative *narrative;
    struct profile_node **children, **slices;
    struct profile_test *tests;
    uint16_t ordinal; /* of a slice, among all slices of its element, from 0 */
    uint16_t n_all;   /* of an element: slices, re-slices included */
    bool idle;        /* nothing is added here nor below */
    bool value_idle;  /* nothing is added for each value: only how many, and slices */
    /* For the walk: the children that are not idle, and the type whose elements they have. */
    const struct fhir_type *of; /* NULL: there is more than one */
    size_t n_active;
    struct profile_node **active;
};

/* ---- profile.c: finding and keeping ---- */
struct profile__cache *profile__cache(const struct conformance_view *view); /* NULL for NULL */
/* NULL: unknown here. One that makes no sense has .wrong. */
const struct profile *profile_find(const struct validate__walk *w, const char *canonical);
/* While others are compiled: NULL when unknown, or when it is just being compiled itself. */
const struct profile *profile__inner(struct profile__cache *c, const char *canonical);
/* The node that a reference means; NULL: there is none. */
const struct profile_node *profile_node_of(const struct profile *p, const char *element);

/* ---- profile_compile.c ---- */
struct profile__source {
    struct profile__cache *cache;
    struct arena *a;
    const struct fhir_defs *defs;
    const struct structure *structure;
};
void profile__compile(const struct profile__source *s, const struct profile *base, bool use_snapshot,
                      struct profile *p);
/* The types that a node's values can have; *n of them at most. */
size_t profile__types(const struct profile_node *n, const struct fhir_type *root,
                      const struct fhir_type **out, size_t max);

/* ---- profile_test.c ---- */
void profile__tests(const struct profile__source *s, struct profile *p);

/* ---- profile_walk.c ---- */
/* Everything that profiles demand of the resource at `at`: those it claims and, of the outermost, those that the caller asks
 * for. */
void validate__profiles(struct validate__walk *w, struct validate__place *at);
/* One place against one profile, or an element of it. True: no error. */
bool profile_check(struct validate__walk *w, const struct profile *p, const struct profile_node *n,
                   struct validate__place *at);
/* The same without findings. */
bool profile_probe(struct validate__walk *w, const struct profile *p, const struct profile_node *n,
                   struct validate__place *at);

/* What the files of the walk share: a place against a node of this profile. */
struct profile__pass {
    struct validate__walk *w;
    const struct profile *p;
};
void profile__value(struct profile__pass *x, const struct profile_node *n, struct validate__place *at);
/* The children of `at` that are of this element: at most one, or an array. */
struct profile__values {
    const struct fhir_element *element;
    const struct fhir_type *type;
    const json *value, *extra;
    const json *next_value, *next_extra; /* of an array */
};
bool profile__values(const struct validate__place *at, const char *name, const struct fhir_element *e,
                     struct profile__values *out);
/* From one item to the next. False: there is none. at->index is -1 where there is no array. */
bool profile__first(struct validate__walk *w, struct profile__values *v, struct validate__place *up,
                    struct validate__place *at);
bool profile__next(struct validate__walk *w, struct profile__values *v, struct validate__place *at);
/* A finding that names the profile. */
void profile__find(struct profile__pass *x, const struct validate__place *at, enum issue_severity severity,
                   const char *code, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* ---- profile_value.c: what a single value must be ---- */
void profile__fixed(struct profile__pass *x, const json *wanted, bool pattern, struct validate__place *at);
bool profile__equals(const json *wanted, bool pattern, const json *found);
void profile__narrative(struct profile__pass *x, const struct structure_narrative *wanted,
                        struct validate__place *at);
void profile__range(struct profile__pass *x, const struct profile_node *n, struct validate__place *at);

/* ---- profile_target.c: types, references and what they lead to ---- */
/* False: another type than the node allows. */
bool profile__typed(struct profile__pass *x, const struct profile_node *n, struct validate__place *at);
/* The type of FHIR that a canonical names, by the definition of the type itself; NULL: it names something else. */
const struct fhir_type *profile__core_type(const struct fhir_defs *d, const char *canonical);
bool profile__is_target(struct validate__walk *w, const struct profile_ref *refs, size_t n,
                        struct validate__place *at);
bool profile__is_type(const struct profile_node *n, const struct fhir_type *t);
/* The resource that the Reference at `at` leads to, when it is in what is validated. *scope and *target are filled in. */
bool profile__resolve(struct validate__walk *w, const struct validate__place *at,
                      struct validate__scope *scope, struct validate__place *target);

/* ---- slice.c ---- */
struct profile__sliced {
    uint16_t counts[PROFILE__MAX_SLICES];
    int last;       /* ordinal of the slice before; -1: none */
    bool undecided; /* of some item it is not known which slice it is in */
    bool outside;   /* there was an item in no slice */
};
void profile__sliced_begin(struct profile__sliced *s, const struct profile_node *n);
void profile__sliced_item(struct profile__pass *x, const struct profile_node *n, struct validate__place *at,
                          struct profile__sliced *s);
void profile__sliced_end(struct profile__pass *x, const struct profile_node *n, struct validate__place *up,
                         const struct profile__sliced *s);

#endif
