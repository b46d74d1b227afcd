/*
 * crypto/aead.h: AES-256-GCM. Thread safe: each thread keeps a context. What is bound is authenticated, not encrypted;
 * its parts are taken as one text, so give each that may vary a length or a place of its own.
 *
 * A nonce is never used twice under a key; random ones are good for 2^32 texts a key.
 */
#ifndef KAGARI_CRYPTO_AEAD_H
#define KAGARI_CRYPTO_AEAD_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { CRYPTO_KEY = 32, CRYPTO_NONCE = 12, CRYPTO_TAG = 16 };

/* out: plain.len + CRYPTO_TAG bytes. */
void crypto_seal(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], const struct str *bound,
                 int n, struct str plain, uint8_t *out);
/* out: sealed.len - CRYPTO_TAG bytes. False: another key, or it was changed; out is undefined then. */
bool crypto_open(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], const struct str *bound,
                 int n, struct str sealed, uint8_t *out) NODISCARD;
/* Before memory that held a secret is given back. */
void crypto_wipe(void *secret, size_t len);

#endif
