/*
 * The order of the steps. A request moves between the event loop and the workers; after it has been handed on (to the
 * database, to a worker, or as a response to the front end) it belongs to the other side and is not touched again.
 *
 * Each stretch of work runs under a guard: when the request's memory is exhausted it ends there with 413, holding
 * nothing but arena memory.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { LOOP_ATTEMPTS = 3, MAX_ATTEMPTS = 14, LONGEST_PAUSE_MS = 250 };
static const char base_path[] = "/fhir";

enum next {
    NEXT_RESPOND,
    NEXT_READ,
    NEXT_SEARCH,
    NEXT_WRITE,
    NEXT_GATHER,
    NEXT_WORKER,
    NEXT_BULK,
    NEXT_RELATED
};

struct stretch {
    struct api_request *r;
    enum next (*run)(struct stretch *s);
    const struct db_rows *rows;
    enum store_outcome outcome;
    const struct store_written *written;
    struct db_conn *conn;
    const struct err *err;
    bool committed; /* the answer to a write is not refused for its size */
};

static void act(struct api_request *r, enum next next);

static enum next answer(struct api_request *r, struct api_response *out)
{
    if (out->issues && out->status >= 500)
        log_event(LOG_ERROR, "failed", LOG_S("request_id", r->http->id),
                  LOG_S("interaction", r->http->log_interaction), LOG_I("status", out->status));
    api__respond(r, out);
    return NEXT_RESPOND;
}

static enum next answer_error(struct api_request *r, const struct err *err)
{
    struct api_response out;
    if (err->detail[0])
        log_event(LOG_WARN, "error", LOG_S("request_id", r->http->id),
                  LOG_S("kind", err_kind_name(err->kind)), LOG_S("detail", err->detail));
    api__error_response(r, err, &out);
    return answer(r, &out);
}

static void guarded(struct stretch *s)
{
    struct api_request *r = s->r;
    jmp_buf guard;
    enum next next;
    if (setjmp(guard) == 0) {
        r->a->guard = &guard;
        r->a->limit = s->committed ? 0 : (size_t)r->config->request_memory;
        next = s->run(s);
    } else {
        struct err err;
        r->a->limit = 0;
        if (s->conn)
            db_rollback(s->conn);
        err_set(&err, ERR_TOO_LARGE,
                "The request needs more memory than request.memory allows: send or ask for less at a time");
        next = answer_error(r, &err);
    }
    /* handing on takes a little more, where nobody could jump to */
    r->a->guard = NULL;
    r->a->limit = 0;
    act(r, next);
}

/* ---- before the database ----------------------------------------------------------------------------------- */

bool api__authorise(const struct api_request *r, unsigned right, const struct fhir_type *type,
                    struct err *err)
{
    static const struct {
        unsigned right;
        const char *letter;
    } letters[] = {
        {AUTH_CREATE, "c"}, {AUTH_READ, "r"}, {AUTH_UPDATE, "u"}, {AUTH_DELETE, "d"}, {AUTH_SEARCH, "s"}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if ((right & letters[i].right) && !auth_allows(r->principal, (enum auth_right)letters[i].right, type))
            return err_set(err, ERR_FORBIDDEN,
                           "The token does not allow this: it needs a scope such as system/%s.%s",
                           type ? type->name : "*", letters[i].letter);
    return true;
}

const struct conformance_view *api__view(struct api_request *r)
{
    if (!r->conformance->view)
        r->conformance->view = conformance_hold(r->api->deps.conformance, r->a);
    return r->conformance->view;
}

bool api__may_change(struct api_request *r, const struct fhir_type *type, struct str id, struct err *err)
{
    if (!conformance_is_packaged(id))
        return true;
    enum conformance_kind kind = conformance_kind_named(type->name);
    const struct conformance_entry *e =
        kind < CONFORMANCE_N_KINDS ? conformance_find_id(api__view(r), kind, id) : NULL;
    const char *package = e ? conformance_package(e) : NULL;
    return err_set(
        err, ERR_RULE,
        "%s/%.*s belongs to %s%s, and is not changed here: another version of the package may stand "
        "beside it; `kagari package remove` takes it away",
        type->name, STR_FMT(id), package ? "the package " : "a package", package ? package : "");
}

bool api__writes_conformance(struct api_request *r)
{
    bool writes = r->type && r->method != HTTP_GET && r->method != HTTP_HEAD &&
                  (!r->operation || r->operation->affects_state) &&
                  conformance_kind_named(r->type->name) < CONFORMANCE_N_KINDS;
    r->conformance->written |= writes;
    return writes;
}

void api__follow(const struct api_request *r, struct db_conn *c)
{
    struct arena a;
    struct err err;
    if (r->in_bundle)
        return;
    if (r->conformance->consents && !consent_refresh(r->api->deps.consent, c, &err))
        log_event(LOG_WARN, "consent-delayed", LOG_S("detail", err.detail));
    if (!r->conformance->written)
        return;
    arena_init(&a, 0);
    if (!conformance_refresh(r->api->deps.conformance, c, &a, &err))
        log_event(LOG_WARN, "conformance-delayed", LOG_S("detail", err.detail));
    arena_release(&a);
}

/* A SearchParameter changes what this server does: it has to be one that it can do. */
static void check_search_param(const struct api_request *r, struct issues *list)
{
    struct err err;
    if (strcmp(r->type->name, "SearchParameter") != 0 ||
        search_custom_check(r->search->registry, r->a, r->body, r->id, &err))
        return;
    issues_add(list, ISSUE_ERROR, "business-rule",
               err.expression[0] ? arena_strdup(r->a, err.expression) : NULL, "%s", err.msg)
        ->rule = true;
}

/* Of a type that is stored in spite of errors, what the structure lacks all the same. */
static bool sound(const struct api_request *r, const struct validate_options *full, struct issues *list)
{
    struct validate_options o = *full;
    o.level = VALIDATE_STRUCTURE;
    validate_resource(r->api->deps.validator, r->a, r->body, &o, list);
    return list->errors == 0;
}

bool api__validate(struct api_request *r, struct api_response *out)
{
    struct issues *list = api__issues(r);
    struct validate_options o;
    bool warns = api__validation_warns(r, r->type);
    api__validation(r, r->type, &o);
    if (!warns || sound(r, &o, list)) {
        list->n = 0;
        validate_resource(r->api->deps.validator, r->a, r->body, &o, list);
        if (warns)
            api__validation_soften(list);
    }
    if (list->n && (list->errors || r->prefer == RETURN_OUTCOME)) /* else nobody will see them */
        issues_locate_on(list, r->text, r->place ? r->place : &(struct issues_place){0});
    if (list->errors == 0)
        check_search_param(r, list);
    if (list->errors == 0) {
        r->warnings = *list;
        api__doubt_consent(r);
        return true;
    }
    *out = (struct api_response){.status = api__issues_status(list), .issues = list};
    return false;
}

bool api__prepare(struct api_request *r, struct api_response *out, struct err *err)
{
    const struct api_interaction *i = r->route->interaction;
    *out = (struct api_response){0};
    if (!api__admit(r, err))
        return false;
    bool writes =
        r->operation ? r->operation->affects_state : r->method != HTTP_GET && r->method != HTTP_HEAD;
    if (writes && r->type && r->id.s && !api__may_change(r, r->type, r->id, err))
        return false;
    if (r->operation && !api__read_parameters(r, err))
        return false;
    if (i->body) {
        if (!api__read_body(r, err))
            return false;
        if (!api__validate(r, out))
            return true;
    }
    if (i->prepare && !i->prepare(r, err))
        return false;
    bool told = api__writes_conformance(r) | api__writes_consent(r);
    if (told && r->run != RUN_NOW)
        r->run = RUN_WORKER; /* which sees to it that the next request knows it */
    return true;
}

static bool check_transfer(const struct api_request *r, struct err *err)
{
    if (r->http->body_too_large)
        return err_set(err, ERR_TOO_LARGE,
                       "The body is larger than this server takes (%lld bytes): send less at a time",
                       (long long)(r->http->streamed ? r->config->bulk_max_body : r->config->http_max_body));
    if (r->http->body_error)
        return err_set(err, ERR_MEDIA, "%s", r->http->body_error);
    return true;
}

static bool find_route(struct api_request *r, struct err *err, struct str *allow)
{
    enum api_match match = api__route(r, allow);
    bool open = match == MATCH_OK ? r->route->open
                                  : str_starts(r->path, STR("/")) || str_starts(r->path, STR(".well-known/"));
    r->http->log_interaction = match == MATCH_OK ? r->route->interaction->code : "unknown";
    r->http->log_type = r->type ? r->type->name : NULL;
    if (!open) {
        struct auth_principal *p = ARENA_NEW(r->a, struct auth_principal);
        if (!auth_check(r->api->deps.auth, r->a, http_header(r->http, "Authorization"), r->http->client_certs,
                        p, err))
            return false;
        api__open_records(r, p);
        r->principal = api__bound(r->api, r->a, p);
    }
    switch (r->api->deps.nobody ? MATCH_NO_PATH : match) {
    case MATCH_OK:
        return true;
    case MATCH_NO_TYPE:
        return err_set(err, ERR_NOT_FOUND,
                       "FHIR R4 has no resource type of the name in the URL; names are case-sensitive");
    case MATCH_NO_METHOD:
        return err_set(err, ERR_METHOD, "This URL knows other methods: %.*s", STR_FMT(*allow));
    case MATCH_NO_OPERATION:
        return err_set(err, ERR_NOT_FOUND,
                       "There is no operation of this name at this level or on this type; GET %.*s/metadata "
                       "lists those that there are",
                       STR_FMT(r->base));
    default:
        return err_set(err, ERR_NOT_FOUND,
                       "There is nothing at this URL; GET %.*s/metadata tells what this server does",
                       STR_FMT(r->base));
    }
}

static enum next run_next(const struct api_request *r)
{
    switch (r->run) {
    case RUN_READ:
        return NEXT_READ;
    case RUN_SEARCH:
        return NEXT_SEARCH;
    case RUN_WRITE:
        return r->route->interaction->gather ? NEXT_GATHER : NEXT_WRITE;
    case RUN_CREATE:
        return NEXT_GATHER;
    default:
        return NEXT_WORKER;
    }
}

/* Writes the statement, when the event loop is to run one. */
static enum next plan(struct api_request *r)
{
    struct err err;
    enum next next = run_next(r);
    if (next == NEXT_GATHER || next == NEXT_WORKER)
        return next;
    r->sql = (struct sql){.a = r->a};
    return r->route->interaction->plan(r, &r->sql, &err) ? next : answer_error(r, &err);
}

/* It is known who asks, and what for. */
static enum next proceed(struct api_request *r)
{
    struct api_response out;
    struct err err;
    if (!check_transfer(r, &err) || (!r->route->interaction->foreign && !api__negotiate(r, &err)))
        return answer_error(r, &err);
    if (r->http->streamed)
        return NEXT_BULK;
    if (!api__prepare(r, &out, &err))
        return answer_error(r, &err);
    if (out.status)
        return answer(r, &out);
    if (api__defers(r)) {
        r->deferred = r->route->interaction;
        r->route = &api__defer;
        return NEXT_WORKER;
    }
    if (r->run == RUN_NOW) {
        if (!r->route->interaction->reply(r, NULL, &out, &err))
            return answer_error(r, &err);
        return answer(r, &out);
    }
    if (api__from_cache(r, &out))
        return answer(r, &out);
    return plan(r);
}

static enum next begin(struct stretch *s)
{
    struct api_request *r = s->r;
    struct api_response out;
    struct err err;
    struct str allow = {NULL, 0};
    if (!find_route(r, &err, &allow)) {
        api__error_response(r, &err, &out);
        out.allow = err.kind == ERR_METHOD ? allow : (struct str){NULL, 0};
        return answer(r, &out);
    }
    if (!r->route->open && api__audit_refuses(r, &err))
        return answer_error(r, &err);
    if (!api__is_related(r) || r->http->streamed)
        return proceed(r);
    r->sql = (struct sql){.a = r->a};
    api__related_plan(r, &r->sql);
    return NEXT_RELATED;
}

static enum next related(struct stretch *s)
{
    if (s->err)
        return answer_error(s->r, s->err);
    api__related_reply(s->r, s->rows);
    return proceed(s->r);
}

/* "https://host/fhir", or what lies there of an institution. */
static struct str base_of(const struct config *c, const struct http_request *http)
{
    return *c->http_base_url ? str_of(c->http_base_url)
                             : str_of(arena_printf(http->a, "%.*s%.*s%s", STR_FMT(http->origin),
                                                   STR_FMT(http->mount), base_path));
}

struct api_request *api__request_new(struct api *api, struct http_request *http)
{
    const struct config *config = atomic_load(&api->config);
    struct api_request *r = ARENA_NEW(http->a, struct api_request);
    r->api = api;
    r->config = config;
    r->search = search_hold(api->deps.search, http->a, (unsigned)http->loop);
    r->http = http;
    r->conformance = ARENA_NEW(http->a, struct api_conformance);
    r->a = http->a;
    r->method = http->method;
    r->query = http->query;
    r->base = base_of(config, http);
    r->path = http->path;
    api__issues_init(r, &r->warnings);
    struct str below = {http->path.s + sizeof base_path - 1, http->path.len - (sizeof base_path - 1)};
    if (str_starts(http->path, str_of(base_path)) && (below.len == 0 || below.s[0] == '/')) {
        r->path = below;
        if (r->path.len > 0) /* the slash after the base */
            r->path = (struct str){r->path.s + 1, r->path.len - 1};
        if (r->path.len > 0 && r->path.s[r->path.len - 1] == '/')
            r->path.len--;
    }
    return r;
}

void api_handle(struct http_request *http, void *arg)
{
    guarded(&(struct stretch){.r = api__request_new(arg, http), .run = begin});
}

/* ---- after the database ------------------------------------------------------------------------------------- */

static void say_failed(struct api_request *r, struct err *err)
{
    if (r->route->interaction->failed)
        r->route->interaction->failed(r, err);
}

/* The same statement once more, where everything is. */
static enum next ask_primary(struct api_request *r)
{
    r->primary = true;
    return run_next(r);
}

static enum next receive(struct stretch *s)
{
    struct api_request *r = s->r;
    struct api_response out = {0};
    struct err err;
    r->http->log_db_us += clock_mono_us() - r->submitted_us;
    if (r->asked_replica && s->err && s->err->kind != ERR_TIMEOUT)
        return ask_primary(r);
    r->again = s->err && s->err->kind == ERR_CONFLICT && r->run == RUN_WRITE;
    if (s->err && !r->again) {
        err = *s->err;
        say_failed(r, &err);
        return answer_error(r, &err);
    }
    if (!s->err && !r->route->interaction->reply(r, s->rows, &out, &err))
        return r->asked_replica && err.kind == ERR_NOT_FOUND ? ask_primary(r) : answer_error(r, &err);
    if (r->asked_replica && r->primary)
        return ask_primary(r);
    if (r->run == RUN_WORKER)
        return NEXT_WORKER;
    if (!r->again)
        return answer(r, &out);
    /* a worker can hold the row */
    return ++r->attempts < LOOP_ATTEMPTS ? plan(r) : NEXT_WORKER;
}

static void on_related(void *arg, const struct db_rows *rows, const struct err *err)
{
    guarded(&(struct stretch){.r = arg, .run = related, .rows = rows, .err = err});
}

static void on_rows(void *arg, const struct db_rows *rows, const struct err *err)
{
    struct api_request *r = arg;
    guarded(&(struct stretch){
        .r = r, .run = receive, .rows = rows, .err = err, .committed = rows && r->run == RUN_WRITE});
}

static enum next receive_gathered(struct stretch *s)
{
    struct api_request *r = s->r;
    struct api_response out = {0};
    struct err err;
    r->http->log_db_us += clock_mono_us() - r->submitted_us;
    r->again = false;
    if (s->err)
        return answer_error(r, s->err);
    if (!r->route->interaction->settle(r, s->outcome, s->written, &out, &err))
        return answer_error(r, &err);
    if (r->run == RUN_WORKER)
        return NEXT_WORKER;
    if (!r->again)
        return answer(r, &out);
    return ++r->attempts < LOOP_ATTEMPTS ? NEXT_GATHER : NEXT_WORKER; /* which can hold the row */
}

static void on_gathered(void *arg, enum store_outcome outcome, const struct store_written *w,
                        const struct err *err)
{
    guarded(&(struct stretch){.r = arg,
                              .run = receive_gathered,
                              .outcome = outcome,
                              .written = w,
                              .err = err,
                              .committed = w && w->ver});
}

bool api__lock_row(struct api_request *r, struct db_conn *c, struct str id, struct err *err)
{
    struct store *s = r->api->deps.store;
    const int16_t rtype = (int16_t)r->type->id;
    const int64_t key = search_hash_id(store_tenant(s), r->type, id);
    struct sql q = {.a = r->a}, lock = {.a = r->a};
    /* waiting for a row takes a transaction id: first wait where none is needed, see store/write.c. A Bundle has waited
     * for all of its names at once. */
    store_lock_plan(&key, 1, &lock);
    store_lock_rows_plan(s, &rtype, &id, 1, &q);
    return (r->in_transaction || db_exec(c, r->a, &lock, NULL, err)) && db_exec(c, r->a, &q, NULL, err);
}

bool api__in_transaction(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err,
                         bool (*run)(struct api_request *, struct db_conn *, struct api_response *,
                                     struct err *))
{
    if (r->in_transaction)
        return run(r, c, out, err);
    if (!db_begin(c, err))
        return false;
    if (run(r, c, out, err) && db_commit(c, err)) {
        r->a->limit = 0; /* the answer to a write is not refused for its size */
        return true;
    }
    db_rollback(c);
    return false;
}

bool api__terminology(struct api_request *r, struct db_conn *c, const struct conformance_view **out,
                      struct err *err)
{
    struct conformance_current *current = r->api->deps.conformance;
    if (!conformance_refresh(current, c, r->a, err))
        return false;
    *out = conformance_hold(current, r->a);
    return true;
}

/* The statement that an event loop would run. */
static bool run_plan(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    const struct api_interaction *i = r->route->interaction;
    const struct db_rows *rows;
    r->again = false;
    r->sql = (struct sql){.a = r->a};
    return i->plan(r, &r->sql, err) && db_exec(c, r->a, &r->sql, &rows, err) && i->reply(r, rows, out, err);
}

static bool run_locked(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    if (!api__lock_row(r, c, r->id, err) || !run_plan(r, c, out, err))
        return false;
    return !r->again ||
           err_set(err, ERR_CONFLICT, "Too many others write the same resource at the same time; try again");
}

static bool run_once(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    const struct api_interaction *i = r->route->interaction;
    *out = (struct api_response){0};
    db_search_mode(c, i->run == RUN_SEARCH);
    if (r->run == RUN_NOW)
        return i->reply(r, NULL, out, err);
    if (i->work && (i->run == RUN_WORKER || i->run == RUN_CREATE || r->run == RUN_WORKER))
        return i->work(r, c, out, err);
    if (!i->work && r->run == RUN_WORKER)
        return api__in_transaction(r, c, out, err, run_locked);
    if (!run_plan(r, c, out, err))
        return false;
    if (r->run != RUN_WORKER && !r->again)
        return true;
    return i->work ? i->work(r, c, out, err) : api__in_transaction(r, c, out, err, run_locked);
}

/* Those that met once would meet again if they all came back at the same time. */
static void pause_before(int attempt)
{
    int64_t half_us = 500 << (attempt - 1), longest = LONGEST_PAUSE_MS * 500;
    if (half_us > longest)
        half_us = longest;
    int64_t us = half_us + clock_mono_us() % half_us;
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

bool api__run_on(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    for (r->attempts = 1;; r->attempts++) {
        r->again = false;
        if (run_once(r, c, out, err)) {
            api__follow(r, c);
            return true;
        }
        if (r->in_transaction || r->attempts == MAX_ATTEMPTS || (!r->again && !db_retryable(c))) {
            say_failed(r, err);
            return false;
        }
        pause_before(r->attempts);
    }
}

bool api__run_here(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct str allow;
    if (api__route(r, &allow) != MATCH_OK)
        return err_set(err, ERR_INTERNAL, "The server met an error of its own; it has been logged");
    bool ok =
        api__negotiate(r, err) && api__prepare(r, out, err) && (out->status || api__run_on(r, c, out, err));
    struct api_response failure = {0};
    if (!ok)
        api__error_response(r, err, &failure);
    return api__audit(r, ok ? out : &failure)
               ? ok
               : err_set(err, ERR_BUSY,
                         "The access cannot be entered into the audit log now; try again later");
}

static enum next work(struct stretch *s)
{
    struct api_request *r = s->r;
    struct api_response out;
    struct err err;
    if (!s->conn)
        return answer_error(r, s->err);
    int64_t start = clock_mono_us();
    r->run = RUN_WORKER;
    bool ok = api__run_on(r, s->conn, &out, &err);
    if (ok)
        api__find_position(r, s->conn, &out);
    r->http->log_db_us += clock_mono_us() - start;
    return ok ? answer(r, &out) : answer_error(r, &err);
}

static void on_worker(void *arg, struct db_conn *conn, const struct err *err)
{
    guarded(&(struct stretch){.r = arg, .run = work, .conn = conn, .err = err});
}

/* False: it is the primary's. */
static bool ask_replica(struct api_request *r, enum db_lane lane)
{
    int64_t position;
    r->asked_replica = api__may_ask_replica(r, &position);
    if (!r->asked_replica)
        return false;
    if (db_submit_replica(r->api->deps.db[r->http->loop], lane, position, r->a, &r->sql, on_rows, r))
        return true; /* it may be answered already */
    r->asked_replica = false;
    return false;
}

/* Hands the request on; it is not ours afterwards. */
static void act(struct api_request *r, enum next next)
{
    static const enum db_lane lanes[] = {
        [NEXT_READ] = DB_READ, [NEXT_SEARCH] = DB_SEARCH, [NEXT_WRITE] = DB_WRITE};
    const struct api_deps *d = &r->api->deps;
    struct store_batched what = {0};
    struct err err;
    r->submitted_us = clock_mono_us();
    switch (next) {
    case NEXT_RESPOND:
        http_respond(r->http, &r->http_response);
        break;
    case NEXT_READ:
    case NEXT_SEARCH:
        if (ask_replica(r, next == NEXT_READ ? DB_REPLICA_READ : DB_REPLICA_SEARCH))
            return;
        /* fall through */
    case NEXT_WRITE:
        db_submit(d->db[r->http->loop], lanes[next], r->a, &r->sql, on_rows, r);
        break;
    case NEXT_GATHER:
        r->route->interaction->gather(r, &what);
        store_batch_add(d->batch[r->http->loop], &what, on_gathered, r);
        break;
    case NEXT_WORKER:
        if (!db_pool_submit(d->pool, on_worker, r, &err)) {
            answer_error(r, &err);
            http_respond(r->http, &r->http_response);
        }
        break;
    case NEXT_BULK:
        api__bulk_start(r);
        break;
    case NEXT_RELATED:
        db_submit(d->db[r->http->loop], DB_READ, r->a, &r->sql, on_related, r);
        break;
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

bool api_new(const struct config *c, const struct api_deps *deps, struct api **out, struct err *err)
{
    struct api *api = calloc(1, sizeof *api);
    struct arena a;
    struct str text;
    if (!api)
        return err_set(err, ERR_INTERNAL, "out of memory");
    if (!api__validation_check(c, deps->defs, err)) {
        free(api);
        return false;
    }
    api->deps = *deps;
    api->config = c;
    pthread_mutex_init(&api->lock, NULL);
    for (int i = 0; i < SEARCH_SEATS; i++)
        arena_init(&api->capability[i].a, 0);
    arena_init(&a, 0);
    bool ok =
        api__capability(api, search_hold(deps->search, &a, 0), MODE_FULL, FORMAT_JSON, false, &text, err);
    arena_release(&a);
    if (!api__seen_new(api, err) || !api__deferred_new(api, err) || !api__bulk_new(api, err)) {
        api_free(api);
        return false;
    }
    *out = api;
    if (!ok)
        api_free(api);
    return ok;
}

void api_free(struct api *api)
{
    api__deferred_free(api);
    api__bulk_free(api);
    api__seen_free(api);
    for (int i = 0; i < SEARCH_SEATS; i++)
        arena_release(&api->capability[i].a);
    pthread_mutex_destroy(&api->lock);
    free(api);
}

void api_configure(struct api *api, const struct config *c)
{
    atomic_store(&api->config, c);
}

void api_drain(struct api *api)
{
    atomic_store(&api->draining, true);
}
