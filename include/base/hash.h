/*
 * base/hash.h: SipHash-2-4, the keyed 64-bit hash of search keys, and the incremental form that hashes
 * several parts as one without gluing them. Parts are length-prefixed, so ("a","bc") and ("ab","c") differ.
 */
#ifndef KAGARI_BASE_HASH_H
#define KAGARI_BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);
uint64_t hash_parts(const struct hash_key *key, const struct str *parts, int n);

#define hash_strs(key, ...)                                                                                  \
    hash_parts((key), (const struct str[]){__VA_ARGS__},                                                     \
               sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

#endif
