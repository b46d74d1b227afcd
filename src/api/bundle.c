/* Bundles: batch (http.html#batch) and transaction, on a worker. */
#include <stdio.h>

#include "entry.h"
#include "gather.h"

static void batch_entry(struct api_request *whole, struct gather *g, const json *node,
                        struct issues *findings, struct entry *e)
{
    struct err err;
    if (!entry_request(whole, node, e, &err)) {
        api__error_response(e->r, &err, &e->out);
        return;
    }
    if (findings->errors) {
        e->out = (struct api_response){.status = 400, .issues = findings};
        return;
    }
    e->tried = true;
    if (!api__prepare(e->r, &e->out, &err))
        api__error_response(e->r, &err, &e->out);
    else if (!e->out.status)
        gather_add(g, e->r, &e->out);
}

static void answer_entry(struct bundle *w, struct api_request *whole, struct entry *e)
{
    if (e->tried && e->out.issues && e->r->route->interaction->body)
        entry_place_issues(whole->a, e->index, e->out.issues);
    entry_answer(w, whole, e);
}

/* -1: not of an entry. */
static long entry_of(const struct issue *i)
{
    long index;
    return i->expression && sscanf(i->expression, "Bundle.entry[%ld]", &index) == 1 ? index : -1;
}

/* The findings of one entry, or those of none. */
static struct issues *findings_of(struct arena *a, const struct issues *all, long entry)
{
    struct issues *own = ARENA_NEW(a, struct issues);
    issues_init(own, a);
    own->language = all->language;
    for (size_t i = 0; all->errors && i < all->n; i++) {
        if (entry_of(&all->list[i]) != entry)
            continue;
        *ARENA_PUSH(a, own->list, own->n, own->cap) = all->list[i];
        own->errors += all->list[i].severity <= ISSUE_ERROR;
    }
    return own;
}

static void batch(struct api_request *r, struct db_conn *c, struct api_response *out)
{
    struct bundle w;
    struct issues findings, *own;
    const json *list = json_get(r->body, "entry");
    struct entry *entries = ARENA_ARRAY(r->a, struct entry, json_count(list));
    struct gather *g = ARENA_NEW(r->a, struct gather);
    size_t n = 0;
    api__issues_init(r, &findings);
    entry_check_bundle(r, &findings);
    own = findings_of(r->a, &findings, -1);
    if (own->errors) {
        *out = (struct api_response){.status = 400, .issues = own};
        return;
    }
    gather_init(g, r->a, c);
    json_each (node, list) {
        entries[n].index = n;
        own = findings_of(r->a, &findings, (long)n);
        batch_entry(r, g, node, own, &entries[n++]);
    }
    gather_flush(g);
    bundle_start(&w, r->a, "batch-response");
    for (size_t i = 0; i < n; i++)
        answer_entry(&w, r, &entries[i]);
    *out = (struct api_response){.status = 200, .resource = bundle_end(&w)};
}

/* ---- the interaction ---------------------------------------------------------------------------------------------- */

static bool work_bundle(struct api_request *r, struct db_conn *c, struct api_response *out, struct err *err)
{
    if (!api__read_body(r, err))
        return false;
    const char *resource_type = json_get_string(r->body, "resourceType"),
               *type = json_get_string(r->body, "type");
    if (!resource_type || strcmp(resource_type, "Bundle") != 0)
        return err_set(
            err, ERR_INVALID,
            "A Bundle of type batch or transaction was expected; a single resource is posted to its type");
    const json *entries = json_get(r->body, "entry");
    if (entries && !json_is_array(entries))
        return err_at(err, ERR_INVALID, "Bundle.entry", "Bundle.entry is an array");
    if ((int64_t)json_count(entries) > r->config->store_bundle_entries)
        return err_at(err, ERR_TOO_LARGE, "Bundle.entry",
                      "This server takes at most %lld entries in a Bundle",
                      (long long)r->config->store_bundle_entries);
    r->place = ARENA_NEW(r->a, struct issues_place);
    if (type && strcmp(type, "batch") == 0) {
        r->http->log_interaction = "batch";
        batch(r, c, out);
        return true;
    }
    if (type && strcmp(type, "transaction") == 0) {
        r->http->log_interaction = "transaction";
        return api__transaction(r, c, out, err);
    }
    return err_at(err, ERR_INVALID, "Bundle.type",
                  "Bundle.type: batch or transaction was expected; Bundles of other types are "
                  "stored by posting them to /Bundle");
}

const struct api_interaction api__bundle = {
    .code = "bundle", .run = RUN_WORKER, .access = ACCESS_JUDGED, .work = work_bundle};
