#include "audit/write.h"

#include "base/clock.h"
#include "internal.h"

struct str audit_request(struct arena *a, const char *id)
{
    uint8_t room[17];
    struct str bytes = audit__request_bytes(str_of(id), room);
    return (struct str){arena_strndup(a, bytes.s, bytes.len), bytes.len};
}

static struct str filter_of(struct arena *a, const struct audit_key *keys, size_t n)
{
    struct audit__filter f;
    audit__filter_init(&f, a, 4 * n);
    for (size_t i = 0; i < n; i++) {
        audit__filter_add(&f, keys[i].agent);
        audit__filter_add(&f, audit__filter_op(keys[i].op));
        audit__filter_add(&f, audit__filter_resource(keys[i].rtype, keys[i].id));
        audit__filter_add(&f, keys[i].pat);
    }
    return f.bits;
}

void audit_write_add(struct sql *q, int tenant, int64_t k, const struct audit_key *keys, size_t n,
                     const char *from)
{
    struct str bits = keys ? filter_of(q->a, keys, n) : (struct str){NULL, 0};
    int at = sql_int8(q, clock_wall_us());
    sql_addf(
        q,
        ", au AS (INSERT INTO audit_block (pos, k, tenant, lo, hi, keys, at, agent, pat, shape, shown, ver, "
        "rtype, op, status, purpose, rid, request) SELECT " AUDIT__ERA
        " + pg_current_xact_id()::text::int8, $%d, $%d, $%d, $%d, ",
        sql_int8(q, k), tenant, at, at);
    sql_addf(q,
             "nullif($%d::bytea, ''), array_fill($%d::int8, ARRAY[n]), agent, pat, array_fill(0::int8, "
             "ARRAY[n]), array_fill(0, ARRAY[n]), ver, rtype, op, status, purpose, rid, request FROM (SELECT "
             "count(*)::int4 AS n, array_agg(agent) AS agent, array_agg(pat) AS pat, array_agg(ver) AS ver, "
             "array_agg(rtype) AS rtype, array_agg(op) AS op, array_agg(status) AS status, "
             "array_agg(purpose) AS purpose, array_agg(rid) AS rid, array_agg(request) AS request FROM (%s) "
             "w(agent, pat, ver, rtype, op, status, purpose, rid, request) WHERE op <> %d) b WHERE n > 0)",
             sql_bytea(q, bits.s, bits.len), at, from, AUDIT_UNSAID);
}
