/* The thread that keeps the keys of auth.jwks_url fresh. Requests only ever leave it a note. */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http.h"
#include "internal.h"

#define SECOND     INT64_C(1000000)
#define TIMEOUT_US (5 * SECOND)
/* Keys that the issuer withdraws are forgotten after this at the latest. */
#define REFRESH_US (3600 * SECOND)
#define NEVER      INT64_MAX

/* When the next fetch may start; the caller holds refresh_lock. Without any key, which lets nobody log in, it
 * is tried again after 1 s, 2 s, 4 s … */
static int64_t next_fetch(const struct auth *au, const struct auth__state *st)
{
    int64_t wait = st->settings.min_refresh_us;
    if (!*st->settings.jwks_url)
        return NEVER;
    if (au->tried_us == 0)
        return 0;
    if (!st->keys) {
        int64_t backoff = SECOND / 2 << (au->failures < 20 ? au->failures : 20);
        wait = backoff < wait ? backoff : wait;
    } else if (!au->wanted && wait < REFRESH_US) {
        wait = REFRESH_US;
    }
    return au->tried_us + wait;
}

/* Puts text in place of the keys of st's URL, unless they are the same or the settings have changed
 * meanwhile. */
static bool replace_keys(struct auth *au, const struct auth__state *st, struct str text, struct err *err)
{
    bool ok = true;
    pthread_mutex_lock(&au->writer);
    const struct auth__state *now = au->current;
    if (strcmp(now->settings.jwks_url, st->settings.jwks_url) == 0 &&
        !(now->keys && str_eq(now->jwks_text, text))) {
        struct auth__state *fresh;
        ok = auth__state_new(&now->settings, text, &now->own, &fresh, err);
        if (ok) {
            log_event(LOG_INFO, "jwks.fetched", LOG_I("keys", jwks_count(fresh->keys)));
            auth__swap(au, fresh);
        }
    }
    pthread_mutex_unlock(&au->writer);
    return ok;
}

static bool fetch(struct auth *au, const struct auth__state *st)
{
    struct arena a;
    struct str text;
    struct err err;
    arena_init(&a, 0);
    bool ok = http_get(&a, st->settings.jwks_url, TIMEOUT_US, JWKS_MAX, &text, &err) &&
              replace_keys(au, st, text, &err);
    if (!ok)
        log_event(LOG_WARN, "jwks.fetch-failed", LOG_S("reason", err.msg), LOG_S("detail", err.detail));
    arena_release(&a);
    return ok;
}

static void wait_until(struct auth *au, int64_t mono_us)
{
    if (mono_us == NEVER) {
        pthread_cond_wait(&au->refresh_wake, &au->refresh_lock);
        return;
    }
    struct timespec at = {.tv_sec = mono_us / SECOND, .tv_nsec = mono_us % SECOND * 1000};
    pthread_cond_timedwait(&au->refresh_wake, &au->refresh_lock, &at);
}

static void *run(void *arg)
{
    struct auth *au = arg;
    pthread_mutex_lock(&au->refresh_lock);
    while (!au->stop) {
        struct auth__state *st = auth__current(au);
        int64_t now = clock_mono_us(), due = next_fetch(au, st);
        if (now < due) {
            auth__state_unref(st);
            wait_until(au, due);
            continue;
        }
        au->tried_us = now;
        au->wanted = false;
        pthread_mutex_unlock(&au->refresh_lock);
        bool ok = fetch(au, st);
        auth__state_unref(st);
        pthread_mutex_lock(&au->refresh_lock);
        au->failures = ok ? 0 : au->failures + 1;
    }
    pthread_mutex_unlock(&au->refresh_lock);
    return NULL;
}

bool auth__refresh_start(struct auth *au, struct err *err)
{
    int failed = pthread_create(&au->refresher, NULL, run, au);
    au->refreshing = !failed;
    return !failed || err_detail(err, ERR_INTERNAL, "The thread that fetches keys cannot be started.", "%s",
                                 strerror(failed));
}

void auth__refresh_reload(struct auth *au, bool at_once)
{
    pthread_mutex_lock(&au->refresh_lock);
    if (at_once)
        au->tried_us = au->failures = 0;
    pthread_cond_signal(&au->refresh_wake);
    pthread_mutex_unlock(&au->refresh_lock);
}

void auth__refresh_want(struct auth *au)
{
    pthread_mutex_lock(&au->refresh_lock);
    if (!au->wanted) {
        au->wanted = true;
        pthread_cond_signal(&au->refresh_wake);
    }
    pthread_mutex_unlock(&au->refresh_lock);
}

void auth__refresh_stop(struct auth *au)
{
    pthread_mutex_lock(&au->refresh_lock);
    au->stop = true;
    pthread_cond_signal(&au->refresh_wake);
    pthread_mutex_unlock(&au->refresh_lock);
    if (au->refreshing)
        pthread_join(au->refresher, NULL);
}
