/* The route table: everything the server answers but operations, which have a table of their own. The
 * CapabilityStatement is made from both. */
#include "internal.h"

static const struct api_route routes[] = {
    {HTTP_GET, "/health/live", &api__health_live, true},
    {HTTP_GET, "/health/ready", &api__health_ready, true},
    {HTTP_GET, "/metrics", &api__metrics, false},
    {HTTP_GET, "metadata", &api__capabilities, true},
    {HTTP_GET, "/.well-known/oauth-authorization-server/fhir", &api__oauth_metadata, true},
    {HTTP_GET, ".well-known/oauth-authorization-server", &api__oauth_metadata, true},
    {HTTP_GET, "/.well-known/oauth-protected-resource/fhir", &api__oauth_resource, true},
    {HTTP_GET, ".well-known/oauth-protected-resource", &api__oauth_resource, true},
    {HTTP_GET, ".well-known/smart-configuration", &api__oauth_metadata, true},
    {HTTP_GET, ".well-known/openid-configuration", &api__oauth_metadata, true},
    {HTTP_GET, "oauth/authorize", &api__oauth_authorize, true},
    {HTTP_POST, "oauth/authorize", &api__oauth_authorize, true},
    {HTTP_POST, "oauth/login", &api__oauth_login, true},
    {HTTP_GET, "oauth/callback/I", &api__oauth_callback, true},
    {HTTP_POST, "oauth/introspect", &api__oauth_introspect, true},
    {HTTP_POST, "oauth/revoke", &api__oauth_revoke, true},
    {HTTP_GET, "oauth/jwks", &api__oauth_jwks, true},
    {HTTP_POST, "oauth/token", &api__oauth_token, true},
    {HTTP_POST, "oauth/launch", &api__oauth_launch, true},
    {HTTP_GET, "oauth/logout", &api__oauth_logout, true},
    {HTTP_POST, "oauth/logout", &api__oauth_logout, true},
    {HTTP_POST, "oauth/register", &api__oauth_register, true},
    {HTTP_GET, "", &api__search_system, false},
    {HTTP_POST, "", &api__bundle, false},
    {HTTP_GET, "_history", &api__history_system, false},
    {HTTP_GET, "_search", &api__search_system, false},
    {HTTP_POST, "_search", &api__search_system, false},
    {HTTP_GET, "_async/I", &api__deferred_status, false},
    {HTTP_DELETE, "_async/I", &api__deferred_cancel, false},
    {HTTP_GET, "_async/I/V", &api__deferred_file, false},
    {HTTP_GET, "_job/I", &api__job, false},
    {HTTP_DELETE, "_job/I", &api__job_cancel, false},
    {HTTP_GET, "T", &api__search_type, false},
    {HTTP_POST, "T", &api__create, false},
    {HTTP_PUT, "T", &api__conditional_update, false},
    {HTTP_PATCH, "T", &api__conditional_patch, false},
    {HTTP_DELETE, "T", &api__conditional_delete, false},
    {HTTP_GET, "T/_search", &api__search_type, false},
    {HTTP_POST, "T/_search", &api__search_type, false},
    {HTTP_GET, "T/_history", &api__history_type, false},
    {HTTP_GET, "T/I", &api__read, false},
    {HTTP_PUT, "T/I", &api__update, false},
    {HTTP_PATCH, "T/I", &api__patch, false},
    {HTTP_DELETE, "T/I", &api__delete, false},
    {HTTP_GET, "T/I/_history", &api__history_instance, false},
    {HTTP_GET, "T/I/_history/V", &api__vread, false},
    {HTTP_GET, "T/I/C", &api__search_compartment, false},
    {HTTP_GET, "T/I/C/_search", &api__search_compartment, false},
    {HTTP_POST, "T/I/C/_search", &api__search_compartment, false},
};

const struct api_route *api__routes(size_t *n)
{
    *n = sizeof routes / sizeof routes[0];
    return routes;
}

static const char *const method_names[] = {
    [HTTP_GET] = "GET, HEAD", [HTTP_HEAD] = "",       [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",       [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};

/* The segments of the path, decoded; n 0: no pattern has so many, or they cannot be decoded. */
struct path {
    struct str segments[5];
    size_t n;
    const struct fhir_type *type; /* that the first one names */
};

static void split(struct api_request *r, struct path *p)
{
    const size_t most = sizeof p->segments / sizeof p->segments[0];
    struct str rest = r->path;
    p->n = 0;
    do {
        struct str segment = str_cut(rest, '/', &rest);
        if (p->n == most || !str_percent_decode(r->a, segment, false, &p->segments[p->n++])) {
            p->n = 0;
            return;
        }
    } while (rest.s);
    p->type = fhir_resource(r->api->deps.defs, p->segments[0]);
}

/* A name that is none of ours. */
static bool is_plain(struct str text)
{
    return text.len > 0 && text.s[0] != '_' && text.s[0] != '$';
}

/* Does one segment of the path fit that of a pattern? Fills in what it says. */
static bool segment_fits(struct api_request *r, const struct path *path, struct str pattern, struct str text,
                         bool *no_type)
{
    if (pattern.len != 1)
        return str_eq(pattern, text);
    switch (pattern.s[0]) {
    case 'T':
        r->type = path->type;
        *no_type |= !r->type;
        return is_plain(text);
    case 'C':
        r->all_content = str_is(text, "*");
        r->content = r->all_content ? NULL : fhir_resource(r->api->deps.defs, text);
        *no_type |= !r->content && !r->all_content;
        return is_plain(text);
    case 'I':
        r->id = text;
        return is_plain(text);
    default:
        r->vid = text;
        return text.len > 0;
    }
}

/* The first n segments. */
static bool path_fits(struct api_request *r, const struct path *path, size_t n, const char *pattern,
                      bool *no_type)
{
    struct str rest = str_of(pattern);
    r->type = r->content = NULL;
    r->id = r->vid = (struct str){NULL, 0};
    r->all_content = false;
    *no_type = false;
    for (size_t i = 0; i < n && rest.s; i++)
        if (!segment_fits(r, path, str_cut(rest, '/', &rest), path->segments[i], no_type) ||
            !rest.s != (i + 1 == n))
            return false;
    return n > 0;
}

/* The path is "$name", or that behind one of an instance, a type, …. */
static enum api_match route_operation(struct api_request *r, const struct path *path, struct str *allow)
{
    static const struct {
        const char *before;
        unsigned level;
    } places[] = {{"T", LEVEL_TYPE}, {"T/I", LEVEL_INSTANCE}, {"T/I/_history/V", LEVEL_VERSION}};
    struct str name = path->segments[path->n - 1];
    unsigned level = LEVEL_SYSTEM;
    bool no_type = false;
    if (path->n > 1) {
        size_t i = 0;
        while (i < sizeof places / sizeof places[0] &&
               !path_fits(r, path, path->n - 1, places[i].before, &no_type))
            i++;
        if (i == sizeof places / sizeof places[0])
            return MATCH_NO_PATH;
        level = places[i].level;
    }
    if (no_type)
        return MATCH_NO_TYPE;
    r->operation = api__operation((struct str){name.s + 1, name.len - 1}, level, r->type);
    if (!r->operation)
        return MATCH_NO_OPERATION;
    *allow = r->operation->affects_state ? STR("POST") : STR("GET, HEAD, POST");
    if (r->method != HTTP_POST &&
        (r->operation->affects_state || (r->method != HTTP_GET && r->method != HTTP_HEAD)))
        return MATCH_NO_METHOD;
    r->route = &r->operation->on;
    r->run = r->route->interaction->run;
    return MATCH_OK;
}

/* Most patterns are ruled out by their first letter. */
static bool begins(const char *pattern, struct str first)
{
    return pattern[0] == 'T' || !first.len || pattern[0] == first.s[0];
}

enum api_match api__route(struct api_request *r, struct str *allow)
{
    enum http_method method = r->method == HTTP_HEAD ? HTTP_GET : r->method;
    struct buf methods;
    bool unknown_type = false;
    struct path path;
    r->operation = NULL;
    split(r, &path);
    if (path.n && str_starts(path.segments[path.n - 1], STR("$")))
        return route_operation(r, &path, allow);
    buf_init(&methods, r->a, 0);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        bool no_type;
        if (path.n && !begins(routes[i].pattern, path.segments[0]))
            continue;
        if (!path_fits(r, &path, path.n, routes[i].pattern, &no_type))
            continue;
        unknown_type |= no_type;
        if (no_type)
            continue;
        if (routes[i].method == method) {
            r->route = &routes[i];
            r->run = routes[i].interaction->run;
            api__audit_route(r);
            return MATCH_OK;
        }
        buf_addf(&methods, "%s%s", methods.len ? ", " : "", method_names[routes[i].method]);
    }
    *allow = buf_str(&methods);
    return methods.len ? MATCH_NO_METHOD : unknown_type ? MATCH_NO_TYPE : MATCH_NO_PATH;
}
