/* Functions over collections: existence, filtering, projection, subsetting, combining, aggregates. */
#include "functions.h"
#include "internal.h"

/* ---- existence ----------------------------------------------------------------------------------------- */

/* The criteria of the call on item i of the input. */
static bool criterion(struct fp__call *c, size_t i, enum fp__tri *out)
{
    struct fp__scope s = {&c->in->items[i], (int64_t)i, c->s->total, c->s->vars};
    return fp__test(c->r, fp__arg(c, 0), &s, out);
}

/* Whether there is an item on which the criteria (or, without any, `alone`) is not `value`. */
static bool any(struct fp__call *c, bool (*of)(struct fp__call *, size_t, enum fp__tri *), enum fp__tri value,
                bool *out)
{
    *out = false;
    for (size_t i = 0; i < c->in->n && !*out; i++) {
        enum fp__tri t;
        if (!of(c, i, &t))
            return false;
        *out = t == value;
    }
    return true;
}

bool fp__fn_empty(struct fp__call *c, enum fp__tri *out)
{
    *out = fp__tri_of(c->in->n == 0);
    return true;
}

bool fp__fn_exists(struct fp__call *c, enum fp__tri *out)
{
    *out = fp__tri_of(c->in->n > 0);
    return true;
}

bool fp__fn_exists_where(struct fp__call *c, enum fp__tri *out)
{
    bool found;
    if (!any(c, criterion, FP__TRUE, &found))
        return false;
    *out = fp__tri_of(found);
    return true;
}

bool fp__fn_all(struct fp__call *c, enum fp__tri *out)
{
    *out = FP__TRUE;
    for (size_t i = 0; i < c->in->n && *out == FP__TRUE; i++) {
        enum fp__tri t;
        if (!criterion(c, i, &t))
            return false;
        *out = fp__tri_of(t == FP__TRUE);
    }
    return true;
}

/* What is no Boolean is neither true nor false. */
static bool itself(struct fp__call *c, size_t i, enum fp__tri *out)
{
    struct fp_item v;
    bool is = fp__value(c->r->a, &c->in->items[i], &v) && v.kind == FP_BOOLEAN;
    *out = is ? fp__tri_of(v.boolean) : FP__NONE;
    return true;
}

static bool every(struct fp__call *c, enum fp__tri value, enum fp__tri *out)
{
    *out = FP__TRUE;
    for (size_t i = 0; i < c->in->n && *out == FP__TRUE; i++) {
        enum fp__tri t;
        if (!itself(c, i, &t))
            return false;
        *out = fp__tri_of(t == value);
    }
    return true;
}

static bool some(struct fp__call *c, enum fp__tri value, enum fp__tri *out)
{
    bool found;
    if (!any(c, itself, value, &found))
        return false;
    *out = fp__tri_of(found);
    return true;
}

bool fp__fn_all_true(struct fp__call *c, enum fp__tri *out)
{
    return every(c, FP__TRUE, out);
}
bool fp__fn_all_false(struct fp__call *c, enum fp__tri *out)
{
    return every(c, FP__FALSE, out);
}
bool fp__fn_any_true(struct fp__call *c, enum fp__tri *out)
{
    return some(c, FP__TRUE, out);
}
bool fp__fn_any_false(struct fp__call *c, enum fp__tri *out)
{
    return some(c, FP__FALSE, out);
}

bool fp__fn_not(struct fp__call *c, enum fp__tri *out)
{
    if (!fp__truth(c->r, c->x, c->in, out))
        return false;
    *out = fp__tri_not(*out);
    return true;
}

static bool subset(struct fp__call *c, const struct fp_list *small, const struct fp_list *large,
                   enum fp__tri *out)
{
    *out = FP__TRUE;
    for (size_t i = 0; i < small->n && *out == FP__TRUE; i++) {
        if (!fp__spend(c->r, 1 + large->n))
            return false;
        *out = fp__tri_of(fp__contains(c->r, large, &small->items[i]));
    }
    return true;
}

bool fp__fn_subset_of(struct fp__call *c, enum fp__tri *out)
{
    FP__LIST(other, 4);
    return fp__arg_list(c, 0, &other) && subset(c, c->in, &other, out);
}

bool fp__fn_superset_of(struct fp__call *c, enum fp__tri *out)
{
    FP__LIST(other, 4);
    return fp__arg_list(c, 0, &other) && subset(c, &other, c->in, out);
}

bool fp__fn_count(struct fp__call *c, struct fp_list *out)
{
    struct fp_item n = fp__integer((int64_t)c->in->n);
    return fp__push(c->r, out, &n);
}

bool fp__fn_distinct(struct fp__call *c, struct fp_list *out)
{
    struct fp_list result = {NULL, 0, 0};
    struct fp__set set = {.list = &result};
    for (size_t i = 0; i < c->in->n; i++)
        if (!fp__set_add(c->r, &set, &c->in->items[i], NULL))
            return false;
    return fp__push_all(c->r, out, &result);
}

bool fp__fn_is_distinct(struct fp__call *c, enum fp__tri *out)
{
    struct fp_list result = {NULL, 0, 0};
    struct fp__set set = {.list = &result};
    *out = FP__TRUE;
    for (size_t i = 0; i < c->in->n && *out == FP__TRUE; i++) {
        bool added;
        if (!fp__set_add(c->r, &set, &c->in->items[i], &added))
            return false;
        *out = fp__tri_of(added);
    }
    return true;
}

/* ---- filtering and projection ---------------------------------------------------------------------------- */

bool fp__fn_where(struct fp__call *c, struct fp_list *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < c->in->n && out->n - start < c->want; i++) {
        enum fp__tri t;
        if (!criterion(c, i, &t) || (t == FP__TRUE && !fp__push(c->r, out, &c->in->items[i])))
            return false;
    }
    return true;
}

bool fp__fn_select(struct fp__call *c, struct fp_list *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < c->in->n && out->n - start < c->want; i++) {
        struct fp__scope s = {&c->in->items[i], (int64_t)i, c->s->total, c->s->vars};
        size_t want = c->want == FP__ALL ? FP__ALL : c->want - (out->n - start);
        if (!fp__eval(c->r, fp__arg(c, 0), &s, want, out))
            return false;
    }
    return true;
}

/* Items found are searched in turn. repeat() passes over those it has already, repeatAll() does not. */
static bool repeat(struct fp__call *c, bool unique, struct fp_list *out)
{
    struct fp_list result = {NULL, 0, 0}, queue = {NULL, 0, 0};
    struct fp__set set = {.list = &result};
    if (!fp__push_all(c->r, &queue, c->in))
        return false;
    for (size_t i = 0; i < queue.n; i++) {
        struct fp_list found = {NULL, 0, 0};
        struct fp_item self = queue.items[i]; /* the queue moves as it grows */
        struct fp__scope s = {&self, c->s->index, c->s->total, c->s->vars};
        if (!fp__eval(c->r, fp__arg(c, 0), &s, FP__ALL, &found))
            return false;
        for (size_t k = 0; k < found.n; k++) {
            bool added = true;
            if (unique ? !fp__set_add(c->r, &set, &found.items[k], &added)
                       : !fp__push(c->r, &result, &found.items[k]))
                return false;
            if (added && !fp__push(c->r, &queue, &found.items[k]))
                return false;
        }
    }
    return fp__push_all(c->r, out, &result);
}

bool fp__fn_repeat(struct fp__call *c, struct fp_list *out)
{
    return repeat(c, true, out);
}
bool fp__fn_repeat_all(struct fp__call *c, struct fp_list *out)
{
    return repeat(c, false, out);
}

bool fp__fn_children(struct fp__call *c, struct fp_list *out)
{
    for (size_t i = 0; i < c->in->n; i++)
        if (!fp__children(c->r, &c->in->items[i], out))
            return false;
    return true;
}

bool fp__fn_descendants(struct fp__call *c, struct fp_list *out)
{
    size_t done = out->n;
    if (!fp__fn_children(c, out))
        return false;
    for (; done < out->n; done++) {
        struct fp_item item = out->items[done]; /* the list moves as it grows */
        if (!fp__spend(c->r, 1) || !fp__children(c->r, &item, out))
            return false;
    }
    return true;
}

/* ---- subsetting ------------------------------------------------------------------------------------------ */

static bool slice(struct fp__call *c, size_t from, size_t to, struct fp_list *out)
{
    for (size_t i = from; i < to && i < c->in->n; i++)
        if (!fp__push(c->r, out, &c->in->items[i]))
            return false;
    return true;
}

bool fp__fn_first(struct fp__call *c, struct fp_list *out)
{
    return slice(c, 0, 1, out);
}
bool fp__fn_tail(struct fp__call *c, struct fp_list *out)
{
    return slice(c, 1, FP__ALL, out);
}
bool fp__fn_last(struct fp__call *c, struct fp_list *out)
{
    return c->in->n == 0 || slice(c, c->in->n - 1, FP__ALL, out);
}

bool fp__fn_single(struct fp__call *c, struct fp_list *out)
{
    if (c->in->n > 1)
        return fp__error(c->r, c->x, ERR_INVALID, "single() found several items");
    return slice(c, 0, 1, out);
}

bool fp__fn_skip(struct fp__call *c, struct fp_list *out)
{
    int64_t n;
    bool present;
    if (!fp__arg_integer(c, 0, &n, &present))
        return false;
    return !present || slice(c, n < 0 ? 0 : (size_t)n, FP__ALL, out);
}

bool fp__fn_take(struct fp__call *c, struct fp_list *out)
{
    int64_t n;
    bool present;
    if (!fp__arg_integer(c, 0, &n, &present))
        return false;
    return !present || slice(c, 0, n < 0 ? 0 : (size_t)n, out);
}

/* ---- combining ------------------------------------------------------------------------------------------- */

bool fp__fn_intersect(struct fp__call *c, struct fp_list *out)
{
    FP__LIST(other, 4);
    struct fp_list result = {NULL, 0, 0};
    struct fp__set set = {.list = &result};
    if (!fp__arg_list(c, 0, &other))
        return false;
    for (size_t i = 0; i < c->in->n; i++)
        if (!fp__spend(c->r, 1 + other.n) || (fp__contains(c->r, &other, &c->in->items[i]) &&
                                              !fp__set_add(c->r, &set, &c->in->items[i], NULL)))
            return false;
    return fp__push_all(c->r, out, &result);
}

bool fp__fn_exclude(struct fp__call *c, struct fp_list *out)
{
    FP__LIST(other, 4);
    if (!fp__arg_list(c, 0, &other))
        return false;
    for (size_t i = 0; i < c->in->n; i++)
        if (!fp__spend(c->r, 1 + other.n) ||
            (!fp__contains(c->r, &other, &c->in->items[i]) && !fp__push(c->r, out, &c->in->items[i])))
            return false;
    return true;
}

bool fp__fn_union(struct fp__call *c, struct fp_list *out)
{
    FP__LIST(other, 4);
    struct fp_list result = {NULL, 0, 0};
    struct fp__set set = {.list = &result};
    if (!fp__arg_list(c, 0, &other))
        return false;
    for (size_t i = 0; i < c->in->n + other.n; i++)
        if (!fp__set_add(c->r, &set, i < c->in->n ? &c->in->items[i] : &other.items[i - c->in->n], NULL))
            return false;
    return fp__push_all(c->r, out, &result);
}

bool fp__fn_combine(struct fp__call *c, struct fp_list *out)
{
    return fp__push_all(c->r, out, c->in) && fp__arg_list(c, 0, out);
}

bool fp__fn_coalesce(struct fp__call *c, struct fp_list *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < c->x->call.n && out->n == start; i++)
        if (!fp__arg_list(c, i, out))
            return false;
    return true;
}

/* ---- sort() ------------------------------------------------------------------------------------------------ */

static bool key_of(struct fp__call *c, const struct fp__node *x, const struct fp_item *item,
                   struct fp_item *key, bool *present)
{
    FP__LIST(l, 2);
    struct fp__scope s = {item, 0, c->s->total, c->s->vars};
    if (!fp__eval(c->r, x, &s, 2, &l))
        return false;
    if (l.n > 1)
        return fp__error(c->r, x, ERR_INVALID, "a sort key is a single item");
    *present = l.n && fp__value(c->r->a, l.items, key);
    if (l.n && !*present)
        return fp__error(c->r, x, ERR_INVALID, "a sort key is a simple value");
    return true;
}

/* Empty keys come first. */
static bool compare_by(struct fp__call *c, const struct fp__node *x, const struct fp_item *a,
                       const struct fp_item *b, int *out)
{
    bool down = x && (x->op == FP__DESCENDING || x->op == FP__NEGATE), ha = true, hb = true;
    struct fp_item va = *a, vb = *b;
    if (down)
        x = x->left;
    if (x && (!key_of(c, x, a, &va, &ha) || !key_of(c, x, b, &vb, &hb)))
        return false;
    *out = ha - hb;
    if (ha && hb) {
        enum fp__order o = fp__compare(c->r, &va, &vb);
        if (o == FP__INCOMPARABLE)
            return fp__error(c->r, c->x, ERR_INVALID, "these items cannot be sorted together");
        *out = o == FP__UNKNOWN ? 0 : (int)o;
    }
    if (down)
        *out = -*out;
    return true;
}

static bool in_order(struct fp__call *c, const struct fp_item *a, const struct fp_item *b, bool *out)
{
    int cmp = 0;
    for (size_t k = 0; k < (c->x->call.n ? c->x->call.n : 1) && cmp == 0; k++)
        if (!fp__spend(c->r, 1) || !compare_by(c, fp__arg(c, k), a, b, &cmp))
            return false;
    *out = cmp <= 0;
    return true;
}

/* A merge sort, since qsort() can neither fail nor is stable. */
static bool merge_sort(struct fp__call *c, struct fp_item *v, struct fp_item *tmp, size_t n)
{
    size_t half = n / 2, i = 0, k = half, m = 0;
    if (n < 2)
        return true;
    if (!merge_sort(c, v, tmp, half) || !merge_sort(c, v + half, tmp, n - half))
        return false;
    while (i < half && k < n) {
        bool ok;
        if (!in_order(c, &v[i], &v[k], &ok))
            return false;
        tmp[m++] = ok ? v[i++] : v[k++];
    }
    while (i < half)
        tmp[m++] = v[i++];
    memcpy(v, tmp, m * sizeof *v);
    return true;
}

bool fp__fn_sort(struct fp__call *c, struct fp_list *out)
{
    struct fp_item *tmp = arena_alloc(c->r->a, c->in->n * sizeof *tmp + 1);
    return merge_sort(c, c->in->items, tmp, c->in->n) && fp__push_all(c->r, out, c->in);
}

/* ---- aggregates -------------------------------------------------------------------------------------------- */

bool fp__fn_aggregate(struct fp__call *c, struct fp_list *out)
{
    struct fp_list total = {NULL, 0, 0};
    if (c->x->call.n > 1 && !fp__arg_list(c, 1, &total))
        return false;
    for (size_t i = 0; i < c->in->n; i++) {
        struct fp__scope s = {&c->in->items[i], (int64_t)i, &total, c->s->vars};
        struct fp_list next = {NULL, 0, 0};
        if (!fp__eval(c->r, fp__arg(c, 0), &s, FP__ALL, &next))
            return false;
        total = next;
    }
    return fp__push_all(c->r, out, &total);
}

static bool fold(struct fp__call *c, enum fp__op op, struct fp_list *total)
{
    struct fp__node plus = *c->x;
    plus.op = op;
    for (size_t i = 0; i < c->in->n; i++) {
        struct fp_list next = {NULL, 0, 0};
        if (i == 0 ? !fp__push(c->r, &next, c->in->items)
                   : !fp__arithmetic(c->r, &plus, total->items, &c->in->items[i], &next))
            return false;
        *total = next;
        if (total->n == 0)
            break;
    }
    return true;
}

bool fp__fn_sum(struct fp__call *c, struct fp_list *out)
{
    struct fp_list total = {NULL, 0, 0};
    return fold(c, FP__ADD, &total) && fp__push_all(c->r, out, &total);
}

bool fp__fn_avg(struct fp__call *c, struct fp_list *out)
{
    struct fp_list total = {NULL, 0, 0};
    struct fp_item n = fp__decimal(decimal_int((int64_t)c->in->n));
    struct fp__node divide = *c->x;
    divide.op = FP__DIVIDE;
    return fold(c, FP__ADD, &total) && (total.n == 0 || fp__arithmetic(c->r, &divide, total.items, &n, out));
}

static bool extreme(struct fp__call *c, enum fp__order wanted, struct fp_list *out)
{
    const struct fp_item *best = c->in->n ? c->in->items : NULL;
    for (size_t i = 1; i < c->in->n; i++) {
        enum fp__order o = fp__compare(c->r, &c->in->items[i], best);
        if (o == FP__INCOMPARABLE)
            return fp__error(c->r, c->x, ERR_INVALID, "these items cannot be compared with each other");
        if (o == FP__UNKNOWN)
            return true;
        if (o == wanted)
            best = &c->in->items[i];
    }
    return !best || fp__push(c->r, out, best);
}

bool fp__fn_min(struct fp__call *c, struct fp_list *out)
{
    return extreme(c, FP__LESS_THAN, out);
}
bool fp__fn_max(struct fp__call *c, struct fp_list *out)
{
    return extreme(c, FP__GREATER_THAN, out);
}
