/* GET or POST oauth/logout (OpenID Connect RP-Initiated Logout 1.0): ends what one login of a person has brought a program.
 * Nobody stays logged in here besides. */
#include "internal.h"

/* An id_token of this server, however old; NULL: it is none. */
static const json *read_hint(struct oauth__call *c, const char *token)
{
    struct err ignored;
    json *claims;
    bool unknown;
    if (!token || !jwt_verify(oauth__hold_ring(c)->keys, c->a, str_of(token), &claims, &unknown, &ignored))
        return NULL;
    const char *iss = json_get_string(claims, "iss");
    return iss && str_is(c->o->issuer, iss) && json_get_string(claims, "sid") &&
                   json_get_string(claims, "aud")
               ? claims
               : NULL;
}

static bool may_return(const struct oauth__client *client, const char *uri)
{
    json_each (one, json_get(client->metadata, "post_logout_redirect_uris"))
        if (json_is_string(one) && strcmp(one->valuestring, uri) == 0)
            return oauth__redirect_valid(uri);
    return false;
}

static bool go_back(struct oauth__call *c, const char *uri)
{
    const struct oauth__field state = {STR("state"), str_of(oauth__field(&c->form, "state"))};
    c->out->status = 303;
    oauth__header(c, "Location", str_of(oauth__redirect_with(c->a, uri, &state, 1)));
    oauth__header(c, "Referrer-Policy", STR("no-referrer"));
    return true;
}

bool oauth__logout(struct oauth__call *c, struct err *err)
{
    struct oauth__client *client = NULL;
    const char *uri = oauth__field(&c->form, "post_logout_redirect_uri"),
               *id = oauth__field(&c->form, "client_id");
    const json *hint = read_hint(c, oauth__field(&c->form, "id_token_hint"));
    if (hint &&
        !oauth__client_find(c->o->base.tenant, c->conn, c->a, json_get_string(hint, "aud"), &client, err))
        return false;
    if (!client || (id && strcmp(id, client->id) != 0)) /* anybody's link may lead here: nothing is ended */
        return oauth__problem_page(c, 400, OAUTH__BAD_CLIENT);
    if (!oauth__grants_end(c->o->base.tenant, c->conn, c->a, "id", json_get_string(hint, "sid"), err) ||
        !oauth__follow(c->o, c->conn, err))
        return false;
    oauth__event(c, OAUTH_EVENT_LOGOUT, 200, json_get_string(hint, "sub"), client->id, NULL);
    return uri && may_return(client, uri) ? go_back(c, uri) : oauth__problem_page(c, 200, OAUTH__LOGGED_OUT);
}
