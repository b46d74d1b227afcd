/*
 * validate/structure.h: a StructureDefinition as it is written, read out of its JSON: only what constrains records.
 * What it means (paths that become elements, slices, inheritance) is made of it by profile_compile.c.
 */
#ifndef KAGARI_VALIDATE_STRUCTURE_H
#define KAGARI_VALIDATE_STRUCTURE_H

#include "base/json.h"
#include "fhir/defs.h"

enum structure_aggregation {
    STRUCTURE_CONTAINED = 1,
    STRUCTURE_REFERENCED = 2,
    STRUCTURE_BUNDLED = 4,
};

struct structure_profile {
    const char *url;     /* canonical */
    const char *element; /* id of an element inside it (elementdefinition-profile-element); NULL: the whole */
};

struct structure_type {
    const char *code; /* "Quantity"; a URL for FHIRPath's own types */
    size_t n_profiles, n_targets;
    const struct structure_profile *profiles;
    const struct structure_profile *targets;
    unsigned aggregation; /* bits of enum structure_aggregation; 0: any */
};

enum structure_discriminator { STRUCTURE_VALUE, STRUCTURE_EXISTS, STRUCTURE_TYPE, STRUCTURE_PROFILE };
enum structure_rules { STRUCTURE_OPEN, STRUCTURE_CLOSED, STRUCTURE_OPEN_AT_END };

struct structure_by {
    enum structure_discriminator type;
    const char *path;
};

struct structure_slicing {
    size_t n_by;
    const struct structure_by *by;
    enum structure_rules rules;
    bool ordered;
};

struct structure_constraint {
    const char *key, *human, *expression;
    const char *source; /* canonical of the structure that has it first; NULL: this one */
    bool warning, best_practice;
};

/* What a narrative is to tell about itself (extensions narrative-source-control and narrative-language-control). */
struct structure_narrative {
    bool sourced; /* of each part whether it is generated, original or boilerplate */
    size_t n_languages;
    const char *const *languages; /* of its sections: a code, "_resource", "_yes" (some), "_no" (none) */
};

/* A member that is absent leaves the zero (or -1, where it says so): it constrains nothing. */
struct structure_element {
    const char *id, *path, *slice;
    const char *content; /* contentReference */
    int64_t min, max;    /* -1: not said; max "*" is FHIR_MANY */
    size_t n_types, n_constraints, n_alternatives;
    const struct structure_type *types;
    const struct structure_constraint *constraints;
    const char *const *alternatives; /* extensions that may stand for a value that is required */
    const struct structure_slicing *slicing;
    const struct structure_narrative *narrative;
    const json *fixed, *pattern, *min_value, *max_value;
    int64_t max_length, min_length; /* -1: not said */
    enum fhir_strength strength;
    const char *valueset;
    bool modifier;
};

struct structure_context {
    enum { STRUCTURE_CONTEXT_ELEMENT, STRUCTURE_CONTEXT_EXTENSION, STRUCTURE_CONTEXT_FHIRPATH } type;
    const char *expression;
};

struct structure {
    const char *url, *version, *name;
    const char *type; /* "Patient", "Extension" */
    const char *base; /* canonical; NULL: none */
    bool constraint;  /* derivation: a profile, not a type of its own */
    size_t n_contexts, n_context_invariants, n_differential, n_snapshot;
    const struct structure_context *contexts;
    const char *const *context_invariants;
    const struct structure_element *differential, *snapshot;
};

/* For conformance_read(). ERR_UNSUPPORTED when it makes no sense. */
bool structure_read(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                    struct err *err) NODISCARD;

#endif
