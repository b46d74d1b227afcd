/* Element.id is unique in its resource (element.html#id): in a StructureDefinition, in its snapshot and in its differential. */
#include "base/hash.h"
#include "internal.h"

struct id {
    const char *text; /* NULL: free */
    const json *part; /* of a StructureDefinition, else NULL */
};

struct validate__ids {
    struct id *slots; /* open addressing, at most half full */
    size_t n, size;   /* size: a power of two */
};

/* The id may be another's elsewhere in the process, so that nobody can make many fall together. */
static size_t slot_of(const struct validate__walk *w, const struct validate__ids *ids, const struct id *id)
{
    const struct hash_key key = {(uint64_t)w->now_us, (uint64_t)(uintptr_t)w->scope};
    size_t i = (size_t)hash_bytes(&key, id->text, strlen(id->text)) & (ids->size - 1);
    while (ids->slots[i].text &&
           (ids->slots[i].part != id->part || strcmp(ids->slots[i].text, id->text) != 0))
        i = (i + 1) & (ids->size - 1);
    return i;
}

static void grow(struct validate__walk *w, struct validate__ids *ids)
{
    const struct validate__ids old = *ids;
    ids->size = old.size ? old.size * 2 : 16;
    ids->slots = ARENA_ARRAY(w->a, struct id, ids->size);
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].text)
            ids->slots[slot_of(w, ids, &old.slots[i])] = old.slots[i];
}

/* The snapshot or differential around. */
static const json *part_of(const struct validate__walk *w, const struct validate__place *at)
{
    if (strcmp(w->scope->type->name, "StructureDefinition") != 0)
        return NULL;
    while (at->up && at->up->node != w->scope->node)
        at = at->up;
    return at->node;
}

void validate__element_id(struct validate__walk *w, const struct validate__place *at, const json *node)
{
    if (!json_is_string(node))
        return;
    if (!w->scope->ids)
        w->scope->ids = ARENA_NEW(w->a, struct validate__ids);
    struct validate__ids *ids = w->scope->ids;
    if (ids->n * 2 >= ids->size)
        grow(w, ids);
    const struct id id = {node->valuestring, part_of(w, at)};
    struct id *slot = &ids->slots[slot_of(w, ids, &id)];
    if (slot->text)
        validate__refuse(w, at, "business-rule",
                         "Another element of the resource has the id %s too: ids are unique",
                         validate__quote(w->a, id.text, "of this one"));
    else
        ids->n++;
    *slot = id;
}
