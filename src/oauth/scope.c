/* Scopes as text: which of those that are asked for lie within those that are allowed. What they mean is auth's. */
#include "internal.h"

struct scope {
    struct str level, type, query;
    unsigned rights; /* a bit for each letter of cruds */
};

static unsigned rights_of(struct str text)
{
    static const char letters[] = "cruds";
    unsigned rights = 0;
    size_t at = 0;
    if (str_is(text, "read"))
        return 2 | 16;
    if (str_is(text, "write"))
        return 1 | 4 | 8;
    if (str_is(text, "*"))
        return 31;
    for (int i = 0; i < 5 && at < text.len; i++)
        if (text.s[at] == letters[i]) {
            rights |= 1u << i;
            at++;
        }
    return at == text.len ? rights : 0;
}

/* patient/Observation.rs?category=… */
static bool parse(struct str text, struct scope *out)
{
    struct str access, rest = str_cut(text, '?', &out->query);
    out->level = str_cut(rest, '/', &rest);
    if (!rest.s ||
        !(str_is(out->level, "patient") || str_is(out->level, "user") || str_is(out->level, "system")))
        return false;
    out->type = str_cut(rest, '.', &access);
    out->rights = access.s ? rights_of(access) : 0;
    return out->type.len && out->rights;
}

bool oauth__scope_covers(struct str allowed, struct str wanted)
{
    struct scope x, y;
    if (str_eq(allowed, wanted))
        return true;
    return parse(allowed, &x) && parse(wanted, &y) && str_eq(x.level, y.level) &&
           (str_is(x.type, "*") || str_eq(x.type, y.type)) && (y.rights & ~x.rights) == 0 &&
           (!x.query.s || (y.query.s && str_eq(x.query, y.query)));
}

static bool in_list(struct str list, struct str scope, bool (*fits)(struct str one, struct str scope))
{
    while (list.s) {
        struct str one = str_cut(list, ' ', &list);
        if (one.len && fits(one, scope))
            return true;
    }
    return false;
}

const char *oauth__scope_narrow(struct arena *a, const char *wanted, const char *allowed)
{
    struct buf b;
    buf_init(&b, a, 128);
    for (struct str rest = str_of(wanted); rest.s;) {
        struct str one = str_cut(rest, ' ', &rest);
        if (!one.len || !in_list(str_of(allowed), one, oauth__scope_covers) ||
            in_list(buf_str(&b), one, str_eq))
            continue;
        if (b.len)
            buf_addc(&b, ' ');
        buf_addstr(&b, one);
    }
    return b.s ? arena_strndup(a, b.s, b.len) : "";
}

bool oauth__scope_has(const char *list, const char *scope)
{
    return in_list(str_of(list), str_of(scope), str_eq);
}
