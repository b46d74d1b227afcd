#include "internal.h"

static void add_path(struct buf *b, const struct validate__place *at)
{
    if (at->up) {
        add_path(b, at->up);
        buf_addc(b, '.');
    }
    buf_adds(b, at->name);
    if (at->index >= 0)
        buf_addf(b, "[%d]", at->index);
}

const char *validate__path(struct arena *a, const struct validate__place *at)
{
    struct buf path;
    buf_init(&path, a, 64);
    add_path(&path, at);
    return path.s;
}

size_t validate__offset(const struct validate__place *at)
{
    size_t offset = JSON_NOWHERE;
    for (; at && offset == JSON_NOWHERE; at = at->up)
        offset = json_offset(at->node ? at->node : at->extra);
    return offset;
}

static struct issue *add(struct validate__walk *w, const char *path, size_t offset,
                         enum issue_severity severity, const char *code, const char *key, const char *fmt,
                         va_list args) __attribute__((format(printf, 7, 0)));
static struct issue *add(struct validate__walk *w, const char *path, size_t offset,
                         enum issue_severity severity, const char *code, const char *key, const char *fmt,
                         va_list args)
{
    struct issue *issue = issues_addv(w->out, severity, code, path, fmt, args);
    size_t n = w->out->n;
    issue->key = key;
    issue->rule = w->passes > 0;
    issue->offset = offset;
    if (validate__full(w))
        issues_add(w->out, ISSUE_INFORMATION, "incomplete", path,
                   "There are more findings than these %d; correct them and validate again",
                   VALIDATE__MAX_FINDINGS);
    return &w->out->list[n - 1];
}

struct issue *validate__findv(struct validate__walk *w, const struct validate__place *at,
                              enum issue_severity severity, const char *code, const char *key,
                              const char *fmt, va_list args)
{
    w->failed |= severity <= ISSUE_ERROR;
    if (w->probes || validate__full(w))
        return NULL;
    return add(w, validate__path(w->a, at), validate__offset(at), severity, code, key, fmt, args);
}

void validate__find(struct validate__walk *w, const struct validate__place *at, enum issue_severity severity,
                    const char *code, const char *key, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    validate__findv(w, at, severity, code, key, fmt, args);
    va_end(args);
}

void validate__find_at(struct validate__walk *w, const char *path, size_t offset,
                       enum issue_severity severity, const char *code, const char *key, const char *fmt, ...)
{
    va_list args;
    w->failed |= severity <= ISSUE_ERROR;
    if (w->probes || validate__full(w))
        return;
    va_start(args, fmt);
    add(w, path, offset, severity, code, key, fmt, args);
    va_end(args);
}

void validate__rule(struct validate__walk *w, const struct validate__place *at, enum issue_severity severity,
                    const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct issue *issue = validate__findv(w, at, severity, code, NULL, fmt, args);
    va_end(args);
    if (issue)
        issue->rule = true;
}

void validate__unresolved(struct validate__walk *w, const struct validate__place *at, const char *canonical,
                          const char *what)
{
    if (w->probes || validate__full(w))
        return;
    for (size_t i = 0; i < w->n_unresolved; i++)
        if (strcmp(w->unresolved[i], canonical) == 0)
            return;
    *ARENA_PUSH(w->a, w->unresolved, w->n_unresolved, w->cap_unresolved) = canonical;
    validate__find(w, at, ISSUE_WARNING, "not-found", NULL,
                   "The %s %.300s is not known here: what it asks for was not checked", what, canonical);
}

const char *validate__quote(struct arena *a, const char *s, const char *otherwise)
{
    size_t len = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") : 0;
    if (len == 0 || len > 64 || s[len])
        return otherwise;
    return arena_printf(a, "'%s'", s);
}
