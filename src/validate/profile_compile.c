/*
 * From a StructureDefinition's elements to the tree of what they add (profiling.html, elementdefinition.html).
 *
 * Elements come in the order of the type's; each says by its path, and by its id or its place after others, which node it
 * speaks of. Intermediate ones need not be named. Where a path runs through a datatype, it goes on with its children.
 * "valueQuantity" in place of "value[x]" is a slice by type. What a snapshot repeats of the base type is left out.
 */
#include <stdlib.h>

#include "profile.h"

#define MAX_DEPTH 32
#define MAX_TYPES 64

struct build {
    const struct profile__source *s;
    struct profile *p;
    size_t nodes;
    /* Where the last element was: its path, and the nodes on it. */
    struct str path[MAX_DEPTH];
    struct profile_node *on[MAX_DEPTH];
    int depth;
};

/* The first one is told of. */
static void doubt(struct build *b, const char *text, const char *one, const char *two)
{
    if (!b->p->doubt.text)
        b->p->doubt = (struct profile_fault){text, one, two};
}

/* ---- nodes ---------------------------------------------------------------------------------------------- */

static struct profile_node *new_node(struct build *b, struct profile_node *up, const char *id)
{
    if (++b->nodes > PROFILE__MAX_NODES)
        return NULL;
    struct profile_node *n = ARENA_NEW(b->s->a, struct profile_node);
    *n = (struct profile_node){.id = id, .up = up, .max = FHIR_MANY, .max_length = -1, .min_length = -1};
    return n;
}

static struct profile_node *copy(struct build *b, const struct profile_node *from, struct profile_node *up)
{
    struct arena *a = b->s->a;
    if (++b->nodes > PROFILE__MAX_NODES)
        return NULL;
    struct profile_node *n = ARENA_NEW(a, struct profile_node);
    *n = *from;
    n->up = up;
    n->tests = NULL;
    n->n_tests = 0;
    n->cap_types = n->n_types;
    n->constraints = arena_alloc(a, sizeof *n->constraints * (n->n_constraints + 1));
    n->cap_constraints = n->n_constraints + 1;
    if (n->n_constraints)
        memcpy(n->constraints, from->constraints, sizeof *n->constraints * n->n_constraints);
    n->cap_children = n->n_children;
    n->cap_slices = n->n_slices;
    n->children = ARENA_ARRAY(a, struct profile_node *, n->n_children);
    n->slices = ARENA_ARRAY(a, struct profile_node *, n->n_slices);
    for (size_t i = 0; i < n->n_children; i++)
        if (!(n->children[i] = copy(b, from->children[i], n)))
            return NULL;
    for (size_t i = 0; i < n->n_slices; i++)
        if (!(n->slices[i] = copy(b, from->slices[i], n)))
            return NULL;
    return n;
}

static size_t add_type(const struct fhir_type **out, size_t n, size_t max, const struct fhir_type *t)
{
    for (size_t i = 0; i < n; i++)
        if (out[i] == t)
            return n;
    if (n < max)
        out[n++] = t;
    return n;
}

size_t profile__types(const struct profile_node *n, const struct fhir_type *root,
                      const struct fhir_type **out, size_t max)
{
    size_t count = 0;
    while (n->n_types == 0 && n->slice)
        n = n->up;
    for (size_t i = 0; i < n->n_types; i++)
        count = add_type(out, count, max, n->types[i].type);
    if (count > 0)
        return count;
    if (!n->element)
        return add_type(out, 0, max, root);
    for (int i = 0; i < n->element->n_types; i++)
        count = add_type(out, count, max, n->element->types[i].type);
    return count;
}

static struct profile_node *child(struct build *b, struct profile_node *up, const struct fhir_element *e)
{
    for (size_t i = 0; i < up->n_children; i++)
        if (strcmp(up->children[i]->element->name, e->name) == 0)
            return up->children[i];
    struct profile_node *n =
        new_node(b, up, arena_printf(b->s->a, "%s.%s%s", up->id, e->name, e->choice ? "[x]" : ""));
    if (!n)
        return NULL;
    n->element = e;
    *ARENA_PUSH(b->s->a, up->children, up->n_children, up->cap_children) = n;
    return n;
}

static void one_type(struct build *b, struct profile_node *n, const struct fhir_type *t)
{
    n->types = ARENA_NEW(b->s->a, struct profile_type);
    n->types->type = t;
    n->types->same_targets = true;
    n->n_types = n->cap_types = 1;
}

/* "valueQuantity": the type that a slice of a choice, or a path, names; NULL: none. */
static const struct fhir_type *named_type(const struct fhir_element *e, const char *name)
{
    for (int i = 0; e->choice && i < e->n_types; i++)
        if (strcmp(fhir_json_name(e, i), name) == 0)
            return e->types[i].type;
    return NULL;
}

static struct profile_node *find_slice(const struct profile_node *n, struct str name)
{
    for (size_t i = 0; i < n->n_slices; i++)
        if (str_is(name, n->slices[i]->slice))
            return n->slices[i];
    return NULL;
}

/* The slice of that name. "a/b" is slice b of slice a, when there is an a. */
static struct profile_node *slice(struct build *b, struct profile_node *n, struct str name)
{
    struct profile_node *found = find_slice(n, name), *outer = NULL;
    if (found)
        return found;
    const struct profile_node *whole = n;
    while (whole->slice)
        whole = whole->up;
    for (size_t i = 0; i < name.len && !outer; i++)
        if (name.s[i] == '/')
            outer = find_slice(n, (struct str){name.s, i});
    if (outer)
        return slice(b, outer, name);
    if (n->n_slices == PROFILE__MAX_SLICES)
        return NULL;
    found = new_node(b, n, arena_printf(b->s->a, "%s:%.*s", whole->id, STR_FMT(name)));
    if (!found)
        return NULL;
    found->slice = arena_strndup(b->s->a, name.s, name.len);
    found->element = n->element;
    const struct fhir_type *t = n->element ? named_type(n->element, found->slice) : NULL;
    if (t)
        one_type(b, found, t);
    *ARENA_PUSH(b->s->a, n->slices, n->n_slices, n->cap_slices) = found;
    return found;
}

/* A path with "valueQuantity" says too that value[x] has that type, unless it is told otherwise what types it has. */
static struct profile_node *shortcut(struct build *b, struct profile_node *n, const struct fhir_type *t,
                                     struct str name)
{
    struct profile_node *of_type = slice(b, n, name);
    if (!of_type)
        return NULL;
    if (!n->slicing && n->n_types == 0 && n->n_slices == 1) {
        one_type(b, n, t);
        n->shortcut = true;
        return of_type;
    }
    bool has = false;
    for (size_t i = 0; i < n->n_types; i++)
        has |= n->types[i].type == t;
    if (n->shortcut && !has)
        *ARENA_PUSH(b->s->a, n->types, n->n_types, n->cap_types) =
            (struct profile_type){.type = t, .same_targets = true};
    return of_type;
}

/* One step of a path. NULL: no type that the node can have has such an element. */
static struct profile_node *step(struct build *b, struct profile_node *up, struct str name)
{
    const struct fhir_type *types[MAX_TYPES], *actual;
    size_t n = profile__types(up, b->p->type, types, MAX_TYPES);
    bool choice = str_ends(name, STR("[x]"));
    char *s = arena_strndup(b->s->a, name.s, name.len - (choice ? 3 : 0));
    for (size_t i = 0; i < n; i++) {
        const struct fhir_element *e = choice ? NULL : fhir_child(types[i], s, &actual);
        if (e && e->choice) {
            struct profile_node *whole = child(b, up, e);
            return whole ? shortcut(b, whole, actual, name) : NULL;
        }
        if (!e)
            e = fhir_element_by_name(types[i], s);
        if (e)
            return child(b, up, e);
    }
    return NULL;
}

/* ---- what an element says ------------------------------------------------------------------------------- */

static size_t refs(struct build *b, const struct structure_profile *from, size_t n,
                   const struct profile_ref **out)
{
    struct profile_ref *r = ARENA_ARRAY(b->s->a, struct profile_ref, n);
    for (size_t i = 0; i < n; i++)
        r[i] =
            (struct profile_ref){from[i].url, from[i].element, profile__core_type(b->s->defs, from[i].url)};
    *out = r;
    return n;
}

/* A base without targets lets any be. */
static bool same_targets(const struct profile_type *t, const struct fhir_element_type *base)
{
    size_t found = 0;
    if (t->n_targets == 0 || base->n_targets == 0)
        return t->n_targets == 0 || (t->n_targets == 1 && t->targets[0].type && t->targets[0].type->abstract);
    for (size_t i = 0; i < t->n_targets; i++) {
        if (!t->targets[i].type)
            return false;
        for (int k = 0; k < base->n_targets; k++)
            found += base->targets[k] == t->targets[i].type;
    }
    return found == base->n_targets;
}

/* A profile that is the type's own definition says nothing; on a resource it narrows the type. */
static void type_profiles(struct build *b, const struct structure_type *from, struct profile_type *t)
{
    const struct profile_ref *all;
    size_t n = refs(b, from->profiles, from->n_profiles, &all);
    struct profile_ref *kept = ARENA_ARRAY(b->s->a, struct profile_ref, n);
    for (size_t i = 0; i < n; i++)
        if (!all[i].type)
            kept[t->n_profiles++] = all[i];
        else if (n == 1 && all[i].type->kind == FHIR_RESOURCE && fhir_is_a(all[i].type, t->type))
            t->type = all[i].type;
    /* One of the alternatives is the type itself: they demand nothing. */
    if (t->n_profiles < n)
        t->n_profiles = 0;
    t->profiles = kept;
}

static void set_types(struct build *b, struct profile_node *n, const struct structure_element *e)
{
    const struct fhir_element *base = n->element;
    struct profile_type *types = ARENA_ARRAY(b->s->a, struct profile_type, e->n_types);
    size_t count = 0, as_base = 0;
    for (size_t i = 0; i < e->n_types; i++) {
        const struct structure_type *from = &e->types[i];
        const struct fhir_type *t = strchr(from->code, ':') ? profile__core_type(b->s->defs, from->code)
                                                            : fhir_type(b->s->defs, from->code);
        if (!t) {
            if (!str_starts(str_of(from->code), STR("http://hl7.org/fhirpath/")))
                doubt(b, "the element %s has the unknown type %s", n->id, from->code);
            continue;
        }
        const struct fhir_element_type *of = NULL;
        for (int k = 0; k < base->n_types && !of; k++)
            if (base->types[k].type == t || base->types[k].type->kind == FHIR_BACKBONE ||
                (base->types[k].type->kind == FHIR_RESOURCE && fhir_is_a(t, base->types[k].type)))
                of = &base->types[k];
        if (!of) {
            doubt(b, "the element %s has the type %s, which its base does not allow", n->id, from->code);
            continue;
        }
        struct profile_type *out = &types[count++];
        out->type = of->type->kind == FHIR_BACKBONE ? of->type : t;
        type_profiles(b, from, out);
        out->n_targets = refs(b, from->targets, from->n_targets, &out->targets);
        out->aggregation = from->aggregation;
        out->same_targets = same_targets(out, of);
        as_base += out->type == of->type && out->n_profiles == 0 && !out->aggregation && out->same_targets;
    }
    if (count == 0)
        return;
    bool nothing = as_base == count && count == base->n_types && (!n->slice || n->up->n_types == 0);
    n->types = types;
    n->n_types = nothing ? 0 : count;
    n->cap_types = e->n_types;
    n->shortcut = false;
}

static bool has_key(const struct fhir_invariant *const *list, int n, const char *key)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i]->key, key) == 0)
            return true;
    return false;
}

/* A constraint of the type itself, repeated. */
static bool of_base(const struct build *b, const struct profile_node *n, const struct structure_constraint *c)
{
    const struct fhir_type *types[MAX_TYPES];
    size_t count = profile__types(n, b->p->type, types, MAX_TYPES);
    if (n->element && has_key(n->element->invariants, n->element->n_invariants, c->key))
        return true;
    for (size_t i = 0; i < count; i++)
        if (has_key(types[i]->invariants, types[i]->n_invariants, c->key))
            return true;
    for (int i = 0; n->element && i < n->element->n_types; i++)
        if (has_key(n->element->types[i].type->invariants, n->element->types[i].type->n_invariants, c->key))
            return true;
    return false;
}

static void add_constraint(struct build *b, struct profile_node *n, const struct structure_constraint *c)
{
    if (c->best_practice || of_base(b, n, c))
        return;
    struct profile_constraint *at = NULL;
    for (size_t i = 0; i < n->n_constraints && !at; i++)
        if (strcmp(n->constraints[i].said->key, c->key) == 0)
            at = &n->constraints[i];
    const struct fp_expr *expr;
    struct err err;
    if (!fp_compile(b->s->a, b->s->defs, str_of(c->expression), NULL, false, &expr, &err)) {
        doubt(b, "the constraint %s cannot be read: %s", c->key, arena_strdup(b->s->a, err.msg));
        return;
    }
    if (!at)
        at = ARENA_PUSH(b->s->a, n->constraints, n->n_constraints, n->cap_constraints);
    *at = (struct profile_constraint){c, expr, ARENA_NEW(b->s->a, atomic_bool)};
}

static bool same_binding(const struct fhir_element *base, const struct structure_element *e)
{
    if (!base || !base->valueset || base->strength != e->strength)
        return false;
    struct str rest;
    return str_eq(str_cut(str_of(base->valueset), '|', &rest), str_cut(str_of(e->valueset), '|', &rest));
}

/* Value sets that R4 asks for as required, where more is meant: of the vital signs' units its text, and later releases, have
 * them as what to prefer; HL7 has had more work groups since. */
static enum fhir_strength strength(const struct structure_element *e)
{
    static const char *const wider[] = {"http://hl7.org/fhir/ValueSet/ucum-vitals-common",
                                        "http://terminology.hl7.org/ValueSet/hl7-work-group",
                                        "http://hl7.org/fhir/ValueSet/hl7-work-group"};
    struct str rest, url = str_cut(str_of(e->valueset), '|', &rest);
    for (size_t i = 0; i < sizeof wider / sizeof *wider; i++)
        if (str_is(url, wider[i]) && e->strength > FHIR_BIND_EXTENSIBLE)
            return FHIR_BIND_EXTENSIBLE;
    return e->strength;
}

static void apply(struct build *b, struct profile_node *n, const struct structure_element *e)
{
    const struct fhir_element *base = n->element;
    if (base && e->min >= 0 && (n->slice || e->min > (int64_t)base->min))
        n->min = e->min > UINT16_MAX ? UINT16_MAX : (uint32_t)e->min;
    if (base && e->max >= 0)
        n->max = e->max < (int64_t)base->max ? (uint32_t)e->max : FHIR_MANY;
    if (base && e->n_types > 0)
        set_types(b, n, e);
    n->fixed = e->fixed ? e->fixed : n->fixed;
    n->pattern = e->pattern ? e->pattern : n->pattern;
    n->min_value = e->min_value ? e->min_value : n->min_value;
    n->max_value = e->max_value ? e->max_value : n->max_value;
    n->narrative = e->narrative ? e->narrative : n->narrative;
    n->max_length = e->max_length >= 0 ? e->max_length : n->max_length;
    n->min_length = e->min_length >= 0 ? e->min_length : n->min_length;
    if (e->valueset && e->strength != FHIR_BIND_NONE) {
        bool same = same_binding(base, e);
        n->valueset = same ? NULL : e->valueset;
        n->strength = same ? FHIR_BIND_NONE : strength(e);
    }
    if (e->slicing)
        n->slicing = e->slicing;
    if (e->n_alternatives) {
        n->alternatives = e->alternatives;
        n->n_alternatives = e->n_alternatives;
    }
    for (size_t i = 0; i < e->n_constraints; i++)
        add_constraint(b, n, &e->constraints[i]);
    if (!base && e->modifier)
        b->p->modifier = true;
}

/* ---- from paths to nodes -------------------------------------------------------------------------------- */

static int split(const char *s, char sep, struct str *out)
{
    int n = 0;
    struct str rest = str_of(s);
    while (rest.s && n < MAX_DEPTH)
        out[n++] = str_cut(rest, sep, &rest);
    return rest.s ? 0 : n;
}

/* "official" of "name:official"; empty: no slice. */
static struct str slice_name(struct str segment)
{
    struct str name;
    str_cut(segment, ':', &name);
    return name.s ? name : (struct str){"", 0};
}

/* The names of slices on the way, by the element's id; without one by the elements before it. */
static struct profile_node *locate(struct build *b, const struct structure_element *e, struct str *path,
                                   int n)
{
    struct str ids[MAX_DEPTH];
    bool by_id = e->id && split(e->id, '.', ids) == n;
    struct profile_node *node = b->p->root;
    bool same = true; /* so far on the path of the last element */
    for (int i = 1; i < n && node; i++) {
        bool last = i == n - 1;
        same = same && i < b->depth && str_eq(path[i], b->path[i]);
        struct str name = by_id ? slice_name(ids[i]) : (struct str){"", 0};
        if (last && e->slice)
            name = str_of(e->slice);
        if (!by_id && !last && same) {
            node = b->on[i];
        } else {
            node = step(b, node, path[i]);
            if (node && name.len && !(node->slice && str_is(name, node->slice)))
                node = slice(b, node, name);
        }
        b->on[i] = node;
    }
    for (int i = 0; i < n; i++)
        b->path[i] = path[i];
    b->depth = node ? n : 0;
    return node;
}

static void element(struct build *b, const struct structure_element *e)
{
    struct str path[MAX_DEPTH];
    int n = split(e->path, '.', path);
    if (n == 0 || !str_is(path[0], b->p->type->name)) {
        doubt(b, "the path %s does not begin with the type", e->path, NULL);
        return;
    }
    struct profile_node *node = locate(b, e, path, n);
    if (!node)
        doubt(b, "the path %s leads nowhere", e->path, NULL);
    else if (node == b->p->root && e->slice)
        doubt(b, "the root %s cannot be sliced", e->path, NULL);
    else
        apply(b, node, e);
}

/* ---- for the walk --------------------------------------------------------------------------------------- */

static uint16_t number_slices(struct profile_node *n, uint16_t from)
{
    for (size_t i = 0; i < n->n_slices; i++) {
        n->slices[i]->ordinal = from++;
        from = number_slices(n->slices[i], from);
    }
    return from;
}

static void activate(struct build *b, struct profile_node *n)
{
    const struct fhir_type *types[2];
    n->of = profile__types(n, b->p->type, types, 2) == 1 ? types[0] : NULL;
    n->active = ARENA_ARRAY(b->s->a, struct profile_node *, n->n_children);
    n->n_active = 0;
    for (size_t i = 0; i < n->n_children; i++)
        if (!n->children[i]->idle)
            n->active[n->n_active++] = n->children[i];
}

/* Types that only tell slices of a choice apart are no demand of their own. */
static bool demands_types(const struct profile_node *n)
{
    for (size_t i = 0; i < n->n_types; i++)
        if (n->types[i].n_profiles || !n->types[i].same_targets || n->types[i].aggregation)
            return true;
    return n->n_types > 0 && !(n->slice && n->element->choice);
}

static void seal(struct build *b, struct profile_node *n)
{
    bool below = true, slices = true;
    for (size_t i = 0; i < n->n_children; i++) {
        seal(b, n->children[i]);
        below &= n->children[i]->idle;
    }
    for (size_t i = 0; i < n->n_slices; i++) {
        seal(b, n->slices[i]);
        slices &= n->slices[i]->idle;
    }
    n->value_idle = below && !demands_types(n) && !n->fixed && !n->pattern && !n->min_value &&
                    !n->max_value && n->max_length < 0 && n->min_length < 0 && !n->valueset &&
                    n->n_constraints == 0 && n->n_alternatives == 0 && !n->narrative;
    bool open = !n->slicing || (n->slicing->rules != STRUCTURE_CLOSED && !n->slicing->ordered);
    n->idle = n->value_idle && n->min == 0 && n->max == FHIR_MANY && slices && (open || n->n_slices == 0);
    if (!n->slice)
        n->n_all = number_slices(n, 0);
    activate(b, n);
}

void profile__compile(const struct profile__source *s, const struct profile *base, bool use_snapshot,
                      struct profile *p)
{
    struct build b = {.s = s, .p = p};
    p->root = base ? copy(&b, base->root, NULL) : new_node(&b, NULL, p->type->name);
    p->modifier = base && base->modifier;
    const struct structure_element *list = use_snapshot ? s->structure->snapshot : s->structure->differential;
    size_t n = use_snapshot ? s->structure->n_snapshot : s->structure->n_differential;
    for (size_t i = 0; i < n && p->root && b.nodes <= PROFILE__MAX_NODES; i++)
        element(&b, &list[i]);
    if (!p->root || b.nodes > PROFILE__MAX_NODES) {
        p->wrong.text = "it is larger than a profile may be";
        return;
    }
    seal(&b, p->root);
    profile__tests(s, p);
}
