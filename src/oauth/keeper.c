/* The thread that follows the database: once a second the keys and what is revoked, now and then what has expired. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { FOLLOW_US = 1000 * 1000, TEND_US = 60 * 1000 * 1000 };

/* They come in the order of their bytes, which is memcmp()'s. */
static bool follow_revoked(struct oauth *o, struct db_conn *conn, struct arena *a, struct err *err)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, "oauth-revoked");
    sql_addf(&q, "SELECT digest FROM oauth_revoked WHERE tenant = $%d AND until > now() ORDER BY digest",
             sql_int4(&q, o->base.tenant));
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    size_t n = (size_t)db_count(rows), kept = 0;
    uint8_t(*ids)[16] = arena_alloc(a, n * 16 + 1);
    for (size_t i = 0; i < n; i++) {
        struct str digest = db_text(rows, (int)i, 0);
        if (digest.len == 16)
            memcpy(ids[kept++], digest.s, 16);
    }
    struct str now = {(char *)ids, kept * 16};
    if (o->revoked.s && str_eq(o->revoked, now))
        return true;
    auth_own_revoked(o->auth, (const uint8_t(*)[16])ids, kept);
    char *copy = malloc(now.len + 1);
    if (!copy)
        abort();
    memcpy(copy, now.s, now.len);
    free((char *)(uintptr_t)o->revoked.s);
    o->revoked = (struct str){copy, now.len};
    return true;
}

static bool follow_keys(struct oauth *o, struct db_conn *conn, struct err *err)
{
    struct oauth__ring *ring = o->ring;
    if (ring)
        atomic_fetch_add(&ring->refs, 1); /* reading lets go of it */
    if (!oauth__ring_read(&o->base, conn, &ring, err) ||
        (ring != o->ring && !auth_own_keys(o->auth, o->issuer, ring->jwks, err))) {
        oauth__ring_unref(ring);
        return false;
    }
    pthread_mutex_lock(&o->lock);
    struct oauth__ring *old = o->ring;
    o->ring = ring;
    pthread_mutex_unlock(&o->lock);
    oauth__ring_unref(old);
    return true;
}

bool oauth__follow(struct oauth *o, struct db_conn *conn, struct err *err)
{
    struct arena a;
    arena_init(&a, 0);
    pthread_mutex_lock(&o->keeper_lock);
    bool ok = follow_keys(o, conn, err) && follow_revoked(o, conn, &a, err);
    pthread_mutex_unlock(&o->keeper_lock);
    arena_release(&a);
    return ok;
}

static bool forget_expired(struct oauth *o, struct db_conn *conn, struct arena *a, struct err *err)
{
    static const char *const tables[] = {"oauth_revoked", "oauth_assertion", "oauth_flow",
                                         "oauth_launch",  "oauth_secret",    "oauth_grant"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct sql q;
        sql_init(&q, a, NULL);
        sql_addf(&q, "DELETE FROM %s WHERE tenant = $%d AND until < now()", tables[i],
                 sql_int4(&q, o->base.tenant));
        if (!db_exec(conn, a, &q, NULL, err))
            return false;
    }
    return true;
}

static bool tend(struct oauth *o, struct db_conn *conn, struct err *err)
{
    struct arena a;
    const char *kid;
    arena_init(&a, 0);
    bool ok = oauth__key_tend(&o->base, conn, &a, atomic_load(&o->config)->oauth_key_ttl, &kid, err) &&
              forget_expired(o, conn, &a, err);
    arena_release(&a);
    return ok;
}

/* False: it is to end. */
static bool pause_keeper(struct oauth *o)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FOLLOW_US / 1000000;
    pthread_mutex_lock(&o->stop_lock);
    if (!o->stop)
        pthread_cond_timedwait(&o->stop_wake, &o->stop_lock, &until);
    bool go_on = !o->stop;
    pthread_mutex_unlock(&o->stop_lock);
    return go_on;
}

static void *run(void *arg)
{
    struct oauth *o = arg;
    struct db_conn *conn = NULL;
    int64_t tend_us = 0;
    bool failing = false;
    do {
        struct err err;
        bool due = clock_mono_us() >= tend_us;
        bool ok = (conn || db_open(&o->own, &conn, &err)) && oauth__follow(o, conn, &err) &&
                  (!due || tend(o, conn, &err));
        if (ok && due)
            tend_us = clock_mono_us() + TEND_US;
        if (!ok && !failing)
            log_event(LOG_WARN, "oauth.not-followed", LOG_S("reason", err.msg), LOG_S("detail", err.detail));
        failing = !ok;
    } while (pause_keeper(o));
    if (conn)
        db_close(conn);
    return NULL;
}

bool oauth__keeper_start(struct oauth *o, struct err *err)
{
    int failed = pthread_create(&o->keeper, NULL, run, o);
    o->keeping = !failed;
    return !failed || err_detail(err, ERR_INTERNAL, "The thread that follows keys cannot be started.", "%s",
                                 strerror(failed));
}

void oauth__keeper_stop(struct oauth *o)
{
    pthread_mutex_lock(&o->stop_lock);
    o->stop = true;
    pthread_cond_signal(&o->stop_wake);
    pthread_mutex_unlock(&o->stop_lock);
    if (o->keeping)
        pthread_join(o->keeper, NULL);
}
