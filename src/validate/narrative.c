/*
 * Narratives (narrative.html): the limited XHTML, and what their links lead to. "#x" means an element of a narrative of
 * the resource, a contained resource or an element with that id; which there are is known at the resource's end.
 */
#include <stdlib.h>

#include "fhir/xhtml.h"
#include "internal.h"

/* key NULL: a rule of its own besides txt-1, which then is broken as well. */
static const struct {
    const char *key, *text;
} texts[FHIR_XHTML__N] = {
    [FHIR_XHTML_MALFORMED] =
        {"txt-1", "The narrative is not well-formed XHTML (one div; every element closed; characters "
                  "instead of named entities such as &nbsp;)"},
    [FHIR_XHTML_ROOT] = {"txt-1",
                         "The narrative must be a div in the namespace http://www.w3.org/1999/xhtml"},
    [FHIR_XHTML_ELEMENT] = {NULL,
                            "The narrative has an element that is not allowed there: only basic formatting, "
                            "a and img are"},
    [FHIR_XHTML_ATTRIBUTE] = {NULL, "The narrative has an attribute that is not allowed there"},
    [FHIR_XHTML_LINK] = {"txt-1", "The narrative has a link or style that could run or fetch code"},
    [FHIR_XHTML_EMPTY] = {"txt-2", "The narrative has no content: add text or an image, or leave it out"},
};

static void report(struct validate__walk *w, const struct validate__place *at, const struct fhir_xhtml *x)
{
    bool txt_1 = false;
    for (int i = 0; i < x->n_found; i++) {
        const struct fhir_xhtml_finding *f = &x->found[i];
        const char *key = texts[f->problem].key;
        txt_1 |= !key;
        validate__find(w, at, ISSUE_ERROR, key ? "invariant" : "invalid", key, "%s%s%s%s",
                       texts[f->problem].text, f->name[0] ? " (" : "", f->name, f->name[0] ? ")" : "");
    }
    if (txt_1)
        validate__find(w, at, ISSUE_ERROR, "invariant", "txt-1",
                       "The narrative has other than basic HTML formatting, links, images and styles");
}

/* ---- links ------------------------------------------------------------------------------------------- */

static struct validate__scope *outermost(struct validate__scope *s)
{
    return s->container ? s->container : s;
}

static void fragment(struct validate__walk *w, struct validate__place *at, const char *id)
{
    struct validate__scope *s = outermost(w->scope);
    if (!*id || validate__contained_use(w->scope, id))
        return;
    *ARENA_PUSH(w->a, s->links, s->n_links, s->cap_links) =
        (struct validate__link){id, validate__path(w->a, at), validate__offset(at)};
}

/* FHIR says nothing of a link's scheme; there is nothing that a reader could open by a urn. */
static void hyperlink(struct validate__walk *w, struct validate__place *at, const char *url)
{
    if (str_starts(str_of(url), STR("urn:")))
        validate__refuse(w, at, "invalid",
                         "The narrative has a hyperlink that nobody can open: its scheme is 'urn'");
}

static void add_anchor(struct validate__walk *w, struct validate__scope *s, const char *id)
{
    *ARENA_PUSH(w->a, s->anchors, s->n_anchors, s->cap_anchors) = id;
}

enum { LOOK_BACK = 64 };

/* A link that stands in a narrative several times is told once, if they are near. */
static bool repeated(const struct fhir_xhtml *x, size_t i)
{
    for (size_t k = i > LOOK_BACK ? i - LOOK_BACK : 0; k < i; k++)
        if (x->marks[k].mark == x->marks[i].mark && strcmp(x->marks[k].value, x->marks[i].value) == 0)
            return true;
    return false;
}

static void read_marks(struct validate__walk *w, struct validate__place *at, const struct fhir_xhtml *x)
{
    struct validate__scope *s = outermost(w->scope);
    for (size_t i = 0; i < x->n_marks; i++)
        if (x->marks[i].mark == FHIR_XHTML_ID)
            add_anchor(w, s, x->marks[i].value);
    for (size_t i = 0; i < x->n_marks; i++) {
        const char *value = x->marks[i].value;
        if ((x->marks[i].mark != FHIR_XHTML_HREF && x->marks[i].mark != FHIR_XHTML_SRC) || repeated(x, i))
            continue;
        if (value[0] == '#')
            fragment(w, at, value + 1);
        else if (x->marks[i].mark == FHIR_XHTML_HREF)
            hyperlink(w, at, value);
    }
}

void validate__narrative(struct validate__walk *w, struct validate__place *at)
{
    struct fhir_xhtml x;
    fhir_xhtml_read(w->a, str_of(at->node->valuestring), &x);
    report(w, at, &x);
    read_marks(w, at, &x);
}

/* Those of elements, and of contained resources. */
static void add_ids(struct validate__walk *w, const json *node)
{
    json_each (m, node) {
        if (!json_is_string(m))
            add_ids(w, m);
        else if (m->string && strcmp(m->string, "id") == 0)
            add_anchor(w, w->scope, m->valuestring);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keeps the links that lead to no anchor. */
static void drop_found(struct validate__scope *s)
{
    size_t n = s->n_links;
    s->n_links = 0;
    if (s->n_anchors)
        qsort(s->anchors, s->n_anchors, sizeof *s->anchors, compare);
    for (size_t i = 0; i < n; i++)
        if (!s->n_anchors || !bsearch(&s->links[i].id, s->anchors, s->n_anchors, sizeof *s->anchors, compare))
            s->links[s->n_links++] = s->links[i];
}

void validate__narrative_end(struct validate__walk *w)
{
    struct validate__scope *s = w->scope;
    if (s->n_links)
        drop_found(s);
    if (s->n_links) {
        add_ids(w, s->node);
        drop_found(s);
    }
    for (size_t i = 0; i < s->n_links; i++)
        validate__find_at(w, s->links[i].path, s->links[i].offset, validate__policy(w), "invalid", NULL,
                          "The narrative has a link '#…' to an id that nothing in the resource has");
}
