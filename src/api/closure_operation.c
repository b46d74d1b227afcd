/*
 * $closure (conceptmap-operation-closure.html): a client names concepts, call by call, and is told which of them lies below
 * which others, so that it can search by subsumption on its own. What has been told is kept, and can be asked for again
 * from any version on.
 */
#include "base/clock.h"
#include "codes.h"
#include "store/closure.h"

struct closing {
    struct api_request *r;
    struct db_conn *conn;
    const struct conformance_view *view;
    struct str name;
    int64_t version;
};

static bool run(struct closing *c, struct sql *q, const struct db_rows **rows, struct err *err)
{
    return db_exec(c->conn, c->r->a, q, rows, err);
}

/* ---- what is new ------------------------------------------------------------------------------------------ */

static const struct terminology_system *find_system(struct closing *c, struct str system, struct err *err)
{
    const struct terminology_system *s = terminology_system(c->view, system);
    if (!s)
        err_set(err, ERR_NOT_FOUND, "The code system %.*s is not known here: store it as a CodeSystem",
                (int)(system.len < 200 ? system.len : 200), system.s);
    return s;
}

struct members {
    struct str *codes;
    uint32_t *at;
    size_t n, old; /* the first ones were there before */
};

static bool is_in(const struct members *m, struct str code)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->codes[i], code))
            return true;
    return false;
}

static bool add_member(const struct terminology_system *s, struct members *m, struct str code,
                       struct err *err)
{
    uint32_t at;
    if (is_in(m, code))
        return true;
    if (!terminology_find(s, code, &at))
        return err_set(err, ERR_NOT_FOUND, "The code system %.200s has no code '%.*s'",
                       terminology_system_url(s), (int)(code.len < 60 ? code.len : 60), code.s);
    m->at[m->n] = at;
    m->codes[m->n++] = code;
    return true;
}

/* Those that were there and the new ones. */
static bool read_members(struct closing *c, const struct terminology_system *s, struct str system,
                         struct members *m, struct err *err)
{
    struct sql q = {.a = c->r->a};
    const struct db_rows *rows;
    struct err gone;
    store_closure_codes_plan(c->r->api->deps.store, c->name, system, &q);
    if (!run(c, &q, &rows, err))
        return false;
    size_t most = (size_t)db_count(rows) + c->r->n_inputs;
    m->codes = ARENA_ARRAY(c->r->a, struct str, most);
    m->at = ARENA_ARRAY(c->r->a, uint32_t, most);
    for (int i = 0; i < db_count(rows); i++)
        if (!add_member(s, m, db_text(rows, i, 0), &gone))
            continue; /* the code system has changed since */
    m->old = m->n;
    for (size_t i = 0; i < c->r->n_inputs; i++) {
        const char *of = json_get_string(c->r->inputs[i].value, "system"),
                   *code = json_get_string(c->r->inputs[i].value, "code");
        if (of && code && str_is(system, of) && !add_member(s, m, str_of(code), err))
            return false;
    }
    return true;
}

static bool close_system(struct closing *c, struct str system, struct err *err)
{
    const struct terminology_system *s = find_system(c, system, err);
    struct members m = {0};
    struct store_closure_edge *edges = NULL;
    struct sql q = {.a = c->r->a};
    size_t n = 0, cap = 0;
    if (!s || !read_members(c, s, system, &m, err))
        return false;
    if (m.n > (size_t)c->r->config->terminology_max_codes)
        return err_set(err, ERR_TOO_COSTLY, "A closure table has at most %lld concepts of a code system",
                       (long long)c->r->config->terminology_max_codes);
    for (size_t i = m.old; i < m.n; i++)
        for (size_t k = 0; k < i; k++) {
            if (terminology_is_a(s, m.at[k], m.at[i]))
                *ARENA_PUSH(c->r->a, edges, n, cap) = (struct store_closure_edge){m.codes[i], m.codes[k]};
            else if (terminology_is_a(s, m.at[i], m.at[k]))
                *ARENA_PUSH(c->r->a, edges, n, cap) = (struct store_closure_edge){m.codes[k], m.codes[i]};
        }
    if (m.n == m.old)
        return true;
    store_closure_add_plan(c->r->api->deps.store, c->name, c->version + 1, system, m.codes + m.old,
                           m.n - m.old, edges, n, &q);
    return run(c, &q, NULL, err);
}

/* Each code system that is named, once. */
static bool close_all(struct closing *c, struct err *err)
{
    for (size_t i = 0; i < c->r->n_inputs; i++) {
        const char *system = json_get_string(c->r->inputs[i].value, "system");
        bool done = false;
        if (!system || !json_get_string(c->r->inputs[i].value, "code"))
            return err_at(err, ERR_INVALID, "Parameters.parameter",
                          "Each concept needs its system and its code");
        for (size_t k = 0; k < i; k++)
            done = done || strcmp(json_get_string(c->r->inputs[k].value, "system"), system) == 0;
        if (!done && !close_system(c, str_of(system), err))
            return false;
    }
    return true;
}

/* ---- the answer ------------------------------------------------------------------------------------------- */

/* below → above: the target subsumes the source. */
static json *groups(struct arena *a, const struct db_rows *rows)
{
    json *list = json_array(a), *elements = NULL, *targets = NULL;
    for (int i = 0; i < db_count(rows); i++) {
        struct str system = db_text(rows, i, 0), below = db_text(rows, i, 1);
        bool same = i > 0 && str_eq(system, db_text(rows, i - 1, 0));
        if (!same) {
            json *group = json_push(list, json_object(a));
            json_add(a, group, "source", json_string_n(a, system));
            json_add(a, group, "target", json_string_n(a, system));
            elements = json_add(a, group, "element", json_array(a));
        }
        if (!same || !str_eq(below, db_text(rows, i - 1, 1))) {
            json *element = json_push(elements, json_object(a));
            json_add(a, element, "code", json_string_n(a, below));
            targets = json_add(a, element, "target", json_array(a));
        }
        json *target = json_push(targets, json_object(a));
        json_add(a, target, "code", json_string_n(a, db_text(rows, i, 2)));
        json_add_string(a, target, "equivalence", "subsumes");
    }
    return list;
}

static bool answer(struct closing *c, int64_t after, struct api_response *out, struct err *err)
{
    struct arena *a = c->r->a;
    struct sql q = {.a = a}, look = {.a = a};
    const struct db_rows *rows, *now;
    char instant[32];
    store_closure_look_plan(c->r->api->deps.store, c->name, &look);
    store_closure_edges_plan(c->r->api->deps.store, c->name, after, &q);
    if (!run(c, &look, &now, err) || !run(c, &q, &rows, err))
        return false;
    json *map = json_object(a), *list = groups(a, rows);
    clock_instant(clock_wall_us(), instant);
    json_add_string(a, map, "resourceType", "ConceptMap");
    json_add_string(a, map, "version",
                    arena_printf(a, "%lld", (long long)(db_count(now) ? db_int8(now, 0, 0) : 0)));
    json_add(a, map, "name", json_string_n(a, c->name));
    json_add_string(a, map, "status", "active");
    json_add(a, map, "experimental", json_bool(a, true));
    json_add_string(a, map, "date", instant);
    if (list->child)
        json_add(a, map, "group", list);
    codes_answer(c->r, map, out);
    return true;
}

static bool reset(struct closing *c, struct err *err)
{
    struct sql drop = {.a = c->r->a}, make = {.a = c->r->a};
    store_closure_drop_plan(c->r->api->deps.store, c->name, &drop);
    store_closure_make_plan(c->r->api->deps.store, c->name, &make);
    return run(c, &drop, NULL, err) && run(c, &make, NULL, err);
}

static bool closure_on(struct api_request *r, struct db_conn *conn, struct api_response *out, struct err *err)
{
    struct closing c = {.r = r, .conn = conn, .name = api__arg(r, "name")};
    struct str since = api__arg(r, "version");
    struct sql q = {.a = r->a};
    const struct db_rows *rows;
    int64_t after = 0;
    if (since.s && (!str_int64(since, &after) || after < 0))
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "The version is one that $closure has answered");
    if (since.s && r->n_inputs)
        return err_at(err, ERR_INVALID, "Parameters.parameter",
                      "$closure takes concepts, or the version to start again from, not both");
    if (!since.s && !r->n_inputs)
        return reset(&c, err) && answer(&c, 0, out, err);
    store_closure_look_plan(r->api->deps.store, c.name, &q);
    if (!run(&c, &q, &rows, err))
        return false;
    if (!db_count(rows))
        return err_set(
            err, ERR_NOT_FOUND,
            "There is no closure table of this name: it is made by a call with nothing but the name");
    c.version = db_int8(rows, 0, 0);
    if (since.s)
        return answer(&c, after, out, err);
    return api__terminology(r, conn, &c.view, err) && close_all(&c, err) && answer(&c, c.version, out, err);
}

static bool work_closure(struct api_request *r, struct db_conn *conn, struct api_response *out,
                         struct err *err)
{
    const struct fhir_defs *d = r->api->deps.defs;
    struct str name = api__arg(r, "name");
    if (name.len == 0 || name.len > 200)
        return err_at(err, ERR_INVALID, "Parameters.parameter", "The name has up to 200 characters");
    return api__may_define(r, AUTH_READ, fhir_type(d, "CodeSystem"), err) &&
           api__may_define(r, AUTH_UPDATE, fhir_type(d, "ConceptMap"), err) &&
           api__in_transaction(r, conn, out, err, closure_on);
}

const struct api_interaction api__closure = {
    .code = "$closure", .run = RUN_WORKER, .access = ACCESS_JUDGED, .work = work_closure};
