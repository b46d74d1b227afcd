/*
 * A query string, on a type that its first byte names: parsed, and planned when it parses. What was understood must be
 * understood again when it is read from the self link.
 */
#include <stdlib.h>

#include "../../src/search/internal.h"

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
    const char *const names[] = {"Patient", "Observation", "MolecularSequence"};
    for (int i = 0; i < 3; i++)
        types[i] = fhir_type(d, names[i]);
}

static bool parse(struct arena *a, struct str text, const struct fhir_type *type, struct search_query **q)
{
    static const struct search_tenant tenant = {
        .id = 1, .key = {1, 2}, .zone = 540, .text = SEARCH_TEXT_CONTENT};
    struct search_options o = {.type = type,
                               .limits = {50, 1000, 100, 1000},
                               .text = SEARCH_TEXT_CONTENT,
                               .base = STR("https://h/fhir"),
                               .terminology = codes};
    struct search_arg *args = NULL;
    size_t n = 0, cap = 0;
    struct err err;
    for (struct str rest = text; rest.s;) {
        struct str value, name = str_cut(str_cut(rest, '&', &rest), '=', &value);
        struct search_arg arg = {.value = STR("")};
        if (!str_percent_decode(a, name, true, &arg.name) ||
            (value.s && !str_percent_decode(a, value, true, &arg.value)))
            return false;
        *ARENA_PUSH(a, args, n, cap) = arg;
    }
    return search_parse(registry, &tenant, a, args, n, &o, q, &err);
}

static void plan(const struct search_query *q, int64_t rows)
{
    struct sql sql;
    struct search_stats stats = {.rows = rows};
    search_plan(q, &stats, &sql);
    if (sql.text.len == 0)
        abort();
    search_plan_match(q, &stats, 2, &sql);
    if (sql.text.len == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!registry)
        start();
    if (!size)
        return 0;
    struct arena a;
    jmp_buf out;
    struct search_query *q, *again;
    arena_init(&a, 64 << 20);
    a.guard = &out;
    const struct fhir_type *type = types[data[0] % 4];
    if (!setjmp(out) && parse(&a, (struct str){(const char *)data + 1, size - 1}, type, &q)) {
        plan(q, size % 2 ? 1 : 0);
        if (!parse(&a, q->self, type, &again) || again->n_unknown || !str_eq(again->self, q->self))
            abort();
    }
    arena_release(&a);
    return 0;
}
