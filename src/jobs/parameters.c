/*
 * SearchParameters come and go as resources, by any interaction of any server. Whoever sees first that some were
 * written compares all that are stored with all that are in use, in one transaction, and makes the next generation; a
 * job reindexes the types that are concerned.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { ALIVE_US = 5 * 1000 * 1000 };

/* What its index depends on. */
static bool same_index(const json *x, const json *y)
{
    static const char *const members[] = {"code", "type", "base", "expression", "target", "component"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json *a = json_get(x, members[i]), *b = json_get(y, members[i]);
        if (!a != !b || (a && !json_equal(a, b)))
            return false;
    }
    return true;
}

struct change {
    struct jobs *j;
    const struct search_registry *registry; /* with those that stay and those taken so far */
    struct search_custom *taken;
    size_t n_taken, cap_taken;
    bool *types; /* by number: to be reindexed */
    bool any;
    struct str job;
};

static bool parse(struct change *g, struct str text, json **out, struct err *err)
{
    *out = NULL;
    return !text.s || json_parse(&g->j->a, text, INT16_MAX, out, err);
}

static void concern(struct change *g, const json *resource)
{
    int16_t *types;
    size_t n;
    search_custom_types(g->registry, &g->j->a, resource, &types, &n);
    for (size_t i = 0; i < n; i++)
        g->types[types[i]] = true;
    g->any = true;
}

static bool use(struct change *g, int64_t k, int32_t ver, struct str job, struct err *err)
{
    struct sql q = {.a = &g->j->a};
    store_use_plan(g->j->store, k, ver, job, &q);
    return jobs__ask(g->j, &q, NULL, err);
}

/* Those after it must not collide with it. */
static void take(struct change *g, struct str id, const json *resource)
{
    *ARENA_PUSH(&g->j->a, g->taken, g->n_taken, g->cap_taken) =
        (struct search_custom){.id = id, .resource = resource};
    search_registry_extend(&g->j->a, search_base(g->j->search), g->taken, g->n_taken, &g->registry);
}

static bool compare(struct change *g, const struct db_rows *rows, int i, struct err *err)
{
    json *stored, *used;
    struct str id = db_text(rows, i, PARAMETER_ID);
    int64_t k = db_int8(rows, i, PARAMETER_K);
    int32_t ver = db_null(rows, i, PARAMETER_VER) ? 0 : db_int4(rows, i, PARAMETER_VER);
    struct err why;
    if (!parse(g, db_text(rows, i, PARAMETER_CONTENT), &stored, err) ||
        !parse(g, db_text(rows, i, PARAMETER_USED_CONTENT), &used, err))
        return false;
    if (stored && !search_custom_is_used(g->registry, stored))
        stored = NULL;
    if (stored && !search_custom_check(g->registry, &g->j->a, stored, id, &why)) {
        /* two that collide were written at the same time; or it was stored by an older version */
        log_event(LOG_WARN, "search-parameter-refused", LOG_S("reason", why.msg));
        stored = NULL;
    }
    if (stored)
        take(g, id, stored);
    /* a new version of one whose job has failed is another attempt */
    bool again = db_bool(rows, i, PARAMETER_FAILED) && ver != db_int4(rows, i, PARAMETER_USED_VER);
    if (stored && used && same_index(stored, used) && !again)
        return ver == db_int4(rows, i, PARAMETER_USED_VER) || use(g, k, ver, (struct str){NULL, 0}, err);
    if (used)
        concern(g, used);
    if (stored)
        concern(g, stored);
    return (!used && !stored) || use(g, k, stored ? ver : 0, g->job, err);
}

static bool next_generation(struct change *g, struct err *err)
{
    struct jobs *j = g->j;
    struct sql q = {.a = &j->a};
    int count = fhir_resource_count(j->defs);
    int16_t *types = ARENA_ARRAY(&j->a, int16_t, count);
    size_t n = 0;
    for (int i = 0; i < count; i++)
        if (g->types[fhir_resource_at(j->defs, i)->id])
            types[n++] = (int16_t)fhir_resource_at(j->defs, i)->id;
    if (n == (size_t)count)
        n = 0;
    store_next_generation_plan(j->store, g->job, types, n, str_of(j->config->http_base_url), &q);
    return jobs__ask(j, &q, NULL, err);
}

static bool reconcile(struct jobs *j, int16_t rtype, struct err *err)
{
    struct sql lock = {.a = &j->a}, q = {.a = &j->a};
    const struct db_rows *rows;
    char id[37];
    store_new_id(id);
    struct change g = {.j = j,
                       .registry = search_base(j->search),
                       .types = ARENA_ARRAY(&j->a, bool, INT16_MAX),
                       .job = str_of(arena_strdup(&j->a, id))};
    store_lock_generation_plan(j->store, &lock);
    store_parameters_plan(j->store, rtype, &q);
    if (!jobs__ask(j, &lock, NULL, err) || !jobs__ask(j, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++)
        if (!compare(&g, rows, i, err))
            return false;
    return !g.any || next_generation(&g, err);
}

static bool publish(struct jobs *j, struct err *err)
{
    struct sql q = {.a = &j->a};
    const struct db_rows *rows;
    store_registry_plan(j->store, &q);
    if (!jobs__ask(j, &q, &rows, err))
        return false;
    struct search_custom *list = ARENA_ARRAY(&j->a, struct search_custom, db_count(rows));
    size_t n = 0;
    for (int i = 0; i < db_count(rows); i++) {
        json *resource;
        if (db_null(rows, i, REGISTRY_ID))
            continue;
        if (!json_parse(&j->a, db_text(rows, i, REGISTRY_CONTENT), INT16_MAX, &resource, err))
            return false;
        list[n++] = (struct search_custom){.id = db_text(rows, i, REGISTRY_ID),
                                           .resource = resource,
                                           .ready = db_bool(rows, i, REGISTRY_READY),
                                           .job = db_text(rows, i, REGISTRY_JOB).s};
    }
    /* no place while long requests hold the old ones: next time */
    if (search_publish(j->search, db_int8(rows, 0, REGISTRY_GENERATION), list, n))
        log_event(LOG_INFO, "search-parameters", LOG_I("generation", search_generation(j->search)),
                  LOG_I("own", n));
    return true;
}

bool jobs__follow(struct jobs *j, struct err *err)
{
    struct sql q = {.a = &j->a};
    const struct db_rows *rows;
    const int16_t rtype = (int16_t)fhir_resource(j->defs, STR("SearchParameter"))->id;
    store_generation_plan(j->store, rtype, &q);
    if (!jobs__ask(j, &q, &rows, err))
        return false;
    bool changed = db_bool(rows, 0, 1);
    if (changed && !(db_begin(j->conn, err) && reconcile(j, rtype, err) && db_commit(j->conn, err)))
        return false;
    return (!changed && db_int8(rows, 0, 0) == search_generation(j->search)) || publish(j, err);
}

bool jobs__report(struct jobs *j, struct err *err)
{
    struct sql presence = {.a = &j->a}, alive = {.a = &j->a};
    int64_t now = clock_mono_us(), oldest = search_oldest_held(j->search);
    if (oldest == j->reported && now - j->alive_us < ALIVE_US)
        return true;
    store_presence_plan(j->store, &presence); /* the connection may be another one by now */
    store_alive_plan(j->store, oldest, &alive);
    if (!jobs__ask(j, &presence, NULL, err) || !jobs__ask(j, &alive, NULL, err))
        return false;
    j->reported = oldest;
    j->alive_us = now;
    return true;
}
