#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { FIRST_BLOCK = 16 * 1024, ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size, used; /* of data */
    _Alignas(ALIGN) char data[];
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*fn)(void *);
    void *object;
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

static void run_cleanups(struct arena *a)
{
    struct arena_cleanup *c = a->cleanups;
    a->cleanups = NULL;
    for (; c; c = c->next)
        c->fn(c->object);
}

void arena_clear(struct arena *a)
{
    run_cleanups(a);
    struct arena_block *keep = NULL;
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        if (!next && b->size <= 4 * FIRST_BLOCK)
            keep = b;
        else
            free(b);
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    a->blocks = keep;
    a->used = 0;
}

void arena_release(struct arena *a)
{
    run_cleanups(a);
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->blocks = NULL;
    a->used = 0;
}

_Noreturn void arena_exhausted(struct arena *a)
{
    if (a->guard)
        longjmp(*a->guard, 1);
    fputs("kagari: out of memory\n", stderr);
    abort();
}

static struct arena_block *new_block(struct arena *a, size_t size)
{
    /* Blocks double, so that n bytes cost log n calls; one large object gets a block of its own size. */
    size_t want = a->blocks ? a->blocks->size * 2 : FIRST_BLOCK;
    if (want > 1024 * 1024)
        want = 1024 * 1024;
    if (want < size)
        want = size;
    struct arena_block *b = malloc(sizeof *b + want);
    if (!b)
        arena_exhausted(a);
    b->size = want;
    b->used = 0;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 4)
        arena_exhausted(a);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (a->limit && a->used + size > a->limit)
        arena_exhausted(a);
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < size)
        b = new_block(a, size);
    void *p = b->data + b->used;
    b->used += size;
    a->used += size;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);
    return size ? memset(p, 0, size) : p;
}

void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size)
{
    size_t have = (old_size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t want = (new_size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct arena_block *b = a->blocks;
    if (old && b && (char *)old + have == b->data + b->used && want >= have &&
        b->size - b->used >= want - have && (!a->limit || a->used + (want - have) <= a->limit)) {
        b->used += want - have;
        a->used += want - have;
        return old;
    }
    void *p = arena_alloc(a, new_size);
    if (old_size)
        memcpy(p, old, old_size);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    char *p = arena_alloc(a, len + 1);
    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b, a, 0);
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    return b.s;
}

void arena_cleanup(struct arena *a, void (*fn)(void *), void *object)
{
    struct arena_cleanup *c = arena_alloc(a, sizeof *c);
    *c = (struct arena_cleanup){a->cleanups, fn, object};
    a->cleanups = c;
}
