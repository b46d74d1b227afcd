/*
 * fhir/primitive.h: the formats and ranges of the primitive types (datatypes.html#primitive), without regular
 * expressions: they stand in the way of every write.
 */
#ifndef KAGARI_FHIR_PRIMITIVE_H
#define KAGARI_FHIR_PRIMITIVE_H

#include "fhir/defs.h"

/* NULL when the value is right, else what is wrong and how it should be, ready to be shown ("a date is
 * YYYY, YYYY-MM or YYYY-MM-DD and must exist in the calendar"). node is the JSON value. */
const char *fhir_primitive_check(const struct fhir_type *t, const json *node);

bool fhir_id_valid(struct str s); /* [A-Za-z0-9\-\.]{1,64} */

#endif
