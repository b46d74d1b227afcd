#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

/* vsnprintf may cut a character in two; messages go out as JSON and must stay valid UTF-8. */
static void format(char *out, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(out, size, fmt, ap);
    if (n >= (int)size)
        out[utf8_valid_prefix(out, size - 1)] = '\0';
}

static void start(struct err *err, enum err_kind kind, const char *expression)
{
    err->kind = kind;
    err->line = err->column = 0;
    err->detail[0] = '\0';
    snprintf(err->expression, sizeof err->expression, "%s", expression);
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    start(err, kind, "");
    format(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return false;
}

bool err_at(struct err *err, enum err_kind kind, const char *expression, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    start(err, kind, expression);
    format(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return false;
}

bool err_detail(struct err *err, enum err_kind kind, const char *msg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    start(err, kind, "");
    snprintf(err->msg, sizeof err->msg, "%s", msg);
    format(err->detail, sizeof err->detail, fmt, ap);
    va_end(ap);
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    static const char *const names[] = {
#define X(kind) #kind,
        ERR_KINDS(X)
#undef X
    };
    return names[kind];
}
