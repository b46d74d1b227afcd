#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/random.h"
#include "internal.h"

enum { BACKLOG = 1024 };

struct place {
    struct sockaddr_storage address;
    socklen_t len;
    bool local; /* loopback or unix: nobody listens in */
};

static bool find_place(const struct config *c, struct place *p, struct err *err)
{
    *p = (struct place){0};
    if (c->http_address[0] == '/') {
        struct sockaddr_un *un = (void *)&p->address;
        un->sun_family = AF_UNIX;
        if (strlen(c->http_address) >= sizeof(un->sun_path))
            return err_set(err, ERR_INVALID, "http.address: the path of a unix socket has at most %zu bytes",
                           sizeof(un->sun_path) - 1);
        memcpy(un->sun_path, c->http_address, strlen(c->http_address) + 1);
        p->len = sizeof(*un);
        p->local = true;
        return true;
    }
    struct addrinfo *found, hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof(port), "%d", (int)c->http_port);
    int status = getaddrinfo(c->http_address, port, &hints, &found);
    if (status != 0)
        return err_set(err, ERR_INVALID, "http.address: %s: %s", c->http_address, gai_strerror(status));
    memcpy(&p->address, found->ai_addr, found->ai_addrlen);
    p->len = found->ai_addrlen;
    freeaddrinfo(found);
    struct http__address a;
    p->local = http__address_of((struct sockaddr *)&p->address, &a) && http__is_loopback(&a);
    return true;
}

static bool no_socket(struct err *err, const struct config *c, int fd, int cause)
{
    if (fd >= 0)
        close(fd);
    return err_set(err, ERR_INTERNAL, "cannot listen on http.address %s, http.port %d: %s", c->http_address,
                   (int)c->http_port, strerror(cause));
}

static bool bind_to(const struct config *c, struct place *p, bool shared, int *out, struct err *err)
{
    int on = 1, off = 0;
    int fd = socket(p->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return no_socket(err, c, fd, errno);
    if (p->address.ss_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (p->address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if ((shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
        bind(fd, (struct sockaddr *)&p->address, p->len) != 0)
        return no_socket(err, c, fd, errno);
    *out = fd;
    return true;
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* A unix socket cannot be shared by name: the fronts take copies of one descriptor. */
static bool listen_unix(struct http_server *s, const struct config *c, struct place *p, struct err *err)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = probe >= 0 && connect(probe, (struct sockaddr *)&p->address, p->len) == 0;
    bool stale = !alive && errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    if (alive)
        return err_set(err, ERR_INTERNAL, "http.address: another server listens on %s", c->http_address);
    if (stale)
        unlink(c->http_address);
    int fd;
    if (!bind_to(c, p, false, &fd, err))
        return false;
    chmod(c->http_address, 0660); /* the group's reverse proxy may connect */
    s->unix_path = strdup(c->http_address);
    s->unix_inode = inode_of(c->http_address);
    if (listen(fd, BACKLOG) != 0)
        return no_socket(err, c, fd, errno);
    s->fronts[0].listen_fd = fd;
    for (int i = 1; i < s->n; i++)
        if ((s->fronts[i].listen_fd = dup(fd)) < 0)
            return no_socket(err, c, -1, errno);
    return true;
}

static bool listen_ip(struct http_server *s, const struct config *c, struct place *p, struct err *err)
{
    int fd;
    /* SO_REUSEPORT would let a second server of the same user take half of the connections unnoticed. */
    if (!bind_to(c, p, false, &fd, err))
        return false;
    close(fd);
    for (int i = 0; i < s->n; i++) {
        if (!bind_to(c, p, true, &fd, err))
            return false;
        if (listen(fd, BACKLOG) != 0)
            return no_socket(err, c, fd, errno);
        s->fronts[i].listen_fd = fd;
        if (i == 0)
            getsockname(fd, (struct sockaddr *)&p->address, &p->len); /* the port that was found */
    }
    s->port = ntohs(p->address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&p->address)->sin6_port
                                                     : ((struct sockaddr_in *)&p->address)->sin_port);
    struct http__address a;
    char text[46];
    http__address_of((struct sockaddr *)&p->address, &a);
    http__address_print(&a, text);
    snprintf(s->authority, sizeof(s->authority), strchr(text, ':') ? "[%s]:%d" : "%s:%d", text, s->port);
    return true;
}

/* Each connection is a descriptor; the kernel's soft limit is meant for programs that use select(). */
static void raise_descriptor_limit(int64_t connections)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < (rlim_t)connections + 256)
        log_event(LOG_WARN, "few descriptors", LOG_I("limit", files.rlim_max),
                  LOG_I("http_connections", connections));
}

bool http_server_new(const struct config *c, struct loop *const *loops, int n_loops, http_handler fn,
                     void *arg, struct http_server **out, struct err *err)
{
    struct place place;
    if (!find_place(c, &place, err))
        return false;
    if (!*c->http_tls_cert && !place.local && !c->http_plain)
        return err_set(err, ERR_INVALID,
                       "http.address %s can be reached from other machines: set http.tls_cert and "
                       "http.tls_key, or, when "
                       "a proxy on a network you trust does TLS, http.plain = on",
                       c->http_address);
    struct http_server *s = calloc(1, sizeof(*s));
    struct http__front *fronts = calloc((size_t)n_loops, sizeof(*fronts));
    if (!s || !fronts) {
        free(s);
        free(fronts);
        return err_set(err, ERR_INTERNAL, "out of memory");
    }
    raise_descriptor_limit(c->http_connections);
    *s = (struct http_server){
        .fronts = fronts, .n = n_loops, .fn = fn, .arg = arg, .tls = *c->http_tls_cert != '\0'};
    snprintf(s->authority, sizeof(s->authority), "localhost");
    crypto_random(s->ticket_key, sizeof(s->ticket_key));
    bool ok = true;
    for (int i = 0; i < n_loops; i++)
        s->fronts[i] = (struct http__front){.server = s, .loop = loops[i], .index = i, .listen_fd = -1};
    for (int i = 0; i < n_loops && ok; i++)
        ok = http__settings_new(c, s->ticket_key, &s->fronts[i].settings, err);
    ok = ok &&
         (place.address.ss_family == AF_UNIX ? listen_unix(s, c, &place, err) : listen_ip(s, c, &place, err));
    for (int i = 0; i < n_loops && ok; i++)
        ok = http__front_start(&s->fronts[i], c, err);
    if (!ok) {
        http_server_free(s);
        return false;
    }
    *out = s;
    return true;
}

void http_server_streams(struct http_server *s, http_streams_fn fn)
{
    s->streams = fn;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

bool http_server_reload(struct http_server *s, const struct config *c, struct err *err)
{
    if (s->tls != (*c->http_tls_cert != '\0'))
        return err_set(err, ERR_INVALID, "http.tls_cert: switching TLS on or off needs a restart");
    struct http__settings **made = calloc((size_t)s->n, sizeof(*made));
    bool ok = made || err_set(err, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < s->n && ok; i++)
        ok = http__settings_new(c, s->ticket_key, &made[i], err);
    for (int i = 0; i < s->n && made; i++) {
        if (ok)
            http__front_reload(&s->fronts[i], made[i]);
        else
            http__settings_unref(made[i]);
    }
    free(made);
    return ok;
}

void http_server_drain(struct http_server *s)
{
    atomic_store(&s->draining, true);
    for (int i = 0; i < s->n; i++)
        loop_post(s->fronts[i].loop, http__front_drain, &s->fronts[i]);
}

int http_server_active(const struct http_server *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        n += atomic_load_explicit(&s->fronts[i].active, memory_order_relaxed);
    return n;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++)
        http__front_free(&s->fronts[i]);
    if (s->unix_path && inode_of(s->unix_path) == s->unix_inode) /* and no successor's */
        unlink(s->unix_path);
    free(s->unix_path);
    free(s->fronts);
    free(s);
}
