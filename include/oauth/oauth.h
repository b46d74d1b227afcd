/*
 * oauth/oauth.h: this server's own authorisation server (OAuth 2.1, SMART App Launch 2): it issues the tokens that auth
 * verifies. What it knows is in the database: clients, keys, what is revoked; a thread follows it, once a second, and
 * hands keys and revocations to auth.
 *
 * Its endpoints lie below the FHIR base, which is its name as an issuer too: https://host/fhir/oauth/token. All of them
 * may block, so they run on workers. docs/oauth.md is the manual.
 */
#ifndef KAGARI_OAUTH_OAUTH_H
#define KAGARI_OAUTH_OAUTH_H

#include "auth/auth.h"
#include "base/config.h"
#include "base/json.h"
#include "db/db.h"
#include "http/http.h"

struct oauth;
/* auth must outlive it. The first key is made here. *out NULL: it is not this server's (auth_own_server()). ERR_BUSY:
 * PostgreSQL is away. */
bool oauth_new(const struct config *c, int32_t tenant, struct auth *auth, struct db_conn *conn,
               struct oauth **out, struct err *err) NODISCARD;
void oauth_free(struct oauth *o); /* NULL: nothing */
/* After a reload; c must outlive it. */
void oauth_configure(struct oauth *o, const struct config *c);
/* The issuer, which is the URL of the FHIR base; for the CapabilityStatement. */
struct str oauth_issuer(const struct oauth *o);

enum oauth_endpoint {
    OAUTH_METADATA, /* RFC 8414, and SMART's */
    OAUTH_RESOURCE, /* RFC 9728: what protects the records */
    OAUTH_JWKS,
    OAUTH_AUTHORIZE, /* in a browser, as the next one */
    OAUTH_LOGIN,
    OAUTH_CALLBACK, /* from a provider of identities; the path ends with its name */
    OAUTH_TOKEN,
    OAUTH_INTROSPECT,
    OAUTH_REVOKE,
    OAUTH_LOGOUT,
    OAUTH_REGISTER,
    OAUTH_LAUNCH, /* a record system prepares the start of a program */
};

/* What the audit log is to have: who, at which program, and how. */
struct oauth_event {
    enum oauth_event_kind {
        OAUTH_EVENT_LOGIN,   /* a try: status 200, 401, or 429 when the name is locked */
        OAUTH_EVENT_CONSENT, /* 200, or 403: declined */
        OAUTH_EVENT_REVOKED,
        OAUTH_EVENT_LOGOUT,
    } kind;
    int status;
    struct str subject, client; /* empty where not known: what somebody has typed is not kept */
    struct str patient;         /* the id of the one that was allowed; s NULL: none */
    struct str how;             /* "password", a provider's name, scopes, … */
};

/* What is sent: headers besides those of every answer. All of it in the request's arena. */
struct oauth_answer {
    int status;
    struct str body;
    const char *type; /* NULL: no body */
    struct http_header headers[8];
    size_t n_headers;
    struct oauth_event events[2];
    size_t n_events;
};

/* How records are looked at, as somebody with this token may: "Patient/1", "Patient?name=x". *out NULL: the answer is
 * another than 200. */
struct oauth_look {
    bool (*find)(void *arg, struct str token, const char *url, int *status, json **out, struct err *err);
    void *arg;
};

/* On a worker. Errors of OAuth are answers; err is for what is not its own (the database is away). */
bool oauth_handle(struct oauth *o, enum oauth_endpoint e, const struct http_request *r, struct db_conn *conn,
                  const struct oauth_look *look, struct oauth_answer *out, struct err *err) NODISCARD;

#endif
