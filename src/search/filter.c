/*
 * _filter (search_filter.html): an expression of comparisons, and, or, not and parentheses → criteria. A comparison is
 * written as the parameter and value that say the same, and read by their parser, so that all types, chains and units
 * come with it. `and` and `or` are taken from left to right, as the page has it: neither binds closer.
 *
 * A filter within a path (subject[gender eq male].name) holds for the resource that the name before it refers to. It is
 * read anew for each type that this may be; where the type has no such parameters, it is not meant.
 */
#include "internal.h"

#define DEPTH_MAX 64
#define STEPS_MAX 2000 /* comparisons read, those read anew for another type included */

struct filter {
    struct search__parse *p;
    struct str text;
    size_t at;
    int depth, steps;
    size_t unknown; /* behind the first parameter that the types searched do not have; 0: all are known */
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

static struct str word(struct filter *f, const char *ends)
{
    skip_blanks(f);
    size_t start = f->at;
    while (f->at < f->text.len && !strchr(ends, f->text.s[f->at]))
        f->at++;
    return (struct str){f->text.s + start, f->at - start};
}

static bool take_word(struct filter *f, const char *expected)
{
    size_t before = f->at;
    if (str_is(word(f, " ()[]"), expected))
        return true;
    f->at = before;
    return false;
}

static bool take_string(struct filter *f, struct str *out)
{
    size_t start = f->at++;
    while (f->at < f->text.len && f->text.s[f->at] != '"')
        f->at += f->text.s[f->at] == '\\' ? 2 : 1;
    if (f->at >= f->text.len)
        return false;
    f->at++;
    json *string;
    struct err ignored;
    struct str quoted = {f->text.s + start, f->at - start};
    if (!json_parse(f->p->a, quoted, 1, &string, &ignored))
        return false;
    *out = str_of(string->valuestring);
    return true;
}

/* A JSON string, or a word. */
static bool take_value(struct filter *f, struct str *out)
{
    skip_blanks(f);
    if (f->at < f->text.len && f->text.s[f->at] == '"')
        return take_string(f, out) && out->len;
    *out = word(f, " )]");
    return out->len > 0;
}

/* Commas, dollars and backslashes in a value separate nothing. */
static struct str escape(struct arena *a, struct str s)
{
    struct buf b;
    buf_init(&b, a, s.len + 8);
    for (size_t i = 0; i < s.len; i++) {
        if (strchr(",$\\", s.s[i]))
            buf_addc(&b, '\\');
        buf_addc(&b, s.s[i]);
    }
    return buf_str(&b);
}

/* The code systems that have a short name in a filter, and nowhere else. */
static struct str name_system(struct arena *a, enum fhir_search_type type, struct str value)
{
    static const struct {
        const char *name, *url;
    } systems[] = {
        {"loinc", "http://loinc.org"},
        {"snomed", "http://snomed.info/sct"},
        {"rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm"},
        {"ucum", "http://unitsofmeasure.org"},
    };
    struct str before = STR(""), rest, system = str_cut(value, '|', &rest);
    if (type == FHIR_SEARCH_QUANTITY && rest.s) {
        before = (struct str){value.s, system.len + 1};
        system = str_cut(rest, '|', &rest);
    }
    for (size_t i = 0; rest.s && i < sizeof systems / sizeof systems[0]; i++)
        if (str_is(system, systems[i].name))
            return str_of(arena_printf(a, "%.*s%s|%.*s", STR_FMT(before), systems[i].url, STR_FMT(rest)));
    return value;
}

/* ---- comparisons ------------------------------------------------------------------------------------- */

#define ON(type) (1u << FHIR_SEARCH_##type)
#define ORDERED  (ON(DATE) | ON(NUMBER) | ON(QUANTITY))
#define NAMED    (ON(TOKEN) | ON(REFERENCE) | ON(URI))

/* What an operator is on the types that have it: a prefix or a modifier, or how strings and dates compare. */
static const struct operator
{
    char name[3];
    unsigned types;
    const char *prefix, *modifier;
    enum search__match match;
    enum search__op op; /* OP_EQ: as the prefix says */
    bool negated;
}
operators[] = {
    {"eq", ORDERED, "eq", "", 0, OP_EQ, false},
    {"eq", ON(STRING), "", "", MATCH_EQUAL, OP_EQ, false},
    {"eq", NAMED, "", "", 0, OP_EQ, false},
    {"ne", ORDERED, "ne", "", 0, OP_EQ, false},
    {"ne", ON(STRING), "", "", MATCH_UNEQUAL, OP_EQ, false},
    {"ne", NAMED, "", "", 0, OP_EQ, true},
    {"gt", ORDERED, "gt", "", 0, OP_EQ, false},
    {"lt", ORDERED, "lt", "", 0, OP_EQ, false},
    {"ge", ORDERED, "ge", "", 0, OP_EQ, false},
    {"le", ORDERED, "le", "", 0, OP_EQ, false},
    {"gt", ON(STRING), "", "", MATCH_AFTER, OP_EQ, false},
    {"lt", ON(STRING), "", "", MATCH_BEFORE, OP_EQ, false},
    {"ge", ON(STRING), "", "", MATCH_FROM, OP_EQ, false},
    {"le", ON(STRING), "", "", MATCH_TO, OP_EQ, false},
    {"sa", ORDERED, "sa", "", 0, OP_EQ, false},
    {"eb", ORDERED, "eb", "", 0, OP_EQ, false},
    {"ap", ORDERED, "ap", "", 0, OP_EQ, false},
    {"po", ON(DATE), "eq", "", 0, OP_OVERLAPS, false},
    {"co", ON(DATE), "eq", "", 0, OP_CONTAINS, false},
    {"co", ON(STRING), "", "", MATCH_CONTAINS, OP_EQ, false},
    {"sw", ON(STRING), "", "", MATCH_PREFIX, OP_EQ, false},
    {"ew", ON(STRING), "", "", MATCH_ENDS, OP_EQ, false},
    {"ss", ON(TOKEN), "", ":below", 0, OP_EQ, false},
    {"sb", ON(TOKEN), "", ":above", 0, OP_EQ, false},
    {"in", ON(TOKEN), "", ":in", 0, OP_EQ, false},
    {"ni", ON(TOKEN), "", ":not-in", 0, OP_EQ, false},
    {"re", ON(REFERENCE), "", "", 0, OP_EQ, false},
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

/* What the types searched do not have is noted, and matches nothing. */
static struct search_criterion *unknown(struct filter *f)
{
    if (!f->unknown)
        f->unknown = f->at;
    return search__criterion(f->p->a, CRIT_NONE, NULL);
}

static struct search_criterion *ask(struct filter *f, const char *name, struct str text)
{
    struct search_criterion *c;
    if (!search__parse_criterion(f->p, str_of(name), text, &c))
        return NULL;
    return c ? c : unknown(f);
}

static struct search_criterion *present(struct filter *f, struct str path, const char *missing)
{
    return ask(f, arena_printf(f->p->a, "%.*s:missing", STR_FMT(path)), str_of(missing));
}

static struct search_criterion *negate(struct arena *a, struct search_criterion *c)
{
    struct search_criterion *not = search__criterion(a, CRIT_NOT, NULL);
    not ->child = c;
    return not ;
}

static struct search_criterion *compare(struct filter *f, const struct operator* o, struct str path,
                                        struct str text)
{
    struct search__parse *p = f->p;
    if (o->types & ON(STRING))
        p->match = &o->match;
    if (o->op != OP_EQ)
        p->op = &o->op;
    struct search_criterion *c = ask(f, arena_printf(p->a, "%.*s%s", STR_FMT(path), o->modifier),
                                     str_of(arena_printf(p->a, "%s%.*s", o->prefix, STR_FMT(text))));
    p->match = NULL;
    p->op = NULL;
    if (!c || !o->negated)
        return c;
    struct search_criterion *both = search__criterion(p->a, CRIT_AND, NULL);
    both->child = present(f, path, "false");
    if (!both->child)
        return NULL;
    both->child->next = negate(p->a, c);
    return both;
}

static struct search_criterion *chain(struct filter *f, struct str name);

/* The operator and the value behind a path. */
static struct search_criterion *test(struct filter *f, struct str path)
{
    struct str rest, head = str_cut(path, '.', &rest);
    struct str op = word(f, " ()[]\""), text;
    if (!path.len || !op.len)
        return fail(f, "a comparison is written: parameter operator value");
    if (memchr(path.s, ':', path.len))
        return fail(f, "a path here is parameters with dots between them");
    if (!take_value(f, &text))
        return fail(f, "a value is missing, or its quotes are not closed");
    if (str_is(op, "pr")) {
        if (!str_is(text, "true") && !str_is(text, "false"))
            return fail(f, "pr is asked for true or false");
        return present(f, path, str_is(text, "true") ? "false" : "true");
    }
    bool known;
    enum fhir_search_type type;
    if (!search__type_of_path(f->p, path, &type))
        return unknown(f);
    const struct operator* o = find_operator(op, type, &known);
    if (!o && known)
        return fail(f, "the operator is not for parameters of this type");
    if (!o)
        return fail(f, "the operators are eq ne gt lt ge le sa eb ap po co sw ew ss sb in ni re pr");
    if (o->negated && rest.s) { /* of one of those that are referred to, not of all */
        f->at = (size_t)(rest.s - f->text.s) - 1;
        return chain(f, head);
    }
    return compare(f, o, path, escape(f->p->a, name_system(f->p->a, type, text)));
}

/* ---- filters in a path ------------------------------------------------------------------------------- */

static struct search_criterion *expression(struct filter *f);
static struct search_criterion *comparison(struct filter *f);

/* [filter].rest, or rest alone, on the types at hand. */
static struct search_criterion *on_target(struct filter *f)
{
    if (f->at >= f->text.len || f->text.s[f->at] != '[')
        return f->at++, comparison(f);
    f->at++;
    struct search_criterion *both = search__criterion(f->p->a, CRIT_AND, NULL);
    both->child = expression(f);
    if (!both->child)
        return NULL;
    if (!take(f, ']') || !take(f, '.'))
        return fail(f, "a filter in a path ends in ] and is followed by a dot and a parameter");
    both->child->next = comparison(f);
    return both->child->next ? both : NULL;
}

/* A reference parameter, then what holds for each type that it may refer to. */
static struct search_criterion *chain(struct filter *f, struct str name)
{
    struct search_query *q = f->p->q;
    const struct fhir_type *const *types = q->types;
    if (q->n_types != 1)
        return fail(f, "a filter in a path, or ne behind one, is for searches of one type");
    if (++f->depth > DEPTH_MAX)
        return fail(f, "parentheses are nested too deeply");
    const struct search__slot *slot = search__named(f->p, types[0], name);
    if (!slot) { /* the rest is read for its form alone */
        f->depth--;
        return on_target(f) ? unknown(f) : NULL;
    }
    if (slot->param->def->type != FHIR_SEARCH_REFERENCE)
        return fail(f, "a filter in a path follows a reference parameter");
    const struct search_param *param = slot->param;
    struct search_criterion *all = search__criterion(f->p->a, CRIT_CHAIN, param);
    size_t start = f->at, before = f->unknown, missing = 0;
    bool known = false;
    int n = param->n_targets ? param->n_targets : fhir_resource_count(f->p->registry->defs);
    for (int i = 0; i < n; i++) {
        const struct fhir_type *type =
            param->n_targets ? param->targets[i] : fhir_resource_at(f->p->registry->defs, i);
        f->at = start;
        f->unknown = 0;
        q->types = &type;
        struct search_criterion *c = on_target(f);
        q->types = types;
        if (!c)
            return NULL;
        if (f->unknown) {
            missing = missing ? missing : f->unknown;
            continue;
        }
        known = true;
        search__add_target(f->p, all, type, c);
    }
    f->depth--;
    f->unknown = known || before ? before : missing;
    search__settle_chain(all, slot->lane);
    return all;
}

static struct search_criterion *comparison(struct filter *f)
{
    struct str path = word(f, " ()[]\""), rest;
    if (++f->steps > STEPS_MAX)
        return fail(f, "the filter is too long");
    if (f->at >= f->text.len || f->text.s[f->at] != '[')
        return test(f, path);
    struct str head = str_cut(path, '.', &rest);
    if (rest.s)
        f->at = (size_t)(rest.s - f->text.s) - 1;
    return chain(f, head);
}

/* ---- and, or, not ------------------------------------------------------------------------------------ */

static struct search_criterion *operand(struct filter *f)
{
    bool negated = take_word(f, "not");
    if (!take(f, '('))
        return negated ? fail(f, "not is followed by a filter in parentheses") : comparison(f);
    if (++f->depth > DEPTH_MAX)
        return fail(f, "parentheses are nested too deeply");
    struct search_criterion *c = expression(f);
    f->depth--;
    if (c && !take(f, ')'))
        return fail(f, "a parenthesis is not closed");
    return c && negated ? negate(f->p->a, c) : c;
}

static struct search_criterion *expression(struct filter *f)
{
    struct search_criterion *all = operand(f);
    enum search__kind kind = CRIT_NONE;
    while (all) {
        enum search__kind next = take_word(f, "and") ? CRIT_AND : take_word(f, "or") ? CRIT_OR : CRIT_NONE;
        if (next == CRIT_NONE)
            return all;
        struct search_criterion *c = operand(f);
        if (!c)
            return NULL;
        if (next != kind) {
            struct search_criterion *list = search__criterion(f->p->a, next, NULL);
            list->type = f->p->q->n_types == 1 ? f->p->q->types[0] : NULL;
            list->child = all;
            all = list;
            kind = next;
        }
        search__add_child(all, c);
    }
    return NULL;
}

bool search__parse_filter(struct search__parse *p, struct str text, struct search_criterion **out)
{
    struct filter f = {.p = p, .text = text};
    *out = expression(&f);
    skip_blanks(&f);
    if (*out && f.at < text.len)
        *out = fail(&f, "and, or or the end was expected");
    if (*out && f.unknown) {
        f.at = f.unknown;
        *out = fail(&f, "this server does not know the parameter before this, on the types searched");
    }
    return *out;
}
