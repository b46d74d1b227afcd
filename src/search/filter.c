/*
 * _filter (search_filter.html): an expression of comparisons, and, or, not and parentheses → criteria. A comparison is
 * written as the parameter and value that say the same, and read by their parser; `and` binds closer than `or`.
 *
 * What asks for terminology (ss, sb, in, ni) and a filter within a path (name[…].family) are refused.
 */
#include <ctype.h>
#include <stdio.h>

#include "internal.h"

#define DEPTH_MAX 64

struct filter {
    struct search__parse *p;
    struct str text;
    size_t at;
    int depth;
};

static struct search_criterion *fail(struct filter *f, const char *what)
{
    err_set(f->p->err, ERR_INVALID, "search parameter _filter, character %zu: %s", f->at + 1, what);
    return NULL;
}

/* ---- words ------------------------------------------------------------------------------------------- */

static void skip_blanks(struct filter *f)
{
    while (f->at < f->text.len && f->text.s[f->at] == ' ')
        f->at++;
}

static bool take(struct filter *f, char c)
{
    skip_blanks(f);
    if (f->at >= f->text.len || f->text.s[f->at] != c)
        return false;
    f->at++;
    return true;
}

/* Up to a blank or a parenthesis. */
static struct str word(struct filter *f)
{
    skip_blanks(f);
    size_t start = f->at;
    while (f->at < f->text.len && !strchr(" ()", f->text.s[f->at]))
        f->at++;
    return (struct str){f->text.s + start, f->at - start};
}

static bool take_word(struct filter *f, const char *expected)
{
    size_t before = f->at;
    if (str_is(word(f), expected))
        return true;
    f->at = before;
    return false;
}

/* A string in quotes, or a word; commas and dollars in it are no separators. */
static bool value(struct filter *f, struct str *out)
{
    struct buf b;
    buf_init(&b, f->p->a, 32);
    bool quoted = take(f, '"');
    size_t start = f->at;
    for (; f->at < f->text.len; f->at++) {
        char c = f->text.s[f->at];
        if (quoted ? c == '"' : strchr(" )", c) != NULL)
            break;
        if (quoted && c == '\\' && f->at + 1 < f->text.len)
            c = f->text.s[++f->at];
        if (strchr(",$\\", c))
            buf_addc(&b, '\\');
        buf_addc(&b, c);
    }
    *out = buf_str(&b);
    return quoted ? take(f, '"') && out->len : f->at > start;
}

/* ---- comparisons ------------------------------------------------------------------------------------- */

#define ON(type) (1u << FHIR_SEARCH_##type)
#define ORDERED  (ON(DATE) | ON(NUMBER) | ON(QUANTITY))
#define NAMED    (ON(TOKEN) | ON(REFERENCE) | ON(URI))

/* What an operator is on the types that have it: a prefix of the value, a way to compare strings, a negation. */
static const struct operator
{
    char name[3];
    unsigned types;
    const char *prefix;
    enum search__match match;
    bool negated, overlap;
}
operators[] = {
    {"eq", ORDERED, "eq", MATCH_PREFIX, false, false},
    {"eq", ON(STRING), "", MATCH_EQUAL, false, false},
    {"eq", NAMED, "", MATCH_PREFIX, false, false},
    {"ne", ORDERED, "ne", MATCH_PREFIX, false, false},
    {"ne", ON(STRING), "", MATCH_EQUAL, true, false},
    {"ne", NAMED, "", MATCH_PREFIX, true, false},
    {"gt", ORDERED, "gt", MATCH_PREFIX, false, false},
    {"lt", ORDERED, "lt", MATCH_PREFIX, false, false},
    {"ge", ORDERED, "ge", MATCH_PREFIX, false, false},
    {"le", ORDERED, "le", MATCH_PREFIX, false, false},
    {"sa", ORDERED, "sa", MATCH_PREFIX, false, false},
    {"eb", ORDERED, "eb", MATCH_PREFIX, false, false},
    {"ap", ORDERED, "ap", MATCH_PREFIX, false, false},
    {"po", ON(DATE), "ap", MATCH_PREFIX, false, true},
    {"co", ON(STRING), "", MATCH_CONTAINS, false, false},
    {"sw", ON(STRING), "", MATCH_PREFIX, false, false},
    {"ew", ON(STRING), "", MATCH_ENDS, false, false},
    {"re", ON(REFERENCE), "", MATCH_PREFIX, false, false},
};

static const struct operator* find_operator(struct str name, enum fhir_search_type type, bool *known)
{
    *known = false;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (str_is(name, operators[i].name)) {
            *known = true;
            if (operators[i].types >> type & 1)
                return &operators[i];
        }
    return NULL;
}

static struct search_criterion *ask(struct filter *f, struct str name, struct str text)
{
    struct search_criterion *c;
    if (!search__parse_criterion(f->p, name, text, &c))
        return NULL;
    return c ? c : fail(f, "this server does not know the parameter here");
}

static struct search_criterion *present(struct filter *f, struct str path, const char *missing)
{
    return ask(f, str_of(arena_printf(f->p->a, "%.*s:missing", STR_FMT(path))), str_of(missing));
}

static struct search_criterion *compare(struct filter *f, const struct operator* op, struct str path,
                                        struct str text)
{
    struct search__parse *p = f->p;
    enum search__match match = op->match;
    p->match = op->types & ON(STRING) ? &match : NULL;
    p->overlap = op->overlap;
    struct search_criterion *c =
        ask(f, path, str_of(arena_printf(p->a, "%s%.*s", op->prefix, STR_FMT(text))));
    p->match = NULL;
    p->overlap = false;
    if (!c || !op->negated)
        return c;
    struct search_criterion *both = search__criterion(p->a, CRIT_AND, NULL);
    both->child = present(f, path, "false");
    if (!both->child)
        return NULL;
    both->child->next = search__criterion(p->a, CRIT_NOT, NULL);
    both->child->next->child = c;
    return both;
}

static struct search_criterion *comparison(struct filter *f)
{
    struct str path = word(f), op = word(f), text;
    if (!path.len || !op.len)
        return fail(f, "a comparison is written: parameter operator value");
    if (memchr(path.s, '[', path.len) || memchr(path.s, ':', path.len))
        return fail(f, "a path here is parameters with dots between them");
    if (!value(f, &text))
        return fail(f, "a value is missing, or its quotes are not closed");
    if (str_is(op, "pr")) {
        if (!str_is(text, "true") && !str_is(text, "false"))
            return fail(f, "pr is asked for true or false");
        return present(f, path, str_is(text, "true") ? "false" : "true");
    }
    bool known;
    enum fhir_search_type type;
    if (!search__type_of_path(f->p, path, &type))
        return fail(f, "this server does not know the parameter here");
    const struct operator* o = find_operator(op, type, &known);
    if (!o && known)
        return fail(f, "the operator is not for parameters of this type");
    if (!o)
        return fail(f, "the operators are eq ne gt lt ge le sa eb ap po co sw ew re pr");
    return compare(f, o, path, text);
}

/* ---- and, or, not ------------------------------------------------------------------------------------ */

static struct search_criterion *any_of(struct filter *f);

static struct search_criterion *operand(struct filter *f)
{
    bool negated = take_word(f, "not");
    if (!take(f, '('))
        return negated ? fail(f, "not is followed by a filter in parentheses") : comparison(f);
    if (++f->depth > DEPTH_MAX)
        return fail(f, "parentheses are nested too deeply");
    struct search_criterion *c = any_of(f);
    f->depth--;
    if (c && !take(f, ')'))
        return fail(f, "a parenthesis is not closed");
    if (!c || !negated)
        return c;
    struct search_criterion *not = search__criterion(f->p->a, CRIT_NOT, NULL);
    not ->child = c;
    return not ;
}

static struct search_criterion *list(struct filter *f, enum search__kind kind, const char *between,
                                     struct search_criterion *(*item)(struct filter *))
{
    struct search_criterion *all = search__criterion(f->p->a, kind, NULL), **end = &all->child;
    do {
        *end = item(f);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    } while (take_word(f, between));
    return all->child->next ? all : all->child;
}

static struct search_criterion *all_of(struct filter *f)
{
    return list(f, CRIT_AND, "and", operand);
}

static struct search_criterion *any_of(struct filter *f)
{
    return list(f, CRIT_OR, "or", all_of);
}

bool search__parse_filter(struct search__parse *p, struct str text, struct search_criterion **out)
{
    struct filter f = {.p = p, .text = text};
    *out = any_of(&f);
    skip_blanks(&f);
    if (*out && f.at < text.len)
        *out = fail(&f, "and, or or the end was expected");
    return *out;
}
