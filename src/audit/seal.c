/*
 * The one that seals: of all servers of the database the one that holds an advisory lock, which ends with its connection.
 * It takes what is below the oldest transaction under way, in order, as the change feed does: nothing can appear before
 * what is sealed. A link is one row for some blocks; two that seal at the same time after all collide in its
 * number.
 */
#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { LOCK = 0x6b617564, BLOCKS = 200, CUT_SEALS = 200 };
enum { HEAD_US = 1000 * 1000 };
#define DAY_US  INT64_C(86400000000)
#define HOUR_US INT64_C(3600000000)

static bool ask(struct audit *a, const struct sql *q, const struct db_rows **rows, struct err *err)
{
    return db_exec(a->conn, &a->turn, q, rows, err);
}

static bool take_lock(struct audit *a, struct err *err)
{
    struct sql q = {.a = &a->turn};
    const struct db_rows *rows;
    sql_init(&q, q.a, NULL);
    sql_addf(&q, "SELECT pg_try_advisory_lock(%d, $%d)", LOCK, sql_int4(&q, a->tenant));
    if (!ask(a, &q, &rows, err))
        return false;
    bool got = db_bool(rows, 0, 0);
    a->knows_last &= got && a->holds;
    a->holds = got;
    return true;
}

bool audit__last_seal(struct db_conn *c, struct arena *a, int32_t tenant, struct audit__seal *out,
                      struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    int t = sql_int4(&q, tenant);
    sql_addf(&q, "SELECT n, pos, k, link FROM audit_seal WHERE tenant = $%d ORDER BY n DESC LIMIT 1", t);
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    *out = (struct audit__seal){.pos = INT64_MIN};
    audit__chain_start(tenant, out->link);
    if (db_count(rows) == 0)
        return true;
    struct str link = db_text(rows, 0, 3);
    *out =
        (struct audit__seal){.n = db_int8(rows, 0, 0), .pos = db_int8(rows, 0, 1), .k = db_int8(rows, 0, 2)};
    if (link.len != AUDIT__LINK)
        return err_set(err, ERR_INTERNAL, "The last seal of the audit log is damaged");
    memcpy(out->link, link.s, AUDIT__LINK);
    return true;
}

/* The next blocks; *n < BLOCKS: there are no more now. */
static bool seal_some(struct audit *a, int *n, struct err *err)
{
    struct sql q = {.a = &a->turn}, put = {.a = &a->turn};
    const struct db_rows *rows;
    struct audit__seal next = a->last;
    struct buf scratch;
    int32_t entries = 0;
    sql_init(&q, q.a, "audit-unsealed");
    int tenant = sql_int4(&q, a->tenant), pos = sql_int8(&q, a->last.pos), k = sql_int8(&q, a->last.k);
    sql_addf(&q,
             "SELECT " AUDIT__BLOCK " FROM audit_block b WHERE b.tenant = $%d AND (b.pos, b.k) > ($%d, $%d) "
             "AND b.pos < " AUDIT__ERA " + pg_snapshot_xmin(pg_current_snapshot())::text::int8 ORDER BY "
             "b.pos, b.k LIMIT %d",
             tenant, pos, k, BLOCKS);
    if (!ask(a, &q, &rows, err))
        return false;
    *n = db_count(rows);
    if (*n == 0)
        return true;
    uint8_t *marks = arena_alloc(&a->turn, (size_t)*n * AUDIT__MARK);
    buf_init(&scratch, &a->turn, 64 * 1024);
    for (int i = 0; i < *n; i++) {
        entries += db_int4(rows, i, BLOCK_ENTRIES);
        audit__chain(&scratch, rows, i, next.link);
        memcpy(marks + (size_t)i * AUDIT__MARK, next.link, AUDIT__MARK);
    }
    next.n++;
    next.pos = db_int8(rows, *n - 1, BLOCK_POS);
    next.k = db_int8(rows, *n - 1, BLOCK_K);
    sql_init(&put, put.a, "audit-seal");
    sql_addf(&put, "INSERT INTO audit_seal (tenant, n, pos, k, entries, link, marks) VALUES ($%d, ",
             sql_int4(&put, a->tenant));
    sql_addf(&put, "$%d, ", sql_int8(&put, next.n));
    sql_addf(&put, "$%d, ", sql_int8(&put, next.pos));
    sql_addf(&put, "$%d, ", sql_int8(&put, next.k));
    sql_addf(&put, "$%d, ", sql_int4(&put, entries));
    sql_addf(&put, "$%d, ", sql_bytea(&put, next.link, AUDIT__LINK));
    sql_addf(&put, "$%d)", sql_bytea(&put, marks, (size_t)*n * AUDIT__MARK));
    if (!ask(a, &put, NULL, err))
        return false;
    a->last = next;
    return true;
}

static bool put_anchor(struct audit *a, int kind, int64_t n, struct str token, struct err *err)
{
    struct sql q = {.a = &a->turn};
    sql_init(&q, q.a, NULL);
    sql_addf(&q, "INSERT INTO audit_anchor (tenant, n, kind, token) VALUES ($%d, ", sql_int4(&q, a->tenant));
    sql_addf(&q, "$%d, ", sql_int8(&q, n));
    sql_addf(&q, "$%d, ", sql_int2(&q, (int16_t)kind));
    sql_addf(&q, "$%d) ON CONFLICT DO NOTHING", sql_text(&q, token));
    return ask(a, &q, NULL, err);
}

/* The files are behind the database, never ahead of it. */
static bool anchor(struct audit *a, struct err *err)
{
    const struct config *c = atomic_load(&a->config);
    struct str token;
    int64_t now = clock_mono_us();
    bool due = !a->anchored_us || now - a->anchored_us >= c->audit_anchor_interval;
    if (!a->key.s || a->last.n == 0 || a->last.n == a->head_n || (!due && now - a->head_us < HEAD_US))
        return true;
    if (!audit__sign(&a->turn, a->key, a->tenant, AUDIT__ANCHOR, &a->last, &token, err) ||
        (a->dir && !audit__keep_head(&a->turn, a->dir, token, err)))
        return false;
    a->head_n = a->last.n;
    a->head_us = now;
    if (!due)
        return true;
    a->anchored_us = now;
    log_event(LOG_INFO, "audit-anchor", LOG_I("seal", a->last.n),
              LOG_S("link", audit__hex(&a->turn, a->last.link, AUDIT__LINK).s));
    return put_anchor(a, AUDIT__ANCHOR, a->last.n, token, err) &&
           (!a->dir || audit__keep_anchor(&a->turn, a->dir, token, err));
}

/* ---- retention ------------------------------------------------------------------------------------------------------- */

/* Seals whose entries are all over and that an anchor covers, oldest first. */
static bool find_over(struct audit *a, int64_t before_us, const struct db_rows **rows, struct err *err)
{
    struct sql q = {.a = &a->turn};
    sql_init(&q, q.a, NULL);
    int tenant = sql_int4(&q, a->tenant), before = sql_int8(&q, before_us);
    sql_addf(
        &q,
        "SELECT s.n, s.pos, s.k, s.link, s.marks FROM audit_seal s JOIN audit_block b ON "
        "b.tenant = s.tenant AND b.pos = s.pos AND b.k = s.k WHERE s.tenant = $%d AND b.hi < $%d AND s.n <= "
        "(SELECT max(n) FROM audit_anchor WHERE tenant = $%d AND kind = %d) ORDER BY s.n LIMIT %d",
        tenant, before, tenant, AUDIT__ANCHOR, CUT_SEALS);
    return ask(a, &q, rows, err);
}

static bool remove_upto(struct audit *a, const struct audit__seal *s, struct err *err)
{
    struct sql entries = {.a = &a->turn}, seals = {.a = &a->turn}, anchors = {.a = &a->turn};
    sql_init(&entries, entries.a, NULL);
    sql_addf(&entries, "DELETE FROM audit_block WHERE tenant = $%d AND (pos, k) <= (",
             sql_int4(&entries, a->tenant));
    sql_addf(&entries, "$%d, ", sql_int8(&entries, s->pos));
    sql_addf(&entries, "$%d)", sql_int8(&entries, s->k));
    sql_init(&seals, seals.a, NULL);
    sql_addf(&seals, "DELETE FROM audit_seal WHERE tenant = $%d AND n <= ", sql_int4(&seals, a->tenant));
    sql_addf(&seals, "$%d", sql_int8(&seals, s->n));
    sql_init(&anchors, anchors.a, NULL);
    sql_addf(&anchors,
             "DELETE FROM audit_anchor WHERE tenant = $%d AND n <= ", sql_int4(&anchors, a->tenant));
    int n = sql_int8(&anchors, s->n);
    sql_addf(&anchors, "$%d AND NOT (n = $%d AND kind = %d)", n, n, AUDIT__CUT);
    return ask(a, &entries, NULL, err) && ask(a, &seals, NULL, err) && ask(a, &anchors, NULL, err);
}

/* What was tampered with stays, as evidence: a cut would cover it up. */
static bool cut(struct audit *a, struct err *err)
{
    const struct config *c = atomic_load(&a->config);
    struct audit__seal at, start;
    struct str token;
    const struct db_rows *seals;
    if (!c->audit_keep_days || !a->key.s || clock_mono_us() < a->cut_us)
        return true;
    a->cut_us = clock_mono_us() + HOUR_US;
    if (!find_over(a, clock_wall_us() - c->audit_keep_days * DAY_US, &seals, err))
        return false;
    if (db_count(seals) == 0)
        return true;
    if (!audit__cut_of(a->conn, &a->turn, a->tenant, NULL, &start, err))
        return false;
    at = start;
    for (int i = 0; i < db_count(seals); i++) {
        struct audit__fault fault;
        if (!audit__walk(a->conn, &a->turn, a->tenant, seals, i, &at, NULL, NULL, &fault, err))
            return false;
        if (fault.kind) {
            log_event(LOG_ERROR, "audit-tampered", LOG_I("seal", at.n));
            return true;
        }
    }
    if (!audit__sign(&a->turn, a->key, a->tenant, AUDIT__CUT, &at, &token, err) || !db_begin(a->conn, err))
        return false;
    if (!put_anchor(a, AUDIT__CUT, at.n, token, err) || !remove_upto(a, &at, err) ||
        !db_commit(a->conn, err)) {
        db_rollback(a->conn);
        return false;
    }
    log_event(LOG_INFO, "audit-cut", LOG_I("seals", at.n - start.n));
    if (db_count(seals) == CUT_SEALS)
        a->cut_us = 0;
    return true;
}

bool audit__seal_all(struct audit *a, struct err *err)
{
    int n = BLOCKS;
    arena_clear(&a->turn);
    if (!take_lock(a, err))
        return false;
    if (!a->holds)
        return true;
    if (!a->knows_last && !audit__last_seal(a->conn, &a->turn, a->tenant, &a->last, err))
        return false;
    if (!a->knows_last && a->last.n == 0 &&
        !audit__cut_of(a->conn, &a->turn, a->tenant, NULL, &a->last, err)) /* everything was over */
        return false;
    a->knows_last = true;
    while (n == BLOCKS) {
        arena_clear(&a->turn);
        if (!seal_some(a, &n, err)) {
            a->knows_last = false;
            return false;
        }
    }
    return anchor(a, err) && cut(a, err);
}
