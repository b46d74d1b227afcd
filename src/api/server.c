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
#include "store/cache.h"

enum {
    LOOPS_MAX = 256,
    STATS_US = 60 * 1000 * 1000,
    TEND_US = 10 * 1000 * 1000,
    ANALYZE_US = 2 * 1000 * 1000,
    TICK_US = 500 * 1000
};

struct server {
    struct arena a;       /* settings, definitions: until the end */
    struct config config; /* what is in force; replaced as a whole by a reload */
    int n;
    struct loop *loops[LOOPS_MAX];
    pthread_t threads[LOOPS_MAX];
    int running;
    struct db_async *db[LOOPS_MAX];
    struct store_batch *batch[LOOPS_MAX];
    struct http_server *http;
    struct auth *auth;
    struct audit *audit;
    bool auditing; /* its thread runs */
    struct oauth *oauth;
    struct db_pool *pool;
    struct db_conn *conn; /* the main thread's */
    struct store *store;
    const struct fhir_defs *defs;
    struct search_current *search;
    const struct validator *validator;
    const struct conformance_view *definitions;
    struct conformance_current *conformance;
    struct consent_current *consent;
    atomic_bool counting; /* a worker looks at the planner's statistics; those below are its own then */
    int64_t next_stats_us, next_analyze_us, next_tend_us;
    const struct server_background *background;
    void *working;             /* what it started */
    _Atomic(struct api *) api; /* NULL until the database has been seen */
};

static void handle(struct http_request *r, void *arg)
{
    struct server *s = arg;
    struct api *api = atomic_load(&s->api);
    if (api) {
        api_handle(r, api);
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
    const struct config *c = &s->config;
    const struct search_registry *base;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    s->n = c->http_loops ? (int)c->http_loops : cores < LOOPS_MAX ? (int)cores : LOOPS_MAX;
    if (!fhir_defs_load(&s->a, &s->defs, err) ||
        !conformance_definitions(&s->a, s->defs, &s->definitions, err) ||
        !search_registry_new(&s->a, s->defs, s->definitions, &base, err) ||
        !validator_new(&s->a, s->defs, s->definitions, &s->validator, err) ||
        !auth_new(c, s->defs, &s->auth, err) || (c->audit_enabled && !audit_new(c, s->n, &s->audit, err)) ||
        !db_pool_new(c, &s->pool, err))
        return false;
    s->search = search_current_new(base);
    if (!s->search)
        return err_set(err, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < s->n; i++) {
        s->loops[i] = loop_new();
        s->db[i] = db_async_new(c, s->loops[i]);
    }
    if (!http_server_new(c, s->loops, s->n, handle, s, &s->http, err))
        return false;
    http_server_streams(s->http, api_streams);
    for (; s->running < s->n; s->running++)
        if (pthread_create(&s->threads[s->running], NULL, run_loop, s->loops[s->running]) != 0)
            return err_set(err, ERR_INTERNAL, "cannot start %d event loops", s->n);
    return true;
}

/* Needs the database; ERR_BUSY: not there yet. */
static bool start_store(struct server *s, struct err *err)
{
    struct api *api;
    if (!s->conn && !db_open(&s->config, &s->conn, err))
        return false;
    if (!s->store &&
        (!db_check_schema(s->conn, err) || !store_new(&s->config, s->defs, s->conn, &s->store, err) ||
         !store_cache_start(s->store, &s->config, err)))
        return false;
    if (!s->conformance && !conformance_current_new(&s->config, s->defs, s->definitions,
                                                    store_tenant(s->store)->id, &s->conformance, err))
        return false;
    if (!s->consent && !consent_current_new(&s->config, s->defs, s->store, &s->consent, err))
        return false;
    if (s->audit && !s->auditing) {
        struct config *own = ARENA_NEW(&s->a, struct config); /* ours changes with a reload */
        *own = s->config;
        if (!audit_start(s->audit, own, store_tenant(s->store)->id,
                         (int16_t)fhir_resource(s->defs, STR("Patient"))->id, err))
            return false;
        s->auditing = true;
    }
    if (!s->oauth && !oauth_new(&s->config, store_tenant(s->store)->id, s->auth, s->conn, &s->oauth, err))
        return false;
    if (!s->working) {
        struct config *own = ARENA_NEW(&s->a, struct config); /* ours changes with a reload */
        *own = s->config;
        if (!s->background->start(own, s->defs, s->search, s->conformance, s->consent, s->store, &s->working,
                                  err))
            return false;
    }
    for (int i = 0; i < s->n; i++)
        s->batch[i] = store_batch_new(s->store, s->db[i], &s->config);
    const struct api_deps deps = {.defs = s->defs,
                                  .search = s->search,
                                  .validator = s->validator,
                                  .conformance = s->conformance,
                                  .auth = s->auth,
                                  .audit = s->audit,
                                  .store = s->store,
                                  .pool = s->pool,
                                  .db = s->db,
                                  .batch = s->batch,
                                  .n_loops = s->n,
                                  .oauth = s->oauth,
                                  .consent = s->consent};
    if (!api_new(&s->config, &deps, &api, err))
        return false;
    atomic_store(&s->api, api);
    return true;
}

static void reload(struct server *s, const struct config_source *from)
{
    struct config fresh, *next = ARENA_NEW(&s->a, struct config);
    struct buf pending;
    struct err err;
    service_reloading();
    buf_init(&pending, &s->a, 64);
    *next = s->config;
    if (config_read(from, &s->a, &fresh, &err)) {
        config_reload(next, &fresh, &pending);
        if (http_server_reload(s->http, next, &err) && auth_reload(s->auth, next, &err)) {
            s->config = *next; /* its strings live in s->a; requests hold the copy below */
            log_set_level((enum log_level)next->log_level);
            api_configure(atomic_load(&s->api), next);
            if (s->audit)
                audit_configure(s->audit, next);
            if (s->oauth)
                oauth_configure(s->oauth, next);
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
    if (atomic_load(&pongs) >= s->n || *next_us == 0) {
        service_alive();
        atomic_store(&pongs, 0);
        for (int i = 0; i < s->n; i++)
            loop_post(s->loops[i], answer_ping, &pongs);
    }
    *next_us = clock_mono_us() + interval;
}

static bool all_ready(const struct server *s)
{
    for (int i = 0; i < s->n; i++)
        if (!db_async_ready(s->db[i]))
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
        ok = store_stats_refresh(s->store, conn, &err);
    }
    ok = ok && store_sort_in(conn, &err);
    if (!ok)
        log_event(LOG_WARN, "no-statistics", LOG_S("detail", failure ? failure->detail : err.detail));
    if (conn && clock_mono_us() > s->next_tend_us) {
        s->next_tend_us = clock_mono_us() + TEND_US;
        if (!api_tend(atomic_load(&s->api), conn, &err))
            log_event(LOG_WARN, "untended", LOG_S("detail", err.detail));
    }
    s->next_analyze_us = clock_mono_us() + ANALYZE_US;
    atomic_store(&s->counting, false);
}

static void watch_statistics(struct server *s)
{
    struct err err;
    if (atomic_load(&s->counting) || clock_mono_us() < s->next_analyze_us)
        return;
    atomic_store(&s->counting, true);
    if (!db_pool_submit(s->pool, statistics, s, &err))
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
            log_event(LOG_INFO, "ready", LOG_I("port", http_server_port(s->http)), LOG_I("loops", s->n));
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
    int64_t deadline = clock_mono_us() + s->config.http_request_timeout;
    service_stopping();
    if (atomic_load(&s->api))
        api_drain(atomic_load(&s->api));
    http_server_drain(s->http);
    while (http_server_active(s->http) > 0 && clock_mono_us() < deadline)
        usleep(5000);
    log_event(LOG_INFO, "stopped", LOG_I("unanswered", http_server_active(s->http)));
}

static void stop(struct server *s)
{
    if (s->working)
        s->background->stop(s->working);
    if (s->pool)
        db_pool_free(s->pool);
    for (int i = 0; i < s->running; i++) {
        loop_stop(s->loops[i]);
        pthread_join(s->threads[i], NULL);
    }
    if (s->http)
        http_server_free(s->http);
    for (int i = 0; i < s->n; i++) {
        if (s->db[i])
            db_async_free(s->db[i]);
        if (s->batch[i])
            store_batch_free(s->batch[i]);
        if (s->loops[i])
            loop_free(s->loops[i]);
    }
    if (atomic_load(&s->api))
        api_free(atomic_load(&s->api));
    if (s->search)
        search_current_free(s->search);
    if (s->audit)
        audit_free(s->audit);
    oauth_free(s->oauth);
    if (s->auth)
        auth_free(s->auth);
    if (s->conformance)
        conformance_current_free(s->conformance);
    consent_current_free(s->consent);
    if (s->store)
        store_free(s->store);
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
    s->background = background;
    arena_init(&s->a, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    bool ok = config_read(from, &s->a, &s->config, err);
    if (ok) {
        log_set_level((enum log_level)s->config.log_level);
        ok = start_front(s, err) && supervise(s, from, &signals, ready, arg, err);
    }
    if (ok)
        drain(s);
    stop(s);
    return ok;
}
