#include "support/oauth.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/random.h"

static struct err err;
static EVP_PKEY *keys[OAUTH_KEYS];

static const struct {
    const char *alg, *digest;
    int half;
} kinds[OAUTH_KEYS] = {
    {"ES256", "SHA256", 32}, {"ES384", "SHA384", 48}, {"RS384", "SHA384", 0}, {"ES256", "SHA256", 32}};

void oauth_suite_begin(void)
{
    flow_suite_begin();
    flow_base("oauth.server=on");
    flow_base("oauth.token_rate=1000000");
    oauth_keys_begin();
}

void oauth_keys_begin(void)
{
    if (keys[0])
        return;
    keys[OAUTH_ES256] = EVP_EC_gen("P-256");
    keys[OAUTH_ES384] = EVP_EC_gen("P-384");
    keys[OAUTH_RS384] = EVP_RSA_gen(2048);
    keys[OAUTH_STRANGER] = EVP_EC_gen("P-256");
}

static struct str base64url(const void *data, size_t len)
{
    return base64_encode(flow_arena(), BASE64_URL, data, len);
}

static const char *number(EVP_PKEY *key, const char *param, int size)
{
    BIGNUM *n = NULL;
    unsigned char bytes[512];
    ck_assert(EVP_PKEY_get_bn_param(key, param, &n));
    int len = BN_bn2binpad(n, bytes, size ? size : BN_num_bytes(n));
    BN_free(n);
    return base64url(bytes, (size_t)len).s;
}

const char *oauth_public(enum oauth_key k)
{
    if (!kinds[k].half)
        return arena_printf(flow_arena(), "{\"kty\":\"RSA\",\"kid\":\"client-%d\",\"n\":\"%s\",\"e\":\"%s\"}",
                            (int)k, number(keys[k], OSSL_PKEY_PARAM_RSA_N, 0),
                            number(keys[k], OSSL_PKEY_PARAM_RSA_E, 0));
    return arena_printf(flow_arena(),
                        "{\"kty\":\"EC\",\"kid\":\"client-%d\",\"crv\":\"P-%d\",\"x\":\"%s\",\"y\":\"%s\"}",
                        (int)k, kinds[k].half * 8, number(keys[k], OSSL_PKEY_PARAM_EC_PUB_X, kinds[k].half),
                        number(keys[k], OSSL_PKEY_PARAM_EC_PUB_Y, kinds[k].half));
}

void oauth_client(const char *id, enum oauth_key key, const char *metadata)
{
    json *m = test_json(flow_arena(),
                        arena_printf(flow_arena(),
                                     "{%s,\"jwks\":{\"keys\":[%s]},\"grant_types\":[\"client_credentials\"]}",
                                     metadata, oauth_public(key)));
    if (!oauth__client_add(1, flow_conn(), flow_arena(), id, m, &err))
        ck_assert_msg(err.kind == ERR_CONFLICT, "%s", err.msg);
}

static struct str sign(enum oauth_key key, struct str text)
{
    unsigned char out[512], raw[96];
    size_t len = sizeof out;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert(EVP_DigestSignInit_ex(ctx, NULL, kinds[key].digest, NULL, NULL, keys[key], NULL) > 0);
    ck_assert(EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.s, text.len) > 0);
    EVP_MD_CTX_free(ctx);
    int half = kinds[key].half;
    if (!half)
        return base64url(out, len);
    const unsigned char *in = out;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &in, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half);
    ECDSA_SIG_free(sig);
    return base64url(raw, 2 * (size_t)half);
}

const char *oauth_jwt(enum oauth_key key, const char *header, const char *claims)
{
    const char *text = arena_printf(flow_arena(), "%s.%s", base64url(header, strlen(header)).s,
                                    base64url(claims, strlen(claims)).s);
    bool none = strstr(header, "\"none\"") != NULL;
    return arena_printf(flow_arena(), "%s.%s", text, none ? "" : sign(key, str_of(text)).s);
}

/* Members of changes replace those of o. */
static const char *changed(const char *o, const char *changes)
{
    struct arena *a = flow_arena();
    json *base = test_json(a, o), *with = test_json(a, arena_printf(a, "{%s}", changes ? changes : ""));
    json_each (member, with) {
        json *there = json_get(base, member->string);
        if (there)
            json_detach(base, there);
        if (!json_is_null(member))
            json_add(a, base, member->string, json_copy(a, member));
    }
    struct str text = json_text(a, base);
    return arena_strndup(a, text.s, text.len);
}

const char *oauth_assertion(const char *client, struct oauth_assertion how)
{
    struct arena *a = flow_arena();
    long long now = clock_wall_us() / 1000000;
    char jti[37];
    crypto_uuid(jti);
    const char *header = arena_printf(a, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"client-%d\"}",
                                      kinds[how.key].alg, how.key == OAUTH_STRANGER ? 0 : (int)how.key),
               *claims =
                   arena_printf(a,
                                "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s/oauth/token\",\"exp\":%lld,"
                                "\"jti\":\"%s\"}",
                                client, client, FLOW_BASE, now + 240, jti);
    return oauth_jwt(how.key, changed(header, how.header), changed(claims, how.claims));
}

const struct flow_answer *oauth_credentials(const char *client, struct oauth_assertion how, const char *more)
{
    return flow(
        "POST", "oauth/token", OAUTH_FORM,
        arena_printf(flow_arena(),
                     "grant_type=client_credentials&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3A"
                     "client-assertion-type%%3Ajwt-bearer&client_assertion=%s%s",
                     oauth_assertion(client, how), more ? more : ""));
}

void oauth_refused(const struct flow_answer *a, int status, const char *error)
{
    ck_status(a, status);
    ck_assert_str_eq(flow_text(a->json, "error"), error);
    ck_assert_ptr_null(flow_node(a->json, "access_token"));
}

static json *part(const char *token, int skip)
{
    struct str rest = str_of(token), text, one = str_cut(rest, '.', &rest);
    if (skip)
        one = str_cut(rest, '.', &rest);
    ck_assert(base64_decode(flow_arena(), BASE64_URL, one, &text));
    return test_json(flow_arena(), arena_strndup(flow_arena(), text.s, text.len));
}

json *oauth_claims(const char *token)
{
    return part(token, 1);
}

const char *oauth_kid(const char *token)
{
    return flow_text(part(token, 0), "kid");
}

const char *oauth_bearer(const char *token)
{
    return arena_printf(flow_arena(), "Authorization: Bearer %s\n", token);
}
