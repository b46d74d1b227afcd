#include <stdio.h>

#include "validate/validate.h"

void issues_init(struct issues *list, struct arena *a)
{
    *list = (struct issues){.a = a};
}

struct issue *issues_addv(struct issues *list, enum issue_severity severity, const char *code,
                          const char *expression, const char *fmt, va_list args)
{
    va_list measured;
    va_copy(measured, args);
    int len = vsnprintf(NULL, 0, fmt, measured);
    va_end(measured);
    char *text = arena_alloc(list->a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, args);

    struct issue *issue = ARENA_PUSH(list->a, list->list, list->n, list->cap);
    *issue = (struct issue){.severity = severity, .code = code, .text = text, .expression = expression};
    list->errors += severity <= ISSUE_ERROR;
    return issue;
}

struct issue *issues_add(struct issues *list, enum issue_severity severity, const char *code,
                         const char *expression, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct issue *issue = issues_addv(list, severity, code, expression, fmt, args);
    va_end(args);
    return issue;
}
