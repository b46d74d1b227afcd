/* What the client asks for besides the resource: parameters, representation, preferences (http.html#general). */
#include "base/base64.h"
#include "fhir/xml.h"
#include "internal.h"

bool api__parse_args(struct arena *a, struct str text, struct search_arg **args, size_t *n, size_t *cap,
                     struct err *err)
{
    while (text.s && text.len) {
        struct str value, part = str_cut(text, '&', &text), name = str_cut(part, '=', &value);
        struct search_arg arg;
        if (!part.len)
            continue;
        if (!str_percent_decode(a, name, true, &arg.name) ||
            !str_percent_decode(a, value.s ? value : STR(""), true, &arg.value))
            return err_set(err, ERR_SYNTAX,
                           "A '%%' in the parameters is not followed by two hexadecimal digits");
        if (memchr(arg.name.s, '\0', arg.name.len) || memchr(arg.value.s, '\0', arg.value.len))
            return err_set(err, ERR_SYNTAX, "The parameters contain the character U+0000");
        *ARENA_PUSH(a, *args, *n, *cap) = arg;
    }
    return true;
}

struct str api__arg(const struct api_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_args; i++)
        if (str_is(r->args[i].name, name))
            return r->args[i].value;
    return (struct str){NULL, 0};
}

/* ---- preferences ------------------------------------------------------------------------------------------- */

static void read_prefer(struct api_request *r)
{
    static const struct {
        const char *word;
        enum prefer_return prefer;
    } returns[] = {{"return=minimal", RETURN_MINIMAL},
                   {"return=representation", RETURN_REPRESENTATION},
                   {"return=OperationOutcome", RETURN_OUTCOME}};
    r->strict = r->config->search_handling == 1;
    for (size_t h = 0; h < r->http->n_headers; h++) {
        if (!str_ieq(r->http->headers[h].name, STR("Prefer")))
            continue;
        for (struct str rest = r->http->headers[h].value; rest.s;) {
            struct str parameters, one = str_trim(str_cut(str_cut(rest, ',', &rest), ';', &parameters));
            for (size_t i = 0; i < sizeof returns / sizeof returns[0]; i++)
                if (str_ieq(one, str_of(returns[i].word)))
                    r->prefer = returns[i].prefer;
            r->respond_async |= str_ieq(one, STR("respond-async"));
            if (str_ieq(one, STR("handling=strict")))
                r->strict = true;
            else if (str_ieq(one, STR("handling=lenient")))
                r->strict = false;
        }
    }
}

/* Of what is answered later only (async.html); elsewhere it is a parameter like any other. */
static void take_output_format(struct api_request *r, struct search_arg *args)
{
    size_t kept = 0;
    if (!r->respond_async)
        return;
    r->output_format = api__arg(r, "_outputFormat");
    for (size_t i = 0; i < r->n_args; i++)
        if (!str_is(args[i].name, "_outputFormat"))
            args[kept++] = args[i];
    r->n_args = kept;
}

bool api__parse_etag(struct str s, int32_t *ver)
{
    int64_t v;
    s = str_trim(s);
    if (str_starts(s, STR("W/")))
        s = (struct str){s.s + 2, s.len - 2};
    if (s.len < 2 || s.s[0] != '"' || s.s[s.len - 1] != '"')
        return false;
    if (!str_int64((struct str){s.s + 1, s.len - 2}, &v) || v < 1 || v > INT32_MAX)
        return false;
    *ver = (int32_t)v;
    return true;
}

bool api__negotiate(struct api_request *r, struct err *err)
{
    struct search_arg *args = NULL;
    size_t n = 0, cap = 0;
    if (!api__parse_args(r->a, r->query, &args, &n, &cap, err))
        return false;
    r->content_type = http_header(r->http, "Content-Type");
    if (r->method == HTTP_POST && str_ends(r->path, STR("_search")) && r->http->body.len) {
        if (!str_ieq(api__essence(r->content_type), STR("application/x-www-form-urlencoded")))
            return err_set(
                err, ERR_MEDIA,
                "Content-Type: the parameters of _search come as application/x-www-form-urlencoded");
        if (!api__parse_args(r->a, r->http->body, &args, &n, &cap, err))
            return false;
    }
    r->args = args;
    r->n_args = n;
    r->accept = http_header(r->http, "Accept");
    r->if_match = http_header(r->http, "If-Match");
    r->if_none_match = http_header(r->http, "If-None-Match");
    r->if_modified_since = http_header(r->http, "If-Modified-Since");
    r->if_none_exist = http_header(r->http, "If-None-Exist");
    r->pretty = str_is(api__arg(r, "_pretty"), "true");
    read_prefer(r);
    take_output_format(r, args);
    /* Binary is sent in its own type */
    return api__choose_format(r) || (r->type && strcmp(r->type->name, "Binary") == 0) ||
           err_set(err, ERR_ACCEPT,
                   "Accept, _format: this server answers in application/fhir+json (json) and "
                   "application/fhir+xml (xml), FHIR version 4.0");
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* binary.html: bytes of any other type become a Binary around them. */
static json *wrap_binary(struct api_request *r)
{
    struct str context = http_header(r->http, "X-Security-Context");
    json *o = json_object(r->a);
    json_add_string(r->a, o, "resourceType", "Binary");
    if (r->id.s)
        json_add(r->a, o, "id", json_string_n(r->a, r->id));
    json_add(r->a, o, "contentType", json_string_n(r->a, r->content_type));
    if (context.s)
        json_add(r->a, json_add(r->a, o, "securityContext", json_object(r->a)), "reference",
                 json_string_n(r->a, context));
    struct str data = base64_encode(r->a, BASE64_STD, r->http->body.s, r->http->body.len);
    if (data.len)
        json_add(r->a, o, "data", json_string_n(r->a, data));
    return o;
}

bool api__parse_body(struct api_request *r, enum api_format format, struct err *err)
{
    int depth = (int)r->config->json_max_depth;
    if (!r->http->body.len)
        return err_set(err, ERR_SYNTAX,
                       "The request has no body; a FHIR resource in JSON or XML was expected");
    r->text = r->http->body;
    if (format == FORMAT_XML)
        return fhir_xml_parse(r->a, r->api->deps.defs, r->http->body, depth, &r->body, err);
    return json_parse(r->a, r->http->body, depth, &r->body, err);
}

/* binary.html: what is written to Binary is its content, whatever its type, unless it is a Binary itself. */
static bool read_binary(struct api_request *r, enum api_format format, struct err *err)
{
    if (format == FORMAT_NONE || (format == FORMAT_XML && !fhir_xml_root_is(r->http->body, "Binary"))) {
        r->body = wrap_binary(r);
        return true;
    }
    if (!api__parse_body(r, format, err))
        return false;
    const char *type = json_get_string(r->body, "resourceType");
    if (!type || strcmp(type, "Binary") != 0)
        r->body = wrap_binary(r);
    return true;
}

bool api__read_body(struct api_request *r, struct err *err)
{
    if (r->body) /* an entry of a Bundle brings it along */
        return true;
    enum api_format format = r->content_type.s ? api__format_of(r->content_type) : FORMAT_JSON;
    if (r->route->interaction->body && r->type && strcmp(r->type->name, "Binary") == 0)
        return read_binary(r, format, err);
    if (format == FORMAT_NONE)
        return err_set(err, ERR_MEDIA,
                       "Content-Type: this server reads application/fhir+json and application/fhir+xml, FHIR "
                       "version 4.0");
    return api__parse_body(r, format, err);
}
