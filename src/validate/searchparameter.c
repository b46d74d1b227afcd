/* A SearchParameter by itself (searchparameter.html): its expression is of its bases, a composite has parts, and one that is
 * derived from another agrees with it. */
#include "internal.h"

static const json *array(const json *object, const char *name)
{
    const json *list = json_get(object, name);
    return json_is_array(list) ? list : NULL;
}

static struct validate__place child(struct validate__place *at, const char *name)
{
    return (struct validate__place){.up = at, .name = name, .index = -1, .node = json_get(at->node, name)};
}

/* ---- the expression --------------------------------------------------------------------------------------- */

/* Its branches for one base, held against that type's elements. */
static bool check_base(struct validate__walk *w, const struct validate__place *at, const char *expression,
                       const struct fhir_type *base)
{
    const char *part = NULL;
    const struct fhir_type *t = base;
    const struct fp_expr *x;
    struct err err;
    while (t && !(part = fhir_search_expression(w->a, expression, t->name)))
        t = t->base;
    if (!part)
        validate__refuse(w, at, "invalid", "The expression has no part that is of the base %s", base->name);
    else if (!fp_compile(w->a, w->v->defs, str_of(part), t, true, &x, &err))
        validate__refuse(w, at, "invalid", "The expression on the base %s: %s", base->name, err.msg);
    else
        return true;
    return false;
}

static void check_expression(struct validate__walk *w, struct validate__place *at)
{
    struct validate__place place = child(at, "expression");
    const struct fp_expr *x;
    struct err err;
    if (!json_is_string(place.node))
        return;
    const char *expression = place.node->valuestring;
    if (!fp_compile(w->a, w->v->defs, str_of(expression), NULL, false, &x, &err)) {
        validate__refuse(w, &place, "invalid", "The expression is no FHIRPath: %s", err.msg);
        return;
    }
    json_each (base, array(at->node, "base")) {
        const struct fhir_type *t = json_is_string(base) ? fhir_type(w->v->defs, base->valuestring) : NULL;
        if (t && !t->abstract && t->kind == FHIR_RESOURCE && !check_base(w, &place, expression, t))
            return; /* once is enough: the other bases would say the same */
    }
}

/* ---- composites ------------------------------------------------------------------------------------------- */

static void check_components(struct validate__walk *w, struct validate__place *at, const char *type)
{
    const json *list = array(at->node, "component");
    bool composite = strcmp(type, "composite") == 0;
    if (composite && (!list || json_count(list) < 2))
        validate__refuse(w, at, "business-rule", "A composite search parameter has two components or more");
    if (!composite && list)
        validate__find(w, at, ISSUE_WARNING, "business-rule", NULL,
                       "Only a composite search parameter has components");
    struct validate__place component = {.up = at, .name = "component"};
    json_each (node, list) {
        component.node = node;
        struct validate__place place = child(&component, "expression");
        const struct fp_expr *x;
        struct err err;
        if (json_is_string(place.node) &&
            !fp_compile(w->a, w->v->defs, str_of(place.node->valuestring), NULL, false, &x, &err))
            validate__refuse(w, &place, "invalid", "The expression is no FHIRPath: %s", err.msg);
        component.index++;
    }
}

/* ---- derivedFrom ------------------------------------------------------------------------------------------ */

/* The parameter of R4 with the URL, on the first type that has it. */
static const struct fhir_search_param *find(const struct validate__walk *w, const char *url)
{
    const struct fhir_search_param *p = NULL;
    for (int i = 0; !p && i < fhir_resource_count(w->v->defs); i++)
        p = fhir_search_param_by_url(fhir_resource_at(w->v->defs, i), url);
    return p;
}

static void check_derived(struct validate__walk *w, struct validate__place *at, const char *type)
{
    struct validate__place place = child(at, "derivedFrom");
    if (!json_is_string(place.node))
        return;
    const char *url = place.node->valuestring, *expression = json_get_string(at->node, "expression");
    const struct fhir_search_param *master = find(w, url);
    if (!master) {
        validate__unresolved(w, &place, url, "search parameter");
        return;
    }
    if (strcmp(fhir_search_type_name(master->type), type) != 0)
        validate__refuse(w, at, "business-rule",
                         "The type is %s, but that of the parameter it is derived from %s",
                         validate__quote(w->a, type, "another one"), fhir_search_type_name(master->type));
    json_each (base, array(at->node, "base")) {
        const struct fhir_type *t = json_is_string(base) ? fhir_type(w->v->defs, base->valuestring) : NULL;
        const struct fhir_search_param *p = t ? fhir_search_param_by_url(t, url) : NULL;
        if (!t)
            continue; /* the binding says so */
        if (!p && !t->abstract)
            validate__refuse(w, at, "business-rule",
                             "The parameter %s that it is derived from has not the base %s", url, t->name);
        const char *part = p && expression ? fhir_search_expression(w->a, expression, t->name) : NULL;
        if (part && p->expression && strcmp(part, p->expression) != 0)
            validate__find(w, at, ISSUE_WARNING, "business-rule", NULL,
                           "The expression differs from that of the parameter %s it is derived from: %s", url,
                           p->expression);
    }
}

void validate__search_parameter(struct validate__walk *w, struct validate__place *at)
{
    const char *type = json_get_string(at->node, "type");
    check_expression(w, at);
    if (!type)
        return;
    check_components(w, at, type);
    check_derived(w, at, type);
}
