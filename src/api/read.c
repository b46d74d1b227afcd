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

static bool plan_read(struct api_request *r, struct sql *q, struct err *err)
{
    if (!api__check_id(r, err))
        return false;
    if (r->kept.ver)
        store_check_plan(r->api->deps.store, r->type, r->id, &r->kept, q);
    else
        store_read_plan(r->api->deps.store, r->type, r->id, q);
    return true;
}

/* binary.html: in its own type, unless the client asks for FHIR. */
static bool wants_own_type(const struct api_request *r)
{
    return !api__arg(r, "_format").s && !r->in_bundle && !r->as_entry && !api__names_fhir(r->accept);
}

/* binary.html, securityContext: who may not read the resource that it names may not read the Binary. */
static bool check_context(const struct api_request *r, const json *binary, struct err *err)
{
    const char *context = json_get_string(json_get(binary, "securityContext"), "reference");
    struct fhir_reference ref;
    if (!context)
        return true;
    fhir_reference_parse_local(r->api->deps.defs, r->base, str_of(context), &ref);
    return !ref.type || api__authorise(r, AUTH_READ, ref.type, err);
}

bool api__may_see(const struct api_request *r, const struct fhir_type *type, struct str content)
{
    json *binary;
    struct err err;
    return strcmp(type->name, "Binary") != 0 ||
           (json_parse(r->a, content, INT16_MAX, &binary, &err) && check_context(r, binary, &err));
}

static bool reply_binary(struct api_request *r, struct api_response *out, struct err *err)
{
    json *binary;
    struct str data;
    if (!json_parse(r->a, out->resource, INT16_MAX, &binary, err) || !check_context(r, binary, err))
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
    out->resource = v->content;
    return strcmp(r->type->name, "Binary") != 0 || reply_binary(r, out, err);
}

static bool reply_read(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    struct store_version v;
    if (!store_read_reply(rows, &v))
        return reply_definition(r, out) ||
               err_set(err, ERR_NOT_FOUND, "There is no %s with this id", r->type->name);
    api__keep(r, &v);
    return api__version_response(r, &v, out, err);
}

static bool plan_vread(struct api_request *r, struct sql *q, struct err *err)
{
    int32_t ver = 0;
    if (!api__check_id(r, err) || !api__version(r, &ver, err))
        return false;
    store_vread_plan(r->api->deps.store, r->type, r->id, ver, q);
    return true;
}

static bool reply_vread(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                        struct err *err)
{
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no such version of this %s", r->type->name);
    return reply_read(r, rows, out, err);
}

const struct api_interaction api__read = {.code = "read",
                                          .run = RUN_READ,
                                          .replica = true,
                                          .cached = true,
                                          .may_defer = true,
                                          .right = AUTH_READ,
                                          .plan = plan_read,
                                          .reply = reply_read};
const struct api_interaction api__vread = {.code = "vread",
                                           .run = RUN_READ,
                                           .replica = true,
                                           .cached = true,
                                           .may_defer = true,
                                           .right = AUTH_READ,
                                           .plan = plan_vread,
                                           .reply = reply_vread};
