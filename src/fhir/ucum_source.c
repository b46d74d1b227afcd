/*
 * ucumDefs.json of npm's @lhncbc/ucum-lhc → records of prefixes and units. What LOINC has beside UCUM's own units are
 * products of these, and left out.
 *
 * What is put right here: factors that the package has as a floating-point number only, π and powers of ten folded
 * into them; reciprocals that it has as their units with a function beside; and the zeros of temperature scales, which
 * are in its code.
 */
#include <math.h>
#include <stdlib.h>

#include "internal.h"

static const struct right {
    const char *code, *value, *definition, *offset;
} rights[] = {
    {"Cel", "1", "K", "273.15"},        {"[degF]", "5", "K/9", "459.67"},
    {"[degRe]", "5", "K/4", "218.52"},  {"[mu_0]", "1", "4.[pi].10*-7.N/A2", NULL},
    {"Oe", "250", "/[pi].A/m", NULL},   {"[S]", "1", "10*-13.s", NULL},
    {"[LPF]", "100", "1", NULL},        {"[diop]", "1", "/m", NULL},
    {"[mesh_i]", "1", "/[in_i]", NULL}, {"Bd", "1", "/s", NULL},
};

static const struct right *right_of(const char *code)
{
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
        if (strcmp(rights[i].code, code) == 0)
            return &rights[i];
    return NULL;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

/* The value of a column: "config" names the columns, one of an object by [name, name of its part]. */
static const json *column(const json *table, const json *row, const char *name)
{
    size_t i = 0;
    json_each (title, json_get(table, "config")) {
        const json *t = json_is_array(title) ? json_at(title, 0) : title;
        if (json_is_string(t) && strcmp(t->valuestring, name) == 0)
            return json_at(row, i);
        i++;
    }
    return NULL;
}

static const char *text(const json *table, const json *row, const char *name)
{
    const json *v = column(table, row, name);
    return json_is_string(v) || json_is_number(v) ? v->valuestring : NULL;
}

static double number(const json *table, const json *row, const char *name)
{
    const char *v = text(table, row, name);
    return v ? strtod(v, NULL) : NAN;
}

static bool about(double x, double y)
{
    return fabs(x - y) <= fabs(y) * 1e-9;
}

static bool read_prefixes(struct fhir__records *r, const json *table, struct err *err)
{
    json_each (row, json_get(table, "data")) {
        const char *code = text(table, row, "code_"), *exponent = text(table, row, "exp_");
        const char *factor = exponent ? arena_printf(r->a, "1e%s", exponent) : text(table, row, "value_");
        if (!code || !factor)
            return err_set(err, ERR_INVALID, "a prefix has no code or no value");
        *ARENA_PUSH(r->a, r->prefixes, r->n_prefixes, r->cap_prefixes) =
            (struct fhir__prefix){arena_strdup(r->a, code), arena_strdup(r->a, factor)};
    }
    return true;
}

static bool read_unit(struct arena *a, const json *table, const json *row, struct fhir__unit *out,
                      struct err *err)
{
    const char *code = text(table, row, "csCode_"), *definition = text(table, row, "csUnitString_");
    if (!code)
        return err_set(err, ERR_INVALID, "a unit has no code");
    const struct right *right = right_of(code);
    *out = (struct fhir__unit){
        .code = arena_strdup(a, code),
        .metric =
            json_is_true(column(table, row, "isMetric_")) || json_is_true(column(table, row, "isBase_")),
        .special = json_is_true(column(table, row, "isSpecial_")),
    };
    if (right) {
        out->value = right->value;
        out->definition = right->definition;
        out->offset = right->offset;
        return true;
    }
    bool own = out->special || !definition ||
               (json_is_true(column(table, row, "isArbitrary_")) && strcmp(definition, "1") == 0);
    if (own)
        return true;
    const char *factor = text(table, row, "baseFactorStr_");
    if (!factor || !about(strtod(factor, NULL), number(table, row, "baseFactor_")) ||
        text(table, row, "cnv_"))
        return err_set(err, ERR_INVALID, "the factor of %s is not exact: it has to be put right", code);
    out->value = arena_strdup(a, factor);
    out->definition = arena_strdup(a, definition);
    return true;
}

static int exponent_of(const struct ucum_unit *unit, size_t id)
{
    for (int i = 0; i < UCUM_DIMENSIONS && unit->dim[i].exponent; i++)
        if (unit->dim[i].id == (int)id)
            return unit->dim[i].exponent;
    return 0;
}

/* Is it what the package computed for itself? Its base units come first. */
static bool agrees(const json *table, const json *row, const struct ucum_unit *unit)
{
    size_t base = 0;
    json_each (exponent, column(table, row, "dim_"))
        if (!json_is_number(exponent) || exponent->valuedouble != exponent_of(unit, base++))
            return false;
    return about(decimal_to_double(&unit->num) / decimal_to_double(&unit->den),
                 number(table, row, "magnitude_"));
}

/* ---- all together ------------------------------------------------------------------------------------ */

struct candidate {
    struct fhir__unit unit;
    const json *row;
    bool done;
};

bool fhir__ucum_add(struct fhir__records *r, const json *defs, struct err *err)
{
    const json *table = json_get(defs, "units"), *data = json_get(table, "data");
    struct candidate *list = ARENA_ARRAY(r->a, struct candidate, json_count(data));
    size_t n = 0, added;
    json_each (row, data) {
        const char *source = text(table, row, "source_");
        if (!source || strcmp(source, "UCUM") != 0)
            continue;
        list[n].row = row;
        if (!read_unit(r->a, table, row, &list[n++].unit, err))
            return false;
    }
    if (!read_prefixes(r, json_get(defs, "prefixes"), err))
        return false;
    struct ucum *u = ucum__new(r->a, r->n_prefixes, n);
    for (size_t i = 0; i < r->n_prefixes; i++)
        if (!ucum__add_prefix(u, r->a, &r->prefixes[i]))
            return err_set(err, ERR_INVALID, "the prefix %s has no factor", r->prefixes[i].code);
    do {
        added = u->n;
        for (size_t i = 0; i < n; i++) {
            struct candidate *c = &list[i];
            if (c->done || !ucum__add_unit(u, r->a, &c->unit))
                continue;
            c->done = true;
            *ARENA_PUSH(r->a, r->units, r->n_units, r->cap_units) = c->unit;
            if (!right_of(c->unit.code) && !c->unit.special &&
                !agrees(table, c->row, &u->atoms[u->n - 1].unit))
                return err_set(err, ERR_INVALID, "%s is not what the package has computed", c->unit.code);
        }
    } while (u->n > added);
    for (size_t i = 0; i < n; i++)
        if (!list[i].done)
            return err_set(err, ERR_INVALID, "%s is defined by what is not known", list[i].unit.code);
    return true;
}
