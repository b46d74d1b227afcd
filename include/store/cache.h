/*
 * store/cache.h: versions that were read lately, in memory, for reads by id.
 *
 * Never stale on the server that wrote. Every statement that writes a version marks its resource while the arena of its
 * request lives, which is until after the answer: what is kept of it goes, and nothing is kept meanwhile. A read that was
 * sent before a mark and is answered after it keeps nothing either: it shows the ticket that it got before it was sent,
 * and marks and changes make older tickets invalid. Writers need to know nothing of this (store/write.c does it), nor
 * does it matter whether a transaction commits.
 *
 * What other servers have written is asked of the database by a thread, four times in cache.max_age: all versions that
 * this snapshot shows and the last one did not. Nothing is answered from the cache when that was last known longer ago
 * than cache.max_age, be it that the database does not answer. After a failover or a restore (another epoch) it begins
 * anew, after so long a pause that no connection to the old primary is left.
 *
 * Only versions that are there are kept: no deleted ones, none with security labels, none that take an eighth of a
 * shard. Thread safe.
 */
#ifndef KAGARI_STORE_CACHE_H
#define KAGARI_STORE_CACHE_H

#include "store/store.h"

/* The choices of cache.reads. */
enum store_cache_mode { STORE_CACHE_OFF, STORE_CACHE_STRICT, STORE_CACHE_BOUNDED };

/* Before requests come; store_free() ends it. */
bool store_cache_start(struct store *s, const struct config *c, struct err *err) NODISCARD;
enum store_cache_mode store_cache_mode(const struct store *s);

/* 0: nothing is to be kept. */
typedef uint64_t store_ticket;
/* What is kept of a resource; the arena holds it. False: nothing that may be answered with now. In strict mode it is to be
 * compared with the stored version first (store_check_plan()). The ticket is for a read of it that is sent now.
 * position: a transaction that the answer has to show; 0: none. */
bool store_cache_find(const struct store *s, struct arena *a, const struct fhir_type *type, struct str id,
                      int64_t position, struct store_version *out, store_ticket *ticket);
/* What the primary has answered to that read. With ticket 0, what anybody has been told: nothing older is answered from
 * now on. */
void store_cache_keep(const struct store *s, const struct fhir_type *type, struct str id, store_ticket ticket,
                      const struct store_version *v);

#endif
