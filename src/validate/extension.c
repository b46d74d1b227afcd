/*
 * Extensions (extensibility.html): their own shape (ext-1, the url), and what their definition says, which is the profile of
 * their url: whether they may stand here, what they hold, which parts they have. A definition that is not known is told of
 * once.
 */
#include "profile.h"

/* ---- where it may stand ----------------------------------------------------------------------------------- */

/* R5's names for kinds of resources, which definitions that serve several versions use in contexts. */
static bool of_kind(const struct fhir_type *t, struct str name)
{
    if (!str_is(name, "CanonicalResource") && !str_is(name, "MetadataResource"))
        return false;
    return t->kind == FHIR_RESOURCE && fhir_element_by_name(t, "url") && fhir_element_by_name(t, "status");
}

/* "Element" is everything that may have extensions, resources too. */
static bool is_named(const struct fhir_type *t, struct str name)
{
    if (str_is(name, "Element"))
        return true;
    for (const struct fhir_type *up = t; up; up = up->base)
        if (str_is(name, up->name))
            return true;
    return of_kind(t, name);
}

/* "Patient.contact.name", "Observation.value[x]": from the resource. */
static void add_path(struct buf *b, const struct validate__place *at)
{
    if (at->up && at->type->kind != FHIR_RESOURCE) {
        add_path(b, at->up);
        buf_addf(b, ".%s%s", at->name, at->element->choice ? "[x]" : "");
    } else {
        buf_adds(b, at->type->name);
    }
}

/* "HumanName.family" and "DomainResource.text" by the type that has the element, "Patient.deceasedBoolean" by its JSON name. */
static bool is_element(struct validate__walk *w, const struct validate__place *at, struct str path)
{
    const struct fhir_element *e = at->element;
    const char *dot = memrchr(path.s, '.', path.len);
    if (!e || !dot)
        return false;
    struct str owner = {path.s, (size_t)(dot - path.s)}, name = {dot + 1, path.len - owner.len - 1};
    if (str_ends(name, STR("[x]")))
        name.len -= 3;
    bool named = str_is(name, e->name);
    for (int i = 0; e->choice && i < e->n_types; i++)
        named |= e->types[i].type == at->type && str_is(name, fhir_json_name(e, i));
    if (named && is_named(e->owner, owner))
        return true;
    struct buf whole;
    buf_init(&whole, w->a, 64);
    add_path(&whole, at);
    return str_is(path, whole.s) || str_is(path, at->type->name);
}

static const char *url_of(const struct validate__walk *w, const struct validate__place *at)
{
    return at && at->type == w->v->extension ? json_get_string(at->node, "url") : NULL;
}

/* An extension by its url, or a part of one: "url#part". */
static bool is_extension(const struct validate__walk *w, const struct validate__place *at,
                         const char *expression)
{
    struct str part, url = str_cut(str_of(expression), '#', &part);
    const char *own = url_of(w, at);
    if (!own || !part.s)
        return own && str_is(url, own);
    const char *outer = url_of(w, at->up);
    return str_is(part, own) && outer && str_is(url, outer);
}

/* The expression gives the element, or says yes. */
static bool is_selected(struct validate__walk *w, const struct validate__place *at,
                        const struct fp_expr *expr)
{
    const struct validate__scope *s = w->scope;
    struct fp_env env = {.a = w->scratch, .defs = w->v->defs, .resource = s->node, .now_us = w->now_us};
    struct fp_item root = fp_root(w->v->defs, s->node, s->type);
    struct fp_list list = {0};
    struct err err;
    if (!fp_eval(expr, &env, &root, &list, &err))
        return true;
    for (size_t i = 0; i < list.n; i++) {
        const struct fp_item *item = &list.items[i];
        bool same = item->kind == FP_NODE &&
                    ((item->node && item->node == at->node) || (item->extra && item->extra == at->extra));
        if (same || (list.n == 1 && item->kind == FP_BOOLEAN && item->boolean))
            return true;
    }
    return false;
}

static bool in_context(struct validate__walk *w, const struct validate__place *at, const struct profile *p,
                       size_t i)
{
    const struct structure_context *c = &p->structure->contexts[i];
    struct str rest, path = str_of(c->expression);
    switch (c->type) {
    case STRUCTURE_CONTEXT_EXTENSION:
        return is_extension(w, at, c->expression);
    case STRUCTURE_CONTEXT_FHIRPATH:
        return !w->scratch || !p->contexts[i] || is_selected(w, at, p->contexts[i]);
    case STRUCTURE_CONTEXT_ELEMENT:
        break;
    }
    /* "http://hl7.org/fhir/StructureDefinition/Patient#Patient.name" */
    if (memchr(path.s, '#', path.len)) {
        str_cut(path, '#', &rest);
        path = rest;
    }
    path = str_cut(path, ':', &rest); /* of a slice the element */
    return is_named(at->type, path) || is_element(w, at, path);
}

/* Where definitions published by HL7 forbid what HL7's own resources do. */
static const struct {
    const char *url, *also;
} corrections[] = {
    {"http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type", "ElementDefinition.type"},
    {"http://hl7.org/fhir/StructureDefinition/structuredefinition-normative-version", "Element"},
    {"http://hl7.org/fhir/StructureDefinition/regex", "ElementDefinition.type"},
    {"http://hl7.org/fhir/StructureDefinition/translation", "Element"},
    {"http://hl7.org/fhir/StructureDefinition/valueset-concept-comments", "CodeSystem.concept"},
};

static bool corrected(struct validate__walk *w, const struct validate__place *at, const struct profile *p)
{
    for (size_t i = 0; i < sizeof corrections / sizeof *corrections; i++)
        if (strcmp(p->canonical, corrections[i].url) == 0) {
            struct str also = str_of(corrections[i].also);
            return is_named(at->type, also) || is_element(w, at, also);
        }
    return false;
}

static void context(struct validate__walk *w, struct validate__place *up, const struct profile *p)
{
    const struct structure *s = p->structure;
    bool allowed = s->n_contexts == 0;
    for (size_t i = 0; i < s->n_contexts && !allowed; i++)
        allowed = in_context(w, up, p, i);
    if (!allowed && !corrected(w, up, p)) {
        struct buf list;
        buf_init(&list, w->a, 128);
        for (size_t i = 0; i < s->n_contexts && i < 12; i++)
            buf_addf(&list, "%s%s", i ? ", " : "", s->contexts[i].expression);
        validate__refuse(w, up, "structure", "The extension %s may not stand here; allowed: %s", p->url,
                         list.s);
        return;
    }
    static atomic_bool failed;
    for (size_t i = 0; w->scratch && i < p->n_context_invariants; i++)
        if (p->context_invariants[i] &&
            !validate__holds(w, up, p->context_invariants[i], s->context_invariants[i], &failed))
            validate__error(w, up, "structure",
                            "The extension %s may not stand here, as this does not hold: %s", p->url,
                            s->context_invariants[i]);
}

/* ---- what it holds ------------------------------------------------------------------------------------------ */

/* Does the definition have a part of that name? */
static bool has_part(const struct profile_node *root, const char *url)
{
    for (size_t i = 0; i < root->n_children; i++) {
        const struct profile_node *parts = root->children[i];
        for (size_t k = 0; strcmp(parts->element->name, "extension") == 0 && k < parts->n_slices; k++) {
            const struct profile_node *part = parts->slices[k];
            for (size_t c = 0; c < part->n_children; c++) {
                const json *fixed =
                    part->children[c]->fixed ? part->children[c]->fixed : part->children[c]->pattern;
                if (strcmp(part->children[c]->element->name, "url") == 0 && json_is_string(fixed) &&
                    strcmp(fixed->valuestring, url) == 0)
                    return true;
            }
        }
    }
    return false;
}

static void parts(struct validate__walk *w, struct validate__place *at, const struct profile *p)
{
    const json *list = json_get(at->node, "extension");
    struct validate__place part = {.up = at, .name = "extension", .index = -1, .type = at->type};
    part.element = fhir_element_by_name(at->type, "extension");
    json_each (e, json_is_array(list) ? list : NULL) {
        const char *url = json_get_string(e, "url");
        part.index++;
        part.node = e;
        if (url && !strchr(url, ':') && !has_part(p->root, url))
            validate__error(w, &part, "structure", "The extension %s has no part %s", p->url,
                            validate__quote(w->a, url, "of this name"));
    }
}

static void unknown(struct validate__walk *w, struct validate__place *at, const char *url)
{
    if (w->options->unknown_extensions == UNKNOWN_WARNING)
        validate__unresolved(w, at, url, "extension");
    else if (w->options->unknown_extensions == UNKNOWN_ERROR)
        validate__rule(
            w, at, ISSUE_ERROR, "extension",
            "The extension %.300s is not known here, and those that are not are refused: install the "
            "package that defines it",
            url);
}

static void definition(struct validate__walk *w, struct validate__place *at, const char *url)
{
    struct str version, plain = str_cut(str_of(url), '|', &version);
    const char *canonical = version.s ? arena_strndup(w->a, plain.s, plain.len) : url;
    if (version.s)
        validate__error(w, at, "value", "%s: the url of an extension has no version", at->element->path);
    const struct profile *p = profile_find(w, canonical);
    if (!p) {
        unknown(w, at, url);
        return;
    }
    if (p->wrong.text || p->type != w->v->extension) {
        profile_check(w, p, p->root, at);
        return;
    }
    w->passes++;
    context(w, at->up, p);
    bool modifier = strcmp(at->name, "modifierExtension") == 0;
    if (modifier != p->modifier)
        validate__error(
            w, at, "structure",
            modifier
                ? "The extension %s changes no meaning: send it as extension"
                : "The extension %s changes the meaning of what it stands in: send it as modifierExtension",
            p->url);
    parts(w, at, p);
    w->passes--;
    profile_check(w, p, p->root, at);
}

/* Inside a complex extension its parts have relative names. */
void validate__extension(struct validate__walk *w, struct validate__place *at)
{
    bool value = false, inner = false;
    json_each (m, at->node) {
        const char *name = m->string + (m->string[0] == '_');
        value |= strncmp(name, "value", 5) == 0;
        inner |= strcmp(name, "extension") == 0;
    }
    if (value == inner)
        validate__find(w, at, ISSUE_ERROR, "invariant", "ext-1",
                       value ? "An extension has a value[x] or extensions, not both"
                             : "An extension needs a value[x] or extensions");
    const char *url = json_get_string(at->node, "url");
    if (!url || !*url)
        validate__error(w, at, "required", "Without its url nobody can know what an extension says");
    else if (strchr(url, ':'))
        definition(w, at, url);
    else if (at->up->type != w->v->extension)
        validate__error(w, at, "value",
                        "%s: the url of an extension is absolute, but for parts of a complex extension",
                        at->element->path);
}
