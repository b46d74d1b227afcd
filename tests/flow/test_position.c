/*
 * Which reads go to replicas. The replica here is the primary itself: what it has and what not is tested in
 * tests/fault/test_machines.py.
 */
#include "base/metrics.h"
#include "support/flow.h"

#include <stdio.h>
#include <unistd.h>

static void begin(void)
{
    flow_suite_begin();
}

static void begin_with_replicas(void)
{
    struct arena a;
    arena_init(&a, 0);
    flow_suite_begin();
    flow_base(arena_printf(&a, "db.replicas=%s", flow_conninfo()));
    arena_release(&a);
}

static long replica_reads(void)
{
    static const char name[] = "\nkagari_db_replica_reads_total ";
    struct buf b;
    buf_init(&b, flow_arena(), 16384);
    metrics_print(&b);
    return strtol(strstr(b.s, name) + sizeof name - 1, NULL, 10);
}

/* Was it read from the replica? */
static bool from_replica(const char *path, const char *headers)
{
    const long before = replica_reads();
    ck_status(flow("GET", path, headers, NULL), 200);
    return replica_reads() > before;
}

/* Until both loops know how far it is. One search in a while meets a connection that is just being asked for that. */
static void wait_for_replica(const char *path, const char *headers)
{
    int hits = 0;
    for (int i = 0; i < 2000 && hits < 4; i++, usleep(5000))
        hits = from_replica(path, headers) ? hits + 1 : 0;
    ck_assert_int_eq(hits, 4);
}

static const char *put(const char *id)
{
    const struct flow_answer *a =
        flow_put(arena_printf(flow_arena(), "Basic/%s", id),
                 arena_printf(flow_arena(),
                              "{\"resourceType\":\"Basic\",\"id\":\"%s\",\"code\":{\"text\":\"p\"}}", id));
    ck_assert_int_lt(a->status, 300);
    return flow_header(a, "Kagari-Position");
}

START_TEST(test_a_position_opens_the_replica)
{
    const char *position = put("p1");
    ck_assert_ptr_nonnull(position);
    const char *header = arena_printf(flow_arena(), "Kagari-Position: %s\n", position),
               *cookie = arena_printf(flow_arena(), "Cookie: a=1; kagari-position=%s ; b=2\n", position);
    wait_for_replica("Basic/p1", header);
    ck_assert(from_replica("Basic/p1", cookie));
    ck_assert(from_replica("Basic/p1/_history/1", header));
    ck_assert(from_replica("Basic/p1", "Kagari-Position: 0\n"));
    wait_for_replica("Basic?_id=p1", header);
    /* none, none that is one, one that is not reached */
    ck_assert(!from_replica("Basic/p1", NULL));
    ck_assert(!from_replica("Basic/p1", "Kagari-Position: new\n"));
    ck_assert(!from_replica("Basic/p1", "Kagari-Position: -1\n"));
    ck_assert(!from_replica("Basic/p1", "Cookie: xkagari-position=0\n"));
    ck_assert(!from_replica("Basic/p1", "Kagari-Position: 9000000000000000000\n"));
    /* what is not asked of replicas */
    ck_assert(!from_replica("Basic/p1/_history", header));
    ck_assert(!from_replica("Basic?_id=p1&_include=Basic:subject", header));
    flow_set("db.replica_reads=any");
    ck_assert(from_replica("Basic/p1", NULL));
}
END_TEST

START_TEST(test_every_write_has_a_position)
{
    const long first = strtol(put("p2"), NULL, 10);
    const struct flow_answer *answers[] = {
        flow_post("Basic", "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}"),
        flow("POST", "Basic", "If-None-Exist: identifier=http://x.test/p|1\n",
             "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}"),
        flow("PATCH", "Basic/p2", "Content-Type: application/json-patch+json\n",
             "[{\"op\":\"replace\",\"path\":\"/code/text\",\"value\":\"y\"}]"),
        flow_post("",
                  "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{\"method\":"
                  "\"DELETE\",\"url\":\"Basic/none\"}}]}"),
        flow_delete("Basic/p2"),
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        ck_assert_int_lt(answers[i]->status, 300);
        const char *position = flow_header(answers[i], "Kagari-Position"),
                   *cookie = flow_header(answers[i], "Set-Cookie");
        ck_assert_msg(position && strtol(position, NULL, 10) >= first, "%zu: %s", i, position);
        ck_assert_int_eq(strncmp(cookie, "kagari-position=", 16), 0);
        ck_assert_int_eq(strncmp(cookie + 16, position, strlen(position)), 0);
    }
    ck_assert_ptr_null(flow_header(flow_get("Basic?_id=p2"), "Kagari-Position"));
}
END_TEST

START_TEST(test_without_replicas)
{
    ck_assert_ptr_null(put("p3"));
    ck_assert(!from_replica("Basic/p3", "Kagari-Position: 0\n"));
}
END_TEST

Suite *suite_flow_position(void)
{
    Suite *s = suite_create("flow/position");
    TCase *tc = tcase_create("replicas");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin_with_replicas, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_a_position_opens_the_replica);
    tcase_add_test(tc, test_every_write_has_a_position);
    suite_add_tcase(s, tc);
    tc = tcase_create("none");
    tcase_add_unchecked_fixture(tc, begin, flow_suite_end);
    tcase_add_checked_fixture(tc, flow_begin, flow_end);
    tcase_add_test(tc, test_without_replicas);
    suite_add_tcase(s, tc);
    return s;
}
