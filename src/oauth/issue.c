/* Access tokens (RFC 9068). */
#include "crypto/random.h"
#include "internal.h"

bool oauth__access_token(struct oauth__call *c, const struct oauth__grant *g, struct str *token,
                         struct err *err)
{
    int64_t now = c->now_us / OAUTH__SECOND;
    char id[37];
    crypto_uuid(id);
    json *claims = json_object(c->a);
    json_add(c->a, claims, "iss", json_string_n(c->a, c->o->issuer));
    json_add(c->a, claims, "aud", json_string_n(c->a, c->o->issuer));
    json_add_string(c->a, claims, "sub", g->subject);
    json_add_string(c->a, claims, "client_id", g->client);
    json_add_string(c->a, claims, "scope", g->scope);
    json_add_string(c->a, claims, "jti", arena_printf(c->a, "%s.%s", g->id, id));
    json_add(c->a, claims, "iat", json_int(c->a, now));
    json_add(c->a, claims, "exp", json_int(c->a, now + c->config->oauth_access_ttl / OAUTH__SECOND));
    return jwt_sign(c->a, oauth__hold_ring(c)->pem, "at+jwt", claims, token, err);
}
