/* A resource of any shape, valid or not: what is indexed of it is sorted, and equal when indexed again. */
#include <stdlib.h>

#include "search/query.h"

static struct arena forever;
static const struct fhir_defs *defs;
static const struct search_registry *registry;

static void start(void)
{
    const struct conformance_view *codes;
    struct err err;
    arena_init(&forever, 0);
    if (!fhir_defs_load(&forever, &defs, &err) || !conformance_definitions(&forever, defs, &codes, &err) ||
        !search_registry_new(&forever, defs, codes, &registry, &err))
        abort();
}

static void check(struct arena *a, const json *resource, const struct fhir_type *type)
{
    static const struct search_tenant tenant = {
        .id = 1, .key = {1, 2}, .zone = 540, .text = SEARCH_TEXT_CONTENT};
    struct search_index one, two;
    struct err err;
    if (!search_index(registry, &tenant, a, resource, type, STR("https://h/fhir"), &one, &err))
        return;
    for (size_t i = 1; i < one.n_keys; i++)
        if (one.keys[i - 1] >= one.keys[i])
            abort();
    if (!search_index(registry, &tenant, a, resource, type, STR("https://h/fhir"), &two, &err) ||
        one.ix != two.ix || one.n_keys != two.n_keys || one.dt > one.dt_hi)
        abort();
    search_subset(defs, a, resource, SUMMARY_TRUE, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!registry)
        start();
    struct arena a;
    jmp_buf out;
    arena_init(&a, 64 << 20);
    a.guard = &out;
    if (!setjmp(out)) {
        struct err err;
        json *resource;
        const char *name = NULL;
        if (json_parse(&a, (struct str){(const char *)data, size}, 64, &resource, &err))
            name = json_get_string(resource, "resourceType");
        const struct fhir_type *type = name ? fhir_resource(defs, str_of(name)) : NULL;
        if (type)
            check(&a, resource, type);
    }
    arena_release(&a);
    return 0;
}
