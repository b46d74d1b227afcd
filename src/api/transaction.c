/*
 * Transactions (http.html#transaction): one database transaction, all or nothing; DELETE, POST, PUT, GET in that order.
 *
 * Everything is known before the first row is written: what each entry names (by locks on the criteria of conditional
 * ones), the links between them, the contents. Then the rows are locked in one order.
 */
#include <stdlib.h>

#include "entry.h"
#include "links.h"

enum { STATEMENT_ROWS = 500 };

struct transaction {
    struct api_request *r;
    struct db_conn *c;
    struct arena *a;
    struct entry *entries;
    size_t n;
    struct links links;
    struct links conditional;    /* answers to conditional references */
    struct store_write **writes; /* of all entries */
    size_t n_writes, cap_writes;
    struct entry **sorted; /* by identity */
    bool gathered;         /* conditional references were looked up */
    bool locked;           /* all rows that are to be changed: none is yet to be made */
    bool changed;          /* by somebody else, between our looking and our locking: start over */
};

/* ---- before anything is written ------------------------------------------------------------------------------------ */

static bool fail_entry(struct arena *a, const struct entry *e, struct err *err)
{
    struct err cause = *err;
    return err_at(err, cause.kind, entry_expression(a, e->index, cause.expression, *cause.expression != '\0'),
                  "Entry %zu: %s", e->index, cause.msg);
}

/* Requests, rights, validity of every entry. False with *out filled: findings of one or more entries. */
static bool read_entries(struct transaction *t, struct api_response *out, struct err *err)
{
    const json *list = json_get(t->r->body, "entry");
    struct issues *findings = api__issues(t->r);
    t->n = json_count(list);
    t->entries = ARENA_ARRAY(t->a, struct entry, t->n);
    size_t index = 0;
    json_each (node, list) {
        struct entry *e = &t->entries[index];
        e->index = index++;
        if (!entry_request(t->r, node, e, err))
            return fail_entry(t->a, e, err);
        const struct api_interaction *i = e->r->route->interaction;
        e->r->in_transaction = true;
        if (!api__admit(e->r, err))
            return fail_entry(t->a, e, err);
        if (!i->body || api__validate(e->r, &e->out))
            continue;
        entry_place_issues(t->a, e->index, e->out.issues);
        for (size_t f = 0; f < e->out.issues->n; f++) {
            *ARENA_PUSH(t->a, findings->list, findings->n, findings->cap) = e->out.issues->list[f];
            findings->errors += e->out.issues->list[f].severity <= ISSUE_ERROR;
        }
    }
    entry_check_bundle(t->r, findings);
    if (findings->errors)
        *out = (struct api_response){.status = api__issues_status(findings), .issues = findings};
    return true;
}

static bool is_conditional(const struct entry *e)
{
    const struct api_interaction *i = e->r->route->interaction;
    return i == &api__conditional_update || i == &api__conditional_delete ||
           (i == &api__create && e->r->if_none_exist.s);
}

struct keys {
    int64_t *list;
    size_t n, cap;
};

static struct str criteria_of(const struct entry *e)
{
    return e->order == ORDER_POST ? e->r->if_none_exist : e->r->query;
}

static bool add_criteria(struct transaction *t, struct entry *e, struct keys *keys, struct err *err)
{
    int64_t *more;
    size_t n;
    if (!api__authorise(e->r, AUTH_SEARCH, e->r->type, err) ||
        !api__criteria_keys(e->r, e->r->type, criteria_of(e), &more, &n, err))
        return fail_entry(t->a, e, err);
    for (size_t i = 0; i < n; i++)
        *ARENA_PUSH(t->a, keys->list, keys->n, keys->cap) = more[i];
    return true;
}

/* All criteria of the Bundle at once, so that Bundles that share some do not wait for each other in a circle. After
 * another writer was faster, all that is written besides: then this one is next. */
static bool lock_names(struct transaction *t, struct err *err)
{
    struct store *s = t->r->api->deps.store;
    struct keys keys = {0};
    for (size_t i = 0; i < t->n; i++) {
        struct entry *e = &t->entries[i];
        if (is_conditional(e)) {
            if (!add_criteria(t, e, &keys, err))
                return false;
        } else if (t->r->attempts > 1 && e->r->id.s && (e->order == ORDER_PUT || e->order == ORDER_DELETE)) {
            *ARENA_PUSH(t->a, keys.list, keys.n, keys.cap) =
                search_hash_id(store_tenant(s), e->r->type, e->r->id);
        }
    }
    if (keys.n == 0)
        return true;
    struct sql q = {.a = t->a};
    store_lock_plan(keys.list, keys.n, &q);
    return db_exec(t->c, t->a, &q, NULL, err);
}

/* What a conditional entry names, now that the criteria are locked. */
static bool match_entry(struct transaction *t, struct entry *e, struct err *err)
{
    struct api_request *r = e->r;
    struct api_match_row *rows;
    size_t n;
    bool many = e->order == ORDER_DELETE && r->config->store_conditional_delete != 0;
    if (!api__match(r, t->c, r->type, criteria_of(e), many ? API_MATCHES_MAX + 1 : 2, false, &rows, &n, err))
        return false;
    if (n > API_MATCHES_MAX)
        return err_set(err, ERR_TOO_COSTLY, "The criteria match more than %d resources: narrow them",
                       API_MATCHES_MAX);
    if (e->order == ORDER_PUT) {
        struct store_update *u = ARENA_NEW(t->a, struct store_update);
        r->state = u;
        if (!api__update_target(r, t->c, rows, n, u, err))
            return false;
        r->id = u->w.id;
        return true;
    }
    if (n > 1 && !many)
        return err_set(err, ERR_MULTIPLE, "The criteria match several resources");
    if (e->order == ORDER_DELETE) {
        e->matches = rows;
        e->n_matches = n;
        return true;
    }
    e->matched = n == 1;
    if (n == 1)
        r->id = rows[0].id;
    return true;
}

static void new_id(struct api_request *r)
{
    char id[37];
    store_new_id(id);
    r->id = str_of(arena_strdup(r->a, id));
}

static struct str identity(struct arena *a, const struct fhir_type *type, struct str id)
{
    return str_of(arena_printf(a, "%s/%.*s", type->name, STR_FMT(id)));
}

/* The same criteria twice in a Bundle name one resource, though it may not be there yet. */
static bool identify_conditional(struct transaction *t, struct entry *e, struct err *err)
{
    struct api_request *r = e->r;
    bool create = e->order == ORDER_POST;
    struct str target, rest, key = criteria_of(e);
    key = str_of(arena_printf(t->a, "%s?%.*s", r->type->name, STR_FMT(key)));
    if (create && links_get(&t->conditional, key, &target)) {
        str_cut(target, '/', &rest);
        r->id = rest;
        e->matched = true;
        return true;
    }
    if (!match_entry(t, e, err))
        return false;
    if (e->order == ORDER_DELETE)
        return true;
    if (create && !e->matched)
        new_id(r);
    struct str own = identity(t->a, r->type, r->id);
    if (!links_add(&t->conditional, key, own) && links_get(&t->conditional, key, &target) &&
        !str_eq(own, target))
        return err_set(err, ERR_INVALID, "Another entry of the transaction writes the same resource");
    return true;
}

/* Gives every entry that writes its final identity. */
static bool identify(struct transaction *t, struct entry *e, struct err *err)
{
    if (is_conditional(e))
        return identify_conditional(t, e, err);
    if (e->r->route->interaction == &api__create)
        new_id(e->r);
    return true;
}

/* http.html#transaction: one resource may be written by one entry only. */
static bool claim(struct transaction *t, struct links *written, const struct entry *e, struct str id,
                  struct err *err)
{
    struct str who = identity(t->a, e->r->type, id);
    return links_add(written, who, who) ||
           err_set(err, ERR_INVALID, "Another entry of the transaction writes the same resource");
}

static bool identify_all(struct transaction *t, struct err *err)
{
    struct links written;
    links_init(&written, t->a, t->r->api->deps.defs, t->r->base);
    for (size_t i = 0; i < t->n; i++) {
        struct entry *e = &t->entries[i];
        if (!identify(t, e, err))
            return fail_entry(t->a, e, err);
        if (e->order == ORDER_GET)
            continue;
        for (size_t m = 0; m < e->n_matches; m++)
            if (!claim(t, &written, e, e->matches[m].id, err))
                return fail_entry(t->a, e, err);
        if (!e->r->id.s || (e->order == ORDER_POST && e->matched))
            ; /* a conditional delete, or nothing to write */
        else if (!claim(t, &written, e, e->r->id, err))
            return fail_entry(t->a, e, err);
        if (e->full_url.s && e->r->id.s && e->order != ORDER_DELETE &&
            !links_add(&t->links, e->full_url, identity(t->a, e->r->type, e->r->id))) {
            err_set(err, ERR_INVALID, "Another entry of the transaction has the same fullUrl");
            return fail_entry(t->a, e, err);
        }
    }
    return true;
}

struct gathering {
    struct transaction *t;
    struct links seen;
    struct api_named *list;
    struct str *references;
    size_t n, cap, n_references, cap_references;
};

static void gather_reference(struct gathering *g, struct str reference)
{
    struct fhir_reference ref;
    struct str known;
    if (!memchr(reference.s, '?', reference.len) || links_get(&g->t->conditional, reference, &known))
        return;
    fhir_reference_parse(g->t->r->api->deps.defs, reference, &ref);
    if (ref.form != FHIR_REF_QUERY || !links_add(&g->seen, reference, reference))
        return;
    *ARENA_PUSH(g->t->a, g->list, g->n, g->cap) = (struct api_named){.type = ref.type, .query = ref.query};
    *ARENA_PUSH(g->t->a, g->references, g->n_references, g->cap_references) = reference;
}

/* Whatever is called "reference": one too many does no harm. */
static void gather_from(struct gathering *g, const json *node)
{
    json_each (child, node) {
        if (json_is_object(child) || json_is_array(child))
            gather_from(g, child);
        else if (json_is_string(child) && child->string && strcmp(child->string, "reference") == 0)
            gather_reference(g, str_of(child->valuestring));
    }
}

static bool is_write(const struct entry *e);

/* Those of all entries by one statement, as far as one can answer them; the others one by one, when they are met. */
static bool gather_references(struct transaction *t, struct err *err)
{
    struct gathering g = {.t = t};
    links_init(&g.seen, t->a, t->r->api->deps.defs, t->r->base);
    for (size_t i = 0; i < t->n; i++)
        if (is_write(&t->entries[i]))
            gather_from(&g, t->entries[i].r->body);
    if (!api__match_many(t->r, t->c, g.list, g.n, err))
        return false;
    for (size_t i = 0; i < g.n; i++)
        if (g.list[i].id.s)
            links_add(&t->conditional, g.references[i], identity(t->a, g.list[i].type, g.list[i].id));
    return true;
}

/* http.html#transaction, conditional references: exactly one match, else the transaction fails. */
static bool resolve_conditional(void *arg, struct str reference, struct str *target, struct err *err)
{
    struct transaction *t = arg;
    struct fhir_reference ref;
    struct api_match_row *rows;
    size_t n;
    if (links_get(&t->conditional, reference, target))
        return true;
    if (!t->gathered) {
        t->gathered = true;
        if (!gather_references(t, err))
            return false;
        if (links_get(&t->conditional, reference, target))
            return true;
    }
    fhir_reference_parse(t->r->api->deps.defs, reference, &ref);
    if (!api__authorise(t->r, AUTH_SEARCH, ref.type, err) ||
        !api__match(t->r, t->c, ref.type, ref.query, 2, false, &rows, &n, err))
        return false;
    if (n != 1)
        return err_set(err, n ? ERR_MULTIPLE : ERR_PRECONDITION,
                       "A conditional reference to a %s matches %s resource", ref.type->name,
                       n ? "more than one" : "no");
    *target = identity(t->a, ref.type, rows[0].id);
    links_add(&t->conditional, reference, *target);
    return true;
}

/* ---- transaction: writing ---------------------------------------------------------------------------------------- */

static bool is_write(const struct entry *e)
{
    return e->order != ORDER_GET && e->r->route->interaction->body && !(e->order == ORDER_POST && e->matched);
}

/* Links, index values and content of what will be stored. */
static bool make_writes(struct transaction *t, struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        struct entry *e = &t->entries[i];
        struct api_request *r = e->r;
        if (!is_write(e))
            continue;
        if (!links_rewrite(&t->links, r->body, e->full_url.s ? e->full_url : STR(""), err))
            return fail_entry(t->a, e, err);
        if (r->route->interaction == &api__conditional_update) {
            struct store_update *u = r->state;
            if (!api__make_write(r, r->body, r->type, r->id, &u->w, err))
                return fail_entry(t->a, e, err);
        } else if (!r->route->interaction->prepare(r, err)) {
            return fail_entry(t->a, e, err);
        }
        *ARENA_PUSH(t->a, t->writes, t->n_writes, t->cap_writes) =
            e->order == ORDER_POST ? r->write : &((struct store_update *)r->state)->w;
    }
    return true;
}

static bool lock_rows(struct transaction *t, struct err *err)
{
    int16_t *rtypes = NULL;
    struct str *ids = NULL;
    size_t n = 0, cap = 0, n_ids = 0, cap_ids = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct entry *e = &t->entries[i];
        if (e->order != ORDER_DELETE && e->order != ORDER_PUT)
            continue;
        for (size_t m = 0; m < e->n_matches; m++) {
            *ARENA_PUSH(t->a, rtypes, n, cap) = (int16_t)e->r->type->id;
            *ARENA_PUSH(t->a, ids, n_ids, cap_ids) = e->matches[m].id;
        }
        if (e->r->id.s) {
            *ARENA_PUSH(t->a, rtypes, n, cap) = (int16_t)e->r->type->id;
            *ARENA_PUSH(t->a, ids, n_ids, cap_ids) = e->r->id;
        }
    }
    struct sql q = {.a = t->a};
    const struct db_rows *rows;
    t->locked = true;
    if (n == 0)
        return true;
    store_lock_rows_plan(t->r->api->deps.store, rtypes, ids, n, &q);
    if (!db_exec(t->c, t->a, &q, &rows, err))
        return false;
    t->locked = (size_t)db_count(rows) == n;
    return true;
}

static bool delete_matches(struct transaction *t, struct entry *e, struct err *err)
{
    const struct audit_write audit = api__audit_write(e->r);
    for (size_t m = 0; m < e->n_matches; m++) {
        struct sql q = {.a = t->a};
        const struct db_rows *rows;
        const struct api_match_row *match = &e->matches[m];
        if (!api__may_change(e->r, match->type, match->id, err) ||
            !api__check_stored(e->r, t->c, AUTH_DELETE, match->id, err))
            return false;
        store_delete_plan(t->r->api->deps.store, match->type, match->id, match->ver, &audit, &q);
        if (!db_exec(t->c, t->a, &q, &rows, err))
            return false;
        t->changed = store_delete_reply(match->ver, rows, &(struct store_written){0}) != STORE_UPDATED;
        if (t->changed)
            return err_set(err, ERR_CONFLICT,
                           "Another request wrote the same resources at the same time; try again");
    }
    e->out = (struct api_response){.status = 204, .written = true};
    return true;
}

/* All creates go as few statements. */
static bool create_all(struct transaction *t, struct err *err)
{
    struct store *s = t->r->api->deps.store;
    struct store_write **list = ARENA_ARRAY(t->a, struct store_write *, t->n);
    struct entry **entries = ARENA_ARRAY(t->a, struct entry *, t->n);
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct entry *e = &t->entries[i];
        if (e->order != ORDER_POST || !is_write(e))
            continue;
        entries[n] = e;
        list[n++] = e->r->write;
    }
    for (size_t from = 0; from < n; from += STATEMENT_ROWS) {
        size_t rows_here = n - from < STATEMENT_ROWS ? n - from : STATEMENT_ROWS;
        struct sql q = {.a = t->a};
        const struct db_rows *rows;
        struct store_written w;
        store_create_plan(s, list + from, rows_here, false, &q);
        if (!db_exec(t->c, t->a, &q, &rows, err) || !store_create_reply(rows, &w, err))
            return false;
        for (size_t i = from; i < from + rows_here; i++)
            api__created(entries[i]->r, &w, &entries[i]->out);
    }
    return true;
}

/* One statement of updates. What another writer hinders, or labels that the stored version has, is left for run_entry(). */
static bool update_some(struct transaction *t, struct entry **entries, size_t n, struct err *err)
{
    struct store *s = t->r->api->deps.store;
    struct store_update **list = ARENA_ARRAY(t->a, struct store_update *, n);
    enum store_outcome *outcomes = ARENA_ARRAY(t->a, enum store_outcome, n);
    struct store_written *at = ARENA_ARRAY(t->a, struct store_written, n);
    struct sql q = {.a = t->a};
    const struct db_rows *rows;
    for (size_t i = 0; i < n; i++)
        list[i] = entries[i]->r->state;
    list[0]->words = false;
    store_updates_plan(s, list, n, &q);
    if (!db_exec(t->c, t->a, &q, &rows, err))
        return false;
    store_updates_reply(list, n, rows, outcomes, at);
    for (size_t i = 0; i < n; i++)
        if (outcomes[i] != STORE_RACED && outcomes[i] != STORE_LABELS &&
            !api__updated(entries[i]->r, list[i], outcomes[i], &at[i], &entries[i]->out, err))
            return fail_entry(t->a, entries[i], err);
    return true;
}

/* What is stored need not be asked first whether this token may change it. */
static bool is_plain_update(const struct entry *e)
{
    return e->order == ORDER_PUT && e->r->state && is_write(e) && !api__is_restricted(e->r, AUTH_UPDATE);
}

/* All updates, of different resources, go as few statements; run_order() sees to the rest. Rows that were not locked
 * beforehand, since they were not there, a statement would wait for in an order that PostgreSQL chooses. */
static bool update_all(struct transaction *t, struct err *err)
{
    struct entry **entries = ARENA_ARRAY(t->a, struct entry *, t->n);
    size_t n = 0;
    for (size_t i = 0; t->locked && i < t->n; i++)
        if (is_plain_update(t->sorted[i]))
            entries[n++] = t->sorted[i];
    for (size_t from = 0; from < n; from += STATEMENT_ROWS)
        if (!update_some(t, entries + from, n - from < STATEMENT_ROWS ? n - from : STATEMENT_ROWS, err))
            return false;
    return true;
}

/* A read or a patch. A transaction succeeds with a 2xx or 3xx for every entry, else not at all. */
static bool run_alone(struct transaction *t, struct entry *e, struct err *err)
{
    if (!api__prepare(e->r, &e->out, err))
        return false;
    if (!e->out.status && !api__run_on(e->r, t->c, &e->out, err))
        return false;
    return e->out.status < 400 || api__error_of(&e->out, err);
}

static bool run_entry(struct transaction *t, struct entry *e, struct err *err)
{
    struct api_request *r = e->r;
    if (e->order == ORDER_DELETE && is_conditional(e))
        return delete_matches(t, e, err);
    if (e->order == ORDER_PUT && r->state)
        return api__update_on(r, t->c, r->body, r->state, &e->out, err);
    if (e->matched) {
        struct sql q = {.a = t->a};
        const struct db_rows *rows;
        struct store_version v = {0};
        store_read_plan(r->api->deps.store, r->type, r->id, &q);
        if (!db_exec(t->c, t->a, &q, &rows, err))
            return false;
        if (!store_read_reply(rows, &v) || v.deleted)
            return err_set(err, ERR_CONFLICT,
                           "The resource that ifNoneExist matches was deleted at the same time; try again");
        e->out = (struct api_response){
            .status = 200, .type = r->type, .id = r->id, .ver = v.ver, .lu_us = v.lu_us, .written = true};
        return store_open(r->api->deps.store, t->a, r->type, r->id, v.text, &e->out.resource, err);
    }
    return r->route->interaction->body || run_alone(t, e, err);
}

static int by_identity(const void *x, const void *y)
{
    const struct entry *a = *(struct entry *const *)x, *b = *(struct entry *const *)y;
    int order = (a->r->type ? a->r->type->id : 0) - (b->r->type ? b->r->type->id : 0);
    if (order == 0 && a->r->id.s && b->r->id.s)
        order = strcmp(a->r->id.s, b->r->id.s);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Rows that are not there yet cannot be locked beforehand: all transactions make them in one order. */
static void sort_entries(struct transaction *t)
{
    t->sorted = ARENA_ARRAY(t->a, struct entry *, t->n);
    for (size_t i = 0; i < t->n; i++)
        t->sorted[i] = &t->entries[i];
    if (t->n)
        qsort(t->sorted, t->n, sizeof(struct entry *), by_identity);
}

static bool run_order(struct transaction *t, enum entry_order order, struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        struct entry *e = order == ORDER_GET ? &t->entries[i] : t->sorted[i];
        bool done = e->out.status || (order == ORDER_POST && is_write(e));
        if (e->order == order && !done && !run_entry(t, e, err)) {
            t->changed |= e->r->again;
            return fail_entry(t->a, e, err);
        }
    }
    return true;
}

/* After the writes, so that entries may refer to each other. */
static bool check_references(struct transaction *t, struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        struct entry *e = &t->entries[i];
        if (!is_write(e))
            continue;
        const struct store_write *w =
            e->order == ORDER_POST ? e->r->write : &((struct store_update *)e->r->state)->w;
        if (!api__check_written(e->r, t->c, w, err))
            return fail_entry(t->a, e, err);
    }
    return true;
}

static bool add_words(struct transaction *t, struct err *err)
{
    struct sql q = {.a = t->a};
    return !store_words_plan(t->r->api->deps.store, t->writes, t->n_writes, &q) ||
           db_exec(t->c, t->a, &q, NULL, err);
}

static bool write_all(struct transaction *t, struct err *err)
{
    if (!lock_names(t, err) || !identify_all(t, err) || !make_writes(t, err) || !lock_rows(t, err))
        return false;
    sort_entries(t);
    return run_order(t, ORDER_DELETE, err) && create_all(t, err) && run_order(t, ORDER_POST, err) &&
           update_all(t, err) && run_order(t, ORDER_PUT, err) && check_references(t, err) &&
           add_words(t, err) && run_order(t, ORDER_GET, err);
}

bool api__transaction(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    struct transaction t = {.r = r, .c = c, .a = r->a};
    links_init(&t.links, r->a, r->api->deps.defs, r->base);
    links_init(&t.conditional, r->a, r->api->deps.defs, r->base);
    t.links.resolve = resolve_conditional;
    t.links.arg = &t;
    if (!read_entries(&t, out, err))
        return false;
    if (out->status)
        return true;
    if (!db_begin(c, err))
        return false;
    if (!write_all(&t, err) || !db_commit(c, err)) {
        r->again = t.changed;
        r->body = NULL; /* links were rewritten in it: another attempt begins from the text */
        db_rollback(c);
        return false;
    }
    r->a->limit = 0; /* the answer to a write is not refused for its size */
    store_committed(r->api->deps.store, t.writes, t.n_writes);
    struct bundle w;
    bundle_start(&w, r->a, "transaction-response");
    for (size_t i = 0; i < t.n; i++)
        entry_answer(&w, r, &t.entries[i]);
    *out = (struct api_response){.status = 200, .resource = bundle_end(&w)};
    return true;
}
