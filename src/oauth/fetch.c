/* What others publish at a URL, kept for minutes. One fetch a URL at a time, and not more than one in half a minute whatever
 * tokens say: an assertion is checked only after its keys are there, so strangers could ask for it. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { KEPT_US = 300 * 1000 * 1000, AGAIN_US = 30 * 1000 * 1000, URLS = 256 };

struct oauth__fetched {
    struct oauth__fetched *next;
    int64_t tried_us;
    bool fetching;
    char *text; /* NULL: none yet */
    size_t len;
    char url[]; /* its name */
};

void oauth__fetched_free(struct oauth__fetched *f)
{
    for (struct oauth__fetched *next; f; f = next) {
        next = f->next;
        free(f->text);
        free(f);
    }
}

/* The caller holds the lock. NULL: there is no room. */
static struct oauth__fetched *find(struct oauth *o, const char *url)
{
    size_t n = 0;
    for (struct oauth__fetched *f = o->fetched; f; f = f->next, n++)
        if (strcmp(f->url, url) == 0)
            return f;
    struct oauth__fetched *f = n < URLS ? calloc(1, sizeof *f + strlen(url) + 1) : NULL;
    if (!f)
        return NULL;
    memcpy(f->url, url, strlen(url) + 1);
    f->next = o->fetched;
    return o->fetched = f;
}

static bool get(struct oauth__call *c, const struct oauth__source *s, struct str *text, struct err *err)
{
    int status;
    const struct http_call call = {.method = HTTP_GET,
                                   .url = s->url,
                                   .ca_file = s->ca_file,
                                   .timeout_us = OAUTH__PATIENCE_US,
                                   .max = OAUTH__FETCH_MAX};
    return http_call(c->a, &call, &status, text, err) &&
           (status == 200 || err_set(err, ERR_BUSY, "%s answers with status %d", s->url, status)) &&
           s->sound(c->a, *text, s->arg, err);
}

static void fetch(struct oauth__call *c, const struct oauth__source *s, struct oauth__fetched *f)
{
    struct str text;
    struct err err;
    bool ok = get(c, s, &text, &err);
    char *copy = ok ? malloc(text.len + 1) : NULL;
    if (!ok)
        log_event(LOG_WARN, "oauth.not-fetched", LOG_S("reason", err.msg), LOG_S("detail", err.detail));
    if (copy)
        memcpy(copy, text.s, text.len);
    pthread_mutex_lock(&c->o->lock);
    if (copy) {
        free(f->text);
        f->text = copy;
        f->len = text.len;
    }
    f->fetching = false;
    pthread_mutex_unlock(&c->o->lock);
}

bool oauth__fetch(struct oauth__call *c, const struct oauth__source *s, bool anew, struct str *text,
                  struct err *err)
{
    char *copy = arena_alloc(c->a, OAUTH__FETCH_MAX);
    size_t len = 0;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&c->o->lock);
    struct oauth__fetched *f = find(c->o, s->url);
    int64_t wait = f && f->text && !anew ? KEPT_US : AGAIN_US;
    bool due = f && !f->fetching && (f->tried_us == 0 || now >= f->tried_us + wait);
    if (due) {
        f->fetching = true;
        f->tried_us = now;
    }
    pthread_mutex_unlock(&c->o->lock);
    if (due)
        fetch(c, s, f); /* places are not freed before the end */
    pthread_mutex_lock(&c->o->lock);
    if (f && f->text) {
        len = f->len;
        memcpy(copy, f->text, len);
    }
    pthread_mutex_unlock(&c->o->lock);
    *text = (struct str){copy, len};
    return len || err_set(err, ERR_LOGIN, "%s", s->missing);
}

bool oauth__sound_keys(struct arena *a, struct str text, const void *arg, struct err *err)
{
    struct jwks *keys;
    (void)a, (void)arg;
    if (!jwks_parse(text, &keys, err))
        return false;
    jwks_free(keys);
    return true;
}

static void free_keys(void *keys)
{
    jwks_free(keys);
}

bool oauth__parse_keys(struct arena *a, struct str text, const struct jwks **out, struct err *err)
{
    struct jwks *keys;
    if (!jwks_parse(text, &keys, err))
        return false;
    arena_cleanup(a, free_keys, keys);
    *out = keys;
    return true;
}
