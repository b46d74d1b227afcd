#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "db/db.h"

struct job {
    struct job *next;
    db_job_fn fn;
    void *arg;
    int64_t deadline_us;
};

struct db_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, **last;
    int64_t queued, limit, wait_us;
    bool ending;
    const struct config *config;
    int n;
    pthread_t threads[];
};

static struct job *next_job(struct db_pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->first && !p->ending)
        pthread_cond_wait(&p->wake, &p->lock);
    struct job *j = p->first;
    if (j) {
        p->first = j->next;
        if (!p->first)
            p->last = &p->first;
        p->queued--;
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void *work(void *arg)
{
    struct db_pool *p = arg;
    struct db_conn *conn = NULL;
    for (struct job *j; (j = next_job(p));) {
        struct err err;
        metrics_add(METRIC_WORKER_QUEUE, -1);
        metrics_add(METRIC_WORKERS_BUSY, 1);
        if (clock_mono_us() > j->deadline_us) {
            err_set(&err, ERR_BUSY,
                    "The server is overloaded: the request waited too long for its turn; try again later");
            j->fn(j->arg, NULL, &err);
        } else if (!conn && !db_open(p->config, &conn, &err)) {
            conn = NULL;
            j->fn(j->arg, NULL, &err);
        } else {
            db_search_mode(conn, false);
            j->fn(j->arg, conn, NULL);
        }
        metrics_add(METRIC_WORKERS_BUSY, -1);
        free(j);
    }
    if (conn)
        db_close(conn);
    return NULL;
}

bool db_pool_new(const struct config *c, struct db_pool **out, struct err *err)
{
    int n = (int)c->db_workers;
    struct db_pool *p = calloc(1, sizeof *p + sizeof(pthread_t) * (size_t)n);
    if (!p)
        return err_set(err, ERR_INTERNAL, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->last = &p->first;
    p->limit = c->worker_queue;
    p->wait_us = c->worker_queue_wait;
    p->config = c;
    for (; p->n < n; p->n++) {
        if (pthread_create(&p->threads[p->n], NULL, work, p) != 0) {
            db_pool_free(p);
            return err_set(err, ERR_INTERNAL, "cannot start %d worker threads", n);
        }
    }
    *out = p;
    return true;
}

void db_pool_free(struct db_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool db_pool_submit(struct db_pool *p, db_job_fn fn, void *arg, struct err *err)
{
    struct job *j = malloc(sizeof *j);
    if (!j)
        return err_set(err, ERR_BUSY, "The server is out of memory; try again later");
    *j = (struct job){.fn = fn, .arg = arg, .deadline_us = clock_mono_us() + p->wait_us};
    pthread_mutex_lock(&p->lock);
    bool room = p->queued < p->limit && !p->ending;
    if (room) {
        *p->last = j;
        p->last = &j->next;
        p->queued++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    if (!room) {
        free(j);
        return err_set(err, ERR_BUSY,
                       "The server is overloaded: too many requests wait for their turn; try again later");
    }
    metrics_add(METRIC_WORKER_QUEUE, 1);
    return true;
}
