/*
 * fhir/internal.h: definitions as records, between what they are read from and the snapshot.
 *
 *     package JSON ──conformance.c──┐
 *                                   ├─→ struct fhir__records ──build.c──→ struct fhir_defs
 *     embedded text ──text_read.c───┘            └──text_write.c──→ text
 *
 * A record says what its source says, with names still text; build.c resolves names to pointers. Everything
 * lives in the arena of the records.
 */
#ifndef KAGARI_FHIR_INTERNAL_H
#define KAGARI_FHIR_INTERNAL_H

#include "fhir/defs.h"
#include "fhir/ucum.h"

#define FHIR__DEPTH_MAX 16 /* of types that are bases of one another; FHIR has 5 */

struct fhir__invariant {
    const char *key, *expression, *human;
    bool warning, best_practice;
};

struct fhir__invariants {
    struct fhir__invariant *items;
    size_t n, cap;
};

struct fhir__element {
    const char *path; /* below the type: "contact.name", "value[x]" */
    uint32_t min, max;
    bool summary, modifier;
    enum fhir_strength strength;
    const char *valueset; /* NULL: unbound */
    /* "CodeableConcept Reference(Patient,Group)"; "BackboneElement" or "Element" when the next records are
     * its children; "#Questionnaire.item" for a contentReference. */
    const char *types;
    const char *profile; /* of its type; only while a package is read */
    struct fhir__invariants invariants;
};

struct fhir__type {
    const char *name, *url, *base; /* base NULL: none */
    enum fhir_kind kind;
    bool abstract;
    uint16_t number; /* resources */
    /* Without those that the base declares in the same way. */
    struct fhir__element *elements;
    size_t n, cap;
    struct fhir__invariants invariants; /* without those of the base */
};

struct fhir__param {
    const char *base, *code, *url, *expression; /* expression NULL: evaluated otherwise */
    enum fhir_search_type type;
    const char *targets; /* blank-separated; "": any */
    struct fhir_search_component *components;
    size_t n, cap;
};

struct fhir__member {
    const char *type;
    const char *params; /* blank-separated */
};

struct fhir__compartment {
    const char *type;
    struct fhir__member *members;
    size_t n, cap;
};

struct fhir__prefix {
    const char *code, *factor;
};

struct fhir__unit {
    const char *code;
    bool metric;                    /* takes prefixes */
    bool special;                   /* its values are points on a scale */
    const char *value, *definition; /* in units that come before it; NULL: a base unit */
    const char *offset;             /* of a special unit; NULL: 0 */
};

struct fhir__records {
    struct arena *a;
    struct fhir__type *types;
    size_t n_types, cap_types;
    struct fhir__type *profiles; /* constraints on datatypes: only while packages are read */
    size_t n_profiles, cap_profiles;
    struct fhir__param *params;
    size_t n_params, cap_params;
    struct fhir__compartment *compartments;
    size_t n_compartments, cap_compartments;
    struct fhir__prefix *prefixes;
    size_t n_prefixes, cap_prefixes;
    struct fhir__unit *units; /* definitions before use */
    size_t n_units, cap_units;
};

/* ---- sources and sinks ------------------------------------------------------------------------------ */
/* Adds one conformance resource; others are passed over. The JSON tree may go afterwards. */
bool fhir__conformance_add(struct fhir__records *r, const json *resource, struct err *err) NODISCARD;
/* When all are added: leaves out what is inherited; sorts. */
void fhir__conformance_finish(struct fhir__records *r);
/* Does a required binding name the value set? */
bool fhir__required(const struct fhir__records *r, const char *url);

/* ucum_source.c: adds the prefixes and units of a ucumDefs.json (npm @lhncbc/ucum-lhc), definitions before use. */
bool fhir__ucum_add(struct fhir__records *r, const json *defs, struct err *err) NODISCARD;

/* Adds the records of one text. It is changed in place and must live as long as the records. */
bool fhir__text_read(struct fhir__records *r, char *text, size_t len, struct err *err) NODISCARD;

enum fhir__text {
    FHIR__TEXT_TYPES,
    FHIR__TEXT_SEARCH,
    FHIR__TEXT_COMPARTMENTS,
    FHIR__TEXT_UCUM,
    FHIR__TEXT_N
};
extern const char *const fhir__text_files[FHIR__TEXT_N]; /* "types.txt", … */
void fhir__text_write(const struct fhir__records *r, enum fhir__text which, struct buf *out);

bool fhir__build(struct arena *a, const struct fhir__records *r, const struct fhir_defs **out,
                 struct err *err) NODISCARD;

/* ---- the words of the text form, also those of FHIR's codes ------------------------------------------ */
extern const char *const fhir__kind_words[];     /* by enum fhir_kind, as in StructureDefinition.kind */
extern const char *const fhir__strength_words[]; /* by enum fhir_strength */
extern const char *const fhir__search_words[];   /* by enum fhir_search_type; NULL ends each */
/* Index of a word, or -1. */
int fhir__word(const char *const *words, const char *word);

/* ---- a map from text to pointer ---------------------------------------------------------------------- */
struct fhir__map {
    size_t mask;
    struct fhir__slot {
        const char *key; /* NULL: free */
        uint32_t hash;
        const void *value;
    } * slots;
};

uint32_t fhir__hash(const char *s, size_t len);
void fhir__map_init(struct fhir__map *m, struct arena *a, size_t n); /* for at most n entries */
void fhir__map_add(struct fhir__map *m, const char *key, const void *value);
const void *fhir__map_get(const struct fhir__map *m, struct str key);

/* ---- libxml2 ------------------------------------------------------------------------------------------ */
void fhir__libxml_init(void); /* before its first use in a thread */
/* Has no tag more attributes than any needs? To be asked before libxml2 reads a text. */
bool fhir__xml_attributes_few(struct str text);

#define FHIR__NAMESPACE "http://hl7.org/fhir"
#define FHIR__XHTML     "http://www.w3.org/1999/xhtml"
/* As text or as the value of an attribute. False when XML has no form for one of the characters. */
bool fhir__xml_escape(struct buf *b, struct str s);

/* The elements that are open, with the namespaces that they declare. Too many of either would make libxml2 slow. */
#define FHIR__XML_DEPTH 1300
struct fhir__xml_scope {
    int depth, namespaces;
    uint8_t declared[FHIR__XML_DEPTH];
};
bool fhir__xml_enter(struct fhir__xml_scope *s, int n_namespaces); /* false: too many */
void fhir__xml_leave(struct fhir__xml_scope *s);

/* ---- the table of units: ucum_table.c makes it, ucum.c reads codes by it ------------------------------ */
struct ucum__prefix {
    const char *code;
    struct decimal factor;
};

struct ucum__atom {
    const char *code;
    bool metric; /* takes prefixes */
    struct ucum_unit unit;
};

struct ucum {
    struct ucum__atom *atoms; /* what is a base unit has its place here for an id */
    size_t n;
    struct fhir__map by_code, prefixes;
};

/* Room for so many prefixes and units. */
struct ucum *ucum__new(struct arena *a, size_t n_prefixes, size_t n_units);
/* False: its number is none, or its definition has units that are not in the table yet. */
bool ucum__add_prefix(struct ucum *u, struct arena *a, const struct fhir__prefix *p);
bool ucum__add_unit(struct ucum *u, struct arena *a, const struct fhir__unit *t);

/* x · y and x / y; false when the result is beyond all use. */
bool ucum__multiply(struct arena *a, struct ucum_unit *x, const struct ucum_unit *y, bool divide);
extern const struct ucum_unit ucum__one;

/* ---- the snapshot ------------------------------------------------------------------------------------ */
struct fhir_defs {
    struct fhir_type *types;
    int n_types;
    const struct fhir_type **resources; /* concrete ones, alphabetical */
    int n_resources;
    const struct fhir_type **by_number;
    int n_numbers; /* the highest number + 1 */
    unsigned n_invariants, n_params;
    struct fhir__map type_names;
    struct fhir_compartment *compartments;
    int n_compartments;
    struct ucum *ucum;
};

/* What a type is asked by name. */
struct fhir_type_index {
    uint32_t mask;
    struct fhir_type_slot {
        uint32_t hash;
        uint16_t element; /* FHIR__FREE: free */
        uint16_t type;    /* which type of a choice; FHIR__BY_NAME: the choice's own name */
    } * slots;
    const struct fhir_search_param **params; /* sorted by code */
    int n_params;
};
#define FHIR__FREE    UINT16_MAX
#define FHIR__BY_NAME UINT16_MAX

struct fhir_compartment_member {
    const char *const *codes;
    int n;
};

#endif
