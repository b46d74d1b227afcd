/* Code systems and value sets, one on a line: no crash, no hang, and what is in an expansion is a member. */
#include <assert.h>

#include "../../src/conformance/internal.h"
#include "terminology/terminology.h"

static struct arena lasting;
static const struct conformance_view *definitions;

static void start(void)
{
    const struct fhir_defs *d;
    struct err err;
    arena_init(&lasting, 0);
    bool ok = fhir_defs_load(&lasting, &d, &err);
    assert(ok);
    definitions =
        conformance__view_new(&lasting, d, NULL, NULL, 0); /* none: they would be sorted each time */
}

static void ask(const struct conformance_view *v, struct arena *a, const json *resource)
{
    const struct terminology_options o = {.max = 1000};
    const char *url = json_get_string(resource, "url");
    const struct terminology_valueset *s;
    struct terminology_expansion x;
    struct err err;
    if (!url || !terminology_valueset(v, str_of(url), &s, &err) || !terminology_expand(v, a, s, &o, &x, &err))
        return;
    for (size_t i = 0; i < x.n && !x.stored; i++) {
        const struct terminology_concept *c = &x.concepts[i];
        assert(c->abstract || terminology_has(v, s, c->system, c->code) != TERMINOLOGY_NO);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    const struct conformance_view *v;
    const json *resources[8];
    struct err err;
    size_t n = 0;
    if (!definitions)
        start();
    arena_init(&a, 0);
    struct str rest = {(const char *)data, size};
    for (int i = 0; rest.s && i < 8; i++) {
        json *resource;
        if (!json_parse(&a, str_cut(rest, '\n', &rest), 40, &resource, &err))
            continue;
        json_put(&a, resource, "resourceType",
                 json_string(&a, json_get(resource, "concept") ? "CodeSystem" : "ValueSet"));
        resources[n++] = resource;
    }
    bool made = conformance_view_with(&a, definitions, resources, n, &v, &err);
    assert(made);
    for (size_t i = 0; i < n; i++)
        ask(v, &a, resources[i]);
    arena_release(&a);
    return 0;
}
