/* patch (http.html#patch): JSON Patch and FHIRPath Patch, of an id or of the one match of criteria. */
#include "base/base64.h"
#include "base/json_patch.h"
#include "fhirpath_patch.h"
#include "internal.h"

static const char json_patch_type[] = "application/json-patch+json";

struct patch {
    json *operations; /* the document, of one form or the other */
    bool fhirpath;
    int32_t if_match;
};

/* A Binary inside a Bundle carries a JSON Patch; a Parameters is a FHIRPath Patch. */
static bool unwrap(struct api_request *r, struct patch *p, struct err *err)
{
    const char *type = json_get_string(p->operations, "resourceType");
    p->fhirpath = type && strcmp(type, "Parameters") == 0;
    if (p->fhirpath || !r->in_bundle)
        return p->fhirpath || json_is_array(p->operations) ||
               err_set(err, ERR_INVALID,
                       "A JSON Patch is an array of operations; a FHIRPath Patch is a Parameters resource");
    const char *content = json_get_string(p->operations, "contentType"),
               *data = json_get_string(p->operations, "data");
    struct str text;
    if (!type || strcmp(type, "Binary") != 0 || !content || strcmp(content, json_patch_type) != 0 || !data ||
        !base64_decode(r->a, BASE64_FHIR, str_of(data), &text))
        return err_set(err, ERR_INVALID,
                       "The entry's resource is a Binary with a JSON Patch (contentType %s) or a Parameters "
                       "with a FHIRPath Patch",
                       json_patch_type);
    return json_parse(r->a, text, (int)r->config->json_max_depth, &p->operations, err);
}

static bool prepare_patch(struct api_request *r, struct err *err)
{
    struct patch *p = ARENA_NEW(r->a, struct patch);
    enum api_format format = str_ieq(api__essence(r->content_type), str_of(json_patch_type))
                                 ? FORMAT_JSON
                                 : api__format_of(r->content_type);
    if (!r->in_bundle && format == FORMAT_NONE)
        return err_set(
            err, ERR_MEDIA,
            "Content-Type: %s, or application/fhir+json or application/fhir+xml with a FHIRPath Patch",
            json_patch_type);
    if (!r->body && !api__parse_body(r, format, err))
        return false;
    if (r->if_match.s && !str_is(str_trim(r->if_match), "*") && !api__parse_etag(r->if_match, &p->if_match))
        return err_set(err, ERR_PRECONDITION,
                       "If-Match: the ETag of a version was expected, such as W/\"3\"");
    if (r->route->interaction == &api__conditional_patch && !api__authorise(r, AUTH_SEARCH, r->type, err))
        return false;
    p->operations = r->body;
    r->state = p;
    return unwrap(r, p, err);
}

/* JSON Patch may leave {} and [] behind, which FHIR does not allow: an element without content is not there. */
static void drop_empty(json *node)
{
    for (json *m = node->child, *next; m; m = next) {
        next = m->next;
        drop_empty(m);
        if ((json_is_object(m) || json_is_array(m)) && !m->child)
            json_detach(node, m);
    }
}

static bool apply(struct api_request *r, const struct patch *p, json **resource, struct err *err)
{
    if (p->fhirpath)
        return fhirpath_patch(r->a, r->api->deps.defs, *resource, p->operations, err);
    if (!json_patch(r->a, resource, p->operations, err))
        return false;
    drop_empty(*resource);
    return true;
}

/* Reads, patches, validates and writes the version it read; *raced when another writer was faster. */
static bool patch_once(struct api_request *r, struct db_conn *c, struct api_response *out, bool *raced,
                       struct err *err)
{
    const struct patch *p = r->state;
    struct store *s = r->api->deps.store;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct store_version v;
    struct store_update u = {.op = STORE_PATCH};
    struct store_written at;
    json *resource;
    *raced = false;
    if (!api__check_stored(r, c, AUTH_UPDATE, r->id, err))
        return false;
    store_read_plan(s, r->type, r->id, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    if (!store_read_reply(rows, &v))
        return err_set(err, ERR_NOT_FOUND, "There is no %s with this id", r->type->name);
    if (v.deleted)
        return err_set(err, ERR_GONE, "This %s was deleted", r->type->name);
    if (p->if_match && p->if_match != v.ver)
        return err_set(err, ERR_PRECONDITION,
                       "If-Match names another version than the current one: read it and decide anew");
    struct str content;
    if (!store_open(s, r->a, r->type, r->id, v.text, &content, err) ||
        !json_parse(r->a, content, INT16_MAX, &resource, err) || !apply(r, p, &resource, err))
        return false;
    const char *id = json_get_string(resource, "id");
    if (!id || !str_is(r->id, id))
        return err_set(err, ERR_INVALID, "A patch cannot change the id");
    r->body = resource;
    r->text = (struct str){NULL, 0};
    if (!api__validate(r, out))
        return true;
    u.if_match = v.ver;
    u.words = true;
    if (!api__make_write(r, resource, r->type, r->id, &u.w, err) || !api__check_update(r, c, &u.w, err))
        return false;
    store_update_plan(s, &u, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    *raced = store_update_reply(&u, rows, &at) != STORE_UPDATED;
    if (*raced)
        return true;
    api__written(r, &u.w, 200, &at, out);
    return api__check_written(r, c, &u.w, err);
}

static bool patch_locked(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    bool raced;
    if (!api__lock_row(r, c, r->id, err) || !patch_once(r, c, out, &raced, err))
        return false;
    r->again = raced;
    return !raced ||
           err_set(err, ERR_CONFLICT, "Too many others write the same resource at the same time; try again");
}

static bool patch_id(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    bool raced;
    if (!fhir_id_valid(r->id))
        return err_set(err, ERR_INVALID,
                       "The id in the URL is not one: 1 to 64 letters, digits, '-' and '.'");
    if (r->in_transaction || api__must_check(r) || api__is_restricted(r, AUTH_UPDATE))
        return api__in_transaction(r, c, out, err, patch_locked);
    if (!patch_once(r, c, out, &raced, err))
        return false;
    return !raced || api__in_transaction(r, c, out, err, patch_locked);
}

static bool patch_match(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct api_match_row *rows;
    size_t n;
    if (!api__match(r, c, r->type, r->query, 2, false, &rows, &n, err))
        return false;
    if (n == 0 && api__is_restricted(r, AUTH_UPDATE))
        return api__refuse(r->type, err);
    if (n == 0)
        return err_set(err, ERR_NOT_FOUND, "The criteria match no %s", r->type->name);
    if (n > 1)
        return err_set(err, ERR_MULTIPLE, "The criteria match several resources; nothing was changed");
    r->id = rows[0].id;
    return patch_id(r, c, out, err);
}

const struct api_interaction api__patch = {.code = "patch",
                                           .run = RUN_WORKER,
                                           .right = AUTH_UPDATE,
                                           .access = ACCESS_JUDGED,
                                           .prepare = prepare_patch,
                                           .work = patch_id};
const struct api_interaction api__conditional_patch = {.code = "patch",
                                                       .run = RUN_WORKER,
                                                       .right = AUTH_UPDATE,
                                                       .access = ACCESS_JUDGED,
                                                       .prepare = prepare_patch,
                                                       .work = patch_match};
