#include "../../../src/api/internal.h"
#include "support/test.h"

/* What is sent for a query and an Accept header; "-" when neither can be met. */
static const struct {
    const char *format, *accept, *answer;
} table[] = {
    {NULL, NULL, "application/fhir+json"},
    {NULL, "", "application/fhir+json"},
    {NULL, "*/*", "application/fhir+json"},
    {NULL, "application/*", "application/fhir+json"},
    {NULL, "application/fhir+json", "application/fhir+json"},
    {NULL, "application/json", "application/json"},
    {NULL, "text/json", "text/json"},
    {NULL, "application/json+fhir", "application/fhir+json"},
    {NULL, "application/fhir+xml", "application/fhir+xml"},
    {NULL, "Application/FHIR+XML; charset=utf-8", "application/fhir+xml"},
    {NULL, "application/xml", "application/xml"},
    {NULL, "text/xml", "text/xml"},
    {NULL, "application/xml+fhir", "application/fhir+xml"},
    /* JSON when the client does not mind */
    {NULL, "application/fhir+xml, application/fhir+json", "application/fhir+json"},
    {NULL, "application/json, application/fhir+json", "application/fhir+json"},
    {NULL, "application/json, text/plain, */*", "application/json"},
    {NULL, "application/xml, */*", "application/xml"},
    {NULL, "application/xml, application/*;q=0.9", "application/xml"},
    {NULL, "text/html", "-"},
    {NULL, "text/*", "-"},
    {NULL, "application/fhir+turtle", "-"},
    /* qualities */
    {NULL, "application/fhir+json;q=0.8, application/fhir+xml", "application/fhir+xml"},
    {NULL, "application/fhir+json;q=0.8, application/fhir+xml;q=0.801", "application/fhir+xml"},
    {NULL, "application/fhir+json;q=0.8, application/fhir+xml;q=0.80", "application/fhir+json"},
    {NULL, "application/fhir+json; q=\"0.5\" , application/xml ; q=0.6", "application/xml"},
    {NULL, "application/fhir+json;q=x, application/fhir+xml;q=0.9", "application/fhir+json"},
    {NULL, "application/fhir+json;q=0, */*", "application/fhir+xml"},
    {NULL, "application/fhir+json;q=0.1, */*;q=0.2", "application/fhir+xml"},
    {NULL, "application/xml;q=0", "-"},
    {NULL, "*/*;q=0.000", "-"},
    {NULL, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"},
    {NULL, "*/*;q=0.1, application/*;q=0.2, application/json;q=0.3", "application/json"},
    /* versions */
    {NULL, "application/fhir+xml; fhirVersion=4.0", "application/fhir+xml"},
    {NULL, "application/fhir+xml; fhirVersion=5.0", "-"},
    {NULL, "application/fhir+xml; fhirVersion=5.0, application/fhir+json;q=0.1", "application/fhir+json"},
    /* _format is stronger than Accept */
    {"xml", "application/fhir+json", "application/fhir+xml"},
    {"json", "application/fhir+xml", "application/fhir+json"},
    {"json", "text/html", "application/fhir+json"},
    {"text/xml", NULL, "text/xml"},
    {"application/fhir+xml", NULL, "application/fhir+xml"},
    {"application/fhir xml", NULL, "application/fhir+xml"},
    {"application/fhir xml; fhirVersion=4.0", NULL, "application/fhir+xml"},
    {"application/fhir json; fhirVersion=3.0", NULL, "-"},
    {"html", "application/fhir+xml", "-"},
    {"", NULL, "-"},
};

START_TEST(test_choice)
{
    struct arena a;
    arena_init(&a, 0);
    const struct http_header accept = {STR("Accept"), str_of(table[_i].accept)};
    const struct search_arg format = {.name = STR("_format"), .value = str_of(table[_i].format)};
    struct http_request http = {.a = &a, .headers = &accept, .n_headers = table[_i].accept != NULL};
    struct api_request r = {.a = &a, .http = &http, .args = &format, .n_args = table[_i].format != NULL};
    const char *answer = "-";
    if (api__choose_format(&r)) {
        ck_assert(str_ends(str_of(r.media_type), STR("; charset=utf-8")));
        answer = arena_strndup(&a, r.media_type, strlen(r.media_type) - strlen("; charset=utf-8"));
    }
    ck_assert_msg(strcmp(answer, table[_i].answer) == 0, "%s, %s: %s", table[_i].format, table[_i].accept,
                  answer);
    ck_assert_int_eq(r.format, strstr(table[_i].answer, "xml") ? FORMAT_XML : FORMAT_JSON);
    arena_release(&a);
}
END_TEST

START_TEST(test_content_types)
{
    ck_assert_int_eq(api__format_of(STR("application/fhir+json; charset=UTF-8")), FORMAT_JSON);
    ck_assert_int_eq(api__format_of(STR("TEXT/XML")), FORMAT_XML);
    ck_assert_int_eq(api__format_of(STR("application/fhir+xml;fhirVersion=4.0")), FORMAT_XML);
    ck_assert_int_eq(api__format_of(STR("application/fhir+xml;fhirVersion=3.0")), FORMAT_NONE);
    ck_assert_int_eq(api__format_of(STR("application/xhtml+xml")), FORMAT_NONE);
    ck_assert_int_eq(api__format_of((struct str){NULL, 0}), FORMAT_NONE);
    ck_assert(api__names_fhir(STR("application/pdf, application/fhir+xml")));
    ck_assert(api__names_fhir(STR("application/json")));
    ck_assert(!api__names_fhir(STR("application/xml")));
    ck_assert(!api__names_fhir(STR("*/*")));
    ck_assert(!api__names_fhir((struct str){NULL, 0}));
}
END_TEST

Suite *suite_api_media(void)
{
    Suite *s = suite_create("api_media");
    TCase *t = tcase_create("media");
    tcase_add_loop_test(t, test_choice, 0, sizeof table / sizeof table[0]);
    tcase_add_test(t, test_content_types);
    suite_add_tcase(s, t);
    return s;
}
