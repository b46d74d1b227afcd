/*
 * fhir/package.h: FHIR packages (the npm layout: conformance resources as JSON files in package/), packed as
 * .tgz or unpacked in a directory. The only user of libarchive.
 */
#ifndef KAGARI_FHIR_PACKAGE_H
#define KAGARI_FHIR_PACKAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FHIR_PACKAGE_FILE_MAX  (128 << 20) /* bytes of one file, unpacked */
#define FHIR_PACKAGE_FILES_MAX 100000
#define FHIR_PACKAGE_MAX       (INT64_C(2) << 30) /* bytes of all of them */

/* Called with each *.json file that lies directly in package/, package.json among them; .index.json is left out. The
 * content is there during the call only. False stops the reading. */
typedef bool (*fhir_package_fn)(void *arg, struct str name, struct str content, struct err *err);

/* In the order of the archive, or of the names in a directory. The path of a directory is that of package/
 * itself or of what holds it. */
bool fhir_package_read(struct arena *a, const char *path, fhir_package_fn fn, void *arg,
                       struct err *err) NODISCARD;

#endif
