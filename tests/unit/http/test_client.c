#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "support/test.h"

static struct arena a;
static struct err err;

/* A server of one answer; what it was asked lands in asked. */
static const char *answer;
static char asked[4096], url[64];
static int listener;
static pthread_t thread;

static void *serve(void *arg)
{
    (void)arg;
    int fd = accept(listener, NULL, NULL);
    size_t n = 0;
    ssize_t got;
    while (!strstr(asked, "\r\n\r\n") && (got = read(fd, asked + n, sizeof asked - 1 - n)) > 0)
        asked[n += (size_t)got] = '\0';
    if (write(fd, answer, strlen(answer)) < 0)
        perror("write");
    close(fd);
    return NULL;
}

static void setup(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof name;
    arena_init(&a, 0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&name, &len);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/x?y=1", ntohs(name.sin_port));
    asked[0] = '\0';
}

static void teardown(void)
{
    close(listener);
    arena_release(&a);
}

static void answer_with(const char *text)
{
    answer = text;
    pthread_create(&thread, NULL, serve, NULL);
}

START_TEST(test_call)
{
    answer_with("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    int status;
    struct str body;
    struct http_header headers[] = {{STR("Content-Type"), STR("application/fhir+json")}};
    struct http_call call = {.method = HTTP_PUT,
                             .url = url,
                             .headers = headers,
                             .n_headers = 1,
                             .body = STR("{}"),
                             .timeout_us = 5000000,
                             .max = 5};
    ck_ok(http_call(&a, &call, &status, &body, &err));
    pthread_join(thread, NULL);
    ck_assert_int_eq(status, 201);
    ck_str_eq(body, "hello");
    ck_assert_ptr_eq(strstr(asked, "PUT /x?y=1 HTTP/1.1\r\n"), asked);
    ck_assert_ptr_nonnull(strstr(asked, "Content-Type: application/fhir+json\r\n"));
}
END_TEST

static const struct {
    const char *answer;
    enum err_kind kind;
} refused[] = {{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ERR_BUSY},
               {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ERR_BUSY},
               {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", ERR_TOO_LARGE},
               {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", ERR_BUSY}};

START_TEST(test_get_refused)
{
    struct str body;
    answer_with(refused[_i].answer);
    ck_assert(!http_get(&a, url, 5000000, 5, &body, &err));
    pthread_join(thread, NULL);
    ck_assert_int_eq(err.kind, refused[_i].kind);
}
END_TEST

START_TEST(test_no_server)
{
    struct str body;
    close(listener);
    ck_assert(!http_get(&a, url, 5000000, 5, &body, &err));
    ck_assert_int_eq(err.kind, ERR_BUSY);
}
END_TEST

START_TEST(test_scheme)
{
    static const char *const bad[] = {"http://fhir.example/x", "http://127.0.0.1@fhir.example/",
                                      "ftp://127.0.0.1/",      "file:///etc/hostname",
                                      "127.0.0.1/x",           ""};
    struct str body;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!http_get(&a, bad[i], 5000000, 5, &body, &err), "%s", bad[i]);
        ck_assert_msg(err.kind == ERR_INVALID, "%s: %s", bad[i], err.msg);
    }
}
END_TEST

Suite *suite_http_client(void)
{
    Suite *s = suite_create("http_client");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_call);
    tcase_add_loop_test(t, test_get_refused, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(t, test_no_server);
    tcase_add_test(t, test_scheme);
    suite_add_tcase(s, t);
    return s;
}
