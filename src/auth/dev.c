/* The key and the tokens of a development instance. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/command.h"
#include "base/clock.h"
#include "base/config.h"
#include "crypto/jwt.h"
#include "crypto/random.h"

enum { PEM_MAX = 4096 };
#define DAY_US INT64_C(86400000000)

const char *auth_dev_data(struct arena *a)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/')
        return arena_printf(a, "%s/kagari", state);
    return home && *home ? arena_printf(a, "%s/.local/state/kagari", home) : NULL;
}

static bool failed(struct err *err, const char *path)
{
    return err_set(err, ERR_INTERNAL, "%s: %s", path, strerror(errno));
}

static bool write_all(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.s, text.len);
        if (n < 0)
            return false;
        text.s += n;
        text.len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* A file appears whole or not at all. replace false: one that is there already stays, whoever made it. */
static bool put_file(struct arena *a, const char *path, mode_t mode, bool replace, struct str text,
                     struct err *err)
{
    char *temporary = arena_printf(a, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    if (fd < 0)
        return failed(err, temporary);
    bool ok = fchmod(fd, mode) == 0 && write_all(fd, text);
    ok = close(fd) == 0 && ok;
    if (ok && replace)
        ok = rename(temporary, path) == 0;
    else if (ok)
        ok = link(temporary, path) == 0 || errno == EEXIST;
    if (!ok)
        failed(err, path);
    unlink(temporary);
    return ok;
}

bool auth_dev_key(struct arena *a, const char *data_dir, struct str *pem, struct err *err)
{
    const char *key_path = arena_printf(a, "%s/token.key", data_dir);
    const char *jwks_path = arena_printf(a, "%s/jwks.json", data_dir);
    struct str fresh, jwks, there;
    struct err none;

    if (access(key_path, F_OK) != 0 &&
        (!jwt_key_generate(a, "ES256", &fresh, err) || !put_file(a, key_path, 0600, false, fresh, err)))
        return false;
    if (!config_read_file(a, key_path, PEM_MAX, pem, err) || !jwt_key_jwks(a, *pem, &jwks, err))
        return false;
    return (config_read_file(a, jwks_path, JWKS_MAX, &there, &none) && str_eq(there, jwks)) ||
           put_file(a, jwks_path, 0644, true, jwks, err);
}

bool auth_dev_mint(struct arena *a, struct str pem, const struct auth_dev_token *t, struct str *token,
                   struct err *err)
{
    int64_t now = clock_wall_us() / 1000000, ttl = (t->ttl_us ? t->ttl_us : 30 * DAY_US) / 1000000;
    const char *subject = t->subject ? t->subject : "dev";
    char id[37];
    crypto_uuid(id);

    json *claims = json_object(a);
    json_add_string(a, claims, "iss", t->issuer ? t->issuer : AUTH_DEV_ISSUER);
    json_add_string(a, claims, "aud", t->audience ? t->audience : AUTH_DEV_AUDIENCE);
    json_add_string(a, claims, "sub", subject);
    json_add_string(a, claims, "client_id", subject);
    json_add_string(a, claims, "scope", t->scope ? t->scope : AUTH_DEV_SCOPE);
    json_add_string(a, claims, "jti", id);
    if (t->patient)
        json_add_string(a, claims, "patient", t->patient);
    if (t->user)
        json_add_string(a, claims, "fhirUser", t->user);
    json_each (claim, t->claims)
        json_put(a, claims, claim->string, json_copy(a, claim));
    json_add(a, claims, "iat", json_int(a, now));
    json_add(a, claims, "exp", json_int(a, now + ttl));
    return jwt_sign(a, pem, "JWT", claims, token, err);
}
