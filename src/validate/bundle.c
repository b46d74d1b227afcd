/* Bundles (bundle.html): what fullUrl says, and the entries it makes known to references. */
#include <stdlib.h>

#include "fhir/reference.h"
#include "internal.h"

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct validate__entry *)a)->url, ((const struct validate__entry *)b)->url);
}

void validate__bundle_begin(struct validate__walk *w, const json *bundle)
{
    struct validate__scope *s = w->scope;
    const char *type = json_get_string(bundle, "type");
    s->conditional |= type && strcmp(type, "transaction") == 0;
    const json *list = json_get(bundle, "entry");
    size_t n = json_is_array(list) ? json_count(list) : 0;
    s->entries = ARENA_ARRAY(w->a, struct validate__entry, n);
    json_each (item, json_is_array(list) ? list : NULL) {
        const char *url = json_get_string(item, "fullUrl");
        const char *name = json_get_string(json_get(item, "resource"), "resourceType");
        const struct fhir_type *t = name ? fhir_resource(w->v->defs, str_of(name)) : NULL;
        if (url && t)
            s->entries[s->n_entries++] = (struct validate__entry){url, t, json_get(item, "resource")};
    }
    if (s->n_entries)
        qsort(s->entries, s->n_entries, sizeof *s->entries, compare);
}

const struct fhir_type *validate__bundle_find(const struct validate__scope *s, const char *url)
{
    const struct validate__entry key = {.url = url}, *found = NULL;
    for (; s && !found; s = s->outer)
        if (s->n_entries)
            found = bsearch(&key, s->entries, s->n_entries, sizeof key, compare);
    return found ? found->type : NULL;
}

/* "Except for transactions and batches, each entry must have a fullUrl": asked where nothing but the Bundle
 * says what its resources are called. Searches and histories are made by servers. */
static bool needs_full_url(const struct validate__walk *w, const json *entry)
{
    static const char *const types[] = {"collection", "document", "message"};
    const char *type = json_get_string(w->scope->node, "type");
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return json_get(entry, "resource") != NULL;
    return false;
}

/* fullUrl is absolute, and agrees with the id of the resource unless it is a urn. A request may be for a
 * resource that has no id yet. */
void validate__bundle_entry(struct validate__walk *w, struct validate__place *at)
{
    const char *url = json_get_string(at->node, "fullUrl");
    if (!url) {
        if (needs_full_url(w, at->node))
            validate__error(
                w, at, "required",
                "Bundle.entry.fullUrl is required, but in transactions and batches: add 'urn:uuid:…' when "
                "the resource has no URL");
        return;
    }
    if (!strchr(url, ':')) {
        validate__error(w, at, "value", "Bundle.entry.fullUrl must be an absolute URL or 'urn:uuid:…'");
        return;
    }
    const json *resource = json_get(at->node, "resource");
    const char *id = json_get_string(resource, "id"), *type = json_get_string(resource, "resourceType");
    struct fhir_reference r;
    fhir_reference_parse(w->v->defs, str_of(url), &r);
    if (r.form != FHIR_REF_ABSOLUTE || !type || (!id && json_get(at->node, "request")))
        return;
    if (!id || !str_is(r.id, id) || strcmp(r.type->name, type) != 0)
        validate__error(w, at, "value",
                        "Bundle.entry.fullUrl disagrees with the type or the id of the resource");
}
