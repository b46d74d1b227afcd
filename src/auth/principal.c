#include "internal.h"

struct packer {
    char *memory; /* NULL: only counting */
    size_t used;
};

static void *pack(struct packer *k, const void *from, size_t size)
{
    char *to = k->memory ? k->memory + k->used : NULL;
    if (to && size)
        memcpy(to, from, size);
    k->used += (size + 7) & ~(size_t)7;
    return to;
}

static void pack_str(struct packer *k, struct str *s)
{
    char *to = s->s ? pack(k, s->s, s->len) : NULL;
    s->s = k->memory ? to : s->s;
}

size_t auth__principal_pack(const struct auth_principal *p, char *memory, struct auth_principal *out)
{
    struct packer k = {.memory = memory};
    struct auth_principal copy = *p;
    struct str *const strings[] = {&copy.subject,  &copy.client,    &copy.issuer,
                                   &copy.patient,  &copy.user,      &copy.encounter,
                                   &copy.purposes, &copy.sensitive, &copy.related};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        pack_str(&k, strings[i]);
    copy.type_rights = pack(&k, p->type_rights, p->n_types);
    copy.type_whole = pack(&k, p->type_whole, p->n_types);
    copy.opened = pack(&k, p->opened, p->n_opened * sizeof *p->opened);
    struct auth_grant *grants = pack(&k, p->grants, p->n_grants * sizeof *grants);
    for (size_t i = 0; i < p->n_grants; i++) {
        struct auth_grant g = p->grants[i];
        pack_str(&k, &g.query);
        if (grants)
            grants[i] = g;
    }
    copy.grants = grants;
    if (memory)
        *out = copy;
    return k.used;
}

struct auth_principal *auth_principal_copy(struct arena *a, const struct auth_principal *p)
{
    struct auth_principal *copy = ARENA_NEW(a, struct auth_principal);
    auth__principal_pack(p, arena_alloc(a, auth__principal_pack(p, NULL, NULL) + 1), copy);
    return copy;
}

struct str auth_principal_rights(struct arena *a, const struct auth_principal *p)
{
    struct buf b;
    buf_init(&b, a, 64);
    buf_addf(&b, "%x%s %.*s %.*s %.*s %.*s/%.*s/", p->rights & AUTH_EXPLAIN, p->pseudonyms ? "p" : "",
             STR_FMT(p->patient), STR_FMT(p->related), STR_FMT(p->user), STR_FMT(p->purposes),
             STR_FMT(p->sensitive));
    for (int i = 0; i < AUTH_LEVELS; i++)
        buf_addf(&b, "%d", p->sight[i]);
    for (size_t i = 0; i < p->n_grants; i++) {
        const struct auth_grant *g = &p->grants[i];
        buf_addf(&b, " %d/%d.%x?%.*s", g->level, g->type ? g->type->id : -1, g->rights, STR_FMT(g->query));
    }
    for (size_t i = 0; i < p->n_opened; i++)
        buf_addf(&b, " o%llx", (unsigned long long)p->opened[i]);
    return buf_str(&b);
}
