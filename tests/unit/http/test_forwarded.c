#include "../../../src/http/internal.h"
#include "support/test.h"

static struct arena a;
static struct http__client c;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

/* "Name: value" lines; trusts 10.0.0.0/8 and 2001:db8::/32. */
static void read_lines(const char *lines)
{
    struct http__network networks[2];
    ck_assert(http__network_parse(STR("10.0.0.0/8"), &networks[0]));
    ck_assert(http__network_parse(STR("2001:db8::/32"), &networks[1]));
    struct http__trust trust = {networks, 2};
    struct http_header headers[8];
    size_t n = 0;
    struct str rest = str_of(lines);
    while (rest.len) {
        struct str value, name = str_cut(str_cut(rest, '\n', &rest), ':', &value);
        headers[n++] = (struct http_header){name, str_trim(value)};
    }
    http__forwarded(&a, headers, n, &trust, &c);
}

#define ck_client(p, s, h)                                                                                   \
    do {                                                                                                     \
        ck_str_eq(c.peer, p);                                                                                \
        ck_str_eq(c.proto, s);                                                                               \
        ck_str_eq(c.host, h);                                                                                \
    } while (0)

START_TEST(one_proxy)
{
    read_lines("Forwarded: for=192.0.2.60;proto=https;host=fhir.example;by=203.0.113.43");
    ck_client("192.0.2.60", "https", "fhir.example");
    read_lines("Forwarded: For=\"[2001:DB9::17]:4711\" ; Proto=HTTPS; Host=\"fhir.example:8443\"");
    ck_client("2001:db9::17", "https", "fhir.example:8443");
    read_lines("X-Forwarded-For: 192.0.2.60:999\nX-Forwarded-Proto: https\nX-Forwarded-Host: fhir.example");
    ck_client("192.0.2.60", "https", "fhir.example");
    read_lines("Other: x");
    ck_client("", "", "");
}
END_TEST

START_TEST(the_nearest_stranger_is_the_client)
{
    read_lines("Forwarded: for=198.51.100.1;host=evil.example, for=192.0.2.60;host=fhir.example, "
               "for=10.1.2.3;host=inner");
    ck_client("192.0.2.60", "", "fhir.example");
    read_lines("X-Forwarded-For: 198.51.100.1, 192.0.2.60\nX-Forwarded-For: 10.1.2.3, [2001:db8::1]:80\n"
               "X-Forwarded-Proto: http, https, http, http");
    ck_client("192.0.2.60", "https", "");
    read_lines("X-Forwarded-For: 10.0.0.9, 10.1.2.3"); /* all ours: the outermost */
    ck_client("10.0.0.9", "", "");
}
END_TEST

START_TEST(forwarded_wins_over_the_older_headers)
{
    read_lines("X-Forwarded-For: 198.51.100.1\nForwarded: for=192.0.2.60\nX-Forwarded-Host: other");
    ck_client("192.0.2.60", "", "");
}
END_TEST

START_TEST(the_port_of_its_own_header)
{
    read_lines(
        "X-Forwarded-For: 192.0.2.60\nX-Forwarded-Proto: https\nX-Forwarded-Host: h\nX-Forwarded-Port: 8443");
    ck_client("192.0.2.60", "https", "h:8443");
    read_lines("X-Forwarded-Proto: https\nX-Forwarded-Host: h\nX-Forwarded-Port: 443");
    ck_client("", "https", "h");
    read_lines("X-Forwarded-Proto: http\nX-Forwarded-Host: h:81\nX-Forwarded-Port: 82");
    ck_client("", "http", "h:81");
    read_lines("X-Forwarded-Proto: http\nX-Forwarded-Host: [2001:db8::5]\nX-Forwarded-Port: 82");
    ck_client("", "http", "[2001:db8::5]:82");
    read_lines("X-Forwarded-Proto: http\nX-Forwarded-Host: h\nX-Forwarded-Port: 99999");
    ck_client("", "http", "h");
}
END_TEST

START_TEST(quotes_hide_separators)
{
    read_lines("Forwarded: for=\"a,b;c\";host=x, for=192.0.2.60;host=\"h\\\"x\"");
    ck_client("192.0.2.60", "", "");
    read_lines("Forwarded: for=\"192.0.2.6\\0\";proto=https");
    ck_client("192.0.2.60", "https", "");
    read_lines("Forwarded: for=\"192.0.2.60, for=1.2.3.4");
    ck_client("", "", "");
}
END_TEST

START_TEST(what_does_not_belong_into_a_url_or_a_log_is_dropped)
{
    read_lines("Forwarded: for=\"<x>\";proto=gopher;host=\"a b\"");
    ck_client("", "", "");
    read_lines("Forwarded: for=_hidden;proto=https;host=h");
    ck_client("_hidden", "https", "h");
    read_lines("Forwarded: for=unknown");
    ck_client("unknown", "", "");
    read_lines("Forwarded:");
    ck_client("", "", "");
    read_lines("Forwarded: ,;,=,;=;\nX-Forwarded-For: ,,");
    ck_client("", "", "");
}
END_TEST

static struct str certs_of(const char *lines)
{
    struct http_header headers[8];
    size_t n = 0;
    for (struct str rest = str_of(lines); rest.len;) {
        struct str value, name = str_cut(str_cut(rest, '\n', &rest), ':', &value);
        headers[n++] = (struct http_header){name, str_trim(value)};
    }
    return http__forwarded_certs(&a, headers, n);
}

START_TEST(certificates_that_a_proxy_tells)
{
    ck_str_eq(certs_of("Client-Cert: :YWJj:"), "abc");
    ck_str_eq(certs_of("Client-Cert-Chain: :ZGVm:, :Z2hp:\nclient-cert: :YWJj:"), "abcdefghi");
    ck_str_eq(certs_of("Host: x"), "");
    ck_str_eq(certs_of("Client-Cert-Chain: :YWJj:"), "");
    ck_str_eq(certs_of("Client-Cert: YWJj"), "");
    ck_str_eq(certs_of("Client-Cert: :YW!j:"), "");
    ck_str_eq(certs_of("Client-Cert: :YWJj:\nClient-Cert: :ZGVm:"), "");
}
END_TEST

Suite *suite_http_forwarded(void)
{
    Suite *s = suite_create("http_forwarded");
    TCase *t = tcase_create("forwarded");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_proxy);
    tcase_add_test(t, the_nearest_stranger_is_the_client);
    tcase_add_test(t, forwarded_wins_over_the_older_headers);
    tcase_add_test(t, the_port_of_its_own_header);
    tcase_add_test(t, quotes_hide_separators);
    tcase_add_test(t, what_does_not_belong_into_a_url_or_a_log_is_dropped);
    tcase_add_test(t, certificates_that_a_proxy_tells);
    suite_add_tcase(s, t);
    return s;
}
