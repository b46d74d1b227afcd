#include "../../../src/auth/internal.h"
#include "crypto/digest.h"
#include "support/test.h"

#define UNTIL 1000

static struct auth__cache *cache;

static void make_cache(void)
{
    cache = auth__cache_new();
    ck_assert_ptr_nonnull(cache);
}

static void free_cache(void)
{
    auth__cache_free(cache);
}

static void hash_of(int n, uint8_t hash[32])
{
    crypto_sha256(&n, sizeof n, hash);
}

static void put(int n, uint64_t generation)
{
    uint8_t hash[32], rights[3] = {0, 1, (uint8_t)n};
    char name[16];
    hash_of(n, hash);
    snprintf(name, sizeof name, "sub-%d", n);
    struct auth_grant grant = {.rights = 7, .query = str_of(name)};
    struct auth_principal p = {.subject = str_of(name),
                               .client = STR("client"),
                               .expires_us = n,
                               .rights = 5,
                               .type_rights = rights,
                               .type_whole = rights,
                               .n_types = sizeof rights,
                               .grants = &grant,
                               .n_grants = 1};
    auth__cache_put(cache, hash, generation, UNTIL, 1, &p);
    memset(name, 'x', sizeof name); /* the cache has its own */
    memset(&grant, 0xff, sizeof grant);
    memset(rights, 0xff, sizeof rights);
}

static bool has(int n, uint64_t generation, int64_t now)
{
    uint8_t hash[32];
    hash_of(n, hash);
    struct auth__entry *e = auth__cache_get(cache, hash, generation, now);
    if (!e)
        return false;
    char name[16];
    snprintf(name, sizeof name, "sub-%d", n);
    ck_str_eq(e->principal.subject, name);
    ck_str_eq(e->principal.client, "client");
    ck_assert_uint_eq(e->principal.issuer.len, 0);
    ck_assert_int_eq(e->principal.expires_us, n);
    ck_assert_uint_eq(e->principal.rights, 5);
    ck_assert_uint_eq(e->principal.type_rights[2], (uint8_t)n);
    ck_assert(e->principal.type_whole[2] == (uint8_t)n && e->principal.grants[0].rights == 7 &&
              str_is(e->principal.grants[0].query, name));
    auth__entry_unref(e);
    return true;
}

START_TEST(found_again)
{
    ck_assert(!has(1, 7, 0));
    put(1, 7);
    put(2, 7);
    ck_assert(has(1, 7, 0));
    ck_assert(has(2, 7, 0));
    ck_assert(!has(3, 7, 0));
}
END_TEST

START_TEST(not_when_too_old)
{
    put(1, 7);
    ck_assert(has(1, 7, UNTIL - 1));
    ck_assert(!has(1, 7, UNTIL));
}
END_TEST

START_TEST(not_under_another_generation)
{
    put(1, 7);
    ck_assert(!has(1, 8, 0));
    put(1, 8);
    ck_assert(has(1, 8, 0));
    ck_assert(!has(1, 7, 0));
}
END_TEST

START_TEST(held_while_it_is_replaced)
{
    uint8_t hash[32];
    hash_of(1, hash);
    put(1, 7);
    struct auth__entry *e = auth__cache_get(cache, hash, 7, 0);
    put(1, 8);
    ck_str_eq(e->principal.subject, "sub-1");
    auth__entry_unref(e);
}
END_TEST

START_TEST(bounded)
{
    int found = 0;
    for (int n = 0; n < 20000; n++) {
        put(n, 7);
        ck_assert(has(n, 7, 0));
        ck_assert(has(0, 7, 0)); /* asked for all the time: it stays */
    }
    for (int n = 0; n < 20000; n++)
        found += has(n, 7, 0);
    ck_assert_int_le(found, 8192);
    ck_assert_int_ge(found, 7000);
}
END_TEST

static void *busy(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        int n = i % 300;
        if (i % 7 == 0)
            put(n, (uint64_t)(i / 5000));
        has(n, (uint64_t)(i / 5000), 0);
    }
    return arg;
}

START_TEST(many_threads)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, busy, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

Suite *suite_auth_cache(void)
{
    Suite *s = suite_create("auth_cache");
    TCase *t = tcase_create("cache");
    tcase_set_timeout(t, 60); /* a busy machine, with sanitizers */
    tcase_add_checked_fixture(t, make_cache, free_cache);
    tcase_add_test(t, found_again);
    tcase_add_test(t, not_when_too_old);
    tcase_add_test(t, not_under_another_generation);
    tcase_add_test(t, held_while_it_is_replaced);
    tcase_add_test(t, bounded);
    tcase_add_test(t, many_threads);
    suite_add_tcase(s, t);
    return s;
}
