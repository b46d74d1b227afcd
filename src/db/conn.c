#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "internal.h"

struct db_conn {
    struct arena a; /* holds the target's strings */
    struct db__target target;
    PGconn *pg;
    struct db__prepared prepared;
    bool in_transaction, retryable;
    int64_t search_timeout_us;
    enum { MODE_PLAIN, MODE_SEARCH, MODE_UNKNOWN } mode, wanted;
    pthread_mutex_t lock; /* of cancel */
    PGcancel *cancel;     /* NULL: not connected */
};

static void set_cancel(struct db_conn *c, PGcancel *cancel)
{
    pthread_mutex_lock(&c->lock);
    PQfreeCancel(c->cancel);
    c->cancel = cancel;
    pthread_mutex_unlock(&c->lock);
}

void db_cancel(struct db_conn *c)
{
    char ignored[256];
    pthread_mutex_lock(&c->lock);
    if (c->cancel)
        PQcancel(c->cancel, ignored, sizeof ignored);
    pthread_mutex_unlock(&c->lock);
}

static bool connect_now(struct db_conn *c, struct err *err)
{
    set_cancel(c, NULL);
    PQfinish(c->pg);
    c->prepared.n = c->prepared.by_text = 0;
    c->in_transaction = false;
    c->mode = MODE_PLAIN;
    c->pg = PQconnectdbParams(c->target.keywords, c->target.values, 1);
    if (PQstatus(c->pg) != CONNECTION_OK) {
        metrics_add(METRIC_DB_ERRORS, 1);
        return err_detail(err, ERR_BUSY, "The database cannot be reached; try again later", "%s",
                          PQerrorMessage(c->pg));
    }
    set_cancel(c, PQgetCancel(c->pg));
    return true;
}

bool db_open(const struct config *config, struct db_conn **out, struct err *err)
{
    struct db_conn *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, ERR_INTERNAL, "out of memory");
    arena_init(&c->a, 0);
    pthread_mutex_init(&c->lock, NULL);
    c->search_timeout_us = config->search_timeout;
    db__target(config, &c->a, false, "", 0, &c->target);
    if (!connect_now(c, err)) {
        db_close(c);
        return false;
    }
    *out = c;
    return true;
}

void db_close(struct db_conn *c)
{
    set_cancel(c, NULL);
    PQfinish(c->pg);
    pthread_mutex_destroy(&c->lock);
    arena_release(&c->a);
    free(c);
}

static bool ensure(struct db_conn *c, struct err *err)
{
    c->retryable = false;
    if (PQstatus(c->pg) == CONNECTION_OK)
        return true;
    if (c->in_transaction)
        return db__error(NULL, err);
    metrics_add(METRIC_DB_RECONNECTS, 1);
    return connect_now(c, err);
}

static bool failed(struct db_conn *c, PGresult *r, struct err *err)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    c->retryable = state && strncmp(state, "40", 2) == 0;
    db__error(r, err);
    metrics_add(METRIC_DB_ERRORS, 1);
    PQclear(r);
    return false;
}

void db_search_mode(struct db_conn *c, bool on)
{
    c->wanted = on ? MODE_SEARCH : MODE_PLAIN;
}

int64_t db_search_timeout(const struct db_conn *c)
{
    return c->search_timeout_us;
}

/* The session's settings are those of the mode. In a transaction that is rolled back they do not last. */
static bool enter_mode(struct db_conn *c, struct err *err)
{
    char text[128] = "RESET statement_timeout; RESET plan_cache_mode";
    if (c->mode == c->wanted)
        return true;
    if (c->wanted == MODE_SEARCH)
        snprintf(text, sizeof text, "SET statement_timeout = %lld; SET plan_cache_mode = force_generic_plan",
                 (long long)(c->search_timeout_us / 1000));
    PGresult *r = PQexec(c->pg, text);
    if (!db__ok(r))
        return failed(c, r, err);
    PQclear(r);
    c->mode = c->wanted;
    return true;
}

/* place NULL: nobody wants the rows. */
static bool finish(struct db_conn *c, PGresult **place, PGresult *r, const struct db_rows **rows,
                   struct err *err)
{
    if (!db__ok(r))
        return failed(c, r, err);
    if (place)
        *rows = db__rows(place, r);
    else
        PQclear(r);
    return true;
}

static bool prepare(struct db_conn *c, const char *name, const struct sql *q, const struct db__params *p,
                    struct err *err)
{
    char forgotten[DB__NAME], command[DB__NAME + 16];
    if (!name || db__prepared_has(&c->prepared, name))
        return true;
    if (db__prepared_make_room(&c->prepared, name, forgotten)) {
        snprintf(command, sizeof command, "DEALLOCATE %s", forgotten);
        if (!db_run(c, command, err))
            return false;
    }
    PGresult *r = PQprepare(c->pg, name, q->text.s, p->n, p->types);
    if (!db__ok(r))
        return failed(c, r, err);
    PQclear(r);
    db__prepared_add(&c->prepared, name);
    return true;
}

bool db_exec(struct db_conn *c, struct arena *a, const struct sql *q, const struct db_rows **rows,
             struct err *err)
{
    struct db__params p;
    char made[DB__NAME];
    const char *name = db__name(q, made);
    PGresult **place = rows ? db__place(a) : NULL;
    db__params(q, a, &p);
    if (!ensure(c, err) || !enter_mode(c, err) || !prepare(c, name, q, &p, err))
        return false;
    PGresult *r = name ? PQexecPrepared(c->pg, name, p.n, p.values, p.lengths, p.formats, 1)
                       : PQexecParams(c->pg, q->text.s, p.n, p.types, p.values, p.lengths, p.formats, 1);
    return finish(c, place, r, rows, err);
}

bool db_run(struct db_conn *c, const char *text, struct err *err)
{
    return ensure(c, err) && finish(c, NULL, PQexec(c->pg, text), NULL, err);
}

bool db_begin(struct db_conn *c, struct err *err)
{
    /* a connection that died while idle is noticed here, where opening it again does no harm */
    if (!db_run(c, "BEGIN", err) &&
        (PQstatus(c->pg) == CONNECTION_OK || !connect_now(c, err) || !db_run(c, "BEGIN", err)))
        return false;
    c->in_transaction = true;
    return true;
}

bool db_in_transaction(const struct db_conn *c)
{
    return c->in_transaction;
}

bool db_begin_snapshot(struct db_conn *c, struct err *err)
{
    return db_begin(c, err) && db_run(c, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", err);
}

bool db_commit(struct db_conn *c, struct err *err)
{
    PGresult *r = PQexec(c->pg, "COMMIT");
    c->in_transaction = false;
    if (!db__ok(r)) {
        c->mode = MODE_UNKNOWN;
        return failed(c, r, err);
    }
    bool committed =
        strcmp(PQcmdStatus(r), "COMMIT") == 0; /* COMMIT of a failed transaction answers ROLLBACK */
    PQclear(r);
    c->mode = committed ? c->mode : MODE_UNKNOWN;
    return committed ||
           err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                      "COMMIT of a failed transaction");
}

void db_rollback(struct db_conn *c)
{
    if (PQtransactionStatus(c->pg) != PQTRANS_IDLE) {
        PQclear(PQexec(c->pg, "ROLLBACK"));
        c->mode = MODE_UNKNOWN;
    }
    c->in_transaction = false;
}

bool db_retryable(const struct db_conn *c)
{
    return c->retryable;
}

bool db_failed(const struct db_conn *c)
{
    return PQtransactionStatus(c->pg) == PQTRANS_INERROR || PQstatus(c->pg) != CONNECTION_OK;
}
