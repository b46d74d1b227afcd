/* ConceptMap → tables, and what they say of a code (conceptmap.html#unmapped, ConceptMap/$translate). */
#include "terminology/map.h"

#include "internal.h"

struct target {
    const char *code, *display, *equivalence;
    const struct terminology_dependency *depends, *products;
    size_t n_depends, n_products;
};

struct element {
    const char *code, *display;
    const struct target *targets;
    size_t n_targets;
};

enum unmapped { NOTHING, PROVIDED, FIXED, OTHER_MAP };

struct group {
    const char *source, *source_version, *target, *target_version;
    struct element *elements;
    uint32_t n_elements, *slots, mask; /* code → element + 1 */
    enum unmapped unmapped;
    const char *code, *display, *url; /* of unmapped */
};

struct terminology_map {
    const char *url, *version, *source, *target; /* value sets */
    struct group *groups;
    size_t n_groups;
};

/* ---- reading ---------------------------------------------------------------------------------------------- */

static const char *copy(struct arena *a, const json *node, const char *name)
{
    const char *s = json_get_string(node, name);
    return s && *s ? arena_strdup(a, s) : NULL;
}

static const struct terminology_dependency *read_dependencies(struct arena *a, const json *list, size_t *n)
{
    struct terminology_dependency *out = ARENA_ARRAY(a, struct terminology_dependency, json_count(list));
    *n = 0;
    json_each (d, list)
        out[(*n)++] = (struct terminology_dependency){copy(a, d, "property"), copy(a, d, "system"),
                                                      copy(a, d, "value"), copy(a, d, "display")};
    return out;
}

static void read_element(struct arena *a, const json *node, struct element *e)
{
    const json *list = json_get(node, "target");
    struct target *targets = ARENA_ARRAY(a, struct target, json_count(list));
    e->code = copy(a, node, "code");
    e->display = copy(a, node, "display");
    e->targets = targets;
    json_each (to, list) {
        struct target *t = &targets[e->n_targets++];
        t->code = copy(a, to, "code");
        t->display = copy(a, to, "display");
        t->equivalence = copy(a, to, "equivalence");
        t->depends = read_dependencies(a, json_get(to, "dependsOn"), &t->n_depends);
        t->products = read_dependencies(a, json_get(to, "product"), &t->n_products);
    }
}

static void read_unmapped(struct arena *a, const json *node, struct group *g)
{
    static const char *const modes[] = {"", "provided", "fixed", "other-map"};
    const char *mode = json_get_string(node, "mode");
    for (int i = PROVIDED; mode && i <= OTHER_MAP; i++)
        if (strcmp(mode, modes[i]) == 0)
            g->unmapped = (enum unmapped)i;
    g->code = copy(a, node, "code");
    g->display = copy(a, node, "display");
    g->url = copy(a, node, "url");
}

static void read_group(struct arena *a, const json *node, struct group *g)
{
    const json *list = json_get(node, "element");
    size_t size = 4;
    g->source = copy(a, node, "source");
    g->source_version = copy(a, node, "sourceVersion");
    g->target = copy(a, node, "target");
    g->target_version = copy(a, node, "targetVersion");
    g->elements = ARENA_ARRAY(a, struct element, json_count(list));
    while (size < json_count(list) * 2)
        size *= 2;
    g->mask = (uint32_t)size - 1;
    g->slots = ARENA_ARRAY(a, uint32_t, size);
    json_each (element, list) {
        struct element *e = &g->elements[g->n_elements];
        read_element(a, element, e);
        if (!e->code)
            continue;
        uint32_t at = terminology__hash(str_of(e->code));
        while (g->slots[at & g->mask])
            at++;
        g->slots[at & g->mask] = ++g->n_elements;
    }
    read_unmapped(a, json_get(node, "unmapped"), g);
}

/* source[x], target[x]: canonical or uri */
static const char *value_set(struct arena *a, const json *resource, const char *canonical, const char *uri)
{
    const char *s = copy(a, resource, canonical);
    return s ? s : copy(a, resource, uri);
}

bool terminology_map_read(struct arena *a, const json *resource, const struct terminology_map **out,
                          struct err *err)
{
    struct terminology_map *m = ARENA_NEW(a, struct terminology_map);
    const json *groups = json_get(resource, "group");
    (void)err;
    m->url = copy(a, resource, "url");
    m->version = copy(a, resource, "version");
    m->source = value_set(a, resource, "sourceCanonical", "sourceUri");
    m->target = value_set(a, resource, "targetCanonical", "targetUri");
    m->groups = ARENA_ARRAY(a, struct group, json_count(groups));
    json_each (group, groups)
        read_group(a, group, &m->groups[m->n_groups++]);
    *out = m;
    return true;
}

static bool read_entry(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                       struct err *err)
{
    const struct terminology_map *m;
    (void)scratch;
    if (!terminology_map_read(a, resource, &m, err))
        return false;
    *out = m;
    return true;
}

static bool read(const struct conformance_entry *e, const struct terminology_map **out, struct err *err)
{
    const void *it;
    if (!conformance_read(e, read_entry, &it, err))
        return false;
    *out = it;
    return true;
}

bool terminology_map(const struct conformance_view *v, struct str canonical,
                     const struct terminology_map **out, struct err *err)
{
    const struct conformance_entry *e = conformance_find(v, CONFORMANCE_CONCEPT_MAP, canonical);
    return e ? read(e, out, err)
             : err_set(err, ERR_NOT_FOUND,
                       "The concept map %.*s is not known here: store it as a ConceptMap, or check its URL",
                       (int)(canonical.len < 200 ? canonical.len : 200), canonical.s);
}

bool terminology_map_by_id(const struct conformance_view *v, struct str id,
                           const struct terminology_map **out, struct err *err)
{
    const struct conformance_entry *e = conformance_find_id(v, CONFORMANCE_CONCEPT_MAP, id);
    return e ? read(e, out, err)
             : err_set(err, ERR_NOT_FOUND, "There is no ConceptMap with the id %.*s on this server",
                       (int)(id.len < 64 ? id.len : 64), id.s);
}

const char *terminology_map_url(const struct terminology_map *m)
{
    return m->url;
}

/* ---- translating ------------------------------------------------------------------------------------------ */

struct translator {
    const struct conformance_view *v;
    struct arena *a;
    const struct terminology_translation *t;
    struct terminology_match *list;
    size_t n, cap;
    int depth; /* maps that refer to others */
};

static bool fits(struct str asked, const char *is)
{
    return !asked.s || (is && str_is(asked, is));
}

static bool same(const char *x, const char *y)
{
    return !x || !y || strcmp(x, y) == 0;
}

/* What it depends on is not known to be otherwise, and where something is given it has to be so. */
static bool holds(const struct terminology_translation *t, const struct target *to)
{
    for (size_t i = 0; i < to->n_depends; i++) {
        const struct terminology_dependency *d = &to->depends[i];
        for (size_t k = 0; k < t->n_given; k++) {
            const struct terminology_dependency *g = &t->given[k];
            if (d->property && g->property && strcmp(d->property, g->property) == 0 &&
                !(d->value && g->value && strcmp(d->value, g->value) == 0 && same(d->system, g->system)))
                return false;
        }
    }
    return true;
}

static void add(struct translator *x, const struct terminology_match *m)
{
    for (size_t i = 0; i < x->n; i++) { /* by another map already */
        const struct terminology_match *is = &x->list[i];
        if (is->code && m->code && strcmp(is->code, m->code) == 0 && is->system && m->system &&
            strcmp(is->system, m->system) == 0 && strcmp(is->equivalence, m->equivalence) == 0)
            return;
    }
    *ARENA_PUSH(x->a, x->list, x->n, x->cap) = *m;
}

static const struct element *find(const struct group *g, struct str code, uint32_t *at)
{
    for (uint32_t slot; (slot = g->slots[*at & g->mask]); ++*at)
        if (str_is(code, g->elements[slot - 1].code)) {
            ++*at; /* a code may be there more than once */
            return &g->elements[slot - 1];
        }
    return NULL;
}

static bool by_map(struct translator *x, const struct terminology_map *m, struct err *err);

static bool by_unmapped(struct translator *x, const struct terminology_map *m, const struct group *g,
                        struct err *err)
{
    const struct terminology_map *other;
    struct terminology_match match = {
        .equivalence = "equivalent", .system = g->target, .version = g->target_version, .map = m->url};
    switch (g->unmapped) {
    case NOTHING:
        return true;
    case PROVIDED:
        match.code = arena_strndup(x->a, x->t->code.s, x->t->code.len);
        break;
    case FIXED:
        match.code = g->code;
        match.display = g->display;
        match.equivalence = "inexact";
        break;
    case OTHER_MAP:
        if (!g->url || x->depth == TERMINOLOGY__DEPTH)
            return err_set(err, ERR_UNSUPPORTED,
                           "The concept map %.200s leads nowhere for codes that it lacks",
                           m->url ? m->url : "");
        if (!terminology_map(x->v, str_of(g->url), &other, err))
            return false;
        x->depth++;
        bool ok = by_map(x, other, err);
        x->depth--;
        return ok;
    }
    add(x, &match);
    return true;
}

static bool forwards(struct translator *x, const struct terminology_map *m, const struct group *g,
                     struct err *err)
{
    uint32_t at = terminology__hash(x->t->code);
    const struct element *e;
    bool mapped = false;
    if (!fits(x->t->system, g->source) || !fits(x->t->target_system, g->target))
        return true;
    for (; (e = find(g, x->t->code, &at)); mapped = true)
        for (size_t i = 0; i < e->n_targets; i++) {
            const struct target *to = &e->targets[i];
            if (!holds(x->t, to))
                continue;
            add(x, &(struct terminology_match){.equivalence = to->equivalence ? to->equivalence : "relatedto",
                                               .system = g->target,
                                               .version = g->target_version,
                                               .code = to->code,
                                               .display = to->display,
                                               .products = to->products,
                                               .n_products = to->n_products,
                                               .map = m->url});
        }
    return mapped || by_unmapped(x, m, g, err);
}

/* The same, seen from the other side. */
static const char *turned(const char *equivalence)
{
    static const struct {
        const char *is, *turned;
    } pairs[] = {{"wider", "narrower"},
                 {"narrower", "wider"},
                 {"subsumes", "specializes"},
                 {"specializes", "subsumes"}};
    for (size_t i = 0; equivalence && i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(pairs[i].is, equivalence) == 0)
            return pairs[i].turned;
    return equivalence ? equivalence : "relatedto";
}

static void backwards(struct translator *x, const struct terminology_map *m, const struct group *g)
{
    if (!fits(x->t->system, g->target) || !fits(x->t->target_system, g->source))
        return;
    for (uint32_t i = 0; i < g->n_elements; i++)
        for (size_t k = 0; k < g->elements[i].n_targets; k++) {
            const struct target *to = &g->elements[i].targets[k];
            if (!to->code || !str_is(x->t->code, to->code) || !holds(x->t, to))
                continue;
            add(x, &(struct terminology_match){.equivalence = turned(to->equivalence),
                                               .system = g->source,
                                               .version = g->source_version,
                                               .code = g->elements[i].code,
                                               .display = g->elements[i].display,
                                               .map = m->url});
        }
}

static bool by_map(struct translator *x, const struct terminology_map *m, struct err *err)
{
    for (size_t i = 0; i < m->n_groups; i++)
        if (x->t->reverse)
            backwards(x, m, &m->groups[i]);
        else if (!forwards(x, m, &m->groups[i], err))
            return false;
    return true;
}

/* Value sets without regard to their versions. */
static bool of_set(struct str asked, const char *is)
{
    struct str version;
    return !asked.s || (is && str_eq(str_cut(asked, '|', &version), str_cut(str_of(is), '|', &version)));
}

bool terminology_translate(const struct conformance_view *v, struct arena *a,
                           const struct terminology_map *map, const struct terminology_translation *t,
                           struct terminology_match **out, size_t *n, struct err *err)
{
    struct translator x = {.v = v, .a = a, .t = t};
    struct err wrong;
    bool ok = !map || by_map(&x, map, err);
    for (size_t i = 0; !map && ok && i < conformance_count(v, CONFORMANCE_CONCEPT_MAP); i++) {
        const struct terminology_map *m;
        if (read(conformance_at(v, CONFORMANCE_CONCEPT_MAP, i), &m, &wrong) &&
            of_set(t->source, t->reverse ? m->target : m->source) &&
            of_set(t->target, t->reverse ? m->source : m->target))
            ok = by_map(&x, m, err);
    }
    *out = x.list;
    *n = x.n;
    return ok;
}

bool terminology_translated(const struct terminology_match *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].code && strcmp(list[i].equivalence, "unmatched") != 0 &&
            strcmp(list[i].equivalence, "disjoint") != 0)
            return true;
    return false;
}
