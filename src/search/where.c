/*
 * Criterion → SQL condition on a row of res.
 *
 * The text depends on the shape of the criteria only; all values are parameters. A condition on keys has two
 * forms: with the operators that the GIN index serves, and with the functions behind them, which no index serves,
 * for rows that an ordered scan already delivers (the planner must not leave it for the GIN index; see plan.c).
 */
#include "base/utf8.h"
#include "internal.h"

/* Sorts after every text: the last code point. */
#define LAST "\xF4\x8F\xBF\xBF"

/* ---- ranges ------------------------------------------------------------------------------------------ */

/*
 * The prefixes (search.html#prefix) over a stored range [L, H]. Dates: the query is the range [A, B]; numbers: V, or
 * [A, B) with eq, ne and ap. S is a day before A: a stored range that begins before S and reaches A is longer than
 * a day, and such are few and have an index of their own. So what asks for far ends is asked in two parts that
 * share no row, each with a bound on an indexed column.
 */
struct prefix {
    const char *part, *far;
};

static const struct prefix dates[] = {
    [OP_EQ] = {"L >= A AND L <= B AND H <= B", NULL},
    [OP_NE] = {"(L < A OR H > B)", NULL},
    [OP_GT] = {"L >= S AND H > B", "L < S AND H - L > 86400000000 AND H > B"},
    [OP_LT] = {"L < A", NULL},
    [OP_GE] = {"L >= S AND (L >= A OR H > B)", "L < S AND H - L > 86400000000 AND H > B"},
    [OP_LE] = {"L <= B AND (L < A OR H <= B)", NULL},
    [OP_SA] = {"L > B", NULL},
    [OP_EB] = {"L < A AND H < A", NULL},
    [OP_AP] = {"L >= S AND L <= B AND H >= A", "L < S AND H - L > 86400000000 AND H >= A"},
    [OP_OVERLAPS] = {"L >= S AND L <= B AND H >= A", "L < S AND H - L > 86400000000 AND H >= A"},
    [OP_CONTAINS] = {"L >= S AND L <= A AND H >= B", "L < S AND H - L > 86400000000 AND H >= B"},
    [OP_YEARS_AFTER] = {"L > B", "L >= A AND L <= B"},
    [OP_YEARS_BEFORE] = {"L < A AND L > '-9223372036854775808'::int8", "L >= A AND L <= B"},
};

static const struct prefix numbers[] = {
    [OP_EQ] = {"L >= A AND L < B AND H < B", NULL},
    [OP_NE] = {"(L < A OR H >= B)", NULL},
    [OP_GT] = {"L > V", "L <= V AND L <> H AND H > V"},
    [OP_LT] = {"L < V", NULL},
    [OP_GE] = {"L >= V", "L < V AND L <> H AND H >= V"},
    [OP_LE] = {"L <= V", NULL},
    [OP_SA] = {"L > V", NULL},
    [OP_EB] = {"L < V AND H < V", NULL},
    [OP_AP] = {"L >= A AND L <= B", "L < A AND L <> H AND H >= A"},
};

/* lastUpdated is an instant; µs are exact. */
static const struct prefix instants[] = {
    [OP_EQ] = {"L >= A AND L <= B", NULL},
    [OP_NE] = {"(L < A OR L > B)", NULL},
    [OP_GT] = {"L > B", NULL},
    [OP_LT] = {"L < A", NULL},
    [OP_GE] = {"L >= A", NULL},
    [OP_LE] = {"L <= B", NULL},
    [OP_SA] = {"L > B", NULL},
    [OP_EB] = {"L < A", NULL},
    [OP_AP] = {"L >= A AND L <= B", NULL},
    [OP_OVERLAPS] = {"L >= A AND L <= B", NULL},
    [OP_CONTAINS] = {"L <= A AND L >= B", NULL},
};

/* What of a date's part says where the range begins; of the overflow table, which has no ends. */
static const char *const begins[] = {
    [OP_EQ] = "L >= A AND L <= B",
    [OP_NE] = "true",
    [OP_GT] = "L >= S",
    [OP_LT] = "L < A",
    [OP_GE] = "L >= S",
    [OP_LE] = "L <= B",
    [OP_SA] = "L > B",
    [OP_EB] = "L < A",
    [OP_AP] = "L >= S AND L <= B",
    [OP_OVERLAPS] = "L >= S AND L <= B",
    [OP_CONTAINS] = "L >= S AND L <= A",
    [OP_YEARS_AFTER] = "L >= A",
    [OP_YEARS_BEFORE] = "L <= B",
};

#define DAY INT64_C(86400000000)

static int bind(struct search__sql *w, const struct search_criterion *c, char letter)
{
    struct sql *q = w->sql;
    if (c->kind == CRIT_NUMBER)
        return sql_numeric(q, letter == 'A' ? c->nlo : letter == 'B' ? c->nhi : c->num);
    int64_t v = letter == 'B' ? c->hi : letter == 'S' ? c->lo - DAY : c->lo;
    return c->kind == CRIT_UPDATED ? sql_timestamptz(q, v) : sql_int8(q, v);
}

static void range(struct search__sql *w, const struct search_criterion *c, const char *template,
                  const char *lo, const char *hi)
{
    int bound['Z' + 1] = {0};
    for (const char *p = template; *p; p++) {
        bool letter = *p >= 'A' && *p <= 'Z' && !(p[1] >= 'A' && p[1] <= 'Z') &&
                      (p == template || !(p[-1] >= 'A' && p[-1] <= 'Z'));
        if (letter && (*p == 'L' || *p == 'H')) {
            sql_adds(w->sql, *p == 'L' ? lo : hi);
        } else if (letter) {
            int i = (unsigned char)*p;
            if (!bound[i])
                bound[i] = bind(w, c, *p);
            sql_addf(w->sql, "$%d", bound[i]);
        } else {
            buf_addc(&w->sql->text, *p);
        }
    }
}

static const struct prefix *prefix_of(const struct search_criterion *c)
{
    return c->kind == CRIT_DATE     ? &dates[c->op]
           : c->kind == CRIT_NUMBER ? &numbers[c->nop]
                                    : &instants[c->op];
}

/* One part, or both when far is NULL. */
static void whole_range(struct search__sql *w, const struct search_criterion *c, const char *lo,
                        const char *hi)
{
    const struct prefix *p = prefix_of(c);
    sql_adds(w->sql, p->far ? "((" : "");
    range(w, c, p->part, lo, hi);
    if (p->far) {
        sql_adds(w->sql, ") OR (");
        range(w, c, p->far, lo, hi);
        sql_adds(w->sql, "))");
    }
}

/* ---- side tables ------------------------------------------------------------------------------------- */

/* It ends in the text, or has it anywhere. */
static struct str like_pattern(struct arena *a, struct str text, bool anywhere)
{
    struct buf b;
    buf_init(&b, a, text.len + 8);
    buf_addc(&b, '%');
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("\\%_", text.s[i]))
            buf_addc(&b, '\\');
        buf_addc(&b, text.s[i]);
    }
    if (anywhere)
        buf_addc(&b, '%');
    return buf_str(&b);
}

/* Side by side, and at the end for ENDS; the index finds those that have them anywhere. */
static void grams_condition(struct search__sql *w, const struct search_criterion *c)
{
    struct sql *q = w->sql;
    struct buf b;
    buf_init(&b, q->a, 24 * c->n_grams);
    buf_adds(&b, "%");
    for (size_t i = 0; i < c->n_grams; i++)
        buf_addf(&b, ",%lld", (long long)c->grams[i]);
    buf_adds(&b, c->match == MATCH_CONTAINS ? ",%" : ",");
    sql_addf(q, "s.grams @> $%d AND ',' || array_to_string(s.grams, ',') || ',' LIKE $%d",
             sql_int8_array(q, c->grams, c->n_grams), sql_text(q, buf_str(&b)));
}

static void string_condition(struct search__sql *w, const struct search_criterion *c)
{
    static const char *const compare[] = {[MATCH_EQUAL] = "=",  [MATCH_UNEQUAL] = "<>", [MATCH_AFTER] = ">",
                                          [MATCH_BEFORE] = "<", [MATCH_FROM] = ">=",    [MATCH_TO] = "<="};
    struct sql *q = w->sql;
    switch (c->match) {
    case MATCH_PREFIX:
        sql_addf(q, "s.val >= $%d AND s.val <= $%d", sql_text(q, c->text),
                 sql_text(q, str_of(arena_printf(q->a, "%.*s" LAST, STR_FMT(c->text)))));
        break;
    case MATCH_EXACT:
        sql_addf(q, "s.val = $%d AND coalesce(s.raw, s.val) = $%d", sql_text(q, c->text),
                 sql_text(q, c->raw));
        break;
    case MATCH_CONTAINS:
    case MATCH_ENDS:
        if (c->sealed) {
            grams_condition(w, c);
            break;
        }
        sql_addf(q, "s.val LIKE $%d", sql_text(q, like_pattern(q->a, c->text, c->match == MATCH_CONTAINS)));
        break;
    case MATCH_EQUAL:
    case MATCH_UNEQUAL:
    case MATCH_AFTER:
    case MATCH_BEFORE:
    case MATCH_FROM:
    case MATCH_TO:
        sql_addf(q, "s.val %s $%d", compare[c->match], sql_text(q, c->text));
        break;
    }
}

static void number_condition(struct search__sql *w, const struct search_criterion *c, const char *part)
{
    struct sql *q = w->sql;
    sql_addf(q, "s.tok = $%d AND ", sql_int8(q, c->tok));
    const char *lo = c->standard ? "s.slo" : "s.lo", *hi = c->standard ? "s.shi" : "s.hi";
    if (c->standard)
        sql_addf(q, "s.sc <> 0 AND s.sc = $%d AND ", sql_int8(q, c->unit)); /* as the index has it */
    else if (c->unit)
        sql_addf(q, "(s.c = $%d OR s.u = $%d) AND ", sql_int8(q, c->unit), sql_int8(q, c->unit));
    if (c->end) { /* two points, not a range */
        whole_range(w, c, lo, lo);
        sql_adds(q, " AND ");
        whole_range(w, c->end, hi, hi);
    } else if (part) {
        range(w, c, part, lo, hi);
    } else {
        whole_range(w, c, lo, hi);
    }
}

static const struct search_criterion *side_of(const struct search_criterion *c);

static void side_condition(struct search__sql *w, const struct search_criterion *c, const char *part)
{
    if (c->kind == CRIT_STRING)
        string_condition(w, c);
    else if (c->kind == CRIT_TEXT)
        sql_addf(w->sql, "s.v @@ $%d::tsquery", sql_text(w->sql, c->words));
    else if (c->kind == CRIT_NEAR)
        search__near_condition(w, c);
    else if (c->kind == CRIT_NUMBER)
        number_condition(w, c, part);
    else if (part)
        range(w, c, part, "s.lo", "s.hi");
    else
        whole_range(w, c, "s.lo", "s.hi");
}

/* IS TRUE, which no index serves: rows come in the order of dates, and the unit's are few enough. */
void search__walk_number(struct search__sql *w, const struct search_criterion *part)
{
    struct sql *q = w->sql;
    const struct search_criterion *c = side_of(part);
    sql_addf(q, "SELECT s.dt, s.k FROM idx_num s WHERE s.tenant = $%d AND s.rtype = $%d AND s.param = $%d",
             w->tenant, search__side_type(w, w->q->types[0]), sql_int4(q, c->param->id));
    sql_addf(q, " AND s.tok = $%d", sql_int8(q, c->tok));
    sql_addf(q, " AND s.sc <> 0 AND s.sc = $%d AND (", sql_int8(q, c->unit));
    whole_range(w, c, "s.slo", "s.shi");
    sql_adds(q, ") IS TRUE");
}

static const char *const side_tables[] = {[CRIT_STRING] = "idx_str",
                                          [CRIT_DATE] = "idx_date",
                                          [CRIT_NUMBER] = "idx_num",
                                          [CRIT_NEAR] = "idx_num",
                                          [CRIT_TEXT] = "idx_text"};

static bool is_side(const struct search_criterion *c)
{
    return c->kind < sizeof side_tables / sizeof side_tables[0] && side_tables[c->kind] &&
           (c->kind != CRIT_DATE || c->lane != LANE_DATE);
}

/* All but the words are of a parameter. hide: see select_side(). */
static void of_param(struct search__sql *w, const struct search_criterion *c, const char *hide)
{
    if (c->kind != CRIT_TEXT)
        sql_addf(w->sql, "s.param%s = $%d AND ", hide, sql_int4(w->sql, c->param->id));
}

/* OFFSET 0 keeps the planner from making a join of the probe, which would start at the other table. */
static void probe_side(struct search__sql *w, const struct search_criterion *c, int r)
{
    sql_addf(w->sql, "EXISTS (SELECT 1 FROM %s s WHERE s.tenant = $%d AND s.k = r%d.k AND ",
             side_tables[c->kind], w->tenant, r);
    of_param(w, c, "");
    side_condition(w, c, NULL);
    sql_adds(w->sql, " OFFSET 0)");
}

/*
 * The lanes have the number, unless there is none or it is no point: as written (q), and in the standard unit (q_standard,
 * q_unit), which rows that an older schema wrote do not have. Where they are null the side table is asked; so it is
 * for units as written, of which the lanes know nothing.
 */
static void quantity_filter(struct search__sql *w, const struct search_criterion *c, int r)
{
    struct sql *q = w->sql;
    const char *lane = arena_printf(q->a, c->standard ? "r%d.q_standard" : "r%d.q", r);
    bool whole = c->standard || !c->unit;
    if (c->standard)
        sql_addf(q, "(CASE WHEN r%d.q_unit IS NOT NULL THEN r%d.q_unit = $%d AND ", r, r,
                 sql_int8(q, c->unit));
    else
        sql_addf(q, whole ? "(CASE WHEN %s IS NOT NULL THEN " : "((%s IS NULL OR ", lane);
    range(w, c, numbers[c->nop].part, lane, lane);
    sql_adds(q, whole ? " ELSE " : ") AND ");
    probe_side(w, c, r);
    sql_adds(q, whole ? " END)" : ")");
}

/* Three letters or digits in a row: what the trigram index can look up. */
static bool has_trigram(struct str text)
{
    size_t run = 0;
    for (size_t i = 0; i < text.len && run < 3;) {
        int32_t c = utf8_next(text, &i);
        bool word = c > 0x7f || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        run = word ? run + 1 : 0;
    }
    return run >= 3;
}

/* Of so few resources all strings are read faster than trigrams find some. */
#define FEW_STRINGS 200

static void select_side(struct search__sql *w, const struct search_criterion *c, const struct fhir_type *type,
                        const char *part)
{
    /* + 0 hides a column from its index: the trigrams find fewer rows than type and parameter do */
    int64_t rows = type && !w->contained ? search__rows_of_type(w->stats, type) : 0;
    bool trigrams = c->kind == CRIT_STRING && (c->match == MATCH_CONTAINS || c->match == MATCH_ENDS) &&
                    (c->sealed || (has_trigram(c->text) && (!rows || rows > FEW_STRINGS)));
    const char *hide = trigrams ? " + 0" : "";
    sql_addf(w->sql, "SELECT s.k AS v%s FROM %s s WHERE s.tenant = $%d AND ", w->dated ? ", s.dt" : "",
             side_tables[c->kind], w->tenant);
    if (type)
        sql_addf(w->sql, "s.rtype%s = $%d AND ", hide, search__side_type(w, type));
    else
        sql_addf(w->sql, "s.rtype = ANY ($%d) AND ", search__types_param(w));
    of_param(w, c, hide);
    side_condition(w, c, part);
}

static void list(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use);

/* By index: the rows' k are selected from the table. */
static void select_in(struct search__sql *w, const struct search_criterion *c, int r)
{
    sql_addf(w->sql, "r%d.k IN (", r);
    search__driver_select(w, c, c->type);
    sql_adds(w->sql, ")");
    if (search__drives_loosely(w, c)) {
        sql_adds(w->sql, " AND ");
        list(w, c, r, USE_FILTER);
    }
}

static void side(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use)
{
    if (use == USE_INDEX)
        select_in(w, c, r);
    else if (c->kind == CRIT_NUMBER && c->lane == LANE_QUANTITY)
        quantity_filter(w, c, r);
    else
        probe_side(w, c, r);
}

/* ---- conditions on the row --------------------------------------------------------------------------- */

static int key_array(struct search__sql *w, const struct search_criterion *c, bool lanes)
{
    int64_t *v = ARENA_ARRAY(w->sql->a, int64_t, c->n_keys);
    for (size_t i = 0; i < c->n_keys; i++)
        v[i] = lanes ? c->keys[i].lane : c->keys[i].key;
    return sql_int8_array(w->sql, v, c->n_keys);
}

int search__types_param(struct search__sql *w)
{
    const struct search_query *q = w->q;
    int n = q->n_types ? q->n_types : fhir_resource_count(q->registry->defs);
    int16_t *ids = ARENA_ARRAY(q->a, int16_t, n);
    for (int i = 0; i < n; i++)
        ids[i] = (int16_t)(q->n_types ? q->types[i] : fhir_resource_at(q->registry->defs, i))->id;
    return sql_int2_array(w->sql, ids, (size_t)n);
}

static void keys_condition(struct search__sql *w, const struct search_criterion *c, int r,
                           enum search__use use)
{
    struct sql *q = w->sql;
    bool one = c->n_keys == 1;
    if (c->lane == LANE_PAT && one)
        sql_addf(q, "r%d.pat = $%d", r, sql_int8(q, c->keys[0].lane));
    else if (c->lane == LANE_PAT)
        sql_addf(q, "r%d.pat = ANY ($%d)", r, key_array(w, c, true));
    else if (use == USE_INDEX)
        sql_addf(q, "r%d.keys %s $%d", r, one ? "@>" : "&&", key_array(w, c, false));
    else if (one)
        sql_addf(q, "$%d = ANY (r%d.keys)", sql_int8(q, c->keys[0].key), r);
    else
        sql_addf(q, "arrayoverlap(r%d.keys, $%d)", r, key_array(w, c, false));
}

static void dict_condition(struct search__sql *w, const struct search_criterion *c, int r,
                           enum search__use use)
{
    struct sql *q = w->sql;
    sql_addf(q, use == USE_INDEX ? "r%d.keys && (" : "arrayoverlap(r%d.keys, (", r);
    sql_addf(q, "SELECT coalesce(array_agg(d.key), '{}') FROM idx_dict d WHERE d.tenant = $%d", w->tenant);
    if (c->type)
        sql_addf(q, " AND d.rtype = $%d", sql_int2(q, (int16_t)c->type->id));
    sql_addf(q, " AND d.param = $%d AND d.kind = $%d AND d.val >= $%d AND d.val < $%d)%s",
             sql_int4(q, c->param->id), sql_int2(q, (int16_t)c->dict), sql_text(q, c->from),
             sql_text(q, c->to), use == USE_INDEX ? "" : ")");
}

static void id_condition(struct search__sql *w, const struct search_criterion *c, int r)
{
    struct sql *q = w->sql;
    if (c->n_ids == 1)
        sql_addf(q, "r%d.rid = $%d", r, sql_text(q, c->ids[0]));
    else
        sql_addf(q, "r%d.rid = ANY ($%d)", r, sql_text_array(q, c->ids, c->n_ids));
}

static void date_condition(struct search__sql *w, const struct search_criterion *c, int r)
{
    const char *lo = arena_printf(w->sql->a, "r%d.dt", r), *hi = arena_printf(w->sql->a, "r%d.dt_hi", r);
    /* No date is the far past in the lane, and matches no comparison. */
    if (c->op == OP_NE || c->op == OP_LT || c->op == OP_LE || c->op == OP_EB)
        sql_addf(w->sql, "%s > '-9223372036854775808'::int8 AND ", lo);
    if (!c->named) {
        whole_range(w, c, lo, hi);
        return;
    }
    sql_adds(w->sql, "((");
    search__date_part(w, c, r, false);
    sql_adds(w->sql, ") OR (");
    search__date_part(w, c, r, true);
    sql_adds(w->sql, "))");
}

/* One by one while they are few; of many a hash table is made, once in a statement. */
static void one_of_patients(struct sql *q, const struct search_criterion *c, int patients)
{
    enum { FEW = 64 };
    sql_addf(q, c->n_patients <= FEW ? " = ANY ($%d)" : " IN (SELECT unnest($%d::int8[]))", patients);
}

/* A key of a compartment is the patient's hash and a constant of the row's type. */
static void about(struct search__sql *w, const struct search_criterion *c, int r)
{
    struct sql *q = w->sql;
    int patients = sql_int8_array(q, c->patients, c->n_patients);
    sql_adds(q, "(");
    if (c->by_lane) {
        sql_addf(q, "r%d.pat", r);
        one_of_patients(q, c, patients);
        sql_adds(q, " OR ");
    }
    sql_addf(q, "EXISTS (SELECT 1 FROM unnest(r%d.keys) u WHERE ((u # ", r);
    if (c->type)
        sql_addf(q, "$%d)", sql_int8(q, c->compartments[0]));
    else
        sql_addf(q, "($%d::int8[])[r%d.rtype])", sql_int8_array(q, c->compartments, c->n_compartments), r);
    one_of_patients(q, c, patients);
    sql_adds(q, ") IS TRUE))");
}

bool search__has_far_part(const struct search_criterion *c)
{
    return c->kind == CRIT_DATE && c->lane == LANE_DATE && dates[c->op].far;
}

void search__date_part(struct search__sql *w, const struct search_criterion *c, int r, bool far)
{
    const char *lo = arena_printf(w->sql->a, "r%d.dt", r), *hi = arena_printf(w->sql->a, "r%d.dt_hi", r);
    range(w, c, far ? dates[c->op].far : dates[c->op].part, lo, hi);
    if (far && c->named) {
        sql_adds(w->sql, " AND ");
        search__where(w, c->named, r, USE_FILTER);
    }
}

void search__date_begin(struct search__sql *w, const struct search_criterion *c, const char *column)
{
    range(w, c, begins[c->op], column, column);
}

int search__code_param(struct search__sql *w, const struct search_criterion *c)
{
    return c->n_keys == 1 ? sql_int8(w->sql, c->keys[0].lane) : key_array(w, c, true);
}

bool search__names_type(const struct search_criterion *c, const struct fhir_type *type)
{
    return type && c->kind == CRIT_KEYS && c->lane != LANE_PAT && (!c->param || c->param->type == type);
}

/* A compartment has few rows (access.c: its keys have the compartment's hash beside them). */
static bool is_compartment(const struct search_criterion *access)
{
    const struct search_criterion *c = access->child->kind == CRIT_AND ? access->child->child : access->child;
    return c && c->kind == CRIT_KEYS && c->lane == LANE_NONE && c->n_keys && c->keys[0].lane;
}

/* By index, rows are found by one of the conditions that must all hold. */
static const struct search_criterion *lead_of(const struct search__sql *w, const struct search_criterion *all)
{
    static const int rank[] = {
        [CRIT_ID] = 9,     [CRIT_KEYS] = 8, [CRIT_DICT] = 7,  [CRIT_TREE] = 7,    [CRIT_STRING] = 6,
        [CRIT_NUMBER] = 5, [CRIT_TEXT] = 6, [CRIT_NEAR] = 6,  [CRIT_OR] = 4,      [CRIT_AND] = 4,
        [CRIT_CHAIN] = 3,  [CRIT_HAS] = 3,  [CRIT_DATE] = 2,  [CRIT_UPDATED] = 2, [CRIT_TARGET] = 1,
        [CRIT_NOT] = 0,    [CRIT_NONE] = 0, [CRIT_TYPES] = 1, [CRIT_LABELS] = 0,  [CRIT_ACCESS] = 0,
        [CRIT_ABOUT] = 0,  [CRIT_BARE] = 0};
    const struct search_criterion *best = all->child;
    for (const struct search_criterion *c = all->child; c; c = c->next) {
        if (c->kind == CRIT_ACCESS && !w->contained && is_compartment(c))
            return c;
        if (rank[c->kind] > rank[best->kind])
            best = c;
    }
    return best;
}

static void list(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use)
{
    const char *between = "";
    const struct search_criterion *lead = c->kind == CRIT_AND && use == USE_INDEX ? lead_of(w, c) : NULL;
    sql_adds(w->sql, c->child ? "(" : "true");
    for (const struct search_criterion *child = c->child; child; child = child->next) {
        sql_adds(w->sql, between);
        search__where(w, child, r, c->kind == CRIT_AND && child != lead ? USE_FILTER : use);
        between = c->kind == CRIT_AND ? " AND " : " OR ";
    }
    sql_adds(w->sql, c->child ? ")" : "");
}

void search__where(struct search__sql *w, const struct search_criterion *c, int r, enum search__use use)
{
    struct sql *q = w->sql;
    switch (c->kind) {
    case CRIT_NONE:
    case CRIT_OPENED: /* has become another */
        sql_adds(q, "false");
        break;
    case CRIT_OR:
        if (use == USE_INDEX && c->type && search__drives(c)) {
            select_in(w, c, r);
            break;
        }
        list(w, c, r, use);
        break;
    case CRIT_AND:
        list(w, c, r, use);
        break;
    case CRIT_NOT: /* also of NULL, which a lane may be */
        sql_adds(q, "(");
        search__where(w, c->child, r, USE_FILTER);
        sql_adds(q, ") IS NOT TRUE");
        break;
    case CRIT_KEYS:
        keys_condition(w, c, r, use);
        break;
    case CRIT_DICT:
        dict_condition(w, c, r, use);
        break;
    case CRIT_TREE:
        sql_addf(q, use == USE_INDEX ? "r%d.keys && " : "arrayoverlap(r%d.keys, ", r);
        search__tree_keys(w, c);
        sql_adds(q, use == USE_INDEX ? "" : ")");
        break;
    case CRIT_ID:
        id_condition(w, c, r);
        break;
    case CRIT_NUMBER:
    case CRIT_STRING:
    case CRIT_TEXT:
    case CRIT_NEAR:
        side(w, c, r, use);
        break;
    case CRIT_DATE:
        if (is_side(c))
            side(w, c, r, use);
        else
            date_condition(w, c, r);
        break;
    case CRIT_UPDATED: {
        const char *lu = arena_printf(q->a, "r%d.lu", r);
        whole_range(w, c, lu, lu);
        break;
    }
    case CRIT_CHAIN:
    case CRIT_HAS:
        search__join(w, c, r, use);
        break;
    case CRIT_TYPES:
        sql_addf(q, "r%d.rtype = ANY ($%d)", r, sql_int2_array(q, c->type_ids, c->n_type_ids));
        break;
    case CRIT_LABELS:
        /* the function: nobody looks for labels by an index, nor is it worth the planner's while to count them */
        sql_addf(q, "arrayoverlap(r%d.labels, $%d)", r, sql_int8_array(q, c->labels, c->n_labels));
        break;
    case CRIT_BARE:
        sql_addf(q, "r%d.labels = '{}'", r);
        break;
    case CRIT_ABOUT:
        about(w, c, r);
        break;
    case CRIT_ACCESS:
        if (w->contained)
            sql_adds(q, "true");
        else
            search__where(w, c->child, r, use);
        break;
    case CRIT_TARGET:
        if (!search__names_type(c->child, c->type))
            sql_addf(q, "r%d.rtype = $%d AND ", r, sql_int2(q, (int16_t)c->type->id));
        search__where(w, c->child, r, use);
        break;
    }
}

void search__where_seen(struct search__sql *w, const struct fhir_type *const *types, size_t n, int r)
{
    const struct search_access *x = w->q->options.access;
    const struct search_criterion *c = x ? search__access(x, types, n) : NULL;
    if (!c)
        return;
    sql_adds(w->sql, " AND ");
    search__where(w, c, r, USE_FILTER);
}

/* ---- drivers ----------------------------------------------------------------------------------------- */

/* Itself, or of criteria that must all hold one of a side table. */
static const struct search_criterion *side_of(const struct search_criterion *c)
{
    if (c->kind != CRIT_AND)
        return is_side(c) ? c : NULL;
    for (const struct search_criterion *child = c->child; child; child = child->next)
        if (is_side(child))
            return child;
    return NULL;
}

const struct search_criterion *search__number_part(const struct search_criterion *c, int i)
{
    if (c->kind != CRIT_OR)
        return i == 0 ? c : NULL;
    const struct search_criterion *part = c->child;
    while (part && i-- > 0)
        part = part->next;
    return part;
}

bool search__walks_numbers(const struct search_criterion *c)
{
    const struct search_criterion *part;
    for (int i = 0; (part = search__number_part(c, i)); i++) {
        const struct search_criterion *side = side_of(part);
        if (!side || side->kind != CRIT_NUMBER || !side->standard || side->end)
            return false;
    }
    return true;
}

bool search__drives(const struct search_criterion *c)
{
    if (c->kind != CRIT_OR)
        return is_side(c) || search__is_join(c);
    for (const struct search_criterion *child = c->child; child; child = child->next)
        if (side_of(child) || child->kind == CRIT_DICT)
            return true;
    return false;
}

bool search__is_dated(const struct search_criterion *c)
{
    if (c->kind != CRIT_OR)
        return c->kind == CRIT_STRING || c->kind == CRIT_NUMBER;
    for (const struct search_criterion *child = c->child; child; child = child->next)
        if (child->kind == CRIT_OR || !search__is_dated(child))
            return false;
    return true;
}

/* A value is looked up rather than the rows of a key when those are many (code-value-quantity). */
static bool is_loose(const struct search__sql *w, const struct search_criterion *all)
{
    if (all->kind != CRIT_AND || !side_of(all))
        return false;
    for (const struct search_criterion *c = all->child; c; c = c->next)
        if (c->kind == CRIT_KEYS && !search__rows_of_keys(w->stats, c))
            return false;
    return true;
}

bool search__is_looked_up(const struct search__sql *w, const struct search_criterion *c)
{
    return is_side(c) || is_loose(w, c);
}

bool search__drives_loosely(const struct search__sql *w, const struct search_criterion *c)
{
    if (c->kind == CRIT_OR)
        for (const struct search_criterion *child = c->child; child; child = child->next)
            if (is_loose(w, child))
                return true;
    return false;
}

/* type NULL: the types that are searched. */
static void select_rows(struct search__sql *w, const struct search_criterion *c, const struct fhir_type *type)
{
    struct sql *q = w->sql;
    int r = ++w->aliases;
    const struct search_criterion *lead = c->kind == CRIT_AND && c->child ? lead_of(w, c) : c;
    bool by_key = lead->kind == CRIT_DICT || (lead->kind == CRIT_KEYS && lead->lane != LANE_PAT);
    const char *hide = by_key ? " + 0" : ""; /* from the indexes: keys find few rows, a type many */
    sql_addf(q, "SELECT r%d.k AS v FROM %s r%d WHERE r%d.tenant = $%d AND NOT r%d.deleted", r,
             search__rows(w), r, r, w->tenant, r);
    if (type)
        sql_addf(q, " AND r%d.rtype%s = $%d AND ", r, hide, sql_int2(q, (int16_t)type->id));
    else
        sql_addf(q, " AND r%d.rtype%s = ANY ($%d) AND ", r, hide, search__types_param(w));
    search__where(w, c, r, USE_INDEX);
}

static void select_parts(struct search__sql *w, const struct search_criterion *c,
                         const struct fhir_type *type)
{
    bool ranges = c->kind == CRIT_DATE || (c->kind == CRIT_NUMBER && !c->end);
    const struct prefix *p = ranges ? prefix_of(c) : NULL;
    select_side(w, c, type, p ? p->part : NULL);
    if (p && p->far) {
        sql_adds(w->sql, " UNION ALL ");
        select_side(w, c, type, p->far);
    }
}

void search__driver_select(struct search__sql *w, const struct search_criterion *c,
                           const struct fhir_type *type)
{
    if (search__is_join(c)) {
        search__join_select(w, c);
    } else if (is_side(c)) {
        select_parts(w, c, type);
    } else if (c->kind == CRIT_OR) {
        for (const struct search_criterion *child = c->child; child; child = child->next) {
            if (search__is_looked_up(w, child))
                select_parts(w, side_of(child), type);
            else
                select_rows(w, child, type);
            sql_adds(w->sql, child->next ? " UNION ALL " : "");
        }
    } else {
        select_rows(w, c, type);
    }
}
