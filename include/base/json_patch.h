/* base/json_patch.h: JSON Patch (RFC 6902) on the trees of base/json.h. */
#ifndef KAGARI_BASE_JSON_PATCH_H
#define KAGARI_BASE_JSON_PATCH_H

#include "base/json.h"

/* Applies the operations in order to *document, which is changed; after a failure it is to be thrown away. ERR_INVALID:
 * the patch is malformed or does not fit the document; ERR_RULE: a test failed. */
bool json_patch(struct arena *a, json **document, const json *patch, struct err *err) NODISCARD;

#endif
