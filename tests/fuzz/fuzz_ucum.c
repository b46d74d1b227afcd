/* Codes of units, two with a blank between them: what one is as the other comes back, and equal codes stay equal. */
#include <stdlib.h>

#include "fhir/ucum.h"

static const struct ucum *load(void)
{
    static struct arena a;
    static const struct fhir_defs *defs;
    struct err err;
    if (!defs) {
        arena_init(&a, 0);
        if (!fhir_defs_load(&a, &defs, &err))
            abort();
    }
    return fhir_ucum(defs);
}

static void check(const struct ucum *u, struct arena *a, struct str x, struct str y)
{
    struct ucum_unit ux, uy, again;
    struct decimal one = decimal_int(1);
    if (!ucum_parse(u, a, x, &ux))
        return;
    if (ux.scale != UCUM_MIXED) {
        struct str code = ucum_canonical_code(u, a, &ux);
        /* An exponent may be beyond what a code can have. */
        if (ucum_parse(u, a, code, &again) && !ucum_commensurable(&ux, &again))
            abort();
        (void)ucum_canonical(a, &one, &ux);
    }
    if (!ucum_parse(u, a, y, &uy))
        return;
    (void)ucum_combine(a, x, y, true);
    if (ucum_commensurable(&ux, &uy)) {
        struct decimal there = ucum_convert(a, &one, &ux, &uy, 60),
                       back = ucum_convert(a, &there, &uy, &ux, 30);
        back = decimal_round(a, &back, 10, DECIMAL_HALF_UP);
        if (ux.scale == UCUM_RATIO && uy.scale == UCUM_RATIO && decimal_compare(a, &back, &one) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ucum *u = load();
    struct arena a;
    struct str second, first = str_cut((struct str){(const char *)data, size}, ' ', &second);
    arena_init(&a, 0);
    check(u, &a, first, second);
    arena_release(&a);
    return 0;
}
