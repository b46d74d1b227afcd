#include "support/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../src/terminology/internal.h"
#include "base/embed.h"

static struct err err;

void test_search_init(struct test_search *t)
{
    *t = (struct test_search){
        .tenant = {.id = 7, .key = {1, 2}, .zone = 540, .text = SEARCH_TEXT_CONTENT},
        .limits = {.count = 50, .max_count = 1000, .max_includes = 100, .total_limit = 10000}};
    arena_init(&t->a, 0);
    ck_ok(fhir_defs_load(&t->a, &t->defs, &err));
    ck_ok(conformance_definitions(&t->a, t->defs, &t->definitions, &err));
    t->codes = t->definitions;
    ck_ok(search_registry_new(&t->a, t->defs, t->definitions, &t->registry, &err));
}

void test_search_seal(struct test_search *t)
{
    ck_ok(identity_policy_new(&t->a, t->defs, (struct str){0}, &t->tenant.sealed, &err));
}

void test_search_open(struct test_search *t)
{
    struct config c;
    test_search_init(t);
    config_defaults(&c, &t->a);
    c.db_conninfo = test_conninfo();
    ck_ok(db_open(&c, &t->db, &err));
    char *schema = arena_printf(&t->a, "search_%d", (int)getpid());
    /* as the connections for searches are set */
    ck_ok(db_run(t->db, "SET client_min_messages = warning; SET plan_cache_mode = force_generic_plan", &err));
    ck_ok(db_run(t->db, arena_printf(&t->a, "CREATE SCHEMA %s; SET search_path = %s, public", schema, schema),
                 &err));
    for (const struct embed_file *f = embed_files; f->name; f++)
        if (str_starts(str_of(f->name), STR("sql/")))
            ck_ok(db_run(t->db, f->start, &err));
}

void test_search_close(struct test_search *t)
{
    if (t->db) {
        ck_ok(db_run(t->db, arena_printf(&t->a, "DROP SCHEMA search_%d CASCADE", (int)getpid()), &err));
        db_close(t->db);
    }
    arena_release(&t->a);
}

static const struct fhir_type *type_of(struct test_search *t, const json *resource)
{
    const struct fhir_type *type = fhir_type(t->defs, json_get_string(resource, "resourceType"));
    ck_assert(type && type->kind == FHIR_RESOURCE);
    return type;
}

void test_search_index(struct test_search *t, const json *resource, struct search_index *out)
{
    ck_ok(search_index(t->registry, &t->tenant, &t->a, resource, type_of(t, resource), STR(TEST_SEARCH_BASE),
                       out, &err));
}

static void run(struct test_search *t, struct sql *q)
{
    if (!db_exec(t->db, &t->a, q, NULL, &err))
        ck_abort_msg("%s [%s] in %s", err.msg, err.detail, q->text.s);
}

/* A lane's 0 is NULL in the row. */
static int lane(struct sql *q, int64_t v)
{
    return v ? sql_int8(q, v) : sql_null(q, SQL_INT8);
}

void test_search_delete(struct test_search *t, const char *type, const char *id)
{
    struct sql q;
    sql_init(&q, &t->a, NULL);
    int tenant = sql_int4(&q, t->tenant.id), rtype = sql_int2(&q, (int16_t)fhir_type(t->defs, type)->id);
    int rid = sql_text(&q, str_of(id));
    sql_adds(&q, "WITH gone AS (DELETE FROM res");
    sql_addf(&q, " WHERE tenant = $%d AND rtype = $%d AND rid = $%d RETURNING k)", tenant, rtype, rid);
    sql_addf(&q,
             ", held AS (DELETE FROM contained USING gone WHERE tenant = $%d AND ck = gone.k RETURNING "
             "contained.k)"
             ", old AS (SELECT k FROM gone UNION ALL SELECT k FROM held)",
             tenant);
    static const char *const sides[] = {"idx_str", "idx_date", "idx_num", "idx_ovf", "idx_text"};
    for (int i = 0; i < 5; i++)
        sql_addf(&q, ", d%d AS (DELETE FROM %s USING old WHERE tenant = $%d AND %s.k = old.k)", i, sides[i],
                 tenant, sides[i]);
    sql_adds(&q, " SELECT 1");
    run(t, &q);
}

static void put_row(struct test_search *t, const struct search_index *x, const struct fhir_type *type,
                    struct str id, struct str content, int64_t k)
{
    struct sql q;
    sql_init(&q, &t->a, NULL);
    sql_adds(&q, "INSERT INTO res (xid, lu, k, h, dt, dt_hi, pat, code, cat, ix, tenant, ver, rtype, q, "
                 "q_standard, q_unit, rid, labels, keys, content) VALUES (pg_current_xact_id(), ");
    sql_addf(&q, "timestamptz '2020-01-01T00:00:00Z' + $%d * interval '1 s', $%d, $%d, ", sql_int8(&q, k),
             sql_int8(&q, k), sql_int8(&q, x->h));
    sql_addf(&q, "$%d, $%d, $%d, $%d, ", sql_int8(&q, x->dt), sql_int8(&q, x->dt_hi), lane(&q, x->pat),
             lane(&q, x->code));
    sql_addf(&q, "$%d, $%d, $%d, 1, $%d, ", lane(&q, x->cat), sql_int8(&q, x->ix), sql_int4(&q, t->tenant.id),
             sql_int2(&q, (int16_t)type->id));
    sql_addf(&q, "$%d, $%d, $%d, ", x->q.s ? sql_numeric(&q, x->q) : sql_null(&q, SQL_NUMERIC),
             x->q_standard.s ? sql_numeric(&q, x->q_standard) : sql_null(&q, SQL_NUMERIC),
             lane(&q, x->q_unit));
    sql_addf(&q, "$%d, $%d, $%d, $%d)", sql_text(&q, id), sql_int8_array(&q, x->labels, x->n_labels),
             sql_int8_array(&q, x->keys, x->n_keys), sql_text(&q, content));
    run(t, &q);
}

/* negative: of a contained resource */
static void put_sides(struct test_search *t, const struct search_index *x, int16_t id, int64_t k)
{
    struct sql q;
#define ROW(table, columns, ...)                                                                             \
    do {                                                                                                     \
        sql_init(&q, &t->a, NULL);                                                                           \
        sql_addf(&q, "INSERT INTO " table " (tenant, rtype, " columns ") VALUES ($%d, $%d",                  \
                 sql_int4(&q, t->tenant.id), sql_int2(&q, id));                                              \
        const int values[] = {__VA_ARGS__};                                                                  \
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)                                        \
            sql_addf(&q, ", $%d", values[v]);                                                                \
        sql_adds(&q, ") ON CONFLICT DO NOTHING");                                                            \
        run(t, &q);                                                                                          \
    } while (0)
    for (size_t i = 0; i < x->n_strs; i++)
        ROW("idx_str", "k, dt, param, val, raw, grams", sql_int8(&q, k), sql_int8(&q, x->dt),
            sql_int4(&q, x->strs[i].param), sql_text(&q, x->strs[i].val),
            x->strs[i].raw.s ? sql_text(&q, x->strs[i].raw) : sql_null(&q, SQL_TEXT),
            x->strs[i].grams ? sql_int8_array(&q, x->strs[i].grams, x->strs[i].n_grams)
                             : sql_null(&q, SQL_INT8_ARRAY));
    for (size_t i = 0; i < x->n_dates; i++)
        ROW("idx_date", "k, param, lo, hi", sql_int8(&q, k), sql_int4(&q, x->dates[i].param),
            sql_int8(&q, x->dates[i].lo), sql_int8(&q, x->dates[i].hi));
    for (size_t i = 0; i < x->n_nums; i++)
        ROW("idx_num", "k, dt, param, lo, hi, sc, c, u, tok, slo, shi", sql_int8(&q, k), sql_int8(&q, x->dt),
            sql_int4(&q, x->nums[i].param), sql_numeric(&q, x->nums[i].lo), sql_numeric(&q, x->nums[i].hi),
            sql_int8(&q, x->nums[i].sc), sql_int8(&q, x->nums[i].c), sql_int8(&q, x->nums[i].u),
            sql_int8(&q, x->nums[i].tok),
            x->nums[i].slo.s ? sql_numeric(&q, x->nums[i].slo) : sql_null(&q, SQL_NUMERIC),
            x->nums[i].shi.s ? sql_numeric(&q, x->nums[i].shi) : sql_null(&q, SQL_NUMERIC));
    if (x->words.s) {
        sql_init(&q, &t->a, NULL);
        sql_addf(&q, "INSERT INTO idx_text VALUES ($%d, $%d, $%d, $%d::tsvector)", sql_int8(&q, k),
                 sql_int4(&q, t->tenant.id), sql_int2(&q, id), sql_text(&q, x->words));
        run(t, &q);
    }
    for (size_t i = 0; i < x->n_ovfs; i++)
        ROW("idx_ovf", "k, lane, val, dt", sql_int8(&q, k), sql_int2(&q, x->ovfs[i].lane),
            sql_int8(&q, x->ovfs[i].val), sql_int8(&q, x->dt));
    id = (int16_t)abs(id);
    for (size_t i = 0; i < x->n_dicts; i++)
        ROW("idx_dict", "param, kind, key, val", sql_int4(&q, x->dicts[i].param),
            sql_int2(&q, x->dicts[i].kind), sql_int8(&q, x->dicts[i].key), sql_text(&q, x->dicts[i].val));
#undef ROW
}

static void put_contained(struct test_search *t, const struct search_contained *c, int64_t container)
{
    struct sql q;
    const struct search_index *x = &c->index;
    int64_t k = ++t->k;
    sql_init(&q, &t->a, NULL);
    sql_adds(&q, "INSERT INTO contained (k, ck, h, dt, dt_hi, pat, code, cat, tenant, rtype, q, q_standard, "
                 "q_unit, rid, "
                 "keys) VALUES (");
    sql_addf(&q, "$%d, $%d, $%d, $%d, $%d, ", sql_int8(&q, k), sql_int8(&q, container), sql_int8(&q, x->h),
             sql_int8(&q, x->dt), sql_int8(&q, x->dt_hi));
    sql_addf(&q, "$%d, $%d, $%d, $%d, $%d, ", lane(&q, x->pat), lane(&q, x->code), lane(&q, x->cat),
             sql_int4(&q, t->tenant.id), sql_int2(&q, (int16_t)c->type->id));
    sql_addf(&q, "$%d, $%d, $%d, ", x->q.s ? sql_numeric(&q, x->q) : sql_null(&q, SQL_NUMERIC),
             x->q_standard.s ? sql_numeric(&q, x->q_standard) : sql_null(&q, SQL_NUMERIC),
             lane(&q, x->q_unit));
    sql_addf(&q, "$%d, $%d)", sql_text(&q, c->id), sql_int8_array(&q, x->keys, x->n_keys));
    run(t, &q);
    put_sides(t, x, (int16_t)-c->type->id, k);
}

/* What a query may ask of codes: these, too. */
static void add_codes(struct test_search *t, const json *resource)
{
    ck_ok(conformance_view_with(&t->a, t->codes, &resource, 1, &t->codes, &err));
}

void test_search_put(struct test_search *t, const json *resource)
{
    add_codes(t, resource);
    struct search_index x;
    const struct fhir_type *type = type_of(t, resource);
    const char *id = json_get_string(resource, "id");
    test_search_index(t, resource, &x);
    test_search_delete(t, type->name, id);
    int64_t k = ++t->k;
    put_row(t, &x, type, str_of(id), json_text(&t->a, resource), k);
    put_sides(t, &x, (int16_t)type->id, k);
    for (size_t i = 0; i < x.n_contained; i++)
        put_contained(t, &x.contained[i], k);
}

static struct search_arg *args_of(struct test_search *t, struct str query, size_t *n)
{
    struct search_arg *args = NULL;
    size_t cap = 0;
    *n = 0;
    for (struct str rest = query; rest.s;) {
        struct str value, name = str_cut(str_cut(rest, '&', &rest), '=', &value);
        struct search_arg arg = {.value = STR("")};
        ck_assert(str_percent_decode(&t->a, name, true, &arg.name));
        ck_assert(!value.s || str_percent_decode(&t->a, value, true, &arg.value));
        *ARENA_PUSH(&t->a, args, *n, cap) = arg;
    }
    return args;
}

bool test_search_parse(struct test_search *t, const char *url, struct search_query **out, struct err *e)
{
    struct search_options o = {.limits = t->limits,
                               .text = SEARCH_TEXT_CONTENT,
                               .opens = 1000,
                               .base = STR(TEST_SEARCH_BASE),
                               .terminology = t->codes};
    struct str query, id, rest, path = str_cut(str_of(url), '?', &query);
    struct str type = str_cut(path, '/', &id);
    if (id.s) { /* Patient/1/Observation, Patient/1 (all types) */
        o.compartment = fhir_resource(t->defs, type);
        o.compartment_id = str_cut(id, '/', &rest);
        type = rest;
    }
    if (type.len)
        o.type = fhir_resource(t->defs, type);
    ck_assert_msg(!type.len || o.type, "%s", url);
    size_t n = 0;
    struct search_arg *args = query.len ? args_of(t, query, &n) : NULL;
    return search_parse(t->registry, &t->tenant, &t->a, args, n, &o, out, e);
}

static struct str cursor_of(const struct search_query *q, const struct db_rows *rows, int row, int64_t total,
                            enum search_direction direction)
{
    return search_cursor(q, db_text(rows, row, SEARCH_CURSOR), db_text(rows, row, SEARCH_SNAPSHOT), total,
                         direction);
}

/* Contents are not sealed here: index values alone are. */
static bool open_rows(struct test_search *t, struct search_query *q, struct err *e)
{
    struct sql sql;
    const struct db_rows *rows;
    search_opening_plan(q, &t->stats, &sql);
    if (!db_exec(t->db, &t->a, &sql, &rows, e))
        return false;
    for (int i = 0; i < db_count(rows) && !db_null(rows, i, SEARCH_RTYPE); i++)
        if (!search_opening_add(q, &t->a, db_int8(rows, i, SEARCH_K), db_text(rows, i, SEARCH_RID),
                                test_json(&t->a, db_text(rows, i, SEARCH_CONTENT).s), e))
            return false;
    return search_opening_end(q, e);
}

bool test_search_page(struct test_search *t, struct search_query *q, struct test_page *out, struct err *e)
{
    struct sql sql;
    const struct db_rows *rows;
    struct buf ids;
    if (search_opens(q) && !open_rows(t, q, e))
        return false;
    search_plan(q, &t->stats, &sql);
    if (!db_exec(t->db, &t->a, &sql, &rows, e)) {
        printf("in: %s\n", sql.text.s);
        return false;
    }
    *out = (struct test_page){.total = -1};
    buf_init(&ids, &t->a, 64);
    int n = db_count(rows);
    if (n == 0)
        out->total = search_total_of_none(q);
    else if (!db_null(rows, 0, SEARCH_TOTAL))
        out->total = db_int8(rows, 0, SEARCH_TOTAL);
    bool back = search_direction(q) == SEARCH_BEFORE, more = n > q->count;
    for (int i = back && more; i < n && (back || i < q->count) && !db_null(rows, i, SEARCH_RTYPE); i++) {
        ck_assert_int_eq(db_int4(rows, i, SEARCH_TENANT), t->tenant.id);
        const struct fhir_type *type = fhir_resource_by_id(t->defs, db_int2(rows, i, SEARCH_RTYPE));
        buf_adds(&ids, out->n++ ? " " : "");
        if (q->n_types != 1)
            buf_addf(&ids, "%s/", type->name);
        buf_addstr(&ids, db_text(rows, i, SEARCH_RID));
        if (q->contained && !db_null(rows, i, SEARCH_FRAGMENT))
            buf_addf(&ids, "#%s", db_text(rows, i, SEARCH_FRAGMENT).s);
    }
    out->ids = buf_str(&ids);
    if (more && q->count)
        *(back ? &out->previous : &out->next) =
            cursor_of(q, rows, back ? 1 : q->count - 1, out->total, back ? SEARCH_BEFORE : SEARCH_AFTER);
    if (out->n && q->cursor.len)
        *(back ? &out->next : &out->previous) =
            cursor_of(q, rows, back ? n - 1 : 0, out->total, back ? SEARCH_AFTER : SEARCH_BEFORE);
    return true;
}

struct str test_search_explain(struct test_search *t, const struct search_query *q)
{
    struct sql search, sql;
    const struct db_rows *rows;
    struct buf out;
    search_plan(q, &t->stats, &search);
    search.name = arena_printf(&t->a, "explained%d", t->explained++);
    if (!db_exec(t->db, &t->a, &search, &rows, &err))
        ck_abort_msg("%s [%s] in %s", err.msg, err.detail, search.text.s);
    sql_init(&sql, &t->a, NULL);
    sql_addf(&sql, "EXPLAIN (COSTS OFF) EXECUTE %s", search.name);
    for (size_t i = 0; i < search.n; i++)
        sql_adds(&sql, i ? ", NULL" : "(NULL");
    sql_adds(&sql, search.n ? ")" : "");
    if (!db_exec(t->db, &t->a, &sql, &rows, &err))
        ck_abort_msg("%s [%s] in %s", err.msg, err.detail, search.text.s);
    buf_init(&out, &t->a, 1024);
    for (int i = 0; i < db_count(rows); i++)
        buf_addf(&out, "%.*s\n", STR_FMT(db_text(rows, i, 0)));
    return buf_str(&out);
}
