#include "support.h"

#include <stdio.h>
#include <unistd.h>

START_TEST(wrapping)
{
    struct identity_kek kek = {{1}}, other = {{2}};
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
    ck_assert_int_eq(kek.key[1], 0xff);
    ck_assert_int_eq(kek.key[31], 0x10);
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
    tcase_add_test(t, files);
    suite_add_tcase(s, t);
    return s;
}
