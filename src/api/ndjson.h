/*
 * src/api/ndjson.h: an answer in pages (searchset, history) as files of NDJSON, one resource a line, one type a file, at
 * least one file a page; and the manifest that names them (async.html).
 */
#ifndef KAGARI_API_NDJSON_H
#define KAGARI_API_NDJSON_H

#include "internal.h"
#include "store/deferred.h"

/* Is it a name of the format? */
bool ndjson_is(struct str media_type);

struct ndjson {
    struct arena *a;
    const struct store *store;
    struct str id, status; /* of the request, and the URL of its status */
    json *output, *error;
    int64_t bytes, max; /* of all files */
    int files;
};
void ndjson_init(struct ndjson *n, struct arena *a, const struct store *store, struct str id,
                 struct str status, int64_t max);
/* Stores the resources of a page; *next: the query of the next one, s NULL: it was the last. page: for what is needed
 * until then. */
bool ndjson_add(struct ndjson *n, struct arena *page, struct str bundle, struct db_conn *c, struct str *next,
                struct err *err) NODISCARD;
struct str ndjson_manifest(const struct ndjson *n, struct str request, int64_t started_us);

#endif
