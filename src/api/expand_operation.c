/* $expand of ValueSet (valueset-operation-expand.html). */
#include "base/clock.h"
#include "codes.h"

struct page {
    int64_t offset, count; /* count -1: all */
    bool designations, active_only;
    struct str language; /* s NULL: any */
};

static bool number(const struct api_request *r, const char *name, int64_t absent, int64_t *out,
                   struct err *err)
{
    struct str text = api__arg(r, name);
    *out = absent;
    return !text.s || (str_int64(text, out) && *out >= 0) ||
           err_at(err, ERR_INVALID, "Parameters.parameter", "The parameter '%s' is a number from 0", name);
}

static bool read_page(struct api_request *r, struct page *p, struct err *err)
{
    p->language = api__arg(r, "displayLanguage");
    return number(r, "offset", 0, &p->offset, err) && number(r, "count", -1, &p->count, err) &&
           codes_flag(r, "includeDesignations", &p->designations, err) &&
           codes_flag(r, "activeOnly", &p->active_only, err);
}

/* "ja" is the language of "ja-JP". */
static bool speaks(const char *language, struct str wanted)
{
    return wanted.s && *language && str_starts(str_of(language), wanted) &&
           (language[wanted.len] == '\0' || language[wanted.len] == '-');
}

static const char *text_in(const struct terminology_concept *c, struct str language)
{
    struct terminology_designation d;
    for (size_t i = 0; c->in && language.s && terminology_designation(c->in, c->at, i, &d); i++)
        if (speaks(d.language, language))
            return d.value;
    return c->display;
}

static void add_designations(struct arena *a, json *o, const struct terminology_concept *c)
{
    struct terminology_designation d;
    json *list = json_array(a);
    for (size_t i = 0; c->in && terminology_designation(c->in, c->at, i, &d); i++) {
        json *one = json_push(list, json_object(a));
        if (*d.language)
            json_add_string(a, one, "language", d.language);
        if (*d.use_code) {
            json *use = json_add(a, one, "use", json_object(a));
            if (*d.use_system)
                json_add_string(a, use, "system", d.use_system);
            json_add_string(a, use, "code", d.use_code);
            if (*d.use_display)
                json_add_string(a, use, "display", d.use_display);
        }
        json_add_string(a, one, "value", d.value);
    }
    if (list->child)
        json_add(a, o, "designation", list);
}

static void add_concept(struct arena *a, json *list, const struct page *p,
                        const struct terminology_concept *c)
{
    json *o = json_push(list, json_object(a));
    const char *display = text_in(c, p->language),
               *version = c->in ? terminology_system_version(c->in) : NULL;
    json_add_string(a, o, "system", c->system);
    if (c->abstract)
        json_add(a, o, "abstract", json_bool(a, true));
    if (c->inactive)
        json_add(a, o, "inactive", json_bool(a, true));
    if (version)
        json_add_string(a, o, "version", version);
    json_add_string(a, o, "code", c->code);
    if (display)
        json_add_string(a, o, "display", display);
    if (p->designations)
        add_designations(a, o, c);
}

static void add_parameter(struct arena *a, json *list, const char *name, const char *member, json *value)
{
    json *o = json_push(list, json_object(a));
    json_add_string(a, o, "name", name);
    json_add(a, o, member, value);
}

/* What the expansion depended on. */
static void add_parameters(struct api_request *r, json *expansion, const struct page *p,
                           const struct terminology_expansion *e)
{
    struct arena *a = r->a;
    struct str filter = api__arg(r, "filter");
    json *list = json_array(a);
    if (filter.s)
        add_parameter(a, list, "filter", "valueString", json_string_n(a, filter));
    if (p->active_only)
        add_parameter(a, list, "activeOnly", "valueBoolean", json_bool(a, true));
    if (p->language.s)
        add_parameter(a, list, "displayLanguage", "valueCode", json_string_n(a, p->language));
    if (p->count >= 0)
        add_parameter(a, list, "count", "valueInteger", json_int(a, p->count));
    if (e->stored)
        add_parameter(a, list, "storedExpansion", "valueBoolean", json_bool(a, true));
    for (size_t i = 0; i < e->n; i++) { /* each code system once, in the order of the codes */
        const struct terminology_system *in = e->concepts[i].in;
        if (!in || (i > 0 && e->concepts[i - 1].in == in))
            continue;
        const char *version = terminology_system_version(in);
        const char *used = version ? arena_printf(a, "%s|%s", terminology_system_url(in), version)
                                   : terminology_system_url(in);
        bool told = false;
        json_each (o, list)
            told = told ||
                   strcmp(json_get_string(o, "valueUri") ? json_get_string(o, "valueUri") : "", used) == 0;
        if (!told)
            add_parameter(a, list, "version", "valueUri", json_string(a, used));
    }
    if (list->child)
        json_add(a, expansion, "parameter", list);
}

static json *value_set(struct api_request *r, const struct page *p, const struct terminology_valueset *set,
                       const struct terminology_expansion *e)
{
    struct arena *a = r->a;
    char now[32], id[37];
    json *o = json_object(a), *expansion = json_object(a), *contains = json_array(a);
    json_add_string(a, o, "resourceType", "ValueSet");
    if (terminology_valueset_url(set))
        json_add_string(a, o, "url", terminology_valueset_url(set));
    if (terminology_valueset_version(set))
        json_add_string(a, o, "version", terminology_valueset_version(set));
    json_add_string(a, o, "status", terminology_valueset_status(set));
    json_add(a, o, "expansion", expansion);
    store_new_id(id);
    clock_instant(clock_wall_us(), now);
    json_add_string(a, expansion, "identifier", arena_printf(a, "urn:uuid:%s", id));
    json_add_string(a, expansion, "timestamp", now);
    json_add(a, expansion, "total", json_int(a, (long long)e->n));
    if (p->count >= 0 || p->offset > 0)
        json_add(a, expansion, "offset", json_int(a, p->offset));
    add_parameters(r, expansion, p, e);
    for (size_t i = (size_t)p->offset; i < e->n && (p->count < 0 || i - (size_t)p->offset < (size_t)p->count);
         i++)
        add_concept(a, contains, p, &e->concepts[i]);
    if (contains->child)
        json_add(a, expansion, "contains", contains);
    return o;
}

static bool work_expand(struct api_request *r, struct db_conn *conn, struct api_response *out,
                        struct err *err)
{
    const struct conformance_view *view;
    const struct terminology_valueset *set;
    struct terminology_expansion e;
    struct page p;
    if (!read_page(r, &p, err) || !api__terminology(r, conn, &view, err) ||
        !codes_valueset(r, view, &set, err))
        return false;
    const struct terminology_options o = {.max = (size_t)r->config->terminology_max_codes,
                                          .filter = api__arg(r, "filter"),
                                          .active_only = p.active_only};
    if (!terminology_expand(view, r->a, set, &o, &e, err))
        return false;
    codes_answer(r, value_set(r, &p, set, &e), out);
    return true;
}

const struct api_interaction api__expand = {
    .code = "$expand", .run = RUN_WORKER, .right = AUTH_READ, .work = work_expand};
