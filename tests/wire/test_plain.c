#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

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

START_TEST(a_connection_is_kept)
{
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    for (int i = 0; i < 3; i++) {
        wire_text(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert(wire_read(fd, &r, false));
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(r.body, "hello");
        ck_assert_ptr_nonnull(wire_header(&r, "date"));
    }
    close(fd);
}
END_TEST

START_TEST(requests_may_be_pipelined)
{
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    wire_text(fd, "GET /later?2000 HTTP/1.1\r\nHost: x\r\n\r\n"
                  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *const expected[] = {"later", "abc", "hello"};
    for (int i = 0; i < 3; i++) {
        ck_assert(wire_read(fd, &r, false));
        ck_assert_str_eq(r.body, expected[i]);
    }
    close(fd);
}
END_TEST

START_TEST(an_upload_may_come_in_chunks)
{
    wire_start(&w, 1);
    int fd = wire_connect(&w);
    wire_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    usleep(2000);
    wire_text(fd, "6\r\n world\r\n0\r\n\r\n");
    ck_assert(wire_read(fd, &r, false));
    ck_assert_str_eq(r.body, "hello world");
    close(fd);
}
END_TEST

Suite *suite_wire_plain(void)
{
    Suite *s = suite_create("wire_plain");
    TCase *t = tcase_create("plain");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_connection_is_kept);
    tcase_add_test(t, requests_may_be_pipelined);
    tcase_add_test(t, an_upload_may_come_in_chunks);
    suite_add_tcase(s, t);
    return s;
}
