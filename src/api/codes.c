/* What the operations on codes share: their parameters and their answers (terminology-service.html). */
#include "codes.h"

struct str codes_canonical(struct arena *a, struct str system, struct str version)
{
    return version.s ? str_of(arena_printf(a, "%.*s|%.*s", STR_FMT(system), STR_FMT(version))) : system;
}

static struct codes_coding coding_of(const json *node)
{
    return (struct codes_coding){
        .system = str_of(json_get_string(node, "system")),
        .version = str_of(json_get_string(node, "version")),
        .code = str_of(json_get_string(node, "code")),
        .display = str_of(json_get_string(node, "display")),
    };
}

bool codes_read(struct api_request *r, const char *system, struct codes_coding **out, size_t *n,
                struct err *err)
{
    const json *concept = api__input(r, "codeableConcept"), *coding = api__input(r, "coding"),
               *list = json_get(concept, "coding");
    struct str code = api__arg(r, "code");
    if ((code.s != NULL) + (coding != NULL) + (concept != NULL) != 1)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "What is asked about is given once: as code, as coding or as codeableConcept");
    *out = ARENA_ARRAY(r->a, struct codes_coding, json_count(list) + 1);
    *n = 0;
    if (code.s) {
        struct str version = api__arg(r, "version");
        (*out)[(*n)++] = (struct codes_coding){
            .system = api__arg(r, system),
            .version = version.s ? version : api__arg(r, "systemVersion"),
            .code = code,
            .display = api__arg(r, "display"),
        };
    }
    if (coding)
        (*out)[(*n)++] = coding_of(coding);
    json_each (c, list)
        (*out)[(*n)++] = coding_of(c);
    for (size_t i = 0; i < *n; i++)
        if (!(*out)[i].code.s)
            return err_at(err, ERR_INVALID, "Parameters.parameter", "A coding without a code says nothing");
    return *n || err_at(err, ERR_INVALID, "Parameters.parameter", "The codeableConcept has no coding");
}

bool codes_valueset(struct api_request *r, const struct conformance_view *v,
                    const struct terminology_valueset **out, struct err *err)
{
    const json *given = api__input(r, "valueSet");
    struct str url = api__arg(r, "url"), version = api__arg(r, "valueSetVersion");
    if ((given != NULL) + (url.s != NULL) + (r->id.s != NULL) != 1)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The value set is given once: by its url, as a valueSet, or by its id in the URL");
    if (given)
        return terminology_valueset_read(r->a, given, out, err);
    return r->id.s ? terminology_valueset_by_id(v, r->id, out, err)
                   : terminology_valueset(v, codes_canonical(r->a, url, version), out, err);
}

bool codes_flag(const struct api_request *r, const char *name, bool *out, struct err *err)
{
    struct str text = api__arg(r, name);
    *out = str_is(text, "true");
    return !text.s || *out || str_is(text, "false") ||
           err_at(err, ERR_INVALID, "Parameters.parameter", "The parameter '%s' is true or false", name);
}

/* ---- answers ---------------------------------------------------------------------------------------------- */

json *codes_parameters(struct arena *a)
{
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", "Parameters");
    json_add(a, o, "parameter", json_array(a));
    return o;
}

static json *add_to(struct arena *a, json *list, const char *name, const char *member, json *value)
{
    json *p = json_push(list, json_object(a));
    json_add_string(a, p, "name", name);
    if (value)
        json_add(a, p, member, value);
    return p;
}

json *codes_add(struct arena *a, json *parameters, const char *name, const char *member, json *value)
{
    return add_to(a, json_get(parameters, "parameter"), name, member, value);
}

json *codes_part(struct arena *a, json *parameter, const char *name, const char *member, json *value)
{
    json *parts = json_get(parameter, "part");
    return add_to(a, parts ? parts : json_add(a, parameter, "part", json_array(a)), name, member, value);
}

void codes_answer(struct api_request *r, const json *resource, struct api_response *out)
{
    *out = (struct api_response){.status = 200, .resource = json_text(r->a, resource)};
}
