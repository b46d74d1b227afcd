/*
 * The expansions of a view: a search by a value set asks for the same again and again. A view never changes, so nothing
 * here does; a new view begins with none.
 */
#include <pthread.h>
#include <stdlib.h>

#include "internal.h"

enum { SETS_MAX = 1024, CONCEPTS_MAX = 1 << 20 };

struct cache {
    pthread_mutex_t lock;
    size_t n, concepts;
    struct {
        const struct terminology_valueset *set;
        struct terminology_expansion expansion;
    } items[SETS_MAX];
};

static void *make(const struct conformance_view *v)
{
    (void)v;
    struct cache *c = calloc(1, sizeof *c);
    if (c)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void release(void *cache)
{
    struct cache *c = cache;
    for (size_t i = 0; i < c->n; i++)
        free((void *)c->items[i].expansion.concepts);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static size_t find(const struct cache *c, const struct terminology_valueset *s)
{
    size_t i = 0;
    while (i < c->n && c->items[i].set != s)
        i++;
    return i;
}

static struct cache *cache_of(const struct conformance_view *v)
{
    return conformance_slot(v, CONFORMANCE_EXPANSIONS, make, release);
}

bool terminology__cache_find(const struct conformance_view *v, const struct terminology_valueset *s,
                             struct terminology_expansion *out)
{
    struct cache *c = cache_of(v);
    if (!c)
        return false;
    pthread_mutex_lock(&c->lock);
    size_t i = find(c, s);
    bool found = i < c->n;
    if (found)
        *out = c->items[i].expansion;
    pthread_mutex_unlock(&c->lock);
    return found;
}

void terminology__cache_keep(const struct conformance_view *v, const struct terminology_valueset *s,
                             const struct terminology_expansion *e)
{
    struct cache *c = cache_of(v);
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    struct terminology_concept *copy = NULL;
    if (c->n < SETS_MAX && c->concepts + e->n <= CONCEPTS_MAX && find(c, s) == c->n)
        copy = malloc(sizeof *copy * (e->n + 1));
    if (copy) {
        if (e->n)
            memcpy(copy, e->concepts, sizeof *copy * e->n);
        c->items[c->n].set = s;
        c->items[c->n].expansion = *e;
        c->items[c->n++].expansion.concepts = copy;
        c->concepts += e->n;
    }
    pthread_mutex_unlock(&c->lock);
}
