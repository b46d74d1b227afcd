#include "support.h"

#include <stdio.h>
#include <unistd.h>

START_TEST(wrapping)
{
    struct identity_kek kek = {1, {{1}}}, other = {1, {{2}}};
    uint8_t wrapped[IDENTITY_WRAPPED];
    struct str w = {(const char *)wrapped, sizeof wrapped};
    struct identity_keys *k = identity_keys_new(1), *elsewhere = identity_keys_new(2);
    identity_key_make(&kek, 1, 3, wrapped);
    ck_assert(!identity_keys_add(k, &other, 3, w));
    ck_assert(!identity_keys_add(k, &kek, 2, w));
    ck_assert(!identity_keys_add(elsewhere, &kek, 3, w));
    ck_assert(!identity_keys_add(k, &kek, 3, (struct str){w.s, w.len - 1}));
    ck_assert_int_eq(identity_keys_newest(k), 0);
    ck_assert(identity_keys_add(k, &kek, 3, w));
    ck_assert_int_eq(identity_keys_newest(k), 3);
    identity_keys_free(k);
    identity_keys_free(elsewhere);
}
END_TEST

/* A key takes the place of another. */
START_TEST(wrapping_anew)
{
    struct identity_kek before = {1, {{1}}}, both = {2, {{2}, {1}}}, after = {1, {{2}}};
    uint8_t wrapped[IDENTITY_WRAPPED], anew[IDENTITY_WRAPPED], again[IDENTITY_WRAPPED];
    struct str w = {(const char *)wrapped, sizeof wrapped}, n = {(const char *)anew, sizeof anew};
    struct identity_keys *k = identity_keys_new(1);
    bool already;
    identity_key_make(&before, 1, 3, wrapped);
    ck_assert(!identity_key_wrap_anew(&after, 1, 3, w, anew, &already));
    ck_assert(!identity_key_wrap_anew(&both, 1, 4, w, anew, &already));
    ck_assert(identity_key_wrap_anew(&both, 1, 3, w, anew, &already));
    ck_assert(!already);
    ck_assert(identity_key_wrap_anew(&both, 1, 3, n, again, &already));
    ck_assert(already);
    ck_assert(!identity_keys_add(k, &before, 3, n));
    ck_assert(identity_keys_add(k, &after, 3, n));
    ck_assert(identity_keys_add(k, &both, 3, w));
    identity_keys_free(k);
}
END_TEST

START_TEST(blind_keys)
{
    struct identity_kek kek = {1, {{1}}}, both = {2, {{2}, {1}}}, other = {1, {{2}}};
    uint8_t wrapped[IDENTITY_WRAPPED], anew[IDENTITY_WRAPPED];
    struct str w = {(const char *)wrapped, sizeof wrapped}, n = {(const char *)anew, sizeof anew};
    struct identity_keys *k = identity_keys_new(1);
    struct hash_key x = {0}, y = {0};
    bool already;
    identity_blind_make(&kek, 1, 3, wrapped);
    ck_assert(!identity_blind_open(&other, 1, 3, w, &x));
    ck_assert(!identity_blind_open(&kek, 1, 2, w, &x));
    ck_assert(!identity_blind_open(&kek, 2, 3, w, &x));
    ck_assert(!identity_keys_add(k, &kek, 3, w)); /* it is no data key */
    ck_assert(identity_blind_open(&kek, 1, 3, w, &x));
    ck_assert(identity_blind_wrap_anew(&both, 1, 3, w, anew, &already));
    ck_assert(!already);
    ck_assert(identity_blind_open(&other, 1, 3, n, &y));
    ck_assert_mem_eq(&x, &y, sizeof x);
    ck_assert(x.k0 || x.k1);
    identity_keys_free(k);
}
END_TEST

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

static bool read_file(const char *text, struct identity_kek *out, struct err *err)
{
    char path[] = "/tmp/kagari-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    bool ok = identity_kek_read(path, out, err);
    unlink(path);
    return ok;
}

START_TEST(files)
{
    struct identity_kek kek;
    struct err err;
    ck_ok(read_file("00ff000000000000000000000000000000000000000000000000000000000010\n", &kek, &err));
    ck_assert_uint_eq(kek.n, 1);
    ck_assert_int_eq(kek.keys[0][1], 0xff);
    ck_assert_int_eq(kek.keys[0][31], 0x10);
    ck_ok(read_file("01" ZEROS "\n\n  02" ZEROS " \r\n03" ZEROS, &kek, &err));
    ck_assert_uint_eq(kek.n, 3);
    ck_assert_int_eq(kek.keys[2][0], 3);
    ck_assert(!read_file("01" ZEROS "\nab\n", &kek, &err));
    ck_assert_uint_eq(kek.n, 0);
    ck_assert(!read_file("\n", &kek, &err));
    ck_assert(!read_file("01" ZEROS "\n01" ZEROS "\n01" ZEROS "\n01" ZEROS "\n01" ZEROS, &kek, &err));
    ck_assert(!read_file("00", &kek, &err));
    ck_assert(!read_file("00ff0000000000000000000000000000000000000000000000000000000000 1", &kek, &err));
    ck_assert(!identity_kek_read("/nowhere/key", &kek, &err));
}
END_TEST

Suite *suite_identity_keys(void)
{
    Suite *s = suite_create("identity_keys");
    TCase *t = tcase_create("keys");
    tcase_add_test(t, wrapping);
    tcase_add_test(t, wrapping_anew);
    tcase_add_test(t, blind_keys);
    tcase_add_test(t, files);
    suite_add_tcase(s, t);
    return s;
}
