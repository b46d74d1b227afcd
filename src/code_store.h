/*
 * code_store.h: imported code systems in the database: an image in pieces, and the CodeSystem that names it.
 *
 * A code system of one URL and version is one CodeSystem, whose id follows from both. It is replaced as a whole, in one
 * transaction; servers notice the CodeSystem as they notice any other.
 */
#ifndef KAGARI_CODE_STORE_H
#define KAGARI_CODE_STORE_H

#include "base/config.h"
#include "db/db.h"
#include "terminology/build.h"

struct code_store;
/* It belongs to a, and conn has to stay. */
bool code_store_open(struct arena *a, const struct config *c, struct db_conn *conn, struct code_store **out,
                     struct err *err) NODISCARD;
/* *changed: false when exactly this is there already. */
bool code_store_put(struct code_store *s, struct arena *a, const struct terminology_head *head,
                    struct str image, bool *changed, struct err *err) NODISCARD;

struct code_stored {
    const char *id, *url, *version; /* version "" when it has none */
    int64_t concepts, bytes;        /* bytes: of the image as servers hold it */
};
bool code_store_list(struct code_store *s, struct arena *a, struct code_stored **list, size_t *n,
                     struct err *err) NODISCARD;
/* By URL and version, version "" for one without. ERR_NOT_FOUND. */
bool code_store_remove(struct code_store *s, struct arena *a, const char *url, const char *version,
                       struct err *err) NODISCARD;

#endif
