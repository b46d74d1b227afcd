/* Reads a Measure into the form by which reports are checked. */
#include "measure.h"

static const char *const scorings[MEASURE_N_SCORINGS] = {
    [MEASURE_PROPORTION] = "proportion",
    [MEASURE_RATIO] = "ratio",
    [MEASURE_CONTINUOUS] = "continuous-variable",
    [MEASURE_COHORT] = "cohort",
};

/* What has no place in R4 has it in these extensions. */
#define GROUP_SCORING "http://hl7.org/fhir/uv/cqm/StructureDefinition/cqm-scoring"
#define SCORE_UNIT    "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

static bool is(const char *x, const char *y)
{
    return x && strcmp(x, y) == 0;
}

/* ---- CodeableConcepts ------------------------------------------------------------------------------------- */

bool validate__concept_has(const json *concept, const char *system, const char *code)
{
    json_each (coding, array(concept, "coding"))
        if (is(json_get_string(coding, "code"), code) &&
            (!system || is(json_get_string(coding, "system"), system)))
            return true;
    return false;
}

static bool has_exactly(const json *concept, const char *system, const char *code)
{
    json_each (coding, array(concept, "coding")) {
        const char *of = json_get_string(coding, "system");
        if (is(json_get_string(coding, "code"), code) && (system ? is(of, system) : !of))
            return true;
    }
    return false;
}

bool validate__concepts_match(const json *x, const json *y)
{
    const json *codings = array(x, "coding");
    json_each (coding, codings) {
        const char *code = json_get_string(coding, "code");
        if (code && has_exactly(y, json_get_string(coding, "system"), code))
            return true;
    }
    const char *text = json_get_string(x, "text");
    return !codings && !array(y, "coding") && text && is(json_get_string(y, "text"), text);
}

enum measure_scoring validate__measure_scoring(const json *concept)
{
    enum measure_scoring s = 0;
    while (s < MEASURE_N_SCORINGS && !validate__concept_has(concept, NULL, scorings[s]))
        s++;
    return s;
}

const char *validate__measure_scoring_name(enum measure_scoring s)
{
    return scorings[s];
}

/* ---- the measure ------------------------------------------------------------------------------------------ */

static const json *copy(struct arena *a, const json *node)
{
    return node ? json_copy(a, node) : NULL;
}

static const json *extension(const json *element, const char *url, const char *value)
{
    json_each (x, array(element, "extension"))
        if (is(json_get_string(x, "url"), url))
            return json_get(x, value);
    return NULL;
}

static size_t read_parts(struct arena *a, const json *list, const struct measure_part **out)
{
    size_t n = 0;
    struct measure_part *parts = ARENA_ARRAY(a, struct measure_part, list ? json_count(list) : 0);
    json_each (node, list) {
        const json *code = json_get(node, "code");
        parts[n++] = (struct measure_part){
            .code = copy(a, code),
            .is_observation = validate__concept_has(code, MEASURE_POPULATIONS, "measure-observation")};
    }
    *out = parts;
    return n;
}

bool validate__measure_read(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                            struct err *err)
{
    (void)scratch;
    (void)err;
    struct measure *m = ARENA_NEW(a, struct measure);
    const json *list = array(resource, "group");
    struct measure_group *groups = ARENA_ARRAY(a, struct measure_group, list ? json_count(list) : 0);
    json_each (node, list) {
        struct measure_group *g = &groups[m->n_groups++];
        const json *own = extension(node, GROUP_SCORING, "valueCodeableConcept");
        g->code = copy(a, json_get(node, "code"));
        g->scoring = validate__measure_scoring(own ? own : json_get(resource, "scoring"));
        g->n_populations = read_parts(a, array(node, "population"), &g->populations);
        g->n_stratifiers = read_parts(a, array(node, "stratifier"), &g->stratifiers);
    }
    m->groups = groups;
    m->unit = copy(a, extension(resource, SCORE_UNIT, "valueCoding"));
    *out = m;
    return true;
}
