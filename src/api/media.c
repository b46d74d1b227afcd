/* Media types: what is FHIR in JSON, what in XML, and which of the two the client would rather have. */
#include "internal.h"

static const struct media {
    const char *name, *answer;
    enum api_format format;
    bool generic; /* not FHIR's own: a Binary may well be of this type */
} types[] = {
    {"application/fhir+json", "application/fhir+json; charset=utf-8", FORMAT_JSON, false},
    {"application/fhir+xml", "application/fhir+xml; charset=utf-8", FORMAT_XML, false},
    /* http.html#mime-type: a generic type is answered in that type */
    {"application/json", "application/json; charset=utf-8", FORMAT_JSON, true},
    {"text/json", "text/json; charset=utf-8", FORMAT_JSON, true},
    {"application/xml", "application/xml; charset=utf-8", FORMAT_XML, true},
    {"text/xml", "text/xml; charset=utf-8", FORMAT_XML, true},
    /* before STU3 */
    {"application/json+fhir", "application/fhir+json; charset=utf-8", FORMAT_JSON, false},
    {"application/xml+fhir", "application/fhir+xml; charset=utf-8", FORMAT_XML, false},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

struct str api__essence(struct str media_type)
{
    struct str rest;
    return str_trim(str_cut(media_type, ';', &rest));
}

/* The value of a parameter such as charset or fhirVersion; s NULL when there is none. */
static struct str parameter(struct str media_type, const char *name)
{
    struct str rest;
    str_cut(media_type, ';', &rest);
    while (rest.s) {
        struct str value, key = str_trim(str_cut(str_cut(rest, ';', &rest), '=', &value));
        if (value.s && str_ieq(key, str_of(name))) {
            value = str_trim(value);
            if (value.len >= 2 && value.s[0] == '"' && value.s[value.len - 1] == '"')
                value = (struct str){value.s + 1, value.len - 2};
            return value;
        }
    }
    return (struct str){NULL, 0};
}

static bool our_version(struct str media_type)
{
    struct str v = parameter(media_type, "fhirVersion");
    return !v.s || str_is(v, "4.0") || str_is(v, "4.0.1");
}

static const struct media *find(struct str media_type)
{
    struct str e = api__essence(media_type);
    for (int i = 0; i < N_TYPES && our_version(media_type); i++)
        if (str_ieq(e, str_of(types[i].name)))
            return &types[i];
    return NULL;
}

enum api_format api__format_of(struct str media_type)
{
    const struct media *m = find(media_type);
    return m ? m->format : FORMAT_NONE;
}

bool api__names_fhir(struct str accept)
{
    while (accept.s) {
        const struct media *m = find(str_cut(accept, ',', &accept));
        if (m && (!m->generic || m->format == FORMAT_JSON))
            return true;
    }
    return false;
}

/* ---- Accept (RFC 9110, 12.5.1) ------------------------------------------------------------------------------------ */

/* In thousandths. */
static int quality(struct str media_range)
{
    struct str q = parameter(media_range, "q");
    int value = 0, unit = 1000;
    if (!q.s || !q.len || (q.s[0] != '0' && q.s[0] != '1'))
        return 1000;
    for (size_t i = 0; i < q.len && i < 5; i++) {
        if (q.s[i] == '.')
            continue;
        if (q.s[i] < '0' || q.s[i] > '9')
            return 1000;
        value += (q.s[i] - '0') * unit;
        unit /= 10;
    }
    return value < 1000 ? value : 1000;
}

/* How much the client wants one of the formats, by the most precise range that is about it. */
struct wish {
    enum { NOT_NAMED, ANYTHING, ANY_APPLICATION, NAMED } precision;
    int q;
    const struct media *media;
};

static void wish(struct wish *w, int precision, int q, const struct media *m)
{
    if (precision > (int)w->precision ||
        (precision == (int)w->precision && (q > w->q || (q == w->q && m < w->media))))
        *w = (struct wish){precision, q, m};
}

static const struct media *choose(struct str accept)
{
    struct wish in_json = {0}, in_xml = {0};
    for (struct str rest = accept; rest.s;) {
        struct str range = str_cut(rest, ',', &rest), e = api__essence(range);
        const struct media *m = find(range);
        int q = quality(range);
        if (m) {
            wish(m->format == FORMAT_XML ? &in_xml : &in_json, NAMED, q, m);
        } else if (our_version(range) && (str_is(e, "*/*") || str_is(e, "application/*"))) {
            wish(&in_json, e.s[0] == '*' ? ANYTHING : ANY_APPLICATION, q, &types[0]);
            wish(&in_xml, e.s[0] == '*' ? ANYTHING : ANY_APPLICATION, q, &types[1]);
        }
    }
    const struct wish *best =
        in_xml.q > in_json.q || (in_xml.q == in_json.q && in_xml.precision > in_json.precision) ? &in_xml
                                                                                                : &in_json;
    return best->q > 0 ? best->media : NULL;
}

/* _format, in which a '+' that the client did not escape has become a blank. */
static struct str format_argument(const struct api_request *r)
{
    struct str format = api__arg(r, "_format");
    char *copy = format.s ? arena_strndup(r->a, format.s, format.len) : NULL;
    char *blank = copy ? strchr(copy, ' ') : NULL;
    if (blank && !memchr(copy, ';', (size_t)(blank - copy)))
        *blank = '+';
    return (struct str){copy, format.len};
}

bool api__choose_format(struct api_request *r)
{
    struct str format = format_argument(r), accept = http_header(r->http, "Accept");
    const struct media *m = &types[0];
    if (str_ieq(format, STR("xml")))
        m = &types[1];
    else if (format.s && !str_ieq(format, STR("json")))
        m = find(format);
    else if (!format.s && str_trim(accept).len)
        m = choose(accept);
    r->format = m ? m->format : FORMAT_JSON;
    r->media_type = m ? m->answer : types[0].answer;
    return m != NULL;
}
