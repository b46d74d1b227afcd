/*
 * CodeSystems and ValueSets of packages → conf/definitions/terminology.txt. Prose is left out: definitions of concepts,
 * translations, comments. An expansion is kept only where the rules cannot be computed from what is there.
 */
#include <stdlib.h>

#include "conformance/distil.h"
#include "internal.h"

/* ---- what is kept of an expansion ------------------------------------------------------------------------- */

static json *kept_contains(struct arena *a, const json *list)
{
    static const char *const names[] = {"system", "code", "display", "abstract"};
    json *out = json_array(a);
    json_each (item, list) {
        json *one = json_object(a), *below = kept_contains(a, json_get(item, "contains"));
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (json_get(item, names[i]))
                json_add(a, one, names[i], json_copy(a, json_get(item, names[i])));
        if (json_count(below))
            json_add(a, one, "contains", below);
        json_push(out, one);
    }
    return out;
}

static json *kept_expansion(struct arena *a, const json *resource)
{
    const json *expansion = json_get(resource, "expansion"), *total = json_get(expansion, "total");
    if (!json_count(json_get(expansion, "contains")))
        return NULL;
    json *out = json_object(a);
    if (total)
        json_add(a, out, "total", json_copy(a, total));
    json_add(a, out, "contains", kept_contains(a, json_get(expansion, "contains")));
    return out;
}

/* ---- collecting ------------------------------------------------------------------------------------------- */

static struct terminology__distilled *find(struct terminology__distil *d, enum conformance_kind kind,
                                           const char *url)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].kind == kind && strcmp(d->items[i].url, url) == 0)
            return &d->items[i];
    return NULL;
}

void terminology__distil_add(struct terminology__distil *d, const json *resource, bool expansion_only)
{
    const char *type = json_get_string(resource, "resourceType"), *url = json_get_string(resource, "url"),
               *content = json_get_string(resource, "content");
    enum conformance_kind kind = conformance_kind_named(type);
    bool system = kind == CONFORMANCE_CODE_SYSTEM;
    if ((!system && kind != CONFORMANCE_VALUE_SET) || !url)
        return;
    struct terminology__distilled *known = find(d, kind, url);
    if (known && !system && !known->expansion)
        known->expansion = kept_expansion(d->a, resource);
    if (known || expansion_only ||
        (system && (!content || strcmp(content, "not-present") == 0 || strcmp(content, "supplement") == 0)))
        return;
    *ARENA_PUSH(d->a, d->items, d->n, d->cap) = (struct terminology__distilled){
        .kind = kind,
        .url = arena_strdup(d->a, url),
        .resource = conformance_trim(d->a, kind, resource, true),
        .rank = conformance_rank(resource),
        .expansion = system ? NULL : kept_expansion(d->a, resource),
    };
}

/* ---- what can be computed --------------------------------------------------------------------------------- */

static bool computable(struct terminology__distil *d, const json *valueset, int depth);

static bool rule_computable(struct terminology__distil *d, const json *rule, int depth)
{
    const char *system = json_get_string(rule, "system");
    json_each (url, json_get(rule, "valueSet")) {
        struct str version, bare = str_cut(str_of(url->valuestring), '|', &version);
        struct terminology__distilled *set =
            find(d, CONFORMANCE_VALUE_SET, arena_strndup(d->a, bare.s, bare.len));
        if (!set || !computable(d, set->resource, depth + 1))
            return false;
    }
    if (!system || json_get(rule, "concept"))
        return true;
    struct terminology__distilled *s = find(d, CONFORMANCE_CODE_SYSTEM, system);
    const char *content = s ? json_get_string(s->resource, "content") : NULL;
    return content && strcmp(content, "complete") == 0;
}

static bool computable(struct terminology__distil *d, const json *valueset, int depth)
{
    static const char *const lists[] = {"include", "exclude"};
    const json *compose = json_get(valueset, "compose");
    if (!compose || depth > TERMINOLOGY__DEPTH)
        return false;
    for (int i = 0; i < 2; i++)
        json_each (rule, json_get(compose, lists[i]))
            if (!rule_computable(d, rule, depth))
                return false;
    return true;
}

/* An expansion can only be a choice of codes that are made by a grammar. */
static bool by_grammar(const json *valueset)
{
    json_each (include, json_get(json_get(valueset, "compose"), "include")) {
        const char *system = json_get_string(include, "system");
        if (system && !json_get(include, "concept") && terminology__by_grammar(system))
            return true;
    }
    return false;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

static int by_kind_and_url(const void *a, const void *b)
{
    const struct terminology__distilled *x = a, *y = b;
    return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->url, y->url);
}

void terminology__distil_write(struct terminology__distil *d, bool (*keeps)(void *arg, const char *url),
                               void *arg, struct buf *out)
{
    for (size_t i = 0; i < d->n; i++) {
        struct terminology__distilled *x = &d->items[i];
        if (x->expansion && keeps(arg, x->url) && !computable(d, x->resource, 0) && !by_grammar(x->resource))
            json_add(d->a, x->resource, "expansion", x->expansion);
    }
    qsort(d->items, d->n, sizeof *d->items, by_kind_and_url);
    buf_adds(out, "# Code systems and value sets of FHIR R4, distilled by `make definitions`; see "
                  "docs/definitions.md.\n");
    for (size_t i = 0; i < d->n; i++) {
        const struct terminology__distilled *x = &d->items[i];
        conformance_line(out, x->kind, x->rank, x->resource);
    }
}
