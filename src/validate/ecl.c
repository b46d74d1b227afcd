/*
 * Expression constraints of SNOMED CT in filters (ECL): what nobody could mean, not the whole grammar. Brackets are
 * balanced, and a concept is not followed by another one, or by an operator that begins one.
 */
#include "internal.h"

static const char *skip(const char *s)
{
    for (;;) {
        s += strspn(s, " \t\r\n");
        if (strncmp(s, "/*", 2) != 0)
            return s;
        const char *end = strstr(s + 2, "*/");
        s = end ? end + 2 : s + strlen(s);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Behind a concept, and its term between bars. */
static bool may_follow(const char *s)
{
    bool less = *s == '<' || *s == '>';
    if (is_digit(*s) || *s == '^' || *s == '(' || *s == '*' || strncmp(s, "<<", 2) == 0 ||
        strncmp(s, ">>", 2) == 0)
        return false;
    return !less || s[1] == '=' || *skip(s + 1) == '#'; /* compared with a number */
}

static const char *quoted(const char *s)
{
    for (s++; *s && *s != '"'; s++)
        if (*s == '\\' && s[1])
            s++;
    return *s ? s + 1 : s;
}

bool validate__ecl(const char *s)
{
    char open[64];
    size_t depth = 0;
    while (*(s = skip(s))) {
        if (strchr("([{", *s)) {
            if (depth == sizeof open)
                return true;
            open[depth++] = *s == '(' ? ')' : *s == '[' ? ']' : '}';
            s++;
        } else if (strchr(")]}", *s)) {
            if (depth == 0 || open[--depth] != *s++)
                return false;
        } else if (*s == '"') {
            s = quoted(s);
        } else if (*s == '#') { /* a number */
            s += 1 + strspn(s + 1, "+-.0123456789");
        } else if (is_digit(*s)) {
            size_t digits = strspn(s, "0123456789");
            s = skip(s + digits);
            if (*s == '|') {
                const char *end = strchr(s + 1, '|');
                if (!end)
                    return false;
                s = skip(end + 1);
            }
            if (digits >= 6 && !may_follow(s))
                return false;
        } else {
            s++;
        }
    }
    return depth == 0;
}
