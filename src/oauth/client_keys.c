/* The keys that a client publishes at its jwks_uri. One fetch a client at a time, and not more than one in half a minute
 * whatever tokens say: an assertion is checked only after its keys are there, so strangers could ask for it. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum {
    KEPT_US = 300 * 1000 * 1000,
    AGAIN_US = 30 * 1000 * 1000,
    TIMEOUT_US = 5 * 1000 * 1000,
    CLIENTS = 256
};

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
    struct oauth__fetched *f = n < CLIENTS ? calloc(1, sizeof *f + strlen(url) + 1) : NULL;
    if (!f)
        return NULL;
    memcpy(f->url, url, strlen(url) + 1);
    f->next = o->fetched;
    return o->fetched = f;
}

static void fetch(struct oauth__call *c, struct oauth__fetched *f)
{
    struct str text;
    struct err err;
    struct jwks *keys;
    bool ok = http_get(c->a, f->url, TIMEOUT_US, JWKS_MAX, &text, &err) && jwks_parse(text, &keys, &err);
    char *copy = ok ? malloc(text.len + 1) : NULL;
    if (ok)
        jwks_free(keys);
    else
        log_event(LOG_WARN, "oauth.client-keys", LOG_S("reason", err.msg), LOG_S("detail", err.detail));
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

static void free_keys(void *keys)
{
    jwks_free(keys);
}

static bool parse(struct arena *a, struct str text, const struct jwks **out, struct err *err)
{
    struct jwks *keys;
    if (!jwks_parse(text, &keys, err))
        return false;
    arena_cleanup(a, free_keys, keys);
    *out = keys;
    return true;
}

bool oauth__client_jwks(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        struct str *text, struct err *err)
{
    if (client->jwks) {
        *text = json_text(c->a, client->jwks);
        return true;
    }
    char *copy = arena_alloc(c->a, JWKS_MAX);
    size_t len = 0;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&c->o->lock);
    struct oauth__fetched *f = find(c->o, client->jwks_uri);
    int64_t wait = f && f->text && !anew ? KEPT_US : AGAIN_US;
    bool due = f && !f->fetching && (f->tried_us == 0 || now >= f->tried_us + wait);
    if (due) {
        f->fetching = true;
        f->tried_us = now;
    }
    pthread_mutex_unlock(&c->o->lock);
    if (due)
        fetch(c, f); /* places are not freed before the end */
    pthread_mutex_lock(&c->o->lock);
    if (f && f->text) {
        len = f->len;
        memcpy(copy, f->text, len);
    }
    pthread_mutex_unlock(&c->o->lock);
    if (!len)
        return err_set(err, ERR_LOGIN,
                       "The client's keys cannot be fetched from its jwks_uri; try again later.");
    *text = (struct str){copy, len};
    return true;
}

bool oauth__client_keys(struct oauth__call *c, const struct oauth__client *client, bool anew,
                        const struct jwks **out, struct err *err)
{
    struct str text;
    return oauth__client_jwks(c, client, anew, &text, err) && parse(c->a, text, out, err);
}
