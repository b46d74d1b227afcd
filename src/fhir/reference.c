#include "fhir/reference.h"

#include "fhir/primitive.h"

static bool in_scheme(char c, bool first)
{
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
    return letter || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

/* Length of "scheme:", or 0. */
static size_t scheme_length(struct str s)
{
    size_t i = 0;
    while (i < s.len && in_scheme(s.s[i], i == 0))
        i++;
    return i && i < s.len && s.s[i] == ':' ? i + 1 : 0;
}

/* Cuts the last segment off a path: "a/b/c" gives "c" and leaves "a/b". */
static struct str cut_last(struct str *path)
{
    size_t i = path->len;
    while (i && path->s[i - 1] != '/')
        i--;
    struct str last = {path->s + i, path->len - i};
    path->len = i ? i - 1 : 0;
    return last;
}

/* The Type/id[/_history/v] that a path ends with; out->base is what comes before. */
static bool parse_tail(const struct fhir_defs *d, struct str path, struct fhir_reference *out)
{
    struct str last = cut_last(&path), before = path, version = {0};
    if (str_is(cut_last(&before), "_history")) {
        version = last;
        path = before;
        last = cut_last(&path);
        if (!fhir_id_valid(version))
            return false;
    }
    const struct fhir_type *type = fhir_resource(d, cut_last(&path));
    if (!type || !fhir_id_valid(last))
        return false;
    out->type = type;
    out->id = last;
    out->version = version;
    out->base = path;
    return true;
}

static bool is_urn(struct str s)
{
    return str_starts(s, STR("urn:uuid:")) || str_starts(s, STR("urn:oid:"));
}

void fhir_reference_parse(const struct fhir_defs *d, struct str s, struct fhir_reference *out)
{
    struct fhir_reference r = {.form = FHIR_REF_NONE};
    if (!s.len) {
        *out = r;
        return;
    }
    struct str path = str_cut(str_cut(s, '#', &r.fragment), '?', &r.query);
    size_t scheme = scheme_length(path);
    bool tail = !r.query.s && !is_urn(path) && parse_tail(d, path, &r);
    bool http = str_starts(path, STR("https://")) || str_starts(path, STR("http://"));
    *out = (struct fhir_reference){.query = r.query, .fragment = r.fragment};
    if (s.len && s.s[0] == '#') {
        out->form = FHIR_REF_CONTAINED;
    } else if (is_urn(path)) {
        out->form = FHIR_REF_URN;
    } else if (http && tail && r.base.len > scheme + 2) {
        *out = r;
        out->form = FHIR_REF_ABSOLUTE;
    } else if (scheme) {
        out->form = FHIR_REF_URL;
    } else if (tail && r.base.len == 0 && *path.s != '/') {
        *out = r;
        out->form = FHIR_REF_RELATIVE;
    } else if (r.query.s && (out->type = fhir_resource(d, path))) {
        out->form = FHIR_REF_QUERY;
    }
}

void fhir_reference_parse_local(const struct fhir_defs *d, struct str base, struct str s,
                                struct fhir_reference *out)
{
    fhir_reference_parse(d, s, out);
    if (out->form == FHIR_REF_ABSOLUTE && str_eq(out->base, base)) {
        out->form = FHIR_REF_RELATIVE;
        out->base = (struct str){NULL, 0};
    }
}
