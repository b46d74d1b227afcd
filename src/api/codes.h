/* src/api/codes.h: what the operations on CodeSystem, ValueSet and ConceptMap share (codes.c). */
#ifndef KAGARI_API_CODES_H
#define KAGARI_API_CODES_H

#include "internal.h"

/* A coding that is asked about; s NULL: not given. */
struct codes_coding {
    struct str system, version, code, display;
};

/* One of: code, with its system in the parameter `system` names; coding; codeableConcept. */
bool codes_read(struct api_request *r, const char *system, struct codes_coding **out, size_t *n,
                struct err *err) NODISCARD;
/* "system|version" */
struct str codes_canonical(struct arena *a, struct str system, struct str version);
/* By the parameters url and version (valueSetVersion), or of the instance. */
bool codes_valueset(struct api_request *r, const struct conformance_view *v,
                    const struct terminology_valueset **out, struct err *err) NODISCARD;
/* An argument that is true or false; not given: false. */
bool codes_flag(const struct api_request *r, const char *name, bool *out, struct err *err) NODISCARD;

/* A Parameters resource being made; member "valueString" and its like. */
json *codes_parameters(struct arena *a);
json *codes_add(struct arena *a, json *parameters, const char *name, const char *member, json *value);
/* Another parameter below one: parts. */
json *codes_part(struct arena *a, json *parameter, const char *name, const char *member, json *value);
void codes_answer(struct api_request *r, const json *resource, struct api_response *out);

#endif
