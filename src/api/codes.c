/* What the operations on codes share: their parameters and their answers (terminology-service.html). */
#include "codes.h"

#include "base/clock.h"

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

/* "…/StructureDefinition/Patient#Patient.gender", or "Patient.gender": the value set that the element is bound to. */
static bool bound(const struct api_request *r, struct str context, struct str *url, struct err *err)
{
    const struct fhir_defs *d = r->api->deps.defs;
    struct str rest, path = str_cut(context, '#', &rest);
    path = rest.s ? rest : path;
    struct str name = str_cut(path, '.', &rest);
    const struct fhir_type *t = name.len < 64 ? fhir_type(d, arena_strndup(r->a, name.s, name.len)) : NULL;
    const struct fhir_element *e = NULL;
    while (t && rest.s) {
        struct str step = str_cut(rest, '.', &rest);
        if (str_ends(step, STR("[x]")))
            step.len -= 3;
        e = fhir_element_by_name(t, arena_strndup(r->a, step.s, step.len));
        t = e && e->n_types ? e->types[0].type : NULL;
    }
    *url = str_of(t && e ? e->valueset : NULL);
    return url->s || err_at(err, ERR_NOT_FOUND, "Parameters.parameter",
                            "The context is no element of FHIR R4 that is bound to a value set");
}

/* What it contains is found by its URL, and by "#id". */
static bool with_contained(struct api_request *r, const json *given, const struct conformance_view **view,
                           struct err *err)
{
    const json *list = json_get(given, "contained");
    const json **resources = ARENA_ARRAY(r->a, const json *, json_count(list) * 2);
    size_t n = 0;
    json_each (contained, list) {
        const char *id = json_get_string(contained, "id");
        resources[n++] = contained;
        if (!id)
            continue;
        json *copy = json_copy(r->a, contained);
        json_put(r->a, copy, "url", json_string(r->a, arena_printf(r->a, "#%s", id)));
        resources[n++] = copy;
    }
    return n == 0 || conformance_view_with(r->a, *view, resources, n, view, err);
}

bool codes_valueset(struct api_request *r, struct db_conn *conn, struct codes_set *out, struct err *err)
{
    json *given = api__input(r, "valueSet");
    struct str url = api__arg(r, "url"), version = api__arg(r, "valueSetVersion"),
               context = api__arg(r, "context");
    *out = (struct codes_set){.given = given};
    if ((given != NULL) + (url.s != NULL) + (r->id.s != NULL) + (context.s != NULL) != 1)
        return err_at(
            err, ERR_INVALID, "Parameters.parameter",
            "The value set is given once: by its url, as a valueSet, by a context, or by its id in the URL");
    if ((context.s && !bound(r, context, &url, err)) || !api__terminology(r, conn, &out->view, err))
        return false;
    if (given)
        return with_contained(r, given, &out->view, err) &&
               terminology_valueset_read(r->a, given, &out->set, err);
    if (r->id.s) {
        out->e = conformance_find_id(out->view, CONFORMANCE_VALUE_SET, r->id);
        return terminology_valueset_by_id(out->view, r->id, &out->set, err);
    }
    url = codes_canonical(r->a, url, version);
    out->e = conformance_find(out->view, CONFORMANCE_VALUE_SET, url);
    return terminology_valueset(out->view, url, &out->set, err);
}

bool codes_definition(struct api_request *r, const struct codes_set *set, const json **out, struct err *err)
{
    json *tree;
    *out = set->given;
    if (set->given || !set->e)
        return true;
    if (!json_parse(r->a, conformance_text(set->e), INT16_MAX, &tree, err))
        return false;
    *out = tree;
    return true;
}

bool codes_present(const struct api_request *r, struct err *err)
{
    struct str date = api__arg(r, "date");
    char now[32];
    clock_instant(clock_wall_us(), now);
    return !date.s || (date.len >= 4 && strncmp(date.s, now, date.len < 10 ? date.len : 10) >= 0) ||
           err_at(err, ERR_UNSUPPORTED, "Parameters.parameter",
                  "What was in force on a date of the past is not known: name versions instead");
}

bool codes_flag(const struct api_request *r, const char *name, bool *out, struct err *err)
{
    struct str text = api__arg(r, name);
    *out = str_is(text, "true");
    return !text.s || *out || str_is(text, "false") ||
           err_at(err, ERR_INVALID, "Parameters.parameter", "The parameter '%s' is true or false", name);
}

/* ---- texts ------------------------------------------------------------------------------------------------ */

bool codes_speaks(const char *language, struct str wanted)
{
    return wanted.s && *language && str_starts(str_of(language), wanted) &&
           (language[wanted.len] == '\0' || language[wanted.len] == '-');
}

static const char *text_in(const struct terminology_system *s, uint32_t at, struct str language)
{
    struct terminology_designation d;
    for (size_t i = 0; terminology_designation(s, at, i, &d); i++)
        if (codes_speaks(d.language, language))
            return d.value;
    return NULL;
}

const char *codes_display(struct api_request *r, const struct conformance_view *v,
                          const struct terminology_system *s, uint32_t at)
{
    const struct terminology_system *const *list;
    struct str language = api__arg(r, "displayLanguage");
    const char *text = language.s ? text_in(s, at, language) : NULL;
    size_t n = language.s && !text ? terminology_supplements(v, r->a, s, &list) : 0;
    uint32_t there;
    for (size_t i = 0; i < n && !text; i++)
        if (terminology_find(list[i], str_of(terminology_code(s, at)), &there))
            text = text_in(list[i], there, language);
    return text ? text : terminology_display(s, at);
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

json *codes_message(struct arena *a, const char *text)
{
    json *p = json_object(a);
    json_add_string(a, p, "name", "message");
    json_add_string(a, p, "valueString", text);
    return p;
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
