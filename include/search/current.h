/*
 * search/current.h: the registry in force. SearchParameters come and go while requests run, so the registry is an
 * immutable snapshot that is replaced as a whole: a request holds the one it began with until it ends.
 *
 * Holding one is a load, an atomic addition and another load, without a lock; the counters are spread over lanes, so
 * that event loops do not share a cache line. There are SEARCH_SEATS places; a snapshot whose place is not in force and
 * that nobody holds is freed when the place is taken anew.
 */
#ifndef KAGARI_SEARCH_CURRENT_H
#define KAGARI_SEARCH_CURRENT_H

#include "search/index.h"

enum { SEARCH_SEATS = 4 };

struct search_current;
/* Generation 0 is base itself, which has to outlive it. NULL: out of memory. */
struct search_current *search_current_new(const struct search_registry *base);
void search_current_free(struct search_current *c); /* nobody holds one any more */

struct search_hold {
    const struct search_registry *registry;
    int64_t generation;
    int seat; /* 0 … SEARCH_SEATS-1: for what belongs to one snapshot and is kept elsewhere */
};
/* Until a is cleared or released. lane: any number, best that of the calling loop. Any thread. */
const struct search_hold *search_hold(struct search_current *c, struct arena *a, unsigned lane);

/*
 * Puts base and list in force; the resources of list are copied. One thread at a time. False: old snapshots are held
 * in all places; try again later.
 */
bool search_publish(struct search_current *c, int64_t generation, const struct search_custom *list,
                    size_t n) NODISCARD;
const struct search_registry *search_base(const struct search_current *c);
int64_t search_generation(const struct search_current *c);
/* The lowest generation that somebody holds or may get. */
int64_t search_oldest_held(const struct search_current *c);

#endif
