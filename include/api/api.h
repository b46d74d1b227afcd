/*
 * api/api.h: what the server does with a request. The flow, one direction:
 *
 *   http → dispatch → routes → auth → negotiate and parse → validate → the interaction's plan → db → its reply → respond
 *
 * An interaction is two pure functions, plan (request → statement) and reply (request, rows → response); one with several
 * dependent steps has the same shape but runs on a worker. The route table says which. Inside a Bundle the same
 * interactions run on the worker's connection.
 */
#ifndef KAGARI_API_API_H
#define KAGARI_API_API_H

#include "audit/audit.h"
#include "auth/auth.h"
#include "conformance/current.h"
#include "consent/consent.h"
#include "http/http.h"
#include "oauth/oauth.h"
#include "search/current.h"
#include "store/store.h"
#include "terminology/terminology.h"
#include "validate/validate.h"

/* Everything a request needs, made at start; shared by all threads. */
struct api_deps {
    const struct fhir_defs *defs;
    struct search_current *search;
    const struct validator *validator;
    struct conformance_current *conformance;
    struct auth *auth;
    struct store *store;
    struct db_pool *pool;
    struct db_async *const *db;       /* by loop */
    struct store_batch *const *batch; /* by loop */
    int n_loops;
    struct audit *audit;
    struct oauth *oauth;             /* NULL: tokens are issued elsewhere */
    struct consent_current *consent; /* NULL: they bind nobody */
    bool nobody; /* there is no such institution: auth refuses every token, and what is open is not there */
};

struct api;
bool api_new(const struct config *c, const struct api_deps *deps, struct api **out,
             struct err *err) NODISCARD;
void api_free(struct api *api);
/* After a reload: requests that begin from now on see these settings, which must outlive the api. */
void api_configure(struct api *api, const struct config *c);
/* Every ten seconds or so: tells the other servers which deferred requests are in hand here. */
bool api_tend(struct api *api, struct db_conn *c, struct err *err) NODISCARD;
/* From now on /health/ready says no, so that load balancers look elsewhere. */
void api_drain(struct api *api);

/* An http_handler; arg is the struct api. */
void api_handle(struct http_request *r, void *arg);
/* An http_streams_fn: NDJSON comes in pieces. */
bool api_streams(const struct http_request *r, void *arg);

#endif
