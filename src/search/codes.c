/*
 * The modifiers of tokens that ask what codes mean (search.html#modifiers): :in and :not-in a value set, :above and
 * :below a code. What they stand for is a list of codes, each with its system, and that is asked as such a list is:
 * one probe of res.keys for all. :not-in, as :not, also finds what has no value.
 */
#include "fhir/reference.h"
#include "internal.h"

enum { LANE_MAX = 64 }; /* more codes than this are not looked up in a lane one by one */

bool search__is_coded(struct str modifier)
{
    return str_is(modifier, "in") || str_is(modifier, "not-in") || str_is(modifier, "above") ||
           str_is(modifier, "below");
}

static void add_code(struct search__parse *p, const struct search__arg *arg, struct search_criterion *c,
                     const char *system, const char *code)
{
    const struct search_param *param = arg->param;
    struct str folded = search__fold_code(p->a, param->fold, str_of(code));
    int64_t lane = search__key(p->tenant, param, KEY_CODE, folded, STR(""));
    if (!param->plain)
        search__criterion_key(p->a, c, search__key(p->tenant, param, KEY_SYSTEM_CODE, str_of(system), folded),
                              lane);
    else if (search__implied_system(p->registry->terminology, param, system, code))
        search__criterion_key(p->a, c, lane, lane);
}

static struct search_criterion *finish(const struct search__arg *arg, struct search_criterion *c)
{
    c->lane = c->n_keys <= LANE_MAX ? arg->lane : LANE_NONE;
    if (!c->n_keys)
        c->kind = CRIT_NONE;
    return c;
}

static struct search_criterion *too_costly(struct search__parse *p, const struct search__arg *arg)
{
    err_set(p->err, ERR_TOO_COSTLY,
            "search parameter %.*s: it stands for more than %d codes (search.max_codes): choose a smaller "
            "value set "
            "or a code further down",
            STR_FMT(arg->name), p->options->limits.max_codes);
    return NULL;
}

/* By its canonical, or as a resource of this server. */
static bool find_set(struct search__parse *p, struct str value, const struct terminology_valueset **out,
                     struct err *err)
{
    const struct conformance_view *v = p->options->terminology;
    struct fhir_reference ref;
    fhir_reference_parse_local(p->registry->defs, p->options->base, value, &ref);
    bool local = ref.form == FHIR_REF_RELATIVE && strcmp(ref.type->name, "ValueSet") == 0;
    return local ? terminology_valueset_by_id(v, ref.id, out, err) : terminology_valueset(v, value, out, err);
}

static struct search_criterion *in_set(struct search__parse *p, const struct search__arg *arg,
                                       struct str value)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    const struct terminology_options o = {.max = (size_t)p->options->limits.max_codes};
    const struct terminology_valueset *set;
    struct terminology_expansion e;
    struct err err;
    if (!find_set(p, value, &set, &err) ||
        !terminology_expand(p->options->terminology, p->a, set, &o, &e, &err))
        return err.kind == ERR_TOO_COSTLY ? too_costly(p, arg) : search__refuse(p, arg, "%s", err.msg);
    for (size_t i = 0; i < e.n; i++)
        add_code(p, arg, c, e.concepts[i].system, e.concepts[i].code);
    return finish(arg, c);
}

/* The system that a code element's codes are of. */
static const char *only_system(const struct search__parse *p, const struct search_param *param,
                               const char *code)
{
    const struct terminology_valueset *set;
    struct err err;
    for (size_t i = 0; i < param->leaves.n; i++) {
        const struct fhir_element *e = param->leaves.items[i].element;
        if (e && e->valueset &&
            terminology_valueset(p->registry->terminology, str_of(e->valueset), &set, &err))
            return terminology_implied_system(p->registry->terminology, set, code);
    }
    return NULL;
}

static struct search_criterion *related(struct search__parse *p, const struct search__arg *arg,
                                        struct str value)
{
    struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
    struct str rest, system = search__cut(value, '|', &rest);
    struct str code = search__unescape(p->a, rest.s ? rest : system);
    const char *implied = NULL;
    if (!rest.s && arg->param->plain)
        implied = only_system(p, arg->param, arena_strndup(p->a, code.s, code.len));
    if ((!rest.s && !implied) || !code.len)
        return search__refuse(p, arg, ":%.*s is written system|code", STR_FMT(arg->modifier));
    system = implied ? str_of(implied) : search__unescape(p->a, system);
    const struct terminology_system *s = terminology_system(p->options->terminology, system);
    uint32_t at, *list;
    size_t n;
    if (!s)
        return search__refuse(p, arg, "the code system %.*s is not known here: store it as a CodeSystem",
                              (int)(system.len < 200 ? system.len : 200), system.s);
    if (!terminology_find(s, code, &at))
        return search__refuse(p, arg, "the code system %s has no such code", terminology_system_url(s));
    terminology_related(s, p->a, at, str_is(arg->modifier, "above"), &list, &n);
    if (p->options->limits.max_codes && n > (size_t)p->options->limits.max_codes)
        return too_costly(p, arg);
    for (size_t i = 0; i < n; i++)
        add_code(p, arg, c, terminology_system_url(s), terminology_code(s, list[i]));
    return finish(arg, c);
}

struct search_criterion *search__parse_coded(struct search__parse *p, const struct search__arg *arg,
                                             struct str value)
{
    if (!p->options->terminology) {
        p->q->needs_terminology = true;
        return search__criterion(p->a, CRIT_NONE, arg->param);
    }
    bool above = str_is(arg->modifier, "above"), below = str_is(arg->modifier, "below");
    return above || below ? related(p, arg, value) : in_set(p, arg, search__unescape(p->a, value));
}
