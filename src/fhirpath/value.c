/* From an item of the record to a System value, and what types items have. */
#include "internal.h"
#include "lex.h"

#define UCUM "http://unitsofmeasure.org"

const char *fp__kind_name(enum fp_kind kind)
{
    static const char *const names[] = {
        [FP_NODE] = "Element",      [FP_BOOLEAN] = "Boolean", [FP_INTEGER] = "Integer",
        [FP_DECIMAL] = "Decimal",   [FP_STRING] = "String",   [FP_DATE] = "Date",
        [FP_DATETIME] = "DateTime", [FP_TIME] = "Time",       [FP_QUANTITY] = "Quantity",
    };
    return names[kind];
}

/* The calendar unit that a UCUM code of a FHIR Quantity stands for (FHIR's fhirpath.html, Quantity). */
static const char *calendar_of(const char *code)
{
    static const char *const map[][2] = {{"a", "year"},   {"mo", "month"},      {"wk", "week"},
                                         {"d", "day"},    {"h", "hour"},        {"min", "minute"},
                                         {"s", "second"}, {"ms", "millisecond"}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (strcmp(map[i][0], code) == 0)
            return map[i][1];
    return NULL;
}

static bool is_quantity(const struct fhir_type *t)
{
    for (; t; t = t->base)
        if (strcmp(t->name, "Quantity") == 0)
            return true;
    return false;
}

/* A Quantity with a comparator is a range, not a value. Without a UCUM code its unit stands for itself. */
static bool quantity(struct arena *a, const json *node, struct fp_item *out)
{
    const json *value = json_get(node, "value");
    if (!json_is_number(value) || json_get(node, "comparator"))
        return false;
    struct decimal d;
    if (!decimal_parse(a, str_of(value->valuestring), &d))
        return false;
    const char *code = json_get_string(node, "code"), *unit = json_get_string(node, "unit"),
               *system = json_get_string(node, "system");
    const char *calendar = code && system && strcmp(system, UCUM) == 0 ? calendar_of(code) : NULL;
    *out = (struct fp_item){
        .kind = FP_QUANTITY,
        .quantity = {d,
                     str_of(calendar ? calendar
                            : code   ? code
                            : unit   ? unit
                                     : "1"),
                     calendar != NULL},
    };
    return true;
}

static bool date_value(struct str s, enum fp_kind kind, struct fp_item *out)
{
    size_t used;
    bool with_time;
    *out = (struct fp_item){.kind = kind};
    bool ok = kind == FP_TIME ? fp__read_time(s, &out->date.value, &used)
                              : fp__read_datetime(s, &out->date.value, &with_time, &used);
    return ok && used == s.len && (kind != FP_DATE || out->date.value.precision <= FHIR_DAY);
}

static bool primitive(struct arena *a, enum fhir_primitive p, const json *node, struct fp_item *out)
{
    switch (p) {
    case FHIR_P_boolean:
        *out = fp__boolean(json_is_true(node));
        return json_is_bool(node);
    case FHIR_P_integer:
    case FHIR_P_positiveInt:
    case FHIR_P_unsignedInt:
        *out = fp__integer(0);
        return json_is_number(node) && str_int64(str_of(node->valuestring), &out->integer);
    case FHIR_P_decimal:
        *out = (struct fp_item){.kind = FP_DECIMAL};
        return json_is_number(node) && decimal_parse(a, str_of(node->valuestring), &out->decimal);
    case FHIR_P_date:
        return json_is_string(node) && date_value(str_of(node->valuestring), FP_DATE, out);
    case FHIR_P_dateTime:
    case FHIR_P_instant:
        return json_is_string(node) && date_value(str_of(node->valuestring), FP_DATETIME, out);
    case FHIR_P_time:
        return json_is_string(node) && date_value(str_of(node->valuestring), FP_TIME, out);
    default:
        if (!json_is_string(node))
            return false;
        *out = fp__string(str_of(node->valuestring));
        return true;
    }
}

bool fp__value(struct arena *a, const struct fp_item *item, struct fp_item *out)
{
    if (item->kind != FP_NODE) {
        *out = *item;
        return true;
    }
    if (!item->type || !item->node)
        return false;
    if (item->type->kind == FHIR_PRIMITIVE)
        return primitive(a, item->type->primitive, item->node, out);
    return item->type->kind == FHIR_COMPLEX && is_quantity(item->type) && quantity(a, item->node, out);
}

const char *fp_text(const struct fp_item *item)
{
    return item->kind == FP_NODE && (json_is_string(item->node) || json_is_number(item->node))
               ? item->node->valuestring
           : item->kind == FP_NODE && json_is_bool(item->node) ? (json_is_true(item->node) ? "true" : "false")
                                                               : NULL;
}

bool fp__is_type(const struct fp__typename *t, const struct fp_item *item)
{
    if (item->kind != FP_NODE)
        return t->system == (int)item->kind;
    return t->fhir && item->type && fhir_is_a(item->type, t->fhir);
}

/* R4 takes code, id and markdown for other types than string here, though `is` knows that they are strings. */
bool fp__as_type(const struct fp__typename *t, const struct fp_item *item)
{
    if (item->kind == FP_NODE && item->type && item->type->kind == FHIR_PRIMITIVE &&
        !(t->fhir && t->fhir->abstract))
        return item->type == t->fhir;
    return fp__is_type(t, item);
}

struct str fp__to_string(struct arena *a, const struct fp_item *v)
{
    struct buf b;
    switch (v->kind) {
    case FP_BOOLEAN:
        return v->boolean ? STR("true") : STR("false");
    case FP_INTEGER:
        return str_of(arena_printf(a, "%lld", (long long)v->integer));
    case FP_DECIMAL:
        return decimal_text(a, &v->decimal);
    case FP_STRING:
        return v->string;
    case FP_DATE:
    case FP_DATETIME:
    case FP_TIME:
        return fp__date_text(a, v->kind, &v->date.value);
    case FP_QUANTITY:
        buf_init(&b, a, 32);
        buf_addstr(&b, decimal_text(a, &v->quantity.value));
        buf_adds(&b, v->quantity.calendar ? " " : " '");
        buf_addstr(&b, v->quantity.unit);
        if (!v->quantity.calendar)
            buf_addc(&b, '\'');
        return buf_str(&b);
    case FP_NODE:
        break;
    }
    return (struct str){NULL, 0};
}
