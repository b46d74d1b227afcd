#include "entry.h"

#include <stdlib.h>

/* ---- as requests ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum http_method method;
    enum entry_order order;
} methods[] = {{"DELETE", HTTP_DELETE, ORDER_DELETE}, {"POST", HTTP_POST, ORDER_POST},
               {"PUT", HTTP_PUT, ORDER_PUT},          {"PATCH", HTTP_PATCH, ORDER_PUT},
               {"GET", HTTP_GET, ORDER_GET},          {"HEAD", HTTP_HEAD, ORDER_GET}};

static struct str member(const json *request, const char *name)
{
    const char *s = json_get_string(request, name);
    return s ? str_of(s) : (struct str){NULL, 0};
}

/* "Patient/1", "/Patient/1" or the same below our own base. */
static struct str below_base(const struct api_request *r, struct str url)
{
    if (str_starts(url, r->base))
        url = (struct str){url.s + r->base.len, url.len - r->base.len};
    if (url.len && url.s[0] == '/')
        url = (struct str){url.s + 1, url.len - 1};
    return url;
}

bool entry_request(const struct api_request *whole, const json *node, struct entry *e, struct err *err)
{
    struct arena *a = whole->a;
    struct api_request *r = e->r = ARENA_NEW(a, struct api_request);
    const json *request = json_get(node, "request");
    struct str method = member(request, "method"), url = member(request, "url"), rest, allow;
    size_t cap = 0, i = 0;
    *r = *whole;
    r->in_bundle = true;
    r->type = NULL;
    r->body = NULL;
    r->state = NULL;
    r->write = NULL;
    r->id = r->vid = (struct str){NULL, 0};
    r->shown = (struct api_shown){0};
    r->route = NULL;
    api__issues_init(r, &r->warnings);
    if (!method.s || !url.s)
        return err_set(err, ERR_INVALID, "The entry needs request.method and request.url");
    while (i < sizeof methods / sizeof methods[0] && !str_is(method, methods[i].name))
        i++;
    if (i == sizeof methods / sizeof methods[0])
        return err_set(err, ERR_INVALID,
                       "request.method: one of GET, HEAD, POST, PUT, PATCH, DELETE was expected");
    r->method = methods[i].method;
    e->order = methods[i].order;
    e->full_url = member(node, "fullUrl");
    r->path = str_cut(below_base(whole, url), '?', &rest);
    r->query = rest.s ? rest : STR("");
    struct search_arg *args = NULL;
    r->n_args = 0;
    if (!api__parse_args(a, r->query, &args, &r->n_args, &cap, err))
        return false;
    r->args = args;
    r->if_match = member(request, "ifMatch");
    r->if_none_match = member(request, "ifNoneMatch");
    r->if_modified_since = member(request, "ifModifiedSince");
    r->if_none_exist = member(request, "ifNoneExist");
    r->content_type = r->accept = (struct str){NULL, 0};
    r->body = json_get(node, "resource");
    switch (api__route(r, &allow)) {
    case MATCH_OK:
        break;
    case MATCH_NO_METHOD:
        return err_set(err, ERR_METHOD, "request.method: this URL knows other methods: %.*s", STR_FMT(allow));
    case MATCH_NO_TYPE:
        return err_set(err, ERR_NOT_FOUND, "request.url: FHIR R4 has no resource type of that name");
    case MATCH_NO_OPERATION:
        return err_set(err, ERR_NOT_FOUND,
                       "request.url: there is no operation of this name at this level or on this type");
    case MATCH_NO_PATH:
        return err_set(err, ERR_NOT_FOUND, "request.url: there is nothing at this URL");
    }
    api__writes_conformance(r);
    api__writes_consent(r);
    if (r->operation) /* with what it is like: reads, or changes one resource */
        e->order = r->operation->affects_state ? ORDER_PUT : ORDER_GET;
    if (r->route->interaction == &api__bundle)
        return err_set(err, ERR_INVALID, "A Bundle cannot be posted inside a Bundle");
    if (r->route->interaction->body && !r->body)
        return err_set(err, ERR_INVALID, "The entry needs a resource");
    return true;
}

/* ---- findings ---------------------------------------------------------------------------------------------------- */

const char *entry_expression(struct arena *a, size_t index, const char *expression, bool of_resource)
{
    const char *dot = expression && *expression ? strpbrk(expression, ".[") : NULL;
    return arena_printf(a, "Bundle.entry[%zu]%s%s", index, of_resource ? ".resource" : "", dot ? dot : "");
}

void entry_place_issues(struct arena *a, size_t index, struct issues *list)
{
    for (size_t i = 0; i < list->n; i++)
        list->list[i].expression = entry_expression(a, index, list->list[i].expression, true);
}

static json *shallow(struct arena *a, const json *node)
{
    json *copy = ARENA_NEW(a, json);
    *copy = *node;
    copy->next = copy->prev = NULL;
    return copy;
}

static json *without(struct arena *a, const json *object, const char *name)
{
    json *copy = json_object(a);
    json_each (m, object)
        if (strcmp(m->string, name) != 0)
            json_add(a, copy, m->string, shallow(a, m));
    return copy;
}

void entry_check_bundle(const struct api_request *whole, struct issues *out)
{
    struct arena *a = whole->a;
    json *shell = without(a, whole->body, "entry"), *list = json_array(a);
    json_each (node, json_get(whole->body, "entry"))
        json_push(list, json_is_object(node) ? without(a, node, "resource") : shallow(a, node));
    if (json_get(whole->body, "entry"))
        json_add(a, shell, "entry", list);
    validate_resource(whole->api->deps.validator, a, shell,
                      &(struct validate_options){.level = VALIDATE_STRUCTURE}, out);
    issues_locate(out, whole->text);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static struct str none(void)
{
    return (struct str){NULL, 0};
}

void entry_answer(struct bundle *w, const struct api_request *whole, const struct entry *e)
{
    struct api_response refused;
    const struct api_response *out = &e->out;
    struct arena *a = whole->a;
    struct str outcome = none(), location = none();
    if (e->r != whole && !api__audit(e->r, out)) {
        struct err err;
        err_set(&err, ERR_BUSY, "The access cannot be entered into the audit log now; try again later");
        api__error_response(e->r, &err, &refused);
        out = &refused;
    }
    bool wants_resource = !out->written || whole->prefer == RETURN_REPRESENTATION;
    bundle_entry_open(w);
    if (out->type && out->id.s && out->status < 300)
        bundle_entry_url(w, whole->base, out->type->name, out->id);
    if (out->resource.s && wants_resource && !out->issues)
        bundle_entry_resource(w, out->subset ? api__subset(e->r, out->resource) : out->resource);
    if (out->issues)
        outcome = api__outcome_text(a, out->issues);
    else if (out->written && whole->prefer == RETURN_OUTCOME)
        outcome = api__outcome_text(a, &e->r->warnings);
    if (out->written && out->type && out->id.s)
        location =
            str_of(arena_printf(a, "%s/%.*s/_history/%d", out->type->name, STR_FMT(out->id), out->ver));
    bundle_entry_response(w, out->status, location, out->ver, out->lu_us, outcome);
    bundle_entry_close(w);
}
