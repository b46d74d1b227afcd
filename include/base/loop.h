/*
 * base/loop.h: one event loop, run by one thread: descriptors (epoll), timers, and calls posted from other
 * threads. HTTP and PostgreSQL meet here without knowing each other.
 *
 * A turn is: ready descriptors, posted calls, due timers, idle functions; then the loop sleeps.
 *
 * Everything but loop_post(), loop_stop() and loop_current() belongs to the loop's own thread (or to the one
 * thread there is before loop_run() and after it).
 */
#ifndef KAGARI_BASE_LOOP_H
#define KAGARI_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

typedef void (*loop_fn)(void *arg);
/* events: EPOLLIN, EPOLLOUT, … as epoll reported them. */
typedef void (*loop_io_fn)(void *arg, uint32_t events);

struct loop_io {
    int fd;
    uint32_t events; /* wanted now; level-triggered */
    loop_io_fn fn;
    void *arg;
};

struct loop_timer {
    int64_t due_us; /* monotonic; 0: not armed */
    loop_fn fn;
    void *arg;
    struct loop_timer *next; /* the loop's own */
};

struct loop *loop_new(void); /* NULL when the system has no descriptors left */
void loop_free(struct loop *l);
void loop_run(struct loop *l);   /* until loop_stop() */
void loop_stop(struct loop *l);  /* any thread, also from a signal handler */
struct loop *loop_current(void); /* the loop that the calling thread runs; NULL: none */

/* io stays the caller's and must not move while it is added; any callback may remove it, and free it. */
bool loop_add(struct loop *l, struct loop_io *io);
void loop_change(struct loop *l, struct loop_io *io, uint32_t events);
void loop_remove(struct loop *l, struct loop_io *io);

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_us); /* arms, or moves; 0 disarms */

/*
 * Called once each turn, before the loop sleeps; returns in how many µs it wants to be called again at the
 * latest (0: the loop does not sleep), or -1. For libraries that keep their own time (libmicrohttpd) and for
 * batching writes. The last added runs first: what was built upon another (HTTP on the database) comes before
 * it, so that what it queued there leaves in the same turn.
 */
typedef int64_t (*loop_idle_fn)(void *arg);
void loop_add_idle(struct loop *l, loop_idle_fn fn, void *arg);

/* Any thread: fn(arg) will run on the loop's thread, in the order of posting. What is posted to a loop that
 * runs no more is forgotten. */
void loop_post(struct loop *l, loop_fn fn, void *arg);

#endif
