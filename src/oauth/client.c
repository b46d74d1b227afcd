/* Clients and what they say of themselves (RFC 7591, 2). */
#include "crypto/random.h"
#include "internal.h"

enum { METADATA_DEPTH = 16, ID_MAX = 100 };

static bool is_id(const char *id)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n <= ID_MAX && !id[n];
}

static bool has(const json *list, const char *word)
{
    json_each (one, list)
        if (json_is_string(one) && strcmp(one->valuestring, word) == 0)
            return true;
    return false;
}

static bool read_method(const json *metadata, struct oauth__client *out, struct err *err)
{
    static const struct {
        const char *name;
        enum oauth__method method;
    } methods[] = {{"none", OAUTH__PUBLIC},
                   {"private_key_jwt", OAUTH__JWT},
                   {"tls_client_auth", OAUTH__TLS},
                   {"self_signed_tls_client_auth", OAUTH__SELF_SIGNED}};
    const char *name = json_get_string(metadata, "token_endpoint_auth_method");
    if (!name)
        name = out->jwks || out->jwks_uri ? "private_key_jwt" : "none";
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(name, methods[i].name) == 0) {
            out->method = methods[i].method;
            return true;
        }
    return err_set(err, ERR_INVALID,
                   "token_endpoint_auth_method: none, private_key_jwt, tls_client_auth and "
                   "self_signed_tls_client_auth are supported");
}

/* What is expected of its certificates (RFC 8705, 2.1.2, 3.4). */
static bool read_certificate(const json *metadata, struct oauth__client *out, struct err *err)
{
    static const struct {
        const char *name;
        enum cert_alt_kind kind;
    } names[] = {{"tls_client_auth_san_dns", CERT_DNS},
                 {"tls_client_auth_san_uri", CERT_URI},
                 {"tls_client_auth_san_ip", CERT_IP},
                 {"tls_client_auth_san_email", CERT_EMAIL}};
    out->bound = out->method == OAUTH__TLS || out->method == OAUTH__SELF_SIGNED ||
                 json_is_true(json_get(metadata, "tls_client_certificate_bound_access_tokens"));
    out->subject = json_get_string(metadata, "tls_client_auth_subject_dn");
    int n = out->subject != NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = json_get_string(metadata, names[i].name);
        if (value) {
            out->name_kind = names[i].kind;
            out->name_value = value;
            n++;
        }
    }
    return out->method != OAUTH__TLS || n == 1 ||
           err_set(err, ERR_INVALID,
                   "tls_client_auth needs one of tls_client_auth_subject_dn, _san_dns, _san_uri, _san_ip and "
                   "_san_email");
}

static bool read_grants(const json *metadata, struct oauth__client *out, struct err *err)
{
    const json *grants = json_get(metadata, "grant_types");
    out->code = !grants || has(grants, "authorization_code");
    out->refresh = has(grants, "refresh_token");
    out->credentials = has(grants, "client_credentials");
    if (grants && (size_t)(out->code + out->refresh + out->credentials) != json_count(grants))
        return err_set(err, ERR_INVALID,
                       "grant_types: authorization_code, refresh_token and client_credentials are supported");
    if (out->credentials && out->method == OAUTH__PUBLIC)
        return err_set(err, ERR_INVALID,
                       "client_credentials are for clients that can prove who they are: a "
                       "token_endpoint_auth_method other than none, with jwks or jwks_uri");
    return true;
}

static bool read_redirects(const json *metadata, struct oauth__client *out, struct err *err)
{
    out->redirect_uris = json_get(metadata, "redirect_uris");
    size_t n = json_is_array(out->redirect_uris) ? json_count(out->redirect_uris) : 0;
    if (out->refresh && !out->code)
        return err_set(err, ERR_INVALID, "refresh_token goes with authorization_code");
    if (!out->code && !n)
        return true;
    if (n == 0 || n > OAUTH__URIS)
        return err_set(err, ERR_INVALID, "redirect_uris: from one to %d for authorization_code", OAUTH__URIS);
    json_each (one, out->redirect_uris)
        if (!json_is_string(one) || !oauth__redirect_valid(one->valuestring))
            return err_set(
                err, ERR_INVALID,
                "redirect_uris: https URLs, http://127.0.0.1 or http://[::1] with any path, or an app's own "
                "scheme with a dot in it; without fragment and user information");
    return true;
}

static bool has_certificate(const json *jwks)
{
    json_each (key, json_get(jwks, "keys"))
        if (json_is_string(json_at(json_get(key, "x5c"), 0)))
            return true;
    return false;
}

static bool read_keys(struct arena *a, const struct oauth__client *out, struct err *err)
{
    struct jwks *keys;
    if (out->jwks && out->jwks_uri)
        return err_set(err, ERR_INVALID, "jwks and jwks_uri: one of them");
    if (out->jwks && out->method == OAUTH__SELF_SIGNED)
        return has_certificate(out->jwks) ||
               err_set(err, ERR_INVALID, "jwks: there is no certificate (x5c) in it");
    if (out->jwks) {
        if (!jwks_parse(json_text(a, out->jwks), &keys, err))
            return false;
        jwks_free(keys);
    }
    return true;
}

bool oauth__client_read(struct arena *a, const char *id, const json *metadata, struct oauth__client *out,
                        struct err *err)
{
    *out = (struct oauth__client){.id = id, .metadata = metadata};
    if (id && !is_id(id))
        return err_set(err, ERR_INVALID, "A client's id is made of letters, digits, '.', '_' and '-'");
    if (!json_is_object(metadata))
        return err_set(err, ERR_INVALID, "A client's metadata are a JSON object");
    out->name = json_get_string(metadata, "client_name");
    if (!out->name)
        out->name = id ? id : "";
    out->scope = json_get_string(metadata, "scope");
    if (!out->scope)
        return err_set(err, ERR_INVALID,
                       "scope: the scopes that the client may be given, separated by blanks");
    out->jwks = json_get(metadata, "jwks");
    out->jwks_uri = json_get_string(metadata, "jwks_uri");
    if (!read_method(metadata, out, err) || !read_keys(a, out, err) ||
        !read_certificate(metadata, out, err) || !read_grants(metadata, out, err) ||
        !read_redirects(metadata, out, err))
        return false;
    return (out->method != OAUTH__JWT && out->method != OAUTH__SELF_SIGNED) || out->jwks || out->jwks_uri ||
           err_set(err, ERR_INVALID,
                   "private_key_jwt needs the client's public keys, and self_signed_tls_client_auth its "
                   "certificates (x5c): jwks or jwks_uri");
}

bool oauth__client_find(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                        struct oauth__client **out, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    json *metadata;
    *out = NULL;
    sql_init(&q, a, "oauth-client");
    sql_addf(&q, "SELECT grant_id, metadata FROM oauth_client WHERE tenant = $%d AND id = $%d",
             sql_int4(&q, tenant), sql_text(&q, str_of(id)));
    if (!is_id(id))
        return true;
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return true;
    struct oauth__client *client = ARENA_NEW(a, struct oauth__client);
    if (!json_parse(a, db_text(rows, 0, 1), METADATA_DEPTH, &metadata, err) ||
        !oauth__client_read(a, id, metadata, client, err))
        return false;
    client->grant_id = db_text(rows, 0, 0).s;
    *out = client;
    return true;
}

bool oauth__client_add(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                       const json *metadata, struct err *err)
{
    struct oauth__client client;
    struct sql q;
    const struct db_rows *rows;
    char grant[37];
    if (!oauth__client_read(a, id, metadata, &client, err))
        return false;
    crypto_uuid(grant);
    sql_init(&q, a, NULL);
    sql_addf(&q,
             "INSERT INTO oauth_client (tenant, id, grant_id, metadata) VALUES ($%d, $%d, $%d, $%d) ON "
             "CONFLICT (tenant, id) DO NOTHING RETURNING true",
             sql_int4(&q, tenant), sql_text(&q, str_of(id)), sql_text(&q, str_of(grant)),
             sql_text(&q, json_text(a, metadata)));
    return db_exec(conn, a, &q, &rows, err) &&
           (db_count(rows) || err_set(err, ERR_CONFLICT, "There is a client %s: remove it first", id));
}

static bool remove_in_transaction(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                                  struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_addf(&q, "DELETE FROM oauth_client WHERE tenant = $%d AND id = $%d RETURNING grant_id",
             sql_int4(&q, tenant), sql_text(&q, str_of(id)));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no client %s", id);
    return oauth__revoke(tenant, conn, a, db_text(rows, 0, 0).s, err) &&
           oauth__grants_end(tenant, conn, a, "client", id, err);
}

bool oauth__client_remove(int32_t tenant, struct db_conn *conn, struct arena *a, const char *id,
                          struct err *err)
{
    if (db_begin(conn, err) && remove_in_transaction(tenant, conn, a, id, err) && db_commit(conn, err))
        return true;
    db_rollback(conn);
    return false;
}
