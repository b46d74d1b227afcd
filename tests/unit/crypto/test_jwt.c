#include "crypto/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "support/test.h"

/* The issuer's keys and a stranger's, made once for all tests. */
enum { RSA_KEY, P256_KEY, P384_KEY, ED_KEY, STRANGER, N_KEYS };
static EVP_PKEY *keys[N_KEYS];
static struct arena shared;
static struct str jwks_text;
static struct jwks *set;

static struct str base64url(struct arena *a, const void *data, size_t len)
{
    return base64_encode(a, BASE64_URL, data, len);
}

static const char *number(struct arena *a, EVP_PKEY *key, const char *param, int size)
{
    BIGNUM *n = NULL;
    unsigned char bytes[512];
    ck_assert(EVP_PKEY_get_bn_param(key, param, &n));
    int len = BN_bn2binpad(n, bytes, size ? size : BN_num_bytes(n));
    BN_free(n);
    return base64url(a, bytes, (size_t)len).s;
}

/* more: further members, each with a comma before it. */
static const char *jwk(struct arena *a, int key, const char *more)
{
    switch (key) {
    case RSA_KEY:
        return arena_printf(a, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
                            number(a, keys[key], OSSL_PKEY_PARAM_RSA_N, 0),
                            number(a, keys[key], OSSL_PKEY_PARAM_RSA_E, 0), more);
    case ED_KEY: {
        unsigned char x[32];
        size_t len = sizeof(x);
        ck_assert(EVP_PKEY_get_raw_public_key(keys[key], x, &len));
        return arena_printf(a, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}", base64url(a, x, len).s,
                            more);
    }
    default: {
        bool p384 = key == P384_KEY;
        return arena_printf(a, "{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                            p384 ? "P-384" : "P-256",
                            number(a, keys[key], OSSL_PKEY_PARAM_EC_PUB_X, p384 ? 48 : 32),
                            number(a, keys[key], OSSL_PKEY_PARAM_EC_PUB_Y, p384 ? 48 : 32), more);
    }
    }
}

static const char *set_of(struct arena *a, const char *first, const char *second)
{
    return arena_printf(a, "{\"keys\":[%s%s%s]}", first, second ? "," : "", second ? second : "");
}

static struct jwks *parse_set(const char *text)
{
    struct jwks *out;
    struct err err;
    ck_ok(jwks_parse(str_of(text), &out, &err));
    return out;
}

static void make_keys(void)
{
    arena_init(&shared, 0);
    keys[RSA_KEY] = EVP_RSA_gen(2048);
    keys[P256_KEY] = EVP_EC_gen("P-256");
    keys[P384_KEY] = EVP_EC_gen("P-384");
    keys[ED_KEY] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    keys[STRANGER] = EVP_EC_gen("P-256");
    jwks_text = str_of(arena_printf(
        &shared, "{\"keys\":[%s,%s,%s,%s,%s,%s]}", jwk(&shared, RSA_KEY, ",\"kid\":\"rsa\",\"use\":\"sig\""),
        jwk(&shared, RSA_KEY, ",\"kid\":\"rsa-384-only\",\"alg\":\"RS384\""),
        jwk(&shared, P256_KEY, ",\"kid\":\"p256\",\"alg\":\"ES256\""),
        jwk(&shared, P384_KEY, ",\"kid\":\"p384\""), jwk(&shared, ED_KEY, ",\"kid\":\"ed\""),
        jwk(&shared, STRANGER, ",\"kid\":\"enc\",\"use\":\"enc\"")));
    set = parse_set(jwks_text.s);
}

static void free_keys(void)
{
    jwks_free(set);
    for (int i = 0; i < N_KEYS; i++)
        EVP_PKEY_free(keys[i]);
    arena_release(&shared);
}

/* ---- signing, in every right and wrong way ---- */

static struct str ecdsa_raw(struct arena *a, const unsigned char *der, size_t len, int half)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    unsigned char *raw = arena_alloc(a, (size_t)half * 2);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half);
    ECDSA_SIG_free(sig);
    return (struct str){(char *)raw, (size_t)half * 2};
}

/* how: an alg of RFC 7518, or one of the wrong ways below. */
static struct str signature(struct arena *a, EVP_PKEY *key, const char *how, struct str text)
{
    if (*how == '\0')
        return STR("");
    if (strcmp(how, "zero") == 0)
        return (struct str){arena_zalloc(a, 64), 64};
    if (strcmp(how, "HS256") == 0) { /* the classic: the public key's text as the secret */
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(bio, key);
        char *pem;
        long pem_len = BIO_get_mem_data(bio, &pem);
        unsigned char *mac = arena_alloc(a, 32);
        ck_assert(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, pem, (size_t)pem_len,
                            (const unsigned char *)text.s, text.len, mac, 32, NULL));
        BIO_free(bio);
        return (struct str){(char *)mac, 32};
    }
    bool der_form = strcmp(how, "ES256-der") == 0, pss = *how == 'P';
    const char *digest = strcmp(how, "EdDSA") == 0    ? NULL
                         : strstr(how, "384") != NULL ? "SHA384"
                         : strstr(how, "512") != NULL ? "SHA512"
                                                      : "SHA256";
    EVP_PKEY_CTX *pctx;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char out[1024];
    size_t len = sizeof(out);
    ck_assert(EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) > 0);
    if (pss) {
        ck_assert(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
        ck_assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, strcmp(how, "PS256-nosalt") ? RSA_PSS_SALTLEN_DIGEST
                                                                                     : 0) > 0);
    }
    ck_assert(EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.s, text.len) > 0);
    EVP_MD_CTX_free(ctx);
    if (*how == 'E' && how[1] == 'S' && !der_form)
        return ecdsa_raw(a, out, len, strcmp(how, "ES384") == 0 ? 48 : 32);
    return (struct str){arena_strndup(a, (char *)out, len), len};
}

static struct str make_token(struct arena *a, const char *header, const char *payload, int key,
                             const char *how)
{
    struct str text = str_of(arena_printf(a, "%s.%s", base64url(a, header, strlen(header)).s,
                                          base64url(a, payload, strlen(payload)).s));
    struct str sig = signature(a, keys[key], how, text);
    return str_of(arena_printf(a, "%s.%s", text.s, base64url(a, sig.s, sig.len).s));
}

/* expected NULL: accepted; else a part of the message. */
static void expect(const struct jwks *in, struct str token, const char *expected, bool unknown)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *claims = NULL;
    bool unknown_kid = !unknown;
    bool ok = jwt_verify(in, &a, token, &claims, &unknown_kid, &err);
    if (expected) {
        ck_assert_msg(!ok, "accepted: %.*s", STR_FMT(token));
        ck_assert_int_eq(err.kind, ERR_LOGIN);
        ck_assert_msg(strstr(err.msg, expected) != NULL, "'%s' lacks '%s'", err.msg, expected);
    } else {
        ck_assert_msg(ok, "%s", err.msg);
        ck_assert(json_is_object(claims));
    }
    ck_assert_int_eq(unknown_kid, unknown);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    arena_release(&a);
}

#define NO_FIT  "signature does not fit"
#define NO_ALG  "alg is not accepted"
#define NOT_KEY "alg is not that of its key"
#define UNKNOWN "none of the issuer's known keys"

static const struct {
    const char *header, *payload;
    int key;
    const char *how, *expected;
    bool unknown;
} tokens[] = {
    {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NULL, false},
    {"{\"alg\":\"RS384\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS384", NULL, false},
    {"{\"alg\":\"RS512\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS512", NULL, false},
    {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "PS256", NULL, false},
    {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "{\"a\":[{\"b\":1.50}]}", P256_KEY, "ES256", NULL, false},
    {"{\"alg\":\"ES384\",\"kid\":\"p384\"}", "{}", P384_KEY, "ES384", NULL, false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", NULL, false},
    {"{\"typ\":\"JWT\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", NULL, false},
    {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", NULL, false},
    {"{\"typ\":\"application/AT+JWT\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", NULL, false},
    /* no kid: fine as long as one key fits; two fit RS384 */
    {"{\"alg\":\"ES384\"}", "{}", P384_KEY, "ES384", NULL, false},
    {"{\"alg\":\"ES384\"}", "{}", STRANGER, "zero", NO_FIT, true},
    {"{\"alg\":\"RS384\"}", "{}", RSA_KEY, "RS384", "More than one", false},
    /* unsigned, or signed with what is public */
    {"{\"alg\":\"none\"}", "{}", RSA_KEY, "", NO_ALG, false},
    {"{\"alg\":\"None\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "", NO_ALG, false},
    {"{\"alg\":\"nOnE\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_ALG, false},
    {"{\"alg\":\"\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_ALG, false},
    {"{\"alg\":\"HS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "HS256", NO_ALG, false},
    {"{\"alg\":\"HS256\",\"kid\":\"p256\"}", "{}", P256_KEY, "HS256", NO_ALG, false},
    {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "HS256", NO_FIT, false},
    {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "", NO_FIT, false},
    {"{\"alg\":\"rs256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_ALG, false},
    {"{\"alg\":\"ES256K\",\"kid\":\"p256\"}", "{}", P256_KEY, "ES256", NO_ALG, false},
    {"{\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_ALG, false},
    {"{\"alg\":5,\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_ALG, false},
    {"{\"alg\":[\"RS256\"],\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_ALG, false},
    /* an algorithm that is not the key's */
    {"{\"alg\":\"ES256\",\"kid\":\"rsa\"}", "{}", P256_KEY, "ES256", NOT_KEY, false},
    {"{\"alg\":\"RS256\",\"kid\":\"p256\"}", "{}", RSA_KEY, "RS256", NOT_KEY, false},
    {"{\"alg\":\"ES256\",\"kid\":\"p384\"}", "{}", P384_KEY, "ES384", NOT_KEY, false},
    {"{\"alg\":\"ES384\",\"kid\":\"p256\"}", "{}", P256_KEY, "ES256", NOT_KEY, false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"p256\"}", "{}", ED_KEY, "EdDSA", NOT_KEY, false},
    {"{\"alg\":\"RS256\",\"kid\":\"rsa-384-only\"}", "{}", RSA_KEY, "RS256", NOT_KEY, false},
    {"{\"alg\":\"RS384\",\"kid\":\"rsa-384-only\"}", "{}", RSA_KEY, "RS384", NULL, false},
    {"{\"alg\":\"RS384\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_FIT, false},
    {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "PS256", NO_FIT, false},
    {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "RS256", NO_FIT, false},
    {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "{}", RSA_KEY, "PS256-nosalt", NO_FIT, false},
    /* whose key */
    {"{\"alg\":\"ES256\",\"kid\":\"other\"}", "{}", P256_KEY, "ES256", UNKNOWN, true},
    {"{\"alg\":\"ES256\",\"kid\":\"enc\"}", "{}", STRANGER, "ES256", UNKNOWN, true},
    {"{\"alg\":\"ES256\",\"kid\":\"\"}", "{}", P256_KEY, "ES256", UNKNOWN, true},
    {"{\"alg\":\"ES256\",\"kid\":7}", "{}", P256_KEY, "ES256", "kid is no string", false},
    {"{\"alg\":\"ES256\",\"kid\":null}", "{}", P256_KEY, "ES256", "kid is no string", false},
    {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "{}", STRANGER, "ES256", NO_FIT, false},
    /* form of the signature */
    {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "{}", P256_KEY, "zero", NO_FIT, false},
    {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "{}", P256_KEY, "ES256-der", NO_FIT, false},
    {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "{}", P256_KEY, "", NO_FIT, false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "zero", NO_FIT, false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "", NO_FIT, false},
    /* the header */
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[\"b64\"],\"b64\":false}", "{}", ED_KEY, "EdDSA", "crit",
     false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[]}", "{}", ED_KEY, "EdDSA", "crit", false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"alg\":\"none\"}", "{}", ED_KEY, "EdDSA", "header is not valid JSON",
     false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"} ,", "{}", ED_KEY, "EdDSA", "header is not valid JSON", false},
    {"[\"EdDSA\"]", "{}", ED_KEY, "EdDSA", "header is no JSON object", false},
    {"", "{}", ED_KEY, "EdDSA", "header is not valid JSON", false},
    {"{\"typ\":\"logout+jwt\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", "typ", false},
    {"{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", "typ", false},
    {"{\"typ\":1,\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA", "typ", false},
    /* the payload */
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "[]", ED_KEY, "EdDSA", "claims are no JSON object", false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "", ED_KEY, "EdDSA", "claims are not valid JSON", false},
    {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{\"aud\":\"a\",\"aud\":\"b\"}", ED_KEY, "EdDSA",
     "claims are not valid JSON", false},
};

START_TEST(each_token)
{
    struct arena a;
    arena_init(&a, 0);
    expect(set, make_token(&a, tokens[_i].header, tokens[_i].payload, tokens[_i].key, tokens[_i].how),
           tokens[_i].expected, tokens[_i].unknown);
    arena_release(&a);
}
END_TEST

START_TEST(key_in_the_token)
{
    struct arena a;
    arena_init(&a, 0);
    const char *header =
        arena_printf(&a, "{\"alg\":\"ES256\",\"kid\":\"p256\",\"jwk\":%s,\"jku\":\"https://a.example/\"}",
                     jwk(&a, STRANGER, ""));
    expect(set, make_token(&a, header, "{}", STRANGER, "ES256"), NO_FIT, false);
    arena_release(&a);
}
END_TEST

START_TEST(any_changed_byte)
{
    struct arena a;
    arena_init(&a, 0);
    struct str good =
        make_token(&a, "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{\"scope\":\"x\"}", ED_KEY, "EdDSA");
    expect(set, good, NULL, false);
    for (size_t i = 0; i < good.len; i++) {
        char *bad = arena_strndup(&a, good.s, good.len);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        struct err err;
        json *claims;
        bool unknown;
        ck_assert(!jwt_verify(set, &a, (struct str){bad, good.len}, &claims, &unknown, &err));
    }
    arena_release(&a);
}
END_TEST

#define NO_FORM "no signed JWT"

START_TEST(form)
{
    struct arena a;
    arena_init(&a, 0);
    struct str t = make_token(&a, "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{}", ED_KEY, "EdDSA");
    const char *wrong[] = {
        "",
        ".",
        "..",
        "a.b",
        arena_printf(&a, "%s.", t.s),
        arena_printf(&a, "%s..", t.s),
        arena_printf(&a, "%s.AAAA.AAAA", t.s),
        arena_printf(&a, "%s==", t.s),
        arena_printf(&a, "%s ", t.s),
        arena_printf(&a, " %s", t.s),
        arena_printf(&a, "%s\n", t.s),
        arena_printf(&a, "{\"protected\":\"%s\"}", t.s),
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        expect(set, str_of(wrong[i]), i == 2 ? "header is not valid JSON" : NO_FORM, false);

    /* the unused bits of the last character: a second text of the same signature */
    char *twin = arena_strndup(&a, t.s, t.len);
    twin[t.len - 1]++;
    expect(set, str_of(twin), NO_FORM, false);
    arena_release(&a);
}
END_TEST

START_TEST(size)
{
    struct arena a;
    arena_init(&a, 0);
    for (size_t len = 12000; len <= 13000; len += 1000) {
        char *payload = arena_printf(&a, "{\"pad\":\"%*s\"}", (int)len, "x");
        struct str t = make_token(&a, "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", payload, ED_KEY, "EdDSA");
        expect(set, t, t.len > JWT_MAX ? "larger than 16384 bytes" : NULL, false);
    }
    arena_release(&a);
}
END_TEST

START_TEST(ambiguous_kid)
{
    struct arena a;
    arena_init(&a, 0);
    struct str t = make_token(&a, "{\"alg\":\"ES256\",\"kid\":\"k\"}", "{}", P256_KEY, "ES256");
    struct jwks *two =
        parse_set(set_of(&a, jwk(&a, P256_KEY, ",\"kid\":\"k\""), jwk(&a, STRANGER, ",\"kid\":\"k\"")));
    expect(two, t, "More than one", false);
    jwks_free(two);
    /* the same kid on keys of two types is no ambiguity (RFC 7517, 4.5) */
    two = parse_set(set_of(&a, jwk(&a, P256_KEY, ",\"kid\":\"k\""), jwk(&a, RSA_KEY, ",\"kid\":\"k\"")));
    expect(two, t, NULL, false);
    jwks_free(two);
    /* a key without kid serves tokens without kid only */
    two = parse_set(set_of(&a, jwk(&a, P256_KEY, ""), NULL));
    expect(two, t, UNKNOWN, true);
    expect(two, make_token(&a, "{\"alg\":\"ES256\"}", "{}", P256_KEY, "ES256"), NULL, false);
    expect(two, make_token(&a, "{\"alg\":\"RS256\"}", "{}", RSA_KEY, "RS256"), UNKNOWN, true);
    jwks_free(two);
    arena_release(&a);
}
END_TEST

/* Made by others: RFC 7515, A.3 and RFC 8037, A.4 (whose payload is no JSON, which is seen after the
 * signature). */
START_TEST(published_examples)
{
    struct jwks *k = parse_set("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
                               "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                               "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    expect(k,
           STR("eyJhbGciOiJFUzI1NiJ9."
               "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
               "yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
               "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1"
               "Q"),
           NULL, false);
    expect(k,
           STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
               "09PGcvMg3AIbQR6d"
               "WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
           "claims are not valid JSON", false);
    jwks_free(k);
}
END_TEST

START_TEST(sign_and_verify)
{
    static const char *const algs[] = {"ES256", "ES384"};
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct str pem, text, token;
    ck_ok(jwt_key_generate(&a, algs[_i], &pem, &err));
    ck_ok(jwt_key_jwks(&a, pem, &text, &err));
    ck_ok(jwt_sign(&a, pem, "JWT", test_json(&a, "{\"sub\":\"s\",\"n\":1.10}"), &token, &err));
    struct jwks *own = parse_set(text.s);
    ck_assert_uint_eq(jwks_count(own), 1);
    json *claims;
    bool unknown;
    ck_ok(jwt_verify(own, &a, token, &claims, &unknown, &err));
    ck_str_eq(json_text(&a, claims), "{\"sub\":\"s\",\"n\":1.10}");
    expect(set, token, UNKNOWN, true);
    jwks_free(own);
    arena_release(&a);
}
END_TEST

START_TEST(signing_keys_refused)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct str token;
    ck_assert(!jwt_sign(&a, STR("no key"), "JWT", test_json(&a, "{}"), &token, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "no private key"));
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, keys[RSA_KEY], NULL, NULL, 0, NULL, NULL);
    char *pem;
    long len = BIO_get_mem_data(bio, &pem);
    ck_assert(!jwt_sign(&a, (struct str){pem, (size_t)len}, "JWT", test_json(&a, "{}"), &token, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "P-256"));
    ck_assert_uint_eq(ERR_peek_error(), 0);
    BIO_free(bio);
    arena_release(&a);
}
END_TEST

Suite *suite_crypto_jwt(void)
{
    Suite *s = suite_create("crypto_jwt");
    TCase *t = tcase_create("jwt");
    tcase_add_unchecked_fixture(t, make_keys, free_keys);
    tcase_add_loop_test(t, each_token, 0, sizeof(tokens) / sizeof(*tokens));
    tcase_add_test(t, key_in_the_token);
    tcase_add_test(t, any_changed_byte);
    tcase_add_test(t, form);
    tcase_add_test(t, size);
    tcase_add_test(t, ambiguous_kid);
    tcase_add_test(t, published_examples);
    tcase_add_loop_test(t, sign_and_verify, 0, 2);
    tcase_add_test(t, signing_keys_refused);
    suite_add_tcase(s, t);
    return s;
}
