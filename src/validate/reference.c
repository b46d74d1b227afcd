/* References (references.html): the form of the literal, the types it may refer to, contained targets. */
#include "fhir/reference.h"
#include "fhir/primitive.h"
#include "internal.h"

/* Whether the element lets a reference of type `at->type` point to `target`. */
static bool allowed(const struct validate__place *at, const struct fhir_type *target)
{
    const struct fhir_element *e = at->element;
    for (int i = 0; i < e->n_types; i++) {
        const struct fhir_element_type *t = &e->types[i];
        if (t->type != at->type)
            continue;
        for (int k = 0; k < t->n_targets; k++)
            if (fhir_is_a(target, t->targets[k]))
                return true;
        return t->n_targets == 0;
    }
    return true;
}

static void refuse_target(struct validate__walk *w, const struct validate__place *at, const char *name)
{
    const struct fhir_element *e = at->element;
    struct buf names;
    buf_init(&names, w->a, 128);
    for (int i = 0; i < e->n_types; i++)
        for (int k = 0; e->types[i].type == at->type && k < e->types[i].n_targets && k < 12; k++)
            buf_addf(&names, "%s%s", k ? ", " : "", e->types[i].targets[k]->name);
    validate__error(w, at, "structure", "%s may not refer to a resource of type %s; allowed: %s", e->path,
                    name, names.s);
}

static void check_target(struct validate__walk *w, const struct validate__place *at,
                         const struct fhir_type *target)
{
    if (!allowed(at, target))
        refuse_target(w, at, target->name);
}

/* A type that FHIR does not know is no target either, where the element names those that it has. */
static void refuse_type(struct validate__walk *w, const struct validate__place *at, const char *named)
{
    const struct fhir_element *e = at->element;
    const char *name = validate__quote(w->a, named, "of the reference");
    validate__error(w, at, "value", "%s: type %s is not a resource type of FHIR R4", e->path, name);
    for (int i = 0; i < e->n_types; i++)
        if (e->types[i].type == at->type && e->types[i].n_targets)
            refuse_target(w, at, name);
}

/* "#id", or "#" inside a contained resource. Returns the target's type, NULL when there is none or it is
 * unknown. */
static const struct fhir_type *contained_target(struct validate__walk *w, const struct validate__place *at,
                                                const char *fragment)
{
    struct validate__scope *s = w->scope;
    if (fragment[1] == '\0' && s->container) {
        s->refers_to_container = true;
        return s->container->type;
    }
    struct validate__contained *target = validate__contained_find(s, fragment + 1);
    if (!target) {
        validate__find(
            w, at, ISSUE_ERROR, "invariant", "ref-1",
            "%s: no contained resource has the id that '#…' names: add it to contained, or correct the id",
            at->element->path);
        return NULL;
    }
    target->used = true;
    return target->type;
}

/* A Bundle may refer to what it does not hold; this is what nobody can mean. */
static void missing(struct validate__walk *w, const struct validate__place *at,
                    const struct validate__bundle *b, const struct validate__entry *from,
                    const struct fhir_reference *r)
{
    const struct validate__entry *only;
    bool alone = b->kind <= VALIDATE__BATCH_RESPONSE || b->kind == VALIDATE__UNKNOWN;
    if (r->form == FHIR_REF_RELATIVE && !from->url && !alone)
        validate__error(
            w, at, "required",
            "%s: a relative reference in an entry without fullUrl: there is nothing it is relative to",
            at->element->path);
    else if (r->form == FHIR_REF_RELATIVE && !alone && validate__bundle_alike(w, b, r->type, r->id, &only))
        validate__find(
            w, at, ISSUE_WARNING, "not-found", NULL,
            "%s: the Bundle has an entry of this type and id, but its fullUrl is not the one that the "
            "reference leads to",
            at->element->path);
    else if (r->form == FHIR_REF_URN && b->kind != VALIDATE__HISTORY && b->kind != VALIDATE__SEARCHSET)
        validate__find(w, at, ISSUE_WARNING, "not-found", NULL,
                       "%s: the Bundle has no entry with this fullUrl", at->element->path);
}

/* In an entry: the type of what it leads to in the Bundles around; NULL when that is not known. */
static const struct fhir_type *bundled_target(struct validate__walk *w, const struct validate__place *at,
                                              const char *literal, const struct fhir_reference *r)
{
    const struct validate__entry *from;
    const struct validate__bundle *b = validate__bundle_of(w->scope, &from);
    struct validate__found found;
    if (!b)
        return r->type;
    validate__bundle_resolve(w, b, from, str_of(literal), &found);
    if (found.n > 1 && b->kind != VALIDATE__HISTORY)
        validate__error(w, at, "multiple-matches",
                        "%s: the Bundle has %zu entries with the fullUrl that this leads to",
                        at->element->path, found.n);
    if (!found.entry)
        found.entry = validate__bundle_find(w, literal);
    if (!found.entry) {
        missing(w, at, b, from, r);
        return r->type;
    }
    if (r->form == FHIR_REF_RELATIVE && found.entry->type != r->type)
        validate__error(w, at, "structure",
                        "%s: the reference is to a %s, but the entry that it leads to is a %s",
                        at->element->path, r->type->name, found.entry->type->name);
    return r->form == FHIR_REF_RELATIVE ? r->type : found.entry->type;
}

static const struct fhir_type *literal_target(struct validate__walk *w, const struct validate__place *at,
                                              const char *literal)
{
    struct fhir_reference r;
    fhir_reference_parse(w->v->defs, str_of(literal), &r);
    switch (r.form) {
    case FHIR_REF_NONE:
        validate__error(
            w, at, "value",
            "%s: not a reference: write 'Type/id', an absolute URL, 'urn:uuid:…', 'urn:oid:…' or '#id'",
            at->element->path);
        return NULL;
    case FHIR_REF_CONTAINED:
        return contained_target(w, at, literal);
    case FHIR_REF_QUERY:
        if (!w->scope->conditional)
            validate__error(w, at, "value",
                            "%s: a conditional reference ('Type?…') is allowed in transactions only",
                            at->element->path);
        return r.type;
    case FHIR_REF_RELATIVE:
    case FHIR_REF_ABSOLUTE:
    case FHIR_REF_URN:
    case FHIR_REF_URL:
        return bundled_target(w, at, literal, &r);
    }
    return NULL;
}

void validate__reference(struct validate__walk *w, struct validate__place *at)
{
    const char *literal = json_get_string(at->node, "reference"), *named = json_get_string(at->node, "type");
    const struct fhir_type *target = literal ? literal_target(w, at, literal) : NULL;
    if (literal)
        validate__document_reference(w, at, literal);
    if (target)
        check_target(w, at, target);
    if (!named || strchr(named, ':'))
        return; /* an absolute one names a type outside FHIR, or is that of a logical model */
    const struct fhir_type *type = fhir_resource(w->v->defs, str_of(named));
    if (!type)
        refuse_type(w, at, named);
    else if (target && target != type)
        validate__error(w, at, "structure", "%s: type is %s, but the reference is to a resource of type %s",
                        at->element->path, type->name, target->name);
    else if (!target)
        check_target(w, at, type);
}

/* "#id" in a uri, url or canonical. Only a canonical is sure to mean a contained resource. */
static void fragment(struct validate__walk *w, struct validate__place *at, const char *id)
{
    if (!validate__contained_use(w->scope, id) && at->type->primitive == FHIR_P_canonical)
        validate__error(
            w, at, "value",
            "%s: no contained resource has the id that '#…' names: add it to contained, or correct the id",
            at->element->path);
}

/* A broken urn:uuid: or urn:oid: is a uri by its form, but names nothing unique. And the specification wants no relative
 * canonicals, but has many in its own examples: records are not refused for either. */
static void urn(struct validate__walk *w, struct validate__place *at, const struct fhir_type *type)
{
    const char *wrong = fhir_primitive_check(type, at->node);
    if (wrong)
        validate__find(w, at, validate__policy(w), "value", NULL, "%s: %s", at->element->path, wrong);
}

void validate__uri(struct validate__walk *w, struct validate__place *at)
{
    struct str s = str_of(at->node->valuestring);
    if (s.s[0] == '#')
        fragment(w, at, s.s + 1);
    else if (str_starts(s, STR("urn:uuid:")))
        urn(w, at, w->v->uuid);
    else if (str_starts(s, STR("urn:oid:")))
        urn(w, at, w->v->oid);
    else if (at->type->primitive == FHIR_P_canonical && !strchr(s.s, ':'))
        validate__refuse(w, at, "value",
                         "%s: a canonical is an absolute URL, or '#' and the id of a contained resource",
                         at->element->path);
}
