/*
 * The Unified Code for Units of Measure (https://ucum.org/ucum): reading codes, converting values. Own code: there is
 * no C library of it in Debian.
 */
#include "internal.h"

enum { LENGTH_MAX = 200, POWER_MAX = 30, NESTING_MAX = 20, DIGITS_MAX = 1000, CANONICAL_DIGITS = 40 };

const struct ucum_unit ucum__one = {.num = {.small = 1}, .den = {.small = 1}};

/* ---- arithmetic of units ----------------------------------------------------------------------------- */

static bool usable(const struct decimal *d)
{
    return (!d->big || strlen(d->big) <= DIGITS_MAX) && d->scale <= DIGITS_MAX && d->scale >= -DIGITS_MAX;
}

/* Adds an exponent, in the order of ids. */
static bool add_dimension(struct ucum_unit *x, int16_t id, int exponent)
{
    int i = 0;
    while (i < UCUM_DIMENSIONS && x->dim[i].exponent && x->dim[i].id < id)
        i++;
    if (i == UCUM_DIMENSIONS)
        return false;
    bool there = x->dim[i].exponent && x->dim[i].id == id;
    size_t after = (size_t)(UCUM_DIMENSIONS - 1 - i) * sizeof x->dim[0];
    if (!there) {
        if (x->dim[UCUM_DIMENSIONS - 1].exponent)
            return false;
        memmove(&x->dim[i + 1], &x->dim[i], after);
        x->dim[i].id = id;
        x->dim[i].exponent = 0;
    }
    exponent += x->dim[i].exponent;
    x->dim[i].exponent = (int16_t)exponent;
    if (exponent == 0) {
        memmove(&x->dim[i], &x->dim[i + 1], after);
        memset(&x->dim[UCUM_DIMENSIONS - 1], 0, sizeof x->dim[0]);
    }
    return exponent <= INT16_MAX && exponent >= -INT16_MAX;
}

bool ucum__multiply(struct arena *a, struct ucum_unit *x, const struct ucum_unit *y, bool divide)
{
    x->num = decimal_mul(a, &x->num, divide ? &y->den : &y->num);
    x->den = decimal_mul(a, &x->den, divide ? &y->num : &y->den);
    if (x->scale != UCUM_RATIO || y->scale != UCUM_RATIO)
        x->scale = UCUM_MIXED;
    for (int i = 0; i < UCUM_DIMENSIONS && y->dim[i].exponent; i++)
        if (!add_dimension(x, y->dim[i].id, divide ? -y->dim[i].exponent : y->dim[i].exponent))
            return false;
    return usable(&x->num) && usable(&x->den);
}

static bool raise(struct arena *a, struct ucum_unit *x, int exponent)
{
    struct ucum_unit power = *x;
    if (exponent == 1)
        return true;
    *x = ucum__one;
    for (int n = exponent < 0 ? -exponent : exponent; n; n >>= 1) {
        struct ucum_unit square = power;
        if (n & 1 && !ucum__multiply(a, x, &power, exponent < 0))
            return false;
        if (n > 1 && !ucum__multiply(a, &power, &square, false))
            return false;
    }
    return true;
}

/* With a prefix. A point's offset is in its own unit. */
static bool scale(struct arena *a, struct ucum_unit *x, const struct decimal *factor)
{
    x->num = decimal_mul(a, &x->num, factor);
    x->offset = decimal_div(a, &x->offset, factor, CANONICAL_DIGITS);
    return usable(&x->num);
}

/* ---- reading codes ----------------------------------------------------------------------------------- */

struct reader {
    const struct ucum *u;
    struct arena *a;
    struct str s;
    size_t i;
    int nesting;
};

/* An atom, or a metric one behind a prefix of one or two letters. */
static bool simple(struct reader *r, struct str code, struct ucum_unit *out)
{
    const struct ucum__atom *atom = fhir__map_get(&r->u->by_code, code);
    if (atom) {
        *out = atom->unit;
        return true;
    }
    for (size_t n = 2; n > 0; n--) {
        if (code.len <= n)
            continue;
        const struct ucum__prefix *prefix = fhir__map_get(&r->u->prefixes, (struct str){code.s, n});
        atom = prefix ? fhir__map_get(&r->u->by_code, (struct str){code.s + n, code.len - n}) : NULL;
        if (!atom || !atom->metric)
            continue;
        *out = atom->unit;
        return scale(r->a, out, &prefix->factor);
    }
    return false;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Where the component at i ends: brackets and braces keep what is in them together. */
static size_t component_end(struct str s, size_t i)
{
    char close = 0;
    for (; i < s.len; i++) {
        if (close) {
            close = s.s[i] == close ? 0 : close;
        } else if (s.s[i] == '[' || s.s[i] == '{') {
            close = s.s[i] == '[' ? ']' : '}';
        } else if (s.s[i] == '.' || s.s[i] == '/' || s.s[i] == '(' || s.s[i] == ')') {
            break;
        }
    }
    return i;
}

/* Cuts the exponent off a unit: m-2 → m, -2. */
static bool cut_exponent(struct str *unit, int *exponent)
{
    size_t n = unit->len;
    *exponent = 1;
    while (n && digit(unit->s[n - 1]))
        n--;
    if (n == unit->len)
        return true;
    size_t from = n;
    if (n && (unit->s[n - 1] == '-' || unit->s[n - 1] == '+'))
        n--;
    int64_t e;
    struct str digits = {unit->s + from, unit->len - from};
    if (n == 0 || digits.len > 2 || !str_int64(digits, &e) || e > POWER_MAX)
        return false;
    *exponent = unit->s[n] == '-' ? -(int)e : (int)e;
    unit->len = n;
    return true;
}

static bool term(struct reader *r, struct ucum_unit *out);

static bool component(struct reader *r, struct ucum_unit *out)
{
    if (r->i < r->s.len && r->s.s[r->i] == '(') {
        r->i++;
        if (++r->nesting > NESTING_MAX || !term(r, out) || r->i >= r->s.len || r->s.s[r->i] != ')')
            return false;
        r->i++;
        r->nesting--;
        return true;
    }
    size_t end = component_end(r->s, r->i);
    struct str unit = {r->s.s + r->i, end - r->i};
    const char *note = memchr(unit.s, '{', unit.len);
    r->i = end;
    if (note && unit.s[unit.len - 1] != '}')
        return false;
    if (note)
        unit.len = (size_t)(note - unit.s);
    *out = ucum__one;
    if (unit.len == 0)
        return note != NULL;
    bool number = true;
    for (size_t i = 0; i < unit.len; i++)
        number = number && digit(unit.s[i]);
    if (number)
        return unit.len < 19 && decimal_parse(r->a, unit, &out->num) && out->num.small;
    int exponent;
    return cut_exponent(&unit, &exponent) && simple(r, unit, out) && raise(r->a, out, exponent);
}

/* Components from left to right; a slash concerns the next one only. */
static bool term(struct reader *r, struct ucum_unit *out)
{
    bool divide = r->i < r->s.len && r->s.s[r->i] == '/', alone = !divide;
    *out = ucum__one;
    if (divide)
        r->i++;
    for (;; alone = false) {
        struct ucum_unit next;
        if (!component(r, &next))
            return false;
        if (alone)
            *out = next;
        else if (!ucum__multiply(r->a, out, &next, divide))
            return false;
        if (r->i >= r->s.len || r->s.s[r->i] == ')')
            return true;
        divide = r->s.s[r->i] == '/';
        if (!divide && r->s.s[r->i] != '.')
            return false;
        r->i++;
    }
}

bool ucum_parse(const struct ucum *u, struct arena *a, struct str code, struct ucum_unit *out)
{
    struct reader r = {u, a, code, 0, 0};
    return code.len > 0 && code.len <= LENGTH_MAX && term(&r, out) && r.i == code.len;
}

/* ---- values ------------------------------------------------------------------------------------------ */

bool ucum_commensurable(const struct ucum_unit *x, const struct ucum_unit *y)
{
    return x->scale != UCUM_MIXED && y->scale != UCUM_MIXED && memcmp(x->dim, y->dim, sizeof x->dim) == 0;
}

/* x / y; without dividing where y only moves the point. */
static struct decimal quotient(struct arena *a, struct decimal x, const struct decimal *y, int digits)
{
    if (!y->big && y->small == 1 && (!x.big || strlen(x.big) <= (size_t)digits)) {
        x.scale -= y->scale;
        return x;
    }
    return decimal_div(a, &x, y, digits);
}

struct decimal ucum_convert(struct arena *a, const struct decimal *value, const struct ucum_unit *from,
                            const struct ucum_unit *to, int digits)
{
    struct decimal up = decimal_mul(a, &from->num, &to->den), down = decimal_mul(a, &from->den, &to->num);
    struct decimal v = decimal_add(a, value, &from->offset);
    v = decimal_mul(a, &v, &up);
    v = quotient(a, v, &down, digits);
    v = decimal_sub(a, &v, &to->offset);
    return decimal_normal(a, &v);
}

struct decimal ucum_canonical(struct arena *a, const struct decimal *value, const struct ucum_unit *unit)
{
    return ucum_convert(a, value, unit, &ucum__one, CANONICAL_DIGITS);
}

struct str ucum_canonical_code(const struct ucum *u, struct arena *a, const struct ucum_unit *unit)
{
    struct buf b;
    buf_init(&b, a, 32);
    for (int i = 0; i < UCUM_DIMENSIONS && unit->dim[i].exponent; i++) {
        buf_addf(&b, "%s%s", i ? "." : "", u->atoms[unit->dim[i].id].code);
        if (unit->dim[i].exponent != 1)
            buf_addf(&b, "%d", unit->dim[i].exponent);
    }
    return b.len ? buf_str(&b) : STR("1");
}

/* ---- products of codes ------------------------------------------------------------------------------- */

struct power {
    struct str unit;
    int exponent;
};
struct powers {
    struct power *v;
    size_t n, cap;
};

static bool collect(struct arena *a, struct str code, int sign, struct powers *out)
{
    int next = sign;
    for (size_t i = 0; i < code.len;) {
        if (code.s[i] == '/' || code.s[i] == '.') {
            next = code.s[i] == '/' ? -sign : sign;
            i++;
        }
        size_t end = component_end(code, i), k = 0;
        struct str unit = {code.s + i, end - i};
        int exponent;
        i = end;
        if (str_is(unit, "1"))
            continue;
        if (unit.len == 0 || !cut_exponent(&unit, &exponent))
            return false; /* parentheses, or a number */
        while (k < out->n && !str_eq(out->v[k].unit, unit))
            k++;
        if (k == out->n)
            *ARENA_PUSH(a, out->v, out->n, out->cap) = (struct power){unit, 0};
        out->v[k].exponent += next * exponent;
    }
    return true;
}

static void put(struct buf *b, const struct powers *p, bool below)
{
    for (size_t i = 0; i < p->n; i++) {
        int e = below ? -p->v[i].exponent : p->v[i].exponent;
        if (e <= 0)
            continue;
        if (b->len || below)
            buf_addc(b, below ? '/' : '.');
        buf_addstr(b, p->v[i].unit);
        if (e > 1)
            buf_addf(b, "%d", e);
    }
}

struct str ucum_combine(struct arena *a, struct str x, struct str y, bool divide)
{
    struct powers p = {NULL, 0, 0};
    struct buf b;
    buf_init(&b, a, x.len + y.len + 8);
    if (!collect(a, x, 1, &p) || !collect(a, y, divide ? -1 : 1, &p)) {
        buf_addf(&b, "(%.*s)%c(%.*s)", STR_FMT(x), divide ? '/' : '.', STR_FMT(y));
        return buf_str(&b);
    }
    put(&b, &p, false);
    put(&b, &p, true);
    return b.len ? buf_str(&b) : STR("1");
}
