/*
 * From the rings to the database: the entries of a ring as one block, in one statement together with how far the ring is
 * shipped. What was committed although its answer was lost is not sent again: the count says so.
 */
#include <stdlib.h>

#include "base/log.h"
#include "internal.h"

enum { BATCH = 512 };

struct load {
    struct arena *a;
    struct audit__entry *entries; /* pats: h of patients, once those are found */
    size_t n;
    struct audit__word *words;
    size_t n_words, cap_words;
};

/* ---- whose data it was ------------------------------------------------------------------------------------------------- */

struct wanted {
    struct arena *a;
    int32_t *entries;
    int16_t *rtypes;
    struct str *ids;
    int64_t *ks;
    size_t n, cap_entries, n_ids, cap_ids, cap_rtypes, n_ks, cap_ks;
};

static void want(struct wanted *w, struct load *l, enum audit_find find)
{
    size_t n = 0;
    *w = (struct wanted){.a = l->a};
    for (size_t i = 0; i < l->n; i++) {
        const struct audit__entry *e = &l->entries[i];
        if (e->find != (int16_t)find)
            continue;
        if (find == AUDIT_FIND_BY_ID) {
            *ARENA_PUSH(w->a, w->entries, w->n, w->cap_entries) = (int32_t)i;
            *ARENA_PUSH(w->a, w->rtypes, w->n_ids, w->cap_rtypes) = e->rtype;
            *ARENA_PUSH(w->a, w->ids, n, w->cap_ids) = e->id;
            continue;
        }
        for (size_t k = 0; k < e->n_pats; k++) {
            *ARENA_PUSH(w->a, w->entries, w->n, w->cap_entries) = (int32_t)i;
            *ARENA_PUSH(w->a, w->ks, w->n_ks, w->cap_ks) = e->pats[k];
        }
    }
}

/* A tombstone has no patient any more, but its last version's compartments. */
#define OF_DELETED                                                                                           \
    "(SELECT p.h FROM res_history v JOIN res p ON p.tenant = v.tenant AND p.h = ANY (v.acc) AND p.rtype = "  \
    "$%d WHERE v.tenant = r.tenant AND v.k = r.k AND v.ver = r.ver LIMIT 1)"

static bool find_patients(struct audit *a, struct load *l, struct err *err)
{
    struct sql q = {.a = l->a};
    struct wanted by_id, by_k;
    const struct db_rows *rows;
    want(&by_id, l, AUDIT_FIND_BY_ID);
    want(&by_k, l, AUDIT_FIND_BY_K);
    for (size_t i = 0; i < l->n; i++)
        if (l->entries[i].find != AUDIT_FIND_NOT)
            l->entries[i].n_pats = 0;
    if (by_id.n + by_k.n == 0)
        return true;
    sql_init(&q, q.a, "audit-patients");
    int tenant = sql_int4(&q, a->tenant), patient = sql_int2(&q, a->patient);
    sql_addf(&q,
             "SELECT i, h FROM (SELECT u.i, coalesce(r.pat, CASE WHEN r.rtype = $%d THEN r.h WHEN r.deleted "
             "THEN " OF_DELETED " END) AS h FROM ",
             patient, patient);
    sql_addf(&q, "unnest($%d::int4[], ", sql_int4_array(&q, by_id.entries, by_id.n));
    sql_addf(&q, "$%d::int2[], ", sql_int2_array(&q, by_id.rtypes, by_id.n));
    sql_addf(
        &q,
        "$%d::text[]) AS u(i, rtype, rid) JOIN res r ON r.tenant = $%d AND r.rtype = u.rtype AND r.rid = "
        "u.rid UNION SELECT u.i, coalesce(r.pat, CASE WHEN r.rtype = $%d THEN r.h END) FROM ",
        sql_text_array(&q, by_id.ids, by_id.n), tenant, patient);
    sql_addf(&q, "unnest($%d::int4[], ", sql_int4_array(&q, by_k.entries, by_k.n));
    sql_addf(
        &q,
        "$%d::int8[]) AS u(i, k) JOIN res r ON r.tenant = $%d AND r.k = u.k) x WHERE h IS NOT NULL ORDER "
        "BY i, h",
        sql_int8_array(&q, by_k.ks, by_k.n), tenant);
    if (!db_exec(a->conn, l->a, &q, &rows, err))
        return false;
    int n = db_count(rows);
    int64_t *found = ARENA_ARRAY(l->a, int64_t, n);
    for (int i = 0; i < n; i++) {
        struct audit__entry *e = &l->entries[db_int4(rows, i, 0)];
        found[i] = db_int8(rows, i, 1);
        if (e->n_pats++ == 0)
            e->pats = &found[i];
    }
    return true;
}

/* ---- blocks -------------------------------------------------------------------------------------------------------------- */

/* Entries as columns. */
struct block {
    int64_t *at, *agent, *pat, *shape, *pats, lo, hi;
    int32_t *shown, *ver, *several;
    int16_t *rtype, *op, *status, *purpose;
    struct str *id, *request;
    size_t n_pats, n_several, cap_pats, cap_several;
};

static void fill(struct block *b, const struct load *l)
{
    struct arena *a = l->a;
    *b = (struct block){.lo = INT64_MAX, .hi = INT64_MIN};
#define COLUMN(c) b->c = arena_alloc(a, sizeof *b->c * (l->n + 1))
    COLUMN(at), COLUMN(agent), COLUMN(pat), COLUMN(shape), COLUMN(shown), COLUMN(ver), COLUMN(rtype),
        COLUMN(op);
    COLUMN(status), COLUMN(purpose), COLUMN(id), COLUMN(request);
#undef COLUMN
    for (size_t i = 0; i < l->n; i++) {
        const struct audit__entry *e = &l->entries[i];
        b->lo = e->at_us < b->lo ? e->at_us : b->lo;
        b->hi = e->at_us > b->hi ? e->at_us : b->hi;
        b->at[i] = e->at_us;
        b->agent[i] = e->agent;
        b->pat[i] = e->n_pats == 1 ? e->pats[0] : 0;
        b->shape[i] = e->shape;
        b->shown[i] = e->shown;
        b->ver[i] = e->ver;
        b->rtype[i] = e->rtype;
        b->op[i] = e->op;
        b->status[i] = e->status;
        b->purpose[i] = e->purpose;
        b->id[i] = e->id.s ? e->id : STR("");
        b->request[i] = e->request.s ? e->request : STR("");
        for (size_t p = 0; e->n_pats > 1 && p < e->n_pats; p++) {
            *ARENA_PUSH(a, b->several, b->n_several, b->cap_several) = (int32_t)i + 1;
            *ARENA_PUSH(a, b->pats, b->n_pats, b->cap_pats) = e->pats[p];
        }
    }
}

/* What is looked for in few blocks of many: see audit__filter_where(). */
static struct str filter_of(const struct load *l)
{
    struct audit__filter f;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += 1 + l->entries[i].n_pats + (i == 0 || l->entries[i].agent != l->entries[i - 1].agent);
    audit__filter_init(&f, l->a, n);
    for (size_t i = 0; i < l->n; i++) {
        const struct audit__entry *e = &l->entries[i];
        audit__filter_add(&f, e->agent);
        audit__filter_add(&f, audit__filter_op(e->op));
        if (e->id.s)
            audit__filter_add(&f, audit__filter_resource(e->rtype, e->id));
        for (size_t p = 0; p < e->n_pats; p++)
            audit__filter_add(&f, e->pats[p]);
    }
    return f.bits;
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

static void write_statement(struct audit *a, const struct audit__ring *r, struct load *l, int64_t from,
                            int64_t to, struct sql *q)
{
    struct block b;
    sql_init(q, l->a, NULL);
    q->name = l->n == 0 ? "audit-words" : l->n_words ? "audit-block-words" : "audit-block";
    int tenant = sql_int4(q, a->tenant), spool = sql_int8(q, audit__ring_id(r));
    int first = sql_int8(q, from), last = sql_int8(q, to);
    sql_addf(q,
             "WITH m AS (INSERT INTO audit_spool AS s (tenant, spool, shipped) VALUES ($%d, $%d, $%d) ON "
             "CONFLICT (tenant, spool) DO UPDATE SET shipped = excluded.shipped, at = now() WHERE s.shipped "
             "<= $%d RETURNING " AUDIT__ERA " + pg_current_xact_id()::text::int8 AS pos)",
             tenant, spool, last, first);
    if (l->n_words)
        add_words(q, l, tenant);
    if (l->n) {
        fill(&b, l);
        sql_addf(
            q,
            ", i AS (INSERT INTO audit_block (pos, k, tenant, lo, hi, keys, at, agent, pat, shape, shown, "
            "ver, rtype, op, status, purpose, rid, request, several, pats) SELECT m.pos, $%d, $%d, ",
            first, tenant);
        sql_addf(q, "$%d, ", sql_int8(q, b.lo));
        sql_addf(q, "$%d, ", sql_int8(q, b.hi));
        struct str bits = filter_of(l);
        sql_addf(q, "nullif($%d::bytea, ''), ", sql_bytea(q, bits.s, bits.len));
        sql_addf(q, "$%d::int8[], ", sql_int8_array(q, b.at, l->n));
        sql_addf(q, "$%d::int8[], ", sql_int8_array(q, b.agent, l->n));
        sql_addf(q, "$%d::int8[], ", sql_int8_array(q, b.pat, l->n));
        sql_addf(q, "$%d::int8[], ", sql_int8_array(q, b.shape, l->n));
        sql_addf(q, "$%d::int4[], ", sql_int4_array(q, b.shown, l->n));
        sql_addf(q, "$%d::int4[], ", sql_int4_array(q, b.ver, l->n));
        sql_addf(q, "$%d::int2[], ", sql_int2_array(q, b.rtype, l->n));
        sql_addf(q, "$%d::int2[], ", sql_int2_array(q, b.op, l->n));
        sql_addf(q, "$%d::int2[], ", sql_int2_array(q, b.status, l->n));
        sql_addf(q, "$%d::int2[], ", sql_int2_array(q, b.purpose, l->n));
        sql_addf(q, "$%d::text[], ", sql_text_array(q, b.id, l->n));
        sql_addf(q, "$%d::bytea[], ", sql_bytea_array(q, b.request, l->n));
        sql_addf(q, "$%d::int4[], ", sql_int4_array(q, b.several, b.n_several));
        sql_addf(q, "$%d::int8[] FROM m)", sql_int8_array(q, b.pats, b.n_pats));
    }
    sql_adds(q, " SELECT pos FROM m");
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
    l = (struct load){.a = &a->turn, .entries = ARENA_ARRAY(&a->turn, struct audit__entry, BATCH)};
    while (l.n < BATCH && audit__ring_next(r, &c, &record)) {
        struct audit__word w;
        switch (audit__record_read(l.a, record, &l.entries[l.n], &w)) {
        case AUDIT__EVENT:
            l.n++;
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
    if (!find_patients(a, &l, err))
        return false;
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
