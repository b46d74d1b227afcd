/*
 * A code system as one piece of bytes: a head, then the tables of struct terminology_system one after the other, each at a
 * multiple of four. It is made and used on machines of the same byte order; the head tells when it is not so. Nothing is
 * copied when it is opened.
 */
#include "image.h"

#include <stdio.h>

#include "terminology/build.h"

#define MAGIC UINT64_C(0x3130656d6974676b)

enum section {
    CODE,
    DISPLAY,
    DEFINITION,
    SLOTS,
    PARENTS_AT,
    PARENTS,
    CHILDREN_AT,
    CHILDREN,
    PROPERTY_AT,
    PROPERTIES,
    DESIGNATION_AT,
    DESIGNATIONS,
    FLAGS,
    TEXT,
    NAMES, /* url, version, name, the codes of properties: texts one after the other */
    N_SECTIONS
};

struct head {
    uint64_t magic, checksum, size;
    uint32_t n, mask, content, fold, n_codes, named; /* named: 1 it has a version, 2 a name */
    struct {
        uint64_t at, size; /* bytes; size 0: there is none */
    } sections[N_SECTIONS];
};

static const struct hash_key fixed = {0x696d616765, 0x6b61676172};

/* Of the head, but for the place where it stands, and of all the rest. */
static uint64_t checksum(const struct head *head, const char *image)
{
    struct head h = *head;
    h.checksum = 0;
    return hash_strs(&fixed, (struct str){(const char *)&h, sizeof h},
                     (struct str){image + sizeof h, h.size - sizeof h});
}

static void names(struct buf *out, const struct terminology_system *s)
{
    buf_add(out, s->url, strlen(s->url) + 1);
    if (s->version)
        buf_add(out, s->version, strlen(s->version) + 1);
    if (s->name)
        buf_add(out, s->name, strlen(s->name) + 1);
    for (size_t i = 0; i < s->n_codes; i++)
        buf_add(out, s->codes[i], strlen(s->codes[i]) + 1);
}

struct str terminology__image_write(struct arena *a, const struct terminology_system *s, size_t text,
                                    size_t properties, size_t designations)
{
    size_t n = s->n, edges = s->parents.at ? s->parents.at[n] : 0, word = sizeof(uint32_t);
    struct buf named;
    buf_init(&named, a, 256);
    names(&named, s);
    const struct {
        const void *from;
        size_t size;
    } parts[N_SECTIONS] = {
        [CODE] = {s->code, n * word},
        [DISPLAY] = {s->display, n * word},
        [DEFINITION] = {s->definition, n * word},
        [SLOTS] = {s->slots, ((size_t)s->mask + 1) * word},
        [PARENTS_AT] = {s->parents.at, (n + 1) * word},
        [PARENTS] = {s->parents.values, edges * word},
        [CHILDREN_AT] = {s->children.at, (n + 1) * word},
        [CHILDREN] = {s->children.values, edges * word},
        [PROPERTY_AT] = {s->property_at, (n + 1) * word},
        [PROPERTIES] = {s->properties, properties * sizeof *s->properties},
        [DESIGNATION_AT] = {s->designation_at, (n + 1) * word},
        [DESIGNATIONS] = {s->designations, designations * word},
        [FLAGS] = {s->flags, n},
        [TEXT] = {s->text, text},
        [NAMES] = {named.s, named.len},
    };
    struct head h = {.magic = MAGIC,
                     .size = sizeof h,
                     .n = s->n,
                     .mask = s->mask,
                     .content = s->content,
                     .fold = s->fold,
                     .n_codes = (uint32_t)s->n_codes,
                     .named = (s->version ? 1 : 0) | (s->name ? 2 : 0)};
    for (int i = 0; i < N_SECTIONS; i++) {
        h.sections[i].at = h.size;
        h.sections[i].size = parts[i].from ? parts[i].size : 0;
        h.size += (h.sections[i].size + 7) / 8 * 8;
    }
    char *image = arena_zalloc(a, h.size);
    for (int i = 0; i < N_SECTIONS; i++)
        if (h.sections[i].size)
            memcpy(image + h.sections[i].at, parts[i].from, h.sections[i].size);
    h.checksum = checksum(&h, image);
    memcpy(image, &h, sizeof h);
    return (struct str){image, h.size};
}

void terminology_image_name(struct str image, char out[33])
{
    static const struct hash_key other = {0x6e616d65, 0x6f66};
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash_bytes(&fixed, image.s, image.len),
             (unsigned long long)hash_bytes(&other, image.s, image.len));
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

static void *section(struct str image, const struct head *h, enum section i)
{
    return h->sections[i].size ? (char *)image.s + h->sections[i].at : NULL;
}

static const char *next(const char **text)
{
    const char *s = *text;
    *text += strlen(s) + 1;
    return s;
}

static bool whole(struct str image, const struct head *h)
{
    if (image.len < sizeof *h || h->magic != MAGIC || h->size != image.len)
        return false;
    for (int i = 0; i < N_SECTIONS; i++)
        if (h->sections[i].at % 8 || h->sections[i].at > image.len ||
            h->sections[i].size > image.len - h->sections[i].at)
            return false;
    return checksum(h, image.s) == h->checksum;
}

bool terminology_image_open(struct arena *a, struct str image, const struct terminology_system **out,
                            struct err *err)
{
    const struct head *h = (const struct head *)image.s;
    if (!whole(image, h))
        return err_set(
            err, ERR_UNSUPPORTED,
            "The codes of this code system were imported by another version of the server: import them "
            "again");
    struct terminology_system *s = ARENA_NEW(a, struct terminology_system);
    const char *text = section(image, h, NAMES);
    *s = (struct terminology_system){
        .url = next(&text),
        .version = h->named & 1 ? next(&text) : NULL,
        .name = h->named & 2 ? next(&text) : NULL,
        .content = (enum terminology_content)h->content,
        .fold = h->fold,
        .n = h->n,
        .text = section(image, h, TEXT),
        .code = section(image, h, CODE),
        .display = section(image, h, DISPLAY),
        .definition = section(image, h, DEFINITION),
        .flags = section(image, h, FLAGS),
        .slots = section(image, h, SLOTS),
        .mask = h->mask,
        .parents = {section(image, h, PARENTS_AT), section(image, h, PARENTS)},
        .children = {section(image, h, CHILDREN_AT), section(image, h, CHILDREN)},
        .property_at = section(image, h, PROPERTY_AT),
        .properties = section(image, h, PROPERTIES),
        .codes = ARENA_ARRAY(a, const char *, h->n_codes),
        .n_codes = h->n_codes,
        .designation_at = section(image, h, DESIGNATION_AT),
        .designations = section(image, h, DESIGNATIONS),
    };
    for (size_t i = 0; i < s->n_codes; i++)
        s->codes[i] = next(&text);
    *out = s;
    return true;
}
