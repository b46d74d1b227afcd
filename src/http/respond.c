#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "internal.h"

enum { LEVEL = 3 }; /* of zlib: on FHIR's JSON as fast as 1 and a fifth smaller; 6 takes 2.5 times as long */

struct str http_header(const struct http_request *r, const char *name)
{
    struct str n = str_of(name);
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_ieq(r->headers[i].name, n))
            return r->headers[i].value;
    return (struct str){NULL, 0};
}

void http_add_header(struct http_request *r, struct http_response *p, const char *name, struct str value)
{
    *ARENA_PUSH(r->a, p->headers, p->n_headers, p->cap_headers) = (struct http_header){str_of(name), value};
}

/* ---- compression: each thread keeps its deflater ---- */

static pthread_key_t deflater_key;

static void deflater_free(void *z)
{
    deflateEnd(z);
    free(z);
}

static void deflater_key_make(void)
{
    pthread_key_create(&deflater_key, deflater_free);
}

static z_stream *deflater(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, deflater_key_make);
    z_stream *z = pthread_getspecific(deflater_key);
    if (z)
        return deflateReset(z) == Z_OK ? z : NULL;
    z = calloc(1, sizeof(*z));
    if (!z || deflateInit2(z, LEVEL, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        return NULL;
    }
    pthread_setspecific(deflater_key, z);
    return z;
}

/* False when the compressed form would not be smaller. */
static bool compress_body(struct arena *a, struct str *body)
{
    z_stream *z = deflater();
    if (!z || body->len > UINT32_MAX / 2)
        return false;
    char *out = arena_alloc(a, body->len);
    z->next_in = (unsigned char *)(uintptr_t)body->s;
    z->avail_in = (unsigned)body->len;
    z->next_out = (unsigned char *)out;
    z->avail_out = (unsigned)body->len;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return false;
    *body = (struct str){out, body->len - z->avail_out};
    return true;
}

/* ---- CORS ---- */

#define CORS_METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
#define CORS_HEADERS                                                                                         \
    "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, If-None-Exist, "                  \
    "If-Modified-Since, "                                                                                    \
    "Kagari-Position, X-Request-Id, X-Requested-With"
#define CORS_EXPOSED                                                                                         \
    "ETag, Location, Content-Location, Last-Modified, Retry-After, X-Progress, X-Request-Id, "               \
    "Kagari-Position"

static void add(struct MHD_Response *m, const char *name, const char *value)
{
    MHD_add_response_header(m, name, value);
}

/* Whether the page that asks may read the answer; tells the browser so. */
static bool add_origin(struct http__request *r, struct MHD_Response *m)
{
    const struct http__settings *s = r->settings;
    if (s->n_origins == 0)
        return false;
    struct str origin = http_header(&r->pub, "origin");
    if (s->any_origin) {
        if (origin.s)
            add(m, "Access-Control-Allow-Origin", "*");
        return origin.s != NULL;
    }
    add(m, "Vary", "Origin");
    for (int i = 0; i < s->n_origins && origin.s; i++) {
        if (str_eq(origin, s->origins[i])) {
            add(m, "Access-Control-Allow-Origin", s->origins[i].s);
            return true;
        }
    }
    return false;
}

/* ---- responses ---- */

static void give(struct http__request *r, struct MHD_Response *m, int status, size_t bytes)
{
    struct http__front *f = r->front;
    r->response = m;
    r->status = status;
    r->bytes_out = r->pub.method == HTTP_HEAD ? 0 : bytes;
    if (m) {
        add(m, "X-Request-Id", r->pub.id);
        if (atomic_load_explicit(&f->server->draining, memory_order_relaxed)) {
            add(m, "Connection", "close");
            r->stays = false;
        }
    }
    if (loop_current() == f->loop)
        http__request_deliver(r);
    else
        loop_post(f->loop, http__request_deliver, r);
}

void http_respond(struct http_request *request, const struct http_response *p)
{
    struct http__request *r = (struct http__request *)request;
    const struct http__settings *s = r->settings;
    struct str body = p->body, type = {NULL, 0};
    bool encoded = false, compressed = false;
    for (size_t i = 0; i < p->n_headers; i++) {
        type = str_ieq(p->headers[i].name, STR("content-type")) ? p->headers[i].value : type;
        encoded |= str_ieq(p->headers[i].name, STR("content-encoding"));
    }
    bool compressible = s->compress && !encoded && body.len >= s->compress_min && http__compresses(type);
    if (compressible && http__accepts_gzip(http_header(&r->pub, "accept-encoding")))
        compressed = compress_body(r->pub.a, &body);
    struct MHD_Response *m =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.s, MHD_RESPMEM_PERSISTENT);
    for (size_t i = 0; m && i < p->n_headers; i++) {
        struct str name = p->headers[i].name, value = p->headers[i].value;
        add(m, arena_strndup(r->pub.a, name.s, name.len), arena_strndup(r->pub.a, value.s, value.len));
    }
    if (m) {
        if (compressed)
            add(m, "Content-Encoding", "gzip");
        if (compressible)
            add(m, "Vary", "Accept-Encoding");
        if (add_origin(r, m))
            add(m, "Access-Control-Expose-Headers", CORS_EXPOSED);
    }
    give(r, m, p->status, body.len);
}

void http__respond_plain(struct http__request *r, int status, const char *interaction)
{
    r->pub.log_interaction = interaction;
    give(r, MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT), status, 0);
}

bool http__is_preflight(const struct http__request *r)
{
    return r->pub.method == HTTP_OPTIONS && r->settings->n_origins && http_header(&r->pub, "origin").s &&
           http_header(&r->pub, "access-control-request-method").s;
}

void http__respond_preflight(struct http__request *r)
{
    r->pub.log_interaction = "preflight";
    struct MHD_Response *m =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    bool allowed = m && add_origin(r, m);
    if (allowed) {
        add(m, "Access-Control-Allow-Methods", CORS_METHODS);
        add(m, "Access-Control-Allow-Headers", CORS_HEADERS);
        add(m, "Access-Control-Max-Age", "7200");
    }
    give(r, m, allowed ? 204 : 403, 0);
}
