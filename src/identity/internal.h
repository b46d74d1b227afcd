/* src/identity/internal.h: what the files of the module share. */
#ifndef KAGARI_IDENTITY_INTERNAL_H
#define KAGARI_IDENTITY_INTERNAL_H

#include "identity/seal.h"

/* What is sealed of an element. */
enum identity__what { SEAL_NOTHING, SEAL_ALL, SEAL_YEAR, SEAL_PERSONS };

struct identity__type {
    const struct fhir_type *type;
    enum identity__what *elements; /* by fhir_element.index; NULL: nothing */
    bool keep, person, whole;
    bool holds; /* something below it, besides extensions, can be sealed */
};
const struct identity__type *identity__type(const struct identity_policy *p, const struct fhir_type *type);
const struct fhir_type *identity__extension(const struct identity_policy *p);

const uint8_t *identity__key(const struct identity_keys *k, int number); /* NULL: there is none */

/* Puts pieces in, text_at behind the beginning of content; false when they do not fit. */
bool identity__splice(struct arena *a, struct str content, size_t text_at, struct str plain,
                      struct str *out) NODISCARD;

#endif
