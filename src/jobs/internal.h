/* src/jobs/internal.h: what the files of the module share. All but stop belongs to the module's thread. */
#ifndef KAGARI_JOBS_INTERNAL_H
#define KAGARI_JOBS_INTERNAL_H

#include <pthread.h>

#include "jobs/jobs.h"
#include "store/jobs.h"

struct jobs {
    const struct config *config;
    const struct fhir_defs *defs;
    struct search_current *search;
    struct conformance_current *conformance;
    struct consent_current *consent; /* or NULL */
    struct store *store;
    struct db_conn *conn;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;            /* under lock */
    int64_t alive_us;     /* when we last said that we are there */
    int64_t reported;     /* the generation that we said our requests work with */
    struct arena a;       /* of one step */
    struct arena job_a;   /* of the job */
    struct store_job job; /* id.s NULL: none */
};

/* One statement; rows may be NULL. */
bool jobs__ask(struct jobs *j, const struct sql *q, const struct db_rows **rows, struct err *err) NODISCARD;

/* parameters.c: takes SearchParameters that have changed into use or out of it; publishes what others have. */
bool jobs__follow(struct jobs *j, struct err *err) NODISCARD;
/* Tells the others that we are there and how far our requests are. */
bool jobs__report(struct jobs *j, struct err *err) NODISCARD;

/* reindex.c: the next step of j->job. *idle: it has to wait for something. */
bool jobs__step(struct jobs *j, bool *idle, struct err *err) NODISCARD;
/* Ends j->job. */
bool jobs__finish(struct jobs *j, enum store_job_state state, struct str message, struct err *err) NODISCARD;

#endif
