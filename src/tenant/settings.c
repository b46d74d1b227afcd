/* What an institution has of its own: a text of "key = value" lines, laid over the server's settings. */
#include <stdlib.h>

#include "tenant/tenant.h"

/* The rest is the server's: connections, threads, memory, certificates. */
static const char *const own[] = {
    "audit.address",    "audit.keep_days", "auth.",        "http.base_url",    "identity.",
    "oauth.",           "packages.",       "search.",      "store.client_ids", "store.conditional_delete",
    "store.references", "store.zone",      "terminology.", "validate."};

static bool may_have(struct str key)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i][strlen(own[i]) - 1] == '.' ? str_starts(key, str_of(own[i])) : str_is(key, own[i]))
            return true;
    return false;
}

const char *tenant_url(struct arena *a, const char *server, const char *name)
{
    static const char base[] = "/fhir";
    struct str url = str_of(server);
    if (!str_ends(url, str_of(base)))
        return arena_printf(a, "%s/%s", server, name);
    return arena_printf(a, "%.*s/%s%s", (int)(url.len - (sizeof base - 1)), url.s, name, base);
}

/* Beside the server's, so that one institution's entries are never taken for another's. */
static const char *folder(struct arena *a, const char *server, const char *name)
{
    const char *parent = *server ? server : getenv("STATE_DIRECTORY");
    return parent ? arena_printf(a, "%s/institution-%s", parent, name) : "";
}

/* The server's, and those that are URLs of its base once more with the institution's place. */
static void add_audiences(struct arena *a, const struct config_list *server, const char *name,
                          struct config_list *out)
{
    *out = (struct config_list){0, ARENA_ARRAY(a, const char *, 2 * server->n)};
    for (int i = 0; i < server->n; i++) {
        out->items[out->n++] = server->items[i];
        if (str_ends(str_of(server->items[i]), STR("/fhir")))
            out->items[out->n++] = tenant_url(a, server->items[i], name);
    }
}

bool tenant_settings(const struct config *server, const struct tenant *t, struct arena *a, struct config *out,
                     struct err *err)
{
    *out = *server;
    if (t->id == TENANT_FIRST)
        return true;
    out->tenant = (struct config_tenant){.id = t->id, .name = arena_strdup(a, t->name)};
    memcpy(out->tenant.salt, t->salt, sizeof t->salt);
    out->http_base_url = *server->http_base_url ? tenant_url(a, server->http_base_url, t->name) : "";
    out->oauth_issuer = *server->oauth_issuer ? tenant_url(a, server->oauth_issuer, t->name) : "";
    out->audit_directory = folder(a, server->audit_directory, t->name);
    for (struct str rest = str_of(t->settings); rest.s;) {
        struct str line = str_trim(str_cut(rest, '\n', &rest)), value,
                   key = str_trim(str_cut(line, '=', &value));
        if (!line.len)
            continue;
        if (!may_have(key))
            return err_set(err, ERR_INVALID, "'%.*s' is no setting that an institution has of its own",
                           STR_FMT(key));
        if (!value.s)
            return err_set(err, ERR_INVALID, "%.*s: expected key = value", STR_FMT(key));
        if (!config_set(out, a, key, str_trim(value), err))
            return false;
    }
    out->tenant.by_claim = out->auth_audience.items == server->auth_audience.items;
    if (out->tenant.by_claim)
        add_audiences(a, &server->auth_audience, t->name, &out->auth_audience);
    return true;
}

const char *tenant_option(int *argc, char **argv)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], "--institution") != 0)
            continue;
        const char *name = argv[i + 1];
        memmove(argv + i, argv + i + 2, sizeof *argv * (size_t)(*argc - i - 1));
        *argc -= 2;
        return name;
    }
    return NULL;
}

bool tenant_choose(struct db_conn *c, struct arena *a, const char *name, struct config *settings,
                   struct err *err)
{
    struct tenant t;
    const struct config server = *settings;
    return !name || (tenant_find(c, a, name, &t, err) && tenant_settings(&server, &t, a, settings, err));
}
