/* search at type, system and compartment level (http.html#search, search.html). */
#include "base/clock.h"
#include "internal.h"
#include "search/opened.h"

/* A row's resource, opened. */
struct found {
    const struct fhir_type *type;
    struct str id, content;
};

struct page {
    struct search_query *q;
    struct str path; /* of the self and next links */
    struct bundle w;
    int first, shown; /* matches: the rows that are the page */
    struct found *matches;
    bool everything;
    const struct search_include *including; /* the statement under way is of this one; NULL: of the page */
};

/* Every type that may come back must be one that the token may search. */
static bool authorise(struct api_request *r, const struct search_query *q, struct err *err)
{
    if (q->contained) /* a container may be of any type, and is not asked */
        return auth_unrestricted(r->principal, AUTH_SEARCH, NULL) ||
               err_set(err, ERR_FORBIDDEN,
                       "The token does not allow _contained: it needs system/*.s, without a restriction");
    if (q->n_types == 0)
        return api__authorise(r, AUTH_SEARCH, NULL, err);
    for (int i = 0; i < q->n_types; i++)
        if (!api__authorise(r, AUTH_SEARCH, q->types[i], err))
            return false;
    return true;
}

static bool parse(struct api_request *r, struct page *p, const struct conformance_view *codes,
                  struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    const struct config *c = r->config;
    struct search_options options = {
        .type = r->type,
        .strict = r->strict,
        .text = store_text(d->store),
        .base = r->base,
        .limits = {(int)c->search_count, (int)c->search_max_count, (int)c->search_max_includes,
                   c->search_total_limit, (int)c->search_max_codes},
        .terminology = codes,
        .opens = (int)c->search_max_opened,
        .pseudonyms = r->principal->pseudonyms,
        .access = api__access(r, AUTH_SEARCH, NULL),
        .included = api__access(r, AUTH_READ, NULL),
    };
    p->path = r->type ? str_of(r->type->name) : STR("");
    if (r->content || r->all_content) {
        if (!fhir_id_valid(r->id))
            return err_set(err, ERR_INVALID,
                           "The id in the URL is not one: 1 to 64 letters, digits, '-' and '.'");
        options.compartment = r->type;
        options.compartment_id = r->id;
        options.type = r->content;
        p->path = str_of(arena_printf(r->a, "%s/%.*s/%s", r->type->name, STR_FMT(r->id),
                                      p->everything ? "$everything"
                                      : r->content  ? r->content->name
                                                    : "*"));
    }
    return search_parse(r->search->registry, store_tenant(d->store), r->a, r->args, r->n_args, &options,
                        &p->q, err);
}

/* The steps tell how many rows were looked at: none of them may be one that the caller does not see. */
static bool may_explain(const struct api_request *r, const struct search_query *q, struct err *err)
{
    bool all = auth_unrestricted(r->principal, AUTH_SEARCH, NULL);
    bool own = q->n_types > 0 && search_asks_own(q);
    for (int i = 0; i < q->n_types; i++)
        own = own && auth_unrestricted(r->principal, AUTH_SEARCH, q->types[i]);
    if (!auth_allows(r->principal, AUTH_EXPLAIN, NULL))
        return err_set(err, ERR_FORBIDDEN,
                       "The token does not allow _explain: it needs the scope " AUTH_SCOPE_EXPLAIN);
    return all || own ||
           err_set(err, ERR_FORBIDDEN,
                   "The token does not allow _explain here: it has to allow the search of everything that is "
                   "asked, "
                   "without a restriction");
}

static bool finds_binaries(const struct search_query *q)
{
    bool found = q->n_types == 0;
    for (int i = 0; i < q->n_types && !found; i++)
        found = strcmp(q->types[i]->name, "Binary") == 0;
    return found;
}

static bool prepare(struct api_request *r, struct page *p, struct err *err)
{
    if (!parse(r, p, NULL, err) || !authorise(r, p->q, err))
        return false;
    r->state = p;
    /* what needs several statements, or parses what it sends, does not run on an event loop */
    if (p->q->explain && !may_explain(r, p->q, err))
        return false;
    /* Binaries are judged one by one, when they have been found and counted */
    if (finds_binaries(p->q) && !auth_unrestricted(r->principal, AUTH_READ, NULL))
        p->q->total = TOTAL_NONE;
    if (p->q->explain || p->q->n_includes || p->q->summary != SUMMARY_FALSE || p->q->n_elements ||
        r->pretty || r->principal->pseudonyms || r->format == FORMAT_XML || p->q->needs_terminology ||
        p->q->contained || search_opens(p->q))
        r->run = RUN_WORKER;
    return true;
}

static bool prepare_search(struct api_request *r, struct err *err)
{
    return prepare(r, ARENA_NEW(r->a, struct page), err);
}

/* $everything of a Patient or an Encounter (patient-operation-everything.html, encounter-operation-everything.html): the
 * compartment, and what its resources refer to. */
static bool prepare_everything(struct api_request *r, struct err *err)
{
    struct page *p = ARENA_NEW(r->a, struct page);
    struct search_arg *args = ARENA_ARRAY(r->a, struct search_arg, r->n_args);
    struct buf self;
    buf_init(&self, r->a, 128);
    for (size_t i = 0; i < r->n_args; i++) {
        args[i] = r->args[i];
        if (!str_is(args[i].name, "_cursor")) {
            buf_adds(&self, self.len ? "&" : "");
            buf_add_percent(&self, args[i].name);
            buf_addc(&self, '=');
            buf_add_percent(&self, args[i].value);
        }
        if (str_is(args[i].name, "_since"))
            args[i] = (struct search_arg){STR("_lastUpdated"),
                                          str_of(arena_printf(r->a, "ge%.*s", STR_FMT(args[i].value)))};
    }
    r->args = args;
    r->all_content = true;
    p->everything = true;
    if (!prepare(r, p, err))
        return false;
    p->q->self = buf_str(&self);
    if (!api__arg(r, "_count").s)
        p->q->count = (int)r->config->search_max_count;
    p->q->includes = ARENA_NEW(r->a, struct search_include); /* whatever they refer to */
    p->q->n_includes = 1;
    r->run = RUN_WORKER;
    return true;
}

static bool plan_page(struct api_request *r, struct sql *q, struct err *err)
{
    const struct page *p = r->state;
    (void)err;
    search_plan(p->q, store_stats(r->api->deps.store), q);
    return true;
}

/* One that ran out of time: what took it. */
static void refuse_cost(struct api_request *r, struct err *err)
{
    const struct page *p = r->state;
    if (err->kind != ERR_TIMEOUT)
        return;
    const struct search_include *i = p->including;
    struct str why = search_costs(p->q, store_stats(r->api->deps.store));
    if (i && p->everything)
        why = STR("it is what the resources of the compartment refer to; ask for a smaller _count");
    else if (i)
        why = str_of(arena_printf(r->a,
                                  "what costs most is '%s=%s%s%s'; ask for a smaller _count, or include less",
                                  i->reverse ? "_revinclude" : "_include", i->source ? i->source->name : "*",
                                  i->param ? ":" : "", i->param ? i->param->code : ""));
    err_set(err, ERR_BUDGET, "The search took longer than one may on this server: %.*s%s", STR_FMT(why),
            r->respond_async ? "" : ". With Prefer: respond-async it may take longer");
}

/* ---- writing the page ----------------------------------------------------------------------------------------- */

static struct str page_url(struct api_request *r, const struct page *p, struct str cursor)
{
    struct buf b;
    buf_init(&b, r->a, 512);
    buf_addf(&b, "%.*s%s%.*s", STR_FMT(r->base), p->path.len ? "/" : "", STR_FMT(p->path));
    if (p->q->self.len)
        buf_addf(&b, "?%.*s", STR_FMT(p->q->self));
    struct str format = api__arg(r, "_format");
    if (format.s) {
        buf_adds(&b, memchr(b.s, '?', b.len) ? "&_format=" : "?_format=");
        buf_add_percent(&b, format);
    }
    if (cursor.s) {
        buf_adds(&b, memchr(b.s, '?', b.len) ? "&_cursor=" : "?_cursor=");
        buf_add_percent(&b, cursor);
    }
    return buf_str(&b);
}

static void add_outcome(struct api_request *r, struct page *p)
{
    struct issues list;
    api__issues_init(r, &list);
    api__note_built_in(r, &list);
    for (size_t i = 0; i < p->q->n_building; i++)
        issues_add(&list, ISSUE_WARNING, "transient", NULL,
                   "The search parameter '%.*s' was left out: its index is still being built; Prefer: "
                   "handling=strict makes it an error",
                   STR_FMT(p->q->building[i]));
    for (size_t i = 0; i < p->q->n_unknown; i++)
        issues_add(&list, ISSUE_WARNING, "not-supported", NULL,
                   "The search parameter '%.*s' is not known here and was left out; Prefer: handling=strict "
                   "makes it an error",
                   STR_FMT(p->q->unknown[i]));
    if (list.n == 0)
        return;
    bundle_entry_open(&p->w);
    bundle_entry_resource(&p->w, api__outcome_text(r->a, &list));
    bundle_entry_search(&p->w, "outcome");
    bundle_entry_close(&p->w);
}

static struct str reduced(struct api_request *r, const struct page *p, struct str content)
{
    json *resource;
    struct err err;
    if ((p->q->summary == SUMMARY_FALSE && p->q->n_elements == 0) ||
        !json_parse(r->a, content, INT16_MAX, &resource, &err))
        return content;
    return json_text(r->a, search_subset(r->api->deps.defs, r->a, resource, p->q->summary, p->q->elements,
                                         p->q->n_elements));
}

/* The resource that a container holds under an id. */
static struct str contained(struct api_request *r, struct str content, struct str id)
{
    json *container;
    struct err err;
    if (json_parse(r->a, content, INT16_MAX, &container, &err))
        json_each (resource, json_get(container, "contained")) {
            const char *own = json_get_string(resource, "id");
            if (own && str_is(id, own))
                return json_text(r->a, resource);
        }
    return content;
}

static struct str measure(const struct db_rows *rows, int i, enum search_column column)
{
    return db_null(rows, i, column) ? STR("") : db_text(rows, i, column);
}

static bool open_row(struct api_request *r, const struct db_rows *rows, int i, struct found *out,
                     struct err *err)
{
    out->type = fhir_resource_by_id(r->api->deps.defs, db_int2(rows, i, SEARCH_RTYPE));
    out->id = db_text(rows, i, SEARCH_RID);
    if (db_int4(rows, i, SEARCH_TENANT) != store_tenant(r->api->deps.store)->id) /* a second lock */
        return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                          "row of another tenant");
    return api__open(r, out->type, out->id, store_text_at(rows, i, SEARCH_CONTENT), &out->content, err);
}

/* x: row i. */
static void add_row(struct api_request *r, struct page *p, const struct db_rows *rows, int i,
                    const struct found *x, const char *mode)
{
    if (!api__may_see(r, x->type, x->content))
        return;
    struct str id = x->id, content = x->content;
    if (p->q->contained && !p->including && !db_null(rows, i, SEARCH_FRAGMENT)) {
        struct str fragment = db_text(rows, i, SEARCH_FRAGMENT);
        content = contained(r, content, fragment);
        id = str_of(arena_printf(r->a, "%.*s#%.*s", STR_FMT(id), STR_FMT(fragment)));
    }
    api__shown(r, db_int8(rows, i, SEARCH_K));
    bundle_entry_open(&p->w);
    bundle_entry_url(&p->w, r->base, x->type->name, id);
    bundle_entry_resource(&p->w, reduced(r, p, content));
    if (strcmp(mode, "match") == 0 && (p->q->text || p->q->near))
        bundle_entry_match(&p->w, measure(rows, i, SEARCH_SCORE), measure(rows, i, SEARCH_DISTANCE));
    else
        bundle_entry_search(&p->w, mode);
    bundle_entry_close(&p->w);
}

static void add_link(struct api_request *r, struct page *p, const struct db_rows *rows, int row,
                     int64_t total, enum search_direction direction)
{
    struct str cursor = search_cursor(p->q, db_text(rows, row, SEARCH_CURSOR),
                                      db_text(rows, row, SEARCH_SNAPSHOT), total, direction);
    bundle_link(&p->w, direction == SEARCH_BEFORE ? "previous" : "next", page_url(r, p, cursor));
}

/* more: there is a row beyond this page, in the direction in which it was read. */
static void add_links(struct api_request *r, struct page *p, const struct db_rows *rows, bool more,
                      int64_t total)
{
    bool back = search_direction(p->q) == SEARCH_BEFORE;
    bundle_link(&p->w, "self", page_url(r, p, p->q->cursor));
    if (p->q->summary == SUMMARY_COUNT)
        return;
    bundle_link(&p->w, "first", page_url(r, p, (struct str){0}));
    if (p->shown > 0 && (back ? more : p->q->cursor.len > 0))
        add_link(r, p, rows, p->first, total, SEARCH_BEFORE);
    if (p->shown > 0 && (back || more))
        add_link(r, p, rows, p->first + p->shown - 1, total, SEARCH_AFTER);
}

static bool start_page(struct api_request *r, const struct db_rows *rows, struct err *err)
{
    struct page *p = r->state;
    int n = db_count(rows);
    if (n > 0 && db_null(rows, 0, SEARCH_RTYPE))
        n = 0;
    p->shown = n > p->q->count ? p->q->count : n;
    p->first = search_direction(p->q) == SEARCH_BEFORE ? n - p->shown : 0;
    int64_t total = db_count(rows) == 0              ? search_total_of_none(p->q)
                    : db_null(rows, 0, SEARCH_TOTAL) ? -1
                                                     : db_int8(rows, 0, SEARCH_TOTAL);
    bundle_start(&p->w, r->a, "searchset");
    if (total >= 0)
        bundle_total(&p->w, total);
    if (p->q->summary == SUMMARY_COUNT)
        p->shown = 0;
    add_links(r, p, rows, n > p->shown, total);
    size_t bytes = 0;
    p->matches = ARENA_ARRAY(r->a, struct found, p->shown);
    for (int i = 0; i < p->shown; i++) {
        if (!open_row(r, rows, p->first + i, &p->matches[i], err))
            return false;
        bytes += p->matches[i].content.len;
    }
    bundle_reserve(&p->w, (size_t)p->shown, bytes);
    for (int i = 0; i < p->shown; i++)
        add_row(r, p, rows, p->first + i, &p->matches[i], "match");
    return true;
}

/* A replica's snapshot "xmin:xmax:" does not tell which transactions between the two are under way: pages could not be cut
 * by it. */
static bool pages_hold(const struct page *p, const struct db_rows *rows)
{
    if (db_count(rows) <= p->q->count)
        return true;
    struct str max, min = str_cut(db_text(rows, 0, SEARCH_SNAPSHOT), ':', &max);
    return max.s && str_eq(min, str_cut(max, ':', &max));
}

static bool reply_page(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    struct page *p = r->state;
    if (r->asked_replica && !pages_hold(p, rows)) {
        r->primary = true;
        return true;
    }
    if (!start_page(r, rows, err))
        return false;
    add_outcome(r, p);
    *out = (struct api_response){.status = 200, .resource = bundle_end(&p->w)};
    return true;
}

/* ---- _include and _revinclude ----------------------------------------------------------------------------------- */

/* What is on the page already, or has been asked for; by "Type/id". */
struct seen {
    struct str *slots;
    size_t n, size;
};

static bool seen_add(struct arena *a, struct seen *s, const struct fhir_type *type, struct str id)
{
    static const struct hash_key fixed = {3, 4};
    if ((s->n + 1) * 2 > s->size) {
        struct seen bigger = {.size = s->size ? s->size * 2 : 256};
        bigger.slots = ARENA_ARRAY(a, struct str, bigger.size);
        for (size_t i = 0; i < s->size; i++) {
            if (!s->slots[i].s)
                continue;
            size_t j = hash_bytes(&fixed, s->slots[i].s, s->slots[i].len) & (bigger.size - 1);
            while (bigger.slots[j].s)
                j = (j + 1) & (bigger.size - 1);
            bigger.slots[j] = s->slots[i];
        }
        bigger.n = s->n;
        *s = bigger;
    }
    struct str key = str_of(arena_printf(a, "%s/%.*s", type->name, STR_FMT(id)));
    size_t i = hash_bytes(&fixed, key.s, key.len) & (s->size - 1);
    for (; s->slots[i].s; i = (i + 1) & (s->size - 1))
        if (str_eq(s->slots[i], key))
            return false;
    s->slots[i] = key;
    s->n++;
    return true;
}

struct including {
    struct api_request *r;
    struct db_conn *c;
    struct page *p;
    struct seen seen;
    struct found *list; /* matches first, then what was included, in order of arrival */
    size_t n, cap;
    int64_t included, deadline_us;
};

static bool too_many(struct including *g, struct err *err)
{
    return err_set(err, ERR_TOO_COSTLY,
                   "_include and _revinclude would add more than %lld resources to one page: ask for a "
                   "smaller _count, or include less",
                   (long long)g->r->config->search_max_includes);
}

/* $everything brings no other types than _type names; an include may. */
static bool asked_for(const struct page *p, const struct fhir_type *type)
{
    bool found = !p->everything || p->q->n_types == 0;
    for (int i = 0; !found && i < p->q->n_types; i++)
        found = p->q->types[i] == type;
    return found;
}

static bool add_found(struct including *g, const struct db_rows *rows, struct err *err)
{
    struct api_request *r = g->r;
    for (int i = 0; i < db_count(rows); i++) {
        const struct fhir_type *type = fhir_resource_by_id(r->api->deps.defs, db_int2(rows, i, SEARCH_RTYPE));
        struct found x;
        if (!asked_for(g->p, type) || !seen_add(r->a, &g->seen, type, db_text(rows, i, SEARCH_RID)))
            continue;
        if (!open_row(r, rows, i, &x, err))
            return false;
        if (!api__may_see(r, type, x.content))
            continue;
        if (++g->included > r->config->search_max_includes)
            return too_many(g, err);
        *ARENA_PUSH(r->a, g->list, g->n, g->cap) = x;
        add_row(r, g->p, rows, i, &x, "include");
    }
    return true;
}

static bool include_forward(struct including *g, const struct search_include *inc, size_t from, size_t to,
                            struct err *err)
{
    struct api_request *r = g->r;
    int16_t *rtypes = NULL;
    struct str *ids = NULL;
    size_t n = 0, cap = 0, n_ids = 0, cap_ids = 0;
    for (size_t i = from; i < to; i++) {
        json *resource;
        struct search_index_ref *refs;
        size_t n_refs;
        if (inc->source && inc->source != g->list[i].type)
            continue;
        if (!json_parse(r->a, g->list[i].content, INT16_MAX, &resource, err) ||
            !search_include_targets(g->p->q, inc, r->a, resource, g->list[i].type, &refs, &n_refs, err))
            return false;
        for (size_t j = 0; j < n_refs; j++) {
            *ARENA_PUSH(r->a, rtypes, n, cap) = (int16_t)refs[j].type->id;
            *ARENA_PUSH(r->a, ids, n_ids, cap_ids) = refs[j].id;
        }
    }
    if (n == 0)
        return true;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    store_read_many_plan(r->api->deps.store, rtypes, ids, n, api__access(r, AUTH_READ, NULL), &q);
    return db_exec(g->c, r->a, &q, &rows, err) && add_found(g, rows, err);
}

static bool include_reverse(struct including *g, const struct search_include *inc, size_t from, size_t to,
                            struct err *err)
{
    struct api_request *r = g->r;
    const struct search_tenant *tenant = store_tenant(r->api->deps.store);
    int64_t *h = ARENA_ARRAY(r->a, int64_t, to - from);
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        if (!inc->target || inc->target == g->list[i].type)
            h[n++] = search_hash_id(tenant, g->list[i].type, g->list[i].id);
    if (n == 0)
        return true;
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    int limit = (int)(r->config->search_max_includes - g->included) + 1;
    search_plan_revinclude(g->p->q, inc, h, n, limit, &q);
    if (!db_exec(g->c, r->a, &q, &rows, err))
        return false;
    return db_count(rows) < limit ? add_found(g, rows, err) : too_many(g, err);
}

/* Rounds: the first looks at the matches; later ones, for :iterate, at what the round before brought. */
static bool include_all(struct including *g, struct err *err)
{
    size_t from = 0, to = g->n;
    for (int round = 0; from < to; round++) {
        for (size_t i = 0; i < g->p->q->n_includes; i++) {
            const struct search_include *inc = &g->p->q->includes[i];
            if (round > 0 && !inc->iterate)
                continue;
            g->p->including = inc;
            if (clock_mono_us() > g->deadline_us)
                return err_set(err, ERR_TIMEOUT, "The search took too long");
            if (!(inc->reverse ? include_reverse : include_forward)(g, inc, from, to, err))
                return false;
        }
        from = to;
        to = g->n;
    }
    return true;
}

/* ---- what is asked of sealed values ------------------------------------------------------------------------------ */

static void release_scratch(void *scratch)
{
    arena_release(scratch);
}

static bool open_candidates(struct api_request *r, struct db_conn *c, struct page *p, struct err *err)
{
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    struct found x;
    search_opening_plan(p->q, store_stats(r->api->deps.store), &q);
    if (!db_exec(c, r->a, &q, &rows, err))
        return false;
    int n = db_count(rows) && db_null(rows, 0, SEARCH_RTYPE) ? 0 : db_count(rows);
    if (n > p->q->options.opens)
        return err_set(
            err, ERR_TOO_COSTLY,
            "What is sorted or compared is sealed (identity.seal), and more than %d resources would "
            "have to be opened (search.max_opened): ask for fewer by other parameters",
            p->q->options.opens);
    bool ok = true;
    struct arena *scratch = ARENA_NEW(r->a, struct arena);
    arena_init(scratch, 0);
    arena_cleanup(r->a, release_scratch, scratch);
    for (int i = 0; ok && i < n; i++) {
        json *resource;
        arena_clear(scratch);
        x.type = fhir_resource_by_id(r->api->deps.defs, db_int2(rows, i, SEARCH_RTYPE));
        x.id = db_text(rows, i, SEARCH_RID);
        ok = store_open(r->api->deps.store, scratch, x.type, x.id, store_text_at(rows, i, SEARCH_CONTENT),
                        &x.content, err) &&
             json_parse(scratch, x.content, INT16_MAX, &resource, err) &&
             search_opening_add(p->q, scratch, db_int8(rows, i, SEARCH_K), x.id, resource, err);
    }
    arena_clear(scratch);
    return ok && search_opening_end(p->q, err);
}

/* One snapshot shows what is opened, and the page. */
static bool find_page(struct api_request *r, struct db_conn *c, struct sql *q, const struct db_rows **rows,
                      struct err *err)
{
    struct page *p = r->state;
    bool opens = search_opens(p->q), begins = opens && !db_in_transaction(c);
    bool ok = (!begins || db_begin_snapshot(c, err)) && (!opens || open_candidates(r, c, p, err)) &&
              plan_page(r, q, err) && db_exec(c, r->a, q, rows, err) && (!begins || db_commit(c, err));
    if (!ok && begins)
        db_rollback(c);
    return ok;
}

/* An iterating include also looks at what other includes of the first round brought, hence the rounds above. */
static bool work_search(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct page *p = r->state;
    const struct db_rows *rows;
    const struct conformance_view *codes;
    struct sql q = {.a = r->a};
    if (p->q->needs_terminology && (!api__terminology(r, c, &codes, err) || !parse(r, p, codes, err)))
        return false;
    int64_t deadline_us = clock_mono_us() + db_search_timeout(c);
    db_search_mode(c, true);
    if (p->q->explain)
        return plan_page(r, &q, err) && api__explain_search(r, c, &q, out, err);
    if (!find_page(r, c, &q, &rows, err) || !start_page(r, rows, err))
        return false;
    if (p->everything && p->shown == 0 && !p->q->cursor.len && p->q->n_types == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no %s with this id", r->type->name);
    struct including g = {.r = r, .c = c, .p = p, .deadline_us = deadline_us};
    for (int i = 0; i < p->shown; i++) {
        seen_add(r->a, &g.seen, p->matches[i].type, p->matches[i].id);
        *ARENA_PUSH(r->a, g.list, g.n, g.cap) = p->matches[i];
    }
    if (!include_all(&g, err))
        return false;
    add_outcome(r, p);
    *out = (struct api_response){.status = 200, .resource = bundle_end(&p->w)};
    return true;
}

#define SEARCH(name)                                                                                         \
    {                                                                                                        \
        .code = (name), .run = RUN_SEARCH, .access = ACCESS_JUDGED, .may_defer = true, .pages = true,        \
        .replica = true, .prepare = prepare_search, .plan = plan_page, .reply = reply_page,                  \
        .work = work_search, .failed = refuse_cost                                                           \
    }
const struct api_interaction api__search_type = SEARCH("search-type");
const struct api_interaction api__search_system = SEARCH("search-system");
const struct api_interaction api__search_compartment = SEARCH("search-compartment");
const struct api_interaction api__everything = {.code = "$everything",
                                                .run = RUN_WORKER,
                                                .access = ACCESS_JUDGED,
                                                .pages = true,
                                                .prepare = prepare_everything,
                                                .work = work_search,
                                                .failed = refuse_cost};
