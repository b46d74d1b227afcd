#include "base/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/test.h"

static struct loop *l;
static char seen[64]; /* one letter per call, in order */

static void say(char c)
{
    size_t n = strlen(seen);
    if (n < sizeof(seen) - 1)
        seen[n] = c;
}

static void setup(void)
{
    l = loop_new();
    ck_assert_ptr_nonnull(l);
    memset(seen, 0, sizeof(seen));
}

static void teardown(void)
{
    loop_free(l);
}

static void call(void *arg)
{
    say(*(const char *)arg);
}

static void stop(void *arg)
{
    (void)arg;
    ck_assert_ptr_eq(loop_current(), l);
    loop_stop(l);
}

START_TEST(posted_calls_run_in_order)
{
    ck_assert_ptr_null(loop_current());
    loop_post(l, call, (void *)"a");
    loop_post(l, call, (void *)"b");
    loop_post(l, call, (void *)"c");
    loop_post(l, stop, NULL);
    loop_run(l);
    ck_assert_str_eq(seen, "abc");
    ck_assert_ptr_null(loop_current());
}
END_TEST

static void post_again(void *arg)
{
    (void)arg;
    say('1');
    loop_post(l, call, (void *)"2");
    loop_post(l, stop, NULL);
}

START_TEST(a_call_may_post)
{
    loop_post(l, post_again, NULL);
    loop_run(l);
    ck_assert_str_eq(seen, "12");
}
END_TEST

static int counted;

static void count(void *arg)
{
    (void)arg;
    counted++;
}

static void *post_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5000; i++)
        loop_post(l, count, NULL);
    return NULL;
}

static void *run(void *arg)
{
    (void)arg;
    loop_run(l);
    return NULL;
}

START_TEST(threads_post_and_no_call_is_lost)
{
    counted = 0;
    pthread_t runner, posters[4];
    pthread_create(&runner, NULL, run, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&posters[i], NULL, post_many, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(posters[i], NULL);
    loop_post(l, stop, NULL);
    pthread_join(runner, NULL);
    ck_assert_int_eq(counted, 20000);
}
END_TEST

START_TEST(timers_fire_by_their_time)
{
    int64_t now = clock_mono_us();
    struct loop_timer a = {.fn = call, .arg = (void *)"a"}, b = {.fn = call, .arg = (void *)"b"},
                      c = {.fn = call, .arg = (void *)"c"}, end = {.fn = stop};
    loop_timer_set(l, &end, now + 12000);
    loop_timer_set(l, &a, now + 6000);
    loop_timer_set(l, &b, now + 3000);
    loop_timer_set(l, &c, now + 4000);
    loop_timer_set(l, &a, now + 1000); /* moved */
    loop_timer_set(l, &c, 0);          /* disarmed */
    loop_run(l);
    ck_assert_str_eq(seen, "ab");
    ck_assert_int_eq(a.due_us, 0);
    ck_assert_int_ge(clock_mono_us(), now + 12000);
}
END_TEST

static int64_t idle_a(void *arg)
{
    (void)arg;
    say('a');
    return -1;
}

static int64_t idle_b(void *arg)
{
    (void)arg;
    say('b');
    return strlen(seen) < 3 ? 0 : 1000;
}

START_TEST(idle_functions_run_last_added_first_and_bound_the_sleep)
{
    struct loop_timer end = {.fn = stop};
    loop_add_idle(l, idle_a, NULL);
    loop_add_idle(l, idle_b, NULL);
    int64_t now = clock_mono_us();
    loop_timer_set(l, &end, now + 20000);
    loop_run(l);
    ck_assert(strncmp(seen, "baba", 4) == 0);
    ck_assert_uint_ge(strlen(seen), 8); /* called again each ms */
}
END_TEST

struct end {
    struct loop_io io;
    struct end *other;
};

/* Both ends are readable in the same turn; the one called first removes the other. */
static void remove_other(void *arg, uint32_t events)
{
    struct end *e = arg;
    ck_assert_uint_ne(events & EPOLLIN, 0);
    say('x');
    loop_remove(l, &e->other->io);
    memset(e->other, 0xff, sizeof(*e->other));
    loop_post(l, stop, NULL);
    loop_remove(l, &e->io);
}

START_TEST(a_removed_descriptor_is_not_reported)
{
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    struct end *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    *a = (struct end){{fd[0], EPOLLIN, remove_other, a}, b};
    *b = (struct end){{fd[1], 0, remove_other, b}, a};
    ck_assert(loop_add(l, &a->io));
    ck_assert(loop_add(l, &b->io));
    loop_change(l, &b->io, EPOLLIN);
    ck_assert_int_eq(write(fd[0], "x", 1), 1);
    ck_assert_int_eq(write(fd[1], "x", 1), 1);
    loop_run(l);
    ck_assert_str_eq(seen, "x");
    close(fd[0]);
    close(fd[1]);
    free(a);
    free(b);
}
END_TEST

Suite *suite_base_loop(void)
{
    Suite *s = suite_create("base_loop");
    TCase *t = tcase_create("loop");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, posted_calls_run_in_order);
    tcase_add_test(t, a_call_may_post);
    tcase_add_test(t, threads_post_and_no_call_is_lost);
    tcase_add_test(t, timers_fire_by_their_time);
    tcase_add_test(t, idle_functions_run_last_added_first_and_bound_the_sleep);
    tcase_add_test(t, a_removed_descriptor_is_not_reported);
    suite_add_tcase(s, t);
    return s;
}
