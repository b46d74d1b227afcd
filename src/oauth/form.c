#include "internal.h"

enum { MAX_FIELDS = 64 };

static bool decode(struct arena *a, struct str text, struct str *out)
{
    if (!str_percent_decode(a, text.s ? text : STR(""), true, out) || memchr(out->s, '\0', out->len))
        return false;
    out->s = arena_strndup(a, out->s, out->len);
    return true;
}

bool oauth__form_parse(struct arena *a, struct str text, struct oauth__form *out, struct err *err)
{
    *out = (struct oauth__form){0};
    while (text.s && text.len) {
        struct str value, part = str_cut(text, '&', &text), name = str_cut(part, '=', &value);
        struct oauth__field f;
        if (!part.len)
            continue;
        if (out->n == MAX_FIELDS)
            return err_set(err, ERR_SYNTAX, "There are more than %d parameters.", MAX_FIELDS);
        if (!decode(a, name, &f.name) || !decode(a, value, &f.value))
            return err_set(err, ERR_SYNTAX, "A parameter is not percent-encoded as a form's have to be.");
        for (size_t i = 0; i < out->n; i++)
            if (str_eq(out->fields[i].name, f.name))
                return err_set(err, ERR_SYNTAX, "A parameter is there more than once.");
        *ARENA_PUSH(a, out->fields, out->n, out->cap) = f;
    }
    return true;
}

const char *oauth__field(const struct oauth__form *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_is(f->fields[i].name, name))
            return f->fields[i].value.len ? f->fields[i].value.s : NULL;
    return NULL;
}
