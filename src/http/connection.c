/*
 * Connections and their deadlines. libmicrohttpd's own timeout counts inactivity, which a client that drips bytes
 * outlives; so each phase of a connection (handshake and first request line, a request, its answer, waiting for the
 * next one) has a deadline, and a sweep shuts the sockets of those beyond it, which makes libmicrohttpd close them.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "internal.h"

struct http__conn *http__conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Often enough that a deadline is kept within an eighth of its length. */
static int64_t sweep_interval(const struct http__settings *s)
{
    int64_t us = (s->idle_us < s->request_us ? s->idle_us : s->request_us) / 8;
    return us < 5000 ? 5000 : us > 1000000 ? 1000000 : us;
}

void http__sweep(void *front)
{
    struct http__front *f = front;
    int64_t now = clock_mono_us();
    for (struct http__conn *c = f->conns; c; c = c->next) {
        if (now <= c->deadline_us)
            continue;
        shutdown(c->wire.fd, SHUT_RDWR); /* MHD sees the end and closes */
        c->deadline_us = INT64_MAX;
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
    c->wire.outbox = &f->outbox;
    c->is_ip = http__address_of(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                                &c->address);
    if (c->is_ip)
        http__address_print(&c->address, c->peer);
    if (f->settings->tls)
        http__tls_attach(f->settings->tls,
                         MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session,
                         &c->wire);
    int64_t now = clock_mono_us();
    c->deadline_us = now + f->settings->request_us;
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
    http__wire_close(&c->wire);
    http__settings_unref(c->settings);
    c->next = f->free_conns;
    f->free_conns = c;
    f->kick = true; /* only the next run listens again, if this was at the limit of connections */
    metrics_add(METRIC_CONNECTIONS, -1);
}

void http__on_connection(void *front, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        conn_started(front, mhd, context);
    else
        conn_closed(front, *context);
}

void http__conns_free(struct http__front *f)
{
    for (struct http__conn *c = f->free_conns, *next; c; c = next) {
        next = c->next;
        free(c);
    }
}
