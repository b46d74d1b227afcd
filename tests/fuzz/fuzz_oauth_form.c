/* The parameters of a request: names are unique, values are strings, and scopes among them only ever shrink. */
#include <stdlib.h>

#include "../../src/oauth/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char allowed[] = "openid user/*.rs patient/Observation.r?category=x";
    struct arena a;
    struct oauth__form f;
    struct err err;
    arena_init(&a, 0);
    if (oauth__form_parse(&a, (struct str){(const char *)data, size}, &f, &err))
        for (size_t i = 0; i < f.n; i++) {
            const char *value = oauth__field(&f, f.fields[i].name.s);
            if (value && value != f.fields[i].value.s)
                abort();
            const char *scope = value ? oauth__scope_narrow(&a, value, allowed) : "";
            if (strcmp(oauth__scope_narrow(&a, scope, allowed), scope) != 0)
                abort();
        }
    arena_release(&a);
    return 0;
}
