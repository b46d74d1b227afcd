/* A questionnaire on the first line and a response to it on the second: no crash, no hang. */
#include <assert.h>

#include "validate/validate.h"

static struct arena snapshot;
static const struct conformance_view *definitions;
static const struct validator *validator;

static void load(void)
{
    const struct fhir_defs *defs;
    struct err err;
    arena_init(&snapshot, 0);
    bool ok = fhir_defs_load(&snapshot, &defs, &err) &&
              conformance_definitions(&snapshot, defs, &definitions, &err) &&
              validator_new(&snapshot, defs, definitions, &validator, &err);
    assert(ok);
}

static void check(struct arena *a, const json *questionnaire, const json *resource)
{
    const struct conformance_view *view;
    struct err err;
    if (!conformance_view_with(a, definitions, &questionnaire, 1, &view, &err))
        return;
    struct issues found;
    issues_init(&found, a);
    validate_resource(validator, a, resource,
                      &(struct validate_options){.level = VALIDATE_FULL, .view = view}, &found);
    assert(found.n <= 201);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!validator)
        load();
    struct arena a;
    arena_init(&a, 0);
    struct err err;
    json *questionnaire, *response;
    struct str rest, first = str_cut((struct str){(const char *)data, size}, '\n', &rest);
    if (rest.s && json_parse(&a, first, 64, &questionnaire, &err) && json_is_object(questionnaire) &&
        json_parse(&a, rest, 64, &response, &err) && json_is_object(response)) {
        json_put(&a, questionnaire, "resourceType", json_string(&a, "Questionnaire"));
        json_put(&a, questionnaire, "url", json_string(&a, "http://example.org/q"));
        json_put(&a, response, "resourceType", json_string(&a, "QuestionnaireResponse"));
        json_put(&a, response, "questionnaire", json_string(&a, "http://example.org/q"));
        check(&a, questionnaire, questionnaire);
        check(&a, questionnaire, response);
    }
    arena_release(&a);
    return 0;
}
