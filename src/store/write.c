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

/* ---- create
 * --------------------------------------------------------------------------------------------------- */

static const char res_columns[] = "(tenant, k, h, xid, lu, dt, dt_hi, pat, code, cat, ix, ver, rtype, q, "
                                  "q_standard, q_unit, rid, labels, keys, content)";

void store_create_plan(struct store *s, struct store_write *const *w, size_t n, bool words, struct sql *q)
{
    struct arena *a = q->a;
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
        COLUMNS
    };
    static const enum sql_type types[COLUMNS] = {
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
    };
    struct store__column c[COLUMNS] = {0};
    /* arrays of arrays do not unnest: all keys travel as one array, each row takes its slice */
    struct store__column keys = {.type = SQL_INT8_ARRAY}, labels = {.type = SQL_INT8_ARRAY},
                         acc = {.type = SQL_INT8_ARRAY};
    for (int i = 0; i < COLUMNS; i++)
        c[i].type = types[i];
    for (size_t i = 0; i < n; i++) {
        const struct search_index *x = &w[i]->index;
        w[i]->k = store__next_k(s);
        store__put_int(a, &c[K], w[i]->k);
        store__put_int(a, &c[H], x->h);
        store__put_int(a, &c[DT], x->dt);
        store__put_int(a, &c[DT_HI], x->dt_hi);
        store__put_int(a, &c[PAT], x->pat);
        store__put_int(a, &c[CODE], x->code);
        store__put_int(a, &c[CAT], x->cat);
        store__put_int(a, &c[IX], x->ix);
        store__put_int(a, &c[RTYPE], w[i]->type->id);
        store__put_str(a, &c[Q], x->q);
        store__put_str(a, &c[Q_STANDARD], x->q_standard);
        store__put_int(a, &c[Q_UNIT], x->q_unit);
        store__put_str(a, &c[RID], w[i]->id);
        store__put_int(a, &c[KEYS_FROM], (int64_t)keys.n + 1);
        for (size_t j = 0; j < x->n_keys; j++)
            store__put_int(a, &keys, x->keys[j]);
        store__put_int(a, &c[KEYS_TO], (int64_t)keys.n);
        store__put_int(a, &c[LABELS_FROM], (int64_t)labels.n + 1);
        for (size_t j = 0; j < x->n_labels; j++)
            store__put_int(a, &labels, x->labels[j]);
        store__put_int(a, &c[LABELS_TO], (int64_t)labels.n);
        store__put_int(a, &c[ACC_FROM], (int64_t)acc.n + 1);
        for (size_t j = 0; j < x->n_acc; j++)
            store__put_int(a, &acc, x->acc[j]);
        store__put_int(a, &c[ACC_TO], (int64_t)acc.n);
        store__put_str(a, &c[PRE], w[i]->content.pre);
        store__put_str(a, &c[POST], w[i]->content.post);
    }
    struct store__sides *sides = store__collect_sides(s, a, w, n, true, words);

    sql_init(q, a, create_names[sides->present]);
    int tenant = sql_int4(q, s->tenant.id);
    sql_addf(q,
             "WITH t AS (SELECT date_trunc('milliseconds', now()) AS lu, pg_current_xact_id() AS xid, "
             "$%d::int8[] AS keys, $%d::int8[] AS labels, $%d::int8[] AS acc), "
             "i AS MATERIALIZED (SELECT u.*, u.pre || '1" STORE_MID "' || "
             "to_char(t.lu, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') || u.post AS content FROM t, ",
             sql_int8_array(q, keys.int8, keys.n), sql_int8_array(q, labels.int8, labels.n),
             sql_int8_array(q, acc.int8, acc.n));
    store__add_unnest(q, c, COLUMNS);
    sql_addf(
        q,
        " AS u(k, h, dt, dt_hi, pat, code, cat, ix, rtype, q, q_standard, q_unit, rid, kf, kt, lf, lt, af, "
        "at, pre, post)), "
        "r AS (INSERT INTO res %s SELECT $%d, k, h, t.xid, t.lu, dt, dt_hi, nullif(pat, 0), nullif(code, 0), "
        "nullif(cat, 0), ix, 1, rtype, q, q_standard, nullif(q_unit, 0), rid, t.labels[lf:lt], "
        "t.keys[kf:kt], "
        "content FROM i, t), "
        "h AS (INSERT INTO res_history (tenant, k, xid, lu, ver, rtype, op, rid, acc, content) "
        "SELECT $%d, k, t.xid, t.lu, 1, rtype, %d, rid, t.acc[af:at], content FROM i, t)",
        res_columns, tenant, tenant, STORE_POST);
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

static int lane_number(struct sql *q, struct str v)
{
    return v.s ? sql_numeric(q, v) : sql_null(q, SQL_NUMERIC);
}

enum { UPDATE_CUR_VER, UPDATE_CUR_DELETED, UPDATE_CUR_LABELS_KEPT, UPDATE_VER, UPDATE_LU, UPDATE_XID };

void store_update_plan(struct store *s, struct store_update *u, struct sql *q)
{
    struct arena *a = q->a;
    struct store_write *w = &u->w;
    const struct search_index *x = &w->index;
    w->k = store__next_k(s);
    store__cache_mark(s, a, w->type, w->id);
    struct store__sides *sides = store__collect_sides(s, a, &w, 1, false, u->words);

    sql_init(q, a, update_names[sides->present]);
    int tenant = sql_int4(q, s->tenant.id), rtype = sql_int2(q, (int16_t)w->type->id),
        rid = sql_text(q, w->id);
    int pre = sql_text(q, w->content.pre), post = sql_text(q, w->content.post);
    int if_match = sql_int4(q, u->if_match), may_create = sql_bool(q, u->may_create),
        op = sql_int2(q, (int16_t)u->op);
    int labels = sql_int8_array(q, x->labels, x->n_labels), keys = sql_int8_array(q, x->keys, x->n_keys);
    int acc = sql_int8_array(q, x->acc, x->n_acc);
    int k = sql_int8(q, w->k), h = sql_int8(q, x->h), dt = sql_int8(q, x->dt), dt_hi = sql_int8(q, x->dt_hi);
    int pat = sql_int8(q, x->pat), code = sql_int8(q, x->code), cat = sql_int8(q, x->cat),
        ix = sql_int8(q, x->ix);
    int num = lane_number(q, x->q), standard = lane_number(q, x->q_standard), unit = sql_int8(q, x->q_unit);

    sql_addf(
        q,
        "WITH cur AS MATERIALIZED (SELECT k, ver, deleted, ix, lu, xid, labels FROM res WHERE tenant = $%d "
        "AND rtype = $%d AND rid = $%d), "
        "n AS MATERIALIZED (SELECT coalesce(cur.ver, 0) + 1 AS ver, "
        "greatest(date_trunc('milliseconds', now()), cur.lu) AS lu, cur.k AS cur_k FROM (VALUES (1)) "
        "one LEFT JOIN cur ON true), "
        "c AS MATERIALIZED (SELECT n.*, pg_current_xact_id() AS xid, $%d::text || n.ver || '" STORE_MID
        "' || "
        "to_char(n.lu, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') || $%d::text AS content FROM n), ",
        tenant, rtype, rid, pre, post);
    sql_addf(
        q,
        "up AS (UPDATE res SET xid = c.xid, lu = c.lu, ver = c.ver, content = c.content, deleted = false, dt "
        "= $%d, "
        "dt_hi = $%d, pat = nullif($%d::int8, 0), code = nullif($%d::int8, 0), cat = nullif($%d::int8, 0), "
        "ix = $%d, q = $%d, q_standard = $%d, q_unit = nullif($%d::int8, 0), "
        "labels = $%d, keys = $%d FROM cur, c WHERE res.tenant = $%d AND res.rtype = $%d AND res.rid = $%d "
        "AND res.ver = cur.ver AND res.ix = cur.ix AND cur.xid < c.xid AND ($%d = 0 OR cur.ver = $%d OR $%d "
        "< 0 AND cur.deleted) "
        "AND ($%d OR NOT cur.deleted) "
        "AND ($%d = %d OR cur.deleted OR cur.labels <@ $%d) " /* a patch says itself what goes */
        "RETURNING res.k, cur.ix <> $%d OR cur.deleted AS changed, cur.deleted AS was_deleted), ",
        dt, dt_hi, pat, code, cat, ix, num, standard, unit, labels, keys, tenant, rtype, rid, if_match,
        if_match, if_match, may_create, op, STORE_PATCH, labels, ix);
    sql_addf(q,
             "ins AS (INSERT INTO res %s SELECT $%d, $%d, $%d, c.xid, c.lu, $%d, $%d, nullif($%d::int8, 0), "
             "nullif($%d::int8, 0), nullif($%d::int8, 0), $%d, 1, $%d, $%d, $%d, nullif($%d::int8, 0), $%d, "
             "$%d, $%d, c.content FROM c "
             "WHERE c.cur_k IS NULL AND $%d AND $%d <= 0 ON CONFLICT DO NOTHING RETURNING k), ",
             res_columns, tenant, k, h, dt, dt_hi, pat, code, cat, ix, rtype, num, standard, unit, rid,
             labels, keys, may_create, if_match);
    sql_addf(
        q,
        "w AS (SELECT k, changed, was_deleted AS created FROM up UNION ALL SELECT k, true, true FROM ins), "
        "h AS (INSERT INTO res_history (tenant, k, xid, lu, ver, rtype, op, rid, acc, content) "
        "SELECT $%d, w.k, c.xid, c.lu, c.ver, $%d, CASE WHEN w.created THEN %d ELSE $%d END, $%d, $%d, "
        "c.content FROM w, c)",
        tenant, rtype, STORE_CREATE_PUT, op, rid, acc);
    store__add_deletes(q, tenant, "up", " AND up.changed");
    store__add_inserts(q, sides, tenant, "w", " WHERE w.changed");
    sql_addf(q,
             " SELECT cur.ver, cur.deleted, cur.labels <@ $%d, CASE WHEN w.k IS NOT NULL THEN c.ver END, "
             "c.lu, c.xid "
             "FROM c LEFT JOIN cur ON true LEFT JOIN w ON true",
             labels);
}

enum store_outcome store_update_reply(const struct store_update *u, const struct db_rows *rows,
                                      struct store_written *out)
{
    bool was_there = !db_null(rows, 0, UPDATE_CUR_VER);
    bool deleted = was_there && db_bool(rows, 0, UPDATE_CUR_DELETED);
    *out = (struct store_written){0};
    if (!db_null(rows, 0, UPDATE_VER)) {
        *out = (struct store_written){db_int4(rows, 0, UPDATE_VER), db_timestamptz(rows, 0, UPDATE_LU),
                                      db_int8(rows, 0, UPDATE_XID)};
        return was_there && !deleted ? STORE_UPDATED : STORE_CREATED;
    }
    if (u->if_match > 0 && (!was_there || db_int4(rows, 0, UPDATE_CUR_VER) != u->if_match))
        return STORE_MISMATCH;
    if (u->if_match == STORE_NO_VERSION && was_there && !deleted)
        return STORE_MISMATCH;
    if ((!was_there || deleted) && !u->may_create)
        return STORE_ABSENT;
    if (was_there && !deleted && !db_bool(rows, 0, UPDATE_CUR_LABELS_KEPT))
        return STORE_LABELS;
    return STORE_RACED;
}

void store_relabel_plan(const struct store *s, const struct store_write *w, int32_t ver, int64_t lu_us,
                        struct sql *q)
{
    sql_init(q, q->a, "relabel");
    store__cache_mark(s, q->a, w->type, w->id);
    sql_addf(q, "UPDATE res_history SET content = $%d, acc = $%d FROM res r ",
             sql_text(q, store_content_text(q->a, &w->content, ver, lu_us)),
             sql_int8_array(q, w->index.acc, w->index.n_acc));
    sql_addf(q,
             "WHERE r.tenant = $%d AND r.rtype = $%d AND r.rid = $%d AND res_history.tenant = r.tenant AND "
             "res_history.k = r.k AND res_history.ver = $%d",
             sql_int4(q, s->tenant.id), sql_int2(q, (int16_t)w->type->id), sql_text(q, w->id),
             sql_int4(q, ver));
}

/* ---- delete
 * --------------------------------------------------------------------------------------------------- */

enum { DELETE_CUR_VER, DELETE_CUR_DELETED, DELETE_VER, DELETE_LU, DELETE_XID };

void store_delete_plan(struct store *s, const struct fhir_type *type, struct str id, int32_t if_match,
                       struct sql *q)
{
    sql_init(q, q->a, "delete");
    store__cache_mark(s, q->a, type, id);
    int tenant = sql_int4(q, s->tenant.id), rtype = sql_int2(q, (int16_t)type->id), rid = sql_text(q, id);
    int match = sql_int4(q, if_match);
    sql_addf(
        q,
        "WITH cur AS MATERIALIZED (SELECT k, ver, deleted, ix, lu, xid FROM res WHERE tenant = $%d AND rtype "
        "= "
        "$%d "
        "AND rid = $%d), "
        "up AS (UPDATE res SET xid = pg_current_xact_id(), lu = greatest(date_trunc('milliseconds', now()), "
        "cur.lu), "
        "ver = cur.ver + 1, deleted = true, content = NULL, sealed = NULL, dt = %s, dt_hi = %s, pat = NULL, "
        "code = NULL, "
        "cat = NULL, q = NULL, q_standard = NULL, q_unit = NULL, ix = 0, labels = '{}', keys = '{}' FROM cur "
        "WHERE res.tenant = $%d AND res.rtype = $%d AND res.rid = $%d AND res.ver = cur.ver AND res.ix = "
        "cur.ix AND NOT cur.deleted AND cur.xid < pg_current_xact_id() "
        "AND ($%d = 0 OR cur.ver = $%d) RETURNING res.k, res.ver, res.lu, res.xid), "
        "h AS (INSERT INTO res_history (tenant, k, xid, lu, ver, rtype, op, rid, acc) "
        "SELECT $%d, up.k, up.xid, up.lu, up.ver, $%d, %d, $%d, coalesce((SELECT o.acc FROM res_history o "
        "WHERE o.tenant = $%d AND o.k = up.k AND o.ver = up.ver - 1), '{}') FROM up)",
        tenant, rtype, rid, "(-9223372036854775808)", "(-9223372036854775808)", tenant, rtype, rid, match,
        match, tenant, rtype, STORE_DELETE, rid, tenant);
    store__add_deletes(q, tenant, "up", "");
    sql_adds(q, " SELECT cur.ver, cur.deleted, up.ver, up.lu, up.xid FROM cur LEFT JOIN up ON true");
}

enum store_outcome store_delete_reply(int32_t if_match, const struct db_rows *rows, struct store_written *out)
{
    *out = (struct store_written){0};
    if (db_count(rows) == 0)
        return if_match ? STORE_MISMATCH : STORE_ABSENT;
    if (!db_null(rows, 0, DELETE_VER)) {
        *out = (struct store_written){db_int4(rows, 0, DELETE_VER), db_timestamptz(rows, 0, DELETE_LU),
                                      db_int8(rows, 0, DELETE_XID)};
        return STORE_UPDATED;
    }
    out->ver = db_int4(rows, 0, DELETE_CUR_VER);
    if (if_match && (if_match != out->ver || db_bool(rows, 0, DELETE_CUR_DELETED)))
        return STORE_MISMATCH;
    return db_bool(rows, 0, DELETE_CUR_DELETED) ? STORE_ABSENT : STORE_RACED;
}

/* ---- reindex ----------------------------------------------------------------------------------------------- */

void store_reindex_plan(struct store *s, struct store_write *w, int32_t ver, int64_t stored_ix, struct sql *q)
{
    static const char *const names[1 << STORE__SIDES] = NAMES("reindex-");
    const struct search_index *x = &w->index;
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
             "RETURNING res.k, cur.ix <> $%d AS changed), ",
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
