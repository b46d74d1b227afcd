/* POST oauth/register (RFC 7591), when oauth.registration is on: who brings an access token with the scope system/register
 * registers a client that people log in to, or that asks for nothing more than they may. */
#include "crypto/random.h"
#include "internal.h"

#define SCOPE_REGISTER "system/register"
enum { BODY_MAX = 64 * 1024, DEPTH = 16 };

static bool refuse(struct oauth__call *c, const char *error, const char *why)
{
    return oauth__refuse(c, 400, error, why);
}

/* RFC 7591, 3.1: the initial access token. *whose NULL: there is none that is good. */
static bool check_token(struct oauth__call *c, const char **whose, struct err *err)
{
    struct str header = http_header(c->r, "Authorization"), token, scheme = str_cut(header, ' ', &token);
    bool revoked = false;
    *whose = NULL;
    if (!token.s || !str_ieq(scheme, STR("Bearer")))
        return true;
    const json *claims = oauth__read_access(c, arena_strndup(c->a, token.s, token.len));
    const char *scope = json_get_string(claims, "scope"),
               *bound = json_get_string(json_get(claims, "cnf"), "x5t#S256"),
               *own = oauth__certificate_hash(c);
    if (!scope || !oauth__scope_has(scope, SCOPE_REGISTER) || (bound && !(own && strcmp(own, bound) == 0)))
        return true;
    if (!oauth__is_revoked(c, json_get_string(claims, "jti"), &revoked, err))
        return false;
    if (!revoked)
        *whose = json_get_string(claims, "client_id");
    return true;
}

bool oauth__register(struct oauth__call *c, struct err *err)
{
    struct err why;
    struct oauth__client client;
    json *metadata;
    char id[37];
    const char *whose;
    if (!c->config->oauth_registration)
        return oauth__refuse(c, 403, "access_denied",
                             "Clients are registered by this server's administrators.");
    if (!check_token(c, &whose, err))
        return false;
    if (!whose) {
        oauth__refuse(c, 401, "invalid_token",
                      "An access token with the scope " SCOPE_REGISTER " is needed.");
        oauth__header(c, "WWW-Authenticate", STR("Bearer error=\"invalid_token\""));
        return true;
    }
    if (c->r->body.len > BODY_MAX || !json_parse(c->a, c->r->body, DEPTH, &metadata, &why) ||
        !json_is_object(metadata))
        return refuse(c, "invalid_client_metadata", "The body is to be a JSON object of at most 64 KiB.");
    if (json_get(metadata, "jwks_uri")) /* a stranger would say what this server fetches */
        return refuse(c, "invalid_client_metadata", "jwks_uri: send the keys themselves as jwks.");
    const char *asked = json_get_string(metadata, "scope"), *allowed = c->config->oauth_registration_scope;
    const char *scope = oauth__scope_narrow(c->a, asked ? asked : allowed, allowed);
    if (!*scope)
        return refuse(c, "invalid_client_metadata", "scope: none of these can be registered here.");
    json_put(c->a, metadata, "scope", json_string(c->a, scope));
    json_put(c->a, metadata, "registered_by", json_string(c->a, whose));
    crypto_uuid(id);
    if (!oauth__client_read(c->a, id, metadata, &client, &why))
        return refuse(c, "invalid_client_metadata", arena_strdup(c->a, why.msg));
    if (!oauth__client_add(c->o->base.tenant, c->conn, c->a, id, metadata, err))
        return false;
    json_put(c->a, metadata, "client_id", json_string(c->a, id));
    json_put(c->a, metadata, "client_id_issued_at", json_int(c->a, c->now_us / OAUTH__SECOND));
    return oauth__json(c, 201, metadata);
}
