/*
 * Above and below. Parents and children are tables in compressed form; most concepts have one parent, and going up is
 * a few steps. Where a concept has several, those met are remembered, so that the work is that of the part above it.
 * A hierarchy that is wrong may have circles: nothing here goes round in one.
 */
#include <stdlib.h>

#include "internal.h"

static void count_up(uint32_t *at, uint32_t n)
{
    for (uint32_t i = 1; i <= n; i++)
        at[i] += at[i - 1];
}

/* rows: by child or by parent. */
static void make_rows(struct terminology__rows *rows, struct arena *a, uint32_t n,
                      const struct terminology__edge *edges, size_t n_edges, bool by_child)
{
    rows->at = ARENA_ARRAY(a, uint32_t, n + 2);
    rows->values = ARENA_ARRAY(a, uint32_t, n_edges);
    for (size_t i = 0; i < n_edges; i++)
        rows->at[(by_child ? edges[i].child : edges[i].parent) + 2]++;
    count_up(rows->at, n + 1);
    for (size_t i = 0; i < n_edges; i++) {
        uint32_t key = by_child ? edges[i].child : edges[i].parent;
        rows->values[rows->at[key + 1]++] = by_child ? edges[i].parent : edges[i].child;
    }
}

static int by_child(const void *x, const void *y)
{
    const struct terminology__edge *a = x, *b = y;
    return a->child != b->child ? (a->child > b->child) - (a->child < b->child)
                                : (a->parent > b->parent) - (a->parent < b->parent);
}

void terminology__hierarchy(struct terminology_system *s, struct arena *a, struct terminology__edge *edges,
                            size_t n)
{
    if (n == 0)
        return;
    size_t kept = 0;
    qsort(edges, n, sizeof *edges, by_child);
    for (size_t i = 0; i < n; i++) /* nesting and properties may say the same */
        if (kept == 0 || by_child(&edges[kept - 1], &edges[i]) != 0)
            edges[kept++] = edges[i];
    make_rows(&s->parents, a, s->n, edges, kept, true);
    make_rows(&s->children, a, s->n, edges, kept, false);
}

static size_t row(const struct terminology__rows *rows, uint32_t at, const uint32_t **list)
{
    if (!rows->at)
        return 0;
    *list = rows->values + rows->at[at];
    return rows->at[at + 1] - rows->at[at];
}

size_t terminology_parents(const struct terminology_system *s, uint32_t at, const uint32_t **list)
{
    return row(&s->parents, at, list);
}
size_t terminology_children(const struct terminology_system *s, uint32_t at, const uint32_t **list)
{
    return row(&s->children, at, list);
}

/* What has been met on the way up: a handful, so a list. */
struct met {
    uint32_t fixed[128], *items;
    size_t n, cap;
    struct arena a; /* of more than that */
};

static void meet(struct met *m, uint32_t at)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i] == at)
            return;
    *ARENA_PUSH(&m->a, m->items, m->n, m->cap) = at;
}

static bool is_above(const struct terminology_system *s, uint32_t a, uint32_t b)
{
    struct met m = {.items = m.fixed, .cap = sizeof m.fixed / sizeof *m.fixed};
    bool found = false;
    arena_init(&m.a, 0);
    meet(&m, b);
    for (size_t next = 0; next < m.n && !found; next++) {
        const uint32_t *list;
        size_t n = terminology_parents(s, m.items[next], &list);
        for (size_t i = 0; i < n && !found; i++) {
            found = list[i] == a;
            meet(&m, list[i]);
        }
    }
    arena_release(&m.a);
    return found;
}

bool terminology_is_a(const struct terminology_system *s, uint32_t a, uint32_t b)
{
    const uint32_t *list;
    size_t n, steps = 0;
    if (a == b)
        return true;
    while ((n = terminology_parents(s, b, &list)) == 1 && steps++ < s->n) {
        b = list[0];
        if (a == b)
            return true;
    }
    return n > 1 && is_above(s, a, b);
}

void terminology_related(const struct terminology_system *s, struct arena *a, uint32_t at, bool above,
                         uint32_t **list, size_t *n)
{
    uint64_t *seen = ARENA_ARRAY(a, uint64_t, s->n / 64 + 1);
    size_t cap = 0;
    *list = NULL;
    *n = 0;
    *ARENA_PUSH(a, *list, *n, cap) = at;
    seen[at / 64] |= UINT64_C(1) << at % 64;
    for (size_t next = 0; next < *n; next++) {
        const uint32_t *near;
        size_t count = row(above ? &s->parents : &s->children, (*list)[next], &near);
        for (size_t i = 0; i < count; i++) {
            uint32_t x = near[i];
            if (seen[x / 64] & UINT64_C(1) << x % 64)
                continue;
            seen[x / 64] |= UINT64_C(1) << x % 64;
            *ARENA_PUSH(a, *list, *n, cap) = x;
        }
    }
}
