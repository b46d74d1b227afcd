#include "support/database.h"

#include <unistd.h>

static struct err err;
static struct config admin;
static const char *name;

static void run_admin(const char *text)
{
    struct db_conn *c;
    ck_ok(db_open(&admin, &c, &err));
    ck_ok(db_run(c, text, &err));
    db_close(c);
}

const char *test_database_new(struct arena *a)
{
    static int made;
    struct config own;
    struct db_conn *c;
    config_defaults(&admin, a);
    admin.db_conninfo = test_conninfo();
    name = arena_printf(a, "kagari_%d_%d", (int)getpid(), made++);
    run_admin(arena_printf(a, "CREATE DATABASE %s", name));
    own = admin;
    own.db_conninfo = arena_printf(a, "%s dbname=%s", admin.db_conninfo, name);
    ck_ok(db_open(&own, &c, &err));
    ck_ok(db_run(c, "SET client_min_messages = warning", &err));
    ck_ok(db_migrate(c, NULL, &err));
    db_close(c);
    return own.db_conninfo;
}

void test_database_drop(void)
{
    struct arena a;
    arena_init(&a, 0);
    run_admin(arena_printf(&a, "DROP DATABASE %s WITH (FORCE)", name));
    arena_release(&a);
}

const struct db_rows *test_ask(struct db_conn *c, struct arena *a, const char *text)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, a, NULL);
    sql_adds(&q, text);
    ck_ok(db_exec(c, a, &q, &rows, &err));
    return rows;
}

int64_t test_count(struct db_conn *c, struct arena *a, const char *text)
{
    const struct db_rows *rows = test_ask(c, a, text);
    ck_assert_int_eq(db_count(rows), 1);
    return db_int8(rows, 0, 0);
}

struct str test_index_rows(struct db_conn *c, struct arena *a, const char *rid)
{
    static const struct {
        const char *table, *columns;
    } sides[] = {{"idx_str", "x.rtype, x.param, x.val, x.raw, x.dt, x.grams"},
                 {"idx_date", "x.rtype, x.param, x.lo, x.hi"},
                 {"idx_num", "x.rtype, x.param, x.lo, x.hi, x.sc, x.c, x.u, x.tok, x.slo, x.shi, x.dt"},
                 {"idx_ovf", "x.rtype, x.lane, x.val, x.dt"},
                 {"idx_text", "x.rtype, x.v"},
                 {"contained", "x.rtype, x.rid, x.h, x.dt, x.dt_hi, x.pat, x.code, x.cat, x.q, x.q_standard, "
                               "x.q_unit, x.keys"}};
    struct buf b;
    buf_init(&b, a, 1024);
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const char *text = arena_printf(a,
                                        "SELECT coalesce(string_agg(t, '; ' ORDER BY t), '') FROM (SELECT "
                                        "row(%s)::text AS t FROM %s x JOIN (SELECT k, rid FROM res UNION ALL "
                                        "SELECT c.k, r.rid FROM contained c JOIN res r ON r.k = c.ck) r "
                                        "ON r.k = x.k WHERE r.rid = '%s') y",
                                        sides[i].columns, sides[i].table, rid);
        buf_addf(&b, "%s: %s\n", sides[i].table, db_text(test_ask(c, a, text), 0, 0).s);
    }
    return buf_str(&b);
}
