/* auth/command.h: `kagari token`, and the development key behind it and behind `kagari dev`. */
#ifndef KAGARI_AUTH_COMMAND_H
#define KAGARI_AUTH_COMMAND_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* argv[0] is "token". The process's exit status. */
int token_command(int argc, char **argv);

/* What the development instance sets auth.issuer and auth.audience to, and its tokens carry. */
#define AUTH_DEV_ISSUER   "urn:kagari:dev"
#define AUTH_DEV_AUDIENCE "urn:kagari:dev"
#define AUTH_DEV_SCOPE    "system/*.cruds system/explain"

/* Where a development instance keeps its files unless --data says otherwise: $XDG_STATE_HOME/kagari, else
 * ~/.local/state/kagari. NULL without a home. */
const char *auth_dev_data(struct arena *a);

/*
 * The signing key of a development instance: data_dir/token.key (PEM, mode 0600) and its public half
 * data_dir/jwks.json, for auth.jwks_file. Both are made when token.key is missing; jwks.json alone is made
 * anew from the key. Two processes may call it at once: both get the same key.
 */
bool auth_dev_key(struct arena *a, const char *data_dir, struct str *pem, struct err *err) NODISCARD;

struct auth_dev_token {
    const char *scope;             /* NULL: everything on the system level, AUTH_DEV_SCOPE */
    const char *subject;           /* NULL: "dev" */
    const char *issuer, *audience; /* NULL: the two above */
    int64_t ttl_us;                /* 0: 30 days */
    const char *patient;           /* id of the Patient that patient/… speaks for; NULL: none */
    const char *user;              /* fhirUser, "Practitioner/7"; NULL: none */
    const json *claims;            /* more of them, an object; NULL: none */
};
bool auth_dev_mint(struct arena *a, struct str pem, const struct auth_dev_token *t, struct str *token,
                   struct err *err) NODISCARD;

#endif
