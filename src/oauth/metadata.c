/* What the server can do, for clients to find (RFC 8414; SMART App Launch, "Conformance"); its keys. */
#include "internal.h"

static void add_list(struct arena *a, json *o, const char *name, const char *const *words, size_t n)
{
    json *list = json_add(a, o, name, json_array(a));
    for (size_t i = 0; i < n; i++)
        json_push(list, json_string(a, words[i]));
}
#define ADD(name, ...)                                                                                       \
    add_list(a, o, name, (const char *const[]){__VA_ARGS__},                                                 \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

bool oauth__metadata(struct oauth__call *c, struct err *err)
{
    (void)err;
    struct arena *a = c->a;
    json *o = json_object(a);
    json_add(a, o, "issuer", json_string_n(a, c->o->issuer));
    json_add_string(a, o, "token_endpoint", oauth__url(c, "oauth/token"));
    json_add_string(a, o, "jwks_uri", oauth__url(c, "oauth/jwks"));
    json_add_string(a, o, "authorization_endpoint", oauth__url(c, "oauth/authorize"));
    json_add_string(a, o, "introspection_endpoint", oauth__url(c, "oauth/introspect"));
    json_add_string(a, o, "revocation_endpoint", oauth__url(c, "oauth/revoke"));
    json_add_string(a, o, "end_session_endpoint", oauth__url(c, "oauth/logout"));
    if (c->config->oauth_registration)
        json_add_string(a, o, "registration_endpoint", oauth__url(c, "oauth/register"));
    json_add(a, o, "authorization_response_iss_parameter_supported", json_bool(a, true));
    json_add(a, o, "request_uri_parameter_supported", json_bool(a, false));
    ADD("response_types_supported", "code");
    ADD("response_modes_supported", "query");
    ADD("code_challenge_methods_supported", "S256");
    ADD("subject_types_supported", "public");
    ADD("id_token_signing_alg_values_supported", "ES256");
    ADD("ui_locales_supported", "en", "ja");
    ADD("grant_types_supported", "authorization_code", "refresh_token", "client_credentials");
    if (c->config->http_client_certs)
        ADD("token_endpoint_auth_methods_supported", "none", "private_key_jwt", "tls_client_auth",
            "self_signed_tls_client_auth");
    else
        ADD("token_endpoint_auth_methods_supported", "none", "private_key_jwt");
    if (c->config->http_client_certs)
        json_add(a, o, "tls_client_certificate_bound_access_tokens", json_bool(a, true));
    ADD("token_endpoint_auth_signing_alg_values_supported", "RS384", "ES384", "ES256", "EdDSA");
    ADD("scopes_supported", "openid", "fhirUser", "launch", "launch/patient", "offline_access",
        "online_access", "patient/*.rs", "user/*.cruds", "user/*.rs", "system/*.cruds", "system/*.rs");
    json_add_string(a, o, "launch_context_endpoint", oauth__url(c, "oauth/launch"));
    ADD("capabilities", "launch-ehr", "launch-standalone", "authorize-post", "client-public",
        "client-confidential-asymmetric", "sso-openid-connect", "context-standalone-patient",
        "context-ehr-patient", "context-ehr-encounter", "context-banner", "permission-offline",
        "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2");
    return oauth__json(c, 200, o);
}

/* RFC 9728 */
bool oauth__resource(struct oauth__call *c, struct err *err)
{
    (void)err;
    struct arena *a = c->a;
    json *o = json_object(a);
    json_add(a, o, "resource", json_string_n(a, c->o->issuer));
    json_push(json_add(a, o, "authorization_servers", json_array(a)), json_string_n(a, c->o->issuer));
    ADD("bearer_methods_supported", "header");
    ADD("scopes_supported", "patient/*.rs", "user/*.cruds", "user/*.rs", "system/*.cruds", "system/*.rs");
    if (c->config->http_client_certs)
        json_add(a, o, "tls_client_certificate_bound_access_tokens", json_bool(a, true));
    return oauth__json(c, 200, o);
}

bool oauth__jwks(struct oauth__call *c, struct err *err)
{
    (void)err;
    struct str jwks = oauth__hold_ring(c)->jwks;
    *c->out = (struct oauth_answer){.status = 200, .type = "application/jwk-set+json"};
    c->out->body = jwks;
    return true;
}
