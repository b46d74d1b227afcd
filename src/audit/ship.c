/*
 * From the rings to the database: the entries of a ring in one statement, together with how far the ring is shipped. What
 * was committed although its answer was lost is not sent again: the count says so.
 */
#include <stdlib.h>

#include "base/log.h"
#include "internal.h"

enum { BATCH = 1000 };

struct load {
    struct arena *a;
    size_t n, cap_n;
    int64_t *k, *at, *agent, *pat, *shape;
    int32_t *shown, *ver, *pats_from, *pats_to;
    int16_t *rtype, *op, *status, *purpose, *find;
    struct str *id, *request;
    int64_t *pats;
    size_t n_pats, cap_pats;
    struct audit__word *words;
    size_t n_words, cap_words;
};

static void load_init(struct load *l, struct arena *a)
{
    *l = (struct load){.a = a};
#define COLUMN(c) l->c = arena_alloc(a, sizeof *l->c * BATCH)
    COLUMN(k), COLUMN(at), COLUMN(agent), COLUMN(pat), COLUMN(shape), COLUMN(shown), COLUMN(ver);
    COLUMN(pats_from), COLUMN(pats_to), COLUMN(rtype), COLUMN(op), COLUMN(status), COLUMN(purpose);
    COLUMN(find), COLUMN(id), COLUMN(request);
#undef COLUMN
}

static void load_entry(struct load *l, int64_t seq, const struct audit__entry *e)
{
    size_t i = l->n++;
    bool several = e->n_pats > 1 || e->find == AUDIT_FIND_BY_K;
    l->k[i] = seq;
    l->at[i] = e->at_us;
    l->agent[i] = e->agent;
    l->pat[i] = several || e->n_pats == 0 ? 0 : e->pats[0];
    l->shape[i] = e->shape;
    l->shown[i] = e->shown;
    l->ver[i] = e->ver;
    l->pats_from[i] = (int32_t)l->n_pats + 1;
    for (size_t p = 0; several && p < e->n_pats; p++)
        *ARENA_PUSH(l->a, l->pats, l->n_pats, l->cap_pats) = e->pats[p];
    l->pats_to[i] = (int32_t)l->n_pats;
    l->rtype[i] = e->rtype;
    l->op[i] = e->op;
    l->status[i] = e->status;
    l->purpose[i] = e->purpose;
    l->find[i] = e->find;
    l->id[i] = e->id;
    l->request[i] = e->request;
}

static int by_key(const void *x, const void *y)
{
    const struct audit__word *a = x, *b = y;
    return a->key < b->key ? -1 : a->key > b->key;
}

/* In one order, so that servers that bring the same ones do not wait for each other in a ring. */
static void add_words(struct sql *q, struct load *l, int tenant)
{
    int64_t *keys = ARENA_ARRAY(l->a, int64_t, l->n_words);
    int16_t *kinds = ARENA_ARRAY(l->a, int16_t, l->n_words);
    struct str *texts = ARENA_ARRAY(l->a, struct str, l->n_words);
    qsort(l->words, l->n_words, sizeof *l->words, by_key);
    for (size_t i = 0; i < l->n_words; i++) {
        keys[i] = l->words[i].key;
        kinds[i] = l->words[i].kind;
        texts[i] = l->words[i].text;
    }
    sql_addf(q, ", w AS (INSERT INTO audit_word (key, tenant, kind, text) SELECT key, $%d, kind, text FROM ",
             tenant);
    sql_addf(q, "unnest($%d::int8[], ", sql_int8_array(q, keys, l->n_words));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, kinds, l->n_words));
    sql_addf(q, "$%d::text[]) AS u(key, kind, text) ON CONFLICT DO NOTHING)",
             sql_text_array(q, texts, l->n_words));
}

/* A tombstone has no patient any more, but its last version's compartments. */
#define DELETED_ONES                                                                                         \
    "(SELECT p.h FROM res_history v JOIN res p ON p.tenant = v.tenant AND p.h = ANY (v.acc) AND p.rtype = "  \
    "$%d WHERE v.tenant = r.tenant AND v.k = r.k AND v.ver = r.ver LIMIT 1)"

static void write_statement(struct audit *a, const struct audit__ring *r, struct load *l, int64_t from,
                            int64_t to, struct sql *q)
{
    sql_init(q, l->a, l->n_words ? "audit-words" : "audit");
    int tenant = sql_int4(q, a->tenant), spool = sql_int8(q, audit__ring_id(r));
    int first = sql_int8(q, from), last = sql_int8(q, to), patient = sql_int2(q, a->patient);
    int pats = sql_int8_array(q, l->pats, l->n_pats);
    sql_addf(q,
             "WITH m AS (INSERT INTO audit_spool AS s (tenant, spool, shipped) VALUES ($%d, $%d, $%d) ON "
             "CONFLICT (tenant, spool) DO UPDATE SET shipped = excluded.shipped, at = now() WHERE s.shipped "
             "<= $%d RETURNING " AUDIT__ERA " + pg_current_xact_id()::text::int8 AS pos)",
             tenant, spool, last, first);
    if (l->n_words)
        add_words(q, l, tenant);
    sql_addf(
        q,
        ", i AS (INSERT INTO audit (pos, k, at, agent, pat, shape, shown, tenant, ver, rtype, op, "
        "status, purpose, rid, request, pats) SELECT m.pos, u.k, u.at, u.agent, CASE WHEN find = %d THEN "
        "(SELECT coalesce(r.pat, CASE WHEN r.rtype = $%d THEN r.h WHEN r.deleted THEN " DELETED_ONES
        " END) FROM res r "
        "WHERE r.tenant = $%d AND r.rtype = u.rtype AND r.rid = u.rid) WHEN find = %d AND "
        "cardinality(f.pats) = 1 THEN "
        "f.pats[1] ELSE nullif(u.pat, 0) END, ",
        AUDIT_FIND_BY_ID, patient, patient, tenant, AUDIT_FIND_BY_K);
    sql_addf(q,
             "u.shape, u.shown, $%d, u.ver, u.rtype, u.op, u.status, u.purpose, u.rid, u.request, CASE WHEN "
             "find <> %d AND pf <= pt THEN ($%d::int8[])[pf:pt] WHEN cardinality(f.pats) > 1 THEN f.pats END "
             "FROM m CROSS JOIN ",
             tenant, AUDIT_FIND_BY_K, pats);
    sql_addf(q, "unnest($%d::int8[], ", sql_int8_array(q, l->k, l->n));
    sql_addf(q, "$%d::int8[], ", sql_int8_array(q, l->at, l->n));
    sql_addf(q, "$%d::int8[], ", sql_int8_array(q, l->agent, l->n));
    sql_addf(q, "$%d::int8[], ", sql_int8_array(q, l->pat, l->n));
    sql_addf(q, "$%d::int8[], ", sql_int8_array(q, l->shape, l->n));
    sql_addf(q, "$%d::int4[], ", sql_int4_array(q, l->shown, l->n));
    sql_addf(q, "$%d::int4[], ", sql_int4_array(q, l->ver, l->n));
    sql_addf(q, "$%d::int4[], ", sql_int4_array(q, l->pats_from, l->n));
    sql_addf(q, "$%d::int4[], ", sql_int4_array(q, l->pats_to, l->n));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, l->rtype, l->n));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, l->op, l->n));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, l->status, l->n));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, l->purpose, l->n));
    sql_addf(q, "$%d::int2[], ", sql_int2_array(q, l->find, l->n));
    sql_addf(q, "$%d::text[], ", sql_text_array(q, l->id, l->n));
    sql_addf(q,
             "$%d::bytea[]) AS u(k, at, agent, pat, shape, shown, ver, pf, pt, rtype, op, status, purpose, "
             "find, rid, request) LEFT JOIN LATERAL (SELECT array_agg(DISTINCT coalesce(r.pat, r.h)) AS pats "
             "FROM unnest(($%d::int8[])[pf:pt]) AS x(k) JOIN res r ON r.tenant = $%d AND r.k = x.k WHERE "
             "r.pat IS NOT NULL OR r.rtype = $%d) f ON find = %d) SELECT pos FROM m",
             sql_bytea_array(q, l->request, l->n), pats, tenant, patient, AUDIT_FIND_BY_K);
}

/* How far the database has it. */
static bool shipped(struct audit *a, const struct audit__ring *r, int64_t *upto, struct err *err)
{
    struct sql q = {.a = &a->turn};
    const struct db_rows *rows;
    sql_init(&q, q.a, NULL);
    sql_addf(&q, "SELECT shipped FROM audit_spool WHERE tenant = $%d ", sql_int4(&q, a->tenant));
    sql_addf(&q, "AND spool = $%d", sql_int8(&q, audit__ring_id(r)));
    if (!db_exec(a->conn, &a->turn, &q, &rows, err))
        return false;
    *upto = db_count(rows) ? db_int8(rows, 0, 0) : 0;
    return true;
}

static bool ship_batch(struct audit *a, struct audit__ring *r, bool *more, struct err *err)
{
    struct audit__cursor c;
    struct load l;
    struct str record;
    audit__ring_first(r, &c);
    const int64_t from = (int64_t)c.seq;
    load_init(&l, &a->turn);
    while (l.n < BATCH && audit__ring_next(r, &c, &record)) {
        struct audit__entry e;
        struct audit__word w;
        switch (audit__record_read(l.a, record, &e, &w)) {
        case AUDIT__EVENT:
            load_entry(&l, (int64_t)c.seq, &e);
            break;
        case AUDIT__WORD:
            *ARENA_PUSH(l.a, l.words, l.n_words, l.cap_words) = w;
            break;
        default:
            log_event(LOG_ERROR, "audit-damaged", LOG_I("record", c.seq));
        }
    }
    *more = l.n == BATCH;
    if ((int64_t)c.seq == from)
        return true;
    struct sql q = {.a = l.a};
    const struct db_rows *rows;
    int64_t upto;
    write_statement(a, r, &l, from, (int64_t)c.seq, &q);
    if (!db_exec(a->conn, l.a, &q, &rows, err))
        return false;
    if (db_count(rows) == 0) { /* an earlier attempt has committed */
        if (!shipped(a, r, &upto, err))
            return false;
        audit__ring_first(r, &c);
        while ((int64_t)c.seq < upto && audit__ring_next(r, &c, &record))
            ;
        *more = true;
    }
    audit__ring_drop(r, &c);
    return true;
}

bool audit__ship(struct audit *a, struct audit__ring *r, struct err *err)
{
    for (bool more = true; more;) {
        arena_clear(&a->turn);
        if (!ship_batch(a, r, &more, err))
            return false;
    }
    return true;
}
