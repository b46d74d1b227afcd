/* A scope list as it comes in a token. What is granted must be spelt out in the text. */
#include <stdlib.h>

#include "../../src/auth/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    while (rest.s) {
        struct auth__scope scope;
        struct str text = str_cut(rest, ' ', &rest);
        if (auth__scope_parse(text, &scope) &&
            (scope.level >= AUTH_LEVELS || !scope.rights || (scope.rights & ~AUTH_ALL) || !scope.type.len ||
             (scope.query.s != NULL) != (memchr(text.s, '?', text.len) != NULL)))
            abort();
    }
    return 0;
}
