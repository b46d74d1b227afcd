/* A file of a package: what its text says about itself is what the tree says; and what is kept of it is JSON again. */
#include <assert.h>

#include "../../src/conformance/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[CONFORMANCE__N_HEADS] = {
        "resourceType", "id", "url", "version", "status", "content", "valueSet", "supplements"};
    struct str head[CONFORMANCE__N_HEADS], text = {(const char *)data, size};
    struct arena a;
    struct err err;
    json *resource, *again;
    arena_init(&a, 0);
    bool found = conformance__head(text, head);
    if (json_parse(&a, text, CONFORMANCE__DEPTH, &resource, &err)) {
        for (int i = 0; found && i < CONFORMANCE__N_HEADS; i++) {
            const char *value = json_get_string(resource, names[i]);
            assert(!head[i].s || (value && str_is(head[i], value)));
        }
        for (enum conformance_kind kind = 0; json_is_object(resource) && kind < CONFORMANCE_N_KINDS; kind++) {
            json *kept = conformance_trim(&a, kind, resource, false);
            bool whole = json_parse(&a, json_text(&a, kept), CONFORMANCE__DEPTH, &again, &err);
            assert(whole && json_equal(kept, again));
        }
    }
    arena_release(&a);
    return 0;
}
