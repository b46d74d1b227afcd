/*
 * Roots, exponentials and logarithms of exact decimals: own code, since GMP has none for decimals and the C library
 * only doubles, which would make 0.1.power(2) something else than 0.01. Series over numbers of 40 digits, rounded to
 * 28.
 */
#include "internal.h"

enum { WORK = 40, RESULT = 28, MAX_EXPONENT = 2000 };

static struct decimal of(int64_t i)
{
    return decimal_int(i);
}

/* Digits of the coefficient. */
static int digits(const struct decimal *x)
{
    int n = 0;
    if (x->big)
        return (int)strlen(x->big);
    for (uint64_t v = x->small; v; v /= 10)
        n++;
    return n;
}

static bool is_zero(const struct decimal *x)
{
    return digits(x) == 0;
}

/* To `keep` significant digits, without zeros at the end. */
static struct decimal trim(struct arena *a, struct decimal x, int keep)
{
    int extra = digits(&x) - keep;
    if (extra > 0)
        x = decimal_round(a, &x, x.scale - extra, DECIMAL_HALF_UP);
    return decimal_normal(a, &x);
}

static struct decimal mul(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    return trim(a, decimal_mul(a, x, y), WORK);
}

static struct decimal quot(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    return decimal_div(a, x, y, WORK);
}

/* |x| < 10^-WORK relative to sums near 1. */
static bool negligible(const struct decimal *x)
{
    return is_zero(x) || digits(x) - x->scale < -WORK;
}

bool fp__sqrt(struct arena *a, const struct decimal *x, struct decimal *out)
{
    struct decimal half = {.scale = 1, .small = 5}, y, n = decimal_normal(a, x);
    if (is_zero(&n)) {
        *out = of(0);
        return true;
    }
    if (x->negative)
        return false;
    /* Newton's iteration from a power of ten near the root. */
    y = (struct decimal){.small = 1, .scale = -(digits(&n) - n.scale) / 2};
    for (int i = 0; i < 60; i++) {
        struct decimal q = quot(a, x, &y), next = decimal_add(a, &y, &q);
        next = mul(a, &next, &half);
        if (decimal_compare(a, &next, &y) == 0)
            break;
        y = next;
    }
    *out = trim(a, y, RESULT);
    return true;
}

/* Σ x^n / n! for |x| ≤ 1/2, after halving x so often and squaring the result again. */
bool fp__exp(struct arena *a, const struct decimal *x, struct decimal *out)
{
    struct decimal half = {.scale = 1, .small = 5}, bound = of(MAX_EXPONENT), size = *x, term = of(1),
                   sum = of(1), r = *x;
    int halvings = 0;
    size.negative = false;
    if (decimal_compare(a, &size, &bound) > 0)
        return false;
    while (decimal_compare(a, &size, &half) > 0) {
        size = mul(a, &size, &half);
        r = mul(a, &r, &half);
        halvings++;
    }
    for (int n = 1; n < 100; n++) {
        struct decimal d = of(n);
        term = mul(a, &term, &r);
        term = quot(a, &term, &d);
        if (negligible(&term))
            break;
        sum = decimal_add(a, &sum, &term);
    }
    for (; halvings; halvings--)
        sum = mul(a, &sum, &sum);
    *out = trim(a, sum, RESULT);
    return true;
}

/* ln x = k·ln 10 + m·ln 2 + 2·artanh((y-1)/(y+1)) where y = x / (10^k · 2^m) is between 2/3 and 4/3. */
static bool ln(struct arena *a, const struct decimal *x, struct decimal *out)
{
    static const char ln10[] = "2.302585092994045684017991454684364207601101488628772976033327901",
                      ln2[] = "0.693147180559945309417232121458176568075500134360255254120680009";
    struct decimal one = of(1), two = of(2), low = {.scale = 3, .small = 667},
                   high = {.scale = 3, .small = 1333}, third = {.scale = 2, .small = 33},
                   y = decimal_normal(a, x), num, den, power, square, sum, part;
    if (x->negative || is_zero(&y))
        return false;
    int k = digits(&y) - y.scale, m = 0;
    y.scale += k; /* 0.1 ≤ y < 1 */
    if (decimal_compare(a, &y, &third) < 0) {
        y.scale--;
        k--;
    }
    for (; decimal_compare(a, &y, &high) > 0; m++)
        y = quot(a, &y, &two);
    for (; decimal_compare(a, &y, &low) < 0; m--)
        y = mul(a, &y, &two);
    num = decimal_sub(a, &y, &one);
    den = decimal_add(a, &y, &one);
    power = quot(a, &num, &den);
    square = mul(a, &power, &power);
    sum = power;
    for (int n = 3; n < 200 && !negligible(&power); n += 2) {
        struct decimal d = of(n);
        power = mul(a, &power, &square);
        part = quot(a, &power, &d);
        sum = decimal_add(a, &sum, &part);
    }
    sum = mul(a, &sum, &two);
    const struct {
        const char *text;
        int times;
    } rest[] = {{ln10, k}, {ln2, m}};
    for (int i = 0; i < 2; i++) {
        struct decimal times = of(rest[i].times);
        if (rest[i].times && decimal_parse(a, str_of(rest[i].text), &part)) {
            part = decimal_mul(a, &part, &times);
            sum = decimal_add(a, &sum, &part);
        }
    }
    *out = trim(a, sum, WORK - 4);
    return true;
}

bool fp__ln(struct arena *a, const struct decimal *x, struct decimal *out)
{
    if (!ln(a, x, out))
        return false;
    *out = decimal_round(a, out, RESULT, DECIMAL_HALF_UP); /* absolute: near 1 the logarithm is near 0 */
    *out = trim(a, *out, RESULT);
    return true;
}

bool fp__log(struct arena *a, const struct decimal *x, const struct decimal *base, struct decimal *out)
{
    struct decimal lx, lb;
    if (!ln(a, x, &lx) || !ln(a, base, &lb))
        return false;
    lb = decimal_round(a, &lb, WORK - 8, DECIMAL_HALF_UP);
    if (is_zero(&lb))
        return false;
    lx = quot(a, &lx, &lb);
    lx = decimal_round(a, &lx, RESULT, DECIMAL_HALF_UP);
    *out = trim(a, lx, RESULT);
    return true;
}

/* By repeated squaring: exact as long as the number of digits allows. */
static bool whole_power(struct arena *a, const struct decimal *x, int64_t n, struct decimal *out)
{
    struct decimal base = *x, result = of(1);
    for (uint64_t e = (uint64_t)(n < 0 ? -n : n); e; e >>= 1) {
        if (e & 1)
            result = decimal_mul(a, &result, &base);
        if (e > 1)
            base = decimal_mul(a, &base, &base);
        if (!fp__in_range(&result) || !fp__in_range(&base))
            return false;
    }
    if (n < 0) {
        struct decimal one = of(1);
        if (is_zero(&result))
            return false;
        result = decimal_div(a, &one, &result, RESULT);
    }
    *out = result;
    return true;
}

bool fp__power(struct arena *a, const struct decimal *x, const struct decimal *y, struct decimal *out)
{
    int64_t n;
    struct decimal l, whole = decimal_normal(a, y);
    if (decimal_to_int64(&whole, &n))
        return n >= -MAX_EXPONENT * 100 && n <= MAX_EXPONENT * 100 && whole_power(a, x, n, out);
    struct decimal zero = decimal_normal(a, x);
    if (is_zero(&zero)) {
        *out = of(0);
        return !y->negative;
    }
    if (!ln(a, x, &l))
        return false;
    l = mul(a, &l, y);
    return fp__exp(a, &l, out);
}
