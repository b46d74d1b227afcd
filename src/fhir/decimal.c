/*
 * Decimals as digits and a scale. What 64 bits hold is computed there; the rest by GMP's mpn layer, which
 * works on memory that it is given. (Its mpz layer allocates by hooks that GnuTLS shares, so they cannot be
 * given an arena.)
 */
#include "fhir/decimal.h"

#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPONENT_MAX 10000
#define SMALL_DIGITS 20 /* of UINT64_MAX */

typedef unsigned __int128 wide;

/* ---- digits -------------------------------------------------------------------------------------------- */

static int32_t clamp(int64_t scale)
{
    return scale > INT32_MAX ? INT32_MAX : scale < INT32_MIN ? INT32_MIN : (int32_t)scale;
}

/* digits: '0' to '9', leading zeros allowed, in the arena. */
static struct decimal from_digits(bool negative, const char *digits, size_t len, int64_t scale)
{
    struct decimal d = {.negative = negative, .scale = clamp(scale)};
    for (; len && *digits == '0'; len--)
        digits++;
    if (len > SMALL_DIGITS) {
        d.big = digits;
        return d;
    }
    wide n = 0;
    for (size_t i = 0; i < len; i++)
        n = n * 10 + (unsigned)(digits[i] - '0');
    if (n > UINT64_MAX)
        d.big = digits;
    else
        d.small = (uint64_t)n;
    d.negative = negative && n != 0;
    return d;
}

/* The coefficient's digits; out holds those of a small one. */
static struct str digits_of(const struct decimal *d, char out[SMALL_DIGITS + 1])
{
    if (d->big)
        return str_of(d->big);
    return (struct str){out, (size_t)snprintf(out, SMALL_DIGITS + 1, "%llu", (unsigned long long)d->small)};
}

static bool is_zero(const struct decimal *d)
{
    return !d->big && d->small == 0;
}

bool decimal_parse(struct arena *a, struct str s, struct decimal *out)
{
    if (!s.len)
        return false;
    const char *at = s.s, *end = s.s + s.len;
    bool negative = at < end && *at == '-';
    at += negative || (at < end && *at == '+');
    char *digits = arena_alloc(a, s.len + 1);
    size_t n = 0, whole;
    while (at < end && *at >= '0' && *at <= '9')
        digits[n++] = *at++;
    whole = n;
    if (whole == 0)
        return false;
    if (at < end && *at == '.') {
        for (at++; at < end && *at >= '0' && *at <= '9';)
            digits[n++] = *at++;
        if (n == whole)
            return false;
    }
    int64_t exponent = 0;
    if (at < end && (*at | 32) == 'e') {
        bool down = ++at < end && *at == '-';
        at += down || (at < end && *at == '+');
        if (at == end)
            return false;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            if ((exponent = exponent * 10 + (*at - '0')) > EXPONENT_MAX)
                return false;
        exponent = down ? -exponent : exponent;
    }
    digits[n] = '\0';
    *out = from_digits(negative, digits, n, (int64_t)(n - whole) - exponent);
    return at == end;
}

struct decimal decimal_int(int64_t v)
{
    return (struct decimal){.negative = v < 0, .small = v < 0 ? 0 - (uint64_t)v : (uint64_t)v};
}

struct str decimal_text(struct arena *a, const struct decimal *d)
{
    char small[SMALL_DIGITS + 1];
    struct str digits = digits_of(d, small);
    size_t places = d->scale > 0 ? (size_t)d->scale : 0;
    size_t after = d->scale < 0 && !is_zero(d) ? (size_t) - (int64_t)d->scale : 0;
    size_t before =
        places >= digits.len ? places - digits.len + 1 : 0; /* zeros up to the one before the point */
    struct buf b;
    buf_init(&b, a, digits.len + before + after + 3);
    if (d->negative)
        buf_addc(&b, '-');
    size_t point = digits.len + before - places;
    for (size_t i = 0; i < before + digits.len; i++) {
        if (i == point)
            buf_addc(&b, '.');
        buf_addc(&b, i < before ? '0' : digits.s[i - before]);
    }
    for (size_t i = 0; i < after; i++)
        buf_addc(&b, '0');
    return buf_str(&b);
}

bool decimal_to_int64(const struct decimal *d, int64_t *out)
{
    char small[SMALL_DIGITS + 1];
    struct str digits = digits_of(d, small);
    int64_t scale = d->scale;
    for (; scale > 0 && digits.len > 1 && digits.s[digits.len - 1] == '0'; scale--)
        digits.len--;
    if (is_zero(d)) {
        *out = 0;
        return true;
    }
    if (scale > 0 || (int64_t)digits.len - scale > SMALL_DIGITS)
        return false;
    wide n = 0;
    for (size_t i = 0; i < digits.len; i++)
        n = n * 10 + (unsigned)(digits.s[i] - '0');
    for (; scale < 0; scale++)
        n *= 10;
    if (n > (wide)INT64_MAX + d->negative)
        return false;
    *out = d->negative ? (int64_t)(0 - (uint64_t)n) : (int64_t)n;
    return true;
}

double decimal_to_double(const struct decimal *d)
{
    /* 800 digits decide the rounding of any double; more only move the exponent. */
    char small[SMALL_DIGITS + 1], text[900];
    struct str digits = digits_of(d, small);
    size_t used = digits.len < 800 ? digits.len : 800;
    snprintf(text, sizeof text, "%s%.*se%lld", d->negative ? "-" : "", (int)used, digits.s,
             (long long)(digits.len - used) - d->scale);
    return strtod(text, NULL);
}

/* ---- large numbers ------------------------------------------------------------------------------------- */

struct natural {
    mp_limb_t *limbs;
    mp_size_t n; /* without leading zeros; 0: zero */
};

static mp_size_t trimmed(const mp_limb_t *limbs, mp_size_t n)
{
    while (n > 0 && limbs[n - 1] == 0)
        n--;
    return n;
}

/* The coefficient times 10^zeros. */
static struct natural natural_of(struct arena *a, const struct decimal *d, size_t zeros)
{
    char small[SMALL_DIGITS + 1];
    struct str digits = digits_of(d, small);
    size_t len = digits.len + zeros;
    unsigned char *values = arena_zalloc(a, len);
    for (size_t i = 0; i < digits.len; i++)
        values[i] = (unsigned char)(digits.s[i] - '0');
    struct natural out = {ARENA_ARRAY(a, mp_limb_t, len / 19 + 2), 0};
    out.n = trimmed(out.limbs, mpn_set_str(out.limbs, values, len, 10));
    return out;
}

/* Destroys x. */
static struct decimal from_natural(struct arena *a, bool negative, struct natural x, int64_t scale)
{
    if (x.n == 0)
        return (struct decimal){.scale = clamp(scale)};
    unsigned char *digits = arena_alloc(a, (size_t)x.n * 20 + 2);
    size_t len = mpn_get_str(digits, 10, x.limbs, x.n);
    for (size_t i = 0; i < len; i++)
        digits[i] += '0';
    digits[len] = '\0';
    return from_digits(negative, (char *)digits, len, scale);
}

static int natural_compare(struct natural x, struct natural y)
{
    return x.n != y.n ? (x.n > y.n ? 1 : -1) : x.n ? mpn_cmp(x.limbs, y.limbs, x.n) : 0;
}

/* Both with the scale of the finer one. */
static int32_t align(struct arena *a, const struct decimal *x, const struct decimal *y, struct natural *nx,
                     struct natural *ny)
{
    int64_t sx = x->scale, sy = y->scale, scale = sx > sy ? sx : sy;
    *nx = natural_of(a, x, is_zero(x) ? 0 : (size_t)(scale - sx));
    *ny = natural_of(a, y, is_zero(y) ? 0 : (size_t)(scale - sy));
    return (int32_t)scale;
}

/* The same in 128 bits; false when they do not suffice. */
static bool align_wide(const struct decimal *x, const struct decimal *y, wide *wx, wide *wy)
{
    int64_t up_x = (int64_t)y->scale - x->scale, up_y = -up_x;
    if (x->big || y->big || up_x > 18 || up_y > 18)
        return false;
    for (*wx = x->small; up_x > 0; up_x--)
        *wx *= 10;
    for (*wy = y->small; up_y > 0; up_y--)
        *wy *= 10;
    return true;
}

/* ---- comparing and computing --------------------------------------------------------------------------- */

static int compare_magnitudes(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    wide wx, wy;
    struct natural nx, ny;
    if (align_wide(x, y, &wx, &wy))
        return (wx > wy) - (wx < wy);
    align(a, x, y, &nx, &ny);
    return natural_compare(nx, ny);
}

int decimal_compare(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    if (x->negative != y->negative)
        return x->negative ? -1 : 1;
    return x->negative ? compare_magnitudes(a, y, x) : compare_magnitudes(a, x, y);
}

struct decimal decimal_add(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    int32_t scale = x->scale > y->scale ? x->scale : y->scale;
    wide wx, wy;
    if (align_wide(x, y, &wx, &wy)) {
        bool same = x->negative == y->negative, less = wx < wy;
        wide n = same ? wx + wy : less ? wy - wx : wx - wy;
        if (n <= UINT64_MAX)
            return (struct decimal){.negative = (same || !less ? x->negative : y->negative) && n,
                                    .scale = scale,
                                    .small = (uint64_t)n};
    }
    struct natural nx, ny;
    align(a, x, y, &nx, &ny);
    bool negative = x->negative;
    if (natural_compare(nx, ny) < 0) {
        struct natural swap = nx;
        nx = ny;
        ny = swap;
        negative = y->negative;
    }
    struct natural sum = {ARENA_ARRAY(a, mp_limb_t, nx.n + 1), 0};
    if (ny.n == 0)
        memcpy(sum.limbs, nx.limbs, sizeof *nx.limbs * (size_t)nx.n);
    else if (x->negative == y->negative)
        sum.limbs[nx.n] = mpn_add(sum.limbs, nx.limbs, nx.n, ny.limbs, ny.n);
    else
        mpn_sub(sum.limbs, nx.limbs, nx.n, ny.limbs, ny.n);
    sum.n = trimmed(sum.limbs, nx.n + 1);
    return from_natural(a, negative, sum, scale);
}

struct decimal decimal_neg(struct decimal x)
{
    x.negative = !x.negative && !is_zero(&x);
    return x;
}

struct decimal decimal_sub(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    struct decimal minus = decimal_neg(*y);
    return decimal_add(a, x, &minus);
}

struct decimal decimal_mul(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    int64_t scale = (int64_t)x->scale + y->scale;
    bool negative = x->negative != y->negative;
    if (!x->big && !y->big) {
        wide n = (wide)x->small * y->small;
        if (n <= UINT64_MAX)
            return (struct decimal){.negative = negative && n, .scale = clamp(scale), .small = (uint64_t)n};
    }
    struct natural nx = natural_of(a, x, 0), ny = natural_of(a, y, 0);
    if (nx.n < ny.n) {
        struct natural swap = nx;
        nx = ny;
        ny = swap;
    }
    struct natural product = {ARENA_ARRAY(a, mp_limb_t, nx.n + ny.n), 0};
    if (ny.n > 0) {
        mpn_mul(product.limbs, nx.limbs, nx.n, ny.limbs, ny.n);
        product.n = trimmed(product.limbs, nx.n + ny.n);
    }
    return from_natural(a, negative, product, scale);
}

/* Whole quotient towards zero, and remainder. y is not zero. */
static struct natural divide(struct arena *a, struct natural x, struct natural y, struct natural *rest)
{
    if (x.n < y.n) {
        *rest = x;
        return (struct natural){NULL, 0};
    }
    struct natural q = {ARENA_ARRAY(a, mp_limb_t, x.n - y.n + 1), x.n - y.n + 1};
    rest->limbs = ARENA_ARRAY(a, mp_limb_t, y.n);
    mpn_tdiv_qr(q.limbs, rest->limbs, 0, x.limbs, x.n, y.limbs, y.n);
    rest->n = trimmed(rest->limbs, y.n);
    q.n = trimmed(q.limbs, q.n);
    return q;
}

struct decimal decimal_div(struct arena *a, const struct decimal *x, const struct decimal *y, int digits)
{
    char sx[SMALL_DIGITS + 1], sy[SMALL_DIGITS + 1];
    /* So many zeros that the quotient has a digit more than asked for, which decides the rounding. */
    int64_t zeros = digits + 2 + (int64_t)digits_of(y, sy).len - (int64_t)digits_of(x, sx).len;
    zeros = zeros > 0 ? zeros : 0;
    struct natural rest, q = divide(a, natural_of(a, x, (size_t)zeros), natural_of(a, y, 0), &rest);
    struct decimal out = from_natural(a, x->negative != y->negative, q, (int64_t)x->scale + zeros - y->scale);
    int64_t surplus = (int64_t)digits_of(&out, sx).len - digits;
    if (surplus > 0)
        out = decimal_round(a, &out, clamp(out.scale - surplus), DECIMAL_HALF_UP);
    return decimal_normal(a, &out);
}

struct decimal decimal_quotient(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    struct natural nx, ny, rest;
    align(a, x, y, &nx, &ny);
    return from_natural(a, x->negative != y->negative, divide(a, nx, ny, &rest), 0);
}

struct decimal decimal_remainder(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    struct natural nx, ny, rest;
    int32_t scale = align(a, x, y, &nx, &ny);
    divide(a, nx, ny, &rest);
    return from_natural(a, x->negative, rest, scale);
}

struct decimal decimal_normal(struct arena *a, const struct decimal *x)
{
    char small[SMALL_DIGITS + 1];
    struct str digits = digits_of(x, small);
    size_t len = digits.len;
    if (is_zero(x))
        return (struct decimal){0};
    while (digits.s[len - 1] == '0')
        len--;
    if (len == digits.len)
        return *x;
    return from_digits(x->negative, arena_strndup(a, digits.s, len), len,
                       (int64_t)x->scale - (int64_t)(digits.len - len));
}

/* Is the part that is cut off to be made up for by one more in the part that stays? */
static bool rounds_up(enum decimal_rounding how, bool negative, char first, bool any)
{
    switch (how) {
    case DECIMAL_HALF_UP:
        return first >= '5';
    case DECIMAL_FLOOR:
        return negative && any;
    case DECIMAL_CEILING:
        return !negative && any;
    case DECIMAL_TRUNCATE:
        return false;
    }
    return false;
}

struct decimal decimal_round(struct arena *a, const struct decimal *x, int32_t scale,
                             enum decimal_rounding how)
{
    char small[SMALL_DIGITS + 1];
    struct str digits = digits_of(x, small);
    int64_t cut = (int64_t)x->scale - scale, kept = (int64_t)digits.len - cut;
    if (cut <= 0)
        return *x;
    bool any = false;
    for (size_t i = kept > 0 ? (size_t)kept : 0; i < digits.len; i++)
        any |= digits.s[i] != '0';
    bool up = rounds_up(how, x->negative, kept >= 0 ? digits.s[kept] : '0', any);
    size_t n = kept > 0 ? (size_t)kept : 0;
    char *out = arena_alloc(a, n + 2);
    out[0] = '0'; /* for the carry */
    memcpy(out + 1, digits.s, n);
    out[n + 1] = '\0';
    for (size_t i = n; up; i--) {
        up = out[i] == '9';
        out[i] = up ? '0' : (char)(out[i] + 1);
    }
    return from_digits(x->negative, out, n + 1, scale);
}

void decimal_implicit_range(struct arena *a, const struct decimal *x, struct decimal *lo, struct decimal *hi)
{
    struct decimal half = {.small = 5, .scale = clamp((int64_t)x->scale + (x->scale < 0 ? 2 : 1))};
    *lo = decimal_sub(a, x, &half);
    *hi = decimal_add(a, x, &half);
}
