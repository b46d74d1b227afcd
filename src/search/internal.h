/*
 * search/internal.h: what the files of the module share.
 *
 *   registry.c   search parameters, compiled, by resource type          leaves.c   the types an expression ends in
 *   custom.c     SearchParameters that are stored here as resources     current.c  the registry in force
 *   lanes.c      which parameter feeds which column of res              key.c      the hashes
 *   index.c      resource → index rows; drives the files below          refs.c     literal references of a resource
 *   string.c token.c reference.c date.c number.c quantity.c uri.c composite.c
 *                one parameter type each: its values' index rows, and its query text → criterion
 *   filter.c     _filter → criteria
 *   text.c       _text and _content, words.c their words              near.c     Locations within a distance
 *   access.c     who may see or change what: grants → criteria
 *   list.c       _list                                              tree.c     :below and :above on references
 *   contained.c  _contained and _containedType
 *   sealed.c     values of sealed elements
 *   codes.c      :in, :not-in, :above and :below of tokens
 *   parse.c      query → criteria; value.c splits, result.c reads _count, _sort, _include and their like
 *   where.c      criterion → SQL condition                              sort.c     sort keys
 *   cursor.c     where a page ended, signed                             order.c    sort keys and cursor in SQL
 *   cost.c       what of a query costs most, by the statistics
 *   plan.c       query → statement (plan.h)                             subset.c   _summary, _elements
 */
#ifndef KAGARI_SEARCH_INTERNAL_H
#define KAGARI_SEARCH_INTERNAL_H

#include "search/access.h"
#include "search/query.h"

/* ---- registry ---------------------------------------------------------------------------------------- */

/* Parameters that are no FHIRPath over the resource. */
enum search__special {
    SPECIAL_NONE,
    SPECIAL_ID,
    SPECIAL_UPDATED,
    SPECIAL_FILTER,
    SPECIAL_TEXT,
    SPECIAL_CONTENT,
};

/* How the values of a token parameter compare. */
enum search__fold {
    FOLD_CASE,    /* codes: upper and lower case are the same (search.html#token) */
    FOLD_NONE,    /* identifiers, strings, URIs: as they are (datatypes.html#Identifier) */
    FOLD_CONTACT, /* telephone numbers without punctuation, mail addresses without case */
};

/* LANE_SHARED has no column: all its values are in idx_ovf. */
enum search__lane {
    LANE_NONE,
    LANE_PAT,
    LANE_CODE,
    LANE_CAT,
    LANE_DATE,
    LANE_QUANTITY,
    LANE_SHARED,
};

struct search__leaf {
    const struct fhir_type *type;
    const struct fhir_element *element; /* NULL: none known */
};

/* What an expression can yield, found without evaluating it. */
struct search__leaves {
    struct search__leaf *items;
    size_t n, cap;
    bool single;                    /* at most one value a resource */
    bool known;                     /* false: the expression is beyond this analysis, items is incomplete */
    const struct fhir_type *target; /* T, when every path ends in where(resolve() is T) */
    const char *
        *roots; /* the elements of the context in which the paths begin; without them it yields nothing */
    size_t n_roots, cap_roots;
    bool rooted; /* every path begins in one */
};

struct search_param {
    const struct fhir_search_param *def;
    const struct fhir_type *type; /* where it stands: a resource type, or Resource or DomainResource */
    const struct fp_expr *expr;   /* NULL: not indexed by expression */
    struct search__leaves leaves;
    uint64_t ident; /* a hash of "Patient.gender": what its own hashes begin with */
    int32_t id;     /* its number in the side tables: a hash of its code */
    enum search__special special;
    enum search__fold fold;
    struct search_param *components; /* composite: their ident and id are of the composite */
    int n_components;
    bool whole;         /* composite on the resource itself: its components are parameters of the resource */
    bool plain;         /* token: primitives only, so that a value has no system of its own */
    uint16_t n_targets; /* reference: as def, but narrowed by where(resolve() is T) */
    const struct fhir_type *const *targets;
    const struct search_custom *custom; /* NULL: of the definitions */
};

/* A set of elements of a type, by fhir_element.index. */
struct search__elements {
    uint64_t bits[2];
};

/* One parameter as one resource type has it. */
struct search__slot {
    const struct search_param *param;
    enum search__lane lane;
    unsigned compartments;         /* bit i: compartment i's membership goes by it */
    struct search__elements roots; /* evaluated only when the resource has one of them */
    /* combo-code is code and component-code: such a union is not indexed but asked of its parts */
    const struct search__slot **parts;
    int n_parts;
};

struct search__type {
    const struct fhir_type *type;
    struct search__slot *slots; /* sorted by code */
    int n;
    const struct search_param *lanes[LANE_SHARED + 1]; /* what feeds a lane; of LANE_PAT one of two */
};

#define SEARCH__COMPARTMENTS 8

struct search_registry {
    const struct fhir_defs *defs;
    const struct conformance_view *terminology;
    struct fp_terminology codes;       /* the same for expressions */
    struct search__type *types;        /* by fhir_type.id */
    const json **stubs;                /* by fhir_type.id: {"resourceType": …}, for resolve() */
    const struct search_param *listed; /* no parameter, but what _list asks for */
    int n_compartments;
    const struct fhir_type *compartments[SEARCH__COMPARTMENTS];
};

/* Elements beyond the set's size are in every set. */
static inline void search__elements_add(struct search__elements *set, const struct fhir_element *e)
{
    if (e->index < 128)
        set->bits[e->index / 64] |= UINT64_C(1) << e->index % 64;
    else
        set->bits[0] = set->bits[1] = UINT64_MAX;
}

const struct search__type *search__type(const struct search_registry *r, const struct fhir_type *type);
const struct search__slot *search__slot(const struct search_registry *r, const struct fhir_type *type,
                                        struct str code);

/* Everything of a parameter that its definition says. */
bool search__compile(struct arena *a, const struct fhir_defs *d, const struct fhir_search_param *def,
                     struct search_param **out, struct err *err) NODISCARD;
void search__find_roots(const struct fhir_type *type, struct search__slot *slot);
/* It has values, and all rows that were there before it have been indexed for it. */
bool search__is_searchable(const struct search_param *param);
/* What of the text has to be kept for it. */
enum search_text search__text_of(const struct search_param *param);

/* unions.c: gives the slots of a type their parts. */
void search__find_unions(struct arena *a, struct search__type *t);
bool search__leaves(struct arena *a, const struct fhir_defs *d, const struct fhir_type *context,
                    const char *expression, struct search__leaves *out);

/* The lane that a parameter of a type feeds. */
enum search__lane search__lane(const char *type, const char *code);
/* A reference to what many resources share, a practitioner or an organization: it feeds LANE_SHARED. */
bool search__is_shared(const struct search_param *param);
int search__lane_count(void); /* how many (type, parameter) feed one; for the test of the table */

/* ---- keys -------------------------------------------------------------------------------------------- */

/* The kinds of a parameter's hashes. */
enum search__key_kind {
    KEY_CODE = 1,    /* a code, whatever its system */
    KEY_SYSTEM_CODE, /* system and code */
    KEY_NO_SYSTEM,   /* a code without system */
    KEY_SYSTEM,      /* a system, whatever the code */
    KEY_TEXT,        /* a text, folded */
    KEY_OF_TYPE,     /* identifier type and value */
    KEY_REF,         /* constant of a reference parameter */
    KEY_URL,         /* a URI, or a reference that is no Type/id of this server */
    KEY_PRESENT,     /* there is a value */
    KEY_LOCK,        /* of a conditional interaction */
    KEY_PAIR,        /* of a composite: two keys of its components */
    KEY_ID_CODE,     /* Reference.identifier, as the first four */
    KEY_ID_SYSTEM_CODE,
    KEY_ID_NO_SYSTEM,
    KEY_ID_SYSTEM,
    KEY_DATE,        /* a sealed date as it is written, to the day */
    KEY_DATE_WITHIN, /* the month or year that it is in, if it says so */
};

int64_t search__key(const struct search_tenant *t, const struct search_param *p, enum search__key_kind kind,
                    struct str x, struct str y);
/* The constant by which a target's hash becomes a reference key: search_hash_id(…) ^ search__ref(…). */
int64_t search__ref(const struct search_tenant *t, const struct search_param *p);
/* In acc: a patient whom a resource is about in whose compartment it is not (sql/0026_about.sql has the constant, too). */
static inline int64_t search__about(int64_t patient)
{
    return patient ^ INT64_C(0x61626f757400);
}
/* The same for membership in a compartment, as a resource of type has it. */
int64_t search__compartment(const struct search_tenant *t, const struct fhir_type *compartment,
                            const struct fhir_type *type);
int32_t search__param_id(const char *code); /* positive, so that it reads well in a dump */
uint64_t search__ident(const char *type, const char *code);

/* ---- index side -------------------------------------------------------------------------------------- */

struct search__index {
    const struct search_registry *registry;
    const struct search_tenant *tenant;
    struct arena *a;
    struct str base;
    const struct fhir_type *type;
    const json *resource;
    const json *container; /* of a contained resource; else the same as resource */
    const struct fhir_type *container_type;
    const struct search__slot *slot; /* the parameter at hand */
    bool sealed;                     /* its values are not kept as they are */
    bool codes_only;                 /* neither texts nor identifier types */
    int64_t tok;                     /* the token beside the value, in a composite */
    struct search_index *out;
};

void search__add_key(struct search__index *x, int64_t key);
/* The resource belongs to the compartment of the resource whose hash is h. */
void search__add_compartment(struct search__index *x, const struct fhir_type *compartment, int64_t h);
void search__add_dict(struct search__index *x, int kind, int64_t key, struct str val);
enum { DICT_CODE = 1, DICT_TEXT = 2, DICT_URI = 3 };

/* composite.c: the pairs in one element of a resource. */
bool search__index_composite(struct search__index *x, struct fp_env *env, const struct fp_item *item,
                             struct err *err) NODISCARD;
bool search__compile_composite(struct arena *a, const struct fhir_defs *d, struct search_param *p,
                               struct err *err) NODISCARD;
void search__token_reading(struct search_param *p);
void search__index_value(struct search__index *x, const struct fp_item *item);

typedef void search__index_fn(struct search__index *x, const struct fp_item *item);
search__index_fn search__index_string, search__index_token, search__index_reference, search__index_date,
    search__index_number, search__index_quantity, search__index_uri, search__index_near;

void search__index_text(struct search__index *x);
void search__index_list(struct search__index *x);

/* Folded text, cut into the words of full text: set text, and position to that of the word before the first. */
struct search__words {
    struct str text;
    int position;
    size_t at;
    bool in_run;
};
struct search__word {
    struct str text;
    int position;
    bool paired;      /* of a run of kana and kanji: two of them, or the last one by itself */
    bool first, last; /* paired: in its run */
};
bool search__next_word(struct search__words *w, struct search__word *out);

/* An end of a range of quantities; value NULL: it is open. */
struct search__end {
    const char *value;   /* literal */
    struct str standard; /* in the standard unit; s NULL: there is none */
    int64_t sc, c, u;
};
void search__add_number(struct search__index *x, const struct search__end *lo, const struct search__end *hi);
/* The literal of a member; NULL: there is none that can be indexed. */
const char *search__number_member(struct arena *a, const json *object, const char *name);
bool search__is_number(struct arena *a, const char *literal);

/* The value of an Extension, with its type; false when it has none. */
bool search__extension_value(const struct search__index *x, const struct fp_item *extension,
                             struct fp_item *out);

/* What a reference's text points at. Versions do not matter: "Patient/1/_history/2" is Patient/1. */
struct search__target {
    enum { TARGET_NONE, TARGET_LOCAL, TARGET_URL } kind;
    const struct fhir_type *type; /* local: */
    struct str id;
    struct str url; /* elsewhere, or no Type/id */
};
/* The type alone, of another server's resource too; NULL: unknown. */
const struct fhir_type *search__reference_type(const struct fhir_defs *d, struct str text);
void search__target(struct arena *a, const struct fhir_defs *d, struct str base, struct str text,
                    struct search__target *out);

/* What "#id" means in the resource at hand: "#" is the container; NULL: nothing. */
const json *search__contained(const struct search__index *x, const char *id);
/* The hash by which what contains it refers to it. */
int64_t search__hash_contained(const struct search__index *x, const char *id);
/* For fp_env, whose arg is the struct search__index: a stub of the type that a reference's text names. */
const json *search__resolve(void *arg, struct arena *a, const char *reference);
void search__refs(struct search__index *x);
/* The key of a Coding's system and code. */
int64_t search__coding_key(struct search__index *x, const struct search_param *p, const json *coding);
void search__index_reference_identifier(struct search__index *x, const json *identifier);

/* ---- sealed.c ---------------------------------------------------------------------------------------- */

/* May values of it be of sealed elements? Then all of them are indexed and asked for as such. */
bool search__is_sealed(const struct search_tenant *t, const struct search_param *p);
struct str search__sealed_text(const struct search_tenant *t, const struct search_param *p, struct arena *a,
                               struct str text);
struct str search__sealed_raw(const struct search_tenant *t, const struct search_param *p, struct arena *a,
                              struct str raw);
void search__sealed_grams(const struct search_tenant *t, const struct search_param *p, struct arena *a,
                          struct str text, int64_t **grams, size_t *n);
/* Adds keys; lo and hi become those of the year. */
void search__seal_date(struct search__index *x, const char *text, int64_t *lo, int64_t *hi);
struct str search__sealed_word(const struct search_tenant *t, struct arena *a, struct str word);

/* ---- query side -------------------------------------------------------------------------------------- */

/* The last two are of dates in a _filter. */
enum search__op {
    OP_EQ,
    OP_NE,
    OP_GT,
    OP_LT,
    OP_GE,
    OP_LE,
    OP_SA,
    OP_EB,
    OP_AP,
    OP_OVERLAPS,
    OP_CONTAINS,
    OP_YEARS_AFTER,
    OP_YEARS_BEFORE /* sealed dates: of other years, or named */
};

enum search__kind {
    CRIT_NONE,    /* nothing matches */
    CRIT_AND,     /* all children */
    CRIT_OR,      /* any child */
    CRIT_NOT,     /* not the child */
    CRIT_TARGET,  /* the row is of type, and the child holds */
    CRIT_KEYS,    /* the row has one of keys */
    CRIT_DICT,    /* the row has a key whose text in idx_dict is in a range */
    CRIT_TREE,    /* the row refers to one of a tree of resources */
    CRIT_ID,      /* rid is one of ids */
    CRIT_STRING,  /* a row of idx_str */
    CRIT_DATE,    /* the lane dt, or a row of idx_date */
    CRIT_NUMBER,  /* a row of idx_num */
    CRIT_UPDATED, /* lu */
    CRIT_TEXT,    /* a row of idx_text */
    CRIT_NEAR,    /* a row of idx_num with a position */
    CRIT_CHAIN,   /* the row refers, by param, to one of which a child (TARGET) holds */
    CRIT_HAS,     /* one of which a child (TARGET) holds refers to the row by param */
    CRIT_TYPES,   /* the row is of one of type_ids */
    CRIT_LABELS,  /* the row has one of labels */
    CRIT_BARE,    /* it has no label and no profile */
    CRIT_OPENED,  /* asked of sealed values, which the server opens: becomes ID or TEXT (opened.c) */
    CRIT_ACCESS,  /* the child holds, or the row is a contained resource, which is seen with its container */
    CRIT_ABOUT,   /* the row is about one of patients */
};

/* Those after CONTAINS are of a _filter. */
enum search__match {
    MATCH_PREFIX,
    MATCH_EXACT,
    MATCH_CONTAINS,
    MATCH_ENDS,
    MATCH_EQUAL,
    MATCH_UNEQUAL,
    MATCH_AFTER,
    MATCH_BEFORE,
    MATCH_FROM,
    MATCH_TO,
};

struct search__key {
    int64_t key, lane;
};

struct search_criterion {
    enum search__kind kind;
    const struct search_param *param;
    const struct fhir_type *type;
    struct search_criterion *child, *next;
    enum search__lane lane; /* KEYS: keys[].lane are its values; DATE: it is in the lane */
    union {
        struct {
            struct search__key *keys;
            size_t n_keys, cap_keys;
            bool lane_exact; /* equality with the lane is the whole answer */
        };
        struct {
            struct str *ids;
            size_t n_ids;
        };
        struct {
            int16_t *type_ids;
            size_t n_type_ids;
        }; /* TYPES */
        struct {
            int64_t *labels;
            size_t n_labels;
        }; /* LABELS */
        struct {
            const int64_t *patients,
                *compartments; /* compartments: search__compartment() of each type, by its number */
            size_t n_patients, n_compartments; /* with type: of that one alone */
            bool by_lane; /* the lane may have a patient whose compartment it is not in */
        };                /* ABOUT */
        struct {
            enum search__match match;
            bool sealed; /* text and raw are hashes, and so are */
            struct str text, raw;
            int64_t *grams; /* for CONTAINS and ENDS */
            size_t n_grams;
            struct str *beginnings; /* OPENED, of words: those that they begin with */
            struct str *found;      /* OPENED, of strings: ids */
            size_t n_beginnings, cap_beginnings, n_found, cap_found;
        }; /* STRING, OPENED */
        struct {
            int dict;
            struct str from, to;
        }; /* DICT */
        struct {
            int64_t root; /* hash of the resource at the top or bottom */
            const struct search_param *parent;
            const struct fhir_type *of;
            bool above;
        };                /* TREE */
        struct str words; /* TEXT: a tsquery */
        struct {
            double latitude, longitude, km;
        }; /* NEAR */
        struct {
            enum search__op op;
            int64_t lo, hi;
            const struct search_criterion *named; /* YEARS_AFTER, YEARS_BEFORE: KEYS, within lo and hi */
        };                                        /* DATE, UPDATED */
        struct {                                  /* NUMBER */
            enum search__op nop;
            struct str num, nlo, nhi; /* the number; the range its digits imply */
            int64_t unit;             /* hash; 0: any */
            bool standard; /* unit is a standard one, and the numbers are in it; else it is a code or unit */
            struct search_criterion *end; /* composites of two numbers: of hi, this one then of lo alone */
            int64_t tok;                  /* composites: hash of the token beside it; 0: none */
        };
    };
};

struct search__parse {
    struct arena *a;
    const struct search_registry *registry;
    const struct search_tenant *tenant;
    const struct search_options *options;
    struct search_query *q;
    struct err *err;
    bool building; /* the argument at hand names a parameter whose index is still being built */
    const enum search__match *match; /* _filter: how strings compare; NULL: as the modifier says */
    const enum search__op *op;       /* _filter: how dates compare; NULL: as the prefix says */
    bool met;                        /* sealed resources were opened: */
    const struct str *words;         /* these words were met in them */
    size_t n_words;
};

/* One parameter as a query names it. */
struct search__arg {
    const struct search_param *param;
    const struct fhir_type *type; /* the type searched */
    enum search__lane lane;
    const struct search__slot *slot;
    struct str name;     /* as the client wrote it, for messages */
    struct str modifier; /* s NULL: none */
};

/* One alternative of a value (between commas), still escaped. NULL, and *p->err filled in: it is malformed. */
typedef struct search_criterion *search__parse_fn(struct search__parse *p, const struct search__arg *arg,
                                                  struct str value);
search__parse_fn search__parse_string, search__parse_token, search__parse_reference, search__parse_date,
    search__parse_number, search__parse_quantity, search__parse_uri, search__parse_composite,
    search__parse_near;
search__parse_fn search__parse_text; /* the whole value */
/* The parameter of the resource that a composite on the resource itself has as its i-th component. */
const struct search__slot *search__component(const struct search__parse *p, const struct search__arg *arg,
                                             int i);
/* codes.c: the modifiers of tokens that ask what codes mean. */
bool search__is_coded(struct str modifier);
search__parse_fn search__parse_coded;
/* The form in which codes are hashed. */
struct str search__fold_code(struct arena *a, enum search__fold fold, struct str code);
/* May a plain code of this parameter be said to be of this system? */
bool search__implied_system(const struct conformance_view *t, const struct search_param *p,
                            const char *system, const char *code);
search__parse_fn search__parse_alternative; /* of whatever kind arg is */
/* Folded text that begins with what may be the second half of a long vowel, in the form that it has there. */
bool search__second_vowel(struct arena *a, struct str text, struct str *out);

/* opened.c. c is asked of sealed values by opening them; text: what is asked. NULL: not here. */
struct search_criterion *search__open(struct search__parse *p, struct search_criterion *c, struct str text);
/* The same of an order. */
bool search__open_order(const struct search__parse *p, struct search_sort *s);
/* When all else of the query is there. */
bool search__check_opened(struct search__parse *p) NODISCARD;
/* What the cursor of a row says instead of places. */
struct str search__cursor_values(const struct search_query *q, struct str row_cursor);

/* sealed.c. NULL: it cannot be asked of sealed values (*p->err). */
struct search_criterion *search__seal_string(struct search__parse *p, struct search_criterion *c);
struct search_criterion *search__seal_date_criterion(struct search__parse *p, struct search_criterion *c);
search__parse_fn search__parse_reference_identifier;
bool search__read_number(struct search__parse *p, const struct search__arg *arg, struct str text,
                         struct search_criterion *c);
bool search__may_target(const struct search_param *param, const struct fhir_type *type);
struct str search__target_names(struct arena *a, const struct search_param *param); /* for messages */

/* The parameter that a query names; one that is still being built is noted and taken for unknown. */
const struct search__slot *search__named(struct search__parse *p, const struct fhir_type *type,
                                         struct str code);
struct search_criterion *search__criterion(struct arena *a, enum search__kind kind,
                                           const struct search_param *param);
void search__criterion_key(struct arena *a, struct search_criterion *c, int64_t key, int64_t lane);
/* A key that the lane cannot answer. */
static inline void search__criterion_only_key(struct arena *a, struct search_criterion *c, int64_t key)
{
    c->lane = LANE_NONE;
    search__criterion_key(a, c, key, 0);
}

/* err: ERR_INVALID naming the parameter. Returns NULL. */
struct search_criterion *search__refuse(struct search__parse *p, const struct search__arg *arg,
                                        const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A parameter and its value; *out NULL: the parameter is unknown. */
bool search__parse_criterion(struct search__parse *p, struct str name, struct str value,
                             struct search_criterion **out);

void search__add_child(struct search_criterion *parent, struct search_criterion *child);
/* Adds an alternative. Keys join keys: they are one probe of the index. */
void search__add_alternative(struct arena *a, struct search_criterion *either, struct search_criterion *c);
/* An OR of one is that one, of none matches nothing. */
struct search_criterion *search__settle(struct search_criterion *either);
/* access.c: what may be seen of these types (n 0: of all); NULL: everything. */
struct search_criterion *search__access(const struct search_access *x, const struct fhir_type *const *types,
                                        size_t n);
/* To the criteria of the query, when all else is there. */
void search__add_access(struct search__parse *p);
/* c of what may be seen of the type. */
struct search_criterion *search__covered(struct search__parse *p, const struct fhir_type *type,
                                         struct search_criterion *c);
/* What holds for rows of a type that a chain or _has leads to; none when c matches nothing. */
void search__add_target(struct search__parse *p, struct search_criterion *join, const struct fhir_type *type,
                        struct search_criterion *c);
/* When all its targets are there. lane: of its parameter. */
void search__settle_chain(struct search_criterion *chain, enum search__lane lane);

/* tree.c. NULL: resources of the type make no tree. */
struct search_criterion *search__tree(struct search__parse *p, const struct search__arg *arg,
                                      const struct fhir_type *type, struct str id, bool above);
/* uri.c: with the modifier :below or :above. */
struct search_criterion *search__parse_uri_tree(struct search__parse *p, const struct search__arg *arg,
                                                struct str uri, bool above);

/* list.c: the key that a List has of what it names; resources by it */
const struct search_param *search__listed(struct arena *a);
struct search_criterion *search__parse_list(struct search__parse *p, struct str value);
/* A parameter of a type. NULL: it is malformed (*p->err), or unknown. */
struct search_criterion *search__parse_on_type(struct search__parse *p, const struct fhir_type *type,
                                               struct str name, struct str value);

/* filter.c */
bool search__parse_filter(struct search__parse *p, struct str text, struct search_criterion **out);
/* Of the last parameter of a chain; false: there is no such chain on the types searched. */
bool search__type_of_path(struct search__parse *p, struct str path, enum fhir_search_type *out);

/* value.c */
struct str search__cut(struct str s, char sep,
                       struct str *rest); /* at the first sep without backslash, as str_cut */
struct str search__unescape(struct arena *a, struct str s);
/* Takes the prefix off a number or date. */
enum search__op search__prefix(struct str *value);

/* result.c: *known false when it is no parameter of this kind. What is understood is added to self. */
bool search__parse_result(struct search__parse *p, struct str name, struct str value, struct buf *self,
                          bool *known);
bool search__parse_type(struct search__parse *p, struct str value, struct buf *self);
void search__self(struct buf *self, struct str name, struct str value);
bool search__parse_include(struct search__parse *p, struct str name, struct str value);
bool search__parse_sort(struct search__parse *p, struct str value);
void search__default_sort(struct search__parse *p);
/* What score and distance are of. False: they are sorted by and not asked for. */
bool search__find_measures(struct search__parse *p);

/* ---- sort and cursor --------------------------------------------------------------------------------- */

enum search__order {
    ORDER_TYPE,
    ORDER_ID,
    ORDER_UPDATED,
    ORDER_LANE_DATE,
    ORDER_STRING,
    ORDER_DATE,
    ORDER_NUMBER,
    ORDER_CODE,
    ORDER_URI,
    ORDER_REFERENCE,
    ORDER_SCORE,
    ORDER_DISTANCE,
    ORDER_OPENED
};

struct search_sort {
    enum search__order by;
    const struct search__slot *slot; /* from STRING to REFERENCE, and of OPENED */
    bool desc, sealed;
    enum search__order of; /* OPENED: what it would be if it were not sealed … */
    struct str ranks;      /* … and a JSON object, k → place */
};

struct search__cursor {
    bool given, back;
    int64_t total; /* -1: unknown */
    struct str snapshot;
    struct str *values; /* n_sorts, then k */
    size_t n;
};

/* q->cursor → q->position; all else of q is there. */
bool search__read_cursor(struct search_query *q, struct err *err) NODISCARD;
/* What was signed. */
bool search__cursor_parse(const struct search_query *q, struct str text,
                          struct search__cursor *out) NODISCARD;

/* ---- statistics: cost.c ------------------------------------------------------------------------------- */

/* With one of the keys, as far as it is common; of the types that are searched. */
int64_t search__rows_of_keys(const struct search_stats *s, const struct search_criterion *c);
int64_t search__rows_of_type(const struct search_stats *s, const struct fhir_type *type);
int64_t search__rows_of_types(const struct search_stats *s, const struct search_query *q);

/* ---- SQL --------------------------------------------------------------------------------------------- */

struct search__sql {
    struct sql *sql;
    const struct search_query *q;
    const struct search_stats *stats; /* or NULL */
    struct search__cursor cursor;
    int tenant;     /* the parameter's number */
    int aliases;    /* how many rows of res have a name: r0, r1, … */
    bool contained; /* the rows that conditions are written on are of res_contained */
    bool dated;     /* a driver's select gives the main date beside the value: v, dt */
};

/* contained.c: _contained. Is the query one that the page understands? */
bool search__check_contained(struct search__parse *p) NODISCARD;
/* CTE n: the contained resources that match, or their containers, with their sort keys. */
void search__contained_matches(struct search__sql *w);
/* Rows of n in the order of the page, at most limit of them, with the columns of a page. */
void search__contained_page(struct search__sql *w, int limit);

/* Where the rows that conditions are written on come from, and how side tables number their type. */
static inline const char *search__rows(const struct search__sql *w)
{
    return w->contained ? "res_contained" : "res";
}
static inline int search__side_type(struct search__sql *w, const struct fhir_type *type)
{
    return sql_int2(w->sql, (int16_t)(w->contained ? -type->id : type->id));
}

void search__tree_keys(struct search__sql *w, const struct search_criterion *c);
/* Selections of one number, for the row of k (an expression). */
void search__text_score(struct search__sql *w, const struct search_criterion *c, const char *k);
void search__near_distance(struct search__sql *w, const struct search_criterion *c, const char *k);
void search__near_condition(struct search__sql *w, const struct search_criterion *c);

/* FILTER: key conditions in the form that no index serves. */
enum search__use { USE_INDEX, USE_FILTER };
/* Keys begin with the type their parameter stands on: rows that have them are of it. */
bool search__names_type(const struct search_criterion *c, const struct fhir_type *type);
/* " AND …": only those of these types that the query may go by. Nothing where that is all. */
void search__where_seen(struct search__sql *w, const struct fhir_type *const *types, size_t n, int r);
/* A condition on the row r<r> of res. */
void search__where(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use);
/*
 * A number with a unit can be asked of idx_num in the order of the main date (idx_num_dt), as a selection of dt and k; and
 * alternatives that all have one, one by one. NULL: there is no i-th.
 */
bool search__walks_numbers(const struct search_criterion *c);
const struct search_criterion *search__number_part(const struct search_criterion *c, int i);
void search__walk_number(struct search__sql *w, const struct search_criterion *part);

int search__types_param(struct search__sql *w); /* an array of the types that are searched */
/* The codes of c as the lane has them: an int8 parameter when it is one, else an array. */
int search__code_param(struct search__sql *w, const struct search_criterion *c);
/* A condition on the lane dt that asks for far ends comes in two parts that share no row. */
bool search__has_far_part(const struct search_criterion *c);
void search__date_part(struct search__sql *w, const struct search_criterion *c, int r, bool far);
/* What the near part says of a column that has the start alone. */
void search__date_begin(struct search__sql *w, const struct search_criterion *c, const char *column);

/* order.c. from: r0, o (idx_ovf), or a selection whose sort keys are s0, s1, … On a page that is read backwards all but the
 * last selection, p, is ordered the other way round. */
bool search__is_indexed_order(const struct search_query *q);
/* By one string parameter: idx_str has the order. from: s. */
bool search__walks_strings(const struct search_query *q);
const char *search__no_value(const struct search_sort *s); /* what sorts in place of none */
void search__sort_keys(struct search__sql *w);
void search__order_by(struct search__sql *w, const char *from);
void search__after_cursor(struct search__sql *w, const char *from);
void search__cursor_column(struct search__sql *w);

/* join.c: chains and _has. */
bool search__is_join(const struct search_criterion *c);
void search__join(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use);
void search__join_select(struct search__sql *w, const struct search_criterion *c);

/*
 * A criterion that another table answers, or another row of res, can drive the search: the select gives values v of
 * a column (or keys) of the rows sought.
 */
bool search__drives(const struct search_criterion *c);
/* Does the select give rows that do not match as well? Then c is to be asked of them again. */
bool search__drives_loosely(const struct search__sql *w, const struct search_criterion *c);
void search__driver_select(struct search__sql *w, const struct search_criterion *c,
                           const struct fhir_type *type);
/* Of an alternative of c: is it the side table's values that are selected? */
bool search__is_looked_up(const struct search__sql *w, const struct search_criterion *c);
/* Do the rows that it selects have the main date? */
bool search__is_dated(const struct search_criterion *c);
/* k, h or pat; NULL: keys. */
const char *search__driver_column(const struct search_criterion *c);

#endif
