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

static struct search__end end_of(struct search__index *x, const json *quantity)
{
    const char *system = json_get_string(quantity, "system"), *code = json_get_string(quantity, "code");
    struct search__end end = {
        .value = search__number_member(quantity, "value"),
        .c = unit_hash(x->tenant, NULL, code),
        .u = unit_hash(x->tenant, NULL, json_get_string(quantity, "unit")),
    };
    struct ucum_unit unit;
    struct decimal value;
    struct str name;
    if (!end.value || !system || !code)
        return end;
    end.standard = str_of(end.value);
    end.sc = unit_hash(x->tenant, system, code);
    if (standard_unit(x->registry, x->a, system, code, &unit, &name) &&
        decimal_parse(x->a, str_of(end.value), &value)) {
        value = ucum_canonical(x->a, &value, &unit);
        end.standard = decimal_text(x->a, &value);
        end.sc = unit_hash(x->tenant, UCUM_SYSTEM, name.s);
    }
    return end;
}

static void add_quantity(struct search__index *x, const json *quantity)
{
    const char *comparator = json_get_string(quantity, "comparator");
    struct search__end lo = end_of(x, quantity), hi = lo;
    if (comparator && comparator[0] == '<')
        lo.value = NULL;
    if (comparator && comparator[0] == '>')
        hi.value = NULL;
    search__add_number(x, &lo, &hi);
    if (x->slot->lane == LANE_QUANTITY && lo.value && hi.value)
        x->out->q = str_of(lo.value);
}

static void add_money(struct search__index *x, const json *money)
{
    const char *currency = json_get_string(money, "currency");
    struct search__end end = {.value = search__number_member(money, "value")};
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
        struct search__end low = end_of(x, json_get(item->node, "low")),
                           high = end_of(x, json_get(item->node, "high"));
        search__add_number(x, &low, &high);
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
    c->converted = true;
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
