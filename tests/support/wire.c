#include "support/wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/cert.h"

/* ---- the handler ---- */

static void answer(struct http_request *r, int status, struct str type, struct str body)
{
    struct http_response p = {.status = status, .body = body};
    http_add_header(r, &p, "Content-Type", type);
    http_add_header(r, &p, "ETag", STR("W/\"1\""));
    http_respond(r, &p);
}

static void *answer_later(void *arg)
{
    struct http_request *r = arg;
    int64_t us = 0;
    if (str_int64(r->query, &us))
        usleep((useconds_t)us);
    answer(r, 200, STR("text/plain"), STR("later"));
    return NULL;
}

static struct str json_of(struct arena *a, size_t n)
{
    char *s = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++)
        s[i] = "{\"resourceType\":\"Observation\"}, "[i % 32];
    return (struct str){s, n};
}

static void handle(struct http_request *r, void *arg)
{
    (void)arg;
    static const char *const methods[] = {"GET",   "HEAD",   "POST",    "PUT",
                                          "PATCH", "DELETE", "OPTIONS", "OTHER"};
    r->log_interaction = "test";
    int64_t n = 0;
    if (r->body_too_large) {
        answer(r, 413, STR("text/plain"), STR("too large"));
    } else if (r->body_error) {
        answer(r, 415, STR("text/plain"), str_of(r->body_error));
    } else if (str_is(r->path, "/echo")) {
        answer(r, 200, STR("text/plain"), r->body);
    } else if (str_starts(r->path, STR("/info"))) {
        answer(r, 200, STR("text/plain"),
               str_of(arena_printf(r->a, "%s\n%.*s\n%.*s\n%.*s\n%.*s\n%d\n%s\n", methods[r->method],
                                   STR_FMT(r->path), STR_FMT(r->query), STR_FMT(r->origin), STR_FMT(r->peer),
                                   r->tls, r->id)));
    } else if (str_is(r->path, "/bytes") && str_int64(r->query, &n)) {
        answer(r, 200, STR("application/fhir+json; charset=utf-8"), json_of(r->a, (size_t)n));
    } else if (str_is(r->path, "/later")) {
        pthread_t t;
        ck_assert_int_eq(pthread_create(&t, NULL, answer_later, r), 0);
        pthread_detach(t);
    } else {
        answer(r, 200, STR("text/plain"), STR("hello"));
    }
}

/* ---- the server ---- */

void wire_init(struct wire *w)
{
    memset(w, 0, sizeof(*w));
    arena_init(&w->a, 0);
    config_defaults(&w->config, &w->a);
    snprintf(w->dir, sizeof(w->dir), "/tmp/kagari-wire-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w->dir));
    wire_set(w, "http.port", "0");
    log_set_level(LOG_ERROR);
}

void wire_set(struct wire *w, const char *key, const char *value)
{
    struct err err;
    ck_ok(config_set(&w->config, &w->a, str_of(key), str_of(value), &err));
}

static void write_file(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text.s, text.len), (ssize_t)text.len);
    close(fd);
}

void wire_certificate(struct wire *w)
{
    static int n;
    struct err err;
    struct str cert, key;
    ck_ok(cert_self_signed(&w->a, 1, &cert, &key, &err));
    const char *cert_file = arena_printf(&w->a, "%s/cert%d.pem", w->dir, n);
    const char *key_file = arena_printf(&w->a, "%s/key%d.pem", w->dir, n++);
    write_file(cert_file, cert);
    write_file(key_file, key);
    wire_set(w, "http.tls_cert", cert_file);
    wire_set(w, "http.tls_key", key_file);
}

static void *run(void *loop)
{
    loop_run(loop);
    return NULL;
}

void wire_start(struct wire *w, int n_loops)
{
    struct err err;
    w->n_loops = n_loops;
    for (int i = 0; i < n_loops; i++)
        w->loops[i] = loop_new();
    ck_ok(http_server_new(&w->config, w->loops, n_loops, handle, NULL, &w->server, &err));
    w->port = http_server_port(w->server);
    for (int i = 0; i < n_loops; i++) {
        pthread_t t;
        ck_assert_int_eq(pthread_create(&t, NULL, run, w->loops[i]), 0);
        w->threads[i] = (void *)t;
    }
}

void wire_stop(struct wire *w)
{
    for (int i = 0; i < w->n_loops; i++) {
        loop_stop(w->loops[i]);
        pthread_join((pthread_t)w->threads[i], NULL);
    }
    http_server_free(w->server);
    for (int i = 0; i < w->n_loops; i++)
        loop_free(w->loops[i]);
    arena_release(&w->a);
    DIR *d = opendir(w->dir);
    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(w->dir);
}

/* ---- the client ---- */

int wire_connect(const struct wire *w)
{
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool is_unix = w->config.http_address[0] == '/';
    if (is_unix)
        memcpy(un.sun_path, w->config.http_address, strlen(w->config.http_address));
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    int status = is_unix ? connect(fd, (struct sockaddr *)&un, sizeof(un))
                         : connect(fd, (struct sockaddr *)&in, sizeof(in));
    if (status != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool wire_send(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n, len -= (size_t)n;
    }
    return true;
}

const char *wire_header(const struct wire_response *r, const char *name)
{
    static char value[1024];
    size_t n = strlen(name);
    for (const char *line = strstr(r->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        if (!str_ieq((struct str){line + 2, n}, (struct str){name, n}) || line[2 + n] != ':')
            continue;
        const char *from = line + 2 + n + 1, *end = strstr(from, "\r\n");
        while (*from == ' ')
            from++;
        snprintf(value, sizeof(value), "%.*s", (int)(end - from), from);
        return value;
    }
    return NULL;
}

bool wire_read(int fd, struct wire_response *r, bool head_only)
{
    free(r->body);
    *r = (struct wire_response){0};
    size_t n = 0;
    while (n < 4 || memcmp(r->head + n - 4, "\r\n\r\n", 4) != 0) {
        ck_assert_uint_lt(n, sizeof(r->head) - 1);
        ssize_t got = recv(fd, r->head + n, 1, 0);
        if (got <= 0)
            return false;
        n++;
    }
    ck_assert_msg(strncmp(r->head, "HTTP/1.1 ", 9) == 0, "%s", r->head);
    r->status = (int)strtol(r->head + 9, NULL, 10);
    const char *length = wire_header(r, "content-length");
    if (r->status == 100)
        return true;
    r->len = length && !head_only && r->status != 304 ? (size_t)strtoul(length, NULL, 10) : 0;
    r->body = calloc(1, r->len + 1);
    for (n = 0; n < r->len;) {
        ssize_t got = recv(fd, r->body + n, r->len - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    return true;
}

bool wire_closed(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}
