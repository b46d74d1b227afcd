/*
 * What the users of libxml2 share: its start, and limits on what it is slow at. It compares the attributes of a tag
 * pairwise and looks for a namespace through all that are in scope; a tag with a million attributes would take hours.
 */
#include <libxml/parser.h>
#include <pthread.h>

#include "internal.h"

enum { ATTRIBUTES_MAX = 64, NAMESPACES_MAX = 64 };

static void init_library(void)
{
    xmlInitParser();
}

void fhir__libxml_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
}

/* Behind the word, or NULL when it does not come. */
static const char *past(const char *s, const char *end, const char *word)
{
    size_t len = strlen(word);
    const char *at = memmem(s, (size_t)(end - s), word, len);
    return at ? at + len : NULL;
}

/* At the '<' of a tag; behind its '>', or NULL when it has too many attributes or no end. */
static const char *past_tag(const char *s, const char *end, bool *too_many)
{
    int n = 0;
    for (; s < end && *s != '>'; s++) {
        if (*s != '"' && *s != '\'')
            continue;
        if (++n > ATTRIBUTES_MAX) {
            *too_many = true;
            return NULL;
        }
        s = memchr(s + 1, *s, (size_t)(end - s - 1));
        if (!s)
            return NULL;
    }
    return s < end ? s + 1 : NULL;
}

bool fhir__xml_attributes_few(struct str text)
{
    static const struct {
        const char *begin, *end;
    } others[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
    const char *s = text.s, *end = text.s + text.len;
    bool too_many = false;
    while (s && s < end && (s = memchr(s, '<', (size_t)(end - s)))) {
        size_t i = 0, n = sizeof others / sizeof others[0];
        while (i < n && !str_starts((struct str){s, (size_t)(end - s)}, str_of(others[i].begin)))
            i++;
        s = i < n ? past(s + strlen(others[i].begin), end, others[i].end) : past_tag(s, end, &too_many);
    }
    return !too_many;
}

bool fhir__xml_enter(struct fhir__xml_scope *s, int n_namespaces)
{
    if (s->depth == FHIR__XML_DEPTH || s->namespaces + n_namespaces > NAMESPACES_MAX)
        return false;
    s->declared[s->depth++] = (uint8_t)n_namespaces;
    s->namespaces += n_namespaces;
    return true;
}

void fhir__xml_leave(struct fhir__xml_scope *s)
{
    s->namespaces -= s->declared[--s->depth];
}
