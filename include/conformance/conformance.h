/*
 * conformance/conformance.h: the conformance resources in force, found by their canonical URL: what R4 itself brings
 * (embedded), what installed packages bring, what is stored on this server, what was given with one request.
 *
 * A view is all that at one moment, as one immutable snapshot. Any number of threads may ask one at once; what it returns
 * lives as long as it does. A resource is kept as text, without its prose, and read when it is first asked for: by the
 * module that knows what to make of it (terminology: code systems, value sets, concept maps; validate: structures,
 * questionnaires, measures).
 *
 * Canonicals may end in "|version". Without one, and where several resources have the URL, the best is meant: a complete
 * code system before a part of one, active before others, the highest version, stored before built in. A version that
 * ends before the last dot ("4.0") means the highest that begins so.
 */
#ifndef KAGARI_CONFORMANCE_CONFORMANCE_H
#define KAGARI_CONFORMANCE_CONFORMANCE_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "fhir/defs.h"

enum conformance_kind {
    CONFORMANCE_CODE_SYSTEM,
    CONFORMANCE_VALUE_SET,
    CONFORMANCE_CONCEPT_MAP,
    CONFORMANCE_STRUCTURE,
    CONFORMANCE_QUESTIONNAIRE,
    CONFORMANCE_MEASURE,
    CONFORMANCE_N_KINDS
};
extern const char *const conformance_kinds[]; /* resource types, by enum conformance_kind */
/* CONFORMANCE_N_KINDS: of another type, or NULL. */
enum conformance_kind conformance_kind_named(const char *type);

struct conformance_view;
struct conformance_entry; /* one resource of a view */

/* What R4 brings. It belongs to a, which may not be cleared while somebody asks. */
bool conformance_definitions(struct arena *a, const struct fhir_defs *d, const struct conformance_view **out,
                             struct err *err) NODISCARD;
/* base and these resources, which go before those of base. It belongs to a; the trees may go. Those of other types are
 * passed over. For a command line, a request's own resources, tests. */
bool conformance_view_with(struct arena *a, const struct conformance_view *base, const json *const *resources,
                           size_t n, const struct conformance_view **out, struct err *err) NODISCARD;

/* NULL: not known here. */
const struct conformance_entry *conformance_find(const struct conformance_view *v, enum conformance_kind kind,
                                                 struct str canonical);
/* The same with URL and version apart; version s NULL: the best. */
const struct conformance_entry *conformance_find_version(const struct conformance_view *v,
                                                         enum conformance_kind kind, struct str url,
                                                         struct str version);
/* One that is stored, or was given with a request, by the id of its resource. */
const struct conformance_entry *conformance_find_id(const struct conformance_view *v,
                                                    enum conformance_kind kind, struct str id);
size_t conformance_count(const struct conformance_view *v, enum conformance_kind kind);
const struct conformance_entry *conformance_at(const struct conformance_view *v, enum conformance_kind kind,
                                               size_t i); /* by URL, the better first */

const struct fhir_defs *conformance_defs(const struct conformance_view *v);
/* Is it what R4 brings and nothing else? Such a view never goes. */
bool conformance_is_definitions(const struct conformance_view *v);

/* The id of a resource that a package has brought: clients may not write it. */
bool conformance_is_packaged(struct str id);
const char *conformance_url(const struct conformance_entry *e);
struct str conformance_text(const struct conformance_entry *e);     /* what is kept of it: JSON */
const char *conformance_package(const struct conformance_entry *e); /* "jp-core.r4 1.2.0"; NULL: of none */
const char *conformance_version(const struct conformance_entry *e); /* NULL: it has none */
/* The URL of the code system that this one adds to (CodeSystem.supplements); NULL: it is a code system itself. */
const char *conformance_supplements(const struct conformance_entry *e);

/* Makes of a resource's tree what is worked with; it belongs to a, which lives as long as the resource is in any view. The
 * tree and scratch go afterwards. */
typedef bool (*conformance_reader)(struct arena *a, struct arena *scratch, const json *resource,
                                   const void **out, struct err *err);
/* Reads it, when it has not been read; always with the same reader for a kind. False: it makes no sense (ERR_UNSUPPORTED),
 * and so at each question. */
bool conformance_read(const struct conformance_entry *e, conformance_reader reader, const void **out,
                      struct err *err) NODISCARD;

/* A large code system is not in its CodeSystem, which has an extension CONFORMANCE_IMAGE with the name of its image: bytes
 * of the module terminology, kept beside it in the database. s NULL: it has none. */
#define CONFORMANCE_IMAGE "urn:kagari:code-system-image"
struct str conformance_image(const struct conformance_entry *e);
/* The same as conformance_read() for one that has an image. */
typedef bool (*conformance_image_reader)(struct arena *a, struct str image, const void **out,
                                         struct err *err);
bool conformance_read_image(const struct conformance_entry *e, conformance_image_reader reader,
                            const void **out, struct err *err) NODISCARD;

/* What a module keeps beside a view because it depends on more than one of its resources (expansions, compiled profiles):
 * made at the first question, released with the view. */
enum conformance_slot {
    CONFORMANCE_EXPANSIONS,
    CONFORMANCE_IMPLICIT,
    CONFORMANCE_PROFILES,
    CONFORMANCE_N_SLOTS
};
void *conformance_slot(const struct conformance_view *v, enum conformance_slot slot,
                       void *(*make)(const struct conformance_view *v), void (*release)(void *));

#endif
