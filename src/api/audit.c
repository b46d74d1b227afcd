/*
 * What a request leaves in the audit log: one entry when it is answered, and one for each entry of a Bundle. Every
 * interaction stands in the table; the tests go through the routes and find one that does not.
 */
#include "base/clock.h"
#include "internal.h"

/* The frequent ones first. */
static const struct {
    const struct api_interaction *interaction;
    enum audit_op op;
} table[] = {
    {&api__read, AUDIT_READ},
    {&api__search_type, AUDIT_SEARCH_TYPE},
    {&api__create, AUDIT_CREATE},
    {&api__update, AUDIT_UPDATE},
    {&api__delete, AUDIT_DELETE},
    {&api__bundle, AUDIT_BUNDLE},
    {&api__vread, AUDIT_VREAD},
    {&api__patch, AUDIT_PATCH},
    {&api__search_compartment, AUDIT_SEARCH_TYPE},
    {&api__search_system, AUDIT_SEARCH_SYSTEM},
    {&api__everything, AUDIT_OPERATION},
    {&api__history_instance, AUDIT_HISTORY_INSTANCE},
    {&api__history_type, AUDIT_HISTORY_TYPE},
    {&api__history_system, AUDIT_HISTORY_SYSTEM},
    {&api__conditional_update, AUDIT_UPDATE},
    {&api__conditional_patch, AUDIT_PATCH},
    {&api__conditional_delete, AUDIT_DELETE},
    {&api__validate_operation, AUDIT_OPERATION},
    {&api__meta, AUDIT_OPERATION},
    {&api__meta_add, AUDIT_OPERATION},
    {&api__meta_delete, AUDIT_OPERATION},
    {&api__expand, AUDIT_OPERATION},
    {&api__validate_code, AUDIT_OPERATION},
    {&api__lookup, AUDIT_OPERATION},
    {&api__subsumes, AUDIT_OPERATION},
    {&api__translate, AUDIT_OPERATION},
    {&api__closure, AUDIT_OPERATION},
    {&api__break_glass, AUDIT_EMERGENCY},
    {&api__reindex, AUDIT_OPERATION},
    {&api__job, AUDIT_OPERATION},
    {&api__job_cancel, AUDIT_OPERATION},
    {&api__deferred_status, AUDIT_OPERATION},
    {&api__deferred_file, AUDIT_OPERATION},
    {&api__deferred_cancel, AUDIT_OPERATION},
    {&api__audit_read, AUDIT_READ},
    {&api__audit_search, AUDIT_SEARCH_TYPE},
    {&api__audit_change, AUDIT_UPDATE},
    {&api__capabilities, AUDIT_OPEN},
    {&api__health_live, AUDIT_OPEN},
    {&api__health_ready, AUDIT_OPEN},
    {&api__metrics, AUDIT_OPEN},
    {&api__oauth_metadata, AUDIT_OPEN}, /* these say themselves what is to be entered: api/oauth.c */
    {&api__oauth_jwks, AUDIT_OPEN},
    {&api__oauth_token, AUDIT_OPEN},
    {&api__oauth_authorize, AUDIT_OPEN},
    {&api__oauth_login, AUDIT_OPEN},
    {&api__oauth_callback, AUDIT_OPEN},
    {&api__oauth_introspect, AUDIT_OPEN},
    {&api__oauth_revoke, AUDIT_OPEN},
    {&api__oauth_launch, AUDIT_OPEN},
    {&api__oauth_logout, AUDIT_OPEN},
    {&api__oauth_register, AUDIT_OPEN},
    {&api__oauth_resource, AUDIT_OPEN},
};

enum audit_op api__audit_op(const struct api_interaction *i)
{
    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++)
        if (table[n].interaction == i)
            return table[n].op;
    return AUDIT_UNSAID;
}

void api__shown(struct api_request *r, int64_t k)
{
    *ARENA_PUSH(r->a, r->shown.ks, r->shown.n, r->shown.cap) = k;
}

void api__is_of(const struct api_request *r, const struct fhir_type *type, struct str id, int64_t pat,
                struct api_response *out)
{
    bool patient = strcmp(type->name, "Patient") == 0;
    out->knows_patient = true;
    out->patient = patient ? search_hash_id(store_tenant(r->api->deps.store), type, id) : pat;
}

/* ---- the shape of a question: names of parameters, never their values --------------------------------------------- */

enum { NAME_MAX_LEN = 64, SHAPE_MAX = 480 };

/* A client may write anything before '='; what could not be a parameter's name is not kept. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.s[i] >= 'a' && s.s[i] <= 'z') || (s.s[i] >= 'A' && s.s[i] <= 'Z') ||
              (s.s[i] >= '0' && s.s[i] <= '9') || strchr("_-.:$", s.s[i])))
            return false;
    return s.len > 0 && s.len <= NAME_MAX_LEN;
}

static struct str shape_of(const struct api_request *r)
{
    struct buf b;
    char separator = '?';
    buf_init(&b, r->a, 128);
    if (r->type)
        buf_adds(&b, r->type->name);
    if (!r->operation && (r->content || r->all_content))
        buf_addf(&b, "/*/%s", r->content ? r->content->name : "*");
    if (r->operation)
        buf_addf(&b, "/$%s", r->operation->name);
    for (size_t i = 0; i < r->n_args && b.len < SHAPE_MAX; i++) {
        buf_addc(&b, separator);
        buf_addstr(&b, is_name(r->args[i].name) ? r->args[i].name : STR("-"));
        separator = '&';
    }
    return buf_str(&b);
}

/* ---- entries -------------------------------------------------------------------------------------------------------- */

static void identify(const struct api_request *r, struct audit_who *who)
{
    static const char *const levels[] = {
        [AUTH_SYSTEM] = "system", [AUTH_USER] = "user", [AUTH_PATIENT] = "patient"};
    const struct auth_principal *p = r->principal;
    *who = (struct audit_who){0};
    if (r->config->audit_address)
        who->address = r->http->peer;
    if (!p)
        return;
    who->subject = p->subject;
    who->client = p->client;
    who->issuer = p->issuer;
    if (p->n_grants)
        who->level = str_of(levels[p->grants[0].level]);
}

static bool tells_shape(enum audit_op op)
{
    return op == AUDIT_SEARCH_TYPE || op == AUDIT_SEARCH_SYSTEM || op == AUDIT_HISTORY_TYPE ||
           op == AUDIT_HISTORY_SYSTEM || op == AUDIT_OPERATION;
}

static bool only_reads(const struct api_request *r, enum audit_op op)
{
    if (op == AUDIT_OPERATION)
        return !r->operation || !r->operation->affects_state;
    return op == AUDIT_READ || op == AUDIT_VREAD || tells_shape(op) || op == AUDIT_HISTORY_INSTANCE;
}

static enum audit_op op_of(const struct api_request *r)
{
    const struct api_interaction *i = r->deferred ? r->deferred : r->route ? r->route->interaction : NULL;
    return i ? api__audit_op(i) : AUDIT_UNKNOWN;
}

static enum audit_purpose purpose_of(const struct api_request *r, enum audit_op op)
{
    bool emergency = op == AUDIT_EMERGENCY || (r->principal && r->principal->n_opened);
    return emergency ? AUDIT_ETREAT : AUDIT_NO_PURPOSE;
}

/* An operation that writes leaves an entry of its own, besides those of what it wrote. */
struct audit_write api__audit_write(const struct api_request *r)
{
    struct audit *log = r->api->deps.audit;
    enum audit_op op = op_of(r);
    struct audit_who who;
    if (!log)
        return (struct audit_write){.op = AUDIT_UNSAID};
    identify(r, &who);
    return (struct audit_write){.agent = audit_agent(log, r->http->loop, &who),
                                .op = op == AUDIT_OPERATION || op == AUDIT_EMERGENCY ? AUDIT_UPDATE : op,
                                .purpose = purpose_of(r, op),
                                .request = audit_request(r->a, r->http->id)};
}

bool api__audit(struct api_request *r, const struct api_response *out)
{
    struct audit *log = r->api->deps.audit;
    enum audit_op op = op_of(r);
    struct audit_who who;
    if (!log || op == AUDIT_OPEN || out->entered)
        return true;
    bool known = op != AUDIT_UNKNOWN;
    const struct fhir_type *type = out->type ? out->type : known ? r->type : NULL;
    struct audit_event e = {.op = op,
                            .status = out->status,
                            .at_us = clock_wall_us(),
                            .type = type,
                            .id = out->id.s ? out->id
                                  : known   ? r->id
                                            : (struct str){NULL, 0},
                            .ver = out->ver,
                            .shown = (int32_t)r->shown.n,
                            .purpose = purpose_of(r, op),
                            .request = str_of(r->http->id)};
    if (r->shown.n) {
        e.find = AUDIT_FIND_BY_K;
        e.pats = r->shown.ks;
        e.n_pats = r->shown.n;
    } else if (type && e.id.s) {
        if (out->knows_patient) {
            e.pats = &out->patient;
            e.n_pats = out->patient != 0;
        } else {
            e.find = AUDIT_FIND_BY_ID;
        }
        e.shown = only_reads(r, op) && out->status == 200 && (out->resource.s || out->raw.s) && !out->issues;
    }
    if (tells_shape(op))
        e.shape = shape_of(r);
    if (op == AUDIT_EMERGENCY)
        e.shape = api__emergency_reason(r);
    identify(r, &who);
    bool kept = audit_put(log, r->http->loop, &who, &e);
    return kept || !only_reads(r, op) || out->status >= 400;
}

bool api__audit_refuses(const struct api_request *r, struct err *err)
{
    if (!r->api->deps.audit || !audit_refuses(r->api->deps.audit))
        return false;
    err_set(err, ERR_BUSY,
            "The audit log has no room, and without it nothing is answered here "
            "(audit.when_full = refuse); try again later");
    return true;
}
