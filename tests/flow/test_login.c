/* People log in: pages, codes, tokens that are refreshed, what ends them, and what is refused on the way. */
#include "base/base64.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "support/flow.h"
#include "support/oauth.h"

#define CALLBACK "https://app.example/back"
#define VERIFIER "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
#define PASSWORD "correct horse battery"

static struct err err;
static const char *cookie; /* the browser's */

static const char *challenge(void)
{
    uint8_t hash[32];
    crypto_sha256(VERIFIER, strlen(VERIFIER), hash);
    return base64_encode(flow_arena(), BASE64_URL, hash, 32).s;
}

/* ---- a browser ------------------------------------------------------------------------------------------------- */

static const struct flow_answer *browse(const char *method, const char *path, const char *body)
{
    const char *headers = arena_printf(flow_arena(), OAUTH_FORM "%s%s%s", cookie ? "Cookie: x=1; " : "",
                                       cookie ? cookie : "", cookie ? "\n" : "");
    const struct flow_answer *a = flow(method, path, headers, body);
    const char *set = flow_header(a, "Set-Cookie");
    struct str rest;
    if (set) {
        ck_assert_ptr_nonnull(strstr(set, "; HttpOnly; SameSite=Lax"));
        struct str first = str_cut(str_of(set), ';', &rest);
        cookie = arena_strndup(flow_arena(), first.s, first.len);
    }
    return a;
}

/* changed: parameters "name=value" that replace those of a request as it has to be; "name=": left out. */
static const struct flow_answer *authorize(const char *changed)
{
    static const char *const names[] = {
        "response_type", "client_id",      "redirect_uri",          "scope", "state",
        "aud",           "code_challenge", "code_challenge_method", "nonce"};
    const char *values[] = {"code",       "app",     CALLBACK,    "openid fhirUser offline_access user/*.rs",
                            "some state", FLOW_BASE, challenge(), "S256",
                            "n-1"};
    struct buf b;
    buf_init(&b, flow_arena(), 512);
    buf_adds(&b, "oauth/authorize?");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = values[i];
        for (struct str rest = str_of(changed); rest.s;) {
            struct str with, one = str_cut(rest, '|', &rest), name = str_cut(one, '=', &with);
            if (str_is(name, names[i]))
                value = arena_strndup(flow_arena(), with.s, with.len);
        }
        buf_addf(&b, "%s%s=", i ? "&" : "", names[i]);
        buf_add_percent(&b, str_of(value));
    }
    for (struct str rest = str_of(changed); rest.s;) {
        struct str one = str_cut(rest, '|', &rest);
        if (str_starts(one, STR("+")))
            buf_addf(&b, "&%.*s", (int)one.len - 1, one.s + 1);
    }
    return browse("GET", b.s, NULL);
}

static const char *between(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from), *end = at ? strstr(at + strlen(from), to) : NULL;
    ck_assert_msg(end != NULL, "no %s in %s", from, text);
    return arena_strndup(flow_arena(), at + strlen(from), (size_t)(end - at) - strlen(from));
}

static const struct flow_answer *fill_in(const struct flow_answer *page, const char *fields)
{
    ck_assert_ptr_nonnull(strstr(flow_header(page, "Content-Type"), "text/html"));
    const char *body = arena_strndup(flow_arena(), page->body.s, page->body.len);
    return browse(
        "POST", "oauth/login",
        arena_printf(flow_arena(), "flow=%s&%s", between(body, "name=\"flow\" value=\"", "\""), fields));
}

static const char *of_redirect(const struct flow_answer *a, const char *name)
{
    struct oauth__form f;
    ck_status(a, 303);
    const char *location = flow_header(a, "Location"), *query = strchr(location, '?');
    ck_assert_ptr_nonnull(query);
    ck_ok(oauth__form_parse(flow_arena(), str_of(query + 1), &f, &err));
    return oauth__field(&f, name);
}

static const struct flow_answer *consent_page(const char *changed)
{
    const struct flow_answer *a = authorize(changed);
    ck_status(a, 200);
    return fill_in(a, "username=sato&password=" PASSWORD);
}

static const char *get_code(const char *changed)
{
    const struct flow_answer *a = fill_in(consent_page(changed), "decision=allow");
    ck_assert(str_starts(str_of(flow_header(a, "Location")), STR(CALLBACK "?code=")));
    return of_redirect(a, "code");
}

static const struct flow_answer *exchange_as(const char *client, const char *code, const char *uri,
                                             const char *verifier)
{
    return flow("POST", "oauth/token", OAUTH_FORM,
                arena_printf(flow_arena(),
                             "grant_type=authorization_code&client_id=%s&code=%s&redirect_uri=%s%s%s", client,
                             code, uri, verifier ? "&code_verifier=" : "", verifier ? verifier : ""));
}

static const struct flow_answer *exchange(const char *code)
{
    return exchange_as("app", code, CALLBACK, VERIFIER);
}

static const struct flow_answer *refresh(const char *token, const char *more)
{
    return flow(
        "POST", "oauth/token", OAUTH_FORM,
        arena_printf(flow_arena(), "grant_type=refresh_token&client_id=app&refresh_token=%s%s", token, more));
}

static int reads(const struct flow_answer *a)
{
    return flow("GET", "Patient", oauth_bearer(flow_text(a->json, "access_token")), NULL)->status;
}

/* ---- as it has to be ------------------------------------------------------------------------------------------- */

START_TEST(from_login_to_token)
{
    const struct flow_answer *page = authorize("");
    ck_status(page, 200);
    ck_assert_ptr_nonnull(strstr(flow_header(page, "Content-Security-Policy"), "default-src 'none'"));
    ck_assert_ptr_nonnull(
        strstr(flow_header(page, "Content-Security-Policy"), "form-action 'self' https://app.example;"));
    ck_assert_str_eq(flow_header(page, "X-Frame-Options"), "DENY");
    const struct flow_answer *consent = fill_in(page, "username=sato&password=" PASSWORD);
    ck_status(consent, 200);
    ck_assert_ptr_nonnull(strstr(consent->body.s, "The &lt;App&gt;"));
    ck_assert_ptr_nonnull(strstr(consent->body.s, "to read all records"));
    const struct flow_answer *back = fill_in(consent, "decision=allow");
    ck_assert_str_eq(of_redirect(back, "state"), "some state");
    ck_assert_str_eq(of_redirect(back, "iss"), FLOW_BASE);
    const struct flow_answer *a = exchange(of_redirect(back, "code"));
    ck_status(a, 200);
    ck_assert_int_eq(reads(a), 200);
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
    const struct flow_answer *page = authorize("+ui_locales=ja-JP");
    ck_assert_ptr_nonnull(strstr(page->body.s, "<html lang=\"ja\">"));
    ck_assert_ptr_nonnull(strstr(fill_in(page, "username=x&password=y")->body.s, "正しくありません"));
}
END_TEST

START_TEST(declined)
{
    const struct flow_answer *a = fill_in(consent_page(""), "decision=deny");
    ck_assert_str_eq(of_redirect(a, "error"), "access_denied");
    ck_assert_ptr_null(of_redirect(a, "code"));
}
END_TEST

START_TEST(refreshing)
{
    const struct flow_answer *a = exchange(get_code(""));
    const char *first = flow_text(a->json, "refresh_token");
    const struct flow_answer *b = refresh(first, "");
    ck_status(b, 200);
    ck_assert_int_eq(reads(b), 200);
    ck_assert_str_ne(flow_text(b->json, "refresh_token"), first);
    /* less may be asked for, and more again later, but never more than was granted */
    const struct flow_answer *less = refresh(flow_text(b->json, "refresh_token"), "&scope=user%2FPatient.r");
    ck_assert_str_eq(flow_text(less->json, "scope"), "user/Patient.r");
    const char *last = flow_text(less->json, "refresh_token");
    oauth_refused(refresh(last, "&scope=user%2F*.cruds"), 400, "invalid_scope");
    oauth_refused(refresh(last, "&scope=system%2F*.rs"), 400, "invalid_scope");
    const struct flow_answer *all = refresh(last, "");
    ck_assert_str_eq(flow_text(all->json, "scope"), "openid fhirUser offline_access user/*.rs");
}
END_TEST

START_TEST(no_refresh_without_asking)
{
    const struct flow_answer *a = exchange(get_code("scope=openid user/*.rs"));
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
    const struct flow_answer *page = fill_in(authorize(""), "username=tanaka&password=" PASSWORD);
    ck_assert_ptr_nonnull(strstr(page->body.s, "name=\"code\""));
    page = fill_in(page, arena_printf(flow_arena(), "code=%s", wrong));
    ck_status(page, 400);
    ck_assert_ptr_nonnull(
        strstr(fill_in(page, arena_printf(flow_arena(), "code=%s", code))->body.s, "decision"));
    /* the same code is good once */
    page = fill_in(authorize(""), "username=tanaka&password=" PASSWORD);
    ck_status(fill_in(page, arena_printf(flow_arena(), "code=%s", code)), 400);
    /* and the step cannot be left out */
    ck_status(fill_in(page, "decision=allow"), 400);
}
END_TEST

/* ---- patients ----------------------------------------------------------------------------------------------------- */

START_TEST(patients)
{
    const char *scope = "scope=launch/patient patient/Observation.rs";
    const struct flow_answer *page = fill_in(authorize(scope), "username=sato&password=" PASSWORD);
    ck_status(fill_in(page, "patient=a/b"), 400);
    const struct flow_answer *a =
        exchange(of_redirect(fill_in(fill_in(page, "patient=p-12"), "decision=allow"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "p-12");
    ck_assert_str_eq(flow_text(oauth_claims(flow_text(a->json, "access_token")), "patient"), "p-12");
    /* a patient is himself, whatever he says */
    page = fill_in(authorize(scope), "username=mori&password=" PASSWORD "&patient=p-12");
    ck_assert_ptr_nonnull(strstr(page->body.s, "decision"));
    a = exchange(of_redirect(fill_in(page, "decision=allow&patient=p-12"), "code"));
    ck_assert_str_eq(flow_text(a->json, "patient"), "m-1");
}
END_TEST

/* ---- what ends tokens ---------------------------------------------------------------------------------------------- */

START_TEST(codes_are_good_once)
{
    const char *code = get_code("");
    const struct flow_answer *a = exchange(code);
    ck_assert_int_eq(reads(a), 200);
    oauth_refused(exchange(code), 400, "invalid_grant");
    ck_assert_int_eq(reads(a), 401);
    oauth_refused(refresh(flow_text(a->json, "refresh_token"), ""), 400, "invalid_grant");
}
END_TEST

START_TEST(refresh_tokens_are_good_once)
{
    const struct flow_answer *a = exchange(get_code("")), *other = exchange(get_code(""));
    const char *first = flow_text(a->json, "refresh_token");
    const struct flow_answer *b = refresh(first, "");
    oauth_refused(refresh(first, ""), 400, "invalid_grant");
    ck_assert_int_eq(reads(a), 401);
    ck_assert_int_eq(reads(b), 401);
    oauth_refused(refresh(flow_text(b->json, "refresh_token"), ""), 400, "invalid_grant");
    ck_assert_int_eq(reads(other), 200);
}
END_TEST

START_TEST(revoked)
{
    const struct flow_answer *a = exchange(get_code("")), *b = exchange(get_code(""));
    const char *access = flow_text(a->json, "access_token"), *token = flow_text(b->json, "refresh_token");
    /* another client's stays */
    ck_status(flow("POST", "oauth/revoke", OAUTH_FORM,
                   arena_printf(flow_arena(), "client_id=other&token=%s", access)),
              200);
    ck_assert_int_eq(reads(a), 200);
    ck_status(flow("POST", "oauth/revoke", OAUTH_FORM,
                   arena_printf(flow_arena(), "client_id=app&token=%s", access)),
              200);
    ck_assert_int_eq(reads(a), 401);
    ck_status(refresh(flow_text(a->json, "refresh_token"), ""), 200);
    ck_status(
        flow("POST", "oauth/revoke", OAUTH_FORM, arena_printf(flow_arena(), "client_id=app&token=%s", token)),
        200);
    ck_assert_int_eq(reads(b), 401);
    oauth_refused(refresh(token, ""), 400, "invalid_grant");
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
    const struct flow_answer *a = exchange(get_code(""));
    const char *access = flow_text(a->json, "access_token"), *token = flow_text(a->json, "refresh_token");
    json *told = introspect("server", access);
    ck_assert(json_is_true(json_get(told, "active")));
    ck_assert_str_eq(flow_text(told, "client_id"), "app");
    ck_assert(json_is_true(json_get(introspect("server", token), "active")));
    ck_assert(!json_is_true(json_get(introspect("backend", access), "active")));
    ck_assert(!json_is_true(json_get(introspect("server", "nonsense"), "active")));
    oauth_refused(flow("POST", "oauth/introspect", OAUTH_FORM, "client_id=app&token=x"), 401,
                  "invalid_client");
    ck_status(refresh(token, ""), 200);
    ck_assert(!json_is_true(json_get(introspect("server", token), "active")));
    oauth_refused(refresh(token, ""), 400, "invalid_grant");
    ck_assert(!json_is_true(json_get(introspect("server", access), "active")));
}
END_TEST

START_TEST(removed_people)
{
    const struct flow_answer *a = exchange(get_code(""));
    ck_ok(oauth__user_remove(1, flow_conn(), flow_arena(), "sato", &err));
    int64_t until = clock_mono_us() + 5000000;
    while (reads(a) == 200)
        ck_assert_int_lt(clock_mono_us(), until);
    oauth_refused(refresh(flow_text(a->json, "refresh_token"), ""), 400, "invalid_grant");
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
        const struct flow_answer *a = authorize(wrong[i]);
        ck_assert_msg(a->status == 400, "%s: %d", wrong[i], a->status);
        ck_assert_ptr_null(flow_header(a, "Location"));
    }
    ck_status(authorize("redirect_uri=http://127.0.0.1:4711/cb"), 200);
    ck_status(authorize("redirect_uri=http://127.0.0.1/cb"), 200);
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
        const struct flow_answer *a = authorize(wrong[i].changed);
        ck_assert_msg(str_starts(str_of(flow_header(a, "Location")), STR(CALLBACK "?error=")), "%s",
                      wrong[i].changed);
        ck_assert_str_eq(of_redirect(a, "error"), wrong[i].error);
        ck_assert_str_eq(of_redirect(a, "state"), "some state");
    }
}
END_TEST

START_TEST(stolen_codes)
{
    oauth_refused(exchange_as("other", get_code(""), CALLBACK, VERIFIER), 400, "invalid_grant");
    oauth_refused(exchange_as("app", get_code(""), CALLBACK, NULL), 400, "invalid_grant");
    oauth_refused(exchange_as("app", get_code(""), CALLBACK, challenge()), 400, "invalid_grant");
    oauth_refused(exchange_as("app", get_code(""), CALLBACK, VERIFIER "x"), 400, "invalid_grant");
    oauth_refused(exchange_as("app", get_code(""), "http://127.0.0.1/cb", VERIFIER), 400, "invalid_grant");
    oauth_refused(exchange_as("app", get_code(""), "", VERIFIER), 400, "invalid_grant");
    oauth_refused(exchange_as("app", "guess", CALLBACK, VERIFIER), 400, "invalid_grant");
    const char *code = get_code("");
    ck_ok(db_run(flow_conn(), "UPDATE oauth_secret SET until = now() - interval '1 second' WHERE NOT used",
                 &err));
    oauth_refused(exchange(code), 400, "invalid_grant");
    const struct flow_answer *a = exchange(get_code(""));
    oauth_refused(flow("POST", "oauth/token", OAUTH_FORM,
                       arena_printf(flow_arena(), "grant_type=refresh_token&client_id=other&refresh_token=%s",
                                    flow_text(a->json, "refresh_token"))),
                  400, "invalid_grant");
    ck_status(refresh(flow_text(a->json, "refresh_token"), ""), 200);
}
END_TEST

START_TEST(codes_race)
{
    enum { N = 6 };
    struct flow_call *calls[N];
    int won = 0;
    const char *code = get_code("");
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
    const struct flow_answer *mine = authorize("");
    const char *own = cookie;
    cookie = NULL;
    ck_status(fill_in(mine, "username=sato&password=" PASSWORD), 400);
    cookie = "kagari-login=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    ck_status(fill_in(mine, "username=sato&password=" PASSWORD), 400);
    cookie = own;
    ck_status(browse("POST", "oauth/login", "username=sato&password=" PASSWORD), 400);
    ck_status(browse("POST", "oauth/login", "flow=guess&decision=allow"), 400);
    const struct flow_answer *consent = fill_in(mine, "username=sato&password=" PASSWORD);
    ck_status(fill_in(consent, "decision=allow"), 303);
    ck_status(fill_in(consent, "decision=allow"), 400);
    /* consent without a login */
    ck_status(fill_in(authorize(""), "decision=allow"), 400);
}
END_TEST

START_TEST(lockout)
{
    const struct flow_answer *page = authorize("");
    for (int i = 0; i < 5; i++)
        ck_status(fill_in(page, "username=mori&password=wrong"), 400);
    /* the right one too, with the same answer, until the time is over */
    const struct flow_answer *locked = fill_in(page, "username=mori&password=" PASSWORD),
                             *nobody = fill_in(page, "username=nobody&password=" PASSWORD);
    ck_status(locked, 400);
    ck_assert(str_eq(locked->body, nobody->body));
    page = authorize("");
    ck_status(fill_in(page, "username=sato&password=" PASSWORD), 200);
    ck_ok(db_run(flow_conn(),
                 "UPDATE oauth_user SET locked_until = now() - interval '1 second' WHERE name = 'mori'",
                 &err));
    ck_status(fill_in(authorize(""), "username=mori&password=" PASSWORD), 200);
    ck_assert_int_eq((int)test_count(flow_conn(), flow_arena(),
                                     "SELECT count(*) FROM oauth_user WHERE name = 'mori' AND failures = 0"),
                     1);
    /* a login ends after ten wrong answers */
    page = authorize("");
    for (int i = 0; i < 10; i++)
        ck_status(fill_in(page, "username=nobody&password=x"), 400);
    ck_status(fill_in(page, "username=sato&password=" PASSWORD), 400);
}
END_TEST

START_TEST(too_many_logins)
{
    int limited = 0;
    flow_oauth_set("oauth.token_rate=400"); /* 40 requests and 10 passwords at once */
    for (int i = 0; i < 15 && !limited; i++)
        limited = fill_in(authorize(""), "username=x&password=y")->status == 429;
    ck_assert(limited);
    flow_oauth_set("oauth.token_rate=1000000");
}
END_TEST

/* Nothing that somebody could use is in the database as it is. */
START_TEST(secrets_at_rest)
{
    const char *code = get_code("");
    const struct flow_answer *a = exchange(code);
    const char *secrets[] = {code, flow_text(a->json, "refresh_token"), PASSWORD, strchr(cookie, '=') + 1};
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

static void begin(void)
{
    flow_suite_begin();
    flow_base("oauth.server=on");
    flow_base("oauth.token_rate=1000000");
    oauth_keys_begin();
}

static void user(const char *name, const char *fhir_user, bool totp)
{
    static const char *hash; /* takes long */
    static char kept[200];
    struct oauth__base base;
    struct oauth__user u = {.name = name, .display = name, .fhir_user = fhir_user};
    if (!*kept) {
        ck_ok(oauth__password_hash(flow_arena(), STR(PASSWORD), &hash, &err));
        snprintf(kept, sizeof kept, "%s", hash);
    }
    u.password = kept;
    if (totp)
        u.totp = STR("12345678901234567890");
    ck_ok(oauth__base_init(&base, flow_config(), 1, &err));
    if (!oauth__user_add(&base, flow_conn(), flow_arena(), &u, &err))
        ck_assert_int_eq(err.kind, ERR_CONFLICT);
}

static void client(const char *id, const char *metadata)
{
    if (!oauth__client_add(1, flow_conn(), flow_arena(), id, test_json(flow_arena(), metadata), &err))
        ck_assert_msg(err.kind == ERR_CONFLICT, "%s", err.msg);
}

static void each(void)
{
    flow_begin();
    cookie = NULL;
    client("app",
           "{\"client_name\":\"The <App>\",\"redirect_uris\":[\"" CALLBACK "\",\"http://127.0.0.1/cb\"],"
           "\"grant_types\":[\"authorization_code\",\"refresh_token\"],"
           "\"scope\":\"openid fhirUser offline_access launch launch/patient user/*.rs patient/*.rs\"}");
    client("other", "{\"redirect_uris\":[\"https://other.example/\"],\"grant_types\":[\"authorization_code\","
                    "\"refresh_token\"],\"scope\":\"openid user/*.rs\"}");
    oauth_client("backend", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    oauth_client("server", OAUTH_ES256, "\"scope\":\"system/introspect\"");
    user("sato", "Practitioner/7", false);
    user("tanaka", "Practitioner/8", true);
    user("mori", "Patient/m-1", false);
}

Suite *suite_flow_login(void)
{
    Suite *s = suite_create("flow/login");
    TCase *t = tcase_create("login");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, begin, flow_suite_end);
    tcase_add_checked_fixture(t, each, flow_end);
    tcase_add_test(t, from_login_to_token);
    tcase_add_test(t, in_japanese);
    tcase_add_test(t, declined);
    tcase_add_test(t, refreshing);
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
    suite_add_tcase(s, t);
    return s;
}
