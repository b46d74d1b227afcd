/*
 * Profiles by their canonicals: compiled when first asked for, and kept beside the conformance view. What is compiled
 * never changes, so that looking up takes no lock; compiling does, one at a time.
 */
#include <pthread.h>
#include <stdlib.h>

#include "profile.h"

#define BUCKETS   1024
#define MAX_DEPTH 100 /* of profiles that are compiled because others ask for them */

struct kept {
    const struct conformance_entry *entry;
    struct profile *profile;
    _Atomic bool ready; /* false: it is being compiled */
    struct kept *next;
};

struct profile__cache {
    struct arena a;
    pthread_mutex_t lock;
    const struct conformance_view *view;
    const struct fhir_defs *defs;
    int depth; /* of profiles being compiled for others */
    struct kept *_Atomic buckets[BUCKETS];
};

static void *make(const struct conformance_view *view)
{
    struct profile__cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    arena_init(&c->a, 0);
    pthread_mutex_init(&c->lock, NULL);
    c->view = view;
    c->defs = conformance_defs(view);
    return c;
}

static void release(void *object)
{
    struct profile__cache *c = object;
    pthread_mutex_destroy(&c->lock);
    arena_release(&c->a);
    free(c);
}

static struct kept *_Atomic *bucket(struct profile__cache *c, const struct conformance_entry *e)
{
    return &c->buckets[((uintptr_t)e >> 4) % BUCKETS];
}

static struct kept *find(struct profile__cache *c, const struct conformance_entry *e)
{
    struct kept *k = atomic_load_explicit(bucket(c, e), memory_order_acquire);
    while (k && k->entry != e)
        k = k->next;
    return k;
}

/* "profile|version" as texts name it. */
static const char *named(struct arena *a, const struct structure *s)
{
    return s->version ? arena_printf(a, "%s|%s", s->url, s->version) : s->url;
}

static bool own_type(const struct structure *s, const struct fhir_type *t)
{
    struct str rest, base = str_cut(str_of(s->base), '|', &rest);
    for (; t; t = t->base)
        if (t->url && str_is(base, t->url))
            return true;
    return false;
}

static void compile(struct profile__cache *c, const struct structure *s, struct profile *p)
{
    const struct profile__source source = {c, &c->a, c->defs, s};
    p->type = fhir_type(c->defs, s->type);
    if (!p->type) {
        p->wrong = (struct profile_fault){"its type %s is none of FHIR R4", s->type, NULL};
        return;
    }
    bool use_snapshot = s->n_differential == 0 && s->n_snapshot > 0; /* neither: it says nothing of its own */
    if (!s->base) {
        p->wrong.text = "it has no baseDefinition";
    } else if (!use_snapshot && !own_type(s, p->type)) {
        const struct conformance_entry *e = conformance_find(c->view, CONFORMANCE_STRUCTURE, str_of(s->base));
        const struct kept *k = e ? find(c, e) : NULL;
        if (k && !atomic_load_explicit(&k->ready, memory_order_relaxed)) {
            p->wrong.text = "its base definitions lead back to itself";
            return;
        }
        p->base = profile__inner(c, s->base);
        if (!p->base) {
            use_snapshot = s->n_snapshot > 0;
            if (!use_snapshot)
                p->doubt = (struct profile_fault){
                    "its base %s is not known here: what that one demands is not checked", s->base, NULL};
        } else if ((p->bases = p->base->bases + 1) > PROFILE__MAX_BASES) {
            p->wrong.text = "too many profiles stand upon each other";
        } else if (p->base->wrong.text) {
            p->wrong = p->base->wrong;
        } else if (p->base->type != p->type) {
            p->wrong = (struct profile_fault){"its type is %s, but that of its base %s", p->type->name,
                                              p->base->type->name};
        }
    }
    if (!p->wrong.text)
        profile__compile(&source, p->base, use_snapshot, p);
}

static void compiled(struct profile__cache *c, const char *expression, const struct fp_expr **out)
{
    struct err err;
    if (!fp_compile(&c->a, c->defs, str_of(expression), NULL, false, out, &err))
        *out = NULL;
}

static void contexts(struct profile__cache *c, const struct structure *s, struct profile *p)
{
    const struct fp_expr **in = ARENA_ARRAY(&c->a, const struct fp_expr *, s->n_contexts),
                         **holds = ARENA_ARRAY(&c->a, const struct fp_expr *, s->n_context_invariants);
    for (size_t i = 0; i < s->n_contexts; i++)
        if (s->contexts[i].type == STRUCTURE_CONTEXT_FHIRPATH)
            compiled(c, s->contexts[i].expression, &in[i]);
    for (size_t i = 0; i < s->n_context_invariants; i++)
        compiled(c, s->context_invariants[i], &holds[i]);
    p->contexts = in;
    p->context_invariants = holds;
    p->n_context_invariants = s->n_context_invariants;
}

/* Under the lock. */
static const struct profile *get(struct profile__cache *c, const struct conformance_entry *e)
{
    struct kept *k = find(c, e);
    if (k)
        return atomic_load_explicit(&k->ready, memory_order_relaxed) ? k->profile : NULL;
    k = ARENA_NEW(&c->a, struct kept);
    k->entry = e;
    struct profile *p = k->profile = ARENA_NEW(&c->a, struct profile);
    k->next = atomic_load_explicit(bucket(c, e), memory_order_relaxed);
    atomic_store_explicit(bucket(c, e), k, memory_order_release);
    p->url = p->canonical = conformance_url(e);
    const void *read;
    struct err err;
    c->depth++;
    if (!conformance_read(e, structure_read, &read, &err)) {
        p->wrong = (struct profile_fault){"%s", arena_strdup(&c->a, err.msg), NULL};
    } else {
        p->structure = read;
        p->url = named(&c->a, p->structure);
        compile(c, p->structure, p);
        contexts(c, p->structure, p);
    }
    c->depth--;
    atomic_store_explicit(&k->ready, true, memory_order_release);
    return p;
}

const struct profile *profile__inner(struct profile__cache *c, const char *canonical)
{
    const struct conformance_entry *e = conformance_find(c->view, CONFORMANCE_STRUCTURE, str_of(canonical));
    return e && c->depth < MAX_DEPTH ? get(c, e) : NULL;
}

const struct profile *profile_find(const struct validate__walk *w, const char *canonical)
{
    if (!w->profiles)
        return NULL;
    const struct conformance_entry *e =
        conformance_find(w->profiles->view, CONFORMANCE_STRUCTURE, str_of(canonical));
    if (!e)
        return NULL;
    const struct kept *k = find(w->profiles, e);
    if (k && atomic_load_explicit(&k->ready, memory_order_acquire))
        return k->profile;
    pthread_mutex_lock(&w->profiles->lock);
    const struct profile *p = get(w->profiles, e);
    pthread_mutex_unlock(&w->profiles->lock);
    return p;
}

struct profile__cache *profile__cache(const struct conformance_view *view)
{
    return view ? conformance_slot(view, CONFORMANCE_PROFILES, make, release) : NULL;
}

static const struct profile_node *by_id(const struct profile_node *n, const char *id)
{
    if (strcmp(n->id, id) == 0)
        return n;
    const struct profile_node *found = NULL;
    for (size_t i = 0; !found && i < n->n_slices; i++)
        found = by_id(n->slices[i], id);
    for (size_t i = 0; !found && i < n->n_children; i++)
        found = by_id(n->children[i], id);
    return found;
}

const struct profile_node *profile_node_of(const struct profile *p, const char *element)
{
    if (p->wrong.text || !p->root)
        return NULL;
    return element ? by_id(p->root, element) : p->root;
}
