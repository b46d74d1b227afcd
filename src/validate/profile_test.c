/*
 * By what the items of a sliced element are told apart (profiling.html#discriminator): for each discriminator of the
 * element, what each slice says at the end of its path. A slice that says nothing there is told by its other
 * discriminators alone.
 */
#include "profile.h"

#define EXTENSION_URL "url"

static const struct structure_by by_url = {STRUCTURE_VALUE, EXTENSION_URL},
                                 by_type = {STRUCTURE_TYPE, "$this"};
static const struct structure_slicing slicing_by_url = {1, &by_url, STRUCTURE_OPEN, false},
                                      slicing_by_type = {1, &by_type, STRUCTURE_OPEN, false};

struct search {
    const struct profile__source *s;
    enum structure_discriminator by;
    struct profile_test *out;
    int depth;
};

/* ---- paths ---------------------------------------------------------------------------------------------- */

static bool argument(struct str step, const char *function, struct str *out)
{
    size_t len = strlen(function);
    if (!str_starts(step, str_of(function)) || step.len < len + 2 || step.s[len] != '(' ||
        step.s[step.len - 1] != ')')
        return false;
    *out = str_trim((struct str){step.s + len + 1, step.len - len - 2});
    if (out->len >= 2 && (out->s[0] == '\'' || out->s[0] == '"'))
        *out = (struct str){out->s + 1, out->len - 2};
    return true;
}

/* The part up to the next dot outside quotes and parentheses. */
static struct str next_step(struct str *rest)
{
    bool quoted = false;
    int open = 0;
    size_t i = 0;
    for (; i < rest->len; i++) {
        char c = rest->s[i];
        quoted ^= c == '\'';
        open += !quoted && c == '(';
        open -= !quoted && c == ')';
        if (c == '.' && !quoted && open == 0)
            break;
    }
    struct str step = {rest->s, i};
    *rest = i < rest->len ? (struct str){rest->s + i + 1, rest->len - i - 1} : (struct str){NULL, 0};
    return step;
}

/* False: not of the subset of FHIRPath that discriminators may use. */
static bool parse(struct arena *a, const char *path, struct profile_test *t)
{
    struct profile_step *steps = ARENA_ARRAY(a, struct profile_step, PROFILE__MAX_STEPS);
    struct str rest = str_trim(str_of(path)), inner;
    t->steps = steps;
    while (rest.s) {
        struct str step = str_trim(next_step(&rest));
        if (str_is(step, "$this") || step.len == 0)
            continue;
        if (t->n_steps == PROFILE__MAX_STEPS)
            return false;
        struct profile_step *out = &steps[t->n_steps++];
        if (argument(step, "extension", &inner)) {
            *out = (struct profile_step){PROFILE_EXTENSION, arena_strndup(a, inner.s, inner.len)};
        } else if (argument(step, "ofType", &inner) || argument(step, "as", &inner)) {
            *out = (struct profile_step){PROFILE_OF_TYPE, arena_strndup(a, inner.s, inner.len)};
        } else if (argument(step, "resolve", &inner)) {
            out->kind = PROFILE_RESOLVE;
        } else if (memchr(step.s, '(', step.len)) {
            return false;
        } else {
            size_t len = step.len - (str_ends(step, STR("[x]")) ? 3 : 0);
            *out = (struct profile_step){PROFILE_CHILD, arena_strndup(a, step.s, len)};
        }
    }
    return true;
}

/* ---- what a slice says there ------------------------------------------------------------------------------ */

static bool decide(struct search *x, const struct profile_node *n, const struct profile_step *steps,
                   size_t left);

static bool says(struct profile_test *t, enum profile_test_kind kind, const struct profile_node *n)
{
    t->kind = kind;
    t->node = n;
    return true;
}

static bool has_children(const struct profile_node *n)
{
    for (size_t i = 0; i < n->n_children; i++)
        if (!n->children[i]->idle)
            return true;
    return false;
}

static bool by_value(struct search *x, const struct profile_node *n)
{
    if (n->fixed)
        return says(x->out, PROFILE_EQUALS, n);
    if (n->pattern)
        return says(x->out, PROFILE_MATCHES, n);
    if (n->valueset && n->strength == FHIR_BIND_REQUIRED)
        return says(x->out, PROFILE_MEMBER, n);
    if (has_children(n))
        return says(x->out, PROFILE_LIKE, n);
    for (size_t i = 0; i < n->n_slices; i++)
        if (n->slices[i]->min > 0 && by_value(x, n->slices[i]))
            return true;
    return false;
}

static bool by_existence(struct search *x, const struct profile_node *n)
{
    if (n->element && n->max == 0)
        return says(x->out, PROFILE_ABSENT, n);
    if (n->element && n->min > 0 && !n->slice)
        return says(x->out, PROFILE_EXISTS, n);
    return false;
}

static bool by_types(struct search *x, const struct profile_node *n)
{
    return n->n_types > 0 && says(x->out, PROFILE_IS_TYPE, n);
}

static bool by_profile(struct search *x, const struct profile_node *n)
{
    size_t count = 0;
    for (size_t i = 0; i < n->n_types; i++)
        count += n->types[i].n_profiles;
    if (count == 0)
        return by_types(x, n);
    struct profile_ref *refs = ARENA_ARRAY(x->s->a, struct profile_ref, count);
    x->out->refs = refs;
    x->out->n_refs = count;
    for (size_t i = 0; i < n->n_types; i++)
        for (size_t k = 0; k < n->types[i].n_profiles; k++)
            *refs++ = n->types[i].profiles[k];
    return says(x->out, PROFILE_CONFORMS, n);
}

/* At the end of the path. */
static bool at_end(struct search *x, const struct profile_node *n)
{
    switch (x->by) {
    case STRUCTURE_VALUE:
        return by_value(x, n) || by_existence(x, n);
    case STRUCTURE_EXISTS:
        return by_existence(x, n);
    case STRUCTURE_TYPE:
        return by_types(x, n);
    case STRUCTURE_PROFILE:
        return by_profile(x, n);
    }
    return false;
}

/* The targets of a reference: by type, by profile, or what those profiles say further on. */
static bool at_reference(struct search *x, const struct profile_node *n, const struct profile_step *steps,
                         size_t left)
{
    for (size_t i = 0; i < n->n_types; i++) {
        const struct profile_type *t = &n->types[i];
        if (t->n_targets == 0)
            continue;
        if (left > 0) {
            for (size_t k = 0; k < t->n_targets; k++) {
                const struct profile *p = profile__inner(x->s->cache, t->targets[k].url);
                if (p && p->root && decide(x, p->root, steps, left))
                    return true;
            }
            continue;
        }
        x->out->refs = t->targets;
        x->out->n_refs = t->n_targets;
        return says(x->out, x->by == STRUCTURE_PROFILE ? PROFILE_CONFORMS : PROFILE_IS_TARGET, n);
    }
    return false;
}

static bool below(struct search *x, const struct profile_node *n, const struct profile_step *steps,
                  size_t left)
{
    switch (steps->kind) {
    case PROFILE_RESOLVE:
        return at_reference(x, n, steps + 1, left - 1);
    case PROFILE_OF_TYPE:
        for (size_t i = 0; i < n->n_slices; i++)
            if (n->slices[i]->n_types == 1 && strcmp(n->slices[i]->types[0].type->name, steps->name) == 0 &&
                decide(x, n->slices[i], steps + 1, left - 1))
                return true;
        return decide(x, n, steps + 1, left - 1);
    case PROFILE_EXTENSION:
        for (size_t i = 0; i < n->n_children; i++) {
            const struct profile_node *c = n->children[i];
            for (size_t k = 0; strcmp(c->element->name, "extension") == 0 && k < c->n_slices; k++) {
                const struct profile_node *s = c->slices[k];
                if (s->n_types == 1 && s->types[0].n_profiles == 1 &&
                    strcmp(s->types[0].profiles[0].url, steps->name) == 0 &&
                    decide(x, s, steps + 1, left - 1))
                    return true;
            }
        }
        return false;
    case PROFILE_CHILD:
        for (size_t i = 0; i < n->n_children; i++)
            if (strcmp(n->children[i]->element->name, steps->name) == 0)
                return decide(x, n->children[i], steps + 1, left - 1);
        return false;
    }
    return false;
}

/* n itself, its slices that every item has one of, and the profiles of its type. */
static bool decide(struct search *x, const struct profile_node *n, const struct profile_step *steps,
                   size_t left)
{
    if (x->depth == PROFILE__MAX_STEPS)
        return false;
    x->depth++;
    bool found = left ? below(x, n, steps, left) : at_end(x, n);
    for (size_t i = 0; !found && i < n->n_slices; i++)
        if (n->slices[i]->min > 0 || n->slices[i]->n_types == 1)
            found = decide(x, n->slices[i], steps, left);
    for (size_t i = 0; !found && x->by != STRUCTURE_PROFILE && i < n->n_types; i++)
        for (size_t k = 0; !found && k < n->types[i].n_profiles; k++) {
            const struct profile_ref *r = &n->types[i].profiles[k];
            const struct profile *p = profile__inner(x->s->cache, r->url);
            const struct profile_node *root = p ? profile_node_of(p, r->element) : NULL;
            found = root && decide(x, root, steps, left);
        }
    x->depth--;
    return found;
}

/* ---- slices ----------------------------------------------------------------------------------------------- */

static bool is_extension(const struct profile_node *n)
{
    return n->element && n->element->n_types == 1 &&
           strcmp(n->element->types[0].type->name, "Extension") == 0;
}

/* An extension's slice is told by the url of its definition; that need not be compiled for it. */
static bool by_definition(const struct profile_node *slice, struct profile_test *t)
{
    if (t->n_steps != 1 || t->steps[0].kind != PROFILE_CHILD ||
        strcmp(t->steps[0].name, EXTENSION_URL) != 0 || !is_extension(slice) || slice->n_types != 1 ||
        slice->types[0].n_profiles != 1)
        return false;
    t->kind = PROFILE_IS_URL;
    t->url = slice->types[0].profiles[0].url;
    return true;
}

/* What the element is sliced by; where a slice has slices of its own and nothing else is said, by the same. Elements in a
 * slice are sliced as those of the element. */
static const struct structure_slicing *slicing_of(const struct profile_node *n)
{
    if (n->slicing)
        return n->slicing;
    if (is_extension(n))
        return &slicing_by_url;
    if (n->element && n->element->choice)
        return &slicing_by_type;
    if (n->slice)
        return slicing_of(n->up);
    /* The same element outside the slice. */
    const struct profile_node *path[PROFILE__MAX_STEPS];
    size_t depth = 0;
    const struct profile_node *at = n;
    while (at && !at->slice && depth < PROFILE__MAX_STEPS) {
        path[depth++] = at;
        at = at->up;
    }
    if (!at || !at->slice)
        return NULL;
    while (at->slice)
        at = at->up;
    while (at && depth > 0) {
        const struct profile_node *next = NULL;
        depth--;
        for (size_t i = 0; i < at->n_children && !next; i++)
            if (strcmp(at->children[i]->element->name, path[depth]->element->name) == 0)
                next = at->children[i];
        at = next;
    }
    return at ? slicing_of(at) : NULL;
}

static void tests(const struct profile__source *s, const struct structure_slicing *by,
                  struct profile_node *slice, struct profile *p)
{
    slice->tests = ARENA_ARRAY(s->a, struct profile_test, by->n_by);
    for (size_t i = 0; i < by->n_by; i++) {
        struct profile_test *t = &slice->tests[slice->n_tests];
        *t = (struct profile_test){0};
        struct search x = {.s = s, .by = by->by[i].type, .out = t};
        if (!parse(s->a, by->by[i].path, t)) {
            p->doubt = (struct profile_fault){"the discriminator %s of %s is not understood", by->by[i].path,
                                              slice->id};
            continue;
        }
        slice->n_tests += by_definition(slice, t) || decide(&x, slice, t->steps, t->n_steps);
    }
}

static void all(const struct profile__source *s, struct profile_node *n, struct profile *p)
{
    if (n->n_slices > 0) {
        const struct structure_slicing *by = slicing_of(n);
        n->slicing = by;
        for (size_t i = 0; by && i < n->n_slices; i++)
            tests(s, by, n->slices[i], p);
    }
    for (size_t i = 0; i < n->n_slices; i++)
        all(s, n->slices[i], p);
    for (size_t i = 0; i < n->n_children; i++)
        all(s, n->children[i], p);
}

void profile__tests(const struct profile__source *s, struct profile *p)
{
    all(s, p->root, p);
}
