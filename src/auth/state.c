#include <stdlib.h>

#include "internal.h"

#define SECOND INT64_C(1000000)

/* Keys that came over a line that others can change are worth nothing. */
static bool is_safe_url(const char *url)
{
    static const char *const local[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    if (strchr(url, '@'))
        return false;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        size_t len = strlen(local[i]);
        if (strncmp(url, local[i], len) == 0 && (url[len] == ':' || url[len] == '/'))
            return true;
    }
    return str_starts(str_of(url), STR("https://"));
}

bool auth_own_server(const struct config *c)
{
    enum { AUTO, ON };
    return c->oauth_server == ON || (c->oauth_server == AUTO && !*c->auth_jwks_file && !*c->auth_jwks_url);
}

bool auth__settings_read(const struct config *c, struct auth__settings *out, struct err *err)
{
    enum { ALL, GRANTED };
    *out = (struct auth__settings){
        .issuer = c->auth_issuer,
        .audiences = c->auth_audience,
        .skew_us = c->auth_clock_skew,
        .min_refresh_us = c->auth_jwks_min_refresh,
        .jwks_file = c->auth_jwks_file,
        .jwks_url = c->auth_jwks_url,
        .base = c->http_base_url,
        .confidentiality = c->auth_confidentiality,
        .sensitivities = c->auth_sensitivities,
        .sealed = c->identity_seal,
        .granted = c->identity_readers == GRANTED,
        .institution = c->tenant.name,
        .institution_claim = c->auth_institution_claim,
        .by_claim = c->tenant.by_claim,
    };
    if (*c->auth_jwks_file && *c->auth_jwks_url)
        return err_set(err, ERR_INVALID, "set auth.jwks_file or auth.jwks_url, not both");
    bool other = *c->auth_jwks_file || *c->auth_jwks_url;
    if (!other && !auth_own_server(c))
        return err_set(err, ERR_INVALID,
                       "set auth.jwks_file or auth.jwks_url: it holds the keys of the tokens' issuer; or let "
                       "oauth.server make this server the issuer");
    if (*c->auth_jwks_url && !is_safe_url(c->auth_jwks_url))
        return err_set(err, ERR_INVALID,
                       "auth.jwks_url must begin with https://, or http:// and a loopback host");
    if (out->skew_us > 3600 * SECOND)
        return err_set(err, ERR_INVALID, "auth.clock_skew must be 1h or less");
    if (out->min_refresh_us < SECOND / 10 || out->min_refresh_us > 24 * 3600 * SECOND)
        return err_set(err, ERR_INVALID, "auth.jwks_min_refresh must be from 100ms to 24h");
    if (out->audiences.n == 0 && *c->http_base_url)
        out->audiences = (struct config_list){1, (const char **)&c->http_base_url};
    if (other && out->audiences.n == 0)
        return err_set(
            err, ERR_INVALID,
            "set auth.audience or http.base_url: else tokens made for other servers would be accepted");
    return true;
}

static struct config_list copy_list(struct arena *a, const struct config_list *from)
{
    struct config_list copy = {from->n, ARENA_ARRAY(a, const char *, from->n)};
    for (int i = 0; i < from->n; i++)
        copy.items[i] = arena_strdup(a, from->items[i]);
    return copy;
}

static struct str copy(struct arena *a, struct str s)
{
    return (struct str){arena_strndup(a, s.s, s.len), s.len};
}

bool auth__state_new(const struct auth__settings *s, struct str jwks_text, const struct auth__own *own,
                     struct auth__state **out, struct err *err)
{
    struct auth__state *st = calloc(1, sizeof *st);
    if (!st)
        return err_detail(err, ERR_INTERNAL, "Out of memory.", "auth__state_new");
    atomic_init(&st->refs, 1);
    arena_init(&st->a, 0);
    st->settings = *s;
    st->settings.issuer = arena_strdup(&st->a, s->issuer);
    st->settings.jwks_file = arena_strdup(&st->a, s->jwks_file);
    st->settings.jwks_url = arena_strdup(&st->a, s->jwks_url);
    st->settings.base = arena_strdup(&st->a, s->base ? s->base : "");
    st->settings.institution = s->institution ? arena_strdup(&st->a, s->institution) : NULL;
    st->settings.institution_claim = arena_strdup(&st->a, s->institution_claim ? s->institution_claim : "");
    st->settings.audiences = copy_list(&st->a, &s->audiences);
    st->settings.sensitivities = copy_list(&st->a, &s->sensitivities);
    if (jwks_text.s) {
        st->jwks_text = copy(&st->a, jwks_text);
        if (!jwks_parse(jwks_text, &st->keys, err)) {
            auth__state_unref(st);
            return false;
        }
    }
    if (own && own->jwks_text.s) {
        st->own.issuer = copy(&st->a, own->issuer);
        st->own.jwks_text = copy(&st->a, own->jwks_text);
        if (!jwks_parse(own->jwks_text, &st->own.keys, err)) {
            auth__state_unref(st);
            return false;
        }
    }
    *out = st;
    return true;
}

void auth__state_unref(struct auth__state *st)
{
    if (!st || atomic_fetch_sub_explicit(&st->refs, 1, memory_order_acq_rel) != 1)
        return;
    jwks_free(st->keys);
    jwks_free(st->own.keys);
    arena_release(&st->a);
    free(st);
}
