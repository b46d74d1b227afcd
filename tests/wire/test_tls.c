#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

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

/* One request over a connection of its own, verified against the certificate in use. */
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

Suite *suite_wire_tls(void)
{
    Suite *s = suite_create("wire_tls");
    TCase *t = tcase_create("tls");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_request_and_its_answer);
    tcase_add_test(t, large_bodies_both_ways);
    suite_add_tcase(s, t);
    return s;
}
