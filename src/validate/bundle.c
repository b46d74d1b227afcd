/*
 * Bundles (bundle.html): what fullUrl says, results of searches, links; and the entries as references find them
 * (bundle.html#references): an absolute reference by the same fullUrl; a relative one by the fullUrl that begins as that
 * of the entry it stands in.
 */
#include <stdlib.h>

#include "fhir/reference.h"
#include "internal.h"

static const char *const kinds[] = {
    [VALIDATE__DOCUMENT] = "document",
    [VALIDATE__MESSAGE] = "message",
    [VALIDATE__TRANSACTION] = "transaction",
    [VALIDATE__TRANSACTION_RESPONSE] = "transaction-response",
    [VALIDATE__BATCH] = "batch",
    [VALIDATE__BATCH_RESPONSE] = "batch-response",
    [VALIDATE__HISTORY] = "history",
    [VALIDATE__SEARCHSET] = "searchset",
    [VALIDATE__COLLECTION] = "collection",
};

/* ---- entries ---------------------------------------------------------------------------------------- */

static int compare_url(const void *a, const void *b)
{
    const struct validate__entry *x = *(const struct validate__entry *const *)a,
                                 *y = *(const struct validate__entry *const *)b;
    int order = strcmp(x->url, y->url);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int compare_id(const void *a, const void *b)
{
    const struct validate__entry *x = *(const struct validate__entry *const *)a,
                                 *y = *(const struct validate__entry *const *)b;
    int order = strcmp(x->id, y->id);
    return order ? order : x->type->index - y->type->index;
}

static void read_entry(const struct validate__walk *w, const json *node, struct validate__entry *e)
{
    const char *name;
    e->url = json_get_string(node, "fullUrl");
    e->resource = json_get(node, "resource");
    name = json_get_string(e->resource, "resourceType");
    e->type = name ? fhir_resource(w->v->defs, str_of(name)) : NULL;
    e->id = json_get_string(e->resource, "id");
    e->version = json_get_string(json_get(e->resource, "meta"), "versionId");
}

static void read_entries(struct validate__walk *w, struct validate__bundle *b, const json *list)
{
    size_t n = json_count(list);
    b->entries = ARENA_ARRAY(w->a, struct validate__entry, n);
    b->by_url = ARENA_ARRAY(w->a, struct validate__entry *, n);
    json_each (node, list) {
        struct validate__entry *e = &b->entries[b->n];
        e->of = b;
        e->index = b->n++;
        read_entry(w, node, e);
        if (e->url && e->type)
            b->by_url[b->n_urls++] = e;
    }
    if (b->n_urls)
        qsort(b->by_url, b->n_urls, sizeof *b->by_url, compare_url);
    if (b->kind <= VALIDATE__BATCH_RESPONSE)
        return;
    b->by_id = ARENA_ARRAY(w->a, struct validate__entry *, n);
    for (size_t i = 0; i < b->n; i++)
        if (b->entries[i].id && b->entries[i].type)
            b->by_id[b->n_ids++] = &b->entries[i];
    if (b->n_ids)
        qsort(b->by_id, b->n_ids, sizeof *b->by_id, compare_id);
}

/* ---- what a reference finds -------------------------------------------------------------------------- */

/* Those of this URL, and of this version unless it is empty. */
static void find(const struct validate__bundle *b, struct str url, struct str version,
                 struct validate__found *out)
{
    size_t low = 0, high = b->n_urls;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(b->by_url[middle]->url, url.s, url.len);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < b->n_urls && strncmp(b->by_url[low]->url, url.s, url.len) == 0; low++) {
        const struct validate__entry *e = b->by_url[low];
        if (e->url[url.len] || (version.len && !(e->version && str_is(version, e->version))))
            continue;
        if (out->n++ == 0)
            out->entry = e;
    }
}

/* The entry that the walk is in, and its Bundle. */
static const struct validate__entry *entry_of(const struct validate__scope **s)
{
    while (*s && !(*s)->entry)
        *s = (*s)->outer;
    return *s ? (*s)->entry : NULL;
}

const struct validate__entry *validate__bundle_entry_of(const struct validate__bundle *b,
                                                        const struct validate__place *at)
{
    int index = at->up->index;
    return index >= 0 && (size_t)index < b->n && b->entries[index].resource == at->node ? &b->entries[index]
                                                                                        : NULL;
}

const struct validate__bundle *validate__bundle_of(const struct validate__scope *s,
                                                   const struct validate__entry **entry)
{
    *entry = entry_of(&s);
    return *entry ? (*entry)->of : NULL;
}

/* What relative references of the entry are relative to: its fullUrl without Type/id; of a urn, what comes before the
 * id. s NULL: its fullUrl is not that of a resource, so they lead nowhere. */
static struct str base_of(const struct validate__entry *e)
{
    struct str url = str_of(e->url), none = {NULL, 0};
    if (!url.s)
        return none;
    if (str_starts(url, STR("urn:"))) {
        while (url.s[url.len - 1] != ':')
            url.len--;
        return url;
    }
    size_t type = e->type ? strlen(e->type->name) : 0, id = e->id ? strlen(e->id) : 0, tail = type + 1 + id;
    if (!type || !id || url.len < tail || memcmp(url.s + url.len - id, e->id, id) != 0 ||
        url.s[url.len - id - 1] != '/' || memcmp(url.s + url.len - tail, e->type->name, type) != 0)
        return none;
    return (struct str){url.s, url.len - tail};
}

void validate__bundle_resolve(const struct validate__walk *w, const struct validate__bundle *b,
                              const struct validate__entry *from, struct str literal,
                              struct validate__found *out)
{
    struct fhir_reference r;
    struct str rest;
    *out = (struct validate__found){0};
    fhir_reference_parse(w->v->defs, literal, &r);
    if (r.form == FHIR_REF_RELATIVE) {
        struct str base = from ? base_of(from) : (struct str){NULL, 0};
        struct buf url;
        if (!base.s)
            return;
        buf_init(&url, w->a, 128);
        buf_addstr(&url, base);
        if (!str_starts(base, STR("urn:")))
            buf_addf(&url, "%s/", r.type->name);
        buf_addstr(&url, r.id);
        find(b, buf_str(&url), r.version, out);
    } else if (r.form == FHIR_REF_ABSOLUTE || r.form == FHIR_REF_URN || r.form == FHIR_REF_URL) {
        struct str url = str_cut(literal, '#', &rest);
        if (r.version.len)
            url.len -= r.version.len + strlen("/_history/");
        find(b, url, r.version, out);
    }
}

const struct validate__entry *validate__bundle_find(const struct validate__walk *w, const char *literal)
{
    struct validate__found found = {0};
    for (const struct validate__scope *s = w->scope; s && found.n == 0;) {
        const struct validate__entry *from = entry_of(&s);
        if (s && from) {
            validate__bundle_resolve(w, from->of, from, str_of(literal), &found);
            s = s->outer;
        }
    }
    return found.entry;
}

bool validate__bundle_alike(const struct validate__walk *w, const struct validate__bundle *b,
                            const struct fhir_type *type, struct str id, const struct validate__entry **only)
{
    const struct validate__entry e = {.type = type, .id = arena_strndup(w->a, id.s, id.len)}, *key = &e;
    struct validate__entry **at = b->n_ids ? bsearch(&key, b->by_id, b->n_ids, sizeof *at, compare_id) : NULL;
    if (!at)
        return false;
    size_t i = (size_t)(at - b->by_id);
    bool several = (i > 0 && compare_id(&b->by_id[i - 1], at) == 0) ||
                   (i + 1 < b->n_ids && compare_id(&b->by_id[i + 1], at) == 0);
    *only = several ? NULL : *at;
    return true;
}

/* ---- links ------------------------------------------------------------------------------------------- */

/* Pages are of searches and histories. There, each kind of link occurs once. */
void validate__bundle_links(struct validate__walk *w, struct validate__place *at)
{
    const struct validate__bundle *b = w->scope->bundle;
    static const char *const pages[] = {"self", "first", "previous", "prev", "next", "last"};
    unsigned seen = 0;
    struct validate__place link = {.up = at, .name = "link"};
    const json *links = json_get(at->node, "link");
    json_each (node, json_is_array(links) ? links : NULL) {
        const char *relation = json_get_string(node, "relation");
        link.node = node;
        for (unsigned i = 0; relation && i < sizeof pages / sizeof *pages; i++) {
            if (strcmp(relation, pages[i]) != 0)
                continue;
            bool paged = b->kind == VALIDATE__SEARCHSET || b->kind == VALIDATE__HISTORY;
            if (paged && (seen & 1u << i))
                validate__error(w, &link, "invalid", "Two links have the relation '%s': it occurs once",
                                pages[i]);
            else if (i > 0 && (b->kind == VALIDATE__DOCUMENT || b->kind == VALIDATE__MESSAGE))
                validate__error(
                    w, &link, "invalid",
                    "A link with the relation '%s' is for pages of searches and histories, not for "
                    "a %s",
                    pages[i], kinds[b->kind]);
            seen |= 1u << i;
        }
        link.index++;
    }
}

/* ---- results of searches ----------------------------------------------------------------------------- */

static void add_type(struct validate__walk *w, struct validate__bundle *b, struct str name)
{
    const struct fhir_type *t = fhir_resource(w->v->defs, name);
    if (t)
        *ARENA_PUSH(w->a, b->searched, b->n_searched, b->cap_searched) = t;
}

/* Of which types the results are, as the self link says: "…/Patient?…", "…?_type=Patient,Group"; none: any. */
static void read_searched(struct validate__walk *w, struct validate__bundle *b, const json *links)
{
    const char *url = NULL;
    json_each (link, links) {
        const char *relation = json_get_string(link, "relation");
        if (relation && strcmp(relation, "self") == 0)
            url = json_get_string(link, "url");
    }
    struct str query, path = str_cut(str_of(url ? url : ""), '?', &query), last = path;
    while (path.s && path.len)
        last = str_cut(path, '/', &path);
    add_type(w, b, last);
    while (b->n_searched == 0 && query.s) {
        struct str one = str_cut(query, '&', &query), value, name = str_cut(one, '=', &value);
        while (str_is(name, "_type") && value.s)
            add_type(w, b, str_cut(value, ',', &value));
    }
}

static bool is_searched(const struct validate__bundle *b, const struct fhir_type *type)
{
    for (size_t i = 0; i < b->n_searched; i++)
        if (b->searched[i] == type)
            return true;
    return b->n_searched == 0;
}

static void check_result(struct validate__walk *w, struct validate__place *at,
                         const struct validate__bundle *b, const struct validate__entry *e)
{
    const char *mode = json_get_string(json_get(at->node, "search"), "mode");
    struct validate__place resource = {.up = at, .name = "resource", .index = -1, .node = e->resource};
    bool outcome = e->type && strcmp(e->type->name, "OperationOutcome") == 0;
    if (!e->type)
        return;
    if (mode && strcmp(mode, "outcome") == 0) {
        if (!outcome)
            validate__error(w, &resource, "invalid",
                            "The outcome of a search (search.mode) is an OperationOutcome, not a %s",
                            e->type->name);
        return;
    }
    if (!e->id && (mode || !outcome))
        validate__error(w, &resource, "invalid", "The results of a search have an id");
    if (mode && strcmp(mode, "match") == 0 && !is_searched(b, e->type))
        validate__error(
            w, &resource, "invalid",
            "The search, by its self link, was for other types than %s: a result that comes along "
            "has the search.mode 'include'",
            e->type->name);
}

/* ---- the Bundle -------------------------------------------------------------------------------------- */

void validate__bundle_begin(struct validate__walk *w, const json *node)
{
    struct validate__scope *s = w->scope;
    struct validate__bundle *b = s->bundle = ARENA_NEW(w->a, struct validate__bundle);
    const char *type = json_get_string(node, "type");
    const json *list = json_get(node, "entry"), *links = json_get(node, "link");
    *b = (struct validate__bundle){.kind = VALIDATE__UNKNOWN};
    for (int i = 0; type && i < VALIDATE__UNKNOWN; i++)
        if (strcmp(type, kinds[i]) == 0)
            b->kind = (enum validate__bundle_kind)i;
    s->conditional |= b->kind == VALIDATE__TRANSACTION;
    read_entries(w, b, json_is_array(list) ? list : NULL);
    if (json_is_array(links))
        read_searched(w, b, links);
}

/* ---- an entry ---------------------------------------------------------------------------------------- */

/* "Except for transactions and batches, each entry must have a fullUrl"; so may what a search or an operation tells
 * about itself have none. */
static bool needs_full_url(const struct validate__bundle *b, const struct validate__entry *e)
{
    if (!e->resource || (e->type && strcmp(e->type->name, "OperationOutcome") == 0))
        return false;
    return b->kind != VALIDATE__UNKNOWN && b->kind > VALIDATE__BATCH_RESPONSE;
}

/* fullUrl is absolute, and agrees with the id of the resource unless it is a urn. A request may be for a
 * resource that has no id yet. */
static void check_full_url(struct validate__walk *w, struct validate__place *at,
                           const struct validate__bundle *b, const struct validate__entry *e)
{
    struct fhir_reference r;
    if (!e->url) {
        if (needs_full_url(b, e))
            validate__error(
                w, at, "required",
                "Bundle.entry.fullUrl is required, but in transactions and batches: add 'urn:uuid:…' when "
                "the resource has no URL");
        return;
    }
    if (!strchr(e->url, ':')) {
        validate__error(w, at, "value", "Bundle.entry.fullUrl must be an absolute URL or 'urn:uuid:…'");
        return;
    }
    fhir_reference_parse(w->v->defs, str_of(e->url), &r);
    if (r.form != FHIR_REF_ABSOLUTE || !e->type || (!e->id && json_get(at->node, "request")))
        return;
    if (!e->id || !str_is(r.id, e->id) || r.type != e->type)
        validate__error(w, at, "value",
                        "Bundle.entry.fullUrl disagrees with the type or the id of the resource");
}

void validate__bundle_entry(struct validate__walk *w, struct validate__place *at)
{
    const struct validate__bundle *b = w->scope->bundle;
    if (!b || at->index < 0 || (size_t)at->index >= b->n)
        return;
    const struct validate__entry *e = &b->entries[at->index];
    check_full_url(w, at, b, e);
    if (b->kind == VALIDATE__SEARCHSET)
        check_result(w, at, b, e);
}
