/*
 * What a resource's text says about itself, without making a tree of it: a package has hundreds, of which a validation
 * needs a few. Members of the outermost object are looked at, what is in them is passed over; what has to be understood to
 * be passed over well (escapes in a value that is wanted, broken JSON) is left to the real reader.
 */
#include "internal.h"

struct scan {
    const char *at, *end;
};

static void blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* At a quote. */
static bool string(struct scan *s, struct str *out, bool *escaped)
{
    const char *from = ++s->at;
    *escaped = false;
    for (;;) {
        const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at)), *back = quote;
        if (!quote)
            return false;
        while (back > from && back[-1] == '\\')
            back--;
        s->at = quote + 1;
        if ((quote - back) % 2 == 0) {
            *out = (struct str){from, (size_t)(quote - from)};
            *escaped = memchr(from, '\\', out->len) != NULL;
            return true;
        }
    }
}

static bool nested(struct scan *s)
{
    struct str ignored;
    bool escaped;
    int depth = 0;
    while (s->at < s->end) {
        switch (*s->at) {
        case '"':
            if (!string(s, &ignored, &escaped))
                return false;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
        s->at++;
        if (depth == 0)
            return true;
    }
    return false;
}

/* A number, true, false, null. */
static void word(struct scan *s)
{
    while (s->at < s->end && !strchr(",}] \n\t\r", *s->at))
        s->at++;
}

static bool value(struct scan *s, struct str *text, bool *escaped)
{
    *text = (struct str){NULL, 0};
    *escaped = false;
    if (s->at == s->end)
        return false;
    if (*s->at == '"')
        return string(s, text, escaped);
    if (*s->at == '{' || *s->at == '[')
        return nested(s);
    word(s);
    return true;
}

/* The others matter to code systems only, which may imply value sets. */
static bool enough(const struct str *out)
{
    if (out[CONFORMANCE__TYPE].s && !str_is(out[CONFORMANCE__TYPE], "CodeSystem"))
        return conformance__kind(out[CONFORMANCE__TYPE]) == CONFORMANCE_N_KINDS ||
               (out[CONFORMANCE__ID].s && out[CONFORMANCE__URL].s && out[CONFORMANCE__VERSION].s &&
                out[CONFORMANCE__STATUS].s);
    for (int i = 0; i < CONFORMANCE__N_HEADS; i++)
        if (!out[i].s)
            return false;
    return true;
}

bool conformance__head(struct str text, struct str out[CONFORMANCE__N_HEADS])
{
    static const char *const names[CONFORMANCE__N_HEADS] = {
        [CONFORMANCE__TYPE] = "resourceType", [CONFORMANCE__ID] = "id",
        [CONFORMANCE__URL] = "url",           [CONFORMANCE__VERSION] = "version",
        [CONFORMANCE__STATUS] = "status",     [CONFORMANCE__CONTENT] = "content",
        [CONFORMANCE__VALUESET] = "valueSet", [CONFORMANCE__SUPPLEMENTS] = "supplements",
    };
    struct scan s = {text.s, text.s + text.len};
    struct str name, found;
    bool escaped;
    memset(out, 0, sizeof *out * CONFORMANCE__N_HEADS);
    blanks(&s);
    if (s.at == s.end || *s.at++ != '{')
        return false;
    for (blanks(&s); s.at < s.end && *s.at == '"'; blanks(&s)) {
        if (!string(&s, &name, &escaped) || escaped)
            return false;
        blanks(&s);
        if (s.at == s.end || *s.at++ != ':')
            return false;
        blanks(&s);
        if (!value(&s, &found, &escaped))
            return false;
        for (int i = 0; i < CONFORMANCE__N_HEADS; i++)
            if (str_is(name, names[i])) {
                if (escaped)
                    return false;
                out[i] = found;
            }
        blanks(&s);
        if (enough(out) || (s.at < s.end && *s.at == '}'))
            return true;
        if (s.at == s.end || *s.at++ != ',')
            return false;
    }
    return false;
}
