#include "crypto/secret.h"

#include "support/test.h"

static struct arena a;
static struct err err;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

START_TEST(wrapped)
{
    uint8_t key[CRYPTO_KEY] = {1, 2, 3}, other[CRYPTO_KEY] = {1, 2, 4};
    struct str once, again, plain;
    once = crypto_wrap(&a, key, STR("keys"), STR("secret"));
    again = crypto_wrap(&a, key, STR("keys"), STR("secret"));
    ck_assert_uint_eq(once.len, 6 + CRYPTO_WRAP_MORE);
    ck_assert(!str_eq(once, again));
    ck_ok(crypto_unwrap(&a, key, STR("keys"), once, &plain, &err));
    ck_str_eq(plain, "secret");
    ck_assert(!crypto_unwrap(&a, other, STR("keys"), once, &plain, &err));
    ck_assert(!crypto_unwrap(&a, key, STR("key"), once, &plain, &err));
    ck_assert(!crypto_unwrap(&a, key, STR("keys"), (struct str){once.s, once.len - 1}, &plain, &err));
    ck_assert(!crypto_unwrap(&a, key, STR("keys"), STR("short"), &plain, &err));
    for (size_t i = 0; i < once.len; i++) {
        char *bent = arena_strndup(&a, once.s, once.len);
        bent[i] ^= 1;
        ck_assert(!crypto_unwrap(&a, key, STR("keys"), (struct str){bent, once.len}, &plain, &err));
    }
    once = crypto_wrap(&a, key, STR(""), STR(""));
    ck_ok(crypto_unwrap(&a, key, STR(""), once, &plain, &err));
    ck_assert_uint_eq(plain.len, 0);
}
END_TEST

/* RFC 2202, 3, case 2. */
START_TEST(hmac)
{
    static const uint8_t want[20] = {0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
                                     0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79};
    uint8_t out[20];
    crypto_hmac_sha1(STR("Jefe"), "what do ya want for nothing?", 28, out);
    ck_assert(crypto_equal(out, want, 20));
    out[19] ^= 1;
    ck_assert(!crypto_equal(out, want, 20));
}
END_TEST

/* RFC 7914, 12: r 8 and p 1, its third vector's first half. */
START_TEST(scrypt)
{
    static const uint8_t want[32] = {0x70, 0x23, 0xbd, 0xcb, 0x3a, 0xfd, 0x73, 0x48, 0x46, 0x1c, 0x06,
                                     0xcd, 0x81, 0xfd, 0x38, 0xeb, 0xfd, 0xa8, 0xfb, 0xba, 0x90, 0x4f,
                                     0x8e, 0x3e, 0xa9, 0xb5, 0x43, 0xf6, 0x54, 0x5d, 0xa1, 0xf2};
    uint8_t out[32];
    ck_ok(crypto_scrypt(STR("pleaseletmein"), STR("SodiumChloride"), 14, out, &err));
    ck_assert(crypto_equal(out, want, 32));
}
END_TEST

Suite *suite_crypto_secret(void)
{
    Suite *s = suite_create("crypto/secret");
    TCase *t = tcase_create("secret");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, wrapped);
    tcase_add_test(t, hmac);
    tcase_add_test(t, scrypt);
    suite_add_tcase(s, t);
    return s;
}
