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
    *ARENA_PUSH(x->a, out->strs, out->n_strs, out->cap_strs) = (struct search_index_str){
        .param = x->slot->param->id,
        .val = val,
        .raw = str_eq(val, raw) ? (struct str){0} : raw,
    };
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

/* Or the text is a postal code that is written with a separator. */
static struct search_criterion *or_postal(struct search__parse *p, struct search_criterion *c)
{
    bool alone;
    struct str code = without_blanks(p->a, c->text);
    if (code.len == c->text.len || !has_digit(code) || !finds_postal_codes(c->param, &alone))
        return c;
    struct search_criterion *postal = search__criterion(p->a, CRIT_STRING, c->param);
    *postal = *c;
    postal->text = code;
    if (alone)
        return postal;
    struct search_criterion *either = search__criterion(p->a, CRIT_OR, NULL);
    either->child = c;
    c->next = postal;
    return either;
}

struct search_criterion *search__parse_string(struct search__parse *p, const struct search__arg *arg,
                                              struct str value)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_STRING, arg->param);
    if (!arg->modifier.s)
        c->match = p->match ? *p->match : MATCH_PREFIX;
    else if (str_is(arg->modifier, "exact"))
        c->match = MATCH_EXACT;
    else if (str_is(arg->modifier, "contains"))
        c->match = MATCH_CONTAINS;
    else
        return search__refuse(p, arg, "a string parameter takes :exact, :contains and :missing");
    c->raw = search__unescape(p->a, value);
    c->text = utf8_fold(p->a, c->raw, FOLD_MAX);
    /* Nothing but marks and punctuation: such a text folds to nothing, which everything begins with. */
    if (!c->text.len && c->match != MATCH_EXACT)
        c->kind = CRIT_NONE;
    return c->kind == CRIT_NONE ? c : or_postal(p, c);
}
