/*
 * A code system that grows. What belongs to one concept comes at any time (RF2 has its descriptions in a file of their
 * own), so designations, properties and edges are records with the number of their concept, and are put in order when the
 * image is made. Values of properties that are the same are kept once.
 */
#include "terminology/build.h"

#include <stdlib.h>

#include "image.h"

struct list {
    void *items;
    size_t n, cap;
};

struct terminology_build {
    struct arena a; /* of the head */
    struct terminology_head head;
    char *text;
    size_t text_n, text_cap;
    struct list concepts, designations, properties, edges, later, codes;
    uint32_t *slots, mask;                /* code → concept + 1 */
    uint32_t *words, words_mask, words_n; /* values of properties: offset of the text; 0: free */
    bool definitions;
};

struct concept {
    uint32_t code, display, definition, flags;
};
struct record { /* of a designation */
    uint32_t at, text;
};
struct property {
    uint32_t at;
    uint16_t code, type;
    uint32_t text;
};
struct later { /* an edge whose parent was not there */
    uint32_t at, text;
};

static void *need(void *memory)
{
    if (!memory)
        abort(); /* as an arena without a guard does */
    return memory;
}

static void *push(struct list *l, size_t size)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap + l->cap / 4 + 16 : 1024;
        l->items = need(realloc(l->items, l->cap * size));
    }
    return (char *)l->items + size * l->n++;
}

static struct concept *concept_at(const struct terminology_build *b, uint32_t at)
{
    return (struct concept *)b->concepts.items + at;
}

static uint32_t keep(struct terminology_build *b, struct str s)
{
    if (b->text_n + s.len + 1 > b->text_cap) {
        b->text_cap = b->text_cap + b->text_cap / 4 + s.len + 4096;
        b->text = need(realloc(b->text, b->text_cap));
    }
    size_t at = b->text_n;
    if (s.len)
        memcpy(b->text + at, s.s, s.len);
    b->text[at + s.len] = '\0';
    b->text_n += s.len + 1;
    return at > UINT32_MAX ? 0 : (uint32_t)at; /* the image says that it is too large */
}

static const char *copy(struct arena *a, const char *s)
{
    return s ? arena_strdup(a, s) : NULL;
}

struct terminology_build *terminology_build_new(const struct terminology_head *head)
{
    struct terminology_build *b = need(calloc(1, sizeof *b));
    arena_init(&b->a, 0);
    b->head = *head;
    b->head.url = arena_strdup(&b->a, head->url);
    b->head.version = copy(&b->a, head->version);
    b->head.name = copy(&b->a, head->name);
    keep(b, STR(""));
    b->mask = b->words_mask = 1023;
    b->slots = need(calloc(b->mask + 1, sizeof *b->slots));
    b->words = need(calloc(b->words_mask + 1, sizeof *b->words));
    return b;
}

void terminology_build_free(struct terminology_build *b)
{
    struct list *lists[] = {&b->concepts, &b->designations, &b->properties, &b->edges, &b->later, &b->codes};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]->items);
    free(b->slots);
    free(b->words);
    free(b->text);
    arena_release(&b->a);
    free(b);
}

/* ---- concepts --------------------------------------------------------------------------------------------- */

static uint32_t hash_code(const struct terminology_build *b, struct str code)
{
    char buffer[256];
    return terminology__hash(b->head.case_sensitive ? code : terminology__fold(code, buffer, sizeof buffer));
}

static bool same(const struct terminology_build *b, uint32_t text, struct str code)
{
    struct str x = str_of(b->text + text);
    return b->head.case_sensitive ? str_eq(x, code) : str_ieq(x, code);
}

bool terminology_build_find(const struct terminology_build *b, struct str code, uint32_t *at)
{
    for (uint32_t i = hash_code(b, code), slot; (slot = b->slots[i & b->mask]); i++)
        if (same(b, concept_at(b, slot - 1)->code, code)) {
            *at = slot - 1;
            return true;
        }
    return false;
}

static void note(uint32_t *slots, uint32_t mask, uint32_t hash, uint32_t value)
{
    while (slots[hash & mask])
        hash++;
    slots[hash & mask] = value;
}

static void grow(struct terminology_build *b)
{
    uint32_t mask = b->mask * 2 + 1;
    free(b->slots);
    b->slots = need(calloc((size_t)mask + 1, sizeof *b->slots));
    b->mask = mask;
    for (uint32_t i = 0; i < b->concepts.n; i++)
        note(b->slots, mask, hash_code(b, str_of(b->text + concept_at(b, i)->code)), i + 1);
}

uint32_t terminology_build_concept(struct terminology_build *b, struct str code, bool *is_new)
{
    uint32_t at;
    bool known = terminology_build_find(b, code, &at);
    if (is_new)
        *is_new = !known;
    if (known)
        return at;
    at = (uint32_t)b->concepts.n;
    if ((at + 1) * 2 > b->mask)
        grow(b);
    struct concept *c = push(&b->concepts, sizeof *c);
    *c = (struct concept){.code = keep(b, code)};
    note(b->slots, b->mask, hash_code(b, code), at + 1);
    return at;
}

uint32_t terminology_build_count(const struct terminology_build *b)
{
    return (uint32_t)b->concepts.n;
}

bool terminology_build_has_display(const struct terminology_build *b, uint32_t at)
{
    return concept_at(b, at)->display != 0;
}

void terminology_build_display(struct terminology_build *b, uint32_t at, struct str text)
{
    if (text.len && !concept_at(b, at)->display)
        concept_at(b, at)->display = keep(b, text);
}

void terminology_build_definition(struct terminology_build *b, uint32_t at, struct str text)
{
    if (text.len && !concept_at(b, at)->definition)
        concept_at(b, at)->definition = keep(b, text);
    b->definitions = b->definitions || text.len;
}

void terminology_build_inactive(struct terminology_build *b, uint32_t at)
{
    concept_at(b, at)->flags |= TERMINOLOGY__INACTIVE;
}

void terminology_build_abstract(struct terminology_build *b, uint32_t at)
{
    concept_at(b, at)->flags |= TERMINOLOGY__ABSTRACT;
}

void terminology_build_designation(struct terminology_build *b, uint32_t at, struct str language,
                                   struct str value)
{
    if (!value.len)
        return;
    *(struct record *)push(&b->designations, sizeof(struct record)) = (struct record){at, keep(b, language)};
    keep(b, value);
    for (int i = 0; i < 3; i++) /* use: system, code, display */
        keep(b, STR(""));
}

/* ---- properties ------------------------------------------------------------------------------------------- */

static uint32_t word(struct terminology_build *b, struct str value)
{
    uint32_t i = terminology__hash(value), at;
    for (; (at = b->words[i & b->words_mask]); i++)
        if (str_is(value, b->text + at))
            return at;
    at = keep(b, value);
    b->words[i & b->words_mask] = at;
    if (++b->words_n * 2 > b->words_mask) {
        uint32_t mask = b->words_mask * 2 + 1, *words = need(calloc((size_t)mask + 1, sizeof *words));
        for (uint32_t k = 0; k <= b->words_mask; k++)
            if (b->words[k])
                note(words, mask, terminology__hash(str_of(b->text + b->words[k])), b->words[k]);
        free(b->words);
        b->words = words;
        b->words_mask = mask;
    }
    return at;
}

static uint16_t code_of(struct terminology_build *b, const char *code)
{
    const char **codes = b->codes.items;
    for (size_t i = 0; i < b->codes.n; i++)
        if (strcmp(codes[i], code) == 0)
            return (uint16_t)i;
    *(const char **)push(&b->codes, sizeof code) = arena_strdup(&b->a, code);
    return (uint16_t)(b->codes.n - 1);
}

/* What is not of its type is kept as a string, so that answers stay valid. */
static bool is_value(enum terminology__value type, struct str value)
{
    int64_t number;
    size_t digits = 0;
    switch (type) {
    case TERMINOLOGY__INTEGER:
        return str_int64(value, &number) && number >= INT32_MIN && number <= INT32_MAX && *value.s != '+' &&
               (*value.s != '0' || value.len == 1) && !str_starts(value, STR("-0"));
    case TERMINOLOGY__BOOLEAN:
        return str_is(value, "true") || str_is(value, "false");
    case TERMINOLOGY__DECIMAL:
        for (size_t i = 0; i < value.len; i++)
            digits += value.s[i] >= '0' && value.s[i] <= '9';
        return digits && digits + (memchr(value.s, '.', value.len) != NULL) == value.len &&
               value.s[0] != '.' && value.s[value.len - 1] != '.' &&
               (*value.s != '0' || value.len == 1 || value.s[1] == '.');
    default:
        return true;
    }
}

void terminology_build_property(struct terminology_build *b, uint32_t at, const char *code, const char *type,
                                struct str value)
{
    static const struct {
        const char *name;
        enum terminology__value type;
    } types[] = {{"code", TERMINOLOGY__CODE},
                 {"integer", TERMINOLOGY__INTEGER},
                 {"boolean", TERMINOLOGY__BOOLEAN},
                 {"dateTime", TERMINOLOGY__DATETIME},
                 {"decimal", TERMINOLOGY__DECIMAL}};
    uint16_t kind = TERMINOLOGY__STRING;
    if (!value.len)
        return;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0 && is_value(types[i].type, value))
            kind = (uint16_t)types[i].type;
    *(struct property *)push(&b->properties, sizeof(struct property)) =
        (struct property){at, code_of(b, code), kind, word(b, value)};
}

/* ---- above and below -------------------------------------------------------------------------------------- */

static void edge(struct terminology_build *b, uint32_t child, uint32_t parent)
{
    if (child != parent)
        *(struct terminology__edge *)push(&b->edges, sizeof(struct terminology__edge)) =
            (struct terminology__edge){child, parent};
}

void terminology_build_parent(struct terminology_build *b, uint32_t at, struct str parent)
{
    uint32_t other;
    if (!parent.len)
        return;
    if (terminology_build_find(b, parent, &other))
        edge(b, at, other);
    else
        *(struct later *)push(&b->later, sizeof(struct later)) = (struct later){at, word(b, parent)};
}

/* ---- the image -------------------------------------------------------------------------------------------- */

/* Records in the order of their concepts, the order of one concept's kept: counts, then places. */
static uint32_t *places(const struct list *l, size_t size, uint32_t n)
{
    uint32_t *at = need(calloc((size_t)n + 2, sizeof *at));
    for (size_t i = 0; i < l->n; i++)
        at[*(const uint32_t *)((const char *)l->items + size * i) + 1]++;
    for (uint32_t i = 1; i <= n; i++)
        at[i] += at[i - 1];
    return at;
}

static void put_designations(struct terminology_build *b, struct terminology_system *s)
{
    const struct record *list = b->designations.items;
    if (!b->designations.n)
        return;
    s->designation_at = places(&b->designations, sizeof *list, s->n);
    s->designations = need(calloc(b->designations.n, sizeof *s->designations));
    for (size_t i = 0; i < b->designations.n; i++)
        s->designations[s->designation_at[list[i].at]++] = list[i].text;
    memmove(s->designation_at + 1, s->designation_at, sizeof *s->designation_at * s->n);
    s->designation_at[0] = 0;
}

static void put_properties(struct terminology_build *b, struct terminology_system *s)
{
    const struct property *list = b->properties.items;
    s->codes = b->codes.items;
    s->n_codes = b->codes.n;
    if (!b->properties.n)
        return;
    s->property_at = places(&b->properties, sizeof *list, s->n);
    s->properties = need(calloc(b->properties.n, sizeof *s->properties));
    for (size_t i = 0; i < b->properties.n; i++)
        s->properties[s->property_at[list[i].at]++] =
            (struct terminology__property){list[i].code, list[i].type, list[i].text};
    memmove(s->property_at + 1, s->property_at, sizeof *s->property_at * s->n);
    s->property_at[0] = 0;
}

static void put_concepts(struct terminology_build *b, struct terminology_system *s)
{
    s->n = (uint32_t)b->concepts.n;
    s->code = need(calloc(s->n + 1, sizeof *s->code));
    s->display = need(calloc(s->n + 1, sizeof *s->display));
    s->definition = b->definitions ? need(calloc(s->n + 1, sizeof *s->definition)) : NULL;
    s->flags = need(calloc(s->n + 1, 1));
    for (uint32_t i = 0; i < s->n; i++) {
        const struct concept *c = concept_at(b, i);
        s->code[i] = c->code;
        s->display[i] = c->display;
        s->flags[i] = (uint8_t)c->flags;
        if (s->definition)
            s->definition[i] = c->definition;
    }
}

bool terminology_build_image(struct terminology_build *b, struct arena *a, struct str *image, struct err *err)
{
    if (b->text_n > UINT32_MAX || b->concepts.n > UINT32_MAX / 4)
        return err_set(err, ERR_TOO_LARGE, "The code system %.200s is too large", b->head.url);
    struct terminology_system s = {
        .url = b->head.url,
        .version = b->head.version,
        .name = b->head.name,
        .content = b->head.content,
        .fold = !b->head.case_sensitive,
        .text = b->text,
        .slots = b->slots,
        .mask = b->mask,
    };
    struct arena scratch;
    const struct later *later = b->later.items;
    uint32_t parent;
    for (size_t i = 0; i < b->later.n; i++)
        if (terminology_build_find(b, str_of(b->text + later[i].text), &parent))
            edge(b, later[i].at, parent);
    b->later.n = 0;
    put_concepts(b, &s);
    put_designations(b, &s);
    put_properties(b, &s);
    arena_init(&scratch, 0);
    terminology__hierarchy(&s, &scratch, b->edges.items, b->edges.n);
    *image = terminology__image_write(a, &s, b->text_n, b->properties.n, b->designations.n);
    arena_release(&scratch);
    free(s.code);
    free(s.display);
    free(s.definition);
    free(s.flags);
    free(s.designation_at);
    free(s.designations);
    free(s.property_at);
    free(s.properties);
    return true;
}
