/*
 * search/query.h: URL → query → SQL.
 *
 * search_parse() reads the parameters of a search into a typed query and refuses or reports what it does not
 * know; search_plan() writes the statement of one page. Both are pure.
 *
 * Paging is by keyset: the cursor carries the sort values of the last row, and the snapshot of the first page
 * (pg_current_snapshot()). Later pages show only rows whose version that snapshot saw, so a resource unchanged
 * since the first page appears exactly once and a changed one at most once. Cursors are signed with the tenant's key.
 *
 * Chains, _has and composites are nodes of the same criteria tree: a criterion on another type, joined by the
 * reference's key.
 */
#ifndef KAGARI_SEARCH_QUERY_H
#define KAGARI_SEARCH_QUERY_H

#include "base/sql.h"
#include "search/index.h"

struct search_arg {
    struct str name, value;
}; /* percent-decoded */

enum search_summary { SUMMARY_FALSE, SUMMARY_TRUE, SUMMARY_TEXT, SUMMARY_DATA, SUMMARY_COUNT };
/* Contained resources: not, nothing else, or as well; themselves, or their containers (search.html#contained). */
enum search_contained_which { CONTAINED_FALSE, CONTAINED_TRUE, CONTAINED_BOTH };
enum search_contained_type { CONTAINED_CONTAINER, CONTAINED_ITSELF };
enum search_total { TOTAL_DEFAULT, TOTAL_NONE, TOTAL_ESTIMATE, TOTAL_ACCURATE };

struct search_limits {
    int count, max_count, max_includes;
    int64_t total_limit;
    int max_codes; /* that a value set or a code with a modifier may stand for; 0: any number */
};

struct search_include {
    bool reverse, iterate;
    const struct fhir_type *source;        /* the type that holds the reference */
    const struct fhir_search_param *param; /* NULL: * */
    const struct fhir_type *target;        /* NULL: any */
};

struct search_criterion; /* search/internal.h */
struct search_access;    /* search/access.h */
struct search__cursor;
struct search__opening;
struct search_sort;

struct search_options {
    const struct fhir_type *type; /* NULL: system level, _type may narrow */
    bool strict;                  /* unknown parameters are errors */
    struct search_limits limits;
    struct str base;                     /* this server's URL */
    const struct fhir_type *compartment; /* compartment search: Patient/1/… */
    struct str compartment_id;
    enum search_text
        text; /* what has been kept of all that is stored; less than the tenant's: still being built */
    /* For :in, :not-in, :above and :below; NULL: a query that has one of them is parsed as if it matched nothing, and
     * says so in needs_terminology. */
    const struct conformance_view *terminology;
    /* If-None-Exist and its like: criteria only, unknown parameters are errors. Its matches are found whoever asks;
     * what they refer to is not. */
    bool conditional;
    int opens; /* at most so many resources, for what is asked of sealed values (search/opened.h); 0: such is refused */
    bool
        pseudonyms; /* nothing may be asked of what is sealed: whoever asks is not to know whom it is about */
    const struct search_access *access;   /* what the search finds, and may go by; NULL: everything */
    const struct search_access *included; /* what _revinclude brings; NULL: everything */
};

/* An argument that was understood, by the name the client gave it. */
struct search_asked {
    struct str name;
    const struct search_criterion *criterion;
};

struct search_query {
    struct arena *a;
    const struct search_registry *registry;
    const struct search_tenant *tenant;
    struct search_options options;
    int n_types;
    const struct fhir_type *const *types; /* 0: all */
    struct search_criterion *criteria;    /* all must hold */
    struct search_asked *asked;
    size_t n_asked, cap_asked;
    struct search_sort *sorts;
    size_t n_sorts;
    int count; /* page size */
    enum search_summary summary;
    enum search_total total;
    enum search_contained_which contained;
    enum search_contained_type contained_type;
    struct str *elements;
    size_t n_elements; /* _elements */
    struct search_include *includes;
    size_t n_includes, cap_includes;
    struct str self; /* the parameters that were understood, encoded, without _cursor: for the self link */
    struct str understood;                 /* what self is at first; the cursor is bound to it */
    struct str cursor;                     /* as given; empty on a first page */
    const struct search__cursor *position; /* the same, read */
    struct str *unknown;
    size_t n_unknown, cap_unknown; /* names of parameters that were left out */
    struct str *building;
    size_t n_building, cap_building; /* names of those left out because their index is still being built */
    const struct search_criterion *text,
        *near;                        /* those by which rows have a score and a distance; NULL: none */
    struct search_criterion **opened; /* see search/opened.h */
    size_t n_opened, cap_opened;
    struct search__opening *opening;
    int64_t *locks;
    size_t n_locks, cap_locks; /* search_lock_keys() */
    bool explain;              /* _explain: not the page, but how it is found */
    bool empty;                /* known to match nothing */
    bool needs_terminology;    /* to be parsed again, with it */
};

bool search_parse(const struct search_registry *r, const struct search_tenant *t, struct arena *a,
                  const struct search_arg *args, size_t n, const struct search_options *o,
                  struct search_query **out, struct err *err) NODISCARD;

/*
 * Statistics that the choice of a plan needs: how many rows carry a key, and how many are of a type (its id is the key).
 * Kept by the store, from pg_stats: those that are common, estimated. Both lists are sorted by key.
 */
struct search_stats_entry {
    int64_t key;
    int64_t rows;
};
struct search_stats {
    size_t n, n_types;
    const struct search_stats_entry *common, *types;
    int64_t rows;  /* all there are */
    bool old_form; /* of some the index is of an older form: what is new in it is not relied on */
};

/*
 * One page: at most count + 1 rows (the one beyond says that there are more in its direction), each
 *     rtype int2, rid text, ver int4, lu timestamptz, content text, sealed bytea, k int8, tenant int4, cursor text
 * cursor is what the _cursor of a page that begins or ends at this row is made of.
 * The statement's every row also has snapshot text, the pg_current_snapshot() of the first page, and
 * total int8 (NULL: not counted) as its last two columns. Of _summary=count there is one row whose rtype is NULL.
 */
enum search_column {
    SEARCH_RTYPE,
    SEARCH_RID,
    SEARCH_VER,
    SEARCH_LU,
    SEARCH_CONTENT, /* without what is sealed (store/store.h) */
    SEARCH_SEALED,
    SEARCH_K,
    SEARCH_TENANT,
    SEARCH_CURSOR,
    SEARCH_SNAPSHOT,
    SEARCH_TOTAL,
    SEARCH_SCORE,    /* this and the next only when the query has text or near */
    SEARCH_DISTANCE, /* km */
    SEARCH_FRAGMENT =
        SEARCH_SCORE, /* only when the query asks for contained resources: the id of the one that
                                       matches, within the row's resource; NULL: that itself does */
};
void search_plan(const struct search_query *q, const struct search_stats *stats, struct sql *out);
/* The total when there is no row; -1: not counted. */
int64_t search_total_of_none(const struct search_query *q);
/* Does it ask rows of its own types alone, and no others that they refer to or that refer to them? */
bool search_asks_own(const struct search_query *q);
/* What of a search costs most and what to add, for one that ran out of time: "what costs most is 'name'; add …". */
struct str search_costs(const struct search_query *q, const struct search_stats *stats);

enum search_direction { SEARCH_AFTER, SEARCH_BEFORE };
/* The text of _cursor for the page after a row, or before it. total -1: unknown. */
struct str search_cursor(const struct search_query *q, struct str row_cursor, struct str snapshot,
                         int64_t total, enum search_direction direction);
/* Of the page asked for. BEFORE: the row that says that there are more comes first, and is not of the page. */
enum search_direction search_direction(const struct search_query *q);

/* For conditional interactions: rtype, rid, k, ver of at most limit matches, in no order. */
void search_plan_match(const struct search_query *q, const struct search_stats *stats, int limit,
                       struct sql *out);
/* Does it ask one key of rows of one type, which the statistics do not know as common, and nothing else? Such queries are
 * matched together. */
bool search_is_key(const struct search_query *q, const struct search_stats *stats, int64_t *key);
/* rtype, rid and key of rows that have one of these keys, of any type, at most limit. */
void search_plan_match_keys(const struct search_tenant *t, struct arena *a, const int64_t *keys, size_t n,
                            int limit, struct sql *out);
/* The keys by which a conditional interaction locks: hashes of its criteria, sorted. */
void search_lock_keys(const struct search_query *q, struct arena *a, int64_t **keys, size_t *n);

/* _revinclude: rows (as SEARCH_RTYPE … SEARCH_TENANT) that refer to the resources given by their hashes h. */
void search_plan_revinclude(const struct search_query *q, const struct search_include *i, const int64_t *h,
                            size_t n, int limit, struct sql *out);
/* _include: the references that a page's resource holds under an include. */
bool search_include_targets(const struct search_query *q, const struct search_include *i, struct arena *a,
                            const json *resource, const struct fhir_type *type,
                            struct search_index_ref **refs, size_t *n, struct err *err) NODISCARD;

/* _summary and _elements on one resource (search.html#summary): what remains of it, with the SUBSETTED tag. */
json *search_subset(const struct fhir_defs *d, struct arena *a, const json *resource,
                    enum search_summary summary, const struct str *elements, size_t n_elements);

#endif
