#include "fhir/defs.h"

#include "base/embed.h"
#include "internal.h"

/* The slot of a name, or NULL. by_name: the FHIRPath name of a choice counts, and only that. */
static const struct fhir_type_slot *find(const struct fhir_type *t, const char *name, bool by_name)
{
    const struct fhir_type_index *x = t->names;
    uint32_t hash = fhir__hash(name, strlen(name));
    for (uint32_t i = hash & x->mask;; i = (i + 1) & x->mask) {
        const struct fhir_type_slot *s = &x->slots[i];
        if (s->element == FHIR__FREE)
            return NULL;
        if (s->hash != hash)
            continue;
        const struct fhir_element *e = &t->elements[s->element];
        if (by_name ? strcmp(name, e->name) == 0
                    : s->type != FHIR__BY_NAME && strcmp(name, e->json_names[s->type]) == 0)
            return s;
    }
}

const struct fhir_element *fhir_child(const struct fhir_type *t, const char *name,
                                      const struct fhir_type **actual)
{
    const struct fhir_type_slot *s = find(t, name, false);
    if (!s)
        return NULL;
    const struct fhir_element *e = &t->elements[s->element];
    *actual = e->types[s->type].type;
    return e;
}

const struct fhir_element *fhir_element_by_name(const struct fhir_type *t, const char *name)
{
    const struct fhir_type_slot *s = find(t, name, true);
    return s ? &t->elements[s->element] : NULL;
}

const char *fhir_json_name(const struct fhir_element *e, int type_index)
{
    return e->json_names[e->choice ? type_index : 0];
}

const struct fhir_type *fhir_type(const struct fhir_defs *d, const char *name)
{
    return fhir__map_get(&d->type_names, str_of(name));
}

const struct fhir_type *fhir_resource(const struct fhir_defs *d, struct str name)
{
    const struct fhir_type *t = fhir__map_get(&d->type_names, name);
    return t && t->id ? t : NULL;
}

const struct fhir_type *fhir_resource_by_id(const struct fhir_defs *d, int id)
{
    return id > 0 && id < d->n_numbers ? d->by_number[id] : NULL;
}

int fhir_resource_count(const struct fhir_defs *d)
{
    return d->n_resources;
}
const struct fhir_type *fhir_resource_at(const struct fhir_defs *d, int i)
{
    return d->resources[i];
}
int fhir_type_count(const struct fhir_defs *d)
{
    return d->n_types;
}
const struct fhir_type *fhir_type_at(const struct fhir_defs *d, int i)
{
    return &d->types[i];
}
unsigned fhir_invariant_count(const struct fhir_defs *d)
{
    return d->n_invariants;
}

bool fhir_is_a(const struct fhir_type *t, const struct fhir_type *ancestor)
{
    while (t && t != ancestor)
        t = t->base;
    return t != NULL;
}

/* ---- search parameters --------------------------------------------------------------------------------- */

int fhir_search_params(const struct fhir_type *resource, const struct fhir_search_param *const **list)
{
    *list = resource->names->params;
    return resource->names->n_params;
}

const struct fhir_search_param *fhir_search_param(const struct fhir_type *resource, struct str code)
{
    const struct fhir_type_index *x = resource->names;
    int lo = 0, hi = x->n_params;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        const struct fhir_search_param *p = x->params[mid];
        int order = strncmp(p->code, code.s, code.len);
        if (order == 0)
            order = p->code[code.len] != '\0';
        if (order == 0)
            return p;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const struct fhir_search_param *fhir_search_param_by_url(const struct fhir_type *resource, const char *url)
{
    const struct fhir_type_index *x = resource->names;
    for (int i = 0; i < x->n_params; i++)
        if (strcmp(x->params[i]->url, url) == 0)
            return x->params[i];
    return NULL;
}

unsigned fhir_search_param_count(const struct fhir_defs *d)
{
    return d->n_params;
}
const char *fhir_search_type_name(enum fhir_search_type t)
{
    return fhir__search_words[t];
}

/* ---- compartments -------------------------------------------------------------------------------------- */

int fhir_compartments(const struct fhir_defs *d, const struct fhir_compartment **list)
{
    *list = d->compartments;
    return d->n_compartments;
}

int fhir_compartment_params(const struct fhir_compartment *c, const struct fhir_type *resource,
                            const char *const **codes)
{
    *codes = c->members[resource->id].codes;
    return c->members[resource->id].n;
}

const struct ucum *fhir_ucum(const struct fhir_defs *d)
{
    return d->ucum;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

bool fhir_defs_load(struct arena *a, const struct fhir_defs **out, struct err *err)
{
    struct fhir__records r = {.a = a};
    for (int i = 0; i < FHIR__TEXT_N; i++) {
        const char *name = arena_printf(a, "conf/definitions/%s", fhir__text_files[i]);
        struct str text = embed_get(name);
        if (!text.s)
            return err_set(err, ERR_INTERNAL, "the binary was built without %s", name);
        /* Every name of the snapshot points into this copy. */
        if (!fhir__text_read(&r, arena_strndup(a, text.s, text.len), text.len, err))
            return false;
    }
    return fhir__build(a, &r, out, err);
}
