/*
 * CodeSystems and ValueSets of packages → conf/definitions/terminology.txt. Prose is left out: definitions of concepts,
 * translations, comments. An expansion is kept only where the rules cannot be computed from what is there.
 */
#include <stdlib.h>

#include "internal.h"

/* ---- what is kept of a resource --------------------------------------------------------------------------- */

static void keep(struct arena *a, json *to, const json *from, const char *const *names)
{
    for (; *names; names++) {
        const json *value = json_get(from, *names);
        if (value)
            json_add(a, to, *names, json_copy(a, value));
    }
}

static json *kept_list(struct arena *a, const json *list, const char *const *names, const char *nested)
{
    json *out = json_array(a);
    json_each (item, list) {
        json *one = json_object(a),
             *below = nested ? kept_list(a, json_get(item, nested), names, nested) : NULL;
        keep(a, one, item, names);
        if (json_count(below))
            json_add(a, one, nested, below);
        json_push(out, one);
    }
    return out;
}

static json *kept_system(struct arena *a, const json *resource)
{
    static const char *const head[] = {"url",      "version",          "title",   "status", "caseSensitive",
                                       "valueSet", "hierarchyMeaning", "content", NULL};
    static const char *const concept[] = {"code", "display", "property", NULL};
    json *out = json_object(a);
    keep(a, out, resource, head);
    json_add(a, out, "concept", kept_list(a, json_get(resource, "concept"), concept, "concept"));
    return out;
}

static json *kept_rules(struct arena *a, const json *rules)
{
    static const char *const head[] = {"system", "version", "filter", "valueSet", NULL};
    static const char *const concept[] = {"code", "display", NULL};
    json *out = json_array(a);
    json_each (rule, rules) {
        json *one = json_object(a);
        keep(a, one, rule, head);
        if (json_get(rule, "concept"))
            json_add(a, one, "concept", kept_list(a, json_get(rule, "concept"), concept, NULL));
        json_push(out, one);
    }
    return out;
}

static json *kept_valueset(struct arena *a, const json *resource)
{
    static const char *const head[] = {"url", "version", "title", "status", NULL};
    static const char *const inactive[] = {"inactive", NULL};
    const json *compose = json_get(resource, "compose");
    json *out = json_object(a), *rules = json_object(a);
    keep(a, out, resource, head);
    if (!compose)
        return out;
    keep(a, rules, compose, inactive);
    json_add(a, rules, "include", kept_rules(a, json_get(compose, "include")));
    if (json_get(compose, "exclude"))
        json_add(a, rules, "exclude", kept_rules(a, json_get(compose, "exclude")));
    json_add(a, out, "compose", rules);
    return out;
}

static json *kept_expansion(struct arena *a, const json *resource)
{
    static const char *const contains[] = {"system", "code", "display", "abstract", NULL};
    static const char *const head[] = {"total", NULL};
    const json *expansion = json_get(resource, "expansion");
    if (!json_count(json_get(expansion, "contains")))
        return NULL;
    json *out = json_object(a);
    keep(a, out, expansion, head);
    json_add(a, out, "contains", kept_list(a, json_get(expansion, "contains"), contains, "contains"));
    return out;
}

/* ---- collecting ------------------------------------------------------------------------------------------- */

static struct terminology__distilled *find(struct terminology__distil *d, enum terminology__kind kind,
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
               *version = json_get_string(resource, "version"),
               *content = json_get_string(resource, "content");
    enum terminology__kind kind = 0;
    while (kind < TERMINOLOGY__N_KINDS && (!type || strcmp(type, terminology__kinds[kind]) != 0))
        kind++;
    if (kind == TERMINOLOGY__N_KINDS || !url)
        return;
    bool system = kind == TERMINOLOGY__SYSTEM;
    struct terminology__distilled *known = find(d, kind, url);
    if (known && !system && !known->expansion)
        known->expansion = kept_expansion(d->a, resource);
    if (known || expansion_only ||
        (system && (!content || strcmp(content, "not-present") == 0 || strcmp(content, "supplement") == 0)))
        return;
    *ARENA_PUSH(d->a, d->items, d->n, d->cap) = (struct terminology__distilled){
        .kind = kind,
        .rank = terminology__rank(resource),
        .url = arena_strdup(d->a, url),
        .version = arena_strdup(d->a, version ? version : ""),
        .resource = system ? kept_system(d->a, resource) : kept_valueset(d->a, resource),
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
            find(d, TERMINOLOGY__VALUESET, arena_strndup(d->a, bare.s, bare.len));
        if (!set || !computable(d, set->resource, depth + 1))
            return false;
    }
    if (!system || json_get(rule, "concept"))
        return true;
    struct terminology__distilled *s = find(d, TERMINOLOGY__SYSTEM, system);
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
        buf_addf(out, "%s\t%s\t%s\t%d\t", terminology__kinds[x->kind], x->url, x->version, x->rank);
        json_print(out, x->resource, false);
        buf_addc(out, '\n');
    }
}
