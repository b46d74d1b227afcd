#include <assert.h>

#include "fhir/xhtml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fhir_xhtml_finding found[FHIR_XHTML__N];
    int n = fhir_xhtml_check((struct str){(const char *)data, size}, found);
    assert(n >= 0 && n <= FHIR_XHTML__N);
    for (int i = 0; i < n; i++)
        assert(strnlen(found[i].name, sizeof found[i].name) < sizeof found[i].name);
    return 0;
}
