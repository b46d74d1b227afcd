/* Binary (binary.html): raw or as a resource. */
#include "support/flow.h"

static const char *id_of(const struct flow_answer *a)
{
    const char *location = flow_header(a, "Location") + strlen(FLOW_BASE "/");
    return arena_strndup(flow_arena(), location, (size_t)(strstr(location, "/_history") - location));
}

START_TEST(test_raw_there_and_back)
{
    const struct flow_answer *a =
        flow("POST", "Binary", "Content-Type: text/plain; charset=utf-8\nX-Security-Context: Patient/1\n",
             "h\xc3\xa9\n");
    ck_status(a, 201);
    const char *id = id_of(a);
    const struct flow_answer *raw = flow("GET", id, "Accept: text/plain\n", NULL);
    ck_status(raw, 200);
    ck_str_eq(raw->body, "h\xc3\xa9\n");
    ck_assert_str_eq(flow_header(raw, "Content-Type"), "text/plain; charset=utf-8");
    ck_assert_str_eq(flow_header(raw, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(flow_header(raw, "Cache-Control"), "no-store");
    ck_assert_ptr_nonnull(flow_header(raw, "Content-Security-Policy"));
    ck_assert_str_eq(flow_header(raw, "ETag"), "W/\"1\"");
    ck_str_eq(flow("GET", id, NULL, NULL)->body, "h\xc3\xa9\n");
    ck_str_eq(flow("GET", id, "Accept: */*\n", NULL)->body, "h\xc3\xa9\n");
    const struct flow_answer *resource = flow("GET", id, "Accept: application/fhir+json\n", NULL);
    ck_assert_str_eq(flow_text(resource->json, "contentType"), "text/plain; charset=utf-8");
    ck_assert_str_eq(flow_text(resource->json, "data"), "aMOpCg==");
    ck_assert_str_eq(flow_text(resource->json, "securityContext.reference"), "Patient/1");
    ck_assert_str_eq(
        flow_text(flow_get(arena_printf(flow_arena(), "%s?_format=json", id))->json, "resourceType"),
        "Binary");
    /* a new version, raw too */
    ck_status(flow("PUT", id, "Content-Type: image/png\nX-Security-Context: Patient/1\n", "png"), 200);
    raw = flow("GET", id, "Accept: image/png\n", NULL);
    ck_str_eq(raw->body, "png");
    ck_assert_str_eq(flow_header(raw, "ETag"), "W/\"2\"");
    raw = flow("GET", arena_printf(flow_arena(), "%s/_history/1", id), "Accept: text/plain\n", NULL);
    ck_str_eq(raw->body, "h\xc3\xa9\n");
}
END_TEST

START_TEST(test_as_a_resource)
{
    const struct flow_answer *a = flow_post(
        "Binary",
        "{\"resourceType\":\"Binary\",\"contentType\":\"application/pdf\",\"data\":\"JVBE\\nRg==\"}");
    ck_status(a, 201);
    ck_str_eq(flow("GET", id_of(a), "Accept: application/pdf\n", NULL)->body, "%PDF");
    ck_status(flow("POST", "Binary", "Content-Type: application/fhir+xml\n",
                   "<Binary xmlns=\"http://hl7.org/fhir\"/>"),
              400);
    ck_status(flow_post("Binary", "{\"resourceType\":\"Binary\"}"), 400);
    /* nothing in it */
    a = flow("POST", "Binary", "Content-Type: application/octet-stream\n", "");
    ck_status(a, 201);
    a = flow("GET", id_of(a), "Accept: application/octet-stream\n", NULL);
    ck_status(a, 200);
    ck_assert_uint_eq(a->body.len, 0);
    ck_assert_str_eq(flow_header(a, "Content-Type"), "application/octet-stream");
}
END_TEST

/* Who may not read what it belongs to may not read it, wherever it would come. */
START_TEST(test_security_context)
{
    const struct flow_answer *a =
        flow("PUT", "Binary/secret", "Content-Type: text/plain\nX-Security-Context: Patient/1\n", "secret");
    ck_status(a, 201);
    static const char *const urls[] = {"Binary/secret", "Binary/secret/_history/1", "Binary/secret/_history",
                                       "Binary?_id=secret", "Binary/_history"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const struct flow_answer *no = flow("GET", urls[i], flow_token("system/Binary.rs"), NULL);
        ck_assert_msg(!strstr(no->body.s, "secret\"") || !strstr(no->body.s, "c2VjcmV0"), "%s: %.*s", urls[i],
                      STR_FMT(no->body));
        const struct flow_answer *yes = flow("GET", urls[i],
                                             arena_printf(flow_arena(), "Accept: application/fhir+json\n%s",
                                                          flow_token("system/Binary.rs system/Patient.r")),
                                             NULL);
        ck_status(yes, 200);
        ck_assert_msg(strstr(yes->body.s, "c2VjcmV0") != NULL, "%s: %.*s", urls[i], STR_FMT(yes->body));
    }
    ck_status(flow("GET", "Binary/secret", flow_token("system/Binary.rs"), NULL), 404);
}
END_TEST

Suite *suite_flow_binary(void)
{
    Suite *s = suite_create("flow/binary");
    TCase *tc = tcase_create("binary");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_raw_there_and_back);
    tcase_add_test(tc, test_as_a_resource);
    tcase_add_test(tc, test_security_context);
    suite_add_tcase(s, tc);
    return s;
}
