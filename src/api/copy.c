/* What a request has, copied for work that goes on without it. */
#include "internal.h"

static struct str copy(struct arena *a, struct str s)
{
    return s.s ? (struct str){arena_strndup(a, s.s, s.len), s.len} : s;
}

void api__copy_http(struct arena *a, const struct http_request *from, struct http_request *to)
{
    *to = *from;
    to->a = a;
    to->user = NULL;
    to->path = copy(a, from->path);
    to->mount = copy(a, from->mount);
    to->query = copy(a, from->query);
    to->body = copy(a, from->body);
    to->peer = copy(a, from->peer);
    to->origin = copy(a, from->origin);
    struct http_header *headers = ARENA_ARRAY(a, struct http_header, from->n_headers);
    to->n_headers = 0;
    for (size_t i = 0; i < from->n_headers; i++)
        if (!str_ieq(from->headers[i].name, STR("Authorization")))
            headers[to->n_headers++] =
                (struct http_header){copy(a, from->headers[i].name), copy(a, from->headers[i].value)};
    to->headers = headers;
}
