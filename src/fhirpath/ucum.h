/*
 * src/fhirpath/ucum.h: UCUM codes as multiples of base units. Private to ucum.c and units.c.
 *
 * Case-sensitive codes only. Arbitrary units ([IU], …) are dimensions of their own; those on scales that are no
 * ratios (Cel, [degF], [pH], B[SPL], …) are special: known, but nothing is computed with them.
 */
#ifndef KAGARI_FHIRPATH_UCUM_H
#define KAGARI_FHIRPATH_UCUM_H

#include "internal.h"

enum { FP__UCUM_DIMENSIONS = 7, FP__UCUM_ARBITRARY = 4 };

/* num / den · Π base_i ^ dim_i. Exact but for what is measured or irrational. */
struct fp__ucum {
    struct decimal num, den;
    int16_t dim[FP__UCUM_DIMENSIONS]; /* m s g rad K C cd */
    struct {
        int16_t id, exponent; /* by id; exponent 0: unused */
    } arbitrary[FP__UCUM_ARBITRARY];
    bool special;
};

/* False: no UCUM code, or one beyond all use. */
bool fp__ucum_parse(struct arena *a, struct str code, struct fp__ucum *out);
bool fp__ucum_commensurable(const struct fp__ucum *x, const struct fp__ucum *y);

/* The code of a product or quotient, powers of the same unit put together: cm · cm = cm2, m/s · s = m. */
struct str fp__ucum_combine(struct arena *a, struct str x, struct str y, bool divide);

#endif
