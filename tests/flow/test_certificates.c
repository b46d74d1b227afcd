/* Certificates by which clients and people prove who they are (RFC 8705), and tokens that nobody else can use. */
#include "base/base64.h"
#include "support/browser.h"
#include "support/certificate.h"
#include "support/flow.h"
#include "support/oauth.h"

static struct err err;

static struct str cert(struct certificate how)
{
    return certificate_new(flow_arena(), how);
}

static const struct flow_answer *ask(const char *client, struct str certs)
{
    flow_certificates(certs);
    const struct flow_answer *a =
        flow("POST", "oauth/token", OAUTH_FORM,
             arena_printf(flow_arena(), "grant_type=client_credentials&client_id=%s", client));
    flow_certificates(STR(""));
    return a;
}

static int reads_with(const struct flow_answer *a, struct str certs)
{
    flow_certificates(certs);
    const struct flow_answer *got =
        flow("GET", "Patient", oauth_bearer(flow_text(a->json, "access_token")), NULL);
    flow_certificates(STR(""));
    if (got->status == 401)
        ck_assert_ptr_nonnull(strstr(flow_header(got, "WWW-Authenticate"), "invalid_token"));
    return got->status;
}

/* ---- clients ------------------------------------------------------------------------------------------------------ */

START_TEST(a_clients_certificate)
{
    struct str own = cert((struct certificate){.name = "lab"}),
               renewed = cert((struct certificate){.name = "lab"});
    const struct flow_answer *a = ask("lab", own);
    ck_status(a, 200);
    ck_assert_str_eq(flow_text(a->json, "scope"), "system/*.rs");
    ck_assert_int_eq(reads_with(a, own), 200);
    ck_assert_int_eq(reads_with(a, own), 200); /* from memory */
    /* replayed by somebody without it, with another one, with a later one of the same name, or with both */
    ck_assert_int_eq(reads_with(a, STR("")), 401);
    ck_assert_int_eq(reads_with(a, cert((struct certificate){.name = "other"})), 401);
    ck_assert_int_eq(reads_with(a, renewed), 401);
    ck_assert_int_eq(reads_with(a, str_of(arena_printf(flow_arena(), "garbage"))), 401);
    struct buf b;
    buf_init(&b, flow_arena(), 4096);
    buf_addstr(&b, renewed);
    buf_addstr(&b, own);
    ck_assert_int_eq(reads_with(a, buf_str(&b)), 401);
    ck_assert_int_eq(reads_with(a, own), 200);
    ck_status(ask("lab", renewed), 200);
}
END_TEST

START_TEST(certificates_of_others)
{
    static const struct certificate wrong[] = {
        {.name = "labs"},
        {.name = "lab", .by = BY_STRANGER},
        {.name = "lab", .by = BY_ITSELF},
        {.name = "lab", .from_days = -20, .days = 5},
        {.name = "lab", .from_days = 2},
        {.name = "lab", .usage = "serverAuth"},
        {.name = "x", .alt = "DNS:lab"},
        {.name = "lab,O=Test PKI"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        oauth_refused(ask("lab", cert(wrong[i])), 401, "invalid_client");
    oauth_refused(ask("lab", STR("")), 401, "invalid_client");
    oauth_refused(ask("lab", STR("0\x82")), 401, "invalid_client");
    /* a name elsewhere in it */
    ck_status(ask("host", cert((struct certificate){.name = "x", .alt = "DNS:host.example,DNS:b.example"})),
              200);
    oauth_refused(ask("host", cert((struct certificate){.name = "host.example"})), 401, "invalid_client");
    oauth_refused(ask("host", cert((struct certificate){.name = "x", .alt = "URI:host.example"})), 401,
                  "invalid_client");
    /* who proves himself by a key does not by a certificate */
    oauth_refused(ask("backend", cert((struct certificate){.name = "backend"})), 401, "invalid_client");
}
END_TEST

START_TEST(revoked_certificates)
{
    const char *with_list = flow_file("revoked.pem", certificate_authority(flow_arena(), BY_AUTHORITY, 99));
    flow_oauth_set(arena_printf(flow_arena(), "oauth.client_authorities=%s", with_list));
    oauth_refused(ask("lab", cert((struct certificate){.name = "lab", .serial = 99})), 401, "invalid_client");
    ck_status(ask("lab", cert((struct certificate){.name = "lab", .serial = 98})), 200);
    flow_oauth_set("oauth.client_authorities=");
    oauth_refused(ask("lab", cert((struct certificate){.name = "lab"})), 401, "invalid_client");
}
END_TEST

START_TEST(self_signed)
{
    struct str own = cert((struct certificate){.name = "self", .by = BY_ITSELF, .days = 1, .from_days = 0});
    const char *metadata = arena_printf(
        flow_arena(),
        "{\"token_endpoint_auth_method\":\"self_signed_tls_client_auth\",\"scope\":\"system/*.rs\","
        "\"grant_types\":[\"client_credentials\"],\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[\"%s\"]}]}}",
        base64_encode(flow_arena(), BASE64_STD, own.s, own.len).s);
    ck_ok(oauth__client_add(1, flow_conn(), flow_arena(), "self", test_json(flow_arena(), metadata), &err));
    const struct flow_answer *a = ask("self", own);
    ck_status(a, 200);
    ck_assert_int_eq(reads_with(a, own), 200);
    ck_assert_int_eq(reads_with(a, STR("")), 401);
    oauth_refused(ask("self", cert((struct certificate){.name = "self", .by = BY_ITSELF})), 401,
                  "invalid_client");
    oauth_refused(ask("self", cert((struct certificate){.name = "self"})), 401, "invalid_client");
    oauth_refused(ask("self", STR("")), 401, "invalid_client");
    ck_ok(oauth__client_remove(1, flow_conn(), flow_arena(), "self", &err));
}
END_TEST

/* A client that signs assertions may want its tokens bound as well; what it asks for itself, introspection tells. */
START_TEST(bound_besides)
{
    struct str own = cert((struct certificate){.name = "any", .by = BY_ITSELF});
    oauth_refused(oauth_credentials("bound", (struct oauth_assertion){0}, NULL), 400, "invalid_request");
    flow_certificates(own);
    const struct flow_answer *a = oauth_credentials("bound", (struct oauth_assertion){0}, NULL);
    ck_assert_int_eq(reads_with(a, own), 200);
    ck_assert_int_eq(reads_with(a, STR("")), 401);
    ck_assert_str_eq(
        flow_text(oauth_claims(flow_text(a->json, "access_token")), "cnf.x5t#S256"),
        flow_text(flow("POST", "oauth/introspect", OAUTH_FORM,
                       arena_printf(flow_arena(),
                                    "token=%s&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth"
                                    "%%3Aclient-assertion-type%%3Ajwt-bearer&client_assertion=%s",
                                    flow_text(a->json, "access_token"),
                                    oauth_assertion("bound", (struct oauth_assertion){0})))
                      ->json,
                  "cnf.x5t#S256"));
}
END_TEST

/* An unbound token stays good whatever certificate comes with it. */
START_TEST(unbound)
{
    const struct flow_answer *a = oauth_credentials("backend", (struct oauth_assertion){0}, NULL);
    ck_assert_ptr_null(flow_node(oauth_claims(flow_text(a->json, "access_token")), "cnf"));
    ck_assert_int_eq(reads_with(a, STR("")), 200);
    ck_assert_int_eq(reads_with(a, cert((struct certificate){.name = "lab"})), 200);
}
END_TEST

static const struct flow_answer *refresh_phone(const struct flow_answer *a, struct str certs)
{
    flow_certificates(certs);
    return flow("POST", "oauth/token", OAUTH_FORM,
                arena_printf(flow_arena(), "grant_type=refresh_token&client_id=phone&refresh_token=%s",
                             flow_text(a->json, "refresh_token")));
}

/* A public client's refresh token is bound too; one that comes without its certificate was stolen. */
START_TEST(refresh_tokens)
{
    struct str own = cert((struct certificate){.name = "phone", .by = BY_ITSELF});
    const char *scope = "client_id=phone|scope=offline_access user/*.rs";
    const char *code =
        browser_of_redirect(browser_fill_in(browser_consent_page(scope), "decision=allow"), "code");
    oauth_refused(browser_exchange_as("phone", code, CALLBACK, VERIFIER), 400, "invalid_request");
    flow_certificates(own);
    const struct flow_answer *a = browser_exchange_as("phone", code, CALLBACK, VERIFIER);
    ck_status(a, 200);
    const struct flow_answer *b = refresh_phone(a, own);
    ck_status(b, 200);
    ck_assert_int_eq(reads_with(b, own), 200);
    oauth_refused(refresh_phone(b, cert((struct certificate){.name = "phone", .by = BY_ITSELF})), 400,
                  "invalid_grant");
    ck_assert_int_eq(reads_with(b, own), 401);
}
END_TEST

/* ---- people ------------------------------------------------------------------------------------------------------- */

static const struct flow_answer *log_in_with(struct str certs)
{
    flow_certificates(certs);
    const struct flow_answer *page = browser_authorize(""), *a;
    ck_status(page, 200);
    a = browser_fill_in(page, "with=certificate");
    flow_certificates(STR(""));
    return a;
}

START_TEST(a_card)
{
    struct str card = cert((struct certificate){.name = "25A0000000000000000000000001", .serial = 501});
    struct cert_names names;
    ck_ok(cert_read(flow_arena(), card, &names, &err));
    ck_ok(oauth__identity_add(1, flow_conn(), flow_arena(), "tanaka", OAUTH__CERTIFICATE,
                              oauth__identity_of_number(flow_arena(), &names), &err));
    flow_certificates(card);
    ck_assert_ptr_nonnull(strstr(browser_authorize("")->body.s, "value=\"certificate\""));
    const struct flow_answer *page = log_in_with(card);
    ck_status(page, 200);
    ck_assert_ptr_nonnull(strstr(page->body.s, "Logged in as tanaka"));
    const struct flow_answer *a =
        browser_exchange(browser_of_redirect(browser_fill_in(page, "decision=allow"), "code"));
    ck_assert_str_eq(flow_text(oauth_claims(flow_text(a->json, "access_token")), "fhirUser"),
                     "Practitioner/8");
    ck_assert_int_eq(browser_reads(a), 200);
    /* the same number of another authority, another card, none, one that is over */
    static const struct certificate wrong[] = {
        {.name = "25A0000000000000000000000001", .serial = 501, .by = BY_STRANGER},
        {.name = "25A0000000000000000000000001", .serial = 501, .by = BY_ITSELF},
        {.name = "25A0000000000000000000000001", .serial = 502},
        {.name = "25A0000000000000000000000001", .serial = 501, .from_days = -9, .days = 3},
        {.name = "25A0000000000000000000000001", .serial = 501, .usage = "serverAuth"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        page = log_in_with(cert(wrong[i]));
        ck_status(page, 400);
        ck_assert_ptr_nonnull(strstr(page->body.s, "role=\"alert\""));
    }
    ck_status(log_in_with(STR("")), 400);
    ck_assert_ptr_null(strstr(browser_authorize("")->body.s, "value=\"certificate\""));
    /* somebody may be known by the name that all cards of his have */
    ck_ok(oauth__identity_add(
        1, flow_conn(), flow_arena(), "sato", OAUTH__CERTIFICATE,
        oauth__identity_of_name(flow_arena(),
                                certificate_subject(flow_arena(), "25B0000000000000000000000002")),
        &err));
    page = log_in_with(cert((struct certificate){.name = "25B0000000000000000000000002", .serial = 77}));
    ck_assert_ptr_nonnull(strstr(page->body.s, "Logged in as sato"));
    int n;
    ck_ok(oauth__identities_remove(1, flow_conn(), flow_arena(), "tanaka", &n, &err));
    ck_assert_int_eq(n, 1);
    ck_status(log_in_with(card), 400);
}
END_TEST

START_TEST(links)
{
    ck_ok(oauth__identity_add(1, flow_conn(), flow_arena(), "mori", "certificate", "name x", &err));
    ck_assert(!oauth__identity_add(1, flow_conn(), flow_arena(), "sato", "certificate", "name x", &err));
    ck_assert_int_eq(err.kind, ERR_CONFLICT);
    ck_assert(!oauth__identity_add(1, flow_conn(), flow_arena(), "nobody", "certificate", "name y", &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_ok(oauth__user_remove(1, flow_conn(), flow_arena(), "mori", &err));
    ck_ok(oauth__identity_add(1, flow_conn(), flow_arena(), "sato", "certificate", "name x", &err));
}
END_TEST

static void begin(void)
{
    flow_suite_begin();
    flow_base("oauth.server=on");
    flow_base("oauth.token_rate=1000000");
    flow_base("http.client_certs=ask");
    oauth_keys_begin();
}

static void each(void)
{
    flow_begin();
    struct arena *a = flow_arena();
    browser_cookie = NULL;
    const char *file = flow_file("authority.pem", certificate_authority(a, BY_AUTHORITY, 0));
    flow_set(arena_printf(a, "oauth.user_authorities=%s", file));
    flow_oauth_set(arena_printf(a, "oauth.client_authorities=%s", file));
    oauth_app("lab",
              arena_printf(a,
                           "{\"token_endpoint_auth_method\":\"tls_client_auth\",\"scope\":\"system/*.rs\","
                           "\"grant_types\":[\"client_credentials\"],\"tls_client_auth_subject_dn\":\"%s\"}",
                           certificate_subject(a, "lab")));
    oauth_app("host",
              "{\"token_endpoint_auth_method\":\"tls_client_auth\",\"scope\":\"system/*.rs\","
              "\"grant_types\":[\"client_credentials\"],\"tls_client_auth_san_dns\":\"host.example\"}");
    oauth_app("phone", "{\"redirect_uris\":[\"" CALLBACK "\"],\"grant_types\":[\"authorization_code\","
                       "\"refresh_token\"],\"scope\":\"offline_access user/*.rs\","
                       "\"tls_client_certificate_bound_access_tokens\":true}");
    oauth_app("app", "{\"redirect_uris\":[\"" CALLBACK "\"],\"grant_types\":[\"authorization_code\"],"
                     "\"scope\":\"openid fhirUser user/*.rs\"}");
    oauth_client("backend", OAUTH_ES256, "\"scope\":\"system/*.cruds\"");
    oauth_client("bound", OAUTH_ES256,
                 "\"scope\":\"system/*.cruds\",\"tls_client_certificate_bound_access_tokens\":true");
    oauth_user("sato", "Practitioner/7", false);
    oauth_user("tanaka", "Practitioner/8", true);
    oauth_user("mori", "Patient/m-1", false);
}

Suite *suite_flow_certificates(void)
{
    Suite *s = suite_create("flow/certificates");
    TCase *t = tcase_create("certificates");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, begin, flow_suite_end);
    tcase_add_checked_fixture(t, each, flow_end);
    tcase_add_test(t, a_clients_certificate);
    tcase_add_test(t, certificates_of_others);
    tcase_add_test(t, revoked_certificates);
    tcase_add_test(t, self_signed);
    tcase_add_test(t, bound_besides);
    tcase_add_test(t, unbound);
    tcase_add_test(t, refresh_tokens);
    tcase_add_test(t, a_card);
    tcase_add_test(t, links);
    suite_add_tcase(s, t);
    return s;
}
