/*
 * src/api/institutions.h: the houses of a server beside the first one, by the path or by the token of a request.
 *
 *     /fhir/…          the first institution; or, with auth.institution_claim, the one that the token names
 *     /NAME/fhir/…     the institution NAME; so /.well-known/X/NAME/fhir
 *
 * What is asked of an institution that there is not, or that is suspended, is answered as a wrong token is by one that there
 * is. A server with the first institution alone does not come here.
 */
#ifndef KAGARI_API_INSTITUTIONS_H
#define KAGARI_API_INSTITUTIONS_H

#include "house.h"

struct institutions;
/* c: the server's settings; it and shared must outlive it. */
bool institutions_new(const struct house_shared *shared, const struct config *c, struct institutions **out,
                      struct err *err) NODISCARD;
/* Reads which there are, opens and closes houses. first: the api of the first institution. On a thread that may block, one
 * at a time. */
bool institutions_follow(struct institutions *i, struct api *first, struct db_conn *c,
                         struct err *err) NODISCARD;
/* Planner's statistics, deferred requests; as institutions_follow(). */
bool institutions_tend(struct institutions *i, struct db_conn *c, struct err *err) NODISCARD;
/* From now on these are the server's settings, which must outlive it; not while another thread is in institutions_follow(). */
void institutions_configure(struct institutions *i, const struct config *c);
/* The api whose request this is; takes the institution off its path. first: what is to be served when there is no other
 * institution. */
struct api *institutions_choose(struct institutions *i, struct http_request *r, struct api *first);
/* An http_streams_fn. */
bool institutions_streams(const struct http_request *r, void *arg);
void institutions_drain(struct institutions *i);
/* Jobs end; then, when no request is under way any more, the rest. */
void institutions_close(struct institutions *i);
void institutions_free(struct institutions *i); /* NULL: nothing */

#endif
