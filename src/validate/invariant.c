/*
 * The invariants of the base specification. Each is compiled once, evaluated on every element that carries
 * it. One that cannot be compiled or evaluated is logged once and never rejects a resource. Rules that are
 * not evaluated: those that the walk checks itself or that are wrong as published (the table below), and
 * best-practice ones (elementdefinition-bestpractice), which are advice to authors and not for each write.
 */
#include <stdatomic.h>

#include "base/log.h"
#include "internal.h"

struct rule {
    const struct fhir_invariant *def;
    const struct fp_expr *expr; /* NULL: not evaluated */
    atomic_bool failed;         /* logged */
};

struct validate__invariants {
    struct rule *rules; /* by fhir_invariant.index */
};

/*
 * Rules that are not evaluated as published. key NULL: any; published: where the expression begins so.
 * expression NULL: not evaluated; else what is evaluated instead.
 *
 * A rule is kept when it is true; empty is not true. Some are published so that they are empty for resources
 * that keep what their text says: where the element they speak of is absent, or where two values cannot be
 * compared (dates of different precision such as 2021-02-15 and 2021-02, quantities of different units). Those
 * are corrected here, mostly as later releases of FHIR did.
 */
static const struct treatment {
    const char *key, *published, *expression;
} treatments[] = {
    /* checked by the walk */
    {"dom-2", "", NULL}, /* contained.c */
    {"dom-3", "", NULL}, /* contained.c */
    {"dom-4", "", NULL}, /* contained.c */
    {"dom-5", "", NULL}, /* contained.c */
    {"ele-1", "", NULL}, /* walk.c */
    {"ext-1", "", NULL}, /* extension.c */
    {"ref-1", "", NULL}, /* reference.c; as published it forbids "#" in contained resources */
    {"txt-1", "", NULL}, /* narrative.c */
    {"txt-2", "", NULL}, /* narrative.c */
    /* empty where the element is absent */
    {"bdl-8", "", "fullUrl.hasValue().not() or fullUrl.contains('/_history/').not()"},
    {"md-1", "", "max.hasValue().not() or max = '*' or max.toInteger() > 0"},
    {"ras-2", "", "probability.empty() or (probability is decimal implies (probability as decimal) <= 100)"},
    {NULL, "name.matches(", "name.hasValue().not() or name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"},
    /* says less than its text; a part of the path does not have to match, but all of it */
    {"eld-19", "",
     "path.matches('^[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}"
     "(\\\\.[^\\\\s\\\\.,:;\\\\\\'\"\\\\/"
     "|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\[x\\\\])?(\\\\:[^\\\\s\\\\.]+)?)*$')"},
    {"que-12", "", "enableWhen.count() > 1 implies enableBehavior.exists()"},
    /* empty where the values cannot be compared */
    {"inv-1", "lastModified", "iif(lastModified < authoredOn, false, true)"},
    {"mdd-1", "", "iif(whenHandedOver < whenPrepared, false, true)"},
    {"per-1", "", "iif(start > end, false, true)"},
    {"rng-2", "", "iif(low > high, false, true)"},
    /* the type of a FHIR boolean is boolean, not System.Boolean */
    {"que-7", "", "operator = 'exists' implies (answer is boolean)"},
    /* `in` takes one item, but when repeats */
    {"tim-9", "",
     "offset.empty() or (when.exists() and when.where($this in ('C' | 'CM' | 'CD' | 'CV')).empty())"},
};

/* NULL: not evaluated. */
static const char *expression(const struct fhir_invariant *def)
{
    for (size_t i = 0; i < sizeof treatments / sizeof *treatments; i++)
        if ((!treatments[i].key || strcmp(def->key, treatments[i].key) == 0) &&
            str_starts(str_of(def->expression), str_of(treatments[i].published)))
            return treatments[i].expression;
    return def->expression;
}

static void add(struct arena *a, const struct fhir_defs *d, struct rule *rules,
                const struct fhir_invariant *def)
{
    struct rule *rule = &rules[def->index];
    if (rule->def)
        return;
    rule->def = def;
    const char *text = expression(def);
    struct err err;
    if (text && !fp_compile(a, d, str_of(text), NULL, false, &rule->expr, &err)) {
        rule->expr = NULL;
        log_event(LOG_WARN, "invariant not compiled", LOG_S("key", def->key), LOG_S("error", err.msg));
    }
}

bool validate__invariants_new(struct arena *a, const struct fhir_defs *d,
                              const struct validate__invariants **out, struct err *err)
{
    (void)err;
    struct validate__invariants *v = ARENA_NEW(a, struct validate__invariants);
    v->rules = ARENA_ARRAY(a, struct rule, fhir_invariant_count(d));
    for (int i = 0; i < fhir_type_count(d); i++) {
        const struct fhir_type *t = fhir_type_at(d, i);
        for (int k = 0; k < t->n_invariants; k++)
            add(a, d, v->rules, t->invariants[k]);
        for (int e = 0; e < t->n_elements; e++)
            for (int k = 0; k < t->elements[e].n_invariants; k++)
                add(a, d, v->rules, t->elements[e].invariants[k]);
    }
    *out = v;
    return true;
}

static struct fp_item *item(struct validate__walk *w, struct validate__place *at)
{
    if (!at->item) {
        at->item = ARENA_NEW(w->a, struct fp_item);
        *at->item = (struct fp_item){.kind = FP_NODE,
                                     .type = at->type,
                                     .element = at->element,
                                     .node = at->node,
                                     .extra = at->extra,
                                     .parent = at->up ? item(w, at->up) : NULL,
                                     .index = at->index};
    }
    return at->item;
}

/* Only what is in the resource and the Bundles around it: an invariant never waits for the database. */
static const json *resolve(void *arg, struct arena *a, const char *reference)
{
    (void)a;
    const struct validate__walk *w = arg;
    if (reference[0] != '#') {
        const struct validate__entry *e = validate__bundle_find(w, reference);
        return e ? e->resource : NULL;
    }
    const struct validate__contained *target = validate__contained_find(w->scope, reference + 1);
    return target ? target->node : NULL;
}

static int conforms(void *arg, const struct fp_item *item, const char *profile)
{
    return validate__conforms(arg, item, profile);
}

bool validate__holds(struct validate__walk *w, struct validate__place *at, const struct fp_expr *expr,
                     const char *key, atomic_bool *failed)
{
    const struct validate__scope *s = w->scope;
    struct fp_env env = {.a = w->scratch,
                         .defs = w->v->defs,
                         .resource = s->node,
                         .root_resource = s->container ? s->container->node : s->node,
                         .now_us = w->now_us,
                         .resolve = resolve,
                         .conforms_to = conforms,
                         .terminology = &w->asks,
                         .arg = w};
    struct err err;
    bool holds;
    if (fp_eval_bool(expr, &env, item(w, at), &holds, &err))
        return holds;
    if (!atomic_exchange(failed, true))
        log_event(LOG_WARN, "invariant not evaluated", LOG_S("key", key), LOG_S("error", err.msg));
    return true;
}

static void evaluate(struct validate__walk *w, struct validate__place *at, struct rule *rule)
{
    static const enum issue_severity advice[] = {[ADVICE_INFORMATION] = ISSUE_INFORMATION,
                                                 [ADVICE_WARNING] = ISSUE_WARNING,
                                                 [ADVICE_ERROR] = ISSUE_ERROR};
    const struct fhir_invariant *def = rule->def;
    enum issue_severity severity = def->best_practice ? advice[w->options->advice]
                                   : def->warning     ? ISSUE_WARNING
                                                      : ISSUE_ERROR;
    if (!validate__holds(w, at, rule->expr, def->key, &rule->failed))
        validate__find(w, at, severity, "invariant", def->key, "%s: %s", def->key,
                       def->human ? def->human : def->expression);
}

static void each(struct validate__walk *w, struct validate__place *at,
                 const struct fhir_invariant *const *list, int n)
{
    for (int i = 0; i < n; i++) {
        struct rule *rule = &w->v->invariants->rules[list[i]->index];
        if (rule->expr && (!rule->def->best_practice || w->options->advice))
            evaluate(w, at, rule);
    }
}

void validate__invariants(struct validate__walk *w, struct validate__place *at)
{
    if (w->options->level < VALIDATE_BASE)
        return;
    const struct fhir_element *e = at->element;
    if (e)
        each(w, at, e->invariants, e->n_invariants);
    each(w, at, at->type->invariants, at->type->n_invariants);
}
