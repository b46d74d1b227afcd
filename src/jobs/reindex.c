/*
 * Reindexing: type by type in the order of ids, in steps of at most BATCH resources. One step is read, computed, and then
 * written in short transactions, each together with how far it came. What could not be written, since a writer holds it
 * or was faster, is where the next step begins.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fhir/decimal.h"
#include "internal.h"

/* HOLD_US bounds what a writer waits for. */
enum { BATCH = 100, HOLD_US = 20 * 1000 };

struct row {
    struct store_write w;
    enum need { NEED_NOTHING, NEED_ROWS, NEED_DOUBT } need;
};

struct step {
    struct jobs *j;
    const struct search_registry *registry;
    const struct fhir_type *type;
    const struct db_rows *rows;
    struct row *list;
    int n, settled;
    bool doubted; /* there is something to do in the next step */
    struct store_write **written;
    size_t n_written;
};

static bool is_meant(const struct store_job *job, int type)
{
    bool meant = job->n_types == 0;
    for (size_t i = 0; i < job->n_types; i++)
        meant |= job->types[i] == type;
    return meant;
}

/* The type at which the job is; NULL: it is behind the last. Types go by their number, which stays. */
static const struct fhir_type *type_at(const struct jobs *j, const struct store_job *job)
{
    const struct fhir_type *best = NULL;
    for (int i = 0; i < fhir_resource_count(j->defs); i++) {
        const struct fhir_type *t = fhir_resource_at(j->defs, i);
        if (t->id >= job->at_type && is_meant(job, t->id) && (!best || t->id < best->id))
            best = t;
    }
    return best;
}

static bool same_keys(const struct db_rows *rows, int i, int column, struct arena *a, const int64_t *keys,
                      size_t n)
{
    int64_t *stored;
    return db_int8_array(rows, i, column, a, &stored) == n &&
           (n == 0 || memcmp(stored, keys, n * sizeof *keys) == 0);
}

static int64_t lane(const struct db_rows *rows, int i, int column)
{
    return db_null(rows, i, column) ? 0 : db_int8(rows, i, column);
}

static bool same_number(struct arena *a, struct str x, struct str y)
{
    struct decimal p, q;
    if (!x.s || !y.s)
        return x.s == y.s;
    return str_eq(x, y) ||
           (decimal_parse(a, x, &p) && decimal_parse(a, y, &q) && decimal_compare(a, &p, &q) == 0);
}

static bool same_row(const struct db_rows *rows, int i, const struct search_index *x, struct arena *a)
{
    return db_int8(rows, i, STORED_IX) == x->ix && lane(rows, i, STORED_PAT) == x->pat &&
           lane(rows, i, STORED_CODE) == x->code && lane(rows, i, STORED_CAT) == x->cat &&
           db_int8(rows, i, STORED_DT) == x->dt && db_int8(rows, i, STORED_DT_HI) == x->dt_hi &&
           same_number(a, db_text(rows, i, STORED_Q), x->q) &&
           same_number(a, db_text(rows, i, STORED_Q_STANDARD), x->q_standard) &&
           lane(rows, i, STORED_Q_UNIT) == x->q_unit &&
           same_keys(rows, i, STORED_LABELS, a, x->labels, x->n_labels) &&
           same_keys(rows, i, STORED_KEYS, a, x->keys, x->n_keys);
}

/* In side tables. */
static int64_t rows_of(const struct search_index *x)
{
    return (int64_t)(x->n_strs + x->n_dates + x->n_nums + x->n_ovfs + (x->words.s != NULL));
}

static enum need need_of(const struct db_rows *rows, int i, const struct search_index *x, struct arena *a)
{
    int64_t sides = rows_of(x);
    for (size_t j = 0; j < x->n_contained; j++)
        sides += 1 + rows_of(&x->contained[j].index);
    if (db_int8(rows, i, STORED_IX) == x->ix && db_int8(rows, i, STORED_SIDES) != sides)
        return NEED_DOUBT;
    return same_row(rows, i, x, a) ? NEED_NOTHING : NEED_ROWS;
}

static bool index_row(struct step *g, int i, struct search_index *out, struct err *err)
{
    struct arena *a = &g->j->a;
    json *resource;
    struct str content;
    return store_open(g->j->store, a, g->type, db_text(g->rows, i, STORED_RID),
                      store_text_at(g->rows, i, STORED_CONTENT), &content, err) &&
           json_parse(a, content, INT16_MAX, &resource, err) &&
           search_index(g->registry, store_tenant(g->j->store), a, resource, g->type, g->j->job.base, out,
                        err);
}

/* Before the transaction: what takes time holds nobody up. */
static bool read_step(struct step *g, struct err *err)
{
    struct jobs *j = g->j;
    struct sql q = {.a = &j->a};
    struct str after = j->job.at_type == g->type->id ? j->job.at_id : STR("");
    store_stored_plan(j->store, g->type, after, BATCH, &q);
    if (!jobs__ask(j, &q, &g->rows, err))
        return false;
    g->n = db_count(g->rows);
    g->list = ARENA_ARRAY(&j->a, struct row, g->n);
    g->written = ARENA_ARRAY(&j->a, struct store_write *, g->n);
    for (int i = 0; i < g->n; i++) {
        struct row *r = &g->list[i];
        r->w = (struct store_write){.type = g->type, .id = db_text(g->rows, i, STORED_RID)};
        if (!index_row(g, i, &r->w.index, err))
            return false;
        r->need = need_of(g->rows, i, &r->w.index, &j->a);
    }
    return true;
}

/* Nothing to do counts as done. */
static bool write_row(struct step *g, int i, bool *done, struct err *err)
{
    struct sql q = {.a = &g->j->a};
    struct row *r = &g->list[i];
    const struct db_rows *rows;
    int32_t ver = db_int4(g->rows, i, STORED_VER);
    int64_t ix = db_int8(g->rows, i, STORED_IX);
    *done = r->need == NEED_NOTHING;
    if (*done)
        return true;
    if (r->need == NEED_DOUBT)
        store_doubt_plan(g->j->store, g->type, r->w.id, ver, ix, &q);
    else
        store_reindex_plan(g->j->store, &r->w, ver, ix, &q);
    if (!jobs__ask(g->j, &q, &rows, err))
        return false;
    bool hit = store_reindex_reply(rows);
    g->doubted |= hit && r->need == NEED_DOUBT;
    *done = hit && r->need == NEED_ROWS;
    if (*done)
        g->written[g->n_written++] = &r->w;
    return true;
}

/* Until the time is over. g->settled: how many of the rows, from the first on, are as they should be. */
static bool write_rows(struct step *g, struct err *err)
{
    int64_t end = clock_mono_us() + HOLD_US;
    bool stuck = false;
    g->n_written = 0;
    for (int i = g->settled; i < g->n && clock_mono_us() < end; i++) {
        bool done;
        if (stuck && g->list[i].need != NEED_DOUBT)
            continue;
        if (!write_row(g, i, &done, err))
            return false;
        stuck |= !done;
        g->settled += !stuck;
    }
    return true;
}

/* False with err.kind ERR_CONFLICT: the job is not ours any more. */
static bool move_on(struct jobs *j, const struct store_job *to, struct err *err)
{
    struct sql q = {.a = &j->a};
    const struct db_rows *rows;
    store_progress_plan(j->store, to, &q);
    if (!jobs__ask(j, &q, &rows, err))
        return false;
    return db_count(rows) == 1 ||
           err_detail(err, ERR_CONFLICT, "the job was cancelled or taken over", "job lost");
}

static bool bring_words(struct step *g, struct err *err)
{
    struct sql q = {.a = &g->j->a};
    return !store_words_plan(g->j->store, g->written, g->n_written, &q) || jobs__ask(g->j, &q, NULL, err);
}

static struct str kept(struct jobs *j, struct str s)
{
    return (struct str){arena_strndup(&j->job_a, s.s, s.len), s.len};
}

/* One transaction. */
static bool write_some(struct step *g, struct err *err)
{
    struct jobs *j = g->j;
    struct store_job to = j->job;
    int before = g->settled;
    /* what a crash loses is done again */
    if (!db_begin(j->conn, err) || !db_run(j->conn, "SET LOCAL synchronous_commit = off", err) ||
        !write_rows(g, err) || !bring_words(g, err))
        return false;
    to.done += g->settled - before;
    to.changed += (int64_t)g->n_written;
    if (to.total < to.done)
        to.total = to.done;
    to.at_type = (int16_t)g->type->id;
    if (g->settled > 0)
        to.at_id = db_text(g->rows, g->settled - 1, STORED_RID);
    else if (j->job.at_type != to.at_type)
        to.at_id = STR("");
    if (g->n == 0) { /* the type is through */
        to.at_type++;
        to.at_id = STR("");
    }
    if (!move_on(j, &to, err) || !db_commit(j->conn, err))
        return false;
    store_committed(j->store, g->written, g->n_written);
    to.at_id = kept(j, to.at_id);
    j->job = to;
    return true;
}

static bool write_step(struct step *g, bool *idle, struct err *err)
{
    int before;
    do {
        before = g->settled;
        if (!write_some(g, err))
            return false;
    } while (g->settled > before && g->settled < g->n);
    *idle = g->n > 0 && g->settled == 0 && !g->doubted;
    return true;
}

bool jobs__finish(struct jobs *j, enum store_job_state state, struct str message, struct err *err)
{
    struct sql hold = {.a = &j->a}, q = {.a = &j->a};
    struct store_job *job = &j->job;
    job->state = state;
    job->message = message;
    store_hold_generation_plan(j->store, &hold);
    store_finish_plan(j->store, job, &q);
    if (!db_begin(j->conn, err) || !jobs__ask(j, &hold, NULL, err) || !jobs__ask(j, &q, NULL, err) ||
        !db_commit(j->conn, err))
        return false;
    log_event(LOG_INFO, "job-ended", LOG_S("job", job->id.s), LOG_I("state", state), LOG_I("done", job->done),
              LOG_I("changed", job->changed));
    *job = (struct store_job){0};
    return true;
}

/* All servers work with what the job needs? */
static bool may_begin(struct jobs *j, bool *yes, struct err *err)
{
    struct sql q = {.a = &j->a};
    const struct db_rows *rows;
    store_behind_plan(j->store, j->job.generation, &q);
    if (!jobs__ask(j, &q, &rows, err))
        return false;
    *yes = db_int8(rows, 0, 0) == 0;
    return true;
}

static bool count(struct jobs *j, struct err *err)
{
    struct sql q = {.a = &j->a};
    const struct db_rows *rows;
    store_count_plan(j->store, &j->job, &q);
    if (jobs__ask(j, &q, &rows, err))
        j->job.total = db_int8(rows, 0, 0);
    else if (err->kind == ERR_TIMEOUT) /* very many: PostgreSQL's own estimate will do */
        j->job.total = store_stats(j->store)->rows;
    else
        return false;
    return true;
}

bool jobs__step(struct jobs *j, bool *idle, struct err *err)
{
    struct store_job *job = &j->job;
    if (job->total < 0) {
        bool yes;
        if (!may_begin(j, &yes, err))
            return false;
        *idle = !yes;
        return (!yes || count(j, err)) && move_on(j, job, err);
    }
    struct step g = {.j = j, .type = type_at(j, job)};
    if (!g.type)
        return jobs__finish(j, JOB_DONE, (struct str){NULL, 0}, err);
    g.registry = search_hold(j->search, &j->a, 0)->registry;
    return read_step(&g, err) && write_step(&g, idle, err);
}
