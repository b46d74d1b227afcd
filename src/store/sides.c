/*
 * The side tables of the search index as parts of the statements that write: their rows as columns, what inserts them
 * and what takes them away. Rows travel as one array a column, so one text serves any number of them.
 */
#include <stdlib.h>

#include "internal.h"

enum side { SIDE_STR, SIDE_DATE, SIDE_NUM, SIDE_OVF, SIDE_TEXT, SIDE_CONTAINED, SIDE_DICT };

void store__put_int(struct arena *a, struct store__column *c, int64_t v)
{
    switch (c->type) {
    case SQL_INT2_ARRAY:
        *ARENA_PUSH(a, c->int2, c->n, c->cap) = (int16_t)v;
        break;
    case SQL_INT4_ARRAY:
        *ARENA_PUSH(a, c->int4, c->n, c->cap) = (int32_t)v;
        break;
    default:
        *ARENA_PUSH(a, c->int8, c->n, c->cap) = v;
    }
}

void store__put_str(struct arena *a, struct store__column *c, struct str v)
{
    *ARENA_PUSH(a, c->str, c->n, c->cap) = v;
}

/* Adds "$n::type[]". */
static void add_column(struct sql *q, const struct store__column *c)
{
    switch (c->type) {
    case SQL_INT2_ARRAY:
        sql_addf(q, "$%d::int2[]", sql_int2_array(q, c->int2, c->n));
        break;
    case SQL_INT4_ARRAY:
        sql_addf(q, "$%d::int4[]", sql_int4_array(q, c->int4, c->n));
        break;
    case SQL_INT8_ARRAY:
        sql_addf(q, "$%d::int8[]", sql_int8_array(q, c->int8, c->n));
        break;
    case SQL_BYTEA_ARRAY:
        sql_addf(q, "$%d::bytea[]", sql_bytea_array(q, c->str, c->n));
        break;
    case SQL_NUMERIC_ARRAY:
        sql_addf(q, "$%d::numeric[]", sql_numeric_array(q, c->str, c->n));
        break;
    default:
        sql_addf(q, "$%d::text[]", sql_text_array(q, c->str, c->n));
    }
}

void store__add_unnest(struct sql *q, const struct store__column *c, int n)
{
    sql_adds(q, "unnest(");
    for (int i = 0; i < n; i++) {
        sql_adds(q, i ? ", " : "");
        add_column(q, &c[i]);
    }
    sql_adds(q, ")");
}

/* ---- side tables
 * --------------------------------------------------------------------------------------------- */

/* A resource, or one that it contains. */
struct row_source {
    struct arena *a;
    const struct search_index *index;
    int64_t k;    /* 0: the statement will know it, by */
    int64_t n;    /* the place of its resource, from 1 */
    int16_t type; /* negative: contained, and then */
    int64_t container;
    struct str id;
};

static struct str array_text(struct arena *a, const int64_t *v, size_t n)
{
    struct buf b;
    buf_init(&b, a, 16 + 21 * n);
    buf_addc(&b, '{');
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%lld", i ? "," : "", (long long)v[i]);
    buf_addc(&b, '}');
    return buf_str(&b);
}

/* The first column of these tables is k. */
static void collect_strs(struct row_source *r, struct store__column *c)
{
    for (size_t i = 0; i < r->index->n_strs; i++) {
        const struct search_index_str *x = &r->index->strs[i];
        store__put_int(r->a, &c[0], r->k);
        store__put_int(r->a, &c[1], r->type);
        store__put_int(r->a, &c[2], x->param);
        store__put_str(r->a, &c[3], x->val);
        store__put_str(r->a, &c[4], x->raw);
        store__put_int(r->a, &c[5], r->index->dt);
        store__put_str(r->a, &c[6], x->grams ? array_text(r->a, x->grams, x->n_grams) : (struct str){0});
    }
}

static void collect_dates(struct row_source *r, struct store__column *c)
{
    for (size_t i = 0; i < r->index->n_dates; i++) {
        const struct search_index_date *x = &r->index->dates[i];
        store__put_int(r->a, &c[0], r->k);
        store__put_int(r->a, &c[1], r->type);
        store__put_int(r->a, &c[2], x->param);
        store__put_int(r->a, &c[3], x->lo);
        store__put_int(r->a, &c[4], x->hi);
    }
}

static void collect_nums(struct row_source *r, struct store__column *c)
{
    for (size_t i = 0; i < r->index->n_nums; i++) {
        const struct search_index_num *x = &r->index->nums[i];
        store__put_int(r->a, &c[0], r->k);
        store__put_int(r->a, &c[1], r->type);
        store__put_int(r->a, &c[2], x->param);
        store__put_str(r->a, &c[3], x->lo);
        store__put_str(r->a, &c[4], x->hi);
        store__put_int(r->a, &c[5], x->sc);
        store__put_int(r->a, &c[6], x->c);
        store__put_int(r->a, &c[7], x->u);
        store__put_int(r->a, &c[8], x->tok);
        store__put_str(r->a, &c[9], x->slo);
        store__put_str(r->a, &c[10], x->shi);
        store__put_int(r->a, &c[11], r->index->dt);
    }
}

static void collect_ovfs(struct row_source *r, struct store__column *c)
{
    for (size_t i = 0; i < r->index->n_ovfs; i++) {
        const struct search_index_ovf *x = &r->index->ovfs[i];
        store__put_int(r->a, &c[0], r->k);
        store__put_int(r->a, &c[1], r->type);
        store__put_int(r->a, &c[2], x->lane);
        store__put_int(r->a, &c[3], x->val);
        store__put_int(r->a, &c[4], r->index->dt);
    }
}

static void collect_texts(struct row_source *r, struct store__column *c)
{
    if (!r->index->words.s)
        return;
    store__put_int(r->a, &c[0], r->k);
    store__put_int(r->a, &c[1], r->type);
    store__put_str(r->a, &c[2], r->index->words);
}

static void collect_contained(struct row_source *r, struct store__column *c)
{
    const struct search_index *x = r->index;
    if (r->type > 0)
        return;
    store__put_int(r->a, &c[0], r->k);
    store__put_int(r->a, &c[1], r->container);
    store__put_int(r->a, &c[2], -r->type);
    store__put_str(r->a, &c[3], r->id);
    const int64_t lanes[] = {x->h, x->dt, x->dt_hi, x->pat, x->code, x->cat, x->q_unit};
    for (int i = 0; i < 7; i++)
        store__put_int(r->a, &c[4 + i], lanes[i]);
    store__put_str(r->a, &c[11], x->q);
    store__put_str(r->a, &c[12], x->q_standard);
    store__put_str(r->a, &c[13], array_text(r->a, x->keys, x->n_keys));
}

/* What becomes of a column's value u.c<n>. */
enum form { AS_IS, OWN_K, LANE, WORDS, KEYS };

static const struct {
    const char *before, *after;
} forms[] = {
    [AS_IS] = {"u.c", ""},
    [LANE] = {"nullif(u.c", ", 0)"},
    [WORDS] = {"u.c", "::tsvector"},
    [KEYS] = {"u.c", "::int8[]"}, /* arrays of arrays do not unnest: each travels as a text */
};

static const struct side_table {
    const char *name, *columns;
    void (*collect)(struct row_source *r, struct store__column *c);
    int n;
    struct {
        enum sql_type type;
        enum form form;
    } of[STORE__SIDE_COLUMNS];
} side_tables[STORE__SIDES] = {
    [SIDE_STR] = {"idx_str",
                  "k, rtype, param, val, raw, dt, grams",
                  collect_strs,
                  7,
                  {{SQL_INT8_ARRAY, OWN_K},
                   {SQL_INT2_ARRAY},
                   {SQL_INT4_ARRAY},
                   {SQL_TEXT_ARRAY},
                   {SQL_TEXT_ARRAY},
                   {SQL_INT8_ARRAY},
                   {SQL_TEXT_ARRAY, KEYS}}},
    [SIDE_DATE] =
        {"idx_date",
         "k, rtype, param, lo, hi",
         collect_dates,
         5,
         {{SQL_INT8_ARRAY, OWN_K}, {SQL_INT2_ARRAY}, {SQL_INT4_ARRAY}, {SQL_INT8_ARRAY}, {SQL_INT8_ARRAY}}},
    [SIDE_NUM] = {"idx_num",
                  "k, rtype, param, lo, hi, sc, c, u, tok, slo, shi, dt",
                  collect_nums,
                  12,
                  {{SQL_INT8_ARRAY, OWN_K},
                   {SQL_INT2_ARRAY},
                   {SQL_INT4_ARRAY},
                   {SQL_NUMERIC_ARRAY},
                   {SQL_NUMERIC_ARRAY},
                   {SQL_INT8_ARRAY},
                   {SQL_INT8_ARRAY},
                   {SQL_INT8_ARRAY},
                   {SQL_INT8_ARRAY},
                   {SQL_NUMERIC_ARRAY},
                   {SQL_NUMERIC_ARRAY},
                   {SQL_INT8_ARRAY}}},
    [SIDE_OVF] =
        {"idx_ovf",
         "k, rtype, lane, val, dt",
         collect_ovfs,
         5,
         {{SQL_INT8_ARRAY, OWN_K}, {SQL_INT2_ARRAY}, {SQL_INT2_ARRAY}, {SQL_INT8_ARRAY}, {SQL_INT8_ARRAY}}},
    [SIDE_TEXT] = {"idx_text",
                   "k, rtype, v",
                   collect_texts,
                   3,
                   {{SQL_INT8_ARRAY, OWN_K}, {SQL_INT2_ARRAY}, {SQL_TEXT_ARRAY, WORDS}}},
    [SIDE_CONTAINED] = {"contained",
                        "k, ck, rtype, rid, h, dt, dt_hi, pat, code, cat, q_unit, q, q_standard, keys",
                        collect_contained,
                        14,
                        {{SQL_INT8_ARRAY},
                         {SQL_INT8_ARRAY, OWN_K},
                         {SQL_INT2_ARRAY},
                         {SQL_TEXT_ARRAY},
                         {SQL_INT8_ARRAY},
                         {SQL_INT8_ARRAY},
                         {SQL_INT8_ARRAY},
                         {SQL_INT8_ARRAY, LANE},
                         {SQL_INT8_ARRAY, LANE},
                         {SQL_INT8_ARRAY, LANE},
                         {SQL_INT8_ARRAY, LANE},
                         {SQL_NUMERIC_ARRAY},
                         {SQL_NUMERIC_ARRAY},
                         {SQL_TEXT_ARRAY, KEYS}}},
    [SIDE_DICT] =
        {"idx_dict",
         "rtype, param, kind, key, val",
         NULL, /* collect_words() */
         5,
         {{SQL_INT2_ARRAY}, {SQL_INT4_ARRAY}, {SQL_INT2_ARRAY}, {SQL_INT8_ARRAY}, {SQL_TEXT_ARRAY}}},
};

/* ", s<t> AS (INSERT INTO table … SELECT … FROM [own JOIN ]unnest(…) u(c0, …)[ ON u.n = own.n]". own: has the k that
 * stands for one of 0. */
static void add_insert(struct sql *q, enum side side, const struct store__column *columns, int tenant,
                       const char *own)
{
    const struct side_table *t = &side_tables[side];
    sql_addf(q, ", s%d AS (INSERT INTO %s (tenant, %s) SELECT $%d", side, t->name, t->columns, tenant);
    for (int c = 0; c < t->n; c++) {
        enum form form = t->of[c].form;
        if (form == OWN_K && own)
            sql_addf(q, ", coalesce(nullif(u.c%d, 0), %s.k)", c, own);
        else
            sql_addf(q, ", %s%d%s", forms[form == OWN_K ? AS_IS : form].before, c,
                     forms[form == OWN_K ? AS_IS : form].after);
    }
    sql_adds(q, " FROM ");
    if (own)
        sql_addf(q, "%s JOIN ", own);
    store__add_unnest(q, columns, own ? t->n + 1 : t->n);
    sql_adds(q, " u(");
    for (int c = 0; c < t->n; c++)
        sql_addf(q, "%sc%d", c ? ", " : "", c);
    sql_adds(q, own ? ", n" : "");
    sql_adds(q, ")");
    if (own)
        sql_addf(q, " ON u.n = %s.n", own);
}

void store__add_inserts(struct sql *q, const struct store__sides *sides, int tenant, const char *own,
                        const char *changed)
{
    for (int t = 0; t < STORE__SIDES; t++) {
        if (!(sides->present & 1u << t))
            continue;
        add_insert(q, t, sides->columns[t], tenant, t == SIDE_DICT ? NULL : own);
        sql_addf(q, "%s)", t == SIDE_DICT ? " ON CONFLICT DO NOTHING" : changed);
    }
}

void store__add_deletes(struct sql *q, int tenant, const char *from, const char *where)
{
    sql_addf(
        q,
        ", g AS (DELETE FROM contained x USING %s WHERE x.tenant = $%d AND x.ck = %s.k%s RETURNING x.k), "
        "o AS (SELECT k FROM %s WHERE true%s UNION ALL SELECT k FROM g)",
        from, tenant, from, where, from, where);
    for (int t = 0; t < STORE__SIDES; t++)
        if (t != SIDE_DICT && t != SIDE_CONTAINED)
            sql_addf(q, ", d%d AS (DELETE FROM %s x USING o WHERE x.tenant = $%d AND x.k = o.k)", t,
                     side_tables[t].name, tenant);
}

/* A value that the dictionary may lack. */
struct word {
    int16_t rtype;
    const struct search_index_dict *dict;
};

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int by_key(const void *x, const void *y)
{
    const struct word *a = x, *b = y;
    int order = ORDER(a->rtype, b->rtype);
    order = order ? order : ORDER(a->dict->param, b->dict->param);
    order = order ? order : ORDER(a->dict->kind, b->dict->kind);
    return order ? order : ORDER(a->dict->key, b->dict->key);
}

/* The resource itself (0) and those that it contains (1 and on). */
static const struct search_index *part(const struct store_write *w, size_t i, const struct fhir_type **type)
{
    *type = i ? w->index.contained[i - 1].type : w->type;
    return i ? &w->index.contained[i - 1].index : &w->index;
}

/* In the order of the primary key: an insert waits for another one's uncommitted value, and writers that bring the
 * same values would wait for each other in a circle. */
static void collect_words(struct store *s, struct arena *a, struct store_write *const *w, size_t n,
                          struct store__column *c)
{
    struct word *words = NULL;
    size_t n_words = 0, cap = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= w[i]->index.n_contained; j++) {
            const struct fhir_type *type;
            const struct search_index *x = part(w[i], j, &type);
            for (size_t d = 0; d < x->n_dicts; d++)
                if (!store__known_has(&s->known, store__dict_id(type, &x->dicts[d])))
                    *ARENA_PUSH(a, words, n_words, cap) = (struct word){(int16_t)type->id, &x->dicts[d]};
        }
    if (n_words)
        qsort(words, n_words, sizeof *words, by_key);
    for (size_t i = 0; i < n_words; i++) {
        if (i > 0 && by_key(&words[i - 1], &words[i]) == 0)
            continue;
        store__put_int(a, &c[0], words[i].rtype);
        store__put_int(a, &c[1], words[i].dict->param);
        store__put_int(a, &c[2], words[i].dict->kind);
        store__put_int(a, &c[3], words[i].dict->key);
        store__put_str(a, &c[4], words[i].dict->val);
    }
}

/* The table's rows, and behind its columns that of the places. */
static void collect(struct row_source *r, enum side side, struct store__column *columns)
{
    struct store__column *n = &columns[side_tables[side].n];
    side_tables[side].collect(r, columns);
    while (n->n < columns[0].n)
        store__put_int(r->a, n, r->n);
}

struct store__sides *store__collect_sides(struct store *s, struct arena *a, struct store_write *const *w,
                                          size_t n, bool known_k, bool words)
{
    struct store__sides *sides = ARENA_NEW(a, struct store__sides);
    for (int t = 0; t < STORE__SIDES; t++) {
        for (int c = 0; c < side_tables[t].n; c++)
            sides->columns[t][c].type = side_tables[t].of[c].type;
        sides->columns[t][side_tables[t].n].type = SQL_INT4_ARRAY;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t own = known_k ? w[i]->k : 0;
        struct row_source r = {
            .a = a, .index = &w[i]->index, .k = own, .n = w[i]->n, .type = (int16_t)w[i]->type->id};
        for (size_t j = 0; j <= w[i]->index.n_contained; j++) {
            if (j > 0) {
                const struct search_contained *c = &w[i]->index.contained[j - 1];
                r = (struct row_source){a,   &c->index, store__next_k(s), w[i]->n, (int16_t)-c->type->id,
                                        own, c->id};
            }
            for (int t = 0; t < STORE__SIDES; t++)
                if (side_tables[t].collect)
                    collect(&r, t, sides->columns[t]);
        }
    }
    if (words)
        collect_words(s, a, w, n, sides->columns[SIDE_DICT]);
    for (int t = 0; t < STORE__SIDES; t++)
        sides->present |= (unsigned)(sides->columns[t][0].n > 0) << t;
    return sides;
}

bool store_words_plan(struct store *s, struct store_write *const *w, size_t n, struct sql *q)
{
    const struct side_table *t = &side_tables[SIDE_DICT];
    struct store__column columns[STORE__SIDE_COLUMNS] = {0};
    for (int c = 0; c < t->n; c++)
        columns[c].type = t->of[c].type;
    collect_words(s, q->a, w, n, columns);
    if (columns[0].n == 0)
        return false;
    sql_init(q, q->a, "words");
    sql_addf(q, "INSERT INTO %s (tenant, %s) SELECT $%d, u.* FROM ", t->name, t->columns,
             sql_int4(q, s->tenant.id));
    store__add_unnest(q, columns, t->n);
    sql_adds(q, " u ON CONFLICT DO NOTHING");
    return true;
}

void store_committed(struct store *s, struct store_write *const *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= w[i]->index.n_contained; j++) {
            const struct fhir_type *type;
            const struct search_index *x = part(w[i], j, &type);
            for (size_t d = 0; d < x->n_dicts; d++)
                store__known_add(&s->known, store__dict_id(type, &x->dicts[d]));
        }
}
