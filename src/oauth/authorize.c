/* GET or POST oauth/authorize (RFC 6749, 4.1; SMART App Launch, "Obtain authorization code"): is the request one that may
 * be put before somebody? As long as it is not certain whose it is, nobody is sent anywhere. */
#include "internal.h"

enum { STATE_MAX = 1000, NONCE_MAX = 256, CONTEXT_DEPTH = 8 };

bool oauth__send_back(struct oauth__call *c, const json *request, const char *name, const char *value,
                      const char *description)
{
    const struct oauth__field fields[] = {
        {str_of(name), str_of(value)},
        {STR("error_description"), str_of(description)},
        {STR("state"), str_of(json_get_string(request, "state"))},
        {STR("iss"), c->o->issuer}, /* RFC 9207: against mix-ups */
    };
    c->out->status = 303;
    c->out->body = (struct str){NULL, 0};
    c->out->type = NULL;
    oauth__header(c, "Location",
                  str_of(oauth__redirect_with(c->a, json_get_string(request, "redirect_uri"), fields, 4)));
    oauth__header(c, "Referrer-Policy", STR("no-referrer"));
    return true;
}

static bool is_registered(const struct oauth__client *client, const char *uri)
{
    bool fits = false;
    json_each (one, client->redirect_uris)
        fits |= oauth__redirect_matches(one->valuestring, uri);
    return fits;
}

/* 43 characters of base64url: a SHA-256 (RFC 7636, 4.2). */
static bool is_challenge(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == 43 &&
           !text[43];
}

static bool is_text(const char *text, size_t max)
{
    for (const char *p = text; *p; p++)
        if (*p < ' ' || *p > '~')
            return false;
    return strlen(text) <= max;
}

/* Scopes of a person: what programs have for themselves is not theirs to give. */
static const char *of_people(struct arena *a, const char *scopes)
{
    struct buf b;
    buf_init(&b, a, 128);
    for (struct str rest = str_of(scopes); rest.s;) {
        struct str one = str_cut(rest, ' ', &rest);
        if (one.len && !str_starts(one, STR("system/")))
            buf_addf(&b, "%s%.*s", b.len ? " " : "", STR_FMT(one));
    }
    return b.len ? b.s : "";
}

/* Is there something of what was asked for that a resource is read with? */
static bool asks_for_resources(const char *scope)
{
    return strstr(scope, "user/") || strstr(scope, "patient/");
}

struct asked {
    json *request; /* what is kept of it */
    const struct oauth__client *client;
    const char *error, *description; /* NULL: fine */
};

static bool wrong(struct asked *q, const char *error, const char *description)
{
    q->error = error;
    q->description = description;
    return true;
}

/* The context that an EHR has prepared, which is good once (SMART App Launch, "EHR Launch"). */
static bool read_launch(struct oauth__call *c, struct asked *q, const char *launch, struct err *err)
{
    struct sql s;
    const struct db_rows *rows;
    json *context;
    sql_init(&s, c->a, NULL);
    sql_addf(
        &s,
        "DELETE FROM oauth_launch WHERE tenant = $%d AND digest = $%d AND client = $%d AND until > now() "
        "RETURNING context",
        sql_int4(&s, c->o->base.tenant), oauth__sql_digest(&s, launch), sql_text(&s, str_of(q->client->id)));
    if (!db_exec(c->conn, c->a, &s, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return wrong(q, "invalid_request", "launch names no context that was prepared for this client.");
    if (!json_parse(c->a, db_text(rows, 0, 0), CONTEXT_DEPTH, &context, err))
        return false;
    json_each (one, context)
        json_put(c->a, q->request, one->string, json_copy(c->a, one));
    return true;
}

static bool check_rest(struct oauth__call *c, struct asked *q, struct err *err)
{
    const struct oauth__form *f = &c->form;
    const char *type = oauth__field(f, "response_type"), *challenge = oauth__field(f, "code_challenge"),
               *method = oauth__field(f, "code_challenge_method"), *scope = oauth__field(f, "scope"),
               *aud = oauth__field(f, "aud"), *launch = oauth__field(f, "launch"),
               *nonce = oauth__field(f, "nonce"), *prompt = oauth__field(f, "prompt"),
               *mode = oauth__field(f, "response_mode");
    if (oauth__field(f, "request") || oauth__field(f, "request_uri"))
        return wrong(q, oauth__field(f, "request") ? "request_not_supported" : "request_uri_not_supported",
                     "Request objects are not supported.");
    if (!type || strcmp(type, "code") != 0)
        return wrong(q, type ? "unsupported_response_type" : "invalid_request",
                     "response_type must be code.");
    if (mode && strcmp(mode, "query") != 0)
        return wrong(q, "invalid_request", "response_mode must be query.");
    if (!challenge || !is_challenge(challenge) || !method || strcmp(method, "S256") != 0)
        return wrong(q, "invalid_request", "PKCE is needed: code_challenge, and code_challenge_method=S256.");
    if (nonce && !is_text(nonce, NONCE_MAX))
        return wrong(q, "invalid_request", "nonce is too long.");
    const char *granted = oauth__scope_narrow(c->a, of_people(c->a, scope ? scope : ""), q->client->scope);
    if (!*granted)
        return wrong(q, "invalid_scope", "The client may have none of these scopes.");
    if (aud ? !str_is(c->o->issuer, aud) && strcmp(aud, oauth__url(c, "")) != 0 : asks_for_resources(granted))
        return wrong(q, "invalid_request", "aud must be the URL of this FHIR server.");
    if (prompt && strcmp(prompt, "none") == 0)
        return wrong(q, "login_required", "Everybody has to log in here.");
    if (launch && !oauth__scope_has(granted, "launch"))
        return wrong(q, "invalid_scope", "launch needs the scope launch.");
    if (!launch && oauth__scope_has(granted, "launch"))
        return wrong(q, "invalid_request", "The scope launch needs the parameter launch of an EHR.");
    json_add_string(c->a, q->request, "scope", granted);
    json_add_string(c->a, q->request, "challenge", challenge);
    if (nonce)
        json_add_string(c->a, q->request, "nonce", nonce);
    return !launch || read_launch(c, q, launch, err);
}

bool oauth__authorize(struct oauth__call *c, struct err *err)
{
    const char *id = oauth__field(&c->form, "client_id"), *uri = oauth__field(&c->form, "redirect_uri"),
               *state = oauth__field(&c->form, "state");
    struct oauth__client *client = NULL;
    if (id && !oauth__client_find(c->o->base.tenant, c->conn, c->a, id, &client, err))
        return false;
    if (!client || !client->code)
        return oauth__problem_page(c, 400, OAUTH__BAD_CLIENT);
    if (!uri || !is_registered(client, uri))
        return oauth__problem_page(c, 400, OAUTH__BAD_REDIRECT);
    struct asked q = {.request = json_object(c->a), .client = client};
    json_add_string(c->a, q.request, "client", client->id);
    json_add_string(c->a, q.request, "redirect_uri", uri);
    json_add_string(c->a, q.request, "lang", oauth__language(c));
    if (state && is_text(state, STATE_MAX))
        json_add_string(c->a, q.request, "state", state);
    else if (state)
        wrong(&q, "invalid_request", "state is too long.");
    if (!q.error && !check_rest(c, &q, err))
        return false;
    if (q.error)
        return oauth__send_back(c, q.request, "error", q.error, q.description);
    struct oauth__flow f = {.stage = OAUTH__LOGIN, .request = q.request, .client = client};
    return oauth__flow_new(c, &f, err) && oauth__page(c, &f, NULL, OAUTH__NO_NOTE);
}
