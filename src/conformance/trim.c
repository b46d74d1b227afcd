/*
 * What is kept of a conformance resource, here and wherever one comes from: the specification, a package, a client. Of a
 * StructureDefinition that is what validation asks, a tenth of it; of the others all but the prose about the resource.
 */
#include "internal.h"

/* One member that is kept; the last one has no name. */
struct rule {
    const char *name;         /* "fixed*": all that begin so */
    const struct rule *below; /* what of the member; NULL: all */
};

/* In place of rules: of extensions those that mean something to validation. */
static const struct rule extensions[] = {{NULL, NULL}};

static const char *const meaningful[] = {
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice",
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet",
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-minValueSet",
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    "http://hl7.org/fhir/StructureDefinition/additional-binding",
    "http://hl7.org/fhir/StructureDefinition/regex",
    "http://hl7.org/fhir/StructureDefinition/minLength",
    "http://hl7.org/fhir/StructureDefinition/narrative-language-control",
    "http://hl7.org/fhir/StructureDefinition/narrative-source-control",
    "http://hl7.org/fhir/StructureDefinition/maxSize",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.valueAlternatives",
    "http://hl7.org/fhir/StructureDefinition/mimeType",
    "http://hl7.org/fhir/StructureDefinition/maxDecimalPlaces",
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-allowedUnits",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status",
};

/* ---- structures ------------------------------------------------------------------------------------------- */

static const struct rule slicing[] = {
    {"discriminator", NULL}, {"ordered", NULL}, {"rules", NULL}, {NULL, NULL}};
static const struct rule type[] = {{"code", NULL},       {"_code", NULL},           {"profile", NULL},
                                   {"_profile", NULL},   {"targetProfile", NULL},   {"aggregation", NULL},
                                   {"versioning", NULL}, {"extension", extensions}, {NULL, NULL}};
static const struct rule constraint[] = {{"key", NULL},        {"severity", NULL},        {"human", NULL},
                                         {"expression", NULL}, {"extension", extensions}, {NULL, NULL}};
static const struct rule binding[] = {
    {"strength", NULL}, {"valueSet", NULL}, {"extension", extensions}, {NULL, NULL}};

static const struct rule element[] = {
    {"id", NULL},          {"path", NULL},
    {"sliceName", NULL},   {"sliceIsConstraining", NULL},
    {"slicing", slicing},  {"min", NULL},
    {"max", NULL},         {"contentReference", NULL},
    {"type", type},        {"fixed*", NULL},
    {"_fixed*", NULL},     {"pattern*", NULL},
    {"_pattern*", NULL},   {"minValue*", NULL},
    {"maxValue*", NULL},   {"maxLength", NULL},
    {"condition", NULL},   {"constraint", constraint},
    {"mustSupport", NULL}, {"isModifier", NULL},
    {"binding", binding},  {"extension", extensions},
    {NULL, NULL},
};
static const struct rule elements[] = {{"element", element}, {NULL, NULL}};

#define STRUCTURE_HEAD                                                                                       \
    {"resourceType", NULL}, {"id", NULL}, {"url", NULL}, {"version", NULL}, {"name", NULL}, {"title", NULL}, \
        {"status", NULL}, {"fhirVersion", NULL}, {"kind", NULL}, {"abstract", NULL}, {"context", NULL},      \
        {"contextInvariant", NULL}, {"type", NULL}, {"baseDefinition", NULL}, {"derivation", NULL},          \
    {                                                                                                        \
        "extension", extensions                                                                              \
    }
static const struct rule by_differential[] = {STRUCTURE_HEAD, {"differential", elements}, {NULL, NULL}};
static const struct rule by_snapshot[] = {STRUCTURE_HEAD, {"snapshot", elements}, {NULL, NULL}};

/* ---- codes, in brief -------------------------------------------------------------------------------------- */

static const struct rule concept[] = {
    {"code", NULL}, {"display", NULL}, {"property", NULL}, {"concept", concept}, {NULL, NULL}};
static const struct rule system_brief[] = {{"url", NULL},
                                           {"version", NULL},
                                           {"title", NULL},
                                           {"status", NULL},
                                           {"caseSensitive", NULL},
                                           {"valueSet", NULL},
                                           {"hierarchyMeaning", NULL},
                                           {"content", NULL},
                                           {"concept", concept},
                                           {NULL, NULL}};

static const struct rule member[] = {{"code", NULL}, {"display", NULL}, {NULL, NULL}};
static const struct rule include[] = {{"system", NULL}, {"version", NULL},  {"concept", member},
                                      {"filter", NULL}, {"valueSet", NULL}, {NULL, NULL}};
static const struct rule compose[] = {
    {"inactive", NULL}, {"include", include}, {"exclude", include}, {NULL, NULL}};
static const struct rule valueset_brief[] = {{"url", NULL},    {"version", NULL},    {"title", NULL},
                                             {"status", NULL}, {"compose", compose}, {NULL, NULL}};

/* ---- all others ------------------------------------------------------------------------------------------- */

/* What is said about the resource, also by extension ("_title"). */
static const char *const prose[] = {"text",       "meta",         "contact",   "description", "purpose",
                                    "useContext", "jurisdiction", "publisher", "copyright"};

static json *without_prose(struct arena *a, const json *resource)
{
    json *out = json_object(a);
    json_each (child, resource) {
        const char *name = child->string + (child->string[0] == '_');
        size_t i = 0;
        while (i < sizeof prose / sizeof *prose && strcmp(prose[i], name) != 0)
            i++;
        if (i == sizeof prose / sizeof *prose)
            json_add(a, out, child->string, json_copy(a, child));
    }
    return out;
}

/* ---- by rules --------------------------------------------------------------------------------------------- */

static const struct rule *find(const struct rule *rules, const char *name)
{
    for (; rules->name; rules++) {
        size_t n = strlen(rules->name);
        if (rules->name[n - 1] == '*' ? strncmp(rules->name, name, n - 1) == 0
                                      : strcmp(rules->name, name) == 0)
            return rules;
    }
    return NULL;
}

static json *kept_extensions(struct arena *a, const json *list)
{
    json *out = json_array(a);
    json_each (extension, list) {
        const char *url = json_get_string(extension, "url");
        for (size_t i = 0; url && i < sizeof meaningful / sizeof *meaningful; i++)
            if (strcmp(meaningful[i], url) == 0)
                json_push(out, json_copy(a, extension));
    }
    return out;
}

static json *kept(struct arena *a, const json *node, const struct rule *rules)
{
    if (!rules || !(json_is_object(node) || json_is_array(node)))
        return json_copy(a, node);
    if (rules == extensions)
        return kept_extensions(a, node);
    json *out = json_is_array(node) ? json_array(a) : json_object(a);
    json_each (child, node) {
        const struct rule *rule = json_is_array(node) ? NULL : find(rules, child->string);
        if (json_is_array(node)) {
            json_push(out, kept(a, child, rules));
        } else if (rule) {
            json *value = kept(a, child, rule->below);
            if (!rule->below || json_count(value))
                json_add(a, out, child->string, value);
        }
    }
    return out;
}

json *conformance_trim(struct arena *a, enum conformance_kind kind, const json *resource, bool brief)
{
    if (kind == CONFORMANCE_STRUCTURE)
        return kept(a, resource,
                    json_count(json_get(json_get(resource, "differential"), "element")) ? by_differential
                                                                                        : by_snapshot);
    if (brief && kind == CONFORMANCE_CODE_SYSTEM)
        return kept(a, resource, system_brief);
    if (brief && kind == CONFORMANCE_VALUE_SET)
        return kept(a, resource, valueset_brief);
    return without_prose(a, resource);
}

void conformance_line(struct buf *out, enum conformance_kind kind, int rank, const json *kept_resource)
{
    const char *url = json_get_string(kept_resource, "url"),
               *version = json_get_string(kept_resource, "version");
    buf_addf(out, "%s\t%s\t%s\t%d\t", conformance_kinds[kind], url ? url : "", version ? version : "", rank);
    json_print(out, kept_resource, false);
    buf_addc(out, '\n');
}
