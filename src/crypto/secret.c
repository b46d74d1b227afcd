#include "crypto/secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <stdlib.h>

#include "crypto/random.h"
#include "internal.h"

bool crypto_equal(const void *x, const void *y, size_t len)
{
    return CRYPTO_memcmp(x, y, len) == 0;
}

void crypto_hmac_sha1(struct str key, const void *data, size_t len, uint8_t out[20])
{
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, key.s, key.len, data, len, out, 20, NULL))
        abort();
}

struct str crypto_wrap(struct arena *a, const uint8_t key[CRYPTO_KEY], struct str about, struct str secret)
{
    uint8_t *out = arena_alloc(a, secret.len + CRYPTO_WRAP_MORE);
    crypto_random(out, CRYPTO_NONCE);
    crypto_seal(key, out, &about, 1, secret, out + CRYPTO_NONCE);
    return (struct str){(char *)out, secret.len + CRYPTO_WRAP_MORE};
}

bool crypto_unwrap(struct arena *a, const uint8_t key[CRYPTO_KEY], struct str about, struct str wrapped,
                   struct str *secret, struct err *err)
{
    if (wrapped.len < CRYPTO_WRAP_MORE)
        return err_set(err, ERR_INVALID, "A wrapped secret is too short.");
    size_t len = wrapped.len - CRYPTO_WRAP_MORE;
    char *out = arena_alloc(a, len + 1);
    struct str *kept = crypto__own_secret(a, (struct str){out, len});
    struct str sealed = {wrapped.s + CRYPTO_NONCE, wrapped.len - CRYPTO_NONCE};
    if (!crypto_open(key, (const uint8_t *)wrapped.s, &about, 1, sealed, (uint8_t *)out))
        return err_set(err, ERR_INVALID, "A wrapped secret cannot be opened with this key.");
    out[len] = '\0';
    *secret = *kept;
    return true;
}

bool crypto_scrypt(struct str password, struct str salt, int log_n, uint8_t out[32], struct err *err)
{
    uint64_t n = UINT64_C(1) << log_n, memory = n * 1024 + (UINT64_C(1) << 20);
    uint32_t r = 8, p = 1;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password.s,
                                          password.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.s, salt.len),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    bool ok = ctx && EVP_KDF_derive(ctx, out, 32, params) > 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok || crypto__fail(err, "hashing a password");
}
