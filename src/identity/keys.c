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

static struct str place_of(struct place *p, int32_t tenant, int number)
{
    int n = snprintf(p->text, sizeof p->text, "kagari data key %d of %d", number, (int)tenant);
    return (struct str){p->text, (size_t)n};
}

static void wrap(const struct identity_kek *kek, int32_t tenant, int number, const uint8_t key[CRYPTO_KEY],
                 uint8_t out[IDENTITY_WRAPPED])
{
    struct place place;
    struct str bound = place_of(&place, tenant, number);
    crypto_random(out, CRYPTO_NONCE);
    crypto_seal(kek->keys[0], out, &bound, 1, (struct str){(const char *)key, CRYPTO_KEY},
                out + CRYPTO_NONCE);
}

/* Returns which of them had wrapped it; -1: none. */
static int unwrap(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                  uint8_t out[CRYPTO_KEY])
{
    struct place place;
    struct str bound = place_of(&place, tenant, number);
    struct str sealed = {wrapped.s + CRYPTO_NONCE, CRYPTO_KEY + CRYPTO_TAG};
    for (size_t i = 0; wrapped.len == IDENTITY_WRAPPED && i < kek->n; i++)
        if (crypto_open(kek->keys[i], (const uint8_t *)wrapped.s, &bound, 1, sealed, out))
            return (int)i;
    return -1;
}

void identity_key_make(const struct identity_kek *kek, int32_t tenant, int number,
                       uint8_t out[IDENTITY_WRAPPED])
{
    uint8_t key[CRYPTO_KEY];
    crypto_random(key, sizeof key);
    wrap(kek, tenant, number, key, out);
    crypto_wipe(key, sizeof key);
}

bool identity_key_wrap_anew(const struct identity_kek *kek, int32_t tenant, int number, struct str wrapped,
                            uint8_t out[IDENTITY_WRAPPED], bool *already)
{
    uint8_t key[CRYPTO_KEY];
    int by = unwrap(kek, tenant, number, wrapped, key);
    if (by < 0)
        return false;
    wrap(kek, tenant, number, key, out);
    crypto_wipe(key, sizeof key);
    *already = by == 0;
    return true;
}

bool identity_keys_add(struct identity_keys *k, const struct identity_kek *kek, int number,
                       struct str wrapped)
{
    if (number < 1 || number >= KEYS_MAX || unwrap(kek, k->tenant, number, wrapped, k->list[number].key) < 0)
        return false;
    k->list[number].there = true;
    k->newest = number > k->newest ? number : k->newest;
    return true;
}
