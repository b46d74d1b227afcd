#include "structure.h"

#define MAX_ELEMENTS 20000

static const char *text(struct arena *a, const json *object, const char *name)
{
    const char *s = json_get_string(object, name);
    return s ? arena_strdup(a, s) : NULL;
}

static int64_t number(const json *object, const char *name)
{
    const json *n = json_get(object, name);
    int64_t value;
    return json_is_number(n) && str_int64(str_of(n->valuestring), &value) && value >= 0 ? value : -1;
}

/* A word of a list, or 0. */
static unsigned word(const char *s, const char *const *words)
{
    for (unsigned i = 0; s && words[i]; i++)
        if (strcmp(s, words[i]) == 0)
            return i;
    return 0;
}

static size_t strings(struct arena *a, const json *list, const char *const **out)
{
    size_t n = 0;
    const char **s = ARENA_ARRAY(a, const char *, json_count(list));
    json_each (item, list)
        if (json_is_string(item))
            s[n++] = arena_strdup(a, item->valuestring);
    *out = s;
    return n;
}

static const json *extension(const json *element, const char *url)
{
    json_each (e, json_get(element, "extension")) {
        const char *s = json_get_string(e, "url");
        if (s && strcmp(s, url) == 0)
            return e;
    }
    return NULL;
}

static size_t profiles(struct arena *a, const json *type, const char *name, const char *sibling,
                       const struct structure_profile **out)
{
    const json *list = json_get(type, name), *extras = json_get(type, sibling);
    struct structure_profile *p = ARENA_ARRAY(a, struct structure_profile, json_count(list));
    size_t n = 0, i = 0;
    json_each (item, list) {
        const json *inner =
            extension(json_at(extras, i++),
                      "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element");
        if (json_is_string(item))
            p[n++] =
                (struct structure_profile){arena_strdup(a, item->valuestring), text(a, inner, "valueString")};
    }
    *out = p;
    return n;
}

static void types(struct arena *a, const json *list, struct structure_element *e)
{
    static const char *const kinds[] = {"", "contained", "referenced", "bundled", NULL};
    struct structure_type *t = ARENA_ARRAY(a, struct structure_type, json_count(list));
    e->types = t;
    json_each (item, list) {
        const char *code = text(a, item, "code");
        if (!code)
            continue;
        t->code = code;
        t->n_profiles = profiles(a, item, "profile", "_profile", &t->profiles);
        t->n_targets = profiles(a, item, "targetProfile", "_targetProfile", &t->targets);
        json_each (how, json_get(item, "aggregation")) {
            unsigned kind = word(how->valuestring, kinds);
            t->aggregation |= kind ? 1u << (kind - 1) : 0;
        }
        t++;
        e->n_types++;
    }
}

static void constraints(struct arena *a, const json *list, struct structure_element *e)
{
    struct structure_constraint *c = ARENA_ARRAY(a, struct structure_constraint, json_count(list));
    e->constraints = c;
    json_each (item, list) {
        const char *severity = json_get_string(item, "severity");
        const json *advice =
            extension(item, "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice");
        *c = (struct structure_constraint){.key = text(a, item, "key"),
                                           .human = text(a, item, "human"),
                                           .expression = text(a, item, "expression"),
                                           .source = text(a, item, "source"),
                                           .warning = severity && strcmp(severity, "warning") == 0,
                                           .best_practice = json_is_true(json_get(advice, "valueBoolean"))};
        if (c->key && c->expression) {
            c++;
            e->n_constraints++;
        }
    }
}

static const struct structure_slicing *slicing(struct arena *a, const json *node)
{
    static const char *const kinds[] = {"value", "exists", "type", "profile",
                                        NULL}; /* and pattern: as value */
    static const char *const rules[] = {"open", "closed", "openAtEnd", NULL};
    if (!json_is_object(node))
        return NULL;
    struct structure_slicing *s = ARENA_NEW(a, struct structure_slicing);
    const json *list = json_get(node, "discriminator");
    struct structure_by *by = ARENA_ARRAY(a, struct structure_by, json_count(list));
    json_each (item, list)
        if (json_get_string(item, "path"))
            by[s->n_by++] = (struct structure_by){
                (enum structure_discriminator)word(json_get_string(item, "type"), kinds),
                text(a, item, "path")};
    s->by = by;
    s->rules = (enum structure_rules)word(json_get_string(node, "rules"), rules);
    s->ordered = json_is_true(json_get(node, "ordered"));
    return s;
}

/* fixed[x], pattern[x], minValue[x], maxValue[x]. */
static const json *choice(struct arena *a, const json *element, const char *name)
{
    size_t len = strlen(name);
    json_each (m, element)
        if (strncmp(m->string, name, len) == 0 && m->string[len] >= 'A' && m->string[len] <= 'Z')
            return json_copy(a, m);
    return NULL;
}

static const struct structure_narrative *narrative(struct arena *a, const json *node)
{
    static const char base[] = "http://hl7.org/fhir/StructureDefinition/narrative-";
    const json *list = json_get(node, "extension");
    const char **languages = ARENA_ARRAY(a, const char *, json_count(list));
    struct structure_narrative n = {.languages = languages};
    json_each (x, list) {
        const char *url = json_get_string(x, "url"), *code = json_get_string(x, "valueCode");
        if (!url || !code || strncmp(url, base, sizeof base - 1) != 0)
            continue;
        if (strcmp(url + sizeof base - 1, "source-control") == 0)
            n.sourced = true;
        else if (strcmp(url + sizeof base - 1, "language-control") == 0)
            languages[n.n_languages++] = arena_strdup(a, code);
    }
    if (!n.sourced && n.n_languages == 0)
        return NULL;
    struct structure_narrative *out = ARENA_NEW(a, struct structure_narrative);
    *out = n;
    return out;
}

static void element(struct arena *a, const json *node, struct structure_element *e)
{
    static const char *const strengths[] = {"", "example", "preferred", "extensible", "required", NULL};
    const char *max = json_get_string(node, "max");
    const json *binding = json_get(node, "binding");
    *e = (struct structure_element){
        .id = text(a, node, "id"),
        .path = text(a, node, "path"),
        .slice = text(a, node, "sliceName"),
        .content = text(a, node, "contentReference"),
        .min = number(node, "min"),
        .max = -1,
        .slicing = slicing(a, json_get(node, "slicing")),
        .narrative = narrative(a, node),
        .fixed = choice(a, node, "fixed"),
        .pattern = choice(a, node, "pattern"),
        .min_value = choice(a, node, "minValue"),
        .max_value = choice(a, node, "maxValue"),
        .max_length = number(node, "maxLength"),
        .min_length =
            number(extension(node, "http://hl7.org/fhir/StructureDefinition/minLength"), "valueInteger"),
        .strength = (enum fhir_strength)word(json_get_string(binding, "strength"), strengths),
        .valueset = text(a, binding, "valueSet"),
        .modifier = json_is_true(json_get(node, "isModifier")),
    };
    if (max && strcmp(max, "*") == 0)
        e->max = FHIR_MANY;
    else if (max && (!str_int64(str_of(max), &e->max) || e->max < 0))
        e->max = -1;
    types(a, json_get(node, "type"), e);
    constraints(a, json_get(node, "constraint"), e);
    size_t n = json_count(json_get(node, "extension"));
    const char **alternatives = ARENA_ARRAY(a, const char *, n);
    json_each (x, json_get(node, "extension")) {
        const char *url = json_get_string(x, "url");
        if (url && str_ends(str_of(url), STR("lementDefinition.valueAlternatives")) &&
            json_get_string(x, "valueCanonical"))
            alternatives[e->n_alternatives++] = text(a, x, "valueCanonical");
    }
    e->alternatives = alternatives;
}

static size_t elements(struct arena *a, const json *list, const struct structure_element **out)
{
    size_t n = 0;
    struct structure_element *e = ARENA_ARRAY(a, struct structure_element, json_count(list));
    json_each (item, list)
        if (json_get_string(item, "path"))
            element(a, item, &e[n++]);
    *out = e;
    return n;
}

static void contexts(struct arena *a, const json *list, struct structure *s)
{
    static const char *const kinds[] = {"element", "extension", "fhirpath", NULL};
    struct structure_context *c = ARENA_ARRAY(a, struct structure_context, json_count(list));
    s->contexts = c;
    json_each (item, list) {
        const char *expression = text(a, item, "expression");
        if (!expression)
            continue;
        c->type = word(json_get_string(item, "type"), kinds);
        c++->expression = expression;
        s->n_contexts++;
    }
}

/* The snapshot is for where the differential does not do: there is none, or its base may be unknown here. That of a
 * profile on a type of FHIR itself is never asked for. */
static bool wants_snapshot(const struct structure *s)
{
    const struct str home = STR("http://hl7.org/fhir/StructureDefinition/");
    return s->n_differential == 0 || !s->base || !str_starts(str_of(s->base), home) ||
           strcmp(s->base + home.len, s->type) != 0;
}

bool structure_read(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                    struct err *err)
{
    (void)scratch;
    const char *derivation = json_get_string(resource, "derivation");
    struct structure *s = ARENA_NEW(a, struct structure);
    s->constraint = derivation && strcmp(derivation, "constraint") == 0;
    s->url = text(a, resource, "url");
    s->version = text(a, resource, "version");
    s->name = text(a, resource, "name");
    s->type = text(a, resource, "type");
    s->base = text(a, resource, "baseDefinition");
    const json *differential = json_get(json_get(resource, "differential"), "element"),
               *snapshot = json_get(json_get(resource, "snapshot"), "element");
    if (!s->url || !s->type)
        return err_set(err, ERR_UNSUPPORTED, "it has no url, or no type");
    if (json_count(differential) > MAX_ELEMENTS || json_count(snapshot) > MAX_ELEMENTS)
        return err_set(err, ERR_UNSUPPORTED, "it has more than %d elements", MAX_ELEMENTS);
    s->n_differential = elements(a, differential, &s->differential);
    if (wants_snapshot(s))
        s->n_snapshot = elements(a, snapshot, &s->snapshot);
    contexts(a, json_get(resource, "context"), s);
    s->n_context_invariants = strings(a, json_get(resource, "contextInvariant"), &s->context_invariants);
    *out = s;
    return true;
}
