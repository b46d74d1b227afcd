/*
 * The rules of a CodeSystem that its definition has in words (codesystem.html): what content says of the concepts, what a
 * supplement may have, that properties are used as they are declared. That codes are unique is the invariant csd-1.
 */
#include "internal.h"

static struct validate__place item(struct validate__place *up, const char *name, int index, const json *node)
{
    return (struct validate__place){.up = up, .name = name, .index = index, .node = node};
}

/* ---- properties ------------------------------------------------------------------------------------------- */

/* http://hl7.org/fhir/concept-properties, also those that later versions of FHIR added. */
static const struct known {
    const char *code, *type;
} known[] = {
    {"child", "code"},
    {"comment", "string"},
    {"deprecated", "dateTime"},
    {"deprecationDate", "dateTime"},
    {"effectiveDate", "dateTime"},
    {"inactive", "boolean"},
    {"itemWeight", "decimal"},
    {"notSelectable", "boolean"},
    {"parent", "code"},
    {"partOf", "code"},
    {"retirementDate", "dateTime"},
    {"status", "code"},
    {"synonym", "code"},
};

static const struct known *find_known(const char *code)
{
    for (size_t i = 0; code && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].code, code) == 0)
            return &known[i];
    return NULL;
}

static bool same(const char *x, const char *y)
{
    return x && y && strcmp(x, y) == 0;
}

/* Has one before it the same value of the member? */
static bool repeated(const json *list, const json *property, const char *member)
{
    json_each (p, list) {
        if (p == property)
            return false;
        if (same(json_get_string(p, member), json_get_string(property, member)))
            return true;
    }
    return false;
}

static void check_known(struct validate__walk *w, struct validate__place *at, const json *property,
                        const char *uri)
{
    static const char base[] = "http://hl7.org/fhir/concept-properties#";
    const char *code = json_get_string(property, "code"), *type = json_get_string(property, "type");
    if (strncmp(uri, base, sizeof base - 1) != 0)
        return;
    const struct known *k = find_known(uri + sizeof base - 1);
    if (!k) {
        validate__refuse(w, at, "business-rule",
                         "The property's URI is not one of those that HL7 defines: use a URI of your own");
        return;
    }
    if (code && strcmp(code, k->code) != 0)
        validate__find(w, at, find_known(code) ? validate__policy(w) : ISSUE_WARNING, "business-rule", NULL,
                       "The URI %s goes with the code '%s'; %s will be confusing in filters", uri, k->code,
                       validate__quote(w->a, code, "another one"));
    if (type && strcmp(type, k->type) != 0)
        validate__refuse(w, at, "business-rule", "The URI %s identifies a property of type '%s', not %s", uri,
                         k->type, validate__quote(w->a, type, "this one"));
}

static void check_declarations(struct validate__walk *w, struct validate__place *at, const json *list)
{
    int i = 0;
    json_each (property, list) {
        struct validate__place place = item(at, "property", i++, property);
        const char *uri = json_get_string(property, "uri");
        if (repeated(list, property, "code"))
            validate__refuse(w, &place, "business-rule", "A property is declared with the code %s already",
                             validate__quote(w->a, json_get_string(property, "code"), "given"));
        if (repeated(list, property, "uri"))
            validate__refuse(w, &place, "business-rule", "A property is declared with this URI already");
        if (uri)
            check_known(w, &place, property, uri);
    }
}

static const json *declaration(const json *list, const char *code)
{
    json_each (property, list)
        if (same(json_get_string(property, "code"), code))
            return property;
    return NULL;
}

/* "valueDateTime" is of type dateTime, "valueCoding" of type Coding. */
static bool is_of_type(const char *member, const char *type)
{
    return strcmp(member, "Coding") == 0 || strcmp(type, "Coding") == 0
               ? strcmp(member, type) == 0
               : *member && (*member | 0x20) == *type && strcmp(member + 1, type + 1) == 0;
}

static void check_property(struct validate__walk *w, struct validate__place *at, const json *declared,
                           const json *property)
{
    const char *code = json_get_string(property, "code");
    const json *is = code ? declaration(declared, code) : NULL;
    const char *type = json_get_string(is, "type");
    if (!code || (!is && find_known(code)))
        return;
    if (!is)
        validate__find(w, at, ISSUE_WARNING, "business-rule", NULL,
                       "The property %s is not declared in CodeSystem.property",
                       validate__quote(w->a, code, "used here"));
    json_each (m, property)
        if (type && strncmp(m->string, "value", 5) == 0 && !is_of_type(m->string + 5, type))
            validate__refuse(w, at, "business-rule",
                             "The property %s is declared with the type '%s', not '%s'",
                             validate__quote(w->a, code, "used here"), type, m->string + 5);
}

/* ---- concepts --------------------------------------------------------------------------------------------- */

struct concepts {
    struct validate__walk *w;
    const json *declared;
    const char *supplements;
    long long n;
};

/* A supplement adds to the concepts of another code system; it has none of its own. */
static void check_supplemented(struct concepts *c, struct validate__place *at, const char *code)
{
    if (code && terminology_has_code(validate__codes(c->w), str_of(c->supplements), str_of(code), NULL,
                                     NULL) == TERMINOLOGY_NO)
        validate__refuse(c->w, at, "business-rule",
                         "The code %s is not of the code system %s that this one adds to",
                         validate__quote(c->w->a, code, "here"), c->supplements);
}

static void check_concepts(struct concepts *c, struct validate__place *up, const json *list)
{
    int i = 0;
    json_each (concept, list) {
        struct validate__place at = item(up, "concept", i++, concept);
        int k = 0;
        c->n++;
        if (validate__full(c->w))
            return;
        if (c->supplements)
            check_supplemented(c, &at, json_get_string(concept, "code"));
        json_each (property, json_get(concept, "property")) {
            struct validate__place place = item(&at, "property", k++, property);
            check_property(c->w, &place, c->declared, property);
        }
        check_concepts(c, &at, json_get(concept, "concept"));
    }
}

static void check_content(struct validate__walk *w, struct validate__place *at, const struct concepts *c)
{
    const char *content = json_get_string(at->node, "content");
    const json *count = json_get(at->node, "count");
    struct validate__place at_content = item(at, "content", -1, json_get(at->node, "content")),
                           at_count = item(at, "count", -1, count),
                           first = item(at, "concept", 0, json_at(json_get(at->node, "concept"), 0));
    if (!content)
        return;
    if (c->supplements && strcmp(content, "supplement") != 0)
        validate__refuse(w, &at_content, "business-rule",
                         "A code system that supplements another has the content 'supplement'");
    if (!c->supplements && strcmp(content, "supplement") == 0)
        validate__find(w, &at_content, ISSUE_WARNING, "business-rule", NULL,
                       "A supplement says in 'supplements' which code system it adds to");
    if (strcmp(content, "not-present") == 0 && c->n)
        validate__refuse(w, &first, "invalid", "The content is 'not-present', but there are concepts");
    if (!json_is_number(count))
        return;
    if (strcmp(content, "complete") == 0 && count->valuedouble != (double)c->n)
        validate__refuse(w, &at_count, "invalid",
                         "The code system is complete and has %lld concepts, not as many as it says", c->n);
    if ((strcmp(content, "fragment") == 0 || strcmp(content, "example") == 0) &&
        count->valuedouble < (double)c->n)
        validate__find(
            w, &at_count, ISSUE_WARNING, "invalid", NULL,
            "Only a part of the code system is here, and that has %lld concepts: more than it says to "
            "have in all",
            c->n);
}

/* The value set that CodeSystem.valueSet names has all codes, and nothing else. */
static void check_all_codes(struct validate__walk *w, struct validate__place *at)
{
    const char *url = json_get_string(at->node, "url"), *all = json_get_string(at->node, "valueSet");
    const struct terminology_valueset *set;
    struct err unknown;
    if (url && all && terminology_valueset(validate__codes(w), str_of(all), &set, &unknown) &&
        !terminology_is_whole(set, url))
        validate__refuse(
            w, at, "business-rule",
            "The value set %.200s is to have all codes of this code system, by one include without "
            "further rules; it does not",
            all);
}

void validate__codesystem(struct validate__walk *w, struct validate__place *at)
{
    const json *declared = json_get(at->node, "property");
    struct concepts c = {w, declared, json_get_string(at->node, "supplements"), 0};
    check_declarations(w, at, declared);
    check_concepts(&c, at, json_get(at->node, "concept"));
    check_content(w, at, &c);
    check_all_codes(w, at);
}
