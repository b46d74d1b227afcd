/*
 * search/access.h: which resources somebody may see or change, as one predicate.
 *
 * It is a list of alternatives (groups): a resource that one of them covers is covered. Within a group everything must
 * hold: the resource belongs to the compartment, no label withholds it, and one of the grants names its type and, when
 * it is restricted, its own values. More criteria of either kind (an institution, a Consent) are more members here.
 *
 * Where it is asked:
 *     searches, their chains, _has, _list, :below, sorts and totals    search_options.access
 *     reads by id, _include, _revinclude, $meta, references            search_access_where(), on the row of res
 *     vread and history                                                search_access_versions(), on the version's own
 *                                                                      acc; where that does not tell the version is
 *                                                                      opened and search_access_covers() judges
 *     what is about to be stored                                       search_access_covers()
 *
 * A restriction may ask for what the resource itself says by token, reference or URI, and for _id: what keys[] answers
 * in the database and in memory alike. One that asks for anything else (dates, texts, chains, value sets), or that is
 * not understood, grants nothing.
 */
#ifndef KAGARI_SEARCH_ACCESS_H
#define KAGARI_SEARCH_ACCESS_H

#include "search/query.h"

/* A code in meta.security or meta.tag. */
struct search_label {
    const char *system, *code;
};

struct search_grant {
    const struct fhir_type *type; /* NULL: all */
    bool restricted;              /* to what args find, all of them */
    const struct search_arg *args;
    size_t n_args;
};

/*
 * What a rule says of resources, and what their rows and their index values answer alike. ALL without parts holds always,
 * ANY without parts never.
 */
enum search_condition_kind {
    CONDITION_ALL,
    CONDITION_ANY,
    CONDITION_NOT,   /* a */
    CONDITION_TYPE,  /* type */
    CONDITION_ID,    /* type and id */
    CONDITION_LABEL, /* it has one of labels */
    CONDITION_CODE, /* a parameter of type token finds it by system and code; system NULL: whatever the system */
    CONDITION_WITHIN,  /* its main date is within [from, to], µs */
    CONDITION_OUTSIDE, /* its main date is before that, or after it */
};
struct search_condition {
    enum search_condition_kind kind;
    const struct search_condition *a, *b; /* both or none; NOT: a */
    const struct fhir_type *type;
    struct str id;
    const struct search_label *labels;
    size_t n_labels;
    const char *system, *code;
    int64_t from, to;
};

/* The same for what is about any of these patients: in their compartments, or by the patient that it names. */
struct search_rule {
    const int64_t *patients; /* search_hash_id() of each */
    size_t n;
    const struct search_condition *what;
};

/* What patients have agreed to. */
struct search_consent {
    int64_t id;                         /* no other has it; 0: of a request */
    const struct search_rule *withheld; /* is not seen, whoever else it is about */
    size_t n_withheld;
    bool closed;                   /* what may be about a patient is seen only where */
    const struct search_rule *let; /* … one of these says so */
    size_t n_let;
};

/* The same without what these patients have said; consent NULL: NULL. */
const struct search_consent *search_consent_without(struct arena *a, const struct search_consent *consent,
                                                    const int64_t *patients, size_t n);

struct search_group {
    const struct fhir_type *compartment; /* NULL: whatever it belongs to */
    struct str id;
    bool shared; /* besides, types that are about nobody: search_is_shared() */
    const int64_t
        *about; /* search_hash_id() of patients, one of whom it has to be about; n_about 0: it has not */
    size_t n_about;
    const struct search_label *withheld;
    size_t n_withheld;
    /* A resource with labels of `purposes` needs one that is in `own` as well. */
    const struct search_label *purposes, *own;
    size_t n_purposes, n_own;
    const struct search_consent *consent; /* NULL: it is not asked of */
    const struct search_grant *grants;
    size_t n_grants;
};

/* What it points to is its maker's. Belongs to one request. */
struct search_access {
    struct arena *a;
    const struct search_registry *registry;
    const struct search_tenant *tenant;
    struct str base;
    struct str who; /* what they may do, as a text */
    const struct search_group *groups;
    size_t n_groups;
};

/* Types of which no resource is about a patient, so that whoever may read one patient's record may read them: places,
 * organizations, people who work there, medications, and what defines the content of records. */
bool search_is_shared(const struct fhir_type *type);

/*
 * " AND (…)" on the row r0 of res: only what is covered, of these types; n 0: of all. Nothing where everything is.
 * The row is not deleted, unless tombstones: then a deleted one is judged by its last version's acc, and by restricted
 * grants not at all.
 */
void search_access_where(const struct search_access *x, const struct fhir_type *const *types, size_t n,
                         bool tombstones, struct sql *q);
/* The same on the row h of res_history, by its acc. Where that does not tell (restricted grants, and what a Consent says
 * of codes and dates), opened versions pass, to be judged by search_access_covers() before they are shown; others do
 * not. */
void search_access_versions(const struct search_access *x, const struct fhir_type *const *types, size_t n,
                            bool opened, struct sql *q);
/* Are there versions of the type of which acc does not tell? */
bool search_access_must_open(const struct search_access *x, const struct fhir_type *type);

/* Would it? */
bool search_access_is_open(const struct search_access *x, const struct fhir_type *type); /* NULL: any type */

/* By a patient's compartment only, or by a group without one as well. */
enum search_cover { SEARCH_HIDDEN, SEARCH_COVERED_AS_MEMBER, SEARCH_COVERED };
/* Of a resource whose index values these are. */
enum search_cover search_access_covers(const struct search_access *x, const struct fhir_type *type,
                                       struct str id, const struct search_index *index);
/* Does the group of COVERED_AS_MEMBER leave it in its own compartment, and in no other one of the same type but those
 * it was in? was NULL: it is new. */
bool search_access_keeps_to(const struct search_access *x, const struct search_index *index,
                            const struct search_index *was);

#endif
