#include "crypto/cert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/random.h"
#include "internal.h"

static const struct {
    int nid;
    const char *value; /* as in openssl.cnf */
} extensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
};

static void free_cert(void *cert)
{
    X509_free(cert);
}

static bool add_extensions(X509 *cert)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
        int added = e ? X509_add_ext(cert, e, -1) : 0;
        X509_EXTENSION_free(e);
        if (!added)
            return false;
    }
    return true;
}

/* A positive number of 126 random bits, so that browsers do not take two certificates for one. */
static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    crypto_random(bytes, sizeof(bytes));
    bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40);
    BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return ok;
}

static bool fill(X509 *cert, EVP_PKEY *key, int days)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -300) && /* clocks differ a little */
           X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                                      0) &&
           X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) && add_extensions(cert) &&
           X509_sign(cert, key, EVP_sha256());
}

bool cert_self_signed(struct arena *a, int days, struct str *cert, struct str *key, struct err *err)
{
    EVP_PKEY *pkey;
    if (!crypto__key_new(a, "ES256", &pkey, err))
        return false;
    X509 *x509 = X509_new();
    if (x509)
        arena_cleanup(a, free_cert, x509);
    BIO *bio = crypto__own_bio(a, BIO_new(BIO_s_mem()));
    if (!x509 || !bio || !fill(x509, pkey, days) || !PEM_write_bio_X509(bio, x509))
        return crypto__fail(err, "making a certificate");
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    *cert = (struct str){arena_strndup(a, data, (size_t)len), (size_t)len};
    return crypto__key_write(a, pkey, key, err);
}
