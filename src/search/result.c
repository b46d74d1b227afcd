/*
 * The parameters that shape a result and not what matches (search.html#Result): a table of names, and how each is
 * read. Those that concern the representation alone (_format, _pretty) are known here and left to others.
 */
#include "fhir/primitive.h"
#include "internal.h"

static bool refuse(struct search__parse *p, const char *name, const char *why)
{
    return err_set(p->err, ERR_INVALID, "search parameter %s: %s", name, why);
}

void search__self(struct buf *self, struct str name, struct str value)
{
    if (self->len)
        buf_addc(self, '&');
    buf_add_percent(self, name);
    buf_addc(self, '=');
    buf_add_percent(self, value);
}

static bool choose(struct str value, const char *const *choices, int *out)
{
    for (int i = 0; choices[i]; i++)
        if (str_is(value, choices[i])) {
            *out = i;
            return true;
        }
    return false;
}

bool search__parse_type(struct search__parse *p, struct str value, struct buf *self)
{
    size_t cap = 0, n = 0;
    const struct fhir_type **types = NULL;
    for (struct str rest = value; rest.s;) {
        struct str name = str_cut(rest, ',', &rest);
        const struct fhir_type *type = fhir_resource(p->registry->defs, name);
        if (!type)
            return err_set(p->err, ERR_INVALID, "search parameter _type: %.*s is no resource type",
                           STR_FMT(name));
        bool again = false;
        for (size_t i = 0; i < n; i++)
            again = again || types[i] == type;
        if (!again)
            *ARENA_PUSH(p->a, types, n, cap) = type;
    }
    p->q->types = types;
    p->q->n_types = (int)n;
    search__self(self, STR("_type"), value);
    return true;
}

static bool parse_count(struct search__parse *p, struct str value, struct buf *self)
{
    int64_t n;
    if (!str_int64(value, &n) || n < 0)
        return refuse(p, "_count", "a number of resources, 0 or more");
    const struct search_limits *l = &p->options->limits;
    p->q->count = n < l->max_count ? (int)n : l->max_count;
    if (n == 0)
        p->q->summary = SUMMARY_COUNT;
    search__self(self, STR("_count"), str_of(arena_printf(p->a, "%d", p->q->count)));
    return true;
}

static bool parse_sort(struct search__parse *p, struct str value, struct buf *self)
{
    search__self(self, STR("_sort"), value);
    return search__parse_sort(p, value);
}

static bool parse_summary(struct search__parse *p, struct str value, struct buf *self)
{
    static const char *const choices[] = {"false", "true", "text", "data", "count", NULL};
    int i;
    if (!choose(value, choices, &i))
        return refuse(p, "_summary", "true, text, data, count or false");
    p->q->summary = (enum search_summary)i;
    search__self(self, STR("_summary"), value);
    return true;
}

static bool parse_total(struct search__parse *p, struct str value, struct buf *self)
{
    static const char *const choices[] = {"none", "estimate", "accurate", NULL};
    int i;
    if (!choose(value, choices, &i))
        return refuse(p, "_total", "none, estimate or accurate");
    p->q->total = (enum search_total)(TOTAL_NONE + i);
    search__self(self, STR("_total"), value);
    return true;
}

static bool parse_elements(struct search__parse *p, struct str value, struct buf *self)
{
    size_t cap = 0;
    p->q->elements = NULL;
    p->q->n_elements = 0;
    for (struct str rest = value; rest.s;) {
        struct str name = str_trim(str_cut(rest, ',', &rest));
        if (name.len)
            *ARENA_PUSH(p->a, p->q->elements, p->q->n_elements, cap) = name;
    }
    search__self(self, STR("_elements"), value);
    return true;
}

static bool parse_cursor(struct search__parse *p, struct str value, struct buf *self)
{
    (void)self;
    p->q->cursor = value;
    return true;
}

static bool parse_explain(struct search__parse *p, struct str value, struct buf *self)
{
    p->q->explain = str_is(value, "true");
    if (!p->q->explain && !str_is(value, "false"))
        return refuse(p, "_explain", "true or false");
    search__self(self, STR("_explain"), value);
    return true;
}

static bool ignore(struct search__parse *p, struct str value, struct buf *self)
{
    (void)p, (void)value, (void)self;
    return true;
}

static bool parse_contained(struct search__parse *p, struct str value, struct buf *self)
{
    static const char *const choices[] = {"false", "true", "both", NULL};
    int i;
    if (!choose(value, choices, &i))
        return refuse(p, "_contained", "true, both or false");
    p->q->contained = (enum search_contained_which)i;
    search__self(self, STR("_contained"), value);
    return true;
}

static bool parse_contained_type(struct search__parse *p, struct str value, struct buf *self)
{
    static const char *const choices[] = {"container", "contained", NULL};
    int i;
    if (!choose(value, choices, &i))
        return refuse(p, "_containedType", "container or contained");
    p->q->contained_type = (enum search_contained_type)i;
    search__self(self, STR("_containedType"), value);
    return true;
}

/* What it would find is not what is found without it. */
static bool refuse_query(struct search__parse *p, struct str value, struct buf *self)
{
    (void)value, (void)self;
    return refuse(p, "_query", "this server has no named queries");
}

static const struct {
    const char *name;
    bool (*read)(struct search__parse *, struct str, struct buf *);
} results[] = {
    {"_count", parse_count},
    {"_cursor", parse_cursor},
    {"_contained", parse_contained},
    {"_elements", parse_elements},
    {"_explain", parse_explain},
    {"_format", ignore},
    {"_pretty", ignore},
    {"_sort", parse_sort},
    {"_summary", parse_summary},
    {"_total", parse_total},
    {"_containedType", parse_contained_type},
    {"_query", refuse_query},
};

bool search__parse_result(struct search__parse *p, struct str name, struct str value, struct buf *self,
                          bool *known)
{
    struct str modifier, base = str_cut(name, ':', &modifier);
    if (p->options->conditional)
        return true;
    if (str_is(base, "_include") || str_is(base, "_revinclude")) {
        *known = true;
        search__self(self, name, value);
        return search__parse_include(p, name, value);
    }
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (str_is(name, results[i].name)) {
            *known = true;
            return results[i].read(p, value, self);
        }
    return true;
}
