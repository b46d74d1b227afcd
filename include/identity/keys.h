/*
 * identity/keys.h: the keys that identities are sealed with. Data keys, one after the other an institution, are kept in the
 * database, wrapped by the key-encryption key, which is never there (setting identity.key: a file). Wrapping
 * authenticates: a wrong key-encryption key opens none of them.
 */
#ifndef KAGARI_IDENTITY_KEYS_H
#define KAGARI_IDENTITY_KEYS_H

#include "base/hash.h"
#include "crypto/aead.h"

/* The key-encryption key, and those before it, which open what has not come to it yet. Wipe them after use. */
enum { IDENTITY_KEKS = 4 };
struct identity_kek {
    size_t n;
    uint8_t keys[IDENTITY_KEKS][CRYPTO_KEY]; /* the first one wraps */
};
/* From a file of 64 hex digits; further lines are of those before it. */
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
/* The same data key, wrapped by the first; *already: it was. False: it was wrapped by none of them, or changed. */
bool identity_key_wrap_anew(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                            uint8_t out[IDENTITY_WRAPPED], bool *already) NODISCARD;
/* The same of blind keys, by which sealed values are hashed; numbered by themselves, from 1. */
void identity_blind_make(const struct identity_kek *kek, int32_t tenant, int number,
                         uint8_t out[IDENTITY_WRAPPED]);
bool identity_blind_wrap_anew(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                              uint8_t out[IDENTITY_WRAPPED], bool *already) NODISCARD;
bool identity_blind_open(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                         struct hash_key *out) NODISCARD;
/* False: it was wrapped by another key-encryption key, or changed. */
bool identity_keys_add(struct identity_keys *k, const struct identity_kek *kek, int number,
                       struct str wrapped) NODISCARD;

#endif
