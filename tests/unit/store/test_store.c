/* What the process shares: its key, surrogates, ids, the words that it knows, statistics. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../src/store/internal.h"
#include "support/store.h"

static struct err err;
#define T (test_store())

START_TEST(test_the_hash_key)
{
    static const char *const bad[] = {"", "00112233445566778899aabbccddee",
                                      "zz112233445566778899aabbccddeeff", "0x112233445566778899aabbccddeeff",
                                      "00112233445566778899aabbccddeeff00"};
    char path[] = "/tmp/kagari-key-XXXXXX";
    close(mkstemp(path));
    struct store *s;
    struct config c = T->config;
    c.store_hash_key = path;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FILE *f = fopen(path, "w");
        fputs(bad[i], f);
        fclose(f);
        ck_assert_msg(!store_new(&c, T->defs, T->c, &s, &err), "%s", bad[i]);
        ck_assert_int_eq(err.kind, ERR_INVALID);
    }
    unlink(path);
    ck_assert(!store_new(&c, T->defs, T->c, &s, &err));
    c.store_hash_key = "";
    ck_assert(!store_new(&c, T->defs, T->c, &s, &err));
    ck_assert_ptr_nonnull(strstr(err.msg, "store.hash_key"));
    ck_assert_uint_eq(store_tenant(T->s)->key.k0, 0x0011223344556677);
    ck_assert_uint_eq(store_tenant(T->s)->key.k1, 0x8899aabbccddeeff);
}
END_TEST

enum { THREADS = 8, EACH = 20000 };

static void *take_many(void *arg)
{
    int64_t *out = arg;
    for (int i = 0; i < EACH; i++)
        out[i] = store__next_k(T->s);
    return NULL;
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

START_TEST(test_surrogates_are_unique)
{
    static int64_t all[THREADS][EACH];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, take_many, all[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int j = 1; j < EACH; j++)
            ck_assert_int_gt(all[i][j], all[i][j - 1]);
    }
    int64_t *flat = &all[0][0];
    qsort(flat, (size_t)THREADS * EACH, sizeof *flat, by_value);
    for (int i = 1; i < THREADS * EACH; i++)
        ck_assert_int_ne(flat[i], flat[i - 1]);
    ck_assert_int_gt(flat[0], 0);
    /* another process has another number, so that its surrogates are others */
    struct store *second;
    ck_ok(store_new(&T->config, T->defs, T->c, &second, &err));
    ck_assert_int_ne(second->node, T->s->node);
    ck_assert_int_ne((store__next_k(second) >> 12) & 1023, (store__next_k(T->s) >> 12) & 1023);
    store_free(second);
}
END_TEST

START_TEST(test_ids)
{
    char last[37] = "", id[37];
    for (int i = 0; i < 2000; i++) {
        store_new_id(id);
        ck_assert_uint_eq(strlen(id), 36);
        ck_assert_uint_eq(strspn(id, "0123456789abcdef-"), 36);
        ck_assert_int_eq(id[14], '7'); /* the version, and the variant */
        ck_assert_ptr_nonnull(strchr("89ab", id[19]));
        ck_assert_int_ge(strncmp(id, last, 13), 0);
        ck_assert_str_ne(id, last);
        memcpy(last, id, sizeof last);
    }
}
END_TEST

START_TEST(test_known_words)
{
    struct store__known *k = &T->s->known;
    for (uint64_t v = 1; v < 5000; v++) {
        ck_assert(!store__known_has(k, v * UINT64_C(0x9e3779b97f4a7c15)));
        store__known_add(k, v * UINT64_C(0x9e3779b97f4a7c15));
        store__known_add(k, v * UINT64_C(0x9e3779b97f4a7c15));
    }
    for (uint64_t v = 1; v < 5000; v++)
        ck_assert(store__known_has(k, v * UINT64_C(0x9e3779b97f4a7c15)));
    ck_assert_uint_eq(k->n, 4999);
    /* it is bounded: it starts over rather than grow without end */
    for (uint64_t v = 5000; v < 2000000; v++)
        store__known_add(k, v * UINT64_C(0x9e3779b97f4a7c15));
    ck_assert_uint_le(k->size, 1 << 20);
    ck_assert(store__known_has(k, 1999999 * UINT64_C(0x9e3779b97f4a7c15)));
}
END_TEST

/* Restored, or promoted before it had everything: words may be gone. */
START_TEST(test_words_are_known_of_one_epoch)
{
    struct store__known *k = &T->s->known;
    store__known_add(k, 7);
    ck_ok(store_stats_refresh(T->s, T->c, &err));
    ck_assert(store__known_has(k, 7));
    test_ask(T->c, &T->a, "SELECT kagari_new_epoch()");
    ck_ok(store_stats_refresh(T->s, T->c, &err));
    ck_assert(!store__known_has(k, 7));
    store__known_add(k, 7);
    ck_ok(store_stats_refresh(T->s, T->c, &err));
    ck_assert(store__known_has(k, 7));
}
END_TEST

START_TEST(test_what_was_written_is_sorted_in)
{
    test_create(test_write("{\"resourceType\":\"Patient\",\"gender\":\"female\"}"));
    ck_ok(store_sort_in(T->c, &err));
    ck_assert_int_eq(db_int8(test_ask(T->c, &T->a, "SELECT gin_clean_pending_list('res_keys')"), 0, 0), 0);
    test_create(test_write("{\"resourceType\":\"Patient\",\"gender\":\"female\"}"));
    ck_assert_int_gt(db_int8(test_ask(T->c, &T->a, "SELECT gin_clean_pending_list('res_keys')"), 0, 0), 0);
}
END_TEST

START_TEST(test_statistics)
{
    ck_assert_uint_eq(store_stats(T->s)->n, 0);
    for (int i = 0; i < 300; i++)
        test_create(
            test_write(i % 3 ? "{\"resourceType\":\"Basic\",\"code\":{\"coding\":[{\"code\":\"common\"}]}}"
                             : "{\"resourceType\":\"Patient\",\"gender\":\"female\"}"));
    test_ask(T->c, &T->a, "ANALYZE res");
    const struct search_stats *before = store_stats(T->s);
    ck_ok(store_stats_refresh(T->s, T->c, &err));
    const struct search_stats *stats = store_stats(T->s);
    ck_assert_uint_eq(before->n, 0); /* still there for who reads it */
    ck_assert_int_ge(stats->rows, 300);
    ck_assert_uint_gt(stats->n, 2);
    int64_t most = 0;
    for (size_t i = 0; i < stats->n; i++) {
        ck_assert(i == 0 || stats->common[i].key > stats->common[i - 1].key);
        most = stats->common[i].rows > most ? stats->common[i].rows : most;
    }
    ck_assert_int_ge(most, 200);
    ck_assert_uint_eq(stats->n_types, 2);
    ck_assert_int_ge(stats->types[0].rows + stats->types[1].rows, 300);
}
END_TEST

Suite *suite_store_store(void)
{
    Suite *s = suite_create("store/store");
    TCase *tc = tcase_create("store");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, test_store_suite_begin, test_store_suite_end);
    tcase_add_checked_fixture(tc, test_store_begin, test_store_end);
    tcase_add_test(tc, test_the_hash_key);
    tcase_add_test(tc, test_surrogates_are_unique);
    tcase_add_test(tc, test_ids);
    tcase_add_test(tc, test_known_words);
    tcase_add_test(tc, test_words_are_known_of_one_epoch);
    tcase_add_test(tc, test_what_was_written_is_sorted_in);
    tcase_add_test(tc, test_statistics);
    suite_add_tcase(s, tc);
    return s;
}
