/*
 * The set in force. It is small (patients who have said something), so it is read as a whole when a look at the end of
 * the history shows that something was committed which the last snapshot did not show: a long transaction delays nothing.
 * What the rules come to for a caller is kept beside the set, until a period begins or ends.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "internal.h"

enum { KEPT = 512, CONCERNS = 4, AGAIN_US = 300 * 1000 * 1000 };
static const char *const concerns[CONCERNS] = {"Consent", "PractitionerRole", "CareTeam", "Group"};

struct kept {
    struct str who; /* user, purposes, and what for */
    int64_t until_us;
    const struct search_consent *consent; /* NULL: everything is seen */
};

struct view {
    atomic_int refs;
    struct arena a;
    struct consent__consent *list; /* by patient, then by time */
    size_t n, cap;
    struct consent__members members;
    int64_t *bounds; /* when periods begin or end, sorted */
    size_t n_bounds, cap_bounds;
    pthread_mutex_t lock; /* of what follows, and of the arena once the view is in force */
    struct kept kept[KEPT];
    size_t n_kept;
};

struct consent_current {
    const struct fhir_defs *defs;
    const struct store *store;
    struct arena a;
    struct str base; /* this server's URL; len 0: as the requests say */
    bool off, closed;
    atomic_bool any;
    struct consent__openings openings;
    int16_t rtypes[CONCERNS];
    pthread_mutex_t lock; /* of view, for the moment of taking a reference */
    struct view *view;
    pthread_mutex_t loading; /* of the snapshot, one at a time */
    struct arena snapshot_a;
    struct str snapshot; /* s NULL: nothing has been read yet */
    int64_t again_us;    /* memberships begin and end */
};

bool consent_concerns(const struct fhir_type *type)
{
    for (int i = 0; i < CONCERNS; i++)
        if (strcmp(type->name, concerns[i]) == 0)
            return true;
    return false;
}

/* ---- views ------------------------------------------------------------------------------------------------- */

static struct view *view_new(void)
{
    struct view *v = calloc(1, sizeof *v);
    if (!v)
        abort(); /* as an arena without a guard does */
    atomic_init(&v->refs, 1);
    arena_init(&v->a, 0);
    pthread_mutex_init(&v->lock, NULL);
    return v;
}

static void drop(struct view *v)
{
    if (atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&v->lock);
    arena_release(&v->a);
    free(v);
}

static void drop_place(void *place)
{
    if (*(struct view **)place)
        drop(*(struct view **)place);
}

static struct view *hold(struct consent_current *c, struct arena *a)
{
    struct view **place = ARENA_NEW(a, struct view *);
    arena_cleanup(a, drop_place, place);
    pthread_mutex_lock(&c->lock);
    *place = c->view;
    atomic_fetch_add(&c->view->refs, 1);
    pthread_mutex_unlock(&c->lock);
    return *place;
}

enum { ENFORCE_OFF, DEFAULT_DENY = 1 }; /* of the choices of consent.enforce and consent.default */

bool consent_current_new(const struct config *config, const struct fhir_defs *d, const struct store *s,
                         struct consent_current **out, struct err *err)
{
    const bool off = config->consent_enforce == ENFORCE_OFF,
               closed = !off && config->consent_default == DEFAULT_DENY;
    struct consent_current *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, ERR_INTERNAL, "out of memory");
    *c = (struct consent_current){.defs = d, .store = s, .off = off, .closed = closed, .view = view_new()};
    consent__openings_init(&c->openings);
    for (int i = 0; i < CONCERNS; i++)
        c->rtypes[i] = (int16_t)fhir_resource(d, str_of(concerns[i]))->id;
    atomic_init(&c->any, closed);
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->loading, NULL);
    arena_init(&c->snapshot_a, 0);
    arena_init(&c->a, 0);
    c->base = str_of(arena_strdup(&c->a, config->http_base_url));
    *out = c;
    return true;
}

void consent_current_free(struct consent_current *c)
{
    if (!c)
        return;
    drop(c->view);
    consent__openings_release(&c->openings);
    arena_release(&c->snapshot_a);
    arena_release(&c->a);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->loading);
    free(c);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* One row: the snapshot, and whether it shows what the last one did not. */
static void look_plan(const struct consent_current *c, struct sql *q)
{
    sql_init(q, q->a, "consent-look");
    int last = sql_text(q, c->snapshot);
    sql_addf(q,
             "SELECT pg_current_snapshot()::text, EXISTS (SELECT 1 FROM res_history WHERE tenant = $%d AND "
             "rtype = ANY ($%d) AND xid >= pg_snapshot_xmin($%d::text::pg_snapshot) AND NOT "
             "pg_visible_in_snapshot(xid, $%d::text::pg_snapshot))",
             sql_int4(q, store_tenant(c->store)->id), sql_int2_array(q, c->rtypes, CONCERNS), last, last);
}

enum { READ_SNAPSHOT, READ_RTYPE, READ_RID, READ_CONTENT, READ_SEALED };

/* The words are what is asked of those that are in force; the rest is seen when they have been opened. */
static void consents_plan(const struct consent_current *c, struct sql *q)
{
    sql_init(q, q->a, "consent-read");
    sql_addf(
        q,
        "SELECT pg_current_snapshot()::text, r.rtype, r.rid, r.content, r.sealed FROM (SELECT 1) one LEFT "
        "JOIN res r ON r.tenant = $%d AND r.rtype = $%d AND NOT r.deleted AND r.content LIKE "
        "'%%\"patient-privacy\"%%' AND r.content LIKE '%%\"active\"%%'",
        sql_int4(q, store_tenant(c->store)->id), sql_int2(q, c->rtypes[0]));
}

static void members_plan(const struct consent_current *c, struct sql *q)
{
    sql_init(q, q->a, "consent-members");
    sql_addf(q,
             "SELECT pg_current_snapshot()::text, r.rtype, r.rid, r.content, r.sealed FROM res r WHERE "
             "r.tenant = $%d AND r.rtype = ANY ($%d) AND NOT r.deleted",
             sql_int4(q, store_tenant(c->store)->id), sql_int2_array(q, c->rtypes + 1, CONCERNS - 1));
}

/* NULL: it cannot be opened, which has been logged. */
static const json *open_row(const struct consent_current *c, struct arena *a, const struct db_rows *rows,
                            int i, const struct fhir_type **type, struct str *id)
{
    struct str content;
    struct err err;
    json *resource;
    *type = fhir_resource_by_id(c->defs, db_int2(rows, i, READ_RTYPE));
    *id = db_text(rows, i, READ_RID);
    if (store_open(c->store, a, *type, *id, store_text_at(rows, i, READ_CONTENT), &content, &err) &&
        json_parse(a, content, INT16_MAX, &resource, &err))
        return resource;
    log_event(LOG_ERROR, "consent-unreadable", LOG_S("kind", err_kind_name(err.kind)));
    return NULL;
}

static void note_bounds(struct view *v, const struct consent__rule *rule)
{
    for (; rule; rule = rule->next) {
        *ARENA_PUSH(&v->a, v->bounds, v->n_bounds, v->cap_bounds) = rule->from;
        *ARENA_PUSH(&v->a, v->bounds, v->n_bounds, v->cap_bounds) = rule->to + 1;
        note_bounds(v, rule->child);
    }
}

static bool names_groups(const struct consent__rule *rule)
{
    for (; rule; rule = rule->next)
        if (rule->n_actors || names_groups(rule->child))
            return true;
    return false;
}

static int by_patient(const void *x, const void *y)
{
    const struct consent__consent *a = x, *b = y;
    int by = (a->patient > b->patient) - (a->patient < b->patient);
    return by ? by : (a->at_us > b->at_us) - (a->at_us < b->at_us);
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static bool load(struct consent_current *c, struct view *v, struct db_conn *conn, struct arena *a,
                 struct str *snapshot, struct err *err)
{
    struct sql q = {.a = a}, of_members = {.a = a};
    const struct db_rows *rows;
    const struct fhir_type *type;
    struct str id;
    struct consent__reader r = {c->defs, store_tenant(c->store), &v->a, c->base, NULL, 0, 0};
    bool groups = false;
    consents_plan(c, &q);
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    *snapshot = db_text(rows, 0, READ_SNAPSHOT);
    for (int i = 0; i < db_count(rows) && !db_null(rows, i, READ_RID); i++) {
        const json *resource = open_row(c, a, rows, i, &type, &id);
        struct consent__consent one;
        if (!resource || !consent__read(&r, resource, &one))
            continue;
        *ARENA_PUSH(&v->a, v->list, v->n, v->cap) = one;
        note_bounds(v, one.root);
        groups |= names_groups(one.root);
    }
    if (groups) {
        members_plan(c, &of_members);
        if (!db_exec(conn, a, &of_members, &rows, err))
            return false;
    }
    for (int i = 0; groups && i < db_count(rows); i++) {
        const json *resource = open_row(c, a, rows, i, &type, &id);
        if (resource)
            consent__read_members(&r, type, id, resource, clock_wall_us(), &v->members);
    }
    consent__sort_members(&v->members);
    if (v->n)
        qsort(v->list, v->n, sizeof *v->list, by_patient);
    if (v->n_bounds)
        qsort(v->bounds, v->n_bounds, sizeof *v->bounds, by_value);
    return true;
}

static bool read_anew(struct consent_current *c, struct db_conn *conn, struct arena *a, struct err *err)
{
    struct view *v = view_new(), *old;
    struct str snapshot;
    int64_t now_us = clock_mono_us();
    if (!load(c, v, conn, a, &snapshot, err)) {
        drop(v);
        return false;
    }
    pthread_mutex_lock(&c->lock);
    old = c->view;
    c->view = v;
    atomic_store(&c->any, c->closed || v->n);
    c->again_us = v->members.n_groups ? now_us + AGAIN_US : INT64_MAX;
    pthread_mutex_unlock(&c->lock);
    drop(old);
    arena_clear(&c->snapshot_a);
    c->snapshot = (struct str){arena_strndup(&c->snapshot_a, snapshot.s, snapshot.len), snapshot.len};
    return true;
}

static bool refresh(struct consent_current *c, struct db_conn *conn, struct arena *a, struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    if (!consent__openings_read(&c->openings, c->defs, c->store, conn, a, err))
        return false;
    if (c->off)
        return true;
    if (!c->snapshot.s || clock_mono_us() >= c->again_us)
        return read_anew(c, conn, a, err);
    look_plan(c, &q);
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    if (db_bool(rows, 0, 1))
        return read_anew(c, conn, a, err);
    struct str snapshot = db_text(rows, 0, 0);
    arena_clear(&c->snapshot_a);
    c->snapshot = (struct str){arena_strndup(&c->snapshot_a, snapshot.s, snapshot.len), snapshot.len};
    return true;
}

bool consent_refresh(struct consent_current *c, struct db_conn *conn, struct err *err)
{
    struct arena own; /* nothing jumps out while the lock is held */
    if (!c)
        return true;
    arena_init(&own, 0);
    pthread_mutex_lock(&c->loading);
    bool ok = refresh(c, conn, &own, err);
    pthread_mutex_unlock(&c->loading);
    arena_release(&own);
    return ok;
}

/* ---- for a caller ------------------------------------------------------------------------------------------ */

struct rules { /* those of whom everything is come last, together */
    struct search_rule *list;
    size_t n, cap;
    int64_t *whole;
    size_t n_whole, cap_whole;
};

static void add_rule(struct arena *a, struct rules *r, int64_t patient, const struct search_condition *what)
{
    if (what->kind == CONDITION_ANY && !what->a)
        return;
    if (what->kind == CONDITION_ALL && !what->a) {
        *ARENA_PUSH(a, r->whole, r->n_whole, r->cap_whole) = patient;
        return;
    }
    int64_t *one = ARENA_NEW(a, int64_t);
    *one = patient;
    *ARENA_PUSH(a, r->list, r->n, r->cap) = (struct search_rule){one, 1, what};
}

static const struct search_rule *rules_end(struct arena *a, struct rules *r, size_t *n)
{
    if (r->n_whole)
        *ARENA_PUSH(a, r->list, r->n, r->cap) = (struct search_rule){r->whole, r->n_whole, &consent__always};
    *n = r->n;
    return r->list;
}

struct making {
    struct arena *a;
    bool closed;
    struct rules withheld, let;
};

/* Consents of one patient, the oldest first: what a newer one says counts; of the same time what denies. */
static void fold(struct making *m, const struct view *v, const struct consent_caller *caller, size_t from,
                 size_t to)
{
    const struct search_condition *withheld = &consent__never, *let = &consent__never;
    for (size_t i = from; i < to;) {
        const struct search_condition *denies = &consent__never, *permits = &consent__never;
        const int64_t at_us = v->list[i].at_us;
        for (; i < to && v->list[i].at_us == at_us; i++) {
            struct consent__verdict one = consent__decide(m->a, &v->members, caller, &v->list[i]);
            denies = consent__either(m->a, denies, one.denies);
            permits = consent__either(m->a, permits, one.permits);
        }
        withheld = consent__either(m->a, consent__both(m->a, withheld, consent__not(m->a, permits)), denies);
        let = consent__both(m->a, consent__either(m->a, let, permits), consent__not(m->a, denies));
    }
    add_rule(m->a, &m->withheld, v->list[from].patient, withheld);
    if (m->closed)
        add_rule(m->a, &m->let, v->list[from].patient, let);
}

static const struct search_consent *make(const struct consent_current *c, struct arena *a,
                                         const struct view *v, const struct consent_caller *caller)
{
    struct making m = {.a = a, .closed = c->closed};
    struct search_consent *out = ARENA_NEW(a, struct search_consent);
    static atomic_int_fast64_t ids;
    out->id = atomic_fetch_add(&ids, 1) + 1;
    out->closed = c->closed;
    for (size_t i = 0, next; i < v->n; i = next) {
        for (next = i + 1; next < v->n && v->list[next].patient == v->list[i].patient; next++)
            continue;
        fold(&m, v, caller, i, next);
    }
    out->withheld = rules_end(a, &m.withheld, &out->n_withheld);
    out->let = rules_end(a, &m.let, &out->n_let);
    return out->closed || out->n_withheld ? out : NULL;
}

static int64_t next_bound(const struct view *v, int64_t now_us)
{
    size_t i = 0;
    while (i < v->n_bounds && v->bounds[i] <= now_us)
        i++;
    return i < v->n_bounds ? v->bounds[i] : INT64_MAX;
}

bool consent_is_asked(const struct consent_current *c)
{
    return c && !c->off;
}

bool consent_has_opened(const struct consent_current *c)
{
    return c && atomic_load(&c->openings.any);
}

size_t consent_opened(struct consent_current *c, struct arena *a, struct str who, const int64_t **patients)
{
    return c ? consent__openings_of(&c->openings, a, who, patients) : 0;
}

bool consent_withholds(const struct consent_current *c)
{
    return c && atomic_load(&c->any);
}

const struct search_consent *consent_for(struct consent_current *c, struct arena *a,
                                         const struct consent_caller *caller)
{
    const struct search_consent *found = NULL;
    if (!consent_withholds(c))
        return NULL;
    struct view *v = hold(c, a);
    struct str who = str_of(
        arena_printf(a, "%d %.*s %.*s", caller->writes, STR_FMT(caller->user), STR_FMT(caller->purposes)));
    pthread_mutex_lock(&v->lock);
    struct kept *k = v->kept;
    while (k < v->kept + v->n_kept && !(str_eq(k->who, who) && caller->now_us < k->until_us))
        k++;
    bool known = k < v->kept + v->n_kept, room = v->n_kept < KEPT;
    if (known) {
        found = k->consent;
    } else if (room) {
        found = make(c, &v->a, v, caller);
        v->kept[v->n_kept++] = (struct kept){
            {arena_strndup(&v->a, who.s, who.len), who.len}, next_bound(v, caller->now_us), found};
    }
    pthread_mutex_unlock(&v->lock);
    return known || room ? found : make(c, a, v, caller);
}
