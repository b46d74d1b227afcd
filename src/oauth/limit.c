/* Token buckets of addresses, in a table of fixed size: two that share a place share a bucket, which is rare and errs on
 * the safe side. Each server counts for itself. */
#include <stdlib.h>

#include "base/hash.h"
#include "crypto/random.h"
#include "internal.h"

enum { PLACES = 8192 };

struct oauth__limit {
    pthread_mutex_t lock;
    struct hash_key key; /* nobody can choose whom to share with */
    struct place {
        int64_t at_us; /* when it would be full again */
    } places[PLACES];
};

struct oauth__limit *oauth__limit_new(void)
{
    struct oauth__limit *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    crypto_random(&l->key, sizeof l->key);
    return l;
}

void oauth__limit_free(struct oauth__limit *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

bool oauth__limit_take(struct oauth__limit *l, struct str who, int64_t rate, int64_t now_us)
{
    int64_t each_us = 60 * OAUTH__SECOND / rate, burst = rate / 10 > 10 ? rate / 10 : 10;
    struct place *p = &l->places[hash_bytes(&l->key, who.s, who.len) % PLACES];
    pthread_mutex_lock(&l->lock);
    if (p->at_us < now_us)
        p->at_us = now_us;
    bool ok = p->at_us - now_us < burst * each_us;
    if (ok)
        p->at_us += each_us;
    pthread_mutex_unlock(&l->lock);
    return ok;
}
