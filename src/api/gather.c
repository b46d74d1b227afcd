#include "gather.h"

void gather_init(struct gather *g, struct arena *a, struct db_conn *c)
{
    g->a = a;
    g->c = c;
    g->n_creates = g->n_updates = 0;
}

static void run_alone(struct gather *g, const struct gathered *one)
{
    struct err err;
    if (!api__run_on(one->r, g->c, one->out, &err))
        api__error_response(one->r, &err, one->out);
}

/* The statement failed as a whole. A lost connection may have committed it: trying again could make things twice. */
static void take_apart(struct gather *g, const struct gathered *list, size_t n, const struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (err->kind == ERR_BUSY)
            api__error_response(list[i].r, err, list[i].out);
        else
            run_alone(g, &list[i]);
    }
}

static void flush_creates(struct gather *g)
{
    struct store *s;
    size_t n = g->n_creates;
    struct store_write **w = ARENA_ARRAY(g->a, struct store_write *, n);
    struct sql q = {.a = g->a};
    const struct db_rows *rows;
    struct store_written at;
    struct err err;
    g->n_creates = 0;
    if (n == 0)
        return;
    s = g->creates[0].r->api->deps.store;
    for (size_t i = 0; i < n; i++)
        w[i] = g->creates[i].r->write;
    store_create_plan(s, w, n, true, &q);
    if (!db_exec(g->c, g->a, &q, &rows, &err) || !store_create_reply(rows, &at, &err)) {
        take_apart(g, g->creates, n, &err);
        return;
    }
    store_committed(s, w, n);
    for (size_t i = 0; i < n; i++)
        api__created(g->creates[i].r, &at, g->creates[i].out);
}

static void flush_updates(struct gather *g)
{
    struct store *s;
    size_t n = g->n_updates, written = 0;
    struct store_update **u = ARENA_ARRAY(g->a, struct store_update *, n);
    struct store_write **w = ARENA_ARRAY(g->a, struct store_write *, n);
    enum store_outcome *outcomes = ARENA_ARRAY(g->a, enum store_outcome, n);
    struct store_written *at = ARENA_ARRAY(g->a, struct store_written, n);
    struct sql q = {.a = g->a};
    const struct db_rows *rows;
    struct err err;
    g->n_updates = 0;
    if (n == 0)
        return;
    s = g->updates[0].r->api->deps.store;
    for (size_t i = 0; i < n; i++)
        u[i] = g->updates[i].r->state;
    store_updates_plan(s, u, n, &q);
    if (!db_exec(g->c, g->a, &q, &rows, &err)) {
        take_apart(g, g->updates, n, &err);
        return;
    }
    store_updates_reply(u, n, rows, outcomes, at);
    for (size_t i = 0; i < n; i++)
        if (at[i].ver)
            w[written++] = &u[i]->w;
    store_committed(s, w, written);
    for (size_t i = 0; i < n; i++) {
        const struct gathered *one = &g->updates[i];
        if (outcomes[i] == STORE_RACED || outcomes[i] == STORE_LABELS) {
            one->r->run = RUN_WORKER; /* which holds the row, and reads the labels that it has */
            run_alone(g, one);
        } else if (!api__updated(one->r, u[i], outcomes[i], &at[i], one->out, &err)) {
            api__error_response(one->r, &err, one->out);
        }
    }
}

void gather_flush(struct gather *g)
{
    flush_creates(g);
    flush_updates(g);
}

static bool waits(const struct gather *g, const struct api_request *r)
{
    for (size_t i = 0; i < g->n_updates; i++)
        if (g->updates[i].r->type == r->type && str_eq(g->updates[i].r->id, r->id))
            return true;
    return false;
}

void gather_add(struct gather *g, struct api_request *r, struct api_response *out)
{
    const struct api_interaction *i = r->route->interaction;
    const struct gathered one = {r, out};
    if (i == &api__create && r->run == RUN_CREATE) {
        if (g->n_creates == GATHER_ROWS)
            gather_flush(g);
        g->creates[g->n_creates++] = one;
        return;
    }
    bool update = i == &api__update && r->run == RUN_WRITE;
    if (!update || g->n_updates == GATHER_ROWS || waits(g, r))
        gather_flush(g);
    if (update)
        g->updates[g->n_updates++] = one;
    else
        run_alone(g, &one);
}
