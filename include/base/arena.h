/*
 * base/arena.h: region memory. The arena you are handed owns what you return.
 *
 * One arena lives for one request, one definitions snapshot or one job step. Memory is taken from it
 * with arena_alloc() and given back all at once by arena_release() (or arena_clear(), which keeps the
 * first block for the next use). Objects of other libraries are registered at birth with
 * arena_cleanup() and are freed, last first, when the arena goes.
 *
 * Running out: arena_alloc() never returns NULL. When malloc fails or the arena's limit is reached it
 * jumps to the handler set by arena_guard(); without one the process ends with a message. Code between
 * guard and allocation must therefore hold nothing but arena memory: no lock, no open descriptor.
 *
 * Not thread safe: an arena belongs to one thread at a time and may be handed over whole.
 */
#ifndef KAGARI_BASE_ARENA_H
#define KAGARI_BASE_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct arena_block;
struct arena_cleanup;

struct arena {
    struct arena_block *blocks;     /* newest first */
    struct arena_cleanup *cleanups; /* newest first */
    size_t used;                    /* bytes handed out since the last clear */
    size_t limit;                   /* bytes; 0: none */
    jmp_buf *guard;
};

void arena_init(struct arena *a, size_t limit);
void arena_clear(struct arena *a);
void arena_release(struct arena *a);

/* 16-byte aligned and not zeroed; arena_zalloc() zeroes. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2), returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2), returns_nonnull));

/* Jumps as arena_alloc() does when nothing is left: for those who caught the jump so that it does not pass through a
 * library, and make it again when the library has returned. */
_Noreturn void arena_exhausted(struct arena *a);

/* Grows an array in place when it is the newest allocation, else copies it. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size)
    __attribute__((returns_nonnull));

char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *s, size_t len) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

void arena_cleanup(struct arena *a, void (*fn)(void *), void *object);

#define ARENA_NEW(a, type)      ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

/*
 * Appends room for one element to a growing array kept as (pointer, count, capacity):
 *     *ARENA_PUSH(a, list->items, list->n, list->cap) = item;
 */
#define ARENA_PUSH(a, items, n, cap)                                                                         \
    ((n) == (cap) ? ((items) = arena_grow((a), (items), sizeof *(items) * (cap),                             \
                                          sizeof *(items) * ((cap) ? (cap)*2 : 8)),                          \
                     (cap) = (cap) ? (cap)*2 : 8, &(items)[(n)++])                                           \
                  : &(items)[(n)++])

#endif
