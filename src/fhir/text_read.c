/* The text form of definitions (docs/definitions.md) → records. */
#include <stdlib.h>

#include "internal.h"

#define MAX_FIELDS 8

struct reader {
    struct fhir__records *r;
    struct fhir__invariants *invariants; /* of the type or element last read */
    const char *fields[MAX_FIELDS];      /* after the tag; those that are absent are "" */
    size_t n;
};

/* "-" stands for nothing. */
static const char *given(const char *field)
{
    return strcmp(field, "-") == 0 ? NULL : field;
}

static bool read_type(struct reader *x)
{
    struct fhir__records *r = x->r;
    int kind = fhir__word(fhir__kind_words, x->fields[1]);
    int64_t number = 0;
    if (kind < 0 || (given(x->fields[4]) && !str_int64(str_of(x->fields[4]), &number)) || number < 0 ||
        number > INT16_MAX)
        return false;
    struct fhir__type *t = ARENA_PUSH(r->a, r->types, r->n_types, r->cap_types);
    *t = (struct fhir__type){
        .name = x->fields[0],
        .url = x->fields[5],
        .base = given(x->fields[2]),
        .kind = (enum fhir_kind)kind,
        .abstract = strchr(x->fields[3], 'a') != NULL,
        .number = (uint16_t)number,
    };
    x->invariants = &t->invariants;
    return true;
}

static bool read_element(struct reader *x)
{
    struct fhir__records *r = x->r;
    char *end;
    if (r->n_types == 0)
        return false;
    struct fhir__element e = {
        .path = x->fields[0],
        .min = (uint32_t)strtoul(x->fields[1], &end, 10),
        .summary = strchr(x->fields[2], 's') != NULL,
        .modifier = strchr(x->fields[2], 'm') != NULL,
        .types = x->fields[3],
    };
    if (strncmp(end, "..", 2) != 0 || end == x->fields[1])
        return false;
    const char *max = end + 2;
    e.max = strcmp(max, "*") == 0 ? FHIR_MANY : (uint32_t)strtoul(max, &end, 10);
    if (e.max != FHIR_MANY && (end == max || *end))
        return false;
    if (*x->fields[4]) {
        int strength = fhir__word(fhir__strength_words, x->fields[4]);
        if (strength < 0)
            return false;
        e.strength = (enum fhir_strength)strength;
        e.valueset = x->fields[5];
    }
    struct fhir__type *t = &r->types[r->n_types - 1];
    struct fhir__element *kept = ARENA_PUSH(r->a, t->elements, t->n, t->cap);
    *kept = e;
    x->invariants = &kept->invariants;
    return true;
}

static bool read_invariant(struct reader *x)
{
    struct fhir__invariants *list = x->invariants;
    if (!list)
        return false;
    *ARENA_PUSH(x->r->a, list->items, list->n, list->cap) = (struct fhir__invariant){
        .key = x->fields[0],
        .expression = x->fields[2],
        .human = x->fields[3],
        .warning = strchr(x->fields[1], 'w') != NULL,
        .best_practice = strchr(x->fields[1], 'b') != NULL,
    };
    return true;
}

static bool read_param(struct reader *x)
{
    struct fhir__records *r = x->r;
    int type = fhir__word(fhir__search_words, x->fields[2]);
    if (type < 0)
        return false;
    *ARENA_PUSH(r->a, r->params, r->n_params, r->cap_params) = (struct fhir__param){
        .base = x->fields[0],
        .code = x->fields[1],
        .url = x->fields[3],
        .expression = given(x->fields[4]),
        .type = (enum fhir_search_type)type,
        .targets = x->fields[5],
    };
    return true;
}

static bool read_component(struct reader *x)
{
    struct fhir__records *r = x->r;
    if (r->n_params == 0)
        return false;
    struct fhir__param *p = &r->params[r->n_params - 1];
    *ARENA_PUSH(r->a, p->components, p->n, p->cap) =
        (struct fhir_search_component){.definition = x->fields[0], .expression = x->fields[1]};
    return true;
}

static bool read_compartment(struct reader *x)
{
    struct fhir__records *r = x->r;
    *ARENA_PUSH(r->a, r->compartments, r->n_compartments, r->cap_compartments) =
        (struct fhir__compartment){.type = x->fields[0]};
    return true;
}

static bool read_member(struct reader *x)
{
    struct fhir__records *r = x->r;
    if (r->n_compartments == 0)
        return false;
    struct fhir__compartment *c = &r->compartments[r->n_compartments - 1];
    *ARENA_PUSH(r->a, c->members, c->n, c->cap) = (struct fhir__member){x->fields[0], x->fields[1]};
    return true;
}

static bool read_prefix(struct reader *x)
{
    struct fhir__records *r = x->r;
    *ARENA_PUSH(r->a, r->prefixes, r->n_prefixes, r->cap_prefixes) =
        (struct fhir__prefix){x->fields[0], x->fields[1]};
    return true;
}

static bool read_unit(struct reader *x)
{
    struct fhir__records *r = x->r;
    bool defined = *x->fields[2];
    *ARENA_PUSH(r->a, r->units, r->n_units, r->cap_units) = (struct fhir__unit){
        .code = x->fields[0],
        .metric = strchr(x->fields[1], 'm') != NULL,
        .special = strchr(x->fields[1], 's') != NULL,
        .value = defined ? x->fields[2] : NULL,
        .definition = defined ? x->fields[3] : NULL,
        .offset = defined && *x->fields[4] ? x->fields[4] : NULL,
    };
    return !defined || *x->fields[3];
}

static const struct {
    const char *tag;
    size_t min_fields;
    bool (*read)(struct reader *x);
} lines[] = {
    {"e", 4, read_element},     {"i", 4, read_invariant},         {"type", 6, read_type},
    {"param", 5, read_param},   {"component", 2, read_component}, {"compartment", 1, read_compartment},
    {"member", 2, read_member}, {"unit", 2, read_unit},           {"prefix", 2, read_prefix},
};

/* Cuts a line at its tabs and hands it to its reader. */
static bool read_line(struct reader *x, char *line)
{
    char *tag = strsep(&line, "\t");
    x->n = 0;
    while (line && x->n < MAX_FIELDS)
        x->fields[x->n++] = strsep(&line, "\t");
    for (size_t i = x->n; i < MAX_FIELDS; i++)
        x->fields[i] = "";
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strcmp(lines[i].tag, tag) == 0)
            return x->n >= lines[i].min_fields && !line && lines[i].read(x);
    return false;
}

bool fhir__text_read(struct fhir__records *r, char *text, size_t len, struct err *err)
{
    struct reader x = {.r = r};
    char *at = text, *end = text + len;
    for (int number = 1; at < end; number++) {
        char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            return err_set(err, ERR_SYNTAX, "line %d of the definitions is not ended", number);
        *stop = '\0';
        at = stop + 1;
        if (*line && *line != '#' && !read_line(&x, line))
            return err_set(err, ERR_SYNTAX, "line %d of the definitions is not understood", number);
    }
    return true;
}
