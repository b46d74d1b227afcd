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

void api__issues_init(const struct api_request *r, struct issues *list)
{
    issues_init(list, r->a);
    language_choose(http_header(r->http, "Accept-Language"), &list->language);
}

struct issues *api__issues(const struct api_request *r)
{
    struct issues *list = ARENA_NEW(r->a, struct issues);
    api__issues_init(r, list);
    return list;
}

void api__error_response(struct api_request *r, const struct err *err, struct api_response *out)
{
    *out = (struct api_response){.status = api__status(err->kind)};
    out->issues = api__issues(r);
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

struct str api__outcome_text(struct arena *a, const struct issues *issues)
{
    return json_text(a, issues_outcome(a, issues));
}
