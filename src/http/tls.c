#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* Forward secrecy and authenticated encryption only (RFC 9325). Which cipher is the cheaper one depends on the client's
 * hardware: ours has instructions for AES. */
#define ALLOWED  "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"
#define AES      "+AES-128-GCM:+AES-256-GCM"
#define CHACHA   "+CHACHA20-POLY1305"
#define SERVERS  ":%SERVER_PRECEDENCE"
#define BOTH     "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:" ALLOWED
#define NEW_ONLY "NORMAL:-VERS-ALL:+VERS-TLS1.3:" ALLOWED

static const char *const priorities[2][2] = {
    {BOTH AES ":" CHACHA SERVERS, BOTH CHACHA ":" AES SERVERS},
    {NEW_ONLY AES ":" CHACHA SERVERS, NEW_ONLY CHACHA ":" AES SERVERS},
};

struct http__tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t chacha_first; /* for clients that would rather have it */
    const uint8_t *ticket_key;
    bool asks; /* clients for their certificates */
};

bool http__tls_new(const struct config *c, const uint8_t ticket_key[64], struct http__tls **out,
                   struct err *err)
{
    struct arena a;
    struct str cert, key;
    if (!*c->http_tls_key)
        return err_set(err, ERR_INVALID,
                       "http.tls_cert is set and http.tls_key is not: name the file of its key");
    arena_init(&a, 0);
    if (!config_read_file(&a, c->http_tls_cert, 1024 * 1024, &cert, err) ||
        !config_read_file(&a, c->http_tls_key, 1024 * 1024, &key, err)) {
        arena_release(&a);
        return false;
    }
    struct http__tls *t = calloc(1, sizeof(*t));
    int status = t ? gnutls_certificate_allocate_credentials(&t->credentials) : GNUTLS_E_MEMORY_ERROR;
    if (status == 0)
        status = gnutls_certificate_set_x509_key_mem2(
            t->credentials, &(gnutls_datum_t){(unsigned char *)(uintptr_t)cert.s, (unsigned)cert.len},
            &(gnutls_datum_t){(unsigned char *)(uintptr_t)key.s, (unsigned)key.len}, GNUTLS_X509_FMT_PEM,
            NULL, 0);
    if (status >= 0)
        status = gnutls_priority_init2(&t->chacha_first, priorities[c->http_tls_min][1], NULL, 0);
    explicit_bzero((char *)(uintptr_t)key.s, key.len);
    arena_release(&a);
    if (status < 0) {
        http__tls_free(t);
        return err_set(
            err, ERR_INVALID, "http.tls_cert %s with http.tls_key %s: %s%s", c->http_tls_cert,
            c->http_tls_key, gnutls_strerror(status),
            status == GNUTLS_E_CERTIFICATE_KEY_MISMATCH ? " (the first certificate must be the key's)" : "");
    }
    t->ticket_key = ticket_key;
    t->asks = c->http_client_certs == HTTP__ASK_CERTS;
    *out = t;
    return true;
}

void http__tls_free(struct http__tls *t)
{
    if (!t)
        return;
    if (t->credentials)
        gnutls_certificate_free_credentials(t->credentials);
    if (t->chacha_first)
        gnutls_priority_deinit(t->chacha_first);
    free(t);
}

const char *http__tls_priorities(const struct config *c)
{
    return priorities[c->http_tls_min][0];
}

bool http__prefers_chacha(const uint8_t *hello, size_t len)
{
    enum { VERSION_AND_RANDOM = 2 + 32 };
    size_t at = VERSION_AND_RANDOM;
    if (len < at + 1)
        return false;
    at += 1 + hello[at]; /* the session's id */
    if (len < at + 2)
        return false;
    size_t end = at + 2 + ((size_t)hello[at] << 8 | hello[at + 1]);
    for (at += 2; at + 2 <= end && at + 2 <= len; at += 2) {
        const unsigned suite = (unsigned)hello[at] << 8 | hello[at + 1];
        if (suite == 0x1303 || (suite >= 0xCCA8 && suite <= 0xCCAA))
            return true;
        if (suite == 0x1301 || suite == 0x1302 || (suite >= 0xC02B && suite <= 0xC030))
            return false;
    }
    return false;
}

static int on_hello(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                    const gnutls_datum_t *message)
{
    (void)type, (void)when;
    const struct http__wire *w = gnutls_transport_get_ptr(session);
    if (incoming && http__prefers_chacha(message->data, message->size))
        gnutls_priority_set(session, w->tls->chacha_first);
    return 0;
}

/* ---- the wire ---- */

static void note_late(struct http__wire *w, const char *data, size_t len)
{
    struct http__outbox *o = w->outbox;
    w->late = malloc(len);
    if (!w->late) {
        shutdown(w->fd, SHUT_RDWR);
        return;
    }
    memcpy(w->late, data, len);
    w->late_len = len;
    w->late_at = 0;
    w->next_late = o->late;
    w->late_link = &o->late;
    if (o->late)
        o->late->late_link = &w->next_late;
    o->late = w;
}

static void forget_late(struct http__wire *w)
{
    *w->late_link = w->next_late;
    if (w->next_late)
        w->next_late->late_link = w->late_link;
    free(w->late);
    w->late = NULL;
}

/* How much went out; what cannot any more is lost, as libmicrohttpd will find out. */
static size_t put(const struct http__wire *w, const char *data, size_t len)
{
    ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL);
    /* libmicrohttpd may have corked the socket, and pushes what it believes to have been sent: do it once more (tcp(7)) */
    const int cause = errno;
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (n < 0)
        return cause == EAGAIN || cause == EINTR ? 0 : len;
    return (size_t)n;
}

static bool send_late(struct http__wire *w)
{
    w->late_at += put(w, w->late + w->late_at, w->late_len - w->late_at);
    if (w->late_at < w->late_len)
        return false;
    forget_late(w);
    return true;
}

static void send_held(struct http__outbox *o)
{
    struct http__wire *w = o->owner;
    if (!w)
        return;
    size_t n = put(w, o->data, o->len);
    if (n < o->len)
        note_late(w, o->data + n, o->len - n);
    o->owner = NULL;
    o->len = 0;
}

bool http__outbox_flush(struct http__outbox *o)
{
    send_held(o);
    for (struct http__wire *w = o->late, *next; w; w = next) {
        next = w->next_late;
        send_late(w);
    }
    return !o->late;
}

void http__wire_close(struct http__wire *w)
{
    if (w->outbox->owner == w)
        w->outbox->owner = NULL, w->outbox->len = 0;
    if (w->late)
        forget_late(w);
}

static ssize_t pull(gnutls_transport_ptr_t p, void *data, size_t len)
{
    struct http__wire *w = p;
    ssize_t n = recv(w->fd, data, len, 0);
    if (n > 0)
        w->outbox->moved += (uint64_t)n;
    return n;
}

/* False: not now. */
static bool hold(struct http__wire *w, const giovec_t *iov, int n_iov, size_t len)
{
    struct http__outbox *o = w->outbox;
    if (!w->answering || len > sizeof o->data - o->len)
        return false;
    o->owner = w;
    for (int i = 0; i < n_iov; i++) {
        memcpy(o->data + o->len, iov[i].iov_base, iov[i].iov_len);
        o->len += iov[i].iov_len;
    }
    return true;
}

static ssize_t push(gnutls_transport_ptr_t p, const giovec_t *iov, int n_iov)
{
    struct http__wire *w = p;
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n_iov};
    size_t len = 0;
    for (int i = 0; i < n_iov; i++)
        len += iov[i].iov_len;
    if (w->outbox->owner && w->outbox->owner != w)
        send_held(w->outbox);
    bool held = !w->late && hold(w, iov, n_iov, len);
    if (!held && w->outbox->owner)
        send_held(w->outbox);
    if (w->late && !send_late(w)) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t n = held ? (ssize_t)len : sendmsg(w->fd, &m, MSG_NOSIGNAL);
    if (n > 0)
        w->outbox->moved += (uint64_t)n;
    return n;
}

void http__tls_attach(struct http__tls *t, gnutls_session_t session, struct http__wire *wire)
{
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials);
    gnutls_session_ticket_enable_server(session,
                                        &(gnutls_datum_t){(unsigned char *)(uintptr_t)t->ticket_key, 64});
    wire->tls = t;
    if (t->asks) /* who has none, or one that nobody vouches for, is served as well: that is judged where it matters */
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE, on_hello);
    gnutls_transport_set_ptr(session, wire);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_vec_push_function(session, push);
}

struct str http__tls_client_certs(struct arena *a, gnutls_session_t session)
{
    unsigned n = 0;
    const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &n);
    struct buf b;
    if (!certs || !n)
        return STR("");
    buf_init(&b, a, certs[0].size + 1);
    for (unsigned i = 0; i < n; i++)
        buf_addstr(&b, (struct str){(const char *)certs[i].data, certs[i].size});
    return buf_str(&b);
}

static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **certs, unsigned *n_certs, gnutls_ocsp_data_st **ocsp,
                          unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags)
{
    (void)session, (void)info, (void)certs, (void)n_certs, (void)ocsp, (void)n_ocsp, (void)key, (void)flags;
    return -1;
}

gnutls_certificate_retrieve_function3 *http__tls_no_certificate(void)
{
    return no_certificate;
}
