/*
 * _summary and _elements (search.html#summary, #elements): the part of a resource that was asked for, marked with
 * the SUBSETTED tag, so that nobody takes it for the whole and writes it back. What is mandatory stays, and what
 * modifies the meaning of the rest.
 */
#include "internal.h"

#define TAG_SYSTEM "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"

struct subset {
    struct arena *a;
    enum search_summary summary;
    const struct str *elements;
    size_t n_elements;
};

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

static bool is_named(const struct subset *s, const char *json_name, const char *element)
{
    for (size_t i = 0; i < s->n_elements; i++) {
        struct str rest, name = str_cut(s->elements[i], '.', &rest);
        if (str_is(name, json_name) || str_is(name, element))
            return true;
    }
    return false;
}

/* name: as in JSON, without the underscore of a primitive's sibling. */
static bool is_kept(const struct subset *s, const char *name, const struct fhir_element *e)
{
    static const char *const always[] = {"resourceType", "id", "meta", NULL};
    if (is_one_of(name, always))
        return true;
    if (s->n_elements)
        return e && (e->min > 0 || e->modifier || is_named(s, name, e->name));
    switch (s->summary) {
    case SUMMARY_TRUE:
        return e && e->summary;
    case SUMMARY_TEXT:
        return strcmp(name, "text") == 0 || (e && e->min > 0);
    case SUMMARY_DATA:
        return strcmp(name, "text") != 0;
    case SUMMARY_FALSE:
    case SUMMARY_COUNT:
        break;
    }
    return true;
}

static json *part(const struct subset *s, const json *node, const struct fhir_type *type);

/* Of a backbone's elements too the summary has only those that are marked. */
static json *value(const struct subset *s, const json *node, const struct fhir_type *type)
{
    bool partly = s->summary == SUMMARY_TRUE && !s->n_elements && type && type->kind == FHIR_BACKBONE;
    if (!partly)
        return json_copy(s->a, node);
    if (!json_is_array(node))
        return part(s, node, type);
    json *array = json_array(s->a);
    json_each (item, node)
        json_push(array, part(s, item, type));
    return array;
}

static json *part(const struct subset *s, const json *node, const struct fhir_type *type)
{
    json *out = json_object(s->a);
    json_each (child, node) {
        const struct fhir_type *actual = NULL;
        const char *name = child->string + (child->string[0] == '_');
        const struct fhir_element *e = type ? fhir_child(type, name, &actual) : NULL;
        if (is_kept(s, name, e))
            json_add(s->a, out, child->string, value(s, child, actual));
    }
    return out;
}

static void add_tag(struct arena *a, json *resource)
{
    json *meta = json_get(resource, "meta");
    if (!meta)
        meta = json_add(a, resource, "meta", json_object(a));
    json *tags = json_get(meta, "tag");
    if (!tags)
        tags = json_add(a, meta, "tag", json_array(a));
    json *tag = json_push(tags, json_object(a));
    json_add_string(a, tag, "system", TAG_SYSTEM);
    json_add_string(a, tag, "code", "SUBSETTED");
}

json *search_subset(const struct fhir_defs *d, struct arena *a, const json *resource,
                    enum search_summary summary, const struct str *elements, size_t n_elements)
{
    const char *type = json_get_string(resource, "resourceType");
    struct subset s = {.a = a, .summary = summary, .elements = elements, .n_elements = n_elements};
    json *out = part(&s, resource, type ? fhir_type(d, type) : NULL);
    add_tag(a, out);
    return out;
}
