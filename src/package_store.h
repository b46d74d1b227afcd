/*
 * package_store.h: FHIR packages in the database (docs/packages.md).
 *
 * What a package brings becomes ordinary resources, under ids that follow from the package's name and version and the
 * file's name; all in one transaction, together with the row that knows the package. Servers notice them as they notice
 * any others.
 */
#ifndef KAGARI_PACKAGE_STORE_H
#define KAGARI_PACKAGE_STORE_H

#include "base/config.h"
#include "conformance/package.h"
#include "db/db.h"

struct package_store;
/* It belongs to a, and conn has to stay. */
bool package_store_open(struct arena *a, const struct config *c, struct db_conn *conn,
                        struct package_store **out, struct err *err) NODISCARD;

struct package_stored {
    struct conformance_package about;
    const char *installed; /* date */
    int64_t resources;
};
bool package_store_list(struct package_store *s, struct arena *a, struct package_stored **list, size_t *n,
                        struct err *err) NODISCARD;

/* What a file or folder is, without reading all of it. */
bool package_store_about(struct arena *a, const char *path, struct conformance_package *out,
                         struct err *err) NODISCARD;

enum package_result { PACKAGE_INSTALLED, PACKAGE_WAS_THERE };
typedef void (*package_progress)(const struct conformance_package *p, size_t resources);
/* ERR_RULE: it depends on something that is not there, or another is there under its name and version. */
bool package_store_install(struct package_store *s, const char *path, package_progress progress,
                           struct package_stored *out, enum package_result *result,
                           struct err *err) NODISCARD;
/* ERR_RULE: another depends on it. */
bool package_store_remove(struct package_store *s, const char *name, const char *version,
                          struct err *err) NODISCARD;

/* Installs what the settings name (packages.install) and is not there. */
bool packages_start(const struct config *c, struct err *err) NODISCARD;

#endif
