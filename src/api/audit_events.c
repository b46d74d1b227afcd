/*
 * The audit log as AuditEvents. Two kinds live under one type: entries of the log, whose ids begin with "audit-" and which
 * nobody changes, and AuditEvents that clients have stored, which are resources as all others. A search whose parameters
 * the log knows gives its entries first, and by its last link those that are stored.
 *
 * Who may see all AuditEvents may see all entries; a patient's token shows those of that patient's data.
 */
#include <inttypes.h>
#include <stdio.h>

#include "audit/render.h"
#include "fhir/datetime.h"
#include "fhir/reference.h"
#include "internal.h"

#define STORED "stored" /* the cursor behind the last entry */

static bool sees_all(const struct api_request *r, unsigned right)
{
    const struct auth_principal *p = r->principal;
    return (p->whole & right) || (r->type->id < p->n_types && (p->type_whole[r->type->id] & right));
}

/* *patient: whose entries alone; 0: all. Of users, those who are no patients and whose scope names the audit log. */
static bool authorise(const struct api_request *r, enum auth_right right, int64_t *patient, struct err *err)
{
    const struct auth_principal *p = r->principal;
    const struct api_deps *d = &r->api->deps;
    *patient = 0;
    if (p->pseudonyms)
        return err_set(err, ERR_FORBIDDEN,
                       "The token is for records under pseudonyms: the audit log says who was there");
    if (sees_all(r, right))
        return true;
    for (size_t i = 0; i < p->n_grants; i++) {
        const struct auth_grant *g = &p->grants[i];
        if (!(g->rights & right) || g->query.s || (g->type && g->type != r->type))
            continue;
        struct str id;
        if (!auth_is_bound(p, g->level, &id) && g->level == AUTH_USER && g->type)
            return true;
        int64_t h =
            id.len ? search_hash_id(store_tenant(d->store), fhir_resource(d->defs, STR("Patient")), id) : 0;
        if (id.len && !api__withholds_any(r, right, g->level, h)) {
            *patient = h;
            return true;
        }
    }
    return err_set(
        err, ERR_FORBIDDEN,
        "The token does not allow this: the audit log needs a scope such as system/AuditEvent.rs, or "
        "patient/AuditEvent.rs for what was done with one's own data");
}

static struct audit_query *query_new(struct api_request *r)
{
    const struct api_deps *d = &r->api->deps;
    struct audit_query *q = ARENA_NEW(r->a, struct audit_query);
    *q = (struct audit_query){.tenant = store_tenant(d->store)->id,
                              .patient_type = (int16_t)fhir_resource(d->defs, STR("Patient"))->id,
                              .lo_us = INT64_MIN,
                              .hi_us = INT64_MAX,
                              .limit = 1};
    r->state = q;
    return q;
}

static bool plan_query(struct api_request *r, struct sql *q, struct err *err)
{
    (void)err;
    audit_query_plan(r->state, q);
    return true;
}

/* ---- read --------------------------------------------------------------------------------------------------------------- */

static bool prepare_read(struct api_request *r, struct err *err)
{
    struct audit_query *q = query_new(r);
    struct audit_place *at = ARENA_NEW(r->a, struct audit_place);
    int32_t ver = 1;
    q->at = at;
    if (r->vid.s && (!api__version(r, &ver, err) || ver != 1))
        return err_set(err, ERR_NOT_FOUND, "There is no such version of this AuditEvent");
    if (!audit_place_read(r->id, at))
        return err_set(err, ERR_NOT_FOUND, "There is no AuditEvent with this id");
    return authorise(r, AUTH_READ, &q->patient, err);
}

static bool reply_read(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                       struct err *err)
{
    if (db_count(rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "There is no AuditEvent with this id");
    *out = (struct api_response){.status = 200,
                                 .type = r->type,
                                 .id = r->id,
                                 .ver = 1,
                                 .subset = true,
                                 .resource = audit_render(r->a, r->api->deps.defs, r->base, rows, 0)};
    return true;
}

static bool prepare_change(struct api_request *r, struct err *err)
{
    (void)r;
    return err_set(err, ERR_METHOD,
                   "This AuditEvent is an entry of the server's audit log: it is neither changed nor "
                   "deleted, and no other "
                   "may have such an id");
}

/* ---- search ------------------------------------------------------------------------------------------------------------- */

static bool read_date(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    static const char prefixes[][3] = {"eq", "ge", "gt", "le", "lt", "sa", "eb"};
    struct fhir_datetime d;
    int64_t lo, hi;
    size_t p = 0, n = sizeof prefixes / sizeof prefixes[0];
    while (p < n && !str_starts(value, str_of(prefixes[p])))
        p++;
    if (p < n)
        value = (struct str){value.s + 2, value.len - 2};
    if (!fhir_datetime_parse(value, &d))
        return err_set(
            err, ERR_INVALID,
            "search parameter date: a date or time was expected, after eq, ge, gt, le, lt, sa or eb");
    fhir_datetime_range(&d, store_tenant(r->api->deps.store)->zone, &lo, &hi);
    int64_t from = p == 1 ? lo : p == 2 || p == 5 ? hi + 1 : p == 0 || p == n ? lo : INT64_MIN;
    int64_t to = p == 3 ? hi : p == 4 || p == 6 ? lo - 1 : p == 0 || p == n ? hi : INT64_MAX;
    q->lo_us = from > q->lo_us ? from : q->lo_us;
    q->hi_us = to < q->hi_us ? to : q->hi_us;
    return true;
}

static struct fhir_reference reference_of(const struct api_request *r, struct str value)
{
    struct fhir_reference ref;
    fhir_reference_parse_local(r->api->deps.defs, r->base, value, &ref);
    return ref;
}

static bool read_patient(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    const struct api_deps *d = &r->api->deps;
    const struct fhir_type *patient = fhir_resource(d->defs, STR("Patient"));
    struct fhir_reference ref = reference_of(r, value);
    struct str id = ref.type == patient ? ref.id : value;
    if (!fhir_id_valid(id))
        return err_set(err, ERR_INVALID, "search parameter patient: Patient/id was expected");
    int64_t h = search_hash_id(store_tenant(d->store), patient, id);
    if (q->patient && q->patient != h)
        return err_set(err, ERR_FORBIDDEN,
                       "The token shows the entries of one patient: those of another it does not");
    q->patient = h;
    return true;
}

static bool read_entity(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    struct fhir_reference ref = reference_of(r, value);
    q->type = ref.type;
    q->id = ref.id;
    return (ref.type && fhir_id_valid(ref.id)) ||
           err_set(err, ERR_INVALID,
                   "search parameter entity: a reference such as Observation/id was expected");
}

static bool read_agent(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    (void)r, (void)err;
    q->agent = value;
    return true;
}

static bool read_action(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    (void)r;
    q->action = value.len == 1 ? value.s[0] : 0;
    return (q->action && strchr("CRUDE", q->action)) ||
           err_set(err, ERR_INVALID, "search parameter action: one of C, R, U, D, E was expected");
}

static bool read_sort(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    (void)r;
    q->ascending = str_is(value, "date");
    return q->ascending || str_is(value, "-date") ||
           err_set(err, ERR_INVALID, "_sort: date or -date, which entries of the audit log are kept in");
}

static bool read_count(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    int64_t n;
    if (!str_int64(value, &n) || n < 1)
        return err_set(err, ERR_INVALID, "_count: a number of resources, 1 or more");
    q->limit = (int)(n < r->config->search_max_count ? n : r->config->search_max_count);
    return true;
}

static bool read_cursor(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    struct audit_place *p = ARENA_NEW(r->a, struct audit_place);
    q->after = p;
    return audit_place_read(value, p) || err_set(err, ERR_INVALID, "_cursor: take it from a link, unchanged");
}

static bool ignore(struct api_request *r, struct audit_query *q, struct str value, struct err *err)
{
    (void)r, (void)q, (void)value, (void)err;
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct api_request *r, struct audit_query *q, struct str value, struct err *err);
} parameters[] = {{"_count", read_count},   {"_cursor", read_cursor}, {"_format", ignore},
                  {"_pretty", ignore},      {"_sort", read_sort},     {"action", read_action},
                  {"agent", read_agent},    {"date", read_date},      {"entity", read_entity},
                  {"patient", read_patient}};
enum { N_PARAMETERS = sizeof parameters / sizeof parameters[0] };

static size_t parameter(struct str name)
{
    size_t i = 0;
    while (i < N_PARAMETERS && !str_is(name, parameters[i].name))
        i++;
    return i;
}

/* Some value that the log could not look for, or the page behind its last: what is stored is searched. */
static bool is_for_stored(struct api_request *r)
{
    for (size_t i = 0; i < r->n_args; i++) {
        struct audit_place p;
        bool cursor = str_is(r->args[i].name, "_cursor");
        if (parameter(r->args[i].name) == N_PARAMETERS ||
            memchr(r->args[i].value.s, ',', r->args[i].value.len) ||
            (cursor && !audit_place_read(r->args[i].value, &p)))
            return true;
    }
    return false;
}

static void drop_cursor(struct api_request *r)
{
    struct search_arg *kept = ARENA_ARRAY(r->a, struct search_arg, r->n_args);
    size_t n = 0;
    for (size_t i = 0; i < r->n_args; i++)
        if (!str_is(r->args[i].name, "_cursor") || !str_is(r->args[i].value, STORED))
            kept[n++] = r->args[i];
    r->args = kept;
    r->n_args = n;
}

static bool search_stored(struct api_request *r, struct err *err)
{
    static const struct api_route stored = {HTTP_GET, "T", &api__search_type, false};
    drop_cursor(r);
    r->route = &stored;
    return api__authorise(r, stored.interaction->right, r->type, err) && stored.interaction->prepare(r, err);
}

static bool prepare_search(struct api_request *r, struct err *err)
{
    if (is_for_stored(r))
        return search_stored(r, err);
    struct audit_query *q = query_new(r);
    q->limit = (int)r->config->search_count;
    if (!authorise(r, AUTH_SEARCH, &q->patient, err))
        return false;
    for (size_t i = 0; i < r->n_args; i++)
        if (!parameters[parameter(r->args[i].name)].read(r, q, r->args[i].value, err))
            return false;
    q->limit++; /* is there more? */
    return true;
}

static bool reply_search(struct api_request *r, const struct db_rows *rows, struct api_response *out,
                         struct err *err)
{
    (void)err;
    const struct audit_query *q = r->state;
    int n = db_count(rows), shown = n < q->limit ? n : q->limit - 1;
    struct bundle w;
    bundle_start(&w, r->a, "searchset");
    bundle_link(&w, "self", api__page_url(r, STR("AuditEvent"), (struct str){NULL, 0}));
    if (n > shown) {
        struct audit_place last = audit_place_of(rows, shown - 1);
        bundle_link(&w, "next", api__page_url(r, STR("AuditEvent"), audit_place_id(r->a, &last)));
    } else if (sees_all(r, AUTH_SEARCH)) {
        bundle_link(&w, "next", api__page_url(r, STR("AuditEvent"), STR(STORED)));
    }
    for (int i = 0; i < shown; i++) {
        struct audit_place p = audit_place_of(rows, i);
        bundle_entry_open(&w);
        bundle_entry_url(&w, r->base, "AuditEvent", audit_place_id(r->a, &p));
        bundle_entry_resource(&w, audit_render(r->a, r->api->deps.defs, r->base, rows, i));
        bundle_entry_search(&w, "match");
        bundle_entry_close(&w);
    }
    *out = (struct api_response){.status = 200, .resource = bundle_end(&w)};
    return true;
}

/* ---- routes ------------------------------------------------------------------------------------------------------------- */

const struct api_interaction api__audit_read = {.code = "read",
                                                .run = RUN_SEARCH,
                                                .access = ACCESS_JUDGED,
                                                .prepare = prepare_read,
                                                .plan = plan_query,
                                                .reply = reply_read};
const struct api_interaction api__audit_change = {
    .code = "update", .run = RUN_NOW, .access = ACCESS_JUDGED, .prepare = prepare_change};
const struct api_interaction api__audit_search = {.code = "search-type",
                                                  .run = RUN_SEARCH,
                                                  .access = ACCESS_JUDGED,
                                                  .prepare = prepare_search,
                                                  .plan = plan_query,
                                                  .reply = reply_search};

void api__audit_route(struct api_request *r)
{
    static const struct api_route read = {HTTP_GET, "T/I", &api__audit_read, false},
                                  change = {HTTP_PUT, "T/I", &api__audit_change, false},
                                  search = {HTTP_GET, "T", &api__audit_search, false};
    const struct api_interaction *i = r->route->interaction;
    bool get = r->method == HTTP_GET || r->method == HTTP_HEAD;
    if (!r->type || r->operation || strcmp(r->type->name, "AuditEvent") != 0)
        return;
    if (r->id.s && str_starts(r->id, STR("audit-")))
        r->route = get && (i == &api__read || i == &api__vread) ? &read : get ? r->route : &change;
    else if (i == &api__search_type)
        r->route = &search;
    r->run = r->route->interaction->run;
}
