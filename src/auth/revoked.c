/* The list of what is revoked and has not expired: short, since access tokens are. A token that was verified before is
 * held against it once for each new list. */
#include <stdlib.h>

#include "crypto/digest.h"
#include "internal.h"

void auth__revoked_init(struct auth__revoked *r)
{
    *r = (struct auth__revoked){.number = 1};
    pthread_mutex_init(&r->lock, NULL);
}

void auth__revoked_release(struct auth__revoked *r)
{
    pthread_mutex_destroy(&r->lock);
    free(r->ids);
}

static int compare(const void *x, const void *y)
{
    return memcmp(x, y, 16);
}

bool auth__revoked_has(struct auth__revoked *r, const struct auth_ids *ids, uint64_t *number)
{
    pthread_mutex_lock(&r->lock);
    bool found = r->n && (bsearch(ids->token, r->ids, r->n, 16, compare) ||
                          bsearch(ids->grant, r->ids, r->n, 16, compare));
    *number = atomic_load_explicit(&r->number, memory_order_relaxed);
    pthread_mutex_unlock(&r->lock);
    return found;
}

void auth_revocation_id(struct str name, uint8_t out[16])
{
    uint8_t hash[32];
    crypto_sha256(name.s, name.len, hash);
    memcpy(out, hash, 16);
}

void auth_own_revoked(struct auth *au, const uint8_t (*ids)[16], size_t n)
{
    struct auth__revoked *r = &au->revoked;
    uint8_t(*copy)[16] = malloc(n ? n * 16 : 1), (*old)[16];
    if (!copy)
        abort(); /* going on would let in what is revoked */
    if (n)
        memcpy(copy, ids, n * 16);
    pthread_mutex_lock(&r->lock);
    old = r->ids;
    r->ids = copy;
    r->n = n;
    atomic_fetch_add_explicit(&r->number, 1, memory_order_release);
    pthread_mutex_unlock(&r->lock);
    free(old);
}
