/* The parsers of what clients write into request lines and headers: lines of "Name: value", the first the target. */
#include <stdlib.h>

#include "../../src/http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    arena_init(&a, 0);
    struct http__network networks[2];
    if (!http__network_parse(STR("10.0.0.0/8"), &networks[0]))
        abort();
    struct str rest = {(const char *)data, size}, path, query, line = str_cut(rest, '\n', &rest);
    http__target(line, &path, &query);
    if (!path.len || !query.s)
        abort();
    struct http_header headers[16];
    size_t n = 0;
    while (rest.len && n < 16) {
        struct str value, name = str_cut(str_cut(rest, '\n', &rest), ':', &value);
        headers[n++] = (struct http_header){name, str_trim(value)};
        http__accepts_gzip(value);
        http__content_coding(value);
        http__compresses(value);
        struct http__address address;
        char text[46];
        if (http__address_parse(value, &address)) {
            struct http__address again;
            http__address_print(&address, text);
            if (!http__address_parse(str_of(text), &again) || memcmp(&address, &again, sizeof(address)) != 0)
                abort();
        }
    }
    struct http__trust trust = {networks, 1 + http__network_parse(line, &networks[1])};
    struct http__client client;
    http__forwarded(&a, headers, n, &trust, &client);
    if (client.host.len && !http__is_authority(client.host))
        abort();
    if (client.peer.len != strlen(client.peer.s))
        abort();
    arena_release(&a);
    return 0;
}
