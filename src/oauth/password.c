/* Passwords as scrypt hashes, "scrypt$15$SALT$HASH", and one-time codes (RFC 6238: SHA-1, six digits, 30 seconds). */
#include <stdio.h>

#include "base/base64.h"
#include "crypto/random.h"
#include "internal.h"

enum { LOG_N = 15, LOG_N_MAX = 20, SALT = 16, HASH = 32, STEP_S = 30 };

bool oauth__password_hash(struct arena *a, struct str password, const char **out, struct err *err)
{
    uint8_t salt[SALT], hash[HASH];
    crypto_random(salt, sizeof salt);
    if (!crypto_scrypt(password, (struct str){(char *)salt, SALT}, LOG_N, hash, err))
        return false;
    *out = arena_printf(a, "scrypt$%d$%s$%s", LOG_N, base64_encode(a, BASE64_URL, salt, SALT).s,
                        base64_encode(a, BASE64_URL, hash, HASH).s);
    return true;
}

bool oauth__password_fits(struct arena *a, struct str password, const char *stored, bool *fits,
                          struct err *err)
{
    /* of nobody: costs the same */
    static const char nobody[] =
        "scrypt$15$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    struct str rest, salt, hash, kind = str_cut(str_of(stored ? stored : nobody), '$', &rest);
    struct str cost = str_cut(rest, '$', &rest), salt_text = str_cut(rest, '$', &rest);
    int64_t log_n;
    uint8_t computed[HASH];
    if (!str_is(kind, "scrypt") || !str_int64(cost, &log_n) || log_n < 1 || log_n > LOG_N_MAX || !rest.s ||
        !base64_decode(a, BASE64_URL, salt_text, &salt) || !base64_decode(a, BASE64_URL, rest, &hash) ||
        hash.len != HASH)
        return err_detail(err, ERR_INTERNAL, "A stored password cannot be read.", "oauth_user");
    if (!crypto_scrypt(password, salt, (int)log_n, computed, err))
        return false;
    *fits = crypto_equal(computed, hash.s, HASH) && stored;
    crypto_wipe(computed, sizeof computed);
    return true;
}

const char *oauth__base32_encode(struct arena *a, const uint8_t *data, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    struct buf b;
    unsigned bits = 0, value = 0;
    buf_init(&b, a, len * 2);
    for (size_t i = 0; i < len; i++) {
        value = (value << 8 | data[i]) & 0xffff;
        for (bits += 8; bits >= 5;)
            buf_addc(&b, alphabet[value >> (bits -= 5) & 31]);
    }
    if (bits)
        buf_addc(&b, alphabet[value << (5 - bits) & 31]);
    return b.s;
}

void oauth__totp(struct str secret, int64_t step, char out[7])
{
    uint8_t counter[8], mac[20];
    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    crypto_hmac_sha1(secret, counter, sizeof counter, mac);
    const uint8_t *at = mac + (mac[19] & 15);
    unsigned n = (unsigned)(at[0] & 127) << 24 | (unsigned)at[1] << 16 | (unsigned)at[2] << 8 | at[3];
    snprintf(out, 7, "%06u", n % 1000000);
}

int64_t oauth__totp_step(struct str secret, const char *code, int64_t now_us)
{
    int64_t now = now_us / OAUTH__SECOND / STEP_S, found = 0;
    for (int64_t step = now - 1; step <= now + 1; step++) {
        char want[7];
        oauth__totp(secret, step, want);
        if (strlen(code) == 6 && crypto_equal(want, code, 6))
            found = step;
    }
    return found;
}
