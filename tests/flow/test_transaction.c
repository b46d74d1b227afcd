/* Bundles (http.html#transaction, #batch). */
#include <stdio.h>

#include "support/flow.h"

#define ENTRY(method, url) "{\"request\":{\"method\":\"" method "\",\"url\":\"" url "\"}}"
#define ENTRY_OF(method, url, resource)                                                                      \
    "{\"resource\":" resource ",\"request\":{\"method\":\"" method "\",\"url\":\"" url "\"}}"
#define ENTRY_AT(full, method, url, resource)                                                                \
    "{\"fullUrl\":\"" full "\",\"resource\":" resource ",\"request\":{\"method\":\"" method                  \
    "\",\"url\":\"" url "\"}}"

static const char *bundle(const char *type, const char *entries)
{
    return arena_printf(flow_arena(), "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":[%s]}", type,
                        entries);
}

static const struct flow_answer *transaction(const char *entries)
{
    return flow_post("", bundle("transaction", entries));
}

static const struct flow_answer *batch(const char *entries)
{
    return flow_post("", bundle("batch", entries));
}

static const char *response(const struct flow_answer *a, int entry, const char *member)
{
    return flow_text(a->json, arena_printf(flow_arena(), "entry[%d].response.%s", entry, member));
}

/* "Patient/1" of an entry's location "Patient/1/_history/1". */
static const char *made(const struct flow_answer *a, int entry)
{
    const char *location = response(a, entry, "location");
    return arena_strndup(flow_arena(), location, (size_t)(strstr(location, "/_history/") - location));
}

static int64_t count(const char *text)
{
    return test_count(flow_conn(), flow_arena(), text);
}

START_TEST(test_links_are_resolved_everywhere)
{
    const struct flow_answer *a = transaction(ENTRY_AT(
        "urn:uuid:0000000a-0000-4000-8000-000000000000", "POST", "Observation",
        "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":"
        "\"x\"},"
        "\"text\":{\"status\":\"generated\",\"div\":\"<div "
        "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><p>It's "
        "the patient's <a "
        "href=\\\"urn:uuid:0000000b-0000-4000-8000-000000000000\\\">own</a> &lt;a "
        "href='x'&gt; isn't</p><img alt='a' "
        "src='urn:uuid:0000000c-0000-4000-8000-000000000000'/></div>\"},"
        "\"contained\":[{\"resourceType\":\"Provenance\",\"id\":\"p\",\"recorded\":"
        "\"2020-01-01T00:00:00Z\","
        "\"target\":[{\"reference\":\"#\"}],\"agent\":[{\"who\":{\"reference\":"
        "\"urn:uuid:0000000b-0000-4000-8000-000000000000\"}}]}],"
        "\"extension\":[{\"url\":\"http://x.test/"
        "e\",\"extension\":[{\"url\":\"in\",\"valueReference\":{"
        "\"reference\":\"urn:uuid:0000000b-0000-4000-8000-000000000000\"}}]},"
        "{\"url\":\"http://x.test/"
        "u\",\"valueUri\":\"urn:uuid:0000000b-0000-4000-8000-000000000000\"},"
        "{\"url\":\"http://x.test/"
        "c\",\"valueCanonical\":\"urn:uuid:0000000b-0000-4000-8000-000000000000\"},"
        "{\"url\":\"http://x.test/"
        "s\",\"valueString\":\"urn:uuid:0000000b-0000-4000-8000-000000000000\"}],"
        "\"_status\":{\"extension\":[{\"url\":\"http://x.test/"
        "q\",\"valueReference\":{\"reference\":"
        "\"urn:uuid:0000000b-0000-4000-8000-000000000000\"}}]},"
        "\"subject\":{\"reference\":\"urn:uuid:0000000b-0000-4000-8000-"
        "000000000000\",\"display\":\"p\"},"
        "\"derivedFrom\":[{\"reference\":\"urn:uuid:0000000c-0000-4000-8000-"
        "000000000000\"}],"
        "\"performer\":[{\"reference\":\"Practitioner/"
        "elsewhere\"},{\"reference\":\"PractitionerRole/x\"}]}") "," ENTRY_AT("urn:uuid:0000000b-"
                                                                              "0000-4000-8000-"
                                                                              "000000000000",
                                                                              "POST", "Patient",
                                                                              "{\"resourceType\":"
                                                                              "\"Patient\","
                                                                              "\"managingOrganizatio"
                                                                              "n\":{\"reference\":"
                                                                              "\"Organization/7\"},"
                                                                              "\"link\":[{\"other\":"
                                                                              "{\"reference\":\"urn:"
                                                                              "uuid:0000000b-0000-"
                                                                              "4000-8000-"
                                                                              "000000000000\"},"
                                                                              "\"type\":\"seealso\"}"
                                                                              "]}") "," ENTRY_AT("ur"
                                                                                                 "n:"
                                                                                                 "uu"
                                                                                                 "id"
                                                                                                 ":0"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "c-"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "-4"
                                                                                                 "00"
                                                                                                 "0-"
                                                                                                 "80"
                                                                                                 "00"
                                                                                                 "-0"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "0",
                                                                                                 "PU"
                                                                                                 "T",
                                                                                                 "Me"
                                                                                                 "di"
                                                                                                 "a/"
                                                                                                 "li"
                                                                                                 "nk"
                                                                                                 "s-"
                                                                                                 "me"
                                                                                                 "di"
                                                                                                 "a",
                                                                                                 "{"
                                                                                                 "\""
                                                                                                 "re"
                                                                                                 "so"
                                                                                                 "ur"
                                                                                                 "ce"
                                                                                                 "Ty"
                                                                                                 "pe"
                                                                                                 "\""
                                                                                                 ":"
                                                                                                 "\""
                                                                                                 "Me"
                                                                                                 "di"
                                                                                                 "a"
                                                                                                 "\""
                                                                                                 ","
                                                                                                 "\""
                                                                                                 "id"
                                                                                                 "\""
                                                                                                 ":"
                                                                                                 "\""
                                                                                                 "li"
                                                                                                 "nk"
                                                                                                 "s-"
                                                                                                 "me"
                                                                                                 "di"
                                                                                                 "a"
                                                                                                 "\""
                                                                                                 ","
                                                                                                 "\""
                                                                                                 "st"
                                                                                                 "at"
                                                                                                 "us"
                                                                                                 "\""
                                                                                                 ":"
                                                                                                 "\""
                                                                                                 "co"
                                                                                                 "mp"
                                                                                                 "le"
                                                                                                 "te"
                                                                                                 "d"
                                                                                                 "\""
                                                                                                 ","
                                                                                                 "\""
                                                                                                 "co"
                                                                                                 "nt"
                                                                                                 "en"
                                                                                                 "t"
                                                                                                 "\""
                                                                                                 ":{"
                                                                                                 "\""
                                                                                                 "ur"
                                                                                                 "l"
                                                                                                 "\""
                                                                                                 ":"
                                                                                                 "\""
                                                                                                 "ur"
                                                                                                 "n:"
                                                                                                 "uu"
                                                                                                 "id"
                                                                                                 ":0"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "a-"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "-4"
                                                                                                 "00"
                                                                                                 "0-"
                                                                                                 "80"
                                                                                                 "00"
                                                                                                 "-0"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "00"
                                                                                                 "0"
                                                                                                 "\""
                                                                                                 "}"
                                                                                                 "}"));
    ck_status(a, 200);
    const char *observation = made(a, 0), *patient = made(a, 1);
    ck_assert_str_eq(made(a, 2), "Media/links-media");
    const struct flow_answer *o = flow_get(observation);
    ck_assert_str_eq(flow_text(o->json, "subject.reference"), patient);
    ck_assert_str_eq(flow_text(o->json, "subject.display"), "p");
    ck_assert_str_eq(flow_text(o->json, "extension[0].extension[0].valueReference.reference"), patient);
    ck_assert_str_eq(flow_text(o->json, "extension[1].valueUri"),
                     arena_printf(flow_arena(), FLOW_BASE "/%s", patient));
    ck_assert_str_eq(flow_text(o->json, "extension[2].valueCanonical"),
                     "urn:uuid:0000000b-0000-4000-8000-000000000000");
    ck_assert_str_eq(flow_text(o->json, "extension[3].valueString"),
                     "urn:uuid:0000000b-0000-4000-8000-000000000000");
    ck_assert_str_eq(flow_text(o->json, "_status.extension[0].valueReference.reference"), patient);
    ck_assert_str_eq(flow_text(o->json, "contained[0].agent[0].who.reference"), patient);
    ck_assert_str_eq(flow_text(o->json, "contained[0].target[0].reference"), "#");
    ck_assert_str_eq(flow_text(o->json, "derivedFrom[0].reference"), "Media/links-media");
    ck_assert_str_eq(flow_text(o->json, "performer[0].reference"), "Practitioner/elsewhere");
    ck_assert_str_eq(flow_text(o->json, "performer[1].reference"), "PractitionerRole/x");
    ck_assert_str_eq(
        flow_text(o->json, "text.div"),
        arena_printf(flow_arena(),
                     "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>It's the patient's <a href=\"" FLOW_BASE
                     "/%s\">own</a> &lt;a href='x'&gt; isn't</p><img alt='a' src='" FLOW_BASE
                     "/Media/links-media'/></div>",
                     patient));
    ck_assert_str_eq(flow_text(flow_get(patient)->json, "link[0].other.reference"), patient);
    ck_assert_str_eq(flow_text(flow_get("Media/links-media")->json, "content.url"),
                     arena_printf(flow_arena(), FLOW_BASE "/%s", observation));
    /* and they are searched for as what they became */
    ck_assert_uint_eq(
        json_count(flow_node(flow_get(arena_printf(flow_arena(), "Observation?subject=%s", patient))->json,
                             "entry")),
        1);
}
END_TEST

START_TEST(test_full_urls_of_another_server)
{
    const struct flow_answer *a = transaction(
        ENTRY_AT("http://other.test/fhir/Patient/1", "POST", "Patient", "{\"resourceType\":\"Patient\",\"id\":\"1\"}") "," ENTRY_AT(
            "http://other.test/fhir/Basic/1", "POST", "Basic",
            "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"Patient/"
            "1\"}}") "," ENTRY_AT("http://other.test/fhir/Basic/2", "POST", "Basic",
                                  "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{"
                                  "\"reference\":"
                                  "\"http://other.test/fhir/Patient/1\"}}") "," ENTRY_AT("urn:uuid:0000000d-"
                                                                                         "0000-4000-8000-"
                                                                                         "000000000000",
                                                                                         "POST", "Basic",
                                                                                         "{\"resourceType\":"
                                                                                         "\"Basic\",\"code\":"
                                                                                         "{\"text\":\"x\"},"
                                                                                         "\"subject\":{"
                                                                                         "\"reference\":"
                                                                                         "\"Patient/1\"}}"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(flow_get(made(a, 1))->json, "subject.reference"), made(a, 0));
    ck_assert_str_eq(flow_text(flow_get(made(a, 2))->json, "subject.reference"), made(a, 0));
    /* an entry without a RESTful fullUrl means this server's */
    ck_assert_str_eq(flow_text(flow_get(made(a, 3))->json, "subject.reference"), "Patient/1");
}
END_TEST

START_TEST(test_conditional_references)
{
    const struct flow_answer *p =
        flow_post("Practitioner",
                  "{\"resourceType\":\"Practitioner\",\"identifier\":[{\"system\":\"http://x.test/npi\","
                  "\"value\":\"9\"}]}");
    const char *id = arena_printf(flow_arena(), "Practitioner/%s", flow_text(p->json, "id"));
    static const char entry[] = ENTRY_OF("POST", "Basic",
                                         "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"author\":{"
                                         "\"reference\":\"Practitioner?identifier="
                                         "http://x.test/npi|9\"},\"extension\":[{\"url\":\"http://x.test/"
                                         "e\",\"valueReference\":{\"reference\":"
                                         "\"Practitioner?identifier=http%3A%2F%2Fx.test%2Fnpi%7C9\"}}]}");
    const struct flow_answer *a = transaction(entry);
    ck_status(a, 200);
    const struct flow_answer *read = flow_get(made(a, 0));
    ck_assert_str_eq(flow_text(read->json, "author.reference"), id);
    ck_assert_str_eq(flow_text(read->json, "extension[0].valueReference.reference"), id);
    ck_status(transaction(
                  ENTRY_OF("POST", "Basic",
                           "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"author\":{\"reference\":"
                           "\"Practitioner?identifier=http://x.test/npi|none\"}}")),
              412);
    flow_post("Practitioner",
              "{\"resourceType\":\"Practitioner\",\"identifier\":[{\"system\":\"http://x.test/npi\","
              "\"value\":\"9\"}]}");
    ck_status(transaction(entry), 412);
    /* made by the same transaction */
    a = transaction(
        "{\"fullUrl\":\"urn:uuid:0000000e-0000-4000-8000-000000000000\",\"resource\":{\"resourceType\":"
        "\"Organization\",\"name\":\"o\",\"identifier\":[{\"system\":\"http://x.test/"
        "o\",\"value\":\"1\"}]},\"request\":"
        "{\"method\":\"POST\",\"url\":\"Organization\",\"ifNoneExist\":\"identifier=http://x.test/"
        "o|1\"}}," ENTRY_OF("POST", "Patient",
                            "{\"resourceType\":\"Patient\",\"managingOrganization\":{\"reference\":"
                            "\"Organization?identifier=http://x.test/o|1\"}}"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(flow_get(made(a, 1))->json, "managingOrganization.reference"), made(a, 0));
    /* asks what is there, so it needs the right to */
    ck_status(flow("POST", "", flow_token("system/Basic.c"), bundle("transaction", entry)), 403);
}
END_TEST

START_TEST(test_all_or_nothing)
{
    static const char good[] =
        ENTRY_OF("POST", "Basic", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"nothing\"}}");
    static const struct {
        const char *entry;
        int status;
        const char *expression;
    } bad[] = {
        {ENTRY_OF("POST", "Patient", "{\"resourceType\":\"Patient\",\"gender\":\"unheard\"}"), 400,
         "Bundle.entry[1].resource.gender"},
        {ENTRY_OF("PUT", "Patient/x", "{\"resourceType\":\"Patient\",\"id\":\"y\"}"), 400, NULL},
        {ENTRY_OF("PUT", "Patient/x", "{\"resourceType\":\"Observation\",\"id\":\"x\"}"), 400, NULL},
        {"{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"x\"},\"request\":{\"method\":\"PUT\",\"url\":"
         "\"Patient/x\",\"ifMatch\":\"W/\\\"3\\\"\"}}",
         412, "Bundle.entry[1]"},
        {ENTRY_OF("POST", "Basic",
                  "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":"
                  "\"urn:uuid:0000000f-0000-4000-8000-000000000000\"}}"),
         400, "Bundle.entry[1]"},
        {ENTRY("DELETE", "Patient"), 412, NULL},
        {ENTRY("GET", "Patient/not-there"), 404, "Bundle.entry[1]"},
        {ENTRY("GET", "Patient?birthdate=never"), 400, NULL},
        {ENTRY("POST", "Patient"), 400, NULL},
        {ENTRY("DANCE", "Patient"), 400, NULL},
        {ENTRY("PUT", "_history"), 405, NULL},
        {ENTRY("GET", "Nothing/1"), 404, NULL},
        {"{}", 400, NULL},
        {"3", 400, NULL},
        {"{\"request\":{\"method\":\"POST\",\"url\":\"Patient\"},\"resource\":null}", 400, NULL},
        {ENTRY_OF("POST", "", "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[]}"), 400, NULL},
        {ENTRY_OF("PATCH", "Patient/not-there", "{\"resourceType\":\"Parameters\",\"parameter\":[]}"), 404,
         NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct flow_answer *a = transaction(arena_printf(flow_arena(), "%s,%s", good, bad[i].entry));
        ck_assert_msg(a->status == bad[i].status, "%s: %d: %.*s", bad[i].entry, a->status, STR_FMT(a->body));
        ck_assert_str_eq(flow_text(a->json, "resourceType"), "OperationOutcome");
        if (bad[i].expression)
            ck_assert_str_eq(flow_text(a->json, "issue[0].expression[0]"), bad[i].expression);
    }
    ck_assert_int_eq(count("SELECT count(*) FROM res_history WHERE content LIKE '%\"nothing\"%'"), 0);
    /* every finding of every entry */
    const struct flow_answer *a = transaction(
        ENTRY_OF("POST", "Patient",
                 "{\"resourceType\":\"Patient\",\"gender\":\"unheard\",\"birthDate\":"
                 "\"x\"}") "," ENTRY_OF("POST", "Patient", "{\"resourceType\":\"Patient\",\"active\":1}"));
    ck_assert_uint_eq(json_count(flow_node(a->json, "issue")), 3);
    ck_assert_str_eq(flow_text(a->json, "issue[2].expression[0]"), "Bundle.entry[1].resource.active");
}
END_TEST

START_TEST(test_order_of_processing)
{
    ck_status(flow_put("Basic/order-d",
                       "{\"resourceType\":\"Basic\",\"id\":\"order-d\",\"code\":{\"text\":\"d\"}}"),
              201);
    ck_status(flow_put("Basic/order-p",
                       "{\"resourceType\":\"Basic\",\"id\":\"order-p\",\"code\":{\"text\":\"p\"}}"),
              201);
    const struct flow_answer *a = transaction(
        ENTRY("GET", "Basic?code=http://x.test/order|1") "," ENTRY("GET", "Basic/order-p") "," ENTRY_OF("PUT", "Basic/order-p", "{\"resourceType\":\"Basic\",\"id\":\"order-p\",\"code\":{\"text\":\"q\"}}") "," ENTRY_OF(
            "POST", "Basic",
            "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[{\"system\":\"http://x.test/order\","
            "\"code\":\"1\"}]}}") "," ENTRY("DELETE",
                                            "Basic/order-d") "," ENTRY("GET",
                                                                       "Basic?_id=order-d") "," ENTRY("GET",
                                                                                                      "Basic/"
                                                                                                      "order-"
                                                                                                      "p/"
                                                                                                      "_histo"
                                                                                                      "ry/"
                                                                                                      "1"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "type"), "transaction-response");
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry")), 7);
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry[0].resource.entry")), 1);
    ck_assert_str_eq(flow_text(a->json, "entry[1].resource.code.text"), "q");
    ck_assert_str_eq(response(a, 2, "status"), "200 OK");
    ck_assert_str_eq(response(a, 2, "etag"), "W/\"2\"");
    ck_assert_str_eq(response(a, 2, "location"), "Basic/order-p/_history/2");
    ck_assert_ptr_nonnull(response(a, 2, "lastModified"));
    ck_assert_str_eq(response(a, 3, "status"), "201 Created");
    ck_assert_str_eq(response(a, 3, "etag"), "W/\"1\"");
    ck_assert_str_eq(flow_text(a->json, "entry[3].fullUrl"),
                     arena_printf(flow_arena(), FLOW_BASE "/%s", made(a, 3)));
    ck_assert_ptr_null(flow_node(a->json, "entry[3].resource"));
    ck_assert_str_eq(response(a, 4, "status"), "204 No Content");
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry[5].resource.entry")), 0);
    ck_assert_str_eq(flow_text(a->json, "entry[6].resource.code.text"), "p");
    ck_assert_str_eq(response(a, 6, "etag"), "W/\"1\"");
}
END_TEST

START_TEST(test_one_resource_by_one_entry)
{
    static const char put[] = ENTRY_OF("PUT", "Basic/twice",
                                       "{\"resourceType\":\"Basic\",\"id\":\"twice\",\"code\":{"
                                       "\"coding\":[{\"system\":\"http://x.test/twice\",\"code\":"
                                       "\"1\"}]}}");
    static const char conditional[] = ENTRY_OF("PUT", "Basic?code=http://x.test/twice|1",
                                               "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[{"
                                               "\"system\":\"http://x.test/twice\",\"code\":\"1\"}]}}");
    static const char fresh[] = ENTRY_OF("PUT", "Basic?code=http://x.test/twice|2",
                                         "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[{"
                                         "\"system\":\"http://x.test/twice\",\"code\":\"2\"}]}}");
    static const char unless[] = "{\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"coding\":[{"
                                 "\"system\":\"http://x.test/twice\",\"code\":"
                                 "\"3\"}]}},\"request\":{\"method\":\"POST\",\"url\":\"Basic\","
                                 "\"ifNoneExist\":\"code=http://x.test/twice|3\"}}";
    ck_status(transaction(arena_printf(flow_arena(), "%s,%s", put, put)), 400);
    ck_status(transaction(arena_printf(flow_arena(), "%s,%s", put, ENTRY("DELETE", "Basic/twice"))), 400);
    ck_status(transaction(put), 200);
    ck_status(transaction(arena_printf(flow_arena(), "%s,%s", put, conditional)), 400);
    ck_status(transaction(arena_printf(flow_arena(), "%s,%s", put,
                                       ENTRY("DELETE", "Basic?code=http://x.test/twice|1"))),
              400);
    ck_status(transaction(arena_printf(flow_arena(), "%s,%s", fresh, fresh)), 400);
    ck_status(
        transaction(ENTRY_AT(
            "urn:uuid:00000010-0000-4000-8000-000000000000", "POST", "Basic",
            "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}") "," ENTRY_AT("urn:uuid:00000010-0000-"
                                                                                   "4000-8000-000000000000",
                                                                                   "POST", "Basic",
                                                                                   "{\"resourceType\":"
                                                                                   "\"Basic\",\"code\":{"
                                                                                   "\"text\":\"x\"}}")),
        400);
    ck_assert_int_eq(count("SELECT count(*) FROM res_history h WHERE content LIKE '%x.test/twice%'"), 1);
    /* the same conditional create twice is one resource */
    const struct flow_answer *a = transaction(arena_printf(flow_arena(), "%s,%s", unless, unless));
    ck_status(a, 200);
    ck_assert_str_eq(made(a, 0), made(a, 1));
    ck_assert_str_eq(response(a, 0, "status"), "201 Created");
    ck_assert_str_eq(response(a, 1, "status"), "200 OK");
    a = transaction(unless);
    ck_assert_str_eq(response(a, 0, "status"), "200 OK");
}
END_TEST

START_TEST(test_conditional_entries)
{
    static const char organization[] =
        "{\"resourceType\":\"Organization\",\"name\":\"%s\",\"identifier\":[{\"system\":"
        "\"http://x.test/ce\",\"value\":\"%s\"}]}";
    for (int i = 0; i < 3; i++)
        ck_status(flow_post("Organization", arena_printf(flow_arena(), organization, "many", "many")), 201);
    flow_set("store.conditional_delete=single");
    ck_status(transaction(ENTRY("DELETE", "Organization?identifier=http://x.test/ce|many")), 412);
    flow_set("store.conditional_delete=multiple");
    const struct flow_answer *a = transaction(arena_printf(
        flow_arena(),
        "%s,{\"resource\":%s,\"request\":{\"method\":\"PUT\",\"url\":\"Organization?identifier=%s\"}}",
        ENTRY("DELETE", "Organization?identifier=http://x.test/ce|many"),
        arena_printf(flow_arena(), organization, "put", "put"), "http://x.test/ce|put"));
    ck_status(a, 200);
    ck_assert_str_eq(response(a, 0, "status"), "204 No Content");
    ck_assert_str_eq(response(a, 1, "status"), "201 Created");
    ck_assert_int_eq(count("SELECT count(*) FROM res WHERE content LIKE '%x.test/ce%'"), 1);
    /* a conditional update keeps the rules that it has outside */
    const char *taken = arena_printf(flow_arena(),
                                     "{\"resource\":{\"resourceType\":\"Organization\",\"id\":\"%s\","
                                     "\"name\":\"x\"},\"request\":{\"method\":"
                                     "\"PUT\",\"url\":\"Organization?identifier=http://x.test/ce|none\"}}",
                                     strchr(made(a, 1), '/') + 1);
    ck_status(transaction(taken), 409);
    flow_set("store.client_ids=none");
    ck_status(transaction(taken), 405);
    ck_status(transaction(ENTRY_OF("PUT", "Basic/ids",
                                   "{\"resourceType\":\"Basic\",\"id\":\"ids\",\"code\":{\"text\":"
                                   "\"x\"}}")),
              405);
}
END_TEST

START_TEST(test_labels_and_versions_in_transactions)
{
    ck_status(flow_put("Basic/labels",
                       "{\"resourceType\":\"Basic\",\"id\":\"labels\",\"meta\":{\"security\":[{"
                       "\"system\":\"http://x.test/s\",\"code\":\"R\"}]},\"code\":{\"text\":\"a\"}}"),
              201);
    const struct flow_answer *a = flow(
        "POST", "", "Prefer: return=representation\n",
        bundle("transaction", "{\"resource\":{\"resourceType\":\"Basic\",\"id\":\"labels\",\"code\":{"
                              "\"text\":\"b\"}},\"request\":{"
                              "\"method\":\"PUT\",\"url\":\"Basic/labels\",\"ifMatch\":\"W/\\\"1\\\"\"}}"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.meta.security[0].code"), "R");
    ck_assert_str_eq(flow_text(a->json, "entry[0].resource.meta.versionId"), "2");
    ck_assert_str_eq(
        flow_text(flow_get("Basic?_security=http://x.test/s|R")->json, "entry[0].resource.code.text"), "b");
    a = flow("POST", "", "Prefer: return=OperationOutcome\n",
             bundle("transaction",
                    ENTRY_OF("PUT", "Basic/labels",
                             "{\"resourceType\":\"Basic\",\"id\":\"labels\",\"code\":{\"text\":\"c\"},"
                             "\"subject\":{\"reference\":\"Patient/nowhere\"}}")));
    ck_status(a, 200);
    ck_assert_ptr_null(flow_node(a->json, "entry[0].resource"));
    ck_assert_str_eq(flow_text(a->json, "entry[0].response.outcome.issue[0].code"), "not-found");
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry[0].response.outcome.issue")), 1);
}
END_TEST

static const char *version_of(const char *path)
{
    return flow_text(flow_get(path)->json, "meta.versionId");
}

/* Updates go as one statement; what hinders one of them, or what it has to keep, is still its own. */
START_TEST(test_many_updates)
{
    static const char labelled[] =
        "{\"resourceType\":\"Basic\",\"id\":\"many-labelled\",\"meta\":{\"tag\":[{"
        "\"system\":\"http://x.test/t\",\"code\":\"kept\"}]},\"code\":{\"text\":\"a\"}}";
#define PLAIN(id) "{\"resourceType\":\"Basic\",\"id\":\"" id "\",\"code\":{\"text\":\"b\"}}"
    static const char updates[] = ENTRY_OF("PUT", "Basic/many-new", PLAIN("many-new")) "," ENTRY_OF(
        "PUT", "Basic/many-labelled",
        PLAIN("many-labelled")) "," ENTRY_OF("PUT", "Basic/many-gone",
                                             PLAIN("many-gone")) "," ENTRY_OF("PUT", "Basic/many-there",
                                                                              PLAIN("many-there"));
    ck_status(flow_put("Basic/many-labelled", labelled), 201);
    ck_status(flow_put("Basic/many-there", PLAIN("many-there")), 201);
    ck_status(flow_put("Basic/many-gone", PLAIN("many-gone")), 201);
    ck_status(flow("DELETE", "Basic/many-gone", "", NULL), 204);
    /* the last one is hindered: none is written */
    ck_status(transaction(arena_printf(
                  flow_arena(),
                  "%s,{\"resource\":" PLAIN(
                      "many-hindered") ",\"request\":{\"method\":\"PUT\","
                                       "\"url\":\"Basic/many-hindered\",\"ifMatch\":\"W/\\\"7\\\"\"}}",
                  updates)),
              412);
    ck_status(flow_get("Basic/many-new"), 404);
    ck_assert_str_eq(version_of("Basic/many-there"), "1");

    const struct flow_answer *a = transaction(updates);
    ck_status(a, 200);
    ck_assert_str_eq(response(a, 0, "status"), "201 Created");
    ck_assert_str_eq(response(a, 0, "etag"), "W/\"1\"");
    ck_assert_str_eq(response(a, 1, "status"), "200 OK");
    ck_assert_str_eq(response(a, 1, "etag"), "W/\"2\"");
    ck_assert_str_eq(response(a, 2, "status"), "201 Created");
    ck_assert_str_eq(response(a, 2, "etag"), "W/\"3\"");
    ck_assert_str_eq(response(a, 3, "status"), "200 OK");
    ck_assert_str_eq(response(a, 3, "location"), "Basic/many-there/_history/2");
    a = flow_get("Basic/many-labelled");
    ck_assert_str_eq(flow_text(a->json, "meta.tag[0].code"), "kept");
    ck_assert_str_eq(flow_text(a->json, "code.text"), "b");
}
END_TEST

START_TEST(test_references_are_enforced)
{
    flow_set("store.references=enforce");
    static const char lost[] =
        "{\"resourceType\":\"Basic\",\"id\":\"lost\",\"code\":{\"text\":\"x\"},\"subject\":{"
        "\"reference\":\"Patient/lost\"}}";
    ck_status(flow_post("Basic", lost), 422);
    ck_status(flow_put("Basic/lost", lost), 422);
    ck_status(flow_get("Basic/lost"), 404);
    ck_status(transaction(ENTRY_OF(
                  "PUT", "Basic/lost",
                  "{\"resourceType\":\"Basic\",\"id\":\"lost\",\"code\":{\"text\":\"x\"},\"subject\":{"
                  "\"reference\":\"Patient/lost\"}}")),
              422);
    /* to an entry that comes later, and to itself */
    const struct flow_answer *a = transaction(
        ENTRY_OF("PUT", "Basic/lost",
                 "{\"resourceType\":\"Basic\",\"id\":\"lost\",\"code\":{\"text\":\"x\"},\"subject\":{"
                 "\"reference\":\"Patient/found\"}}") "," ENTRY_OF("PUT", "Patient/found",
                                                                   "{\"resourceType\":\"Patient\",\"id\":"
                                                                   "\"found\",\"link\":[{\"other\":{"
                                                                   "\"reference\":\"Patient/found\"},"
                                                                   "\"type\":\"seealso\"}]}"));
    ck_status(a, 200);
    ck_status(flow_put("Patient/self", "{\"resourceType\":\"Patient\",\"id\":\"self\",\"link\":[{\"other\":{"
                                       "\"reference\":\"Patient/self\"},\"type\":\"seealso\"}]}"),
              201);
    ck_status(flow_delete("Patient/found"), 204);
    ck_status(flow_put("Basic/lost",
                       "{\"resourceType\":\"Basic\",\"id\":\"lost\",\"code\":{\"text\":\"y\"},\"subject\":{"
                       "\"reference\":\"Patient/found\"}}"),
              422);
    flow_set("store.references=off");
    ck_status(flow_put("Basic/lost", lost), 200);
    flow_set("store.references=warn");
    a = flow("PUT", "Basic/lost", "Prefer: return=OperationOutcome\n", lost);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "warning");
    ck_assert_str_eq(flow_text(a->json, "issue[0].expression[0]"), "Basic.subject");
}
END_TEST

START_TEST(test_entries_that_read_are_as_they_would_be_alone)
{
    static const char *const urls[] = {"Patient/alone?_elements=gender", "Patient/alone?_summary=text",
                                       "Patient/alone/_history/1?_elements=birthDate",
                                       "metadata?mode=terminology", "metadata?_elements=software"};
    ck_status(flow_put("Patient/alone", "{\"resourceType\":\"Patient\",\"id\":\"alone\",\"gender\":\"male\","
                                        "\"birthDate\":\"2000-01-01\"}"),
              201);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const json *alone = flow_get(urls[i])->json;
        const char *entry =
            arena_printf(flow_arena(), "{\"request\":{\"method\":\"GET\",\"url\":\"%s\"}}", urls[i]);
        const struct flow_answer *a = batch(entry);
        ck_assert_msg(json_equal(flow_node(a->json, "entry[0].resource"), alone), "%s: %.*s", urls[i],
                      STR_FMT(a->body));
        /* whatever the whole is sent as */
        a = flow("POST", "", "Accept: application/fhir+xml\n", bundle("batch", entry));
        ck_status(a, 200);
        ck_assert_ptr_nonnull(strstr(a->body.s, flow_text(alone, "resourceType")));
    }
}
END_TEST

START_TEST(test_batch_entries_stand_alone)
{
    ck_status(flow_put("Patient/batch", "{\"resourceType\":\"Patient\",\"id\":\"batch\"}"), 201);
    const struct flow_answer *a = batch(
        ENTRY("GET", "Patient/batch") "," ENTRY_OF("POST", "Patient", "{\"resourceType\":\"Patient\",\"gender\":\"unheard\"}") "," ENTRY_OF("POST", "Patient", "{\"resourceType\":\"Patient\",\"gender\":\"female\"}") "," ENTRY("GET", "Patient/nobody") "," ENTRY("DELETE", "Patient/batch") "," ENTRY(
            "GET",
            "/Patient/batch") "," ENTRY("GET", FLOW_BASE
                                        "/metadata?_summary=true") "," ENTRY("GET",
                                                                             "Patient?gender=female&_"
                                                                             "count=1") ","
                                                                                        "{}," ENTRY_OF(
                                                                                            "PUT",
                                                                                            "Patient/"
                                                                                            "batch",
                                                                                            "{\"resour"
                                                                                            "ceType\":"
                                                                                            "\"Patient"
                                                                                            "\","
                                                                                            "\"id\":"
                                                                                            "\"batch\""
                                                                                            "}") ","
                                                                                                 "{\"r"
                                                                                                 "eque"
                                                                                                 "st\""
                                                                                                 ":{"
                                                                                                 "\"me"
                                                                                                 "thod"
                                                                                                 "\":"
                                                                                                 "\"GE"
                                                                                                 "T\","
                                                                                                 "\"ur"
                                                                                                 "l\":"
                                                                                                 "\"Pa"
                                                                                                 "tien"
                                                                                                 "t/"
                                                                                                 "batc"
                                                                                                 "h\","
                                                                                                 "\"if"
                                                                                                 "None"
                                                                                                 "Matc"
                                                                                                 "h\":"
                                                                                                 "\"W/"
                                                                                                 "\\\""
                                                                                                 "3\\"
                                                                                                 "\"\""
                                                                                                 "}},"
                                                                                                 "{\"r"
                                                                                                 "eque"
                                                                                                 "st\""
                                                                                                 ":{"
                                                                                                 "\"me"
                                                                                                 "thod"
                                                                                                 "\":"
                                                                                                 "\"GE"
                                                                                                 "T\","
                                                                                                 "\"ur"
                                                                                                 "l\":"
                                                                                                 "\"Pa"
                                                                                                 "tien"
                                                                                                 "t/"
                                                                                                 "batc"
                                                                                                 "h\","
                                                                                                 "\"if"
                                                                                                 "Modi"
                                                                                                 "fied"
                                                                                                 "Sinc"
                                                                                                 "e\":"
                                                                                                 "\"21"
                                                                                                 "99-"
                                                                                                 "01-"
                                                                                                 "01T0"
                                                                                                 "0:"
                                                                                                 "00:"
                                                                                                 "00Z"
                                                                                                 "\"}}"
                                                                                                 "," ENTRY(
                                                                                                     "GET",
                                                                                                     "http://"
                                                                                                     "elsewhe"
                                                                                                     "re."
                                                                                                     "test/"
                                                                                                     "fhir/"
                                                                                                     "Patient"
                                                                                                     "/batc"
                                                                                                     "h"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "type"), "batch-response");
    static const char *const status[] = {
        "200 OK",           "400 Bad Request",  "201 Created",  "404 Not Found",   "204 No Content",
        "410 Gone",         "200 OK",           "200 OK",       "400 Bad Request", "201 Created",
        "304 Not Modified", "304 Not Modified", "404 Not Found"};
    for (int i = 0; i < 13; i++)
        ck_assert_msg(strcmp(response(a, i, "status"), status[i]) == 0, "%d: %s: %.*s", i,
                      response(a, i, "status"), STR_FMT(a->body));
    ck_assert_str_eq(flow_text(a->json, "entry[1].response.outcome.issue[0].expression[0]"),
                     "Bundle.entry[1].resource.gender");
    ck_assert_str_eq(flow_text(a->json, "entry[7].resource.type"), "searchset");
    ck_assert_ptr_null(flow_node(a->json, "entry[7].fullUrl"));
}
END_TEST

START_TEST(test_bundles_that_are_none)
{
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"transaction\"}"), 200);
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[]}"), 400);
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}"), 400);
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":{}}"), 400);
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"nonsense\":1}"), 400);
    ck_status(flow_post("", "{\"resourceType\":\"Bundle\"}"), 400);
    /* stored like any other resource */
    ck_status(flow_post("Bundle", "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}"), 201);
}
END_TEST

START_TEST(test_a_large_bundle)
{
    struct buf b;
    buf_init(&b, flow_arena(), 1 << 20);
    buf_adds(&b, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[");
    for (int i = 0; i < 5000; i++)
        buf_addf(
            &b,
            "%s{\"fullUrl\":\"urn:uuid:%08x-0000-4000-8000-000000000000\",\"resource\":{\"resourceType\":"
            "\"Basic\",\"code\":{\"coding\":[{\"system\":\"http://x.test/large\",\"code\":\"%d\"}]},"
            "\"subject\":{\"reference\":\"urn:uuid:%08x-0000-4000-8000-000000000000\"}},\"request\":{"
            "\"method\":\"%s\",\"url\":\"Basic%s\"}}",
            i ? "," : "", i, i % 7, (i * 31 + 7) % 5000, i % 5 ? "POST" : "PUT",
            i % 5 ? "" : arena_printf(flow_arena(), "?code=http://x.test/large|put%d", i));
    buf_adds(&b, "]}");
    const struct flow_answer *a = flow_post("", b.s);
    ck_status(a, 200);
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry")), 5000);
    ck_assert_int_eq(count("SELECT count(*) FROM res WHERE content LIKE '%x.test/large%'"), 5000);
    ck_assert_int_eq(
        count("SELECT count(*) FROM res WHERE content LIKE '%x.test/large%' AND content LIKE '%urn:uuid%'"),
        0);
    flow_set("store.bundle_entries=4999");
    ck_status(flow_post("", b.s), 413);
}
END_TEST

Suite *suite_flow_transaction(void)
{
    Suite *s = suite_create("flow/transaction");
    TCase *tc = tcase_create("transaction");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_links_are_resolved_everywhere);
    tcase_add_test(tc, test_full_urls_of_another_server);
    tcase_add_test(tc, test_conditional_references);
    tcase_add_test(tc, test_all_or_nothing);
    tcase_add_test(tc, test_order_of_processing);
    tcase_add_test(tc, test_one_resource_by_one_entry);
    tcase_add_test(tc, test_conditional_entries);
    tcase_add_test(tc, test_labels_and_versions_in_transactions);
    tcase_add_test(tc, test_many_updates);
    tcase_add_test(tc, test_references_are_enforced);
    tcase_add_test(tc, test_batch_entries_stand_alone);
    tcase_add_test(tc, test_entries_that_read_are_as_they_would_be_alone);
    tcase_add_test(tc, test_bundles_that_are_none);
    tcase_add_test(tc, test_a_large_bundle);
    suite_add_tcase(s, tc);
    return s;
}
