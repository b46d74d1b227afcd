/*
 * src/api/fhirpath_patch.h: FHIRPath Patch (fhirpatch.html): a Parameters resource whose operations name elements by
 * FHIRPath.
 */
#ifndef KAGARI_API_FHIRPATH_PATCH_H
#define KAGARI_API_FHIRPATH_PATCH_H

#include "fhir/defs.h"

/* Changes the resource; after a failure it is to be thrown away. */
bool fhirpath_patch(struct arena *a, const struct fhir_defs *d, json *resource, const json *parameters,
                    struct err *err) NODISCARD;

#endif
