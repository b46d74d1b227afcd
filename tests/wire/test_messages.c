/* What requests and responses look like on the wire: framing, bodies, encodings, headers. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "support/wire.h"

static struct wire w;
static struct wire_response r;
static int fd;

static void setup(void)
{
    wire_init(&w);
    fd = -1;
}

static void teardown(void)
{
    if (fd >= 0)
        close(fd);
    wire_stop(&w);
    free(r.body);
    r.body = NULL;
}

static void start(void)
{
    wire_start(&w, 1);
    fd = wire_connect(&w);
    ck_assert_int_ge(fd, 0);
}

static void ask(const char *text)
{
    wire_text(fd, text);
    ck_assert(wire_read(fd, &r, strncmp(text, "HEAD", 4) == 0));
}

START_TEST(a_connection_is_kept)
{
    start();
    for (int i = 0; i < 3; i++) {
        ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(r.body, "hello");
        ck_assert_ptr_nonnull(wire_header(&r, "date"));
    }
    ask("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(r.status, 200);
    ck_assert(wire_closed(fd));
}
END_TEST

START_TEST(requests_may_be_pipelined)
{
    start();
    wire_text(fd, "GET /later?2000 HTTP/1.1\r\nHost: x\r\n\r\n"
                  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *const expected[] = {"later", "abc", "hello"};
    for (int i = 0; i < 3; i++) {
        ck_assert(wire_read(fd, &r, false));
        ck_assert_str_eq(r.body, expected[i]);
    }
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
    start();
    ask("HEAD /bytes?500 HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(wire_header(&r, "content-length"), "500");
    ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); /* nothing is left over */
    ck_assert_str_eq(r.body, "hello");
}
END_TEST

START_TEST(the_target_arrives_as_it_was_sent)
{
    start();
    ask("PATCH /info%2Fb%20c/d?x=%2F&y=+1&z HTTP/1.1\r\nHost: fhir.example:8080\r\nX-Request-Id: "
        "my-id_1\r\n\r\n");
    ck_assert_str_eq(
        r.body, "PATCH\n/info%2Fb%20c/d\nx=%2F&y=+1&z\nhttp://fhir.example:8080\n127.0.0.1\n0\nmy-id_1\n");
    ck_assert_str_eq(wire_header(&r, "x-request-id"), "my-id_1");
    ask("PURGE http://other/info?q HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\r\n\r\n");
    ck_assert(strncmp(r.body, "OTHER\n/info\nq\nhttp://x\n127.0.0.1\n0\n", 35) == 0);
    ck_assert_uint_eq(strlen(wire_header(&r, "x-request-id")), 36); /* made here */
}
END_TEST

START_TEST(an_upload_may_come_in_chunks)
{
    start();
    wire_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    usleep(2000);
    ask("6\r\n world\r\n0\r\n\r\n");
    ck_assert_str_eq(r.body, "hello world");
}
END_TEST

START_TEST(a_large_upload_comes_back_whole)
{
    start();
    size_t n = 3 * 1024 * 1024 + 17;
    char *sent = arena_alloc(&w.a, n);
    for (size_t i = 0; i < n; i++)
        sent[i] = (char)('a' + i % 23);
    wire_text(fd, arena_printf(&w.a, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", n));
    wire_send(fd, sent, n);
    ck_assert(wire_read(fd, &r, false));
    ck_assert_uint_eq(r.len, n);
    ck_assert(memcmp(r.body, sent, n) == 0);
}
END_TEST

START_TEST(framing_that_parsers_may_read_differently_is_refused)
{
    static const char *const broken[] = {
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length : 3\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Host: y\r\n",
    };
    wire_start(&w, 1);
    int64_t until = clock_mono_us() + 10000000;
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        fd = wire_connect(&w);
        wire_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
        wire_text(fd, broken[i]);
        wire_text(fd, "\r\nabc");
        ck_assert_msg(wire_read(fd, &r, false), "%s", broken[i]);
        ck_assert_msg(r.status == 400 || r.status == 413, "%s: %d", broken[i], r.status);
        while (!wire_closed(fd)) /* libmicrohttpd sends its own refusals' headers twice */
            ck_assert_msg(clock_mono_us() < until, "%s", broken[i]);
        close(fd);
    }
    fd = -1;
}
END_TEST

START_TEST(headers_beyond_the_limit_are_refused)
{
    wire_set(&w, "http.max_header", "4k");
    start();
    wire_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 100; i++)
        wire_text(fd,
                  "X-Padding: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    wire_text(fd, "\r\n");
    if (wire_read(fd, &r, false))
        ck_assert_int_eq(r.status, 431);
}
END_TEST

/* ---- sizes ---- */

START_TEST(a_body_of_the_limit_passes_and_one_beyond_does_not)
{
    wire_set(&w, "http.max_body", "10");
    start();
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(r.body, "0123456789");
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n");
    ck_assert_int_eq(r.status, 413);
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n");
    ck_assert_int_eq(r.status, 200);
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890");
    ck_assert_int_eq(r.status, 413);
    ck_assert(wire_closed(fd));
}
END_TEST

START_TEST(an_announced_excess_is_answered_unread_and_the_answer_is_not_lost)
{
    wire_set(&w, "http.max_body", "1k");
    start();
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n01234567890");
    ck_assert_int_eq(r.status, 413);
    close(fd);
    fd = wire_connect(&w); /* a client that sends everything before it reads */
    wire_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
    char *data = arena_zalloc(&w.a, 8000000);
    ck_assert(wire_send(fd, data, 8000000));
    ck_assert(wire_read(fd, &r, false));
    ck_assert_int_eq(r.status, 413);
}
END_TEST

START_TEST(who_sends_chunks_far_beyond_the_limit_is_dropped)
{
    wire_set(&w, "http.max_body", "10k");
    start();
    wire_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    char chunk[1024 + 8];
    memcpy(chunk, "400\r\n", 5);
    memset(chunk + 5, 'x', 1024);
    memcpy(chunk + 5 + 1024, "\r\n", 2);
    for (int i = 0; i < 50; i++)
        wire_send(fd, chunk, 5 + 1024 + 2);
    ck_assert(wire_closed(fd));
}
END_TEST

START_TEST(expect_is_answered)
{
    wire_set(&w, "http.max_body", "1k");
    start();
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(r.status, 100);
    ask("abc");
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(r.body, "abc");
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(r.status, 413);
}
END_TEST

/* ---- encodings ---- */

static size_t deflated(const char *data, size_t len, int bits, char *out, size_t cap)
{
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)cap;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = cap - z.avail_out;
    deflateEnd(&z);
    return n;
}

static void post(const char *coding, const char *data, size_t len)
{
    wire_text(fd, arena_printf(
                      &w.a,
                      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                      coding, len));
    wire_send(fd, data, len);
    ck_assert(wire_read(fd, &r, false));
}

START_TEST(bodies_may_come_compressed)
{
    char packed[256];
    start();
    size_t n = deflated("hello hello hello", 17, 31, packed, sizeof(packed));
    post("gzip", packed, n);
    ck_assert_str_eq(r.body, "hello hello hello");
    size_t m = deflated(" again", 6, 31, packed + n, sizeof(packed) - n);
    post("x-gzip", packed, n + m); /* members of one body */
    ck_assert_str_eq(r.body, "hello hello hello again");
    n = deflated("hello", 5, 15, packed, sizeof(packed));
    post("deflate", packed, n);
    ck_assert_str_eq(r.body, "hello");
    post("identity", "plain", 5);
    ck_assert_str_eq(r.body, "plain");
    wire_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
    ck_assert(wire_read(fd, &r, false));
    ck_assert_int_eq(r.status, 200);
}
END_TEST

START_TEST(a_compressed_upload_may_come_byte_by_byte)
{
    char packed[256];
    start();
    size_t n = deflated("hello hello hello", 17, 31, packed, sizeof(packed));
    wire_text(
        fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < n; i++) {
        wire_text(fd, "1\r\n");
        wire_send(fd, packed + i, 1);
        wire_text(fd, "\r\n");
    }
    ask("0\r\n\r\n");
    ck_assert_str_eq(r.body, "hello hello hello");
}
END_TEST

START_TEST(a_large_compressed_upload_comes_back_whole)
{
    start();
    size_t len = 2 * 1024 * 1024;
    char *data = arena_alloc(&w.a, len), *packed = arena_alloc(&w.a, len);
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++)
        data[i] = (char)("0123456789abcdef"[(x = x * 1664525 + 1013904223) >> 28]);
    size_t n = deflated(data, len, 31, packed, len);
    post("gzip", packed, n);
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_eq(r.len, len);
    ck_assert(memcmp(r.body, data, len) == 0);
}
END_TEST

START_TEST(damaged_or_foreign_encodings_are_named)
{
    char packed[256];
    start();
    size_t n = deflated("hello hello hello", 17, 31, packed, sizeof(packed));
    post("gzip", packed, n - 3);
    ck_assert_int_eq(r.status, 415);
    ck_assert_str_eq(r.body, "The compressed body ends too early");
    packed[n - 5] ^= 1; /* the checksum */
    post("gzip", packed, n);
    ck_assert_int_eq(r.status, 415);
    ck_assert_str_eq(r.body, "The compressed body is damaged");
    post("br", "xxxx", 4);
    ck_assert_int_eq(r.status, 415);
    ck_assert(wire_closed(fd));
}
END_TEST

START_TEST(a_bomb_does_not_go_off)
{
    wire_set(&w, "http.max_body", "100k");
    start();
    size_t len = 20 * 1024 * 1024;
    char *zeros = calloc(1, len), packed[64 * 1024];
    size_t n = deflated(zeros, len, 31, packed, sizeof(packed));
    post("gzip", packed, n);
    ck_assert_int_eq(r.status, 413);
    n = deflated(zeros, 100 * 1024, 31, packed, sizeof(packed)); /* the limit itself */
    post("gzip", packed, n);
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_eq(r.len, 100 * 1024);
    n = deflated(zeros, 100 * 1024 + 1, 31, packed, sizeof(packed));
    post("gzip", packed, n);
    ck_assert_int_eq(r.status, 413);
    free(zeros);
}
END_TEST

static void inflate_all(const char *data, size_t len, char *out, size_t cap, size_t *n)
{
    z_stream z = {0};
    ck_assert_int_eq(inflateInit2(&z, 31), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)cap;
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    *n = cap - z.avail_out;
    inflateEnd(&z);
}

START_TEST(answers_are_compressed_when_it_pays)
{
    char out[20000];
    size_t n;
    start();
    ask("GET /bytes?10000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: deflate, gzip;q=0.5\r\n\r\n");
    ck_assert_str_eq(wire_header(&r, "content-encoding"), "gzip");
    ck_assert_str_eq(wire_header(&r, "vary"), "Accept-Encoding");
    ck_assert_uint_lt(r.len, 1000);
    inflate_all(r.body, r.len, out, sizeof(out), &n);
    ck_assert_uint_eq(n, 10000);
    ck_assert(memcmp(out, "{\"resourceType\":", 16) == 0);
    size_t packed = r.len;
    ask("HEAD /bytes?10000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    ck_assert_uint_eq(strtoul(wire_header(&r, "content-length"), NULL, 10), packed);
    ask("GET /bytes?10000 HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_ptr_null(wire_header(&r, "content-encoding"));
    ck_assert_str_eq(wire_header(&r, "vary"), "Accept-Encoding");
    ck_assert_uint_eq(r.len, 10000);
    ask("GET /bytes?100 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"); /* below http.compress_min */
    ck_assert_ptr_null(wire_header(&r, "content-encoding"));
    ck_assert_ptr_null(wire_header(&r, "vary"));
}
END_TEST

START_TEST(compression_can_be_switched_off)
{
    wire_set(&w, "http.compress", "off");
    start();
    ask("GET /bytes?10000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    ck_assert_ptr_null(wire_header(&r, "content-encoding"));
}
END_TEST

/* ---- CORS ---- */

#define PREFLIGHT(origin)                                                                                    \
    "OPTIONS /Patient HTTP/1.1\r\nHost: x\r\nOrigin: " origin                                                \
    "\r\nAccess-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"

START_TEST(pages_of_named_origins_may_ask)
{
    wire_set(&w, "http.cors_origins", "https://app.example https://other.example");
    start();
    ask(PREFLIGHT("https://app.example"));
    ck_assert_int_eq(r.status, 204);
    ck_assert_str_eq(wire_header(&r, "access-control-allow-origin"), "https://app.example");
    ck_assert_ptr_nonnull(strstr(wire_header(&r, "access-control-allow-methods"), "PATCH"));
    ck_assert_ptr_nonnull(strstr(wire_header(&r, "access-control-allow-headers"), "If-None-Exist"));
    ask("GET /a HTTP/1.1\r\nHost: x\r\nOrigin: https://other.example\r\n\r\n");
    ck_assert_str_eq(wire_header(&r, "access-control-allow-origin"), "https://other.example");
    ck_assert_ptr_nonnull(strstr(wire_header(&r, "access-control-expose-headers"), "ETag"));
    ck_assert_str_eq(wire_header(&r, "vary"), "Origin");
    ask(PREFLIGHT("https://evil.example"));
    ck_assert_int_eq(r.status, 403);
    ck_assert_ptr_null(wire_header(&r, "access-control-allow-origin"));
    ask("GET /a HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n");
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_null(wire_header(&r, "access-control-allow-origin"));
    ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_str_eq(wire_header(&r, "vary"), "Origin");
}
END_TEST

START_TEST(pages_of_any_origin_may_ask)
{
    wire_set(&w, "http.cors_origins", "*");
    start();
    ask(PREFLIGHT("https://any.example"));
    ck_assert_int_eq(r.status, 204);
    ck_assert_str_eq(wire_header(&r, "access-control-allow-origin"), "*");
    ask("OPTIONS /info HTTP/1.1\r\nHost: x\r\nOrigin: https://any.example\r\n\r\n"); /* no preflight */
    ck_assert(strncmp(r.body, "OPTIONS\n", 8) == 0);
}
END_TEST

START_TEST(without_origins_options_is_the_handlers)
{
    start();
    ask(PREFLIGHT("https://app.example"));
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_null(wire_header(&r, "access-control-allow-origin"));
    ck_assert_ptr_null(wire_header(&r, "vary"));
}
END_TEST

/* ---- proxies ---- */

#define FORWARDED                                                                                            \
    "GET /info HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n"     \
    "X-Forwarded-Host: fhir.example\r\nX-Request-Id: 1\r\n\r\n"

START_TEST(a_strangers_forwarding_is_ignored)
{
    start();
    ask(FORWARDED);
    ck_assert_str_eq(r.body, "GET\n/info\n\nhttp://inner\n127.0.0.1\n0\n1\n");
}
END_TEST

START_TEST(a_trusted_proxys_is_believed)
{
    wire_set(&w, "http.trusted_proxies", "10.0.0.0/8 127.0.0.1");
    start();
    ask(FORWARDED);
    ck_assert_str_eq(r.body, "GET\n/info\n\nhttps://fhir.example\n198.51.100.7\n1\n1\n");
    ask("GET /info HTTP/1.1\r\nHost: inner\r\nX-Request-Id: 1\r\n\r\n");
    ck_assert_str_eq(r.body, "GET\n/info\n\nhttp://inner\n127.0.0.1\n0\n1\n");
}
END_TEST

START_TEST(a_host_that_is_none_is_not_repeated)
{
    start();
    ask("GET /info HTTP/1.1\r\nHost: a\"><b\r\nX-Request-Id: 1\r\n\r\n");
    ck_assert_str_eq(r.body,
                     arena_printf(&w.a, "GET\n/info\n\nhttp://127.0.0.1:%d\n127.0.0.1\n0\n1\n", w.port));
}
END_TEST

Suite *suite_wire_messages(void)
{
    Suite *s = suite_create("wire_messages");
    TCase *t = tcase_create("messages");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_connection_is_kept);
    tcase_add_test(t, requests_may_be_pipelined);
    tcase_add_test(t, head_is_get_without_the_body);
    tcase_add_test(t, the_target_arrives_as_it_was_sent);
    tcase_add_test(t, an_upload_may_come_in_chunks);
    tcase_add_test(t, a_large_upload_comes_back_whole);
    tcase_add_test(t, framing_that_parsers_may_read_differently_is_refused);
    tcase_add_test(t, headers_beyond_the_limit_are_refused);
    tcase_add_test(t, a_body_of_the_limit_passes_and_one_beyond_does_not);
    tcase_add_test(t, an_announced_excess_is_answered_unread_and_the_answer_is_not_lost);
    tcase_add_test(t, who_sends_chunks_far_beyond_the_limit_is_dropped);
    tcase_add_test(t, expect_is_answered);
    tcase_add_test(t, bodies_may_come_compressed);
    tcase_add_test(t, a_compressed_upload_may_come_byte_by_byte);
    tcase_add_test(t, a_large_compressed_upload_comes_back_whole);
    tcase_add_test(t, damaged_or_foreign_encodings_are_named);
    tcase_add_test(t, a_bomb_does_not_go_off);
    tcase_add_test(t, answers_are_compressed_when_it_pays);
    tcase_add_test(t, compression_can_be_switched_off);
    tcase_add_test(t, pages_of_named_origins_may_ask);
    tcase_add_test(t, pages_of_any_origin_may_ask);
    tcase_add_test(t, without_origins_options_is_the_handlers);
    tcase_add_test(t, a_strangers_forwarding_is_ignored);
    tcase_add_test(t, a_trusted_proxys_is_believed);
    tcase_add_test(t, a_host_that_is_none_is_not_repeated);
    suite_add_tcase(s, t);
    return s;
}
