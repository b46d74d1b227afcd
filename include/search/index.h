/*
 * search/index.h: what of a resource is kept for search, and where.
 *
 * The row of a resource (table res) carries lanes: the few values by which clinical data are really asked for,
 * each under a composite btree that delivers page order. Which search parameter feeds which lane is a table per
 * type (lanes.c). Every token, reference and uri value is one 64-bit keyed hash in keys[], under GIN. What only
 * a plain value can answer goes to narrow side tables:
 *     idx_str   folded strings (prefix, :contains) and, where it differs, the string as it was (:exact)
 *     idx_date  ranges of dates that have no lane
 *     idx_num   numbers and quantities; positions
 *     idx_text  the words of the text (_text, _content), when they are kept
 *     idx_ovf   second and further values of the lanes code and cat; references to what many share
 *     idx_dict  one row for each distinct value, not for each resource: code → key, text → key, uri → key;
 *               serves :text, uri :below and :above, and _sort by token or uri
 * A contained resource has a row of its own in the table contained, with lanes and keys, and its own rows in idx_str,
 * idx_date and idx_num.
 *
 * Rows of idx_str and idx_num have the main date as well, by which pages are ordered.
 *
 * Hashes are SipHash-2-4 under the tenant's key, over (type, parameter, kind, parts…); see key.h.
 */
#ifndef KAGARI_SEARCH_INDEX_H
#define KAGARI_SEARCH_INDEX_H

#include "base/hash.h"
#include "fhir/defs.h"
#include "fhirpath/fhirpath.h"
#include "identity/policy.h"
#include "terminology/terminology.h"

/* Compiled search parameters over one definitions snapshot; immutable, shared by threads. t: the definitions' own
 * terminology (conformance_definitions()). */
struct search_registry;
bool search_registry_new(struct arena *a, const struct fhir_defs *d, const struct conformance_view *t,
                         const struct search_registry **out, struct err *err) NODISCARD;

/*
 * A SearchParameter that is stored on this server, beside those of the definitions. Resources are indexed for it from
 * the moment it is in the registry; it can be searched for when those that were there before have been indexed, too.
 */
struct search_custom {
    struct str id; /* of the resource */
    const json *resource;
    bool ready;
    const char *job; /* the job that makes it ready; NULL: none */
};
/* base with these added: shares all that does not change, so base has to outlive it. Each must have passed
 * search_custom_check() against those before it; one that has not is left out. */
void search_registry_extend(struct arena *a, const struct search_registry *base,
                            const struct search_custom *list, size_t n, const struct search_registry **out);
/* Can this SearchParameter be taken into use? Only an active one is. ERR_RULE with the element's expression: no base
 * that is a type, an expression that does not compile, a code that another one of the type has. id: that of the
 * resource, so that it does not collide with itself; s NULL: it has none yet. */
bool search_custom_check(const struct search_registry *r, struct arena *a, const json *resource,
                         struct str id, struct err *err) NODISCARD;
/* Is it one that the server takes into use: active, and none of the definitions' own? */
bool search_custom_is_used(const struct search_registry *r, const json *resource);
/* The types it stands on, by fhir_type.id, ascending. */
void search_custom_types(const struct search_registry *r, struct arena *a, const json *resource,
                         int16_t **types, size_t *n);

/* Raised with every change of what search_index() gives for a resource: what has been stored before has to be indexed
 * anew. */
enum { SEARCH_INDEX_FORM = 6 };

/* Whose words are kept in idx_text. */
enum search_text { SEARCH_TEXT_NONE, SEARCH_TEXT_NARRATIVE, SEARCH_TEXT_CONTENT };

/* Settings of a tenant that hashing and reading of values depend on. */
struct search_tenant {
    int32_t id;
    const struct identity_policy *sealed; /* what of values may not be indexed as they are; NULL: nothing */
    struct hash_key key;
    struct hash_key blind; /* of sealed values; until it is changed, the same */
    /* While another blind key takes its place: the same tenant with that one. Both are asked for. */
    const struct search_tenant *other;
    int zone; /* minutes east of UTC, for dates without one */
    enum search_text text;
};

#define SEARCH_NO_DATE INT64_MIN

struct search_index_str {
    int32_t param;
    struct str val, raw; /* raw.s NULL: same as val */
    int64_t *grams;      /* of a sealed value, all are hashes (sealed.c); NULL: it is none */
    size_t n_grams;
};
struct search_index_date {
    int32_t param;
    int64_t lo, hi;
}; /* µs since 1970, hi inclusive */
/* lo, hi: numeric literals, also "Infinity", as written; slo, shi: in the standard unit that sc names (s NULL: none).
 * sc, c, u, tok: hashes of the standard unit, of code, of unit, of the token beside it in a composite; 0: none. */
struct search_index_num {
    int32_t param;
    struct str lo, hi, slo, shi;
    int64_t sc, c, u, tok;
};
struct search_index_ovf {
    int16_t lane;
    int64_t val;
};
struct search_index_dict {
    int32_t param;
    int16_t kind;
    int64_t key;
    struct str val;
};

/* A literal reference found on the way; for referential integrity. */
struct search_index_ref {
    const struct fhir_type *type;
    struct str id;
    const char *expression;
};

struct search_contained;

struct search_index {
    int64_t h;                /* of the resource's own type and id */
    int64_t pat, code, cat;   /* lanes; 0: none */
    int64_t dt, dt_hi;        /* SEARCH_NO_DATE: none */
    struct str q, q_standard; /* numeric literals, as written and in the standard unit; s NULL: none */
    int64_t q_unit;           /* hash of that unit; 0: none */
    int64_t *keys;
    size_t n_keys, cap_keys; /* sorted, unique */
    int64_t *labels;
    size_t n_labels, cap_labels; /* hashes of meta.profile, .tag, .security; sorted, unique */
    int64_t *acc; /* hashes of the compartments it belongs to, and its labels: who may see this version */
    size_t n_acc, cap_acc;
    int64_t *patients; /* of them the hashes of Patients */
    size_t n_patients, cap_patients;
    struct search_index_str *strs;
    size_t n_strs, cap_strs;
    struct search_index_date *dates;
    size_t n_dates, cap_dates;
    struct search_index_num *nums;
    size_t n_nums, cap_nums;
    struct search_index_ovf *ovfs;
    size_t n_ovfs, cap_ovfs;
    struct search_index_dict *dicts;
    size_t n_dicts, cap_dicts;
    struct search_index_ref *refs;
    size_t n_refs, cap_refs;
    struct search_contained *contained;
    size_t n_contained, cap_contained;
    struct str words; /* of the text: a tsvector's text; s NULL: none */
    int64_t
        ix; /* hash over all of strs, dates, nums, ovfs, words, contained: equal means the side rows are equal */
};

/* A contained resource: what of it can be searched for by _contained, and by chains that lead from its container to
 * it. It has no labels, acc, refs, words and ovfs. index.h is of the container's type and id and its own id. */
struct search_contained {
    const struct fhir_type *type;
    struct str id; /* within the container */
    struct search_index index;
};

/* base: this server's URL ("https://host/fhir"), so that absolute references to itself become relative. The
 * resource has its id. */
bool search_index(const struct search_registry *r, const struct search_tenant *t, struct arena *a,
                  const json *resource, const struct fhir_type *type, struct str base,
                  struct search_index *out, struct err *err) NODISCARD;

/* The parameters of a type, sorted by code. */
struct search_offer {
    const struct fhir_search_param *def;
    bool searchable;
    const struct search_custom *custom; /* NULL: of the definitions */
    enum search_text text;              /* what has to be kept for it */
};
int search_offers(const struct search_registry *r, const struct fhir_type *type);
struct search_offer search_offer(const struct search_registry *r, const struct fhir_type *type, int i);

/* The hash by which rows know each other: res.h, res.pat. */
int64_t search_hash_id(const struct search_tenant *t, const struct fhir_type *type, struct str id);

#endif
