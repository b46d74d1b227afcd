/*
 * The plans that PostgreSQL makes of the statements, on enough rows for a wrong one to be wrong: no shape of search
 * may read a whole table.
 */
#include <stdio.h>

#include "support/search.h"

#define PATIENTS  300
#define TEMPLATES 200 /* observations that are really indexed … */
#define COPIES    250 /* … and rows made of each */

static struct test_search t;
static struct err err;

static void put_patient(int i)
{
    test_search_put(
        &t,
        test_json(&t.a, arena_printf(&t.a,
                                     "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"gender\":\"%s\","
                                     "\"birthDate\":\"%d-01-01\",\"name\":[{\"family\":\"Name%d\"}],"
                                     "\"identifier\":[{\"system\":\"http://i.example\",\"value\":\"%d\"}]}",
                                     i, i % 2 ? "male" : "female", 1930 + i % 80, i, i)));
}

static struct search_index put_template(int i)
{
    const char *text = arena_printf(
        &t.a,
        "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"status\":\"%s\",\"subject\":{\"reference\":"
        "\"Patient/p%d\"},"
        "\"category\":[{\"coding\":[{\"system\":\"http://c.example\",\"code\":\"%s\"}]}],"
        "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"c%d\",\"display\":\"Code %d\"},"
        "{\"code\":\"second%d\"}]},\"performer\":[{\"reference\":\"Practitioner/d%d\"}],"
        "\"effectiveDateTime\":\"20%02d-01-01\",\"valueQuantity\":{\"value\":%d,\"unit\":\"mg\"},"
        "\"valueString\":\"text %d\"}",
        i, i % 50 ? "final" : "amended", i % PATIENTS, i % 2 ? "laboratory" : "vital-signs", i % 7, i % 7,
        i % 11, i % 40, i % 25, i, i);
    const json *resource = test_json(&t.a, text);
    struct search_index x;
    test_search_put(&t, resource);
    test_search_index(&t, resource, &x);
    return x;
}

/* Copies of the newest row, a day apart, with their side rows. */
static void copy_newest(void)
{
    const char *text = arena_printf(
        &t.a,
        "INSERT INTO res SELECT k * 1000 + g, h + g, xid, lu + g * interval '1 s', dt + g * 86400000000,"
        " dt_hi + g * 86400000000, pat, code, cat, ix, tenant, ver, rtype, deleted, q + g, rid || '-' || g, "
        "labels, keys, content, sealed, q_standard + g, q_unit FROM res, generate_series(1, %d) g WHERE k = "
        "%lld;"
        "INSERT INTO idx_num SELECT k * 1000 + g, sc, c, u, tok, tenant, param, rtype, lo + g, hi + g, slo + "
        "g, shi + g FROM "
        "idx_num,"
        " generate_series(1, %d) g WHERE k = %lld;"
        "INSERT INTO idx_str SELECT k * 1000 + g, tenant, param, rtype, val || g, raw FROM idx_str,"
        " generate_series(1, %d) g WHERE k = %lld;"
        "INSERT INTO idx_ovf SELECT k * 1000 + g, val, dt + g * 86400000000, tenant, rtype, lane FROM "
        "idx_ovf,"
        " generate_series(1, %d) g WHERE k = %lld",
        COPIES, (long long)t.k, COPIES, (long long)t.k, COPIES, (long long)t.k, COPIES, (long long)t.k);
    ck_ok(db_run(t.db, text, &err));
}

static void learn_common_keys(void)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, &t.a, NULL);
    sql_adds(
        &q,
        "SELECT key, count(*) FROM res, unnest(keys) key GROUP BY key HAVING count(*) > 500 ORDER BY key");
    ck_ok(db_exec(t.db, &t.a, &q, &rows, &err));
    struct search_stats_entry *common = ARENA_ARRAY(&t.a, struct search_stats_entry, db_count(rows) + 1);
    for (int i = 0; i < db_count(rows); i++)
        common[i] = (struct search_stats_entry){db_int8(rows, i, 0), db_int8(rows, i, 1)};
    t.stats =
        (struct search_stats){.n = (size_t)db_count(rows), .common = common, .rows = TEMPLATES * COPIES};
}

static void setup(void)
{
    test_search_open(&t);
    t.limits.total_limit = 1000;
    for (int i = 0; i < PATIENTS; i++)
        put_patient(i);
    for (int i = 0; i < TEMPLATES; i++) {
        put_template(i);
        copy_newest();
    }
    ck_ok(db_run(t.db, "ANALYZE", &err));
    learn_common_keys();
}

static void teardown(void)
{
    test_search_close(&t);
}

/* A search, and what its plan has to name. */
static const struct {
    const char *url, *uses;
} searches[] = {
    {"Observation?patient=p3", "res_pat"},
    {"Observation?patient=p3&code=c3", "res_pat"},
    {"Observation?patient=p3&category=laboratory&date=ge2020", "res_pat"},
    {"Observation?subject=Patient/p3&status=final", "res_pat"},
    {"Observation?code=c3", "res_code"},
    {"Observation?code=second3", "idx_ovf_val"},
    {"Observation?code=c3,c4", "res_code"},
    {"Observation?code=http://loinc.org|c3&date=ge2020-05-01", "res_code"},
    {"Observation?code=c3&value-quantity=gt100", "res_code"},
    {"Observation?code=c3&status=amended", "res_keys"},
    {"Observation?status=final", "res_dt"},
    {"Observation?category=laboratory&_sort=-_lastUpdated", "res_lu"},
    {"Observation?date=2020-05-05", "res_dt"},
    {"Observation?date=gt2035", "res_long"},
    {"Observation?_lastUpdated=gt2020-01-01&_sort=_lastUpdated", "res_lu"},
    {"Observation?_id=o1,o2", "res_pkey"},
    {"Observation?performer=Practitioner/d3", "res_keys"},
    {"Observation?performer=d3&status=amended", "res_keys"},
    {"Observation?performer=nobody", "res_keys"},
    {"Observation?code:text=code%203&performer=d3", "res_keys"},
    {"Observation?value-quantity=gt100", "idx_num_lo"},
    {"Observation?value-quantity=7||mg", "idx_num_lo"},
    {"Observation?value-quantity=gt7|http://unitsofmeasure.org|mg", "idx_num_standard"},
    {"Observation?code-value-quantity=c3$7", "idx_num_lo"},
    {"Observation?code-value-quantity=c3$7,c4$8", "idx_num_lo"},
    {"Observation?combo-code-value-quantity=c3$gt7|http://unitsofmeasure.org|mg", "idx_num_standard"},
    {"Observation?value-string=text%2017", "idx_str_val"},
    {"Observation?value-string:contains=ext%2017", "idx_str_trgm"},
    {"Observation?value-string:contains=xt%2017", "idx_str_val"}, /* no three letters in a row */
    {"Observation?value-string:exact=text%2017", "idx_str_val"},
    {"Observation?_sort=value-quantity&performer=d3", "res_keys"},
    {"Patient?_sort=identifier", "idx_dict_pkey"},
    {"Observation?_sort=combo-code", "idx_dict_pkey"},
    {"Observation?patient.family=Name17", "res_pat"},
    {"Observation?patient.gender=male", "res_h"},
    {"Observation?performer.identifier=x", "res_keys"},
    {"Observation?_tag=x", "res_keys"},
    {"Patient?identifier=http://i.example|17", "res_keys"},
    {"Patient?_has:Observation:patient:code=c3", "res_h"},
    {"Patient?_has:Observation:patient:performer=d3", "res_h"},
    {"Patient?family=Name17", "idx_str_val"},
    {"Patient?birthdate=1990-01-01", "res_dt"},
    {"Patient/p3/Observation", "res_keys"},
    {"Patient/p3", "res_keys"},
    {"?_type=Observation,Patient&_id=p1", "res_pkey"},
};

START_TEST(test_no_search_reads_a_table)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct search_query *q;
        ck_ok(test_search_parse(&t, searches[i].url, &q, &err));
        struct str plan = test_search_explain(&t, q);
        const char *seq = strstr(plan.s, "Seq Scan on res"), *side = strstr(plan.s, "Seq Scan on idx_");
        bool ok = !seq && !side && strstr(plan.s, searches[i].uses);
        if (!ok)
            printf("%s\n%s", searches[i].url, plan.s);
        failed += !ok;
    }
    fflush(stdout);
    ck_assert_msg(failed == 0, "%d searches have a wrong plan", failed);
}
END_TEST

Suite *suite_search_where(void)
{
    Suite *s = suite_create("search_where");
    TCase *c = tcase_create("plans");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_no_search_reads_a_table);
    suite_add_tcase(s, c);
    return s;
}
