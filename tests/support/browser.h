/* tests/support/browser.h: a browser at the authorisation server's pages, a person in front of it and an app behind it. */
#ifndef KAGARI_TEST_BROWSER_H
#define KAGARI_TEST_BROWSER_H

#include "support/flow.h"

#define CALLBACK "https://app.example/back"
#define VERIFIER "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
#define PASSWORD "correct horse battery"

extern const char *browser_cookie; /* NULL: a new browser */

const char *browser_challenge(void);
const struct flow_answer *browser_send(const char *method, const char *path, const char *body);
/* changed: parameters "name=value", '|' between them, that replace those of a request as it has to be; "name=": left out;
 * "+name=value": added. */
const struct flow_answer *browser_authorize(const char *changed);
const char *browser_between(const char *text, const char *from, const char *to);
/* Sends the page's form with these fields. */
const struct flow_answer *browser_fill_in(const struct flow_answer *page, const char *fields);
/* A parameter of where the browser is sent; NULL: it is not there. */
const char *browser_of_redirect(const struct flow_answer *a, const char *name);

/* The client "app" and the user "sato". */
const struct flow_answer *browser_consent_page(const char *changed);
const char *browser_get_code(const char *changed);
const struct flow_answer *browser_exchange_as(const char *client, const char *code, const char *uri,
                                              const char *verifier);
const struct flow_answer *browser_exchange(const char *code);
const struct flow_answer *browser_refresh(const char *token, const char *more);
/* The status of a search with the access token of an answer. */
int browser_reads(const struct flow_answer *a);

/* Those that are there are left alone. totp: of the secret "12345678901234567890". */
void oauth_user(const char *name, const char *fhir_user, bool totp);
void oauth_app(const char *id, const char *metadata);

#endif
