/* The rings that requests put entries into, and the thread that empties them. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/utf8.h"
#include "fhir/primitive.h"
#include "internal.h"

enum { TURN_US = 250 * 1000, SYNC_US = 1000 * 1000, KNOWN = 1024, REFUSE = 1, RETRY_US = 1000 * 1000 };

/* Words that a ring has carried lately, by a hash; one that is carried again does no harm. */
struct audit__known {
    struct {
        uint64_t hash;
        int64_t key;
    } slots[KNOWN];
};

static const struct hash_key word_hash = {UINT64_C(0x6b6167617269), UINT64_C(0x776f726473)};

const char *audit__directory(const struct config *c)
{
    static const char service[] = "STATE_DIRECTORY";
    return *c->audit_directory ? c->audit_directory : getenv(service);
}

/* ---- putting ---------------------------------------------------------------------------------------------------------- */

static bool put_word(struct audit__lane *l, int16_t kind, struct str text, uint64_t hash, int64_t *key)
{
    uint8_t record[AUDIT__RECORD];
    struct audit__word w = {.kind = kind, .text = text};
    if (utf8_valid_prefix(text.s, text.len) != text.len)
        return false;
    w.key = *key = audit__word_key(kind, text);
    if (!audit__ring_put(l->ring, record, audit__word_write(&w, record)))
        return false;
    l->known->slots[hash % KNOWN].hash = hash;
    l->known->slots[hash % KNOWN].key = w.key;
    return true;
}

static bool known(const struct audit__lane *l, uint64_t hash, int64_t *key)
{
    *key = l->known->slots[hash % KNOWN].key;
    return l->known->slots[hash % KNOWN].hash == hash;
}

/* The key is that of the word also when there was no room for it. */
static int64_t agent_key(struct audit__lane *l, const struct audit_who *who)
{
    char text[AUDIT__TEXT];
    int64_t key = 0;
    if (!who->subject.len && !who->client.len && !who->address.len)
        return 0;
    uint64_t hash =
        hash_strs(&word_hash, who->subject, who->client, who->issuer, who->level, who->address) | 1;
    if (!known(l, hash, &key)) {
        size_t len = audit__agent_text(who, text);
        put_word(l, AUDIT__AGENT, (struct str){text, len}, hash, &key);
    }
    return key;
}

static int64_t shape_key(struct audit__lane *l, struct str shape)
{
    int64_t key = 0;
    if (shape.len > AUDIT__TEXT)
        shape.len = AUDIT__TEXT;
    if (!shape.len)
        return 0;
    uint64_t hash = hash_strs(&word_hash, shape) | 1;
    if (!known(l, hash, &key))
        put_word(l, AUDIT__SHAPE, shape, hash, &key);
    return key;
}

static bool put_entry(struct audit__lane *l, const struct audit__entry *e)
{
    uint8_t record[AUDIT__RECORD];
    return audit__ring_put(l->ring, record, audit__entry_write(e, record));
}

/* Those that there was no room for, as soon as there is some. */
static void tell_lost(struct audit__lane *l, int64_t at_us)
{
    int64_t lost = atomic_load_explicit(&l->lost, memory_order_relaxed);
    if (lost == l->told)
        return;
    struct audit__entry e = {
        .op = AUDIT_LOST, .status = 507, .at_us = at_us, .shown = (int32_t)(lost - l->told)};
    if (put_entry(l, &e))
        l->told = lost;
}

static struct audit__lane *lane(struct audit *a, int ring)
{
    return &a->lanes[ring >= 0 && ring < a->n ? ring : 0];
}

bool audit_put(struct audit *a, int ring, const struct audit_who *who, const struct audit_event *e)
{
    struct audit__lane *l = lane(a, ring);
    uint8_t room[17];
    struct audit__entry x = {.op = (int16_t)e->op,
                             .status = (int16_t)e->status,
                             .at_us = e->at_us,
                             .rtype = e->type ? (int16_t)e->type->id : 0,
                             .id = fhir_id_valid(e->id) ? e->id : (struct str){NULL, 0},
                             .ver = e->ver,
                             .shown = e->shown,
                             .purpose = (int16_t)e->purpose,
                             .find = (int16_t)e->find,
                             .request = audit__request_bytes(e->request, room)};
    size_t done = 0;
    bool ok = true;
    pthread_mutex_lock(&l->lock);
    tell_lost(l, e->at_us);
    x.agent = agent_key(l, who);
    x.shape = shape_key(l, e->shape);
    do { /* more patients than an entry takes: several entries */
        x.pats = e->pats + done;
        x.n_pats = e->n_pats - done > AUDIT__PATS ? AUDIT__PATS : e->n_pats - done;
        done += x.n_pats;
        ok = put_entry(l, &x);
    } while (ok && done < e->n_pats);
    if (!ok)
        atomic_fetch_add_explicit(&l->lost, 1, memory_order_relaxed);
    pthread_mutex_unlock(&l->lock);
    if (ok)
        return true;
    metrics_add(METRIC_AUDIT_LOST, 1);
    atomic_store(&a->full, true);
    return atomic_load(&a->config)->audit_when_full != REFUSE;
}

bool audit_refuses(struct audit *a)
{
    return atomic_load_explicit(&a->full, memory_order_relaxed) &&
           atomic_load(&a->config)->audit_when_full == REFUSE;
}

int64_t audit_agent(struct audit *a, int ring, const struct audit_who *who)
{
    struct audit__lane *l = lane(a, ring);
    pthread_mutex_lock(&l->lock);
    int64_t key = agent_key(l, who);
    pthread_mutex_unlock(&l->lock);
    return key;
}

void audit_state(struct audit *a, struct audit_state *out)
{
    *out = (struct audit_state){.durable = a->dir != NULL};
    bool full = false;
    for (int i = 0; i < a->n; i++) {
        size_t used = audit__ring_used(a->lanes[i].ring), room = audit__ring_room(a->lanes[i].ring);
        out->lost += atomic_load(&a->lanes[i].lost);
        out->pending_bytes += (int64_t)used;
        out->room_bytes += (int64_t)room;
        full |= room - used < 2 * AUDIT__RECORD;
    }
    atomic_store(&a->full, full);
    out->refusing = full && atomic_load(&a->config)->audit_when_full == REFUSE;
}

/* ---- the thread ------------------------------------------------------------------------------------------------------- */

/* Rings of servers that are no more. */
static bool ship_left(struct audit *a, struct err *err)
{
    DIR *d = a->dir ? opendir(a->dir) : NULL;
    bool ok = true;
    for (struct dirent *e; ok && d && (e = readdir(d));) {
        struct audit__ring *r;
        struct err why;
        char path[4096];
        if (strncmp(e->d_name, AUDIT__RING, strlen(AUDIT__RING)) != 0 ||
            snprintf(path, sizeof path, "%s/%s", a->dir, e->d_name) >= (int)sizeof path)
            continue;
        if (!audit__ring_adopt(path, &r, &why)) {
            if (why.kind != ERR_CONFLICT)
                log_event(LOG_ERROR, "audit-damaged", LOG_S("file", e->d_name), LOG_S("detail", why.detail));
            continue;
        }
        ok = audit__ship(a, r, err);
        audit__ring_close(r);
    }
    if (d)
        closedir(d);
    return ok;
}

bool audit_turn(struct audit *a, struct err *err)
{
    if (!a->conn && !db_open(a->fixed, &a->conn, err))
        return false;
    if (!a->took_left && !ship_left(a, err))
        return false;
    a->took_left = true;
    for (int i = 0; i < a->n; i++)
        if (!audit__ship(a, a->lanes[i].ring, err))
            return false;
    return audit__seal_all(a, err);
}

static bool pause_for(struct audit *a, int64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + us * 1000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&a->lock);
    if (!a->stop)
        pthread_cond_timedwait(&a->wake, &a->lock, &until);
    bool go_on = !a->stop;
    pthread_mutex_unlock(&a->lock);
    return go_on;
}

static void sync_rings(struct audit *a)
{
    if (!atomic_load(&a->config)->audit_sync || clock_mono_us() - a->synced_us < SYNC_US)
        return;
    a->synced_us = clock_mono_us();
    for (int i = 0; i < a->n; i++)
        if (audit__ring_used(a->lanes[i].ring) && !audit__ring_sync(a->lanes[i].ring))
            log_event(LOG_ERROR, "audit-unsynced", LOG_S("detail", strerror(errno)));
}

static void tell_full(struct audit *a)
{
    struct audit_state s;
    audit_state(a, &s);
    if (s.lost != a->told_lost)
        log_event(LOG_ERROR, "audit-full", LOG_I("lost", s.lost - a->told_lost),
                  LOG_S("policy", atomic_load(&a->config)->audit_when_full == REFUSE ? "refuse" : "serve"));
    a->told_lost = s.lost;
}

static void *run(void *arg)
{
    struct audit *a = arg;
    int64_t pause_us;
    do {
        struct err err;
        int64_t begun = clock_mono_us();
        bool ok = audit_turn(a, &err);
        if (!ok) {
            if (a->conn)
                db_rollback(a->conn);
            log_event(LOG_WARN, "audit-delayed", LOG_S("kind", err_kind_name(err.kind)),
                      LOG_S("detail", err.detail));
        }
        sync_rings(a);
        tell_full(a);
        int64_t took = clock_mono_us() - begun;
        pause_us = !ok ? RETRY_US : took < TURN_US ? TURN_US - took : 1;
    } while (pause_for(a, pause_us));
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static bool use_directory(struct audit *a, const struct config *c, struct err *err)
{
    const char *dir = audit__directory(c);
    if (!dir) {
        log_event(LOG_WARN, "audit-in-memory",
                  LOG_S("reason", "audit.directory is not set: entries of reads end with the process"));
        return true;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_INVALID, "%s (audit.directory): %s", dir, strerror(errno));
    a->dir = arena_strdup(&a->a, dir);
    return true;
}

static bool make_rings(struct audit *a, const struct config *c, struct err *err)
{
    for (int i = 0; i < a->n; i++) {
        struct audit__lane *l = &a->lanes[i];
        pthread_mutex_init(&l->lock, NULL);
        l->known = ARENA_NEW(&a->a, struct audit__known);
        if (!audit__ring_new(a->dir, (size_t)c->audit_room, &l->ring, err))
            return false;
    }
    return true;
}

bool audit_new(const struct config *c, int rings, struct audit **out, struct err *err)
{
    struct audit *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(err, ERR_INTERNAL, "out of memory");
    arena_init(&a->a, 0);
    arena_init(&a->turn, 0);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, NULL);
    atomic_store(&a->config, c);
    a->n = rings;
    a->lanes = ARENA_ARRAY(&a->a, struct audit__lane, rings);
    if (!use_directory(a, c, err) || !make_rings(a, c, err)) {
        audit_free(a);
        return false;
    }
    *out = a;
    return true;
}

bool audit_begin(struct audit *a, const struct config *c, int32_t tenant, int16_t patient, struct err *err)
{
    a->fixed = c;
    a->tenant = tenant;
    a->patient = patient;
    return audit__key(c, &a->a, true, &a->key, err);
}

bool audit_start(struct audit *a, const struct config *c, int32_t tenant, int16_t patient, struct err *err)
{
    if (!audit_begin(a, c, tenant, patient, err))
        return false;
    a->started = pthread_create(&a->thread, NULL, run, a) == 0;
    return a->started || err_set(err, ERR_INTERNAL, "cannot start the thread of the audit log");
}

void audit_configure(struct audit *a, const struct config *c)
{
    atomic_store(&a->config, c);
}

void audit_free(struct audit *a)
{
    struct err err;
    if (a->started) {
        pthread_mutex_lock(&a->lock);
        a->stop = true;
        pthread_cond_signal(&a->wake);
        pthread_mutex_unlock(&a->lock);
        pthread_join(a->thread, NULL);
        if (!audit_turn(a, &err))
            log_event(LOG_WARN, "audit-delayed", LOG_S("detail", err.detail));
    }
    if (a->conn)
        db_close(a->conn);
    for (int i = 0; i < a->n; i++) {
        if (a->lanes[i].ring)
            audit__ring_close(a->lanes[i].ring);
        pthread_mutex_destroy(&a->lanes[i].lock);
    }
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->wake);
    arena_release(&a->turn);
    arena_release(&a->a);
    free(a);
}
