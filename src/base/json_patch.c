#include "base/json_patch.h"

#include <math.h>

/* Where a JSON Pointer (RFC 6901) leads: a parent and a place in it. */
struct place {
    json *parent;    /* NULL: the whole document */
    json *node;      /* what is there now; NULL: nothing */
    const char *key; /* in an object */
    size_t index;    /* in an array; its length: behind the last */
};

static bool unescape(struct arena *a, struct str token, const char **out)
{
    struct buf b;
    buf_init(&b, a, token.len + 1);
    for (size_t i = 0; i < token.len; i++) {
        char c = token.s[i];
        if (c == '~') {
            if (++i == token.len || (token.s[i] != '0' && token.s[i] != '1'))
                return false;
            c = token.s[i] == '0' ? '~' : '/';
        }
        buf_addc(&b, c);
    }
    *out = b.s;
    return true;
}

static bool array_index(struct str token, size_t count, size_t *out)
{
    int64_t v;
    if (str_is(token, "-")) {
        *out = count;
        return true;
    }
    if (!token.len || token.s[0] < '0' || token.s[0] > '9' || (token.len > 1 && token.s[0] == '0') ||
        !str_int64(token, &v) || (uint64_t)v > count)
        return false;
    *out = (size_t)v;
    return true;
}

/* All but the last step must exist. */
static bool locate(struct arena *a, json *document, const char *pointer, struct place *out)
{
    struct str rest = str_of(pointer);
    *out = (struct place){.node = document};
    if (!rest.len)
        return true;
    if (rest.s[0] != '/')
        return false;
    rest = (struct str){rest.s + 1, rest.len - 1};
    while (rest.s) {
        struct str token = str_cut(rest, '/', &rest);
        json *parent = out->node;
        *out = (struct place){.parent = parent};
        if (json_is_object(parent)) {
            if (!unescape(a, token, &out->key))
                return false;
            out->node = json_get(parent, out->key);
        } else if (json_is_array(parent)) {
            if (!array_index(token, json_count(parent), &out->index))
                return false;
            out->node = json_at(parent, out->index);
        } else {
            return false;
        }
    }
    return true;
}

static bool same_number(const json *x, const json *y)
{
    if (strcmp(x->valuestring, y->valuestring) == 0)
        return true;
    /* 1 and 1.0: beyond the digits that a double holds, only equal texts are equal */
    return strlen(x->valuestring) <= 15 && strlen(y->valuestring) <= 15 &&
           !(fabs(x->valuedouble - y->valuedouble) > 0);
}

static bool same(const json *x, const json *y)
{
    if (json_is_number(x) && json_is_number(y))
        return same_number(x, y);
    if (json_is_array(x) && json_is_array(y)) {
        const json *b = y->child;
        for (const json *a = x->child; a; a = a->next, b = b->next)
            if (!b || !same(a, b))
                return false;
        return !b;
    }
    if (json_is_object(x) && json_is_object(y)) {
        if (json_count(x) != json_count(y))
            return false;
        json_each (m, x) {
            const json *other = json_get(y, m->string);
            if (!other || !same(m, other))
                return false;
        }
        return true;
    }
    return x && y && json_equal(x, y);
}

static void put(struct arena *a, json **document, const struct place *p, json *value, bool replace)
{
    if (!p->parent) {
        *document = value;
    } else if (p->key) {
        json_put(a, p->parent, p->key, value);
    } else {
        json_insert_after(p->parent, p->index ? json_at(p->parent, p->index - 1) : NULL, value);
        if (replace)
            json_detach(p->parent, p->node);
    }
}

static json *copy(struct arena *a, const json *value)
{
    json *n = json_copy(a, value);
    n->string = NULL;
    return n;
}

/* Is the place `to` inside what is at the pointer `from`? (RFC 6902, 4.4) */
static bool inside(const char *from, const char *to)
{
    size_t n = strlen(from);
    return strncmp(from, to, n) == 0 && to[n] == '/';
}

enum needs { NEEDS_VALUE = 1, NEEDS_FROM = 2, NEEDS_THERE = 4 };

static const struct operation {
    const char *name;
    unsigned needs;
} operations[] = {{"add", NEEDS_VALUE}, {"remove", NEEDS_THERE}, {"replace", NEEDS_VALUE | NEEDS_THERE},
                  {"move", NEEDS_FROM}, {"copy", NEEDS_FROM},    {"test", NEEDS_VALUE | NEEDS_THERE}};
enum { ADD, REMOVE, REPLACE, MOVE, COPY, TEST, N_OPERATIONS };

static bool apply(struct arena *a, json **document, const json *o, struct err *err)
{
    const char *name = json_get_string(o, "op"), *path = json_get_string(o, "path"),
               *from = json_get_string(o, "from");
    const json *value = json_get(o, "value");
    struct place at, source = {0};
    int op = 0;
    while (op < N_OPERATIONS && (!name || strcmp(name, operations[op].name) != 0))
        op++;
    if (op == N_OPERATIONS)
        return err_set(err, ERR_INVALID, "op is one of add, remove, replace, move, copy, test");
    if (!path)
        return err_set(err, ERR_INVALID, "path is missing: a JSON Pointer such as /name/0/family");
    if ((operations[op].needs & NEEDS_VALUE) && !value)
        return err_set(err, ERR_INVALID, "value is missing");
    if ((operations[op].needs & NEEDS_FROM) && !from)
        return err_set(err, ERR_INVALID, "from is missing: a JSON Pointer such as /name/0");
    if (from && (operations[op].needs & NEEDS_FROM)) {
        if (!locate(a, *document, from, &source) || !source.node)
            return err_set(err, ERR_INVALID, "from leads to nothing");
        if (op == MOVE && (inside(from, path) || !source.parent))
            return err_set(err, ERR_INVALID, "an element cannot be moved into itself");
        value = source.node;
        if (op == MOVE)
            json_detach(source.parent, source.node);
    }
    if (!locate(a, *document, path, &at) || ((operations[op].needs & NEEDS_THERE) && !at.node))
        return err_set(err, ERR_INVALID, "path leads to nothing");
    switch (op) {
    case REMOVE:
        if (!at.parent)
            return err_set(err, ERR_INVALID, "the whole document cannot be removed");
        json_detach(at.parent, at.node);
        return true;
    case TEST:
        return same(at.node, value) || err_set(err, ERR_RULE, "the test failed: another value is there");
    default:
        put(a, document, &at, copy(a, value), op == REPLACE);
        return true;
    }
}

bool json_patch(struct arena *a, json **document, const json *patch, struct err *err)
{
    int n = 0;
    if (!json_is_array(patch))
        return err_set(err, ERR_INVALID, "A JSON Patch is an array of operations (RFC 6902)");
    json_each (o, patch) {
        struct err cause;
        if (!json_is_object(o) || !apply(a, document, o, &cause)) {
            if (!json_is_object(o))
                err_set(&cause, ERR_INVALID, "an object was expected");
            return err_set(err, cause.kind, "Patch operation %d: %s", n, cause.msg);
        }
        n++;
    }
    return true;
}
