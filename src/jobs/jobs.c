/* The thread: follows, reports, and carries out a job's next step. What fails is logged and tried again. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { FOLLOW_US = 250 * 1000, CONFORMANCE_US = 1000 * 1000, RETRY_US = 1000 * 1000 };

bool jobs__ask(struct jobs *j, const struct sql *q, const struct db_rows **rows, struct err *err)
{
    return db_exec(j->conn, &j->a, q, rows, err);
}

static bool claim(struct jobs *j, struct err *err)
{
    struct sql q = {.a = &j->a};
    const struct db_rows *rows;
    struct store_job found;
    store_claim_plan(j->store, &q);
    arena_clear(&j->job_a);
    j->job = (struct store_job){0};
    if (!db_exec(j->conn, &j->job_a, &q, &rows, err))
        return false;
    if (store_job_reply(rows, &j->job_a, &found)) {
        j->job = found;
        log_event(LOG_INFO, "job-taken", LOG_S("job", j->job.id.s), LOG_I("done", j->job.done));
    }
    return true;
}

/* What another attempt may not meet. */
static bool passes(const struct jobs *j, const struct err *err)
{
    return err->kind == ERR_BUSY || err->kind == ERR_TIMEOUT || err->kind == ERR_CONFLICT ||
           db_retryable(j->conn);
}

/* After a failure that may pass the job is taken again from the database, if it is still ours. */
static bool work(struct jobs *j, bool *idle, struct err *err)
{
    struct err ignored;
    if (!j->job.id.s && !claim(j, err))
        return false;
    *idle = !j->job.id.s;
    if (*idle || jobs__step(j, idle, err))
        return true;
    bool over = !passes(j, err);
    db_rollback(j->conn);
    if (!over || !jobs__finish(j, JOB_FAILED, str_of(err->msg), &ignored))
        j->job = (struct store_job){0};
    return false;
}

/* False: it is to end. */
static bool pause_for(struct jobs *j, int64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&j->lock);
    if (!j->stop)
        pthread_cond_timedwait(&j->wake, &j->lock, &until);
    bool go_on = !j->stop;
    pthread_mutex_unlock(&j->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct jobs *j = arg;
    int64_t followed_us = 0, refreshed_us = 0, pause_us = 0;
    do {
        struct err err;
        bool idle = true;
        int64_t begun = clock_mono_us();
        arena_clear(&j->a);
        bool ok = true;
        if (begun - followed_us >= FOLLOW_US) {
            followed_us = begun;
            ok = jobs__follow(j, &err) && jobs__report(j, &err);
        }
        if (ok && !store_keys_refresh(j->store, &j->a, j->conn, &err))
            log_event(LOG_WARN, "keys-not-read", LOG_S("kind", err_kind_name(err.kind)),
                      LOG_S("detail", err.kind == ERR_INVALID ? err.msg : err.detail));
        if (ok && begun - refreshed_us >= CONFORMANCE_US) {
            refreshed_us = begun;
            ok = conformance_refresh(j->conformance, j->conn, &j->a, &err) &&
                 consent_refresh(j->consent, j->conn, &err);
        }
        ok = ok && work(j, &idle, &err);
        if (!ok) {
            db_rollback(j->conn);
            log_event(LOG_WARN, "job-delayed", LOG_S("kind", err_kind_name(err.kind)),
                      LOG_S("detail", err.detail));
        }
        /* as long at rest as at work: requests come first */
        pause_us = !ok ? RETRY_US : idle ? FOLLOW_US : clock_mono_us() - begun;
    } while (pause_for(j, pause_us));
    return NULL;
}

static void free_all(struct jobs *j)
{
    if (j->conn)
        db_close(j->conn);
    arena_release(&j->a);
    arena_release(&j->job_a);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->wake);
    free(j);
}

/* We are there before we look, so that nobody who changes something overlooks us. */
static bool begin(struct jobs *j, struct err *err)
{
    struct sql presence = {.a = &j->a}, alive = {.a = &j->a}, first = {.a = &j->a};
    if (!db_open(j->config, &j->conn, err))
        return false;
    store_presence_plan(j->store, &presence);
    store_alive_plan(j->store, 0, &alive);
    store_first_generation_plan(j->store, &first);
    return jobs__ask(j, &presence, NULL, err) && jobs__ask(j, &alive, NULL, err) &&
           jobs__ask(j, &first, NULL, err) && jobs__follow(j, err) && jobs__report(j, err) &&
           conformance_refresh(j->conformance, j->conn, &j->a, err) &&
           consent_refresh(j->consent, j->conn, err);
}

bool jobs_start(const struct config *c, const struct fhir_defs *d, struct search_current *search,
                struct conformance_current *conformance, struct consent_current *consent, struct store *s,
                struct jobs **out, struct err *err)
{
    struct jobs *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(err, ERR_INTERNAL, "out of memory");
    *j = (struct jobs){
        .config = c, .defs = d, .search = search, .conformance = conformance, .consent = consent, .store = s};
    arena_init(&j->a, 0);
    arena_init(&j->job_a, 0);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    if (!begin(j, err)) {
        free_all(j);
        return false;
    }
    if (pthread_create(&j->thread, NULL, run, j) != 0) {
        free_all(j);
        return err_set(err, ERR_INTERNAL, "cannot start the thread of the jobs");
    }
    *out = j;
    return true;
}

void jobs_stop(struct jobs *j)
{
    struct sql q = {.a = &j->a};
    struct err ignored;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    store_gone_plan(j->store, &q);
    if (!jobs__ask(j, &q, NULL, &ignored))
        log_event(LOG_WARN, "job-delayed", LOG_S("detail", ignored.detail));
    free_all(j);
}
