/* The text form of definitions. What was read and written again reads and writes the same. */
#include <stdlib.h>

#include "../../src/fhir/internal.h"

static struct str rewrite(struct arena *a, const struct fhir__records *r)
{
    struct buf b;
    buf_init(&b, a, 256);
    for (enum fhir__text which = 0; which < FHIR__TEXT_N; which++)
        fhir__text_write(r, which, &b);
    return buf_str(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err;
    const struct fhir_defs *defs;
    if (memchr(data, '\0', size))
        return 0;
    arena_init(&a, 0);
    struct fhir__records r = {.a = &a}, again = {.a = &a};
    if (fhir__text_read(&r, arena_strndup(&a, (const char *)data, size), size, &err)) {
        struct str text = rewrite(&a, &r);
        if (!fhir__text_read(&again, arena_strndup(&a, text.s, text.len), text.len, &err) ||
            !str_eq(rewrite(&a, &again), text))
            abort();
        if (fhir__build(&a, &r, &defs, &err))
            for (int i = 0; i < fhir_type_count(defs); i++) {
                const struct fhir_type *t = fhir_type_at(defs, i), *actual;
                for (int k = 0; k < t->n_elements; k++)
                    fhir_child(t, fhir_json_name(&t->elements[k], 0), &actual);
            }
    }
    arena_release(&a);
    return 0;
}
