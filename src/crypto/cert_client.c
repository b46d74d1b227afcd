/* Certificates of callers: what they say, and who vouches for it. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "internal.h"

struct str cert_first(struct str certs)
{
    const unsigned char *at = (const unsigned char *)certs.s;
    long len;
    int tag, class;
    if (certs.len == 0 || certs.len > CERT_MAX)
        return STR("");
    int flags = ASN1_get_object(&at, &len, &tag, &class, (long)certs.len);
    ERR_clear_error();
    if (flags != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL)
        return STR("");
    return (struct str){certs.s, (size_t)(at - (const unsigned char *)certs.s) + (size_t)len};
}

bool cert_thumbprint(struct str certs, uint8_t out[32])
{
    struct str first = cert_first(certs);
    if (!first.len)
        return false;
    crypto_sha256(first.s, first.len, out);
    return true;
}

/* ---- what OpenSSL allocates ends with the arena ---------------------------------------------------------------- */

static void free_cert(void *cert)
{
    X509_free(cert);
}

static void free_chain(void *chain)
{
    sk_X509_pop_free(chain, X509_free);
}

static void free_store(void *store)
{
    X509_STORE_free(store);
}

static void free_context(void *context)
{
    X509_STORE_CTX_free(context);
}

static void free_infos(void *infos)
{
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
}

static void free_names(void *names)
{
    GENERAL_NAMES_free(names);
}

static bool parse(struct arena *a, struct str der, X509 **out, struct err *err)
{
    const unsigned char *at = (const unsigned char *)der.s;
    *out = der.len ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (*out)
        arena_cleanup(a, free_cert, *out);
    ERR_clear_error();
    return *out || err_set(err, ERR_LOGIN, "The certificate cannot be read.");
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static const char *print_name(struct arena *a, const X509_NAME *name)
{
    BIO *bio = crypto__own_bio(a, BIO_new(BIO_s_mem()));
    char *data = NULL;
    if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0)
        return "";
    long len = BIO_get_mem_data(bio, &data);
    return arena_strndup(a, data, (size_t)len);
}

static const char *print_serial(struct arena *a, const X509 *cert)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;
    const char *copy = hex ? arena_strdup(a, hex) : "";
    OPENSSL_free(hex);
    BN_free(n);
    return copy;
}

/* NULL when there is none, or it has what a text cannot have. */
static const char *text_of(struct arena *a, const ASN1_STRING *s)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, s);
    const char *copy =
        len > 0 && !memchr(utf8, 0, (size_t)len) ? arena_strndup(a, (char *)utf8, (size_t)len) : NULL;
    OPENSSL_free(utf8);
    return copy;
}

static const char *print_ip(struct arena *a, const ASN1_OCTET_STRING *s)
{
    char *text = arena_alloc(a, INET6_ADDRSTRLEN);
    int family = ASN1_STRING_length(s) == 4 ? AF_INET : ASN1_STRING_length(s) == 16 ? AF_INET6 : AF_UNSPEC;
    return family != AF_UNSPEC && inet_ntop(family, ASN1_STRING_get0_data(s), text, INET6_ADDRSTRLEN) ? text
                                                                                                      : NULL;
}

static void read_alts(struct arena *a, X509 *cert, struct cert_names *out)
{
    static const struct {
        int type;
        enum cert_alt_kind kind;
    } kinds[] = {{GEN_DNS, CERT_DNS}, {GEN_URI, CERT_URI}, {GEN_IPADD, CERT_IP}, {GEN_EMAIL, CERT_EMAIL}};
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t cap = 0;
    if (names)
        arena_cleanup(a, free_names, names);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            const char *text = kinds[k].type != type ? NULL
                               : type == GEN_IPADD   ? print_ip(a, value)
                                                     : text_of(a, value);
            if (text)
                *ARENA_PUSH(a, out->alts, out->n_alts, cap) = (struct cert_alt){kinds[k].kind, text};
        }
    }
}

bool cert_read(struct arena *a, struct str certs, struct cert_names *out, struct err *err)
{
    X509 *cert;
    if (!parse(a, cert_first(certs), &cert, err))
        return false;
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    *out = (struct cert_names){.subject = print_name(a, subject),
                               .issuer = print_name(a, X509_get_issuer_name(cert)),
                               .serial = print_serial(a, cert)};
    if (at >= 0)
        out->common_name = text_of(a, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    read_alts(a, cert, out);
    ERR_clear_error();
    return true;
}

/* ---- who vouches for it ----------------------------------------------------------------------------------------- */

static BIO *text_bio(struct arena *a, struct str text)
{
    return crypto__own_bio(a, BIO_new_mem_buf(text.s, (int)text.len));
}

bool cert_from_pem(struct arena *a, struct str pem, struct str *out, struct err *err)
{
    BIO *bio = text_bio(a, pem);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    if (!cert)
        return err_set(err, ERR_INVALID, "There is no certificate (PEM) in it.");
    arena_cleanup(a, free_cert, cert);
    int len = i2d_X509(cert, NULL);
    if (len <= 0)
        return crypto__fail(err, "writing a certificate");
    unsigned char *der = arena_alloc(a, (size_t)len), *at = der;
    i2d_X509(cert, &at);
    *out = (struct str){(char *)der, (size_t)len};
    return true;
}

/* Certificates and lists of revocations. */
static bool fill(struct arena *a, X509_STORE *store, struct str pem, bool *lists, struct err *err)
{
    BIO *bio = text_bio(a, pem);
    STACK_OF(X509_INFO) *infos = bio ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;
    int n = 0;
    *lists = false;
    if (infos)
        arena_cleanup(a, free_infos, infos);
    for (int i = 0; infos && i < sk_X509_INFO_num(infos); i++) {
        const X509_INFO *one = sk_X509_INFO_value(infos, i);
        if (one->x509)
            n += X509_STORE_add_cert(store, one->x509);
        if (one->crl)
            *lists |= X509_STORE_add_crl(store, one->crl);
    }
    ERR_clear_error();
    return n || err_set(err, ERR_INVALID, "The authorities' file has no certificate (PEM).");
}

static bool read_chain(struct arena *a, struct str certs, X509 **own, STACK_OF(X509) * chain, struct err *err)
{
    struct str first = cert_first(certs);
    if (!parse(a, first, own, err))
        return false;
    for (struct str rest = {certs.s + first.len, certs.len - first.len}; rest.len;) {
        struct str der = cert_first(rest);
        const unsigned char *at = (const unsigned char *)der.s;
        X509 *cert = der.len ? d2i_X509(NULL, &at, (long)der.len) : NULL;
        if (!cert)
            break;
        sk_X509_push(chain, cert);
        rest = (struct str){rest.s + der.len, rest.len - der.len};
    }
    return true;
}

bool cert_verify(struct arena *a, struct str authorities, struct str certs, struct err *err)
{
    X509 *own;
    bool lists;
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (store)
        arena_cleanup(a, free_store, store);
    if (chain)
        arena_cleanup(a, free_chain, chain);
    if (context)
        arena_cleanup(a, free_context, context);
    if (!store || !chain || !context)
        return crypto__fail(err, "verifying a certificate");
    if (!fill(a, store, authorities, &lists, err) || !read_chain(a, certs, &own, chain, err))
        return false;
    X509_STORE_set_purpose(store, X509_PURPOSE_SSL_CLIENT);
    if (lists)
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    if (!X509_STORE_CTX_init(context, store, own, chain))
        return crypto__fail(err, "verifying a certificate");
    int ok = X509_verify_cert(context), why = X509_STORE_CTX_get_error(context);
    ERR_clear_error();
    return ok == 1 || err_set(err, ERR_LOGIN, "The certificate is not accepted: %s.",
                              X509_verify_cert_error_string(why));
}
