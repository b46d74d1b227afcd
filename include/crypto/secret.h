/* crypto/secret.h: what keeps secrets: encryption under a key, password hashes, message codes. Thread safe. */
#ifndef KAGARI_CRYPTO_SECRET_H
#define KAGARI_CRYPTO_SECRET_H

#include "crypto/aead.h"

/* In a time that does not tell where they differ. */
bool crypto_equal(const void *x, const void *y, size_t len);

/* HMAC with SHA-1 (RFC 2104): for one-time passwords, which authenticator apps make with nothing else. */
void crypto_hmac_sha1(struct str key, const void *data, size_t len, uint8_t out[20]);

enum { CRYPTO_WRAP_MORE = CRYPTO_NONCE + CRYPTO_TAG };

/*
 * AES-256-GCM under a random nonce: nonce, ciphertext, tag; CRYPTO_WRAP_MORE bytes longer than the secret. What is
 * wrapped for one purpose (named by `about`) cannot be opened as another. Up to 2³² secrets a key.
 */
struct str crypto_wrap(struct arena *a, const uint8_t key[CRYPTO_KEY], struct str about, struct str secret);
/* ERR_INVALID: another key, another purpose, or changed bytes. The secret is wiped with the arena. */
bool crypto_unwrap(struct arena *a, const uint8_t key[CRYPTO_KEY], struct str about, struct str wrapped,
                   struct str *secret, struct err *err) NODISCARD;

/* scrypt (RFC 7914) with r 8, p 1 and N 2^log_n: 1 KiB · N of memory, about 50 ms at 15. */
bool crypto_scrypt(struct str password, struct str salt, int log_n, uint8_t out[32],
                   struct err *err) NODISCARD;

#endif
