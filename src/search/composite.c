/*
 * Composite parameters (search.html#composite): several values of one element, which belong together.
 *
 * On the resource itself (code-value-quantity: Observation) the element is the resource, so the parameter is nothing
 * but its components' parameters, all asked at once; it has no rows. On an element that repeats
 * (component-code-value-quantity: Observation.component) the index keeps pairs:
 *     token with token or reference   a key of the two keys, for each way to ask for either
 *     token with quantity or number   a row of idx_num with the token's key beside it, for each way to ask
 *     token with two numbers          one such row, lo the first number and hi the second
 * The components have hashes under idents of their own, so that they never meet those of the plain parameters.
 */
#include "internal.h"

bool search__compile_composite(struct arena *a, const struct fhir_defs *d, struct search_param *p,
                               struct err *err)
{
    const struct fhir_search_param *def = p->def;
    const struct fhir_type *context = p->leaves.n == 1 ? p->leaves.items[0].type : NULL;
    p->whole = strcmp(def->expression, def->base->name) == 0;
    p->n_components = def->n_components;
    p->components = ARENA_ARRAY(a, struct search_param, def->n_components);
    for (int i = 0; i < def->n_components; i++) {
        struct search_param *c = &p->components[i];
        const struct fhir_search_component *component = &def->components[i];
        const char *code = arena_printf(a, "%s$%d", def->code, i);
        if (!component->param)
            return err_set(err, ERR_INVALID, "search parameter %s of %s: component %s is not known",
                           def->code, def->base->name, component->definition);
        c->def = component->param;
        c->type = def->base;
        c->ident = search__ident(def->base->name, code);
        c->id = search__param_id(code);
        c->n_targets = component->param->n_targets;
        c->targets = component->param->targets;
        if (context)
            search__leaves(a, d, context, component->expression, &c->leaves);
        search__token_reading(c);
        if (!p->whole && context &&
            !fp_compile(a, d, str_of(component->expression), context, false, &c->expr, err)) {
            struct err why = *err;
            return err_set(err, why.kind, "search parameter %s of %s: %s", def->code, def->base->name,
                           why.msg);
        }
    }
    return true;
}

/* ---- index ------------------------------------------------------------------------------------------- */

/* What the i-th component's values are, as rows of its own. */
static bool values_of(struct search__index *x, struct fp_env *env, const struct fp_item *item,
                      const struct search_param *component, struct search_index *rows, struct err *err)
{
    struct fp_list values = {0};
    struct search__slot slot = {.param = component};
    struct search__index of = *x;
    of.slot = &slot;
    of.out = rows;
    of.codes_only = true;
    *rows = (struct search_index){.dt = SEARCH_NO_DATE};
    if (!fp_eval(component->expr, env, item, &values, err))
        return false;
    for (size_t i = 0; i < values.n; i++)
        search__index_value(&of, &values.items[i]);
    return true;
}

static int64_t pair(const struct search_tenant *t, const struct search_param *p, int64_t a, int64_t b)
{
    return search__key(t, p, KEY_PAIR, (struct str){(const char *)&a, sizeof a},
                       (struct str){(const char *)&b, sizeof b});
}

static void add_row(struct search__index *x, const struct search_index_num *n, struct str hi, int64_t tok)
{
    struct search_index_num row = *n;
    row.param = x->slot->param->id;
    row.hi = hi;
    row.tok = tok;
    *ARENA_PUSH(x->a, x->out->nums, x->out->n_nums, x->out->cap_nums) = row;
}

static void add_pairs(struct search__index *x, const struct search_index *first,
                      const struct search_index *second, const struct search_index *third)
{
    for (size_t i = 0; i < first->n_keys; i++) {
        for (size_t j = 0; j < second->n_keys; j++)
            search__add_key(x, pair(x->tenant, x->slot->param, first->keys[i], second->keys[j]));
        for (size_t j = 0; j < second->n_nums; j++) {
            if (!third)
                add_row(x, &second->nums[j], second->nums[j].hi, first->keys[i]);
            for (size_t k = 0; third && k < third->n_nums; k++)
                add_row(x, &second->nums[j], third->nums[k].hi, first->keys[i]);
        }
    }
}

bool search__index_composite(struct search__index *x, struct fp_env *env, const struct fp_item *item,
                             struct err *err)
{
    const struct search_param *p = x->slot->param;
    struct search_index rows[3];
    for (int i = 0; i < p->n_components && i < 3; i++)
        if (!values_of(x, env, item, &p->components[i], &rows[i], err))
            return false;
    if (p->n_components >= 2)
        add_pairs(x, &rows[0], &rows[1], p->n_components > 2 ? &rows[2] : NULL);
    return true;
}

/* ---- query ------------------------------------------------------------------------------------------- */

const struct search__slot *search__component(const struct search__parse *p, const struct search__arg *arg,
                                             int i)
{
    return search__slot(p->registry, arg->type, str_of(arg->param->components[i].def->code));
}

/* The whole resource is the element: its parameters, all at once. */
static struct search_criterion *parse_whole(struct search__parse *p, const struct search__arg *arg,
                                            const struct str *values)
{
    struct search_criterion *all = search__criterion(p->a, CRIT_AND, NULL), **end = &all->child;
    for (int i = 0; i < arg->param->n_components; i++) {
        const struct search__slot *slot = search__component(p, arg, i);
        struct search__arg component = *arg;
        component.slot = slot;
        component.param = slot->param;
        component.lane = slot->lane;
        *end = search__parse_alternative(p, &component, values[i]);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    }
    return all;
}

static struct search_criterion *pairs_of(struct search__parse *p, const struct search__arg *arg,
                                         struct search_criterion *first, struct search_criterion *second,
                                         struct search_criterion *third)
{
    if (first->kind != CRIT_KEYS || second->kind == CRIT_NONE || (third && third->kind == CRIT_NONE))
        return search__criterion(p->a, CRIT_NONE, NULL);
    if (second->kind == CRIT_KEYS) {
        struct search_criterion *c = search__criterion(p->a, CRIT_KEYS, arg->param);
        for (size_t i = 0; i < first->n_keys; i++)
            for (size_t j = 0; j < second->n_keys; j++)
                search__criterion_only_key(
                    p->a, c, pair(p->tenant, arg->param, first->keys[i].key, second->keys[j].key));
        return c;
    }
    second->param = arg->param;
    second->tok = first->keys[0].key;
    second->end = third;
    return second;
}

struct search_criterion *search__parse_composite(struct search__parse *p, const struct search__arg *arg,
                                                 struct str value)
{
    const struct search_param *param = arg->param;
    struct str values[3];
    int n = 0;
    if (arg->modifier.s)
        return search__refuse(p, arg, "a composite parameter takes no modifier but :missing");
    struct str rest = value;
    while (rest.s && n < 3)
        values[n++] = search__cut(rest, '$', &rest);
    bool complete = n == param->n_components && !rest.s;
    for (int i = 0; i < n; i++)
        complete = complete && values[i].len;
    if (!complete)
        return search__refuse(p, arg, "its %d values are written with $ between them", param->n_components);
    if (param->whole)
        return parse_whole(p, arg, values);
    struct search_criterion *c[3] = {NULL};
    for (int i = 0; i < n; i++) {
        struct search__arg component = {
            .param = &param->components[i], .type = arg->type, .slot = arg->slot, .name = arg->name};
        c[i] = search__parse_alternative(p, &component, values[i]);
        if (!c[i])
            return NULL;
    }
    return pairs_of(p, arg, c[0], c[1], c[2]);
}
