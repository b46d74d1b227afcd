/*
 * A request's way through libmicrohttpd's callbacks: its line, its headers, its body, the handler, the answer, the
 * end. A request that is answered within the handler is sent at once; any other is suspended meanwhile.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "crypto/random.h"
#include "internal.h"

enum {
    KEPT_REQUESTS = 256,    /* with their arenas' first blocks */
    SLOWEST_READER = 65536, /* bytes a second, beside http.request_timeout */
    SLOWEST_SENDER = 8192,  /* the same, of a body in pieces, whose length nobody knows */
};

/* The earliest call of MHD, and the only one that shows the target as it was sent. */
void *http__on_request_line(void *front, const char *target, struct MHD_Connection *mhd)
{
    struct http__front *f = front;
    struct http__request *r = f->free_requests;
    if (r) {
        f->free_requests = r->next;
        f->n_free_requests--;
    } else if ((r = malloc(sizeof(*r)))) {
        arena_init(&r->arena, 0);
    } else {
        fputs("kagari: out of memory\n", stderr);
        abort();
    }
    struct arena arena = r->arena;
    *r = (struct http__request){
        .arena = arena, .front = f, .conn = http__conn_of(mhd), .settings = f->settings};
    f->settings->refs++;
    r->pub.a = &r->arena;
    r->pub.loop = f->index;
    r->pub.started_us = clock_mono_us();
    r->pub.peer = r->conn->is_ip ? str_of(r->conn->peer) : STR("unix");
    target = arena_strdup(&r->arena, target ? target : "");
    http__target(str_of(target), &r->pub.path, &r->pub.query);
    r->conn->deadline_us = r->pub.started_us + r->settings->request_us;
    atomic_fetch_add_explicit(&f->active, 1, memory_order_relaxed);
    metrics_add(METRIC_REQUESTS_ACTIVE, 1);
    return r;
}

static const char *const method_names[] = {"GET",   "HEAD",   "POST",    "PUT",
                                           "PATCH", "DELETE", "OPTIONS", "other"};

/* The line in the log and the figures. Without a status MHD has refused the request itself, or the connection
 * ended before there was an answer. */
static void account(const struct http__request *r, struct MHD_Connection *mhd, bool sent, int64_t now)
{
    const char *method = r->stage == HTTP__HEADERS ? "none" : method_names[r->pub.method];
    const char *interaction = r->pub.log_interaction ? r->pub.log_interaction : "none";
    const union MHD_ConnectionInfo *refusal =
        r->status ? NULL : MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    int status = refusal ? (int)refusal->http_status : r->status;
    if (refusal)
        interaction = "malformed";
    int64_t total = now - r->pub.started_us, us = r->answered_us ? r->answered_us - r->pub.started_us : total;
    size_t out = sent ? r->bytes_out : 0;
    metrics_request(interaction, status, us);
    metrics_add(METRIC_REQUESTS_ACTIVE, -1);
    metrics_add(METRIC_BYTES_IN, (int64_t)r->body.received);
    metrics_add(METRIC_BYTES_OUT, (int64_t)out);
    log_event(LOG_INFO, "request", LOG_S("method", method), LOG_S("interaction", interaction),
              LOG_S("type", r->pub.log_type), LOG_I("status", status), LOG_I("us", us),
              LOG_I("total_us", total), LOG_I("db_us", r->pub.log_db_us), LOG_I("in", r->body.received),
              LOG_I("out", out), LOG_I("sent", sent), LOG_S("request", r->pub.id),
              LOG_S("peer", r->pub.peer.s));
}

void http__on_completed(void *front, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode how)
{
    struct http__front *f = front;
    struct http__request *r = *context;
    if (!r)
        return;
    *context = NULL;
    int64_t now = clock_mono_us();
    r->conn->wire.answering = false;
    http__outbox_flush(&f->outbox); /* the connection may be closed next */
    bool sent = r->status && how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    account(r, mhd, sent, now);
    r->conn->deadline_us = now + r->settings->idle_us;
    if (r->sink && !r->status)
        r->sink(r->sink_arg, HTTP_LOST, (struct str){NULL, 0});
    if (r->early && sent)
        http__linger(f, r->conn->wire.fd);
    if (r->response) /* at the end of the server, on its way to this thread */
        MHD_destroy_response(r->response);
    http__settings_unref(r->settings);
    http__body_release(&r->body);
    atomic_fetch_sub_explicit(&f->active, 1, memory_order_relaxed);
    if (f->n_free_requests < KEPT_REQUESTS) {
        arena_clear(&r->arena);
        r->next = f->free_requests;
        f->free_requests = r;
        f->n_free_requests++;
    } else {
        arena_release(&r->arena);
        free(r);
    }
}

struct seen {
    struct str value; /* the last one's */
    int n;
};

/* The headers that the front end itself reads. */
struct headers {
    struct http__request *r;
    struct http_header *items;
    size_t n, cap;
    bool broken; /* a name that is no token: another parser may see another header */
    struct seen host, id, encoding, length, transfer, connection;
};

static const struct {
    struct str name;
    size_t offset;
} read_here[] = {
    {{"host", 4}, offsetof(struct headers, host)},
    {{"x-request-id", 12}, offsetof(struct headers, id)},
    {{"content-encoding", 16}, offsetof(struct headers, encoding)},
    {{"content-length", 14}, offsetof(struct headers, length)},
    {{"transfer-encoding", 17}, offsetof(struct headers, transfer)},
    {{"connection", 10}, offsetof(struct headers, connection)},
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    (void)kind;
    struct headers *h = arg;
    struct http_header header = {{name, name_len}, str_trim((struct str){value ? value : "", value_len})};
    h->broken |= !http__is_token(header.name);
    *ARENA_PUSH(h->r->pub.a, h->items, h->n, h->cap) = header;
    for (size_t i = 0; i < sizeof(read_here) / sizeof(*read_here); i++) {
        if (str_ieq(header.name, read_here[i].name)) {
            struct seen *seen = (void *)((char *)h + read_here[i].offset);
            seen->value = header.value;
            seen->n++;
            break;
        }
    }
    return MHD_YES;
}

static struct str join(struct arena *a, bool tls, struct str authority)
{
    struct str scheme = tls ? STR("https://") : STR("http://");
    char *s = arena_alloc(a, scheme.len + authority.len);
    memcpy(s, scheme.s, scheme.len);
    memcpy(s + scheme.len, authority.s, authority.len);
    return (struct str){s, scheme.len + authority.len};
}

/* Who asks, by which URL; what a proxy says of it counts when the proxy is one of ours. */
static void identify(struct http__request *r, const struct headers *h)
{
    const struct http__conn *c = r->conn;
    const struct http__settings *s = r->settings;
    r->pub.tls = r->front->server->tls;
    struct str authority =
        http__is_authority(h->host.value) ? h->host.value : str_of(r->front->server->authority);
    bool trusted = !c->is_ip && s->trust_unix;
    for (int i = 0; i < s->trust.n && c->is_ip && !trusted; i++)
        trusted = http__network_has(&s->trust.networks[i], &c->address);
    if (trusted) {
        struct http__client client;
        http__forwarded(r->pub.a, h->items, h->n, &s->trust, &client);
        if (client.peer.len)
            r->pub.peer = client.peer;
        if (client.proto.len)
            r->pub.tls = str_is(client.proto, "https");
        if (client.host.len)
            authority = client.host;
        if (s->client_certs == HTTP__PROXY_CERTS)
            r->pub.client_certs = http__forwarded_certs(r->pub.a, h->items, h->n);
    } else if (s->client_certs == HTTP__ASK_CERTS && r->front->server->tls) {
        r->pub.client_certs = http__tls_client_certs(
            r->pub.a, MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
    }
    r->pub.origin = join(r->pub.a, r->pub.tls, authority);
    if (http__is_request_id(h->id.value))
        memcpy(r->pub.id, h->id.value.s, h->id.value.len); /* the rest is zero */
    else
        crypto_uuid(r->pub.id);
}

static enum MHD_Result queue(struct http__request *r)
{
    if (!r->response)
        return MHD_NO;
    r->answered_us = clock_mono_us();
    r->conn->wire.answering = r->stays && !r->early && r->bytes_out && r->bytes_out <= HTTP__HELD_BODY;
    enum MHD_Result done = MHD_queue_response(r->conn->mhd, (unsigned)r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    r->conn->deadline_us =
        r->answered_us + r->settings->request_us + (int64_t)r->bytes_out * 1000000 / SLOWEST_READER;
    return done;
}

static void suspend(struct http__request *r)
{
    r->conn->deadline_us = INT64_MAX; /* it is our turn */
    r->conn->suspended = true;
    MHD_suspend_connection(r->conn->mhd);
}

static void note_body(struct http__request *r)
{
    r->pub.body = (struct str){r->body.data, r->pub.streamed ? 0 : r->body.len};
    r->pub.body_too_large = r->body.too_large;
    r->pub.body_error = r->body.error;
}

static enum MHD_Result dispatch(struct http__request *r)
{
    struct http__front *f = r->front;
    r->stage = HTTP__DISPATCHED;
    note_body(r);
    r->conn->deadline_us = INT64_MAX;
    f->in_handler = r;
    if (r->refuse)
        http__respond_plain(r, r->refuse, "malformed");
    else if (http__is_preflight(r))
        http__respond_preflight(r);
    else
        f->server->fn(&r->pub, f->server->arg);
    f->in_handler = NULL;
    if (r->ready)
        return queue(r);
    suspend(r);
    return MHD_YES;
}

/* ---- bodies in pieces ---- */

void http_stream(struct http_request *request, http_stream_fn fn, void *arg)
{
    struct http__request *r = (struct http__request *)request;
    r->sink = fn;
    r->sink_arg = arg;
}

void http_stream_resume(struct http_request *request)
{
    struct http__request *r = (struct http__request *)request;
    if (r->stage != HTTP__STREAM || !r->conn->suspended)
        return;
    r->conn->deadline_us = clock_mono_us() + r->settings->request_us;
    r->conn->suspended = false;
    MHD_resume_connection(r->conn->mhd);
    r->front->kick = true;
}

/* The handler is called before there is anything. */
static enum MHD_Result begin_stream(struct http__request *r)
{
    struct http__front *f = r->front;
    r->stage = HTTP__STREAM;
    f->in_handler = r;
    f->server->fn(&r->pub, f->server->arg);
    f->in_handler = NULL;
    if (!r->ready)
        return MHD_YES;
    r->early = true;
    return queue(r);
}

/* Each piece earns the client the time in which it could have come; whoever drips bytes runs out of it. */
static enum MHD_Result add_piece(struct http__request *r, const char *data, size_t len)
{
    int64_t latest = clock_mono_us() + r->settings->request_us;
    if (!http__body_add(&r->body, data, len))
        return MHD_NO;
    r->conn->deadline_us += (int64_t)len * 1000000 / SLOWEST_SENDER;
    if (r->conn->deadline_us > latest)
        r->conn->deadline_us = latest;
    struct str piece = http__body_pass(&r->body);
    if (piece.len && !r->sink(r->sink_arg, HTTP_PIECE, piece))
        suspend(r);
    return MHD_YES;
}

static enum MHD_Result end_stream(struct http__request *r)
{
    struct http__front *f = r->front;
    r->stage = HTTP__DISPATCHED;
    note_body(r);
    f->in_handler = r;
    r->sink(r->sink_arg, HTTP_END, (struct str){NULL, 0});
    f->in_handler = NULL;
    if (r->ready)
        return queue(r);
    suspend(r);
    return MHD_YES;
}

void http__request_deliver(void *request)
{
    struct http__request *r = request;
    struct http__front *f = r->front;
    r->ready = true;
    if (f->in_handler == r)
        return; /* dispatch() goes on */
    if (queue(r) != MHD_YES)
        shutdown(r->conn->wire.fd, SHUT_RDWR);
    r->conn->suspended = false;
    MHD_resume_connection(r->conn->mhd);
    f->kick = true;
}

/* The length of the body, 0 also when it comes in chunks. False when two parsers might see different ends of it
 * (RFC 9112, 6.3), which is how requests are smuggled past a proxy. */
static bool body_length(const struct headers *h, int64_t *length)
{
    *length = 0;
    if (h->broken || h->host.n > 1 || h->length.n + h->transfer.n > 1)
        return false;
    if (h->transfer.n)
        return str_ieq(h->transfer.value, STR("chunked"));
    return h->length.n == 0 || (str_int64(h->length.value, length) && *length >= 0);
}

/* The headers are complete. */
static enum MHD_Result begin(struct http__request *r, struct MHD_Connection *mhd, const char *method,
                             const char *version)
{
    struct headers h = {.r = r, .cap = 24};
    h.items = arena_alloc(&r->arena, sizeof(*h.items) * h.cap);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &h);
    r->pub.headers = h.items;
    r->pub.n_headers = h.n;
    r->pub.method = http__method(method);
    identify(r, &h);
    r->stage = HTTP__BODY;
    r->stays = strcmp(version, MHD_HTTP_VERSION_1_1) == 0 &&
               (!h.connection.n || str_ieq(h.connection.value, STR("keep-alive")));
    int64_t length;
    if (!body_length(&h, &length)) {
        r->refuse = 400;
    } else if (length || h.transfer.n) {
        enum http__coding coding = http__content_coding(h.encoding.value);
        http_streams_fn streams = r->front->server->streams;
        r->pub.streamed = streams && streams(&r->pub, r->front->server->arg);
        size_t max = r->pub.streamed ? r->settings->max_stream : r->settings->max_body;
        if (!http__body_begin(&r->body, coding, (size_t)length, max))
            return MHD_NO;
    }
    if (!r->refuse && !r->body.too_large && !r->body.error)
        return r->pub.streamed ? begin_stream(r) : MHD_YES;
    r->early = true; /* there is no point in reading its body */
    return dispatch(r);
}

enum MHD_Result http__on_request(void *front, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *upload, size_t *upload_len, void **context)
{
    (void)front, (void)url;
    struct http__request *r = *context;
    if (r->stage == HTTP__HEADERS)
        return begin(r, mhd, method, version);
    if (*upload_len) {
        size_t n = *upload_len;
        *upload_len = 0;
        if (r->stage == HTTP__STREAM)
            return add_piece(r, upload, n);
        return http__body_add(&r->body, upload, n) ? MHD_YES : MHD_NO;
    }
    if (r->stage == HTTP__DISPATCHED)
        return MHD_NO; /* it could not be answered */
    http__body_end(&r->body);
    return r->stage == HTTP__STREAM ? end_stream(r) : dispatch(r);
}

void http__requests_free(struct http__front *f)
{
    for (struct http__request *r = f->free_requests, *next; r; r = next) {
        next = r->next;
        arena_release(&r->arena);
        free(r);
    }
}
