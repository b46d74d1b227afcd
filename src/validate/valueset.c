/*
 * The rules of a ValueSet that its definition has in words (valueset.html#compositions): what is included is a code
 * system, its codes and its properties exist, and filters ask what can be asked of a property.
 */
#include "base/regex.h"
#include "fhir/primitive.h"
#include "internal.h"

static struct validate__place item(struct validate__place *up, const char *name, int index, const json *node)
{
    return (struct validate__place){.up = up, .name = name, .index = index, .node = node};
}

struct rule {
    struct validate__walk *w;
    const char *system;
    struct str canonical;               /* with the version, where that is known */
    const struct terminology_system *s; /* NULL: not known here */
    bool other_version;                 /* s is of another version than the one asked for */
};

static enum terminology_answer has(const struct rule *r, const char *code)
{
    enum terminology_answer is =
        terminology_has_code(validate__codes(r->w), r->canonical, str_of(code), NULL, NULL);
    return r->other_version ? TERMINOLOGY_UNKNOWN : is;
}

/* ---- filters ---------------------------------------------------------------------------------------------- */

#define SNOMED "http://snomed.info/sct"

/* What a property's values are. */
enum kind {
    UNKNOWN,
    ANY,
    CONCEPT,
    BOOLEAN,
    DATE,
    INTEGER,
    DECIMAL,
    STRING,
    CODING,
    REFERENCE,
    FILTER,
    ATTRIBUTE
};

static enum kind kind_of(const struct rule *r, const char *property)
{
    static const struct {
        const char *name;
        enum kind kind;
    } common[] = {{"concept", CONCEPT},    {"code", CONCEPT},         {"display", STRING},
                  {"status", ANY},         {"inactive", BOOLEAN},     {"notSelectable", BOOLEAN},
                  {"effectiveDate", DATE}, {"deprecationDate", DATE}, {"retirementDate", DATE}},
      types[] = {{"code", REFERENCE},  {"Coding", CODING}, {"string", STRING},  {"integer", INTEGER},
                 {"boolean", BOOLEAN}, {"dateTime", DATE}, {"decimal", DECIMAL}};
    const char *type = r->s ? terminology_declared(r->s, property) : NULL;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0)
            return types[i].kind;
    if (r->s && terminology_is_filter(r->s, property))
        return FILTER;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strcmp(common[i].name, property) == 0)
            return common[i].kind;
    if (strcmp(r->system, SNOMED) == 0 &&
        terminology_has_code(validate__codes(r->w), STR(SNOMED), str_of(property), NULL, NULL) !=
            TERMINOLOGY_NO)
        return ATTRIBUTE;
    return UNKNOWN;
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

/* NULL: any of them. */
static const char *const *operators(enum kind kind)
{
    static const char *const values[] = {"=", "in", "not-in", "exists", "regex", NULL},
                             *const attribute[] = {"=", "in", NULL},
                             *const flag[] = {"=", "in", "not-in", "exists", NULL};
    switch (kind) {
    case BOOLEAN:
        return flag;
    case DATE:
    case INTEGER:
    case DECIMAL:
    case CODING:
        return values;
    case ATTRIBUTE:
        return attribute;
    default:
        return NULL;
    }
}

static bool is_number(struct str s, bool fraction)
{
    size_t i = s.len && s.s[0] == '-' ? 1 : 0, digits = 0;
    for (; i < s.len && s.s[i] >= '0' && s.s[i] <= '9'; i++)
        digits++;
    if (fraction && i < s.len && s.s[i] == '.')
        for (i++; i < s.len && s.s[i] >= '0' && s.s[i] <= '9'; i++)
            digits++;
    return digits > 0 && i == s.len;
}

static bool is_date(const struct rule *r, struct str s)
{
    json node = {.type = cJSON_String, .valuestring = arena_strndup(r->w->a, s.s, s.len)};
    return !fhir_primitive_check(fhir_type(r->w->v->defs, "dateTime"), &node);
}

/* A system, perhaps |version, and #code. */
static void check_coding(const struct rule *r, struct validate__place *at, const char *property,
                         struct str value)
{
    struct str code, system = str_cut(value, '#', &code);
    if (!code.s || !code.len || !memchr(system.s, ':', system.len))
        validate__refuse(r->w, at, "invalid",
                         "The value of a filter by the property '%s', which is a Coding, has the form "
                         "system#code or system|version#code",
                         property);
    else if (terminology_has_code(validate__codes(r->w), system, code, NULL, NULL) == TERMINOLOGY_NO)
        validate__refuse(
            r->w, at, "invalid",
            "The value of a filter by the property '%s' is no valid code: its code system does not have "
            "it",
            property);
}

static void check_value(const struct rule *r, struct validate__place *at, const char *property,
                        enum kind kind, struct str value)
{
    const char *text = arena_strndup(r->w->a, value.s, value.len), *wanted = NULL;
    switch (kind) {
    case BOOLEAN:
        wanted = str_is(value, "true") || str_is(value, "false") ? NULL : "'true' or 'false'";
        break;
    case INTEGER:
        wanted = is_number(value, false) ? NULL : "an integer";
        break;
    case DECIMAL:
        wanted = is_number(value, true) ? NULL : "a decimal number";
        break;
    case DATE:
        wanted = is_date(r, value) ? NULL : "a date and time";
        break;
    case CODING:
        check_coding(r, at, property, value);
        break;
    case CONCEPT:
    case REFERENCE:
        wanted = has(r, text) == TERMINOLOGY_NO ? "a code of the code system" : NULL;
        break;
    default:
        break;
    }
    if (wanted)
        validate__refuse(r->w, at, "invalid", "The value of a filter by the property '%s' is %s, not %s",
                         property, wanted, validate__quote(r->w->a, text, "the one given"));
}

static void check_operator(const struct rule *r, struct validate__place *at, const char *property,
                           enum kind kind, const char *op, const char *value)
{
    static const char *const lists[] = {"in", "not-in", NULL};
    const struct regex *regex;
    struct err err;
    if (operators(kind) && !one_of(op, operators(kind))) {
        validate__refuse(r->w, at, "invalid", "The operation '%s' cannot be asked of the property '%s' of %s",
                         op, property, r->system);
    } else if (strcmp(op, "exists") == 0) {
        check_value(r, at, property, BOOLEAN, str_of(value));
    } else if (strcmp(op, "regex") == 0) {
        if (!regex_compile(r->w->a, str_of(value), STR(""), true, true, &regex, &err))
            validate__refuse(r->w, at, "invalid", "The value of the filter is no regular expression: %s",
                             err.msg);
    } else if (one_of(op, lists)) {
        for (struct str rest = str_of(value); rest.s && kind != CONCEPT;)
            check_value(r, at, property, kind, str_trim(str_cut(rest, ',', &rest)));
    } else {
        check_value(r, at, property, kind, str_of(value));
    }
}

static void check_filter(const struct rule *r, struct validate__place *at)
{
    static const char *const known[] = {"=",  "is-a",   "descendent-of", "is-not-a", "regex",
                                        "in", "not-in", "generalizes",   "exists",   NULL};
    const char *property = json_get_string(at->node, "property"), *op = json_get_string(at->node, "op"),
               *value = json_get_string(at->node, "value");
    if (!property || !op || !value || !one_of(op, known)) /* the walk has said so */
        return;
    if (strcmp(r->system, SNOMED) == 0 && strcmp(property, "constraint") == 0) {
        if (strcmp(op, "=") != 0 || !validate__ecl(value))
            validate__refuse(r->w, at, "invalid",
                             "The filter is no expression constraint of SNOMED CT (ECL), asked by '='");
        return;
    }
    enum kind kind = kind_of(r, property);
    if (kind == UNKNOWN && r->s && terminology_system_content(r->s) == TERMINOLOGY_COMPLETE)
        validate__find(r->w, at, ISSUE_WARNING, "invalid", NULL,
                       "The code system %.200s declares no property %s", r->system,
                       validate__quote(r->w->a, property, "of this name"));
    check_operator(r, at, validate__quote(r->w->a, property, NULL) ? property : "given", kind, op, value);
}

/* ---- rules ------------------------------------------------------------------------------------------------ */

static void check_concepts(const struct rule *r, struct validate__place *at)
{
    bool units = strcmp(r->system, "http://unitsofmeasure.org") == 0;
    int i = 0;
    json_each (concept, json_get(at->node, "concept")) {
        struct validate__place place = item(at, "concept", i++, concept);
        const char *code = json_get_string(concept, "code");
        /* lists of units go beyond UCUM's grammar, those of HL7 as well */
        if (code && has(r, code) == TERMINOLOGY_NO)
            validate__find(r->w, &place, units ? ISSUE_WARNING : validate__policy(r->w), "business-rule",
                           NULL, "The code %s is not of the code system %.200s",
                           validate__quote(r->w->a, code, "here"), r->system);
    }
}

static bool check_system(struct rule *r, struct validate__place *at, const char *version)
{
    const struct conformance_view *codes = validate__codes(r->w);
    const struct terminology_valueset *set;
    struct err unknown;
    if (!strchr(r->system, ':')) {
        validate__refuse(r->w, at, "invalid", "The system of a value set's rule is an absolute URI%s",
                         *r->system == '#'
                             ? ": also of a contained code system it is the URL, with the extension "
                               "valueset-system beside it"
                             : "");
        return false;
    }
    r->canonical = str_of(version ? arena_printf(r->w->a, "%s|%s", r->system, version) : r->system);
    r->s = terminology_system(codes, r->canonical);
    if (!r->s && version) {
        r->canonical = str_of(r->system);
        r->s = terminology_system(codes, r->canonical);
        r->other_version = r->s != NULL;
    }
    if (terminology_is_supplement(codes, str_of(r->system))) {
        validate__refuse(r->w, at, "invalid",
                         "%.200s only supplements a code system: name the one that it adds to", r->system);
        return false;
    }
    if (r->s || !terminology_valueset(codes, str_of(r->system), &set, &unknown))
        return true;
    validate__refuse(r->w, at, "invalid", "%.200s is a value set, not a code system: name it as valueSet",
                     r->system);
    return false;
}

static void check_imports(struct validate__walk *w, struct validate__place *at, const char *own)
{
    int i = 0;
    json_each (url, json_get(at->node, "valueSet")) {
        struct validate__place place = item(at, "valueSet", i++, url);
        const struct terminology_valueset *set;
        struct err unknown;
        if (!json_is_string(url) || url->valuestring[0] == '#')
            continue;
        if (own && strcmp(own, url->valuestring) == 0)
            validate__refuse(w, &place, "invalid", "The value set includes or excludes itself");
        else if (terminology_valueset(validate__codes(w), str_of(url->valuestring), &set, &unknown))
            continue;
        else if (terminology_system(validate__codes(w), str_of(url->valuestring)))
            validate__refuse(w, &place, "invalid",
                             "%.200s is a code system, not a value set: name it as system", url->valuestring);
        else
            validate__unresolved(w, &place, url->valuestring, "value set");
    }
}

static void check_rules(struct validate__walk *w, struct validate__place *compose, const char *name,
                        const char *own)
{
    int i = 0;
    json_each (node, json_get(compose->node, name)) {
        struct validate__place at = item(compose, name, i++, node);
        struct rule r = {.w = w, .system = json_get_string(node, "system")};
        int k = 0;
        check_imports(w, &at, own);
        if (!r.system || !check_system(&r, &at, json_get_string(node, "version")))
            continue;
        check_concepts(&r, &at);
        json_each (filter, json_get(node, "filter")) {
            struct validate__place place = item(&at, "filter", k++, filter);
            check_filter(&r, &place);
        }
    }
}

void validate__valueset(struct validate__walk *w, struct validate__place *at)
{
    const char *own = json_get_string(at->node, "url");
    struct validate__place compose = item(at, "compose", -1, json_get(at->node, "compose"));
    check_rules(w, &compose, "include", own);
    check_rules(w, &compose, "exclude", own);
}
