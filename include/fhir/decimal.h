/*
 * fhir/decimal.h: exact decimals of any length, with the precision of their literal (1.10 has two digits
 * after the point). GMP does the arithmetic when 64 bits do not hold the digits; the only user of GMP.
 *
 * Results are exact, so chains of operations can grow: who computes on behalf of a client looks at the
 * results' size, scale and length. Thread safe.
 */
#ifndef KAGARI_FHIR_DECIMAL_H
#define KAGARI_FHIR_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* value = ±coefficient · 10^-scale. */
struct decimal {
    bool negative;
    int32_t scale;   /* may be negative after 1e3 */
    uint64_t small;  /* the coefficient when big is NULL */
    const char *big; /* its decimal digits otherwise, in the arena */
};

/* A JSON or FHIRPath number literal, with sign, exponent and leading zeros allowed. False when malformed or
 * |exponent| > 10000. */
bool decimal_parse(struct arena *a, struct str s, struct decimal *out);
struct decimal decimal_int(int64_t v);
/* Plain notation without exponent, scale kept: "1.10". */
struct str decimal_text(struct arena *a, const struct decimal *d);
bool decimal_to_int64(const struct decimal *d, int64_t *out); /* false unless integral and in range */
double decimal_to_double(const struct decimal *d);

int decimal_compare(struct arena *a, const struct decimal *x, const struct decimal *y);
struct decimal decimal_add(struct arena *a, const struct decimal *x, const struct decimal *y);
struct decimal decimal_sub(struct arena *a, const struct decimal *x, const struct decimal *y);
struct decimal decimal_mul(struct arena *a, const struct decimal *x, const struct decimal *y);
/* To `digits` significant digits (28 at least for FHIRPath), trailing zeros dropped. y is not zero. */
struct decimal decimal_div(struct arena *a, const struct decimal *x, const struct decimal *y, int digits);
/* Towards zero, whole quotient; and the remainder with the sign of x. */
struct decimal decimal_quotient(struct arena *a, const struct decimal *x, const struct decimal *y);
struct decimal decimal_remainder(struct arena *a, const struct decimal *x, const struct decimal *y);
struct decimal decimal_neg(struct decimal x);
struct decimal decimal_normal(struct arena *a, const struct decimal *x); /* without trailing zeros */

/* HALF_UP takes a half away from zero. A value that has no digits beyond the scale stays as it is. */
enum decimal_rounding { DECIMAL_HALF_UP, DECIMAL_FLOOR, DECIMAL_CEILING, DECIMAL_TRUNCATE };
struct decimal decimal_round(struct arena *a, const struct decimal *x, int32_t scale,
                             enum decimal_rounding how);

/* The range [lo, hi) that a literal stands for in search (search.html#number): ± half a unit of its last
 * digit; with an exponent that makes it coarser than a unit, of a digit more, as the specification's own
 * example has 1e2 stand for 95 to 105. */
void decimal_implicit_range(struct arena *a, const struct decimal *x, struct decimal *lo, struct decimal *hi);

#endif
