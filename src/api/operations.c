/* The table of operations: what can be called as "$name", and with what (operations.html). */
#include "internal.h"

#define DEFINITION(id) "http://hl7.org/fhir/OperationDefinition/" id
#define ON(what)                                                                                             \
    {                                                                                                        \
        .interaction = &api__##what                                                                          \
    }

enum { EVERYWHERE = LEVEL_SYSTEM | LEVEL_TYPE | LEVEL_INSTANCE, STORED = LEVEL_INSTANCE | LEVEL_VERSION };

static const struct api_operation operations[] = {
    {"validate",
     DEFINITION("Resource-validate"),
     EVERYWHERE,
     NULL,
     false,
     ON(validate_operation),
     {{.name = "resource", .value = "resource"},
      {.name = "mode", .type = "code"},
      {.name = "profile", .type = "uri"}},
     "OperationOutcome"},
    {"meta", DEFINITION("Resource-meta"), EVERYWHERE | LEVEL_VERSION, NULL, false, ON(meta), {{0}}, "Meta"},
    {"meta-add",
     DEFINITION("Resource-meta-add"),
     STORED,
     NULL,
     true,
     ON(meta_add),
     {{.name = "meta", .value = "valueMeta", .required = true}},
     "Meta"},
    {"meta-delete",
     DEFINITION("Resource-meta-delete"),
     STORED,
     NULL,
     true,
     ON(meta_delete),
     {{.name = "meta", .value = "valueMeta", .required = true}},
     "Meta"},
    {"reindex",
     "urn:kagari:operation:reindex",
     LEVEL_SYSTEM | LEVEL_TYPE,
     NULL,
     true,
     ON(reindex),
     {{.name = "type", .repeats = true, .type = "code"}},
     ""},
    {"everything",
     DEFINITION("Patient-everything"),
     LEVEL_INSTANCE,
     "Patient",
     false,
     ON(everything),
     {{.name = "start", .type = "date"},
      {.name = "end", .type = "date"},
      {.name = "_since", .type = "instant"},
      {.name = "_type", .repeats = true, .type = "code"},
      {.name = "_count", .type = "integer"},
      {.name = "_cursor"}},
     "Bundle"},
    {"everything",
     DEFINITION("Encounter-everything"),
     LEVEL_INSTANCE,
     "Encounter",
     false,
     ON(everything),
     {{.name = "_since", .type = "instant"},
      {.name = "_type", .repeats = true, .type = "code"},
      {.name = "_count", .type = "integer"},
      {.name = "_cursor"}},
     "Bundle"},
};

const struct api_operation *api__operations(size_t *n)
{
    *n = sizeof operations / sizeof operations[0];
    return operations;
}

const struct api_operation *api__operation(struct str name, unsigned level, const struct fhir_type *type)
{
    size_t n;
    const struct api_operation *op = api__operations(&n);
    for (; n > 0; n--, op++)
        if (str_is(name, op->name) && (op->levels & level) &&
            (!op->type || (type && strcmp(op->type, type->name) == 0)))
            return op;
    return NULL;
}
