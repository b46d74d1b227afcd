#include "crypto/digest.h"

#include <pthread.h>
#include <stdlib.h>

#include "internal.h"

/* EVP_Digest() looks the algorithm up by name and makes a context for each call, which costs more than
 * hashing a token; so the algorithm is fetched once, and each thread keeps a context until it ends. */
static EVP_MD *sha256;
static pthread_key_t context;

static void free_context(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || pthread_key_create(&context, free_context))
        abort();
}

void crypto_sha256(const void *data, size_t len, uint8_t out[32])
{
    static pthread_once_t fetched = PTHREAD_ONCE_INIT;
    static _Thread_local EVP_MD_CTX *ctx;

    pthread_once(&fetched, fetch);
    if (!ctx) {
        ctx = EVP_MD_CTX_new();
        if (!ctx || pthread_setspecific(context, ctx))
            abort();
    }
    if (!EVP_DigestInit_ex2(ctx, sha256, NULL) || !EVP_DigestUpdate(ctx, data, len) ||
        !EVP_DigestFinal_ex(ctx, out, NULL))
        abort();
}
