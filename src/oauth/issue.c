/* Access tokens (RFC 9068) and id_tokens (OpenID Connect Core 1.0, 2). */
#include "crypto/random.h"
#include "internal.h"

static json *begin(struct oauth__call *c, const struct oauth__grant *g, struct str audience)
{
    int64_t now = c->now_us / OAUTH__SECOND;
    json *claims = json_object(c->a);
    json_add(c->a, claims, "iss", json_string_n(c->a, c->o->issuer));
    json_add(c->a, claims, "aud", json_string_n(c->a, audience));
    json_add_string(c->a, claims, "sub", g->subject);
    json_add(c->a, claims, "iat", json_int(c->a, now));
    json_add(c->a, claims, "exp", json_int(c->a, now + c->config->oauth_access_ttl / OAUTH__SECOND));
    return claims;
}

static void add(struct oauth__call *c, json *claims, const char *name, const char *value)
{
    if (value)
        json_add_string(c->a, claims, name, value);
}

bool oauth__access_token(struct oauth__call *c, const struct oauth__grant *g, struct str *token,
                         struct err *err)
{
    char id[37];
    crypto_uuid(id);
    json *claims = begin(c, g, c->o->issuer);
    add(c, claims, "client_id", g->client);
    add(c, claims, "scope", g->scope);
    add(c, claims, "jti", arena_printf(c->a, "%s.%s", g->id, id));
    add(c, claims, "patient", g->patient);
    add(c, claims, "encounter", g->encounter);
    add(c, claims, "fhirUser", g->fhir_user);
    if (c->bound)
        add(c, json_add(c->a, claims, "cnf", json_object(c->a)), "x5t#S256", c->bound);
    return jwt_sign(c->a, oauth__hold_ring(c)->pem, "at+jwt", claims, token, err);
}

bool oauth__id_token(struct oauth__call *c, const struct oauth__grant *g, struct str *token, struct err *err)
{
    json *claims = begin(c, g, str_of(g->client));
    const json *when = json_get(g->granted, "auth_time");
    if (when)
        json_add(c->a, claims, "auth_time", json_copy(c->a, when));
    add(c, claims, "nonce", g->nonce);
    add(c, claims, "sid", g->id); /* for oauth/logout */
    if (g->fhir_user && (oauth__scope_has(g->scope, "fhirUser") || oauth__scope_has(g->scope, "profile")))
        add(c, claims, "fhirUser", oauth__url(c, g->fhir_user));
    return jwt_sign(c->a, oauth__hold_ring(c)->pem, "JWT", claims, token, err);
}
