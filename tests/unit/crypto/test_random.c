#include "crypto/random.h"

#include <pthread.h>
#include <regex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

enum { UUIDS = 20000 };

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 37);
}

START_TEST(uuid_form)
{
    regex_t form;
    ck_assert_int_eq(regcomp(&form, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    for (int i = 0; i < 200; i++) {
        char uuid[37];
        crypto_uuid(uuid);
        ck_assert_msg(regexec(&form, uuid, 0, NULL, 0) == 0, "%s", uuid);
    }
    regfree(&form);
}
END_TEST

static void *make_uuids(void *out)
{
    char(*uuids)[37] = out;
    for (int i = 0; i < UUIDS; i++)
        crypto_uuid(uuids[i]);
    return NULL;
}

START_TEST(uuids_differ_between_threads)
{
    static char uuids[4 * UUIDS][37];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_uuids, uuids + i * UUIDS), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    qsort(uuids, 4 * UUIDS, 37, compare);
    for (int i = 1; i < 4 * UUIDS; i++)
        ck_assert_str_ne(uuids[i - 1], uuids[i]);
}
END_TEST

START_TEST(child_does_not_repeat)
{
    char mine[37], its[37];
    int fds[2];
    crypto_uuid(mine); /* fills the buffer */
    ck_assert_int_eq(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        crypto_uuid(its);
        _exit(write(fds[1], its, 37) != 37);
    }
    crypto_uuid(mine);
    ck_assert_int_eq(read(fds[0], its, 37), 37);
    waitpid(child, NULL, 0);
    ck_assert_str_ne(mine, its);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(bytes)
{
    /* Each of 1000 bytes takes nearly every value when it is drawn often: none is left untouched. */
    unsigned char seen[1000] = {0}, now[1000];
    for (int round = 0; round < 64; round++) {
        crypto_random(now, sizeof(now));
        for (size_t i = 0; i < sizeof(now); i++)
            seen[i] |= now[i];
    }
    for (size_t i = 0; i < sizeof(seen); i++)
        ck_assert_uint_eq(seen[i], 0xff);
}
END_TEST

Suite *suite_crypto_random(void)
{
    Suite *s = suite_create("crypto_random");
    TCase *t = tcase_create("random");
    tcase_add_test(t, uuid_form);
    tcase_add_test(t, uuids_differ_between_threads);
    tcase_add_test(t, child_does_not_repeat);
    tcase_add_test(t, bytes);
    suite_add_tcase(s, t);
    return s;
}
