/* crypto/digest.h: SHA-256. Thread safe. */
#ifndef KAGARI_CRYPTO_DIGEST_H
#define KAGARI_CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

void crypto_sha256(const void *data, size_t len, uint8_t out[32]);

#endif
