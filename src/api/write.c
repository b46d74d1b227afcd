/* create, update and delete (http.html#create, #update, #delete). */
#include "internal.h"
#include "store/jobs.h"

/* ---- shared -------------------------------------------------------------------------------------------------- */

bool api__make_write(struct api_request *r, json *resource, const struct fhir_type *type, struct str id,
                     struct store_write *w, struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    *w = (struct store_write){.type = type, .id = id, .audit = api__audit_write(r)};
    if (!api__may_change(r, type, id, err))
        return false;
    json_put(r->a, resource, "id", json_string_n(r->a, id)); /* searched for by its own id */
    if (!search_index(r->search->registry, store_tenant(d->store), r->a, resource, type, r->base, &w->index,
                      err))
        return false;
    store_content(d->store, r->a, resource, type, id, &w->content);
    return api__may_store(r, w, err);
}

void api__written(struct api_request *r, const struct store_write *w, int status,
                  const struct store_written *at, struct api_response *out)
{
    if (!r->in_transaction)
        r->a->limit = 0; /* the answer to a write is not refused for its size */
    *out = (struct api_response){.status = status,
                                 .type = w->type,
                                 .id = w->id,
                                 .ver = at->ver,
                                 .lu_us = at->lu_us,
                                 .position = at->xid,
                                 .located = status == 201,
                                 .entered = true,
                                 .written = true};
    api__is_of(r, w->type, w->id, w->index.pat, out);
    if (r->prefer == RETURN_REPRESENTATION || (r->prefer == RETURN_DEFAULT && !r->in_bundle))
        out->resource = store_content_text(r->a, &w->content, at->ver, at->lu_us);
}

static bool if_match(const struct api_request *r, int32_t *ver, struct err *err)
{
    *ver = STORE_ANY_VERSION;
    if (!r->if_match.s || str_is(str_trim(r->if_match), "*"))
        return true;
    return api__parse_etag(r->if_match, ver) ||
           err_set(err, ERR_PRECONDITION, "If-Match: the ETag of a version was expected, such as W/\"3\"");
}

bool api__preconditions(const struct api_request *r, struct store_update *u, struct err *err)
{
    if (r->if_match.s)
        u->may_create = false;
    if (!r->if_none_match.s)
        return if_match(r, &u->if_match, err);
    u->if_match = STORE_NO_VERSION;
    return str_is(str_trim(r->if_none_match), "*") ||
           err_set(err, ERR_PRECONDITION,
                   "If-None-Match: a write knows * only, for what must not be there yet");
}

static bool is_parameter(const struct fhir_type *type)
{
    return strcmp(type->name, "SearchParameter") == 0;
}

/*
 * Writers of SearchParameters stand in line from here to their commit, so that of two that collide the second finds the
 * first one stored, whichever servers they came by.
 */
static bool check_parameter(struct api_request *r, struct db_conn *c, const struct store_write *w,
                            struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    struct sql hold = {.a = r->a}, q = {.a = r->a};
    const struct db_rows *rows;
    const struct search_registry *registry;
    store_hold_generation_plan(d->store, &hold);
    store_parameters_plan(d->store, (int16_t)w->type->id, &q);
    if (!db_exec(c, r->a, &hold, NULL, err) || !db_exec(c, r->a, &q, &rows, err))
        return false;
    struct search_custom *others = ARENA_ARRAY(r->a, struct search_custom, db_count(rows));
    size_t n = 0;
    const json *own = NULL;
    for (int i = 0; i < db_count(rows); i++) {
        json *resource;
        struct str content = db_text(rows, i, PARAMETER_CONTENT), id = db_text(rows, i, PARAMETER_ID);
        if (!content.s)
            continue;
        if (!json_parse(r->a, content, INT16_MAX, &resource, err))
            return false;
        if (str_eq(id, w->id))
            own = resource;
        else if (search_custom_is_used(r->search->registry, resource))
            others[n++] = (struct search_custom){.id = id, .resource = resource};
    }
    search_registry_extend(r->a, search_base(d->search), others, n, &registry);
    return !own || search_custom_check(registry, r->a, own, w->id, err);
}

bool api__check_written(struct api_request *r, struct db_conn *c, const struct store_write *w,
                        struct err *err)
{
    const struct search_index *x = &w->index;
    bool enforce = r->config->store_references == REFERENCES_ENFORCE;
    bool asked = r->config->store_references == REFERENCES_WARN && r->prefer == RETURN_OUTCOME;
    if (is_parameter(w->type) && !check_parameter(r, c, w, err))
        return false;
    if (x->n_refs == 0 || (!enforce && !asked))
        return true;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    store_missing_plan(r->api->deps.store, x->refs, x->n_refs, enforce, api__access(r, AUTH_READ, NULL), &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    for (int i = 0; i < db_count(rows); i++) {
        const struct search_index_ref *ref = &x->refs[db_int4(rows, i, 0)];
        if (enforce)
            return err_at(err, ERR_RULE, ref->expression,
                          "The reference to a %s leads nowhere: this server has no such resource "
                          "(store.references = enforce)",
                          ref->type->name);
        issues_add(&r->warnings, ISSUE_WARNING, "not-found", ref->expression,
                   "The reference to a %s leads nowhere: this server has no such resource now",
                   ref->type->name);
    }
    return true;
}

bool api__must_check(const struct api_request *r)
{
    return r->config->store_references == REFERENCES_ENFORCE || is_parameter(r->type);
}

/* Checking needs a second statement. */
static bool wants_check(const struct api_request *r)
{
    return api__must_check(r) ||
           (r->config->store_references == REFERENCES_WARN && r->prefer == RETURN_OUTCOME);
}

/* ---- create -------------------------------------------------------------------------------------------------- */

static bool prepare_create(struct api_request *r, struct err *err)
{
    char id[37];
    if (r->if_none_exist.s) {
        r->run = RUN_WORKER;
        if (!api__authorise(r, AUTH_SEARCH, r->type, err))
            return false;
    }
    if (wants_check(r))
        r->run = RUN_WORKER;
    if (!r->id.s) { /* a transaction has chosen it already */
        store_new_id(id);
        r->id = str_of(arena_strdup(r->a, id));
    }
    r->write = ARENA_NEW(r->a, struct store_write);
    return api__make_write(r, r->body, r->type, r->id, r->write, err);
}

void api__created(struct api_request *r, const struct store_written *w, struct api_response *out)
{
    api__written(r, r->write, 201, w, out);
}

static bool create_on(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct store *s = r->api->deps.store;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct store_written w;
    store_create_plan(s, &r->write, 1, true, &q);
    if (!db_exec(c, r->a, &q, &rows, err) || !store_create_reply(rows, &w, err) ||
        !api__check_written(r, c, r->write, err))
        return false;
    api__created(r, &w, out);
    return true;
}

/* http.html#ccreate: nothing is made when the criteria match one already. */
static bool create_unless(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct api_match_row *rows;
    size_t n;
    if (!api__match(r, c, r->type, r->if_none_exist, 2, true, &rows, &n, err))
        return false;
    if (n > 1)
        return err_set(err, ERR_MULTIPLE, "If-None-Exist matches several resources; nothing was created");
    if (n == 0)
        return create_on(r, c, out, err);
    struct sql q = {.a = r->a};
    const struct db_rows *found;
    struct store_version v;
    store_read_plan(r->api->deps.store, rows[0].type, rows[0].id, &q);
    if (!db_exec(c, r->a, &q, &found, err))
        return false;
    if (!store_read_reply(found, &v) || v.deleted) {
        r->again = true;
        return err_set(err, ERR_CONFLICT,
                       "The resource that If-None-Exist matches was deleted at the same time; try again");
    }
    *out = (struct api_response){.status = 200,
                                 .type = rows[0].type,
                                 .id = rows[0].id,
                                 .ver = v.ver,
                                 .lu_us = v.lu_us,
                                 .located = true,
                                 .written = true};
    return store_open(r->api->deps.store, r->a, rows[0].type, rows[0].id, v.text, &out->resource, err);
}

static bool work_create(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    if (!r->if_none_exist.s && !wants_check(r))
        return create_on(r, c, out, err);
    return api__in_transaction(r, c, out, err, r->if_none_exist.s ? create_unless : create_on);
}

static void gather_create(struct api_request *r, struct store_batched *what)
{
    what->create = r->write;
}

static bool settle_create(struct api_request *r, enum store_outcome outcome, const struct store_written *at,
                          struct api_response *out, struct err *err)
{
    (void)outcome, (void)err;
    api__created(r, at, out);
    return true;
}

const struct api_interaction api__create = {.code = "create",
                                            .run = RUN_CREATE,
                                            .right = AUTH_CREATE,
                                            .access = ACCESS_JUDGED,
                                            .body = true,
                                            .prepare = prepare_create,
                                            .gather = gather_create,
                                            .settle = settle_create,
                                            .work = work_create};

enum { UPDATE_ATTEMPTS = 5 }; /* somebody made it, deleted it, labelled it: then we hold it */

/* ---- update -------------------------------------------------------------------------------------------------- */

static bool prepare_update(struct api_request *r, struct err *err)
{
    const char *id = json_get_string(r->body, "id");
    struct store_update *u = ARENA_NEW(r->a, struct store_update);
    if (!fhir_id_valid(r->id))
        return err_set(err, ERR_INVALID,
                       "The id in the URL is not one: 1 to 64 letters, digits, '-' and '.'");
    if (!id || !str_is(r->id, id))
        return err_at(err, ERR_INVALID, arena_printf(r->a, "%s.id", r->type->name),
                      "The resource's id must be there and be that of the URL");
    u->may_create = r->config->store_client_ids == 0;
    u->words = !r->in_transaction;
    u->op = STORE_PUT;
    if (!api__preconditions(r, u, err))
        return false;
    r->state = u;
    if (!api__may_make(r))
        u->may_create = false;
    if (wants_check(r) || api__is_restricted(r, AUTH_UPDATE))
        r->run = RUN_WORKER;
    return api__make_write(r, r->body, r->type, r->id, &u->w, err);
}

static bool plan_update(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    store_update_plan(r->api->deps.store, r->state, q);
    return true;
}

bool api__updated(struct api_request *r, const struct store_update *u, enum store_outcome outcome,
                  const struct store_written *at, struct api_response *out, struct err *err)
{
    switch (outcome) {
    case STORE_UPDATED:
    case STORE_CREATED:
        api__written(r, &u->w, outcome == STORE_CREATED ? 201 : 200, at, out);
        return true;
    case STORE_ABSENT:
        if (r->if_match.s)
            return err_set(err, ERR_PRECONDITION, "If-Match: there is no %s with this id", u->w.type->name);
        return err_set(
            err, ERR_METHOD,
            "There is no %s with this id, and clients may not choose ids (store.client_ids = none)",
            u->w.type->name);
    default:
        return err_set(err, ERR_PRECONDITION,
                       u->if_match == STORE_NO_VERSION
                           ? "If-None-Match: there is a resource with this id already"
                           : "If-Match names another version than the current one: read it and decide anew");
    }
}

static void gather_update(struct api_request *r, struct store_batched *what)
{
    what->update = r->state;
}

static bool settle_update(struct api_request *r, enum store_outcome outcome, const struct store_written *at,
                          struct api_response *out, struct err *err)
{
    r->again = outcome == STORE_RACED;
    if (outcome == STORE_LABELS) /* the stored version has to be read first */
        r->run = RUN_WORKER;
    return outcome == STORE_RACED || outcome == STORE_LABELS ||
           api__updated(r, r->state, outcome, at, out, err);
}

static bool reply_update(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                         struct err *err)
{
    struct store_update *u = r->state;
    struct store_written at;
    enum store_outcome outcome = store_update_reply(u, rows, &at);
    if (outcome == STORE_UPDATED || outcome == STORE_CREATED) /* and committed */
        store_committed(r->api->deps.store, &(struct store_write *){&u->w}, 1);
    return settle_update(r, outcome, &at, out, err);
}

/* Adds the labels that the stored version has and the client did not resend, as of this moment. */
static bool merge_stored_meta(struct api_request *r, struct db_conn *c, json *resource,
                              const struct store_update *u, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct store_version v;
    json *stored;
    store_read_plan(r->api->deps.store, u->w.type, u->w.id, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    if (!store_read_reply(rows, &v) || v.deleted)
        return true; /* deleted meanwhile: nothing to merge */
    struct str content;
    if (!store_open(r->api->deps.store, r->a, u->w.type, u->w.id, v.text, &content, err) ||
        !json_parse(r->a, content, INT16_MAX, &stored, err))
        return false;
    store_merge_meta(r->a, resource, stored);
    return true;
}

bool api__update_on(struct api_request *r, struct db_conn *c, json *resource, struct store_update *u,
                    struct api_response *out, struct err *err)
{
    u->words = !r->in_transaction;
    if (api__is_restricted(r, AUTH_UPDATE) &&
        (!api__lock_row(r, c, u->w.id, err) || !api__check_update(r, c, &u->w, err)))
        return false;
    for (int attempt = 0; attempt < UPDATE_ATTEMPTS; attempt++) {
        struct sql q = {.a = r->a};
        const struct db_rows *rows;
        struct store_written at;
        store_update_plan(r->api->deps.store, u, &q);
        if (!db_exec(c, r->a, &q, &rows, err))
            return false;
        enum store_outcome outcome = store_update_reply(u, rows, &at);
        if (outcome != STORE_LABELS && outcome != STORE_RACED)
            return api__updated(r, u, outcome, &at, out, err) &&
                   (r->in_transaction || api__check_written(r, c, &u->w, err));
        if (outcome == STORE_RACED && r->in_transaction)
            break;
        if (!api__lock_row(r, c, u->w.id, err))
            return false;
        if (outcome == STORE_LABELS && (!merge_stored_meta(r, c, resource, u, err) ||
                                        !api__make_write(r, resource, u->w.type, u->w.id, &u->w, err)))
            return false;
    }
    r->again = true;
    return err_set(err, ERR_CONFLICT, "Too many others write the same resource at the same time; try again");
}

static bool update_on(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    return api__update_on(r, c, r->body, r->state, out, err);
}

static bool work_update(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    return api__in_transaction(r, c, out, err, update_on);
}

const struct api_interaction api__update = {.code = "update",
                                            .run = RUN_WRITE,
                                            .right = AUTH_UPDATE,
                                            .access = ACCESS_JUDGED,
                                            .body = true,
                                            .prepare = prepare_update,
                                            .plan = plan_update,
                                            .reply = reply_update,
                                            .gather = gather_update,
                                            .settle = settle_update,
                                            .work = work_update};

/* ---- delete -------------------------------------------------------------------------------------------------- */

static bool prepare_delete(struct api_request *r, struct err *err)
{
    struct store_delete *d = ARENA_NEW(r->a, struct store_delete);
    if (!fhir_id_valid(r->id))
        return err_set(err, ERR_INVALID,
                       "The id in the URL is not one: 1 to 64 letters, digits, '-' and '.'");
    d->type = r->type;
    d->id = r->id;
    d->audit = api__audit_write(r);
    r->state = d;
    if (api__is_restricted(r, AUTH_DELETE)) /* what is stored has to be asked first */
        r->run = RUN_WORKER;
    return if_match(r, &d->if_match, err) && api__may_change(r, r->type, r->id, err);
}

static bool plan_delete(struct api_request *r, struct sql *q, struct err *err)
{
    struct store_delete *d = r->state;
    (void)err;
    store_deletes_plan(r->api->deps.store, &d, 1, q);
    return true;
}

static void gather_delete(struct api_request *r, struct store_batched *what)
{
    what->delete = r->state;
}

static bool settle_delete(struct api_request *r, enum store_outcome outcome, const struct store_written *at,
                          struct api_response *out, struct err *err)
{
    switch (outcome) {
    case STORE_RACED:
        r->again = true;
        return true;
    case STORE_MISMATCH:
        return err_set(err, ERR_PRECONDITION,
                       "If-Match names another version than the current one: read it and decide anew");
    case STORE_ABSENT: /* is no error (http.html#delete) */
        if (r->if_match.s)
            return err_set(err, ERR_PRECONDITION, "If-Match: there is no %s with this id", r->type->name);
        /* fall through */
    default:
        *out = (struct api_response){.status = 204,
                                     .ver = at->ver,
                                     .lu_us = at->lu_us,
                                     .position = at->xid,
                                     .entered = outcome == STORE_UPDATED,
                                     .written = true};
        return true;
    }
}

static bool reply_delete(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                         struct err *err)
{
    struct store_delete *d = r->state;
    struct store_written at;
    enum store_outcome outcome;
    store_deletes_reply(&d, 1, rows, &outcome, &at);
    return settle_delete(r, outcome, &at, out, err);
}

static bool delete_on(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    if (!api__lock_row(r, c, r->id, err) || !api__check_stored(r, c, AUTH_DELETE, r->id, err) ||
        !plan_delete(r, &q, err) || !db_exec(c, r->a, &q, &rows, err) || !reply_delete(r, rows, out, err))
        return false;
    return !r->again ||
           err_set(err, ERR_CONFLICT, "Too many others write the same resource at the same time; try again");
}

static bool work_delete(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    return api__in_transaction(r, c, out, err, delete_on);
}

const struct api_interaction api__delete = {.code = "delete",
                                            .run = RUN_WRITE,
                                            .right = AUTH_DELETE,
                                            .access = ACCESS_JUDGED,
                                            .prepare = prepare_delete,
                                            .plan = plan_delete,
                                            .reply = reply_delete,
                                            .gather = gather_delete,
                                            .settle = settle_delete,
                                            .work = work_delete};
