#include "message.h"

#include <stdlib.h>

const char *const language_tags[] = {[LANGUAGE_EN] = "en", [LANGUAGE_JA] = "ja"};

/* ---- which language ---------------------------------------------------------------------------------- */

/* "0.5" of "q=0.5", in thousandths; 1000 when it is absent or makes no sense. */
static int quality(struct str parameters)
{
    while (parameters.s) {
        struct str value, name = str_trim(str_cut(str_cut(parameters, ';', &parameters), '=', &value));
        if (!str_ieq(name, STR("q")) || !value.s || !value.len || value.s[0] < '0' || value.s[0] > '1')
            continue;
        int q = (value.s[0] - '0') * 1000, unit = 100;
        for (size_t i = 2; i < value.len && unit && value.s[i] >= '0' && value.s[i] <= '9'; i++, unit /= 10)
            q += (value.s[i] - '0') * unit;
        return q < 1000 ? q : 1000;
    }
    return 1000;
}

bool language_choose(struct str accept, enum language *out)
{
    int best = 0;
    while (accept.s && accept.len) {
        struct str parameters, tag = str_trim(str_cut(str_cut(accept, ',', &accept), ';', &parameters));
        int q = quality(parameters);
        size_t primary = 0;
        while (primary < tag.len && !strchr("-_.@", tag.s[primary]))
            primary++;
        for (int i = 0; i < LANGUAGE__N && q > best; i++)
            if (str_ieq((struct str){tag.s, primary}, str_of(language_tags[i]))) {
                best = q;
                *out = (enum language)i;
            }
    }
    return best > 0;
}

/* ---- translated texts -------------------------------------------------------------------------------- */

const char *message_translation(enum language language, const char *english)
{
    if (language == LANGUAGE_JA)
        for (size_t i = 0; i < messages_ja.n; i++)
            if (strcmp(messages_ja.list[i].english, english) == 0)
                return messages_ja.list[i].translated;
    return NULL;
}

enum { MAX_ARGUMENTS = 12 };

/* One conversion: from '%' to its letter. */
struct conversion {
    const char *end;
    char letter;
    int longs;  /* l, ll or z: 1, 2, 3 */
    bool stars; /* the precision is an argument */
};

static struct conversion conversion_at(const char *percent)
{
    struct conversion c = {0};
    const char *p = percent + 1;
    for (; *p && strchr("-+ #0123456789.*lz", *p); p++) {
        c.longs = *p == 'l' ? c.longs + 1 : *p == 'z' ? 3 : c.longs;
        c.stars |= *p == '*';
    }
    c.letter = *p;
    c.end = *p ? p + 1 : p;
    return c;
}

/* Reads one argument as its conversion says. Its text; "" for what is not known. */
static const char *argument(struct arena *a, const char *percent, struct conversion c, va_list *args)
{
    size_t len = (size_t)(c.end - percent);
    char one[24];
    if (len >= sizeof one)
        return "";
    memcpy(one, percent, len);
    one[len] = '\0';
    int precision = c.stars ? va_arg(*args, int) : 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    switch (c.letter) {
    case 's': {
        const char *s = va_arg(*args, const char *);
        return c.stars ? arena_printf(a, one, precision, s) : arena_printf(a, one, s);
    }
    case 'f':
    case 'g':
        return arena_printf(a, one, va_arg(*args, double));
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'c':
        switch (c.longs) {
        case 0:
            return arena_printf(a, one, va_arg(*args, int));
        case 1:
            return arena_printf(a, one, va_arg(*args, long));
        default:
            return arena_printf(a, one, va_arg(*args, long long));
        }
    }
#pragma GCC diagnostic pop
    return "";
}

static const char *filled(struct arena *a, enum language language, const char *translated, const char *fmt,
                          va_list *args)
{
    const char *arguments[MAX_ARGUMENTS];
    int n = 0;
    for (const char *p = fmt; (p = strchr(p, '%'));) {
        struct conversion c = conversion_at(p);
        if (c.letter != '%' && n < MAX_ARGUMENTS) {
            const char *text = argument(a, p, c, args), *in_language = message_translation(language, text);
            arguments[n++] = in_language ? in_language : text;
        }
        p = c.end;
    }
    struct buf out;
    buf_init(&out, a, 256);
    for (const char *p = translated; *p; p++) {
        int i = p[0] == '{' && p[1] >= '1' && p[1] <= '9' ? (int)strtol(p + 1, NULL, 10) : 0;
        const char *end = i ? strchr(p, '}') : NULL;
        if (end && i <= n) {
            buf_adds(&out, arguments[i - 1]);
            p = end;
        } else {
            buf_addc(&out, *p);
        }
    }
    return out.s;
}

const char *message_text(struct arena *a, enum language language, const char *fmt, va_list args)
{
    const char *translated = message_translation(language, fmt);
    va_list once;
    va_copy(once, args);
    const char *text;
    if (translated) {
        text = filled(a, language, translated, fmt, &once);
    } else {
        struct buf b;
        buf_init(&b, a, 256);
        buf_vaddf(&b, fmt, once);
        text = b.s;
    }
    va_end(once);
    return text;
}
