/*
 * The plans that PostgreSQL makes of the statements, on enough rows for a wrong one to be wrong: no shape of search
 * may read a whole table. `make test` looks at 50,000 rows, `make bench-plans` at a million.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/search.h"

#define PATIENTS  300
#define TEMPLATES 200 /* observations that are really indexed … */
#define DAYS      250 /* … their copies are on as many days, and this many are made of each */

static int copies = DAYS; /* or as many as make $KAGARI_PLAN_ROWS (make bench-plans) */
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
    const char *value = i % 4 == 3 ? arena_printf(&t.a, "\"valueString\":\"text %d\"", i)
                                   : arena_printf(&t.a,
                                                  "\"valueQuantity\":{\"value\":%d,\"unit\":\"mg\","
                                                  "\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg\"}",
                                                  i);
    const char *text = arena_printf(
        &t.a,
        "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"status\":\"%s\",\"subject\":{\"reference\":"
        "\"Patient/p%d\"},"
        "\"category\":[{\"coding\":[{\"system\":\"http://c.example\",\"code\":\"%s\"}]}],"
        "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"c%d\",\"display\":\"Code %d\"},"
        "{\"code\":\"second%d\"}]},\"performer\":[{\"reference\":\"Practitioner/d%d\"}],"
        "\"effectiveDateTime\":\"20%02d-01-01\",%s}",
        i, i % 50 ? "final" : "amended", i % PATIENTS, i % 2 ? "laboratory" : "vital-signs", i % 7, i % 7,
        i % 11, i % 40, i % 25, value);
    const json *resource = test_json(&t.a, text);
    struct search_index x;
    test_search_put(&t, resource);
    test_search_index(&t, resource, &x);
    return x;
}

/* Copies of the newest row, a day apart, and again from the first day on, with their side rows. */
static void copy_newest(void)
{
    const char *text = arena_printf(&t.a,
                                    "INSERT INTO res SELECT k * 10000 + g, h + g, xid, lu + g %% 250 * "
                                    "interval '1 s', dt + g %% 250 * 86400000000,"
                                    " dt_hi + g %% 250 * 86400000000, pat, code, cat, ix, tenant, ver, "
                                    "rtype, deleted, q + g %% 250, rid || '-' || g, "
                                    "labels, keys, content, sealed, q_standard + g %% 250, q_unit FROM res, "
                                    "generate_series(1, %d) g WHERE k = "
                                    "%lld;"
                                    "INSERT INTO idx_num SELECT k * 10000 + g, sc, c, u, tok, tenant, param, "
                                    "rtype, lo + g %% 250, hi + g %% 250, slo + "
                                    "g %% 250, shi + g %% 250, dt + g %% 250 * 86400000000 FROM "
                                    "idx_num,"
                                    " generate_series(1, %d) g WHERE k = %lld;"
                                    "INSERT INTO idx_str SELECT k * 10000 + g, tenant, param, rtype, val || "
                                    "g, raw, dt + g %% 250 * 86400000000 "
                                    "FROM idx_str,"
                                    " generate_series(1, %d) g WHERE k = %lld;"
                                    "INSERT INTO idx_ovf SELECT k * 10000 + g, val, dt + g %% 250 * "
                                    "86400000000, tenant, rtype, lane FROM "
                                    "idx_ovf,"
                                    " generate_series(1, %d) g WHERE k = %lld",
                                    copies, (long long)t.k, copies, (long long)t.k, copies, (long long)t.k,
                                    copies, (long long)t.k);
    ck_ok(db_run(t.db, text, &err));
}

/* Contained resources: two of their own, and copies of the last. */
static void put_contained(void)
{
    test_search_put(
        &t,
        test_json(&t.a,
                  "{\"resourceType\":\"DiagnosticReport\",\"id\":\"d\",\"status\":\"final\",\"code\":{"
                  "\"text\":\"x\"},"
                  "\"contained\":[{\"resourceType\":\"Observation\",\"id\":\"a\",\"code\":{\"coding\":[{"
                  "\"code\":\"rare\"}]},"
                  "\"subject\":{\"reference\":\"Patient/p3\"}},"
                  "{\"resourceType\":\"Observation\",\"id\":\"b\",\"code\":{\"coding\":[{\"code\":\"c3\"}]},"
                  "\"valueQuantity\":{\"value\":1},\"valueString\":\"text\"}],"
                  "\"result\":[{\"reference\":\"#a\"},{\"reference\":\"#b\"}]}"));
    const char *text = arena_printf(
        &t.a,
        "INSERT INTO contained SELECT k * 10000 + g, ck, h + g, dt, dt_hi, pat, code, cat, tenant, rtype, q "
        "+ "
        "g %% 250, "
        "q_standard, q_unit, rid || g, keys FROM contained, generate_series(1, %d) g WHERE k = %lld;"
        "INSERT INTO idx_num SELECT k * 10000 + g, sc, c, u, tok, tenant, param, rtype, lo + g, hi + g, slo, "
        "shi, dt FROM "
        "idx_num, generate_series(1, %d) g WHERE k = %lld;"
        "INSERT INTO idx_str SELECT k * 10000 + g, tenant, param, rtype, val || g, raw, dt + g %% 250 * "
        "86400000000 "
        "FROM idx_str,"
        " generate_series(1, %d) g WHERE k = %lld",
        copies, (long long)t.k, copies, (long long)t.k, copies, (long long)t.k);
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
    static struct search_stats_entry types[2];
    types[0] = (struct search_stats_entry){fhir_type(t.defs, "Observation")->id, TEMPLATES * copies};
    types[1] = (struct search_stats_entry){fhir_type(t.defs, "Patient")->id, PATIENTS};
    t.stats = (struct search_stats){.n = (size_t)db_count(rows),
                                    .common = common,
                                    .types = types,
                                    .n_types = 2,
                                    .rows = TEMPLATES * copies + PATIENTS};
}

static void setup(void)
{
    const char *rows = getenv("KAGARI_PLAN_ROWS");
    if (rows)
        copies = atoi(rows) / TEMPLATES;
    test_search_open(&t);
    ck_ok(db_run(t.db, "SET statement_timeout = 0", &err));
    t.limits.total_limit = 1000;
    for (int i = 0; i < PATIENTS; i++)
        put_patient(i);
    for (int i = 0; i < TEMPLATES; i++) {
        put_template(i);
        copy_newest();
    }
    put_contained();
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
    {"Observation?_contained=true&code=rare", "contained_keys"},
    {"Observation?_contained=true&subject=Patient/p3", "contained_pat"},
    {"Observation?_contained=true&value-quantity=gt9999", "idx_num_lo"},
    {"Observation?_contained=true&value-string=text9", "idx_str_val"},
    {"Observation?_contained=both&code=c2", "res_code"},
    {"DiagnosticReport?result.code=rare", "contained_keys"},
    {"Observation?status=final", "res_dt"},
    {"Observation?category=laboratory&_sort=-_lastUpdated", "res_lu"},
    {"Observation?date=2020-05-05", "res_dt"},
    {"Observation?date=gt2035", "res_long"},
    {"Observation?_lastUpdated=gt2020-01-01&_sort=_lastUpdated", "res_lu"},
    {"Observation?_id=o1,o2", "res_pkey"},
    {"Observation?performer=Practitioner/d3", "idx_ovf_val"},
    {"Observation?performer=d3&status=amended", "res_keys"},
    {"Observation?performer=nobody", "idx_ovf_val"},
    {"Observation?performer=d3,d4&date=ge2020", "idx_ovf_val"},
    {"Observation?code:text=code%203&performer=d3", "res_keys"},
    {"Observation?value-quantity=gt100", "idx_num_lo"},
    {"Observation?value-quantity=7||mg", "idx_num_lo"},
    {"Observation?value-quantity=gt7|http://unitsofmeasure.org|mg", "idx_num_standard"},
    {"Observation?code-value-quantity=c3$7", "idx_num_lo"},
    {"Observation?code-value-quantity=c3$7,c4$8", "idx_num_lo"},
    {"Observation?combo-code-value-quantity=c3$gt7|http://unitsofmeasure.org|mg", "idx_num_standard"},
    {"Observation?value-quantity=gt7|http://unitsofmeasure.org|mg&date=lt2015", "idx_num_dt"},
    {"Observation?combo-value-quantity=lt9|http://unitsofmeasure.org|g", "idx_num_dt"},
    {"Observation?value-string=text%2019", "idx_str_val"},
    {"Observation?value-string:contains=ext%2019", "idx_str_trgm"},
    {"Observation?value-string:contains=xt%2019", "idx_str_val"}, /* no three letters in a row */
    {"Observation?value-string:exact=text%2019", "idx_str_val"},
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

static void no_search_reads_a_table(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct search_query *q;
        ck_ok(test_search_parse(&t, searches[i].url, &q, &err));
        struct str plan = test_search_explain(&t, q);
        const char *seq = strstr(plan.s, "Seq Scan on res"), *side = strstr(plan.s, "Seq Scan on idx_");
        /* among more rows another index may be the better one */
        bool ok = !seq && !side && (copies > DAYS || strstr(plan.s, searches[i].uses));
        if (!ok)
            printf("%s\n%s", searches[i].url, plan.s);
        failed += !ok;
    }
    fflush(stdout);
    ck_assert_msg(failed == 0, "%d searches have a wrong plan", failed);
}

/* ---- what a search reads ---------------------------------------------------------------------------------- */

struct reading {
    double rows;       /* read from tables and their indexes, in all loops */
    const char *whole; /* a table that is read without a condition */
    char indexes[256];
};

static double number(const json *node, const char *name)
{
    const json *v = json_get(node, name);
    return v ? atof(v->valuestring) : 0;
}

static void read_node(const json *node, struct reading *out)
{
    const char *kind = json_get_string(node, "Node Type"), *table = json_get_string(node, "Relation Name");
    bool index = strstr(kind, "Index") != NULL;
    if (strcmp(kind, "Seq Scan") == 0)
        out->whole = table;
    if (index && !json_get(node, "Index Cond"))
        out->whole = json_get_string(node, "Index Name");
    if (index)
        snprintf(out->indexes + strlen(out->indexes), sizeof out->indexes - strlen(out->indexes), "%s ",
                 json_get_string(node, "Index Name"));
    if (table || index)
        out->rows += (number(node, "Actual Rows") + number(node, "Rows Removed by Filter") +
                      number(node, "Rows Removed by Index Recheck")) *
                     number(node, "Actual Loops");
    json_each (child, json_get(node, "Plans"))
        read_node(child, out);
}

static struct reading read_statement(const struct sql *q)
{
    struct reading r = {0};
    struct str text;
    json *plan;
    ck_ok(db_explain(t.db, &t.a, q, true, &text, &err));
    ck_ok(json_parse(&t.a, text, INT16_MAX, &plan, &err));
    read_node(json_get(json_at(plan, 0), "Plan"), &r);
    return r;
}

/* Questions that an index answers. */
static const char *const shapes[] = {
    "Patient?family=Name17",
    "Patient?family:exact=Name17",
    "Patient?family:contains=ame17",
    "Patient?family:missing=false",
    "Patient?family:missing=true",
    "Patient?name=Name",
    "Patient?gender=male",
    "Patient?gender:not=male",
    "Patient?gender=male&_sort=family",
    "Patient?_sort=family",
    "Patient?identifier=17",
    "Patient?identifier=http://i.example|",
    "Patient?identifier=|17",
    "Patient?birthdate=1990-01-01",
    "Patient?birthdate=lt1935",
    "Patient?birthdate=gt1935,lt1932",
    "Patient?_id=p3",
    "Patient?_id:not=p3",
    "Patient?_lastUpdated=lt2020-01-02",
    "Patient?_has:Observation:patient:code=c3",
    "Patient?_has:Observation:patient:performer=d3",
    "Patient?_has:Observation:patient:date=2020-05-05",
    "Patient?_has:Observation:patient:code=c3&gender=male",
    "Patient?_has:Observation:patient:code=nothing",
    "Observation?patient=p3",
    "Observation?subject=p3,p4",
    "Observation?subject:Patient=p3",
    "Observation?patient=p3&_sort=_lastUpdated",
    "Observation?patient=p3&_sort=code",
    "Observation?patient=p3&code=c3",
    "Observation?patient=p3&code=c3,c4&date=ge2020",
    "Observation?patient=p3&category=laboratory&date=ge2020",
    "Observation?patient=p3&code:not=c3",
    "Observation?code=c3",
    "Observation?code=second3",
    "Observation?code=c3,c4",
    "Observation?code=http://loinc.org|c3",
    "Observation?code=http://loinc.org|",
    "Observation?code:not=c3",
    "Observation?code:text=Code%203",
    "Observation?code=c3&date=ge2020-05-01",
    "Observation?code=c3&_filter=date%20po%202020-05",
    "Observation?performer=d3&_filter=date%20co%202020-05-05",
    "Observation?code=c3&date=lt2001",
    "Observation?code=c3&value-quantity=gt100",
    "Observation?code=c3&value-quantity=lt3||mg",
    "Observation?code=c3&value-quantity=gt440",
    "Observation?code-value-quantity=c3$gt100",
    "Observation?combo-code=c3",
    "Observation?combo-code-value-quantity=c3$gt440",
    "Observation?component-code=c3",
    "Observation?code=c3&status=amended",
    "Observation?code=c3&status=final",
    "Observation?code=c3&_sort=_lastUpdated",
    "Observation?code=c3&_sort=-_id",
    "Observation?code=c3&_sort=value-quantity&date=2020-05-05",
    "Observation?status=final",
    "Observation?status=final&_total=none",
    "Observation?status=amended",
    "Observation?status=nothing",
    "Observation?status=amended,nothing",
    "Observation?status=amended&category=laboratory",
    "Observation?category=laboratory",
    "Observation?category=laboratory&_sort=-_lastUpdated",
    "Observation?date=2020-05-05",
    "Observation?date=ne2020-05-05",
    "Observation?date=gt2035",
    "Observation?date=lt2000",
    "Observation?date=ge2010&date=lt2010-03",
    "Observation?date=ap2015",
    "Observation?date=eb2001",
    "Observation?date=sa2039",
    "Observation?date=2020-05-05&status=amended",
    "Observation?date=2020-05-05&_sort=_lastUpdated",
    "Observation?_lastUpdated=gt2020-01-01&_sort=_lastUpdated",
    "Observation?_lastUpdated=lt2020-01-01T00:10:00Z",
    "Observation?_lastUpdated=lt2020-01-01T00:10:00Z&status=final",
    "Observation?_id=o1,o2",
    "Observation?performer=Practitioner/d3",
    "Observation?performer=d3",
    "Observation?performer=d3&status=amended",
    "Observation?performer=nobody",
    "Observation?performer:identifier=x",
    "Observation?value-quantity=gt100",
    "Observation?value-quantity=7||mg",
    "Observation?value-quantity=gt7|http://unitsofmeasure.org|mg",
    "Observation?value-quantity=7",
    "Observation?value-quantity=lt1",
    "Observation?value-quantity=ne7",
    "Observation?value-quantity=gt100&status=amended",
    "Observation?value-quantity=lt1&status=final",
    "Observation?value-quantity=ap100",
    "Observation?value-string=text%2019",
    "Observation?value-string=text",
    "Observation?value-string=text&status=amended",
    "Observation?value-string:contains=ext%2019",
    "Observation?value-string:contains=xt",
    "Observation?value-string:exact=text%2019",
    "Observation?_sort=value-quantity&performer=d3",
    "Observation?_sort=-value-string",
    "Observation?_sort=_id",
    "Observation?patient.family=Name17",
    "Observation?patient.gender=male",
    "Observation?patient.identifier=17",
    "Observation?subject:Patient.family=Name17",
    "Observation?patient.gender=male&code=c3",
    "Observation?patient.family=Name17&code=c3",
    "Observation?patient._id=p3",
    "Observation?patient.birthdate=1990-01-01",
    "Observation?performer.identifier=x",
    "Observation?performer:Practitioner.name=x",
    "Observation?patient.organization.name=x",
    "Observation?patient._has:Observation:patient:code=second3",
    "Observation?_contained=true",
    "Observation?_contained=both&code=rare",
    "Observation?_contained=both&status=final&_containedType=contained",
    "Observation?_contained=true&code=c3&_containedType=contained&_sort=-value-quantity",
    "Observation?_contained=both&patient=p3",
    "DiagnosticReport?result.value-string=text7",
    "DiagnosticReport?result.subject.family=Name3",
    "Observation?_tag=x",
    "Observation?_profile=http://x",
    "Observation?_profile:below=http://x",
    "Observation?_source=http://x",
    "Observation?_security=x",
    "Patient/p3/Observation",
    "Patient/p3/Observation?code=c3",
    "Patient/p3/Condition",
    "Patient/p3",
    "?_type=Observation,Patient&_id=p1",
    "?_type=Observation,Patient",
    "?_type=Observation,Patient&_lastUpdated=lt2020-01-01T00:10:00Z",
    "?_lastUpdated=lt2020-01-01T00:10:00Z",
    "?_id=p1",
    "?_type=Observation,Patient&_tag=x",
    "Observation",
    "Patient",
    "Observation?_count=1000",
    "Observation?_summary=count&patient=p3",
};

/*
 * Those that none does: what rows do not have, orders of values that are no column, texts that all codes have, values of
 * what refers to a patient. They read every row of their type, but of no other, and nothing twice without end.
 */
static const char *const costly[] = {
    "Observation?_sort=code",
    "Observation?_sort=status,-date",
    "Patient?_sort=-gender",
    "Observation?_sort=value-quantity",
    "Observation?_sort=patient",
    "Observation?category=laboratory&_sort=patient",
    "Observation?performer:missing=true",
    "Observation?patient:missing=true",
    "Observation?date:missing=true",
    "Observation?status:not=final",
    "Observation?code:text=Code",
    "Patient?_has:Observation:patient:value-quantity=gt100",
    "Observation?code=c3&_sort=value-quantity",
};

static int count_costly(const char *const *urls, size_t n, double most)
{
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct search_query *q;
        struct sql sql;
        ck_ok(test_search_parse(&t, urls[i], &q, &err));
        ck_assert_msg(q->n_unknown == 0, "%s", urls[i]);
        search_plan(q, &t.stats, &sql);
        struct reading r = read_statement(&sql);
        if (r.whole || r.rows > most)
            printf("%s reads %.0f rows%s%s\n%s", urls[i], r.rows, r.whole ? " and all of " : "",
                   r.whole ? r.whole : "", test_search_explain(&t, q).s);
        failed += r.whole || r.rows > most;
    }
    fflush(stdout);
    return failed;
}

static void no_search_reads_much_more_than_it_answers(void)
{
    /* the rare values of these data are all old: among many rows the newest are read first, and then all */
    double all = copies > DAYS ? INFINITY : PATIENTS + TEMPLATES * (copies + 1);
    int failed = count_costly(shapes, sizeof shapes / sizeof shapes[0], all / 3) +
                 count_costly(costly, sizeof costly / sizeof costly[0], all * 25);
    ck_assert_msg(failed == 0, "%d searches read too much", failed);
}

static void what_a_page_includes(void)
{
    static const struct {
        const char *url, *index;
        double most;
    } includes[] = {{"Patient?_revinclude=Observation:patient", "res_pat", 600},
                    {"Patient?_revinclude=Observation:subject:Patient", "res_pat", 600},
                    {"Patient?_revinclude=Observation:performer", "res_keys", 600},
                    {"Patient?_revinclude=Observation:*", "res_keys", 1200}};
    int64_t h = search_hash_id(&t.tenant, fhir_type(t.defs, "Patient"), STR("p3"));
    for (size_t i = 0; i < sizeof includes / sizeof includes[0]; i++) {
        struct search_query *q;
        struct sql sql;
        ck_ok(test_search_parse(&t, includes[i].url, &q, &err));
        search_plan_revinclude(q, &q->includes[0], &h, 1, 1000, &sql);
        struct reading r = read_statement(&sql);
        ck_assert_msg(!r.whole && r.rows <= includes[i].most * copies / DAYS, "%s reads %.0f",
                      includes[i].url, r.rows);
        ck_assert_msg(strstr(r.indexes, includes[i].index) != NULL, "%s: %s", includes[i].url, r.indexes);
    }
}

/* One test, since the rows take longer to make than to read. */
START_TEST(test_plans)
{
    no_search_reads_a_table();
    no_search_reads_much_more_than_it_answers();
    what_a_page_includes();
}
END_TEST

Suite *suite_search_where(void)
{
    Suite *s = suite_create("search_where");
    TCase *c = tcase_create("plans");
    tcase_set_timeout(c, getenv("KAGARI_PLAN_ROWS") ? 3600 : 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_plans);
    suite_add_tcase(s, c);
    return s;
}
