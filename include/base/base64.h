/*
 * base/base64.h: base64 (RFC 4648). Decoding is strict: one text for one value, so nothing outside the
 * alphabet, padding exactly as the form has it, unused bits zero.
 */
#ifndef KAGARI_BASE_BASE64_H
#define KAGARI_BASE_BASE64_H

#include "base/str.h"

enum base64_form {
    BASE64_STD,  /* + and /, padded (4) */
    BASE64_URL,  /* - and _, not padded (5; as in JOSE) */
    BASE64_FHIR, /* for decoding: BASE64_STD with white space anywhere, as base64Binary allows
                    (datatypes.html) */
};

/* NUL-terminated after its last byte. */
struct str base64_encode(struct arena *a, enum base64_form form, const void *data, size_t len);
/* False when text is not of that form; *out is NUL-terminated after its last byte too. */
bool base64_decode(struct arena *a, enum base64_form form, struct str text, struct str *out)
    __attribute__((warn_unused_result));

#endif
