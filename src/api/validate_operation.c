/*
 * $validate (resource-operation-validate.html): the findings of a write without the write. With a mode, also whether the
 * server would do it: for this caller, under its settings and on what is stored now.
 */
#include "internal.h"

enum mode { MODE_NONE, MODE_CREATE, MODE_UPDATE, MODE_DELETE, MODE_PROFILE };

struct validation {
    enum mode mode;
    json *resource; /* NULL: the stored one */
};

static bool read_mode(struct api_request *r, enum mode *mode, struct err *err)
{
    static const char *const words[] = {"", "create", "update", "delete", "profile"};
    struct str word = api__arg(r, "mode");
    for (int i = 0; i < 5; i++) {
        if (!str_is(word.s ? word : STR(""), words[i]))
            continue;
        *mode = (enum mode)i;
        return true;
    }
    return err_at(err, ERR_INVALID, "Parameters.parameter",
                  "The parameter 'mode' is one of create, update, delete, profile");
}

static bool prepare_validate(struct api_request *r, struct err *err)
{
    struct validation *v = ARENA_NEW(r->a, struct validation);
    v->resource = api__input(r, "resource");
    r->state = v;
    if (!read_mode(r, &v->mode, err))
        return false;
    if ((v->mode == MODE_UPDATE || v->mode == MODE_DELETE) && !r->id.s)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The modes update and delete are for an instance: Type/id/$validate");
    if (v->mode == MODE_CREATE && r->id.s)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The mode create is for a type: Type/$validate");
    if (!v->resource && (!r->id.s || v->mode == MODE_UPDATE))
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The parameter 'resource' is missing: it holds what is validated");
    if (!r->id.s || (v->resource && v->mode != MODE_UPDATE && v->mode != MODE_DELETE))
        return true;
    r->run = RUN_READ; /* what is stored matters, and tells the caller about it */
    return api__check_id(r, err) && api__authorise(r, AUTH_READ, r->type, err);
}

static bool plan_stored(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    store_read_seen_plan(r->api->deps.store, r->type, r->id, api__access(r, AUTH_READ, r->type), q);
    return true;
}

static void may(struct api_request *r, unsigned right, struct issues *list)
{
    struct err err;
    if (!api__authorise(r, right, r->type, &err))
        issues_add(list, ISSUE_ERROR, "forbidden", NULL, "%s", err.msg);
}

/* Would the update be done? there: a version that is not deleted. */
static void check_update(struct api_request *r, const struct validation *v, const struct store_version *there,
                         struct issues *list)
{
    const char *id = json_get_string(v->resource, "id"),
               *version = json_get_string(json_get(v->resource, "meta"), "versionId");
    int32_t ver;
    may(r, AUTH_UPDATE, list);
    if (!id || !str_is(r->id, id))
        issues_add(list, ISSUE_ERROR, "invalid", arena_printf(r->a, "%s.id", r->type->name),
                   "The resource's id must be there and be that of the URL");
    if (!there && (r->config->store_client_ids != 0 || r->if_match.s))
        issues_add(list, ISSUE_ERROR, "not-found", NULL, "There is no %s with this id to be updated",
                   r->type->name);
    if (!there)
        return;
    if (r->if_match.s && !str_is(str_trim(r->if_match), "*") &&
        (!api__parse_etag(r->if_match, &ver) || ver != there->ver))
        issues_add(list, ISSUE_ERROR, "conflict", NULL,
                   "If-Match names another version than the current one: read it and decide anew");
    if (version && !str_is(str_of(version), arena_printf(r->a, "%d", there->ver)))
        issues_add(list, ISSUE_WARNING, "conflict", arena_printf(r->a, "%s.meta.versionId", r->type->name),
                   "The resource has changed since the version that this one was made from");
}

static void check_delete(struct api_request *r, const struct store_version *there, struct issues *list)
{
    may(r, AUTH_DELETE, list);
    if (!there)
        issues_add(list, ISSUE_INFORMATION, "not-found", NULL,
                   "There is no %s with this id: a delete would change nothing", r->type->name);
}

/* As the write would, with a mode that is one; else all that there is to say. And against the profile that is asked for. */
static void check(struct api_request *r, const struct validation *v, struct issues *list)
{
    struct validate_options o = {.level = VALIDATE_FULL, .expected = r->type, .view = api__view(r)};
    bool write = r->type && (v->mode == MODE_CREATE || v->mode == MODE_UPDATE);
    struct str profile = api__arg(r, "profile");
    if (write)
        api__validation(r, r->type, &o);
    const char **profiles = ARENA_ARRAY(r->a, const char *, o.n_profiles + 1);
    for (size_t i = 0; i < o.n_profiles; i++)
        profiles[i] = o.profiles[i];
    if (profile.s) {
        profiles[o.n_profiles++] = arena_strndup(r->a, profile.s, profile.len);
        o.level = VALIDATE_FULL;
    }
    o.profiles = profiles;
    validate_resource(r->api->deps.validator, r->a, v->resource, &o, list);
    if (write && api__validation_warns(r, r->type))
        api__validation_soften(list);
}

static bool reply_validate(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                           struct err *err)
{
    struct validation *v = r->state;
    struct store_version stored, *there = NULL;
    struct issues *list = api__issues(r);
    struct str content;
    if (rows && store_read_reply(rows, &stored) && !stored.deleted) {
        if (!api__open(r, r->type, r->id, stored.text, &content, err))
            return false;
        if (api__may_see(r, r->type, content))
            there = &stored;
    }
    if (!v->resource && v->mode != MODE_DELETE) {
        if (!there)
            return err_set(err, ERR_NOT_FOUND, "There is no %s with this id", r->type->name);
        if (!json_parse(r->a, content, INT16_MAX, &v->resource, err))
            return false;
        r->text = content;
    }
    if (v->mode != MODE_DELETE)
        check(r, v, list);
    issues_locate(list, r->text);
    if (v->mode == MODE_CREATE)
        may(r, AUTH_CREATE, list);
    else if (v->mode == MODE_UPDATE)
        check_update(r, v, there, list);
    else if (v->mode == MODE_DELETE)
        check_delete(r, there, list);
    *out = (struct api_response){.status = 200, .issues = list};
    return true;
}

const struct api_interaction api__validate_operation = {.code = "$validate",
                                                        .run = RUN_NOW,
                                                        .access = ACCESS_JUDGED,
                                                        .prepare = prepare_validate,
                                                        .plan = plan_stored,
                                                        .reply = reply_validate};
