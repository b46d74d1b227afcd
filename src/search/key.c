/*
 * The hashes of the search index. All are keyed with the tenant's key; 64 bits count as exact (DESIGN §2).
 * 0 means "none" in the lanes, so a hash is never 0.
 */
#include "internal.h"

static int64_t nonzero(uint64_t h)
{
    return h ? (int64_t)h : 1;
}

int64_t search_hash_id(const struct search_tenant *t, const struct fhir_type *type, struct str id)
{
    return nonzero(hash_strs(&t->key, STR("id"), str_of(type->name), id));
}

int64_t search__key(const struct search_tenant *t, const struct search_param *p, const char *kind,
                    struct str x, struct str y)
{
    return nonzero(hash_strs(&t->key, p->ident, str_of(kind), x, y));
}

int64_t search__ref(const struct search_tenant *t, const struct search_param *p)
{
    return nonzero(hash_strs(&t->key, p->ident, STR(KEY_REF)));
}

int64_t search__compartment(const struct search_tenant *t, const struct fhir_type *compartment,
                            const struct fhir_type *type)
{
    return nonzero(hash_strs(&t->key, STR("compartment"), str_of(compartment->name), str_of(type->name)));
}

/* Not keyed: the same in every tenant, and positive so that it reads well in a dump. */
int32_t search__param_id(const char *code)
{
    static const struct hash_key fixed = {0x6b61676172692070, 0x6172616d65746572};
    return (int32_t)(hash_bytes(&fixed, code, strlen(code)) & INT32_MAX);
}
