/*
 * http/http.h: the HTTP front end: libmicrohttpd (and GnuTLS under it) and zlib. Knows no FHIR.
 *
 * Threading: one loop thread a core, each with its own MHD daemon on a SO_REUSEPORT socket, driven through
 * MHD's epoll descriptor. The handler is called on the loop's thread when a request's body is complete; it
 * must not block. It answers with http_respond(), at once or later, from that thread or from any other one.
 *
 * A request and its arena live until the response has been sent; both are the front end's.
 *
 * A body that may be larger than memory comes in pieces: the handler is called when the headers are there, and names with
 * http_stream() who takes them. What it does not take at once, the client has to wait with.
 */
#ifndef KAGARI_HTTP_HTTP_H
#define KAGARI_HTTP_HTTP_H

#include "base/config.h"
#include "base/loop.h"
#include "base/str.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};

struct http_header {
    struct str name, value;
};

struct http_request {
    struct arena *a;
    enum http_method method;
    struct str path;  /* raw, before '?', not percent-decoded */
    struct str mount; /* what the handler has taken off the front of the path, for URLs; empty: nothing */
    struct str query; /* raw, after '?'; empty without */
    const struct http_header *headers;
    size_t n_headers;
    struct str body;        /* whole, decompressed; empty when */
    bool streamed;          /* it comes in pieces */
    bool body_too_large;    /* over the limit: the body is empty */
    const char *body_error; /* Content-Encoding unknown or broken, for clients to read; NULL: fine */
    struct str peer;        /* address of the client, behind trusted proxies its real one; NUL-terminated */
    bool tls;               /* the client's side of the connection is encrypted */
    struct str origin; /* scheme and authority the client used: "https://host:8443"; of URL characters only */
    struct str
        client_certs; /* the client's certificates (crypto/cert.h), whose key it has; verified by nobody; len 0: none */
    char id[64]; /* X-Request-Id, given or made */
    int64_t started_us;
    int loop;   /* index of the loop that holds the connection */
    void *user; /* the handler's */
    /* for the log line and the metrics, set by the handler; static strings */
    const char *log_interaction, *log_type;
    int64_t log_db_us;
};

struct str http_header(const struct http_request *r, const char *name); /* s NULL when absent; case ignored */

struct http_response {
    int status;
    struct http_header *headers;
    size_t n_headers, cap_headers;
    struct str body; /* in the request's arena */
};

void http_add_header(struct http_request *r, struct http_response *p, const char *name, struct str value);

/* Thread safe, once for each request; r is not to be touched afterwards. response may live on the stack; all
 * it points to is in r->a or static. Compression, HEAD, Content-Length, X-Request-Id, Date and CORS headers
 * are the front end's. */
void http_respond(struct http_request *r, const struct http_response *response);

typedef void (*http_handler)(struct http_request *r, void *arg);

/* Bodies in pieces. All on the loop's thread. */
enum http_piece {
    HTTP_PIECE, /* decompressed; valid during the call */
    HTTP_END, /* there is no more: r->body_too_large and r->body_error tell whether it was whole. Answer now, or later */
    HTTP_LOST, /* the client is gone, and the request with it: it must not be answered */
};
/* False: nothing more for now, until http_stream_resume(). */
typedef bool (*http_stream_fn)(void *arg, enum http_piece what, struct str data);
/* Within the handler, unless it has answered. fn is not called after http_respond(), which waits for HTTP_END. */
void http_stream(struct http_request *r, http_stream_fn fn, void *arg);
void http_stream_resume(struct http_request *r);
/* Which requests are those? Asked when the headers are there; arg is the handler's. */
typedef bool (*http_streams_fn)(const struct http_request *r, void *arg);

struct http_server;
/* Binds, reads certificates; the loops are the caller's (http_loops of the config). */
bool http_server_new(const struct config *c, struct loop *const *loops, int n_loops, http_handler fn,
                     void *arg, struct http_server **out, struct err *err) NODISCARD;
void http_server_streams(struct http_server *s, http_streams_fn fn); /* before the loops run */
int http_server_port(const struct http_server *s);
/* New certificates, keys and limits; connections stay. On error the old ones stay. Any thread. */
bool http_server_reload(struct http_server *s, const struct config *c, struct err *err) NODISCARD;
/* Stops accepting; requests in flight are answered with Connection: close. */
void http_server_drain(struct http_server *s);
int http_server_active(const struct http_server *s); /* requests in flight */
void http_server_free(struct http_server *s);        /* after its loops have ended, before loop_free() */

/* Asks a server; blocks, for threads that may (libcurl). https is verified, http goes to this machine only,
 * redirections are not followed. */
struct http_call {
    enum http_method method;
    const char *url;
    const struct http_header *headers;
    size_t n_headers;
    struct str body;     /* s NULL: none */
    const char *ca_file; /* PEM; NULL: the system's authorities */
    int64_t timeout_us;
    size_t max; /* bytes of the answer */
};
/* True when there was an answer, whatever its status; its body lives in the arena. */
bool http_call(struct arena *a, const struct http_call *c, int *status, struct str *body,
               struct err *err) NODISCARD;
/* GET, and anything but 200 is an error. */
bool http_get(struct arena *a, const char *url, int64_t timeout_us, size_t max, struct str *body,
              struct err *err) NODISCARD;

#endif
