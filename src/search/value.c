/* The parts of a parameter's value: separators and their escapes (search.html#escaping), prefixes. */
#include "internal.h"

struct str search__cut(struct str s, char sep, struct str *rest)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.s[i] == '\\') {
            i++;
        } else if (s.s[i] == sep) {
            *rest = (struct str){s.s + i + 1, s.len - i - 1};
            return (struct str){s.s, i};
        }
    }
    *rest = (struct str){0};
    return s;
}

struct str search__unescape(struct arena *a, struct str s)
{
    if (!memchr(s.s, '\\', s.len))
        return s;
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.s[i] == '\\' && i + 1 < s.len && strchr("\\,|$", s.s[i + 1]))
            i++;
        out[n++] = s.s[i];
    }
    out[n] = '\0';
    return (struct str){out, n};
}

enum search__op search__prefix(struct str *value)
{
    static const struct {
        char name[3];
        enum search__op op;
    } prefixes[] = {
        {"eq", OP_EQ}, {"ne", OP_NE}, {"gt", OP_GT}, {"lt", OP_LT}, {"ge", OP_GE},
        {"le", OP_LE}, {"sa", OP_SA}, {"eb", OP_EB}, {"ap", OP_AP},
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (str_starts(*value, str_of(prefixes[i].name))) {
            value->s += 2;
            value->len -= 2;
            return prefixes[i].op;
        }
    return OP_EQ;
}
