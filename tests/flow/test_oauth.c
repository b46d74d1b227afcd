/* The authorisation server: clients, their tokens, keys, what is revoked. */
#include "base/clock.h"
#include "crypto/jwt.h"
#include "support/flow.h"
#include "support/oauth.h"

static struct err err;

START_TEST(metadata)
{
    static const char *const places[] = {".well-known/smart-configuration",
                                         ".well-known/oauth-authorization-server",
                                         "/.well-known/oauth-authorization-server/fhir"};
    for (int i = 0; i < 3; i++) {
        const struct flow_answer *a = flow("GET", places[i], "Authorization:\n", NULL);
        ck_status(a, 200);
        ck_assert_str_eq(flow_text(a->json, "issuer"), FLOW_BASE);
        ck_assert_str_eq(flow_text(a->json, "token_endpoint"), FLOW_BASE "/oauth/token");
    }
    const struct flow_answer *keys = flow("GET", "oauth/jwks", "Authorization:\nAccept: text/html\n", NULL);
    ck_status(keys, 200);
    ck_assert_str_eq(flow_text(keys->json, "keys[0].alg"), "ES256");
    ck_assert_ptr_null(flow_node(keys->json, "keys[0].d"));
}
END_TEST

START_TEST(a_token_for_a_client)
{
    const struct flow_answer *a = oauth_credentials("backend", (struct oauth_assertion){0}, NULL);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "token_type"), "Bearer");
    ck_assert_str_eq(flow_text(a->json, "scope"), "system/*.cruds");
    ck_assert_str_eq(flow_header(a, "Cache-Control"), "no-store");
    const char *token = flow_text(a->json, "access_token");
    ck_status(flow("GET", "Patient", oauth_bearer(token), NULL), 200);
    json *claims = oauth_claims(token);
    ck_assert_str_eq(flow_text(claims, "iss"), FLOW_BASE);
    ck_assert_str_eq(flow_text(claims, "aud"), FLOW_BASE);
    ck_assert_str_eq(flow_text(claims, "client_id"), "backend");
    ck_assert_str_eq(flow_text(claims, "sub"), "backend");
    ck_assert_double_le(json_get(claims, "exp")->valuedouble - json_get(claims, "iat")->valuedouble, 600);
}
END_TEST

START_TEST(scopes_are_narrowed)
{
    const struct flow_answer *a = oauth_credentials("reader", (struct oauth_assertion){0}, NULL);
    ck_assert_str_eq(flow_text(a->json, "scope"), "system/Patient.rs system/Observation.r");
    a = oauth_credentials("reader", (struct oauth_assertion){0},
                          "&scope=system%2FPatient.read+system%2F*.cruds");
    ck_assert_str_eq(flow_text(a->json, "scope"), "system/Patient.read");
    const char *bearer = oauth_bearer(flow_text(a->json, "access_token"));
    ck_status(flow("GET", "Patient", bearer, NULL), 200);
    ck_status(flow("GET", "Observation", bearer, NULL), 403);
    ck_status(flow("POST", "Patient", bearer, "{\"resourceType\":\"Patient\"}"), 403);
    oauth_refused(oauth_credentials("reader", (struct oauth_assertion){0}, "&scope=system%2F*.cruds"), 400,
                  "invalid_scope");
    oauth_refused(oauth_credentials("reader", (struct oauth_assertion){0}, "&scope=user%2FPatient.rs+openid"),
                  400, "invalid_scope");
}
END_TEST

START_TEST(algorithms_of_assertions)
{
    ck_status(oauth_credentials("es384", (struct oauth_assertion){.key = OAUTH_ES384}, NULL), 200);
    ck_status(oauth_credentials("rs384", (struct oauth_assertion){.key = OAUTH_RS384}, NULL), 200);
}
END_TEST

/* A client's token works, and within a second of its removal does not. */
START_TEST(removed_clients)
{
    oauth_client("passing", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    const struct flow_answer *a = oauth_credentials("passing", (struct oauth_assertion){0}, NULL),
                             *other = oauth_credentials("backend", (struct oauth_assertion){0}, NULL);
    const char *bearer = oauth_bearer(flow_text(a->json, "access_token"));
    ck_status(flow("GET", "Patient", bearer, NULL), 200);
    ck_ok(oauth__client_remove(1, flow_conn(), flow_arena(), "passing", &err));
    int64_t until = clock_mono_us() + 5000000;
    while (flow("GET", "Patient", bearer, NULL)->status == 200)
        ck_assert_int_lt(clock_mono_us(), until);
    ck_status(flow("GET", "Patient", bearer, NULL), 401);
    ck_status(flow("GET", "Patient", oauth_bearer(flow_text(other->json, "access_token")), NULL), 200);
    oauth_refused(oauth_credentials("passing", (struct oauth_assertion){0}, NULL), 401, "invalid_client");
}
END_TEST

/* Tokens by an old key stay good; a key that is taken away takes them along. */
START_TEST(keys_change)
{
    struct db_conn *conn = flow_conn();
    struct oauth__base base;
    const char *kid, *first;
    ck_ok(oauth__base_init(&base, flow_config(), 1, &err));
    const struct flow_answer *a = oauth_credentials("backend", (struct oauth_assertion){0}, NULL);
    const char *bearer = oauth_bearer(flow_text(a->json, "access_token"));
    first = flow_text(flow_get("oauth/jwks")->json, "keys[0].kid");
    ck_ok(oauth__key_tend(&base, conn, flow_arena(), 0, &kid, &err));
    ck_ok(db_run(conn, "UPDATE oauth_key SET signs_from = now() WHERE signs_from > now()", &err));
    int64_t until = clock_mono_us() + 5000000;
    do {
        ck_assert_int_lt(clock_mono_us(), until);
        a = oauth_credentials("backend", (struct oauth_assertion){0}, NULL);
    } while (strcmp(oauth_kid(flow_text(a->json, "access_token")), kid) != 0);
    ck_assert_int_eq((int)json_count(json_get(flow_get("oauth/jwks")->json, "keys")), 2);
    ck_status(flow("GET", "Patient", bearer, NULL), 200);
    ck_status(flow("GET", "Patient", oauth_bearer(flow_text(a->json, "access_token")), NULL), 200);
    ck_ok(db_run(conn, arena_printf(flow_arena(), "DELETE FROM oauth_key WHERE kid = '%s'", first), &err));
    while (flow("GET", "Patient", bearer, NULL)->status == 200)
        ck_assert_int_lt(clock_mono_us(), until);
    ck_status(flow("GET", "Patient", oauth_bearer(flow_text(a->json, "access_token")), NULL), 200);
}
END_TEST

/* Nothing in the database can be used by who has no key. */
START_TEST(kept_secrets)
{
    struct oauth__base base;
    struct oauth__ring *ring = NULL;
    ck_assert_int_eq((int)test_count(flow_conn(), flow_arena(),
                                     "SELECT count(*) FROM oauth_key WHERE "
                                     "encode(wrapped, 'escape') LIKE '%PRIVATE%'"),
                     0);
    ck_ok(oauth__base_init(&base, flow_config(), 1, &err));
    base.secret[3] ^= 1;
    ck_assert(!oauth__ring_read(&base, flow_conn(), &ring, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "oauth.key_file is not the key"));
}
END_TEST

START_TEST(too_often)
{
    int refused = 0;
    flow_oauth_set("oauth.token_rate=10");
    for (int i = 0; i < 40 && !refused; i++)
        refused = flow("POST", "oauth/token", OAUTH_FORM, "grant_type=x")->status == 429;
    ck_assert(refused);
    flow_oauth_set("oauth.token_rate=1000000");
}
END_TEST

static void each(void)
{
    flow_begin();
    oauth_client("backend", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    oauth_client("reader", OAUTH_ES256, "\"scope\":\"system/Patient.rs system/Observation.r\"");
    oauth_client("es384", OAUTH_ES384, "\"scope\":\"system/*.cruds\"");
    oauth_client("rs384", OAUTH_RS384, "\"scope\":\"system/*.cruds\"");
}

Suite *suite_flow_oauth(void)
{
    Suite *s = suite_create("flow/oauth");
    TCase *t = tcase_create("oauth");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, oauth_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, each, flow_end);
    tcase_add_test(t, metadata);
    tcase_add_test(t, a_token_for_a_client);
    tcase_add_test(t, scopes_are_narrowed);
    tcase_add_test(t, algorithms_of_assertions);
    tcase_add_test(t, removed_clients);
    tcase_add_test(t, keys_change);
    tcase_add_test(t, kept_secrets);
    tcase_add_test(t, too_often);
    suite_add_tcase(s, t);
    return s;
}
