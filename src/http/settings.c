#include <stdlib.h>

#include "internal.h"

static bool read_trusted(struct http__settings *s, const struct config_list *list, struct err *err)
{
    struct http__network *networks = ARENA_ARRAY(&s->a, struct http__network, list->n + 1);
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        if (!http__network_parse(str_of(list->items[i]), &networks[n]))
            return err_set(
                err, ERR_INVALID,
                "http.trusted_proxies: %s is neither an address, nor a network such as 10.0.0.0/8 with no "
                "bits beyond its prefix, nor unix",
                list->items[i]);
        if (networks[n].bits < 0)
            s->trust_unix = true;
        else
            n++;
    }
    s->trust = (struct http__trust){networks, n};
    return true;
}

bool http__settings_new(const struct config *c, const uint8_t ticket_key[64], struct http__settings **out,
                        struct err *err)
{
    struct http__settings *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_INTERNAL, "out of memory");
    arena_init(&s->a, 0);
    s->refs = 1;
    s->idle_us = c->http_idle_timeout;
    s->request_us = c->http_request_timeout;
    s->max_body = (size_t)c->http_max_body;
    s->max_stream = c->bulk_max_body ? (size_t)c->bulk_max_body : SIZE_MAX / 4;
    s->client_certs = (enum http__client_certs)c->http_client_certs;
    s->compress = c->http_compress;
    s->compress_min = (size_t)c->http_compress_min;
    s->origins = ARENA_ARRAY(&s->a, struct str, c->http_cors_origins.n + 1);
    for (int i = 0; i < c->http_cors_origins.n; i++) {
        struct str origin = str_of(arena_strdup(&s->a, c->http_cors_origins.items[i]));
        s->any_origin |= str_is(origin, "*");
        s->origins[s->n_origins++] = origin;
    }
    if (!read_trusted(s, &c->http_trusted_proxies, err) ||
        (*c->http_tls_cert && !http__tls_new(c, ticket_key, &s->tls, err))) {
        http__settings_unref(s);
        return false;
    }
    *out = s;
    return true;
}

void http__settings_unref(struct http__settings *s)
{
    if (!s || --s->refs)
        return;
    http__tls_free(s->tls);
    arena_release(&s->a);
    free(s);
}
