/* $translate of ConceptMap (conceptmap-operation-translate.html). */
#include "codes.h"
#include "terminology/map.h"

static bool find_map(struct api_request *r, const struct conformance_view *v,
                     const struct terminology_map **out, struct err *err)
{
    const json *given = api__input(r, "conceptMap");
    struct str url = api__arg(r, "url"), version = api__arg(r, "conceptMapVersion");
    *out = NULL;
    if ((given != NULL) + (url.s != NULL) + (r->id.s != NULL) > 1)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The concept map is given once: by its url, as a conceptMap, or by its id in the URL");
    if (given)
        return terminology_map_read(r->a, given, out, err);
    if (r->id.s)
        return terminology_map_by_id(v, r->id, out, err);
    return !url.s || terminology_map(v, codes_canonical(r->a, url, version), out, err);
}

/* dependency: parts element (uri) and concept (CodeableConcept) */
static void read_dependencies(struct api_request *r, struct terminology_translation *t)
{
    struct terminology_dependency *list = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < r->n_inputs; i++) {
        const char *element = NULL;
        const json *concept = NULL;
        if (strcmp(r->inputs[i].parameter->name, "dependency") != 0)
            continue;
        json_each (part, r->inputs[i].value) {
            const char *name = json_get_string(part, "name");
            if (name && strcmp(name, "element") == 0)
                element = json_get_string(part, "valueUri");
            else if (name && strcmp(name, "concept") == 0)
            concept = json_get(part, "valueCodeableConcept");
        }
        json_each (coding, json_get(concept, "coding"))
            *ARENA_PUSH(r->a, list, t->n_given, cap) =
                (struct terminology_dependency){.property = element,
                                                .system = json_get_string(coding, "system"),
                                                .value = json_get_string(coding, "code")};
    }
    t->given = list;
}

static json *coding(struct arena *a, const struct terminology_match *m)
{
    json *o = json_object(a);
    if (m->system)
        json_add_string(a, o, "system", m->system);
    if (m->version)
        json_add_string(a, o, "version", m->version);
    json_add_string(a, o, "code", m->code);
    if (m->display)
        json_add_string(a, o, "display", m->display);
    return o;
}

static void add_match(struct arena *a, json *p, const struct terminology_match *m)
{
    json *match = codes_add(a, p, "match", NULL, NULL);
    codes_part(a, match, "equivalence", "valueCode", json_string(a, m->equivalence));
    if (m->code)
        codes_part(a, match, "concept", "valueCoding", coding(a, m));
    for (size_t i = 0; i < m->n_products; i++) {
        const struct terminology_dependency *d = &m->products[i];
        const struct terminology_match is = {.system = d->system, .code = d->value, .display = d->display};
        json *product = codes_part(a, match, "product", NULL, NULL);
        if (d->property)
            codes_part(a, product, "element", "valueUri", json_string(a, d->property));
        if (d->value)
            codes_part(a, product, "concept", "valueCoding", coding(a, &is));
    }
    if (m->map)
        codes_part(a, match, "source", "valueUri", json_string(a, m->map));
}

/* Each coding that was given; what the maps say of one is not told again for another. */
static bool translate(struct api_request *r, const struct conformance_view *v,
                      const struct terminology_map *map, struct terminology_translation *t,
                      const struct codes_coding *codings, size_t n, json *p, bool *result, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct terminology_match *list;
        size_t found;
        t->system = codings[i].system;
        t->code = codings[i].code;
        if (!terminology_translate(v, r->a, map, t, &list, &found, err))
            return false;
        *result = *result || terminology_translated(list, found);
        for (size_t k = 0; k < found; k++)
            add_match(r->a, p, &list[k]);
    }
    return true;
}

static bool work_translate(struct api_request *r, struct db_conn *conn, struct api_response *out,
                           struct err *err)
{
    const struct conformance_view *v;
    const struct terminology_map *map;
    struct codes_coding *codings;
    size_t n;
    bool result = false;
    struct terminology_translation t = {.target_system = api__arg(r, "targetsystem"),
                                        .source = api__arg(r, "source"),
                                        .target = api__arg(r, "target")};
    if (!codes_read(r, "system", &codings, &n, err) || !codes_flag(r, "reverse", &t.reverse, err) ||
        !api__terminology(r, conn, &v, err) || !find_map(r, v, &map, err))
        return false;
    if (!map && !t.source.s && !t.target.s && !t.target_system.s)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "$translate needs a concept map (url, conceptMap, or an id), or what to translate to "
                      "(targetsystem, target, source)");
    for (size_t i = 0; i < n; i++)
        if (!codings[i].system.s)
            return err_at(err, ERR_INVALID, "Parameters.parameter", "The system of the code is missing");
    read_dependencies(r, &t);
    json *p = codes_parameters(r->a),
         *is = codes_add(r->a, p, "result", "valueBoolean", json_bool(r->a, false));
    if (!translate(r, v, map, &t, codings, n, p, &result, err))
        return false;
    json_put(r->a, is, "valueBoolean", json_bool(r->a, result));
    if (!result)
        json_insert_after(json_get(p, "parameter"), is,
                          codes_message(r->a, "No concept map that is known here translates it"));
    codes_answer(r, p, out);
    return true;
}

const struct api_interaction api__translate = {.code = "$translate",
                                               .run = RUN_WORKER,
                                               .right = AUTH_READ,
                                               .access = ACCESS_DEFINITIONS,
                                               .work = work_translate};
