/*
 * String parameters (search.html#string). Index: every part of a name or address, and every plain string, folded
 * (utf8_fold) in idx_str.val; beside it as it was where that differs, for :exact. Query: the part begins with the
 * text; :exact is the text as it was; :contains is anywhere, by trigrams. Postal codes are without their separators on
 * both sides: 160-0023 is 1600023.
 */
#include "base/utf8.h"
#include "internal.h"

/* Longer strings are found by their beginning; a btree entry must fit a third of a page. */
#define FOLD_MAX 400

#define POSTAL_CODE "postalCode"

static struct str without_blanks(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.s[i] != ' ')
            out[n++] = s.s[i];
    return (struct str){out, n};
}

static void add(struct search__index *x, struct str raw, bool postal)
{
    if (!raw.len)
        return;
    struct search_index *out = x->out;
    struct str val = utf8_fold(x->a, raw, FOLD_MAX);
    if (postal)
        val = without_blanks(x->a, val);
    struct search_index_str *s = ARENA_PUSH(x->a, out->strs, out->n_strs, out->cap_strs);
    const struct search_param *p = x->slot->param;
    *s = (struct search_index_str){
        .param = p->id, .val = val, .raw = str_eq(val, raw) ? (struct str){0} : raw};
    if (!x->sealed)
        return;
    s->val = search__sealed_text(x->tenant, p, x->a, val);
    s->raw = search__sealed_raw(x->tenant, p, x->a, raw);
    search__sealed_grams(x->tenant, p, x->a, val, &s->grams, &s->n_grams);
}

static void add_member(struct search__index *x, const json *object, const char *name)
{
    const json *v = json_get(object, name);
    bool postal = strcmp(name, POSTAL_CODE) == 0;
    if (json_is_string(v))
        add(x, str_of(v->valuestring), postal);
    json_each (item, json_is_array(v) ? v : NULL)
        if (json_is_string(item))
            add(x, str_of(item->valuestring), postal);
}

/* The parts of the composite types that a string parameter searches. */
static const struct {
    const char *type, *parts[8];
} parts[] = {
    {"HumanName", {"family", "given", "prefix", "suffix", "text"}},
    {"Address", {"line", "city", "district", "state", POSTAL_CODE, "country", "text"}},
    {"CodeableConcept", {"text"}},
    {"ContactPoint", {"value"}},
    {"Annotation", {"text"}},
};

void search__index_string(struct search__index *x, const struct fp_item *item)
{
    struct fp_item value;
    if (search__extension_value(x, item, &value))
        item = &value;
    const char *text = fp_text(item);
    if (text) {
        add(x, str_of(text), item->element && strcmp(item->element->name, POSTAL_CODE) == 0);
        return;
    }
    for (size_t i = 0; item->type && i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(item->type->name, parts[i].type) == 0)
            for (int j = 0; parts[i].parts[j]; j++)
                add_member(x, item->node, parts[i].parts[j]);
}

/* Does the parameter search postal codes, by themselves or among other parts? */
static bool finds_postal_codes(const struct search_param *param, bool *alone)
{
    bool any = false;
    *alone = true;
    for (size_t i = 0; i < param->leaves.n; i++) {
        const struct search__leaf *leaf = &param->leaves.items[i];
        bool code = leaf->element && strcmp(leaf->element->name, POSTAL_CODE) == 0;
        any = any || code || strcmp(leaf->type->name, "Address") == 0;
        *alone = *alone && code;
    }
    return any;
}

static bool has_digit(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.s[i] >= '0' && s.s[i] <= '9')
            return true;
    return false;
}

/* The same, but for the text. */
static struct search_criterion *with_text(struct arena *a, const struct search_criterion *c, struct str text)
{
    struct search_criterion *other = search__criterion(a, CRIT_STRING, c->param);
    *other = *c;
    other->text = text;
    return other;
}

static struct search_criterion *either(struct arena *a, struct search_criterion *c,
                                       struct search_criterion *other)
{
    struct search_criterion * or = search__criterion(a, CRIT_OR, NULL);
    or->child = c;
    c->next = other;
    return or ;
}

/* Or the text is a postal code that is written with a separator. */
static struct search_criterion *or_postal(struct search__parse *p, struct search_criterion *c)
{
    bool alone;
    struct str code = without_blanks(p->a, c->text);
    if (code.len == c->text.len || !has_digit(code) || !finds_postal_codes(c->param, &alone))
        return c;
    struct search_criterion *postal = with_text(p->a, c, code);
    return alone ? postal : either(p->a, c, postal);
}

bool search__second_vowel(struct arena *a, struct str text, struct str *out)
{
    static const struct {
        const char *first, *second;
    } vowels[] = {{"ウ", "オ"}, {"イ", "エ"}};
    for (size_t i = 0; i < sizeof vowels / sizeof vowels[0]; i++)
        if (str_starts(text, str_of(vowels[i].first))) {
            size_t n = strlen(vowels[i].first);
            *out = str_of(arena_printf(a, "%s%.*s", vowels[i].second, (int)(text.len - n), text.s + n));
            return true;
        }
    return false;
}

/* Found anywhere, it may begin within a long vowel: the うえ of いのうえ. */
static struct search_criterion *or_second_vowel(struct search__parse *p, struct search_criterion *c)
{
    struct str text;
    bool inside = c->kind == CRIT_STRING && (c->match == MATCH_CONTAINS || c->match == MATCH_ENDS);
    if (!inside || !search__second_vowel(p->a, c->text, &text))
        return c;
    return either(p->a, c, with_text(p->a, c, text));
}

/* サーバー shall find サーバ, too. */
static struct str without_last_mark(struct str text)
{
    static const char *const marks[] = {"ー", "ｰ"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (str_ends(text, str_of(marks[i])))
            text.len -= strlen(marks[i]);
    return text;
}

/* :text: every word, anywhere in the values. */
static struct search_criterion *parse_words(struct search__parse *p, const struct search__arg *arg,
                                            struct str value)
{
    struct search__arg contains = *arg;
    struct search_criterion *all = search__criterion(p->a, CRIT_AND, NULL);
    contains.modifier = STR("contains");
    for (struct str rest = utf8_fold(p->a, search__unescape(p->a, value), FOLD_MAX); rest.s;) {
        struct str word = str_cut(rest, ' ', &rest);
        if (!word.len)
            continue;
        struct search_criterion *c = search__parse_string(p, &contains, word);
        if (!c)
            return NULL;
        search__add_child(all, c);
    }
    if (!all->child)
        all->kind = CRIT_NONE;
    return all->child && !all->child->next ? all->child : all;
}

struct search_criterion *search__parse_string(struct search__parse *p, const struct search__arg *arg,
                                              struct str value)
{
    if (str_is(arg->modifier, "text"))
        return parse_words(p, arg, value);
    struct search_criterion *c = search__criterion(p->a, CRIT_STRING, arg->param);
    if (!arg->modifier.s)
        c->match = p->match ? *p->match : MATCH_PREFIX;
    else if (str_is(arg->modifier, "exact"))
        c->match = MATCH_EXACT;
    else if (str_is(arg->modifier, "contains"))
        c->match = MATCH_CONTAINS;
    else
        return search__refuse(p, arg, "a string parameter takes :exact, :contains, :text and :missing");
    c->raw = search__unescape(p->a, value);
    bool open = c->match == MATCH_PREFIX || c->match == MATCH_CONTAINS;
    c->text = utf8_fold(p->a, open ? without_last_mark(c->raw) : c->raw, FOLD_MAX);
    /* Nothing but marks and punctuation: such a text folds to nothing, which everything begins with. */
    if (!c->text.len && c->match != MATCH_EXACT) {
        c->kind = CRIT_NONE;
        return c;
    }
    c = or_second_vowel(p, or_postal(p, c));
    return search__is_sealed(p->tenant, arg->param) ? search__seal_string(p, c) : c;
}
