/* The snapshot: from a canonical to the resource that it means. */
#include <stdlib.h>

#include "base/hash.h"
#include "internal.h"

/* ---- order ------------------------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Runs of digits compare as numbers: 2.10 comes after 2.9. */
static int compare_versions(const char *x, const char *y)
{
    while (*x && *y) {
        if (is_digit(*x) && is_digit(*y)) {
            char *x_end, *y_end;
            unsigned long long m = strtoull(x, &x_end, 10), n = strtoull(y, &y_end, 10);
            if (m != n)
                return m < n ? -1 : 1;
            x = x_end;
            y = y_end;
        } else if (*x != *y) {
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        } else {
            x++;
            y++;
        }
    }
    return (*x != '\0') - (*y != '\0');
}

static int compare(const struct conformance_entry *x, const struct conformance_entry *y)
{
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->url, y->url);
    if (order == 0)
        order = y->layer - x->layer;
    if (order == 0)
        order = x->rank - y->rank;
    if (order == 0)
        order = compare_versions(y->version ? y->version : "", x->version ? x->version : "");
    if (order == 0)
        order = (y->id.s != NULL) - (x->id.s != NULL);
    return order || !x->id.s || !y->id.s ? order : strcmp(x->id.s, y->id.s);
}

static int by_worth(const void *a, const void *b)
{
    return compare(*(struct conformance_entry *const *)a, *(struct conformance_entry *const *)b);
}

static const struct hash_key fixed = {0x636f6e66, 0x6f726d};

static uint32_t hash(enum conformance_kind kind, struct str url)
{
    return (uint32_t)hash_bytes(&fixed, url.s, url.len) + (uint32_t)kind;
}

static bool same_url(const struct conformance_entry *e, enum conformance_kind kind, struct str url)
{
    return e->kind == kind && str_is(url, e->url);
}

/* ---- making ----------------------------------------------------------------------------------------------- */

/* What is new is sorted in; base is in order already. */
static struct conformance_entry **merge(struct arena *a, const struct conformance_view *base,
                                        struct conformance_entry *const *entries, size_t n)
{
    size_t n_base = base ? base->first[CONFORMANCE_N_KINDS] : 0, at = 0;
    struct conformance_entry **own = ARENA_ARRAY(a, struct conformance_entry *, n),
                             **all = ARENA_ARRAY(a, struct conformance_entry *, n_base + n);
    if (n) {
        memcpy(own, entries, sizeof *own * n);
        qsort(own, n, sizeof *own, by_worth);
    }
    for (size_t i = 0, k = 0; i < n_base || k < n;)
        if (k == n || (i < n_base && compare(base->entries[i], own[k]) <= 0))
            all[at++] = base->entries[i++];
        else
            all[at++] = own[k++];
    return all;
}

static void index_entries(struct conformance_view *v, struct arena *a, size_t n)
{
    size_t size = 4;
    while (size < n * 2)
        size *= 2;
    v->mask = (uint32_t)size - 1;
    v->slots = ARENA_ARRAY(a, uint32_t, size);
    for (size_t i = 0; i < n; i++) {
        const struct conformance_entry *e = v->entries[i];
        struct str url = str_of(e->url);
        v->first[e->kind + 1] = i + 1;
        v->layer = e->layer > v->layer ? e->layer : v->layer;
        if (i > 0 && same_url(v->entries[i - 1], e->kind, url))
            continue;
        uint32_t at = hash(e->kind, url);
        while (v->slots[at & v->mask])
            at++;
        v->slots[at & v->mask] = (uint32_t)i + 1;
    }
    for (int kind = 0; kind < CONFORMANCE_N_KINDS; kind++) /* those that have none */
        if (v->first[kind + 1] < v->first[kind])
            v->first[kind + 1] = v->first[kind];
}

struct conformance_view *conformance__view_new(struct arena *a, const struct fhir_defs *defs,
                                               const struct conformance_view *base,
                                               struct conformance_entry *const *entries, size_t n)
{
    struct conformance_view *v = ARENA_NEW(a, struct conformance_view);
    v->defs = defs;
    v->kept = conformance__kept_new(a);
    v->entries = merge(a, base, entries, n);
    index_entries(v, a, n + (base ? base->first[CONFORMANCE_N_KINDS] : 0));
    return v;
}

bool conformance_view_with(struct arena *a, const struct conformance_view *base, const json *const *resources,
                           size_t n, const struct conformance_view **out, struct err *err)
{
    struct conformance_entry **entries = ARENA_ARRAY(a, struct conformance_entry *, n * CONFORMANCE__BRINGS);
    struct arena scratch;
    size_t total = 0;
    (void)err;
    arena_init(&scratch, 0);
    for (size_t i = 0; i < n; i++) {
        enum conformance_kind kind = conformance_kind_named(json_get_string(resources[i], "resourceType"));
        const char *id = json_get_string(resources[i], "id");
        size_t from = total;
        if (kind < CONFORMANCE_N_KINDS)
            total += conformance__entries(a, &scratch, kind, resources[i], str_of(id), NULL, entries + from);
        for (; from < total; from++)
            entries[from]->layer = base->layer + 1;
    }
    arena_release(&scratch);
    *out = conformance__view_new(a, base->defs, base, entries, total);
    return true;
}

/* ---- look-ups --------------------------------------------------------------------------------------------- */

/* "4.0" means 4.0.1 too. */
static bool begins_version(const char *version, struct str asked)
{
    return strncmp(version, asked.s, asked.len) == 0 && version[asked.len] == '.';
}

const struct conformance_entry *conformance_find_version(const struct conformance_view *v,
                                                         enum conformance_kind kind, struct str url,
                                                         struct str version)
{
    const struct conformance_entry *highest = NULL;
    uint32_t at = hash(kind, url), slot;
    while ((slot = v->slots[at & v->mask]) && !same_url(v->entries[slot - 1], kind, url))
        at++;
    if (!slot)
        return NULL;
    for (size_t i = slot - 1; i < v->first[kind + 1] && same_url(v->entries[i], kind, url); i++) {
        const struct conformance_entry *e = v->entries[i];
        if (!version.s || (e->version && str_is(version, e->version)))
            return e;
        if (!highest && e->version && begins_version(e->version, version))
            highest = e;
    }
    return highest;
}

const struct conformance_entry *conformance_find(const struct conformance_view *v, enum conformance_kind kind,
                                                 struct str canonical)
{
    struct str version, url = str_cut(canonical, '|', &version);
    return conformance_find_version(v, kind, url, version);
}

const struct conformance_entry *conformance_find_id(const struct conformance_view *v,
                                                    enum conformance_kind kind, struct str id)
{
    for (size_t i = v->first[kind]; i < v->first[kind + 1]; i++)
        if (v->entries[i]->id.s && str_eq(v->entries[i]->id, id))
            return v->entries[i];
    return NULL;
}

size_t conformance_count(const struct conformance_view *v, enum conformance_kind kind)
{
    return v->first[kind + 1] - v->first[kind];
}

const struct conformance_entry *conformance_at(const struct conformance_view *v, enum conformance_kind kind,
                                               size_t i)
{
    return v->entries[v->first[kind] + i];
}

const struct fhir_defs *conformance_defs(const struct conformance_view *v)
{
    return v->defs;
}

bool conformance_is_definitions(const struct conformance_view *v)
{
    return v->definitions;
}
