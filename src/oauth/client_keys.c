/* The keys of a client: those that it was registered with, or those that it publishes at its jwks_uri. */
#include "internal.h"

/* Of one that proves itself by a certificate, the set may have nothing else. */
static bool is_set(struct arena *a, struct str text, const void *arg, struct err *err)
{
    json *o;
    (void)arg;
    return json_parse(a, text, OAUTH__JWKS_DEPTH, &o, err) &&
           (json_is_array(json_get(o, "keys")) || err_set(err, ERR_INVALID, "It is no JWK Set."));
}

bool oauth__client_jwks(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        struct str *text, struct err *err)
{
    if (client->jwks) {
        *text = json_text(c->a, client->jwks);
        return true;
    }
    return oauth__fetch(
        c,
        &(struct oauth__source){
            .url = client->jwks_uri,
            .sound = client->method == OAUTH__SELF_SIGNED ? is_set : oauth__sound_keys,
            .missing = "The client's keys cannot be fetched from its jwks_uri; try again later."},
        anew, text, err);
}

bool oauth__client_keys(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        const struct jwks **out, struct err *err)
{
    struct str text;
    return oauth__client_jwks(c, client, anew, &text, err) && oauth__parse_keys(c->a, text, out, err);
}
