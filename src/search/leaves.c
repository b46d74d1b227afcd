/*
 * The types in which a search expression ends, found from its text. Search expressions are unions of paths with
 * as, ofType, where, extension and indexes; that is all this knows. The FHIRPath engine evaluates them; what it
 * does not tell is what they could yield, and that decides how a query's text is to be read: whether case
 * matters, whether a code has a system, whether a value can be a lane.
 */
#include <ctype.h>

#include "internal.h"

struct scan {
    struct arena *a;
    const struct fhir_defs *d;
    const struct fhir_type *context;
    const char *p, *end;
    bool known;
    const struct fhir_type *target;
    struct search__leaves *out; /* its roots are collected on the way */
};

/* What a path has come to so far. */
struct front {
    struct search__leaf *items;
    size_t n, cap;
    bool single;
};

static void push(struct scan *s, struct front *f, const struct fhir_type *type,
                 const struct fhir_element *element)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].type == type)
            return;
    if (type)
        *ARENA_PUSH(s->a, f->items, f->n, f->cap) = (struct search__leaf){type, element};
    else
        s->known = false;
}

static void only(struct scan *s, struct front *f, struct str name)
{
    const struct fhir_element *element = f->n ? f->items[0].element : NULL;
    f->n = 0;
    push(s, f, fhir_type(s->d, arena_strndup(s->a, name.s, name.len)), element);
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && isspace((unsigned char)*s->p))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    skip_space(s);
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static struct str word(struct scan *s)
{
    skip_space(s);
    const char *start = s->p;
    while (s->p < s->end && (isalnum((unsigned char)*s->p) || strchr("_%`", *s->p)))
        s->p++;
    return (struct str){start, (size_t)(s->p - start)};
}

/* Up to the closer of what has just been opened; strings are skipped whole. */
static struct str until_closed(struct scan *s)
{
    const char *start = s->p;
    int depth = 1;
    for (bool quoted = false; s->p < s->end; s->p++) {
        char c = *s->p;
        if (c == '\'')
            quoted = !quoted;
        else if (!quoted && (c == '(' || c == '['))
            depth++;
        else if (!quoted && (c == ')' || c == ']') && --depth == 0)
            break;
    }
    struct str inside = {start, (size_t)(s->p - start)};
    if (s->p < s->end)
        s->p++;
    return inside;
}

static void step_element(struct scan *s, struct front *f, struct str name)
{
    struct front next = {.single = f->single};
    const char *n = arena_strndup(s->a, name.s, name.len);
    for (size_t i = 0; i < f->n; i++) {
        const struct fhir_element *e = fhir_element_by_name(f->items[i].type, n);
        if (!e)
            continue;
        if (e->max > 1)
            next.single = false;
        for (int t = 0; t < e->n_types; t++)
            push(s, &next, e->types[t].type, e);
    }
    if (!next.n)
        s->known = false;
    *f = next;
}

static void step_function(struct scan *s, struct front *f, struct str name, struct str args)
{
    if (str_is(name, "as") || str_is(name, "ofType")) {
        only(s, f, str_trim(args));
    } else if (str_is(name, "where")) {
        struct str is = STR("resolve() is "), condition = str_trim(args);
        if (str_starts(condition, is))
            s->target = fhir_type(s->d, arena_strndup(s->a, condition.s + is.len, condition.len - is.len));
    } else if (str_is(name, "extension")) {
        f->n = 0;
        f->single = false;
        push(s, f, fhir_type(s->d, "Extension"), NULL);
        s->known = false;
    } else if (!str_is(name, "first")) {
        s->known = false;
    }
}

static void expression(struct scan *s, struct front *f);

/* The name after the dot at hand, which is left there. */
static struct str next_word(const struct scan *s)
{
    struct scan ahead = *s;
    return take(&ahead, '.') ? word(&ahead) : STR("");
}

static void add_root(struct scan *s, struct str name)
{
    const char *n = arena_strndup(s->a, name.s, name.len);
    if (fhir_element_by_name(s->context, n))
        *ARENA_PUSH(s->a, s->out->roots, s->out->n_roots, s->out->cap_roots) = n;
    else
        s->out->rooted = false;
}

static void path(struct scan *s, struct front *f)
{
    if (take(s, '(')) {
        expression(s, f);
        if (!take(s, ')'))
            s->known = false;
    } else {
        struct str name = word(s);
        push(s, f, s->context, NULL);
        const struct fhir_type *type = fhir_type(s->d, arena_strndup(s->a, name.s, name.len));
        bool named = type && fhir_is_a(s->context, type);
        if (!named)
            step_element(s, f, name);
        add_root(s, named ? next_word(s) : name);
    }
    for (;;) {
        if (take(s, '[')) {
            until_closed(s);
        } else if (take(s, '.')) {
            struct str name = word(s);
            if (take(s, '('))
                step_function(s, f, name, until_closed(s));
            else
                step_element(s, f, name);
        } else {
            return;
        }
    }
}

/* A path, perhaps cast; anything else is taken for a condition. */
static void operand(struct scan *s, struct front *f)
{
    path(s, f);
    skip_space(s);
    if (s->p >= s->end || *s->p == ')' || *s->p == '|')
        return;
    struct str op = word(s);
    if (str_is(op, "as")) {
        only(s, f, word(s));
        return;
    }
    s->p = s->end;
    f->single = true;
    s->known = true;
    s->out->rooted = false;
    only(s, f, STR("boolean"));
}

static void expression(struct scan *s, struct front *f)
{
    f->single = true;
    const struct fhir_type *target = NULL;
    bool first = true, same_target = true;
    do {
        struct front branch = {.single = true};
        s->target = NULL;
        operand(s, &branch);
        same_target = same_target && (first || target == s->target);
        target = s->target;
        if (!branch.single || (f->n && branch.n && f->items[0].element != branch.items[0].element))
            f->single = false;
        for (size_t i = 0; i < branch.n; i++)
            push(s, f, branch.items[i].type, branch.items[i].element);
        first = false;
    } while (take(s, '|'));
    s->target = same_target ? target : NULL;
}

bool search__leaves(struct arena *a, const struct fhir_defs *d, const struct fhir_type *context,
                    const char *text, struct search__leaves *out)
{
    struct scan s = {
        .a = a, .d = d, .context = context, .p = text, .end = text + strlen(text), .known = true, .out = out};
    struct front f = {0};
    *out = (struct search__leaves){.rooted = true};
    expression(&s, &f);
    out->items = f.items;
    out->n = f.n;
    out->cap = f.cap;
    out->single = f.single;
    out->known = s.known && s.p == s.end;
    out->target = s.target;
    return out->known;
}
