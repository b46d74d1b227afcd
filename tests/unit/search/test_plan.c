/*
 * Statements against a model: random observations, random queries, and a scan in C that knows nothing of SQL. Every
 * query runs three times, under statistics that make the planner collect, scan, and try.
 */
#include <stdio.h>

#include "base/clock.h"
#include "support/search.h"

static struct test_search t;
static struct err err;

static void setup(void)
{
    test_search_open(&t);
    t.limits.total_limit = 100000000;
}

static void teardown(void)
{
    test_search_close(&t);
}

/* ---- the model ----------------------------------------------------------------------------------------- */

#define DAY          INT64_C(86400000000)
#define OBSERVATIONS 150

struct observation {
    int id, patient, status, value; /* value: tenths; -1: none */
    int codes[2], n_codes;
    int day, days; /* days after 2020-01-01 and how long; day -1: no date */
    bool changed;
};

static struct observation all[OBSERVATIONS];
static unsigned seed;

static int pick(int n)
{
    seed = seed * 1103515245 + 12345;
    return (int)((seed >> 16) % (unsigned)n);
}

static const char *const statuses[] = {"final", "amended", "preliminary"};

static const char *date_text(int day)
{
    int64_t year;
    int month, d;
    clock_civil(clock_days(2020, 1, 1) + day, &year, &month, &d);
    return arena_printf(&t.a, "%04d-%02d-%02d", (int)year, month, d);
}

static void store(const struct observation *o)
{
    struct buf b;
    buf_init(&b, &t.a, 512);
    buf_addf(&b, "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"status\":\"%s\",", o->id,
             statuses[o->status]);
    buf_addf(&b, "\"subject\":{\"reference\":\"Patient/p%d\"},\"code\":{\"coding\":[", o->patient);
    for (int i = 0; i < o->n_codes; i++)
        buf_addf(&b, "%s{\"system\":\"http://s%d.example\",\"code\":\"c%d\"}", i ? "," : "", o->codes[i] % 2,
                 o->codes[i]);
    buf_adds(&b, "]}");
    if (o->value >= 0)
        buf_addf(&b, ",\"valueQuantity\":{\"value\":%d.%d,\"unit\":\"u%d\"}", o->value / 10, o->value % 10,
                 o->value % 2);
    else if (o->id % 3)
        buf_addf(&b, ",\"valueString\":\"s%d\"", o->id % 5);
    if (o->day >= 0 && o->days)
        buf_addf(&b, ",\"effectivePeriod\":{\"start\":\"%s\",\"end\":\"%s\"}", date_text(o->day),
                 date_text(o->day + o->days));
    else if (o->day >= 0)
        buf_addf(&b, ",\"effectiveDateTime\":\"%s\"", date_text(o->day));
    buf_adds(&b, "}");
    test_search_put(&t, test_json(&t.a, b.s));
    if (o->id % 3 == 0) /* as older versions wrote them */
        ck_ok(db_run(t.db, arena_printf(&t.a, "UPDATE idx_num SET dt = NULL WHERE k = %lld", (long long)t.k),
                     &err));
}

static struct observation random_observation(int id)
{
    struct observation o = {
        .id = id, .patient = pick(6), .status = pick(3), .value = pick(4) ? pick(100) : -1};
    o.n_codes = 1 + (pick(4) == 0);
    for (int i = 0; i < o.n_codes; i++)
        o.codes[i] = pick(5);
    o.day = pick(8) ? pick(60) : -1;
    o.days = pick(4) ? 0 : pick(40);
    return o;
}

static void populate(void)
{
    for (int i = 0; i < OBSERVATIONS; i++) {
        all[i] = random_observation(i);
        store(&all[i]);
    }
}

/* ---- queries and what they ought to find ----------------------------------------------------------------- */

enum what { CODE, SYSTEM_CODE, NOT_CODE, STATUS, PATIENT, DATE, VALUE, CODE_VALUE, MISSING_DATE, WHATS };

struct condition {
    enum what what;
    int a, b, op; /* alternatives a and b, or an operator */
};

static const char *const ops[] = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"};

static bool compare(int op, int64_t lo, int64_t hi, int64_t a, int64_t b)
{
    bool within = lo >= a && hi <= b, above = hi > b, below = lo < a;
    switch (op) {
    case 0:
        return within;
    case 1:
        return !within;
    case 2:
        return above;
    case 3:
        return below;
    case 4:
        return above || within;
    case 5:
        return below || within;
    case 6:
        return lo > b;
    default:
        return hi < a;
    }
}

static bool compare_value(int op, int v, int x)
{
    switch (op) {
    case 0:
        return v == x; /* one digit after the point on both sides */
    case 1:
        return v != x;
    case 2:
    case 6:
        return v > x;
    case 3:
    case 7:
        return v < x;
    case 4:
        return v >= x;
    default:
        return v <= x;
    }
}

static bool has_code(const struct observation *o, int code)
{
    return o->codes[0] == code || (o->n_codes > 1 && o->codes[1] == code);
}

/* Of a composite: a code, and another when b is odd, with the value a. */
static int first_code(const struct condition *c)
{
    return c->b % 5;
}
static int other_code(const struct condition *c)
{
    return c->b % 2 ? (c->b + 1) % 5 : first_code(c);
}

static bool holds(const struct condition *c, const struct observation *o)
{
    switch (c->what) {
    case CODE:
        return has_code(o, c->a) || has_code(o, c->b);
    case SYSTEM_CODE:
        return has_code(o, c->a);
    case NOT_CODE:
        return !has_code(o, c->a);
    case STATUS:
        return o->status == c->a || o->status == c->b;
    case PATIENT:
        return o->patient == c->a || o->patient == c->b;
    case DATE:
        return o->day >= 0 && compare(c->op, o->day * DAY, (o->day + o->days + 1) * DAY - 1, c->a * DAY,
                                      (c->a + 1) * DAY - 1);
    case VALUE:
        return o->value >= 0 && compare_value(c->op, o->value, c->a);
    case CODE_VALUE:
        return o->value >= 0 && compare_value(c->op, o->value, c->a) &&
               (has_code(o, first_code(c)) || has_code(o, other_code(c)));
    case MISSING_DATE:
        return (o->day < 0) == (c->a & 1);
    case WHATS:
        break;
    }
    return false;
}

static struct condition random_condition(void)
{
    struct condition c = {.what = (enum what)pick(WHATS), .op = pick(8)};
    int range = c.what == DATE         ? 60
                : c.what == VALUE      ? 100
                : c.what == CODE_VALUE ? 100
                : c.what == STATUS     ? 3
                : c.what == PATIENT    ? 7
                                       : 6;
    c.a = pick(range);
    c.b = pick(2) ? c.a : pick(range);
    return c;
}

static void write_condition(struct buf *b, const struct condition *c)
{
    switch (c->what) {
    case CODE:
        buf_addf(b, "code=c%d", c->a);
        if (c->b != c->a)
            buf_addf(b, ",c%d", c->b);
        break;
    case SYSTEM_CODE:
        buf_addf(b, "code=http://s%d.example|c%d", c->a % 2, c->a);
        break;
    case NOT_CODE:
        buf_addf(b, "code:not=c%d", c->a);
        break;
    case STATUS:
        buf_addf(b, "status=%s", statuses[c->a]);
        if (c->b != c->a)
            buf_addf(b, ",%s", statuses[c->b]);
        break;
    case PATIENT:
        buf_addf(b, "patient=p%d", c->a);
        if (c->b != c->a)
            buf_addf(b, ",Patient/p%d", c->b);
        break;
    case DATE:
        buf_addf(b, "date=%s%s", ops[c->op], date_text(c->a));
        break;
    case VALUE:
        buf_addf(b, "value-quantity=%s%d.%d", ops[c->op], c->a / 10, c->a % 10);
        break;
    case CODE_VALUE:
        buf_addf(b, "%scode-value-quantity=c%d$%s%d.%d", c->b % 3 ? "" : "combo-", first_code(c), ops[c->op],
                 c->a / 10, c->a % 10);
        if (other_code(c) != first_code(c))
            buf_addf(b, ",c%d$%s%d.%d", other_code(c), ops[c->op], c->a / 10, c->a % 10);
        break;
    case MISSING_DATE:
        buf_addf(b, "date:missing=%s", c->a & 1 ? "true" : "false");
        break;
    case WHATS:
        break;
    }
}

/* ---- statistics ------------------------------------------------------------------------------------------ */

static struct search_stats_entry *common;
static size_t n_common;

static int by_key(const void *a, const void *b)
{
    const struct search_stats_entry *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Every key there is, as if it were on millions of rows. */
static void learn_keys(void)
{
    struct sql q;
    const struct db_rows *rows;
    sql_init(&q, &t.a, NULL);
    sql_adds(&q, "SELECT DISTINCT unnest(keys) FROM res");
    ck_ok(db_exec(t.db, &t.a, &q, &rows, &err));
    n_common = (size_t)db_count(rows);
    common = ARENA_ARRAY(&t.a, struct search_stats_entry, n_common);
    for (size_t i = 0; i < n_common; i++)
        common[i] = (struct search_stats_entry){db_int8(rows, (int)i, 0), 1000000};
    qsort(common, n_common, sizeof *common, by_key);
}

enum regime { RARE, COMMON, SMALL, REGIMES };

static void set_regime(enum regime r)
{
    t.stats = (struct search_stats){0};
    if (r != RARE)
        t.stats = (struct search_stats){.n = n_common, .common = common};
    if (r == SMALL)
        t.stats.rows = 1;
}

/* ---- walks ----------------------------------------------------------------------------------------------- */

static struct search_query *parse(const char *url)
{
    struct search_query *q;
    ck_ok(test_search_parse(&t, url, &q, &err));
    return q;
}

static struct test_page page_at(const char *url, int count, struct str cursor)
{
    struct test_page page;
    struct search_query *q = parse(arena_printf(&t.a, "%s&_cursor=%.*s", url, STR_FMT(cursor)));
    q->count = count;
    ck_ok(test_search_page(&t, q, &page, &err));
    return page;
}

/* All pages; ids separated by blanks. between is called after each page. */
static struct str walk(const char *url, int count, void (*between)(void), int64_t *total)
{
    struct buf ids;
    struct str cursor = {0};
    buf_init(&ids, &t.a, 256);
    do {
        struct test_page page = page_at(url, count, cursor);
        if (page.n)
            buf_addf(&ids, "%s%.*s", ids.len ? " " : "", STR_FMT(page.ids));
        if (total && !cursor.len)
            *total = page.total;
        cursor = page.next;
        if (between && cursor.len)
            between();
    } while (cursor.len);
    return buf_str(&ids);
}

static int count_id(struct str ids, int id)
{
    char name[16];
    int n = snprintf(name, sizeof name, "o%d", id), found = 0;
    for (struct str rest = ids; rest.s;) {
        struct str word = str_cut(rest, ' ', &rest);
        found += str_eq(word, (struct str){name, (size_t)n});
    }
    return found;
}

static void check(const char *url, const struct condition *c, int n, struct str ids, int64_t total)
{
    int64_t expected = 0;
    for (int i = 0; i < OBSERVATIONS; i++) {
        bool match = true;
        for (int j = 0; j < n; j++)
            match = match && holds(&c[j], &all[i]);
        expected += match;
        int found = count_id(ids, all[i].id);
        ck_assert_msg(found == match, "%s: o%d is found %d times (%s)", url, all[i].id, found,
                      match ? "a match" : "no match");
    }
    ck_assert_msg(total == expected, "%s: total %lld, not %lld", url, (long long)total, (long long)expected);
}

static const char *const sorts[] = {"",
                                    "&_sort=date",
                                    "&_sort=-date",
                                    "&_sort=_lastUpdated",
                                    "&_sort=-_lastUpdated",
                                    "&_sort=value-quantity,-date",
                                    "&_sort=-status,_id",
                                    "&_sort=patient,-code",
                                    "&_sort=-_id",
                                    "&_sort=_id",
                                    "&_sort=value-string",
                                    "&_sort=-value-string"};
#define SORTS (int)(sizeof sorts / sizeof sorts[0])

START_TEST(test_queries_find_what_a_scan_finds)
{
    seed = 17;
    populate();
    learn_keys();
    for (int i = 0; i < 400; i++) {
        struct condition c[3];
        struct buf url;
        int n = 1 + pick(3);
        buf_init(&url, &t.a, 128);
        buf_adds(&url, "Observation?");
        for (int j = 0; j < n; j++) {
            c[j] = random_condition();
            buf_adds(&url, j ? "&" : "");
            write_condition(&url, &c[j]);
        }
        buf_adds(&url, sorts[pick(SORTS)]);
        set_regime((enum regime)(i % REGIMES));
        int64_t total = -1;
        struct str ids = walk(url.s, pick(3) ? 500 : 7 + pick(20), NULL, &total);
        check(url.s, c, n, ids, total);
    }
}
END_TEST

START_TEST(test_regimes_agree_on_the_order)
{
    seed = 23;
    populate();
    learn_keys();
    for (int s = 0; s < SORTS; s++) {
        const char *url = arena_printf(&t.a, "Observation?code=c1,c2&status=final%s", sorts[s]);
        set_regime(RARE);
        struct str rare = walk(url, 500, NULL, NULL);
        for (int r = COMMON; r < REGIMES; r++) {
            set_regime((enum regime)r);
            struct str paged = walk(url, 9, NULL, NULL);
            ck_assert_msg(str_eq(rare, paged), "%s:\n%.*s\n%.*s", url, STR_FMT(rare), STR_FMT(paged));
        }
    }
}
END_TEST

/* Others write while a client turns the pages. */
static int next_new;

static void disturb(void)
{
    for (int i = 0; i < 3; i++) {
        struct observation *o = &all[pick(OBSERVATIONS)];
        o->changed = true;
        if (pick(3)) {
            struct observation changed = random_observation(o->id);
            store(&changed);
        } else {
            test_search_delete(&t, "Observation", arena_printf(&t.a, "o%d", o->id));
        }
    }
    struct observation fresh = random_observation(next_new++);
    store(&fresh);
}

START_TEST(test_pages_under_writers)
{
    seed = 29;
    populate();
    learn_keys();
    for (int i = 0; i < SORTS * REGIMES; i++) {
        static struct observation before[OBSERVATIONS];
        const char *url = arena_printf(&t.a, "Observation?status=final,amended%s", sorts[i % SORTS]);
        set_regime((enum regime)(i / SORTS));
        for (int j = 0; j < OBSERVATIONS; j++)
            all[j].changed = false;
        memcpy(before, all, sizeof before);
        next_new = 10000;
        struct str ids = walk(url, 11, disturb, NULL);
        for (int j = 0; j < OBSERVATIONS; j++) {
            int found = count_id(ids, before[j].id), match = before[j].status < 2;
            ck_assert_msg(all[j].changed ? found <= 1 : found == match, "%s: o%d is found %d times", url,
                          before[j].id, found);
        }
        ck_assert_int_eq(count_id(ids, 10000), 0); /* made after the first page */
        for (int j = 10000; j < next_new; j++)
            test_search_delete(&t, "Observation", arena_printf(&t.a, "o%d", j));
        for (int j = 0; j < OBSERVATIONS; j++)
            if (all[j].changed)
                store(&all[j]);
    }
}
END_TEST

/* From the last page back to the first; ids as they stand from the first to the last. */
static struct str walk_back(const char *url, int count, void (*between)(void))
{
    struct test_page page = page_at(url, count, STR(""));
    while (page.next.len)
        page = page_at(url, count, page.next);
    struct str ids = page.ids;
    while (page.previous.len) {
        if (between)
            between();
        page = page_at(url, count, page.previous);
        ids = str_of(
            arena_printf(&t.a, "%.*s%s%.*s", STR_FMT(page.ids), page.n && ids.len ? " " : "", STR_FMT(ids)));
    }
    return ids;
}

START_TEST(test_pages_backwards)
{
    seed = 41;
    populate();
    learn_keys();
    for (int i = 0; i < SORTS * REGIMES; i++) {
        const char *url = arena_printf(&t.a, "Observation?code=c1,c2&date=ge2020%s", sorts[i % SORTS]);
        set_regime((enum regime)(i / SORTS));
        struct str there = walk(url, 9, NULL, NULL), back = walk_back(url, 9, NULL);
        ck_assert_msg(str_eq(there, back), "%s:\n%.*s\n%.*s", url, STR_FMT(there), STR_FMT(back));
    }
}
END_TEST

START_TEST(test_pages_backwards_under_writers)
{
    seed = 43;
    populate();
    learn_keys();
    for (int i = 0; i < SORTS * REGIMES; i++) {
        static struct observation before[OBSERVATIONS];
        const char *url = arena_printf(&t.a, "Observation?status=final,amended%s", sorts[i % SORTS]);
        set_regime((enum regime)(i / SORTS));
        for (int j = 0; j < OBSERVATIONS; j++)
            all[j].changed = false;
        memcpy(before, all, sizeof before);
        next_new = 10000;
        struct str ids = walk_back(url, 11, disturb);
        for (int j = 0; j < OBSERVATIONS; j++) {
            int found = count_id(ids, before[j].id), match = before[j].status < 2;
            ck_assert_msg(all[j].changed ? found <= 1 : found == match, "%s: o%d is found %d times", url,
                          before[j].id, found);
        }
        for (int j = 10000; j < next_new; j++)
            test_search_delete(&t, "Observation", arena_printf(&t.a, "o%d", j));
        for (int j = 0; j < OBSERVATIONS; j++)
            if (all[j].changed)
                store(&all[j]);
    }
}
END_TEST

START_TEST(test_total_is_counted_up_to_the_limit)
{
    struct test_page page;
    seed = 31;
    populate();
    learn_keys();
    set_regime(COMMON);
    t.limits.total_limit = 50;
    ck_ok(test_search_page(&t, parse("Observation?status:missing=false&date:missing=false"), &page, &err));
    ck_assert_int_eq(page.total, -1);
    ck_ok(test_search_page(&t, parse("Observation?status:missing=false&_total=accurate"), &page, &err));
    ck_assert_int_eq(page.total, OBSERVATIONS);
    ck_ok(test_search_page(&t, parse("Observation?status=final&_summary=count"), &page, &err));
    ck_assert_int_gt(page.total, 50);
    ck_assert_uint_eq(page.n, 0);
    ck_ok(test_search_page(&t, parse("Observation?status=final&_total=none"), &page, &err));
    ck_assert_int_eq(page.total, -1);
}
END_TEST

START_TEST(test_total_is_estimated_beyond_the_limit)
{
    struct test_page page;
    seed = 31;
    populate();
    learn_keys();
    set_regime(COMMON);
    struct search_stats_entry types = {fhir_type(t.defs, "Observation")->id, OBSERVATIONS};
    t.stats.types = &types;
    t.stats.n_types = 1;
    t.limits.total_limit = 50;
    t.limits.count = 10;
    int64_t final = 0;
    for (int i = 0; i < OBSERVATIONS; i++)
        final += all[i].status == 0;
    ck_ok(test_search_page(&t, parse("Observation?status=final&_total=estimate"), &page, &err));
    ck_assert_int_ge(page.total, final / 2);
    ck_assert_int_le(page.total, final * 2);
    t.limits.total_limit = 1000;
    ck_ok(test_search_page(&t, parse("Observation?status=final&_total=estimate"), &page, &err));
    ck_assert_int_eq(page.total, final);
}
END_TEST

/* How many an URL is said to have, on a page of three. */
static int64_t total_of(const char *url)
{
    struct test_page page;
    struct search_query *q = parse(url);
    q->count = 3;
    ck_ok(test_search_page(&t, q, &page, &err));
    return page.total;
}

START_TEST(test_rows_of_a_large_database_are_counted_less_far_than_its_indexes)
{
    const struct condition code = {.what = CODE, .a = 1, .b = 1}, early = {.what = DATE, .a = 4, .op = 3};
    int64_t dated = 0, few = 0;
    seed = 31;
    populate();
    learn_keys();
    set_regime(COMMON);
    t.stats.rows = 10000000;
    t.limits.total_limit = 80;
    for (int i = 0; i < OBSERVATIONS; i++) {
        dated += holds(&code, &all[i]) && all[i].day >= 0;
        few += holds(&code, &all[i]) && holds(&early, &all[i]);
    }
    ck_assert_int_gt(dated, 10);
    ck_assert_int_gt(few, 0);
    ck_assert_int_eq(total_of("Observation?code=c1&date=ge2020"), dated);
    ck_assert_int_eq(total_of("Observation?code=http://s1.example|c1&date=ge2020"), -1);
    ck_assert_int_eq(total_of("Observation?code=http://s1.example|c1&date=lt2020-01-05"), few);
    t.stats.rows = 1000;
    ck_assert_int_eq(total_of("Observation?code=http://s1.example|c1&date=ge2020"), dated);
}
END_TEST

/* Keys that are taken for common, but none of the newest rows has them. */
START_TEST(test_what_is_all_old_is_found)
{
    int64_t total;
    for (int i = 0; i < 300; i++)
        store(&(struct observation){.id = i, .status = i < 5, .value = -1, .n_codes = 1, .day = i});
    learn_keys();
    set_regime(SMALL);
    struct str old = walk("Observation?status=amended", 3, NULL, &total);
    ck_assert_str_eq(old.s, "o4 o3 o2 o1 o0");
    ck_assert_int_eq(total, 5);
    ck_assert_str_eq(walk_back("Observation?status=amended", 2, NULL).s, old.s);
    struct test_page page = page_at("Observation?status=final", 3, STR(""));
    ck_assert_str_eq(page.ids.s, "o299 o298 o297");
}
END_TEST

START_TEST(test_matches_for_conditional_interactions)
{
    struct sql q;
    const struct db_rows *rows;
    seed = 37;
    populate();
    struct search_query *query = parse("Observation?code=c1");
    search_plan_match(query, &t.stats, 2, &q);
    ck_ok(db_exec(t.db, &t.a, &q, &rows, &err));
    ck_assert_int_eq(db_count(rows), 2);
}
END_TEST

Suite *suite_search_plan(void)
{
    Suite *s = suite_create("search_plan");
    TCase *c = tcase_create("model");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_queries_find_what_a_scan_finds);
    tcase_add_test(c, test_regimes_agree_on_the_order);
    tcase_add_test(c, test_pages_under_writers);
    tcase_add_test(c, test_pages_backwards);
    tcase_add_test(c, test_pages_backwards_under_writers);
    tcase_add_test(c, test_total_is_counted_up_to_the_limit);
    tcase_add_test(c, test_total_is_estimated_beyond_the_limit);
    tcase_add_test(c, test_rows_of_a_large_database_are_counted_less_far_than_its_indexes);
    tcase_add_test(c, test_what_is_all_old_is_found);
    tcase_add_test(c, test_matches_for_conditional_interactions);
    suite_add_tcase(s, c);
    return s;
}
