/* Scopes of SMART App Launch 2 ("Scopes for requesting FHIR Resources") and their words of version 1. */
#include "internal.h"

static const struct {
    char letter;
    enum auth_right right;
} letters[] = {
    {'c', AUTH_CREATE}, {'r', AUTH_READ}, {'u', AUTH_UPDATE}, {'d', AUTH_DELETE}, {'s', AUTH_SEARCH},
};

static const struct {
    const char *word;
    unsigned rights;
} words[] = {
    {"read", AUTH_READ | AUTH_SEARCH},
    {"write", AUTH_CREATE | AUTH_UPDATE | AUTH_DELETE},
    {"*", AUTH_ALL},
};

/* 0: not understood. */
static unsigned rights_of(struct str text)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(text, words[i].word))
            return words[i].rights;
    unsigned rights = 0;
    size_t at = 0;
    for (size_t i = 0; i < sizeof letters / sizeof *letters && at < text.len; i++)
        if (text.s[at] == letters[i].letter) {
            rights |= letters[i].right;
            at++;
        }
    return at == text.len ? rights : 0; /* a letter unknown, twice or out of order stops it */
}

static bool is_type(struct str s)
{
    if (str_is(s, "*"))
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (!((s.s[i] >= 'A' && s.s[i] <= 'Z') || (i > 0 && s.s[i] >= 'a' && s.s[i] <= 'z')))
            return false;
    return s.len > 0;
}

bool auth__scope_parse(struct str text, struct auth__scope *out)
{
    static const char *const levels[AUTH_LEVELS] = {
        [AUTH_SYSTEM] = "system", [AUTH_USER] = "user", [AUTH_PATIENT] = "patient"};
    struct str access, rest = str_cut(text, '?', &out->query);
    struct str level = str_cut(rest, '/', &rest);
    int i = 0;
    while (i < AUTH_LEVELS && !str_is(level, levels[i]))
        i++;
    if (!rest.s || i == AUTH_LEVELS)
        return false;
    out->level = (enum auth_level)i;
    out->type = str_cut(rest, '.', &access);
    out->rights = access.s ? rights_of(access) : 0;
    return out->rights && is_type(out->type);
}
