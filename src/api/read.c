/* read and vread (http.html#read, #vread). */
#include "base/base64.h"
#include "base/clock.h"
#include "fhir/datetime.h"
#include "fhir/reference.h"
#include "internal.h"

bool api__check_id(const struct api_request *r, struct err *err)
{
    return fhir_id_valid(r->id) ||
           err_set(err, ERR_INVALID, "The id in the URL is not one: 1 to 64 letters, digits, '-' and '.'");
}

bool api__version(const struct api_request *r, int32_t *ver, struct err *err)
{
    int64_t v;
    if (!str_int64(r->vid, &v) || v < 1 || v > INT32_MAX)
        return err_set(err, ERR_NOT_FOUND, "There is no such version of this %s", r->type->name);
    *ver = (int32_t)v;
    return true;
}

/* An HTTP date; in a Bundle an instant. */
static bool read_since(const struct api_request *r, int64_t *since)
{
    struct fhir_datetime d;
    int64_t end;
    if (!r->in_bundle)
        return clock_parse_http_date(r->if_modified_since, since);
    if (!fhir_datetime_parse(r->if_modified_since, &d))
        return false;
    fhir_datetime_range(&d, store_tenant(r->api->deps.store)->zone, since, &end);
    return true;
}

static bool not_modified(const struct api_request *r, const struct store_version *v)
{
    int64_t since;
    for (struct str rest = r->if_none_match; rest.s;) {
        int32_t ver;
        struct str one = str_trim(str_cut(rest, ',', &rest));
        if (str_is(one, "*") || (api__parse_etag(one, &ver) && ver == v->ver))
            return true;
    }
    if (r->if_none_match.s)
        return false;
    return r->if_modified_since.s && read_since(r, &since) && v->lu_us / 1000000 <= since / 1000000;
}

/*
 * To read what is there costs one look at its row. What is not found by that may be deleted, and its last version seen:
 * that is asked by a second statement, whether there is a row or not.
 */
static bool is_first(const struct api_request *r)
{
    return !r->attempts && !r->in_bundle && !r->kept.ver &&
           !auth_unrestricted(r->principal, AUTH_READ, r->type);
}

static bool plan_read(struct api_request *r, struct sql *q, struct err *err)
{
    if (!api__check_id(r, err))
        return false;
    if (r->kept.ver)
        store_check_plan(r->api->deps.store, r->type, r->id, &r->kept, q);
    else if (is_first(r))
        api__seen_plan(r, q);
    else
        store_read_seen_plan(r->api->deps.store, r->type, r->id, api__access(r, AUTH_READ, r->type), q);
    return true;
}

/* binary.html: in its own type, unless the client asks for FHIR. */
static bool wants_own_type(const struct api_request *r)
{
    return !api__arg(r, "_format").s && !r->in_bundle && !r->as_entry && !api__names_fhir(r->accept);
}

/* binary.html, securityContext: who may not read the resource that it names may not read the Binary. */
static bool within_context(const struct api_request *r, const json *binary)
{
    const char *context = json_get_string(json_get(binary, "securityContext"), "reference");
    struct fhir_reference ref;
    if (!context)
        return true;
    fhir_reference_parse_local(r->api->deps.defs, r->base, str_of(context), &ref);
    bool own = false;
    for (enum auth_level level = 0; level < AUTH_LEVELS && ref.type; level++) {
        struct str patient;
        own |= auth_is_bound(r->principal, level, &patient) && patient.len && str_eq(ref.id, patient) &&
               strcmp(ref.type->name, "Patient") == 0 && auth_allows(r->principal, AUTH_READ, ref.type);
    }
    return !ref.type || own || auth_unrestricted(r->principal, AUTH_READ, ref.type);
}

bool api__may_see(const struct api_request *r, const struct fhir_type *type, struct str content)
{
    json *binary;
    struct err err;
    return strcmp(type->name, "Binary") != 0 || auth_unrestricted(r->principal, AUTH_READ, NULL) ||
           (json_parse(r->a, content, INT16_MAX, &binary, &err) && within_context(r, binary));
}

static bool reply_binary(struct api_request *r, struct api_response *out, struct err *err)
{
    json *binary;
    struct str data;
    if (!json_parse(r->a, out->resource, INT16_MAX, &binary, err))
        return false;
    const char *type = json_get_string(binary, "contentType"), *text = json_get_string(binary, "data");
    if (wants_own_type(r) && type && base64_decode(r->a, BASE64_FHIR, str_of(text ? text : ""), &data)) {
        out->raw = data;
        out->raw_type = type;
    }
    return true;
}

/* A definition of ours, unless one of this id is stored. */
static bool reply_definition(struct api_request *r, struct api_response *out)
{
    if (strcmp(r->type->name, "OperationDefinition") != 0 || r->vid.s)
        return false;
    *out = (struct api_response){
        .status = 200, .resource = api__operation_definition(r->a, r->id), .subset = true};
    return out->resource.s;
}

bool api__version_response(struct api_request *r, const struct store_version *v, struct api_response *out,
                           struct err *err)
{
    *out = (struct api_response){
        .status = 200, .type = r->type, .id = r->id, .ver = v->ver, .lu_us = v->lu_us, .subset = true};
    api__is_of(r, r->type, r->id, v->pat, out);
    if (v->deleted) {
        err_set(err, ERR_GONE, "This %s was deleted; its history can still be read", r->type->name);
        api__error_response(r, err, out);
        out->ver = v->ver;
        return true;
    }
    if (not_modified(r, v)) {
        out->status = 304;
        return true;
    }
    return api__open(r, r->type, r->id, v->text, &out->resource, err) &&
           (strcmp(r->type->name, "Binary") != 0 || reply_binary(r, out, err));
}

/* One that cannot be opened is not: its reader is told so when it is. */
static bool is_seen(const struct api_request *r, const struct store_version *v)
{
    struct str content;
    struct err err;
    return v->deleted || strcmp(r->type->name, "Binary") != 0 ||
           !store_open(r->api->deps.store, r->a, r->type, r->id, v->text, &content, &err) ||
           api__may_see(r, r->type, content);
}

static bool reply_read(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    struct store_version v;
    if (!store_read_reply(rows, &v) || !is_seen(r, &v)) {
        r->again = is_first(r);
        return r->again || reply_definition(r, out) ||
               err_set(err, ERR_NOT_FOUND, "There is no %s with this id", r->type->name);
    }
    api__keep(r, &v);
    return api__version_response(r, &v, out, err);
}

static bool plan_vread(struct api_request *r, struct sql *q, struct err *err)
{
    int32_t ver = 0;
    if (!api__check_id(r, err) || !api__version(r, &ver, err))
        return false;
    store_vread_seen_plan(r->api->deps.store, r->type, r->id, ver, api__access(r, AUTH_READ, r->type), q);
    return true;
}

/* A version that has to be opened is not opened on an event loop. */
static bool prepare_vread(struct api_request *r, struct err *err)
{
    const struct search_access *x = api__access(r, AUTH_READ, r->type);
    (void)err;
    if (x && search_access_must_open(x, r->type))
        r->run = RUN_WORKER;
    return true;
}

static bool reply_vread(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                        struct err *err)
{
    struct store_version v;
    if (!store_read_reply(rows, &v) || !is_seen(r, &v) ||
        !api__sees_version(r, api__access(r, AUTH_READ, r->type), r->type, r->id, v.text))
        return err_set(err, ERR_NOT_FOUND, "There is no such version of this %s", r->type->name);
    return reply_read(r, rows, out, err);
}

static bool work_vread(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    return plan_vread(r, &q, err) && db_exec(c, r->a, &q, &rows, err) && reply_vread(r, rows, out, err);
}

const struct api_interaction api__read = {.code = "read",
                                          .run = RUN_READ,
                                          .replica = true,
                                          .cached = true,
                                          .may_defer = true,
                                          .right = AUTH_READ,
                                          .access = ACCESS_JUDGED,
                                          .plan = plan_read,
                                          .reply = reply_read};
const struct api_interaction api__vread = {.code = "vread",
                                           .run = RUN_READ,
                                           .replica = true,
                                           .cached = true,
                                           .may_defer = true,
                                           .right = AUTH_READ,
                                           .access = ACCESS_JUDGED,
                                           .prepare = prepare_vread,
                                           .plan = plan_vread,
                                           .reply = reply_vread,
                                           .work = work_vread};
