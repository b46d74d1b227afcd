#include "support/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "support/test.h"

#define ORGANISATION "Test PKI"

static EVP_PKEY *keys[2];
static X509 *roots[2];

static void name_it(X509_NAME *name, const char *common)
{
    const char *const parts[][2] = {{"C", "JP"}, {"O", ORGANISATION}, {"CN", common}};
    for (int i = 0; i < 3; i++)
        X509_NAME_add_entry_by_txt(name, parts[i][0], MBSTRING_UTF8, (const unsigned char *)parts[i][1], -1,
                                   -1, 0);
}

static void extend(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ck_assert_ptr_nonnull(e);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

static X509 *make(const char *common, EVP_PKEY *key, int serial, int from_days, int days)
{
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_time_adj_ex(X509_getm_notBefore(cert), from_days, -60, NULL);
    X509_time_adj_ex(X509_getm_notAfter(cert), from_days + days, 0, NULL);
    name_it(X509_get_subject_name(cert), common);
    X509_set_pubkey(cert, key);
    return cert;
}

static void begin(void)
{
    for (int i = 0; i < 2 && !roots[i]; i++) {
        keys[i] = EVP_EC_gen("P-256");
        roots[i] = make("Test authority for user authentication", keys[i], 1, 0, 100);
        X509_set_issuer_name(roots[i], X509_get_subject_name(roots[i]));
        extend(roots[i], NID_basic_constraints, "critical,CA:TRUE");
        extend(roots[i], NID_key_usage, "critical,keyCertSign,cRLSign");
        X509_sign(roots[i], keys[i], EVP_sha256());
    }
}

struct str certificate_new(struct arena *a, struct certificate how)
{
    begin();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make(how.name, key, how.serial ? how.serial : 7, how.from_days, how.days ? how.days : 10);
    bool own = how.by == BY_ITSELF;
    X509_set_issuer_name(cert, X509_get_subject_name(own ? cert : roots[how.by]));
    extend(cert, NID_basic_constraints, "critical,CA:FALSE");
    extend(cert, NID_key_usage, "critical,digitalSignature");
    extend(cert, NID_ext_key_usage, how.usage ? how.usage : "clientAuth");
    if (how.alt)
        extend(cert, NID_subject_alt_name, how.alt);
    X509_sign(cert, own ? key : keys[how.by], EVP_sha256());
    int len = i2d_X509(cert, NULL);
    unsigned char *der = arena_alloc(a, (size_t)len), *at = der;
    i2d_X509(cert, &at);
    X509_free(cert);
    EVP_PKEY_free(key);
    return (struct str){(char *)der, (size_t)len};
}

static void add_list(BIO *bio, int by, int revoked)
{
    X509_CRL *list = X509_CRL_new();
    X509_REVOKED *one = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *next = X509_gmtime_adj(NULL, 3600);
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, revoked);
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(roots[by]));
    X509_CRL_set1_lastUpdate(list, now);
    X509_CRL_set1_nextUpdate(list, next);
    X509_REVOKED_set_serialNumber(one, serial);
    X509_REVOKED_set_revocationDate(one, now);
    X509_CRL_add0_revoked(list, one);
    X509_CRL_sign(list, keys[by], EVP_sha256());
    PEM_write_bio_X509_CRL(bio, list);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_free(list);
}

struct str certificate_authority(struct arena *a, enum certificate_by by, int revoked)
{
    begin();
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, roots[by]);
    if (revoked)
        add_list(bio, by, revoked);
    long len = BIO_get_mem_data(bio, &data);
    struct str pem = {arena_strndup(a, data, (size_t)len), (size_t)len};
    BIO_free(bio);
    return pem;
}

const char *certificate_subject(struct arena *a, const char *name)
{
    return arena_printf(a, "CN=%s,O=" ORGANISATION ",C=JP", name);
}
