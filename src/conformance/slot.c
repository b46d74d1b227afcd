#include "internal.h"

struct conformance__kept {
    pthread_mutex_t lock; /* of putting in */
    struct {
        _Atomic(void *) object;
        void (*release)(void *);
    } slots[CONFORMANCE_N_SLOTS];
};

static void release(void *kept)
{
    struct conformance__kept *k = kept;
    for (int i = 0; i < CONFORMANCE_N_SLOTS; i++) {
        void *object = atomic_load(&k->slots[i].object);
        if (object)
            k->slots[i].release(object);
    }
    pthread_mutex_destroy(&k->lock);
}

struct conformance__kept *conformance__kept_new(struct arena *a)
{
    struct conformance__kept *k = ARENA_NEW(a, struct conformance__kept);
    pthread_mutex_init(&k->lock, NULL);
    arena_cleanup(a, release, k);
    return k;
}

/* Two that ask first at the same time both make one, and one of them is kept. No lock is held while it is made, as making
 * one may ask for another. */
void *conformance_slot(const struct conformance_view *v, enum conformance_slot slot,
                       void *(*make)(const struct conformance_view *v), void (*let_go)(void *))
{
    struct conformance__kept *k = v->kept;
    void *object = atomic_load_explicit(&k->slots[slot].object, memory_order_acquire), *made;
    if (object || !(made = make(v)))
        return object;
    pthread_mutex_lock(&k->lock);
    object = atomic_load(&k->slots[slot].object);
    if (!object) {
        k->slots[slot].release = let_go;
        atomic_store(&k->slots[slot].object, made);
    }
    pthread_mutex_unlock(&k->lock);
    if (!object)
        return made;
    let_go(made);
    return object;
}
