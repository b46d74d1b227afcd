/*
 * Is a code in a value set? Asked of the rules themselves, so that no set has to be expanded for it: two or three
 * probes of hash tables for the sets that bindings name.
 *
 * Answers have three values, as some rules name what is not known here: «no» of one include and «unknown» of another
 * are «unknown», «yes» of one is «yes».
 */
#include <stdarg.h>
#include <stdio.h>

#include "fhir/ucum.h"
#include "internal.h"

enum terminology_answer terminology__dunno(const struct terminology__ask *ask, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    if (ask->err) {
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        err_set(ask->err, ERR_UNSUPPORTED, "%s", text);
    }
    return TERMINOLOGY_UNKNOWN;
}

bool terminology__enter(const struct terminology__ask *up, const struct terminology_valueset *s,
                        struct terminology__path *path, struct terminology__ask *down)
{
    int depth = 0;
    for (const struct terminology__path *p = up->path; p; p = p->up)
        if (p->set == s || ++depth == TERMINOLOGY__DEPTH)
            return false;
    *path = (struct terminology__path){s, up->path};
    *down = *up;
    down->path = path;
    return true;
}

/* ---- codes ------------------------------------------------------------------------------------------------ */

#define UCUM "http://unitsofmeasure.org"

bool terminology__by_grammar(const char *system)
{
    static const char *const grammars[] = {UCUM, "urn:ietf:bcp:13", "urn:ietf:bcp:47"};
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++)
        if (strcmp(grammars[i], system) == 0)
            return true;
    return false;
}

static enum terminology_answer unit_is_one(const struct conformance_view *v, struct str code)
{
    struct arena scratch;
    struct ucum_unit unit;
    arena_init(&scratch, 0);
    bool known = ucum_parse(fhir_ucum(conformance_defs(v)), &scratch, code, &unit);
    arena_release(&scratch);
    return known ? TERMINOLOGY_YES : TERMINOLOGY_NO;
}

static enum terminology_answer system_has(const struct terminology_system *s, struct str code, uint32_t *at)
{
    if (terminology_find(s, code, at))
        return TERMINOLOGY_YES;
    return s->content == TERMINOLOGY_COMPLETE ? TERMINOLOGY_NO : TERMINOLOGY_UNKNOWN;
}

enum terminology_answer terminology_has_code(const struct conformance_view *v, struct str system,
                                             struct str code, const struct terminology_system **in,
                                             uint32_t *at)
{
    const struct terminology_system *s = terminology_system(v, system);
    uint32_t found;
    if (in)
        *in = s;
    if (s)
        return system_has(s, code, at ? at : &found);
    return str_is(system, UCUM) ? unit_is_one(v, code) : terminology__by_form(system, code);
}

int terminology_subsumes(const void *view, const char *system, const char *a, const char *b)
{
    const struct terminology_system *s = terminology_system(view, str_of(system));
    uint32_t x, y;
    if (!s || !terminology_find(s, str_of(a), &x) || !terminology_find(s, str_of(b), &y))
        return TERMINOLOGY_UNKNOWN;
    return terminology_is_a(s, x, y) ? TERMINOLOGY_YES : TERMINOLOGY_NO;
}

/* ---- rules ------------------------------------------------------------------------------------------------ */

static enum terminology_answer both(enum terminology_answer x, enum terminology_answer y)
{
    return x == TERMINOLOGY_NO || y == TERMINOLOGY_NO ? TERMINOLOGY_NO : x == TERMINOLOGY_YES ? y : x;
}

static enum terminology_answer imported_has(const struct terminology__ask *ask, const char *canonical,
                                            const char *system, const char *code, const char **of)
{
    const struct terminology_valueset *s = terminology__view_valueset(ask->v, canonical);
    return s ? terminology__set_has(ask, s, system, code, of)
             : terminology__dunno(ask, "the value set %.200s is not known here", canonical);
}

enum terminology_answer terminology__rule_passes(const struct terminology__ask *ask,
                                                 struct terminology__rule *r,
                                                 const struct terminology_system *s, uint32_t at,
                                                 const char *system, const char *code)
{
    enum terminology_answer all = TERMINOLOGY_YES;
    for (size_t i = 0; s && all != TERMINOLOGY_NO && i < r->n_filters; i++)
        all = both(all, terminology__filter_has(ask, &r->filters[i], s, at));
    for (size_t i = 0; all != TERMINOLOGY_NO && i < r->n_valuesets; i++)
        all = both(all, imported_has(ask, r->valuesets[i], system, code, NULL));
    return all;
}

static const struct terminology_system *of_version(const struct terminology__ask *ask,
                                                   const struct terminology__rule *r)
{
    struct str version = str_of(r->version);
    const struct terminology_options *o = ask->options;
    for (size_t i = 0; o && i < o->n_versions; i++)
        if (str_is(o->versions[i].system, r->system) &&
            (o->versions[i].what == TERMINOLOGY_FORCE ||
             (o->versions[i].what == TERMINOLOGY_DEFAULT && !version.s)))
            version = o->versions[i].version;
    const struct terminology_system *s =
        terminology__view_system(ask->v, r->system, version.s ? version.s : NULL);
    for (size_t i = 0; s && o && i < o->n_versions; i++)
        if (o->versions[i].what == TERMINOLOGY_CHECK && str_is(o->versions[i].system, r->system) &&
            !(s->version && str_is(o->versions[i].version, s->version)))
            return NULL;
    return s;
}

/* Bindings ask the definitions for the same again and again. */
const struct terminology_system *terminology__rule_system(const struct terminology__ask *ask,
                                                          struct terminology__rule *r)
{
    if (!conformance_is_definitions(ask->v) || (ask->options && ask->options->n_versions))
        return of_version(ask, r);
    const struct terminology_system *s = atomic_load_explicit(&r->found, memory_order_acquire);
    if (!s) {
        s = terminology__view_system(ask->v, r->system, r->version);
        atomic_store_explicit(&r->found, s, memory_order_release);
    }
    return s;
}

/* A whole code system, or what filters leave of it. */
static enum terminology_answer found_in_system(const struct terminology__ask *ask,
                                               struct terminology__rule *r, const char *code)
{
    const struct terminology_system *s = terminology__rule_system(ask, r);
    uint32_t at;
    if (!s) {
        if (r->n_filters == 0 && r->n_valuesets) /* they know the codes */
            return terminology__rule_passes(ask, r, NULL, 0, r->system, code);
        if (r->n_filters == 0 && strcmp(r->system, UCUM) == 0)
            return unit_is_one(ask->v, str_of(code));
        if (terminology__by_form(str_of(r->system), str_of(code)) == TERMINOLOGY_NO)
            return TERMINOLOGY_NO;
        return terminology__dunno(ask, "the code system %.200s is not known here", r->system);
    }
    enum terminology_answer in = system_has(s, str_of(code), &at);
    if (in != TERMINOLOGY_YES)
        return in;
    return ask->concrete && terminology_is_abstract(s, at)
               ? TERMINOLOGY_NO
               : terminology__rule_passes(ask, r, s, at, r->system, code);
}

enum terminology_answer terminology__rule_has(const struct terminology__ask *ask, struct terminology__rule *r,
                                              const char *system, const char *code, const char **of)
{
    if (!r->system) { /* every one of its value sets has to have it; the first says of what system it is */
        const char *is = system;
        enum terminology_answer first = imported_has(ask, r->valuesets[0], system, code, &is);
        if (of)
            *of = is;
        for (size_t i = 1; first != TERMINOLOGY_NO && i < r->n_valuesets; i++)
            first = both(first, imported_has(ask, r->valuesets[i], is, code, NULL));
        return first;
    }
    if (system && strcmp(system, r->system) != 0)
        return TERMINOLOGY_NO;
    if (of)
        *of = r->system;
    if (!r->slots)
        return found_in_system(ask, r, code);
    return terminology__rule_member(r, str_of(code))
               ? terminology__rule_passes(ask, r, NULL, 0, r->system, code)
               : TERMINOLOGY_NO;
}

enum terminology_answer terminology__rules_have(const struct terminology__ask *ask,
                                                const struct terminology__rules *rules, const char *system,
                                                const char *code, const char **of)
{
    enum terminology_answer any = TERMINOLOGY_NO;
    const char *is = NULL;
    for (size_t i = 0; any != TERMINOLOGY_YES && i < rules->n; i++) {
        enum terminology_answer one = terminology__rule_has(ask, &rules->items[i], system, code, &is);
        any = one == TERMINOLOGY_NO ? any : one;
    }
    if (of && any == TERMINOLOGY_YES)
        *of = is;
    return any;
}

/* compose.inactive = false leaves out what its code system says is no longer in use. */
static bool is_dropped(const struct terminology__ask *ask, const struct terminology_valueset *s,
                       const char *system, const char *code)
{
    const struct terminology_system *in =
        s->drops_inactive && system ? terminology__view_system(ask->v, system, NULL) : NULL;
    uint32_t at;
    return in && terminology_find(in, str_of(code), &at) && terminology_is_inactive(in, at);
}

static enum terminology_answer composed(const struct terminology__ask *ask,
                                        const struct terminology_valueset *s, const char *system,
                                        const char *code, const char **of)
{
    const char *is = system;
    enum terminology_answer in = terminology__rules_have(ask, &s->include, system, code, &is);
    if (in != TERMINOLOGY_NO && s->exclude.n) {
        enum terminology_answer out = terminology__rules_have(ask, &s->exclude, is, code, NULL);
        in = out == TERMINOLOGY_YES ? TERMINOLOGY_NO : out == TERMINOLOGY_UNKNOWN ? out : in;
    }
    if (in == TERMINOLOGY_YES && is_dropped(ask, s, is, code))
        return TERMINOLOGY_NO;
    if (of)
        *of = is;
    return in;
}

enum terminology_answer terminology__set_has(const struct terminology__ask *ask,
                                             const struct terminology_valueset *s, const char *system,
                                             const char *code, const char **of)
{
    struct terminology__path path;
    struct terminology__ask down;
    if (!terminology__enter(ask, s, &path, &down))
        return terminology__dunno(ask, "the value set %.200s imports itself", s->url ? s->url : "");
    enum terminology_answer in =
        s->composed ? composed(&down, s, system, code, of)
                    : terminology__dunno(ask, "the value set %.200s has no rules", s->url ? s->url : "");
    if (in != TERMINOLOGY_UNKNOWN || !s->expansion.n)
        return in;
    enum terminology_answer stored = terminology__rules_have(&down, &s->expansion, system, code, of);
    return stored == TERMINOLOGY_NO && !s->whole ? in : stored;
}

/* ---- what others ask -------------------------------------------------------------------------------------- */

enum terminology_answer terminology_has(const struct conformance_view *v,
                                        const struct terminology_valueset *s, const char *system,
                                        const char *code)
{
    const struct terminology__ask ask = {.v = v, .concrete = true};
    return terminology__set_has(&ask, s, system, code, NULL);
}

enum terminology_answer terminology_decide(const struct conformance_view *v,
                                           const struct terminology_valueset *s, const char *system,
                                           const char *code, bool abstract, struct err *why)
{
    const struct terminology__ask ask = {.v = v, .concrete = !abstract, .err = why};
    return terminology__set_has(&ask, s, system, code, NULL);
}

int terminology_member(const void *view, const char *canonical, const char *system, const char *code)
{
    const struct terminology_valueset *s = terminology__view_valueset(view, canonical);
    return s ? terminology_has(view, s, system, code) : TERMINOLOGY_UNKNOWN;
}

const char *terminology_implied_system(const struct conformance_view *v, const struct terminology_valueset *s,
                                       const char *code)
{
    const struct terminology__ask ask = {.v = v, .concrete = true};
    const char *first = NULL;
    for (size_t i = 0; i < s->include.n; i++) {
        const char *is = NULL;
        if (terminology__rule_has(&ask, &s->include.items[i], NULL, code, &is) != TERMINOLOGY_YES || !is)
            continue;
        if (first && strcmp(first, is) != 0)
            return NULL;
        first = is;
    }
    return first && terminology_has(v, s, first, code) == TERMINOLOGY_YES ? first : NULL;
}
