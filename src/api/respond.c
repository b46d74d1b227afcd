#include "base/clock.h"
#include "base/metrics.h"
#include "fhir/xml.h"
#include "internal.h"

struct str api__location(struct arena *a, struct str base, const struct fhir_type *type, struct str id,
                         int32_t ver)
{
    return str_of(arena_printf(a, "%.*s/%s/%.*s/_history/%d", STR_FMT(base), type->name, STR_FMT(id), ver));
}

/* _summary and _elements of a read (search.html#summary); the search has its own. */
struct subset {
    enum search_summary summary;
    struct str *elements;
    size_t n, cap;
};

static bool read_subset(struct api_request *r, struct subset *s)
{
    static const struct {
        const char *name;
        enum search_summary summary;
    } summaries[] = {{"true", SUMMARY_TRUE}, {"text", SUMMARY_TEXT}, {"data", SUMMARY_DATA}};
    struct str summary = api__arg(r, "_summary"), elements = api__arg(r, "_elements");
    *s = (struct subset){.summary = SUMMARY_FALSE};
    for (size_t i = 0; summary.s && i < sizeof summaries / sizeof summaries[0]; i++)
        if (str_is(summary, summaries[i].name))
            s->summary = summaries[i].summary;
    while (elements.s) {
        struct str one = str_trim(str_cut(elements, ',', &elements));
        if (one.len)
            *ARENA_PUSH(r->a, s->elements, s->n, s->cap) = one;
    }
    return s->summary != SUMMARY_FALSE || s->n > 0;
}

bool api__form(const struct fhir_defs *d, struct arena *a, const json *resource, enum api_format format,
               bool pretty, struct str *out, struct err *err)
{
    struct buf b;
    buf_init(&b, a, 4096);
    if (format == FORMAT_XML) {
        if (!fhir_xml_print(d, &b, resource, pretty, err))
            return false;
    } else {
        json_print(&b, resource, pretty);
        if (pretty)
            buf_addc(&b, '\n');
    }
    *out = buf_str(&b);
    return true;
}

/* A resource's text as it is sent. Compact JSON is what is there already. */
static bool represent(struct api_request *r, struct str *text, bool may_be_less, struct err *err)
{
    struct subset s;
    json *resource;
    bool less = may_be_less && read_subset(r, &s);
    if (!less && !r->pretty && r->format == FORMAT_JSON)
        return true;
    if (!json_parse(r->a, *text, INT16_MAX, &resource, err))
        return false;
    if (less)
        resource = search_subset(r->api->deps.defs, r->a, resource, s.summary, s.elements, s.n);
    return api__form(r->api->deps.defs, r->a, resource, r->format, r->pretty, text, err);
}

struct str api__subset(struct api_request *r, struct str text)
{
    struct subset s;
    struct err err;
    json *resource;
    if (!read_subset(r, &s) || !json_parse(r->a, text, INT16_MAX, &resource, &err))
        return text;
    return json_text(r->a, search_subset(r->api->deps.defs, r->a, resource, s.summary, s.elements, s.n));
}

/* What cannot be represented is answered with an OperationOutcome; what has been done keeps its status. */
static struct str unrepresentable(struct api_request *r, struct api_response *out, const struct err *err)
{
    struct api_response refusal;
    struct err none;
    api__error_response(r, err, &refusal);
    struct str text = api__outcome_text(r->a, refusal.issues);
    if (!out->written && !out->issues && r->route->interaction != &api__bundle)
        *out = refusal;
    return represent(r, &text, false, &none) ? text : (struct str){NULL, 0};
}

/* For a request that ended before its negotiation. */
static void choose_late(struct api_request *r)
{
    struct search_arg *args = NULL;
    size_t n = 0, cap = 0;
    struct err ignored;
    bool all = api__parse_args(r->a, r->query, &args, &n, &cap, &ignored);
    (void)all; /* those before the one that cannot be read will do */
    r->args = args;
    r->n_args = n;
    api__choose_format(r);
}

static void add(struct api_request *r, struct http_response *p, const char *name, struct str value)
{
    http_add_header(r->http, p, name, value);
}

void api__respond(struct api_request *r, struct api_response *out)
{
    struct http_response *p = &r->http_response;
    struct str body = out->resource;
    struct err err;
    if (r->format == FORMAT_NONE)
        choose_late(r);
    if (!api__audit(r, out)) {
        err_set(&err, ERR_BUSY, "The access cannot be entered into the audit log now; try again later");
        api__error_response(r, &err, out);
        body = out->resource;
    }
    const char *media_type = r->media_type;
    if (out->issues) {
        body = api__outcome_text(r->a, out->issues);
    } else if (out->written && r->prefer == RETURN_MINIMAL) {
        body = (struct str){NULL, 0};
    } else if (out->written && r->prefer == RETURN_OUTCOME) {
        body = api__outcome_text(r->a, &r->warnings);
        if (out->status == 204)
            out->status = 200;
    }
    if (out->raw.s) {
        body = out->raw;
        media_type = out->raw_type;
    } else if (body.s && !out->formed && !represent(r, &body, out->subset && !out->issues, &err)) {
        body = unrepresentable(r, out, &err);
    }
    *p = (struct http_response){.status = out->status};
    if (body.s) {
        add(r, p, "Content-Type", str_of(media_type));
        p->body = body;
    }
    if (out->ver) {
        char when[30];
        add(r, p, "ETag", str_of(arena_printf(r->a, "W/\"%d\"", out->ver)));
        if (out->lu_us) {
            clock_http_date(out->lu_us, when);
            add(r, p, "Last-Modified", str_of(arena_strdup(r->a, when)));
        }
    }
    if (out->located)
        add(r, p, "Location", api__location(r->a, r->base, out->type, out->id, out->ver));
    if (out->allow.len)
        add(r, p, "Allow", out->allow);
    if (out->content_location.s)
        add(r, p, "Content-Location", out->content_location);
    if (out->progress.s)
        add(r, p, "X-Progress", out->progress);
    if (out->expires_us) {
        char when[30];
        clock_http_date(out->expires_us, when);
        add(r, p, "Expires", str_of(arena_strdup(r->a, when)));
    }
    if (out->retry_after)
        add(r, p, "Retry-After", str_of(arena_printf(r->a, "%d", out->retry_after)));
    if (out->challenge) /* RFC 6750, 3.1: no error code for a request without a token */
        add(r, p, "WWW-Authenticate",
            http_header(r->http, "Authorization").s ? STR("Bearer realm=\"kagari\", error=\"invalid_token\"")
                                                    : STR("Bearer realm=\"kagari\""));
    if (out->status == 401 || out->status == 403)
        metrics_add(METRIC_AUTH_FAILURES, 1);
    api__add_position(r, out);
    bool policy = false;
    for (size_t i = 0; i < out->n_headers; i++) {
        add(r, p, out->headers[i].name.s, out->headers[i].value);
        policy |= str_is(out->headers[i].name, "Content-Security-Policy");
    }
    add(r, p, "Cache-Control", STR("no-store"));
    if (out->raw.s ||
        r->format == FORMAT_XML) { /* a browser shows what a client stored, and XHTML within XML */
        add(r, p, "X-Content-Type-Options", STR("nosniff"));
        if (!policy)
            add(r, p, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
    }
}
