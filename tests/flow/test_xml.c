/* XML through every interaction: asked for by Accept and _format, sent as body; JSON stays what is stored. */
#include "fhir/xml.h"
#include "support/flow.h"

#define XML     "Accept: application/fhir+xml\n"
#define AS_XML  "Content-Type: application/fhir+xml\n"
#define PATIENT "<Patient xmlns=\"http://hl7.org/fhir\">"

static struct arena made;
static const struct fhir_defs *defs;

static void begin(void)
{
    struct err err;
    flow_suite_begin();
    arena_init(&made, 0);
    ck_ok(fhir_defs_load(&made, &defs, &err));
}

static void end(void)
{
    arena_release(&made);
    flow_suite_end();
}

/* The answer's body, which is to be XML, as a tree. */
static const json *xml(const struct flow_answer *a, const char *media_type)
{
    struct err err;
    json *resource;
    const char *type = flow_header(a, "Content-Type");
    ck_assert_ptr_nonnull(type);
    ck_assert_str_eq(type, arena_printf(flow_arena(), "%s; charset=utf-8", media_type));
    ck_assert_msg(str_starts(a->body, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")), "%.*s",
                  STR_FMT(a->body));
    ck_ok(fhir_xml_parse(flow_arena(), defs, a->body, 100, &resource, &err));
    return resource;
}

static const json *fhir_xml(const struct flow_answer *a)
{
    return xml(a, "application/fhir+xml");
}

START_TEST(test_written_as_xml_read_as_both)
{
    const struct flow_answer *a =
        flow("PUT", "Observation/w", AS_XML XML,
             "<Observation xmlns=\"http://hl7.org/fhir\"><id value=\"w\"/><status "
             "value=\"final\"/><code><text value=\"x &amp; y\"/></code><valueQuantity><value "
             "value=\"1.10\"/></valueQuantity></Observation>");
    ck_status(a, 201);
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"1\"");
    ck_assert_str_eq(flow_text(fhir_xml(a), "meta.versionId"), "1");
    a = flow_get("Observation/w");
    ck_assert_str_eq(flow_header(a, "Content-Type"), "application/fhir+json; charset=utf-8");
    ck_assert_ptr_nonnull(strstr(a->body.s, "\"value\":1.10"));
    ck_assert_str_eq(flow_text(a->json, "code.text"), "x & y");
    ck_assert(json_equal(fhir_xml(flow("GET", "Observation/w", XML, NULL)), a->json));
    ck_assert(json_equal(fhir_xml(flow_get("Observation/w?_format=xml")), a->json));
    ck_assert(json_equal(xml(flow("GET", "Observation/w", "Accept: text/xml\n", NULL), "text/xml"), a->json));
    ck_assert(json_equal(fhir_xml(flow_get("Observation/w/_history/1?_format=xml")), a->json));
    ck_assert_uint_eq(json_count(flow_node(flow_get("Observation?code:text=x&_id=w")->json, "entry")), 1);
    const struct flow_answer *pretty = flow_get("Observation/w?_format=xml&_pretty=true");
    ck_assert_ptr_nonnull(strstr(pretty->body.s, "\n  <id value=\"w\"/>\n"));
    const json *part = fhir_xml(flow_get("Observation/w?_format=xml&_elements=status"));
    ck_assert_ptr_null(flow_node(part, "valueQuantity"));
    ck_assert_str_eq(flow_text(part, "meta.tag[0].code"), "SUBSETTED");
}
END_TEST

START_TEST(test_create_and_prefer)
{
    const struct flow_answer *a =
        flow("POST", "Patient", AS_XML, PATIENT "<active value=\"true\"/></Patient>");
    ck_status(a, 201);
    ck_assert_ptr_nonnull(a->json); /* the answer's form is that of Accept, not that of the body */
    a = flow("POST", "Patient", AS_XML XML "Prefer: return=OperationOutcome\n", PATIENT "</Patient>");
    ck_status(a, 201);
    ck_assert_str_eq(flow_text(fhir_xml(a), "resourceType"), "OperationOutcome");
    a = flow("POST", "Patient", AS_XML XML "Prefer: return=minimal\n", PATIENT "</Patient>");
    ck_status(a, 201);
    ck_assert_uint_eq(a->body.len, 0);
    ck_assert_ptr_null(flow_header(a, "Content-Type"));
}
END_TEST

START_TEST(test_bundles)
{
    const struct flow_answer *a = flow(
        "POST", "?_format=xml", AS_XML,
        "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"transaction\"/>"
        "<entry><fullUrl "
        "value=\"urn:uuid:a0000000-0000-4000-8000-000000000001\"/><resource><Patient><name><family "
        "value=\"鈴木\"/></name></Patient></resource><request><method value=\"POST\"/><url "
        "value=\"Patient\"/></request></entry>"
        "<entry><resource><Observation><id value=\"b\"/><status value=\"final\"/><code><text "
        "value=\"x\"/></code><subject><reference "
        "value=\"urn:uuid:a0000000-0000-4000-8000-000000000001\"/></subject></Observation></"
        "resource><request><method "
        "value=\"PUT\"/><url value=\"Observation/b\"/></request></entry>"
        "<entry><request><method value=\"GET\"/><url value=\"Patient/nobody\"/></request></entry></Bundle>");
    ck_status(a, 404); /* all or nothing */
    ck_assert_str_eq(flow_text(fhir_xml(a), "resourceType"), "OperationOutcome");
    a = flow(
        "POST", "", AS_XML XML,
        "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"batch\"/>"
        "<entry><resource><Patient><id value=\"b\"/></Patient></resource><request><method "
        "value=\"PUT\"/><url "
        "value=\"Patient/b\"/></request></entry>"
        "<entry><request><method value=\"GET\"/><url value=\"Patient?_id=b\"/></request></entry>"
        "<entry><request><method value=\"GET\"/><url value=\"Patient/nobody\"/></request></entry></Bundle>");
    ck_status(a, 200);
    const json *bundle = fhir_xml(a);
    ck_assert_str_eq(flow_text(bundle, "entry[0].response.status"), "201 Created");
    ck_assert_str_eq(flow_text(bundle, "entry[1].resource.entry[0].resource.id"), "b");
    ck_assert_str_eq(flow_text(bundle, "entry[2].response.outcome.issue[0].code"), "not-found");
}
END_TEST

START_TEST(test_searches_and_histories)
{
    for (int i = 0; i < 3; i++)
        ck_status(flow("PUT", arena_printf(flow_arena(), "Patient/s%d", i), AS_XML,
                       arena_printf(
                           flow_arena(),
                           PATIENT "<id value=\"s%d\"/><name><family value=\"高橋\"/></name></Patient>", i)),
                  201);
    const json *page = fhir_xml(flow_get("Patient?family=高橋&_count=2&_format=xml&nonsense=1"));
    ck_assert_str_eq(flow_text(page, "type"), "searchset");
    ck_assert_str_eq(flow_text(page, "entry[2].search.mode"), "outcome");
    /* the next page comes in the same form */
    const char *next = flow_text(page, "link[2].url");
    ck_assert_ptr_nonnull(strstr(next, "_format=xml"));
    page = fhir_xml(flow_get(next + strlen(FLOW_BASE) + 1));
    ck_assert_str_eq(flow_text(page, "entry[0].resource.name[0].family"), "高橋");
    page = fhir_xml(
        flow("POST", "Patient/_search", XML "Content-Type: application/x-www-form-urlencoded\n", "_id=s1"));
    ck_assert_str_eq(flow_text(page, "entry[0].resource.id"), "s1");
    page = fhir_xml(flow("POST", "Patient/_search", "Content-Type: application/x-www-form-urlencoded\n",
                         "_id=s1&_format=xml"));
    ck_assert_str_eq(flow_text(page, "entry[0].resource.id"), "s1");
    static const char *const paths[] = {"_history", "Patient/_history", "Patient/s1/_history"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        page = fhir_xml(flow("GET", paths[i], XML, NULL));
        ck_assert_str_eq(flow_text(page, "type"), "history");
        ck_assert_str_eq(flow_text(page, "entry[0].resource.resourceType"), "Patient");
    }
}
END_TEST

START_TEST(test_conditional_and_patch)
{
    const struct flow_answer *a = flow("PUT", "Patient?identifier=http://x.test|p", AS_XML XML,
                                       PATIENT "<identifier><system value=\"http://x.test\"/><value "
                                               "value=\"p\"/></identifier></Patient>");
    ck_status(a, 201);
    const char *id = flow_text(fhir_xml(a), "id");
    a = flow("PATCH", arena_printf(flow_arena(), "Patient/%s", id), AS_XML XML,
             "<Parameters xmlns=\"http://hl7.org/fhir\"><parameter><name value=\"operation\"/><part><name "
             "value=\"type\"/><valueCode value=\"add\"/></part><part><name value=\"path\"/><valueString "
             "value=\"Patient\"/></part><part><name value=\"name\"/><valueString "
             "value=\"birthDate\"/></part><part><name "
             "value=\"value\"/><valueDate value=\"1970-03-30\"/></part></parameter></Parameters>");
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(fhir_xml(a), "birthDate"), "1970-03-30");
    a = flow("PATCH", "Patient?identifier=http://x.test|p", "Content-Type: application/json-patch+json\n" XML,
             "[{\"op\":\"remove\",\"path\":\"/birthDate\"}]");
    ck_status(a, 200);
    ck_assert_ptr_null(flow_node(fhir_xml(a), "birthDate"));
    ck_status(flow("DELETE", "Patient?identifier=http://x.test|p", XML, NULL), 204);
    a = flow("GET", arena_printf(flow_arena(), "Patient/%s", id), XML, NULL);
    ck_status(a, 410);
    ck_assert_str_eq(flow_text(fhir_xml(a), "issue[0].code"), "deleted");
}
END_TEST

START_TEST(test_operations)
{
    const struct flow_answer *a =
        flow("POST", "Patient/$validate", AS_XML XML, PATIENT "<gender value=\"x\"/></Patient>");
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(fhir_xml(a), "issue[0].expression[0]"), "Patient.gender");
    a = flow("POST", "Patient/$validate", AS_XML XML,
             "<Parameters xmlns=\"http://hl7.org/fhir\"><parameter><name "
             "value=\"resource\"/><resource><Patient/></resource></parameter></Parameters>");
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(fhir_xml(a), "issue[0].severity"), "information");
    const json *capabilities = fhir_xml(flow("GET", "metadata", XML, NULL));
    ck_assert(json_equal(capabilities, flow_get("metadata")->json));
    ck_assert_str_eq(flow_text(capabilities, "format[1]"), "application/fhir+xml");
}
END_TEST

/* Whatever goes wrong, and wherever, is told in the form that was asked for. */
START_TEST(test_refusals)
{
    static const struct {
        const char *method, *path, *headers, *body;
        int status;
        const char *code;
    } cases[] = {
        {"GET", "Patient/nobody", XML, NULL, 404, "not-found"},
        {"GET", "Nothing/1?_format=xml", NULL, NULL, 404, "not-found"},
        {"GET", "Patient/1?_format=xml&x=%", NULL, NULL, 400, "structure"},
        {"PUT", "metadata", XML, NULL, 405, "not-supported"},
        {"GET", "Patient/1", XML "Authorization:\n", NULL, 401, "login"},
        {"POST", "Patient?_format=xml", "Content-Type: text/plain\n", "x", 415, "not-supported"},
        {"POST", "Patient", XML AS_XML, "", 400, "structure"},
        {"POST", "Patient", XML AS_XML, PATIENT, 400, "structure"},
        {"POST", "Patient", XML AS_XML, "{\"resourceType\":\"Patient\"}", 400, "structure"},
        {"POST", "Patient", XML AS_XML, PATIENT "<nonsense value=\"1\"/></Patient>", 400, "invalid"},
        {"POST", "Patient", XML AS_XML, PATIENT "<gender value=\"x\"/></Patient>", 400, "code-invalid"},
        {"POST", "Observation", XML AS_XML, PATIENT "</Patient>", 400, NULL},
        {"POST", "Patient", XML AS_XML,
         "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]>" PATIENT
         "<name><text value=\"&b;\"/></name></Patient>",
         400, "structure"},
        {"POST", "Patient", XML "Content-Type: application/fhir+xml; fhirVersion=3.0\n", PATIENT "</Patient>",
         415, "not-supported"},
        {"PATCH", "Patient/1", XML "Content-Type: text/plain\n", "x", 415, "not-supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flow_answer *a = flow(cases[i].method, cases[i].path, cases[i].headers, cases[i].body);
        ck_assert_msg(a->status == cases[i].status, "%zu: %d: %.*s", i, a->status, STR_FMT(a->body));
        const json *outcome = fhir_xml(a);
        ck_assert_str_eq(flow_text(outcome, "resourceType"), "OperationOutcome");
        if (cases[i].code)
            ck_assert_str_eq(flow_text(outcome, "issue[0].code"), cases[i].code);
    }
    const struct flow_answer *a =
        flow("POST", "Patient", AS_XML, PATIENT "\n<nonsense value=\"1\"/></Patient>");
    ck_status(a, 400);
    ck_assert_str_eq(flow_text(a->json, "issue[0].expression[0]"), "Patient");
    ck_assert_ptr_nonnull(strstr(a->body.s, "issue-line\",\"valueInteger\":2"));
    /* none of both: told in JSON */
    ck_status(flow("GET", "Patient/nobody", "Accept: text/turtle\n", NULL), 406);
    ck_status(flow_get("Patient/nobody?_format=turtle"), 406);
}
END_TEST

/* JSON strings may have characters that XML has not. */
START_TEST(test_what_xml_cannot_say)
{
    static const char patient[] =
        "{\"resourceType\":\"Patient\",\"id\":\"x\",\"name\":[{\"text\":\"a\\u0001\"}]}";
    const struct flow_answer *a = flow("PUT", "Patient/x", XML, patient);
    ck_status(a, 201); /* it is done */
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"1\"");
    ck_assert_str_eq(flow_text(fhir_xml(a), "issue[0].expression[0]"), "Patient.name[0].text");
    static const char *const paths[] = {"Patient/x", "Patient?_id=x", "Patient/x/_history"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        a = flow("GET", paths[i], XML, NULL);
        ck_status(a, 406);
        ck_assert_str_eq(flow_text(fhir_xml(a), "issue[0].code"), "not-supported");
        ck_assert_ptr_null(flow_header(a, "ETag"));
    }
    ck_assert_str_eq(flow_text(flow_get("Patient/x")->json, "name[0].text"), "a\x01");
    ck_status(flow("GET", "Patient/x?_elements=gender", XML, NULL), 200);
}
END_TEST

START_TEST(test_binary)
{
    static const char document[] =
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>x</title></ClinicalDocument>";
    static const char *const types[] = {"text/xml", "application/fhir+xml", "application/fhir+json",
                                        "text/plain"};
    static const char *const bodies[] = {document, PATIENT "</Patient>", "{\"resourceType\":\"Patient\"}",
                                         "x"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *path = arena_printf(flow_arena(), "Binary/b%zu", i);
        ck_status(flow("PUT", path, arena_printf(flow_arena(), "Content-Type: %s\n", types[i]), bodies[i]),
                  201);
        const struct flow_answer *a = flow("GET", path, "Accept: */*\n", NULL);
        ck_assert_str_eq(flow_header(a, "Content-Type"), types[i]);
        ck_str_eq(a->body, bodies[i]);
        ck_assert_str_eq(flow_text(fhir_xml(flow("GET", path, XML, NULL)), "contentType"), types[i]);
        ck_assert_str_eq(
            flow_text(fhir_xml(flow("GET", arena_printf(flow_arena(), "%s?_format=xml", path), NULL, NULL)),
                      "resourceType"),
            "Binary");
    }
    /* a generic type is no wish for FHIR */
    ck_str_eq(flow("GET", "Binary/b0", "Accept: application/xml\n", NULL)->body, document);
    ck_status(flow("PUT", "Binary/f", AS_XML,
                   "<Binary xmlns=\"http://hl7.org/fhir\"><id value=\"f\"/><contentType value=\"a/b\"/><data "
                   "value=\"eA==\"/></Binary>"),
              201);
    ck_str_eq(flow("GET", "Binary/f", "Accept: a/b\n", NULL)->body, "x");
    ck_status(flow("PUT", "Binary/f", AS_XML, "<Binary xmlns=\"http://hl7.org/fhir\"><nonsense/></Binary>"),
              400);
}
END_TEST

Suite *suite_flow_xml(void)
{
    Suite *s = suite_create("flow/xml");
    TCase *tc = tcase_create("xml");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_written_as_xml_read_as_both);
    tcase_add_test(tc, test_create_and_prefer);
    tcase_add_test(tc, test_bundles);
    tcase_add_test(tc, test_searches_and_histories);
    tcase_add_test(tc, test_conditional_and_patch);
    tcase_add_test(tc, test_operations);
    tcase_add_test(tc, test_refusals);
    tcase_add_test(tc, test_what_xml_cannot_say);
    tcase_add_test(tc, test_binary);
    suite_add_tcase(s, tc);
    return s;
}
