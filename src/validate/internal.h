/* validate/internal.h: what the files of this module share. */
#ifndef KAGARI_VALIDATE_INTERNAL_H
#define KAGARI_VALIDATE_INTERNAL_H

#include <stdatomic.h>

#include "fhirpath/fhirpath.h"
#include "validate/validate.h"

/* The parser bounds the depth of what clients send; this bounds the stack whoever made the tree. */
#define VALIDATE__MAX_DEPTH    160
#define VALIDATE__MAX_FINDINGS 200
#define VALIDATE__SEEN_WORDS   2 /* 64 elements each; validator_new() sees to it that no type has more */

struct validate__invariants; /* invariant.c */
enum validate__coded { VALIDATE__UNCODED, VALIDATE__CODING };

struct validator {
    const struct fhir_defs *defs;
    const struct fhir_type *extension, *reference, *coding, *codeable_concept, *quantity, *bundle, *entry,
        *uuid, *oid, *observation, *identifier, *code_system, *value_set, *concept_map;
    const uint64_t (*required)[VALIDATE__SEEN_WORDS]; /* by fhir_type.index: the elements with min > 0 */
    const struct validate__invariants *invariants;
    const struct conformance_view *terminology;
    struct validate__bound **bindings; /* by fhir_type.index and fhir_element.index (binding.c) */
    const uint8_t *codes;              /* by fhir_type.index: how it has codes, enum validate__coded */
};

/* One element on the way from the root to where the walk stands. Lives on the C stack; its path is written
 * only for a finding, its FHIRPath item made only for an invariant. */
struct validate__place {
    struct validate__place *up; /* NULL: the root */
    const char *name;           /* as FHIRPath calls it: "value" for valueQuantity; the root: its type */
    int index;                  /* in its array; -1: not in one */
    const struct fhir_type *type;
    const struct fhir_element *element; /* NULL: the root */
    const json *node;                   /* NULL: a primitive without value */
    const json *extra;                  /* the "_name" sibling of a primitive, or NULL */
    struct fp_item *item;               /* made on demand, in the arena */
};

struct validate__contained {
    const char *id;
    const json *node;
    const struct fhir_type *type; /* NULL: unknown */
    bool used;                    /* referred to from somewhere in the container */
};

/* Those whose entries need no fullUrl come first. */
enum validate__bundle_kind {
    VALIDATE__TRANSACTION,
    VALIDATE__TRANSACTION_RESPONSE,
    VALIDATE__BATCH,
    VALIDATE__BATCH_RESPONSE,
    VALIDATE__DOCUMENT,
    VALIDATE__MESSAGE,
    VALIDATE__HISTORY,
    VALIDATE__SEARCHSET,
    VALIDATE__COLLECTION,
    VALIDATE__UNKNOWN,
};

/* What a Bundle says of an entry; NULL: nothing. */
struct validate__entry {
    const char *url; /* fullUrl */
    const json *resource;
    const struct fhir_type *type; /* of the resource */
    const char *id, *version;
    size_t index;
    const struct validate__bundle *of;
};

struct validate__bundle {
    enum validate__bundle_kind kind;
    struct validate__entry *entries;
    size_t n;
    struct validate__entry **by_url; /* those with a URL and a type, sorted */
    struct validate__entry *
        *by_id; /* those with an id and a type, sorted; none in requests and their answers */
    size_t n_urls, n_ids;
    const struct fhir_type **searched; /* of a searchset: the types of its results; none: any */
    size_t n_searched, cap_searched;
};

struct validate__found {
    const struct validate__entry *entry; /* the first; NULL: none */
    size_t n;
};

/* A link "#id" of a narrative, which may lead to what comes later. */
struct validate__link {
    const char *id, *path;
    size_t offset;
};

/* The resource that the walk is in: the outermost one, an entry of a Bundle, a contained one. */
struct validate__scope {
    const json *node;
    const struct fhir_type *type;
    struct validate__scope *outer;     /* the resource around it; NULL: the outermost one */
    struct validate__scope *container; /* of a contained resource; else NULL */
    /* What it contains, sorted by id; those without an id are left out. */
    struct validate__contained *contained;
    size_t n_contained;
    struct validate__bundle *bundle;     /* of a Bundle */
    const struct validate__entry *entry; /* that this is the resource of */
    /* Ids in narratives, and links to others. */
    const char **anchors;
    struct validate__link *links;
    size_t n_anchors, cap_anchors, n_links, cap_links;
    struct validate__ids *ids; /* of elements, ids.c; NULL: there was none yet */
    bool refers_to_container;  /* a contained resource that uses the reference "#" */
    bool conditional;          /* inside a transaction, where "Type?query" is a reference */
};

struct validate__walk {
    const struct validator *v;
    struct arena *a;
    struct issues *out;
    const struct validate_options *options;
    struct fp_terminology asks;          /* what invariants ask about codes */
    const struct conformance_view *view; /* that of the options, else the definitions' */
    struct validate__scope *scope;
    struct arena *scratch; /* of one invariant's evaluation */
    int depth;
    size_t first;            /* findings that were in the list before */
    const char **unresolved; /* canonicals that have been told of */
    size_t n_unresolved, cap_unresolved;
    int64_t now_us; /* of the invariants that ask for the time */
    /* Profiles (profile.h). */
    struct profile__cache *profiles; /* NULL: none are known */
    struct validate__checked *checked;
    size_t n_checked, cap_checked;
    int passes;  /* by a profile: what is found is the profile's rule */
    int probes;  /* questions whose findings nobody reads: they end at the first error */
    bool failed; /* there was one, in the innermost */
    bool lacks;  /* a resource lacks what its type requires */
};

/* ---- finding.c */
static inline bool validate__full(const struct validate__walk *w)
{
    return w->probes ? w->failed : w->out->n - w->first >= VALIDATE__MAX_FINDINGS;
}
/* Adds a finding with the path of `at`, unless the list is full. key NULL: no invariant. */
void validate__find(struct validate__walk *w, const struct validate__place *at, enum issue_severity severity,
                    const char *code, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* NULL: the list is full. */
struct issue *validate__findv(struct validate__walk *w, const struct validate__place *at,
                              enum issue_severity severity, const char *code, const char *key,
                              const char *fmt, va_list args) __attribute__((format(printf, 6, 0)));
/* One that breaks a rule that base FHIR does not have: of a questionnaire, a measure, a profile. */
void validate__rule(struct validate__walk *w, const struct validate__place *at, enum issue_severity severity,
                    const char *code, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same where there is no place any more. */
void validate__find_at(struct validate__walk *w, const char *path, size_t offset,
                       enum issue_severity severity, const char *code, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
const char *validate__path(struct arena *a, const struct validate__place *at);
size_t validate__offset(const struct validate__place *at); /* of the place, or of what holds it */
#define validate__error(w, at, code, ...) validate__find((w), (at), ISSUE_ERROR, (code), NULL, __VA_ARGS__)
/* Of what the reference validator refuses and no record has to be refused for. */
static inline enum issue_severity validate__policy(const struct validate__walk *w)
{
    return w->options->lenient ? ISSUE_WARNING : ISSUE_ERROR;
}
#define validate__refuse(w, at, code, ...)                                                                   \
    validate__find((w), (at), validate__policy(w), (code), NULL, __VA_ARGS__)
/* Warns, once for each, that a canonical cannot be resolved. what: "value set" */
void validate__unresolved(struct validate__walk *w, const struct validate__place *at, const char *canonical,
                          const char *what);
/* The code systems, value sets, questionnaires … that this validation knows. */
static inline const struct conformance_view *validate__codes(const struct validate__walk *w)
{
    return w->view;
}
/* The text in single quotes when it has the form of a FHIR name or code, so that nothing else of a record is
 * ever repeated; else the words `otherwise`. */
const char *validate__quote(struct arena *a, const char *s, const char *otherwise);

/* ---- walk.c */
void validate__resource(struct validate__walk *w, struct validate__place *at,
                        const struct fhir_type *expected, struct validate__scope *container);

/* ---- contained.c */
/* Fills in what is contained in the resource of a scope. */
void validate__contained_index(struct validate__walk *w, struct validate__scope *s);
void validate__contained_begin(struct validate__walk *w, struct validate__place *at);
void validate__contained_end(struct validate__walk *w, struct validate__place *at);
/* What "#id", or "#" inside a contained resource, refers to; NULL when there is no such thing. */
struct validate__contained *validate__contained_find(const struct validate__scope *s, const char *id);
/* Notes that "#id", or "#", was found in something other than a Reference. False: there is no such resource. */
bool validate__contained_use(struct validate__scope *s, const char *id);

/* ---- reference.c */
void validate__reference(struct validate__walk *w, struct validate__place *at);
void validate__uri(struct validate__walk *w, struct validate__place *at); /* uri, url, canonical */

/* ---- profile_walk.c */
void validate__profiles(struct validate__walk *w, struct validate__place *at);
/* conformsTo(): 1 yes, 0 no, -1 the profile is not known here. */
int validate__conforms(struct validate__walk *w, const struct fp_item *item, const char *canonical);

/* ---- extension.c */
void validate__extension(struct validate__walk *w, struct validate__place *at);

/* ---- bundle.c */
void validate__bundle_begin(struct validate__walk *w, const json *bundle); /* indexes it */
void validate__bundle_links(struct validate__walk *w, struct validate__place *at);
void validate__bundle_entry(struct validate__walk *w, struct validate__place *at);
/* The entry that has the resource at this place; NULL: the place is not Bundle.entry.resource. */
const struct validate__entry *validate__bundle_entry_of(const struct validate__bundle *b,
                                                        const struct validate__place *at);
/* The Bundle that a scope is in, and the entry; NULL: none. */
const struct validate__bundle *validate__bundle_of(const struct validate__scope *s,
                                                   const struct validate__entry **entry);
/* What a reference in an entry (NULL: of the Bundle itself) leads to within the Bundle. */
void validate__bundle_resolve(const struct validate__walk *w, const struct validate__bundle *b,
                              const struct validate__entry *from, struct str literal,
                              struct validate__found *out);
/* The same from where the walk is, in the Bundles around; the first of several, NULL for none. */
const struct validate__entry *validate__bundle_find(const struct validate__walk *w, const char *literal);
/* Is there an entry of this type and id, whatever its URL? only: NULL when there are several. */
bool validate__bundle_alike(const struct validate__walk *w, const struct validate__bundle *b,
                            const struct fhir_type *type, struct str id, const struct validate__entry **only);

/* ---- document.c */
/* Whether what belongs together does: after the entries of a document or a message. */
void validate__document(struct validate__walk *w, struct validate__place *at);
/* A reference that a document or a message makes whole: is what it leads to there? */
void validate__document_reference(struct validate__walk *w, struct validate__place *at, const char *literal);

/* ---- binding.c */
void validate__bindings_new(struct arena *a, struct validator *v);
/* That of the element's definition. */
void validate__binding(struct validate__walk *w, struct validate__place *at);
/* One of a profile: a code, Coding, CodeableConcept, Quantity, uri or string held against a value set, and against its
 * maxValueSet, which may be NULL. A set that is not known is told of once. */
void validate__binding_check(struct validate__walk *w, struct validate__place *at,
                             enum fhir_strength strength, const char *valueset, const char *max);

/* ---- coding.c */
void validate__coding(struct validate__walk *w, struct validate__place *at); /* Coding, Quantity */

/* ---- codesystem.c, valueset.c, conceptmap.c: the rules of these resources */
void validate__codesystem(struct validate__walk *w, struct validate__place *at);
void validate__valueset(struct validate__walk *w, struct validate__place *at);
void validate__conceptmap(struct validate__walk *w, struct validate__place *at);

/* ---- ecl.c */
/* False: no expression constraint of SNOMED CT. */
bool validate__ecl(const char *s);

/* ---- identifier.c */
void validate__identifier(struct validate__walk *w, struct validate__place *at);

/* ---- narrative.c */
void validate__narrative(struct validate__walk *w, struct validate__place *at);
/* At the end of a resource that is not contained: where its links lead. */
void validate__narrative_end(struct validate__walk *w);

/* ---- ids.c */
/* The element `at` has this id. */
void validate__element_id(struct validate__walk *w, const struct validate__place *at, const json *node);

/* ---- searchparameter.c, structuredefinition.c, operationdefinition.c */
void validate__search_parameter(struct validate__walk *w, struct validate__place *at);
void validate__structure_definition(struct validate__walk *w, struct validate__place *at);
void validate__operation_definition(struct validate__walk *w, struct validate__place *at);

/* ---- measure.c, measure_report.c */
void validate__measure(struct validate__walk *w, struct validate__place *at);
/* A MeasureReport against its measure, if that is known. */
void validate__measure_report(struct validate__walk *w, struct validate__place *at);

/* ---- questionnaire.c */
void validate__questionnaire(struct validate__walk *w, struct validate__place *at);

/* ---- questionnaire_response.c */
/* A QuestionnaireResponse against its questionnaire, if that is known. */
void validate__questionnaire_response(struct validate__walk *w, struct validate__place *at);

/* ---- invariant.c */
bool validate__invariants_new(struct arena *a, const struct fhir_defs *d,
                              const struct validate__invariants **out, struct err *err) NODISCARD;
/* Does it hold at that place? One that cannot be evaluated does; *failed remembers that it was logged. */
bool validate__holds(struct validate__walk *w, struct validate__place *at, const struct fp_expr *expr,
                     const char *key, atomic_bool *failed);
/* Those of the element's definition and of its type. */
void validate__invariants(struct validate__walk *w, struct validate__place *at);

#endif
