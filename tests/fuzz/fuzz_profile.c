/*
 * {"structures": [StructureDefinition …], "resource": …}: any profiles, and any resource held against them. No crash, no
 * loop, and every finding can be told.
 */
#include <assert.h>

#include "validate/validate.h"

static struct arena snapshot;
static const struct validator *validator;
static const struct conformance_view *definitions;

static void load(void)
{
    const struct fhir_defs *defs;
    struct err err;
    arena_init(&snapshot, 0);
    bool ok = fhir_defs_load(&snapshot, &defs, &err) &&
              conformance_definitions(&snapshot, defs, &definitions, &err) &&
              validator_new(&snapshot, defs, definitions, &validator, &err);
    assert(ok);
}

static void validate(struct arena *a, const json *input)
{
    const json *structures = json_get(input, "structures"), *resource = json_get(input, "resource");
    const json *list[16];
    const char *urls[16];
    size_t n = 0, n_urls = 0;
    json_each (s, json_is_array(structures) ? structures : NULL) {
        const char *type = json_get_string(s, "resourceType"), *url = json_get_string(s, "url");
        if (n == 16 || !type || strcmp(type, "StructureDefinition") != 0)
            continue;
        list[n++] = s;
        if (url)
            urls[n_urls++] = url;
    }
    const struct conformance_view *view;
    struct err err;
    if (!resource || !conformance_view_with(a, definitions, list, n, &view, &err))
        return;
    struct issues found;
    issues_init(&found, a);
    const struct validate_options o = {
        .level = VALIDATE_FULL, .view = view, .profiles = urls, .n_profiles = n_urls};
    validate_resource(validator, a, resource, &o, &found);
    for (size_t i = 0; i < found.n; i++)
        assert(found.list[i].code && found.list[i].text && found.list[i].expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    struct arena a;
    json *input;
    if (!validator)
        load();
    arena_init(&a, 0);
    if (json_parse(&a, (struct str){(const char *)data, size}, 64, &input, &err))
        validate(&a, input);
    arena_release(&a);
    return 0;
}
