/* The snapshot: from a canonical to the resource that it means. */
#include <stdlib.h>

#include "internal.h"

const char *const terminology__kinds[] = {"CodeSystem", "ValueSet"};

int terminology__rank(const json *resource)
{
    static const char *const contents[] = {"complete", "fragment", "example", NULL};
    static const char *const statuses[] = {"active", "draft", "unknown", "retired", NULL};
    const char *content = json_get_string(resource, "content"), *status = json_get_string(resource, "status");
    int rank = 0, place = 0;
    for (; content && contents[rank] && strcmp(contents[rank], content) != 0; rank++)
        ;
    for (; status && statuses[place] && strcmp(statuses[place], status) != 0; place++)
        ;
    return rank * 8 + place;
}

bool terminology__read(struct arena *a, struct arena *scratch, enum terminology__kind kind,
                       const json *resource, const void **out, struct err *err)
{
    const struct terminology_system *system;
    const struct terminology_valueset *valueset;
    if (kind == TERMINOLOGY__SYSTEM) {
        if (!terminology__system_read(a, scratch, resource, &system, err))
            return false;
        *out = system;
        return true;
    }
    if (!terminology_valueset_read(a, resource, &valueset, err))
        return false;
    *out = valueset;
    return true;
}

/* ---- stored resources -------------------------------------------------------------------------------------- */

static const char *copy(struct arena *a, const char *s)
{
    return s && *s ? arena_strdup(a, s) : NULL;
}

static struct terminology__entry *all_codes(struct arena *a, const struct terminology_system *s)
{
    struct terminology__entry *e = ARENA_NEW(a, struct terminology__entry);
    struct terminology_valueset *set = ARENA_NEW(a, struct terminology_valueset);
    set->url = s->valueset;
    set->version = s->version;
    set->composed = true;
    set->include.n = 1;
    set->include.items = ARENA_NEW(a, struct terminology__rule);
    set->include.items->system = s->url;
    set->include.items->version = s->version;
    *e = (struct terminology__entry){.kind = TERMINOLOGY__VALUESET,
                                     .url = set->url,
                                     .version = set->version,
                                     .rank = INT16_MAX,
                                     .read = set};
    return e;
}

size_t terminology__entries(struct arena *a, struct arena *scratch, enum terminology__kind kind,
                            const json *resource, struct str id, const char *refused,
                            struct terminology__entry *out[TERMINOLOGY__BRINGS])
{
    struct terminology__entry *e = ARENA_NEW(a, struct terminology__entry);
    const char *url = json_get_string(resource, "url");
    const void *read = NULL;
    struct err err;
    *e = (struct terminology__entry){
        .kind = kind,
        .url = arena_strdup(a, url ? url : ""),
        .version = copy(a, json_get_string(resource, "version")),
        .rank = terminology__rank(resource),
        .id = {arena_strndup(a, id.s, id.len), id.len},
    };
    out[0] = e;
    e->wrong = refused;
    if (refused)
        return 1;
    if (!terminology__read(a, scratch, kind, resource, &read, &err)) {
        e->wrong = arena_strdup(a, err.msg);
        return 1;
    }
    atomic_store(&e->read, read);
    const struct terminology_system *s = kind == TERMINOLOGY__SYSTEM ? read : NULL;
    if (!s || !s->valueset || s->content != TERMINOLOGY_COMPLETE)
        return 1;
    out[1] = all_codes(a, s);
    return 2;
}

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

static int by_worth(const void *a, const void *b)
{
    const struct terminology__entry *x = *(struct terminology__entry *const *)a,
                                    *y = *(struct terminology__entry *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->url, y->url);
    if (order == 0)
        order = x->rank - y->rank;
    if (order == 0)
        order = compare_versions(y->version ? y->version : "", x->version ? x->version : "");
    if (order == 0)
        order = (y->id.s != NULL) - (x->id.s != NULL);
    return order || !x->id.s ? order : strcmp(x->id.s, y->id.s);
}

static uint32_t hash(enum terminology__kind kind, struct str url)
{
    return terminology__hash(url) + (uint32_t)kind;
}

static bool same_url(const struct terminology__entry *e, enum terminology__kind kind, struct str url)
{
    return e->kind == kind && str_is(url, e->url);
}

void terminology__view_make(struct terminology_view *v, struct arena *a, struct terminology__entry **entries,
                            size_t n)
{
    size_t size = 4;
    while (size < n * 2)
        size *= 2;
    if (n)
        qsort(entries, n, sizeof *entries, by_worth);
    v->entries = entries;
    v->n = n;
    v->mask = (uint32_t)size - 1;
    v->slots = ARENA_ARRAY(a, uint32_t, size);
    for (size_t i = 0; i < n; i++) {
        struct str url = str_of(entries[i]->url);
        if (i > 0 && same_url(entries[i - 1], entries[i]->kind, url))
            continue;
        uint32_t at = hash(entries[i]->kind, url);
        while (v->slots[at & v->mask])
            at++;
        v->slots[at & v->mask] = (uint32_t)i + 1;
    }
}

struct terminology_view *terminology__view_over(struct arena *a, const struct terminology_view *base,
                                                struct terminology__entry *const *entries, size_t n)
{
    struct terminology_view *v = ARENA_NEW(a, struct terminology_view);
    struct terminology__entry **all = ARENA_ARRAY(a, struct terminology__entry *, base->n + n);
    memcpy(all, base->entries, sizeof *all * base->n);
    if (n)
        memcpy(all + base->n, entries, sizeof *all * n);
    v->ucum = base->ucum;
    terminology__view_make(v, a, all, base->n + n);
    return v;
}

/* ---- look-ups --------------------------------------------------------------------------------------------- */

struct terminology__entry *terminology__view_find(const struct terminology_view *v,
                                                  enum terminology__kind kind, struct str url,
                                                  struct str version)
{
    uint32_t at = hash(kind, url), slot;
    while ((slot = v->slots[at & v->mask]) && !same_url(v->entries[slot - 1], kind, url))
        at++;
    if (!slot)
        return NULL;
    for (size_t i = slot - 1; i < v->n && same_url(v->entries[i], kind, url); i++)
        if (!version.s || (v->entries[i]->version && str_is(version, v->entries[i]->version)))
            return v->entries[i];
    return NULL;
}

static const void *read_entry(struct terminology__entry *e)
{
    return e ? terminology__entry_read(e) : NULL;
}

const struct terminology_system *terminology__view_system(const struct terminology_view *v, const char *url,
                                                          const char *version)
{
    return read_entry(terminology__view_find(v, TERMINOLOGY__SYSTEM, str_of(url), str_of(version)));
}

const struct terminology_system *terminology_system(const struct terminology_view *v, struct str canonical)
{
    struct str version, url = str_cut(canonical, '|', &version);
    return read_entry(terminology__view_find(v, TERMINOLOGY__SYSTEM, url, version));
}

const struct terminology_valueset *terminology__view_valueset(const struct terminology_view *v,
                                                              const char *canonical)
{
    struct str version, url = str_cut(str_of(canonical), '|', &version);
    return read_entry(terminology__view_find(v, TERMINOLOGY__VALUESET, url, version));
}

static bool usable(struct terminology__entry *e, const void **out, struct err *err)
{
    *out = terminology__entry_read(e);
    return *out || err_set(err, ERR_UNSUPPORTED, "%s", e->wrong);
}

bool terminology_valueset(const struct terminology_view *v, struct str canonical,
                          const struct terminology_valueset **out, struct err *err)
{
    struct str version, url = str_cut(canonical, '|', &version);
    struct terminology__entry *e = terminology__view_find(v, TERMINOLOGY__VALUESET, url, version);
    const void *read = NULL;
    if (e) {
        bool ok = usable(e, &read, err);
        *out = read;
        return ok;
    }
    e = version.s ? terminology__view_find(v, TERMINOLOGY__VALUESET, url, (struct str){NULL, 0}) : NULL;
    return e ? err_set(err, ERR_NOT_FOUND,
                       "The value set %.*s is known here in version %s, not in the one asked for",
                       (int)(url.len < 200 ? url.len : 200), url.s, e->version ? e->version : "(none)")
             : err_set(err, ERR_NOT_FOUND,
                       "The value set %.*s is not known here: store it as a ValueSet, or check its URL",
                       (int)(canonical.len < 200 ? canonical.len : 200), canonical.s);
}

static bool find_by_id(const struct terminology_view *v, enum terminology__kind kind, struct str id,
                       const void **out, struct err *err)
{
    for (size_t i = 0; i < v->n; i++) {
        struct terminology__entry *e = v->entries[i];
        if (e->kind == kind && e->id.s && str_eq(e->id, id))
            return usable(e, out, err);
    }
    return err_set(err, ERR_NOT_FOUND, "There is no %s with the id %.*s on this server",
                   terminology__kinds[kind], (int)(id.len < 64 ? id.len : 64), id.s);
}

bool terminology_valueset_by_id(const struct terminology_view *v, struct str id,
                                const struct terminology_valueset **out, struct err *err)
{
    const void *read = NULL;
    bool ok = find_by_id(v, TERMINOLOGY__VALUESET, id, &read, err);
    *out = read;
    return ok;
}

bool terminology_system_by_id(const struct terminology_view *v, struct str id,
                              const struct terminology_system **out, struct err *err)
{
    const void *read = NULL;
    bool ok = find_by_id(v, TERMINOLOGY__SYSTEM, id, &read, err);
    *out = read;
    return ok;
}
