/* The endpoints of this server's own authorisation server: they answer in forms of their own. */
#include "base/clock.h"
#include "entry.h"
#include "internal.h"

static bool prepare(struct api_request *r, struct err *err)
{
    return r->api->deps.oauth ||
           err_set(err, ERR_NOT_FOUND, "This server issues no tokens; its administrators know who does");
}

/* ---- what the authorisation server asks of records: as any other request, and so for the audit log -------------------- */

enum { SHAPE_MAX = 480 };

struct looking {
    const struct api_request *r;
    struct db_conn *c;
};

static json *request_of(struct arena *a, const char *url)
{
    json *node = json_object(a), *request = json_add(a, node, "request", json_object(a));
    json_add_string(a, request, "method", "GET");
    json_add_string(a, request, "url", url);
    return node;
}

/* *out NULL: it is refused, or not there. */
static bool run(struct api_request *whole, const char *url, struct db_conn *c, int *status, json **out,
                struct err *err)
{
    struct entry e = {0};
    struct err why;
    if (!entry_request(whole, request_of(whole->a, url), &e, &why) || !api__prepare(e.r, &e.out, &why) ||
        (!e.out.status && !api__run_on(e.r, c, &e.out, &why)))
        api__error_response(e.r, &why, &e.out);
    if (!api__audit(e.r, &e.out))
        return err_set(err, ERR_BUSY, "The access cannot be entered into the audit log now; try again later");
    *status = e.out.status;
    if (e.out.status >= 500)
        return err_set(err, ERR_BUSY, "The records cannot be searched at the moment; try again later");
    return e.out.status != 200 || e.out.issues || json_parse(whole->a, e.out.resource, INT16_MAX, out, err);
}

static bool find(void *arg, struct str token, const char *url, int *status, json **out, struct err *err)
{
    const struct looking *l = arg;
    struct arena *a = l->r->a;
    struct api_request whole = *l->r;
    struct auth_principal *p = ARENA_NEW(a, struct auth_principal);
    *out = NULL;
    if (!auth_check(l->r->api->deps.auth, a, str_of(arena_printf(a, "Bearer %.*s", STR_FMT(token))),
                    l->r->http->client_certs, p, err))
        return false;
    whole.principal = p;
    whole.format = FORMAT_JSON;
    return api__relate(&whole, l->c, err) && run(&whole, url, l->c, status, out, err);
}

/* ---- what the audit log is to have ------------------------------------------------------------------------------------ */

static bool enter(const struct api_request *r, const struct oauth_event *from)
{
    static const enum audit_op ops[] = {[OAUTH_EVENT_LOGIN] = AUDIT_LOGIN,
                                        [OAUTH_EVENT_CONSENT] = AUDIT_CONSENT,
                                        [OAUTH_EVENT_REVOKED] = AUDIT_TOKEN_REVOKED,
                                        [OAUTH_EVENT_LOGOUT] = AUDIT_LOGOUT};
    const struct audit_who who = {.subject = from->subject,
                                  .client = from->client,
                                  .issuer = oauth_issuer(r->api->deps.oauth),
                                  .level = STR("user"),
                                  .address =
                                      r->config->audit_address ? r->http->peer : (struct str){NULL, 0}};
    struct audit_event e = {.op = ops[from->kind],
                            .status = from->status,
                            .at_us = clock_wall_us(),
                            .shape = {from->how.s, from->how.len < SHAPE_MAX ? from->how.len : SHAPE_MAX},
                            .request = str_of(r->http->id)};
    if (from->patient.s) {
        e.type = fhir_resource(r->api->deps.defs, STR("Patient"));
        e.id = from->patient;
        e.find = AUDIT_FIND_BY_ID;
    }
    return audit_put(r->api->deps.audit, r->http->loop, &who, &e);
}

static bool handle(struct api_request *r, enum oauth_endpoint e, struct db_conn *c, struct api_response *out,
                   struct err *err)
{
    struct oauth_answer *answer = ARENA_NEW(r->a, struct oauth_answer);
    struct looking looking = {r, c};
    const struct oauth_look look = {find, &looking};
    if (!oauth_handle(r->api->deps.oauth, e, r->http, c, &look, answer, err))
        return false;
    for (size_t i = 0; r->api->deps.audit && i < answer->n_events; i++)
        if (!enter(r, &answer->events[i]))
            return err_set(err, ERR_BUSY, "This cannot be entered into the audit log now; try again later");
    *out = (struct api_response){.status = answer->status,
                                 .raw = answer->type ? answer->body : (struct str){NULL, 0},
                                 .raw_type = answer->type,
                                 .headers = answer->headers,
                                 .n_headers = answer->n_headers};
    return true;
}

/* What needs no database is answered without one. */
#define AT_ONCE(name, endpoint)                                                                              \
    static bool name##_reply(struct api_request *r, const struct db_rows *rows, struct api_response *out,    \
                             struct err *err)                                                                \
    {                                                                                                        \
        (void)rows;                                                                                          \
        return handle(r, endpoint, NULL, out, err);                                                          \
    }                                                                                                        \
    const struct api_interaction api__oauth_##name = {.code = "oauth-" #name,                                \
                                                      .run = RUN_NOW,                                        \
                                                      .foreign = true,                                       \
                                                      .access = ACCESS_OPEN,                                 \
                                                      .prepare = prepare,                                    \
                                                      .reply = name##_reply}
#define ON_WORKER(name, endpoint)                                                                            \
    static bool name##_work(struct api_request *r, struct db_conn *c, struct api_response *out,              \
                            struct err *err)                                                                 \
    {                                                                                                        \
        return handle(r, endpoint, c, out, err);                                                             \
    }                                                                                                        \
    const struct api_interaction api__oauth_##name = {.code = "oauth-" #name,                                \
                                                      .run = RUN_WORKER,                                     \
                                                      .foreign = true,                                       \
                                                      .access = ACCESS_OPEN,                                 \
                                                      .prepare = prepare,                                    \
                                                      .work = name##_work}

AT_ONCE(metadata, OAUTH_METADATA);
AT_ONCE(resource, OAUTH_RESOURCE);
AT_ONCE(jwks, OAUTH_JWKS);
ON_WORKER(authorize, OAUTH_AUTHORIZE);
ON_WORKER(login, OAUTH_LOGIN);
ON_WORKER(callback, OAUTH_CALLBACK);
ON_WORKER(token, OAUTH_TOKEN);
ON_WORKER(introspect, OAUTH_INTROSPECT);
ON_WORKER(revoke, OAUTH_REVOKE);
ON_WORKER(launch, OAUTH_LAUNCH);
ON_WORKER(logout, OAUTH_LOGOUT);
ON_WORKER(register, OAUTH_REGISTER);
