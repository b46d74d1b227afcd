#include "base/metrics.h"

#include <pthread.h>
#include <stdio.h>

#include "support/test.h"

static struct arena a;

static void setup(void)
{
    arena_init(&a, 0);
}

static void teardown(void)
{
    arena_release(&a);
}

static const char *printed(void)
{
    struct buf b;
    buf_init(&b, &a, 0);
    metrics_print(&b);
    return b.s;
}

#define ck_has(text, part) ck_assert_msg(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text)

START_TEST(gauges_go_up_and_down)
{
    metrics_add(METRIC_CONNECTIONS, 3);
    metrics_add(METRIC_CONNECTIONS, -1);
    const char *text = printed();
    ck_has(text, "# TYPE kagari_http_connections gauge\nkagari_http_connections 2\n");
    ck_has(text, "kagari_db_errors_total 0\n");
}
END_TEST

START_TEST(latencies_fall_into_cumulative_buckets)
{
    metrics_request("read", 200, 400);
    metrics_request("read", 200, 500);
    metrics_request("read", 200, 1500000);
    metrics_request("read", 404, 60000000);
    const char *text = printed();
    ck_has(
        text,
        "kagari_http_request_duration_seconds_bucket{interaction=\"read\",status=\"200\",le=\"0.0005\"} 2\n");
    ck_has(text,
           "kagari_http_request_duration_seconds_bucket{interaction=\"read\",status=\"200\",le=\"1\"} 2\n");
    ck_has(text,
           "kagari_http_request_duration_seconds_bucket{interaction=\"read\",status=\"200\",le=\"2.5\"} 3\n");
    ck_has(text,
           "kagari_http_request_duration_seconds_bucket{interaction=\"read\",status=\"404\",le=\"10\"} 0\n");
    ck_has(
        text,
        "kagari_http_request_duration_seconds_bucket{interaction=\"read\",status=\"404\",le=\"+Inf\"} 1\n");
    ck_has(text, "kagari_http_request_duration_seconds_sum{interaction=\"read\",status=\"200\"} 1.500900\n");
    ck_has(text, "kagari_http_request_duration_seconds_count{interaction=\"read\",status=\"200\"} 3\n");
}
END_TEST

START_TEST(an_unforeseen_status_counts_as_0)
{
    metrics_request("read", 299, 1);
    ck_has(printed(), "_count{interaction=\"read\",status=\"0\"} 1\n");
}
END_TEST

START_TEST(interactions_are_a_small_set)
{
    static char names[100][16];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "i%d", i);
        metrics_request(names[i], 200, 1);
    }
    const char *text = printed();
    ck_has(text, "_count{interaction=\"i62\",status=\"200\"} 1\n");
    ck_has(text, "_count{interaction=\"other\",status=\"200\"} 37\n");
}
END_TEST

static void *hammer(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        metrics_request(arg, 200, 1);
        metrics_add(METRIC_BYTES_IN, 2);
    }
    return NULL;
}

START_TEST(threads_lose_nothing)
{
    pthread_t t[12];
    for (int i = 0; i < 12; i++)
        pthread_create(&t[i], NULL, hammer, (void *)(i % 2 ? "read" : "create"));
    for (int i = 0; i < 12; i++)
        pthread_join(t[i], NULL);
    const char *text = printed();
    ck_has(text, "_count{interaction=\"read\",status=\"200\"} 6000\n");
    ck_has(text, "_count{interaction=\"create\",status=\"200\"} 6000\n");
    ck_has(text, "kagari_http_body_bytes_in_total 24000\n");
}
END_TEST

Suite *suite_base_metrics(void)
{
    Suite *s = suite_create("base_metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, gauges_go_up_and_down);
    tcase_add_test(t, latencies_fall_into_cumulative_buckets);
    tcase_add_test(t, an_unforeseen_status_counts_as_0);
    tcase_add_test(t, interactions_are_a_small_set);
    tcase_add_test(t, threads_lose_nothing);
    suite_add_tcase(s, t);
    return s;
}
