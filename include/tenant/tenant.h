/*
 * tenant/tenant.h: the institutions whose data one database holds. Each is a tenant: a number that leads every key of the
 * database, a name in URLs (https://host/NAME/fhir), keys of its own, and settings that differ from the server's.
 *
 * The first one, number 1, is always there; it lies at https://host/fhir and has the server's settings. A server with that
 * one alone knows of no institutions at all.
 *
 * What reads a struct config works for whoever the settings are of: config.tenant says it.
 *
 * docs/institutions.md
 */
#ifndef KAGARI_TENANT_TENANT_H
#define KAGARI_TENANT_TENANT_H

#include "base/config.h"
#include "db/db.h"

enum { TENANT_FIRST = 1, TENANT_SALT = sizeof((struct config *)0)->tenant.salt };

enum tenant_state { TENANT_ACTIVE = 1, TENANT_SUSPENDED = 2, TENANT_REMOVING = 3 };

struct tenant {
    int32_t id;
    enum tenant_state state;
    const char *name, *settings;
    uint8_t salt[TENANT_SALT];
    int64_t made_us;
};

/* A label of a URL's path that no route of the server begins with: small letters, digits and hyphens. */
bool tenant_name_valid(struct str name);

/* All of them, by name. What is read lives in a. */
bool tenant_list(struct db_conn *c, struct arena *a, struct tenant **list, size_t *n,
                 struct err *err) NODISCARD;
/* ERR_NOT_FOUND: there is none of that name. */
bool tenant_find(struct db_conn *c, struct arena *a, const char *name, struct tenant *out,
                 struct err *err) NODISCARD;
/* ERR_CONFLICT: there is one of that name. */
bool tenant_add(struct db_conn *c, struct arena *a, const char *name, const char *settings,
                struct err *err) NODISCARD;
/* Servers follow within seconds. Not the first one. */
bool tenant_change(struct db_conn *c, struct arena *a, const struct tenant *t, enum tenant_state state,
                   const char *settings, struct err *err) NODISCARD;

/*
 * The settings of an institution: the server's, but for its own ones, its place in URLs and its folders. What is new lives in
 * a. ERR_INVALID: one of its settings is not one that an institution may have, or has a wrong value.
 */
bool tenant_settings(const struct config *server, const struct tenant *t, struct arena *a, struct config *out,
                     struct err *err) NODISCARD;
/* "https://host/fhir" → "https://host/NAME/fhir" */
const char *tenant_url(struct arena *a, const char *server, const char *name);

/* "--institution NAME", taken out of a command's arguments; NULL: not given. */
const char *tenant_option(int *argc, char **argv);
/* What a command's settings become with it; name NULL: what they are. */
bool tenant_choose(struct db_conn *c, struct arena *a, const char *name, struct config *settings,
                   struct err *err) NODISCARD;
#define TENANT_USAGE "  --institution NAME  of this institution (default: the first one)\n"

#endif
