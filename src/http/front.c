/*
 * One loop's libmicrohttpd daemon and its turns.
 *
 * MHD is run once a turn, from the loop's idle function: by then the turn's answers of the database are queued, so
 * that one run reads the new requests and sends these answers.
 *
 * Two things MHD 0.9.75 does not do by itself. A suspended connection is resumed by the next run only: `kick` asks
 * for it. A connection in its TLS handshake stays ready whether or not bytes have come: when a turn has moved none,
 * the next one waits.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "internal.h"

enum { BACKOFF_MIN_US = 1000, BACKOFF_MAX_US = 10000 };

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

enum { LATE_US = 1000 }; /* how often a socket that was full is tried again */

static int64_t run(struct http__front *f)
{
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
    if (!f->settings->tls || f->outbox.moved != f->moved_before) {
        f->moved_before = f->outbox.moved;
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

static int64_t on_idle(void *arg)
{
    struct http__front *f = arg;
    int64_t wait = run(f);
    if (!http__outbox_flush(&f->outbox) && (wait < 0 || wait > LATE_US))
        wait = LATE_US;
    return wait;
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
    f->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http__on_request, f, MHD_OPTION_LISTEN_SOCKET, f->listen_fd,
        MHD_OPTION_NOTIFY_CONNECTION, http__on_connection, f, MHD_OPTION_NOTIFY_COMPLETED, http__on_completed,
        f, MHD_OPTION_URI_LOG_CALLBACK, http__on_request_line, f, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)((c->http_connections + f->server->n - 1) / f->server->n),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, f->settings->tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls,
        MHD_OPTION_END);
    if (!f->daemon)
        return err_detail(err, ERR_INTERNAL, "the HTTP server does not start", "libmicrohttpd: errno %d",
                          errno);
    f->io = (struct loop_io){MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN,
                             on_ready, f};
    f->sweep = (struct loop_timer){.fn = http__sweep, .arg = f};
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
    http__sweep(f); /* by the new deadlines' interval from now on */
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
            if (c->suspended)
                MHD_resume_connection(c->mhd);
        MHD_stop_daemon(f->daemon);
    } else if (f->listen_fd >= 0) {
        close(f->listen_fd);
    }
    http__conns_free(f);
    http__requests_free(f);
    http__settings_unref(f->settings);
    http__settings_unref(atomic_load(&f->coming));
}
