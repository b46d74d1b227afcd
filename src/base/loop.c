#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { EVENTS = 256, IDLE_MAX = 8 };

struct call {
    loop_fn fn;
    void *arg;
};

struct calls {
    struct call *items;
    int n, cap;
};

struct loop {
    int epoll_fd;
    struct loop_io wake; /* an eventfd: a call was posted, or the loop shall stop */
    atomic_bool stop;
    struct loop_timer *timers; /* the next due first */

    struct {
        loop_idle_fn fn;
        void *arg;
    } idle[IDLE_MAX];
    int n_idle;

    struct epoll_event events[EVENTS];
    int n_events; /* of this turn; loop_remove() blanks what must not be reported any more */

    pthread_mutex_t lock; /* of posted */
    struct calls posted;
    struct calls running; /* the loop's own */
};

static _Thread_local struct loop *current;

static void die(const char *what)
{
    fprintf(stderr, "kagari: %s failed: errno %d\n", what, errno);
    abort();
}

static void wake_up(struct loop *l)
{
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(l->wake.fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

static void woken(void *arg, uint32_t events)
{
    (void)events;
    struct loop *l = arg;
    uint64_t count;
    if (read(l->wake.fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        die("reading an eventfd");
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake = (struct loop_io){eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, woken, l};
    pthread_mutex_init(&l->lock, NULL);
    if (l->epoll_fd < 0 || l->wake.fd < 0 || !loop_add(l, &l->wake)) {
        loop_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->wake.fd >= 0)
        close(l->wake.fd);
    pthread_mutex_destroy(&l->lock);
    free(l->posted.items);
    free(l->running.items);
    free(l);
}

struct loop *loop_current(void)
{
    return current;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    wake_up(l);
}

bool loop_add(struct loop *l, struct loop_io *io)
{
    struct epoll_event e = {.events = io->events, .data.ptr = io};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, io->fd, &e) == 0;
}

void loop_change(struct loop *l, struct loop_io *io, uint32_t events)
{
    if (io->events == events)
        return;
    io->events = events;
    struct epoll_event e = {.events = events, .data.ptr = io};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, io->fd, &e) != 0)
        die("epoll_ctl");
}

void loop_remove(struct loop *l, struct loop_io *io)
{
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = 0; i < l->n_events; i++)
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_us)
{
    if (t->due_us) {
        struct loop_timer **p = &l->timers;
        while (*p != t)
            p = &(*p)->next;
        *p = t->next;
    }
    t->due_us = due_us;
    if (!due_us)
        return;
    struct loop_timer **p = &l->timers;
    while (*p && (*p)->due_us <= due_us)
        p = &(*p)->next;
    t->next = *p;
    *p = t;
}

void loop_add_idle(struct loop *l, loop_idle_fn fn, void *arg)
{
    if (l->n_idle == IDLE_MAX)
        die("loop_add_idle");
    l->idle[l->n_idle].fn = fn;
    l->idle[l->n_idle++].arg = arg;
}

void loop_post(struct loop *l, loop_fn fn, void *arg)
{
    pthread_mutex_lock(&l->lock);
    struct calls *c = &l->posted;
    if (c->n == c->cap) {
        int cap = c->cap ? c->cap * 2 : 64;
        struct call *items = realloc(c->items, sizeof(*items) * (size_t)cap);
        if (!items)
            die("realloc");
        c->items = items;
        c->cap = cap;
    }
    bool first = c->n == 0;
    c->items[c->n++] = (struct call){fn, arg};
    pthread_mutex_unlock(&l->lock);
    if (first)
        wake_up(l);
}

static void run_posted(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct calls c = l->posted;
    l->posted = l->running;
    l->running = c;
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < c.n; i++)
        c.items[i].fn(c.items[i].arg);
    l->running.n = 0;
}

static void run_timers(struct loop *l)
{
    if (!l->timers)
        return;
    int64_t now = clock_mono_us();
    while (l->timers && l->timers->due_us <= now) {
        struct loop_timer *t = l->timers;
        loop_timer_set(l, t, 0);
        t->fn(t->arg);
    }
}

/* How long epoll may sleep, in ms, rounded up; -1: for ever. */
static int run_idle(struct loop *l)
{
    int64_t wait = -1;
    for (int i = l->n_idle; i-- > 0;) {
        int64_t us = l->idle[i].fn(l->idle[i].arg);
        if (us >= 0 && (wait < 0 || us < wait))
            wait = us;
    }
    if (l->timers) {
        int64_t us = l->timers->due_us - clock_mono_us();
        if (us < 0)
            us = 0;
        if (wait < 0 || us < wait)
            wait = us;
    }
    if (wait < 0)
        return -1;
    int64_t ms = (wait + 999) / 1000;
    return ms > 60000 ? 60000 : (int)ms;
}

void loop_run(struct loop *l)
{
    current = l;
    log_gather(true);
    while (!atomic_exchange(&l->stop, false)) { /* consumed, so that the loop may run again */
        int wait = run_idle(l);
        log_flush();
        int n = epoll_wait(l->epoll_fd, l->events, EVENTS, wait);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        l->n_events = n < 0 ? 0 : n;
        for (int i = 0; i < l->n_events; i++) {
            struct loop_io *io = l->events[i].data.ptr;
            if (io)
                io->fn(io->arg, l->events[i].events);
        }
        l->n_events = 0;
        run_posted(l);
        run_timers(l);
    }
    log_gather(false);
    current = NULL;
}
