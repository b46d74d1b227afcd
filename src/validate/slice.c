/*
 * Slicing in the walk (profiling.html#slicing): which slice each item of a list is in, by the tests that were compiled for
 * the slices; then order, closedness and how many there are of each.
 */
#include "profile.h"

/* ---- is the item in the slice? ------------------------------------------------------------------------------ */

enum answer { UNKNOWN = -1, NO, YES };

static enum answer member(struct validate__walk *w, const struct profile_node *n,
                          const struct validate__place *at)
{
    const struct conformance_view *codes = validate__codes(w);
    const struct terminology_valueset *set;
    struct err err;
    if (!terminology_valueset(codes, str_of(n->valueset), &set, &err))
        return UNKNOWN;
    if (json_is_string(at->node))
        return (enum answer)terminology_has(codes, set, NULL, at->node->valuestring);
    const json *codings = json_get(at->node, "coding");
    bool concept = at->type == w->v->codeable_concept;
    enum answer best = NO;
    for (const json *c = concept ? (codings ? codings->child : NULL) : at->node; c && best != YES;
         c = concept ? c->next : NULL) {
        const char *system = json_get_string(c, "system"), *code = json_get_string(c, "code");
        enum answer one = code ? (enum answer)terminology_has(codes, set, system ? system : "", code) : NO;
        best = one == NO ? best : one;
    }
    return best;
}

static enum answer conforms(struct validate__walk *w, const struct profile_ref *refs, size_t n,
                            struct validate__place *at)
{
    enum answer best = NO;
    for (size_t i = 0; i < n && best != YES; i++) {
        if (refs[i].type) {
            best = fhir_is_a(at->type, refs[i].type) ? YES : best;
            continue;
        }
        const struct profile *p = profile_find(w, refs[i].url);
        const struct profile_node *root = p ? profile_node_of(p, refs[i].element) : NULL;
        if (!root)
            best = UNKNOWN;
        else if (fhir_is_a(at->type, p->type) && profile_probe(w, p, root, at))
            best = YES;
    }
    return best;
}

/* What the profile's node says, as a question. */
static enum answer like(struct validate__walk *w, const struct profile *p, const struct profile_node *n,
                        struct validate__place *at)
{
    struct profile__pass x = {w, p};
    bool failed = w->failed;
    w->failed = false;
    w->probes++;
    profile__value(&x, n, at);
    enum answer a = w->failed ? NO : YES;
    w->probes--;
    w->failed = failed;
    return a;
}

static bool is_url(const struct profile_test *t, const json *value)
{
    struct str rest;
    return json_is_string(value) && str_is(str_cut(str_of(t->url), '|', &rest), value->valuestring);
}

static enum answer at_end(struct profile__pass *x, const struct profile_test *t, struct validate__place *at)
{
    switch (t->kind) {
    case PROFILE_EQUALS:
        return at->node && profile__equals(t->node->fixed, false, at->node) ? YES : NO;
    case PROFILE_MATCHES:
        return at->node && profile__equals(t->node->pattern, true, at->node) ? YES : NO;
    case PROFILE_IS_URL:
        return is_url(t, at->node) ? YES : NO;
    case PROFILE_MEMBER:
        return member(x->w, t->node, at);
    case PROFILE_EXISTS:
    case PROFILE_ABSENT:
        return YES; /* it is there: found() turns it round */
    case PROFILE_IS_TYPE:
        return profile__is_type(t->node, at->type) ? YES : NO;
    case PROFILE_IS_TARGET:
        return profile__is_target(x->w, t->refs, t->n_refs, at) ? YES : NO;
    case PROFILE_CONFORMS:
        return conforms(x->w, t->refs, t->n_refs, at);
    case PROFILE_LIKE:
        return like(x->w, x->p, t->node, at);
    }
    return NO;
}

/* Does any value at the end of the path pass? */
static enum answer found(struct profile__pass *x, const struct profile_test *t, size_t step,
                         struct validate__place *at);

static enum answer along(struct profile__pass *x, const struct profile_test *t, size_t step, const char *name,
                         const char *url, struct validate__place *at)
{
    const struct fhir_element *e = fhir_element_by_name(at->type, name);
    struct profile__values values;
    struct validate__place below;
    enum answer best = NO;
    if (!e || !profile__values(at, name, e, &values))
        return NO;
    for (bool more = profile__first(x->w, &values, at, &below); more && best != YES;
         more = profile__next(x->w, &values, &below)) {
        const char *has = url ? json_get_string(below.node, "url") : NULL;
        if (url && (!has || strcmp(has, url) != 0))
            continue;
        enum answer one = found(x, t, step + 1, &below);
        best = one == NO ? best : one;
    }
    return best;
}

static enum answer beyond(struct profile__pass *x, const struct profile_test *t, size_t step,
                          struct validate__place *at)
{
    struct validate__walk *w = x->w;
    bool last = step + 1 == t->n_steps;
    struct validate__scope scope, *outer = w->scope;
    struct validate__place target;
    if (at->type != w->v->reference)
        return NO;
    if (last && t->kind == PROFILE_IS_TARGET)
        return at_end(x, t, at);
    if (!profile__resolve(w, at, &scope, &target))
        return last && t->kind == PROFILE_CONFORMS ? UNKNOWN : NO;
    w->scope = &scope;
    enum answer a = found(x, t, step + 1, &target);
    w->scope = outer;
    return a;
}

static enum answer found(struct profile__pass *x, const struct profile_test *t, size_t step,
                         struct validate__place *at)
{
    if (step == t->n_steps)
        return at_end(x, t, at);
    const struct profile_step *s = &t->steps[step];
    switch (s->kind) {
    case PROFILE_CHILD:
        return along(x, t, step, s->name, NULL, at);
    case PROFILE_EXTENSION:
        return along(x, t, step, "extension", s->name, at);
    case PROFILE_RESOLVE:
        return beyond(x, t, step, at);
    case PROFILE_OF_TYPE:
        return strcmp(at->type->name, s->name) == 0 ? found(x, t, step + 1, at) : NO;
    }
    return NO;
}

static enum answer passes(struct profile__pass *x, const struct profile_test *t, struct validate__place *at)
{
    enum answer a = found(x, t, 0, at);
    if (t->kind == PROFILE_ABSENT)
        return a == YES ? NO : YES;
    return a;
}

/* All tests; a slice without any cannot be told. */
static enum answer in_slice(struct profile__pass *x, const struct profile_node *slice,
                            struct validate__place *at)
{
    enum answer all = slice->n_tests ? YES : UNKNOWN;
    for (size_t i = 0; i < slice->n_tests && all != NO; i++) {
        enum answer one = passes(x, &slice->tests[i], at);
        all = one == NO ? NO : one == UNKNOWN ? UNKNOWN : all;
    }
    return all;
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

void profile__sliced_begin(struct profile__sliced *s, const struct profile_node *n)
{
    memset(s->counts, 0, sizeof *s->counts * n->n_all);
    s->last = -1;
    s->undecided = s->outside = false;
}

static void in_none(struct profile__pass *x, const struct profile_node *n, struct validate__place *at,
                    struct profile__sliced *s)
{
    s->outside = true;
    if (n->slicing && n->slicing->rules == STRUCTURE_CLOSED && !s->undecided)
        profile__find(x, at, ISSUE_ERROR, "structure", NULL,
                      "%s: this item is in none of the slices, and no others are allowed", n->id);
}

static void in_two(struct profile__pass *x, const struct profile_node *n, struct validate__place *at,
                   const struct profile_node *one, const struct profile_node *other)
{
    profile__find(x, at, ISSUE_ERROR, "structure", NULL, "%s: this item is in more than one slice: %s, %s",
                  n->id, one->slice, other->slice);
}

static void order(struct profile__pass *x, const struct profile_node *n, const struct profile_node *slice,
                  struct validate__place *at, struct profile__sliced *s)
{
    if (n->slicing->ordered && slice->ordinal < s->last)
        profile__find(x, at, ISSUE_ERROR, "structure", NULL, "%s: the slices have an order: %s comes earlier",
                      n->id, slice->slice);
    if (n->slicing->rules == STRUCTURE_OPEN_AT_END && s->outside)
        profile__find(x, at, ISSUE_ERROR, "structure", NULL,
                      "%s: items in no slice come last: %s comes earlier", n->id, slice->slice);
    s->last = slice->ordinal;
}

void profile__sliced_item(struct profile__pass *x, const struct profile_node *n, struct validate__place *at,
                          struct profile__sliced *s)
{
    const struct profile_node *in = NULL;
    bool undecided = !n->slicing;
    for (size_t i = 0; i < n->n_slices; i++) {
        const struct profile_node *slice = n->slices[i];
        if (strcmp(slice->slice, "@default") == 0)
            continue;
        enum answer a = in_slice(x, slice, at);
        undecided |= a == UNKNOWN;
        if (a == YES && in)
            in_two(x, n, at, in, slice);
        else if (a == YES)
            in = slice;
    }
    s->undecided |= undecided && !in;
    if (!in) {
        if (!undecided)
            in_none(x, n, at, s);
        return;
    }
    if (!n->slice)
        order(x, n, in, at, s);
    s->counts[in->ordinal]++;
    if (!in->value_idle)
        profile__value(x, in, at);
    if (in->n_slices)
        profile__sliced_item(x, in, at, s);
}

/* A re-slice is asked for only where its slice is. */
static void counts(struct profile__pass *x, const struct profile_node *n, struct validate__place *up,
                   const struct profile__sliced *s)
{
    for (size_t i = 0; i < n->n_slices; i++) {
        const struct profile_node *slice = n->slices[i];
        size_t count = s->counts[slice->ordinal];
        if (count < slice->min && !s->undecided)
            profile__find(x, up, ISSUE_ERROR, "required", NULL, "%s: at least %u required, but %zu found",
                          slice->id, (unsigned)slice->min, count);
        if (count > slice->max)
            profile__find(x, up, ISSUE_ERROR, "structure", NULL, "%s: at most %u allowed, but %zu found",
                          slice->id, (unsigned)slice->max, count);
        if (count)
            counts(x, slice, up, s);
    }
}

void profile__sliced_end(struct profile__pass *x, const struct profile_node *n, struct validate__place *up,
                         const struct profile__sliced *s)
{
    counts(x, n, up, s);
}
