/*
 * Conditional interactions (http.html#ccreate, #cond-update, #cdelete): the resource is named by search criteria.
 *
 * Race-safe by locks on the hashes of the criteria, taken by a statement of its own: inside one statement the snapshot
 * would be older than the lock, and two clients would both find nothing.
 */
#include "internal.h"

static bool parse(struct api_request *r, const struct fhir_type *type, struct str query, int limit,
                  const struct conformance_view *codes, struct search_query **out, struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    struct search_arg *args = NULL;
    size_t n = 0, cap = 0;
    struct str criteria, before = str_cut(query, '?', &criteria);
    if (!criteria.s || memchr(before.s, '=', before.len)) /* "?a=b" and "Type?a=b" are seen as well */
        criteria = query;
    const struct search_options options = {
        .type = type,
        .strict = true,
        .conditional = true,
        .text = store_text(d->store),
        .base = r->base,
        .terminology = codes,
        .access = api__access(r, AUTH_SEARCH, NULL),
        .limits = {.count = limit, .max_count = limit, .max_codes = (int)r->config->search_max_codes}};
    if (!api__parse_args(r->a, criteria, &args, &n, &cap, err))
        return false;
    if (n == 0)
        return err_set(err, ERR_PRECONDITION,
                       "A conditional interaction needs search criteria; without any it would concern "
                       "every %s",
                       type->name);
    return search_parse(r->search->registry, store_tenant(d->store), r->a, args, n, &options, out, err);
}

bool api__criteria_keys(struct api_request *r, const struct fhir_type *type, struct str query, int64_t **keys,
                        size_t *n, struct err *err)
{
    struct search_query *parsed;
    if (!parse(r, type, query, 1, NULL, &parsed, err))
        return false;
    search_lock_keys(parsed, r->a, keys, n);
    return true;
}

bool api__match(struct api_request *r, struct db_conn *c, const struct fhir_type *type, struct str query,
                int limit, bool lock, struct api_match_row **rows, size_t *n, struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    struct search_query *parsed;
    const struct db_rows *found;
    struct sql q = {.a = r->a};
    const struct conformance_view *codes;
    if (!parse(r, type, query, limit, NULL, &parsed, err))
        return false;
    if (parsed->needs_terminology &&
        (!api__terminology(r, c, &codes, err) || !parse(r, type, query, limit, codes, &parsed, err)))
        return false;
    if (lock) {
        int64_t *keys;
        size_t n_keys;
        search_lock_keys(parsed, r->a, &keys, &n_keys);
        store_lock_plan(keys, n_keys, &q);
        if (!db_exec(c, r->a, &q, NULL, err))
            return false;
        q = (struct sql){.a = r->a};
    }
    search_plan_match(parsed, store_stats(d->store), limit, &q);
    if (!db_exec(c, r->a, &q, &found, err))
        return false;
    *n = (size_t)db_count(found);
    *rows = ARENA_ARRAY(r->a, struct api_match_row, *n);
    for (size_t i = 0; i < *n; i++)
        (*rows)[i] = (struct api_match_row){fhir_resource_by_id(d->defs, db_int2(found, (int)i, 0)),
                                            db_text(found, (int)i, 1), db_int4(found, (int)i, 3)};
    return api__check_matches(r, c, type, *rows, *n, err);
}

/* The key that stands for the criteria. False: they are to be asked alone, and refused there if they have to be. */
static bool is_key(struct api_request *r, const struct api_named *named, int64_t *key)
{
    struct err err;
    struct search_query *parsed;
    return !api__access(r, AUTH_SEARCH, named->type) && api__authorise(r, AUTH_SEARCH, named->type, &err) &&
           parse(r, named->type, named->query, 2, NULL, &parsed, &err) &&
           search_is_key(parsed, store_stats(r->api->deps.store), key);
}

enum { NAMED_ROWS = 500 };

static bool match_some(struct api_request *r, struct db_conn *c, struct api_named **list, const int64_t *keys,
                       size_t n, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    search_plan_match_keys(store_tenant(r->api->deps.store), r->a, keys, n, API_MATCHES_MAX, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    if (db_count(rows) >= API_MATCHES_MAX) /* there may be more of any of them */
        return true;
    for (size_t i = 0; i < n; i++) {
        size_t matches = 0;
        for (int row = 0; row < db_count(rows); row++)
            if (db_int8(rows, row, 2) == keys[i] && db_int2(rows, row, 0) == list[i]->type->id && ++matches)
                list[i]->id = db_text(rows, row, 1);
        if (matches != 1)
            list[i]->id = (struct str){NULL, 0};
    }
    return true;
}

bool api__match_many(struct api_request *r, struct db_conn *c, struct api_named *list, size_t n,
                     struct err *err)
{
    int64_t *keys = ARENA_ARRAY(r->a, int64_t, n);
    struct api_named **of = ARENA_ARRAY(r->a, struct api_named *, n);
    size_t asked = 0;
    for (size_t i = 0; i < n; i++)
        if (is_key(r, &list[i], &keys[asked]))
            of[asked++] = &list[i];
    for (size_t from = 0; from < asked; from += NAMED_ROWS)
        if (!match_some(r, c, of + from, keys + from, asked - from < NAMED_ROWS ? asked - from : NAMED_ROWS,
                        err))
            return false;
    return true;
}

/* ---- update ---------------------------------------------------------------------------------------------------- */

static bool id_is_taken(struct api_request *r, struct db_conn *c, struct str id, bool *taken, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *there;
    struct store_version v;
    /* one that the caller does not see is refused when it is to be written */
    store_read_seen_plan(r->api->deps.store, r->type, id, api__access(r, AUTH_UPDATE, r->type), &q);
    if (!db_exec(c, r->a, &q, &there, err))
        return false;
    *taken = store_read_reply(there, &v) && !v.deleted;
    return true;
}

bool api__update_target(struct api_request *r, struct db_conn *c, const struct api_match_row *rows, size_t n,
                        struct store_update *u, struct err *err)
{
    const char *id = json_get_string(r->body, "id");
    bool taken;
    u->op = STORE_PUT;
    if (n > 1)
        return err_set(err, ERR_MULTIPLE, "The criteria match several resources; nothing was changed");
    if (n == 1) {
        u->w.id = rows[0].id;
        if (id && !str_is(rows[0].id, id))
            return err_set(err, ERR_INVALID,
                           "The criteria match a resource with another id than that in the body");
        return api__preconditions(r, u, err);
    }
    if (!api__may_make(r))
        return api__refuse(r->type, err);
    if (r->if_match.s)
        return err_set(err, ERR_PRECONDITION,
                       "The criteria match nothing, so there is no version that If-Match could name");
    u->may_create = true;
    if (!id) {
        char fresh[37];
        store_new_id(fresh);
        u->w.id = str_of(arena_strdup(r->a, fresh));
        return true;
    }
    u->w.id = str_of(id);
    if (r->config->store_client_ids != 0)
        return err_set(err, ERR_METHOD,
                       "The criteria match nothing, and clients may not choose ids "
                       "(store.client_ids = none): leave the id out");
    if (!id_is_taken(r, c, u->w.id, &taken, err))
        return false;
    return !taken ||
           err_set(err, ERR_CONFLICT,
                   "The criteria match nothing, but the id in the body is that of another resource");
}

static bool update_match(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct api_match_row *rows;
    size_t n;
    struct store_update u = {0};
    return api__match(r, c, r->type, r->query, 2, true, &rows, &n, err) &&
           api__update_target(r, c, rows, n, &u, err) &&
           api__make_write(r, r->body, r->type, u.w.id, &u.w, err) &&
           api__update_on(r, c, r->body, &u, out, err);
}

static bool prepare_update(struct api_request *r, struct err *err)
{
    return api__authorise(r, AUTH_SEARCH, r->type, err);
}

static bool work_update(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    return api__in_transaction(r, c, out, err, update_match);
}

/* ---- delete ---------------------------------------------------------------------------------------------------- */

static bool delete_matches(struct api_request *r, struct db_conn *c, struct api_response *out,
                           struct err *err)
{
    struct api_match_row *rows;
    size_t n;
    bool single = r->config->store_conditional_delete == 0;
    if (!api__match(r, c, r->type, r->query, single ? 2 : API_MATCHES_MAX + 1, true, &rows, &n, err))
        return false;
    if (n > 1 && single)
        return err_set(err, ERR_MULTIPLE,
                       "The criteria match several resources; nothing was deleted "
                       "(store.conditional_delete = single)");
    if (n > API_MATCHES_MAX)
        return err_set(err, ERR_TOO_COSTLY, "The criteria match more than %d resources: narrow them",
                       API_MATCHES_MAX);
    const struct audit_write audit = api__audit_write(r);
    for (size_t i = 0; i < n; i++) {
        struct sql q = {.a = r->a};
        const struct db_rows *gone;
        if (!api__may_change(r, r->type, rows[i].id, err) ||
            !api__check_stored(r, c, AUTH_DELETE, rows[i].id, err))
            return false;
        store_delete_plan(r->api->deps.store, r->type, rows[i].id, rows[i].ver, &audit, &q);
        if (!db_exec(c, r->a, &q, &gone, err))
            return false;
        if (store_delete_reply(rows[i].ver, gone, &(struct store_written){0}) != STORE_UPDATED) {
            r->again = true; /* changed since: it may not match any more */
            return err_set(err, ERR_CONFLICT,
                           "Another request wrote the same resources at the same time; try again");
        }
    }
    *out = (struct api_response){.status = 204, .written = true};
    return true;
}

static bool work_delete(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    return api__in_transaction(r, c, out, err, delete_matches);
}

const struct api_interaction api__conditional_update = {.code = "update",
                                                        .run = RUN_WORKER,
                                                        .right = AUTH_UPDATE,
                                                        .access = ACCESS_JUDGED,
                                                        .body = true,
                                                        .prepare = prepare_update,
                                                        .work = work_update};
const struct api_interaction api__conditional_delete = {.code = "delete",
                                                        .run = RUN_WORKER,
                                                        .right = AUTH_DELETE | AUTH_SEARCH,
                                                        .access = ACCESS_JUDGED,
                                                        .work = work_delete};
