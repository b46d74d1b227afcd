/*
 * fhir/ucum.h: units of measure by their codes in UCUM (https://ucum.org), the case-sensitive ones, as FHIR uses them.
 *
 * A code becomes a multiple of base units, exactly: the numbers are fractions of decimals. The base units are m, s, g,
 * rad, K, C and cd; arbitrary units ([iU], [CFU], …) and scales that no factor leads to ([pH], B, Np, …) are base
 * units of themselves. The table (conf/definitions/ucum.txt) is a part of the definitions and as immutable as they
 * are; all functions are thread safe.
 */
#ifndef KAGARI_FHIR_UCUM_H
#define KAGARI_FHIR_UCUM_H

#include "fhir/decimal.h"
#include "fhir/defs.h"

#define UCUM_SYSTEM "http://unitsofmeasure.org"

struct ucum;
const struct ucum *fhir_ucum(const struct fhir_defs *d);

enum ucum_scale {
    UCUM_RATIO, /* its zero is nothing: values can be added, units multiplied */
    UCUM_POINTS, /* points on a scale (Cel, [degF], [pH], dB): they can be compared, but no unit is made of them */
    UCUM_MIXED, /* a product with such a scale in it: known, but values cannot be converted */
};

enum { UCUM_DIMENSIONS = 8 };

/* A value v of it is (v + offset) · num / den · Π base ^ exponent. */
struct ucum_unit {
    struct decimal num, den, offset;
    struct {
        int16_t id, exponent; /* sorted by id; those that are not used come last and are zero */
    } dim[UCUM_DIMENSIONS];
    enum ucum_scale scale;
};

/* False: no UCUM code, or one beyond all use. */
bool ucum_parse(const struct ucum *u, struct arena *a, struct str code, struct ucum_unit *out);

/* Can values of one be compared with those of the other? */
bool ucum_commensurable(const struct ucum_unit *x, const struct ucum_unit *y);

/* A value as one of a commensurable unit, to `digits` significant digits where it has no end. */
struct decimal ucum_convert(struct arena *a, const struct decimal *value, const struct ucum_unit *from,
                            const struct ucum_unit *to, int digits);

/*
 * What is the same whatever the unit: the value in base units, and their code ("g.m-3"; "1" for none). Equal quantities
 * have equal values, a greater one never has a less value, and values that agree in 40 digits count as one. Not for
 * UCUM_MIXED.
 */
struct decimal ucum_canonical(struct arena *a, const struct decimal *value, const struct ucum_unit *unit);
struct str ucum_canonical_code(const struct ucum *u, struct arena *a, const struct ucum_unit *unit);

/* The code of a product or quotient, powers of the same unit put together: cm · cm = cm2, m/s · s = m. */
struct str ucum_combine(struct arena *a, struct str x, struct str y, bool divide);

#endif
