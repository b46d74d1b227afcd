/*
 * The statements that write. One statement is one write: current row, history row and index rows.
 *
 * Transaction ids grow with the versions of a resource, so that the change feed and the history, which go by them,
 * have its versions in order. A transaction that got its id and then waited may find a version by a later one: it is
 * told STORE_RACED and has to begin anew.
 *
 * A reindexing job changes index rows without a new version. Whoever changes side rows swaps on ix as well: it has
 * changed if they have, and then the rows that a statement's snapshot shows are not those to be deleted.
 *
 * Side tables that a write does not touch are left out of its text, and the name under which it is prepared
 * says which are in it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "store/jobs.h"

/* Statement names must outlive their statement: one for each set of side tables. */
#define NAMES8(p, a) p a "0", p a "1", p a "2", p a "3", p a "4", p a "5", p a "6", p a "7"
#define NAMES64(p, a)                                                                                        \
    NAMES8(p, a "0"), NAMES8(p, a "1"), NAMES8(p, a "2"), NAMES8(p, a "3"), NAMES8(p, a "4"),                \
        NAMES8(p, a "5"), NAMES8(p, a "6"), NAMES8(p, a "7")
#define NAMES(p)                                                                                             \
    {                                                                                                        \
        NAMES64(p, "0"), NAMES64(p, "1")                                                                     \
    }
static const char *const create_names[1 << STORE__SIDES] = NAMES("create-");
static const char *const update_names[1 << STORE__SIDES] = NAMES("update-");

/* ---- the rows of a statement ------------------------------------------------------------------------------ */

static const char res_columns[] = "(tenant, k, h, xid, lu, dt, dt_hi, pat, code, cat, ix, ver, rtype, q, "
                                  "q_standard, q_unit, rid, labels, keys, content, sealed)";

/* What a write brings for the tables of resources and versions, as columns of u(…). */
enum {
    K,
    H,
    DT,
    DT_HI,
    PAT,
    CODE,
    CAT,
    IX,
    RTYPE,
    Q,
    Q_STANDARD,
    Q_UNIT,
    RID,
    KEYS_FROM,
    KEYS_TO,
    LABELS_FROM,
    LABELS_TO,
    ACC_FROM,
    ACC_TO,
    PRE,
    POST,
    SEALED,
    AGENT, /* for the audit log, as is what follows */
    OWNER,
    AUDIT_OP,
    PURPOSE,
    REQUEST,
    CREATE_COLUMNS,
    N = CREATE_COLUMNS, /* updates have these as well; n: its place among those of the caller, from 1 */
    IF_MATCH,
    MAY_CREATE,
    OP,
    UPDATE_COLUMNS
};
#define CREATE_NAMES                                                                                         \
    "k, h, dt, dt_hi, pat, code, cat, ix, rtype, q, q_standard, q_unit, rid, kf, kt, lf, lt, af, at, pre, "  \
    "post, sealed, agent, owner, audit_op, purpose, request"
#define UPDATE_NAMES CREATE_NAMES ", n, if_match, may_create, op"

struct rows {
    struct arena *a;
    struct store__column c[UPDATE_COLUMNS];
    /* arrays of arrays do not unnest: all keys travel as one array, each row takes its slice */
    struct store__column keys, labels, acc;
};

static void rows_init(struct rows *r, struct arena *a)
{
    static const enum sql_type types[UPDATE_COLUMNS] = {
        [K] = SQL_INT8_ARRAY,
        [H] = SQL_INT8_ARRAY,
        [DT] = SQL_INT8_ARRAY,
        [DT_HI] = SQL_INT8_ARRAY,
        [PAT] = SQL_INT8_ARRAY,
        [CODE] = SQL_INT8_ARRAY,
        [CAT] = SQL_INT8_ARRAY,
        [IX] = SQL_INT8_ARRAY,
        [RTYPE] = SQL_INT2_ARRAY,
        [Q] = SQL_NUMERIC_ARRAY,
        [Q_STANDARD] = SQL_NUMERIC_ARRAY,
        [Q_UNIT] = SQL_INT8_ARRAY,
        [RID] = SQL_TEXT_ARRAY,
        [KEYS_FROM] = SQL_INT4_ARRAY,
        [KEYS_TO] = SQL_INT4_ARRAY,
        [LABELS_FROM] = SQL_INT4_ARRAY,
        [LABELS_TO] = SQL_INT4_ARRAY,
        [ACC_FROM] = SQL_INT4_ARRAY,
        [ACC_TO] = SQL_INT4_ARRAY,
        [PRE] = SQL_TEXT_ARRAY,
        [POST] = SQL_TEXT_ARRAY,
        [SEALED] = SQL_BYTEA_ARRAY,
        [AGENT] = SQL_INT8_ARRAY,
        [OWNER] = SQL_INT8_ARRAY,
        [AUDIT_OP] = SQL_INT2_ARRAY,
        [PURPOSE] = SQL_INT2_ARRAY,
        [REQUEST] = SQL_BYTEA_ARRAY,
        [N] = SQL_INT4_ARRAY,
        [IF_MATCH] = SQL_INT4_ARRAY,
        [MAY_CREATE] = SQL_INT2_ARRAY,
        [OP] = SQL_INT2_ARRAY,
    };
    *r = (struct rows){.a = a};
    for (int i = 0; i < UPDATE_COLUMNS; i++)
        r->c[i].type = types[i];
    r->keys.type = r->labels.type = r->acc.type = SQL_INT8_ARRAY;
}

/* Puts the elements behind those of the rows before, and says where they are. */
static void put_slice(struct rows *r, struct store__column *all, const int64_t *v, size_t n, int from, int to)
{
    store__put_int(r->a, &r->c[from], (int64_t)all->n + 1);
    for (size_t i = 0; i < n; i++)
        store__put_int(r->a, all, v[i]);
    store__put_int(r->a, &r->c[to], (int64_t)all->n);
}

static bool is_patient(const struct fhir_type *type)
{
    return strcmp(type->name, "Patient") == 0;
}

/* Whose data it is, for the audit log. */
static int64_t owner_of(const struct store_write *w)
{
    return is_patient(w->type) ? w->index.h : w->index.pat;
}

static void rows_add(struct rows *r, const struct store_write *w)
{
    struct arena *a = r->a;
    struct store__column *c = r->c;
    const struct search_index *x = &w->index;
    store__put_int(a, &c[K], w->k);
    store__put_int(a, &c[H], x->h);
    store__put_int(a, &c[DT], x->dt);
    store__put_int(a, &c[DT_HI], x->dt_hi);
    store__put_int(a, &c[PAT], x->pat);
    store__put_int(a, &c[CODE], x->code);
    store__put_int(a, &c[CAT], x->cat);
    store__put_int(a, &c[IX], x->ix);
    store__put_int(a, &c[RTYPE], w->type->id);
    store__put_str(a, &c[Q], x->q);
    store__put_str(a, &c[Q_STANDARD], x->q_standard);
    store__put_int(a, &c[Q_UNIT], x->q_unit);
    store__put_str(a, &c[RID], w->id);
    put_slice(r, &r->keys, x->keys, x->n_keys, KEYS_FROM, KEYS_TO);
    put_slice(r, &r->labels, x->labels, x->n_labels, LABELS_FROM, LABELS_TO);
    put_slice(r, &r->acc, x->acc, x->n_acc, ACC_FROM, ACC_TO);
    store__put_str(a, &c[PRE], w->content.pre);
    store__put_str(a, &c[POST], w->content.post);
    store__put_str(a, &c[SEALED], w->content.sealed);
    store__put_int(a, &c[AGENT], w->audit.agent);
    store__put_int(a, &c[OWNER], owner_of(w));
    store__put_int(a, &c[AUDIT_OP], w->audit.op);
    store__put_int(a, &c[PURPOSE], w->audit.purpose);
    store__put_str(a, &c[REQUEST], w->audit.request.s ? w->audit.request : STR(""));
}

/* "WITH t AS (…)": the time, the transaction, and what the rows take their slices from. */
static void add_common(struct sql *q, const struct rows *r)
{
    sql_addf(q,
             "WITH t AS (SELECT date_trunc('milliseconds', now()) AS lu, pg_current_xact_id() AS xid, "
             "$%d::int8[] AS keys, $%d::int8[] AS labels, $%d::int8[] AS acc), ",
             sql_int8_array(q, r->keys.int8, r->keys.n), sql_int8_array(q, r->labels.int8, r->labels.n),
             sql_int8_array(q, r->acc.int8, r->acc.n));
}

/* What the audit log has of the statement. */
static void add_audit(struct sql *q, int tenant, struct store_write *const *w, size_t n, const char *from)
{
    struct audit_key *keys = ARENA_ARRAY(q->a, struct audit_key, n);
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct audit_key){.agent = w[i]->audit.agent,
                                     .pat = owner_of(w[i]),
                                     .op = (int16_t)w[i]->audit.op,
                                     .rtype = (int16_t)w[i]->type->id,
                                     .id = w[i]->id};
    audit_write_add(q, tenant, w[0]->k, keys, n, from);
}

/* ---- create
 * --------------------------------------------------------------------------------------------------- */

void store_create_plan(struct store *s, struct store_write *const *w, size_t n, bool words, struct sql *q)
{
    struct arena *a = q->a;
    struct rows rows;
    rows_init(&rows, a);
    for (size_t i = 0; i < n; i++) {
        w[i]->k = store__next_k(s);
        rows_add(&rows, w[i]);
    }
    struct store__sides *sides = store__collect_sides(s, a, w, n, true, words);

    sql_init(q, a, create_names[sides->present]);
    int tenant = sql_int4(q, s->tenant.id);
    add_common(q, &rows);
    sql_adds(q, "i AS MATERIALIZED (SELECT u.*, u.pre || '1" STORE_MID "' || "
                "to_char(t.lu, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') || u.post AS content FROM t, ");
    store__add_unnest(q, rows.c, CREATE_COLUMNS);
    sql_addf(
        q,
        " AS u(" CREATE_NAMES ")), "
        "r AS (INSERT INTO res %s SELECT $%d, k, h, t.xid, t.lu, dt, dt_hi, nullif(pat, 0), nullif(code, 0), "
        "nullif(cat, 0), ix, 1, rtype, q, q_standard, nullif(q_unit, 0), rid, t.labels[lf:lt], "
        "t.keys[kf:kt], "
        "content, sealed FROM i, t), "
        "h AS (INSERT INTO res_history (tenant, k, xid, lu, ver, rtype, op, rid, acc, content, sealed) "
        "SELECT $%d, k, t.xid, t.lu, 1, rtype, %d, rid, t.acc[af:at], content, sealed FROM i, t)",
        res_columns, tenant, tenant, STORE_POST);
    add_audit(q, tenant, w, n,
              "SELECT agent, owner, 1, rtype, audit_op, 201::int2, purpose, rid, request FROM i");
    store__add_inserts(q, sides, tenant, NULL, "");
    sql_adds(q, " SELECT lu, xid FROM t");
}

bool store_create_reply(const struct db_rows *rows, struct store_written *out, struct err *err)
{
    if (db_count(rows) != 1)
        return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                          "create: no answer");
    *out = (struct store_written){.ver = 1, .lu_us = db_timestamptz(rows, 0, 0), .xid = db_int8(rows, 0, 1)};
    return true;
}

/* ---- update and create by PUT
 * ------------------------------------------------------------------------------- */

/* By type and id: statements that share resources hold them in one order, so none waits for the other in a circle. */
static int order_of(const struct fhir_type *a_type, struct str a, const struct fhir_type *b_type,
                    struct str b)
{
    int order = a_type->id - b_type->id;
    order = order ? order : memcmp(a.s, b.s, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_resource(const void *x, const void *y)
{
    const struct store_write *a = &(*(struct store_update *const *)x)->w,
                             *b = &(*(struct store_update *const *)y)->w;
    return order_of(a->type, a->id, b->type, b->id);
}

enum {
    UPDATE_N,
    UPDATE_CUR_VER,
    UPDATE_CUR_DELETED,
    UPDATE_CUR_LABELS_KEPT,
    UPDATE_VER,
    UPDATE_LU,
    UPDATE_XID
};

void store_updates_plan(struct store *s, struct store_update *const *u, size_t n, struct sql *q)
{
    struct arena *a = q->a;
    struct store_write **w = ARENA_ARRAY(a, struct store_write *, n);
    struct store_update **sorted = ARENA_ARRAY(a, struct store_update *, n);
    struct rows rows;
    rows_init(&rows, a);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = u[i];
        u[i]->w.n = (int)i + 1;
        u[i]->w.k = store__next_k(s);
        store__cache_mark(s, a, u[i]->w.type, u[i]->w.id);
    }
    qsort(sorted, n, sizeof(struct store_update *), by_resource);
    for (size_t i = 0; i < n; i++) {
        w[i] = &sorted[i]->w;
        rows_add(&rows, w[i]);
        store__put_int(a, &rows.c[N], sorted[i]->w.n);
        store__put_int(a, &rows.c[IF_MATCH], sorted[i]->if_match);
        store__put_int(a, &rows.c[MAY_CREATE], sorted[i]->may_create);
        store__put_int(a, &rows.c[OP], sorted[i]->op);
    }
    struct store__sides *sides = store__collect_sides(s, a, w, n, false, u[0]->words);

    sql_init(q, a, update_names[sides->present]);
    int tenant = sql_int4(q, s->tenant.id);
    add_common(q, &rows);
    sql_adds(
        q, "c AS MATERIALIZED (SELECT u.k, u.h, u.dt, u.dt_hi, nullif(u.pat, 0) AS pat, nullif(u.code, 0) AS "
           "code, nullif(u.cat, 0) AS cat, u.ix, u.rtype, u.q, u.q_standard, nullif(u.q_unit, 0) AS "
           "q_unit, u.rid, u.kf, u.kt, u.lf, u.lt, u.af, u.at, u.sealed, u.agent, u.owner, "
           "u.audit_op, u.purpose, u.request, u.n, u.op, u.if_match, u.may_create <> 0 AS may_create, cur.k "
           "AS cur_k, cur.ver AS cur_ver, cur.deleted AS cur_deleted, cur.ix AS "
           "cur_ix, cur.xid AS cur_xid, cur.labels <@ t.labels[u.lf:u.lt] AS kept, "
           "coalesce(cur.ver, 0) + 1 AS ver, greatest(t.lu, cur.lu) AS lu, "
           "u.pre || coalesce(cur.ver, 0) + 1 || '" STORE_MID "' || "
           "to_char(greatest(t.lu, cur.lu), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') || u.post AS content "
           "FROM t CROSS JOIN ");
    store__add_unnest(q, rows.c, UPDATE_COLUMNS);
    sql_addf(q,
             " AS u(" UPDATE_NAMES ") LEFT JOIN res cur ON cur.tenant = $%d AND cur.rtype = u.rtype AND "
             "cur.rid = u.rid), ",
             tenant);
    sql_addf(
        q,
        "up AS (UPDATE res SET xid = t.xid, lu = c.lu, ver = c.ver, content = c.content, sealed = "
        "c.sealed, deleted = false, dt = c.dt, dt_hi = c.dt_hi, pat = c.pat, code = c.code, cat = c.cat, ix "
        "= c.ix, q = c.q, "
        "q_standard = c.q_standard, q_unit = c.q_unit, labels = t.labels[c.lf:c.lt], keys = "
        "t.keys[c.kf:c.kt] FROM c, t WHERE res.tenant = $%d AND res.rtype = c.rtype AND res.rid = c.rid "
        "AND res.ver = c.cur_ver AND res.ix = c.cur_ix AND c.cur_xid < t.xid "
        "AND (c.if_match = 0 OR c.cur_ver = c.if_match OR c.if_match < 0 AND c.cur_deleted) "
        "AND (c.may_create OR NOT c.cur_deleted) "
        "AND (c.op = %d OR c.cur_deleted OR c.kept) " /* a patch says itself what goes */
        "RETURNING c.n, res.k, c.cur_ix <> c.ix OR c.cur_deleted AS changed, c.cur_deleted AS created), ",
        tenant, STORE_PATCH);
    sql_addf(q,
             "ins AS (INSERT INTO res %s SELECT $%d, k, h, t.xid, c.lu, dt, dt_hi, pat, code, cat, ix, 1, "
             "rtype, q, q_standard, q_unit, rid, t.labels[lf:lt], t.keys[kf:kt], content, sealed FROM c, t "
             "WHERE cur_k IS NULL AND may_create AND if_match <= 0 ON CONFLICT DO NOTHING RETURNING k), "
             "w AS (SELECT n, k, changed, created FROM up UNION ALL "
             "SELECT c.n, ins.k, true, true FROM ins JOIN c ON c.k = ins.k), ",
             res_columns, tenant);
    sql_addf(
        q,
        "h AS (INSERT INTO res_history (tenant, k, xid, lu, ver, rtype, op, rid, acc, content, sealed) "
        "SELECT $%d, w.k, t.xid, c.lu, c.ver, c.rtype, CASE WHEN w.created THEN %d ELSE c.op END, c.rid, "
        "t.acc[c.af:c.at], c.content, c.sealed FROM t, w JOIN c ON c.n = w.n)",
        tenant, STORE_CREATE_PUT);
    add_audit(q, tenant, w, n,
              "SELECT c.agent, c.owner, c.ver, c.rtype, c.audit_op, CASE WHEN w.created THEN 201 ELSE 200 "
              "END::int2, c.purpose, c.rid, c.request FROM w JOIN c ON c.n = w.n");
    store__add_deletes(q, tenant, "up", " AND up.changed");
    store__add_inserts(q, sides, tenant, "w", " WHERE w.changed");
    sql_adds(q, " SELECT c.n, c.cur_ver, c.cur_deleted, c.kept, CASE WHEN w.k IS NOT NULL THEN c.ver END, "
                "c.lu, t.xid FROM t CROSS JOIN c LEFT JOIN w ON w.n = c.n");
}

static enum store_outcome outcome_of(const struct store_update *u, const struct db_rows *rows, int row,
                                     struct store_written *out)
{
    bool was_there = !db_null(rows, row, UPDATE_CUR_VER);
    bool deleted = was_there && db_bool(rows, row, UPDATE_CUR_DELETED);
    *out = (struct store_written){0};
    if (!db_null(rows, row, UPDATE_VER)) {
        *out = (struct store_written){db_int4(rows, row, UPDATE_VER), db_timestamptz(rows, row, UPDATE_LU),
                                      db_int8(rows, row, UPDATE_XID)};
        return was_there && !deleted ? STORE_UPDATED : STORE_CREATED;
    }
    if (u->if_match > 0 && (!was_there || db_int4(rows, row, UPDATE_CUR_VER) != u->if_match))
        return STORE_MISMATCH;
    if (u->if_match == STORE_NO_VERSION && was_there && !deleted)
        return STORE_MISMATCH;
    if ((!was_there || deleted) && !u->may_create)
        return STORE_ABSENT;
    if (was_there && !deleted && !db_bool(rows, row, UPDATE_CUR_LABELS_KEPT))
        return STORE_LABELS;
    return STORE_RACED;
}

void store_updates_reply(struct store_update *const *u, size_t n, const struct db_rows *rows,
                         enum store_outcome *outcomes, struct store_written *out)
{
    for (int row = 0; row < db_count(rows); row++) {
        size_t i = (size_t)db_int4(rows, row, UPDATE_N) - 1;
        if (i < n)
            outcomes[i] = outcome_of(u[i], rows, row, &out[i]);
    }
}

void store_update_plan(struct store *s, struct store_update *u, struct sql *q)
{
    store_updates_plan(s, &u, 1, q);
}

enum store_outcome store_update_reply(const struct store_update *u, const struct db_rows *rows,
                                      struct store_written *out)
{
    return outcome_of(u, rows, 0, out);
}

void store_relabel_plan(const struct store *s, const struct store_write *w, int32_t ver, int64_t lu_us,
                        struct sql *q)
{
    sql_init(q, q->a, "relabel");
    store__cache_mark(s, q->a, w->type, w->id);
    sql_addf(q, "UPDATE res_history SET content = $%d, sealed = $%d, acc = $%d FROM res r ",
             sql_text(q, store__content_kept(q->a, &w->content, ver, lu_us)), store__sealed(q, &w->content),
             sql_int8_array(q, w->index.acc, w->index.n_acc));
    sql_addf(q,
             "WHERE r.tenant = $%d AND r.rtype = $%d AND r.rid = $%d AND res_history.tenant = r.tenant AND "
             "res_history.k = r.k AND res_history.ver = $%d",
             sql_int4(q, s->tenant.id), sql_int2(q, (int16_t)w->type->id), sql_text(q, w->id),
             sql_int4(q, ver));
}

/* ---- delete
 * --------------------------------------------------------------------------------------------------- */

enum { DELETE_N, DELETE_CUR_VER, DELETE_CUR_DELETED, DELETE_VER, DELETE_LU, DELETE_XID };

static int by_deleted(const void *x, const void *y)
{
    const struct store_delete *a = *(struct store_delete *const *)x, *b = *(struct store_delete *const *)y;
    return order_of(a->type, a->id, b->type, b->id);
}

void store_deletes_plan(struct store *s, struct store_delete *const *d, size_t n, struct sql *q)
{
    struct arena *a = q->a;
    struct store_delete **sorted = ARENA_ARRAY(a, struct store_delete *, n);
    struct store__column c[] = {
        {.type = SQL_INT4_ARRAY}, {.type = SQL_INT2_ARRAY},  {.type = SQL_TEXT_ARRAY},
        {.type = SQL_INT4_ARRAY}, {.type = SQL_INT8_ARRAY},  {.type = SQL_INT2_ARRAY},
        {.type = SQL_INT2_ARRAY}, {.type = SQL_BYTEA_ARRAY}, {.type = SQL_INT2_ARRAY}};
    int64_t k = 0;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = d[i];
        d[i]->n = (int)i + 1;
        int64_t next = store__next_k(s);
        k = i ? k : next;
        store__cache_mark(s, a, d[i]->type, d[i]->id);
    }
    qsort(sorted, n, sizeof(struct store_delete *), by_deleted);
    for (size_t i = 0; i < n; i++) {
        store__put_int(a, &c[0], sorted[i]->n);
        store__put_int(a, &c[1], sorted[i]->type->id);
        store__put_str(a, &c[2], sorted[i]->id);
        store__put_int(a, &c[3], sorted[i]->if_match);
        store__put_int(a, &c[4], sorted[i]->audit.agent);
        store__put_int(a, &c[5], sorted[i]->audit.op);
        store__put_int(a, &c[6], sorted[i]->audit.purpose);
        store__put_str(a, &c[7], sorted[i]->audit.request.s ? sorted[i]->audit.request : STR(""));
        store__put_int(a, &c[8], is_patient(sorted[i]->type));
    }
    sql_init(q, a, "delete");
    int tenant = sql_int4(q, s->tenant.id);
    sql_adds(q,
             "WITH t AS (SELECT date_trunc('milliseconds', now()) AS lu, pg_current_xact_id() AS xid), "
             "c AS MATERIALIZED (SELECT u.*, cur.k, cur.ver, cur.deleted, cur.ix, cur.lu, cur.xid, cur.pat, "
             "cur.h FROM ");
    store__add_unnest(q, c, sizeof c / sizeof c[0]);
    sql_addf(
        q,
        " AS u(n, rtype, rid, if_match, agent, audit_op, purpose, request, of_patient) JOIN res cur ON "
        "cur.tenant = $%d AND cur.rtype = u.rtype AND cur.rid "
        "= "
        "u.rid), "
        "up AS (UPDATE res SET xid = t.xid, lu = greatest(t.lu, c.lu), ver = c.ver + 1, deleted = true, "
        "content = NULL, sealed = NULL, dt = %s, dt_hi = %s, pat = NULL, code = NULL, cat = NULL, q = NULL, "
        "q_standard = NULL, q_unit = NULL, ix = 0, labels = '{}', keys = '{}' FROM c, t "
        "WHERE res.tenant = $%d AND res.rtype = c.rtype AND res.rid = c.rid AND res.ver = c.ver AND res.ix = "
        "c.ix AND NOT c.deleted AND c.xid < t.xid AND (c.if_match = 0 OR c.ver = c.if_match) "
        "RETURNING c.n, res.k, res.ver, res.lu, res.xid, res.rtype, res.rid), "
        "h AS (INSERT INTO res_history (tenant, k, xid, lu, ver, rtype, op, rid, acc) "
        "SELECT $%d, up.k, up.xid, up.lu, up.ver, up.rtype, %d, up.rid, coalesce((SELECT o.acc FROM "
        "res_history o WHERE o.tenant = $%d AND o.k = up.k AND o.ver = up.ver - 1), '{}') FROM up)",
        tenant, "(-9223372036854775808)", "(-9223372036854775808)", tenant, tenant, STORE_DELETE, tenant);
    audit_write_add(
        q, tenant, k, NULL, n,
        "SELECT c.agent, coalesce(c.pat, c.of_patient * c.h), up.ver, "
        "c.rtype, c.audit_op, 204::int2, c.purpose, c.rid, c.request FROM up JOIN c ON c.n = up.n");
    store__add_deletes(q, tenant, "up", "");
    sql_adds(q, " SELECT c.n, c.ver, c.deleted, up.ver, up.lu, up.xid FROM c LEFT JOIN up ON up.n = c.n");
}

static enum store_outcome deleted_of(int32_t if_match, const struct db_rows *rows, int row,
                                     struct store_written *out)
{
    *out = (struct store_written){0};
    if (!db_null(rows, row, DELETE_VER)) {
        *out = (struct store_written){db_int4(rows, row, DELETE_VER), db_timestamptz(rows, row, DELETE_LU),
                                      db_int8(rows, row, DELETE_XID)};
        return STORE_UPDATED;
    }
    out->ver = db_int4(rows, row, DELETE_CUR_VER);
    if (if_match && (if_match != out->ver || db_bool(rows, row, DELETE_CUR_DELETED)))
        return STORE_MISMATCH;
    return db_bool(rows, row, DELETE_CUR_DELETED) ? STORE_ABSENT : STORE_RACED;
}

void store_deletes_reply(struct store_delete *const *d, size_t n, const struct db_rows *rows,
                         enum store_outcome *outcomes, struct store_written *out)
{
    for (size_t i = 0; i < n; i++) { /* of those that are not there, there is no row */
        outcomes[i] = d[i]->if_match ? STORE_MISMATCH : STORE_ABSENT;
        out[i] = (struct store_written){0};
    }
    for (int row = 0; row < db_count(rows); row++) {
        size_t i = (size_t)db_int4(rows, row, DELETE_N) - 1;
        if (i < n)
            outcomes[i] = deleted_of(d[i]->if_match, rows, row, &out[i]);
    }
}

void store_delete_plan(struct store *s, const struct fhir_type *type, struct str id, int32_t if_match,
                       const struct audit_write *audit, struct sql *q)
{
    struct store_delete *d = ARENA_NEW(q->a, struct store_delete);
    *d = (struct store_delete){.type = type, .id = id, .if_match = if_match, .audit = *audit};
    store_deletes_plan(s, &d, 1, q);
}

enum store_outcome store_delete_reply(int32_t if_match, const struct db_rows *rows, struct store_written *out)
{
    struct store_delete d = {.if_match = if_match}, *const one = &d;
    enum store_outcome outcome;
    store_deletes_reply(&one, 1, rows, &outcome, out);
    return outcome;
}

/* ---- reindex ----------------------------------------------------------------------------------------------- */

static int lane_number(struct sql *q, struct str v)
{
    return v.s ? sql_numeric(q, v) : sql_null(q, SQL_NUMERIC);
}

void store_reindex_plan(struct store *s, struct store_write *w, int32_t ver, int64_t stored_ix, struct sql *q)
{
    static const char *const names[1 << STORE__SIDES] = NAMES("reindex-");
    const struct search_index *x = &w->index;
    w->n = 1;
    struct store__sides *sides = store__collect_sides(s, q->a, &w, 1, false, false);
    sql_init(q, q->a, names[sides->present]);
    int tenant = sql_int4(q, s->tenant.id), rtype = sql_int2(q, (int16_t)w->type->id),
        rid = sql_text(q, w->id);
    int at = sql_int4(q, ver), from = sql_int8(q, stored_ix), ix = sql_int8(q, x->ix);
    sql_addf(q,
             "WITH cur AS MATERIALIZED (SELECT k, ix FROM res WHERE tenant = $%d AND rtype = $%d AND rid = "
             "$%d AND "
             "ver = $%d AND ix = $%d AND NOT deleted FOR UPDATE SKIP LOCKED), ",
             tenant, rtype, rid, at, from);
    sql_addf(q, "up AS (UPDATE res SET dt = $%d, ", sql_int8(q, x->dt));
    sql_addf(q, "dt_hi = $%d, ", sql_int8(q, x->dt_hi));
    sql_addf(q, "pat = nullif($%d::int8, 0), ", sql_int8(q, x->pat));
    sql_addf(q, "code = nullif($%d::int8, 0), ", sql_int8(q, x->code));
    sql_addf(q, "cat = nullif($%d::int8, 0), ix = $%d, ", sql_int8(q, x->cat), ix);
    sql_addf(q, "q = $%d, ", lane_number(q, x->q));
    sql_addf(q, "q_standard = $%d, ", lane_number(q, x->q_standard));
    sql_addf(q, "q_unit = nullif($%d::int8, 0), ", sql_int8(q, x->q_unit));
    sql_addf(q, "labels = $%d, ", sql_int8_array(q, x->labels, x->n_labels));
    sql_addf(q,
             "keys = $%d FROM cur WHERE res.tenant = $%d AND res.rtype = $%d AND res.rid = $%d "
             "RETURNING 1 AS n, res.k, cur.ix <> $%d AS changed), ",
             sql_int8_array(q, x->keys, x->n_keys), tenant, rtype, rid, ix);
    int acc = sql_int8_array(q, x->acc, x->n_acc);
    sql_addf(q,
             "h AS (UPDATE res_history v SET acc = $%d FROM up WHERE v.tenant = $%d AND v.k = up.k AND v.ver "
             "= $%d "
             "AND v.acc <> $%d)",
             acc, tenant, at, acc);
    store__add_deletes(q, tenant, "up", " AND up.changed");
    store__add_inserts(q, sides, tenant, "up", " WHERE up.changed");
    sql_adds(q, " SELECT k FROM up");
}

void store_doubt_plan(const struct store *s, const struct fhir_type *type, struct str id, int32_t ver,
                      int64_t stored_ix, struct sql *q)
{
    sql_init(q, q->a, "doubt");
    int tenant = sql_int4(q, s->tenant.id), rtype = sql_int2(q, (int16_t)type->id), rid = sql_text(q, id);
    sql_addf(q,
             "WITH cur AS MATERIALIZED (SELECT FROM res WHERE tenant = $%d AND rtype = $%d AND rid = $%d AND "
             "ver = $%d AND ix = $%d AND NOT deleted FOR UPDATE SKIP LOCKED) ",
             tenant, rtype, rid, sql_int4(q, ver), sql_int8(q, stored_ix));
    sql_addf(q,
             "UPDATE res SET ix = ix # 1 WHERE tenant = $%d AND rtype = $%d AND rid = $%d AND EXISTS (SELECT "
             "FROM cur) RETURNING k",
             tenant, rtype, rid);
}

bool store_reindex_reply(const struct db_rows *rows)
{
    return db_count(rows) == 1;
}
