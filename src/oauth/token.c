/* POST oauth/token (RFC 6749, 3.2) */
#include "base/base64.h"
#include "crypto/digest.h"
#include "internal.h"

enum { VERIFIER_MIN = 43, VERIFIER_MAX = 128 };

static const char *without(struct arena *a, const char *scopes, const char *prefix, bool keep)
{
    struct buf b;
    buf_init(&b, a, 128);
    for (struct str rest = str_of(scopes); rest.s;) {
        struct str one = str_cut(rest, ' ', &rest);
        if (one.len && str_starts(one, str_of(prefix)) == keep)
            buf_addf(&b, "%s%.*s", b.len ? " " : "", STR_FMT(one));
    }
    return b.len ? b.s : "";
}

static void add_text(struct oauth__call *c, json *body, const char *name, const char *text)
{
    if (text)
        json_add_string(c->a, body, name, text);
}

static bool answer_token(struct oauth__call *c, const struct oauth__grant *g, const char *refresh,
                         struct err *err)
{
    struct str token, id_token;
    if (!oauth__access_token(c, g, &token, err))
        return false;
    json *body = json_object(c->a);
    json_add(c->a, body, "access_token", json_string_n(c->a, token));
    json_add_string(c->a, body, "token_type", "Bearer");
    json_add(c->a, body, "expires_in", json_int(c->a, c->config->oauth_access_ttl / OAUTH__SECOND));
    json_add_string(c->a, body, "scope", g->scope);
    add_text(c, body, "refresh_token", refresh);
    add_text(c, body, "patient", g->patient);
    add_text(c, body, "encounter", g->encounter);
    add_text(c, body, "intent", json_get_string(g->granted, "intent"));
    const char *banner = json_get_string(g->granted, "need_patient_banner");
    if (banner)
        json_add(c->a, body, "need_patient_banner", json_bool(c->a, strcmp(banner, "true") == 0));
    if (oauth__scope_has(g->scope, "openid")) {
        if (!oauth__id_token(c, g, &id_token, err))
            return false;
        json_add(c->a, body, "id_token", json_string_n(c->a, id_token));
    }
    return oauth__json(c, 200, body);
}

/* RFC 6749, 4.4; SMART App Launch, "Backend Services": nobody has logged in and no patient is chosen. */
static bool client_credentials(struct oauth__call *c, const struct oauth__client *client, struct err *err)
{
    const char *wanted = oauth__field(&c->form, "scope");
    if (!client->credentials)
        return oauth__refuse(c, 400, "unauthorized_client",
                             "The client is not registered for client_credentials.");
    const char *scope = oauth__scope_narrow(
        c->a, without(c->a, wanted ? wanted : client->scope, "system/", true), client->scope);
    if (!*scope)
        return oauth__refuse(c, 400, "invalid_scope", "The client may have none of these scopes for itself.");
    return answer_token(
        c,
        &(struct oauth__grant){
            .id = client->grant_id, .client = client->id, .subject = client->id, .scope = scope},
        NULL, err);
}

/* ---- codes and refresh tokens -------------------------------------------------------------------------------- */

/* RFC 7636, 4.6 */
static bool verifier_fits(struct oauth__call *c, const char *verifier, const char *challenge)
{
    uint8_t hash[32];
    size_t n = verifier ? strlen(verifier) : 0;
    if (n < VERIFIER_MIN || n > VERIFIER_MAX)
        return false;
    crypto_sha256(verifier, n, hash);
    struct str made = base64_encode(c->a, BASE64_URL, hash, sizeof hash);
    return made.len == strlen(challenge) && crypto_equal(made.s, challenge, made.len);
}

static bool may_refresh(const struct oauth__client *client, const struct oauth__grant *g)
{
    return client->refresh &&
           (oauth__scope_has(g->scope, "offline_access") || oauth__scope_has(g->scope, "online_access"));
}

struct exchange {
    const struct oauth__client *client;
    struct oauth__grant g;
    const char *refresh; /* a new one; NULL: none */
    const char *error, *description;
    bool stolen; /* the grant has been ended */
};

static bool wrong(struct exchange *x, const char *error, const char *description)
{
    x->error = error;
    x->description = description;
    return true;
}

/* What has been used before is known to somebody else: all that came of it ends (RFC 9700, 4.14.2; RFC 6749, 4.1.2). */
static bool end_stolen(struct oauth__call *c, struct exchange *x, struct err *err)
{
    x->stolen = true;
    oauth__event(c, OAUTH_EVENT_REVOKED, 200, x->g.subject, x->client->id, "used twice");
    return oauth__grants_end(c->o->base.tenant, c->conn, c->a, "id", x->g.id, err) &&
           wrong(x, "invalid_grant", "It has been used before; all that it was exchanged for is revoked.");
}

static bool add_refresh(struct oauth__call *c, struct exchange *x, int64_t until_us, struct err *err)
{
    return oauth__secret_add(
        c,
        &(struct oauth__secret){.kind = OAUTH__REFRESH,
                                .grant = x->g.id,
                                .ttl_us = until_us - c->now_us,
                                .bound = x->client->method == OAUTH__PUBLIC ? c->bound : NULL},
        &x->refresh, err);
}

static bool by_code(struct oauth__call *c, struct exchange *x, struct err *err)
{
    const char *code = oauth__field(&c->form, "code"), *uri = oauth__field(&c->form, "redirect_uri"),
               *verifier = oauth__field(&c->form, "code_verifier");
    struct oauth__secret s;
    enum oauth__used how;
    if (!code)
        return wrong(x, "invalid_request", "code is missing.");
    if (!oauth__secret_use(c, OAUTH__CODE, code, &s, &x->g, &how, err))
        return false;
    if (how == OAUTH__UNKNOWN)
        return wrong(x, "invalid_grant", "The code is none, or has expired.");
    if (strcmp(x->g.client, x->client->id) != 0)
        return wrong(x, "invalid_grant", "The code is another client's.");
    if (how == OAUTH__USED)
        return end_stolen(c, x, err);
    if (how == OAUTH__EXPIRED)
        return wrong(x, "invalid_grant", "The code is none, or has expired.");
    if (!uri || strcmp(uri, s.redirect_uri) != 0)
        return wrong(x, "invalid_grant", "redirect_uri is not the one that the code was sent to.");
    if (!verifier_fits(c, verifier, s.challenge))
        return wrong(x, "invalid_grant", "code_verifier does not fit the code_challenge.");
    return !may_refresh(x->client, &x->g) || add_refresh(c, x, s.grant_until_us, err);
}

/* Rotation: each is good once, and a part of the scopes may be asked for, never more. */
static bool by_refresh(struct oauth__call *c, struct exchange *x, struct err *err)
{
    const char *token = oauth__field(&c->form, "refresh_token"), *scope = oauth__field(&c->form, "scope");
    struct oauth__secret s;
    enum oauth__used how;
    int64_t until_s;
    bool active;
    if (!token)
        return wrong(x, "invalid_request", "refresh_token is missing.");
    if (!oauth__secret_find(c, token, &x->g, &until_s, &active, err))
        return false;
    if (!x->g.id || strcmp(x->g.client, x->client->id) != 0)
        return wrong(x, "invalid_grant", "The refresh token is none, or another client's.");
    if (scope && active && strlen(oauth__scope_narrow(c->a, scope, x->g.scope)) != strlen(scope))
        return wrong(x, "invalid_scope", "scope asks for more than was granted.");
    if (!oauth__secret_use(c, OAUTH__REFRESH, token, &s, &x->g, &how, err))
        return false;
    if (how == OAUTH__USED)
        return end_stolen(c, x, err);
    if (how != OAUTH__FRESH)
        return wrong(x, "invalid_grant", "The refresh token has expired, or was revoked.");
    if (s.bound && !(c->bound && strcmp(c->bound, s.bound) == 0))
        return end_stolen(c, x, err);
    if (scope)
        x->g.scope = scope;
    return add_refresh(c, x, s.grant_until_us, err);
}

static bool exchange(struct oauth__call *c, const struct oauth__client *client,
                     bool (*how)(struct oauth__call *c, struct exchange *x, struct err *err), struct err *err)
{
    struct exchange x = {.client = client};
    if (!db_begin(c->conn, err))
        return false;
    if (!how(c, &x, err) || !db_commit(c->conn, err)) {
        db_rollback(c->conn);
        return false;
    }
    if (x.stolen && !oauth__follow(c->o, c->conn, err))
        return false;
    return x.error ? oauth__refuse(c, 400, x.error, x.description) : answer_token(c, &x.g, x.refresh, err);
}

static bool authorization_code(struct oauth__call *c, const struct oauth__client *client, struct err *err)
{
    return exchange(c, client, by_code, err);
}

static bool refresh_token(struct oauth__call *c, const struct oauth__client *client, struct err *err)
{
    return exchange(c, client, by_refresh, err);
}

static const struct {
    const char *name;
    bool (*run)(struct oauth__call *c, const struct oauth__client *client, struct err *err);
} grants[] = {{"authorization_code", authorization_code},
              {"client_credentials", client_credentials},
              {"refresh_token", refresh_token}};

bool oauth__token(struct oauth__call *c, struct err *err)
{
    const char *grant = oauth__field(&c->form, "grant_type");
    struct oauth__client *client;
    size_t i = 0;
    if (!grant)
        return oauth__refuse(c, 400, "invalid_request", "grant_type is missing.");
    while (i < sizeof grants / sizeof *grants && strcmp(grants[i].name, grant) != 0)
        i++;
    if (i == sizeof grants / sizeof *grants)
        return oauth__refuse(c, 400, "unsupported_grant_type", "This server does not know the grant_type.");
    if (!oauth__authenticate(c, &client, err) || !client)
        return !client && c->out->status;
    c->bound = client->bound ? oauth__certificate_hash(c) : NULL;
    if (client->bound && !c->bound)
        return oauth__refuse(
            c, 400, "invalid_request",
            "The client's tokens are bound to its certificate, and the connection shows none.");
    return grants[i].run(c, client, err);
}
