/* Patch documents, JSON Patch and FHIRPath Patch, on a record: no crash, no hang, and what one that can be applied leaves
 * behind is a tree that can be printed and read again. */
#include <assert.h>

#include "../../src/api/fhirpath_patch.h"
#include "base/json_patch.h"

static const char record[] = "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"contained\":[{"
                             "\"resourceType\":\"Organization\","
                             "\"id\":\"o\",\"name\":\"N\"}],\"extension\":[{\"url\":\"urn:x\","
                             "\"valueString\":\"v\"}],\"identifier\":[{"
                             "\"system\":\"urn:s\",\"value\":\"1\"},{\"value\":\"2\"}],\"name\":[{\"family\":"
                             "\"F\",\"given\":[\"A\",null,\"C\"],"
                             "\"_given\":[null,{\"id\":\"g\"},{\"extension\":[{\"url\":\"urn:y\","
                             "\"valueCode\":\"c\"}]}]}],\"birthDate\":"
                             "\"1970-01-01\",\"_birthDate\":{\"id\":\"b\"},\"deceasedBoolean\":false,"
                             "\"multipleBirthInteger\":2,\"contact\":[{"
                             "\"name\":{\"text\":\"t\"}}],\"managingOrganization\":{\"reference\":\"#o\"}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena lasting;
    static const struct fhir_defs *defs;
    struct err err;
    if (!defs) {
        arena_init(&lasting, 0);
        bool loaded = fhir_defs_load(&lasting, &defs, &err);
        assert(loaded);
    }
    struct arena a;
    jmp_buf out;
    json *patch, *resource, *back;
    arena_init(&a, 64 << 20);
    a.guard = &out;
    if (!setjmp(out) && json_parse(&a, (struct str){(const char *)data, size}, 64, &patch, &err)) {
        bool ok = json_parse(&a, str_of(record), 64, &resource, &err);
        assert(ok);
        ok = json_is_array(patch) ? json_patch(&a, &resource, patch, &err)
                                  : fhirpath_patch(&a, defs, resource, patch, &err);
        if (!ok) {
            assert(err.msg[0]);
        } else {
            ok = json_parse(&a, json_text(&a, resource), INT16_MAX, &back, &err);
            assert(ok && json_equal(resource, back));
        }
    }
    arena_release(&a);
    return 0;
}
