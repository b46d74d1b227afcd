/* Code systems and value sets, one on a line: no crash, no hang, and what is in an expansion is a member. */
#include <assert.h>

#include "../../src/terminology/internal.h"

static struct arena lasting;
static const struct terminology_view *definitions;

static void start(void)
{
    const struct fhir_defs *d;
    struct err err;
    arena_init(&lasting, 0);
    bool ok = fhir_defs_load(&lasting, &d, &err) && terminology_definitions(&lasting, d, &definitions, &err);
    assert(ok);
}

static void ask(const struct terminology_view *v, struct arena *a, const struct terminology__entry *e)
{
    const struct terminology_options o = {.max = 1000};
    const struct terminology_valueset *s = e->kind == TERMINOLOGY__VALUESET ? e->read : NULL;
    struct terminology_expansion x;
    struct err err;
    if (!s || !terminology_expand(v, a, s, &o, &x, &err))
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
    struct terminology__entry *entries[2 * 8];
    size_t n = 0;
    if (!definitions)
        start();
    arena_init(&a, 0);
    struct str rest = {(const char *)data, size};
    for (int i = 0; rest.s && i < 8; i++) {
        json *resource;
        struct err err;
        if (!json_parse(&a, str_cut(rest, '\n', &rest), 40, &resource, &err))
            continue;
        enum terminology__kind kind =
            json_get(resource, "concept") ? TERMINOLOGY__SYSTEM : TERMINOLOGY__VALUESET;
        n += terminology__entries(&a, &a, kind, resource, STR("x"), NULL, entries + n);
    }
    const struct terminology_view *v = terminology__view_over(&a, definitions, entries, n);
    for (size_t i = 0; i < n; i++)
        ask(v, &a, entries[i]);
    arena_release(&a);
    return 0;
}
