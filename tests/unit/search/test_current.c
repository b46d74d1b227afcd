/* The registry in force: who holds an old one keeps it, and its place is not taken. */
#include "search/current.h"

#include <pthread.h>
#include <stdatomic.h>

#include "support/search.h"

static struct test_search t;
static struct search_current *current;

static void setup(void)
{
    test_search_init(&t);
    current = search_current_new(t.registry);
}

static void teardown(void)
{
    search_current_free(current);
    test_search_close(&t);
}

START_TEST(test_a_holder_keeps_its_own)
{
    struct arena old, new;
    arena_init(&old, 0);
    arena_init(&new, 0);
    const struct search_hold *first = search_hold(current, &old, 0);
    ck_assert_ptr_eq(first->registry, t.registry);
    ck_assert(search_publish(current, 7, NULL, 0));
    ck_assert_int_eq(search_generation(current), 7);
    ck_assert_int_eq(search_oldest_held(current), 0);
    const struct search_hold *second = search_hold(current, &new, 5);
    ck_assert_int_eq(second->generation, 7);
    ck_assert_int_ne(second->seat, first->seat);
    ck_assert_int_eq(first->generation, 0);
    arena_release(&old);
    ck_assert_int_eq(search_oldest_held(current), 7);
    arena_release(&new);
}
END_TEST

START_TEST(test_held_places_are_not_taken)
{
    struct arena a[SEARCH_SEATS];
    for (int i = 0; i < SEARCH_SEATS; i++) {
        arena_init(&a[i], 0);
        search_hold(current, &a[i], (unsigned)i);
        if (i + 1 < SEARCH_SEATS)
            ck_assert(search_publish(current, i + 1, NULL, 0));
    }
    ck_assert(!search_publish(current, 99, NULL, 0));
    ck_assert_int_eq(search_oldest_held(current), 0);
    arena_release(&a[1]);
    ck_assert(search_publish(current, 99, NULL, 0));
    ck_assert_int_eq(search_generation(current), 99);
    for (int i = 0; i < SEARCH_SEATS; i++)
        if (i != 1)
            arena_release(&a[i]);
    ck_assert_int_eq(search_oldest_held(current), 99);
}
END_TEST

static atomic_bool stop;

static void *reader(void *arg)
{
    unsigned lane = *(unsigned *)arg;
    struct arena a;
    arena_init(&a, 0);
    while (!atomic_load(&stop)) {
        const struct search_hold *hold = search_hold(current, &a, lane);
        int64_t generation = hold->generation;
        ck_assert_int_gt(search_offers(hold->registry, fhir_type(t.defs, "Patient")), 10);
        ck_assert_int_eq(hold->generation, generation);
        arena_clear(&a);
    }
    arena_release(&a);
    return NULL;
}

START_TEST(test_readers_while_it_changes)
{
    enum { READERS = 3, CHANGES = 300 };
    pthread_t threads[READERS];
    unsigned lanes[READERS] = {0, 1, 1};
    for (int i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, reader, &lanes[i]);
    for (int i = 1; i <= CHANGES; i++)
        while (!search_publish(current, i, NULL, 0)) {
        }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(search_oldest_held(current), CHANGES);
}
END_TEST

Suite *suite_search_current(void)
{
    Suite *s = suite_create("search/current");
    TCase *tc = tcase_create("current");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_a_holder_keeps_its_own);
    tcase_add_test(tc, test_held_places_are_not_taken);
    tcase_add_test(tc, test_readers_while_it_changes);
    suite_add_tcase(s, tc);
    return s;
}
