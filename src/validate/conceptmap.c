/* The rules of a ConceptMap: the codes of a group are of its code systems (conceptmap.html). */
#include "internal.h"

static struct validate__place item(struct validate__place *up, const char *name, int index, const json *node)
{
    return (struct validate__place){.up = up, .name = name, .index = index, .node = node};
}

static struct str canonical(struct arena *a, const json *group, const char *system, const char *version)
{
    const char *s = json_get_string(group, system), *v = json_get_string(group, version);
    return str_of(s && v ? arena_printf(a, "%s|%s", s, v) : s);
}

static void check_code(struct validate__walk *w, struct validate__place *at, struct str system)
{
    const char *code = json_get_string(at->node, "code");
    if (code && system.s &&
        terminology_has_code(validate__codes(w), system, str_of(code), NULL, NULL) == TERMINOLOGY_NO)
        validate__find(w, at, ISSUE_WARNING, "invalid", NULL, "The code %s is not of the code system %.200s",
                       validate__quote(w->a, code, "here"), system.s);
}

static void check_group(struct validate__walk *w, struct validate__place *at)
{
    struct str source = canonical(w->a, at->node, "source", "sourceVersion"),
               target = canonical(w->a, at->node, "target", "targetVersion");
    int i = 0;
    json_each (element, json_get(at->node, "element")) {
        struct validate__place place = item(at, "element", i++, element);
        int k = 0;
        check_code(w, &place, source);
        json_each (to, json_get(element, "target")) {
            struct validate__place end = item(&place, "target", k++, to);
            check_code(w, &end, target);
        }
    }
}

void validate__conceptmap(struct validate__walk *w, struct validate__place *at)
{
    int i = 0;
    json_each (group, json_get(at->node, "group")) {
        struct validate__place place = item(at, "group", i++, group);
        check_group(w, &place);
    }
}
