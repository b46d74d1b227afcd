/* Providers of identities (OpenID Connect), from the file oauth.providers: who they are, and what they publish (OpenID
 * Connect Discovery 1.0). docs/oauth.md has an example. */
#include "internal.h"

enum { FILE_MAX = 64 * 1024, DEPTH = 8, NAME_MAX_LEN = 32 };

static bool is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n > 0 && n <= NAME_MAX_LEN && !text[n] && strcmp(text, OAUTH__CERTIFICATE) != 0;
}

/* http_call() is strict about what it asks; here what a browser is sent to counts too. */
static bool is_url(const char *text)
{
    return text && strncmp(text, "http", 4) == 0 && oauth__redirect_valid(text);
}

static bool read_one(const json *from, struct oauth__provider *p, struct err *err)
{
    static const struct {
        const char *name;
        enum oauth__provider_auth auth;
    } ways[] = {{"private_key_jwt", OAUTH__BY_KEY},
                {"client_secret_basic", OAUTH__BY_SECRET},
                {"none", OAUTH__BY_NOTHING}};
    const char *way = json_get_string(from, "auth");
    bool known = false;
    *p = (struct oauth__provider){.name = json_get_string(from, "name"),
                                  .title = json_get_string(from, "title"),
                                  .title_ja = json_get_string(from, "title_ja"),
                                  .issuer = json_get_string(from, "issuer"),
                                  .client_id = json_get_string(from, "client_id"),
                                  .secret_file = json_get_string(from, "secret_file"),
                                  .scope = json_get_string(from, "scope"),
                                  .fhir_user_claim = json_get_string(from, "fhir_user_claim"),
                                  .ca_file = json_get_string(from, "ca_file")};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, way ? way : "private_key_jwt") == 0) {
            p->auth = ways[i].auth;
            known = true;
        }
    if (!p->name || !is_name(p->name))
        return err_set(err, ERR_INVALID, "a provider's name is of small letters, digits and '-'");
    if (!is_url(p->issuer) || strchr(p->issuer, '?') || !p->client_id)
        return err_set(err, ERR_INVALID, "%s: issuer (an https URL) and client_id have to be there", p->name);
    if (!known || (p->auth == OAUTH__BY_SECRET && !p->secret_file))
        return err_set(err, ERR_INVALID,
                       "%s: auth is private_key_jwt, client_secret_basic (with secret_file) or none",
                       p->name);
    if (!p->title)
        p->title = p->name;
    if (!p->title_ja)
        p->title_ja = p->title;
    if (!p->scope)
        p->scope = "openid";
    return oauth__scope_has(p->scope, "openid") ||
           err_set(err, ERR_INVALID, "%s: scope lacks openid", p->name);
}

bool oauth__providers_read(struct oauth *o, const char *file, struct err *err)
{
    struct str text;
    json *list;
    struct err why;
    if (!*file)
        return true;
    if (!config_read_file(&o->a, file, FILE_MAX, &text, err))
        return false;
    if (!json_parse(&o->a, text, DEPTH, &list, &why))
        return err_set(err, ERR_INVALID, "oauth.providers: line %d: %s", why.line, why.msg);
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "oauth.providers: a list of providers is expected");
    o->providers = ARENA_ARRAY(&o->a, struct oauth__provider, json_count(list) + 1);
    json_each (one, list) {
        struct oauth__provider *p = &o->providers[o->n_providers];
        if (!read_one(one, p, &why))
            return err_set(err, ERR_INVALID, "oauth.providers: %s", why.msg);
        if (oauth__provider(o, str_of(p->name)))
            return err_set(err, ERR_INVALID, "oauth.providers: %s is there twice", p->name);
        o->n_providers++;
    }
    return true;
}

const struct oauth__provider *oauth__provider(const struct oauth *o, struct str name)
{
    for (size_t i = 0; i < o->n_providers; i++)
        if (str_is(name, o->providers[i].name))
            return &o->providers[i];
    return NULL;
}

/* ---- what it publishes ------------------------------------------------------------------------------------------- */

static bool read_metadata(struct arena *a, struct str text, const struct oauth__provider *p,
                          struct oauth__provider_metadata *out, struct err *err)
{
    json *o;
    if (!json_parse(a, text, DEPTH, &o, err))
        return false;
    const char *issuer = json_get_string(o, "issuer");
    *out = (struct oauth__provider_metadata){
        .authorize = json_get_string(o, "authorization_endpoint"),
        .token = json_get_string(o, "token_endpoint"),
        .jwks = json_get_string(o, "jwks_uri"),
        .says_iss = json_is_true(json_get(o, "authorization_response_iss_parameter_supported"))};
    if (!issuer || strcmp(issuer, p->issuer) != 0) /* OpenID Connect Discovery 1.0, 4.3 */
        return err_set(err, ERR_INVALID, "%s: what is published there is another issuer's", p->issuer);
    return (is_url(out->authorize) && is_url(out->token) && is_url(out->jwks)) ||
           err_set(err, ERR_INVALID, "%s publishes no https URLs of its endpoints", p->issuer);
}

static bool sound(struct arena *a, struct str text, const void *provider, struct err *err)
{
    struct oauth__provider_metadata m;
    return read_metadata(a, text, provider, &m, err);
}

bool oauth__provider_metadata(struct oauth__call *c, const struct oauth__provider *p,
                              struct oauth__provider_metadata *out, struct err *err)
{
    struct str text;
    return oauth__fetch(c,
                        &(struct oauth__source){
                            .url = arena_printf(c->a, "%s/.well-known/openid-configuration", p->issuer),
                            .ca_file = p->ca_file,
                            .sound = sound,
                            .arg = p,
                            .missing = "The provider of identities does not answer."},
                        false, &text, err) &&
           read_metadata(c->a, text, p, out, err);
}

bool oauth__provider_verify(struct oauth__call *c, const struct oauth__provider *p,
                            const struct oauth__provider_metadata *m, struct str token, json **claims,
                            struct err *err)
{
    const struct oauth__source keys = {.url = m->jwks,
                                       .ca_file = p->ca_file,
                                       .sound = oauth__sound_keys,
                                       .missing = "The provider's keys cannot be fetched."};
    bool unknown = true;
    for (int i = 0; i < 2 && unknown; i++) { /* a new key is worth another look */
        const struct jwks *set;
        struct str text;
        if (!oauth__fetch(c, &keys, i > 0, &text, err) || !oauth__parse_keys(c->a, text, &set, err))
            return false;
        if (jwt_verify(set, c->a, token, claims, &unknown, err))
            return true;
    }
    return false;
}
