/*
 * terminology/terminology.h: CodeSystem, ValueSet and ConceptMap as data: which codes there are, what lies above and
 * below them, which belong to a value set (terminology-module.html).
 *
 * Everything is asked of a view (conformance/conformance.h), by any number of threads at once, and lives as long as the
 * view does. A resource is read when it is first asked for.
 *
 * A code system is kept compact (40 to 100 bytes a concept): a look-up is one probe of a hash table, subsumption walks
 * from the code towards the roots.
 */
#ifndef KAGARI_TERMINOLOGY_TERMINOLOGY_H
#define KAGARI_TERMINOLOGY_TERMINOLOGY_H

#include "conformance/conformance.h"

struct terminology_system;   /* a CodeSystem */
struct terminology_valueset; /* a ValueSet */

enum terminology_answer {
    TERMINOLOGY_UNKNOWN = -1, /* it depends on something that is not known here */
    TERMINOLOGY_NO = 0,
    TERMINOLOGY_YES = 1,
};

/* ---- code systems ------------------------------------------------------------------------------------- */

/* What of the code system is here (CodeSystem.content); one that is not present has no struct. */
enum terminology_content {
    TERMINOLOGY_COMPLETE,
    TERMINOLOGY_FRAGMENT,
    TERMINOLOGY_EXAMPLE,
    TERMINOLOGY_SUPPLEMENT
};

/* NULL: not known here, or one that supplements another. */
const struct terminology_system *terminology_system(const struct conformance_view *v, struct str canonical);
/* A stored one by the id of its resource; errors as of terminology_valueset(). */
bool terminology_system_by_id(const struct conformance_view *v, struct str id,
                              const struct terminology_system **out, struct err *err) NODISCARD;
/* One that is given with a request. It belongs to a. */
bool terminology_system_read(struct arena *a, const json *resource, const struct terminology_system **out,
                             struct err *err) NODISCARD;
const char *terminology_system_url(const struct terminology_system *s);
const char *terminology_system_version(const struct terminology_system *s); /* NULL: it has none */
const char *terminology_system_name(const struct terminology_system *s);    /* title or name, or NULL */
enum terminology_content terminology_system_content(const struct terminology_system *s);

/* Concepts are numbered in the order of the resource. */
uint32_t terminology_concepts(const struct terminology_system *s);
bool terminology_find(const struct terminology_system *s, struct str code, uint32_t *at);
const char *terminology_code(const struct terminology_system *s, uint32_t at);
const char *terminology_display(const struct terminology_system *s, uint32_t at);    /* NULL: it has none */
const char *terminology_definition(const struct terminology_system *s, uint32_t at); /* NULL: it has none */
bool terminology_is_abstract(const struct terminology_system *s, uint32_t at); /* not for use in records */
bool terminology_is_inactive(const struct terminology_system *s, uint32_t at);
/* Is b the same as a, or below it? */
bool terminology_is_a(const struct terminology_system *s, uint32_t a, uint32_t b);
size_t terminology_parents(const struct terminology_system *s, uint32_t at, const uint32_t **list);
size_t terminology_children(const struct terminology_system *s, uint32_t at, const uint32_t **list);
/* Everything above or below, itself first. */
void terminology_related(const struct terminology_system *s, struct arena *a, uint32_t at, bool above,
                         uint32_t **list, size_t *n);

struct terminology_property {
    const char *code, *member;    /* "status", and the member of its value: "valueCode" */
    const char *value;            /* as text; of a Coding the code */
    const char *system, *display; /* of a Coding; "" when it has none */
};
/* False: there is no i-th one. */
bool terminology_property(const struct terminology_system *s, uint32_t at, size_t i,
                          struct terminology_property *out);

struct terminology_designation {
    const char *language, *value;                    /* language "" when it has none */
    const char *use_system, *use_code, *use_display; /* use_code "" when it has none */
};
bool terminology_designation(const struct terminology_system *s, uint32_t at, size_t i,
                             struct terminology_designation *out);
/* The type of a property as CodeSystem.property declares it ("code", "Coding", "boolean" …); NULL: it is not declared. */
const char *terminology_declared(const struct terminology_system *s, const char *property);
/* Does CodeSystem.filter declare it? */
bool terminology_is_filter(const struct terminology_system *s, const char *code);
/* Is this text the concept's display or one of its designations, also of supplements? Case and the number of blanks do
 * not count. */
bool terminology_is_display(const struct conformance_view *v, const struct terminology_system *s, uint32_t at,
                            struct str text);
/* Is it the URL of one that only adds to another? */
bool terminology_is_supplement(const struct conformance_view *v, struct str url);
/* Those that add designations and properties to s; their concepts are found by code. */
size_t terminology_supplements(const struct conformance_view *v, struct arena *a,
                               const struct terminology_system *s,
                               const struct terminology_system *const **list);

/* Is there such a code? *in, where not NULL, is the code system when it is known, *at the concept when it is YES and *in
 * is not NULL. Units are known by UCUM's grammar; of LOINC, SNOMED CT and languages what cannot be a code is known
 * always. */
enum terminology_answer terminology_has_code(const struct conformance_view *v, struct str system,
                                             struct str code, const struct terminology_system **in,
                                             uint32_t *at);

/* Does code a subsume code b, or are they the same? view: a struct conformance_view; this form is that of FHIRPath's
 * callbacks, and the answer an enum terminology_answer. */
int terminology_subsumes(const void *view, const char *system, const char *a, const char *b);

/* ---- value sets ----------------------------------------------------------------------------------------- */

/* Also those that the specification derives from code systems: "http://loinc.org/vs", "<system>?fhir_vs", and of SNOMED CT
 * "?fhir_vs=isa/<code>". False: ERR_NOT_FOUND naming the canonical; ERR_UNSUPPORTED when it is there and makes no sense. */
bool terminology_valueset(const struct conformance_view *v, struct str canonical,
                          const struct terminology_valueset **out, struct err *err) NODISCARD;
/* A stored one by the id of its resource. */
bool terminology_valueset_by_id(const struct conformance_view *v, struct str id,
                                const struct terminology_valueset **out, struct err *err) NODISCARD;
const char *terminology_valueset_url(const struct terminology_valueset *s);
const char *terminology_valueset_version(const struct terminology_valueset *s); /* NULL: it has none */
const char *terminology_valueset_status(const struct terminology_valueset *s);
/* Is it all codes of that code system, by one include and no further rule? */
bool terminology_is_whole(const struct terminology_valueset *s, const char *system);
/* One that is given with a request. It belongs to a. */
bool terminology_valueset_read(struct arena *a, const json *resource, const struct terminology_valueset **out,
                               struct err *err) NODISCARD;

/* May a record use the code where the set is asked for? Abstract ones it may not, unless the set lists them. system
 * NULL: a code element, whose system is implied. */
enum terminology_answer terminology_has(const struct conformance_view *v,
                                        const struct terminology_valueset *s, const char *system,
                                        const char *code);
/* The same, with abstract codes where they are asked for; *why, where the answer is not known, says what is missing. */
enum terminology_answer terminology_decide(const struct conformance_view *v,
                                           const struct terminology_valueset *s, const char *system,
                                           const char *code, bool abstract, struct err *why);
/* The same for a canonical; a set that is not known here is TERMINOLOGY_UNKNOWN. For FHIRPath's memberOf(). */
int terminology_member(const void *view, const char *canonical, const char *system, const char *code);
/* The system that a code element's code is of; NULL when the set has it of several, or of none. */
const char *terminology_implied_system(const struct conformance_view *v, const struct terminology_valueset *s,
                                       const char *code);

struct terminology_concept {
    const char *system, *code, *display; /* display NULL: none is known */
    const struct terminology_system *in; /* NULL: its code system is not here */
    uint32_t at;                         /* in it */
    bool inactive, abstract;
};

struct terminology_expansion {
    const struct terminology_concept *concepts; /* from the one numbered first on */
    size_t n, first, total;                     /* total: of all; the list may be a part of them */
    bool stored; /* it was taken over from the resource, as compose cannot be computed here */
};

/* What a code system's version is where a value set names none (default), whatever it names (force), or what it has to be
 * (check). */
struct terminology_version {
    struct str system, version;
    enum { TERMINOLOGY_DEFAULT, TERMINOLOGY_FORCE, TERMINOLOGY_CHECK } what;
};

struct terminology_options {
    size_t max; /* more codes than this: ERR_TOO_COSTLY. 0: any number */
    size_t offset,
        count; /* the part that is needed: codes beyond it may be left out of the list. count 0: all */
    struct str filter; /* only those whose display or code has this text, case ignored; s NULL: all */
    bool active_only;
    const struct terminology_version *versions;
    size_t n_versions;
    const struct str *without; /* code systems whose codes are left out */
    size_t n_without;
};
/* All codes, in the order of the value set. max does not count where a part is asked for and the rest need not be kept
 * (one include of a code system). ERR_TOO_COSTLY, or ERR_UNSUPPORTED naming what is not known here. */
bool terminology_expand(const struct conformance_view *v, struct arena *a,
                        const struct terminology_valueset *s, const struct terminology_options *o,
                        struct terminology_expansion *out, struct err *err) NODISCARD;

#endif
