/*
 * Which nodes of a resource's tree are sealed: marked in cJSON's type, in bits that it does not use. A node above a sealed
 * one is marked, too, so that printing looks no further than it has to.
 */
#include "mark.h"
#include "fhir/reference.h"

struct walk {
    const struct identity_policy *p;
    const struct fhir_defs *d;
};

static bool mark_object(const struct walk *w, json *object, const struct fhir_type *type);

static bool set(json *node, int mark)
{
    node->type |= mark;
    return true;
}

/* Below a type that holds nothing by itself: extensions alone. */
static bool mark_extensions(const struct walk *w, json *node)
{
    bool any = false;
    json_each (m, node) {
        if (m->string &&
            (strcmp(m->string, "extension") == 0 || strcmp(m->string, "modifierExtension") == 0)) {
            bool one = false;
            json_each (e, m)
                one = (json_is_object(e) && mark_object(w, e, identity__extension(w->p)) &&
                       set(e, IDENTITY__WITHIN)) ||
                      one;
            any = (one && set(m, IDENTITY__WITHIN)) || any;
        } else if (m->child && mark_extensions(w, m)) {
            any = set(m, IDENTITY__WITHIN);
        }
    }
    return any;
}

/* A value of that type: an object, or an array of them. */
static bool mark_value(const struct walk *w, json *value, const struct fhir_type *type)
{
    bool any = false;
    if (!value->child)
        return false;
    if (json_is_array(value)) {
        json_each (item, value)
            any = mark_value(w, item, type) || any;
    } else if (type->kind == FHIR_RESOURCE || type->abstract) {
        const char *name = json_get_string(value, "resourceType");
        const struct fhir_type *own = name ? fhir_resource(w->d, str_of(name)) : NULL;
        any = own ? mark_object(w, value, own) : mark_extensions(w, value);
    } else {
        any = identity__type(w->p, type)->holds || type == identity__extension(w->p)
                  ? mark_object(w, value, type)
                  : mark_extensions(w, value);
    }
    return any && set(value, IDENTITY__WITHIN);
}

/* To a person, or to what the text does not tell. */
static bool is_to_person(const struct walk *w, const json *reference)
{
    struct fhir_reference to = {0};
    const char *text = json_get_string(reference, "reference"), *name = json_get_string(reference, "type");
    if (text)
        fhir_reference_parse(w->d, str_of(text), &to);
    const struct fhir_type *type = to.type ? to.type : name ? fhir_resource(w->d, str_of(name)) : NULL;
    return !type || identity__type(w->p, type)->person;
}

static bool is_longer_date(const json *value)
{
    if (!json_is_string(value))
        return false;
    const char *s = value->valuestring;
    return strspn(s, "0123456789") == 4 && s[4] == '-';
}

static bool mark_member(const struct walk *w, const json *object, json *m, const struct fhir_type *type)
{
    bool beside = m->string[0] == '_'; /* the extensions of a primitive */
    const struct fhir_type *actual;
    const struct fhir_element *e = fhir_child(type, m->string + beside, &actual);
    const struct identity__type *own = identity__type(w->p, type);
    if (!e)
        return mark_extensions(w, m) && set(m, IDENTITY__WITHIN);
    enum identity__what what = own->elements ? own->elements[e->index] : SEAL_NOTHING;
    if (what == SEAL_YEAR && !beside)
        return json_is_string(m) && !m->valuestring[strspn(m->valuestring, "0123456789")] &&
                       strlen(m->valuestring) == 4
                   ? false
                   : set(m, is_longer_date(m) ? IDENTITY__YEAR : IDENTITY__SEALED);
    if (what == SEAL_ALL || what == SEAL_YEAR || identity__type(w->p, actual)->whole ||
        (what == SEAL_PERSONS && is_to_person(w, object)))
        return set(m, IDENTITY__SEALED);
    return mark_value(w, m, actual);
}

static bool mark_object(const struct walk *w, json *object, const struct fhir_type *type)
{
    bool any = false;
    if (identity__type(w->p, type)->keep)
        return false;
    json_each (m, object)
        if (m->string && strcmp(m->string, "resourceType") != 0)
            any = mark_member(w, object, m, type) || any;
    return any && set(object, IDENTITY__WITHIN);
}

static void clear_marks(json *node)
{
    node->type &= ~(IDENTITY__SEALED | IDENTITY__YEAR | IDENTITY__WITHIN);
    json_each (m, node)
        clear_marks(m);
}

bool identity_mark(const struct identity_policy *p, const struct fhir_defs *d, json *resource,
                   const struct fhir_type *type)
{
    const struct walk w = {p, d};
    if (resource->type & IDENTITY__WITHIN) /* written before, and changed since */
        clear_marks(resource);
    return mark_object(&w, resource, type);
}
