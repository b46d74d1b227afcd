/* tests/support/oauth.h: clients of the authorisation server, for flow tests. */
#ifndef KAGARI_TEST_OAUTH_H
#define KAGARI_TEST_OAUTH_H

#include "../src/oauth/internal.h"
#include "support/flow.h"

#define OAUTH_FORM "Authorization:\nContent-Type: application/x-www-form-urlencoded\n"

/* Keys of clients; a stranger's, which no client has. */
enum oauth_key { OAUTH_ES256, OAUTH_ES384, OAUTH_RS384, OAUTH_STRANGER, OAUTH_KEYS };
void oauth_keys_begin(void); /* once a suite */
void oauth_suite_begin(
    void); /* a suite with the server's own authorisation server, and without limits of rate */
const char *oauth_public(enum oauth_key key); /* a JWK; its kid is "client-N" */

/* metadata: members, without braces; the key and client_credentials are added. One that is there is left alone. */
void oauth_client(const char *id, enum oauth_key key, const char *metadata);

/* What is otherwise than right: members of the claims (replaced, or with a value of null taken away) and of the header. */
struct oauth_assertion {
    enum oauth_key key;
    const char *claims, *header; /* "\"exp\":1" or NULL */
};
const char *oauth_assertion(const char *client, struct oauth_assertion how);
/* grant_type=client_credentials; more: further parameters, "&scope=…". */
const struct flow_answer *oauth_credentials(const char *client, struct oauth_assertion how, const char *more);
void oauth_refused(const struct flow_answer *a, int status, const char *error);

/* A JWT with any header and claims; alg "none": without a signature. */
const char *oauth_jwt(enum oauth_key key, const char *header, const char *claims);
json *oauth_claims(const char *token);
const char *oauth_kid(const char *token);
const char *oauth_bearer(const char *token); /* as a header line */

#endif
