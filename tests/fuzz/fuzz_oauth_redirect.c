/* What an attacker may choose: the address to be sent back to. Whatever fits a registered loopback address stays there,
 * and whatever is added to it cannot leave the query. */
#include <stdlib.h>

#include "../../src/oauth/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char registered[] = "http://127.0.0.1/cb";
    struct arena a;
    arena_init(&a, 0);
    const char *uri = arena_strndup(&a, (const char *)data, size);
    if (oauth__redirect_matches(registered, uri) &&
        (strncmp(uri, "http://127.0.0.1", 16) != 0 || !strchr(":/", uri[16]) || strchr(uri, '@')))
        abort();
    const struct oauth__field field = {STR("state"), str_of(uri)};
    const char *made = oauth__redirect_with(&a, "https://a.example/cb", &field, 1);
    if (strpbrk(made + 21, "#&/? \r\n\"<>"))
        abort();
    if (oauth__redirect_valid(uri) && strpbrk(oauth__redirect_origin(&a, uri), " ;,\"'"))
        abort();
    arena_release(&a);
    return 0;
}
