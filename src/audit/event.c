/* Entries and words as records of a ring: numbers in the machine's own order, since no other machine reads them. */
#include "base/json.h"
#include "crypto/digest.h"
#include "internal.h"

struct fixed {
    uint8_t kind, find, id_len, request_len;
    int16_t rtype, op, status, purpose;
    int32_t shown, ver;
    uint32_t n_pats;
    int64_t at_us, agent, shape;
};

struct fixed_word {
    uint8_t kind, word;
    uint16_t len;
    int64_t key;
};

_Static_assert(sizeof(struct fixed) <= 64, "AUDIT__RECORD has room for it");

size_t audit__entry_write(const struct audit__entry *e, uint8_t out[AUDIT__RECORD])
{
    struct fixed f = {.kind = AUDIT__EVENT,
                      .find = (uint8_t)e->find,
                      .id_len = (uint8_t)(e->id.len > 128 ? 128 : e->id.len),
                      .request_len = (uint8_t)(e->request.len > 128 ? 128 : e->request.len),
                      .rtype = e->rtype,
                      .op = e->op,
                      .status = e->status,
                      .purpose = e->purpose,
                      .shown = e->shown,
                      .ver = e->ver,
                      .n_pats = (uint32_t)e->n_pats,
                      .at_us = e->at_us,
                      .agent = e->agent,
                      .shape = e->shape};
    uint8_t *p = out;
    memcpy(p, &f, sizeof f);
    p += sizeof f;
    if (e->n_pats)
        memcpy(p, e->pats, e->n_pats * sizeof e->pats[0]);
    p += e->n_pats * sizeof e->pats[0];
    if (f.id_len)
        memcpy(p, e->id.s, f.id_len);
    p += f.id_len;
    if (f.request_len)
        memcpy(p, e->request.s, f.request_len);
    return (size_t)(p + f.request_len - out);
}

size_t audit__word_write(const struct audit__word *w, uint8_t out[AUDIT__RECORD])
{
    struct fixed_word f = {
        .kind = AUDIT__WORD, .word = (uint8_t)w->kind, .len = (uint16_t)w->text.len, .key = w->key};
    memcpy(out, &f, sizeof f);
    memcpy(out + sizeof f, w->text.s, w->text.len);
    return sizeof f + w->text.len;
}

static struct str text_or_none(const char *s, size_t len)
{
    return (struct str){len ? s : NULL, len};
}

static int read_entry(struct arena *a, struct str record, struct audit__entry *e)
{
    struct fixed f;
    if (record.len < sizeof f)
        return 0;
    memcpy(&f, record.s, sizeof f);
    if (f.n_pats > AUDIT__PATS ||
        record.len != sizeof f + f.n_pats * sizeof(int64_t) + f.id_len + f.request_len)
        return 0;
    const char *p = record.s + sizeof f;
    int64_t *pats = ARENA_ARRAY(a, int64_t, f.n_pats);
    if (f.n_pats)
        memcpy(pats, p, f.n_pats * sizeof *pats);
    p += f.n_pats * sizeof *pats;
    *e = (struct audit__entry){.at_us = f.at_us,
                               .agent = f.agent,
                               .shape = f.shape,
                               .shown = f.shown,
                               .ver = f.ver,
                               .rtype = f.rtype,
                               .op = f.op,
                               .status = f.status,
                               .purpose = f.purpose,
                               .find = f.find,
                               .id = text_or_none(p, f.id_len),
                               .request = text_or_none(p + f.id_len, f.request_len),
                               .pats = pats,
                               .n_pats = f.n_pats};
    return AUDIT__EVENT;
}

static int read_word(struct str record, struct audit__word *w)
{
    struct fixed_word f;
    if (record.len < sizeof f)
        return 0;
    memcpy(&f, record.s, sizeof f);
    *w = (struct audit__word){f.word, f.key, {record.s + sizeof f, f.len}};
    return record.len == sizeof f + f.len ? AUDIT__WORD : 0;
}

int audit__record_read(struct arena *a, struct str record, struct audit__entry *e, struct audit__word *w)
{
    if (record.len == 0)
        return 0;
    return record.s[0] == AUDIT__EVENT  ? read_entry(a, record, e)
           : record.s[0] == AUDIT__WORD ? read_word(record, w)
                                        : 0;
}

int64_t audit__word_key(int16_t kind, struct str text)
{
    char all[AUDIT__TEXT + 1];
    uint8_t sum[32];
    int64_t key = 0;
    size_t len = text.len < AUDIT__TEXT ? text.len : AUDIT__TEXT;
    all[0] = (char)kind;
    memcpy(all + 1, text.s, len);
    crypto_sha256(all, len + 1, sum);
    for (size_t i = 0; i < sizeof key; i++)
        key = (int64_t)((uint64_t)key << 8 | sum[i]);
    return key ? key : 1;
}

/* ---- agents ----------------------------------------------------------------------------------------------------- */

/* A string of JSON, cut to so many bytes between characters; quotes and the like are left out: these are names. */
static size_t put_string(char *out, struct str text, size_t most)
{
    size_t n = 0, len = text.len < most ? text.len : most;
    while (len < text.len && len > 0 && ((unsigned char)text.s[len] & 0xc0) == 0x80)
        len--;
    out[n++] = '"';
    for (size_t i = 0; i < len; i++)
        if (text.s[i] != '"' && text.s[i] != '\\' && (unsigned char)text.s[i] >= ' ')
            out[n++] = text.s[i];
    out[n++] = '"';
    return n;
}

size_t audit__agent_text(const struct audit_who *who, char out[AUDIT__TEXT])
{
    const struct {
        struct str text;
        size_t most;
    } parts[] = {
        {who->subject, 256}, {who->client, 256}, {who->issuer, 320}, {who->level, 16}, {who->address, 64}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        out[n++] = i ? ',' : '[';
        n += put_string(out + n, parts[i].text, parts[i].most);
    }
    out[n++] = ']';
    return n;
}

/* ---- request ids -------------------------------------------------------------------------------------------------- */

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A text of 16 bytes has one more. */
struct str audit__request_bytes(struct str text, uint8_t room[17])
{
    size_t n = 0;
    if (text.len == 16) {
        memcpy(room, text.s, 16);
        room[16] = '\0';
        return (struct str){(const char *)room, 17};
    }
    if (text.len != 36)
        return text;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.s[i] != '-')
                return text;
            continue;
        }
        int high = digit(text.s[i]), low = digit(text.s[i + 1]);
        if (high < 0 || low < 0)
            return text;
        room[n++] = (uint8_t)(high << 4 | low);
        i++;
    }
    return (struct str){(const char *)room, 16};
}

static struct str uuid_text(struct arena *a, const char *bytes)
{
    static const char hex[] = "0123456789abcdef";
    char *out = arena_alloc(a, 37), *p = out;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[(uint8_t)bytes[i] >> 4];
        *p++ = hex[(uint8_t)bytes[i] & 15];
    }
    *p = '\0';
    return (struct str){out, 36};
}

struct str audit__request_text(struct arena *a, struct str bytes)
{
    if (bytes.len == 16)
        return uuid_text(a, bytes.s);
    if (bytes.len == 17 && bytes.s[16] == '\0')
        bytes.len = 16;
    return bytes;
}
