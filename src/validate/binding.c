/* Required bindings (terminologies.html#required) to value sets that can be enumerated here. */
#include "internal.h"

static bool accepts(const struct fhir_valueset *v, const char *system, const char *code)
{
    return fhir_valueset_has(v, system, code) != FHIR_NOT_MEMBER;
}

static bool coding_accepted(const struct fhir_valueset *v, const json *coding)
{
    const char *system = json_get_string(coding, "system"), *code = json_get_string(coding, "code");
    return code && accepts(v, system ? system : "", code);
}

static bool accepted(const struct validate__walk *w, const struct validate__place *at, const char **code)
{
    const struct fhir_valueset *v = at->element->valueset;
    const struct fhir_type *t = at->type;
    if (t->kind == FHIR_PRIMITIVE) {
        *code = at->node->valuestring;
        return !json_is_string(at->node) || accepts(v, NULL, *code);
    }
    if (t == w->v->codeable_concept) {
        json_each (coding, json_get(at->node, "coding")) {
            *code = json_get_string(coding, "code");
            if (coding_accepted(v, coding))
                return true;
        }
        return false;
    }
    if (t == w->v->coding || fhir_is_a(t, w->v->quantity)) {
        *code = json_get_string(at->node, "code");
        return coding_accepted(v, at->node);
    }
    return true;
}

void validate__binding(struct validate__walk *w, struct validate__place *at)
{
    const char *code = NULL;
    if (!at->element->valueset || accepted(w, at, &code))
        return;
    validate__error(w, at, "code-invalid", "%s: %s is not of the required value set %s", at->element->path,
                    validate__quote(w->a, code, code ? "the code" : "a value without a code"),
                    at->element->valueset_url);
}
