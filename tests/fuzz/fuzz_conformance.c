/* Conformance resources, one a line, down to the snapshot; and what is written of them can be read. */
#include <stdlib.h>

#include "../../src/fhir/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err;
    const struct fhir_defs *defs;
    arena_init(&a, 0);
    struct fhir__records r = {.a = &a}, again = {.a = &a};
    struct str rest = {(const char *)data, size};
    bool good = true;
    while (rest.len) {
        json *resource;
        if (json_parse(&a, str_cut(rest, '\n', &rest), 100, &resource, &err))
            good = fhir__conformance_add(&r, resource, &err) && good;
    }
    if (good) {
        fhir__conformance_finish(&r);
        if (fhir__build(&a, &r, &defs, &err)) {
            struct buf b;
            buf_init(&b, &a, 256);
            for (enum fhir__text which = 0; which < FHIR__TEXT_N; which++)
                fhir__text_write(&r, which, &b);
            if (!fhir__text_read(&again, b.s, b.len, &err))
                abort();
        }
    }
    arena_release(&a);
    return 0;
}
