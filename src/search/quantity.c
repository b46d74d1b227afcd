/*
 * Quantity parameters (search.html#quantity). Index: a number or range as written, with the hashes of its code and of
 * its unit; and in a standard unit, with the hash of that: UCUM's units in their base units, so that 5.4 mmol/L is
 * found where 0.0054 mol/L is stored, others in themselves. Query: number, number|system|code (in the standard unit),
 * number||code (as written, code or unit). A comparator makes a stored value a range: "<5" reaches from minus infinity
 * to 5.
 */
#include "fhir/ucum.h"
#include "internal.h"

#define CURRENCIES "urn:iso:std:iso:4217"

static int64_t unit_hash(const struct search_tenant *t, const char *system, const char *code)
{
    if (!code)
        return 0;
    uint64_t h = hash_strs(&t->key, STR("unit"), str_of(system ? system : ""), str_of(code));
    return h ? (int64_t)h : 1;
}

/* The standard unit of one in UCUM; false when there is none. */
static bool standard_unit(const struct search_registry *r, struct arena *a, const char *system,
                          const char *code, struct ucum_unit *unit, struct str *name)
{
    const struct ucum *u = fhir_ucum(r->defs);
    if (strcmp(system, UCUM_SYSTEM) != 0 || !ucum_parse(u, a, str_of(code), unit) ||
        unit->scale == UCUM_MIXED)
        return false;
    *name = ucum_canonical_code(u, a, unit);
    return true;
}

/* ---- index ------------------------------------------------------------------------------------------- */

/* A value in the unit of a quantity. */
static struct search__end end_of(struct search__index *x, const json *quantity, const char *value)
{
    const char *system = json_get_string(quantity, "system"), *code = json_get_string(quantity, "code");
    struct search__end end = {
        .value = value,
        .c = unit_hash(x->tenant, NULL, code),
        .u = unit_hash(x->tenant, NULL, json_get_string(quantity, "unit")),
    };
    struct ucum_unit unit;
    struct decimal d;
    struct str name;
    if (!end.value || !system || !code)
        return end;
    end.standard = str_of(end.value);
    end.sc = unit_hash(x->tenant, system, code);
    if (standard_unit(x->registry, x->a, system, code, &unit, &name) &&
        decimal_parse(x->a, str_of(end.value), &d)) {
        d = ucum_canonical(x->a, &d, &unit);
        end.standard = decimal_text(x->a, &d);
        end.sc = unit_hash(x->tenant, UCUM_SYSTEM, name.s);
    }
    return end;
}

static void add_quantity(struct search__index *x, const json *quantity)
{
    const char *comparator = json_get_string(quantity, "comparator");
    struct search__end lo = end_of(x, quantity, search__number_member(x->a, quantity, "value")), hi = lo;
    if (comparator && comparator[0] == '<')
        lo.value = NULL;
    if (comparator && comparator[0] == '>')
        hi.value = NULL;
    search__add_number(x, &lo, &hi);
    if (x->slot->lane == LANE_QUANTITY && lo.value && hi.value) {
        x->out->q = str_of(lo.value);
        x->out->q_standard = lo.standard;
        x->out->q_unit = lo.sc;
    }
}

/* ---- sampled data: from the least to the greatest of its points ---------------------------------------- */

struct samples {
    bool any, below, above; /* points; points beneath and beyond what is measured: "L" and "U" */
    struct decimal least, greatest;
};

static void read_samples(struct arena *a, const char *data, struct samples *out)
{
    for (struct str rest = str_of(data); rest.s;) {
        struct decimal d;
        struct str point = str_cut(rest, ' ', &rest);
        out->below = out->below || str_is(point, "L");
        out->above = out->above || str_is(point, "U");
        if (!decimal_parse(a, point, &d))
            continue;
        if (!out->any || decimal_compare(a, &d, &out->least) < 0)
            out->least = d;
        if (!out->any || decimal_compare(a, &d, &out->greatest) > 0)
            out->greatest = d;
        out->any = true;
    }
}

/* origin + point · factor. */
static struct decimal sample_value(const struct search__index *x, const json *sampled, struct decimal point)
{
    const char *origin = search__number_member(x->a, json_get(sampled, "origin"), "value");
    const char *factor = search__number_member(x->a, sampled, "factor");
    struct decimal d;
    if (factor && decimal_parse(x->a, str_of(factor), &d))
        point = decimal_mul(x->a, &point, &d);
    if (origin && decimal_parse(x->a, str_of(origin), &d))
        point = decimal_add(x->a, &point, &d);
    return point;
}

static const char *literal(struct arena *a, const struct decimal *d)
{
    const char *text = decimal_text(a, d).s;
    return search__is_number(a, text) ? text : NULL;
}

static void add_sampled(struct search__index *x, const json *sampled)
{
    struct samples s = {0};
    const char *data = json_get_string(sampled, "data"), *least = NULL, *greatest = NULL;
    if (data)
        read_samples(x->a, data, &s);
    if (s.any) {
        struct decimal a = sample_value(x, sampled, s.least), b = sample_value(x, sampled, s.greatest);
        bool falling = decimal_compare(x->a, &a, &b) > 0;
        least = literal(x->a, falling ? &b : &a);
        greatest = literal(x->a, falling ? &a : &b);
        if (!least || !greatest)
            return;
    } else { /* nothing but these: the limits */
        least = s.above && !s.below ? search__number_member(x->a, sampled, "upperLimit") : NULL;
        greatest = s.below && !s.above ? search__number_member(x->a, sampled, "lowerLimit") : NULL;
    }
    const json *origin = json_get(sampled, "origin");
    struct search__end lo = end_of(x, origin, s.below ? NULL : least);
    struct search__end hi = end_of(x, origin, s.above ? NULL : greatest);
    search__add_number(x, &lo, &hi);
}

static void add_money(struct search__index *x, const json *money)
{
    const char *currency = json_get_string(money, "currency");
    struct search__end end = {.value = search__number_member(x->a, money, "value")};
    if (currency && end.value) {
        end.standard = str_of(end.value);
        end.sc = unit_hash(x->tenant, CURRENCIES, currency);
        end.c = end.u = unit_hash(x->tenant, NULL, currency);
    }
    search__add_number(x, &end, &end);
}

static bool is_quantity(const struct fhir_type *t)
{
    while (t && strcmp(t->name, "Quantity") != 0)
        t = t->base;
    return t != NULL;
}

void search__index_quantity(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    const char *type = item->type ? item->type->name : "";
    if (is_quantity(item->type)) {
        add_quantity(x, item->node);
    } else if (strcmp(type, "Money") == 0) {
        add_money(x, item->node);
    } else if (strcmp(type, "Range") == 0) {
        const json *low = json_get(item->node, "low"), *high = json_get(item->node, "high");
        struct search__end lo = end_of(x, low, search__number_member(x->a, low, "value")),
                           hi = end_of(x, high, search__number_member(x->a, high, "value"));
        search__add_number(x, &lo, &hi);
    } else if (strcmp(type, "SampledData") == 0) {
        add_sampled(x, item->node);
    }
}

/* ---- query ------------------------------------------------------------------------------------------- */

static struct str convert(struct arena *a, struct str number, const struct ucum_unit *unit)
{
    struct decimal d = {0};
    if (!decimal_parse(a, number, &d))
        return number;
    d = ucum_canonical(a, &d, unit);
    return decimal_text(a, &d);
}

static void in_unit(struct search__parse *p, struct search_criterion *c, const char *system, const char *code)
{
    struct ucum_unit unit;
    struct str name;
    c->standard = *system;
    c->unit = unit_hash(p->tenant, system, code);
    if (!standard_unit(p->registry, p->a, system, code, &unit, &name))
        return;
    c->unit = unit_hash(p->tenant, UCUM_SYSTEM, name.s);
    c->num = convert(p->a, c->num, &unit);
    c->nlo = convert(p->a, c->nlo, &unit);
    c->nhi = convert(p->a, c->nhi, &unit);
}

struct search_criterion *search__parse_quantity(struct search__parse *p, const struct search__arg *arg,
                                                struct str value)
{
    if (arg->modifier.s)
        return search__refuse(p, arg, "a quantity parameter takes no modifier but :missing");
    struct search_criterion *c = search__criterion(p->a, CRIT_NUMBER, arg->param);
    c->lane = arg->lane;
    struct str rest, code = {0}, more = {0}, number = search__cut(value, '|', &rest);
    struct str system = rest.s ? search__cut(rest, '|', &code) : (struct str){0};
    if (code.s)
        code = search__cut(code, '|', &more);
    if ((rest.s && !code.len) || more.s)
        return search__refuse(p, arg, "a quantity is written number, number|system|code or number||code");
    if (!search__read_number(p, arg, search__unescape(p->a, number), c))
        return NULL;
    if (rest.s) {
        system = search__unescape(p->a, system);
        code = search__unescape(p->a, code);
        in_unit(p, c, arena_strndup(p->a, system.s, system.len), arena_strndup(p->a, code.s, code.len));
    }
    return c;
}
