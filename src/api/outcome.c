#include "internal.h"

/* The only place that knows which HTTP status and which issue code (value set issue-type) an error has. */
int api__status(enum err_kind kind)
{
    switch (kind) {
    case ERR_SYNTAX:
    case ERR_INVALID:
        return 400;
    case ERR_RULE:
        return 422;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_GONE:
        return 410;
    case ERR_CONFLICT:
        return 409;
    case ERR_PRECONDITION:
    case ERR_MULTIPLE:
        return 412;
    case ERR_LOGIN:
        return 401;
    case ERR_FORBIDDEN:
    case ERR_TOO_COSTLY:
        return 403;
    case ERR_METHOD:
        return 405;
    case ERR_ACCEPT:
        return 406;
    case ERR_MEDIA:
        return 415;
    case ERR_TOO_LARGE:
        return 413;
    case ERR_UNSUPPORTED:
        return 501;
    case ERR_BUSY:
    case ERR_BUDGET:
    case ERR_TIMEOUT:
        return 503;
    case ERR_INTERNAL:
        return 500;
    }
    return 500;
}

bool api__error_of(const struct api_response *out, struct err *err)
{
    const struct issue *i = &out->issues->list[0];
    enum err_kind kind = ERR_INVALID; /* 400 */
#define X(k)                                                                                                 \
    if (api__status(k) == out->status && kind == ERR_INVALID)                                                \
        kind = k;
    if (out->status != 400) {
        ERR_KINDS(X)
    }
#undef X
    return err_at(err, kind, i->expression ? i->expression : "", "%s", i->text);
}

static const char *issue_code(enum err_kind kind)
{
    switch (kind) {
    case ERR_SYNTAX:
        return "structure";
    case ERR_INVALID:
        return "invalid";
    case ERR_RULE:
        return "business-rule";
    case ERR_NOT_FOUND:
        return "not-found";
    case ERR_GONE:
        return "deleted";
    case ERR_CONFLICT:
    case ERR_PRECONDITION:
        return "conflict";
    case ERR_MULTIPLE:
        return "multiple-matches";
    case ERR_LOGIN:
        return "login";
    case ERR_FORBIDDEN:
        return "forbidden";
    case ERR_METHOD:
    case ERR_ACCEPT:
    case ERR_MEDIA:
    case ERR_UNSUPPORTED:
        return "not-supported";
    case ERR_TOO_LARGE:
        return "too-long";
    case ERR_TOO_COSTLY:
    case ERR_BUDGET:
        return "too-costly";
    case ERR_BUSY:
        return "transient";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_INTERNAL:
        return "exception";
    }
    return "exception";
}

void api__error_response(struct api_request *r, const struct err *err, struct api_response *out)
{
    *out = (struct api_response){.status = api__status(err->kind)};
    out->issues = ARENA_NEW(r->a, struct issues);
    issues_init(out->issues, r->a);
    struct issue *i =
        issues_add(out->issues, ISSUE_ERROR, issue_code(err->kind),
                   *err->expression ? arena_strdup(r->a, err->expression) : NULL, "%s", err->msg);
    i->line = err->line;
    i->column = err->column;
    out->challenge = err->kind == ERR_LOGIN;
    if (out->status == 503 && err->kind != ERR_BUDGET) /* it would take as long again */
        out->retry_after = 2;
}

int api__issues_status(const struct issues *issues)
{
    for (size_t i = 0; i < issues->n; i++)
        if (issues->list[i].severity <= ISSUE_ERROR && !issues->list[i].rule)
            return 400;
    return 422;
}

static json *issue_node(struct arena *a, const struct issue *i)
{
    static const char *const severities[] = {"fatal", "error", "warning", "information"};
    json *o = json_object(a);
    if (i->line) {
        json *extensions = json_add(a, o, "extension", json_array(a));
        const struct {
            const char *url;
            int v;
        } places[] = {{"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line", i->line},
                      {"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col", i->column}};
        for (int p = 0; p < 2; p++) {
            json *e = json_push(extensions, json_object(a));
            json_add_string(a, e, "url", places[p].url);
            json_add(a, e, "valueInteger", json_int(a, places[p].v));
        }
    }
    json_add_string(a, o, "severity", severities[i->severity]);
    json_add_string(a, o, "code", i->code);
    if (i->key) {
        json *details = json_add(a, o, "details", json_object(a));
        json *coding = json_push(json_add(a, details, "coding", json_array(a)), json_object(a));
        json_add_string(a, coding, "code", i->key);
        json_add_string(a, details, "text", i->text);
    }
    json_add_string(a, o, "diagnostics", i->text);
    if (i->expression)
        json_push(json_add(a, o, "expression", json_array(a)), json_string(a, i->expression));
    return o;
}

struct str api__outcome_text(struct arena *a, const struct issues *issues)
{
    json *o = json_object(a);
    json_add_string(a, o, "resourceType", "OperationOutcome");
    json *list = json_add(a, o, "issue", json_array(a));
    for (size_t i = 0; i < issues->n; i++)
        json_push(list, issue_node(a, &issues->list[i]));
    if (issues->n == 0)
        json_push(list, issue_node(a, &(struct issue){.severity = ISSUE_INFORMATION,
                                                      .code = "informational",
                                                      .text = "All OK"}));
    return json_text(a, o);
}
