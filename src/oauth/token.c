/* POST oauth/token (RFC 6749, 3.2) */
#include "internal.h"

static bool answer_token(struct oauth__call *c, const struct oauth__grant *g, struct err *err)
{
    struct str token;
    if (!oauth__access_token(c, g, &token, err))
        return false;
    json *body = json_object(c->a);
    json_add(c->a, body, "access_token", json_string_n(c->a, token));
    json_add_string(c->a, body, "token_type", "Bearer");
    json_add(c->a, body, "expires_in", json_int(c->a, c->config->oauth_access_ttl / OAUTH__SECOND));
    json_add_string(c->a, body, "scope", g->scope);
    return oauth__json(c, 200, body);
}

/* What a client may have for itself: nobody has logged in and no patient is chosen. */
static const char *of_the_system(struct arena *a, const char *scopes)
{
    struct buf b;
    buf_init(&b, a, 128);
    for (struct str rest = str_of(scopes); rest.s;) {
        struct str one = str_cut(rest, ' ', &rest);
        if (str_starts(one, STR("system/")))
            buf_addf(&b, "%s%.*s", b.len ? " " : "", STR_FMT(one));
    }
    return b.len ? b.s : "";
}

/* RFC 6749, 4.4; SMART App Launch, "Backend Services" */
static bool client_credentials(struct oauth__call *c, const struct oauth__client *client, struct err *err)
{
    const char *wanted = oauth__field(&c->form, "scope");
    if (!client->credentials)
        return oauth__refuse(c, 400, "unauthorized_client",
                             "The client is not registered for client_credentials.");
    const char *scope =
        oauth__scope_narrow(c->a, of_the_system(c->a, wanted ? wanted : client->scope), client->scope);
    if (!*scope)
        return oauth__refuse(c, 400, "invalid_scope", "The client may have none of these scopes for itself.");
    return answer_token(c, &(struct oauth__grant){client->grant_id, client->id, client->id, scope}, err);
}

static const struct {
    const char *name;
    bool (*run)(struct oauth__call *c, const struct oauth__client *client, struct err *err);
} grants[] = {{"client_credentials", client_credentials}};

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
    return oauth__authenticate(c, &client, err) && (!client || grants[i].run(c, client, err));
}
