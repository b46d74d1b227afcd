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

int64_t search__hash_contained(const struct search__index *x, const char *id)
{
    const char *container = json_get_string(x->container, "id");
    return search_hash_id(x->tenant, x->container_type,
                          str_of(arena_printf(x->a, "%s#%s", container ? container : "", id)));
}

/* The blind key where a sealed value is hashed. */
static const struct hash_key *key_for(const struct search_tenant *t, const struct search_param *p,
                                      enum search__key_kind kind)
{
    if (!t->sealed || memcmp(&t->key, &t->blind, sizeof t->key) == 0)
        return &t->key;
    switch (kind) {
    case KEY_REF:
    case KEY_PRESENT:
    case KEY_LOCK: /* what is written meanwhile is locked by either */
        return &t->key;
    case KEY_ID_CODE:
    case KEY_ID_SYSTEM_CODE:
    case KEY_ID_NO_SYSTEM:
    case KEY_ID_SYSTEM:
        return &t->blind;
    case KEY_CODE:
    case KEY_SYSTEM_CODE:
    case KEY_NO_SYSTEM:
    case KEY_SYSTEM:
    case KEY_TEXT:
    case KEY_OF_TYPE:
    case KEY_URL:
    case KEY_PAIR:
    case KEY_DATE:
    case KEY_DATE_WITHIN:
        break;
    }
    return search__is_sealed(t, p) ? &t->blind : &t->key;
}

int64_t search__key(const struct search_tenant *t, const struct search_param *p, enum search__key_kind kind,
                    struct str x, struct str y)
{
    char head[sizeof p->ident + 1];
    memcpy(head, &p->ident, sizeof p->ident);
    head[sizeof p->ident] = (char)kind;
    return nonzero(hash_strs(key_for(t, p, kind), (struct str){head, sizeof head}, x, y));
}

int64_t search__ref(const struct search_tenant *t, const struct search_param *p)
{
    return search__key(t, p, KEY_REF, STR(""), STR(""));
}

int64_t search__compartment(const struct search_tenant *t, const struct fhir_type *compartment,
                            const struct fhir_type *type)
{
    return nonzero(hash_strs(&t->key, STR("compartment"), str_of(compartment->name), str_of(type->name)));
}

/* These two are the same in every tenant. */
static const struct hash_key fixed = {0x6b61676172692070, 0x6172616d65746572};

uint64_t search__ident(const char *type, const char *code)
{
    return hash_strs(&fixed, str_of(type), str_of(code));
}

int32_t search__param_id(const char *code)
{
    return (int32_t)(hash_bytes(&fixed, code, strlen(code)) & INT32_MAX);
}
