/*
 * The printed resource in two: what remains, and pieces. A member goes with the comma that keeps the rest JSON: the one
 * before it when something remains before it in its object, else the one behind it.
 */
#include "mark.h"

struct printer {
    struct buf *b;
    struct identity_pieces *pieces;
    struct buf piece; /* the one at hand */
};

static void print(struct printer *p, const json *node);

static void print_name(struct buf *b, const json *m)
{
    const json name = {.type = cJSON_String, .valuestring = m->string};
    json_print(b, &name, false);
    buf_addc(b, ':');
}

/* Ends the piece at hand; what comes next remains. */
static void settle(struct printer *p)
{
    if (!p->piece.len)
        return;
    *ARENA_PUSH(p->b->a, p->pieces->list, p->pieces->n, p->pieces->cap) =
        (struct identity_piece){p->b->len, buf_str(&p->piece)};
    p->piece = (struct buf){0};
}

static struct buf *piece(struct printer *p)
{
    if (!p->piece.a)
        buf_init(&p->piece, p->b->a, 128);
    return &p->piece;
}

static void print_kept(struct printer *p, const json *m, bool comma)
{
    settle(p);
    if (comma)
        buf_addc(p->b, ',');
    print_name(p->b, m);
    print(p, m);
}

static void print_members(struct printer *p, const json *object)
{
    bool before = false; /* something remains before */
    settle(p);
    buf_addc(p->b, '{');
    json_each (m, object) {
        if (!(m->type & IDENTITY__SEALED)) {
            print_kept(p, m, before);
            before = true;
            continue;
        }
        struct buf *b = piece(p);
        if (before)
            buf_addc(b, ',');
        print_name(b, m);
        json_print(b, m, false);
        if (!before && m->next)
            buf_addc(b, ',');
    }
    settle(p);
    buf_addc(p->b, '}');
}

static void print(struct printer *p, const json *node)
{
    if (node->type & IDENTITY__YEAR) {
        buf_addc(p->b, '"');
        buf_add(p->b, node->valuestring, 4);
        const json rest = {.type = cJSON_String, .valuestring = node->valuestring + 4};
        struct buf quoted;
        buf_init(&quoted, p->b->a, 32);
        json_print(&quoted, &rest, false);
        buf_add(piece(p), quoted.s + 1, quoted.len - 2);
        settle(p);
        buf_addc(p->b, '"');
    } else if (!(node->type & IDENTITY__WITHIN)) {
        settle(p);
        json_print(p->b, node, false);
    } else if (json_is_array(node)) {
        settle(p);
        buf_addc(p->b, '[');
        json_each (item, node) {
            if (item != node->child)
                buf_addc(p->b, ',');
            print(p, item);
        }
        buf_addc(p->b, ']');
    } else {
        print_members(p, node);
    }
}

void identity_print_member(struct buf *b, const json *member, struct identity_pieces *out)
{
    struct printer p = {.b = b, .pieces = out};
    if (member->type & IDENTITY__SEALED) {
        buf_addc(piece(&p), ',');
        print_name(&p.piece, member);
        json_print(&p.piece, member, false);
        settle(&p);
    } else {
        print_kept(&p, member, true);
    }
}

struct str identity_join(struct arena *a, struct str text, const struct identity_pieces *pieces)
{
    size_t len = text.len, at = 0;
    for (size_t i = 0; i < pieces->n; i++)
        len += pieces->list[i].text.len;
    char *out = arena_alloc(a, len + 1), *to = out;
    for (size_t i = 0; i < pieces->n; i++) {
        const struct identity_piece *x = &pieces->list[i];
        memcpy(to, text.s + at, x->at - at);
        to += x->at - at;
        at = x->at;
        memcpy(to, x->text.s, x->text.len);
        to += x->text.len;
    }
    memcpy(to, text.s + at, text.len - at);
    out[len] = '\0';
    return (struct str){out, len};
}
