/* Any JSON against the validator: no crash, no hang, and a finding is never a surprise to its reader. */
#include <assert.h>

#include "validate/validate.h"

static struct arena snapshot;
static const struct validator *validator;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    if (!validator) {
        const struct fhir_defs *defs;
        const struct conformance_view *codes;
        arena_init(&snapshot, 0);
        bool ok = fhir_defs_load(&snapshot, &defs, &err) &&
                  conformance_definitions(&snapshot, defs, &codes, &err) &&
                  validator_new(&snapshot, defs, codes, &validator, &err);
        assert(ok);
    }
    struct arena a;
    arena_init(&a, 0);
    json *resource;
    if (json_parse(&a, (struct str){(const char *)data, size}, 64, &resource, &err)) {
        struct issues found;
        issues_init(&found, &a);
        validate_resource(validator, &a, resource, &(struct validate_options){.level = VALIDATE_FULL},
                          &found);
        assert(found.n <= 201);
        for (size_t i = 0; i < found.n; i++)
            assert(found.list[i].code && found.list[i].text && found.list[i].expression);
    }
    arena_release(&a);
    return 0;
}
