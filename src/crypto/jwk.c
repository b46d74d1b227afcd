/* JWK Sets (RFC 7517): read for verifying, written for the development key. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "internal.h"

enum { MAX_KEYS = 100, MAX_DEPTH = 8, RSA_MIN_BITS = 2048, RSA_MAX_BITS = 8192 };

struct jwk {
    const char *kid;               /* NULL: none */
    const struct crypto__alg *alg; /* NULL: any that fits the type */
    enum crypto__type type;
    EVP_PKEY *key;
};

struct jwks {
    struct arena a;
    struct jwk *keys;
    size_t n, cap;
};

/* Each of these gives NULL and a reason when the JWK is not to be used. */
typedef EVP_PKEY *(*make_fn)(struct arena *a, const json *jwk, const char *group, int size,
                             const char **reason);

/* A member in base64url; size 0: any. */
static bool bytes(struct arena *a, const json *jwk, const char *name, int size, struct str *out)
{
    const char *text = json_get_string(jwk, name);
    return text && base64_decode(a, BASE64_URL, str_of(text), out) && out->len > 0 &&
           (size == 0 || out->len == (size_t)size);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params, const char **reason)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL), *check = NULL;
    EVP_PKEY *key = NULL;
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0 ||
        !(check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) || EVP_PKEY_public_check(check) <= 0) {
        *reason = "its numbers make no valid public key";
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *make_rsa(struct arena *a, const json *jwk, const char *group, int size, const char **reason)
{
    (void)group, (void)size;
    struct str n, e;
    if (!bytes(a, jwk, "n", 0, &n) || !bytes(a, jwk, "e", 0, &e) || e.len > 8) {
        *reason = "n or e is missing, no base64url or out of range";
        return NULL;
    }
    BIGNUM *bn_n = BN_bin2bn((const unsigned char *)n.s, (int)n.len, NULL);
    BIGNUM *bn_e = BN_bin2bn((const unsigned char *)e.s, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    int bits = bn_n ? BN_num_bits(bn_n) : 0;
    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) {
        *reason = "RSA keys of 2048 to 8192 bits are accepted";
    } else {
        if (build && bn_e && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n) &&
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e))
            params = OSSL_PARAM_BLD_to_param(build);
        key = from_params("RSA", params, reason);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn_e);
    BN_free(bn_n);
    return key;
}

static EVP_PKEY *make_ec(struct arena *a, const json *jwk, const char *group, int size, const char **reason)
{
    struct str x, y;
    if (!bytes(a, jwk, "x", size, &x) || !bytes(a, jwk, "y", size, &y)) {
        *reason = "x or y is missing, no base64url or not of the curve's length";
        return NULL;
    }
    uint8_t point[1 + 2 * 48] = {0x04}; /* uncompressed (SEC 1, 2.3.3) */
    memcpy(point + 1, x.s, x.len);
    memcpy(point + 1 + x.len, y.s, y.len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.len + y.len),
        OSSL_PARAM_construct_end(),
    };
    return from_params("EC", params, reason);
}

static EVP_PKEY *make_ed25519(struct arena *a, const json *jwk, const char *group, int size,
                              const char **reason)
{
    struct str x;
    EVP_PKEY *key = NULL;
    if (bytes(a, jwk, "x", size, &x))
        key = EVP_PKEY_new_raw_public_key_ex(NULL, group, NULL, (const unsigned char *)x.s, x.len);
    if (!key)
        *reason = "x is missing, no base64url or not of the curve's length";
    return key;
}

static const struct {
    const char *kty, *crv;
    int size; /* bytes of a coordinate */
    make_fn make;
} types[CRYPTO__NO_TYPE] = {
    [CRYPTO__RSA] = {"RSA", NULL, 0, make_rsa},
    [CRYPTO__P256] = {"EC", "P-256", 32, make_ec},
    [CRYPTO__P384] = {"EC", "P-384", 48, make_ec},
    [CRYPTO__ED25519] = {"OKP", "Ed25519", 32, make_ed25519},
};

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* use and key_ops (RFC 7517, 4.2, 4.3): meant for checking signatures? */
static bool for_verifying(const json *jwk)
{
    const json *use = json_get(jwk, "use"), *ops = json_get(jwk, "key_ops");
    if (use && !same(json_get_string(jwk, "use"), "sig"))
        return false;
    json_each (op, ops)
        if (json_is_string(op) && strcmp(op->valuestring, "verify") == 0)
            return true;
    return !ops;
}

static bool read_key(struct arena *a, const json *jwk, struct jwk *out, const char **reason)
{
    *out = (struct jwk){.kid = json_get_string(jwk, "kid"), .type = CRYPTO__NO_TYPE};
    const char *kty = json_get_string(jwk, "kty"), *crv = json_get_string(jwk, "crv");
    for (int i = 0; i < CRYPTO__NO_TYPE; i++)
        if (same(kty, types[i].kty) && (!types[i].crv || same(crv, types[i].crv)))
            out->type = (enum crypto__type)i;

    const json *alg = json_get(jwk, "alg");
    if (alg)
        out->alg = json_is_string(alg) ? crypto__alg_find(alg->valuestring) : NULL;

    if (!for_verifying(jwk))
        *reason = "it is not for verifying (use, key_ops)";
    else if (out->type == CRYPTO__NO_TYPE)
        *reason = "kty and crv are none of RSA, EC with P-256 or P-384, OKP with Ed25519";
    else if (json_get(jwk, "d"))
        *reason = "it is a private key, which should not be published";
    else if (json_get(jwk, "kid") && !out->kid)
        *reason = "kid is no string";
    else if (alg && !out->alg)
        *reason = "its alg is not accepted";
    else if (out->alg && out->alg->type != out->type)
        *reason = "its alg does not fit its kty and crv";
    else
        out->key = types[out->type].make(a, jwk, types[out->type].crv, types[out->type].size, reason);
    ERR_clear_error();
    return out->key != NULL;
}

bool jwks_parse(struct str json_text, struct jwks **out, struct err *err)
{
    if (json_text.len > JWKS_MAX)
        return err_set(err, ERR_INVALID, "The JWK Set is larger than %d bytes.", JWKS_MAX);

    struct jwks *set = calloc(1, sizeof(*set));
    if (!set)
        return err_detail(err, ERR_INTERNAL, "Out of memory.", "jwks_parse");
    arena_init(&set->a, 0);
    json *root;
    struct err e;
    if (!json_parse(&set->a, json_text, MAX_DEPTH, &root, &e)) {
        jwks_free(set);
        return err_set(err, ERR_INVALID, "The JWK Set is not valid JSON: line %d, column %d: %s", e.line,
                       e.column, e.msg);
    }
    const json *keys = json_get(root, "keys");
    if (!json_is_array(keys) || json_count(keys) > MAX_KEYS) {
        jwks_free(set);
        return err_set(err, ERR_INVALID, "A JWK Set is an object whose keys is an array of at most %d keys.",
                       MAX_KEYS);
    }

    const char *reason = "it is empty";
    json_each (jwk, keys) {
        struct jwk key;
        if (read_key(&set->a, jwk, &key, &reason)) {
            crypto__own_key(&set->a, key.key);
            *ARENA_PUSH(&set->a, set->keys, set->n, set->cap) = key;
        } else {
            log_event(LOG_INFO, "jwks.key-left-out", LOG_S("kid", key.kid ? key.kid : ""),
                      LOG_S("reason", reason));
        }
    }
    if (set->n == 0) {
        jwks_free(set);
        return err_set(err, ERR_INVALID, "The JWK Set has no usable key; the last was left out because %s.",
                       reason);
    }
    *out = set;
    return true;
}

void jwks_free(struct jwks *k)
{
    if (!k)
        return;
    arena_release(&k->a);
    free(k);
}

size_t jwks_count(const struct jwks *k)
{
    return k->n;
}

EVP_PKEY *crypto__jwks_pick(const struct jwks *keys, const struct crypto__alg *alg, const char *kid,
                            bool *unknown_kid, struct err *err)
{
    const struct jwk *found = NULL;
    size_t named = 0, fitting = 0;

    for (const struct jwk *k = keys->keys; k < keys->keys + keys->n; k++) {
        if (kid && !same(kid, k->kid))
            continue;
        named++;
        if (k->type != alg->type || (k->alg && k->alg != alg))
            continue;
        fitting++;
        found = k;
    }
    if (fitting == 1)
        return found->key;
    if (fitting > 1)
        err_set(err, ERR_LOGIN, "More than one of the issuer's keys fits the token: its kid must name one.");
    else if (named > 0 && kid)
        err_set(err, ERR_LOGIN, "The token's alg is not that of its key.");
    else {
        *unknown_kid = true;
        err_set(err, ERR_LOGIN, "The token's key is none of the issuer's known keys.");
    }
    return NULL;
}

/* base64url, of full length. */
static bool coordinate(struct arena *a, EVP_PKEY *key, const char *param, int size, struct str *out)
{
    BIGNUM *n = NULL;
    uint8_t padded[48];
    bool ok = EVP_PKEY_get_bn_param(key, param, &n) && BN_bn2binpad(n, padded, size) > 0;
    BN_free(n);
    if (ok)
        *out = base64_encode(a, BASE64_URL, padded, (size_t)size);
    return ok;
}

bool crypto__key_jwk(struct arena *a, EVP_PKEY *key, struct crypto__jwk *out, struct err *err)
{
    out->curve = crypto__curve_of(key);
    if (!out->curve || !coordinate(a, key, OSSL_PKEY_PARAM_EC_PUB_X, out->curve->half, &out->x) ||
        !coordinate(a, key, OSSL_PKEY_PARAM_EC_PUB_Y, out->curve->half, &out->y))
        return crypto__fail(err, "reading a key's point");
    /* kid: the thumbprint of RFC 7638, a hash over exactly this text. */
    const char *text = arena_printf(a, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                                    out->curve->name, out->x.s, out->y.s);
    uint8_t hash[32];
    crypto_sha256(text, strlen(text), hash);
    out->kid = base64_encode(a, BASE64_URL, hash, sizeof(hash));
    return true;
}

bool jwt_key_public(struct arena *a, struct str pem, struct str *jwk, const char **kid, struct err *err)
{
    EVP_PKEY *key;
    struct crypto__jwk k;
    if (!crypto__key_read(a, pem, &key, err) || !crypto__key_jwk(a, key, &k, err))
        return false;
    *kid = k.kid.s;
    *jwk = str_of(arena_printf(a,
                               "{\"kty\":\"EC\",\"crv\":\"%s\",\"use\":\"sig\",\"alg\":\"%s\","
                               "\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
                               k.curve->name, k.curve->alg, k.kid.s, k.x.s, k.y.s));
    return true;
}

bool jwt_key_jwks(struct arena *a, struct str pem, struct str *jwks, struct err *err)
{
    struct str jwk;
    const char *kid;
    if (!jwt_key_public(a, pem, &jwk, &kid, err))
        return false;
    *jwks = str_of(arena_printf(a, "{\"keys\":[%s]}\n", jwk.s));
    return true;
}
