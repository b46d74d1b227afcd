/*
 * store/store.h: resources, their versions and history in PostgreSQL.
 *
 * Statements and their answers are pure functions: store_*_plan() writes a struct sql, store_*_reply() reads
 * its rows. They run on an event loop (one round trip, nothing blocks) or on a worker inside a transaction,
 * unchanged.
 *
 * A version's content is kept as the exact bytes that a read sends. versionId and lastUpdated come from the
 * database, so a content is made of two parts around them, struct store_content.
 *
 * Writes: a create makes a row that was not there. An update or delete compares the version that its own
 * snapshot saw and swaps; when another writer was faster it changes nothing and says STORE_RACED: run it
 * again, in a new transaction.
 */
#ifndef KAGARI_STORE_STORE_H
#define KAGARI_STORE_STORE_H

#include "audit/write.h"
#include "base/config.h"
#include "db/db.h"
#include "identity/seal.h"
#include "search/index.h"
#include "search/query.h"

/* ---- the store of one process: shared by all threads -----------------------------------------------------
 */
struct store;
/* d: for the policy of what is sealed. */
bool store_new(const struct config *c, const struct fhir_defs *d, struct db_conn *conn, struct store **out,
               struct err *err) NODISCARD;
void store_free(struct store *s);
const struct search_tenant *store_tenant(const struct store *s);
/* What of the text has been kept of all that is stored: at most what the tenant's setting says. */
enum search_text store_text(const struct store *s);
/* Some of what is stored has index rows as an older version made them: searches may miss it. */
bool store_index_is_old(const struct store *s);
/* Statistics for search_plan(); valid for at least a minute. */
const struct search_stats *store_stats(const struct store *s);
/* Reads them anew from pg_stats, and what store_text() says; from a worker, now and then. */
bool store_stats_refresh(struct store *s, struct db_conn *conn, struct err *err) NODISCARD;
/* Lets PostgreSQL count anew when the data have doubled since it last did: between its own visits, a minute apart, it
 * would plan the first searches after a load as if the tables were empty. */
bool store_analyze(struct db_conn *conn, bool *done, struct err *err) NODISCARD;
/* Sorts into the indexes of keys and texts what was written lately: until then each search reads all of it. From a worker,
 * now and then. */
bool store_sort_in(struct db_conn *conn, struct err *err) NODISCARD;
/* Data keys that have come (store/reseal.h); one thread, every second. */
bool store_keys_refresh(struct store *s, struct arena *a, struct db_conn *conn, struct err *err) NODISCARD;
/* A new id for a resource: a UUID whose first bits grow with time, so that the primary key is filled from one
 * side. */
void store_new_id(char out[37]);

/* ---- content ---------------------------------------------------------------------------------------------
 */
/* pre + versionId + STORE_MID + lastUpdated + post. What identifies a person is not in post but sealed, when the setting
 * identity.seal says so; the pieces, with their places in post, are for the answer to the write. */
#define STORE_MID "\",\"lastUpdated\":\""
struct store_content {
    struct str pre, post;
    struct identity_pieces pieces;
    struct str sealed; /* s NULL: nothing is */
};
/* id and meta in front; meta.versionId and meta.lastUpdated of the client are dropped. */
void store_content(const struct store *s, struct arena *a, json *resource, const struct fhir_type *type,
                   struct str id, struct store_content *out);
/* The whole, as a client reads it. */
struct str store_content_text(struct arena *a, const struct store_content *c, int32_t ver, int64_t lu_us);

/*
 * What rows have of a resource: its text without what is sealed, and that (s NULL: nothing is). Nobody reads or changes a
 * resource but by opening it.
 */
struct store_text {
    struct str kept, sealed;
};
/* column: of the text; the next one is what is sealed. */
struct store_text store_text_at(const struct db_rows *rows, int row, int column);
/* The whole, without parsing. ERR_INTERNAL: it was changed behind the server's back, or its key is gone. */
bool store_open(const struct store *s, struct arena *a, const struct fhir_type *type, struct str id,
                struct store_text text, struct str *out, struct err *err) NODISCARD;
/* For those who may not know whom it is about: without what is sealed, and labelled so; the same text when nothing is. */
bool store_redact(struct arena *a, struct store_text text, struct str *out, struct err *err) NODISCARD;
/* resource.html#tag-updates: profiles, tags and security labels of the stored version that the new one does
 * not name are added to it. Both are parsed resources. */
void store_merge_meta(struct arena *a, json *resource, const json *stored);
/* Two of those: profiles by their URL, tags and security labels by system and code. */
bool store_same_label(const json *x, const json *y);

/* ---- one version to be written
 * ------------------------------------------------------------------------------ */
enum store_op { STORE_POST = 1, STORE_PUT = 2, STORE_DELETE = 3, STORE_PATCH = 4, STORE_CREATE_PUT = 5 };

struct store_write {
    const struct fhir_type *type;
    struct str id;
    struct store_content content;
    struct search_index index;
    struct audit_write audit; /* all zero: leaves no entry */
    int64_t k;                /* filled in by the plans */
    int n;                    /* the same: its place in the statement, from 1 */
};

struct store_written {
    int32_t ver;
    int64_t lu_us;
    int64_t xid; /* the transaction; 0: nothing was written */
};

/* Creates under server-assigned ids, all in one statement; n ≥ 1. The answer holds for all of them. words: what the
 * dictionary of the search index lacks goes along. A transaction of several statements brings it by
 * store_words_plan() at its end: others that need the same words wait for its commit from there on, not longer. */
void store_create_plan(struct store *s, struct store_write *const *w, size_t n, bool words, struct sql *q);
bool store_create_reply(const struct db_rows *rows, struct store_written *out, struct err *err) NODISCARD;
/* False: the dictionary lacks nothing. */
bool store_words_plan(struct store *s, struct store_write *const *w, size_t n, struct sql *q) NODISCARD;
/* After its commit: what it brought into the dictionary is known and need not be sent again. */
void store_committed(struct store *s, struct store_write *const *w, size_t n);

enum store_outcome {
    STORE_UPDATED,
    STORE_CREATED,  /* there was none, or a deleted one */
    STORE_ABSENT,   /* there is none and creating was not allowed; for a delete: none or already deleted */
    STORE_MISMATCH, /* If-Match names another version */
    STORE_LABELS,   /* the stored version has labels that the new one lacks: merge them and write again */
    STORE_RACED,    /* another writer was faster: run the statement again */
};

enum { STORE_ANY_VERSION = 0, STORE_NO_VERSION = -1 };

struct store_update {
    struct store_write w;
    int32_t if_match; /* the version that must be there, or: whatever is there, only where nothing is */
    bool may_create;
    bool words;       /* as for store_create_plan() */
    enum store_op op; /* STORE_PUT or STORE_PATCH */
};
void store_update_plan(struct store *s, struct store_update *u, struct sql *q);
enum store_outcome store_update_reply(const struct store_update *u, const struct db_rows *rows,
                                      struct store_written *out);
/* Of different resources, in one statement and one transaction; n ≥ 1. Each has an outcome of its own: what one of them
 * came to does not hinder the others. u[0]->words is that of all. */
void store_updates_plan(struct store *s, struct store_update *const *u, size_t n, struct sql *q);
void store_updates_reply(struct store_update *const *u, size_t n, const struct db_rows *rows,
                         enum store_outcome *outcomes, struct store_written *out);

struct store_delete {
    const struct fhir_type *type;
    struct str id;
    int32_t if_match; /* STORE_ANY_VERSION, or the version that must be there */
    struct audit_write audit;
    int n; /* filled in by the plan: its place in the statement, from 1 */
};
/* The same for deletes. STORE_UPDATED: deleted now. STORE_ABSENT with ver > 0: was deleted before. */
void store_deletes_plan(struct store *s, struct store_delete *const *d, size_t n, struct sql *q);
void store_deletes_reply(struct store_delete *const *d, size_t n, const struct db_rows *rows,
                         enum store_outcome *outcomes, struct store_written *out);
void store_delete_plan(struct store *s, const struct fhir_type *type, struct str id, int32_t if_match,
                       const struct audit_write *audit, struct sql *q);
enum store_outcome store_delete_reply(int32_t if_match, const struct db_rows *rows,
                                      struct store_written *out);

/* ---- reading
 * ------------------------------------------------------------------------------------------------ */
struct store_version {
    int32_t ver;
    int64_t lu_us;
    bool deleted;
    struct store_text text; /* for store_open() */
    int64_t pat;            /* h of the patient whose data it is; 0: of nobody, or a patient itself */
};
void store_read_plan(const struct store *s, const struct fhir_type *type, struct str id, struct sql *q);
void store_vread_plan(const struct store *s, const struct fhir_type *type, struct str id, int32_t ver,
                      struct sql *q);
/* As store_read_plan(), but without the content when it is that of this version: its content.s is NULL then. */
void store_check_plan(const struct store *s, const struct fhir_type *type, struct str id,
                      const struct store_version *known, struct sql *q);
/* The same of what is not deleted, for somebody who may see what access covers (NULL: everything). */
void store_read_live_plan(const struct store *s, const struct fhir_type *type, struct str id,
                          const struct search_access *access, struct sql *q);
/* Once more with the text that it wrote, for another resource of the type: the first STORE_READ_OWN parameters; those that
 * followed are the caller's to add. */
enum { STORE_READ_OWN = 3 };
void store_read_repeat_plan(const struct store *s, const struct fhir_type *type, struct str id,
                            struct str text, struct sql *q);
/* The same for somebody who may see what access covers (NULL: everything): what is not covered is not there. A version is
 * judged by its acc; see search_access_versions(). */
void store_read_seen_plan(const struct store *s, const struct fhir_type *type, struct str id,
                          const struct search_access *access, struct sql *q);
void store_vread_seen_plan(const struct store *s, const struct fhir_type *type, struct str id, int32_t ver,
                           const struct search_access *access, struct sql *q);
/* False: there is none. Serves all of them. */
bool store_read_reply(const struct db_rows *rows, struct store_version *out);
/* Many at once, in the order of the pairs: columns as in enum search_column up to SEARCH_TENANT; deleted ones are left
 * out. */
void store_read_many_plan(const struct store *s, const int16_t *rtypes, const struct str *ids, size_t n,
                          const struct search_access *access, struct sql *q);

/* The metas of resources that have, between them, every profile, tag and security label in use; type NULL: of all types.
 * Rows of (text meta). Looks at every resource; more than max different labels: max rows. */
void store_labels_plan(const struct store *s, const struct fhir_type *type, int max,
                       const struct search_access *access, struct sql *q);
/* Other labels for a version that is not the current one; its number, time and place in the history stay. In a transaction
 * that holds the row. */
void store_relabel_plan(const struct store *s, const struct store_write *w, int32_t ver, int64_t lu_us,
                        struct sql *q);

/* ---- history (http.html#history) --------------------------------------------------------------------------
 */
struct store_history {
    const struct fhir_type *type; /* NULL: system level */
    struct str id;                /* s NULL: type or system level */
    int64_t since_us;             /* INT64_MIN: none */
    int64_t at_lo_us, at_hi_us;   /* versions current at some point in this range; INT64_MIN: none */
    int count;
    int32_t after_ver;    /* instance level: continue below this version; 0: start */
    struct str after_xid; /* type and system level: continue after (xid, k, after_ver); s NULL: start */
    int64_t after_k;
    bool total;                        /* count them as well */
    bool feed;                         /* oldest first: see store_feed_plan() */
    struct str epoch;                  /* feed: that of the cursor; s NULL: start */
    const struct store_listed *listed; /* only these; NULL: all */
    size_t n_listed;
    const struct search_access *access; /* only versions that it covers, by their acc; NULL: all */
};
/* A version, ver 0: the current one. */
struct store_listed {
    const struct fhir_type *type;
    struct str id;
    int32_t ver;
};
enum store_history_column {
    HISTORY_RTYPE,
    HISTORY_RID,
    HISTORY_VER,
    HISTORY_LU,
    HISTORY_OP,
    HISTORY_CONTENT, /* for store_text_at() */
    HISTORY_SEALED,
    HISTORY_XID,
    HISTORY_K,
    HISTORY_TOTAL
};
/* At most count + 1 rows, newest first. */
void store_history_plan(const struct store *s, const struct store_history *h, struct sql *q);

/*
 * The change feed of a type or of the system: at most count + 1 versions in the order of (xid, k, ver), only those of
 * transactions below which none is under way any more. A later page therefore never has to go back: what was not
 * there yet comes after everything that was. Two more columns than above, the same in every row: the epoch of the
 * database, and the transaction id up to which this page has looked. Without versions there is one row whose
 * HISTORY_RTYPE is NULL, and so there is when h->epoch is of another restore: compare it.
 */
enum { HISTORY_EPOCH = HISTORY_TOTAL + 1, HISTORY_HORIZON };
void store_feed_plan(const struct store *s, const struct store_history *h, struct sql *q);

/* ---- locks, inside a transaction of a worker
 * ----------------------------------------------------------------- */
/* Transaction-scoped advisory locks, taken in one order; a statement of its own, before the one that looks. */
void store_lock_plan(const int64_t *keys, size_t n, struct sql *q);
/* Locks the rows of these resources in a fixed order, so that bundles do not deadlock. */
void store_lock_rows_plan(const struct store *s, const int16_t *rtypes, const struct str *ids, size_t n,
                          struct sql *q);
/* Which of these references have no live resource that access covers: rows of (int4 index). share: hold them until the commit.
 */
void store_missing_plan(const struct store *s, const struct search_index_ref *refs, size_t n, bool share,
                        const struct search_access *access, struct sql *q);

/* ---- batches of writes, one for each event loop --------------------------------------------------------- */
/*
 * While one commit is in flight the next writes gather, then those of one kind go as one statement and share one flush of
 * the WAL; no timer. A statement that fails is taken apart and its writes are tried singly. Writes of one resource go one
 * after the other, as they came.
 */
struct store_batch;
struct store_batched { /* one of them */
    struct store_write *create;
    struct store_update *update;
    struct store_delete *delete;
};
/* outcome is that of an update or a delete; err NULL: the statement was committed. */
typedef void (*store_batched_fn)(void *arg, enum store_outcome outcome, const struct store_written *w,
                                 const struct err *err);
struct store_batch *store_batch_new(struct store *s, struct db_async *db, const struct config *c);
void store_batch_free(struct store_batch *b);
/* What it points to stays the caller's until fn is called. */
void store_batch_add(struct store_batch *b, const struct store_batched *what, store_batched_fn fn, void *arg);

#endif
