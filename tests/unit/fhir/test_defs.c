#include "fhir/defs.h"

#include "support/test.h"

static struct arena arena;
static const struct fhir_defs *defs;

static void setup(void)
{
    struct err err;
    arena_init(&arena, 0);
    ck_ok(fhir_defs_load(&arena, &defs, &err));
}

static void teardown(void)
{
    arena_release(&arena);
}

static const struct fhir_element *child(const char *type, const char *name, const char *actual)
{
    const struct fhir_type *t;
    const struct fhir_element *e = fhir_child(fhir_type(defs, type), name, &t);
    ck_assert_msg(e != NULL, "%s has no %s", type, name);
    ck_assert_str_eq(t->name, actual);
    return e;
}

static void no_child(const char *type, const char *name)
{
    const struct fhir_type *t;
    ck_assert_msg(!fhir_child(fhir_type(defs, type), name, &t), "%s has %s", type, name);
}

START_TEST(resource_types)
{
    ck_assert_int_eq(fhir_resource_count(defs), 146);
    ck_assert_str_eq(fhir_resource_at(defs, 0)->name, "Account");
    ck_assert_str_eq(fhir_resource_at(defs, 145)->name, "VisionPrescription");
    for (int i = 0; i < 146; i++) {
        const struct fhir_type *t = fhir_resource_at(defs, i);
        ck_assert_int_eq(t->id, i + 1); /* as published databases hold them */
        ck_assert_ptr_eq(fhir_resource_by_id(defs, i + 1), t);
        ck_assert_ptr_eq(fhir_resource(defs, str_of(t->name)), t);
        ck_assert_ptr_eq(fhir_type(defs, t->name), t);
    }
    ck_assert_int_eq(fhir_resource(defs, STR("Patient"))->id, 103);
    ck_assert_ptr_null(fhir_resource_by_id(defs, 0));
    ck_assert_ptr_null(fhir_resource_by_id(defs, 147));
    ck_assert_ptr_null(fhir_resource_by_id(defs, -1));
    ck_assert_ptr_null(fhir_resource(defs, STR("DomainResource")));
    ck_assert_ptr_null(fhir_resource(defs, STR("HumanName")));
    ck_assert_ptr_null(fhir_resource(defs, STR("patient")));
    ck_assert_ptr_null(fhir_type(defs, "MetadataResource")); /* a logical model */
    ck_assert_ptr_null(fhir_type(defs, "SimpleQuantity"));   /* a profile */
    for (int i = 0; i < fhir_type_count(defs); i++)
        ck_assert_int_eq(fhir_type_at(defs, i)->index, i);
}
END_TEST

START_TEST(kinds_and_bases)
{
    const struct fhir_type *patient = fhir_type(defs, "Patient"), *domain = fhir_type(defs, "DomainResource");
    ck_assert_int_eq(patient->kind, FHIR_RESOURCE);
    ck_assert_ptr_eq(patient->base, domain);
    ck_assert(domain->abstract && !patient->abstract);
    ck_assert(fhir_is_a(patient, fhir_type(defs, "Resource")) && fhir_is_a(patient, patient));
    ck_assert(!fhir_is_a(fhir_type(defs, "Bundle"), domain));
    ck_assert_ptr_null(fhir_type(defs, "Resource")->base);
    ck_assert_ptr_null(fhir_type(defs, "Element")->base);
    ck_assert_str_eq(fhir_type(defs, "Patient.contact")->base->name, "BackboneElement");
    ck_assert_int_eq(fhir_type(defs, "Patient.contact")->kind, FHIR_BACKBONE);
    ck_assert_str_eq(fhir_type(defs, "Timing.repeat")->base->name, "Element");
    ck_assert_str_eq(fhir_type(defs, "Age")->base->name, "Quantity");
    ck_assert_str_eq(fhir_type(defs, "code")->base->name, "string");
    ck_assert_str_eq(patient->url, "http://hl7.org/fhir/StructureDefinition/Patient");
    ck_assert_ptr_null(fhir_type(defs, "Patient.contact")->url);
}
END_TEST

START_TEST(primitives)
{
    static const struct {
        const char *name;
        enum fhir_primitive primitive;
        enum fhir_json json;
    } all[] = {
#define X(name) {#name, FHIR_P_##name, FHIR_JSON_STRING},
        FHIR_PRIMITIVES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct fhir_type *t = fhir_type(defs, all[i].name);
        ck_assert_int_eq(t->kind, FHIR_PRIMITIVE);
        ck_assert_int_eq(t->primitive, all[i].primitive);
        ck_assert_int_eq(t->n_elements, 2); /* id and extension, for the _name sibling */
    }
    ck_assert_int_eq(fhir_type(defs, "boolean")->json, FHIR_JSON_BOOL);
    ck_assert_int_eq(fhir_type(defs, "decimal")->json, FHIR_JSON_NUMBER);
    ck_assert_int_eq(fhir_type(defs, "positiveInt")->json, FHIR_JSON_NUMBER);
    ck_assert_int_eq(fhir_type(defs, "date")->json, FHIR_JSON_STRING);
    ck_assert_int_eq(fhir_type(defs, "Patient")->primitive, FHIR_NOT_PRIMITIVE);
    ck_assert_int_eq(child("xhtml", "extension", "Extension")->max, 0);
    no_child("string", "value");
}
END_TEST

START_TEST(elements)
{
    const struct fhir_type *patient = fhir_type(defs, "Patient");
    static const char *const first[] = {"id",        "meta",      "implicitRules",     "language",  "text",
                                        "contained", "extension", "modifierExtension", "identifier"};
    for (int i = 0; i < 9; i++) {
        ck_assert_str_eq(patient->elements[i].name, first[i]);
        ck_assert_ptr_eq(patient->elements[i].owner, patient);
        ck_assert_int_eq(patient->elements[i].index, i);
    }
    const struct fhir_element *e = child("Patient", "id", "id");
    ck_assert_str_eq(e->path, "Patient.id");
    ck_assert(e->min == 0 && e->max == 1 && e->summary && !e->modifier);
    e = child("Patient", "contact", "Patient.contact");
    ck_assert(e->max == FHIR_MANY);
    ck_assert_str_eq(child("Patient.contact", "relationship", "CodeableConcept")->path,
                     "Patient.contact.relationship");
    child("Patient.contact", "modifierExtension", "Extension");
    child("HumanName", "id", "string");
    no_child("HumanName", "modifierExtension");
    no_child("Patient", "resourceType");
    no_child("Patient", "");
    e = child("Patient", "active", "boolean");
    ck_assert(e->modifier && e->summary);
    e = child("Observation", "status", "code");
    ck_assert(e->min == 1 && e->max == 1);
    child("Extension", "url", "uri");
    child("Bundle.entry", "resource", "Resource");
    child("Narrative", "div", "xhtml");
}
END_TEST

START_TEST(choices)
{
    const struct fhir_element *e = child("Observation", "valueQuantity", "Quantity");
    ck_assert(e->choice);
    ck_assert_str_eq(e->name, "value");
    ck_assert_str_eq(e->path, "Observation.value[x]");
    ck_assert_int_eq(e->n_types, 11);
    ck_assert_ptr_eq(child("Observation", "valueDateTime", "dateTime"), e);
    ck_assert_ptr_eq(fhir_element_by_name(fhir_type(defs, "Observation"), "value"), e);
    ck_assert_str_eq(fhir_json_name(e, 0), "valueQuantity");
    no_child("Observation", "value");
    no_child("Observation", "value[x]");
    no_child("Observation", "valueAddress");
    ck_assert_ptr_null(fhir_element_by_name(fhir_type(defs, "Observation"), "valueQuantity"));
    e = child("Extension", "valueBase64Binary", "base64Binary");
    ck_assert_int_eq(e->n_types, 50);
    for (int i = 0; i < e->n_types; i++)
        child("Extension", fhir_json_name(e, i), e->types[i].type->name);
    ck_assert_str_eq(fhir_json_name(child("Patient", "gender", "code"), 0), "gender");
}
END_TEST

START_TEST(content_references)
{
    child("Questionnaire.item", "item", "Questionnaire.item");
    child("ValueSet.compose", "exclude", "ValueSet.compose.include");
    child("Bundle.entry", "link", "Bundle.link");
    child("Parameters.parameter", "part", "Parameters.parameter");
    child("Observation.component", "referenceRange", "Observation.referenceRange");
}
END_TEST

START_TEST(targets)
{
    const struct fhir_element *e = child("Patient", "managingOrganization", "Reference");
    ck_assert_int_eq(e->types[0].n_targets, 1);
    ck_assert_str_eq(e->types[0].targets[0]->name, "Organization");
    ck_assert_int_eq(child("Provenance", "target", "Reference")->types[0].n_targets, 0);
    e = child("Questionnaire.item", "answerValueSet", "canonical");
    ck_assert_str_eq(e->types[0].targets[0]->name, "ValueSet");
    ck_assert_int_eq(child("Observation", "subject", "Reference")->types[0].n_targets, 4);
}
END_TEST

static bool has_invariant(const struct fhir_invariant *const *list, int n, const char *key)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i]->key, key) == 0)
            return true;
    return false;
}

START_TEST(invariants)
{
    const struct fhir_type *observation = fhir_type(defs, "Observation"),
                           *patient = fhir_type(defs, "Patient");
    ck_assert(has_invariant(observation->invariants, observation->n_invariants, "obs-6"));
    ck_assert(has_invariant(observation->invariants, observation->n_invariants, "dom-2"));
    ck_assert_int_eq(patient->n_invariants, 5);
    /* Inherited ones are the same ones, and have one index. */
    ck_assert_ptr_eq(patient->invariants[0], fhir_type(defs, "DomainResource")->invariants[0]);
    const struct fhir_type *contact = fhir_type(defs, "Patient.contact");
    ck_assert(has_invariant(contact->invariants, contact->n_invariants, "pat-1"));
    ck_assert(has_invariant(contact->invariants, contact->n_invariants, "ele-1"));
    ck_assert_int_eq(child("Patient", "contact", "Patient.contact")->n_invariants, 0);
    ck_assert_int_eq(child("Patient", "name", "HumanName")->n_invariants, 0);
    /* Through a contentReference too. */
    const struct fhir_type *item = child("Questionnaire.item", "item", "Questionnaire.item")->types[0].type;
    ck_assert(has_invariant(item->invariants, item->n_invariants, "que-1"));
    /* SimpleQuantity. */
    const struct fhir_element *low = child("Range", "low", "Quantity");
    ck_assert(has_invariant(low->invariants, low->n_invariants, "sqty-1"));
    ck_assert_int_eq(low->n_invariants, 1);
    for (int i = 0; i < patient->n_invariants; i++) {
        const struct fhir_invariant *v = patient->invariants[i];
        ck_assert_int_eq(v->warning, strcmp(v->key, "dom-6") == 0);
        ck_assert_int_eq(v->best_practice, strcmp(v->key, "dom-6") == 0);
        ck_assert(v->index < fhir_invariant_count(defs));
        ck_assert(*v->human && *v->expression);
    }
}
END_TEST

START_TEST(bindings)
{
    const struct fhir_element *gender = child("Patient", "gender", "code");
    ck_assert_int_eq(gender->strength, FHIR_BIND_REQUIRED);
    ck_assert_str_eq(gender->valueset, "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1");
    ck_assert_int_eq(child("Observation", "code", "CodeableConcept")->strength, FHIR_BIND_EXAMPLE);
    ck_assert_ptr_null(child("Observation", "subject", "Reference")->valueset);
}
END_TEST

static const struct fhir_search_param *param(const char *type, const char *code)
{
    const struct fhir_search_param *p = fhir_search_param(fhir_type(defs, type), str_of(code));
    ck_assert_msg(p != NULL, "%s has no %s", type, code);
    return p;
}

START_TEST(search_parameters)
{
    const struct fhir_search_param *p = param("Patient", "birthdate");
    ck_assert_int_eq(p->type, FHIR_SEARCH_DATE);
    ck_assert_str_eq(p->expression, "Patient.birthDate"); /* of a union over three types */
    ck_assert_str_eq(p->url, "http://hl7.org/fhir/SearchParameter/individual-birthdate");
    ck_assert_str_eq(p->base->name, "Patient");
    ck_assert_ptr_eq(fhir_search_param_by_url(fhir_type(defs, "Patient"), p->url), p);
    ck_assert_str_eq(fhir_search_param_by_url(fhir_type(defs, "Person"), p->url)->expression,
                     "Person.birthDate");
    ck_assert_str_eq(param("MedicationRequest", "medication")->expression,
                     "(MedicationRequest.medication as Reference)");
    ck_assert_str_eq(param("Observation", "value-string")->expression,
                     "(Observation.value as string) | (Observation.value as CodeableConcept).text");
    ck_assert_str_eq(param("InsurancePlan", "name")->expression, "name | alias");
    p = param("Observation", "patient");
    ck_assert(strstr(p->expression, "resolve() is Patient") != NULL);
    ck_assert_int_eq(p->n_targets, 2);
    ck_assert_str_eq(p->targets[0]->name, "Patient");
    /* Those of all resources. */
    ck_assert_str_eq(param("Patient", "_id")->expression, "Resource.id");
    ck_assert_str_eq(param("Patient", "_id")->base->name, "Resource");
    ck_assert_ptr_null(param("Patient", "_text")->expression);
    ck_assert_ptr_null(fhir_search_param(fhir_type(defs, "Bundle"), STR("_text"))); /* no narrative */
    ck_assert_int_eq(param("Location", "near")->type, FHIR_SEARCH_SPECIAL);
    ck_assert_ptr_null(fhir_search_param(fhir_type(defs, "Patient"), STR("birthdat")));
    ck_assert_ptr_null(fhir_search_param(fhir_type(defs, "Patient"), STR("birthdatex")));
    ck_assert_ptr_null(fhir_search_param(fhir_type(defs, "Patient"), STR("")));
    ck_assert_ptr_null(fhir_search_param(fhir_type(defs, "Patient"), STR("part-agree"))); /* an example */
    ck_assert_str_eq(fhir_search_type_name(FHIR_SEARCH_COMPOSITE), "composite");
    for (int i = 0; i < fhir_resource_count(defs); i++) {
        const struct fhir_search_param *const *list;
        int n = fhir_search_params(fhir_resource_at(defs, i), &list);
        for (int k = 1; k < n; k++)
            ck_assert_int_lt(strcmp(list[k - 1]->code, list[k]->code), 0);
    }
    ck_assert_uint_eq(fhir_search_param_count(defs), 1716);
}
END_TEST

START_TEST(composites)
{
    const struct fhir_search_param *p = param("Observation", "component-code-value-quantity");
    ck_assert_int_eq(p->type, FHIR_SEARCH_COMPOSITE);
    ck_assert_str_eq(p->expression, "Observation.component");
    ck_assert_int_eq(p->n_components, 2);
    ck_assert_str_eq(p->components[0].expression, "code");
    ck_assert_ptr_eq(p->components[0].param, param("Observation", "component-code"));
    ck_assert_ptr_eq(p->components[1].param, param("Observation", "component-value-quantity"));
    /* A component that stands on many types is that of the composite's. */
    ck_assert_ptr_eq(param("Observation", "code-value-quantity")->components[0].param,
                     param("Observation", "code"));
}
END_TEST

START_TEST(compartments)
{
    const struct fhir_compartment *list;
    const char *const *codes;
    ck_assert_int_eq(fhir_compartments(defs, &list), 5);
    ck_assert_str_eq(list[2].type->name, "Patient");
    ck_assert_int_eq(fhir_compartment_params(&list[2], fhir_type(defs, "Observation"), &codes), 2);
    ck_assert_str_eq(codes[0], "subject");
    ck_assert_str_eq(codes[1], "performer");
    ck_assert_int_eq(fhir_compartment_params(&list[2], fhir_type(defs, "Organization"), &codes), 0);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < fhir_resource_count(defs); k++) {
            const struct fhir_type *t = fhir_resource_at(defs, k);
            for (int n = fhir_compartment_params(&list[i], t, &codes); n-- > 0;)
                ck_assert_int_eq(param(t->name, codes[n])->type, FHIR_SEARCH_REFERENCE);
        }
}
END_TEST

Suite *suite_fhir_defs(void)
{
    Suite *s = suite_create("fhir_defs");
    TCase *t = tcase_create("defs");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, resource_types);
    tcase_add_test(t, kinds_and_bases);
    tcase_add_test(t, primitives);
    tcase_add_test(t, elements);
    tcase_add_test(t, choices);
    tcase_add_test(t, content_references);
    tcase_add_test(t, targets);
    tcase_add_test(t, invariants);
    tcase_add_test(t, bindings);
    tcase_add_test(t, search_parameters);
    tcase_add_test(t, composites);
    tcase_add_test(t, compartments);
    suite_add_tcase(s, t);
    return s;
}
