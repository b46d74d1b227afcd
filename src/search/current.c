/*
 * A holder adds itself to the place that it believes to be in force, then looks whether it still is; if not, it steps
 * back and tries again. Places are never freed, so stepping into an old one does no harm; and one that is not in force
 * and is held by nobody can only be stepped into and out of again.
 */
#include "search/current.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "internal.h"

enum { LANES = 16 };

struct lane {
    _Alignas(64) atomic_long held;
};

struct place {
    struct search_hold hold;
    struct arena a; /* of the snapshot */
    struct lane lanes[LANES];
};

struct search_current {
    const struct search_registry *base;
    atomic_int at;
    struct place places[SEARCH_SEATS];
};

struct search_current *search_current_new(const struct search_registry *base)
{
    struct search_current *c = aligned_alloc(64, sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    c->base = base;
    c->places[0].hold.registry = base;
    for (int i = 0; i < SEARCH_SEATS; i++) {
        c->places[i].hold.seat = i;
        arena_init(&c->places[i].a, 0);
    }
    return c;
}

void search_current_free(struct search_current *c)
{
    for (int i = 0; i < SEARCH_SEATS; i++)
        arena_release(&c->places[i].a);
    free(c);
}

static void let_go(void *held)
{
    atomic_fetch_sub((atomic_long *)held, 1);
}

const struct search_hold *search_hold(struct search_current *c, struct arena *a, unsigned lane)
{
    for (;;) {
        int at = atomic_load(&c->at);
        atomic_long *held = &c->places[at].lanes[lane % LANES].held;
        atomic_fetch_add(held, 1);
        if (atomic_load(&c->at) == at) {
            arena_cleanup(a, let_go, held);
            return &c->places[at].hold;
        }
        atomic_fetch_sub(held, 1);
    }
}

static bool is_held(const struct place *p)
{
    for (int i = 0; i < LANES; i++)
        if (atomic_load(&p->lanes[i].held))
            return true;
    return false;
}

bool search_publish(struct search_current *c, int64_t generation, const struct search_custom *list, size_t n)
{
    int at = atomic_load(&c->at), to = 0;
    while (to < SEARCH_SEATS && (to == at || is_held(&c->places[to])))
        to++;
    if (to == SEARCH_SEATS)
        return false;
    struct place *p = &c->places[to];
    arena_clear(&p->a);
    struct search_custom *own = ARENA_ARRAY(&p->a, struct search_custom, n);
    for (size_t i = 0; i < n; i++)
        own[i] = (struct search_custom){
            .id = {arena_strndup(&p->a, list[i].id.s, list[i].id.len), list[i].id.len},
            .resource = json_copy(&p->a, list[i].resource),
            .ready = list[i].ready,
            .job = list[i].job ? arena_strdup(&p->a, list[i].job) : NULL,
        };
    search_registry_extend(&p->a, c->base, own, n, &p->hold.registry);
    p->hold.generation = generation;
    atomic_store(&c->at, to);
    return true;
}

const struct search_registry *search_base(const struct search_current *c)
{
    return c->base;
}

int64_t search_generation(const struct search_current *c)
{
    return c->places[atomic_load(&c->at)].hold.generation;
}

int64_t search_oldest_held(const struct search_current *c)
{
    int64_t oldest = search_generation(c);
    for (int i = 0; i < SEARCH_SEATS; i++)
        if (is_held(&c->places[i]) && c->places[i].hold.generation < oldest)
            oldest = c->places[i].hold.generation;
    return oldest;
}
