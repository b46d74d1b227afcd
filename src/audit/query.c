/*
 * Questions to the log. Blocks come in the order that is asked for, those only that may have something, and are taken apart
 * until there is enough: the inner query is a fence, since PostgreSQL knows nothing of how many entries a condition finds
 * and would take all blocks apart to sort them. What keys stand for is looked up for the entries that are shown.
 */
#include "audit/render.h"
#include "internal.h"

enum { FEW = 4 }; /* what is of more kinds than these is in every block */

/* Of the block b each entry, and its place in it. */
#define ENTRIES                                                                                              \
    "unnest(b.at, b.agent, b.pat, b.shape, b.ver, b.rtype, b.op, b.status, b.purpose, b.rid, b.request) "    \
    "WITH ORDINALITY AS e(at, agent, pat, shape, ver, rtype, op, status, purpose, rid, request, n)"
/* Of the entry e each patient, numbered from 1; NULL: of nobody. */
#define PATIENTS                                                                                             \
    "(SELECT nullif(e.pat, 0) AS h, 1::int8 AS i WHERE e.n <> ALL (b.several) UNION ALL SELECT s.h, "        \
    "row_number() OVER (ORDER BY s.o) FROM unnest(b.several, b.pats) WITH ORDINALITY AS s(n, h, o) WHERE "   \
    "s.n = e.n) p"

static void add_kinds(const struct audit_query *q, struct sql *out)
{
    int16_t ops[AUDIT__OPS];
    int64_t keys[AUDIT__OPS];
    size_t n = audit__ops_of(q->action, ops);
    for (size_t i = 0; i < n; i++)
        keys[i] = audit__filter_op(ops[i]);
    if (n <= FEW)
        audit__filter_where(keys, n, out);
}

/* A block's part of the question. */
static void add_blocks(const struct audit_query *q, int tenant, const char *way, struct sql *out)
{
    sql_addf(out, "(SELECT * FROM audit_block a WHERE a.tenant = $%d", tenant);
    if (q->at) {
        sql_addf(out, " AND a.pos = $%d", sql_int8(out, q->at->pos));
        sql_addf(out, " AND a.k <= $%d", sql_int8(out, q->at->k));
    }
    if (q->after)
        sql_addf(out, " AND a.pos %s= $%d", q->ascending ? ">" : "<", sql_int8(out, q->after->pos));
    if (q->lo_us != INT64_MIN)
        sql_addf(out, " AND a.hi >= $%d", sql_int8(out, q->lo_us));
    if (q->hi_us != INT64_MAX)
        sql_addf(out, " AND a.lo <= $%d", sql_int8(out, q->hi_us));
    if (q->patient)
        audit__filter_where(&q->patient, 1, out);
    if (q->type)
        audit__filter_where((int64_t[]){audit__filter_resource((int16_t)q->type->id, q->id)}, 1, out);
    if (q->action)
        add_kinds(q, out);
    sql_addf(out, " ORDER BY a.pos%s, a.k%s OFFSET 0) b", way, way);
}

/* Words of agents whose subject or client is this one: an agent's text is a JSON array of strings. */
static void add_agent(const struct audit_query *q, int tenant, struct sql *out)
{
    int name = sql_text(out, q->agent);
    sql_addf(out,
             " AND e.agent = ANY (ARRAY(SELECT w.key FROM audit_word w WHERE w.tenant = $%d AND w.kind = %d "
             "AND $%d IN (w.text::json ->> 0, w.text::json ->> 1)))",
             tenant, AUDIT__AGENT, name);
}

static void add_actions(const struct audit_query *q, struct sql *out)
{
    int16_t ops[AUDIT__OPS];
    size_t n = audit__ops_of(q->action, ops);
    sql_addf(out, " AND e.op = ANY ($%d::int2[])", sql_int2_array(out, ops, n));
}

static void add_after(const struct audit_query *q, struct sql *out)
{
    const char *than = q->ascending ? ">" : "<";
    int pos = sql_int8(out, q->after->pos), k = sql_int8(out, q->after->k), i = sql_int8(out, q->after->i);
    sql_addf(
        out,
        " AND (b.pos, b.k + e.n - 1) %s= ($%d, $%d) AND ((b.pos, b.k + e.n - 1) <> ($%d, $%d) OR p.i > $%d)",
        than, pos, k, pos, k, i);
}

/* An entry's. */
static void add_entries(const struct audit_query *q, int tenant, struct sql *out)
{
    if (q->at) {
        sql_addf(out, " AND b.k + e.n - 1 = $%d", sql_int8(out, q->at->k));
        sql_addf(out, " AND p.i = $%d", sql_int8(out, q->at->i));
    }
    if (q->after)
        add_after(q, out);
    if (q->lo_us != INT64_MIN)
        sql_addf(out, " AND e.at >= $%d", sql_int8(out, q->lo_us));
    if (q->hi_us != INT64_MAX)
        sql_addf(out, " AND e.at <= $%d", sql_int8(out, q->hi_us));
    if (q->patient)
        sql_addf(out, " AND p.h = $%d", sql_int8(out, q->patient));
    if (q->type) {
        sql_addf(out, " AND e.rtype = $%d", sql_int2(out, (int16_t)q->type->id));
        sql_addf(out, " AND e.rid = $%d", sql_text(out, q->id));
    }
    if (q->agent.s)
        add_agent(q, tenant, out);
    if (q->action)
        add_actions(q, out);
}

void audit_query_plan(const struct audit_query *q, struct sql *out)
{
    const char *way = q->ascending ? "" : " DESC";
    sql_init(out, out->a, NULL);
    int tenant = sql_int4(out, q->tenant), type = sql_int2(out, q->patient_type);
    sql_adds(out,
             "SELECT a.pos, a.k, a.at, a.ver, a.rtype, a.op, a.status, a.purpose, nullif(a.rid, ''), "
             "nullif(a.request, ''), w.text, s.text, a.i, a.h, r.rid FROM (SELECT b.pos, b.k + e.n - 1 AS k, "
             "e.*, p.h, p.i FROM ");
    add_blocks(q, tenant, way, out);
    sql_adds(out, " CROSS JOIN LATERAL " ENTRIES " CROSS JOIN LATERAL " PATIENTS " WHERE true");
    add_entries(q, tenant, out);
    sql_addf(
        out,
        " ORDER BY b.pos%s, b.k + e.n - 1%s, p.i LIMIT $%d) a LEFT JOIN audit_word w ON w.tenant = $%d AND "
        "w.key = a.agent LEFT JOIN audit_word s ON s.tenant = $%d AND s.key = a.shape LEFT JOIN LATERAL "
        "(SELECT x.rid FROM res x WHERE x.tenant = $%d AND x.h = a.h AND x.rtype = $%d LIMIT 1) r ON true "
        "ORDER BY a.pos%s, a.k%s, a.i",
        way, way, sql_int8(out, q->limit), tenant, tenant, tenant, type, way, way);
}
