/* How connections live and die: deadlines, limits, many at once, unix sockets, drain, and what prevents a
 * start. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/wire.h"

static struct wire w;
static struct wire_response r;

static void setup(void)
{
    wire_init(&w);
}

static void teardown(void)
{
    wire_stop(&w);
    free(r.body);
    r.body = NULL;
}

#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

static void ask(int fd, const char *text)
{
    wire_text(fd, text);
    ck_assert(wire_read(fd, &r, false));
}

/* ---- deadlines ---- */

/* Sends a byte each 10 ms until the server has closed; returns after how many µs that was. */
static int64_t drip(int fd, const char *text)
{
    int64_t start = clock_mono_us();
    for (size_t i = 0;; i++) {
        char c;
        ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
        if (n == 0 || clock_mono_us() - start > 5000000)
            break;
        if (send(fd, &text[i % strlen(text)], 1, MSG_NOSIGNAL) < 0)
            break;
        usleep(10000);
    }
    close(fd);
    return clock_mono_us() - start;
}

START_TEST(slow_requests_are_dropped)
{
    wire_set(&w, "http.request_timeout", "200ms");
    wire_start(&w, 1);
    struct {
        const char *begin, *drip;
    } cases[] = {
        {"", "GET /a HTTP/1.1\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: "
             "y\r\n"},                                                             /* line
                                                                                    */
        {"GET /a HTTP/1.1\r\nHost: x\r\n", "X-Header: y\r\n"},                     /* headers */
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x"}, /* body */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int fd = wire_connect(&w);
        wire_text(fd, cases[i].begin);
        int64_t us = drip(fd, cases[i].drip);
        ck_assert_msg(us >= 190000 && us < 3000000, "case %zu: %lld us", i, (long long)us);
    }
}
END_TEST

START_TEST(idle_connections_are_closed)
{
    wire_set(&w, "http.idle_timeout", "200ms");
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    ask(fd, GET);
    usleep(100000);
    ask(fd, GET);
    int64_t start = clock_mono_us();
    ck_assert(wire_closed(fd));
    ck_assert_int_ge(clock_mono_us() - start, 190000);
    close(fd);
    fd = wire_connect(&w);
    ask(fd, GET);
    ck_assert_int_lt(drip(fd, "GET /"), 3000000); /* bytes that make no request do not count */
}
END_TEST

START_TEST(a_slow_handler_is_not_the_clients_fault)
{
    wire_set(&w, "http.request_timeout", "100ms");
    wire_set(&w, "http.idle_timeout", "100ms");
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    ask(fd, "GET /later?400000 HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_str_eq(r.body, "later");
    close(fd);
}
END_TEST

START_TEST(who_does_not_read_is_dropped)
{
    enum { BYTES = 150000 }; /* more than these sockets hold */
    wire_set(&w, "http.request_timeout", "100ms");
    wire_start(&w, 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096, segment = 536;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w.port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    int64_t start = clock_mono_us();
    wire_text(fd, arena_printf(&w.a, "GET /bytes?%d HTTP/1.1\r\nHost: x\r\n\r\n", BYTES));
    for (int i = 0; i < 1000 && http_server_active(w.server) == 0; i++)
        usleep(1000);
    for (int i = 0; i < 8000 && http_server_active(w.server); i++)
        usleep(1000);
    ck_assert_int_eq(http_server_active(w.server), 0);
    ck_assert_int_ge(clock_mono_us() - start, 2000000); /* 64 KiB a second are enough */
    char data[8192];
    size_t got = 0;
    for (ssize_t n; (n = recv(fd, data, sizeof(data), 0)) > 0;)
        got += (size_t)n;
    ck_assert_uint_lt(got, BYTES);
    close(fd);
}
END_TEST

/* ---- numbers ---- */

START_TEST(many_connections_at_once)
{
    enum { N = 400 };
    static int fd[N];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    wire_start(&w, 2);
    for (int i = 0; i < N; i++) {
        fd[i] = wire_connect(&w);
        ck_assert_int_ge(fd[i], 0);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            wire_text(fd[i], i % 5 ? GET : "GET /later?1000 HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < N; i++) {
            ck_assert(wire_read(fd[i], &r, false));
            ck_assert_str_eq(r.body, i % 5 ? "hello" : "later");
        }
    }
    for (int i = 0; i < N; i++)
        close(fd[i]);
}
END_TEST

START_TEST(connections_beyond_the_limit_wait)
{
    wire_set(&w, "http.connections", "2");
    wire_start(&w, 1);
    int a = wire_connect(&w), b = wire_connect(&w), c;
    ask(a, GET);
    ask(b, GET);
    c = wire_connect(&w);
    wire_text(c, GET);
    char byte;
    usleep(50000);
    ck_assert_int_eq(recv(c, &byte, 1, MSG_DONTWAIT), -1);
    ask(a, GET);
    close(b);
    ck_assert(wire_read(c, &r, false));
    ck_assert_int_eq(r.status, 200);
    close(a);
    close(c);
}
END_TEST

/* ---- life ---- */

START_TEST(a_unix_socket_serves)
{
    wire_set(&w, "http.address", arena_printf(&w.a, "%s/http.sock", w.dir));
    wire_set(&w, "http.trusted_proxies", "unix");
    wire_start(&w, 2);
    struct stat st;
    ck_assert_int_eq(stat(w.config.http_address, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0660);
    for (int i = 0; i < 8; i++) {
        int fd = wire_connect(&w);
        ask(fd, "GET /info HTTP/1.1\r\nHost: inner\r\nX-Request-Id: 1\r\nForwarded: "
                "for=192.0.2.1;proto=https\r\n\r\n");
        ck_assert_str_eq(r.body, "GET\n/info\n\nhttps://inner\n192.0.2.1\n1\n1\n");
        close(fd);
    }
    struct err err;
    struct http_server *second;
    ck_assert(!http_server_new(&w.config, w.loops, 1, NULL, NULL, &second, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "another server listens on"));
}
END_TEST

START_TEST(a_stale_unix_socket_is_replaced)
{
    wire_set(&w, "http.address", arena_printf(&w.a, "%s/http.sock", w.dir));
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, w.config.http_address, strlen(w.config.http_address));
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
    close(dead);
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    ask(fd, GET);
    close(fd);
}
END_TEST

START_TEST(drain_lets_what_runs_finish)
{
    wire_start(&w, 2);
    int fd = wire_connect(&w), idle = wire_connect(&w);
    ask(idle, GET);
    wire_text(fd, "GET /later?150000 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 1000 && http_server_active(w.server) == 0; i++)
        usleep(1000);
    http_server_drain(w.server);
    int late = -1;
    for (int i = 0; i < 100; i++) { /* soon nobody listens */
        usleep(1000);
        if ((late = wire_connect(&w)) < 0)
            break;
        close(late);
    }
    ck_assert_int_lt(late, 0);
    ck_assert_int_eq(http_server_active(w.server), 1);
    ask(idle, GET);
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(wire_header(&r, "connection"), "close");
    ck_assert(wire_closed(idle));
    ck_assert(wire_read(fd, &r, false));
    ck_assert_str_eq(r.body, "later");
    ck_assert_str_eq(wire_header(&r, "connection"), "close");
    ck_assert(wire_closed(fd));
    for (int i = 0; i < 1000 && http_server_active(w.server); i++)
        usleep(1000);
    ck_assert_int_eq(http_server_active(w.server), 0);
    close(fd);
    close(idle);
}
END_TEST

START_TEST(a_client_that_goes_away_harms_nobody)
{
    wire_start(&w, 1);
    for (int i = 0; i < 20; i++) {
        int fd = wire_connect(&w);
        wire_text(fd, "GET /later?20000 HTTP/1.1\r\nHost: x\r\n\r\n");
        close(fd);
    }
    int fd = wire_connect(&w);
    ask(fd, GET);
    for (int i = 0; i < 2000 && http_server_active(w.server); i++)
        usleep(1000);
    ck_assert_int_eq(http_server_active(w.server), 0);
    close(fd);
}
END_TEST

static bool refused(struct err *err)
{
    struct loop *l = loop_new();
    struct http_server *s;
    bool ok = http_server_new(&w.config, &l, 1, NULL, NULL, &s, err);
    if (ok)
        http_server_free(s);
    loop_free(l);
    return !ok;
}

START_TEST(what_prevents_a_start_says_what_to_do)
{
    struct err err;
    wire_set(&w, "http.address", "0.0.0.0");
    ck_assert(refused(&err));
    ck_assert_ptr_nonnull(strstr(err.msg, "http.plain = on"));
    wire_set(&w, "http.plain", "on");
    ck_assert(!refused(&err));
    wire_set(&w, "http.plain", "off");
    wire_set(&w, "http.address", "::1");
    ck_assert(!refused(&err));
    wire_set(&w, "http.address", "localhost");
    ck_assert(!refused(&err));
    wire_set(&w, "http.address", "no such host");
    ck_assert(refused(&err));
    wire_set(&w, "http.address", "127.0.0.1");
    wire_set(&w, "http.trusted_proxies", "10.0.0.0/8 10.0.0.1/8");
    ck_assert(refused(&err));
    ck_assert_ptr_nonnull(strstr(err.msg, "10.0.0.1/8"));
    wire_set(&w, "http.trusted_proxies", "");
    wire_certificate(&w);
    const char *key = w.config.http_tls_key;
    ck_assert(!refused(&err));
    wire_set(&w, "http.tls_key", "");
    ck_assert(refused(&err));
    wire_certificate(&w);
    wire_set(&w, "http.tls_key", key);
    ck_assert(refused(&err));
    ck_assert_ptr_nonnull(strstr(err.msg, "http.tls_key"));
    wire_set(&w, "http.tls_cert", "/no/such/file");
    ck_assert(refused(&err));
    wire_set(&w, "http.tls_cert", "");
    wire_start(&w, 1);
    wire_set(&w, "http.port", arena_printf(&w.a, "%d", w.port));
    ck_assert(refused(&err)); /* although the port could be shared */
}
END_TEST

Suite *suite_wire_connections(void)
{
    Suite *s = suite_create("wire_connections");
    TCase *t = tcase_create("connections");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, slow_requests_are_dropped);
    tcase_add_test(t, idle_connections_are_closed);
    tcase_add_test(t, a_slow_handler_is_not_the_clients_fault);
    tcase_add_test(t, who_does_not_read_is_dropped);
    tcase_add_test(t, many_connections_at_once);
    tcase_add_test(t, connections_beyond_the_limit_wait);
    tcase_add_test(t, a_unix_socket_serves);
    tcase_add_test(t, a_stale_unix_socket_is_replaced);
    tcase_add_test(t, drain_lets_what_runs_finish);
    tcase_add_test(t, a_client_that_goes_away_harms_nobody);
    tcase_add_test(t, what_prevents_a_start_says_what_to_do);
    suite_add_tcase(s, t);
    return s;
}
