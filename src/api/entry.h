/*
 * src/api/entry.h: the entries of a batch or transaction. Each becomes a request of its own, which goes through the same
 * steps and interactions as one over HTTP, and what it came to becomes an entry of the answer.
 */
#ifndef KAGARI_API_ENTRY_H
#define KAGARI_API_ENTRY_H

#include "internal.h"

/* http.html#transaction: in this order, whatever theirs is in the Bundle. */
enum entry_order { ORDER_DELETE, ORDER_POST, ORDER_PUT, ORDER_GET };

struct entry {
    size_t index; /* in the Bundle */
    enum entry_order order;
    struct str full_url;
    struct api_request *r;
    struct api_response out;
    struct api_match_row *matches; /* conditional delete */
    size_t n_matches;
    bool matched; /* conditional create: there was one already, or another entry makes it */
    bool tried;   /* of a batch: its interaction was begun, whose findings are on the resource */
};

/* e->r from a node of Bundle.entry. Fails with what the entry is to be answered, when that is known already. */
bool entry_request(const struct api_request *whole, const json *node, struct entry *e,
                   struct err *err) NODISCARD;
void entry_answer(struct bundle *w, const struct api_request *whole, const struct entry *e);
/* "Patient.name" becomes "Bundle.entry[3].resource.name". */
const char *entry_expression(struct arena *a, size_t index, const char *expression, bool of_resource);
void entry_place_issues(struct arena *a, size_t index, struct issues *list);
/* Findings on the Bundle but for the resources in it, which are the entries' own matter. */
void entry_check_bundle(const struct api_request *whole, struct issues *out);

bool api__transaction(struct api_request *r, struct db_conn *c, struct api_response *out,
                      struct err *err) NODISCARD;

#endif
