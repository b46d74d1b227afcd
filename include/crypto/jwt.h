/*
 * crypto/jwt.h: JSON Web Tokens, JWK Sets and keys (RFC 7515, 7517, 7518, 7519, 8037, 8725), on OpenSSL.
 */
#ifndef KAGARI_CRYPTO_JWT_H
#define KAGARI_CRYPTO_JWT_H

#include "base/err.h"
#include "base/json.h"

#define JWT_MAX  16384        /* bytes of a token */
#define JWKS_MAX (256 * 1024) /* bytes of a set */

/*
 * The keys of a set that can verify: RSA of 2048 to 8192 bits, P-256, P-384, Ed25519. Others (encryption
 * keys, symmetric ones, weak or broken ones, private ones that should never have been published) are left out
 * with a line in the log, as RFC 7517, 5 wants; a set without any usable key is an error. Immutable, shared
 * by threads.
 */
struct jwks;
bool jwks_parse(struct str json_text, struct jwks **out, struct err *err) NODISCARD;
void jwks_free(struct jwks *k); /* NULL: nothing */
size_t jwks_count(const struct jwks *k);

/*
 * Verifies form and signature only; the claims are the caller's to judge. Exactly one key must fit the
 * header's kid and alg; keys named or carried by the token itself (jku, jwk, x5c) are never used.
 * *unknown_kid: the set holds no such key, fetching it anew may help. *claims is the payload, an object.
 */
bool jwt_verify(const struct jwks *keys, struct arena *a, struct str token, json **claims, bool *unknown_kid,
                struct err *err) NODISCARD;

/* What a token claims, vouched for by nobody: good for finding out whose keys to verify it with, and for nothing else. */
bool jwt_peek(struct arena *a, struct str token, json **claims, struct err *err) NODISCARD;

/* A key for "ES256" or "ES384", PEM, wiped with the arena; its public half as a JWK (kid: its thumbprint, RFC 7638)
 * and alone in a JWK Set; a token signed by it. typ: "JWT", or "at+jwt" (RFC 9068). */
bool jwt_key_generate(struct arena *a, const char *alg, struct str *pem, struct err *err) NODISCARD;
bool jwt_key_public(struct arena *a, struct str pem, struct str *jwk, const char **kid,
                    struct err *err) NODISCARD;
bool jwt_key_jwks(struct arena *a, struct str pem, struct str *jwks, struct err *err) NODISCARD;
bool jwt_sign(struct arena *a, struct str pem, const char *typ, const json *claims, struct str *token,
              struct err *err) NODISCARD;

#endif
