/*
 * A rule's criteria are of two kinds: who, why and when are decided for the caller; which resources becomes a condition.
 * Conditions come in pairs: what the rule withholds, rather more; what it lets pass, rather less.
 */
#include "internal.h"

#define CONFIDENTIALITY "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
#define SENSITIVITY     "http://terminology.hl7.org/CodeSystem/v3-ActCode"

const struct search_condition consent__always = {.kind = CONDITION_ALL};
const struct search_condition consent__never = {.kind = CONDITION_ANY};

static bool is_always(const struct search_condition *c)
{
    return c->kind == CONDITION_ALL && !c->a;
}

static bool is_never(const struct search_condition *c)
{
    return c->kind == CONDITION_ANY && !c->a;
}

static const struct search_condition *make(struct arena *a, struct search_condition c)
{
    struct search_condition *made = ARENA_NEW(a, struct search_condition);
    *made = c;
    return made;
}

const struct search_condition *consent__either(struct arena *a, const struct search_condition *x,
                                               const struct search_condition *y)
{
    return is_never(x) || is_always(y)   ? y
           : is_never(y) || is_always(x) ? x
                                         : make(a, (struct search_condition){CONDITION_ANY, .a = x, .b = y});
}

const struct search_condition *consent__both(struct arena *a, const struct search_condition *x,
                                             const struct search_condition *y)
{
    return is_always(x) || is_never(y)   ? y
           : is_always(y) || is_never(x) ? x
                                         : make(a, (struct search_condition){CONDITION_ALL, .a = x, .b = y});
}

const struct search_condition *consent__not(struct arena *a, const struct search_condition *x)
{
    return is_always(x)  ? &consent__never
           : is_never(x) ? &consent__always
                         : make(a, (struct search_condition){CONDITION_NOT, .a = x});
}

/* ---- who, why, when ---------------------------------------------------------------------------------------- */

static enum consent__tri is_anyone(const struct consent__members *m, const struct consent_caller *caller,
                                   const struct consent__rule *rule)
{
    enum consent__tri best = NO;
    for (size_t i = 0; i < rule->n_actors && best != YES; i++) {
        enum consent__tri one = consent__is_actor(m, caller, &rule->actors[i]);
        best = one > best ? one : best;
    }
    return best;
}

/* v3-ActReason: what is a kind of treatment. */
static bool is_treatment(struct str purposes)
{
    static const char *const kinds[] = {" TREAT ", " ETREAT ",  " CAREMGT ", " CLINTRCH ", " COC ",
                                        " BTG ",   " TREATDS ", " ERTREAT ", " POPHLTH "};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (memmem(purposes.s, purposes.len, kinds[i], strlen(kinds[i])))
            return true;
    return false;
}

static enum consent__tri is_purpose(struct arena *a, const struct consent_caller *caller,
                                    const struct consent__rule *rule)
{
    if (!caller->purposes.len)
        return MAYBE;
    for (size_t i = 0; i < rule->n_purposes; i++) {
        struct str spaced = str_of(arena_printf(a, " %s ", rule->purposes[i].code));
        if (memmem(caller->purposes.s, caller->purposes.len, spaced.s, spaced.len) ||
            (strcmp(rule->purposes[i].code, "TREAT") == 0 && is_treatment(caller->purposes)))
            return YES;
    }
    return rule->odd_purpose ? MAYBE : NO;
}

/* All of them together. */
static enum consent__tri is_case(struct arena *a, const struct consent__members *m,
                                 const struct consent_caller *caller, const struct consent__rule *rule)
{
    enum consent__tri least = rule->unsure ? MAYBE : YES, one;
    if (caller->now_us < rule->from || caller->now_us > rule->to)
        return NO;
    if (rule->n_actors && (one = is_anyone(m, caller, rule)) < least)
        least = one;
    if (rule->has_actions && (one = caller->writes ? rule->writes : rule->reads) < least)
        least = one;
    if ((rule->n_purposes || rule->odd_purpose) && (one = is_purpose(a, caller, rule)) < least)
        least = one;
    return least;
}

/* ---- which resources --------------------------------------------------------------------------------------- */

static int level_of(const char *code)
{
    const char *at = code[0] && !code[1] ? strchr("ULMNRV", code[0]) : NULL;
    return at ? (int)(at - "ULMNRV") : -1;
}

/* It has one of the confidentialities from … to. */
static const struct search_condition *of_levels(struct arena *a, int from, int to)
{
    static const char *const codes[] = {"U", "L", "M", "N", "R", "V"};
    struct search_label *list = ARENA_ARRAY(a, struct search_label, 6);
    size_t n = 0;
    for (int i = from; i <= to; i++)
        list[n++] = (struct search_label){CONFIDENTIALITY, codes[i]};
    return n ? make(a, (struct search_condition){CONDITION_LABEL, .labels = list, .n_labels = n})
             : &consent__never;
}

enum { NORMAL = 3, HIGHEST = 5 };

/*
 * Confidentiality is a high-water mark: what may be seen is that and lower ones; what may not, that and higher ones. A
 * resource without one counts as normal.
 */
static const struct search_condition *labelled(struct arena *a, const struct consent__code *label, bool more)
{
    int level = !label->system || strcmp(label->system, CONFIDENTIALITY) == 0 ? level_of(label->code) : -1;
    if (level < 0) {
        struct search_label *one = ARENA_NEW(a, struct search_label);
        *one = (struct search_label){label->system ? label->system : SENSITIVITY, label->code};
        return make(a, (struct search_condition){CONDITION_LABEL, .labels = one, .n_labels = 1});
    }
    if (more) {
        const struct search_condition *high = of_levels(a, level, HIGHEST);
        return level > NORMAL ? high : consent__either(a, high, consent__not(a, of_levels(a, 0, HIGHEST)));
    }
    const struct search_condition *not_higher = consent__not(a, of_levels(a, level + 1, HIGHEST));
    return level >= NORMAL ? not_higher : consent__both(a, of_levels(a, 0, level), not_higher);
}

static const struct search_condition *any_label(struct arena *a, const struct consent__rule *rule, bool more)
{
    const struct search_condition *any = rule->odd_label && more ? &consent__always : &consent__never;
    for (size_t i = 0; i < rule->n_labels; i++)
        any = consent__either(a, any, labelled(a, &rule->labels[i], more));
    return any;
}

static const struct search_condition *any_class(struct arena *a, const struct consent__rule *rule, bool more)
{
    const struct search_condition *any = rule->odd_class && more ? &consent__always : &consent__never;
    for (size_t i = 0; i < rule->n_classes; i++)
        any = consent__either(a, any,
                              make(a, (struct search_condition){CONDITION_TYPE, .type = rule->classes[i]}));
    return any;
}

/* A code without a system may be another one of the same name. */
static const struct search_condition *any_code(struct arena *a, const struct consent__rule *rule, bool more)
{
    const struct search_condition *any = rule->odd_code && more ? &consent__always : &consent__never;
    for (size_t i = 0; i < rule->n_codes; i++)
        if (rule->codes[i].system || more)
            any = consent__either(
                a, any,
                make(a, (struct search_condition){CONDITION_CODE, .system = rule->codes[i].system,
                                                  .code = rule->codes[i].code}));
    return any;
}

static const struct search_condition *any_data(struct arena *a, const struct consent__rule *rule, bool more)
{
    const struct search_condition *any = rule->odd_data && more ? &consent__always : &consent__never;
    for (size_t i = 0; i < rule->n_data; i++)
        any = consent__either(a, any,
                              make(a, (struct search_condition){CONDITION_ID, .type = rule->data[i].type,
                                                                .id = rule->data[i].id}));
    return any;
}

/* more: in doubt it does. */
static const struct search_condition *matches(struct arena *a, const struct consent__members *m,
                                              const struct consent_caller *caller,
                                              const struct consent__rule *rule, bool more)
{
    const struct search_condition *all = &consent__always;
    if (is_case(a, m, caller, rule) < (more ? MAYBE : YES))
        return &consent__never;
    if (rule->n_labels || rule->odd_label)
        all = consent__both(a, all, any_label(a, rule, more));
    if (rule->n_classes || rule->odd_class)
        all = consent__both(a, all, any_class(a, rule, more));
    if (rule->n_codes || rule->odd_code)
        all = consent__both(a, all, any_code(a, rule, more));
    if (rule->n_data || rule->odd_data)
        all = consent__both(a, all, any_data(a, rule, more));
    if (rule->has_data_period && more)
        all = consent__both(
            a, all,
            consent__not(a, make(a, (struct search_condition){CONDITION_OUTSIDE, .from = rule->data_from,
                                                              .to = rule->data_to})));
    else if (rule->has_data_period)
        all = consent__both(a, all,
                            make(a, (struct search_condition){CONDITION_WITHIN, .from = rule->data_from,
                                                              .to = rule->data_to}));
    return all;
}

/* ---- rules --------------------------------------------------------------------------------------------------- */

/* Nested rules are exceptions of the one they stand in; among them what denies wins. */
static struct consent__verdict judge(struct arena *a, const struct consent__members *m,
                                     const struct consent_caller *caller, const struct consent__rule *rule)
{
    const struct search_condition *denied = &consent__never, *permitted = &consent__never,
                                  *more = matches(a, m, caller, rule, true),
                                  *less = matches(a, m, caller, rule, false);
    bool names_permits = false;
    for (const struct consent__rule *child = rule->child; child; child = child->next) {
        struct consent__verdict v = judge(a, m, caller, child);
        denied = consent__either(a, denied, v.denies);
        permitted = consent__either(a, permitted, v.permits);
        names_permits |= child->type == CONSENT__PERMIT;
    }
    permitted = consent__both(a, permitted, consent__not(a, denied));
    if (rule->type == CONSENT__DENY)
        return (struct consent__verdict){consent__both(a, more, consent__not(a, permitted)),
                                         consent__both(a, less, permitted)};
    /* a permission that names what is permitted permits no more than that */
    return (struct consent__verdict){
        consent__both(a, more, denied),
        consent__both(a, less, names_permits ? permitted : consent__not(a, denied))};
}

struct consent__verdict consent__decide(struct arena *a, const struct consent__members *m,
                                        const struct consent_caller *caller, const struct consent__consent *c)
{
    const struct consent__rule *root = c->root;
    if (caller->now_us < root->from || caller->now_us > root->to)
        return (struct consent__verdict){&consent__never, &consent__never};
    struct consent__verdict v = judge(a, m, caller, root);
    /* beyond the root rule's criteria the base policy holds, when that is the opposite */
    if (c->base == CONSENT__DENY && root->type == CONSENT__PERMIT)
        v.denies = consent__either(a, v.denies, consent__not(a, matches(a, m, caller, root, false)));
    if (c->base == CONSENT__PERMIT && root->type == CONSENT__DENY)
        v.permits = consent__either(a, v.permits, consent__not(a, matches(a, m, caller, root, true)));
    return v;
}
