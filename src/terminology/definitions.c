/*
 * The resources that the definitions of R4 bring: conf/definitions/terminology.txt, one on a line (docs/definitions.md).
 * They are found by their URL at once and read when they are first asked for, so that a start costs nothing for them.
 */
#include <pthread.h>

#include "base/embed.h"
#include "fhir/ucum.h"
#include "internal.h"

struct terminology__library {
    pthread_mutex_t lock; /* of the memory */
    struct arena a;
};

static void release(void *library)
{
    struct terminology__library *l = library;
    pthread_mutex_destroy(&l->lock);
    arena_release(&l->a);
}

static const void *read_text(struct terminology__entry *e)
{
    struct arena scratch;
    struct err err;
    json *resource;
    const void *read = NULL;
    arena_init(&scratch, 0);
    if (json_parse(&scratch, e->text, INT16_MAX, &resource, &err) &&
        terminology__read(&e->library->a, &scratch, e->kind, resource, &read, &err)) {
        arena_release(&scratch);
        return read;
    }
    arena_release(&scratch);
    e->wrong = arena_strdup(&e->library->a, err.msg);
    return NULL;
}

const void *terminology__entry_read(struct terminology__entry *e)
{
    const void *read = atomic_load_explicit(&e->read, memory_order_acquire);
    if (read || !e->library)
        return read;
    pthread_mutex_lock(&e->library->lock);
    read = atomic_load_explicit(&e->read, memory_order_relaxed);
    if (!read && !e->wrong) {
        read = read_text(e);
        atomic_store_explicit(&e->read, read, memory_order_release);
    }
    pthread_mutex_unlock(&e->library->lock);
    return read;
}

/* type, url, version, rank, JSON */
static bool read_line(struct arena *a, struct str line, struct terminology__entry *e)
{
    struct str rest, type = str_cut(line, '\t', &rest);
    struct str url = str_cut(rest, '\t', &rest), version = rest.s ? str_cut(rest, '\t', &rest) : rest;
    struct str rank = rest.s ? str_cut(rest, '\t', &e->text) : rest;
    int64_t number;
    for (e->kind = 0; e->kind < TERMINOLOGY__N_KINDS && !str_is(type, terminology__kinds[e->kind]); e->kind++)
        ;
    if (e->kind == TERMINOLOGY__N_KINDS || !e->text.s || !str_int64(rank, &number))
        return false;
    e->url = arena_strndup(a, url.s, url.len);
    e->version = version.len ? arena_strndup(a, version.s, version.len) : NULL;
    e->rank = (int)number;
    return true;
}

bool terminology_definitions(struct arena *a, const struct fhir_defs *d, const struct terminology_view **out,
                             struct err *err)
{
    static const char name[] = "conf/definitions/terminology.txt";
    struct terminology_view *v = ARENA_NEW(a, struct terminology_view);
    struct terminology__library *l = ARENA_NEW(a, struct terminology__library);
    struct terminology__entry **entries = NULL;
    struct str rest = embed_get(name);
    size_t n = 0, cap = 0;
    if (!rest.s)
        return err_set(err, ERR_INTERNAL, "the binary was built without %s", name);
    pthread_mutex_init(&l->lock, NULL);
    arena_init(&l->a, 0);
    arena_cleanup(a, release, l);
    for (int number = 1; rest.s && rest.len; number++) {
        struct str line = str_cut(rest, '\n', &rest);
        if (!line.len || line.s[0] == '#')
            continue;
        struct terminology__entry *e = ARENA_NEW(a, struct terminology__entry);
        e->library = l;
        if (!read_line(a, line, e))
            return err_set(err, ERR_INTERNAL, "line %d of %s is not understood", number, name);
        *ARENA_PUSH(a, entries, n, cap) = e;
    }
    v->ucum = fhir_ucum(d);
    v->definitions = true;
    terminology__view_make(v, a, entries, n);
    *out = v;
    return true;
}
