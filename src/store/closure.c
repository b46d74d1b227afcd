#include "store/closure.h"

#include "internal.h"

void store_closure_drop_plan(const struct store *s, struct str name, struct sql *q)
{
    sql_init(q, q->a, "closure-drop");
    sql_addf(q, "DELETE FROM closure WHERE tenant = $%d AND name = $%d", sql_int4(q, s->tenant.id),
             sql_text(q, name));
}

void store_closure_make_plan(const struct store *s, struct str name, struct sql *q)
{
    sql_init(q, q->a, "closure-make");
    sql_addf(q, "INSERT INTO closure (tenant, name, version) VALUES ($%d, $%d, 0) ON CONFLICT DO NOTHING",
             sql_int4(q, s->tenant.id), sql_text(q, name));
}

void store_closure_look_plan(const struct store *s, struct str name, struct sql *q)
{
    sql_init(q, q->a, "closure-look");
    sql_addf(q, "SELECT version FROM closure WHERE tenant = $%d AND name = $%d FOR UPDATE",
             sql_int4(q, s->tenant.id), sql_text(q, name));
}

void store_closure_codes_plan(const struct store *s, struct str name, struct str system, struct sql *q)
{
    sql_init(q, q->a, "closure-codes");
    sql_addf(
        q,
        "SELECT code FROM closure_concept WHERE tenant = $%d AND name = $%d AND system = $%d ORDER BY code",
        sql_int4(q, s->tenant.id), sql_text(q, name), sql_text(q, system));
}

void store_closure_add_plan(const struct store *s, struct str name, int64_t version, struct str system,
                            const struct str *codes, size_t n_codes, const struct store_closure_edge *edges,
                            size_t n_edges, struct sql *q)
{
    struct str *below = ARENA_ARRAY(q->a, struct str, n_edges),
               *above = ARENA_ARRAY(q->a, struct str, n_edges);
    for (size_t i = 0; i < n_edges; i++) {
        below[i] = edges[i].below;
        above[i] = edges[i].above;
    }
    sql_init(q, q->a, "closure-add");
    int tenant = sql_int4(q, s->tenant.id), table = sql_text(q, name), of = sql_text(q, system),
        at = sql_int8(q, version);
    sql_addf(
        q,
        "WITH c AS (INSERT INTO closure_concept (tenant, name, system, code) SELECT $%d, $%d, $%d, u FROM "
        "unnest($%d::text[]) u ON CONFLICT DO NOTHING), e AS (INSERT INTO closure_edge (tenant, name, "
        "version, "
        "system, below, above) SELECT $%d, $%d, $%d, $%d, b, a FROM unnest($%d::text[], $%d::text[]) AS u(b, "
        "a)) UPDATE closure SET version = $%d WHERE tenant = $%d AND name = $%d",
        tenant, table, of, sql_text_array(q, codes, n_codes), tenant, table, at, of,
        sql_text_array(q, below, n_edges), sql_text_array(q, above, n_edges), at, tenant, table);
}

void store_closure_edges_plan(const struct store *s, struct str name, int64_t after, struct sql *q)
{
    sql_init(q, q->a, "closure-edges");
    sql_addf(
        q,
        "SELECT system, below, above FROM closure_edge WHERE tenant = $%d AND name = $%d AND version > $%d "
        "ORDER BY 1, 2, 3",
        sql_int4(q, s->tenant.id), sql_text(q, name), sql_int8(q, after));
}
