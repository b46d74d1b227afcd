/* Certificates that callers have shown by TLS: of clients (RFC 8705) and of people, such as one on a card. */
#include "base/base64.h"
#include "base/log.h"
#include "internal.h"

enum { AUTHORITIES_MAX = 32 * 1024 * 1024 };

const char *oauth__certificate_hash(struct oauth__call *c)
{
    uint8_t hash[32];
    return cert_thumbprint(c->r->client_certs, hash) ? base64_encode(c->a, BASE64_URL, hash, sizeof hash).s
                                                     : NULL;
}

/* The file is read each time: lists of revocations change. */
static bool vouched_for(struct oauth__call *c, const char *authorities, struct err *err)
{
    struct str text;
    if (!*authorities)
        return err_set(err, ERR_LOGIN, "No authority is configured that vouches for certificates.");
    if (!config_read_file(c->a, authorities, AUTHORITIES_MAX, &text, err)) {
        log_event(LOG_WARN, "oauth.authorities", LOG_S("reason", err->msg));
        return false;
    }
    return cert_verify(c->a, text, c->r->client_certs, err);
}

/* ---- of clients ------------------------------------------------------------------------------------------------ */

static bool has_name(const struct oauth__client *client, const struct cert_names *names)
{
    if (client->subject)
        return strcmp(client->subject, names->subject) == 0;
    for (size_t i = 0; i < names->n_alts; i++)
        if (names->alts[i].kind == client->name_kind && strcmp(names->alts[i].value, client->name_value) == 0)
            return true;
    return false;
}

/* RFC 8705, 2.2: it is one of those in the client's JWK Set; nobody else vouches for it. */
static bool is_published(struct oauth__call *c, const struct oauth__client *client, bool anew)
{
    struct err ignored;
    struct str text, first = cert_first(c->r->client_certs);
    json *set;
    if (!oauth__client_jwks(c, client, anew, &text, &ignored) ||
        !json_parse(c->a, text, OAUTH__JWKS_DEPTH, &set, &ignored))
        return false;
    const char *own = base64_encode(c->a, BASE64_STD, first.s, first.len).s;
    json_each (key, json_get(set, "keys")) {
        const json *there = json_at(json_get(key, "x5c"), 0);
        if (json_is_string(there) && strcmp(there->valuestring, own) == 0)
            return true;
    }
    return false;
}

const char *oauth__certificate_wrong(struct oauth__call *c, const struct oauth__client *client)
{
    struct cert_names names;
    struct err wrong;
    if (!c->r->client_certs.len)
        return "The client proves who it is by its certificate, and the connection shows none.";
    if (client->method == OAUTH__SELF_SIGNED)
        return is_published(c, client, false) || (client->jwks_uri && is_published(c, client, true))
                   ? NULL
                   : "The certificate is not one of those that the client has published.";
    if (!cert_read(c->a, c->r->client_certs, &names, &wrong) ||
        !vouched_for(c, c->config->oauth_client_authorities, &wrong))
        return arena_strdup(c->a, wrong.msg);
    return has_name(client, &names) ? NULL : "The certificate is not the client's.";
}

/* ---- of people --------------------------------------------------------------------------------------------------- */

const char *oauth__identity_of_number(struct arena *a, const struct cert_names *names)
{
    return arena_printf(a, "number %s of %s", names->serial, names->issuer);
}

const char *oauth__identity_of_name(struct arena *a, const char *subject)
{
    return arena_printf(a, "name %s", subject);
}

bool oauth__certificate_offered(struct oauth__call *c)
{
    return *c->config->oauth_user_authorities && c->r->client_certs.len;
}

bool oauth__certificate_user(struct oauth__call *c, struct oauth__user **out, struct err *err)
{
    struct cert_names names;
    struct err why;
    *out = NULL;
    if (!oauth__certificate_offered(c))
        return true;
    if (!cert_read(c->a, c->r->client_certs, &names, &why) ||
        !vouched_for(c, c->config->oauth_user_authorities, &why)) {
        log_event(LOG_INFO, "oauth.certificate-refused", LOG_S("reason", why.msg));
        return true;
    }
    return oauth__identity_find(c, OAUTH__CERTIFICATE, oauth__identity_of_number(c->a, &names), out, err) &&
           (*out || oauth__identity_find(c, OAUTH__CERTIFICATE, oauth__identity_of_name(c->a, names.subject),
                                         out, err));
}
