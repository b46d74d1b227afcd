/*
 * What a Coding or a Quantity says of itself, whatever it is bound to: the code system is one, it has the code, the
 * display is that of the code (terminologies.html, datatypes.html#Coding). Of a code system that is not known here, or
 * only in part, nothing can be said.
 */
#include "base/utf8.h"
#include "internal.h"

/*
 * Tables that grow without FHIR, of which R4 brings an old copy: that a code is not in it, or is called otherwise there,
 * is worth a word and no more.
 */
static const struct aging {
    struct str prefix;
    bool displays;
} aging[] = {{{"http://terminology.hl7.org/CodeSystem/v2-", 41}, false},
             {{"http://dicom.nema.org/", 22}, true}};

static enum issue_severity severity(const struct validate__walk *w, const char *system, bool display)
{
    for (size_t i = 0; i < sizeof aging / sizeof *aging; i++)
        if (str_starts(str_of(system), aging[i].prefix) && (!display || aging[i].displays))
            return ISSUE_WARNING;
    return validate__policy(w);
}

static struct validate__place child(struct validate__place *at, const char *name)
{
    return (struct validate__place){.up = at, .name = name, .index = -1, .node = json_get(at->node, name)};
}

static void check_system(struct validate__walk *w, struct validate__place *at, const char *system)
{
    struct validate__place place = child(at, "system");
    const struct terminology_valueset *set;
    struct err unknown;
    if (!strchr(system, ':'))
        validate__find(w, &place, validate__policy(w), "code-invalid", NULL,
                       "The system of a coding is an absolute URI, which names the code system");
    else if (terminology_is_supplement(validate__codes(w), str_of(system)))
        validate__error(
            w, &place, "not-found",
            "%s only supplements a code system: the system of a coding is the one that it adds to", system);
    else if (terminology_valueset(validate__codes(w), str_of(system), &set, &unknown))
        validate__error(w, &place, "code-invalid",
                        "%s is a value set: the system of a coding is the code system that its code is of",
                        system);
}

/* The writings that a text has letters of, as bits. */
static unsigned writings(const char *text)
{
    static const struct {
        int32_t first, last;
        unsigned bit;
    } letters[] = {{'A', 'Z', 1},       {'a', 'z', 1},       {0xC0, 0x24F, 1},     {0x370, 0x52F, 2},
                   {0x530, 0x1DFF, 4},  {0x2E80, 0xD7FF, 8}, {0xF900, 0xFAFF, 8},  {0xFF21, 0xFF3A, 1},
                   {0xFF41, 0xFF5A, 1}, {0xFF66, 0xFFDC, 8}, {0x20000, 0x3FFFF, 8}};
    struct str s = str_of(text);
    unsigned found = 0;
    for (size_t i = 0; i < s.len;) {
        int32_t c = utf8_next(s, &i);
        for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
            found |= c >= letters[k].first && c <= letters[k].last ? letters[k].bit : 0;
    }
    return found;
}

/* A display in a writing that no text of the concept has (Japanese where all are English) is a translation that the code
 * system does not bring: it may be right. */
static bool is_translation(const struct terminology_system *s, uint32_t in, const char *display)
{
    struct terminology_designation d;
    unsigned known = writings(terminology_display(s, in));
    for (size_t i = 0; terminology_designation(s, in, i, &d); i++)
        known |= writings(d.value);
    return writings(display) & ~known;
}

static void check_display(struct validate__walk *w, struct validate__place *at,
                          const struct terminology_system *s, uint32_t in)
{
    const char *display = json_get_string(at->node, "display"), *right = terminology_display(s, in);
    if (!display || !right || terminology_is_display(validate__codes(w), s, in, str_of(display)) ||
        is_translation(s, in, display))
        return;
    struct validate__place place = child(at, "display");
    validate__find(w, &place, severity(w, terminology_system_url(s), true), "invalid", NULL,
                   "Not the display of the code %s of %s, which is '%s'",
                   validate__quote(w->a, terminology_code(s, in), "given"), terminology_system_url(s), right);
}

static void no_such_code(struct validate__walk *w, struct validate__place *at, const char *system,
                         const char *code, bool other_version)
{
    struct validate__place place = child(at, "code");
    validate__find(w, &place, other_version ? ISSUE_WARNING : severity(w, system, false), "code-invalid",
                   NULL, "Unknown code %s in the code system %.200s%s",
                   validate__quote(w->a, code, "(it has not the form of a code)"), system,
                   other_version ? ", of which the given version is not known here" : "");
}

void validate__coding(struct validate__walk *w, struct validate__place *at)
{
    const struct conformance_view *codes = validate__codes(w);
    const char *system = json_get_string(at->node, "system"), *code = json_get_string(at->node, "code"),
               *version = json_get_string(at->node, "version");
    if (!system)
        return;
    struct str canonical = str_of(system);
    if (version)
        canonical = str_of(arena_printf(w->a, "%s|%s", system, version));
    const struct terminology_system *s = terminology_system(codes, canonical);
    bool other_version = version && !s;
    uint32_t in;
    if (other_version)
        canonical = str_of(system);
    if (!code)
        s = terminology_system(codes, canonical);
    else if (terminology_has_code(codes, canonical, str_of(code), &s, &in) == TERMINOLOGY_NO)
        no_such_code(w, at, system, code, other_version);
    else if (s && terminology_find(s, str_of(code), &in))
        check_display(w, at, s, in);
    if (!s)
        check_system(w, at, system);
}
