/*
 * The whole server. The main thread starts the others, then waits for signals, tells the watchdog that the loops turn,
 * and refreshes the planner's statistics. While PostgreSQL is away at the start, requests are answered 503.
 */
#include "api/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "institutions.h"

enum {
    STATS_US = 60 * 1000 * 1000,
    TEND_US = 10 * 1000 * 1000,
    ANALYZE_US = 2 * 1000 * 1000,
    TICK_US = 500 * 1000
};

struct server {
    struct arena a;              /* settings, definitions: until the end */
    const struct config *config; /* what is in force; replaced as a whole by a reload */
    pthread_t threads[HOUSE_LOOPS];
    int running;
    struct http_server *http;
    struct db_conn *conn; /* the main thread's */
    struct house_shared shared;
    struct house *house; /* of the first institution */
    struct institutions *institutions;
    atomic_bool counting; /* a worker looks at the planner's statistics; those below are its own then */
    int64_t next_stats_us, next_analyze_us, next_tend_us;
    _Atomic(struct api *) api; /* of the house; NULL until the database has been seen */
};

static void handle(struct http_request *r, void *arg)
{
    struct server *s = arg;
    struct api *api = atomic_load(&s->api);
    if (api) {
        api_handle(r, institutions_choose(s->institutions, r, api));
        return;
    }
    struct http_response p = {.status = str_is(r->path, "/health/live") ? 200 : 503};
    r->log_interaction = "starting";
    p.body = STR(
        "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":\"transient\","
        "\"diagnostics\":\"The server is starting: the database cannot be reached yet; try again later\"}]}");
    if (p.status == 200)
        p.body = STR("alive\n");
    http_add_header(r, &p, "Content-Type", STR("application/fhir+json; charset=utf-8"));
    http_add_header(r, &p, "Retry-After", STR("2"));
    http_respond(r, &p);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

/* What does not need the database. */
static bool start_front(struct server *s, struct err *err)
{
    const struct config *c = s->config;
    struct house_shared *h = &s->shared;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    h->n = c->http_loops ? (int)c->http_loops : cores < HOUSE_LOOPS ? (int)cores : HOUSE_LOOPS;
    if (!fhir_defs_load(&s->a, &h->defs, err) ||
        !conformance_definitions(&s->a, h->defs, &h->definitions, err) ||
        !search_registry_new(&s->a, h->defs, h->definitions, &h->registry, err) ||
        !validator_new(&s->a, h->defs, h->definitions, &h->validator, err) ||
        !house_new(h, c, &s->house, err) || !db_pool_new(c, &h->pool, err) ||
        !institutions_new(h, c, &s->institutions, err))
        return false;
    for (int i = 0; i < h->n; i++) {
        h->loops[i] = loop_new();
        h->db[i] = db_async_new(c, h->loops[i]);
    }
    if (!http_server_new(c, h->loops, h->n, handle, s, &s->http, err))
        return false;
    http_server_streams(s->http, institutions_streams);
    for (; s->running < h->n; s->running++)
        if (pthread_create(&s->threads[s->running], NULL, run_loop, h->loops[s->running]) != 0)
            return err_set(err, ERR_INTERNAL, "cannot start %d event loops", h->n);
    return true;
}

/* Needs the database; ERR_BUSY: not there yet. */
static bool start_store(struct server *s, struct err *err)
{
    if ((!s->conn && !db_open(s->config, &s->conn, err)) || !house_open(s->house, s->conn, err) ||
        !institutions_follow(s->institutions, s->house->api, s->conn, err))
        return false;
    atomic_store(&s->api, s->house->api);
    return true;
}

static void reload(struct server *s, const struct config_source *from)
{
    struct config fresh, *next = ARENA_NEW(&s->a, struct config);
    struct buf pending, same;
    struct err err;
    service_reloading();
    buf_init(&pending, &s->a, 64);
    buf_init(&same, &s->a, 0);
    *next = *s->config;
    if (config_read(from, &s->a, &fresh, &err)) {
        config_reload(next, &fresh, &pending);
        if (http_server_reload(s->http, next, &err) && house_reload(s->house, next, &same, &err)) {
            s->config = next; /* its strings live in s->a */
            log_set_level((enum log_level)next->log_level);
            institutions_configure(s->institutions, next);
            log_event(LOG_INFO, "reloaded", LOG_S("need_restart", pending.len ? pending.s : NULL));
            service_ready();
            return;
        }
    }
    log_event(LOG_ERROR, "reload-failed", LOG_S("reason", err.msg), LOG_S("detail", err.detail));
    service_ready();
}

/* Every loop has to run this within the time that the watchdog allows. */
static void answer_ping(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static atomic_int pongs;

static void ping(struct server *s, int64_t *next_us)
{
    int64_t interval = service_watchdog_us();
    if (!interval || clock_mono_us() < *next_us)
        return;
    if (atomic_load(&pongs) >= s->shared.n || *next_us == 0) {
        service_alive();
        atomic_store(&pongs, 0);
        for (int i = 0; i < s->shared.n; i++)
            loop_post(s->shared.loops[i], answer_ping, &pongs);
    }
    *next_us = clock_mono_us() + interval;
}

static bool all_ready(const struct server *s)
{
    for (int i = 0; i < s->shared.n; i++)
        if (!db_async_ready(s->shared.db[i]))
            return false;
    return true;
}

/* On a worker: counting a large table anew takes seconds. */
static void statistics(void *arg, struct db_conn *conn, const struct err *failure)
{
    struct server *s = arg;
    struct err err;
    bool analyzed = false, ok = conn && store_analyze(conn, &analyzed, &err);
    if (ok && (analyzed || clock_mono_us() > s->next_stats_us)) {
        s->next_stats_us = clock_mono_us() + STATS_US;
        ok = store_stats_refresh(s->house->store, conn, &err);
    }
    ok = ok && store_sort_in(conn, &err);
    if (!ok)
        log_event(LOG_WARN, "no-statistics", LOG_S("detail", failure ? failure->detail : err.detail));
    if (conn && clock_mono_us() > s->next_tend_us) {
        s->next_tend_us = clock_mono_us() + TEND_US;
        if (!api_tend(atomic_load(&s->api), conn, &err) || !institutions_tend(s->institutions, conn, &err))
            log_event(LOG_WARN, "untended", LOG_S("detail", err.detail));
    }
    if (conn && !institutions_follow(s->institutions, atomic_load(&s->api), conn, &err))
        log_event(LOG_WARN, "institutions-not-read", LOG_S("detail", err.detail));
    s->next_analyze_us = clock_mono_us() + ANALYZE_US;
    atomic_store(&s->counting, false);
}

static void watch_statistics(struct server *s)
{
    struct err err;
    if (atomic_load(&s->counting) || clock_mono_us() < s->next_analyze_us)
        return;
    atomic_store(&s->counting, true);
    if (!db_pool_submit(s->shared.pool, statistics, s, &err))
        atomic_store(&s->counting, false);
}

static bool supervise(struct server *s, const struct config_source *from, const sigset_t *signals,
                      void (*ready)(void *arg, int port), void *arg, struct err *err)
{
    int64_t next_ping = 0;
    bool told = false;
    for (;;) {
        struct err cause;
        if (!atomic_load(&s->api) && !start_store(s, &cause)) {
            if (cause.kind != ERR_BUSY) {
                *err = cause;
                return false;
            }
            log_event(LOG_WARN, "waiting-for-database", LOG_S("detail", cause.detail));
        }
        if (!told && atomic_load(&s->api) && all_ready(s)) {
            told = true;
            log_event(LOG_INFO, "ready", LOG_I("port", http_server_port(s->http)),
                      LOG_I("loops", s->shared.n));
            service_ready();
            if (ready)
                ready(arg, http_server_port(s->http));
        }
        int64_t wait_us = told ? TICK_US : 2000;
        const struct timespec wait = {.tv_nsec = wait_us * 1000};
        switch (sigtimedwait(signals, NULL, &wait)) {
        case SIGTERM:
        case SIGINT:
            return true;
        case SIGHUP:
            if (atomic_load(&s->api))
                reload(s, from);
        }
        ping(s, &next_ping);
        if (told)
            watch_statistics(s);
    }
}

/* Requests that have begun are answered; a second signal does not hurry. */
static void drain(struct server *s)
{
    int64_t deadline = clock_mono_us() + s->config->http_request_timeout;
    service_stopping();
    if (atomic_load(&s->api))
        api_drain(atomic_load(&s->api));
    institutions_drain(s->institutions);
    http_server_drain(s->http);
    while (http_server_active(s->http) > 0 && clock_mono_us() < deadline)
        usleep(5000);
    log_event(LOG_INFO, "stopped", LOG_I("unanswered", http_server_active(s->http)));
}

static void stop(struct server *s)
{
    if (s->institutions)
        institutions_close(s->institutions);
    if (s->house)
        house_close(s->house);
    if (s->shared.pool)
        db_pool_free(s->shared.pool);
    for (int i = 0; i < s->running; i++) {
        loop_stop(s->shared.loops[i]);
        pthread_join(s->threads[i], NULL);
    }
    if (s->http)
        http_server_free(s->http);
    for (int i = 0; i < s->shared.n; i++)
        if (s->shared.db[i])
            db_async_free(s->shared.db[i]);
    institutions_free(s->institutions);
    if (s->house)
        house_free(s->house);
    for (int i = 0; i < s->shared.n; i++)
        if (s->shared.loops[i])
            loop_free(s->shared.loops[i]);
    if (s->conn)
        db_close(s->conn);
    arena_release(&s->a);
    free(s);
}

bool server_run(const struct config_source *from, const struct server_background *background,
                void (*ready)(void *arg, int port), void *arg, struct err *err)
{
    struct server *s = calloc(1, sizeof *s);
    sigset_t signals;
    if (!s)
        return err_set(err, ERR_INTERNAL, "out of memory");
    s->shared.background = background;
    arena_init(&s->a, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct config *config = ARENA_NEW(&s->a, struct config);
    bool ok = config_read(from, &s->a, config, err);
    s->config = config;
    if (ok) {
        log_set_level((enum log_level)config->log_level);
        ok = start_front(s, err) && supervise(s, from, &signals, ready, arg, err);
    }
    if (ok)
        drain(s);
    stop(s);
    return ok;
}
