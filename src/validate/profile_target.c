/*
 * What type a value is, by a profile: the types themselves, profiles on them, and for a reference what it leads to: the
 * type of the target, its profile where it can be had here, and where it may be (aggregation).
 */
#include "fhir/reference.h"
#include "profile.h"

const struct fhir_type *profile__core_type(const struct fhir_defs *d, const char *canonical)
{
    struct str rest, url = str_cut(str_of(canonical), '|', &rest);
    const struct str home = STR("http://hl7.org/fhir/StructureDefinition/");
    char name[64];
    if (!str_starts(url, home) || url.len - home.len >= sizeof name)
        return NULL;
    memcpy(name, url.s + home.len, url.len - home.len);
    name[url.len - home.len] = '\0';
    const struct fhir_type *t = fhir_type(d, name);
    return t && t->url && str_is(url, t->url) ? t : NULL;
}

/* A code is no string here: the names of JSON tell them apart. But a Quantity is one also where the profile has written
 * Age. */
static bool is_type(const struct fhir_type *t, const struct fhir_type *wanted)
{
    if (t->kind == FHIR_PRIMITIVE)
        return t == wanted;
    return fhir_is_a(t, wanted) || (t->kind == FHIR_COMPLEX && fhir_is_a(wanted, t));
}

bool profile__is_type(const struct profile_node *n, const struct fhir_type *t)
{
    for (size_t i = 0; i < n->n_types; i++)
        if (is_type(t, n->types[i].type))
            return true;
    return n->n_types == 0;
}

/* ---- references --------------------------------------------------------------------------------------------- */

struct target {
    const struct fhir_type *type;        /* NULL: unknown */
    const json *node;                    /* NULL: not in what is validated */
    unsigned where;                      /* of enum structure_aggregation; 0: unknown */
    const struct validate__entry *entry; /* whose resource it is */
    struct validate__scope *container;
};

/* An entry of the Bundles around; of the one that the walk is in, by type and id also where its fullUrl is a urn. */
static const struct validate__entry *bundled(struct validate__walk *w, const char *literal,
                                             const struct fhir_reference *r)
{
    const struct validate__entry *e = validate__bundle_find(w, literal), *from, *only;
    const struct validate__bundle *b = validate__bundle_of(w->scope, &from);
    if (e || !b || r->form != FHIR_REF_RELATIVE || !from->url || !str_starts(str_of(from->url), STR("urn:")))
        return e;
    return validate__bundle_alike(w, b, r->type, r->id, &only) ? only : NULL;
}

static void contained(const struct validate__walk *w, const char *id, struct target *out)
{
    struct validate__scope *outer = w->scope->container ? w->scope->container : w->scope;
    out->where = STRUCTURE_CONTAINED;
    if (!*id) {
        out->type = outer->type;
        out->node = outer->node;
        return;
    }
    const struct validate__contained *c = validate__contained_find(w->scope, id);
    if (c) {
        out->type = c->type;
        out->node = c->node;
        out->container = outer;
    }
}

static struct target find(struct validate__walk *w, const json *reference)
{
    struct target t = {0};
    const char *literal = json_get_string(reference, "reference"),
               *named = json_get_string(reference, "type");
    struct fhir_reference r;
    const struct validate__entry *e = NULL;
    if (literal) {
        fhir_reference_parse(w->v->defs, str_of(literal), &r);
        if (r.form == FHIR_REF_CONTAINED) {
            contained(w, literal + 1, &t);
        } else if (r.form != FHIR_REF_NONE) {
            t.type = r.form == FHIR_REF_URN || r.form == FHIR_REF_URL ? NULL : r.type;
            e = bundled(w, literal, &r);
            t.where = e ? STRUCTURE_BUNDLED | STRUCTURE_REFERENCED : STRUCTURE_REFERENCED;
        }
    }
    if (e) {
        t.type = e->type;
        t.node = e->resource;
        t.entry = e;
    }
    if (!t.type && named && !strchr(named, ':'))
        t.type = fhir_resource(w->v->defs, str_of(named));
    return t;
}

static bool reach(struct validate__walk *w, const struct target *t, struct validate__scope *scope,
                  struct validate__place *out)
{
    if (!t->node || !t->type)
        return false;
    *scope = (struct validate__scope){
        .node = t->node, .type = t->type, .outer = w->scope, .container = t->container, .entry = t->entry};
    if (!t->container)
        validate__contained_index(w, scope);
    *out = (struct validate__place){.name = t->type->name, .index = -1, .type = t->type, .node = t->node};
    return true;
}

bool profile__resolve(struct validate__walk *w, const struct validate__place *at,
                      struct validate__scope *scope, struct validate__place *target)
{
    struct target t = find(w, at->node);
    return reach(w, &t, scope, target);
}

static bool target_kept(struct validate__walk *w, const struct target *t, const struct profile_ref *r,
                        const struct profile *p)
{
    struct validate__scope scope, *outer = w->scope;
    struct validate__place place;
    if (!reach(w, t, &scope, &place))
        return true;
    w->scope = &scope;
    bool kept = profile_probe(w, p, profile_node_of(p, r->element), &place);
    w->scope = outer;
    return kept;
}

/* Is the target what one of these profiles wants? What is not known is taken as kept. */
enum answer { NO_TYPE, NO_PROFILE, YES };
static enum answer among(struct validate__walk *w, const struct target *t, const struct profile_ref *refs,
                         size_t n, struct validate__place *at)
{
    enum answer best = NO_TYPE;
    for (size_t i = 0; i < n; i++) {
        if (refs[i].type) {
            if (fhir_is_a(t->type, refs[i].type))
                return YES;
            continue;
        }
        const struct profile *p = profile_find(w, refs[i].url);
        if (!p)
            validate__unresolved(w, at, refs[i].url, "profile");
        if (!p || p->wrong.text)
            return YES;
        if (!fhir_is_a(t->type, p->type))
            continue;
        if (target_kept(w, t, &refs[i], p))
            return YES;
        best = NO_PROFILE;
    }
    return best;
}

bool profile__is_target(struct validate__walk *w, const struct profile_ref *refs, size_t n,
                        struct validate__place *at)
{
    struct target t = find(w, at->node);
    return t.type && among(w, &t, refs, n, at) == YES;
}

static const char *listed(struct profile__pass *x, const struct profile_ref *refs, size_t n)
{
    struct buf b;
    buf_init(&b, x->w->a, 128);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", refs[i].type ? refs[i].type->name : refs[i].url);
    return b.s;
}

static const char *places(unsigned aggregation)
{
    static const char *const texts[] = {
        "",
        "contained",
        "outside the resource",
        "contained, or outside the resource",
        "in the same Bundle",
        "contained, or in the same Bundle",
        "outside the resource",
        "contained, or outside the resource",
    };
    return texts[aggregation & 7];
}

/* What is sent by itself cannot be asked whether it was in the same Bundle. */
static unsigned allowed_places(const struct validate__walk *w, unsigned aggregation)
{
    for (const struct validate__scope *s = w->scope; s; s = s->outer)
        if (s->type == w->v->bundle)
            return aggregation;
    return aggregation & STRUCTURE_BUNDLED ? aggregation | STRUCTURE_REFERENCED : aggregation;
}

static void reference(struct profile__pass *x, const struct profile_type *type, struct validate__place *at)
{
    struct target t = find(x->w, at->node);
    if (type->aggregation && t.where && !(allowed_places(x->w, type->aggregation) & t.where))
        profile__find(x, at, ISSUE_ERROR, "structure", NULL,
                      "%s: the resource that is referred to must be %s", at->element->path,
                      places(type->aggregation));
    if (type->same_targets || !t.type)
        return;
    switch (among(x->w, &t, type->targets, type->n_targets, at)) {
    case NO_TYPE:
        profile__find(x, at, ISSUE_ERROR, "structure", NULL,
                      "%s may not refer to a resource of type %s; allowed: %s", at->element->path,
                      t.type->name, listed(x, type->targets, type->n_targets));
        break;
    case NO_PROFILE:
        profile__find(x, at, ISSUE_ERROR, "structure", NULL,
                      "%s: the %s that is referred to keeps to none of these profiles: %s", at->element->path,
                      t.type->name, listed(x, type->targets, type->n_targets));
        break;
    case YES:
        break;
    }
}

/* ---- profiles on the type ------------------------------------------------------------------------------------ */

/* An extension is held against its definition wherever it stands: extension.c. */
static bool is_definition(const struct validate__walk *w, const struct profile_ref *r,
                          const struct validate__place *at)
{
    const char *url = at->type == w->v->extension ? json_get_string(at->node, "url") : NULL;
    struct str rest;
    return url && str_is(str_cut(str_of(r->url), '|', &rest), url);
}

static void alternatives(struct profile__pass *x, const struct profile_type *t, struct validate__place *at)
{
    struct validate__walk *w = x->w;
    const struct profile *known[64];
    size_t n = 0;
    for (size_t i = 0; i < t->n_profiles && i < 64; i++) {
        known[i] = profile_find(w, t->profiles[i].url);
        if (!known[i])
            validate__unresolved(w, at, t->profiles[i].url, "profile");
        if (!known[i] || profile_probe(w, known[i], profile_node_of(known[i], t->profiles[i].element), at))
            return;
        n++;
    }
    profile__find(x, at, ISSUE_ERROR, "structure", NULL, "%s keeps to none of these profiles: %s",
                  at->element->path, listed(x, t->profiles, t->n_profiles));
    /* And why not each. */
    for (size_t i = 0; i < n; i++)
        profile_check(w, known[i], profile_node_of(known[i], t->profiles[i].element), at);
}

static void type_profiles(struct profile__pass *x, const struct profile_type *t, struct validate__place *at)
{
    struct validate__walk *w = x->w;
    const struct profile_ref *r = &t->profiles[0];
    if (is_definition(w, r, at))
        return;
    if (t->n_profiles > 1) {
        alternatives(x, t, at);
        return;
    }
    const struct profile *p = profile_find(w, r->url);
    if (p)
        profile_check(w, p, profile_node_of(p, r->element), at);
    else
        validate__unresolved(w, at, r->url, "profile");
}

bool profile__typed(struct profile__pass *x, const struct profile_node *n, struct validate__place *at)
{
    for (size_t i = 0; i < n->n_types; i++) {
        const struct profile_type *t = &n->types[i];
        if (!is_type(at->type, t->type))
            continue;
        if (t->n_profiles && at->node)
            type_profiles(x, t, at);
        if (at->type == x->w->v->reference)
            reference(x, t, at);
        return true;
    }
    struct buf allowed;
    buf_init(&allowed, x->w->a, 64);
    for (size_t i = 0; i < n->n_types; i++)
        buf_addf(&allowed, "%s%s", i ? ", " : "", n->types[i].type->name);
    profile__find(x, at, ISSUE_ERROR, "structure", NULL, "%s is of type %s; allowed: %s", n->id,
                  at->type->name, allowed.s);
    return false;
}
