/* src/store/internal.h: what the files of the module share. */
#ifndef KAGARI_STORE_INTERNAL_H
#define KAGARI_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"

/* Keys of idx_dict known to be in the database; bounded, emptied when full. */
struct store__known {
    pthread_mutex_t lock;
    uint64_t *slots;
    size_t n, size;
};

/* Requests under way may still read what a refresh replaced: it is freed a minute later. */
struct store__stats {
    struct search_stats stats;
    const struct store__stats *older;
    int64_t replaced_us;
    struct search_stats_entry common[];
};

struct store {
    struct search_tenant tenant;
    _Atomic int64_t last_k;
    int64_t node;
    struct store__known known;
    _Atomic(const struct store__stats *) stats; /* newest first */
    _Atomic int text;                           /* enum search_text: what all that is stored has */
    _Atomic bool old_form;
};

bool store__index_state_begin(struct store *s, struct db_conn *conn, struct err *err) NODISCARD;
bool store__index_state_read(struct store *s, struct db_conn *conn, struct err *err) NODISCARD;

/* A new surrogate: milliseconds since 2024, node, counter. Unique, roughly growing, without asking the
 * database. */
int64_t store__next_k(struct store *s);

bool store__known_has(struct store__known *k, uint64_t v);
void store__known_add(struct store__known *k, uint64_t v);
uint64_t store__dict_id(const struct fhir_type *type, const struct search_index_dict *d);

#endif
