/* What is kept, until when, and what of the races: a ticket is what a read got before it was sent. */
#include <pthread.h>
#include <stdio.h>

#include "../src/store/internal.h"
#include "base/clock.h"
#include "support/store.h"

#define T (test_store())

static const struct fhir_type *basic;
static store_ticket ticket;
static struct store_version found;

static void with(enum store_cache_mode mode, int64_t size)
{
    basic = fhir_type(T->defs, "Basic");
    T->config.cache_reads = mode;
    T->config.cache_size = size;
    T->config.cache_max_age = 1000000;
    T->s->cache = store__cache_new(&T->config, T->s->tenant.key);
    store__cache_known(T->s->cache, clock_mono_us(), 100);
}

static void begin(void)
{
    test_store_begin();
    with(STORE_CACHE_BOUNDED, 4 << 20);
}

static bool find_at(const char *id, int64_t position)
{
    return store_cache_find(T->s, &T->a, basic, str_of(id), position, &found, &ticket);
}

static bool find(const char *id)
{
    return find_at(id, 0);
}

static struct store_version version(int32_t ver, const char *content)
{
    return (struct store_version){.ver = ver, .lu_us = ver * 1000, .text.kept = str_of(content)};
}

static void keep_with(store_ticket t, const char *id, int32_t ver, const char *content)
{
    struct store_version v = version(ver, content);
    store_cache_keep(T->s, basic, str_of(id), t, &v);
}

static void keep(const char *id, int32_t ver)
{
    find(id);
    keep_with(ticket, id, ver, arena_printf(&T->a, "{\"version\":%d}", ver));
}

static void ck_has(const char *id, int32_t ver)
{
    ck_assert_msg(find(id), "%s is not kept", id);
    ck_assert_int_eq(found.ver, ver);
    ck_assert(str_is(found.text.kept, arena_printf(&T->a, "{\"version\":%d}", ver)));
}

START_TEST(test_what_was_read_is_kept)
{
    ck_assert(!find("a"));
    keep("a", 3);
    ck_has("a", 3);
    ck_assert_int_eq(found.lu_us, 3000);
    ck_assert(!found.deleted);
    ck_assert(!find("A"));
    ck_assert(!find("ab"));
    ck_assert(!store_cache_find(T->s, &T->a, fhir_type(T->defs, "Patient"), str_of("a"), 0, &found, &ticket));
}
END_TEST

START_TEST(test_what_is_not_kept)
{
    struct store_version gone = {.ver = 2, .deleted = true};
    char *large = arena_alloc(&T->a, 40001);
    memset(large, 'x', 40000);
    large[40000] = '\0';
    find("a");
    keep_with(ticket, "a", 1, large);
    ck_assert(!find("a"));
    keep_with(ticket, "a", 1, "{\"meta\":{\"security\":[{\"code\":\"R\"}]}}");
    ck_assert(!find("a"));
    keep_with(0, "a", 1, "{}");
    ck_assert(!find("a"));
    keep("a", 1);
    find("a");
    store_cache_keep(T->s, basic, STR("a"), ticket, &gone);
    ck_assert(!find("a"));
}
END_TEST

START_TEST(test_the_newest_stays)
{
    find("a");
    const store_ticket early = ticket;
    keep("a", 2);
    keep_with(early, "a", 1, "{\"version\":1}");
    ck_has("a", 2);
    keep("a", 1);
    ck_has("a", 2);
    keep("a", 3);
    ck_has("a", 3);
    /* a read that knows better, and may not keep what it knows */
    keep_with(early, "a", 4, "{\"version\":4}");
    ck_assert(!find("a"));
    /* the newer one had to go: who was sent before may have an older one */
    find("b");
    const store_ticket other = ticket;
    keep_with(ticket, "b", 2, "{\"security\":1}");
    keep_with(other, "b", 1, "{\"version\":1}");
    ck_assert(!find("b"));
    /* the same when it had no ticket: a writer was at work, or it came from a replica */
    find("c");
    const store_ticket third = ticket;
    keep_with(0, "c", 2, "{\"version\":2}");
    keep_with(third, "c", 1, "{\"version\":1}");
    ck_assert(!find("c"));
}
END_TEST

START_TEST(test_a_writer)
{
    struct arena writer, another;
    arena_init(&writer, 0);
    arena_init(&another, 0);
    keep("a", 1);
    find("a");
    const store_ticket before = ticket;
    store__cache_mark(T->s, &writer, basic, STR("a"));
    ck_assert(!find("a"));
    ck_assert_uint_eq(ticket, 0);
    keep_with(before, "a", 1, "{\"version\":1}");
    ck_assert(!find("a"));
    store__cache_mark(T->s, &another, basic, STR("a"));
    arena_release(&writer);
    find("a");
    ck_assert_uint_eq(ticket, 0);
    arena_release(&another);
    keep_with(before, "a", 1, "{\"version\":1}");
    ck_assert(!find("a"));
    keep("a", 2);
    ck_has("a", 2);
}
END_TEST

START_TEST(test_every_statement_that_writes_marks)
{
    static const char resource[] = "{\"resourceType\":\"Basic\",\"id\":\"a\",\"code\":{\"text\":\"t\"}}";
    struct store_update u = {.w = *test_write(resource), .may_create = true, .op = STORE_PUT};
    struct arena writer;
    for (int i = 0; i < 3; i++) {
        arena_init(&writer, 0);
        struct sql q = {.a = &writer};
        keep("a", i + 1);
        ck_has("a", i + 1);
        if (i == 0)
            store_update_plan(T->s, &u, &q);
        else if (i == 1)
            store_delete_plan(T->s, basic, STR("a"), STORE_ANY_VERSION, &(struct audit_write){0}, &q);
        else
            store_relabel_plan(T->s, &u.w, 1, 0, &q);
        ck_assert_msg(!find("a") && !ticket, "statement %d", i);
        arena_release(&writer);
    }
}
END_TEST

START_TEST(test_what_others_wrote)
{
    keep("a", 2);
    store__cache_changed(T->s->cache, (int16_t)basic->id, STR("a"), 2);
    ck_has("a", 2);
    store__cache_changed(T->s->cache, (int16_t)basic->id, STR("a"), 3);
    ck_assert(!find("a"));
    /* an answer that was under way */
    const store_ticket before = ticket;
    store__cache_changed(T->s->cache, (int16_t)basic->id, STR("a"), 4);
    keep_with(before, "a", 3, "{\"version\":3}");
    ck_assert(!find("a"));
    keep("a", 4);
    find("b");
    const store_ticket other = ticket;
    store__cache_clear(T->s->cache);
    ck_assert(!find("a"));
    keep_with(other, "b", 1, "{\"version\":1}");
    ck_assert(!find("b"));
}
END_TEST

START_TEST(test_how_old_it_may_be)
{
    struct store__cache *c = T->s->cache;
    keep("a", 1);
    ck_assert(find_at("a", 99));
    ck_assert(!find_at("a", 100)); /* a transaction that may be under way */
    store__cache_known(c, clock_mono_us() - 900000, 100);
    ck_has("a", 1);
    store__cache_known(c, clock_mono_us() - 1100000, 100);
    ck_assert(!find("a"));
    store__cache_known(c, clock_mono_us(), 100);
    ck_has("a", 1);
    store__cache_quiet(c, clock_mono_us() + 1000000);
    ck_assert(!find("a"));
    ck_assert_uint_eq(ticket, 0);
    store__cache_quiet(c, 0);
    ck_has("a", 1);
}
END_TEST

START_TEST(test_nothing_before_the_first_look)
{
    store__cache_known(T->s->cache, 0, 0);
    keep("a", 1);
    ck_assert(!find("a"));
}
END_TEST

START_TEST(test_strict_needs_no_look)
{
    store__cache_free(T->s->cache);
    with(STORE_CACHE_STRICT, 4 << 20);
    store__cache_known(T->s->cache, 0, 0);
    keep("a", 1);
    ck_assert(find_at("a", 1000));
}
END_TEST

enum { ROOM = 1 << 20, MANY = 4000 };

START_TEST(test_memory_is_bounded)
{
    char content[1001];
    memset(content, 'x', 1000);
    content[1000] = '\0';
    store__cache_free(T->s->cache);
    with(STORE_CACHE_BOUNDED, ROOM);
    find("hot");
    keep_with(ticket, "hot", 1, content);
    ck_assert(find("hot"));
    const struct str held = found.text.kept;
    for (int i = 0; i < MANY; i++) {
        const char *id = arena_printf(&T->a, "n%d", i);
        find(id);
        keep_with(ticket, id, 1, content);
        if (i < MANY / 2)
            ck_assert_msg(find("hot"), "what is used stays: %d", i);
    }
    ck_assert_msg(find(arena_printf(&T->a, "n%d", MANY - 1)), "the newest is there");
    int there = 0;
    for (int i = 0; i < MANY; i++)
        there += find(arena_printf(&T->a, "n%d", i));
    ck_assert_int_gt(there, ROOM / 1100 / 2);
    ck_assert_int_lt(there, ROOM / 1000);
    ck_assert_msg(!find("hot"), "what is not used any more goes");
    ck_assert(str_is(held, content)); /* as long as the arena has it */
}
END_TEST

/* Versions of one resource are written one after the other by as many as want to; whoever was told of one reads no older. */
enum { THREADS = 4, TURNS = 20000 };
static _Atomic int32_t stored, told;

static void *read_and_write(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct arena a;
    arena_init(&a, 0);
    for (int i = 0; i < TURNS; i++) {
        struct store_version v;
        store_ticket t;
        if (rand_r(&seed) % 8 == 0) {
            store__cache_mark(T->s, &a, basic, STR("a"));
            const int32_t mine = atomic_fetch_add(&stored, 1) + 1;
            int32_t last = atomic_load(&told);
            while (last < mine && !atomic_compare_exchange_weak(&told, &last, mine))
                continue;
            arena_clear(&a);
            continue;
        }
        const int32_t least = atomic_load(&told);
        if (store_cache_find(T->s, &a, basic, STR("a"), 0, &v, &t))
            ck_assert_int_ge(v.ver, least);
        else {
            v = (struct store_version){.ver = atomic_load(&stored), .text.kept = STR("{}")};
            for (int j = rand_r(&seed) % 400; j > 0; j--)
                atomic_signal_fence(memory_order_seq_cst);
            store_cache_keep(T->s, basic, STR("a"), t, &v);
        }
        arena_clear(&a);
    }
    arena_release(&a);
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t threads[THREADS];
    store__cache_known(T->s->cache, clock_mono_us() + 60000000, 100);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, read_and_write, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_gt(stored, 0);
}
END_TEST

Suite *suite_store_cache(void)
{
    Suite *s = suite_create("store/cache");
    TCase *tc = tcase_create("cache");
    tcase_add_unchecked_fixture(tc, test_store_suite_begin, test_store_suite_end);
    tcase_add_checked_fixture(tc, begin, test_store_end);
    tcase_add_test(tc, test_what_was_read_is_kept);
    tcase_add_test(tc, test_what_is_not_kept);
    tcase_add_test(tc, test_the_newest_stays);
    tcase_add_test(tc, test_a_writer);
    tcase_add_test(tc, test_every_statement_that_writes_marks);
    tcase_add_test(tc, test_what_others_wrote);
    tcase_add_test(tc, test_how_old_it_may_be);
    tcase_add_test(tc, test_nothing_before_the_first_look);
    tcase_add_test(tc, test_strict_needs_no_look);
    tcase_add_test(tc, test_memory_is_bounded);
    tcase_add_test(tc, test_threads);
    suite_add_tcase(s, tc);
    return s;
}
