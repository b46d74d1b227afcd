#include "support/flow.h"

#include "jobs/jobs.h"
#include "store/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "../src/api/institutions.h"
#include "../src/background.h"
#include "auth/command.h"
#include "base/clock.h"
#include "tenant/tenant.h"

enum { LOOPS = 2, PATIENCE_S = 60 };

static struct err err;

/* Made once: shared by the processes of all tests. */
static struct arena made;
static const struct fhir_defs *defs;
static const struct conformance_view *codes;
static const struct search_registry *registry;
static const struct validator *validator;
static char dir[] = "/tmp/kagari-flow-XXXXXX";
static struct str key;
static struct config base;

/* Of one test. */
static struct arena test;
static struct db_conn *conn;
static struct config *config;
static struct auth *auth;
static struct audit *audit;
static struct store *store;
static struct conformance_current *conformance;
static struct consent_current *consent;
static struct db_pool *pool;
static struct loop *loops[LOOPS];
static pthread_t threads[LOOPS];
static struct db_async *db[LOOPS];
static struct store_batch *batch[LOOPS];
static struct search_current *current;
static struct api *api;
static struct oauth *oauth;
static const char *token;
static struct house_shared shared; /* of institutions beside the first */
static struct institutions *institutions;

/* ---- life ---------------------------------------------------------------------------------------------------- */

static void set(struct config *c, const char *setting)
{
    struct str value, name = str_cut(str_of(setting), '=', &value);
    ck_ok(config_set(c, &made, name, value, &err));
}

static struct str certificates;

void flow_certificates(struct str certs)
{
    certificates = certs;
}

const char *flow_file(const char *name, struct str text)
{
    const char *path = arena_printf(&test, "%s/audit/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq((int)fwrite(text.s, 1, text.len, f), (int)text.len);
    fclose(f);
    return path;
}

void flow_suite_begin(void)
{
    arena_init(&made, 0);
    ck_ok(fhir_defs_load(&made, &defs, &err));
    ck_ok(conformance_definitions(&made, defs, &codes, &err));
    ck_ok(search_registry_new(&made, defs, codes, &registry, &err));
    ck_ok(validator_new(&made, defs, codes, &validator, &err));
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_ok(auth_dev_key(&made, dir, &key, &err));
    const char *hash_key = arena_printf(&made, "%s/hash", dir);
    FILE *f = fopen(hash_key, "w");
    ck_assert_int_gt(fputs("00112233445566778899aabbccddeeff\n", f), 0);
    fclose(f);
    const char *secret_key = arena_printf(&made, "%s/oauth", dir);
    f = fopen(secret_key, "w");
    for (int i = 0; i < 32; i++)
        ck_assert_int_gt(fprintf(f, "%02x", i), 0);
    fclose(f);
    config_defaults(&base, &made);
    set(&base, arena_printf(&made, "auth.jwks_file=%s/jwks.json", dir));
    set(&base, "auth.issuer=" AUTH_DEV_ISSUER);
    set(&base, "auth.audience=" AUTH_DEV_AUDIENCE);
    set(&base, "db.search_connections=2");
    set(&base, "db.write_connections=3");
    set(&base, "request.memory=256M");
    set(&base, "audit.room=64k");
    set(&base, arena_printf(&made, "audit.directory=%s/audit", dir));
    base.store_hash_key = hash_key;
    base.oauth_key_file = secret_key;
    base.oauth_issuer = FLOW_BASE;
    base.db_conninfo = test_database_new(&made);
    if (getenv("KAGARI_TEST_SEAL")) /* everything again, with sealed identities */
        flow_seal();
}

void flow_seal(void)
{
    const char *seal_key = arena_printf(&made, "%s/seal", dir);
    FILE *f = fopen(seal_key, "w");
    ck_assert_int_gt(fputs("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", f), 0);
    fclose(f);
    base.identity_key = seal_key;
    base.identity_seal = true;
}

void flow_base(const char *setting)
{
    set(&base, setting);
}

const char *flow_conninfo(void)
{
    return base.db_conninfo;
}

void flow_suite_end(void)
{
    static const char *const files[] = {"hash", "oauth", "seal", "token.key", "jwks.json"};
    test_database_drop();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(arena_printf(&made, "%s/%s", dir, files[i]));
    ck_assert_int_eq(system(arena_printf(&made, "rm -rf %s/audit", dir)), 0);
    rmdir(dir);
    arena_release(&made);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

void flow_begin(void)
{
    arena_init(&test, 0);
    config = ARENA_NEW(&test, struct config);
    *config = base;
    ck_ok(db_open(config, &conn, &err));
    ck_ok(auth_new(config, defs, &auth, &err));
    ck_ok(store_new(config, defs, conn, &store, &err));
    ck_ok(store_cache_start(store, config, &err));
    ck_ok(db_pool_new(config, &pool, &err));
    ck_ok(audit_new(config, LOOPS, &audit, &err));
    ck_ok(audit_begin(audit, config, store_tenant(store)->id,
                      (int16_t)fhir_resource(defs, STR("Patient"))->id, &err));
    for (int i = 0; i < LOOPS; i++) {
        loops[i] = loop_new();
        db[i] = db_async_new(config, loops[i]);
        batch[i] = store_batch_new(store, db[i], config);
    }
    current = search_current_new(registry);
    ck_ok(conformance_current_new(config, defs, codes, store_tenant(store)->id, &conformance, &err));
    ck_ok(oauth_new(config, store_tenant(store)->id, auth, conn, &oauth, &err));
    ck_ok(consent_current_new(config, defs, store, &consent, &err));
    ck_ok(consent_refresh(consent, conn, &err));
    const struct api_deps deps = {defs, current, validator, conformance, auth,  store,   pool,
                                  db,   batch,   LOOPS,     audit,       oauth, consent, false};
    ck_ok(api_new(config, &deps, &api, &err));
    token = flow_token(AUTH_DEV_SCOPE);
    for (int i = 0; i < LOOPS; i++)
        pthread_create(&threads[i], NULL, run_loop, loops[i]);
    for (int i = 0; i < LOOPS; i++)
        while (!db_async_ready(db[i]))
            usleep(500);
}

void flow_institutions_follow(void)
{
    if (!institutions) {
        shared = (struct house_shared){.defs = defs,
                                       .definitions = codes,
                                       .registry = registry,
                                       .validator = validator,
                                       .pool = pool,
                                       .n = LOOPS,
                                       .background = &background_jobs};
        memcpy(shared.loops, loops, sizeof loops);
        memcpy(shared.db, db, sizeof db);
        ck_ok(institutions_new(&shared, config, &institutions, &err));
    }
    ck_ok(institutions_follow(institutions, api, conn, &err));
}

void flow_institution(const char *name, const char *settings)
{
    struct tenant t;
    if (!tenant_find(conn, &test, name, &t, &err))
        ck_ok(tenant_add(conn, &test, name, settings, &err));
    flow_institutions_follow();
}

/* Each server after the first has a store and a registry of its own. */
static struct server {
    struct store *store;
    struct search_current *search;
    struct conformance_current *conformance;
    struct consent_current *consent;
    struct jobs *jobs;
} servers[4];
static int n_servers;

void flow_jobs_start(void)
{
    struct server *s = &servers[n_servers++];
    *s = (struct server){.store = store, .search = current, .conformance = conformance, .consent = consent};
    if (n_servers > 1) {
        ck_ok(store_new(config, defs, conn, &s->store, &err));
        s->search = search_current_new(registry);
        ck_ok(conformance_current_new(config, defs, codes, store_tenant(store)->id, &s->conformance, &err));
        ck_ok(consent_current_new(config, defs, s->store, &s->consent, &err));
    }
    ck_ok(jobs_start(config, defs, s->search, s->conformance, s->consent, s->store, &s->jobs, &err));
}

void flow_jobs_stop(void)
{
    if (servers[0].jobs)
        jobs_stop(servers[0].jobs);
    servers[0].jobs = NULL;
}

struct conformance_current *flow_conformance(void)
{
    return conformance;
}

struct conformance_current *flow_other_conformance(void)
{
    return servers[n_servers - 1].conformance;
}

static void stop_servers(void)
{
    flow_jobs_stop();
    for (int i = 1; i < n_servers; i++) {
        jobs_stop(servers[i].jobs);
        search_current_free(servers[i].search);
        conformance_current_free(servers[i].conformance);
        consent_current_free(servers[i].consent);
        store_free(servers[i].store);
    }
    n_servers = 0;
}

void flow_end(void)
{
    struct str text = cost_first_untenanted();
    ck_assert_msg(!text.s, "a statement for rows of every tenant: %.*s", STR_FMT(text));
    stop_servers();
    if (institutions)
        institutions_close(institutions);
    db_pool_free(pool);
    for (int i = 0; i < LOOPS; i++) {
        loop_stop(loops[i]);
        pthread_join(threads[i], NULL);
        db_async_free(db[i]);
        store_batch_free(batch[i]);
    }
    institutions_free(institutions);
    institutions = NULL;
    for (int i = 0; i < LOOPS; i++)
        loop_free(loops[i]);
    api_free(api);
    conformance_current_free(conformance);
    consent_current_free(consent);
    search_current_free(current);
    audit_free(audit);
    oauth_free(oauth);
    certificates = STR("");
    auth_free(auth);
    store_free(store);
    db_close(conn);
    arena_release(&test);
}

struct arena *flow_arena(void)
{
    return &test;
}

struct db_conn *flow_conn(void)
{
    return conn;
}

struct audit *flow_audit(void)
{
    return audit;
}

const struct config *flow_config(void)
{
    return config;
}

const struct fhir_defs *flow_defs(void)
{
    return defs;
}

void flow_set(const char *setting)
{
    struct config *next = ARENA_NEW(&test, struct config);
    *next = *config;
    set(next, setting);
    config = next;
    api_configure(api, config);
    if (institutions)
        institutions_configure(institutions, config);
}

void flow_oauth_set(const char *setting)
{
    flow_set(setting);
    oauth_configure(oauth, config);
}

const char *flow_token(const char *scope)
{
    return flow_token_with(scope, NULL);
}

const char *flow_token_with(const char *scope, const char *claims)
{
    struct str t;
    json *more = NULL;
    ck_ok(!claims || json_parse(&test, str_of(claims), INT16_MAX, &more, &err));
    ck_ok(auth_dev_mint(&test, key, &(struct auth_dev_token){.scope = scope, .claims = more}, &t, &err));
    return arena_printf(&test, "Authorization: Bearer %.*s\n", STR_FMT(t));
}

const char *flow_token_of(const char *issuer, const char *audience)
{
    struct str t;
    ck_ok(auth_dev_mint(&test, key, &(struct auth_dev_token){.issuer = issuer, .audience = audience}, &t,
                        &err));
    return t.s;
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

struct flow_call {
    struct http_request http; /* first: what http_respond() is given */
    struct arena a;
    struct flow_answer answer; /* in memory of its own until the test takes it */
    struct cost before;
    bool answered;
    struct str body; /* that comes in pieces, what is left of it */
    http_stream_fn sink;
    void *sink_arg;
    bool paused, lost;
};

static const char marker[] = "flow";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;

static struct str own(const char *s, size_t len)
{
    char *p = malloc(len + 1);
    memcpy(p, len ? s : "", len);
    p[len] = '\0';
    return (struct str){p, len};
}

/* Linked in the place of the front end's (see the Makefile); answers of the wire tests go on to it. */
void __real_http_respond(struct http_request *r, const struct http_response *p);
void __wrap_http_respond(struct http_request *r, const struct http_response *p);
void __wrap_http_respond(struct http_request *r, const struct http_response *p)
{
    struct flow_call *call = (struct flow_call *)r;
    if (r->peer.s != marker) {
        __real_http_respond(r, p);
        return;
    }
    struct buf headers;
    struct cost after = cost_now();
    after.arena = (int64_t)call->a.used;
    buf_init(&headers, r->a, 256);
    for (size_t i = 0; i < p->n_headers; i++)
        buf_addf(&headers, "%.*s: %.*s\n", STR_FMT(p->headers[i].name), STR_FMT(p->headers[i].value));
    pthread_mutex_lock(&lock);
    ck_assert(!call->answered);
    call->answer = (struct flow_answer){p->status, own(headers.s, headers.len), own(p->body.s, p->body.len),
                                        NULL, cost_between(&call->before, &after)};
    arena_release(&call->a); /* as the front end does: nobody may touch the request now */
    call->answered = true;
    pthread_cond_broadcast(&came);
    pthread_mutex_unlock(&lock);
}

/* Bodies in pieces: small ones, so that lines are torn; what the front end does, on the same loop. */
enum { PIECE = 997 };

static _Thread_local struct flow_call *streaming;

void __real_http_stream(struct http_request *r, http_stream_fn fn, void *arg);
void __wrap_http_stream(struct http_request *r, http_stream_fn fn, void *arg);
void __wrap_http_stream(struct http_request *r, http_stream_fn fn, void *arg)
{
    struct flow_call *call = (struct flow_call *)r;
    if (r->peer.s != marker) {
        __real_http_stream(r, fn, arg);
        return;
    }
    call->sink = fn;
    call->sink_arg = arg;
    streaming = call;
}

/* A lost call is answered with status 0, from here on. */
static void lose(struct flow_call *call)
{
    call->sink(call->sink_arg, HTTP_LOST, STR(""));
    pthread_mutex_lock(&lock);
    arena_release(&call->a);
    call->answered = true;
    pthread_cond_broadcast(&came);
    pthread_mutex_unlock(&lock);
}

static void feed(void *arg)
{
    struct flow_call *call = arg;
    call->paused = false;
    while (call->body.len) {
        size_t n = call->body.len < PIECE ? call->body.len : PIECE;
        char *piece = malloc(n); /* it is gone after the call */
        memcpy(piece, call->body.s, n);
        call->body = (struct str){call->body.s + n, call->body.len - n};
        call->paused = !call->sink(call->sink_arg, HTTP_PIECE, (struct str){piece, n});
        free(piece);
        if (call->paused)
            return;
    }
    if (call->lost)
        lose(call);
    else
        call->sink(call->sink_arg, HTTP_END, STR(""));
}

void __real_http_stream_resume(struct http_request *r);
void __wrap_http_stream_resume(struct http_request *r);
void __wrap_http_stream_resume(struct http_request *r)
{
    struct flow_call *call = (struct flow_call *)r;
    if (r->peer.s != marker)
        __real_http_stream_resume(r);
    else if (call->paused)
        loop_post(loop_current(), feed, call);
}

static enum http_method method_of(const char *name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (int i = 0; i < 7; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}

static void handle(void *arg)
{
    struct flow_call *call = arg;
    call->before = cost_now();
    call->before.arena = (int64_t)call->a.used;
    call->http.streamed = institutions_streams(&call->http, api);
    if (call->http.streamed) {
        call->body = call->http.body;
        call->http.body = STR("");
    }
    streaming = NULL;
    api_handle(&call->http, institutions ? institutions_choose(institutions, &call->http, api) : api);
    if (streaming) /* it was not answered at once */
        feed(streaming);
}

static void add_headers(struct flow_call *call, const char *text)
{
    size_t n = call->http.n_headers, cap = n;
    struct http_header *list = ARENA_ARRAY(&call->a, struct http_header, n);
    if (n)
        memcpy(list, call->http.headers, n * sizeof *list);
    for (struct str rest = str_of(arena_strdup(&call->a, text)); rest.s && rest.len;) {
        struct str value, line = str_cut(rest, '\n', &rest), name = str_cut(line, ':', &value);
        *ARENA_PUSH(&call->a, list, n, cap) = (struct http_header){name, str_trim(value)};
    }
    call->http.headers = list;
    call->http.n_headers = n;
}

struct flow_call *flow_send(const char *method, const char *path, const char *headers, const char *body)
{
    static int turn;
    struct flow_call *call = calloc(1, sizeof *call);
    struct arena *a = &call->a;
    struct str query;
    arena_init(a, 0);
    char *url = arena_printf(a, *path == '/' ? "%s" : "/fhir/%s", path);
    struct http_request *r = &call->http;
    *r = (struct http_request){.a = a,
                               .method = method_of(method),
                               .origin = STR("http://flow.test"),
                               .peer = {marker, sizeof marker - 1},
                               .started_us = clock_mono_us(),
                               .client_certs = certificates,
                               .loop = turn++ % LOOPS,
                               .id = "flow"};
    r->path = str_cut(str_of(url), '?', &query);
    r->query = query.s ? query : STR("");
    r->body = body ? str_of(arena_strdup(a, body)) : STR("");
    if (!headers || !strcasestr(headers, "Authorization:"))
        add_headers(call, token);
    if (body && (!headers || !strcasestr(headers, "Content-Type:")))
        add_headers(call, "Content-Type: application/fhir+json\n");
    if (headers)
        add_headers(call, headers);
    call->lost = headers && strstr(headers, "X-Flow-Lost:");
    loop_post(loops[r->loop], handle, call);
    return call;
}

const struct flow_answer *flow_wait(struct flow_call *call)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    while (!call->answered)
        ck_assert_msg(pthread_cond_timedwait(&came, &lock, &end) == 0, "no answer after %d s", PATIENCE_S);
    pthread_mutex_unlock(&lock);
    struct flow_answer *answer = ARENA_NEW(&test, struct flow_answer);
    *answer = call->answer;
    answer->headers.s = arena_strndup(&test, answer->headers.s, answer->headers.len);
    answer->body.s = arena_strndup(&test, answer->body.s, answer->body.len);
    free((char *)call->answer.headers.s);
    free((char *)call->answer.body.s);
    free(call);
    const char *type = flow_header(answer, "Content-Type");
    if (answer->body.len && answer->body.s[0] == '{' && (!type || !strstr(type, "ndjson")) &&
        !json_parse(&test, answer->body, INT16_MAX, &answer->json, &err))
        ck_abort_msg("the answer is no JSON: %s: %.*s", err.msg, STR_FMT(answer->body));
    return answer;
}

const struct flow_answer *flow(const char *method, const char *path, const char *headers, const char *body)
{
    return flow_wait(flow_send(method, path, headers, body));
}

/* ---- answers -------------------------------------------------------------------------------------------------- */

const char *flow_header(const struct flow_answer *answer, const char *name)
{
    for (struct str rest = answer->headers; rest.s && rest.len;) {
        struct str value, line = str_cut(rest, '\n', &rest), key_of = str_cut(line, ':', &value);
        if (str_ieq(key_of, str_of(name))) {
            value = str_trim(value);
            return arena_strndup(&test, value.s, value.len);
        }
    }
    return NULL;
}

json *flow_node(const json *node, const char *path)
{
    for (struct str rest = str_of(path); rest.s && node;) {
        struct str index, step = str_cut(rest, '.', &rest), name = str_cut(step, '[', &index);
        if (name.len)
            node = json_get(node, arena_strndup(&test, name.s, name.len));
        if (index.s)
            node = json_at(node, (size_t)atoi(index.s));
    }
    return (json *)node;
}

const char *flow_text(const json *node, const char *path)
{
    const json *found = flow_node(node, path);
    ck_assert_msg(json_is_string(found), "no text at %s in %.*s", path,
                  STR_FMT(node ? json_text(&test, node) : STR("nothing")));
    return found->valuestring;
}
