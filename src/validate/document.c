/*
 * Documents (documents.html) and messages (messaging.html): Bundles whose entries belong together. What the first one
 * refers to is there; every other one is connected with it by references, links and images of narratives, in one
 * direction or the other.
 */
#include <stdlib.h>

#include "fhir/reference.h"
#include "internal.h"

#define NARRATIVE_LINK "http://hl7.org/fhir/StructureDefinition/narrativeLink"

enum { LONGEST_LINK = 1024 };

struct edge {
    size_t from, to; /* entries */
};

struct graph {
    struct validate__walk *w;
    struct validate__place *at; /* the Bundle */
    const struct validate__bundle *b;
    const struct validate__entry *from; /* whose resource is looked at; NULL: the Bundle itself */
    struct edge *edges;
    size_t n, cap;
    size_t *parent; /* of the sets of connected entries */
};

/* ---- what has to be there ---------------------------------------------------------------------------- */

/* Elements whose references lead to what is in the Bundle. */
static const struct {
    const char *path;
    enum validate__bundle_kind kind;
} wholes[] = {
    {"Composition.subject", VALIDATE__DOCUMENT},        {"Composition.author", VALIDATE__DOCUMENT},
    {"Composition.encounter", VALIDATE__DOCUMENT},      {"Composition.custodian", VALIDATE__DOCUMENT},
    {"Composition.attester.party", VALIDATE__DOCUMENT}, {"Composition.event.detail", VALIDATE__DOCUMENT},
    {"Composition.section.author", VALIDATE__DOCUMENT}, {"Composition.section.focus", VALIDATE__DOCUMENT},
    {"Composition.section.entry", VALIDATE__DOCUMENT},  {"MessageHeader.focus", VALIDATE__MESSAGE},
};

void validate__document_reference(struct validate__walk *w, struct validate__place *at, const char *literal)
{
    const struct validate__entry *from;
    const struct validate__bundle *b = validate__bundle_of(w->scope, &from);
    struct validate__found found;
    if (!b || from->index != 0 || w->scope->entry != from || literal[0] == '#')
        return;
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        if (wholes[i].kind != b->kind || strcmp(wholes[i].path, at->element->path) != 0)
            continue;
        validate__bundle_resolve(w, b, from, str_of(literal), &found);
        if (found.n == 0)
            validate__error(
                w, at, "not-found",
                "%s: the Bundle has no entry for this reference: add it, with the fullUrl that the "
                "reference leads to",
                at->element->path);
        else if (found.n > 1)
            validate__error(w, at, "multiple-matches", "%s: the Bundle has %zu entries for this reference",
                            at->element->path, found.n);
    }
}

/* ---- connections ------------------------------------------------------------------------------------- */

static size_t root_of(struct graph *g, size_t i)
{
    while (g->parent[i] != i)
        i = g->parent[i] = g->parent[g->parent[i]];
    return i;
}

/* Many write "Patient/1" in documents whose fullUrls are urns. What they mean is clear, when there is one such. */
static const struct validate__entry *alike(const struct graph *g, struct str literal)
{
    const struct validate__entry *only;
    struct fhir_reference r;
    fhir_reference_parse(g->w->v->defs, literal, &r);
    return r.form == FHIR_REF_RELATIVE && validate__bundle_alike(g->w, g->b, r.type, r.id, &only) ? only
                                                                                                  : NULL;
}

static void link_to(struct graph *g, struct str literal)
{
    struct validate__found found;
    if (literal.len > LONGEST_LINK ||
        !(memchr(literal.s, '/', literal.len) || str_starts(literal, STR("urn:"))))
        return;
    validate__bundle_resolve(g->w, g->b, g->from, literal, &found);
    if (!found.entry && g->w->options->lenient)
        found.entry = alike(g, literal);
    if (!found.entry)
        return;
    size_t from = g->from ? g->from->index : 0;
    *ARENA_PUSH(g->w->a, g->edges, g->n, g->cap) = (struct edge){from, found.entry->index};
    g->parent[root_of(g, from)] = root_of(g, found.entry->index);
}

/* The values of href and src in a narrative. */
static void link_narrative(struct graph *g, const char *div)
{
    static const char *const attributes[] = {"href=", "src="};
    for (size_t i = 0; i < 2; i++)
        for (const char *p = div; (p = strstr(p, attributes[i]));) {
            p += strlen(attributes[i]);
            const char *end = *p == '"' || *p == '\'' ? strchr(p + 1, *p) : NULL;
            if (end)
                link_to(g, (struct str){p + 1, (size_t)(end - p - 1)});
        }
}

/* How many elements of a resource, those of narratives included, have the id. */
static size_t count_ids(const json *node, struct str id)
{
    size_t n = 0;
    json_each (m, node) {
        if (!json_is_string(m)) {
            n += count_ids(m, id);
        } else if (m->string && strcmp(m->string, "id") == 0) {
            n += str_is(id, m->valuestring);
        } else if (m->string && strcmp(m->string, "div") == 0) {
            for (const char *p = m->valuestring; (p = strstr(p, " id=")); p += 4)
                n += (p[4] == '"' || p[4] == '\'') && strncmp(p + 5, id.s, id.len) == 0 &&
                     p[5 + id.len] == p[4];
        }
    }
    return n;
}

/* The extension narrativeLink names the part of a narrative that tells the same as the resource: "url#id". */
static void check_narrative_link(struct graph *g, const json *extension)
{
    const char *url = json_get_string(extension, "url"), *value = json_get_string(extension, "valueUrl");
    struct validate__found found = {.entry = g->from, .n = 1};
    struct str id;
    if (!value)
        value = json_get_string(extension, "valueUri");
    if (!url || strcmp(url, NARRATIVE_LINK) != 0 || !value)
        return;
    struct str target = str_cut(str_of(value), '#', &id);
    if (!id.s)
        return;
    if (target.len)
        validate__bundle_resolve(g->w, g->b, g->from, target, &found);
    size_t n = found.entry ? count_ids(found.entry->resource, id) : 0;
    if (n == 0)
        validate__error(g->w, g->at, "not-found",
                        "A narrativeLink leads to a part of a narrative that is not in the Bundle");
    else if (n > 1)
        validate__error(g->w, g->at, "multiple-matches",
                        "A narrativeLink leads to %zu elements with the same id: ids must be unique", n);
}

/* Any text that leads to an entry connects with it, whatever its type: nothing is called loose that is not. */
static void connect(struct graph *g, const json *node, int depth)
{
    json_each (m, node) {
        if (json_is_string(m) && m->string && strcmp(m->string, "div") == 0)
            link_narrative(g, m->valuestring);
        else if (json_is_string(m))
            link_to(g, str_of(m->valuestring));
        else if (m->child && depth < VALIDATE__MAX_DEPTH)
            connect(g, m, depth + 1);
    }
    if (json_is_object(node) && g->from)
        check_narrative_link(g, node);
}

/* Those that the first one leads to: all edges of one entry stand together, and the entries in their order. */
static bool *reached(struct graph *g)
{
    size_t *first = ARENA_ARRAY(g->w->a, size_t, g->b->n + 1),
           *queue = ARENA_ARRAY(g->w->a, size_t, g->b->n + 1);
    bool *seen = ARENA_ARRAY(g->w->a, bool, g->b->n);
    size_t head = 0, tail = 0;
    for (size_t i = 0; i < g->n; i++)
        first[g->edges[i].from + 1]++;
    for (size_t i = 0; i < g->b->n; i++)
        first[i + 1] += first[i];
    seen[queue[tail++] = 0] = true;
    while (head < tail) {
        size_t entry = queue[head++];
        for (size_t i = first[entry]; i < first[entry + 1]; i++)
            if (!seen[g->edges[i].to])
                seen[queue[tail++] = g->edges[i].to] = true;
    }
    return seen;
}

/* Provenance is about others, and others need not know. */
static bool is_about(const struct validate__entry *e)
{
    return e->type && strcmp(e->type->name, "Provenance") == 0;
}

/* e is one that the first entry does not lead to. */
static void check_connection(struct graph *g, const struct validate__place *at,
                             const struct validate__entry *e)
{
    bool document = g->b->kind == VALIDATE__DOCUMENT;
    if (root_of(g, e->index) != root_of(g, 0))
        validate__find(
            g->w, at, document ? ISSUE_ERROR : ISSUE_WARNING, "informational", NULL,
            "This entry is not connected with the %s: no reference leads from the one to the other",
            document ? "Composition" : "MessageHeader");
    else if (document && !is_about(e))
        validate__find(
            g->w, at, ISSUE_WARNING, "informational", NULL,
            "This entry refers to others, but no reference leads to it from the Composition: does it "
            "belong to the document?");
}

static void check_connections(struct graph *g)
{
    const bool *seen = reached(g);
    struct validate__place entry = {.up = g->at, .name = "entry"};
    json_each (node, json_get(g->at->node, "entry")) {
        const struct validate__entry *e = &g->b->entries[entry.index];
        entry.node = node;
        if (e->resource && !seen[e->index])
            check_connection(g, &entry, e);
        entry.index++;
    }
}

void validate__document(struct validate__walk *w, struct validate__place *at)
{
    const struct validate__bundle *b = w->scope->bundle;
    bool document = b->kind == VALIDATE__DOCUMENT;
    const char *first = document ? "Composition" : "MessageHeader";
    struct validate__place entry = {.up = at, .name = "entry"};
    if (!document && b->kind != VALIDATE__MESSAGE)
        return;
    if (b->n == 0) {
        validate__error(w, at, "invalid", "Documents and messages have at least one entry");
        return;
    }
    entry.node = json_at(json_get(at->node, "entry"), 0);
    if (!b->entries[0].resource) {
        validate__error(w, &entry, "invalid", "The first entry of a %s holds the %s: it has no resource",
                        document ? "document" : "message", first);
        return;
    }
    if (b->entries[0].type && strcmp(b->entries[0].type->name, first) != 0)
        validate__error(w, &entry, "invalid", "The first entry of a %s holds the %s, not a %s",
                        document ? "document" : "message", first, b->entries[0].type->name);
    struct graph g = {.w = w, .at = at, .b = b, .parent = ARENA_ARRAY(w->a, size_t, b->n)};
    for (size_t i = 0; i < b->n; i++)
        g.parent[i] = i;
    json_each (m, at->node)
        if (strcmp(m->string, "entry") != 0)
            connect(&g, m, 0);
    for (size_t i = 0; i < b->n; i++) {
        g.from = &b->entries[i];
        if (b->entries[i].resource)
            connect(&g, b->entries[i].resource, 0);
    }
    check_connections(&g);
}
