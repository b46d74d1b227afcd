#include "crypto/aead.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "internal.h"

/* As for digests: looking the algorithm up and making a context cost more than sealing a name. */
static EVP_CIPHER *gcm;
static pthread_key_t context;

static void free_context(void *ctx)
{
    EVP_CIPHER_CTX_free(ctx); /* and wipes the key schedule */
}

static void fetch(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (!gcm || pthread_key_create(&context, free_context))
        abort();
}

static EVP_CIPHER_CTX *begin(const uint8_t *key, const uint8_t *nonce, bool seal, const struct str *bound,
                             int n)
{
    static pthread_once_t fetched = PTHREAD_ONCE_INIT;
    static _Thread_local EVP_CIPHER_CTX *ctx;
    int len;
    pthread_once(&fetched, fetch);
    if (!ctx) {
        ctx = EVP_CIPHER_CTX_new();
        if (!ctx || pthread_setspecific(context, ctx))
            abort();
    }
    if (!EVP_CipherInit_ex2(ctx, gcm, key, nonce, seal, NULL))
        abort();
    for (int i = 0; i < n; i++)
        if (bound[i].len > INT_MAX ||
            !EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)bound[i].s, (int)bound[i].len))
            abort();
    return ctx;
}

void crypto_seal(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], const struct str *bound,
                 int n, struct str plain, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = begin(key, nonce, true, bound, n);
    int len, rest;
    if (plain.len > INT_MAX || !EVP_CipherUpdate(ctx, out, &len, (const uint8_t *)plain.s, (int)plain.len) ||
        !EVP_CipherFinal_ex(ctx, out + len, &rest) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG, out + plain.len))
        abort();
}

bool crypto_open(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], const struct str *bound,
                 int n, struct str sealed, uint8_t *out)
{
    int len, rest;
    if (sealed.len < CRYPTO_TAG || sealed.len > INT_MAX)
        return false;
    size_t text = sealed.len - CRYPTO_TAG;
    EVP_CIPHER_CTX *ctx = begin(key, nonce, false, bound, n);
    bool ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG, (char *)sealed.s + text) &&
              EVP_CipherUpdate(ctx, out, &len, (const uint8_t *)sealed.s, (int)text) &&
              EVP_CipherFinal_ex(ctx, out + len, &rest);
    if (!ok)
        ERR_clear_error();
    return ok;
}

void crypto_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}
