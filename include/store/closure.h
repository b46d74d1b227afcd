/*
 * store/closure.h: closure tables as rows (conceptmap-operation-closure.html): concepts, and pairs of one below another.
 *
 * A plan that looks holds the table's row until the transaction ends, so that two calls for one table come one after the
 * other.
 */
#ifndef KAGARI_STORE_CLOSURE_H
#define KAGARI_STORE_CLOSURE_H

#include "store/store.h"

/* Makes it, or empties it. */
void store_closure_drop_plan(const struct store *s, struct str name, struct sql *q);
void store_closure_make_plan(const struct store *s, struct str name, struct sql *q);
/* One row (int8 version), or none: there is no such table. */
void store_closure_look_plan(const struct store *s, struct str name, struct sql *q);
/* Rows of (text code), those of one code system. */
void store_closure_codes_plan(const struct store *s, struct str name, struct str system, struct sql *q);

struct store_closure_edge {
    struct str below, above;
};
/* Of one code system, as a part of that version. */
void store_closure_add_plan(const struct store *s, struct str name, int64_t version, struct str system,
                            const struct str *codes, size_t n_codes, const struct store_closure_edge *edges,
                            size_t n_edges, struct sql *q);
/* Rows of (text system, text below, text above) that came after that version, in this order. */
void store_closure_edges_plan(const struct store *s, struct str name, int64_t after, struct sql *q);

#endif
