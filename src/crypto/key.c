/* Private keys on P-256 and P-384: made, read and written as PEM. */
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "internal.h"

bool crypto__fail(struct err *err, const char *what)
{
    char reason[256];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
    ERR_clear_error();
    return err_detail(err, ERR_INTERNAL, "A cryptographic operation failed; see the server's log.", "%s: %s",
                      what, reason);
}

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

static void free_bio(void *bio)
{
    BIO_free(bio);
}

EVP_PKEY *crypto__own_key(struct arena *a, EVP_PKEY *key)
{
    if (key)
        arena_cleanup(a, free_key, key);
    return key;
}

BIO *crypto__own_bio(struct arena *a, BIO *bio)
{
    if (bio)
        arena_cleanup(a, free_bio, bio);
    return bio;
}

static void wipe(void *secret)
{
    const struct str *s = secret;
    OPENSSL_cleanse((char *)s->s, s->len);
}

struct str *crypto__own_secret(struct arena *a, struct str secret)
{
    struct str *kept = ARENA_NEW(a, struct str);
    *kept = secret;
    arena_cleanup(a, wipe, kept);
    return kept;
}

/* By algorithm. */
static const struct crypto__curve curves[] = {
    {"ES256", "P-256", "prime256v1", "SHA256", 32},
    {"ES384", "P-384", "secp384r1", "SHA384", 48},
};

const struct crypto__curve *crypto__curve_of(EVP_PKEY *key)
{
    char group[32];
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
        for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
            if (strcmp(group, curves[i].group) == 0)
                return &curves[i];
    ERR_clear_error();
    return NULL;
}

bool crypto__key_new(struct arena *a, const char *alg, EVP_PKEY **key, struct err *err)
{
    const struct crypto__curve *curve = &curves[strcmp(alg, curves[1].alg) == 0];
    *key = crypto__own_key(a, EVP_EC_gen(curve->name));
    return *key || crypto__fail(err, "making a key");
}

/* A PEM that asks for a password is refused rather than asking on the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

bool crypto__key_read(struct arena *a, struct str pem, EVP_PKEY **key, struct err *err)
{
    BIO *bio = crypto__own_bio(a, BIO_new_mem_buf(pem.s, (int)pem.len));
    *key = bio ? crypto__own_key(a, PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)) : NULL;
    if (!*key) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "The key is no private key in PEM form without a password.");
    }
    return crypto__curve_of(*key) ||
           err_set(err, ERR_INVALID, "The key is not one for ES256 (elliptic curve P-256) or ES384 (P-384).");
}

bool crypto__key_write(struct arena *a, EVP_PKEY *key, struct str *pem, struct err *err)
{
    BIO *bio = crypto__own_bio(a, BIO_new(BIO_s_secmem())); /* wiped when freed */
    if (!bio || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return crypto__fail(err, "writing a key");
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    struct str *secret = crypto__own_secret(a, (struct str){arena_alloc(a, (size_t)len + 1), (size_t)len});
    memcpy((char *)secret->s, data, (size_t)len);
    ((char *)secret->s)[len] = '\0';
    *pem = *secret;
    return true;
}
