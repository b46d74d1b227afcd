#include "../../../src/http/internal.h"
#include "support/test.h"

START_TEST(targets_split_into_path_and_query)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/fhir/Patient/1", "/fhir/Patient/1", ""},
        {"/fhir/Patient?name=a%20b&x=?", "/fhir/Patient", "name=a%20b&x=?"},
        {"/a%2Fb?", "/a%2Fb", ""},
        {"http://host:80/p?q", "/p", "q"},
        {"HTTPS://host?q", "/", "q"},
        {"http://host", "/", ""},
        {"https://", "/", ""},
        {"*", "*", ""},
        {"", "/", ""},
        {"?q", "/", "q"},
        {"ftp://host/p", "ftp://host/p", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str path, query;
        http__target(str_of(cases[i].target), &path, &query);
        ck_str_eq(path, cases[i].path);
        ck_str_eq(query, cases[i].query);
        ck_assert_ptr_nonnull(query.s);
    }
}
END_TEST

START_TEST(methods_are_case_sensitive)
{
    ck_assert_int_eq(http__method("GET"), HTTP_GET);
    ck_assert_int_eq(http__method("PATCH"), HTTP_PATCH);
    ck_assert_int_eq(http__method("OPTIONS"), HTTP_OPTIONS);
    ck_assert_int_eq(http__method("get"), HTTP_OTHER);
    ck_assert_int_eq(http__method(""), HTTP_OTHER);
}
END_TEST

START_TEST(content_codings)
{
    ck_assert_int_eq(http__content_coding((struct str){NULL, 0}), HTTP__IDENTITY);
    ck_assert_int_eq(http__content_coding(STR("identity")), HTTP__IDENTITY);
    ck_assert_int_eq(http__content_coding(STR(" GZip ")), HTTP__GZIP);
    ck_assert_int_eq(http__content_coding(STR("x-gzip")), HTTP__GZIP);
    ck_assert_int_eq(http__content_coding(STR("deflate")), HTTP__DEFLATE);
    ck_assert_int_eq(http__content_coding(STR("br")), HTTP__UNKNOWN_CODING);
    ck_assert_int_eq(http__content_coding(STR("gzip, gzip")), HTTP__UNKNOWN_CODING);
}
END_TEST

START_TEST(accept_encoding_is_weighed)
{
    static const char *const yes[] = {"gzip",
                                      "x-gzip",
                                      "GZIP",
                                      "deflate, gzip",
                                      "gzip;q=0.001",
                                      "*",
                                      "*;q=0.5",
                                      "gzip;q=1.000",
                                      "br;q=1, gzip ; q=0.8",
                                      "identity;q=0.5, gzip;q=0.5",
                                      "deflate;q=0, *",
                                      "gzip;x=1;q=0.2"};
    static const char *const no[] = {"",
                                     "deflate",
                                     "identity",
                                     "gzip;q=0",
                                     "gzip;q=0.000",
                                     "*;q=0",
                                     "gzip;q=0, *",
                                     "gzip;q=2",
                                     "gzip;q=1.001",
                                     "gzip;q=x",
                                     "gzip;q=",
                                     "gzip;q=0.1234",
                                     "gzip;q=0.5, identity;q=0.6",
                                     "gzipped",
                                     "gzip;q=-1"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
        ck_assert_msg(http__accepts_gzip(str_of(yes[i])), "%s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        ck_assert_msg(!http__accepts_gzip(str_of(no[i])), "%s", no[i]);
    ck_assert(!http__accepts_gzip((struct str){NULL, 0}));
}
END_TEST

START_TEST(request_ids_are_short_and_harmless)
{
    ck_assert(http__is_request_id(STR("4593399f-e800-4ba4-8be6-6e85ebf935fc")));
    ck_assert(http__is_request_id(STR("a_b.c~d:e/f=g+h")));
    ck_assert(!http__is_request_id(STR("")));
    ck_assert(!http__is_request_id(STR("a b")));
    ck_assert(!http__is_request_id(STR("a\"")));
    ck_assert(!http__is_request_id(STR("\xc3\xa9")));
    char id[65];
    memset(id, 'x', sizeof(id));
    ck_assert(http__is_request_id((struct str){id, 63}));
    ck_assert(!http__is_request_id((struct str){id, 64}));
}
END_TEST

START_TEST(authorities_and_tokens)
{
    ck_assert(http__is_authority(STR("fhir.example.jp:8443")));
    ck_assert(http__is_authority(STR("[2001:db8::1]:443")));
    ck_assert(!http__is_authority(STR("")));
    ck_assert(!http__is_authority(STR("user@host")));
    ck_assert(!http__is_authority(STR("host/path")));
    ck_assert(!http__is_authority(STR("a b")));
    ck_assert(!http__is_authority(STR("a\"b")));
    ck_assert(http__is_token(STR("X-Request-Id")));
    ck_assert(!http__is_token(STR("Content-Length ")));
    ck_assert(!http__is_token(STR("a:b")));
    ck_assert(!http__is_token(STR("")));
}
END_TEST

START_TEST(text_compresses)
{
    ck_assert(http__compresses(STR("application/fhir+json; charset=utf-8")));
    ck_assert(http__compresses(STR("application/fhir+xml")));
    ck_assert(http__compresses(STR("text/plain")));
    ck_assert(http__compresses(STR("application/x-ndjson")));
    ck_assert(!http__compresses(STR("application/octet-stream; profile=json")));
    ck_assert(!http__compresses(STR("image/png")));
    ck_assert(!http__compresses((struct str){NULL, 0}));
}
END_TEST

Suite *suite_http_syntax(void)
{
    Suite *s = suite_create("http_syntax");
    TCase *t = tcase_create("syntax");
    tcase_add_test(t, targets_split_into_path_and_query);
    tcase_add_test(t, methods_are_case_sensitive);
    tcase_add_test(t, content_codings);
    tcase_add_test(t, accept_encoding_is_weighed);
    tcase_add_test(t, request_ids_are_short_and_harmless);
    tcase_add_test(t, authorities_and_tokens);
    tcase_add_test(t, text_compresses);
    suite_add_tcase(s, t);
    return s;
}
