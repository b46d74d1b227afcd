/*
 * _sort, and the cursor that says where a page ended: the sort values of its last row, and its surrogate k, which
 * breaks ties. Every sort key is made never null (plan.c), rows without a value come last.
 */
#include "base/base64.h"
#include "internal.h"

static const struct {
    const char *code;
    enum search__order by;
} columns[] = {
    {"_id", ORDER_ID},
    {"_lastUpdated", ORDER_UPDATED},
};

static const int orders[] = {
    [FHIR_SEARCH_NUMBER] = ORDER_NUMBER,
    [FHIR_SEARCH_DATE] = ORDER_DATE,
    [FHIR_SEARCH_STRING] = ORDER_STRING,
    [FHIR_SEARCH_TOKEN] = ORDER_CODE,
    [FHIR_SEARCH_REFERENCE] = ORDER_REFERENCE,
    [FHIR_SEARCH_COMPOSITE] = -1,
    [FHIR_SEARCH_QUANTITY] = ORDER_NUMBER,
    [FHIR_SEARCH_URI] = ORDER_URI,
    [FHIR_SEARCH_SPECIAL] = -1,
};

static bool find(struct search__parse *p, struct str code, struct search_sort *out)
{
    const struct search_query *q = p->q;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (str_is(code, columns[i].code)) {
            out->by = columns[i].by;
            return true;
        }
    const struct search__slot *slot = q->n_types == 1 ? search__named(p, q->types[0], code) : NULL;
    if (!slot || !slot->param->expr || orders[slot->param->def->type] < 0)
        return false;
    out->slot = slot;
    out->by = slot->lane == LANE_DATE ? ORDER_LANE_DATE : (enum search__order)orders[slot->param->def->type];
    return true;
}

bool search__parse_sort(struct search__parse *p, struct str value)
{
    struct search_query *q = p->q;
    size_t cap = 0;
    q->sorts = NULL;
    q->n_sorts = 0;
    for (struct str rest = value; rest.s;) {
        struct str code = str_trim(str_cut(rest, ',', &rest));
        struct search_sort sort = {.desc = code.len && code.s[0] == '-'};
        if (sort.desc)
            code = (struct str){code.s + 1, code.len - 1};
        if (!find(p, code, &sort))
            return err_set(p->err, ERR_INVALID, "search parameter _sort: cannot sort by %.*s here",
                           STR_FMT(code));
        *ARENA_PUSH(p->a, q->sorts, q->n_sorts, cap) = sort;
    }
    return true;
}

/* Newest first, by the main date; over several types one type after the other. */
void search__default_sort(struct search__parse *p)
{
    struct search_query *q = p->q;
    if (q->n_sorts)
        return;
    q->sorts = ARENA_ARRAY(p->a, struct search_sort, 2);
    if (q->n_types != 1)
        q->sorts[q->n_sorts++] = (struct search_sort){.by = ORDER_TYPE};
    q->sorts[q->n_sorts++] = (struct search_sort){.by = ORDER_LANE_DATE, .desc = true};
}

/* ---- cursor: base64url of "total snapshot [values]" -------------------------------------------------- */

struct str search_cursor(struct arena *a, struct str row_cursor, struct str snapshot, int64_t total)
{
    struct buf b;
    buf_init(&b, a, 64);
    buf_addf(&b, "%lld %.*s %.*s", (long long)total, STR_FMT(snapshot), STR_FMT(row_cursor));
    return base64_encode(a, BASE64_URL, b.s, b.len);
}

static bool take_number(struct str *s, int64_t *out)
{
    size_t n = 0;
    while (n < s->len && s->s[n] >= '0' && s->s[n] <= '9')
        n++;
    bool ok = str_int64((struct str){s->s, n}, out);
    *s = (struct str){s->s + n, s->len - n};
    return ok;
}

static bool take(struct str *s, char c)
{
    if (!s->len || s->s[0] != c)
        return false;
    *s = (struct str){s->s + 1, s->len - 1};
    return true;
}

/* pg_snapshot's text: xmin:xmax:xip,… with xmin <= each xip, ascending, < xmax. PostgreSQL refuses others. */
static bool is_snapshot(struct str s)
{
    int64_t min, max, x, last = 0;
    if (!take_number(&s, &min) || !take(&s, ':') || !take_number(&s, &max) || !take(&s, ':') || min < 1 ||
        max < min)
        return false;
    while (s.len) {
        if (!take_number(&s, &x) || x < min || x >= max || x <= last)
            return false;
        last = x;
        if (s.len && (!take(&s, ',') || !s.len))
            return false;
    }
    return true;
}

static bool is_value(enum search__order by, struct arena *a, struct str v)
{
    int64_t i;
    struct decimal d;
    switch (by) {
    case ORDER_TYPE:
    case ORDER_UPDATED:
    case ORDER_LANE_DATE:
    case ORDER_DATE:
        return str_int64(v, &i);
    case ORDER_NUMBER:
        return str_is(v, "Infinity") || str_is(v, "-Infinity") || (v.len < 256 && decimal_parse(a, v, &d));
    case ORDER_ID:
    case ORDER_STRING:
    case ORDER_CODE:
    case ORDER_URI:
    case ORDER_REFERENCE:
        return true;
    }
    return false;
}

bool search__cursor_read(const struct search_query *q, struct search__cursor *out, struct err *err)
{
    static const char refusal[] =
        "_cursor is not one of this server's for this search; start again without it";
    *out = (struct search__cursor){.total = -1};
    if (!q->cursor.len)
        return true;
    struct str text, rest, values;
    if (!base64_decode(q->a, BASE64_URL, q->cursor, &text))
        return err_set(err, ERR_INVALID, refusal);
    struct str total = str_cut(text, ' ', &rest);
    struct err ignored;
    json *array;
    out->snapshot = rest.s ? str_cut(rest, ' ', &values) : (struct str){0};
    if (!rest.s || !values.s || !str_int64(total, &out->total) || !is_snapshot(out->snapshot) ||
        !json_parse(q->a, values, 2, &array, &ignored) || !json_is_array(array) ||
        json_count(array) != q->n_sorts + 1)
        return err_set(err, ERR_INVALID, refusal);
    out->values = ARENA_ARRAY(q->a, struct str, q->n_sorts + 1);
    json_each (v, array) {
        if (!json_is_string(v))
            return err_set(err, ERR_INVALID, refusal);
        out->values[out->n++] = str_of(v->valuestring);
    }
    for (size_t i = 0; i < out->n; i++)
        if (!is_value(i < q->n_sorts ? q->sorts[i].by : ORDER_TYPE, q->a, out->values[i]))
            return err_set(err, ERR_INVALID, refusal);
    out->given = true;
    return true;
}
