#include "internal.h"

/* extensibility.html: ext-1, and the URL that says what the extension means. Inside a complex extension its
 * parts have relative names. */
void validate__extension(struct validate__walk *w, struct validate__place *at)
{
    bool value = false, parts = false;
    json_each (m, at->node) {
        const char *name = m->string + (m->string[0] == '_');
        value |= strncmp(name, "value", 5) == 0;
        parts |= strcmp(name, "extension") == 0;
    }
    if (value == parts)
        validate__find(w, at, ISSUE_ERROR, "invariant", "ext-1",
                       value ? "An extension has a value[x] or extensions, not both"
                             : "An extension needs a value[x] or extensions");
    const char *url = json_get_string(at->node, "url");
    if (url && at->up->type != w->v->extension && !strchr(url, ':'))
        validate__error(w, at, "value",
                        "%s: the url of an extension is absolute, but for parts of a complex extension",
                        at->element->path);
}
