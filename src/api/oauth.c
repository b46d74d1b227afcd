/* The endpoints of this server's own authorisation server: they answer in forms of their own. */
#include "internal.h"

static bool prepare(struct api_request *r, struct err *err)
{
    return r->api->deps.oauth ||
           err_set(err, ERR_NOT_FOUND, "This server issues no tokens; its administrators know who does");
}

static bool handle(struct api_request *r, enum oauth_endpoint e, struct db_conn *c, struct api_response *out,
                   struct err *err)
{
    struct oauth_answer *answer = ARENA_NEW(r->a, struct oauth_answer);
    if (!oauth_handle(r->api->deps.oauth, e, r->http, c, answer, err))
        return false;
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
AT_ONCE(jwks, OAUTH_JWKS);
ON_WORKER(authorize, OAUTH_AUTHORIZE);
ON_WORKER(login, OAUTH_LOGIN);
ON_WORKER(callback, OAUTH_CALLBACK);
ON_WORKER(token, OAUTH_TOKEN);
ON_WORKER(introspect, OAUTH_INTROSPECT);
ON_WORKER(revoke, OAUTH_REVOKE);
