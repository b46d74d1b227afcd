/*
 * The walk over a resource's JSON: each member is looked at once, its definition found in constant time. What
 * concerns one kind of element (references, bindings, narrative, invariants …) is in the other files and is
 * called from here when that element has been walked.
 */
#include "fhir/primitive.h"
#include "internal.h"

/* Every element and its sibling once, and resourceType: more is wrong, and look-ups by name would be slow. */
#define MAX_MEMBERS (2 * 64 * VALIDATE__SEEN_WORDS + 1)

static bool object(struct validate__walk *w, struct validate__place *at, const json *node);

/* ---- primitives ------------------------------------------------------------------------------------- */

static bool kind_right(const struct fhir_type *t, const json *value)
{
    switch (t->json) {
    case FHIR_JSON_BOOL:
        return json_is_bool(value);
    case FHIR_JSON_NUMBER:
        return json_is_number(value);
    case FHIR_JSON_STRING:
        return json_is_string(value);
    }
    return false;
}

static const char *kind_text(enum fhir_json kind)
{
    switch (kind) {
    case FHIR_JSON_BOOL:
        return "true or false, without quotes";
    case FHIR_JSON_NUMBER:
        return "a number, without quotes";
    case FHIR_JSON_STRING:
        return "a string";
    }
    return "a primitive";
}

static void primitive_value(struct validate__walk *w, struct validate__place *at)
{
    if (!kind_right(at->type, at->node)) {
        validate__error(w, at, "structure", "%s is of type %s: write it as %s", at->element->path,
                        at->type->name, kind_text(at->type->json));
        return;
    }
    const char *wrong = fhir_primitive_check(at->type, at->node);
    if (wrong) {
        validate__error(w, at, "value", "%s: %s", at->element->path, wrong);
        return;
    }
    if (at->element->strength >= FHIR_BIND_PREFERRED)
        validate__binding(w, at);
    switch (at->type->primitive) {
    case FHIR_P_canonical:
    case FHIR_P_uri:
    case FHIR_P_url:
        validate__uri(w, at);
        break;
    case FHIR_P_xhtml:
        validate__narrative(w, at);
        break;
    default:
        break;
    }
}

/* One value with its "_name" sibling: at->node and at->extra, not both NULL. */
static void primitive(struct validate__walk *w, struct validate__place *at)
{
    bool in_array = at->index >= 0;
    if (json_is_null(at->node)) {
        if (!in_array)
            validate__error(w, at, "structure", "%s is null: leave the property out when there is no value",
                            at->element->path);
        else if (!at->extra || json_is_null(at->extra))
            validate__error(
                w, at, "structure",
                "%s: null stands only for a value whose place in the array of '_%s' has an id or extensions",
                at->element->path, at->element->name);
        at->node = NULL;
    }
    if (json_is_null(at->extra)) {
        if (!in_array)
            validate__error(w, at, "structure",
                            "'_%s' is null: leave it out when there is neither id nor extension",
                            at->element->name);
        at->extra = NULL;
    }
    if (at->node)
        primitive_value(w, at);
    if (at->extra && !json_is_object(at->extra))
        validate__error(w, at, "structure", "'_%s' holds the id and the extensions of %s: write an object",
                        at->element->name, at->element->path);
    else if (at->extra && !object(w, at, at->extra) && !at->node)
        validate__find(w, at, ISSUE_ERROR, "invariant", "ele-1", "%s has neither a value nor an extension",
                       at->element->path);
    validate__invariants(w, at);
}

static void primitives(struct validate__walk *w, struct validate__place *at, const json *values,
                       const json *extras)
{
    struct validate__place item = *at;
    if (values && extras && json_count(values) != json_count(extras))
        validate__error(w, at, "structure",
                        "%s and '_%s' have different lengths: pad the shorter array with null",
                        at->element->path, at->element->name);
    const json *v = values ? values->child : NULL, *x = extras ? extras->child : NULL;
    for (item.index = 0; (v || x) && !validate__full(w); item.index++) {
        item.node = v;
        item.extra = x;
        item.item = NULL;
        primitive(w, &item);
        v = v ? v->next : NULL;
        x = x ? x->next : NULL;
    }
}

/* ---- complex values --------------------------------------------------------------------------------- */

static void complex(struct validate__walk *w, struct validate__place *at)
{
    const struct fhir_type *t = at->type;
    if (t->kind == FHIR_RESOURCE) {
        bool contained = strcmp(at->element->name, "contained") == 0;
        struct validate__scope *outermost = w->scope->container ? w->scope->container : w->scope;
        validate__resource(w, at, t, contained ? outermost : NULL);
        return;
    }
    if (!json_is_object(at->node)) {
        validate__error(w, at, "structure", "%s is of type %s: write it as an object", at->element->path,
                        t->name);
        return;
    }
    if (!object(w, at, at->node))
        validate__find(w, at, ISSUE_ERROR, "invariant", "ele-1",
                       "%s has nothing but an id: give it content or remove it", at->element->path);
    const struct validator *v = w->v;
    if (t == v->reference)
        validate__reference(w, at);
    else if (t == v->extension)
        validate__extension(w, at);
    else if (t == v->entry)
        validate__bundle_entry(w, at);
    else if (t == v->identifier)
        validate__identifier(w, at);
    else if (v->codes[t->index] == VALIDATE__CODING && w->options->level >= VALIDATE_BASE)
        validate__coding(w, at);
    if (at->element->strength >= FHIR_BIND_PREFERRED)
        validate__binding(w, at);
    validate__invariants(w, at);
}

/* ---- members ---------------------------------------------------------------------------------------- */

/* Element.id, Extension.url and the div of a narrative have neither id nor extensions: in XML they are
 * attributes or foreign content. */
static bool bare(const struct validator *v, const struct fhir_element *e, const struct fhir_type *type)
{
    return type->primitive == FHIR_P_xhtml || (e->index == 0 && e->owner->kind != FHIR_RESOURCE) ||
           (e->owner == v->extension && strcmp(e->name, "url") == 0);
}

/* The array that a repeating element needs, or the lone value that another one needs. */
static bool shape(struct validate__walk *w, const struct validate__place *at, const json *value,
                  const char *prefix, const char *name)
{
    bool many = at->element->max > 1;
    if (json_is_array(value) != many) {
        validate__error(w, at, "structure",
                        many ? "'%s%s' may repeat: write it as an array, even with one value"
                             : "'%s%s' occurs at most once: write it without an array",
                        prefix, name);
        return false;
    }
    if (many && !value->child) {
        validate__error(w, at, "structure",
                        "'%s%s' is an empty array: leave it out when there is nothing to say", prefix, name);
        return false;
    }
    return true;
}

static void member(struct validate__walk *w, struct validate__place *up, const struct fhir_element *e,
                   const struct fhir_type *type, const char *name, const json *value, const json *extra)
{
    struct validate__place at = {
        .up = up, .name = e->name, .index = -1, .type = type, .element = e, .node = value, .extra = extra};
    if (extra && (type->kind != FHIR_PRIMITIVE || bare(w->v, e, type))) {
        validate__error(w, &at, "structure",
                        "'_%s' is not allowed: only primitive elements that may have extensions have it",
                        name);
        at.extra = extra = NULL;
    }
    if (value && !shape(w, &at, value, "", name))
        at.node = value = NULL;
    if (extra && !shape(w, &at, extra, "_", name))
        at.extra = extra = NULL;
    if (!value && !extra)
        return;
    if (type->kind == FHIR_PRIMITIVE) {
        if (e->max > 1)
            primitives(w, &at, value, extra);
        else
            primitive(w, &at);
    } else if (e->max > 1) {
        at.index = 0;
        json_each (item, value) {
            if (validate__full(w))
                return;
            at.node = item;
            at.item = NULL;
            complex(w, &at);
            at.type = type; /* a resource has replaced it by its own */
            at.index++;
        }
    } else {
        complex(w, &at);
    }
}

/* "valueFoo" where value[x] allows no Foo: names what it allows. */
static bool unknown_choice(struct validate__walk *w, const struct validate__place *at, const char *name)
{
    for (int i = 0; i < at->type->n_elements; i++) {
        const struct fhir_element *e = &at->type->elements[i];
        size_t len = strlen(e->name);
        if (!e->choice || strncmp(name, e->name, len) != 0 || !(name[len] >= 'A' && name[len] <= 'Z'))
            continue;
        struct buf allowed;
        buf_init(&allowed, w->a, 128);
        for (int k = 0; k < e->n_types && k < 12; k++)
            buf_addf(&allowed, "%s%s", k ? ", " : "", fhir_json_name(e, k));
        validate__error(w, at, "structure", "%s is not one of the types of %s; allowed: %s%s",
                        validate__quote(w->a, name, "a property"), e->path, allowed.s,
                        e->n_types > 12 ? " …" : "");
        return true;
    }
    return false;
}

static void unknown(struct validate__walk *w, const struct validate__place *object, const json *m)
{
    const char *name = m->string;
    const struct validate__place here = {.up = object->up,
                                         .name = object->name,
                                         .index = object->index,
                                         .type = object->type,
                                         .node = m},
                                 *at = &here;
    if (!unknown_choice(w, at, name[0] == '_' ? name + 1 : name))
        validate__error(w, at, "structure", "%s has no element %s: remove it, or send it as an extension",
                        at->type->name,
                        validate__quote(w->a, name, "with the name of one of its properties"));
}

static const json *sibling(const json *node, const char *name)
{
    json_each (m, node)
        if (m->string[0] == '_' && strcmp(m->string + 1, name) == 0)
            return m;
    return NULL;
}

static void required(struct validate__walk *w, const struct validate__place *at, const uint64_t *seen)
{
    const uint64_t *need = w->v->required[at->type->index];
    for (int word = 0; word < VALIDATE__SEEN_WORDS; word++)
        for (uint64_t missing = need[word] & ~seen[word]; missing; missing &= missing - 1) {
            w->lacks |= at->type->kind == FHIR_RESOURCE;
            validate__error(w, at, "required", "%s is required: add it",
                            at->type->elements[word * 64 + __builtin_ctzll(missing)].path);
        }
}

/* The members of a resource, a complex value, or the object beside a primitive. False when it says nothing:
 * it has an id at most. */
static bool object(struct validate__walk *w, struct validate__place *at, const json *node)
{
    const struct fhir_type *t = at->type;
    if (!node->child) {
        validate__error(w, at, "structure", "An empty object: leave it out when there is nothing to say");
        return true;
    }
    if (w->depth == VALIDATE__MAX_DEPTH) {
        validate__error(w, at, "too-costly", "Elements are nested more than %d deep", VALIDATE__MAX_DEPTH);
        return true;
    }
    uint64_t seen[VALIDATE__SEEN_WORDS] = {0};
    bool extras = false, content = false;
    int members = 0;
    json_each (m, node) {
        extras |= m->string[0] == '_';
        members++;
    }
    if (members > MAX_MEMBERS) {
        validate__error(w, at, "structure", "%s has fewer elements than this object has properties", t->name);
        return true;
    }
    w->depth++;
    json_each (m, node) {
        if (validate__full(w))
            break;
        bool extra = m->string[0] == '_';
        const char *name = m->string + extra;
        const struct fhir_type *type;
        const struct fhir_element *e = fhir_child(t, name, &type);
        if (!e) {
            content = true;
            if (t->kind != FHIR_RESOURCE || strcmp(m->string, "resourceType") != 0)
                unknown(w, at, m);
            continue;
        }
        if (extra && json_get(node, name))
            continue; /* goes with its value */
        content |= e->index > 0;
        if (e->index == 0 && t->kind != FHIR_RESOURCE && !extra)
            validate__element_id(w, at, m);
        uint64_t bit = UINT64_C(1) << (e->index & 63), *word = &seen[e->index >> 6];
        if (*word & bit)
            validate__error(w, at, "structure", "%s has values of several types: send one", e->path);
        *word |= bit;
        if (extra)
            member(w, at, e, type, name, NULL, m);
        else
            member(w, at, e, type, name, m, extras ? sibling(node, name) : NULL);
    }
    required(w, at, seen);
    w->depth--;
    return content;
}

/* ---- resources that are about others ------------------------------------------------------------------ */

static void consistency(struct validate__walk *w, struct validate__place *at)
{
    static const struct {
        const char *type;
        void (*check)(struct validate__walk *w, struct validate__place *at);
    } checks[] = {
        {"Measure", validate__measure},
        {"MeasureReport", validate__measure_report},
        {"OperationDefinition", validate__operation_definition},
        {"SearchParameter", validate__search_parameter},
        {"StructureDefinition", validate__structure_definition},
        {"Questionnaire", validate__questionnaire},
        {"QuestionnaireResponse", validate__questionnaire_response},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (strcmp(at->type->name, checks[i].type) == 0)
            checks[i].check(w, at);
}

/* ---- resources -------------------------------------------------------------------------------------- */

/* What the definition of a resource type says in words. */
static void own_rules(struct validate__walk *w, struct validate__place *at)
{
    if (at->type == w->v->code_system)
        validate__codesystem(w, at);
    else if (at->type == w->v->value_set)
        validate__valueset(w, at);
    else if (at->type == w->v->concept_map)
        validate__conceptmap(w, at);
}

/* at->type becomes the resource's own. container: what a contained resource is in, else NULL. */
void validate__resource(struct validate__walk *w, struct validate__place *at,
                        const struct fhir_type *expected, struct validate__scope *container)
{
    if (!json_is_object(at->node)) {
        validate__error(w, at, "structure", "A resource is a JSON object");
        return;
    }
    const json *name = json_get(at->node, "resourceType");
    if (!json_is_string(name)) {
        validate__error(w, at, "structure",
                        "resourceType is missing, or not a string: it names the type of the resource");
        return;
    }
    const struct fhir_type *t = fhir_resource(w->v->defs, str_of(name->valuestring));
    if (!t) {
        validate__error(w, at, "structure", "resourceType %s is not a resource type of FHIR R4",
                        validate__quote(w->a, name->valuestring, "of this resource"));
        return;
    }
    if (!at->up)
        at->name = t->name;
    at->type = t;
    if (expected && !fhir_is_a(t, expected)) {
        validate__error(w, at, "structure", "resourceType is %s where a %s belongs", t->name, expected->name);
        return;
    }
    struct validate__scope *outer = w->scope;
    struct validate__scope scope = {.node = at->node, .type = t, .outer = outer, .container = container};
    scope.conditional = outer ? outer->conditional : w->options->in_transaction;
    if (at->up && at->up->type == w->v->entry && outer->bundle)
        scope.entry = validate__bundle_entry_of(outer->bundle, at);
    w->scope = &scope;
    if (t == w->v->bundle)
        validate__bundle_begin(w, at->node);
    validate__contained_begin(w, at);
    object(w, at, at->node);
    validate__contained_end(w, at);
    validate__narrative_end(w);
    if (scope.bundle) {
        validate__bundle_links(w, at);
        validate__document(w, at);
    }
    if (w->options->level >= VALIDATE_BASE)
        own_rules(w, at);
    validate__invariants(w, at);
    if (w->options->level >= VALIDATE_BASE)
        consistency(w, at);
    if (w->options->level == VALIDATE_FULL)
        validate__profiles(w, at);
    w->scope = outer;
}
