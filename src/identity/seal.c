/*
 * Sealed, of a resource:   1, number of the data key (2 bytes), nonce (12), length of the text (4), ciphertext, tag (16)
 * the ciphertext's plain:  how many pieces (4), for each its offset and length (4 + 4), their bytes one after the other
 * Sealed, of a text:       2, number of the data key (2 bytes), nonce (12), ciphertext, tag (16)
 *
 * Numbers are big-endian. The head is bound as well.
 */
#include "identity/seal.h"

#include "crypto/random.h"
#include "internal.h"

enum { PIECES = 1, TEXT = 2, HEAD = 3 + CRYPTO_NONCE, LENGTH = 4 };

static void put4(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get4(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* A system call for many nonces, not for each. A child process does not go on with its parent's threads. */
static void take_nonce(uint8_t out[CRYPTO_NONCE])
{
    static _Thread_local uint8_t pool[64 * CRYPTO_NONCE];
    static _Thread_local size_t left;
    if (!left) {
        crypto_random(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= CRYPTO_NONCE;
    memcpy(out, pool + left, CRYPTO_NONCE);
}

/* Returns the key. */
static const uint8_t *put_head(const struct identity_keys *k, int kind, uint8_t *out)
{
    int number = identity_keys_newest(k);
    out[0] = (uint8_t)kind;
    out[1] = (uint8_t)(number >> 8);
    out[2] = (uint8_t)number;
    take_nonce(out + 3);
    return identity__key(k, number);
}

int identity_key_of(struct str sealed)
{
    const uint8_t *s = (const uint8_t *)sealed.s;
    return sealed.len < HEAD + CRYPTO_TAG ? 0 : s[1] << 8 | s[2];
}

/* NULL: no sealed text of that kind, or no key for it. */
static const uint8_t *key_for(const struct identity_keys *k, int kind, struct str sealed, struct err *err)
{
    const uint8_t *key = sealed.len >= HEAD + CRYPTO_TAG && sealed.s[0] == kind
                             ? identity__key(k, identity_key_of(sealed))
                             : NULL;
    if (!key)
        err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                   "sealed with data key %d, which is not there", identity_key_of(sealed));
    return key;
}

static bool changed(struct err *err)
{
    return err_detail(err, ERR_INTERNAL, "The server met an error of its own; it has been logged",
                      "a sealed identity does not belong to what it stands beside");
}

static void wipe(void *secret)
{
    const struct str *s = secret;
    crypto_wipe((char *)s->s, s->len);
}

/* Room for something opened, wiped with its arena. */
static char *secret_room(struct arena *a, size_t len)
{
    struct str *secret = ARENA_NEW(a, struct str);
    *secret = (struct str){arena_alloc(a, len + 1), len};
    arena_cleanup(a, wipe, secret);
    ((char *)secret->s)[len] = '\0';
    return (char *)secret->s;
}

/* ---- pieces -------------------------------------------------------------------------------------------------- */

/* What they are bound to; lengths, so that parts cannot be moved from one to the next. */
struct bound {
    uint8_t numbers[12];
    struct str parts[5];
};
enum { PARTS = 5 };

static const struct str *bind(struct bound *b, const struct identity_about *about, struct str head,
                              struct str text)
{
    struct str type = str_of(about->type);
    put4(b->numbers, (uint32_t)about->tenant);
    put4(b->numbers + 4, (uint32_t)type.len);
    put4(b->numbers + 8, (uint32_t)about->id.len);
    b->parts[0] = head;
    b->parts[1] = (struct str){(const char *)b->numbers, sizeof b->numbers};
    b->parts[2] = type;
    b->parts[3] = about->id;
    b->parts[4] = text;
    return b->parts;
}

static struct str seal_plain(const struct identity_keys *k, struct arena *a,
                             const struct identity_about *about, struct str text, struct str plain)
{
    struct bound b;
    uint8_t *out = arena_alloc(a, HEAD + LENGTH + plain.len + CRYPTO_TAG);
    const uint8_t *key = put_head(k, PIECES, out);
    put4(out + HEAD, (uint32_t)text.len);
    crypto_seal(key, out + 3, bind(&b, about, (struct str){(const char *)out, HEAD + LENGTH}, text), PARTS,
                plain, out + HEAD + LENGTH);
    return (struct str){(const char *)out, HEAD + LENGTH + plain.len + CRYPTO_TAG};
}

void identity_seal(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                   struct str text, const struct identity_pieces *pieces, struct str *sealed)
{
    size_t len = 4 + 8 * pieces->n;
    for (size_t i = 0; i < pieces->n; i++)
        len += pieces->list[i].text.len;
    uint8_t *plain = (uint8_t *)secret_room(a, len), *p = plain;
    put4(p, (uint32_t)pieces->n);
    p += 4;
    for (size_t i = 0; i < pieces->n; i++, p += 8) {
        put4(p, (uint32_t)pieces->list[i].at);
        put4(p + 4, (uint32_t)pieces->list[i].text.len);
    }
    for (size_t i = 0; i < pieces->n; i++) {
        memcpy(p, pieces->list[i].text.s, pieces->list[i].text.len);
        p += pieces->list[i].text.len;
    }
    *sealed = seal_plain(k, a, about, text, (struct str){(const char *)plain, len});
}

bool identity__splice(struct arena *a, struct str content, size_t text_at, struct str plain, struct str *out)
{
    const uint8_t *p = (const uint8_t *)plain.s;
    size_t n = plain.len < 4 ? SIZE_MAX : get4(p);
    if (n > (plain.len - 4) / 8)
        return false;
    const char *bytes = plain.s + 4 + 8 * n, *end = plain.s + plain.len;
    size_t more = (size_t)(end - bytes), at = 0;
    char *to = secret_room(a, content.len + more);
    *out = (struct str){to, content.len + more};
    for (p += 4; n > 0; n--, p += 8) {
        size_t next = text_at + get4(p), len = get4(p + 4);
        if (next < at || next > content.len || len > (size_t)(end - bytes))
            return false;
        memcpy(to, content.s + at, next - at);
        to += next - at;
        at = next;
        memcpy(to, bytes, len);
        to += len;
        bytes += len;
    }
    memcpy(to, content.s + at, content.len - at);
    return bytes == end;
}

/* *text: the end of content that it was sealed with; *plain is wiped with a. */
static bool open_plain(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                       struct str content, struct str sealed, struct str *text, struct str *plain,
                       struct err *err)
{
    const uint8_t *key = key_for(k, PIECES, sealed, err), *s = (const uint8_t *)sealed.s;
    if (!key)
        return false;
    size_t len = sealed.len < HEAD + LENGTH + CRYPTO_TAG ? SIZE_MAX : get4(s + HEAD);
    if (len > content.len)
        return changed(err);
    struct bound b;
    *text = (struct str){content.s + content.len - len, len};
    struct str closed = {sealed.s + HEAD + LENGTH, sealed.len - HEAD - LENGTH};
    *plain = (struct str){secret_room(a, closed.len - CRYPTO_TAG), closed.len - CRYPTO_TAG};
    return crypto_open(key, s + 3, bind(&b, about, (struct str){sealed.s, HEAD + LENGTH}, *text), PARTS,
                       closed, (uint8_t *)plain->s) ||
           changed(err);
}

bool identity_open(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                   struct str content, struct str sealed, struct str *out, struct err *err)
{
    struct str text, plain;
    return open_plain(k, a, about, content, sealed, &text, &plain, err) &&
           (identity__splice(a, content, content.len - text.len, plain, out) || changed(err));
}

bool identity_seal_anew(const struct identity_keys *k, struct arena *a, const struct identity_about *about,
                        struct str content, struct str sealed, struct str *out, struct err *err)
{
    struct str text, plain;
    if (!open_plain(k, a, about, content, sealed, &text, &plain, err))
        return false;
    *out = seal_plain(k, a, about, text, plain);
    return true;
}

/* ---- texts --------------------------------------------------------------------------------------------------- */

void identity_seal_text(const struct identity_keys *k, struct arena *a, struct str context, struct str text,
                        struct str *sealed)
{
    uint8_t *out = arena_alloc(a, HEAD + text.len + CRYPTO_TAG);
    const uint8_t *key = put_head(k, TEXT, out);
    const struct str bound[] = {{(const char *)out, HEAD}, context};
    crypto_seal(key, out + 3, bound, 2, text, out + HEAD);
    *sealed = (struct str){(const char *)out, HEAD + text.len + CRYPTO_TAG};
}

bool identity_open_text(const struct identity_keys *k, struct arena *a, struct str context, struct str sealed,
                        struct str *out, struct err *err)
{
    const uint8_t *key = key_for(k, TEXT, sealed, err);
    if (!key)
        return false;
    const struct str bound[] = {{sealed.s, HEAD}, context};
    struct str closed = {sealed.s + HEAD, sealed.len - HEAD};
    *out = (struct str){secret_room(a, closed.len - CRYPTO_TAG), closed.len - CRYPTO_TAG};
    return crypto_open(key, (const uint8_t *)sealed.s + 3, bound, 2, closed, (uint8_t *)out->s) ||
           changed(err);
}

/* ---- for others ---------------------------------------------------------------------------------------------- */

bool identity_redact(struct arena *a, struct str content, struct str *out, struct err *err)
{
    static const char *const codes[] = {"REDACTED", "PSEUDED"};
    json *resource;
    if (!json_parse(a, content, INT16_MAX, &resource, err))
        return false;
    json *meta = json_get(resource, "meta");
    if (!meta)
        meta = json_add(a, resource, "meta", json_object(a));
    json *labels = json_get(meta, "security");
    if (!labels)
        labels = json_add(a, meta, "security", json_array(a));
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        json *label = json_object(a);
        json_add_string(a, label, "system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
        json_add_string(a, label, "code", codes[i]);
        json_push(labels, label);
    }
    *out = json_text(a, resource);
    return true;
}
