/* P-256 private keys: made, read and written as PEM. */
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

bool crypto__key_new(struct arena *a, EVP_PKEY **key, struct err *err)
{
    *key = crypto__own_key(a, EVP_EC_gen("P-256"));
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
    char group[32];
    if (!EVP_PKEY_get_group_name(*key, group, sizeof(group), NULL) || strcmp(group, "prime256v1") != 0) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "The key is not one for ES256 (elliptic curve P-256).");
    }
    return true;
}

bool crypto__key_write(struct arena *a, EVP_PKEY *key, struct str *pem, struct err *err)
{
    BIO *bio = crypto__own_bio(a, BIO_new(BIO_s_secmem())); /* wiped when freed */
    if (!bio || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return crypto__fail(err, "writing a key");
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    struct str *secret = ARENA_NEW(a, struct str);
    *secret = (struct str){arena_alloc(a, (size_t)len + 1), (size_t)len};
    arena_cleanup(a, wipe, secret);
    memcpy((char *)secret->s, data, (size_t)len);
    ((char *)secret->s)[len] = '\0';
    *pem = *secret;
    return true;
}
