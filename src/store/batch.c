#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "internal.h"

enum { IN_FLIGHT = 2, CONFLICTS_MAX = 5 };

enum kind { CREATE, UPDATE, DELETE };

struct item {
    struct item *next;
    enum kind kind;
    int conflicts; /* with other writers, so far */
    int64_t h;     /* of its resource; of a create, which nobody else can write, 0 */
    struct store_batched what;
    store_batched_fn fn;
    void *arg;
};

struct flight {
    struct store_batch *b;
    struct arena a;
    struct sql q;
    struct item **items; /* in the order of the statement */
    size_t n;
    enum kind kind;
    bool busy;
};

struct queue {
    struct item *first, **last;
};

struct store_batch {
    struct store *s;
    struct db_async *db;
    size_t rows; /* most a statement */
    struct queue waiting;
    struct item *alone; /* of a failed statement: each to be tried by itself */
    struct item *spare;
    struct arena landing; /* what flights came to, while their callbacks are called: */
    int depth;            /* so many are, one within the other */
    struct flight flights[IN_FLIGHT];
};

struct store_batch *store_batch_new(struct store *s, struct db_async *db, const struct config *c)
{
    struct store_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->s = s;
    b->db = db;
    b->rows = (size_t)c->db_batch_rows;
    b->waiting.last = &b->waiting.first;
    arena_init(&b->landing, 0);
    for (int i = 0; i < IN_FLIGHT; i++) {
        b->flights[i].b = b;
        arena_init(&b->flights[i].a, 0);
    }
    return b;
}

static void free_list(struct item *c)
{
    for (struct item *next; c; c = next) {
        next = c->next;
        free(c);
    }
}

void store_batch_free(struct store_batch *b)
{
    free_list(b->waiting.first);
    free_list(b->alone);
    free_list(b->spare);
    arena_release(&b->landing);
    for (int i = 0; i < IN_FLIGHT; i++) {
        for (size_t j = 0; j < b->flights[i].n; j++)
            free(b->flights[i].items[j]);
        arena_release(&b->flights[i].a);
    }
    free(b);
}

static void pump(struct store_batch *b);

/* ---- statements -------------------------------------------------------------------------------------------------- */

/* What each item of the flight came to. */
struct result {
    struct item *item;
    enum store_outcome outcome;
    struct store_written written;
};

static void plan(struct flight *f)
{
    struct store *s = f->b->s;
    struct store_write **w = ARENA_ARRAY(&f->a, struct store_write *, f->n);
    struct store_update **u = ARENA_ARRAY(&f->a, struct store_update *, f->n);
    struct store_delete **d = ARENA_ARRAY(&f->a, struct store_delete *, f->n);
    for (size_t i = 0; i < f->n; i++) {
        w[i] = f->items[i]->what.create;
        u[i] = f->items[i]->what.update;
        d[i] = f->items[i]->what.delete;
    }
    switch (f->kind) {
    case CREATE:
        store_create_plan(s, w, f->n, true, &f->q);
        break;
    case UPDATE:
        store_updates_plan(s, u, f->n, &f->q);
        break;
    case DELETE:
        store_deletes_plan(s, d, f->n, &f->q);
        break;
    }
}

static bool reply(struct flight *f, const struct db_rows *rows, struct result *results, struct err *err)
{
    struct store *s = f->b->s;
    enum store_outcome *outcomes = ARENA_ARRAY(&f->a, enum store_outcome, f->n);
    struct store_written *at = ARENA_ARRAY(&f->a, struct store_written, f->n);
    struct store_write **w = ARENA_ARRAY(&f->a, struct store_write *, f->n);
    struct store_update **u = ARENA_ARRAY(&f->a, struct store_update *, f->n);
    struct store_delete **d = ARENA_ARRAY(&f->a, struct store_delete *, f->n);
    size_t n_written = 0;
    for (size_t i = 0; i < f->n; i++) {
        u[i] = f->items[i]->what.update;
        d[i] = f->items[i]->what.delete;
        outcomes[i] = STORE_RACED;
    }
    switch (f->kind) {
    case CREATE:
        if (!store_create_reply(rows, &at[0], err))
            return false;
        for (size_t i = 0; i < f->n; i++) {
            w[n_written++] = f->items[i]->what.create;
            outcomes[i] = STORE_CREATED;
            at[i] = at[0];
        }
        break;
    case UPDATE:
        store_updates_reply(u, f->n, rows, outcomes, at);
        for (size_t i = 0; i < f->n; i++)
            if (at[i].ver)
                w[n_written++] = &u[i]->w;
        break;
    case DELETE:
        store_deletes_reply(d, f->n, rows, outcomes, at);
        break;
    }
    store_committed(s, w, n_written);
    for (size_t i = 0; i < f->n; i++) {
        results[i].outcome = outcomes[i];
        results[i].written = at[i];
    }
    return true;
}

/* Takes the writes out of the flight, which is free again, and answers or requeues each. */
static void landed(void *arg, const struct db_rows *rows, const struct err *failure)
{
    struct flight *f = arg;
    struct store_batch *b = f->b;
    size_t n = f->n;
    struct err err;
    struct result *results = ARENA_ARRAY(&b->landing, struct result, n);
    b->depth++;
    for (size_t i = 0; i < n; i++)
        results[i].item = f->items[i];
    bool ok = rows && reply(f, rows, results, &err);
    if (!rows)
        err = *failure;
    /* a lost connection may have committed them: trying again could make them twice */
    bool take_apart = !ok && n > 1 && err.kind != ERR_BUSY;
    bool conflict = !ok && err.kind == ERR_CONFLICT;
    f->n = 0;
    arena_clear(&f->a);
    f->busy = false;
    for (size_t i = 0; i < n; i++) {
        struct item *c = results[i].item;
        if (take_apart || (conflict && c->conflicts++ < CONFLICTS_MAX)) {
            c->next = b->alone;
            b->alone = c;
            continue;
        }
        store_batched_fn fn = c->fn;
        void *fn_arg = c->arg;
        c->next = b->spare;
        b->spare = c;
        fn(fn_arg, results[i].outcome, ok ? &results[i].written : NULL, ok ? NULL : &err);
    }
    if (--b->depth == 0)
        arena_clear(&b->landing);
    pump(b);
}

/* ---- the next flight --------------------------------------------------------------------------------------------- */

/* Is the resource being written, or does a write wait that came before? */
static bool is_held(const struct store_batch *b, const struct item *c, const struct item *until)
{
    if (!c->h)
        return false;
    for (int i = 0; i < IN_FLIGHT; i++)
        for (size_t j = 0; j < b->flights[i].n; j++)
            if (b->flights[i].items[j]->h == c->h)
                return true;
    for (const struct item *x = b->alone; x; x = x->next)
        if (x->h == c->h && x != c)
            return true;
    for (const struct item *x = b->waiting.first; x != until; x = x->next)
        if (x->h == c->h)
            return true;
    return false;
}

/* Those of the kind of the first one that can go. */
static void take_waiting(struct store_batch *b, struct flight *f)
{
    for (struct item **at = &b->waiting.first, *c; (c = *at) && f->n < b->rows;) {
        if ((f->n && c->kind != f->kind) || is_held(b, c, c)) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (!*at)
            b->waiting.last = at;
        f->kind = c->kind;
        f->items[f->n++] = c;
    }
}

static void take_alone(struct store_batch *b, struct flight *f)
{
    struct item *c = b->alone;
    b->alone = c->next;
    f->kind = c->kind;
    f->items[f->n++] = c;
}

static void pump(struct store_batch *b)
{
    for (int i = 0; i < IN_FLIGHT && (b->waiting.first || b->alone); i++) {
        struct flight *f = &b->flights[i];
        if (f->busy)
            continue;
        f->items = ARENA_ARRAY(&f->a, struct item *, b->rows);
        if (b->alone)
            take_alone(b, f);
        else
            take_waiting(b, f);
        if (!f->n) { /* the resources are all being written */
            arena_clear(&f->a);
            return;
        }
        f->busy = true;
        metrics_add(METRIC_BATCHES, 1);
        metrics_add(METRIC_BATCH_ROWS, (int64_t)f->n);
        f->q.a = &f->a;
        plan(f);
        db_submit(b->db, DB_WRITE, &f->a, &f->q, landed, f);
    }
}

void store_batch_add(struct store_batch *b, const struct store_batched *what, store_batched_fn fn, void *arg)
{
    struct item *c = b->spare;
    if (c)
        b->spare = c->next;
    else
        c = malloc(sizeof *c);
    if (!c) {
        struct err err;
        err_set(&err, ERR_BUSY, "The server is out of memory; try again later");
        fn(arg, STORE_RACED, NULL, &err);
        return;
    }
    *c = (struct item){.what = *what, .fn = fn, .arg = arg};
    if (what->update) {
        c->kind = UPDATE;
        c->h = what->update->w.index.h;
    } else if (what->delete) {
        c->kind = DELETE;
        c->h = search_hash_id(&b->s->tenant, what->delete->type, what->delete->id);
    }
    *b->waiting.last = c;
    b->waiting.last = &c->next;
    pump(b);
}
