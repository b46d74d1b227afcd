/*
 * Which search parameter feeds which lane (DESIGN §2). A lane holds what is single by the definition of the type:
 * the patient, the date that clinicians order by, the main quantity. Of code and category it holds the first; the
 * further codes are in idx_ovf.
 *
 * A reference to what many resources share (LANE_SHARED) has no column but a row of idx_ovf for each: what is asked of one
 * practitioner or organization comes in the order of pages, however many rows it is.
 *
 * `also` reads the same element as `patient` with other targets allowed, so that subject=Patient/1 uses the lane too.
 * Changing a row changes what the columns mean: the type has to be reindexed.
 */
#include <stdlib.h>

#include "internal.h"

static const struct lanes {
    const char *type, *patient, *also, *code, *category, *date, *quantity;
} lanes[] = {
    {"Account", NULL, NULL, "type", NULL, "period", NULL},
    {"ActivityDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"AdverseEvent", "subject", NULL, "event", "category", "date", NULL},
    {"AllergyIntolerance", "patient", NULL, "code", "category", "date", NULL},
    {"Appointment", NULL, NULL, "service-type", NULL, "date", NULL},
    {"AuditEvent", NULL, NULL, "type", NULL, "date", NULL},
    {"Basic", "patient", "subject", "code", NULL, "created", NULL},
    {"BodyStructure", "patient", NULL, NULL, NULL, NULL, NULL},
    {"CapabilityStatement", NULL, NULL, NULL, NULL, "date", NULL},
    {"CarePlan", "patient", "subject", "category", NULL, "date", NULL},
    {"CareTeam", "patient", "subject", "category", NULL, "date", NULL},
    {"ChargeItem", "patient", "subject", "code", NULL, "occurrence", "quantity"},
    {"ChargeItemDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"Claim", "patient", NULL, NULL, NULL, "created", NULL},
    {"ClaimResponse", "patient", NULL, NULL, NULL, "created", NULL},
    {"ClinicalImpression", "patient", "subject", NULL, NULL, "date", NULL},
    {"CodeSystem", NULL, NULL, NULL, NULL, "date", NULL},
    {"Communication", "patient", "subject", "category", NULL, "sent", NULL},
    {"CommunicationRequest", "patient", "subject", "category", NULL, "authored", NULL},
    {"CompartmentDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"Composition", "patient", "subject", "type", "category", "date", NULL},
    {"ConceptMap", NULL, NULL, NULL, NULL, "date", NULL},
    {"Condition", "patient", "subject", "code", "category", "onset-date", NULL},
    {"Consent", "patient", NULL, NULL, "category", "date", NULL},
    {"Contract", NULL, NULL, NULL, NULL, "issued", NULL},
    {"Coverage", "patient", "beneficiary", "type", NULL, NULL, NULL},
    {"CoverageEligibilityRequest", "patient", NULL, NULL, NULL, "created", NULL},
    {"CoverageEligibilityResponse", "patient", NULL, NULL, NULL, "created", NULL},
    {"DetectedIssue", "patient", NULL, "code", NULL, "identified", NULL},
    {"Device", "patient", NULL, "type", NULL, NULL, NULL},
    {"DeviceRequest", "patient", "subject", "code", NULL, "authored-on", NULL},
    {"DeviceUseStatement", "patient", "subject", NULL, NULL, NULL, NULL},
    {"DiagnosticReport", "patient", "subject", "code", "category", "date", NULL},
    {"DocumentManifest", "patient", "subject", "type", NULL, "created", NULL},
    {"DocumentReference", "patient", "subject", "type", "category", "date", NULL},
    {"Encounter", "patient", "subject", "type", "class", "date", "length"},
    {"EpisodeOfCare", "patient", NULL, "type", NULL, "date", NULL},
    {"EventDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"Evidence", NULL, NULL, NULL, NULL, "date", NULL},
    {"ExampleScenario", NULL, NULL, NULL, NULL, "date", NULL},
    {"ExplanationOfBenefit", "patient", NULL, NULL, NULL, "created", NULL},
    {"FamilyMemberHistory", "patient", NULL, "code", NULL, "date", NULL},
    {"Flag", "patient", "subject", NULL, NULL, "date", NULL},
    {"Goal", "patient", "subject", NULL, "category", "start-date", NULL},
    {"GraphDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"GuidanceResponse", "patient", "subject", NULL, NULL, NULL, NULL},
    {"ImagingStudy", "patient", "subject", "modality", NULL, "started", NULL},
    {"Immunization", "patient", NULL, "vaccine-code", NULL, "date", NULL},
    {"ImmunizationEvaluation", "patient", NULL, NULL, NULL, "date", NULL},
    {"ImmunizationRecommendation", "patient", NULL, NULL, NULL, "date", NULL},
    {"ImplementationGuide", NULL, NULL, NULL, NULL, "date", NULL},
    {"Invoice", "patient", "subject", "type", NULL, "date", "totalnet"},
    {"Library", NULL, NULL, "type", NULL, "date", NULL},
    {"List", "patient", "subject", "code", NULL, "date", NULL},
    {"Measure", NULL, NULL, NULL, NULL, "date", NULL},
    {"MeasureReport", "patient", "subject", NULL, NULL, "date", NULL},
    {"Media", "patient", "subject", "type", NULL, "created", NULL},
    {"Medication", NULL, NULL, "code", NULL, NULL, NULL},
    {"MedicationAdministration", "patient", "subject", "code", NULL, "effective-time", NULL},
    {"MedicationDispense", "patient", "subject", "code", NULL, "whenhandedover", NULL},
    {"MedicationKnowledge", NULL, NULL, "code", NULL, NULL, NULL},
    {"MedicationRequest", "patient", "subject", "code", "category", "authoredon", NULL},
    {"MedicationStatement", "patient", "subject", "code", "category", "effective", NULL},
    {"MessageDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"MolecularSequence", "patient", NULL, NULL, NULL, NULL, NULL},
    {"NamingSystem", NULL, NULL, NULL, NULL, "date", NULL},
    {"NutritionOrder", "patient", NULL, NULL, NULL, "datetime", NULL},
    {"Observation", "patient", "subject", "code", "category", "date", "value-quantity"},
    {"OperationDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"Patient", NULL, NULL, NULL, NULL, "birthdate", NULL},
    {"PaymentNotice", NULL, NULL, NULL, NULL, "created", NULL},
    {"PaymentReconciliation", NULL, NULL, NULL, NULL, "created", NULL},
    {"Person", NULL, NULL, NULL, NULL, "birthdate", NULL},
    {"PlanDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"PractitionerRole", NULL, NULL, "role", NULL, "date", NULL},
    {"Procedure", "patient", "subject", "code", "category", "date", NULL},
    {"Provenance", NULL, NULL, NULL, NULL, "recorded", NULL},
    {"Questionnaire", NULL, NULL, NULL, NULL, "date", NULL},
    {"QuestionnaireResponse", "patient", "subject", NULL, NULL, "authored", NULL},
    {"RelatedPerson", "patient", NULL, "relationship", NULL, "birthdate", NULL},
    {"RequestGroup", "patient", "subject", "code", NULL, "authored", NULL},
    {"ResearchStudy", NULL, NULL, "category", NULL, "date", NULL},
    {"ResearchSubject", "patient", "individual", NULL, NULL, "date", NULL},
    {"RiskAssessment", "patient", "subject", NULL, NULL, "date", NULL},
    {"Schedule", NULL, NULL, "service-type", NULL, "date", NULL},
    {"SearchParameter", NULL, NULL, NULL, NULL, "date", NULL},
    {"ServiceRequest", "patient", "subject", "code", "category", "authored", NULL},
    {"Slot", NULL, NULL, "service-type", NULL, "start", NULL},
    {"Specimen", "patient", "subject", "type", NULL, "collected", NULL},
    {"StructureDefinition", NULL, NULL, NULL, NULL, "date", NULL},
    {"StructureMap", NULL, NULL, NULL, NULL, "date", NULL},
    {"SupplyDelivery", "patient", NULL, NULL, NULL, NULL, NULL},
    {"SupplyRequest", NULL, NULL, NULL, "category", "date", NULL},
    {"Task", "patient", "subject", "code", NULL, "authored-on", NULL},
    {"TerminologyCapabilities", NULL, NULL, NULL, NULL, "date", NULL},
    {"TestReport", NULL, NULL, NULL, NULL, "issued", NULL},
    {"TestScript", NULL, NULL, NULL, NULL, "date", NULL},
    {"ValueSet", NULL, NULL, NULL, NULL, "date", NULL},
    {"VisionPrescription", "patient", NULL, NULL, NULL, "datewritten", NULL},
};

static int by_type(const void *key, const void *row)
{
    return strcmp(key, ((const struct lanes *)row)->type);
}

enum search__lane search__lane(const char *type, const char *code)
{
    const struct lanes *row = bsearch(type, lanes, sizeof lanes / sizeof lanes[0], sizeof lanes[0], by_type);
    if (!row)
        return LANE_NONE;
    const struct {
        const char *code;
        enum search__lane lane;
    } columns[] = {
        {row->patient, LANE_PAT},  {row->also, LANE_PAT},  {row->code, LANE_CODE},
        {row->category, LANE_CAT}, {row->date, LANE_DATE}, {row->quantity, LANE_QUANTITY},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (columns[i].code && strcmp(columns[i].code, code) == 0)
            return columns[i].lane;
    return LANE_NONE;
}

/* A resource has few of them, and they may go to a resource that very many refer to. */
bool search__is_shared(const struct search_param *param)
{
    static const char *const shared[] = {"Practitioner", "PractitionerRole", "Organization",      "Location",
                                         "Device",       "CareTeam",         "HealthcareService", "Schedule"};
    enum { TARGETS_MAX = 8 };
    if (param->def->type != FHIR_SEARCH_REFERENCE || param->n_targets > TARGETS_MAX || param->leaves.target ||
        param->custom)
        return false;
    for (int i = 0; i < param->n_targets; i++)
        for (size_t j = 0; j < sizeof shared / sizeof shared[0]; j++)
            if (strcmp(param->targets[i]->name, shared[j]) == 0)
                return true;
    return false;
}

int search__lane_count(void)
{
    int n = 0;
    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++) {
        const struct lanes *row = &lanes[i];
        n += (row->patient != NULL) + (row->also != NULL) + (row->code != NULL) + (row->category != NULL) +
             (row->date != NULL) + (row->quantity != NULL);
    }
    return n;
}
