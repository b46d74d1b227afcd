/*
 * src/api/bulk.h: NDJSON as a request's body: one resource a line, of any types, each written as if it had come alone.
 *
 * The body may be larger than memory. It is cut into batches of whole lines on the event loop that has the connection
 * (bulk.c); workers write them (bulk_batch.c), some at the same time; while all places for them are taken, the client waits.
 */
#ifndef KAGARI_API_BULK_H
#define KAGARI_API_BULK_H

#include "internal.h"

enum { BULK_TOO_LONG = 0x1e }; /* stands alone in the place of a line that was too long to be kept */

struct bulk_counts {
    int64_t lines, created, updated, refused; /* blank lines do not count */
};

/* What the batches of a body share; constant while there are any. */
struct bulk_source {
    struct api *api;
    struct http_request http; /* the request without its body */
    const struct auth_principal *principal;
};

/* Made on the loop, filled in by a worker, taken apart on the loop again. */
struct bulk_batch {
    void *load;
    const struct bulk_source *from;
    char *text; /* whole lines; its own, malloc'ed */
    size_t len;
    int64_t line; /* number of the first one in the body */
    struct bulk_counts counts;
    struct arena a;         /* of */
    struct issues findings; /* with the lines' numbers in the body */
    int64_t position;       /* of what was written; 0: none */
    bool busy;              /* refused for want of workers or of the database */
};

/* On a worker. c NULL: err says why it cannot be done. */
void bulk_batch_run(struct bulk_batch *b, struct db_conn *c, const struct err *err);

#endif
