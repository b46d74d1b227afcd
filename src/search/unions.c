/*
 * Parameters that are the union of others of their type, by the text of their expressions: combo-code is
 * "(Observation.code) | (Observation.component.code)". They need no rows of their own.
 */
#include "internal.h"

#define BRANCHES_MAX 16

struct branches {
    struct str items[BRANCHES_MAX];
    int n;
};

static struct str bare(struct str s)
{
    s = str_trim(s);
    while (s.len > 1 && s.s[0] == '(' && s.s[s.len - 1] == ')')
        s = str_trim((struct str){s.s + 1, s.len - 2});
    return s;
}

/* False: more than there is room for, or none. */
static bool split(const struct search_param *p, struct branches *out)
{
    out->n = 0;
    for (struct str rest = str_of(p->def->expression); rest.s;) {
        if (out->n == BRANCHES_MAX)
            return false;
        out->items[out->n++] = bare(str_cut(rest, '|', &rest));
    }
    return out->n > 0;
}

static int find(const struct branches *b, struct str branch)
{
    for (int i = 0; i < b->n; i++)
        if (str_eq(b->items[i], branch))
            return i;
    return -1;
}

/* The branches of p that q has, as bits; 0 when q has others too, or all. */
static unsigned covered(const struct branches *p, const struct branches *q)
{
    unsigned bits = 0;
    for (int i = 0; i < q->n; i++) {
        int at = find(p, q->items[i]);
        if (at < 0)
            return 0;
        bits |= 1u << at;
    }
    return bits == (1u << p->n) - 1 ? 0 : bits;
}

static bool same_components(const struct fhir_search_param *p, const struct fhir_search_param *q)
{
    for (int i = 0; i < p->n_components && i < q->n_components; i++)
        if (strcmp(p->components[i].expression, q->components[i].expression) != 0)
            return false;
    return p->n_components == q->n_components;
}

static bool may_be_part(const struct search__slot *whole, const struct search__slot *part)
{
    const struct search_param *p = whole->param, *q = part->param;
    return p != q && p->expr && q->expr && !q->custom && p->def->type == q->def->type && p->fold == q->fold &&
           p->plain == q->plain && same_components(p->def, q->def);
}

static void find_parts(struct arena *a, struct search__type *t, struct search__slot *whole)
{
    const struct search__slot *parts[BRANCHES_MAX];
    struct branches p, q;
    unsigned all = 0;
    int n = 0;
    if (!whole->param->expr || !split(whole->param, &p) || p.n < 2)
        return;
    for (int i = 0; i < t->n && n < BRANCHES_MAX; i++) {
        unsigned bits =
            may_be_part(whole, &t->slots[i]) && split(t->slots[i].param, &q) ? covered(&p, &q) : 0;
        if (bits & ~all) {
            parts[n++] = &t->slots[i];
            all |= bits;
        }
    }
    if (all != (1u << p.n) - 1)
        return;
    whole->parts = ARENA_ARRAY(a, const struct search__slot *, n);
    memcpy(whole->parts, parts, sizeof *parts * (size_t)n);
    whole->n_parts = n;
}

/* References keep rows of their own: chains and compartments go by the parameter's own constant. */
void search__find_unions(struct arena *a, struct search__type *t)
{
    for (int i = 0; i < t->n; i++) {
        if (t->slots[i].param->def->type != FHIR_SEARCH_REFERENCE)
            find_parts(a, t, &t->slots[i]);
    }
}
