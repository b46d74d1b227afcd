/* = ~ < and what is built on them: membership, sets. Three-valued: dates of different precision and quantities of
 * different dimensions are neither equal nor unequal. */
#include "base/hash.h"
#include "base/utf8.h"
#include "internal.h"

/* ---- quantities -------------------------------------------------------------------------------------- */

/* Brings y into the unit of x. False: they have nothing in common. */
static bool same_unit(struct fp__run *r, const struct fp_item *x, const struct fp_item *y,
                      enum fp__unit_relation rel, struct decimal *out)
{
    *out = y->quantity.value;
    return rel == FP__UNITS_SAME ||
           fp__units_convert(r, &y->quantity.value, fp__unit_of(y), fp__unit_of(x), out);
}

static enum fp__order compare_quantities(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    struct decimal v;
    enum fp__unit_relation rel = fp__units_relate(r, fp__unit_of(x), fp__unit_of(y));
    if (rel == FP__UNITS_DIFFERENT || rel == FP__UNITS_EQUIVALENT || !same_unit(r, x, y, rel, &v))
        return FP__UNKNOWN;
    int c = decimal_compare(r->a, &x->quantity.value, &v);
    return c < 0 ? FP__LESS_THAN : c > 0 ? FP__GREATER_THAN : FP__SAME;
}

static bool equivalent_decimals(struct arena *a, const struct decimal *x, const struct decimal *y)
{
    struct decimal nx = decimal_normal(a, x), ny = decimal_normal(a, y);
    int32_t scale = nx.scale < ny.scale ? nx.scale : ny.scale;
    if (scale < 0)
        scale = 0;
    nx = decimal_round(a, &nx, scale, DECIMAL_HALF_UP);
    ny = decimal_round(a, &ny, scale, DECIMAL_HALF_UP);
    return decimal_compare(a, &nx, &ny) == 0;
}

/* In the larger of the two units, so that converting does not make the comparison more precise. */
static bool equivalent_quantities(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    struct decimal one = decimal_int(1), v;
    enum fp__unit_relation rel = fp__units_relate(r, fp__unit_of(x), fp__unit_of(y));
    if (rel == FP__UNITS_DIFFERENT)
        return false;
    if (rel == FP__UNITS_SAME)
        return equivalent_decimals(r->a, &x->quantity.value, &y->quantity.value);
    if (!fp__units_convert(r, &one, fp__unit_of(y), fp__unit_of(x), &v))
        return false;
    if (decimal_compare(r->a, &v, &one) > 0) {
        const struct fp_item *swap = x;
        x = y;
        y = swap;
    }
    return same_unit(r, x, y, rel, &v) && equivalent_decimals(r->a, &x->quantity.value, &v);
}

/* ---- System values ------------------------------------------------------------------------------------- */

static bool number(const struct fp_item *v)
{
    return v->kind == FP_INTEGER || v->kind == FP_DECIMAL;
}
static bool date(const struct fp_item *v)
{
    return v->kind == FP_DATE || v->kind == FP_DATETIME;
}
static struct decimal as_decimal(const struct fp_item *v)
{
    return v->kind == FP_INTEGER ? decimal_int(v->integer) : v->decimal;
}

static struct fp_item as_quantity(const struct fp_item *v)
{
    return v->kind == FP_QUANTITY
               ? *v
               : (struct fp_item){.kind = FP_QUANTITY, .quantity = {as_decimal(v), STR("1"), false}};
}

static bool quantities(const struct fp_item *x, const struct fp_item *y)
{
    return (x->kind == FP_QUANTITY || y->kind == FP_QUANTITY) && (x->kind == FP_QUANTITY || number(x)) &&
           (y->kind == FP_QUANTITY || number(y));
}

static enum fp__order order(int c)
{
    return c < 0 ? FP__LESS_THAN : c > 0 ? FP__GREATER_THAN : FP__SAME;
}

/* UTF-8 sorts as its code points do. */
static int compare_strings(struct str x, struct str y)
{
    size_t n = x.len < y.len ? x.len : y.len;
    int c = n ? memcmp(x.s, y.s, n) : 0;
    return c ? c : x.len < y.len ? -1 : x.len > y.len;
}

static enum fp__order compare_values(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    if (x->kind == FP_INTEGER && y->kind == FP_INTEGER)
        return x->integer < y->integer   ? FP__LESS_THAN
               : x->integer > y->integer ? FP__GREATER_THAN
                                         : FP__SAME;
    if (x->kind == FP_STRING && y->kind == FP_STRING)
        return order(compare_strings(x->string, y->string));
    if (number(x) && number(y)) {
        struct decimal dx = as_decimal(x), dy = as_decimal(y);
        return order(decimal_compare(r->a, &dx, &dy));
    }
    if ((date(x) && date(y)) || (x->kind == FP_TIME && y->kind == FP_TIME))
        return fp__compare_dates(&x->date.value, &y->date.value);
    if (quantities(x, y)) {
        struct fp_item qx = as_quantity(x), qy = as_quantity(y);
        return compare_quantities(r, &qx, &qy);
    }
    return FP__INCOMPARABLE;
}

enum fp__order fp__compare(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    struct fp_item vx, vy;
    bool hx = fp__value(r->a, x, &vx), hy = fp__value(r->a, y, &vy);
    if (hx && hy)
        return compare_values(r, &vx, &vy);
    /* A primitive that has only extensions, or a Quantity without a single value, is not known. */
    bool complex =
        (!hx && x->node && x->type && x->type->kind != FHIR_PRIMITIVE && !json_get(x->node, "comparator")) ||
        (!hy && y->node && y->type && y->type->kind != FHIR_PRIMITIVE && !json_get(y->node, "comparator"));
    return complex ? FP__INCOMPARABLE : FP__UNKNOWN;
}

static enum fp__tri equal_values(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    if (x->kind == FP_BOOLEAN && y->kind == FP_BOOLEAN)
        return fp__tri_of(x->boolean == y->boolean);
    enum fp__order o = compare_values(r, x, y);
    return o == FP__UNKNOWN ? FP__NONE : fp__tri_of(o == FP__SAME);
}

/* ' a\tB ' ~ ' A b ': white space is one kind, letters have no case. */
static struct str equivalence_form(struct arena *a, struct str s)
{
    struct buf b;
    s = utf8_lower(a, s);
    buf_init(&b, a, s.len + 1);
    for (size_t i = 0; i < s.len;) {
        int32_t c = utf8_next(s, &i);
        bool blank = (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
                     (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
                     c == 0x205F || c == 0x3000;
        utf8_put(&b, blank ? ' ' : c);
    }
    return buf_str(&b);
}

static bool equivalent_values(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    if (x->kind == FP_STRING && y->kind == FP_STRING)
        return str_eq(x->string, y->string) ||
               str_eq(equivalence_form(r->a, x->string), equivalence_form(r->a, y->string));
    if (number(x) && number(y)) {
        struct decimal dx = as_decimal(x), dy = as_decimal(y);
        return equivalent_decimals(r->a, &dx, &dy);
    }
    if (quantities(x, y)) {
        struct fp_item qx = as_quantity(x), qy = as_quantity(y);
        return equivalent_quantities(r, &qx, &qy);
    }
    return equal_values(r, x, y) == FP__TRUE;
}

/* ---- elements ------------------------------------------------------------------------------------------ */

/* Children of the same name together: as lists they are compared in order, or, for ~, in any. Since a child's name
 * is not part of a path's list, pairs are found by element. */
static bool same_element(const struct fp_item *x, const struct fp_item *y)
{
    return x->element == y->element;
}

static void group(const struct fp_list *children, const struct fp_item *like, struct fp_list *out,
                  struct arena *a)
{
    *out = (struct fp_list){NULL, 0, 0};
    for (size_t i = 0; i < children->n; i++)
        if (same_element(&children->items[i], like))
            *ARENA_PUSH(a, out->items, out->n, out->cap) = children->items[i];
}

typedef enum fp__tri compare_lists(struct fp__run *r, const struct fp_list *x, const struct fp_list *y);

static enum fp__tri children_are(struct fp__run *r, const struct fp_item *x, const struct fp_item *y,
                                 compare_lists *compare)
{
    struct fp_list cx = {NULL, 0, 0}, cy = {NULL, 0, 0};
    enum fp__tri result = FP__TRUE;
    if (!fp__children(r, x, &cx) || !fp__children(r, y, &cy) || cx.n != cy.n)
        return FP__FALSE;
    for (size_t i = 0; i < cx.n; i++) {
        struct fp_list gx, gy;
        if (i && same_element(&cx.items[i], &cx.items[i - 1]))
            continue;
        group(&cx, &cx.items[i], &gx, r->a);
        group(&cy, &cx.items[i], &gy, r->a);
        enum fp__tri t = gy.n ? compare(r, &gx, &gy) : FP__FALSE;
        if (t == FP__FALSE)
            return FP__FALSE;
        if (t == FP__NONE)
            result = FP__NONE;
    }
    return result;
}

static bool identical(const struct fp_item *x, const struct fp_item *y)
{
    return x->kind == FP_NODE && y->kind == FP_NODE && x->node && x->node == y->node;
}

static bool complex(const struct fp_item *x)
{
    return x->kind == FP_NODE && x->type && x->type->kind != FHIR_PRIMITIVE;
}

/* Primitives whose values are equal only when their texts are. */
static bool is_text(const struct fhir_type *t)
{
    return t && t->kind == FHIR_PRIMITIVE && t->json == FHIR_JSON_STRING && t->primitive != FHIR_P_date &&
           t->primitive != FHIR_P_dateTime && t->primitive != FHIR_P_instant && t->primitive != FHIR_P_time;
}

/* Settles most comparisons of unequal elements of one type without a list of their children. */
static bool texts_differ(const struct fp_item *x, const struct fp_item *y)
{
    const struct fhir_type *t;
    json_each (m, x->node) {
        if (!json_is_string(m))
            continue;
        const char *other = json_get_string(y->node, m->string);
        if ((!other || strcmp(m->valuestring, other) != 0) && fhir_child(x->type, m->string, &t) &&
            is_text(t))
            return true;
    }
    return false;
}

/* Two complex elements are equal when their children are; everything else when their values are. */
enum fp__tri fp__equal(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    struct fp_item vx, vy;
    if (identical(x, y))
        return FP__TRUE;
    if (complex(x) && complex(y)) {
        if (x->type != y->type)
            return FP__FALSE;
        enum fp__tri t = texts_differ(x, y) ? FP__FALSE : children_are(r, x, y, fp__equal_lists);
        if (t != FP__FALSE)
            return t;
    }
    if (!fp__value(r->a, x, &vx) || !fp__value(r->a, y, &vy))
        return !x->node && !y->node && x->kind == FP_NODE && y->kind == FP_NODE && x->extra
                   ? fp__tri_of(x->extra == y->extra)
                   : FP__FALSE;
    return equal_values(r, &vx, &vy);
}

static enum fp__tri equivalent_tri(struct fp__run *r, const struct fp_list *x, const struct fp_list *y)
{
    return fp__tri_of(fp__equivalent_lists(r, x, y));
}

bool fp__equivalent(struct fp__run *r, const struct fp_item *x, const struct fp_item *y)
{
    struct fp_item vx, vy;
    if (identical(x, y))
        return true;
    if (complex(x) && complex(y) && x->type == y->type && children_are(r, x, y, equivalent_tri) == FP__TRUE)
        return true;
    return fp__value(r->a, x, &vx) && fp__value(r->a, y, &vy) && equivalent_values(r, &vx, &vy);
}

enum fp__tri fp__equal_lists(struct fp__run *r, const struct fp_list *x, const struct fp_list *y)
{
    enum fp__tri result = FP__TRUE;
    if (x->n == 0 || y->n == 0)
        return FP__NONE;
    if (x->n != y->n)
        return FP__FALSE;
    for (size_t i = 0; i < x->n; i++) {
        enum fp__tri t = fp__equal(r, &x->items[i], &y->items[i]);
        if (t == FP__FALSE)
            return t;
        if (t == FP__NONE)
            result = t;
    }
    return result;
}

bool fp__equivalent_lists(struct fp__run *r, const struct fp_list *x, const struct fp_list *y)
{
    if (x->n != y->n)
        return false;
    if (x->n == 0)
        return true;
    bool *used = ARENA_ARRAY(r->a, bool, y->n);
    for (size_t i = 0; i < x->n; i++) {
        size_t k = 0;
        while (k < y->n && (used[k] || !fp__equivalent(r, &x->items[i], &y->items[k])))
            k++;
        if (k == y->n)
            return false;
        used[k] = true;
    }
    return true;
}

bool fp__contains(struct fp__run *r, const struct fp_list *l, const struct fp_item *item)
{
    for (size_t i = 0; i < l->n; i++)
        if (fp__equal(r, &l->items[i], item) == FP__TRUE)
            return true;
    return false;
}

/* ---- sets ------------------------------------------------------------------------------------------------ */

enum { SMALL_SET = 16 };

/* Equal items have equal hashes: dates and quantities, whose equality is subtle, share one; of a complex element
 * only the texts count. */
static uint64_t item_hash(struct arena *a, const struct fp_item *item)
{
    static const struct hash_key key = {1, 2};
    struct fp_item v;
    if (complex(item)) {
        uint64_t h = item->type->index;
        const struct fhir_type *t;
        json_each (m, item->node)
            if (json_is_string(m) && fhir_child(item->type, m->string, &t) && is_text(t))
                h += hash_bytes(&key, m->valuestring, strlen(m->valuestring));
        return h;
    }
    if (!fp__value(a, item, &v))
        return 0;
    if (v.kind == FP_STRING)
        return hash_bytes(&key, v.string.s, v.string.len);
    if (v.kind == FP_INTEGER || v.kind == FP_DECIMAL) {
        struct decimal d = as_decimal(&v), n = decimal_normal(a, &d);
        return n.big ? 0 : n.small * 31 + (uint64_t)n.scale;
    }
    return v.kind == FP_BOOLEAN;
}

static void index_list(struct fp__run *r, struct fp__set *set)
{
    set->n_slots = set->list->cap * 4;
    set->slots = ARENA_ARRAY(r->a, uint32_t, set->n_slots);
    for (size_t i = 0; i < set->list->n; i++) {
        size_t s = item_hash(r->a, &set->list->items[i]) % set->n_slots;
        while (set->slots[s])
            s = (s + 1) % set->n_slots;
        set->slots[s] = (uint32_t)i + 1;
    }
}

bool fp__set_add(struct fp__run *r, struct fp__set *set, const struct fp_item *item, bool *added)
{
    struct fp_list *l = set->list;
    size_t s = 0;
    bool there;
    if (l->n < SMALL_SET) {
        there = fp__contains(r, l, item);
        if (!fp__spend(r, 1 + l->n))
            return false;
    } else {
        if (!set->slots || l->n * 2 >= set->n_slots)
            index_list(r, set);
        there = false;
        for (s = item_hash(r->a, item) % set->n_slots; set->slots[s] && !there; s = (s + 1) % set->n_slots) {
            if (!fp__spend(r, 1))
                return false;
            there = fp__equal(r, &l->items[set->slots[s] - 1], item) == FP__TRUE;
        }
    }
    if (added)
        *added = !there;
    if (there)
        return true;
    if (!fp__push(r, l, item))
        return false;
    if (set->slots)
        set->slots[s] = (uint32_t)l->n;
    return true;
}
