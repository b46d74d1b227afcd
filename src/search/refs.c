/*
 * The literal references to resources of this server, wherever they stand in a resource: for referential integrity,
 * which concerns all of them and not only those that a search parameter finds. Only Reference.reference is a string
 * member of that name, in all of R4.
 */
#include "internal.h"

struct walk {
    struct search__index *x;
    const char *names[64]; /* the path to the node at hand */
    int depth;
};

static const char *path_of(struct walk *w)
{
    struct buf b;
    buf_init(&b, w->x->a, 64);
    buf_adds(&b, w->x->type->name);
    for (int i = 0; i < w->depth; i++)
        buf_addf(&b, ".%s", w->names[i]);
    return b.s;
}

static void add(struct walk *w, const char *text)
{
    struct search_index *out = w->x->out;
    struct search__target target;
    search__target(w->x->a, w->x->registry->defs, w->x->base, str_of(text), &target);
    if (target.kind != TARGET_LOCAL)
        return;
    *ARENA_PUSH(w->x->a, out->refs, out->n_refs, out->cap_refs) =
        (struct search_index_ref){target.type, target.id, path_of(w)};
}

static void walk(struct walk *w, const json *node)
{
    json_each (child, node) {
        if (json_is_string(child)) {
            if (child->string && strcmp(child->string, "reference") == 0)
                add(w, child->valuestring);
        } else if (child->child) {
            bool named = child->string && w->depth < (int)(sizeof w->names / sizeof w->names[0]);
            if (named)
                w->names[w->depth++] = child->string;
            walk(w, child);
            if (named)
                w->depth--;
        }
    }
}

void search__refs(struct search__index *x)
{
    walk(&(struct walk){.x = x}, x->resource);
}
