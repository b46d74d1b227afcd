/*
 * The resources that R4 brings: conf/definitions/terminology.txt and structures.txt, one on a line (docs/definitions.md).
 * They are found by their URL at once and read when they are first asked for, so that a start costs nothing for them.
 */
#include "base/embed.h"
#include "internal.h"

static const char *const files[] = {"conf/definitions/terminology.txt", "conf/definitions/structures.txt"};

/* type, url, version, rank, JSON */
static bool read_line(struct arena *a, struct str line, struct conformance_entry *e)
{
    struct str rest, type = str_cut(line, '\t', &rest);
    struct str url = str_cut(rest, '\t', &rest), version = rest.s ? str_cut(rest, '\t', &rest) : rest;
    struct str rank = rest.s ? str_cut(rest, '\t', &e->text) : rest;
    int64_t number;
    for (e->kind = 0; e->kind < CONFORMANCE_N_KINDS && !str_is(type, conformance_kinds[e->kind]); e->kind++)
        ;
    if (e->kind == CONFORMANCE_N_KINDS || !e->text.s || !str_int64(rank, &number))
        return false;
    e->url = arena_strndup(a, url.s, url.len);
    e->version = version.len ? arena_strndup(a, version.s, version.len) : NULL;
    e->rank = (int)number;
    return true;
}

struct list {
    struct conformance_entry **items;
    size_t n, cap;
};

static bool read_file(struct arena *a, const char *name, struct conformance__library *library,
                      struct list *out, struct err *err)
{
    struct str rest = embed_get(name);
    if (!rest.s)
        return err_set(err, ERR_INTERNAL, "the binary was built without %s", name);
    for (int number = 1; rest.s && rest.len; number++) {
        struct str line = str_cut(rest, '\n', &rest);
        if (!line.len || line.s[0] == '#')
            continue;
        struct conformance_entry *e = ARENA_NEW(a, struct conformance_entry);
        e->library = library;
        if (!read_line(a, line, e))
            return err_set(err, ERR_INTERNAL, "line %d of %s is not understood", number, name);
        *ARENA_PUSH(a, out->items, out->n, out->cap) = e;
    }
    return true;
}

bool conformance_definitions(struct arena *a, const struct fhir_defs *d, const struct conformance_view **out,
                             struct err *err)
{
    struct conformance__library *library = conformance__library_new(a, NULL);
    struct list list = {0};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!read_file(a, files[i], library, &list, err))
            return false;
    struct conformance_view *v = conformance__view_new(a, d, NULL, list.items, list.n);
    v->definitions = true;
    *out = v;
    return true;
}
