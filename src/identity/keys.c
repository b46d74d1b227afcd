#include "identity/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "crypto/random.h"
#include "internal.h"

enum { KEYS_MAX = 4096 };

struct identity_keys {
    int32_t tenant;
    int newest;
    struct {
        bool there;
        uint8_t key[CRYPTO_KEY];
    } list[KEYS_MAX];
};

static bool read_key(struct str digits, uint8_t out[CRYPTO_KEY])
{
    bool ok = digits.len == 2 * CRYPTO_KEY;
    for (size_t i = 0; ok && i < CRYPTO_KEY; i++) {
        char pair[3] = {digits.s[2 * i], digits.s[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
        ok = strspn(pair, "0123456789abcdefABCDEF") == 2;
        crypto_wipe(pair, sizeof pair);
    }
    return ok;
}

bool identity_kek_read(const char *path, struct identity_kek *out, struct err *err)
{
    struct arena a;
    struct str text;
    arena_init(&a, 0);
    bool ok = config_read_file(&a, path, 1024, &text, err);
    struct str file = ok ? text : (struct str){0};
    *out = (struct identity_kek){0};
    for (struct str rest = file; ok && rest.s;) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.len)
            ok = out->n < IDENTITY_KEKS && read_key(line, out->keys[out->n++]);
    }
    if (file.s && (!ok || !out->n)) {
        ok = false;
        crypto_wipe(out, sizeof *out);
        err_set(err, ERR_INVALID,
                "%s: 64 hex digits were expected (openssl rand -hex 32), and at most %d such lines", path,
                (int)IDENTITY_KEKS);
    }
    if (file.s)
        crypto_wipe((char *)file.s, file.len);
    arena_release(&a);
    return ok;
}

struct identity_keys *identity_keys_new(int32_t tenant)
{
    struct identity_keys *k = calloc(1, sizeof *k);
    if (k)
        k->tenant = tenant;
    return k;
}

void identity_keys_free(struct identity_keys *k)
{
    if (!k)
        return;
    crypto_wipe(k, sizeof *k);
    free(k);
}

int identity_keys_newest(const struct identity_keys *k)
{
    return k->newest;
}

bool identity_keys_has(const struct identity_keys *k, int number)
{
    return identity__key(k, number) != NULL;
}

void identity_keys_seal_with(struct identity_keys *k, int number)
{
    k->newest = number;
}

const uint8_t *identity__key(const struct identity_keys *k, int number)
{
    return number > 0 && number < KEYS_MAX && k->list[number].there ? k->list[number].key : NULL;
}

/* What a wrapped key is bound to. */
struct place {
    char text[64];
};

static const char data[] = "data", blind[] = "blind"; /* what for */

static struct str place_of(struct place *p, const char *what, int32_t tenant, int number)
{
    int n = snprintf(p->text, sizeof p->text, "kagari %s key %d of %d", what, number, (int)tenant);
    return (struct str){p->text, (size_t)n};
}

static void wrap(const struct identity_kek *kek, struct str bound, const uint8_t key[CRYPTO_KEY],
                 uint8_t out[IDENTITY_WRAPPED])
{
    crypto_random(out, CRYPTO_NONCE);
    crypto_seal(kek->keys[0], out, &bound, 1, (struct str){(const char *)key, CRYPTO_KEY},
                out + CRYPTO_NONCE);
}

/* Returns which of them had wrapped it; -1: none. */
static int unwrap(const struct identity_kek *kek, struct str bound, struct str wrapped,
                  uint8_t out[CRYPTO_KEY])
{
    struct str sealed = {wrapped.s + CRYPTO_NONCE, CRYPTO_KEY + CRYPTO_TAG};
    for (size_t i = 0; wrapped.len == IDENTITY_WRAPPED && i < kek->n; i++)
        if (crypto_open(kek->keys[i], (const uint8_t *)wrapped.s, &bound, 1, sealed, out))
            return (int)i;
    return -1;
}

static void make(const struct identity_kek *kek, struct str bound, uint8_t out[IDENTITY_WRAPPED])
{
    uint8_t key[CRYPTO_KEY];
    crypto_random(key, sizeof key);
    wrap(kek, bound, key, out);
    crypto_wipe(key, sizeof key);
}

static bool wrap_anew(const struct identity_kek *kek, struct str bound, struct str wrapped,
                      uint8_t out[IDENTITY_WRAPPED], bool *already)
{
    uint8_t key[CRYPTO_KEY];
    int by = unwrap(kek, bound, wrapped, key);
    if (by < 0)
        return false;
    wrap(kek, bound, key, out);
    crypto_wipe(key, sizeof key);
    *already = by == 0;
    return true;
}

void identity_key_make(const struct identity_kek *kek, int32_t tenant, int number,
                       uint8_t out[IDENTITY_WRAPPED])
{
    struct place place;
    make(kek, place_of(&place, data, tenant, number), out);
}

bool identity_key_wrap_anew(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                            uint8_t out[IDENTITY_WRAPPED], bool *already)
{
    struct place place;
    return wrap_anew(kek, place_of(&place, data, tenant, number), wrapped, out, already);
}

void identity_blind_make(const struct identity_kek *kek, int32_t tenant, int number,
                         uint8_t out[IDENTITY_WRAPPED])
{
    struct place place;
    make(kek, place_of(&place, blind, tenant, number), out);
}

bool identity_blind_wrap_anew(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                              uint8_t out[IDENTITY_WRAPPED], bool *already)
{
    struct place place;
    return wrap_anew(kek, place_of(&place, blind, tenant, number), wrapped, out, already);
}

bool identity_blind_open(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                         struct hash_key *out)
{
    struct place place;
    uint8_t key[CRYPTO_KEY];
    if (unwrap(kek, place_of(&place, blind, tenant, number), wrapped, key) < 0)
        return false;
    memcpy(out, key, sizeof *out);
    crypto_wipe(key, sizeof key);
    return true;
}

bool identity_keys_add(struct identity_keys *k, const struct identity_kek *kek, int number,
                       struct str wrapped)
{
    struct place place;
    if (number < 1 || number >= KEYS_MAX ||
        unwrap(kek, place_of(&place, data, k->tenant, number), wrapped, k->list[number].key) < 0)
        return false;
    k->list[number].there = true;
    k->newest = number > k->newest ? number : k->newest;
    return true;
}
