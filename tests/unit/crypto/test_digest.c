#include "crypto/digest.h"

#include <pthread.h>

#include "support/test.h"

/* FIPS 180-4 examples. */
static const struct {
    const char *text;
    uint8_t first[4];
} known[] = {
    {"", {0xe3, 0xb0, 0xc4, 0x42}},
    {"abc", {0xba, 0x78, 0x16, 0xbf}},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", {0x24, 0x8d, 0x6a, 0x61}},
};

static void *hash_known(void *unused)
{
    for (int round = 0; round < 100; round++)
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
            uint8_t hash[32];
            crypto_sha256(known[i].text, strlen(known[i].text), hash);
            if (memcmp(hash, known[i].first, 4) != 0)
                return (void *)known[i].text;
        }
    return unused;
}

START_TEST(sha256)
{
    pthread_t threads[4];
    void *wrong = hash_known(NULL);
    ck_assert_ptr_null(wrong);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_known, NULL), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

Suite *suite_crypto_digest(void)
{
    Suite *s = suite_create("crypto_digest");
    TCase *t = tcase_create("digest");
    tcase_add_test(t, sha256);
    suite_add_tcase(s, t);
    return s;
}
