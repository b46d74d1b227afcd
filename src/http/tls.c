#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

struct http__tls {
    gnutls_certificate_credentials_t credentials;
    const uint8_t *ticket_key;
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
    *out = t;
    return true;
}

void http__tls_free(struct http__tls *t)
{
    if (!t)
        return;
    if (t->credentials)
        gnutls_certificate_free_credentials(t->credentials);
    free(t);
}

/* Forward secrecy and authenticated encryption only (RFC 9325); the cheapest cipher first. */
#define CIPHERS                                                                                              \
    "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:%SERVER_"      \
    "PRECEDENCE"

const char *http__tls_priorities(const struct config *c)
{
    static const char *const by_minimum[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:" CIPHERS,
                                             "NORMAL:-VERS-ALL:+VERS-TLS1.3:" CIPHERS};
    return by_minimum[c->http_tls_min];
}

static ssize_t pull(gnutls_transport_ptr_t p, void *data, size_t len)
{
    struct http__wire *w = p;
    ssize_t n = recv(w->fd, data, len, 0);
    if (n > 0)
        *w->moved += (uint64_t)n;
    return n;
}

static ssize_t push(gnutls_transport_ptr_t p, const giovec_t *iov, int n_iov)
{
    struct http__wire *w = p;
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n_iov};
    ssize_t n = sendmsg(w->fd, &m, MSG_NOSIGNAL);
    if (n > 0)
        *w->moved += (uint64_t)n;
    return n;
}

void http__tls_attach(struct http__tls *t, gnutls_session_t session, struct http__wire *wire)
{
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials);
    gnutls_session_ticket_enable_server(session,
                                        &(gnutls_datum_t){(unsigned char *)(uintptr_t)t->ticket_key, 64});
    gnutls_transport_set_ptr(session, wire);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_vec_push_function(session, push);
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
