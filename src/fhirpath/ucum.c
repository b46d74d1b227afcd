/*
 * The Unified Code for Units of Measure (https://ucum.org), case-sensitive form. Own code: there is no C library of it
 * in Debian. The table holds the units that have a place in health care; a code with another is no unit here.
 */
#include "ucum.h"

enum kind { PLAIN, METRIC, ARBITRARY, ARBITRARY_METRIC, SPECIAL, SPECIAL_METRIC, BASE };

/* code = value · unit */
struct atom {
    const char *code;
    enum kind kind;
    const char *value, *unit;
};

/* clang-format off */
static const struct atom atoms[] = {
    /* The base units, in the order of the dimensions. */
    {"m", BASE, NULL, NULL}, {"s", BASE, NULL, NULL}, {"g", BASE, NULL, NULL}, {"rad", BASE, NULL, NULL},
    {"K", BASE, NULL, NULL}, {"C", BASE, NULL, NULL}, {"cd", BASE, NULL, NULL},
    /* dimensionless */
    {"10*", PLAIN, "10", "1"}, {"10^", PLAIN, "10", "1"}, {"[pi]", PLAIN, "3.1415926535897932384626433832795028841971693993751058209749445923", "1"},
    {"%", PLAIN, "1", "10*-2"}, {"[ppth]", PLAIN, "1", "10*-3"}, {"[ppm]", PLAIN, "1", "10*-6"}, {"[ppb]", PLAIN, "1", "10*-9"},
    {"[pptr]", PLAIN, "1", "10*-12"},
    /* SI */
    {"mol", METRIC, "6.0221367", "10*23"}, {"sr", METRIC, "1", "rad2"}, {"Hz", METRIC, "1", "s-1"}, {"N", METRIC, "1", "kg.m/s2"},
    {"Pa", METRIC, "1", "N/m2"}, {"J", METRIC, "1", "N.m"}, {"W", METRIC, "1", "J/s"}, {"A", METRIC, "1", "C/s"},
    {"V", METRIC, "1", "J/C"}, {"F", METRIC, "1", "C/V"}, {"Ohm", METRIC, "1", "V/A"}, {"S", METRIC, "1", "Ohm-1"},
    {"Wb", METRIC, "1", "V.s"}, {"T", METRIC, "1", "Wb/m2"}, {"H", METRIC, "1", "Wb/A"}, {"lm", METRIC, "1", "cd.sr"},
    {"lx", METRIC, "1", "lm/m2"}, {"Bq", METRIC, "1", "s-1"}, {"Gy", METRIC, "1", "J/kg"}, {"Sv", METRIC, "1", "J/kg"},
    {"Cel", SPECIAL_METRIC, "1", "K"},
    /* beside SI */
    {"gon", PLAIN, "0.9", "deg"}, {"deg", PLAIN, "2", "[pi].rad/360"}, {"'", PLAIN, "1", "deg/60"}, {"''", PLAIN, "1", "'/60"},
    {"l", METRIC, "1", "dm3"}, {"L", METRIC, "1", "l"}, {"ar", METRIC, "100", "m2"}, {"min", PLAIN, "60", "s"},
    {"h", PLAIN, "60", "min"}, {"d", PLAIN, "24", "h"}, {"a_t", PLAIN, "365.24219", "d"}, {"a_j", PLAIN, "365.25", "d"},
    {"a_g", PLAIN, "365.2425", "d"}, {"a", PLAIN, "1", "a_j"}, {"wk", PLAIN, "7", "d"}, {"mo_s", PLAIN, "29.53059", "d"},
    {"mo_j", PLAIN, "1", "a_j/12"}, {"mo_g", PLAIN, "1", "a_g/12"}, {"mo", PLAIN, "1", "mo_j"}, {"t", METRIC, "1e3", "kg"},
    {"bar", METRIC, "1e5", "Pa"}, {"u", METRIC, "1.6605402e-24", "g"}, {"eV", METRIC, "1", "[e].V"}, {"AU", PLAIN, "149597.870691", "Mm"},
    {"pc", METRIC, "3.085678e16", "m"},
    /* natural constants */
    {"[c]", METRIC, "299792458", "m/s"}, {"[h]", METRIC, "6.6260755e-34", "J.s"}, {"[k]", METRIC, "1.380658e-23", "J/K"},
    {"[eps_0]", METRIC, "8.854187817e-12", "F/m"}, {"[mu_0]", METRIC, "1", "4.[pi].10*-7.N/A2"}, {"[e]", METRIC, "1.60217733e-19", "C"},
    {"[m_e]", METRIC, "9.1093897e-28", "g"}, {"[m_p]", METRIC, "1.6726231e-24", "g"}, {"[G]", METRIC, "6.67259e-11", "m3.kg-1.s-2"},
    {"[g]", METRIC, "9.80665", "m/s2"}, {"atm", PLAIN, "101325", "Pa"}, {"[ly]", METRIC, "1", "[c].a_j"}, {"gf", METRIC, "1", "g.[g]"},
    {"[lbf_av]", PLAIN, "1", "[lb_av].[g]"},
    /* CGS */
    {"Ky", METRIC, "1", "cm-1"}, {"Gal", METRIC, "1", "cm/s2"}, {"dyn", METRIC, "1", "g.cm/s2"}, {"erg", METRIC, "1", "dyn.cm"},
    {"P", METRIC, "1", "dyn.s/cm2"}, {"Bi", METRIC, "10", "A"}, {"St", METRIC, "1", "cm2/s"}, {"Mx", METRIC, "1e-8", "Wb"},
    {"G", METRIC, "1e-4", "T"}, {"Oe", METRIC, "250", "/[pi].A/m"}, {"Gb", METRIC, "1", "Oe.cm"}, {"sb", METRIC, "1", "cd/cm2"},
    {"Lmb", METRIC, "1", "cd/cm2/[pi]"}, {"ph", METRIC, "1e-4", "lx"}, {"Ci", METRIC, "37e9", "Bq"}, {"R", METRIC, "2.58e-4", "C/kg"},
    {"RAD", METRIC, "100", "erg/g"}, {"REM", METRIC, "1", "RAD"},
    /* customary lengths, areas, volumes */
    {"[in_i]", PLAIN, "2.54", "cm"}, {"[ft_i]", PLAIN, "12", "[in_i]"}, {"[yd_i]", PLAIN, "3", "[ft_i]"}, {"[mi_i]", PLAIN, "5280", "[ft_i]"},
    {"[fth_i]", PLAIN, "6", "[ft_i]"}, {"[nmi_i]", PLAIN, "1852", "m"}, {"[kn_i]", PLAIN, "1", "[nmi_i]/h"}, {"[sin_i]", PLAIN, "1", "[in_i]2"},
    {"[sft_i]", PLAIN, "1", "[ft_i]2"}, {"[syd_i]", PLAIN, "1", "[yd_i]2"}, {"[cin_i]", PLAIN, "1", "[in_i]3"}, {"[cft_i]", PLAIN, "1", "[ft_i]3"},
    {"[cyd_i]", PLAIN, "1", "[yd_i]3"}, {"[mil_i]", PLAIN, "1e-3", "[in_i]"}, {"[cml_i]", PLAIN, "1", "[pi]/4.[mil_i]2"}, {"[hd_i]", PLAIN, "4", "[in_i]"},
    {"[ft_us]", PLAIN, "1200", "m/3937"}, {"[in_us]", PLAIN, "1", "[ft_us]/12"}, {"[yd_us]", PLAIN, "3", "[ft_us]"}, {"[mi_us]", PLAIN, "5280", "[ft_us]"},
    {"[acr_us]", PLAIN, "43560", "[ft_us]2"}, {"[gal_us]", PLAIN, "231", "[in_i]3"}, {"[bbl_us]", PLAIN, "42", "[gal_us]"}, {"[qt_us]", PLAIN, "1", "[gal_us]/4"},
    {"[pt_us]", PLAIN, "1", "[qt_us]/2"}, {"[gil_us]", PLAIN, "1", "[pt_us]/4"}, {"[foz_us]", PLAIN, "1", "[gil_us]/4"}, {"[fdr_us]", PLAIN, "1", "[foz_us]/8"},
    {"[min_us]", PLAIN, "1", "[fdr_us]/60"}, {"[tbs_us]", PLAIN, "1", "[foz_us]/2"}, {"[tsp_us]", PLAIN, "1", "[tbs_us]/3"}, {"[cup_us]", PLAIN, "16", "[tbs_us]"},
    {"[foz_m]", PLAIN, "30", "mL"}, {"[cup_m]", PLAIN, "240", "mL"}, {"[tsp_m]", PLAIN, "5", "mL"}, {"[tbs_m]", PLAIN, "15", "mL"},
    {"[gal_br]", PLAIN, "4.54609", "l"}, {"[qt_br]", PLAIN, "1", "[gal_br]/4"}, {"[pt_br]", PLAIN, "1", "[qt_br]/2"}, {"[gil_br]", PLAIN, "1", "[pt_br]/4"},
    {"[foz_br]", PLAIN, "1", "[gil_br]/5"}, {"[fdr_br]", PLAIN, "1", "[foz_br]/8"}, {"[min_br]", PLAIN, "1", "[fdr_br]/60"},
    /* customary masses */
    {"[gr]", PLAIN, "64.79891", "mg"}, {"[lb_av]", PLAIN, "7000", "[gr]"}, {"[oz_av]", PLAIN, "1", "[lb_av]/16"}, {"[dr_av]", PLAIN, "1", "[oz_av]/16"},
    {"[scwt_av]", PLAIN, "100", "[lb_av]"}, {"[lcwt_av]", PLAIN, "112", "[lb_av]"}, {"[ston_av]", PLAIN, "20", "[scwt_av]"}, {"[lton_av]", PLAIN, "20", "[lcwt_av]"},
    {"[stone_av]", PLAIN, "14", "[lb_av]"}, {"[pwt_tr]", PLAIN, "24", "[gr]"}, {"[oz_tr]", PLAIN, "20", "[pwt_tr]"}, {"[lb_tr]", PLAIN, "12", "[oz_tr]"},
    {"[sc_ap]", PLAIN, "20", "[gr]"}, {"[dr_ap]", PLAIN, "3", "[sc_ap]"}, {"[oz_ap]", PLAIN, "8", "[dr_ap]"}, {"[lb_ap]", PLAIN, "12", "[oz_ap]"},
    {"[oz_m]", PLAIN, "28", "g"}, {"[car_m]", PLAIN, "0.2", "g"},
    /* temperature, heat, power, textiles */
    {"[degF]", SPECIAL, "5", "K/9"}, {"[degR]", PLAIN, "5", "K/9"}, {"[degRe]", SPECIAL, "1", "K"}, {"cal_[15]", METRIC, "4.18580", "J"},
    {"cal_[20]", METRIC, "4.18190", "J"}, {"cal_m", METRIC, "4.19002", "J"}, {"cal_IT", METRIC, "4.1868", "J"}, {"cal_th", METRIC, "4.184", "J"},
    {"cal", METRIC, "1", "cal_th"}, {"[Cal]", PLAIN, "1", "kcal_th"}, {"[Btu_IT]", PLAIN, "1.05505585262", "kJ"}, {"[Btu_th]", PLAIN, "1.054350", "kJ"},
    {"[Btu]", PLAIN, "1", "[Btu_th]"}, {"[HP]", PLAIN, "550", "[ft_i].[lbf_av]/s"}, {"tex", METRIC, "1", "g/km"}, {"[den]", PLAIN, "1", "g/9/km"},
    /* clinical */
    {"m[H2O]", METRIC, "9.80665", "kPa"}, {"m[Hg]", METRIC, "133.3220", "kPa"}, {"[in_i'H2O]", PLAIN, "1", "m[H2O].[in_i]/m"},
    {"[in_i'Hg]", PLAIN, "1", "m[Hg].[in_i]/m"}, {"[PRU]", PLAIN, "1", "mm[Hg].s/ml"}, {"[wood'U]", PLAIN, "1", "mm[Hg].min/L"},
    {"[diop]", PLAIN, "1", "/m"}, {"[p'diop]", SPECIAL, "1", "rad"}, {"%[slope]", SPECIAL, "1", "deg"}, {"[mesh_i]", PLAIN, "1", "/[in_i]"},
    {"[Ch]", PLAIN, "1", "mm/3"}, {"[drp]", PLAIN, "1", "ml/20"}, {"[hnsf'U]", PLAIN, "1", "1"}, {"[MET]", PLAIN, "3.5", "mL/min/kg"},
    {"[hp'_X]", SPECIAL, "1", "1"}, {"[hp'_C]", SPECIAL, "1", "1"}, {"[hp_X]", ARBITRARY, "1", "1"}, {"[hp_C]", ARBITRARY, "1", "1"},
    /* chemical and biological */
    {"eq", METRIC, "1", "mol"}, {"osm", METRIC, "1", "mol"}, {"[pH]", SPECIAL, "1", "mol/l"}, {"g%", METRIC, "1", "g/dl"}, {"[S]", PLAIN, "1e-13", "s"},
    {"[HPF]", PLAIN, "1", "1"}, {"[LPF]", PLAIN, "100", "1"}, {"kat", METRIC, "1", "mol/s"}, {"U", METRIC, "1", "umol/min"},
    {"[iU]", ARBITRARY_METRIC, "1", "1"}, {"[IU]", ARBITRARY_METRIC, "1", "[iU]"}, {"[arb'U]", ARBITRARY, "1", "1"}, {"[USP'U]", ARBITRARY, "1", "1"},
    {"[GPL'U]", ARBITRARY, "1", "1"}, {"[MPL'U]", ARBITRARY, "1", "1"}, {"[APL'U]", ARBITRARY, "1", "1"}, {"[beth'U]", ARBITRARY, "1", "1"},
    {"[anti'Xa'U]", ARBITRARY, "1", "1"}, {"[todd'U]", ARBITRARY, "1", "1"}, {"[dye'U]", ARBITRARY, "1", "1"}, {"[smgy'U]", ARBITRARY, "1", "1"},
    {"[bdsk'U]", ARBITRARY, "1", "1"}, {"[ka'U]", ARBITRARY, "1", "1"}, {"[knk'U]", ARBITRARY, "1", "1"}, {"[mclg'U]", ARBITRARY, "1", "1"},
    {"[tb'U]", ARBITRARY, "1", "1"}, {"[CCID_50]", ARBITRARY, "1", "1"}, {"[TCID_50]", ARBITRARY, "1", "1"}, {"[EID_50]", ARBITRARY, "1", "1"},
    {"[PFU]", ARBITRARY, "1", "1"}, {"[FFU]", ARBITRARY, "1", "1"}, {"[CFU]", ARBITRARY, "1", "1"}, {"[IR]", ARBITRARY, "1", "1"}, {"[BAU]", ARBITRARY, "1", "1"},
    {"[AU]", ARBITRARY, "1", "1"}, {"[Amb'a'1'U]", ARBITRARY, "1", "1"}, {"[PNU]", ARBITRARY, "1", "1"}, {"[Lf]", ARBITRARY, "1", "1"},
    {"[D'ag'U]", ARBITRARY, "1", "1"}, {"[FEU]", ARBITRARY, "1", "1"}, {"[ELU]", ARBITRARY, "1", "1"}, {"[EU]", ARBITRARY, "1", "1"},
    /* levels and the rest */
    {"Np", SPECIAL_METRIC, "1", "1"}, {"B", SPECIAL_METRIC, "1", "1"}, {"B[SPL]", SPECIAL_METRIC, "2e-5", "Pa"}, {"B[V]", SPECIAL_METRIC, "1", "V"},
    {"B[mV]", SPECIAL_METRIC, "1", "mV"}, {"B[uV]", SPECIAL_METRIC, "1", "uV"}, {"B[10.nV]", SPECIAL_METRIC, "10", "nV"}, {"B[W]", SPECIAL_METRIC, "1", "W"},
    {"B[kW]", SPECIAL_METRIC, "1", "kW"}, {"st", METRIC, "1", "m3"}, {"Ao", PLAIN, "0.1", "nm"}, {"b", PLAIN, "100", "fm2"}, {"att", PLAIN, "1", "kgf/cm2"},
    {"mho", METRIC, "1", "S"}, {"[psi]", PLAIN, "1", "[lbf_av]/[in_i]2"}, {"circ", PLAIN, "2", "[pi].rad"}, {"sph", PLAIN, "4", "[pi].sr"},
    {"[car_Au]", PLAIN, "1", "/24"}, {"bit_s", SPECIAL, "1", "1"}, {"bit", METRIC, "1", "1"}, {"By", METRIC, "8", "bit"}, {"Bd", METRIC, "1", "/s"},
};

static const struct {
    const char *code;
    int8_t exponent;    /* of ten */
    const char *factor; /* when it is no power of ten */
} prefixes[] = {
    {"Y", 24, NULL}, {"Z", 21, NULL}, {"E", 18, NULL}, {"P", 15, NULL}, {"T", 12, NULL}, {"G", 9, NULL}, {"M", 6, NULL},
    {"k", 3, NULL}, {"h", 2, NULL}, {"da", 1, NULL}, {"d", -1, NULL}, {"c", -2, NULL}, {"m", -3, NULL}, {"u", -6, NULL},
    {"n", -9, NULL}, {"p", -12, NULL}, {"f", -15, NULL}, {"a", -18, NULL}, {"z", -21, NULL}, {"y", -24, NULL},
    {"Ki", 0, "1024"}, {"Mi", 0, "1048576"}, {"Gi", 0, "1073741824"}, {"Ti", 0, "1099511627776"},
};
/* clang-format on */

enum { MAX_LENGTH = 200, MAX_POWER = 30, MAX_NESTING = 20 };

/* ---- arithmetic of units --------------------------------------------------------------------------------- */

static const struct fp__ucum one = {.num = {.small = 1}, .den = {.small = 1}};

static bool add_arbitrary(struct fp__ucum *x, int16_t id, int16_t exponent)
{
    for (int i = 0; i < FP__UCUM_ARBITRARY; i++)
        if (x->arbitrary[i].id == id || x->arbitrary[i].exponent == 0) {
            x->arbitrary[i].id = id;
            x->arbitrary[i].exponent = (int16_t)(x->arbitrary[i].exponent + exponent);
            return true;
        }
    return false;
}

/* x · y, or x / y. */
static bool multiply(struct arena *a, struct fp__ucum *x, const struct fp__ucum *y, bool divide)
{
    int sign = divide ? -1 : 1;
    x->num = decimal_mul(a, &x->num, divide ? &y->den : &y->num);
    x->den = decimal_mul(a, &x->den, divide ? &y->num : &y->den);
    x->special = x->special || y->special;
    for (int i = 0; i < FP__UCUM_DIMENSIONS; i++)
        x->dim[i] = (int16_t)(x->dim[i] + sign * y->dim[i]);
    for (int i = 0; i < FP__UCUM_ARBITRARY; i++)
        if (y->arbitrary[i].exponent &&
            !add_arbitrary(x, y->arbitrary[i].id, (int16_t)(sign * y->arbitrary[i].exponent)))
            return false;
    return fp__in_range(&x->num) && fp__in_range(&x->den);
}

static bool raise(struct arena *a, struct fp__ucum *x, int exponent)
{
    struct fp__ucum base = *x;
    *x = one;
    x->special = base.special;
    for (int i = 0; i < (exponent < 0 ? -exponent : exponent); i++)
        if (!multiply(a, x, &base, exponent < 0))
            return false;
    return true;
}

bool fp__ucum_commensurable(const struct fp__ucum *x, const struct fp__ucum *y)
{
    struct fp__ucum z = *x;
    if (memcmp(x->dim, y->dim, sizeof x->dim) != 0)
        return false;
    for (int i = 0; i < FP__UCUM_ARBITRARY; i++)
        if (y->arbitrary[i].exponent &&
            !add_arbitrary(&z, y->arbitrary[i].id, (int16_t)-y->arbitrary[i].exponent))
            return false;
    for (int i = 0; i < FP__UCUM_ARBITRARY; i++)
        if (z.arbitrary[i].exponent)
            return false;
    return true;
}

/* ---- reading codes --------------------------------------------------------------------------------------- */

struct reader {
    struct arena *a;
    struct str s;
    size_t i;
    int nesting;
};

static bool term(struct reader *r, struct fp__ucum *out);

static bool parse(struct arena *a, struct str code, int nesting, struct fp__ucum *out)
{
    struct reader r = {a, code, 0, nesting};
    return code.len <= MAX_LENGTH && term(&r, out) && r.i == code.len;
}

static const struct atom *find(struct str code)
{
    for (size_t i = 0; i < sizeof atoms / sizeof *atoms; i++)
        if (str_is(code, atoms[i].code))
            return &atoms[i];
    return NULL;
}

static bool atom_value(struct reader *r, const struct atom *t, struct fp__ucum *out)
{
    int16_t id = (int16_t)(t - atoms);
    bool arbitrary = t->kind == ARBITRARY || t->kind == ARBITRARY_METRIC;
    struct fp__ucum factor = one;
    *out = one;
    if (t->kind == BASE) {
        out->dim[id] = 1;
        return true;
    }
    if (arbitrary && strcmp(t->unit, "1") == 0)
        return add_arbitrary(out, id, 1);
    if (r->nesting > MAX_NESTING || !decimal_parse(r->a, str_of(t->value), &factor.num) ||
        !parse(r->a, str_of(t->unit), r->nesting + 1, out))
        return false;
    out->special = out->special || t->kind == SPECIAL || t->kind == SPECIAL_METRIC;
    return multiply(r->a, out, &factor, false);
}

/* An atom, or a metric one behind a prefix. */
static bool simple(struct reader *r, struct str code, struct fp__ucum *out)
{
    const struct atom *t = find(code);
    if (t)
        return atom_value(r, t, out);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct str p = str_of(prefixes[i].code);
        t = str_starts(code, p) ? find((struct str){code.s + p.len, code.len - p.len}) : NULL;
        if (!t || t->kind == PLAIN || t->kind == ARBITRARY || t->kind == SPECIAL)
            continue;
        struct fp__ucum factor = one;
        if (prefixes[i].factor)
            (void)decimal_parse(r->a, str_of(prefixes[i].factor), &factor.num);
        else
            factor.num.scale = -prefixes[i].exponent;
        return atom_value(r, t, out) && multiply(r->a, out, &factor, false);
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
    if (n == 0 || digits.len > 2 || !str_int64(digits, &e) || e > MAX_POWER)
        return false;
    *exponent = unit->s[n] == '-' ? -(int)e : (int)e;
    unit->len = n;
    return true;
}

static bool component(struct reader *r, struct fp__ucum *out)
{
    if (r->i < r->s.len && r->s.s[r->i] == '(') {
        r->i++;
        if (++r->nesting > MAX_NESTING || !term(r, out) || r->i >= r->s.len || r->s.s[r->i] != ')')
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
    *out = one;
    if (unit.len == 0)
        return note != NULL;
    bool number = true;
    for (size_t i = 0; i < unit.len; i++)
        number = number && digit(unit.s[i]);
    if (number)
        return unit.len < 19 && decimal_parse(r->a, unit, &out->num) && (out->num.small || out->num.big);
    int exponent;
    return cut_exponent(&unit, &exponent) && simple(r, unit, out) && raise(r->a, out, exponent);
}

/* Components from left to right; a slash concerns the next one only. */
static bool term(struct reader *r, struct fp__ucum *out)
{
    bool divide = r->i < r->s.len && r->s.s[r->i] == '/';
    *out = one;
    if (divide)
        r->i++;
    for (;;) {
        struct fp__ucum next;
        if (!component(r, &next) || !multiply(r->a, out, &next, divide))
            return false;
        if (r->i >= r->s.len || r->s.s[r->i] == ')')
            return true;
        divide = r->s.s[r->i] == '/';
        if (!divide && r->s.s[r->i] != '.')
            return false;
        r->i++;
    }
}

bool fp__ucum_parse(struct arena *a, struct str code, struct fp__ucum *out)
{
    return parse(a, code, 0, out);
}

/* ---- products of codes ------------------------------------------------------------------------------------- */

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

struct str fp__ucum_combine(struct arena *a, struct str x, struct str y, bool divide)
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
