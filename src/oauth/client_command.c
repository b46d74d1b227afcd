#include <stdio.h>

#include "admin.h"
#include "base/base64.h"
#include "oauth/command.h"
#include "tenant/tenant.h"

static const char usage[] =
    "Usage: kagari client add ID --scope SCOPES [OPTION]…\n"
    "       kagari client list\n"
    "       kagari client remove ID\n\n"
    "Registers the programs that this server's authorisation server issues tokens to. Running servers\n"
    "know a new client at once; a removed one's tokens end within seconds.\n\n"
    "  --scope SCOPES      what it may be given at most, separated by blanks: 'system/*.rs'\n"
    "  --name TEXT         what people call it\n"
    "  --jwks FILE         its public keys, a JWK Set; it signs assertions with them\n"
    "  --jwks-url URL      or where it publishes them\n"
    "  --tls-subject DN    it proves who it is by a certificate of this name ('CN=X,O=Y,C=JP'), issued by "
    "one of\n"
    "                      oauth.client_authorities\n"
    "  --certificate FILE  or by this very certificate (PEM)\n"
    "  --redirect URL      where its people are sent back to after they have logged in; may be repeated\n"
    "  --grant TYPE        authorization_code, refresh_token, client_credentials; may be repeated (default: "
    "the\n"
    "                      first two of a client with --redirect, the last of one with keys alone)\n"
    "  --metadata FILE     all of that and more as JSON (RFC 7591); options are added to it\n" TENANT_USAGE
    "  --config FILE, --set KEY=VALUE\n"
    "                      settings, as for kagari serve\n";

enum { METADATA_MAX = 64 * 1024, DEPTH = 16 };

static bool read_json(struct oauth__command *c, const char *path, json **out, struct err *err)
{
    struct str text;
    struct err why;
    if (!config_read_file(c->a, path, METADATA_MAX, &text, err))
        return false;
    return json_parse(c->a, text, DEPTH, out, &why) ||
           err_set(err, ERR_INVALID, "%s: line %d: %s", path, why.line, why.msg);
}

/* Options with one value, and the member that each becomes. */
static const struct {
    const char *option, *member;
} texts[] = {{"--scope", "scope"},
             {"--name", "client_name"},
             {"--jwks-url", "jwks_uri"},
             {"--tls-subject", "tls_client_auth_subject_dn"}};

static const struct {
    const char *option, *member;
} lists[] = {{"--grant", "grant_types"}, {"--redirect", "redirect_uris"}};

/* A JWK Set of one certificate (RFC 7517, 4.7). */
static bool read_certificate(struct oauth__command *c, const char *file, json *metadata, struct err *err)
{
    struct str pem, der;
    if (!config_read_file(c->a, file, CERT_MAX, &pem, err) || !cert_from_pem(c->a, pem, &der, err))
        return false;
    json *jwks = json_object(c->a), *keys = json_add(c->a, jwks, "keys", json_array(c->a)),
         *key = json_object(c->a);
    json *x5c = json_add(c->a, key, "x5c", json_array(c->a));
    json_push(x5c, json_string_n(c->a, base64_encode(c->a, BASE64_STD, der.s, der.len)));
    json_push(keys, key);
    json_put(c->a, metadata, "jwks", jwks);
    json_put(c->a, metadata, "token_endpoint_auth_method", json_string(c->a, "self_signed_tls_client_auth"));
    return true;
}

static bool read_metadata(struct oauth__command *c, json **out, struct err *err)
{
    const char *file = oauth__option(c, "--metadata"), *keys = oauth__option(c, "--jwks");
    json *metadata = json_object(c->a), *jwks;
    if (file && !read_json(c, file, &metadata, err))
        return false;
    if (!json_is_object(metadata))
        return err_set(err, ERR_INVALID, "%s: it is no JSON object", file);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (oauth__option(c, texts[i].option))
            json_put(c->a, metadata, texts[i].member, json_string(c->a, oauth__option(c, texts[i].option)));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct oauth__option *o = oauth__options(c, lists[i].option);
        json *list = json_array(c->a);
        for (int k = 0; k < o->n; k++)
            json_push(list, json_string(c->a, o->values[k]));
        if (o->n)
            json_put(c->a, metadata, lists[i].member, list);
    }
    if (oauth__option(c, "--tls-subject"))
        json_put(c->a, metadata, "token_endpoint_auth_method", json_string(c->a, "tls_client_auth"));
    if (oauth__option(c, "--certificate") &&
        !read_certificate(c, oauth__option(c, "--certificate"), metadata, err))
        return false;
    if (keys && !read_json(c, keys, &jwks, err))
        return false;
    if (keys)
        json_put(c->a, metadata, "jwks", jwks);
    *out = metadata;
    return true;
}

/* A client that only has keys wants tokens for itself. */
static void choose_grants(struct oauth__command *c, json *metadata)
{
    bool people = json_get(metadata, "redirect_uris");
    if (json_get(metadata, "grant_types") ||
        !(people || json_get(metadata, "jwks") || json_get(metadata, "jwks_uri") ||
          json_get(metadata, "tls_client_auth_subject_dn")))
        return;
    json *list = json_add(c->a, metadata, "grant_types", json_array(c->a));
    json_push(list, json_string(c->a, people ? "authorization_code" : "client_credentials"));
    if (people)
        json_push(list, json_string(c->a, "refresh_token"));
}

static bool add(struct oauth__command *c, struct err *err)
{
    json *metadata = NULL;
    if (!read_metadata(c, &metadata, err))
        return false;
    choose_grants(c, metadata);
    if (!oauth__client_add(c->tenant, c->conn, c->a, c->words[0], metadata, err))
        return false;
    printf("client %s is registered\n", c->words[0]);
    return true;
}

static bool list(struct oauth__command *c, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, c->a, NULL);
    sql_addf(&q,
             "SELECT id, metadata::json->>'client_name', metadata::json->>'scope', to_char(created, "
             "'YYYY-MM-DD') FROM oauth_client WHERE tenant = $%d ORDER BY id",
             sql_int4(&q, c->tenant));
    if (!db_exec(c->conn, c->a, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++)
        printf("%s\t%s\t%s\t%s\n", db_text(rows, i, 0).s, db_text(rows, i, 3).s, db_text(rows, i, 2).s,
               db_null(rows, i, 1) ? "" : db_text(rows, i, 1).s);
    return true;
}

static bool take_away(struct oauth__command *c, struct err *err)
{
    if (!oauth__client_remove(c->tenant, c->conn, c->a, c->words[0], err))
        return false;
    printf("client %s is removed\n", c->words[0]);
    return true;
}

int client_command(int argc, char **argv)
{
    static const struct oauth__action actions[] = {
        {"add", 1, add}, {"list", 0, list}, {"remove", 1, take_away}};
    struct oauth__option options[OAUTH__OPTIONS] = {
        {.name = "--scope"},    {.name = "--name"},        {.name = "--jwks"},
        {.name = "--jwks-url"}, {.name = "--grant"},       {.name = "--redirect"},
        {.name = "--metadata"}, {.name = "--tls-subject"}, {.name = "--certificate"}};
    return oauth__command_run(argc, argv, usage, actions, sizeof actions / sizeof *actions, options);
}
