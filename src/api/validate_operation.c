/* $validate (resource-operation-validate.html): the findings of a write without the write. */
#include "internal.h"

/* The resource itself, or the parameter "resource" of a Parameters. */
static json *subject(json *body)
{
    const char *type = json_get_string(body, "resourceType");
    if (!type || strcmp(type, "Parameters") != 0)
        return body;
    json_each (p, json_get(body, "parameter")) {
        const char *name = json_get_string(p, "name");
        if (name && strcmp(name, "resource") == 0)
            return json_get(p, "resource");
    }
    return NULL;
}

static bool validate(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                     struct err *err)
{
    (void)rows;
    struct issues *list = ARENA_NEW(r->a, struct issues);
    if (!api__read_body(r, err))
        return false;
    json *resource = subject(r->body);
    if (!resource)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The parameter 'resource' is missing: it holds what is validated");
    issues_init(list, r->a);
    validate_resource(r->api->deps.validator, r->a, resource, r->type, VALIDATE_FULL, list);
    *out = (struct api_response){.status = 200, .issues = list};
    return true;
}

const struct api_interaction api__validate_operation = {
    .code = "$validate", .run = RUN_NOW, .reply = validate};
