/*
 * Is the log what was written? Every block of every link is read in order and the chain is computed anew; anchors have to
 * be signed and to say what the chain says; words have to be what their keys say. What the last anchor names must be there:
 * a tail that was cut off is missed.
 */
#include <stdlib.h>

#include "audit/verify.h"
#include "base/clock.h"
#include "internal.h"

enum { SEALS = 64, ANCHORS_MAX = 1 << 30, GRACE_US = 60 * 1000 * 1000 };

bool audit__cut_of(struct db_conn *c, struct arena *a, int32_t tenant, const struct jwks *keys,
                   struct audit__seal *out, struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    *out = (struct audit__seal){.pos = INT64_MIN};
    audit__chain_start(tenant, out->link);
    sql_init(&q, a, NULL);
    int t = sql_int4(&q, tenant);
    sql_addf(&q, "SELECT token FROM audit_anchor WHERE tenant = $%d AND kind = %d ORDER BY n DESC LIMIT 1", t,
             AUDIT__CUT);
    if (!db_exec(c, a, &q, &rows, err))
        return false;
    return db_count(rows) == 0 || audit__check(keys, a, db_text(rows, 0, 0), tenant, AUDIT__CUT, out, err);
}

static bool blocks_of(struct db_conn *c, struct arena *a, int32_t tenant, const struct audit__seal *after,
                      const struct audit__seal *upto, int limit, const struct db_rows **rows, struct err *err)
{
    struct sql q = {.a = a};
    sql_init(&q, a, "audit-blocks");
    int t = sql_int4(&q, tenant), p = sql_int8(&q, after->pos), k = sql_int8(&q, after->k);
    sql_addf(&q,
             "SELECT " AUDIT__BLOCK " FROM audit_block b WHERE b.tenant = $%d AND (b.pos, b.k) > ($%d, $%d) "
             "AND (b.pos, b.k) <= (",
             t, p, k);
    sql_addf(&q, "$%d, ", sql_int8(&q, upto->pos));
    sql_addf(&q, "$%d) ORDER BY b.pos, b.k LIMIT ", sql_int8(&q, upto->k));
    sql_addf(&q, "$%d", sql_int8(&q, limit));
    return db_exec(c, a, &q, rows, err);
}

bool audit__walk(struct db_conn *c, struct arena *a, int32_t tenant, const struct db_rows *seals, int row,
                 struct audit__seal *at, void (*each)(void *arg, const struct db_rows *rows, int row),
                 void *arg, struct audit__fault *fault, struct err *err)
{
    struct audit__seal seal = {.n = db_int8(seals, row, SEAL_N),
                               .pos = db_int8(seals, row, SEAL_POS),
                               .k = db_int8(seals, row, SEAL_K)};
    struct str link = db_text(seals, row, SEAL_LINK), marks = db_text(seals, row, SEAL_MARKS);
    const int blocks = (int)(marks.len / AUDIT__MARK);
    const struct db_rows *rows;
    struct buf scratch;
    *fault = (struct audit__fault){.kind = FAULT_NONE};
    if (seal.n != at->n + 1)
        *fault = (struct audit__fault){.kind = FAULT_GAP, .from = at->n + 1, .upto = seal.n - 1};
    if (!blocks_of(c, a, tenant, at, &seal, blocks + 1, &rows, err))
        return false;
    if (fault->kind) /* begin with what comes after */
        memcpy(at->link, link.s, link.len < AUDIT__LINK ? link.len : AUDIT__LINK);
    buf_init(&scratch, a, 64 * 1024);
    int n = db_count(rows);
    for (int i = 0; i < n && !fault->kind; i++) {
        audit__chain(&scratch, rows, i, at->link);
        bool right = (size_t)(i + 1) * AUDIT__MARK <= marks.len &&
                     memcmp(marks.s + (size_t)i * AUDIT__MARK, at->link, AUDIT__MARK) == 0;
        if (!right)
            *fault = (struct audit__fault){.kind = n < blocks   ? FAULT_REMOVED
                                                   : n > blocks ? FAULT_ADDED
                                                                : FAULT_ALTERED,
                                           .pos = db_int8(rows, i, BLOCK_POS),
                                           .k = db_int8(rows, i, BLOCK_K)};
        else if (each)
            each(arg, rows, i);
    }
    if (!fault->kind && n != blocks)
        *fault = (struct audit__fault){.kind = FAULT_REMOVED, .pos = seal.pos, .k = seal.k};
    if (!fault->kind && (link.len != AUDIT__LINK || memcmp(link.s, at->link, AUDIT__LINK) != 0))
        *fault = (struct audit__fault){.kind = FAULT_LINK};
    at->n = seal.n;
    at->pos = seal.pos;
    at->k = seal.k;
    if (fault->kind && link.len == AUDIT__LINK)
        memcpy(at->link, link.s, AUDIT__LINK);
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

struct check {
    struct db_conn *conn;
    const struct audit_verify *o;
    struct arena a;    /* of the whole */
    struct arena part; /* of some seals */
    struct jwks *keys; /* NULL: signatures are not checked */
    struct audit__seal at;
    struct audit__seal *anchors; /* of the files; by n */
    size_t n_anchors, cap_anchors, next_anchor;
    int64_t *words; /* keys that there are; ascending */
    size_t n_words;
    int64_t *missing;
    size_t n_missing, cap_missing;
    int64_t now_us;
    struct audit_verified *out;
};

static void say(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct check *c, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->out->faults++;
    c->o->fault(c->o->arg, text);
}

static void say_fault(struct check *c, const struct audit__fault *f)
{
    switch (f->kind) {
    case FAULT_GAP:
        if (f->from == f->upto)
            say(c, "seal %lld is missing", (long long)f->from);
        else
            say(c, "seals %lld to %lld are missing, or out of order", (long long)f->from, (long long)f->upto);
        break;
    case FAULT_LINK:
        say(c, "seal %lld was altered: its link is not that of its entries", (long long)c->at.n);
        break;
    case FAULT_REMOVED:
        say(c, "seal %lld: entries were removed, at or before audit-%llx-%llx", (long long)c->at.n,
            (long long)f->pos, (long long)f->k);
        break;
    case FAULT_ADDED:
        say(c, "seal %lld: entries were added, at or before audit-%llx-%llx", (long long)c->at.n,
            (long long)f->pos, (long long)f->k);
        break;
    case FAULT_ALTERED:
        say(c, "seal %lld: entries from audit-%llx-%llx on were altered, or their place", (long long)c->at.n,
            (long long)f->pos, (long long)f->k);
        break;
    case FAULT_NONE:
        break;
    }
}

static int by_number(const void *x, const void *y)
{
    const int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static void need_word(struct check *c, int64_t key)
{
    if (key == 0 || bsearch(&key, c->words, c->n_words, sizeof key, by_number))
        return;
    for (size_t i = 0; i < c->n_missing; i++)
        if (c->missing[i] == key)
            return;
    *ARENA_PUSH(&c->a, c->missing, c->n_missing, c->cap_missing) = key;
    say(c, "what the key %016llx of entries stands for was removed", (unsigned long long)key);
}

static void look_at(void *arg, const struct db_rows *rows, int row)
{
    static const enum audit__block_column words[] = {BLOCK_AGENT, BLOCK_SHAPE};
    struct check *c = arg;
    c->out->entries += db_int4(rows, row, BLOCK_ENTRIES);
    if (db_int8(rows, row, BLOCK_HI) > c->now_us - GRACE_US)
        return; /* its words may be on their way */
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        int64_t *keys, last = 0;
        size_t n = db_int8_array(rows, row, words[w], &c->part, &keys);
        for (size_t i = 0; i < n; i++)
            if (keys[i] != last)
                need_word(c, last = keys[i]);
    }
}

static bool ask(struct check *c, struct arena *a, const char *text, const struct db_rows **rows,
                struct err *err)
{
    struct sql q = {.a = a};
    sql_init(&q, a, NULL);
    sql_adds(&q, text);
    sql_int4(&q, c->o->tenant);
    return db_exec(c->conn, a, &q, rows, err);
}

static bool check_words(struct check *c, struct err *err)
{
    const struct db_rows *rows;
    if (!ask(c, &c->part, "SELECT key, kind, text FROM audit_word WHERE tenant = $1 ORDER BY key", &rows,
             err))
        return false;
    c->n_words = (size_t)db_count(rows);
    c->words = ARENA_ARRAY(&c->a, int64_t, c->n_words);
    for (int i = 0; i < db_count(rows); i++) {
        c->words[i] = db_int8(rows, i, 0);
        if (audit__word_key(db_int2(rows, i, 1), db_text(rows, i, 2)) != c->words[i])
            say(c, "what the key %016llx of entries stands for was altered", (unsigned long long)c->words[i]);
    }
    arena_clear(&c->part);
    return true;
}

/* Does an anchor say what the chain says? */
static void compare(struct check *c, const struct audit__seal *anchor, const char *where)
{
    c->out->anchors++;
    if (anchor->n == c->at.n && (anchor->pos != c->at.pos || anchor->k != c->at.k ||
                                 memcmp(anchor->link, c->at.link, AUDIT__LINK) != 0))
        say(c, "seal %lld is not the one that was anchored (%s)", (long long)anchor->n, where);
}

static int by_seal(const void *x, const void *y)
{
    const struct audit__seal *a = x, *b = y;
    return a->n < b->n ? -1 : a->n > b->n;
}

static void read_file(struct check *c, const char *name)
{
    struct err err;
    struct str text, rest;
    const char *path = c->o->dir ? arena_printf(&c->a, "%s/%s", c->o->dir, name) : NULL;
    int line = 0;
    if (!path || !c->keys || !config_read_file(&c->a, path, ANCHORS_MAX, &text, &err))
        return;
    for (rest = text; rest.s && rest.len;) {
        struct audit__seal s;
        struct str token = str_trim(str_cut(rest, '\n', &rest));
        line++;
        if (!token.len)
            continue;
        if (audit__check(c->keys, &c->a, token, c->o->tenant, AUDIT__ANCHOR, &s, &err))
            *ARENA_PUSH(&c->a, c->anchors, c->n_anchors, c->cap_anchors) = s;
        else
            say(c, "%s, line %d: no anchor that this key has signed", name, line);
    }
}

static bool check_stored_anchors(struct check *c, const struct audit__seal *all, size_t n, struct err *err)
{
    struct sql q = {.a = &c->part};
    const struct db_rows *rows;
    sql_init(&q, q.a, NULL);
    sql_addf(&q, "SELECT n, token FROM audit_anchor WHERE tenant = $%d AND kind = 1 AND n BETWEEN ",
             sql_int4(&q, c->o->tenant));
    sql_addf(&q, "$%d AND ", sql_int8(&q, all[0].n));
    sql_addf(&q, "$%d ORDER BY n", sql_int8(&q, all[n - 1].n));
    if (!db_exec(c->conn, &c->part, &q, &rows, err))
        return false;
    struct audit__seal kept = c->at;
    for (int i = 0; i < db_count(rows); i++) {
        struct err why;
        struct audit__seal s;
        if (!audit__check(c->keys, &c->part, db_text(rows, i, 1), c->o->tenant, AUDIT__ANCHOR, &s, &why) ||
            s.n != db_int8(rows, i, 0)) {
            say(c, "the anchor of seal %lld in the database is forged", (long long)db_int8(rows, i, 0));
            continue;
        }
        for (size_t j = 0; j < n; j++)
            if (all[j].n == s.n) {
                c->at = all[j];
                compare(c, &s, "database");
            }
    }
    c->at = kept;
    return true;
}

static bool check_seals(struct check *c, bool *more, struct err *err)
{
    struct sql q = {.a = &c->part};
    const struct db_rows *seals;
    sql_init(&q, q.a, "audit-seals");
    int t = sql_int4(&q, c->o->tenant), n = sql_int8(&q, c->at.n);
    sql_addf(&q,
             "SELECT n, pos, k, link, marks FROM audit_seal WHERE tenant = $%d AND n > $%d ORDER BY "
             "n LIMIT %d",
             t, n, SEALS);
    if (!db_exec(c->conn, &c->part, &q, &seals, err))
        return false;
    *more = db_count(seals) == SEALS;
    struct audit__seal *all = ARENA_ARRAY(&c->part, struct audit__seal, SEALS);
    for (int i = 0; i < db_count(seals); i++) {
        struct audit__fault fault;
        struct arena entries;
        arena_init(&entries, 0);
        bool ok = audit__walk(c->conn, &entries, c->o->tenant, seals, i, &c->at, look_at, c, &fault, err);
        arena_release(&entries);
        if (!ok)
            return false;
        say_fault(c, &fault);
        all[i] = c->at;
        c->out->seals++;
        for (; c->next_anchor < c->n_anchors && c->anchors[c->next_anchor].n <= c->at.n; c->next_anchor++)
            compare(c, &c->anchors[c->next_anchor], "file");
        if (c->o->progress)
            c->o->progress(c->o->arg, c->out->entries, c->out->expected);
    }
    bool stored =
        !c->keys || db_count(seals) == 0 || check_stored_anchors(c, all, (size_t)db_count(seals), err);
    arena_clear(&c->part);
    return stored;
}

/* Anchors of what is not there: of the files, and of the database. */
static bool check_tail(struct check *c, struct err *err)
{
    const struct db_rows *rows;
    int64_t last = c->at.n;
    if (c->next_anchor < c->n_anchors)
        last = c->anchors[c->n_anchors - 1].n;
    struct sql q = {.a = &c->part};
    sql_init(&q, q.a, NULL);
    int t = sql_int4(&q, c->o->tenant), n = sql_int8(&q, c->at.n);
    sql_addf(&q, "SELECT max(n) FROM audit_anchor WHERE tenant = $%d AND n > $%d", t, n);
    if (!db_exec(c->conn, &c->part, &q, &rows, err))
        return false;
    if (!db_null(rows, 0, 0) && db_int8(rows, 0, 0) > last)
        last = db_int8(rows, 0, 0);
    if (last > c->at.n)
        say(c, "the end of the log is missing: seal %lld was anchored, the last one is %lld", (long long)last,
            (long long)c->at.n);
    sql_init(&q, q.a, NULL);
    t = sql_int4(&q, c->o->tenant);
    sql_addf(
        &q,
        "SELECT coalesce(sum(cardinality(at)), 0)::int8 FROM audit_block WHERE tenant = $%d AND (pos, k) > (",
        t);
    sql_addf(&q, "$%d, ", sql_int8(&q, c->at.pos));
    sql_addf(&q, "$%d)", sql_int8(&q, c->at.k));
    if (!db_exec(c->conn, &c->part, &q, &rows, err))
        return false;
    c->out->unsealed = db_int8(rows, 0, 0);
    return true;
}

static bool start(struct check *c, struct err *err)
{
    const struct db_rows *rows;
    struct err why;
    if (!audit__cut_of(c->conn, &c->a, c->o->tenant, c->keys, &c->at, &why)) {
        say(c, "the record of what was removed when its time was over is forged: %s", why.msg);
        c->at = (struct audit__seal){.pos = INT64_MIN};
        audit__chain_start(c->o->tenant, c->at.link);
    }
    if (c->at.n) {
        struct sql q = {.a = &c->part};
        sql_init(&q, q.a, NULL);
        sql_addf(&q,
                 "SELECT coalesce(sum(cardinality(at)), 0)::int8 FROM audit_block WHERE tenant = $%d AND "
                 "(pos, k) <= (",
                 sql_int4(&q, c->o->tenant));
        sql_addf(&q, "$%d, ", sql_int8(&q, c->at.pos));
        sql_addf(&q, "$%d)", sql_int8(&q, c->at.k));
        if (!db_exec(c->conn, &c->part, &q, &rows, err))
            return false;
        if (db_int8(rows, 0, 0))
            say(c, "%lld entries stand where all were removed when their time was over",
                (long long)db_int8(rows, 0, 0));
    }
    if (!ask(c, &c->part, "SELECT coalesce(sum(entries), 0)::int8 FROM audit_seal WHERE tenant = $1", &rows,
             err))
        return false;
    c->out->expected = db_int8(rows, 0, 0);
    read_file(c, "anchors");
    read_file(c, "head");
    if (c->n_anchors)
        qsort(c->anchors, c->n_anchors, sizeof *c->anchors, by_seal);
    while (c->next_anchor < c->n_anchors && c->anchors[c->next_anchor].n < c->at.n)
        c->next_anchor++;
    return check_words(c, err);
}

bool audit_verify(struct db_conn *conn, const struct audit_verify *o, struct audit_verified *out,
                  struct err *err)
{
    struct check c = {.conn = conn, .o = o, .now_us = clock_wall_us(), .out = out};
    *out = (struct audit_verified){0};
    arena_init(&c.a, 0);
    arena_init(&c.part, 0);
    bool ok = !o->jwks.s || jwks_parse(o->jwks, &c.keys, err);
    ok = ok && start(&c, err);
    for (bool more = true; ok && more;)
        ok = check_seals(&c, &more, err);
    ok = ok && check_tail(&c, err);
    jwks_free(c.keys);
    arena_release(&c.part);
    arena_release(&c.a);
    return ok;
}
