/* $expand of ValueSet (valueset-operation-expand.html). */
#include <stdlib.h>

#include "base/clock.h"
#include "codes.h"

struct page {
    int64_t offset, count; /* count -1: all */
    bool designations, active_only, nested, definition;
    struct str language;      /* s NULL: any */
    const struct str *wanted; /* designations: language, or system|code of a use; none: all */
    size_t n_wanted;
};

/* ---- what is asked for ------------------------------------------------------------------------------------ */

static bool number(const struct api_request *r, const char *name, int64_t absent, int64_t *out,
                   struct err *err)
{
    struct str text = api__arg(r, name);
    *out = absent;
    return !text.s || (str_int64(text, out) && *out >= 0) ||
           err_at(err, ERR_INVALID, "Parameters.parameter", "The parameter '%s' is a number from 0", name);
}

/* All values of a parameter that repeats. */
static size_t all(struct api_request *r, const char *name, const struct str **out)
{
    struct str *list = ARENA_ARRAY(r->a, struct str, r->n_args);
    size_t n = 0;
    for (size_t i = 0; i < r->n_args; i++)
        if (str_is(r->args[i].name, name))
            list[n++] = r->args[i].value;
    *out = list;
    return n;
}

static bool read_page(struct api_request *r, struct page *p, struct err *err)
{
    bool flat, unused;
    p->language = api__arg(r, "displayLanguage");
    p->n_wanted = all(r, "designation", &p->wanted);
    if (!number(r, "offset", 0, &p->offset, err) || !number(r, "count", -1, &p->count, err) ||
        !codes_flag(r, "includeDesignations", &p->designations, err) ||
        !codes_flag(r, "activeOnly", &p->active_only, err) ||
        !codes_flag(r, "includeDefinition", &p->definition, err) ||
        !codes_flag(r, "excludeNested", &flat, err) || !codes_flag(r, "excludeNotForUI", &unused, err) ||
        !codes_flag(r, "excludePostCoordinated", &unused, err) || !codes_present(r, err))
        return false;
    p->designations = p->designations || p->n_wanted;
    p->nested = api__arg(r, "excludeNested").s && !flat && p->count < 0 && p->offset == 0;
    return true;
}

static bool add_versions(struct api_request *r, const char *name, int what, struct terminology_options *o,
                         struct terminology_version *to, struct err *err)
{
    const struct str *list;
    size_t n = all(r, name, &list);
    for (size_t i = 0; i < n; i++) {
        struct terminology_version *v = &to[o->n_versions++];
        v->system = str_cut(list[i], '|', &v->version);
        v->what = what;
        if (!v->version.s)
            return err_at(err, ERR_INVALID, "Parameters.parameter",
                          "The parameter '%s' has the form system|version", name);
    }
    return true;
}

static bool read_options(struct api_request *r, const struct page *p, struct terminology_options *o,
                         struct err *err)
{
    struct terminology_version *versions = ARENA_ARRAY(r->a, struct terminology_version, r->n_args);
    *o = (struct terminology_options){
        .max = (size_t)r->config->terminology_max_codes,
        .filter = api__arg(r, "filter"),
        .active_only = p->active_only,
        .versions = versions,
        .offset = (size_t)p->offset,
        .count = p->count < 0 ? 0
                 : p->count   ? (size_t)p->count
                              : 1,
    };
    if (p->count > (int64_t)o->max)
        return err_at(err, ERR_TOO_COSTLY, "Parameters.parameter", "A page has at most %zu codes", o->max);
    o->n_without = all(r, "exclude-system", &o->without);
    for (size_t i = 0; i < o->n_without; i++) {
        struct str version;
        ((struct str *)o->without)[i] = str_cut(o->without[i], '|', &version);
    }
    return add_versions(r, "system-version", TERMINOLOGY_DEFAULT, o, versions, err) &&
           add_versions(r, "check-system-version", TERMINOLOGY_CHECK, o, versions, err) &&
           add_versions(r, "force-system-version", TERMINOLOGY_FORCE, o, versions, err);
}

/* ---- codes ------------------------------------------------------------------------------------------------ */

struct writer {
    struct arena *a;
    const struct conformance_view *view;
    const struct page *p;
    const struct terminology_expansion *e;
    const struct terminology_system *of; /* the one whose supplements these are */
    const struct terminology_system *const *supplements;
    size_t n_supplements;
};

/* The i-th designation of a concept, those of supplements after its own. */
static bool designation(struct writer *w, const struct terminology_concept *c, size_t i,
                        struct terminology_designation *out)
{
    uint32_t at;
    if (!c->in)
        return false;
    if (w->of != c->in) {
        w->of = c->in;
        w->n_supplements = terminology_supplements(w->view, w->a, c->in, &w->supplements);
    }
    for (size_t own = 0; terminology_designation(c->in, c->at, own, out); own++)
        if (i-- == 0)
            return true;
    for (size_t s = 0; s < w->n_supplements; s++)
        if (terminology_find(w->supplements[s], str_of(c->code), &at))
            for (size_t k = 0; terminology_designation(w->supplements[s], at, k, out); k++)
                if (i-- == 0)
                    return true;
    return false;
}

static const char *text_in(struct writer *w, const struct terminology_concept *c, struct str language)
{
    struct terminology_designation d;
    for (size_t i = 0; language.s && designation(w, c, i, &d); i++)
        if (codes_speaks(d.language, language))
            return d.value;
    return c->display;
}

/* A token is a language, with or without its system, or the code of a use. */
static bool is_wanted(const struct page *p, const struct terminology_designation *d)
{
    for (size_t i = 0; i < p->n_wanted; i++) {
        struct str code, system = str_cut(p->wanted[i], '|', &code);
        bool language = !code.s || str_is(system, "urn:ietf:bcp:47");
        if (language ? codes_speaks(d->language, code.s ? code : system)
                     : str_is(code, d->use_code) && str_is(system, d->use_system))
            return true;
    }
    return p->n_wanted == 0;
}

static void add_designations(struct writer *w, json *o, const struct terminology_concept *c)
{
    struct arena *a = w->a;
    struct terminology_designation d;
    json *list = json_array(a);
    for (size_t i = 0; designation(w, c, i, &d); i++) {
        if (!is_wanted(w->p, &d))
            continue;
        json *one = json_push(list, json_object(a));
        if (*d.language)
            json_add_string(a, one, "language", d.language);
        if (*d.use_code) {
            json *use = json_add(a, one, "use", json_object(a));
            if (*d.use_system)
                json_add_string(a, use, "system", d.use_system);
            json_add_string(a, use, "code", d.use_code);
            if (*d.use_display)
                json_add_string(a, use, "display", d.use_display);
        }
        json_add_string(a, one, "value", d.value);
    }
    if (list->child)
        json_add(a, o, "designation", list);
}

static json *add_concept(struct writer *w, json *list, const struct terminology_concept *c)
{
    struct arena *a = w->a;
    json *o = json_push(list, json_object(a));
    const char *display = text_in(w, c, w->p->language),
               *version = c->in ? terminology_system_version(c->in) : NULL;
    json_add_string(a, o, "system", c->system);
    if (c->abstract)
        json_add(a, o, "abstract", json_bool(a, true));
    if (c->inactive)
        json_add(a, o, "inactive", json_bool(a, true));
    if (version)
        json_add_string(a, o, "version", version);
    json_add_string(a, o, "code", c->code);
    if (display)
        json_add_string(a, o, "display", display);
    if (w->p->designations)
        add_designations(w, o, c);
    return o;
}

static void add_flat(struct writer *w, json *contains)
{
    size_t offset = (size_t)w->p->offset, from = offset > w->e->first ? offset - w->e->first : 0;
    for (size_t i = from; i < w->e->n && (w->p->count < 0 || i - from < (size_t)w->p->count); i++)
        add_concept(w, contains, &w->e->concepts[i]);
}

/* ---- nested: below the first of its parents that is in the expansion, each code once ------------------------- */

struct tree {
    const struct terminology_expansion *e;
    size_t *parent, *first, *next; /* by place in the expansion: place + 1; 0: none */
};

static int by_concept(const void *x, const void *y, void *list)
{
    const struct terminology_concept *a = (const struct terminology_concept *)list + *(const size_t *)x,
                                     *b = (const struct terminology_concept *)list + *(const size_t *)y;
    if (a->in != b->in)
        return a->in < b->in ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* Place of a concept + 1; 0: it is not there. */
static size_t place(const struct tree *t, const size_t *sorted, const struct terminology_system *in,
                    uint32_t at)
{
    size_t from = 0, to = t->e->n;
    while (from < to) {
        size_t middle = (from + to) / 2;
        const struct terminology_concept *c = &t->e->concepts[sorted[middle]];
        if (c->in == in && c->at == at)
            return sorted[middle] + 1;
        if (c->in < in || (c->in == in && c->at < at))
            from = middle + 1;
        else
            to = middle;
    }
    return 0;
}

/* Would it be above itself? Hierarchies may have circles. */
static bool is_below(const struct tree *t, size_t x, size_t parent)
{
    for (size_t up = parent, steps = 0; up && steps <= t->e->n; up = t->parent[up - 1], steps++)
        if (up - 1 == x)
            return true;
    return false;
}

static void plant(struct arena *a, struct tree *t)
{
    size_t n = t->e->n, *sorted = ARENA_ARRAY(a, size_t, n);
    t->parent = ARENA_ARRAY(a, size_t, n);
    t->first = ARENA_ARRAY(a, size_t, n);
    t->next = ARENA_ARRAY(a, size_t, n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = i;
    qsort_r(sorted, n, sizeof *sorted, by_concept, (void *)t->e->concepts);
    for (size_t i = 0; i < n; i++) {
        const struct terminology_concept *c = &t->e->concepts[i];
        const uint32_t *list;
        size_t parents = c->in ? terminology_parents(c->in, c->at, &list) : 0;
        for (size_t k = 0; k < parents && !t->parent[i]; k++) {
            size_t up = place(t, sorted, c->in, list[k]);
            if (up && !is_below(t, i, up))
                t->parent[i] = up;
        }
    }
    for (size_t i = n; i-- > 0;)
        if (t->parent[i]) {
            t->next[i] = t->first[t->parent[i] - 1];
            t->first[t->parent[i] - 1] = i + 1;
        }
}

enum { NESTED_MAX = 60 }; /* deeper ones stand beside each other: what reads JSON has its limits */

static void add_below(struct writer *w, const struct tree *t, json *contains, size_t i, int depth)
{
    json *o = add_concept(w, contains, &t->e->concepts[i]), *list = NULL;
    for (size_t child = t->first[i]; child; child = t->next[child - 1]) {
        if (!list)
            list = depth < NESTED_MAX ? json_add(w->a, o, "contains", json_array(w->a)) : contains;
        add_below(w, t, list, child - 1, depth < NESTED_MAX ? depth + 1 : depth);
    }
}

static void add_nested(struct writer *w, json *contains)
{
    struct tree t = {.e = w->e};
    plant(w->a, &t);
    for (size_t i = 0; i < w->e->n; i++)
        if (!t.parent[i])
            add_below(w, &t, contains, i, 0);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static void add_parameter(struct arena *a, json *list, const char *name, const char *member, json *value)
{
    json *o = json_push(list, json_object(a));
    json_add_string(a, o, "name", name);
    json_add(a, o, member, value);
}

/* What the expansion depended on. */
static void add_parameters(struct api_request *r, json *expansion, const struct page *p,
                           const struct terminology_expansion *e)
{
    static const char *const told[] = {
        "filter",         "displayLanguage",      "designation",         "exclude-system",
        "system-version", "check-system-version", "force-system-version"};
    static const struct {
        const char *name, *member;
    } kinds[] = {{"filter", "valueString"}, {"designation", "valueString"}, {"displayLanguage", "valueCode"}};
    struct arena *a = r->a;
    json *list = json_array(a);
    for (size_t i = 0; i < r->n_args; i++)
        for (size_t k = 0; k < sizeof told / sizeof *told; k++) {
            const char *member = "valueUri";
            for (size_t m = 0; m < sizeof kinds / sizeof *kinds; m++)
                member = strcmp(kinds[m].name, told[k]) == 0 ? kinds[m].member : member;
            if (str_is(r->args[i].name, told[k]))
                add_parameter(a, list, told[k], member, json_string_n(a, r->args[i].value));
        }
    if (p->active_only)
        add_parameter(a, list, "activeOnly", "valueBoolean", json_bool(a, true));
    if (p->count >= 0)
        add_parameter(a, list, "count", "valueInteger", json_int(a, p->count));
    if (api__arg(r, "excludeNested").s)
        add_parameter(a, list, "excludeNested", "valueBoolean", json_bool(a, !p->nested));
    if (e->stored)
        add_parameter(a, list, "storedExpansion", "valueBoolean", json_bool(a, true));
    for (size_t i = 0; i < e->n; i++) { /* each code system once, in the order of the codes */
        const struct terminology_system *in = e->concepts[i].in;
        if (!in || (i > 0 && e->concepts[i - 1].in == in))
            continue;
        const char *version = terminology_system_version(in);
        const char *used = version ? arena_printf(a, "%s|%s", terminology_system_url(in), version)
                                   : terminology_system_url(in);
        bool known = false;
        json_each (o, list)
            known = known || (strcmp(json_get_string(o, "name"), "version") == 0 &&
                              strcmp(json_get_string(o, "valueUri"), used) == 0);
        if (!known)
            add_parameter(a, list, "version", "valueUri", json_string(a, used));
    }
    if (list->child)
        json_add(a, expansion, "parameter", list);
}

static json *value_set(struct api_request *r, struct writer *w, const struct terminology_valueset *set,
                       const json *definition)
{
    struct arena *a = r->a;
    const struct page *p = w->p;
    char now[32], id[37];
    json *o = json_object(a), *expansion = json_object(a), *contains = json_array(a);
    json_add_string(a, o, "resourceType", "ValueSet");
    if (terminology_valueset_url(set))
        json_add_string(a, o, "url", terminology_valueset_url(set));
    if (terminology_valueset_version(set))
        json_add_string(a, o, "version", terminology_valueset_version(set));
    json_add_string(a, o, "status", terminology_valueset_status(set));
    if (json_get(definition, "compose"))
        json_add(a, o, "compose", json_copy(a, json_get(definition, "compose")));
    json_add(a, o, "expansion", expansion);
    store_new_id(id);
    clock_instant(clock_wall_us(), now);
    json_add_string(a, expansion, "identifier", arena_printf(a, "urn:uuid:%s", id));
    json_add_string(a, expansion, "timestamp", now);
    json_add(a, expansion, "total", json_int(a, (long long)w->e->total));
    if (p->count >= 0 || p->offset > 0)
        json_add(a, expansion, "offset", json_int(a, p->offset));
    add_parameters(r, expansion, p, w->e);
    if (p->nested)
        add_nested(w, contains);
    else
        add_flat(w, contains);
    if (contains->child)
        json_add(a, expansion, "contains", contains);
    return o;
}

static bool work_expand(struct api_request *r, struct db_conn *conn, struct api_response *out,
                        struct err *err)
{
    struct terminology_expansion e;
    struct terminology_options o;
    struct codes_set set;
    struct page p = {0};
    const json *definition = NULL;
    if (!read_page(r, &p, err) || !read_options(r, &p, &o, err) || !codes_valueset(r, conn, &set, err) ||
        !terminology_expand(set.view, r->a, set.set, &o, &e, err) ||
        (p.definition && !codes_definition(r, &set, &definition, err)))
        return false;
    struct writer w = {.a = r->a, .view = set.view, .p = &p, .e = &e};
    codes_answer(r, value_set(r, &w, set.set, definition), out);
    return true;
}

const struct api_interaction api__expand = {.code = "$expand",
                                            .run = RUN_WORKER,
                                            .right = AUTH_READ,
                                            .access = ACCESS_DEFINITIONS,
                                            .work = work_expand};
