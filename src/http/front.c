/*
 * One loop's libmicrohttpd daemon.
 *
 * MHD is run once a turn, from the loop's idle function: by then the turn's answers of the database are
 * queued, so one run reads the new requests and sends these answers.
 *
 * Three things MHD 0.9.75 does not do by itself. Its timeout counts inactivity, which a client that drips
 * bytes outlives: here each phase of a connection has a deadline, and a sweep shuts the sockets of those
 * beyond. A connection in its TLS handshake stays ready whether or not bytes have come: when two runs moved
 * none, the next one waits. A suspended connection is resumed by the next run only: `kick` asks for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "crypto/random.h"
#include "internal.h"

enum {
    KEPT_REQUESTS = 256,    /* with their arenas' first blocks */
    SLOWEST_READER = 65536, /* bytes a second, beside http.request_timeout */
    BACKOFF_MIN_US = 1000,
    BACKOFF_MAX_US = 10000,
};

/* ---- connections ---- */

static struct http__conn *conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void enter(struct http__conn *c, enum http__phase phase, int64_t now, int64_t allowed_us)
{
    if (c->phase == HTTP__DEAD)
        return;
    c->phase = phase;
    c->since_us = now;
    c->allowed_us = allowed_us;
}

/* Often enough that a deadline is kept within an eighth of its length. */
static int64_t sweep_interval(const struct http__settings *s)
{
    int64_t us = (s->idle_us < s->request_us ? s->idle_us : s->request_us) / 8;
    return us < 5000 ? 5000 : us > 1000000 ? 1000000 : us;
}

static void sweep(void *arg)
{
    struct http__front *f = arg;
    int64_t now = clock_mono_us();
    for (struct http__conn *c = f->conns; c; c = c->next) {
        if (c->allowed_us < 0 || now - c->since_us <= c->allowed_us)
            continue;
        shutdown(c->wire.fd, SHUT_RDWR); /* MHD sees the end and closes */
        c->phase = HTTP__DEAD;
        c->allowed_us = -1;
    }
    if (f->conns)
        loop_timer_set(f->loop, &f->sweep, now + sweep_interval(f->settings));
}

static void conn_started(struct http__front *f, struct MHD_Connection *mhd, void **context)
{
    struct http__conn *c = f->free_conns;
    if (c)
        f->free_conns = c->next;
    else if (!(c = malloc(sizeof(*c)))) {
        fputs("kagari: out of memory\n", stderr);
        abort();
    }
    *c = (struct http__conn){.next = f->conns, .mhd = mhd, .settings = f->settings};
    f->settings->refs++;
    if (c->next)
        c->next->prev = c;
    f->conns = c;
    *context = c;
    c->wire.fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    c->wire.moved = &f->moved;
    c->is_ip = http__address_of(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                                &c->address);
    if (c->is_ip)
        http__address_print(&c->address, c->peer);
    if (f->settings->tls)
        http__tls_attach(f->settings->tls,
                         MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session,
                         &c->wire);
    int64_t now = clock_mono_us();
    enter(c, HTTP__CONNECTED, now, f->settings->request_us);
    if (!f->sweep.due_us)
        loop_timer_set(f->loop, &f->sweep, now + sweep_interval(f->settings));
    metrics_add(METRIC_CONNECTIONS, 1);
}

static void conn_closed(struct http__front *f, struct http__conn *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        f->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    http__settings_unref(c->settings);
    c->next = f->free_conns;
    f->free_conns = c;
    f->kick = true; /* only the next run listens again, if this was at the limit of connections */
    metrics_add(METRIC_CONNECTIONS, -1);
}

static void on_connection(void *front, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        conn_started(front, mhd, context);
    else
        conn_closed(front, *context);
}

/* ---- requests ---- */

/* The request line is there: the earliest call of MHD, and the only one that shows the target as it was sent.
 */
static void *on_request_line(void *front, const char *target, struct MHD_Connection *mhd)
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
    *r = (struct http__request){.arena = arena, .front = f, .conn = conn_of(mhd), .settings = f->settings};
    f->settings->refs++;
    r->pub.a = &r->arena;
    r->pub.loop = f->index;
    r->pub.started_us = clock_mono_us();
    target = arena_strdup(&r->arena, target ? target : "");
    http__target(str_of(target), &r->pub.path, &r->pub.query);
    enter(r->conn, HTTP__RECEIVING, r->pub.started_us, r->settings->request_us);
    atomic_fetch_add_explicit(&f->active, 1, memory_order_relaxed);
    metrics_add(METRIC_REQUESTS_ACTIVE, 1);
    return r;
}

static const char *const method_names[] = {"GET",   "HEAD",   "POST",    "PUT",
                                           "PATCH", "DELETE", "OPTIONS", "other"};

static void on_completed(void *front, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode how)
{
    (void)mhd;
    struct http__front *f = front;
    struct http__request *r = *context;
    if (!r)
        return;
    *context = NULL;
    int64_t now = clock_mono_us();
    bool sent = r->status && how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    /* Without a status MHD has refused the request itself, or the connection ended before there was an
     * answer. */
    const char *interaction = r->pub.log_interaction ? r->pub.log_interaction : "none";
    metrics_request(interaction, r->status, (r->answered_us ? r->answered_us : now) - r->pub.started_us);
    metrics_add(METRIC_REQUESTS_ACTIVE, -1);
    metrics_add(METRIC_BYTES_IN, (int64_t)r->body.received);
    metrics_add(METRIC_BYTES_OUT, sent ? (int64_t)r->bytes_out : 0);
    log_event(LOG_INFO, "request", LOG_S("method", method_names[r->pub.method]),
              LOG_S("interaction", interaction), LOG_S("type", r->pub.log_type), LOG_I("status", r->status),
              LOG_I("us", (r->answered_us ? r->answered_us : now) - r->pub.started_us),
              LOG_I("total_us", now - r->pub.started_us), LOG_I("db_us", r->pub.log_db_us),
              LOG_I("in", r->body.received), LOG_I("out", sent ? r->bytes_out : 0), LOG_I("sent", sent),
              LOG_S("request", r->pub.id), LOG_S("peer", r->pub.peer.s));
    enter(r->conn, HTTP__WAITING, now, r->settings->idle_us);
    if (r->early && sent)
        http__linger(f, r->conn->wire.fd);
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

struct headers {
    struct http__request *r;
    struct http_header *items;
    size_t n, cap;
    int lengths, transfers, hosts;
    bool broken; /* in a way that two parsers may understand differently */
    bool chunked;
    struct str id, encoding, host, length;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    (void)kind;
    struct headers *h = arg;
    struct http_header header = {{name, name_len}, str_trim((struct str){value ? value : "", value_len})};
    h->broken |= !http__is_token(header.name);
    *ARENA_PUSH(h->r->pub.a, h->items, h->n, h->cap) = header;
    switch (name_len) {
    case 4:
        if (str_ieq(header.name, STR("host"))) {
            h->host = header.value;
            h->hosts++;
        }
        break;
    case 12:
        if (str_ieq(header.name, STR("x-request-id")))
            h->id = header.value;
        break;
    case 14:
        if (str_ieq(header.name, STR("content-length"))) {
            h->length = header.value;
            h->lengths++;
        }
        break;
    case 16:
        if (str_ieq(header.name, STR("content-encoding")))
            h->encoding = header.value;
        break;
    case 17:
        if (str_ieq(header.name, STR("transfer-encoding"))) {
            h->transfers++;
            h->chunked = str_ieq(header.value, STR("chunked"));
        }
        break;
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
    r->pub.peer = c->is_ip ? str_of(c->peer) : STR("unix");
    struct str authority = http__is_authority(h->host) ? h->host : str_of(r->front->server->authority);
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
    }
    r->pub.origin = join(r->pub.a, r->pub.tls, authority);
    if (http__is_request_id(h->id))
        memcpy(r->pub.id, h->id.s, h->id.len); /* the rest is zero */
    else
        crypto_uuid(r->pub.id);
}

static enum MHD_Result queue(struct http__request *r)
{
    if (!r->response)
        return MHD_NO;
    r->answered_us = clock_mono_us();
    enum MHD_Result done = MHD_queue_response(r->conn->mhd, (unsigned)r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    enter(r->conn, HTTP__SENDING, r->answered_us,
          r->settings->request_us + (int64_t)r->bytes_out * 1000000 / SLOWEST_READER);
    return done;
}

static enum MHD_Result dispatch(struct http__request *r)
{
    struct http__front *f = r->front;
    r->stage = HTTP__DISPATCHED;
    enter(r->conn, HTTP__WORKING, r->pub.started_us, -1);
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
    MHD_suspend_connection(r->conn->mhd);
    r->suspended = true;
    return MHD_YES;
}

void http__front_deliver(void *request)
{
    struct http__request *r = request;
    struct http__front *f = r->front;
    r->ready = true;
    if (f->in_handler == r)
        return; /* dispatch() goes on */
    if (queue(r) != MHD_YES)
        shutdown(r->conn->wire.fd, SHUT_RDWR);
    r->suspended = false;
    MHD_resume_connection(r->conn->mhd);
    f->kick = true;
}

static enum MHD_Result begin(struct http__request *r, struct MHD_Connection *mhd, const char *method)
{
    struct headers h = {.r = r, .cap = 24};
    h.items = arena_alloc(&r->arena, sizeof(*h.items) * h.cap);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &h);
    r->pub.headers = h.items;
    r->pub.n_headers = h.n;
    r->pub.method = http__method(method);
    identify(r, &h);
    r->stage = HTTP__BODY;
    if (h.broken || h.lengths > 1 || h.hosts > 1 || h.transfers > 1 ||
        (h.transfers && (h.lengths || !h.chunked)))
        r->refuse = 400;
    int64_t length = 0;
    if (h.lengths == 1 && (!str_int64(h.length, &length) || length < 0))
        r->refuse = 400;
    if (!r->refuse) {
        if (length == 0 && !h.transfers)
            return MHD_YES;
        if (!http__body_begin(&r->body, http__content_coding(h.encoding), (size_t)length,
                              r->settings->max_body))
            return MHD_NO;
        if (!r->body.too_large && !r->body.error)
            return MHD_YES;
    }
    /* Refused before its body is read. */
    r->early = true;
    r->pub.body_too_large = r->body.too_large;
    r->pub.body_error = r->body.error;
    return dispatch(r);
}

static enum MHD_Result on_request(void *front, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **context)
{
    (void)front, (void)url, (void)version;
    struct http__request *r = *context;
    if (r->stage == HTTP__HEADERS)
        return begin(r, mhd, method);
    if (*upload_len) {
        size_t n = *upload_len;
        *upload_len = 0;
        return http__body_add(&r->body, upload, n) ? MHD_YES : MHD_NO;
    }
    if (r->stage == HTTP__DISPATCHED)
        return MHD_NO; /* it could not be answered */
    http__body_end(&r->body);
    r->pub.body = (struct str){r->body.data, r->body.len};
    r->pub.body_too_large = r->body.too_large;
    r->pub.body_error = r->body.error;
    return dispatch(r);
}

/* ---- turns ---- */

static void on_ready(void *arg, uint32_t events)
{
    (void)events;
    ((struct http__front *)arg)->kick = true;
}

static bool pending(struct http__front *f)
{
    MHD_UNSIGNED_LONG_LONG ms;
    return MHD_get_timeout(f->daemon, &ms) == MHD_YES && ms == 0;
}

static int64_t on_idle(void *arg)
{
    struct http__front *f = arg;
    if (!f->kick) {
        if (!f->next_run_us)
            return -1;
        int64_t left = f->next_run_us - clock_mono_us();
        if (left > 0)
            return left;
    }
    f->kick = false;
    f->next_run_us = 0;
    /* A resumed connection is prepared by one run and written by the next. */
    for (int i = 0; i < 3; i++) {
        MHD_run(f->daemon);
        if (!pending(f)) {
            f->idle_turns = 0;
            return f->kick ? 0 : -1;
        }
    }
    if (!f->settings->tls || f->moved != f->moved_before) {
        f->moved_before = f->moved;
        f->idle_turns = 0;
        f->kick = true;
        return 0;
    }
    int64_t wait = (int64_t)BACKOFF_MIN_US << (f->idle_turns < 4 ? f->idle_turns++ : 4);
    if (wait > BACKOFF_MAX_US)
        wait = BACKOFF_MAX_US;
    f->next_run_us = clock_mono_us() + wait;
    return f->kick ? 0 : wait;
}

/* ---- life ---- */

bool http__front_start(struct http__front *f, const struct config *c, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    /* With MHD_USE_TURBO, MHD reads a new connection before epoll reports it. In a TLS handshake that would
     * leave the connection out of epoll, to be polled. */
    flags |= f->settings->tls ? MHD_USE_TLS : MHD_USE_TURBO;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)http__tls_priorities(c)},
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)http__tls_no_certificate()},
        {MHD_OPTION_END, 0, NULL}};
    /* MHD wants a quarter more for what it makes of the headers, and zeroes all of it after each request. */
    size_t memory = (size_t)c->http_max_header + (size_t)c->http_max_header / 4;
    f->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, f, MHD_OPTION_LISTEN_SOCKET, f->listen_fd,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, f, MHD_OPTION_NOTIFY_COMPLETED,
                                 on_completed, f, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, f,
                                 MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)((c->http_connections + f->server->n - 1) / f->server->n),
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                 MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                                 f->settings->tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, MHD_OPTION_END);
    if (!f->daemon)
        return err_detail(err, ERR_INTERNAL, "the HTTP server does not start", "libmicrohttpd: errno %d",
                          errno);
    f->io = (struct loop_io){MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN,
                             on_ready, f};
    f->sweep = (struct loop_timer){.fn = sweep, .arg = f};
    f->kick = true; /* the first run makes MHD listen */
    loop_add_idle(f->loop, on_idle, f);
    if (!loop_add(f->loop, &f->io))
        return err_detail(err, ERR_INTERNAL, "the HTTP server does not start", "epoll: errno %d", errno);
    return true;
}

static void adopt(void *front)
{
    struct http__front *f = front;
    struct http__settings *s = atomic_exchange(&f->coming, NULL);
    if (!s)
        return;
    http__settings_unref(f->settings);
    f->settings = s;
    if (f->conns)
        loop_timer_set(f->loop, &f->sweep, clock_mono_us() + sweep_interval(s));
}

void http__front_reload(struct http__front *f, struct http__settings *s)
{
    struct http__settings *unused = atomic_exchange(&f->coming, s);
    if (unused)
        http__settings_unref(unused);
    loop_post(f->loop, adopt, f);
}

void http__front_drain(void *front)
{
    struct http__front *f = front;
    if (f->listen_fd < 0)
        return;
    /* What the kernel has accepted for us would be reset with the socket. */
    for (int i = 0; i < 100; i++)
        MHD_run(f->daemon);
    MHD_quiesce_daemon(f->daemon);
    close(f->listen_fd);
    f->listen_fd = -1;
    f->kick = true;
}

void http__front_free(struct http__front *f)
{
    http__linger_free(f);
    if (f->daemon) {
        loop_remove(f->loop, &f->io);
        loop_timer_set(f->loop, &f->sweep, 0);
        for (struct http__conn *c = f->conns; c; c = c->next)
            if (c->phase == HTTP__WORKING)
                MHD_resume_connection(c->mhd);
        MHD_stop_daemon(f->daemon);
    } else if (f->listen_fd >= 0) {
        close(f->listen_fd);
    }
    for (struct http__conn *c = f->free_conns, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    for (struct http__request *r = f->free_requests, *next; r; r = next) {
        next = r->next;
        arena_release(&r->arena);
        free(r);
    }
    http__settings_unref(f->settings);
    http__settings_unref(atomic_load(&f->coming));
}
