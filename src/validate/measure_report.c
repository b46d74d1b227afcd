/*
 * A MeasureReport against its Measure (measurereport.html): its groups, populations and stratifiers are those of the measure,
 * told by their codes; it lists subjects where it is a subject-list; its scores are those of the scoring.
 */
#include "fhir/decimal.h"
#include "measure.h"

struct checking {
    struct validate__walk *w;
    const struct measure *m;
    const char *type; /* MeasureReport.type, or "" */
    bool complete;
};

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

#define wrong(c, at, ...) validate__rule((c)->w, (at), ISSUE_ERROR, "business-rule", __VA_ARGS__)
/* What only its code tells apart may be told otherwise between those who exchange reports: written records are kept. */
#define refuse(c, at, ...)                                                                                   \
    validate__rule((c)->w, (at), validate__policy((c)->w), "business-rule", __VA_ARGS__)

/* ---- codes ------------------------------------------------------------------------------------------------ */

/* A code for the reader of a finding: measures are no secrets. */
static const char *shown(struct arena *a, const json *concept)
{
    const json *codings = array(concept, "coding");
    const char *code = codings ? json_get_string(codings->child, "code") : NULL;
    if (!code)
        code = json_get_string(concept, "text");
    return code ? arena_printf(a, "'%.100s'", code) : "without code";
}

/* The code of a part of a report: of a stratifier there may be several, of which one is enough. */
static bool matches(const json *code, const json *asked)
{
    if (!json_is_array(code))
        return validate__concepts_match(code, asked);
    json_each (one, code)
        if (validate__concepts_match(one, asked))
            return true;
    return false;
}

/* ---- scores ----------------------------------------------------------------------------------------------- */

static void check_proportion(struct checking *c, struct validate__place *at)
{
    static const char *const units[] = {"unit", "system", "code"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct validate__place place = {
            .up = at, .name = units[i], .index = -1, .node = json_get(at->node, units[i])};
        if (place.node)
            wrong(c, &place, "The score of a proportion has no unit: remove %s", units[i]);
    }
    const json *value = json_get(at->node, "value");
    struct validate__place place = {.up = at, .name = "value", .index = -1, .node = value};
    if (json_is_number(value) && (value->valuedouble < 0 || value->valuedouble > 1))
        validate__rule(c->w, &place, ISSUE_ERROR, "required", "The score of a proportion is between 0 and 1");
}

static void check_unit(struct checking *c, struct validate__place *at, enum measure_scoring scoring)
{
    static const char *const names[] = {"code", "system"};
    for (size_t i = 0; c->m->unit && i < sizeof names / sizeof *names; i++) {
        const char *asked = json_get_string(c->m->unit, names[i]), *has = json_get_string(at->node, names[i]);
        if (asked && (!has || strcmp(asked, has) != 0))
            validate__rule(c->w, at, ISSUE_ERROR, "code-invalid",
                           "The %s of the score's unit is to be '%.100s', as the measure says", names[i],
                           asked);
    }
    if (!c->m->unit && scoring == MEASURE_RATIO && !json_get(at->node, "code"))
        validate__rule(c->w, at, ISSUE_WARNING, "not-found", "The score of a ratio should have a unit");
}

static void check_score(struct checking *c, struct validate__place *group, enum measure_scoring scoring)
{
    const json *score = json_get(group->node, "measureScore");
    struct validate__place at = {.up = group, .name = "measureScore", .index = -1, .node = score};
    if (scoring == MEASURE_N_SCORINGS || strcmp(c->type, "data-collection") == 0)
        return; /* mrp-1: a data-collection has no groups at all */
    if (scoring == MEASURE_COHORT) {
        if (score)
            wrong(c, &at, "A measure with the scoring cohort has no score");
    } else if (!score) {
        validate__rule(c->w, group, c->complete ? ISSUE_ERROR : ISSUE_WARNING, "required",
                       "A measure with the scoring %s has a score", validate__measure_scoring_name(scoring));
    } else {
        if (!json_get(score, "value"))
            validate__rule(c->w, &at, ISSUE_ERROR, "required", "The score needs a value");
        if (scoring == MEASURE_PROPORTION)
            check_proportion(c, &at);
        else
            check_unit(c, &at, scoring);
    }
}

/* ---- parts ------------------------------------------------------------------------------------------------ */

static void check_subjects(struct checking *c, struct validate__place *at)
{
    const json *count = json_get(at->node, "count");
    size_t subjects = json_get(at->node, "subjectResults") ? 1 : 0;
    if (strcmp(c->type, "subject-list") == 0) {
        /* subjectResults is one List, which is elsewhere: it counts as one subject when it is no List */
        const char *to = json_get_string(json_get(at->node, "subjectResults"), "reference");
        bool list = to && (strstr(to, "List/") || to[0] == '#' || strncmp(to, "urn:", 4) == 0);
        if (json_is_number(count) && !list && count->valuedouble != (double)subjects)
            wrong(c, at, "The count and the number of subjects differ");
        return;
    }
    if (subjects)
        wrong(c, at, "Only reports of the type subject-list have subjects");
    if (!count)
        validate__rule(c->w, at, ISSUE_WARNING, "business-rule", "The population has no count");
}

/* Populations or stratifiers of a group. */
struct parts {
    const char *name;
    const struct measure_part *list;
    size_t n;
    bool populations;
};

static void check_part(struct checking *c, struct validate__place *at, const struct parts *parts, bool *seen)
{
    const json *code = json_get(at->node, "code");
    size_t i = 0;
    if (!code) {
        refuse(c, at, "The %s has no code: give the one that it has in the measure", parts->name);
        return;
    }
    while (i < parts->n && !matches(code, parts->list[i].code))
        i++;
    if (i == parts->n) {
        refuse(c, at, "The measure has no %s with this code", parts->name);
    } else if (seen[i]) {
        wrong(c, at, "There is another %s with this code", parts->name);
    } else {
        seen[i] = true;
        if (parts->populations)
            check_subjects(c, at);
    }
}

static void check_parts(struct checking *c, struct validate__place *group, const struct parts *parts)
{
    bool *seen = ARENA_ARRAY(c->w->a, bool, parts->n);
    struct validate__place at = {.up = group, .name = parts->name};
    json_each (node, array(group->node, parts->name)) {
        at.node = node;
        check_part(c, &at, parts, seen);
        at.index++;
    }
    for (size_t i = 0; i < parts->n; i++)
        if (!seen[i] && !parts->list[i].is_observation)
            refuse(c, group, "The report lacks the %s %s of the measure", parts->name,
                   shown(c->w->a, parts->list[i].code));
}

/* ---- groups ----------------------------------------------------------------------------------------------- */

static void check_group(struct checking *c, struct validate__place *at, const struct measure_group *g)
{
    check_parts(c, at, &(struct parts){"population", g->populations, g->n_populations, true});
    check_score(c, at, g->scoring);
    check_parts(c, at, &(struct parts){"stratifier", g->stratifiers, g->n_stratifiers, false});
}

/* One group for one group needs no code; codes that are there agree. */
static void check_only_group(struct checking *c, struct validate__place *at)
{
    const struct measure_group *g = &c->m->groups[0];
    const json *code = json_get(at->node, "code");
    if (g->code && code && !matches(code, g->code))
        wrong(c, at, "The code of the group is not that of the measure's group, %s", shown(c->w->a, g->code));
    check_group(c, at, g);
}

static void check_groups(struct checking *c, struct validate__place *report, const json *list)
{
    const struct measure *m = c->m;
    bool *seen = ARENA_ARRAY(c->w->a, bool, m->n_groups);
    struct validate__place at = {.up = report, .name = "group"};
    json_each (node, list) {
        const json *code = json_get(node, "code");
        size_t i = 0;
        at.node = node;
        while (code && i < m->n_groups && !matches(code, m->groups[i].code))
            i++;
        if (!code) {
            refuse(c, &at, "The %s has no code: give the one that it has in the measure", "group");
        } else if (i == m->n_groups) {
            refuse(c, &at, "The measure has no %s with this code", "group");
        } else if (seen[i]) {
            wrong(c, &at, "There is another %s with this code", "group");
        } else {
            seen[i] = true;
            check_group(c, &at, &m->groups[i]);
        }
        at.index++;
    }
    for (size_t i = 0; i < m->n_groups; i++)
        if (!seen[i])
            refuse(c, report, "The report lacks the %s %s of the measure", "group",
                   shown(c->w->a, m->groups[i].code));
}

/* ---- the report ------------------------------------------------------------------------------------------- */

static const struct measure *find(struct validate__walk *w, struct validate__place *at, const char *canonical)
{
    const void *m = NULL;
    struct err unusable;
    if (canonical[0] == '#') {
        const struct validate__contained *found = validate__contained_find(w->scope, canonical + 1);
        const char *type = found ? json_get_string(found->node, "resourceType") : NULL;
        bool read = type && strcmp(type, "Measure") == 0 &&
                    validate__measure_read(w->a, w->a, found->node, &m, &unusable);
        return read ? m : NULL;
    }
    const struct conformance_entry *e =
        conformance_find(validate__codes(w), CONFORMANCE_MEASURE, str_of(canonical));
    if (e && conformance_read(e, validate__measure_read, &m, &unusable))
        return m;
    struct validate__place place = {
        .up = at, .name = "measure", .index = -1, .node = json_get(at->node, "measure")};
    validate__unresolved(w, &place, canonical, "measure");
    return NULL;
}

void validate__measure_report(struct validate__walk *w, struct validate__place *at)
{
    const char *canonical = json_get_string(at->node, "measure"), *type = json_get_string(at->node, "type"),
               *status = json_get_string(at->node, "status");
    const struct measure *m = canonical ? find(w, at, canonical) : NULL;
    const json *list = array(at->node, "group");
    /* data that is sent in before anything is computed has no groups (mrp-1), and a report that failed need not have any */
    if (!m || (!list &&
               (!type || strcmp(type, "data-collection") == 0 || !status || strcmp(status, "complete") != 0)))
        return;
    struct checking c = {
        .w = w, .m = m, .type = type ? type : "", .complete = status && strcmp(status, "complete") == 0};
    struct validate__place group = {.up = at, .name = "group", .node = list ? list->child : NULL};
    if (list && json_count(list) == 1 && m->n_groups == 1)
        check_only_group(&c, &group);
    else
        check_groups(&c, at, list);
}
