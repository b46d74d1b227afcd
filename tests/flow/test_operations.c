/* Operations (operations.html): routing, parameters, $validate, $meta, $meta-add, $meta-delete, $everything. */
#include "support/flow.h"

#define PATIENT(id, rest) "{\"resourceType\":\"Patient\",\"id\":\"" id "\"" rest "}"
#define META(members)                                                                                        \
    "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"meta\",\"valueMeta\":{" members "}}]}"

START_TEST(test_routing)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *allow;
    } cases[] = {
        {"GET", "$nothing", 404, NULL},
        {"POST", "Patient/$nothing", 404, NULL},
        {"GET", "Patient/1/$nothing", 404, NULL},
        {"GET", "Patient/1/_history/1/$nothing", 404, NULL},
        {"GET", "Nothing/$meta", 404, NULL},
        {"GET", "Patient/1/2/$meta", 404, NULL},
        {"GET", "$everything", 404, NULL},
        {"GET", "Observation/1/$everything", 404, NULL},
        {"POST", "Patient/1/_history/1/$validate", 404, NULL},
        {"GET", "Patient/1/$meta-add", 405, "POST"},
        {"DELETE", "Patient/1/$meta", 405, "GET, HEAD, POST"},
        {"PUT", "Patient/$validate", 405, "GET, HEAD, POST"},
        {"HEAD", "Patient/$meta", 200, NULL},
        {"GET", "Patient/%24meta", 200, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flow_answer *a = flow(cases[i].method, cases[i].path, NULL, NULL);
        ck_assert_msg(a->status == cases[i].status, "%s %s: %d: %.*s", cases[i].method, cases[i].path,
                      a->status, STR_FMT(a->body));
        if (a->status >= 400)
            ck_assert_str_eq(flow_text(a->json, "issue[0].severity"), "error");
        if (cases[i].allow)
            ck_assert_str_eq(flow_header(a, "Allow"), cases[i].allow);
    }
}
END_TEST

START_TEST(test_parameters_that_are_wrong_are_named)
{
    static const struct {
        const char *method, *path, *body, *named;
    } cases[] = {
        {"GET", "Patient/1/$meta?nonsense=1", NULL, "'nonsense'"},
        {"POST", "Patient/1/$meta-add", NULL, "'meta'"},
        {"POST", "Patient/1/$meta-add", "{\"resourceType\":\"Parameters\"}", "'meta'"},
        {"POST", "Patient/1/$meta-add?meta=x", NULL, "Parameters"},
        {"POST", "Patient/1/$meta-add", "{\"resourceType\":\"Patient\"}", "Parameters"},
        {"POST", "Patient/1/$meta-add",
         "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"meta\",\"valueString\":\"x\"}]}",
         "valueMeta"},
        {"POST", "Patient/1/$meta-add", "{\"resourceType\":\"Parameters\",\"parameter\":[{}]}", "name"},
        {"POST", "Patient/$validate",
         "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"mode\",\"valueCode\":\"create\"},{"
         "\"name\":\"mode\",\"valueCode\":\"create\"}]}",
         "twice"},
        {"POST", "Patient/$validate", "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"mode\"}]}",
         "'mode'"},
        {"POST", "Patient/$validate", "{\"resourceType\":\"Parameters\"}", "'resource'"},
        {"GET", "Patient/$validate?mode=sideways", NULL, "'mode'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flow_answer *a = flow(cases[i].method, cases[i].path, NULL, cases[i].body);
        ck_assert_msg(a->status == 400, "case %zu: %d: %.*s", i, a->status, STR_FMT(a->body));
        ck_assert_msg(strstr(flow_text(a->json, "issue[0].diagnostics"), cases[i].named), "case %zu: %.*s", i,
                      STR_FMT(a->body));
    }
}
END_TEST

/* ---- $validate ----------------------------------------------------------------------------------------------- */

static const char *validate(const char *mode, const char *resource)
{
    const char *first =
        mode ? arena_printf(flow_arena(), "{\"name\":\"mode\",\"valueCode\":\"%s\"}", mode) : "";
    const char *second =
        resource ? arena_printf(flow_arena(), "{\"name\":\"resource\",\"resource\":%s}", resource) : "";
    return arena_printf(flow_arena(), "{\"resourceType\":\"Parameters\",\"parameter\":[%s%s%s]}", first,
                        mode && resource ? "," : "", second);
}

static void ck_issue(const struct flow_answer *a, const char *severity, const char *code)
{
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "OperationOutcome");
    ck_assert_msg(strcmp(flow_text(a->json, "issue[0].severity"), severity) == 0 &&
                      strcmp(flow_text(a->json, "issue[0].code"), code) == 0,
                  "%.*s", STR_FMT(a->body));
}

START_TEST(test_validate)
{
    ck_issue(flow_post("$validate", PATIENT("v", "")), "information", "informational");
    ck_issue(flow_post("Patient/$validate", PATIENT("v", "")), "information", "informational");
    ck_issue(flow_post("Patient/$validate", PATIENT("v", ",\"nonsense\":1")), "error", "structure");
    ck_issue(flow_post("Patient/$validate", validate(NULL, PATIENT("v", ",\"nonsense\":1"))), "error",
             "structure");
    ck_issue(flow_post("Patient/$validate", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}"),
             "error", "structure");
    ck_status(flow_post("Patient/$validate", "{"), 400);
    ck_status(flow_get("Patient/v"), 404);
}
END_TEST

/* Where in the body it is, and in the client's language. */
START_TEST(test_validate_tells_where)
{
    const char *body = "{\"resourceType\":\"Patient\",\n \"active\":7}";
    const struct flow_answer *a = flow("POST", "Patient/$validate", "Accept-Language: fr, ja;q=0.5\n", body);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "issue[0].location[0]"), "Line 2, Col 11");
    ck_assert_str_eq(flow_text(a->json, "issue[0].details.text"),
                     "Patient.active は boolean 型です。引用符なしの true または falseで書いてください");
    a = flow_post("Patient", body);
    ck_status(a, 400);
    ck_assert_str_eq(flow_text(a->json, "issue[0].location[0]"), "Line 2, Col 11");
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "issue[0].details.text"), "without quotes"));
    a = flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[\n{\"resource\":"
                      "{\"resourceType\":\"Patient\",\"active\":7},\n"
                      "\"request\":{\"method\":\"POST\",\"url\":\"Patient\"}}]}");
    ck_status(a, 400);
    ck_assert_str_eq(flow_text(a->json, "issue[0].location[0]"), "Line 2, Col 48");
}
END_TEST

START_TEST(test_validate_modes)
{
    ck_status(flow_put("Patient/vm", PATIENT("vm", "")), 201);
    const char *good = PATIENT("vm", ""), *other = PATIENT("other", "");
    ck_issue(flow_post("Patient/$validate", validate("create", good)), "information", "informational");
    ck_issue(flow("POST", "Patient/$validate", flow_token("system/Patient.r"), validate("create", good)),
             "error", "forbidden");
    ck_status(flow_post("Patient/vm/$validate", validate("create", good)), 400);
    ck_status(flow_post("Patient/$validate", validate("update", good)), 400);
    ck_status(flow_post("Patient/$validate", validate("delete", NULL)), 400);
    ck_issue(flow_post("Patient/vm/$validate", validate("update", good)), "information", "informational");
    ck_issue(flow_post("Patient/vm/$validate", validate("update", other)), "error", "invalid");
    ck_status(flow_post("Patient/vm/$validate", validate("update", NULL)), 400);
    ck_issue(flow("POST", "Patient/vm/$validate", "If-Match: W/\"7\"\n", validate("update", good)), "error",
             "conflict");
    ck_issue(flow_post("Patient/vm/$validate",
                       validate("update", PATIENT("vm", ",\"meta\":{\"versionId\":\"7\"}"))),
             "warning", "conflict");
    ck_issue(flow_post("Patient/vn/$validate", validate("update", PATIENT("vn", ""))), "information",
             "informational");
    flow_set("store.client_ids=none");
    ck_issue(flow_post("Patient/vn/$validate", validate("update", PATIENT("vn", ""))), "error", "not-found");
    flow_set("store.client_ids=any");
    ck_issue(flow_get("Patient/vm/$validate?mode=delete"), "information", "informational");
    ck_issue(flow_get("Patient/vn/$validate?mode=delete"), "information", "not-found");
    ck_issue(flow("GET", "Patient/vm/$validate?mode=delete", flow_token("system/Patient.r"), NULL), "error",
             "forbidden");
    ck_status(flow("GET", "Patient/vm/$validate?mode=delete", flow_token("system/Patient.d"), NULL), 403);
    /* what is stored */
    ck_issue(flow_get("Patient/vm/$validate"), "information", "informational");
    ck_status(flow_get("Patient/vn/$validate"), 404);
    ck_status(flow_get("Patient/vm"), 200);
}
END_TEST

START_TEST(test_validate_against_a_profile)
{
    ck_issue(flow_post("Patient/$validate?profile=http://hl7.org/fhir/StructureDefinition/Patient",
                       PATIENT("v", "")),
             "information", "informational");
    ck_issue(flow_post("Patient/$validate?profile=http://hl7.org/fhir/StructureDefinition/Basic",
                       PATIENT("v", "")),
             "error", "structure");
    ck_issue(flow_post("Patient/$validate?profile=http://x.test/p", PATIENT("v", "")), "error", "not-found");
    ck_issue(flow_post("Observation/$validate?profile=http://hl7.org/fhir/StructureDefinition/bodyweight",
                       "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"}}"),
             "error", "required");
    ck_issue(
        flow_post(
            "Patient/$validate",
            "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"resource\",\"resource\":" PATIENT(
                "v", "") "},{\"name\":\"profile\",\"valueUri\":\"http://x.test/p\"}]}"),
        "error", "not-found");
}
END_TEST

/* ---- $meta ------------------------------------------------------------------------------------------------------ */

#define TAG(code) "{\"system\":\"http://x.test/t\",\"code\":\"" code "\"}"

static unsigned matches(const char *search)
{
    const json *bundle = flow_get(search)->json;
    return (unsigned)json_count(flow_node(bundle, "entry"));
}

START_TEST(test_meta_of_an_instance_and_of_a_version)
{
    ck_status(flow_put("Patient/m", PATIENT("m", ",\"meta\":{\"tag\":[" TAG("a") "]}")), 201);
    ck_status(flow_put("Patient/m", PATIENT("m", ",\"meta\":{\"tag\":[" TAG("b") "]}")), 200);
    const struct flow_answer *a = flow_get("Patient/m/$meta");
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), "Parameters");
    ck_assert_str_eq(flow_text(a->json, "parameter[0].name"), "return");
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.versionId"), "2");
    ck_assert_uint_eq(json_count(flow_node(a->json, "parameter[0].valueMeta.tag")), 2);
    a = flow_post("Patient/m/_history/1/$meta", NULL);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.versionId"), "1");
    ck_assert_uint_eq(json_count(flow_node(a->json, "parameter[0].valueMeta.tag")), 1);
    ck_status(flow_get("Patient/m/_history/9/$meta"), 404);
    ck_status(flow_get("Patient/nobody/$meta"), 404);
    ck_status(flow("GET", "Patient/m/$meta", flow_token("system/Patient.s"), NULL), 403);
    ck_status(flow_delete("Patient/m"), 204);
    ck_status(flow_get("Patient/m/$meta"), 410);
    ck_status(flow_get("Patient/m/_history/2/$meta"), 200);
}
END_TEST

START_TEST(test_meta_of_a_type_and_of_the_system)
{
    ck_status(flow_put("Basic/s1",
                       "{\"resourceType\":\"Basic\",\"id\":\"s1\",\"code\":{\"text\":\"x\"},"
                       "\"meta\":{\"profile\":[\"http://x.test/p\"],\"tag\":[" TAG("only-basic") "]}}"),
              201);
    ck_status(flow_put("Basic/s2", "{\"resourceType\":\"Basic\",\"id\":\"s2\",\"code\":{\"text\":\"x\"},"
                                   "\"meta\":{\"tag\":[" TAG("only-basic") "," TAG("second") "]}}"),
              201);
    ck_status(flow_put("Basic/s3", "{\"resourceType\":\"Basic\",\"id\":\"s3\",\"code\":{\"text\":\"x\"}}"),
              201);
    const struct flow_answer *a = flow_get("Basic/$meta");
    ck_status(a, 200);
    ck_assert_uint_eq(json_count(flow_node(a->json, "parameter[0].valueMeta.tag")), 2);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.profile[0]"), "http://x.test/p");
    ck_assert_ptr_null(flow_node(a->json, "parameter[0].valueMeta.versionId"));
    ck_assert_ptr_nonnull(strstr(flow_get("$meta")->body.s, "only-basic"));
    ck_assert_ptr_null(flow_node(flow_get("Account/$meta")->json, "parameter[0].valueMeta"));
    ck_status(flow("GET", "$meta", flow_token("system/Basic.rs"), NULL), 403);
    ck_status(flow("GET", "Basic/$meta", flow_token("system/Basic.rs"), NULL), 200);
}
END_TEST

START_TEST(test_meta_add_and_delete)
{
    ck_status(flow_put("Patient/c", PATIENT("c", ",\"meta\":{\"tag\":[" TAG("a") "]},\"active\":true")), 201);
    const struct flow_answer *a =
        flow_post("Patient/c/$meta-add", META("\"profile\":[\"http://x.test/p\"],\"tag\":[" TAG("a") "," TAG(
                                             "b") "],\"security\":["
                                                  "{\"system\":\"http://x."
                                                  "test/s\",\"code\":\"R\"}]"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.versionId"), "2");
    ck_assert_uint_eq(json_count(flow_node(a->json, "parameter[0].valueMeta.tag")), 2);
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"2\"");
    const json *read = flow_get("Patient/c")->json;
    ck_assert_str_eq(flow_text(read, "meta.security[0].code"), "R");
    ck_assert_str_eq(flow_text(read, "meta.profile[0]"), "http://x.test/p");
    ck_assert(json_is_true(flow_node(read, "active")));
    ck_assert_uint_eq(matches("Patient?_tag=http://x.test/t|b&_id=c"), 1);
    ck_assert_uint_eq(matches("Patient?_security=R&_id=c"), 1);
    ck_assert_uint_eq(matches("Patient?_profile=http://x.test/p&_id=c"), 1);

    a = flow_post("Patient/c/$meta-delete",
                  META("\"profile\":[\"http://x.test/p\"],\"tag\":[{\"system\":\"http://x.test/"
                       "t\",\"code\":\"a\",\"display\":\"other words\"}," TAG("never") "]"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.versionId"), "3");
    ck_assert_uint_eq(json_count(flow_node(a->json, "parameter[0].valueMeta.tag")), 1);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.tag[0].code"), "b");
    ck_assert_ptr_null(flow_node(flow_get("Patient/c")->json, "meta.profile"));
    ck_assert_uint_eq(matches("Patient?_tag=http://x.test/t|a&_id=c"), 0);
    ck_assert_uint_eq(matches("Patient?_profile=http://x.test/p&_id=c"), 0);
    ck_assert_uint_eq(matches("Patient?_tag=http://x.test/t|b&_id=c"), 1);

    ck_status(flow("POST", "Patient/c/$meta-add", flow_token("system/Patient.rs"), META("\"tag\":[]")), 403);
    ck_status(flow_post("Patient/nobody/$meta-add", META("\"tag\":[" TAG("a") "]")), 404);
    ck_status(flow_post("Patient/c/$meta-add", META("\"tag\":[{\"nonsense\":1}]")), 400);
    ck_status(flow_delete("Patient/c"), 204);
    ck_status(flow_post("Patient/c/$meta-add", META("\"tag\":[" TAG("a") "]")), 410);
}
END_TEST

START_TEST(test_labels_of_an_old_version)
{
    ck_status(flow_put("Patient/h", PATIENT("h", ",\"active\":true")), 201);
    ck_status(flow_put("Patient/h", PATIENT("h", "")), 200);
    const char *before = flow_text(flow_get("Patient/h/_history/1")->json, "meta.lastUpdated");
    const struct flow_answer *a =
        flow_post("Patient/h/_history/1/$meta-add", META("\"tag\":[" TAG("old") "]"));
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.versionId"), "1");
    a = flow_get("Patient/h/_history/1");
    ck_assert_str_eq(flow_text(a->json, "meta.tag[0].code"), "old");
    ck_assert_str_eq(flow_text(a->json, "meta.lastUpdated"), before);
    ck_assert(json_is_true(flow_node(a->json, "active")));
    /* the current one is as it was */
    a = flow_get("Patient/h");
    ck_assert_str_eq(flow_header(a, "ETag"), "W/\"2\"");
    ck_assert_ptr_null(flow_node(a->json, "meta.tag"));
    ck_assert_uint_eq(matches("Patient?_tag=old&_id=h"), 0);
    ck_status(flow_post("Patient/h/_history/9/$meta-add", META("\"tag\":[" TAG("x") "]")), 404);
    /* the current one by its number is changed as always */
    a = flow_post("Patient/h/_history/2/$meta-add", META("\"tag\":[" TAG("new") "]"));
    ck_assert_str_eq(flow_text(a->json, "parameter[0].valueMeta.versionId"), "3");
    ck_assert_uint_eq(matches("Patient?_tag=new&_id=h"), 1);
}
END_TEST

/* ---- in a Bundle, in the CapabilityStatement ------------------------------------------------------------------------ */

START_TEST(test_operations_in_bundles)
{
    static const char *const types[] = {"batch", "transaction"};
    for (int i = 0; i < 2; i++) {
        ck_status(flow_put("Patient/b", PATIENT("b", "")), 201);
        const struct flow_answer *a = flow_post(
            "", arena_printf(
                    flow_arena(),
                    "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":["
                    "{\"request\":{\"method\":\"GET\",\"url\":\"Patient/b/$meta\"}},"
                    "{\"request\":{\"method\":\"POST\",\"url\":\"Patient/$validate\"},\"resource\":%s},"
                    "{\"request\":{\"method\":\"POST\",\"url\":\"Patient/b/$meta-add\"},\"resource\":%s}]}",
                    types[i], PATIENT("x", ""), META("\"tag\":[" TAG("t") "]")));
        ck_status(a, 200);
        ck_assert_str_eq(flow_text(a->json, "entry[0].response.status"), "200 OK");
        ck_assert_str_eq(flow_text(a->json, "entry[0].resource.resourceType"), "Parameters");
        ck_assert_str_eq(flow_text(a->json, "entry[1].response.status"), "200 OK");
        ck_assert_str_eq(flow_text(a->json, "entry[2].response.status"), "200 OK");
        ck_assert_str_eq(flow_text(flow_get("Patient/b")->json, "meta.tag[0].code"), "t");
        ck_status(flow_delete("Patient/b"), 204);
    }
    const struct flow_answer *a =
        flow_post("", "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":"
                      "\"GET\",\"url\":\"Patient/1/$nothing\"}},{\"request\":{\"method\":\"GET\",\"url\":"
                      "\"Patient/1/$meta-add\"}}]}");
    ck_assert_str_eq(flow_text(a->json, "entry[0].response.status"), "404 Not Found");
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "entry[1].response.status"), "405"));
}
END_TEST

START_TEST(test_everything_of_an_encounter)
{
    ck_status(flow_put("Encounter/e",
                       "{\"resourceType\":\"Encounter\",\"id\":\"e\",\"status\":\"finished\","
                       "\"class\":{\"code\":\"AMB\"},\"subject\":{\"reference\":\"Patient/ep\"}}"),
              201);
    ck_status(flow_put("Patient/ep", PATIENT("ep", "")), 201);
    ck_status(flow_put("Observation/eo",
                       "{\"resourceType\":\"Observation\",\"id\":\"eo\",\"status\":\"final\","
                       "\"code\":{\"text\":\"x\"},\"encounter\":{\"reference\":"
                       "\"Encounter/e\"}}"),
              201);
    ck_assert_uint_eq(matches("Encounter/e/$everything"), 3);
    ck_assert_uint_eq(matches("Encounter/e/$everything?_type=Observation"), 1);
    const struct flow_answer *a = flow_post(
        "Encounter/e/$everything",
        "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueCode\":\"Encounter\"}]}");
    ck_assert_uint_eq(json_count(flow_node(a->json, "entry")), 1);
    ck_status(flow_get("Encounter/nobody/$everything"), 404);
    ck_status(flow_get("Encounter/e/$everything?start=2020"), 400);
    /* the links lead on */
    const char *since = "Encounter/e/$everything?_count=1&_since=2001-01-01T00:00:00Z";
    unsigned found = 0;
    for (int page = 0; since && page < 5; page++) {
        a = flow_get(since);
        ck_status(a, 200);
        found += (unsigned)json_count(flow_node(a->json, "entry"));
        since = NULL;
        json_each (link, flow_node(a->json, "link"))
            if (strcmp(flow_text(link, "relation"), "next") == 0)
                since = flow_text(link, "url") + strlen(FLOW_BASE "/");
    }
    ck_assert_uint_ge(found, 3);
    ck_assert_ptr_null(since);
}
END_TEST

static bool offers(const json *of, const char *name)
{
    json_each (o, flow_node(of, "operation"))
        if (strcmp(flow_text(o, "name"), name) == 0 &&
            strstr(flow_text(o, "definition"), "http://hl7.org/fhir/OperationDefinition/"))
            return true;
    return false;
}

static void check_valid(const struct flow_answer *a, const char *type)
{
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "resourceType"), type);
    const struct flow_answer *v = flow_post(arena_printf(flow_arena(), "%s/$validate", type),
                                            arena_strndup(flow_arena(), a->body.s, a->body.len));
    ck_status(v, 200);
    json_each (issue, json_get(v->json, "issue"))
        ck_assert_msg(strcmp(flow_text(issue, "severity"), "error") != 0, "%s: %s", type,
                      flow_text(issue, "diagnostics"));
}

/* The last part of its URL is its id here. */
static void check_definition(const json *operation)
{
    const char *url = flow_text(operation, "definition"), *at = url + strlen(url);
    while (at > url && at[-1] != '/' && at[-1] != ':')
        at--;
    const struct flow_answer *a = flow_get(arena_printf(flow_arena(), "OperationDefinition/%s", at));
    check_valid(a, "OperationDefinition");
    ck_assert_str_eq(flow_text(a->json, "url"), url);
    ck_assert_str_eq(flow_text(a->json, "code"), flow_text(operation, "name"));
}

START_TEST(test_definitions_of_operations_are_read)
{
    const json *rest = flow_node(flow_get("metadata")->json, "rest[0]");
    json_each (operation, json_get(rest, "operation"))
        check_definition(operation);
    json_each (resource, json_get(rest, "resource"))
        if (strcmp(flow_text(resource, "type"), "Patient") == 0 ||
            strcmp(flow_text(resource, "type"), "Encounter") == 0)
            json_each (operation, json_get(resource, "operation"))
                check_definition(operation);
    ck_status(flow_get("OperationDefinition/nothing"), 404);
    ck_status(flow_get("OperationDefinition/Resource-meta/_history/1"), 404);
    /* one that is stored goes first */
    const char *own =
        "{\"resourceType\":\"OperationDefinition\",\"id\":\"Resource-meta\",\"name\":\"Own\",\"status\":"
        "\"active\",\"kind\":\"operation\",\"code\":\"meta\",\"system\":true,\"type\":true,"
        "\"instance\":true}";
    ck_status(flow_put("OperationDefinition/Resource-meta", own), 201);
    ck_assert_str_eq(flow_text(flow_get("OperationDefinition/Resource-meta")->json, "name"), "Own");
}
END_TEST

START_TEST(test_metadata_has_modes)
{
    const struct flow_answer *full = flow_get("metadata?mode=full"),
                             *normative = flow_get("metadata?mode=normative");
    check_valid(full, "CapabilityStatement");
    check_valid(normative, "CapabilityStatement");
    ck_assert_uint_gt(json_count(flow_node(full->json, "rest[0].resource")), 140);
    ck_assert_uint_eq(json_count(flow_node(normative->json, "rest[0].resource")), 11);
    check_valid(flow_get("metadata?mode=terminology"), "TerminologyCapabilities");
    ck_status(flow_get("metadata?mode=nonsense"), 400);
    ck_status(flow("GET", ".well-known/smart-configuration", "Authorization:\n", NULL), 404);
    ck_status(flow("GET", "well-known/smart-configuration", "Authorization:\n", NULL), 401);
}
END_TEST

START_TEST(test_capability_statement_names_them)
{
    const json *rest = flow_node(flow_get("metadata")->json, "rest[0]");
    ck_assert(offers(rest, "meta"));
    ck_assert(offers(rest, "validate"));
    ck_assert(!offers(rest, "meta-add"));
    json_each (r, flow_node(rest, "resource")) {
        const char *type = flow_text(r, "type");
        ck_assert(offers(r, "meta-add"));
        ck_assert_int_eq(offers(r, "everything"),
                         strcmp(type, "Patient") == 0 || strcmp(type, "Encounter") == 0);
    }
}
END_TEST

/* What is built in is not found, but named. */
START_TEST(test_built_in_by_url)
{
    const struct flow_answer *a =
        flow_get("OperationDefinition?url=http://hl7.org/fhir/OperationDefinition/Resource-validate");
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "entry[0].search.mode"), "outcome");
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "entry[0].resource.issue[0].diagnostics"),
                                 "OperationDefinition/Resource-validate"));
    ck_status(flow_get("OperationDefinition/Resource-validate"), 200);
    a = flow_get("SearchParameter?url=http://hl7.org/fhir/SearchParameter/Patient-active|4.0.1,http://x");
    ck_status(a, 200);
    ck_assert_ptr_nonnull(
        strstr(flow_text(a->json, "entry[0].resource.issue[0].diagnostics"), "Patient-active"));
    ck_assert_ptr_null(flow_node(a->json, "entry[1]"));
    ck_assert_ptr_null(flow_node(flow_get("SearchParameter?url=http://x.test/none")->json, "entry[0]"));
    ck_assert_ptr_null(flow_node(
        flow_get("ValueSet?url=http://hl7.org/fhir/SearchParameter/Patient-active")->json, "entry[0]"));
}
END_TEST

Suite *suite_flow_operations(void)
{
    Suite *s = suite_create("flow/operations");
    TCase *tc = tcase_create("operations");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_routing);
    tcase_add_test(tc, test_parameters_that_are_wrong_are_named);
    tcase_add_test(tc, test_validate);
    tcase_add_test(tc, test_validate_modes);
    tcase_add_test(tc, test_validate_tells_where);
    tcase_add_test(tc, test_validate_against_a_profile);
    tcase_add_test(tc, test_meta_of_an_instance_and_of_a_version);
    tcase_add_test(tc, test_meta_of_a_type_and_of_the_system);
    tcase_add_test(tc, test_meta_add_and_delete);
    tcase_add_test(tc, test_labels_of_an_old_version);
    tcase_add_test(tc, test_operations_in_bundles);
    tcase_add_test(tc, test_everything_of_an_encounter);
    tcase_add_test(tc, test_capability_statement_names_them);
    tcase_add_test(tc, test_definitions_of_operations_are_read);
    tcase_add_test(tc, test_metadata_has_modes);
    tcase_add_test(tc, test_built_in_by_url);
    suite_add_tcase(s, tc);
    return s;
}
