/*
 * base/metrics.h: counters, gauges and latency histograms, printed in Prometheus' text format. Updated
 * without locks from any thread. Labels are of small closed sets: never an id, never a search value.
 */
#ifndef KAGARI_BASE_METRICS_H
#define KAGARI_BASE_METRICS_H

#include <stdint.h>

#include "base/str.h"

/*      name                    printed as                         type      explanation */
#define METRICS(X)                                                                                           \
    X(METRIC_CONNECTIONS, "kagari_http_connections", "gauge", "Open client connections.")                    \
    X(METRIC_REQUESTS_ACTIVE, "kagari_http_requests_active", "gauge", "Requests not yet answered.")          \
    X(METRIC_DB_CONNECTIONS, "kagari_db_connections", "gauge", "Open PostgreSQL connections.")               \
    X(METRIC_DB_ERRORS, "kagari_db_errors_total", "counter", "Statements that PostgreSQL refused.")          \
    X(METRIC_CACHE_HITS, "kagari_cache_hits_total", "counter", "Reads answered with what was kept.")         \
    X(METRIC_CACHE_MISSES, "kagari_cache_misses_total", "counter",                                           \
      "Reads that could have been, had it been kept.")                                                       \
    X(METRIC_CACHE_EVICTIONS, "kagari_cache_evictions_total", "counter",                                     \
      "Versions that made room for others.")                                                                 \
    X(METRIC_CACHE_BYTES, "kagari_cache_bytes", "gauge", "Memory of the versions that are kept.")            \
    X(METRIC_DB_REPLICA_READS, "kagari_db_replica_reads_total", "counter", "Statements sent to replicas.")   \
    X(METRIC_DB_RECONNECTS, "kagari_db_reconnects_total", "counter", "PostgreSQL connections made anew.")    \
    X(METRIC_WORKERS_BUSY, "kagari_workers_busy", "gauge", "Workers with a request.")                        \
    X(METRIC_WORKER_QUEUE, "kagari_worker_queue", "gauge", "Requests waiting for a worker.")                 \
    X(METRIC_AUDIT_LOST, "kagari_audit_lost_total", "counter",                                               \
      "Entries of the audit log that there was no room for.")                                                \
    X(METRIC_AUTH_FAILURES, "kagari_auth_failures_total", "counter", "Requests answered 401 or 403.")        \
    X(METRIC_BYTES_IN, "kagari_http_body_bytes_in_total", "counter", "Bytes of request bodies as received.") \
    X(METRIC_BYTES_OUT, "kagari_http_body_bytes_out_total", "counter", "Bytes of response bodies as sent.")  \
    X(METRIC_BATCHES, "kagari_db_batches_total", "counter",                                                  \
      "Writes that went as one statement with others.")                                                      \
    X(METRIC_BATCH_ROWS, "kagari_db_batch_rows_total", "counter", "Resources in those writes.")

enum metric {
#define X(name, printed, type, text) name,
    METRICS(X)
#undef X
        METRIC__N
};

void metrics_add(enum metric m, int64_t delta);

/* One finished request. interaction is a static string ("search-type") out of at most 63 different ones;
 * statuses beyond those that the server sends count as 0. */
void metrics_request(const char *interaction, int status, int64_t us);

void metrics_print(struct buf *out);

#endif
