/*
 * base/metrics.h: counters, gauges and latency histograms, printed in Prometheus' text format. Updated
 * without locks from any thread. Labels are of small closed sets: never an id, never a search value.
 */
#ifndef KAGARI_BASE_METRICS_H
#define KAGARI_BASE_METRICS_H

#include <stdint.h>

#include "base/str.h"

/* One finished request; both strings static ("search-type"). */
void metrics_request(const char *interaction, int status, int64_t us);

enum metric {
    METRIC_CONNECTIONS,
    METRIC_REQUESTS_ACTIVE,
    METRIC_DB_CONNECTIONS,
    METRIC_DB_ERRORS,
    METRIC_DB_RECONNECTS,
    METRIC_WORKERS_BUSY,
    METRIC_WORKER_QUEUE,
    METRIC_AUTH_FAILURES,
    METRIC_BYTES_IN,
    METRIC_BYTES_OUT,
    METRIC_BATCHES,
    METRIC_BATCH_ROWS,
    METRIC__N
};
void metrics_add(enum metric m, int64_t delta);
void metrics_print(struct buf *out);

#endif
