#include <stdlib.h>

#include "internal.h"

/* 8192 tokens; some 3 MB when full. A shard has a lock of its own, a set is what is searched for a hash. */
enum { SHARDS = 64, SETS = 16, WAYS = 8 };

struct slot {
    uint8_t hash[32];
    uint64_t generation, used; /* used: the shard's count of look-ups at its last one */
    int64_t until_us;
    struct auth__entry *entry; /* NULL: free */
};

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    uint64_t lookups;
    struct slot slots[SETS][WAYS];
};

struct auth__cache {
    struct shard shards[SHARDS];
};

void auth__entry_unref(struct auth__entry *e)
{
    if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
        free(e);
}

struct auth__cache *auth__cache_new(void)
{
    struct auth__cache *c = aligned_alloc(64, sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&c->shards[i].lock, NULL);
    return c;
}

void auth__cache_free(struct auth__cache *c)
{
    for (int i = 0; c && i < SHARDS; i++) {
        struct slot *slots = c->shards[i].slots[0];
        for (int j = 0; j < SETS * WAYS; j++)
            auth__entry_unref(slots[j].entry);
        pthread_mutex_destroy(&c->shards[i].lock);
    }
    free(c);
}

static struct shard *shard_of(struct auth__cache *c, const uint8_t hash[32])
{
    return &c->shards[hash[0] % SHARDS];
}

static struct slot *find(struct slot set[WAYS], const uint8_t hash[32])
{
    for (int i = 0; i < WAYS; i++)
        if (set[i].entry && memcmp(set[i].hash, hash, 32) == 0)
            return &set[i];
    return NULL;
}

struct auth__entry *auth__cache_get(struct auth__cache *c, const uint8_t hash[32], uint64_t generation,
                                    int64_t now_us)
{
    struct shard *shard = shard_of(c, hash);
    struct auth__entry *entry = NULL;
    pthread_mutex_lock(&shard->lock);
    struct slot *slot = find(shard->slots[hash[1] % SETS], hash);
    if (slot && slot->generation == generation && now_us < slot->until_us) {
        slot->used = ++shard->lookups;
        entry = slot->entry;
        atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

static struct auth__entry *pack(const struct auth_principal *p)
{
    struct auth__entry *e = malloc(sizeof *e + auth__principal_pack(p, NULL, NULL));
    if (!e)
        return NULL;
    atomic_init(&e->refs, 1);
    auth__principal_pack(p, (char *)(e + 1), &e->principal);
    return e;
}

/* The one that has gone, else the one not asked for the longest. */
static struct slot *victim(struct slot set[WAYS], uint64_t generation)
{
    struct slot *oldest = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (!set[i].entry || set[i].generation != generation)
            return &set[i];
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    return oldest;
}

void auth__cache_put(struct auth__cache *c, const uint8_t hash[32], uint64_t generation, int64_t until_us,
                     uint64_t cleared, const struct auth_principal *p)
{
    struct auth__entry *entry = pack(p);
    if (!entry)
        return;
    static atomic_uint_fast64_t serials;
    atomic_init(&entry->cleared, cleared);
    entry->principal.serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    struct shard *shard = shard_of(c, hash);
    pthread_mutex_lock(&shard->lock);
    struct slot *set = shard->slots[hash[1] % SETS];
    struct slot *slot = find(set, hash);
    if (!slot)
        slot = victim(set, generation);
    struct auth__entry *old = slot->entry;
    *slot = (struct slot){
        .generation = generation, .used = ++shard->lookups, .until_us = until_us, .entry = entry};
    memcpy(slot->hash, hash, 32);
    pthread_mutex_unlock(&shard->lock);
    auth__entry_unref(old);
}
