/*
 * The view in force. What is stored is read as a whole at the first question, then by what the history says was written
 * since: versions of transactions at or above the mark, which is the oldest transaction that was under way at the last
 * look. Those are read again until it has ended, so no commit is missed; a version that is known is passed over.
 */
#include "conformance/current.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

#include "base/log.h"
#include "internal.h"

enum { MARK_MAX = 24 };

/* One stored resource, shared by the views that have it. */
struct stored {
    struct arena a;
    atomic_int refs;
    enum conformance_kind kind;
    char id_text[72];
    struct str id;
    int32_t ver;
    struct conformance_entry *entries[CONFORMANCE__BRINGS];
    size_t n;
    struct conformance__budget *budget;
    size_t charged; /* for its text */
    char *image;    /* of a code system that was imported; NULL: none */
};

struct view {
    const struct conformance_view *v; /* what is handed out */
    struct arena a;
    atomic_int refs;
    struct stored **items;
    size_t n;
};

struct conformance_current {
    const struct conformance_view *definitions;
    int16_t rtypes[CONFORMANCE_N_KINDS];
    int32_t tenant;
    struct conformance__budget budget;
    pthread_mutex_t lock; /* of the two below, never held while PostgreSQL is asked */
    struct view *view;
    char mark[MARK_MAX];     /* xid8 as text */
    pthread_mutex_t loading; /* one at a time */
};

/* ---- counted ---------------------------------------------------------------------------------------------- */

static void drop_stored(struct stored *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    atomic_fetch_sub(&s->budget->used, s->charged);
    arena_release(&s->a);
    free(s->image);
    free(s);
}

static void drop_items(void *view)
{
    struct view *v = view;
    for (size_t i = 0; i < v->n; i++)
        drop_stored(v->items[i]);
}

static void drop_view(void *view)
{
    struct view *v = view;
    if (atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    arena_release(&v->a);
    free(v);
}

static void drop_place(void *place)
{
    struct view *v = *(struct view **)place;
    if (v)
        drop_view(v);
}

/* The arena's from then on: it has the place before there is something to lose. */
static struct view *hold(struct conformance_current *t, struct arena *a)
{
    struct view **place = ARENA_NEW(a, struct view *);
    arena_cleanup(a, drop_place, place);
    pthread_mutex_lock(&t->lock);
    *place = t->view;
    atomic_fetch_add(&t->view->refs, 1);
    pthread_mutex_unlock(&t->lock);
    return *place;
}

const struct conformance_view *conformance_hold(struct conformance_current *t, struct arena *a)
{
    return hold(t, a)->v;
}

/* ---- a new view ------------------------------------------------------------------------------------------- */

static void *need(void *memory)
{
    if (!memory)
        abort(); /* as an arena without a guard does */
    return memory;
}

/* items: a reference of each is handed over. */
static struct view *make_view(const struct conformance_current *t, struct stored *const *items, size_t n)
{
    struct view *v = need(calloc(1, sizeof *v));
    size_t total = 0;
    arena_init(&v->a, 0);
    atomic_init(&v->refs, 1);
    v->items = ARENA_ARRAY(&v->a, struct stored *, n);
    v->n = n;
    arena_cleanup(&v->a, drop_items, v); /* after what is kept beside the view, which is made below */
    for (size_t i = 0; i < n; i++) {
        v->items[i] = items[i];
        total += items[i]->n;
    }
    struct conformance_entry **entries = ARENA_ARRAY(&v->a, struct conformance_entry *, total);
    total = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < items[i]->n; k++)
            entries[total++] = items[i]->entries[k];
    v->v = conformance__view_new(&v->a, t->definitions->defs, t->definitions, entries, total);
    return v;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* One that does not fit is there and says so. */
static void charge(struct conformance_current *t, struct stored *s)
{
    size_t used = atomic_fetch_add(&t->budget.used, s->a.used) + s->a.used;
    s->charged = s->a.used;
    if (used <= t->budget.limit)
        return;
    struct conformance_entry *e = s->entries[0], *small = NULL;
    struct arena a;
    arena_init(&a, 0);
    small = ARENA_NEW(&a, struct conformance_entry);
    *small = (struct conformance_entry){
        .kind = e->kind,
        .url = arena_strdup(&a, e->url),
        .version = e->version ? arena_strdup(&a, e->version) : NULL,
        .rank = e->rank,
        .package = e->package ? arena_strdup(&a, e->package) : NULL,
        .id = s->id,
        .wrong = CONFORMANCE__TOO_LARGE,
    };
    atomic_fetch_sub(&t->budget.used, s->charged);
    arena_release(&s->a);
    s->a = a;
    s->charged = 0;
    s->entries[0] = small;
    s->n = 1;
    log_event(LOG_WARN, "conformance-too-large", LOG_S("type", conformance_kinds[s->kind]));
}

/* package s NULL: of none. */
static void read_content(struct conformance_current *t, struct stored *s, struct str content,
                         struct str package)
{
    struct arena scratch;
    struct err err;
    json *resource;
    arena_init(&scratch, 0);
    arena_init(&s->a, 0);
    if (package.s)
        s->n = conformance__kept(&s->a, &scratch, s->kind, content, s->id,
                                 arena_strndup(&scratch, package.s, package.len), &t->budget, s->entries);
    if (s->n == 0 && json_parse(&scratch, content, INT16_MAX, &resource, &err))
        s->n = conformance__entries(&s->a, &scratch, s->kind, resource, s->id, &t->budget, s->entries);
    arena_release(&scratch);
    if (s->n)
        charge(t, s);
}

/* In pieces, so that PostgreSQL's answers stay small. One that is not there is said to be so when it is asked for. */
static bool load_image(const struct conformance_current *t, struct stored *s, struct db_conn *conn,
                       struct err *err)
{
    struct conformance_entry *e = s->entries[0];
    const struct db_rows *rows;
    size_t size = 0;
    bool ok = true, more = true;
    for (int n = 0; ok && more; n++) {
        struct arena a;
        arena_init(&a, 0);
        struct sql q = {.a = &a};
        sql_init(&q, &a, "conformance-image");
        sql_addf(&q, "SELECT data FROM code_system_image WHERE tenant = $%d AND id = $%d AND n = $%d",
                 sql_int4(&q, t->tenant), sql_text(&q, str_of(e->image_name)), sql_int4(&q, n));
        ok = db_exec(conn, &a, &q, &rows, err);
        more = ok && db_count(rows) == 1;
        if (more) {
            struct str piece = db_text(rows, 0, 0);
            s->image = need(realloc(s->image, size + piece.len));
            memcpy(s->image + size, piece.s, piece.len);
            size += piece.len;
        }
        arena_release(&a);
    }
    if (s->image)
        e->image = (struct str){s->image, size};
    return ok;
}

static enum conformance_kind kind_of(const struct conformance_current *t, int16_t rtype)
{
    enum conformance_kind kind = 0;
    while (kind < CONFORMANCE_N_KINDS - 1 && t->rtypes[kind] != rtype)
        kind++;
    return kind;
}

enum { LOOK_MARK, LOOK_RTYPE, LOOK_RID, LOOK_VER };

/* What was written at or above the mark, and the next mark; one row at least. */
static void look(const struct conformance_current *t, struct str mark, struct sql *q)
{
    sql_init(q, q->a, "conformance-look");
    sql_adds(q, "SELECT s.mark::text, h.rtype, h.rid, h.ver FROM "
                "(SELECT pg_snapshot_xmin(pg_current_snapshot()) AS mark) s LEFT JOIN res_history h ON ");
    sql_addf(q,
             "h.tenant = $%d AND h.rtype = ANY ($%d) AND h.xid >= $%d::text::xid8 AND h.xid IS DISTINCT FROM "
             "pg_current_xact_id_if_assigned()",
             sql_int4(q, t->tenant), sql_int2_array(q, t->rtypes, CONFORMANCE_N_KINDS), sql_text(q, mark));
}

enum { READ_RTYPE, READ_RID, READ_VER, READ_CONTENT, READ_PACKAGE };

/* Each once, however many of its versions are new. */
static void read(const struct conformance_current *t, const int16_t *rtypes, const struct str *ids, size_t n,
                 struct sql *q)
{
    sql_init(q, q->a, "conformance-read");
    sql_addf(
        q,
        "SELECT r.rtype, r.rid, r.ver, CASE WHEN NOT r.deleted THEN coalesce(p.kept, r.content) END, "
        "CASE WHEN p.kept IS NOT NULL THEN p.name || ' ' || p.version END FROM "
        "(SELECT DISTINCT rtype, rid FROM unnest($%d, $%d) AS u(rtype, rid)) w JOIN res r ON r.tenant = $%d "
        "AND r.rtype = w.rtype AND r.rid = w.rid "
        "AND r.xid IS DISTINCT FROM pg_current_xact_id_if_assigned() LEFT JOIN package_resource p ON "
        "p.tenant = r.tenant AND p.rtype = r.rtype AND p.rid = r.rid",
        sql_int2_array(q, rtypes, n), sql_text_array(q, ids, n), sql_int4(q, t->tenant));
}

/* The place of a resource in the view; n: it is not there. */
static size_t find(struct stored *const *items, size_t n, enum conformance_kind kind, struct str id)
{
    size_t i = 0;
    while (i < n && !(items[i]->kind == kind && str_eq(items[i]->id, id)))
        i++;
    return i;
}

struct wanted {
    int16_t *rtypes;
    struct str *ids;
    size_t n, n_ids, cap, cap_ids;
};

/* What the rows of look() name and the view does not have in that version, or a later one. */
static void want(const struct conformance_current *t, const struct view *v, struct arena *a,
                 const struct db_rows *rows, struct wanted *w)
{
    for (int i = 0; i < db_count(rows); i++) {
        if (db_null(rows, i, LOOK_RID))
            continue;
        int16_t rtype = db_int2(rows, i, LOOK_RTYPE);
        struct str id = db_text(rows, i, LOOK_RID);
        size_t at = find(v->items, v->n, kind_of(t, rtype), id);
        if (at < v->n && v->items[at]->ver >= db_int4(rows, i, LOOK_VER))
            continue;
        *ARENA_PUSH(a, w->rtypes, w->n, w->cap) = rtype;
        *ARENA_PUSH(a, w->ids, w->n_ids, w->cap_ids) = id;
    }
}

/* The view with what has been read in place of what was there. */
static bool renew(struct conformance_current *t, const struct view *old, struct db_conn *conn,
                  struct arena *a, const struct db_rows *rows, struct view **out, struct err *err)
{
    size_t n = 0, most = old->n + (size_t)db_count(rows);
    bool ok = true;
    struct stored **items = ARENA_ARRAY(a, struct stored *, most);
    for (; n < old->n; n++) {
        items[n] = old->items[n];
        atomic_fetch_add(&items[n]->refs, 1);
    }
    for (int i = 0; ok && i < db_count(rows); i++) {
        enum conformance_kind kind = kind_of(t, db_int2(rows, i, READ_RTYPE));
        struct str id = db_text(rows, i, READ_RID), content = db_text(rows, i, READ_CONTENT);
        size_t at = find(items, n, kind, id);
        if (at < n && items[at]->ver >= db_int4(rows, i, READ_VER)) /* another has been faster */
            continue;
        if (at < n)
            drop_stored(items[at]);
        else
            n++;
        struct stored *s = items[at] = need(calloc(1, sizeof *s));
        atomic_init(&s->refs, 1);
        s->kind = kind;
        s->budget = &t->budget;
        memcpy(s->id_text, id.s, id.len);
        s->id = (struct str){s->id_text, id.len};
        s->ver = db_int4(rows, i, READ_VER);
        if (content.s) /* else deleted: it stays without entries, so that its version is known */
            read_content(t, s, content, db_text(rows, i, READ_PACKAGE));
        if (s->n && s->entries[0]->image_name)
            ok = load_image(t, s, conn, err);
    }
    if (ok)
        *out = make_view(t, items, n);
    for (size_t i = 0; !ok && i < n; i++)
        drop_stored(items[i]);
    return ok;
}

static void copy_mark(struct conformance_current *t, char out[MARK_MAX])
{
    pthread_mutex_lock(&t->lock);
    memcpy(out, t->mark, MARK_MAX);
    pthread_mutex_unlock(&t->lock);
}

static void publish(struct conformance_current *t, struct view *v, struct str mark)
{
    pthread_mutex_lock(&t->lock);
    struct view *old = t->view;
    t->view = v;
    memcpy(t->mark, mark.s, mark.len + 1);
    pthread_mutex_unlock(&t->lock);
    drop_view(old);
}

static bool load(struct conformance_current *t, struct db_conn *conn, struct arena *a, struct err *err)
{
    struct view *v = hold(t, a);
    struct sql q = {.a = a};
    const struct db_rows *seen, *rows;
    struct wanted w = {0};
    char mark[MARK_MAX];
    copy_mark(t, mark);
    look(t, str_of(mark), &q);
    if (!db_exec(conn, a, &q, &seen, err))
        return false;
    want(t, v, a, seen, &w);
    if (w.n) {
        q = (struct sql){.a = a};
        read(t, w.rtypes, w.ids, w.n, &q);
        if (!db_exec(conn, a, &q, &rows, err))
            return false;
        if (!renew(t, v, conn, a, rows, &v, err))
            return false;
    } else {
        atomic_fetch_add(&v->refs, 1);
    }
    publish(t, v, db_text(seen, 0, LOOK_MARK));
    return true;
}

/* In an arena of its own: nothing may jump out of it with the lock held. */
static bool load_alone(struct conformance_current *t, struct db_conn *conn, struct err *err)
{
    struct arena a;
    arena_init(&a, 0);
    pthread_mutex_lock(&t->loading);
    bool ok = load(t, conn, &a, err);
    pthread_mutex_unlock(&t->loading);
    arena_release(&a);
    return ok;
}

bool conformance_refresh(struct conformance_current *t, struct db_conn *conn, struct arena *a,
                         struct err *err)
{
    struct sql q = {.a = a};
    const struct db_rows *rows;
    struct wanted w = {0};
    char mark[MARK_MAX];
    struct view *v = hold(t, a);
    copy_mark(t, mark);
    look(t, str_of(mark), &q);
    if (!db_exec(conn, a, &q, &rows, err))
        return false;
    want(t, v, a, rows, &w);
    return w.n == 0 || load_alone(t, conn, err);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

bool conformance_current_new(const struct config *c, const struct fhir_defs *d,
                             const struct conformance_view *definitions, int32_t tenant,
                             struct conformance_current **out, struct err *err)
{
    struct conformance_current *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_INTERNAL, "out of memory");
    t->definitions = definitions;
    t->tenant = tenant;
    t->budget.limit = (size_t)c->conformance_memory;
    for (int i = 0; i < CONFORMANCE_N_KINDS; i++)
        t->rtypes[i] = (int16_t)fhir_type(d, conformance_kinds[i])->id;
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->loading, NULL);
    memcpy(t->mark, "0", 2);
    t->view = make_view(t, NULL, 0);
    *out = t;
    return true;
}

void conformance_current_free(struct conformance_current *t)
{
    drop_view(t->view);
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->loading);
    free(t);
}
