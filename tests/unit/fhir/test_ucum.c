/* Codes and values by UCUM's whole table, as embedded. */
#include "fhir/ucum.h"

#include <stdio.h>

#include "support/test.h"

static struct arena arena;
static const struct ucum *table;

static void load(void)
{
    const struct fhir_defs *defs;
    struct err err;
    arena_init(&arena, 0);
    ck_ok(fhir_defs_load(&arena, &defs, &err));
    table = fhir_ucum(defs);
}
static void unload(void)
{
    arena_release(&arena);
}

static struct ucum_unit unit(const char *code)
{
    struct ucum_unit u;
    ck_assert_msg(ucum_parse(table, &arena, str_of(code), &u), "%s", code);
    return u;
}

static struct decimal dec(const char *s)
{
    struct decimal d;
    ck_assert_msg(decimal_parse(&arena, str_of(s), &d), "%s", s);
    return d;
}

/* "0.0724 kg": the value in base units. */
static struct str canonical(const char *value, const char *code)
{
    struct ucum_unit u = unit(code);
    struct decimal v = dec(value), c = ucum_canonical(&arena, &v, &u);
    return str_of(arena_printf(&arena, "%.*s %.*s", STR_FMT(decimal_text(&arena, &c)),
                               STR_FMT(ucum_canonical_code(table, &arena, &u))));
}

START_TEST(values_in_base_units)
{
    static const char *const rows[][3] = {
        {"72.60", "kg", "72600 g"},
        {"5", "mg/dL", "50 m-3.g"},
        {"120", "mm[Hg]", "15998640 m-1.s-2.g"},
        {"5.4", "mmol/L", "3251953818000000000000000 m-3"},
        {"1", "U", "10036894500000000 s-1"},
        {"7", "{score}", "7 1"},
        {"7", "1", "7 1"},
        {"12", "%", "0.12 1"},
        {"5", "10*3/uL", "5000000000000 m-3"},
        {"5", "10^3/uL", "5000000000000 m-3"},
        {"2", "k[IU]/L", "2000000 m-3.[iU]"},
        {"37", "Cel", "310.15 K"},
        {"98.6", "[degF]", "310.15 K"},
        {"-40", "[degF]", "233.15 K"},
        {"7.40", "[pH]", "7.4 [pH]"},
        {"1", "/min", "0.01666666666666666666666666666666666666667 s-1"},
        {"1", "[diop]", "1 m-1"},
        {"3", "[LPF]", "300 1"},
        {"1", "mm[Hg]{sitting}", "133322 m-1.s-2.g"},
        {"4", "kg/(m.s2)", "4000 m-1.s-2.g"},
        {"2", "m2/m2", "2 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_str_eq(canonical(rows[i][0], rows[i][1]), rows[i][2]);
}
END_TEST

START_TEST(equal_amounts_are_one_value)
{
    static const char *const rows[][4] = {
        {"0.0054", "mol/L", "5.4", "mmol/L"},  {"1", "L", "1000", "cm3"},
        {"90", "/min", "1.5", "Hz"},           {"1", "circ", "360", "deg"},
        {"2", "[gal_us]", "16", "[pt_us]"},    {"7", "d", "1", "wk"},
        {"1", "[in_us]", "0.1", "10.[in_us]"}, {"3937", "[ft_us]", "1200", "m"},
        {"60", "U/L", "1", "umol/s/L"},        {"100", "Cel", "212", "[degF]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str x = canonical(rows[i][0], rows[i][1]), y = canonical(rows[i][2], rows[i][3]);
        ck_assert_msg(str_eq(x, y), "%s: %.*s, %.*s", rows[i][1], STR_FMT(x), STR_FMT(y));
    }
}
END_TEST

START_TEST(no_codes)
{
    static const char *const wrong[] = {"",      "mgs",   "m//s",    "m)",         "(m", "0",  "m2x",
                                        "Ki",    "[foo]", "{x",      "x}",         "m.", ".m", "/",
                                        "m{x}2", "m31",   "k[pi]",   "kmin",       "M ", " g", "mcg",
                                        "MG/DL", "m--1",  "{a}{b}m", "kcal/{d}/x", "da"};
    struct ucum_unit u;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!ucum_parse(table, &arena, str_of(wrong[i]), &u), "%s", wrong[i]);
    /* Beyond all use: too long, too deep, too many dimensions, too large. */
    char text[400];
    memset(text, '(', 30);
    snprintf(text + 30, sizeof text - 30, "m%.30s", "))))))))))))))))))))))))))))))");
    ck_assert(!ucum_parse(table, &arena, str_of(text), &u));
    memset(text, 'm', 300);
    ck_assert(!ucum_parse(table, &arena, (struct str){text, 300}, &u));
    ck_assert(!ucum_parse(table, &arena, STR("m.s.g.rad.K.C.cd.[iU].[CFU]"), &u));
    ck_assert(ucum_parse(table, &arena, STR("m.s.g.rad.K.C.cd.[iU]"), &u));
    ck_assert(ucum_parse(table, &arena, STR("Ym30"), &u));
    ck_assert(!ucum_parse(table, &arena, STR("Ym30.Ym30"), &u));
    ck_assert(!ucum_parse(table, &arena, STR("[pi]30"), &u));
}
END_TEST

START_TEST(what_compares)
{
    static const struct {
        const char *x, *y;
        bool comparable;
    } rows[] = {
        {"mg/dL", "g/L", true},      {"mg/dL", "mmol/L", false}, {"[iU]/L", "U/L", false},
        {"[IU]", "[iU]", true},      {"Cel", "K", true},         {"Cel", "[degF]", true},
        {"[pH]", "mol/L", false},    {"dB", "B", true},          {"B", "B[SPL]", false},
        {"Cel/h", "K/h", false},     {"Cel/h", "Cel/h", false},  {"Cel2", "K2", false},
        {"s.m.g", "g.s.m", true},    {"m.s/s", "m", true},       {"[CFU].m", "m.[CFU]", true},
        {"{cells}/uL", "/uL", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ucum_unit x = unit(rows[i].x), y = unit(rows[i].y);
        ck_assert_msg(ucum_commensurable(&x, &y) == rows[i].comparable, "%s, %s", rows[i].x, rows[i].y);
    }
    ck_assert_int_eq(unit("mg/dL").scale, UCUM_RATIO);
    ck_assert_int_eq(unit("Cel{oral}").scale, UCUM_POINTS);
    ck_assert_int_eq(unit("(Cel)").scale, UCUM_POINTS);
    ck_assert_int_eq(unit("/Cel").scale, UCUM_MIXED);
}
END_TEST

START_TEST(converts)
{
    static const char *const rows[][4] = {
        {"1", "[in_i]", "cm", "2.54"},       {"98.6", "[degF]", "Cel", "37"},
        {"1", "cm", "[in_i]", "0.39370079"}, {"2", "[lb_av]", "kg", "0.90718474"},
        {"0", "K", "Cel", "-273.15"},        {"10", "dB", "B", "1"},
        {"1500", "mCel", "Cel", "1.5"},      {"1", "[ppm]", "%", "0.0001"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ucum_unit x = unit(rows[i][1]), y = unit(rows[i][2]);
        struct decimal v = dec(rows[i][0]);
        v = ucum_convert(&arena, &v, &x, &y, 8);
        ck_str_eq(decimal_text(&arena, &v), rows[i][3]);
    }
}
END_TEST

START_TEST(combines)
{
    static const struct {
        const char *x, *y;
        bool divide;
        const char *result;
    } rows[] = {
        {"cm", "cm", false, "cm2"},
        {"m/s", "s", false, "m"},
        {"m", "m", true, "1"},
        {"1", "s", true, "/s"},
        {"g", "m2", true, "g/m2"},
        {"kg/(m.s)", "s", false, "(kg/(m.s)).(s)"},
        {"mm[Hg]", "mL", true, "mm[Hg]/mL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_str_eq(ucum_combine(&arena, str_of(rows[i].x), str_of(rows[i].y), rows[i].divide), rows[i].result);
}
END_TEST

Suite *suite_fhir_ucum(void)
{
    Suite *s = suite_create("fhir_ucum");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, load, unload);
    tcase_add_test(t, values_in_base_units);
    tcase_add_test(t, equal_amounts_are_one_value);
    tcase_add_test(t, no_codes);
    tcase_add_test(t, what_compares);
    tcase_add_test(t, converts);
    tcase_add_test(t, combines);
    suite_add_tcase(s, t);
    return s;
}
