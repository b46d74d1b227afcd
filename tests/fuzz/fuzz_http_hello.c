/* A ClientHello: which cipher it would rather have. */
#include "../../src/http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http__prefers_chacha(data, size);
    return 0;
}
