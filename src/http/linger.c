#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "internal.h"

enum { LINGER_US = 3000000, LINGER_MAX = 256 };

struct http__linger {
    struct http__linger *next, **link;
    struct http__front *front;
    struct loop_io io;
    struct loop_timer end;
};

static void stop(void *arg)
{
    struct http__linger *l = arg;
    loop_timer_set(l->front->loop, &l->end, 0);
    loop_remove(l->front->loop, &l->io);
    close(l->io.fd);
    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
    l->front->n_lingering--;
    free(l);
}

static void drain(void *arg, uint32_t events)
{
    (void)events;
    struct http__linger *l = arg;
    char dropped[64 * 1024];
    ssize_t n = recv(l->io.fd, dropped, sizeof(dropped), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        stop(l);
}

static void begin(void *arg)
{
    struct http__linger *l = arg;
    shutdown(l->io.fd, SHUT_WR); /* MHD has sent what it had, its TLS farewell too */
    loop_timer_set(l->front->loop, &l->end, clock_mono_us() + LINGER_US);
    l->end.fn = stop;
}

void http__linger(struct http__front *f, int fd)
{
    if (f->n_lingering >= LINGER_MAX)
        return;
    struct http__linger *l = calloc(1, sizeof(*l));
    int copy = l ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy < 0) {
        free(l);
        return;
    }
    *l = (struct http__linger){.next = f->lingering, .link = &f->lingering, .front = f};
    l->io = (struct loop_io){copy, EPOLLIN, drain, l};
    l->end = (struct loop_timer){.fn = begin, .arg = l};
    if (l->next)
        l->next->link = &l->next;
    f->lingering = l;
    f->n_lingering++;
    loop_add(f->loop, &l->io);
    loop_timer_set(f->loop, &l->end, clock_mono_us()); /* the next turn: MHD is about to close its end now */
}

void http__linger_free(struct http__front *f)
{
    while (f->lingering)
        stop(f->lingering);
}
