/* One filter of a rule (valueset.html#compositions, ValueSet.compose.include.filter) against one concept. */
#include "internal.h"

/* Codes between commas; blanks around them do not count. */
static bool listed(const char *list, struct str code)
{
    struct str rest = str_of(list);
    while (rest.s)
        if (str_eq(str_trim(str_cut(rest, ',', &rest)), code))
            return true;
    return false;
}

/* One value of the property. */
static enum terminology_answer value_passes(const struct terminology__ask *ask,
                                            const struct terminology__filter *f, struct str value)
{
    struct arena scratch;
    struct err err;
    bool matches;
    switch (f->op) {
    case TERMINOLOGY__EQUAL:
        return str_is(value, f->value) ? TERMINOLOGY_YES : TERMINOLOGY_NO;
    case TERMINOLOGY__IN:
    case TERMINOLOGY__NOT_IN:
        return listed(f->value, value) ? TERMINOLOGY_YES : TERMINOLOGY_NO;
    case TERMINOLOGY__REGEX:
        arena_init(&scratch, 0);
        bool done = regex_match(&scratch, f->regex, value, &matches, &err);
        arena_release(&scratch);
        return !done ? terminology__dunno(ask, "%.200s", err.msg)
                     : (matches ? TERMINOLOGY_YES : TERMINOLOGY_NO);
    default: /* EXISTS */
        return TERMINOLOGY_YES;
    }
}

/* What every code system has, beside the properties that it declares (codesystem.html#defined-props). */
enum source { DECLARED, CODE, DISPLAY, PARENT, CHILD, INACTIVE, ABSTRACT };

static enum source source_of(const char *property)
{
    static const struct {
        const char *name;
        enum source source;
    } names[] = {{"concept", CODE}, {"code", CODE},         {"display", DISPLAY},       {"parent", PARENT},
                 {"child", CHILD},  {"inactive", INACTIVE}, {"notSelectable", ABSTRACT}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, property) == 0)
            return names[i].source;
    return DECLARED;
}

static bool declared_value(const struct terminology_system *s, const char *property, uint32_t at, size_t i,
                           struct str *value)
{
    struct terminology_property p;
    for (size_t k = 0; terminology_property(s, at, k, &p); k++)
        if (strcmp(p.code, property) == 0 && i-- == 0) {
            *value = str_of(p.value);
            return true;
        }
    return false;
}

/* The i-th value; false: there are no more. */
static bool value_at(const struct terminology_system *s, enum source source, const char *property,
                     uint32_t at, size_t i, struct str *value)
{
    const uint32_t *list = NULL;
    size_t n = 1;
    switch (source) {
    case DECLARED:
        return declared_value(s, property, at, i, value);
    case CODE:
        *value = str_of(terminology_code(s, at));
        break;
    case DISPLAY:
        *value = str_of(terminology_display(s, at));
        n = value->s ? 1 : 0;
        break;
    case PARENT:
    case CHILD:
        n = source == PARENT ? terminology_parents(s, at, &list) : terminology_children(s, at, &list);
        *value = str_of(i < n ? terminology_code(s, list[i]) : "");
        break;
    case INACTIVE:
        *value = terminology_is_inactive(s, at) ? STR("true") : STR("false");
        break;
    case ABSTRACT:
        *value = terminology_is_abstract(s, at) ? STR("true") : STR("false");
        break;
    }
    return i < n;
}

static enum terminology_answer by_values(const struct terminology__ask *ask,
                                         const struct terminology__filter *f,
                                         const struct terminology_system *s, uint32_t at)
{
    enum terminology_answer any = TERMINOLOGY_NO;
    enum source source = source_of(f->property);
    struct str value;
    if (source == DECLARED && terminology__property_code(s, f->property) < 0)
        return terminology__dunno(ask, "the code system %.200s has no property '%.60s'", s->url, f->property);
    for (size_t i = 0; any == TERMINOLOGY_NO && value_at(s, source, f->property, at, i, &value); i++)
        any = value_passes(ask, f, value);
    if (any == TERMINOLOGY_UNKNOWN)
        return any;
    if (f->op == TERMINOLOGY__EXISTS)
        return (any == TERMINOLOGY_YES) == (strcmp(f->value, "true") == 0) ? TERMINOLOGY_YES : TERMINOLOGY_NO;
    return (any == TERMINOLOGY_YES) != (f->op == TERMINOLOGY__NOT_IN) ? TERMINOLOGY_YES : TERMINOLOGY_NO;
}

enum terminology_answer terminology__filter_has(const struct terminology__ask *ask,
                                                const struct terminology__filter *f,
                                                const struct terminology_system *s, uint32_t at)
{
    uint32_t than;
    bool yes;
    switch (f->op) {
    case TERMINOLOGY__IS_A:
    case TERMINOLOGY__DESCENDENT_OF:
    case TERMINOLOGY__IS_NOT_A:
    case TERMINOLOGY__GENERALIZES:
        break;
    default:
        return by_values(ask, f, s, at);
    }
    if (!terminology_find(s, str_of(f->value), &than))
        return terminology__dunno(ask, "the code system %.200s has no code '%.60s'", s->url, f->value);
    if (f->op == TERMINOLOGY__GENERALIZES)
        yes = terminology_is_a(s, at, than);
    else
        yes = terminology_is_a(s, than, at) && !(f->op == TERMINOLOGY__DESCENDENT_OF && at == than);
    return yes != (f->op == TERMINOLOGY__IS_NOT_A) ? TERMINOLOGY_YES : TERMINOLOGY_NO;
}
