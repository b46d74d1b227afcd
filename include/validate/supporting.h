/* validate/supporting.h: resources from files, for a validation on the command line. */
#ifndef KAGARI_VALIDATE_SUPPORTING_H
#define KAGARI_VALIDATE_SUPPORTING_H

#include "conformance/conformance.h"

#define VALIDATE_FILE_MAX  (256u << 20)
#define VALIDATE_DEPTH_MAX 100

/* JSON, or XML when it begins so. */
bool validate_parse(struct arena *a, const struct fhir_defs *d, struct str text, json **out,
                    struct err *err) NODISCARD;
/* base and what these packages bring. What one of them depends on and was not given is told on standard error. */
bool validate_packages(struct arena *a, const char *const *paths, size_t n,
                       const struct conformance_view *base, const struct conformance_view **out,
                       struct err *err) NODISCARD;
/* base and what is in these files; of a Bundle its entries too. Errors name the file. */
bool validate_supporting(struct arena *a, const char *const *paths, size_t n,
                         const struct conformance_view *base, const struct conformance_view **out,
                         struct err *err) NODISCARD;

#endif
