/* src/crypto/internal.h: what the files of crypto share. OpenSSL is seen here and in src/crypto only. */
#ifndef KAGARI_CRYPTO_INTERNAL_H
#define KAGARI_CRYPTO_INTERNAL_H

/* The calls that OpenSSL 3 deprecates do not exist for us. */
#define OPENSSL_API_COMPAT 30000
#define OPENSSL_NO_DEPRECATED

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/jwt.h"

/* What a JWK may be (its kty and crv). */
enum crypto__type { CRYPTO__RSA, CRYPTO__P256, CRYPTO__P384, CRYPTO__ED25519, CRYPTO__NO_TYPE };

/* The JWS algorithms that are accepted (RFC 7518, 3.1; RFC 8037), each with the only type of key it may use.
 */
struct crypto__alg {
    const char *name;
    enum crypto__type type;
    const char *digest; /* NULL: part of the algorithm */
    bool pss;
    int half; /* ECDSA: bytes of r and of s; others 0 */
};
const struct crypto__alg *crypto__alg_find(const char *name); /* NULL: not accepted */

/* The one key of the set that fits; NULL with *err. kid NULL: the token names none. */
EVP_PKEY *crypto__jwks_pick(const struct jwks *keys, const struct crypto__alg *alg, const char *kid,
                            bool *unknown_kid, struct err *err);

/* Registered with the arena, which frees them. */
EVP_PKEY *crypto__own_key(struct arena *a, EVP_PKEY *key);
BIO *crypto__own_bio(struct arena *a, BIO *bio);

/* It is wiped with the arena. */
struct str *crypto__own_secret(struct arena *a, struct str secret);

/* The elliptic curves that are signed with. */
struct crypto__curve {
    const char *alg, *name, *group, *digest; /* "ES256", "P-256", OpenSSL's name of the group */
    int half;                                /* bytes of a coordinate, and of half a signature */
};
const struct crypto__curve *crypto__curve_of(EVP_PKEY *key); /* NULL: none of them */

bool crypto__key_new(struct arena *a, const char *alg, EVP_PKEY **key, struct err *err) NODISCARD;
bool crypto__key_read(struct arena *a, struct str pem, EVP_PKEY **key, struct err *err) NODISCARD;
/* PKCS #8, PEM; wiped with the arena. */
bool crypto__key_write(struct arena *a, EVP_PKEY *key, struct str *pem, struct err *err) NODISCARD;

/* A key's public half as a JWK has it; kid is its thumbprint (RFC 7638). NUL-terminated. */
struct crypto__jwk {
    const struct crypto__curve *curve;
    struct str kid, x, y;
};
bool crypto__key_jwk(struct arena *a, EVP_PKEY *key, struct crypto__jwk *out, struct err *err) NODISCARD;

/* ERR_INTERNAL with OpenSSL's reason as detail; false. Every failed OpenSSL call ends here or in
 * ERR_clear_error(): what is left in the thread's error queue would be read by the next user of OpenSSL, such
 * as libpq. */
bool crypto__fail(struct err *err, const char *what);

#endif
