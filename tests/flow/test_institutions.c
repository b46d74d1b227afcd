/* Several institutions behind one server: whose request it is, what is one's own, what happens to who comes to the wrong door.
 * That nothing of one is seen or changed by way of another: test_access.c. */
#include <stdlib.h>

#include "support/flow.h"
#include "tenant/tenant.h"

static struct err err;

#define PATH(...) arena_printf(flow_arena(), __VA_ARGS__)
#define PATIENT   "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"family\":\"%s\"}]}"
#define ANONYMOUS "Authorization:\n"

static const char *token_of(const char *institution)
{
    return flow_token_with("system/*.cruds",
                           institution ? PATH("{\"institution\":\"%s\"}", institution) : NULL);
}

static int total(const struct flow_answer *a)
{
    ck_status(a, 200);
    return atoi(json_get(a->json, "total")->valuestring);
}

static void begin(void)
{
    flow_suite_begin();
    flow_base("auth.institution_claim=institution");
}

static void open_both(void)
{
    flow_institution("east", "");
    flow_institution("west", "store.client_ids = none\n");
}

static void change(const char *name, enum tenant_state state, const char *settings)
{
    struct tenant t;
    ck_ok(tenant_find(flow_conn(), flow_arena(), name, &t, &err));
    ck_ok(tenant_change(flow_conn(), flow_arena(), &t, state, settings ? settings : t.settings, &err));
    flow_institutions_follow();
}

START_TEST(each_has_its_own)
{
    open_both();
    ck_status(flow_put("Patient/p", PATH(PATIENT, "Main")), 201);
    const struct flow_answer *a =
        flow("PUT", "/east/fhir/Patient/p", token_of("east"), PATH(PATIENT, "East"));
    ck_status(a, 201);
    ck_assert_str_eq(flow_header(a, "Location"), "http://flow.test/east/fhir/Patient/p/_history/1");
    a = flow("GET", "/east/fhir/Patient?name=east", token_of("east"), NULL);
    ck_assert_int_eq(total(a), 1);
    ck_assert_str_eq(flow_text(a->json, "entry[0].fullUrl"), "http://flow.test/east/fhir/Patient/p");
    ck_assert_ptr_nonnull(strstr(flow_text(a->json, "link[0].url"), "http://flow.test/east/fhir/Patient?"));
    ck_assert_int_eq(total(flow_get("Patient?name=east")), 0);
    ck_assert_str_eq(flow_text(flow_get("Patient/p")->json, "name[0].family"), "Main");
    ck_status(flow("GET", "/west/fhir/Patient/p", token_of("west"), NULL), 404);
    /* settings of its own */
    ck_status(flow("PUT", "/west/fhir/Patient/p", token_of("west"), PATH(PATIENT, "West")), 405);
    ck_status(flow("POST", "/west/fhir/Patient", token_of("west"), PATH(PATIENT, "West")), 201);
    a = flow("POST", "/west/fhir/", PATH("%sContent-Type: application/fhir+ndjson\n", token_of("west")),
             "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}\n");
    ck_status(a, 200);
    ck_assert_int_eq(total(flow("GET", "/west/fhir/Basic", token_of("west"), NULL)), 1);
    ck_assert_int_eq(total(flow_get("Basic")), 0);
}
END_TEST

/* The same value is hashed otherwise, so that nothing can be matched across institutions. */
START_TEST(hash_keys_differ)
{
    open_both();
    const char *body =
        "{\"resourceType\":\"Basic\",\"id\":\"h\",\"identifier\":[{\"system\":\"urn:x\",\"value\":\"1\"}],"
        "\"code\":{\"text\":\"x\"}}";
    ck_status(flow_put("Basic/h", body), 201);
    ck_status(flow("PUT", "/east/fhir/Basic/h", token_of("east"), body), 201);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(), "SELECT count(*) FROM res WHERE rid = 'h'"), 2);
    ck_assert_int_eq(test_count(flow_conn(), flow_arena(),
                                "SELECT count(*) FROM res x JOIN res y ON x.keys && y.keys AND x.tenant < "
                                "y.tenant WHERE x.rid = 'h' AND y.rid = 'h'"),
                     0);
    ck_assert_int_eq(
        test_count(flow_conn(), flow_arena(), "SELECT count(DISTINCT fingerprint) FROM hash_key"), 3);
}
END_TEST

START_TEST(by_claim)
{
    open_both();
    ck_status(
        flow("PUT", "/east/fhir/Patient/c", token_of("east"), "{\"resourceType\":\"Patient\",\"id\":\"c\"}"),
        201);
    const struct flow_answer *a = flow("GET", "Patient/c", token_of("east"), NULL);
    ck_status(a, 200);
    a = flow("GET", "Patient?_id=c", token_of("east"), NULL);
    ck_assert_str_eq(flow_text(a->json, "entry[0].fullUrl"), "http://flow.test/east/fhir/Patient/c");
    ck_status(flow("GET", "Patient/c", token_of("west"), NULL), 404);
    ck_status(flow("GET", "Patient/c", token_of(NULL), NULL), 404);
    ck_status(flow("GET", "Patient/c", token_of("main"), NULL), 404);
    ck_status(flow("GET", "Patient/c", token_of("nowhere"), NULL), 401);
    ck_status(flow("GET", "Patient/c", flow_token_with("system/*.rs", "{\"institution\":7}"), NULL), 401);
}
END_TEST

/* Whoever has no token of an institution cannot tell whether it is there. */
START_TEST(the_wrong_door)
{
    static const char *const asked[][3] = {
        {"GET", "Patient/p", NULL},
        {"GET", "Patient?name=x", NULL},
        {"GET", "", NULL},
        {"GET", "Nonsense/1", NULL},
        {"GET", "$nonsense", NULL},
        {"GET", "a/b/c/d/e/f", NULL},
        {"PUT", "Patient/p", "{\"resourceType\":\"Patient\",\"id\":\"p\"}"},
        {"POST", "Patient", "nonsense"},
        {"DELETE", "Patient/p", NULL},
        {"POST", "", "{}"},
        {"GET", "_history", NULL},
        {"GET", "_job/1", NULL},
        {"PATCH", "Patient", NULL}};
    open_both();
    const char *headers[] = {ANONYMOUS,
                             "Authorization: Basic eDp5\n",
                             "Authorization: Bearer nonsense\n",
                             token_of(NULL),
                             token_of("main"),
                             token_of("west"),
                             token_of("nothing"),
                             flow_token_with("system/*.rs", "{\"institution\":\"west\",\"exp\":1}"),
                             flow_token_with("system/*.rs", "{\"institution\":[\"east\"]}"),
                             PATH("Authorization: Bearer %s\n", flow_token_of("http://else.test", NULL)),
                             PATH("Authorization: Bearer %s\n", flow_token_of(NULL, "http://else.test"))};
    ck_assert_int_lt(flow("PUT", "/east/fhir/Patient/p", token_of("east"), PATH(PATIENT, "East"))->status,
                     300);
    change("west", TENANT_SUSPENDED, NULL); /* is as one that there is not */
    for (size_t h = 0; h < sizeof headers / sizeof *headers; h++)
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
            const char *const *x = asked[i];
            const struct flow_answer *there = flow(x[0], PATH("/east/fhir/%s", x[1]), headers[h], x[2]),
                                     *nowhere = flow(x[0], PATH("/nowhere/fhir/%s", x[1]), headers[h], x[2]),
                                     *closed = flow(x[0], PATH("/west/fhir/%s", x[1]), headers[h], x[2]);
            ck_status(there, 401);
            ck_assert_msg(there->status == nowhere->status && str_eq(there->body, nowhere->body) &&
                              str_eq(there->headers, nowhere->headers),
                          "%s %s with %zu:\n%s%s\n---\n%s%s", x[0], x[1], h, there->headers.s, there->body.s,
                          nowhere->headers.s, nowhere->body.s);
            ck_assert(str_eq(closed->body, nowhere->body) && str_eq(closed->headers, nowhere->headers));
        }
    ck_status(flow("GET", "/nowhere/fhir/metadata", ANONYMOUS, NULL), 404);
    ck_status(flow("GET", "/west/fhir/.well-known/smart-configuration", ANONYMOUS, NULL), 404);
    ck_status(flow("GET", "/east/fhir/metadata", ANONYMOUS, NULL), 200);
    /* and those who have one come in again */
    ck_status(flow("GET", "/west/fhir/Patient", token_of("west"), NULL), 401);
    change("west", TENANT_ACTIVE, NULL);
    ck_status(flow("GET", "/west/fhir/Patient", token_of("west"), NULL), 200);
    ck_status(flow("GET", "/east/fhir/Patient/p", token_of("east"), NULL), 200);
}
END_TEST

START_TEST(paths)
{
    static const char *const none[] = {"/EAST/fhir/metadata",      "/east/metadata",
                                       "/east/fhirx/metadata",     "/east/east/fhir/metadata",
                                       "/fhir/east/fhir/metadata", "/east%2Ffhir/metadata"};
    open_both();
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(flow("GET", none[i], NULL, NULL)->status != 200, "%s", none[i]);
    const struct flow_answer *a = flow("GET", "/east/fhir/metadata", ANONYMOUS, NULL);
    ck_status(a, 200);
    ck_status(flow("GET", "/health/live", ANONYMOUS, NULL), 200);
}
END_TEST

/* New settings are in force without a restart, and those that cannot be are refused before they are stored. */
START_TEST(settings_follow)
{
    open_both();
    change("west", TENANT_ACTIVE, "store.client_ids = any\n");
    ck_status(
        flow("PUT", "/west/fhir/Patient/w", token_of("west"), "{\"resourceType\":\"Patient\",\"id\":\"w\"}"),
        201);
    flow_set("store.client_ids=none"); /* the server's, where the institution has none of its own */
    flow_institutions_follow();
    ck_status(
        flow("PUT", "/east/fhir/Patient/w", token_of("east"), "{\"resourceType\":\"Patient\",\"id\":\"w\"}"),
        405);
    ck_status(
        flow("PUT", "/west/fhir/Patient/v", token_of("west"), "{\"resourceType\":\"Patient\",\"id\":\"v\"}"),
        201);
    change("west", TENANT_ACTIVE, "store.client_ids = none\n");
}
END_TEST

/* Required profiles of one are not the other's. */
START_TEST(required_profiles)
{
    open_both();
    change("east", TENANT_ACTIVE, "validate.profiles = Basic=http://example.org/StructureDefinition/none\n");
    const char *body = "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}";
    ck_assert_int_ge(flow("POST", "/east/fhir/Basic", token_of("east"), body)->status, 400);
    ck_status(flow("POST", "/west/fhir/Basic", token_of("west"), body), 201);
    ck_status(flow_post("Basic", body), 201);
    change("east", TENANT_ACTIVE, "");
}
END_TEST

/* Each has an authorisation server of its own, with keys of its own. */
START_TEST(own_authorisation_server)
{
    open_both();
    const struct flow_answer *a =
        flow("GET", "/.well-known/oauth-authorization-server/east/fhir", ANONYMOUS, NULL);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "issuer"), "http://flow.test/east/fhir");
    ck_assert_str_eq(flow_text(a->json, "token_endpoint"), "http://flow.test/east/fhir/oauth/token");
    a = flow("GET", "/east/fhir/.well-known/smart-configuration", ANONYMOUS, NULL);
    ck_assert_str_eq(flow_text(a->json, "jwks_uri"), "http://flow.test/east/fhir/oauth/jwks");
    const char *keys[] = {
        flow_text(flow("GET", "oauth/jwks", ANONYMOUS, NULL)->json, "keys[0].kid"),
        flow_text(flow("GET", "/east/fhir/oauth/jwks", ANONYMOUS, NULL)->json, "keys[0].kid"),
        flow_text(flow("GET", "/west/fhir/oauth/jwks", ANONYMOUS, NULL)->json, "keys[0].kid")};
    ck_assert_str_ne(keys[0], keys[1]);
    ck_assert_str_ne(keys[1], keys[2]);
    ck_status(flow("GET", "/.well-known/oauth-authorization-server/nowhere/fhir", ANONYMOUS, NULL), 404);
    ck_status(flow("POST", "/nowhere/fhir/oauth/token",
                   "Authorization:\nContent-Type: "
                   "application/x-www-form-urlencoded\n",
                   "grant_type=client_credentials"),
              404);
    a = flow("GET", "/east/fhir/Patient", token_of("west"), NULL);
    const struct flow_answer *nowhere = flow("GET", "/nowhere/fhir/Patient", token_of("west"), NULL);
    ck_status(a, 401);
    ck_assert(str_eq(a->body, nowhere->body));
}
END_TEST

static void begin_on(void)
{
    begin();
    flow_base("oauth.server=on");
}

Suite *suite_flow_institutions(void)
{
    Suite *s = suite_create("flow/institutions");
    TCase *tc = tcase_create("institutions");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, each_has_its_own);
    tcase_add_test(tc, hash_keys_differ);
    tcase_add_test(tc, by_claim);
    tcase_add_test(tc, the_wrong_door);
    tcase_add_test(tc, paths);
    tcase_add_test(tc, settings_follow);
    tcase_add_test(tc, required_profiles);
    suite_add_tcase(s, tc);
    tc = tcase_create("authorisation servers");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, begin_on, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, own_authorisation_server);
    tcase_add_test(tc, the_wrong_door);
    suite_add_tcase(s, tc);
    return s;
}
