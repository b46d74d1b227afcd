#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "internal.h"

enum { NODES = 1024, PER_MS = 4096, KNOWN_MAX = 1 << 20, STATS_KEPT_US = 60 * 1000 * 1000 };
static const int64_t k_epoch_ms = INT64_C(1704067200000); /* 2024-01-01 */

static bool read_hash_key(const struct config *c, struct hash_key *key, struct err *err)
{
    struct arena a;
    struct str text;
    arena_init(&a, 0);
    bool ok = *c->store_hash_key ? config_read_file(&a, c->store_hash_key, 1024, &text, err)
                                 : err_set(err, ERR_INVALID,
                                           "store.hash_key is not set: name a file with 32 random hex digits "
                                           "(openssl rand -hex 16)");
    if (ok) {
        unsigned long long k0, k1;
        text = str_trim(text);
        const char *digits = arena_strndup(&a, text.s, text.len);
        ok = text.len == 32 && strspn(digits, "0123456789abcdefABCDEF") == 32 &&
             sscanf(digits, "%16llx%16llx", &k0, &k1) == 2;
        if (ok)
            *key = (struct hash_key){k0, k1};
        else
            err_set(err, ERR_INVALID, "%s: 32 hex digits were expected (openssl rand -hex 16)",
                    c->store_hash_key);
    }
    arena_release(&a);
    return ok;
}

/* Each institution but the first has a key of its own, made from that and its salt: what is hashed for one says nothing
 * about another. */
static void derive_hash_key(const struct config_tenant *t, struct hash_key *key)
{
    const struct hash_key server = *key;
    const struct str salt = {(const char *)t->salt, sizeof t->salt};
    if (!t->name)
        return;
    key->k0 = hash_strs(&server, STR("institution"), STR("0"), salt);
    key->k1 = hash_strs(&server, STR("institution"), STR("1"), salt);
}

/* The first server to come says which key it is. */
static bool check_hash_key(const struct store *s, struct db_conn *conn, const struct config *c,
                           struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    int64_t fingerprint = (int64_t)hash_bytes(&s->tenant.key, "fingerprint", strlen("fingerprint"));
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    sql_adds(&q, "INSERT INTO hash_key VALUES ($1, $2) "
                 "ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant RETURNING fingerprint");
    sql_int4(&q, s->tenant.id);
    sql_int8(&q, fingerprint);
    bool ok = db_exec(conn, &a, &q, &rows, err);
    if (ok && db_int8(rows, 0, 0) != fingerprint)
        ok =
            err_set(err, ERR_INVALID,
                    "%s (store.hash_key) is not the key that the search index of this database is made with: "
                    "restore that one",
                    c->store_hash_key);
    arena_release(&a);
    return ok;
}

/* Nodes number themselves from a sequence; two live ones with the same number would need 1024 starts in
 * between. A dump restored into a younger cluster has versions of transactions that are still to come: nothing could
 * be compared with them. */
static bool take_node_number(struct store *s, struct db_conn *conn, struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    sql_addf(&q,
             "SELECT nextval('node_seq'), EXISTS (SELECT FROM res_history WHERE tenant = $%d AND xid >= "
             "pg_snapshot_xmax(pg_current_snapshot()))",
             sql_int4(&q, s->tenant.id));
    bool ok = db_exec(conn, &a, &q, &rows, err);
    if (ok && db_bool(rows, 0, 1))
        ok = err_set(
            err, ERR_RULE,
            "The database was restored from another cluster's dump: run kagari migrate --new-epoch first");
    if (ok)
        s->node = db_int8(rows, 0, 0) % NODES;
    arena_release(&a);
    return ok;
}

bool store_new(const struct config *c, const struct fhir_defs *d, struct db_conn *conn, struct store **out,
               struct err *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_INTERNAL, "out of memory");
    pthread_mutex_init(&s->known.lock, NULL);
    s->defs = d;
    arena_init(&s->a, 0);
    s->tenant.id = c->tenant.id;
    s->tenant.zone = (int)c->store_zone;
    s->tenant.text = (enum search_text)c->search_text;
    if (!read_hash_key(c, &s->tenant.key, err)) {
        store_free(s);
        return false;
    }
    derive_hash_key(&c->tenant, &s->tenant.key);
    if (!check_hash_key(s, conn, c, err) || !store__sealing_begin(s, c, conn, err) ||
        !take_node_number(s, conn, err) || !store__index_state_begin(s, conn, err) ||
        !store_stats_refresh(s, conn, err)) {
        store_free(s);
        return false;
    }
    *out = s;
    return true;
}

static void free_stats(const struct store__stats *s)
{
    for (const struct store__stats *older; s; s = older) {
        older = s->older;
        free((void *)s);
    }
}

void store_free(struct store *s)
{
    if (s->follower)
        store__follow_stop(s->follower);
    if (s->cache)
        store__cache_free(s->cache);
    free_stats(s->stats);
    store__sealing_end(s);
    arena_release(&s->a);
    free(s->known.slots);
    pthread_mutex_destroy(&s->known.lock);
    free(s);
}

const struct search_tenant *store_tenant(const struct store *s)
{
    return atomic_load(&s->current);
}

const struct search_stats *store_stats(const struct store *s)
{
    return &atomic_load(&s->stats)->stats;
}

/* Puts the new ones in place and frees those that were replaced more than a minute ago. */
static void replace_stats(struct store *s, struct store__stats *fresh)
{
    struct store__stats *old = (struct store__stats *)atomic_load(&s->stats);
    fresh->older = old;
    atomic_store(&s->stats, fresh);
    if (old)
        old->replaced_us = clock_mono_us();
    for (struct store__stats *x = old; x; x = (struct store__stats *)x->older) {
        if (x->older && x->older->replaced_us < clock_mono_us() - STATS_KEPT_US) {
            free_stats(x->older);
            x->older = NULL;
        }
    }
}

/* A database that was restored, or promoted before it had everything, may lack words that were sent to it. */
static bool check_epoch(struct store *s, struct db_conn *conn, struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    sql_adds(&q, "SELECT hashtextextended(kagari_epoch(), 0) | 1");
    bool ok = db_exec(conn, &a, &q, &rows, err);
    if (ok && s->epoch && s->epoch != db_int8(rows, 0, 0))
        store__known_forget(&s->known);
    if (ok)
        s->epoch = db_int8(rows, 0, 0);
    arena_release(&a);
    return ok;
}

bool store_stats_refresh(struct store *s, struct db_conn *conn, struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    sql_adds(
        &q, "SELECT e.key, (e.freq * greatest(c.reltuples, 0))::int8, greatest(c.reltuples, 0)::int8, "
            "s.attname = 'rtype' FROM pg_class c LEFT JOIN pg_stats s ON s.schemaname = current_schema() AND "
            "s.tablename = 'res' AND s.attname IN ('keys', 'rtype') LEFT JOIN LATERAL unnest("
            "coalesce(s.most_common_elems::text::int8[], s.most_common_vals::text::int8[]), "
            "coalesce(s.most_common_elem_freqs, s.most_common_freqs)) AS e(key, freq) ON true "
            "WHERE c.oid = 'res'::regclass ORDER BY 4, 1");
    bool ok = db_exec(conn, &a, &q, &rows, err);
    if (ok) {
        size_t n = (size_t)db_count(rows), used = 0, keys = 0;
        struct store__stats *fresh = malloc(sizeof *fresh + n * sizeof fresh->common[0]);
        ok = fresh || err_set(err, ERR_INTERNAL, "out of memory");
        /* the last elements of the frequency array are bounds without a key */
        for (int i = 0; ok && i < (int)n; i++) {
            if (db_null(rows, i, 0))
                continue;
            keys += !db_bool(rows, i, 3);
            fresh->common[used++] = (struct search_stats_entry){db_int8(rows, i, 0), db_int8(rows, i, 1)};
        }
        if (ok) {
            fresh->stats = (struct search_stats){.n = keys,
                                                 .common = fresh->common,
                                                 .n_types = used - keys,
                                                 .types = fresh->common + keys,
                                                 .rows = n ? db_int8(rows, 0, 2) : 0,
                                                 .old_form = atomic_load(&s->old_form)};
            fresh->replaced_us = INT64_MAX;
            replace_stats(s, fresh);
        }
    }
    arena_release(&a);
    return ok && store__index_state_read(s, conn, err) && check_epoch(s, conn, err);
}

bool store_analyze(struct db_conn *conn, bool *done, struct err *err)
{
    struct arena a;
    struct sql q;
    const struct db_rows *rows;
    arena_init(&a, 0);
    sql_init(&q, &a, NULL);
    sql_adds(
        &q,
        "SELECT pg_relation_size(oid) / 8192 > 2 * relpages + 64 FROM pg_class WHERE oid = 'res'::regclass");
    bool ok = db_exec(conn, &a, &q, &rows, err);
    *done = ok && db_bool(rows, 0, 0);
    ok = ok && (!*done || db_run(conn,
                                 "SET statement_timeout = 0; ANALYZE res, idx_str, idx_date, idx_num, "
                                 "idx_ovf, idx_dict, idx_text, contained; "
                                 "RESET statement_timeout",
                                 err));
    arena_release(&a);
    return ok;
}

bool store_sort_in(struct db_conn *conn, struct err *err)
{
    return db_run(
        conn,
        "SELECT gin_clean_pending_list(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE "
        "a.amname = 'gin' AND c.relkind = 'i' AND c.relnamespace = current_schema()::regnamespace "
        "AND pg_has_role(c.relowner, 'USAGE')",
        err);
}

int64_t store__next_k(struct store *s)
{
    /* last_k counts (ms, counter) pairs, so that a clock that stands or goes back only lets the counter run
     * on */
    int64_t now = (clock_wall_us() / 1000 - k_epoch_ms) * PER_MS;
    int64_t last = atomic_load(&s->last_k), next;
    do
        next = now > last ? now : last + 1;
    while (!atomic_compare_exchange_weak(&s->last_k, &last, next));
    return (next / PER_MS * NODES + s->node) * PER_MS + next % PER_MS;
}

void store_new_id(char out[37])
{
    /* UUID version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then randomness */
    static _Thread_local unsigned char pool[1024];
    static _Thread_local size_t left;
    unsigned char u[16];
    if (left < 10) {
        size_t have = 0;
        while (have < sizeof pool) {
            ssize_t n = getrandom(pool + have, sizeof pool - have, 0);
            if (n > 0)
                have += (size_t)n;
        }
        left = sizeof pool;
    }
    int64_t ms = clock_wall_us() / 1000;
    for (int i = 0; i < 6; i++)
        u[i] = (unsigned char)(ms >> (8 * (5 - i)));
    left -= 10;
    memcpy(u + 6, pool + left, 10);
    u[6] = (unsigned char)(0x70 | (u[6] & 0x0f));
    u[8] = (unsigned char)(0x80 | (u[8] & 0x3f));
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[u[i] >> 4];
        *p++ = hex[u[i] & 15];
    }
    *p = '\0';
}

/* ---- what the dictionary is known to hold
 * ------------------------------------------------------------------ */

uint64_t store__dict_id(const struct fhir_type *type, const struct search_index_dict *d)
{
    /* the key is a keyed hash already; the rest only has to be told apart */
    uint64_t v = (uint64_t)d->key * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)(uint32_t)d->param * 31 +
                 (uint64_t)type->id * 1000003 + (uint64_t)d->kind;
    return v ? v : 1;
}

static size_t slot_of(const struct store__known *k, uint64_t v)
{
    size_t i = (v >> 20) & (k->size - 1);
    while (k->slots[i] && k->slots[i] != v)
        i = (i + 1) & (k->size - 1);
    return i;
}

bool store__known_has(struct store__known *k, uint64_t v)
{
    pthread_mutex_lock(&k->lock);
    bool has = k->size && k->slots[slot_of(k, v)] == v;
    pthread_mutex_unlock(&k->lock);
    return has;
}

void store__known_forget(struct store__known *k)
{
    pthread_mutex_lock(&k->lock);
    free(k->slots);
    k->slots = NULL;
    k->n = k->size = 0;
    pthread_mutex_unlock(&k->lock);
}

void store__known_add(struct store__known *k, uint64_t v)
{
    pthread_mutex_lock(&k->lock);
    if ((k->n + 1) * 2 > k->size) {
        struct store__known bigger = {.size = k->size ? k->size * 2 : 1024};
        if (bigger.size > KNOWN_MAX)
            bigger.size = 1024; /* start over: an entry that is sent again does no harm */
        bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
        if (!bigger.slots) {
            pthread_mutex_unlock(&k->lock);
            return;
        }
        for (size_t i = 0; bigger.size > k->size && i < k->size; i++)
            if (k->slots[i])
                bigger.slots[slot_of(&bigger, k->slots[i])] = k->slots[i];
        free(k->slots);
        k->slots = bigger.slots;
        k->n = bigger.size > k->size ? k->n : 0;
        k->size = bigger.size;
    }
    size_t i = slot_of(k, v);
    k->n += k->slots[i] != v;
    k->slots[i] = v;
    pthread_mutex_unlock(&k->lock);
}
