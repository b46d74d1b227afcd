/*
 * validate/validate.h: is this JSON tree a resource that FHIR allows? All findings at once.
 *
 * One walk over the tree checks structure (json.html), cardinality, choice types, primitive formats, references, contained
 * resources, narrative, codings and bindings, and the invariants of the base specification; rules of single resource types
 * follow. Each profile has a pass of its own over the same tree, which checks what it adds to its base.
 */
#ifndef KAGARI_VALIDATE_VALIDATE_H
#define KAGARI_VALIDATE_VALIDATE_H

#include "terminology/terminology.h"

enum issue_severity { ISSUE_FATAL, ISSUE_ERROR, ISSUE_WARNING, ISSUE_INFORMATION };

struct issue {
    enum issue_severity severity;
    const char
        *code; /* of value set issue-type: "structure", "value", "required", "invariant", "code-invalid" */
    const char *text;       /* what is wrong, what was expected, what to do */
    const char *expression; /* "Patient.contact[1].gender" */
    const char *key;        /* of the invariant, or NULL */
    size_t offset;          /* of what it is about, in the text that was read; JSON_NOWHERE: unknown */
    int line, column;       /* 0: unknown */
    bool rule;              /* breaks a rule of this server or a profile (422), not of base FHIR (400) */
};

/* What the texts are written in. They are given in English: that is the key by which message.c finds the others. */
enum language { LANGUAGE_EN, LANGUAGE_JA, LANGUAGE__N };
extern const char *const language_tags[]; /* "en", "ja" */
/* The best for an Accept-Language ("ja-JP, en;q=0.5"), a locale ("ja_JP.UTF-8") or a tag; false: none of them. */
bool language_choose(struct str accept, enum language *out);

struct issues {
    struct arena *a;
    enum language language;
    struct issue *list;
    size_t n, cap;
    size_t errors; /* of severity fatal or error */
};

enum validate_level {
    VALIDATE_STRUCTURE, /* what JSON and the definitions say by themselves */
    VALIDATE_BASE,      /* and invariants, terminology, the rules of single resource types */
    VALIDATE_FULL,      /* and profiles: those that a resource claims and those asked for */
};
/* What becomes of rules that are advice to authors (elementdefinition-bestpractice). */
enum validate_advice { ADVICE_OFF, ADVICE_INFORMATION, ADVICE_WARNING, ADVICE_ERROR };
/* Extensions whose definition is not known: a warning for each URL, nothing, or an error. */
enum validate_unknown { UNKNOWN_WARNING, UNKNOWN_OFF, UNKNOWN_ERROR };

/* Compiled invariants and look-up tables over one definitions snapshot; immutable, shared by threads. t: the definitions'
 * own terminology (conformance_definitions()). */
struct validator;
bool validator_new(struct arena *a, const struct fhir_defs *d, const struct conformance_view *t,
                   const struct validator **out, struct err *err) NODISCARD;

struct validate_options {
    enum validate_level level;
    enum validate_advice advice;
    enum validate_unknown unknown_extensions;
    const struct fhir_type *expected;    /* NULL: any resource type */
    const struct conformance_view *view; /* what is known beside the definitions; NULL: nothing */
    bool in_transaction;                 /* where "Patient?identifier=…" is a reference too */
    bool lenient; /* for writes: what is policy of the reference validator rather than FHIR is a warning */
    const char *const *profiles; /* canonicals of profiles that the caller asks for */
    size_t n_profiles;
};

/* Stops adding after 200 findings. */
void validate_resource(const struct validator *v, struct arena *a, const json *resource,
                       const struct validate_options *o, struct issues *out);

void issues_init(struct issues *list, struct arena *a); /* in English */
struct issue *issues_add(struct issues *list, enum issue_severity severity, const char *code,
                         const char *expression, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
struct issue *issues_addv(struct issues *list, enum issue_severity severity, const char *code,
                          const char *expression, const char *fmt, va_list args)
    __attribute__((format(printf, 5, 0)));
/* Turns offsets into lines and columns of the text, JSON or XML, that the resource was read from; s NULL: there is none. */
void issues_locate(struct issues *list, struct str text);
/* The same for lists that follow each other in one text, the entries of a Bundle: it is read once for all of them. */
struct issues_place {
    size_t offset; /* where the last list ended */
    int line, column;
};
void issues_locate_on(struct issues *list, struct str text, struct issues_place *place); /* zeroes at first */
/* As an OperationOutcome; a list without findings says so. */
json *issues_outcome(struct arena *a, const struct issues *list);

#endif
