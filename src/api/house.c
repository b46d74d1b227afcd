#include "house.h"

#include <stdlib.h>

#include "store/cache.h"

static const struct config *keep(struct house *h, const struct config *c)
{
    struct config *copy = ARENA_NEW(&h->a, struct config);
    *copy = *c;
    return copy;
}

bool house_new(const struct house_shared *shared, const struct config *c, struct house **out, struct err *err)
{
    struct house *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(err, ERR_INTERNAL, "out of memory");
    arena_init(&h->a, 0);
    h->shared = shared;
    h->config = keep(h, c);
    h->search = search_current_new(shared->registry);
    if (!h->search)
        err_set(err, ERR_INTERNAL, "out of memory");
    if (!h->search || !auth_new(h->config, shared->defs, &h->auth, err) ||
        (c->audit_enabled && !audit_new(h->config, shared->n, &h->audit, err))) {
        house_free(h);
        return false;
    }
    *out = h;
    return true;
}

static bool open_store(struct house *h, struct db_conn *conn, struct err *err)
{
    const struct house_shared *s = h->shared;
    if (h->store)
        return true;
    if (!db_check_schema(conn, err) || !store_new(h->config, s->defs, conn, &h->store, err))
        return false;
    if (store_cache_start(h->store, h->config, err))
        return true;
    store_free(h->store);
    h->store = NULL;
    return false;
}

bool house_open(struct house *h, struct db_conn *conn, struct err *err)
{
    const struct house_shared *s = h->shared;
    const struct config *c = h->config;
    if (h->api)
        return true;
    if (!open_store(h, conn, err) ||
        (!h->conformance &&
         !conformance_current_new(c, s->defs, s->definitions, c->tenant.id, &h->conformance, err)) ||
        (!h->consent && !consent_current_new(c, s->defs, h->store, &h->consent, err)))
        return false;
    if (h->audit && !h->auditing &&
        !audit_start(h->audit, c, c->tenant.id, (int16_t)fhir_resource(s->defs, STR("Patient"))->id, err))
        return false;
    h->auditing = h->audit;
    if (!h->oauth && !oauth_new(c, c->tenant.id, h->auth, conn, &h->oauth, err))
        return false;
    if (!h->working &&
        !s->background->start(c, s->defs, h->search, h->conformance, h->consent, h->store, &h->working, err))
        return false;
    for (int i = 0; i < s->n; i++)
        if (!h->batch[i])
            h->batch[i] = store_batch_new(h->store, s->db[i], c);
    const struct api_deps deps = {.defs = s->defs,
                                  .search = h->search,
                                  .validator = s->validator,
                                  .conformance = h->conformance,
                                  .auth = h->auth,
                                  .audit = h->audit,
                                  .store = h->store,
                                  .pool = s->pool,
                                  .db = s->db,
                                  .batch = h->batch,
                                  .n_loops = s->n,
                                  .oauth = h->oauth,
                                  .consent = h->consent};
    return api_new(c, &deps, &h->api, err);
}

bool house_reload(struct house *h, const struct config *c, struct buf *pending, struct err *err)
{
    struct config *next = ARENA_NEW(&h->a, struct config);
    *next = *h->config;
    config_reload(next, c, pending);
    if (!auth_reload(h->auth, next, err))
        return false;
    h->config = next;
    if (h->api)
        api_configure(h->api, next);
    if (h->audit)
        audit_configure(h->audit, next);
    if (h->oauth)
        oauth_configure(h->oauth, next);
    return true;
}

void house_close(struct house *h)
{
    if (h->working)
        h->shared->background->stop(h->working);
    h->working = NULL;
}

void house_free(struct house *h)
{
    if (h->api)
        api_free(h->api);
    if (h->audit)
        audit_free(h->audit);
    house_close(h); /* the last that it tells the database is that it is gone */
    for (int i = 0; i < h->shared->n; i++)
        if (h->batch[i])
            store_batch_free(h->batch[i]);
    if (h->search)
        search_current_free(h->search);
    oauth_free(h->oauth);
    if (h->auth)
        auth_free(h->auth);
    if (h->conformance)
        conformance_current_free(h->conformance);
    consent_current_free(h->consent);
    if (h->store)
        store_free(h->store);
    arena_release(&h->a);
    free(h);
}
