#include "../src/oauth/internal.h"
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

START_TEST(passwords)
{
    const char *hash, *again;
    bool fits;
    ck_ok(oauth__password_hash(&a, STR("one"), &hash, &err));
    ck_ok(oauth__password_hash(&a, STR("one"), &again, &err));
    ck_assert_str_ne(hash, again);
    ck_ok(oauth__password_fits(&a, STR("one"), hash, &fits, &err));
    ck_assert(fits);
    ck_ok(oauth__password_fits(&a, STR("One"), hash, &fits, &err));
    ck_assert(!fits);
    ck_ok(oauth__password_fits(&a, STR("one"), NULL, &fits, &err));
    ck_assert(!fits);
    ck_assert(!oauth__password_fits(&a, STR("one"), "scrypt$99$AAAA$AAAA", &fits, &err));
    ck_assert(!oauth__password_fits(&a, STR("one"), "plain", &fits, &err));
}
END_TEST

/* RFC 6238, appendix B: the last six of its eight digits. */
START_TEST(one_time_codes)
{
    static const struct {
        int64_t s;
        const char *code;
    } known[] = {{59, "287082"}, {1111111109, "081804"}, {1234567890, "005924"}, {20000000000, "353130"}};
    struct str secret = STR("12345678901234567890");
    char code[7];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        oauth__totp(secret, known[i].s / 30, code);
        ck_assert_str_eq(code, known[i].code);
        ck_assert_int_eq(oauth__totp_step(secret, code, known[i].s * 1000000), known[i].s / 30);
        ck_assert_int_eq(oauth__totp_step(secret, code, (known[i].s + 30) * 1000000), known[i].s / 30);
        ck_assert_int_eq(oauth__totp_step(secret, code, (known[i].s + 90) * 1000000), 0);
    }
    ck_assert_int_eq(oauth__totp_step(secret, "", 59000000), 0);
    ck_assert_int_eq(oauth__totp_step(secret, "2870820", 59000000), 0);
}
END_TEST

/* RFC 4648, 10, without padding. */
START_TEST(base32)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "MY"},
                                           {"fo", "MZXQ"},
                                           {"foo", "MZXW6"},
                                           {"foob", "MZXW6YQ"},
                                           {"fooba", "MZXW6YTB"},
                                           {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 1; i < sizeof pairs / sizeof *pairs; i++) {
        ck_assert_str_eq(oauth__base32_encode(&a, (const uint8_t *)pairs[i][0], strlen(pairs[i][0])),
                         pairs[i][1]);
    }
}
END_TEST

Suite *suite_oauth_password(void)
{
    Suite *s = suite_create("oauth/password");
    TCase *t = tcase_create("password");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, passwords);
    tcase_add_test(t, one_time_codes);
    tcase_add_test(t, base32);
    suite_add_tcase(s, t);
    return s;
}
