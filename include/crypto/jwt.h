/*
 * crypto/jwt.h: JSON Web Tokens, JWK Sets and keys (RFC 7515, 7517, 7518, 7519, 8037), on OpenSSL.
 */
#ifndef KAGARI_CRYPTO_JWT_H
#define KAGARI_CRYPTO_JWT_H

#include "base/err.h"
#include "base/json.h"

struct jwks; /* immutable, shared by threads */
bool jwks_parse(struct str json_text, struct jwks **out, struct err *err) NODISCARD;
void jwks_free(struct jwks *k);
size_t jwks_count(const struct jwks *k);

/* Verifies the signature only: RS256/384/512, PS256, ES256/384, EdDSA; the algorithm must be the key's own.
 * *unknown_kid tells a caller that fetching the set anew may help. *claims is the payload. */
bool jwt_verify(const struct jwks *keys, struct arena *a, struct str token, json **header, json **claims, bool *unknown_kid,
                struct err *err) NODISCARD;

/* Development: an ES256 key, PEM; its public half as a JWK Set; a token signed by it. */
bool jwt_key_generate(struct arena *a, struct str *pem, struct err *err) NODISCARD;
bool jwt_key_jwks(struct arena *a, struct str pem, struct str *jwks, struct err *err) NODISCARD;
bool jwt_sign(struct arena *a, struct str pem, const json *claims, struct str *token, struct err *err) NODISCARD;

#endif
