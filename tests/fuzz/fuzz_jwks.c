#include "crypto/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwks *set;
    struct err err;
    if (jwks_parse((struct str){(const char *)data, size}, &set, &err))
        jwks_free(set);
    return 0;
}
