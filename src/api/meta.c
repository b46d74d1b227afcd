/*
 * $meta, $meta-add and $meta-delete (resource-operation-meta.html): profiles, tags and security labels.
 *
 * On an instance a change makes a new version, as any other write: readers that cache by ETag, and the history, see it.
 * An older version keeps its number: its labels decide who may see it, and that is what changes.
 */
#include "internal.h"

static const char *const labels[] = {"profile", "security", "tag"};
enum { LABELS = sizeof labels / sizeof labels[0], SUMMARY_MAX = 1000 };

static struct str parameters_text(struct arena *a, const json *meta)
{
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", "Parameters");
    json *p = json_push(json_add(a, o, "parameter", json_array(a)), json_object(a));
    json_add_string(a, p, "name", "return");
    /* an element without content is not there (json.html) */
    if (meta && meta->child)
        json_add(a, p, "valueMeta", json_copy(a, meta));
    return json_text(a, o);
}

/* ---- $meta ------------------------------------------------------------------------------------------------------ */

static bool prepare_meta(struct api_request *r, struct err *err)
{
    if (r->id.s) {
        r->run = api__is_restricted(r, AUTH_READ) && r->vid.s ? RUN_WORKER : RUN_READ;
        return api__authorise(r, AUTH_READ, r->type, err) && api__check_id(r, err);
    }
    return api__authorise(r, AUTH_READ | AUTH_SEARCH, r->type, err);
}

static bool plan_meta(struct api_request *r, struct sql *q, struct err *err)
{
    const struct store *s = r->api->deps.store;
    const struct search_access *x = api__access(r, AUTH_READ, r->type);
    int32_t ver = 0;
    if (!r->id.s)
        store_labels_plan(s, r->type, SUMMARY_MAX + 1, x, q);
    else if (!r->vid.s)
        store_read_seen_plan(s, r->type, r->id, x, q);
    else if (api__version(r, &ver, err))
        store_vread_seen_plan(s, r->type, r->id, ver, x, q);
    else
        return false;
    return true;
}

/* Of all resources of the scope together. */
static bool summary(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                    struct err *err)
{
    json *all = json_object(r->a);
    if (db_count(rows) > SUMMARY_MAX)
        return err_set(
            err, ERR_TOO_COSTLY,
            "More than %d different profiles, tags and security labels are in use: ask for one type",
            SUMMARY_MAX);
    for (int i = 0; i < db_count(rows); i++) {
        json *meta, *one = json_object(r->a);
        if (!json_parse(r->a, db_text(rows, i, 0), INT16_MAX, &meta, err))
            return false;
        json_add(r->a, one, "meta", meta);
        store_merge_meta(r->a, all, one);
    }
    *out = (struct api_response){.status = 200, .resource = parameters_text(r->a, json_get(all, "meta"))};
    return true;
}

static bool reply_meta(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    struct store_version v;
    struct str content;
    json *resource;
    if (!r->id.s)
        return summary(r, rows, out, err);
    bool there = store_read_reply(rows, &v);
    if (there && !v.deleted && !api__open(r, r->type, r->id, v.text, &content, err))
        return false;
    if (!there || (!v.deleted && !api__may_see(r, r->type, content)) ||
        (r->vid.s && !api__sees_version(r, api__access(r, AUTH_READ, r->type), r->type, r->id, v.text)))
        return err_set(err, ERR_NOT_FOUND, "There is no %s with this id%s", r->type->name,
                       r->vid.s ? " and version" : "");
    if (v.deleted)
        return err_set(err, ERR_GONE, "This %s was deleted; its history can still be read", r->type->name);
    if (!json_parse(r->a, content, INT16_MAX, &resource, err))
        return false;
    *out = (struct api_response){.status = 200,
                                 .resource = parameters_text(r->a, json_get(resource, "meta")),
                                 .ver = v.ver,
                                 .lu_us = v.lu_us};
    return true;
}

static bool work_meta(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    return plan_meta(r, &q, err) && db_exec(c, r->a, &q, &rows, err) && reply_meta(r, rows, out, err);
}

const struct api_interaction api__meta = {.code = "$meta",
                                          .run = RUN_SEARCH,
                                          .access = ACCESS_JUDGED,
                                          .prepare = prepare_meta,
                                          .plan = plan_meta,
                                          .reply = reply_meta,
                                          .work = work_meta};

/* ---- $meta-add and $meta-delete ----------------------------------------------------------------------------------- */

static void add_labels(struct arena *a, json *resource, const json *meta)
{
    json *given = json_object(a);
    json_add(a, given, "meta", json_copy(a, meta));
    store_merge_meta(a, resource, given);
}

static void remove_labels(struct arena *a, json *resource, const json *meta)
{
    (void)a;
    json *own = json_get(resource, "meta");
    for (size_t i = 0; i < LABELS; i++) {
        json *list = json_get(own, labels[i]);
        for (json *label = list ? list->child : NULL, *next; label; label = next) {
            next = label->next;
            json_each (gone, json_get(meta, labels[i]))
                if (store_same_label(label, gone)) {
                    json_detach(list, label);
                    break;
                }
        }
        if (list && !list->child)
            json_detach(own, list);
    }
}

struct change {
    void (*apply)(struct arena *a, json *resource, const json *meta);
    const json *meta;
    int32_t ver; /* 0: the current one */
};

static bool prepare_change(struct api_request *r, void (*apply)(struct arena *, json *, const json *),
                           struct err *err)
{
    struct change *c = ARENA_NEW(r->a, struct change);
    c->apply = apply;
    c->meta = api__input(r, "meta");
    r->state = c;
    return api__check_id(r, err) && (!r->vid.s || api__version(r, &c->ver, err));
}

static bool prepare_add(struct api_request *r, struct err *err)
{
    return prepare_change(r, add_labels, err);
}

static bool prepare_delete(struct api_request *r, struct err *err)
{
    return prepare_change(r, remove_labels, err);
}

/* The version to be changed, parsed; the row is held. */
static bool read_version(struct api_request *r, struct db_conn *c, struct store_version *v, json **resource,
                         bool *current, struct err *err)
{
    const struct store *s = r->api->deps.store;
    const struct change *g = r->state;
    const struct db_rows *rows;
    struct sql q = {.a = r->a};
    if (!api__lock_row(r, c, r->id, err) || !api__check_stored(r, c, AUTH_UPDATE, r->id, err))
        return false;
    store_read_plan(s, r->type, r->id, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    bool there = store_read_reply(rows, v);
    *current = there && !v->deleted && (g->ver == 0 || g->ver == v->ver);
    if (there && g->ver && g->ver != v->ver) {
        const struct search_access *x = api__access(r, AUTH_UPDATE, r->type);
        store_vread_seen_plan(s, r->type, r->id, g->ver, x, &q);
        if (!db_exec(c, r->a, &q, &rows, err))
            return false;
        there = store_read_reply(rows, v) && api__sees_version(r, x, r->type, r->id, v->text);
    }
    if (!there)
        return err_set(err, ERR_NOT_FOUND, "There is no %s with this id%s", r->type->name,
                       g->ver ? " and version" : "");
    if (v->deleted)
        return err_set(err, ERR_GONE, "This %s was deleted", r->type->name);
    struct str content;
    return store_open(s, r->a, r->type, r->id, v->text, &content, err) &&
           json_parse(r->a, content, INT16_MAX, resource, err);
}

static bool change_on(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct store *s = r->api->deps.store;
    const struct change *g = r->state;
    struct store_update u = {.op = STORE_PATCH, .words = true};
    struct store_version v;
    struct store_written at;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    json *resource;
    bool current;
    if (!read_version(r, c, &v, &resource, &current, err))
        return false;
    g->apply(r->a, resource, g->meta);
    r->body = resource;
    r->text = (struct str){NULL, 0};
    if (!api__validate(r, out))
        return true;
    if (!api__make_write(r, resource, r->type, r->id, &u.w, err) || !api__check_update(r, c, &u.w, err))
        return false;
    if (!current) {
        store_relabel_plan(s, &u.w, v.ver, v.lu_us, &q);
        at = (struct store_written){.ver = v.ver, .lu_us = v.lu_us};
        if (!db_exec(c, r->a, &q, NULL, err))
            return false;
    } else {
        u.if_match = v.ver;
        store_update_plan(s, &u, &q);
        if (!db_exec(c, r->a, &q, &rows, err))
            return false;
        if (store_update_reply(&u, rows, &at) != STORE_UPDATED) {
            r->again = true;
            return err_set(err, ERR_CONFLICT,
                           "Too many others write the same resource at the same time; try again");
        }
    }
    struct str text = store_content_text(r->a, &u.w.content, at.ver, at.lu_us);
    if (!json_parse(r->a, text, INT16_MAX, &resource, err))
        return false;
    *out = (struct api_response){.status = 200,
                                 .resource = parameters_text(r->a, json_get(resource, "meta")),
                                 .ver = at.ver,
                                 .lu_us = at.lu_us};
    return true;
}

static bool work_change(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    return api__in_transaction(r, c, out, err, change_on);
}

const struct api_interaction api__meta_add = {.code = "$meta-add",
                                              .run = RUN_WORKER,
                                              .right = AUTH_UPDATE,
                                              .access = ACCESS_JUDGED,
                                              .prepare = prepare_add,
                                              .work = work_change};
const struct api_interaction api__meta_delete = {.code = "$meta-delete",
                                                 .run = RUN_WORKER,
                                                 .right = AUTH_UPDATE,
                                                 .access = ACCESS_JUDGED,
                                                 .prepare = prepare_delete,
                                                 .work = work_change};
