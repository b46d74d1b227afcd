/*
 * tests/support/flow.h: the whole server but for sockets: event loops, connections, workers, store and api over a
 * real PostgreSQL. A request is a struct, its answer is caught where http_respond() would send it.
 *
 *     tcase_add_unchecked_fixture(tc, flow_suite_begin, flow_suite_end);  // definitions, database: once
 *     tcase_add_checked_fixture(tc, flow_begin, flow_end);                // threads: for each test
 */
#ifndef KAGARI_TEST_FLOW_H
#define KAGARI_TEST_FLOW_H

#include "api/api.h"
#include "support/cost.h"
#include "support/database.h"

#define FLOW_BASE "http://flow.test/fhir"

void flow_suite_begin(void);
void flow_suite_end(void);
void flow_base(
    const char *setting);        /* after flow_suite_begin(): "db.workers=2", for what begins from now on */
void flow_seal(void);            /* the same: identities are sealed */
const char *flow_conninfo(void); /* of the suite's database */
void flow_begin(void);
void flow_end(void);

struct arena *flow_arena(void);  /* of the test */
struct db_conn *flow_conn(void); /* of the test */
const struct config *flow_config(void);
const struct fhir_defs *flow_defs(void);
struct audit *flow_audit(void); /* without a thread: audit_turn() brings its entries to the database */
/* What the server that answers knows of conformance resources, and the one that was started last. */
struct conformance_current *flow_conformance(void);
struct conformance_current *flow_other_conformance(void);

/* Starts what works beside the requests; another start is another server over the same database, without requests.
 * Whatever runs is stopped by flow_end(). */
void flow_jobs_start(void);
/* The first one ends. */
void flow_jobs_stop(void);

/* Another institution, as `kagari tenant add` makes it, with settings of its own ("" or lines); its paths are
 * "/NAME/fhir/…". The databases of a suite keep it; it is open until flow_end(). */
void flow_institution(const char *name, const char *settings);
/* The registry is read again; what has changed there is in force when it returns. */
void flow_institutions_follow(void);

/* "store.references=enforce"; for requests sent from now on. */
void flow_set(const char *setting);

/* The same, for the authorisation server too. */
void flow_oauth_set(const char *setting);

/* Certificates (crypto/cert.h) that clients have shown by TLS, for requests sent from now on; len 0: none. */
void flow_certificates(struct str certs);
/* A file that goes with the suite; its path. */
const char *flow_file(const char *name, struct str text);

struct flow_answer {
    int status;
    struct str headers; /* "Name: value\n" each */
    struct str body;
    json *json;       /* of the body; NULL when there is none or it is not JSON */
    struct cost cost; /* from its arrival to its answer, when it was alone */
};

/* headers: "Name: value\n" each, or NULL; a token is sent unless they name Authorization. A path is below the base
 * unless it begins with '/'. body NULL: none. Answers live in flow_arena(). */
const struct flow_answer *flow(const char *method, const char *path, const char *headers, const char *body);
/* Without waiting. */
struct flow_call;
struct flow_call *flow_send(const char *method, const char *path, const char *headers, const char *body);
const struct flow_answer *flow_wait(struct flow_call *call);

static inline const struct flow_answer *flow_get(const char *path)
{
    return flow("GET", path, NULL, NULL);
}
static inline const struct flow_answer *flow_put(const char *path, const char *body)
{
    return flow("PUT", path, NULL, body);
}
static inline const struct flow_answer *flow_post(const char *path, const char *body)
{
    return flow("POST", path, NULL, body);
}
static inline const struct flow_answer *flow_delete(const char *path)
{
    return flow("DELETE", path, NULL, NULL);
}

/* A header's value; NULL when absent. */
const char *flow_header(const struct flow_answer *answer, const char *name);
/* A token with these scopes, as an Authorization header; and with more claims, a JSON object. */
const char *flow_token(const char *scope);
const char *flow_token_with(const char *scope, const char *claims);
/* A token alone that may do everything, by the configured issuer's key; NULL: as it has to be. */
const char *flow_token_of(const char *issuer, const char *audience);

/* The text at a path such as "entry[1].response.status"; fails the test when there is none. */
const char *flow_text(const json *node, const char *path);
json *flow_node(const json *node, const char *path); /* NULL when there is none */

#define ck_status(answer, expected)                                                                          \
    do {                                                                                                     \
        const struct flow_answer *ck_answer = (answer);                                                      \
        if (ck_answer->status != (expected))                                                                 \
            ck_abort_msg("%s: %d instead of %d: %.*s", #answer, ck_answer->status, (expected),               \
                         (int)(ck_answer->body.len > 1500 ? 1500 : ck_answer->body.len), ck_answer->body.s); \
    } while (0)

#endif
