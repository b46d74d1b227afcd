/*
 * :below and :above on references (search.html#recursive): to a resource and those that are part of it, or those that it
 * is part of. A type has such a tree when it has a parameter partof (or part-of) that leads to the type itself. The tree
 * is followed by the keys of that parameter, in the same statement; a circle in it ends where it began.
 */
#include "internal.h"

static const struct search_param *parent_of(const struct search_registry *r, const struct fhir_type *type)
{
    static const char *const codes[] = {"partof", "part-of"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct search__slot *slot = search__slot(r, type, str_of(codes[i]));
        if (slot && slot->param->def->type == FHIR_SEARCH_REFERENCE && search__may_target(slot->param, type))
            return slot->param;
    }
    return NULL;
}

struct search_criterion *search__tree(struct search__parse *p, const struct search__arg *arg,
                                      const struct fhir_type *type, struct str id, bool above)
{
    const struct search_param *parent = parent_of(p->registry, type);
    if (!parent)
        return NULL;
    struct search_criterion *c = search__criterion(p->a, CRIT_TREE, arg->param);
    c->root = search_hash_id(p->tenant, type, id);
    c->parent = parent;
    c->of = type;
    c->above = above;
    return c;
}

/* The keys by which a row refers to one of the tree. Going up, of a row's keys those are taken that lead to a resource of
 * the type, which may be deleted; OFFSET 0: each is looked up. */
void search__tree_keys(struct search__sql *w, const struct search_criterion *c)
{
    struct sql *q = w->sql;
    int node = ++w->aliases, up = ++w->aliases;
    int parent = sql_int8(q, search__ref(w->q->tenant, c->parent));
    sql_addf(q, "ARRAY(WITH RECURSIVE t(h) AS (SELECT $%d::int8 UNION ", sql_int8(q, c->root));
    if (c->above)
        sql_addf(q, "SELECT p.h FROM t JOIN res r%d ON r%d.tenant = $%d AND r%d.h = t.h AND NOT r%d.deleted",
                 node, node, w->tenant, node, node);
    else
        sql_addf(q,
                 "SELECT r%d.h FROM t JOIN res r%d ON r%d.tenant = $%d AND NOT r%d.deleted AND r%d.keys @> "
                 "ARRAY[t.h # $%d]",
                 node, node, node, w->tenant, node, node, parent);
    search__where_seen(w, &c->of, 1, node);
    if (c->above) {
        sql_addf(q,
                 " CROSS JOIN unnest(r%d.keys) x(key) CROSS JOIN LATERAL (SELECT r%d.h FROM res r%d WHERE "
                 "r%d.tenant = "
                 "$%d AND r%d.h = x.key # $%d AND r%d.rtype = $%d",
                 node, up, up, up, w->tenant, up, parent, up, sql_int2(q, (int16_t)c->of->id));
        search__where_seen(w, &c->of, 1, up);
        sql_adds(q, " OFFSET 0) p");
    }
    sql_addf(q, ") SELECT t.h # $%d FROM t)", sql_int8(q, search__ref(w->q->tenant, c->param)));
}
