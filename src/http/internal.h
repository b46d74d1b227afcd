/*
 * http/internal.h: what the files of this module share.
 *
 *   server.c    sockets, one front a loop, reload, drain
 *   front.c     one loop's libmicrohttpd daemon and its turns
 *   connection.c   connections and their deadlines
 *   request.c   a request's way through libmicrohttpd's callbacks
 *   body.c      collecting and inflating a request's body
 *   respond.c   http_respond(): headers, compression, hand-over to the loop
 *   settings.c  the configuration as a front uses it
 *   tls.c       certificates, sessions, tickets (GnuTLS)
 *   linger.c    closing a connection whose client is still sending
 *   address.c forwarded.c syntax.c   parsers without state
 *   client.c    http_call() and http_get() (libcurl)
 */
#ifndef KAGARI_HTTP_INTERNAL_H
#define KAGARI_HTTP_INTERNAL_H

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "http/http.h"

/* ---- address.c: addresses and networks. An IPv4 address is kept as ::ffff:a.b.c.d. ---- */

struct http__address {
    uint8_t bytes[16];
};

struct http__network {
    struct http__address address;
    int bits; /* of 128; -1: the peers of a unix socket */
};

/* "192.0.2.7", "192.0.2.7:4711", "2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:4711" (RFC 7239, 6). */
bool http__address_parse(struct str s, struct http__address *out);
/* "10.0.0.0/8", "2001:db8::/32", an address alone, or "unix". False also when bits are set beyond the prefix.
 */
bool http__network_parse(struct str s, struct http__network *out);
bool http__network_has(const struct http__network *n, const struct http__address *a);
bool http__is_loopback(const struct http__address *a);
/* Of a connection; false for a unix socket's. */
bool http__address_of(const struct sockaddr *sa, struct http__address *out);
void http__address_print(const struct http__address *a, char out[46]);

/* ---- forwarded.c: Forwarded (RFC 7239) and X-Forwarded-* ---- */

struct http__client {
    struct str peer;  /* the client's address, or what the outermost trusted proxy wrote for it */
    struct str proto; /* "http" or "https"; empty: not told */
    struct str host;  /* host[:port]; empty: not told */
};

struct http__trust {
    const struct http__network *networks;
    int n;
};

/*
 * Who the client is when a trusted proxy is connected to us. The chain of addresses is walked from the
 * nearest proxy outwards as long as they are trusted; what is beyond was written by strangers and is not
 * believed.
 */
void http__forwarded(struct arena *a, const struct http_header *headers, size_t n,
                     const struct http__trust *trust, struct http__client *out);
/* Client-Cert and Client-Cert-Chain (RFC 9440), as http__tls_client_certs(). */
struct str http__forwarded_certs(struct arena *a, const struct http_header *headers, size_t n);

/* ---- syntax.c ---- */

enum http__coding { HTTP__IDENTITY, HTTP__GZIP, HTTP__DEFLATE, HTTP__UNKNOWN_CODING };

/* Request target to raw path and query; the absolute form (RFC 9112, 3.2.2) loses scheme and authority. */
void http__target(struct str target, struct str *path, struct str *query);
enum http_method http__method(const char *name);
enum http__coding http__content_coding(struct str value);
bool http__accepts_gzip(struct str accept_encoding);
bool http__is_request_id(struct str s);
bool http__is_authority(struct str s); /* host[:port] of RFC 3986, without user information */
bool http__is_token(struct str s);     /* RFC 9110, 5.6.2 */
bool http__compresses(struct str content_type);

/* ---- tls.c ---- */

/* Certificate, key and ticket key of one front; sessions that use them must end before it is freed. */
struct http__tls;
/* ticket_key: of 64 bytes, shared by the fronts and kept over reloads, so that sessions can be resumed. */
bool http__tls_new(const struct config *c, const uint8_t ticket_key[64], struct http__tls **out,
                   struct err *err) NODISCARD;
void http__tls_free(struct http__tls *t);
const char *http__tls_priorities(const struct config *c);
/*
 * Through which GnuTLS reads and writes. libmicrohttpd sends the head and the body of an answer as two records. Those of a
 * small answer are held until it is whole, so that they cost one write and wake the client once; not where the connection
 * ends with the answer, since what its socket does not take at once is sent later, behind libmicrohttpd's back. There is
 * room for one connection's at a time.
 */
enum { HTTP__HELD_BODY = 8 * 1024 };
struct http__wire {
    int fd;
    const struct http__tls *tls;
    bool answering; /* records may wait for others of this answer */
    struct http__outbox *outbox;
    char *late; /* what the socket did not take; NULL: nothing */
    size_t late_len, late_at;
    struct http__wire *next_late, **late_link;
};
struct http__outbox {
    uint64_t moved;           /* bytes read and written */
    struct http__wire *owner; /* NULL: nothing is held */
    struct http__wire *late;  /* those with something late */
    size_t len;
    char data[HTTP__HELD_BODY + 4 * 1024];
};
/* Sends what is held. False: something is late, and is to be tried again. */
bool http__outbox_flush(struct http__outbox *o);
void http__wire_close(struct http__wire *w);
void http__tls_attach(struct http__tls *t, gnutls_session_t session, struct http__wire *wire);
/* The certificates that the client has shown, DER, its own first; len 0: none. */
struct str http__tls_client_certs(struct arena *a, gnutls_session_t session);
/* Does a ClientHello (RFC 8446, 4.1.2; without the handshake's header) name ChaCha20 before AES? So do clients whose
 * hardware has no instructions for AES (RFC 8439 was made for them). */
bool http__prefers_chacha(const uint8_t *hello, size_t len);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK2: MHD's own credentials, which no session uses, want one. */
gnutls_certificate_retrieve_function3 *http__tls_no_certificate(void);

/* ---- settings.c: what of the configuration a reload may change, as one front uses it. Its own copy, counted
 * without atomics: connections and requests hold those they began with. ---- */

struct http__settings {
    int refs;
    struct arena a;
    struct http__tls *tls; /* NULL: plain */
    int64_t idle_us, request_us;
    size_t max_body, max_stream, compress_min;
    bool compress, any_origin;
    struct str *origins;
    int n_origins;
    struct http__trust trust;
    bool trust_unix;
    enum http__client_certs { HTTP__NO_CERTS, HTTP__ASK_CERTS, HTTP__PROXY_CERTS } client_certs;
};

bool http__settings_new(const struct config *c, const uint8_t ticket_key[64], struct http__settings **out,
                        struct err *err) NODISCARD;
void http__settings_unref(struct http__settings *s); /* NULL: nothing */

/* ---- body.c ---- */

struct http__body {
    char *data;
    size_t len, cap, max;
    size_t received; /* bytes on the wire */
    size_t passed;   /* of a body in pieces: bytes that are gone from data */
    bool too_large;
    const char *error;
    struct z_stream_s *inflater;
    bool complete; /* the compressed form has ended */
};

/* hint: the Content-Length, or 0. */
bool http__body_begin(struct http__body *b, enum http__coding coding, size_t hint, size_t max);
/* False: give the connection up (no memory, or the client goes on sending far beyond the limit). */
bool http__body_add(struct http__body *b, const char *data, size_t len);
/* What there is; the next bytes come in its place. */
struct str http__body_pass(struct http__body *b);
void http__body_end(struct http__body *b);
void http__body_release(struct http__body *b);

/* ---- front.c ---- */

struct http__conn {
    struct http__conn *next, *prev; /* all of the front; next also links the free ones */
    struct MHD_Connection *mhd;
    struct http__settings *settings;
    struct http__wire wire;
    int64_t deadline_us; /* of what the client owes us; INT64_MAX: it is our turn */
    bool is_ip;          /* no unix socket */
    bool suspended;
    struct http__address address;
    char peer[46];
};

enum http__stage { HTTP__HEADERS, HTTP__BODY, HTTP__STREAM, HTTP__DISPATCHED };

struct http__request {
    struct http_request pub;
    struct arena arena;
    struct http__request *next; /* among the free ones */
    struct http__front *front;
    struct http__conn *conn;
    struct http__settings *settings;
    enum http__stage stage;
    struct http__body body;
    http_stream_fn sink; /* of a body in pieces */
    void *sink_arg;
    int refuse; /* a status with which the front end itself answers; 0: none */
    bool stays; /* the connection, after the answer */
    bool early; /* answered before the body was read: the connection will be closed */
    bool ready; /* the response is there; the loop's thread only */
    struct MHD_Response *response;
    int status;
    size_t bytes_out;
    int64_t answered_us;
};

struct http__front {
    struct http_server *server;
    struct loop *loop;
    int index;
    struct MHD_Daemon *daemon;
    int listen_fd;
    struct loop_io io; /* MHD's epoll descriptor */
    struct loop_timer sweep;
    bool kick;                  /* MHD has something to do */
    struct http__outbox outbox; /* of TLS */
    uint64_t moved_before;      /* bytes moved; see the back-off in front.c */
    int idle_turns;
    int64_t next_run_us; /* while backing off */
    struct http__settings *settings;
    _Atomic(struct http__settings *) coming; /* from a reload */
    atomic_int active;
    struct http__conn *conns, *free_conns;
    struct http__request *free_requests, *in_handler;
    int n_free_requests;
    struct http__linger *lingering;
    int n_lingering;
};

bool http__front_start(struct http__front *f, const struct config *c, struct err *err) NODISCARD;
void http__front_reload(struct http__front *f, struct http__settings *s); /* any thread */
void http__front_drain(void *front);                                      /* to be posted */
void http__front_free(struct http__front *f);

/* ---- connection.c: front is the struct http__front ---- */

struct http__conn *http__conn_of(struct MHD_Connection *mhd);
void http__on_connection(void *front, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode what);
void http__sweep(void *front);
void http__conns_free(struct http__front *f); /* those kept for reuse */

/* ---- request.c ---- */

void *http__on_request_line(void *front, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http__on_request(void *front, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *upload, size_t *upload_len, void **context);
void http__on_completed(void *front, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode how);
/* The loop's thread: the response is in r->response. */
void http__request_deliver(void *request);
void http__requests_free(struct http__front *f); /* those kept for reuse */

struct http_server {
    struct http__front *fronts;
    int n;
    http_handler fn;
    http_streams_fn streams; /* NULL: none */
    void *arg;
    bool tls;
    atomic_bool draining;
    uint8_t ticket_key[64];
    int port;
    char authority[300]; /* for requests that name none */
    char *unix_path;
    ino_t unix_inode;
};

/* ---- respond.c ---- */

/* Answers a request that the handler shall not see (a preflight, a broken framing). */
void http__respond_plain(struct http__request *r, int status, const char *interaction);
bool http__is_preflight(const struct http__request *r);
void http__respond_preflight(struct http__request *r);

/* ---- linger.c ---- */

/* Keeps a copy of fd open after MHD has closed its own, and reads and drops what the client still sends:
 * closed at once, the kernel would answer that with a reset, which makes clients lose the response. */
void http__linger(struct http__front *f, int fd);
void http__linger_free(struct http__front *f);

#endif
