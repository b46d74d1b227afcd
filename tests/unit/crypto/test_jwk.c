#include <openssl/err.h>

#include "base/base64.h"
#include "crypto/jwt.h"
#include "support/test.h"

#define N2048                                                                                                \
    "ujgJyH5-Eibwk-KPFruk9WCylsS5_8hE4DBjJeqRVeH1XDP9r3OQBhDq629FavWlgRI0GFLcZXLeV1J7FjsRt7Ya5IBAQdYtHHpLk3" \
    "Dy1K1QhWsTcZp6F9ZGSL3B_CGuNtZGnZUXwqiA4mNZarYYUnccgAkarRbX_4JUZQkga9DhuuRNi5vFDxtSzXc_RH5cb-YNoYGmEvQr" \
    "Tjyw-qQs1q7WFi6Tcxd3PriQcEUAkbdpWlJ1rKZAe7uCcbhsmZQPY2QlwGbf_xW--3TJ-x7kB2rpwK1H23g-BwbzsMdwfpo2CX8dsU" \
    "rlB1M6YjMIFaUDWD-6EoPHPjkfEV9bxBRqDw"
#define N1024                                                                                                \
    "l4dH85oqcOOaxGebGzb-8imWqpWvknjyoYsnOF3ApEOfGTg8-1tgYFeLqgWF9DIGybOUhjb_VSC5umU14_h92rZrYpQwpYYibnF7F9" \
    "EttyCxB9DtQSh9Ye1DV2mgEi8mQx1Mxcog6_xnitRWOLsvwB0aPtkhJ3qSBK9UZ2Rmz5E"
#define X    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define X384 "WdgCo1n5V1rsxZopRC4BQS78tciEGDQLwzyiz7dUSNdORMrp0dAjo1Amir-bp-zm"
#define Y384 "hiPGnkQmHv4S4NAq6lpCIimYX1ojrtepX35YF3CbZtpQFpwn_vHbGpGGDG24OwzW"
#define ED   "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define RSA(n, e, more)     "{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"" e "\"" more "}"
#define EC(crv, x, y, more) "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"" more "}"
#define OKP(crv, x, more)   "{\"kty\":\"OKP\",\"crv\":\"" crv "\",\"x\":\"" x "\"" more "}"
#define GOOD                EC("P-256", X, Y, "")

static const struct {
    const char *key;
    const char *reason; /* NULL: usable */
} jwks[] = {
    {GOOD, NULL},
    {EC("P-384", X384, Y384, ""), NULL},
    {RSA(N2048, "AQAB", ""), NULL},
    {RSA(N2048, "Aw", ""), NULL},
    {OKP("Ed25519", ED, ""), NULL},
    {EC("P-256", X, Y, ",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"a\",\"x5t\":\"?\",\"other\":{}"), NULL},
    {EC("P-256", X, Y, ",\"key_ops\":[\"verify\"]"), NULL},
    {EC("P-256", X, Y, ",\"key_ops\":[\"sign\",\"verify\"]"), NULL},
    {RSA(N2048, "AQAB", ",\"alg\":\"PS256\""), NULL},
    /* not for us */
    {EC("P-256", X, Y, ",\"use\":\"enc\""), "not for verifying"},
    {EC("P-256", X, Y, ",\"use\":1"), "not for verifying"},
    {EC("P-256", X, Y, ",\"key_ops\":[\"sign\"]"), "not for verifying"},
    {EC("P-256", X, Y, ",\"key_ops\":[]"), "not for verifying"},
    {EC("P-256", X, Y, ",\"key_ops\":\"verify\""), "not for verifying"},
    {EC("P-256", X, Y, ",\"alg\":\"ECDH-ES\""), "alg is not accepted"},
    {EC("P-256", X, Y, ",\"alg\":7"), "alg is not accepted"},
    {RSA(N2048, "AQAB", ",\"alg\":\"HS256\""), "alg is not accepted"},
    {"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"alg\":\"HS256\"}", "kty and crv"},
    {"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}", "kty and crv"},
    {EC("secp256k1", "kHKT7BQMdOmY_5KoeidtzR8czz7N89cFRilGMboC3Fk",
        "UztEaSFd6jz92HmBZK1ywrY-c82aOnyML8l9OZAxunk", ""),
     "kty and crv"},
    {OKP("X25519", ED, ""), "kty and crv"},
    {"{\"n\":\"" N2048 "\",\"e\":\"AQAB\"}", "kty and crv"},
    {"5", "kty and crv"},
    /* should never have been published */
    {EC("P-256", X, Y, ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""), "private key"},
    /* wrong */
    {EC("P-256", X, Y, ",\"kid\":3"), "kid is no string"},
    {EC("P-256", X, Y, ",\"alg\":\"ES384\""), "does not fit its kty"},
    {EC("P-256", X, Y, ",\"alg\":\"RS256\""), "does not fit its kty"},
    {RSA(N2048, "AQAB", ",\"alg\":\"ES256\""), "does not fit its kty"},
    {RSA(N1024, "AQAB", ""), "2048 to 8192 bits"},
    {RSA("AQAB", "AQAB", ""), "2048 to 8192 bits"},
    {RSA("AAAA", "AQAB", ""), "2048 to 8192 bits"},
    {RSA(N2048, "AQ", ""), "no valid public key"},   /* e = 1: any signature would do */
    {RSA(N2048, "Ag", ""), "no valid public key"},   /* even */
    {RSA(N2048, "AAAA", ""), "no valid public key"}, /* 0 */
    {RSA(N2048, "AQAAAAAAAAAB", ""), "out of range"},
    {RSA(N2048 "=", "AQAB", ""), "n or e"},
    {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "n or e"},
    {"{\"kty\":\"RSA\",\"n\":\"" N2048 "\"}", "n or e"},
    {RSA(N2048, "AQ==", ""), "n or e"},
    {RSA("", "AQAB", ""), "n or e"},
    {EC("P-256", X, X, ""), "no valid public key"}, /* not on the curve */
    {EC("P-256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ""),
     "no valid public key"},
    {EC("P-256", X384, Y384, ""), "x or y"},
    {EC("P-384", X, Y, ""), "x or y"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}", "x or y"},
    {OKP("Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ", ""), "x is missing"},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "x is missing"},
};

START_TEST(each_key)
{
    struct arena a;
    arena_init(&a, 0);
    struct jwks *set;
    struct err err;
    bool ok = jwks_parse(str_of(arena_printf(&a, "{\"keys\":[%s]}", jwks[_i].key)), &set, &err);
    if (jwks[_i].reason) {
        ck_assert_msg(!ok, "%s", jwks[_i].key);
        ck_assert_msg(strstr(err.msg, jwks[_i].reason) != NULL, "'%s' lacks '%s'", err.msg, jwks[_i].reason);
        /* it does not spoil the others */
        ck_ok(jwks_parse(str_of(arena_printf(&a, "{\"keys\":[%s,%s]}", jwks[_i].key, GOOD)), &set, &err));
    } else {
        ck_assert_msg(ok, "%s", err.msg);
    }
    ck_assert_uint_eq(jwks_count(set), 1);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    jwks_free(set);
    arena_release(&a);
}
END_TEST

START_TEST(large_modulus)
{
    struct arena a;
    arena_init(&a, 0);
    struct jwks *set;
    struct err err;
    char n[1025];
    memset(n, 0xff, sizeof(n));
    struct str text = str_of(arena_printf(&a, "{\"keys\":[" RSA("%s", "AQAB", "") "]}",
                                          base64_encode(&a, BASE64_URL, n, sizeof(n)).s));
    ck_assert(!jwks_parse(text, &set, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "2048 to 8192 bits"));
    arena_release(&a);
}
END_TEST

static const struct {
    const char *text, *message;
} sets[] = {
    {"", "not valid JSON"},
    {"{\"keys\":[" GOOD "]", "not valid JSON"},
    {"{\"keys\":[" GOOD "]}]", "not valid JSON"},
    {"{\"keys\":[" GOOD "],\"keys\":[]}", "not valid JSON"},
    {"{\"keys\":[{\"kty\":\"EC\",\"kty\":\"RSA\"}]}", "not valid JSON"},
    {"[" GOOD "]", "whose keys is an array"},
    {GOOD, "whose keys is an array"},
    {"{\"keys\":{}}", "whose keys is an array"},
    {"null", "whose keys is an array"},
    {"{\"keys\":[]}", "it is empty"},
};

START_TEST(each_set)
{
    struct jwks *set;
    struct err err;
    ck_assert(!jwks_parse(str_of(sets[_i].text), &set, &err));
    ck_assert_int_eq(err.kind, ERR_INVALID);
    ck_assert_msg(strstr(err.msg, sets[_i].message) != NULL, "'%s' lacks '%s'", err.msg, sets[_i].message);
}
END_TEST

START_TEST(bounds)
{
    struct arena a;
    arena_init(&a, 0);
    struct jwks *set;
    struct err err;
    for (int n = 100; n <= 101; n++) {
        struct buf b;
        buf_init(&b, &a, 0);
        buf_adds(&b, "{\"keys\":[" GOOD);
        for (int i = 1; i < n; i++)
            buf_adds(&b, "," GOOD);
        buf_adds(&b, "]}");
        ck_assert_int_eq(jwks_parse(buf_str(&b), &set, &err), n == 100);
        if (n == 100)
            jwks_free(set);
    }
    ck_assert_ptr_nonnull(strstr(err.msg, "at most 100 keys"));
    struct str large = str_of(arena_printf(&a, "{\"keys\":[%s]%*s}", GOOD, JWKS_MAX, ""));
    ck_assert(!jwks_parse(large, &set, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "larger than"));
    arena_release(&a);
}
END_TEST

Suite *suite_crypto_jwk(void)
{
    Suite *s = suite_create("crypto_jwk");
    TCase *t = tcase_create("jwk");
    tcase_add_loop_test(t, each_key, 0, sizeof(jwks) / sizeof(*jwks));
    tcase_add_test(t, large_modulus);
    tcase_add_loop_test(t, each_set, 0, sizeof(sets) / sizeof(*sets));
    tcase_add_test(t, bounds);
    suite_add_tcase(s, t);
    return s;
}
