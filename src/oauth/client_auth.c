/* Who asks? A client proves it by an assertion that its key has signed (RFC 7523; SMART App Launch, "Client
 * Authentication: Asymmetric") or by its certificate (RFC 8705), or says its name, when it is a public one. */
#include "crypto/digest.h"
#include "internal.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
enum { LIFE_S = 300, SKEW_S = 60, JTI_MAX = 256 };

static bool refuse(struct oauth__call *c, struct oauth__client **client, const char *why)
{
    *client = NULL;
    return oauth__refuse(c, 401, "invalid_client", why);
}

static bool is_for_us(const struct oauth__call *c, const json *aud)
{
    return json_is_string(aud) && (strcmp(aud->valuestring, oauth__url(c, "oauth/token")) == 0 ||
                                   str_is(c->o->issuer, aud->valuestring));
}

static const char *wrong_claims(const struct oauth__call *c, const json *claims, int64_t *exp_s)
{
    const json *aud = json_get(claims, "aud"), *exp = json_get(claims, "exp"), *nbf = json_get(claims, "nbf"),
               *iat = json_get(claims, "iat");
    const char *jti = json_get_string(claims, "jti");
    double now = (double)c->now_us / 1e6;
    bool ours = is_for_us(c, aud);
    if (json_is_array(aud))
        json_each (one, aud)
            ours |= is_for_us(c, one);
    if (!ours)
        return "The assertion's aud is not this server's token endpoint.";
    if (!json_is_number(exp) || (nbf && !json_is_number(nbf)) || (iat && !json_is_number(iat)))
        return "The assertion's exp, nbf and iat must be seconds since 1970; exp must be there.";
    if (exp->valuedouble <= now)
        return "The assertion has expired.";
    if (exp->valuedouble > now + LIFE_S + SKEW_S)
        return "The assertion expires too late: five minutes are the most.";
    if ((nbf && nbf->valuedouble > now + SKEW_S) || (iat && iat->valuedouble > now + SKEW_S))
        return "The assertion is not valid yet.";
    if (!jti || !*jti || strlen(jti) > JTI_MAX)
        return "The assertion needs a jti of at most 256 characters.";
    *exp_s = (int64_t)exp->valuedouble;
    return NULL;
}

/* *fresh: it is used for the first time, on whichever server. */
static bool use_once(struct oauth__call *c, const char *id, const char *jti, int64_t exp_s, bool *fresh,
                     struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    uint8_t hash[OAUTH__DIGEST];
    const char *name = arena_printf(c->a, "%s\n%s", id, jti);
    crypto_sha256(name, strlen(name), hash);
    sql_init(&q, c->a, "oauth-assertion");
    sql_addf(
        &q,
        "INSERT INTO oauth_assertion (tenant, digest, until) VALUES ($%d, $%d, $%d) ON CONFLICT (tenant, "
        "digest) DO NOTHING RETURNING true",
        sql_int4(&q, c->o->base.tenant), sql_bytea(&q, hash, sizeof hash),
        sql_timestamptz(&q, (exp_s + SKEW_S) * OAUTH__SECOND));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *fresh = db_count(rows) > 0;
    return true;
}

/* A key that the client has published since is worth another look. */
static bool signature_fits(struct oauth__call *c, const struct oauth__client *client, struct str assertion,
                           json **claims, struct err *err)
{
    const struct jwks *keys;
    bool unknown = false;
    return (oauth__client_keys(c, client, false, &keys, err) &&
            jwt_verify(keys, c->a, assertion, claims, &unknown, err)) ||
           (unknown && client->jwks_uri && oauth__client_keys(c, client, true, &keys, err) &&
            jwt_verify(keys, c->a, assertion, claims, &unknown, err));
}

static bool by_assertion(struct oauth__call *c, const char *assertion, struct oauth__client **client,
                         struct err *err)
{
    struct err why;
    json *claims;
    int64_t exp_s;
    bool fresh;
    const char *type = oauth__field(&c->form, "client_assertion_type"),
               *id = oauth__field(&c->form, "client_id");
    if (!type || strcmp(type, ASSERTION_TYPE) != 0)
        return refuse(c, client, "client_assertion_type must be " ASSERTION_TYPE ".");
    if (!jwt_peek(c->a, str_of(assertion), &claims, &why))
        return refuse(c, client, "The assertion is no signed JWT.");
    const char *iss = json_get_string(claims, "iss"), *sub = json_get_string(claims, "sub");
    if (!iss || !sub || strcmp(iss, sub) != 0 || (id && strcmp(id, iss) != 0))
        return refuse(c, client, "The assertion's iss and sub must both be the client's id.");
    if (!oauth__client_find(c->o->base.tenant, c->conn, c->a, iss, client, err))
        return false;
    if (!*client || (*client)->method != OAUTH__JWT)
        return refuse(c, client, "The client is not registered for private_key_jwt.");
    if (!signature_fits(c, *client, str_of(assertion), &claims, &why))
        return refuse(c, client, arena_strdup(c->a, why.msg));
    const char *wrong = wrong_claims(c, claims, &exp_s);
    if (wrong)
        return refuse(c, client, wrong);
    if (!use_once(c, iss, json_get_string(claims, "jti"), exp_s, &fresh, err))
        return false;
    return fresh || refuse(c, client, "The assertion has been used before (jti): sign a new one.");
}

/* A public client that refreshes may leave its name out (RFC 6749, 6; fhirclient does): the token says whose it is. *id is
 * left alone when it does not. */
static bool owner_of(struct oauth__call *c, const char **id, struct err *err)
{
    const char *type = oauth__field(&c->form, "grant_type"), *token = oauth__field(&c->form, "refresh_token");
    struct oauth__grant g = {0};
    int64_t until_s;
    bool active;
    if (!type || strcmp(type, "refresh_token") != 0 || !token)
        return true;
    if (!oauth__secret_find(c, token, &g, &until_s, &active, err))
        return false;
    *id = g.client;
    return true;
}

bool oauth__authenticate(struct oauth__call *c, struct oauth__client **client, struct err *err)
{
    const char *assertion = oauth__field(&c->form, "client_assertion"),
               *id = oauth__field(&c->form, "client_id");
    *client = NULL;
    if (http_header(c->r, "Authorization").len)
        return refuse(c, client,
                      "Clients with a secret are not supported: private_key_jwt and tls_client_auth are.");
    if (assertion)
        return by_assertion(c, assertion, client, err);
    if (!id && !owner_of(c, &id, err))
        return false;
    if (!id)
        return refuse(c, client,
                      "client_assertion is needed, or client_id of a client that is public or has shown its "
                      "certificate.");
    if (!oauth__client_find(c->o->base.tenant, c->conn, c->a, id, client, err))
        return false;
    if (*client && (*client)->method == OAUTH__PUBLIC)
        return true;
    if (!*client || (*client)->method == OAUTH__JWT)
        return refuse(c, client, "The client is not known, or has to prove who it is.");
    const char *why = oauth__certificate_wrong(c, *client);
    return !why || refuse(c, client, why);
}
