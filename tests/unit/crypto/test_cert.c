#include "crypto/cert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "support/test.h"

static X509 *read_cert(struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.s, (int)pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(cert);
    return cert;
}

static EVP_PKEY *read_key(struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.s, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(key);
    return key;
}

START_TEST(self_signed)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct str cert, key;
    ck_ok(cert_self_signed(&a, 90, &cert, &key, &err));
    X509 *c = read_cert(cert);
    EVP_PKEY *k = read_key(key);

    ck_assert_int_eq(X509_check_private_key(c, k), 1);
    ck_assert_int_eq(X509_verify(c, k), 1);
    ck_assert_int_eq(X509_check_host(c, "localhost", 0, 0, NULL), 1);
    ck_assert_int_eq(X509_check_ip_asc(c, "127.0.0.1", 0), 1);
    ck_assert_int_eq(X509_check_ip_asc(c, "::1", 0), 1);
    ck_assert_int_eq(X509_check_host(c, "example.org", 0, 0, NULL), 0);
    ck_assert_int_eq(X509_check_ca(c), 0);
    ck_assert_int_eq(X509_check_purpose(c, X509_PURPOSE_SSL_SERVER, 0), 1);
    int days, seconds;
    ck_assert(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(c)));
    ck_assert_int_ge(days, 89);
    ck_assert_int_le(days, 90);
    ck_assert_int_lt(X509_cmp_current_time(X509_get0_notBefore(c)), 0);
    X509_free(c);
    EVP_PKEY_free(k);
    arena_release(&a);
}
END_TEST

/* As a client would that was given the certificate to trust. */
START_TEST(trusted_when_told)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct str cert, key;
    ck_ok(cert_self_signed(&a, 1, &cert, &key, &err));
    X509 *c = read_cert(cert);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    ck_assert(X509_STORE_add_cert(store, c));
    ck_assert(X509_STORE_CTX_init(ctx, store, c, NULL));
    ck_assert(X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER));
    ck_assert_msg(X509_verify_cert(ctx) == 1, "%s",
                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(c);
    arena_release(&a);
}
END_TEST

START_TEST(each_its_own)
{
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    struct str cert[2], key[2];
    for (int i = 0; i < 2; i++)
        ck_ok(cert_self_signed(&a, 1, &cert[i], &key[i], &err));
    ck_assert(!str_eq(key[0], key[1]));
    X509 *c[2] = {read_cert(cert[0]), read_cert(cert[1])};
    ck_assert_int_ne(ASN1_INTEGER_cmp(X509_get0_serialNumber(c[0]), X509_get0_serialNumber(c[1])), 0);
    X509_free(c[0]);
    X509_free(c[1]);
    arena_release(&a);
}
END_TEST

Suite *suite_crypto_cert(void)
{
    Suite *s = suite_create("crypto_cert");
    TCase *t = tcase_create("cert");
    tcase_add_test(t, self_signed);
    tcase_add_test(t, trusted_when_told);
    tcase_add_test(t, each_its_own);
    suite_add_tcase(s, t);
    return s;
}
