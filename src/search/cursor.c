/*
 * The cursor says where a page ended, or began: the sort values of that row and its surrogate k, which breaks ties; the
 * snapshot of the first page; and its total. In a link it is base64url of a signature and
 *
 *     ">total snapshot [values]"     what comes after the row; "<": what comes before it
 *
 * The signature is of this text and of the search it belongs to, by the tenant's key: a cursor that was damaged, made by
 * somebody else, or put into the link of another search is refused before anything is done with it.
 */
#include "base/base64.h"
#include "internal.h"

enum { SIGNATURE = 16 };

/* Two SipHashes make 128 bits. */
static void sign(const struct search_query *q, struct str text, char out[SIGNATURE])
{
    const struct search_options *o = &q->options;
    const char *type = o->type ? o->type->name : "",
               *compartment = o->compartment ? o->compartment->name : "";
    struct str id = o->compartment ? o->compartment_id : STR("");
    struct str who =
        o->access ? o->access->who : STR(""); /* a total is only theirs whom it was counted for */
    for (int i = 0; i < 2; i++) {
        uint64_t h = hash_strs(&q->tenant->key, i ? STR("cursor-2") : STR("cursor-1"), str_of(type),
                               str_of(compartment), id, q->understood, who, text);
        memcpy(out + i * 8, &h, sizeof h);
    }
}

struct str search_cursor(const struct search_query *q, struct str row_cursor, struct str snapshot,
                         int64_t total, enum search_direction direction)
{
    struct buf b;
    struct str values = search__cursor_values(q, row_cursor);
    buf_init(&b, q->a, 256);
    buf_add(&b, (const char[SIGNATURE]){0}, SIGNATURE);
    buf_addf(&b, "%c%lld %.*s %.*s", direction == SEARCH_BEFORE ? '<' : '>', (long long)total,
             STR_FMT(snapshot), STR_FMT(values));
    sign(q, (struct str){b.s + SIGNATURE, b.len - SIGNATURE}, b.s);
    return base64_encode(q->a, BASE64_URL, b.s, b.len);
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
    case ORDER_SCORE:
    case ORDER_DISTANCE:
    case ORDER_NUMBER:
        return str_is(v, "Infinity") || str_is(v, "-Infinity") || (v.len < 256 && decimal_parse(a, v, &d));
    case ORDER_ID:
    case ORDER_STRING:
    case ORDER_CODE:
    case ORDER_URI:
    case ORDER_REFERENCE:
    case ORDER_OPENED: /* search_opening_end() looks */
        return true;
    }
    return false;
}

bool search__cursor_parse(const struct search_query *q, struct str text, struct search__cursor *out)
{
    struct str rest, values;
    bool back = take(&text, '<');
    *out = (struct search__cursor){.back = back, .total = -1};
    if (!back && !take(&text, '>'))
        return false;
    struct str total = str_cut(text, ' ', &rest);
    struct err ignored;
    json *array;
    out->snapshot = rest.s ? str_cut(rest, ' ', &values) : (struct str){0};
    if (!rest.s || !values.s || !str_int64(total, &out->total) || !is_snapshot(out->snapshot) ||
        !json_parse(q->a, values, 2, &array, &ignored) || !json_is_array(array) ||
        json_count(array) != q->n_sorts + 1)
        return false;
    out->values = ARENA_ARRAY(q->a, struct str, q->n_sorts + 1);
    json_each (v, array) {
        if (!json_is_string(v))
            return false;
        out->values[out->n++] = str_of(v->valuestring);
    }
    for (size_t i = 0; i < out->n; i++)
        if (!is_value(i < q->n_sorts ? q->sorts[i].by : ORDER_TYPE, q->a, out->values[i]))
            return false;
    out->given = true;
    return true;
}

static bool is_signed(const struct search_query *q, struct str text)
{
    char own[SIGNATURE];
    unsigned different = 0;
    sign(q, (struct str){text.s + SIGNATURE, text.len - SIGNATURE}, own);
    for (int i = 0; i < SIGNATURE; i++) /* without telling by the time it takes how many are right */
        different |= (unsigned char)(own[i] ^ text.s[i]);
    return different == 0;
}

bool search__read_cursor(struct search_query *q, struct err *err)
{
    struct search__cursor *c = ARENA_NEW(q->a, struct search__cursor);
    struct str text;
    c->total = -1;
    q->position = c;
    if (!q->cursor.len)
        return true;
    if (!base64_decode(q->a, BASE64_URL, q->cursor, &text) || text.len < SIGNATURE || !is_signed(q, text) ||
        !search__cursor_parse(q, (struct str){text.s + SIGNATURE, text.len - SIGNATURE}, c))
        return err_set(
            err, ERR_INVALID,
            "_cursor is not one that this server wrote for this search: it was changed on its way, or "
            "another parameter of the link was; start again at the first page");
    return true;
}

enum search_direction search_direction(const struct search_query *q)
{
    return q->position->back ? SEARCH_BEFORE : SEARCH_AFTER;
}
