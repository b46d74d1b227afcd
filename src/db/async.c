/*
 * The connections of one event loop. Each link is a state machine: connecting, ready, or waiting to connect
 * again. A pipelined link sends statements as they come and one Sync for all that a turn of the loop brought;
 * a plain link has one statement in flight and takes the next from its lane's queue.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "internal.h"

enum {
    LANES = DB_REPLICA_SEARCH + 1,
    PRIMARY_LANES = DB_WRITE + 1,
    POSITION_US = 25 * 1000,        /* how often a replica is asked how far it is while it is used */
    IDLE_POSITION_US = 1000 * 1000, /* and while it is not */
    RECONNECT_MIN_US = 50 * 1000,
    RECONNECT_MAX_US = 2 * 1000 * 1000,
    PATIENCE_US =
        5 * 1000 * 1000 /* beyond the statement timeout, with which PostgreSQL should have ended it */
};

struct task {
    struct task *next;
    struct arena *a;
    const struct sql *q;
    const char *name; /* NULL: none */
    char made[DB__NAME];
    db_done_fn fn;
    void *arg;
    PGresult *result; /* arrived, handed over when the statement is complete */
    int64_t sent_us;
    enum { TASK_STATEMENT, TASK_FORGET, TASK_PREPARE, TASK_SYNC } kind;
    bool again; /* was already tried once behind a failing neighbour */
};

struct queue {
    struct task *first, **last;
};

struct lane;

struct link {
    struct lane *lane;
    PGconn *pg;
    enum { LINK_DOWN, LINK_CONNECTING, LINK_READY } state;
    struct loop_io io;
    bool added;
    struct loop_timer timer; /* connect again, or the watchdog of what is in flight */
    int64_t backoff_us;
    struct queue sent;
    bool unsynced;
    struct db__prepared prepared;
    int turn; /* the host that is tried first */
    struct db__position position;
};

struct lane {
    struct db_async *d;
    bool pipelined;
    int64_t patience_us;        /* a statement without an answer for so long: the connection is given up */
    struct db__target *targets; /* one a host to begin with */
    int n_targets;
    struct queue waiting;
    int n;
    atomic_int ready;
    struct link *links;
};

struct db_async {
    struct loop *loop;
    struct arena a;
    struct lane lanes[LANES];
    struct task *spare; /* tasks are recycled: no malloc a statement */
    struct loop_timer positions;
    int64_t used_us, max_lag_us; /* of replicas */
};

/* ---- tasks ----------------------------------------------------------------------------------------------
 */

static struct task *new_task(struct db_async *d)
{
    struct task *t = d->spare;
    if (t)
        d->spare = t->next;
    else
        t = malloc(sizeof *t);
    if (t)
        *t = (struct task){0};
    return t;
}

static void spare_task(struct db_async *d, struct task *t)
{
    t->next = d->spare;
    d->spare = t;
}

static void push(struct queue *q, struct task *t)
{
    if (!q->first)
        q->last = &q->first;
    t->next = NULL;
    *q->last = t;
    q->last = &t->next;
}

static struct task *pop(struct queue *q)
{
    struct task *t = q->first;
    if (t)
        q->first = t->next;
    return t;
}

static void complete(struct db_async *d, struct task *t)
{
    db_done_fn fn = t->fn;
    void *arg = t->arg;
    struct arena *a = t->a;
    PGresult *r = t->result;
    spare_task(d, t);
    if (r && db__ok(r)) {
        fn(arg, db__rows(db__place(a), r), NULL);
        return;
    }
    struct err err;
    db__error(r, &err);
    PQclear(r);
    metrics_add(METRIC_DB_ERRORS, 1);
    fn(arg, NULL, &err);
}

/* ---- a link's life --------------------------------------------------------------------------------------
 */

static void on_io(void *arg, uint32_t events);
static void on_timer(void *arg);
static void start_next(struct link *k);
static void ask_position(struct link *k);

static void watch(struct link *k, uint32_t events)
{
    if (k->added) {
        if (k->io.events != events)
            loop_change(k->lane->d->loop, &k->io, events);
        return;
    }
    k->io = (struct loop_io){.fd = PQsocket(k->pg), .events = events, .fn = on_io, .arg = k};
    k->added = loop_add(k->lane->d->loop, &k->io);
}

static void unwatch(struct link *k)
{
    if (k->added)
        loop_remove(k->lane->d->loop, &k->io);
    k->added = false;
}

static void fail_all(struct db_async *d, struct queue *q)
{
    for (struct task *t; (t = pop(q));) {
        PQclear(t->result);
        t->result = NULL;
        if (t->fn) /* a statement, or its PREPARE on a plain link */
            complete(d, t);
        else
            spare_task(d, t);
    }
}

/* The connection is gone: what was sent fails, what waits fails when no other link can take it. */
static void link_down(struct link *k, const char *why)
{
    struct lane *l = k->lane;
    unwatch(k);
    k->turn += k->state == LINK_CONNECTING;
    k->position.seen = 0;
    if (k->state == LINK_READY) {
        atomic_fetch_sub(&l->ready, 1);
        metrics_add(METRIC_DB_CONNECTIONS, -1);
        log_event(LOG_WARN, "db-connection-lost", LOG_S("reason", why));
    }
    k->state = LINK_DOWN;
    PQfinish(k->pg);
    k->pg = NULL;
    k->prepared.n = k->prepared.by_text = 0;
    k->unsynced = false;
    loop_timer_set(l->d->loop, &k->timer, clock_mono_us() + k->backoff_us);
    k->backoff_us = k->backoff_us * 2 > RECONNECT_MAX_US ? RECONNECT_MAX_US : k->backoff_us * 2;
    struct queue lost = k->sent;
    k->sent = (struct queue){0};
    fail_all(l->d, &lost);
    if (l->ready == 0)
        fail_all(l->d, &l->waiting);
}

static void link_up(struct link *k)
{
    PQsetnonblocking(k->pg, 1);
    if (k->lane->pipelined)
        PQenterPipelineMode(k->pg);
    k->state = LINK_READY;
    k->backoff_us = RECONNECT_MIN_US;
    loop_timer_set(k->lane->d->loop, &k->timer, 0);
    atomic_fetch_add(&k->lane->ready, 1);
    metrics_add(METRIC_DB_CONNECTIONS, 1);
    start_next(k);
    ask_position(k);
}

static void continue_connecting(struct link *k)
{
    unwatch(k); /* libpq may try another address: on another socket, which may have the same number */
    PostgresPollingStatusType s = PQconnectPoll(k->pg);
    switch (s) {
    case PGRES_POLLING_OK:
        watch(k, EPOLLIN);
        link_up(k);
        break;
    case PGRES_POLLING_READING:
        watch(k, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        watch(k, EPOLLOUT);
        break;
    default:
        link_down(k, "connect");
    }
}

static void start_connecting(struct link *k)
{
    const struct db__target *t = &k->lane->targets[k->turn % k->lane->n_targets];
    k->pg = PQconnectStartParams(t->keywords, t->values, 1);
    k->state = LINK_CONNECTING;
    if (!k->pg || PQstatus(k->pg) == CONNECTION_BAD) {
        link_down(k, "connect");
        return;
    }
    loop_timer_set(k->lane->d->loop, &k->timer, clock_mono_us() + 5 * 1000 * 1000);
    watch(k, EPOLLOUT);
}

/* ---- sending --------------------------------------------------------------------------------------------
 */

static bool flush(struct link *k)
{
    int left = PQflush(k->pg);
    if (left < 0)
        return false;
    watch(k, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
}

static bool note_sent(struct link *k, struct db_async *d, int kind, const char *name)
{
    struct task *t = new_task(d);
    if (!t)
        return false;
    t->kind = kind;
    if (name) {
        snprintf(t->made, sizeof t->made, "%s", name);
        t->name = t->made;
    }
    push(&k->sent, t);
    return true;
}

static bool send_statement(struct link *k, struct task *t)
{
    struct db__params p;
    db__params(t->q, t->a, &p);
    const struct sql *q = t->q;
    t->sent_us = clock_mono_us();
    if (!t->name)
        return PQsendQueryParams(k->pg, q->text.s, p.n, p.types, p.values, p.lengths, p.formats, 1);
    return PQsendQueryPrepared(k->pg, t->name, p.n, p.values, p.lengths, p.formats, 1);
}

static bool send_prepare(struct link *k, const struct task *t)
{
    struct db__params p;
    db__params(t->q, t->a, &p);
    return PQsendPrepare(k->pg, t->name, t->q->text.s, p.n, p.types);
}

static bool needs_prepare(const struct link *k, const struct task *t)
{
    return t->name && !db__prepared_has(&k->prepared, t->name);
}

static bool sync(struct link *k)
{
    k->unsynced = false;
    return PQpipelineSync(k->pg) && note_sent(k, k->lane->d, TASK_SYNC, NULL);
}

/* Between two Syncs, so that neither a failing neighbour keeps it from being carried out, nor its failing (it was never
 * prepared: a neighbour failed then) takes others along. */
static bool forget_pipelined(struct link *k, const char *name)
{
    char command[DB__NAME + 16];
    snprintf(command, sizeof command, "DEALLOCATE %s", name);
    return (!k->unsynced || sync(k)) && PQsendQueryParams(k->pg, command, 0, NULL, NULL, NULL, NULL, 1) &&
           note_sent(k, k->lane->d, TASK_FORGET, NULL) && sync(k);
}

static void send_pipelined(struct link *k, struct task *t)
{
    struct db_async *d = k->lane->d;
    char forgotten[DB__NAME];
    bool ok = true;
    if (needs_prepare(k, t)) {
        if (db__prepared_make_room(&k->prepared, t->name, forgotten))
            ok = forget_pipelined(k, forgotten);
        ok = ok && send_prepare(k, t) && note_sent(k, d, TASK_PREPARE, t->name);
        db__prepared_add(&k->prepared, t->name);
    }
    push(&k->sent, t);
    k->unsynced = true;
    ok = ok && send_statement(k, t);
    if (ok && t->again) /* by itself, lest another neighbour takes it along once more */
        ok = sync(k) && flush(k);
    if (!ok)
        link_down(k, "send");
}

static bool send_forget(struct link *k, const char *name)
{
    char command[DB__NAME + 16];
    snprintf(command, sizeof command, "DEALLOCATE %s", name);
    return PQsendQuery(k->pg, command);
}

/* A plain link: prepares first, as a statement of its own. */
static void send_plain(struct link *k, struct task *t)
{
    char forgotten[DB__NAME];
    bool ok;
    if (needs_prepare(k, t)) {
        bool room = !db__prepared_make_room(&k->prepared, t->name, forgotten);
        t->kind = room ? TASK_PREPARE : TASK_FORGET;
        t->sent_us = clock_mono_us();
        ok = room ? send_prepare(k, t) : send_forget(k, forgotten);
    } else {
        t->kind = TASK_STATEMENT;
        ok = send_statement(k, t);
    }
    push(&k->sent, t);
    if (!ok || !flush(k)) {
        t->kind = TASK_STATEMENT;
        link_down(k, "send");
        return;
    }
    loop_timer_set(k->lane->d->loop, &k->timer, t->sent_us + k->lane->patience_us);
}

static void start_next(struct link *k)
{
    struct lane *l = k->lane;
    while (k->state == LINK_READY && l->waiting.first && (l->pipelined || !k->sent.first)) {
        struct task *t = pop(&l->waiting);
        if (l->pipelined)
            send_pipelined(k, t);
        else
            send_plain(k, t);
    }
}

static void sync_link(struct link *k)
{
    if (k->state != LINK_READY || !k->unsynced)
        return;
    if (!sync(k) || !flush(k)) {
        link_down(k, "send");
        return;
    }
    if (!k->timer.due_us)
        loop_timer_set(k->lane->d->loop, &k->timer, clock_mono_us() + k->lane->patience_us);
}

/* Once a turn: one Sync behind all that was sent in it. */
static int64_t sync_turn(void *arg)
{
    struct db_async *d = arg;
    sync_link(&d->lanes[DB_READ].links[0]);
    if (d->lanes[DB_REPLICA_READ].n)
        sync_link(&d->lanes[DB_REPLICA_READ].links[0]);
    return -1;
}

/* ---- replicas --------------------------------------------------------------------------------------------
 */

static void on_position(void *arg, const struct db_rows *rows, const struct err *err)
{
    struct link *k = arg;
    (void)err; /* the link has said why */
    db__position_read(&k->position, rows, k->lane->d->max_lag_us);
}

/* Goes out between the statements of others; a link that has one of its own in flight is asked later. */
static void ask_position(struct link *k)
{
    struct lane *l = k->lane;
    if (l - l->d->lanes < PRIMARY_LANES || k->state != LINK_READY || k->position.asked ||
        (!l->pipelined && k->sent.first))
        return;
    struct task *t = new_task(l->d);
    if (!t)
        return;
    t->a = &k->position.a;
    t->q = db__position_ask(&k->position);
    t->name = t->q->name;
    t->fn = on_position;
    t->arg = k;
    if (l->pipelined)
        send_pipelined(k, t);
    else
        send_plain(k, t);
}

static void ask_positions(void *arg)
{
    struct db_async *d = arg;
    int64_t now = clock_mono_us(),
            pause = now - d->used_us < IDLE_POSITION_US ? POSITION_US : IDLE_POSITION_US;
    loop_timer_set(d->loop, &d->positions, now + pause);
    for (int i = PRIMARY_LANES; i < LANES; i++)
        for (int j = 0; j < d->lanes[i].n; j++)
            ask_position(&d->lanes[i].links[j]);
}

bool db_submit_replica(struct db_async *d, enum db_lane lane, int64_t position, struct arena *a,
                       const struct sql *q, db_done_fn fn, void *arg)
{
    struct lane *l = &d->lanes[lane];
    int64_t now = clock_mono_us();
    if (now - d->used_us >= IDLE_POSITION_US)
        loop_timer_set(d->loop, &d->positions, now + POSITION_US);
    d->used_us = now;
    for (int i = 0; i < l->n; i++) {
        struct link *k = &l->links[i];
        if (k->state != LINK_READY || (!l->pipelined && k->sent.first) ||
            !db__position_reached(&k->position, position, now))
            continue;
        struct task *t = new_task(d);
        if (!t)
            return false;
        t->a = a;
        t->q = q;
        t->name = db__name(q, t->made);
        t->fn = fn;
        t->arg = arg;
        metrics_add(METRIC_DB_REPLICA_READS, 1);
        if (l->pipelined)
            send_pipelined(k, t);
        else
            send_plain(k, t);
        return true;
    }
    return false;
}

/* ---- receiving ------------------------------------------------------------------------------------------
 */

/* It was prepared twice: the first time it seemed to fail, and was forgotten since. */
static bool is_there(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state && strcmp(state, "42P05") == 0;
}

/* A result of the oldest statement sent; NULL ends a statement. */
static void receive(struct link *k, PGresult *r)
{
    struct db_async *d = k->lane->d;
    struct task *t = k->sent.first;
    if (!t) {
        PQclear(r);
        return;
    }
    if (r && PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
        PQclear(r);
        spare_task(d, pop(&k->sent));
        return;
    }
    if (r) {
        PQclear(t->result);
        t->result = r;
        return;
    }
    if (!t->result) /* libpq may answer NULL once more around a Sync */
        return;
    pop(&k->sent);
    if (t->kind != TASK_STATEMENT && k->lane->pipelined) {
        if (t->kind == TASK_PREPARE && !db__ok(t->result) && !is_there(t->result))
            db__prepared_remove(&k->prepared, t->name); /* the next statement prepares it again */
        PQclear(t->result);
        spare_task(d, t);
    } else if ((t->kind == TASK_PREPARE || t->kind == TASK_FORGET) && db__ok(t->result)) {
        if (t->kind == TASK_PREPARE)
            db__prepared_add(&k->prepared, t->name);
        PQclear(t->result);
        t->result = NULL;
        send_plain(k, t);
    } else if (PQresultStatus(t->result) == PGRES_PIPELINE_ABORTED && !t->again) {
        /* a neighbour failed and took this one with it */
        PQclear(t->result);
        t->result = NULL;
        t->again = true;
        push(&k->lane->waiting, t);
    } else {
        complete(d, t);
    }
}

static bool alive(const struct link *k, PGconn *pg)
{
    return k->state == LINK_READY && k->pg == pg && PQstatus(pg) == CONNECTION_OK;
}

static void read_results(struct link *k)
{
    PGconn *pg = k->pg;
    if (!PQconsumeInput(pg)) {
        link_down(k, "receive");
        return;
    }
    int ends = 0; /* two NULLs in a row: nothing more to come now */
    while (alive(k, pg) && k->sent.first && !PQisBusy(pg) && ends < 2) {
        PGresult *r = PQgetResult(pg);
        ends = r ? 0 : ends + 1;
        if (r || ends == 1)
            receive(k, r);
    }
    if (k->state == LINK_READY && k->pg == pg && PQstatus(pg) != CONNECTION_OK) {
        link_down(k, "receive");
        return;
    }
    if (!alive(k, pg))
        return;
    if (!k->sent.first)
        loop_timer_set(k->lane->d->loop, &k->timer, 0);
    else if (k->lane->pipelined)
        loop_timer_set(k->lane->d->loop, &k->timer, clock_mono_us() + k->lane->patience_us);
    start_next(k);
}

static void on_io(void *arg, uint32_t events)
{
    struct link *k = arg;
    if (k->state == LINK_CONNECTING) {
        continue_connecting(k);
        return;
    }
    if ((events & EPOLLOUT) && !flush(k)) {
        link_down(k, "send");
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_results(k);
}

static void on_timer(void *arg)
{
    struct link *k = arg;
    if (k->state == LINK_DOWN) {
        metrics_add(METRIC_DB_RECONNECTS, 1);
        start_connecting(k);
    } else {
        link_down(k, k->state == LINK_CONNECTING ? "connect timeout" : "no answer");
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------
 */

struct db_async *db_async_new(const struct config *c, struct loop *loop)
{
    struct db_async *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->loop = loop;
    arena_init(&d->a, 0);
    const bool replicas = *c->db_replicas;
    const int searches = (int)c->db_search_connections;
    const int sizes[LANES] = {[DB_READ] = 1,
                              [DB_SEARCH] = searches,
                              [DB_WRITE] = (int)c->db_write_connections,
                              [DB_REPLICA_READ] = replicas,
                              [DB_REPLICA_SEARCH] = replicas ? searches : 0};
    d->max_lag_us = c->db_replica_max_lag;
    d->positions = (struct loop_timer){.fn = ask_positions, .arg = d};
    for (int i = 0; i < LANES; i++) {
        struct lane *l = &d->lanes[i];
        const bool search = i == DB_SEARCH || i == DB_REPLICA_SEARCH, replica = i >= PRIMARY_LANES;
        l->d = d;
        l->pipelined = i == DB_READ || i == DB_REPLICA_READ;
        l->n_targets = db__hosts(replica ? c->db_replicas : c->db_conninfo);
        l->targets = ARENA_ARRAY(&d->a, struct db__target, l->n_targets);
        for (int j = 0; j < l->n_targets; j++)
            db__target(c, &d->a, replica, search ? db__search_options(c, &d->a) : "", j, &l->targets[j]);
        l->patience_us = (search ? c->search_timeout : c->db_statement_timeout) + PATIENCE_US;
        l->n = sizes[i];
        l->links = ARENA_ARRAY(&d->a, struct link, l->n);
        for (int j = 0; j < l->n; j++) {
            l->links[j].lane = l;
            l->links[j].turn = replica ? j : 0; /* the load is spread over the replicas */
            arena_init(&l->links[j].position.a, 0);
            l->links[j].backoff_us = RECONNECT_MIN_US;
            l->links[j].timer = (struct loop_timer){.fn = on_timer, .arg = &l->links[j]};
            start_connecting(&l->links[j]);
        }
    }
    loop_add_idle(loop, sync_turn, d);
    if (replicas)
        ask_positions(d);
    return d;
}

void db_async_free(struct db_async *d)
{
    for (int i = 0; i < LANES; i++) {
        struct lane *l = &d->lanes[i];
        for (int j = 0; j < l->n; j++) {
            fail_all(d, &l->links[j].sent);
            PQfinish(l->links[j].pg);
            arena_release(&l->links[j].position.a);
        }
        fail_all(d, &l->waiting);
    }
    for (struct task *t = d->spare, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    arena_release(&d->a);
    free(d);
}

bool db_async_ready(const struct db_async *d)
{
    for (int i = 0; i < PRIMARY_LANES; i++)
        if (d->lanes[i].ready == 0)
            return false;
    return true;
}

void db_submit(struct db_async *d, enum db_lane lane, struct arena *a, const struct sql *q, db_done_fn fn,
               void *arg)
{
    struct lane *l = &d->lanes[lane];
    struct task *t = l->ready > 0 ? new_task(d) : NULL;
    if (!t) {
        struct err err;
        db__error(NULL, &err);
        fn(arg, NULL, &err);
        return;
    }
    t->a = a;
    t->q = q;
    t->name = db__name(q, t->made);
    t->fn = fn;
    t->arg = arg;
    push(&l->waiting, t);
    for (int i = 0; i < l->n && l->waiting.first; i++)
        start_next(&l->links[i]);
}
