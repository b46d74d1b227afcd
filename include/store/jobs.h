/*
 * store/jobs.h: jobs and search parameters as rows: what api and jobs share. As in store.h, plans write statements and
 * replies read their rows.
 *
 * A job is carried out by one server at a time, which renews a lease; when it dies the lease runs out and another one
 * goes on where the job was. Every step is written together with its work, and only while the job is still the
 * server's own.
 */
#ifndef KAGARI_STORE_JOBS_H
#define KAGARI_STORE_JOBS_H

#include "store/store.h"

enum store_job_state { JOB_WAITING = 1, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };

struct store_job {
    struct str id;
    enum store_job_state state;
    int64_t generation; /* of the search parameters that it needs */
    int16_t *types;     /* ascending */
    size_t n_types;     /* 0: all */
    struct str base;
    int16_t at_type;
    struct str at_id;
    int64_t done, changed, total;             /* total -1: not counted yet */
    int64_t created_us, started_us, ended_us; /* 0: not yet */
    struct str message;                       /* why it failed; s NULL: nothing */
};

int64_t store_node(const struct store *s); /* this server's number, different from those of others that run */

/* $reindex: one row, the job's id: a new one's, or that of one for the same types which has not begun. */
void store_reindex_request_plan(const struct store *s, struct str id, const int16_t *types, size_t n,
                                struct str base, struct sql *q);
void store_job_plan(const struct store *s, struct str id, struct sql *q);
/* The job in a row of this plan, and of store_claim_plan(); false: there is none. */
bool store_job_reply(const struct db_rows *rows, struct arena *a, struct store_job *out);
/* One row, when it was waiting or running. */
void store_cancel_plan(const struct store *s, struct str id, struct sql *q);

/* ---- the runner ------------------------------------------------------------------------------------------------ */

/* Takes the oldest job that is nobody's; its lease begins. */
void store_claim_plan(const struct store *s, struct sql *q);
/* Moves it on, renews the lease; no row: it is not ours any more, and what was done in this transaction must not be. */
void store_progress_plan(const struct store *s, const struct store_job *job, struct sql *q);
/* Ends it; of one that is done, its search parameters become ready: after store_hold_generation_plan(). */
void store_finish_plan(const struct store *s, const struct store_job *job, struct sql *q);
/* One row: how many resources. */
void store_count_plan(const struct store *s, const struct store_job *job, struct sql *q);

/* The next resources of a type by id, at most n of them and some megabytes. */
enum store_stored_column {
    STORED_RID,
    STORED_VER,
    STORED_IX,
    STORED_PAT, /* lanes, NULL: none */
    STORED_CODE,
    STORED_CAT,
    STORED_DT,
    STORED_DT_HI,
    STORED_Q,
    STORED_Q_STANDARD,
    STORED_Q_UNIT,
    STORED_SIDES, /* how many rows it has in the side tables */
    STORED_LABELS,
    STORED_KEYS,
    STORED_CONTENT, /* for store_text_at() */
    STORED_SEALED
};
void store_stored_plan(const struct store *s, const struct fhir_type *type, struct str after, int n,
                       struct sql *q);
/* New index rows for a version, unless there is another version by now, somebody else has changed its index rows
 * (stored_ix), or a writer holds it: false then, and nothing was changed. Nothing waits. */
void store_reindex_plan(struct store *s, struct store_write *w, int32_t ver, int64_t stored_ix,
                        struct sql *q);
/* Side rows are not those that their hash tells of: another hash, under the same conditions, so that the next visit
 * makes them anew. (Not at once: a writer that waits would take the hash for that of the rows it has seen.) */
void store_doubt_plan(const struct store *s, const struct fhir_type *type, struct str id, int32_t ver,
                      int64_t stored_ix, struct sql *q);
bool store_reindex_reply(const struct db_rows *rows); /* of both */

/* ---- search parameters ----------------------------------------------------------------------------------------- */

/* This server runs, and its requests work with this generation or later ones. */
void store_alive_plan(const struct store *s, int64_t generation, struct sql *q);
void store_gone_plan(const struct store *s, struct sql *q);
/* An advisory lock that ends with the connection: others see that this server is there. */
void store_presence_plan(const struct store *s, struct sql *q);
/* One row: how many servers that may be there have not come to this generation. */
void store_behind_plan(const struct store *s, int64_t generation, struct sql *q);

/* One row: the generation (int8), and whether SearchParameters were written that are not in it (bool). */
void store_generation_plan(const struct store *s, int16_t rtype, struct sql *q);
/* At start; once a database, or after a restore into one whose transaction ids are behind. */
void store_first_generation_plan(const struct store *s, struct sql *q);
/* Inside a transaction: nobody else changes the search parameters until it ends. */
void store_hold_generation_plan(const struct store *s, struct sql *q);
/* The same for whoever takes in what was written before now. */
void store_lock_generation_plan(const struct store *s, struct sql *q);
/* What is in use and what is stored: k int8, stored version int4 (NULL: deleted), its content, version in use int4
 * (NULL: none), its content, id, and whether its job has failed. Those that were written below a horizon will be in: it is noted. */
enum {
    PARAMETER_K,
    PARAMETER_VER,
    PARAMETER_CONTENT,
    PARAMETER_USED_VER,
    PARAMETER_USED_CONTENT,
    PARAMETER_ID,
    PARAMETER_FAILED
};
void store_parameters_plan(const struct store *s, int16_t rtype, struct sql *q);
/* Takes a version into use, with the job that makes it ready; ver 0: takes it out of use. job s NULL: it is as ready
 * as it was. */
void store_use_plan(const struct store *s, int64_t k, int32_t ver, struct str job, struct sql *q);
/* The next generation; with id, a job for it that reindexes the types. */
void store_next_generation_plan(const struct store *s, struct str id, const int16_t *types, size_t n,
                                struct str base, struct sql *q);
/* The registry's rows: generation int8, id text (NULL: there is none), ready bool, job text, content text. */
enum { REGISTRY_GENERATION, REGISTRY_ID, REGISTRY_READY, REGISTRY_JOB, REGISTRY_CONTENT };
void store_registry_plan(const struct store *s, struct sql *q);

#endif
