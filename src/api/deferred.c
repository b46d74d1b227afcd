/*
 * Prefer: respond-async (async.html): a read, a search, a history or an operation that changes nothing is checked, answered
 * 202 with the URL of its status, and run by a thread with memory and a connection of its own. What it came to, a Bundle
 * as of a batch with this one entry, lies in a table for a while, so that every server of the database can tell.
 *
 * Its owner is who asked, with the rights that the token had: a token with other scopes, though of the same client, is
 * told nothing. With _outputFormat all pages of a search or history become files of NDJSON. A server that stops or dies leaves what it had in hand undone, and whoever asks is told so.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "entry.h"
#include "ndjson.h"

enum { RETRY_AFTER = 2 };

struct job {
    struct job *next;
    struct arena a;
    struct api *api;
    struct http_request http; /* the request again, with all that it needs copied */
    const struct auth_principal *principal;
    struct str id;
    bool files;           /* its answer is NDJSON: */
    struct str asked;     /* the URL */
    struct db_conn *conn; /* under lock: it runs there */
    bool cancelled;       /* under lock */
};

struct api_deferred {
    struct config config; /* of its connections: their own limits */
    struct db_pool *pool;
    pthread_mutex_t lock;
    struct job *jobs; /* in hand */
};

bool api__deferred_new(struct api *api, struct err *err)
{
    const struct config *c = atomic_load(&api->config);
    struct api_deferred *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(err, ERR_INTERNAL, "out of memory");
    d->config = *c;
    d->config.db_workers = c->async_workers;
    d->config.db_statement_timeout = c->async_statement_timeout;
    d->config.search_timeout = c->async_statement_timeout;
    d->config.worker_queue_wait = c->async_keep;
    pthread_mutex_init(&d->lock, NULL);
    api->deferred = d;
    return db_pool_new(&d->config, &d->pool, err);
}

/* What runs here, of this id or all, is to end. False: nothing does. */
static bool cancel(struct api_deferred *d, struct str id)
{
    bool found = false;
    pthread_mutex_lock(&d->lock);
    for (struct job *j = d->jobs; j; j = j->next) {
        if (id.s && !str_eq(j->id, id))
            continue;
        found = true;
        j->cancelled = true;
        if (j->conn)
            db_cancel(j->conn);
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

void api__deferred_free(struct api *api)
{
    if (!api->deferred)
        return;
    while (cancel(api->deferred, (struct str){NULL, 0}))
        usleep(20000);
    if (api->deferred->pool)
        db_pool_free(api->deferred->pool);
    pthread_mutex_destroy(&api->deferred->lock);
    free(api->deferred);
}

bool api_tend(struct api *api, struct db_conn *c, struct err *err)
{
    struct arena a;
    struct str *ids = NULL;
    size_t n = 0, cap = 0;
    arena_init(&a, 0);
    pthread_mutex_lock(&api->deferred->lock);
    for (const struct job *j = api->deferred->jobs; j; j = j->next)
        *ARENA_PUSH(&a, ids, n, cap) = j->id;
    struct sql q = {.a = &a};
    store_deferred_alive_plan(api->deps.store, ids, n, &q);
    pthread_mutex_unlock(&api->deferred->lock);
    bool ok = db_exec(c, &a, &q, NULL, err);
    arena_release(&a);
    return ok;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

static struct str copy(struct arena *a, struct str s)
{
    return s.s ? (struct str){arena_strndup(a, s.s, s.len), s.len} : s;
}

/* Pages as large as they may be, unless the client says otherwise. */
static void prepare_files(struct job *j, const struct api_request *r)
{
    struct str *query = &j->http.query;
    j->asked =
        str_of(arena_printf(&j->a, "%.*s/%.*s?%.*s", STR_FMT(r->base), STR_FMT(r->path), STR_FMT(r->query)));
    if (!api__arg(r, "_count").s)
        *query = str_of(arena_printf(&j->a, "%.*s%s_count=%lld", STR_FMT(*query), query->len ? "&" : "",
                                     (long long)r->config->search_max_count));
}

static struct job *job_new(const struct api_request *r, struct str id)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    arena_init(&j->a, 0);
    j->api = r->api;
    j->id = copy(&j->a, id);
    api__copy_http(&j->a, r->http, &j->http);
    j->principal = auth_principal_copy(&j->a, r->principal);
    j->files = r->output_format.s;
    if (j->files)
        prepare_files(j, r);
    return j;
}

static void job_free(struct job *j)
{
    arena_release(&j->a);
    free(j);
}

static void take(struct job *j)
{
    struct api_deferred *d = j->api->deferred;
    pthread_mutex_lock(&d->lock);
    j->next = d->jobs;
    d->jobs = j;
    pthread_mutex_unlock(&d->lock);
}

static void let_go(struct job *j)
{
    struct api_deferred *d = j->api->deferred;
    pthread_mutex_lock(&d->lock);
    struct job **at = &d->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    pthread_mutex_unlock(&d->lock);
}

static bool is_cancelled(struct job *j)
{
    pthread_mutex_lock(&j->api->deferred->lock);
    bool cancelled = j->cancelled;
    pthread_mutex_unlock(&j->api->deferred->lock);
    return cancelled;
}

static struct str result(struct api_request *r, struct entry *e, const struct err *err)
{
    struct bundle w;
    e->r = r;
    if (err)
        api__error_response(r, err, &e->out);
    bundle_start(&w, r->a, "batch-response");
    entry_answer(&w, r, e);
    return bundle_end(&w);
}

/* The request, from its text to a Bundle. */
static struct str run_request(struct job *j, struct db_conn *c)
{
    struct api_request *r = api__request_new(j->api, &j->http);
    struct entry e = {0};
    struct err err;
    jmp_buf guard;
    r->principal = api__bound(j->api, r->a, j->principal);
    r->as_entry = true;
    if (setjmp(guard) != 0) {
        j->a.limit = 0;
        j->a.guard = NULL;
        db_rollback(c);
        err_set(&err, ERR_TOO_LARGE,
                "The request needs more memory than request.memory allows: ask for less at a time");
        return result(r, &e, &err);
    }
    j->a.guard = &guard;
    j->a.limit = (size_t)r->config->request_memory;
    struct str text = result(r, &e, api__run_here(r, c, &e.out, &err) ? NULL : &err);
    if ((int64_t)text.len > r->config->async_max_result) {
        err_set(
            &err, ERR_TOO_LARGE,
            "The answer is larger than this server keeps (async.max_result): ask for it in pages (_count)");
        text = result(r, &e, &err);
    }
    j->a.guard = NULL;
    j->a.limit = 0;
    return text;
}

/* One page of it; the query is that of the request, or of the last page's link. */
static bool run_page(struct job *j, struct arena *a, struct str query, bool first, struct ndjson *files,
                     struct db_conn *c, struct str *next, struct err *err)
{
    struct http_request http = j->http;
    struct api_response out;
    jmp_buf guard;
    http.a = a;
    http.query = query;
    if (!first) { /* links are for GET */
        http.method = HTTP_GET;
        http.body = (struct str){NULL, 0};
    }
    struct api_request *r = api__request_new(j->api, &http);
    r->principal = api__bound(j->api, r->a, j->principal);
    r->as_entry = true;
    if (setjmp(guard) != 0) {
        a->limit = 0;
        a->guard = NULL;
        db_rollback(c);
        return err_set(
            err, ERR_TOO_LARGE,
            "A page needs more memory than request.memory allows: ask for less at a time (_count)");
    }
    a->guard = &guard;
    a->limit = (size_t)r->config->request_memory;
    bool ok = api__run_here(r, c, &out, err) && (out.status == 200 || api__error_of(&out, err)) &&
              ndjson_add(files, a, out.resource, c, next, err);
    a->guard = NULL;
    a->limit = 0;
    return ok;
}

/* All pages as files. *answer: the manifest, or the error as a Bundle; false: the latter. */
static bool run_pages(struct job *j, struct db_conn *c, struct str *answer)
{
    struct api_request *r = api__request_new(j->api, &j->http);
    int64_t started = clock_wall_us();
    struct str next = j->http.query;
    struct ndjson files;
    struct entry e = {0};
    struct err err;
    bool ok = true, first = true;
    ndjson_init(&files, &j->a, j->api->deps.store, j->id,
                str_of(arena_printf(&j->a, "%.*s/_async/%.*s", STR_FMT(r->base), STR_FMT(j->id))),
                r->config->async_max_result);
    for (; ok && next.s && (first || !is_cancelled(j)); first = false) {
        struct arena a;
        arena_init(&a, 0);
        ok = run_page(j, &a, next, first, &files, c, &next, &err);
        if (ok)
            next = copy(&j->a, next);
        arena_release(&a);
    }
    *answer = ok ? ndjson_manifest(&files, j->asked, started) : result(r, &e, &err);
    return ok;
}

/* From here on, or until here, it can be cancelled; false: it was. */
static bool set_conn(struct job *j, struct db_conn *c)
{
    pthread_mutex_lock(&j->api->deferred->lock);
    j->conn = c;
    bool ok = !j->cancelled;
    pthread_mutex_unlock(&j->api->deferred->lock);
    return ok;
}

static bool run(struct job *j, struct db_conn *c, struct err *err)
{
    const struct store *s = j->api->deps.store;
    const struct config *config = atomic_load(&j->api->config);
    const struct db_rows *rows;
    struct str answer = {NULL, 0};
    bool manifest = false;
    struct sql q = {.a = &j->a};
    store_deferred_wanted_plan(s, j->id, &q);
    if (!db_exec(c, &j->a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return true;
    if (set_conn(j, c)) {
        if (j->files)
            manifest = run_pages(j, c, &answer);
        else
            answer = run_request(j, c);
    }
    if (!set_conn(j, NULL))
        return err_set(err, ERR_BUSY, "The request was cancelled, or the server stops");
    store_deferred_done_plan(s, j->id, answer, manifest, config->async_keep, &q);
    return db_exec(c, &j->a, &q, NULL, err);
}

/* Whoever asks is told at once; without a database, when it has not been said for a while that it is in hand. */
static void lose(struct job *j, struct db_conn *c)
{
    struct sql q = {.a = &j->a};
    struct err err;
    store_deferred_lost_plan(j->api->deps.store, j->id, &q);
    if (!c || !db_exec(c, &j->a, &q, NULL, &err))
        log_event(LOG_WARN, "deferred-unmarked", LOG_S("request_id", j->http.id));
}

static void on_job(void *arg, struct db_conn *c, const struct err *err)
{
    struct job *j = arg;
    struct err failure;
    bool ok = false;
    if (err)
        failure = *err;
    else
        ok = run(j, c, &failure);
    if (!ok) {
        log_event(LOG_WARN, "deferred-failed", LOG_S("request_id", j->http.id),
                  LOG_S("kind", err_kind_name(failure.kind)), LOG_S("detail", failure.detail));
        lose(j, c);
    }
    let_go(j);
    job_free(j);
}

/* ---- starting one ------------------------------------------------------------------------------------------------- */

bool api__defers(const struct api_request *r)
{
    return r->respond_async && r->principal &&
           (r->operation ? !r->operation->affects_state : r->route->interaction->may_defer);
}

/* Who asks, with what rights; no two callers have the same texts. */
static const struct store_deferred_owner *owner(const struct api_request *r)
{
    const struct auth_principal *p = r->principal;
    struct store_deferred_owner *o = ARENA_NEW(r->a, struct store_deferred_owner);
    o->who = str_of(arena_printf(r->a, "%zu:%.*s%zu:%.*s%zu:%.*s", p->issuer.len, STR_FMT(p->issuer),
                                 p->subject.len, STR_FMT(p->subject), p->client.len, STR_FMT(p->client)));
    o->rights = auth_principal_rights(r->a, p);
    return o;
}

static void too_many(struct api_request *r, struct api_response *out)
{
    *out = (struct api_response){.status = 429, .retry_after = RETRY_AFTER};
    out->issues = api__issues(r);
    issues_add(
        out->issues, ISSUE_ERROR, "throttled", NULL,
        "%lld requests of this client are under way or have results that are kept (async.per_client): delete "
        "the results that have been read",
        (long long)r->config->async_per_client);
}

/* *room: it is noted; else its owner has too many. */
static bool note(struct api_request *r, struct db_conn *c, struct str id, bool *room, struct err *err)
{
    const struct store *s = r->api->deps.store;
    const struct store_deferred_owner *of = owner(r);
    const struct db_rows *rows;
    struct sql lock = {.a = r->a}, q = {.a = r->a};
    store_defer_lock_plan(s, of->who, &lock);
    store_defer_plan(s, id, of, r->config->async_per_client, r->config->async_keep, &q);
    if (!db_begin(c, err))
        return false;
    if (!db_exec(c, r->a, &lock, NULL, err) || !db_exec(c, r->a, &q, &rows, err) || !db_commit(c, err)) {
        db_rollback(c);
        return false;
    }
    *room = db_count(rows) == 1;
    return true;
}

static bool check_output_format(const struct api_request *r, struct err *err)
{
    if (!ndjson_is(r->output_format))
        return err_set(err, ERR_INVALID, "_outputFormat: application/fhir+ndjson was expected");
    return r->deferred->pages ||
           err_set(err, ERR_INVALID,
                   "_outputFormat: searches and histories are sent as NDJSON, nothing else");
}

static bool work_defer(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    bool room;
    char id[37];
    if (r->output_format.s && !check_output_format(r, err))
        return false;
    store_new_id(id);
    if (!note(r, c, str_of(id), &room, err))
        return false;
    if (!room) {
        too_many(r, out);
        return true;
    }
    struct job *j = job_new(r, str_of(id));
    if (j)
        take(j);
    if (!j || !db_pool_submit(r->api->deferred->pool, on_job, j, err)) {
        struct sql q = {.a = r->a};
        struct err ignored;
        if (j) {
            let_go(j);
            job_free(j);
        } else {
            err_set(err, ERR_BUSY, "The server is out of memory; try again later");
        }
        store_deferred_drop_plan(r->api->deps.store, str_of(id), owner(r), &q);
        bool dropped = db_exec(c, r->a, &q, NULL, &ignored);
        (void)dropped; /* else it expires */
        return false;
    }
    *out = (struct api_response){.status = 202,
                                 .retry_after = RETRY_AFTER,
                                 .content_location =
                                     str_of(arena_printf(r->a, "%.*s/_async/%s", STR_FMT(r->base), id))};
    return true;
}

static const struct api_interaction defer = {
    .code = "defer", .run = RUN_WORKER, .access = ACCESS_OPEN, .work = work_defer};
const struct api_route api__defer = {.interaction = &defer};

/* ---- its status --------------------------------------------------------------------------------------------------- */

static bool plan_status(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    store_deferred_plan(r->api->deps.store, r->id, owner(r), q);
    return true;
}

/* Not 503, which would have the client ask on. */
static void lost(struct api_request *r, struct api_response *out)
{
    struct err err;
    err_set(&err, ERR_BUSY, "The server that worked on the request has stopped: send the request again");
    api__error_response(r, &err, out);
    out->status = 500;
    out->retry_after = 0;
}

static bool reply_status(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                         struct err *err)
{
    struct store_deferred d;
    if (!store_deferred_reply(r->api->deps.store, r->a, r->id, rows, &d, err))
        return false;
    if (!d.there)
        return err_set(
            err, ERR_NOT_FOUND,
            "No request of yours is under way or answered here: it was deleted, its time is over, or the "
            "database had to recover from a crash");
    if (d.content.s && d.manifest)
        *out = (struct api_response){
            .status = 200, .raw = d.content, .raw_type = "application/json", .expires_us = d.expires_us};
    else if (d.content.s)
        *out = (struct api_response){.status = 200, .resource = d.content, .expires_us = d.expires_us};
    else if (d.alive)
        *out = (struct api_response){.status = 202, .retry_after = RETRY_AFTER, .progress = STR("under way")};
    else
        lost(r, out);
    return true;
}

static bool plan_file(struct api_request *r, struct sql *q, struct err *err)
{
    int64_t n;
    if (!str_int64(r->vid, &n) || n < 0 || n > INT32_MAX)
        return err_set(err, ERR_NOT_FOUND, "There is no such file");
    store_deferred_read_file_plan(r->api->deps.store, r->id, (int)n, owner(r), q);
    return true;
}

static bool reply_file(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    struct str content;
    int64_t n = 0;
    if (!str_int64(r->vid, &n) ||
        !store_deferred_file_reply(r->api->deps.store, r->a, r->id, (int)n, rows, &content, err))
        return false;
    if (!content.s)
        return err_set(err, ERR_NOT_FOUND,
                       "There is no such file of yours: it was deleted, or its time is over");
    *out = (struct api_response){.status = 200, .raw = content, .raw_type = "application/fhir+ndjson"};
    return true;
}

/* On a worker: cancelling a statement takes a connection of its own. */
static bool work_cancel(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    const struct db_rows *rows;
    struct sql q = {.a = r->a};
    store_deferred_drop_plan(r->api->deps.store, r->id, owner(r), &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "No request of yours is under way or answered here");
    cancel(r->api->deferred, r->id);
    *out = (struct api_response){.status = 202};
    return true;
}

const struct api_interaction api__deferred_status = {.code = "async-status",
                                                     .run = RUN_SEARCH,
                                                     .access = ACCESS_OPEN,
                                                     .plan = plan_status,
                                                     .reply = reply_status};
const struct api_interaction api__deferred_file = {
    .code = "async-file", .run = RUN_SEARCH, .access = ACCESS_OPEN, .plan = plan_file, .reply = reply_file};
const struct api_interaction api__deferred_cancel = {
    .code = "async-cancel", .run = RUN_WORKER, .access = ACCESS_OPEN, .work = work_cancel};
