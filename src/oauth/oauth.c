#include "oauth/oauth.h"

#include <stdlib.h>

#include "base/clock.h"
#include "internal.h"

static bool read_issuer(struct oauth *o, const struct config *c, struct err *err)
{
    struct str issuer = str_of(*c->oauth_issuer ? c->oauth_issuer : c->http_base_url);
    if (!issuer.len)
        return err_set(
            err, ERR_INVALID,
            "set http.base_url, the URL under which clients reach the server: it names the server in "
            "tokens; or the issuer of the tokens by auth.jwks_url or auth.jwks_file");
    if (issuer.s[issuer.len - 1] == '/' || memchr(issuer.s, '?', issuer.len) ||
        memchr(issuer.s, '#', issuer.len) ||
        !(str_starts(issuer, STR("https://")) || str_starts(issuer, STR("http://"))))
        return err_set(err, ERR_INVALID,
                       "http.base_url and oauth.issuer are https URLs without a slash at the end");
    o->issuer = str_of(arena_strdup(&o->a, issuer.s));
    return true;
}

static bool check_settings(const struct config *c, struct err *err)
{
    if (c->oauth_access_ttl < OAUTH__SECOND || c->oauth_access_ttl > 3600 * OAUTH__SECOND)
        return err_set(err, ERR_INVALID, "oauth.access_ttl must be from 1s to 1h");
    return c->oauth_key_ttl >= 3600 * OAUTH__SECOND ||
           err_set(err, ERR_INVALID, "oauth.key_ttl must be 1h or more");
}

/* The first key has to be there before anything is answered. */
static bool begin(struct oauth *o, const struct config *c, struct db_conn *conn, struct err *err)
{
    struct arena a;
    const char *kid;
    arena_init(&a, 0);
    bool ok = check_settings(c, err) && read_issuer(o, c, err) &&
              oauth__providers_read(o, c->oauth_providers, err) &&
              oauth__base_init(&o->base, c, o->base.tenant, err) &&
              oauth__key_tend(&o->base, conn, &a, c->oauth_key_ttl, &kid, err) &&
              oauth__follow(o, conn, err) && oauth__keeper_start(o, err);
    arena_release(&a);
    return ok;
}

bool oauth_new(const struct config *c, int32_t tenant, struct auth *auth, struct db_conn *conn,
               struct oauth **out, struct err *err)
{
    *out = NULL;
    if (!auth_own_server(c))
        return true;
    struct oauth *o = calloc(1, sizeof *o);
    if (!o)
        return err_detail(err, ERR_INTERNAL, "Out of memory.", "oauth_new");
    arena_init(&o->a, 0);
    o->auth = auth;
    o->base.tenant = tenant;
    o->own = *c;
    atomic_init(&o->config, &o->own);
    o->limit = oauth__limit_new();
    pthread_mutex_init(&o->lock, NULL);
    pthread_mutex_init(&o->keeper_lock, NULL);
    pthread_mutex_init(&o->stop_lock, NULL);
    pthread_cond_init(&o->stop_wake, NULL);
    if (!o->limit)
        err_detail(err, ERR_INTERNAL, "Out of memory.", "oauth__limit_new");
    if (!o->limit || !begin(o, c, conn, err)) {
        oauth_free(o);
        return false;
    }
    *out = o;
    return true;
}

void oauth_free(struct oauth *o)
{
    if (!o)
        return;
    oauth__keeper_stop(o);
    oauth__ring_unref(o->ring);
    oauth__fetched_free(o->fetched);
    oauth__limit_free(o->limit);
    free((char *)(uintptr_t)o->revoked.s);
    crypto_wipe(o->base.secret, sizeof o->base.secret);
    pthread_mutex_destroy(&o->lock);
    pthread_mutex_destroy(&o->keeper_lock);
    pthread_mutex_destroy(&o->stop_lock);
    pthread_cond_destroy(&o->stop_wake);
    arena_release(&o->a);
    free(o);
}

void oauth_configure(struct oauth *o, const struct config *c)
{
    struct err ignored;
    if (check_settings(c, &ignored))
        atomic_store(&o->config, c);
}

struct str oauth_issuer(const struct oauth *o)
{
    return o->issuer;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

void oauth__header(struct oauth__call *c, const char *name, struct str value)
{
    if (c->out->n_headers < sizeof c->out->headers / sizeof *c->out->headers)
        c->out->headers[c->out->n_headers++] = (struct http_header){str_of(name), value};
}

bool oauth__json(struct oauth__call *c, int status, const json *body)
{
    *c->out =
        (struct oauth_answer){.status = status, .type = "application/json", .body = json_text(c->a, body)};
    oauth__header(c, "Pragma", STR("no-cache")); /* RFC 6749, 5.1 */
    return true;
}

bool oauth__refuse(struct oauth__call *c, int status, const char *error, const char *description)
{
    json *body = json_object(c->a);
    json_add_string(c->a, body, "error", error);
    json_add_string(c->a, body, "error_description", description);
    return oauth__json(c, status, body);
}

const char *oauth__url(const struct oauth__call *c, const char *below)
{
    return arena_printf(c->a, "%.*s/%s", STR_FMT(c->o->issuer), below);
}

static void let_go(void *held)
{
    oauth__ring_unref(*(struct oauth__ring **)held);
}

struct oauth__ring *oauth__hold_ring(struct oauth__call *c)
{
    struct oauth__ring **held = ARENA_NEW(c->a, struct oauth__ring *);
    arena_cleanup(c->a, let_go, held);
    pthread_mutex_lock(&c->o->lock);
    *held = c->o->ring;
    atomic_fetch_add(&(*held)->refs, 1);
    pthread_mutex_unlock(&c->o->lock);
    return *held;
}

void oauth__event(struct oauth__call *c, enum oauth_event_kind kind, int status, const char *subject,
                  const char *client, const char *how)
{
    if (c->n_events < sizeof c->events / sizeof *c->events)
        c->events[c->n_events++] = (struct oauth_event){.kind = kind,
                                                        .status = status,
                                                        .subject = str_of(subject),
                                                        .client = str_of(client),
                                                        .how = str_of(how)};
}

/* ---- endpoints ----------------------------------------------------------------------------------------------- */

static const struct {
    bool (*run)(struct oauth__call *c, struct err *err);
    bool form; /* takes parameters in a body */
} endpoints[] = {
    [OAUTH_METADATA] = {oauth__metadata, false},  [OAUTH_JWKS] = {oauth__jwks, false},
    [OAUTH_AUTHORIZE] = {oauth__authorize, true}, [OAUTH_LOGIN] = {oauth__login, true},
    [OAUTH_TOKEN] = {oauth__token, true},         [OAUTH_INTROSPECT] = {oauth__introspect, true},
    [OAUTH_REVOKE] = {oauth__revoke_token, true}, [OAUTH_CALLBACK] = {oauth__callback, true},
    [OAUTH_LOGOUT] = {oauth__logout, true},       [OAUTH_REGISTER] = {oauth__register, false},
    [OAUTH_RESOURCE] = {oauth__resource, false},  [OAUTH_LAUNCH] = {oauth__launch, true},
};

static bool is_form(const struct http_request *r)
{
    struct str ignored, type = http_header(r, "Content-Type");
    return type.s &&
           str_ieq(str_trim(str_cut(type, ';', &ignored)), STR("application/x-www-form-urlencoded"));
}

static bool answer(struct oauth__call *c, enum oauth_endpoint e, struct err *err)
{
    struct err why;
    if (e == OAUTH_METADATA || e == OAUTH_RESOURCE || e == OAUTH_JWKS)
        return endpoints[e].run(c, err);
    if (!oauth__limit_take(c->o->limit, c->r->peer, c->config->oauth_token_rate, clock_mono_us())) {
        oauth__refuse(c, 429, "slow_down", "Too many requests from this address; try again in a minute.");
        oauth__header(c, "Retry-After", STR("10"));
        return true;
    }
    if (!endpoints[e].form)
        return endpoints[e].run(c, err);
    if (c->r->method == HTTP_POST && !is_form(c->r))
        return oauth__refuse(c, 400, "invalid_request",
                             "Content-Type: the parameters come as application/x-www-form-urlencoded.");
    if (!oauth__form_parse(c->a, c->r->method == HTTP_POST ? c->r->body : c->r->query, &c->form, &why))
        return oauth__refuse(c, 400, "invalid_request", arena_strdup(c->a, why.msg));
    return endpoints[e].run(c, err);
}

bool oauth_handle(struct oauth *o, enum oauth_endpoint e, const struct http_request *r, struct db_conn *conn,
                  const struct oauth_look *look, struct oauth_answer *out, struct err *err)
{
    struct oauth__call c = {.o = o,
                            .config = atomic_load(&o->config),
                            .r = r,
                            .a = r->a,
                            .conn = conn,
                            .look = look,
                            .now_us = clock_wall_us(),
                            .out = out};
    *out = (struct oauth_answer){0};
    if (!answer(&c, e, err))
        return false;
    memcpy(out->events, c.events, sizeof c.events);
    out->n_events = c.n_events;
    return true;
}
