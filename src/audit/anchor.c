/*
 * Anchors: JWTs, signed by a key that the database never has, that say how far the chain was and what its link was then.
 * They are in the database, and in two files outside it: `anchors` has those of every audit.anchor_interval, `head` the
 * newest, by which a tail is missed that somebody has cut off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "internal.h"

enum { PEM_MAX = 4096 };
#define ISSUER "urn:kagari:audit"

static bool failed(struct err *err, const char *what)
{
    return err_detail(err, ERR_INTERNAL, "The audit anchors cannot be kept (audit.directory)", "%s: %s", what,
                      strerror(errno));
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
    return fdatasync(fd) == 0;
}

/* Whole or not at all; keep: one that is there stays. */
static bool put_file(struct arena *a, const char *path, bool keep, struct str text, struct err *err)
{
    char *temporary = arena_printf(a, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    if (fd < 0)
        return failed(err, path);
    bool ok = write_all(fd, text);
    ok = close(fd) == 0 && ok;
    if (ok && keep)
        ok = link(temporary, path) == 0 || errno == EEXIST;
    else
        ok = ok && rename(temporary, path) == 0;
    if (!ok)
        failed(err, path);
    if (!ok || keep)
        unlink(temporary);
    return ok;
}

static bool make_key(struct arena *a, const char *dir, const char *path, struct err *err)
{
    struct str pem, jwks;
    return jwt_key_generate(a, "ES256", &pem, err) && jwt_key_jwks(a, pem, &jwks, err) &&
           put_file(a, path, true, pem, err) &&
           put_file(a, arena_printf(a, "%s/anchor.jwks", dir), false, jwks, err);
}

bool audit__key(const struct config *c, struct arena *a, bool make, struct str *pem, struct err *err)
{
    const char *path = c->audit_key, *dir = audit__directory(c);
    *pem = (struct str){NULL, 0};
    if (!*path) {
        if (!dir)
            return true;
        path = arena_printf(a, "%s/anchor.key", dir);
        if (access(path, F_OK) != 0) {
            if (!make)
                return true;
            if (!make_key(a, dir, path, err))
                return false;
        }
    }
    return config_read_file(a, path, PEM_MAX, pem, err);
}

bool audit__sign(struct arena *a, struct str pem, int32_t tenant, int kind, const struct audit__seal *s,
                 struct str *token, struct err *err)
{
    json *claims = json_object(a);
    json_add_string(a, claims, "iss", ISSUER);
    json_add(a, claims, "iat", json_int(a, clock_wall_us() / 1000000));
    json_add(a, claims, "tenant", json_int(a, tenant));
    json_add(a, claims, "kind", json_int(a, kind));
    json_add(a, claims, "n", json_int(a, s->n));
    json_add(a, claims, "pos", json_int(a, s->pos));
    json_add(a, claims, "k", json_int(a, s->k));
    json_add(a, claims, "link", json_string_n(a, audit__hex(a, s->link, AUDIT__LINK)));
    return jwt_sign(a, pem, "JWT", claims, token, err);
}

static bool read_int(const json *claims, const char *name, int64_t *out)
{
    const json *v = json_get(claims, name);
    return json_is_number(v) && str_int64(str_of(v->valuestring), out);
}

static bool read_link(const json *claims, uint8_t out[AUDIT__LINK])
{
    const char *text = json_get_string(claims, "link");
    if (!text || strlen(text) != 2 * AUDIT__LINK)
        return false;
    for (size_t i = 0; i < AUDIT__LINK; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'}, *end;
        out[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2)
            return false;
    }
    return true;
}

static bool read_unsigned(struct arena *a, struct str token, json **claims, struct err *err)
{
    struct str rest, payload, text;
    str_cut(token, '.', &rest);
    payload = str_cut(rest, '.', &rest);
    return (payload.s && base64_decode(a, BASE64_URL, payload, &text) &&
            json_parse(a, text, 8, claims, err)) ||
           err_set(err, ERR_INVALID, "It is no token");
}

bool audit__check(const struct jwks *keys, struct arena *a, struct str token, int32_t tenant, int kind,
                  struct audit__seal *out, struct err *err)
{
    json *claims;
    bool unknown;
    int64_t of, is;
    const char *issuer;
    if (keys ? !jwt_verify(keys, a, token, &claims, &unknown, err) : !read_unsigned(a, token, &claims, err))
        return false;
    issuer = json_get_string(claims, "iss");
    if (!issuer || strcmp(issuer, ISSUER) != 0 || !read_int(claims, "tenant", &of) || of != tenant ||
        !read_int(claims, "kind", &is) || is != kind || !read_int(claims, "n", &out->n) ||
        !read_int(claims, "pos", &out->pos) || !read_int(claims, "k", &out->k) ||
        !read_link(claims, out->link))
        return err_set(err, ERR_INVALID, "It is signed, but says something else");
    return true;
}

bool audit__keep_head(struct arena *a, const char *dir, struct str token, struct err *err)
{
    return put_file(a, arena_printf(a, "%s/head", dir), false, token, err);
}

bool audit__keep_anchor(struct arena *a, const char *dir, struct str token, struct err *err)
{
    const char *path = arena_printf(a, "%s/anchors", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(err, path);
    bool ok = write_all(fd, str_of(arena_printf(a, "%.*s\n", STR_FMT(token))));
    ok = close(fd) == 0 && ok;
    return ok || failed(err, path);
}
