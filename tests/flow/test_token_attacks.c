/* The token attack suite: tokens and assertions that somebody has tampered with, or uses for what they are not for. Each
 * is refused, with the error that the standards name (RFC 6749, 6750, 7523, 8725, 9700). */
#include "base/clock.h"
#include "crypto/jwt.h"
#include "support/flow.h"
#include "support/oauth.h"

static struct err err;

static long long now_s(void)
{
    return clock_wall_us() / 1000000;
}

/* ---- assertions of clients ------------------------------------------------------------------------------------- */

static void assertion_refused(struct oauth_assertion how)
{
    oauth_refused(oauth_credentials("backend", how, NULL), 401, "invalid_client");
}

START_TEST(forged_assertions)
{
    static const struct oauth_assertion wrong[] = {
        {.header = "\"alg\":\"none\""},
        {.header = "\"alg\":\"HS256\""},
        {.header = "\"alg\":\"HS384\""},
        {.header = "\"alg\":\"RS384\""}, /* not the key's */
        {.header = "\"alg\":\"ES384\""},
        {.header = "\"alg\":null"},
        {.header = "\"kid\":\"../../dev/null\""},
        {.header = "\"kid\":\"' OR 1=1 --\""},
        {.header = "\"kid\":\"client-1\""}, /* another client's */
        {.header = "\"crit\":[\"exp\"]"},
        {.header = "\"typ\":\"dpop+jwt\""},
        {.key = OAUTH_STRANGER},
        {.key = OAUTH_STRANGER, .header = "\"kid\":null"},
        {.key = OAUTH_ES384, .header = "\"kid\":\"client-0\",\"alg\":\"ES256\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assertion_refused(wrong[i]);
}
END_TEST

/* Keys that a token brings along are nobody's. */
START_TEST(keys_in_headers)
{
    const char *own = oauth_public(OAUTH_STRANGER);
    const char *headers[] = {arena_printf(flow_arena(), "\"jwk\":%s", own),
                             arena_printf(flow_arena(), "\"jwk\":%s,\"kid\":null", own),
                             "\"jku\":\"https://evil.example/jwks.json\"",
                             "\"x5u\":\"https://evil.example/c.pem\"", "\"x5c\":[\"MIIB\"]"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assertion_refused((struct oauth_assertion){.key = OAUTH_STRANGER, .header = headers[i]});
}
END_TEST

START_TEST(claims_of_assertions)
{
    struct arena *a = flow_arena();
    const char *wrong[] = {
        arena_printf(a, "\"exp\":%lld", now_s() - 1),
        arena_printf(a, "\"exp\":%lld", now_s() + 3600),
        "\"exp\":null",
        "\"exp\":\"9999999999\"",
        "\"exp\":1e400",
        arena_printf(a, "\"nbf\":%lld", now_s() + 120),
        arena_printf(a, "\"iat\":%lld", now_s() + 120),
        "\"aud\":\"https://other.example/token\"",
        "\"aud\":[]",
        "\"aud\":null",
        "\"aud\":\"" FLOW_BASE "/oauth/token/\"",
        "\"aud\":\"" FLOW_BASE "/oauth\"",
        "\"iss\":\"reader\"",
        "\"sub\":\"reader\"",
        "\"sub\":null",
        "\"iss\":\"reader\",\"sub\":\"nobody\"",
        "\"iss\":\"nobody\",\"sub\":\"nobody\"",
        "\"jti\":null",
        "\"jti\":\"\"",
        "\"jti\":7",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assertion_refused((struct oauth_assertion){.claims = wrong[i]});
    ck_status(oauth_credentials(
                  "backend", (struct oauth_assertion){.claims = "\"aud\":[\"x\",\"" FLOW_BASE "\"]"}, NULL),
              200);
}
END_TEST

START_TEST(assertions_are_used_once)
{
    struct oauth_assertion same = {.claims = "\"jti\":\"one and the same\""};
    ck_status(oauth_credentials("backend", same, NULL), 200);
    assertion_refused(same);
    assertion_refused(same);
    /* another client may choose the same */
    ck_status(oauth_credentials("reader", same, NULL), 200);
}
END_TEST

/* All at once: one of them wins. */
START_TEST(assertions_race)
{
    enum { N = 8 };
    struct flow_call *calls[N];
    int won = 0;
    const char *body =
        arena_printf(flow_arena(),
                     "grant_type=client_credentials&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3A"
                     "client-assertion-type%%3Ajwt-bearer&client_assertion=%s",
                     oauth_assertion("backend", (struct oauth_assertion){0}));
    for (int i = 0; i < N; i++)
        calls[i] = flow_send("POST", "oauth/token", OAUTH_FORM, body);
    for (int i = 0; i < N; i++)
        won += flow_wait(calls[i])->status == 200;
    ck_assert_int_eq(won, 1);
}
END_TEST

/* ---- the request ------------------------------------------------------------------------------------------------ */

START_TEST(token_requests)
{
    static const struct {
        const char *headers, *body;
        int status;
        const char *error;
    } wrong[] = {
        {OAUTH_FORM, "", 400, "invalid_request"},
        {OAUTH_FORM, "grant_type=", 400, "invalid_request"},
        {OAUTH_FORM, "grant_type=password&username=a&password=b", 400, "unsupported_grant_type"},
        {OAUTH_FORM, "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"},
        {OAUTH_FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {OAUTH_FORM, "grant_type=client_credentials&client_id=backend", 401, "invalid_client"},
        {OAUTH_FORM, "grant_type=client_credentials&client_id=a%00b", 400, "invalid_request"},
        {OAUTH_FORM, "grant_type=client_credentials&client_id=%zz", 400, "invalid_request"},
        {OAUTH_FORM, "grant_type=client_credentials&client_id=%27%20OR%201%3D1", 401, "invalid_client"},
        {OAUTH_FORM, "grant_type=client_credentials&client_assertion=a.b.c", 401, "invalid_client"},
        {"Authorization: Basic YmFja2VuZDp4\nContent-Type: application/x-www-form-urlencoded\n",
         "grant_type=client_credentials", 401, "invalid_client"},
        {"Authorization:\nContent-Type: application/json\n", "{\"grant_type\":\"client_credentials\"}", 400,
         "invalid_request"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        oauth_refused(flow("POST", "oauth/token", wrong[i].headers, wrong[i].body), wrong[i].status,
                      wrong[i].error);
}
END_TEST

/* ---- access tokens ------------------------------------------------------------------------------------------------ */

static void token_refused(const char *token)
{
    const struct flow_answer *a = flow("GET", "Patient", oauth_bearer(token), NULL);
    ck_status(a, 401);
    ck_assert_ptr_nonnull(strstr(flow_header(a, "WWW-Authenticate"), "invalid_token"));
}

static const char *good_token(void)
{
    return flow_text(oauth_credentials("backend", (struct oauth_assertion){0}, NULL)->json, "access_token");
}

START_TEST(forged_tokens)
{
    struct arena *a = flow_arena();
    const char *kid = oauth_kid(good_token());
    const char *claims = arena_printf(a,
                                      "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"x\",\"scope\":\"system/"
                                      "*.cruds\",\"jti\":\"a.b\",\"exp\":%lld}",
                                      FLOW_BASE, FLOW_BASE, now_s() + 60);
    const char *headers[] = {
        "{\"alg\":\"none\"}",
        arena_printf(a, "{\"alg\":\"none\",\"kid\":\"%s\"}", kid),
        arena_printf(a, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid),
        arena_printf(a, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid),
        arena_printf(a, "{\"alg\":\"ES256\",\"jwk\":%s}", oauth_public(OAUTH_STRANGER)),
        "{\"alg\":\"ES256\"}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        token_refused(oauth_jwt(OAUTH_STRANGER, headers[i], claims));
    char *bent = arena_strdup(a, good_token());
    bent[strlen(bent) / 2] ^= 1;
    token_refused(bent);
}
END_TEST

/* By the server's own key, and still not to be accepted here. */
START_TEST(tokens_for_something_else)
{
    struct arena *a = flow_arena();
    struct oauth__base base;
    struct oauth__ring *ring = NULL;
    ck_ok(oauth__base_init(&base, flow_config(), 1, &err));
    ck_ok(oauth__ring_read(&base, flow_conn(), &ring, &err));
    static const char *const parts[][4] = {
        /* iss, aud, jti, exp from now */
        {FLOW_BASE, "client-x", "a.b", "60"},
        {FLOW_BASE, "https://other.example/fhir", "a.b", "60"},
        {"https://other.example", FLOW_BASE, "a.b", "60"},
        {FLOW_BASE, FLOW_BASE, "a.b", "-120"},
        {FLOW_BASE, FLOW_BASE, "", "60"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct str token;
        json *claims = test_json(a, arena_printf(a,
                                                 "{\"iss\":\"%s\",\"aud\":\"%s\",\"jti\":\"%s\",\"exp\":%lld,"
                                                 "\"sub\":\"x\",\"scope\":\"system/*.cruds\"}",
                                                 parts[i][0], parts[i][1], parts[i][2],
                                                 now_s() + strtoll(parts[i][3], NULL, 10)));
        ck_ok(jwt_sign(a, ring->pem, "at+jwt", claims, &token, &err));
        token_refused(token.s);
    }
    oauth__ring_unref(ring);
}
END_TEST

/* The other issuer that this server trusts may not speak for it. */
START_TEST(issuers_are_not_mixed)
{
    token_refused(flow_token_of(FLOW_BASE, FLOW_BASE));
    token_refused(flow_token_of(FLOW_BASE, NULL));
    token_refused(flow_token_of(NULL, FLOW_BASE));
    ck_status(flow("GET", "Patient", oauth_bearer(flow_token_of(NULL, NULL)), NULL), 200);
}
END_TEST

static void each(void)
{
    flow_begin();
    oauth_client("backend", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    oauth_client("reader", OAUTH_ES256, "\"scope\":\"system/Patient.rs system/Observation.r\"");
}

Suite *suite_flow_token_attacks(void)
{
    Suite *s = suite_create("flow/token_attacks");
    TCase *t = tcase_create("attacks");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, oauth_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, each, flow_end);
    tcase_add_test(t, forged_assertions);
    tcase_add_test(t, keys_in_headers);
    tcase_add_test(t, claims_of_assertions);
    tcase_add_test(t, assertions_are_used_once);
    tcase_add_test(t, assertions_race);
    tcase_add_test(t, token_requests);
    tcase_add_test(t, forged_tokens);
    tcase_add_test(t, tokens_for_something_else);
    tcase_add_test(t, issuers_are_not_mixed);
    suite_add_tcase(s, t);
    return s;
}
