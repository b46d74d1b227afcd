/*
 * The value of _filter, on a type that its first byte names: read, and planned when it is one.
 */
#include <stdlib.h>

#include "search/query.h"

static struct arena forever;
static const struct search_registry *registry;
static const struct conformance_view *codes;
static const struct fhir_type *types[4];

static void start(void)
{
    struct err err;
    const struct fhir_defs *d;
    arena_init(&forever, 0);
    if (!fhir_defs_load(&forever, &d, &err) || !conformance_definitions(&forever, d, &codes, &err) ||
        !search_registry_new(&forever, d, codes, &registry, &err))
        abort();
    const char *const names[] = {"Patient", "Observation", "DocumentReference"};
    for (int i = 0; i < 3; i++)
        types[i] = fhir_type(d, names[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct search_tenant tenant = {
        .id = 1, .key = {1, 2}, .zone = 540, .text = SEARCH_TEXT_CONTENT};
    if (!registry)
        start();
    if (!size)
        return 0;
    struct arena a;
    jmp_buf out;
    struct search_query *q;
    struct sql sql;
    struct err err;
    arena_init(&a, 64 << 20);
    a.guard = &out;
    struct search_options o = {.type = types[data[0] % 4],
                               .limits = {50, 1000, 100, 1000},
                               .text = SEARCH_TEXT_CONTENT,
                               .base = STR("https://h/fhir"),
                               .terminology = codes};
    struct search_arg arg = {STR("_filter"), {(const char *)data + 1, size - 1}};
    if (!setjmp(out) && search_parse(registry, &tenant, &a, &arg, 1, &o, &q, &err)) {
        search_plan(q, NULL, &sql);
        if (sql.text.len == 0)
            abort();
    }
    arena_release(&a);
    return 0;
}
