/*
 * What the caller may see and change, where the interactions ask for it. The predicate itself is search/access.h, made
 * from the token's grants by auth/access.c.
 *
 * Who may not see a resource is told what he would be told if it were not there. Who may write some resources of a type
 * only writes what he may, on what he may: the stored version and the new one are asked, under the row's lock.
 */
#include "internal.h"

const struct search_access *api__access(const struct api_request *r, enum auth_right right,
                                        const struct fhir_type *type)
{
    const struct api_deps *d = &r->api->deps;
    if (type && auth_unrestricted(r->principal, right, type))
        return NULL;
    return auth_access(r->principal, right, r->a, d->defs, r->search->registry, store_tenant(d->store),
                       r->base, api__consents(r, right));
}

/* ---- rules of the interactions ------------------------------------------------------------------------------------ */

/* A scope on all of the type, whatever labels withhold; not one that is bound to a compartment. */
static bool has_unfiltered(const struct auth_principal *p, unsigned right, const struct fhir_type *type)
{
    bool shared = right & (AUTH_READ | AUTH_SEARCH) && type && search_is_shared(type);
    for (size_t i = 0; i < p->n_grants; i++) {
        const struct auth_grant *g = &p->grants[i];
        struct str patient;
        bool bound = auth_is_bound(p, g->level, &patient);
        if ((g->rights & right) && (!g->type || g->type == type) && !g->query.s && (!bound || shared))
            return true;
    }
    return false;
}

static bool is_system(const struct auth_principal *p)
{
    for (size_t i = 0; i < p->n_grants; i++)
        if (p->grants[i].level == AUTH_SYSTEM && !p->grants[i].query.s)
            return true;
    return false;
}

bool api__may_define(const struct api_request *r, enum auth_right right, const struct fhir_type *type,
                     struct err *err)
{
    return has_unfiltered(r->principal, right, type) ||
           err_set(err, ERR_FORBIDDEN,
                   "The token does not allow this: it needs a scope on %s that is not restricted",
                   type ? type->name : "*");
}

bool api__admit(const struct api_request *r, struct err *err)
{
    const struct api_interaction *i = r->route->interaction;
    if (!r->principal)
        return true;
    if (!api__authorise(r, i->right, r->type, err))
        return false;
    switch (i->access) {
    case ACCESS_OPEN:
    case ACCESS_JUDGED:
        return true;
    case ACCESS_DEFINITIONS:
        return api__may_define(r, (enum auth_right)i->right, r->type, err);
    case ACCESS_SYSTEM:
        return is_system(r->principal) ||
               err_set(err, ERR_FORBIDDEN,
                       "The token does not allow this: it needs a scope of the level system");
    case ACCESS_UNDECIDED:
    case ACCESS_WHOLE:
        break;
    }
    return auth_unrestricted(r->principal, AUTH_READ, NULL) ||
           err_set(err, ERR_FORBIDDEN,
                   "The token does not allow this: it needs system/*.r, without a restriction");
}

/* ---- writes ------------------------------------------------------------------------------------------------------- */

bool api__is_restricted(const struct api_request *r, enum auth_right right)
{
    return !auth_unrestricted(r->principal, right, r->type);
}

bool api__may_make(const struct api_request *r)
{
    return has_unfiltered(r->principal, AUTH_UPDATE, r->type);
}

/* One text for all reasons: it does not tell whether the resource is there. */
bool api__refuse(const struct fhir_type *type, struct err *err)
{
    return err_set(
        err, ERR_FORBIDDEN,
        "The token does not allow this: there is no such %s within what its scopes grant, and with them "
        "nothing is put beyond it",
        type->name);
}

static enum auth_right right_of(const struct api_request *r)
{
    return r->route->interaction == &api__create ? AUTH_CREATE : AUTH_UPDATE;
}

bool api__may_store(const struct api_request *r, const struct store_write *w, struct err *err)
{
    enum auth_right right = right_of(r);
    const struct search_access *x = api__access(r, right, w->type);
    if (!x)
        return true;
    enum search_cover cover = search_access_covers(x, w->type, w->id, &w->index);
    /* of an update, what was there is asked under the lock: api__check_update() */
    bool ok =
        cover == SEARCH_COVERED || (cover == SEARCH_COVERED_AS_MEMBER &&
                                    (right != AUTH_CREATE || search_access_keeps_to(x, &w->index, NULL)));
    return ok || api__refuse(w->type, err);
}

/* The stored version, as far as the right reaches; not one that is deleted. */
static bool read_stored(struct api_request *r, struct db_conn *c, const struct search_access *x,
                        struct str id, struct store_version *v, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    store_read_seen_plan(r->api->deps.store, r->type, id, x, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    return (store_read_reply(rows, v) && !v->deleted) || api__refuse(r->type, err);
}

/* Has it never been there, or has the caller seen it go? */
static bool is_absent(struct api_request *r, struct db_conn *c, const struct search_access *x, struct str id,
                      bool *absent, struct err *err)
{
    struct sql q = {.a = r->a}, seen = {.a = r->a};
    const struct db_rows *rows, *seen_rows;
    struct store_version v;
    store_read_plan(r->api->deps.store, r->type, id, &q);
    store_read_seen_plan(r->api->deps.store, r->type, id, x, &seen);
    if (!db_exec(c, r->a, &q, &rows, err) || !db_exec(c, r->a, &seen, &seen_rows, err))
        return false;
    *absent = !store_read_reply(rows, &v) || (store_read_reply(seen_rows, &v) && v.deleted);
    return true;
}

bool api__check_stored(struct api_request *r, struct db_conn *c, enum auth_right right, struct str id,
                       struct err *err)
{
    const struct search_access *x = api__access(r, right, r->type);
    struct store_version v;
    return !x || read_stored(r, c, x, id, &v, err);
}

bool api__check_update(struct api_request *r, struct db_conn *c, const struct store_write *w, struct err *err)
{
    const struct search_access *x = api__access(r, AUTH_UPDATE, w->type);
    struct store_version v;
    struct search_index was;
    bool absent = false;
    struct str content;
    json *stored;
    if (!x)
        return true;
    if (api__may_make(r) && !is_absent(r, c, x, w->id, &absent, err))
        return false;
    if (absent)
        return true;
    if (!read_stored(r, c, x, w->id, &v, err))
        return false;
    if (search_access_covers(x, w->type, w->id, &w->index) != SEARCH_COVERED_AS_MEMBER)
        return true;
    return store_open(r->api->deps.store, r->a, w->type, w->id, v.text, &content, err) &&
           json_parse(r->a, content, INT16_MAX, &stored, err) &&
           search_index(r->search->registry, store_tenant(r->api->deps.store), r->a, stored, w->type, r->base,
                        &was, err) &&
           (search_access_keeps_to(x, &w->index, &was) || api__refuse(w->type, err));
}

bool api__check_matches(struct api_request *r, struct db_conn *c, const struct fhir_type *type,
                        const struct api_match_row *rows, size_t n, struct err *err)
{
    const struct search_access *x = n ? api__access(r, AUTH_SEARCH, type) : NULL;
    struct sql q = {.a = r->a};
    const struct db_rows *seen;
    if (!x)
        return true;
    int16_t *rtypes = ARENA_ARRAY(r->a, int16_t, n);
    struct str *ids = ARENA_ARRAY(r->a, struct str, n);
    for (size_t i = 0; i < n; i++) {
        rtypes[i] = (int16_t)type->id;
        ids[i] = rows[i].id;
    }
    store_read_many_plan(r->api->deps.store, rtypes, ids, n, x, &q);
    if (!db_exec(c, r->a, &q, &seen, err))
        return false;
    return (size_t)db_count(seen) == n || api__refuse(type, err);
}

bool api__open(const struct api_request *r, const struct fhir_type *type, struct str id,
               struct store_text text, struct str *out, struct err *err)
{
    if (r->principal->pseudonyms)
        return store_redact(r->a, text, out, err);
    return store_open(r->api->deps.store, r->a, type, id, text, out, err);
}

/* ---- old versions ------------------------------------------------------------------------------------------------- */

bool api__sees_version(struct api_request *r, const struct search_access *x, const struct fhir_type *type,
                       struct str id, struct store_text text)
{
    struct search_index index;
    struct err err;
    struct str content;
    json *resource;
    return !x || !search_access_must_open(x, type) ||
           (text.kept.s && store_open(r->api->deps.store, r->a, type, id, text, &content, &err) &&
            json_parse(r->a, content, INT16_MAX, &resource, &err) &&
            search_index(r->search->registry, store_tenant(r->api->deps.store), r->a, resource, type, r->base,
                         &index, &err) &&
            search_access_covers(x, type, id, &index) != SEARCH_HIDDEN);
}
