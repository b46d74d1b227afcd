/*
 * terminology/internal.h: what the files of the module share.
 *
 *   codesystem.c   CodeSystem → compact form          hierarchy.c   above and below
 *   valueset.c     ValueSet → its rules               filter.c      one filter of a rule against one concept
 *   member.c       is a code in a value set?          expand.c      all codes of a value set
 *   build.c        a code system that grows            image.c       the compact form as bytes
 *   csv.c          tables, row by row                  mapping.c     what their columns mean
 *   rf2.c          SNOMED CT's own form               implicit.c    value sets by the URL of a code system
 *   map.c          ConceptMaps
 *   forms.c        what no code can look like
 *   resource.c     canonical → what it means          cache.c       expansions that are asked for again
 *   distil.c       packages → conf/definitions/terminology.txt
 */
#ifndef KAGARI_TERMINOLOGY_INTERNAL_H
#define KAGARI_TERMINOLOGY_INTERNAL_H

#include <stdatomic.h>

#include "base/hash.h"
#include "base/regex.h"
#include "terminology/terminology.h"

uint32_t terminology__hash(struct str s);
/* A code without regard to case; one that does not fit in the buffer stays as it is. */
struct str terminology__fold(struct str code, char *buffer, size_t size);

/* ---- code systems --------------------------------------------------------------------------------------- */

/* A row of a table in compressed form: the values of concept i are values[at[i]] … values[at[i + 1] - 1]. */
struct terminology__rows {
    uint32_t *at, *values;
};

enum terminology__value {
    TERMINOLOGY__CODE,
    TERMINOLOGY__CODING,
    TERMINOLOGY__STRING,
    TERMINOLOGY__INTEGER,
    TERMINOLOGY__BOOLEAN,
    TERMINOLOGY__DATETIME,
    TERMINOLOGY__DECIMAL,
    TERMINOLOGY__N_VALUES
};

/* Texts are offsets into `text`; 0 is the empty one. Several that belong together lie one after the other. */
struct terminology_system {
    const char *url, *version, *name, *valueset;
    enum terminology_content content;
    bool fold; /* case does not count */
    uint32_t n;
    char *text;
    uint32_t *code, *display,
        *definition; /* by concept; the last two 0: none. definition NULL: none has one */
    uint8_t *flags;
    uint32_t *slots, mask; /* code → concept + 1; 0: free */
    struct terminology__rows parents, children;
    uint32_t *property_at; /* by concept, one more at the end; NULL: there are none */
    struct terminology__property {
        uint16_t code; /* index into codes */
        uint16_t type; /* enum terminology__value */
        uint32_t text; /* Coding: code, system, display */
    } * properties;
    const char **codes; /* of properties */
    size_t n_codes;
    struct terminology__declared { /* CodeSystem.property and filter */
        const char *code, *type;   /* type NULL: a filter */
    } * declared;
    size_t n_declared;
    uint32_t *designation_at; /* by concept, one more at the end; NULL: there are none */
    uint32_t *designations;   /* language, value, use: system, code, display */
};

enum { TERMINOLOGY__ABSTRACT = 1, TERMINOLOGY__INACTIVE = 2 };

/* Belongs to a; resource and scratch may go. ERR_UNSUPPORTED, also for one that brings no concepts (not-present). */
bool terminology__system_read(struct arena *a, struct arena *scratch, const json *resource,
                              const struct terminology_system **out, struct err *err) NODISCARD;
/* Fills in parents and children; sorts the edges. */
struct terminology__edge {
    uint32_t child, parent;
};
void terminology__hierarchy(struct terminology_system *s, struct arena *a, struct terminology__edge *edges,
                            size_t n);
/* An index into codes, or -1. */
int terminology__property_code(const struct terminology_system *s, const char *code);

/* ---- value sets ----------------------------------------------------------------------------------------- */

#define TERMINOLOGY__FILTERS(X)                                                                              \
    X(EQUAL, "=")                                                                                            \
    X(IS_A, "is-a")                                                                                          \
    X(DESCENDENT_OF, "descendent-of")                                                                        \
    X(IS_NOT_A, "is-not-a")                                                                                  \
    X(REGEX, "regex")                                                                                        \
    X(IN, "in")                                                                                              \
    X(NOT_IN, "not-in")                                                                                      \
    X(GENERALIZES, "generalizes")                                                                            \
    X(EXISTS, "exists")
enum terminology__op {
#define X(name, text) TERMINOLOGY__##name,
    TERMINOLOGY__FILTERS(X)
#undef X
        TERMINOLOGY__N_OPS
};

struct terminology__filter {
    const char *property, *value;
    enum terminology__op op;
    const struct regex *regex;
};

/* An element of compose.include or compose.exclude. */
struct terminology__rule {
    const char *system, *version; /* system NULL: of value sets only */
    _Atomic(const struct terminology_system *)
        found; /* system, as the definitions have it; NULL: not looked up */
    struct terminology__member {
        const char *code, *display;   /* display NULL: that of the code system */
    } * members;                      /* concept */
    uint32_t n_members, mask, *slots; /* as those of a code system; NULL: no members */
    struct terminology__filter *filters;
    size_t n_filters;
    const char **valuesets;
    size_t n_valuesets;
};

struct terminology__rules {
    struct terminology__rule *items;
    size_t n, cap;
};

struct terminology_valueset {
    const char *url, *version, *status;
    bool composed; /* it has compose */
    bool drops_inactive;
    struct terminology__rules include, exclude;
    struct terminology__rules expansion; /* as rules of one system each */
    bool whole;                          /* the expansion has all */
};

/* The member of that code; NULL: there is none. */
const struct terminology__member *terminology__rule_member(struct terminology__rule *r, struct str code);

/* One question, down through value sets that import others. */
struct terminology__ask {
    const struct conformance_view *v;
    bool concrete; /* what is abstract does not count */
    const struct terminology__path {
        const struct terminology_valueset *set;
        const struct terminology__path *up;
    } * path;
    struct err *err;                           /* why the answer is not known; may be NULL */
    const struct terminology_options *options; /* versions; may be NULL */
};
enum { TERMINOLOGY__DEPTH = 32 };
/* False: s is in the path already, or it is too long. */
bool terminology__enter(const struct terminology__ask *up, const struct terminology_valueset *s,
                        struct terminology__path *path, struct terminology__ask *down);
/* Fills in ask->err, where there is one. Returns TERMINOLOGY_UNKNOWN. */
enum terminology_answer terminology__dunno(const struct terminology__ask *ask, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

enum terminology_answer terminology__filter_has(const struct terminology__ask *ask,
                                                const struct terminology__filter *f,
                                                const struct terminology_system *s, uint32_t at);
/* What beside the code itself a rule asks: filters and value sets. at: the concept, where s is not NULL. */
enum terminology_answer terminology__rule_passes(const struct terminology__ask *ask,
                                                 struct terminology__rule *r,
                                                 const struct terminology_system *s, uint32_t at,
                                                 const char *system, const char *code);
/* system NULL: any; *of is the one that it turned out to be. */
enum terminology_answer terminology__rule_has(const struct terminology__ask *ask, struct terminology__rule *r,
                                              const char *system, const char *code, const char **of);
enum terminology_answer terminology__rules_have(const struct terminology__ask *ask,
                                                const struct terminology__rules *rules, const char *system,
                                                const char *code, const char **of);
enum terminology_answer terminology__set_has(const struct terminology__ask *ask,
                                             const struct terminology_valueset *s, const char *system,
                                             const char *code, const char **of);
/* The code system of a rule; NULL: not known here. */
const struct terminology_system *terminology__rule_system(const struct terminology__ask *ask,
                                                          struct terminology__rule *r);
/* A system whose codes are made by a grammar. */
bool terminology__by_grammar(const char *system);
/* NO: no code of that system has such a form; else UNKNOWN. */
enum terminology_answer terminology__by_form(struct str system, struct str code);

/* ---- resource.c: from a canonical to what it means ---------------------------------------------------------- */

/* NULL: not known here, or wrong. */
const struct terminology_system *terminology__view_system(const struct conformance_view *v, const char *url,
                                                          const char *version);
const struct terminology_valueset *terminology__view_valueset(const struct conformance_view *v,
                                                              const char *canonical);
const struct terminology_valueset *terminology__view_valueset_version(const struct conformance_view *v,
                                                                      const char *url, const char *version);

/* implicit.c: NULL: it is none of these, or of a code system that is not known here. */
const struct terminology_valueset *terminology__implicit(const struct conformance_view *v, struct str url);

/* ---- cache.c: the expansions of a view, by value set ------------------------------------------------------- */

bool terminology__cache_find(const struct conformance_view *v, const struct terminology_valueset *s,
                             struct terminology_expansion *out);
/* Keeps a copy, when there is room. */
void terminology__cache_keep(const struct conformance_view *v, const struct terminology_valueset *s,
                             const struct terminology_expansion *e);

/* ---- distil.c: conformance resources of packages → the text of the definitions ------------------------------ */

struct terminology__distil {
    struct arena *a;
    struct terminology__distilled {
        enum conformance_kind kind;
        int rank;
        const char *url;
        json *resource;  /* what is kept of it */
        json *expansion; /* of a value set: what there is in any package; NULL */
    } * items;
    size_t n, cap;
};
/* A CodeSystem or ValueSet; others are passed over. expansion_only: of a package that completes those before. The JSON
 * tree may go afterwards. */
void terminology__distil_add(struct terminology__distil *d, const json *resource, bool expansion_only);
/* keeps: for which sets an expansion is kept where the rules cannot be computed from what is there. */
void terminology__distil_write(struct terminology__distil *d, bool (*keeps)(void *arg, const char *url),
                               void *arg, struct buf *out);

#endif
