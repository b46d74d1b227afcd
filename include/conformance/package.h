/*
 * conformance/package.h: what a FHIR package (fhir/package.h) brings to conformance resources, and what it says of itself.
 *
 * A package file is input of strangers: what is too large, cannot be read or makes no sense is refused, naming file and
 * place.
 */
#ifndef KAGARI_CONFORMANCE_PACKAGE_H
#define KAGARI_CONFORMANCE_PACKAGE_H

#include "conformance/conformance.h"

struct conformance_dependency {
    const char *name, *version;
};

/* What package/package.json says. */
struct conformance_package {
    const char *name, *version;
    const char *canonical, *title; /* NULL: it has none */
    struct conformance_dependency *dependencies;
    size_t n_dependencies;
};

/* It belongs to a. */
bool conformance_package_about(struct arena *a, struct str text, struct conformance_package *out,
                               struct err *err) NODISCARD;
/* What a package depends on and is not in the list, R4 itself apart; NULL: nothing. A version may end in ".x". */
const struct conformance_dependency *conformance_package_missing(const struct conformance_package *p,
                                                                 const struct conformance_package *list,
                                                                 size_t n);
/* wanted: "1.2.0", "1.2.x", "1.x", "latest" or "*". */
bool conformance_version_fits(const char *version, const char *wanted);

/* base and what these packages (.tgz, or a folder) bring; a thread each. Resources are looked at when they are asked for,
 * beyond kind, URL and version. packages: n of them. All belongs to a. */
bool conformance_view_packages(struct arena *a, const struct conformance_view *base, const char *const *paths,
                               size_t n, const struct conformance_view **out,
                               struct conformance_package **packages, struct err *err) NODISCARD;

#endif
