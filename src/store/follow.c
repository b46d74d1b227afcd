/*
 * The thread that tells the cache what other servers have written (store/cache.h). It asks for the versions that its
 * snapshot shows and the last one did not: a long transaction, which holds the change feed up, delays nothing here.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum {
    PARTS = 4, /* so often in cache.max_age */
    LEAST_AGE_US = 40 * 1000,
    MOST = 20000,                /* versions at a time; when there are more, all goes */
    QUIET_US = 30 * 1000 * 1000, /* a connection to a host that is gone is given up within 20 s */
};

enum { CHANGES_EPOCH, CHANGES_NOW, CHANGES_SEEN, CHANGES_RTYPE, CHANGES_RID, CHANGES_VER };

struct store__follower {
    struct store__cache *cache;
    struct config config;
    int32_t tenant;
    struct arena a, known_a; /* of one question; of the two below */
    struct db_conn *conn;
    struct str epoch, snapshot; /* s NULL: nothing known yet */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, delayed;
};

/* First versions are left out: nobody can have kept an older one. */
static void changes_plan(const struct store__follower *f, struct sql *q)
{
    sql_init(q, q->a, NULL);
    sql_adds(
        q,
        "SELECT e.epoch, e.now::text, pg_snapshot_xmin(e.now), h.rtype, h.rid, h.ver FROM (SELECT "
        "kagari_epoch() AS epoch, pg_current_snapshot() AS now) e LEFT JOIN LATERAL (SELECT rtype, rid, ver "
        "FROM res_history WHERE ");
    sql_addf(q, "tenant = $%d", sql_int4(q, f->tenant));
    if (f->snapshot.s) {
        int before = sql_text(q, f->snapshot);
        sql_addf(q,
                 " AND xid >= pg_snapshot_xmin($%d::text::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, "
                 "$%d::text::pg_snapshot) AND ver > 1 ORDER BY xid, k LIMIT %d) h ON true",
                 before, before, MOST + 1);
    } else {
        sql_adds(q, " LIMIT 0) h ON true");
    }
}

static bool follow(struct store__follower *f, struct err *err)
{
    struct sql q = {.a = &f->a};
    const struct db_rows *rows;
    const int64_t asked_us = clock_mono_us();
    arena_clear(&f->a);
    changes_plan(f, &q);
    if (!db_exec(f->conn, &f->a, &q, &rows, err))
        return false;
    const struct str epoch = db_text(rows, 0, CHANGES_EPOCH), now = db_text(rows, 0, CHANGES_NOW);
    const bool other = f->epoch.s && !str_eq(epoch, f->epoch);
    if (other) {
        log_event(LOG_WARN, "cache-begins-anew", LOG_S("reason", "failover or restore"));
        store__cache_quiet(f->cache, clock_mono_us() + QUIET_US);
    }
    if (other || !f->snapshot.s || db_count(rows) > MOST)
        store__cache_clear(f->cache);
    else
        for (int i = 0; i < db_count(rows) && !db_null(rows, i, CHANGES_RTYPE); i++)
            store__cache_changed(f->cache, db_int2(rows, i, CHANGES_RTYPE), db_text(rows, i, CHANGES_RID),
                                 db_int4(rows, i, CHANGES_VER));
    arena_clear(&f->known_a);
    f->epoch = (struct str){arena_strndup(&f->known_a, epoch.s, epoch.len), epoch.len};
    f->snapshot = (struct str){arena_strndup(&f->known_a, now.s, now.len), now.len};
    store__cache_known(f->cache, asked_us, db_int8(rows, 0, CHANGES_SEEN));
    return true;
}

/* False: it is to end. */
static bool pause_for(struct store__follower *f, int64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&f->lock);
    while (!f->stop && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
        continue;
    const bool go_on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct store__follower *f = arg;
    const int64_t step_us = f->config.cache_max_age / PARTS;
    int64_t begun_us;
    do {
        struct err err;
        begun_us = clock_mono_us();
        const bool ok = follow(f, &err);
        if (!ok && !f->delayed)
            log_event(LOG_WARN, "cache-delayed", LOG_S("kind", err_kind_name(err.kind)),
                      LOG_S("detail", err.detail));
        f->delayed = !ok;
        begun_us = clock_mono_us() - begun_us; /* how long it took */
    } while (pause_for(f, begun_us < step_us ? step_us - begun_us : begun_us));
    return NULL;
}

bool store__follow_start(const struct store *s, const struct config *config, struct store__follower **out,
                         struct err *err)
{
    if (config->cache_max_age < LEAST_AGE_US)
        return err_set(err, ERR_INVALID, "cache.max_age is at least %d ms", LEAST_AGE_US / 1000);
    struct store__follower *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(err, ERR_INTERNAL, "out of memory");
    *f = (struct store__follower){.cache = s->cache, .config = *config, .tenant = s->tenant.id};
    arena_init(&f->a, 0);
    arena_init(&f->known_a, 0);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = f;
    if (!db_open(&f->config, &f->conn, err))
        return false;
    if (pthread_create(&f->thread, NULL, run, f) != 0)
        return err_set(err, ERR_INTERNAL, "cannot start the thread of the cache");
    return true;
}

void store__follow_stop(struct store__follower *f)
{
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->thread)
        pthread_join(f->thread, NULL);
    if (f->conn)
        db_close(f->conn);
    arena_release(&f->a);
    arena_release(&f->known_a);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->wake);
    free(f);
}
