/*
 * identity/keys.h: the keys that identities are sealed with. Data keys, one after the other an institution, are kept in the
 * database, wrapped by the key-encryption key, which is never there (setting identity.key: a file). Wrapping
 * authenticates: a wrong key-encryption key opens none of them.
 */
#ifndef KAGARI_IDENTITY_KEYS_H
#define KAGARI_IDENTITY_KEYS_H

#include "crypto/aead.h"

/* The key-encryption key. Wipe it after use. */
struct identity_kek {
    uint8_t key[CRYPTO_KEY];
};
/* From a file of 64 hex digits. */
bool identity_kek_read(const char *path, struct identity_kek *out, struct err *err) NODISCARD;

/* Data keys by number, from 1; the newest seals, unless another was named. Filled before it is shared, then immutable. */
struct identity_keys;
struct identity_keys *identity_keys_new(int32_t tenant);
void identity_keys_free(struct identity_keys *k); /* wipes them */
bool identity_keys_has(const struct identity_keys *k, int number);
int identity_keys_newest(const struct identity_keys *k); /* the one that seals */
void identity_keys_seal_with(struct identity_keys *k, int number);

enum { IDENTITY_WRAPPED = CRYPTO_NONCE + CRYPTO_KEY + CRYPTO_TAG };
/* A new data key, wrapped. */
void identity_key_make(const struct identity_kek *kek, int32_t tenant, int number,
                       uint8_t out[IDENTITY_WRAPPED]);
/* False: it was wrapped by another key-encryption key, or changed. */
bool identity_keys_add(struct identity_keys *k, const struct identity_kek *kek, int number,
                       struct str wrapped) NODISCARD;

#endif
