#include "support/browser.h"

#include "base/base64.h"
#include "crypto/digest.h"
#include "support/oauth.h"

static struct err err;
const char *browser_cookie;

const char *browser_challenge(void)
{
    uint8_t hash[32];
    crypto_sha256(VERIFIER, strlen(VERIFIER), hash);
    return base64_encode(flow_arena(), BASE64_URL, hash, 32).s;
}

/* ---- a browser ------------------------------------------------------------------------------------------------- */

const struct flow_answer *browser_send(const char *method, const char *path, const char *body)
{
    const char *headers =
        arena_printf(flow_arena(), OAUTH_FORM "%s%s%s", browser_cookie ? "Cookie: x=1; " : "",
                     browser_cookie ? browser_cookie : "", browser_cookie ? "\n" : "");
    const struct flow_answer *a = flow(method, path, headers, body);
    const char *set = flow_header(a, "Set-Cookie");
    struct str rest;
    if (set) {
        ck_assert_ptr_nonnull(strstr(set, "; HttpOnly; SameSite=Lax"));
        struct str first = str_cut(str_of(set), ';', &rest);
        browser_cookie = arena_strndup(flow_arena(), first.s, first.len);
    }
    return a;
}

/* changed: parameters "name=value" that replace those of a request as it has to be; "name=": left out. */
const struct flow_answer *browser_authorize(const char *changed)
{
    static const char *const names[] = {
        "response_type", "client_id",      "redirect_uri",          "scope", "state",
        "aud",           "code_challenge", "code_challenge_method", "nonce"};
    const char *values[] = {"code",
                            "app",
                            CALLBACK,
                            "openid fhirUser offline_access user/*.rs",
                            "some state",
                            FLOW_BASE,
                            browser_challenge(),
                            "S256",
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
    return browser_send("GET", b.s, NULL);
}

const char *browser_between(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from), *end = at ? strstr(at + strlen(from), to) : NULL;
    ck_assert_msg(end != NULL, "no %s in %s", from, text);
    return arena_strndup(flow_arena(), at + strlen(from), (size_t)(end - at) - strlen(from));
}

const struct flow_answer *browser_fill_in(const struct flow_answer *page, const char *fields)
{
    ck_assert_ptr_nonnull(strstr(flow_header(page, "Content-Type"), "text/html"));
    const char *body = arena_strndup(flow_arena(), page->body.s, page->body.len);
    return browser_send("POST", "oauth/login",
                        arena_printf(flow_arena(), "flow=%s&%s",
                                     browser_between(body, "name=\"flow\" value=\"", "\""), fields));
}

const char *browser_of_redirect(const struct flow_answer *a, const char *name)
{
    struct oauth__form f;
    ck_status(a, 303);
    const char *location = flow_header(a, "Location"), *query = strchr(location, '?');
    ck_assert_ptr_nonnull(query);
    ck_ok(oauth__form_parse(flow_arena(), str_of(query + 1), &f, &err));
    return oauth__field(&f, name);
}

const struct flow_answer *browser_consent_page(const char *changed)
{
    const struct flow_answer *a = browser_authorize(changed);
    ck_status(a, 200);
    return browser_fill_in(a, "username=sato&password=" PASSWORD);
}

const char *browser_get_code(const char *changed)
{
    const struct flow_answer *a = browser_fill_in(browser_consent_page(changed), "decision=allow");
    ck_assert(str_starts(str_of(flow_header(a, "Location")), STR(CALLBACK "?code=")));
    return browser_of_redirect(a, "code");
}

const struct flow_answer *browser_exchange_as(const char *client, const char *code, const char *uri,
                                              const char *verifier)
{
    return flow("POST", "oauth/token", OAUTH_FORM,
                arena_printf(flow_arena(),
                             "grant_type=authorization_code&client_id=%s&code=%s&redirect_uri=%s%s%s", client,
                             code, uri, verifier ? "&code_verifier=" : "", verifier ? verifier : ""));
}

const struct flow_answer *browser_exchange(const char *code)
{
    return browser_exchange_as("app", code, CALLBACK, VERIFIER);
}

const struct flow_answer *browser_refresh(const char *token, const char *more)
{
    return flow(
        "POST", "oauth/token", OAUTH_FORM,
        arena_printf(flow_arena(), "grant_type=refresh_token&client_id=app&refresh_token=%s%s", token, more));
}

int browser_reads(const struct flow_answer *a)
{
    return flow("GET", "Patient", oauth_bearer(flow_text(a->json, "access_token")), NULL)->status;
}

void oauth_user(const char *name, const char *fhir_user, bool totp)
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

void oauth_app(const char *id, const char *metadata)
{
    if (!oauth__client_add(1, flow_conn(), flow_arena(), id, test_json(flow_arena(), metadata), &err))
        ck_assert_msg(err.kind == ERR_CONFLICT, "%s", err.msg);
}
