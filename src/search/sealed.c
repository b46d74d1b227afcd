/*
 * Values of sealed elements (setting identity.seal) as the index has them: keyed hashes, from which nobody without the key
 * reads a value, and by which the same questions are answered as of values that are not sealed (docs/identity.md says
 * what they tell who has the database).
 *
 *     strings   val is a chain: six signs a character, hashed from all characters up to it, so that what begins alike
 *               has a beginning in common, as prefixes need; raw is a hash; grams are hashes of each two characters that
 *               follow each other, in their order, for :contains
 *     dates     the lane or row has the year; keys have the year, the month and the value itself
 *     tokens    have been keyed hashes all along; idx_dict has none of their values
 *     words     are hashes; of a pair of kana or kanji, one of the first as well
 */
#include <stdio.h>

#include "base/utf8.h"
#include "internal.h"

static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
/* Of chains. They belong to no word, so that the index of trigrams has nothing of them, of which it could make no use. */
static const char signs[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

bool search__is_sealed(const struct search_tenant *t, const struct search_param *p)
{
    const struct identity_policy *policy = t->sealed;
    if (!policy || !p->expr || identity_policy_keeps(policy, p->type))
        return false;
    if (!p->leaves.known && (p->def->type != FHIR_SEARCH_DATE || identity_policy_dates(policy, p->type)))
        return true;
    for (size_t i = 0; i < p->leaves.n; i++)
        if (identity_policy_seals(policy, p->leaves.items[i].element, p->leaves.items[i].type))
            return true;
    return false;
}

/* ---- strings ------------------------------------------------------------------------------------------------- */

static uint64_t begin(const struct search_tenant *t, const struct search_param *p, const char *what)
{
    return hash_strs(&t->blind, str_of(what), (struct str){(const char *)&p->ident, sizeof p->ident});
}

static uint64_t next(const struct search_tenant *t, uint64_t state, int32_t c)
{
    const struct {
        uint64_t state;
        int64_t c;
    } step = {state, c};
    return hash_bytes(&t->blind, &step, sizeof step);
}

struct str search__sealed_text(const struct search_tenant *t, const struct search_param *p, struct arena *a,
                               struct str text)
{
    uint64_t state = begin(t, p, "text");
    char *out = arena_alloc(a, 6 * text.len + 1), *to = out;
    for (size_t i = 0; i < text.len;) {
        state = next(t, state, utf8_next(text, &i));
        for (int bits = 0; bits < 30; bits += 5)
            *to++ = signs[state >> bits & 31];
    }
    *to = '\0';
    return (struct str){out, (size_t)(to - out)};
}

struct str search__sealed_raw(const struct search_tenant *t, const struct search_param *p, struct arena *a,
                              struct str raw)
{
    uint64_t h = begin(t, p, "raw");
    h = hash_strs(&t->blind, (struct str){(const char *)&h, sizeof h}, raw);
    return str_of(arena_printf(a, "%016llx", (unsigned long long)h));
}

void search__sealed_grams(const struct search_tenant *t, const struct search_param *p, struct arena *a,
                          struct str text, int64_t **grams, size_t *n)
{
    uint64_t first = begin(t, p, "gram");
    int32_t before = -1;
    *grams = ARENA_ARRAY(a, int64_t, text.len + 1);
    *n = 0;
    for (size_t i = 0; i < text.len;) {
        int32_t c = utf8_next(text, &i);
        if (before >= 0)
            (*grams)[(*n)++] = (int64_t)next(t, next(t, first, before), c);
        before = c;
    }
}

/* What hashes do not answer is opened, where it may be. */
static struct search_criterion *open_or_refuse(struct search__parse *p, struct search_criterion *c,
                                               struct str text, const char *why)
{
    struct search_criterion *opened = search__open(p, c, text);
    if (!opened)
        err_set(p->err, ERR_TOO_COSTLY, "search parameter %s: what is searched is sealed (identity.seal): %s",
                c->param->def->code, why);
    return opened;
}

struct search_criterion *search__seal_string(struct search__parse *p, struct search_criterion *c)
{
    if (c->kind == CRIT_OR) {
        for (struct search_criterion *child = c->child; child; child = child->next)
            if (!search__seal_string(p, child))
                return NULL;
        return c;
    }
    if (c->kind != CRIT_STRING)
        return c;
    struct str text = c->text;
    c->sealed = true;
    c->text = search__sealed_text(p->tenant, c->param, p->a, text);
    c->raw = search__sealed_raw(p->tenant, c->param, p->a, c->raw);
    switch (c->match) {
    case MATCH_CONTAINS:
    case MATCH_ENDS:
        search__sealed_grams(p->tenant, c->param, p->a, text, &c->grams, &c->n_grams);
        return c->n_grams ? c
                          : open_or_refuse(p, c, text,
                                           "a text of two characters at least can be found anywhere in it");
    case MATCH_AFTER:
    case MATCH_BEFORE:
    case MATCH_FROM:
    case MATCH_TO:
        return open_or_refuse(p, c, text, "its values have no order");
    default:
        return c;
    }
}

/* ---- dates --------------------------------------------------------------------------------------------------- */

struct range {
    int64_t lo, hi;
};

static void key_of(char out[16], int year, int month, int day)
{
    if (!month)
        snprintf(out, 16, "%04d", year);
    else if (!day)
        snprintf(out, 16, "%04d-%02d", year, month);
    else
        snprintf(out, 16, "%04d-%02d-%02d", year, month, day);
}

static bool range_of(const struct search_tenant *t, const char *text, struct range *out)
{
    struct fhir_datetime d;
    if (!fhir_datetime_parse(str_of(text), &d))
        return false; /* 30 February */
    fhir_datetime_range(&d, t->zone, &out->lo, &out->hi);
    return true;
}

static int64_t key(const struct search_tenant *t, const struct search_param *p, enum search__key_kind kind,
                   const char *text)
{
    return search__key(t, p, kind, str_of(text), STR(""));
}

void search__seal_date(struct search__index *x, const char *text, int64_t *lo, int64_t *hi)
{
    struct fhir_datetime d;
    struct range year;
    char of[3][16];
    if (!text || !fhir_datetime_parse(str_of(text), &d))
        return;
    int precision = d.precision > FHIR_DAY ? FHIR_DAY : (int)d.precision;
    key_of(of[0], d.year, 0, 0);
    key_of(of[1], d.year, d.month, 0);
    key_of(of[2], d.year, d.month, d.day);
    for (int i = 0; i < precision; i++)
        if (i < 2)
            search__add_key(x, key(x->tenant, x->slot->param, KEY_DATE_WITHIN, of[i]));
    search__add_key(x, key(x->tenant, x->slot->param, KEY_DATE, of[precision - 1]));
    if (range_of(x->tenant, of[0], &year)) {
        *lo = year.lo;
        *hi = year.hi;
    }
}

/* As dates[] in where.c: a value over [L, H], asked by c. */
static bool holds(const struct search_criterion *c, const struct range *v)
{
    int64_t a = c->lo, b = c->hi;
    switch (c->op) {
    case OP_EQ:
        return v->lo >= a && v->hi <= b;
    case OP_NE:
        return v->lo < a || v->hi > b;
    case OP_GT:
        return v->hi > b;
    case OP_LT:
        return v->lo < a;
    case OP_GE:
        return v->lo >= a || v->hi > b;
    case OP_LE:
        return v->lo <= b && (v->lo < a || v->hi <= b);
    case OP_SA:
        return v->lo > b;
    case OP_EB:
        return v->hi < a;
    case OP_AP:
    case OP_OVERLAPS:
        return v->lo <= b && v->hi >= a;
    case OP_CONTAINS:
        return v->lo <= a && v->hi >= b;
    case OP_YEARS_AFTER:
    case OP_YEARS_BEFORE:
        break;
    }
    return false;
}

struct asked {
    struct search__parse *p;
    const struct search_criterion *c;
    struct search_criterion *keys;
};

static void add_if(struct asked *q, const char *text)
{
    struct range v;
    if (range_of(q->p->tenant, text, &v) && holds(q->c, &v))
        search__criterion_only_key(q->p->a, q->keys, key(q->p->tenant, q->c->param, KEY_DATE, text));
}

/* A year or month in which the query neither begins nor ends: all its dates answer alike, and one key has them. */
static bool add_whole(struct asked *q, const char *text)
{
    const struct search_criterion *c = q->c;
    struct range v;
    if (c->op == OP_CONTAINS || !range_of(q->p->tenant, text, &v) || (c->lo > v.lo && c->lo <= v.hi) ||
        (c->hi >= v.lo && c->hi < v.hi))
        return false;
    if (holds(c, &v))
        search__criterion_only_key(q->p->a, q->keys, key(q->p->tenant, c->param, KEY_DATE_WITHIN, text));
    return true;
}

static void add_month(struct asked *q, int year, int month)
{
    char text[16];
    key_of(text, year, month, 0);
    if (add_whole(q, text))
        return;
    for (int day = 0; day <= 31; day++) {
        key_of(text, year, month, day);
        add_if(q, text);
    }
}

static void add_year(struct asked *q, int year)
{
    char text[16];
    key_of(text, year, 0, 0);
    if (add_whole(q, text))
        return;
    add_if(q, text);
    for (int month = 1; month <= 12; month++)
        add_month(q, year, month);
}

static int year_of(const struct search_tenant *t, int64_t us)
{
    int year = 1970 + (int)(us / (INT64_C(31556952) * 1000000)); /* nearly */
    char text[16];
    struct range v;
    for (int y = year - 1; y <= year + 1; y++) {
        key_of(text, y, 0, 0);
        if (range_of(t, text, &v) && us >= v.lo && us <= v.hi)
            return y;
    }
    return year;
}

static struct search_criterion *compared(struct search__parse *p, const struct search_criterion *like,
                                         enum search__op op, int64_t lo, int64_t hi)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_DATE, like->param);
    c->lane = like->lane;
    c->op = op;
    c->lo = lo;
    c->hi = hi;
    return c;
}

static struct search_criterion *either(struct arena *a, struct search_criterion *x,
                                       struct search_criterion *y)
{
    struct search_criterion * or = search__criterion(a, CRIT_OR, NULL);
    search__add_child(or, x);
    search__add_child(or, y);
    return or ;
}

/* What lies wholly beyond the years in which the query begins and ends; NULL: nothing that matches does. */
static struct search_criterion *beyond(struct search__parse *p, const struct search_criterion *c,
                                       const struct range *first, const struct range *last)
{
    switch (c->op) {
    case OP_GT:
    case OP_GE:
    case OP_SA:
        return compared(p, c, OP_SA, last->hi, last->hi);
    case OP_LT:
    case OP_LE:
    case OP_EB:
        return compared(p, c, OP_LT, first->lo, first->lo);
    case OP_NE:
        return either(p->a, compared(p, c, OP_LT, first->lo, first->lo),
                      compared(p, c, OP_SA, last->hi, last->hi));
    default:
        return NULL;
    }
}

/*
 * Of the years in which the query begins and ends, all that matches is named by its key; what is of another year lies wholly
 * on one side of either end, wherever in its year. A lane or row has the whole year: comparing where it begins is enough.
 */
struct search_criterion *search__seal_date_criterion(struct search__parse *p, struct search_criterion *c)
{
    int years[2] = {year_of(p->tenant, c->lo), year_of(p->tenant, c->hi)};
    struct asked q = {p, c, search__criterion(p->a, CRIT_KEYS, c->param)};
    struct range span[2];
    char text[16];
    for (int i = 0; i < 2; i++) {
        key_of(text, years[i], 0, 0);
        range_of(p->tenant, text, &span[i]);
        if (!i || years[0] != years[1])
            add_year(&q, years[i]);
    }
    struct search_criterion *found = beyond(p, c, &span[0], &span[1]);
    bool inner = !found && c->op != OP_CONTAINS && years[1] - years[0] > 1;
    if (inner)
        found = compared(p, c, OP_EQ, span[0].hi + 1, span[1].lo - 1);
    if (!q.keys->n_keys)
        q.keys->kind = CRIT_NONE;
    if (!found || q.keys->kind == CRIT_NONE)
        return found ? found : q.keys;
    bool after = c->op == OP_GT || c->op == OP_GE || c->op == OP_SA;
    if (!inner && c->op != OP_NE && c->lane == LANE_DATE) {
        found = compared(p, c, after ? OP_YEARS_AFTER : OP_YEARS_BEFORE, span[0].lo, span[1].hi);
        found->named = q.keys;
        return found;
    }
    return either(p->a, found, q.keys);
}

/* ---- words --------------------------------------------------------------------------------------------------- */

struct str search__sealed_word(const struct search_tenant *t, struct arena *a, struct str word)
{
    uint64_t h = hash_strs(&t->blind, STR("word"), word);
    char *out = arena_alloc(a, 11);
    out[0] = '0';
    for (int i = 0; i < 9; i++)
        out[1 + i] = letters[h >> (6 * i) & 63];
    out[10] = '\0';
    return (struct str){out, 10};
}
