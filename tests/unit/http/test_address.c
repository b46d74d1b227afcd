#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "../../../src/http/internal.h"
#include "support/test.h"

static bool reads(const char *text, const char *printed)
{
    struct http__address a;
    char out[46];
    if (!http__address_parse(str_of(text), &a))
        return false;
    http__address_print(&a, out);
    ck_assert_str_eq(out, printed);
    return true;
}

START_TEST(addresses_with_and_without_port)
{
    ck_assert(reads("192.0.2.7", "192.0.2.7"));
    ck_assert(reads("192.0.2.7:4711", "192.0.2.7"));
    ck_assert(reads("2001:db8::7", "2001:db8::7"));
    ck_assert(reads("[2001:db8::7]", "2001:db8::7"));
    ck_assert(reads("[2001:db8::7]:4711", "2001:db8::7"));
    ck_assert(reads("::ffff:192.0.2.7", "192.0.2.7"));
    ck_assert(reads("::1", "::1"));
}
END_TEST

START_TEST(what_is_no_address)
{
    static const char *const bad[] = {"",           "localhost",     "192.0.2",   "192.0.2.256",
                                      "192.0.2.7 ", "[192.0.2.7",    "[::1]x",    "[]",
                                      "unknown",    "2001:db8::7::", "1.2.3.4.5", ":80",
                                      "_obf:4711",  "192.0.2.7/8",   "[::1",      "::1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct http__address a;
        ck_assert_msg(!http__address_parse(str_of(bad[i]), &a), "%s", bad[i]);
    }
    struct http__address a;
    ck_assert(!http__address_parse((struct str){"127.0.0.1\0", 10}, &a));
    ck_assert(!http__address_parse((struct str){NULL, 0}, &a));
}
END_TEST

static bool has(const char *network, const char *address)
{
    struct http__network n;
    struct http__address a;
    ck_assert_msg(http__network_parse(str_of(network), &n), "%s", network);
    ck_assert(http__address_parse(str_of(address), &a));
    return http__network_has(&n, &a);
}

START_TEST(networks_have_their_addresses)
{
    ck_assert(has("10.0.0.0/8", "10.255.1.2"));
    ck_assert(!has("10.0.0.0/8", "11.0.0.0"));
    ck_assert(has("192.0.2.128/25", "192.0.2.129"));
    ck_assert(!has("192.0.2.128/25", "192.0.2.127"));
    ck_assert(has("192.0.2.7", "192.0.2.7"));
    ck_assert(!has("192.0.2.7", "192.0.2.6"));
    ck_assert(has("0.0.0.0/0", "203.0.113.9"));
    ck_assert(!has("0.0.0.0/0", "2001:db8::1"));
    ck_assert(has("2001:db8::/32", "2001:db8:1::1"));
    ck_assert(!has("2001:db8::/32", "2001:db9::1"));
    ck_assert(has("2001:db8::/33", "2001:db8:7fff::1"));
    ck_assert(!has("2001:db8::/33", "2001:db8:8000::1"));
    ck_assert(has("::/0", "192.0.2.7"));
    ck_assert(!has("unix", "192.0.2.7"));
}
END_TEST

START_TEST(what_is_no_network)
{
    static const char *const bad[] = {"",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/x",
                                      "10.0.0.1/8",
                                      "2001:db8::/129",
                                      "2001:db8::1/32",
                                      "10.0.0.0/8/8",
                                      "10.0.0.0:80",
                                      "host/8",
                                      "/8",
                                      "Unix"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct http__network n;
        ck_assert_msg(!http__network_parse(str_of(bad[i]), &n), "%s", bad[i]);
    }
}
END_TEST

START_TEST(loopback_addresses)
{
    static const char *const yes[] = {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}, *const no[] = {
                                                                                                  "128.0.0.1",
                                                                                                  "10.0.0.1",
                                                                                                  "::", "::2",
                                                                                                  "fe80::1"};
    struct http__address a;
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
        ck_assert(http__address_parse(str_of(yes[i]), &a) && http__is_loopback(&a));
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        ck_assert(http__address_parse(str_of(no[i]), &a) && !http__is_loopback(&a));
}
END_TEST

START_TEST(addresses_of_sockets)
{
    struct http__address a;
    char out[46];
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    ck_assert(http__address_of((struct sockaddr *)&v4, &a));
    http__address_print(&a, out);
    ck_assert_str_eq(out, "192.0.2.7");
    ck_assert(http__address_of((struct sockaddr *)&v6, &a));
    http__address_print(&a, out);
    ck_assert_str_eq(out, "::1");
    ck_assert(!http__address_of((struct sockaddr *)&un, &a));
}
END_TEST

Suite *suite_http_address(void)
{
    Suite *s = suite_create("http_address");
    TCase *t = tcase_create("address");
    tcase_add_test(t, addresses_with_and_without_port);
    tcase_add_test(t, what_is_no_address);
    tcase_add_test(t, networks_have_their_addresses);
    tcase_add_test(t, what_is_no_network);
    tcase_add_test(t, loopback_addresses);
    tcase_add_test(t, addresses_of_sockets);
    suite_add_tcase(s, t);
    return s;
}
