/* validate/measure.h: a Measure in the form by which reports of it are checked (measure.html, measurereport.html). Immutable;
 * it lives in the arena it was read into. */
#ifndef KAGARI_VALIDATE_MEASURE_H
#define KAGARI_VALIDATE_MEASURE_H

#include "internal.h"

/* Measure.scoring (measure-scoring). */
enum measure_scoring {
    MEASURE_PROPORTION,
    MEASURE_RATIO,
    MEASURE_CONTINUOUS,
    MEASURE_COHORT,
    MEASURE_N_SCORINGS /* none, or another one */
};

/* A population or stratifier. */
struct measure_part {
    const json *code;    /* CodeableConcept, or NULL */
    bool is_observation; /* of the population measure-observation, which reports do not have */
};

struct measure_group {
    const json *code;
    enum measure_scoring scoring;
    const struct measure_part *populations, *stratifiers;
    size_t n_populations, n_stratifiers;
};

struct measure {
    const struct measure_group *groups;
    size_t n_groups;
    const json *unit; /* Coding of the score's unit, or NULL */
};

#define MEASURE_POPULATIONS "http://terminology.hl7.org/CodeSystem/measure-population"

/* ---- measure_read.c */
/* A conformance_reader. */
bool validate__measure_read(struct arena *a, struct arena *scratch, const json *resource, const void **out,
                            struct err *err) NODISCARD;
enum measure_scoring validate__measure_scoring(const json *concept);
const char *validate__measure_scoring_name(enum measure_scoring s);
/* Has a CodeableConcept the coding? system NULL: of any. */
bool validate__concept_has(const json *concept, const char *system, const char *code);
/* Do two CodeableConcepts have a coding in common? Those without codings, their text. */
bool validate__concepts_match(const json *x, const json *y);

#endif
