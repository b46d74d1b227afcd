/* Contained resources (references.html#contained): ids, what they may not hold, that each is referred to. */
#include <stdlib.h>

#include "internal.h"

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct validate__contained *)a)->id, ((const struct validate__contained *)b)->id);
}

/* What a contained resource may not hold. */
static void begin_contained(struct validate__walk *w, struct validate__place *at)
{
    const json *meta = json_get(at->node, "meta");
    if (!json_get(at->node, "id"))
        validate__error(w, at, "required",
                        "A contained resource needs an id, by which the others refer to it");
    if (json_get(at->node, "contained"))
        validate__find(w, at, ISSUE_ERROR, "invariant", "dom-2",
                       "A contained resource contains none itself: move it to the outermost resource");
    if (json_get(meta, "versionId") || json_get(meta, "lastUpdated"))
        validate__find(w, at, ISSUE_ERROR, "invariant", "dom-4",
                       "A contained resource has no versions: remove meta.versionId and meta.lastUpdated");
    if (json_get(meta, "security"))
        validate__find(
            w, at, ISSUE_ERROR, "invariant", "dom-5",
            "A contained resource has no security labels of its own: set them on the outermost resource");
}

void validate__contained_index(struct validate__walk *w, struct validate__scope *s)
{
    const json *list = json_get(s->node, "contained");
    size_t n = json_is_array(list) ? json_count(list) : 0;
    if (n == 0)
        return;
    s->contained = ARENA_ARRAY(w->a, struct validate__contained, n);
    json_each (item, list) {
        const char *id = json_get_string(item, "id"), *type = json_get_string(item, "resourceType");
        if (id)
            s->contained[s->n_contained++] = (struct validate__contained){
                .id = id, .node = item, .type = type ? fhir_resource(w->v->defs, str_of(type)) : NULL};
    }
    qsort(s->contained, s->n_contained, sizeof *s->contained, compare);
}

void validate__contained_begin(struct validate__walk *w, struct validate__place *at)
{
    struct validate__scope *s = w->scope;
    if (s->container) {
        begin_contained(w, at);
        return;
    }
    validate__contained_index(w, s);
    for (size_t i = 1; i < s->n_contained; i++)
        if (strcmp(s->contained[i - 1].id, s->contained[i].id) == 0)
            validate__error(w, at, "duplicate", "Two contained resources have the id %s: ids must be unique",
                            validate__quote(w->a, s->contained[i].id, "in common"));
}

struct validate__contained *validate__contained_find(const struct validate__scope *s, const char *id)
{
    if (s->container)
        s = s->container;
    const struct validate__contained key = {.id = id};
    return s->n_contained ? bsearch(&key, s->contained, s->n_contained, sizeof key, compare) : NULL;
}

bool validate__contained_use(struct validate__scope *s, const char *id)
{
    if (!*id) {
        s->refers_to_container |= s->container != NULL;
        return true;
    }
    struct validate__contained *target = validate__contained_find(s, id);
    if (target)
        target->used = true;
    return target != NULL;
}

/* dom-3: a contained resource has no meaning when nothing refers to it and it does not refer to its
 * container. */
void validate__contained_end(struct validate__walk *w, struct validate__place *at)
{
    const struct validate__scope *s = w->scope;
    if (s->container) {
        const char *id = json_get_string(at->node, "id");
        struct validate__contained *self = id ? validate__contained_find(s, id) : NULL;
        if (self)
            self->used |= s->refers_to_container;
        return;
    }
    for (size_t i = 0; i < s->n_contained; i++)
        if (!s->contained[i].used)
            validate__find(
                w, at, ISSUE_ERROR, "invariant", "dom-3",
                "Nothing refers to the contained resource with the id %s: refer to it by '#' and its id, or "
                "remove it",
                validate__quote(w->a, s->contained[i].id, "it has"));
}
