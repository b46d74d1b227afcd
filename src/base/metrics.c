#include "base/metrics.h"

#include <stdatomic.h>
#include <string.h>

enum { SHARDS = 8, INTERACTIONS = 64, STATUSES = 32, BUCKETS = 14 };

static const struct {
    const char *name, *type, *text;
} metrics[] = {
#define X(name, printed, type, text) [name] = {printed, type, text},
    METRICS(X)
#undef X
};

/* The last one has no bound. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[BUCKETS - 1] = {{500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},
                         {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},
                         {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},
                         {10000000, "10"}};

static const short statuses[STATUSES] = {0,   200, 201, 202, 204, 206, 301, 302, 303, 304, 307,
                                         400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413,
                                         415, 422, 423, 428, 429, 500, 501, 502, 503, 504};

struct cell {
    _Atomic uint64_t bucket[BUCKETS], us;
};

/* Threads are spread over the shards, so that loops do not fight for the same cache lines. */
static struct shard {
    _Alignas(64) _Atomic int64_t simple[METRIC__N];
    struct cell requests[INTERACTIONS][STATUSES];
} shards[SHARDS];

static _Atomic(const char *) interactions[INTERACTIONS];

static struct shard *my_shard(void)
{
    static atomic_uint next;
    static _Thread_local struct shard *mine;
    if (!mine)
        mine = &shards[atomic_fetch_add(&next, 1) % SHARDS];
    return mine;
}

void metrics_add(enum metric m, int64_t delta)
{
    atomic_fetch_add_explicit(&my_shard()->simple[m], delta, memory_order_relaxed);
}

/* Slots fill from the front and never change; the last one takes what comes when all are taken. */
static int interaction_slot(const char *name)
{
    for (int i = 0; i < INTERACTIONS - 1; i++) {
        const char *there = atomic_load_explicit(&interactions[i], memory_order_acquire);
        if (!there && atomic_compare_exchange_strong(&interactions[i], &there, name))
            return i;
        if (there == name || strcmp(there, name) == 0)
            return i;
    }
    atomic_store(&interactions[INTERACTIONS - 1], "other");
    return INTERACTIONS - 1;
}

static int status_slot(int status)
{
    for (int i = 1; i < STATUSES; i++)
        if (statuses[i] == status)
            return i;
    return 0;
}

void metrics_request(const char *interaction, int status, int64_t us)
{
    struct cell *c = &my_shard()->requests[interaction_slot(interaction)][status_slot(status)];
    int b = 0;
    while (b < BUCKETS - 1 && us > bounds[b].us)
        b++;
    atomic_fetch_add_explicit(&c->bucket[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->us, (uint64_t)us, memory_order_relaxed);
}

static void print_cell(struct buf *out, const char *interaction, int slot, int status)
{
    uint64_t bucket[BUCKETS] = {0}, us = 0, sum = 0;
    for (int s = 0; s < SHARDS; s++) {
        struct cell *c = &shards[s].requests[slot][status];
        for (int b = 0; b < BUCKETS; b++)
            bucket[b] += atomic_load_explicit(&c->bucket[b], memory_order_relaxed);
        us += atomic_load_explicit(&c->us, memory_order_relaxed);
    }
    for (int b = 0; b < BUCKETS; b++)
        sum += bucket[b];
    if (!sum)
        return;
    const char *name = "kagari_http_request_duration_seconds";
    const char *labels =
        arena_printf(out->a, "interaction=\"%s\",status=\"%d\"", interaction, statuses[status]);
    uint64_t below = 0;
    for (int b = 0; b < BUCKETS; b++) {
        below += bucket[b];
        buf_addf(out, "%s_bucket{%s,le=\"%s\"} %llu\n", name, labels,
                 b < BUCKETS - 1 ? bounds[b].seconds : "+Inf", (unsigned long long)below);
    }
    buf_addf(out, "%s_sum{%s} %llu.%06llu\n", name, labels, (unsigned long long)(us / 1000000),
             (unsigned long long)(us % 1000000));
    buf_addf(out, "%s_count{%s} %llu\n", name, labels, (unsigned long long)sum);
}

void metrics_print(struct buf *out)
{
    for (int m = 0; m < METRIC__N; m++) {
        int64_t sum = 0;
        for (int s = 0; s < SHARDS; s++)
            sum += atomic_load_explicit(&shards[s].simple[m], memory_order_relaxed);
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", metrics[m].name, metrics[m].text,
                 metrics[m].name, metrics[m].type, metrics[m].name, (long long)sum);
    }
    buf_adds(out, "# HELP kagari_http_request_duration_seconds From a request's first line to its answer.\n"
                  "# TYPE kagari_http_request_duration_seconds histogram\n");
    for (int i = 0; i < INTERACTIONS; i++) {
        const char *name = atomic_load(&interactions[i]);
        for (int s = 0; name && s < STATUSES; s++)
            print_cell(out, name, i, s);
    }
}
