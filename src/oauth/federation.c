/*
 * Logins at a provider of identities (OpenID Connect Core 1.0, 3.1; RFC 9700): code and PKCE, state, nonce. A login is
 * bound to the browser's cookie, to one provider and, by the address that the browser comes back to, to its answer alone:
 * one provider cannot pass another's code on.
 */
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "internal.h"

enum {
    ASKING_MAX = 4,
    SKEW_S = 60,
    ANSWER_DEPTH = 16,
    SUBJECT_MAX = 255,
    SECRET_MAX = 1024,
    ASSERTION_S = 120
};

static const char *callback_of(struct oauth__call *c, const struct oauth__provider *p)
{
    return oauth__url(c, arena_printf(c->a, "oauth/callback/%s", p->name));
}

/* ---- there --------------------------------------------------------------------------------------------------------- */

bool oauth__federation_begin(struct oauth__call *c, struct oauth__flow *f, const struct oauth__provider *p,
                             struct err *err)
{
    struct oauth__provider_metadata m;
    struct err why;
    uint8_t hash[32];
    const char *nonce = oauth__secret_new(c->a), *verifier = oauth__secret_new(c->a);
    if (!oauth__provider_metadata(c, p, &m, &why))
        return oauth__page(c, f, NULL, OAUTH__PROVIDER_AWAY);
    json *kept = json_object(c->a);
    json_add_string(c->a, kept, "provider", p->name);
    json_add_string(c->a, kept, "nonce", nonce);
    json_add_string(c->a, kept, "verifier", verifier);
    json_put(c->a, f->request, "elsewhere", kept);
    f->stage = OAUTH__ELSEWHERE;
    if (!oauth__flow_save(c, f, err))
        return false;
    crypto_sha256(verifier, strlen(verifier), hash);
    const struct oauth__field fields[] = {
        {STR("response_type"), STR("code")},
        {STR("client_id"), str_of(p->client_id)},
        {STR("redirect_uri"), str_of(callback_of(c, p))},
        {STR("scope"), str_of(p->scope)},
        {STR("state"), str_of(f->secret)},
        {STR("nonce"), str_of(nonce)},
        {STR("code_challenge"), base64_encode(c->a, BASE64_URL, hash, sizeof hash)},
        {STR("code_challenge_method"), STR("S256")},
        {STR("ui_locales"), str_of(json_get_string(f->request, "lang"))},
    };
    return oauth__away_page(c, f, p,
                            oauth__redirect_with(c->a, m.authorize, fields, sizeof fields / sizeof *fields));
}

/* ---- and back ------------------------------------------------------------------------------------------------------ */

static void add(struct buf *b, const char *name, struct str value)
{
    buf_addf(b, "%s%s=", b->len ? "&" : "", name);
    buf_add_percent(b, value);
}

/* RFC 7523, 2.2: signed by this server's own key, which the provider finds at oauth/jwks. */
static bool add_assertion(struct oauth__call *c, const struct oauth__provider *p, const char *audience,
                          struct buf *body, struct err *err)
{
    struct str token;
    char id[37];
    int64_t now = c->now_us / OAUTH__SECOND;
    crypto_uuid(id);
    json *claims = json_object(c->a);
    json_add_string(c->a, claims, "iss", p->client_id);
    json_add_string(c->a, claims, "sub", p->client_id);
    json_add_string(c->a, claims, "aud", audience);
    json_add_string(c->a, claims, "jti", id);
    json_add(c->a, claims, "iat", json_int(c->a, now));
    json_add(c->a, claims, "exp", json_int(c->a, now + ASSERTION_S));
    if (!jwt_sign(c->a, oauth__hold_ring(c)->pem, "JWT", claims, &token, err))
        return false;
    add(body, "client_assertion_type", STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    add(body, "client_assertion", token);
    return true;
}

/* RFC 6749, 2.3.1: both parts are encoded as a form's. */
static bool basic(struct oauth__call *c, const struct oauth__provider *p, struct str *value, struct err *err)
{
    struct str text, rest;
    struct buf b;
    if (!config_read_file(c->a, p->secret_file, SECRET_MAX, &text, err))
        return false;
    buf_init(&b, c->a, 256);
    buf_add_percent(&b, str_of(p->client_id));
    buf_addc(&b, ':');
    buf_add_percent(&b, str_trim(str_cut(text, '\n', &rest)));
    *value = str_of(arena_printf(c->a, "Basic %s", base64_encode(c->a, BASE64_STD, b.s, b.len).s));
    return true;
}

static bool exchange(struct oauth__call *c, const struct oauth__provider *p,
                     const struct oauth__provider_metadata *m, const char *code, const char *verifier,
                     struct str *id_token, struct err *err)
{
    struct http_header headers[3] = {{STR("Content-Type"), STR("application/x-www-form-urlencoded")},
                                     {STR("Accept"), STR("application/json")}};
    struct http_call call = {.method = HTTP_POST,
                             .url = m->token,
                             .headers = headers,
                             .n_headers = 2,
                             .ca_file = p->ca_file,
                             .timeout_us = OAUTH__PATIENCE_US,
                             .max = OAUTH__FETCH_MAX};
    struct buf body;
    struct str text;
    int status;
    json *answer;
    buf_init(&body, c->a, 1024);
    add(&body, "grant_type", STR("authorization_code"));
    add(&body, "code", str_of(code));
    add(&body, "redirect_uri", str_of(callback_of(c, p)));
    add(&body, "code_verifier", str_of(verifier));
    if (p->auth != OAUTH__BY_SECRET)
        add(&body, "client_id", str_of(p->client_id));
    headers[2].name = STR("Authorization");
    if ((p->auth == OAUTH__BY_KEY && !add_assertion(c, p, m->token, &body, err)) ||
        (p->auth == OAUTH__BY_SECRET && !basic(c, p, &headers[call.n_headers++].value, err)))
        return false;
    call.body = buf_str(&body);
    if (!http_call(c->a, &call, &status, &text, err) || !json_parse(c->a, text, ANSWER_DEPTH, &answer, err))
        return false;
    const char *token = json_get_string(answer, "id_token");
    if (status != 200 || !token)
        return err_set(err, ERR_LOGIN, "%s answers with status %d and %s id_token", p->name, status,
                       token ? "an" : "no");
    *id_token = str_of(token);
    return true;
}

static bool is_audience(const json *aud, const char *client)
{
    if (json_is_string(aud))
        return strcmp(aud->valuestring, client) == 0;
    bool named = false;
    json_each (one, json_is_array(aud) ? aud : NULL)
        named |= json_is_string(one) && strcmp(one->valuestring, client) == 0;
    return named;
}

/* OpenID Connect Core 1.0, 3.1.3.7. NULL: it is for this login. */
static const char *wrong_claims(const struct oauth__call *c, const struct oauth__provider *p,
                                const json *claims, const char *nonce)
{
    const char *iss = json_get_string(claims, "iss"), *sub = json_get_string(claims, "sub"),
               *said = json_get_string(claims, "nonce"), *azp = json_get_string(claims, "azp");
    const json *aud = json_get(claims, "aud"), *exp = json_get(claims, "exp"), *iat = json_get(claims, "iat");
    double now = (double)c->now_us / 1e6;
    if (!iss || strcmp(iss, p->issuer) != 0)
        return "iss is another issuer's";
    if (!is_audience(aud, p->client_id) || (azp && strcmp(azp, p->client_id) != 0) ||
        (json_is_array(aud) && json_count(aud) > 1 && !azp))
        return "aud or azp is somebody else";
    if (!json_is_number(exp) || exp->valuedouble <= now - SKEW_S)
        return "it has expired";
    if (!json_is_number(iat) || iat->valuedouble > now + SKEW_S)
        return "it was issued in the future";
    if (!said || strcmp(said, nonce) != 0)
        return "nonce is another login's";
    if (!sub || !*sub || strlen(sub) > SUBJECT_MAX)
        return "sub is missing";
    return NULL;
}

/* A reference, or the URL of one on this server; NULL: it is nobody here. */
static const char *person_of(struct oauth__call *c, const struct oauth__provider *p, const json *claims)
{
    const char *text = p->fhir_user_claim ? json_get_string(claims, p->fhir_user_claim) : NULL;
    size_t base = c->o->issuer.len;
    if (text && strncmp(text, c->o->issuer.s, base) == 0 && text[base] == '/')
        text += base + 1;
    return text && oauth__is_person(text) ? text : NULL;
}

/* Who is it here? Somebody who was linked, or whom the provider is trusted to name. *u NULL: nobody. */
static bool find_user(struct oauth__call *c, const struct oauth__provider *p, const json *claims,
                      struct oauth__user **u, struct err *err)
{
    const char *sub = json_get_string(claims, "sub"), *person = person_of(c, p, claims),
               *display = json_get_string(claims, "name");
    if (p->fhir_user_claim)
        return person ? oauth__user_provide(c, p->name, sub, display ? display : sub, person, u, err) : true;
    return oauth__identity_find(c, p->name, sub, u, err);
}

/* *u NULL: the provider, or this server, does not know who it is. */
static bool identify(struct oauth__call *c, const struct oauth__provider *p, const json *kept,
                     struct oauth__user **u, struct err *err)
{
    const char *code = oauth__field(&c->form, "code"), *iss = oauth__field(&c->form, "iss");
    struct oauth__provider_metadata m;
    struct str id_token;
    struct err why;
    json *claims;
    *u = NULL;
    const char *wrong = "it sends no code";
    if (oauth__provider_metadata(c, p, &m, &why)) {
        /* RFC 9207: before the code is shown to anybody */
        if (iss ? strcmp(iss, p->issuer) != 0 : m.says_iss)
            wrong = "the answer is another issuer's";
        else if (code && !exchange(c, p, &m, code, json_get_string(kept, "verifier"), &id_token, &why))
            wrong = why.msg;
        else if (code && !oauth__provider_verify(c, p, &m, id_token, &claims, &why))
            wrong = why.msg;
        else if (code)
            wrong = wrong_claims(c, p, claims, json_get_string(kept, "nonce"));
    } else {
        wrong = why.msg;
    }
    if (wrong) {
        log_event(LOG_WARN, "oauth.provider-refused", LOG_S("provider", p->name), LOG_S("reason", wrong));
        return true;
    }
    return find_user(c, p, claims, u, err);
}

static bool come_back(struct oauth__call *c, struct oauth__flow *f, const struct oauth__provider *p,
                      struct err *err)
{
    struct oauth__user *u;
    json *kept = json_get(f->request, "elsewhere");
    json_detach(f->request, kept);
    if (!identify(c, p, kept, &u, err))
        return false;
    if (u)
        return oauth__logged_in(c, f, u, p->name, err);
    oauth__event(c, OAUTH_EVENT_LOGIN, 401, NULL, f->client->id, p->name);
    return oauth__login_again(c, f, NULL, OAUTH__WRONG_PROVIDER, err);
}

bool oauth__callback(struct oauth__call *c, struct err *err)
{
    struct oauth__flow f;
    bool found, ours;
    struct str path = c->r->path;
    size_t at = path.len;
    while (at && path.s[at - 1] != '/')
        at--;
    const struct oauth__provider *p = oauth__provider(c->o, (struct str){path.s + at, path.len - at});
    if (!oauth__flow_find(c, oauth__field(&c->form, "state"), &f, &found, err))
        return false;
    const char *name = found ? json_get_string(json_get(f.request, "elsewhere"), "provider") : NULL;
    if (!found || f.stage != OAUTH__ELSEWHERE || !p || !name || strcmp(name, p->name) != 0)
        return oauth__problem_page(c, 400, OAUTH__NO_FLOW);
    /* an answer is good once */
    if (!oauth__flow_move(c, &f, OAUTH__LOGIN, &ours, err))
        return false;
    if (!ours)
        return oauth__problem_page(c, 400, OAUTH__NO_FLOW);
    if (atomic_fetch_add(&c->o->asking, 1) >= ASKING_MAX) {
        atomic_fetch_sub(&c->o->asking, 1);
        return oauth__problem_page(c, 503, OAUTH__BUSY);
    }
    bool ok = come_back(c, &f, p, err);
    atomic_fetch_sub(&c->o->asking, 1);
    return ok;
}
