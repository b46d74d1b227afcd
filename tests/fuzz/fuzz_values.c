/* Dates, times, decimals and references as clients write them. */
#include <stdlib.h>

#include "fhir/datetime.h"
#include "fhir/decimal.h"
#include "fhir/reference.h"

static const struct fhir_defs *load(void)
{
    static struct arena a;
    static const struct fhir_defs *defs;
    struct err err;
    if (!defs) {
        arena_init(&a, 0);
        if (!fhir_defs_load(&a, &defs, &err))
            abort();
    }
    return defs;
}

static void dates(struct str s)
{
    struct fhir_datetime d;
    int64_t lo, hi;
    if (!fhir_datetime_parse(s, &d) && !fhir_time_parse(s, &d))
        return;
    fhir_datetime_range(&d, 540, &lo, &hi);
    if (lo > hi)
        abort();
}

/* Two numbers with a blank between them: (x + y) - y = x and x = q * y + r, exactly. */
static void decimals(struct str s)
{
    struct arena a;
    struct str second, first = str_cut(s, ' ', &second);
    struct decimal x, y;
    arena_init(&a, 0);
    if (decimal_parse(&a, first, &x) && decimal_parse(&a, second, &y)) {
        struct decimal sum = decimal_add(&a, &x, &y), back = decimal_sub(&a, &sum, &y), z, lo, hi;
        if (decimal_compare(&a, &back, &x) != 0)
            abort();
        if (!decimal_parse(&a, decimal_text(&a, &sum), &z) || decimal_compare(&a, &z, &sum) != 0)
            abort();
        decimal_implicit_range(&a, &x, &lo, &hi);
        if (decimal_compare(&a, &lo, &x) >= 0 || decimal_compare(&a, &hi, &x) <= 0)
            abort();
        struct decimal zero = decimal_int(0);
        if (decimal_compare(&a, &y, &zero) != 0) {
            struct decimal q = decimal_quotient(&a, &x, &y), r = decimal_remainder(&a, &x, &y);
            struct decimal qy = decimal_mul(&a, &q, &y), all = decimal_add(&a, &qy, &r);
            if (decimal_compare(&a, &all, &x) != 0)
                abort();
            decimal_div(&a, &x, &y, 28);
        }
        for (int scale = -3; scale < 8; scale++) {
            struct decimal down = decimal_round(&a, &x, scale, DECIMAL_FLOOR);
            struct decimal up = decimal_round(&a, &x, scale, DECIMAL_CEILING);
            if (decimal_compare(&a, &down, &x) > 0 || decimal_compare(&a, &up, &x) < 0)
                abort();
        }
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct fhir_reference r;
    dates(s);
    decimals(s);
    fhir_reference_parse_local(load(), STR("https://h/fhir"), s, &r);
    if ((r.form == FHIR_REF_RELATIVE || r.form == FHIR_REF_ABSOLUTE) && (!r.type || !r.id.len))
        abort();
    return 0;
}
