/* Nothing the fuzzer makes can be signed; an accepted token is a finding. */
#include <stdlib.h>

#include "crypto/jwt.h"

static const char keys[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":"
                           "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                           "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"OKP\",\"crv\":"
                           "\"Ed25519\",\"kid\":\"o\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwks *set;
    struct err err;
    if (!set && !jwks_parse(str_of(keys), &set, &err))
        abort();
    struct arena a;
    arena_init(&a, 0);
    json *claims;
    bool unknown_kid;
    if (jwt_verify(set, &a, (struct str){(const char *)data, size}, &claims, &unknown_kid, &err))
        abort();
    arena_release(&a);
    return 0;
}
