#include "crypto/aead.h"

#include "support/test.h"

static const uint8_t key[CRYPTO_KEY] = {1, 2, 3}, other[CRYPTO_KEY] = {1, 2, 4};
static const uint8_t nonce[CRYPTO_NONCE] = {9};

/* The Galois/Counter Mode of Operation (McGrew, Viega), test case 14: a zero block under a zero key. */
START_TEST(known)
{
    static const uint8_t zero[32] = {0},
                         sealed[32] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5,
                                       0xd3, 0xba, 0xf3, 0x9d, 0x18, 0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99,
                                       0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
    uint8_t out[32];
    crypto_seal(zero, zero, NULL, 0, (struct str){(const char *)zero, 16}, out);
    ck_assert_mem_eq(out, sealed, 32);
}
END_TEST

START_TEST(changed)
{
    const struct str bound[] = {STR("Patient"), STR("1")}, elsewhere[] = {STR("Patient"), STR("2")};
    const struct str plain = STR("Yamada");
    uint8_t sealed[6 + CRYPTO_TAG], out[6];
    struct str s = {(const char *)sealed, sizeof sealed};
    crypto_seal(key, nonce, bound, 2, plain, sealed);
    ck_assert(crypto_open(key, nonce, bound, 2, s, out));
    ck_assert_mem_eq(out, plain.s, plain.len);
    ck_assert(!crypto_open(other, nonce, bound, 2, s, out));
    ck_assert(!crypto_open(key, nonce, elsewhere, 2, s, out));
    ck_assert(!crypto_open(key, nonce, bound, 1, s, out));
    ck_assert(!crypto_open(key, nonce, bound, 2, (struct str){s.s, CRYPTO_TAG - 1}, out));
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        ck_assert(!crypto_open(key, nonce, bound, 2, s, out));
        sealed[i] ^= 1;
    }
    ck_assert(crypto_open(key, nonce, bound, 2, s, out));
}
END_TEST

Suite *suite_crypto_aead(void)
{
    Suite *s = suite_create("crypto_aead");
    TCase *t = tcase_create("aead");
    tcase_add_test(t, known);
    tcase_add_test(t, changed);
    suite_add_tcase(s, t);
    return s;
}
