/*
 * src/api/gather.h: creates and updates that are prepared wait for each other, and go as one statement each kind: a
 * transaction of its own, in which one that cannot be written does not hinder the others. For batches, and for NDJSON.
 */
#ifndef KAGARI_API_GATHER_H
#define KAGARI_API_GATHER_H

#include "internal.h"

enum { GATHER_ROWS = 500 };

struct gathered {
    struct api_request *r;
    struct api_response *out;
};

struct gather {
    struct arena *a;
    struct db_conn *c;
    struct gathered creates[GATHER_ROWS], updates[GATHER_ROWS];
    size_t n_creates, n_updates;
};

void gather_init(struct gather *g, struct arena *a, struct db_conn *c);
/* r is prepared. It waits for the others, or is done at once with all that wait before it; *out says what it came to, after
 * gather_flush() at the latest. Whatever depends on another one finds it done. */
void gather_add(struct gather *g, struct api_request *r, struct api_response *out);
void gather_flush(struct gather *g);

#endif
