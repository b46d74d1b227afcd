#include "base/clock.h"
#include "base/metrics.h"
#include "internal.h"

struct str api__location(struct arena *a, struct str base, const struct fhir_type *type, struct str id,
                         int32_t ver)
{
    return str_of(arena_printf(a, "%.*s/%s/%.*s/_history/%d", STR_FMT(base), type->name, STR_FMT(id), ver));
}

/* _summary and _elements of a read (search.html#summary); the search has its own. */
static bool subset(struct api_request *r, struct api_response *out)
{
    static const struct {
        const char *name;
        enum search_summary summary;
    } summaries[] = {{"true", SUMMARY_TRUE}, {"text", SUMMARY_TEXT}, {"data", SUMMARY_DATA}};
    struct str summary = api__arg(r, "_summary"), elements = api__arg(r, "_elements");
    enum search_summary which = SUMMARY_FALSE;
    struct str *list = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; summary.s && i < sizeof summaries / sizeof summaries[0]; i++)
        if (str_is(summary, summaries[i].name))
            which = summaries[i].summary;
    while (elements.s) {
        struct str one = str_trim(str_cut(elements, ',', &elements));
        if (one.len)
            *ARENA_PUSH(r->a, list, n, cap) = one;
    }
    if (which == SUMMARY_FALSE && n == 0)
        return true;
    json *resource;
    struct err err;
    if (!json_parse(r->a, out->resource, INT16_MAX, &resource, &err))
        return false;
    out->resource = json_text(r->a, search_subset(r->api->deps.defs, r->a, resource, which, list, n));
    return true;
}

static struct str pretty(struct arena *a, struct str text)
{
    json *node;
    struct err err;
    struct buf b;
    if (!json_parse(a, text, INT16_MAX, &node, &err))
        return text;
    buf_init(&b, a, text.len * 2);
    json_print(&b, node, true);
    buf_addc(&b, '\n');
    return buf_str(&b);
}

static void add(struct api_request *r, struct http_response *p, const char *name, struct str value)
{
    http_add_header(r->http, p, name, value);
}

void api__respond(struct api_request *r, struct api_response *out)
{
    struct http_response *p = &r->http_response;
    *p = (struct http_response){.status = out->status};
    const char *media_type = str_ieq(str_trim(r->accept.s ? r->accept : STR("")), STR("application/json"))
                                 ? "application/json; charset=utf-8"
                                 : "application/fhir+json; charset=utf-8";
    struct str body = out->resource;
    if (out->issues) {
        body = api__outcome_text(r->a, out->issues);
    } else if (out->written && r->prefer == RETURN_MINIMAL) {
        body = (struct str){NULL, 0};
    } else if (out->written && r->prefer == RETURN_OUTCOME) {
        body = api__outcome_text(r->a, &r->warnings);
        if (p->status == 204)
            p->status = 200;
    } else if (body.s && out->subset) {
        subset(r, out);
        body = out->resource;
    }
    if (out->raw.s) {
        body = out->raw;
        media_type = out->raw_type;
    } else if (body.s && r->pretty) {
        body = pretty(r->a, body);
    }
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
    if (out->retry_after)
        add(r, p, "Retry-After", str_of(arena_printf(r->a, "%d", out->retry_after)));
    if (out->challenge) /* RFC 6750, 3.1: no error code for a request without a token */
        add(r, p, "WWW-Authenticate",
            http_header(r->http, "Authorization").s ? STR("Bearer realm=\"kagari\", error=\"invalid_token\"")
                                                    : STR("Bearer realm=\"kagari\""));
    if (out->status == 401 || out->status == 403)
        metrics_add(METRIC_AUTH_FAILURES, 1);
    add(r, p, "Cache-Control", STR("no-store"));
    if (out->raw.s) { /* what a client stored may be a page with scripts */
        add(r, p, "X-Content-Type-Options", STR("nosniff"));
        add(r, p, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
    }
}
