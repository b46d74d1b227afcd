/*
 * Sealed values that were opened (search/opened.h). Criteria of the kind OPENED become ones by id; an order by sealed values
 * becomes one by places, which are even numbers: what lies between two of them is where a cursor stands whose row is gone.
 */
#include "search/opened.h"

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

struct value {
    bool there;
    int64_t n;    /* of dates */
    struct str s; /* of all others */
};

struct row {
    int64_t k;
    struct value *values; /* by sort; of those that are opened */
};

struct search__opening {
    struct search_tenant plain; /* by which values are read as they are */
    struct row *rows;
    size_t n, cap;
    struct str *words; /* that begin as one that is asked for; sorted at the end */
    size_t n_words, cap_words;
};

static bool is_date(const struct search_sort *s)
{
    return s->of == ORDER_DATE || s->of == ORDER_LANE_DATE;
}

static int compare_texts(struct str x, struct str y)
{
    size_t n = x.len < y.len ? x.len : y.len;
    int order = n ? memcmp(x.s, y.s, n) : 0;
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static int compare_values(const struct value *x, const struct value *y, bool date)
{
    if (date)
        return (x->n > y->n) - (x->n < y->n);
    return compare_texts(x->s, y->s);
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

static bool may_open(const struct search__parse *p)
{
    return p->options->opens > 0 && p->q->n_types == 1 && !p->options->pseudonyms;
}

struct search_criterion *search__open(struct search__parse *p, struct search_criterion *c, struct str text)
{
    if (!may_open(p))
        return NULL;
    c->kind = CRIT_OPENED;
    c->text = text;
    *ARENA_PUSH(p->a, p->q->opened, p->q->n_opened, p->q->cap_opened) = c;
    return c;
}

bool search__open_order(const struct search__parse *p, struct search_sort *s)
{
    if (!may_open(p) || s->by == ORDER_NUMBER)
        return false;
    s->of = s->by;
    s->by = ORDER_OPENED;
    return true;
}

static bool opens_order(const struct search_query *q)
{
    for (size_t i = 0; i < q->n_sorts; i++)
        if (q->sorts[i].by == ORDER_OPENED)
            return true;
    return false;
}

bool search_opens(const struct search_query *q)
{
    return !q->empty && (q->n_opened || opens_order(q));
}

/* Those that are asked of the rows of the search itself. */
static size_t count_own(const struct search_criterion *c)
{
    size_t n = c->kind == CRIT_OPENED;
    for (const struct search_criterion *child = search__is_join(c) ? NULL : c->child; child;
         child = child->next)
        n += count_own(child);
    return n;
}

bool search__check_opened(struct search__parse *p)
{
    const struct search_query *q = p->q;
    if (!search_opens(q) || (!q->contained && !q->explain && count_own(q->criteria) == q->n_opened))
        return true;
    return err_set(
        p->err, ERR_TOO_COSTLY,
        "What is searched is sealed (identity.seal), and has no order: it is opened for rows of the "
        "search itself, not at the end of chains and _has, of contained resources, or to be explained");
}

/* ---- what the rest finds ------------------------------------------------------------------------------------- */

/* Everything that may match, of what the index knows; NULL: everything. */
static struct search_criterion *relaxed(struct arena *a, const struct search_criterion *c)
{
    if (c->kind == CRIT_OPENED)
        return NULL;
    if (search__is_join(c) || !count_own(c)) {
        struct search_criterion *same = search__criterion(a, c->kind, c->param);
        *same = *c;
        same->next = NULL;
        return same;
    }
    if (c->kind != CRIT_AND && c->kind != CRIT_OR && c->kind != CRIT_TARGET && c->kind != CRIT_ACCESS)
        return NULL;
    struct search_criterion *out = search__criterion(a, c->kind, c->param);
    out->type = c->type;
    for (const struct search_criterion *child = c->child; child; child = child->next) {
        struct search_criterion *r = relaxed(a, child);
        if (!r && c->kind != CRIT_AND)
            return NULL;
        if (r)
            search__add_child(out, r);
    }
    return out;
}

void search_opening_plan(const struct search_query *q, const struct search_stats *stats, struct sql *out)
{
    static const struct search__cursor start = {.total = -1};
    static struct search_sort newest[] = {{.by = ORDER_LANE_DATE, .desc = true}};
    struct search_query all = *q;
    all.criteria = relaxed(q->a, q->criteria);
    all.sorts = newest;
    all.n_sorts = 1;
    all.count = q->options.opens;
    all.summary = SUMMARY_FALSE;
    all.total = TOTAL_NONE;
    all.n_includes = 0;
    all.text = all.near = NULL;
    all.position = &start;
    search_plan(&all, stats, out);
}

/* ---- what is found of a resource ------------------------------------------------------------------------------ */

static bool holds(const struct search_criterion *c, struct str val)
{
    int order = compare_texts(val, c->text);
    switch (c->match) {
    case MATCH_CONTAINS:
        return memmem(val.s, val.len, c->text.s, c->text.len);
    case MATCH_ENDS:
        return str_ends(val, c->text);
    case MATCH_AFTER:
        return order > 0;
    case MATCH_BEFORE:
        return order < 0;
    case MATCH_FROM:
        return order >= 0;
    case MATCH_TO:
        return order <= 0;
    case MATCH_PREFIX:
    case MATCH_EXACT:
    case MATCH_EQUAL:
    case MATCH_UNEQUAL: /* hashes answer them */
        break;
    }
    return false;
}

static bool matches(const struct search_criterion *c, const struct search_index *x)
{
    bool any = false;
    for (size_t i = 0; i < x->n_strs && !any; i++)
        any = x->strs[i].param == c->param->id && holds(c, x->strs[i].val);
    return any;
}

static bool is_of(const struct search_sort *s, int32_t param)
{
    const struct search__slot *slot = s->slot;
    for (int i = 0; i < slot->n_parts; i++)
        if (slot->parts[i]->param->id == param)
            return true;
    return !slot->n_parts && slot->param->id == param;
}

/* Of several values the one that comes first in the direction. */
static void take(struct value *best, const struct search_sort *s, struct value v)
{
    int order = best->there ? compare_values(&v, best, is_date(s)) : 0;
    if (!best->there || (s->desc ? order > 0 : order < 0))
        *best = v;
    best->there = true;
}

static struct value value_of(struct arena *a, const struct search_sort *s, const struct search_index *x)
{
    struct value best = {0};
    enum { NONE = -1 };
    const int kind = s->of == ORDER_CODE ? DICT_CODE : s->of == ORDER_URI ? DICT_URI : NONE;
    for (size_t i = 0; s->of == ORDER_STRING && i < x->n_strs; i++)
        if (is_of(s, x->strs[i].param))
            take(&best, s, (struct value){.s = x->strs[i].val});
    for (size_t i = 0; s->of == ORDER_DATE && i < x->n_dates; i++)
        if (is_of(s, x->dates[i].param))
            take(&best, s, (struct value){.n = x->dates[i].lo});
    for (size_t i = 0; kind != NONE && i < x->n_dicts; i++)
        if (x->dicts[i].kind == kind && is_of(s, x->dicts[i].param))
            take(&best, s, (struct value){.s = x->dicts[i].val});
    if (s->of == ORDER_LANE_DATE && x->dt != SEARCH_NO_DATE)
        take(&best, s, (struct value){.n = x->dt});
    if (best.s.s)
        best.s = (struct str){arena_strndup(a, best.s.s, best.s.len), best.s.len};
    return best;
}

/* 'word':1A 'other':2,… */
static void take_words(struct search_query *q, struct search__opening *o, struct str words)
{
    for (size_t i = 0; i < q->n_opened; i++) {
        const struct search_criterion *c = q->opened[i];
        for (size_t j = 0; j < c->n_beginnings; j++) {
            struct str quoted = str_of(arena_printf(q->a, "'%.*s", STR_FMT(c->beginnings[j])));
            const char *end = words.s + words.len;
            for (const char *at = words.s; (at = memmem(at, (size_t)(end - at), quoted.s, quoted.len));) {
                const char *stop = memchr(at + 1, '\'', (size_t)(end - at) - 1);
                if (!stop)
                    break;
                size_t len = (size_t)(stop - at) - 1;
                if (at == words.s || at[-1] == ' ')
                    *ARENA_PUSH(q->a, o->words, o->n_words, o->cap_words) =
                        (struct str){arena_strndup(q->a, at + 1, len), len};
                at = stop + 1;
            }
        }
    }
}

static struct search__opening *opening_of(struct search_query *q)
{
    if (!q->opening) {
        q->opening = ARENA_NEW(q->a, struct search__opening);
        q->opening->plain = *q->tenant;
        q->opening->plain.sealed = NULL;
        q->opening->plain.text = SEARCH_TEXT_NONE;
        for (size_t i = 0; i < q->n_opened; i++)
            if (q->opened[i]->n_beginnings)
                q->opening->plain.text = q->tenant->text;
    }
    return q->opening;
}

bool search_opening_add(struct search_query *q, struct arena *scratch, int64_t k, struct str id,
                        const json *resource, struct err *err)
{
    struct search__opening *o = opening_of(q);
    struct search_index x;
    if (!search_index(q->registry, &o->plain, scratch, resource, q->types[0], q->options.base, &x, err))
        return false;
    for (size_t i = 0; i < q->n_opened; i++) {
        struct search_criterion *c = q->opened[i];
        if (!c->n_beginnings && matches(c, &x))
            *ARENA_PUSH(q->a, c->found, c->n_found, c->cap_found) =
                (struct str){arena_strndup(q->a, id.s, id.len), id.len};
    }
    if (x.words.s)
        take_words(q, o, x.words);
    struct row *row = ARENA_PUSH(q->a, o->rows, o->n, o->cap);
    *row = (struct row){k, ARENA_ARRAY(q->a, struct value, q->n_sorts)};
    for (size_t i = 0; i < q->n_sorts; i++)
        if (q->sorts[i].by == ORDER_OPENED)
            row->values[i] = value_of(q->a, &q->sorts[i], &x);
    return true;
}

/* ---- the answers --------------------------------------------------------------------------------------------- */

struct place {
    const struct value *v;
    int64_t k;
};

static int by_text(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    return compare_values(p->v, q->v, false);
}

static int by_date(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    return compare_values(p->v, q->v, true);
}

/* A cursor's value: "-" for none, or "=" and the value. */
static struct str cursor_text(struct arena *a, const struct search_sort *s, const struct value *v)
{
    if (!v->there)
        return STR("-");
    return str_of(is_date(s) ? arena_printf(a, "=%lld", (long long)v->n)
                             : arena_printf(a, "=%.*s", STR_FMT(v->s)));
}

static bool read_cursor(const struct search_sort *s, struct str text, struct value *out)
{
    *out = (struct value){.there = text.len && text.s[0] == '='};
    if (!out->there)
        return str_is(text, "-");
    out->s = (struct str){text.s + 1, text.len - 1};
    return !is_date(s) || str_int64(out->s, &out->n);
}

/* Ranks of the rows by their values, as JSON: k → place; and the place of the cursor. */
static bool rank(struct search_query *q, size_t i, struct str *at)
{
    const struct search__opening *o = q->opening;
    struct search_sort *s = &q->sorts[i];
    size_t n = 0, before = 0;
    struct value cursor;
    struct buf b;
    struct place *places = ARENA_ARRAY(q->a, struct place, o ? o->n : 0);
    for (size_t j = 0; o && j < o->n; j++)
        if (o->rows[j].values[i].there)
            places[n++] = (struct place){&o->rows[j].values[i], o->rows[j].k};
    if (n)
        qsort(places, n, sizeof *places, is_date(s) ? by_date : by_text);
    buf_init(&b, q->a, 32 * n + 2);
    buf_addc(&b, '{');
    bool given = at && read_cursor(s, *at, &cursor), met = false;
    if (at && !given)
        return false;
    for (size_t j = 0, place = 0; j < n; j++) {
        if (j && compare_values(places[j].v, places[j - 1].v, is_date(s)) != 0)
            place = j;
        buf_addf(&b, "%s\"%lld\":%zu", j ? "," : "", (long long)places[j].k, 2 * place);
        int order = given && cursor.there ? compare_values(places[j].v, &cursor, is_date(s)) : 1;
        before += order < 0;
        met |= order == 0;
    }
    buf_addc(&b, '}');
    s->ranks = buf_str(&b);
    if (given)
        *at = str_of(cursor.there ? arena_printf(q->a, "%lld", 2 * (long long)before - !met)
                     : s->desc    ? "-9223372036854775808"
                                  : "9223372036854775807");
    return true;
}

static bool rank_all(struct search_query *q, struct err *err)
{
    struct search__cursor *c = ARENA_NEW(q->a, struct search__cursor);
    *c = *q->position;
    for (size_t i = 0; i < q->n_sorts; i++)
        if (q->sorts[i].by == ORDER_OPENED && !rank(q, i, c->given ? &c->values[i] : NULL))
            return err_set(err, ERR_INVALID, "_cursor is not one that this server wrote for this search");
    q->position = c;
    return true;
}

static int by_word(const void *x, const void *y)
{
    return compare_texts(*(const struct str *)x, *(const struct str *)y);
}

static bool answer_words(struct search_query *q, struct search_criterion *c, struct err *err)
{
    struct search__opening *o = q->opening;
    size_t n = 0;
    if (o->n_words)
        qsort(o->words, o->n_words, sizeof *o->words, by_word);
    for (size_t i = 0; i < o->n_words; i++)
        if (!n || !str_eq(o->words[i], o->words[n - 1]))
            o->words[n++] = o->words[i];
    o->n_words = n;
    struct search__parse p = {.a = q->a,
                              .registry = q->registry,
                              .options = &q->options,
                              .q = q,
                              .err = err,
                              .met = true,
                              .words = o->words,
                              .n_words = n};
    struct search__arg arg = {.param = c->param, .type = q->types[0], .name = str_of(c->param->def->code)};
    const struct str text = c->text;
    struct buf all;
    buf_init(&all, q->a, 256);
    for (p.tenant = q->tenant; p.tenant; p.tenant = p.tenant == q->tenant ? q->tenant->other : NULL) {
        struct search_criterion *found = search__parse_text(&p, &arg, text);
        if (!found)
            return false;
        buf_addf(&all, "%s(%.*s)", all.len ? " | " : "", STR_FMT(found->words));
    }
    c->kind = CRIT_TEXT;
    c->words = buf_str(&all);
    return true;
}

bool search_opening_end(struct search_query *q, struct err *err)
{
    opening_of(q);
    for (size_t i = 0; i < q->n_opened; i++) {
        struct search_criterion *c = q->opened[i];
        struct str *ids = c->found;
        size_t n = c->n_found;
        if (c->n_beginnings) {
            if (!answer_words(q, c, err))
                return false;
            continue;
        }
        c->kind = n ? CRIT_ID : CRIT_NONE;
        c->ids = ids;
        c->n_ids = n;
    }
    q->n_opened = 0;
    return rank_all(q, err);
}

/* A row's cursor has places, which are of this page alone: put the values that they stand for. */
struct str search__cursor_values(const struct search_query *q, struct str row_cursor)
{
    json *array;
    struct err ignored;
    const struct search__opening *o = q->opening;
    const struct row *row = NULL;
    int64_t k = 0;
    if (!opens_order(q) || !o || !json_parse(q->a, row_cursor, 2, &array, &ignored))
        return row_cursor;
    size_t i = 0;
    json_each (v, array)
        if (i++ == q->n_sorts && json_is_string(v) && !str_int64(str_of(v->valuestring), &k))
            return row_cursor;
    for (size_t j = 0; j < o->n && !row; j++)
        row = o->rows[j].k == k ? &o->rows[j] : NULL;
    static const struct value none;
    json *out = json_array(q->a);
    i = 0;
    json_each (v, array) {
        bool opened = i < q->n_sorts && q->sorts[i].by == ORDER_OPENED;
        struct str text =
            opened ? cursor_text(q->a, &q->sorts[i], row ? &row->values[i] : &none) : str_of(v->valuestring);
        json_push(out, json_string_n(q->a, text));
        i++;
    }
    return json_text(q->a, out);
}
