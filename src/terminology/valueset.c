/* ValueSet → its rules (valueset.html). */
#include "internal.h"

static const char *const ops[] = {
#define X(name, text) text,
    TERMINOLOGY__FILTERS(X)
#undef X
};

static const char *copy(struct arena *a, const char *s)
{
    return s && *s ? arena_strdup(a, s) : NULL;
}

/* ---- members ---------------------------------------------------------------------------------------------- */

static void index_members(struct arena *a, struct terminology__rule *r)
{
    size_t size = 4;
    while (size < (size_t)r->n_members * 2)
        size *= 2;
    r->mask = (uint32_t)size - 1;
    r->slots = ARENA_ARRAY(a, uint32_t, size);
    for (uint32_t i = 0; i < r->n_members; i++) {
        uint32_t at = terminology__hash(str_of(r->members[i].code));
        while (r->slots[at & r->mask])
            at++;
        r->slots[at & r->mask] = i + 1;
    }
}

const struct terminology__member *terminology__rule_member(struct terminology__rule *r, struct str code)
{
    for (uint32_t i = terminology__hash(code); r->slots; i++) {
        uint32_t slot = r->slots[i & r->mask];
        if (slot == 0)
            return NULL;
        if (str_is(code, r->members[slot - 1].code))
            return &r->members[slot - 1];
    }
    return NULL;
}

static void read_members(struct arena *a, const json *list, struct terminology__rule *r)
{
    r->members = ARENA_ARRAY(a, struct terminology__member, json_count(list));
    json_each (concept, list) {
        const char *code = copy(a, json_get_string(concept, "code"));
        if (code)
            r->members[r->n_members++] =
                (struct terminology__member){code, copy(a, json_get_string(concept, "display"))};
    }
    index_members(a, r);
}

/* ---- compose ---------------------------------------------------------------------------------------------- */

static bool read_filter(struct arena *a, const json *filter, struct terminology__filter *f, struct err *err)
{
    const char *property = json_get_string(filter, "property"), *value = json_get_string(filter, "value"),
               *op = json_get_string(filter, "op");
    int i = 0;
    while (op && i < TERMINOLOGY__N_OPS && strcmp(op, ops[i]) != 0)
        i++;
    if (!property || !value || !op || i == TERMINOLOGY__N_OPS)
        return err_set(err, ERR_UNSUPPORTED, "a filter has no property, no value or an unknown operator");
    *f = (struct terminology__filter){.property = arena_strdup(a, property),
                                      .value = arena_strdup(a, value),
                                      .op = (enum terminology__op)i};
    return f->op != TERMINOLOGY__REGEX ||
           regex_compile(a, str_of(f->value), STR(""), true, true, &f->regex, err);
}

static bool read_rule(struct arena *a, const json *from, struct terminology__rule *r, struct err *err)
{
    const json *members = json_get(from, "concept"), *filters = json_get(from, "filter"),
               *valuesets = json_get(from, "valueSet");
    *r = (struct terminology__rule){.system = copy(a, json_get_string(from, "system")),
                                    .version = copy(a, json_get_string(from, "version"))};
    if (json_count(members))
        read_members(a, members, r);
    r->filters = ARENA_ARRAY(a, struct terminology__filter, json_count(filters));
    json_each (filter, filters)
        if (!read_filter(a, filter, &r->filters[r->n_filters++], err))
            return false;
    r->valuesets = ARENA_ARRAY(a, const char *, json_count(valuesets));
    json_each (url, valuesets)
        if (json_is_string(url))
            r->valuesets[r->n_valuesets++] = arena_strdup(a, url->valuestring);
    if (!r->system && (!r->n_valuesets || r->n_members || r->n_filters))
        return err_set(err, ERR_UNSUPPORTED, "a rule names no code system");
    return true;
}

static bool read_rules(struct arena *a, const json *list, struct terminology__rules *out, struct err *err)
{
    out->items = ARENA_ARRAY(a, struct terminology__rule, json_count(list));
    json_each (rule, list)
        if (!read_rule(a, rule, &out->items[out->n++], err))
            return false;
    return true;
}

/* ---- expansion -------------------------------------------------------------------------------------------- */

static size_t count_contains(const json *list)
{
    size_t n = 0;
    json_each (c, list)
        n += 1 + count_contains(json_get(c, "contains"));
    return n;
}

/* One rule for each system. Those that are abstract are there to be shown, not to be used. */
static void add_contains(struct arena *a, const json *list, size_t most, struct terminology__rules *out)
{
    json_each (c, list) {
        const char *system = json_get_string(c, "system"), *code = json_get_string(c, "code");
        if (system && code && !json_is_true(json_get(c, "abstract"))) {
            size_t i = 0;
            while (i < out->n && strcmp(out->items[i].system, system) != 0)
                i++;
            if (i == out->n)
                *ARENA_PUSH(a, out->items, out->n, out->cap) =
                    (struct terminology__rule){.system = arena_strdup(a, system),
                                               .members = ARENA_ARRAY(a, struct terminology__member, most)};
            struct terminology__rule *r = &out->items[i];
            r->members[r->n_members++] =
                (struct terminology__member){arena_strdup(a, code), copy(a, json_get_string(c, "display"))};
        }
        add_contains(a, json_get(c, "contains"), most, out);
    }
}

static void read_expansion(struct arena *a, const json *expansion, struct terminology_valueset *s)
{
    const json *contains = json_get(expansion, "contains"), *total = json_get(expansion, "total");
    size_t n = count_contains(contains);
    add_contains(a, contains, n, &s->expansion);
    for (size_t i = 0; i < s->expansion.n; i++)
        index_members(a, &s->expansion.items[i]);
    s->whole = n > 0 && !(json_is_number(total) && total->valuedouble > (double)n);
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

bool terminology_valueset_read(struct arena *a, const json *resource, const struct terminology_valueset **out,
                               struct err *err)
{
    struct terminology_valueset *s = ARENA_NEW(a, struct terminology_valueset);
    const json *compose = json_get(resource, "compose"), *inactive = json_get(compose, "inactive");
    struct err why;
    s->url = copy(a, json_get_string(resource, "url"));
    s->version = copy(a, json_get_string(resource, "version"));
    s->status = copy(a, json_get_string(resource, "status"));
    s->composed = compose != NULL;
    s->drops_inactive = json_is_bool(inactive) && !json_is_true(inactive);
    read_expansion(a, json_get(resource, "expansion"), s);
    if (!read_rules(a, json_get(compose, "include"), &s->include, &why) ||
        !read_rules(a, json_get(compose, "exclude"), &s->exclude, &why))
        return err_set(err, ERR_UNSUPPORTED, "The value set %.200s cannot be computed: %.200s",
                       s->url ? s->url : "", why.msg);
    *out = s;
    return true;
}

const char *terminology_valueset_url(const struct terminology_valueset *s)
{
    return s->url;
}
const char *terminology_valueset_status(const struct terminology_valueset *s)
{
    return s->status ? s->status : "active";
}
const char *terminology_valueset_version(const struct terminology_valueset *s)
{
    return s->version;
}

bool terminology_is_whole(const struct terminology_valueset *s, const char *system)
{
    const struct terminology__rule *r = s->include.items;
    return s->include.n == 1 && s->exclude.n == 0 && r->system && strcmp(r->system, system) == 0 &&
           r->n_members == 0 && r->n_filters == 0 && r->n_valuesets == 0;
}
