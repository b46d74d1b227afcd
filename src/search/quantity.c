/*
 * Quantity parameters (search.html#quantity). Index: a number or range with the hashes of its system and code, of
 * its code and of its unit as written. Query: number, number|system|code, number||code (code or unit).
 * A comparator makes a stored value a range: "<5" reaches from minus infinity to 5.
 */
#include "internal.h"

#define CURRENCIES "urn:iso:std:iso:4217"

static int64_t unit_hash(const struct search_tenant *t, const char *system, const char *code)
{
    if (!code)
        return 0;
    uint64_t h = hash_strs(&t->key, STR("unit"), str_of(system ? system : ""), str_of(code));
    return h ? (int64_t)h : 1;
}

static struct search__unit unit_of(const struct search__index *x, const json *quantity)
{
    const char *system = json_get_string(quantity, "system"), *code = json_get_string(quantity, "code");
    return (struct search__unit){
        .sc = system ? unit_hash(x->tenant, system, code) : 0,
        .c = unit_hash(x->tenant, NULL, code),
        .u = unit_hash(x->tenant, NULL, json_get_string(quantity, "unit")),
    };
}

static void add_quantity(struct search__index *x, const json *quantity)
{
    const char *value = search__number_member(quantity, "value");
    if (!value)
        return;
    const char *comparator = json_get_string(quantity, "comparator");
    bool below = comparator && comparator[0] == '<', above = comparator && comparator[0] == '>';
    struct search__unit unit = unit_of(x, quantity);
    search__add_number(x, below ? NULL : value, above ? NULL : value, &unit);
    if (x->slot->lane == LANE_QUANTITY && !comparator)
        x->out->q = str_of(value);
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
        const char *number = search__number_member(item->node, "value");
        const char *currency = json_get_string(item->node, "currency");
        int64_t c = unit_hash(x->tenant, NULL, currency);
        search__add_number(
            x, number, number,
            &(struct search__unit){.sc = unit_hash(x->tenant, CURRENCIES, currency), .c = c, .u = c});
    } else if (strcmp(type, "Range") == 0) {
        const json *low = json_get(item->node, "low"), *high = json_get(item->node, "high");
        struct search__unit unit = unit_of(x, low ? low : high);
        search__add_number(x, search__number_member(low, "value"), search__number_member(high, "value"),
                           &unit);
    }
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
        c->unit_system = system.len > 0;
        c->unit = unit_hash(p->tenant, arena_strndup(p->a, system.s, system.len),
                            arena_strndup(p->a, code.s, code.len));
    }
    return c;
}
