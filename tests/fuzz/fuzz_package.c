/* A packed FHIR package, down to the snapshot. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/fhir/internal.h"
#include "fhir/package.h"

static bool add_file(void *arg, struct str name, struct str content, struct err *err)
{
    struct fhir__records *r = arg;
    json *resource;
    return str_is(name, "package.json") || !json_parse(r->a, content, 100, &resource, err) ||
           fhir__conformance_add(r, resource, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err;
    const struct fhir_defs *defs;
    int fd = memfd_create("package", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    arena_init(&a, 0);
    struct fhir__records r = {.a = &a};
    if (fhir_package_read(&a, arena_printf(&a, "/proc/self/fd/%d", fd), add_file, &r, &err)) {
        fhir__conformance_finish(&r);
        if (fhir__build(&a, &r, &defs, &err) && fhir_resource_count(defs) < 0)
            abort();
    }
    arena_release(&a);
    close(fd);
    return 0;
}
