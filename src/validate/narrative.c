#include "fhir/xhtml.h"
#include "internal.h"

/* A link or image may show a contained resource: that is a use of it. */
static void use(void *scope, const char *id)
{
    validate__contained_use(scope, id);
}

void validate__narrative(struct validate__walk *w, struct validate__place *at)
{
    static const struct {
        const char *key, *text;
    } texts[FHIR_XHTML__N] = {
        [FHIR_XHTML_MALFORMED] =
            {"txt-1", "The narrative is not well-formed XHTML (one div; every element closed; characters "
                      "instead of named entities such as &nbsp;)"},
        [FHIR_XHTML_ROOT] = {"txt-1",
                             "The narrative must be a div in the namespace http://www.w3.org/1999/xhtml"},
        [FHIR_XHTML_ELEMENT] =
            {"txt-1", "The narrative has an element that is not allowed there: only basic formatting, a "
                      "and img are"},
        [FHIR_XHTML_ATTRIBUTE] = {"txt-1", "The narrative has an attribute that is not allowed there"},
        [FHIR_XHTML_LINK] = {"txt-1", "The narrative has a link or style that could run or fetch code"},
        [FHIR_XHTML_EMPTY] = {"txt-2", "The narrative has no content: add text or an image, or leave it out"},
    };
    struct fhir_xhtml_finding found[FHIR_XHTML__N];
    int n = fhir_xhtml_check_links(str_of(at->node->valuestring), use, w->scope, found);
    for (int i = 0; i < n; i++)
        validate__find(w, at, ISSUE_ERROR, "invariant", texts[found[i].problem].key, "%s%s%s%s",
                       texts[found[i].problem].text, found[i].name[0] ? " (" : "", found[i].name,
                       found[i].name[0] ? ")" : "");
}
