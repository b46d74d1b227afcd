/*
 * Number parameters (search.html#number). A stored number is a point, whatever its digits; the number in a query
 * stands for the range its digits imply (100 is [99.5, 100.5)) with eq and ne, and for itself with the other
 * prefixes; ap is ten per cent.
 */
#include "internal.h"

/* A longer literal would not fit an index entry, and one with a larger exponent no column; they measure nothing. */
#define DIGITS_MAX 200

bool search__is_number(struct arena *a, const char *literal)
{
    struct decimal d;
    return strlen(literal) <= DIGITS_MAX && decimal_parse(a, str_of(literal), &d);
}

const char *search__number_member(struct arena *a, const json *object, const char *name)
{
    const json *v = json_get(object, name);
    return json_is_number(v) && search__is_number(a, v->valuestring) ? v->valuestring : NULL;
}

static struct str bound(const char *value, const char *open)
{
    return str_of(value ? value : open);
}

void search__add_number(struct search__index *x, const struct search__end *lo, const struct search__end *hi)
{
    struct search_index *out = x->out;
    if (!lo->value && !hi->value)
        return;
    const struct search__end *unit = lo->value ? lo : hi;
    bool standard = (!lo->value || lo->standard.s) && (!hi->value || hi->standard.s) &&
                    (lo->sc == hi->sc || !lo->value || !hi->value);
    *ARENA_PUSH(x->a, out->nums, out->n_nums, out->cap_nums) = (struct search_index_num){
        .param = x->slot->param->id,
        .lo = bound(lo->value, "-Infinity"),
        .hi = bound(hi->value, "Infinity"),
        .slo = !standard   ? (struct str){0}
               : lo->value ? lo->standard
                           : STR("-Infinity"),
        .shi = !standard   ? (struct str){0}
               : hi->value ? hi->standard
                           : STR("Infinity"),
        .sc = standard ? unit->sc : 0,
        .c = unit->c,
        .u = unit->u,
        .tok = x->tok,
    };
}

void search__index_number(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    const char *text = fp_text(item);
    struct search__end lo = {.value = NULL}, hi = {.value = NULL};
    if (text) {
        lo.value = hi.value = search__is_number(x->a, text) ? text : NULL;
    } else if (item->type && strcmp(item->type->name, "Range") == 0) {
        lo.value = search__number_member(x->a, json_get(item->node, "low"), "value");
        hi.value = search__number_member(x->a, json_get(item->node, "high"), "value");
    }
    search__add_number(x, &lo, &hi);
}

bool search__read_number(struct search__parse *p, const struct search__arg *arg, struct str text,
                         struct search_criterion *c)
{
    c->nop = search__prefix(&text);
    struct decimal d, lo, hi;
    if (text.len > DIGITS_MAX || !decimal_parse(p->a, text, &d)) {
        search__refuse(
            p, arg, "a number is written like 5.40 or 1e2, after one of eq ne gt lt ge le sa eb ap or none");
        return false;
    }
    if (c->nop == OP_AP) {
        struct decimal tenth = d;
        tenth.scale++;
        tenth.negative = false;
        lo = decimal_sub(p->a, &d, &tenth);
        hi = decimal_add(p->a, &d, &tenth);
    } else {
        decimal_implicit_range(p->a, &d, &lo, &hi);
    }
    c->num = decimal_text(p->a, &d);
    c->nlo = decimal_text(p->a, &lo);
    c->nhi = decimal_text(p->a, &hi);
    return true;
}

struct search_criterion *search__parse_number(struct search__parse *p, const struct search__arg *arg,
                                              struct str value)
{
    if (arg->modifier.s)
        return search__refuse(p, arg, "a number parameter takes no modifier but :missing");
    struct search_criterion *c = search__criterion(p->a, CRIT_NUMBER, arg->param);
    return search__read_number(p, arg, search__unescape(p->a, value), c) ? c : NULL;
}
