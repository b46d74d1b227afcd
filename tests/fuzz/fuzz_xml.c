/* Any XML: no crash, no hang; what is read as a resource comes back the same when it can be written. */
#include <assert.h>

#include "fhir/xml.h"

static struct arena snapshot;
static const struct fhir_defs *defs;

static bool print(struct arena *a, const json *resource, bool pretty, struct str *out)
{
    struct err err;
    struct buf b;
    buf_init(&b, a, 1024);
    bool ok = fhir_xml_print(defs, &b, resource, pretty, &err);
    *out = buf_str(&b);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    struct str text = {(const char *)data, size}, written;
    if (!defs) {
        arena_init(&snapshot, 0);
        bool ok = fhir_defs_load(&snapshot, &defs, &err);
        assert(ok);
    }
    struct arena a;
    arena_init(&a, 0);
    json *resource, *back;
    fhir_xml_root_is(text, "Binary");
    if (!fhir_xml_parse(&a, defs, text, 64, &resource, &err)) {
        assert(err.msg[0] && err.line > 0 && err.column > 0);
    } else if (print(&a, resource, size % 2, &written)) {
        bool ok = fhir_xml_parse(&a, defs, written, 64, &back, &err);
        assert(ok);
        assert(json_equal(resource, back));
    }
    arena_release(&a);
    return 0;
}
