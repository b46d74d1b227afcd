/*
 * terminology/current.h: the view in force: the definitions, and what is stored on this server as CodeSystem and ValueSet.
 *
 * Whoever wants an answer that is not older than the question asks for a refresh first: a look at the end of an index
 * tells whether something was committed since the last one, by whatever server of the cluster; then that is read, and a
 * new view replaces the old one. A view is held until the request that asked for it ends.
 */
#ifndef KAGARI_TERMINOLOGY_CURRENT_H
#define KAGARI_TERMINOLOGY_CURRENT_H

#include "base/config.h"
#include "db/db.h"
#include "terminology/terminology.h"

struct terminology;
/* definitions has to outlive it. */
bool terminology_new(const struct config *c, const struct fhir_defs *d,
                     const struct terminology_view *definitions, int32_t tenant, struct terminology **out,
                     struct err *err) NODISCARD;
void terminology_free(struct terminology *t); /* nobody holds a view any more */

/* Reads what was committed since the last time; what the caller's own transaction has written is not seen yet. Any
 * thread. */
bool terminology_refresh(struct terminology *t, struct db_conn *conn, struct arena *a,
                         struct err *err) NODISCARD;
/* Until a is cleared or released. Any thread. */
const struct terminology_view *terminology_hold(struct terminology *t, struct arena *a);

#endif
