/* Compressed bodies, in pieces: the first byte chooses the encoding and their size; the limit always holds. */
#include <stdlib.h>

#include "../../src/http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 100000 };
    if (size < 1)
        return 0;
    struct http__body b = {0};
    size_t piece = data[0] / 4 + 1;
    if (!http__body_begin(&b, (enum http__coding)(data[0] % 4), size - 1, MAX))
        abort();
    for (size_t i = 1; i < size; i += piece)
        if (!http__body_add(&b, (const char *)data + i, size - i < piece ? size - i : piece))
            break;
    http__body_end(&b);
    if (b.len > MAX || ((b.too_large || b.error) && b.len))
        abort();
    http__body_release(&b);
    return 0;
}
