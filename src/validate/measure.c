/*
 * A Measure by itself (measure.html): its parts can be told apart, its criteria can be computed, its populations are those
 * of its scoring (the table of "measure populations" there).
 */
#include "measure.h"

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

static size_t count(const json *object, const char *name)
{
    const json *list = array(object, name);
    return list ? json_count(list) : 0;
}

/* ---- populations ------------------------------------------------------------------------------------------ */

#define BIT(s) (1u << MEASURE_##s)
#define ALL    (BIT(PROPORTION) | BIT(RATIO) | BIT(CONTINUOUS) | BIT(COHORT))

/* By scoring (bits): where a population is needed, and where it has a meaning. */
static const struct {
    const char *code;
    unsigned needed, allowed;
} populations[] = {
    {"initial-population", 0, ALL},
    {"numerator", BIT(PROPORTION) | BIT(RATIO), BIT(PROPORTION) | BIT(RATIO)},
    {"numerator-exclusion", 0, BIT(PROPORTION) | BIT(RATIO)},
    {"denominator", BIT(PROPORTION) | BIT(RATIO), BIT(PROPORTION) | BIT(RATIO)},
    {"denominator-exclusion", 0, BIT(PROPORTION) | BIT(RATIO)},
    {"denominator-exception", 0, BIT(PROPORTION)},
    {"measure-population", BIT(CONTINUOUS), BIT(CONTINUOUS) | BIT(COHORT)},
    {"measure-population-exclusion", 0, BIT(CONTINUOUS)},
    {"measure-observation", BIT(CONTINUOUS), BIT(CONTINUOUS) | BIT(RATIO)},
};

static bool has_population(const json *group, const char *code)
{
    json_each (p, array(group, "population"))
        if (validate__concept_has(json_get(p, "code"), NULL, code))
            return true;
    return false;
}

static void check_populations(struct validate__walk *w, const struct validate__place *at,
                              enum measure_scoring scoring)
{
    for (size_t i = 0; scoring < MEASURE_N_SCORINGS && i < sizeof populations / sizeof *populations; i++) {
        bool has = has_population(at->node, populations[i].code);
        if (!has && populations[i].needed & 1u << scoring)
            validate__find(w, at, ISSUE_WARNING, "business-rule", NULL,
                           "A measure with the scoring %s needs the population %s",
                           validate__measure_scoring_name(scoring), populations[i].code);
        else if (has && !(populations[i].allowed & 1u << scoring))
            validate__find(w, at, ISSUE_WARNING, "business-rule", NULL,
                           "In a measure with the scoring %s the population %s means nothing",
                           validate__measure_scoring_name(scoring), populations[i].code);
    }
}

/* ---- criteria --------------------------------------------------------------------------------------------- */

/* CQL is in libraries, which are named by canonicals. */
static bool has_library(const json *measure)
{
    json_each (library, array(measure, "library"))
        if (json_is_string(library) && (strchr(library->valuestring, ':') || library->valuestring[0] == '#'))
            return true;
    return false;
}

static void check_criteria(struct validate__walk *w, struct validate__place *up, const json *measure)
{
    const json *criteria = json_get(up->node, "criteria");
    const char *language = json_get_string(criteria, "language"),
               *expression = json_get_string(criteria, "expression");
    struct validate__place at = {.up = up, .name = "criteria", .index = -1, .node = criteria};
    struct err err;
    const struct fp_expr *x;
    if (!language)
        return; /* exp-1 and the structure say what is missing */
    if (strcmp(language, "text/cql") == 0 && !has_library(measure))
        validate__refuse(w, &at, "invalid",
                         "The criterion is in CQL, but Measure.library names no library by an absolute URL");
    else if (strcmp(language, "text/fhirpath") == 0 && expression &&
             !fp_compile(w->a, w->v->defs, str_of(expression), NULL, false, &x, &err))
        validate__find(w, &at, ISSUE_WARNING, "invalid", NULL, "The criterion is no FHIRPath: %s", err.msg);
}

/* ---- groups ----------------------------------------------------------------------------------------------- */

/* Of several parts each has a code, as reports name them by it. */
static void check_code(struct validate__walk *w, const struct validate__place *at, size_t n)
{
    if (n > 1 && !json_get(at->node, "code") && !count(at->node, "component"))
        validate__find(w, at, ISSUE_WARNING, "required", NULL,
                       "Where there are several of them, each needs a code: reports name them by it");
}

static void check_group(struct validate__walk *w, struct validate__place *at, const json *measure)
{
    size_t n_populations = count(at->node, "population"), n_stratifiers = count(at->node, "stratifier");
    if (n_populations == 0)
        validate__find(w, at, ISSUE_WARNING, "required", NULL, "A group of a measure has populations");
    struct validate__place population = {.up = at, .name = "population"};
    json_each (node, array(at->node, "population")) {
        population.node = node;
        check_code(w, &population, n_populations);
        population.index++;
    }
    struct validate__place stratifier = {.up = at, .name = "stratifier"};
    json_each (node, array(at->node, "stratifier")) {
        stratifier.node = node;
        check_code(w, &stratifier, n_stratifiers);
        check_criteria(w, &stratifier, measure);
        struct validate__place component = {.up = &stratifier, .name = "component"};
        json_each (part, array(node, "component")) {
            component.node = part;
            check_code(w, &component, count(node, "component"));
            check_criteria(w, &component, measure);
            component.index++;
        }
        stratifier.index++;
    }
}

void validate__measure(struct validate__walk *w, struct validate__place *at)
{
    size_t n = count(at->node, "group");
    enum measure_scoring scoring = validate__measure_scoring(json_get(at->node, "scoring"));
    if (n == 0)
        validate__find(w, at, ISSUE_WARNING, "required", NULL, "A measure has groups of populations");
    struct validate__place group = {.up = at, .name = "group"};
    json_each (node, array(at->node, "group")) {
        group.node = node;
        check_code(w, &group, n);
        check_populations(w, &group, scoring);
        check_group(w, &group, at->node);
        group.index++;
    }
}
