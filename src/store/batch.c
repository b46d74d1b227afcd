#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "internal.h"

enum { IN_FLIGHT = 2, CONFLICTS_MAX = 5 };

struct create {
    struct create *next;
    int conflicts; /* with other writers, so far */
    struct store_write *w;
    store_created_fn fn;
    void *arg;
};

struct flight {
    struct store_batch *b;
    struct arena a;
    struct sql q;
    struct store_write **writes;
    struct create *creates; /* the same, in the same order */
    size_t n;
    bool busy;
};

struct store_batch {
    struct store *s;
    struct db_async *db;
    size_t rows; /* most a statement */
    struct create *first, **last;
    struct create *alone; /* of a failed batch: each to be tried by itself */
    struct create *spare;
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
    b->last = &b->first;
    for (int i = 0; i < IN_FLIGHT; i++) {
        b->flights[i].b = b;
        arena_init(&b->flights[i].a, 0);
    }
    return b;
}

static void free_list(struct create *c)
{
    for (struct create *next; c; c = next) {
        next = c->next;
        free(c);
    }
}

void store_batch_free(struct store_batch *b)
{
    free_list(b->first);
    free_list(b->alone);
    free_list(b->spare);
    for (int i = 0; i < IN_FLIGHT; i++) {
        free_list(b->flights[i].creates);
        arena_release(&b->flights[i].a);
    }
    free(b);
}

static void pump(struct store_batch *b);

/* Takes the creates out of the flight, which is free again, and answers or requeues each. */
static void landed(void *arg, const struct db_rows *rows, const struct err *failure)
{
    struct flight *f = arg;
    struct store_batch *b = f->b;
    struct create *list = f->creates;
    struct store_written written = {0};
    struct err err;
    bool ok = rows && store_create_reply(rows, &written, &err);
    if (!rows)
        err = *failure;
    if (ok)
        store_committed(b->s, f->writes, f->n);
    /* a lost connection may have committed them: trying again could make them twice */
    bool take_apart = !ok && f->n > 1 && err.kind != ERR_BUSY;
    bool conflict = !ok && err.kind == ERR_CONFLICT;
    f->creates = NULL;
    f->n = 0;
    arena_clear(&f->a);
    f->busy = false;
    for (struct create *c = list, *next; c; c = next) {
        next = c->next;
        if (take_apart || (conflict && c->conflicts++ < CONFLICTS_MAX)) {
            c->next = b->alone;
            b->alone = c;
            continue;
        }
        store_created_fn fn = c->fn;
        void *fn_arg = c->arg;
        c->next = b->spare;
        b->spare = c;
        fn(fn_arg, ok ? &written : NULL, ok ? NULL : &err);
    }
    pump(b);
}

static void take(struct flight *f, struct create *c)
{
    f->writes[f->n++] = c->w;
    c->next = f->creates;
    f->creates = c;
}

static void pump(struct store_batch *b)
{
    for (int i = 0; i < IN_FLIGHT && (b->first || b->alone); i++) {
        struct flight *f = &b->flights[i];
        if (f->busy)
            continue;
        f->busy = true;
        f->writes = ARENA_ARRAY(&f->a, struct store_write *, b->rows);
        if (b->alone) {
            struct create *c = b->alone;
            b->alone = c->next;
            take(f, c);
        } else {
            while (b->first && f->n < b->rows) {
                struct create *c = b->first;
                b->first = c->next;
                if (!b->first)
                    b->last = &b->first;
                take(f, c);
            }
        }
        metrics_add(METRIC_BATCHES, 1);
        metrics_add(METRIC_BATCH_ROWS, (int64_t)f->n);
        f->q.a = &f->a;
        store_create_plan(b->s, f->writes, f->n, true, &f->q);
        db_submit(b->db, DB_WRITE, &f->a, &f->q, landed, f);
    }
}

void store_batch_create(struct store_batch *b, struct store_write *w, store_created_fn fn, void *arg)
{
    struct create *c = b->spare;
    if (c)
        b->spare = c->next;
    else
        c = malloc(sizeof *c);
    if (!c) {
        struct err err;
        err_set(&err, ERR_BUSY, "The server is out of memory; try again later");
        fn(arg, NULL, &err);
        return;
    }
    *c = (struct create){.w = w, .fn = fn, .arg = arg};
    *b->last = c;
    b->last = &c->next;
    pump(b);
}
