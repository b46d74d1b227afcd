/* TLS: versions, certificates swapped under load, handshakes that stall, sessions taken up again. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../src/http/internal.h"
#include "base/clock.h"
#include "support/wire.h"

static struct wire w;

static void setup(void)
{
    wire_init(&w);
    wire_certificate(&w);
}

static void teardown(void)
{
    wire_stop(&w);
}

/* ---- a client that sees what libcurl hides ---- */

struct tls {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static const char modern[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

static int tls_open(struct tls *t, const char *priorities, const gnutls_datum_t *resume)
{
    t->fd = wire_connect(&w);
    ck_assert_int_ge(t->fd, 0);
    gnutls_certificate_allocate_credentials(&t->credentials);
    gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    ck_assert_int_eq(gnutls_priority_set_direct(t->session, priorities, NULL), 0);
    gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->credentials);
    gnutls_transport_set_int(t->session, t->fd);
    if (resume)
        gnutls_session_set_data(t->session, resume->data, resume->size);
    int status;
    do
        status = gnutls_handshake(t->session);
    while (status < 0 && !gnutls_error_is_fatal(status));
    return status;
}

static void tls_close(struct tls *t)
{
    gnutls_deinit(t->session);
    gnutls_certificate_free_credentials(t->credentials);
    close(t->fd);
}

static bool tls_ask(struct tls *t)
{
    static const char get[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[1024];
    size_t len = 0;
    if (gnutls_record_send(t->session, get, sizeof(get) - 1) < 0)
        return false;
    while (len < 5 || memcmp(answer + len - 5, "hello", 5) != 0) {
        ssize_t n = gnutls_record_recv(t->session, answer + len, sizeof(answer) - len);
        if (n > 0)
            len += (size_t)n;
        else if (n != GNUTLS_E_AGAIN && n != GNUTLS_E_INTERRUPTED)
            return false;
    }
    return memcmp(answer, "HTTP/1.1 200", 12) == 0;
}

static struct str tls_certificate(struct tls *t)
{
    unsigned n;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(t->session, &n);
    ck_assert_ptr_nonnull(der);
    return (struct str){arena_strndup(&w.a, (char *)der->data, der->size), der->size};
}

/* ---- requests ---- */

static bool ask(struct arena *a, const char *path, struct str body, int *status, struct str *answer,
                struct err *err)
{
    struct http_call call = {
        .method = body.s ? HTTP_POST : HTTP_GET,
        .url = arena_printf(a, "https://localhost:%d%s", w.port, path),
        .body = body,
        .ca_file = w.config.http_tls_cert,
        .timeout_us = 10000000,
        .max = 64 * 1024 * 1024,
    };
    return http_call(a, &call, status, answer, err);
}

START_TEST(a_request_and_its_answer)
{
    struct err err;
    struct str body;
    int status;
    wire_start(&w, 1);
    ck_ok(ask(&w.a, "/info", (struct str){0}, &status, &body, &err));
    ck_assert_int_eq(status, 200);
    struct str rest, line = str_cut(body, '\n', &rest);
    ck_str_eq(line, "GET");
    for (int i = 0; i < 3; i++)
        line = str_cut(rest, '\n', &rest);
    ck_str_eq(line, arena_printf(&w.a, "https://localhost:%d", w.port));
}
END_TEST

START_TEST(large_bodies_both_ways)
{
    struct err err;
    struct str body;
    int status;
    size_t n = 5 * 1024 * 1024;
    char *sent = arena_alloc(&w.a, n);
    for (size_t i = 0; i < n; i++)
        sent[i] = (char)('a' + i % 23);
    wire_start(&w, 1);
    ck_ok(ask(&w.a, "/echo", (struct str){sent, n}, &status, &body, &err));
    ck_assert_int_eq(status, 200);
    ck_assert(str_eq(body, (struct str){sent, n}));
}
END_TEST

/* ---- versions ---- */

static bool speaks(const char *priorities, gnutls_protocol_t version)
{
    struct tls t;
    bool ok = tls_open(&t, priorities, NULL) == 0;
    if (ok) {
        ck_assert_int_eq(gnutls_protocol_get_version(t.session), version);
        ck_assert(tls_ask(&t));
    }
    tls_close(&t);
    return ok;
}

START_TEST(versions_1_2_and_1_3)
{
    wire_start(&w, 1);
    ck_assert(speaks("NORMAL:-VERS-ALL:+VERS-TLS1.3", GNUTLS_TLS1_3));
    ck_assert(speaks("NORMAL:-VERS-ALL:+VERS-TLS1.2", GNUTLS_TLS1_2));
    ck_assert(!speaks("NORMAL:-VERS-ALL:+VERS-TLS1.1", GNUTLS_TLS1_1));
    ck_assert(!speaks("NORMAL:-VERS-ALL:+VERS-TLS1.0", GNUTLS_TLS1_0));
}
END_TEST

/* What a scanner would complain of: no forward secrecy, nobody authenticated, no authenticated encryption, short keys. */
START_TEST(nothing_weak)
{
    static const char *const weak[] = {
        "-KX-ALL:+RSA",
        "-KX-ALL:+DHE-RSA",
        "-KX-ALL:+ANON-ECDH",
        "-KX-ALL:+ANON-DH",
        "-CIPHER-ALL:+3DES-CBC",
        "-CIPHER-ALL:+AES-128-CBC",
        "-CIPHER-ALL:+AES-256-CBC",
        "-CIPHER-ALL:+ARCFOUR-128",
        "-CIPHER-ALL:+NULL",
        "-CIPHER-ALL:+AES-128-CCM",
        "-CIPHER-ALL:+AES-128-CCM-8",
    };
    wire_start(&w, 1);
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++)
        ck_assert_msg(!speaks(arena_printf(&w.a, "NORMAL:-VERS-ALL:+VERS-TLS1.2:%s", weak[i]), GNUTLS_TLS1_2),
                      "%s", weak[i]);
    ck_assert(speaks("NORMAL:-VERS-ALL:+VERS-TLS1.2", GNUTLS_TLS1_2));
}
END_TEST

START_TEST(no_renegotiation)
{
    struct tls t;
    wire_start(&w, 1);
    ck_assert_int_eq(tls_open(&t, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL), 0);
    ck_assert(tls_ask(&t));
    int status;
    do
        status = gnutls_handshake(t.session);
    while (status < 0 && !gnutls_error_is_fatal(status));
    ck_assert_int_lt(status, 0);
    ck_assert(!tls_ask(&t));
    tls_close(&t);
}
END_TEST

START_TEST(version_1_3_only)
{
    wire_set(&w, "http.tls_min", "1.3");
    wire_start(&w, 1);
    ck_assert(speaks("NORMAL:-VERS-ALL:+VERS-TLS1.3", GNUTLS_TLS1_3));
    ck_assert(!speaks("NORMAL:-VERS-ALL:+VERS-TLS1.2", GNUTLS_TLS1_2));
}
END_TEST

/* ChaCha20 for clients that name it first, which have no instructions for AES; else the cheaper AES. */
START_TEST(the_cipher_that_suits_the_client)
{
    static const struct {
        const char *ciphers;
        gnutls_cipher_algorithm_t chosen;
    } clients[] = {
        {"+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM", GNUTLS_CIPHER_AES_128_GCM},
        {"+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM", GNUTLS_CIPHER_CHACHA20_POLY1305},
        {"+AES-256-GCM:+CHACHA20-POLY1305", GNUTLS_CIPHER_AES_256_GCM},
        {"+CHACHA20-POLY1305", GNUTLS_CIPHER_CHACHA20_POLY1305},
    };
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    struct tls t;
    wire_start(&w, 1);
    for (size_t i = 0; i < 2 * sizeof clients / sizeof clients[0]; i++) {
        const char *wish = arena_printf(&w.a, "%s:-CIPHER-ALL:%s", versions[i % 2], clients[i / 2].ciphers);
        ck_assert_int_eq(tls_open(&t, wish, NULL), 0);
        ck_assert_msg(gnutls_cipher_get(t.session) == clients[i / 2].chosen, "%s: %s", wish,
                      gnutls_cipher_get_name(gnutls_cipher_get(t.session)));
        ck_assert(tls_ask(&t));
        tls_close(&t);
    }
}
END_TEST

START_TEST(what_a_client_hello_prefers)
{
    uint8_t hello[64] = {3, 3, [34] = 2, [37] = 0, 8, 0x1A, 0x1A, 0x13, 0x03, 0x13, 0x01, 0xCC, 0xA8};
    const size_t len = 47;
    ck_assert(http__prefers_chacha(hello, len));
    for (size_t i = 0; i < 43; i++) /* cut before it */
        ck_assert(!http__prefers_chacha(hello, i));
    hello[42] = 0x02; /* AES-256-GCM */
    ck_assert(!http__prefers_chacha(hello, len));
    hello[38] = 2; /* the list ends before */
    ck_assert(!http__prefers_chacha(hello, len));
    hello[34] = 255;
    ck_assert(!http__prefers_chacha(hello, len));
}
END_TEST

START_TEST(sessions_are_taken_up_again_even_after_a_reload)
{
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    const char *version = versions[_i];
    struct err err;
    struct tls first, second;
    gnutls_datum_t data;
    wire_start(&w, 2);
    ck_assert_int_eq(tls_open(&first, version, NULL), 0);
    ck_assert(tls_ask(&first));
    ck_assert_int_eq(gnutls_session_get_data2(first.session, &data), 0);
    tls_close(&first);
    ck_ok(http_server_reload(w.server, &w.config, &err));
    for (int i = 0; i < 4; i++) { /* whichever loop it meets */
        ck_assert_int_eq(tls_open(&second, version, &data), 0);
        ck_assert_int_ne(gnutls_session_is_resumed(second.session), 0);
        ck_assert(tls_ask(&second));
        tls_close(&second);
    }
    gnutls_free(data.data);
}
END_TEST

/* ---- records ---- */

/* Head and body are two records; the client wakes once. */
START_TEST(an_answer_is_one_write)
{
    static const char get[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    struct tls t;
    char records[4096];
    wire_start(&w, 1);
    ck_assert_int_eq(tls_open(&t, modern, NULL), 0);
    ck_assert(tls_ask(&t)); /* behind the session tickets */
    for (int i = 0; i < 20; i++) {
        ck_assert_int_gt(gnutls_record_send(t.session, get, sizeof(get) - 1), 0);
        ssize_t n = recv(t.fd, records, sizeof(records), MSG_PEEK);
        ck_assert_int_gt(n, 5);
        int first = 5 + (records[3] << 8 | (uint8_t)records[4]);
        ck_assert_int_gt(n, first + 5);
        int second = 5 + (records[first + 3] << 8 | (uint8_t)records[first + 4]);
        ck_assert_int_eq(n, first + second);
        for (size_t len = 0; len < 5 || memcmp(records + len - 5, "hello", 5) != 0;) {
            n = gnutls_record_recv(t.session, records + len, sizeof(records) - len);
            ck_assert_int_gt(n, 0);
            len += (size_t)n;
        }
    }
    tls_close(&t);
}
END_TEST

/* More answers than its socket has room for; the last one closes the connection, or it stays open. */
START_TEST(who_does_not_read_at_once)
{
    enum { REQUESTS = 800, SIZE = 8000 };
    struct tls t;
    struct buf b;
    static char answer[65536];
    size_t got = 0;
    ssize_t n;
    wire_start(&w, 1);
    t.fd = -1;
    ck_assert_int_eq(tls_open(&t, modern, NULL), 0);
    setsockopt(t.fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    buf_init(&b, &w.a, 1024);
    for (int i = 0; i < REQUESTS; i++) {
        b.len = 0;
        buf_addf(&b, "GET /bytes?%d HTTP/1.1\r\nHost: x\r\n%s\r\n", SIZE,
                 _i == 0 && i == REQUESTS - 1 ? "Connection: close\r\n" : "");
        ck_assert_int_eq(gnutls_record_send(t.session, b.s, b.len), (ssize_t)b.len);
        if (i % 100 == 99)
            usleep(20000);
    }
    usleep(50000);
    while (got < (size_t)REQUESTS * SIZE) {
        n = gnutls_record_recv(t.session, answer, sizeof(answer));
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) /* a session ticket came first */
            continue;
        ck_assert_msg(n > 0, "%zu bytes: %s", got, gnutls_strerror((int)n));
        got += (size_t)n;
    }
    if (_i == 0)
        do
            n = gnutls_record_recv(t.session, answer, sizeof(answer));
        while (n > 0);
    else
        ck_assert_int_ge(gnutls_record_send(t.session, "G", 1), 0);
    tls_close(&t);
}
END_TEST

/* ---- certificates ---- */

static _Atomic bool ended;
static _Atomic int asked;

/* Keeps a connection busy; counts what went wrong. */
static void *load(void *failures)
{
    struct tls t;
    bool ok = tls_open(&t, modern, NULL) == 0;
    while (ok && !ended) {
        ok = tls_ask(&t);
        asked++;
    }
    tls_close(&t);
    *(int *)failures += !ok;
    return NULL;
}

START_TEST(a_reload_swaps_the_certificate_and_drops_nothing)
{
    enum { CLIENTS = 4, RELOADS = 10 };
    struct err err;
    struct tls t;
    pthread_t threads[CLIENTS];
    int failures[CLIENTS] = {0};
    wire_start(&w, 2);
    ck_assert_int_eq(tls_open(&t, modern, NULL), 0);
    struct str before = tls_certificate(&t);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, load, &failures[i]);
    for (int i = 0; i < RELOADS; i++) {
        int n = asked;
        wire_certificate(&w);
        ck_ok(http_server_reload(w.server, &w.config, &err));
        for (int j = 0; j < 2000 && asked < n + 50; j++)
            usleep(1000);
        ck_assert_int_ge(asked, n + 50);
    }
    ended = true;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(failures[i], 0);
    }
    ck_assert(tls_ask(&t)); /* the old connection still lives */
    tls_close(&t);
    ck_assert_int_eq(tls_open(&t, modern, NULL), 0);
    ck_assert(!str_eq(tls_certificate(&t), before));
    tls_close(&t);
    const char *good = w.config.http_tls_key;
    wire_set(&w, "http.tls_key", w.config.http_tls_cert);
    ck_assert(!http_server_reload(w.server, &w.config, &err)); /* the old one stays */
    wire_set(&w, "http.tls_key", good);
    ck_assert(speaks(modern, GNUTLS_TLS1_3));
    wire_set(&w, "http.tls_cert", "");
    ck_assert(!http_server_reload(w.server, &w.config, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "restart"));
}
END_TEST

/* ---- handshakes ---- */

static int64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

START_TEST(a_stalled_handshake_costs_little_and_ends)
{
    static const char begun[] = {0x16, 3, 1, 0, 100, 1, 0, 0, 96, 3, 3};
    wire_set(&w, "http.request_timeout", "600ms");
    wire_start(&w, 1);
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = wire_connect(&w);
        if (i)
            wire_send(fd[i], begun, sizeof(begun));
    }
    usleep(20000);
    int64_t cpu = cpu_us(), start = clock_mono_us();
    usleep(400000);
    cpu = cpu_us() - cpu;
    ck_assert_msg(cpu < 40000, "%lld us of CPU in %lld us", (long long)cpu,
                  (long long)(clock_mono_us() - start));
    start = clock_mono_us();
    ck_assert(speaks(modern, GNUTLS_TLS1_3)); /* others are served meanwhile */
    ck_assert_int_lt(clock_mono_us() - start, 1000000);
    for (int i = 0; i < 3; i++) {
        while (!wire_closed(fd[i])) /* an alert may come first */
            ck_assert_int_lt(clock_mono_us() - start, 2000000);
        close(fd[i]);
    }
}
END_TEST

START_TEST(what_is_no_tls_is_closed)
{
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    wire_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    int64_t start = clock_mono_us();
    while (!wire_closed(fd))
        ck_assert_int_lt(clock_mono_us() - start, 2000000);
    close(fd);
}
END_TEST

Suite *suite_wire_tls(void)
{
    Suite *s = suite_create("wire_tls");
    TCase *t = tcase_create("tls");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_request_and_its_answer);
    tcase_add_test(t, large_bodies_both_ways);
    tcase_add_test(t, versions_1_2_and_1_3);
    tcase_add_test(t, version_1_3_only);
    tcase_add_test(t, nothing_weak);
    tcase_add_test(t, no_renegotiation);
    tcase_add_test(t, the_cipher_that_suits_the_client);
    tcase_add_test(t, what_a_client_hello_prefers);
    tcase_add_loop_test(t, sessions_are_taken_up_again_even_after_a_reload, 0, 2);
    tcase_add_test(t, an_answer_is_one_write);
    tcase_add_loop_test(t, who_does_not_read_at_once, 0, 2);
    tcase_add_test(t, a_reload_swaps_the_certificate_and_drops_nothing);
    tcase_add_test(t, a_stalled_handshake_costs_little_and_ends);
    tcase_add_test(t, what_is_no_tls_is_closed);
    suite_add_tcase(s, t);
    return s;
}
