/* tests/support/package.h: FHIR packages that a test invents. */
#ifndef KAGARI_TEST_PACKAGE_H
#define KAGARI_TEST_PACKAGE_H

#include "support/test.h"

struct test_file {
    const char *name, *text; /* with ' for " */
};

/* A folder with package/package.json (NULL: none) and these files, the last without a name; it goes with a. */
const char *test_package(struct arena *a, const char *about, const struct test_file *files);
/* The same folder, packed: the path of a .tgz beside it. */
const char *test_package_pack(struct arena *a, const char *folder);

#endif
