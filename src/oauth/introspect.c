/* POST oauth/introspect (RFC 7662) and oauth/revoke (RFC 7009). A client learns about its own tokens, and ends them; a
 * confidential one may look at those of others too when its scope has system/introspect, as resource servers do. */
#include "internal.h"

#define SCOPE_INTROSPECT "system/introspect"

const json *oauth__read_access(struct oauth__call *c, const char *token)
{
    struct err ignored;
    json *claims;
    bool unknown;
    if (!jwt_verify(oauth__hold_ring(c)->keys, c->a, str_of(token), &claims, &unknown, &ignored))
        return NULL;
    const char *aud = json_get_string(claims, "aud"), *jti = json_get_string(claims, "jti");
    const json *exp = json_get(claims, "exp");
    return aud && jti && json_get_string(claims, "client_id") && str_is(c->o->issuer, aud) &&
                   json_is_number(exp) && exp->valuedouble > (double)c->now_us / 1e6
               ? claims
               : NULL;
}

static const char *grant_of(struct arena *a, const char *jti)
{
    struct str rest, grant = str_cut(str_of(jti), '.', &rest);
    return arena_strndup(a, grant.s, grant.len);
}

bool oauth__is_revoked(struct oauth__call *c, const char *jti, bool *revoked, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    uint8_t ids[2][16];
    auth_revocation_id(str_of(jti), ids[0]);
    auth_revocation_id(str_of(grant_of(c->a, jti)), ids[1]);
    sql_init(&q, c->a, NULL);
    sql_addf(&q, "SELECT FROM oauth_revoked WHERE tenant = $%d AND digest IN ($%d, $%d) AND until > now()",
             sql_int4(&q, c->o->base.tenant), sql_bytea(&q, ids[0], 16), sql_bytea(&q, ids[1], 16));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    *revoked = db_count(rows) > 0;
    return true;
}

static bool may_see(const struct oauth__client *client, const char *owner)
{
    return strcmp(client->id, owner) == 0 ||
           (client->method != OAUTH__PUBLIC && oauth__scope_has(client->scope, SCOPE_INTROSPECT));
}

static bool inactive(struct oauth__call *c)
{
    json *body = json_object(c->a);
    json_add(c->a, body, "active", json_bool(c->a, false));
    return oauth__json(c, 200, body);
}

static bool tell_access(struct oauth__call *c, const struct oauth__client *client, const json *claims,
                        struct err *err)
{
    bool revoked;
    if (!may_see(client, json_get_string(claims, "client_id")))
        return inactive(c);
    if (!oauth__is_revoked(c, json_get_string(claims, "jti"), &revoked, err))
        return false;
    if (revoked)
        return inactive(c);
    json *body = json_object(c->a);
    json_add(c->a, body, "active", json_bool(c->a, true));
    json_add_string(c->a, body, "token_type", "Bearer");
    json_each (one, claims)
        json_add(c->a, body, one->string, json_copy(c->a, one));
    return oauth__json(c, 200, body);
}

static bool tell_refresh(struct oauth__call *c, const struct oauth__client *client, const char *token,
                         struct err *err)
{
    struct oauth__grant g;
    int64_t until_s;
    bool active;
    if (!oauth__secret_find(c, token, &g, &until_s, &active, err))
        return false;
    if (!active || !may_see(client, g.client))
        return inactive(c);
    json *body = json_object(c->a);
    json_add(c->a, body, "active", json_bool(c->a, true));
    json_add_string(c->a, body, "client_id", g.client);
    json_add_string(c->a, body, "scope", g.scope);
    json_add_string(c->a, body, "sub", g.subject);
    json_add(c->a, body, "iss", json_string_n(c->a, c->o->issuer));
    json_add(c->a, body, "exp", json_int(c->a, until_s));
    if (g.patient)
        json_add_string(c->a, body, "patient", g.patient);
    return oauth__json(c, 200, body);
}

bool oauth__introspect(struct oauth__call *c, struct err *err)
{
    struct oauth__client *client;
    const char *token = oauth__field(&c->form, "token");
    if (!oauth__authenticate(c, &client, err) || !client)
        return !client && c->out->status;
    if (client->method == OAUTH__PUBLIC)
        return oauth__refuse(c, 401, "invalid_client", "Only clients that can prove who they are may ask.");
    if (!token)
        return oauth__refuse(c, 400, "invalid_request", "token is missing.");
    const json *claims = oauth__read_access(c, token);
    return claims ? tell_access(c, client, claims, err) : tell_refresh(c, client, token, err);
}

bool oauth__revoke_token(struct oauth__call *c, struct err *err)
{
    struct oauth__client *client;
    struct oauth__grant g = {0};
    const char *token = oauth__field(&c->form, "token");
    int64_t until_s;
    bool active;
    if (!oauth__authenticate(c, &client, err) || !client)
        return !client && c->out->status;
    if (!token)
        return oauth__refuse(c, 400, "invalid_request", "token is missing.");
    const json *claims = oauth__read_access(c, token);
    bool own = claims && strcmp(json_get_string(claims, "client_id"), client->id) == 0, ok = true;
    if (own)
        ok = oauth__revoke(c->o->base.tenant, c->conn, c->a, json_get_string(claims, "jti"), err);
    else if (!claims)
        ok = oauth__secret_find(c, token, &g, &until_s, &active, err) &&
             (!(own = g.id && strcmp(g.client, client->id) == 0) ||
              oauth__grants_end(c->o->base.tenant, c->conn, c->a, "id", g.id, err));
    if (!ok || !oauth__follow(c->o, c->conn, err))
        return false;
    if (own)
        oauth__event(c, OAUTH_EVENT_REVOKED, 200, claims ? json_get_string(claims, "sub") : g.subject,
                     client->id, claims ? "access token" : "refresh token");
    /* what is not known is revoked already (RFC 7009, 2.2) */
    return oauth__json(c, 200, json_object(c->a));
}
