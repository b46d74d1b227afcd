/*
 * The event loop's part: pieces become batches, batches go to the workers, what they came to becomes one answer. Everything
 * of a body happens on its loop but for the writing; the places are the server's, and guarded by a lock.
 */
#include "bulk.h"

#include <stdlib.h>

#include "base/loop.h"
#include "base/metrics.h"
#include "ndjson.h"

enum { BATCH_BYTES = 1024 * 1024, FIRST = 64 * 1024 };

/* One body. It lives until its request has been answered or lost, and its batches have come back. */
struct load {
    struct load *next; /* among those that wait for a place */
    int refs;
    struct loop *loop;
    struct arena a;
    struct bulk_source source;
    struct api_request *r; /* NULL: answered, or lost */
    /* what has come and is in no batch yet: whole lines up to `end`, looked at up to `seen` */
    char *text;
    size_t len, cap, seen, end;
    int rows;           /* lines up to `end` */
    int64_t line;       /* number of the first one */
    bool skip;          /* a line that is too long is being dropped */
    bool waits, paused; /* for a place; and so does the client */
    bool ended;
    int batches; /* under way */
    struct bulk_counts counts;
    struct issues findings;
    int64_t position;
    bool busy;
};

struct api_bulk {
    pthread_mutex_t lock;
    int taken; /* places */
    struct load *first, **last;
};

bool api__bulk_new(struct api *api, struct err *err)
{
    struct api_bulk *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(err, ERR_INTERNAL, "out of memory");
    pthread_mutex_init(&b->lock, NULL);
    b->last = &b->first;
    api->bulk = b;
    return true;
}

void api__bulk_free(struct api *api)
{
    if (api->bulk)
        pthread_mutex_destroy(&api->bulk->lock);
    free(api->bulk);
}

bool api_streams(const struct http_request *r, void *arg)
{
    (void)arg;
    if (r->method != HTTP_POST || (!str_is(r->path, "/fhir") && !str_is(r->path, "/fhir/")))
        return false;
    struct str type = api__essence(http_header(r, "Content-Type"));
    return type.s && (ndjson_is(type) || str_ieq(type, STR("application/x-ndjson")));
}

static void release(struct load *l, int refs)
{
    l->refs -= refs;
    if (l->refs > 0)
        return;
    free(l->text);
    arena_release(&l->a);
    free(l);
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void go_on(void *load);

/* False: it will be told. */
static bool take_place(struct load *l)
{
    struct api_bulk *b = l->source.api->bulk;
    pthread_mutex_lock(&b->lock);
    bool free_place = b->taken < atomic_load(&l->source.api->config)->bulk_batches && !b->first;
    if (free_place) {
        b->taken++;
    } else {
        l->next = NULL;
        *b->last = l;
        b->last = &l->next;
    }
    pthread_mutex_unlock(&b->lock);
    if (!free_place) {
        l->waits = true;
        l->refs++;
    }
    return free_place;
}

/* The next one that waits has it. */
static void give_place(struct api *api)
{
    struct api_bulk *b = api->bulk;
    pthread_mutex_lock(&b->lock);
    struct load *l = b->first;
    if (l) {
        b->first = l->next;
        if (!b->first)
            b->last = &b->first;
        loop_post(l->loop, go_on, l);
    } else {
        b->taken--;
    }
    pthread_mutex_unlock(&b->lock);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static void note(struct load *l, int64_t line, const struct issue *i)
{
    if ((int64_t)l->findings.n >= atomic_load(&l->source.api->config)->bulk_findings)
        return;
    struct issue *copy = ARENA_PUSH(&l->a, l->findings.list, l->findings.n, l->findings.cap);
    *copy = *i;
    copy->text = arena_strdup(&l->a, i->text);
    copy->expression = i->expression ? arena_strdup(&l->a, i->expression) : NULL;
    copy->key = i->key ? arena_strdup(&l->a, i->key) : NULL;
    copy->line = (int)line;
}

static bool finish(struct load *l);

static void landed(void *batch)
{
    struct bulk_batch *b = batch;
    struct load *l = b->load;
    l->counts.lines += b->counts.lines;
    l->counts.created += b->counts.created;
    l->counts.updated += b->counts.updated;
    l->counts.refused += b->counts.refused;
    l->position = b->position > l->position ? b->position : l->position;
    l->busy |= b->busy;
    for (size_t i = 0; i < b->findings.n; i++)
        note(l, b->findings.list[i].line, &b->findings.list[i]);
    arena_release(&b->a);
    free(b);
    l->batches--;
    give_place(l->source.api);
    release(l, finish(l) ? 2 : 1);
}

static void on_worker(void *batch, struct db_conn *c, const struct err *err)
{
    struct bulk_batch *b = batch;
    struct load *l = b->load;
    bulk_batch_run(b, c, err);
    free(b->text);
    loop_post(l->loop, landed, b);
}

static void out_of_memory(void)
{
    fputs("kagari: out of memory\n", stderr);
    abort();
}

/* Takes the whole lines out of the text; there is a place for them. */
static void submit(struct load *l)
{
    struct bulk_batch *b = calloc(1, sizeof *b);
    size_t rest = l->len - l->end, cap = rest + FIRST;
    char *text = malloc(cap);
    struct err err;
    if (!b || !text)
        out_of_memory();
    memcpy(text, l->text + l->end, rest);
    *b = (struct bulk_batch){.load = l, .from = &l->source, .text = l->text, .len = l->end, .line = l->line};
    arena_init(&b->a, 0);
    issues_init(&b->findings, &b->a);
    l->line += l->rows;
    l->text = text;
    l->len = rest;
    l->cap = cap;
    l->seen -= l->end;
    l->end = 0;
    l->rows = 0;
    l->refs++;
    l->batches++;
    metrics_add(METRIC_BATCHES, 1);
    if (!db_pool_submit(l->source.api->deps.pool, on_worker, b, &err))
        on_worker(b, NULL, &err);
}

/* Of a line that is longer than a resource may be, a mark is left; its bytes are dropped as they come. */
static void append(struct load *l, struct str data)
{
    if (l->skip) {
        const char *newline = memchr(data.s, '\n', data.len);
        if (!newline)
            return;
        data = (struct str){newline, data.len - (size_t)(newline - data.s)};
        l->skip = false;
    }
    if (l->cap - l->len < data.len) {
        size_t cap = l->len + data.len > l->cap * 2 ? l->len + data.len : l->cap * 2;
        char *text = realloc(l->text, cap < FIRST ? FIRST : cap);
        if (!text)
            out_of_memory();
        l->text = text;
        l->cap = cap < FIRST ? FIRST : cap;
    }
    memcpy(l->text + l->len, data.s, data.len);
    l->len += data.len;
}

/* Is there a batch? At the end of the body, whatever there is. */
static bool is_full(struct load *l)
{
    const struct config *c = atomic_load(&l->source.api->config);
    while (l->rows < c->bulk_rows && l->end < BATCH_BYTES) {
        const char *newline = l->len > l->seen ? memchr(l->text + l->seen, '\n', l->len - l->seen) : NULL;
        bool last = !newline && l->ended && l->len > l->end; /* a line without its end */
        if (!newline && !last) {
            l->seen = l->len;
            break;
        }
        l->seen = l->end = last ? l->len : (size_t)(newline - l->text) + 1;
        l->rows++;
    }
    if ((int64_t)(l->seen - l->end) > c->http_max_body) {
        l->text[l->end] = BULK_TOO_LONG;
        l->len = l->seen = l->end + 1;
        l->skip = true;
    }
    return l->rows >= c->bulk_rows || l->end >= BATCH_BYTES || (l->ended && l->rows > 0);
}

/* False: there is more than there are places for. */
static bool pump(struct load *l)
{
    while (!l->waits && is_full(l)) {
        if (!take_place(l))
            return false;
        submit(l);
    }
    return !l->waits;
}

/* It has a place. */
static void go_on(void *load)
{
    struct load *l = load;
    l->waits = false;
    if (l->r) {
        submit(l);
        if (pump(l) && l->paused) {
            l->paused = false;
            http_stream_resume(l->r->http);
        }
    } else {
        give_place(l->source.api);
    }
    release(l, 1);
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

static int by_line(const void *x, const void *y)
{
    const struct issue *a = x, *b = y;
    return a->line != b->line ? (a->line > b->line) - (a->line < b->line)
                              : (a->column > b->column) - (a->column < b->column);
}

static void add_count(struct arena *a, json *to, const char *name, int64_t n)
{
    json *e = json_push(to, json_object(a));
    json_add_string(a, e, "url", name);
    json_add(a, e, "valueDecimal", json_int(a, n));
}

/* The counts for programs; for people they are the first issue. */
static struct str outcome_text(const struct load *l, struct arena *a, const struct issues *list)
{
    json *o = issues_outcome(a, list), *e = json_object(a);
    json *extensions = json_array(a);
    json_insert_after(o, o->child, extensions);
    extensions->string = (char *)(uintptr_t) "extension";
    json_push(extensions, e);
    json_add_string(a, e, "url", "urn:kagari:bulk");
    json *counts = json_add(a, e, "extension", json_array(a));
    add_count(a, counts, "lines", l->counts.lines);
    add_count(a, counts, "created", l->counts.created);
    add_count(a, counts, "updated", l->counts.updated);
    add_count(a, counts, "refused", l->counts.refused);
    return json_text(a, o);
}

static int say_whether_whole(const struct load *l, struct issues *list)
{
    const struct http_request *http = l->r->http;
    if (http->body_too_large)
        issues_add(list, ISSUE_FATAL, "too-long", NULL,
                   "The body is larger than this server takes (bulk.max_body): the rest was not read");
    else if (http->body_error)
        issues_add(list, ISSUE_FATAL, "structure", NULL, "%s: the rest was not read", http->body_error);
    bool overloaded = l->busy && l->counts.refused == l->counts.lines;
    return http->body_too_large ? 413 : http->body_error ? 400 : overloaded ? 503 : 200;
}

/* Answers, when everything has been written: true, the request holds it no longer. */
static bool finish(struct load *l)
{
    struct api_request *r = l->r;
    if (!r || !l->ended || l->batches || l->rows || l->waits)
        return false;
    struct issues *list = api__issues(r);
    const struct bulk_counts *n = &l->counts;
    issues_add(list, ISSUE_INFORMATION, "informational", NULL,
               "%lld lines: %lld created, %lld updated, %lld refused", (long long)n->lines,
               (long long)n->created, (long long)n->updated, (long long)n->refused);
    int status = say_whether_whole(l, list);
    if (l->findings.n)
        qsort(l->findings.list, l->findings.n, sizeof l->findings.list[0], by_line);
    for (size_t i = 0; i < l->findings.n; i++)
        *ARENA_PUSH(r->a, list->list, list->n, list->cap) = l->findings.list[i];
    if ((int64_t)l->findings.n >= r->config->bulk_findings)
        issues_add(list, ISSUE_INFORMATION, "incomplete", NULL,
                   "Findings of further lines are not listed (bulk.findings)");
    struct api_response out = {.status = status,
                               .resource = outcome_text(l, r->a, list),
                               .position = l->position,
                               .retry_after = status == 503 ? 2 : 0};
    l->r = NULL;
    api__respond(r, &out);
    http_respond(r->http, &r->http_response);
    return true;
}

/* ---- the body ---------------------------------------------------------------------------------------------------- */

/* True: it waited for a place, and does not any more. */
static bool lose(struct load *l)
{
    struct api_bulk *b = l->source.api->bulk;
    bool waited = false;
    l->r = NULL;
    pthread_mutex_lock(&b->lock);
    for (struct load **at = &b->first; *at; at = &(*at)->next) {
        if (*at != l)
            continue;
        *at = l->next;
        if (!*at)
            b->last = at;
        waited = true;
        break;
    }
    pthread_mutex_unlock(&b->lock);
    return waited;
}

static bool on_piece(void *load, enum http_piece what, struct str data)
{
    struct load *l = load;
    switch (what) {
    case HTTP_PIECE:
        append(l, data);
        l->paused = !pump(l);
        return !l->paused;
    case HTTP_END:
        l->ended = true;
        pump(l);
        if (finish(l))
            release(l, 1);
        break;
    case HTTP_LOST: /* what is in no batch yet is forgotten */
        release(l, lose(l) ? 2 : 1);
        break;
    }
    return true;
}

void api__bulk_start(struct api_request *r)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        out_of_memory();
    r->http->log_interaction = "bulk";
    l->refs = 1;
    l->loop = loop_current();
    l->r = r;
    l->line = 1;
    arena_init(&l->a, 0);
    l->source.api = r->api;
    api__copy_http(&l->a, r->http, &l->source.http);
    l->source.principal = auth_principal_copy(&l->a, r->principal);
    issues_init(&l->findings, &l->a);
    http_stream(r->http, on_piece, l);
}
