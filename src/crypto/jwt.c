/* JSON Web Tokens in compact form: header.payload.signature, each base64url (RFC 7515, 7.1). */
#include "crypto/jwt.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "internal.h"

enum { HEADER_DEPTH = 8, CLAIMS_DEPTH = 32, MAX_HALF = 48, MAX_ECDSA_DER = 2 * (MAX_HALF + 3) + 3 };

static const struct crypto__alg algs[] = {
    {"RS256", CRYPTO__RSA, "SHA256", false, 0},   {"RS384", CRYPTO__RSA, "SHA384", false, 0},
    {"RS512", CRYPTO__RSA, "SHA512", false, 0},   {"PS256", CRYPTO__RSA, "SHA256", true, 0},
    {"ES256", CRYPTO__P256, "SHA256", false, 32}, {"ES384", CRYPTO__P384, "SHA384", false, 48},
    {"EdDSA", CRYPTO__ED25519, NULL, false, 0},
};

const struct crypto__alg *crypto__alg_find(const char *name)
{
    for (size_t i = 0; i < sizeof(algs) / sizeof(*algs); i++)
        if (strcmp(algs[i].name, name) == 0)
            return &algs[i];
    return NULL;
}

struct parts {
    struct str header, payload, signature; /* decoded */
    struct str signed_text;                /* header.payload as it came */
};

static bool split(struct arena *a, struct str token, struct parts *out)
{
    struct str rest, header = str_cut(token, '.', &rest);
    struct str signature, payload = str_cut(rest, '.', &signature);
    if (!rest.s || !signature.s)
        return false;
    out->signed_text = (struct str){token.s, header.len + 1 + payload.len};
    return base64_decode(a, BASE64_URL, header, &out->header) &&
           base64_decode(a, BASE64_URL, payload, &out->payload) &&
           base64_decode(a, BASE64_URL, signature, &out->signature);
}

struct header {
    const struct crypto__alg *alg;
    const char *kid; /* NULL: none */
};

/* Refuses what would change the token's meaning. */
static bool read_header(struct arena *a, struct str text, struct header *out, struct err *err)
{
    struct err e;
    json *header;
    if (!json_parse(a, text, HEADER_DEPTH, &header, &e))
        return err_detail(err, ERR_LOGIN, "The token's header is not valid JSON.", "%s", e.msg);
    if (!json_is_object(header))
        return err_set(err, ERR_LOGIN, "The token's header is no JSON object.");
    /* RFC 7515, 4.1.11: an extension that must be understood, and none is. */
    if (json_get(header, "crit"))
        return err_set(err, ERR_LOGIN, "The token's header has crit: no extensions are supported.");
    /* RFC 8725, 3.11: not a token made for something else (logout, DPoP, introspection). */
    const json *typ = json_get(header, "typ");
    if (typ && (!json_is_string(typ) || !(str_ieq(str_of(typ->valuestring), STR("JWT")) ||
                                          str_ieq(str_of(typ->valuestring), STR("at+jwt")) ||
                                          str_ieq(str_of(typ->valuestring), STR("application/at+jwt")))))
        return err_set(err, ERR_LOGIN, "The token's typ is neither JWT nor at+jwt.");
    const char *name = json_get_string(header, "alg");
    out->alg = name ? crypto__alg_find(name) : NULL;
    if (!out->alg)
        return err_set(
            err, ERR_LOGIN,
            "The token's alg is not accepted: RS256, RS384, RS512, PS256, ES256, ES384 and EdDSA are.");
    out->kid = json_get_string(header, "kid");
    if (!out->kid && json_get(header, "kid"))
        return err_set(err, ERR_LOGIN, "The token's kid is no string.");
    return true;
}

/* ECDSA signatures are r and s side by side in a JWS (RFC 7518, 3.4), DER in OpenSSL. */
static int to_der(struct str raw, int half, uint8_t der[MAX_ECDSA_DER])
{
    const uint8_t *bytes = (const uint8_t *)raw.s;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, half, NULL), *s = BN_bin2bn(bytes + half, half, NULL);
    int len = -1;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s))
        len = i2d_ECDSA_SIG(sig, &der);
    else
        BN_free(r), BN_free(s);
    ECDSA_SIG_free(sig);
    return len;
}

static bool signature_fits(EVP_PKEY *key, const struct crypto__alg *alg, struct str text,
                           struct str signature)
{
    uint8_t der[MAX_ECDSA_DER];
    if (alg->half) {
        int len = signature.len == 2 * (size_t)alg->half ? to_der(signature, alg->half, der) : -1;
        if (len < 0)
            return false;
        signature = (struct str){(char *)der, (size_t)len};
    }
    EVP_PKEY_CTX *pctx;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, &pctx, alg->digest, NULL, NULL, key, NULL) > 0 &&
              (!alg->pss || (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
                             EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0)) &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.s, signature.len,
                               (const unsigned char *)text.s, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool jwt_verify(const struct jwks *keys, struct arena *a, struct str token, json **claims, bool *unknown_kid,
                struct err *err)
{
    *unknown_kid = false;
    if (token.len > JWT_MAX)
        return err_set(err, ERR_LOGIN, "The token is larger than %d bytes.", JWT_MAX);
    struct parts p;
    if (!split(a, token, &p))
        return err_set(
            err, ERR_LOGIN,
            "The token is no signed JWT: three parts in base64url, separated by dots, are expected.");
    struct header h = {0};
    if (!read_header(a, p.header, &h, err))
        return false;
    EVP_PKEY *key = crypto__jwks_pick(keys, h.alg, h.kid, unknown_kid, err);
    if (!key)
        return false;
    if (!signature_fits(key, h.alg, p.signed_text, p.signature)) {
        *unknown_kid = !h.kid; /* may be by a newer key */
        return err_set(err, ERR_LOGIN, "The token's signature does not fit its content and key.");
    }
    /* Only now: what nobody vouches for is not parsed. */
    struct err e;
    json *root;
    if (!json_parse(a, p.payload, CLAIMS_DEPTH, &root, &e))
        return err_detail(err, ERR_LOGIN, "The token's claims are not valid JSON.", "%s", e.msg);
    if (!json_is_object(root))
        return err_set(err, ERR_LOGIN, "The token's claims are no JSON object.");
    *claims = root;
    return true;
}

bool jwt_peek(struct arena *a, struct str token, json **claims, struct err *err)
{
    struct parts p;
    if (token.len > JWT_MAX || !split(a, token, &p) || !json_parse(a, p.payload, CLAIMS_DEPTH, claims, err) ||
        !json_is_object(*claims))
        return err_set(err, ERR_LOGIN, "The token is no signed JWT whose claims are a JSON object.");
    return true;
}

bool jwt_key_generate(struct arena *a, const char *alg, struct str *pem, struct err *err)
{
    EVP_PKEY *key;
    return crypto__key_new(a, alg, &key, err) && crypto__key_write(a, key, pem, err);
}

static bool sign(EVP_PKEY *key, const struct crypto__curve *curve, struct str text, uint8_t raw[2 * MAX_HALF],
                 struct err *err)
{
    uint8_t der[MAX_ECDSA_DER];
    const uint8_t *in = der;
    size_t len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ECDSA_SIG *sig = NULL;
    bool ok = ctx && EVP_DigestSignInit_ex(ctx, NULL, curve->digest, NULL, NULL, key, NULL) > 0 &&
              EVP_DigestSign(ctx, der, &len, (const unsigned char *)text.s, text.len) > 0 &&
              (sig = d2i_ECDSA_SIG(NULL, &in, (long)len)) &&
              BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, curve->half) > 0 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + curve->half, curve->half) > 0;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return ok || crypto__fail(err, "signing a token");
}

bool jwt_sign(struct arena *a, struct str pem, const char *typ, const json *claims, struct str *token,
              struct err *err)
{
    EVP_PKEY *key;
    struct crypto__jwk jwk;
    if (!crypto__key_read(a, pem, &key, err) || !crypto__key_jwk(a, key, &jwk, err))
        return false;
    struct str header = str_of(
        arena_printf(a, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", jwk.curve->alg, typ, jwk.kid.s));
    struct str payload = json_text(a, claims);
    struct buf b;
    buf_init(&b, a, 512);
    buf_addstr(&b, base64_encode(a, BASE64_URL, header.s, header.len));
    buf_addc(&b, '.');
    buf_addstr(&b, base64_encode(a, BASE64_URL, payload.s, payload.len));
    uint8_t raw[2 * MAX_HALF];
    if (!sign(key, jwk.curve, buf_str(&b), raw, err))
        return false;
    buf_addc(&b, '.');
    buf_addstr(&b, base64_encode(a, BASE64_URL, raw, 2 * (size_t)jwk.curve->half));
    *token = buf_str(&b);
    return true;
}
