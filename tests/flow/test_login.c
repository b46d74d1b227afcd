/* People log in: pages, codes, tokens that are refreshed, what ends them, and what is refused on the way. */
#include "base/clock.h"
#include "support/browser.h"
#include "support/flow.h"
#include "support/oauth.h"

static struct err err;

/* ---- as it has to be ------------------------------------------------------------------------------------------- */

START_TEST(from_login_to_token)
{
    const struct flow_answer *page = browser_authorize("");
    ck_status(page, 200);
    ck_assert_ptr_nonnull(strstr(flow_header(page, "Content-Security-Policy"), "default-src 'none'"));
    ck_assert_ptr_nonnull(
        strstr(flow_header(page, "Content-Security-Policy"), "form-action 'self' https://app.example;"));
    ck_assert_str_eq(flow_header(page, "X-Frame-Options"), "DENY");
    const struct flow_answer *consent = browser_fill_in(page, "username=sato&password=" PASSWORD);
    ck_status(consent, 200);
    ck_assert_ptr_nonnull(strstr(consent->body.s, "The &lt;App&gt;"));
    ck_assert_ptr_nonnull(strstr(consent->body.s, "to read all records"));
    const struct flow_answer *back = browser_fill_in(consent, "decision=allow");
    ck_assert_str_eq(browser_of_redirect(back, "state"), "some state");
    ck_assert_str_eq(browser_of_redirect(back, "iss"), FLOW_BASE);
    const struct flow_answer *a = browser_exchange(browser_of_redirect(back, "code"));
    ck_status(a, 200);
    ck_assert_int_eq(browser_reads(a), 200);
    ck_assert_str_eq(flow_text(a->json, "scope"), "openid fhirUser offline_access user/*.rs");
    json *access = oauth_claims(flow_text(a->json, "access_token")),
         *id = oauth_claims(flow_text(a->json, "id_token"));
    ck_assert_str_eq(flow_text(access, "fhirUser"), "Practitioner/7");
    ck_assert_str_eq(flow_text(access, "client_id"), "app");
    ck_assert_str_eq(flow_text(id, "aud"), "app");
    ck_assert_str_eq(flow_text(id, "nonce"), "n-1");
    ck_assert_str_eq(flow_text(id, "fhirUser"), FLOW_BASE "/Practitioner/7");
    ck_assert_str_eq(flow_text(id, "sub"), flow_text(access, "sub"));
    /* an id_token opens nothing */
    ck_status(flow("GET", "Patient", oauth_bearer(flow_text(a->json, "id_token")), NULL), 401);
}
END_TEST

START_TEST(in_japanese)
{
    const struct flow_answer *page = browser_authorize("+ui_locales=ja-JP");
    ck_assert_ptr_nonnull(strstr(page->body.s, "<html lang=\"ja\">"));
    ck_assert_ptr_nonnull(strstr(browser_fill_in(page, "username=x&password=y")->body.s, "正しくありません"));
}
END_TEST

START_TEST(declined)
{
    const struct flow_answer *a = browser_fill_in(browser_consent_page(""), "decision=deny");
    ck_assert_str_eq(browser_of_redirect(a, "error"), "access_denied");
    ck_assert_ptr_null(browser_of_redirect(a, "code"));
}
END_TEST

START_TEST(refreshing)
{
    const struct flow_answer *a = browser_exchange(browser_get_code(""));
    const char *first = flow_text(a->json, "refresh_token");
    const struct flow_answer *b = browser_refresh(first, "");
    ck_status(b, 200);
    ck_assert_int_eq(browser_reads(b), 200);
    ck_assert_str_ne(flow_text(b->json, "refresh_token"), first);
    /* less may be asked for, and more again later, but never more than was granted */
    const struct flow_answer *less =
        browser_refresh(flow_text(b->json, "refresh_token"), "&scope=user%2FPatient.r");
    ck_assert_str_eq(flow_text(less->json, "scope"), "user/Patient.r");
    const char *last = flow_text(less->json, "refresh_token");
    oauth_refused(browser_refresh(last, "&scope=user%2F*.cruds"), 400, "invalid_scope");
    oauth_refused(browser_refresh(last, "&scope=system%2F*.rs"), 400, "invalid_scope");
    const struct flow_answer *all = browser_refresh(last, "");
    ck_assert_str_eq(flow_text(all->json, "scope"), "openid fhirUser offline_access user/*.rs");
}
END_TEST

/* As fhirclient does; who has to prove who he is does not get by without. */
START_TEST(refreshing_without_a_name)
{
    const struct flow_answer *a = browser_exchange(browser_get_code(""));
    const char *token = flow_text(a->json, "refresh_token");
    a = flow("POST", "oauth/token", OAUTH_FORM,
             arena_printf(flow_arena(), "grant_type=refresh_token&refresh_token=%s", token));
    ck_status(a, 200);
    ck_assert_int_eq(browser_reads(a), 200);
    oauth_refused(flow("POST", "oauth/token", OAUTH_FORM,
                       arena_printf(flow_arena(), "grant_type=refresh_token&refresh_token=%s", token)),
                  400, "invalid_grant");
    oauth_refused(flow("POST", "oauth/token", OAUTH_FORM, "grant_type=refresh_token&refresh_token=x"), 401,
                  "invalid_client");
    a = browser_exchange(browser_get_code(""));
    ck_ok(db_run(flow_conn(), "UPDATE oauth_grant SET client = 'backend' WHERE ended IS NULL", &err));
    oauth_refused(flow("POST", "oauth/token", OAUTH_FORM,
                       arena_printf(flow_arena(), "grant_type=refresh_token&refresh_token=%s",
                                    flow_text(a->json, "refresh_token"))),
                  401, "invalid_client");
}
END_TEST

START_TEST(no_refresh_without_asking)
{
    const struct flow_answer *a = browser_exchange(browser_get_code("scope=openid user/*.rs"));
    ck_assert_ptr_null(flow_node(a->json, "refresh_token"));
}
END_TEST

START_TEST(second_step)
{
    struct str secret = {"12345678901234567890", 20};
    char code[7], wrong[7];
    int64_t step = clock_wall_us() / 30000000;
    oauth__totp(secret, step, code);
    memcpy(wrong, code, 7);
    wrong[0] = wrong[0] == '9' ? '0' : (char)(wrong[0] + 1);
    const struct flow_answer *page =
        browser_fill_in(browser_authorize(""), "username=tanaka&password=" PASSWORD);
    ck_assert_ptr_nonnull(strstr(page->body.s, "name=\"code\""));
    page = browser_fill_in(page, arena_printf(flow_arena(), "code=%s", wrong));
    ck_status(page, 400);
    ck_assert_ptr_nonnull(
        strstr(browser_fill_in(page, arena_printf(flow_arena(), "code=%s", code))->body.s, "decision"));
    /* the same code is good once */
    page = browser_fill_in(browser_authorize(""), "username=tanaka&password=" PASSWORD);
    ck_status(browser_fill_in(page, arena_printf(flow_arena(), "code=%s", code)), 400);
    /* and the step cannot be left out */
    ck_status(browser_fill_in(page, "decision=allow"), 400);
}
END_TEST

/* ---- patients ----------------------------------------------------------------------------------------------------- */

START_TEST(patients)
{
    const char *scope = "scope=launch/patient patient/Observation.rs";
    flow_put("Patient/p-12", "{\"resourceType\":\"Patient\",\"id\":\"p-12\"}");
    const struct flow_answer *page =
        browser_fill_in(browser_authorize(scope), "username=sato&password=" PASSWORD);
    ck_status(browser_fill_in(page, "patient=a/b"), 400);
    const struct flow_answer *a = browser_exchange(browser_of_redirect(
        browser_fill_in(browser_fill_in(page, "patient=p-12"), "decision=allow"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "p-12");
    ck_assert_str_eq(flow_text(oauth_claims(flow_text(a->json, "access_token")), "patient"), "p-12");
    /* a patient is himself, whatever he says */
    page = browser_fill_in(browser_authorize(scope), "username=mori&password=" PASSWORD "&patient=p-12");
    ck_assert_ptr_nonnull(strstr(page->body.s, "decision"));
    a = browser_exchange(browser_of_redirect(browser_fill_in(page, "decision=allow&patient=p-12"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "m-1");
}
END_TEST

/* ---- what ends tokens ---------------------------------------------------------------------------------------------- */

START_TEST(codes_are_good_once)
{
    const char *code = browser_get_code("");
    const struct flow_answer *a = browser_exchange(code);
    ck_assert_int_eq(browser_reads(a), 200);
    oauth_refused(browser_exchange(code), 400, "invalid_grant");
    ck_assert_int_eq(browser_reads(a), 401);
    oauth_refused(browser_refresh(flow_text(a->json, "refresh_token"), ""), 400, "invalid_grant");
}
END_TEST

START_TEST(refresh_tokens_are_good_once)
{
    const struct flow_answer *a = browser_exchange(browser_get_code("")),
                             *other = browser_exchange(browser_get_code(""));
    const char *first = flow_text(a->json, "refresh_token");
    const struct flow_answer *b = browser_refresh(first, "");
    oauth_refused(browser_refresh(first, ""), 400, "invalid_grant");
    ck_assert_int_eq(browser_reads(a), 401);
    ck_assert_int_eq(browser_reads(b), 401);
    oauth_refused(browser_refresh(flow_text(b->json, "refresh_token"), ""), 400, "invalid_grant");
    ck_assert_int_eq(browser_reads(other), 200);
}
END_TEST

START_TEST(revoked)
{
    const struct flow_answer *a = browser_exchange(browser_get_code("")),
                             *b = browser_exchange(browser_get_code(""));
    const char *access = flow_text(a->json, "access_token"), *token = flow_text(b->json, "refresh_token");
    /* another client's stays */
    ck_status(flow("POST", "oauth/revoke", OAUTH_FORM,
                   arena_printf(flow_arena(), "client_id=other&token=%s", access)),
              200);
    ck_assert_int_eq(browser_reads(a), 200);
    ck_status(flow("POST", "oauth/revoke", OAUTH_FORM,
                   arena_printf(flow_arena(), "client_id=app&token=%s", access)),
              200);
    ck_assert_int_eq(browser_reads(a), 401);
    ck_status(browser_refresh(flow_text(a->json, "refresh_token"), ""), 200);
    ck_status(
        flow("POST", "oauth/revoke", OAUTH_FORM, arena_printf(flow_arena(), "client_id=app&token=%s", token)),
        200);
    ck_assert_int_eq(browser_reads(b), 401);
    oauth_refused(browser_refresh(token, ""), 400, "invalid_grant");
    ck_status(flow("POST", "oauth/revoke", OAUTH_FORM, "client_id=app&token=unknown"), 200);
}
END_TEST

static json *introspect(const char *client, const char *token)
{
    const struct flow_answer *a =
        flow("POST", "oauth/introspect", OAUTH_FORM,
             arena_printf(
                 flow_arena(),
                 "token=%s&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3A"
                 "jwt-bearer&client_assertion=%s",
                 token, oauth_assertion(client, (struct oauth_assertion){0})));
    ck_status(a, 200);
    return a->json;
}

START_TEST(introspected)
{
    const struct flow_answer *a = browser_exchange(browser_get_code(""));
    const char *access = flow_text(a->json, "access_token"), *token = flow_text(a->json, "refresh_token");
    json *told = introspect("server", access);
    ck_assert(json_is_true(json_get(told, "active")));
    ck_assert_str_eq(flow_text(told, "client_id"), "app");
    ck_assert(json_is_true(json_get(introspect("server", token), "active")));
    ck_assert(!json_is_true(json_get(introspect("backend", access), "active")));
    ck_assert(!json_is_true(json_get(introspect("server", "nonsense"), "active")));
    oauth_refused(flow("POST", "oauth/introspect", OAUTH_FORM, "client_id=app&token=x"), 401,
                  "invalid_client");
    ck_status(browser_refresh(token, ""), 200);
    ck_assert(!json_is_true(json_get(introspect("server", token), "active")));
    oauth_refused(browser_refresh(token, ""), 400, "invalid_grant");
    ck_assert(!json_is_true(json_get(introspect("server", access), "active")));
}
END_TEST

START_TEST(removed_people)
{
    const struct flow_answer *a = browser_exchange(browser_get_code(""));
    ck_ok(oauth__user_remove(1, flow_conn(), flow_arena(), "sato", &err));
    int64_t until = clock_mono_us() + 5000000;
    while (browser_reads(a) == 200)
        ck_assert_int_lt(clock_mono_us(), until);
    oauth_refused(browser_refresh(flow_text(a->json, "refresh_token"), ""), 400, "invalid_grant");
}
END_TEST

/* ---- attacks -------------------------------------------------------------------------------------------------------- */

/* Nobody is sent to an address that is not registered, whatever it looks like. */
START_TEST(redirect_tricks)
{
    static const char *const wrong[] = {"redirect_uri=",
                                        "redirect_uri=" CALLBACK "/",
                                        "redirect_uri=" CALLBACK "/../x",
                                        "redirect_uri=" CALLBACK "?x=1",
                                        "redirect_uri=" CALLBACK "#x",
                                        "redirect_uri=" CALLBACK "%2f",
                                        "redirect_uri=https://app.example",
                                        "redirect_uri=https://app.example:8443/back",
                                        "redirect_uri=https://app.example@evil.example/back",
                                        "redirect_uri=https://app.example.evil.example/back",
                                        "redirect_uri=https://evil.example/https://app.example/back",
                                        "redirect_uri=http://app.example/back",
                                        "redirect_uri=//app.example/back",
                                        "redirect_uri=https://APP.example/back",
                                        "redirect_uri=javascript:alert(1)",
                                        "redirect_uri=http://127.0.0.1:99@evil.example/cb",
                                        "redirect_uri=http://127.0.0.1.evil.example/cb",
                                        "redirect_uri=http://127.0.0.1:80/other",
                                        "redirect_uri=http://localhost:80/cb",
                                        "client_id=nobody",
                                        "client_id=",
                                        "client_id=backend",
                                        "client_id=other"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct flow_answer *a = browser_authorize(wrong[i]);
        ck_assert_msg(a->status == 400, "%s: %d", wrong[i], a->status);
        ck_assert_ptr_null(flow_header(a, "Location"));
    }
    ck_status(browser_authorize("redirect_uri=http://127.0.0.1:4711/cb"), 200);
    ck_status(browser_authorize("redirect_uri=http://127.0.0.1/cb"), 200);
}
END_TEST

START_TEST(refused_requests)
{
    static const struct {
        const char *changed, *error;
    } wrong[] = {
        {"response_type=token", "unsupported_response_type"},
        {"response_type=code token", "unsupported_response_type"},
        {"response_type=", "invalid_request"},
        {"code_challenge=", "invalid_request"},
        {"code_challenge_method=plain", "invalid_request"},
        {"code_challenge_method=", "invalid_request"},
        {"code_challenge_method=s256", "invalid_request"},
        {"code_challenge=" VERIFIER, "invalid_request"},
        {"scope=system/*.rs", "invalid_scope"},
        {"scope=", "invalid_scope"},
        {"aud=https://evil.example/fhir", "invalid_request"},
        {"aud=", "invalid_request"},
        {"scope=launch user/*.rs", "invalid_request"},
        {"+launch=unknown", "invalid_scope"},
        {"scope=launch user/*.rs|+launch=unknown", "invalid_request"},
        {"+request=eyJ.e30.", "request_not_supported"},
        {"+request_uri=https://evil.example", "request_uri_not_supported"},
        {"+response_mode=fragment", "invalid_request"},
        {"+prompt=none", "login_required"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct flow_answer *a = browser_authorize(wrong[i].changed);
        ck_assert_msg(str_starts(str_of(flow_header(a, "Location")), STR(CALLBACK "?error=")), "%s",
                      wrong[i].changed);
        ck_assert_str_eq(browser_of_redirect(a, "error"), wrong[i].error);
        ck_assert_str_eq(browser_of_redirect(a, "state"), "some state");
    }
}
END_TEST

START_TEST(stolen_codes)
{
    oauth_refused(browser_exchange_as("other", browser_get_code(""), CALLBACK, VERIFIER), 400,
                  "invalid_grant");
    oauth_refused(browser_exchange_as("app", browser_get_code(""), CALLBACK, NULL), 400, "invalid_grant");
    oauth_refused(browser_exchange_as("app", browser_get_code(""), CALLBACK, browser_challenge()), 400,
                  "invalid_grant");
    oauth_refused(browser_exchange_as("app", browser_get_code(""), CALLBACK, VERIFIER "x"), 400,
                  "invalid_grant");
    oauth_refused(browser_exchange_as("app", browser_get_code(""), "http://127.0.0.1/cb", VERIFIER), 400,
                  "invalid_grant");
    oauth_refused(browser_exchange_as("app", browser_get_code(""), "", VERIFIER), 400, "invalid_grant");
    oauth_refused(browser_exchange_as("app", "guess", CALLBACK, VERIFIER), 400, "invalid_grant");
    const char *code = browser_get_code("");
    ck_ok(db_run(flow_conn(), "UPDATE oauth_secret SET until = now() - interval '1 second' WHERE NOT used",
                 &err));
    oauth_refused(browser_exchange(code), 400, "invalid_grant");
    const struct flow_answer *a = browser_exchange(browser_get_code(""));
    oauth_refused(flow("POST", "oauth/token", OAUTH_FORM,
                       arena_printf(flow_arena(), "grant_type=refresh_token&client_id=other&refresh_token=%s",
                                    flow_text(a->json, "refresh_token"))),
                  400, "invalid_grant");
    ck_status(browser_refresh(flow_text(a->json, "refresh_token"), ""), 200);
}
END_TEST

START_TEST(codes_race)
{
    enum { N = 6 };
    struct flow_call *calls[N];
    int won = 0;
    const char *code = browser_get_code("");
    for (int i = 0; i < N; i++)
        calls[i] = flow_send(
            "POST", "oauth/token", OAUTH_FORM,
            arena_printf(flow_arena(),
                         "grant_type=authorization_code&client_id=app&code=%s&redirect_uri=" CALLBACK
                         "&code_verifier=" VERIFIER,
                         code));
    for (int i = 0; i < N; i++)
        won += flow_wait(calls[i])->status == 200;
    ck_assert_int_eq(won, 1);
}
END_TEST

/* A form that was begun in another browser, or in none, leads nowhere; so does one that is sent twice. */
START_TEST(forged_forms)
{
    const struct flow_answer *mine = browser_authorize("");
    const char *own = browser_cookie;
    browser_cookie = NULL;
    ck_status(browser_fill_in(mine, "username=sato&password=" PASSWORD), 400);
    browser_cookie = "kagari-login=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    ck_status(browser_fill_in(mine, "username=sato&password=" PASSWORD), 400);
    browser_cookie = own;
    ck_status(browser_send("POST", "oauth/login", "username=sato&password=" PASSWORD), 400);
    ck_status(browser_send("POST", "oauth/login", "flow=guess&decision=allow"), 400);
    const struct flow_answer *consent = browser_fill_in(mine, "username=sato&password=" PASSWORD);
    ck_status(browser_fill_in(consent, "decision=allow"), 303);
    ck_status(browser_fill_in(consent, "decision=allow"), 400);
    /* consent without a login */
    ck_status(browser_fill_in(browser_authorize(""), "decision=allow"), 400);
}
END_TEST

START_TEST(lockout)
{
    const struct flow_answer *page = browser_authorize("");
    for (int i = 0; i < 5; i++)
        ck_status(browser_fill_in(page, "username=mori&password=wrong"), 400);
    /* the right one too, with the same answer, until the time is over */
    const struct flow_answer *locked = browser_fill_in(page, "username=mori&password=" PASSWORD),
                             *nobody = browser_fill_in(page, "username=nobody&password=" PASSWORD);
    ck_status(locked, 400);
    ck_assert(str_eq(locked->body, nobody->body));
    page = browser_authorize("");
    ck_status(browser_fill_in(page, "username=sato&password=" PASSWORD), 200);
    ck_ok(db_run(flow_conn(),
                 "UPDATE oauth_user SET locked_until = now() - interval '1 second' WHERE name = 'mori'",
                 &err));
    ck_status(browser_fill_in(browser_authorize(""), "username=mori&password=" PASSWORD), 200);
    ck_assert_int_eq((int)test_count(flow_conn(), flow_arena(),
                                     "SELECT count(*) FROM oauth_user WHERE name = 'mori' AND failures = 0"),
                     1);
    /* a login ends after ten wrong answers */
    page = browser_authorize("");
    for (int i = 0; i < 10; i++)
        ck_status(browser_fill_in(page, "username=nobody&password=x"), 400);
    ck_status(browser_fill_in(page, "username=sato&password=" PASSWORD), 400);
}
END_TEST

START_TEST(too_many_logins)
{
    int limited = 0;
    flow_oauth_set("oauth.token_rate=400"); /* 40 requests and 10 passwords at once */
    for (int i = 0; i < 15 && !limited; i++)
        limited = browser_fill_in(browser_authorize(""), "username=x")->status == 429;
    ck_assert(limited);
    flow_oauth_set("oauth.token_rate=1000000");
}
END_TEST

/* Nothing that somebody could use is in the database as it is. */
START_TEST(secrets_at_rest)
{
    const char *code = browser_get_code("");
    const struct flow_answer *a = browser_exchange(code);
    const char *secrets[] = {code, flow_text(a->json, "refresh_token"), PASSWORD,
                             strchr(browser_cookie, '=') + 1};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        ck_assert_int_eq(
            (int)test_count(
                flow_conn(), flow_arena(),
                arena_printf(flow_arena(),
                             "SELECT (SELECT count(*) FROM oauth_secret x WHERE x::text LIKE '%%%s%%') + "
                             "(SELECT count(*) FROM oauth_user x WHERE x::text LIKE '%%%s%%') + (SELECT "
                             "count(*) FROM oauth_flow x WHERE x::text LIKE '%%%s%%')",
                             secrets[i], secrets[i], secrets[i])),
            0);
}
END_TEST

/* ---- logging out, registering ---------------------------------------------------------------------------------------- */

static const struct flow_answer *log_out(const char *hint, const char *more)
{
    return flow("GET", arena_printf(flow_arena(), "oauth/logout?id_token_hint=%s%s", hint, more),
                "Authorization:\n", NULL);
}

START_TEST(logging_out)
{
    const struct flow_answer *a = browser_exchange(browser_get_code("")),
                             *b = browser_exchange(browser_get_code(""));
    const char *hint = flow_text(a->json, "id_token");
    static const char *const wrong[] = {"", "x", "e30.e30.e30"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_status(log_out(wrong[i], ""), 400);
    ck_status(log_out(flow_text(a->json, "access_token"), ""), 400);
    ck_status(log_out(hint, "&client_id=other"), 400);
    ck_assert_int_eq(browser_reads(a), 200);
    /* sent nowhere that is not registered */
    const struct flow_answer *page = log_out(hint, "&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F");
    ck_status(page, 200);
    ck_assert_ptr_null(flow_header(page, "Location"));
    ck_assert_int_eq(browser_reads(a), 401);
    oauth_refused(browser_refresh(flow_text(a->json, "refresh_token"), ""), 400, "invalid_grant");
    ck_assert_int_eq(browser_reads(b), 200);
    page = log_out(flow_text(b->json, "id_token"),
                   "&state=s+1&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye");
    ck_status(page, 303);
    ck_assert_str_eq(flow_header(page, "Location"), "https://app.example/bye?state=s%201");
    ck_assert_int_eq(browser_reads(b), 401);
}
END_TEST

static const struct flow_answer *enrol(const char *token, const char *metadata)
{
    return flow("POST", "oauth/register",
                arena_printf(flow_arena(), "Authorization: %s%s\nContent-Type: application/json\n",
                             token ? "Bearer " : "", token ? token : ""),
                metadata);
}

START_TEST(registering)
{
    static const char good[] = "{\"client_name\":\"New\",\"redirect_uris\":[\"https://new.example/cb\"],"
                               "\"scope\":\"openid patient/*.rs system/*.cruds user/*.cruds\"}";
    const char *token = flow_text(oauth_credentials("desk", (struct oauth_assertion){0}, NULL)->json,
                                  "access_token"),
               *other = flow_text(oauth_credentials("backend", (struct oauth_assertion){0}, NULL)->json,
                                  "access_token");
    oauth_refused(enrol(token, good), 403, "access_denied"); /* off by default */
    flow_oauth_set("oauth.registration=on");
    oauth_refused(enrol(NULL, good), 401, "invalid_token");
    oauth_refused(enrol("x", good), 401, "invalid_token");
    oauth_refused(enrol(other, good), 401, "invalid_token");
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"redirect_uris\":[\"http://evil.example/\"]}",
        "{\"redirect_uris\":[\"https://new.example/cb\"],\"scope\":\"system/*.cruds\"}",
        "{\"redirect_uris\":[\"https://new.example/cb\"],\"jwks_uri\":\"https://169.254.169.254/\"}",
        "{\"redirect_uris\":[\"https://new.example/cb\"],\"grant_types\":[\"password\"]}",
        "{\"redirect_uris\":[\"https://new.example/"
        "cb\"],\"token_endpoint_auth_method\":\"client_secret_basic\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        oauth_refused(enrol(token, wrong[i]), 400, "invalid_client_metadata");
    const struct flow_answer *a = enrol(token, good);
    ck_status(a, 201);
    ck_assert_str_eq(flow_text(a->json, "scope"), "openid patient/*.rs");
    ck_assert_str_eq(flow_text(a->json, "registered_by"), "desk");
    ck_status(browser_authorize(arena_printf(flow_arena(),
                                             "client_id=%s|redirect_uri=https://new.example/cb|scope=openid",
                                             flow_text(a->json, "client_id"))),
              200);
    ck_status(
        flow("POST", "oauth/revoke", OAUTH_FORM,
             arena_printf(flow_arena(),
                          "client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3A"
                          "jwt-bearer&client_assertion=%s&token=%s",
                          oauth_assertion("desk", (struct oauth_assertion){0}), token)),
        200);
    oauth_refused(enrol(token, good), 401, "invalid_token");
    flow_oauth_set("oauth.registration=off");
}
END_TEST

START_TEST(what_protects_the_records)
{
    static const char *const places[] = {".well-known/oauth-protected-resource",
                                         "/.well-known/oauth-protected-resource/fhir"};
    for (int i = 0; i < 2; i++) {
        const struct flow_answer *a = flow("GET", places[i], "Authorization:\n", NULL);
        ck_status(a, 200);
        ck_assert_str_eq(flow_text(a->json, "resource"), FLOW_BASE);
        ck_assert_str_eq(flow_text(a->json, "authorization_servers[0]"), FLOW_BASE);
    }
}
END_TEST

/* ---- the audit log --------------------------------------------------------------------------------------------------- */

/* Entries of an operation with an outcome, of the user of this name (NULL: of nobody). */
static int64_t entries(enum audit_op op, int status, const char *user)
{
    ck_ok(audit_turn(flow_audit(), &err));
    return test_count(
        flow_conn(), flow_arena(),
        arena_printf(
            flow_arena(),
            "SELECT count(*) FROM audit a JOIN audit_word w ON w.tenant = a.tenant AND w.key = a.agent WHERE "
            "op = %d AND status = %d AND %s",
            op, status,
            user ? arena_printf(flow_arena(),
                                "w.text LIKE '%%' || (SELECT id FROM oauth_user WHERE name = '%s') || '%%'",
                                user)
                 : "NOT EXISTS (SELECT FROM oauth_user u WHERE w.text LIKE '%' || u.id || '%')"));
}

START_TEST(entered_into_the_log)
{
    int64_t logins = entries(AUDIT_LOGIN, 200, "sato"), failed = entries(AUDIT_LOGIN, 401, "sato"),
            nobody = entries(AUDIT_LOGIN, 401, NULL), locked = entries(AUDIT_LOGIN, 429, "mori"),
            given = entries(AUDIT_CONSENT, 200, "sato"), denied = entries(AUDIT_CONSENT, 403, "sato"),
            revoked_before = entries(AUDIT_TOKEN_REVOKED, 200, "sato");
    const struct flow_answer *page = browser_authorize("");
    browser_fill_in(page, "username=sato&password=wrong");
    browser_fill_in(page, "username=nobody&password=" PASSWORD);
    browser_fill_in(browser_consent_page(""), "decision=deny");
    const struct flow_answer *a = browser_exchange(browser_get_code(""));
    flow("POST", "oauth/revoke", OAUTH_FORM,
         arena_printf(flow_arena(), "client_id=app&token=%s", flow_text(a->json, "access_token")));
    flow("POST", "oauth/revoke", OAUTH_FORM, "client_id=app&token=unknown");
    ck_ok(db_run(flow_conn(),
                 "UPDATE oauth_user SET locked_until = now() + interval '1 minute' WHERE name = 'mori'",
                 &err));
    browser_fill_in(page, "username=mori&password=" PASSWORD);
    ck_ok(db_run(flow_conn(), "UPDATE oauth_user SET locked_until = NULL WHERE name = 'mori'", &err));
    ck_assert_int_eq(entries(AUDIT_LOGIN, 200, "sato") - logins, 2);
    ck_assert_int_eq(entries(AUDIT_LOGIN, 401, "sato") - failed, 1);
    ck_assert_int_eq(entries(AUDIT_LOGIN, 401, NULL) - nobody, 1);
    ck_assert_int_eq(entries(AUDIT_LOGIN, 429, "mori") - locked, 1);
    ck_assert_int_eq(entries(AUDIT_CONSENT, 200, "sato") - given, 1);
    ck_assert_int_eq(entries(AUDIT_CONSENT, 403, "sato") - denied, 1);
    ck_assert_int_eq(entries(AUDIT_TOKEN_REVOKED, 200, "sato") - revoked_before, 1);
    /* nothing that was typed */
    ck_assert_int_eq(
        (int)test_count(flow_conn(), flow_arena(),
                        "SELECT count(*) FROM audit_word WHERE text LIKE '%nobody%' OR text LIKE "
                        "'%wrong%' OR text LIKE '%correct%'"),
        0);
}
END_TEST

static void each(void)
{
    flow_begin();
    browser_cookie = NULL;
    oauth_app("app",
              "{\"client_name\":\"The <App>\",\"redirect_uris\":[\"" CALLBACK "\",\"http://127.0.0.1/cb\"],"
              "\"grant_types\":[\"authorization_code\",\"refresh_token\"],"
              "\"post_logout_redirect_uris\":[\"https://app.example/bye\"],"
              "\"scope\":\"openid fhirUser offline_access launch launch/patient user/*.rs patient/*.rs\"}");
    oauth_app("other",
              "{\"redirect_uris\":[\"https://other.example/\"],\"grant_types\":[\"authorization_code\","
              "\"refresh_token\"],\"scope\":\"openid user/*.rs\"}");
    oauth_client("backend", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    oauth_client("desk", OAUTH_ES256, "\"scope\":\"system/register\"");
    oauth_client("server", OAUTH_ES256, "\"scope\":\"system/introspect\"");
    oauth_user("sato", "Practitioner/7", false);
    oauth_user("tanaka", "Practitioner/8", true);
    oauth_user("mori", "Patient/m-1", false);
}

Suite *suite_flow_login(void)
{
    Suite *s = suite_create("flow/login");
    TCase *t = tcase_create("login");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, oauth_suite_begin, flow_suite_end);
    tcase_add_checked_fixture(t, each, flow_end);
    tcase_add_test(t, from_login_to_token);
    tcase_add_test(t, in_japanese);
    tcase_add_test(t, declined);
    tcase_add_test(t, refreshing);
    tcase_add_test(t, refreshing_without_a_name);
    tcase_add_test(t, no_refresh_without_asking);
    tcase_add_test(t, second_step);
    tcase_add_test(t, patients);
    tcase_add_test(t, codes_are_good_once);
    tcase_add_test(t, refresh_tokens_are_good_once);
    tcase_add_test(t, revoked);
    tcase_add_test(t, introspected);
    tcase_add_test(t, removed_people);
    tcase_add_test(t, redirect_tricks);
    tcase_add_test(t, refused_requests);
    tcase_add_test(t, stolen_codes);
    tcase_add_test(t, codes_race);
    tcase_add_test(t, forged_forms);
    tcase_add_test(t, lockout);
    tcase_add_test(t, too_many_logins);
    tcase_add_test(t, secrets_at_rest);
    tcase_add_test(t, entered_into_the_log);
    tcase_add_test(t, logging_out);
    tcase_add_test(t, registering);
    tcase_add_test(t, what_protects_the_records);
    suite_add_tcase(s, t);
    return s;
}
