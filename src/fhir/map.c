#include "internal.h"

/* FNV-1a: names are short and come from the definitions, not from clients' choice. */
uint32_t fhir__hash(const char *s, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

void fhir__map_init(struct fhir__map *m, struct arena *a, size_t n)
{
    size_t size = 4;
    while (size < n * 2)
        size *= 2;
    m->mask = size - 1;
    m->slots = ARENA_ARRAY(a, struct fhir__slot, size);
}

static struct fhir__slot *find(const struct fhir__map *m, struct str key, uint32_t hash)
{
    for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
        struct fhir__slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && str_is(key, s->key)))
            return s;
    }
}

void fhir__map_add(struct fhir__map *m, const char *key, const void *value)
{
    struct str k = str_of(key);
    uint32_t hash = fhir__hash(k.s, k.len);
    struct fhir__slot *s = find(m, k, hash);
    if (!s->key)
        *s = (struct fhir__slot){key, hash, value};
}

const void *fhir__map_get(const struct fhir__map *m, struct str key)
{
    return find(m, key, fhir__hash(key.s, key.len))->value;
}
