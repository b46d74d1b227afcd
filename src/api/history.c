/* history of an instance, of a type and of all types (http.html#history). */
#include <inttypes.h>
#include <stdio.h>

#include "fhir/datetime.h"
#include "fhir/reference.h"
#include "internal.h"

static bool read_instant(struct api_request *r, const char *name, int64_t *lo, int64_t *hi, struct err *err)
{
    struct fhir_datetime d;
    struct str text = api__arg(r, name);
    *lo = *hi = INT64_MIN;
    if (!text.s)
        return true;
    if (!fhir_datetime_parse(text, &d))
        return err_set(err, ERR_INVALID,
                       "%s: an instant or a date was expected, such as 2021-01-10T08:00:00Z", name);
    fhir_datetime_range(&d, store_tenant(r->api->deps.store)->zone, lo, hi);
    return true;
}

static bool read_version(struct str text, struct store_history *h)
{
    int64_t v;
    bool ok = text.s && str_int64(text, &v) && v >= 0 && v <= INT32_MAX;
    h->after_ver = ok ? (int32_t)v : 0;
    return ok;
}

/* Cursors: the version on an instance, "xid.k.version" elsewhere, behind "epoch." in a feed. */
static bool read_cursor(struct api_request *r, struct store_history *h, struct err *err)
{
    struct str cursor = api__arg(r, "_cursor"), rest = cursor, k;
    int64_t v;
    if (!cursor.s)
        return true;
    bool ok;
    if (h->id.s) {
        ok = read_version(cursor, h) && h->after_ver > 0;
    } else {
        if (h->feed)
            h->epoch = str_cut(rest, '.', &rest);
        h->after_xid = rest.s ? str_cut(rest, '.', &rest) : STR("");
        k = rest.s ? str_cut(rest, '.', &rest) : STR("");
        ok = str_int64(h->after_xid, &v) && v >= 0 && str_int64(k, &h->after_k) && read_version(rest, h);
    }
    return ok || err_set(err, ERR_INVALID, "_cursor: not one that this server gave; start again without it");
}

/* _sort=_lastUpdated: the change feed (docs/history.md). */
static bool read_sort(struct api_request *r, struct store_history *h, struct err *err)
{
    struct str sort = api__arg(r, "_sort");
    h->feed = str_is(sort, "_lastUpdated");
    if (sort.s && !h->feed && !str_is(sort, "-_lastUpdated"))
        return err_set(err, ERR_INVALID, "_sort: a history goes by -_lastUpdated or _lastUpdated");
    if (h->feed && h->id.s)
        return err_set(
            err, ERR_INVALID,
            "_sort: the history of one resource goes by -_lastUpdated; types and the system have a feed");
    if (h->feed && h->at_lo_us != INT64_MIN)
        return err_set(err, ERR_INVALID, "_at: a feed knows _since only");
    return true;
}

/* One that is not known is not applied, and not in the links (http.html#parameters); refused with handling=strict. */
static bool take_known(struct api_request *r, struct err *err)
{
    static const char *const names[] = {"_since",  "_at",     "_list",   "_sort",    "_count",
                                        "_cursor", "_format", "_pretty", "_summary", "_elements"};
    struct search_arg *kept = ARENA_ARRAY(r->a, struct search_arg, r->n_args + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->n_args; i++) {
        size_t j = 0;
        while (j < sizeof names / sizeof names[0] && !str_is(r->args[i].name, names[j]))
            j++;
        if (j < sizeof names / sizeof names[0])
            kept[n++] = r->args[i];
        else if (r->strict)
            return err_set(
                err, ERR_INVALID,
                "'%.*s' is no parameter of a history; those that it has: _since, _at, _list, _sort, _count",
                r->args[i].name.len > 64 ? 64 : (int)r->args[i].name.len, r->args[i].name.s);
    }
    r->args = kept;
    r->n_args = n;
    return true;
}

/* Of many resources, versions of which it is not told whether they may be seen are left out. */
static bool must_open(const struct store_history *h)
{
    return h->access && h->id.s && search_access_must_open(h->access, h->type);
}

static bool prepare_history(struct api_request *r, struct err *err)
{
    struct store_history *h = ARENA_NEW(r->a, struct store_history);
    int64_t n = r->config->search_count, ignored;
    if (!take_known(r, err))
        return false;
    struct str count = api__arg(r, "_count");
    if (r->id.s && !fhir_id_valid(r->id))
        return err_set(err, ERR_INVALID,
                       "The id in the URL is not one: 1 to 64 letters, digits, '-' and '.'");
    if (count.s && (!str_int64(count, &n) || n < 0))
        return err_set(err, ERR_INVALID, "_count: a number of entries was expected");
    if (n > r->config->search_max_count)
        n = r->config->search_max_count;
    *h = (struct store_history){.type = r->type, .id = r->id, .count = (int)n, .total = r->id.s != NULL};
    h->access = api__access(r, AUTH_READ, r->type);
    r->state = h;
    if (h->access && !r->id.s && search_access_is_open(h->access, r->type))
        return err_set(err, ERR_FORBIDDEN,
                       "The token does not allow this: with scopes that are restricted by a query there is a "
                       "history of single resources only");
    if (must_open(h))
        r->run = RUN_WORKER;
    if (api__arg(r, "_list").s || r->pretty ||
        r->format == FORMAT_XML) /* what parses resources does not run on an event loop */
        r->run = RUN_WORKER;
    return read_instant(r, "_since", &h->since_us, &ignored, err) &&
           read_instant(r, "_at", &h->at_lo_us, &h->at_hi_us, err) && read_sort(r, h, err) &&
           read_cursor(r, h, err);
}

static bool plan_history(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    const struct store_history *h = r->state;
    (h->feed ? store_feed_plan : store_history_plan)(r->api->deps.store, h, q);
    return true;
}

struct str api__page_url(struct api_request *r, struct str path, struct str cursor)
{
    struct buf b;
    char separator = '?';
    buf_init(&b, r->a, 256);
    buf_addf(&b, "%.*s/%.*s", STR_FMT(r->base), STR_FMT(path));
    for (size_t i = 0; i < r->n_args; i++) {
        if (cursor.s && str_is(r->args[i].name, "_cursor"))
            continue;
        buf_addc(&b, separator);
        separator = '&';
        buf_add_percent(&b, r->args[i].name);
        buf_addc(&b, '=');
        buf_add_percent(&b, r->args[i].value);
    }
    if (cursor.s)
        buf_addf(&b, "%c_cursor=%.*s", separator, STR_FMT(cursor));
    return buf_str(&b);
}

static const struct {
    const char *method;
    int status;
} operations[] = {
    [STORE_POST] = {"POST", 201},   [STORE_PUT] = {"PUT", 200},        [STORE_DELETE] = {"DELETE", 204},
    [STORE_PATCH] = {"PATCH", 200}, [STORE_CREATE_PUT] = {"PUT", 201},
};

static bool add_version(struct api_request *r, struct bundle *w, const struct db_rows *rows, int i,
                        struct err *err)
{
    const struct fhir_type *resource =
        fhir_resource_by_id(r->api->deps.defs, db_int2(rows, i, HISTORY_RTYPE));
    const char *type = resource->name;
    struct str id = db_text(rows, i, HISTORY_RID), none = {NULL, 0};
    int op = db_int2(rows, i, HISTORY_OP);
    struct str content;
    if (op != STORE_DELETE &&
        !api__open(r, resource, id, store_text_at(rows, i, HISTORY_CONTENT), &content, err))
        return false;
    if (op != STORE_DELETE && !api__may_see(r, resource, content))
        return true;
    api__shown(r, db_int8(rows, i, HISTORY_K));
    bundle_entry_open(w);
    bundle_entry_url(w, r->base, type, id);
    if (op != STORE_DELETE)
        bundle_entry_resource(w, content);
    bundle_entry_request(w, operations[op].method, type, op == STORE_POST ? (struct str){"", 0} : id);
    bundle_entry_response(w, operations[op].status, none, db_int4(rows, i, HISTORY_VER),
                          db_timestamptz(rows, i, HISTORY_LU), none);
    bundle_entry_close(w);
    return true;
}

/* Where the reader of a feed goes on: behind this page's last version, or behind all that there could be. */
static void link_feed(struct api_request *r, struct bundle *w, const struct db_rows *rows, int shown,
                      bool more)
{
    const char *epoch = db_text(rows, 0, HISTORY_EPOCH).s;
    char *cursor =
        more ? arena_printf(r->a, "%s.%s.%" PRId64 ".%d", epoch, db_text(rows, shown - 1, HISTORY_XID).s,
                            db_int8(rows, shown - 1, HISTORY_K), db_int4(rows, shown - 1, HISTORY_VER))
             : arena_printf(r->a, "%s.%s.0.0", epoch, db_text(rows, 0, HISTORY_HORIZON).s);
    bundle_link(w, more ? "next" : "monitor", api__page_url(r, r->path, str_of(cursor)));
}

static bool reply_feed(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    const struct store_history *h = r->state;
    int n = db_null(rows, 0, HISTORY_RTYPE) ? 0 : db_count(rows), shown = n > h->count ? h->count : n;
    struct bundle w;
    if (h->epoch.s && !str_eq(h->epoch, db_text(rows, 0, HISTORY_EPOCH)))
        return err_set(
            err, ERR_GONE,
            "_cursor: the database has been restored since this cursor was given, and changes may have "
            "been lost or undone; start over: read everything anew, without _cursor");
    bundle_start(&w, r->a, "history");
    bundle_link(&w, "self", api__page_url(r, r->path, (struct str){NULL, 0}));
    if (h->count > 0)
        link_feed(r, &w, rows, shown, n > shown);
    for (int i = 0; i < shown; i++)
        if (!add_version(r, &w, rows, i, err))
            return false;
    *out = (struct api_response){.status = 200, .resource = bundle_end(&w)};
    return true;
}

static bool reply_history(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                          struct err *err)
{
    const struct store_history *h = r->state;
    int n = db_count(rows), shown = n > h->count ? h->count : n;
    struct bundle w;
    if (h->feed)
        return reply_feed(r, rows, out, err);
    if (n == 0 && h->id.s && h->since_us == INT64_MIN && h->at_lo_us == INT64_MIN && !h->after_ver &&
        !h->listed)
        return err_set(err, ERR_NOT_FOUND, "There is and was no %s with this id", r->type->name);
    bundle_start(&w, r->a, "history");
    if (h->total)
        bundle_total(&w, n ? db_int8(rows, 0, HISTORY_TOTAL) : 0);
    bundle_link(&w, "self", api__page_url(r, r->path, (struct str){NULL, 0}));
    if (n > shown && shown > 0) {
        int last = shown - 1;
        char *cursor = h->id.s
                           ? arena_printf(r->a, "%d", db_int4(rows, last, HISTORY_VER))
                           : arena_printf(r->a, "%s.%" PRId64 ".%d", db_text(rows, last, HISTORY_XID).s,
                                          db_int8(rows, last, HISTORY_K), db_int4(rows, last, HISTORY_VER));
        bundle_link(&w, "next", api__page_url(r, r->path, str_of(cursor)));
    }
    for (int i = 0; i < shown; i++)
        if (!add_version(r, &w, rows, i, err))
            return false;
    *out = (struct api_response){.status = 200, .resource = bundle_end(&w)};
    return true;
}

/* What a List refers to; what it says is deleted from it is not in it. */
static void collect_listed(struct api_request *r, const json *list, struct store_history *h)
{
    struct store_listed *listed =
        ARENA_ARRAY(r->a, struct store_listed, json_count(json_get(list, "entry")) + 1);
    json_each (entry, json_get(list, "entry")) {
        const char *text = json_get_string(json_get(entry, "item"), "reference");
        struct fhir_reference to = {0};
        int64_t ver = 0;
        if (!text || json_is_true(json_get(entry, "deleted")))
            continue;
        fhir_reference_parse_local(r->api->deps.defs, r->base, str_of(text), &to);
        if (to.form != FHIR_REF_RELATIVE ||
            (to.version.s && (!str_int64(to.version, &ver) || ver < 1 || ver > INT32_MAX)))
            continue;
        listed[h->n_listed++] = (struct store_listed){to.type, to.id, (int32_t)ver};
    }
    h->listed = listed;
}

/* _list: versions that this List refers to; a reference without version is to the current one (http.html#history). */
static bool read_list(struct api_request *r, struct db_conn *c, struct err *err)
{
    struct str id = api__arg(r, "_list");
    const struct fhir_type *type = fhir_resource(r->api->deps.defs, STR("List"));
    const struct db_rows *rows;
    struct store_version v;
    struct sql q = {.a = r->a};
    json *list;
    if (!id.s)
        return true;
    if (str_starts(id, STR("List/")))
        id = (struct str){id.s + 5, id.len - 5};
    if (!fhir_id_valid(id))
        return err_set(err, ERR_INVALID, "_list: the id of a List was expected");
    if (!api__authorise(r, AUTH_READ, type, err))
        return false;
    store_read_seen_plan(r->api->deps.store, type, id, api__access(r, AUTH_READ, type), &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    if (!store_read_reply(rows, &v) || v.deleted)
        return err_set(err, ERR_INVALID, "_list: there is no List with this id");
    struct str content;
    if (!store_open(r->api->deps.store, r->a, type, id, v.text, &content, err) ||
        !json_parse(r->a, content, INT16_MAX, &list, err))
        return false;
    collect_listed(r, list, r->state);
    return true;
}

enum { OPENED_MAX = 10000 };

/* Versions that have to be opened: all of them are, so that the page and the total are of those that may be seen. */
static bool judged_history(struct api_request *r, struct db_conn *c, struct api_response *out,
                           struct err *err)
{
    struct store_history *h = r->state, all = *h;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct store_listed *seen;
    all.count = OPENED_MAX;
    all.after_ver = 0;
    all.total = false;
    store_history_plan(r->api->deps.store, &all, &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    if (db_count(rows) > OPENED_MAX)
        return err_set(err, ERR_TOO_COSTLY,
                       "This history has more than %d versions: ask for it with _since or _at", OPENED_MAX);
    seen = ARENA_ARRAY(r->a, struct store_listed, db_count(rows) + 1);
    h->n_listed = 0;
    for (int i = 0; i < db_count(rows); i++)
        if (api__sees_version(r, h->access, r->type, r->id, store_text_at(rows, i, HISTORY_CONTENT)))
            seen[h->n_listed++] = (struct store_listed){r->type, r->id, db_int4(rows, i, HISTORY_VER)};
    h->listed = seen;
    store_history_plan(r->api->deps.store, h, &q);
    h->listed = all.listed;
    return db_exec(c, r->a, &q, &rows, err) && reply_history(r, rows, out, err);
}

static bool work_history(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    const struct store_history *h = r->state;
    if (must_open(h))
        return read_list(r, c, err) && judged_history(r, c, out, err);
    return read_list(r, c, err) && plan_history(r, &q, err) && db_exec(c, r->a, &q, &rows, err) &&
           reply_history(r, rows, out, err);
}

const struct api_interaction api__history_instance = {.code = "history-instance",
                                                      .run = RUN_SEARCH,
                                                      .may_defer = true,
                                                      .pages = true,
                                                      .right = AUTH_READ,
                                                      .access = ACCESS_JUDGED,
                                                      .prepare = prepare_history,
                                                      .plan = plan_history,
                                                      .reply = reply_history,
                                                      .work = work_history};
const struct api_interaction api__history_type = {.code = "history-type",
                                                  .run = RUN_SEARCH,
                                                  .may_defer = true,
                                                  .pages = true,
                                                  .right = AUTH_READ | AUTH_SEARCH,
                                                  .access = ACCESS_JUDGED,
                                                  .prepare = prepare_history,
                                                  .plan = plan_history,
                                                  .reply = reply_history,
                                                  .work = work_history};
const struct api_interaction api__history_system = {.code = "history-system",
                                                    .run = RUN_SEARCH,
                                                    .may_defer = true,
                                                    .pages = true,
                                                    .right = AUTH_READ | AUTH_SEARCH,
                                                    .access = ACCESS_JUDGED,
                                                    .prepare = prepare_history,
                                                    .plan = plan_history,
                                                    .reply = reply_history,
                                                    .work = work_history};
