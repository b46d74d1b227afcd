/* fhirpath/command.h: `kagari fhirpath`. */
#ifndef KAGARI_FHIRPATH_COMMAND_H
#define KAGARI_FHIRPATH_COMMAND_H

#include "fhirpath/fhirpath.h"

/* terminology: makes what expressions ask about codes, over the definitions that the command has loaded. argv[0] is "fhirpath". The process's exit status: 0 evaluated, 1 the expression is wrong, 2 called wrongly. */
typedef bool fhirpath_terminology_fn(struct arena *a, const struct fhir_defs *d, struct fp_terminology *out,
                                     struct err *err);
int fhirpath_command(int argc, char **argv, fhirpath_terminology_fn *terminology);

#endif
