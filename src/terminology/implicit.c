/*
 * Value sets that nobody stores, because a code system's own rules give them a URL (valueset.html, snomedct.html#implicit,
 * loinc.html#implicit): all its codes, or those below one. They are kept beside the view.
 */
#include <pthread.h>
#include <stdlib.h>

#include "internal.h"

enum { SETS_MAX = 1000 };

struct implicit {
    pthread_mutex_t lock;
    struct arena a;
    struct {
        const char *url;
        const struct terminology_valueset *set;
    } sets[SETS_MAX];
    size_t n;
};

static void *make(const struct conformance_view *v)
{
    struct implicit *i = calloc(1, sizeof *i);
    (void)v;
    if (i) {
        pthread_mutex_init(&i->lock, NULL);
        arena_init(&i->a, 0);
    }
    return i;
}

static void release(void *implicit)
{
    struct implicit *i = implicit;
    pthread_mutex_destroy(&i->lock);
    arena_release(&i->a);
    free(i);
}

struct meaning {
    struct str system, version, below; /* version and below s NULL: none */
};

/* A SNOMED CT edition and version are a part of its URL: http://snomed.info/sct/<module>/version/<date>. */
static void edition(struct meaning *m)
{
    static const char snomed[] = "http://snomed.info/sct";
    if (str_starts(m->system, STR("http://snomed.info/sct/"))) {
        m->version = m->system;
        m->system.len = sizeof snomed - 1;
    }
}

static bool understand(struct str url, struct meaning *out)
{
    struct str query, base = str_cut(url, '?', &query), of, what;
    *out = (struct meaning){.system = base};
    if (str_is(url, "http://loinc.org/vs")) {
        out->system = STR("http://loinc.org");
        return true;
    }
    if (str_starts(url, STR("http://loinc.org/vs/LP"))) {
        out->system = STR("http://loinc.org");
        out->below =
            (struct str){url.s + strlen("http://loinc.org/vs/"), url.len - strlen("http://loinc.org/vs/")};
        return true;
    }
    if (!query.s || !str_is(str_cut(query, '=', &what), "fhir_vs"))
        return false;
    edition(out);
    if (!what.s)
        return true;
    bool isa = str_is(str_cut(what, '/', &of), "isa") && of.len;
    out->below = of;
    return isa;
}

static json *rules(struct arena *a, const char *url, const struct meaning *m)
{
    json *set = json_object(a), *compose = json_add(a, set, "compose", json_object(a)),
         *include = json_push(json_add(a, compose, "include", json_array(a)), json_object(a));
    json_add_string(a, set, "url", url);
    json_add_string(a, set, "status", "active");
    json_add(a, include, "system", json_string_n(a, m->system));
    if (m->version.s)
        json_add(a, include, "version", json_string_n(a, m->version));
    if (m->below.s) {
        json *filter = json_push(json_add(a, include, "filter", json_array(a)), json_object(a));
        json_add_string(a, filter, "property", "concept");
        json_add_string(a, filter, "op", "is-a");
        json_add(a, filter, "value", json_string_n(a, m->below));
    }
    return set;
}

const struct terminology_valueset *terminology__implicit(const struct conformance_view *v, struct str url)
{
    struct meaning m;
    struct implicit *i;
    const struct terminology_valueset *set = NULL;
    struct err err;
    if (url.len > 400 || !understand(url, &m) ||
        !(i = conformance_slot(v, CONFORMANCE_IMPLICIT, make, release)))
        return NULL;
    if (!terminology_system(v, m.system))
        return NULL;
    pthread_mutex_lock(&i->lock);
    for (size_t k = 0; k < i->n && !set; k++)
        if (str_is(url, i->sets[k].url))
            set = i->sets[k].set;
    if (!set && i->n < SETS_MAX) {
        const char *name = arena_strndup(&i->a, url.s, url.len);
        if (terminology_valueset_read(&i->a, rules(&i->a, name, &m), &set, &err)) {
            i->sets[i->n].url = name;
            i->sets[i->n++].set = set;
        }
    }
    pthread_mutex_unlock(&i->lock);
    return set;
}
