/*
 * fhir/defs.h: the definitions registry: what FHIR's StructureDefinitions, SearchParameters and
 * CompartmentDefinitions say, as one immutable snapshot.
 *
 * A snapshot is built once (from the embedded text distilled out of the R4 packages, plus further packages)
 * and never changes; readers need no lock. A new one is swapped in whole; running requests finish on theirs.
 * All pointers reach into the snapshot's own arena.
 */
#ifndef KAGARI_FHIR_DEFS_H
#define KAGARI_FHIR_DEFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

enum fhir_kind {
    FHIR_PRIMITIVE, /* boolean, string, date, … (types whose name begins in lower case) */
    FHIR_COMPLEX,   /* datatypes: HumanName, Quantity, Extension, … */
    FHIR_BACKBONE,  /* an element with children of its own: "Patient.contact", "Timing.repeat" */
    FHIR_RESOURCE,
};

/* How a primitive is written in JSON (json.html#primitive). */
enum fhir_json { FHIR_JSON_STRING, FHIR_JSON_BOOL, FHIR_JSON_NUMBER };

/* The primitives, for switches; FHIR_NOT_PRIMITIVE for all other types. */
#define FHIR_PRIMITIVES(X)                                                                                   \
    X(base64Binary)                                                                                          \
    X(boolean)                                                                                               \
    X(canonical)                                                                                             \
    X(code)                                                                                                  \
    X(date)                                                                                                  \
    X(dateTime)                                                                                              \
    X(decimal)                                                                                               \
    X(id)                                                                                                    \
    X(instant)                                                                                               \
    X(integer)                                                                                               \
    X(markdown)                                                                                              \
    X(oid)                                                                                                   \
    X(positiveInt)                                                                                           \
    X(string)                                                                                                \
    X(time)                                                                                                  \
    X(unsignedInt)                                                                                           \
    X(uri)                                                                                                   \
    X(url)                                                                                                   \
    X(uuid)                                                                                                  \
    X(xhtml)
enum fhir_primitive {
    FHIR_NOT_PRIMITIVE,
#define X(name) FHIR_P_##name,
    FHIR_PRIMITIVES(X)
#undef X
};

enum fhir_strength {
    FHIR_BIND_NONE,
    FHIR_BIND_EXAMPLE,
    FHIR_BIND_PREFERRED,
    FHIR_BIND_EXTENSIBLE,
    FHIR_BIND_REQUIRED
};

#define FHIR_MANY UINT32_MAX /* max = "*" */

struct fhir_defs;
struct fhir_type;
struct fhir_element;

struct fhir_invariant {
    const char *key;        /* "obs-6" */
    const char *expression; /* FHIRPath; evaluated on the element it stands on */
    const char *human;
    bool warning; /* severity */
    bool best_practice;
    unsigned index; /* 0 … fhir_invariant_count()-1, to find its compiled form */
};

struct fhir_element_type {
    const struct fhir_type *type; /* for contentReference: the backbone it refers to */
    uint16_t n_targets;           /* Reference and canonical: allowed target types; 0: any */
    const struct fhir_type *const *targets;
};

/*
 * An element's own invariants are those that its types do not carry anyway: of an element with children of
 * its own they are on its backbone type, so that they hold wherever a contentReference leads there too. What
 * is to be checked of a value is therefore its element's invariants and its type's. Those of a SimpleQuantity
 * stand on the elements that want one, also on a choice of which only one type is a Quantity.
 */
struct fhir_element {
    const char *name; /* as in FHIRPath: "value" for value[x], "name" */
    const char *path; /* "Observation.value[x]" */
    const struct fhir_type *owner;
    uint32_t min, max;
    bool choice; /* value[x]: the JSON name is name + capitalised type */
    bool modifier, summary;
    uint16_t index; /* its place in owner's elements */
    uint16_t n_types;
    const struct fhir_element_type *types;
    enum fhir_strength strength;
    const char *valueset;  /* canonical, with |version when given; NULL: unbound */
    uint16_t n_invariants; /* those of this element's own definition */
    const struct fhir_invariant *const *invariants;
    const char *const *json_names; /* one for each type of a choice, else one */
};

struct fhir_type {
    const char *name; /* "Patient", "HumanName", "string", "Patient.contact" */
    const char *url;  /* canonical of the StructureDefinition; NULL for backbones */
    enum fhir_kind kind;
    bool abstract;                /* Element, BackboneElement, Resource, DomainResource */
    const struct fhir_type *base; /* NULL for Element and Resource; backbones: BackboneElement or Element */
    uint16_t id;    /* resources: the stable number kept in the database (res.rtype); others 0 */
    uint16_t index; /* 0 … fhir_type_count()-1, for tables beside the snapshot */
    enum fhir_primitive primitive;
    enum fhir_json json;
    /* All elements in order, inherited ones included (id, extension, … first). A primitive has id and
     * extension, which its sibling "_name" carries; its value is no element here, as JSON has no member for
     * it. */
    uint16_t n_elements;
    const struct fhir_element *elements;
    uint16_t n_invariants; /* on the type's root element, inherited ones included */
    const struct fhir_invariant *const *invariants;
    const struct fhir_type_index *names; /* of this module */
};

/* The child of t that JSON calls name ("valueQuantity", "name"; not "_name"). *actual is its type. NULL when
 * there is none. Constant time. */
const struct fhir_element *fhir_child(const struct fhir_type *t, const char *name,
                                      const struct fhir_type **actual);
/* The same by FHIRPath name ("value" finds value[x]). */
const struct fhir_element *fhir_element_by_name(const struct fhir_type *t, const char *name);
/* The JSON names of a choice element, in the order of its types; others have one name. */
const char *fhir_json_name(const struct fhir_element *e, int type_index);

const struct fhir_type *fhir_type(const struct fhir_defs *d,
                                  const char *name); /* any kind; NULL when unknown */
const struct fhir_type *fhir_resource(const struct fhir_defs *d,
                                      struct str name); /* concrete resources only */
const struct fhir_type *fhir_resource_by_id(const struct fhir_defs *d, int id);
int fhir_resource_count(const struct fhir_defs *d);
const struct fhir_type *fhir_resource_at(const struct fhir_defs *d, int i);  /* alphabetical */
int fhir_type_count(const struct fhir_defs *d);                              /* of every kind */
const struct fhir_type *fhir_type_at(const struct fhir_defs *d, int i);      /* by fhir_type.index */
bool fhir_is_a(const struct fhir_type *t, const struct fhir_type *ancestor); /* t itself included */
unsigned fhir_invariant_count(const struct fhir_defs *d);

/* ---- search parameters ------------------------------------------------------------------------------ */
enum fhir_search_type {
    FHIR_SEARCH_NUMBER,
    FHIR_SEARCH_DATE,
    FHIR_SEARCH_STRING,
    FHIR_SEARCH_TOKEN,
    FHIR_SEARCH_REFERENCE,
    FHIR_SEARCH_COMPOSITE,
    FHIR_SEARCH_QUANTITY,
    FHIR_SEARCH_URI,
    FHIR_SEARCH_SPECIAL,
};

struct fhir_search_component {
    const char *definition;                /* canonical of the component's SearchParameter */
    const char *expression;                /* evaluated on what the composite's own expression gives */
    const struct fhir_search_param *param; /* that SearchParameter, on the same base */
};

struct fhir_search_param {
    const char *code; /* "birthdate" */
    const char *url;
    enum fhir_search_type type;
    const struct fhir_type *base; /* the resource type (or Resource, DomainResource) it stands on here */
    const char
        *expression;    /* FHIRPath, only the part that concerns base; NULL for those evaluated otherwise */
    uint16_t n_targets; /* reference: target types; 0: any */
    const struct fhir_type *const *targets;
    uint16_t n_components; /* composite */
    const struct fhir_search_component *components;
    unsigned index; /* 0 … fhir_search_param_count()-1, over all types */
};

/* Parameters of a resource type, those of Resource and DomainResource included; sorted by code. */
int fhir_search_params(const struct fhir_type *resource, const struct fhir_search_param *const **list);
const struct fhir_search_param *fhir_search_param(const struct fhir_type *resource, struct str code);
/* One SearchParameter may stand on several types; this is it on the given one. */
const struct fhir_search_param *fhir_search_param_by_url(const struct fhir_type *resource, const char *url);
unsigned fhir_search_param_count(const struct fhir_defs *d);
const char *fhir_search_type_name(enum fhir_search_type t); /* "token" */
bool fhir_search_type_named(const char *name, enum fhir_search_type *out);
/* The branches of a search expression that concern a type: "Patient.x" of "Patient.x | Person.y". NULL: none. */
const char *fhir_search_expression(struct arena *a, const char *expression, const char *type);

/* ---- compartments (compartmentdefinition.html) ------------------------------------------------------- */
struct fhir_compartment {
    const struct fhir_type *type; /* Patient, Encounter, Practitioner, RelatedPerson, Device */
    const struct fhir_compartment_member *members; /* of this module; by resource number */
};
int fhir_compartments(const struct fhir_defs *d, const struct fhir_compartment **list);
/* The search parameter codes by which resources of a type belong to the compartment; 0: they do not. (The
 * resource that the compartment is about belongs to it by itself.) */
int fhir_compartment_params(const struct fhir_compartment *c, const struct fhir_type *resource,
                            const char *const **codes);

/* ---- making a snapshot ------------------------------------------------------------------------------ */
/* From the text embedded in the binary (conf/definitions/). A few milliseconds. */
bool fhir_defs_load(struct arena *a, const struct fhir_defs **out, struct err *err) NODISCARD;

#endif
