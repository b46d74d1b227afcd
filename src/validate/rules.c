/* What the specification demands of single types in prose, or by invariants that are better asked here. */
#include "fhir/reference.h"
#include "internal.h"

/* extensibility.html: ext-1, and the URL that says what the extension means. Inside a complex extension its
 * parts have relative names. */
void validate__extension(struct validate__walk *w, struct validate__place *at)
{
    bool value = false, parts = false;
    json_each (m, at->node) {
        const char *name = m->string + (m->string[0] == '_');
        value |= strncmp(name, "value", 5) == 0;
        parts |= strcmp(name, "extension") == 0;
    }
    if (value == parts)
        validate__find(w, at, ISSUE_ERROR, "invariant", "ext-1",
                       value ? "An extension has a value[x] or extensions, not both"
                             : "An extension needs a value[x] or extensions");
    const char *url = json_get_string(at->node, "url");
    if (url && at->up->type != w->v->extension && !strchr(url, ':'))
        validate__error(w, at, "value",
                        "%s: the url of an extension is absolute, but for parts of a complex extension",
                        at->element->path);
}

/* bundle.html: fullUrl is absolute, and agrees with the id of the resource unless it is a urn. */
void validate__bundle_entry(struct validate__walk *w, struct validate__place *at)
{
    const char *url = json_get_string(at->node, "fullUrl");
    if (!url)
        return;
    if (!strchr(url, ':')) {
        validate__error(w, at, "value", "Bundle.entry.fullUrl must be an absolute URL or 'urn:uuid:…'");
        return;
    }
    const json *resource = json_get(at->node, "resource");
    const char *id = json_get_string(resource, "id"), *type = json_get_string(resource, "resourceType");
    struct fhir_reference r;
    fhir_reference_parse(w->v->defs, str_of(url), &r);
    if (r.form == FHIR_REF_ABSOLUTE && id && type && (!str_is(r.id, id) || strcmp(r.type->name, type) != 0))
        validate__error(w, at, "value",
                        "Bundle.entry.fullUrl disagrees with the type or the id of the resource");
}
