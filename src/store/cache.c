/*
 * The cache of versions: shards, each with a lock that is held for some dozen instructions. A shard has its entries in a
 * hash table and in a ring, by which the clock algorithm goes when room is needed, and guards: counters that several
 * resources share by their hash, so that tickets need no entry. That they are shared costs a version that is not kept, no
 * more.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "internal.h"

enum {
    SHARDS = 16,
    GUARDS = 4096,
    LARGEST = 8,      /* no entry takes more than one part in so many of a shard */
    USUAL = 2048,     /* bytes of an entry, by which tables are sized */
    MALLOC_BYTES = 16 /* beside what is asked for */
};

struct entry {
    struct entry *chain;       /* of its bucket */
    struct entry *next, *prev; /* in the ring */
    uint64_t hash;
    atomic_int holders; /* the cache, and requests that answer with it */
    int32_t ver;
    int64_t lu_us, pat;
    size_t len, sealed; /* of the text, and of what is sealed: it is opened for each answer */
    int16_t rtype;
    uint8_t id_len;
    bool used;   /* since the clock's hand came by */
    char data[]; /* id, text, NUL, what is sealed */
};

struct guard {
    uint32_t turn, writers;
};

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct entry **buckets, *hand;
    size_t mask, bytes;
    struct guard *guards;
};

struct store__cache {
    struct hash_key key;
    enum store_cache_mode mode;
    size_t shard_bytes;
    int64_t max_age_us;
    _Atomic int64_t fresh_us; /* all that was committed before is known; 0: nothing is */
    _Atomic int64_t seen;     /* all transactions below are */
    _Atomic int64_t quiet_us; /* until then nothing is kept nor answered */
    struct shard shards[SHARDS];
};

static uint64_t hash_of(const struct store__cache *c, int16_t rtype, struct str id)
{
    return hash_strs(&c->key, {(const char *)&rtype, sizeof rtype}, id);
}

static struct shard *shard_of(struct store__cache *c, uint64_t hash)
{
    return &c->shards[hash % SHARDS];
}

static struct guard *guard_of(const struct shard *s, uint64_t hash)
{
    return &s->guards[hash / SHARDS % GUARDS];
}

static store_ticket ticket_of(const struct guard *g)
{
    return g->writers ? 0 : (store_ticket)g->turn << 1 | 1;
}

static struct entry **place_of(const struct shard *s, uint64_t hash, int16_t rtype, struct str id)
{
    struct entry **e = &s->buckets[hash / SHARDS / GUARDS & s->mask];
    while (*e && ((*e)->hash != hash || (*e)->rtype != rtype ||
                  !str_eq((struct str){(*e)->data, (*e)->id_len}, id)))
        e = &(*e)->chain;
    return e;
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const struct entry *e)
{
    return sizeof *e + e->id_len + e->len + 1 + e->sealed + MALLOC_BYTES;
}

static void let_go(struct entry *e)
{
    if (atomic_fetch_sub_explicit(&e->holders, 1, memory_order_acq_rel) == 1)
        free(e);
}

static void let_go_of(void *place)
{
    struct entry *e = *(struct entry **)place;
    if (e)
        let_go(e);
}

static void take_out(struct shard *s, struct entry **place)
{
    struct entry *e = *place;
    *place = e->chain;
    if (s->hand == e)
        s->hand = e->next != e ? e->next : NULL;
    e->next->prev = e->prev;
    e->prev->next = e->next;
    s->bytes -= bytes_of(e);
    metrics_add(METRIC_CACHE_BYTES, -(int64_t)bytes_of(e));
    let_go(e);
}

static struct entry **place_in_bucket(const struct shard *s, const struct entry *e)
{
    struct entry **p = &s->buckets[e->hash / SHARDS / GUARDS & s->mask];
    while (*p != e)
        p = &(*p)->chain;
    return p;
}

static void make_room(struct shard *s, size_t limit)
{
    while (s->hand && s->bytes > limit) {
        struct entry *e = s->hand;
        s->hand = e->next;
        if (e->used) {
            e->used = false;
        } else {
            take_out(s, place_in_bucket(s, e));
            metrics_add(METRIC_CACHE_EVICTIONS, 1);
        }
    }
}

/* Behind the hand: it comes by last. */
static void put_in(struct shard *s, struct entry *e)
{
    struct entry **bucket = &s->buckets[e->hash / SHARDS / GUARDS & s->mask];
    e->chain = *bucket;
    *bucket = e;
    if (!s->hand) {
        s->hand = e->next = e->prev = e;
    } else {
        e->next = s->hand;
        e->prev = s->hand->prev;
        e->prev->next = e->next->prev = e;
    }
    s->bytes += bytes_of(e);
    metrics_add(METRIC_CACHE_BYTES, (int64_t)bytes_of(e));
}

/* What this server prints has no blanks, and names no member otherwise. */
static bool is_labelled(struct str content)
{
    static const char security[] = "\"security\":";
    return memmem(content.s, content.len, security, sizeof security - 1) != NULL;
}

static struct entry *new_entry(const struct store__cache *c, uint64_t hash, int16_t rtype, struct str id,
                               const struct store_version *v)
{
    const struct str text = v->text.kept, sealed = v->text.sealed;
    if (v->deleted || id.len > UINT8_MAX || text.len + sealed.len > c->shard_bytes / LARGEST ||
        is_labelled(text))
        return NULL;
    struct entry *e = malloc(sizeof *e + id.len + text.len + 1 + sealed.len);
    if (!e)
        return NULL;
    *e = (struct entry){.hash = hash,
                        .holders = 1,
                        .ver = v->ver,
                        .lu_us = v->lu_us,
                        .pat = v->pat,
                        .len = text.len,
                        .sealed = sealed.len,
                        .rtype = rtype,
                        .id_len = (uint8_t)id.len};
    memcpy(e->data, id.s, id.len);
    char *to = e->data + id.len;
    memcpy(to, text.s, text.len);
    to[text.len] = '\0';
    if (sealed.len)
        memcpy(to + text.len + 1, sealed.s, sealed.len);
    return e;
}

/* ---- reads --------------------------------------------------------------------------------------------------- */

static bool is_fresh(const struct store__cache *c, int64_t position, int64_t now)
{
    if (c->mode == STORE_CACHE_STRICT)
        return true;
    const int64_t fresh = atomic_load_explicit(&c->fresh_us, memory_order_acquire);
    return fresh && now - fresh <= c->max_age_us &&
           (!position || position < atomic_load_explicit(&c->seen, memory_order_acquire));
}

bool store_cache_find(const struct store *st, struct arena *a, const struct fhir_type *type, struct str id,
                      int64_t position, struct store_version *out, store_ticket *ticket)
{
    struct store__cache *c = st->cache;
    *ticket = 0;
    if (!c)
        return false;
    /* the order matters: what was known before it was looked up */
    const int64_t now = clock_mono_us();
    const bool quiet = now < atomic_load_explicit(&c->quiet_us, memory_order_acquire),
               fresh = !quiet && is_fresh(c, position, now);
    const uint64_t hash = hash_of(c, (int16_t)type->id, id);
    struct shard *s = shard_of(c, hash);
    struct entry **held = ARENA_NEW(a, struct entry *);
    arena_cleanup(a, let_go_of, held);
    pthread_mutex_lock(&s->lock);
    struct entry *e = fresh ? *place_of(s, hash, (int16_t)type->id, id) : NULL;
    if (e) {
        atomic_fetch_add_explicit(&e->holders, 1, memory_order_relaxed);
        e->used = true;
    }
    *ticket = quiet ? 0 : ticket_of(guard_of(s, hash));
    pthread_mutex_unlock(&s->lock);
    *held = e;
    if (e)
        *out = (struct store_version){
            .ver = e->ver,
            .lu_us = e->lu_us,
            .pat = e->pat,
            .text = {{e->data + e->id_len, e->len},
                     {e->sealed ? e->data + e->id_len + e->len + 1 : NULL, e->sealed}}};
    return e != NULL;
}

void store_cache_keep(const struct store *st, const struct fhir_type *type, struct str id,
                      store_ticket ticket, const struct store_version *v)
{
    struct store__cache *c = st->cache;
    if (!c)
        return;
    const int16_t rtype = (int16_t)type->id;
    const uint64_t hash = hash_of(c, rtype, id);
    struct shard *s = shard_of(c, hash);
    struct entry *e = ticket ? new_entry(c, hash, rtype, id, v) : NULL;
    pthread_mutex_lock(&s->lock);
    struct guard *g = guard_of(s, hash);
    struct entry **old = place_of(s, hash, rtype, id);
    const bool known = *old && (*old)->ver >= v->ver, valid = ticket && ticket == ticket_of(g);
    if (!known) {
        if (*old)
            take_out(s, old);
        g->turn++; /* who was sent before may bring an older one, and find no other to compare it with */
        if (e && valid) {
            make_room(s, c->shard_bytes - bytes_of(e));
            put_in(s, e);
            e = NULL;
        }
    }
    pthread_mutex_unlock(&s->lock);
    free(e);
}

/* ---- changes ------------------------------------------------------------------------------------------------- */

struct mark {
    struct store__cache *c;
    uint64_t hash;
};

static void end_mark(void *arg)
{
    struct mark *m = arg;
    struct shard *s = shard_of(m->c, m->hash);
    struct guard *g = guard_of(s, m->hash);
    pthread_mutex_lock(&s->lock);
    g->writers--;
    g->turn++;
    pthread_mutex_unlock(&s->lock);
}

void store__cache_mark(const struct store *st, struct arena *a, const struct fhir_type *type, struct str id)
{
    struct store__cache *c = st->cache;
    if (!c)
        return;
    struct mark *m = ARENA_NEW(a, struct mark);
    *m = (struct mark){c, hash_of(c, (int16_t)type->id, id)};
    arena_cleanup(a, end_mark, m);
    struct shard *s = shard_of(c, m->hash);
    struct guard *g = guard_of(s, m->hash);
    pthread_mutex_lock(&s->lock);
    struct entry **e = place_of(s, m->hash, (int16_t)type->id, id);
    if (*e)
        take_out(s, e);
    g->writers++;
    g->turn++;
    pthread_mutex_unlock(&s->lock);
}

void store__cache_changed(struct store__cache *c, int16_t rtype, struct str id, int32_t ver)
{
    const uint64_t hash = hash_of(c, rtype, id);
    struct shard *s = shard_of(c, hash);
    pthread_mutex_lock(&s->lock);
    struct entry **e = place_of(s, hash, rtype, id);
    if (*e && (*e)->ver < ver)
        take_out(s, e);
    guard_of(s, hash)->turn++;
    pthread_mutex_unlock(&s->lock);
}

void store__cache_clear(struct store__cache *c)
{
    for (struct shard *s = c->shards; s < c->shards + SHARDS; s++) {
        pthread_mutex_lock(&s->lock);
        while (s->hand)
            take_out(s, place_in_bucket(s, s->hand));
        for (int i = 0; i < GUARDS; i++)
            s->guards[i].turn++;
        pthread_mutex_unlock(&s->lock);
    }
}

void store__cache_known(struct store__cache *c, int64_t since_us, int64_t seen)
{
    atomic_store_explicit(&c->seen, seen, memory_order_release);
    atomic_store_explicit(&c->fresh_us, since_us, memory_order_release);
}

void store__cache_quiet(struct store__cache *c, int64_t until_us)
{
    atomic_store_explicit(&c->quiet_us, until_us, memory_order_release);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

enum store_cache_mode store_cache_mode(const struct store *s)
{
    return s->cache ? s->cache->mode : STORE_CACHE_OFF;
}

bool store_cache_start(struct store *s, const struct config *c, struct err *err)
{
    if (c->cache_reads == STORE_CACHE_OFF)
        return true;
    s->cache = store__cache_new(c, s->tenant.key);
    if (!s->cache)
        return err_set(err, ERR_INTERNAL, "out of memory");
    return c->cache_reads != STORE_CACHE_BOUNDED || store__follow_start(s, c, &s->follower, err);
}

struct store__cache *store__cache_new(const struct config *config, struct hash_key key)
{
    struct store__cache *c = aligned_alloc(64, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct store__cache){.key = key,
                               .mode = (enum store_cache_mode)config->cache_reads,
                               .shard_bytes = (size_t)config->cache_size / SHARDS,
                               .max_age_us = config->cache_max_age};
    size_t buckets = 64;
    while (buckets * USUAL < c->shard_bytes)
        buckets *= 2;
    for (struct shard *s = c->shards; s < c->shards + SHARDS; s++) {
        pthread_mutex_init(&s->lock, NULL);
        s->mask = buckets - 1;
        s->buckets = calloc(buckets, sizeof(struct entry *));
        s->guards = calloc(GUARDS, sizeof *s->guards);
        if (!s->buckets || !s->guards) {
            store__cache_free(c);
            return NULL;
        }
    }
    return c;
}

void store__cache_free(struct store__cache *c)
{
    for (struct shard *s = c->shards; s < c->shards + SHARDS && s->mask; s++) {
        while (s->hand)
            take_out(s, place_in_bucket(s, s->hand));
        free(s->buckets);
        free(s->guards);
        pthread_mutex_destroy(&s->lock);
    }
    free(c);
}
