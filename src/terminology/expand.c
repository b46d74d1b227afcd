/*
 * All codes of a value set. Each include offers candidates, the fewest that its rule allows (its list, what lies below a
 * code, the whole system, what another set has); each candidate is then asked what membership asks (member.c), so that
 * both always agree.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "internal.h"

struct expander {
    struct terminology__ask ask;
    struct arena *a;
    const struct terminology_options *o;
    const struct terminology_valueset *set;
    struct str filter; /* folded; s NULL: none */
    struct terminology_concept *items;
    size_t n, cap;
    uint32_t *slots; /* what is in items already, by code: index + 1 */
    size_t size;
    bool part;            /* each code comes once: only those that are needed are kept */
    size_t total;         /* of them, with those that were not kept */
    struct arena scratch; /* of one concept */
    struct err *err;
};

static bool expand(const struct terminology__ask *ask, struct arena *a, const struct terminology_valueset *s,
                   const struct terminology_options *o, struct terminology_expansion *out, struct err *err);

/* ---- what has been found ---------------------------------------------------------------------------------- */

static void grow(struct expander *x)
{
    x->size = x->size ? x->size * 2 : 64;
    x->slots = ARENA_ARRAY(x->a, uint32_t, x->size);
    for (size_t i = 0; i < x->n; i++) {
        size_t at = terminology__hash(str_of(x->items[i].code));
        while (x->slots[at & (x->size - 1)])
            at++;
        x->slots[at & (x->size - 1)] = (uint32_t)i + 1;
    }
}

/* Where it is to be noted; NULL: it is there already. */
static uint32_t *place(struct expander *x, const struct terminology_concept *c)
{
    if (x->n * 2 >= x->size)
        grow(x);
    for (size_t at = terminology__hash(str_of(c->code));; at++) {
        uint32_t *slot = &x->slots[at & (x->size - 1)];
        if (!*slot)
            return slot;
        const struct terminology_concept *is = &x->items[*slot - 1];
        if (strcmp(is->code, c->code) == 0 && strcmp(is->system, c->system) == 0)
            return NULL;
    }
}

static bool has_text(struct expander *x, const char *text)
{
    struct str folded = utf8_fold(&x->scratch, str_of(text ? text : ""), 4000);
    bool has = folded.len && memmem(folded.s, folded.len, x->filter.s, x->filter.len);
    arena_clear(&x->scratch);
    return has;
}

static bool too_many(const struct terminology_valueset *s, size_t max, struct err *err)
{
    return err_set(err, ERR_TOO_COSTLY, "The value set %.200s has more than %zu codes", s->url ? s->url : "",
                   max);
}

static bool add(struct expander *x, const struct terminology_concept *c)
{
    if ((x->o->active_only || x->set->drops_inactive) && c->inactive)
        return true;
    for (size_t i = 0; i < x->o->n_without; i++)
        if (str_is(x->o->without[i], c->system))
            return true;
    if (x->filter.s && !has_text(x, c->display) && !has_text(x, c->code))
        return true;
    if (x->part) {
        size_t at = x->total++;
        if (at >= x->o->offset && at - x->o->offset < x->o->count)
            *ARENA_PUSH(x->a, x->items, x->n, x->cap) = *c;
        return true;
    }
    uint32_t *slot = place(x, c);
    if (!slot)
        return true;
    x->total++;
    if (x->o->max && x->n == x->o->max)
        return too_many(x->set, x->o->max, x->err);
    *ARENA_PUSH(x->a, x->items, x->n, x->cap) = *c;
    *slot = (uint32_t)x->n;
    return true;
}

/* What rule and set ask beside the list that c is from. */
static bool consider(struct expander *x, struct terminology__rule *r, struct terminology_concept *c)
{
    enum terminology_answer in = terminology__rule_passes(&x->ask, r, c->in, c->at, c->system, c->code);
    if (in == TERMINOLOGY_YES && x->set->exclude.n) {
        enum terminology_answer out =
            terminology__rules_have(&x->ask, &x->set->exclude, c->system, c->code, NULL);
        in = out == TERMINOLOGY_UNKNOWN ? out : out == TERMINOLOGY_YES ? TERMINOLOGY_NO : in;
    }
    return in == TERMINOLOGY_UNKNOWN ? false : in == TERMINOLOGY_NO || add(x, c);
}

/* ---- candidates ------------------------------------------------------------------------------------------- */

static void describe(struct terminology_concept *c)
{
    if (!c->in)
        return;
    c->display = c->display ? c->display : terminology_display(c->in, c->at);
    c->inactive = terminology_is_inactive(c->in, c->at);
    c->abstract = terminology_is_abstract(c->in, c->at);
}

static bool from_list(struct expander *x, struct terminology__rule *r)
{
    const struct terminology_system *in = terminology__rule_system(&x->ask, r);
    for (uint32_t i = 0; i < r->n_members; i++) {
        struct terminology_concept c = {
            .system = r->system, .code = r->members[i].code, .display = r->members[i].display};
        if (in && terminology_find(in, str_of(c.code), &c.at))
            c.in = in;
        describe(&c);
        if (!consider(x, r, &c))
            return false;
    }
    return true;
}

static bool from_concept(struct expander *x, struct terminology__rule *r, const struct terminology_system *s,
                         uint32_t at)
{
    struct terminology_concept c = {.system = r->system, .code = terminology_code(s, at), .in = s, .at = at};
    describe(&c);
    return consider(x, r, &c);
}

/* A filter whose concepts are known without looking at all; NULL: there is none. */
static const struct terminology__filter *narrowing(struct terminology__rule *r)
{
    for (size_t i = 0; i < r->n_filters; i++) {
        enum terminology__op op = r->filters[i].op;
        if (op == TERMINOLOGY__IS_A || op == TERMINOLOGY__DESCENDENT_OF || op == TERMINOLOGY__GENERALIZES)
            return &r->filters[i];
    }
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool from_system(struct expander *x, struct terminology__rule *r)
{
    const struct terminology_system *s = terminology__rule_system(&x->ask, r);
    const struct terminology__filter *narrow = narrowing(r);
    uint32_t at, *list;
    size_t n;
    if (!s && terminology__by_grammar(r->system))
        return err_set(
            x->err, ERR_TOO_COSTLY,
            "The value set %.150s has all codes of %.150s, which a grammar makes: they cannot be listed",
            x->set->url ? x->set->url : "", r->system);
    for (size_t i = 0; !s && i < x->o->n_versions; i++)
        if (x->o->versions[i].what == TERMINOLOGY_CHECK && str_is(x->o->versions[i].system, r->system))
            return err_set(
                x->err, ERR_RULE,
                "The value set %.150s means another version of %.150s than the one that it is to be",
                x->set->url ? x->set->url : "", r->system);
    if (!s)
        return err_set(
            x->err, ERR_UNSUPPORTED,
            "The value set %.150s has codes of %.150s%s%.60s, and that code system is not known here: "
            "store it as a CodeSystem",
            x->set->url ? x->set->url : "", r->system, r->version ? "|" : "", r->version ? r->version : "");
    if (s->content != TERMINOLOGY_COMPLETE)
        return err_set(x->err, ERR_UNSUPPORTED,
                       "The value set %.150s has codes of %.150s, of which only a part is known here",
                       x->set->url ? x->set->url : "", r->system);
    if (narrow && terminology_find(s, str_of(narrow->value), &at)) {
        terminology_related(s, x->a, at, narrow->op == TERMINOLOGY__GENERALIZES, &list, &n);
        qsort(list, n, sizeof *list, by_number);
        for (size_t i = 0; i < n; i++)
            if (!from_concept(x, r, s, list[i]))
                return false;
        return true;
    }
    for (uint32_t i = 0; i < s->n; i++)
        if (!from_concept(x, r, s, i))
            return false;
    return true;
}

static bool from_valueset(struct expander *x, struct terminology__rule *r)
{
    const struct terminology_valueset *first;
    const struct terminology_options all = {
        .max = x->o->max, .versions = x->o->versions, .n_versions = x->o->n_versions};
    struct terminology_expansion e;
    if (!terminology_valueset(x->ask.v, str_of(r->valuesets[0]), &first, x->err) ||
        !expand(&x->ask, x->a, first, &all, &e, x->err))
        return false;
    const struct terminology_system *in = r->system ? terminology__rule_system(&x->ask, r) : NULL;
    for (size_t i = 0; i < e.n; i++) {
        struct terminology_concept c = e.concepts[i];
        if (r->system && (strcmp(r->system, c.system) != 0 || (in && !c.in)))
            continue;
        if (!consider(x, r, &c))
            return false;
    }
    return true;
}

static bool from_rule(struct expander *x, struct terminology__rule *r)
{
    if (r->slots)
        return from_list(x, r);
    if (r->system && (r->n_filters || !r->n_valuesets))
        return from_system(x, r);
    return from_valueset(x, r);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

/* One include of a code system brings no code twice. */
static bool once(const struct expander *x, const struct terminology__rules *rules)
{
    const struct terminology__rule *r = rules->items;
    return x->o->count && rules->n == 1 && r->system && !r->slots && (r->n_filters || !r->n_valuesets);
}

static bool from_rules(struct expander *x, const struct terminology__rules *rules,
                       struct terminology_expansion *out)
{
    x->n = x->size = x->total = 0;
    x->part = once(x, rules);
    for (size_t i = 0; i < rules->n; i++)
        if (!from_rule(x, &rules->items[i]))
            return false;
    *out = (struct terminology_expansion){
        .concepts = x->items, .n = x->n, .first = x->part ? x->o->offset : 0, .total = x->total};
    return true;
}

static bool by_rules(struct expander *x, const struct terminology_valueset *s,
                     struct terminology_expansion *out, struct err *err)
{
    struct err *why = ARENA_NEW(x->a, struct err), *told = x->err;
    const struct terminology_valueset bare = {.url = s->url};
    x->ask.err = x->err = why;
    if (s->composed && from_rules(x, &s->include, out))
        return true;
    if (s->composed && (why->kind == ERR_TOO_COSTLY || !s->whole)) {
        *err = *why;
        return false;
    }
    x->set = &bare;
    x->err = told;
    if (!s->whole)
        return err_set(err, ERR_UNSUPPORTED, "The value set %.200s has neither rules nor a whole expansion",
                       s->url ? s->url : "");
    if (!from_rules(x, &s->expansion, out))
        return false;
    out->stored = true;
    return true;
}

static void release(void *arena)
{
    arena_release(arena);
}

static bool expand(const struct terminology__ask *ask, struct arena *a, const struct terminology_valueset *s,
                   const struct terminology_options *o, struct terminology_expansion *out, struct err *err)
{
    struct terminology__path path;
    struct expander *x = ARENA_NEW(a, struct expander);
    *x = (struct expander){.a = a, .o = o, .set = s, .err = err};
    if (!terminology__enter(ask, s, &path, &x->ask))
        return err_set(err, ERR_UNSUPPORTED, "The value set %.200s imports itself", s->url ? s->url : "");
    arena_init(&x->scratch, 0);
    arena_cleanup(a, release, &x->scratch); /* when a runs out */
    x->ask.options = o;
    if (o->filter.s)
        x->filter = utf8_fold(a, o->filter, 4000);
    bool ok = by_rules(x, s, out, err);
    arena_release(&x->scratch);
    return ok;
}

/* Not one that a request has brought along. */
static bool is_of(const struct conformance_view *v, const struct terminology_valueset *s)
{
    return s->url && terminology__view_valueset_version(v, s->url, s->version) == s;
}

bool terminology_expand(const struct conformance_view *v, struct arena *a,
                        const struct terminology_valueset *s, const struct terminology_options *o,
                        struct terminology_expansion *out, struct err *err)
{
    const struct terminology__ask ask = {.v = v};
    bool plain = !o->filter.s && !o->active_only && !o->n_versions && !o->n_without && is_of(v, s);
    if (plain && terminology__cache_find(v, s, out))
        return !o->max || out->n <= o->max || too_many(s, o->max, err);
    if (!expand(&ask, a, s, o, out, err))
        return false;
    if (plain && out->n == out->total)
        terminology__cache_keep(v, s, out);
    return true;
}
